"""What an administrator can make of its scopes, by any number of grants: never more, and never two people."""

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.consumers import authorize
from broker.domain.check import Principal

HELD = st.frozensets(st.sampled_from(sorted(authorize.SCOPES)))
TENANTS = ("acme", "acme.shop", "acme.shop.till")


def administrator(tenant: str, scopes: frozenset[str]) -> Principal:
    return Principal(tenant, "console", None, scopes | {authorize.TENANT_ADMIN}, "key")


@given(HELD)
def test_nothing_is_given_that_is_not_held_and_nobody_makes_two_people(held: frozenset[str]) -> None:
    """All that can be reached: credentials made by credentials made, each with everything that could be given."""
    reached = {("acme", administrator("acme", held).scopes)}
    while True:
        made = {
            (tenant, authorize.gift(administrator(giver, scopes), tenant))
            for giver, scopes in reached
            if authorize.TENANT_ADMIN in scopes
            for tenant in TENANTS
            if tenant.startswith(giver)
        }
        if made <= reached:
            break
        reached |= made
    for tenant in TENANTS:
        given_there = [scopes for owner, scopes in reached if owner == tenant and (owner != "acme" or scopes <= held)]
        everything = frozenset(chain.from_iterable(given_there))
        assert everything <= held | {authorize.TENANT_ADMIN}
        if tenant != "acme":
            assert not {authorize.POLICY_PUBLISH, authorize.POLICY_APPROVE} <= everything


@pytest.mark.parametrize(
    "scope",
    sorted(
        {
            authorize.REVIEW,
            authorize.POLICY_PUBLISH,
            authorize.POLICY_APPROVE,
            authorize.POLICY_STOP,
            authorize.TENANT_ADMIN,
            authorize.DISCLOSE,
            authorize.PRIVACY_WRITE,
            authorize.CONSENT_WRITE,
            authorize.RIGHTS,
        }
    ),
)
def test_in_its_own_tenant_an_administrator_makes_no_second_person(scope: str) -> None:
    everything = administrator("acme", authorize.SCOPES)
    assert scope not in authorize.gift(everything, "acme")
    assert authorize.CHECK in authorize.gift(everything, "acme")


def test_publishers_and_approvers_are_made_by_two_people() -> None:
    pair = (authorize.POLICY_PUBLISH, authorize.POLICY_APPROVE)
    for held in chain(combinations(pair, 1), [pair]):
        given_there = authorize.gift(administrator("acme", frozenset(held)), "acme.shop")
        assert len(given_there & set(pair)) == 1

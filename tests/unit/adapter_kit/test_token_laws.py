"""Laws of the token manager, for any sequence of questions: whose a token is, how often one is asked for, and when."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit.adapter import CeremonyProof
from broker.adapter_kit.oauth import Flow, TokenWanted
from broker.adapter_kit.tokens import Token
from tests.unit.adapter_kit.pretend import PretendOperator, ok

SOON = 1001.0
ONE = TokenWanted(
    Flow.JWT_BEARER_TEL,
    "tel:+34600000101",
    "FraudPreventionAndDetection",
    ("sim-swap:check",),
    tenant="acme",
    consumer="app",
)
OTHERS: dict[str, dict[str, Any]] = {
    "consumer": {"consumer": "other"},
    "tenant": {"tenant": "globex"},
    "subject": {"subject": "tel:+34600000102"},
    "purpose": {"purpose": "RequestedServiceProvision"},
    "scopes": {"scopes": ("sim-swap:retrieve-date",)},
    "more scopes": {"scopes": ("sim-swap:check", "sim-swap:retrieve-date")},
    "flow": {"flow": Flow.CIBA},
    "no subject": {"flow": Flow.CLIENT_CREDENTIALS, "subject": None},
}
PROOF = CeremonyProof("code", "v" * 43, "https://broker.example", "sim-swap:check")


@pytest.mark.parametrize("what", OTHERS)
async def test_a_token_is_for_one_consumer_subject_purpose_scope_and_flow(what: str) -> None:
    operator = PretendOperator()
    tokens = operator.tokens()
    other = msgspec.structs.replace(ONE, **OTHERS[what])
    mine, theirs, mine_again, theirs_again = [
        await tokens.token(wanted, deadline_s=SOON) for wanted in (ONE, other, ONE, other)
    ]
    assert mine == mine_again != theirs == theirs_again
    assert len(operator.forms) == 2


async def test_two_operators_share_nothing() -> None:
    one, other = PretendOperator(), PretendOperator()
    await one.tokens().token(ONE, deadline_s=SOON)
    await other.tokens().token(ONE, deadline_s=SOON)
    assert len(one.forms) == len(other.forms) == 1


async def test_a_manager_shares_nothing_with_another_of_the_same_operator() -> None:
    operator = PretendOperator()
    values = {await operator.tokens().token(ONE, deadline_s=SOON) for _ in range(2)}
    assert len(values) == 2


WANTED = st.builds(
    TokenWanted,
    flow=st.sampled_from([Flow.CLIENT_CREDENTIALS, Flow.JWT_BEARER_TEL]),
    subject=st.sampled_from(["tel:+34600000101", "tel:+34600000102"]),
    purpose=st.sampled_from(["Fraud", "Service"]),
    scopes=st.sampled_from([("a",), ("b",), ("a", "b")]),
    single_use=st.booleans(),
    tenant=st.sampled_from(["acme", "globex"]),
    consumer=st.sampled_from(["app", "other"]),
)


@given(st.lists(WANTED, min_size=1, max_size=30))
def test_whoever_asks_together_gets_the_token_of_their_key_and_nobody_elses(wanted: list[TokenWanted]) -> None:
    async def run() -> tuple[list[Token], int, int]:
        operator = PretendOperator()
        tokens = operator.tokens()
        values = await asyncio.gather(*(tokens.token(one, deadline_s=SOON) for one in wanted))
        return values, len(operator.forms), len(tokens._kept)

    values, requests, kept = asyncio.run(run())
    lasting = {one for one in wanted if not one.single_use}
    once = sum(one.single_use for one in wanted)
    assert requests == len(lasting) + once, "one request a key, and one for each token of one use"
    assert kept == len(lasting)
    owners: dict[Token, set[TokenWanted]] = {}
    for one, value in zip(wanted, values, strict=True):
        owners.setdefault(value, set()).add(one)
    assert all(len(keys) == 1 for keys in owners.values()), "a token served two keys"
    uses = Counter(values)
    assert all(uses[value] == 1 for one, value in zip(wanted, values, strict=True) if one.single_use)


@given(st.integers(0, 10_000), st.integers(10, 3600))
def test_a_token_is_renewed_early_and_at_a_moment_of_its_own(seed: int, ttl_s: int) -> None:
    async def run() -> tuple[float, float]:
        operator = PretendOperator()
        operator.token_answers = [ok({"access_token": "t", "token_type": "Bearer", "expires_in": ttl_s})]
        tokens = operator.tokens(random=Random(seed))
        await tokens.token(ONE, deadline_s=SOON)
        (kept,) = tokens._kept.values()
        now_s = operator.clock.monotonic_s()
        return kept.refresh_at_s - now_s, kept.usable_until_s - now_s

    refresh_s, usable_s = asyncio.run(run())
    assert 0.7 * ttl_s <= refresh_s <= 0.9 * ttl_s < usable_s < ttl_s


@pytest.mark.parametrize(
    "wanted",
    [
        msgspec.structs.replace(ONE, single_use=True),
        msgspec.structs.replace(ONE, flow=Flow.CIBA, single_use=True),
        msgspec.structs.replace(ONE, flow=Flow.AUTHORIZATION_CODE, subject=None, proof=PROOF),
        msgspec.structs.replace(ONE, flow=Flow.AUTHORIZATION_CODE, subject=None, proof=PROOF, single_use=True),
    ],
    ids=["jwt bearer", "ciba", "code", "code of one use"],
)
async def test_a_token_of_one_use_is_never_kept(wanted: TokenWanted) -> None:
    operator = PretendOperator()
    tokens = operator.tokens()
    values = {await tokens.token(wanted, deadline_s=SOON) for _ in range(3)}
    assert len(values) == 3
    assert not tokens._kept


async def test_renewing_early_never_makes_a_phone_ring_for_nobody() -> None:
    operator = PretendOperator()
    tokens = operator.tokens()
    wanted = msgspec.structs.replace(ONE, flow=Flow.CIBA)
    await tokens.token(wanted, deadline_s=SOON)
    operator.clock.advance(0.92 * 300)
    await tokens.token(wanted, deadline_s=2000)
    await asyncio.sleep(0)
    assert len(operator.backchannel_forms) == 1
    await tokens.aclose()

"""An agent that tries out numbers is noticed; one that serves people is not."""

import pytest

from broker.consumers.pace import Gait, Pace, PaceLimits
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber

STEADY, UNUSUAL, TOO_FAST = Gait
LIMITS = PaceLimits(subjects_flagged=3, subjects_max=6, run_flagged=4, agents_max=2)


def agent(name: str | None = "till", tenant: str = "acme") -> Principal:
    return Principal(tenant, "shop", name, frozenset(), "k1")


class Walk:
    """Questions of one agent, one after the other."""

    def __init__(self, limits: PaceLimits = LIMITS) -> None:
        self.pace = Pace(limits)

    def ask(self, number: int, at_s: float, principal: Principal | None = None) -> Gait:
        phone = PhoneNumber.parse(f"+34600{number:06d}")
        return self.pace.step(principal or agent(), phone, str(number).encode(), at_s)


@pytest.mark.parametrize(
    ("numbers", "gap_s", "gaits"),
    [
        ([100, 500, 900], 1.0, [STEADY] * 3),
        ([100, 500, 900, 1300, 1700, 2100, 2500], 1.0, [STEADY] * 3 + [UNUSUAL] * 3 + [TOO_FAST]),
        ([100, 500, 900, 1300, 1700, 2100, 2500], 20.0, [STEADY] * 7),
        ([100] * 9, 1.0, [STEADY] * 9),
        ([100, 101, 102, 103, 104, 105], 30.0, [STEADY] * 5 + [UNUSUAL]),
        ([100, 101, 102, 500, 103, 104, 105], 30.0, [STEADY] * 7),
        ([105, 103, 101, 98, 95, 92], 30.0, [STEADY] * 5 + [UNUSUAL]),
        ([100, 101, 101, 102, 103, 104, 105], 30.0, [STEADY] * 6 + [UNUSUAL]),
    ],
    ids=["few", "many at once", "many over time", "one person", "in a row", "broken row", "backwards", "with a repeat"],
)
def test_gaits(numbers: list[int], gap_s: float, gaits: list[Gait]) -> None:
    walk = Walk()
    assert [walk.ask(number, at * gap_s) for at, number in enumerate(numbers)] == gaits


def test_whoever_waits_may_go_on() -> None:
    walk = Walk()
    for at in range(7):
        last = walk.ask(at * 1000, at)
    assert last is TOO_FAST
    assert walk.ask(7000, 100.0) is STEADY


def test_a_back_end_has_quotas_instead() -> None:
    walk = Walk()
    assert {walk.ask(at, at * 0.01, agent(None)) for at in range(50)} == {STEADY}


def test_agents_and_tenants_do_not_share_a_pace() -> None:
    walk = Walk(PaceLimits(subjects_flagged=3, subjects_max=6, run_flagged=0, agents_max=100))
    for principal in (agent(), agent("other"), agent(tenant="globex")):
        assert [walk.ask(at * 100, 0.0, principal) for at in range(3)] == [STEADY] * 3


def test_memory_is_bounded() -> None:
    walk = Walk()
    for at in range(1000):
        walk.ask(at * 10, 0.0, agent(str(at % 50)))
    assert len(walk.pace._trails) == LIMITS.agents_max
    for at in range(1000):
        walk.ask(at * 10, 0.0)
    assert max(len(trail.seen_s) for trail in walk.pace._trails.values()) <= LIMITS.subjects_max + 1


def test_a_rule_can_be_switched_off() -> None:
    walk = Walk(PaceLimits(0, 0, 0, 10))
    assert {walk.ask(at, 0.0) for at in range(100)} == {STEADY}

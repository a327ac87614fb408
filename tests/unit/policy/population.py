"""A small seeded population, drawn from the scenario table itself."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName, Unavailability, Unavailable
from broker.policy import extremes
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import STATES
from tests.unit.policy.kit import NOW

AVAILABLE = {
    SignalName.SIM_SWAP: 0.92,
    SignalName.DEVICE_SWAP: 0.70,
    SignalName.CALL_FORWARDING: 0.60,
    SignalName.NUMBER_VERIFICATION: 0.50,
    SignalName.NUMBER_RECYCLING: 0.30,
    SignalName.LOCATION: 0.40,
    SignalName.KYC_TENURE: 0.50,
    SignalName.KYC_MATCH: 0.40,
}
"""How often operators answer, from the reference's simulator."""


class Person(NamedTuple):
    """What every operator would say, and which signals cannot be had for this one."""

    scenario: str
    attack: bool
    truth: Evidence
    out_of_reach: frozenset[SignalName]

    def missing(self) -> list[Unavailable]:
        return [Unavailable(name, Unavailability.UNSUPPORTED) for name in sorted(self.out_of_reach)]


def people(table: EvidenceTable, count: int, *, attacks: float, seed: int) -> Iterator[Person]:
    source = Random(seed)
    rows = {attack: [row for row in table.scenarios if row.attack is attack] for attack in (False, True)}
    for _ in range(count):
        attack = source.random() < attacks
        (row,) = source.choices(rows[attack], [one.share for one in rows[attack]])
        states = {name: source.choices(STATES[name], row.states[name])[0] for name in STATES}
        truth = Evidence.of(extremes.supposed(name, state, NOW) for name, state in states.items())
        out_of_reach = frozenset(name for name in STATES if source.random() >= AVAILABLE[name])
        yield Person(row.name, attack, truth, out_of_reach)

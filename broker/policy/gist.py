"""The weight of evidence in brief: what a decision needs of it, without what explains it.

Suppositions are weighed by the dozen within one check, so each signal is prepared once and put together with others by
:class:`Weighing`. What comes out is, to the last bit, what the whole assessment says (:mod:`broker.policy.score`).
"""

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from broker.domain.decision import Assessment
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy import score
from broker.policy.evidence_table import EvidenceTable
from broker.policy.grouping import on_grid, total
from broker.policy.reading import Reading
from broker.policy.rules import ClassRules

_SIM, _DEVICE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP


class Gist(msgspec.Struct, frozen=True):
    """What is decided by.

    ``high`` is the probability if what a required group lacks came out as under attack; ``said`` the nats of what was
    observed, for absence accuses nobody; ``line_in_doubt`` whether SIM or device speak against the line.
    """

    probability: float
    high: float
    said: float
    line_in_doubt: bool

    @classmethod
    def of(cls, assessment: Assessment, evidence: Evidence) -> Self:
        """The gist of an assessment of this evidence."""
        parts = assessment.contributions
        return cls(
            assessment.probability,
            assessment.high,
            sum(one.nats for one in parts if evidence.observed(one.signal)),
            any(one.weight > 0.0 for one in parts if one.signal in {_SIM, _DEVICE}),
        )


class Part(msgspec.Struct, frozen=True):
    """One signal, ready to be summed: its reading, its group, and its aged weight on the grid."""

    reading: Reading
    group: str
    nats: float
    observed: bool


Parts = Mapping[SignalName, Part]
Amount = tuple[str, float]


class Weighing:
    """Weighs parts under one table and class, and remembers pairs of SIM and device."""

    def __init__(self, table: EvidenceTable, rules: ClassRules) -> None:
        self._table = table
        self._rules = rules
        self._prior = score.logit(rules.prior)
        # By identity; each reading is held beside its weight, so that its id stays its own.
        self._pairs: dict[tuple[int, int], tuple[Reading, Reading, Amount]] = {}

    def part(self, reading: Reading) -> Part:
        """What a reading adds by itself."""
        return Part(reading, score.group_of(self._table, reading), on_grid(reading.aged), reading.observed)

    def __call__(self, parts: Parts) -> Gist:
        """The gist; ``parts`` are of what is there, and changes from before the binding read as none already."""
        sim, device = parts.get(_SIM), parts.get(_DEVICE)
        amounts = [(part.group, part.nats) for part in parts.values() if part is not sim and part is not device]
        amounts += self._line(sim, device)
        evidence = self._total(amounts)
        probability = self._probability(evidence)
        unsettled = self._unsettled(parts)
        return Gist(
            probability,
            self._if_attacked(parts, unsettled) if unsettled else probability,
            self._said(parts, evidence),
            (sim is not None and sim.reading.weight > 0.0) or (device is not None and device.reading.weight > 0.0),
        )

    def _line(self, sim: Part | None, device: Part | None) -> list[Amount]:
        """SIM and device; one item where both are known."""
        if sim is None or device is None or not (sim.observed and device.observed):
            return [(part.group, part.nats) for part in (sim, device) if part is not None]
        return [self._pair(sim.reading, device.reading)]

    def _pair(self, sim: Reading, device: Reading) -> Amount:
        key = id(sim), id(device)
        found = self._pairs.get(key)
        if found is None:
            whole = sum(nats for _, nats in score.pair_shares(self._table, sim, device))
            found = self._pairs[key] = sim, device, (self._table.signals[_SIM].group, whole)
        return found[2]

    def _unsettled(self, parts: Parts) -> list[SignalName]:
        """What could still settle a required group that nothing settles."""
        return [
            name
            for group in self._rules.required
            if not any(name in parts and parts[name].observed for name in group)
            for name in group
        ]

    def _if_attacked(self, parts: Parts, unsettled: Iterable[SignalName]) -> float:
        """The probability if these came out as they do on average under attack."""
        unseen = not any(part.observed for part in parts.values())
        adverse = {name: self._under_attack(name, parts.get(name), unseen=unseen) for name in unsettled}
        known = {name: part for name, part in parts.items() if name not in adverse}
        line = self._line(known.pop(_SIM, None), known.pop(_DEVICE, None))
        amounts = [(part.group, part.nats) for part in known.values()]
        return self._probability(self._total([*amounts, *line, *adverse.values()]))

    def _under_attack(self, name: SignalName, part: Part | None, *, unseen: bool) -> Amount:
        if part is not None and score.is_nobody(part.reading) and not unseen:
            return part.group, part.nats
        weights = self._table.signals[name]
        return weights.group, on_grid(max(0.0 if part is None else part.reading.weight, weights.under_attack))

    def _said(self, parts: Parts, evidence: float) -> float:
        """All of the evidence, unless an absence weighs something: then the shares have to be told apart."""
        for part in parts.values():
            if part.nats and not part.observed:
                readings = {name: parts[name].reading for name in sorted(parts)}
                nats = score.shares(self._table, readings)
                return sum(nats[name] for name in readings if parts[name].observed)
        return evidence

    def _probability(self, evidence: float) -> float:
        return score.probability(self._table.log_odds(self._rules.action_class, self._prior + evidence))

    def _total(self, amounts: Iterable[Amount]) -> float:
        caps = self._table.caps
        return total(amounts, self._table.discounts, total_low=caps.total_low, total_high=caps.total_high)

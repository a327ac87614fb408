"""The evidence table: a scenario table with the weights that follow from it, ready for scoring."""

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from broker.domain.decision import ActionClass
from broker.domain.signal import Overlap, SignalName
from broker.policy import isotonic, scenarios
from broker.policy.derive import Derivation, ScenarioRow, SignalWeights
from broker.policy.isotonic import Grid
from broker.policy.scenarios import STATES, Calibration, Caps, ConfidenceSteps, Freshness, IdentitySteps, TableFile
from broker.policy.yaml_text import YamlText, as_mapping, misconfigured

_MATCH_RATE_OUTSIDE = 10
_MATCH_RATE_INSIDE = 90


class EvidenceTable(msgspec.Struct, frozen=True):
    """Everything that scoring needs, derived once at load; immutable.

    Weights are nats of log-odds of fraud, positive is adverse. ``unknown_subscriber`` and ``unlocatable`` are the only
    absences that weigh anything. ``discounts`` are per group, for the second, third, ... signal in it. ``likelihoods``
    are those of the scenarios once more, for each state of a signal in all scenarios.
    """

    id: str
    version: int
    calibration: Calibration
    caps: Caps
    freshness: Freshness
    confidence: ConfidenceSteps
    identity: IdentitySteps
    unknown_subscriber: float
    unlocatable: float
    discounts: dict[str, float]
    signals: dict[SignalName, SignalWeights]
    pair: Grid
    scenarios: tuple[ScenarioRow, ...]
    likelihoods: dict[SignalName, Grid]

    @classmethod
    def parse(cls, mapping: Mapping[str, Any] | YamlText, *, source: str | YamlText) -> "EvidenceTable":
        """Validate a scenario table and derive the weights.

        Args:
            mapping: the parsed file, shape :class:`~broker.policy.scenarios.TableFile`; a :class:`YamlText` makes
                messages name lines.
            source: the file's name, for messages; or the text that a mapping comes from.

        Raises:
            Misconfigured: with file and key of what is wrong.
        """
        where = mapping if isinstance(mapping, YamlText) else source
        try:
            file = TableFile.model_validate(as_mapping(mapping))
        except ValidationError as error:
            raise misconfigured(where, error) from None
        scenarios.check(file, where)
        derive = Derivation(file, where)
        signals = {name: derive.signal(name) for name in STATES}
        return cls(
            id=file.id,
            version=file.version,
            calibration=file.calibration,
            caps=file.caps,
            freshness=file.freshness,
            confidence=file.confidence,
            identity=file.identity,
            unknown_subscriber=file.missing.unknown_subscriber.weight,
            unlocatable=file.missing.unlocatable.weight,
            discounts={name: group.discount for name, group in file.groups.items()},
            signals=signals,
            pair=derive.pair(signals[SignalName.SIM_SWAP], signals[SignalName.DEVICE_SWAP]),
            scenarios=derive.scenarios(),
            likelihoods=derive.likelihoods(),
        )

    @classmethod
    def read(cls, text: str, *, source: str) -> "EvidenceTable":
        """The same from the text of a YAML file."""
        return cls.parse(YamlText(text, source), source=source)

    def log_odds(self, action_class: ActionClass, uncalibrated: float) -> float:
        """Prior and evidence of a class through its map."""
        found = self.calibration.of(action_class)
        return found.intercept + found.slope * uncalibrated

    def weight(self, name: SignalName, state: str) -> float:
        """The weight of one state."""
        return self.signals[name].weights[STATES[name].index(state)]

    def presence_weight(self, overlap: Overlap, match_rate: int | None) -> float:
        """PARTIAL with a match rate lies on a line in log-odds from outside (10 and less) to inside (90 and more)."""
        if overlap is not Overlap.PARTIAL or match_rate is None:
            return self.weight(SignalName.LOCATION, overlap.value)
        outside = self.weight(SignalName.LOCATION, "outside")
        inside = self.weight(SignalName.LOCATION, "inside")
        part = (match_rate - _MATCH_RATE_OUTSIDE) / (_MATCH_RATE_INSIDE - _MATCH_RATE_OUTSIDE)
        return outside + (inside - outside) * min(max(part, 0.0), 1.0)

    def tau_s(self, action_class: ActionClass) -> float:
        """The time in which a clean answer loses all but 1/e of its weight."""
        return self.freshness.tau_s[action_class.wire]

    def is_monotone(self) -> bool:
        """Whether no worse state weighs less, alone or in the pair; true of every table that :meth:`parse` returns."""
        return all(isotonic.falls(one.weights) for one in self.signals.values()) and isotonic.grid_falls(self.pair)

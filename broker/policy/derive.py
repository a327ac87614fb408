"""From scenarios to weights: probabilities of each side, their log ratio, capped, pooled into order."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy import isotonic
from broker.policy.isotonic import Grid, Row
from broker.policy.scenarios import STATES, Mix, Order, Scenario, TableFile
from broker.policy.yaml_text import Path, YamlText, place


class SignalWeights(msgspec.Struct, frozen=True):
    """What one signal weighs, in nats, along its states, worst first.

    ``legitimate`` and ``attack`` are the states' probabilities on either side; ``information`` is the signal's
    information value (sum of difference times log ratio); ``under_attack`` its mean weight if the subscriber is under
    attack, never negative.
    """

    group: str
    weights: Row
    legitimate: Row
    attack: Row
    information: float
    under_attack: float


class ScenarioRow(msgspec.Struct, frozen=True):
    """One scenario: its share of its side, and the probabilities of each signal's states in it, worst first."""

    name: str
    attack: bool
    share: float
    states: dict[SignalName, Row]


class Derivation:
    """Derives weights from one checked file; every refusal names the key."""

    def __init__(self, file: TableFile, source: str | YamlText) -> None:
        self._file = file
        self._source = source

    def signal(self, name: SignalName) -> SignalWeights:
        """The weights of one signal alone.

        Raises:
            Misconfigured: a state that legitimate life never shows, or weights out of order where that is refused.
        """
        entry, path = self._file.signals[name], ("signals", name.value)
        legitimate = _marginal(self._file, self._file.scenarios.legitimate, name)
        attack = _marginal(self._file, self._file.scenarios.attack, name)
        self._refuse_zero(STATES[name], legitimate, path)
        ratios = tuple(a / g for a, g in zip(attack, legitimate, strict=True))
        self._refuse_disorder(entry.order, in_order=isotonic.falls(ratios), path=(*path, "profiles"))
        caps = self._file.caps
        masses = tuple(a + g for a, g in zip(attack, legitimate, strict=True))
        weights = isotonic.falling(_capped(ratios, caps.signal_low, caps.signal_high), masses)
        return SignalWeights(
            group=entry.group,
            weights=weights,
            legitimate=legitimate,
            attack=attack,
            information=math.fsum(
                (a - g) * _log(r) for a, g, r in zip(attack, legitimate, ratios, strict=True) if r > 0.0
            ),
            under_attack=max(0.0, math.fsum(a * w for a, w in zip(attack, weights, strict=True))),
        )

    def scenarios(self) -> tuple[ScenarioRow, ...]:
        """Every scenario, with the background filled in."""
        sides = ((False, self._file.scenarios.legitimate), (True, self._file.scenarios.attack))
        return tuple(
            ScenarioRow(name, attack, one.share, {signal: _states(self._file, one, signal) for signal in STATES})
            for attack, side in sides
            for name, one in side.items()
        )

    def likelihoods(self) -> dict[SignalName, Grid]:
        """The same probabilities by signal and state, one for each scenario."""
        rows = self.scenarios()
        return {signal: tuple(zip(*(row.states[signal] for row in rows), strict=True)) for signal in STATES}

    def pair(self, sim: SignalWeights, device: SignalWeights) -> Grid:
        """The joint weights of SIM age (rows) and device age (columns).

        Raises:
            Misconfigured: out of order where that is refused, or a clean partner would weigh more than an unknown one,
                so that withholding an answer would pay.
        """
        scenarios = self._file.scenarios
        legitimate, attack = (_joint(self._file, side) for side in (scenarios.legitimate, scenarios.attack))
        self._refuse_zero(STATES[SignalName.SIM_SWAP], [min(row) for row in legitimate], ("scenarios", "legitimate"))
        ratios = tuple(tuple(a / g for a, g in zip(x, y, strict=True)) for x, y in zip(attack, legitimate, strict=True))
        self._refuse_disorder(self._file.pair_order, in_order=isotonic.grid_falls(ratios), path=("pair_order",))
        caps = self._file.caps
        masses = tuple(tuple(a + g for a, g in zip(x, y, strict=True)) for x, y in zip(attack, legitimate, strict=True))
        grid = isotonic.falling_grid(tuple(_capped(row, caps.signal_low, caps.pair_high) for row in ratios), masses)
        self._refuse_gain_by_silence(grid, sim, device)
        return grid

    def _refuse_zero(self, states: Iterable[str], legitimate: Iterable[float], path: Path) -> None:
        for state, probability in zip(states, legitimate, strict=True):
            if probability <= 0.0:
                raise Misconfigured(
                    f"{place(self._source, path)}: state {state} never occurs in legitimate life, so its weight would "
                    "be infinite; give it a small probability"
                )

    def _refuse_disorder(self, order: Order, *, in_order: bool, path: Path) -> None:
        if order == "refuse" and not in_order:
            raise Misconfigured(
                f"{place(self._source, path)}: a worse state comes out as better evidence; change the probabilities or "
                "set the order to isotonic"
            )

    def _refuse_gain_by_silence(self, grid: Grid, sim: SignalWeights, device: SignalWeights) -> None:
        pairs = [(row[-1], weight, state) for row, weight, state in zip(grid, sim.weights, _AGES, strict=True)]
        pairs += [(cell, weight, state) for cell, weight, state in zip(grid[-1], device.weights, _AGES, strict=True)]
        for joint, alone, state in pairs:
            if joint > alone:
                raise Misconfigured(
                    f"{place(self._source, ('scenarios',))}: at {state} an unknown SIM or handset would weigh less "
                    f"({alone:.3f}) than an old one ({joint:.3f}); missing must never help"
                )


_AGES = STATES[SignalName.SIM_SWAP]


def _marginal(file: TableFile, scenarios: Mapping[str, Scenario], name: SignalName) -> Row:
    shares = [(one.share, _states(file, one, name)) for one in scenarios.values()]
    return _normalised(math.fsum(share * states[at] for share, states in shares) for at in range(len(STATES[name])))


def _joint(file: TableFile, scenarios: Mapping[str, Scenario]) -> Grid:
    """SIM and device are independent within a scenario; the scenarios tie them together."""
    sides = [
        (one.share, _states(file, one, SignalName.SIM_SWAP), _states(file, one, SignalName.DEVICE_SWAP))
        for one in scenarios.values()
    ]
    span = range(len(_AGES))
    return tuple(tuple(math.fsum(share * sim[x] * dev[y] for share, sim, dev in sides) for y in span) for x in span)


def _states(file: TableFile, scenario: Scenario, name: SignalName) -> Row:
    mix: Mix = scenario.signals.get(name, file.background[name])
    profiles = file.signals[name].profiles
    return _normalised(
        math.fsum(share * profiles[label].states.get(state, 0.0) for label, share in mix.mix.items())
        for state in STATES[name]
    )


def _normalised(values: Iterable[float]) -> Row:
    """Shares that add up to one exactly: people write 0.333 three times."""
    row = tuple(values)
    total = math.fsum(row)
    return tuple(value / total for value in row)


def _capped(ratios: Row, low: float, high: float) -> Row:
    return tuple(min(max(_log(ratio), -low), high) for ratio in ratios)


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0.0 else -math.inf

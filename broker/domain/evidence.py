"""All signals of one check, in one order, each name once."""

from collections.abc import Iterable

import msgspec

from broker.domain.signal import Observed, Signal, SignalName


class Evidence(msgspec.Struct, frozen=True):
    """The signals of a check, sorted by name, so that equal evidence is equal bytes whatever order it arrived in."""

    signals: tuple[Signal, ...]

    @classmethod
    def of(cls, signals: Iterable[Signal]) -> "Evidence":
        """Sort, drop exact repetitions, refuse two different answers under one name.

        Raises:
            ValueError: one name carries two different signals; which to believe is not for us to guess.
        """
        by_name: dict[SignalName, Signal] = {}
        for signal in signals:
            if by_name.setdefault(signal.name, signal) != signal:
                raise ValueError(f"two different signals named {signal.name}")
        return cls(tuple(by_name[name] for name in sorted(by_name)))

    def get(self, name: SignalName) -> Signal | None:
        """The signal of that name, ``None`` when it was never planned."""
        for signal in self.signals:  # a handful, and asked for often: a generator would cost more than the look
            if signal.name is name:
                return signal
        return None

    def observed(self, name: SignalName) -> Observed | None:
        """The observation of that name; ``None`` when it was not planned or is unavailable."""
        signal = self.get(name)
        return signal if isinstance(signal, Observed) else None

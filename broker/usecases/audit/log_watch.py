"""Whether the log keeps up and adds up: what readiness, the figures and the doctor say of it."""

from broker.clock import Clock


class LogWatch:
    """One of a node, told of every round of taking in and signing."""

    def __init__(self, clock: Clock, *, late_s: float) -> None:
        self._clock = clock
        self._late_s = late_s
        self._current_s = clock.monotonic_s()
        self._damage = ""

    def kept_up(self) -> None:
        """Everything written so far is in the log, and signed."""
        self._current_s = self._clock.monotonic_s()
        self._damage = ""

    def damaged(self, what: str) -> None:
        """What is stored is not what was signed, or does not add up."""
        self._damage = what

    @property
    def age_s(self) -> float:
        """For how long something may have waited for a checkpoint."""
        return self._clock.monotonic_s() - self._current_s

    @property
    def damage(self) -> str:
        """What does not add up, and what to do; empty where all is well."""
        return self._damage

    @property
    def alarm(self) -> str:
        """What whoever runs the broker has to know; empty where all is well."""
        if self._damage:
            return f"the log is damaged: {self._damage}"
        if self.age_s > self._late_s:
            return f"the log has signed nothing for {self.age_s:.0f} s, and may take {self._late_s:.0f} s"
        return ""

"""Counts over the last seconds, in a fixed number of slots."""


class Rolling:
    """Two counters, ``calls`` and ``marked``, over about the last ``window_s`` seconds; memory does not grow."""

    _SLOTS = 10

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / self._SLOTS
        self._slots = [[0, 0] for _ in range(self._SLOTS)]
        self._newest = 0
        self.calls = 0
        self.marked = 0

    def add(self, now_s: float, *, calls: int = 0, marked: int = 0) -> None:
        """Count something that happened now."""
        slot = self._slot_at(now_s)
        slot[0] += calls
        slot[1] += marked
        self.calls += calls
        self.marked += marked

    def roll(self, now_s: float) -> None:
        """Forget what is older than the window."""
        self._slot_at(now_s)

    def clear(self) -> None:
        """Forget everything."""
        for slot in self._slots:
            slot[:] = (0, 0)
        self.calls = self.marked = 0

    def _slot_at(self, now_s: float) -> list[int]:
        at = int(now_s / self._slot_s)
        if at == self._newest:
            return self._slots[at % self._SLOTS]
        for passed in range(min(at - self._newest, self._SLOTS)):
            old = self._slots[(at - passed) % self._SLOTS]
            self.calls -= old[0]
            self.marked -= old[1]
            old[:] = (0, 0)
        self._newest = max(self._newest, at)
        return self._slots[self._newest % self._SLOTS]

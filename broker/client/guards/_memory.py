"""What a guard remembers, bounded."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

REMEMBERED_MAX = 10_000
T = TypeVar("T")


class Memory(Generic[T]):
    """Things by name, the oldest forgotten first. Threads may share it."""

    def __init__(self, most: int = REMEMBERED_MAX) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, T] = OrderedDict()

    def put(self, name: str, thing: T) -> bool:
        """Keep it, unless there is one of this name already; whether it was kept."""
        with self._lock:
            if name in self._kept:
                return False
            self._kept[name] = thing
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return True

    def replace(self, name: str, thing: T) -> None:
        """Keep it, in the place of what may be there."""
        self.take(name)
        self.put(name, thing)

    def get(self, name: str, otherwise: T) -> T:
        """What is kept under the name; where there is nothing, the other is kept and given."""
        self.put(name, otherwise)
        with self._lock:
            return self._kept.get(name, otherwise)

    def take(self, name: str) -> T | None:
        """What is kept under the name, which is then forgotten."""
        with self._lock:
            return self._kept.pop(name, None)

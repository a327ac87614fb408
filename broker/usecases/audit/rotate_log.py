"""Give the log another key: because it is time, or because the one that signs was stolen; running nodes follow."""

from collections.abc import Callable

import msgspec

from broker.audit.log_key import LogKey
from broker.clock import Clock
from broker.storage.log_store import LogStore
from broker.usecases.audit.log_keys import LogKeyFiles
from broker.usecases.policy.policies_in_force import entry

_BY = "whoever runs the broker"


class LogKeysView(msgspec.Struct, frozen=True):
    """The log's public keys as vkeys: the one that signs, and those of before, oldest first."""

    key: str
    retired: tuple[str, ...]


class RotateLog:
    """The life of the key that signs checkpoints."""

    def __init__(self, files: LogKeyFiles, log: LogStore, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._files = files
        self._log = log
        self._clock = clock
        self._new_id = new_id

    def overview(self) -> LogKeysView:
        """The keys as they are."""
        key = self._files.read()
        return LogKeysView(key.public.vkey(), tuple(one.vkey() for one in key.retired))

    def signing(self) -> LogKey:
        """The key that signs now, private half and all: what a thief of the file would have."""
        return self._files.read()

    async def __call__(self) -> LogKeysView:
        """Replace the key that signs. The log says so itself, in an entry that the new key is the first to sign.

        Raises:
            Unrecorded, Overloaded: the key is replaced, and the log does not say so; run it again.
        """
        changed = self._files.rotate()
        about = changed.public.id.hex()
        await self._log.note(entry(self._new_id("lke"), "", "log.key", about, None, _BY, self._clock))
        return self.overview()

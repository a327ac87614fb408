"""A journal of erasures beside the keys and outside the database, so that a backup cannot undo them.

A backup from before an erasure holds the wrapped key that was destroyed. Whoever restores it starts the broker, and the
broker erases again whatever stands here and is not in the database's own ledger. One JSON object a line, each durable
before its erasure is; names are the tenant's pseudonyms, which say nothing without the root key.
"""

import errno
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from broker.domain.privacy import Erasure
from broker.errors import Unrecorded

_OWNER_ONLY = 0o600
_log = logging.getLogger(__name__)


class ErasureJournal:
    """One file of one node."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: set[str] | None = None

    def note(self, erasure: Erasure) -> None:
        """Write an erasure down, once; durable when this returns.

        Raises:
            Unrecorded: it cannot be written; nothing may be erased then.
        """
        line = {
            "tenant": erasure.tenant,
            "erasure": erasure.erasure_id,
            "subject": erasure.subject.hex(),
            "erasedMs": erasure.erased_ms,
            "by": erasure.erased_by,
        }
        try:
            if self._noted is None:
                self._noted = {one.erasure_id for one in self.entries()}
            if erasure.erasure_id in self._noted:
                return
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
            with os.fdopen(descriptor, "ab") as file:
                # A line break first: half a line that a crash left must not take this one with it.
                file.write(b"\n" + json.dumps(line).encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            why = errno.errorcode.get(error.errno or 0, "OSERROR")
            _log.error("erasures.jsonl: %(code)s; erasures are refused until it can be written", {"code": why})
            raise Unrecorded("The journal of erasures cannot be written; nothing was erased. Retry.") from error
        self._noted.add(erasure.erasure_id)

    def entries(self) -> Iterator[Erasure]:
        """Everything that stands here; half a line, as a crash leaves it, was never acted on."""
        if not self._path.exists():
            return
        for line in self._path.read_text("ascii", "replace").splitlines():
            try:
                told = json.loads(line)
                subject = bytes.fromhex(told["subject"])
                yield Erasure(told["tenant"], told["erasure"], subject, int(told["erasedMs"]), told["by"])
            except (ValueError, KeyError, TypeError):
                continue

"""The transparency log: its key, and the work that keeps it growing and signed for as long as the broker runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from broker.audit.log_key import LogKey
from broker.audit.signed_memory import SignedMemory
from broker.bootstrap.background import running
from broker.clock import Clock
from broker.settings.sections import AuditSettings
from broker.storage.store import Store
from broker.usecases.open_keys import open_log_key
from broker.usecases.prove_log import ProveLog
from broker.usecases.sequence_log import SequenceLog
from broker.usecases.show_check import CheckReader
from broker.usecases.sign_log import SignLog
from broker.usecases.stored_tree import RecordDamaged
from broker.usecases.use_receipts import ReceiptTools, UseReceipts

_log = logging.getLogger(__name__)


def log_key(keys: Path, settings: AuditSettings, public_url: str) -> LogKey:
    """The key of the log, made on first start."""
    origin = settings.origin or f"{public_url.partition('://')[2]}/log"
    return open_log_key(keys / "log.pem", origin)


class ReceiptContext(NamedTuple):
    """What the end of receipts needs beside the store."""

    clock: Clock
    new_id: Callable[[str], str]
    keys: Callable[[], Mapping[str, Any]]
    issuer: str


def receipt_use(store: Store, checks: CheckReader, prove: ProveLog, beside: ReceiptContext) -> UseReceipts:
    """The end of receipts."""
    return UseReceipts(
        ReceiptTools(
            clock=beside.clock,
            new_id=beside.new_id,
            keys=beside.keys,
            issuer=beside.issuer,
            store=store.receipts,
            checks=checks,
            stops=store.policies,
            prove=prove,
        )
    )


@contextlib.asynccontextmanager
async def keeping_log(
    store: Store, key: LogKey, keys: Path, clock: Clock, settings: AuditSettings
) -> AsyncIterator[None]:
    """Take in and sign what was written, now and then."""
    sequence = SequenceLog(store.log, clock)
    sign = SignLog(store.log, key, SignedMemory(keys / "log.signed"))

    async def now_and_then() -> None:
        said = ""
        while True:
            try:
                await sequence()
                await sign()
                said = ""
            except RecordDamaged as error:
                if str(error) != said:  # once, and not every second
                    _log.critical("the log: %s", error)
                said = str(error)
            except Exception as error:  # noqa: BLE001 - what could not be signed now is signed a moment later
                _log.warning("could not extend the log: %s", type(error).__name__)
            await asyncio.sleep(settings.checkpoint_ms / 1000)

    async with running(now_and_then()):
        yield

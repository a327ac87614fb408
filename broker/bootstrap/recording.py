"""The record: the transparency log, kept for as long as the broker runs; receipts; what can be told of a check."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.audit import note
from broker.audit.note import NoteInvalid
from broker.audit.signed_memory import SignedMemory
from broker.bootstrap.background import running
from broker.clock import Clock
from broker.errors import Misconfigured
from broker.settings import Settings
from broker.settings.sections import WitnessSettings
from broker.storage.store import Store
from broker.usecases.audit.explain_check import ExplainCheck, ExplainTools
from broker.usecases.audit.log_keys import LiveLogKey, LogKeyFiles
from broker.usecases.audit.log_watch import LogWatch
from broker.usecases.audit.prove_log import ProveLog
from broker.usecases.audit.publish_log import PublishLog
from broker.usecases.audit.refusals import Refusals
from broker.usecases.audit.sequence_log import SequenceLog
from broker.usecases.audit.sign_log import SignLog
from broker.usecases.audit.signing_ring import RingFile
from broker.usecases.audit.stored_tree import RecordDamaged
from broker.usecases.audit.use_receipts import ReceiptTools, UseReceipts
from broker.usecases.audit.witness_log import Witness, WitnessLog
from broker.usecases.show_check import CheckReader

_log = logging.getLogger(__name__)


class Recording:
    """What is built around one store and the log's key."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._key = LiveLogKey(log_key_files(settings), clock)
        self.prove = ProveLog(store.log, self._key)
        self.watch = LogWatch(clock, late_s=settings.audit.checkpoint_late_ms / 1000)

    def publish(self) -> PublishLog:
        """The log, to be written out."""
        return PublishLog(self._store.log, self.prove)

    def receipts(self, checks: CheckReader, keys: Callable[[], Mapping[str, Any]], refusals: Refusals) -> UseReceipts:
        """The end of receipts, which verify with ``keys``."""
        return UseReceipts(
            ReceiptTools(
                clock=self._clock,
                new_id=self._new_id,
                keys=keys,
                issuer=self._settings.server.public_url,
                store=self._store.receipts,
                checks=checks,
                stops=self._store.policies,
                prove=self.prove,
                refusals=refusals,
            )
        )

    def explain(self, checks: CheckReader) -> ExplainCheck:
        """What can be told of a check."""
        return ExplainCheck(
            ExplainTools(
                checks=checks,
                revisions=self._store.revisions,
                reviews=self._store.reviews,
                ends=self._store.receipts,
                outcomes=self._store,
                deliveries=self._store.events,
                requests=self._store.rights,
                places=self.prove,
                issuer=self._settings.server.public_url,
            )
        )

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Take in and sign what was written, now and then."""
        sequence = SequenceLog(self._store.log, self._clock)
        sign = SignLog(self._store.log, self._key, SignedMemory(self._settings.keys.directory / "log.signed"))
        witnesses = [_witness(one) for one in self._settings.audit.witnesses]
        transport = open_transport(self._settings.http.client, TransportLimits())
        try:
            ask = WitnessLog(self._store.log, witnesses, transport, self._clock)
            async with running(self._now_and_then(sequence, sign)), running(self._offering(ask)):
                yield
        finally:
            await transport.aclose()

    async def _now_and_then(self, sequence: SequenceLog, sign: SignLog) -> None:
        said = ""
        while True:
            try:
                await sequence()
                await sign()
                said = ""
                self.watch.kept_up()
            except RecordDamaged as error:
                if str(error) != said:  # once, and not every second
                    _log.critical("the log: %(fault)s", {"fault": error})
                said = str(error)
                self.watch.damaged(said)
            except Exception as error:  # noqa: BLE001 - what could not be signed now is signed a moment later
                _log.warning("could not extend the log: %(error)s", {"error": type(error).__name__})
            await asyncio.sleep(self._settings.audit.checkpoint_ms / 1000)

    async def _offering(self, ask: WitnessLog) -> None:
        """Offer the newest checkpoint to witnesses, beside the rest: a slow one must not hold up the next."""
        offered = 0
        while self._settings.audit.witnesses:
            try:
                newest = await self._store.log.newest_signed()
                if newest is not None and newest.note is not None and newest.size > offered:
                    await ask(note.read_note(newest.note))
                    offered = newest.size
            except Exception as error:  # noqa: BLE001 - what could not be offered now is offered a moment later
                _log.warning("could not ask witnesses: %(error)s", {"error": type(error).__name__})
            await asyncio.sleep(self._settings.audit.checkpoint_ms / 1000)


def _witness(settings: WitnessSettings) -> Witness:
    try:
        key = note.read_vkey(settings.vkey)
    except NoteInvalid as error:
        raise Misconfigured(f"audit.witnesses: {settings.url}: {error}") from error
    if key.kind != note.COSIGNATURE:
        raise Misconfigured(f"audit.witnesses: {settings.url}: the key is a log's; put in the witness's own")
    return Witness(key, settings.url)


def ring_file(keys: Path, clock: Clock) -> RingFile:
    """The ring of the keys that sign receipts."""
    return RingFile(keys / "receipts.ring", keys / "receipts.pem", clock)


def log_key_files(settings: Settings) -> LogKeyFiles:
    """The keys of the log, under its name."""
    origin = settings.audit.origin or f"{settings.server.public_url.partition('://')[2]}/log"
    return LogKeyFiles(settings.keys.directory / "log.pem", origin)

"""Have witnesses co-sign checkpoints (C2SP tlog-witness): who trusts a witness need not trust us not to fork the log.

A witness signs only what grew out of what it signed before, so it is sent the proof of that. One that is away or
refuses costs nothing: the checkpoint is good without it, and the next one is offered again.
"""

import base64
import logging
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.transport import Transport, WireRequest, WireResponse
from broker.audit import merkle, note
from broker.audit.note import Note, NoteInvalid, NoteKey
from broker.clock import Clock
from broker.storage.log_store import LogStore
from broker.usecases.audit.stored_tree import StoredTree

_TIMEOUT_S = 5.0
_AHEAD = timedelta(minutes=5)
_SIZE_TYPE = "text/x.tlog.size"
_SIZE_DIGITS_MAX = 19
_log = logging.getLogger(__name__)


class Witness(NamedTuple):
    """A witness: its public key, and the prefix of the URL to which checkpoints are sent."""

    key: NoteKey
    url: str


class Refused(Exception):
    """The witness gave no co-signature; the text says why, in our words."""

    loggable = True


class WitnessLog:
    """Offers each signed checkpoint to every witness."""

    def __init__(self, log: LogStore, witnesses: Sequence[Witness], transport: Transport, clock: Clock) -> None:
        self._log = log
        self._tree = StoredTree(log)
        self._witnesses = tuple(witnesses)
        self._transport = transport
        self._clock = clock
        self._seen: dict[str, int] = {}

    async def __call__(self, signed: Note) -> int:
        """Offer a checkpoint; how many witnesses signed it, durably when this returns."""
        got = 0
        for witness in self._witnesses:
            try:
                await self._ask(witness, signed)
                got += 1
            except (Refused, NoteInvalid, OperatorFault) as error:
                _log.warning(
                    "the witness %(witness)s did not sign: %(fault)s", {"witness": witness.key.name, "fault": error}
                )
        return got

    async def _ask(self, witness: Witness, signed: Note) -> None:
        size = note.read_checkpoint(signed.text).size
        old = self._seen.get(witness.key.name, 0)
        answer = await self._offer(witness, signed, old, size)
        if answer.status == HTTPStatus.CONFLICT:  # it has seen more, or less, than this process knows
            old = _size(answer)
            if old > size:
                raise Refused(f"it has signed {old} entries, and the log has {size}: another log bears this name")
            answer = await self._offer(witness, signed, old, size)
        if answer.status != HTTPStatus.OK:
            raise Refused(f"it answered {answer.status}")
        await self._keep(witness, signed, size, answer.body)
        self._seen[witness.key.name] = size

    async def _offer(self, witness: Witness, signed: Note, old: int, size: int) -> WireResponse:
        ranges = merkle.consistency(old, size) if old else []
        proof = [base64.b64encode(each).decode("ascii") for each in await self._tree.roots(ranges)]
        body = "\n".join((f"old {old}", *proof, "", str(signed))).encode("utf-8")
        request = WireRequest("POST", f"{witness.url}/add-checkpoint", ((b"content-type", b"text/plain"),), body)
        return await self._transport.send(request, timeout_s=_TIMEOUT_S)

    async def _keep(self, witness: Witness, signed: Note, size: int, body: bytes) -> None:
        try:
            lines = note.read_signatures(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Refused("it answered with something else") from error
        ours = tuple(line for line in lines if (line.name, line.key_id) == (witness.key.name, witness.key.id))
        seen_at = note.cosigned_at(Note(signed.text, ours), witness.key) if ours else None
        if seen_at is None:
            raise Refused("it answered with nobody's signature, or somebody else's")
        now = self._clock.now()
        # Defensive: a time far ahead would make the co-signature look fresh for years.
        if seen_at > now + _AHEAD:
            raise Refused("its clock is ahead")
        at_ms = int(now.timestamp() * 1000)
        await self._log.keep_cosignature(size, witness.key.name, ours[-1].line(), at_ms)


def _size(answer: WireResponse) -> int:
    text = answer.body.decode("ascii", "replace").strip()
    typed = answer.headers.get("content-type", "").partition(";")[0] == _SIZE_TYPE
    if not typed or not text.isdecimal() or len(text) > _SIZE_DIGITS_MAX:
        raise Refused("it has another idea of the log and does not say which")
    return int(text)

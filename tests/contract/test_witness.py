"""Witnesses: a pretend one over real HTTP, that keeps the rules of C2SP tlog-witness, and one that breaks them."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.audit import merkle, note
from broker.audit.note import Checkpoint, NoteKey, read_note
from broker.audit.signed_memory import SignedMemory
from broker.storage.store import Store
from broker.usecases.audit.prove_log import ProveLog
from broker.usecases.audit.sequence_log import SequenceLog
from broker.usecases.audit.sign_log import SignLog
from broker.usecases.audit.witness_log import Witness, WitnessLog
from tests.support.clocks import HandClock
from tests.support.databases import database, storing
from tests.support.logs import KEY
from tests.support.stored import a_commit

NAME = "witness.example/w1"
CLOCK = HandClock()


class PretendWitness:
    """Signs what grew out of what it signed before. ``spoil`` changes its answers."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.latest: Checkpoint | None = None
        self.spoil = ""
        self.asked: list[int] = []

    def key(self) -> NoteKey:
        return NoteKey(NAME, self.private.public_key().public_bytes_raw(), note.COSIGNATURE)

    def add(self, body: str) -> tuple[int, str, bytes]:
        head, _, written = body.partition("\n\n")
        old_line, *proof = head.split("\n")
        old, signed = int(old_line.removeprefix("old ")), read_note(written)
        checkpoint = note.open_checkpoint(signed, [KEY.public])
        known = self.latest.size if self.latest else 0
        if old != known:
            self.asked.append(409)
            return 409, "text/x.tlog.size", f"{known}\n".encode()
        hashes = [base64.b64decode(each) for each in proof]
        if self.latest and not merkle.verify_consistency(
            old, checkpoint.size, self.latest.root, checkpoint.root, hashes
        ):
            self.asked.append(422)
            return 422, "text/plain", b"inconsistent"
        self.asked.append(200)
        self.latest = checkpoint
        return 200, "text/plain", self.signature(signed.text).line().encode()

    def signature(self, text: str) -> note.Signature:
        match self.spoil:
            case "another text":
                return note.cosign(text + "x\n", NAME, self.private, CLOCK.now())
            case "another key":
                return note.cosign(text, NAME, Ed25519PrivateKey.generate(), CLOCK.now())
            case "the future":
                return note.cosign(text, NAME, self.private, CLOCK.now() + timedelta(days=1))
            case _:
                return note.cosign(text, NAME, self.private, CLOCK.now())


@pytest.fixture
def witness() -> Iterator[tuple[PretendWitness, str]]:
    pretend = PretendWitness()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            assert self.path == "/w/add-checkpoint"
            status, kind, answer = pretend.add(body)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield pretend, f"http://127.0.0.1:{server.server_port}/w"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with database("sqlite", tmp_path) as url:
        async with storing(url) as store:
            yield store


class Signing:
    """A log that grows and is offered to a witness."""

    def __init__(self, store: Store, witness: tuple[PretendWitness, str], folder: Path) -> None:
        self.store = store
        self._sequence = SequenceLog(store.log, CLOCK)
        self._sign = SignLog(store.log, KEY, SignedMemory(folder / "log.signed"))
        self._witness = Witness(witness[0].key(), witness[1])

    async def grow(self, *numbers: int) -> note.Note:
        commits = []
        for number in numbers:
            body = f"leaf {number}".encode()
            commits.append(a_commit(f"chk_{number}", leaf_body=body, leaf_hash=merkle.leaf_hash(body)))
        await asyncio.gather(*map(self.store.settle, commits))
        await self._sequence()
        signed = await self._sign()
        assert signed is not None
        return signed

    async def offer(self, signed: note.Note, *, anew: bool = False) -> int:
        transport = open_transport("aiohttp", TransportLimits())
        try:
            if anew or not hasattr(self, "_ask"):
                self._ask = WitnessLog(self.store.log, [self._witness], transport, CLOCK)
            self._ask._transport = transport
            return await self._ask(signed)
        finally:
            await transport.aclose()

    async def shown(self) -> note.Note:
        return read_note(await ProveLog(self.store.log, KEY).checkpoint())


@pytest.fixture
def signing(store: Store, witness: tuple[PretendWitness, str], tmp_path: Path) -> Signing:
    return Signing(store, witness, tmp_path)


async def test_each_checkpoint_is_signed_on_top_of_the_last(
    signing: Signing, witness: tuple[PretendWitness, str]
) -> None:
    pretend, _ = witness
    for numbers in (range(3), range(3, 300), range(300, 310)):
        signed = await signing.grow(*numbers)
        assert await signing.offer(signed) == 1
        shown = await signing.shown()
        assert note.open_checkpoint(shown, [KEY.public]) == pretend.latest
        assert note.cosigned_at(shown, pretend.key()) == CLOCK.now().replace(microsecond=0)
    assert pretend.asked == [200, 200, 200]


async def test_a_new_process_learns_what_the_witness_signed_last(
    signing: Signing, witness: tuple[PretendWitness, str]
) -> None:
    assert await signing.offer(await signing.grow(0, 1, 2)) == 1
    assert await signing.offer(await signing.grow(3), anew=True) == 1
    assert witness[0].asked == [200, 409, 200]


@pytest.mark.parametrize("spoil", ["another text", "another key", "the future"])
async def test_a_bad_co_signature_is_not_kept(
    signing: Signing, witness: tuple[PretendWitness, str], spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    witness[0].spoil = spoil
    assert await signing.offer(await signing.grow(0)) == 0
    assert "did not sign" in caplog.text
    assert len((await signing.shown()).signatures) == 1, "the checkpoint is good without it"


async def test_a_witness_that_has_seen_more_than_the_log_has_says_so(
    signing: Signing, witness: tuple[PretendWitness, str], caplog: pytest.LogCaptureFixture
) -> None:
    witness[0].latest = Checkpoint(KEY.origin, 99, bytes(32))
    assert await signing.offer(await signing.grow(0)) == 0
    assert "another log bears this name" in caplog.text


async def test_a_witness_that_saw_another_history_does_not_sign(
    signing: Signing, witness: tuple[PretendWitness, str]
) -> None:
    signed = await signing.grow(0, 1, 2)
    witness[0].latest = Checkpoint(KEY.origin, 2, bytes(32))
    assert await signing.offer(signed) == 0
    assert witness[0].asked == [409, 422]


async def test_a_witness_that_is_away_costs_nothing(signing: Signing) -> None:
    signing._witness = signing._witness._replace(url="http://127.0.0.1:9")
    assert await signing.offer(await signing.grow(0)) == 0

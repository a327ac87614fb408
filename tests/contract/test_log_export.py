"""``trust-broker audit``: an export of a real database, verified offline, and after somebody was at it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from broker.audit import merkle
from broker.audit.signed_memory import SignedMemory
from broker.storage.store import Store
from broker.surfaces.cli import audit
from broker.usecases.audit.prove_log import ProveLog
from broker.usecases.audit.publish_log import PublishLog
from broker.usecases.audit.sequence_log import SequenceLog
from broker.usecases.audit.sign_log import SignLog
from tests.support.clocks import HandClock
from tests.support.databases import BACKENDS, database, sqlite_path, storing, tamper
from tests.support.logs import KEY
from tests.support.stored import a_commit

SIZE = 300


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the log in it, which nobody changes."""
    folder = tmp_path_factory.mktemp("filled")
    with database("sqlite", folder) as url:
        _on(url, lambda store: _fill(store, folder))
        yield url


def _on(url: str, work: Callable[[Store], Awaitable[None]]) -> None:
    async def within() -> None:
        async with storing(url) as store:
            await work(store)

    asyncio.run(within())


async def _fill(store: Store, folder: Path) -> None:
    """Two tenants in turn, in two portions, each signed."""
    sequence = SequenceLog(store.log, HandClock())
    sign = SignLog(store.log, KEY, SignedMemory(folder / "log.signed"))
    for portion in (range(100), range(100, SIZE)):
        commits = []
        for number in portion:
            body = f"leaf {number:03}".encode()
            tenant = ("acme", "globex")[number % 2]
            commit = a_commit(f"chk_{number:03}", tenant=tenant, leaf_body=body, leaf_hash=merkle.leaf_hash(body))
            commits.append(commit)
        await asyncio.gather(*map(store.settle, commits))
        await sequence()
        await sign()


class _Deployment:
    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def log(self) -> AsyncIterator[PublishLog]:
        async with storing(self._url) as store:
            yield PublishLog(store.log, ProveLog(store.log, KEY))


def run(url: str, *arguments: object) -> tuple[int, str]:
    commands = audit.create(cast("Any", lambda _config: _Deployment(url)))
    done = CliRunner().invoke(commands, [str(each) for each in arguments])
    return done.exit_code, done.output


def verify(url: str, source: Path, *options: object) -> tuple[int, str]:
    return run(url, "verify", source, "--key", KEY.public.vkey(), *options)


FORMS = ("log.jsonl", "tiles")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_untouched_log_verifies_in_both_forms(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        _on(url, lambda store: _fill(store, tmp_path))
        _verifies_in_both_forms(url, tmp_path)


def _verifies_in_both_forms(url: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(run(url, "key")[1], "utf-8")
    for form in FORMS:
        assert run(url, "export", tmp_path / form) == (0, "")
        code, said = run(url, "verify", tmp_path / form, "--key", tmp_path / "key")
        assert code == 0, said
        assert f"{SIZE} entries are what was signed, {SIZE} of them with their text, under 2 checkpoints" in said
        mine = tmp_path / "acme" / form
        assert run(url, "export", mine, "--tenant", "acme") == (0, "")
        code, said = verify(url, mine, "--known", tmp_path / "log.jsonl")
        assert code == 0, said
        assert f"{SIZE} entries are what was signed, {SIZE // 2} of them with their text" in said
    files = sorted(
        str(path.relative_to(tmp_path / "tiles")) for path in (tmp_path / "tiles").rglob("*") if path.is_file()
    )
    assert files == [
        "checkpoint",
        "checkpoints.jsonl",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]
    bundle = (tmp_path / "tiles" / "tile/entries/000").read_bytes()
    assert bundle[:10] == b"\x00\x08leaf 000"


_LEAF = "UPDATE log_leaves SET body = leaf_hash WHERE check_id = 'chk_150'"
_OTHER_ORDER = """
    UPDATE log_leaves SET body = (SELECT body FROM log_leaves AS other WHERE other.check_id =
    CASE log_leaves.check_id WHEN 'chk_150' THEN 'chk_151' ELSE 'chk_150' END)
    WHERE check_id IN ('chk_150', 'chk_151')
"""
AT_THE_DATABASE = {
    "a text": (_LEAF, "entry 150:"),
    "text and hash": (_LEAF.replace("= leaf_hash", "= leaf_hash, leaf_hash = body"), "entry 150:"),
    "a deleted leaf": ("DELETE FROM log_leaves WHERE check_id = 'chk_150'", "entry 150:"),
    "leaves in the other order": (_OTHER_ORDER, "entry 150:"),
    "leaves from one on are deleted": ("DELETE FROM log_leaves WHERE check_id >= 'chk_270'", "entry 270:"),
    "the newest checkpoint is deleted": ("DELETE FROM log_checkpoints WHERE size = 300", "entry 100:"),
    "a tile": ("UPDATE log_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND number = 0", "entry 0:"),
}


@pytest.mark.parametrize(("statement", "said"), AT_THE_DATABASE.values(), ids=AT_THE_DATABASE.keys())
def test_whoever_was_at_the_database_is_found_out(filled: str, tmp_path: Path, statement: str, said: str) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(sqlite_path(filled), copy)
    url = f"sqlite:///{copy}"
    assert run(filled, "export", tmp_path / "before.jsonl") == (0, "")
    asyncio.run(tamper(url, statement))
    for form in FORMS:
        assert run(url, "export", tmp_path / form) == (0, "")
        code, told = verify(url, tmp_path / form, "--known", tmp_path / "before.jsonl")
        assert (code, told.startswith(said)) == (1, True), told


@pytest.fixture(scope="module")
def tiles(filled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    assert run(filled, "export", folder) == (0, "")
    return folder


AT_THE_FILES = {
    "a bit of a text": ("tile/entries/001.p/44", 2 + 8 + 3, "entry 257:"),
    "a length of a text": ("tile/entries/001.p/44", 1, "entry 256:"),
    "a hash of an entry": ("tile/0/001.p/44", 32, "entry 257:"),
    "a tile above": ("tile/1/000.p/1", 5, "entry 0 or later, by 255:"),
    "the checkpoint": ("checkpoint", 25, "entry 100 or later, by 299:"),
}


@pytest.mark.parametrize(("name", "place", "said"), AT_THE_FILES.values(), ids=AT_THE_FILES.keys())
def test_every_flipped_bit_of_a_file_is_found_out(tiles: Path, name: str, place: int, said: str) -> None:
    content = (tiles / name).read_bytes()
    (tiles / name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    try:
        code, told = verify("", tiles)
        assert (code, told.startswith(said)) == (1, True), told
    finally:
        (tiles / name).write_bytes(content)
    assert verify("", tiles)[0] == 0


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_file_that_is_missing_is_found_out(tiles: Path, name: str) -> None:
    content = (tiles / name).read_bytes()
    (tiles / name).unlink()
    try:
        assert verify("", tiles)[0] == 1
    finally:
        (tiles / name).write_bytes(content)


def test_what_is_no_export_and_no_key_is_a_wrong_usage(tiles: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello", "utf-8")
    assert verify("", tmp_path / "text")[0] == 2
    assert verify("", tmp_path / "nothing")[0] == 2
    assert run("", "verify", tiles, "--key", "no key")[0] == 2

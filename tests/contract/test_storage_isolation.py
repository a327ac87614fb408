"""Row-level security on PostgreSQL: a session sees one tenant's rows, and one that names no tenant sees none."""

import importlib
import pkgutil
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import Select

from broker import storage
from broker.storage.crossing import CROSSING, whose
from broker.storage.migrations.guard import ALL_TENANTS
from broker.storage.postgres_units import PostgresUnits
from broker.storage.records import StorageLimits
from broker.storage.store import open_store
from broker.storage.tables import metadata
from tests.support.databases import drop_database, execute, fresh_database, postgres
from tests.support.stored import a_commit, a_key

ROLE = "broker_app"
GUARDED = sorted(table.name for table in metadata.sorted_tables if "tenant" in table.c)
OF_NOBODY = {
    "log_checkpoints": "one tree for all, of hashes: nobody's rows are in it",
    "log_cosignatures": "what witnesses say about that tree",
    "log_head": "how far that tree reaches",
    "log_tiles": "the hashes of that tree",
    "root_key": "which key the database belongs to",
}


@pytest.fixture
def url(tmp_path: object) -> Iterator[str]:
    """A migrated database as an ordinary role sees it: neither a superuser nor one that bypasses anything."""
    made = fresh_database("postgres", tmp_path)  # type: ignore[arg-type]
    postgres().execute(f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    yield made
    drop_database(made)


async def allowed(url: str) -> str:
    await execute(
        url,
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}",
    )
    return url.replace("postgres@", f"{ROLE}@")


def test_every_table_has_a_tenant_or_a_reason_to_have_none() -> None:
    assert OF_NOBODY.keys() == {table.name for table in metadata.sorted_tables} - set(GUARDED)


async def test_every_table_with_a_tenant_is_guarded_for_its_owner_too(url: str) -> None:
    rows = await execute(
        url, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname"
    )
    assert [row[0] for row in rows] == GUARDED


async def test_an_ordinary_role_stores_and_reads_as_ever(url: str) -> None:
    store = await open_store(await allowed(url), StorageLimits())
    try:
        for tenant in ("acme", "globex"):
            await store.create_key(a_key(f"of {tenant}", tenant=tenant))
            await store.settle(a_commit(f"chk_{tenant}", tenant=tenant))
        for tenant, other in (("acme", "globex"), ("globex", "acme")):
            assert await store.find_check(tenant, f"chk_{tenant}") is not None
            assert await store.find_check(tenant, f"chk_{other}") is None
            found = await store.find_key(f"of {tenant}")
            assert found is not None
            assert found.tenant == tenant
            assert [key.key_id for key in await store.list_keys(tenant)] == [f"of {tenant}"]
            assert [each.tenant for each in await store.consumers.lineage(tenant)] == [tenant]
    finally:
        await store.aclose()


async def test_a_session_without_a_tenant_sees_and_changes_nothing(url: str) -> None:
    app = await allowed(url)
    store = await open_store(app, StorageLimits())
    await store.create_key(a_key())
    await store.settle(a_commit())
    await store.aclose()
    session = await asyncpg.connect(app)
    try:
        for table in ("checks", "evidence", "log_leaves", "api_keys", "tenants"):
            assert await session.fetch(f"SELECT * FROM {table}") == []
            assert await session.execute(f"DELETE FROM {table}") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute("INSERT INTO tenants (tenant, created_ms) VALUES ('mole', 1)")
        await session.execute("SELECT set_config('broker.tenant', $1, false)", "globex")
        assert await session.fetch("SELECT * FROM checks") == []
        await session.execute("SELECT set_config('broker.tenant', $1, false)", "acme")
        assert len(await session.fetch("SELECT * FROM checks")) == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute("INSERT INTO tenants (tenant, created_ms) VALUES ('globex', 1)")
    finally:
        await session.close()


def test_every_query_names_a_tenant_or_is_known_not_to() -> None:
    units = PostgresUnits()
    for module in pkgutil.iter_modules(storage.__path__):
        if module.ispkg or not module.name.endswith(("statements", "_store")):
            continue
        for name, query in vars(importlib.import_module(f"broker.storage.{module.name}")).items():
            part = name.startswith("_") and module.name.endswith("statements")
            if isinstance(query, Select) and not part and query not in CROSSING:
                prepared = units.prepared(query)
                touched = [table for table in GUARDED if f" {table}" in prepared.sql]
                assert not touched or {"tenant", "of_tenant"} & set(prepared.names), f"{module.name}.{name}"


def test_whose_rows_a_query_may_see() -> None:
    from broker.storage import statements

    assert whose(statements.SELECT_KEYS, {"tenant": "acme", "rows": 1}) == "acme"
    assert whose(statements.SELECT_KEYS, {"rows": 1}) == ""
    assert whose(statements.SELECT_KEY, {"key_id": "k"}) == ALL_TENANTS
    assert not ALL_TENANTS.isprintable()

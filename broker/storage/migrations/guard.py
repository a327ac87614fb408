"""Row-level security on every table that has a tenant, after every migration, so that none is ever left out.

A session says whose rows it may see by the setting ``broker.tenant``; one that says nothing sees and changes nothing.
It holds for the owner of the tables, too, but for no superuser and no role with BYPASSRLS: connect as an ordinary one.
"""

from sqlalchemy import Connection, inspect, text

ALL_TENANTS = "\x01"
"""In the place of a tenant: all of them. No tenant has such a name, for names are printable."""

_POLICY = "of_its_tenant"
_ROWS = f"current_setting('broker.tenant', true) IN (tenant, U&'\\{ord(ALL_TENANTS):04x}')"


def see_all(connection: Connection) -> None:
    """Let the rest of this transaction see all tenants: a migration may have to rewrite their rows."""
    connection.execute(text("SELECT set_config('broker.tenant', :tenant, true)"), {"tenant": ALL_TENANTS})


def guard(connection: Connection) -> None:
    """Guard each table that has a tenant and is not guarded yet (PostgreSQL)."""
    inspector = inspect(connection)
    guarded = {row[0] for row in connection.execute(text("SELECT tablename FROM pg_policies"))}
    for table in inspector.get_table_names():
        if table in guarded or "tenant" not in {column["name"] for column in inspector.get_columns(table)}:
            continue
        for statement in (
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY {_POLICY} ON "{table}" USING ({_ROWS})',
        ):
            connection.exec_driver_sql(statement)

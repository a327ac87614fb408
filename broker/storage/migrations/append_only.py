"""What is only ever added to: the database itself refuses to change or take away rows of these tables.

Put there after every migration, for both databases, so that a table that a migration makes anew is never left without.
An erasure needs none of them: what the log holds about a check is no personal data, and the key to the rest goes. It
does take the consents of a person, whose rows may therefore go and still not change. Whoever owns the database can take
the triggers off, too; what was signed tells then. They stop mistakes, and everybody who was given less than that.
"""

from sqlalchemy import Connection, inspect

_SAME = "NEW.size = OLD.size AND NEW.root = OLD.root AND NEW.last_seq = OLD.last_seq AND NEW.at_ms = OLD.at_ms"
CHANGES = {
    "log_leaves": "",
    "log_cosignatures": "",
    "receipt_ends": "",
    "consents": "",
    # A checkpoint is stored first and signed then, once.
    "log_checkpoints": f"NOT (OLD.note IS NULL AND {_SAME})",
}
"""By table, which changes are refused; every one where nothing is said."""
REMOVALS = ("log_leaves", "log_cosignatures", "log_checkpoints")
"""From these nothing is taken away either."""
_REFUSE = "broker_append_only"
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_REFUSE}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = '23514'; END $$
"""


def forbid(connection: Connection) -> None:
    """Put every trigger that is not there yet."""
    tables = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_FUNCTION)
        there = {row[0] for row in connection.exec_driver_sql("SELECT DISTINCT tgname FROM pg_trigger")}
        statements = _postgres()
    else:
        there = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        statements = _sqlite()
    for (table, name), statement in statements.items():
        if table in tables and name not in there:
            connection.exec_driver_sql(statement)


def names() -> dict[str, str]:
    """Each trigger with its table."""
    return {name: table for table, name in {**_postgres(), **_sqlite()}}


def _sqlite() -> dict[tuple[str, str], str]:
    body = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    changes = {
        (table, f"{table}_unchanged"): f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table}"
        f" {f'WHEN {when}' if when else ''} {body}"
        for table, when in CHANGES.items()
    }
    return changes | {
        (table, f"{table}_kept"): f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} {body}" for table in REMOVALS
    }


def _postgres() -> dict[tuple[str, str], str]:
    does = f"EXECUTE FUNCTION {_REFUSE}()"
    changes = {
        (table, f"{table}_unchanged"): f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE ON {table} FOR EACH ROW"
        f" {f'WHEN ({when})' if when else ''} {does}"
        for table, when in CHANGES.items()
    }
    kept = {
        (table, f"{table}_kept"): f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} FOR EACH ROW {does}"
        for table in REMOVALS
    }
    # Emptying a table fires no trigger of its rows.
    whole = {
        (table, f"{table}_whole"): f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} {does}"
        for table in REMOVALS
    }
    return changes | kept | whole

"""What all tables share."""

from sqlalchemy import MetaData, Text, column, table

# Without names of our own the two databases would each invent one, and no migration could name what it changes.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Alembic's own table, named here because the store refuses to run on another revision, and writes to it as a probe.
schema_revision = table("alembic_version", column("version_num", Text))

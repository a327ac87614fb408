"""The history of the schema, and the only place that knows Alembic."""

"""Alembic runs this to migrate; the connection and its transaction are those of `database.py`."""

from alembic import context

from contender_ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()

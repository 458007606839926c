"""Alembic's entry: runs the steps on the connection ``hub.store.migration`` hands over, in its transaction.

Not a place for settings, and never run from a command line.
"""

from alembic import context

from hub.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

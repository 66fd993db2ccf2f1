"""Alembic's entry: runs the versions it is given on the connection it is given (see ``sync.store.upgrade``)."""

from __future__ import annotations

from alembic import context

# The caller has begun the transaction, so Alembic neither begins nor commits one.
context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()

"""Alembic's way in: our transaction, our tables."""

from __future__ import annotations

from alembic import context

from core.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
context.run_migrations()

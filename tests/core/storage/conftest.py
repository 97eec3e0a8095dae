"""Every storage test runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.storage import house
from core.storage.database import Database
from core.storage.migrate import upgrade

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema."""
    url = (
        request.getfixturevalue("postgres_database")
        if request.param == "postgresql"
        else f"sqlite:///{tmp_path / 'relance.db'}"
    )
    kept = Database(url)
    yield kept
    kept.close()


@pytest.fixture
def database(empty: Database) -> Database:
    """A database with today's schema."""
    upgrade(empty)
    return empty


@pytest.fixture
def workspace(database: Database) -> str:
    with database.write() as tx:
        return house.add_workspace(tx, "Cabinet", {}, NOW)


@pytest.fixture
def stranger(database: Database) -> str:
    """Another company in the same database."""
    with database.write() as tx:
        return house.add_workspace(tx, "Concurrent", {}, NOW)

"""Every storage test runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.secrets import Vault
from core.storage import house
from core.storage.database import Database
from tests.support.schema import bring_up

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


@pytest.fixture
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema."""
    sqlite = f"sqlite:///{tmp_path / 'relance.db'}"
    kept = Database(sqlite if kind == "sqlite" else request.getfixturevalue("postgres_empty"))
    yield kept
    kept.close()


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with today's schema."""
    sqlite = f"sqlite:///{tmp_path / 'relance.db'}"
    address = sqlite if kind == "sqlite" else request.getfixturevalue("postgres_database")
    kept = Database(address, vault=Vault([Fernet.generate_key().decode()]))
    bring_up(kept)
    yield kept
    kept.close()


@pytest.fixture
def workspace(database: Database) -> str:
    with database.write() as tx:
        return house.add_workspace(tx, "Cabinet", {}, NOW)


@pytest.fixture
def stranger(database: Database) -> str:
    """Another company in the same database."""
    with database.write() as tx:
        return house.add_workspace(tx, "Concurrent", {}, NOW)

"""The key for numbers: a copy of the database does not tell who said no, and every process knows them again."""

from __future__ import annotations

import hashlib
import time

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, select, update

from core.secrets import Vault
from core.storage import house, migrate, number_key, people, rotation
from core.storage import tables as t
from core.storage.database import Database
from tests.core.storage.conftest import NOW

ANA = "+33612345678"


@pytest.fixture
def secret() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def home(empty: Database, secret: str) -> Database:
    """A house under that secret key."""
    home = opened(empty, secret)
    migrate.upgrade(home)
    return home


def opened(database: Database, *secrets: str) -> Database:
    """The same database by another process, with these secret keys."""
    return Database(database.url, vault=Vault(secrets))


def says_no(database: Database, name: str = "Cabinet") -> str:
    """A workspace to which that person said no."""
    with database.write() as tx:
        workspace = house.add_workspace(tx, name, {}, NOW)
    with database.write(workspace) as tx:
        people.stop(tx, ANA, "all", "console", {}, NOW)
    return workspace


def kept(database: Database) -> set[str]:
    with database.read() as tx:
        return set(tx.connection.execute(select(t.optouts.c.number_hash)).scalars())


def stopped(database: Database, workspace: str) -> bool:
    with database.read(workspace) as tx:
        standings, _ = people.standings(tx, workspace, [ANA])
    return ANA in standings and standings[ANA].opted_out == {"all"}


def test_one_number_is_another_hash_in_each_workspace_and_in_each_house(
    home: Database, secret: str, tmp_path
) -> None:
    mine, theirs = says_no(home), says_no(home, "Concurrent")
    assert mine != theirs
    assert len(kept(home)) == 2

    other = opened(Database(f"sqlite:///{tmp_path / 'other.db'}"), secret)
    migrate.upgrade(other)
    with home.read(mine) as here, other.read(mine) as there:
        assert people.number_hash(here, ANA) != people.number_hash(there, ANA)
    other.close()


def test_a_copy_of_the_database_alone_does_not_tell_a_number(home: Database) -> None:
    workspace = says_no(home)
    with home.read(workspace) as tx:
        lies_there = house.value(tx, number_key.NAME)
        key = tx.number_key
    (mark,) = kept(home)

    assert len(key) == 32
    assert key.hex() not in lies_there
    # All that a thief of the copy could take for the key.
    for guessed in (b"", workspace.encode(), lies_there.encode(), lies_there.encode()[:64], number_key.NAME.encode()):
        for written in (ANA, f"{workspace}|{ANA}"):
            tried = hashlib.blake2b(written.encode(), key=guessed[:64], digest_size=24).hexdigest()
            assert tried != mark
    # With it, and only with it, the number is known again.
    assert hashlib.blake2b(f"{workspace}|{ANA}".encode(), key=key, digest_size=24).hexdigest() == mark


def test_the_key_is_made_once_and_every_process_has_the_same(home: Database, secret: str) -> None:
    workspace = says_no(home)
    migrate.upgrade(home)
    another = opened(home, secret)
    migrate.give_key(another)

    assert stopped(home, workspace)
    assert stopped(another, workspace)
    another.close()


def test_a_new_secret_key_seals_it_again_and_whoever_said_no_is_known(home: Database, secret: str) -> None:
    workspace = says_no(home)
    new = Fernet.generate_key().decode()
    both = opened(home, new, secret)
    for dry_run, rotated, current in ((True, 1, 0), (False, 1, 0), (False, 0, 1)):
        done = {one.column: one for one in rotation.rotate(both, Vault([new, secret]), dry_run=dry_run)}
        assert done["house.number_key"] == rotation.Rotated("house.number_key", rotated, current)

    alone = opened(home, new)
    migrate.give_key(alone)
    assert stopped(alone, workspace)
    late = opened(home, secret)
    with pytest.raises(number_key.KeysWrong):
        migrate.give_key(late)
    late.close()
    done = {one.column: one for one in rotation.rotate(home, Vault([secret]))}
    assert done["house.number_key"].unreadable == 1
    both.close()
    alone.close()


def test_under_a_wrong_secret_key_nobody_is_taken_for_willing(home: Database) -> None:
    workspace = says_no(home)
    wrong = opened(home, Fernet.generate_key().decode())

    with pytest.raises(number_key.KeysWrong):
        migrate.upgrade(wrong)
    with pytest.raises(number_key.KeysWrong), wrong.read(workspace) as tx:
        people.standings(tx, workspace, [ANA])
    wrong.close()


def test_a_lost_or_moved_key_is_never_replaced_beside_what_it_wrote(home: Database, secret: str) -> None:
    workspace = says_no(home)
    with home.write() as tx:
        moved = Vault([secret]).seal({"key": "00" * 32}, workspace=workspace, owner="x", field="secrets")
        tx.connection.execute(update(t.house).where(t.house.c.name == number_key.NAME).values(value=moved))
    with pytest.raises(number_key.KeysWrong):
        migrate.give_key(home)
    with home.write() as tx:
        tx.connection.execute(delete(t.house).where(t.house.c.name == number_key.NAME))
    with pytest.raises(number_key.KeysWrong):
        migrate.give_key(home)


def test_ten_thousand_numbers_are_known_again_in_a_moment(database: Database, workspace: str) -> None:
    numbers = [f"+336{one:08d}" for one in range(10_000)]
    with database.write(workspace) as tx:
        for one in numbers[:20]:
            people.stop(tx, one, "all", "console", {}, NOW)
    with database.read(workspace) as tx:
        began = time.process_time()
        standings, _ = people.standings(tx, workspace, numbers)
        took = time.process_time() - began
    assert sorted(standings) == numbers[:20]
    assert took < 1.0, "0.02 s on the machine on which it was written"

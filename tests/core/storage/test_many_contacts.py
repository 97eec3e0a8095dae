"""Contacts of a file are written in a few statements: new ones are made, known ones brought up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from core.domain.errors import BadInput, Conflict
from core.domain.recipients import Line, Recipient
from core.storage import erasure, people, uploads
from core.storage.database import Database

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def person(index: int) -> Recipient:
    return Recipient(f"+336399{index:05d}", "FR", Line.MOBILE)


def test_new_ones_are_made_and_known_ones_keep_what_is_not_said_again(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        ana = people.remember(tx, person(1), {"name": "Ana", "values": {"Ville": "Lyon", "tags": ["vip"]}}, NOW)
        said = [(person(index), {"first_name": "Léa", "values": {"Ville": "Paris"}}) for index in range(1200)]
        asked: list[str] = []
        event.listen(tx.connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        ids = people.remember_all(tx, said, NOW)
        assert len(asked) < 30
        assert ids[1] == ana
        assert len(set(ids)) == 1200
        row = people.contact(tx, ana)
        assert row is not None
        assert (row["name"], row["first_name"]) == ("Ana", "Léa")
        assert row["values"] == {"Ville": "Paris", "tags": ["vip"]}
        assert people.remember_all(tx, said, NOW) == ids
        assert people.known_among(tx, {one.number for one, _ in said} | {"+33639999999"}) == 1200
        people.stop(tx, person(7).number, "all", "test", {}, NOW)
        standings, _ = people.standings(tx, workspace, [person(7).number])
        assert standings[person(7).number].opted_out, "known again by the hash that was written with it"


def test_a_file_comes_in_parts_in_their_order_and_is_forgotten(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        one = uploads.begin(tx, "a.csv", "usr_1", NOW)
        assert uploads.content(tx, one) is None
        assert uploads.add(tx, one, 0, b"tele", last=False)
        assert uploads.add(tx, one, 0, b"tele", last=False), "sent once more"
        with pytest.raises(Conflict):
            uploads.add(tx, one, 2, b"x", last=False)
        with pytest.raises(BadInput):
            uploads.add(tx, one, 1, b"x" * (uploads.MOST_PART + 1), last=False)
        uploads.add(tx, one, 1, b"phone", last=True)
        assert uploads.content(tx, one) == b"telephone"
        for _ in range(uploads.AT_ONCE):
            uploads.begin(tx, "b.csv", "usr_1", NOW)
        assert uploads.content(tx, one) is None, "the oldest made room"
        assert uploads.prune(tx, NOW + timedelta(hours=2)) == uploads.AT_ONCE


def test_who_is_erased_takes_every_file_that_may_name_them_along(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        one = uploads.begin(tx, "a.csv", "usr_1", NOW)
        uploads.add(tx, one, 0, b"telephone", last=True)
        assert erasure.forget(tx, person(1).number)["uploads"] == 1
        assert uploads.get(tx, one) is None

"""The book of parts: ids and receipts meet, whichever comes first. The database's book and the one in memory agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.contract import Account, KnownPart, Part, PartsBook, PartWord
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.providers.smpp.notes import Notes
from core.providers.smpp.words import heard_as, spelled, taken_as
from core.storage import house, migrate, outbox, retention
from core.storage import tables as t
from core.storage.database import Database
from core.storage.smpp_parts import DatabaseParts

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
DELIVERED, FAILED, SENT = State.DELIVERED, State.FAILED, State.SENT


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('parts')}/relance.db")
    migrate.upgrade(database)
    yield database
    database.close()


@pytest.fixture(params=["database", "memory"])
def book(request: pytest.FixtureRequest, database: Database) -> PartsBook:
    return DatabaseParts(database) if request.param == "database" else Notes()


_accounts = itertools.count(1)


@pytest.fixture
def account() -> Account:
    """Each test has its own, in one database."""
    return Account(f"acc_{next(_accounts)}", "ws_1", "smpp", {}, {}, "", "")


def part(message_id: str, number: int = 1, total: int = 1, reference: str = "msg_1", tail: str = "981001") -> Part:
    return Part(reference, number, total, spelled(message_id), heard_as(message_id, "auto"), tail)


def word(message_id: str, state: State | None = DELIVERED, tail: str = "981001", at: datetime = NOW) -> PartWord:
    reason = Reason("provider_expired") if state is FAILED else None
    return PartWord(spelled(message_id), taken_as(message_id, "auto"), tail, state, str(state), at, reason)


def told(book: PartsBook, account: Account) -> list[list[tuple[str | None, int, State | None]]]:
    """What is news, and news no more."""
    news = book.news(account, NOW - timedelta(minutes=3))
    book.told(account, [one for parts in news for one in parts])
    return [[(one.reference, one.number, one.state) for one in parts] for parts in news]


@pytest.mark.parametrize("answered", ["1A2B3C", "1715004"])
@pytest.mark.parametrize("received", ["1A2B3C", "1715004"])
@pytest.mark.parametrize("receipt_first", [False, True])
def test_an_id_and_its_receipt_meet(
        book: PartsBook, account: Account, answered: str, received: str, receipt_first: bool) -> None:
    if receipt_first:
        book.hear(account, [word(received)], NOW)
        assert told(book, account) == []
    book.take(account, [part(answered)], NOW)
    if not receipt_first:
        assert told(book, account) == []
        book.hear(account, [word(received)], NOW)
    assert told(book, account) == [[("msg_1", 1, DELIVERED)]]
    assert told(book, account) == []


def test_all_parts_of_a_message_come_with_the_news_of_one(book: PartsBook, account: Account) -> None:
    book.take(account, [part("7", 1, 3), part("8", 2, 3), part("9", 3, 3), part("10", reference="msg_2")], NOW)
    book.hear(account, [word("8")], NOW)
    assert told(book, account) == [[("msg_1", 1, None), ("msg_1", 2, DELIVERED), ("msg_1", 3, None)]]


def test_the_number_must_agree(book: PartsBook, account: Account) -> None:
    book.take(account, [part("1000"), part("3E8", reference="msg_2", tail="981002")], NOW)
    book.hear(account, [word("1000", tail="981002")], NOW)
    assert told(book, account) == [[("msg_2", 1, DELIVERED)]]


def test_an_id_given_twice_is_the_newest_one_s(book: PartsBook, account: Account) -> None:
    book.take(account, [part("7")], NOW)
    book.take(account, [part("7", reference="msg_2")], NOW)
    book.hear(account, [word("7")], NOW)
    assert told(book, account) == [[("msg_2", 1, DELIVERED)]]


@pytest.mark.parametrize(("first", "then", "stays"), [
    (DELIVERED, SENT, DELIVERED), (DELIVERED, FAILED, DELIVERED), (FAILED, SENT, FAILED), (SENT, None, SENT),
    (SENT, DELIVERED, DELIVERED), (SENT, FAILED, FAILED), (FAILED, DELIVERED, DELIVERED), (None, SENT, SENT)])
def test_a_part_never_goes_backwards(
        book: PartsBook, account: Account, first: State | None, then: State | None, stays: State | None) -> None:
    book.take(account, [part("7")], NOW)
    book.hear(account, [word("7", first)], NOW)
    assert told(book, account) == [[("msg_1", 1, first)]]
    book.hear(account, [word("7", then)], NOW)
    assert told(book, account) == ([[("msg_1", 1, stays)]] if stays is not first else [])


def test_what_is_heard_while_core_is_told_stays_news(book: PartsBook, account: Account) -> None:
    book.take(account, [part("7")], NOW)
    book.hear(account, [word("7", SENT)], NOW)
    [parts] = book.news(account, NOW)
    book.hear(account, [word("7", DELIVERED)], NOW)
    book.told(account, parts)
    assert told(book, account) == [[("msg_1", 1, DELIVERED)]]


def test_accounts_do_not_hear_each_other(book: PartsBook, account: Account) -> None:
    other = replace(account, id="acc_other")
    book.take(account, [part("7")], NOW)
    book.hear(other, [word("7")], NOW)
    assert told(book, account) == []


def test_many_at_once(book: PartsBook, account: Account) -> None:
    book.take(account, [part(str(number), reference=f"msg_{number:04}") for number in range(1000, 1900)], NOW)
    book.hear(account, [word(str(number)) for number in range(1000, 1900)], NOW)
    seen: set[str | None] = set()
    while news := told(book, account):
        seen |= {one[0] for parts in news for one in parts}
    assert len(seen) == 900


# what only the database knows

def test_a_receipt_that_finds_no_part_is_told_alone_after_a_while(database: Database, account: Account) -> None:
    book = DatabaseParts(database)
    book.hear(account, [word("7"), word("7")], NOW)
    assert book.news(account, NOW) == []
    [[lost]] = book.news(account, LATER)
    assert isinstance(lost, KnownPart)
    assert (lost.reference, lost.id, lost.state, lost.at) == (None, "7", DELIVERED, NOW)
    book.told(account, [lost])
    assert book.news(account, LATER) == []
    book.take(account, [part("7")], LATER)
    assert told(book, account) == [[("msg_1", 1, DELIVERED)]]


def _in_doubt(database: Database, numbers: list[str]) -> tuple[Account, list[str]]:
    with database.write() as tx:
        workspace = house.add_workspace(tx, "essai", {}, NOW)
    with database.write(workspace) as tx:
        ids = outbox.accept(tx, [outbox.New(
            to=number, country="FR", text="a" * 200, encoding="GSM-7", segments=2, due_at=NOW, channels=(Channel.SMS,),
            message_class=MessageClass.CONVERSATIONAL, expires_at=NOW + timedelta(days=1)) for number in numbers], NOW)
        tx.connection.execute(t.messages.update().where(t.messages.c.id.in_(ids)).values(
            state="uncertain", account=f"acc_{workspace}"[:40], left_at=NOW))
    return Account(f"acc_{workspace}"[:40], workspace, "smpp", {}, {}, "", ""), ids


def test_a_message_in_doubt_takes_the_receipts_that_nobody_else_can_have_had(database: Database) -> None:
    account, [message] = _in_doubt(database, ["+33639981001"])
    book = DatabaseParts(database)
    book.take(account, [part("7", 1, 2, message)], NOW)
    book.hear(account, [word("8"), word("9", tail="999999")], NOW)
    news = {parts[0].reference: [(one.number, one.state) for one in parts] for parts in book.news(account, LATER)}
    assert news == {message: [(1, None), (2, DELIVERED)], None: [(0, DELIVERED)]}


def test_two_messages_in_doubt_take_nothing(database: Database) -> None:
    account, _ = _in_doubt(database, ["+33639981001", "+33639981001"])
    book = DatabaseParts(database)
    book.hear(account, [word("8")], NOW)
    assert [parts[0].reference for parts in book.news(account, LATER)] == [None]


def test_it_is_pruned_and_holds_no_number(database: Database, account: Account) -> None:
    DatabaseParts(database).take(account, [part("7")], NOW)
    with database.read() as tx:
        assert "33639981001" not in repr(tx.rows(t.smpp_parts.select()))
    with database.write() as tx:
        retention.prune(tx, NOW + timedelta(days=31))
        assert tx.rows(t.smpp_parts.select()) == []


@pytest.mark.postgres
def test_the_same_on_postgresql(postgres_database: str) -> None:
    database = Database(postgres_database)
    migrate.upgrade(database)
    account, [message] = _in_doubt(database, ["+33639981001"])
    book = DatabaseParts(database)
    book.hear(account, [word("1715004"), word("1715004")], NOW)
    book.take(account, [part("1A2B3C", 1, 2, message)], NOW)
    book.hear(account, [word("8"), word("9", tail="999999")], NOW)
    news = {parts[0].reference: [(one.number, one.state) for one in parts] for parts in book.news(account, LATER)}
    assert news == {message: [(1, DELIVERED), (2, DELIVERED)], None: [(0, DELIVERED)]}
    for parts in book.news(account, LATER):
        book.told(account, parts)
    assert book.news(account, LATER) == []
    database.close()

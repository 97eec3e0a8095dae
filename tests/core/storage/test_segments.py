"""Who belongs to a segment: Python and both databases give the same answer, each in one statement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert

from core.domain.carts import total_of
from core.domain.events import Kind
from core.domain.messages import Channel, MessageClass
from core.domain.recipients import Line, Recipient
from core.domain.segments import CONSENTS, DEEDS, FIELDS, NUMBERS, Deed, Person, meets, parse
from core.ids import new_id
from core.storage import outbox, people, segments
from core.storage import tables as t
from core.storage.database import Database, Transaction

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
WORDS = ["Lyon", "lyon", "L", "", "é", "12", "12.5", "true", "vip", "a'b", "%", "FR", "fr", "+3363998"]
FIGURES = ["1 234,50 €", "-3", "12,", "1e3", "1.2.3", "0012.0000019", "1\u202f000", "9" * 13, "--1", "1-", "-", ".5"]
DATES = ["2026-11-20", "2026-11-20T10:00:00", "20/11/2026", "2026-11-20x", "1/2/2026", "31/12/2026", "2026-13-45"]
VALUES: list[Any] = [*WORDS, *FIGURES, *DATES, 1234.5, -3.0000019, 12, 12.5, True, False, None, [], ["Lyon"], {"a": 1},
                     10**15, -3, 1e22, 0.1]
DAYS = st.integers(0, 60)
TOTALS = [{}, {"total": {"amount": 12_500_000, "currency": "EUR"}},
          {"total": {"amount": 100_000_000, "currency": "USD"}}, {"total": {"amount": "12", "currency": "EUR"}},
          {"total": "12"}, {"total": {"amount": 87_500_000, "currency": "EUR"}}, {"total": {"amount": 12.5}}]
MOMENTS = DAYS.map(lambda days: NOW - timedelta(days=days))

words = st.sampled_from([one for one in WORDS if one])
operators = st.one_of(
    words.map(lambda word: {"is": word}),
    st.lists(words, min_size=1, max_size=3).map(lambda some: {"in": some}),
    words.map(lambda word: {"begins": word}),
    st.booleans().map(lambda yes: {"known": yes}),
)
numbers = st.builds(lambda operator, number: {operator: number}, st.sampled_from(NUMBERS),
                    st.sampled_from([0, 12, 12.5, 1234.5, -3, 100, 0.000001, 10**12]))  # fmt: skip
days = st.one_of(
    st.builds(lambda operator, ago: {operator: f"P{ago}D"}, st.sampled_from(["longer_ago", "within"]), DAYS),
    st.builds(lambda operator, day: {operator: day}, st.sampled_from(["before", "since"]),
              st.sampled_from(["2026-11-20", "2026-11-21", "2026-12-31", "2026-11-20T10:00:00+01:00"])),
)  # fmt: skip
leaves = st.one_of(
    st.builds(lambda name, said: {"field": name, **said}, st.sampled_from(FIELDS), operators),
    st.builds(lambda name, said: {"value": name, **said}, st.sampled_from(["ville", "Code postal", "é", "tags"]),
              st.one_of(operators, numbers, days)),
    st.builds(lambda what, edge: {"last": what, **edge}, st.sampled_from(DEEDS), days),
    st.builds(lambda currency, number, within: {"spent": currency, **number, **within},
              st.sampled_from(["EUR", "USD"]), numbers,
              st.sampled_from([{}, {"within": "P30D"}])),
    words.map(lambda word: {"tag": word}),
    st.sampled_from(["seg_a", "seg_b"]).map(lambda name: {"list": name}),
    st.sampled_from(CONSENTS).map(lambda state: {"consent": state}),
    st.booleans().map(lambda yes: {"quarantined": yes}),
    st.builds(
        lambda what, days, times: {
            "did": what, **({} if days is None else {"within": f"P{days}D"}),
            **({} if times == 1 else {"times": times}),
        },
        st.sampled_from(DEEDS), st.one_of(st.none(), DAYS), st.integers(1, 2),
    ),
    st.builds(
        lambda what, named: {"did": what, **named}, st.sampled_from(["got", "delivered", "clicked"]),
        st.sampled_from([{"campaign": "cmp_a"}, {"channel": "sms"}, {"campaign": "cmp_a", "channel": "rcs"}]),
    ),
)  # fmt: skip
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda one: {"not": one}),
    ),
    max_leaves=6,
).filter(lambda given: _depth(given) <= 5)
texts = st.one_of(st.none(), st.sampled_from(WORDS))
languages = st.one_of(st.none(), st.sampled_from([one for one in WORDS if len(one) <= 5]))
persons = st.fixed_dictionaries({
    "fields": st.fixed_dictionaries(
        {**dict.fromkeys(("name", "first_name", "email", "zone"), texts), "language": languages}
    ),
    "values": st.dictionaries(st.sampled_from(["ville", "Code postal", "é"]), st.sampled_from(VALUES)),
    "tags": st.one_of(st.none(), st.lists(st.sampled_from([*WORDS, 3]), max_size=3), st.just("vip")),
    "words": st.lists(st.tuples(st.sampled_from(["marketing", "all", "transactional"]), st.booleans()), max_size=3),
    "dead": st.booleans(),
    "lists": st.sets(st.sampled_from(["seg_a", "seg_b"])),
    "deeds": st.lists(st.tuples(st.sampled_from(DEEDS), MOMENTS, st.sampled_from([None, "cmp_a"]),
                                st.sampled_from(["sms", "rcs"])), max_size=4),
})  # fmt: skip


def _depth(given: dict[str, Any]) -> int:
    inner = given.get("all") or given.get("any") or ([given["not"]] if "not" in given else [])
    return 1 + max((_depth(one) for one in inner), default=0)


class _Undone(Exception):
    pass


@pytest.fixture
def crowd(database: Database, workspace: str, stranger: str) -> Any:
    """Writes people down in a transaction that leaves nothing behind, and asks them."""

    def ask(some: list[dict[str, Any]], said: dict[str, Any]) -> tuple[set[str], set[str], int]:
        try:
            with database.write(workspace) as tx:
                known = [_written(tx, f"+3363998{index:04d}", one) for index, one in enumerate(some)]
                condition = parse(said)
                by_python = {str(one.fields["number"]) for one in known if meets(condition, one, NOW)}
                by_database = {row["number"] for row in segments.people(tx, condition, NOW, limit=100)}
                counted = segments.count(tx, condition, NOW)
                apart = segments.people(Transaction(tx.connection, stranger), condition, NOW)
                assert apart == []
                raise _Undone
        except _Undone:
            return by_python, by_database, counted

    return ask


@given(some=st.lists(persons, min_size=1, max_size=4), said=conditions)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_python_and_the_database_agree(crowd: Any, some: list[dict[str, Any]], said: dict[str, Any]) -> None:
    by_python, by_database, counted = crowd(some, said)
    assert by_database == by_python
    assert counted == len(by_python)


def test_however_many_conditions_it_is_one_statement(database: Database, workspace: str) -> None:
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    said = {"any": [{"did": what, "within": "P9D"} for what in DEEDS] + [{"consent": "in"}, {"tag": "vip"}]}
    with database.read(workspace) as tx:
        event.listen(tx.connection, "before_cursor_execute", note)
        segments.count(tx, parse(said), NOW)
        event.remove(tx.connection, "before_cursor_execute", note)
    assert len(asked) == 1


def _written(tx: Transaction, number: str, one: dict[str, Any]) -> Person:
    values = {**one["values"], **({} if one["tags"] is None else {"tags": one["tags"]})}
    joined = min((at for what, at, _, _ in one["deeds"] if what == "joined"), default=NOW + timedelta(days=1))
    recipient = Recipient(number, "FR", Line.MOBILE)
    contact = people.remember(tx, recipient, {**one["fields"], "values": values}, joined)
    if one["dead"]:
        people.change_contact(tx, contact, {"quarantine": {"code": "dead_number", "values": {}}})
    opted_out, agreed = set[str](), False
    for minute, (scope, yes) in enumerate(one["words"]):
        at = NOW - timedelta(days=9) + timedelta(minutes=minute)
        if yes:
            people.start(tx, number, scope, "test", {}, at)
            opted_out -= {scope, "all"}
        else:
            people.stop(tx, number, scope, "test", {}, at)
            opted_out.add(scope)
        agreed = yes if scope == "marketing" else agreed
    tx.connection.execute(t.segment_people.delete().where(t.segment_people.c.contact == contact))
    for name in one["lists"]:
        tx.connection.execute(insert(t.segment_people).values(segment=name, contact=contact, workspace=tx.owned))
    deeds = [Deed("joined", joined)] if joined <= NOW else []
    for what, at, campaign, channel in one["deeds"]:
        if what != "joined":
            deeds += _done(tx, number, what, at, campaign, channel)
    fields = {"number": number, "country": "FR", **one["fields"]}
    return Person(fields, values, frozenset(opted_out), agreed, one["dead"], frozenset(one["lists"]), tuple(deeds))


def _done(tx: Transaction, number: str, what: str, at: datetime, campaign: str | None, channel: str) -> list[Deed]:
    if what == "replied":
        tx.connection.execute(insert(t.replies).values(
            id=new_id("rep"), workspace=tx.owned, number=number, to="36111", text="OUI", at=at, received_at=at,
            provider_ref=new_id("ref"), meaning="other",
        ))  # fmt: skip
        return [Deed("replied", at)]
    if what in ("ordered", "visited"):
        total: dict[str, Any] = TOTALS[int(at.timestamp() // 86400) % len(TOTALS)] if what == "ordered" else {}
        kind = Kind.ORDER if what == "ordered" else Kind.APPOINTMENT
        tx.connection.execute(insert(t.occasions).values({
            "id": new_id("occ"), "workspace": tx.owned, "installation": "ins_1", "key": new_id("key"),
            "kind": str(kind), "at": at, "digest": "x", "start": at, "all_day": False, "recipient": number,
            "candidates": [], "values": total, "private": {}, "first_seen": at, "backlog": False,
        }))  # fmt: skip
        return [Deed(what, at, total=total_of(total))]
    [message] = outbox.accept(tx, [outbox.New(
        to=number, country="FR", text="Bonjour", encoding="GSM-7", segments=1, message_class=MessageClass.MARKETING,
        channels=(Channel(channel),), due_at=at, campaign=campaign,
    )], at)  # fmt: skip
    m = t.messages
    left: dict[str, Any] = {"left_at": at, "channel": channel, "state": "delivered" if what == "delivered" else "sent"}
    tx.connection.execute(m.update().where(m.c.id == message).values(**left))
    done = [Deed("got", at, campaign, channel)]
    if what == "delivered":
        done.append(Deed("delivered", at, campaign, channel))
    if what == "clicked":
        tx.connection.execute(insert(t.clicks).values(
            id=new_id("clk"), workspace=tx.owned, link="lnk_1", message=message, at=at))  # fmt: skip
        done.append(Deed("clicked", at, campaign, channel))
    return done

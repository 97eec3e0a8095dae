"""Figures follow the ledger: whatever happens to messages, and whenever one looks, both say the same."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import house, ledger, measures, outbox
from core.storage import tables as t
from core.storage.database import Database, Transaction
from core.storage.outbox import New, Result
from tests.core.storage.conftest import NOW

PARIS = ZoneInfo("Europe/Paris")
WHY = Reason("test")


def new(number: str = "+33639980001", **given: Any) -> New:
    given = {"message_class": MessageClass.TRANSACTIONAL, "due_at": NOW, "country": "FR", **given}
    return New(to=number, text="Rappel", encoding="GSM-7", segments=2, channels=(Channel.SMS,), **given)


def follow(database: Database, workspace: str) -> None:
    with database.read() as tx:
        found = measures.news(tx, NOW)
    with database.write() as tx:
        assert measures.mark(tx, found, NOW)
    with database.read(workspace) as tx:
        days = measures.stale(tx, limit=1000)
    for one in days:
        with database.read(workspace) as tx:
            rows = measures.added_up(tx, one)
        with database.write(workspace) as tx:
            assert measures.put(tx, one, rows)


def shown(tx: Transaction) -> dict[str, dict[str, int]]:
    """day → figure → count, of days on which anything left."""
    asked = measures.Asked(date(2026, 1, 1), date(2027, 12, 31), {})
    found: dict[str, dict[str, int]] = {}
    for (day, _), sums in measures.sums(tx, asked, "day").items():
        for name in ("left", "delivered", "read", "failed"):
            found.setdefault(day, Counter())[name] += sums[name]
    return {day: dict(counts) for day, counts in found.items() if counts["left"]}


def told(tx: Transaction) -> dict[str, dict[str, int]]:
    """The same from the ledger alone, step by step."""
    last: dict[str, tuple[datetime | None, str]] = {}
    for row in tx.rows(tx.mine(t.steps).order_by(t.steps.c.id)):
        left, _ = last.get(row["message"], (None, ""))
        if row["state"] in ("scheduled", "held"):
            left = None
        elif row["state"] in ("sent", "uncertain", "delivered", "read"):
            left = left or row["at"]
        last[row["message"]] = (left, row["state"])
    found: dict[str, Counter[str]] = {}
    for left, state in last.values():
        if left is None:
            continue
        of = found.setdefault(left.astimezone(PARIS).date().isoformat(), Counter())
        of["left"] += 1
        of["delivered"] += state in ("delivered", "read")
        of["read"] += state == "read"
        of["failed"] += state == "failed"
    names = ("left", "delivered", "read", "failed")
    return {day: {name: counts[name] for name in names} for day, counts in found.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_figures_are_those_of_the_ledger_whatever_happens(database, workspace, seed):
    lot = random.Random(seed)
    with database.write(workspace) as tx:
        ids = outbox.accept(tx, [new() for _ in range(40)], NOW)
    now = NOW
    for turn in range(30):
        now += timedelta(minutes=lot.randrange(1, 600))
        with database.write() as tx:
            claimed = outbox.claim(tx, now, 3, owner="own_1", lease=timedelta(minutes=2))
            then = lot.choice([State.SENT, State.SENT, State.UNCERTAIN, State.FAILED, State.SCHEDULED])
            outbox.record(tx, [Result(one, then, WHY, account="acc_1", provider="memory", attempt="accepted",
                                      due_at=now) for one in claimed], now)  # fmt: skip
        with database.write(workspace) as tx:
            for name in lot.sample(ids, 6):
                if lot.random() < 0.2:
                    outbox.put_back(tx, name, WHY, now, now)
                else:
                    then = lot.choice([State.DELIVERED, State.DELIVERED, State.FAILED, State.READ])
                    outbox.advance(tx, name, workspace, then, WHY, now)
        if turn % 3 == 0:
            follow(database, workspace)
            with database.read(workspace) as tx:
                assert shown(tx) == told(tx)
    follow(database, workspace)
    with database.read(workspace) as tx:
        assert shown(tx) == told(tx) != {}


def leave(database: Database, workspace: str, *messages: New, at: datetime = NOW) -> list[str]:
    with database.write(workspace) as tx:
        ids = outbox.accept(tx, messages, at)
    with database.write() as tx:
        claimed = outbox.claim(tx, at, 500, owner="own_1", lease=timedelta(minutes=2))
        outbox.record(tx, [Result(one, State.SENT, account="acc_1", provider="memory", attempt="accepted",
                                  price_micros=70_000, currency="EUR") for one in claimed], at)  # fmt: skip
    return ids


def total(database: Database, workspace: str, **only: str) -> dict[str, int]:
    follow(database, workspace)
    asked = measures.Asked(date(2026, 11, 1), date(2026, 12, 31), only)
    with database.read(workspace) as tx:
        found: Counter[str] = Counter()
        for sums in measures.sums(tx, asked).values():
            found.update(sums)
    return dict(found)


def test_clicks_answers_and_stops_are_of_people_and_money_is_what_the_provider_said(database, workspace, stranger):
    asking = new(asks=True, price_micros=52_000, currency="EUR", message_class=MessageClass.MARKETING)
    ids = leave(database, workspace, asking, asking, new("+32470001001", country="BE"))
    leave(database, stranger, new())
    with database.write(workspace) as tx:
        tx.connection.execute(t.links.insert(), [
            {"id": new_id("lnk"), "workspace": workspace, "code": f"c{index}", "target": "https://a.example/",
             "track": False, "message": one, "test": False, "created_at": NOW} for index, one in enumerate(ids[:2])])
        tx.connection.execute(t.clicks.insert(), [
            {"id": new_id("clk"), "workspace": workspace, "link": "lnk", "message": ids[0], "at": NOW}] * 1)
        for index, (message, meaning) in enumerate([(ids[0], "confirm"), (ids[0], "confirm"), (ids[1], "stop")]):
            tx.connection.execute(t.replies.insert().values(
                id=new_id("rep"), workspace=workspace, number="+33639980001", to="38000", text="OUI", at=NOW,
                received_at=NOW, provider_ref=f"r{index}", message=message, meaning=meaning))
    sums = total(database, workspace)
    assert {name: sums[name] for name in ("left", "parts", "linked", "clicked", "asked", "answered", "stops")} == {
        "left": 3, "parts": 6, "linked": 2, "clicked": 1, "asked": 2, "answered": 1, "stops": 1}
    assert sums["micros"] == 3 * 70_000
    assert total(database, workspace, country="BE")["left"] == 1
    assert total(database, workspace, range="+3363")["left"] == 2
    assert total(database, workspace, **{"class": "marketing"})["clicked"] == 1


def test_test_messages_are_left_out_and_a_day_begins_where_the_workspace_is(database, workspace):
    late = datetime(2026, 12, 1, 23, 30, tzinfo=PARIS)
    leave(database, workspace, new(due_at=late), new(due_at=late, test=True), at=late)
    follow(database, workspace)
    with database.read(workspace) as tx:
        assert shown(tx) == {"2026-12-01": {"left": 1, "delivered": 0, "read": 0, "failed": 0}}
        assert measures.elsewhere(tx, "Asia/Tokyo") is True
    with database.write(workspace) as tx:
        house.change_settings(tx, {"zone": "Asia/Tokyo"})
        measures.move(tx, "Asia/Tokyo")
    follow(database, workspace)
    with database.read(workspace) as tx:
        assert list(shown(tx)) == ["2026-12-02"]
        assert measures.elsewhere(tx, "Asia/Tokyo") is False


def test_a_day_that_changes_while_it_is_added_up_is_added_up_again(database, workspace):
    leave(database, workspace, new())
    with database.read() as tx:
        found = measures.news(tx, NOW)
    with database.write() as tx:
        measures.mark(tx, found, NOW)
    with database.read(workspace) as tx:
        (one,) = measures.stale(tx, limit=9)
        rows = measures.added_up(tx, one)
    with database.write(workspace) as tx:
        measures.touch(tx, [one.day], one.zone)
    with database.write(workspace) as tx:
        assert measures.put(tx, one, rows) is False
    with database.read(workspace) as tx:
        assert len(measures.stale(tx, limit=9)) == 1
    with database.write() as tx:
        assert measures.mark(tx, found, NOW) is False, "somebody else has read on meanwhile"


def test_numbers_that_were_given_again_after_an_erasure_are_read(database, workspace):
    """SQLite gives the number of the last step again, once it is gone."""
    leave(database, workspace, new())
    follow(database, workspace)
    with database.write(workspace) as tx:
        for table in (t.steps, t.messages):
            tx.connection.execute(table.delete())
    (name,) = leave(database, workspace, new(due_at=NOW + timedelta(days=2)), at=NOW + timedelta(days=2))
    follow(database, workspace)
    with database.read(workspace) as tx:
        assert shown(tx)["2026-12-03"]["left"] == 1
        assert [step["state"] for step in ledger.history(tx, name)[0]] == ["sent"]


def test_people_by_the_month_of_their_yes(database, workspace):
    months = [datetime(2026, 10, 1, tzinfo=PARIS), datetime(2026, 11, 1, tzinfo=PARIS)]
    (followed,) = leave(database, workspace, new("+33639980002"))

    def said(number: str, state: str, at: datetime) -> dict[str, Any]:
        return {"id": new_id("cns"), "workspace": workspace, "number": number, "scope": "marketing", "state": state,
                "at": at, "source": "form", "proof": {}}

    with database.write(workspace) as tx:
        october, november = (one + timedelta(days=3) for one in months)
        tx.connection.execute(t.consents.insert(), [
            said("+33639980001", "in", october), said("+33639980001", "out", november),
            said("+33639980002", "in", october), said("+33639980003", "in", november),
            said("+33639980003", "out", november + timedelta(hours=1)),
            said("+33639980003", "in", november + timedelta(hours=2)), said("+33639980009", "out", october)])
        tx.connection.execute(t.clicks.insert().values(
            id=new_id("clk"), workspace=workspace, link="lnk", message=followed, at=NOW))
        assert measures.cohorts(tx, months) == [(2, 1, 1), (1, 1, 0)]

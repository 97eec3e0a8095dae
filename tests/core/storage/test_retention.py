"""How long each kind of data is kept: the day before its time it is there, the day after it is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from core.contract import Inbound, PhoneReply
from core.domain.events import Event, Kind
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.storage import feedback, idempotency, inbox, occasions, outbox, people, retention
from core.storage import tables as t

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"


def prune(database, days: float) -> None:
    with database.write() as tx:
        retention.prune(tx, NOW + timedelta(days=days))


def count(database, table) -> int:
    with database.read() as tx:
        return int(tx.connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def message(**given) -> outbox.New:
    usual = {"to": ANA, "country": "FR", "text": "Rappel de Mme Roux", "encoding": "GSM-7", "segments": 1,
             "message_class": MessageClass.TRANSACTIONAL, "channels": (Channel.SMS,), "due_at": NOW}  # fmt: skip
    return outbox.New(**{**usual, **given})


@pytest.mark.parametrize(("days", "text"), [(89, "Rappel de Mme Roux"), (91, retention.DELETED_TEXT)])
def test_texts_are_read_for_ninety_days_and_the_fact_of_the_message_for_longer(database, workspace, days, text):
    with database.write(workspace) as tx:
        [ended, waiting] = outbox.accept(tx, [message(), message(due_at=NOW)], NOW)
        outbox.cancel(tx, ended, Reason("by_person"), NOW)
    prune(database, days)
    with database.read(workspace) as tx:
        row, open_one = outbox.get(tx, ended), outbox.get(tx, waiting)
    assert row is not None
    assert open_one is not None
    assert (row["text"], row["to"], row["state"]) == (text, ANA, "cancelled")
    assert open_one["text"] == "Rappel de Mme Roux", "what still waits is not emptied"


@pytest.mark.parametrize(("days", "text"), [(89, "Je suis malade"), (91, retention.DELETED_TEXT)])
def test_what_people_wrote_is_read_for_ninety_days(database, workspace, days, text):
    with database.write(workspace) as tx:
        name = feedback.keep_reply(tx, "acc_1", PhoneReply(ANA, "38555", "Je suis malade", NOW, "r1"), NOW)
        assert name is not None
    prune(database, days)
    with database.read(workspace) as tx:
        assert feedback.reply(tx, name)["text"] == text


@pytest.mark.parametrize(("state", "kept", "gone"), [("read", 6, 8), ("repeated", 6, 8), ("unsupported", 6, 8),
                                                     ("unreadable", 89, 91)])
def test_raw_requests_are_kept_a_week_and_what_could_not_be_read_until_it_can_be_mended(
    database, workspace, state, kept, gone
):
    with database.write(workspace) as tx:
        inbox.keep(tx, Inbound("POST", "https://x", (), b"{}", NOW), "shop", state, installation="ins_1")
    prune(database, kept)
    assert count(database, t.inbox) == 1
    prune(database, gone)
    assert count(database, t.inbox) == 0


@pytest.mark.parametrize(("state", "kept", "gone"), [("told", 29, 31), ("failed", 29, 31), ("waiting", 89, 91)])
def test_reports_which_hold_what_people_wrote_are_gone_when_they_are_told(database, workspace, state, kept, gone):
    with database.write(workspace) as tx:
        feedback.queue_report(tx, "ins_1", occasion=None, message=None, kind="text", content={"text": "oui"}, now=NOW)
        tx.connection.execute(t.reports.update().values(state=state))
    prune(database, kept)
    assert count(database, t.reports) == 1
    prune(database, gone)
    assert count(database, t.reports) == 0


def test_what_was_owed_to_which_message_is_known_for_a_year_and_a_month(database, workspace):
    same = {"workspace": workspace, "installation": "ins_1", "rule": "rul_1", "cart": "occ_1"}
    with database.write(workspace) as tx:
        order = {"purchase": "occ_2", "kind": "click", "nudged_at": NOW, "at": NOW}
        tx.connection.execute(t.conversions.insert().values(**same, **order))
        tx.connection.execute(t.left_out.insert().values(**same, at=NOW))
        clicks = {"id": "clk_1", "workspace": workspace, "link": "lnk_own", "at": NOW}
        tx.connection.execute(t.clicks.insert().values(**clicks))
    prune(database, 399)
    assert [count(database, one) for one in (t.conversions, t.left_out, t.clicks)] == [1, 1, 1]
    prune(database, 401)
    assert [count(database, one) for one in (t.conversions, t.left_out, t.clicks)] == [0, 0, 0]


def test_idempotency_keys_live_two_days(database, workspace):
    with database.write(workspace) as tx:
        idempotency.begun(tx, "k", "digest", NOW)
    prune(database, 1.9)
    assert count(database, t.idempotency) == 1
    prune(database, 2.1)
    assert count(database, t.idempotency) == 0


def test_an_occasion_is_forgotten_a_year_after_it_was_and_what_waits_about_it_keeps_it(database, workspace):
    with database.write(workspace) as tx:
        for key in ("over", "waited for"):
            occasions.apply(tx, "ins_1", [Event(Kind.APPOINTMENT, key, NOW, start=NOW)], backlog=False, now=NOW)
        [waited] = occasions.by_keys(tx, "ins_1", ["waited for"])
        outbox.accept(tx, [message(installation="ins_1", occasion=waited.id, key="waited for/rul_1")], NOW)
    prune(database, 359)
    assert count(database, t.occasions) == 2
    prune(database, 361)
    with database.read() as tx:
        assert [row.key for row in tx.connection.execute(select(t.occasions))] == ["waited for"]


def test_a_stop_and_its_proof_outlive_everything_else(database, workspace):
    with database.write(workspace) as tx:
        people.stop(tx, ANA, "marketing", "reply", {"text": "STOP"}, NOW)
    prune(database, 3650)
    with database.read(workspace) as tx:
        standings, _ = people.standings(tx, workspace, [ANA])
        assert people.consents(tx)[0]["proof"] == {"text": "STOP"}
    assert standings[ANA].opted_out == {"marketing"}


def test_pruning_twice_finds_nothing_more(database, workspace):
    with database.write(workspace) as tx:
        outbox.cancel(tx, outbox.accept(tx, [message()], NOW)[0], Reason("by_person"), NOW)
    with database.write() as tx:
        assert retention.prune(tx, NOW + timedelta(days=400)) > 0
        assert retention.prune(tx, NOW + timedelta(days=400)) == 0

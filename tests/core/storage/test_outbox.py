"""The outbox: claimed once, recorded by who holds it, never backwards, and nobody else's business."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.reconciling import Cancel, Known
from core.storage import ledger, outbox
from core.storage import tables as t
from core.storage.database import Database
from core.storage.outbox import Claimed, New, Result

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
WHY = Reason("test")


def new(due_at: datetime = NOW, klass: MessageClass = MessageClass.TRANSACTIONAL, **given: Any) -> New:
    return New(to="+33639980001", country="FR", text="Rappel", encoding="GSM-7", segments=1, message_class=klass,
               channels=(Channel.SMS,), due_at=due_at, **given)


def accept(database: Database, workspace: str, *messages: New) -> list[str]:
    with database.write(workspace) as tx:
        return outbox.accept(tx, messages or [new()], NOW)


def claim(database: Database, limit: int = 64, now: datetime = NOW, owner: str = "own_1") -> list[Claimed]:
    with database.write() as tx:
        return outbox.claim(tx, now, limit, owner=owner, lease=LEASE)


def record(database: Database, *results: Result, now: datetime = NOW) -> list[Result]:
    with database.write() as tx:
        return outbox.record(tx, results, now)


def sent(message: Claimed, reference: str = "ref_1") -> Result:
    return Result(message, State.SENT, account="acc_1", provider="memory", provider_ref=reference, attempt="accepted")


def row(database: Database, message_id: str) -> dict[str, Any]:
    with database.read() as tx:
        found = outbox.get(tx, message_id)
    assert found is not None
    return dict(found)


def steps(database: Database, message_id: str) -> list[str]:
    with database.read() as tx:
        return [step["state"] for step in ledger.history(tx, message_id)[0]]


# ---------------------------------------------------------------------------------------------- claiming


def test_eight_claimers_at_once_get_each_message_exactly_once(database, workspace):
    ids = accept(database, workspace, *[new() for _ in range(2000)])
    got: list[list[str]] = [[] for _ in range(8)]

    def work(index: int) -> None:
        while found := claim(database, 64, owner=f"own_{index}"):
            got[index] += [one.id for one in found]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Counter(name for part in got for name in part) == Counter(ids)


def test_a_claim_takes_no_more_than_it_was_asked_for(database, workspace):
    accept(database, workspace, *[new() for _ in range(100)])
    assert [len(claim(database, 64)), len(claim(database, 64)), len(claim(database, 64))] == [64, 36, 0]


def test_the_urgent_overtakes_bulk_and_the_earlier_comes_first(database, workspace):
    bulk, reminder, earlier, code, later = accept(
        database, workspace, new(klass=MessageClass.MARKETING), new(), new(NOW - timedelta(minutes=5)),
        new(klass=MessageClass.OTP), new(NOW + timedelta(seconds=1)))
    assert [one.id for one in claim(database)] == [code, earlier, reminder, bulk]
    assert row(database, later)["state"] == "scheduled"


def test_the_next_due_moment_is_of_whatever_class(database, workspace):
    accept(database, workspace, new(NOW + timedelta(hours=2)), new(NOW + timedelta(hours=1), MessageClass.MARKETING))
    with database.read() as tx:
        assert outbox.next_due(tx) == NOW + timedelta(hours=1)


# ---------------------------------------------------------------------------------------------- recording


def test_what_became_of_a_batch_is_written_with_its_attempts_and_steps(database, workspace):
    one, two = accept(database, workspace, new(), new())
    first, second = claim(database)
    later = Result(second, State.SCHEDULED, WHY, account="acc_1", attempt="later", due_at=NOW + timedelta(minutes=1))
    assert len(record(database, sent(first), later)) == 2
    assert (row(database, one)["state"], row(database, one)["provider_ref"]) == ("sent", "ref_1")
    assert (row(database, two)["state"], row(database, two)["tries"]) == ("scheduled", 1)
    assert steps(database, one) == ["sent"]
    with database.read() as tx:
        assert ledger.history(tx, two)[1][0]["outcome"] == "later"


def test_who_lost_his_lease_does_not_overwrite_a_newer_state(database, workspace):
    (name,) = accept(database, workspace)
    (slow,) = claim(database)
    with database.write() as tx:
        outbox.not_begun(tx, [(name, workspace)], WHY, NOW)
    (quick,) = claim(database, owner="own_2")
    assert record(database, sent(slow, "late")) == []
    assert row(database, name)["state"] == "sending"
    assert len(record(database, sent(quick, "right"))) == 1
    assert row(database, name)["provider_ref"] == "right"
    assert steps(database, name) == ["scheduled", "sent"]


def test_a_late_word_on_a_message_in_doubt_is_welcome(database, workspace):
    (name,) = accept(database, workspace)
    (slow,) = claim(database)
    with database.write() as tx:
        outbox.doubt(tx, outbox.orphaned(tx, NOW + LEASE), WHY, NOW + LEASE)
    record(database, sent(slow), now=NOW + LEASE)
    assert (row(database, name)["state"], row(database, name)["provider_ref"]) == ("sent", "ref_1")
    assert steps(database, name) == ["uncertain", "sent"]


def test_what_is_given_back_waits_again_and_nothing_is_counted(database, workspace):
    (name,) = accept(database, workspace)
    with database.write() as tx:
        outbox.give_back(tx, outbox.claim(tx, NOW, 1, owner="own_1", lease=LEASE), NOW)
    assert (row(database, name)["state"], row(database, name)["tries"]) == ("scheduled", 0)
    assert len(claim(database)) == 1


# ---------------------------------------------------------------------------------------------- doubt


def test_a_lease_that_is_over_leaves_its_messages_in_doubt_unless_the_owner_is_known_to_live(database, workspace):
    (name,) = accept(database, workspace)
    claim(database)
    with database.write() as tx:
        assert outbox.orphaned(tx, NOW + LEASE - timedelta(seconds=1)) == []
        assert outbox.orphaned(tx, NOW + LEASE, alive=["own_1"]) == []
        assert outbox.orphaned(tx, NOW, owner="own_1") == [(name, workspace)]
        orphans = outbox.orphaned(tx, NOW + LEASE, alive=["own_2"])
        outbox.doubt(tx, orphans, WHY, NOW + LEASE)
    assert row(database, name)["state"] == "uncertain"


def doubtful(database: Database, now: datetime, owner: str) -> list[outbox.Doubtful]:
    with database.write() as tx:
        return outbox.doubtful(tx, now, owner=owner, lease=timedelta(seconds=20), limit=8)


def test_a_message_in_doubt_is_asked_about_by_one_at_a_time_and_an_old_answer_is_not_believed(database, workspace):
    (name,) = accept(database, workspace)
    (claimed,) = claim(database)
    record(database, Result(claimed, State.UNCERTAIN, WHY, attempt="uncertain", look_up_at=NOW))
    (first,) = doubtful(database, NOW, "own_a")
    assert doubtful(database, NOW, "own_b") == []
    (second,) = doubtful(database, NOW + timedelta(seconds=21), "own_b")
    with database.write(workspace) as tx:
        back = {"due_at": NOW, "left_at": None}
        assert not outbox.advance(tx, name, workspace, State.SCHEDULED, WHY, NOW, owner=first.owner, **back)
        outbox.ask_again(tx, first, None)
        assert outbox.advance(tx, name, workspace, State.SCHEDULED, WHY, NOW, owner=second.owner, **back)


def test_nobody_is_asked_any_more_when_nobody_could_tell(database, workspace):
    accept(database, workspace)
    (claimed,) = claim(database)
    record(database, Result(claimed, State.UNCERTAIN, WHY, attempt="uncertain"))
    assert doubtful(database, NOW + timedelta(days=9), "own_a") == []


# ---------------------------------------------------------------------------------------------- forwards


RANK = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}


def test_in_whatever_order_receipts_come_the_message_ends_where_the_phone_says(database, workspace):
    orders = list(permutations(RANK))
    names = accept(database, workspace, *[new() for _ in orders])
    claim(database)
    for name, order in zip(names, orders, strict=True):
        seen = []
        with database.write(workspace) as tx:
            for word in (*order, *order):
                outbox.advance(tx, name, workspace, State(word), None, NOW)
                seen.append(RANK[outbox.get(tx, name)["state"]])
        assert seen == sorted(seen), "never backwards"
        assert seen[-1] == RANK["read"]
        assert len(set(steps(database, name))) == len(steps(database, name)), "nothing is said twice"


def test_a_receipt_that_overtakes_the_answer_counts_as_leaving(database, workspace):
    (name,) = accept(database, workspace)
    (claimed,) = claim(database)
    with database.write(workspace) as tx:
        outbox.advance(tx, name, workspace, State.DELIVERED, None, NOW)
    record(database, sent(claimed))
    assert (row(database, name)["state"], row(database, name)["left_at"]) == ("delivered", NOW)


def test_what_is_over_stays_over(database, workspace):
    (name,) = accept(database, workspace)
    with database.write(workspace) as tx:
        assert outbox.cancel(tx, name, WHY, NOW)
        assert not outbox.cancel(tx, name, WHY, NOW)
        for state in (State.SENT, State.DELIVERED, State.SCHEDULED, State.UNCERTAIN):
            assert not outbox.advance(tx, name, workspace, state, WHY, NOW)
    assert row(database, name)["by_person"] is True


def test_what_waits_on_something_is_released_with_it(database, workspace, stranger):
    held = {"state": State.HELD, "reason": WHY}
    (mine,) = accept(database, workspace, new(**held))
    (theirs,) = accept(database, stranger, new(**held))
    with database.write() as tx:
        tx.connection.execute(t.messages.update().values(held_by="account"))
    with database.write(workspace) as tx:
        assert outbox.release(tx, "account", WHY, NOW) == 1
    assert [row(database, one)["state"] for one in (mine, theirs)] == ["scheduled", "held"]


# ---------------------------------------------------------------------------------------------- apart


def test_another_workspace_can_neither_read_nor_touch_a_message(database, workspace, stranger):
    (name,) = accept(database, workspace, new(key="k", occasion="occ_1", installation="ins_1", reference="r"))
    with database.write(stranger) as tx:
        assert outbox.get(tx, name) is None
        assert outbox.by_ids(tx, [name]) == {}
        assert outbox.listed(tx, outbox.Filter()) == []
        assert ledger.history(tx, name) == ([], [])
        assert outbox.counts(tx, NOW - timedelta(days=1), NOW + timedelta(days=1)) == {}
        assert not outbox.cancel(tx, name, WHY, NOW)
        assert not outbox.advance(tx, name, stranger, State.CANCELLED, WHY, NOW)
        assert not outbox.put_back(tx, name, WHY, NOW, NOW)
        assert outbox.end_waiting(tx, NOW, State.CANCELLED, WHY) == 0
        known = Known(name, "k", 1, State.SCHEDULED, "+33639980001", "Rappel", NOW, None, None)
        assert outbox.carry_out(tx, [("ins_1", "occ_1", Cancel(known, State.CANCELLED, WHY))], NOW) == []
    assert row(database, name)["state"] == "scheduled"


def test_lists_page_without_a_gap_and_without_a_double(database, workspace):
    ids = accept(database, workspace, *[new(NOW + timedelta(minutes=index % 7)) for index in range(50)])
    for by_due in (False, True):
        seen: list[str] = []
        with database.read(workspace) as tx:
            while page := outbox.listed(tx, outbox.Filter(after=seen[-1] if seen else None), limit=8, by_due=by_due):
                seen += [one["id"] for one in page]
        assert sorted(seen) == sorted(ids)
        assert len(seen) == len(ids)


def test_moments_money_and_json_come_back_as_they_went(database, workspace):
    due = datetime(2038, 1, 19, 3, 14, 8, 123456, tzinfo=UTC)
    (name,) = accept(database, workspace, new(due, price_micros=9_007_199_254_740_993, currency="EUR"))
    kept = row(database, name)
    assert (kept["due_at"], kept["price_micros"], kept["channels"]) == (due, 9_007_199_254_740_993, ["sms"])
    with database.read() as tx:
        raw = tx.connection.execute(select(t.messages.c.due_at).order_by(t.messages.c.due_at)).scalar()
    assert raw == due
    with pytest.raises(ValueError, match="needs its zone"):
        t.Moment().process_bind_param(datetime(2026, 1, 1), None)

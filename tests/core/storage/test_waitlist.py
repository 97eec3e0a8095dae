"""Slots and offers on both databases: whoever says yes at the same second, one of them gets it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.waitlist import OfferState, Person
from core.storage import erasure, retention, waitlist
from core.storage import tables as t
from core.storage.database import Database

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(days=1)
WHY = Reason("waitlist_next", {"position": 1, "count": 8, "fits": 8})
SLOT = {
    "installation": "ins_1", "occasion": None, "origin": "visit", "cause": "cancelled", "start": SOON,
    "end": SOON + timedelta(minutes=30), "zone": "Europe/Paris", "title": "", "place": "", "state": "open",
    "deadline": SOON, "next_at": NOW,
}  # fmt: skip
PEOPLE = [Recipient.parse(f"+3363998002{last}") for last in range(8)]


def a_list(database: Database, workspace: str) -> tuple[str, list[waitlist.Row]]:
    """A free slot, and eight people who wait."""
    with database.write(workspace) as tx:
        slot = waitlist.free(tx, SLOT, NOW)
        assert slot is not None
        ids = [waitlist.add_entry(tx, one, Person(proof={"text": "oui"}), NOW, NOW) for one in PEOPLE]
        found = waitlist.entries_by_ids(tx, ids)
        return slot, [found[one] for one in ids]


def at_once(jobs) -> list:
    """What each of these answers when all begin at the same moment, each in its thread."""
    barrier = Barrier(len(jobs))

    def run(job):
        barrier.wait(10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [each.result() for each in [pool.submit(run, job) for job in jobs]]


def test_of_eight_who_say_yes_at_the_same_second_exactly_one_gets_it(database, workspace):
    slot, entries = a_list(database, workspace)
    offers = []
    for entry in entries:
        with database.write(workspace) as tx:
            offers.append(waitlist.ask(tx, slot, entry, WHY, SOON, NOW))
            waitlist.answered(tx, offers[-1] or "", OfferState.SILENT, NOW)

    def take(offer):
        def job():
            with database.write(workspace) as tx:
                return waitlist.take(tx, slot, offer, NOW)

        return job

    got = at_once([take(offer) for offer in offers])

    assert sorted(got) == [False] * 7 + [True]
    with database.read(workspace) as tx:
        states = {one["id"]: one["state"] for one in waitlist.offers(tx, slots=[slot])}
        assert [one for one, state in states.items() if state == "taken"] == [waitlist.slot(tx, slot)["offer"]]


def test_of_eight_who_are_asked_at_the_same_second_exactly_one_is(database, workspace):
    slot, entries = a_list(database, workspace)

    def ask(entry):
        def job():
            with database.write(workspace) as tx:
                return waitlist.ask(tx, slot, entry, WHY, SOON, NOW)

        return job

    asked = at_once([ask(entry) for entry in entries])

    assert sum(one is not None for one in asked) == 1


def test_nobody_is_asked_twice_for_one_slot_however_it_is_tried(database, workspace):
    slot, [entry, *_] = a_list(database, workspace)
    with database.write(workspace) as tx:
        first = waitlist.ask(tx, slot, entry, WHY, SOON, NOW)
        waitlist.answered(tx, first or "", OfferState.NO, NOW)
    with database.write(workspace) as tx:
        assert waitlist.ask(tx, slot, entry, WHY, SOON, NOW) is None


def test_a_slot_is_one_however_often_we_hear_of_it(database, workspace):
    slot, _ = a_list(database, workspace)
    with database.write(workspace) as tx:
        assert waitlist.free(tx, SLOT, NOW) is None
        waitlist.change_slot(tx, slot, NOW, state="withdrawn")
        assert waitlist.free(tx, SLOT, NOW) == slot, "called off, restored and called off again"


def test_an_erased_person_is_gone_from_the_list_the_offers_and_the_ledger(database, workspace):
    slot, [entry, *_] = a_list(database, workspace)
    with database.write(workspace) as tx:
        waitlist.ask(tx, slot, entry, WHY, SOON, NOW)
        waitlist.note(tx, slot, "asked", NOW, number=entry["number"], entry=entry["id"])

        gone = erasure.forget(tx, entry["number"])

        assert {name: gone[name] for name in gone if name.startswith("waitlist")} == {
            "waitlist_entries": 1, "waitlist_offers": 1, "waitlist_steps": 1}  # fmt: skip


@pytest.mark.parametrize(("days", "left"), [(89, (8, 1, 1, 1)), (92, (8, 0, 0, 0)), (401, (0, 0, 0, 0))])
def test_how_long_it_is_kept(database, workspace, days, left):
    slot, [entry, *_] = a_list(database, workspace)
    with database.write(workspace) as tx:
        waitlist.ask(tx, slot, entry, WHY, SOON, NOW)
        waitlist.note(tx, slot, "asked", NOW, number=entry["number"], entry=entry["id"])
    with database.write() as tx:
        retention.prune(tx, NOW + timedelta(days=days))
        counts = [
            tx.connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (t.waitlist_entries, t.waitlist_slots, t.waitlist_offers, t.waitlist_steps)
        ]  # fmt: skip
    assert tuple(counts) == left

"""A platform's forms and checkouts are public doors too: what a robot types there passes the guard, or stays unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.contract import Reading, Receipt, Refused
from core.domain.events import Event, Kind
from core.domain.messages import MessageClass, State
from core.domain.policy import pumping
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import applying, dispatch, feedback, public, sending
from core.storage import audit, counting, house, installations, occasions, outbox
from core.storage import tables as t
from tests.support.clinic import Clinic
from tests.support.engine_room import NOW, EngineRoom


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    one = Clinic(tmp_path)
    yield one
    one.suite.database.close()


def typed(
    clinic: Clinic, key: str, number: str, *, kind: Kind = Kind.FORM, country: str = "FR", backlog: bool = False,
    at: datetime | None = None, **given: Any,
) -> str | None:
    """Somebody types a number there. Why it is not written to; None when it is."""
    now = clinic.suite.now()
    recipient = Recipient(number, country, Line.MOBILE)
    event = Event(kind, key, at or now, start=now, recipient=recipient, typed=kind is not Kind.CART, **given)
    with clinic.suite.database.write(clinic.workspace) as tx:
        row = installations.get(tx, clinic.suite.vault, clinic.installation, "")
        assert row
        applying.apply(clinic.suite, tx, row, Reading((event,)), now, backlog=backlog)
        (known,) = occasions.by_keys(tx, clinic.installation, [key])
    assert (known.recipient is None) == (known.trouble is not None)
    return known.trouble.code if known.trouble else None


def test_who_walks_through_a_range_by_a_form_is_stopped(clinic: Clinic) -> None:
    said = [typed(clinic, f"form/1/{place}", f"+336123456{place:02d}") for place in range(12)]

    assert said == [None] * 5 + ["pumping_sequence"] + ["pumping_closed"] * 6
    # The range is closed to every door of the house, carts among them.
    assert typed(clinic, "cart/1", "+33612349999", kind=Kind.CART) == "pumping_closed"


def test_one_number_is_written_to_ten_times_an_hour_whichever_form_it_is_typed_into(clinic: Clinic) -> None:
    said = [typed(clinic, f"form/{place % 3}/{place}", "+33639980001") for place in range(10)]

    assert said == [None] * 10
    assert typed(clinic, "user/7", "+33639980001", kind=Kind.CONTACT) == "pumping_limit"
    clinic.suite.clock.turned += timedelta(minutes=62)
    assert typed(clinic, "form/1/99", "+33639980001") is None


def test_a_form_writes_to_no_country_that_is_not_open_until_somebody_opens_it(clinic: Clinic) -> None:
    assert typed(clinic, "form/1/1", "+23350123456", country="GH") == "pumping_country"
    public.countries(clinic.suite, clinic.workspace, ["FR", "GH"], who="usr_1")
    assert typed(clinic, "form/1/2", "+23350123457", country="GH") is None


def test_an_entry_that_changes_is_one_and_the_same_person(clinic: Clinic) -> None:
    said = {typed(clinic, "form/1/1", "+33639980001", values={"n": place}) for place in range(30)}
    assert said == {None}


def test_a_storm_of_carts_is_let_in_and_a_range_that_somebody_closed_is_not(clinic: Clinic) -> None:
    said = {typed(clinic, f"cart/{place}", f"+3363998{place:04d}", kind=Kind.CART) for place in range(80)}
    assert said == {None}
    public.mark(clinic.suite, clinic.workspace, "prefix|+336399", "closed", who="usr_1")
    assert typed(clinic, "cart/99", "+33639989999", kind=Kind.CART) == "pumping_closed"
    # What was let in before stays so: it was asked about once.
    assert typed(clinic, "cart/1", "+33639980001", kind=Kind.CART, values={"n": 1}) is None


def test_what_a_site_kept_while_we_were_away_comes_all_at_once_and_is_let_in(clinic: Clinic) -> None:
    clinic.suite.clock.turned += timedelta(hours=60)
    before = clinic.suite.now() - timedelta(hours=2)
    said = {typed(clinic, f"form/1/{place}", f"+3363998{place:04d}", at=before) for place in range(80)}
    assert said == {None}
    assert typed(clinic, "form/1/99", "+23350123456", country="GH", at=before) == "pumping_country"


def test_a_first_list_and_what_nobody_typed_are_not_asked_about(clinic: Clinic) -> None:
    for place in range(12):
        assert typed(clinic, f"form/{place}", f"+3361234{place:04d}", backlog=True) is None
        clinic.write(f"visit-{place}", "2026-12-02T10:00+01:00", f"+3361234{place:04d}")
    assert typed(clinic, "form/1/1", "+33612340001") is None


# ---------------------------------------------------------------------------------------------- what providers say


def asked(room: EngineRoom, to: str) -> str:
    """A stranger's wish at our own door; the message's id."""
    wanted = sending.Wanted(Recipient.parse(to), MessageClass.OTP, body="Code 1234", origin=Origin.PUBLIC_FORM)
    with room.suite.database.write(room.workspace) as tx:
        (draft,) = sending.drafts(tx, [wanted], room.suite.now())
        assert isinstance(draft, outbox.New)
        (name,) = sending.accept(room.suite, tx, [draft])
    return name


def why(room: EngineRoom, to: str) -> str | None:
    reason = room.message(asked(room, to))["reason"]
    return reason["code"] if reason else None


def test_a_provider_that_sees_pumped_traffic_closes_the_range(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    room.memory.script("+33639980001", Refused(Reason("provider_fraud_guard")), takes=False)
    asked(room, "+33639980001")
    dispatch.run_due(room.suite)

    assert why(room, "+33639987777") == "pumping_closed"
    assert why(room, "+33612345678") is None
    with room.suite.database.read(room.workspace) as tx:
        (mark,) = counting.closed(tx).values()
    assert (mark["reason"]["code"], mark["until"] - room.suite.now()) == ("pumping_provider", timedelta(hours=12))
    # What nobody's form set off closes nothing.
    room.memory.script("+33712340001", Refused(Reason("provider_fraud_guard")), takes=False)
    room.accept("+33712340001", MessageClass.OTP)
    dispatch.run_due(room.suite)
    assert why(room, "+33712347777") is None


def test_numbers_that_do_not_exist_one_after_the_other_close_their_range(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    for place in range(5):
        name = asked(room, f"+3363998{place * 11:04d}")
        dispatch.run_due(room.suite)
        with room.suite.database.write(room.workspace) as tx:
            none = Receipt(f"mem_{name}", State.FAILED, "gone", NOW, name, Reason("dead_number"), dead_number=True)
            feedback.take_receipts(room.suite, tx, room.account, [none])
        room.clock.forward(timedelta(minutes=11))

    assert why(room, "+33639987777") == "pumping_dead"


def test_what_arrives_is_counted_for_its_range_once(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path)
    name = asked(room, "+33639980001")
    dispatch.run_due(room.suite)
    for state in (State.DELIVERED, State.DELIVERED, State.READ):
        with room.suite.database.write(room.workspace) as tx:
            one = Receipt(f"mem_{name}", state, str(state), room.suite.now(), name)
            feedback.take_receipts(room.suite, tx, room.account, [one])
    with room.suite.database.read(room.workspace) as tx:
        (bucket,) = counting.sighted(tx, ["got|prefix|+3363998"], NOW - timedelta(hours=1))["got|prefix|+3363998"]
    assert bucket.count == 1


# ---------------------------------------------------------------------------------------------- the whole house


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineRoom]:
    elsewhere = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    one = EngineRoom(tmp_path, **elsewhere)
    yield one
    one.suite.database.close()


def wants(room: EngineRoom, workspace: str, body: str) -> str | None:
    """A robot has that workspace's form write to one person. Why it does not; None when it does."""
    one = sending.Wanted(
        recipient=Recipient("+33639980001", "FR", Line.MOBILE), body=body, message_class=MessageClass.OTP,
        origin=Origin.PUBLIC_FORM,
    )
    with room.suite.database.write(workspace) as tx:
        (draft,) = sending.drafts(tx, [one], room.suite.now())
    assert isinstance(draft, outbox.New)
    return draft.reason.code if draft.reason else None


def test_nobody_gets_the_same_more_than_twenty_times_an_hour_from_all_workspaces_together(room: EngineRoom) -> None:
    with room.suite.database.write() as tx:
        houses = [house.add_workspace(tx, f"Boutique {place}", {}, NOW) for place in range(23)]
    bodies = [f"Votre code : {place}23456 https://r.example/{place}" for place in range(23)]
    said = [wants(room, one, body) for one, body in zip(houses, bodies, strict=True)]

    assert said == [None] * 20 + ["pumping_limit"] * 3
    # Other words are another message, and an hour later it may be said again.
    assert wants(room, houses[20], "Votre rendez-vous est confirmé") is None
    room.clock.forward(timedelta(minutes=61))
    assert wants(room, houses[21], "Votre code : 999") is None


def test_what_is_counted_for_the_house_says_neither_number_nor_text_and_stays_in_its_workspace(
    room: EngineRoom,
) -> None:
    wants(room, room.workspace, "Votre code : 1")
    with room.suite.database.write() as tx:
        other = house.add_workspace(tx, "Boutique", {}, NOW)
        keys = {one for one in tx.connection.execute(select(t.sightings.c.key)).scalars() if one.startswith("same|")}
    assert len(keys) == 1
    assert len(next(iter(keys))) == len("same|") + 48
    with room.suite.database.read(other) as tx:
        assert counting.sighted(tx, keys, NOW - timedelta(days=1)) == {}
        assert [one.count for one in counting.sighted_anywhere(tx, next(iter(keys)), NOW - timedelta(days=1))] == [1]


# ---------------------------------------------------------------------------------------------- what is only told


def test_a_rush_at_the_forms_is_told_once_an_hour_and_stops_nobody(clinic: Clinic) -> None:
    def rush(first: int) -> None:
        for place in range(first, first + pumping.MANY + 5):
            # Far apart, so that no other rule sees anything in them.
            assert typed(clinic, f"form/1/{place}", f"+3361{place:04d}000") is None

    rush(0)
    assert noted(clinic) == ["forms_volume"]
    clinic.suite.clock.turned += timedelta(minutes=70)
    rush(1000)
    assert noted(clinic) == ["forms_volume"] * 2
    now = clinic.suite.now()
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert list(public.alarms(tx, now - timedelta(days=1))) == [pumping.Alarm.VOLUME]
        assert public.alarms(tx, now + timedelta(minutes=1)) == {}


def noted(clinic: Clinic) -> list[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return [row["what"] for row in audit.listed(tx, limit=200) if row["what"].startswith("forms_")]

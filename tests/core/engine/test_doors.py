"""A platform's forms and checkouts are public doors too: what a robot types there passes the guard, or stays unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Reading, Receipt, Refused
from core.domain.events import Event, Kind
from core.domain.messages import MessageClass, State
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import applying, dispatch, feedback, public, sending
from core.storage import counting, installations, occasions, outbox
from tests.support.clinic import Clinic
from tests.support.engine_room import NOW, EngineRoom


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    one = Clinic(tmp_path)
    yield one
    one.suite.database.close()


def typed(
    clinic: Clinic, key: str, number: str, *, kind: Kind = Kind.FORM, country: str = "FR", backlog: bool = False,
    **given: Any,
) -> str | None:
    """Somebody types a number there. Why it is not written to; None when it is."""
    origin = "public_form" if kind is not Kind.CART else None
    now = clinic.suite.now()
    event = Event(kind, key, now, start=now, recipient=Recipient(number, country, Line.MOBILE), origin=origin, **given)
    with clinic.suite.database.write(clinic.workspace) as tx:
        row = installations.get(tx, clinic.suite.vault, clinic.installation, "")
        assert row
        applying.apply(clinic.suite, tx, row, Reading((event,)), now, backlog=backlog)
        (known,) = occasions.by_keys(tx, clinic.installation, [key])
    assert (known.recipient is None) == (known.trouble is not None)
    return known.trouble.code if known.trouble else None


def test_twelve_numbers_in_a_row_typed_into_a_form_stop_at_the_third(clinic: Clinic) -> None:
    said = [typed(clinic, f"form/1/{place}", f"+336123456{place:02d}", ip=f"198.51.{place}.7") for place in range(12)]

    assert said[:2] == [None, None]
    assert set(said[2:]) <= {"pumping_sequence", "pumping_closed"}


def test_one_number_is_written_to_once_a_minute_whichever_form_it_is_typed_into(clinic: Clinic) -> None:
    assert typed(clinic, "form/1/1", "+33639980001") is None
    assert typed(clinic, "form/2/1", "+33639980001") == "pumping_limit"
    assert typed(clinic, "user/7", "+33639980001", kind=Kind.CONTACT) == "pumping_limit"


def test_a_country_that_is_not_open_is_not_written_to_by_a_form_nor_by_a_cart_until_somebody_opens_it(
    clinic: Clinic,
) -> None:
    for kind in (Kind.FORM, Kind.CART):
        assert typed(clinic, f"{kind}/1", "+23350123456", country="GH", kind=kind) == "pumping_country"
    public.countries(clinic.suite, clinic.workspace, ["FR", "GH"], who="usr_1")
    assert typed(clinic, "cart/2", "+23350123457", country="GH", kind=Kind.CART) is None


def test_a_cart_that_changes_is_one_and_the_same_person(clinic: Clinic) -> None:
    for _ in range(30):
        assert typed(clinic, "cart/1", "+33639980001", kind=Kind.CART, values={"n": _}) is None


def test_a_robot_s_carts_stop_when_a_range_has_had_fifty_in_an_hour(clinic: Clinic) -> None:
    said = [typed(clinic, f"cart/{place}", f"+3361234{place * 7:04d}", kind=Kind.CART) for place in range(60)]

    assert said == [None] * 50 + ["pumping_limit"] * 10
    with clinic.suite.database.read(clinic.workspace) as tx:
        (last,) = occasions.by_keys(tx, clinic.installation, ["cart/59"])
    assert last.recipient is None


def test_what_was_refused_may_be_asked_again_when_the_person_comes_back(clinic: Clinic) -> None:
    typed(clinic, "form/1/1", "+33639980001")
    assert typed(clinic, "form/1/2", "+33639980001") == "pumping_limit"
    clinic.suite.clock.turned += timedelta(minutes=3)
    assert typed(clinic, "form/1/3", "+33639980001") is None


def test_a_first_list_and_what_nobody_typed_are_not_counted(clinic: Clinic) -> None:
    for place in range(60):
        assert typed(clinic, f"cart/{place}", f"+3361234{place:04d}", kind=Kind.CART, backlog=True) is None
    for place in range(60):
        clinic.write(f"visit-{place}", "2026-12-02T10:00+01:00", f"+3361234{place:04d}")
    assert typed(clinic, "form/1/1", "+33612340001") is None


def test_an_address_that_cannot_be_read_is_none(clinic: Clinic) -> None:
    assert typed(clinic, "form/1/1", "+33639980001", ip="unknown, 10.0.0.1") is None


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

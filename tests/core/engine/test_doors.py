"""A platform's forms and checkouts are public doors too: what a robot types there passes the guard, or stays unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Reading
from core.domain.events import Event, Kind
from core.domain.recipients import Line, Recipient
from core.engine import applying, public
from core.storage import installations, occasions
from tests.support.clinic import Clinic


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

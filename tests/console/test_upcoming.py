"""À venir: day by day, with a month that opens its days."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from core.domain.reasons import Reason
from core.engine import campaigning
from core.engine.overview import Told
from core.storage import campaigns, occasions, outbox, people
from tests.support.clinic import ANA, BOB, CHLOE, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def test_nothing_planned_teaches_where_rules_are(clinic):
    page = Visitor(clinic).get("/upcoming")
    assert "Rien n’est prévu" in page
    assert 'href="/rules"' in page


def test_messages_stand_under_their_day_and_the_month_counts_them(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    clinic.write("bob", "2026-12-24T10:00:00+01:00", BOB, name="Bob Roy")
    visitor = Visitor(clinic)
    page = visitor.get("/upcoming?month=2026-12-01")
    assert page.index("mardi 1er décembre") < page.index("Ana Martin") < page.index("mercredi 23 décembre")
    assert 'aria-label="mercredi 23 décembre : 1 message"' in page
    one = visitor.get("/upcoming?day=2026-12-23")
    assert ("Ana Martin" in one, "Bob Roy" in one) == (False, True)


@pytest.mark.parametrize("month", ["2026-02-01", "2027-02-10", "2026-03-01", "2028-02-29"])
def test_a_month_has_all_its_days_whatever_its_shape(clinic, month):
    page = Visitor(clinic).get(f"/upcoming?month={month}")
    day = date.fromisoformat(month)
    days = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - day.replace(day=1)).days
    inside = [part for part in page.split("<td class=")[1:] if "outside" not in part.split(">")[0]]
    assert len(inside) == days


def test_filters_by_person_and_what_is_unreadable_is_left_out(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    clinic.write("bob", "2026-12-02T11:00:00+01:00", BOB, name="Bob Roy")
    visitor = Visitor(clinic)
    page = visitor.get("/upcoming?to=0639980001")
    assert ("Ana Martin" in page, "Bob Roy" in page) == (True, False)
    assert "Ana Martin" in visitor.get("/upcoming?day=soon&month=13&after=msg_none")


def test_the_month_shows_campaigns_and_days_that_are_closed(clinic):
    visitor = Visitor(clinic)
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        drafted = {"class": "marketing", "audience": {"numbers": [ANA]}, "useful": 3600, "holdout": 0, "test": False,
                   "message": {"channels": ["sms"], "variants": [{"name": "A", "share": 100, "body": "Soldes"}]}}
        campaigns.add(tx, {**drafted, "name": "Voeux", "wall": "2026-12-28T10:00:00", "zone": "recipient"}, now)
        soon = campaigns.add(tx, {**drafted, "name": "Soldes", "send_at": now + timedelta(days=2)}, now)
        people.start(tx, ANA, "marketing", "test", {"text": "oui"}, now)
        campaigning.send(tx, campaigns.row(tx, soon), "test", now)
    campaigning.run_due(clinic.suite)
    page = visitor.get("/upcoming?month=2026-12-01")
    assert 'aria-label="vendredi 25 décembre, Noël"' in page
    assert "is-closed" in page
    assert 'aria-label="lundi 28 décembre, 1 campagne"' in page
    assert "1 message attend" in page.replace("\u00a0", " ")
    assert f'action="/campaigns/{soon}/pause"' in page
    assert page.count(f'href="/campaigns/{soon}"') == 1
    one = visitor.get("/upcoming?day=2026-12-25")
    assert re.search(r"Jour férié\s?: Noël", one)
    assert "Aucun message publicitaire ne part ce jour-là" in one
    assert re.search(r"Publicité\s?: [01]\d:00–", visitor.get("/upcoming?day=2026-12-28"))
    assert "Voeux" not in visitor.get("/upcoming?to=0639980002")


# ------------------------------------------------------------------------------------------ appointments


def test_a_missing_number_is_typed_and_its_reminder_is_planned(clinic):
    visit = clinic.write("none", "2026-12-02T10:00:00+01:00", None, trouble=Reason("no_number"))
    visitor = Visitor(clinic, role="editor")
    assert "1 sans numéro" in visitor.get("/appointments")

    answer = visitor.post(f"/appointments/{visit}/number", number="06 39 98 00 01")

    assert "le rappel est prévu" in answer.text
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [row["to"] for row in outbox.listed(tx, outbox.Filter())] == [ANA]


def test_of_two_numbers_one_is_chosen_with_one_button(clinic):
    visit = clinic.write(
        "two", "2026-12-02T10:00:00+01:00", None, trouble=Reason("two_numbers"), candidates=(BOB, CHLOE)
    )
    visitor = Visitor(clinic)
    page = visitor.get("/appointments?only=numberless")
    assert f'name="number" value="{BOB}"' in page
    visitor.post(f"/appointments/{visit}/number", number=CHLOE)
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert occasions.get(tx, visit).recipient.number == CHLOE


@pytest.mark.parametrize("number", ["01 99 00 12 34", "hello", "", "+33"])
def test_what_takes_no_text_message_is_refused_with_its_reason(clinic, number):
    visit = clinic.write("none", "2026-12-02T10:00:00+01:00", None, trouble=Reason("no_number"))
    answer = Visitor(clinic).post(f"/appointments/{visit}/number", number=number)
    assert answer.status_code == 400
    assert "<h1>" in answer.text


def test_one_appointment_is_silenced_and_spoken_of_again(clinic):
    visit = clinic.write("ana", "2026-12-02T10:00:00+01:00")
    visitor = Visitor(clinic)
    for muted, state in (("1", "cancelled"), ("0", "scheduled")):
        visitor.post(f"/appointments/{visit}/mute", muted=muted)
        with clinic.suite.database.read(clinic.workspace) as tx:
            assert state in {row["state"] for row in outbox.listed(tx, outbox.Filter())}, muted
    assert f'href="/why?occasion={visit}"' in visitor.get("/appointments")


def test_every_way_to_be_told_has_its_word(clinic):
    from core.web.console.words import said

    for told in Told:
        for language in ("fr", "en"):
            assert said(f"state.{told}", language, {}) != f"state.{told}"

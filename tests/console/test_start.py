"""From nothing to the first reminder, without a browser: what is typed, what is refused, who may, what is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.reasons import Reason
from core.storage import house, installations, occasions, rules
from tests.support.clinic import ANA, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    one = Clinic(tmp_path, live=False)
    yield one
    one.suite.database.close()


def path(clinic: Clinic, step: str) -> str:
    return f"/start/{clinic.installation}/{step}"


def test_the_first_page_of_a_house_without_a_connection_is_the_way_to_one(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert visitor.browser.get("/").location == "/today"

    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.change(tx, clinic.installation, state="disconnected")
    assert visitor.browser.get("/").location == "/start"
    assert "Rappeler des rendez-vous" in visitor.get("/start")


def test_each_appointment_says_what_is_known_of_its_phone(clinic: Clinic) -> None:
    clinic.write("a", "2026-12-02T10:00+01:00", ANA, "Mme Roux")
    clinic.write("b", "2026-12-02T11:00+01:00", None, "Nina", trouble=Reason("two_numbers", {"numbers": "…"}),
                 candidates=("+33639980003", "+33639980004"))  # fmt: skip
    clinic.write("c", "2026-12-02T12:00+01:00", None, "Garnier", trouble=Reason("no_number"))

    page = Visitor(clinic).get(path(clinic, "found"))

    assert re.findall(r'<tr class="found-(\w+)"', page) == ["ready", "choose", "missing"]
    assert 'type="radio"' in page
    assert 'type="tel"' in page


def test_a_number_that_cannot_be_is_said_beside_its_field_and_the_good_ones_are_kept(clinic: Clinic) -> None:
    good = clinic.write("a", "2026-12-02T10:00+01:00", None, trouble=Reason("no_number"))
    bad = clinic.write("b", "2026-12-02T11:00+01:00", None, trouble=Reason("no_number"))

    answer = Visitor(clinic).post(
        path(clinic, "found"), **{f"number-{good}": "06 39 98 00 01", f"number-{bad}": "01 99 00 12 34"}
    )

    assert answer.status_code == 422
    assert f'id="e-{bad}"' in answer.text
    assert 'value="01 99 00 12 34"' in answer.text
    with clinic.suite.database.read(clinic.workspace) as tx:
        kept = occasions.get(tx, good)
    assert kept
    assert kept.recipient
    assert kept.recipient.number == ANA


def test_hostile_titles_are_only_text(clinic: Clinic) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"
    clinic.write("a", "2026-12-02T10:00+01:00", ANA, hostile, name=hostile)
    visitor = Visitor(clinic)

    for step in ("found", "reminders", "rehearsal"):
        page = visitor.get(path(clinic, step))
        assert "<img src=x" not in page
        assert "49" not in re.sub(r"\d{2}:\d{2}|v=\w+", "", page) or step != "found"
    assert "&lt;img src=x" in visitor.get(path(clinic, "found"))


def test_a_viewer_sees_no_number_and_decides_nothing(clinic: Clinic) -> None:
    visit = clinic.write("a", "2026-12-02T10:00+01:00", None, trouble=Reason("no_number"))
    viewer = Visitor(clinic, "viewer")

    assert viewer.browser.get(path(clinic, "found")).status_code == 403
    assert viewer.post(path(clinic, "found"), **{f"number-{visit}": "06 39 98 00 01"}).status_code == 403
    assert viewer.post(path(clinic, "rehearsal")).status_code == 403


def test_an_editor_prepares_and_an_admin_puts_in_service(clinic: Clinic) -> None:
    clinic.write("a", "2026-12-02T10:00+01:00")
    editor = Visitor(clinic, "editor")

    assert "Répétition" in editor.get(path(clinic, "rehearsal"))
    assert editor.post(path(clinic, "rehearsal")).status_code == 403
    assert Visitor(clinic, "admin").post(path(clinic, "rehearsal"), follow=False).location == "/today"
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = installations.get(tx, clinic.suite.vault, clinic.installation, "")
    assert row
    assert row.mode == "live"


def test_the_rehearsal_says_why_others_would_not(clinic: Clinic) -> None:
    clinic.write("a", "2026-12-02T10:00+01:00", None, "Garnier", trouble=Reason("landline_only", {"numbers": "01"}))

    page = Visitor(clinic).get(path(clinic, "rehearsal"))

    assert "Rien ne partirait ces jours-ci" in page
    assert "Garnier" in page


def preset(clinic: Clinic, body: str, key: str = "evening") -> str:
    with clinic.suite.database.write(clinic.workspace) as tx:
        return rules.add(
            tx,
            {"installation": clinic.installation, "name": "Le soir", "on": "appointment", "class": "transactional",
             "when": {"days": -1, "at": "18:00"}, "body": body, "active": False, "preset": key,
             "asks": key.endswith("-asks")},
            clinic.suite.now(),
        )  # fmt: skip


def test_a_text_that_tells_too_much_is_pointed_out(clinic: Clinic) -> None:
    clinic.write("a", "2026-12-02T10:00+01:00")
    preset(clinic, "Rappel : cardiologie, {{ start|date }}")
    visitor = Visitor(clinic)

    assert "cardiologie" in re.findall(r"Le mot «\xa0(\w+)\xa0»", visitor.get(path(clinic, "reminders")))

    with clinic.suite.database.write(clinic.workspace) as tx:
        house.change_settings(tx, {"health": False})
    assert "Le mot «" not in visitor.get(path(clinic, "reminders"))


def test_a_name_that_cannot_be_answered_is_pointed_out_and_given_up_with_one_button(clinic: Clinic) -> None:
    preset(clinic, "RDV {{ start|time }}")
    preset(clinic, "RDV {{ start|time }}. OUI ou NON ?", "evening-asks")
    with clinic.suite.database.write(clinic.workspace) as tx:
        house.change_settings(tx, {"sender": "CABINET"})
    visitor = Visitor(clinic)
    assert "Utiliser un numéro auquel on peut répondre" in visitor.get(path(clinic, "reminders"))

    visitor.post(path(clinic, "reminders"), reminder="evening", asks="1", no_sender="1")

    with clinic.suite.database.read(clinic.workspace) as tx:
        known = house.workspace(tx, clinic.workspace)
    assert known
    assert known["settings"]["sender"] is None
    assert "Utiliser un numéro auquel on peut répondre" not in visitor.get(path(clinic, "reminders"))


def test_no_reminder_at_all_is_no_way_on(clinic: Clinic) -> None:
    preset(clinic, "RDV {{ start|time }}")

    answer = Visitor(clinic).post(path(clinic, "reminders"), go="1")

    assert answer.status_code == 422
    assert "Cochez au moins un rappel" in answer.text


def test_a_broken_text_stays_in_its_field_with_what_is_wrong(clinic: Clinic) -> None:
    rule = preset(clinic, "RDV {{ start|time }}")

    answer = Visitor(clinic).post(
        path(clinic, "reminders"), reminder="evening", go="1", **{f"body-{rule}": "RDV {{ start|"}
    )

    assert answer.status_code == 422
    assert "RDV {{ start|</textarea>" in answer.text


def test_another_workspace_s_connection_is_no_such_thing(clinic: Clinic, tmp_path: Path) -> None:
    with clinic.suite.database.write() as tx:
        other = house.add_workspace(tx, "Ailleurs", {}, clinic.suite.now())
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.change(tx, clinic.installation, workspace=other)

    for step in ("calendars", "found", "reminders", "rehearsal"):
        assert visitor.browser.get(path(clinic, step)).status_code == 404
        assert visitor.post(path(clinic, step), go="1").status_code == 404

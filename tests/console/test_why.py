"""Pourquoi ?: found by number, name or message, and told rung by rung."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.events import Closed
from core.domain.reasons import Reason
from core.storage import outbox
from core.web.console.why import RUNGS, climbed
from tests.support.clinic import ANA, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def plain(page: str) -> str:
    return page.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("query", "found"),
    [("Martin", True), ("mARTIN", True), ("06 39 98 00 01", True), ("+33639980001", True), ("Dupont", False),
     ("06 39 98 00 77", False), ("msg_unknown", False), ("occ_unknown", False)],
)  # fmt: skip
def test_people_are_found_by_name_and_by_number(clinic, query, found):
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    page = plain(Visitor(clinic).get(f"/why?q={query.replace('+', '%2B')}"))
    assert ('class="ladder"' in page) == found
    assert (f"Rien ne s’appelle « {query} »" in page) == (not found)


def test_a_message_s_id_leads_to_its_story(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = outbox.listed(tx, outbox.Filter())[0]
    answer = Visitor(clinic).browser.get(f"/why?q={row['id']}")
    assert answer.headers["Location"] == f"/messages/{row['id']}"


def test_several_of_a_name_are_offered_to_choose_from(clinic):
    clinic.write("a", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    clinic.write("b", "2026-12-03T10:00:00+01:00", "+33639980008", name="Paul Martin")
    page = Visitor(clinic).get("/why?q=martin")
    assert page.count('href="/why?occasion=occ_') == 2


def test_an_empty_search_teaches(clinic):
    assert "Demandez pourquoi" in Visitor(clinic).get("/why")


def test_what_will_leave_what_left_and_what_would_leave(tmp_path):
    (tmp_path / "live").mkdir()
    live = Clinic(tmp_path / "live")
    visit = live.write("ana", "2026-12-02T10:00:00+01:00")
    assert "part mar. 1er déc. 18:00 (Paris)" in plain(Visitor(live).get(f"/why?occasion={visit}"))
    live.at("2026-12-01T18:00:00+01:00")
    live.settle()
    page = plain(Visitor(live, language="en").get(f"/why?occasion={visit}"))
    assert "pill-green" in page or "pill-blue" in page

    (tmp_path / "rehearsal").mkdir()
    rehearsal = Clinic(tmp_path / "rehearsal", live=False)
    visit = rehearsal.write("ana", "2026-12-02T10:00:00+01:00")
    assert "en répétition, partirait mar. 1er déc. 18:00" in plain(Visitor(rehearsal).get(f"/why?occasion={visit}"))


@pytest.mark.parametrize(
    ("written", "rung", "words"),
    [
        ({"number": None, "trouble": Reason("no_number")}, "number", "Aucun numéro de téléphone"),
        ({"closed": Closed.CANCELLED}, "open", ""),
        ({"start": "2026-11-30T08:00:00+01:00"}, "moment", ""),
        ({"number": "+33199001234"}, "number", ""),
    ],
)
def test_what_stopped_a_message_is_the_red_rung_and_nothing_after_it_was_asked(clinic, written, rung, words):
    given = {"start": "2026-12-02T10:00:00+01:00", **written}
    visit = clinic.write("ana", given.pop("start"), **given)
    page = Visitor(clinic).get(f"/why?occasion={visit}")
    rungs = [part.split('"')[0] for part in page.split('class="rung rung-')[1:]]
    place = RUNGS.index(rung)
    assert rungs == ["passed"] * place + ["refused"] + ["ahead"] * (len(RUNGS) - place - 1)
    assert words in page


def test_who_said_stop_is_told_so(clinic):
    visit = clinic.write("ana", "2026-12-02T10:00:00+01:00")
    clinic.at("2026-12-01T18:00:00+01:00")
    clinic.answer(ANA, "STOP")
    page = plain(Visitor(clinic).get("/why?q=0639980001"))
    assert "Cette personne a dit STOP" in page
    assert visit in page or "ladder" in page


@pytest.mark.parametrize("check", ["number", "consent", "sender", "hours"])
def test_a_check_that_refused_is_its_rung(check):
    reason = {"code": "x", "values": {}}
    rungs = climbed(False, reason, [{"check": check, "result": "refused", "reason": reason}])
    assert [rung.name for rung in rungs if rung.result == "refused"] == [check]

"""Liste d'attente, as a secretary uses it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from core.storage import waitlist
from tests.support.console import Visitor
from tests.support.waiting import PETIT, ROUX, Waiting

AGREED = "A demandé au téléphone à être prévenue."


@pytest.fixture
def clinic(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path)


def test_she_puts_somebody_on_the_list_with_their_wishes_and_their_agreement(clinic: Waiting) -> None:
    desk = Visitor(clinic)
    later = clinic.write("later", "2026-12-08T09:00:00+01:00", ROUX)

    refused = desk.post("/waitlist", number="06 39 98 00 21", proof="")
    assert "Il manque comment la personne a donné son accord" in refused.text
    assert "06 39 98 00 21" in refused.text, "what was typed is still there"
    desk.post("/waitlist", number="06 39 98 00 21", name="Mme Roux", proof=AGREED, half="morning", moves="1",
              **{"day-tue": "1"})  # fmt: skip

    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = waitlist.entries(tx)
    assert (row["moves"], row["wishes"], row["proof"]["text"]) == (
        later, {"weekdays": ["tue"], "until": "12:00"}, AGREED)  # fmt: skip
    page = desk.get("/waitlist")
    assert "mardi · Le matin" in page
    assert "mar. 8 déc." in page.replace("\u00a0", " ")


def test_who_has_no_appointment_has_nothing_to_move_up(clinic: Waiting) -> None:
    answer = Visitor(clinic).post("/waitlist", number="06 39 98 00 21", proof=AGREED, moves="1")
    assert "il n’y a rien à avancer" in answer.text


def test_she_sees_who_holds_a_slot_who_comes_next_and_why_others_do_not(clinic: Waiting) -> None:
    roux = clinic.wants(ROUX, "Mme Roux")
    clinic.wants(PETIT, "M. Petit")
    clinic.frees()
    desk = Visitor(clinic)
    page = desk.get("/waitlist")
    assert "Mme Roux a jusqu’à 09:30 pour répondre." in page
    assert "Après cela, 1 autre personne peut encore être prévenue" in page
    assert "la première personne qui convient" in page

    assert "proposé</strong> : 06" in desk.get(f"/why?q={ROUX}").replace("\u00a0", " ")
    story = desk.get(f"/waitlist/people/{roux}")
    assert "attend sa réponse" in story
    message = story.partition('href="/messages/')[2].partition('"')[0]
    assert "liste d’attente : d’accord. 1 sur 2 dans la liste" in desk.get(f"/messages/{message}")

    clinic.answer(ROUX, "oui")
    clinic.settle()
    desk = Visitor(clinic, language="en")
    assert "Mme Roux takes the slot of" in desk.get("/today")
    slot = clinic.slot()["id"]
    assert "the appointment is in the calendar" in desk.post(f"/waitlist/slots/{slot}/settle").text
    assert "Mme Roux takes the slot of" not in desk.get("/today")


def test_she_orders_changes_and_removes(clinic: Waiting) -> None:
    desk = Visitor(clinic)
    first, second = clinic.wants(ROUX, "Mme Roux"), clinic.wants(PETIT, "M. Petit")
    desk.post(f"/waitlist/people/{second}/up")
    assert clinic.waiting() == [PETIT, ROUX]
    desk.post(f"/waitlist/people/{second}/down")
    assert clinic.waiting() == [ROUX, PETIT]
    assert "après-midi" in desk.post(f"/waitlist/people/{first}/save", name="Mme Roux", half="afternoon").text
    assert AGREED[:10] in desk.get(f"/waitlist/people/{first}")
    desk.post(f"/waitlist/people/{first}/remove")
    assert clinic.waiting() == [PETIT]
    assert "n’attend plus" in desk.get(f"/waitlist/people/{first}")


def test_a_list_comes_from_a_file_and_says_which_line_is_refused(clinic: Waiting) -> None:
    file = (io.BytesIO("Téléphone;Nom;Jours\n06 39 98 00 21;Roux;mar, jeu\n12;x;\n".encode()), "liste.csv")
    page = Visitor(clinic).post("/waitlist/import", file=file, proof=AGREED).text
    assert "1 personnes ajoutées, 1 refusées. Ligne 3" in page
    assert "mardi, jeudi" in page


def test_she_offers_a_time_by_hand_and_takes_it_back(clinic: Waiting) -> None:
    desk = Visitor(clinic)
    clinic.wants(ROUX, "Mme Roux")
    past = desk.post("/waitlist/slots", day="2026-11-29", time="09:00", minutes="30", installation=clinic.installation)
    assert "doit commencer dans l’avenir" in past.text
    desk.post("/waitlist/slots", day="2026-12-01", time="11:00", minutes="45", installation=clinic.installation,
              title="Détartrage")  # fmt: skip
    assert clinic.asked() == [(ROUX, "asked")]
    desk.post(f"/waitlist/slots/{clinic.slot()['id']}/withdraw")
    assert clinic.slot()["state"] == "withdrawn"


def test_she_chooses_how_times_are_offered_and_sees_what_people_read(clinic: Waiting) -> None:
    desk = Visitor(clinic)
    form = {"on": "1", "hold_minutes": "45", "notice_minutes": "120", "most": "3", "days": "7", "keyword": "PLUSTOT",
            "cause-moved": "1", "text": "Libre {{ when }}, OUI avant {{ until }} ?"}  # fmt: skip
    page = desk.post(f"/waitlist/terms/{clinic.installation}", **form).text
    assert "C’est en marche" in page
    assert "Libre mercredi 2 décembre à 9h00, OUI avant" in page
    wrong = desk.post(f"/waitlist/terms/{clinic.installation}", **{**form, "text": "Libre !"})
    assert "sans cela la personne ne sait pas de quoi il s’agit" in wrong.text
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert waitlist.terms(tx, clinic.installation).keyword == "PLUSTOT"


def test_a_viewer_looks_and_an_editor_does_not_choose_the_terms(clinic: Waiting) -> None:
    entry = clinic.wants(ROUX, "Mme Roux")
    viewer, editor = Visitor(clinic, "viewer"), Visitor(clinic, "editor")
    assert "Ajouter quelqu’un" not in viewer.get("/waitlist")
    assert viewer.post(f"/waitlist/people/{entry}/remove", follow=False).status_code == 403
    assert editor.post(f"/waitlist/terms/{clinic.installation}", follow=False, on="1").status_code == 403
    assert "06 39 98 00 21" not in viewer.get(f"/waitlist/people/{entry}").replace("\u00a0", " ")

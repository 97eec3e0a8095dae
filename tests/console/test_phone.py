"""The simulated phones and the replies that a person has to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage import feedback, outbox
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    found = Clinic(tmp_path)
    found.visit = found.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    return found


@pytest.fixture
def told(clinic) -> Clinic:
    clinic.at("2026-12-01T18:00:00+01:00")
    return clinic


def test_a_silent_phone_teaches(clinic):
    assert "Aucun téléphone n’a encore sonné" in Visitor(clinic).get("/phone")


def test_the_phone_shows_what_it_received_and_answers_with_one_button(told):
    visitor = Visitor(told)
    assert "Répondez OUI ou NON" in visitor.get("/phone")
    page = visitor.post("/phone/answer", number=ANA, word="OUI").text
    assert 'class="bubble bubble-mine"' in page
    assert "confirmé" in visitor.get(f"/why?occasion={told.visit}")


@pytest.mark.parametrize("text", ["", " " * 5, "x" * 2000])
def test_what_no_phone_sends_is_refused(told, text):
    assert Visitor(told).post("/phone/answer", number=ANA, text=text).status_code == 400


def test_the_script_gets_the_bubbles_alone_and_escaped(told):
    told.answer(ANA, "<script>alert(1)</script>")
    page = Visitor(told).get("/phone/bubbles?number=%2B33639980001")
    assert "<html" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "n’a encore rien reçu" in Visitor(told, language="fr", role="viewer").get("/phone/bubbles?number=nonsense")


def test_another_workspace_s_phones_are_not_shown(told):
    from core.storage.tables import simulated

    with told.suite.database.write() as tx:
        tx.connection.execute(simulated.update().values(workspace="wsp_other"))
    assert "Répondez OUI" not in Visitor(told).get("/phone?number=%2B33639980001")


# ------------------------------------------------------------------------------------------ replies


def test_no_reply_to_read_teaches(clinic):
    assert "Aucune réponse à lire" in Visitor(clinic).get("/replies")


def test_yes_and_no_do_not_wait_for_a_person(told):
    told.answer(ANA, "oui")
    assert "Aucune réponse à lire" in Visitor(told).get("/replies")


def test_an_unclear_reply_is_read_with_its_question_and_answered(told):
    told.answer(ANA, "Je serai en retard <i>désolée</i>")
    visitor = Visitor(told, role="editor")
    page = visitor.get("/replies")
    assert "Je serai en retard &lt;i&gt;désolée&lt;/i&gt;" in page
    assert "Répondez OUI ou NON" in page
    assert "Ana Martin" in page
    with told.suite.database.read(told.workspace) as tx:
        [reply] = feedback.replies(tx, waiting=True)

    after = visitor.post(f"/replies/{reply['id']}/answer", text="Pas de souci.").text

    assert "Votre réponse part maintenant" in after
    assert "Aucune réponse à lire" in after
    assert "traité" in visitor.get("/replies?all=1")
    with told.suite.database.read(told.workspace) as tx:
        assert outbox.listed(tx, outbox.Filter())[0]["text"] == "Pas de souci."


def test_a_reply_is_marked_as_dealt_with(told):
    told.answer(ANA, "Merci, à qui dois-je m'adresser ?")
    with told.suite.database.read(told.workspace) as tx:
        [reply] = feedback.replies(tx, waiting=True)
    visitor = Visitor(told)
    assert "Aucune réponse à lire" in visitor.post(f"/replies/{reply['id']}/done").text
    assert visitor.post("/replies/rep_other/done").status_code == 404


def test_a_stranger_s_reply_is_shown_too(told):
    told.answer(BOB, "Qui êtes-vous ?")
    page = Visitor(told).get("/replies")
    assert "Qui êtes-vous ?" in page
    assert "06\u00a039\u00a098\u00a000\u00a008" in page

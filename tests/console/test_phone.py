"""The simulated phones: what they received, and answering from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clinic import ANA, Clinic
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

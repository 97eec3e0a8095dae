"""Modèles: measured as the network measures, warned about before they cost, kept in versions and languages."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.domain.recipients import Recipient
from core.storage import outbox, people
from core.storage import rules as kept
from core.storage import tables as t
from core.web.console.drafting import drafted
from core.web.console.templates_page import library
from tests.support.clinic import Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def draft(source: str, **more):
    given = {"zone": ZoneInfo("Europe/Paris"), "language": "fr", "country": "FR", "on": date(2026, 12, 1), **more}
    return drafted(source, {"name": "Ana"}, **given)


def test_a_cheap_spelling_is_announced_and_costs_one_part():
    told = draft("Fenêtre ouverte, ça ira : {{ name }}")
    assert (told.encoding, told.segments, told.text) == ("GSM-7", 1, "Fenetre ouverte, ca ira : Ana")
    assert {one.character: one.replacement for one in told.respelled} == {"ê": "e", "ç": "c"}


def test_an_emoji_is_blamed_and_nothing_else_is_respelled():
    told = draft("Fenêtre 😀")
    assert (told.encoding, told.room, told.respelled) == ("UCS-2", 70, ())
    assert [one.character for one in told.costly] == ["😀"]


def test_marketing_is_measured_with_its_stop_mention():
    assert draft("x" * 150, message_class="marketing").segments == 2
    assert draft("x" * 149, message_class="marketing").segments == 1


def test_a_text_that_cannot_be_filled_says_why_and_shows_what_was_written():
    told = draft("Bonjour {{ nobody }}")
    assert (told.trouble.code, told.text) == ("missing_value", "Bonjour {{ nobody }}")


def test_health_words_are_found_unless_the_workspace_does_not_want_it():
    assert draft("Votre cardiologie").health == ("cardiologie",)
    assert draft("Votre cardiologie", health=False).health == ()


@pytest.mark.parametrize(("trade", "key"), [(trade, key) for trade, texts in library().items() for key in texts])
def test_the_ready_texts_are_one_cheap_part_in_both_languages(clinic, trade, key):
    visitor = Visitor(clinic)
    page = visitor.get(f"/templates/new?from={trade}.{key}")
    assert "<strong data-draft-count>1\u00a0SMS</strong>" in page
    assert "GSM-7" in page
    assert page.count("<li>") == page.split("data-draft-notes>")[0].count("<li>"), "no warning"
    assert set(library()[trade][key]) == {"fr", "en"}


def test_a_template_is_saved_in_versions_and_shown_with_its_other_languages(clinic):
    visitor = Visitor(clinic)
    visitor.post("/templates/new", key="rappel", language="fr", body="Rendez-vous {{ start }}")
    visitor.post("/templates/rappel", language="en", body="Appointment {{ start }}")
    visitor.post("/templates/rappel", language="fr", body="RDV {{ start }}")
    page = visitor.get("/templates/rappel?language=fr")
    assert "2 versions" in page.replace("\u00a0", " ")
    assert "Appointment" in page
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert kept.texts(tx)["rappel"] == {"fr": "RDV {{ start }}", "en": "Appointment {{ start }}"}
    assert "rappel" in visitor.get("/templates")
    visitor.post("/templates/rappel/remove")
    assert visitor.browser.get("/templates/rappel").status_code == 404


@pytest.mark.parametrize(
    "fields", [{"key": "Majuscule", "body": "x"}, {"key": "a b", "body": "x"}, {"key": "ok", "body": ""},
               {"key": "ok", "body": "{{ x"}, {"key": "../etc", "body": "x"}],
)  # fmt: skip
def test_what_cannot_be_saved_is_shown_again_with_its_error(clinic, fields):
    answer = Visitor(clinic).post("/templates/new", language="fr", **fields)
    assert answer.status_code == 422
    assert 'class="error"' in answer.text


def test_the_preview_button_works_without_scripts_and_saves_nothing(clinic):
    answer = Visitor(clinic).post("/templates/new", key="x", language="fr", body="Bonjour {{ name }}", preview="1")
    assert "Bonjour Ana Martin" in answer.text
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert kept.texts(tx) == {}


def test_the_script_gets_words_ready_to_show(clinic):
    told = Visitor(clinic, role="viewer").post("/drafts/preview", body="Ça <b>va</b> 😀").get_json()
    assert (told["text"], told["encoding"]) == ("Ça <b>va</b> 😀", "UCS-2")
    assert any("Unicode" in note for note in told["notes"])


def test_hostile_texts_are_shown_as_text(clinic):
    visitor = Visitor(clinic)
    visitor.post("/templates/new", key="evil", language="fr", body="</textarea><script>alert(1)</script>")
    for path in ("/templates", "/templates/evil"):
        assert "<script>alert" not in visitor.get(path)


def test_two_versions_are_compared_and_an_older_one_is_brought_back(clinic):
    visitor = Visitor(clinic)
    visitor.post("/templates/new", key="rappel", language="fr", body="Rendez-vous {{ start }} au cabinet")
    visitor.post("/templates/rappel", language="fr", body="RDV {{ start }} au cabinet")
    page = visitor.get("/templates/rappel/history?language=fr")
    assert "Rendez-vous</del>" in page
    assert "RDV</ins>" in page
    assert "owner-fr" in page, "who wrote it"
    page = visitor.post("/templates/rappel/restore", language="fr", version="1").text
    assert "La version 1 est reprise" in page
    assert "reprise de la version 1" in page
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert kept.texts(tx)["rappel"]["fr"] == "Rendez-vous {{ start }} au cabinet"
    assert visitor.post("/templates/rappel/restore", language="fr", version="9").status_code == 404
    assert Visitor(clinic, "viewer").post("/templates/rappel/restore", language="fr", version="1").status_code == 403


def test_templates_lie_in_folders(clinic):
    visitor = Visitor(clinic)
    for key in ("rappel", "soldes"):
        visitor.post("/templates/new", key=key, language="fr", body="Bonjour")
    assert "rangé" in visitor.post("/templates/rappel/folder", folder="Cabinet").text
    visitor.post("/templates/rappel", language="en", body="Hello")
    page = visitor.get("/templates?folder=Cabinet")
    assert 'href="/templates/rappel"' in page
    assert 'href="/templates/soldes"' not in page
    assert 'href="/templates/soldes"' in visitor.get("/templates")


def test_a_language_that_is_not_written_says_who_gets_which_text_instead(clinic):
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        for number in ("+33639981001", "+33639981002"):
            people.remember(tx, Recipient.parse(number), {"language": "es"}, clinic.suite.now())
    visitor.post("/templates/new", key="rappel", language="en", body="Appointment")
    page = visitor.get("/templates/rappel").replace("\u00a0", " ").replace("\u202f", " ")
    assert "Espagnol : ces personnes reçoivent le texte en anglais. 2 contacts sont concernés." in page
    visitor.post("/templates/rappel", language="es", body="Cita")
    assert "contacts sont concernés" not in visitor.get("/templates/rappel")


def test_a_message_opens_the_version_that_it_was_written_from_and_says_the_language_it_fell_back_to(clinic):
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        kept.save_template(tx, "rappel", "en", "Appointment {{ start }}", clinic.suite.now())
        kept.save_template(tx, "rappel", "fr", "RDV {{ start }}", clinic.suite.now())
        tx.connection.execute(t.rules.update().values(template="rappel", body=None, asks=False))
    clinic.write("ana", "2026-12-02T10:00:00+01:00", language="es")
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = outbox.listed(tx, outbox.Filter())
    page = visitor.get(f"/messages/{row['id']}")
    assert 'href="/templates/rappel/history?language=fr&amp;new=1"' in page
    assert "n’est pas écrit dans cette langue" in page
    assert "RDV mercredi 2 décembre" in page, "the workspace's language comes before what was written first"
    visitor.post("/templates/rappel", language="fr", body="Rendez-vous {{ start }}")
    assert "history?language=fr&amp;new=2" in visitor.get(f"/messages/{row['id']}")
    assert "Rendez-vous" in visitor.get("/templates/rappel/history?language=fr&new=2")

"""Sondages and Mots-clés: written, sent by the steps of a campaign, answered, and who sees which number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.domain.surveys import as_json, parse
from core.storage import keywords, rules, surveys
from tests.support.clinic import Clinic
from tests.support.console import Visitor

QUESTION = {"text-1": "Nous recommanderiez-vous ?", "kind-1": "scale", "least-1": "9", "most-1": "10",
            "branch-1": "end"}  # fmt: skip
SURVEY = {
    "name": "Avis", "class": "transactional", "ending": "Merci !", "lasts": "72", "rest": "30", **QUESTION,
    "text-2": "Pourquoi ?", "kind-2": "choice", "choices-2": "L'attente\nAutre > fin",
    "text-3": "Un mot ?", "kind-3": "text",
}  # fmt: skip
NUMBER = "+33639982001"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def only(clinic: Clinic) -> Any:
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = surveys.rows(tx)
    return row


def test_questions_are_written_without_a_script_and_sent_as_a_campaign_is(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert "Aucun sondage encore" in visitor.get("/surveys")
    assert "Question 2" in visitor.post("/surveys/new", **SURVEY, edit="add").text
    assert "Question 3" not in visitor.post("/surveys/new", **SURVEY, edit="drop-2").text
    page = visitor.post("/surveys/new", **SURVEY).text
    assert "Le sondage est enregistré" in page
    assert "A = L&#39;attente" in page
    assert "Autre &gt; fin" in page
    row = only(clinic)
    assert row["questions"][0]["branches"] == [{"least": 9, "most": 10, "then": "end"}]

    steps = visitor.browser.post(f"/surveys/{row['id']}/send", data={"csrf": visitor.csrf}).headers["Location"]
    campaign = steps.removesuffix("/audience")
    whom = {"csrf": visitor.csrf, "name": "Avis", "who": "numbers", "numbers": NUMBER}
    after = visitor.browser.post(steps, data=whom)
    assert after.headers["Location"] == f"{campaign}/time"
    assert visitor.browser.get(f"{campaign}/message").headers["Location"] == f"/surveys/{row['id']}"
    check = visitor.get(f"{campaign}/check")
    assert "4 messages par personne au plus" in check
    assert "Nous recommanderiez-vous ? (0 - 10)" in check
    visitor.post(f"{campaign}/send")
    clinic.settle()
    clinic.answer(NUMBER, "4")
    clinic.settle()
    clinic.answer(NUMBER, "B")
    clinic.settle()

    found = visitor.get(f"/surveys/{row['id']}")
    assert "100,0\u00a0%" in found
    assert "personnes qui ont répondu à une question au moins" in found
    assert "06\u00a039\u00a098\u00a020\u00a001" in visitor.get(f"/surveys/{row['id']}/answers?question=1")
    assert "06\u00a039\u00a098\u00a020\u00a001" not in Visitor(clinic, "viewer").get(
        f"/surveys/{row['id']}/answers?question=1")  # fmt: skip
    assert visitor.browser.get(f"/surveys/{row['id']}/edit").status_code == 303
    assert "nouveau brouillon" in visitor.post(f"/surveys/{row['id']}/copy").text
    assert "arrêté" in visitor.post(f"/surveys/{row['id']}/stop").text


@pytest.mark.parametrize(("wrong", "said"), [
    ({"text-2": ""}, "Le message est vide"),
    ({"choices-2": "Oui\nStop"}, "veut dire autre chose"),
    ({"choices-2": "Oui"}, "de 2 à 9 réponses"),
    ({"text-2": "Bonjour {{ first_name }}"}, "Seule la première question"),
    ({"lasts": "longtemps"}, "Un nombre de 1 à 336"),
    ({"name": ""}, "Donnez un nom"),
])  # fmt: skip
def test_what_is_wrong_is_said_where_it_is(clinic: Clinic, wrong: dict[str, str], said: str) -> None:
    answer = Visitor(clinic).post("/surveys/new", **{**SURVEY, **wrong})
    assert answer.status_code == 422
    assert said in re.sub(r"[\u00a0\u202f]", " ", answer.text)


def test_words_are_added_switched_and_removed(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert visitor.post("/surveys/keywords", words="stop", body="x").status_code == 422
    assert visitor.post("/surveys/keywords", words="RDV").status_code == 422
    promo = {"words": "Promo, bons plans", "body": "Bienvenue", "consent_text": "Envoyez PROMO"}
    assert visitor.post("/surveys/keywords", **promo).status_code == 422, "a proof has its place"
    page = visitor.post("/surveys/keywords", **promo, consent_place="Vitrine").text
    assert "PROMO, BONS PLANS" in page
    assert visitor.post("/surveys/keywords", words="promo", body="x").status_code == 422
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = keywords.rows(tx)
    assert row["consent"] == {"text": "Envoyez PROMO", "place": "Vitrine"}
    visitor.post(f"/surveys/keywords/{row['id']}/switch")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert keywords.active(tx) == []
    assert "Aucun mot-clé encore" in visitor.post(f"/surveys/keywords/{row['id']}/remove").text


def test_who_may_only_look_changes_nothing(clinic: Clinic) -> None:
    viewer = Visitor(clinic, "viewer")
    assert viewer.post("/surveys/new", **SURVEY).status_code == 403
    assert viewer.post("/surveys/keywords", words="RDV", body="x").status_code == 403
    assert viewer.browser.get("/surveys/new").status_code == 403


def test_a_rule_asks_a_survey_instead_of_a_text(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    visitor.post("/surveys/new", **SURVEY)
    survey = only(clinic)
    rule = {"name": "Après la visite", "on": "appointment", "class": "transactional", "when": "span", "span": "3",
            "unit": "hours", "direction": "after", "body": "", "survey": survey["id"], "channel": "sms", "late": "skip",
            "active": "1", "installation": clinic.installation}  # fmt: skip
    page = visitor.get("/rules/new")
    assert "Poser un sondage" in page
    assert "Nous recommanderiez-vous" in visitor.post("/rules/new", **rule).text
    assert only(clinic)["state"] == "draft", "seen is not saved"
    visitor.post("/rules/new", **rule, confirm="1")
    with clinic.suite.database.read(clinic.workspace) as tx:
        made = next(row for row in rules.rows(tx) if row["survey"])
    assert (made["body"], made["asks"]) == ("Nous recommanderiez-vous ? (0 - 10)", False)
    assert only(clinic)["state"] == "open"
    assert "Après la visite" in visitor.get(f"/surveys/{survey['id']}")


def test_what_a_program_wrote_and_the_form_has_no_field_for_stays(clinic: Clinic) -> None:
    written = as_json(parse([
        {"text": "Note ?", "kind": "scale", "least": 1, "most": 5,
         "branches": [{"least": 1, "most": 2, "then": 2}, {"least": 5, "most": 5, "then": "end"}]},
        {"text": "Pourquoi ?", "choices": ["L'attente", {"text": "L'accueil", "words": ["secrétaire"]}]},
    ]))  # fmt: skip
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        survey = surveys.add(tx, {"name": "Avis", "class": "transactional", "language": "fr", "questions": written,
                                  "unclear": "?", "lasts": 3600, "rest": 0, "test": False}, now)  # fmt: skip
    visitor = Visitor(clinic)
    page = visitor.get(f"/surveys/{survey}/edit")
    assert "L&#39;accueil" in page
    form = {"name": "Avis", "class": "transactional", "lasts": "1", "rest": "0", "text-1": "Note ?", "kind-1": "scale",
            "least-1": "1", "most-1": "2", "branch-1": "2", "text-2": "Pourquoi donc ?", "kind-2": "choice",
            "choices-2": "L'attente\nL'accueil"}  # fmt: skip
    assert visitor.post(f"/surveys/{survey}/edit", **form).status_code == 200
    kept = only(clinic)["questions"]
    assert kept == [written[0], {**written[1], "text": "Pourquoi donc ?"}]

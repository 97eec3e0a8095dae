"""What people answer, and what we make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.replies import Meaning, meaning, normalised

RESEARCHED = json.loads((Path(__file__).parents[2] / "data" / "optout_keywords.json").read_text())
WORDS = RESEARCHED["keywords"]


def flat(by_language: dict[str, list[str]]) -> list[str]:
    return [word for words in by_language.values() for word in words]


@pytest.mark.parametrize("vector", RESEARCHED["vectors"], ids=lambda v: f"{v['text']!r} {v['appointment_context']}")
def test_the_researched_answers(vector):
    assert normalised(vector["text"]) == vector["normalised"]
    found = meaning(vector["text"], vector["appointment_context"])
    if vector["appointment_context"] and vector["expected"] == "other":      # an answer is "other" to an opt-out list
        assert found in {Meaning.CONFIRM, Meaning.CANCEL, Meaning.OTHER}
    else:
        assert found == vector["expected"]


@pytest.mark.parametrize("asked", [True, False])
def test_every_listed_word_means_what_the_list_says(asked):
    for kind in ("stop", "start", "help"):
        for word in flat(WORDS[kind]):
            assert meaning(word.lower(), asked) == kind, word


def test_a_cancelling_word_is_an_opt_out_only_when_nothing_was_asked():
    for word in flat(WORDS["stop_if_no_appointment_context"]):
        assert meaning(word, question_open=False) is Meaning.STOP
        assert meaning(word, question_open=True) in {Meaning.CANCEL, Meaning.OTHER}


def test_a_yes_is_never_a_new_consent():
    for word in WORDS["start_never"]:
        assert meaning(word, question_open=False) is Meaning.OTHER
        assert meaning(word, question_open=True) is Meaning.CONFIRM


@pytest.mark.parametrize("text", ["OUI", "oui.", "O", "Yes", "y", "1", "OK", "ok merci", "Sí", "si gracias", "Ja",
                                  "ja danke", "OUI MERCI", "oui c'est bon", "Bonjour, oui merci beaucoup", "C'est bon",
                                  "D'accord", "Oui, je confirme", "oui oui", "Sì, confermo", "Oui 👍",
                                  "OUI pas de problème"])
def test_a_clear_yes(text):
    assert meaning(text, question_open=True) is Meaning.CONFIRM
    assert meaning(text, question_open=False) is Meaning.OTHER


@pytest.mark.parametrize("text", ["NON", "n", "No", "2", "Non désolé", "non merci", "Annuler", "annuler mon rdv",
                                  "CANCEL", "J'annule, désolée", "Nein", "No, lo siento", "annulla", "cancel please"])
def test_a_clear_no(text):
    assert meaning(text, question_open=True) is Meaning.CANCEL


@pytest.mark.parametrize("text", ["Je serai en retard", "OUI mais plus tard", "oui non", "ok annuler", "NON c'est bon",
                                  "non pas de problème", "oui désolé", "merci", "12", "1 2", "no problem", "Oui à 15h",
                                  "peut-être", "👍", "", "ce n'est pas moi", "END"])
def test_what_is_unclear_goes_to_a_person(text):
    assert meaning(text, question_open=True) is Meaning.OTHER


@pytest.mark.parametrize("text", ["STOP", "stop merci", "Stop, j'annule", "STOP oui"])
def test_stop_is_stop_even_when_a_question_is_open(text):
    assert meaning(text, question_open=True) is Meaning.STOP


@given(st.text(), st.booleans())
def test_any_text_has_a_meaning_and_capitals_and_spaces_do_not_change_it(text, asked):
    assert meaning(f"  {text}\n", asked) is meaning(text, asked)
    assert normalised(normalised(text)) == normalised(text)


@given(st.text())
def test_stop_first_always_stops(rest):
    assert meaning(f"Stop {rest}", question_open=True) is Meaning.STOP

"""What a lock screen would betray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.health import Found, health_words


def words(text: str) -> list[str]:
    return [found.word for found in health_words(text)]


@pytest.mark.parametrize("text, telling", [
    ("Votre RDV de cardiologie demain", ["cardiologie"]),
    ("Dr Martin, ONCOLOGUE", ["ONCOLOGUE"]),
    ("Consultation de gynécologie et d'obstétrique", ["gynécologie", "obstétrique"]),
    ("Consultation de gyne\u0301cologie", ["gyne\u0301cologie"]),
    ("Votre test VIH, l'IRM et la prise de sang", ["VIH", "IRM", "prise de sang"]),
    ("Vos résultats sont arrivés", ["résultats"]),
    ("Your dermatologist has your test results", ["dermatologist", "test results"]),
    ("Dépistage IST", ["Dépistage", "IST"]),
    ("Séance chez la sage-femme", ["sage-femme"]),
    ("Psychiatre, psychologue, psychanalyste, pédiatre", ["Psychiatre", "psychologue", "psychanalyste", "pédiatre"]),
])
def test_a_telling_word_is_found(text: str, telling: list[str]):
    assert words(text) == telling


@pytest.mark.parametrize("text", [
    "", "Cabinet des Tilleuls : RDV lundi 26 octobre à 9h00. Répondez OUI pour confirmer.",
    "Das ist Ihr Termin", "Un conseil aids nobody", "Mme Cardiologne, M. Vihar",
    "Your appointment is on Monday at 9:00 am",
    "Votre commande est prête, prise en magasin",
])
def test_an_ordinary_reminder_is_clean(text: str):
    assert words(text) == []


def test_the_place_is_told():
    assert health_words("Demain : Cœur, IRM.") == (Found("IRM", 15),)


@given(st.text(max_size=60))
def test_a_found_word_stands_where_it_is_said(text: str):
    for found in health_words(text + " VIH " + text):
        assert (text + " VIH " + text)[found.index:].startswith(found.word)
    assert "VIH" in words(text + " VIH ")

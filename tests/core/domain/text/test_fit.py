"""`|fit`: as much of a product's name as leaves the whole text in one part."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.segments import measure
from core.domain.text.templates import MissingValue, render

PARIS = ZoneInfo("Europe/Paris")
TEXT = (
    "Bonjour Ana, votre panier vous attend : {{ items|fit }} ({{ total }}). "
    "Pour le retrouver : https://relance.example/s/abcdefghijk"
)
TOTAL = {"amount": 84_700_000, "currency": "EUR"}


def filled(items: str, text: str = TEXT) -> str:
    return render(text, {"items": items, "total": TOTAL}, PARIS).text


@pytest.mark.parametrize("name, shown", [
    ("Robe", "Robe"),
    ("Robe longue en lin lavé naturel avec ceinture tressée et poches", "Robe longue en lin lavé naturel..."),
    ("Robe 🌸 fleurie", "Robe fleurie"),
])
def test_a_name_is_cut_between_words(name: str, shown: str) -> None:
    assert f": {shown} (" in filled(name)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_whatever_the_name_no_mark_is_left_and_a_latin_one_fits(name: str) -> None:
    try:
        text = filled(name)
    except MissingValue:
        # Nothing of it can be shown.
        return
    assert "\ue000" not in text
    assert "\ue001" not in text


@given(st.text("abcdefghij klmnéèà ", min_size=1, max_size=300).filter(str.strip))
def test_a_name_in_the_cheap_alphabet_leaves_room_for_the_stop_mention(name: str) -> None:
    found = measure(filled(name))

    assert (found.segments, found.encoding) == (1, "GSM-7")
    assert found.units <= 160 - 14


def test_when_nothing_helps_the_name_stays_whole() -> None:
    assert filled("Robe longue en lin", "{{ items|fit }} " + "x" * 170).startswith("Robe longue en lin x")


def test_two_names_share_the_room() -> None:
    text = render("{{ a|fit }} et {{ b|fit }}", {"a": "mot " * 60, "b": "Sac à dos"}, PARIS).text

    assert text.endswith("et Sac à dos")
    assert measure(text).segments == 1

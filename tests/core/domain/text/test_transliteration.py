"""The cheap spelling: all of a text or nothing, and never a link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.alphabet import CHEAP, GSM7
from core.domain.text.segments import measure
from core.domain.text.transliteration import raw_map, to_gsm7

DATA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "data" / "sms_segments.json").read_text("utf-8"))
NAMES = {"GSM7": "GSM-7", "UCS2": "UCS-2"}


def test_the_table_is_the_agreed_one():
    assert dict(CHEAP) == DATA["transliteration_map"]
    assert not [character for character in CHEAP if GSM7.fullmatch(character)]


@pytest.mark.parametrize("vector", DATA["transliteration_vectors"], ids=lambda vector: vector["id"])
def test_a_text_is_respelled_so(vector: dict[str, Any]):
    before, after = measure(vector["input"]), measure(raw_map(vector["input"]))

    assert raw_map(vector["input"]) == vector["output"]
    assert (NAMES[vector["encoding_before"]], vector["units_before"]) == (before.encoding, before.units)
    assert (NAMES[vector["encoding_after"]], vector["units_after"], vector["segments_after"]) == (
        after.encoding, after.units, after.segments)


def test_a_text_that_stays_dear_is_left_as_its_author_wrote_it():
    assert to_gsm7("L’équipe 😀") == "L’équipe 😀"
    assert to_gsm7("L’équipe") == "L'équipe"
    assert to_gsm7("Rendez-vous en août") == "Rendez-vous en aout"


@pytest.mark.parametrize("text, spelled", [
    ("Voir « https://exemple.fr/a~b »…", 'Voir " https://exemple.fr/a~b "...'),
    ("Voir https://exemple.fr/a…", "Voir https://exemple.fr/a..."),
    ("Voir https://exemple.fr/forêt, à bientôt", "Voir https://exemple.fr/forêt, à bientôt"),
])
def test_links_are_never_touched(text: str, spelled: str):
    assert to_gsm7(text) == spelled


@given(st.text(st.sampled_from("".join(CHEAP) + "aé€e\u0301😀 https://"), max_size=60) | st.text(max_size=60))
def test_respelling_twice_is_respelling_once_and_is_all_or_nothing(text: str):
    spelled = to_gsm7(text)

    assert to_gsm7(spelled) == spelled
    assert spelled == text or measure(spelled).encoding == "GSM-7"

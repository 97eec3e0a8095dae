"""How long a text is: the 95 vectors of independent counters, and what holds for every text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.alphabet import BASIC, EXTENSION
from core.domain.text.segments import Guilty, gsm7_octets, guilty, measure, pack
from core.domain.text.stop_mention import MENTION, reserve, with_stop

DATA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "data" / "sms_segments.json").read_text("utf-8"))
NAMES = {"GSM7": "GSM-7", "UCS2": "UCS-2"}


def test_the_data_is_whole():
    assert len(DATA["vectors"]) == 95
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10


@pytest.mark.parametrize("vector", DATA["vectors"] + DATA["grapheme_differences"], ids=lambda vector: vector["id"])
def test_a_text_is_counted_as_the_independent_counters_do(vector: dict[str, Any]):
    measured = measure(vector["text"])

    assert measured.encoding == NAMES[vector["encoding"]]
    assert measured.units == vector["units"]
    assert measured.segments == vector["segments"]
    assert list(measured.segment_units) == vector["segment_units"]


@pytest.mark.parametrize("vector", DATA["gsm7_hex"], ids=lambda vector: vector["text"])
def test_a_text_has_these_octets(vector: dict[str, Any]):
    octets = gsm7_octets(vector["text"])

    assert octets.hex() == vector["unpacked_hex"]
    assert len(octets) == vector["septets"]
    assert pack(octets).hex() == vector["packed_hex"]


def test_what_is_not_gsm7_has_no_octets():
    with pytest.raises(ValueError, match="'ê' is not in the GSM-7 alphabet"):
        gsm7_octets("forêt")


GSM = st.text(st.sampled_from("".join(BASIC) + "".join(EXTENSION) * 4), max_size=500)
ANY = st.text(st.sampled_from("aé€ê你😀\n"), max_size=400) | st.text(max_size=200)


@given(GSM | ANY)
def test_parts_add_up_and_never_cut_a_character(text: str):
    measured = measure(text)
    cost = (lambda c: len(gsm7_octets(c))) if measured.encoding == "GSM-7" else (lambda c: 2 if c > "\uffff" else 1)
    room = {"GSM-7": 153, "UCS-2": 67}[measured.encoding]

    assert sum(measured.segment_units) == measured.units == sum(map(cost, text))
    assert measured.segments == len(measured.segment_units)
    if measured.segments > 1:
        assert list(measured.segment_units) == greedily([cost(character) for character in text], room)


def greedily(costs: list[int], room: int) -> list[int]:
    """The rule in its plainest form: a character goes into the part, or opens the next one."""
    parts = [0]
    for cost in costs:
        if parts[-1] + cost > room:
            parts.append(0)
        parts[-1] += cost
    return parts


@given(ANY)
def test_the_guilty_characters_are_exactly_those_that_force_ucs2(text: str):
    found = guilty(text)

    innocent = "".join(c for i, c in enumerate(text) if i not in {culprit.index for culprit in found})
    assert measure(innocent).encoding == "GSM-7"
    assert all(measure(culprit.character).encoding == "UCS-2" for culprit in found)
    assert all(text[culprit.index] == culprit.character for culprit in found)


def test_the_editor_is_told_what_is_dear_and_what_would_be_cheap():
    assert guilty("L’hôpital 😀") == (Guilty(1, "’", "'"), Guilty(3, "ô", "o"), Guilty(10, "😀", None))
    assert guilty("Réservé à 8h") == ()


def test_149_septets_is_the_longest_marketing_text_in_one_part():
    assert measure(MENTION).units == 11
    assert reserve("a" * 149).segments == 1
    assert reserve("a" * 150).segments == 2


def test_the_way_out_is_named_once():
    assert with_stop("Soldes. ") == "Soldes. STOP 36034"
    assert with_stop("Soldes. STOP au 36180") == "Soldes. STOP au 36180"
    assert with_stop("Prenez le bus, STOP Opéra") == "Prenez le bus, STOP Opéra STOP 36034"

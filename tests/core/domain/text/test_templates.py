"""Filling a text: every wish of an author, and no raw variable, no foreign template and no endless text on a phone."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput, InvalidTemplate
from core.domain.sentences import SENTENCES
from core.domain.text.price import Money
from core.domain.text.templates import MissingValue, UnusableValue, compile_template, render

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 10, 26, 8, 0, tzinfo=UTC)


def fill(source: str, language: str = "fr", zone: ZoneInfo = PARIS, **values: Any) -> str:
    return compile_template(source).fill(values, zone, language)


def test_a_reminder_in_the_recipient_s_own_hours():
    text = "Bonjour {{ first_name }}, RDV le {{ start|date }} à {{ start|time }}."

    assert fill(text, first_name="Ana", start=START) == "Bonjour Ana, RDV le lundi 26 octobre à 9h00."
    assert fill(text, first_name="Ana", start=START, zone=ZoneInfo("Indian/Reunion")).endswith("à 12h00.")


@pytest.mark.parametrize("source, language, text", [
    ("{{ start|date }}", "fr", "lundi 26 octobre"),
    ("{{ start|date }}", "en-GB", "Monday 26 October"),
    ("{{ start|date }}", "es", "lunes 26 de octubre"),
    ("{{ start|date }}", "de", "Montag, 26. Oktober"),
    ("{{ start|date }}", "it", "lunedì 26 ottobre"),
    ("{{ start|date }}", "pt", "Monday 26 October"),
    ("{{ start|short_date }}", "fr", "26/10"),
    ("{{ start|short_date }}", "de", "26.10."),
    ("{{ start|weekday|capitalize }} {{ start|year }}", "fr", "Lundi 2026"),
    ("{{ start|time }}", "en", "9:00 am"),
    ("{{ start|time }}", "de", "9:00 Uhr"),
    ("{{ start|time }}", "es", "9:00"),
    ("{{ start }}", "fr", "lundi 26 octobre à 9h00"),
    ("{{ start }}", "en", "Monday 26 October at 9:00 am"),
    ("{{ start }}", "es", "lunes 26 de octubre a las 9:00"),
])
def test_moments_in_words(source: str, language: str, text: str):
    assert fill(source, language, start=START) == text


@pytest.mark.parametrize("moment, text", [
    ("2026-05-01T10:30:00+02:00", "vendredi 1er mai 10h30"),
    ("2026-08-14T22:05:00Z", "samedi 15 août 0h05"),
    ("2026-10-25T01:30:00+00:00", "dimanche 25 octobre 2h30"),
])
def test_moments_from_json(moment: str, text: str):
    assert fill("{{ start|date }} {{ start|time }}", start=moment) == text


@pytest.mark.parametrize("moment, text", [
    ("2026-01-01T00:00:00+00:00", "12:00 am"), ("2026-01-01T12:00:00+00:00", "12:00 pm"),
    ("2026-01-01T13:05:00+00:00", "1:05 pm"),
])
def test_english_hours(moment: str, text: str):
    assert fill("{{ start|time }}", "en", ZoneInfo("Europe/London"), start=moment) == text


def test_a_calendar_day_is_the_same_day_everywhere_but_has_no_hour():
    assert fill("{{ day|date }}", day=date(2026, 8, 15)) == fill("{{ day|date }}", day="2026-08-15") == "samedi 15 août"
    with pytest.raises(UnusableValue):
        fill("{{ day|time }}", day=date(2026, 8, 15))


@pytest.mark.parametrize("value", [datetime(2026, 10, 26, 9), "2026-10-26T09:00:00"])
def test_a_moment_without_a_zone_is_an_error_and_not_a_guess(value: object):
    with pytest.raises(UnusableValue) as refusal:
        fill("{{ start|time }}", start=value)
    assert refusal.value.reason.code == "value_naive_moment"


@pytest.mark.parametrize("value", ["demain", "2026-13-45T10:00:00Z", 7, datetime.max.replace(tzinfo=UTC)])
def test_what_is_not_a_moment_is_not_told_as_one(value: object):
    with pytest.raises(UnusableValue):
        fill("{{ start|time }}", start=value)


@pytest.mark.parametrize("source", [
    "{{ first_name }}", "{{ first_name|upper }}", "{{ contact.first_name }}", "{{ contact['first_name'] }}",
    "{{ first_name or last_name }}", "{{ start|date }}", "{% if first_name > 'a' %}x{% endif %}",
])
@pytest.mark.parametrize("values", [
    {}, {"first_name": ""}, {"first_name": None, "contact": {}}, {"first_name": " \t\n"},
    {"contact": {"first_name": ""}},
])
def test_a_missing_value_stops_the_message(source: str, values: dict[str, Any]):
    with pytest.raises(MissingValue) as refusal:
        fill(source, **values)
    assert refusal.value.reason.code == "missing_value"
    assert refusal.value.name in {"first_name", "last_name", "contact.first_name", "start"}


@pytest.mark.parametrize("source, text", [
    ("Bonjour {{ first_name or 'cher patient' }}", "Bonjour cher patient"),
    ("Bonjour {{ first_name | default('') }}!", "Bonjour !"),
    ("{{ first_name|upper|default('Madame, Monsieur') }}", "Madame, Monsieur"),
    ("{{ start|date|default('bientôt') }}", "bientôt"),
    ("{{ first_name|default('ana')|upper }}", "ANA"),
    ("{% if first_name %}Bonjour {{ first_name }}{% else %}Bonjour{% endif %}", "Bonjour"),
    ("{{ 'a' if first_name else 'b' }}", "b"),
    ("{% if first_name == '' %}vide{% endif %}", "vide"),
    ("{% if contact.city == 'Paris' %}x{% else %}y{% endif %}", "y"),
])
def test_a_declared_fallback_is_what_the_author_wants(source: str, text: str):
    assert fill(source) == text
    assert fill(source, first_name="", contact={"city": None}) == text


def test_data_is_never_a_template():
    assert fill("{{ name }}", name="{{7*7}}{% for x in y %}") == "{{7*7}}{% for x in y %}"


def test_a_value_is_one_line_without_control_characters_and_composed():
    assert fill("{{ name }}.", name="Ana\r\n\tB\x00\x1b\x7f\u202ee\u0301\ud83d") == "Ana Bé."


def test_fields_of_plain_values_can_be_read():
    assert fill("{{ order.customer.name }} {{ order['number'] }}", order={"customer": {"name": "Ana"}, "number": 12}) \
        == "Ana 12"
    with pytest.raises(UnusableValue, match="has no field"):
        fill("{{ name.first }}", name="Ana")


@pytest.mark.parametrize("value, language, text", [
    ({"amount": 49_900_000, "currency": "EUR"}, "fr", "49,90 €"),
    ({"amount": 49_900_000, "currency": "EUR"}, "en", "€49.90"),
    ({"amount": 1_234_500_000, "currency": "CHF"}, "fr", "1 234,50 CHF"),
    (Money(-5_000_000, "GBP"), "en", "-£5.00"),
    (Money(1200_000_000, "JPY"), "en", "1,200 JPY"),
])
def test_money(value: object, language: str, text: str):
    assert fill("{{ total|money }}", language, total=value) == fill("{{ total }}", language, total=value) == text


@pytest.mark.parametrize("value", [12, "12", {"amount": 1.5, "currency": "EUR"}, {"amount": True, "currency": "EUR"},
                                   {"amount": 10**40, "currency": "EUR"}, {"amount": 1, "currency": "euros"}])
def test_a_sum_without_a_currency_is_not_money(value: object):
    with pytest.raises(UnusableValue):
        fill("{{ total|money }}", total=value)


@pytest.mark.parametrize("value", [
    True, [1], {"a": 1}, object(), float("nan"), 10**4000, Decimal("1e999"), b"x",
], ids=lambda value: type(value).__name__)
def test_what_has_no_reading_is_not_spelled_as_python_would(value: object):
    with pytest.raises(UnusableValue):
        fill("{{ value }}", value=value)


@pytest.mark.parametrize("value, text", [
    (0, "0"), (12, "12"), (1.5, "1,5"), (Decimal("2.50"), "2,50"), (1e-7, "0,0000001"),
])
def test_numbers(value: object, text: str):
    assert fill("{{ value }}", value=value) == text


def test_words_are_cut_with_dots_and_capitals_stay():
    assert fill("{{ t|truncate(10) }}", t="Chaussures de marche") == "Chaussu..."
    assert fill("{{ t|truncate(2) }}{{ t|lower }}", t="ABC") == "ABabc"
    assert fill("{{ t|capitalize }}", t="éLODIE McKay") == "ÉLODIE McKay"


def test_a_filled_text_has_an_end():
    with pytest.raises(UnusableValue, match="at most 2000"):
        fill("{{ t }}" * 500, t="x" * 10_000_000)
    assert fill("{{ t|truncate(5) }}", t="x" * 10_000_000) == "xx..."


def test_values_that_do_not_compare():
    with pytest.raises(UnusableValue, match="compares values"):
        fill("{% if a > 3 %}x{% endif %}", a="2")
    assert fill("{% if a > 3 and not b %}x{% elif a %}y{% endif %}", a=4) == "x"


def test_the_variables_are_known_before_filling():
    template = compile_template("{{ a }} {% if b.c %}{{ d|default(e) }}{% endif %} {{ f or 'g' }}")

    assert template.variables == {"a", "b", "d", "e", "f"}
    assert compile_template(template.source) is template


HOSTILE = {
    "template_forbidden": [
        "{{ 7*7 }}", "{{ 'a'*999999999 }}", "{{ 9**9**9 }}", "{{ a + b }}", "{{ a ~ b }}", "{{ range(9) }}",
        "{{ a() }}", "{{ ''.__class__.__mro__ }}", "{{ a['__class__'] }}", "{{ a[b] }}", "{{ a[0] }}", "{{ a['x':] }}",
        "{{ _x }}", "{{ self }}", "{{ super }}", "{{ [1] }}", "{{ {'a': 1} }}", "{{ (1, 2) }}", "{{ a is defined }}",
        "{{ -a }}", "{% for i in a %}{% endfor %}", "{% set a = 1 %}", "{% set a %}x{% endset %}", "{% include 'x' %}",
        "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% macro m() %}{% endmacro %}",
        "{% block b %}{% endblock %}", "{% filter upper %}x{% endfilter %}", "{% with a = 1 %}{% endwith %}",
        "{% call a() %}{% endcall %}", "{{ a if b }}", "{{ a.upper() }}", "{% if a in b %}{% endif %}",
        "{{ 'a' or '\\x1b' }}", "{{ '%s' % a }}",
    ],
    "template_syntax": ["{{ a", "{% if a %}", "{{ a b }}", "{% endif %}", "{% wat %}", "{{ }}", "{{ a. }}", "{# x"],
    "template_unknown_filter": ["{{ a|attr('x') }}", "{{ a|map('x') }}", "{{ a|safe }}", "{{ a|tojson }}"],
    "template_filter_arguments": ["{{ a|truncate }}", "{{ a|truncate(0) }}", "{{ a|truncate(b) }}", "{{ a|upper(1) }}",
                                  "{{ a|default }}", "{{ a|default('x', true) }}", "{{ a|default(*b) }}",
                                  "{{ a|truncate(9999999) }}", "{{ a|default(value='x') }}"],
    "template_stray_mark": ["Bonjour {first_name}}", "{% raw %}{{ a }}{% endraw %}", "{{ '{{ a }}' }}", "a %} b"],
    "template_too_deep": ["{{ " + "(" * 1900 + "a" + ")" * 1900 + " }}", "{{ a" + "|upper" * 200 + " }}",
                          "{% if a %}" * 150 + "{% endif %}" * 150, "{{ a" + " or a" * 700 + " }}",
                          "{{ " + "not " * 950 + "a }}"],
    "template_too_long": ["a" * 4_001],
}


@pytest.mark.parametrize("code, source", [(code, source) for code, sources in HOSTILE.items() for source in sources])
def test_what_is_not_a_text_is_refused_when_it_is_saved(code: str, source: str):
    begun = time.process_time()
    with pytest.raises(InvalidTemplate) as refusal:
        compile_template(source)

    assert time.process_time() - begun < 2
    assert refusal.value.reason.code == code
    for language in ("fr", "en"):
        assert SENTENCES[code][language].format(**refusal.value.reason.values)


def test_the_sentence_says_the_line_and_what_to_do():
    with pytest.raises(InvalidTemplate) as refusal:
        compile_template("Bonjour\n{{ a|nimporte }}")
    assert refusal.value.reason.sentence("fr").startswith("Ligne 2 : le filtre « nimporte » n'existe pas.")

    with pytest.raises(InvalidTemplate) as refusal:
        compile_template("{{ a")
    assert "{{ prenom }}" in refusal.value.reason.sentence("fr")
    assert MissingValue("a").reason.sentence("fr").endswith('{{ a or "…" }}.')


def test_every_code_has_its_sentence():
    assert {*HOSTILE, "missing_value", "text_too_long", "value_naive_moment", "value_not_moment", "value_not_money",
            "value_not_text", "value_not_comparable", "value_has_no_fields"} <= set(SENTENCES)


def test_the_cheap_spelling_is_applied_and_told():
    rendered = render("Fermé en {{ month }}", {"month": "août"}, PARIS)

    assert (rendered.text, rendered.changed) == ("Fermé en aout", True)
    assert render("Fermé en {{ month }}", {"month": "août"}, PARIS, cheap=False).text == "Fermé en août"
    assert not render(compile_template("Merci 😀 forêt"), {}, PARIS).changed


PIECES = ["{{", "}}", "{%", "%}", "{#", "#}", " a ", "b", "|", "upper", "default", "truncate", "(", ")", "'x'", "5",
          "or", " if ", " else ", " endif ", "for", " in ", ".", "__class__", "[", "]", "*", "**", "~", "\n", "-", "é",
          "raw"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40),
       st.dictionaries(st.sampled_from("ab"), st.text("xy é😀\x00\n", max_size=20) | st.integers() | st.none()
                       | st.booleans() | st.dictionaries(st.sampled_from("ab"), st.text(max_size=5), max_size=2)))
def test_any_text_is_refused_or_filled_and_never_shows_a_raw_variable(source: str, values: dict[str, Any]):
    try:
        text = fill(source, **values)
    except BadInput:
        return
    assert not any(mark in text for mark in ("{{", "}}", "{%", "%}"))
    assert "\x00" not in text


@given(st.text(max_size=50))
def test_any_name_is_only_text(name: str):
    try:
        text = fill("<{{ name }}>", name=name)
    except MissingValue:
        return
    assert text.startswith("<")
    assert text.endswith(">")
    assert "\n" not in text

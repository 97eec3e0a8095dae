"""Conditions are read strictly, and the pointer names what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.domain.errors import BadInput
from core.domain.segments import DEEPEST, MOST, Deed, Person, lists_of, meets, parse

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
ANA = Person(
    {"number": "+33639980001", "country": "FR", "first_name": "Ana", "language": ""},
    {"ville": "Lyon", "points": 12, "tags": ["vip", 3]}, agreed=True, lists=frozenset({"seg_a"}),
    deeds=(Deed("clicked", NOW - timedelta(days=3), "cmp_a", "sms"), Deed("clicked", NOW - timedelta(days=40))),
)  # fmt: skip


@pytest.mark.parametrize("given", [
    {"all": []},
    {"field": "country", "is": "FR"},
    {"field": "number", "begins": "+336"},
    {"field": "language", "known": False},
    {"value": "ville", "in": ["Paris", "Lyon"]},
    {"value": "points", "is": "12"},
    {"tag": "vip"},
    {"list": "seg_a"},
    {"consent": "in"},
    {"quarantined": False},
    {"did": "clicked", "within": "P7D"},
    {"did": "clicked", "times": 2},
    {"did": "clicked", "campaign": "cmp_a", "channel": "sms"},
    {"any": [{"tag": "x"}, {"not": {"tag": "x"}}]},
])  # fmt: skip
def test_ana_meets(given: dict[str, Any]) -> None:
    assert meets(parse(given), ANA, NOW)
    assert not meets(parse({"not": given}), ANA, NOW)


@pytest.mark.parametrize("given", [
    {"any": []}, {"field": "country", "is": "fr"}, {"field": "email", "known": True}, {"value": "points", "is": "13"},
    {"tag": "3"}, {"consent": "unknown"}, {"did": "clicked", "within": "P7D", "times": 2}, {"did": "ordered"},
    {"value": "nothing", "begins": "x"},
])  # fmt: skip
def test_ana_does_not_meet(given: dict[str, Any]) -> None:
    assert not meets(parse(given), ANA, NOW)


@pytest.mark.parametrize(("given", "pointer", "code"), [
    ([], "/conditions", "field_not_object"),
    ({}, "/conditions", "segment_condition"),
    ({"field": "age", "is": "3"}, "/conditions/field", "field_not_one_of"),
    ({"field": "country"}, "/conditions", "segment_operator"),
    ({"field": "country", "is": "FR", "in": ["FR"]}, "/conditions", "segment_operator"),
    ({"field": "country", "is": 3}, "/conditions/is", "field_not_text"),
    ({"all": [{"tag": "a"}, {"any": {"tag": "b"}}]}, "/conditions/all/1/any", "field_not_list"),
    ({"all": [{"tag": "a"}, {"not": {"tag": ""}}]}, "/conditions/all/1/not/tag", "field_empty"),
    ({"tag": "a", "is": "b"}, "/conditions/is", "segment_stranger"),
    ({"did": "slept"}, "/conditions/did", "field_not_one_of"),
    ({"did": "clicked", "within": "30 days"}, "/conditions/within", "bad_duration"),
    ({"did": "clicked", "times": 0}, "/conditions/times", "field_wrong"),
    ({"did": "ordered", "channel": "sms"}, "/conditions/channel", "segment_stranger"),
    ({"value": 'a"b', "is": "c"}, "/conditions/value", "segment_name"),
    ({"consent": "yes"}, "/conditions/consent", "field_not_one_of"),
    ({"quarantined": "no"}, "/conditions/quarantined", "field_not_yes_or_no"),
    ({"field": "country", "in": []}, "/conditions/in", "field_empty"),
    ({"all": [{"tag": "a"}] * (MOST + 1)}, f"/conditions/all/{MOST - 1}", "segment_too_many"),
])  # fmt: skip
def test_what_is_wrong_is_named(given: Any, pointer: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(given)
    assert (caught.value.pointer, caught.value.reason.code) == (pointer, code)


def test_conditions_are_not_nested_without_end() -> None:
    deep: Any = {"tag": "a"}
    for _ in range(DEEPEST):
        deep = {"not": deep}
    with pytest.raises(BadInput, match="level"):
        parse(deep)


def test_the_lists_that_a_condition_names_are_known() -> None:
    assert lists_of(parse({"all": [{"list": "a"}, {"not": {"any": [{"list": "b"}, {"tag": "c"}]}}]})) == {"a", "b"}

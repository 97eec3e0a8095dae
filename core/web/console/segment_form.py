"""A segment's conditions as a form of rows, and in words: groups of conditions, each met by all of them or by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import g

from core.domain.errors import BadInput
from core.domain.segments import MICRO, micros_of
from core.web.console.formats import day
from core.web.console.words import t, tn

GROUPS, CONDITIONS = 3, 4
LIST = "list:"
_DID: Mapping[str, tuple[str, bool]] = {
    "got": ("got", True), "not_got": ("got", False), "clicked": ("clicked", True), "not_clicked": ("clicked", False),
    "replied": ("replied", True), "ordered": ("ordered", True), "not_ordered": ("ordered", False),
    "visited": ("visited", True), "joined": ("joined", True),
}  # fmt: skip
_LAST = {"last_visited": "visited", "last_ordered": "ordered", "last_clicked": "clicked"}
_NUMBERS = {"value_above": "above", "value_at_least": "at_least", "value_below": "below"}
_DAYS = {"value_before": "before", "value_since": "since"}
_AGO = {"value_within": "within", "value_longer_ago": "longer_ago"}
_SPENT = {"spent_at_least": "at_least", "spent_below": "below"}
KINDS: Mapping[str, tuple[str, ...]] = {
    "person": ("agreed", "not_out", "country", "language", "tag"),
    "did": (*_DID, *_LAST, *_SPENT),
    "value": ("value", *_NUMBERS, *_DAYS, *_AGO),
}
"""What a condition may be about, in the order of the form."""
NAMED = ("value", *_NUMBERS, *_DAYS, *_AGO)
"""Those that ask for the name of a value."""
WORDLESS = ("", "agreed", "not_out")
"""Those that ask for nothing more."""
ALL = frozenset(kind for kinds in KINDS.values() for kind in kinds)


def read(form: Mapping[str, str]) -> dict[str, Any]:
    """What the rows of the form say: one group, or several in one. Raises `BadInput` for a number or day that is
    none."""
    groups = []
    for group in range(GROUPS):
        places = range(group * CONDITIONS, (group + 1) * CONDITIONS)
        if found := [one for place in places if (one := _read(form, place)) is not None]:
            groups.append({_how(form.get("how" if not group else f"how-{group}")): found})
    if len(groups) < 2:
        return groups[0] if groups else {"all": []}
    return {_how(form.get("between")): groups}


def fields(conditions: Any) -> dict[str, str] | None:
    """The form that says these conditions; None when it cannot say all of them (a program has written them)."""
    groups, between = [conditions], "all"
    for how in ("all", "any"):
        parts = conditions.get(how)
        if parts and set(conditions) == {how} and all(set(part) in ({"all"}, {"any"}) for part in parts):
            groups, between = parts, how
    if len(groups) > GROUPS:
        return None
    form = {"between": between}
    for number, group in enumerate(groups):
        met = next((one for one in ("all", "any") if set(group) == {one}), None)
        leaves = group[met] if met else [group]
        if len(leaves) > CONDITIONS:
            return None
        form["how" if not number else f"how-{number}"] = met or "all"
        for place, one in enumerate(leaves, number * CONDITIONS):
            row = _row_of(one)
            if row is None:
                return None
            form |= {f"{part}-{place}": said for part, said in zip(("kind", "name", "word"), row, strict=True)}
    return form


def _row_of(one: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(kind, name, word) of one condition, as a row of the form says it."""
    inner, yes = (one["not"], False) if set(one) == {"not"} else (one, True)
    said = next((str(inner[name]) for name in ("within", "longer_ago") if name in inner), "")
    days = said.removeprefix("P").removesuffix("D")
    names = set(inner)
    if names == {"did", "within"} and days.isdigit():
        return next(((kind, "", days) for kind, did in _DID.items() if did == (inner["did"], yes)), None)
    if inner == {"consent": "out"} and not yes:
        return "not_out", "", ""
    if not yes:
        return None
    if names == {"last", "longer_ago"} and days.isdigit():
        return next(((kind, "", days) for kind, what in _LAST.items() if what == inner["last"]), None)
    if names == {"list"}:
        return f"{LIST}{inner['list']}", "", ""
    if names == {"tag"}:
        return "tag", "", inner["tag"]
    if inner == {"consent": "in"}:
        return "agreed", "", ""
    if names == {"field", "is"} and inner["field"] in KINDS["person"]:
        return inner["field"], "", inner["is"]
    if names == {"value", "is"}:
        return "value", inner["value"], inner["is"]
    if "spent" in inner:
        wanted = next((kind for kind, operator in _SPENT.items() if names == {"spent", operator}), None)
        same = inner["spent"] == _currency()
        return (wanted, "", f"{inner[_SPENT[wanted]]:.15g}") if wanted and same else None
    for kinds in (_NUMBERS, _DAYS, _AGO):
        for kind, operator in kinds.items():
            if names == {"value", operator}:
                word = days if kinds is _AGO else str(inner[operator])
                return (kind, inner["value"], word) if kinds is not _AGO or days.isdigit() else None
    return None


def _currency() -> str:
    return str(g.workspace["settings"].get("currency") or "EUR")


def _how(said: str | None) -> str:
    return "any" if said == "any" else "all"


def _read(form: Mapping[str, str], place: int) -> dict[str, Any] | None:
    kind = form.get(f"kind-{place}", "")
    word, name = form.get(f"word-{place}", "").strip(), form.get(f"name-{place}", "").strip()
    if kind.startswith(LIST):
        return {"list": kind.removeprefix(LIST)[:40]}
    if kind not in ALL:
        return None
    if kind in _DID:
        what, yes = _DID[kind]
        did = {"did": what, "within": _days(word)}
        return did if yes else {"not": did}
    if kind in _LAST:
        return {"last": _LAST[kind], "longer_ago": _days(word)}
    if kind in _SPENT:
        return {"spent": _currency(), _SPENT[kind]: _number(word)}
    if kind in _NUMBERS:
        return {"value": name, _NUMBERS[kind]: _number(word)}
    if kind in _DAYS:
        return {"value": name, _DAYS[kind]: _day(word)}
    if kind in _AGO:
        return {"value": name, _AGO[kind]: _days(word)}
    match kind:
        case "agreed":
            return {"consent": "in"}
        case "not_out":
            return {"not": {"consent": "out"}}
        case "value":
            return {"value": name, "is": word}
        case "tag":
            return {"tag": word}
    return {"field": kind, "is": word.upper() if kind == "country" else word.lower()}


def _days(word: str) -> str:
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:6]) <= 3650):
        raise BadInput("field_wrong", why="1 … 3650")
    return f"P{int(word)}D"


def _number(word: str) -> int | float:
    micros = micros_of(word)
    if micros is None:
        raise BadInput("segment_number", text=word[:40])
    return micros // MICRO if micros % MICRO == 0 else micros / MICRO


def _day(word: str) -> str:
    first, *others = word.split("/")
    iso = "-".join(reversed([first, *others])) if len(others) == 2 else word
    try:
        return date.fromisoformat(iso).isoformat()
    except ValueError:
        raise BadInput("segment_day", text=word[:40]) from None


# ---------------------------------------------------------------------------------------------- in words


def said(conditions: Any, lists: Mapping[str, str]) -> list[str]:
    """The conditions in words, one for each line of the page; what only a program could have written is "another
    condition"."""
    given = conditions or {}
    return [_words(one, lists) for one in given.get("all") or given.get("any") or ([given] if given else [])]


def _words(one: Mapping[str, Any], lists: Mapping[str, str]) -> str:
    for how in ("all", "any"):
        if one.get(how) and set(one) == {how}:
            together = " ; ".join(_words(each, lists) for each in one[how])
            return t(f"contacts.segments.group_{how}", inner=together)
    inner, yes = (one["not"], False) if "not" in one else (one, True)
    days = next((str(inner[name]).removeprefix("P").removesuffix("D") for name in ("within", "longer_ago")
                 if name in inner), "")  # fmt: skip
    if days.isdigit() and set(inner) <= {"did", "last", "value", "within", "longer_ago"}:
        for kind, (what, positive) in _DID.items():
            if inner.get("did") == what and positive is yes:
                return f"{_bare(kind)} {tn('when.days', int(days))}"
        for kind, what in _LAST.items():
            if yes and inner.get("last") == what and "longer_ago" in inner:
                return f"{_bare(kind)} {tn('when.days', int(days))}"
        if yes and "value" in inner:
            kind = next(name for name, operator in _AGO.items() if operator in inner)
            return f"« {inner['value']} » {_bare(kind)} {tn('when.days', int(days))}"
    if not yes:
        return t("contacts.condition.not_out" if inner == {"consent": "out"} else "contacts.condition.other")
    for names, subject in ((_NUMBERS, "value"), (_SPENT, "spent"), (_DAYS, "value")):
        for kind, operator in names.items():
            if subject in inner and operator in inner and set(inner) == {subject, operator}:
                return _compared(kind, inner[subject], inner[operator])
    if inner == {"consent": "in"}:
        return t("contacts.condition.agreed")
    if "list" in inner:
        return t("contacts.condition.list", name=lists.get(inner["list"], "…"))
    if "tag" in inner:
        return f"{t('contacts.condition.tag')} « {inner['tag']} »"
    if "is" in inner:
        return f"{inner.get('field') or inner.get('value')} = {inner['is']}"
    return t("contacts.condition.other")


def _compared(kind: str, subject: str, than: Any) -> str:
    if kind in _DAYS:
        return f"« {subject} » {_bare(kind)} {_day_words(str(than))}"
    shown = f"{than:g}".replace(".", "," if g.language == "fr" else ".") if isinstance(than, int | float) else str(than)
    return f"{_bare(kind)} {shown} {subject}" if kind in _SPENT else f"« {subject} » {_bare(kind)} {shown}"


def _day_words(written: str) -> str:
    try:
        return day(date.fromisoformat(written))
    except ValueError:
        return written


def _bare(kind: str) -> str:
    """The words of a kind without what its field asks for."""
    return t(f"contacts.condition.{kind}").partition("(")[0].partition("…")[0].strip()

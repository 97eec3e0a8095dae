"""What a person's answer looks like in the calendar: a mark before the title, a colour, and a private property.

Everything is undone from what is written here, and nothing that people write is ever lost: only our own mark is taken
off, and only a colour that is still ours is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARKS = {"confirmed": "✓ ", "declined": "✗ "}
COLORS = {"confirmed": "10", "declined": "11"}      # Google's green and red, see `colors.get`
ANSWER, TITLE_BEFORE, COLOR_BEFORE = "relanceAnswer", "relanceTitleBefore", "relanceColorBefore"
# Google keeps 1,024 characters of a private property.
_LONGEST = 1_000


def unmarked(title: str, private: Mapping[str, str]) -> str:
    """The title as people wrote it. A ✓ that is not ours stays: ours comes with a private property."""
    mark = MARKS.get(private.get(ANSWER, ""))
    return title.removeprefix(mark) if mark and TITLE_BEFORE in private else title


def marked(event: Mapping[str, Any], answer: str, *, title: bool, color: bool) -> dict[str, Any]:
    """The patch that shows `answer` on Google's `event`; empty when it shows it already."""
    private = _private(event)
    if private.get(ANSWER) == answer and _shows(event, answer, title=title, color=color):
        return {}
    noted: dict[str, Any] = {ANSWER: answer}
    body: dict[str, Any] = {}
    if title:
        own = unmarked(_text(event.get("summary")), private)
        noted[TITLE_BEFORE] = own[:_LONGEST]
        body["summary"] = MARKS[answer] + own
    if color:
        if COLOR_BEFORE not in private or not _is_ours(event, private):
            noted[COLOR_BEFORE] = _text(event.get("colorId"))
        body["colorId"] = COLORS[answer]
    return {**body, "extendedProperties": {"private": noted}}


def taken_off(event: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that takes our answer off again; empty when there is none."""
    private = _private(event)
    if ANSWER not in private:
        return {}
    body: dict[str, Any] = {}
    title = _text(event.get("summary"))
    if (own := unmarked(title, private)) != title:
        body["summary"] = own
    if COLOR_BEFORE in private and _is_ours(event, private):
        body["colorId"] = private[COLOR_BEFORE] or None
    return {**body, "extendedProperties": {"private": dict.fromkeys((ANSWER, TITLE_BEFORE, COLOR_BEFORE))}}


def _shows(event: Mapping[str, Any], answer: str, *, title: bool, color: bool) -> bool:
    return ((not title or _text(event.get("summary")).startswith(MARKS[answer]))
            and (not color or event.get("colorId") == COLORS[answer]))


def _is_ours(event: Mapping[str, Any], private: Mapping[str, str]) -> bool:
    return event.get("colorId") == COLORS.get(private.get(ANSWER, ""))


def _private(event: Mapping[str, Any]) -> Mapping[str, str]:
    properties = event.get("extendedProperties")
    found = properties.get("private") if isinstance(properties, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

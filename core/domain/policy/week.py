"""The open hours of a week, as clock times: what a law, a workspace or a person allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.errors import BadInput

# Minutes since midnight, the start included and the end excluded; 1440 is the midnight that ends the day.
Window = tuple[int, int]
Windows = tuple[Window, ...]
# Seven entries, Monday first. An empty one is a closed day.
Weekdays = tuple[Windows, ...]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY: Windows = ((0, 1440),)
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours that a workspace keeps for itself. They narrow what the rules allow, and never widen it."""

    windows: Weekdays

    @classmethod
    def read(cls, entry: Mapping[str, Sequence[str]]) -> Hours:
        """From `{"mon-fri": ["09:00-12:00", "14:00-19:00"], "sat": ["10:00-12:00"]}`; a day without a name is closed.

        Raises `BadInput("bad_hours")`.
        """
        return cls(read_weekdays(entry))


def read_weekdays(entry: Mapping[str, Sequence[str]]) -> Weekdays:
    """The week that `{"mon-sat": ["08:00-20:00"]}` describes. Raises `BadInput("bad_hours")`."""
    week: list[list[Window]] = [[] for _ in DAYS]
    for name, windows in entry.items():
        for day in _days(name):
            week[day].extend(_window(text) for text in windows)
    return tuple(_merged(day) for day in week)


def overlap(some: Windows, others: Windows) -> Windows:
    """What is open in both."""
    both = ((max(a[0], b[0]), min(a[1], b[1])) for a in some for b in others)
    return tuple(sorted((start, end) for start, end in both if start < end))


def minutes_a_week(week: Weekdays) -> int:
    """How long a week is open: the fewer, the stricter."""
    return sum(end - start for day in week for start, end in day)


def as_text(windows: Windows) -> str:
    """`10:00-13:00, 14:00-20:00`, as it was read."""
    return ", ".join("-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in window) for window in windows)


def _days(name: str) -> Iterator[int]:
    first, _, last = name.partition("-")
    if first not in DAYS or (last or first) not in DAYS or DAYS.index(last or first) < DAYS.index(first):
        raise BadInput("bad_hours", text=name[:40])
    yield from range(DAYS.index(first), DAYS.index(last or first) + 1)


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text)
    if not match:
        raise BadInput("bad_hours", text=text[:40])
    hours, minutes, end_hours, end_minutes = match.groups()
    start = int(hours) * 60 + int(minutes)
    end = int(end_hours) * 60 + int(end_minutes) if end_hours else 1440
    if end <= start:
        raise BadInput("bad_hours", text=text[:40])
    return start, end


def _merged(windows: Sequence[Window]) -> Windows:
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)

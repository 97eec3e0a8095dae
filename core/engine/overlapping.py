"""Whom a campaign would write to who hears from us anyway: what else they get around its time, and who has had enough.

Counted is what the outbox knows: what left, and what waits, because of rules, of other campaigns and of programs. The
last look at each message decides by itself when it is due; this is for people who decide before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.messages import MessageClass
from core.domain.policy.caps import person_caps
from core.domain.recipients import mask
from core.storage import campaigns, house, overlaps, rules
from core.storage.database import Transaction

DAYS = 7
MOST_DAYS = 60
MOST = 10_000
"""People who are looked at."""
OF = ("planned", "got", "capped")


@dataclass(frozen=True, slots=True)
class Source:
    """Something that writes to `people` of them: a "rule" or "campaign" of that id, or a "program" (no id)."""

    kind: str
    id: str | None
    name: str
    people: int


@dataclass(frozen=True, slots=True)
class Heard:
    """One person who hears from us anyway. `messages`: rows of `core.storage.overlaps.around`."""

    number: str
    messages: Sequence[Mapping[str, Any]]
    planned: bool
    got: bool
    capped: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of `people`, those who hear from us anyway within `days` of the campaign."""

    people: int
    days: int
    heard: tuple[Heard, ...]
    sources: tuple[Source, ...]

    def those(self, of: str) -> list[Heard]:
        """Those of whom one of `OF` is so."""
        return [one for one in self.heard if getattr(one, of)]

    def as_json(self) -> dict[str, Any]:
        return {
            "people": self.people,
            "days": self.days,
            "planned": len(self.those("planned")),
            "got": len(self.those("got")),
            "at_cap": len(self.those("capped")),
            "sources": [
                {"kind": one.kind, "id": one.id, "name": one.name or None, "people": one.people}
                for one in self.sources
            ],
        }


def overlap(
    tx: Transaction, campaign: str, klass: MessageClass, people: Iterable[tuple[str, datetime]], days: int, *,
    test: bool,
) -> Overlap:  # fmt: skip
    """`people`: (number, when the campaign's message to them is due). Tests are beside tests alone, and fill no cap."""
    whom = dict(people)
    if not whom:
        return Overlap(0, days, (), ())
    window = timedelta(days=days)
    known = house.workspace(tx, tx.owned)
    caps = [
        cap for cap in person_caps({**house.DEFAULTS, **(known["settings"] if known else {})})
        if klass is MessageClass.MARKETING and not test
    ]  # fmt: skip
    first, last = min(whom.values()), max(whom.values())
    since = min([first - window, *(cap.span(first)[0] for cap in caps)])
    by_number: dict[str, list[Mapping[str, Any]]] = {}
    for row in overlaps.around(tx, list(whom), since, last + window, but=campaign, test=test):
        by_number.setdefault(row["to"], []).append(row)
    heard = []
    for number, rows in sorted(by_number.items()):
        due = whom[number]
        near = [row for row in rows if abs(_at(row) - due) <= window]
        marketing = [_at(row) for row in rows if row["class"] == MessageClass.MARKETING]
        full = any(
            sum(cap.span(due)[0] <= at <= due for at in marketing) >= cap.most for cap in caps
        )
        if near or full:
            heard.append(
                Heard(number, near or rows, any(row["left_at"] is None for row in near),
                      any(row["left_at"] is not None for row in near), full)
            )  # fmt: skip
    return Overlap(len(whom), days, tuple(heard), _sources(tx, heard))


def after(tx: Transaction, row: Mapping[str, Any], days: int = DAYS) -> Overlap:
    """The same for a campaign (its row) whose people are written down: the first `MOST` to whom it writes."""
    people = overlaps.planned_for(tx, row["id"], MOST)
    return overlap(tx, row["id"], MessageClass(row["class"]), people, days, test=row["test"])


def person(one: Heard, names: Mapping[str, str], *, masked: bool = False) -> dict[str, Any]:
    """One person of a list, as programs see them."""
    return {
        "to": mask(one.number) if masked else one.number,
        "planned": one.planned, "got": one.got, "at_cap": one.capped,
        "messages": [
            {
                "message": row["id"], "class": row["class"], "state": row["state"],
                "at": _at(row).isoformat().replace("+00:00", "Z"), "rule": row["rule"], "campaign": row["campaign"],
                "name": names.get(row["campaign"] or row["rule"] or ""),
            }
            for row in one.messages
        ],
    }  # fmt: skip


def names_of(tx: Transaction, heard: Iterable[Heard]) -> dict[str, str]:
    """What the rules and campaigns are called that write to these people."""
    rows = [row for one in heard for row in one.messages]
    named = {one["id"]: str(one["name"]) for one in rules.rows(tx)}
    return named | campaigns.names(tx, {row["campaign"] for row in rows if row["campaign"]})


def _at(row: Mapping[str, Any]) -> datetime:
    moment: datetime = row["left_at"] or row["due_at"]
    return moment


def _sources(tx: Transaction, heard: Sequence[Heard]) -> tuple[Source, ...]:
    """Who writes to them, whoever reaches most of them first."""
    counted: dict[tuple[str, str | None], set[str]] = {}
    for one in heard:
        for row in one.messages:
            key = ("campaign", row["campaign"]) if row["campaign"] else ("rule", row["rule"]) if row["rule"] else (
                "program", None)  # fmt: skip
            counted.setdefault(key, set()).add(one.number)
    names = names_of(tx, heard)
    found = [Source(kind, id, names.get(id or "", ""), len(who)) for (kind, id), who in counted.items()]
    return tuple(sorted(found, key=lambda one: (-one.people, one.kind, one.id or "")))

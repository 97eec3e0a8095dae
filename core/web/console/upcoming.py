"""À venir: what is planned, day by day, with a month at a glance; each message can be held, sent now or called off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.domain.policy.walltime import at_wall, local
from core.engine.overview import bounds
from core.storage import occasions, outbox, overview
from core.storage.database import Transaction
from core.storage.outbox import Filter
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page

bp = Blueprint("upcoming", __name__)
PAGE = 60
WAITING = ("scheduled", "held")


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the month's table: how many messages are planned, and how warm that is (0 to 4)."""

    day: date
    count: int
    warmth: int
    inside: bool


@bp.get("/upcoming")
@page()
def upcoming() -> ResponseReturnValue:
    """Planned and held messages from today on, or of one day."""
    suite = current_suite()
    now = suite.now()
    wanted, one_day = asked.wanted(), asked.day("day")
    first = (one_day or asked.day("month") or asked.today(now)).replace(day=1)
    zone = asked.here()
    filtered = wanted.filter()
    since, until = bounds(one_day, zone) if one_day else (None, None)
    with suite.database.read(g.person.workspace) as tx:
        rows = outbox.listed(
            tx,
            Filter(
                state=WAITING, to=filtered.to, rule=filtered.rule, installation=filtered.installation,
                since=since, until=until, after=filtered.after,
            ),
            limit=PAGE + 1,
            by_due=True,
        )  # fmt: skip
        weeks = month(tx, first, filtered)
        known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
        names = asked.names(suite, tx)
    days: dict[date, list[Any]] = {}
    for row in rows[:PAGE]:
        days.setdefault(local(row["due_at"], zone).date(), []).append(row)
    return render_template(
        "upcoming.html",
        days=days,
        weeks=weeks,
        first=first,
        before=(first - timedelta(days=1)).replace(day=1),
        following=(first + timedelta(days=32)).replace(day=1),
        one_day=one_day,
        today=asked.today(now),
        wanted=wanted,
        names=names,
        occasions=known,
        word_of=asked.word_of,
        after=rows[PAGE - 1]["id"] if len(rows) > PAGE else None,
    )


def month(tx: Transaction, first: date, wanted: Filter) -> list[list[Cell]]:
    """The weeks (Monday first) of the month of `first`, each day with what is planned in it."""
    zone = asked.here()
    begins = first - timedelta(days=first.weekday())
    ends = begins + timedelta(days=42)
    start, end = at_wall(begins, time(), zone), at_wall(ends, time(), zone)
    counts: dict[date, int] = {}
    only = Filter(state=WAITING, to=wanted.to, rule=wanted.rule, installation=wanted.installation)
    for hour, _, count in overview.by_hour(tx, start, end, only):
        day = _day(start, hour)
        counts[day] = counts.get(day, 0) + count
    most = max(counts.values(), default=0)
    cells = [
        Cell(day, counts.get(day, 0), _warmth(counts.get(day, 0), most), day.month == first.month)
        for day in (begins + timedelta(days=index) for index in range(42))
    ]
    weeks = [cells[index : index + 7] for index in range(0, 42, 7)]
    return [week for week in weeks if any(cell.inside for cell in week)]


def _day(start: datetime, hour: int) -> date:
    return local(start + timedelta(hours=hour), asked.here()).date()


def _warmth(count: int, most: int) -> int:
    return 0 if not count else max(1, round(4 * count / most))

"""À venir: what is planned, day by day, with a month at a glance: messages, campaigns, and days that are closed. Each
message can be held, sent now or called off, each campaign held or called off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.domain.policy.decision import Policy
from core.domain.policy.walltime import at_wall, local
from core.engine import sending_days, zone_data
from core.engine.overview import bounds
from core.engine.sending_days import SendingDay
from core.storage import house, occasions, outbox, overview
from core.storage import zone_data as zones_kept
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
    about: SendingDay


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
    # Whoever looks for one person wants to see all that they get; else a campaign is one line for all its messages.
    extra = () if filtered.to else overview.singly()
    with suite.database.read(g.person.workspace) as tx:
        rows = outbox.listed(
            tx,
            Filter(
                state=WAITING, to=filtered.to, rule=filtered.rule, installation=filtered.installation,
                since=since, until=until, after=filtered.after, extra=extra,
            ),
            limit=PAGE + 1,
            by_due=True,
        )  # fmt: skip
        weeks = month(tx, first, filtered)
        about = {cell.day: cell.about for week in weeks for cell in week}
        if one_day is not None and one_day not in about:
            about |= sending_days.days_of(tx, one_day, 1, _policy(), g.language)
        known = {one.id: one for one in occasions.by_ids(tx, {row["occasion"] for row in rows if row["occasion"]})}
        names = asked.names(suite, tx)
        changed = zone_data.recent(zones_kept.changed(tx), now)
    days: dict[date, list[Any]] = {}
    for row in rows[:PAGE]:
        days.setdefault(local(row["due_at"], zone).date(), []).append(row)
    if not (filtered.to or filtered.rule or filtered.installation):
        _with_campaigns(days, about, one_day, local(now, zone).date(), len(rows) > PAGE)
    return render_template(
        "upcoming.html",
        days=dict(sorted(days.items())),
        changed=changed,
        about=about,
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


def _with_campaigns(
    days: dict[date, list[Any]], about: Mapping[date, SendingDay], one_day: date | None, today: date, more: bool
) -> None:
    """Days on which only a campaign falls stand in the list too, as far as this page of it goes."""
    last = max(days, default=today) if more else date.max
    for day, one in about.items():
        if one.campaigns and today <= day <= last and one_day in (None, day):
            days.setdefault(day, [])
    if one_day is not None:
        days.setdefault(one_day, [])


def _policy() -> Policy:
    policy: Policy = house.policy(g.workspace["settings"])
    return policy


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
    about = sending_days.days_of(tx, begins, 42, _policy(), g.language)
    cells = [
        Cell(day, counts.get(day, 0), _warmth(counts.get(day, 0), most), day.month == first.month, about[day])
        for day in (begins + timedelta(days=index) for index in range(42))
    ]
    weeks = [cells[index : index + 7] for index in range(0, 42, 7)]
    return [week for week in weeks if any(cell.inside for cell in week)]


def _day(start: datetime, hour: int) -> date:
    return local(start + timedelta(hours=hour), asked.here()).date()


def _warmth(count: int, most: int) -> int:
    return 0 if not count else max(1, round(4 * count / most))

"""What a page of figures shows beside them: delivery by place and day, how soon people answer, months of consent, what
nudging and reminding really bring, and where a supposition begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.attribution import Uplift, uplift
from core.domain.policy.walltime import at_wall, local
from core.domain.supposing import MILLION, SLIDERS, within
from core.engine.attributing import window_of
from core.engine.kpis import ANSWERED_WITHIN, Period
from core.storage import conversions, house, measures
from core.storage import visits as stored_visits
from core.storage.database import Transaction
from core.suite import Suite

MOST_ROWS, MOST_COLUMNS = 20, 31
MONTHS = 12
COHORTS_LIVE = timedelta(hours=1)
SUPPOSED_FROM = timedelta(days=28)
LEAST_KNOWN = 30
"""Appointments of which it is known who came, before their share that was missed is taken for anything."""


# ---------------------------------------------------------------------------------------------- where it arrives


@dataclass(frozen=True, slots=True)
class Cell:
    """Of what left for a place in some days, from `first` to `last`: how many, and how many were delivered."""

    first: date
    last: date
    left: int
    delivered: int

    @property
    def share(self) -> float | None:
        return self.delivered / self.left if self.left else None


@dataclass(frozen=True, slots=True)
class Map:
    """Delivery by `by` ("country", or "range" where all numbers are of one) and day, or week where days are many."""

    by: str
    columns: tuple[tuple[date, date], ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    rest: int
    """places that are not shown, with the fewest messages"""


def delivery(tx: Transaction, wanted: Period, only: Mapping[str, str]) -> Map:
    """No receipt that reaches us names the network. So it is the country, and the range of numbers within one: a range
    was given to one network once, and people take their number along when they change it."""
    asked = measures.Asked(wanted.first, wanted.last, only)
    by = "country"
    sums = measures.sums(tx, asked, "country", "day")
    if len({key[0] for key in sums}) == 1:
        by, sums = "range", measures.sums(tx, asked, "range", "day")
    step = 1 if wanted.days <= MOST_COLUMNS else 7
    starts = [wanted.first + timedelta(days=one) for one in range(0, wanted.days, step)]
    columns = tuple((one, min(one + timedelta(days=step - 1), wanted.last)) for one in starts)
    found: dict[str, list[list[int]]] = {}
    for (place, day, _), figures in sums.items():
        column = (date.fromisoformat(day) - wanted.first).days // step
        counts = found.setdefault(place, [[0, 0] for _ in columns])[column]
        counts[0] += figures["left"]
        counts[1] += figures["delivered"]
    busiest = sorted(found.items(), key=lambda one: (-sum(left for left, _ in one[1]), one[0]))
    rows = tuple(
        (place, tuple(Cell(*days, *counts) for days, counts in zip(columns, cells, strict=True)))
        for place, cells in busiest[:MOST_ROWS]
    )
    return Map(by, columns, rows, max(0, len(busiest) - MOST_ROWS))


# ---------------------------------------------------------------------------------------------- answers, consents


def answered(tx: Transaction, wanted: Period, only: Mapping[str, str]) -> list[tuple[timedelta | None, int]]:
    """(within, how many): how soon people confirm or cancel after they were asked; None for later."""
    counts = measures.answer_times(tx, *wanted.bounds, only, ANSWERED_WITHIN)
    return list(zip((*ANSWERED_WITHIN, None), counts, strict=True))


@dataclass(frozen=True, slots=True)
class Cohort:
    """People who said yes to marketing for the first time in that month."""

    month: date
    people: int
    reachable: int
    clicked: int


def cohorts(suite: Suite, workspace: str, zone: ZoneInfo) -> tuple[list[Cohort], datetime]:
    """The last twelve months, and when they were counted: once an hour, because it asks about everybody."""
    now = suite.now()
    first = local(now, zone).date().replace(day=1)
    months = [first]
    while len(months) < MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    months.reverse()
    name = f"cohorts:{workspace}"
    with suite.database.read(workspace) as tx:
        kept, at = house.value(tx, name), house.moment(tx, name)
        if kept and at and timedelta() <= now - at < COHORTS_LIVE and kept[0][0] == months[0].isoformat():
            return [Cohort(date.fromisoformat(one[0]), *one[1:]) for one in kept], at
        counts = measures.cohorts(tx, [at_wall(one, time(), zone) for one in months])
    found = [Cohort(month, *one) for month, one in zip(months, counts, strict=True)]
    with suite.database.write(workspace) as tx:
        rows = [[one.month.isoformat(), one.people, one.reachable, one.clicked] for one in found]
        house.set_value(tx, name, rows, now)
    return found, now


# ---------------------------------------------------------------------------------------------- what it really brings


@dataclass(frozen=True, slots=True)
class Compared:
    """One connection's people who were written to, beside those who were left out by lot."""

    installation: str
    name: str
    uplift: Uplift
    settled: datetime


def compared(tx: Transaction, places: Sequence[tuple[str, str]], wanted: Period, now: datetime) -> list[Compared]:
    """Of these connections (id, name) those that have carts; also where there is not enough yet to say."""
    known = house.workspace(tx, tx.owned)
    since, until = wanted.bounds
    settled = min(until, now - window_of(known["settings"] if known else {}))
    shops, found = set(measures.shops(tx)), []
    for installation, name in places:
        if installation not in shops:
            continue
        groups = conversions.groups(tx, installation, since, settled)
        found.append(Compared(installation, name, uplift(*groups), settled))
    return found


# ---------------------------------------------------------------------------------------------- suppositions


def own_figures(suite: Suite, workspace: str) -> dict[str, float]:
    """Of `supposing.SLIDERS` those that this workspace's own last four weeks tell."""
    now = suite.now()
    since = now - SUPPOSED_FROM
    found: dict[str, float] = {}
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, workspace)
        zone = ZoneInfo(known["settings"]["zone"] if known else house.DEFAULTS["zone"])
        visits, numbered = measures.visits_between(tx, since, now)
        seen, missed = stored_visits.missed_share(tx, since, now)
        days = measures.Asked(local(since, zone).date(), local(now, zone).date(), {})
        cost = left = 0
        for (currency,), figures in measures.sums(tx, days).items():
            if currency == "EUR":
                cost, left = figures["micros"], figures["left"]
    if visits:
        found["visits"] = within("visits", round(visits / 4))
        found["reachable"] = within("reachable", round(100 * numbered / visits))
    if seen >= LEAST_KNOWN:
        found["missed"] = within("missed", round(200 * missed / seen) / 2)
    if left and cost:
        found["cost"] = within("cost", round(cost / left / MILLION, 3))
    return found


def supposed_values(own: Mapping[str, float], given: Mapping[str, Any]) -> dict[str, float]:
    """What a person set, else the workspace's own figure, else what is usual."""
    found = {}
    for name, slider in SLIDERS.items():
        try:
            value = float(str(given.get(name, "")).replace(",", "."))
        except ValueError:
            value = own.get(name, slider.usual)
        found[name] = within(name, value if value == value else slider.usual)
    return found

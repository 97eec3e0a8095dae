"""Caps as people decide them: set, raise for today, let go or refuse what they hold; and what was spent on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput, NotFound
from core.domain.messages import MessageClass, State
from core.domain.policy.caps import Cap, Measure, Period, read_caps
from core.domain.policy.lateness import Then, Tolerance, tolerances
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.text.price import Money
from core.engine import guarding, notices
from core.engine.guarding import day_start, held_by
from core.ids import new_id
from core.storage import counting, house, rules
from core.storage.counting import Key, Sum
from core.storage.database import Transaction
from core.suite import Suite

MOST_CAPS = 50
LARGEST = 10**15
PERIODS = (Period.MINUTE, Period.HOUR, Period.DAY, Period.WEEK, Period.MONTH)


@dataclass(frozen=True, slots=True)
class Filled:
    """A cap and how full its present period is: `used` and `most` in messages or micro-units. `usual` is what it is
    when it is not raised. `held` messages wait for it, which would cost `held_micros`."""

    cap: Cap
    usual: int
    used: int
    held: int
    held_micros: int
    ends: datetime

    @property
    def waiting(self) -> int:
        """What waits, in the cap's own measure."""
        return self.held_micros if self.cap.measure is Measure.MONEY else self.held

    @property
    def share(self) -> int:
        """How full it is, in percent, 100 at most."""
        return min(100, 100 * self.used // self.cap.most) if self.cap.most else 100


def add(
    suite: Suite,
    workspace: str,
    *,
    measure: Measure,
    most: int,
    period: Period,
    rule: str | None = None,
    country: str | None = None,
    classes: frozenset[MessageClass] = frozenset(),
    currency: str = "",
    who: str,
) -> str:
    """A new cap; its id. `most`: messages, or micro-units of `currency`. What left in the present period counts.

    Raises `BadInput` (`cap_bad_most`, `cap_too_many`, `country_unknown`), `NotFound` for a rule that is not there.
    """
    if not 0 < most <= LARGEST:
        raise BadInput("cap_bad_most", pointer="/most")
    if country is not None and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise BadInput("country_unknown", pointer="/country", text=country[:20])
    now = suite.now()
    with suite.database.write(workspace) as tx:
        tx.alone(f"settings:{workspace}")
        settings = _settings(tx)
        if len(settings["caps"]) >= MOST_CAPS:
            raise BadInput("cap_too_many", pointer="/most", most=MOST_CAPS)
        if rule is not None and all(row["id"] != rule for row in rules.rows(tx)):
            raise NotFound("rule")
        cap_id = new_id("cap")
        entry = {"id": cap_id, "measure": str(measure), "most": most, "period": str(period)}
        more = {"rule": rule, "country": country.upper() if country else None, "classes": sorted(classes),
                "currency": currency if measure is Measure.MONEY else ""}  # fmt: skip
        entry |= {name: value for name, value in more.items() if value}
        house.change_settings(tx, {"caps": [*settings["caps"], entry]})
        (cap,) = read_caps({**settings, "caps": [entry]})
        _seed(tx, cap, now)
        house.note(tx, who, "cap_added", cap_id, {"measure": measure, "most": most, "period": period}, now)
    return cap_id


def _seed(tx: Transaction, cap: Cap, now: datetime) -> None:
    """Counts what has left in the present period: exact for days and more; an hour or a minute begins with nothing."""
    start, _ = cap.span(now)
    sums: dict[Key, Sum] = {}
    if start == day_start(start, ZoneInfo(cap.zone)):
        for line in spent(tx, start, now + timedelta(seconds=1)):
            money = cap.measure is Measure.MONEY
            counts = cap.covers(line.message_class, line.rule, line.country)
            if counts and not (money and line.currency != cap.currency):
                had = sums.get(key := (tx.owned, f"cap|{cap.id}", start), (0, 0, 0))
                sums[key] = (had[0] + line.count, 0, had[2] + (line.micros if money else 0))
    counting.add(tx, sums)


def change(suite: Suite, workspace: str, cap_id: str, most: int, *, who: str) -> None:
    """Another limit for a cap, from now on. Raises `BadInput`, `NotFound`."""
    if not 0 < most <= LARGEST:
        raise BadInput("cap_bad_most", pointer="/most")

    def changed(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"caps": [{**one, "most": most} if one["id"] == cap_id else one for one in settings["caps"]]}

    _change(suite, workspace, cap_id, changed, who, "cap_changed", {"most": most})


def remove(suite: Suite, workspace: str, cap_id: str, *, who: str) -> None:
    """No such cap any more; what it held leaves. Raises `NotFound`."""

    def without(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"caps": [one for one in settings["caps"] if one["id"] != cap_id]}

    _change(suite, workspace, cap_id, without, who, "cap_removed", {})


def raise_today(suite: Suite, workspace: str, cap_id: str, most: int, *, who: str) -> None:
    """Until the workspace's day is over the cap is `most`; then it is as before. Raises `BadInput`, `NotFound`."""
    if not 0 < most <= LARGEST:
        raise BadInput("cap_bad_most", pointer="/most")

    def raised(settings: Mapping[str, Any]) -> Mapping[str, Any]:
        zone = ZoneInfo(settings["zone"])
        ends = day_start(day_start(suite.now(), zone) + timedelta(hours=36), zone)
        return _raised(settings, cap_id, ends, most)

    _change(suite, workspace, cap_id, raised, who, "cap_raised", {"most": most})


def let_go(suite: Suite, workspace: str, cap_id: str, *, who: str) -> None:
    """What the cap holds leaves, and no more than that: it is raised by exactly that much in its present period.

    Raises `NotFound`.
    """
    with suite.database.read(workspace) as tx:
        one = _one(tx, cap_id, suite.now())
    most = max(one.used + one.waiting, 1)
    _change(
        suite, workspace, cap_id, lambda settings: _raised(settings, cap_id, one.ends, most), who, "cap_let_go",
        {"count": one.held},
    )  # fmt: skip


def refuse(suite: Suite, workspace: str, cap_id: str, *, who: str) -> int:
    """What the cap holds is called off; how many. Raises `NotFound`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        _one(tx, cap_id, now)
        reason = Reason("cap_refused", {"cap": cap_id})
        ids = counting.settle_held(tx, held_by(cap_id), State.CANCELLED, reason, now, by_person=True)
        house.note(tx, who, "cap_refused", cap_id, {"count": len(ids)}, now)
        notices.messages_changed(tx, [(workspace, one, State.CANCELLED) for one in ids], now)
    return len(ids)


def frequency(suite: Suite, workspace: str, *, day: int, week: int, who: str) -> None:
    """How many marketing messages one person gets at most in a day and in a week; 0 for as many as there are."""
    if not (0 <= day <= 100 and 0 <= week <= 100):
        raise BadInput("cap_bad_most", pointer="/week")
    with suite.database.write(workspace) as tx:
        house.change_settings(tx, {"frequency": {"day": day, "week": week}})
        house.note(tx, who, "settings_changed", None, {"fields": ["frequency"]}, suite.now())


def lateness(suite: Suite, workspace: str, given: Mapping[MessageClass, Tolerance], *, who: str) -> None:
    """What becomes of late messages after a standstill, by class."""
    if any(not timedelta(minutes=1) <= one.after <= timedelta(days=7) for one in given.values()):
        raise BadInput("bad_tolerance", pointer="/minutes")
    own = {
        str(klass): {"seconds": int(one.after.total_seconds()), "then": str(one.then)} for klass, one in given.items()
    }
    with suite.database.write(workspace) as tx:
        house.change_settings(tx, {"late": own})
        house.note(tx, who, "settings_changed", None, {"fields": ["late"]}, suite.now())


def read_tolerance(minutes: str, then: str) -> Tolerance:
    """From a form. Raises `BadInput`."""
    if not minutes.isascii() or not minutes.isdigit() or then not in tuple(Then):
        raise BadInput("bad_tolerance", pointer="/minutes")
    return Tolerance(timedelta(minutes=int(minutes[:6])), Then(then))


def tolerated(tx: Transaction) -> Mapping[MessageClass, Tolerance]:
    """Those of this workspace."""
    return tolerances(_settings(tx))


def filled(tx: Transaction, now: datetime) -> list[Filled]:
    """Every cap of the workspace, and how full it is."""
    settings = _settings(tx)
    usual = {one.id: one.most for one in read_caps(settings)}
    caps = read_caps(settings, now)
    used = counting.used(tx, [(f"cap|{cap.id}", cap.span(now)[0]) for cap in caps])
    holding = {stop.cap for stop in counting.stops(tx)}
    found = []
    for cap in caps:
        start, ends = cap.span(now)
        had = used.get((f"cap|{cap.id}", start), (0, 0, 0))
        held, micros = counting.held_sum(tx, held_by(cap.id)) if cap.id in holding else (0, 0)
        found.append(Filled(cap, usual[cap.id], had[2] if cap.measure is Measure.MONEY else had[0], held, micros, ends))
    return found


def _one(tx: Transaction, cap_id: str, now: datetime) -> Filled:
    found = next((one for one in filled(tx, now) if one.cap.id == cap_id), None)
    if found is None:
        raise NotFound("cap")
    return found


def _raised(settings: Mapping[str, Any], cap_id: str, until: datetime, most: int) -> Mapping[str, Any]:
    return {"caps_raised": {**settings["caps_raised"], cap_id: {"until": until.isoformat(), "most": most}}}


def _change(
    suite: Suite,
    workspace: str,
    cap_id: str,
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    who: str,
    what: str,
    detail: Mapping[str, Any],
) -> None:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        tx.alone(f"settings:{workspace}")
        settings = _settings(tx)
        if all(one["id"] != cap_id for one in settings["caps"]):
            raise NotFound("cap")
        house.change_settings(tx, changed(settings))
        house.note(tx, who, what, cap_id, detail, now)
        stop = next((one for one in counting.stops(tx) if one.cap == cap_id), None)
    if stop is not None:
        guarding.released(suite, stop)


def _settings(tx: Transaction) -> Mapping[str, Any]:
    known = house.workspace(tx, tx.owned)
    return known["settings"] if known else house.DEFAULTS


# ---------------------------------------------------------------------------------------------- what was spent


@dataclass(frozen=True, slots=True)
class Spent:
    """What left in a day because of one rule, by one channel, to one country; `micros` of `currency`."""

    day: date
    rule: str | None
    message_class: MessageClass
    channel: str
    country: str
    currency: str
    count: int
    segments: int
    micros: int


def spent(tx: Transaction, start: datetime, end: datetime) -> list[Spent]:
    """Every line of the days that begin in that time, oldest first: exact, from the counters."""
    zone = ZoneInfo(_settings(tx)["zone"])
    lines = []
    for what, at, (count, segments, micros) in counting.between(tx, "left|", start, end):
        _, rule, klass, channel, country, currency = what.split("|")
        day = local(at, zone).date()
        lines.append(
            Spent(day, rule or None, MessageClass(klass), channel, country, currency, count, segments, micros)
        )
    return lines


@dataclass(frozen=True, slots=True)
class Line:
    """A sum of `Spent`: how much, and what share of the largest one (0 to 100)."""

    name: str
    count: int
    segments: int
    money: tuple[Money, ...]
    share: int


def by(lines: Sequence[Spent], name: Callable[[Spent], str]) -> list[Line]:
    """The lines summed up by a name, the dearest first (of one price, the most frequent)."""
    sums: dict[str, tuple[int, int, dict[str, int]]] = {}
    for one in lines:
        count, segments, money = sums.get(name(one), (0, 0, {}))
        if one.currency:
            money[one.currency] = money.get(one.currency, 0) + one.micros
        sums[name(one)] = (count + one.count, segments + one.segments, money)
    largest = max((sum(money.values()) or count for count, _, money in sums.values()), default=0)
    found = [
        Line(
            key, count, segments, tuple(Money(amount, currency) for currency, amount in sorted(money.items())),
            100 * (sum(money.values()) or count) // largest if largest else 0,
        )
        for key, (count, segments, money) in sums.items()
    ]  # fmt: skip
    return sorted(found, key=lambda line: (-sum(one.amount for one in line.money), -line.count, line.name))


def forecast(lines: Sequence[Spent], first: date, last: date, today: date) -> dict[str, int]:
    """currency → what the month from `first` to `last` comes to if it goes on like the days that are over: their mean,
    times all days. Without a day that is over, what today has cost so far. Whole micro-units."""
    done = (today - first).days
    days = (last - first).days + 1
    found: dict[str, int] = {}
    for currency in sorted({one.currency for one in lines if one.currency}):
        mine = [one for one in lines if one.currency == currency]
        so_far = sum(one.micros for one in mine)
        over = sum(one.micros for one in mine if one.day < today)
        found[currency] = max(so_far, over + over * (days - done) // done) if done else so_far
    return found

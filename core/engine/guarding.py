"""Guards of the send path: caps, how often one person hears from us, and what is late after a standstill.

They speak in the transaction that claims a batch, so that no number of workers can go over a cap: what may leave is
taken from the counters before anybody speaks, and given back when it did not leave after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Account
from core.domain.messages import MessageClass, State
from core.domain.policy import lateness
from core.domain.policy.caps import Cap, Measure, over, person_caps, read_caps
from core.domain.policy.lateness import Away, Then
from core.domain.policy.walltime import at_wall, local
from core.domain.reasons import Reason
from core.engine import notices
from core.storage import counting, house
from core.storage.counting import Key, Sum
from core.storage.database import Transaction
from core.storage.outbox import Claimed, Result
from core.suite import Suite

CATCH_UP = "catch-up"
AWAY = "away"
MOST_AT_ONCE = 1000
_LEFT = frozenset({State.SENT, State.UNCERTAIN, State.DELIVERED, State.READ})
_MARKETING = MessageClass.MARKETING
Route = Account | Result
Taken = dict[Key, Sum]


def held_by(cap: str) -> str:
    """What messages say that wait for a cap."""
    return f"cap:{cap}"


class Guard:
    """One sender's guard. It remembers what the batch in the air has taken from the caps."""

    def __init__(self) -> None:
        self._taken: dict[str, Taken] = {}
        self._zones: dict[str, ZoneInfo] = {}
        self._next: tuple[dict[str, Taken], dict[str, ZoneInfo]] = ({}, {})

    def turn(
        self,
        tx: Transaction,
        written: Sequence[Result],
        claimed: Sequence[Claimed],
        settings: Mapping[str, Mapping[str, Any]],
        judge: Callable[[Claimed], Route],
        now: datetime,
    ) -> dict[str, Route]:
        """Counts what `written` says of the last batch, and lets the next one through: message id → its way, for those
        about which there was something to ask. `settings`: by workspace; `judge`: the last look.

        One statement on the database when no cap concerns the batch, and few otherwise.
        """
        sums: Taken = {}
        for one in written:
            self._record(sums, one, now)
        house_rules = {workspace: _Rules.read(known, now) for workspace, known in settings.items()}
        routes = _judged(tx, claimed, house_rules, judge, now)
        taken: dict[str, Taken] = {}
        _frequency(tx, claimed, house_rules, routes, now)
        _reserve(tx, claimed, house_rules, routes, sums, taken, now)
        self._next = taken, {workspace: rules.zone for workspace, rules in house_rules.items()}
        return routes

    def recorded(self, tx: Transaction, written: Sequence[Result], now: datetime) -> None:
        """Counts what `written` says of the last batch, when no other one follows."""
        sums: Taken = {}
        for one in written:
            self._record(sums, one, now)
        counting.add(tx, sums)
        self._next = {}, {}

    def over(self) -> None:
        """The transaction of the turn is committed."""
        self._taken, self._zones = self._next
        self._next = {}, {}

    def _record(self, sums: Taken, one: Result, now: datetime) -> None:
        message = one.message
        if message.test:
            return
        taken = self._taken.get(message.id, {})
        if one.state not in _LEFT:
            for key, (count, segments, micros) in taken.items():
                _plus(sums, key, (-count, -segments, -micros))
            return
        micros, currency = _cost(message, one)
        zone = self._zones.get(message.workspace)
        if zone is not None:
            what = left_key(message.rule, message.message_class, one.channel, message.country, currency)
            _plus(sums, (message.workspace, what, day_start(now, zone)), (1, message.segments, micros))
        if micros != (message.price_micros or 0) and currency == message.currency:
            for key, (_, _, estimate) in taken.items():
                if estimate:
                    _plus(sums, key, (0, 0, micros - estimate))


@lru_cache(maxsize=256)
def day_start(now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the day in `zone`."""
    return at_wall(local(now, zone).date(), time(), zone)


def left_key(rule: str | None, klass: str, channel: str, country: str, currency: str | None) -> str:
    """The counter of a day's messages that left."""
    return f"left|{rule or ''}|{klass}|{channel}|{country}|{currency or ''}"


def _cost(message: Claimed, one: Result) -> tuple[int, str | None]:
    """What the provider says it cost, else what we expected."""
    if one.price_micros is not None and one.currency:
        return one.price_micros, one.currency
    return message.price_micros or 0, message.currency


def _plus(sums: Taken, key: Key, more: Sum) -> None:
    had = sums.get(key, (0, 0, 0))
    sums[key] = (had[0] + more[0], had[1] + more[1], had[2] + more[2])


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a workspace decided, as far as this module asks for it."""

    zone: ZoneInfo
    caps: tuple[Cap, ...]
    person: tuple[Cap, ...]
    late: Mapping[MessageClass, lateness.Tolerance]

    @classmethod
    def read(cls, settings: Mapping[str, Any], now: datetime) -> _Rules:
        known = {**house.DEFAULTS, **settings}
        return cls(ZoneInfo(known["zone"]), read_caps(known, now), person_caps(known), lateness.tolerances(known))


def _judged(
    tx: Transaction,
    claimed: Sequence[Claimed],
    rules: Mapping[str, _Rules],
    judge: Callable[[Claimed], Route],
    now: datetime,
) -> dict[str, Route]:
    """The last look at every message that a guard may stop, and what is late after a standstill."""
    routes: dict[str, Route] = {}
    late = [one for one in claimed if now - one.due_at > rules[one.workspace].late[one.message_class].after]
    away = standstill(tx, now) if late else None
    kept = {one.id for one in late} if away is not None else set()
    for one in claimed:
        mine = rules[one.workspace]
        asked = one.id in kept or (
            not one.test and (bool(mine.caps) or (bool(mine.person) and one.message_class is _MARKETING))
        )
        if not asked:
            continue
        routes[one.id] = route = judge(one)
        waits = isinstance(route, Account) or route.state is State.SCHEDULED
        if one.id in kept and waits:
            verdict = lateness.judge(mine.late[one.message_class], one.due_at, away, now)
            if verdict is not None:
                then, reason = verdict
                skipped = then is Then.SKIP
                routes[one.id] = Result(
                    one, State.EXPIRED if skipped else State.HELD, reason, held_by=None if skipped else CATCH_UP
                )
    return routes


def standstill(tx: Transaction, now: datetime) -> Away | None:
    """The last time the engine stood still: now, if nobody has ticked again yet."""
    ticked = house.moment(tx, "ticked")
    if (away := lateness.away_between(ticked, now)) is not None:
        return away
    known = house.value(tx, AWAY)
    if not known:
        return None
    return Away(datetime.fromisoformat(known["since"]), datetime.fromisoformat(known["until"]))


def came_back(tx: Transaction, now: datetime) -> None:
    """At a tick: notes a standstill that has just ended."""
    away = lateness.away_between(house.moment(tx, "ticked"), now)
    if away is None:
        return
    known = house.value(tx, AWAY)
    since = away.since
    if known and since - datetime.fromisoformat(known["until"]) < lateness.AWAY_AFTER:
        # It fell again at once: what the first standstill kept back has not left.
        since = datetime.fromisoformat(known["since"])
    house.set_value(tx, AWAY, {"since": since.isoformat(), "until": now.isoformat()}, now)


# ---------------------------------------------------------------------------------------------- one person


def _frequency(
    tx: Transaction,
    claimed: Sequence[Claimed],
    rules: Mapping[str, _Rules],
    routes: dict[str, Route],
    now: datetime,
) -> None:
    """How often one person hears from a workspace for its own sake: what is over waits while it is useful, or ends."""
    asked: dict[str, list[Claimed]] = {}
    for one in claimed:
        goes = one.message_class is _MARKETING and isinstance(routes.get(one.id), Account) and not one.test
        if goes and rules[one.workspace].person:
            asked.setdefault(one.workspace, []).append(one)
    for workspace in sorted(asked):
        caps = rules[workspace].person
        # Another worker's message to the same person is seen once its claim is committed.
        tx.alone(f"frequency:{workspace}")
        since = min(cap.span(now)[0] for cap in caps)
        mine = asked[workspace]
        heard = counting.heard(
            tx, workspace, {one.to for one in mine}, str(_MARKETING), since, {one.id for one in claimed}
        )
        for one in mine:
            moments = heard.setdefault(one.to, [])
            stopped = next((found for cap in caps if (found := _once_more(cap, moments, now)) is not None), None)
            if stopped is None:
                moments.append(now)
                continue
            reason, again = stopped
            if one.expires_at is not None and again <= one.expires_at:
                routes[one.id] = Result(one, State.SCHEDULED, reason, due_at=again)
            else:
                routes[one.id] = Result(one, State.SUPPRESSED, reason)


def _once_more(cap: Cap, moments: Sequence[datetime], now: datetime) -> tuple[Reason, datetime] | None:
    """Why the person may not be written to once more, and when again; None when it may."""
    start, end = cap.span(now)
    had = [moment for moment in moments if moment >= start]
    if len(had) < cap.most:
        return None
    again = had[-cap.most] + cap.period + timedelta(microseconds=1) if isinstance(cap.period, timedelta) else end
    reason = over(cap, len(had), now)
    return Reason(reason.code, {**reason.values, "again": again.isoformat()}), again


# ---------------------------------------------------------------------------------------------- the workspace


def _reserve(
    tx: Transaction,
    claimed: Sequence[Claimed],
    rules: Mapping[str, _Rules],
    routes: dict[str, Route],
    sums: Taken,
    taken: dict[str, Taken],
    now: datetime,
) -> None:
    """Takes from the caps what is to leave, with the sums of the last batch; what does not fit is held."""
    wanted = [one for one in claimed if not one.test and isinstance(routes.get(one.id), Account)]
    needs = {
        one.id: [(cap, *_needs(cap, one, now)) for cap in _caps_of(rules[one.workspace].caps, one)] for one in wanted
    }
    asked: Taken = {}
    for found in needs.values():
        for _, key, need in found:
            _plus(asked, key, need)
    if not asked:
        counting.add(tx, sums)
        return
    for key, one_sum in asked.items():
        _plus(sums, key, one_sum)
    told = counting.add_and_tell(tx, sums)
    given: Taken = {}
    for key, one_sum in asked.items():
        given[key] = tuple(have - mine for have, mine in zip(told[key], one_sum, strict=True))  # type: ignore[assignment]
    back: Taken = {}
    stops: dict[tuple[str, str], tuple[Cap, Reason]] = {}
    for one in wanted:
        full = next((cap for cap, key, need in needs[one.id] if not _fits(cap, given[key], need)), None)
        if full is None:
            for _, key, need in needs[one.id]:
                _plus(given, key, need)
                _plus(taken.setdefault(one.id, {}), key, need)
            continue
        used = given[(one.workspace, f"cap|{full.id}", full.span(now)[0])]
        reason = over(full, used[2] if full.measure is Measure.MONEY else used[0], now)
        stops.setdefault((one.workspace, full.id), (full, reason))
        routes[one.id] = Result(one, State.HELD, reason, held_by=held_by(full.id))
        for _, key, need in needs[one.id]:
            _plus(back, key, (-need[0], -need[1], -need[2]))
    counting.add(tx, back)
    for (workspace, cap_id), (_, reason) in sorted(stops.items(), key=lambda item: item[0]):
        _alert(Transaction(tx.connection, workspace), cap_id, reason, day_start(now, rules[workspace].zone), now)


def _caps_of(caps: Iterable[Cap], one: Claimed) -> list[Cap]:
    return [
        cap
        for cap in caps
        if cap.covers(one.message_class, one.rule, one.country)
        and (cap.measure is not Measure.MONEY or cap.currency == one.currency)
    ]


def _needs(cap: Cap, one: Claimed, now: datetime) -> tuple[Key, Sum]:
    micros = (one.price_micros or 0) if cap.measure is Measure.MONEY else 0
    return (one.workspace, f"cap|{cap.id}", cap.span(now)[0]), (1, 0, micros)


def _fits(cap: Cap, used: Sum, need: Sum) -> bool:
    if cap.measure is Measure.MONEY:
        return used[2] + need[2] <= cap.most
    return used[0] + need[0] <= cap.most


def _alert(tx: Transaction, cap: str, reason: Reason, day: datetime, now: datetime) -> None:
    """Once a day and cap: into the audit log and to the webhooks; the first page shows it as long as messages wait."""
    if counting.stopped(tx, tx.owned, cap, reason, day, now):
        house.note(tx, "engine", "cap_reached", cap, {"code": reason.code, "most": reason.values["most"]}, now)
        notices.cap_reached(tx, cap, reason, now)


def run_due(suite: Suite) -> int:
    """Lets go what waits for a cap that has room again (its period is over, it was raised or removed), as much as fits.
    Returns how many messages."""
    with suite.database.read() as tx:
        stops = counting.stops(tx)
    return sum(released(suite, stop) for stop in stops)


def released(suite: Suite, stop: counting.Stop) -> int:
    """See `run_due`, for one cap."""
    now = suite.now()
    with suite.database.write(stop.workspace) as tx:
        known = house.workspace(tx, stop.workspace)
        cap = next((one for one in read_caps(known["settings"], now) if one.id == stop.cap), None) if known else None
        room = None if cap is None else _room(tx, cap, now)
        if room is not None and room <= 0:
            return 0
        rows = counting.held(tx, stop.workspace, held_by(stop.cap), MOST_AT_ONCE)
        if not rows:
            counting.over_again(tx, stop)
            return 0
        ids: list[str] = []
        for row in rows:
            if cap is not None and room is not None:
                room -= (row["price_micros"] or 0) if cap.measure is Measure.MONEY else 1
                if room < 0:
                    break
            ids.append(row["id"])
        code = Reason("cap_has_room", {"cap": stop.cap}) if cap else Reason("cap_removed", {"cap": stop.cap})
        done = counting.settle_held(tx, held_by(stop.cap), State.SCHEDULED, code, now, only=ids)
    if done:
        suite.wake()
    return len(done)


def _room(tx: Transaction, cap: Cap, now: datetime) -> int:
    key = (f"cap|{cap.id}", cap.span(now)[0])
    used = counting.used(tx, [key]).get(key, (0, 0, 0))
    return cap.most - (used[2] if cap.measure is Measure.MONEY else used[0])


# ---------------------------------------------------------------------------------------------- dead senders


def recovered(
    tx: Transaction, doubted: Sequence[tuple[str, str]], not_begun: Sequence[tuple[str, str]], now: datetime
) -> None:
    """Before a dead sender's messages change: those in doubt count as left, those that were never begun give back what
    they had taken from the caps when they were claimed."""
    ids = {message_id for message_id, _ in (*doubted, *not_begun)}
    if not ids:
        return
    in_doubt = {message_id for message_id, _ in doubted}
    sums: Taken = {}
    known: dict[str, Mapping[str, Any]] = {}
    for row in counting.claimed(tx, ids):
        workspace = row["workspace"]
        if workspace not in known:
            found = house.workspace(tx, workspace)
            known[workspace] = found["settings"] if found else house.DEFAULTS
        if row["id"] in in_doubt:
            _left(sums, row, known[workspace], 1, row["price_micros"] or 0, row["currency"], now)
        else:
            _gives_back(sums, row, known[workspace], row["price_micros"] or 0, row["currency"], row["changed_at"])
    counting.add(tx, sums)


def taken_back(tx: Transaction, row: Mapping[str, Any], now: datetime) -> None:
    """It had not left after all (`row`: the message before that was known): neither sums nor caps count it."""
    if row["test"]:
        return
    found = house.workspace(tx, row["workspace"])
    settings = found["settings"] if found else house.DEFAULTS
    price, currency = row["price_micros"] or 0, row["currency"]
    sums: Taken = {}
    if row["left_at"] is None:
        _gives_back(sums, row, settings, price, currency, row["changed_at"])
    else:
        if (said := counting.price_said(tx, row["id"])) is not None:
            price, currency = said
        _left(sums, row, settings, -1, -price, currency, row["left_at"])
        _gives_back(sums, row, settings, price, currency, row["left_at"])
    counting.add(tx, sums)


def repriced(tx: Transaction, row: Mapping[str, Any], micros: int, currency: str | None) -> None:
    """A receipt says what a message cost that left with an estimate (`row`: the message before that was known)."""
    if row["test"] or row["left_at"] is None or not currency or counting.price_said(tx, row["id"]) is not None:
        return
    if (micros, currency) == (row["price_micros"], row["currency"]):
        return
    found = house.workspace(tx, row["workspace"])
    settings = found["settings"] if found else house.DEFAULTS
    sums: Taken = {}
    _left(sums, row, settings, -1, -(row["price_micros"] or 0), row["currency"], row["left_at"])
    _left(sums, row, settings, 1, micros, currency, row["left_at"])
    for cap in read_caps(settings, row["left_at"]):
        if cap.measure is Measure.MONEY and cap.covers(MessageClass(row["class"]), row["rule"], row["country"]):
            key = (row["workspace"], f"cap|{cap.id}", cap.span(row["left_at"])[0])
            if cap.currency == row["currency"]:
                _plus(sums, key, (-1, 0, -(row["price_micros"] or 0)))
            if cap.currency == currency:
                _plus(sums, key, (1, 0, micros))
    counting.add(tx, sums)


def _left(
    sums: Taken, row: Mapping[str, Any], settings: Mapping[str, Any], count: int, micros: int, currency: str | None,
    at: datetime,
) -> None:
    channel = row["channel"] or row["channels"][row["channel_step"]]
    what = left_key(row["rule"], row["class"], channel, row["country"], currency)
    start = day_start(at, ZoneInfo(settings["zone"]))
    _plus(sums, (row["workspace"], what, start), (count, count * row["segments"], micros))


def _gives_back(
    sums: Taken, row: Mapping[str, Any], settings: Mapping[str, Any], price: int, currency: str | None, at: datetime
) -> None:
    for cap in read_caps(settings, at):
        money = cap.measure is Measure.MONEY
        if money and cap.currency != currency:
            continue
        if cap.covers(MessageClass(row["class"]), row["rule"], row["country"]):
            key = (row["workspace"], f"cap|{cap.id}", cap.span(at)[0])
            _plus(sums, key, (-1, 0, -price if money else 0))

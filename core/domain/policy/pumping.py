"""Who may make us write to a number from a public form: the guard against traffic pumped for a share of its fee.

Pure: what was seen is an argument. Figures: our reading of what operators of verification services publish.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Any

import phonenumbers

from core.domain.errors import BadInput
from core.domain.policy.countries import OVERSEAS
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Origin(StrEnum):
    """How the number came to us. What was imported is somebody's address book, and asked nothing here."""

    PUBLIC_FORM = "public_form"
    AUTHENTICATED = "authenticated"
    IMPORTED = "imported"


class Alarm(StrEnum):
    """What is strange in a whole workspace: told to people, at most once an hour each, and stops nobody."""

    VOLUME = "volume"
    CONVERSION = "conversion"

    @property
    def key(self) -> str:
        """Under which it is counted that it was told."""
        return f"alarm|{self}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One minute of a key (an hour, for `hour`): how many were let in, and when the last one was."""

    start: datetime
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in any `within`, for one value of `kind`."""

    kind: str
    most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Door:
    """What is asked of a number that comes in by it. `row`: so many numbers in a row are a robot's (0: nobody looks);
    `repeats`: each repeat waits twice as long; `measured`: who is there can show it by a code or a link, so that ranges
    of which nobody does are found out."""

    limits: tuple[Limit, ...] = ()
    countries: bool = True
    row: int = 0
    repeats: bool = False
    tenant: bool = False
    watches: bool = False
    measured: bool = True


DOORS: Mapping[Origin, Door] = {
    Origin.PUBLIC_FORM: Door(
        (
            Limit("number", 1, MINUTE), Limit("number", 3, HOUR), Limit("number", 6, DAY),
            Limit("ip", 5, HOUR), Limit("ip", 20, DAY),
            Limit("prefix", 5, HOUR), Limit("prefix", 10, DAY),
            Limit("dial", 20, DAY), Limit("same", 20, HOUR),
        ),
        row=3, repeats=True, tenant=True, watches=True,
    ),
    Origin.AUTHENTICATED: Door((
        Limit("number", 10, HOUR), Limit("number", 20, DAY), Limit("ip", 60, HOUR), Limit("prefix", 50, HOUR),
        Limit("dial", 200, DAY), Limit("same", 20, HOUR),
    )),
}  # fmt: skip
PLATFORM_FORM = Door(
    (Limit("number", 10, HOUR), Limit("number", 20, DAY), Limit("prefix", 50, HOUR), Limit("dial", 200, DAY)),
    row=6, tenant=True, watches=True, measured=False,
)  # fmt: skip
"""A form of somebody's site: it sends each entry once and has a guard of its own, and a person may fill in several."""
KEPT_FORM = Door(measured=False)
"""An entry that its site kept while we were away: many come at once, and say nothing by that."""
CART = Door(countries=False, measured=False)
"""A shop's checkout. Carts come in storms (a sale, an advertisement) and reach only who agreed, once a week: how many
there are is no sign, and what a range has shown otherwise counts."""
TENANT_AN_HOUR = 200
"""For a whole workspace, and three times what is usual at that hour besides."""
USUAL_MANY = 2
"""So many times what is usual is told to people, and stops nobody."""
MANY = TENANT_AN_HOUR // 2
"""Fewer in an hour are nothing to be told about, whatever is usual."""
CODES, CODES_BEFORE = 20, 50
"""Of fewer messages, in the last hour and in the day before it, nobody can say who confirms."""
GOOD = 40
"""Percent that confirm in a workspace in which most do."""
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=30), HOUR
SEQUENCE_GAP, SEQUENCE_WITHIN = 3, timedelta(minutes=10)
CLOSED_FIRST, CLOSED_LONGEST = timedelta(hours=12), timedelta(days=7)
MOST_DEAD = 5
"""Numbers of one range that turned out to be none, in an hour: somebody tries them one after the other."""
PROVIDERS_WORD = "provider_fraud_guard"
"""A provider refused a message because it takes its number for pumped."""
TYPING_TAKES = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Watch:
    """A range of which fewer than `bad` percent do what `what` counts, in a workspace in which more than `good` of the
    others do, is closed, once it had as many messages as `least` says for its kind."""

    what: str
    bad: int
    good: int
    least: Mapping[str, int]
    reason: str


WATCHES = (
    Watch("won", 10, 40, {"prefix": 10, "country": 30}, "pumping_conversion"),
    Watch("got", 30, 60, {"prefix": 20, "country": 60}, "pumping_delivery"),
)
CLOSE_AGAIN_FOR_LONGER = frozenset({*(one.reason for one in WATCHES), "pumping_dead", "pumping_provider"})
LOOKED_BACK = DAY + MINUTE
_WATCHED = ("prefix", "country", "tenant")
ASKED, TOLD = "number", "told"
"""How a number is counted: it asked for a code or a link itself, or a site told us of it."""

_DIFFERS = re.compile(r"https?://\S+|\d+")
EUROPE = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO CH GB".split()
)


def open_countries(settings: Mapping[str, Any]) -> frozenset[str]:
    """Where public forms may write to: what the workspace chose, else its country, EU, EEA, Switzerland and the UK."""
    chosen = settings.get("public_countries")
    if chosen is not None:
        return frozenset(chosen)
    home = settings["country"]
    overseas = OVERSEAS if home == "FR" or home in OVERSEAS else frozenset()
    return EUROPE | {home} | overseas


def network(ip: str) -> str:
    """The network of an address that one household or office has: /24, or /64 of IPv6. Raises `BadInput`."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as error:
        raise BadInput("ip_unreadable", pointer="/ip", text=ip[:60]) from error
    mapped = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network(f"{mapped}/{24 if mapped.version == 4 else 64}", strict=False))


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody (or something) asks us to write to `recipient`. `keys`: kind → what is counted for it."""

    recipient: Recipient
    door: Door
    number: str
    """The key under which a person closes or always lets in this number."""
    keys: Mapping[str, str]
    neighbours: Mapping[str, int] = field(default_factory=dict)
    """key of another number → how far it is from this one."""

    @classmethod
    def read(
        cls, recipient: Recipient, door: Door, ip: str | None, home: str, hashed: Callable[[str], str],
        same: str | None = None,
    ) -> Entry:
        """`hashed`: a keyed hash, so that neither numbers nor addresses are kept; `home`: the workspace's country;
        `same`: that of the message to this number, equal in all workspaces, where there is one (see `alike`)."""
        number = recipient.number
        # Who registers on a site with a number is asked for a code to it in the same minute: one is no repeat of the
        # other.
        counted_as = ASKED if door.measured else TOLD
        keys = {"number": f"{counted_as}|{hashed(number)}", "prefix": f"prefix|{number[:-4]}",
                "country": f"country|{recipient.country}", "tenant": "tenant"}  # fmt: skip
        if ip is not None:
            keys["ip"] = f"ip|{hashed(network(ip))}"
        if same is not None:
            keys["same"] = f"same|{same}"
        code = phonenumbers.parse(number, None).country_code
        if code != phonenumbers.country_code_for_region(home):
            keys["dial"] = f"dial|{code}"
        near: dict[str, int] = {}
        if door.row:
            reach = SEQUENCE_GAP * (door.row - 1)
            near = {
                f"{how}|{beside}": step for step in range(-reach, reach + 1) if step
                for beside in (hashed(f"+{int(number[1:]) + step}"),) for how in (ASKED, TOLD)
            }  # fmt: skip
        return cls(recipient, door, f"number|{hashed(number)}", keys, near)

    def asks(self) -> set[str]:
        """All keys that `decide` wants to know about."""
        watched = {f"{what}|{self.keys[kind]}" for what in ("sent", "won", "got") for kind in _WATCHED}
        told = {one.key for one in Alarm} if self.door.tenant else set()
        return {*self.keys.values(), *self.neighbours, *watched, f"dead|{self.keys['prefix']}", *told}

    def marked(self) -> list[tuple[str, str]]:
        """(kind, key) of all that may have been closed or allowed, the narrowest first: a person may have written a
        prefix of any length."""
        number = self.recipient.number
        prefixes = [("prefix", f"prefix|{number[:length]}") for length in range(len(number), 1, -1)]
        others = [(kind, key) for kind, key in self.keys.items() if kind not in ("number", "prefix", "same")]
        return [("number", self.number), *prefixes, *others]


def alike(text: str) -> str:
    """What two messages have in common that are the same to who gets them: codes, amounts and addresses left out."""
    return " ".join(_DIFFERS.sub("", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not let in. `closes`: the range that is closed from now on until `until`."""

    reason: Reason
    closes: str | None = None
    until: datetime | None = None


Seen = Mapping[str, Sequence[Bucket]]
Marks = Mapping[str, Mapping[str, Any]]


def decide(
    entry: Entry, countries: frozenset[str], seen: Seen, marks: Marks, usual: Sequence[int], now: datetime
) -> Refusal | None:
    """None when it is let in, and then to be counted; else why not. Cheapest questions first.

    `seen`: the buckets of `entry.asks()` of the last day; `marks`: what is closed or always let in; `usual`: how many
    the workspace had in this hour of the last days.
    """
    door = entry.door
    line = entry.recipient.line
    if line not in (Line.MOBILE, Line.MOBILE_OR_FIXED):
        return Refusal(Reason("pumping_number", {"line": str(line)}))
    known = [
        (kind, marks[key]["state"]) for kind, key in entry.marked()
        if key in marks and marks[key]["state"] != "open" and _lasts(marks[key], now)
    ]  # fmt: skip
    # The narrowest word counts; an address that is closed is closed to all but what was always let in.
    if known and known[0][1] == "allowed":
        return None
    if door.countries and entry.recipient.country not in countries:
        return Refusal(Reason("pumping_country", {"country": entry.recipient.country}))
    if closed := [kind for kind, state in known if state == "closed"]:
        return Refusal(Reason("pumping_closed", {"key": closed[0]}))
    if door.watches and (silent := _silent(entry, seen, marks, now)):
        return silent
    for limit in door.limits:
        if (key := entry.keys.get(limit.kind)) and (reason := _over(limit, seen.get(key, ()), limit.most, now)):
            return Refusal(reason)
    delay = _delay(entry, seen, now) if door.repeats else None
    return delay or _sequence(entry, seen, now) or (_tenant(seen, usual, now) if door.tenant else None)


def counted(entry: Entry) -> Iterable[str]:
    """The keys of which there is one more when the entry is let in."""
    sent = [f"sent|{entry.keys[kind]}" for kind in _WATCHED] if entry.door.measured else []
    return [*entry.keys.values(), *sent]


def won(recipient: Recipient) -> Iterable[str]:
    """The keys of which there is one more when a person proves to be there (a code was entered, a link opened)."""
    return _seen_of("won", recipient)


def got(recipient: Recipient) -> Iterable[str]:
    """The keys of which there is one more when a message arrived."""
    return _seen_of("got", recipient)


def dead(recipient: Recipient) -> Iterable[str]:
    """The keys of which there is one more when a number turns out to be none."""
    return (f"dead|prefix|{recipient.number[:-4]}",)


def _seen_of(what: str, recipient: Recipient) -> Iterable[str]:
    return (f"{what}|prefix|{recipient.number[:-4]}", f"{what}|country|{recipient.country}", f"{what}|tenant")


def closed_until(mark: Mapping[str, Any] | None, now: datetime) -> datetime:
    """Till when a range stays closed that has just shown itself: twelve hours, and twice as long each time."""
    return now + min(CLOSED_FIRST * 2 ** min(mark["times"] if mark else 0, 10), CLOSED_LONGEST)


def minute_of(now: datetime) -> datetime:
    """The bucket of a moment."""
    return now.replace(second=0, microsecond=0)


def hour_of(now: datetime) -> datetime:
    """The bucket of a moment, for what is usual in an hour."""
    return now.replace(minute=0, second=0, microsecond=0)


def _lasts(mark: Mapping[str, Any], now: datetime) -> bool:
    return mark["until"] is None or mark["until"] > now


def _within(buckets: Sequence[Bucket], span: timedelta, now: datetime) -> int:
    # A bucket counts as long as any moment of it may lie in the span: a limit is never exceeded, whatever the clock.
    return sum(one.count for one in buckets if one.last > now - span)


def _over(limit: Limit, buckets: Sequence[Bucket], most: int, now: datetime) -> Reason | None:
    count = _within(buckets, limit.within, now)
    if count < most:
        return None
    minutes = int(limit.within.total_seconds() // 60)
    return Reason("pumping_limit", {"kind": limit.kind, "count": count, "most": most, "minutes": minutes})


def _delay(entry: Entry, seen: Seen, now: datetime) -> Refusal | None:
    """Each repeat to one number within a day waits twice as long as the one before."""
    buckets = [one for one in seen.get(entry.keys["number"], ()) if one.last > now - DAY]
    if not buckets:
        return None
    times = sum(one.count for one in buckets)
    wait = min(FIRST_DELAY * 2 ** min(times - 1, 20), LONGEST_DELAY)
    if now - max(one.last for one in buckets) >= wait:
        return None
    return Refusal(Reason("pumping_delay", {"seconds": int(wait.total_seconds())}))


def _sequence(entry: Entry, seen: Seen, now: datetime) -> Refusal | None:
    """Numbers in a row, each at most three from the next: nobody's customers come like that. The range is closed until
    the row is over."""
    if not entry.door.row:
        return None
    places = sorted(
        {0, *(step for key, step in entry.neighbours.items() if _within(seen.get(key, ()), SEQUENCE_WITHIN, now))}
    )
    row = 1
    for before, after in pairwise(places):
        row = row + 1 if after - before <= SEQUENCE_GAP else 1
        if row >= entry.door.row:
            return Refusal(Reason("pumping_sequence"), entry.keys["prefix"], now + SEQUENCE_WITHIN)
    return None


def _tenant(seen: Seen, usual: Sequence[int], now: datetime) -> Refusal | None:
    most = TENANT_AN_HOUR + int(3 * median(usual or (0,)))
    reason = _over(Limit("tenant", most, HOUR), seen.get("tenant", ()), most, now)
    return Refusal(reason) if reason else None


def alarms(door: Door, seen: Seen, usual: Sequence[int], now: datetime) -> Mapping[Alarm, Mapping[str, int]]:
    """What people are to be told now that one more was let in, with its figures: twice as many in an hour as usual (see
    `decide`), or half as many of them that confirm as in the day before, where most did."""
    if not door.tenant:
        return {}
    found: dict[Alarm, Mapping[str, int]] = {}
    count, often = _within(seen.get("tenant", ()), HOUR, now) + 1, int(median(usual or (0,)))
    if count >= max(MANY, USUAL_MANY * often):
        found[Alarm.VOLUME] = {"count": count, "usual": often}
    before = now - HOUR
    sent = _sent(seen.get("sent|tenant", ()), HOUR, now, None)
    sent_before = _sent(seen.get("sent|tenant", ()), DAY, now, None) - sent
    won = _within(seen.get("won|tenant", ()), HOUR, now)
    won_before = sum(one.count for one in seen.get("won|tenant", ()) if now - DAY < one.last <= before)
    enough = sent >= CODES and sent_before >= CODES_BEFORE and won_before * 100 > GOOD * sent_before
    if enough and USUAL_MANY * won * sent_before < won_before * sent:
        found[Alarm.CONVERSION] = {"percent": 100 * won // sent, "usual": min(100 * won_before // sent_before, 100)}
    return {one: said for one, said in found.items() if not _within(seen.get(one.key, ()), HOUR, now)}


def _silent(entry: Entry, seen: Seen, marks: Marks, now: datetime) -> Refusal | None:
    """A range of which nobody confirms, or in which little arrives, while others do, is closed; and one in which
    numbers are tried that are none."""
    prefix = entry.keys["prefix"]
    since = _anew(marks.get(prefix))
    count = _within(_after(seen.get(f"dead|{prefix}", ()), since), HOUR, now)
    if count >= MOST_DEAD:
        return Refusal(Reason("pumping_dead", {"count": count}), prefix, closed_until(marks.get(prefix), now))
    for watch in WATCHES:
        for kind, least in watch.least.items():
            if (found := _watched(watch, entry.keys[kind], least, seen, marks, now)) is not None:
                return found
    return None


def _watched(watch: Watch, key: str, least: int, seen: Seen, marks: Marks, now: datetime) -> Refusal | None:
    since = _anew(marks.get(key))
    for span in (HOUR, DAY):
        sent = _sent(seen.get(f"sent|{key}", ()), span, now, since)
        theirs = _within(_after(seen.get(f"{watch.what}|{key}", ()), since), span, now)
        others_sent = _sent(seen.get("sent|tenant", ()), span, now, None) - sent
        others = _within(seen.get(f"{watch.what}|tenant", ()), span, now) - theirs
        if sent >= least and theirs * 100 < watch.bad * sent and others * 100 > watch.good * max(others_sent, 1):
            reason = Reason(watch.reason, {"sent": sent, "converted": theirs})
            return Refusal(reason, key, closed_until(marks.get(key), now))
    return None


def _anew(mark: Mapping[str, Any] | None) -> datetime | None:
    """What a person has opened again, or what was closed for its time, begins anew."""
    return max(mark["until"] or mark["at"], mark["at"]) if mark else None


def _after(buckets: Sequence[Bucket], since: datetime | None) -> Sequence[Bucket]:
    return buckets if since is None else [one for one in buckets if one.start >= since]


def _sent(buckets: Sequence[Bucket], span: timedelta, now: datetime, since: datetime | None) -> int:
    """How many had the time to confirm."""
    return sum(one.count for one in _after(buckets, since) if now - span < one.last <= now - TYPING_TAKES)

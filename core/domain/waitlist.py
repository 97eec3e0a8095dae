"""The waiting list: a freed slot is offered to one person at a time. Who is next, until when, and what follows.

Pure: `now` is an argument, and whether somebody may be written to at a moment is asked of `Candidate.may`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.policy.walltime import local
from core.domain.policy.week import DAYS
from core.domain.reasons import Reason

LEAST_HOLD = timedelta(minutes=10)
"""Nobody is asked to decide in less."""
STEP = timedelta(minutes=5)
"""Messages speak of times that people can read: 14h35, not 14h33."""
REMEMBERED = timedelta(hours=48)
"""For so long a late answer is still taken for one about the slot."""
MOST_FORESEEN = 50
MOST_HOLD, MOST_NOTICE = timedelta(days=1), timedelta(days=14)
_MINUTE = timedelta(minutes=1)


class Cause(StrEnum):
    """Why a slot is free."""

    CANCELLED = "cancelled"
    DECLINED = "declined"
    MOVED = "moved"
    BY_HAND = "by_hand"


class SlotState(StrEnum):
    """Where a slot is: offered, taken by somebody, taken back by the clinic, over, or only shown in rehearsal."""

    OPEN = "open"
    TAKEN = "taken"
    WITHDRAWN = "withdrawn"
    OVER = "over"
    REHEARSED = "rehearsed"


class OfferState(StrEnum):
    """What became of one offer. `RESERVE`: a yes that came late, and counts if the person who is asked declines."""

    ASKED = "asked"
    TAKEN = "taken"
    NO = "no"
    SILENT = "silent"
    RESERVE = "reserve"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class EntryState(StrEnum):
    """Where a person is on the list."""

    WAITING = "waiting"
    SERVED = "served"
    LEFT = "left"


# ---------------------------------------------------------------------------------------------- what people wish


@dataclass(frozen=True, slots=True)
class Wishes:
    """When a person could come. Days are those of the slot's zone; `weekdays` are 0 (Monday) to 6, none for any day;
    the slot begins not before `after` and before `until`."""

    earliest: date | None = None
    latest: date | None = None
    weekdays: frozenset[int] = frozenset()
    after: time | None = None
    until: time | None = None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "earliest": self.earliest and self.earliest.isoformat(), "latest": self.latest and self.latest.isoformat(),
            "weekdays": [DAYS[day] for day in sorted(self.weekdays)] or None,
            "after": self.after and f"{self.after:%H:%M}", "until": self.until and f"{self.until:%H:%M}",
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Wishes:
        return read_wishes(kept)


def read_wishes(given: Mapping[str, Any], pointer: str = "/wishes") -> Wishes:
    """`{"earliest": "2026-12-01", "latest": …, "weekdays": ["mon"], "after": "09:00", "until": "12:00"}`, each of them
    optional. Raises `BadInput` with a JSON pointer."""

    def read(name: str, how: Callable[[str], Any]) -> Any:
        value = given.get(name)
        if value in (None, ""):
            return None
        try:
            return how(str(value))
        except ValueError as error:
            raise BadInput("waitlist_wish_unreadable", pointer=f"{pointer}/{name}", text=str(value)[:40]) from error

    days = given.get("weekdays") or ()
    if not isinstance(days, list | tuple) or not all(one in DAYS for one in days):
        raise BadInput("waitlist_wish_unreadable", pointer=f"{pointer}/weekdays", text=str(days)[:40])
    found = Wishes(
        read("earliest", date.fromisoformat), read("latest", date.fromisoformat),
        frozenset(DAYS.index(one) for one in days), read("after", _clock), read("until", _clock),
    )  # fmt: skip
    if found.earliest and found.latest and found.latest < found.earliest:
        raise BadInput("waitlist_wish_empty", pointer=f"{pointer}/latest")
    if found.after and found.until and found.until <= found.after:
        raise BadInput("waitlist_wish_empty", pointer=f"{pointer}/until")
    return found


def _clock(text: str) -> time:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(text)
    return time.fromisoformat(text)


# ---------------------------------------------------------------------------------------------- what the clinic wants


@dataclass(frozen=True, slots=True)
class Terms:
    """How a connection's free slots are offered; off until somebody switches it on.

    `notice`: later than that before its start a slot is of no use. `hold`: how long one person has to answer.
    `most` offers in `days` days to one person. `causes`: what frees a slot. `writes`: who says yes is put into the
    platform's calendar. `keyword`: who answers this word wants to come earlier. `text`: the offer in the clinic's own
    words (see `core.domain.waitlist_words`).
    """

    on: bool = False
    notice: timedelta = timedelta(hours=3)
    hold: timedelta = timedelta(minutes=30)
    most: int = 2
    days: int = 7
    causes: frozenset[Cause] = frozenset({Cause.CANCELLED, Cause.DECLINED})
    writes: bool = False
    keyword: str = ""
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "on": self.on, "notice_minutes": self.notice // _MINUTE,
            "hold_minutes": self.hold // _MINUTE, "most": self.most, "days": self.days,
            "causes": sorted(str(one) for one in self.causes), "writes": self.writes, "keyword": self.keyword,
            "text": self.text,
        }  # fmt: skip


CAUSES = (Cause.CANCELLED, Cause.DECLINED, Cause.MOVED)


def read_terms(given: Mapping[str, Any], before: Terms | None = None) -> Terms:
    """What `as_json` gave, or a part of it over `before`. Raises `BadInput` with a JSON pointer."""
    known = {**(before or Terms()).as_json(), **given}

    def number(name: str, least: int, most: int) -> int:
        value = known[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadInput("waitlist_term_range", pointer=f"/{name}", least=least, most=most)
        return value

    causes = known["causes"]
    if not isinstance(causes, list | tuple) or not all(one in CAUSES for one in causes):
        raise BadInput("waitlist_cause_unknown", pointer="/causes", known=", ".join(CAUSES))
    return Terms(
        bool(known["on"]),
        number("notice_minutes", 0, MOST_NOTICE // _MINUTE) * _MINUTE,
        number("hold_minutes", LEAST_HOLD // _MINUTE, MOST_HOLD // _MINUTE) * _MINUTE,
        number("most", 1, 50), number("days", 1, 90), frozenset(Cause(one) for one in causes), bool(known["writes"]),
        str(known["keyword"] or "").strip()[:30], str(known["text"] or "").strip()[:600],
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- who is next


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time: aware UTC instants, and the zone in which people speak of them. `freed_by`: the numbers of those
    who gave it up, who are not offered it."""

    start: datetime
    zone: str
    installation: str
    end: datetime | None = None
    title: str = ""
    occasion: str | None = None
    freed_by: frozenset[str] = frozenset()
    place: str = ""
    """Which of a connection's calendars."""

    def deadline(self, terms: Terms) -> datetime:
        """The last moment at which somebody may still say yes."""
        return self.start - terms.notice


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody on the list, and what is known of them.

    `may(at)` is the first lawful moment from `at` on, or why there is none. `own`: the start of the appointment that
    they would give up for an earlier one, if any. `asked`: about this slot, before. `elsewhere`: another offer waits
    for their answer. `lately`: how many offers they had in the terms' days. `busy`: they have an appointment at that
    time.
    """

    id: str
    number: str
    position: int
    since: datetime
    wishes: Wishes
    may: Callable[[datetime], datetime | Reason]
    installation: str | None = None
    kind: str = ""
    moves: str | None = None
    own: datetime | None = None
    asked: bool = False
    elsewhere: bool = False
    lately: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """An offer about the slot that may still decide it: the one that is asked until `until`, or one in reserve."""

    id: str
    state: OfferState
    until: datetime
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this person now; they have the slot until `until`."""

    candidate: Candidate
    until: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody is asked: nothing happens before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Give:
    """The offer whose yes came late gets the slot."""

    offer: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at `until`: nobody may be written to before, or nobody fits yet."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more can come of the slot."""

    reason: Reason


def why_not(one: Candidate, slot: Slot, terms: Terms) -> Reason | None:
    """Why this person is not offered the slot, whatever the hour; None when they may be."""
    wall = local(slot.start, ZoneInfo(slot.zone))
    wishes = one.wishes
    if one.asked:
        return Reason("waitlist_asked_before")
    if one.number in slot.freed_by:
        return Reason("waitlist_gave_it_up")
    if one.installation is not None and one.installation != slot.installation:
        return Reason("waitlist_other_calendar")
    if one.kind and folded(one.kind) not in folded(slot.title):
        return Reason("waitlist_other_kind", {"kind": one.kind})
    if wishes.earliest is not None and wall.date() < wishes.earliest:
        return Reason("waitlist_too_early", {"day": wishes.earliest.isoformat()})
    if wishes.latest is not None and wall.date() > wishes.latest:
        return Reason("waitlist_too_late", {"day": wishes.latest.isoformat()})
    if wishes.weekdays and wall.weekday() not in wishes.weekdays:
        return Reason("waitlist_weekday")
    if wishes.after is not None and wall.time() < wishes.after:
        return Reason("waitlist_hour", {"after": f"{wishes.after:%H:%M}"})
    if wishes.until is not None and wall.time() >= wishes.until:
        return Reason("waitlist_hour_late", {"until": f"{wishes.until:%H:%M}"})
    if one.own is not None and one.own <= slot.start:
        return Reason("waitlist_no_gain")
    if one.busy:
        return Reason("waitlist_busy")
    if one.elsewhere:
        return Reason("waitlist_asked_elsewhere")
    if one.lately >= terms.most:
        return Reason("waitlist_asked_often", {"count": one.lately, "days": terms.days})
    return None


def in_order(queue: Sequence[Candidate]) -> list[Candidate]:
    """The list as it is gone through: by the clinic's order, then who has waited longest."""
    return sorted(queue, key=lambda one: (one.position, one.since, one.id))


def held_until(now: datetime, slot: Slot, terms: Terms) -> datetime | None:
    """Till when somebody who is asked `now` has the slot: a time that a message can name. None when it is too late."""
    deadline = slot.deadline(terms)
    until = min(_rounded(now + terms.hold), deadline)
    return until if until - now >= LEAST_HOLD else None


def follows(
    slot: Slot, terms: Terms, queue: Sequence[Candidate], offers: Sequence[Open], now: datetime
) -> Ask | Hold | Give | Wait | End:
    """What happens to an open slot at `now`.

    While somebody is asked, they have it. Then a yes that came late counts before anybody new is asked. Of the people
    who fit, the first in order who may be written to now is asked.
    """
    deadline = slot.deadline(terms)
    asked = next((one for one in offers if one.state is OfferState.ASKED), None)
    if asked is not None and now < asked.until:
        return Hold(asked.until)
    if reserve := _first_reserve(offers):
        return Give(reserve.id)
    until = held_until(now, slot, terms)
    if until is None:
        return End(Reason("waitlist_no_time")) if now >= deadline else Wait(deadline, Reason("waitlist_no_time"))
    later: list[datetime] = []
    for one in in_order(queue):
        if why_not(one, slot, terms) is not None:
            continue
        at = one.may(now)
        if isinstance(at, Reason):
            continue
        if at <= now:
            return Ask(one, until)
        if held_until(at, slot, terms) is not None:
            later.append(at)
    if later:
        return Wait(min(later), Reason("waitlist_waits_for_hours"))
    return Wait(deadline, Reason("waitlist_nobody_fits"))


def left_out(slot: Slot, terms: Terms, queue: Sequence[Candidate], now: datetime) -> Iterator[tuple[Candidate, Reason]]:
    """Those who are passed over at `now`, in the list's order, and why."""
    for one in in_order(queue):
        why = why_not(one, slot, terms)
        if why is None:
            at = one.may(now)
            why = at if isinstance(at, Reason) else None
            if isinstance(at, datetime) and held_until(max(at, now), slot, terms) is None:
                why = Reason("waitlist_no_time")
        if why is not None:
            yield one, why


def foreseen(slot: Slot, terms: Terms, queue: Sequence[Candidate], now: datetime) -> list[Ask | Wait | End]:
    """What would happen if everybody were silent: whom it would be offered to, each with its end, and how it ends."""
    steps: list[Ask | Wait | End] = []
    at, left = now, list(queue)
    for _ in range(MOST_FORESEEN):
        step = follows(slot, terms, left, (), at)
        if isinstance(step, Ask):
            steps.append(step)
            asked = step.candidate
            left = [replace(one, asked=True) if one.number == asked.number else one for one in left]
            at = step.until
        elif isinstance(step, Wait) and step.reason.code == "waitlist_waits_for_hours" and step.until > at:
            at = step.until
        else:
            if isinstance(step, Wait | End):
                steps.append(step)
            break
    return steps


def rounds(slot: Slot, terms: Terms, now: datetime, opens: Callable[[datetime], datetime | None]) -> int:
    """How many people can still be asked, one after the other, before the slot is of no use. `opens(at)`: the first
    lawful moment from `at` on."""
    count, at = 0, now
    while count < MOST_FORESEEN:
        opening = opens(at)
        until = None if opening is None else held_until(opening, slot, terms)
        if until is None:
            break
        count, at = count + 1, until
    return count


# ---------------------------------------------------------------------------------------------- what people answer


class Verdict(StrEnum):
    """What an answer to an offer does."""

    TAKE = "take"
    """They get the slot, unless somebody else does at the same moment: the database decides."""
    RESERVE = "reserve"
    """Somebody else is asked: they get it if that person does not want it."""
    ON = "on"
    """They do not want it: the next one is asked."""
    GIVE_BACK = "give_back"
    """They had taken it, and do not want it any more."""
    LATE = "late"
    """Somebody else has it."""
    GONE = "gone"
    """Nobody gets it any more."""
    SAME = "same"
    """It was said before."""
    PERSON = "person"
    """Somebody of the house reads it."""


def heard(
    yes: bool, offer: OfferState, slot: SlotState, *, other_asked: bool, settled: bool, late: bool
) -> Verdict:
    """What the answer to an offer does. `other_asked`: somebody else has the slot for the moment; `settled`: it stands
    in the calendar; `late`: it is too near to its start to be given to anybody."""
    if offer is OfferState.TAKEN:
        if yes:
            return Verdict.SAME
        return Verdict.PERSON if settled else Verdict.GIVE_BACK
    if not yes:
        return Verdict.ON if offer in (OfferState.ASKED, OfferState.RESERVE) else Verdict.SAME
    if slot is SlotState.TAKEN:
        return Verdict.LATE
    if slot is not SlotState.OPEN or late:
        return Verdict.GONE
    if offer is OfferState.RESERVE:
        return Verdict.SAME if other_asked else Verdict.TAKE
    if other_asked and offer is not OfferState.ASKED:
        return Verdict.RESERVE
    return Verdict.TAKE


def folded(text: str) -> str:
    """Without accents, capitals and signs: what a title is compared by."""
    plain = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in "".join(plain).casefold()).split())


def _first_reserve(offers: Sequence[Open]) -> Open | None:
    never = datetime.max.replace(tzinfo=UTC)
    waiting = [one for one in offers if one.state is OfferState.RESERVE]
    return min(waiting, key=lambda one: (one.answered_at or never, one.id), default=None)


def _rounded(moment: datetime) -> datetime:
    """The next full five minutes: a promise is never shorter than what was said."""
    midnight = datetime.combine(moment.date(), time(), moment.tzinfo)
    return midnight + -(-(moment - midnight) // STEP) * STEP


@dataclass(frozen=True, slots=True)
class Person:
    """Who is put on the list: checked words. `installation`: for this calendar alone; `kind`: words that the title of
    the slot has to hold; `moves`: the occasion that they would give up; `proof`: how they agreed."""

    name: str | None = None
    installation: str | None = None
    kind: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    moves: str | None = None
    position: int | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)

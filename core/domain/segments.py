"""Who belongs to a segment: conditions about people, as a small declared JSON, and whether one person meets them.

A condition is one of

    {"all": […]}   {"any": […]}   {"not": {…}}              nested, five deep at most
    {"field": "country", "is": "FR"}                        or "in": […], "begins": "69", "known": true
    {"value": "ville", "is": "Lyon"}                        the same of what an import or a program said of the person
    {"value": "total", "above": 100}                        as a number: "at_least", "at_most", "above", "below"
    {"value": "visite", "longer_ago": "P90D"}               as a day: "before", "since", "longer_ago", "within"
    {"tag": "vip"}                                          among the person's `values.tags`
    {"list": "seg_…"}                                       is on that list
    {"consent": "in"}                                       "in", "out" or "unknown", for marketing
    {"quarantined": false}                                  whether the number is dead
    {"did": "clicked", "within": "P30D", "times": 2}        and "campaign", "channel" where there is one
    {"last": "visited", "longer_ago": "P90D"}               did it, and the last time was "before", "since", …
    {"spent": "EUR", "at_least": 100, "within": "P365D"}    what their orders come to, nothing for nobody's

Pure: storage asks the database the same question in one statement, and a test holds the two answers together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from core.domain.errors import BadInput
from core.domain.messages import Channel
from core.domain.policy.walltime import duration

FIELDS = ("number", "country", "name", "first_name", "email", "language", "zone")
DEEDS = ("got", "delivered", "clicked", "replied", "ordered", "visited", "joined")
"""What is known of people's doings: a message left to them, arrived, its link was followed, they wrote, an order was
placed, an appointment took place, they became a contact."""
_OF_MESSAGES = ("got", "delivered", "clicked")
CONSENTS = ("in", "out", "unknown")
DEEPEST, MOST, MOST_WORDS, LONGEST_WORD = 5, 50, 200, 200
MOST_TIMES = 1000
_OPERATORS = ("is", "in", "begins", "known")
NUMBERS = ("at_least", "at_most", "above", "below")
DAYS = ("before", "since", "longer_ago", "within")
MICRO = 1_000_000
_LARGEST = 10**12
_NO_PART = str.maketrans("", "", " \u00a0\u202f€$£")
_NUMBER = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,18}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FRENCH_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Every:
    """All of `parts`; without any, everybody."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of `parts`."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Whoever does not meet `part`."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Says:
    """What a field (`own`) or a value says: one of `words`, or begins with `begins`, or is `known` or not. Capitals
    count."""

    name: str
    own: bool
    words: tuple[str, ...] = ()
    begins: str | None = None
    known: bool | None = None


@dataclass(frozen=True, slots=True)
class Compares:
    """A value is a number, and `operator` (of `NUMBERS`) holds between it and `micros` (millionths)."""

    name: str
    operator: str
    micros: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A moment with the `operator` (of `DAYS`) that stands before it: said as itself, or as so long `ago`."""

    operator: str
    at: datetime | None = None
    ago: timedelta | None = None

    def moment(self, now: datetime) -> datetime:
        if self.at is not None:
            return self.at
        assert self.ago is not None
        return now - self.ago

    @property
    def later(self) -> bool:
        """Whether what is meant is the time from that moment on, and not the time before it."""
        return self.operator in ("since", "within")

    @property
    def past(self) -> bool:
        """Whether what is still to come does not count."""
        return self.operator == "within"


@dataclass(frozen=True, slots=True)
class Dated:
    """A value is a day, on that side of the day of `edge` in UTC."""

    name: str
    edge: Edge


@dataclass(frozen=True, slots=True)
class Last:
    """Did `what`, and the last time was on that side of `edge`."""

    what: str
    edge: Edge


@dataclass(frozen=True, slots=True)
class Spent:
    """The orders in `currency` (of the last `within`) come together to something that `operator` holds for."""

    currency: str
    operator: str
    micros: int
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Tagged:
    tag: str


@dataclass(frozen=True, slots=True)
class OnList:
    segment: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """`state`: "in" may be written to for marketing, "out" has said no to it or to everything, "unknown" neither."""

    state: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    yes: bool


@dataclass(frozen=True, slots=True)
class Did:
    """Did `what` at least `times` times, within the last `within` where that is said; of messages of `campaign`, by
    `channel`, where those are."""

    what: str
    within: timedelta | None = None
    times: int = 1
    campaign: str | None = None
    channel: str | None = None


Condition = (
    Every | Either | Not | Says | Compares | Dated | Tagged | OnList | Agreed | Quarantined | Did | Last | Spent
)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person did, or that was done to them."""

    what: str
    at: datetime
    campaign: str | None = None
    channel: str | None = None
    total: tuple[int, str] | None = None
    """Of an order: millionths, and their currency."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of one person. `agreed`: the last word on marketing was a yes."""

    fields: Mapping[str, str | None]
    values: Mapping[str, Any] = field(default_factory=dict)
    opted_out: frozenset[str] = frozenset()
    agreed: bool = False
    quarantined: bool = False
    lists: frozenset[str] = frozenset()
    deeds: tuple[Deed, ...] = ()


def parse(given: Any, pointer: str = "/conditions") -> Condition:
    """The condition that a JSON value says. Raises `BadInput` with the pointer of what is wrong."""
    return _Reader().read(given, pointer, 1)


def lists_of(condition: Condition) -> frozenset[str]:
    """The lists that it names."""
    match condition:
        case Every(parts) | Either(parts):
            return frozenset(name for part in parts for name in lists_of(part))
        case Not(part):
            return lists_of(part)
        case OnList(segment):
            return frozenset({segment})
    return frozenset()


def meets(condition: Condition, person: Person, now: datetime) -> bool:
    """Whether that person belongs to it at `now`."""
    match condition:
        case Every(parts):
            return all(meets(part, person, now) for part in parts)
        case Either(parts):
            return any(meets(part, person, now) for part in parts)
        case Not(part):
            return not meets(part, person, now)
        case Says():
            return _says(condition, _said(condition, person))
        case Compares():
            number = micros_of(spoken(person.values.get(condition.name)))
            return number is not None and holds(condition.operator, number, condition.micros)
        case Dated(name, edge):
            return _dated(edge, day_of(spoken(person.values.get(name))), now)
        case Last(what, edge):
            last = max((one.at for one in person.deeds if one.what == what and one.at <= now), default=None)
            return last is not None and (last >= edge.moment(now)) is edge.later
        case Spent():
            return holds(condition.operator, _spent(condition, person, now), condition.micros)
        case Tagged(tag):
            tags = person.values.get("tags")
            return isinstance(tags, list) and any(one == tag for one in tags if isinstance(one, str))
        case OnList(segment):
            return segment in person.lists
        case Agreed(state):
            return _consent(person) == state
        case Quarantined(yes):
            return person.quarantined is yes
        case Did():
            return _did(condition, person, now)


def spoken(value: Any) -> str | None:
    """A value as it is compared: a text as it is, a number or a yes as JSON writes it; nothing else says anything."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return orjson.dumps(value).decode()
    return None


def micros_of(said: str | None) -> int | None:
    """The number that a text is, in millionths: "1 234,50 €" is 1,234.5. A comma is a decimal sign, and what is finer
    than a millionth is left off. None when it is no number."""
    found = _NUMBER.fullmatch((said or "").translate(_NO_PART).replace(",", "."))
    if found is None:
        return None
    sign, whole, parts = found.groups()
    micros = int(whole) * MICRO + int(((parts or "") + "000000")[:6])
    return -micros if sign else micros


def day_of(said: str | None) -> str | None:
    """The day that a text is ("2026-03-01", "2026-03-01T10:00", "01/03/2026") as ISO writes it; None for another."""
    said = said or ""
    if _DAY.fullmatch(said[:10]) and said[10:11] in ("", "T", " "):
        return said[:10]
    found = _FRENCH_DAY.fullmatch(said)
    return f"{found[3]}-{found[2]}-{found[1]}" if found else None


def holds(operator: str, number: int, than: int) -> bool:
    """Whether one of `NUMBERS` holds."""
    match operator:
        case "at_least":
            return number >= than
        case "at_most":
            return number <= than
        case "above":
            return number > than
    return number < than


def _dated(edge: Edge, day: str | None, now: datetime) -> bool:
    if day is None or (edge.past and day > utc_day(now)):
        return False
    return (day >= utc_day(edge.moment(now))) is edge.later


def utc_day(moment: datetime) -> str:
    """Its day in UTC, as ISO writes it."""
    return moment.astimezone(UTC).date().isoformat()


def _spent(condition: Spent, person: Person, now: datetime) -> int:
    since = None if condition.within is None else now - condition.within
    return sum(
        one.total[0] for one in person.deeds
        if one.what == "ordered" and one.at <= now and (since is None or one.at >= since)
        and one.total is not None and one.total[1] == condition.currency
    )  # fmt: skip


def _said(condition: Says, person: Person) -> str | None:
    found = person.fields.get(condition.name) if condition.own else spoken(person.values.get(condition.name))
    return found or None


def _says(condition: Says, said: str | None) -> bool:
    if condition.known is not None:
        return (said is not None) is condition.known
    if said is None:
        return False
    if condition.begins is not None:
        return said.startswith(condition.begins)
    return said in condition.words


def _consent(person: Person) -> str:
    if person.opted_out & {"marketing", "all"}:
        return "out"
    return "in" if person.agreed else "unknown"


def _did(condition: Did, person: Person, now: datetime) -> bool:
    since = None if condition.within is None else now - condition.within
    found = (
        one for one in person.deeds
        if one.what == condition.what and one.at <= now and (since is None or one.at >= since)
        and condition.campaign in (None, one.campaign) and condition.channel in (None, one.channel)
    )  # fmt: skip
    return sum(1 for _ in found) >= condition.times


# ---------------------------------------------------------------------------------------------- reading


class _Reader:
    """Reads one condition, and counts what is in it."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, given: Any, pointer: str, depth: int) -> Condition:
        if not isinstance(given, Mapping):
            raise BadInput("field_not_object", pointer=pointer)
        self._count += 1
        if self._count > MOST:
            raise BadInput("segment_too_many", pointer=pointer, most=MOST)
        if depth > DEEPEST:
            raise BadInput("segment_too_deep", pointer=pointer, most=DEEPEST)
        kind = next((name for name in _KINDS if name in given), None)
        if kind is None:
            raise BadInput("segment_condition", pointer=pointer, known=", ".join(_KINDS))
        allowed = {kind, *_BESIDES.get(kind, ())}
        for name in given:
            if name not in allowed:
                raise BadInput("segment_stranger", pointer=f"{pointer}/{_escaped(str(name))}", name=str(name)[:40])
        value, place = given[kind], f"{pointer}/{kind}"
        match kind:
            case "all" | "any":
                parts = tuple(
                    self.read(one, f"{place}/{index}", depth + 1) for index, one in enumerate(_many(value, place))
                )
                return Every(parts) if kind == "all" else Either(parts)
            case "not":
                return Not(self.read(value, place, depth + 1))
            case "field" | "value":
                return _read_says(given, kind, pointer)
            case "tag":
                return Tagged(_word(value, place))
            case "list":
                return OnList(_word(value, place))
            case "consent":
                return Agreed(_one_of(value, CONSENTS, place))
            case "quarantined":
                return Quarantined(_yes(value, place))
            case "last":
                return Last(_one_of(value, DEEDS, place), _read_edge(given, _only(given, DAYS, pointer), pointer))
            case "spent":
                return _read_spent(given, pointer)
        return _read_did(given, pointer)


_KINDS = ("all", "any", "not", "field", "value", "tag", "list", "consent", "quarantined", "did", "last", "spent")
_BESIDES: Mapping[str, tuple[str, ...]] = {
    "field": _OPERATORS, "value": (*_OPERATORS, *NUMBERS, *DAYS), "did": ("within", "times", "campaign", "channel"),
    "last": DAYS, "spent": (*NUMBERS, "within"),
}  # fmt: skip


def _only(given: Mapping[str, Any], known: Sequence[str], pointer: str) -> str:
    operators = [one for one in known if one in given]
    if len(operators) != 1:
        raise BadInput("segment_operator", pointer=pointer, known=", ".join(known))
    return operators[0]


def _read_edge(given: Mapping[str, Any], operator: str, pointer: str) -> Edge:
    place = f"{pointer}/{operator}"
    if operator in ("longer_ago", "within"):
        return Edge(operator, ago=duration(given[operator], place).length)
    said = _word(given[operator], place)
    try:
        if len(said) == len("2026-01-01"):
            return Edge(operator, at=datetime.combine(date.fromisoformat(said), time(), UTC))
        at = datetime.fromisoformat(said)
    except ValueError:
        raise BadInput("segment_day", pointer=place, text=said[:40]) from None
    if at.tzinfo is None or not 1 < at.year < 9999:
        raise BadInput("segment_day", pointer=place, text=said[:40])
    return Edge(operator, at=at.astimezone(UTC))


def _read_number(given: Any, pointer: str) -> int:
    """In millionths."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise BadInput("field_not_number", pointer=pointer)
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        raise BadInput("field_not_number", pointer=pointer) from None
    if not number.is_finite() or abs(number) > _LARGEST:
        raise BadInput("field_wrong", pointer=pointer, why="-10¹² … 10¹²")
    return int(number * MICRO)


def _read_spent(given: Mapping[str, Any], pointer: str) -> Spent:
    currency = _word(given["spent"], f"{pointer}/spent")
    if len(currency) != 3 or not currency.isascii() or not currency.isupper() or not currency.isalpha():
        raise BadInput("currency_unknown", pointer=f"{pointer}/spent", text=currency[:10])
    operator = _only(given, NUMBERS, pointer)
    within = given.get("within")
    return Spent(
        currency, operator, _read_number(given[operator], f"{pointer}/{operator}"),
        None if within is None else duration(within, f"{pointer}/within").length,
    )  # fmt: skip


def _read_says(given: Mapping[str, Any], kind: str, pointer: str) -> Says | Compares | Dated:
    own = kind == "field"
    name = _one_of(given[kind], FIELDS, f"{pointer}/{kind}") if own else _word(given[kind], f"{pointer}/{kind}")
    if not own and ('"' in name or "\\" in name or not name.isprintable()):
        # The two databases do not agree on how such a name is looked for.
        raise BadInput("segment_name", pointer=f"{pointer}/{kind}")
    operator = _only(given, _BESIDES[kind], pointer)
    if operator in NUMBERS:
        return Compares(name, operator, _read_number(given[operator], f"{pointer}/{operator}"))
    if operator in DAYS:
        return Dated(name, _read_edge(given, operator, pointer))
    value, place = given[operator], f"{pointer}/{operator}"
    match operator:
        case "is":
            return Says(name, own, words=(_word(value, place),))
        case "in":
            words = tuple(_word(one, f"{place}/{index}") for index, one in enumerate(_many(value, place)))
            if not words:
                raise BadInput("field_empty", pointer=place)
            return Says(name, own, words=words)
        case "begins":
            return Says(name, own, begins=_word(value, place))
    return Says(name, own, known=_yes(value, place))


def _read_did(given: Mapping[str, Any], pointer: str) -> Did:
    what = _one_of(given["did"], DEEDS, f"{pointer}/did")
    within, times = given.get("within"), given.get("times", 1)
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
        raise BadInput("field_wrong", pointer=f"{pointer}/times", why=f"1 … {MOST_TIMES}")
    for name in ("campaign", "channel"):
        if name in given and what not in _OF_MESSAGES:
            raise BadInput("segment_stranger", pointer=f"{pointer}/{name}", name=name)
    campaign = _word(given["campaign"], f"{pointer}/campaign") if "campaign" in given else None
    channel = _one_of(given["channel"], tuple(Channel), f"{pointer}/channel") if "channel" in given else None
    return Did(what, None if within is None else duration(within, f"{pointer}/within").length, times, campaign, channel)


def _many(given: Any, pointer: str) -> Sequence[Any]:
    if not isinstance(given, list):
        raise BadInput("field_not_list", pointer=pointer)
    if len(given) > MOST_WORDS:
        raise BadInput("field_too_long", pointer=pointer, most=MOST_WORDS)
    return given


def _word(given: Any, pointer: str) -> str:
    if not isinstance(given, str):
        raise BadInput("field_not_text", pointer=pointer)
    if not given:
        raise BadInput("field_empty", pointer=pointer)
    if len(given) > LONGEST_WORD:
        raise BadInput("field_too_long", pointer=pointer, most=LONGEST_WORD)
    return given


def _one_of(given: Any, known: Sequence[str], pointer: str) -> str:
    if not isinstance(given, str) or given not in tuple(known):
        raise BadInput("field_not_one_of", pointer=pointer, known=", ".join(known))
    return given


def _yes(given: Any, pointer: str) -> bool:
    if not isinstance(given, bool):
        raise BadInput("field_not_yes_or_no", pointer=pointer)
    return given


def _escaped(name: str) -> str:
    return name[:60].replace("~", "~0").replace("/", "~1")

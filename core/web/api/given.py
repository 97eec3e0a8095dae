"""What programs may write: a schema for each body and query. Fields that no schema names are left unread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from core.domain.carts import MOST_CONTROL
from core.domain.channels import parse_ways
from core.domain.content import checked
from core.domain.discounts import MOST_AMOUNT, MOST_DAYS, Discount
from core.domain.errors import BadInput
from core.domain.events import Kind
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.pumping import Origin
from core.domain.policy.walltime import at_wall, parse_duration
from core.domain.reasons import Reason
from core.domain.when import OnChange, parse_when
from core.engine.notices import EVENTS

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(\.\d{1,9})?)?\s*([Zz]|[+-]\d\d:\d\d)?\Z", re.ASCII)
CLASSES = [str(one) for one in MessageClass]
CHANNELS = [str(one) for one in Channel]
KINDS = [str(one) for one in Kind]
STATES = [str(one) for one in State]
TALK_STATES = ("open", "waiting", "closed")
ORIGINS = [str(one) for one in Origin]
COUNTRY = re.compile(r"[A-Z]{2}\Z")
MOMENT_FORM = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?$"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def zone(name: str, pointer: str = "/zone") -> ZoneInfo:
    """The zone of that IANA name. Raises `BadInput`."""
    if name not in _zones():
        raise BadInput("zone_unknown", pointer=pointer, zone=name[:60], text=name[:60])
    return ZoneInfo(name)


def moment(text: str, there: ZoneInfo | None, pointer: str) -> datetime:
    """An aware UTC instant: RFC 3339 with an offset, or a wall time in `there`. Raises `BadInput`."""
    return _moment(text, there, pointer) if len(text) <= 40 else _moment.__wrapped__(text, there, pointer)


@lru_cache(maxsize=4096)
def _moment(text: str, there: ZoneInfo | None, pointer: str) -> datetime:
    # Those of a campaign are all the same one.
    found = _MOMENT.match(text)
    try:
        if found is None:
            raise ValueError(text)
        day, minute, second, fraction, offset = found.groups()
        written = f"{day}T{minute}:{second or '00'}{(fraction or '')[:7]}"
        if not offset:
            if there is None:
                raise BadInput("moment_needs_zone", pointer=pointer, text=text[:40])
            wall = datetime.combine(date.fromisoformat(day), time.fromisoformat(written.partition("T")[2]))
            _sane(wall.year)
            return at_wall(wall.date(), wall.time(), there).astimezone(UTC)
        moment_then = datetime.fromisoformat(written + offset.upper())
        _sane(moment_then.year)
        return moment_then.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("moment_unreadable", pointer=pointer, text=text[:40]) from error


def _sane(year: int) -> None:
    if not 1971 <= year <= 2200:
        raise ValueError(year)


class Body(Schema):
    """Ignores what it does not name: `id`, `workspace`, `state` from outside change nothing."""

    class Meta:
        unknown = EXCLUDE


def words(
    most: int, *, least: int = 1, required: bool = False, also: Callable[[str], None] | None = None, **about: Any
) -> fields.String:
    checks: list[Callable[[str], Any]] = [validate.Length(least, most), *([also] if also else [])]
    return fields.String(required=required, validate=checks, **about)


def one_of(names: list[str], **about: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(names), **about)


def several_of(names: list[str], **about: Any) -> fields.List:
    return fields.List(fields.String(validate=validate.OneOf(names)), validate=validate.Length(1, len(names)), **about)


def _country(value: str) -> None:
    if not COUNTRY.match(value):
        raise ValidationError([Reason("field_country", {"text": value[:10]})])  # type: ignore[list-item]


def _small(value: Mapping[str, Any]) -> None:
    if len(value) > 100:
        raise ValidationError("at most 100 names")


def country(**about: Any) -> fields.String:
    about.setdefault("metadata", {"pattern": "^[A-Z]{2}$", "example": "FR"})
    return fields.String(validate=_country, **about)


def when(value: Any) -> None:
    """A validator for `when`: what `core.domain.when` reads."""
    try:
        parse_when(value, "")
    except BadInput as error:
        place = error.pointer.strip("/")
        said: Any = {place: [error.reason]} if place else [error.reason]
        raise ValidationError(said) from error


def until(value: Any) -> None:
    when(value)
    if not ({"before", "after"} & set(value)) or isinstance(parse_when(value), OnChange):
        raise ValidationError([Reason("bad_when")])  # type: ignore[list-item]


WHEN: dict[str, Any] = {
    "oneOf": [
        {"type": "object", "required": ["before"], "properties": {"before": {"type": "string", "example": "PT48H"}}},
        {"type": "object", "required": ["after"], "properties": {"after": {"type": "string", "example": "PT1H"}}},
        {
            "type": "object",
            "required": ["days", "at"],
            "properties": {
                "days": {"type": "integer", "minimum": -400, "maximum": 400},
                "at": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "18:00"},
                "working_days": {"type": "boolean", "default": False},
                "zone": {"enum": ["occasion", "recipient", "workspace"], "default": "occasion"},
            },
        },
        {
            "type": "object",
            "required": ["change"],
            "properties": {"change": {"enum": ["booked", "moved", "cancelled"]}},
        },
    ]
}


def ways(value: Any) -> None:
    """A validator for `channels`: what `core.domain.channels` reads."""
    as_read(lambda: parse_ways(value, ""))


def content(value: Any) -> None:
    """A validator for `content`: what `core.domain.content` reads."""
    as_read(lambda: checked(value, ""))


def _maybe_content(value: Any) -> None:
    if value is not None:
        content(value)


def as_read(read: Callable[[], object]) -> None:
    """What reading it by hand refuses, as a schema says it."""
    try:
        read()
    except BadInput as error:
        said: Any = [error.reason]
        for name in reversed([part for part in error.pointer.split("/") if part]):
            said = {int(name) if name.isdigit() else name: said}
        raise ValidationError(said) from error


WAYS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": len(CHANNELS),
    "items": {
        "oneOf": [
            {"enum": CHANNELS},
            {
                "type": "object",
                "required": ["channel"],
                "properties": {
                    "channel": {"enum": CHANNELS},
                    "within": {
                        "type": "string",
                        "example": "PT10M",
                        "description": "How long it is tried before the next one: PT30S to PT48H",
                    },
                },
            },
        ]
    },
    "description": "The order in which they are tried: the next one only when the one before surely failed",
}
VOICE: dict[str, Any] = {
    "type": "object",
    "description": "What is said on the telephone",
    "properties": {
        "text": {"type": "string", "maxLength": 1000, "description": "A template; without it the message's own text"},
        "language": {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Z]{2})?$", "example": "fr-FR"},
        "ask_key": {"type": "boolean", "description": "Whether a key is waited for; as the message asks, unless said"},
        "keys": {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]$"},
            "additionalProperties": {"enum": ["confirm", "decline", "stop"]},
            "minProperties": 1,
            "maxProperties": 9,
            "example": {"1": "confirm", "2": "decline", "9": "stop"},
            "description": "Digit → what it means: the same as that answer by text message",
        },
        "voicemail": {
            "enum": ["hang_up", "leave_message"],
            "description": "`hang_up` (the default): nothing is said, and the next channel follows. `leave_message`: "
            "said after the beep; delivered, and confirmed by nobody",
        },
        "calls": {"type": "integer", "minimum": 1, "maximum": 4, "default": 2,
                  "description": "How often the number is called while nobody picks up"},
        "again_after": {"type": "string", "example": "PT10M",
                        "description": "How long to wait before calling again: PT2M to PT24H, PT10M unless said"},
    },
    "additionalProperties": False,
}
CONTENT: dict[str, Any] = {
    "type": "object",
    "properties": {"rcs": {"type": "object"}, "whatsapp": {"type": "object"}, "voice": VOICE},
    "description": "What richer channels show beyond the text",
}


class Message(Body):
    """`POST /v1/messages`. The hot path reads these fields by hand (`core.web.api.messages.read`); a test holds the two
    together."""

    to = words(40, required=True, metadata={"description": "E.164, or a national number with `country`"})
    country = country(allow_none=True)
    body = words(4000, allow_none=True, metadata={"description": "The text; `body` or `template` is required"})
    template = words(80, allow_none=True, metadata={"description": "The key of a template"})
    data = fields.Dict(keys=fields.String(), allow_none=True, validate=_small)
    channels = fields.Raw(load_default=["sms"], validate=ways, metadata=WAYS)
    content = fields.Raw(allow_none=True, load_default=None, validate=content, metadata=CONTENT)
    send_at = words(60, allow_none=True, metadata={"pattern": MOMENT_FORM, "example": "2026-12-01T18:00:00"})
    zone = words(60, allow_none=True, metadata={"example": "Europe/Paris"})
    expires_at = words(60, allow_none=True, metadata={"pattern": MOMENT_FORM})
    reference = words(140, allow_none=True)
    sender = words(16, allow_none=True)
    language = words(5, allow_none=True, least=2)
    origin = one_of(
        ORIGINS,
        allow_none=True,
        metadata={
            "description": "How the number came to you. What a stranger can set off (`public_form`) passes the guard"
            " against pumped traffic: a refused message is stored as `suppressed` with its reason, and answered like"
            " any other, so that the stranger learns nothing. `authenticated` has wider limits, `imported` none."
        },
    )
    ip = words(45, allow_none=True, metadata={"description": "The person's own address, for `public_form`"})
    shorten = fields.Boolean(
        allow_none=True,
        load_default=None,
        truthy={True},
        falsy={False},
        metadata={
            "description": "Short links, whose clicks are counted: `true` for every address in the text, `false` for"
            " none. Without it, for the values that are named `link` or `…_link`, and for those that the text gives to"
            " the filter `short`. With `\"track\": true` among `data`, the target is told the code, as `rl=<code>`"
        },
    )


# Two names are words of Python, so that these fields are added by their name.
Message._declared_fields["class"] = one_of(CLASSES, required=True)


class Batch(Body):
    messages = fields.List(fields.Nested(Message), required=True, validate=validate.Length(1, 10_000))


class Listed(Body):
    """Every list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    after = words(80, metadata={"description": "The cursor: `next` of the page before"})


class Messages(Listed):
    state = words(200, metadata={"description": "One state, or several with commas", "example": "scheduled,held"})
    to = words(40)
    reference = words(140)
    installation = words(40)
    campaign = words(40)
    occasion = words(40)
    rule = words(40)
    since = words(60, metadata={"description": "Due at or after this moment (RFC 3339)"})
    until = words(60, metadata={"description": "Due before this moment"})


class Contact(Body):
    number = words(40, required=True)
    country = country(allow_none=True)
    name = words(200, allow_none=True)
    first_name = words(200, allow_none=True)
    email = words(254, allow_none=True)
    language = words(5, least=2, allow_none=True)
    zone = words(60, allow_none=True)
    values = fields.Dict(keys=fields.String(), validate=_small)


class ContactChange(Body):
    name = words(200, allow_none=True)
    first_name = words(200, allow_none=True)
    email = words(254, allow_none=True)
    language = words(5, least=2, allow_none=True)
    zone = words(60, allow_none=True)
    values = fields.Dict(keys=fields.String(), validate=_small)


class Contacts(Listed):
    number = words(40)
    email = words(254)


class Proof(Body):
    """What proves a consent: the sentence that was shown, where, and when."""

    text = words(2000, required=True)
    place = words(500, required=True)
    moment = words(60, metadata={"pattern": MOMENT_FORM})


class Consent(Body):
    to = words(40, required=True)
    country = country(allow_none=True)
    scope = one_of(["marketing", "transactional", "voice", "all"], load_default="marketing")
    state = one_of(["in", "out"], required=True)
    source = words(200, required=True)
    proof = fields.Nested(Proof, allow_none=True)

    @validates_schema
    def a_consent_needs_its_proof(self, given: dict[str, Any], **_: object) -> None:
        if given.get("state") == "in" and not given.get("proof"):
            raise ValidationError({"proof": [Reason("field_proof_missing")]})  # type: ignore[dict-item]


class Consents(Listed):
    to = words(40)


class Template(Body):
    key = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z0-9][a-z0-9_.\-]{0,79}\Z", error="small letters, digits, . _ -"),
        metadata={"pattern": r"^[a-z0-9][a-z0-9_.\-]{0,79}$"},
    )
    language = fields.String(
        load_default="fr",
        validate=validate.Regexp(r"[a-z]{2}(-[A-Z]{2})?\Z"),
        metadata={"pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
    )
    body = words(4000, required=True)
    folder = words(80, allow_none=True)
    data = fields.Dict(keys=fields.String(), validate=_small, metadata={"description": "Values for the preview"})


class TemplateChange(Body):
    folder = words(80, allow_none=True)


class TemplateVersion(Body):
    language = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z]{2}(-[A-Z]{2})?\Z"),
        metadata={"pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
    )
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1_000_000))


class Templates(Listed):
    folder = words(80)


class Rule(Body):
    installation = words(40, allow_none=True, load_default=None)
    name = words(120, required=True)
    on = one_of(KINDS, required=True)
    when = fields.Raw(required=True, validate=when, metadata=WHEN)
    until = fields.Raw(allow_none=True, validate=until, load_default=None, metadata={"type": "object"})
    channels = fields.Raw(load_default=["sms"], validate=ways, metadata=WAYS)
    content = fields.Raw(allow_none=True, load_default=None, validate=content, metadata=CONTENT)
    body = words(4000, allow_none=True, load_default=None)
    template = words(80, allow_none=True, load_default=None)
    sender = words(16, allow_none=True, load_default=None)
    asks = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    late = one_of(["skip", "send"], load_default="skip")
    active = fields.Boolean(load_default=True, truthy={True}, falsy={False})


def _once(value: Any) -> None:
    try:
        span = parse_duration(value)
    except BadInput as error:
        raise ValidationError([error.reason]) from error  # type: ignore[list-item]
    if not timedelta() < span.length <= timedelta(days=90):
        raise ValidationError([Reason("field_wrong", {"why": "PT1H … P90D"})])  # type: ignore[list-item]


class Amount(Body):
    """Money as everywhere: millionths of a currency."""

    amount = fields.Integer(required=True, strict=True, validate=validate.Range(0, 10**18))
    currency = fields.String(
        required=True, validate=validate.Regexp(r"[A-Z]{3}\Z", error="EUR"), metadata={"pattern": "^[A-Z]{3}$"}
    )


class Offer(Body):
    """What a code takes off that is made for one person: `percent`, or `amount` of `currency`."""

    percent = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 100))
    amount = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, MOST_AMOUNT),
                            metadata={"description": "Millionths of `currency`, instead of `percent`"})  # fmt: skip
    currency = fields.String(allow_none=True, metadata={"pattern": "^[A-Z]{3}$"})
    days = fields.Integer(required=True, strict=True, validate=validate.Range(1, MOST_DAYS), metadata={
        "description": "How many days after the message the code is good, to the end of the last one"})  # fmt: skip

    @validates_schema
    def it_is_one_discount(self, given: dict[str, Any], **_: object) -> None:
        try:
            Discount.read(given)
        except BadInput as error:
            field = (error.pointer or "").rpartition("/")[2]
            raise ValidationError({field: [error.reason]}) from error  # type: ignore[dict-item]


Rule._declared_fields["class"] = one_of(
    CLASSES, metadata={"description": "Needed, but for carts: to remind of one is marketing unless you say otherwise"}
)
Rule._declared_fields["survey"] = words(
    40, allow_none=True, load_default=None,
    metadata={"description": "Instead of a text: the survey whose first question it asks"},
)  # fmt: skip
Rule._declared_fields["at_least"] = fields.Nested(
    Amount, allow_none=True, load_default=None,
    metadata={"description": "Carts and orders of a smaller total, or in another currency, are not spoken about"},
)  # fmt: skip
Rule._declared_fields["countries"] = fields.List(
    country(), load_default=list, validate=validate.Length(0, 250),
    metadata={"description": "Only numbers of these countries; all, if empty"},
)  # fmt: skip
Rule._declared_fields["once_per_person"] = fields.String(
    allow_none=True, load_default=None, validate=_once,
    metadata={"example": "P7D", "description": "Carts: nobody hears of a second cart within this time"},
)  # fmt: skip
Rule._declared_fields["control_group"] = fields.Integer(
    allow_none=True, load_default=None, strict=True, validate=validate.Range(0, MOST_CONTROL),
    metadata={"description": "Carts: percent of the people who are left out to measure what reminding brings; null: as "
                             "the installation says (10 without)"},
)  # fmt: skip
Rule._declared_fields["discount"] = fields.Nested(
    Offer, allow_none=True, load_default=None,
    metadata={"description": "Carts: a code of its own is made for each person, just before the message leaves; texts "
                             "say it as {{ code }}"},
)  # fmt: skip
Rule._declared_fields["only"] = fields.Dict(
    keys=fields.String(validate=validate.Length(1, 60)),
    values=fields.List(fields.String(validate=validate.Length(0, 200)), validate=validate.Length(1, 200)),
    load_default=dict,
)


class Rules(Listed):
    installation = words(40)


class Installation(Body):
    adapter = words(40, required=True)
    name = words(120, load_default="")
    config = fields.Dict(keys=fields.String(), load_default=dict)


class InstallationChange(Body):
    mode = one_of(["rehearsal", "live"])
    name = words(120)
    control_group = fields.Integer(
        allow_none=True, strict=True, validate=validate.Range(0, MOST_CONTROL),
        metadata={"description": "Percent of people who are left out of cart reminders, to measure them; null: 10"},
    )  # fmt: skip
    config = fields.Dict(keys=fields.String())


class Rehearsal(Body):
    past = words(8, metadata={"pattern": "^[1-9][0-9]?d$", "example": "30d",
                              "description": "Replay the carts of the last days (at most 90) instead"})  # fmt: skip


class Stats(Body):
    installation = words(40)
    campaign = words(40, metadata={"description": "Only this workflow in `workflows`"})
    since = words(60, metadata={"description": "From this moment on (RFC 3339); without it the last 30 days"})
    until = words(60, metadata={"description": "Before this moment; without it now. At most 92 days after `since`"})
    rule = words(40, metadata={"description": "Only this rule in `measures`"})
    channel = one_of(CHANNELS, metadata={"description": "Only this channel in `measures`"})
    country = words(2, metadata={"example": "FR", "description": "Only this country in `measures`"})
    # A class is a word of Python's too.
    message_class = one_of(CLASSES, data_key="class", metadata={"description": "Only this class in `measures`"})


class Sync(Body):
    wait = fields.Boolean(load_default=False)


class Occasions(Listed):
    installation = words(40)
    to = words(40)
    since = words(60)
    until = words(60)
    open = fields.Boolean(load_default=False)


class OccasionChange(Body):
    to = words(40, metadata={"description": "The number that a person chose for this occasion"})
    country = country(allow_none=True)
    muted = fields.Boolean(truthy={True}, falsy={False})


class Attendance(Body):
    came = fields.Boolean(
        required=True, allow_none=True, truthy={True}, falsy={False},
        metadata={"description": "null: nobody knows (any more)"},
    )


class Explanations(Body):
    to = words(40)
    occasion = words(40)
    message = words(40)


def _prices(value: Any) -> None:
    """Country (or "*") → millionths a segment."""
    if not isinstance(value, dict) or len(value) > 250:
        raise ValidationError([Reason("field_not_object")])  # type: ignore[list-item]
    for name, price in value.items():
        if name != "*":
            _country(str(name))
        if type(price) is not int or not 0 <= price <= 10**12:
            raise ValidationError({name: [Reason("field_wrong", {"why": "0 … 10^12"})]})


def _rates(value: Any) -> None:
    """`{"sender": 1, "senders": {"CABINET": 5}, "countries": {"US": 1}}`, in messages a second."""
    if not isinstance(value, dict) or not set(value) <= {"sender", "senders", "countries"}:
        raise ValidationError([Reason("field_not_one_of", {"known": "sender, senders, countries"})])  # type: ignore[list-item]
    tables = [value.get("senders", {}), value.get("countries", {})]
    if any(not isinstance(one, dict) or len(one) > 250 for one in tables):
        raise ValidationError([Reason("field_not_object")])  # type: ignore[list-item]
    numbers = [number for table in tables for number in table.values()]
    for number in [*numbers, *([value["sender"]] if "sender" in value else [])]:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0.001 <= number <= 10_000:
            raise ValidationError([Reason("field_wrong", {"why": "0.001 … 10000"})])  # type: ignore[list-item]


_PER_SECOND: dict[str, Any] = {"type": "number", "minimum": 0.001, "maximum": 10_000}
PRICES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 10**12},
    "description": 'Country, or "*", to millionths of the currency a segment: the lowest price is asked first',
}
RATES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sender": _PER_SECOND,
        "senders": {"type": "object", "additionalProperties": _PER_SECOND},
        "countries": {"type": "object", "additionalProperties": _PER_SECOND},
    },
    "description": "Messages a second: of each sender, of those named, and to a country",
}


class Account(Body):
    provider = words(40, required=True)
    name = words(120, load_default="")
    config = fields.Dict(keys=fields.String(), load_default=dict)
    countries = fields.List(country(), load_default=list, validate=validate.Length(0, 250))
    channels = fields.List(one_of(CHANNELS), load_default=list, validate=validate.Length(0, 4))
    rate = fields.Integer(allow_none=True, load_default=None, strict=True, validate=validate.Range(1, 10_000))
    denied = fields.List(country(), load_default=list, validate=validate.Length(0, 250))
    classes = fields.List(one_of(CLASSES), load_default=list, validate=validate.Length(0, 4))
    prices = fields.Raw(load_default=dict, validate=_prices, metadata=PRICES)
    weight = fields.Integer(allow_none=True, load_default=None, strict=True, validate=validate.Range(1, 1000))
    takes_replies = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    rates = fields.Raw(load_default=dict, validate=_rates, metadata=RATES)


class AccountChange(Body):
    name = words(120)
    config = fields.Dict(keys=fields.String())
    countries = fields.List(country(), validate=validate.Length(0, 250))
    channels = fields.List(one_of(CHANNELS), validate=validate.Length(0, 4))
    rate = fields.Integer(allow_none=True, strict=True, validate=validate.Range(1, 10_000))
    denied = fields.List(country(), validate=validate.Length(0, 250))
    classes = fields.List(one_of(CLASSES), validate=validate.Length(0, 4))
    prices = fields.Raw(validate=_prices, metadata=PRICES)
    weight = fields.Integer(allow_none=True, strict=True, validate=validate.Range(1, 1000))
    takes_replies = fields.Boolean(truthy={True}, falsy={False})
    rates = fields.Raw(validate=_rates, metadata=RATES)
    position = fields.Integer(strict=True, validate=validate.Range(1, 1000))


class Inbox(Listed):
    state = one_of(["read", "unreadable", "unsupported", "repeated"])
    installation = words(40)


class Audit(Listed):
    who = words(80, metadata={"description": "The id of a person or a key, `engine`, `relance`"})
    what = words(400, metadata={"description": "What was done, or several with commas", "example": "key_created"})
    on = words(40, metadata={"description": "The id of the row that it was done to"})
    since = words(60, metadata={"description": "At or after this moment (RFC 3339)"})
    until = words(60, metadata={"description": "Before this moment (RFC 3339)"})


class Requests(Listed):
    key = words(40)
    route = words(120, metadata={"example": "/v1/messages/{id}"})
    kind = one_of(["done", "refused", "failed"])


def _talk_states(value: str) -> None:
    if any(one not in TALK_STATES for one in value.split(",")):
        raise ValidationError([Reason("field_not_one_of", {"known": ", ".join(TALK_STATES)})])  # type: ignore[list-item]


class Conversations(Listed):
    state = words(
        40, also=_talk_states,
        metadata={"description": "open, waiting (for the person), closed; several with commas", "example": "open"},
    )  # fmt: skip
    assigned = words(40, metadata={"description": "A user's id, or `nobody`"})
    unread = fields.Boolean()
    channel = one_of(CHANNELS, metadata={"description": "By which they wrote last"})
    q = words(40, metadata={"description": "A telephone number, or some of its digits", "example": "06 12 34"})


class ConversationChange(Body):
    state = one_of(list(TALK_STATES))
    assigned = words(254, allow_none=True, metadata={"description": "A member's id or e-mail address; null: nobody"})
    unread = fields.Boolean(truthy={True}, falsy={False})


class ConversationAnswer(Body):
    body = words(4000, allow_none=True, metadata={"description": "Sent as it stands; `body` or `template` is required"})
    template = words(80, allow_none=True, metadata={"description": "The key of a text, filled with what we know of the"
                                                    " person and with `data`"})  # fmt: skip
    data = fields.Dict(keys=fields.String(), validate=_small, allow_none=True)
    reply = words(40, allow_none=True, metadata={"description": "The last reply that was read before answering: one"
                                                 " that came since still waits for an answer"})  # fmt: skip
    channel = one_of(["sms", "whatsapp", "rcs"], metadata={"description": "Without it, by which the person wrote last"})
    content = fields.Raw(
        allow_none=True, validate=_maybe_content,
        metadata={**CONTENT, "description": "What richer channels show beyond the text: "
                  "`whatsapp.template` is needed more than 24 hours after the person wrote there"},
    )  # fmt: skip


class ConversationNote(Body):
    text = words(4000, required=True)


class SimulatorMessages(Listed):
    to = words(40)


class SimulatorReply(Body):
    text = words(1600, required=True)
    to = words(20, allow_none=True, load_default=None)


SimulatorReply._declared_fields["from"] = words(40, required=True)


class Webhook(Body):
    url = words(2000, required=True, metadata={"format": "uri"})
    events = several_of([*EVENTS, "*"], load_default=["*"])


class WebhookChange(Body):
    url = words(2000, metadata={"format": "uri"})
    events = several_of([*EVENTS, "*"])
    active = fields.Boolean(truthy={True}, falsy={False})

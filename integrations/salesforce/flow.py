"""A Flow's call: up to 200 records in, one result for each in the same order out; a failure is a result, not an error.

`WIRE.md` says every field. Reading is pure and the same each time, so that the answer is made by reading again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from core.contract import CallOff, ConsentWord, Inbound, Reading, Result
from core.domain.errors import BadInput, Unreadable
from core.domain.events import Closed, Event, Kind, Wish
from core.domain.messages import LEFT, WAITING, State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from integrations.salesforce import moments
from integrations.salesforce.fields import STOP
from integrations.salesforce.ids import long_id, organization

MOST_RECORDS = 200
MOST_BODY = 1_000_000
MOST_KEY = 200
MOST_TEXT = 4_000
MOST_WORD = 255
MOST_VALUES = 50
CLASSES = ("transactional", "marketing", "conversational")
CHANNELS = ("sms", "rcs", "whatsapp", "voice")
AT_TIME = "10:00"
_LISTS = {"send": "messages", "schedule": "messages", "cancel": "cancellations"}
_OWN_NAMES = ("first_name", "name", "title", "link", "record_id")


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a call: the event it makes, or the reason why it makes none."""

    key: str
    record: str
    event: Event | None = None
    same_as: str | None = None
    """The event of another record of this call which is the same message."""
    trouble: Reason | None = None
    call_off: CallOff | None = None
    consents: tuple[ConsentWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was read."""

    operation: str
    language: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Here:
    """Where and when a call is read."""

    zone: str
    country: str
    now: datetime
    keeps_yes: bool


def body_of(request: Inbound) -> Mapping[str, Any]:
    """The call's JSON object. Raises `Unreadable`."""
    if len(request.body) > MOST_BODY:
        raise Unreadable("salesforce_call_too_large", limit=MOST_BODY // 1_000_000)
    try:
        body = json.loads(request.body, parse_constant=_no_such_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unreadable("salesforce_call_unreadable") from error
    if not isinstance(body, Mapping):
        raise Unreadable("salesforce_call_unreadable")
    return body


def organization_of(body: Mapping[str, Any]) -> str | None:
    """The org that the call says it comes from."""
    given = body.get("organizationId")
    return organization(given) if isinstance(given, str) else None


def read(request: Inbound, operation: str, *, zone: str, country: str, keeps_yes: bool = False) -> Call:
    """The whole call. `keeps_yes`: the org has a field for people's consent, which is asked before advertising leaves.

    Raises `Unreadable` for what is wrong with it as a whole; a record's own faults are in its item."""
    body = body_of(request)
    name = _LISTS[operation]
    given = body.get(name)
    if not isinstance(given, list) or not given:
        raise Unreadable("salesforce_no_records", field=name)
    if len(given) > MOST_RECORDS:
        raise Unreadable("salesforce_too_many_records", limit=MOST_RECORDS, count=len(given))
    here = _Here(zone, country, request.received_at, keeps_yes)
    one = _cancellation if operation == "cancel" else _message
    items = tuple(one(fields, here, operation) for fields in given)
    return Call(operation, "en" if _said(body, "language").lower().startswith("en") else "fr", _each_key_once(items))


def reading(call: Call) -> Reading:
    """What the call says."""
    return Reading(
        events=tuple(item.event for item in call.items if item.event is not None),
        consents=tuple(word for item in call.items for word in item.consents),
        calls_off=tuple(item.call_off for item in call.items if item.call_off is not None),
    )


def answer(call: Call, results: Sequence[Result]) -> bytes:
    """The answer's body; `results` in the order of the reading's events."""
    known = {result.event_key: result for result in results}
    said = [_result(call, item, known) for item in call.items]
    accepted = sum(1 for one in said if one["accepted"])
    return json.dumps(
        {"results": said, "accepted": accepted, "refused": len(said) - accepted}, ensure_ascii=False
    ).encode("utf-8", "replace")


def _result(call: Call, item: Item, known: Mapping[str, Result]) -> dict[str, Any]:
    said: dict[str, Any] = {"key": item.key, "recordId": item.record, "accepted": False, "status": "refused",
                            "messageId": "", "errorCode": "", "errorText": ""}  # fmt: skip
    if item.trouble is not None:
        return said | _why(item.trouble, call.language)
    if call.operation == "cancel":
        return said | {"accepted": True, "status": "cancelled"}
    found = known.get(item.event.key if item.event is not None else item.same_as or "")
    if found is None:
        return said | _why(Reason("salesforce_not_taken"), call.language)
    taken = found.message_id is not None and found.state in WAITING | LEFT
    called_off = item.event is not None and item.event.closed is not None
    said |= {"accepted": taken or called_off, "messageId": found.message_id or "",
             "status": str(State.CANCELLED) if called_off else _status(found)}  # fmt: skip
    if found.reason is not None and not (taken or called_off):
        said |= _why(found.reason, call.language)
    if not taken:
        return said
    if found.due_at is not None:
        said["dueAt"] = found.due_at.isoformat().replace("+00:00", "Z")
    if found.segments is not None:
        said["segments"] = found.segments
    if found.price_micros is not None:
        said |= {"price": found.price_micros / 1_000_000, "currency": found.currency or ""}
    return said


def _status(found: Result) -> str:
    return str(found.state) if found.message_id is not None or found.state not in WAITING else "refused"


def _why(reason: Reason, language: str) -> dict[str, str]:
    return {"errorCode": reason.code, "errorText": reason.sentence(language)}


def _each_key_once(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Of what comes twice the later one counts: it is the newer wish. Both have its result."""
    last = {item.event.key: place for place, item in enumerate(items) if item.event is not None}
    return tuple(
        Item(item.key, item.record, same_as=item.event.key)
        if item.event is not None and last[item.event.key] != place
        else item
        for place, item in enumerate(items)
    )


# One record -------------------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """What is wrong with one record."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.reason = Reason(code, values)


@dataclass(slots=True)
class _Fields:
    """A record's fields, each read strictly."""

    given: Mapping[str, Any]
    here: _Here
    consents: list[ConsentWord] = field(default_factory=list)

    def text(self, name: str, most: int = MOST_WORD, *, needed: bool = False) -> str:
        value = self.given.get(name)
        if value is None:
            value = ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _Wrong("salesforce_field_wrong", field=name)
        text = str(value).strip().replace("\x00", "").encode("utf-8", "replace").decode()
        if len(text) > most:
            raise _Wrong("salesforce_field_long", field=name, limit=most)
        if needed and not text:
            raise _Wrong("salesforce_field_missing", field=name)
        return text

    def yes(self, name: str) -> bool:
        value = self.given.get(name)
        if value is None or value == "":
            return False
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise _Wrong("salesforce_field_wrong", field=name)
        return value

    def moment(self, name: str) -> datetime | None:
        text = self.text(name)
        if not text:
            return None
        try:
            return moments.moment(text)
        except ValueError as error:
            raise _Wrong("salesforce_field_wrong", field=name) from error

    def number(self, name: str, least: int, most: int) -> int | None:
        text = self.text(name)
        if not text:
            return None
        try:
            number = float(text)
            if number != int(number) or not least <= number <= most:
                raise ValueError(text)
        except (ValueError, OverflowError) as error:
            raise _Wrong("salesforce_field_wrong", field=name) from error
        return int(number)

    def id(self, name: str, *, needed: bool = False) -> str | None:
        text = self.text(name, needed=needed)
        if not text:
            return None
        found = long_id(text)
        if found is None:
            raise _Wrong("salesforce_id_wrong", field=name, text=text[:30])
        return found


def _message(given: Any, here: _Here, operation: str) -> Item:
    if not isinstance(given, Mapping):
        return Item("", "", trouble=Reason("salesforce_field_wrong", {"field": "messages"}))
    fields = _Fields(given, here)
    key, record = _said(given, "key"), _said(given, "recordId")
    try:
        event = _event(fields, operation)
    except _Wrong as wrong:
        return Item(key, record, trouble=wrong.reason)
    return Item(key, record, event, consents=tuple(fields.consents))


def _event(fields: _Fields, operation: str) -> Event:
    here = fields.here
    key = fields.text("key", MOST_KEY, needed=True)
    record = fields.id("recordId", needed=True) or ""
    person = fields.id("personId") or record
    flow = fields.text("flow", MOST_WORD)
    if operation == "schedule" and not fields.text("date"):
        # Called off, whatever else the Flow has left empty with it: texts are often made of the date that went.
        return Event(Kind.REQUEST, key_of(record, key), here.now, Closed.CANCELLED, zone=here.zone, subject=person)
    body, template = fields.text("body", MOST_TEXT), fields.text("template", 100)
    if bool(body) == bool(template):
        raise _Wrong("salesforce_text_missing" if not body else "salesforce_text_twice")
    klass = fields.text("messageClass").lower() or "transactional"
    if klass not in CLASSES:
        raise _Wrong("salesforce_class_unknown", text=klass[:40], known=", ".join(CLASSES))
    when = _When() if operation == "send" else _date(fields)
    at, wall = when.at, when.wall
    if operation == "send" and (asked := fields.moment("sendAt")) is not None:
        at, wall = (asked, None) if asked.tzinfo else (None, asked)
    until = fields.moment("useUntil")
    home = moments.zone(here.zone)
    recipient, trouble = _recipient(fields)
    wish = Wish(
        klass, body=body or None, template=template or None, channels=_channels(fields), at=at, wall=wall,
        until=moments.aware(until, home) if until is not None else when.until, sender=fields.text("sender", 40) or None,
        asks=fields.yes("asksForAnswer"), campaign=flow[:40].strip() or None, label=flow or None,
        language=fields.text("recipientLanguage", 10).lower()[:2] or None, consent_there=here.keeps_yes,
    )  # fmt: skip
    _consents(fields, recipient, person)
    return Event(
        Kind.REQUEST, key_of(record, key), here.now, start=when.start, zone=here.zone, all_day=when.all_day,
        recipient=recipient, trouble=trouble, values=_values(fields, record),
        private={"record": record, "person": person, **({"flow": flow[:40]} if flow else {})}, wish=wish,
        subject=person,
    )  # fmt: skip


def key_of(record: str, key: str) -> str:
    """The occasion's key of a message's `key`, which may be long and hold anything. Each record has its own, so that a
    Flow that gives all its records one key does not send a single message."""
    return f"flow/{record}/{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _recipient(fields: _Fields) -> tuple[Recipient | None, Reason | None]:
    phone = fields.text("phone")
    country = fields.text("country", 2).upper() or fields.here.country
    if not phone:
        return None, Reason("no_number")
    try:
        return Recipient.parse(phone, country or None), None
    except BadInput as error:
        return None, error.reason


def _channels(fields: _Fields) -> tuple[str, ...]:
    names = [one.strip().lower() for one in fields.text("channels").replace(";", ",").split(",") if one.strip()]
    for name in names:
        if name not in CHANNELS:
            raise _Wrong("salesforce_channel_unknown", text=name[:40], known=", ".join(CHANNELS))
    return tuple(dict.fromkeys(names)) or ("sms",)


def _values(fields: _Fields, record: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    written = fields.text("valuesJson", 20_000)
    if written:
        try:
            further = json.loads(written, parse_constant=_no_such_number)
        except (ValueError, RecursionError) as error:
            raise _Wrong("salesforce_field_wrong", field="valuesJson") from error
        if not isinstance(further, dict) or len(further) > MOST_VALUES or not all(
            value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
            for value in further.values()
        ):
            raise _Wrong("salesforce_field_wrong", field="valuesJson")
        values = {str(name)[:60]: value for name, value in further.items() if value is not None}
    own = zip(_OWN_NAMES, ("firstName", "name", "title", "link"), strict=False)
    return values | {ours: text for ours, theirs in own if (text := fields.text(theirs, 1_000))} | {"record_id": record}


def _consents(fields: _Fields, recipient: Recipient | None, person: str) -> None:
    number = recipient.number if recipient else None
    proof = {"place": "salesforce", "record": person}
    if fields.yes("optedOut"):
        fields.consents += [ConsentWord(False, fields.here.now, scope, number, person, proof) for scope in STOP]
        return
    text = fields.text("consentAt")
    if not text:
        return
    home = moments.zone(fields.here.zone)
    try:
        at = moments.aware(moments.moment(text), home) if "T" in text else moments.first_of(moments.day(text), home)
    except ValueError as error:
        raise _Wrong("salesforce_field_wrong", field="consentAt") from error
    if at > fields.here.now:
        # A consent of tomorrow would outweigh the STOP of today.
        raise _Wrong("salesforce_consent_ahead")
    fields.consents.append(ConsentWord(True, at, "marketing", number, person, proof))


@dataclass(frozen=True, slots=True)
class _When:
    at: datetime | None = None
    wall: datetime | None = None
    until: datetime | None = None
    start: datetime | None = None
    all_day: bool = False


def _date(fields: _Fields) -> _When:
    """When a message before (or after) a date is to leave."""
    home = moments.zone(fields.here.zone)
    text = fields.text("date", needed=True)
    days, hours = fields.number("daysBefore", -3650, 3650), fields.number("hoursBefore", -8760, 8760)
    if days is not None and hours is not None:
        raise _Wrong("salesforce_before_twice")
    try:
        exact = moments.moment(text) if "T" in text or " " in text else None
        whole = moments.day(text) if exact is None else None
        at_time = moments.clock(fields.text("atTime") or AT_TIME)
    except ValueError as error:
        raise _Wrong("salesforce_field_wrong", field="date") from error
    if exact is not None:
        start = moments.aware(exact, home)
        last = start
    else:
        assert whole is not None
        start, last = moments.first_of(whole, home), moments.first_of(whole + timedelta(days=1), home)
    if hours is not None:
        if exact is None:
            raise _Wrong("salesforce_hours_before_a_day")
        return _When(at=start - timedelta(hours=hours), until=last if hours > 0 else None, start=start)
    there = start.astimezone(home).date() - timedelta(days=days or 0)
    wall = datetime.combine(there, at_time)
    # What is meant for after the date is useful after it.
    until = last if moments.aware(wall, home) < last else None
    return _When(wall=wall, until=until, start=start, all_day=exact is None)


def _cancellation(given: Any, here: _Here, operation: str) -> Item:
    if not isinstance(given, Mapping):
        return Item("", "", trouble=Reason("salesforce_field_wrong", {"field": "cancellations"}))
    fields = _Fields(given, here)
    said_key, said_record = _said(given, "key"), _said(given, "recordId")
    try:
        key, record = fields.text("key", MOST_KEY), fields.id("recordId", needed=True) or ""
        flow = fields.text("flow")[:40].strip() or None
        if key:
            return Item(said_key, said_record, Event(Kind.REQUEST, key_of(record, key), here.now, Closed.CANCELLED))
    except _Wrong as wrong:
        return Item(said_key, said_record, trouble=wrong.reason)
    return Item(said_key, said_record, call_off=CallOff(subject=record, campaign=flow, at=here.now))


# Small things -----------------------------------------------------------------------------------------------------


def _said(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value[:MOST_KEY].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _no_such_number(_: str) -> Any:
    raise ValueError("no number of JSON's")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that comes twice could be read differently by two readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found



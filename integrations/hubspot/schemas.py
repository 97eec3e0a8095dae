"""HubSpot's JSON, field by field: what it calls us with, read once at the door. Unknown keys are ignored."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from core.domain.errors import Unreadable
from core.domain.loose import mapping

CONTACT_TYPES = frozenset({"CONTACT", "0-1"})
MOST_EVENTS = 100
_NUMBER = re.compile(r"-?\d{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Execution:
    """One contact at one step of a workflow. `inputs` as the step was filled in, `properties` as the contact has them;
    all text, and only what is not empty."""

    portal: str
    callback: str
    workflow: str | None
    object_id: str
    object_type: str
    inputs: Mapping[str, str]
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OptionsAsked:
    """A drop-down is opened in the workflow's editor: of which field, what was typed, from where on."""

    portal: str
    field: str
    search: str
    after: str | None
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a webhook. `what` is "propertyChange", "deletion", "privacyDeletion", "merge", "restore", …"""

    what: str
    subject: str
    at: datetime
    name: str = ""
    value: str = ""
    merged: tuple[str, ...] = ()


def document(body: bytes) -> Any:
    """The JSON in `body`. Raises `Unreadable`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(detail="no JSON") from error


def portal_of(said: Any) -> str:
    """The account that a request is about. Raises `Unreadable`."""
    portal = _id(mapping(mapping(said).get("origin")).get("portalId"))
    if portal is None:
        raise Unreadable(detail="origin.portalId")
    return portal


def execution(body: bytes) -> Execution:
    """What a step asks. Raises `Unreadable` when callback, portal or object is missing."""
    said = mapping(document(body))
    portal = portal_of(said)
    thing = mapping(said.get("object"))
    callback, object_id = text(said.get("callbackId")), _id(thing.get("objectId"))
    if not callback or len(callback) > 200:
        raise Unreadable(detail="callbackId")
    if object_id is None:
        raise Unreadable(detail="object.objectId")
    inputs = said.get("inputFields")
    return Execution(
        portal, callback, _id(mapping(said.get("context")).get("workflowId")), object_id,
        text(thing.get("objectType")).upper() or "CONTACT",
        _texts(inputs if isinstance(inputs, Mapping) and inputs else said.get("fields")),
        _texts(thing.get("properties")))


def options_asked(body: bytes) -> OptionsAsked:
    """Which list of options is asked for. Raises `Unreadable`."""
    said = mapping(document(body))
    fetch = mapping(said.get("fetchOptions"))
    inputs = {name: text(mapping(one).get("value")) for name, one in mapping(said.get("inputFields")).items()}
    return OptionsAsked(portal_of(said), text(said.get("inputFieldName")), text(fetch.get("q")),
                        text(fetch.get("after")) or None, {name: one for name, one in inputs.items() if one})


def events(said: Any) -> list[Mapping[str, Any]]:
    """The events of a webhook; one alone is a list of one. Raises `Unreadable` when it is neither."""
    rows = [said] if isinstance(said, Mapping) else said
    if not isinstance(rows, list) or not rows:
        raise Unreadable(detail="no list of events")
    return [one for one in rows if isinstance(one, Mapping)]


def by_portal(said: Any) -> dict[str, list[Mapping[str, Any]]]:
    """The events by account. One without an account is nobody's and is left out. Raises `Unreadable` when none has
    one."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in events(said):
        if (portal := _id(one.get("portalId"))) is not None:
            found.setdefault(portal, []).append(one)
    if not found:
        raise Unreadable(detail="portalId")
    return found


def told(said: Any) -> Iterator[Told]:
    """The events about contacts; a broken one, and one about something else, is left out."""
    for one in events(said):
        kind, dot, what = (text(one.get("subscriptionType")) or text(one.get("eventType"))).partition(".")
        if not dot or kind not in ("contact", "object"):
            continue
        if kind == "object" and text(one.get("objectTypeId")) != "0-1":
            continue
        at = moment(one.get("occurredAt"))
        old = one.get("mergedObjectIds")
        merged = tuple(name for name in map(_id, old if isinstance(old, list) else ()) if name is not None)
        record = _id(one.get("newObjectId")) or _id(one.get("primaryObjectId")) if what == "merge" else None
        record = record or _id(one.get("objectId"))
        if record is None or at is None:
            continue
        if what == "merge" and (primary := _id(one.get("primaryObjectId"))) not in (None, record):
            merged = (*merged, str(primary))
        yield Told(what, record, at, text(one.get("propertyName")), text(one.get("propertyValue")),
                   tuple(name for name in dict.fromkeys(merged) if name != record))


def delivery(said: Any) -> str:
    """A name for these events: HubSpot's own `eventId` is not unique, and a retry counts up its attempt."""
    names = ("portalId", "subscriptionId", "objectId", "subscriptionType", "eventType", "propertyName", "occurredAt",
             "propertyValue", "newObjectId")
    rows = sorted(json.dumps([one.get(name) for name in names], default=str) for one in events(said))
    return "events/" + hashlib.blake2b("\n".join(rows).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# Values ----------------------------------------------------------------------------------------------------------

def moment(value: Any) -> datetime | None:
    """A moment as HubSpot writes one: milliseconds (a number or text), or ISO 8601; None when it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    written = str(value).strip()
    try:
        if _NUMBER.fullmatch(written):
            found = datetime.fromtimestamp(int(written) / 1000, UTC)
        else:
            read = datetime.fromisoformat(written)
            found = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    # Far enough from both ends of the calendar to be moved by days and into any zone.
    return found if 1900 <= found.year <= 9000 else None


def day(value: Any) -> date | None:
    """A day: `2026-12-01`, or the milliseconds of its midnight in UTC; None for a moment within a day."""
    written = str(value).strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", written, re.ASCII):
        try:
            found = date.fromisoformat(written)
        except ValueError:
            return None
        return found if 1900 <= found.year <= 9000 else None
    at = moment(written) if _NUMBER.fullmatch(written) else None
    midnight = at is not None and (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
    return at.date() if at is not None and midnight else None


def yes(value: str) -> bool:
    """Whether a property's value says yes: a ticked box, or a word of the kind."""
    return value.strip().casefold() in _YES


_YES = frozenset({"true", "1", "yes", "oui", "y", "o", "vrai", "on", "x"})


def text(value: Any) -> str:
    """Text as it is; numbers as text; anything else is nothing."""
    if isinstance(value, str):
        return value
    return "" if isinstance(value, bool) or not isinstance(value, int | float) else _plain(value)


def _plain(value: float) -> str:
    """Without an exponent or a needless ".0": a telephone number in a number field stays one."""
    whole = value == value and abs(value) < 1e18 and value == int(value)
    return str(int(value)) if whole else str(value)


def _texts(value: Any) -> dict[str, str]:
    """Values as text; typed ones (`{"value": …}`, in the options' form) too."""
    found: dict[str, str] = {}
    for name, one in mapping(value).items():
        if isinstance(one, Mapping):
            one = one.get("value")
        said = ("true" if one else "false") if isinstance(one, bool) else text(one).strip()
        if said:
            found[str(name)] = said
    return found


def _id(value: Any) -> str | None:
    """An id: an integer here, a text in the CRM's own API."""
    written = text(value).strip()
    return written if _NUMBER.fullmatch(written) and int(written) >= 0 else None

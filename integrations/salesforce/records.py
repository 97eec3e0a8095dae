"""What a record says, in our words: whose it is, what they refused, and an occasion for each of its dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.contract import ConsentWord, Erasure, Installation, Merge
from core.domain.errors import BadInput
from core.domain.events import Closed, Event, Evidence, Kind
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from integrations.salesforce import moments
from integrations.salesforce.ids import long_id
from integrations.salesforce.shapes import FORGET, INDIVIDUAL, Shape

MOST_VALUE = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """Who a record is about: their own record and its shape."""

    id: str
    record: Mapping[str, Any]
    shape: Shape


def person_of(shape: Shape, record: Mapping[str, Any]) -> Person | None:
    """The person of `record`: itself, or whom its relationship names."""
    if shape.person is None:
        identity = long_id(str(record.get("Id") or ""))
        return Person(identity, record, shape) if identity else None
    found = record.get(shape.through or "")
    identity = long_id(str(found.get("Id") or "")) if isinstance(found, Mapping) else None
    return Person(identity, found, shape.person) if identity and isinstance(found, Mapping) else None


def key_of(shape: Shape, field: str, record: str) -> str:
    """One occasion for each (record, date field)."""
    return f"date/{shape.name}/{field}/{record}"


def stamp(record: Mapping[str, Any]) -> datetime | None:
    """When the record was last changed, by a person or by the house."""
    for name in ("SystemModstamp", "LastModifiedDate"):
        if isinstance(value := record.get(name), str) and value:
            try:
                found = moments.moment(value)
            except ValueError:
                continue
            if found.tzinfo is not None:
                return found
    return None


def occasions(shape: Shape, record: Mapping[str, Any], installation: Installation, at: datetime) -> list[Event]:
    """An event for each date field of the record: open where there is a date, closed where there is none."""
    identity = long_id(str(record.get("Id") or ""))
    if identity is None:
        return []
    person = person_of(shape, record)
    recipient, trouble, evidence = recipient_of(person, installation)
    home = moments.zone(installation.zone)
    events = []
    for field in shape.dates:
        key, value = key_of(shape, field, identity), record.get(field)
        try:
            day = moments.day(value) if value and shape.types[field] == "date" else None
            moment = moments.aware(moments.moment(value), home) if value and shape.types[field] == "datetime" else None
        except (ValueError, TypeError, AttributeError):
            day = moment = None
        start = moments.first_of(day, home) if day is not None else moment
        if start is None or not _meant(shape, record):
            events.append(Event(Kind.CONTACT, key, at, Closed.CANCELLED))
            continue
        gone = converted(record) is not None
        events.append(Event(
            Kind.CONTACT, key, at, Closed.DONE if gone else None, start=start, zone=home.key, all_day=day is not None,
            recipient=recipient, trouble=trouble, evidence=evidence, values=values(shape, record, person, field),
            private=private(shape.name, identity, person.id if person else None),
            subject=person.id if person else identity))  # fmt: skip
    return events


def _meant(shape: Shape, record: Mapping[str, Any]) -> bool:
    """Whether the record is of a type that was chosen; an outbound message does not say it."""
    found = record.get("RecordType")
    name = found.get("DeveloperName") if isinstance(found, Mapping) else None
    return not shape.typed or name is None or name in shape.mapped.record_types


def private(name: str, record: str, person: str | None) -> dict[str, str]:
    """What is needed to find the record and its person again."""
    return {"object": name, "record": record, **({"person": person} if person else {})}


def consents(person: Person, installation: Installation, at: datetime) -> list[ConsentWord]:
    """Each no (and each yes that has its moment) of the person's record, for each of their numbers. A box that is not
    ticked says nothing: it is no consent."""
    record, shape = person.record, person.shape
    said_at = min(_moment(record.get(shape.mapped.opt_out_at or "")) or at, at)
    proof: dict[str, Any] = {"place": "salesforce", "record": person.id}
    found: list[tuple[bool, datetime, str, dict[str, Any]]] = [
        (False, said_at, scope, {**proof, "field": field})
        for field, scopes in shape.refusing if _ticked(record, field) for scope in scopes
    ]
    individual = record.get("Individual")
    if isinstance(individual, Mapping):
        found += [(False, at, scope, {**proof, "field": f"Individual.{field}"}) for field, scope in INDIVIDUAL
                  if _ticked(individual, field)]  # fmt: skip
    granted = _moment(record.get(shape.mapped.opt_in_at or ""))
    if granted is not None and granted <= at:
        found.append((True, granted, "marketing", {**proof, "field": shape.mapped.opt_in_at}))
    numbers: list[str | None] = [*numbers_of(person, installation)]
    return [ConsentWord(yes, when, scope, number, person.id, why)
            for yes, when, scope, why in found for number in numbers or [None]]  # fmt: skip


def erasures(person: Person) -> list[Erasure]:
    """The person asked to be forgotten."""
    individual = person.record.get("Individual")
    forgotten = isinstance(individual, Mapping) and _ticked(individual, FORGET)
    return [Erasure(subject=person.id)] if forgotten else []


def converted(record: Mapping[str, Any]) -> str | None:
    """The contact (or account) that a converted lead has become."""
    if record.get("IsConverted") is not True:
        return None
    for name in ("ConvertedContactId", "ConvertedAccountId"):
        if found := long_id(str(record.get(name) or "")):
            return found
    return None


def merges(record: Mapping[str, Any]) -> list[Merge]:
    """A converted lead is its contact from now on."""
    new, old = converted(record), long_id(str(record.get("Id") or ""))
    return [Merge(old, new)] if new and old else []


def numbers_of(person: Person, installation: Installation) -> list[str]:
    """Every number of the person's, each once."""
    found: list[str] = []
    for _, recipient in _numbers(person, installation):
        if isinstance(recipient, Recipient) and recipient.number not in found:
            found.append(recipient.number)
    return found


def values(shape: Shape, record: Mapping[str, Any], person: Person | None, field: str | None = None) -> dict[str, Any]:
    """What texts may name."""
    named: dict[str, Any] = {}
    if person is not None:
        named = {"first_name": person.record.get("FirstName"), "name": person.record.get("Name"),
                 "language": _language(person)}  # fmt: skip
    named |= {"title": record.get("Name"), "record_id": record.get("Id"), "date_field": field}
    for own in shape.mapped.values:
        named[own] = record.get(own)
    kept = {name: value[:MOST_VALUE] if isinstance(value, str) else value for name, value in named.items()}
    return {name: value for name, value in kept.items()
            if value not in (None, "") and isinstance(value, str | int | float | bool)}  # fmt: skip


def _language(person: Person) -> str | None:
    value = person.record.get(person.shape.mapped.language or "")
    return value[:2].lower() if isinstance(value, str) and value else None


def recipient_of(
    person: Person | None, installation: Installation
) -> tuple[Recipient | None, Reason | None, Evidence | None]:
    if person is None:
        return None, Reason("salesforce_nobody"), None
    trouble: Reason | None = None
    for field, found in _numbers(person, installation):
        if isinstance(found, Recipient):
            return found, None, Evidence(field, str(person.record.get(field))[:60])
        trouble = trouble or found
    return None, trouble or Reason("no_number"), None


def _numbers(person: Person, installation: Installation) -> list[tuple[str, Recipient | Reason]]:
    country = person.record.get(person.shape.mapped.country or "")
    home = country.strip().upper() if isinstance(country, str) and len(country.strip()) == 2 else installation.country
    found: list[tuple[str, Recipient | Reason]] = []
    for field in person.shape.there(*person.shape.mapped.phones):
        text = person.record.get(field)
        if not isinstance(text, str) or not text.strip():
            continue
        try:
            found.append((field, Recipient.parse(text, home or None)))
        except BadInput as error:
            found.append((field, error.reason))
    return found


def _moment(value: Any) -> datetime | None:
    """The instant of a date/time field; of a date its first moment in UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        if "T" in value:
            return moments.aware(moments.moment(value), moments.zone("UTC"))
        return moments.first_of(moments.day(value), moments.zone("UTC"))
    except ValueError:
        return None


def _ticked(record: Mapping[str, Any], field: str) -> bool:
    """A box that is ticked, or a field that says so in a word; an outbound message writes all as text."""
    value = record.get(field)
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes", "oui"))

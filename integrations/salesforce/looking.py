"""A second look just before a message leaves, and what a notification's record says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.contract import Batch, ConsentWord, Erasure, Installation, Merge
from core.domain.errors import NeedsReconnect
from core.domain.events import Closed, Event, Kind
from integrations.salesforce import records
from integrations.salesforce.client import Client
from integrations.salesforce.fields import Mapped
from integrations.salesforce.ids import long_id, object_of
from integrations.salesforce.outbound import Notification, Notifications
from integrations.salesforce.shapes import Shape

AT_ONCE = 200
MOST_VALUES = 60


def again(client: Client, shape: Callable[[str], Shape | None], installation: Installation,
          keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:  # fmt: skip
    """What of these occasions has changed. A refusal field that a person named and that is not there stops the message:
    what cannot be read is no consent, and a person has to mend it. Raises `NeedsReconnect`, `NotNow`."""
    events: list[Event] = []
    consents: list[ConsentWord] = []
    erasures: list[Erasure] = []
    merges: list[Merge] = []
    people: dict[str, list[str]] = {}
    dated: dict[str, list[str]] = {}
    for key, private in keys.items():
        record, name = long_id(str(private.get("record") or "")), str(private.get("object") or "")
        person = long_id(str(private.get("person") or "")) or record
        if key.startswith("date/") and record and name:
            dated.setdefault(name, []).append(key)
        elif person is not None and object_of(person) is not None:
            people.setdefault(person, []).append(key)
    for name in ("Contact", "Lead", "Account"):
        mine = {person: those for person, those in people.items() if object_of(person) == name}
        found = _found(client, shape(name), name, list(mine))
        for person, those in mine.items():
            if found is None:
                continue
            one = found.get(person)
            if one is None:
                # Gone since the Flow asked: nobody is written to who is no longer in the org.
                events += [_closing(key, now) for key in those]
            else:
                _hear(shape(name), one, installation, now, consents, erasures, merges)
    for name, those in dated.items():
        shaped = shape(name)
        found = _found(client, shaped, name, [str(keys[key]["record"]) for key in those])
        if found is None or shaped is None:
            continue
        for key in those:
            one = found.get(long_id(str(keys[key]["record"])) or "")
            if one is None:
                events.append(_closing(key, now))
                continue
            at = records.stamp(one) or now
            events += [event for event in records.occasions(shaped, one, installation, at) if event.key == key]
            _hear(shaped, one, installation, now, consents, erasures, merges)
    return Batch(tuple(events), consents=tuple(consents), erasures=tuple(erasures), merges=tuple(merges))  # fmt: skip


def _found(client: Client, shape: Shape | None, name: str,
           ids: Sequence[str]) -> dict[str, Mapping[str, Any]] | None:  # fmt: skip
    """id → record of those that are there; None when there is no such object to ask for."""
    if not ids or shape is None:
        return None
    if shape.is_blocked is not None:
        raise NeedsReconnect("salesforce_opt_out_absent", object=name, field=shape.is_blocked)
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), AT_ONCE):
        soql = f"SELECT {', '.join(shape.selected())} FROM {name} WHERE Id IN {{}}"  # noqa: S608 # nosec B608
        for record in client.query(soql, list(ids[start:start + AT_ONCE])):
            if identity := long_id(str(record.get("Id") or "")):
                found[identity] = record
    return found


def _hear(shape: Shape | None, record: Mapping[str, Any], installation: Installation, now: datetime,
          consents: list[ConsentWord], erasures: list[Erasure], merges: list[Merge]) -> None:  # fmt: skip
    person = records.person_of(shape, record) if shape is not None and record else None
    if person is None:
        return
    at = min(records.stamp(person.record) or now, now)
    consents += records.consents(person, installation, at)
    erasures += records.erasures(person)
    merges += records.merges(record)


def _closing(key: str, now: datetime) -> Event:
    return Event(Kind.CONTACT if key.startswith("date/") else Kind.REQUEST, key, now, Closed.DELETED)


# Outbound Messages ------------------------------------------------------------------------------------------------


def told(one: Notification, mapped: Mapped | None) -> Shape:
    """The shape of a record as a notification tells it: only what was chosen is there."""
    mapped = mapped or Mapped(one.object, phones=("MobilePhone", "Phone"))
    types = dict.fromkeys(one.fields, "string")
    for name in mapped.dates:
        if name in one.fields:
            types[name] = "datetime" if "T" in (one.fields[name] or "") else "date"
    return Shape(mapped, types, frozenset())


def notified(one: Notification, shape: Shape, record: Mapping[str, Any], installation: Installation,
             at: datetime) -> Event:  # fmt: skip
    """The occasion of one notification: however often it is delivered, it is the same one."""
    person = records.person_of(shape, record)
    recipient, trouble, evidence = records.recipient_of(person, installation)
    hidden = {*shape.mapped.phones, *(name for name, _ in shape.mapped.refusing()), "Id"}
    further = {name: value for name, value in list(one.fields.items())[:MOST_VALUES] if value and name not in hidden}
    return Event(
        Kind.REQUEST, f"outbound/{one.id}", at, recipient=recipient, trouble=trouble, evidence=evidence,
        values={**{name: value[:records.MOST_VALUE] for name, value in further.items()},
                **records.values(shape, record, person)},
        private=records.private(one.object, one.record, person.id if person and object_of(person.id) else None),
        zone=installation.zone, subject=one.record)  # fmt: skip


def delivery(found: Notifications) -> str:
    """A retried request has the same notifications; the order in which they come says nothing."""
    ids = ",".join(sorted(one.id for one in found.notifications))
    return hashlib.sha256(f"{found.organization} {ids}".encode()).hexdigest()[:40]


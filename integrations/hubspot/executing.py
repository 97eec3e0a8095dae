"""A step of a workflow becomes a wish: which message, to whom, when, until when, and what must be said back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.contract import Inbound, Installation
from core.domain.errors import InvalidNumber
from core.domain.events import Event, Kind, Wish
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from integrations.hubspot import consents, people, schemas, signatures, ways
from integrations.hubspot.schemas import Execution

USEFUL = {"marketing": timedelta(hours=72), "transactional": timedelta(hours=24)}
"""A campaign's step waits over a Sunday and a holiday for a lawful hour; what somebody expects is of its day."""
LONGEST = timedelta(days=90)
DAY_BEGINS, DAY_ENDS, ON_DATE = time(8), time(20), time(10)
NOTHING = "none"
"""The value of an option that says why there are no options: as if nothing was chosen."""
_CLASSES = {"marketing": "marketing", "service": "transactional", "transactional": "transactional"}
_TIME = re.compile(r"([01]?\d|2[0-3])\s*[:hH.]\s*([0-5]\d)?|([01]?\d|2[0-3])", re.ASCII)


def campaign(execution: Execution) -> str | None:
    """The workflow, as messages are grouped by it."""
    return f"workflow/{execution.workflow}"[:40] if execution.workflow else None


def key(execution: Execution) -> str:
    """A step that is tried again has the same callback, and is the same wish."""
    return f"action/{execution.callback}"


def event(execution: Execution, installation: Installation, request: Inbound) -> Event:
    """The occasion of one contact at one step. What cannot be sent says why, in `trouble`."""
    said, now = execution.inputs, request.received_at
    country = people.country_of(execution.properties, installation.country)
    who, trouble = _recipient(execution, installation, country)
    template = said.get("template", "")
    template = "" if template == NOTHING else template
    message = said.get("message", "")
    klass = _CLASSES.get(said.get("message_type", "").casefold())
    moments, unclear = _moments(said, USEFUL[klass or "transactional"], installation.zone, now)
    if not template and not message:
        trouble = trouble or Reason("hubspot_nothing_to_say")
    if klass is None:
        trouble = trouble or Reason("hubspot_class_missing")
    trouble = trouble or unclear
    language = people.language(execution.properties)
    wish = None
    if (template or message) and klass is not None and unclear is None:
        wish = Wish(
            klass, template=template or None,
            # HubSpot has filled in its own tokens already: what is left is plain text, whatever it looks like.
            body=None if template else "{{ message }}",
            channels=_channels(said.get("channels", "")), sender=_chosen(said.get("sender")), language=language,
            campaign=campaign(execution), consent_there=klass == "marketing" and consents.keeps(installation),
            label=said.get("name", "")[:80] or f"HubSpot · workflow {execution.workflow or '?'}", **moments)
    wait_for = "delivered" if said.get("wait_for") == "delivered" else "sent"
    # Like Event.trouble of a step whose wish cannot be read, a wish without a usable number is kept and told.
    return Event(
        Kind.REQUEST, key(execution), signatures.moment(request), zone=installation.zone,
        recipient=None if trouble else who, trouble=trouble,
        values={**people.values(execution.properties), **({"message": message} if message else {})},
        private={"callback": execution.callback, "contact": execution.object_id, "wait_for": wait_for,
                 "language": installation.language, "workflow": execution.workflow or "", "klass": klass or "",
                 "until": moments["until"].isoformat() if "until" in moments else ""},
        wish=wish, subject=f"contact/{execution.object_id}" if execution.object_type in schemas.CONTACT_TYPES else None,
        email=people.email(execution.properties))


def _recipient(execution: Execution, installation: Installation,
               country: str) -> tuple[Recipient | None, Reason | None]:
    """The number of the property that the step names; another one than that would be somebody's guess."""
    if execution.object_type not in schemas.CONTACT_TYPES:
        return None, Reason("hubspot_contacts_only")
    if written := execution.inputs.get("phone"):
        try:
            return people.recipient(written, country), None
        except InvalidNumber as error:
            return None, error.reason
    return people.found(execution.properties, ways.phones(installation.config), country)


def _moments(said: Any, usual: timedelta, zone: str, now: datetime) -> tuple[dict[str, Any], Reason | None]:
    """When it leaves and until when it is useful, as `Wish` names them; or what of it cannot be read."""
    here = now.astimezone(ZoneInfo(zone))
    useful, unclear = _useful(said.get("useful_hours"), usual)
    at_time = _time(said.get("time"))
    if said.get("time") and at_time is None:
        unclear = unclear or Reason("hubspot_time_unreadable", {"text": said["time"][:20]})
    wanted: dict[str, Any] = {}
    leaves = now
    match said.get("when", "now").casefold():
        case "daytime":
            if not DAY_BEGINS <= here.time() < DAY_ENDS:
                on = here.date() + timedelta(days=here.time() >= DAY_ENDS)
                wanted["wall"] = datetime.combine(on, DAY_BEGINS)
        case "at_time":
            if at_time is None:
                return {}, unclear or Reason("hubspot_time_unreadable", {"text": ""})
            on = here.date() + timedelta(days=here.time().replace(second=0, microsecond=0) > at_time)
            wanted["wall"] = datetime.combine(on, at_time)
        case "on_date":
            placed = _placed(said.get("date"), at_time, zone)
            if placed is None:
                return {}, unclear or Reason("hubspot_date_unreadable", {"text": said.get("date", "")[:40]})
            wanted["wall"] = placed
    if "wall" in wanted:
        leaves = wanted["wall"].replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if leaves < now and said.get("when") == "on_date":
            # A date that is over: its own last useful moment counts, and not this one's.
            return {**wanted, "until": leaves + useful}, unclear
    until = max(leaves, now) + useful
    if said.get("not_after"):
        last = _last(said["not_after"], zone)
        if last is None:
            return {}, Reason("hubspot_date_unreadable", {"text": said["not_after"][:40]})
        until = min(until, last)
    return {**wanted, "until": until}, unclear


def _useful(written: str | None, usual: timedelta) -> tuple[timedelta, Reason | None]:
    if not written:
        return usual, None
    try:
        hours = float(written.replace(",", "."))
    except ValueError:
        hours = -1.0
    if not 0 < hours <= LONGEST.total_seconds() / 3600:
        return usual, Reason("hubspot_hours_unreadable", {"text": written[:20]})
    return timedelta(hours=hours), None


def _time(written: str | None) -> time | None:
    found = _TIME.fullmatch((written or "").strip())
    return time(int(found[1] or found[3]), int(found[2] or 0)) if found else None


def _placed(written: str | None, at_time: time | None, zone: str) -> datetime | None:
    """A date as a wall time: its own, else the given one, else ten in the morning."""
    if not written:
        return None
    on: date | None = schemas.day(written)
    if on is None:
        at = schemas.moment(written)
        if at is None:
            return None
        here = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if at_time is None:
            return here
        on = here.date()
    return datetime.combine(on, at_time or ON_DATE)


def _last(written: str, zone: str) -> datetime | None:
    """A whole day is useful until it ends."""
    if (on := schemas.day(written)) is not None:
        return datetime.combine(on + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    return schemas.moment(written)


def _channels(written: str) -> tuple[str, ...]:
    """`rcs,sms` in the order of the list; SMS when nothing was chosen."""
    names = [one.strip().casefold() for one in re.split(r"[,;>+|]", written)]
    return tuple(dict.fromkeys(one for one in names if one and one != NOTHING)) or ("sms",)


def _chosen(value: str | None) -> str | None:
    return value if value and value != NOTHING else None

"""Outbound Messages: SOAP from a Flow or a workflow rule, up to 100 notifications, one Ack for all of them.

Matched by namespaces, never by prefixes. They come at least once, out of order, with the fields as they were when sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.contract import Inbound, Reply
from core.domain.errors import Unreadable
from integrations.salesforce.ids import long_id, organization

MOST_BODY = 1_000_000
MOST_NOTIFICATIONS = 100
MOST_TEXT = 4_000
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUT = "{http://soap.sforce.com/2005/09/outbound}"
_RECORD = "{urn:sobject.enterprise.soap.sforce.com}"
_OPENED = re.compile(rb"<(?:[\w.-]{1,60}:)?SessionId\b[^>]{0,300}(?<!/)>")
_CLOSED = re.compile(rb"</(?:[\w.-]{1,60}:)?SessionId")
_ENCODING = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{0,40})""")
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

ACK = Reply(
    200,
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>\n",
    "text/xml; charset=utf-8",
)


@dataclass(frozen=True, slots=True)
class Notification:
    """One record as it was when the message was sent. `fields` holds what was chosen; an empty field is None."""

    id: str
    object: str
    record: str
    fields: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Notifications:
    """A whole request. A session id in it is not read."""

    organization: str
    action: str
    notifications: tuple[Notification, ...]


def read(request: Inbound) -> Notifications:
    """The request's notifications. Raises `Unreadable` for anything but what Salesforce sends: nothing is acknowledged
    then, and Salesforce tries again for a day."""
    root = _parsed(request.body)
    if root.tag != f"{_SOAP}Envelope":
        raise Unreadable("salesforce_soap_unreadable", why="root")
    body = root.find(f"{_SOAP}Body")
    message = body.find(f"{_OUT}notifications") if body is not None else None
    if message is None:
        raise Unreadable("salesforce_soap_unreadable", why="notifications")
    given = message.findall(f"{_OUT}Notification")
    if not 1 <= len(given) <= MOST_NOTIFICATIONS:
        raise Unreadable("salesforce_too_many_records", limit=MOST_NOTIFICATIONS, count=len(given))
    found = organization(_text(message, f"{_OUT}OrganizationId") or "")
    if found is None:
        raise Unreadable("salesforce_soap_unreadable", why="OrganizationId")
    action = _text(message, f"{_OUT}ActionId") or ""
    return Notifications(found, action[:40], tuple(map(_notification, given)))


def _parsed(body: bytes) -> Element:
    if len(body) > MOST_BODY:
        raise Unreadable("salesforce_call_too_large", limit=MOST_BODY // 1_000_000)
    if not _plain(body):
        raise Unreadable("salesforce_soap_unreadable", why="encoding")
    try:
        root = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        # LookupError: an encoding that nobody knows.
        raise Unreadable("salesforce_soap_unreadable", why=type(error).__name__) from error
    assert isinstance(root, Element)
    return root


def _notification(given: Element) -> Notification:
    record = given.find(f"{_OUT}sObject")
    identity = long_id(_text(given, f"{_OUT}Id") or "")
    if record is None or identity is None:
        raise Unreadable("salesforce_soap_unreadable", why="Notification")
    kind = (record.get(f"{_XSI}type") or "").rpartition(":")[2]
    fields: dict[str, str | None] = {}
    for one in record:
        if isinstance(one.tag, str) and one.tag.startswith(_RECORD):
            empty = one.get(f"{_XSI}nil") in ("true", "1")
            fields[one.tag[len(_RECORD):][:80]] = None if empty else (one.text or "")[:MOST_TEXT]
    whose = long_id(fields.get("Id") or "")
    if whose is None or not kind:
        raise Unreadable("salesforce_soap_unreadable", why="sObject")
    return Notification(identity, kind[:80], whose, fields)


def _text(parent: Element, tag: str) -> str | None:
    found = parent.find(tag)
    return found.text.strip() if found is not None and found.text else None


def without_session(body: bytes) -> bytes:
    """The body without a session id, for keeping: it would let anybody into the org."""
    if not _plain(body):
        return b""
    kept, place = [], 0
    while (opened := _OPENED.search(body, place)) is not None:
        kept.append(body[place:opened.end()])
        closed = _CLOSED.search(body, opened.end())
        if closed is None:
            # Whatever follows may be one.
            return b"".join(kept)
        kept.append(closed[0])
        place = closed.end()
    return b"".join([*kept, body[place:]])


def _plain(body: bytes) -> bool:
    """Whether the body is UTF-8, as Salesforce writes it: in another encoding a session id could not be found."""
    declared = _ENCODING.match(body)
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in body and (declared is None or declared[1].lower() == b"utf-8")

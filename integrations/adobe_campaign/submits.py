"""A submit_sm: what it asks for, or the status with which it is refused. And what comes of it as our event. Pure.

Campaign sends the parts of a long text last one first, and asks for a receipt with the first one only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import ConsentWord, Installation, Reading, Slip
from core.domain.errors import InvalidNumber
from core.domain.events import Event, Kind, Wish
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.smpp import texts
from core.domain.smpp.moments import NoMoment, moment
from core.domain.smpp.pdu import Address, ShortMessage, Status

INTERNATIONAL, NATIONAL = 1, 2
CODINGS = frozenset({0, 1, 3, 8, 9, 0x10, 0x18})
"""GSM-7 unpacked, ASCII, Latin-1, UCS-2 (8; 9 is what one page of Adobe's prints), and the first and the fourth again
for messages that are shown at once."""
LONGEST = 1600
"""Characters of a text, all parts together."""
FURTHEST = timedelta(days=366)
_WORDS = re.compile(r"[A-Za-z0-9 ._&+-]{1,11}\Z", re.ASCII)
_FIGURES = re.compile(r"\+?[0-9]{3,15}\Z", re.ASCII)
AGREED_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""A consent that Campaign keeps is not dated there: so it outweighs no word that was ever said to us."""


class Refused(Exception):
    """`status` is what the other side is told."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status 0x{status:08x}")
        self.status = status


# ---------------------------------------------------------------------------------------------- what is asked for


def slip(message: ShortMessage, installation: Installation, now: datetime) -> Slip:
    """What is kept of it. Raises `Refused`."""
    if message.esm_class & 0x3C:
        # A receipt or an acknowledgement comes from us, and never from over there.
        raise Refused(Status.BAD_CLASS)
    if message.data_coding not in CODINGS:
        raise Refused(Status.SUBMIT_FAILED)
    recipient = _recipient(message.destination, installation.country)
    text, place = texts.read(message, "gsm7")
    if not text or len(text) > LONGEST:
        raise Refused(Status.BAD_MESSAGE_LENGTH)
    until = _moment(message.validity, now, Status.BAD_VALIDITY)
    at = _moment(message.schedule, now, Status.BAD_SCHEDULE)
    if until is not None and until <= max(now, at or now):
        raise Refused(Status.BAD_VALIDITY)
    key = str(installation.secrets.get("password", "")).encode()
    content = {
        "to": recipient.number, "spelled": message.destination.text.decode("ascii"), "text": text,
        "from": _sender(message.source), "receipt": message.registered_delivery & 0x03,
        "service": "".join(c for c in message.service_type.decode("latin-1") if c.isalnum()),
        **({"until": until.isoformat()} if until else {}), **({"at": at.isoformat()} if at else {}),
    }  # fmt: skip
    mark = _digest(key, message.written())
    if place is None or place.total == 1:
        return Slip(mark, content)
    ends = (message.source.text, message.destination.text, f"{place.reference}/{place.total}".encode())
    return Slip(mark, content, _digest(key, b"\0".join(ends)), place.number, place.total)


def _recipient(address: Address, country: str) -> Recipient:
    """With a plus or without, as the account over there was set; a national number is one of our country."""
    written = address.text.decode("latin-1")
    figures = written.removeprefix("+")
    if not figures.isascii() or not figures.isdecimal():
        raise Refused(Status.BAD_DESTINATION)
    national = address.ton == NATIONAL or (address.ton != INTERNATIONAL and figures.startswith("0"))
    international = figures.removeprefix("00")
    try:
        if national and not written.startswith("+") and not figures.startswith("00"):
            return Recipient.parse(figures, country)
        return Recipient.parse(f"+{international}")
    except InvalidNumber as error:
        raise Refused(Status.BAD_DESTINATION) from error


def _sender(address: Address) -> str:
    """A name, a number or a short code; nothing where our own is to be used."""
    written = address.text.decode("latin-1").strip()
    if written and not _WORDS.match(written) and not _FIGURES.match(written):
        raise Refused(Status.BAD_SOURCE)
    return written


def _moment(written: bytes, now: datetime, status: Status) -> datetime | None:
    try:
        found = moment(written, now)
    except NoMoment as error:
        raise Refused(status) from error
    if found is not None and found > now + FURTHEST:
        raise Refused(status)
    return found


def _digest(key: bytes, said: bytes) -> str:
    return hashlib.blake2b(said, key=key, digest_size=20).hexdigest()


# ---------------------------------------------------------------------------------------------- what comes of it


def reading(installation: Installation, slips: Sequence[tuple[str, Slip]], at: datetime) -> Reading:
    """One message: a slip alone, or the parts of one in their order. With parts missing it is kept and not sent, and
    those who asked hear that."""
    name, first = slips[0]
    content, config = first.content, installation.config
    wanting = {one: slip.content["receipt"] for one, slip in slips if slip.content["receipt"]}
    whole = len(slips) == first.total
    recipient = Recipient.parse(content["to"])
    text = "".join(str(slip.content["text"]) for _, slip in slips)
    klass = str(config.get("class", "marketing"))
    service = content["service"]
    wish = Wish(
        # Campaign has filled in its own fields already: what is left is plain text, whatever it looks like.
        klass, body="{{ message }}", at=_read(content.get("at")), until=_read(content.get("until")),
        sender=content["from"] or None if config.get("sender", "campaign") == "campaign" else None,
        campaign=f"service/{service}" if service else None,
        label=f"Adobe Campaign · {service}" if service else "Adobe Campaign",
    )  # fmt: skip
    missing = Reason("adobe_campaign_parts_missing", {"taken": len(slips), "total": first.total})
    event = Event(
        Kind.REQUEST, f"sms/{name}", at, zone=installation.zone, recipient=recipient if whole else None,
        trouble=None if whole else missing, values={"message": text}, wish=wish,
        private={"receipts": wanting, "from": content["from"], "spelled": content["spelled"], "at": at.isoformat(),
                 "parts": first.total},
    )  # fmt: skip
    return Reading((event,), consents=_agreed(config, klass, recipient) if whole else ())


def _agreed(config: Mapping[str, Any], klass: str, recipient: Recipient) -> tuple[ConsentWord, ...]:
    if klass != "marketing" or config.get("consent") != "campaign":
        return ()
    proof = {"text": "Targeted by Adobe Campaign, which keeps the consent, as its administrator declared.",
             "place": f"Adobe Campaign, {config.get('system_id', '')}"}  # fmt: skip
    return (ConsentWord(True, AGREED_LONG_AGO, "marketing", recipient.number, proof=proof),)


def _read(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None

"""Twilio's vocabulary, translated once: statuses, error codes, and the signature of what it posts. Pure.

Statuses, codes and the signature's rule come from Twilio's OpenAPI document, its Python client 9.13.0 and its error
pages; what a code means for the next try is our policy.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from core.contract import PhoneReply, Receipt
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.domain.replies import Meaning, meaning
from core.providers import callbacks as read
from core.providers.callbacks import Pairs, Resource
from core.providers.outcomes import Fate

NAME = "Twilio"

STATES: Mapping[str, State] = MappingProxyType({
    # We never ask for a later moment, so that whatever waits over there has left here.
    "accepted": State.SENT,
    "scheduled": State.SENT,
    "queued": State.SENT,
    "sending": State.SENT,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "partially_delivered": State.DELIVERED,
    "read": State.READ,
    "undelivered": State.FAILED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
})


@dataclass(frozen=True, slots=True)
class Meant:
    """What an error code means: at once (`fate`) and in a receipt (the flags)."""

    code: str
    fate: Fate = Fate.REFUSED
    opt_out: bool = False
    dead_number: bool = False
    retry: bool = False


_DEAD = Meant("provider_number_dead", dead_number=True)
_SILENT = Meant("provider_number_silent", opt_out=True)
_SENDER = Meant("provider_sender_wrong")
_LATER = Meant("provider_busy", Fate.LATER, retry=True)
_ACCOUNT = Meant("provider_key_refused", Fate.ACCOUNT)

CODES: Mapping[int, Meant] = MappingProxyType({
    20003: _ACCOUNT,
    20429: _LATER,
    21211: _DEAD,
    21614: _DEAD,
    21635: _DEAD,
    21610: _SILENT,
    21212: _SENDER,
    21603: _SENDER,
    21606: _SENDER,
    21612: _SENDER,
    21660: _SENDER,
    # One country is closed, or one number is not verified: other numbers go on.
    21408: Meant("provider_region_closed"),
    21608: Meant("provider_trial_account"),
    21611: _LATER,
    30001: _LATER,
    30002: Meant("provider_account_suspended", Fate.ACCOUNT),
    30003: Meant("provider_phone_unreachable", retry=True),
    30004: Meant("provider_blocked"),
    30005: _DEAD,
    30006: _DEAD,
    30007: Meant("provider_spam"),
    # Unknown error: the network may have shown it all the same, so that it is not sent again.
    30008: Meant("provider_undelivered"),
    30010: Meant("provider_not_suitable"),
    30022: _LATER,
    30023: _LATER,
    30034: Meant("provider_sender_unregistered"),
    30410: Meant("provider_away", Fate.LATER, retry=True),
    30450: Meant("provider_fraud_guard"),
})
"""Codes that are not here are what their HTTP status says."""


# ---------------------------------------------------------------------------------------- signature

_DIGESTS: Mapping[str, str] = MappingProxyType({"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"})


def require_signature(url: str, fields: Pairs, body: bytes, given: str, secrets: Iterable[str],
                      setting: str | None) -> None:
    """Raises `NotAuthentic` unless `given` signs `url` (the public one) and `fields` with one of `secrets`.

    `setting` is the value of X-Twilio-Webhooks-Signature-Settings. A body that is no form is covered by its hash in the
    address (`bodySHA256`).
    """
    digest = _digest(setting)
    try:
        signature = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic("the signature is not base64") from error
    hashed = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get("bodySHA256")
    if hashed is not None:
        if not hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), hashed.lower().encode()):
            raise NotAuthentic("the body is not the one that was signed")
        fields = ()
    good = False
    for secret in secrets:
        for address in both_ports(url):
            expected = hmac.digest(secret.encode(), signed_text(address, fields).encode("utf-8", "surrogatepass"),
                                   digest)
            good |= hmac.compare_digest(expected, signature)
    if not good:
        raise NotAuthentic("the signature does not match")


def signed_text(url: str, fields: Pairs) -> str:
    """The address, then each name with each of its distinct values, names and values sorted."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    return url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def both_ports(url: str) -> Sequence[str]:
    """The address as it is, and with its default port added or taken away: Twilio signs either."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    if usual is None or parts.hostname is None:
        return (url,)
    if parts.port is None:
        return url, urlunsplit(parts._replace(netloc=f"{parts.netloc}:{usual}"))
    if parts.port == usual:
        return url, urlunsplit(parts._replace(netloc=parts.netloc.removesuffix(f":{usual}")))
    return (url,)


def _digest(setting: str | None) -> str:
    if setting is None:
        return "sha1"
    parts = dict(part.strip().partition("=")[::2] for part in setting.split(","))
    try:
        return _DIGESTS[parts.get("algorithm", "HMAC_SHA1")]
    except KeyError:
        raise NotAuthentic("an unknown kind of signature") from None


# ---------------------------------------------------------------------------------------- receipts and replies

def read_callback(fields: Mapping[str, str], reference: str | None, now: datetime) -> Receipt | PhoneReply:
    """A status callback or an inbound message. `reference` is ours, out of the callback's address. Raises
    `Unreadable`."""
    sid = read.identifier(fields.get("MessageSid") or fields.get("SmsSid"))
    if sid is None:
        raise Unreadable("unreadable", detail="no MessageSid")
    status = read.words(fields.get("MessageStatus") or fields.get("SmsStatus"), 60)
    if status.lower() in ("received", "receiving") or (not status and "Body" in fields):
        return _reply(fields, sid, now)
    if not status:
        raise Unreadable("unreadable", detail="neither a receipt nor a reply")
    code = fields.get("ErrorCode", "")
    return receipt(sid, status, int(code) if code.isascii() and code.isdigit() and len(code) < 9 else None,
                   fields.get("ErrorMessage"), now, reference)


def read_resource(found: Resource, now: datetime, reference: str | None) -> Receipt:
    """A message as Twilio's own list shows it. Raises `Unreadable`."""
    sid = read.identifier(found.get("sid"))
    if sid is None:
        raise Unreadable("unreadable", detail="no sid")
    code = found.get("error_code")
    price = read.micros(found.get("price"), found.get("price_unit"))
    at = read.moment((found.get("date_updated"), found.get("date_sent"), found.get("date_created")), now)
    return receipt(sid, read.words(found.get("status"), 60), code if isinstance(code, int) else None,
                   found.get("error_message"), at, reference, price)


def receipt(sid: str, status: str, code: int | None, complaint: object, at: datetime, reference: str | None,
            price: tuple[int | None, str | None] = (None, None)) -> Receipt:
    state = STATES.get(status.lower())
    if status.lower() == "partially_delivered":
        return Receipt(sid, state, status, at, reference, Reason("provider_partly_delivered", {"provider": NAME}),
                       price_micros=price[0], currency=price[1])
    if state is not State.FAILED:
        return Receipt(sid, state, status, at, reference, price_micros=price[0], currency=price[1])
    meant = CODES.get(code) if code is not None else None
    if meant is None:
        meant = Meant("provider_cancelled" if status.lower() == "canceled" else "provider_undelivered")
    detail = " ".join(filter(None, (str(code) if code else "", read.words(complaint, 120))))
    reason = Reason(meant.code, {"provider": NAME, "status": status, "detail": detail})
    return Receipt(sid, state, status, at, reference, reason, meant.fate is Fate.ACCOUNT, meant.retry, meant.opt_out,
                   meant.dead_number, price[0], price[1])


def _reply(fields: Mapping[str, str], sid: str, now: datetime) -> PhoneReply:
    sender, text = read.number(fields.get("From")), read.said(fields.get("Body"))
    if sender is None or text is None:
        raise Unreadable("unreadable", detail="an inbound message without a number or a text")
    asked = fields.get("OptOutType", "").upper()
    # Twilio has already silenced the number, or opened it again, by a word of the account's own choosing; "CANCEL" is
    # such a word for it, and an answer about an appointment for us.
    if asked == "STOP" and meaning(text, True) is not Meaning.STOP:
        text = "STOP"
    elif asked == "START" and meaning(text, True) is not Meaning.START:
        text = "START"
    called = fields.get("To", "")
    return PhoneReply(sender, read.number(called) or read.words(called, 20), text, now, sid, channel=Channel.SMS)

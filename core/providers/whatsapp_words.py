"""WhatsApp's Cloud API, its vocabulary translated once: messages as Meta wants them, its errors, what it posts. Pure.

Facts come from Meta's pages and from the `pywa` client 4.5.0; what an error means for the next try is our policy.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from core.contract import Outgoing, PhoneReply, Receipt, Refused
from core.domain.approved import Button, Category, News, Status, Template
from core.domain.content import WHATSAPP_BODY, WHATSAPP_BUTTONS, WHATSAPP_TEXT, tagged
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.messages import State
from core.domain.reasons import Reason
from core.providers import callbacks as read_
from core.providers import rich
from core.providers.callbacks import Resource
from core.providers.outcomes import Fate

NAME = "WhatsApp"
CHANNEL = "WhatsApp"

# ---------------------------------------------------------------------------------------- out


def written(message: Outgoing) -> dict[str, Any] | Refused:
    """The message as Meta takes it: the approved template, or free text within 24 hours of the person's own message.
    Or why it cannot be written."""
    head = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": message.to.removeprefix("+"),
            "biz_opaque_callback_data": message.reference}
    content = message.content
    if "template" in content and not (message.within_window and "text" in content):
        return {**head, "type": "template", "template": _template(content["template"], message.reference)}
    if not message.within_window:
        return Refused(Reason("window_closed"))
    text = rich.own_text(message)
    buttons = rich.buttons(message, "buttons", "title", WHATSAPP_BUTTONS) if len(text) <= WHATSAPP_BODY else []
    if refused := rich.without_way_out(NAME, message, buttons):
        return refused
    if buttons:
        return {**head, "type": "interactive", "interactive": _interactive(text, buttons, content)}
    # Header and footer exist with buttons only.
    text = "\n\n".join(part for part in (content.get("header"), text, content.get("footer")) if part)
    if len(text) > WHATSAPP_TEXT:
        return Refused(Reason("provider_text_too_long", {"provider": NAME, "limit": WHATSAPP_TEXT}))
    return {**head, "type": "text", "text": {"body": text, "preview_url": False}}


def _interactive(text: str, buttons: Sequence[Mapping[str, Any]], content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "button", "body": {"text": text},
        "action": {"buttons": [{"type": "reply", "reply": {"id": one["postback"], "title": one["title"]}}
                               for one in buttons]}}
    if "header" in content:
        found["header"] = {"type": "text", "text": content["header"]}
    if "footer" in content:
        found["footer"] = {"text": content["footer"]}
    return found


def _template(given: Mapping[str, Any], reference: str) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    if header := given.get("header"):
        components.append({"type": "header", "parameters": [_header(header)]})
    if body := given.get("body"):
        named = body.items() if isinstance(body, Mapping) else ((None, text) for text in body)
        components.append({"type": "body", "parameters": [
            {"type": "text", **({"parameter_name": name} if name else {}), "text": text} for name, text in named]})
    for index, button in enumerate(given.get("buttons", ())):
        kind = "quick_reply" if "quick_reply" in button else "url"
        parameter = ({"type": "payload", "payload": tagged(button["quick_reply"], reference)}
                     if kind == "quick_reply" else {"type": "text", "text": button["url"]})
        components.append({"type": "button", "sub_type": kind, "index": str(index), "parameters": [parameter]})
    found: dict[str, Any] = {"name": given["name"], "language": {"code": given["language"]}}
    return found | ({"components": components} if components else {})


def _header(given: Mapping[str, Any]) -> dict[str, Any]:
    if "text" in given:
        return {"type": "text", "text": given["text"]}
    [kind] = [name for name in ("image", "video", "document") if name in given]
    media = {"link": given[kind]} | ({"filename": given["filename"]} if "filename" in given else {})
    return {"type": kind, kind: media}


# ---------------------------------------------------------------------------------------- errors

@dataclass(frozen=True, slots=True)
class Meant:
    """What an error code means: at once and in a receipt. `sure`: nothing was taken even if the HTTP status is 5xx;
    `alone`: it is about that one person."""

    code: str
    fate: Fate = Fate.REFUSED
    opt_out: bool = False
    after: timedelta | None = None
    sure: bool = True
    alone: bool = False


_KEY = Meant("provider_key_refused", Fate.ACCOUNT)
_FORBIDDEN = Meant("provider_forbidden", Fate.ACCOUNT)
_SUSPENDED = Meant("provider_account_suspended", Fate.ACCOUNT)
_UNPAID = Meant("provider_no_credit", Fate.ACCOUNT, after=timedelta(minutes=15))
_UNREADY = Meant("whatsapp_sender_unready", Fate.ACCOUNT)
_BUSY = Meant("provider_busy", Fate.LATER)
_AWAY = Meant("provider_away", Fate.LATER)
_UNSAID = Meant("provider_away", Fate.LATER, sure=False)
_UNSUITABLE = Meant("channel_unsuitable")
_MEDIA = Meant("provider_media_invalid")
_VALUES = Meant("whatsapp_template_refused")
_PAUSED = Meant("whatsapp_template_paused")
_EXCLUDED = Meant("whatsapp_person_excluded")

CODES: Mapping[int, Meant] = MappingProxyType({
    0: _KEY,
    190: _KEY,
    3: _FORBIDDEN,
    10: _FORBIDDEN,
    131005: _FORBIDDEN,
    **dict.fromkeys(range(200, 300), _FORBIDDEN),
    4: _BUSY,
    80007: _BUSY,
    80008: _BUSY,
    130429: _BUSY,
    # About one message in six seconds to the same person.
    131056: Meant("provider_busy", Fate.LATER, after=timedelta(seconds=6), alone=True),
    # Too many people blocked or reported the sender: what waits must not make it worse.
    131048: Meant("whatsapp_sender_restricted", Fate.LATER, after=timedelta(hours=1)),
    131064: Meant("whatsapp_sender_restricted", Fate.ACCOUNT, after=timedelta(hours=1)),
    133016: _UNREADY,
    131037: _UNREADY,
    131045: _UNREADY,
    368: _SUSPENDED,
    131031: _SUSPENDED,
    131042: _UNPAID,
    131044: _UNPAID,
    130497: Meant("provider_region_closed"),
    100: _UNSUITABLE,
    131008: _UNSUITABLE,
    131009: _UNSUITABLE,
    131051: _UNSUITABLE,
    131062: _UNSUITABLE,
    131063: _UNSUITABLE,
    132068: _UNSUITABLE,
    131021: Meant("provider_refused"),
    131026: Meant("channel_unreachable"),
    131030: Meant("provider_trial_account"),
    131047: Meant("window_closed"),
    # Asking again before a day has passed fails again, and would hold up everybody else's messages.
    131049: Meant("whatsapp_person_capped"),
    131050: Meant("provider_number_silent", opt_out=True),
    130472: _EXCLUDED,
    137000: _EXCLUDED,
    131052: _MEDIA,
    131053: _MEDIA,
    131057: _AWAY,
    131016: _AWAY,
    132069: _AWAY,
    1: _UNSAID,
    2: _UNSAID,
    131000: _UNSAID,
    135000: _UNSAID,
    132000: _VALUES,
    132005: _VALUES,
    132007: _VALUES,
    132008: _VALUES,
    132012: _VALUES,
    132001: Meant("whatsapp_template_missing"),
    132015: _PAUSED,
    132016: _PAUSED,
})
"""Codes that are not here are what their HTTP status says."""


def meant(error: Mapping[str, Any]) -> Meant | None:
    """By the code, never by the text."""
    code = error.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    # "Object does not exist": it is the sender's own number that is unknown, not the person's.
    return _KEY if code == 100 and error.get("error_subcode") == 33 else CODES.get(code)


def complaint(error: Mapping[str, Any]) -> tuple[object, ...]:
    """Meta's own words."""
    data = error.get("error_data")
    return (error.get("message") or error.get("title"), data.get("details") if isinstance(data, dict) else None)


# ---------------------------------------------------------------------------------------- templates

FIELDS = "name,language,status,category,components,quality_score,rejected_reason,parameter_format"
"""What is asked of each template (Graph API, WhatsApp Message Template)."""

STATUSES: Mapping[str, Status] = MappingProxyType({
    "APPROVED": Status.APPROVED,
    "REINSTATED": Status.APPROVED,
    "UNARCHIVED": Status.APPROVED,
    # Too many people complain: it can still be sent, and may be paused or disabled next.
    "FLAGGED": Status.APPROVED,
    "PENDING": Status.PENDING,
    "IN_APPEAL": Status.PENDING,
    "REJECTED": Status.REJECTED,
    "PAUSED": Status.PAUSED,
    "DISABLED": Status.DISABLED,
    "LIMIT_EXCEEDED": Status.LIMITED,
    "DELETED": Status.GONE,
    "PENDING_DELETION": Status.GONE,
    "ARCHIVED": Status.GONE,
})
"""Words of the list and of `message_template_status_update`, which has a few more (Meta's pages on both). LOCKED, which
only says that it cannot be edited, is not one of them."""
_BUTTONS: Mapping[str, str] = MappingProxyType({"QUICK_REPLY": "reply", "URL": "url", "PHONE_NUMBER": "phone"})
_HEADERS = frozenset({"text", "image", "video", "document", "location"})
TEMPLATE_FIELDS = frozenset({
    "message_template_status_update", "message_template_quality_update", "template_category_update",
    "message_template_components_update",
})
"""What is posted about templates. After each of them the list is asked for, too."""


def template(given: Resource) -> Template | None:
    """One of a list of templates; None for what has no name or no language."""
    name, language = read_.words(given.get("name"), 512), _language(given.get("language"))
    status = STATUSES.get(read_.words(given.get("status"), 40).upper(), Status.UNKNOWN)
    if not name or not language:
        return None
    parts: dict[str, Any] = {}
    components = given.get("components")
    for one in components if isinstance(components, list) else ():
        if isinstance(one, dict):
            parts |= _part(one)
    score = given.get("quality_score")
    quality = read_.words(score.get("score") if isinstance(score, dict) else score, 12).upper()
    return Template(name, language, status, _category(given.get("category")), quality=quality,
                    rejected=_unless_none(given.get("rejected_reason")), **parts)


def _part(one: Resource) -> dict[str, Any]:
    text = read_.said(one.get("text")) or ""
    match read_.words(one.get("type"), 20).upper():
        case "BODY":
            return {"body": text[:WHATSAPP_BODY * 2]}
        case "FOOTER":
            return {"footer": text[:200]}
        case "HEADER":
            kind = read_.words(one.get("format"), 20).lower() or "text"
            return {"header_kind": kind if kind in _HEADERS else "", "header": text[:200]}
        case "BUTTONS":
            buttons = one.get("buttons")
            return {"buttons": tuple(_button(each) for each in (buttons if isinstance(buttons, list) else ())[:20]
                                     if isinstance(each, dict))}
    return {}


def _button(one: Resource) -> Button:
    kind = _BUTTONS.get(read_.words(one.get("type"), 30).upper(), "other")
    value = one.get("url") if kind == "url" else one.get("phone_number") if kind == "phone" else ""
    return Button(kind, read_.words(one.get("text"), 60), read_.words(value, 2048))


def next_page(found: Resource) -> str | None:
    """The cursor of the page after this one."""
    paging = found.get("paging")
    cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None


def news(body: bytes, waba_id: str, now: datetime) -> Sequence[News]:
    """What a post says of our account's templates. Such a post names no telephone number, only the account."""
    envelope = read_.json_object(body)
    found: list[News] = []
    entries = envelope.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or str(entry.get("id")) != waba_id:
            continue
        at = _moment(entry.get("time"), now)
        for field, value in _changes({"entry": [entry]}):
            name = read_.words(value.get("message_template_name"), 512)
            language = _language(value.get("message_template_language"))
            if field in TEMPLATE_FIELDS and name and language:
                found.append(News(name, language, at, **_said_of(field, value, now)))
    return found


def _said_of(field: str, value: Resource, now: datetime) -> dict[str, Any]:
    if field == "message_template_quality_update":
        return {"quality": read_.words(value.get("new_quality_score"), 12).upper()}
    if field == "template_category_update":
        at = value.get("category_update_timestamp")
        to = _category(value.get("correct_category"))
        # Announced a day ahead, "new_category" is the one that it still has.
        ahead = {"next_category": to, "next_category_at": _instant(at)} if to else {}
        return {"category": _category(value.get("new_category")), **ahead}
    if field == "message_template_components_update":
        return {}
    word = read_.words(value.get("event"), 40).upper()
    status = STATUSES.get(word)
    return {
        "status": status,
        "category": _category(value.get("message_template_category")),
        "rejected": _unless_none(value.get("reason")) if status is Status.REJECTED else "",
        "note": "" if word in ("APPROVED", "REINSTATED") else _note(value),
    }


def _note(value: Resource) -> str:
    """Meta's own words: until when it is paused, what was wrong with it."""
    parts: list[str] = []
    for name, fields in (("other_info", ("description",)), ("rejection_info", ("reason", "recommendation"))):
        info = value.get(name)
        if isinstance(info, dict):
            parts += [read_.words(info.get(one), 300) for one in fields]
    return " ".join(filter(None, parts))


def _language(given: object) -> str:
    """The list writes `en_US`, what is posted `en-US`."""
    found = read_.words(given, 16).replace("-", "_")
    return found if re.fullmatch(r"[a-z]{2,3}(_[A-Za-z]{2,4})?", found, re.ASCII) else ""


def _category(given: object) -> Category | None:
    word = read_.words(given, 30).lower()
    return Category(word) if word in tuple(Category) else None


def _unless_none(given: object) -> str:
    word = read_.words(given, 60).upper()
    return "" if word == "NONE" else word


def _instant(given: object) -> datetime | None:
    if isinstance(given, str | int) and not isinstance(given, bool) and re.fullmatch(r"[0-9]{9,10}", str(given)[:11]):
        return datetime.fromtimestamp(int(given), UTC)
    return None


# ---------------------------------------------------------------------------------------- back

def require_signature(body: bytes, given: str, app_secret: str) -> None:
    """Raises `NotAuthentic` unless `given` (X-Hub-Signature-256) signs the raw `body` with the app's secret."""
    expected = f"sha256={hmac.digest(app_secret.encode(), body, 'sha256').hex()}"
    if not hmac.compare_digest(expected.encode(), given.strip().encode("utf-8", "surrogatepass")):
        raise NotAuthentic("the signature does not match")


STATES: Mapping[str, State] = MappingProxyType({
    "accepted": State.SENT,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    # With the chat open, this comes without a "delivered" before it.
    "read": State.READ,
    "played": State.READ,
    "failed": State.FAILED,
})


def read(body: bytes, phone_number_id: str, now: datetime) -> Sequence[Receipt | PhoneReply]:
    """All that a post says about our number. Raises `Unreadable` when nothing of it could be read."""
    envelope = read_.json_object(body)
    if not isinstance(envelope.get("entry"), list):
        raise Unreadable("unreadable", detail="no entry")
    found: list[Receipt | PhoneReply] = []
    trouble: Unreadable | None = None
    for field, value in _changes(envelope):
        metadata = value.get("metadata")
        ours = metadata if isinstance(metadata, dict) else {}
        if ours.get("phone_number_id") != phone_number_id:
            continue
        called = read_.number(ours.get("display_phone_number")) or ""
        for items, reader in ((value.get("statuses"), _receipt), (value.get("messages"), _reply),
                              (value.get(field) if field == "user_preferences" else None, _preference)):
            for item in items if isinstance(items, list) else ():
                try:
                    said = reader(item if isinstance(item, dict) else {}, called, now)
                except Unreadable as error:
                    trouble = error
                    continue
                if said is not None:
                    found.append(said)
    if trouble is not None and not found:
        raise trouble
    return found


def _changes(envelope: Resource) -> Iterator[tuple[str, Resource]]:
    for entry in envelope["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        for change in changes if isinstance(changes, list) else ():
            value = change.get("value") if isinstance(change, dict) else None
            if isinstance(value, dict):
                yield str(change.get("field")), value


def _receipt(status: Resource, called: str, now: datetime) -> Receipt:
    named, word = read_.identifier(status.get("id")), read_.words(status.get("status"), 60)
    if named is None or not word:
        raise Unreadable("unreadable", detail="a status of no message")
    at, reference = _moment(status.get("timestamp"), now), read_.identifier(status.get("biz_opaque_callback_data"))
    state = STATES.get(word.lower())
    if state is not State.FAILED:
        return Receipt(named, state, word, at, reference)
    errors = status.get("errors")
    error = next((one for one in errors if isinstance(one, dict)), {}) if isinstance(errors, list) else {}
    known = meant(error) or Meant("provider_undelivered")
    detail = " ".join(filter(None, (read_.words(error.get("code"), 20), *(read_.words(one, 120) for one in
                                                                            complaint(error)))))
    reason = Reason(known.code, {"provider": NAME, "channel": CHANNEL, "status": word, "detail": detail})
    return Receipt(named, state, word, at, reference, reason, account_trouble=known.fate is Fate.ACCOUNT,
                   retry=known.fate is Fate.LATER, opt_out=known.opt_out)


def _reply(message: Resource, called: str, now: datetime) -> PhoneReply | None:
    if message.get("type") == "system":         # a number changed, a key changed: nobody said anything
        return None
    sender, named = read_.number(message.get("from")), read_.identifier(message.get("id"))
    if sender is None or named is None:
        raise Unreadable("unreadable", detail="a message without a number or an id")
    text, payload = _said(message)
    context = message.get("context")
    answers = read_.identifier(context.get("id")) if isinstance(context, dict) else None
    if (own := rich.heard(payload)) is not None:
        text, answers = own[0], read_.identifier(own[1]) or answers
    if text is None:
        raise Unreadable("unreadable", detail="a message without anything said")
    return PhoneReply(sender, called, text, _moment(message.get("timestamp"), now), named, answers)


def _said(message: Resource) -> tuple[str | None, object]:
    """What the person said, and the payload of the button that was used."""
    kind = read_.words(message.get("type"), 40)
    inner = message.get(kind)
    if not isinstance(inner, dict):
        return (f"({kind})" if kind else None), None
    match kind:
        case "text":
            return read_.said(inner.get("body")), None
        case "button":
            return read_.said(inner.get("text")), inner.get("payload")
        case "interactive":
            chosen = inner.get(read_.words(inner.get("type"), 40))
            chosen = chosen if isinstance(chosen, dict) else {}
            return read_.said(chosen.get("title")), chosen.get("id")
        case "reaction":
            return read_.said(inner.get("emoji")) or "", None
        case "location":
            place = inner.get("latitude"), inner.get("longitude")
            if all(isinstance(part, int | float) and not isinstance(part, bool) for part in place):
                return f"{str(place[0])[:20]},{str(place[1])[:20]}", None
    # A picture, a voice note, a contact: what kind of thing it was, and the words beside it.
    return read_.said(inner.get("caption")) or f"({kind})", None


def _preference(given: Resource, called: str, now: datetime) -> PhoneReply | None:
    """The app's own switch for promotions is a STOP, or takes one back."""
    word = {"stop": "STOP", "resume": "START"}.get(read_.words(given.get("value"), 20).lower())
    if word is None or given.get("category", "marketing_messages") != "marketing_messages":
        return None
    sender = read_.number(given.get("wa_id"))
    if sender is None:
        raise Unreadable("unreadable", detail="a preference of nobody")
    at = _moment(given.get("timestamp"), now)
    return PhoneReply(sender, called, word, at, f"preference-{sender}-{int(at.timestamp())}")


def _moment(given: object, now: datetime) -> datetime:
    """Unix seconds, written as a text. Never later than `now`."""
    if isinstance(given, str | int) and not isinstance(given, bool) and re.fullmatch(r"[0-9]{1,10}", str(given)[:11]):
        return min(datetime.fromtimestamp(int(given), UTC), now)
    return now

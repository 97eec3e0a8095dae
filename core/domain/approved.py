"""Texts that a channel sends only once approved (WhatsApp's templates): may a message use one, and if not, why.

A template is known by its name and its language; it has a header, a body, a footer and buttons, in which `{{1}}` or
`{{first_name}}` stand for what a message fills in. How many there are, and of what kind, must match. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason


class Status(StrEnum):
    """What may be done with a template."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"
    LIMITED = "limited"
    """There are more templates than the account may have."""
    GONE = "gone"
    """Deleted or archived, or about to be."""
    UNKNOWN = "unknown"
    """The provider's word for it is none that we know: nothing is claimed."""


class Category(StrEnum):
    """Who pays what, and whose consent is needed."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True)
class Button:
    """`kind`: "reply", "url", "phone", or "other" for what is not checked. `value`: the address or number as approved,
    in which `{{1}}` stands for what a message adds."""

    kind: str
    text: str
    value: str = ""

    @property
    def open(self) -> bool:
        """Whether a message has to add something."""
        return self.kind == "url" and bool(places(self.value))


@dataclass(frozen=True, slots=True)
class Template:
    """`header_kind` is "", "text", "image", "video", "document" or "location". `quality` and `rejected` are the
    provider's own words, `note` is what it said last."""

    name: str
    language: str
    status: Status
    category: Category | None = None
    body: str = ""
    header_kind: str = ""
    header: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    next_category: Category | None = None
    next_category_at: datetime | None = None
    quality: str = ""
    rejected: str = ""
    note: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.language


Shelf = Mapping[tuple[str, str], Template]
"""All templates of one account, by name and language."""


@dataclass(frozen=True, slots=True)
class News:
    """What a provider says of one template; None for what it does not speak of."""

    name: str
    language: str
    at: datetime
    status: Status | None = None
    category: Category | None = None
    next_category: Category | None = None
    next_category_at: datetime | None = None
    quality: str | None = None
    rejected: str | None = None
    note: str | None = None


# ---------------------------------------------------------------------------------------------- may it be used

WAITS = frozenset({"approved_pending", "approved_paused", "approved_limited", "approved_is_marketing"})
"""What may be well again without anybody changing the message: said, and no reason to refuse it."""

_BY_STATUS: Mapping[Status, str] = {
    Status.PENDING: "approved_pending",
    Status.REJECTED: "approved_rejected",
    Status.PAUSED: "approved_paused",
    Status.DISABLED: "approved_disabled",
    Status.LIMITED: "approved_limited",
    Status.GONE: "approved_gone",
}


def named(content: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The template that a checked content (or a filled one) names for WhatsApp; None when it names none."""
    found = (content or {}).get("whatsapp", {}).get("template")
    return found if isinstance(found, Mapping) else None


def trouble(given: Mapping[str, Any], shelf: Shelf, klass: MessageClass) -> Reason | None:
    """Why a message of `klass` cannot use the template that `given` names and fills (as `core.domain.content` has it),
    or what has to be known about it; None when all is well."""
    name, language = str(given["name"]), str(given["language"])
    template = shelf.get((name, language))
    values: dict[str, Any] = {"name": name, "language": language}
    if template is None or template.status is Status.GONE:
        there = [one for one in shelf.values() if one.name == name and one.status is not Status.GONE]
        others = sorted(one.language for one in there)
        if others:
            return Reason("approved_not_in_language", {**values, "known": ", ".join(others)})
        return Reason("approved_gone" if template else "approved_missing", values)
    if (wrong := _does_not_fit(given, template)) is not None:
        return Reason(wrong.code, {**values, **wrong.values})
    if (why := standing(template)) is not None:
        return why
    if template.category is Category.MARKETING and klass is not MessageClass.MARKETING:
        return Reason("approved_is_marketing", values)
    return None


def standing(template: Template) -> Reason | None:
    """Why nobody can use the template now, whatever the message; None when it may be used."""
    code = _BY_STATUS.get(template.status)
    if code is None:
        return None
    detail = template.note or template.rejected
    return Reason(code, {"name": template.name, "language": template.language, "detail": detail})


def trouble_anywhere(given: Mapping[str, Any], shelves: Collection[Shelf], klass: MessageClass) -> Reason | None:
    """The same where several accounts could send it: one that can is enough. Nothing is said where nothing is known."""
    found = [trouble(given, shelf, klass) for shelf in shelves]
    if not found or None in found:
        return None
    said = [one for one in found if one is not None]
    return next((one for one in said if one.code in WAITS), said[0])


def asked_of(
    content: Mapping[str, Any] | None, channels: Sequence[Channel], shelves: Collection[Shelf], klass: MessageClass
) -> Reason | None:
    """What is to be said of a message by these channels with this (checked or filled) content."""
    given = named(content) if Channel.WHATSAPP in channels else None
    return trouble_anywhere(given, shelves, klass) if given is not None else None


def hopeless(why: Reason | None, content: Mapping[str, Any] | None, channels: Sequence[Channel]) -> bool:
    """Whether a message with that trouble could not leave at all, now or later: nothing but its template is there."""
    if why is None or why.code in WAITS or tuple(channels) != (Channel.WHATSAPP,):
        return False
    return "text" not in (content or {}).get("whatsapp", {})


def is_marketing(given: Mapping[str, Any], shelf: Shelf) -> bool:
    """Whether the template that `given` names counts as advertising."""
    template = shelf.get((str(given["name"]), str(given["language"])))
    return template is not None and template.category is Category.MARKETING


def category_of(content: Mapping[str, Any] | None, shelves: Collection[Shelf], klass: MessageClass) -> Category:
    """By which category a message is billed: its template's where that is known, else what its class suggests."""
    given = named(content)
    for shelf in shelves if given is not None else ():
        template = shelf.get((str(given["name"]), str(given["language"]))) if given else None
        if template is not None and template.category is not None:
            return template.category
    return _SUGGESTED.get(klass, Category.UTILITY)


_SUGGESTED: Mapping[MessageClass, Category] = {
    MessageClass.MARKETING: Category.MARKETING,
    MessageClass.OTP: Category.AUTHENTICATION,
}


def _does_not_fit(given: Mapping[str, Any], template: Template) -> Reason | None:
    body = given.get("body") or ()
    wanted, filled = places(template.body), list(body)
    by_name = isinstance(body, Mapping)
    if any(not one.isdecimal() for one in wanted):
        if not by_name or set(filled) != set(wanted):
            said = ", ".join(filled) if by_name else len(filled)
            return Reason("approved_names", {"wanted": ", ".join(wanted), "given": said})
    elif by_name or len(filled) != len(wanted):
        return Reason("approved_variables", {"wanted": len(wanted), "given": len(filled)})
    return _header(given.get("header") or {}, template) or _buttons(given.get("buttons") or (), template)


def _header(given: Mapping[str, Any], template: Template) -> Reason | None:
    kind = next((one for one in ("text", "image", "video", "document") if one in given), "")
    wanted = template.header_kind
    if wanted == "text" and not places(template.header):
        wanted = ""
    if wanted == "location" or kind == wanted:
        return None
    return Reason("approved_header", {"wanted": wanted or "-", "given": kind or "-"})


def _buttons(given: Sequence[Mapping[str, Any]], template: Template) -> Reason | None:
    for place in range(max(len(given), len(template.buttons))):
        known = template.buttons[place] if place < len(template.buttons) else None
        said = given[place] if place < len(given) else None
        if known is not None and known.kind == "other":
            continue
        missing = said is None and known is not None and known.open
        if known is None or missing or (said is not None and not _fits(said, known)):
            return Reason("approved_button", {"place": place + 1, "text": known.text if known else "-"})
    return None


def _fits(said: Mapping[str, Any], known: Button) -> bool:
    return known.kind == "reply" if "quick_reply" in said else known.open


# ---------------------------------------------------------------------------------------------- as it is read

_PLACE = re.compile(r"\{\{\s*([0-9]{1,3}|[A-Za-z][A-Za-z0-9_]{0,59})\s*\}\}", re.ASCII)


def places(text: str) -> list[str]:
    """What is to be filled in, in its order, each once."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def filled(text: str, values: Mapping[str, str] | Sequence[str]) -> str:
    """`text` with its places filled; one without a value stays as it is written."""
    known = values if isinstance(values, Mapping) else {str(at): one for at, one in enumerate(values, 1)}
    return _PLACE.sub(lambda found: known.get(found[1], found[0]), text)


def pieces(text: str) -> list[tuple[str, str]]:
    """`text` in its order: (words, "") and ("", name of a place)."""
    found = _PLACE.split(text)
    return [(one, "") if at % 2 == 0 else ("", one) for at, one in enumerate(found) if one]


def as_parts(template: Template) -> dict[str, Any]:
    """What is kept of its content."""
    return {
        "header_kind": template.header_kind, "header": template.header, "body": template.body,
        "footer": template.footer,
        "buttons": [{"kind": one.kind, "text": one.text, "value": one.value} for one in template.buttons],
    }  # fmt: skip


def parts_read(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `as_parts` kept, for a `Template`."""
    return {**kept, "buttons": tuple(Button(one["kind"], one["text"], one["value"]) for one in kept["buttons"])}

"""One message, several renderings: what a channel that can do more than plain text shows of it.

    {"rcs":      {"card": {"title": …, "media": {"url": …, "height": "short"}}, "suggestions": […]},
     "whatsapp": {"template": {"name": …, "language": "fr", "body": ["{{ first_name }}"], "buttons": […]}},
     "voice":    {"text": …, "language": "fr-FR", "keys": {"1": "confirm", "9": "stop"}, "voicemail": "hang_up",
                  "calls": 2, "again_after": "PT10M"}}

`checked` reads that at the door, `usable` says whether a channel can carry the message now, `content_for` fills it for
one person. All texts in it are templates like `body`. Plain SMS is always possible and needs none of this. Limits are
those of Google's RCS for Business, of smsmode's RCS (the narrower of both) and of WhatsApp's Cloud API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from core.domain import calls
from core.domain.errors import BadInput, InvalidTemplate
from core.domain.messages import Channel
from core.domain.policy.walltime import parse_duration
from core.domain.reasons import Reason
from core.domain.text.spoken_time import language_of
from core.domain.text.templates import compile_template

CONFIRM, DECLINE, STOP = "relance:confirm", "relance:decline", "relance:stop"
"""What our own buttons send back. A provider adds ":" and the message's reference, see `tagged`."""

RCS_TEXT, RCS_SUGGESTIONS, RCS_CARD_SUGGESTIONS, RCS_LABEL = 3072, 11, 4, 25
RCS_TITLE, RCS_DESCRIPTION = 200, 2000
WHATSAPP_TEXT, WHATSAPP_BODY, WHATSAPP_SMALL, WHATSAPP_BUTTONS, WHATSAPP_LABEL = 4096, 1024, 60, 3, 20
WHATSAPP_TEMPLATE_BUTTONS = 10
POSTBACK = 256
ADDRESS = 2048
VOICE_TEXT = 1000
LASTS = timedelta(hours=1)
"""How long an entry in a calendar is when nobody says so."""

NEXT_CHANNEL = frozenset({
    "channel_unreachable", "channel_expired", "channel_unsuitable", "window_closed", "provider_no_such_channel",
    "provider_not_suitable", "provider_media_invalid", "provider_text_too_long", "whatsapp_template_refused",
    "whatsapp_template_missing", "whatsapp_template_paused", "whatsapp_person_capped", "whatsapp_person_excluded",
    "voice_cannot_ask", "content_no_room", "provider_no_way_out", "provider_region_closed", "provider_trial_account",
}) | calls.UNHEARD
"""Codes after which the message was surely not shown and the same person may get it by the next channel."""

_SAID: Mapping[str, str] = MappingProxyType({CONFIRM: "OUI", DECLINE: "NON", STOP: "STOP"})
_OWN: Mapping[str, str] = MappingProxyType({"confirm": CONFIRM, "decline": DECLINE, "stop": STOP})
_LABELS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "fr": ("OUI", "NON"), "en": ("YES", "NO"), "es": ("SÍ", "NO"), "de": ("JA", "NEIN"), "it": ("SÌ", "NO")})


# ---------------------------------------------------------------------------------------- at the door

def checked(given: Any, pointer: str = "/content") -> Mapping[str, Any]:
    """`given` (JSON) in its one form. Raises `BadInput` with a JSON pointer below `pointer`."""
    parts = _Given(given, pointer).fields("rcs", "whatsapp", "voice")
    return {name: _PARTS[name](part) for name, part in parts.items()}


def variables(given: Mapping[str, Any]) -> frozenset[str]:
    """The variables that the texts of a checked content read."""
    return frozenset(name for text in _texts(given) for name in compile_template(text).variables)


def _rcs(part: _Given) -> dict[str, Any]:
    fields = part.fields("text", "card", "carousel", "file", "suggestions")
    shapes = [name for name in ("text", "card", "carousel", "file") if name in fields]
    if len(shapes) > 1:
        raise BadInput("content_one_of", pointer=fields[shapes[1]].pointer, fields=", ".join(shapes))
    readers: Mapping[str, Callable[[_Given], Any]] = {
        "text": lambda text: text.text(RCS_TEXT), "card": _card, "carousel": _carousel, "file": _file,
        "suggestions": lambda given: _suggestions(given, RCS_SUGGESTIONS)}
    return {name: readers[name](field) for name, field in fields.items()}


def _card(given: _Given) -> dict[str, Any]:
    found = _card_content(given, ("orientation", "alignment"), tall=True)
    fields = given.fields(*_CARD, "orientation", "alignment")
    if "orientation" in fields:
        found["orientation"] = fields["orientation"].one_of("vertical", "horizontal")
    if "alignment" in fields:
        if found.get("orientation") != "horizontal":
            raise fields["alignment"].wrong('"orientation": "horizontal"')
        found["alignment"] = fields["alignment"].one_of("left", "right")
    return found


def _carousel(given: _Given) -> dict[str, Any]:
    fields = given.fields("width", "cards", required=("cards",))
    found: dict[str, Any] = {"cards": [_card_content(card, (), tall=False) for card in fields["cards"].items(2, 10)]}
    if "width" in fields:
        found["width"] = fields["width"].one_of("small", "medium")
    return found


_CARD = ("title", "description", "media", "suggestions")


def _card_content(given: _Given, more: Sequence[str], *, tall: bool) -> dict[str, Any]:
    fields = given.fields(*_CARD, *more)
    if not {"title", "media"} & set(fields):
        raise BadInput("content_field_missing", pointer=f"{given.pointer}/title", field="title, media")
    found: dict[str, Any] = {}
    for name, limit in (("title", RCS_TITLE), ("description", RCS_DESCRIPTION)):
        if name in fields:
            found[name] = fields[name].text(limit)
    if "media" in fields:
        media = fields["media"].fields("url", "thumbnail", "height", required=("url",))
        found["media"] = {name: media[name].address() for name in ("url", "thumbnail") if name in media}
        # A tall picture leaves no room for the next card, so that phones refuse it in a carousel.
        heights = ("short", "medium", "tall") if tall else ("short", "medium")
        found["media"]["height"] = media["height"].one_of(*heights) if "height" in media else "medium"
    if "suggestions" in fields:
        found["suggestions"] = _suggestions(fields["suggestions"], RCS_CARD_SUGGESTIONS)
    return found


def _file(given: _Given) -> dict[str, Any]:
    fields = given.fields("url", "thumbnail", required=("url",))
    return {name: field.address() for name, field in fields.items()}


def _suggestions(given: _Given, most: int) -> list[dict[str, Any]]:
    return [_suggestion(one) for one in given.items(1, most)]


def _suggestion(given: _Given) -> dict[str, Any]:
    kind = given.kind(tuple(_SUGGESTIONS))
    wanted, optional = _SUGGESTIONS[kind]
    fields = given.fields("kind", "text", *wanted, *optional, required=("text", *wanted))
    found = {"kind": kind, "text": fields["text"].text(RCS_LABEL)}
    for name in (*wanted, *optional):
        if name in fields:
            found[name] = _SUGGESTED[name](fields[name])
    if kind == "reply":
        found.setdefault("postback", found["text"])
    return found


_SUGGESTIONS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType({
    "reply": ((), ("postback",)),
    "open": (("url",), ()),
    "dial": (("number",), ()),
    "calendar": (("title",), ("start", "end", "description")),
    "location": (("latitude", "longitude"), ("label",)),
    "share_location": ((), ()),
})
_SUGGESTED: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "postback": lambda given: given.postback(),
    "url": lambda given: given.address(),
    "number": lambda given: given.like(r"\+[1-9][0-9]{6,14}", '"+33123456789"'),
    "title": lambda given: given.text(100),
    "description": lambda given: given.text(500),
    "label": lambda given: given.text(100),
    "start": lambda given: given.moment(),
    "end": lambda given: given.moment(),
    "latitude": lambda given: given.degrees(90),
    "longitude": lambda given: given.degrees(180),
})


def _whatsapp(part: _Given) -> dict[str, Any]:
    fields = part.fields("template", "text", "header", "footer", "buttons")
    found: dict[str, Any] = {}
    if "template" in fields:
        found["template"] = _template(fields["template"])
    if "buttons" in fields:
        found["buttons"] = [_button(one) for one in fields["buttons"].items(1, WHATSAPP_BUTTONS)]
    for name in ("header", "footer"):
        if name in fields:
            found[name] = fields[name].text(WHATSAPP_SMALL)
    if "text" in fields:
        interactive = {"buttons", "header", "footer"} & set(fields)
        found["text"] = fields["text"].text(WHATSAPP_BODY if interactive else WHATSAPP_TEXT)
    return found


def _button(given: _Given) -> dict[str, Any]:
    fields = given.fields("title", "postback", required=("title",))
    title = fields["title"].text(WHATSAPP_LABEL)
    return {"title": title, "postback": fields["postback"].postback() if "postback" in fields else title}


def _template(given: _Given) -> dict[str, Any]:
    fields = given.fields("name", "language", "header", "body", "buttons", required=("name", "language"))
    found: dict[str, Any] = {
        "name": fields["name"].like(r"[a-z0-9_]{1,512}", '"rdv_rappel"'),
        "language": fields["language"].like(r"[a-z]{2,3}(_[A-Z]{2})?", '"fr", "en_US"')}
    if "header" in fields:
        found["header"] = _header(fields["header"])
    if "body" in fields:
        found["body"] = _parameters(fields["body"])
    if "buttons" in fields:
        buttons = fields["buttons"].items(1, WHATSAPP_TEMPLATE_BUTTONS)
        found["buttons"] = [_template_button(one) for one in buttons]
    return found


def _header(given: _Given) -> dict[str, Any]:
    fields = given.fields("text", "image", "video", "document", "filename")
    shapes = [name for name in ("text", "image", "video", "document") if name in fields]
    if len(shapes) != 1:
        raise BadInput("content_one_of", pointer=given.pointer, fields="text, image, video, document")
    [shape] = shapes
    found: dict[str, Any] = {}
    found[shape] = fields[shape].text(WHATSAPP_SMALL) if shape == "text" else fields[shape].address()
    if "filename" in fields:
        if shape != "document":
            raise fields["filename"].wrong('"document": "https://…"')
        found["filename"] = fields["filename"].text(240)
    return found


def _parameters(given: _Given) -> Any:
    """By position, or by the names that the approved template gives them."""
    if isinstance(given.value, Mapping):
        named = given.fields(*map(str, given.value))
        for name, one in named.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
                raise one.wrong('{"prenom": "{{ first_name }}"}')
        return {name: one.text(WHATSAPP_BODY) for name, one in named.items()}
    return [one.text(WHATSAPP_BODY) for one in given.items(1, 50)]


def _template_button(given: _Given) -> dict[str, Any]:
    """`{"quick_reply": "confirm"}` or `{"url": "abc123"}` (what the approved address ends with)."""
    fields = given.fields("quick_reply", "url")
    if len(fields) != 1:
        raise BadInput("content_one_of", pointer=given.pointer, fields="quick_reply, url")
    if "url" in fields:
        return {"url": fields["url"].text(ADDRESS)}
    return {"quick_reply": fields["quick_reply"].postback()}


def _voice(part: _Given) -> dict[str, Any]:
    fields = part.fields("text", "language", "ask_key", "keys", "voicemail", "calls", "again_after")
    readers: Mapping[str, Callable[[_Given], Any]] = {
        "text": lambda given: given.text(VOICE_TEXT),
        "language": lambda given: given.like(r"[a-z]{2,3}(-[A-Z]{2})?", '"fr-FR"'),
        "ask_key": lambda given: given.flag(),
        "keys": _keys,
        "voicemail": lambda given: given.one_of(calls.HANG_UP, calls.LEAVE_MESSAGE),
        "calls": lambda given: given.number(1, calls.MOST_TIMES),
        "again_after": lambda given: given.span(calls.SOONEST_AGAIN, calls.LATEST_AGAIN)}
    return {name: readers[name](field) for name, field in fields.items()}


def _keys(given: _Given) -> dict[str, str]:
    """key → what it means to us: "confirm", "decline" or "stop"."""
    if not isinstance(given.value, Mapping) or not 1 <= len(given.value) <= calls.MOST_KEYS:
        raise given.wrong('{"1": "confirm", "2": "decline", "9": "stop"}')
    found = {}
    for key, meaning in given.fields(*map(str, given.value)).items():
        if not re.fullmatch("[0-9]", key, re.ASCII):
            raise meaning.wrong('"1": "confirm"')
        found[key] = meaning.one_of(calls.CONFIRM, calls.DECLINE, calls.STOP)
    return found


_PARTS: Mapping[str, Callable[[Any], dict[str, Any]]] = MappingProxyType({
    "rcs": _rcs, "whatsapp": _whatsapp, "voice": _voice})


# ---------------------------------------------------------------------------------------- for one message

def usable(channel: Channel, given: Mapping[str, Any], within_window: bool, asks: bool) -> Reason | None:
    """Why `channel` cannot carry a message with the checked content `given` now; None when it can.

    `within_window`: the person wrote to us there less than 24 hours ago. `asks`: the message asks for OUI or NON.
    """
    match channel:
        case Channel.WHATSAPP:
            part = given.get("whatsapp", {})
            if not within_window and "template" not in part:
                return Reason("window_closed")
            # A template alone has the buttons it was approved with; a person may also write the answer.
            if asks and _speaks_freely(part) and len(_answering(part.get("buttons", ()), asks)) > WHATSAPP_BUTTONS:
                return Reason("content_no_room", {"channel": str(channel), "limit": WHATSAPP_BUTTONS})
        case Channel.RCS:
            part = given.get("rcs", {})
            if asks and len(_answering_rcs(part)) > RCS_SUGGESTIONS:
                return Reason("content_no_room", {"channel": str(channel), "limit": RCS_SUGGESTIONS})
        case Channel.VOICE:
            part = given.get("voice", {})
            keys = part.get("keys", calls.ASKING)
            if asks and (part.get("ask_key") is False or not {calls.CONFIRM, calls.DECLINE} <= set(keys.values())):
                return Reason("voice_cannot_ask")
    return None


def content_for(channel: Channel, text: str, asks: bool, given: Mapping[str, Any], values: Mapping[str, Any],
                zone: ZoneInfo, language: str = "fr") -> Mapping[str, Any]:
    """`Outgoing.content` of one message: the part of the checked content `given` for `channel`, filled with `values`.
    Empty when the channel shows no more than `text`, the message's own (filled) text.

    Raises `BadInput` (with a pointer below `/content`) for what got too long, `MissingValue`, `UnusableValue`.
    """
    fill = _Fill(values, zone, language)
    match channel:
        case Channel.RCS:
            return _filled_rcs(fill, text, asks, given.get("rcs", {}))
        case Channel.WHATSAPP:
            return _filled_whatsapp(fill, text, asks, given.get("whatsapp", {}))
        case Channel.VOICE:
            return _filled_voice(fill, text, asks, given.get("voice", {}))
    return {}


def contents(channels: Sequence[Channel], text: str, asks: bool, given: Mapping[str, Any], values: Mapping[str, Any],
             zone: ZoneInfo, language: str = "fr") -> dict[str, Mapping[str, Any]] | None:
    """channel → `content_for` it, for those of `channels` that show more than the text; None when none does. Raises as
    `content_for` does."""
    if tuple(channels) == (Channel.SMS,):
        return None
    found = {str(one): content_for(one, text, asks, given, values, zone, language) for one in channels}
    return {name: shown for name, shown in found.items() if shown} or None


def tagged(postback: str, reference: str) -> str:
    """One of our own postbacks with the message that it belongs to; any other stays as it is."""
    return f"{postback}:{reference}" if postback in _SAID else postback


def answered(postback: str) -> tuple[str, str | None] | None:
    """What a person says with a button of ours ("OUI", "NON", "STOP") and the reference of its message, if it bears
    one; None for a postback that is not ours."""
    for own, said in _SAID.items():
        if postback == own or postback.startswith(f"{own}:"):
            return said, postback[len(own) + 1:] or None
    return None


def _filled_rcs(fill: _Fill, text: str, asks: bool, part: Mapping[str, Any]) -> dict[str, Any]:
    where = "/content/rcs"
    found: dict[str, Any] = {}
    if "card" in part:
        found["card"] = _filled_card(fill, part["card"], f"{where}/card")
    elif "carousel" in part:
        cards = [_filled_card(fill, card, f"{where}/carousel/cards/{at}")
                 for at, card in enumerate(part["carousel"]["cards"])]
        found["carousel"] = {"width": "medium", **part["carousel"], "cards": cards}
    elif "file" in part:
        found["file"] = {name: fill.address(url, f"{where}/file/{name}") for name, url in part["file"].items()}
    elif "text" in part:
        found["text"] = fill.text(part["text"], RCS_TEXT, f"{where}/text")
    suggestions = _filled_suggestions(fill, part.get("suggestions", ()), f"{where}/suggestions")
    if asks and not _has_answers(_postbacks_rcs(part)):
        suggestions = [*({"kind": "reply", **one} for one in _answers(language_of(fill.language), "text")),
                       *suggestions]
    if suggestions:
        found["suggestions"] = suggestions
    if found and not {"card", "carousel", "file"} & set(found):
        found.setdefault("text", text)
    return found


def _filled_card(fill: _Fill, card: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = dict(card)
    for name, limit in (("title", RCS_TITLE), ("description", RCS_DESCRIPTION)):
        if name in card:
            found[name] = fill.text(card[name], limit, f"{where}/{name}")
    if "media" in card:
        found["media"] = {**card["media"], **{name: fill.address(card["media"][name], f"{where}/media/{name}")
                                              for name in ("url", "thumbnail") if name in card["media"]}}
    if "suggestions" in card:
        found["suggestions"] = _filled_suggestions(fill, card["suggestions"], f"{where}/suggestions")
    return found


def _filled_suggestions(fill: _Fill, given: Sequence[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    found = []
    for at, one in enumerate(given):
        here, filled = f"{where}/{at}", dict(one)
        for name, limit in (("text", RCS_LABEL), ("title", 100), ("description", 500), ("label", 100),
                            ("postback", POSTBACK)):
            if name in one and one[name] not in _SAID:
                filled[name] = fill.text(one[name], limit, f"{here}/{name}")
        if "url" in one:
            filled["url"] = fill.address(one["url"], f"{here}/url")
        if one["kind"] == "calendar":
            start = fill.moment(one, "start", f"{here}/start")
            if start is None:
                raise BadInput("missing_value", pointer=f"{here}/start", name="start")
            end = fill.moment(one, "end", f"{here}/end") or start + LASTS
            filled["start"], filled["end"] = _instant(start), _instant(max(end, start))
        found.append(filled)
    return found


def _filled_whatsapp(fill: _Fill, text: str, asks: bool, part: Mapping[str, Any]) -> dict[str, Any]:
    where = "/content/whatsapp"
    found: dict[str, Any] = {}
    if "template" in part:
        found["template"] = _filled_template(fill, part["template"], f"{where}/template")
    if not _speaks_freely(part):
        return found
    buttons = [{"title": fill.text(one["title"], WHATSAPP_LABEL, f"{where}/buttons/{at}/title"),
                "postback": one["postback"] if one["postback"] in _SAID
                else fill.text(one["postback"], POSTBACK, f"{where}/buttons/{at}/postback")}
               for at, one in enumerate(part.get("buttons", ()))]
    for name in ("header", "footer"):
        if name in part:
            found[name] = fill.text(part[name], WHATSAPP_SMALL, f"{where}/{name}")
    plain = not buttons and not {"header", "footer"} & set(part)
    if "text" in part:
        text = fill.text(part["text"], WHATSAPP_TEXT if plain else WHATSAPP_BODY, f"{where}/text")
    if asks and not _has_answers([one["postback"] for one in buttons]) and len(text) <= WHATSAPP_BODY:
        buttons = [*_answers(language_of(fill.language), "title"), *buttons]
    if buttons:
        found["buttons"] = buttons
    if found:
        found["text"] = text
    return found


def _filled_template(fill: _Fill, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = dict(given)
    if header := given.get("header"):
        found["header"] = {
            name: fill.line(value, WHATSAPP_SMALL if name == "text" else 240, f"{where}/header/{name}")
            if name in ("text", "filename") else fill.address(value, f"{where}/header/{name}")
            for name, value in header.items()}
    body = given.get("body")
    if isinstance(body, Mapping):
        found["body"] = {name: fill.line(one, WHATSAPP_BODY, f"{where}/body/{name}") for name, one in body.items()}
    elif body:
        found["body"] = [fill.line(one, WHATSAPP_BODY, f"{where}/body/{at}") for at, one in enumerate(body)]
    if buttons := given.get("buttons"):
        found["buttons"] = [
            {name: value if value in _SAID
             else fill.line(value, ADDRESS if name == "url" else POSTBACK, f"{where}/buttons/{at}/{name}")}
            for at, button in enumerate(buttons) for name, value in button.items()]
    return found


def _filled_voice(fill: _Fill, text: str, asks: bool, part: Mapping[str, Any]) -> dict[str, Any]:
    if "text" in part:
        text = fill.text(part["text"], VOICE_TEXT, "/content/voice/text")
    asked = part.get("ask_key", asks or bool(part.get("keys")))
    found = {"text": text, "language": part.get("language", calls.default_voice(language_of(fill.language))),
             "ask_key": asked, "keys": dict(part.get("keys", calls.ASKING)) if asked else {},
             "voicemail": part.get("voicemail", calls.HANG_UP)}
    if "calls" in part:
        found["calls"] = part["calls"]
    if "again_after" in part:
        found["again_after"] = int(parse_duration(part["again_after"]).elapsed.total_seconds())
    return found


# ---------------------------------------------------------------------------------------- buttons

def _speaks_freely(part: Mapping[str, Any]) -> bool:
    """With nothing but a template, that template is what is sent, also within the window: it is what was approved."""
    return "text" in part or "template" not in part


def _answers(language: str, label: str) -> list[dict[str, str]]:
    yes, no = _LABELS[language]
    return [{label: yes, "postback": CONFIRM}, {label: no, "postback": DECLINE}]


def _has_answers(postbacks: Sequence[str]) -> bool:
    return {CONFIRM, DECLINE} <= set(postbacks)


def _answering(buttons: Sequence[Mapping[str, Any]], asks: bool) -> Sequence[Mapping[str, Any]]:
    if not asks or _has_answers([one["postback"] for one in buttons]):
        return buttons
    return [*_answers("fr", "title"), *buttons]


def _answering_rcs(part: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    own = part.get("suggestions", ())
    return own if _has_answers(_postbacks_rcs(part)) else [*_answers("fr", "text"), *own]


def _postbacks_rcs(part: Mapping[str, Any]) -> list[str]:
    cards = [part["card"]] if "card" in part else part.get("carousel", {}).get("cards", ())
    suggestions = [*part.get("suggestions", ()), *(one for card in cards for one in card.get("suggestions", ()))]
    return [one["postback"] for one in suggestions if "postback" in one]


# ---------------------------------------------------------------------------------------- filling

@dataclass(frozen=True, slots=True)
class _Fill:
    values: Mapping[str, Any]
    zone: ZoneInfo
    language: str

    def text(self, source: str, limit: int, pointer: str) -> str:
        found = compile_template(source).fill(self.values, self.zone, self.language)
        if not found:
            raise BadInput("empty_text", pointer=pointer)
        if len(found) > limit:
            raise BadInput("content_too_long", pointer=pointer, limit=limit)
        return found

    def line(self, source: str, limit: int, pointer: str) -> str:
        """WhatsApp refuses line ends, tabs and rows of spaces in a template's parameters."""
        return " ".join(self.text(source, limit, pointer).split())

    def address(self, source: str, pointer: str) -> str:
        return _Given(self.text(source, ADDRESS, pointer), pointer).address()

    def moment(self, given: Mapping[str, Any], name: str, pointer: str) -> datetime | None:
        """As written, or the occasion's own."""
        found = given.get(name, self.values.get(name))
        if isinstance(found, str) and _MOMENT.match(found):
            found = datetime.fromisoformat(found)
        if found is None:
            return None
        if not isinstance(found, datetime) or found.tzinfo is None:
            raise BadInput("value_not_moment", pointer=pointer, text=str(found)[:40])
        return found


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


# ---------------------------------------------------------------------------------------- reading

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Given:
    """A value from outside, and where it stands."""

    value: Any
    pointer: str

    def fields(self, *known: str, required: Sequence[str] = ()) -> dict[str, _Given]:
        """The fields of an object; null is the same as absent."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("{…}")
        for name in self.value:
            if name not in known:
                raise BadInput("content_field_unknown", pointer=self._at(name), field=str(name)[:60],
                               known=", ".join(known))
        for name in required:
            if self.value.get(name) is None:
                raise BadInput("content_field_missing", pointer=self._at(name), field=name)
        return {name: _Given(value, self._at(name)) for name, value in self.value.items() if value is not None}

    def items(self, least: int, most: int) -> list[_Given]:
        if not isinstance(self.value, list | tuple):
            raise self.wrong("[…]")
        if not least <= len(self.value) <= most:
            raise BadInput("content_how_many", pointer=self.pointer, least=least, most=most)
        return [_Given(value, f"{self.pointer}/{at}") for at, value in enumerate(self.value)]

    def kind(self, known: tuple[str, ...]) -> str:
        if not isinstance(self.value, Mapping) or self.value.get("kind") is None:
            raise BadInput("content_field_missing", pointer=self._at("kind"), field="kind")
        return _Given(self.value["kind"], self._at("kind")).one_of(*known)

    def text(self, limit: int) -> str:
        """A template that can be filled. How long it is counts here only if it reads no variable."""
        if not isinstance(self.value, str):
            raise self.wrong('"…"')
        if not self.value.strip():
            raise BadInput("empty_text", pointer=self.pointer)
        try:
            template = compile_template(self.value)
        except InvalidTemplate as error:
            raise InvalidTemplate(error.reason.code, pointer=self.pointer, **error.reason.values) from error
        if not template.variables and len(self.value) > limit:
            raise BadInput("content_too_long", pointer=self.pointer, limit=limit)
        return self.value

    def address(self) -> str:
        """An https address, or a template of one."""
        if "{{" in self.text(ADDRESS):
            return str(self.value)
        try:
            parts = urlsplit(self.value)
            good = parts.scheme == "https" and parts.hostname and not parts.username and parts.port != 0
        except ValueError:
            good = False
        if not good or not re.fullmatch(r"[\x21-\x7e]+", self.value):
            raise self.wrong('"https://example.com/picture.jpg"')
        return str(self.value)

    def postback(self) -> str:
        """What a button sends back. "confirm", "decline" and "stop" are those that we act upon."""
        if isinstance(self.value, str) and self.value in _SAID:                 # as this function wrote it
            return str(self.value)
        if not isinstance(self.value, str) or self.value.startswith("relance:"):
            raise self.wrong(", ".join(f'"{word}"' for word in _OWN))
        return _OWN.get(self.value) or self.text(POSTBACK)

    def moment(self) -> str:
        if not isinstance(self.value, str) or not _MOMENT.match(self.value):
            raise self.wrong('"2026-12-01T14:30:00+01:00"')
        try:
            datetime.fromisoformat(self.value)
        except ValueError:
            raise self.wrong('"2026-12-01T14:30:00+01:00"') from None
        return self.value

    def degrees(self, most: int) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not -most <= self.value <= most:
            raise self.wrong("48.8566")
        return float(self.value)

    def number(self, least: int, most: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= most:
            raise self.wrong(f"{least} … {most}")
        return self.value

    def span(self, least: timedelta, most: timedelta) -> str:
        """An ISO 8601 duration in hours, minutes and seconds, as it was written."""
        if not isinstance(self.value, str):
            raise self.wrong('"PT10M"')
        try:
            read = parse_duration(self.value)
        except BadInput as error:
            raise self.wrong('"PT10M"') from error
        if read.days or not least <= read.elapsed <= most:
            raise self.wrong('"PT10M"')
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true, false")
        return self.value

    def one_of(self, *known: str) -> str:
        if not isinstance(self.value, str) or self.value not in known:
            raise self.wrong(", ".join(f'"{word}"' for word in known))
        return self.value

    def like(self, pattern: str, example: str) -> str:
        if not isinstance(self.value, str) or not re.fullmatch(pattern, self.value, re.ASCII):
            raise self.wrong(example)
        return self.value

    def wrong(self, example: str) -> BadInput:
        return BadInput("content_field_wrong", pointer=self.pointer, field=self.pointer.rpartition("/")[2],
                        example=example)

    def _at(self, name: object) -> str:
        return f"{self.pointer}/{str(name)[:60].replace('~', '~0').replace('/', '~1')}"

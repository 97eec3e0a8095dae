"""Short links: which addresses of a text become short, what a short one is called, and whether a person followed it.

Pure. A code is a keyed hash of the message that it stands in, so that planning again gives the same text, and nobody
who knows one code can guess another. Nothing about the person is in the address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

LENGTH = 11
"""Letters of a code: 62^11 are 65 bits."""
MOST_ADDRESS = 2048
CLICK = "rl"
"""The name under which a tracked target hears by which click it was opened."""
TRACK = "track"
"""A value of that name that is true: the targets of the message's links are told the code that led there."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SPACE = len(_LETTERS) ** LENGTH
CODE = re.compile(rf"[0-9A-Za-z]{{{LENGTH}}}", re.ASCII)
_WRITTEN = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_AFTER_A_SENTENCE = ".,;:!?)]}»’"
_DEEPEST = 4


def code(key: bytes, *said: str) -> str:
    """The code that belongs to these words under `key`: the same each time, and not to be guessed without it."""
    encoded = [one.encode("utf-8", "surrogatepass") for one in said]
    written = b"".join(len(one).to_bytes(4, "big") + one for one in encoded)
    number = int.from_bytes(hashlib.blake2b(written, key=key[:64], digest_size=16, person=b"relance link").digest())
    letters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


def good_address(text: Any) -> bool:
    """Whether `text` is an address that a link may lead to: http or https, a host, no password, nothing invisible."""
    if not isinstance(text, str) or not 10 <= len(text) <= MOST_ADDRESS or text[:4].lower() != "http":
        return False
    if any(letter.isspace() or not letter.isprintable() or letter == "\\" for letter in text):
        return False
    try:
        parts = urlsplit(text)
        # Reading the port is what finds a wrong one.
        named = bool(parts.hostname) and parts.port != 0 and parts.username is None and parts.password is None
        text.encode("utf-8")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named


def names_a_link(name: str) -> bool:
    """Whether a value of that name becomes short by itself: `link`, `checkout_link`."""
    return name == "link" or name.endswith("_link")


def may_hold_links(values: Mapping[str, Any]) -> bool:
    """A quick look before any work is done for links: most messages have none."""
    for value in values.values():
        if type(value) is str:
            if value[:4] in ("http", "HTTP", "Http"):
                return True
        elif isinstance(value, Mapping):
            return True
    return False


# ---------------------------------------------------------------------------------------------- in a text


@dataclass(frozen=True, slots=True)
class Link:
    """A short link of a message. `track`: its target is told the code, see `followed`."""

    code: str
    target: str
    track: bool = False


@dataclass(frozen=True, slots=True)
class Shortener:
    """How a workspace's addresses become short: below `base` ("https://example.org"), with codes of its own `key`."""

    base: str
    key: bytes = field(repr=False)

    def address(self, code: str) -> str:
        return f"{self.base}/s/{code}"

    def of(self, values: Mapping[str, Any], *message: str, everything: bool = False) -> Shortening:
        """`values` for the texts of one message, which the words `message` tell from all others. Those that are named
        as links are short, with `everything` all addresses that the text comes to hold."""
        return Shortening(self, values, message, everything=everything)


class Shortening(Mapping[str, Any]):
    """A message's values, in which addresses are short. Each one that was asked for is remembered until `used`."""

    def __init__(
        self,
        shortener: Shortener,
        values: Mapping[str, Any],
        message: tuple[str, ...],
        *,
        everything: bool = False,
        made: dict[str, Link] | None = None,
        depth: int = 0,
    ) -> None:
        self._shortener, self._values, self._message = shortener, values, message
        self.everything = everything
        self._made: dict[str, Link] = {} if made is None else made
        self._track = values.get(TRACK) is True
        self._depth = depth

    def short(self, address: str) -> str:
        """The short form of `address`; one that no link may lead to, or that is short already, stays as it is."""
        if not good_address(address) or address.startswith(self._shortener.address("")):
            return address
        if address not in self._made:
            made = code(self._shortener.key, *self._message, address)
            self._made[address] = Link(made, address, self._track)
        return self._shortener.address(self._made[address].code)

    def in_text(self, text: str) -> str:
        """`text` with every address that is written in it made short."""

        def shorter(found: re.Match[str]) -> str:
            address = found[0].rstrip(_AFTER_A_SENTENCE)
            return self.short(address) + found[0][len(address) :]

        return _WRITTEN.sub(shorter, text)

    def used(self, text: str, content: Any = None) -> tuple[Link, ...]:
        """Those that stand in the finished `text` or in what richer channels show beside it, in that order."""
        if not self._made:
            return ()
        shown = "\n".join((text, *_texts(content)))
        there = [one for one in self._made.values() if one.code in shown]
        return tuple(sorted(there, key=lambda one: shown.index(one.code)))

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if isinstance(value, str) and names_a_link(name):
            return self.short(value)
        if isinstance(value, Mapping) and self._depth < _DEEPEST:
            return Shortening(self._shortener, value, self._message, made=self._made, depth=self._depth + 1)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for inner in content.values():
            yield from _texts(inner)
    elif isinstance(content, list | tuple):
        for inner in content:
            yield from _texts(inner)


# ---------------------------------------------------------------------------------------------- followed


def followed(link: Link) -> str:
    """Where the link leads: its target, with `rl=<code>` before the fragment where the target is to know."""
    if not link.track:
        return link.target
    parts = urlsplit(link.target)
    query = f"{parts.query}&{CLICK}={link.code}" if parts.query else f"{CLICK}={link.code}"
    return urlunsplit(parts._replace(query=query))


def click_of(address: str) -> str | None:
    """The code in an address that a shop saw (`https://…?rl=…`, or its query alone): by which click an order came."""
    query = urlsplit(address).query if "?" in address else address
    said = parse_qsl(query) if len(query) <= 4 * MOST_ADDRESS else []
    return next((value for name, value in said if name == CLICK and CODE.fullmatch(value)), None)


class Visitor(StrEnum):
    """Who followed a link. Only people are counted as clicks."""

    HUMAN = "human"
    PREVIEW = "preview"  # a messenger or browser that looks ahead for somebody
    ROBOT = "robot"  # a search engine, a filter, a program
    UNKNOWN = "unknown"  # says nothing of itself


# Messengers and mail programs that show a picture of the page; browsers that fetch what might be opened next.
_PREVIEWS = re.compile(
    r"facebookexternalhit|facebot|whatsapp/|twitterbot|telegrambot|slackbot|slack-imgproxy|discordbot|linkedinbot"
    r"|skypeuripreview|^viber|snap url preview|vkshare|kakaotalk-scrap|iframely|embedly|redditbot|^mattermost"
    r"|rocket\.chat|google-pagerenderer|googleimageproxy|yahoomailproxy|bingpreview|ms-office|microsoft office"
    r"|cfnetwork|link ?preview|url ?preview|unfurl",
    re.IGNORECASE,
)
# A telephone of the make Cubot is no robot.
_ROBOTS = re.compile(
    r"(?<!cu)bot\b|bot/|crawl|spider|slurp|scan(?:ner)?\b|monitor|uptime|headless|phantomjs|selenium|puppeteer"
    r"|playwright|lighthouse|curl/|wget|python|urllib|requests|aiohttp|httpx|httpclient|go-http|java/|okhttp|libwww"
    r"|perl|ruby|php/|guzzle|axios|node-fetch|undici|postman|insomnia|barracuda|proofpoint|mimecast|zscaler|fortiguard"
    r"|safelinks|virustotal|urlscan|google-safety|checker|validator|archive|feedfetcher|preview",
    re.IGNORECASE,
)
_LOOKS_AHEAD = re.compile(r"prefetch|prerender|preview|instant", re.IGNORECASE)
_AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz", "x-fb-http-engine")


def visitor(method: str, headers: Mapping[str, str]) -> tuple[Visitor, str]:
    """Who asks, and by which rule that is known: "head", "ahead", "agent", "no_agent", "browser". `headers`: names in
    lower case."""
    if method != "GET":
        return Visitor.ROBOT, "head"
    if any(_LOOKS_AHEAD.search(headers.get(name, "")) for name in _AHEAD) or headers.get("x-fb-http-engine"):
        return Visitor.PREVIEW, "ahead"
    agent = headers.get("user-agent", "")[:1000]
    if not agent.strip():
        return Visitor.UNKNOWN, "no_agent"
    if _PREVIEWS.search(agent):
        return Visitor.PREVIEW, "agent"
    if _ROBOTS.search(agent):
        return Visitor.ROBOT, "agent"
    if not agent.startswith(("Mozilla/", "Opera/")):
        return Visitor.UNKNOWN, "agent"
    return Visitor.HUMAN, "browser"

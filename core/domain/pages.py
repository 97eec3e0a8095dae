"""Small pages that we host: what they say in each language, and the one thing that their button does.

Pure. Texts are texts: nothing in them is a template or markup. A button leads only where the workspace wrote, over http
or https; anything else (`javascript:`, `data:`) is refused when it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from core.domain.errors import BadInput, InvalidNumber
from core.domain.recipients import Recipient
from core.domain.text.links import good_address

LANGUAGES = ("fr", "en", "es", "it", "de")
LONGEST = {"title": 80, "text": 1200, "button": 40, "sentence": 300, "thanks": 200}
MOST_CODES = 20_000
CODE = re.compile(r"[A-Za-z0-9._-]{3,40}", re.ASCII)


class Action(StrEnum):
    """What the button of a page does."""

    NONE = "none"
    CALL = "call"  # `number`
    ROUTE = "route"  # `address`
    SITE = "site"  # `target`
    JOIN = "join"  # a yes to marketing, with the sentence as its proof
    COUPON = "coupon"  # a code for each person; `shared` for those of whom we do not know who they are


def read(given: Mapping[str, Any], country: str) -> dict[str, Any]:
    """A page's content from outside, complete and clean: `{"languages": {language: {title, text, button, …}}, "action",
    "number"?, "address"?, "target"?, "shared"?}`. The first language is the one that stands in for others.

    Raises `BadInput` with a pointer.
    """
    try:
        action = Action(str(given.get("action") or "none"))
    except ValueError as error:
        raise BadInput("choice_unknown", pointer="/action", text=str(given.get("action"))[:40]) from error
    languages = given.get("languages")
    if not isinstance(languages, Mapping) or not languages:
        raise BadInput("page_says_nothing", pointer="/languages")
    content: dict[str, Any] = {"action": str(action), "languages": {}}
    for language, words in languages.items():
        if language not in LANGUAGES or not isinstance(words, Mapping):
            raise BadInput("choice_unknown", pointer="/languages", text=str(language)[:40])
        content["languages"][language] = _words(words, action, f"/languages/{language}")
    return content | _action(action, given, country)


def _words(words: Mapping[str, Any], action: Action, pointer: str) -> dict[str, str]:
    found = {}
    for name, longest in LONGEST.items():
        text = words.get(name) or ""
        if not isinstance(text, str) or len(text) > longest:
            raise BadInput("page_too_long", pointer=f"{pointer}/{name}", most=longest)
        found[name] = "".join(letter for letter in text.strip() if letter.isprintable() or letter == "\n")
    needed = {Action.NONE: ("title",), Action.JOIN: ("title", "button", "sentence")}
    for name in needed.get(action, ("title", "button")):
        if not found[name]:
            raise BadInput("page_lacks", pointer=f"{pointer}/{name}", what=name)
    return {name: text for name, text in found.items() if text}


def _action(action: Action, given: Mapping[str, Any], country: str) -> dict[str, str]:
    if action is Action.CALL:
        try:
            return {"number": Recipient.parse(str(given.get("number") or ""), country).number}
        except InvalidNumber as error:
            error.pointer = "/number"
            raise
    if action is Action.ROUTE:
        address = str(given.get("address") or "").strip()
        if not 3 <= len(address) <= 200 or not address.isprintable():
            raise BadInput("page_lacks", pointer="/address", what="address")
        return {"address": address}
    if action is Action.SITE:
        target = str(given.get("target") or "").strip()
        if not good_address(target):
            raise BadInput("link_target", pointer="/target")
        return {"target": target}
    if action is Action.COUPON:
        shared = str(given.get("shared") or "").strip()
        if shared and not CODE.fullmatch(shared):
            raise BadInput("page_code_wrong", pointer="/shared", text=shared[:40])
        return {"shared": shared} if shared else {}
    return {}


def words_for(content: Mapping[str, Any], *wanted: str | None) -> tuple[str, Mapping[str, str]]:
    """The first of the `wanted` languages that the page has, else its own first one: (language, its words)."""
    languages: Mapping[str, Mapping[str, str]] = content["languages"]
    for one in wanted:
        if one and one[:2].lower() in languages:
            return one[:2].lower(), languages[one[:2].lower()]
    first = next(iter(languages))
    return first, languages[first]


def leads_to(content: Mapping[str, Any]) -> str | None:
    """Where the button leads, for those buttons that lead somewhere. What was written long ago is looked at again."""
    action = Action(content["action"])
    if action is Action.CALL:
        return "tel:" + re.sub(r"[^0-9+]", "", content["number"])
    if action is Action.ROUTE:
        return f"https://www.google.com/maps/dir/?api=1&destination={quote(content['address'], safe='')}"
    if action is Action.SITE and good_address(content["target"]):
        return str(content["target"])
    return None


def codes(text: str) -> list[str]:
    """Discount codes, one a line or between commas, each once. Raises `BadInput` for one that is none."""
    found = list(dict.fromkeys(one.strip() for one in re.split(r"[\s,;]+", text) if one.strip()))
    for one in found:
        if not CODE.fullmatch(one):
            raise BadInput("page_code_wrong", pointer="/codes", text=one[:40])
    if len(found) > MOST_CODES:
        raise BadInput("page_too_many_codes", pointer="/codes", most=MOST_CODES)
    return found

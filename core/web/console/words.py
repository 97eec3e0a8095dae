"""The words of the console: catalogues of keys in `words/*.toml`, French and English side by side.

A page says `_("settings.title")`, or `_n("today.sent", 3)` where the number decides between `one` and `many`.
Catalogues are written with plain spaces and straight apostrophes; French typography is applied when they are read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import structlog
from flask import Flask, g, has_request_context

from core.domain.errors import from_reason
from core.domain.reasons import Reason

LANGUAGES = ("fr", "en")
_NBSP, _NARROW = "\u00a0", "\u202f"
_UNITS = r"(?:h|min|s|j|km|EUR|USD|GBP|CHF|SMS|%|€)"
log = structlog.get_logger(__name__)


def t(key: str, **values: Any) -> str:
    """The words of `key` in the language of the person who looks; `{name}` is filled from `values`. Plain text: Jinja
    escapes it like any other."""
    return said(key, language(), {**_trade(), **values})


def tn(key: str, count: int, **values: Any) -> str:
    """`key.one` or `key.many`, with `{count}`."""
    few = count < 2 if language() == "fr" else count == 1
    return t(f"{key}.{'one' if few else 'many'}", count=grouped(count), **values)


def sentence(reason: Reason | Mapping[str, Any] | None) -> str:
    """A reason of the ledger, as a sentence in the language of the person who looks."""
    if reason is None:
        return ""
    one = reason if isinstance(reason, Reason) else from_reason(reason)
    text = one.sentence(language())
    # Only between letters: a text of somebody else's that is quoted in it keeps its other signs.
    text = re.sub(r"(?<=\w)'(?=\w)", "’", text)
    return _spaced(text) if language() == "fr" else text


def language() -> str:
    """The language of the page: the person's, else the browser's, else French."""
    found = g.get("language", "fr") if has_request_context() else "fr"
    return found if found in LANGUAGES else "fr"


def said(key: str, tongue: str, values: Mapping[str, Any]) -> str:
    """`key` in `tongue`. An unknown key is shown as it is and logged: the tests keep it from being shipped."""
    words = catalogue().get(key)
    if words is None:
        log.error("word missing", key=key)
        return key
    return words[tongue].format_map(_Shown(values))


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """key → language → words, of all files. Raises `ValueError` for a key that is there twice or lacks a language."""
    found: dict[str, Mapping[str, str]] = {}
    for source in sorted(files("core.web.console").joinpath("words").iterdir(), key=lambda one: one.name):
        if not source.name.endswith(".toml"):
            continue
        for key, words in _entries(tomllib.loads(source.read_text(encoding="utf-8"))):
            if key in found or set(words) != set(LANGUAGES):
                raise ValueError(f"{source.name}: {key} is there twice, or is not in {' and '.join(LANGUAGES)}")
            found[key] = {"fr": french(words["fr"]), "en": words["en"].replace("'", "’")}
    return found


def french(text: str) -> str:
    """French typography: spaces that do not break before : ; ! ? », after «, between a number and its unit; ’."""
    return _spaced(text).replace("'", "’")


def _spaced(text: str) -> str:
    text = re.sub(r" (?=[;!?])", _NARROW, text)
    text = re.sub(r" (?=[:»%€])", _NBSP, text)
    text = re.sub(r"(?<=«) ", _NBSP, text)
    return re.sub(rf"(?<=[\d}}]) (?={_UNITS}\b)", _NBSP, text)


def _entries(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, value in tree.items():
        if not isinstance(value, dict):
            raise ValueError(f"{prefix}{name} must be {{fr = …, en = …}}")
        if any(isinstance(inner, str) for inner in value.values()):
            yield f"{prefix}{name}", value
        else:
            yield from _entries(value, f"{prefix}{name}.")


def _trade() -> Mapping[str, str]:
    """`{person}` and `{people}`: patients or clients, as the workspace said."""
    workspace = g.get("workspace") if has_request_context() else None
    word = workspace["settings"].get("people", "patient") if workspace else "patient"
    word = word if word in ("patient", "client") else "client"
    return {"person": said(f"people.{word}.one", language(), {}), "people": said(f"people.{word}.many", language(), {})}


def grouped(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}".replace(",", _NARROW if language() == "fr" else ",")


class _Shown(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"


def register(app: Flask) -> None:
    """`_`, `_n` and the filter `sentence` for every template."""
    app.jinja_env.globals.update(_=t, _n=tn)
    app.jinja_env.filters["sentence"] = sentence

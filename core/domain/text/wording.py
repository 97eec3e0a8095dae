"""A template's text that knows which version it is: what is made of it can point back to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.domain.policy.decision import Check
from core.domain.reasons import Reason


class Wording(str):
    """The text of one version (`version`: its id) in one `language`."""

    __slots__ = ("language", "version")
    language: str
    version: str

    @classmethod
    def of(cls, text: str, version: str, language: str) -> Wording:
        one = cls(text)
        one.version, one.language = version, language
        return one


def version_of(text: str | None) -> str | None:
    """The version whose words these are; None for a text that is no template's."""
    return text.version if isinstance(text, Wording) else None


def chosen(texts: Mapping[str, str], order: Iterable[str | None]) -> tuple[str, str]:
    """(language, text): the first of `order` that is written, else English, else what was written first. `texts` has
    one at least."""
    for language in (*order, "en"):
        if language is not None and language in texts:
            return language, texts[language]
    return next(iter(texts.items()))


def fallback(wanted: str | None, used: str) -> tuple[Check, ...]:
    """What a message says of itself whose person speaks `wanted`, and whose text was not written in it."""
    if wanted is None or wanted == used:
        return ()
    return (Check("language", "passed", Reason("language_fallback", {"wanted": wanted, "used": used})),)

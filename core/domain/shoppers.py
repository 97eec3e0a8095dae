"""Whose phone a cart or an order means: shops hold several numbers of one person, most of them typed freely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.domain.errors import InvalidNumber
from core.domain.events import Evidence
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient

_CANNOT_READ = frozenset({Line.FIXED, Line.SPECIAL})


@dataclass(frozen=True, slots=True)
class Written:
    """A number as a shop holds it: the field it stands in, its text, the country (ISO 3166) of the address beside it."""

    field: str
    text: str | None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Shopper:
    """The person that was found, and where; without one, `trouble` says why."""

    recipient: Recipient | None = None
    trouble: Reason | None = None
    evidence: Evidence | None = None


def whose(written: Iterable[Written], country: str, own: frozenset[str] = frozenset()) -> Shopper:
    """The first of `written` that is a person's phone that takes messages; a fixed line only if there is no other.

    `country` is the shop's, for numbers whose address says none; `own` are the shop's own numbers (E.164).
    """
    trouble: Reason | None = None
    fixed: Shopper | None = None
    for one in written:
        text = (one.text or "").strip()
        if not text:
            continue
        try:
            recipient = Recipient.parse(text, (one.country or country).upper() or None)
        except InvalidNumber as error:
            trouble = trouble or error.reason
            continue
        if recipient.number in own:
            continue
        found = Shopper(recipient, None, Evidence(one.field, text[:40], 0, min(len(text), 40)))
        if recipient.line not in _CANNOT_READ:
            return found
        fixed = fixed or found
    return fixed or Shopper(trouble=trouble or Reason("shop_no_phone"))


def language_of(said: str | None) -> str | None:
    """`fr` of `fr`, `fr-FR`, `fr_CA`; None when that is no language."""
    two = (said or "").replace("_", "-").partition("-")[0].lower()
    return two if len(two) == 2 and two.isascii() and two.isalpha() else None

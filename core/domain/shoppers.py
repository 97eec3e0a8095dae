"""Whose phone a cart or an order means, and what it holds: what the readers of all shops have in common.

A shop keeps several numbers of one person, most of them typed freely, and sums in as many spellings as there are shops.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from core.domain.carts import money
from core.domain.errors import BadInput, InvalidNumber
from core.domain.events import Evidence
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.text.price import decimals_of

_CANNOT_READ = frozenset({Line.FIXED, Line.SPECIAL})


@dataclass(frozen=True, slots=True)
class Written:
    """A number as a shop holds it: the field it stands in, its text, the country (ISO 3166) of the address by it."""

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


def email_of(said: Any) -> str | None:
    """An e-mail address in lower case; None for anything else."""
    address = said.strip().lower() if isinstance(said, str) else ""
    return address if "@" in address and len(address) <= 254 and address.isprintable() else None


def language_of(said: str | None) -> str | None:
    """`fr` of `fr`, `fr-FR`, `fr_CA`; None when that is no language."""
    two = (said or "").replace("_", "-").partition("-")[0].lower()
    return two if len(two) == 2 and two.isascii() and two.isalpha() else None


def sum_of(amount: Any, currency: str) -> dict[str, int | str] | None:
    """`core.domain.carts.money` of what a shop wrote; None where it wrote nothing that is a sum."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float) or amount == "":
        return None
    try:
        # A float is a shop's number in JSON: its shortest spelling is what the shop meant.
        return money(str(amount), currency.upper())
    except BadInput:
        return None


def rounded_sum(amount: Any, currency: str) -> dict[str, int | str] | None:
    """`sum_of` for shops that keep more decimals than people see: rounded to those that the currency has."""
    try:
        rounded = Decimal(str(amount)).quantize(Decimal(1).scaleb(-decimals_of(currency.upper())))
    except (InvalidOperation, ValueError):
        return None
    return sum_of(str(rounded), currency)


def line_of(
    name: str, quantity: Any = 1, price: dict[str, int | str] | None = None, variant: str = ""
) -> dict[str, Any] | None:
    """One line of a cart or an order, as `values["items"]` holds it; None without a name. `price` is for one."""
    name = " ".join(name.split())[:200]
    if not name:
        return None
    try:
        count = int(float(quantity))
    except (TypeError, ValueError, OverflowError):
        count = 1
    said = {"name": name, "quantity": max(count, 0), "variant": " ".join(variant.split())[:100], "price": price}
    return {key: value for key, value in said.items() if value not in ("", None)}

"""A discount code for one person: what a rule offers, and the code that belongs to one cart and one rule.

Pure. The code is a keyed hash, so that the text is whole and measured when the message is planned, while the shop hears
of the code just before it leaves; asked again after a crash, the shop is asked for the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput
from core.domain.text.price import Money, decimals_of

IN_LINK = "code_in_link"
"""In a cart's `Event.private`: the name of the parameter by which its `link` takes a discount code."""
LENGTH = 8
MOST_DAYS = 90
MOST_AMOUNT = 10_000 * 1_000_000
_LETTERS = "23456789BCDFGHJKLMNPQRSTVWXZ"
"""What is not mistaken for another when it is typed, and spells no word: 28^8 are 38 bits."""


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off an order: `percent` of it or `amount`, one of the two; good for `days` from then."""

    days: int
    percent: int | None = None
    amount: Money | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Discount:
        """As a rule's row and the API have it: `{"percent": 10, "days": 7}`, or `{"amount": millionths, "currency":
        "EUR", "days": 7}`. Raises `BadInput` with a pointer below `/discount`."""
        days, percent, amount, currency = (said.get(name) for name in ("days", "percent", "amount", "currency"))
        if type(days) is not int or not 1 <= days <= MOST_DAYS:
            raise BadInput("discount_days", pointer="/discount/days", most=MOST_DAYS)
        if (percent is None) == (amount is None):
            raise BadInput("discount_one_of", pointer="/discount/percent")
        if percent is not None:
            if type(percent) is not int or not 1 <= percent <= 100:
                raise BadInput("discount_percent", pointer="/discount/percent")
            return cls(days, percent)
        if not isinstance(currency, str) or len(currency) != 3 or not currency.isascii() or not currency.isupper():
            raise BadInput("currency_unknown", pointer="/discount/currency", text=str(currency or "")[:10])
        smallest = 10 ** (6 - decimals_of(currency))
        if type(amount) is not int or not 0 < amount <= MOST_AMOUNT or amount % smallest:
            raise BadInput("discount_amount", pointer="/discount/amount", currency=currency)
        return cls(days, amount=Money(amount, currency))

    def as_json(self) -> dict[str, int | str]:
        """As `read` reads it."""
        off: dict[str, int | str] = {"percent": self.percent} if self.percent is not None else {}
        return {**off, **(self.amount.as_json() if self.amount is not None else {}), "days": self.days}

    def ends_at(self, now: datetime, zone: str) -> datetime:
        """The end of its last day on the shop's wall, when it is said at `now`; aware, a whole second."""
        there = ZoneInfo(zone)
        last = now.astimezone(there).date() + timedelta(days=self.days)
        return datetime.combine(last, time(23, 59, 59), there)


def in_link(link: str, private: Mapping[str, Any], code: str) -> str:
    """`link` as it also applies `code`, where the shop's links can (`private` of the cart says so); else as it is."""
    name = private.get(IN_LINK)
    if not isinstance(name, str) or not name:
        return link
    parts = urlsplit(link)
    pairs = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] != name]
    return urlunsplit(parts._replace(query="&".join([*pairs, urlencode({name: code})])))


def code_for(key: bytes, occasion: str, rule: str) -> str:
    """The code of the message that `rule` says about `occasion` (our ids): the same each time under `key`."""
    said = f"{occasion}\n{rule}".encode()
    number = int.from_bytes(hashlib.blake2b(said, key=key[:64], digest_size=16, person=b"relance discount").digest())
    letters = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)

"""What a message costs before it is sent: the dated lines of `prices.toml`, and nothing that is not written there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from core.domain.messages import Channel

_MILLION = 1_000_000
# Plain spaces and signs of the GSM-7 alphabet only, because amounts go into messages.
_MARKS = {"en": (",", "."), "fr": (" ", ","), "de": (".", ","), "es": (".", ","), "it": (".", ",")}
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
# ISO 4217: decimals of the currencies that do not have two.
_DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def decimals_of(currency: str) -> int:
    """How many decimals amounts of that currency (ISO 4217) have."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in millionths of `currency` (ISO 4217): 52_000 EUR is 5.2 cents."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return self.shown("fr")

    def shown(self, language: str = "fr") -> str:
        """With the currency's code, for bills: "0,052 EUR" in French, "0.052 EUR" in English."""
        return f"{self._number(language)} {self.currency}"

    def spoken(self, language: str = "fr") -> str:
        """As people write it in a message: "49,90 €" in French, "€49.90" in English."""
        sign = _SIGNS.get(self.currency)
        if sign is None:
            return self.shown(language)
        if language != "en":
            return f"{self._number(language)} {sign}"
        number = self._number(language)
        return f"-{sign}{number[1:]}" if number.startswith("-") else f"{sign}{number}"

    def as_json(self) -> dict[str, int | str]:
        """`{"amount", "currency"}`, as the API shows money."""
        return {"amount": self.amount, "currency": self.currency}

    def _number(self, language: str) -> str:
        """At least the decimals that the currency has, and no zero after them."""
        thousands, point = _MARKS.get(language, _MARKS["en"])
        whole, rest = divmod(abs(self.amount), _MILLION)
        decimals = f"{rest:06d}".rstrip("0")
        decimals = decimals.ljust(decimals_of(self.currency), "0")
        number = f"{whole:,}".replace(",", thousands) + (point + decimals if decimals else "")
        return f"-{number}" if self.amount < 0 else number


@dataclass(frozen=True, slots=True)
class Line:
    """From the day `since` on, one part costs `part`; `source` says who says so. With a `category` ("marketing",
    "utility", …) only what is of that category does."""

    since: date
    part: Money
    source: str
    category: str = ""


Prices = Mapping[tuple[str, Channel], tuple[Line, ...]]
"""By country (ISO 3166, the overseas regions with their own code) and channel; newest line first."""


_WHOLE = frozenset({Channel.RCS, Channel.WHATSAPP})
"""Billed by the message, however long its text is."""


def price(
    segments: int, country: str, channel: Channel, on: date, prices: Prices | None = None, *, category: str = ""
) -> Money | None:
    """What `segments` parts to `country` cost on that day; `None` when the list does not say, which is not zero. A line
    of that `category` goes before one without."""
    if segments < 0:
        raise ValueError("a message has no negative number of parts")
    found: Line | None = None
    for line in (prices if prices is not None else our_prices()).get((country, channel), ()):
        if line.since > on or line.category not in ("", category):
            continue
        if line.category:
            found = line
            break
        found = found or line
    if found is None:
        return None
    parts = min(segments, 1) if channel in _WHOLE else segments
    return Money(found.part.amount * parts, found.part.currency)


@lru_cache(maxsize=1)
def our_prices() -> Prices:
    """The list that comes with the package."""
    return read_prices(resources.files(__package__).joinpath("prices.toml").read_text("utf-8"))


def read_prices(toml: str) -> Prices:
    """A price list written like `prices.toml`. `ValueError` or `KeyError` names what is wrong in it."""
    lines: dict[tuple[str, Channel], list[Line]] = {}
    for row in tomllib.loads(toml)["price"]:
        if type(row["amount"]) is not int or row["amount"] < 0 or type(row["from"]) is not date:
            raise ValueError(f"{row['country']}: `amount` is a whole number of millionths and `from` a date")
        line = Line(row["from"], Money(row["amount"], row["currency"]), row["source"], row.get("category", ""))
        lines.setdefault((row["country"], Channel(row["channel"])), []).append(line)
    return MappingProxyType({
        where: tuple(sorted(dated, key=lambda line: line.since, reverse=True)) for where, dated in lines.items()
    })

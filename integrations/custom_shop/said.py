"""The JSON that a shop posts, read strictly: what is wrong is said with its JSON pointer and what to write instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlsplit

from core.domain.carts import money
from core.domain.errors import BadInput, Unreadable

MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A value and where it stands. Each way of reading it raises `Unreadable` with its pointer."""

    value: Any
    pointer: str = ""

    @classmethod
    def of_body(cls, body: bytes) -> Place:
        """The object that `body` is. Amounts keep the digits that were written."""
        try:
            value = json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant,
                               object_pairs_hook=_once)  # fmt: skip
        except UnicodeDecodeError as error:
            raise Unreadable("custom_shop_not_json", detail="UTF-8") from error
        except json.JSONDecodeError as error:
            raise Unreadable("custom_shop_not_json", detail=f"line {error.lineno}, column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise Unreadable("custom_shop_not_json", detail=str(error)[:80]) from error
        return cls(value)

    # ------------------------------------------------------------------ inside

    def known(self, *names: str) -> Mapping[str, Any]:
        """The object that it is. No other names than these are allowed: what is misspelt would be lost."""
        if not isinstance(self.value, Mapping):
            self.wrong("custom_shop_not_object")
        for name in self.value:
            if name not in names:
                self.at(str(name)).wrong("custom_shop_unknown_field", name=str(name)[:40], known=", ".join(names))
        return self.value

    def at(self, name: str) -> Place:
        """What stands under `name`; `None` where nothing does."""
        escaped = name.replace("~", "~0").replace("/", "~1")
        inner = self.value.get(name) if isinstance(self.value, Mapping) else None
        return Place(inner, f"{self.pointer}/{escaped}")

    @property
    def missing(self) -> bool:
        return self.value is None

    def wrong(self, code: str, **values: Any) -> NoReturn:
        raise Unreadable(code, pointer=self.pointer, **values)

    # ------------------------------------------------------------------ one value

    def text(self, most: int, *, needed: bool = False) -> str:
        """A text of at most `most` characters, without spaces around it; empty where there is none."""
        if self.missing:
            if needed:
                self.wrong("custom_shop_field_needed")
            return ""
        # Ids are numbers in many shops.
        said = str(self.value) if type(self.value) is int else self.value
        if not isinstance(said, str):
            self.wrong("custom_shop_not_text")
        said = said.strip()
        if len(said) > most or (needed and not said):
            self.wrong("custom_shop_text_length", most=most)
        if not said.isprintable() and most <= 200:
            self.wrong("custom_shop_not_text")
        return said

    def yes(self) -> bool:
        if not isinstance(self.value, bool):
            self.wrong("custom_shop_not_boolean")
        return self.value

    def moment(self) -> datetime | None:
        """RFC 3339 with an offset; aware UTC."""
        said = self.text(40)
        if not said:
            return None
        try:
            moment = datetime.fromisoformat(said)
        except ValueError:
            self.wrong("custom_shop_moment", text=said)
        if moment.tzinfo is None or not 2000 <= moment.year <= 2200:
            self.wrong("custom_shop_moment", text=said)
        return moment.astimezone(UTC)

    def amount(self, currency: str) -> dict[str, int | str] | None:
        """Money in units of `currency`: "84.70" or 84.7."""
        if self.missing:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | Decimal):
            self.wrong("amount_unreadable", text=str(self.value)[:40])
        try:
            return money(self.value, currency)
        except BadInput as error:
            self.wrong(error.reason.code, **error.reason.values)

    def link(self) -> str | None:
        """An address that people may open."""
        said = self.text(2000)
        if not said:
            return None
        try:
            parts = urlsplit(said)
            good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.username is None
        except ValueError:
            good = False
        if not good or not said.isprintable() or " " in said:
            self.wrong("custom_shop_link")
        return said

    def all(self, most: int) -> list[Place]:
        """The list that it is."""
        if self.missing:
            return []
        if not isinstance(self.value, list):
            self.wrong("custom_shop_not_list")
        if len(self.value) > most:
            self.wrong("custom_shop_list_length", most=most)
        return [Place(one, f"{self.pointer}/{index}") for index, one in enumerate(self.value)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f'"{name[:40]}" is there twice')
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

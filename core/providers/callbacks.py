"""What a provider's answers and callbacks are made of, read with distrust: JSON, forms, numbers, dates, sums. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from core.domain.errors import Unreadable

LARGEST_BODY = 1_000_000
DEEPEST = 100
MOST_FIELDS = 500
LONGEST_TEXT = 10_000

Resource = Mapping[str, Any]
Pairs = Sequence[tuple[str, str]]


def json_object(body: bytes) -> Resource:
    """The JSON object that a callback brings. Raises `Unreadable`."""
    found = json_value(body)
    if not isinstance(found, dict):
        raise Unreadable("unreadable", detail="not a JSON object")
    return found


def json_value(body: bytes) -> object:
    """Any JSON, within limits. Raises `Unreadable`."""
    if len(body) > LARGEST_BODY:
        raise Unreadable("unreadable", detail="longer than 1 MB")
    try:
        found: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("unreadable", detail="not JSON") from error
    if _is_deeper_than(found, DEEPEST):
        raise Unreadable("unreadable", detail=f"nested deeper than {DEEPEST}")
    return found


def json_or_none(body: bytes) -> object:
    """The JSON of an answer; None when it is none."""
    try:
        return json_value(body)
    except Unreadable:
        return None


def form(body: bytes) -> Pairs:
    """The fields of a form post (or of a query), in their order, empty ones too. Raises `Unreadable`."""
    if len(body) > LARGEST_BODY:
        raise Unreadable("unreadable", detail="longer than 1 MB")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict",
                         max_num_fields=MOST_FIELDS)
    except ValueError as error:     # UnicodeDecodeError is one
        raise Unreadable("unreadable", detail="not a form") from error


def number(value: object) -> str | None:
    """`33600000001`, with or without + and spaces, as E.164; None for names and short codes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value) if isinstance(value, str) or abs(value) < 10**16 else ""
    digits = re.sub(r"[ .\-()]", "", text[:60]).removeprefix("+").removeprefix("00")
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{6,14}", digits, re.ASCII) else None


def moment(candidates: Iterable[object], now: datetime) -> datetime:
    """The first of the dates (ISO 8601, or as in e-mails) that can be read, in UTC; one without a zone is taken for
    UTC. Never later than `now`, which is the answer without any."""
    for given in candidates:
        if (read := date(given)) is not None:
            return min(read, now)
    return now


def date(given: object) -> datetime | None:
    """One such date, in UTC."""
    if not isinstance(given, str) or not 10 < len(given) < 40:
        return None
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            read = reader(given)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    return None


def micros(amount: object, currency: object, *, signed: bool = True) -> tuple[int | None, str | None]:
    """A sum in micro-units and its currency; (None, None) unless both can be read. What we pay is written with a minus
    by some; where it is not, a sum below zero is none."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | str) or not isinstance(currency, str):
        return None, None
    try:
        found = Decimal(str(amount)[:40]) * 1_000_000
    except ArithmeticError:     # no number at all, or one without end
        return None, None
    least = -(10**12) if signed else -1
    if not re.fullmatch(r"[A-Z]{3}", currency) or not found.is_finite() or not least < found < 10**12:
        return None, None
    return round(abs(found)), currency


def words(value: object, longest: int = 300) -> str:
    """Text from outside on one line, without control characters; empty for anything that is not text or a number."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**16:
        return str(value)
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value[:longest]).split())


def said(value: object) -> str | None:
    """What a person wrote. PostgreSQL keeps no NUL."""
    return value[:LONGEST_TEXT].replace("\x00", "") if isinstance(value, str) else None


_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,140}")


def identifier(value: object) -> str | None:
    """An id as providers give them."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return str(value)
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def _is_deeper_than(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [inner for one in level if isinstance(one, dict | list)
                 for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True

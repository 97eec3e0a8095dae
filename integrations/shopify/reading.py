"""Shopify's JSON, read for what it is: any object may be null, absent, or an empty list; money is a string."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.domain.errors import Unreadable


def body_of(raw: bytes) -> Mapping[str, Any]:
    """The object in `raw`. Raises `Unreadable`."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable("shopify_body_unreadable") from error
    if not isinstance(body, Mapping):
        raise Unreadable("shopify_body_unreadable")
    return body


def identity(value: Any, field: str = "id") -> str:
    """An id as text: a number, a text, or the number at the end of a `gid://`. Raises `Unreadable`."""
    found = optional_identity(value)
    if found is None:
        raise Unreadable("shopify_field_missing", field=field)
    return found


def optional_identity(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    found = str(value).partition("?")[0].rpartition("/")[2]
    return found if found and len(found) <= 64 and found.isprintable() else None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 moment in UTC; None for anything else. Fractions finer than microseconds are cut off."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        found = read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return found if found and 1970 <= found.year <= 2200 else None


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, or of a connection (`nodes`)."""
    if isinstance(value, Mapping):
        value = value.get("nodes")
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

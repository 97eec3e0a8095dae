"""What came from a platform as JSON, taken for what it is worth: what is not there, or of another kind, is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.nothing import NOTHING


def text(value: Any) -> str:
    """Without the blanks around it."""
    return value.strip() if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else NOTHING


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def number(value: Any) -> str | None:
    """An id above 0, as text: one platform writes them as numbers and as texts."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    written = str(value).strip()
    return str(int(written)) if written.isascii() and written.isdigit() and int(written) > 0 else None

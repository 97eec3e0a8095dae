"""What a person types into a provider account, checked field by field before anything is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.contract import Configured
from core.domain.errors import BadInput


@dataclass(frozen=True, slots=True)
class Field:
    """`fits` says whether a value can be used, `example` shows one that can."""

    fits: Callable[[Any], bool]
    example: str
    secret: bool = False
    required: bool = False


def sorted_out(provider: str, fields: Mapping[str, Field], config: Mapping[str, Any], *,
               account: str | None = None) -> Configured:
    """`config` sorted into what may be shown and what is secret. Raises `BadInput` with a pointer. `account` is the
    field that names the outside account."""
    for name in config:
        if name not in fields:
            raise BadInput("provider_field_unknown", pointer=pointer(name), provider=provider, field=name[:60],
                           known=", ".join(fields))
    given = {name: value for name, value in config.items() if value is not None and value != ""}
    for name, field in fields.items():
        if field.required and name not in given:
            raise BadInput("provider_field_missing", pointer=pointer(name), provider=provider, field=name)
        if name in given and not field.fits(given[name]):
            raise BadInput("provider_field_wrong", pointer=pointer(name), field=name, example=field.example)
    shown = {name: value for name, value in given.items() if not fields[name].secret}
    secrets = {name: value for name, value in given.items() if fields[name].secret}
    return Configured(shown, secrets, account=str(shown[account]) if account and account in shown else None)


def pointer(*path: str) -> str:
    """The JSON pointer (RFC 6901) to a field."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1")[:60] for part in path)


def is_text(longest: int) -> Callable[[Any], bool]:
    """Printable ASCII without spaces around it."""
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest and value.isascii() and \
        value.isprintable() and value == value.strip()


def is_line(longest: int) -> Callable[[Any], bool]:
    """One printable line in any script."""
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable()


def is_sid(prefix: str) -> Callable[[Any], bool]:
    """Two letters and 32 hexadecimal digits."""
    return lambda value: isinstance(value, str) and len(value) == 34 and value.startswith(prefix) and \
        all(c in "0123456789abcdefABCDEF" for c in value[2:])


def is_one_of(known: Collection[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in known

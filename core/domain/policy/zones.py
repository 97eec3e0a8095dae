"""In which time zone a recipient lives, as far as we know. Names of places, never offsets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import timezone as number_zones

from core.domain.errors import BadInput
from core.domain.recipients import Recipient

# Both are in the database, and neither says where anybody is.
_NO_PLACE = frozenset({"Factory", "localtime"})

# Countries whose numbers say nothing more of where their owner is.
ONE_CLOCK: Mapping[str, str] = MappingProxyType({"FR": "Europe/Paris"})


def zone(name: str) -> ZoneInfo:
    """The zone of that IANA name ("Europe/Paris"). Raises `BadInput("zone_unknown")`."""
    if name not in _known():
        raise BadInput("zone_unknown", zone=name[:60])
    return ZoneInfo(name)


def zones_of(recipient: Recipient, declared: str | None, workspace_zone: str) -> tuple[ZoneInfo, ...]:
    """The zones that the recipient may be in: when there are several, the hours must be right in all of them.

    The zone that was declared for the person beats what the number says; a number that says nothing gets the
    workspace's zone. Raises `BadInput("zone_unknown")` for a declared name that is no zone.
    """
    if declared:
        return (zone(declared),)
    if recipient.country in ONE_CLOCK:
        return (ZoneInfo(ONE_CLOCK[recipient.country]),)
    found = number_zones.time_zones_for_number(phonenumbers.parse(recipient.number))
    return tuple(zone(name) for name in found if name in _known()) or (zone(workspace_zone),)


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_PLACE

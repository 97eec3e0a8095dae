"""What a workspace decides about itself: its place and language, its sender, its own numbers and hours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from core.domain.attribution import MOST_HOURS
from core.domain.errors import BadInput, InvalidNumber
from core.domain.messages import Channel
from core.domain.policy.senders import check_sender
from core.domain.policy.week import DAYS, Hours
from core.domain.recipients import Recipient
from core.domain.text.links import good_address
from core.engine import scheduling
from core.storage import house
from core.suite import Suite

MOST_OWN_NUMBERS = 50
_COUNTRY = re.compile(r"[A-Z]{2}")
_PART = re.compile(r"[0-9A-Z]{1,3}")


def house_of(
    suite: Suite,
    workspace: str,
    *,
    name: str,
    zone: str,
    country: str,
    subdivision: str,
    language: str,
    people: str,
    health: bool,
    who: str,
) -> None:
    """The workspace's name, place and words; all that is planned is planned again. Raises `BadInput` with a pointer."""
    if not name.strip() or len(name) > 80:
        raise BadInput("name_missing", pointer="/name")
    if zone not in available_timezones():
        raise BadInput("zone_unknown", pointer="/zone", zone=zone[:40])
    if not _COUNTRY.fullmatch(country):
        raise BadInput("country_unknown", pointer="/country", text=country[:20])
    if subdivision and not _PART.fullmatch(subdivision):
        raise BadInput("department_unknown", pointer="/subdivision", text=subdivision[:20])
    if language not in ("fr", "en") or people not in ("patient", "client"):
        raise BadInput("choice_unknown", pointer="/language", text=f"{language} {people}"[:40])
    changes = {"zone": ZoneInfo(zone).key, "country": country, "subdivision": subdivision or None,
               "language": language, "people": people, "health": health}  # fmt: skip
    _change(suite, workspace, changes, who, name=name.strip())


def sending(suite: Suite, workspace: str, *, sender: str, own_numbers: Sequence[str], who: str) -> None:
    """The name or number that messages show, and the business's own numbers as people write them. Raises `BadInput`."""
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, workspace)
    country = known["settings"]["country"] if known else "FR"
    sender = sender.strip()
    if sender and (why := check_sender(sender, country, Channel.SMS, False)) is not None:
        raise BadInput(why.code, pointer="/sender", **why.values)
    numbers = []
    for index, one in enumerate(own_numbers[:MOST_OWN_NUMBERS]):
        try:
            numbers.append(Recipient.parse(one, country).number)
        except InvalidNumber as error:
            error.pointer = f"/own_numbers/{index}"
            raise
    _change(suite, workspace, {"sender": sender or None, "own_numbers": list(dict.fromkeys(numbers))}, who)


def recovery_window(suite: Suite, workspace: str, hours: str, *, who: str) -> None:
    """For how many hours after a message an order is owed to it: orders that come from now on. Raises `BadInput`."""
    if not (hours.isascii() and hours.isdigit() and 1 <= int(hours[:6]) <= MOST_HOURS):
        raise BadInput("window_wrong", pointer="/hours", most=MOST_HOURS)
    _change(suite, workspace, {"recovery_hours": int(hours)}, who)


def link_domain(suite: Suite, workspace: str, domain: str, *, who: str) -> None:
    """The address that short links begin with ("https://go.example.org"), empty for the house's own; what waits is
    worded anew. Raises `BadInput`, pointer `/domain`."""
    _change(suite, workspace, {"link_domain": good_domain(domain)}, who)


def good_domain(domain: str) -> str | None:
    """As it is kept; None for the house's own. Raises `BadInput`, pointer `/domain`."""
    written = domain.strip().rstrip("/").lower()
    if written:
        parts = urlsplit(written) if good_address(written) else None
        if parts is None or parts.scheme != "https" or parts.path or parts.query or parts.fragment:
            raise BadInput("link_domain_wrong", pointer="/domain", text=domain[:60])
    return written or None


def hours(suite: Suite, workspace: str, windows: Mapping[str, str] | None, *, who: str) -> None:
    """The hours in which the workspace wants messages to leave: day ("mon", …) → `"09:00-12:00, 14:00-19:00"`, empty
    for a closed day; None for all that the country allows. Raises `BadInput("bad_hours")`, pointer `/<day>`."""
    if windows is None:
        return _change(suite, workspace, {"hours": None}, who)
    entry: dict[str, list[str]] = {}
    for day in DAYS:
        spans = [span.replace(" ", "") for span in windows.get(day, "").replace(";", ",").split(",") if span.strip()]
        try:
            Hours.read({day: spans})
        except BadInput as error:
            error.pointer = f"/{day}"
            raise
        if spans:
            entry[day] = spans
    if not entry:
        raise BadInput("no_open_hours", pointer="/mon")
    return _change(suite, workspace, {"hours": entry}, who)


def _change(suite: Suite, workspace: str, changes: Mapping[str, Any], who: str, *, name: str | None = None) -> None:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        house.change_settings(tx, changes)
        if name is not None:
            house.rename(tx, name)
        house.note(tx, who, "settings_changed", None, {"fields": sorted(changes)}, now)
        scheduling.replan_open(tx, now, scheduling.live_installations(tx))
    suite.wake()

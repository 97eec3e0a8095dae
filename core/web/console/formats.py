"""How pages write moments, money and telephone numbers, in the language of the person who looks."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import phonenumbers
from flask import Flask, g
from markupsafe import Markup, escape

from core.domain.recipients import mask
from core.secrets import Undecryptable
from core.web.app import current_suite
from core.web.console.session import may
from core.web.console.words import language, t, tn

_NBSP, _NARROW = "\u00a0", "\u202f"
SEALED = "~"
"""How a sealed number begins in an address."""


def zone_here(name: str | None = None) -> ZoneInfo:
    """The zone of that name, else the workspace's, else Paris."""
    workspace = g.get("workspace")
    return ZoneInfo(name or (workspace["settings"]["zone"] if workspace else "Europe/Paris"))


def moment(at: datetime | str | None, zone: str | None = None, *, seconds: bool = False) -> str:
    """`lun. 26 oct. 09:00 (Paris)`: `at` is aware (or RFC 3339 text), shown in `zone`, else in the workspace's zone."""
    if at is None:
        return "—"
    there = _read(at).astimezone(zone_here(zone))
    form = "when.moment" if there.year == current_suite().now().year else "when.moment_year"
    clock = f"{there:%H:%M:%S}" if seconds else f"{there:%H:%M}"
    return t(form, **_names(there.date()), clock=clock, place=place(zone)).replace(" ", _NBSP, 2)


def day(at: datetime | date | str | None, zone: str | None = None) -> str:
    """`lundi 26 octobre`."""
    if at is None:
        return "—"
    if isinstance(at, str | datetime):
        at = _read(at).astimezone(zone_here(zone)).date()
    return t("when.day" if at.year == current_suite().now().year else "when.day_year", **_names(at))


def clock(at: datetime | str | None, zone: str | None = None) -> str:
    """`09:00`, where the place was said already."""
    return f"{_read(at).astimezone(zone_here(zone)):%H:%M}" if at is not None else "—"


def place(zone: str | None = None) -> str:
    """`Paris`: the town of the zone."""
    return zone_here(zone).key.rpartition("/")[2].replace("_", " ")


def ago(at: datetime | str | None) -> str:
    """`il y a 5 min`, `dans 3 jours`: how far `at` is from now."""
    if at is None:
        return t("when.never")
    far = _read(at) - current_suite().now()
    if abs(far) < timedelta(minutes=1):
        return t("when.now")
    size = abs(far)
    if size < timedelta(hours=1):
        said = tn("when.minutes", int(size.total_seconds() // 60))
    elif size < timedelta(days=1):
        said = tn("when.hours", int(size.total_seconds() // 3600))
    else:
        said = tn("when.days", size.days)
    return t("when.ago" if far < timedelta() else "when.ahead", far=said)


def money(micros: int | None, currency: str = "EUR") -> str:
    """`0,052 EUR`: micro-units, with as many decimals as are needed and two at least."""
    if micros is None:
        return "—"
    amount = (Decimal(micros) / 1_000_000).quantize(Decimal("0.0001"))
    whole, _, decimals = f"{abs(amount):f}".partition(".")
    decimals = decimals.rstrip("0").ljust(2, "0")
    french = language() == "fr"
    grouped = f"{int(whole):,}".replace(",", _NARROW if french else ",")
    return f"{'−' if amount < 0 else ''}{grouped}{',' if french else '.'}{decimals}{_NBSP}{currency}"


def phone_number(number: str | None) -> str:
    """`06 12 34 56 78`, `+44 7911 123456`; masked for people who may only look."""
    if not number:
        return "—"
    if not may("editor"):
        return mask(number)
    return spelled(number)


def number_ref(number: str) -> str:
    """A number for an address of ours: for people who may only look, sealed, so that the link leads on and tells
    nothing. `asked.number` reads both."""
    if may("editor"):
        return quote(number, safe="")
    kept = {"number": number}
    return SEALED + current_suite().vault.seal(kept, workspace=g.person.workspace, owner=g.person.id, field="number")


def number_of(ref: str) -> str | None:
    """What `number_ref` sealed for this person."""
    try:
        opened = current_suite().vault.open(
            ref.removeprefix(SEALED), workspace=g.person.workspace, owner=g.person.id, field="number"
        )
    except Undecryptable:
        return None
    return str(opened["number"])


def spelled(number: str) -> str:
    """A number in the form that people of the workspace's country read best."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    workspace = g.get("workspace")
    home = phonenumbers.country_code_for_region(workspace["settings"]["country"] if workspace else "FR")
    form = (
        phonenumbers.PhoneNumberFormat.NATIONAL
        if parsed.country_code == home
        else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return str(phonenumbers.format_number(parsed, form)).replace(" ", _NBSP)


def highlighted(text: str, found: str) -> Markup:
    """`text` with the piece `found` marked, all of it escaped; a long text is cut around the piece."""
    before, piece, after = text.partition(found) if found else (text, "", "")
    if len(before) > 40:
        before = f"…{before[-32:]}"
    if len(after) > 30:
        after = f"{after[:24]}…"
    marked = Markup("<mark>{}</mark>").format(piece) if piece else Markup("")
    return escape(before) + marked + escape(after)


def duration(value: str) -> str:
    """`PT2H` → `2 heures`, for rules."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", value or "")
    if found is None:
        return value
    names = zip(("days", "hours", "minutes"), found.groups(), strict=True)
    return " ".join(tn(f"when.{name}", int(number)) for name, number in names if number)


def _read(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at.astimezone(UTC)


def _names(at: date) -> dict[str, Any]:
    return {
        "weekday": t(f"when.weekday.{at.weekday()}"),
        "weekday_short": t(f"when.weekday_short.{at.weekday()}"),
        "day": t("when.first") if at.day == 1 else str(at.day),
        "month": t(f"when.month.{at.month}"),
        "month_short": t(f"when.month_short.{at.month}"),
        "year": at.year,
    }


def register(app: Flask) -> None:
    """The filters of every template."""
    filters = {
        "moment": moment, "day": day, "clock": clock, "ago": ago, "money": money, "phone": phone_number,
        "highlighted": highlighted, "duration": duration, "place": place, "number_ref": number_ref,
    }
    app.jinja_env.filters.update(filters)

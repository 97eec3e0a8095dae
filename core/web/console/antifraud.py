"""Anti-fraude: what public doors refused and why, closed ranges, open countries, and numbers in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, InvalidNumber
from core.domain.policy.pumping import open_countries
from core.domain.recipients import Recipient
from core.engine import conversion, public
from core.engine.conversion import Conversion
from core.storage import counting, house, people
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("antifraud", __name__, url_prefix="/anti-fraud")
SHOWN_FOR = timedelta(days=30)


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """All on one page."""
    return _shown()


@bp.post("/ranges")
@page(writes="admin")
def mark() -> ResponseReturnValue:
    """Closes a prefix, a number or an address, opens it again, or always lets it in."""
    form, suite = request.form, current_suite()
    typed = form.get("prefix", "").replace(" ", "")[:60]
    days = form.get("days", "")
    until = suite.now() + timedelta(days=int(days)) if days in ("1", "7", "30") else None
    try:
        key = _named(typed) if typed else form.get("key", "")
        public.mark(suite, g.person.workspace, key, form.get("state", ""), who=g.person.id, until=until)
    except BadInput as error:
        return _shown(error)
    return asked.back("/anti-fraud", "good", "settings.saved")


@bp.post("/countries")
@page(writes="admin")
def countries() -> ResponseReturnValue:
    """Where public forms may write to."""
    usual = "usual" in request.form
    chosen = None if usual else request.form.get("countries", "").replace(",", " ").split()
    try:
        public.countries(current_suite(), g.person.workspace, chosen, who=g.person.id)
    except BadInput as error:
        return _shown(error)
    return asked.back("/anti-fraud", "good", "settings.saved")


@bp.post("/quarantine")
@page()
def try_again() -> ResponseReturnValue:
    """A dead number may be tried once more."""
    with current_suite().database.read(g.person.workspace) as tx:
        row = people.contact(tx, request.form.get("contact", ""))
    if row is None:
        raise BadInput("choice_unknown", pointer="/contact", text="")
    public.try_again(current_suite(), g.person.workspace, row["number"], who=g.person.id)
    return asked.back("/anti-fraud", "good", "antifraud.tried")


def _named(typed: str) -> str:
    """A prefix, a whole number or an address, as it was typed."""
    if "." in typed or ":" in typed:
        return f"ip|{typed}"
    try:
        return f"number|{Recipient.parse(typed).number}"
    except InvalidNumber:
        return f"prefix|{typed}"


def _shown(error: BadInput | None = None) -> ResponseReturnValue:
    suite = current_suite()
    now = suite.now()
    with suite.database.read(g.person.workspace) as tx:
        known = house.workspace(tx, g.person.workspace)
        settings = known["settings"] if known else house.DEFAULTS
        refusals = counting.refusals(tx, now - SHOWN_FOR)
        marks = counting.closed(tx)
        quarantined = people.in_quarantine(tx)
        seen = conversion.watched(tx, now, asked.here())
        alarms = public.alarms(tx, now - public.ALARMS_SHOWN_FOR)
    lasting = {
        key: row for key, row in marks.items()
        if row["state"] != "open" and (row["until"] is None or row["until"] > now)
    }  # fmt: skip
    answer = render_template(
        "antifraud.html",
        refusals=refusals,
        marks=lasting,
        open_countries=sorted(open_countries(settings)),
        chosen=settings["public_countries"] is not None,
        quarantined=quarantined,
        seen=seen,
        alarms=alarms,
        line=drawn(seen),
        wrong=sentence(error.reason) if error else None,
    )
    return make_response(answer, 422 if error else 200)


_WIDE, _HIGH, _FOOT = 720, 120, 22


@dataclass(frozen=True, slots=True)
class Line:
    """The ratio of each day as points of a line, and the band in which it commonly lies (its top and its height)."""

    width: int
    height: int
    ground: int
    points: tuple[tuple[float, float, str], ...]
    labels: tuple[tuple[float, str], ...]
    band: tuple[float, float] | None


def drawn(seen: Conversion) -> Line | None:
    """None when no day has enough codes for a ratio."""
    slot = _WIDE / len(seen.days)

    def height(percent: float) -> float:
        return round(_HIGH - percent * (_HIGH - 10) / 100, 1)

    points = tuple(
        (round((place + 0.5) * slot, 1), height(one.percent), f"{one.day:%d/%m} : {one.percent:.0f} %")
        for place, one in enumerate(seen.days)
        if one.percent is not None
    )
    if not points:
        return None
    labels = tuple((round(place * slot + 3, 1), f"{one.day:%d/%m}") for place, one in enumerate(seen.days))[::2]
    band = seen.usual and (height(seen.usual[1]), round(height(seen.usual[0]) - height(seen.usual[1]), 1))
    return Line(_WIDE, _HIGH + _FOOT, _HIGH, points, labels, band or None)

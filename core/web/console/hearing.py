"""Whether a shop or site speaks to us: when it last did, what it is used to, and what of it could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, g, redirect
from flask.typing import ResponseReturnValue

from core.contract import Check, HandsOver, Offers, Pulls, Pushes
from core.domain import silence
from core.domain.errors import NotFound
from core.domain.events import Kind
from core.domain.policy.walltime import at_wall, local
from core.domain.remedies import remedy
from core.engine import intake, preflight
from core.engine.silence import CODE
from core.storage import inbox
from core.storage import shops as stored
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.charts import Bar, Chart
from core.web.console.session import flash, page
from core.web.console.shops import place, shown
from core.web.console.words import language

bp = Blueprint("hearing", __name__, url_prefix="/shops")
KINDS = (Kind.CART, Kind.ORDER, Kind.FORM)
DAYS = 14
LISTED = 20
_HIGH = 120


@dataclass(frozen=True, slots=True)
class Day:
    """What came on one day: read (or heard again), and not understood."""

    day: date
    read: int
    wrong: int


@bp.get("/<installation>/health")
@page()
def health(installation: str) -> ResponseReturnValue:
    """With `?look=1` the platform itself is asked what is missing."""
    here, suite = place(installation, *KINDS), current_suite()
    now, zone = suite.now(), ZoneInfo(here.row.installation.zone)
    today = local(now, asked.here()).date()
    start = at_wall(today - timedelta(days=DAYS - 1), _MIDNIGHT, asked.here())
    checks: tuple[Check, ...] | None = None
    if asked.text("look"):
        checks = preflight.look(suite, g.person.workspace, here.id)
    with suite.database.read(g.person.workspace) as tx:
        counts = stored.by_day(tx, here.id, start, now + timedelta(minutes=5))
        broken = inbox.listed(tx, state="unreadable", installation=here.id, limit=LISTED)
        recent = inbox.listed(tx, installation=here.id, limit=LISTED)
    days = [
        Day(today - timedelta(days=DAYS - 1 - index),
            sum(count for (day, state), count in counts.items() if day == index and state != "unreadable"),
            counts.get((index, "unreadable"), 0))
        for index in range(DAYS)
    ]  # fmt: skip
    gaps = here.row.rhythm.values()
    usual = silence.spoken(timedelta(seconds=max(gaps))) if len(here.row.rhythm) >= silence.LEARNT_AFTER else ""
    missed = here.row.trouble is not None and here.row.trouble.code == CODE
    quiet = now - here.row.heard_at if missed and here.row.heard_at else None
    return shown(
        "shop_health", here, chart=drawn(days), broken=broken, recent=recent, usual=usual, missed=missed,
        hours=int(quiet / timedelta(hours=1)) if quiet else 0, checks=checks,
        mends={one.reason.code: remedy(one.reason.code, language()) for one in checks or () if one.reason},
        pushes=isinstance(here.adapter, Pushes), pulls=isinstance(here.adapter, Pulls),
        hands=isinstance(here.adapter, HandsOver), offers=isinstance(here.adapter, Offers), zone=zone,
    )  # fmt: skip


_MIDNIGHT = silence.WAKES.replace(hour=0)


@bp.post("/<installation>/inbox/<inbox_id>/replay")
@page()
def replay(installation: str, inbox_id: str) -> ResponseReturnValue:
    """Reads a kept request again, after what was wrong was mended."""
    here, suite = place(installation, *KINDS), current_suite()
    with suite.database.write(g.person.workspace) as tx:
        kept = inbox.get(tx, inbox_id)
        if kept is None or kept["installation"] != here.id:
            raise NotFound("inbox entry")
        intake.replay_in(suite, tx, inbox_id)
        after = inbox.get(tx, inbox_id)
    suite.wake()
    good = after is not None and after["state"] != "unreadable"
    flash("good" if good else "warn", "shops.health.replayed" if good else "shops.health.still_wrong")
    return redirect(f"/shops/{here.id}/health#unread", 303)


def drawn(days: list[Day]) -> Chart:
    """A bar a day: what was read below, what was not above it."""
    slot = charts.WIDE / len(days)
    scale = charts.scale(max(one.read + one.wrong for one in days), ground=_HIGH)
    bars: list[Bar] = []
    for index, one in enumerate(days):
        amounts = (("delivered", one.read), ("failed", one.wrong))
        bars += charts.stack(index * slot + slot * 0.15, slot * 0.7, amounts, scale, ground=_HIGH)
    labels = tuple((index * slot, f"{one.day:%d/%m}", index % 2 == 0) for index, one in enumerate(days))
    return Chart(bars=tuple(bars), labels=labels, ground=_HIGH)

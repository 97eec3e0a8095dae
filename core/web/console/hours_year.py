"""The year of allowed hours, this one or the next: what may leave when, and by which rule."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from core.domain.messages import Channel, MessageClass
from core.engine import hours_of_year
from core.storage import house
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page

bp = Blueprint("hours_year", __name__, url_prefix="/settings/hours")
CHANNELS = tuple(str(one) for one in Channel)
CLASSES = (str(MessageClass.MARKETING), str(MessageClass.TRANSACTIONAL))


@bp.get("/year")
@page()
def shown() -> ResponseReturnValue:
    """Twelve months, the holidays, the rules with their source and the day on which they begin."""
    today = asked.today(current_suite().now())
    given = asked.text("year")
    years = range(today.year - 1, today.year + 3)
    year = int(given) if given.isdecimal() and int(given[:4]) in years else today.year
    channel = asked.text("channel") if asked.text("channel") in CHANNELS else CHANNELS[0]
    klass = asked.text("class") if asked.text("class") in CLASSES else CLASSES[0]
    policy = house.policy(g.workspace["settings"])
    found = hours_of_year.year_of(policy, year, Channel(channel), MessageClass(klass), g.language)
    return render_template(
        "hours_year.html",
        found=found,
        year=year,
        years=years,
        today=today,
        channel=channel,
        channels=CHANNELS,
        klass=klass,
        classes=CLASSES,
        open_days=sum(one.kind != "closed" for one in found.days),
    )

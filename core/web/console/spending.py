"""Dépenses: what left and what it cost, by rule, channel, country and day; caps and how full they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput
from core.domain.messages import MessageClass
from core.domain.policy.caps import Measure, Period
from core.engine import capping
from core.engine.overview import bounds
from core.storage import house, rules
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.charts import Bar, Chart
from core.web.console.session import page
from core.web.console.words import sentence, t

bp = Blueprint("spending", __name__, url_prefix="/spending")
CURRENCIES = ("EUR", "CHF", "GBP", "USD")
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Month(Chart):
    """A month drawn, a stacked bar for each day; `cap`: the height of the line of the day's cap, if one is in sight."""

    cap: float | None
    kinds: tuple[str, ...]


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """A month, this one unless another was asked for."""
    return _shown()


@bp.post("/caps")
@page(writes="admin")
def add() -> ResponseReturnValue:
    """A new cap."""
    form = request.form
    try:
        money = form.get("measure") == "money"
        capping.add(
            current_suite(), g.person.workspace,
            measure=Measure.MONEY if money else Measure.MESSAGES,
            most=amount(form.get("most", ""), money),
            period=Period(form["period"]) if form.get("period") in tuple(Period) else Period.DAY,
            rule=form.get("rule") or None,
            country=form.get("country", "").strip() or None,
            currency=form.get("currency", "EUR") if form.get("currency") in CURRENCIES else "EUR",
            who=g.person.id,
        )  # fmt: skip
    except BadInput as error:
        return _shown(error)
    return asked.back("/spending#caps", "good", "spending.cap_added")


@bp.post("/caps/<cap_id>/<verb>")
@page(writes="admin")
def change(cap_id: str, verb: str) -> ResponseReturnValue:
    """change, raise, release, refuse, remove."""
    suite, workspace, who = current_suite(), g.person.workspace, g.person.id
    try:
        if verb in ("change", "raise"):
            most = amount(request.form.get("most", ""), request.form.get("measure") == "money")
            does = capping.raise_today if verb == "raise" else capping.change
            does(suite, workspace, cap_id, most, who=who)
        elif verb == "release":
            capping.let_go(suite, workspace, cap_id, who=who)
        elif verb == "refuse":
            capping.refuse(suite, workspace, cap_id, who=who)
        elif verb == "remove":
            capping.remove(suite, workspace, cap_id, who=who)
        else:
            raise BadInput("choice_unknown", pointer="/verb", text=verb[:20])
    except BadInput as error:
        return _shown(error)
    return asked.back("/spending#caps", "good", f"spending.done.{verb}")


@bp.post("/frequency")
@page(writes="admin")
def frequency() -> ResponseReturnValue:
    """How often one person hears from the workspace for its own sake."""
    try:
        day, week = (amount(request.form.get(name, "") or "0", False, least=0) for name in ("day", "week"))
        capping.frequency(current_suite(), g.person.workspace, day=day, week=week, who=g.person.id)
    except BadInput as error:
        return _shown(error)
    return asked.back("/spending#people", "good", "settings.saved")


def amount(text: str, money: bool, *, least: int = 1) -> int:
    """What a person wrote as a limit: messages, or an amount in whole micro-units. Raises `BadInput`."""
    try:
        found = Decimal(text.replace("\u202f", "").replace("\u00a0", "").replace(" ", "").replace(",", "."))
        exact = found * MILLION if money else found
        if not exact.is_finite() or exact != exact.to_integral_value() or not least <= exact <= capping.LARGEST:
            raise BadInput("cap_bad_most", pointer="/most")
    except InvalidOperation as error:
        raise BadInput("cap_bad_most", pointer="/most") from error
    return int(exact)


def _shown(error: BadInput | None = None) -> Any:
    suite = current_suite()
    now = suite.now()
    today = asked.today(now)
    first = (asked.day("month") or today).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    last = following - timedelta(days=1)
    zone = asked.here()
    with suite.database.read(g.person.workspace) as tx:
        lines = capping.spent(tx, bounds(first, zone)[0], bounds(last, zone)[1])
        caps = capping.filled(tx, now)
        known = house.workspace(tx, g.person.workspace)
        names = {row["id"]: row["name"] for row in rules.rows(tx)}
    settings: Mapping[str, Any] = known["settings"] if known else house.DEFAULTS
    current = first <= today <= last
    by_day = capping.by(lines, lambda one: one.day.isoformat())
    answer = render_template(
        "spending.html",
        first=first,
        before=(first - timedelta(days=1)).replace(day=1),
        following=following if following <= today else None,
        total=capping.by(lines, lambda one: "all"),
        expected=capping.forecast(lines, first, last, today) if current else {},
        chart=drawn(lines, caps, first, last),
        days=[(date.fromisoformat(one.name), one) for one in sorted(by_day, key=lambda line: line.name)],
        tables=(
            ("rule", capping.by(lines, lambda one: names.get(one.rule or "", one.rule or t("spending.no_rule")))),
            ("channel", capping.by(lines, lambda one: t(f"channel.{one.channel}"))),
            ("country", capping.by(lines, lambda one: one.country)),
            ("class", capping.by(lines, lambda one: t(f"class.{one.message_class}"))),
        ),
        caps=caps,
        rules=sorted(names.items(), key=lambda item: item[1]),
        names=names,
        periods=capping.PERIODS,
        currencies=CURRENCIES,
        frequency=settings["frequency"],
        suggested=_suggested,
        wrong=sentence(error.reason) if error else None,
    )
    return make_response(answer, 422 if error else 200)


def _suggested(one: capping.Filled) -> str:
    """What a raised cap would have to be for all that waits to leave, as a person would write it."""
    most = max(one.used + one.waiting, one.cap.most)
    if one.cap.measure is not Measure.MONEY:
        return str(most)
    return f"{Decimal(most) / MILLION:f}".replace(".", "," if g.language == "fr" else ".")


def drawn(lines: Sequence[capping.Spent], caps: Sequence[capping.Filled], first: date, last: date) -> Month:
    """The month as plain rectangles: what each class cost, or how many there were where nothing has a price."""
    days = (last - first).days + 1
    priced = any(one.micros for one in lines)
    size: Callable[[capping.Spent], int] = (lambda one: one.micros) if priced else (lambda one: one.count)
    measure = Measure.MONEY if priced else Measure.MESSAGES
    daily = [
        one.cap.most for one in caps
        if one.cap.period is Period.DAY and one.cap.measure is measure and not (one.cap.rule or one.cap.country)
    ]  # fmt: skip
    heights: dict[tuple[int, str], int] = {}
    for one in lines:
        key = ((one.day - first).days, str(one.message_class))
        heights[key] = heights.get(key, 0) + size(one)
    most = max((sum(heights.get((day, str(kind)), 0) for kind in MessageClass) for day in range(days)), default=0)
    # A cap far above all bars is a line at the top of an empty drawing: it is in sight when it is near.
    line = min(daily, default=0)
    seen = line if line and line <= 3 * most else 0
    scale = (charts.HIGH - charts.HEADROOM) / max(most, seen, 1)
    slot = charts.WIDE / days
    bars: list[Bar] = []
    for day in range(days):
        amounts = [(str(kind), heights.get((day, str(kind)), 0)) for kind in MessageClass]
        bars += charts.stack(day * slot + 2, slot - 4, amounts, scale, least=2)
    labels = tuple((round(day * slot + 3, 1), str(day + 1), day % 10 == 0) for day in range(0, days, 5))
    kinds = tuple(str(kind) for kind in MessageClass if any(key[1] == kind for key in heights))
    cap = round(charts.HIGH - seen * scale, 1) if seen else None
    return Month(bars=tuple(bars), labels=labels, cap=cap, kinds=kinds)

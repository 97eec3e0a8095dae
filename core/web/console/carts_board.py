"""The board of a shop's carts: what came back and what it cost, the honest figure, and each cart with its story."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from core.domain import carts as domain
from core.domain.attribution import RECOVERED, Uplift
from core.domain.errors import NotFound, from_reason
from core.domain.events import Closed, Kind
from core.domain.messages import LEFT, State
from core.domain.occasions import Occasion
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.engine import measuring, recipes
from core.engine.attributing import window_of
from core.storage import occasions, people, rules
from core.storage import shops as stored
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.charts import Bar, Chart
from core.web.console.formats import moment
from core.web.console.messages import Line
from core.web.console.session import page
from core.web.console.shops import amounts, place, shown, total
from core.web.console.words import t

bp = Blueprint("carts_board", __name__, url_prefix="/shops")
PERIODS = (7, 30, 90)
PAGE = 20
_OVER = (State.CANCELLED, State.SUPERSEDED, State.EXPIRED, State.SUPPRESSED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a cart, in one word (`stored.FATES`, or "unreachable"), and why if that is not plain."""

    name: str
    reason: Reason | Mapping[str, Any] | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Days(Chart):
    """Nudges by day, and of them the orders that came back by click or code."""

    days: tuple[tuple[date, int, int], ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The uplift as a line: where nothing is, where the interval begins and ends, where the difference lies; of 100."""

    nothing: float
    low: float
    high: float
    point: float
    reach: int
    """points at either end of the line"""


@bp.get("/<installation>")
@page()
def board(installation: str) -> ResponseReturnValue:
    """The figures of a period, and the carts behind whichever of them was opened."""
    here, suite = place(installation, Kind.CART), current_suite()
    now = suite.now()
    days = int(asked.text("days")) if asked.text("days") in {str(one) for one in PERIODS} else measuring.DAYS
    since = now - timedelta(days=days)
    fate = asked.text("fate") if asked.text("fate") in stored.FATES else ""
    with suite.database.read(g.person.workspace) as tx:
        measured = measuring.measure(tx, here.id, here.row.installation.name, since, now, now)
        about = {row["id"]: row["on"] for row in rules.rows(tx, installation=here.id)}
        found = stored.carts(tx, here.id, since, now + timedelta(minutes=5), fate=fate, after=asked.text("after"),
                             limit=PAGE + 1)  # fmt: skip
        counts = stored.tallied(tx, here.id, since, now + timedelta(minutes=5), ("nudged", "clicked", "stopped"))
        around = stored.around(tx, [one.id for one in found])
        known = recipes.read(tx, here.row)
    mine = _of_carts(measured, about)
    return shown(
        "shop_board", here, figures=mine.total(), counts=counts, uplift=measured.uplift, says=_honest(measured.uplift),
        drawn=interval(measured.uplift), chart=drawn(mine, since, now, days), days=days, periods=PERIODS, fate=fate,
        fates=stored.FATES, carts=[(one, fate_of(one, around)) for one in found[:PAGE]], recipe=known,
        after=found[PAGE - 1].id if len(found) > PAGE else "", settled=measured.settled_until,
        window=window_of(g.workspace["settings"]) // timedelta(hours=1), after_now=asked.text("after"),
    )  # fmt: skip


def _of_carts(measured: measuring.Measured, about: Mapping[str, str]) -> measuring.Measured:
    """Without what rules about orders said: their messages are no nudges. A rule that is gone may have been one."""
    kept = {key: one for key, one in measured.by_day.items() if about.get(key[0], "cart") == Kind.CART}
    return measuring.Measured(
        measured.installation, measured.name, kept, measured.names, measured.uplift, measured.settled_until
    )


def _honest(one: Uplift) -> Reason:
    if not one.enough:
        return Reason("uplift_not_enough", {"nudged": one.nudged, "control": one.control})
    return Reason("uplift_clear" if one.certain else "uplift_unclear")


def interval(one: Uplift) -> Interval | None:
    """None while there is not enough to say."""
    if one.difference is None or one.low is None or one.high is None:
        return None
    reach = max(10, *(int(abs(value)) // 10 * 10 + 10 for value in (one.low, one.high)))

    def place_of(points: float) -> float:
        return round(50 + 50 * points / reach, 1)

    return Interval(50, place_of(one.low), place_of(one.high), place_of(one.difference), reach)


def drawn(measured: measuring.Measured, since: datetime, now: datetime, days: int) -> Days:
    """A bar a day, the newest at the right."""
    zone = asked.here()
    last = local(now, zone).date()
    wanted = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    sums = {day: [0, 0] for day in wanted}
    for (_, day), one in measured.by_day.items():
        if day in sums:
            sums[day][0] += one.sent
            sums[day][1] += one.recovered
    most = max((one[0] for one in sums.values()), default=0)
    slot = charts.WIDE / days
    bars: list[Bar] = []
    labels: list[tuple[float, str, bool]] = []
    every = 7 if days > 7 else 1
    for index, day in enumerate(wanted):
        sent, back = sums[day]
        for piece in (("sent", sent), ("delivered", min(back, sent))):
            bars += charts.stack(index * slot + slot * 0.15, slot * 0.7, [piece], charts.scale(most))
        if (days - 1 - index) % every == 0:
            labels.append((round(index * slot, 1), f"{day:%d/%m}", (days - 1 - index) % (2 * every) == 0))
    told = tuple((day, sums[day][0], sums[day][1]) for day in reversed(wanted) if any(sums[day]))
    return Days(bars=tuple(bars), labels=tuple(labels), days=told)


# ---------------------------------------------------------------------------------------------- one cart


def fate_of(cart: Occasion, around: stored.Around) -> Fate:
    """The word of a cart: the best that came of it."""
    owed = around.owed.get(cart.id, [])
    messages = around.messages.get(cart.id, [])
    answers = around.answers.get(cart.id, [])
    left = [row for row in messages if State(row["state"]) in LEFT]
    for row in owed:
        if row["kind"] in {str(how) for how in RECOVERED}:
            return Fate("recovered", at=row["at"])
    if any(row["kind"] == "after" for row in owed):
        return Fate("after", at=owed[0]["at"])
    if any(row["id"] in around.stopped for row in left):
        return Fate("stopped")
    if any(row["id"] in around.clicks for row in left):
        return Fate("clicked")
    if left:
        return Fate("nudged", at=left[-1]["left_at"])
    waiting = [row for row in messages if row["state"] in ("scheduled", "held", "sending")]
    skipped = next((row["reason"] for row in answers if row["answer"] == "skip" and row["reason"]), None)
    if waiting or (not messages and any(row["answer"] == "send" for row in answers)):
        at = waiting[0]["due_at"] if waiting else next(row["wanted_at"] for row in answers if row["answer"] == "send")
        return Fate("waiting", at=at)
    if cart.closed is Closed.DONE or (skipped and skipped["code"] == "ordered"):
        return Fate("ordered")
    if cart.id in around.left_out or (skipped and skipped["code"] == "control_group"):
        return Fate("left_out", at=around.left_out.get(cart.id))
    if cart.closed is not None:
        return Fate("emptied")
    ended = next((row["reason"] for row in messages if row["reason"]), None)
    return Fate("silent", skipped or ended or cart.trouble)


@bp.get("/<installation>/carts/<cart_id>")
@page()
def story(installation: str, cart_id: str) -> ResponseReturnValue:
    """One cart: what was in it, and everything that came of it."""
    here, suite = place(installation, Kind.CART), current_suite()
    with suite.database.read(g.person.workspace) as tx:
        cart = occasions.get(tx, cart_id)
        if cart is None or cart.installation != here.id or cart.kind is not Kind.CART:
            raise NotFound("occasion")
        around = stored.around(tx, [cart.id])
        names = asked.names(suite, tx).rules
        said = people.consents(tx, to=cart.recipient.number, limit=20) if cart.recipient else []
        purchases = {one.id: one for one in occasions.by_ids(tx, [
            row["purchase"] for row in around.owed.get(cart.id, [])])}  # fmt: skip
    items = cart.values.get("items")
    return shown(
        "shop_cart", here, cart=cart, fate=fate_of(cart, around), told=told(cart, around, names, said, purchases),
        items=[one if isinstance(one, Mapping) else {"name": one} for one in items] if isinstance(items, list) else [],
        message=_picture(around.messages.get(cart.id, [])),
    )  # fmt: skip


def _picture(messages: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The message to show: the newest that left, else the newest."""
    left = [row for row in messages if State(row["state"]) in LEFT]
    return next(iter((left or messages)[-1:]), None)


def told(
    cart: Occasion,
    around: stored.Around,
    names: Mapping[str, str],
    consents: list[Mapping[str, Any]],
    purchases: Mapping[str, Occasion],
) -> list[Line]:
    """Arrived, agreed, changed, left out, nudged, clicked, ordered: oldest first."""
    lines: list[tuple[datetime, int, Line]] = []

    def add(at: datetime, order: int, look: str, sign: str, title: str, **more: Any) -> None:
        lines.append((at, order, Line(at, look, sign, title, **more)))

    began, changed = cart.first_seen or cart.at, domain.changed_at(cart)
    add(min(began, changed), 0, "grey", "cart", t("shops.story.arrived"), text=total(cart.values))
    if changed - began > timedelta(minutes=1) and cart.closed is None:
        add(changed, 1, "grey", "refresh", t("shops.story.changed"))
    # Of several yeses (or noes) the newest one counts.
    words = {row["state"]: row for row in reversed(consents) if row["scope"] in ("marketing", "all")}
    for row in words.values():
        if row["at"] <= cart.at or row["state"] == "out":
            yes = row["state"] == "in"
            text = str(row["proof"].get("text") or "")
            add(row["at"], 1, "green" if yes else "red", "check" if yes else "cross",
                t("shops.story.agreed" if yes else "shops.story.refused"),
                text=f"« {text} »" if " " in text else "")  # fmt: skip
    if cart.closed is not None:
        add(cart.at, 5, "grey", "check" if cart.closed is Closed.DONE else "cross",
            t("shops.story.done" if cart.closed is Closed.DONE else "shops.story.emptied"))  # fmt: skip
    if cart.id in around.left_out:
        add(around.left_out[cart.id], 3, "amber", "skip", t("shops.story.left_out"))
    spoken = set()
    for row in around.messages.get(cart.id, []):
        spoken.add(row["rule"])
        rule, state = names.get(row["rule"], t("story.gone_rule")), State(row["state"])
        if row["left_at"] is not None and state in LEFT:
            add(row["left_at"], 3, "blue", "send", t("shops.story.nudged", rule=rule), text=row["text"])
        elif state in _OVER:
            add(row["changed_at"], 3, "grey", "cross", t("shops.story.called_off", rule=rule),
                reason=from_reason(row["reason"]) if row["reason"] else None)  # fmt: skip
        else:
            add(row["due_at"], 6, "blue", "clock", t("shops.story.planned", rule=rule), text=row["text"])
        for at in around.clicks.get(row["id"], []):
            add(at, 4, "green", "link", t("shops.story.clicked"))
        if row["id"] in around.stopped:
            add(row["changed_at"], 4, "red", "cross", t("shops.story.stopped"))
    for row in around.owed.get(cart.id, []):
        order = purchases.get(row["purchase"])
        number = str(order.values.get("number") or "") if order else ""
        text = amounts({row["currency"]: row["amount"]}) if row["amount"] is not None else ""
        add(row["at"], 5, "green", "check-double", t(f"shops.story.ordered_{row['kind']}", number=number), text=text)
    for row in around.answers.get(cart.id, []):
        if row["answer"] == "skip" and row["reason"] and row["rule"] not in spoken:
            rule = names.get(row["rule"], t("story.gone_rule"))
            add(row["at"], 7, "grey", "skip", t("shops.story.no_message", rule=rule),
                reason=from_reason(row["reason"]))  # fmt: skip
        elif row["answer"] == "send" and row["rule"] not in spoken and row["wanted_at"]:
            rule = names.get(row["rule"], t("story.gone_rule"))
            add(row["wanted_at"], 7, "amber", "eye", t("shops.story.would_leave", rule=rule),
                text=t("story.due", at=moment(row["wanted_at"])))  # fmt: skip
    return [line for _, _, line in sorted(lines, key=lambda one: (one[0], one[1]))]



"""What became of a campaign: its funnel with the reasons of those who were lost, its texts side by side, its orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domain.attribution import CERTAINTY, uplift
from core.domain.campaigns import STEPS, WINDOW, By, Campaign, Figures, did_best, step_of
from core.domain.policy.walltime import Duration, format_duration
from core.domain.reasons import Reason
from core.storage import campaigns
from core.storage.database import Transaction

_DELIVERED = ("delivered", "read")
_STILL = ("scheduled", "held", "sending")


@dataclass(frozen=True, slots=True)
class Orders:
    """`people` of a group whose time to order is over, and how many of them have."""

    people: int = 0
    ordered: int = 0

    def plus(self, people: int, ordered: int) -> Orders:
        return Orders(self.people + people, self.ordered + ordered)

    def as_json(self) -> dict[str, int]:
        return {"people": self.people, "orders": self.ordered}


def figures(tx: Transaction, campaign: Campaign, now: datetime | None = None) -> dict[str, Figures]:
    """variant → what became of its messages. Orders are counted only with `now`: until then."""
    sums = campaigns.messages(tx, campaign.id)
    answered = campaigns.answered(tx, campaign.id)
    ordered: Counter[str] = Counter()
    if now is not None:
        for state, variant, _, _, count in campaigns.ordered(tx, campaign.id, WINDOW, now + WINDOW):
            if state == campaigns.PLANNED and variant is not None:
                ordered[variant] += count
    return {
        one.name: _figures(
            [said for said in sums if said.variant == one.name],
            {what: counts.get(one.name, 0) for what, counts in answered.items()},
            ordered[one.name],
        )
        for one in campaign.variants
    }  # fmt: skip


def total(of_variants: Iterable[Figures]) -> Figures:
    """All of them together."""
    names = ("waiting", "left", "delivered", "failed", "clicked", "replied", "stopped", "ordered")
    found = list(of_variants)
    return Figures(**{name: sum(getattr(one, name) for one in found) for name in names})


def _figures(sums: Sequence[campaigns.Sums], answered: Mapping[str, int], ordered: int) -> Figures:
    return Figures(
        waiting=sum(one.count for one in sums if one.state in _STILL),
        left=sum(one.count for one in sums if one.left or one.state == "failed"),
        delivered=sum(one.count for one in sums if one.state in _DELIVERED),
        failed=sum(one.count for one in sums if one.state == "failed"),
        clicked=answered.get("clicked", 0),
        replied=answered.get("replied", 0),
        stopped=answered.get("stopped", 0),
        ordered=ordered,
    )


def as_json(tx: Transaction, row: Mapping[str, Any], now: datetime, language: str) -> dict[str, Any]:
    """The results of a campaign that was sent, as the API shows them."""
    campaign = campaigns.campaign(row)
    people = campaigns.counted(tx, campaign.id)
    sums, lost = campaigns.messages(tx, campaign.id), campaigns.lost(tx, campaign.id)
    by_variant = figures(tx, campaign, now)
    every = total(by_variant.values())
    states: Counter[str] = Counter()
    for (state, _), count in people.items():
        states[state] += count
    return {
        "people": {
            "audience": sum(states.values()),
            **{name: states[name] for name in
               (campaigns.WAITING, campaigns.PLANNED, campaigns.LEFT_OUT, campaigns.CONTROL)},
        },
        "pending": every.waiting + states[campaigns.WAITING],
        "funnel": funnel(sum(states.values()), lost, every, _clicked_and_ordered(tx, campaign, now), language),
        "variants": [
            {
                "name": one.name,
                "share": one.share,
                "won": row["won"] == one.name,
                "people": sum(count for (_, name), count in people.items() if name == one.name),
                **_shown(by_variant[one.name]),
                "cost": _costs([said for said in sums if said.variant == one.name]),
            }
            for one in campaign.variants
        ],
        "totals": {**_shown(every), "cost": _costs(sums)},
        "orders": _orders(tx, campaign, now, language),
    }  # fmt: skip


def funnel(
    audience: int, lost: Iterable[campaigns.Lost], every: Figures, converted: int, language: str
) -> list[dict[str, Any]]:
    """How many are left after each step, and why the others are not. Who is still to be written to is counted as not
    lost, until it is said what left."""
    at: dict[str, dict[str, tuple[Reason, int]]] = {step: {} for step in STEPS}
    for one in lost:
        step = at[one.step or step_of(one.reason.code)]
        step[one.reason.code] = one.reason, step.get(one.reason.code, (one.reason, 0))[1] + one.count
    left = audience
    said = [_step("audience", audience, {}, language)]
    for name in STEPS[:-1]:
        left -= sum(count for _, count in at[name].values())
        said.append(_step(name, left, at[name], language))
    said.append(_step("sent", every.left, at["sent"], language))
    for name, count in (("delivered", every.delivered), ("clicked", every.clicked), ("converted", converted)):
        said.append(_step(name, count, {}, language))
    return said


def _step(name: str, count: int, reasons: Mapping[str, tuple[Reason, int]], language: str) -> dict[str, Any]:
    most = sorted(reasons.values(), key=lambda one: (-one[1], one[0].code))
    return {
        "step": name,
        "count": count,
        "lost": sum(number for _, number in most),
        "reasons": [{**reason.as_json(language), "count": number} for reason, number in most],
    }


def _clicked_and_ordered(tx: Transaction, campaign: Campaign, now: datetime) -> int:
    return sum(
        ordered for state, _, clicked, _, ordered in campaigns.ordered(tx, campaign.id, WINDOW, now + WINDOW)
        if clicked and state == campaigns.PLANNED
    )  # fmt: skip


def _orders(tx: Transaction, campaign: Campaign, now: datetime, language: str) -> dict[str, Any]:
    """Orders of those whose time to order is over: of people who were written to, and of those who were left out."""
    written, clicked, control = Orders(), Orders(), Orders()
    for state, _, followed, people, ordered in campaigns.ordered(tx, campaign.id, WINDOW, now):
        if state == campaigns.CONTROL:
            control = control.plus(people, ordered)
            continue
        written = written.plus(people, ordered)
        if followed:
            clicked = clicked.plus(people, ordered)
    measured = uplift(written.people, written.ordered, control.people, control.ordered)
    if not measured.enough:
        why = Reason("campaign_uplift_not_enough", {"written": measured.nudged, "control": measured.control})
    else:
        why = Reason("uplift_clear" if measured.certain else "uplift_unclear")
    return {
        "window": format_duration(Duration(elapsed=WINDOW)),
        "written_to": written.as_json(),
        "clicked": clicked.as_json(),
        "control_group": control.as_json(),
        "enough": measured.enough,
        "points": _rounded(measured.difference),
        "low": _rounded(measured.low),
        "high": _rounded(measured.high),
        "certainty": CERTAINTY,
        "says": why.as_json(language),
    }


def _rounded(points: float | None) -> float | None:
    return None if points is None else round(points, 2)


def _shown(one: Figures) -> dict[str, Any]:
    return {
        "waiting": one.waiting, "left": one.left, "delivered": one.delivered, "failed": one.failed,
        "clicked": one.clicked, "replied": one.replied, "stopped": one.stopped, "ordered": one.ordered,
        "click_rate": _rate(one, one.clicked), "stop_rate": _rate(one, one.stopped),
        "failure_rate": _rate(one, one.failed),
    }  # fmt: skip


def _rate(one: Figures, count: int) -> float | None:
    return round(count / one.left, 4) if one.left else None


def _costs(sums: Iterable[campaigns.Sums]) -> list[dict[str, Any]]:
    costs: Counter[str] = Counter()
    for one in sums:
        if one.left and one.currency:
            costs[one.currency] += one.cost
    return [{"amount": amount, "currency": currency} for currency, amount in sorted(costs.items())]


def best(tx: Transaction, campaign: Campaign, by: By, now: datetime) -> str:
    """The name of the text that did best so far."""
    known = figures(tx, campaign, now if by is By.ORDERS else None)
    return did_best(by, [(one.name, known[one.name]) for one in campaign.variants])

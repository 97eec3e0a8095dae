"""Replays past carts: what the rules would have done with them, had they been there. Promises nothing about revenue.

Each cart is looked at as of its last change, with the orders, the hours and the other carts of its person as they were.
What people allow and stop is taken as it is today, because that is who can be reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from core.domain.carts import Around, Nudge, Order, Shop, arounds, changed_at, ordered
from core.domain.events import Closed, Kind
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip, plan
from core.domain.policy.consent import Standing, may_send
from core.domain.policy.decision import Policy
from core.domain.reasons import Reason
from core.domain.recipients import Line
from core.domain.rules import Rule
from core.domain.text.price import Money

_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
_TAKES_TEXTS = frozenset({Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP})


@dataclass(slots=True)
class Replay:
    """Counts of carts, but for `messages`, `moved`, `segments` and `cost`, which are about messages."""

    carts: int = 0
    reachable: int = 0
    """with a number that takes texts, whose person allows these messages"""
    would_have_left: int = 0
    ordered_before: int = 0
    """the order came before the message"""
    emptied_before: int = 0
    left_out: int = 0
    """the control group"""
    messages: int = 0
    moved: int = 0
    """put off to a lawful hour"""
    segments: int = 0
    cost: Counter[str] = field(default_factory=Counter)
    """currency → millionths"""
    without_price: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """why there would have been no message: code → how many"""
    told: list[Told] = field(default_factory=list)
    """each cart, in the order in which they changed last"""

    def of(self, figure: str) -> list[Told]:
        """The carts behind a figure: "carts", "reachable", "would_have_left", "ordered_before", "emptied_before",
        "left_out", "moved", or the code of a reason. Of `moved` the figure counts messages."""
        return [one for one in self.told if figure in one.figures]


@dataclass(frozen=True, slots=True)
class Told:
    """What would have become of one cart: the messages, and why there are no others. `figures`: where it counts."""

    cart: Occasion
    sends: tuple[Send, ...]
    reasons: tuple[Reason, ...]
    figures: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Past:
    """A cart as it was after its last change, and when and how it ended."""

    cart: Occasion
    ended_at: datetime | None
    ended: Closed | None


def replay(
    found: Sequence[Occasion], shop: Shop, rules: Sequence[Rule], policy: Policy, *, control: int, key: str
) -> Replay:
    """What `rules` would have done with the carts `found`. `shop` holds the orders and carts of the same people."""
    result = Replay()
    speaking = [rule for rule in rules if rule.on is Kind.CART]
    past = sorted((_as_it_was(one) for one in found), key=lambda one: (changed_at(one.cart), one.cart.key))
    others = [_as_it_was(one).cart for one in shop.carts]
    known = arounds([one.cart for one in past], Shop(shop.orders, tuple(others)), control=control, control_on=True,
                    key=key)  # fmt: skip
    nudged: dict[str, list[Nudge]] = {}
    for one in past:
        _one(result, one, known[one.cart.id], speaking, policy, nudged)
    return result


def _as_it_was(cart: Occasion) -> _Past:
    if cart.closed is None:
        return _Past(cart, None, None)
    changed = cart.content_at if cart.content_at is not None and cart.content_at > _EPOCH else cart.start or cart.at
    open_then = replace(cart, closed=None, at=changed, start=None, muted=False)
    return _Past(open_then, cart.at, cart.closed)


def _one(
    result: Replay,
    one: _Past,
    around: Around,
    rules: Sequence[Rule],
    policy: Policy,
    nudged: dict[str, list[Nudge]],
) -> None:
    cart, person = one.cart, one.cart.recipient
    result.carts += 1
    figures, sends, reasons = {"carts"}, list[Send](), list[Reason]()
    if rules and _reachable(cart, rules, policy.standings):
        result.reachable += 1
        figures.add("reachable")
    order = ordered(cart, around.orders)
    said: Counter[str] = Counter()
    for rule in rules:
        then = replace(
            around,
            orders=(),
            # What its person put into another cart later was not known yet.
            carts=(),
            nudges=tuple(nudged.get(person.number, ())) if person else (),
        )
        for answer in plan(cart, [rule], policy, changed_at(cart), then):
            why = _overtaken(answer, one, order, around.carts, rule) if isinstance(answer, Send) else answer.reason
            if isinstance(answer, Skip) or why is not None:
                said[why.code if why else ""] += 1
                reasons += [why] if why else []
                continue
            _count(result, answer)
            sends.append(answer)
            said["left"] += 1
            if person is not None:
                nudged.setdefault(person.number, []).append(Nudge(cart.id, answer.send_at))
    result.reasons.update({code: number for code, number in said.items() if code != "left"})
    result.would_have_left += bool(said["left"])
    for code, name in (("ordered", "ordered_before"), ("occasion_emptied", "emptied_before"),
                       ("control_group", "left_out")):  # fmt: skip
        if said[code] and not said["left"]:
            setattr(result, name, getattr(result, name) + 1)
            figures.add(name)
            break
    figures |= {"would_have_left"} if sends else set()
    figures |= {"moved"} if any(map(_moved, sends)) else set()
    figures |= {reason.code for reason in reasons}
    result.told.append(Told(cart, tuple(sends), tuple(reasons), frozenset(figures)))


def _reachable(cart: Occasion, rules: Sequence[Rule], standings: Mapping[str, Standing]) -> bool:
    if cart.recipient is None or cart.recipient.line not in _TAKES_TEXTS:
        return False
    standing = standings.get(cart.recipient.number, Standing())
    return any(may_send(rule.message_class, standing) is None for rule in rules)


def _overtaken(
    answer: Send, one: _Past, order: Order | None, others: Sequence[Occasion], rule: Rule
) -> Reason | None:
    """What came between the cart's last change and the moment of the message."""
    if order is not None and order.placed_at <= answer.send_at:
        return Reason("ordered", {"order": order.number or "–"})
    if one.ended_at is not None and one.ended_at <= answer.send_at:
        return Reason("ordered" if one.ended is Closed.DONE else "occasion_emptied")
    if rule.once_per_person is not None and any(
        changed_at(one.cart) < changed_at(other) <= answer.send_at for other in others
    ):
        return Reason("newer_cart")
    return None


def _count(result: Replay, answer: Send) -> None:
    result.messages += 1
    result.moved += _moved(answer)
    result.segments += answer.measure.segments
    if answer.price is None:
        result.without_price += 1
    else:
        result.cost[answer.price.currency] += answer.price.amount


def _moved(answer: Send) -> bool:
    return any(check.name == "hours" and check.result == "moved" for check in answer.checks)


def cost_of(result: Replay) -> list[Money]:
    return [Money(amount, currency) for currency, amount in sorted(result.cost.items())]


def as_json(result: Replay) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "carts": result.carts,
        "reachable": result.reachable,
        "would_have_left": result.would_have_left,
        "ordered_before": result.ordered_before,
        "emptied_before": result.emptied_before,
        "left_out": result.left_out,
        "messages": result.messages,
        "moved": result.moved,
        "segments": result.segments,
        "price": [one.as_json() for one in cost_of(result)],
        "without_price": result.without_price,
        "reasons": dict(result.reasons),
    }

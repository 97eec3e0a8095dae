"""By which account a message leaves: its channel, its country, its class, the price, a split, and who is well. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from core.domain.breaker import Standing
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason

EVERYWHERE = "*"
_NO_PRICES: Mapping[str, int] = MappingProxyType({})
_FREE = 1 << 62


@dataclass(frozen=True, slots=True)
class Leaving:
    """What matters of a message."""

    channel: Channel
    country: str
    message_class: MessageClass
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """An account as routing sees it. Empty `countries`, `classes`: all. `prices`: country or "*" → micro-units a
    segment, in one currency for all accounts of a workspace. `back`: when to ask again for one that is shut."""

    account: str
    name: str
    channels: Collection[Channel]
    position: int = 0
    countries: Collection[str] = ()
    denied: Collection[str] = ()
    classes: Collection[str] = ()
    prices: Mapping[str, int] = field(default_factory=lambda: _NO_PRICES)
    weight: int | None = None
    takes_replies: bool = True
    standing: Standing = Standing.WELL
    soft: bool = False
    back: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoExit:
    """No account takes such a message; `reason` says what is missing."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Resting:
    """There are accounts for it, and none takes anything before `at`."""

    reason: Reason
    at: datetime


def fitting(leaving: Leaving, exits: Sequence[Exit]) -> tuple[Exit, ...] | NoExit:
    """The accounts that take such a message, the best first: the lowest price, then the order of the accounts."""
    there = [
        one
        for one in exits
        if leaving.channel in one.channels
        and (not one.countries or leaving.country in one.countries)
        and leaving.country not in one.denied
        and (not one.classes or leaving.message_class in one.classes)
    ]
    if not there:
        return NoExit(Reason("no_account_for", {"country": leaving.country, "channel": str(leaving.channel)}))
    if leaving.asks:
        # A question whose answer cannot reach us is worse than none.
        there = [one for one in there if one.takes_replies]
        if not there:
            return NoExit(Reason("no_account_for_replies", {"channel": str(leaving.channel)}))
    return tuple(sorted(there, key=lambda one: (_price(one, leaving.country), one.position)))


def choose(
    fit: Sequence[Exit], message_class: MessageClass, spread: int, tried: Collection[str]
) -> tuple[Exit, bool] | Resting:
    """One of `fit` (see `fitting`), and whether it is the message that tries an account which was in trouble.

    `spread` is a number that the message always has, as good as any other. `tried`: the accounts for which a message
    that tries them was chosen already.
    """
    if len(fit) == 1 and fit[0].standing in (Standing.WELL, Standing.EASING):
        return fit[0], False
    # An account that comes back gets a tenth of its share first: enough to see, not enough to fall over.
    well = [
        one
        for one in fit
        if one.standing is Standing.WELL or (one.standing is Standing.EASING and spread // 100 % 10 == 0)
    ]
    trial = next((one for one in fit if one.standing is Standing.TRIAL), None)
    if trial is not None and (not well or (trial.account not in tried and message_class is not MessageClass.OTP)):
        return trial, True
    open_ = well or [one for one in fit if one.standing is Standing.EASING] or [one for one in fit if one.soft]
    if not open_:
        moments = [one.back for one in fit if one.back is not None]
        if not moments:
            raise ValueError("an account that is shut says until when")
        return Resting(Reason("account_held", {"account": fit[0].name}), min(moments))
    return _split(open_, spread) if open_[0].weight else open_[0], False


def _split(open_: Sequence[Exit], spread: int) -> Exit:
    """By weight, among those that have one."""
    weighed = [one for one in open_ if one.weight]
    left = spread % sum(one.weight or 0 for one in weighed)
    for one in weighed:
        left -= one.weight or 0
        if left < 0:
            return one
    return weighed[-1]


def _price(one: Exit, country: str) -> int:
    return one.prices.get(country, one.prices.get(EVERYWHERE, _FREE))

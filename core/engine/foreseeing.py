"""All that an installation would send as things stand, in sum and line by line: the rehearsal as programs read it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.engine import approving, reaching, shown
from core.engine.scheduling import planned
from core.storage import ledger, occasions, rules
from core.storage.database import Transaction

MOST_SHOWN = 500


def foresee(tx: Transaction, installation: str, now: datetime, language: str = "en") -> dict[str, Any]:
    """Plans every open occasion of the installation with its active rules, and writes nothing. The lists hold the
    first 500 lines, the totals count everything; a price that the list does not know is counted, not guessed."""
    active = rules.active(tx, installation)
    names = {one.id: one.name for one in active}
    sends: list[tuple[Occasion, Send]] = []
    skips: list[tuple[Occasion, Skip]] = []
    count, after = 0, ""
    while page := occasions.open_ones(tx, now, installation=installation, after=after):
        for one in planned(tx, page, now, own_rules={installation: active}):
            count += 1
            sends += [(one.occasion, said) for said in one.answers if isinstance(said, Send)]
            skips += [(one.occasion, said) for said in one.answers if isinstance(said, Skip)]
        after = page[-1].id
    sends.sort(key=lambda line: (line[1].send_at, line[0].id))
    prices: Counter[str] = Counter()
    for _, said in sends:
        if said.price is not None:
            prices[said.price.currency] += said.price.amount
    reach = reaching.foreseen(tx, [(said.recipient.number, said.channels) for _, said in sends], now)
    lacking = approving.lacking(said.checks for _, said in sends)
    return {
        "installation": installation,
        "occasions": count,
        "rules": len(active),
        "totals": {
            "send": len(sends),
            "skip": len(skips),
            "segments": sum(said.measure.segments for _, said in sends),
            "price": [{"amount": amount, "currency": currency} for currency, amount in sorted(prices.items())],
            "without_price": sum(said.price is None for _, said in sends),
            "reasons": dict(Counter(said.reason.code for _, said in skips)),
            "rcs": reach and {"reachable": reach.reachable, "unreachable": reach.unreachable, "unknown": reach.unknown},
            "templates": [{**why.as_json(language), "messages": messages} for why, messages in lacking],
        },
        "would_send": [_sent(one, said, names, language) for one, said in sends[:MOST_SHOWN]],
        "would_not": [_skipped(one, said, names, language) for one, said in skips[:MOST_SHOWN]],
    }


def _sent(one: Occasion, said: Send, names: dict[str, str], language: str) -> dict[str, Any]:
    return {
        "occasion": shown.occasion(one, language),
        "rule": said.rule,
        "name": names[said.rule],
        "to": said.recipient.number,
        "class": str(said.message_class),
        "channels": [str(channel) for channel in said.channels],
        "text": said.text,
        "due_at": shown.moment(said.send_at),
        "expires_at": shown.moment(said.until),
        "encoding": said.measure.encoding,
        "segments": said.measure.segments,
        "price": said.price.as_json() if said.price else None,
        "checks": shown.checks(ledger.checks_row(said.checks), language),
    }


def _skipped(one: Occasion, said: Skip, names: dict[str, str], language: str) -> dict[str, Any]:
    return {
        "occasion": shown.occasion(one, language),
        "rule": said.rule,
        "name": names[said.rule],
        "reason": said.reason.as_json(language),
        "wanted_at": shown.moment(said.wanted_at),
    }

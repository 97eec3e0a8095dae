"""The rehearsal for programs: every answer of the rules about the open occasions, with totals by reason and price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.domain.rules import Rule
from core.engine import scheduling, shown
from core.storage import occasions, rules
from core.storage.database import Transaction
from core.storage.outbox import checks_row


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the active rules of `installation` say about each of its open occasions."""

    installation: str
    occasions: int
    rules: tuple[Rule, ...]
    sends: tuple[tuple[Occasion, Send], ...]
    skips: tuple[tuple[Occasion, Skip], ...]

    def as_json(self, language: str = "en") -> dict[str, Any]:
        """As `GET /v1/installations/{id}/rehearsal` shows it."""
        names = {rule.id: rule.name for rule in self.rules}
        prices: Counter[str] = Counter()
        for _, said in self.sends:
            if said.price is not None:
                prices[said.price.currency] += said.price.amount
        return {
            "installation": self.installation,
            "occasions": self.occasions,
            "rules": len(self.rules),
            "totals": {
                "send": len(self.sends),
                "skip": len(self.skips),
                "segments": sum(said.measure.segments for _, said in self.sends),
                "price": [{"amount": amount, "currency": currency} for currency, amount in sorted(prices.items())],
                "without_price": sum(said.price is None for _, said in self.sends),
                "reasons": dict(Counter(said.reason.code for _, said in self.skips)),
            },
            "would_send": [
                {
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
                    "checks": shown.checks(checks_row(said.checks), language),
                }
                for one, said in self.sends
            ],
            "would_not": [
                {
                    "occasion": shown.occasion(one, language),
                    "rule": said.rule,
                    "name": names[said.rule],
                    "reason": said.reason.as_json(language),
                    "wanted_at": shown.moment(said.wanted_at),
                }
                for one, said in self.skips
            ],
        }


def rehearse(
    tx: Transaction, installation: str, now: datetime, own_rules: Sequence[Rule] | None = None
) -> Rehearsal:
    """Plans all open occasions of `installation` with its active rules (or `own_rules`), and writes nothing."""
    chosen = tuple(own_rules if own_rules is not None else rules.active(tx, installation))
    sends: list[tuple[Occasion, Send]] = []
    skips: list[tuple[Occasion, Skip]] = []
    after, count = "", 0
    while page := occasions.open_ones(tx, now, installation=installation, after=after):
        for planned in scheduling.planned(tx, page, now, own_rules={installation: chosen}):
            for said in planned.answers:
                if isinstance(said, Send):
                    sends.append((planned.occasion, said))
                else:
                    skips.append((planned.occasion, said))
        after, count = page[-1].id, count + len(page)
    sends.sort(key=lambda pair: pair[1].send_at)
    return Rehearsal(installation, count, chosen, tuple(sends), tuple(skips))

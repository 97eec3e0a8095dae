""""Rejouer les 30 derniers jours": an installation's past carts, gone through with its rules. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain import replay as replays
from core.domain.carts import CONTROL_PERCENT, Shop
from core.domain.events import Kind
from core.domain.occasions import Occasion
from core.engine import shown
from core.storage import carts, house, people, rules
from core.storage.database import Transaction

MOST_DAYS = 90
MOST_CARTS = 20_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """`past` of the carts from `since` to `until`; `chosen`: the names of the rules that were tried, `active` whether
    they are switched on. `more`: there were more carts than the newest 20,000."""

    installation: str
    since: datetime
    until: datetime
    past: replays.Replay
    chosen: tuple[str, ...]
    active: bool
    more: bool


def replay(tx: Transaction, installation: str, now: datetime, days: int) -> Replayed:
    """Goes through the carts that we know of the last `days` with the active rules about carts; with none active, with
    all that there are, so that a recipe can be judged before it is switched on."""
    since = now - timedelta(days=days)
    rows = [row for row in rules.rows(tx, installation=installation) if row["on"] == "cart"]
    on = [row for row in rows if row["active"]]
    chosen = rules.parsed(on or rows, rules.texts(tx) if any(row["template"] for row in rows) else {})
    found: list[Occasion] = []
    after = ""
    while len(found) < MOST_CARTS and (page := carts.past(tx, installation, since, now, after=after)):
        found += page
        after = page[-1].id
    shop = Shop(
        tuple(carts.of_people(tx, found, Kind.ORDER, since)), tuple(carts.of_people(tx, found, Kind.CART, since))
    )
    known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else {}
    numbers = {one.recipient.number for one in found if one.recipient}
    standings, zones = people.standings(tx, tx.owned, numbers)
    policy = house.policy(settings, standings, zones, house.shortener(tx, settings))
    share, _ = carts.control(tx, [installation])[installation]
    past = replays.replay(
        found, shop, chosen, policy, control=CONTROL_PERCENT if share is None else share, key=tx.owned
    )
    return Replayed(
        installation, since, now, past, tuple(rule.name for rule in chosen), bool(on), len(found) >= MOST_CARTS
    )


def as_json(done: Replayed) -> dict[str, Any]:
    return {
        "installation": done.installation,
        "since": shown.moment(done.since),
        "until": shown.moment(done.until),
        "rules": list(done.chosen),
        "active": done.active,
        **replays.as_json(done.past),
        "more": done.more,
    }

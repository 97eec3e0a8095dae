"""The one door for everything that a stranger can set off: forms, one-time codes, "send me the link".

Whoever takes such a wish calls `admit` before a message is stored. A refusal is stored with the message and never told
to the stranger: a robot that knows why it failed tries something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from core.domain.errors import BadInput
from core.domain.policy import pumping
from core.domain.policy.pumping import Entry, Origin
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import scheduling
from core.storage import counting, house, people
from core.storage.database import Transaction
from core.suite import Suite

DAYS_COMPARED = 14


def admit(
    tx: Transaction,
    settings: Mapping[str, Any],
    recipient: Recipient,
    origin: Origin,
    ip: str | None,
    now: datetime,
    *,
    measured: bool = True,
) -> Reason | None:
    """None when the message may be written, and then it is counted; else why not.

    `settings`: the workspace's; `ip`: the address of the person who asked, not of the server that passes it on;
    `measured`: see `pumping.Entry`. Raises `BadInput` for an unreadable address.
    """
    if origin is Origin.IMPORTED:
        return None
    entry = Entry.read(
        recipient, origin, ip, settings["country"], lambda text: people.number_hash(tx.owned, text), measured=measured
    )
    tx.alone(f"public:{tx.owned}")
    seen = counting.sighted(tx, entry.asks(), now - pumping.LOOKED_BACK)
    busy = sum(one.count for one in seen.get("tenant", ()) if one.last > now - pumping.HOUR) >= pumping.TENANT_AN_HOUR
    refusal = pumping.decide(
        entry, pumping.open_countries(settings), seen, counting.closed(tx, entry.keys.values()),
        _usual(tx, now) if busy else (), now,
    )  # fmt: skip
    if refusal is None:
        minute = pumping.minute_of(now)
        hour = ("hour", pumping.hour_of(now), now)
        counting.sight(tx, [*((key, minute, now) for key in pumping.counted(entry)), hour])
        return None
    if refusal.closes is not None:
        known = counting.closed(tx, [refusal.closes]).get(refusal.closes)
        times = (known["times"] if known else 0) + (refusal.reason.code == "pumping_conversion")
        counting.mark(tx, refusal.closes, "closed", refusal.until, times, "engine", refusal.reason, now)
        house.note(tx, "engine", "range_closed", None, {"key": refusal.closes}, now)
    return refusal.reason


def converted(tx: Transaction, recipient: Recipient, now: datetime) -> None:
    """The person behind the number has shown to be there: entered the code, opened the link, answered."""
    minute = pumping.minute_of(now)
    counting.sight(tx, [(key, minute, now) for key in pumping.won(recipient)])


def _usual(tx: Transaction, now: datetime) -> list[int]:
    """How many there were in this hour of each of the last days."""
    hours = [pumping.hour_of(now) - timedelta(days=day) for day in range(1, DAYS_COMPARED + 1)]
    known = {one.start: one.count for one in counting.sighted(tx, ["hour"], min(hours)).get("hour", ())}
    return [known.get(hour, 0) for hour in hours]


# ---------------------------------------------------------------------------------------------- what people decide


def mark(suite: Suite, workspace: str, key: str, state: str, *, who: str) -> None:
    """Closes a range for good, opens it again or always lets it in. `key`: "prefix|+3361234" or "country|FR", or that
    of a known mark. Raises `BadInput`."""
    kind, _, value = key.partition("|")
    written = (kind == "prefix" and value.startswith("+") and value[1:].isdigit() and 4 <= len(value) <= 14) or (
        kind == "country" and len(value) == 2 and value.isalpha()
    )
    now = suite.now()
    with suite.database.write(workspace) as tx:
        known = counting.closed(tx, [key]).get(key)
        if state not in ("closed", "open", "allowed") or not (written or known):
            raise BadInput("choice_unknown", pointer="/key", text=key[:40])
        counting.mark(tx, key, state, None, known["times"] if known else 0, who, None, now)
        house.note(tx, who, f"range_{state}", None, {"key": key}, now)


def countries(suite: Suite, workspace: str, chosen: Iterable[str] | None, *, who: str) -> None:
    """Where public forms may write to; None for the usual ones. Raises `BadInput`."""
    codes = None if chosen is None else sorted({one.strip().upper() for one in chosen if one.strip()})
    for code in codes or ():
        if len(code) != 2 or not code.isascii() or not code.isalpha():
            raise BadInput("country_unknown", pointer="/countries", text=code[:20])
    with suite.database.write(workspace) as tx:
        house.change_settings(tx, {"public_countries": codes})
        house.note(tx, who, "settings_changed", None, {"fields": ["public_countries"]}, suite.now())


def try_again(suite: Suite, workspace: str, number: str, *, who: str) -> None:
    """A number in quarantine may be tried again: what waits to be planned for it is planned."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        people.quarantine(tx, Recipient.parse(number), None, now)
        known = people.contact_of(tx, number)
        house.note(tx, who, "quarantine_lifted", known["id"] if known else None, {}, now)
        scheduling.replan_open(tx, now, scheduling.live_installations(tx))
    suite.wake()

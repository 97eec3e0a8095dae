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
from core.domain.policy.pumping import Alarm, Door, Entry, Origin
from core.domain.reasons import Reason
from core.domain.recipients import Recipient, mask
from core.engine import scheduling
from core.storage import counting, house, people
from core.storage.database import Transaction
from core.suite import Suite

DAYS_COMPARED = 14
ALARMS_SHOWN_FOR = timedelta(days=1)


def admit(
    tx: Transaction,
    settings: Mapping[str, Any],
    recipient: Recipient,
    door: Door | Origin,
    ip: str | None,
    now: datetime,
    *,
    text: str | None = None,
) -> Reason | None:
    """None when the message may be written, and then it is counted; else why not.

    `settings`: the workspace's; `ip`: the address of the person who asked, not of the server that passes it on; `text`:
    what would be sent, if that is known. Raises `BadInput` for an unreadable address.
    """
    if door is Origin.IMPORTED:
        return None
    door = pumping.DOORS[door] if isinstance(door, Origin) else door
    # One person is not to get the same from everybody in the house either: this hash is the same in all workspaces.
    same = None if text is None else people.hasher(tx, "")(f"{recipient.number}|{pumping.alike(text)}")
    entry = Entry.read(recipient, door, ip, settings["country"], people.hasher(tx, tx.owned), same)
    if not door.limits:
        # Nothing to count: what is closed is closed, and that is all that is asked.
        marks = counting.closed(tx, [key for _, key in entry.marked()])
        refusal = pumping.decide(entry, pumping.open_countries(settings), {}, marks, (), now)
        return refusal.reason if refusal else None
    tx.alone(f"public:{tx.owned}")
    seen = counting.sighted(tx, entry.asks(), now - pumping.LOOKED_BACK)
    if "same" in entry.keys:
        seen[entry.keys["same"]] = counting.sighted_anywhere(tx, entry.keys["same"], now - pumping.LOOKED_BACK)
    busy = sum(one.count for one in seen.get("tenant", ()) if one.last > now - pumping.HOUR) + 1 >= pumping.MANY
    usual = _usual(tx, now) if busy else []
    refusal = pumping.decide(
        entry, pumping.open_countries(settings), seen, counting.closed(tx, [key for _, key in entry.marked()]),
        usual, now,
    )  # fmt: skip
    if refusal is None:
        minute = pumping.minute_of(now)
        hour = ("hour", pumping.hour_of(now), now)
        counting.sight(tx, [*((key, minute, now) for key in pumping.counted(entry)), hour])
        for alarm, said in pumping.alarms(door, seen, usual, now).items():
            counting.sight(tx, [(alarm.key, minute, now)])
            house.note(tx, "engine", f"forms_{alarm}", None, said, now)
        return None
    if refusal.closes is not None:
        _close(tx, refusal.closes, refusal.until, refusal.reason, now)
    return refusal.reason


def _close(tx: Transaction, key: str, until: datetime | None, reason: Reason, now: datetime) -> None:
    known = counting.closed(tx, [key]).get(key)
    times = (known["times"] if known else 0) + (reason.code in pumping.CLOSE_AGAIN_FOR_LONGER)
    counting.mark(tx, key, "closed", until, times, "engine", reason, now)
    house.note(tx, "engine", "range_closed", None, {"key": key}, now)


def converted(tx: Transaction, recipient: Recipient, now: datetime) -> None:
    """The person behind the number has shown to be there: entered the code, opened the link, answered."""
    _sighted(tx, pumping.won(recipient), now)


def arrived(tx: Transaction, recipient: Recipient, now: datetime) -> None:
    """A message that a stranger set off was delivered."""
    _sighted(tx, pumping.got(recipient), now)


def signalled(tx: Transaction, recipient: Recipient, reason: Reason, *, dead: bool, now: datetime) -> None:
    """What a provider says of a number that a stranger had us write to: that it is none, or that it takes the message
    for pumped traffic. The latter closes the range at once, as the provider does."""
    if dead:
        _sighted(tx, pumping.dead(recipient), now)
    if reason.code == pumping.PROVIDERS_WORD:
        key = f"prefix|{recipient.number[:-4]}"
        known = counting.closed(tx, [key]).get(key)
        if known is None or known["state"] != "allowed":
            _close(tx, key, pumping.closed_until(known, now), Reason("pumping_provider"), now)


def alarms(tx: Transaction, since: datetime) -> dict[Alarm, datetime]:
    """What was strange in the workspace since then, and when that was last told."""
    told = counting.sighted(tx, [one.key for one in Alarm], since)
    return {one: told[one.key][-1].last for one in Alarm if one.key in told}


def strangers(message: Mapping[str, Any]) -> bool:
    """Whether a message (its row) passed the guard of public doors."""
    return any(one["check"] == "origin" for one in message["checks"])


def _sighted(tx: Transaction, keys: Iterable[str], now: datetime) -> None:
    minute = pumping.minute_of(now)
    counting.sight(tx, [(key, minute, now) for key in keys])


def _usual(tx: Transaction, now: datetime) -> list[int]:
    """How many there were in this hour of each of the last days."""
    hours = [pumping.hour_of(now) - timedelta(days=day) for day in range(1, DAYS_COMPARED + 1)]
    known = {one.start: one.count for one in counting.sighted(tx, ["hour"], min(hours)).get("hour", ())}
    return [known.get(hour, 0) for hour in hours]


# ---------------------------------------------------------------------------------------------- what people decide


def mark(
    suite: Suite, workspace: str, key: str, state: str, *, who: str, until: datetime | None = None
) -> None:
    """Closes a range, opens it again or always lets it in, till `until` or for good. `key`: "prefix|+3361234",
    "country|FR", "number|+33612345678" or "ip|198.51.100.7" (the last two are kept as hashes), or that of a known mark.
    Raises `BadInput`."""
    kind, _, value = key.partition("|")
    now = suite.now()
    with suite.database.write(workspace) as tx:
        known = counting.closed(tx, [key]).get(key)
        shown: Reason | None = None
        if known is None:
            key, shown = _written(tx, kind, value)
            known = counting.closed(tx, [key]).get(key)
        if state not in ("closed", "open", "allowed"):
            raise BadInput("choice_unknown", pointer="/key", text=state[:40])
        if until is not None and until <= now:
            raise BadInput("moment_over", pointer="/until", wanted=until.isoformat())
        # Which one it is, as far as it may be shown, for who reads the list.
        row = known["reason"] if known else None
        shown = shown or (Reason(row["code"], row["values"]) if row and row["code"] == "marked_by_hand" else None)
        counting.mark(tx, key, state, until, known["times"] if known else 0, who, shown, now)
        house.note(tx, who, f"range_{state}", None, {"key": key}, now)


def _written(tx: Transaction, kind: str, value: str) -> tuple[str, Reason | None]:
    """The key of what somebody wrote, and how it may be shown. Raises `BadInput`."""
    if kind == "prefix" and value.startswith("+") and value[1:].isdecimal() and 3 <= len(value) <= 14:
        return f"prefix|{value}", None
    if kind == "country" and len(value) == 2 and value.isascii() and value.isalpha():
        return f"country|{value.upper()}", None
    if kind == "number":
        number = Recipient.parse(value).number
        return f"number|{people.number_hash(tx, number)}", Reason("marked_by_hand", {"what": mask(number)})
    if kind == "ip":
        network = pumping.network(value)
        return f"ip|{people.number_hash(tx, network)}", Reason("marked_by_hand", {"what": network})
    raise BadInput("choice_unknown", pointer="/key", text=f"{kind}|{value}"[:40])


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

"""People: contacts, what they allowed and stopped, and numbers that must not be tried again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from core.domain.errors import InvalidNumber
from core.domain.policy.consent import ALL, MARKETING, VOICE, Standing
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.ids import new_id, new_ids
from core.storage import bulk
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_AT_ONCE = 1000
# Asked at once, and by the driver itself: every message that is accepted needs it. `{}` is "one of these", see below.
_STANDINGS = """
SELECT 'out', number_hash, scope, 0, NULL FROM optouts WHERE workspace = ? AND number_hash {0}
UNION ALL
SELECT scope, number, state, at, id FROM consents
WHERE workspace = ? AND number {0} AND scope IN ('marketing', 'voice')
UNION ALL
SELECT 'known', number, quarantine, 0, zone FROM contacts WHERE workspace = ? AND number {0}
"""
_ONE = _STANDINGS.format("= ?")
_MANY_SQLITE = _STANDINGS.format("IN (SELECT value FROM json_each(?))")
_MANY = _STANDINGS.format("= ANY(?)")


def standings(tx: Transaction, workspace: str, numbers: Iterable[str]) -> tuple[dict[str, Standing], dict[str, str]]:
    """For the numbers of which anything is known: their standing, and the zone that was declared for them."""
    found: dict[str, Standing] = {}
    zones: dict[str, str] = {}
    hashed = hasher(tx, workspace)
    hashes = {hashed(number): number for number in numbers}
    if not hashes:
        return found, zones
    who_all: list[Any] = [list(hashes), list(hashes.values())]
    statement = _MANY
    if len(hashes) == 1:
        who_all, statement = [one[0] for one in who_all], _ONE
    elif tx.is_sqlite:
        who_all, statement = [t.as_json(one) for one in who_all], _MANY_SQLITE
    rows = tx.quick(statement, (workspace, who_all[0], workspace, who_all[1], workspace, who_all[1]))
    out: dict[str, set[str]] = {}
    consent: dict[str, bool] = {}
    calls: dict[str, bool] = {}
    quarantined: set[str] = set()
    for what, who, said, _, zone in sorted(rows, key=_by_moment):
        if what == "out":
            out.setdefault(hashes[who], set()).add(said)
        elif what == MARKETING:
            consent[who] = said == "in"
        elif what == VOICE:
            calls[who] = said == "in"
        else:
            if said:
                quarantined.add(who)
            if zone:
                zones[who] = zone
    for number in out.keys() | consent.keys() | calls.keys() | quarantined:
        found[number] = Standing(
            frozenset(out.get(number, ())),
            consent.get(number, False),
            quarantined=number in quarantined,
            calls=calls.get(number, False),
        )
    return found, zones


def _by_moment(row: Any) -> tuple[int, str]:
    """Yes and no in the order in which they were said; of two at once, in that in which they were kept."""
    return row[3], row[4] or ""


def refused_since(tx: Transaction, workspace: str, numbers: Iterable[str], since: datetime) -> dict[str, datetime]:
    """Those of the numbers who said no to advertising, to calls or to everything after `since`, and when they last did,
    whatever they said afterwards."""
    c = t.consents.c
    query = select(c.number, func.max(c.at).label("last")).where(
        c.workspace == workspace,
        c.number.in_(sorted(numbers)),
        c.scope.in_([MARKETING, VOICE, ALL]),
        c.state == "out",
        c.at > since,
    )
    return {row.number: row.last for row in tx.connection.execute(query.group_by(c.number))}


def number_hash(tx: Transaction, number: str) -> str:
    """What stays of an erased person: enough to know the number again when it is asked for, not to read it out."""
    return hasher(tx, tx.owned)(number)


def hasher(tx: Transaction, workspace: str) -> Callable[[str], str]:
    """`number_hash` for many numbers, in that workspace: the same number is another hash in each. Keyed BLAKE2b, which
    is a MAC (RFC 7693)."""
    begun = hashlib.blake2b(f"{workspace}|".encode(), key=tx.number_key, digest_size=24)

    def hashed(number: str) -> str:
        one = begun.copy()
        one.update(number.encode())
        return one.hexdigest()

    return hashed


def stop(
    tx: Transaction,
    number: str,
    scope: str,
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
    *,
    installation: str | None = None,
) -> bool:
    """The person wants no more of `scope` ("marketing", "all", …). False when that was known. `installation`: where it
    was said, if on a platform."""
    # Before anything of the person is locked: whoever plans goes on to what waits for them.
    tx.alone(f"plan:{tx.owned}")
    tx.alone(f"person:{number}")
    o = t.optouts.c
    hashed = number_hash(tx, number)
    known = tx.connection.execute(
        t.optouts.select().where(o.workspace == tx.owned, o.number_hash == hashed, o.scope == scope)
    ).first()
    if known is None:
        tx.connection.execute(insert(t.optouts).values(workspace=tx.owned, number_hash=hashed, scope=scope, at=now))
    elif now > known.at:
        # It may be all that is left of the person, and then it says how old a yes must be to be none.
        same = (o.workspace == tx.owned, o.number_hash == hashed, o.scope == scope)
        tx.connection.execute(update(t.optouts).where(*same).values(at=now))
    _consent(tx, number, scope, "out", source, proof, now, installation)
    return known is None


def start(
    tx: Transaction,
    number: str,
    scope: str,
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
    *,
    installation: str | None = None,
) -> None:
    """The person allows `scope`, and takes back a stop of it; a stop of everything ends with any new consent."""
    tx.alone(f"plan:{tx.owned}")
    o = t.optouts.c
    tx.connection.execute(
        delete(t.optouts).where(
            o.workspace == tx.owned, o.number_hash == number_hash(tx, number), o.scope.in_([scope, "all"])
        )
    )
    _consent(tx, number, scope, "in", source, proof, now, installation)


def welcome(tx: Transaction, numbers: Iterable[str], now: datetime) -> int:
    """Makes contacts of those of these numbers (E.164) that are none yet, with the name that the last visit, cart or
    order of each says; how many. Whoever wants to hear from the workspace belongs to its people."""
    wanted, c, o = sorted(set(numbers)), t.contacts.c, t.occasions.c
    new = 0
    for chunk in chunks(wanted):
        there = set(tx.connection.execute(tx.mine(t.contacts, c.number).where(c.number.in_(chunk))).scalars())
        missing = [one for one in chunk if one not in there]
        if not missing:
            continue
        said = tx.mine(t.occasions, o.recipient, o["values"]).where(o.recipient.in_(missing)).order_by(o.at)
        names = {row[0]: row[1] for row in tx.connection.execute(said)}
        for number in missing:
            known = {name: names.get(number, {}).get(name) for name in ("name", "first_name")}
            try:
                recipient = Recipient.parse(number)
            except InvalidNumber:
                continue
            values = {name: one[:200] for name, one in known.items() if isinstance(one, str) and one}
            remember(tx, recipient, values, now)
            new += 1
    return new


def newest(tx: Transaction, numbers: Iterable[str]) -> dict[tuple[str, str], tuple[datetime, bool]]:
    """(number, scope) → when the last yes or no of it was said, and whether it was a yes; of a person who was erased
    too, of whom only a no is left. Of two at the same moment, the no."""
    found: dict[tuple[str, str], tuple[datetime, bool]] = {}

    def heard(number: str, scope: str, at: datetime, yes: bool) -> None:
        known = found.get((number, scope))
        if known is None or at > known[0] or (at == known[0] and not yes):
            found[number, scope] = at, yes

    wanted, c, o, hashed = sorted(set(numbers)), t.consents.c, t.optouts.c, hasher(tx, tx.owned)
    for chunk in chunks(wanted):
        query = tx.mine(t.consents, c.number, c.scope, c.state, func.max(c.at).label("last"))
        query = query.where(c.number.in_(chunk)).group_by(c.number, c.scope, c.state)
        for row in tx.connection.execute(query):
            heard(row.number, row.scope, row.last, row.state == "in")
        hashes = {hashed(number): number for number in chunk}
        stops = tx.mine(t.optouts, o.number_hash, o.scope, o.at).where(o.number_hash.in_(list(hashes)))
        for row in tx.connection.execute(stops):
            heard(hashes[row.number_hash], row.scope, row.at, False)
    return found


def untold(tx: Transaction, limit: int) -> list[Mapping[str, Any]]:
    """Every yes and no of which the platforms that keep them have not been told: marked as told, the caller tells."""
    c = t.consents.c
    due = select(c.id).where(text("untold")).order_by(c.id).limit(limit)
    ids = [row.id for row in tx.connection.execute(tx.unshared(due))]
    if not ids:
        return []
    tx.connection.execute(update(t.consents).where(c.id.in_(ids)).values(untold=False))
    return tx.rows(select(t.consents).where(c.id.in_(ids)).order_by(c.id))


def quarantine(tx: Transaction, recipient: Recipient, reason: Reason | None, now: datetime) -> None:
    """Marks a number as dead (or, with None, as alive again)."""
    contact_id = remember(tx, recipient, {}, now)
    tx.connection.execute(update(t.contacts).where(t.contacts.c.id == contact_id).values(quarantine=reason_row(reason)))


def remember(tx: Transaction, recipient: Recipient, values: Mapping[str, Any], now: datetime) -> str:
    """The contact of that number, made or brought up to date with `values` (columns of `contacts`); its id."""
    c = t.contacts.c
    known = tx.connection.execute(tx.mine(t.contacts, c.id).where(c.number == recipient.number)).scalar()
    if known:
        if values:
            tx.connection.execute(update(t.contacts).where(c.id == known).values(**values))
        return str(known)
    contact_id = new_id("con")
    tx.connection.execute(
        insert(t.contacts).values(
            {
                "values": {},
                **values,
                "id": contact_id,
                "workspace": tx.owned,
                "number": recipient.number,
                "number_hash": number_hash(tx, recipient.number),
                "country": recipient.country,
                "created_at": now,
            }
        )
    )
    return contact_id


def remember_all(
    tx: Transaction, whose: Sequence[tuple[Recipient, Mapping[str, Any]]], now: datetime
) -> list[str]:
    """The same for many, each of whom is named once: in a few statements for every thousand. `values` of a person that
    are not said again stay. The ids, in their order."""
    c = t.contacts.c
    names = ("name", "first_name", "email", "language", "zone")
    hashed = hasher(tx, tx.owned)
    ids: list[str] = []
    for start in range(0, len(whose), _AT_ONCE):
        some = whose[start : start + _AT_ONCE]
        numbers = [recipient.number for recipient, _ in some]
        known = {
            row["number"]: row
            for part in chunks(numbers)
            for row in tx.rows(tx.mine(t.contacts, c.number, c.id, *(c[name] for name in names), c["values"])
                               .where(c.number.in_(part)))
        }  # fmt: skip
        new = [one for one in some if one[0].number not in known]
        made = dict(zip((one.number for one, _ in new), new_ids("con", len(new)) if new else (), strict=True))
        bulk.insert(
            tx,
            t.contacts,
            [
                {
                    **{name: values.get(name) for name in names}, "values": values.get("values", {}),
                    "id": made[recipient.number], "workspace": tx.owned, "number": recipient.number,
                    "number_hash": hashed(recipient.number), "country": recipient.country, "created_at": now,
                }
                for recipient, values in new
            ],
        )
        again = [(known[recipient.number], values) for recipient, values in some if recipient.number in known]
        bulk.update(
            tx,
            t.contacts,
            ("id",),
            [
                {
                    **{name: values.get(name, row[name]) for name in names},
                    "values": {**(row["values"] or {}), **values.get("values", {})}, "id": row["id"],
                }
                for row, values in again
            ],
        )  # fmt: skip
        ids += [made[number] if number in made else str(known[number]["id"]) for number in numbers]
    return ids


def by_language(tx: Transaction) -> dict[str, int]:
    """How many contacts speak each language, of those of whom it is known."""
    c = t.contacts.c
    counted = tx.mine(t.contacts, c.language, func.count()).where(c.language.is_not(None)).group_by(c.language)
    return {row[0]: int(row[1]) for row in tx.connection.execute(counted)}


def known_among(tx: Transaction, numbers: Iterable[str]) -> int:
    """How many of these numbers (E.164, each once) are contacts already."""
    c = t.contacts.c
    return sum(
        int(tx.connection.execute(tx.mine(t.contacts, func.count()).where(c.number.in_(part))).scalar_one())
        for part in chunks(sorted(numbers))
    )


def _consent(
    tx: Transaction,
    number: str,
    scope: str,
    state: str,
    source: str,
    proof: Mapping[str, Any],
    now: datetime,
    installation: str | None,
) -> None:
    tx.connection.execute(
        insert(t.consents).values(
            id=new_id("cst"),
            workspace=tx.owned,
            number=number,
            scope=scope,
            state=state,
            at=now,
            source=source,
            proof=dict(proof),
            installation=installation,
        )
    )


# ---------------------------------------------------------------------------------------------- reading


def contact(tx: Transaction, contact_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.contacts).where(t.contacts.c.id == contact_id))


def contact_of(tx: Transaction, number: str) -> Mapping[str, Any] | None:
    """The contact of that number (E.164)."""
    return tx.row(tx.mine(t.contacts).where(t.contacts.c.number == number))


def contacts(
    tx: Transaction, *, number: str | None = None, email: str | None = None, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Newest first."""
    c = t.contacts.c
    query = tx.mine(t.contacts).order_by(c.id.desc()).limit(limit)
    if number:
        query = query.where(c.number == number)
    if email:
        query = query.where(c.email == email)
    if after:
        query = query.where(c.id < after)
    return tx.rows(query)


def names(tx: Transaction, numbers: Iterable[str]) -> dict[str, str]:
    """number → what its contact is called, for those that have a name."""
    wanted, c, found = sorted(set(numbers)), t.contacts.c, dict[str, str]()
    for some in chunks(wanted):
        query = tx.mine(t.contacts, c.number, c.name, c.first_name)
        for row in tx.connection.execute(query.where(c.number.in_(some))):
            if row.name or row.first_name:
                found[row.number] = row.name or row.first_name
    return found


def in_quarantine(tx: Transaction, limit: int = 200) -> list[Mapping[str, Any]]:
    """Contacts whose number is not tried any more, newest first."""
    c = t.contacts.c
    return tx.rows(tx.mine(t.contacts).where(c.quarantine.is_not(None)).order_by(c.id.desc()).limit(limit))


def change_contact(tx: Transaction, contact_id: str, values: Mapping[str, Any]) -> None:
    """`values`: plain columns of `contacts`."""
    c = t.contacts.c
    if values:
        tx.connection.execute(update(t.contacts).where(c.id == contact_id, c.workspace == tx.owned).values(**values))


def forget_contact(tx: Transaction, contact_id: str) -> bool:
    """Takes a contact off the list. What the person stopped, and the proofs of it, stay."""
    c, listed = t.contacts.c, t.segment_people.c
    tx.connection.execute(delete(t.segment_people).where(listed.contact == contact_id, listed.workspace == tx.owned))
    return bool(
        tx.connection.execute(delete(t.contacts).where(c.id == contact_id, c.workspace == tx.owned)).rowcount
    )


def consents(
    tx: Transaction, *, to: str | None = None, after: str | None = None, limit: int = 50
) -> list[Mapping[str, Any]]:
    """Every yes and no with its proof, newest first."""
    c = t.consents.c
    query = tx.mine(t.consents).order_by(c.id.desc()).limit(limit)
    if to:
        query = query.where(c.number == to)
    if after:
        query = query.where(c.id < after)
    return tx.rows(query)

"""Occasions in the database: read, updated by events, swept, corrected by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update

from core.contract import Sweep
from core.domain.carts import closing
from core.domain.errors import from_reason
from core.domain.events import Closed, Event, Evidence, Kind, Wish
from core.domain.messages import LEFT
from core.domain.occasions import Answer, Occasion, updated
from core.domain.recipients import Line, Recipient
from core.ids import new_id
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean_event, short
from core.storage.database import Transaction

_FOLLOW_UP = timedelta(days=31)
_JUST_BOOKED = timedelta(days=1)


def apply(
    tx: Transaction,
    installation: str,
    events: Sequence[Event],
    *,
    backlog: bool,
    now: datetime,
    in_order: bool = False,
) -> list[Occasion]:
    """Brings the events in, the newest word on each occasion winning. Returns the occasions that changed; one that was
    only read again is as new as that reading, and needs no new plan.

    Unknown ones belong to the backlog when `backlog` says so, or when they were booked more than a day ago: then a
    calendar was ticked, or the window moved on, and nobody has just booked. `in_order` says that nothing older than
    these can still come: then what is gone and was never known need not be remembered as gone.
    """
    events = [clean_event(event) for event in events]
    events += closing(events)
    tx.alone(f"plan:{tx.workspace}")
    known = {one.key: one for one in by_keys(tx, installation, {event.key for event in events})}
    changed: dict[str, Occasion] = {}
    fresh: set[str] = set()
    for event in events:
        before = changed.get(event.key) or known.get(event.key)
        after = updated(before, event)
        if after is None:
            continue
        if before is None:
            if in_order and event.closed is Closed.DELETED:
                continue
            old = event.booked_at is not None and event.booked_at < now - _JUST_BOOKED
            after = replace(after, id=new_id("occ"), installation=installation, backlog=backlog or old)
            fresh.add(after.key)
        changed[event.key] = after
    again = [
        key
        for key, one in changed.items()
        if one.start is not None and key in known and replace(one, at=known[key].at) == known[key]
    ]
    _seen(tx, [changed.pop(key) for key in again])
    _save(
        tx,
        [one for key, one in changed.items() if key in fresh],
        [one for key, one in changed.items() if key not in fresh],
    )
    return list(changed.values())


def _seen(tx: Transaction, same: Sequence[Occasion]) -> None:
    if same:
        tx.connection.execute(
            update(t.occasions).where(t.occasions.c.id == bindparam("b_id")).values(at=bindparam("b_at")),
            [{"b_id": one.id, "b_at": one.at} for one in same],
        )


def swept(tx: Transaction, installation: str, sweep: Sweep, at: datetime) -> list[Event]:
    """An event for each open occasion in the sweep's range that the platform no longer has."""
    rows = tx.connection.execute(
        tx.mine(t.occasions, t.occasions.c.key, t.occasions.c.kind).where(
            t.occasions.c.installation == installation,
            t.occasions.c.closed.is_(None),
            t.occasions.c.start >= sweep.start,
            t.occasions.c.start < sweep.end,
            t.occasions.c.key.startswith(sweep.prefix, autoescape=True),
        )
    ).all()
    return [
        Event(kind=Kind(row.kind), key=row.key, at=at, closed=sweep.closed)
        for row in rows
        if row.key not in sweep.keys
    ]


def by_keys(tx: Transaction, installation: str, keys: Iterable[str]) -> list[Occasion]:
    """The known occasions of these keys."""
    found: list[Occasion] = []
    for chunk in chunks(sorted(keys)):
        asked = {"b_workspace": tx.owned, "b_place": installation, "b_keys": chunk}
        found.extend(_occasion(row) for row in tx.rows(_BY_KEYS, asked))
    return found


def numbers_by_key(tx: Transaction, installation: str, keys: Iterable[str]) -> dict[str, str]:
    """Key → the number of that occasion, of those that are known and have one."""
    found: dict[str, str] = {}
    for chunk in chunks(sorted(keys)):
        of_them = _NUMBERS.format(", ".join("?" * len(chunk)))
        for key, own, number in tx.quick(of_them, (tx.owned, installation, *chunk)):
            if own or number:
                found[key] = own or number
    return found


def by_ids(tx: Transaction, ids: Iterable[str]) -> list[Occasion]:
    """The occasions of these ids, in this workspace."""
    found: list[Occasion] = []
    for chunk in chunks(sorted(ids)):
        rows = tx.rows(tx.mine(t.occasions).where(t.occasions.c.id.in_(chunk)))
        found.extend(_occasion(row) for row in rows)
    return found


def get(tx: Transaction, occasion_id: str) -> Occasion | None:
    found = by_ids(tx, [occasion_id])
    return found[0] if found else None


def open_ones(
    tx: Transaction,
    now: datetime,
    *,
    installation: str | None = None,
    recipients: Sequence[str] | None = None,
    after: str = "",
    limit: int = 2000,
) -> list[Occasion]:
    """Occasions about which messages may still be wanted, a page at a time by id: those that are ahead, that began or
    last changed within 31 days (a follow-up may still come), or about which a message waits."""
    c = t.occasions.c
    query = tx.mine(t.occasions).where(c.id > after).order_by(c.id).limit(limit)
    m = t.messages.c
    waiting = select(m.id).where(m.occasion == c.id, m.state.in_(["scheduled", "held"])).exists()
    query = query.where(or_(func.coalesce(c.start, c.at) >= now - _FOLLOW_UP, waiting))
    if installation:
        query = query.where(c.installation == installation)
    if recipients is not None:
        query = query.where(or_(c.recipient.in_(recipients), c.own_recipient.in_(recipients)))
    return [_occasion(row) for row in tx.rows(query)]


def listed(
    tx: Transaction,
    *,
    installation: str | None = None,
    after: str | None = None,
    limit: int = 50,
    start: datetime | None = None,
    end: datetime | None = None,
    recipient: str | None = None,
    open_only: bool = False,
    kind: Kind | None = None,
) -> list[Occasion]:
    """For lists: by (start, id); `after` is the id of the last one seen."""
    c = t.occasions.c
    query = tx.mine(t.occasions).order_by(c.start.nulls_last(), c.id).limit(limit)
    if installation:
        query = query.where(c.installation == installation)
    if start is not None:
        query = query.where(c.start >= start)
    if end is not None:
        query = query.where(c.start < end)
    if recipient:
        query = query.where((c.recipient == recipient) | (c.own_recipient == recipient))
    if kind is not None:
        query = query.where(c.kind == str(kind))
    if open_only:
        query = query.where(c.closed.is_(None), c.muted.is_(False))
    if after:
        last = tx.connection.execute(tx.mine(t.occasions, c.start).where(c.id == after)).first()
        if last is not None:
            query = (
                query.where(or_(c.start > last.start, and_(c.start == last.start, c.id > after), c.start.is_(None)))
                if last.start is not None
                else query.where(c.start.is_(None), c.id > after)
            )
    return [_occasion(row) for row in tx.rows(query)]


def newest(
    tx: Transaction,
    *,
    installation: str | None = None,
    recipient: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    open_only: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[Occasion]:
    """The same ones by when we first heard of them, the newest first: whoever walks down meets none twice, whatever
    moves or comes meanwhile."""
    c = t.occasions.c
    query = tx.mine(t.occasions).order_by(c.id.desc()).limit(limit)
    wanted = (
        c.installation == installation if installation else None,
        c.start >= start if start is not None else None,
        c.start < end if end is not None else None,
        or_(c.recipient == recipient, c.own_recipient == recipient) if recipient else None,
        and_(c.closed.is_(None), c.muted.is_(False)) if open_only else None,
        c.id < after if after else None,
    )
    return [_occasion(row) for row in tx.rows(query.where(*(one for one in wanted if one is not None)))]


def of_person(
    tx: Transaction,
    installation: str,
    *,
    subject: str | None = None,
    number: str | None = None,
    email: str | None = None,
) -> list[Occasion]:
    """The occasions of one person on one platform: by its record, number or address, whichever is given."""
    c = t.occasions.c
    ways = [
        *([c.subject == short(subject)] if subject else []),
        *([or_(c.recipient == number, c.own_recipient == number)] if number else []),
        *([c.email == email.strip().lower()] if email else []),
    ]
    if not ways:
        return []
    return [_occasion(row) for row in tx.rows(tx.mine(t.occasions).where(c.installation == installation, or_(*ways)))]


def all_of(tx: Transaction, installation: str) -> list[Occasion]:
    """Everything that a platform told us of."""
    return [_occasion(row) for row in tx.rows(tx.mine(t.occasions).where(t.occasions.c.installation == installation))]


def known_numbers(tx: Transaction, numbers: Iterable[str]) -> set[str]:
    """Those of `numbers` that some occasion names."""
    c, found = t.occasions.c, set[str]()
    for chunk in chunks(sorted(numbers)):
        query = tx.mine(t.occasions, c.recipient, c.own_recipient)
        for row in tx.connection.execute(query.where(or_(c.recipient.in_(chunk), c.own_recipient.in_(chunk)))):
            found |= {row.recipient, row.own_recipient} & set(chunk)
    return found


def numbers_of(tx: Transaction, installation: str, subjects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Record of the platform → the numbers under which we know that person there."""
    c, found = t.occasions.c, dict[str, list[str]]()
    kept = {short(one): one for one in subjects}
    for chunk in chunks(sorted(name for name in kept if name)):
        query = tx.mine(t.occasions, c.subject, c.recipient, c.own_recipient).distinct()
        for row in tx.connection.execute(query.where(c.installation == installation, c.subject.in_(chunk))):
            subject = kept[row.subject]
            for number in (row.own_recipient or row.recipient,):
                if number and number not in found.setdefault(subject, []):
                    found[subject].append(number)
    return {subject: tuple(numbers) for subject, numbers in found.items()}


def subjects_of(tx: Transaction, installation: str, numbers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Number → the records of a platform that have it."""
    c, found = t.occasions.c, dict[str, set[str]]()
    for chunk in chunks(sorted(numbers)):
        query = tx.mine(t.occasions, c.subject, c.recipient, c.own_recipient).where(
            c.installation == installation,
            c.subject.is_not(None),
            or_(c.recipient.in_(chunk), c.own_recipient.in_(chunk)),
        )
        for row in tx.connection.execute(query.distinct()):
            for number in {row.recipient, row.own_recipient} & set(chunk):
                found.setdefault(number, set()).add(row.subject)
    return {number: tuple(sorted(subjects)) for number, subjects in found.items()}


def merged(tx: Transaction, installation: str, old: str, new: str) -> int:
    """Two records over there became one. Returns how many occasions are the other record's now."""
    c = t.occasions.c
    done = tx.connection.execute(
        update(t.occasions)
        .where(c.workspace == tx.owned, c.installation == installation, c.subject == short(old))
        .values(subject=short(new))
    )
    return int(done.rowcount)


def correct(
    tx: Transaction, occasion_id: str, *, recipient: Recipient | None = None, muted: bool | None = None
) -> None:
    """A person's word on an occasion: whose number it is, or that no message is wanted."""
    changes: dict[str, Any] = {}
    if recipient is not None:
        changes |= {
            "own_recipient": recipient.number,
            "own_country": recipient.country,
            "own_line": str(recipient.line),
        }
    if muted is not None:
        changes["muted"] = muted
    if changes:
        tx.connection.execute(
            update(t.occasions)
            .where(t.occasions.c.id == occasion_id, t.occasions.c.workspace == tx.owned)
            .values(**changes)
        )


def answered(tx: Transaction, occasion_id: str, answer: Answer, at: datetime) -> None:
    """What the person replied about the occasion as it is."""
    tx.connection.execute(
        update(t.occasions)
        .where(t.occasions.c.id == occasion_id, t.occasions.c.workspace == tx.owned)
        .values(answer=str(answer), answered_at=at)
    )


def told(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, datetime]:
    """For each occasion the start that the last message that left spoke of."""
    found: dict[str, tuple[datetime, datetime]] = {}
    c = t.messages.c
    for chunk in chunks(sorted(occasion_ids)):
        rows = tx.connection.execute(
            tx.mine(t.messages, c.occasion, c.about, c.left_at).where(
                c.occasion.in_(chunk), c.state.in_([str(state) for state in LEFT]), c.about.is_not(None)
            )
        ).all()
        for row in rows:
            left = row.left_at or datetime.min.replace(tzinfo=row.about.tzinfo)
            if row.occasion not in found or left >= found[row.occasion][0]:
                found[row.occasion] = (left, row.about)
    return {occasion: about for occasion, (_, about) in found.items()}


def _save(tx: Transaction, fresh: list[Occasion], known: list[Occasion]) -> None:
    if fresh:
        tx.connection.execute(
            insert(t.occasions),
            [
                {
                    "id": one.id,
                    "workspace": tx.owned,
                    "installation": one.installation,
                    "key": one.key,
                    "first_seen": one.first_seen,
                    "backlog": one.backlog,
                    "muted": False,
                    **_row(one),
                }
                for one in fresh
            ],
        )
    if known:
        # One statement for all of them, built once.
        tx.connection.execute(_CHANGED, [
            {"b_id": one.id, **{f"b_{name}": value for name, value in _row(one).items()}} for one in known
        ])  # fmt: skip


def _row(one: Occasion) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "at": one.at,
        "digest": one.digest,
        "closed": one.closed and str(one.closed),
        "start": one.start,
        "end": one.end,
        "zone": one.zone,
        "all_day": one.all_day,
        "recipient": one.found.number if one.found else None,
        "country": one.found.country if one.found else None,
        "line": str(one.found.line) if one.found else None,
        "trouble": one.trouble and {"code": one.trouble.code, "values": dict(one.trouble.values)},
        "evidence": one.evidence
        and {
            "field": one.evidence.field,
            "text": one.evidence.text,
            "start": one.evidence.start,
            "end": one.evidence.end,
        },
        "candidates": list(one.candidates),
        "values": dict(one.values),
        "private": dict(one.private),
        "answer": one.answer and str(one.answer),
        "content_at": one.content_at,
        "content_digest": one.content_digest,
        "wish": one.wish and one.wish.as_json(),
        "subject": one.subject,
        "email": one.email,
    }


def _occasion(row: Mapping[str, Any]) -> Occasion:
    return Occasion(
        id=row["id"],
        installation=row["installation"],
        key=row["key"],
        kind=Kind(row["kind"]),
        at=row["at"],
        digest=row["digest"],
        closed=Closed(row["closed"]) if row["closed"] else None,
        start=row["start"],
        end=row["end"],
        zone=row["zone"],
        all_day=row["all_day"],
        found=_recipient(row["recipient"], row["country"], row["line"]),
        trouble=from_reason(row["trouble"]) if row["trouble"] else None,
        evidence=Evidence(**row["evidence"]) if row["evidence"] else None,
        candidates=tuple(row["candidates"]),
        values=row["values"],
        private=row["private"],
        first_seen=row["first_seen"],
        backlog=row["backlog"],
        answer=Answer(row["answer"]) if row["answer"] else None,
        own_recipient=_recipient(row["own_recipient"], row["own_country"], row["own_line"]),
        muted=row["muted"],
        content_at=row["content_at"],
        content_digest=row["content_digest"],
        wish=Wish.from_json(row["wish"]) if row["wish"] else None,
        subject=row["subject"],
        email=row["email"],
    )


_BY_KEYS = select(t.occasions).where(
    t.occasions.c.workspace == bindparam("b_workspace"), t.occasions.c.installation == bindparam("b_place"),
    t.occasions.c.key.in_(bindparam("b_keys", expanding=True)),
)  # fmt: skip
_NUMBERS = (
    "SELECT key, own_recipient, recipient FROM occasions WHERE workspace = ? AND installation = ? AND key IN ({})"
)
_SOME = Occasion("", Kind.CART, datetime(1970, 1, 1, tzinfo=UTC), "")
_CHANGED = (
    update(t.occasions)
    .where(t.occasions.c.id == bindparam("b_id"))
    .values({name: bindparam(f"b_{name}") for name in _row(_SOME)})
)


def of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Occasion]:
    """The occasions that whole rows of the table describe."""
    return [_occasion(row) for row in rows]


def _recipient(number: str | None, country: str | None, line: str | None) -> Recipient | None:
    return Recipient(number, country or "", Line(line or "mobile")) if number else None

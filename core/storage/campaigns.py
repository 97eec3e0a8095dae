"""Campaigns and their people: everybody once, each with a place of their own, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, case, cast, delete, func, insert, or_, select, update
from sqlalchemy import type_coerce as as_type

from core.domain.campaigns import By, Campaign, Staged, Time, Variant
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.ids import new_id, new_ids
from core.storage import bulk
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Transaction
from core.storage.ledger import reason_row, write_steps

WAITING, PLANNED, LEFT_OUT, CONTROL = "waiting", "planned", "left_out", "control"
_c, _p, _m = t.campaigns.c, t.campaign_people.c, t.messages.c
_STILL = ("scheduled", "held", "sending")


def campaign(row: Mapping[str, Any]) -> Campaign:
    """What its author decided, from its row."""
    message, staged = row["message"], row["staged"]
    return Campaign(
        id=row["id"],
        name=row["name"],
        message_class=MessageClass(row["class"]),
        variants=tuple(
            Variant(one["name"], one["share"], one.get("body"), one.get("template"), one.get("content") or {})
            for one in message["variants"]
        ),
        channels=tuple(Channel(name) for name in message["channels"]),
        budgets=message.get("budgets"),
        sender=message.get("sender"),
        shorten=message.get("shorten", True),
        fallbacks=message.get("fallbacks") or {},
        time=Time(
            row["send_at"], datetime.fromisoformat(row["wall"]) if row["wall"] else None, row["zone"],
            timedelta(seconds=row["useful"]),
        ),
        staged=None if staged is None else Staged(
            staged["percent"], None if staged["after"] is None else timedelta(seconds=staged["after"]),
            staged["most_failed"], staged["most_stopped"],
        ),
        winner=By(row["winner"]) if row["winner"] else None,
        holdout=row["holdout"],
        test=row["test"],
        survey=row["survey"],
    )  # fmt: skip


def add(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str:
    """A new draft; its id. `values`: plain columns of `campaigns`."""
    campaign_id = new_id("cmp")
    tx.connection.execute(
        insert(t.campaigns).values(
            {**values, "id": campaign_id, "workspace": tx.owned, "state": "draft", "created_at": now, "changed_at": now}
        )
    )
    return campaign_id


def row(tx: Transaction, campaign_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.campaigns).where(_c.id == campaign_id))


def rows(tx: Transaction, *, state: str | None = None, after: str | None = None, limit: int = 50
         ) -> list[Mapping[str, Any]]:  # fmt: skip
    """Newest first."""
    query = tx.mine(t.campaigns).order_by(_c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_c.state == state)
    return tx.rows(query if after is None else query.where(_c.id < after))


def known(tx: Transaction, ids: Iterable[str]) -> list[Mapping[str, Any]]:
    """The rows of these campaigns."""
    return tx.rows(tx.mine(t.campaigns).where(_c.id.in_(sorted(ids))))


def to_begin(tx: Transaction, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
    """Those that are not over and are to leave in that time. Whose time is everybody's own (`wall`) is found by its day
    and a day around it."""
    wide = (f"{start - timedelta(days=2):%Y-%m-%dT%H:%M:%S}", f"{end + timedelta(days=2):%Y-%m-%dT%H:%M:%S}")
    wanted = or_(and_(_c.send_at >= start, _c.send_at < end), and_(_c.wall >= wide[0], _c.wall < wide[1]))
    going = tx.mine(t.campaigns).where(_c.state.not_in(["done", "cancelled"]), wanted)
    return tx.rows(going.order_by(_c.id).limit(200))


def names(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """campaign → its name."""
    wanted = tx.mine(t.campaigns, _c.id, _c.name).where(_c.id.in_(sorted(ids)))
    return {row.id: row.name for row in tx.connection.execute(wanted)}


def change(
    tx: Transaction, campaign_id: str, values: Mapping[str, Any], now: datetime, *, only: Iterable[str] = ()
) -> bool:
    """`values`: plain columns. `only`: if it is in one of these states; False (and nothing written) when it is not."""
    allowed = sorted(only)
    done = tx.connection.execute(
        update(t.campaigns)
        .where(_c.id == campaign_id, _c.workspace == tx.owned, *([_c.state.in_(allowed)] if allowed else []))
        .values({**values, "changed_at": now})
    )
    return bool(done.rowcount)


def alone(tx: Transaction, campaign_id: str) -> None:
    """Nobody else works on it, or plans, until the end of the transaction. Whoever takes back a consent goes on to what
    waits, too: in turn, or each waits for the other."""
    tx.alone(f"plan:{tx.owned}")
    tx.alone(f"campaign:{campaign_id}")


def remove(tx: Transaction, campaign_id: str) -> bool:
    """Throws a draft away; False when it is none."""
    return bool(
        tx.connection.execute(
            delete(t.campaigns).where(_c.id == campaign_id, _c.workspace == tx.owned, _c.state == "draft")
        ).rowcount
    )


def due(tx: Transaction, now: datetime, limit: int = 20) -> list[tuple[str, str]]:
    """(workspace, campaign) of those that have something to do now, over the whole house."""
    if not tx.any("campaigns", "next_at <= ?", t.micros(now)):
        return []
    query = select(_c.workspace, _c.id).where(_c.next_at <= now).order_by(_c.next_at).limit(limit)
    return [(row.workspace, row.id) for row in tx.connection.execute(query)]


def pause_all(tx: Transaction, reason: Reason, now: datetime) -> int:
    """Pauses every campaign of the house that is at work; how many. What they hold is held at their next turn."""
    done = tx.connection.execute(
        update(t.campaigns)
        .where(_c.state.in_(["gathering", "sending", "waiting"]))
        .values(state="paused", trouble=reason_row(reason), next_at=now, changed_at=now)
    )
    return int(done.rowcount)


def stopped(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """Campaign → "paused" or "cancelled", for those of these that are: over the whole house."""
    query = select(_c.id, _c.state).where(_c.id.in_(sorted(ids)), _c.state.in_(["paused", "cancelled"]))
    return {row.id: row.state for row in tx.connection.execute(query)}


# ---------------------------------------------------------------------------------------------- its people


@dataclass(frozen=True, slots=True)
class Meant:
    """Somebody whom a campaign is about. `contact`: their id, if they are one."""

    recipient: Recipient
    place: int
    contact: str | None = None


def write_down(tx: Transaction, campaign_id: str, people: Sequence[Meant]) -> int:
    """Takes people in who are not in it yet; how many were new."""
    known: set[str] = set()
    for some in chunks([one.recipient.number for one in people]):
        query = tx.mine(t.campaign_people, _p.number).where(_p.campaign == campaign_id, _p.number.in_(some))
        known.update(tx.connection.execute(query).scalars())
    new = [one for one in people if one.recipient.number not in known]
    ids = new_ids("cpp", len(new)) if new else []
    bulk.insert(
        tx,
        t.campaign_people,
        [
            {
                "id": id, "workspace": tx.owned, "campaign": campaign_id, "number": one.recipient.number,
                "country": one.recipient.country, "contact": one.contact, "place": one.place, "state": WAITING,
            }
            for id, one in zip(ids, new, strict=True)
        ],
    )  # fmt: skip
    return len(new)


def written_down(tx: Transaction, campaign_id: str) -> int:
    """How many people it has."""
    query = tx.mine(t.campaign_people, func.count()).where(_p.campaign == campaign_id)
    return int(tx.connection.execute(query).scalar_one())


def place_at(tx: Transaction, campaign_id: str, rank: int) -> int | None:
    """The place of the person of that rank (from 0) in the row; None beyond its end."""
    query = tx.mine(t.campaign_people, _p.place).where(_p.campaign == campaign_id)
    found = tx.connection.execute(query.order_by(_p.place).offset(rank).limit(1)).scalar()
    return None if found is None else int(found)


def waiting(tx: Transaction, campaign_id: str, below: int, limit: int) -> list[Mapping[str, Any]]:
    """People for whom no message was made yet, in the order of their places, as far as `below`, with what is known of
    them as contacts."""
    k = t.contacts.c
    query = (
        select(
            _p.id, _p.number, _p.country, _p.place, k.id.label("contact"), k.name, k.first_name, k.email, k.language,
            k.zone, k["values"].label("said"),
        )
        .select_from(t.campaign_people)
        .outerjoin(t.contacts, and_(k.workspace == _p.workspace, k.number == _p.number))
        .where(_p.workspace == tx.owned, _p.campaign == campaign_id, _p.state == WAITING, _p.place < below)
        .order_by(_p.place, _p.id)
        .limit(limit)
    )  # fmt: skip
    return tx.rows(query)


def settle(tx: Transaction, people: Sequence[Mapping[str, Any]]) -> None:
    """Writes what became of people: `id`, `state`, `variant`, `step`, `reason` (a `Reason` or None), `message`,
    `at`."""
    bulk.update(
        tx, t.campaign_people, ("id",), [{**one, "reason": reason_row(one["reason"])} for one in people]
    )


def leave_out_waiting(tx: Transaction, campaign_id: str, reason: Reason) -> int:
    """Nobody who still waits gets anything any more; how many."""
    done = tx.connection.execute(
        update(t.campaign_people)
        .where(_p.workspace == tx.owned, _p.campaign == campaign_id, _p.state == WAITING)
        .values(state=LEFT_OUT, step="sent", reason=reason_row(reason))
    )
    return int(done.rowcount)


def people(
    tx: Transaction, campaign_id: str, *, state: str | None = None, reason: str | None = None,
    after: str | None = None, limit: int = 50,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """What became of each, in the order in which they were written down; those in `state`, with that reason's code."""
    query = tx.mine(t.campaign_people).where(_p.campaign == campaign_id).order_by(_p.id).limit(limit)
    if state is not None:
        query = query.where(_p.state == state)
    if reason is not None:
        begins = t.as_json({"code": reason}).removesuffix("}")
        query = query.where(func.substr(as_type(_p.reason, Text), 1, len(begins)) == begins)
    return tx.rows(query if after is None else query.where(_p.id > after))


def of_number(tx: Transaction, number: str, limit: int = 50) -> list[Mapping[str, Any]]:
    """The campaigns that meant this number, the newest first, each with its name and what became of the person."""
    query = (
        select(_p.campaign, _c.name, _c.state.label("phase"), _p.state, _p.variant, _p.reason, _p.message, _p.at)
        .join(t.campaigns, _c.id == _p.campaign)
        .where(_p.workspace == tx.owned, _p.number == number)
        .order_by(_p.campaign.desc())
        .limit(limit)
    )
    return tx.rows(query)


# ---------------------------------------------------------------------------------------------- its messages


def held_by(campaign_id: str) -> str:
    """What messages say that wait for their campaign to go on."""
    return f"campaign:{campaign_id}"


def of_campaign(campaign_id: str) -> ColumnElement[bool]:
    """The condition that a message is one of its (for `outbox.end_waiting`)."""
    return _m.campaign == campaign_id


def hold(tx: Transaction, campaign_id: str, reason: Reason, now: datetime) -> int:
    """Keeps back what waits to leave; how many messages."""
    tx.alone(f"plan:{tx.owned}")
    held = tx.connection.execute(
        update(t.messages)
        .where(_m.workspace == tx.owned, _m.campaign == campaign_id, _m.state == "scheduled")
        .values(state="held", held_by=held_by(campaign_id), reason=reason_row(reason), changed_at=now)
        .returning(_m.id)
    ).scalars().all()  # fmt: skip
    write_steps(tx, [(one, tx.owned, State.HELD, reason) for one in held], now)
    return len(held)


def still_waiting(tx: Transaction, campaign_id: str, *, below: int | None = None) -> bool:
    """Whether a message of it waits or is leaving; with `below`, one of those people."""
    query = tx.mine(t.messages, _m.id).where(_m.campaign == campaign_id, _m.state.in_(_STILL))
    if below is not None:
        query = query.join(t.campaign_people, and_(_p.message == _m.id, _p.place < below))
    return tx.connection.execute(query.limit(1)).first() is not None


# ---------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Lost:
    """`count` people of one variant (None: before there was one) who got nothing, for one reason. `state`: of their
    message, if there was one."""

    variant: str | None
    step: str | None
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Messages of one variant in one state."""

    variant: str | None
    state: str
    left: bool
    count: int
    segments: int
    currency: str | None
    cost: int


def counted(tx: Transaction, campaign_id: str) -> dict[tuple[str, str | None], int]:
    """(state, variant) → how many people."""
    query = tx.mine(t.campaign_people, _p.state, _p.variant, func.count()).where(_p.campaign == campaign_id)
    return {(row[0], row[1]): int(row[2]) for row in tx.connection.execute(query.group_by(_p.state, _p.variant))}


def messages(tx: Transaction, campaign_id: str) -> list[Sums]:
    """What became of the messages, by variant, state and currency."""
    left = _m.left_at.is_not(None)
    by = (_p.variant, _m.state, left, _m.currency)
    query = (
        select(*by, func.count(), func.sum(_m.segments), func.coalesce(func.sum(_m.price_micros), 0))
        .join(t.campaign_people, _p.message == _m.id)
        .where(_m.workspace == tx.owned, _m.campaign == campaign_id)
        .group_by(*by)
    )
    return [
        Sums(row[0], row[1], bool(row[2]), int(row[4]), int(row[5]), row[3], int(row[6]))
        for row in tx.connection.execute(query)
    ]


def lost(tx: Transaction, campaign_id: str) -> list[Lost]:
    """Why people got nothing: those for whom no message was made, and those whose message ended without leaving."""
    before = tx.mine(t.campaign_people, _p.variant, _p.step, as_type(_p.reason, Text), func.count()).where(
        _p.campaign == campaign_id, _p.reason.is_not(None)
    ).group_by(_p.variant, _p.step, as_type(_p.reason, Text))  # fmt: skip
    after = (
        select(_p.variant, cast(None, Text), as_type(_m.reason, Text), func.count())
        .join(t.campaign_people, _p.message == _m.id)
        .where(
            _m.workspace == tx.owned, _m.campaign == campaign_id, _m.left_at.is_(None), _m.state.not_in(_STILL),
            _m.reason.is_not(None),
        )
        .group_by(_p.variant, as_type(_m.reason, Text))
    )  # fmt: skip
    sums: dict[tuple[str | None, str | None, str], tuple[Reason, int]] = {}
    for row in (*tx.connection.execute(before), *tx.connection.execute(after)):
        said = t.Json().process_result_value(row[2], None)
        reason = Reason(said["code"], said.get("values", {}))
        # Reasons name the hour or the cap: those of one code are one line.
        key = (row[0], row[1], reason.code)
        sums[key] = (sums[key][0] if key in sums else reason, (sums[key][1] if key in sums else 0) + int(row[3]))
    return [Lost(variant, step, reason, count) for (variant, step, _), (reason, count) in sums.items()]


def answered(tx: Transaction, campaign_id: str) -> dict[str, dict[str | None, int]]:
    """What people did (`clicked`, `replied`, `stopped`) → variant → after the messages of how many."""
    r = t.replies.c
    said = select(_p.variant, func.count(func.distinct(_p.id))).where(
        _p.workspace == tx.owned, _p.campaign == campaign_id
    )
    stop = r.meaning == "stop"
    asked = {
        "clicked": said.join(t.clicks, t.clicks.c.message == _p.message),
        "replied": said.join(t.replies, and_(r.message == _p.message, ~stop)),
        "stopped": said.join(t.replies, and_(r.message == _p.message, stop)),
    }
    return {
        name: {row[0]: int(row[1]) for row in tx.connection.execute(query.group_by(_p.variant))}
        for name, query in asked.items()
    }


def ordered(
    tx: Transaction, campaign_id: str, window: timedelta, until: datetime
) -> Iterator[tuple[str, str | None, bool, int, int]]:
    """(state, variant, whether they followed a link before, people, of them with an order): of those who were written
    to, whose message left, and of those who were left out to measure, whose `window` was over by `until`."""
    o, x = t.occasions.c, t.clicks.c
    span = int(window / timedelta(microseconds=1))
    at: ColumnElement[Any] = as_type(case((_p.state == CONTROL, _p.at), else_=_m.left_at), BigInteger)
    placed = as_type(func.coalesce(o.start, o.at), BigInteger)
    mine = or_(o.own_recipient == _p.number, and_(o.own_recipient.is_(None), o.recipient == _p.number))
    order = (
        select(o.id)
        .where(
            o.workspace == tx.owned, o.kind == "order", mine, placed >= at, placed < at + span,
            or_(o.closed.is_(None), o.closed.not_in(["cancelled", "deleted"])),
        )
        .exists()
    )  # fmt: skip
    clicked = select(x.id).where(x.message == _p.message).exists()
    people_of = (
        select(
            _p.state, _p.variant, case((clicked, 1), else_=0).label("clicked"),
            case((order, 1), else_=0).label("ordered"),
        )
        .select_from(t.campaign_people)
        .outerjoin(t.messages, _m.id == _p.message)
        .where(
            _p.workspace == tx.owned, _p.campaign == campaign_id,
            or_(_p.state == CONTROL, and_(_p.state == PLANNED, _m.left_at.is_not(None))),
            at + span <= t.micros(until),
        )
        .subquery()
    )  # fmt: skip
    by = (people_of.c.state, people_of.c.variant, people_of.c.clicked)
    query = select(*by, func.count(), func.sum(people_of.c.ordered)).group_by(*by)
    for row in tx.connection.execute(query):
        yield row[0], row[1], bool(row[2]), int(row[3]), int(row[4] or 0)

"""The outbox: messages wait here as rows until they are due, and are claimed and recorded in batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, func, literal, or_, select, text, update

from core.domain.events import Wish
from core.domain.messages import FOLLOWS, Channel, MessageClass, State, may_follow
from core.domain.occasions import Occasion
from core.domain.planning import Cancel, Known, Move, Schedule, Send, Skip, Step
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.domain.retries import LONGEST
from core.domain.text.links import Link
from core.domain.text.price import price
from core.domain.text.segments import measure
from core.ids import new_ids
from core.storage import bulk, links
from core.storage import tables as t
from core.storage.cleaning import clean, short
from core.storage.database import Glance, Transaction

_CHUNK = 400
_m = t.messages.c


@dataclass(frozen=True, slots=True)
class New:
    """A message as it is accepted, whoever wants it: a rule, the API, a campaign."""

    to: str
    country: str
    text: str
    encoding: str
    segments: int
    message_class: MessageClass
    channels: tuple[Channel, ...]
    due_at: datetime
    expires_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    sender: str | None = None
    asks: bool = False
    reference: str | None = None
    zone: str | None = None
    checks: tuple[Check, ...] = ()
    installation: str | None = None
    occasion: str | None = None
    rule: str | None = None
    campaign: str | None = None
    key: str | None = None
    step: int = 1
    about: datetime | None = None
    test: bool = False
    state: State = State.SCHEDULED
    reason: Reason | None = None
    wanted_at: datetime | None = None
    """When its rule wanted it."""
    budgets: Mapping[str, int] | None = None
    """channel → seconds."""
    content: Mapping[str, Any] | None = None
    """channel → what it shows beyond the text, filled."""
    tells: bool = False
    """The platform wants to know what becomes of it."""
    links: tuple[Link, ...] = ()
    """The short links in its text, which lead somewhere once it is stored."""


@dataclass(slots=True)
class Claimed:
    """A message that this owner, and nobody else, may hand over until `lease`."""

    id: str
    workspace: str
    to: str
    country: str
    text: str
    encoding: str
    message_class: MessageClass
    channels: tuple[Channel, ...]
    sender: str | None
    asks: bool
    due_at: datetime
    expires_at: datetime | None
    tries: int
    fence: int
    installation: str | None
    occasion: str | None
    rule: str | None
    about: datetime | None
    test: bool
    zone: str | None
    held_by: str | None
    """`account:<id>`: by that account and no other, because it may have it already."""
    channel_step: int = 0
    fallback_at: datetime | None = None
    """When the time of its present channel is over and the next one's begins; None until it is first tried by it."""
    budgets: Mapping[str, int] | None = None
    content: Mapping[str, Any] | None = None
    segments: int = 1
    price_micros: int | None = None
    currency: str | None = None
    reference: str | None = None
    waits_for: Mapping[str, Any] | None = None
    """The reason for which it waited until now, as it was kept."""
    looked_at: datetime | None = None
    """When the platform was last asked whether it is still wanted."""

    @property
    def channel(self) -> Channel:
        """The one in use."""
        return self.channels[self.channel_step]

    @property
    def next_channel(self) -> Channel | None:
        """The one that follows when the present one has surely failed."""
        return self.channels[self.channel_step + 1] if self.channel_step + 1 < len(self.channels) else None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claimed message: its next state and all that goes into its row and the ledger."""

    message: Claimed
    state: State
    reason: Reason | None = None
    account: str | None = None
    provider: str = ""
    channel: Channel = Channel.SMS
    provider_ref: str | None = None
    due_at: datetime | None = None
    held_by: str | None = None
    attempt: str | None = None
    """accepted | later | refused | account | uncertain; None when no provider was asked."""
    look_up_at: datetime | None = None
    price_micros: int | None = None
    currency: str | None = None
    counts: bool = True
    """False when the try does not count against the message (the account's or the line's fault)."""
    by_next: bool = False
    """It surely did not arrive by this channel (`reason` says why) and goes on by the next one."""
    paced: bool = False
    """It only waits for its turn at a limited rate, which is no step worth keeping."""


def accept(tx: Transaction, messages: Sequence[New], now: datetime) -> list[str]:
    """Stores the messages; their ids, in order. What is due now is found by the next claim."""
    if not messages:
        return []
    ids = new_ids("msg", len(messages))
    workspace = tx.owned
    bearing = [
        links.Bearing(message_id, one.links, one.due_at, one.test)
        for message_id, one in zip(ids, messages, strict=True)
        if one.links and one.state is State.SCHEDULED
    ]
    if bearing and (instead := links.keep(tx, bearing, now)):
        messages = [_instead(one, instead) for one in messages]
    bulk.insert_tuples(tx, t.messages, _ACCEPTED, _rows(ids, workspace, messages, now))
    ended = [
        (message_id, one) for message_id, one in zip(ids, messages, strict=True) if one.state is not State.SCHEDULED
    ]
    if ended:
        write_steps(tx, [(message_id, workspace, one.state, one.reason) for message_id, one in ended], now)
    return ids


def _instead(one: New, instead: Mapping[str, str]) -> New:
    text, content = links.instead_of(instead, one.text, one.content)
    return replace(one, text=text, content=content)


def known(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Known]]:
    """All messages of these occasions, by occasion."""
    found: dict[str, list[Known]] = {}
    ids = sorted(occasion_ids)
    for first in range(0, len(ids), _CHUNK):
        rows = tx.connection.execute(
            tx.mine(
                t.messages,
                _m.id,
                _m.occasion,
                _m.key,
                _m.step,
                _m.state,
                _m.to,
                _m.text,
                _m.due_at,
                _m.expires_at,
                _m.about,
                _m.by_person,
                _m["class"],
                _m.channels,
                _m.sender,
                _m.asks,
                _m.wanted_at,
                _m.budgets,
                _m.content,
            ).where(_m.occasion.in_(ids[first : first + _CHUNK]), _m.key.is_not(None))
        )
        for row in rows:
            found.setdefault(row.occasion, []).append(
                Known(
                    row.id,
                    row.key,
                    row.step,
                    State(row.state),
                    row.to,
                    row.text,
                    row.due_at,
                    row.expires_at,
                    row.about,
                    row.by_person,
                    (
                        MessageClass(row._mapping["class"]),
                        tuple(Channel(name) for name in row.channels),
                        row.sender,
                        row.asks,
                        row.budgets,
                        row.content,
                    ),
                    row.wanted_at,
                )
            )
    return found


def carry_out(tx: Transaction, steps: Sequence[tuple[str, str, Step]], now: datetime, *, test: bool = False) -> int:
    """Takes (installation, occasion, step) into the outbox. Returns how many messages are new.

    A message that was claimed meanwhile stays with its claimer: `WHERE state` decides, not what was read before.
    """
    new = [
        _scheduled(installation, occasion, step, test)
        for installation, occasion, step in steps
        if isinstance(step, Schedule)
    ]
    accept(tx, new, now)
    ledger: list[tuple[str, str, State, Reason | None]] = []
    for _, _, step in steps:
        if isinstance(step, Move):
            if _moved(tx, step, now):
                _linked(tx, step, now)
                ledger.append((step.known.id, tx.owned, step.known.state, step.reason))
        elif isinstance(step, Cancel) and _ended(tx, step.known.id, step.state, step.reason, now):
            ledger.append((step.known.id, tx.owned, step.state, step.reason))
    write_steps(tx, ledger, now)
    return len(new)


def keep_unfulfilled(tx: Transaction, wishes: Sequence[tuple[Occasion, Skip]], now: datetime) -> list[str]:
    """What platforms wished and what is not to be, each as a message that has ended, with its reason."""
    return accept(tx, [_unfulfilled(occasion, skip, skip.wish, now) for occasion, skip in wishes if skip.wish], now)


def _unfulfilled(occasion: Occasion, skip: Skip, wish: Wish, now: datetime) -> New:
    recipient, text = occasion.recipient, wish.body or ""
    measured = measure(text)
    return New(
        to=recipient.number if recipient else "",
        country=recipient.country if recipient else "",
        text=text,
        encoding=measured.encoding,
        segments=measured.segments,
        message_class=MessageClass(wish.klass) if wish.klass in list(MessageClass) else MessageClass.MARKETING,
        channels=tuple(Channel(name) for name in wish.channels if name in list(Channel)) or (Channel.SMS,),
        due_at=skip.wanted_at or now,
        checks=skip.checks,
        installation=occasion.installation,
        occasion=occasion.id,
        rule=skip.rule,
        campaign=wish.campaign,
        key=skip.key,
        about=skip.about,
        # Called off is what was planned; this never was.
        state=State.SUPPRESSED if skip.state is State.CANCELLED else skip.state,
        reason=skip.reason,
        tells=True,
    )


def call_off(
    tx: Transaction,
    occasions: Iterable[str],
    reason: Reason,
    now: datetime,
    *,
    campaign: str | None = None,
) -> int:
    """Ends what waits about these occasions, of one campaign or of all, for good. Returns how many messages."""
    count = 0
    ids = sorted(occasions)
    for first in range(0, len(ids), _CHUNK):
        of_one = [_m.campaign == short(campaign)] if campaign else []
        conditions = [_m.occasion.in_(ids[first : first + _CHUNK]), *of_one]
        count += end_waiting(tx, now, State.CANCELLED, reason, *conditions, by_person=True)
    return count


# ---------------------------------------------------------------------------------------------- looking again

_LOOKING = "look:"


def looking(installation: str) -> str:
    """What holds a message while its platform is asked whether it is still wanted."""
    return _LOOKING + installation


def platforms_to_ask(tx: Transaction) -> list[tuple[str, str]]:
    """(workspace, installation) of those for whose word messages wait."""
    found: list[tuple[str, str]] = []
    last = _LOOKING
    # From one to the next by the index: behind one that is away, a hundred thousand may wait.
    next_one = select(_m.workspace, _m.installation, _m.held_by).where(
        _m.state == text("'held'"), _m.held_by > bindparam("b_last"), _m.held_by < "look;"
    )
    while row := tx.connection.execute(next_one.order_by(_m.held_by).limit(1), {"b_last": last}).first():
        found.append((row.workspace, row.installation))
        last = row.held_by
    return found


def to_look_at(tx: Transaction, installation: str, limit: int) -> list[Mapping[str, Any]]:
    """Messages that wait for their platform's word, the most urgent and the longest waiting first."""
    return tx.rows(
        tx.mine(t.messages, _m.id, _m.installation, _m.occasion, _m["class"], _m.due_at, _m.expires_at)
        .where(_m.state == text("'held'"), _m.held_by == looking(installation))
        .order_by(_m.priority, _m.due_at)
        .limit(limit)
    )


def looked_at(tx: Transaction, ids: Sequence[str], reason: Reason, now: datetime) -> int:
    """The platform still wants these (or nobody can tell): they leave now. Returns how many still waited for it."""
    tx.alone(f"plan:{tx.owned}")
    count = 0
    for first in range(0, len(ids), _CHUNK):
        rows = tx.connection.execute(
            update(t.messages)
            .where(
                _m.workspace == tx.owned,
                _m.id.in_(ids[first : first + _CHUNK]),
                _m.state == "held",
                _m.held_by.startswith(_LOOKING),
            )
            .values(state="scheduled", held_by=None, reason=reason_row(reason), changed_at=now, looked_at=now)
            .returning(_m.id, _m.workspace)
        ).all()
        write_steps(tx, [(row.id, row.workspace, State.SCHEDULED, reason) for row in rows], now)
        count += len(rows)
    return count


def look_elsewhere(tx: Transaction, installation: str, reason: Reason, now: datetime) -> None:
    """Their platform may not be asked now: all that wait for its word wait for a person to change that."""
    tx.connection.execute(
        update(t.messages)
        .where(_m.workspace == tx.owned, _m.state == text("'held'"), _m.held_by == looking(installation))
        .values(held_by=f"installation:{installation}", reason=reason_row(reason), changed_at=now)
    )


def end_these(tx: Transaction, ids: Sequence[str], state: State, reason: Reason, now: datetime) -> list[str]:
    """Ends those of these messages that still wait. Which ones."""
    tx.alone(f"plan:{tx.owned}")
    ended: list[str] = []
    for first in range(0, len(ids), _CHUNK):
        rows = tx.connection.execute(
            update(t.messages)
            .where(
                _m.workspace == tx.owned,
                _m.id.in_(ids[first : first + _CHUNK]),
                _m.state.in_(["scheduled", "held"]),
            )
            .values(state=str(state), reason=reason_row(reason), changed_at=now, held_by=None)
            .returning(_m.id, _m.workspace)
        ).all()
        write_steps(tx, [(row.id, row.workspace, state, reason) for row in rows], now)
        ended += [row.id for row in rows]
    return ended


def held_too_long(tx: Transaction, now: datetime, limit: int) -> dict[str, list[str]]:
    """Workspace → messages that are held, whatever for, and are of no use any more."""
    query = select(_m.id, _m.workspace).where(_m.state == text("'held'"), _m.expires_at < now).limit(limit)
    found: dict[str, list[str]] = {}
    for row in tx.connection.execute(query):
        found.setdefault(row.workspace, []).append(row.id)
    return found


def held_for_nothing(tx: Transaction) -> list[tuple[str, str, str]]:
    """(workspace, installation, its state) of connections that hold messages although they are connected, or have
    ended: such a message was handed to the hold just when that ended."""
    i = t.installations.c
    here = (_m.workspace, _m.installation, i.state)
    return [
        (row[0], row[1], row[2])
        for row in tx.connection.execute(
            select(*here)
            .join(t.installations, i.id == _m.installation)
            .where(
                _m.state == text("'held'"),
                or_(
                    and_(_m.held_by == literal("installation:").concat(_m.installation), i.state == "connected"),
                    i.state == "disconnected",
                ),
            )
            .distinct()
        )
    ]


# ---------------------------------------------------------------------------------------------- telling platforms


def of_occasions(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """occasion → its messages, the first one first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    ids = sorted(occasion_ids)
    for first in range(0, len(ids), _CHUNK):
        query = tx.mine(t.messages).where(_m.occasion.in_(ids[first : first + _CHUNK])).order_by(_m.id)
        for row in tx.rows(query):
            found.setdefault(row["occasion"], []).append(row)
    return found


def untold(tx: Transaction, limit: int) -> list[Mapping[str, Any]]:
    """Messages whose state their platform wants to hear of and has not been told: marked as told, the caller tells.
    `told` is what it was told before, "" for nothing."""
    due = select(_m.id, _m.told).where(text(f"({t.UNTOLD})")).order_by(_m.changed_at).limit(limit)
    before = {row.id: row.told for row in tx.connection.execute(tx.unshared(due))}
    ids = list(before)
    if not ids:
        return []
    tx.connection.execute(update(t.messages).where(_m.id.in_(ids)).values(told=_m.state))
    return [{**row, "told": before[row["id"]]} for row in tx.rows(select(t.messages).where(_m.id.in_(ids)))]


def cancel(tx: Transaction, message_id: str, reason: Reason, now: datetime, *, by_person: bool = True) -> bool:
    """Calls off a waiting message; False when it has left, or ended otherwise."""
    done = _ended(tx, message_id, State.CANCELLED, reason, now, by_person=by_person)
    if done:
        write_steps(tx, [(message_id, tx.owned, State.CANCELLED, reason)], now)
    return done


def end_waiting(
    tx: Transaction, now: datetime, state: State, reason: Reason, *conditions: Any, by_person: bool = False
) -> int:
    """Ends all waiting messages that meet `conditions` (an opt-out, an erased person). Returns how many."""
    # Whoever plans changes the same rows one by one: in turn, or each waits for the other.
    tx.alone(f"plan:{tx.owned}")
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.workspace == tx.owned, _m.state.in_(["scheduled", "held"]), *conditions)
        .values(state=str(state), reason=reason_row(reason), changed_at=now, held_by=None, by_person=by_person)
        .returning(_m.id)
    ).all()
    write_steps(tx, [(row.id, tx.owned, state, reason) for row in rows], now)
    return len(rows)


def unsaid(tx: Transaction, message_ids: Sequence[str], code: str) -> list[str]:
    """Those of the messages in whose ledger no step has that reason yet."""
    if not message_ids:
        return []
    c = t.steps.c
    rows = tx.connection.execute(select(c.message, c.reason).where(c.message.in_(sorted(message_ids))))
    said = {row.message for row in rows if row.reason and row.reason["code"] == code}
    return [one for one in message_ids if one not in said]


def end_waiting_for(
    tx: Transaction, number: str, classes: Iterable[str] | None, state: State, reason: Reason, now: datetime
) -> int:
    """Ends what waits for `number` (E.164) in these classes; in all with None. Returns how many."""
    of_class = () if classes is None else (_m["class"].in_(list(classes)),)
    return end_waiting(tx, now, state, reason, _m.to == number, *of_class)


def end_waiting_of(tx: Transaction, installation: str, state: State, reason: Reason, now: datetime) -> int:
    """Ends what waits because of that installation. Returns how many."""
    return end_waiting(tx, now, state, reason, _m.installation == installation)


# ---------------------------------------------------------------------------------------------- leaving

_CLAIMED = (
    _m.id,
    _m.workspace,
    _m.to,
    _m.country,
    _m.text,
    _m.encoding,
    _m["class"],
    _m.channels,
    _m.sender,
    _m.asks,
    _m.due_at,
    _m.expires_at,
    _m.tries,
    _m.fence,
    _m.installation,
    _m.occasion,
    _m.rule,
    _m.about,
    _m.test,
    _m.zone,
    _m.held_by,
    _m.channel_step,
    _m.fallback_at,
    _m.budgets,
    _m.content,
    _m.segments,
    _m.price_micros,
    _m.currency,
    _m.reference,
    _m.reason,
    _m.looked_at,
)


def claim(tx: Transaction, now: datetime, limit: int, *, owner: str, lease: timedelta) -> list[Claimed]:
    """Up to `limit` due messages, the most urgent class first, marked `sending` for `owner` until the lease ends."""
    claimed: list[Claimed] = []
    taking = {"b_now": now, "b_owner": owner, "b_lease": now + lease}
    statement = _claim(tx)
    for priority in range(4):
        if len(claimed) >= limit:
            break
        asked = {**taking, "b_priority": priority, "b_limit": limit - len(claimed)}
        rows = tx.connection.execute(statement, asked).all()
        rows = sorted(rows, key=_by_due)
        claimed.extend(
            Claimed(
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                row[5],
                MessageClass(row[6]),
                tuple(Channel(name) for name in row[7]),
                *row[8:],
            )
            for row in rows
        )
    return claimed


_CLAIMING: dict[bool, Any] = {}


def _claim(tx: Transaction) -> Any:
    """Built once for each kind of database: it runs four times a turn, and building it costs more than running it."""
    if tx.is_sqlite not in _CLAIMING:
        due = (
            select(_m.id)
            .where(_m.state == "scheduled", _m.priority == bindparam("b_priority"), _m.due_at <= bindparam("b_now"))
            .order_by(_m.due_at)
            .limit(bindparam("b_limit", type_=Integer))
        )
        _CLAIMING[tx.is_sqlite] = (
            update(t.messages)
            .where(_m.id.in_(tx.chosen(due)))
            .values(
                state="sending",
                owner=bindparam("b_owner"),
                lease=bindparam("b_lease"),
                fence=_m.fence + 1,
                changed_at=bindparam("b_now"),
            )
            .returning(*_CLAIMED)
        )
    return _CLAIMING[tx.is_sqlite]


_by_due = itemgetter(_CLAIMED.index(_m.due_at), _CLAIMED.index(_m.id))


_NEXT_DUE_OF = "(SELECT due_at FROM messages WHERE state = 'scheduled' AND priority = {} ORDER BY due_at LIMIT 1)"
_NEXT_DUE = "SELECT " + ", ".join(map(_NEXT_DUE_OF.format, range(4)))


def hurry(tx: Transaction, account: str, now: datetime) -> None:
    """An account is back: what it had put off, for longer and longer, need not wait for its next try."""
    tx.connection.execute(
        update(t.messages)
        .where(
            _m.state == "scheduled",
            _m.priority.in_(range(4)),
            _m.due_at > now,
            _m.due_at <= now + LONGEST,
            _m.account == account,
        )
        .values(due_at=now)
    )


def next_due(tx: Transaction | Glance) -> datetime | None:
    """When the next message falls due; None when none waits."""
    first = min((kept for kept in tx.quick(_NEXT_DUE)[0] if kept is not None), default=None)
    return None if first is None else t.from_micros(first)


def record(tx: Transaction, results: Sequence[Result], now: datetime) -> list[Result]:
    """Writes what became of a batch, and returns what was written. A message whose lease was lost meanwhile keeps the
    newer word on it, unless that word is "uncertain" and we now know better."""
    if not results:
        return []
    stays = [one for one in results if not one.by_next]
    done = 0
    if stays:
        done = bulk.update(
            tx,
            t.messages,
            ("id", "fence"),
            [
                {
                    "id": one.message.id,
                    "fence": one.message.fence,
                    "state": str(one.state),
                    "reason": reason_row(one.reason),
                    "account": one.account,
                    "channel": str(one.channel) if one.attempt else None,
                    "provider_ref": one.provider_ref,
                    "due_at": one.due_at or one.message.due_at,
                    # What is in doubt at an account stays with it, however often that account puts it off.
                    "held_by": one.held_by or (one.message.held_by if one.state is State.SCHEDULED else None),
                    "lease": one.look_up_at,
                    "tries": one.message.tries + (1 if one.attempt and one.counts else 0),
                    "fallback_at": one.message.fallback_at,
                    "left_at": now if one.state in (State.SENT, State.UNCERTAIN, State.DELIVERED) else None,
                    "changed_at": now,
                    "owner": None,
                }
                for one in stays
            ],
            only=(("state", "sending"),),
        )
    made = [one for one in results if one.attempt]
    if made:
        bulk.insert(
            tx,
            t.attempts,
            [
                {
                    "workspace": one.message.workspace,
                    "message": one.message.id,
                    "account": one.account,
                    "provider": one.provider,
                    "channel": str(one.channel),
                    "at": now,
                    "outcome": one.attempt,
                    "provider_ref": one.provider_ref,
                    "reason": reason_row(one.reason),
                    "price_micros": one.price_micros,
                    "currency": one.currency,
                    "step": one.message.channel_step if len(one.message.channels) > 1 else None,
                }
                for one in made
            ],
        )
    written = stays if done == len(stays) else _written(tx, stays, now)
    ledger = [one for one in written if not one.paced]
    write_steps(tx, [(one.message.id, one.message.workspace, one.state, one.reason) for one in ledger], now)
    return written + [one for one in results if one.by_next and _by_next(tx, one, now)]


def _by_next(tx: Transaction, one: Result, now: datetime) -> bool:
    message, then, why = one.message, one.message.next_channel, one.reason
    if then is None or why is None:
        raise ValueError("there is no next channel, or no reason to take it")
    mine = Transaction(tx.connection, message.workspace)
    facts = {"id": message.id, "segments": message.segments, "country": message.country}
    return next_channel(mine, facts, message.channel_step, message.channel, then, why, now, fence=message.fence)


def next_channel(
    tx: Transaction,
    message: Mapping[str, Any],
    step: int,
    before: Channel,
    then: Channel,
    why: Reason,
    now: datetime,
    *,
    fence: int | None = None,
) -> bool:
    """A message that surely did not arrive by channel number `step` waits again, for the next one: once for each step,
    whoever says so first. False (and nothing written) when somebody was faster, or it has arrived. `fence`: only while
    it is that claim's."""
    cost = price(message["segments"], message["country"], then, now.date())
    mine = [_m.state == "sending", _m.fence == fence] if fence is not None else [_m.state.in_(_NOT_ARRIVED)]
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message["id"], _m.workspace == tx.owned, _m.channel_step == step, *mine)
        .values(
            state="scheduled",
            reason=reason_row(moved := Reason("next_channel", {"before": str(before), "channel": str(then)})),
            channel_step=step + 1,
            fallback_at=None,
            due_at=now,
            held_by=None,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            tries=0,
            left_at=None,
            account=None,
            channel=None,
            provider_ref=None,
            price_micros=cost.amount if cost else None,
            currency=cost.currency if cost else None,
            changed_at=now,
        )
    )
    if done.rowcount:
        both = [(message["id"], tx.owned, State.SCHEDULED, reason) for reason in (why, moved)]
        write_steps(tx, both, now)
    return bool(done.rowcount)


_NOT_ARRIVED = ("sending", "sent", "uncertain", "scheduled")


def arrived_earlier(tx: Transaction, message_id: str, then: State, channel: Channel, now: datetime) -> bool:
    """An earlier channel delivered it after all. If nothing has left by a later one, that is where it ends; if it has,
    the ledger says that there were two, and nothing else changes. True when the message moved."""
    reason = Reason("earlier_channel_delivered", {"channel": str(channel)})
    done = tx.connection.execute(
        update(t.messages)
        .where(
            _m.id == message_id,
            _m.workspace == tx.owned,
            _m.state.in_(["scheduled", "held", "failed", "expired"]),
        )
        .values(
            state=str(then),
            reason=reason_row(reason),
            channel=str(channel),
            fallback_at=None,
            held_by=None,
            fence=_m.fence + 1,
            left_at=func.coalesce(_m.left_at, literal(now, t.Moment)),
            changed_at=now,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, then, reason)], now)
        return True
    state = tx.connection.execute(tx.mine(t.messages, _m.state).where(_m.id == message_id)).scalar()
    if state is not None:
        write_steps(tx, [(message_id, tx.owned, State(state), reason)], now)
    return False


@dataclass(frozen=True, slots=True)
class Overdue:
    """A message that its present channel has not delivered in its time."""

    id: str
    workspace: str
    account: str | None
    provider_ref: str | None
    to: str
    message_class: MessageClass
    channels: tuple[Channel, ...]
    step: int
    expires_at: datetime | None
    country: str
    segments: int


# Word for word what the index `ix_messages_fallback` holds: with a bound state alone, SQLite would read every message.
_OF_FALLBACK = text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')")


def overdue(tx: Transaction, now: datetime, *, lease: timedelta, limit: int) -> list[Overdue]:
    """Sent by a channel whose time is over, with another one to follow; put off by `lease` so that nobody else asks
    meanwhile. Those that still wait for a channel whose time is over are made due: dispatch takes the next one."""
    if not tx.any("messages", f"{_OF_FALLBACK.text} AND fallback_at <= ?", t.micros(now)):
        return []
    tx.connection.execute(
        update(t.messages)
        .where(
            _OF_FALLBACK,
            _m.state == "scheduled",
            _m.fallback_at <= now,
            _m.held_by.is_(None),
            _m.due_at > now,
        )
        .values(due_at=now)
    )
    due = (
        select(_m.id)
        .where(_OF_FALLBACK, _m.state == "sent", _m.fallback_at <= now)
        .order_by(_m.fallback_at)
        .limit(limit)
    )
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.id.in_(tx.chosen(due)))
        .values(fallback_at=now + lease)
        .returning(
            _m.id, _m.workspace, _m.account, _m.provider_ref, _m.to, _m["class"], _m.channels, _m.channel_step,
            _m.expires_at, _m.country, _m.segments,
        )
    ).all()  # fmt: skip
    return [
        Overdue(
            row[0], row[1], row[2], row[3], row[4], MessageClass(row[5]), tuple(Channel(name) for name in row[6]),
            row[7], row[8], row[9], row[10],
        )
        for row in rows
    ]  # fmt: skip


def stays_with(tx: Transaction, one: Overdue, again: datetime | None, reason: Reason | None, now: datetime) -> None:
    """It stays with its channel: until `again`, or for good (None), with the reason in the ledger."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == one.id, _m.state == "sent", _m.channel_step == one.step)
        .values(fallback_at=again)
    )
    if done.rowcount and reason is not None:
        write_steps(tx, [(one.id, one.workspace, State.SENT, reason)], now)


def _written(tx: Transaction, results: Sequence[Result], now: datetime) -> list[Result]:
    """Those of a batch that were written, after some of them were not."""
    ids = [one.message.id for one in results]
    rows = {
        row.id: row
        for row in tx.connection.execute(
            select(_m.id, _m.state, _m.fence, _m.owner, _m.changed_at).where(_m.id.in_(ids))
        )
    }
    written = []
    for one in results:
        row = rows.get(one.message.id)
        if row is None:
            continue
        if (row.fence, row.state, row.owner, row.changed_at) == (one.message.fence, str(one.state), None, now):
            written.append(one)
        elif row.state == State.UNCERTAIN and one.state in (State.SENT, State.FAILED):
            known: dict[str, Any] = {"account": one.account, "provider_ref": one.provider_ref}
            known["channel"] = str(one.channel)
            # Its own step goes into the ledger here, so it is not among those that are still to be noted.
            advance(tx, one.message.id, one.message.workspace, one.state, one.reason, now, **known)
    return written


def give_back(tx: Transaction, messages: Sequence[Claimed], now: datetime) -> None:
    """Claimed and surely not spoken about (SIGTERM): they wait again, and nothing is counted."""
    if messages:
        tx.connection.execute(
            update(t.messages)
            .where(_m.id == bindparam("b_id"), _m.fence == bindparam("b_fence"), _m.state == "sending")
            .values(state="scheduled", lease=None, owner=None, changed_at=now),
            [{"b_id": one.id, "b_fence": one.fence} for one in messages],
        )


def orphaned(
    tx: Transaction, now: datetime, *, owner: str | None = None, alive: Iterable[str] = (), limit: int = 500
) -> list[tuple[str, str]]:
    """(id, workspace) of messages whose sender died: `owner` is known to be dead, or the lease is over and its owner is
    not one of those that are known to be `alive`."""
    dead = _m.owner == owner if owner else and_(_m.lease <= now, _m.owner.not_in(sorted(alive)))
    return [
        (row.id, row.workspace)
        for row in tx.connection.execute(
            select(_m.id, _m.workspace).where(_m.state == "sending", _m.lease.is_not(None), dead).limit(limit)
        )
    ]


def doubt(tx: Transaction, orphans: Sequence[tuple[str, str]], reason: Reason, now: datetime) -> None:
    """`sending` → `uncertain`, to be looked up at once. It may have left as early as it was claimed, however much later
    its sender's death is noticed: a provider that searches by time must not look too late."""
    for message_id, workspace in orphans:
        done = tx.connection.execute(
            update(t.messages)
            .where(_m.id == message_id, _m.state == "sending")
            .values(
                state="uncertain",
                reason=reason_row(reason),
                lease=now,
                owner=None,
                fence=_m.fence + 1,
                changed_at=now,
                left_at=_m.changed_at,
            )
        )
        if done.rowcount:
            write_steps(tx, [(message_id, workspace, State.UNCERTAIN, reason)], now)


def not_begun(tx: Transaction, orphans: Sequence[tuple[str, str]], reason: Reason, now: datetime) -> None:
    """`sending` → `scheduled`, for what the hand-over journal says was never begun."""
    for message_id, workspace in orphans:
        done = tx.connection.execute(
            update(t.messages)
            .where(_m.id == message_id, _m.state == "sending")
            .values(state="scheduled", lease=None, owner=None, fence=_m.fence + 1, changed_at=now)
        )
        if done.rowcount:
            write_steps(tx, [(message_id, workspace, State.SCHEDULED, reason)], now)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An uncertain message that is to be looked up."""

    id: str
    workspace: str
    message_class: MessageClass
    account: str | None
    to: str
    expires_at: datetime | None
    left_at: datetime
    test: bool
    provider_ref: str | None = None
    text: str = ""
    owner: str = ""
    channels: tuple[Channel, ...] = (Channel.SMS,)
    channel_step: int = 0
    fallback_at: datetime | None = None
    budgets: Mapping[str, int] | None = None


def doubtful(tx: Transaction, now: datetime, *, owner: str, lease: timedelta, limit: int) -> list[Doubtful]:
    """Uncertain messages whose next look-up is due; it is put off by `lease` so that nobody else asks meanwhile."""
    c = _m
    due = (
        select(c.id).where(c.state == "uncertain", c.lease.is_not(None), c.lease <= now).order_by(c.lease).limit(limit)
    )
    rows = tx.connection.execute(
        update(t.messages)
        .where(c.id.in_(tx.chosen(due)))
        .values(lease=now + lease, owner=owner)
        .returning(
            c.id,
            c.workspace,
            c["class"],
            c.account,
            c.to,
            c.expires_at,
            c.left_at,
            c.test,
            c.provider_ref,
            c.text,
            c.channels,
            c.channel_step,
            c.fallback_at,
            c.budgets,
        )
    ).all()
    return [
        Doubtful(
            one.id,
            one.workspace,
            MessageClass(one[2]),
            one.account,
            one.to,
            one.expires_at,
            one.left_at or now,
            one.test,
            one.provider_ref,
            one.text,
            owner,
            tuple(Channel(name) for name in one.channels),
            one.channel_step,
            one.fallback_at,
            one.budgets,
        )
        for one in rows
    ]


def ask_again(tx: Transaction, one: Doubtful, at: datetime | None) -> None:
    """When to look an uncertain message up again; None: never, a receipt or a person decides."""
    tx.connection.execute(
        update(t.messages)
        .where(_m.id == one.id, _m.state == "uncertain", _m.owner == one.owner)
        .values(lease=at, owner=None)
    )


# ---------------------------------------------------------------------------------------------- states


_OUT_THERE = frozenset({State.SENT, State.DELIVERED, State.READ})


def advance(
    tx: Transaction,
    message_id: str,
    workspace: str,
    then: State,
    reason: Reason | None,
    now: datetime,
    *,
    owner: str | None = None,
    step: int | None = None,
    **values: Any,
) -> bool:
    """Moves a message forwards to `then`, if its present state allows; False (and nothing written) if not. `owner`:
    only if it is still that owner's, for a word that may have grown old on its way; `step`: only if it is still by that
    one of its channels."""
    allowed = [str(state) for state in FOLLOWS if may_follow(state, then)]
    done = tx.connection.execute(
        update(t.messages)
        .where(
            _m.id == message_id,
            _m.workspace == workspace,
            _m.state.in_(allowed),
            *([_m.owner == owner] if owner else []),
            *([_m.channel_step == step] if step is not None else []),
        )
        .values(
            state=str(then),
            reason=reason_row(reason),
            changed_at=now,
            **{
                "lease": None,
                "owner": None,
                # A receipt that overtakes the answer is the first that we hear of its leaving.
                **({"left_at": func.coalesce(_m.left_at, literal(now, t.Moment))} if then in _OUT_THERE else {}),
                **values,
            },
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, workspace, then, reason)], now)
    return bool(done.rowcount)


def advance_all(
    tx: Transaction, ids: Sequence[str], then: State, reason: Reason | None, now: datetime, *, step: int
) -> set[str]:
    """`advance` of many messages that hear the same, and are by the same one of their channels; those that moved."""
    allowed = [str(state) for state in FOLLOWS if may_follow(state, then)]
    left = {"left_at": func.coalesce(_m.left_at, literal(now, t.Moment))} if then in _OUT_THERE else {}
    moved: list[str] = []
    wanted = sorted(ids)
    for first in range(0, len(wanted), _CHUNK):
        chunk = wanted[first : first + _CHUNK]
        done = tx.connection.execute(
            update(t.messages)
            .where(
                _m.id.in_(chunk), _m.workspace == tx.owned, _m.state.in_(allowed), _m.channel_step == step
            )
            .values(
                state=str(then), reason=reason_row(reason), changed_at=now, lease=None, owner=None, **left
            )
            .returning(_m.id)
        )
        moved += done.scalars()
    write_steps(tx, [(one, tx.owned, then, reason) for one in moved], now)
    return set(moved)


def put_back(tx: Transaction, message_id: str, reason: Reason | None, due_at: datetime, now: datetime) -> bool:
    """Taken by the provider and then refused for the account's sake, without reaching anybody: it waits again. The one
    step backwards, since what "sent" said has turned out not to be so."""
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state.in_(["sending", "sent", "uncertain"]))
        .values(
            state="scheduled",
            reason=reason_row(reason),
            due_at=due_at,
            lease=None,
            owner=None,
            fence=_m.fence + 1,
            left_at=None,
            provider_ref=None,
            changed_at=now,
        )
    )
    if done.rowcount:
        write_steps(tx, [(message_id, tx.owned, State.SCHEDULED, reason)], now)
    return bool(done.rowcount)


def release(tx: Transaction, held_by: str, reason: Reason, now: datetime) -> int:
    """`held` → `scheduled` for all that waits on `held_by`. What is no longer useful is found at the next claim."""
    rows = tx.connection.execute(
        update(t.messages)
        .where(_m.state == "held", _m.held_by == held_by, *([_m.workspace == tx.workspace] if tx.workspace else []))
        .values(state="scheduled", held_by=None, reason=reason_row(reason), changed_at=now)
        .returning(_m.id, _m.workspace)
    ).all()
    write_steps(tx, [(row.id, row.workspace, State.SCHEDULED, reason) for row in rows], now)
    return len(rows)


def write_steps(tx: Transaction, steps: Sequence[tuple[str, str, State, Reason | None]], now: datetime) -> None:
    """Into the ledger: (message, workspace, state, reason)."""
    if steps:
        bulk.insert(
            tx,
            t.steps,
            [
                {
                    "workspace": workspace,
                    "message": message,
                    "at": now,
                    "state": str(state),
                    "reason": reason_row(reason),
                }
                for message, workspace, state, reason in steps
            ],
        )


def reason_row(reason: Reason | None) -> dict[str, Any] | None:
    """A reason as the ledger keeps it."""
    return None if reason is None else {"code": reason.code, "values": dict(reason.values)}


def checks_row(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Checks as the ledger keeps them."""
    return [
        {"check": one.name, "result": one.result, **({"reason": reason_row(one.reason)} if one.reason else {})}
        for one in checks
    ]


# ---------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Filter:
    """What `GET /v1/messages` and the pages filter by."""

    state: tuple[str, ...] = ()
    to: str | None = None
    reference: str | None = None
    installation: str | None = None
    occasion: str | None = None
    campaign: str | None = None
    rule: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None
    extra: tuple[Any, ...] = field(default=())


def listed(tx: Transaction, wanted: Filter, *, limit: int = 50, by_due: bool = False) -> list[Mapping[str, Any]]:
    """Messages, newest first; or by the moment they are due, earliest first. `since` and `until` bound that moment."""
    order = (_m.due_at, _m.id) if by_due else (_m.id.desc(),)
    query = tx.mine(t.messages).order_by(*order).limit(limit)
    for column, value in (
        (_m.to, wanted.to),
        (_m.reference, wanted.reference),
        (_m.installation, wanted.installation),
        (_m.occasion, wanted.occasion),
        (_m.campaign, wanted.campaign),
        (_m.rule, wanted.rule),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.state:
        query = query.where(_m.state.in_(wanted.state))
    if wanted.extra:
        query = query.where(*wanted.extra)
    if wanted.since is not None:
        query = query.where(_m.due_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_m.due_at < wanted.until)
    if wanted.after is not None:
        if by_due:
            last = tx.connection.execute(tx.mine(t.messages, _m.due_at).where(_m.id == wanted.after)).scalar()
            if last is not None:
                query = query.where(or_(_m.due_at > last, and_(_m.due_at == last, _m.id > wanted.after)))
        else:
            query = query.where(_m.id < wanted.after)
    return tx.rows(query)


def get(tx: Transaction, message_id: str) -> Mapping[str, Any] | None:
    """One message's row."""
    return tx.row(tx.mine(t.messages).where(_m.id == message_id))


def history(tx: Transaction, message_id: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The steps and the attempts of one message, oldest first."""
    steps = tx.rows(tx.mine(t.steps).where(t.steps.c.message == message_id).order_by(t.steps.c.id))
    attempts = tx.rows(tx.mine(t.attempts).where(t.attempts.c.message == message_id).order_by(t.attempts.c.id))
    return list(steps), list(attempts)


def counts(tx: Transaction, start: datetime, end: datetime) -> dict[str, int]:
    """How many messages due between `start` and `end` are in each state."""
    rows = tx.connection.execute(
        tx.mine(t.messages, _m.state, func.count()).where(_m.due_at >= start, _m.due_at < end).group_by(_m.state)
    ).all()
    return {row[0]: row[1] for row in rows}


# ---------------------------------------------------------------------------------------------- rows


_ACCEPTED = (
    "id", "workspace", "installation", "occasion", "rule", "campaign", "key", "step", "about", "class", "priority",
    "channels", "budgets", "content", "to", "country", "text", "encoding", "segments", "price_micros", "currency",
    "sender", "asks", "reference", "zone", "test", "state", "reason", "checks", "by_person", "due_at", "wanted_at",
    "expires_at", "told", "created_at", "changed_at",
)  # fmt: skip


def _rows(ids: Sequence[str], workspace: str, messages: Sequence[New], now: datetime) -> list[tuple[Any, ...]]:
    """The rows of messages that are accepted now, as the driver takes them, in the order of `_ACCEPTED`.

    What many messages share (the order of channels, the checks that one decision for all of them has passed) is put
    into JSON once.
    """
    at = t.micros(now)
    channels: dict[tuple[Channel, ...], str] = {}
    checks: dict[int, str] = {}
    rows = []
    for message_id, one in zip(ids, messages, strict=True):
        order = channels.get(one.channels)
        if order is None:
            channels[one.channels] = order = t.as_json([channel.value for channel in one.channels])
        # By identity: the messages, which keep them alive, are all at hand until the end.
        passed = checks.get(id(one.checks))
        if passed is None:
            checks[id(one.checks)] = passed = t.as_json(checks_row(one.checks))
        klass = one.message_class
        rows.append(
            (
                message_id, workspace, one.installation, one.occasion, one.rule, one.campaign, one.key, one.step,
                _at(one.about), klass.value, klass.priority, order, _json(one.budgets), _json(clean(one.content)),
                one.to, one.country, clean(one.text), one.encoding, one.segments, one.price_micros, one.currency,
                one.sender, one.asks, clean(one.reference), one.zone, one.test, one.state.value,
                _json(reason_row(one.reason)), passed, False, t.micros(one.due_at), _at(one.wanted_at),
                _at(one.expires_at), "" if one.tells else None, at, at,
            )
        )  # fmt: skip
    return rows


def _at(moment: datetime | None) -> int | None:
    return None if moment is None else t.micros(moment)


def _json(value: Any) -> str | None:
    return None if value is None else t.as_json(value)


def _scheduled(installation: str, occasion: str, step: Schedule, test: bool) -> New:
    send = step.send
    return New(
        to=send.recipient.number,
        country=send.recipient.country,
        text=send.text,
        encoding=send.measure.encoding,
        segments=send.measure.segments,
        message_class=send.message_class,
        channels=send.channels,
        due_at=send.send_at,
        expires_at=send.until,
        price_micros=send.price.amount if send.price else None,
        currency=send.price.currency if send.price else None,
        sender=send.sender,
        asks=send.asks,
        zone=send.zone,
        checks=send.checks,
        installation=installation,
        occasion=occasion,
        rule=send.rule,
        key=send.key,
        step=step.step,
        about=send.about,
        test=test,
        wanted_at=send.wanted_at,
        budgets=send.budgets,
        content=send.content,
        campaign=send.campaign,
        tells=send.tells,
        links=send.links,
    )


def _linked(tx: Transaction, step: Move, now: datetime) -> None:
    """The links of the new text lead somewhere before it may leave."""
    send = step.send
    if not send.links:
        return
    links.only(tx, step.known.id, [one.code for one in send.links])
    instead = links.keep(tx, [links.Bearing(step.known.id, send.links, send.send_at, test=False)], now)
    if instead:
        text, content = links.instead_of(instead, send.text, send.content)
        tx.connection.execute(
            update(t.messages).where(_m.id == step.known.id).values(text=clean(text), content=clean(content))
        )


def _moved(tx: Transaction, step: Move, now: datetime) -> bool:
    send: Send = step.send
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == step.known.id, _m.workspace == tx.owned, _m.state.in_(["scheduled", "held"]))
        .values(
            **{"class": str(send.message_class)},
            priority=send.message_class.priority,
            to=send.recipient.number,
            country=send.recipient.country,
            text=clean(send.text),
            encoding=send.measure.encoding,
            segments=send.measure.segments,
            price_micros=send.price.amount if send.price else None,
            currency=send.price.currency if send.price else None,
            due_at=send.send_at,
            wanted_at=send.wanted_at,
            expires_at=send.until,
            about=send.about,
            sender=send.sender,
            asks=send.asks,
            zone=send.zone,
            checks=checks_row(send.checks),
            channels=[str(channel) for channel in send.channels],
            budgets=send.budgets,
            content=clean(send.content),
            # What a channel has surely not delivered it need not be given again.
            channel_step=case((_m.channel_step < len(send.channels), _m.channel_step), else_=0),
            fallback_at=None,
            changed_at=now,
        )
    )
    return bool(done.rowcount)


def _ended(
    tx: Transaction, message_id: str, state: State, reason: Reason, now: datetime, *, by_person: bool = False
) -> bool:
    done = tx.connection.execute(
        update(t.messages)
        .where(_m.id == message_id, _m.workspace == tx.owned, _m.state.in_(["scheduled", "held"]))
        .values(state=str(state), reason=reason_row(reason), by_person=by_person, changed_at=now, held_by=None)
    )
    return bool(done.rowcount)


def by_ids(tx: Transaction, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Rows by id."""
    found: dict[str, Mapping[str, Any]] = {}
    for first in range(0, len(ids), _CHUNK):
        for row in tx.rows(tx.mine(t.messages).where(_m.id.in_(ids[first : first + _CHUNK]))):
            found[row["id"]] = row
    return found

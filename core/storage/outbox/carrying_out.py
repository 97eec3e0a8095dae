"""What planning decided is carried out: messages are made, moved and called off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, case, select, update

from core.domain.events import Wish
from core.domain.messages import LEFT, Channel, MessageClass, State
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.domain.reasons import Reason
from core.domain.reconciling import Cancel, Known, Move, Schedule, Step
from core.domain.text.segments import measure
from core.storage import links
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.storage.ledger import checks_row, write_steps
from core.storage.outbox.accepting import New, accept
from core.storage.outbox.ending import end_one

_m = t.messages.c


_OF_OCCASIONS = select(
    _m.id, _m.occasion, _m.key, _m.step, _m.state, _m.to, _m.text, _m.due_at, _m.expires_at, _m.about, _m.by_person,
    _m["class"], _m.channels, _m.sender, _m.asks, _m.wanted_at, _m.budgets, _m.content, _m.left_at,
).where(
    _m.workspace == bindparam("b_workspace"), _m.occasion.in_(bindparam("b_occasions", expanding=True))
)  # fmt: skip


def known(tx: Transaction, occasion_ids: Iterable[str]) -> dict[str, list[Known]]:
    """All messages of these occasions, by occasion."""
    return said(tx, occasion_ids)[0]


def said(tx: Transaction, occasion_ids: Iterable[str]) -> tuple[dict[str, list[Known]], dict[str, datetime]]:
    """All messages of these occasions, and of each occasion the start that the last message that left spoke of (as
    `occasions.told`)."""
    found: dict[str, list[Known]] = {}
    told: dict[str, tuple[datetime, datetime]] = {}
    for some in chunks(sorted(occasion_ids)):
        rows = tx.connection.execute(_OF_OCCASIONS, {"b_workspace": tx.owned, "b_occasions": some})
        for row in rows:
            if row.about is not None and row.state in LEFT:
                left = row.left_at or datetime.min.replace(tzinfo=row.about.tzinfo)
                if row.occasion not in told or left >= told[row.occasion][0]:
                    told[row.occasion] = (left, row.about)
            if row.key is None:
                continue
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
    return found, {occasion: about for occasion, (_, about) in told.items()}


def carry_out(
    tx: Transaction, steps: Sequence[tuple[str, str, Step]], now: datetime, *, test: bool = False
) -> list[str]:
    """Takes (installation, occasion, step) into the outbox. Returns the ids of the new messages.

    A message that was claimed meanwhile stays with its claimer: `WHERE state` decides, not what was read before.
    """
    new = [
        _scheduled(installation, occasion, step, test)
        for installation, occasion, step in steps
        if isinstance(step, Schedule)
    ]
    ids = accept(tx, new, now)
    ledger: list[tuple[str, str, State, Reason | None]] = []
    for _, _, step in steps:
        if isinstance(step, Move):
            if _moved(tx, step, now):
                _linked(tx, step, now)
                ledger.append((step.known.id, tx.owned, step.known.state, step.reason))
        elif isinstance(step, Cancel) and end_one(tx, step.known.id, step.state, step.reason, now):
            ledger.append((step.known.id, tx.owned, step.state, step.reason))
    write_steps(tx, ledger, now)
    return ids


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
        template=send.template,
    )


def _moved(tx: Transaction, step: Move, now: datetime) -> bool:
    send: Send = step.send
    changed = {
        "class": str(send.message_class),
        "priority": send.message_class.priority,
        "to": send.recipient.number,
        "country": send.recipient.country,
        "text": clean(send.text),
        "encoding": send.measure.encoding,
        "segments": send.measure.segments,
        "price_micros": send.price.amount if send.price else None,
        "currency": send.price.currency if send.price else None,
        "due_at": send.send_at,
        "wanted_at": send.wanted_at,
        "expires_at": send.until,
        "about": send.about,
        "sender": send.sender,
        "asks": send.asks,
        "zone": send.zone,
        "checks": checks_row(send.checks),
        "channels": [str(channel) for channel in send.channels],
        "budgets": send.budgets,
        "content": clean(send.content),
        "template": send.template,
        "changed_at": now,
    }
    asked = {"b_id": step.known.id, "b_workspace": tx.owned, "b_steps": len(send.channels)}
    done = tx.connection.execute(_MOVED, asked | {f"b_{name}": value for name, value in changed.items()})
    return bool(done.rowcount)


_MOVED = (
    update(t.messages)
    .where(_m.id == bindparam("b_id"), _m.workspace == bindparam("b_workspace"), _m.state.in_(["scheduled", "held"]))
    .values(
        {
            **{
                name: bindparam(f"b_{name}")
                for name in (
                    "class", "priority", "to", "country", "text", "encoding", "segments", "price_micros", "currency",
                    "due_at", "wanted_at", "expires_at", "about", "sender", "asks", "zone", "checks", "channels",
                    "budgets", "content", "template", "changed_at",
                )
            },
            # What a channel has surely not delivered it need not be given again.
            "channel_step": case((_m.channel_step < bindparam("b_steps"), _m.channel_step), else_=0),
            "fallback_at": None,
        }
    )
)  # fmt: skip


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

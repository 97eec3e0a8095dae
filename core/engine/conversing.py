"""Conversations: a person wrote back, and a person of the house answers. Open, waiting for the other side, closed.

What a rule understood (OUI, STOP) is shown and opens nothing; all else waits for somebody to read it. An answer is a
message like any other: the policy and the last look decide whether it leaves, and it leaves once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core.domain.errors import BadInput, Conflict, InvalidNumber, NotFound
from core.domain.messages import Channel, MessageClass, State
from core.domain.occasions import Occasion
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import sending, shown
from core.engine.routes import WINDOW
from core.storage import access, conversations, feedback, house, occasions, outbox, people, rules
from core.storage.database import Transaction
from core.suite import Suite

USEFUL = timedelta(hours=24)
"""An answer that could not leave for so long is not one any more."""
READY = "answer."
"""What the keys of ready answers begin with: templates like others, offered where one answers."""
LONGEST_NOTE = 4000
CHANNELS = (Channel.SMS, Channel.WHATSAPP, Channel.RCS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person of the house says. `body` stands as it is; `template` is the key of a text that is filled with
    what we know of the person and with `data`. `once` names the press of the button: the same one says it once. `read`
    is the last reply that was read before: one that came since still waits for somebody."""

    body: str | None = None
    template: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    channel: Channel | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    once: str = ""
    read: str | None = None
    test: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as lists show it. `until`: when WhatsApp stops to take free text; None where it never did.
    `stopped`: what the person wants no more of."""

    row: Mapping[str, Any]
    name: str | None
    last: Mapping[str, Any] | None
    theirs: bool
    """Whether `last` is the person's own reply, or what somebody of the house answered."""
    until: datetime | None
    stopped: tuple[str, ...]
    assigned: str | None
    """What the user is called who looks after it."""

    def open_on_whatsapp(self, now: datetime) -> bool:
        return self.until is not None and now < self.until


# ---------------------------------------------------------------------------------------------- what happens


def reply_came(tx: Transaction, reply_id: str, now: datetime, *, settled: bool = False) -> None:
    """A reply was kept and understood as far as it can be. `settled`: it answered what we had asked back."""
    row = feedback.reply(tx, reply_id)
    if row is not None:
        waits = row["handled_at"] is None
        conversations.heard(tx, row["number"], reply_id, row["channel"], now, waits=waits, settled=settled)


def answer(suite: Suite, tx: Transaction, conversation_id: str, said: Answer, *, who: str) -> Mapping[str, Any]:
    """Answers now; the message (its row). The one that was answered with the same `once` is given again. Raises
    `NotFound`, `BadInput`, and `Conflict` with the reason for which it may not leave."""
    now, row = suite.now(), known(tx, conversation_id)
    reference = f"{conversations.SAID}{who}:{said.once}"[:140] if said.once else f"{conversations.SAID}{who}"
    before = conversations.said_before(tx, row, reference)
    if before is not None and said.once:
        return before
    draft = drafted(tx, row, said, now)
    if draft.state is not State.SCHEDULED:
        why = draft.reason or Reason("no_longer_useful")
        raise Conflict(why.code, **why.values)
    [message_id] = sending.accept(suite, tx, [replace(draft, reference=reference)])
    read = said.read or row["reply"]
    # In the order in which a reply that arrives takes them.
    conversations.settled(tx, row["number"], now, until=read)
    conversations.said(tx, row["id"], message_id, now, read=read)
    house.note(tx, who, "conversation_answered", row["id"], {"message": message_id}, now)
    found = outbox.get(tx, message_id)
    if found is None:
        raise RuntimeError("a message that was accepted is not there")
    return found


def drafted(tx: Transaction, row: Mapping[str, Any], said: Answer, now: datetime) -> outbox.New:
    """The answer as it would be kept, with its state and reason if it may not leave. Raises `BadInput`, and `Conflict`
    where WhatsApp takes nothing but a template."""
    if (said.body is None) == (said.template is None):
        raise BadInput("field_body_or_template", pointer="/body")
    if said.body is not None and not said.body.strip():
        raise BadInput("empty_text", pointer="/body")
    channel = said.channel or preferred(row)
    until = now + USEFUL
    if channel is Channel.WHATSAPP and "template" not in said.content.get("whatsapp", {}):
        wrote = conversations.wrote_by(tx, channel, [row["number"]]).get(row["number"])
        if wrote is None or wrote + WINDOW <= now:
            raise Conflict("window_closed")
        until = min(until, wrote + WINDOW)
    # What a person wrote is sent as it stands: braces in it are no template.
    body = "{{ text }}" if said.body is not None else None
    data = {**values(tx, row), **said.data, **({"text": said.body.strip()} if said.body is not None else {})}
    wanted = sending.Wanted(
        Recipient.parse(row["number"]), MessageClass.CONVERSATIONAL, body=body, template=said.template, data=data,
        channels=(channel,), content=said.content, expires_at=until, test=said.test, shorten=False,
    )  # fmt: skip
    draft = sending.drafts(tx, [wanted], now)[0]
    if isinstance(draft, BadInput):
        raise draft
    return draft


def change(
    tx: Transaction,
    conversation_id: str,
    now: datetime,
    *,
    who: str,
    state: str | None = None,
    unread: bool | None = None,
    assigned: str | None = None,
    unassign: bool = False,
) -> Mapping[str, Any]:
    """A person's word on a conversation; its row. `assigned`: the id or e-mail address of a member. What is not open
    any more is dealt with. Raises `NotFound`, `BadInput`."""
    row, new = known(tx, conversation_id), dict[str, Any]()
    if state is not None and state != row["state"]:
        new["state"] = state
        house.note(tx, who, f"conversation_{state}", conversation_id, {}, now)
    if state in (conversations.CLOSED, conversations.WAITING):
        new["unread"] = 0
        conversations.settled(tx, row["number"], now)
    if unread is not None:
        new["unread"] = max(row["unread"], 1) if unread else 0
    if assigned is not None or unassign:
        new["assigned"] = _member(tx, assigned) if assigned is not None else None
        house.note(tx, who, "conversation_assigned", conversation_id, {"to": new["assigned"]}, now)
    if new:
        conversations.change(tx, conversation_id, **new)
    return known(tx, conversation_id)


def note(tx: Transaction, conversation_id: str, words: str, now: datetime, *, who: str) -> Mapping[str, Any]:
    """A note for the people of the house; its row. Raises `NotFound`, `BadInput`."""
    row = known(tx, conversation_id)
    if not words.strip():
        raise BadInput("empty_text", pointer="/text")
    if len(words) > LONGEST_NOTE:
        raise BadInput("field_too_long", pointer="/text", most=LONGEST_NOTE)
    kept = conversations.note(tx, row, who, words.strip(), now)
    house.note(tx, who, "conversation_noted", conversation_id, {}, now)
    return kept


def known(tx: Transaction, conversation_id: str) -> Mapping[str, Any]:
    """The conversation's row. Raises `NotFound`."""
    row = conversations.get(tx, conversation_id)
    if row is None:
        raise NotFound("conversation")
    return row


def _member(tx: Transaction, named: str) -> str:
    for one in access.members(tx):
        if named == one["id"] or named.strip().lower() == one["email"]:
            return str(one["id"])
    raise BadInput("no_such_member", pointer="/assigned", text=named[:80])


# ---------------------------------------------------------------------------------------------- to answer with


def preferred(row: Mapping[str, Any]) -> Channel:
    """By which channel one answers: the one that the person used last."""
    written = row["channel"]
    return Channel(written) if written in CHANNELS else Channel.SMS


def values(tx: Transaction, row: Mapping[str, Any]) -> dict[str, Any]:
    """What ready answers may say of the person: the contact, and the appointment or order they wrote about."""
    found: dict[str, Any] = {}
    reply = feedback.reply(tx, row["reply"]) if row["reply"] else None
    occasion = occasions.get(tx, reply["occasion"]) if reply and reply["occasion"] else None
    if occasion is not None:
        found |= {**occasion.values, "start": occasion.start, "end": occasion.end}
    contact = people.contact_of(tx, row["number"])
    if contact is not None:
        found |= {**contact["values"], **{name: contact[name] for name in ("name", "first_name") if contact[name]}}
    return {name: value for name, value in found.items() if value is not None}


def sought(tx: Transaction, said: str) -> conversations.Filter:
    """What a search for `said` looks for: a whole number as people of the country write it, or some digits of one."""
    place = house.workspace(tx, tx.owned)
    country = place["settings"]["country"] if place else None
    try:
        return conversations.Filter(number=Recipient.parse(said, country).number)
    except InvalidNumber:
        digits = "".join(one for one in said if one.isascii() and one.isdigit())
        # A nought before a national number is no part of it; without any digit nothing is found.
        return conversations.Filter(digits=digits.removeprefix("0") or digits or "none")


def wanted(tx: Transaction, asked: Mapping[str, Any]) -> conversations.Filter:
    """The filters of a list: `state` (several with commas), `assigned`, `unread`, `channel`, `q`, `after`. A word that
    is no state is passed over."""
    found = sought(tx, asked["q"]) if asked.get("q") else conversations.Filter()
    states = tuple(one for one in (asked.get("state") or "").split(",") if one in conversations.STATES)
    names = ("assigned", "unread", "channel", "after")
    return replace(found, state=states, **{name: asked.get(name) for name in names})


def ready(tx: Transaction) -> dict[str, dict[str, str]]:
    """The ready answers: key → language → text."""
    return {key: bodies for key, bodies in rules.texts(tx).items() if key.startswith(READY)}


# ---------------------------------------------------------------------------------------------- shown


def talks(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Talk]:
    """Conversations as lists show them: seven questions, however many they are."""
    numbers = [row["number"] for row in rows]
    replies, messages = conversations.last_words(tx, rows)
    wrote = conversations.wrote_by(tx, Channel.WHATSAPP, numbers) if numbers else {}
    standings, _ = people.standings(tx, tx.owned, numbers)
    names = people.names(tx, numbers)
    about = {one.id: one for one in occasions.by_ids(tx, {one["occasion"] for one in replies.values()} - {None})}
    users = conversations.authors(tx, [row["assigned"] for row in rows if row["assigned"]])
    found = []
    for row in rows:
        reply, message = replies.get(row["reply"] or ""), messages.get(row["message"] or "")
        theirs = reply is not None and (message is None or reply["received_at"] >= message["created_at"])
        until, standing = wrote.get(row["number"]), standings.get(row["number"])
        stopped = tuple(sorted(standing.opted_out)) if standing else ()
        found.append(
            Talk(
                row,
                names.get(row["number"]) or _called(about.get(reply["occasion"] if reply else "")),
                reply if theirs else message,
                theirs,
                until + WINDOW if until else None,
                stopped,
                users.get(row["assigned"] or ""),
            )
        )
    return found


def _called(occasion: Occasion | None) -> str | None:
    """What the appointment or order calls the person whom nobody has put on a list."""
    said = occasion.values if occasion is not None else {}
    names = (said.get(name) for name in ("name", "title", "first_name"))
    return next((one.strip() for one in names if isinstance(one, str) and one.strip()), None)


def as_json(talk: Talk, now: datetime) -> dict[str, Any]:
    """A conversation as programs see it."""
    row, last = talk.row, talk.last
    at = None if last is None else last["received_at"] if talk.theirs else last["left_at"] or last["created_at"]
    return {
        "id": row["id"],
        "number": row["number"],
        "name": talk.name,
        "state": row["state"],
        "unread": row["unread"],
        "assigned": row["assigned"],
        "assigned_name": talk.assigned,
        "channel": str(preferred(row)),
        "last": None if last is None else {
            "from": "person" if talk.theirs else "house", "text": last["text"], "at": shown.moment(at)},
        "whatsapp": {"open": talk.open_on_whatsapp(now), "until": shown.moment(talk.until)},
        "opted_out": list(talk.stopped),
        "changed_at": shown.moment(row["at"]),
        "created_at": shown.moment(row["created_at"]),
    }  # fmt: skip


def author_of(one: conversations.Entry) -> str | None:
    """Who of the house wrote it: a user or a key; None for what they wrote, and for what no person did."""
    if one.kind != "message":
        return str(one.row["who"]) if one.kind == "note" else None
    reference = one.row["reference"] or ""
    if not reference.startswith(conversations.SAID):
        return None
    return str(reference.removeprefix(conversations.SAID).partition(":")[0])


def who_wrote(tx: Transaction, entries: Iterable[conversations.Entry]) -> dict[str, str]:
    """user → what they are called, of those who wrote any of these."""
    return conversations.authors(tx, [who for one in entries if (who := author_of(one))])


def entry_as_json(one: conversations.Entry, names: Mapping[str, str], language: str) -> dict[str, Any]:
    """Something that was said or noted, as programs see it."""
    row, base = one.row, {"kind": one.kind, "id": one.row["id"], "at": shown.moment(one.at)}
    match one.kind:
        case "reply":
            return {**base, "text": row["text"], "channel": row["channel"], "meaning": row["meaning"],
                    "outcome": shown.reason(row["outcome"], language), "message": row["message"],
                    "occasion": row["occasion"]}  # fmt: skip
        case "note":
            return {**base, "text": row["text"], "by": row["who"], "by_name": names.get(row["who"])}
    by = author_of(one)
    return {**base, "text": shown.words(row), "channel": row["channel"] or row["channels"][row["channel_step"]],
            "class": row["class"], "state": row["state"], "reason": shown.reason(row["reason"], language),
            "by": by, "by_name": names.get(by or ""), "occasion": row["occasion"]}  # fmt: skip

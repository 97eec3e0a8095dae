"""One-time codes: a code is sent, tried, and approves once. Who is not written to hears the same as everybody else.

A stranger who may not be written to (see `core.engine.public`) gets a verification like any other, whose code nobody
knows. Without the counters of public doors nothing can be stored, and so nothing is sent: that door fails closed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core.domain.errors import BadInput, InvalidNumber, NotFound
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text import codes
from core.domain.text.alphabet import GSM7
from core.domain.text.templates import compile_template
from core.domain.text.transliteration import raw_map
from core.engine import notices, public, sending
from core.ids import new_id
from core.storage import house, ledger, outbox, rules, verifications
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.suite import Suite

LIVES = timedelta(minutes=10)
MOST_TRIES = 5
ONE_A = timedelta(minutes=1)
"""One code a minute for a number, whoever asks."""
REFERENCE = "relance:code"
PURPOSE = 60
APP = 40


@dataclass(frozen=True, slots=True)
class Started:
    """What is said of a verification that was begun. `draft` is the truth, for those who may know it: the message as it
    was stored, perhaps suppressed."""

    id: str
    to: str
    channel: Channel
    purpose: str
    language: str
    created_at: datetime
    expires_at: datetime
    draft: outbox.New = field(repr=False)
    message: str | None = None
    state: str = "pending"
    tries_left: int = MOST_TRIES


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a code that was typed. `state`: approved | wrong | expired | too_many."""

    id: str
    state: str
    tries_left: int
    to: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is to prove to have which phone. `purpose` tells apart what a workspace asks codes for: a new code ends the
    one before for the same purpose. `body` or `template` (a key) replace our own words, and name `code`."""

    recipient: Recipient
    origin: Origin = Origin.PUBLIC_FORM
    ip: str | None = None
    channel: Channel = Channel.SMS
    purpose: str = ""
    language: str | None = None
    app: str | None = None
    body: str | None = None
    template: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    sender: str | None = None
    test: bool = False


def start(
    suite: Suite,
    tx: Transaction,
    number: str,
    *,
    country: str | None = None,
    ip: str | None = None,
    language: str | None = None,
    purpose: str = "",
    origin: Origin = Origin.PUBLIC_FORM,
    app: str | None = None,
    installation: str | None = None,
    channel: Channel = Channel.SMS,
) -> Started:
    """Sends a code, for a platform's question; see `begin`. Raises `BadInput` for a number that cannot be read."""
    settings = _settings(tx)
    try:
        recipient = Recipient.parse(number, country or settings["country"])
    except InvalidNumber as error:
        error.pointer = "/to"
        raise
    asked = Asked(recipient, origin, ip, channel, clean(purpose)[:PURPOSE], language, app)
    return begin(suite, tx, asked, installation=installation)


def begin(suite: Suite, tx: Transaction, asked: Asked, *, installation: str | None = None) -> Started:
    """Sends a code and begins to wait for it, in the caller's transaction (who wakes the suite when it is committed).

    The answer is the same whether a code is sent or not. Raises `BadInput` for what could never be sent.
    """
    now, settings = suite.now(), _settings(tx)
    _checked(tx, asked)
    verifications.alone(tx, asked.recipient.number)
    language = codes.language_of(asked.language, settings["language"])
    code = f"{secrets.randbelow(10**codes.DIGITS):0{codes.DIGITS}d}"
    verification_id = new_id("ver")
    draft = _draft(tx, asked, code, language, now)
    sent = draft.state is State.SCHEDULED
    live = None
    if sent:
        verifications.end_older(tx, asked.recipient.number, asked.purpose, now)
    else:
        # Whoever asks twice within a minute has the first code on the phone: it counts here too, with its own tries.
        live = _live(tx, asked, now)
        draft = replace(draft, text=codes.hidden(draft.text), content=None)
    message = sending.accept(suite, tx, [draft])[0]
    notices.messages_changed(tx, [(tx.owned, message, draft.state)], now)
    verifications.add(
        tx,
        {
            "id": verification_id,
            "number": asked.recipient.number,
            "country": asked.recipient.country,
            "purpose": asked.purpose,
            "channel": str(asked.channel),
            "language": language,
            "origin": str(asked.origin),
            "installation": installation,
            "message": message,
            "code_hash": suite.vault.mark(code, verification_id, tx.owned) if sent else None,
            "code_of": live,
            "state": "pending",
            "reason": ledger.reason_row(draft.reason),
            "test": asked.test,
            "created_at": now,
            "expires_at": now + LIVES,
        },
    )
    to = asked.recipient.number
    return Started(
        verification_id, to, asked.channel, asked.purpose, language, now, now + LIVES, draft, message
    )


def check(suite: Suite, tx: Transaction, verification_id: str, code: str) -> Checked:
    """Tries a code, in the caller's transaction. It approves once. Raises `NotFound`."""
    now = suite.now()
    known = verifications.get(tx, verification_id)
    if known is None:
        raise NotFound("verification")
    # Two who try at once are counted as two.
    verifications.alone(tx, known["number"])
    row = verifications.get(tx, verification_id) or known
    sent = (verifications.get(tx, row["code_of"]) or row) if row["code_of"] else row
    typed = codes.typed(code)
    good = suite.vault.knows(sent["code_hash"] or _NO_CODE, typed, sent["id"], tx.owned)

    def said(state: str, left: int) -> Checked:
        return Checked(row["id"], state, left, row["number"])

    if sent["tries"] >= MOST_TRIES or row["tries"] >= MOST_TRIES:
        return said("too_many", 0)
    if row["state"] != "pending" or sent["state"] != "pending" or now >= min(row["expires_at"], sent["expires_at"]):
        return said("expired", 0)
    if good and codes.readable(typed) and sent["code_hash"]:
        verifications.ended(tx, row["id"], "approved", now)
        if sent["id"] != row["id"]:
            verifications.ended(tx, sent["id"], "replaced", now)
        public.converted(tx, Recipient.parse(row["number"]), now)
        return said("approved", 0)
    left = 0
    for one in {sent["id"]: sent, row["id"]: row}.values():
        tries = one["tries"] + 1
        verifications.tried(tx, one["id"], tries, "failed" if tries >= MOST_TRIES else "pending", now)
        left = MOST_TRIES - tries if one is sent else left
    return said("wrong", max(min(left, MOST_TRIES - row["tries"] - 1), 0))


def state_of(row: Mapping[str, Any], now: datetime) -> str:
    """As it is said from outside: pending | approved | failed | expired."""
    if row["state"] == "replaced" or (row["state"] == "pending" and now >= row["expires_at"]):
        return "expired"
    return str(row["state"])


def hide_spent(suite: Suite) -> int:
    """Once a code is over, it is not kept in its message's text either. Returns how many texts."""
    now, count = suite.now(), 0
    while True:
        with suite.database.read() as tx:
            found = verifications.spent_messages(tx, now)
        if not found:
            return count
        # A text of somebody's own in which nothing reads as a code stays as it is; a message may be gone.
        said = {row["id"]: row["text"] for row in found if row["id"]}
        shorter = {name: text for name, before in said.items() if (text := codes.hidden(before)) != before}
        with suite.database.write() as tx:
            count += verifications.hide(tx, shorter, [row["verification"] for row in found])


# ---------------------------------------------------------------------------------------------- the message

_NO_CODE = "0" * 64


def _settings(tx: Transaction) -> Mapping[str, Any]:
    known = house.workspace(tx, tx.owned)
    return known["settings"] if known else house.DEFAULTS


def _checked(tx: Transaction, asked: Asked) -> None:
    if asked.origin is Origin.IMPORTED:
        raise BadInput("origin_unknown", pointer="/origin")
    if asked.body is not None and "code" not in compile_template(asked.body).variables:
        raise BadInput("verification_without_code", pointer="/body")
    if asked.template is not None:
        bodies = rules.texts(tx).get(asked.template, {})
        if any("code" not in compile_template(body).variables for body in bodies.values()):
            raise BadInput("verification_without_code", pointer="/template")


def _draft(tx: Transaction, asked: Asked, code: str, language: str, now: datetime) -> outbox.New:
    own = asked.body is not None or asked.template is not None
    too_soon = asked.origin is not Origin.PUBLIC_FORM and _too_soon(tx, asked.recipient.number, now)
    # A voice reads digits one by one only when they stand apart.
    spoken = " ".join(code) if asked.channel is Channel.VOICE else code
    data = {"name": _app(tx, asked), "minutes": int(LIVES.total_seconds() // 60), **asked.data, "code": spoken}
    wanted = sending.Wanted(
        recipient=asked.recipient,
        message_class=MessageClass.OTP,
        body=asked.body if own else codes.WORDS[language],
        template=asked.template,
        data=data,
        channels=(asked.channel,),
        expires_at=now + LIVES,
        language=(asked.language or language) if own else language,
        sender=asked.sender,
        test=asked.test,
        origin=None if too_soon else asked.origin,
        ip=asked.ip,
    )
    draft = sending.drafts(tx, [wanted], now)[0]
    if isinstance(draft, BadInput):
        raise draft
    if spoken not in draft.text or spoken in codes.hidden(draft.text):
        # Glued to other letters ("A{{ code }}") it would not be known as a code, and stand readable in lists for good.
        raise BadInput("verification_without_code", pointer="/template" if asked.template else "/body")
    if too_soon and draft.state is State.SCHEDULED:
        reason = Reason("verification_too_soon", {"seconds": int(ONE_A.total_seconds())})
        checks = (*draft.checks, Check("origin", "refused", reason))
        draft = replace(draft, state=State.SUPPRESSED, reason=reason, checks=checks)
    return replace(draft, reference=REFERENCE)


def _too_soon(tx: Transaction, number: str, now: datetime) -> bool:
    return verifications.last_sent(tx, number, now - ONE_A) is not None


def _live(tx: Transaction, asked: Asked, now: datetime) -> str | None:
    row = verifications.last_sent(tx, asked.recipient.number, now - LIVES)
    if row is None or row["purpose"] != asked.purpose or row["state"] != "pending" or now >= row["expires_at"]:
        return None
    return str(row["id"])


def _app(tx: Transaction, asked: Asked) -> str:
    """Whose code it is, in so few and such letters that the message stays one part."""
    known = house.workspace(tx, tx.owned)
    name = raw_map(" ".join((asked.app or (known["name"] if known else "")).split()))
    return "".join(letter for letter in name if GSM7.fullmatch(letter))[:APP].strip() or name[:APP] or "Relance"

"""The simulated phones: what they received, as bubbles, and a field to answer from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Simulated
from core.domain.channels import message_of
from core.domain.messages import Channel
from core.domain.recipients import Recipient
from core.engine import simulation
from core.storage import feedback, simulated
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked, calls
from core.web.console.calls import Call
from core.web.console.session import page
from core.web.console.words import t

bp = Blueprint("phone", __name__)
LOOKED_AT, SHOWN = 400, 60


@dataclass(frozen=True, slots=True)
class Bubble:
    """What one side said; `state` is what the network says of ours."""

    at: datetime
    mine: bool
    text: str
    sender: str = ""
    state: str = ""
    call: Call | None = None
    """For what was said on a call."""
    pressed: bool = False
    """For a key instead of words."""


@bp.get("/phone")
@page()
def phone() -> ResponseReturnValue:
    """All phones that received something, one of them open."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        known = numbers(tx)
        chosen = asked.number(asked.text("number")) or next(iter(known), None)
        bubbles = conversation(tx, chosen) if chosen else []
    called = next((one.call for one in reversed(bubbles) if not one.mine), None)
    return render_template(
        "phone.html", numbers=known, chosen=chosen, bubbles=bubbles, sender=_sender(bubbles), called=called
    )


@bp.get("/phone/bubbles")
@page()
def fresh() -> ResponseReturnValue:
    """The bubbles of one phone alone, for the script that looks again every two seconds."""
    number = asked.number(asked.text("number"))
    with current_suite().database.read(g.person.workspace) as tx:
        bubbles = conversation(tx, number) if number else []
    return render_template("bubbles.html", bubbles=bubbles, sender=_sender(bubbles))


@bp.post("/phone/answer")
@page()
def answer() -> ResponseReturnValue:
    """A person answers from a simulated phone: a ready word, or what was typed."""
    suite = current_suite()
    recipient = Recipient.parse(request.form.get("number", ""), g.workspace["settings"]["country"])
    text = (request.form.get("word") or request.form.get("text", "")).strip()
    simulation.answer(suite, g.person.workspace, recipient.number, text)
    suite.wake()
    return redirect(f"/phone?number=%2B{recipient.number[1:]}", 303)


def numbers(tx: Transaction) -> Mapping[str, Any]:
    """number → its last message, the phones that received something last first."""
    found: dict[str, Any] = {}
    for kept in simulated.listed(tx, limit=LOOKED_AT):
        found.setdefault(kept.message.to, kept.message)
    return found


def conversation(tx: Transaction, number: str) -> list[Bubble]:
    """Both sides, oldest first."""
    said = [
        Bubble(
            one.message.received_at, False, one.message.text, one.message.sender or "", str(one.message.state),
            _call(tx, one.message),
        )
        for one in simulated.listed(tx, number, limit=SHOWN)
    ]  # fmt: skip
    said += [
        Bubble(row["received_at"], True, row["text"], pressed=row["channel"] == Channel.VOICE)
        for row in feedback.replies(tx, number=number, limit=SHOWN)
    ]
    return sorted(said, key=lambda bubble: (bubble.at, bubble.mine))[-SHOWN:]


def _call(tx: Transaction, message: Simulated) -> Call | None:
    if message.channel is not Channel.VOICE:
        return None
    return calls.of_simulated(tx, message_of(message.reference)[0], f"sim_{message.reference}")


def _sender(bubbles: list[Bubble]) -> str:
    return next((one.sender for one in reversed(bubbles) if one.sender), "") or t("phone.unknown_sender")

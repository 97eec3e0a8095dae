"""What the simulated phones do, when it is time: receipts and replies, as real ones send them by way of a provider."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import groupby

from core.contract import Account, PhoneReply, Receipt
from core.domain.errors import BadInput
from core.domain.messages import Channel
from core.domain.recipients import Recipient
from core.engine import feedback
from core.ids import new_id
from core.providers.simulator import HOTLINE, happens
from core.storage import accounts, simulated
from core.storage.database import Transaction
from core.storage.simulated import Kept
from core.suite import Suite

LONGEST_REPLY = 1600


def run_due(suite: Suite, limit: int = 500) -> int:
    """Everything that the phones do by now, up to `limit` steps; returns how many were done.

    A step and what it causes are committed together, so that each happens once, whoever else is walking.
    """
    now = suite.now()
    with suite.database.read() as tx:
        due = simulated.due(tx, now, limit)
    done = 0
    due.sort(key=lambda kept: (kept.message.workspace, kept.message.account))
    for (workspace, account_id), steps in groupby(due, key=lambda kept: (kept.message.workspace, kept.message.account)):
        with suite.database.write(workspace) as tx:
            done += _do(suite, tx, _account(suite, tx, workspace, account_id), list(steps))
    return done


def answer(
    suite: Suite, workspace: str, sender: str, text: str, to: str | None = None, tx: Transaction | None = None
) -> PhoneReply:
    """A person answers `text` from the simulated phone `sender` (E.164). Raises `BadInput` for what no phone sends.

    `to` is the number answered to: the sender of the last message that this phone received, unless it is given.
    In the caller's transaction if one is given.
    """
    number = Recipient.parse(sender).number
    if not text or len(text) > LONGEST_REPLY:
        raise BadInput("simulator_reply_length", pointer="/text", limit=LONGEST_REPLY)
    with nullcontext(tx) if tx is not None else suite.database.write(workspace) as tx:
        last = simulated.find_last_to(tx, number)
        called = last is not None and last.channel is Channel.VOICE
        reply = PhoneReply(number, to or (last and last.sender) or HOTLINE, text, suite.now(), new_id("simreply"),
                           f"sim_{last.reference}" if last else None, Channel.VOICE if called else None)
        account = _account(suite, tx, workspace, last.account if last else accounts.SIMULATOR)
        feedback.take_reply(suite, tx, account, reply)
    return reply


def _do(suite: Suite, tx: Transaction, account: Account, steps: list[Kept]) -> int:
    receipts: list[Receipt] = []
    replies: list[PhoneReply] = []
    for kept in steps:
        said, state, next_at, then = happens(kept.message)
        if not simulated.advance(tx, kept, state, next_at, then):
            continue
        if isinstance(said, Receipt):
            receipts.append(said)
        else:
            replies.append(said)
    if receipts:
        feedback.take_receipts(suite, tx, account, receipts)
    for reply in replies:
        feedback.take_reply(suite, tx, account, reply)
    return len(receipts) + len(replies)


def _account(suite: Suite, tx: Transaction, workspace: str, account_id: str) -> Account:
    """The account that the phone's network belongs to; it is told even when it was removed in the meantime."""
    found = accounts.get_any(tx, account_id, suite.vault)
    return found or Account(account_id, workspace, "simulator", {}, {}, "", "")

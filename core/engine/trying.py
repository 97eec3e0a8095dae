"""A message to the person who tries: the very text and price, sent by the ordinary way, and never to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domain.errors import BadInput
from core.domain.messages import MessageClass, State
from core.domain.recipients import Recipient
from core.engine import sending
from core.storage import house, outbox
from core.storage.database import Transaction
from core.suite import Suite

PREFIX = "test"
"""How the reference of such a message begins: it is nobody's step of a workflow."""


@dataclass(frozen=True, slots=True)
class Try:
    """What is tried: on whom, with which words and values. `record_number` is the number of the sample record (E.164),
    if there is one; `sure` says that the person wants to write to that number for real."""

    installation: str
    to: Recipient
    body: str | None
    template: str | None
    values: Mapping[str, Any]
    record_number: str | None = None
    sure: bool = False


def draft(tx: Transaction, one: Try, now: datetime) -> outbox.New:
    """The message as it would be stored. Raises `BadInput`."""
    (made,) = sending.drafts(tx, [_wanted(one, None)], now)
    if isinstance(made, BadInput):
        raise made
    return made


def send(suite: Suite, workspace: str, one: Try, once: str, *, who: str) -> str:
    """Sends it, and returns its id; a form that comes twice (`once`) is one message. Raises `BadInput`: also for what
    may not leave, and for a record's own number that nobody was sure about."""
    if one.to.number == one.record_number and not one.sure:
        raise BadInput("test_to_record", pointer="/sure")
    reference, now = f"{PREFIX}/{one.installation}/{once}", suite.now()
    with suite.database.write(workspace) as tx:
        tx.alone(reference)
        if known := outbox.listed(tx, outbox.Filter(reference=reference), limit=1):
            return str(known[0]["id"])
        (made,) = sending.drafts(tx, [_wanted(one, reference)], now)
        if isinstance(made, BadInput):
            raise made
        if made.state is not State.SCHEDULED:
            assert made.reason is not None
            raise BadInput(made.reason.code, pointer="/to", **made.reason.values)
        (message_id,) = sending.accept(suite, tx, [made])
        house.note(tx, who, "test_sent", one.installation, {"message": message_id}, now)
    suite.wake()
    return message_id


def _wanted(one: Try, reference: str | None) -> sending.Wanted:
    return sending.Wanted(
        one.to, MessageClass.TRANSACTIONAL, body=one.body, template=one.template, data=one.values, reference=reference
    )

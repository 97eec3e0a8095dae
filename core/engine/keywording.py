"""Keyword rules at work: a word that somebody sent by themselves is answered, puts them on a list, or starts a survey.

To agree to advertising by a word takes a text that says so, kept as the proof with its place and moment. It takes back
no STOP: that is START's alone. Two machines do not answer each other for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.contract import PhoneReply
from core.domain.errors import BadInput, InvalidNumber, NotFound
from core.domain.keywords import heard
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.consent import ALL, MARKETING
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.replies import Meaning
from core.engine import sending, surveying
from core.engine.conversing import CHANNELS
from core.engine.scheduling import live_installations, replan_open
from core.storage import feedback, house, keywords, people, segments, surveys
from core.storage.cleaning import clean
from core.storage.database import Transaction
from core.suite import Suite

USEFUL = timedelta(hours=1)
Row = Mapping[str, Any]


def known(tx: Transaction, keyword_id: str) -> Row:
    """The keyword's row. Raises `NotFound`."""
    row = keywords.row(tx, keyword_id)
    if row is None:
        raise NotFound("keyword")
    return row


def find(tx: Transaction, text: str) -> Row | None:
    """The keyword that `text` is, if it is one that is switched on."""
    found = heard(text, keywords.active(tx))
    return None if found is None else keywords.row(tx, found.id)


def take(
    suite: Suite, tx: Transaction, reply_id: str, reply: PhoneReply, row: Row, by: Channel | None, now: datetime,
    *, test: bool,
) -> None:  # fmt: skip
    """Does what the keyword (its row) stands for."""
    keywords.came(tx, row["id"], now)
    word = str(row["words"][0])
    try:
        recipient = Recipient.parse(reply.sender)
    except InvalidNumber:
        _understood(tx, reply_id, Reason("for_a_person"), None)
        return
    why = _agreed(tx, row, reply_id, reply, recipient, word, now)
    if why is None:
        why = _followed(suite, tx, row, recipient, by, now, test=test)
    if why is None:
        why = Reason("keyword_done", {"word": word})
    # Whatever could not be done is for a person of the house to see; but for a word that came once too often.
    quiet = why.code in ("keyword_done", "keyword_after_stop", "keyword_too_often", "survey_asked_lately",
                         "survey_open_elsewhere")  # fmt: skip
    _understood(tx, reply_id, why, now if quiet else None)


def _understood(tx: Transaction, reply_id: str, outcome: Reason, handled: datetime | None) -> None:
    feedback.understood(tx, reply_id, meaning=Meaning.OTHER, outcome=outcome, handled=handled)


def _agreed(
    tx: Transaction, row: Row, reply_id: str, reply: PhoneReply, recipient: Recipient, word: str, now: datetime
) -> Reason | None:
    """Puts the person on the list and keeps what they agreed to; the reason why not."""
    if row["segment"] is None and row["consent"] is None:
        return None
    standing = people.standings(tx, tx.owned, [recipient.number])[0].get(recipient.number)
    if standing is not None and standing.opted_out & {MARKETING, ALL}:
        return Reason("keyword_after_stop", {"word": word})
    contact = people.remember(tx, recipient, {}, now)
    if row["consent"] is not None and not (standing is not None and standing.marketing_consent):
        proof = {**row["consent"], "moment": reply.at.isoformat(), "said": clean(reply.text[:160]), "reply": reply_id,
                 "keyword": row["id"]}  # fmt: skip
        people.start(tx, recipient.number, MARKETING, "keyword", proof, now)
        replan_open(tx, now, live_installations(tx), recipient=recipient.number)
    if row["segment"] is not None and segments.lists(tx, [row["segment"]]):
        segments.put_on(tx, row["segment"], [contact])
    return None


def _followed(
    suite: Suite, tx: Transaction, row: Row, recipient: Recipient, by: Channel | None, now: datetime, *, test: bool
) -> Reason | None:
    """Starts the survey, or answers; the reason why not."""
    channel = by if by is not None and by in CHANNELS else Channel.SMS
    since = now - surveying.AUTOMATIC_WITHIN
    if (row["survey"] or row["body"] or row["template"]) and (
        feedback.answered_lately(tx, recipient.number, since) >= surveying.AUTOMATIC_AT_MOST
    ):
        return Reason("keyword_too_often", {"most": surveying.AUTOMATIC_AT_MOST})
    if row["survey"] is not None:
        survey = surveys.row(tx, row["survey"])
        if survey is None:
            return Reason("for_a_person")
        return surveying.begin(
            suite, tx, survey, recipient, now, origin=surveys.KEYWORD, channel=channel, test=test
        )
    if row["body"] is None and row["template"] is None:
        return None
    contact = people.contact_of(tx, recipient.number)
    values: dict[str, Any] = {}
    if contact is not None:
        values = {**contact["values"], **{name: contact[name] for name in ("name", "first_name") if contact[name]}}
    place = house.workspace(tx, tx.owned)
    values.setdefault("workspace", place["name"] if place else "")
    wanted = sending.Wanted(
        recipient, MessageClass.CONVERSATIONAL, body=row["body"], template=row["template"], data=values,
        channels=(channel,), expires_at=now + USEFUL, language=contact["language"] if contact else None, test=test,
        shorten=True,
    )  # fmt: skip
    draft = sending.drafts(tx, [wanted], now)[0]
    if isinstance(draft, BadInput):
        return draft.reason
    if draft.state is not State.SCHEDULED:
        return draft.reason or Reason("no_longer_useful")
    sending.accept(suite, tx, [replace(draft, reference=feedback.AUTOMATIC)])
    return None

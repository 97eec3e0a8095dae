"""One person and a survey: asked, answered, asked on, reminded once, and done.

What is asked is a message like any other: the policy and the last look decide whether it leaves. Each answer counts
once, and STOP ends it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import structlog

from core.contract import PhoneReply
from core.domain.channels import message_of
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.replies import Meaning, normalised
from core.domain.surveys import (
    Part,
    Phase,
    Question,
    Read,
    again,
    following,
    is_certain,
    parse,
    read,
    said,
    shown,
)
from core.engine import notices, sending
from core.engine.conversing import CHANNELS
from core.storage import conversations, feedback, house, outbox, people, surveys
from core.storage.database import Transaction
from core.suite import Suite

REFERENCE = "relance:survey"
"""The reference of messages that ask a further question; nobody outside can give a message such a reference."""
AUTOMATIC_AT_MOST = 3
AUTOMATIC_WITHIN = timedelta(hours=1)
LOOKS_EVERY = timedelta(minutes=1)
ADOPTS_EVERY = timedelta(seconds=15)
ADOPTS_SINCE = timedelta(days=3)
TWICE_WITHIN = timedelta(minutes=5)
THANKED_WITHIN = timedelta(hours=1)
_FAILED = ("failed", "suppressed", "cancelled", "superseded", "expired")
log = structlog.get_logger(__name__)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Open:
    """A question that somebody is being asked. `message`: the row of the one that asks it; `latest`: nothing has left
    for them since; `named`: their reply says that it answers it."""

    person: Row
    survey: Row
    question: Question
    message: Row
    latest: bool
    named: bool

    @property
    def name(self) -> str:
        return str(self.survey["name"])


# ---------------------------------------------------------------------------------------------- surveys


def known(tx: Transaction, survey_id: str) -> Row:
    """The survey's row. Raises `NotFound`."""
    row = surveys.row(tx, survey_id)
    if row is None:
        raise NotFound("survey")
    return row


def opened(tx: Transaction, survey_id: str, now: datetime) -> Row:
    """Its row; from now on its questions stay as they are. Raises `NotFound`, `Conflict` for one that was stopped."""
    row = known(tx, survey_id)
    if row["state"] == Phase.STOPPED:
        raise Conflict("survey_state", state=row["state"])
    if row["state"] == Phase.DRAFT:
        surveys.change(tx, survey_id, {"state": str(Phase.OPEN), "started_at": now}, now, only=[Phase.DRAFT])
        row = known(tx, survey_id)
    return row


def first_text(row: Row) -> str:
    """What its first question says: a template."""
    return shown(parse(row["questions"])[0])


def barred(tx: Transaction, row: Row, numbers: Iterable[str], now: datetime) -> dict[str, Reason]:
    """Who must not be asked this survey now, and why: they are in the middle of one, or were asked it lately."""
    busy = surveys.busy(tx, row["id"], numbers, now - timedelta(seconds=row["rest"]))
    return {
        number: Reason("survey_open_elsewhere") if what == "open"
        else Reason("survey_asked_lately", {"survey": row["name"], "at": at.isoformat() if at else ""})
        for number, (what, at) in busy.items()
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------- beginning


def begin(
    suite: Suite, tx: Transaction, row: Row, recipient: Recipient, now: datetime, *, origin: str,
    channel: Channel, test: bool,
) -> Reason | None:  # fmt: skip
    """Asks one person who wrote to us the first question, at once. None when it is on its way, or why it is not."""
    surveys.alone(tx)
    if row["state"] == Phase.STOPPED:
        return Reason("survey_state", {"state": row["state"]})
    if (why := barred(tx, row, [recipient.number], now).get(recipient.number)) is not None:
        return why
    contact = people.contact_of(tx, recipient.number)
    values: dict[str, Any] = {}
    if contact is not None:
        values = {**contact["values"], **{name: contact[name] for name in ("name", "first_name") if contact[name]}}
    asked = _sent(
        suite, tx, row, recipient, first_text(row), now, values=values, klass=MessageClass.CONVERSATIONAL,
        channel=channel, test=test, reference=REFERENCE,
    )  # fmt: skip
    if isinstance(asked, Reason):
        return asked
    opened(tx, row["id"], now)
    surveys.begin(tx, row, [surveys.Begun(recipient.number, recipient.country, asked, now)], origin, now, test=test)
    return None


def adopt(tx: Transaction, rows: Sequence[Row], now: datetime) -> int:
    """Writes down whom rules have asked a first question (rows of `surveys.of_rules`). Of two surveys that a person is
    asked, the one that was asked last goes on."""
    if not rows:
        return 0
    surveys.alone(tx)
    asking = {survey_id: surveys.row(tx, survey_id) for survey_id in sorted({one["survey"] for one in rows})}
    begun = 0
    for one in rows:
        survey = asking[one["survey"]]
        if survey is None or survey["state"] == Phase.STOPPED:
            continue
        before = surveys.open_of(tx, one["to"])
        if before is not None and before["message"] == one["id"]:
            continue
        if before is not None:
            _end(tx, before, Part.ENDED, Reason("survey_overtaken", {"survey": survey["name"]}), now)
        person = surveys.Begun(
            one["to"], one["country"], one["id"], one["due_at"], one["left_at"], one["occasion"], one["rule"],
        )  # fmt: skip
        surveys.begin(tx, survey, [person], surveys.RULE, now, test=one["test"])
        begun += 1
    return begun


# ---------------------------------------------------------------------------------------------- a reply


def open_for(tx: Transaction, reply: PhoneReply, now: datetime) -> Open | None:
    """The question that this person was being asked when they wrote, if its message had left and its time was not
    over."""
    at = min(reply.at, now)
    if surveys.asked_by_rules(tx):
        adopt(tx, surveys.of_rules(tx, now - ADOPTS_SINCE, number=reply.sender), now)
    person = surveys.open_of(tx, reply.sender)
    if person is None:
        return None
    survey, message = surveys.row(tx, person["survey"]), outbox.get(tx, person["asked"])
    if survey is None or message is None or message["left_at"] is None or message["left_at"] > at:
        return None
    if person["state"] == Part.PLANNED:
        surveys.first_left(tx, person, survey, message["left_at"])
        person = surveys.open_of(tx, reply.sender)
        if person is None:
            return None
    if person["expires_at"] is not None and person["expires_at"] <= at:
        return None
    question = parse(survey["questions"])[person["question"] - 1]
    named = False
    if reply.answers is not None:
        named = reply.answers == message["provider_ref"] or message_of(reply.answers)[0] == message["id"]
    last = feedback.last_to(tx, reply.sender)
    latest = last is None or last["id"] == message["id"] or last["left_at"] < message["left_at"]
    if not named and not latest and _by_a_person(last):
        # Somebody of the house asked something since: that is what is answered.
        return None
    return Open(person, survey, question, message, latest, named)


def _by_a_person(message: Row | None) -> bool:
    return message is not None and (message["reference"] or "").startswith(conversations.SAID)


def answer(asked: Open | None, text: str) -> Read | None:
    """What `text` answers to the open question; None where it is none, or not for certain."""
    if asked is None or not (asked.latest or asked.named or is_certain(asked.question, text)):
        return None
    return read(asked.question, text)


def answered(
    suite: Suite, tx: Transaction, reply_id: str, text: str, asked: Open, understood: Read, by: Channel | None,
    now: datetime,
) -> None:  # fmt: skip
    """Keeps the answer and asks the next question, or says goodbye."""
    person, survey, questions = asked.person, asked.survey, parse(asked.survey["questions"])
    number = person["question"]
    held = surveys.hold(tx, person["id"])
    kept = None
    if held is not None and held["question"] == number:
        kept = surveys.keep(tx, person, understood.value, text, reply_id, now)
    label = said(asked.question, understood.value)
    what = Reason("survey_answer", {"survey": asked.name, "question": number, "answer": label or "…"})
    feedback.understood(
        tx, reply_id, meaning=Meaning.OTHER, outcome=what, message=person["asked"], occasion=person["occasion"],
        handled=now,
    )  # fmt: skip
    if kept is None:
        return
    then = following(questions, number, understood.value)
    notices.survey_answered(
        tx, survey,
        {"answer": kept, "person": person["id"], "number": person["number"], "question": number,
         "asked": asked.question.text, "value": understood.value, "label": label, "text": text[:1600],
         "reply": reply_id, "campaign": person["campaign"], "rule": person["rule"], "occasion": person["occasion"],
         "done": then is None},
        now,
    )  # fmt: skip
    if then is None:
        surveys.end(tx, person["id"], Part.DONE, now)
        if survey["ending"]:
            _to(suite, tx, person, survey, survey["ending"], now, by=by, until=now + THANKED_WITHIN)
        return
    sent = _to(suite, tx, person, survey, shown(questions[then - 1]), now, by=by)
    if isinstance(sent, Reason):
        surveys.end(tx, person["id"], Part.ENDED, now, sent)
    else:
        surveys.asked(tx, person, survey, then, sent, now)


def unclear(
    suite: Suite, tx: Transaction, reply_id: str, reply: PhoneReply, asked: Open | None, by: Channel | None,
    now: datetime,
) -> bool:  # fmt: skip
    """Asks once more what was not understood; the second time a person of the house reads it. False when the reply was
    not meant for the survey."""
    if asked is None:
        return _twice(tx, reply_id, reply, now)
    if not (asked.latest or asked.named):
        return False
    person, survey = asked.person, asked.survey
    about = {"message": person["asked"], "occasion": person["occasion"]}
    quiet = feedback.answered_lately(tx, person["number"], now - AUTOMATIC_WITHIN) >= AUTOMATIC_AT_MOST
    sent: str | Reason = Reason("survey_handed", {"survey": asked.name})
    if not person["unclear"] and not quiet:
        text = again(_asked_before(tx, person, asked.question), survey["unclear"])
        sent = _to(suite, tx, person, survey, text, now, by=by, reference=feedback.AUTOMATIC)
    if isinstance(sent, Reason):
        surveys.end(tx, person["id"], Part.HANDED, now, Reason("survey_handed", {"survey": asked.name}))
        handed = Reason("survey_handed", {"survey": asked.name})
        feedback.understood(tx, reply_id, meaning=Meaning.OTHER, outcome=handed, **about)
        return True
    surveys.change_person(tx, person["id"], unclear=True, asked=sent)
    what = Reason("survey_unclear", {"survey": asked.name, "question": person["question"]})
    feedback.understood(tx, reply_id, meaning=Meaning.OTHER, outcome=what, **about, handled=now)
    return True


def _twice(tx: Transaction, reply_id: str, reply: PhoneReply, now: datetime) -> bool:
    """Whether somebody only said once more what they had just answered, before the next question was there."""
    person = surveys.open_of(tx, reply.sender)
    last = surveys.last_answer(tx, person["id"]) if person is not None else None
    if person is None or last is None or now - last["at"] > TWICE_WITHIN:
        return False
    if normalised(last["text"]) != normalised(reply.text):
        return False
    feedback.understood(tx, reply_id, meaning=Meaning.OTHER, outcome=Reason("survey_repeated"), handled=now,
                        occasion=person["occasion"])  # fmt: skip
    return True


def stopped(tx: Transaction, number: str, now: datetime) -> None:
    """The person said STOP: nothing of the survey follows."""
    person = surveys.open_of(tx, number)
    if person is not None:
        _end(tx, person, Part.STOPPED, Reason("opted_out", {"scope": "survey"}), now)


def _end(tx: Transaction, person: Row, part: Part, why: Reason, now: datetime) -> None:
    if surveys.end(tx, person["id"], part, now, why):
        outbox.end_waiting(tx, now, State.CANCELLED, why, surveys.asking(person))


# ---------------------------------------------------------------------------------------------- at work


def run_due(suite: Suite) -> int:
    """Notices first questions that left, reminds once, and ends what nobody answered. Returns how much was done."""
    with suite.database.glance() as glance:
        by_rules, due = surveys.asked_by_rules(glance), surveys.any_due(glance, suite.now())
    return (_adopt_due(suite) if by_rules else 0) + (_go_on_due(suite) if due else 0)


def _adopt_due(suite: Suite) -> int:
    now = suite.now()
    with suite.database.read() as tx:
        last = house.moment(tx, "surveys_adopted")
        if last is not None and last <= now and now - last < ADOPTS_EVERY:
            return 0
        since = now - ADOPTS_SINCE if last is None or last > now else last - 10 * ADOPTS_EVERY
        found = surveys.of_rules(tx, since)
    done = 0
    for workspace, rows in groupby(sorted(found, key=lambda one: one["workspace"]), key=lambda one: one["workspace"]):
        with suite.database.write(workspace) as tx:
            done += adopt(tx, list(rows), now)
    with suite.database.write() as tx:
        house.set_value(tx, "surveys_adopted", True, now)
    return done


def _go_on_due(suite: Suite) -> int:
    now = suite.now()
    with suite.database.read() as tx:
        found = surveys.due(tx, now)
    for workspace, ids in groupby(sorted(found), key=lambda one: one[0]):
        with suite.database.write(workspace) as tx:
            _go_on(suite, tx, [one for _, one in ids], now)
    if found:
        suite.wake()
    return len(found)


def _go_on(suite: Suite, tx: Transaction, ids: Sequence[str], now: datetime) -> None:
    rows = surveys.by_ids(tx, ids)
    messages = outbox.by_ids(tx, [one["asked"] for one in rows])
    asking = {survey_id: surveys.row(tx, survey_id) for survey_id in sorted({one["survey"] for one in rows})}
    for person in rows:
        survey, message = asking[person["survey"]], messages.get(person["asked"])
        if survey is None or message is None:
            surveys.end(tx, person["id"], Part.ENDED, now)
        elif person["state"] == Part.PLANNED:
            _see_whether_it_left(tx, person, survey, message, now)
        elif person["expires_at"] <= now:
            surveys.end(tx, person["id"], Part.EXPIRED, now, Reason("survey_no_answer"))
        else:
            _remind(suite, tx, person, survey, now)


def _see_whether_it_left(tx: Transaction, person: Row, survey: Row, message: Row, now: datetime) -> None:
    if message["state"] in _FAILED:
        kept = message["reason"]
        why = Reason(kept["code"], kept.get("values", {})) if kept else None
        surveys.end(tx, person["id"], Part.UNREACHED, now, why)
    elif message["left_at"] is not None:
        surveys.first_left(tx, person, survey, message["left_at"])
    else:
        surveys.change_person(tx, person["id"], next_at=max(message["due_at"], now + LOOKS_EVERY))


def _asked_before(tx: Transaction, person: Row, question: Question) -> str:
    """The question as the person read it: the first one was written for them."""
    first = outbox.get(tx, person["message"]) if person["question"] == 1 else None
    return str(first["text"]) if first is not None else shown(question)


def _remind(suite: Suite, tx: Transaction, person: Row, survey: Row, now: datetime) -> None:
    """Once, in the survey's own class: they did not write lately."""
    values: dict[str, Any] = {"next_at": person["expires_at"]}
    if survey["reminder"] and person["reminded_at"] is None:
        question = parse(survey["questions"])[person["question"] - 1]
        text = again(_asked_before(tx, person, question), survey["reminder"]["text"])
        klass = MessageClass(survey["class"])
        sent = _to(suite, tx, person, survey, text, now, klass=klass, until=person["expires_at"])
        values["reminded_at"] = now
        if not isinstance(sent, Reason):
            values["asked"] = sent
    surveys.change_person(tx, person["id"], **values)


# ---------------------------------------------------------------------------------------------- sending


def _to(
    suite: Suite, tx: Transaction, person: Row, survey: Row, text: str, now: datetime, *, by: Channel | None = None,
    klass: MessageClass = MessageClass.CONVERSATIONAL, until: datetime | None = None, reference: str = REFERENCE,
) -> str | Reason:  # fmt: skip
    """Sends `text`, as it stands, to somebody who is being asked: the message's id, or why it does not leave."""
    recipient = Recipient.parse(person["number"])
    # Line by line, because a value of a template is one.
    values = {f"line_{place}": line for place, line in enumerate(text.split("\n")) if line.strip()}
    body = "\n".join(f"{{{{ {name} }}}}" for name in values)
    return _sent(
        suite, tx, survey, recipient, body, now, values=values, klass=klass,
        channel=by if by in CHANNELS and by is not None else Channel.SMS, test=person["test"], reference=reference,
        until=until,
    )  # fmt: skip


def _sent(
    suite: Suite, tx: Transaction, survey: Row, recipient: Recipient, body: str, now: datetime, *,
    values: Mapping[str, Any], klass: MessageClass, channel: Channel, test: bool, reference: str,
    until: datetime | None = None,
) -> str | Reason:  # fmt: skip
    wanted = sending.Wanted(
        recipient, klass, body=body, data=values, channels=(channel,), sender=survey["sender"], test=test,
        expires_at=until or now + timedelta(seconds=survey["lasts"]), language=survey["language"], shorten=False,
    )  # fmt: skip
    draft = sending.drafts(tx, [wanted], now)[0]
    if isinstance(draft, BadInput):
        log.info("survey question not sent", survey=survey["id"], code=draft.reason.code)
        return draft.reason
    if draft.state is not State.SCHEDULED:
        return draft.reason or Reason("no_longer_useful")
    [message_id] = sending.accept(suite, tx, [replace(draft, reference=reference)])
    return message_id

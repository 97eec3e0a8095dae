"""How surveys, who was asked, answers and keywords look from outside: the API, exports and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.messages import Channel, MessageClass
from core.domain.surveys import Question, as_json, dearest, longest, parse, said, shown
from core.domain.text.price import price
from core.domain.text.segments import measure
from core.domain.text.stop_mention import with_stop
from core.domain.text.transliteration import to_gsm7
from core.engine import shown as common

Row = Mapping[str, Any]


def survey(row: Row, country: str, now: datetime) -> dict[str, Any]:
    """A survey from its row, with what each of its texts costs to a mobile of `country`."""
    questions = parse(row["questions"])
    return {
        "id": row["id"],
        **as_given(row),
        "state": row["state"],
        "texts": texts(row, country, now),
        "most_messages": longest(questions) + (1 if row["ending"] else 0),
        "most_price": at_most(row, country, now),
        "test": row["test"],
        "created_at": common.moment(row["created_at"]),
        "started_at": common.moment(row["started_at"]),
        "ended_at": common.moment(row["ended_at"]),
    }


def as_given(row: Row) -> dict[str, Any]:
    """As its author wrote it."""
    reminder = row["reminder"]
    return {
        "name": row["name"],
        "class": row["class"],
        "language": row["language"],
        "sender": row["sender"],
        "questions": as_json(parse(row["questions"])),
        "ending": row["ending"],
        "unclear": row["unclear"],
        "reminder": reminder and {"after": span(reminder["after"]), "text": reminder["text"]},
        "lasts": span(row["lasts"]),
        "rest": span(row["rest"]),
    }


def texts(row: Row, country: str, now: datetime) -> list[dict[str, Any]]:
    """What leaves, as far as it is known before it is for somebody: each question, and the ending."""
    found = [(f"question {number}", shown(question)) for number, question in enumerate(parse(row["questions"]), 1)]
    if row["ending"]:
        found.append(("ending", row["ending"]))
    told = []
    for place, (name, written) in enumerate(found):
        # As it leaves: in cheap letters, and the first one with its mention of STOP where the law wants that.
        text = to_gsm7(written)
        if place == 0 and row["class"] == MessageClass.MARKETING and country == "FR":
            text = with_stop(text)
        measured = measure(text)
        cost = price(measured.segments, country, Channel.SMS, now.date())
        told.append({
            "what": name, "text": text, "encoding": measured.encoding, "segments": measured.segments,
            "price": {"amount": cost.amount, "currency": cost.currency} if cost else None,
        })  # fmt: skip
    return told


def at_most(row: Row, country: str, now: datetime) -> dict[str, Any] | None:
    """What one person costs who answers everything; None where nobody knows a price."""
    questions, told = parse(row["questions"]), texts(row, country, now)
    prices = [one["price"] for one in told]
    if any(one is None for one in prices):
        return None
    costs = [one["amount"] for one in prices]
    ending = costs[len(questions)] if row["ending"] else 0
    return {"amount": dearest(questions, costs) + ending, "currency": prices[0]["currency"]}


def span(seconds: int) -> str:
    """A length of time as it is written in JSON."""
    return f"PT{seconds // 3600}H" if seconds % 3600 == 0 else f"PT{seconds // 60}M"


def person(row: Row, language: str) -> dict[str, Any]:
    """Somebody who was to be asked."""
    return {
        "id": row["id"],
        "survey": row["survey"],
        "to": row["number"],
        "state": row["state"],
        "question": row["question"],
        "origin": row["origin"],
        "campaign": row["campaign"],
        "rule": row["rule"],
        "occasion": row["occasion"],
        "message": row["message"],
        "reason": common.reason(row["reason"], language),
        "reminded_at": common.moment(row["reminded_at"]),
        "created_at": common.moment(row["created_at"]),
        "asked_at": common.moment(row["started_at"]),
        "ended_at": common.moment(row["ended_at"]),
        "test": row["test"],
    }


def answer(row: Row, questions: tuple[Question, ...]) -> dict[str, Any]:
    """An answer, with the question that it belongs to."""
    question = questions[row["question"] - 1]
    return {
        "id": row["id"],
        "survey": row["survey"],
        "person": row["person"],
        "from": row["number"],
        "question": row["question"],
        "asked": question.text,
        "value": row["value"],
        "label": said(question, row["value"]),
        "text": row["text"],
        "reply": row["reply"],
        "at": common.moment(row["at"]),
    }


def keyword(row: Row) -> dict[str, Any]:
    """A keyword rule."""
    return {
        "id": row["id"],
        "words": row["words"],
        "body": row["body"],
        "template": row["template"],
        "segment": row["segment"],
        "consent": row["consent"],
        "survey": row["survey"],
        "active": row["active"],
        "heard": row["heard"],
        "heard_at": common.moment(row["heard_at"]),
        "created_at": common.moment(row["created_at"]),
    }

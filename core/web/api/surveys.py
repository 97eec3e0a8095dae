"""`/v1/surveys`: questions that people answer one by one, who is asked, and what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from marshmallow import fields, validate

from core.domain.campaigns import MOST_HOLDOUT
from core.domain.errors import BadInput, Conflict
from core.domain.policy.walltime import parse_duration
from core.domain.surveys import CLASSES, LASTS, LONGEST_QUESTION, REST, Kind, Part, Phase, as_json, parse, plain
from core.engine import campaign_check, campaigning, survey_results, survey_sending, survey_shown, surveying
from core.engine.campaign_shown import campaign
from core.storage import campaigns, house, surveys
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.campaigns import Audience, Stage, _audience, _staged, _time, _useful
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page
from core.web.api.segments import MOST_LIST_BODY

ROUTES = Routes("surveys")
UNCLEAR: Mapping[str, str] = {
    "fr": "Désolé, nous n'avons pas compris votre réponse.",
    "en": "Sorry, we did not understand your answer.",
}
LEAST, MOST = timedelta(minutes=10), timedelta(days=14)
LONGEST_REST = timedelta(days=366)
_THEN: dict[str, Any] = {"type": ["integer", "string", "null"]}
QUESTIONS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["text"],
        "properties": {
            "text": {"type": "string", "maxLength": LONGEST_QUESTION},
            "kind": {"enum": [str(one) for one in Kind]},
            "choices": {"type": "array", "items": {}},
            "least": {"type": "integer"},
            "most": {"type": "integer"},
            "branches": {"type": "array", "items": {"type": "object"}},
            "then": _THEN,
        },
    },
    "example": [
        {"text": "{{ first_name }}, recommanderiez-vous notre cabinet ?", "kind": "scale",
         "branches": [{"least": 9, "most": 10, "then": "end"}]},
        {"text": "Qu'est-ce qui vous a déplu ?", "kind": "choice", "choices": ["L'attente", "L'accueil", "Autre"]},
        {"text": "Dites-nous en plus.", "kind": "text"},
    ],
    "description": "In their order. `kind`: choice (2 to 9 `choices`, each a text, or `text`, `words` and `then`),"
    " scale (`least` to `most`, 0 to 10 without; `branches` of `least`, `most` and `then`), text. `then`: the number of"
    " the question that follows, from 1 and always further on, or \"end\"; without it the next one",
}  # fmt: skip


def _questions(value: Any) -> None:
    given.as_read(lambda: parse(value, ""))


def _lasts(value: Any) -> None:
    given.as_read(lambda: _span(value, LEAST, MOST))


def _rest(value: Any) -> None:
    given.as_read(lambda: _span(value, timedelta(), LONGEST_REST))


def _after(value: Any) -> None:
    given.as_read(lambda: _span(value, LEAST, MOST))


def _plain(value: str) -> None:
    given.as_read(lambda: plain(value, ""))


def _span(value: Any, least: timedelta, most: timedelta) -> timedelta:
    if not isinstance(value, str):
        raise BadInput("bad_duration", text=str(value)[:40])
    span = parse_duration(value).length
    if not least <= span <= most:
        raise BadInput("field_wrong", why=f"{least} … {most}")
    return span


class Reminder(given.Body):
    after = fields.String(required=True, validate=_after, metadata={"example": "PT24H"})
    text = given.words(300, required=True, also=_plain, metadata={
        "description": "Stands before the question, which is asked once more"})  # fmt: skip


class Survey(given.Body):
    name = given.words(120, required=True)
    language = given.one_of(["fr", "en"], allow_none=True, load_default=None)
    sender = given.words(16, allow_none=True, load_default=None)
    questions = fields.Raw(required=True, validate=_questions, metadata=QUESTIONS)
    ending = given.words(LONGEST_QUESTION, allow_none=True, load_default=None, also=_plain, metadata={
        "description": "What is said after the last answer; nothing without it"})  # fmt: skip
    unclear = given.words(300, allow_none=True, load_default=None, also=_plain, metadata={
        "description": "Stands before a question that is asked once more because its answer was unclear"})  # fmt: skip
    reminder = fields.Nested(Reminder, allow_none=True, load_default=None, metadata={
        "description": "At most one for each person"})  # fmt: skip
    lasts = fields.String(load_default=f"PT{int(LASTS.total_seconds()) // 3600}H", validate=_lasts, metadata={
        "example": "PT72H", "description": "For so long after a question left an answer to it counts"})  # fmt: skip
    rest = fields.String(load_default=f"P{REST.days}D", validate=_rest, metadata={
        "example": "P30D", "description": "Nobody is asked it again before that is over"})  # fmt: skip


Survey._declared_fields["class"] = given.one_of([str(one) for one in CLASSES], load_default=str(CLASSES[0]), metadata={
    "description": "Of the first question and of the reminder: marketing needs consent and keeps its hours"})


class Surveys(given.Listed):
    state = given.one_of([str(one) for one in Phase])


class Start(given.Body):
    audience = fields.Nested(Audience, required=True)
    fallbacks = fields.Dict(
        keys=given.words(60), values=given.words(200, least=0), load_default=dict, validate=validate.Length(0, 50),
        metadata={"example": {"first_name": "cher client"}},
    )  # fmt: skip
    send_at = given.words(60, allow_none=True, load_default=None,
                          metadata={"pattern": given.MOMENT_FORM, "example": "2026-12-01T10:00:00"})  # fmt: skip
    zone = given.words(60, allow_none=True, load_default=None, metadata={
        "example": "Europe/Paris", "description": "Of `send_at`; `recipient` for each person's own"})  # fmt: skip
    useful_for = fields.String(load_default="PT72H", validate=_useful, metadata={"example": "PT72H"})
    staged = fields.Nested(Stage, allow_none=True, load_default=None)
    holdout = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, MOST_HOLDOUT), metadata={
        "description": "Percent of the people who are not asked"})  # fmt: skip


class Answers(given.Listed):
    question = fields.Integer(validate=validate.Range(1, 100))
    person = given.words(40)
    free = fields.Boolean(load_default=False, metadata={"description": "Only those in the person's own words"})


class People(given.Listed):
    state = given.one_of([str(one) for one in Part])


@ROUTES("POST", "/v1/surveys", "Writes a survey down as a draft; with ?dry_run=true shows its texts and their prices",
        takes=Survey(), gives="Survey", status=201)  # fmt: skip
def create(call: Call) -> Answer:
    with call.write() as tx:
        survey_id = surveys.add(tx, {**_stored(tx, call.body), "test": call.key.test}, call.now)
        house.note(tx, call.who, "survey_saved", survey_id, {}, call.now)
        return call.done(201, _shown(call, tx, survey_id))


@ROUTES("GET", "/v1/surveys", "Surveys, newest first", query=Surveys(), gives="SurveyList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = surveys.rows(tx, state=asked.get("state"), after=asked.get("after"), limit=asked["limit"] + 1)
        country = _country(tx)
    return Answer(200, page(rows, asked["limit"], lambda row: survey_shown.survey(row, country, call.now), _id))


@ROUTES("GET", "/v1/surveys/{id}", "A survey and what it brought until now", gives="SurveyWithResults")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = surveying.known(tx, id)
        results = survey_results.results(tx, row).as_json(call.language)
        used = [{"kind": what, "id": used_id, "name": name} for what, used_id, name in surveys.used_by(tx, id)]
        return Answer(200, {**survey_shown.survey(row, _country(tx), call.now), "used_by": used, "results": results})


@ROUTES("PATCH", "/v1/surveys/{id}", "Changes a draft", takes=Survey(), gives="Survey", partial=True,
        also={409: "It has begun"})  # fmt: skip
def change(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = surveying.known(tx, id)
        values = _stored(tx, {**survey_shown.as_given(row), **call.body})
        if not surveys.change(tx, id, values, call.now, only=[Phase.DRAFT]):
            raise Conflict("survey_state", state=row["state"])
        survey_sending.changed(tx, id, call.now)
        house.note(tx, call.who, "survey_saved", id, {}, call.now)
        return call.done(200, _shown(call, tx, id))


@ROUTES("DELETE", "/v1/surveys/{id}", "Throws a draft away", status=204, also={409: "It has begun, or is used"})
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        survey_sending.remove(tx, surveying.known(tx, id), call.who, call.now)
        return call.done(204, None)


@ROUTES("POST", "/v1/surveys/{id}/start", "Asks people: their first question leaves as a campaign, now or at its time; "
        "with ?dry_run=true who would be asked, who not and why, and the price",
        takes=Start(), gives="SurveyStarted", dry_gives="CampaignRehearsal", status=201, also={409: "It was stopped"},
        most=MOST_LIST_BODY)  # fmt: skip
def start(call: Call, id: str) -> Answer:
    body = call.body
    with call.write() as tx:
        row = surveying.known(tx, id)
        at, wall, zone = _time(body)
        campaign_id = survey_sending.drafted(
            tx, row, _audience(tx, body["audience"]), call.now, test=call.key.test, who=call.who, send_at=at, wall=wall,
            zone=zone, useful=int(parse_duration(body["useful_for"]).length.total_seconds()), holdout=body["holdout"],
            staged=_staged(body), message={**survey_sending.message(row), "fallbacks": body["fallbacks"]},
        )  # fmt: skip
        kept = campaigns.row(tx, campaign_id)
        assert kept is not None
        if call.dry_run:
            said = campaign_check.rehearse(call.suite, tx, kept, call.now).as_json(call.language)
            return call.done(201, {"campaign": {**campaign(kept, call.language), "id": None}, **said})
        campaigns.alone(tx, campaign_id)
        campaigning.send(tx, kept, call.who, call.now)
        begun = campaigns.row(tx, campaign_id)
        assert begun is not None
        return call.done(201, {"survey": _shown(call, tx, id), "campaign": campaign(begun, call.language)})


@ROUTES("POST", "/v1/surveys/{id}/stop", "Ends it: nobody is asked any more, nothing further is asked of anybody",
        gives="Survey", also={409: "It is a draft"})  # fmt: skip
def stop(call: Call, id: str) -> Answer:
    with call.write() as tx:
        survey_sending.stop(tx, surveying.known(tx, id), call.who, call.now)
        return call.done(200, _shown(call, tx, id))


@ROUTES("GET", "/v1/surveys/{id}/answers", "What was answered, newest first", query=Answers(),
        gives="SurveyAnswerList")  # fmt: skip
def answers(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        questions = parse(surveying.known(tx, id)["questions"])
        rows = surveys.answers(
            tx, id, question=asked.get("question"), person=asked.get("person"), free=asked["free"],
            after=asked.get("after"), limit=asked["limit"] + 1,
        )  # fmt: skip
    return Answer(200, page(rows, asked["limit"], lambda row: survey_shown.answer(row, questions), _id))


@ROUTES("GET", "/v1/surveys/{id}/people", "Everybody who was to be asked, and how far they are", query=People(),
        gives="SurveyPersonList")  # fmt: skip
def people(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        surveying.known(tx, id)
        rows = surveys.people(tx, id, state=asked.get("state"), after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], lambda row: survey_shown.person(row, call.language), _id))


def _shown(call: Call, tx: Transaction, survey_id: str) -> dict[str, Any]:
    return survey_shown.survey(surveying.known(tx, survey_id), _country(tx), call.now)


def _country(tx: Transaction) -> str:
    known = house.workspace(tx, tx.owned)
    return str((known["settings"] if known else house.DEFAULTS)["country"])


def _stored(tx: Transaction, body: Mapping[str, Any]) -> dict[str, Any]:
    """As its row has it."""
    known = house.workspace(tx, tx.owned)
    spoken = body.get("language") or (known["settings"] if known else house.DEFAULTS)["language"]
    language = spoken if spoken in UNCLEAR else "en"
    reminder = body.get("reminder")
    return {
        "name": body["name"],
        "class": body["class"],
        "language": language,
        "sender": body.get("sender"),
        "questions": as_json(parse(body["questions"])),
        "ending": (body.get("ending") or "").strip() or None,
        "unclear": (body.get("unclear") or "").strip() or UNCLEAR[language],
        "reminder": reminder and {"after": _seconds(reminder["after"]), "text": reminder["text"].strip()},
        "lasts": _seconds(body["lasts"]),
        "rest": _seconds(body["rest"]),
    }


def _seconds(text: str) -> int:
    return int(parse_duration(text).length.total_seconds())

"""`/v1/keywords`: words that people send by themselves, and what follows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from core.domain.errors import BadInput, Conflict
from core.domain.keywords import LONGEST, MOST_WORDS, parse_word
from core.domain.surveys import Phase
from core.domain.text.templates import compile_template
from core.engine import keywording, survey_shown
from core.storage import house, keywords, rules, segments, surveys
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _id
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("keywords")
FIELDS = ("words", "body", "template", "segment", "consent", "survey", "active")


def _word(value: str) -> None:
    given.as_read(lambda: parse_word(value, ""))


class Consent(given.Body):
    text = given.words(600, required=True, metadata={
        "description": "What people agree to by sending the word, as they could read it there"})  # fmt: skip
    place = given.words(200, required=True, metadata={"example": "Affiche en vitrine"})


class Keyword(given.Body):
    words = fields.List(given.words(LONGEST * 2, also=_word), required=True, validate=validate.Length(1, MOST_WORDS),
                        metadata={"example": ["RDV", "RENDEZ-VOUS"]})  # fmt: skip
    body = given.words(1000, allow_none=True, load_default=None, metadata={"description": "What is answered"})
    template = given.words(80, allow_none=True, load_default=None)
    survey = given.words(40, allow_none=True, load_default=None, metadata={
        "description": "Instead of a text: the survey whose first question is the answer"})  # fmt: skip
    segment = given.words(40, allow_none=True, load_default=None, metadata={
        "description": "The list that the person is put on"})  # fmt: skip
    consent = fields.Nested(Consent, allow_none=True, load_default=None, metadata={
        "description": "By sending the word the person agrees to advertising; kept as the proof"})  # fmt: skip
    active = fields.Boolean(load_default=True, truthy={True}, falsy={False})


@ROUTES("POST", "/v1/keywords", "Says what follows when somebody sends a word", takes=Keyword(), gives="Keyword",
        status=201, also={409: "The word is another rule's"})  # fmt: skip
def create(call: Call) -> Answer:
    with call.write() as tx:
        keyword_id = keywords.add(tx, checked(tx, call.body), call.now)
        house.note(tx, call.who, "keyword_saved", keyword_id, {}, call.now)
        return call.done(201, survey_shown.keyword(keywording.known(tx, keyword_id)))


@ROUTES("GET", "/v1/keywords", "Keyword rules, oldest first", query=given.Listed(), gives="KeywordList")
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = keywords.rows(tx, after=asked.get("after"), limit=asked["limit"] + 1)
    return Answer(200, page(rows, asked["limit"], survey_shown.keyword, _id))


@ROUTES("GET", "/v1/keywords/{id}", "A keyword rule, and how often its words came", gives="Keyword")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, survey_shown.keyword(keywording.known(tx, id)))


@ROUTES("PATCH", "/v1/keywords/{id}", "Changes a keyword rule", takes=Keyword(), gives="Keyword", partial=True,
        also={409: "The word is another rule's"})  # fmt: skip
def change(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = keywording.known(tx, id)
        # An answer takes the place of the one that was there.
        said = {name: call.body[name] for name in FIELDS if name in call.body}
        if any(said.get(name) is not None for name in _ANSWERS):
            said = {**dict.fromkeys(_ANSWERS), **said}
        keywords.change(tx, id, checked(tx, {**{name: row[name] for name in FIELDS}, **said}, but=id))
        house.note(tx, call.who, "keyword_saved", id, {}, call.now)
        return call.done(200, survey_shown.keyword(keywording.known(tx, id)))


@ROUTES("DELETE", "/v1/keywords/{id}", "Nothing follows the word any more", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        keywording.known(tx, id)
        keywords.change(tx, id, {"removed_at": call.now, "active": False})
        house.note(tx, call.who, "keyword_removed", id, {}, call.now)
        return call.done(204, None)


_ANSWERS = ("body", "template", "survey")


def checked(tx: Transaction, body: Mapping[str, Any], *, but: str | None = None) -> dict[str, Any]:
    """As its row has it. Raises `BadInput` with JSON pointers, `Conflict` for a word that is taken."""
    words = list(dict.fromkeys(parse_word(one, f"/words/{place}") for place, one in enumerate(body["words"])))
    answers = [name for name in _ANSWERS if body.get(name) is not None]
    if len(answers) > 1:
        raise BadInput("keyword_one_answer", pointer=f"/{answers[1]}")
    if not answers and body.get("segment") is None and body.get("consent") is None:
        raise BadInput("keyword_nothing", pointer="/body")
    if body.get("body") is not None:
        try:
            compile_template(body["body"])
        except BadInput as error:
            error.pointer = "/body"
            raise
    if body.get("template") is not None and not rules.texts(tx).get(body["template"]):
        raise BadInput("unknown_template", pointer="/template", text=body["template"][:80])
    if body.get("segment") is not None:
        if segments.row(tx, body["segment"]) is None:
            raise BadInput("field_unknown_id", pointer="/segment", text=body["segment"][:40])
        if not segments.lists(tx, [body["segment"]]):
            raise BadInput("keyword_list", pointer="/segment")
    if body.get("survey") is not None:
        row = surveys.row(tx, body["survey"])
        if row is None:
            raise BadInput("field_unknown_id", pointer="/survey", text=body["survey"][:40])
        if row["state"] == Phase.STOPPED:
            raise Conflict("survey_state", state=row["state"])
    if (word := keywords.taken(tx, frozenset(words), but=but)) is not None:
        raise Conflict("keyword_taken", word=word)
    consent = body.get("consent")
    return {
        **{name: body.get(name) for name in (*_ANSWERS, "segment")},
        "words": words,
        "consent": consent and {"text": consent["text"].strip(), "place": consent["place"].strip()},
        "active": body.get("active", True),
    }

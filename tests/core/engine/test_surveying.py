"""A survey after a visit, beside an appointment's question, and beside a person of the house who writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.contract import PhoneReply
from core.domain.messages import Channel
from core.domain.occasions import Answer, Occasion
from core.domain.recipients import Recipient
from core.domain.surveys import as_json, parse
from core.engine import conversing, feedback, survey_results, surveying
from core.storage import accounts, conversations, occasions, outbox, rules, surveys
from core.storage import feedback as kept
from tests.support.clinic import ANA, Clinic

ASKED = "2026-12-01T18:00:30+01:00"
SURVEY: dict[str, Any] = {
    "name": "Avis", "class": "transactional", "language": "fr", "sender": None, "ending": "Merci !", "reminder": None,
    "unclear": "Pardon ?", "lasts": 72 * 3600, "rest": 0, "test": False,
    "questions": as_json(parse([{"text": "Recommanderiez-vous le cabinet ?", "kind": "scale"}])),
}  # fmt: skip


class Desk:
    """A clinic with a survey, and what its people's phones say."""

    def __init__(self, folder: Path) -> None:
        self.clinic, self._ids = Clinic(folder), count(1)
        self.suite = self.clinic.suite

    def survey(self, **values: Any) -> str:
        with self.suite.database.write(self.clinic.workspace) as tx:
            return surveys.add(tx, {**SURVEY, **values}, self.suite.now())

    def asks_after_visits(self, survey: str) -> None:
        """A rule that asks it three hours after the visit began."""
        now = self.suite.now()
        with self.suite.database.write(self.clinic.workspace) as tx:
            row = surveying.opened(tx, survey, now)
            rules.add(tx, {
                "name": "Avis", "on": "appointment", "class": "transactional", "when": {"after": "PT3H"},
                "body": surveying.first_text(row), "survey": survey, "sender": "38555",
                "installation": self.clinic.installation,
            }, now)  # fmt: skip

    def says(self, text: str, number: str = ANA, answers: str | None = None) -> Any:
        """What became of the reply: the reason's code, and whether a person has to read it."""
        reply = PhoneReply(number, "38555", text, self.suite.now(), f"r{next(self._ids)}", answers)
        with self.suite.database.write(self.clinic.workspace) as tx:
            reply_id = feedback.take_reply(self.suite, tx, accounts.simulator(self.clinic.workspace), reply)
            row = kept.reply(tx, reply_id) if reply_id else None
        self.clinic.settle()
        assert row is not None
        return row["outcome"]["code"], row["handled_at"] is None

    def asks_by_word(self, survey: str, number: str = ANA) -> None:
        """The survey is asked at once."""
        with self.suite.database.write(self.clinic.workspace) as tx:
            row = surveying.known(tx, survey)
            why = surveying.begin(self.suite, tx, row, Recipient.parse(number), self.suite.now(), origin="keyword",
                                  channel=Channel.SMS, test=False)  # fmt: skip
        assert why is None
        self.clinic.settle()

    def texts(self, number: str = ANA) -> list[str]:
        """What left for that number, oldest first."""
        with self.suite.database.read(self.clinic.workspace) as tx:
            rows = outbox.listed(tx, outbox.Filter(to=number), limit=100)
        left = sorted((row for row in rows if row["left_at"]), key=lambda row: (row["left_at"], row["id"]))
        return [row["text"] for row in left]

    def occasion(self, key: str) -> Occasion:
        with self.suite.database.read(self.clinic.workspace) as tx:
            [found] = occasions.by_keys(tx, self.clinic.installation, [key])
        return found

    def results(self, survey: str) -> survey_results.Results:
        with self.suite.database.read(self.clinic.workspace) as tx:
            return survey_results.results(tx, surveying.known(tx, survey))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.suite.database.close()


def test_a_rule_asks_after_the_visit_and_the_answer_knows_which_one(desk: Desk) -> None:
    survey = desk.survey()
    desk.asks_after_visits(survey)
    desk.clinic.write("visit", "2026-11-30T10:00+01:00")
    desk.clinic.at("2026-11-30T13:00:30+01:00")
    assert desk.texts() == ["Recommanderiez-vous le cabinet ? (0 - 10)"]
    assert desk.says("9") == ("survey_answer", False)
    assert desk.texts()[1:] == ["Merci !"]
    with desk.suite.database.read(desk.clinic.workspace) as tx:
        [person] = surveys.people(tx, survey)
    assert (person["origin"], person["state"]) == ("rule", "done")
    assert person["occasion"] == desk.occasion("visit").id


def test_who_never_answers_a_rules_question_is_counted_too(desk: Desk) -> None:
    survey = desk.survey(lasts=24 * 3600)
    desk.asks_after_visits(survey)
    desk.clinic.write("visit", "2026-11-30T10:00+01:00")
    desk.clinic.at("2026-11-30T13:00:30+01:00")
    desk.clinic.at("2026-11-30T13:01:30+01:00")
    desk.clinic.at("2026-12-01T13:02:00+01:00")
    found = desk.results(survey)
    assert (found.asked, found.answered, found.states) == (1, 0, {"expired": 1})


def test_of_two_surveys_of_rules_the_one_that_was_asked_last_goes_on(desk: Desk) -> None:
    first, second = desk.survey(), desk.survey(name="Accueil")
    desk.asks_by_word(first)
    desk.asks_after_visits(second)
    desk.clinic.write("visit", "2026-11-30T10:00+01:00")
    desk.clinic.at("2026-11-30T13:00:30+01:00")
    desk.says("3")
    assert (desk.results(first).states, desk.results(second).done) == ({"ended": 1}, 1)


def test_an_appointments_question_and_a_survey_are_told_apart(desk: Desk) -> None:
    survey = desk.survey()
    desk.clinic.write("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.asks_by_word(survey)

    assert desk.says("oui") == ("answer_confirmed", False), "no answer to a scale"
    assert desk.says("8") == ("survey_answer", False), "no answer to an appointment"


def test_what_may_mean_both_is_asked_about_by_a_letter(desk: Desk) -> None:
    survey = desk.survey()
    desk.clinic.write("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.asks_by_word(survey)

    assert desk.says("1") == ("asked_which", True)
    question = desk.texts()[-1]
    assert question.startswith("Vous répondez à quelle question ? Répondez par la lettre : W = ")
    assert question.endswith("X = notre sondage (Avis)")
    assert desk.says("x") == ("survey_answer", False)
    assert (desk.occasion("tomorrow").answer, desk.results(survey).questions[0].options[1].count) == (None, 1)

    desk.asks_by_word(survey)
    desk.says("1")
    desk.says("W")
    assert desk.occasion("tomorrow").answer is Answer.CONFIRMED
    assert desk.results(survey).questions[0].options[1].count == 1
    assert desk.says("1") == ("survey_answer", False), "the appointment was answered"


def test_a_provider_that_says_which_message_is_answered_is_believed(desk: Desk) -> None:
    survey = desk.survey()
    desk.clinic.write("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.asks_by_word(survey)
    with desk.suite.database.read(desk.clinic.workspace) as tx:
        newest, reminder = outbox.listed(tx, outbox.Filter(to=ANA), limit=2)
    assert desk.says("1", answers=reminder["provider_ref"]) == ("answer_confirmed", False)
    assert desk.says("2", answers=newest["provider_ref"]) == ("survey_answer", False)


def test_whom_a_person_of_the_house_wrote_to_since_answers_that_person(desk: Desk) -> None:
    survey = desk.survey(questions=as_json(parse([{"text": "Un mot ?"}])))
    assert desk.says("Bonjour, une question") == ("for_a_person", True)
    desk.asks_by_word(survey)
    with desk.suite.database.write(desk.clinic.workspace) as tx:
        talk = conversations.of_number(tx, ANA)
        assert talk is not None
        conversing.answer(desk.suite, tx, talk["id"], conversing.Answer("Combien de personnes ?"), who="usr_1")
    desk.clinic.at((desk.suite.now() + timedelta(minutes=1)).isoformat())
    assert desk.says("Quatre") == ("for_a_person", True)
    assert desk.results(survey).states == {"asked": 1}


def test_an_older_message_between_does_not_take_free_words_for_an_answer(desk: Desk) -> None:
    survey = desk.survey(questions=as_json(parse([{"text": "Un mot ?"}])))
    desk.asks_by_word(survey)
    desk.clinic.write("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    assert desk.says("Je serai en retard") == ("for_a_person", True)
    assert desk.says("Oui") == ("answer_confirmed", False)
    assert desk.results(survey).answered == 0

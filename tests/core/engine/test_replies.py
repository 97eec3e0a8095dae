"""A person answers: the answer is about the appointment that was asked about, as it is now, or nobody acts on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from core.contract import PhoneReply
from core.domain.events import Closed
from core.domain.occasions import Answer, Occasion
from core.engine import feedback
from core.storage import accounts, occasions, outbox, rules
from core.storage import feedback as kept
from tests.support.clinic import ANA, BOB, TWO_HOURS, Clinic

CHLOE = "+33639980019"
ASKED = "2026-12-01T18:00:30+01:00"


class Desk:
    """A clinic and what its people's phones say, as a gateway tells it: without which message is answered."""

    def __init__(self, folder: Path) -> None:
        self.clinic = Clinic(folder)
        self._ids = count(1)

    def book(self, key: str, start: str, number: str | None = ANA, **given: object) -> str:
        return self.clinic.write(key, start, number, **given)  # type: ignore[arg-type]

    def says(self, text: str, number: str = ANA, *, ago: timedelta = timedelta(), answers: str | None = None,
             reference: str | None = None) -> dict[str, object]:  # fmt: skip
        """What was made of the reply; empty when it was known."""
        suite = self.clinic.suite
        name = reference or f"r{next(self._ids)}"
        reply = PhoneReply(number, "38555", text, suite.now() - ago, name, answers)
        with suite.database.write(self.clinic.workspace) as tx:
            known = feedback.take_reply(suite, tx, accounts.simulator(self.clinic.workspace), reply)
            row = kept.reply(tx, known) if known else None
        self.clinic.settle()
        return dict(row) if row else {}

    def occasion(self, key: str) -> Occasion:
        with self.clinic.suite.database.read(self.clinic.workspace) as tx:
            [found] = occasions.by_keys(tx, self.clinic.installation, [key])
        return found

    def answers_to(self, number: str = ANA) -> list[str]:
        """Our automatic words to that number, oldest first."""
        with self.clinic.suite.database.read(self.clinic.workspace) as tx:
            rows = outbox.listed(tx, outbox.Filter(to=number), limit=100)
        return [row["text"] for row in reversed(rows) if (row["reference"] or "").startswith("relance:")]

    def waiting(self) -> int:
        with self.clinic.suite.database.read(self.clinic.workspace) as tx:
            return len(outbox.listed(tx, outbox.Filter(state=("scheduled", "held"))))


def code(row: dict[str, object]) -> object:
    outcome = row["outcome"]
    return outcome["code"] if isinstance(outcome, dict) else None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.clinic.suite.database.close()


@pytest.mark.parametrize(("text", "answer"), [("Oui merci", Answer.CONFIRMED), ("NON", Answer.DECLINED)])
def test_yes_and_no_are_bound_to_the_appointment_that_was_asked_about(desk: Desk, text: str, answer: Answer) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.book("next week", "2026-12-09T10:00+01:00")
    desk.book("bob", "2026-12-02T11:00+01:00", "+33639980011")
    desk.clinic.at(ASKED)

    reply = desk.says(text)

    assert code(reply) == f"answer_{answer}"
    assert [desk.occasion(key).answer for key in ("tomorrow", "next week", "bob")] == [answer, None, None]
    assert desk.answers_to() == [], "a certain answer needs none of ours"


def test_a_no_calls_off_what_still_waits_about_that_appointment(desk: Desk) -> None:
    with desk.clinic.suite.database.write(desk.clinic.workspace) as tx:
        rules.add(tx, {**TWO_HOURS, "installation": desk.clinic.installation}, desk.clinic.suite.now())
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.book("bob", "2026-12-02T11:00+01:00", "+33639980011")
    desk.clinic.at(ASKED)
    assert desk.waiting() == 2
    desk.says("non")
    assert desk.waiting() == 1


def test_without_a_question_a_yes_is_for_a_person(desk: Desk) -> None:
    desk.book("later", "2026-12-09T10:00+01:00")
    reply = desk.says("OUI")
    assert (code(reply), reply["handled_at"]) == ("for_a_person", None)
    assert desk.occasion("later").answer is None


def test_two_open_questions_are_told_apart_by_a_letter(desk: Desk) -> None:
    desk.book("early", "2026-12-02T09:00+01:00")
    desk.book("late", "2026-12-02T16:00+01:00")
    desk.clinic.at(ASKED)

    assert code(desk.says("oui")) == "asked_which"
    [question] = desk.answers_to()
    assert "A = " in question
    assert "B = " in question
    assert desk.says(" b. ")["meaning"] == "confirm"

    assert [desk.occasion(key).answer for key in ("early", "late")] == [None, Answer.CONFIRMED]
    assert code(desk.says("NON")) == "asked_which", "perhaps they changed their mind"
    desk.says("A")
    assert [desk.occasion(key).answer for key in ("early", "late")] == [Answer.DECLINED, Answer.CONFIRMED]


def test_a_letter_is_no_answer_when_nobody_asked_which_or_a_day_has_passed(desk: Desk) -> None:
    desk.book("early", "2026-12-03T09:00+01:00")
    desk.book("late", "2026-12-03T16:00+01:00")
    desk.clinic.at("2026-12-02T18:00:30+01:00")
    assert code(desk.says("A")) == "for_a_person"
    desk.says("oui")
    desk.clinic.at("2026-12-03T18:30:00+01:00")
    assert code(desk.says("A")) == "for_a_person"
    assert desk.occasion("early").answer is None


def test_a_provider_that_says_which_message_is_answered_is_believed(desk: Desk) -> None:
    desk.book("early", "2026-12-02T09:00+01:00")
    desk.book("late", "2026-12-02T16:00+01:00")
    desk.clinic.at(ASKED)
    with desk.clinic.suite.database.read(desk.clinic.workspace) as tx:
        [late] = outbox.listed(tx, outbox.Filter(occasion=desk.occasion("late").id))
    desk.says("oui", answers=late["provider_ref"])
    assert [desk.occasion(key).answer for key in ("early", "late")] == [None, Answer.CONFIRMED]


def test_a_yes_to_a_time_that_is_no_longer_true_is_answered_with_the_new_one(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.book("tomorrow", "2026-12-04T15:30+01:00")
    reply = desk.says("oui")
    assert code(reply) == "answers_old_time"
    assert desk.occasion("tomorrow").answer is None
    [text] = desk.answers_to()
    assert "15" in text


@pytest.mark.parametrize("closed", [Closed.CANCELLED, Closed.DELETED])
def test_a_yes_to_what_was_called_off_says_so(desk: Desk, closed: Closed) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.book("tomorrow", "2026-12-02T10:00+01:00", closed=closed)
    assert code(desk.says("oui")) == "answers_closed"
    assert desk.occasion("tomorrow").answer is None
    assert "annulé" in desk.answers_to()[0]


def test_of_two_questions_the_one_that_is_still_open_is_meant(desk: Desk) -> None:
    desk.book("early", "2026-12-02T09:00+01:00")
    desk.book("late", "2026-12-02T16:00+01:00")
    desk.clinic.at(ASKED)
    desk.book("early", "2026-12-02T09:00+01:00", closed=Closed.CANCELLED)
    desk.says("oui")
    assert desk.occasion("late").answer is Answer.CONFIRMED


def test_an_answer_that_arrives_late_counts_as_of_when_it_was_written(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.clinic.at("2026-12-02T10:20:00+01:00")
    assert code(desk.says("oui", ago=timedelta(minutes=30))) == "answer_confirmed"


def test_an_answer_written_after_the_appointment_is_no_answer_to_it(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    desk.clinic.at("2026-12-02T10:20:00+01:00")
    assert code(desk.says("oui", ago=timedelta(minutes=5))) == "for_a_person"


def test_a_doubled_reply_does_nothing_again(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    assert desk.says("oui", reference="same")
    desk.book("tomorrow", "2026-12-04T15:30+01:00")
    assert desk.says("oui", reference="same") == {}
    assert desk.occasion("tomorrow").answer is None
    assert desk.answers_to() == []


def test_the_last_word_counts(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.clinic.at(ASKED)
    for text, answer in (("oui", Answer.CONFIRMED), ("non", Answer.DECLINED), ("oui", Answer.CONFIRMED)):
        desk.says(text)
        assert desk.occasion("tomorrow").answer is answer


def test_two_machines_do_not_talk_to_each_other_for_ever(desk: Desk) -> None:
    desk.book("early", "2026-12-02T09:00+01:00")
    desk.book("late", "2026-12-02T16:00+01:00")
    desk.clinic.at(ASKED)
    for _ in range(30):
        desk.says("OUI")
    assert len(desk.answers_to()) == feedback.AUTOMATIC_AT_MOST
    at = datetime.fromisoformat(ASKED) + timedelta(minutes=61)
    desk.clinic.at(at.isoformat())
    desk.says("OUI")
    assert len(desk.answers_to()) == feedback.AUTOMATIC_AT_MOST + 1


def test_a_sentence_is_for_a_person_and_shown_with_what_it_is_about(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00", BOB)
    desk.book("chloe", "2026-12-02T11:00+01:00", CHLOE)
    desk.clinic.at(ASKED)
    reply = desk.says("Je serai en retard de dix minutes", CHLOE)
    assert (code(reply), reply["occasion"]) == ("for_a_person", desk.occasion("chloe").id)


def test_a_stop_ends_the_reminders_of_that_person_and_of_nobody_else(desk: Desk) -> None:
    desk.book("tomorrow", "2026-12-02T10:00+01:00")
    desk.book("next week", "2026-12-09T10:00+01:00")
    desk.book("chloe", "2026-12-09T11:00+01:00", CHLOE)
    desk.clinic.at(ASKED)
    assert desk.waiting() == 2
    desk.says("STOP svp")
    assert desk.waiting() == 1
    assert len(desk.answers_to()) == 1
    desk.says("START")
    assert desk.waiting() == 2, "who comes back is reminded again"

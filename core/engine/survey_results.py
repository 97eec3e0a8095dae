"""What a survey brought: answers counted, rates with their formula and denominator, answers by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.surveys import HIGHEST, LETTERS, LOWEST, OPEN_PARTS, Kind, Part, Question, Score, parse
from core.engine import shown
from core.storage import surveys
from core.storage.database import Transaction

HOUR = timedelta(hours=1)
Row = Mapping[str, Any]

FORMULAS: Mapping[str, Mapping[str, str]] = {
    "response_rate": {
        "fr": "personnes qui ont répondu à une question au moins ÷ personnes à qui la première question est partie",
        "en": "people who answered at least one question ÷ people to whom the first question left",
    },
    "completion_rate": {
        "fr": "personnes arrivées au bout ÷ personnes à qui la première question est partie",
        "en": "people who came to the end ÷ people to whom the first question left",
    },
    "share": {
        "fr": "réponses de ce choix ÷ réponses claires à la question",
        "en": "answers of this choice ÷ clear answers to the question",
    },
    "average": {
        "fr": "somme des notes ÷ nombre de notes",
        "en": "sum of the scores ÷ number of scores",
    },
    "net_score": {
        "fr": "% de notes de 9 à 10 − % de notes de 0 à 6, sur toutes les notes ; de −100 à 100",
        "en": "% of scores from 9 to 10 − % of scores from 0 to 6, of all scores; from −100 to 100",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a question, and how many gave it. `name`: its letter or number."""

    name: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `asked` people had it before them; `answered` of them did."""

    number: int
    question: Question
    asked: int
    answered: int
    options: tuple[Option, ...]
    score: Score | None

    @property
    def has_net_score(self) -> bool:
        """Only a scale of 0 to 10 has one."""
        return (self.question.least, self.question.most) == (LOWEST, HIGHEST)

    def share(self, option: Option) -> float:
        """Of the clear answers, 0 to 1."""
        return option.count / self.answered if self.answered else 0.0


@dataclass(frozen=True, slots=True)
class Results:
    """`meant` people were to be asked; the first question left to `asked` of them; `answered` something, `done` all.
    `states`: where people are now. `hours`: in each hour in which somebody answered, how many answers."""

    meant: int
    asked: int
    answered: int
    done: int
    states: Mapping[str, int]
    questions: tuple[Asked, ...]
    hours: tuple[tuple[datetime, int], ...]

    @property
    def response_rate(self) -> float | None:
        return self.answered / self.asked if self.asked else None

    @property
    def completion_rate(self) -> float | None:
        return self.done / self.asked if self.asked else None

    def as_json(self, language: str) -> dict[str, Any]:
        return {
            "meant": self.meant,
            "asked": self.asked,
            "answered": self.answered,
            "done": self.done,
            "states": {str(part): self.states.get(part, 0) for part in Part},
            "response_rate": _rate("response_rate", self.response_rate, self.answered, self.asked, language),
            "completion_rate": _rate("completion_rate", self.completion_rate, self.done, self.asked, language),
            "questions": [_asked(one, language) for one in self.questions],
            "hours": [{"start": shown.moment(start), "answers": count} for start, count in self.hours],
        }


def results(tx: Transaction, row: Row) -> Results:
    """What came of the survey (its row) until now."""
    questions = parse(row["questions"])
    sums, values = surveys.counted(tx, row["id"]), surveys.values(tx, row["id"])
    states: dict[str, int] = {}
    # Whoever left without an answer to the question that was open had it before them all the same.
    unanswered: dict[int, int] = {}
    for one in sums:
        states[one.state] = states.get(one.state, 0) + one.count
        if one.state not in (Part.DONE, Part.UNREACHED):
            unanswered[one.question] = unanswered.get(one.question, 0) + one.asked
    return Results(
        meant=sum(one.count for one in sums),
        asked=sum(one.asked for one in sums),
        answered=sum(one.answered for one in sums),
        done=states.get(Part.DONE, 0),
        states=states,
        questions=tuple(
            _of(number, question, values.get(number, {}), unanswered.get(number, 0))
            for number, question in enumerate(questions, 1)
        ),
        hours=tuple(surveys.hours(tx, row["id"])),
    )


def _of(number: int, question: Question, values: Mapping[str | None, int], unanswered: int) -> Asked:
    answered = sum(values.values())
    options: tuple[Option, ...] = ()
    score = None
    if question.kind is Kind.CHOICE:
        options = tuple(
            Option(letter, choice.text, values.get(letter, 0))
            for letter, choice in zip(LETTERS, question.choices, strict=False)
        )
    elif question.kind is Kind.SCALE:
        points = {point: values.get(str(point), 0) for point in range(question.least, question.most + 1)}
        options = tuple(Option(str(point), str(point), count) for point, count in points.items())
        score = Score(points)
    return Asked(number, question, answered + unanswered, answered, options, score)


def _rate(name: str, value: float | None, part: int, whole: int, language: str) -> dict[str, Any]:
    return {"value": value, "count": part, "of": whole, "formula": FORMULAS[name][language]}


def _asked(one: Asked, language: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "number": one.number,
        "text": one.question.text,
        "kind": str(one.question.kind),
        "asked": one.asked,
        "answered": one.answered,
        "options": [
            {"value": option.name, "label": option.label, "count": option.count, "share": one.share(option)}
            for option in one.options
        ],
        "average": None,
        "net_score": None,
    }
    if one.score is not None:
        said["average"] = {"value": one.score.average, "of": one.score.count, "formula": FORMULAS["average"][language]}
        if one.has_net_score:
            said["net_score"] = {
                "value": one.score.net, "promoters": one.score.promoters, "detractors": one.score.detractors,
                "of": one.score.count, "formula": FORMULAS["net_score"][language],
            }  # fmt: skip
    return said


def open_count(states: Mapping[str, int]) -> int:
    """How many people are in the middle of it."""
    return sum(states.get(part, 0) for part in OPEN_PARTS)

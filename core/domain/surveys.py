"""A survey: a short list of questions that one person answers one by one. How they look, what an answer is. Pure.

Only what is certain is an answer: "8/10", "B merci" and "deux" are, "8 ou 9" is not. An answer leads forwards, so that
every survey comes to its end, whatever a person or a machine answers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from core.domain.errors import BadInput
from core.domain.messages import MessageClass
from core.domain.replies import Meaning, made_of, meaning, normalised
from core.domain.text.templates import compile_template

MOST_QUESTIONS = 20
MOST_CHOICES = 9
LONGEST_QUESTION = 600
LONGEST_CHOICE = 80
LONGEST_ANSWER = 1600
LOWEST, HIGHEST = 0, 10
END = 0
"""Stands for the number of a question: there is none any more."""
LETTERS = "ABCDEFGHI"
CLASSES = (MessageClass.TRANSACTIONAL, MessageClass.MARKETING)
LASTS = timedelta(hours=72)
"""For so long after a question left an answer to it counts."""
REST = timedelta(days=30)
"""Whoever was asked is not asked the same again before that is over."""


class Phase(StrEnum):
    """Where a survey is in its life. Its questions can be changed as long as nobody was asked."""

    DRAFT = "draft"
    OPEN = "open"
    STOPPED = "stopped"


class Part(StrEnum):
    """What became of a person who was to be asked."""

    PLANNED = "planned"  # the first question has not left yet
    ASKED = "asked"  # a question is open
    DONE = "done"  # every question that led to another one was answered
    EXPIRED = "expired"  # no answer in time
    HANDED = "handed"  # twice unclear: a person of the house reads on
    STOPPED = "stopped"  # the person said STOP
    UNREACHED = "unreached"  # the first question never left
    ENDED = "ended"  # the survey was stopped, or another one took its place


OPEN_PARTS = frozenset({Part.PLANNED, Part.ASKED})


class Kind(StrEnum):
    """What sort of answer is asked for."""

    CHOICE = "choice"
    SCALE = "scale"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers of a question. `words`: further spellings of it; `then`: see `Question`."""

    text: str
    words: tuple[str, ...] = ()
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Of a scale: answers from `least` to `most` lead to the question `then`."""

    least: int
    most: int
    then: int


@dataclass(frozen=True, slots=True)
class Question:
    """`then`: the number (from 1) of the question that follows, or `END`; None for the next one."""

    text: str
    kind: Kind
    choices: tuple[Choice, ...] = ()
    least: int = LOWEST
    most: int = HIGHEST
    branches: tuple[Branch, ...] = ()
    then: int | None = None


# ---------------------------------------------------------------------------------------------- what is asked


def shown(question: Question) -> str:
    """The question as the phone shows it, with what can be answered."""
    if question.kind is Kind.CHOICE:
        lines = (f"{letter} = {choice.text}" for letter, choice in zip(LETTERS, question.choices, strict=False))
        return "\n".join((question.text, *lines))
    if question.kind is Kind.SCALE and not _says_its_ends(question):
        return f"{question.text} ({question.least} - {question.most})"
    return question.text


def _says_its_ends(question: Question) -> bool:
    """« De 0 à 10, … » needs not say it twice."""
    numbers = re.findall(r"\d+", question.text)
    return str(question.least) in numbers and str(question.most) in numbers


def again(asked: str, excuse: str) -> str:
    """The same once more, after an answer that nobody understood or after a silence."""
    return f"{excuse}\n{asked}"


def following(questions: Sequence[Question], number: int, value: str | None) -> int | None:
    """The number of the question after the answer `value` to the question `number`; None when it was the last one."""
    question = questions[number - 1]
    then = question.then
    if question.kind is Kind.CHOICE and value is not None:
        chosen = question.choices[LETTERS.index(value)].then
        then = then if chosen is None else chosen
    elif question.kind is Kind.SCALE and value is not None:
        then = next((one.then for one in question.branches if one.least <= int(value) <= one.most), then)
    then = number + 1 if then is None else then
    return None if then == END or then > len(questions) else then


def said(question: Question, value: str | None) -> str | None:
    """What an answer is called: the text of a choice, the number of a scale."""
    return question.choices[LETTERS.index(value)].text if question.kind is Kind.CHOICE and value else value


# ---------------------------------------------------------------------------------------------- what is answered


@dataclass(frozen=True, slots=True)
class Read:
    """An answer that was understood. `value`: the letter of a choice, the number of a scale; None for free words."""

    value: str | None


def read(question: Question, text: str) -> Read | None:
    """What `text` answers; None when that is not certain."""
    if question.kind is Kind.TEXT:
        return Read(None) if text.strip() else None
    value = _choice(question, text) if question.kind is Kind.CHOICE else _number(question, text)
    return None if value is None else Read(value)


def is_certain(question: Question, text: str) -> bool:
    """Whether it answers this question by itself, and not whatever was asked last: free words never do."""
    return question.kind is not Kind.TEXT and read(question, text) is not None


def _choice(question: Question, text: str) -> str | None:
    # "A" is an article in English, and a letter before everything else.
    letters = set(LETTERS[: len(question.choices)])
    beside = (_words().beside | _words().articles) - letters
    exact = [
        letter
        for place, (letter, choice) in enumerate(zip(LETTERS, question.choices, strict=False), 1)
        if made_of(text, {letter, str(place), *_spellings(choice)}, beside)
    ]
    if len(exact) == 1:
        return exact[0]
    # "OK" and "ouais" are a yes wherever yes is one of the answers.
    means = meaning(text, question_open=True)
    if exact or means not in (Meaning.CONFIRM, Meaning.CANCEL):
        return None
    alike = [letter for letter, choice in zip(LETTERS, question.choices, strict=False)
             if meaning(choice.text, question_open=True) is means]  # fmt: skip
    return alike[0] if len(alike) == 1 else None


def _spellings(choice: Choice) -> set[str]:
    said = {normalised(one) for one in (choice.text, *choice.words)}
    articles = _words().articles
    bare = {one.removeprefix(f"{article} ") for one in said for article in articles}
    return (said | bare) - {""}


def _number(question: Question, text: str) -> str | None:
    if _NO_WHOLE_NUMBER.search(text):
        return None
    words, most = _words(), question.most
    plain = re.sub(rf"/\s*{most}(?!\d)", " ", text)
    beside = words.beside | {f"SUR {most}", f"OUT OF {most}"}
    found = [
        number
        for number in range(question.least, most + 1)
        if made_of(plain, {str(number), f"{number:02d}", *(names[number] for names in words.numbers)}, beside)
    ]
    return str(found[0]) if len(found) == 1 else None


# 7,5 and -1 are no points of a scale, although their digits are.
_NO_WHOLE_NUMBER = re.compile(r"\d\s*[.,]\s*\d|(?<!\w)[-−–]\s*\d")


@dataclass(frozen=True, slots=True)
class _Words:
    beside: frozenset[str]
    articles: frozenset[str]
    numbers: tuple[tuple[str, ...], ...]


@cache
def _words() -> _Words:
    lists = tomllib.loads(files("core.domain").joinpath("survey_words.toml").read_text(encoding="utf-8"))
    beside, articles = (
        frozenset(word for words in lists[name].values() for word in words) for name in ("beside", "articles")
    )
    return _Words(beside, articles, tuple(tuple(words) for words in lists["numbers"].values()))


# ---------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Score:
    """The answers to a scale: `counts` of each number."""

    counts: Mapping[int, int]

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def average(self) -> float | None:
        """The sum of the numbers by how many answered."""
        return sum(number * count for number, count in self.counts.items()) / self.count if self.count else None

    @property
    def promoters(self) -> int:
        """Who said 9 or 10."""
        return sum(count for number, count in self.counts.items() if number >= 9)

    @property
    def detractors(self) -> int:
        """Who said 0 to 6."""
        return sum(count for number, count in self.counts.items() if number <= 6)

    @property
    def net(self) -> float | None:
        """Percent of promoters less percent of detractors, -100 to 100: the net promoter score of a scale of 0 to 10
        (Reichheld, "The One Number You Need to Grow", 2003)."""
        return 100 * (self.promoters - self.detractors) / self.count if self.count else None


# ---------------------------------------------------------------------------------------------- as JSON


def parse(given: Any, pointer: str = "/questions") -> tuple[Question, ...]:
    """The questions that `given` (JSON) says. Raises `BadInput` with a JSON pointer below `pointer`."""
    if not isinstance(given, list):
        raise BadInput("field_not_list", pointer=pointer)
    if not 1 <= len(given) <= MOST_QUESTIONS:
        raise BadInput("survey_questions", pointer=pointer, most=MOST_QUESTIONS)
    found = tuple(
        _question(one, number, len(given), f"{pointer}/{number - 1}") for number, one in enumerate(given, 1)
    )
    reached = _reached(found)
    for number in range(1, len(found) + 1):
        if number not in reached:
            raise BadInput("survey_never_asked", pointer=f"{pointer}/{number - 1}", number=number)
    return found


def as_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """As `parse` reads them."""
    return [_as_json(one) for one in questions]


def _as_json(one: Question) -> dict[str, Any]:
    base = {"text": one.text, "kind": str(one.kind), "then": _target(one.then)}
    if one.kind is Kind.CHOICE:
        return {**base, "choices": [
            {"text": choice.text, "words": list(choice.words), "then": _target(choice.then)} for choice in one.choices
        ]}  # fmt: skip
    if one.kind is Kind.SCALE:
        branches = [{"least": branch.least, "most": branch.most, "then": _target(branch.then)}
                    for branch in one.branches]  # fmt: skip
        return {**base, "least": one.least, "most": one.most, "branches": branches}
    return base


def _target(then: int | None) -> int | str | None:
    return "end" if then == END else then


def _question(given: Any, number: int, count: int, pointer: str) -> Question:
    if not isinstance(given, Mapping):
        raise BadInput("field_wrong", pointer=pointer, why="{…}")
    try:
        kind = Kind(given.get("kind", Kind.CHOICE if given.get("choices") else Kind.TEXT))
    except ValueError as error:
        raise BadInput("field_wrong", pointer=f"{pointer}/kind", why=", ".join(Kind)) from error
    text = _text(given.get("text"), LONGEST_QUESTION, f"{pointer}/text", first=number == 1)
    then = _then(given.get("then"), number, count, f"{pointer}/then")
    if kind is Kind.CHOICE:
        return Question(text, kind, _choices(given.get("choices"), number, count, f"{pointer}/choices"), then=then)
    if kind is Kind.SCALE:
        least, most = (_whole(given.get(name, without), LOWEST, HIGHEST, f"{pointer}/{name}")
                       for name, without in (("least", LOWEST), ("most", HIGHEST)))  # fmt: skip
        if least >= most:
            raise BadInput("survey_scale", pointer=f"{pointer}/most")
        branches = _branches(given.get("branches"), least, most, number, count, f"{pointer}/branches")
        return Question(text, kind, least=least, most=most, branches=branches, then=then)
    return Question(text, kind, then=then)


def _choices(given: Any, number: int, count: int, pointer: str) -> tuple[Choice, ...]:
    if not isinstance(given, list) or not 2 <= len(given) <= MOST_CHOICES:
        raise BadInput("survey_choices", pointer=pointer, most=MOST_CHOICES)
    found: list[Choice] = []
    taken: set[str] = {one for place in range(len(given)) for one in (LETTERS[place], str(place + 1))}
    for place, one in enumerate(given):
        here = f"{pointer}/{place}"
        one = {"text": one} if isinstance(one, str) else one
        if not isinstance(one, Mapping) or not isinstance(one.get("words", []), list):
            raise BadInput("field_wrong", pointer=here, why="{…}")
        words = tuple(_word(word, f"{here}/words") for word in one.get("words", [])[:20])
        choice = Choice(
            _text(one.get("text"), LONGEST_CHOICE, f"{here}/text"), words,
            _then(one.get("then"), number, count, f"{here}/then"),
        )  # fmt: skip
        own = {LETTERS[place], str(place + 1)}
        for spelling in sorted(_spellings(choice)):
            if is_reserved(spelling):
                raise BadInput("survey_word_reserved", pointer=here, word=spelling)
            if spelling in taken - own:
                raise BadInput("survey_word_twice", pointer=here, word=spelling)
        taken |= _spellings(choice)
        found.append(choice)
    return tuple(found)


def is_reserved(word: str) -> bool:
    """Whether a person who says that asks for no more messages, or for messages again: it is nothing else then."""
    return meaning(word, question_open=False) in (Meaning.STOP, Meaning.START)


def _branches(
    given: Any, least: int, most: int, number: int, count: int, pointer: str
) -> tuple[Branch, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > HIGHEST + 1:
        raise BadInput("field_not_list", pointer=pointer)
    found: list[Branch] = []
    for place, one in enumerate(given):
        here = f"{pointer}/{place}"
        if not isinstance(one, Mapping):
            raise BadInput("field_wrong", pointer=here, why="{…}")
        first = _whole(one.get("least", least), least, most, f"{here}/least")
        last = _whole(one.get("most", most), first, most, f"{here}/most")
        then = _then(one.get("then"), number, count, f"{here}/then")
        if then is None:
            raise BadInput("field_required", pointer=f"{here}/then")
        if any(first <= known.most and last >= known.least for known in found):
            raise BadInput("survey_branches_overlap", pointer=here)
        found.append(Branch(first, last, then))
    return tuple(found)


def _then(given: Any, number: int, count: int, pointer: str) -> int | None:
    """Where an answer leads: forwards, or nobody could say that it ends."""
    if given is None:
        return None
    if given == "end":
        return END
    if isinstance(given, bool) or not isinstance(given, int) or not number < given <= count:
        raise BadInput("survey_then", pointer=pointer, first=number + 1, last=count)
    return given


def _reached(questions: Sequence[Question]) -> set[int]:
    reached, waiting = set[int](), [1]
    while waiting:
        number = waiting.pop()
        if number in reached:
            continue
        reached.add(number)
        waiting += [then for one in _answers(questions[number - 1])
                    if (then := following(questions, number, one)) is not None]  # fmt: skip
    return reached


def longest(questions: Sequence[Question]) -> int:
    """To how many questions one person answers at most."""
    return dearest(questions, [1] * len(questions))


def dearest(questions: Sequence[Question], costs: Sequence[int]) -> int:
    """What the questions that one person gets cost together at most; `costs`: each question's own."""

    @cache
    def from_here(number: int) -> int:
        ways = {following(questions, number, one) for one in _answers(questions[number - 1])}
        return costs[number - 1] + max(from_here(then) if then is not None else 0 for then in ways)

    return from_here(1)


def _answers(question: Question) -> list[str | None]:
    """Every answer that leads somewhere of its own."""
    if question.kind is Kind.CHOICE:
        return list(LETTERS[: len(question.choices)])
    if question.kind is Kind.SCALE:
        return [str(point) for point in range(question.least, question.most + 1)]
    return [None]


def _text(given: Any, most: int, pointer: str, *, first: bool = False) -> str:
    """A text of the survey. Only the first question knows whom it is for."""
    if not isinstance(given, str) or not given.strip():
        raise BadInput("empty_text", pointer=pointer)
    if len(given) > most:
        raise BadInput("field_too_long", pointer=pointer, most=most)
    written = given.strip()
    if first:
        return as_pointed(lambda: compile_template(written), written, pointer)
    return plain(written, pointer)


def plain(text: str, pointer: str) -> str:
    """`text`, which is sent as it stands. Raises `BadInput` for one with values to be filled in."""
    if "{{" in text or "{%" in text or "{#" in text:
        raise BadInput("survey_plain_text", pointer=pointer)
    return text


def as_pointed(check: Callable[[], object], text: str, pointer: str) -> str:
    try:
        check()
    except BadInput as error:
        error.pointer = pointer
        raise
    return text


def _word(given: Any, pointer: str) -> str:
    if not isinstance(given, str) or not normalised(given) or len(given) > LONGEST_CHOICE:
        raise BadInput("field_wrong", pointer=pointer, why=f"1 … {LONGEST_CHOICE}")
    return given.strip()


def _whole(given: Any, least: int, most: int, pointer: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise BadInput("field_wrong", pointer=pointer, why=f"{least} … {most}")
    return given

"""What a question is, what answers it, and where an answer leads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.replies import Meaning, meaning
from core.domain.surveys import (
    LETTERS,
    Kind,
    Question,
    Score,
    as_json,
    following,
    is_certain,
    longest,
    parse,
    read,
    said,
    shown,
)

SCALE = {"text": "De 0 à 10 ?", "kind": "scale"}
CHOICE = {"text": "Pourquoi ?", "choices": ["L'attente", {"text": "L'accueil", "words": ["secrétaire"]}, "Le prix"]}
[NOTE, WHY, FREE] = parse([SCALE, CHOICE, {"text": "Autre chose ?"}])
[YES] = parse([{"text": "Reviendrez-vous ?", "choices": ["Non", "Oui"]}])
[STARS] = parse([{"text": "Note", "kind": "scale", "least": 1, "most": 5}])


@pytest.mark.parametrize(("question", "text", "value"), [
    (NOTE, "8", "8"), (NOTE, "08", "8"), (NOTE, " 8 / 10 ! ", "8"), (NOTE, "10/10", "10"), (NOTE, "dix sur 10", "10"),
    (NOTE, "Je mets sept, merci", "7"), (NOTE, "zéro", "0"), (NOTE, "ma note : 9", "9"), (NOTE, "９", "9"),
    (NOTE, "8 8", "8"), (NOTE, "1", "1"), (STARS, "5/5", "5"), (STARS, "un", "1"),
    (WHY, "a", "A"), (WHY, "A.", "A"), (WHY, "(b)", "B"), (WHY, "3", "C"), (WHY, "réponse B svp", "B"),
    (WHY, "l'attente", "A"), (WHY, "ATTENTE", "A"), (WHY, "La secretaire", "B"), (WHY, "prix", "C"),
    (YES, "oui", "B"), (YES, "ouais", "B"), (YES, "OK", "B"), (YES, "non merci", "A"), (YES, "1", "A"),
])  # fmt: skip
def test_what_people_answer(question: Question, text: str, value: str) -> None:
    found = read(question, text)
    assert found is not None
    assert found.value == value
    assert is_certain(question, text)


@pytest.mark.parametrize(("question", "text"), [
    (NOTE, "8 ou 9"), (NOTE, "11"), (NOTE, "7,5"), (NOTE, "7.5"), (NOTE, "-1"), (NOTE, "bien"), (NOTE, ""),
    (NOTE, "8/5"), (NOTE, "8 ans"), (STARS, "0"), (STARS, "6"), (NOTE, "8 9"), (NOTE, "100"), (WHY, "D"),
    (WHY, "A et B"), (WHY, "a b"),
    (WHY, "4"), (WHY, "l'attente et le prix"), (WHY, "pas l'attente"), (WHY, "oui"), (YES, "peut-être"), (FREE, "  "),
])  # fmt: skip
def test_what_is_not_certain_is_no_answer(question: Question, text: str) -> None:
    assert read(question, text) is None


def test_free_words_answer_whatever_they_are_and_never_by_themselves() -> None:
    found = read(FREE, "Merci à toute l'équipe")
    assert found is not None
    assert found.value is None
    assert not is_certain(FREE, "Merci")


def test_how_questions_look() -> None:
    assert shown(NOTE) == "De 0 à 10 ?"
    assert shown(STARS) == "Note (1 - 5)"
    assert shown(WHY) == "Pourquoi ?\nA = L'attente\nB = L'accueil\nC = Le prix"
    assert shown(FREE) == "Autre chose ?"
    assert said(WHY, "B") == "L'accueil"


def test_an_answer_leads_to_the_next_question_to_another_one_or_to_the_end() -> None:
    asked = parse([
        {**SCALE, "branches": [{"least": 9, "most": 10, "then": 3}, {"least": 0, "most": 3, "then": "end"}]},
        {"text": "Pourquoi ?", "choices": [{"text": "Cher", "then": "end"}, "Long"]},
        {"text": "Merci. Autre chose ?"},
    ])  # fmt: skip
    assert [following(asked, 1, value) for value in ("10", "5", "3")] == [3, 2, None]
    assert [following(asked, 2, value) for value in ("A", "B")] == [None, 3]
    assert following(asked, 3, None) is None
    assert longest(asked) == 3


@pytest.mark.parametrize(("questions", "pointer", "code"), [
    ([], "", "survey_questions"),
    ({"text": "x"}, "", "field_not_list"),
    ([{"text": " "}], "/0/text", "empty_text"),
    ([{"text": "x", "kind": "stars"}], "/0/kind", "field_wrong"),
    ([{"text": "x", "choices": ["seul"]}], "/0/choices", "survey_choices"),
    ([{"text": "x", "choices": ["Oui", "STOP"]}], "/0/choices/1", "survey_word_reserved"),
    ([{"text": "x", "choices": ["Fin", "Début"]}], "/0/choices/0", "survey_word_reserved"),
    ([{"text": "x", "choices": ["Oui", "oui !"]}], "/0/choices/1", "survey_word_twice"),
    ([{"text": "x", "choices": ["Oui", {"text": "Non", "words": ["A"]}]}], "/0/choices/1", "survey_word_twice"),
    ([{"text": "x", "kind": "scale", "least": 5, "most": 5}], "/0/most", "survey_scale"),
    ([{"text": "x", "then": 1}], "/0/then", "survey_then"),
    ([{"text": "x", "then": 3}, {"text": "y"}], "/0/then", "survey_then"),
    ([{"text": "x", "then": "end"}, {"text": "y"}], "/1", "survey_never_asked"),
    ([{"text": "x"}, {"text": "Bonjour {{ first_name }}"}], "/1/text", "survey_plain_text"),
    ([{**SCALE, "branches": [{"least": 0, "most": 5, "then": 2}, {"least": 5, "then": 2}]}, {"text": "y"}],
     "/0/branches/1", "survey_branches_overlap"),
])  # fmt: skip
def test_what_is_no_survey_is_refused_where_it_is_wrong(questions: Any, pointer: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(questions)
    assert (caught.value.pointer, caught.value.reason.code) == (f"/questions{pointer}", code)


def a_then(number: int, count: int) -> st.SearchStrategy[Any]:
    later = st.integers(number + 1, count) if number < count else st.nothing()
    return st.none() | st.none() | later | st.just("end")


@st.composite
def surveys(draw: st.DrawFn) -> tuple[Question, ...]:
    count = draw(st.integers(1, 6))
    given: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        # The next question is always reached by the last choice: no survey hides one from everybody.
        kind = draw(st.sampled_from(list(Kind)))
        if kind is Kind.CHOICE:
            colours = st.sampled_from(["rouge", "vert", "bleu", "noir"])
            names = draw(st.lists(colours, min_size=2, max_size=4, unique=True))
            choices = [{"text": name, "then": draw(a_then(number, count))} for name in names[:-1]]
            given.append({"text": "?", "choices": [*choices, names[-1]]})
        elif kind is Kind.SCALE:
            middle = draw(st.integers(0, 9))
            branch = {"least": 0, "most": middle, "then": draw(a_then(number, count)) or "end"}
            given.append({"text": "?", "kind": "scale", "branches": [branch]})
        else:
            given.append({"text": "?", "kind": "text"})
    return parse(given)


@given(surveys(), st.data())
def test_every_survey_comes_to_its_end_whatever_is_answered(asked: tuple[Question, ...], data: st.DataObject) -> None:
    number: int | None = 1
    seen: list[int] = []
    while number is not None:
        assert number not in seen
        seen.append(number)
        question = asked[number - 1]
        value = None
        if question.kind is Kind.CHOICE:
            value = data.draw(st.sampled_from(LETTERS[: len(question.choices)]))
        elif question.kind is Kind.SCALE:
            value = str(data.draw(st.integers(question.least, question.most)))
        number = following(asked, number, value)
    assert seen == sorted(seen)
    assert len(seen) <= longest(asked)


@given(surveys())
def test_what_is_kept_is_read_as_it_was(asked: tuple[Question, ...]) -> None:
    assert parse(as_json(asked)) == asked


@given(st.text(max_size=40), st.sampled_from([NOTE, WHY, YES, STARS]))
def test_no_stop_is_ever_an_answer(text: str, question: Question) -> None:
    found = read(question, text)
    if found is not None:
        assert meaning(text, question_open=False) not in (Meaning.STOP, Meaning.START)
        assert read(question, f"  {text.lower()} ! ") is not None or "/" in text


@given(st.lists(st.integers(0, 10), max_size=50))
def test_the_scores_figures_are_what_their_formulas_say(numbers: list[int]) -> None:
    score = Score({number: numbers.count(number) for number in range(11)})
    if not numbers:
        assert (score.average, score.net) == (None, None)
        return
    assert score.average == pytest.approx(sum(numbers) / len(numbers))
    assert score.net is not None
    assert -100 <= score.net <= 100
    above, below = sum(number > 8 for number in numbers), sum(number < 7 for number in numbers)
    assert score.net == pytest.approx(100 * (above - below) / len(numbers))

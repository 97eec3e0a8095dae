"""Who is asked, once at a time; each answer once; the figures in the database's own sums; and how long all is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from core.domain.reasons import Reason
from core.storage import house, surveys
from core.storage.database import Database, Transaction

NOW = datetime(2026, 11, 30, 9, 20, tzinfo=UTC)
ANA, BEN = "+33639982001", "+33639982002"
SURVEY: dict[str, Any] = {
    "name": "Avis", "class": "transactional", "language": "fr", "questions": [{"text": "?", "kind": "scale"}],
    "unclear": "Pardon ?", "reminder": None, "lasts": 3600, "rest": 0, "test": False,
}  # fmt: skip


@pytest.fixture
def workspace(database: Database) -> str:
    with database.write() as tx:
        return house.add_workspace(tx, "Cabinet", {}, NOW)


def begun(tx: Transaction, survey: str, number: str, at: datetime = NOW) -> Any:
    person = surveys.Begun(number, "FR", f"msg_{number[1:]}_{at:%d%H}", at, at)
    [person_id] = surveys.begin(tx, {**SURVEY, "id": survey}, [person], surveys.KEYWORD, at, test=False)
    return surveys.person(tx, person_id)


def test_nobody_is_asked_two_surveys_at_once_whatever_happens(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        first, second = surveys.add(tx, SURVEY, NOW), surveys.add(tx, SURVEY, NOW)
        ana = begun(tx, first, ANA)
        assert surveys.busy(tx, second, [ANA, BEN], NOW) == {ANA: ("open", None)}
    with pytest.raises(IntegrityError), database.write(workspace) as tx:
        begun(tx, second, ANA)
    with database.write(workspace) as tx:
        assert surveys.end(tx, ana["id"], "done", NOW)
        assert not surveys.end(tx, ana["id"], "expired", NOW), "it is over once"
        assert surveys.busy(tx, first, [ANA], NOW - timedelta(days=1)) == {ANA: ("lately", NOW)}
        assert surveys.busy(tx, second, [ANA], NOW - timedelta(days=1)) == {}
        assert begun(tx, second, ANA)["state"] == "asked"


def test_each_question_is_answered_once_and_the_sums_say_what_is_there(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        survey = surveys.add(tx, SURVEY, NOW)
        ana, ben = begun(tx, survey, ANA), begun(tx, survey, BEN)
        assert surveys.keep(tx, ana, "9", "9 !", "rep_1", NOW)
        assert surveys.keep(tx, ana, "3", "3", "rep_2", NOW) is None
        surveys.keep(tx, ben, "9", "neuf\0", "rep_3", NOW + timedelta(hours=1))
        surveys.end(tx, ben["id"], "done", NOW)
        assert surveys.values(tx, survey) == {1: {"9": 2}}
        on_the_hour = NOW.replace(minute=0)
        assert surveys.hours(tx, survey) == [(on_the_hour, 1), (on_the_hour + timedelta(hours=1), 1)]
        sums = {one.state: (one.count, one.asked, one.answered) for one in surveys.counted(tx, survey)}
        assert sums == {"asked": (1, 1, 1), "done": (1, 1, 1)}
        assert surveys.figures(tx, [survey]) == {survey: (2, 2)}
        assert surveys.figures(tx, []) == {}
        assert [one["text"] for one in surveys.answers(tx, survey)] == ["neuf\ufffd", "9 !"]


def test_what_is_due_is_found_and_what_is_over_is_not(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        survey = surveys.add(tx, {**SURVEY, "reminder": {"after": 600, "text": "x"}}, NOW)
        ana = begun(tx, survey, ANA)
    with database.read() as tx:
        assert surveys.due(tx, NOW + timedelta(minutes=59)) == []
        assert surveys.due(tx, NOW + timedelta(minutes=60)) == [(workspace, ana["id"])]
    with database.write(workspace) as tx:
        assert surveys.end_of(tx, NOW, "ended", Reason("survey_stopped"), survey=survey) == 1
    with database.read() as tx:
        assert surveys.due(tx, NOW + timedelta(days=9)) == []


def test_words_are_kept_for_a_while_and_figures_for_longer(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        survey = surveys.add(tx, SURVEY, NOW)
        surveys.keep(tx, begun(tx, survey, ANA), None, "Mme Roux est formidable", "rep_1", NOW)
    with database.write() as tx:
        assert surveys.prune(tx, NOW + timedelta(days=1), NOW - timedelta(days=1), "…") == 1
    with database.read(workspace) as tx:
        assert [one["text"] for one in surveys.answers(tx, survey)] == ["…"]
    with database.write() as tx:
        assert surveys.prune(tx, NOW, NOW + timedelta(days=1), "…") == 2
    with database.read(workspace) as tx:
        assert (surveys.answers(tx, survey), surveys.people(tx, survey)) == ([], [])

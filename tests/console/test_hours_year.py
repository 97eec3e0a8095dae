"""The year of allowed hours: holidays and rules are there with their day, next year too."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from core.domain.messages import Channel, MessageClass
from core.engine.hours_of_year import year_of
from core.storage import house
from tests.support.clinic import Clinic
from tests.support.console import Visitor


def test_closed_days_holidays_and_short_days() -> None:
    policy = house.policy({"country": "FR", "zone": "Europe/Paris", "subdivision": "67"})
    found = {one.day: one for one in year_of(policy, 2027, Channel.SMS, MessageClass.MARKETING, "fr").days}

    assert len(found) == 365
    assert (found[date(2027, 1, 4)].kind, found[date(2027, 1, 4)].hours) == ("full", "08:00-20:00")
    assert found[date(2027, 1, 3)].kind == "closed", "a Sunday"
    assert (found[date(2027, 12, 26)].kind, bool(found[date(2027, 12, 26)].holiday)) == ("closed", True), "Alsace"
    narrow = house.policy({"country": "FR", "zone": "Europe/Paris",
                           "hours": {"mon": ["09:00-19:00"], "wed": ["09:00-12:00"]}})  # fmt: skip
    own = {one.day: one for one in year_of(narrow, 2027, Channel.SMS, MessageClass.MARKETING, "fr").days}
    assert [own[date(2027, 1, day)].kind for day in (4, 5, 6)] == ["full", "closed", "short"]


def test_a_rule_that_changes_within_the_year_stands_there_with_its_day() -> None:
    policy = house.policy({"country": "FR", "zone": "Europe/Paris"})
    found = year_of(policy, 2026, Channel.VOICE, MessageClass.MARKETING, "fr")

    assert [(one.since, [rule.id for rule in one.rules]) for one in found.in_force] == [
        (date(2026, 1, 1), ["FR-voice-marketing-before-consent"]), (date(2026, 8, 11), ["FR-voice-marketing"])]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_shows_next_year_too(tmp_path: Path, language: str) -> None:
    visitor = Visitor(Clinic(tmp_path), "viewer", language)
    page = visitor.get("/settings/hours/year?year=2027&class=marketing&channel=sms")
    assert page.count('class="month year-month"') == 12
    assert "FR-sms-marketing-default" in page
    assert ("plusieurs plateformes françaises" in page) == (language == "fr")
    assert ("ours: several French platforms" in page) == (language == "en")
    assert "2026" in visitor.get("/settings/hours/year?year=99999&class=x&channel=y")

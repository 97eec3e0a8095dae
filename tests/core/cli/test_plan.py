"""`relance plan`: the main job on a file. Times are right over both changes of clocks, and every event is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from core.cli import cli
from core.contract import Inbound

CALENDARS = Path(__file__).resolve().parents[2] / "data" / "calendars"
PARIS = ZoneInfo("Europe/Paris")

AROUND_BOTH_CHANGES = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:autumn@x
DTSTART;TZID=Europe/Paris:20261026T090000
DTEND;TZID=Europe/Paris:20261026T093000
SUMMARY:Mme Roux
DESCRIPTION:Tél. 06 39 98 00 01
END:VEVENT
BEGIN:VEVENT
UID:autumn-utc@x
DTSTART:20261025T143000Z
SUMMARY:M. Petit 06 39 98 00 02
END:VEVENT
BEGIN:VEVENT
UID:spring@x
DTSTART;TZID=Europe/Paris:20270329T090000
SUMMARY:Mme Garcia
DESCRIPTION:06 39 98 00 03
END:VEVENT
BEGIN:VEVENT
UID:weekly@x
DTSTART;TZID=Europe/Paris:20261019T100000
RRULE:FREQ=WEEKLY;COUNT=3
SUMMARY:M. Bernard
DESCRIPTION:+33 6 39 98 00 04
END:VEVENT
BEGIN:VEVENT
UID:weekly@x
RECURRENCE-ID;TZID=Europe/Paris:20261026T100000
DTSTART;TZID=Europe/Paris:20261027T160000
SUMMARY:M. Bernard
DESCRIPTION:+33 6 39 98 00 04
END:VEVENT
BEGIN:VEVENT
UID:nobody@x
DTSTART;TZID=Europe/Paris:20261027T110000
SUMMARY:Sans numéro
END:VEVENT
BEGIN:VEVENT
UID:off@x
DTSTART;TZID=Europe/Paris:20261028T110000
SUMMARY:Annulé
DESCRIPTION:06 39 98 00 05
STATUS:CANCELLED
END:VEVENT
END:VCALENDAR
"""

Plan = Callable[..., Result]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)

    def run(file: Path | str, *options: str, now: str = "2026-10-18T08:00:00Z") -> Result:
        if isinstance(file, str):
            (tmp_path / "file.ics").write_text(file, encoding="utf-8")
            file = tmp_path / "file.ics"
        return CliRunner().invoke(cli, ["plan", str(file), "--now", now, *options])

    return run


def answers(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["answers"]
    return found


def of(found: list[dict[str, Any]], uid: str) -> list[dict[str, Any]]:
    return [one for one in found if one["occasion"]["uid"] == uid]


def test_the_evening_before_is_at_eighteen_on_the_wall_after_the_clocks_went_back(plan: Plan) -> None:
    (autumn,) = of(answers(plan(AROUND_BOTH_CHANGES, "--json")), "autumn@x")

    assert autumn == {
        "occasion": {"uid": "autumn@x", "recurrence_id": None, "start": "2026-10-26T09:00:00+01:00",
                     "title": "Mme Roux"},
        "rule": "-1d@18:00",
        "answer": "send",
        "to": "+33639980001",
        "text": "RDV le lundi 26 octobre à 9h00",
        "due_at": "2026-10-25T17:00:00Z",
        "due_local": "2026-10-25T18:00:00+01:00",
        "segments": 1,
        "phone_evidence": {"field": "description", "text": "06 39 98 00 01"},
    }


def test_the_evening_before_the_day_of_the_change_is_still_summer_time(plan: Plan) -> None:
    (early,) = of(answers(plan(AROUND_BOTH_CHANGES, "--json")), "autumn-utc@x")

    assert early["occasion"]["start"] == "2026-10-25T15:30:00+01:00"
    assert early["due_at"] == "2026-10-24T16:00:00Z"


def test_the_evening_of_the_spring_change_is_summer_time(plan: Plan) -> None:
    (spring,) = of(answers(plan(AROUND_BOTH_CHANGES, "--json")), "spring@x")

    assert spring["due_local"] == "2027-03-28T18:00:00+02:00"
    assert spring["due_at"] == "2027-03-28T16:00:00Z"


def test_48_hours_are_elapsed_time_and_two_days_are_the_same_clock_time(plan: Plan) -> None:
    found = answers(plan(AROUND_BOTH_CHANGES, "--when=-48h", "--when=-2d", "--json"))

    by_rule = {one["rule"]: one for one in of(found, "autumn@x")}
    assert by_rule["-48h"]["due_local"] == "2026-10-24T10:00:00+02:00"
    assert by_rule["-2d"]["due_local"] == "2026-10-24T09:00:00+02:00"


def test_each_occurrence_of_a_series_is_answered_and_a_moved_one_where_it_is_now(plan: Plan) -> None:
    series = of(answers(plan(AROUND_BOTH_CHANGES, "--json")), "weekly@x")

    assert [one["occasion"]["start"] for one in series] == [
        "2026-10-19T10:00:00+02:00", "2026-10-27T16:00:00+01:00", "2026-11-02T10:00:00+01:00"]
    assert [datetime.fromisoformat(one["occasion"]["recurrence_id"]).astimezone(PARIS).day for one in series] == [
        19, 26, 2]
    assert series[1]["due_local"] == "2026-10-26T18:00:00+01:00"


def test_what_does_not_leave_says_why_in_the_operators_language(plan: Plan) -> None:
    found = answers(plan(AROUND_BOTH_CHANGES, "--json"))

    (nobody,), (off,) = of(found, "nobody@x"), of(found, "off@x")
    assert nobody["answer"] == "skip"
    assert nobody["reason"]["code"] == "no_number"
    assert "numéro" in nobody["reason"]["detail"]
    assert set(nobody) == {"occasion", "rule", "answer", "reason"}
    assert off["reason"]["code"] == "occasion_cancelled"


@pytest.mark.parametrize("name", ["google_export.ics", "apple_export.ics", "outlook_export.ics", "torture.ics"])
def test_every_readable_event_of_a_real_export_is_answered_for_each_rule(plan: Plan, name: str) -> None:
    found = answers(plan(CALENDARS / name, "--when=-1d@18:00", "--when=-48h", "--json", now="2026-09-01T08:00:00Z"))

    seen = {(one["occasion"]["uid"], one["occasion"]["recurrence_id"], one["rule"]) for one in found}
    assert len(seen) == len(found) > 0
    assert len(found) % 2 == 0
    for one in found:
        if one["answer"] == "send":
            due = datetime.fromisoformat(one["due_at"])
            assert due == datetime.fromisoformat(one["due_local"])
            assert one["due_at"].endswith("Z")
            assert due < datetime.fromisoformat(one["occasion"]["start"]).astimezone(UTC)


def test_what_cannot_be_read_is_said_on_standard_error(plan: Plan) -> None:
    result = plan(CALENDARS / "torture.ics", "--json", now="2026-11-25T08:00:00Z")

    assert "Sans début" in result.stderr


def test_people_read_a_table_by_day_with_the_cost_and_the_reasons(plan: Plan) -> None:
    result = plan(AROUND_BOTH_CHANGES)

    assert result.exit_code == 0
    for piece in ("25/10/2026", "18:00", "Mme Roux", "+33639980001", "0,052 EUR", "Rien ne part", "Sans numéro"):
        assert piece in result.output


def test_nothing_is_written(plan: Plan, tmp_path: Path) -> None:
    plan(AROUND_BOTH_CHANGES)

    assert [path.name for path in tmp_path.iterdir()] == ["file.ics"]


def test_a_moment_without_offset_and_a_wrong_when_are_wrong_use(plan: Plan) -> None:
    assert plan(AROUND_BOTH_CHANGES, now="2026-10-18T08:00:00").exit_code == 2
    assert plan(AROUND_BOTH_CHANGES, "--when=tomorrow").exit_code == 2
    assert plan(AROUND_BOTH_CHANGES, "--zone", "Europe/Atlantis").exit_code == 2
    assert CliRunner().invoke(cli, ["plan", "missing.ics", "--now", "2026-10-18T08:00:00Z"]).exit_code == 2


def test_a_file_that_is_no_calendar_is_refused_with_a_sentence(plan: Plan) -> None:
    result = plan("Bonjour, ceci n'est pas un agenda.")

    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output


def test_the_recording_of_a_platform_that_is_not_here_is_refused(plan: Plan, tmp_path: Path) -> None:
    request = Inbound("POST", "https://x.example/hooks/nothing/ins_1", (), b"{}", datetime(2026, 10, 1, tzinfo=UTC))
    (tmp_path / "recorded.json").write_bytes(request.written())

    assert plan(tmp_path / "recorded.json").exit_code == 1


def test_the_businesss_own_number_is_nobodys(plan: Plan) -> None:
    found = answers(plan(AROUND_BOTH_CHANGES, "--own-number", "+33639980001", "--json"))

    assert of(found, "autumn@x")[0]["answer"] == "skip"

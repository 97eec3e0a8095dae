"""`relance campaigns` and a list out of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from core.cli import cli
from core.settings import Settings
from core.storage import campaigns, house, surveys
from core.storage.migrate import upgrade
from core.suite import build_suite


def test_a_list_out_of_a_file_is_written_to_paused_and_called_off(tmp_path: Path) -> None:
    env = {"RELANCE_DATA_DIR": str(tmp_path / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
           "RELANCE_SECRET_KEYS": Fernet.generate_key().decode()}  # fmt: skip

    def relance(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, arguments, env=env)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return result

    def told(*arguments: str) -> Any:
        return json.loads(relance(*arguments, "--json").stdout)

    suite = build_suite(Settings.read(env))
    upgrade(suite.database)
    with suite.database.write() as tx:
        workspace = house.add_workspace(tx, "Clinic", {}, suite.now())
    file = tmp_path / "fair.csv"
    file.write_text("telephone\n0639981101\n0639981102\n", encoding="utf-8")
    assert told("import", "contacts", str(file), "--list", "Fair")["written"] == 2
    with suite.database.write(workspace) as tx:
        text = {"name": "A", "share": 100, "body": "Closed on Friday", "template": None, "content": None}
        message = {"channels": ["sms"], "budgets": None, "variants": [text], "sender": None, "shorten": True,
                   "fallbacks": {}}  # fmt: skip
        campaign = campaigns.add(tx, {
            "name": "Closing", "class": "transactional", "audience": {"conditions": {"all": []}}, "message": message,
            "useful": 259_200, "holdout": 0, "test": True,
        }, suite.now())  # fmt: skip
    assert told("campaigns", "show", campaign)["rehearsal"]["would_get"] == 2
    assert told("campaigns", "send", campaign, "--dry-run")["state"] == "gathering"
    weekly = ("campaigns", "repeat", campaign, "--every", "week", "--first", "2099-01-05", "--at", "10:00")
    assert told(*weekly, "--dry-run")["next_run_at"] == "2099-01-05T09:00:00Z"
    assert told("campaigns", "series", "list")["data"] == []
    assert [one["state"] for one in told("campaigns", "list")["data"]] == ["draft"]
    assert told("campaigns", "send", campaign)["state"] == "gathering"
    assert told("campaigns", "pause", campaign)["state"] == "paused"
    assert told("campaigns", "cancel", campaign)["state"] == "cancelled"
    assert "cancelled" in relance("campaigns", "show", campaign).output
    relance("campaigns", "resume", campaign, status=1)
    relance("campaigns", "show", "cmp_none", status=1)
    with suite.database.write(workspace) as tx:
        again = campaigns.add(tx, {
            "name": "Weekly", "class": "transactional", "audience": {"conditions": {"all": []}}, "message": message,
            "useful": 259_200, "holdout": 0, "test": True,
        }, suite.now())  # fmt: skip
    repeats = told(*weekly[:2], again, *weekly[3:])
    assert told("campaigns", "series", "pause", repeats["id"])["state"] == "paused"
    assert told("campaigns", "series", "resume", repeats["id"])["state"] == "active"
    assert told("campaigns", "series", "end", repeats["id"])["next_run_at"] is None
    assert "Weekly" in relance("campaigns", "series", "list").output


def test_a_survey_is_estimated_started_shown_and_stopped(tmp_path: Path) -> None:
    env = {"RELANCE_DATA_DIR": str(tmp_path / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
           "RELANCE_SECRET_KEYS": Fernet.generate_key().decode()}  # fmt: skip

    def relance(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["surveys", *arguments], env=env)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return result

    suite = build_suite(Settings.read(env))
    upgrade(suite.database)
    with suite.database.write() as tx:
        workspace = house.add_workspace(tx, "Clinic", {}, suite.now())
    with suite.database.write(workspace) as tx:
        survey = surveys.add(tx, {
            "name": "Opinion", "class": "transactional", "language": "en", "unclear": "Sorry?", "lasts": 3600,
            "rest": 0, "questions": [{"text": "How was it?", "kind": "scale"}], "test": True,
        }, suite.now())  # fmt: skip
    assert "1 people, 0.052 EUR" in relance("start", survey, "--to", "0639981101", "--dry-run").output
    assert "draft" in relance("list").output
    assert json.loads(relance("start", survey, "--to", "0639981101", "--json").stdout)["state"] == "gathering"
    assert "How was it?" in relance("show", survey).output
    assert json.loads(relance("stop", survey, "--json", "--dry-run").stdout)["state"] == "stopped"
    assert json.loads(relance("stop", survey, "--json").stdout)["state"] == "stopped"
    relance("start", survey, "--to", "0639981101", status=1)
    relance("start", survey, status=2)

"""`relance waitlist`: people, a time that is offered by hand, and what a dry run leaves."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from core.cli import cli
from core.contract import Configured
from core.domain.policy.week import DAYS
from core.settings import Settings
from core.storage import house, installations
from core.storage.migrate import upgrade
from core.suite import build_suite


def test_people_come_onto_the_list_and_a_time_is_offered_to_the_first(tmp_path: Path) -> None:
    env = {"RELANCE_DATA_DIR": str(tmp_path / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
           "RELANCE_SECRET_KEYS": Fernet.generate_key().decode()}  # fmt: skip

    def relance(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["waitlist", *arguments], env=env)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return result

    def told(*arguments: str) -> Any:
        return json.loads(relance(*arguments, "--json").stdout)

    suite = build_suite(Settings.read(env))
    upgrade(suite.database)
    now = suite.now()
    with suite.database.write() as tx:
        workspace = house.add_workspace(tx, "Clinic", {"country": "FR", "zone": "Europe/Paris"}, now)
    with suite.database.write(workspace) as tx:
        calendar = installations.add(tx, suite.vault, "gcal_reminders", "Diary", Configured({}, {}), now,
                                     zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
        installations.change(tx, calendar, mode="live", live_since=now)

    assert told("terms", calendar)["on"] is False
    assert told("terms", calendar, "--on", "--dry-run")["on"] is True
    assert told("terms", calendar, "--on", "--notice-minutes", "60")["notice_minutes"] == 60
    relance("add", "06 39 98 00 21", "--proof", " ", status=1)
    assert told("add", "06 39 98 00 21", "--proof", "asked by phone", "--dry-run")["dry_run"] is True
    assert told("list")["data"] == []
    days = [word for day in DAYS for word in ("--day", day)]
    first = told("add", "06 39 98 00 21", "--name", "Mme Roux", "--proof", "asked by phone", *days)
    file = tmp_path / "people.csv"
    file.write_text("téléphone;nom;moment\n0639980022;Petit;matin\nnobody;x;\n", encoding="utf-8")
    brought = told("import", str(file), "--proof", "asked by phone")
    assert (brought["added"], [one["line"] for one in brought["refused"]]) == (1, [3])
    assert [one["wishes"] for one in told("list")["data"]][1] == {"until": "12:00"}

    start = (now + timedelta(days=3)).isoformat()
    dry = told("offer", "--installation", calendar, "--start", start, "--dry-run")
    assert (dry["state"], told("slots")["data"]) == ("open", [])
    slot = told("offer", "--installation", calendar, "--start", start, "--title", "Cleaning")
    assert slot["title"] == "Cleaning"
    relance("offer", "--installation", calendar, "--start", start, "--title", "Cleaning", status=1)
    assert "freed" in relance("show", slot["id"]).output
    assert told("withdraw", slot["id"])["state"] == "withdrawn"
    assert told("remove", first["id"])["state"] == "left"
    assert "0022" in relance("list").output
    relance("show", "wls_none", status=1)

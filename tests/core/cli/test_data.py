"""What happens to the data: the demo, the backup and its return, the export, and an erasure that leaves no trace."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from core.cli import cli
from core.contract import Inbound
from core.domain.recipients import Recipient
from core.engine import exporting
from core.settings import Settings
from core.storage import conversations, house, idempotency, inbox, people, webhooks
from core.storage.migrate import upgrade
from core.suite import Suite, build_suite, turn_clock


class House:
    """A data folder in demo mode, and `relance` in it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.env = {"RELANCE_DATA_DIR": str(folder / "var"), "RELANCE_MODE": "demo", "RELANCE_LANGUAGE": "en",
                    "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(), **env}

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(cli, arguments, env=self.env)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    @property
    def folder(self) -> Path:
        return Path(self.env["RELANCE_DATA_DIR"])

    def suite(self) -> Suite:
        return build_suite(Settings.read(self.env))

    def messages(self, state: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.json("messages", "list", "--state", state, "--limit", "200")["data"]
        return found


@pytest.fixture
def monday(home: House) -> House:
    """The same on the Monday that comes, at nine: what a demo shows depends on the hour and the day."""
    today = datetime.now(ZoneInfo("Europe/Paris")).replace(hour=9, minute=0, second=0, microsecond=0)
    suite = home.suite()
    upgrade(suite.database)
    turn_clock(suite, today + timedelta(days=7 - today.weekday()) - datetime.now(UTC))
    suite.database.close()
    return home


@pytest.fixture
def home(tmp_path: Path) -> House:
    return House(tmp_path)


def workspace_of(suite: Suite) -> str:
    with suite.database.read() as tx:
        return str(house.workspaces(tx)[0]["id"])


# ---------------------------------------------------------------------------------------------- the demo


def test_the_demo_shows_a_fortnight_with_its_traps_and_the_clock_lets_reminders_leave(monday: House) -> None:
    home = monday
    loaded = home.json("demo")
    assert loaded["email"] == "demo@clinique.example"
    assert loaded["messages"] > 10

    rehearsed = home.json("installations", "rehearse", loaded["installation"])["answers"]
    why = {one["occasion"]["title"]: one["reason"]["code"] for one in rehearsed if one["answer"] == "skip"}
    assert why["Mme Nguyen"] == "no_number"
    assert why["M. Moreau"] == "occasion_silenced"
    assert set(why) >= {"Enfant Léo Martin", "M. Laurent", "Visio M. Dupuis", "Mme Lefevre", "Congrès (journée)"}

    assert home.json("clock", "+2d")["left"] > 0
    left = {one["to"][-4:]: one["state"] for one in home.messages("delivered") + home.messages("failed")}
    assert left["0001"] == "delivered"
    assert left["0002"] == "failed"


def test_the_demo_again_begins_a_new_fortnight_and_is_for_demo_mode_only(monday: House, tmp_path: Path) -> None:
    home = monday
    assert home.json("demo", "--dry-run")["dry_run"] is True
    first = home.json("demo")
    again = home.json("demo")

    assert (again["workspace"], again["installation"]) == (first["workspace"], first["installation"])
    assert again["messages"] == first["messages"]
    assert "RELANCE_MODE=demo" in House(tmp_path / "live", RELANCE_MODE="live")("demo", status=1).stderr


def test_the_sample_shop_has_a_board_to_look_at_and_lives_on_when_it_is_asked_again(home: House) -> None:
    assert home.json("demo", "shop", "--dry-run")["dry_run"] is True
    played = home.json("demo", "shop")
    assert played["carts"] > 40
    assert played["orders"] > 10
    assert played["messages"] > 30
    [figures] = home.json("stats", "--workspace", played["workspace"])["data"]
    assert figures["totals"]["recovered"]["orders"] > 0
    assert figures["totals"]["clicked"] > 0
    assert figures["uplift"]["enough"] is False, "a fortnight proves nothing, and the board says so"
    with home.suite().database.read() as tx:
        assert house.value(tx, "clock_turned_seconds") == 0, "the clock stands as before"

    again = home.json("demo", "shop")
    assert (again["workspace"], again["installation"]) == (played["workspace"], played["installation"])
    assert again["password"] != played["password"]


# ---------------------------------------------------------------------------------------------- backup and restore


def test_a_restored_copy_holds_what_was_due_since_and_looks_it_up_before_it_leaves(home: House, tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    first = home.json("send", "+33639980001", "dans une heure", "--class", "otp", "--at", soon)["id"]
    second = home.json("send", "+33639980001", "dans trois jours", "--class", "otp", "--at", later)["id"]
    copy = tmp_path / "copy.db"
    home("backup", str(copy), "--dry-run")
    assert not copy.exists()
    home("backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    home("clock", "+2h")
    assert home.json("messages", "show", first)["state"] in ("sent", "delivered")

    # The original sent it and dies; the copy comes back on a clock that has moved on.
    with sqlite3.connect(copy) as kept:
        kept.execute("INSERT OR REPLACE INTO house (name, value, at) VALUES ('clock_turned_seconds', '7200', 0)")
    restored = home.json("restore", str(copy))

    assert restored["held"] == 1
    assert home.json("messages", "show", first)["state"] == "held"
    assert home.json("messages", "show", second)["state"] == "scheduled"
    assert Path(restored["kept"]).exists()
    assert home.json("messages", "release", "--held", "restore", "--dry-run")["released"] == 1
    # The simulated network came back with the copy: it never had the message, and says so.
    assert home.json("messages", "release", "--held", "restore") == {
        "found": 0, "released": 1, "unknown": 0, "dry_run": False}
    assert home.json("messages", "show", first)["state"] == "scheduled"


def test_what_is_no_backup_is_refused_and_nothing_changes(home: House, tmp_path: Path) -> None:
    home.json("send", "+33639980001", "Bonjour", "--class", "otp")
    (tmp_path / "notes.txt").write_text("not a database")
    sqlite3.connect(tmp_path / "other.db").close()

    for name in ("notes.txt", "other.db"):
        assert home("restore", str(tmp_path / name), status=1).stderr.startswith("Error: ")
    assert len(home.messages("scheduled")) == 1
    (tmp_path / "there.db").write_text("")
    home("backup", str(tmp_path / "there.db"), status=1)
    home("backup", str(tmp_path / "nowhere" / "x.db"), status=1)


def test_who_said_no_before_the_copy_is_known_after_it_and_with_a_new_secret_key(home: House, tmp_path: Path) -> None:
    _says_no_and_is_erased(home)
    home("backup", str(tmp_path / "copy.db"))
    old, new = home.env["RELANCE_SECRET_KEYS"], Fernet.generate_key().decode()

    home("restore", str(tmp_path / "copy.db"))
    assert home.json("why", ANA)["standing"]["opted_out"] == ["all"]
    home.env["RELANCE_SECRET_KEYS"] = f"{new},{old}"
    home("keys", "rotate-secrets")
    home.env["RELANCE_SECRET_KEYS"] = new
    assert home.json("why", ANA)["standing"]["opted_out"] == ["all"]
    assert "STOP" in home("send", ANA, "Bonjour", "--class", "transactional", status=1).stderr


def test_with_a_wrong_secret_key_nothing_starts_and_no_copy_is_put_back(home: House, tmp_path: Path) -> None:
    _says_no_and_is_erased(home)
    home("backup", str(tmp_path / "copy.db"))
    right, home.env["RELANCE_SECRET_KEYS"] = home.env["RELANCE_SECRET_KEYS"], Fernet.generate_key().decode()

    for command in (["run"], ["web"], ["migrate"], ["listen"], ["messages", "list"], ["send", ANA, "Bonjour"]):
        assert "do-not-contact" in home(*command, status=1).stderr, command
    for wish in (["--dry-run"], []):
        assert "do-not-contact" in home("restore", str(tmp_path / "copy.db"), *wish, status=1).stderr
    assert not list(home.folder.glob("*.before-restore"))
    assert "secrets" in {one["check"] for one in _looked(home) if one["result"] == "problem"}

    home.env["RELANCE_SECRET_KEYS"] = right
    assert home.json("why", ANA)["standing"]["opted_out"] == ["all"]


def _says_no_and_is_erased(home: House) -> None:
    home("messages", "list")
    suite = home.suite()
    with suite.database.write(workspace_of(suite)) as tx:
        people.stop(tx, ANA, "all", "console", {}, suite.now())
    suite.database.close()
    home("erase", ANA)


def _looked(home: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(home("doctor", "--offline", "--json", status=1).stdout)["checks"]
    return found


def test_a_running_house_is_not_restored_over(home: House, tmp_path: Path) -> None:
    home("messages", "list")
    home("backup", str(tmp_path / "copy.db"))
    suite = home.suite()
    with suite.database.write() as tx:
        house.set_value(tx, "ticked", True, suite.now())

    assert "stop it first" in home("restore", str(tmp_path / "copy.db"), status=1).stderr


def test_an_upgrade_is_planned_without_touching_anything(home: House) -> None:
    assert home.json("upgrade", "--plan")["steps"]
    assert not (home.folder / "relance.db").exists() or home.json("upgrade", "--plan")["current"] is None
    home("migrate")
    assert home.json("upgrade", "--plan")["steps"] == []


# ---------------------------------------------------------------------------------------------- erasing, exporting

ANA = "+33612345678"
SPELLED = re.compile(rb"6[\s.\-]?1[\s.\-]?2[\s.\-]?3[\s.\-]?4[\s.\-]?5[\s.\-]?6[\s.\-]?7[\s.\-]?8")


def everywhere(home: House, suite: Suite) -> None:
    """Ana's number in every place that the house has for one."""
    home.json("send", ANA, "Bonjour Ana", "--class", "otp")
    home.json("send", "+33639980001", "Appelez Ana au 06 12 34 56 78", "--class", "otp")
    home("clock", "+2m")
    workspace, now = workspace_of(suite), suite.now()
    request = Inbound("POST", "https://x.example/hooks/shop/ins_1", (("Content-Type", "application/json"),),
                      b'{"phone": "06.12.34.56.78"}', now)
    form = Inbound("POST", "https://x.example/hooks/shop/ins_1?to=%2B33612345678", (), b"a=1", now)
    with suite.database.write(workspace) as tx:
        people.remember(tx, Recipient.parse(ANA), {"name": "Ana Roux", "email": "ana@example.org"}, now)
        people.stop(tx, ANA, "all", "test", {"text": f"STOP {ANA}"}, now)
        inbox.keep(tx, request, "shop", "read")
        inbox.keep(tx, form, "shop", "unreadable")
        hook = webhooks.add(tx, suite.vault, "https://x.example/in", ["*"], "s", now)
        webhooks.queue(tx, [(workspace, hook, "message.sent", json.dumps({"to": ANA}))], now)
        house.note(tx, "test", "noted", None, {"said": "0033612345678"}, now)
        talk = conversations.heard(tx, ANA, "rep_1", "sms", now, waits=True, settled=False)
        conversations.note(tx, {"id": talk, "number": ANA}, "usr_1", "Rappeler au 06 12 34 56 78", now)
        exporting.ask(tx, "contacts", "csv", {}, now, language="fr", who="usr_1")
    exporting.run_due(suite)
    idempotency.take(suite.database, workspace, "k", "digest", "own", now)
    with suite.database.write(workspace) as tx:
        idempotency.keep(tx, "k", "own", 201, json.dumps({"to": ANA}), {})


def test_an_erased_number_is_nowhere_in_the_folder_but_as_a_hash(home: House) -> None:
    home("messages", "list")
    suite = home.suite()
    everywhere(home, suite)
    assert any(SPELLED.search(path.read_bytes()) for path in home.folder.rglob("relance.db*"))

    before = home.json("erase", "06 12 34 56 78", "--dry-run")
    done = home.json("erase", "06 12 34 56 78")

    assert before["rows"] == done["rows"]
    assert set(done["rows"]) >= {"messages", "contacts", "consents", "inbox", "deliveries", "idempotency",
                                 "simulated_messages", "audit", "conversations", "notes", "exports"}
    assert done["rows"]["inbox"] == 2
    assert done["stays"] is True
    assert done["number"] == "+33•••••••78"
    for path in home.folder.rglob("*"):
        if path.is_file():
            assert not SPELLED.search(path.read_bytes()), path
            assert b"Ana Roux" not in path.read_bytes()
    assert "Appelez Ana au …" in [one["text"] for one in home.messages("delivered")]
    assert home.json("why", ANA)["standing"]["opted_out"] == ["all"]
    assert home.json("erase", ANA)["rows"] == {}


def test_another_workspace_keeps_what_is_its_own(home: House) -> None:
    home.json("send", ANA, "Bonjour", "--class", "otp")
    suite = home.suite()
    with suite.database.write() as tx:
        house.add_workspace(tx, "Other", {}, suite.now())
    home.json("send", ANA, "De l'autre", "--class", "otp", "--workspace", "Other")

    home("erase", ANA)

    assert home.messages("scheduled") == []
    assert len(home.json("messages", "list", "--workspace", "Other")["data"]) == 1


def test_an_export_holds_the_data_and_no_secret(home: House, tmp_path: Path) -> None:
    home.json("demo")
    suite = home.suite()
    everywhere(home, suite)
    rows = home.json("export", str(tmp_path / "out"))["rows"]

    assert rows["messages"] > 10
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert ANA in written
    assert "gAAAA" not in written
    assert "password" not in written
    home("export", str(tmp_path / "out"), status=1)

    one = home.json("export", str(tmp_path / "ana"), "--number", ANA)["rows"]
    assert one["contacts"] == 1
    assert one["messages"] == 2
    assert one["consents"] == 1
    assert (one["conversations"], one["notes"]) == (1, 1)


def test_an_export_for_spreadsheets_holds_no_formula(home: House, tmp_path: Path) -> None:
    home.json("send", "+33639980001", "=1+1 ; demain", "--class", "otp")

    home("export", str(tmp_path / "out"), "--format", "csv")

    lines = (tmp_path / "out" / "messages.csv").read_text(encoding="utf-8-sig").splitlines()
    head, row = csv.reader(lines)
    found = dict(zip(head, row, strict=True))
    assert found["text"] == "'=1+1 ; demain"
    assert found["due_at"].endswith(("+01:00", "+02:00", "+00:00"))


# ---------------------------------------------------------------------------------------------- PostgreSQL


@pytest.mark.postgres
def test_postgresql_is_backed_up_and_restored_by_its_own_tools(postgres_database: str, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not here: left out (postgresql-client)")
    home = House(tmp_path, RELANCE_DATABASE_URL=postgres_database)
    soon = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    first = home.json("send", "+33639980001", "Bonjour", "--class", "otp", "--at", soon)["id"]
    home("backup", str(tmp_path / "copy.dump"))
    home.json("messages", "cancel", first)

    assert home.json("restore", str(tmp_path / "copy.dump"))["held"] == 1
    assert home.json("messages", "show", first)["state"] == "held"
    # What a newer version had added is gone with it: else that version could not be brought up to date again.
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE newer (id text); INSERT INTO newer VALUES ('x'); CREATE TABLE messages2 ()")
    home("restore", str(tmp_path / "copy.dump"))
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT to_regclass('newer'), to_regclass('messages2')").fetchone() == (None, None)
        before = connection.execute("SELECT count(*) FROM messages").fetchone()
    (tmp_path / "broken.dump").write_text("not a dump")
    assert "pg_restore" in home("restore", str(tmp_path / "broken.dump"), status=1).stderr
    right, home.env["RELANCE_SECRET_KEYS"] = home.env["RELANCE_SECRET_KEYS"], Fernet.generate_key().decode()
    assert "do-not-contact" in home("restore", str(tmp_path / "copy.dump"), status=1).stderr
    home.env["RELANCE_SECRET_KEYS"] = right
    # A copy that breaks off in the middle changes nothing either.
    whole = (tmp_path / "copy.dump").read_bytes()
    (tmp_path / "cut.dump").write_bytes(whole[: len(whole) * 3 // 4])
    home("restore", str(tmp_path / "cut.dump"), status=1)
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == before


@pytest.mark.postgres
def test_an_erasure_reaches_the_same_places_on_postgresql(postgres_database: str, tmp_path: Path) -> None:
    home = House(tmp_path, RELANCE_DATABASE_URL=postgres_database)
    home("messages", "list")
    everywhere(home, home.suite())

    done = home.json("erase", ANA)

    assert set(done["rows"]) >= {"messages", "contacts", "consents", "inbox", "deliveries", "idempotency",
                                 "simulated_messages", "audit", "conversations", "notes", "exports"}
    assert home.json("erase", ANA)["rows"] == {}
    assert home.json("export", str(tmp_path / "ana"), "--number", ANA)["rows"]["messages"] == 0

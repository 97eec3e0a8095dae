"""The verbs: each speaks JSON, each that writes has a dry run, and the exit status says what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet

from core.cli import COMMANDS, cli
from core.contract import Configured, Inbound
from core.engine.checkup import CHECKS
from core.settings import Settings
from core.storage import access, house, identities, inbox, installations, people, second_factors
from core.suite import Suite, build_suite

Run = Callable[..., Result]
WRITE = {
    "migrate", "clock", "demo", "send", "messages cancel", "pages end", "messages release", "inbox replay", "users add",
    "users reset-second-factor", "users sign-in-link", "users unlink-sso",
    "import contacts", "export", "erase", "keys create", "keys renew", "keys revoke", "keys rotate-secrets", "backup",
    "restore", "config apply", "caps set", "caps raise", "caps release", "caps refuse", "caps remove",
    "adapters publish",
    "campaigns send", "campaigns pause", "campaigns resume", "campaigns cancel",
    "campaigns repeat", "campaigns series pause", "campaigns series resume", "campaigns series end", "surveys start",
    "surveys stop", "waitlist add", "waitlist remove", "waitlist import", "waitlist offer", "waitlist withdraw",
    "waitlist terms",
}


class House:
    """A data folder in test mode, and `relance` in it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.env = {"RELANCE_DATA_DIR": str(folder / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
                    "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(), **env}

    def __call__(self, *arguments: str, status: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(cli, arguments, env=self.env, input=stdin)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return result

    def json(self, *arguments: str, status: int = 0, stdin: str | None = None) -> Any:
        return json.loads(self(*arguments, "--json", status=status, stdin=stdin).stdout)

    @property
    def file(self) -> Path:
        return Path(self.env["RELANCE_DATA_DIR"]) / "relance.db"

    def suite(self) -> Suite:
        return build_suite(Settings.read(self.env))


@pytest.fixture
def home(tmp_path: Path) -> House:
    return House(tmp_path)


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


ALL = dict(commands())


def test_every_command_that_is_promised_is_there() -> None:
    promised = ("run web worker migrate demo clock users keys send plan messages why installations doctor inbox record "
                "import export erase hours cost adapters backup restore")
    assert set(COMMANDS) >= set(promised.split())


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_speaks_json_and_explains_itself(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}

    assert "--json" in options
    assert ("--dry-run" in options) == (name in WRITE)
    assert ALL[name].help


def test_wrong_use_is_2_refused_is_1_and_done_is_0(home: House) -> None:
    home("nonsense", status=2)
    home("send", status=2)
    home("send", "+33639980001", "", status=1)
    home("send", "12", "Bonjour", status=1)
    home("messages", "show", "msg_none", status=1)
    home("why", "msg_none", status=1)
    home("installations", "show", "ins_none", status=1)
    home("--workspace", "x", "messages", "list", status=2)
    home("messages", "list", "--workspace", "Nowhere", status=1)
    home("messages", "list")


def test_a_key_is_printed_alone_and_only_its_hash_is_kept(home: House) -> None:
    key = home("keys", "create", "--name", "walk", "--scope", "read").stdout

    assert re.fullmatch(r"rk_test_[\w-]{43}\n", key)
    (listed,) = home.json("keys", "list")["data"]
    assert (listed["name"], listed["scopes"], listed["test"]) == ("walk", ["read"], True)
    assert key.strip().encode() not in home.file.read_bytes()


def test_a_key_of_a_live_house_is_live_unless_asked_otherwise(tmp_path: Path) -> None:
    live = House(tmp_path, RELANCE_MODE="live")

    assert live("keys", "create", "--name", "a").stdout.startswith("rk_live_")
    assert live("keys", "create", "--name", "b", "--test").stdout.startswith("rk_test_")


def test_a_message_is_sent_shown_explained_and_called_off(home: House) -> None:
    sent = home.json("send", "06 39 98 00 01", "Bonjour", "--class", "otp", "--reference", "r1")

    assert (sent["state"], sent["to"], sent["text"]) == ("scheduled", "+33639980001", "Bonjour")
    assert home.json("messages", "list", "--reference", "r1")["data"][0]["id"] == sent["id"]
    assert home.json("messages", "show", sent["id"])["history"][0]["what"] == "accepted"
    assert sent["id"] in home("why", sent["id"]).stdout
    assert home.json("why", "0639980001")["messages"][0]["id"] == sent["id"]
    assert home.json("messages", "cancel", sent["id"], "--dry-run")["state"] == "scheduled"
    assert home.json("messages", "cancel", sent["id"])["state"] == "cancelled"
    home("messages", "cancel", sent["id"], status=1)


def test_a_dry_run_of_send_shows_the_price_and_writes_nothing(home: House) -> None:
    draft = home.json("send", "+33639980001", "Bonjour", "--class", "otp", "--dry-run")

    assert draft["id"] is None
    assert draft["estimate"] == {"encoding": "GSM-7", "segments": 1, "price": {"amount": 52000, "currency": "EUR"}}
    assert home.json("messages", "list")["data"] == []


def test_what_may_not_leave_is_refused_with_its_reason_and_kept(home: House) -> None:
    suite = home.suite()
    home("messages", "list")
    with suite.database.read() as tx:
        workspace = house.workspaces(tx)[0]["id"]
    with suite.database.write(workspace) as tx:
        people.stop(tx, "+33639980001", "all", "test", {}, suite.now())

    result = home("send", "+33639980001", "Bonjour", status=1)

    assert "suppressed" in result.stdout
    assert result.stderr.startswith("Error: ")


def test_a_wall_time_is_read_in_its_zone(home: House) -> None:
    at = f"{datetime.now(UTC).year + 1}-07-14T21:00"
    draft = home.json("send", "+33639980001", "x", "--class", "otp", "--at", at, "--zone", "America/Martinique",
                      "--dry-run")

    assert draft["due_at"] == f"{datetime.now(UTC).year + 1}-07-15T01:00:00Z"


def test_the_clock_turns_in_order_and_only_in_demo_and_test(home: House, tmp_path: Path) -> None:
    home("send", "+33639980001", "une", "--class", "otp", "--at", "2099-01-01T09:00", status=1)
    first = home.json("send", "+33639980001", "Bonjour", "--class", "otp")
    turned = home.json("clock", "+2d")

    assert turned["left"] >= 1
    assert turned["turned_seconds"] == pytest.approx(172_800, abs=60)
    assert home.json("messages", "show", first["id"])["state"] in ("sent", "delivered")
    assert home.json("clock", "+90m", "--dry-run")["turned_seconds"] > turned["turned_seconds"]
    assert home.json("clock", "2099-01-01T00:00:00+01:00", "--dry-run")["now"] == "2098-12-31T23:00:00Z"
    assert home.json("clock", "reset")["turned_seconds"] == 0
    home("clock", "tomorrow", status=2)
    House(tmp_path / "live", RELANCE_MODE="live")("clock", "+2d", status=1)


def test_people_are_added_with_a_password_that_nobody_sees_on_a_command_line(home: House) -> None:
    home("users", "add", "Ana@example.org", "--role", "owner", "--password-stdin", stdin="une phrase longue\n")
    made = home("users", "add", "leo@example.org").stdout

    assert [one["email"] for one in home.json("users", "list")["data"]] == ["ana@example.org", "leo@example.org"]
    assert re.search(r"(\w{5}-){3}\w{5}", made)
    home("users", "add", "ana@example.org", "--password-stdin", stdin="une phrase longue\n", status=1)
    home("users", "add", "new@example.org", "--password-stdin", stdin="court\n", status=1)
    home("users", "add", "nobody", status=2)


def test_an_operator_lets_in_who_is_locked_out_and_it_is_in_the_log(home: House) -> None:
    home("users", "add", "ana@example.org", "--password-stdin", stdin="une phrase longue\n")
    suite = home.suite()
    with suite.database.write() as tx:
        user = access.by_email(tx, "ana@example.org")
        assert user is not None
        second_factors.begin(tx, suite.vault, user, suite.now())
        second_factors.confirm(tx, user, suite.now())
        identities.bind(tx, "https://id.example", "7", user, suite.now())

    assert not home.json("users", "reset-second-factor", "Ana@example.org", "--dry-run")["reset"]
    assert home.json("users", "reset-second-factor", "Ana@example.org")["reset"]
    assert not home.json("users", "reset-second-factor", "ana@example.org")["reset"]
    assert home.json("users", "unlink-sso", "ana@example.org")["unlinked"] == 1
    assert "/sign-in/link?code=" in home("users", "sign-in-link", "ana@example.org").stdout
    home("users", "sign-in-link", "nobody@example.org", status=1)
    said = [one["what"] for one in home.json("audit", "list")["data"]]
    assert said == ["sign_in_link_made", "sso_unbound", "second_factor_reset", "user_added"]
    assert home.json("audit", "verify")["data"][0]["lines"] == 4
    home("audit", "verify", "--expect", "nonsense", status=2)
    home("audit", "verify", "--expect", "9:0123456789abcdef", status=1)


def test_cost_and_hours_need_no_house(tmp_path: Path) -> None:
    bare = House(tmp_path)
    cost = bare.json("cost", "à bientôt", "--count", "10")
    assert (cost["encoding"], cost["segments"]) == ("UCS-2", 1)
    assert cost["guilty"] == [{"index": 7, "character": "ô", "replacement": "o"}]
    assert cost["total"]["amount"] == 10 * cost["price"]["amount"]

    armistice = bare.json("hours", "check", "2026-11-11T10:00", "--country", "FR", "--class", "marketing")
    assert (armistice["open"], armistice["holiday"]) == (False, True)
    assert armistice["next"] == "2026-11-12T08:00:00+01:00"
    assert bare.json("hours", "check", "2026-11-12T10:00", "--class", "marketing")["open"] is True
    assert bare.json("hours", "check", "2026-11-11T03:00", "--class", "otp")["open"] is True
    assert not bare.file.exists()


def test_adapters_are_listed_with_what_they_can_do(home: House) -> None:
    found = {one["slug"]: one for one in home.json("adapters", "list")["data"]}

    assert "pulls" in found["gcal_reminders"]["abilities"]
    assert "RELANCE_GOOGLE_CLIENT_ID" in found["gcal_reminders"]["settings"]


def test_a_received_request_is_shown_and_recorded_with_people_and_secrets_masked(home: House) -> None:
    home("messages", "list")
    suite = home.suite()
    body = json.dumps({"id": 831, "customer": {"first_name": "Ana", "phone": "+33 6 12 34 56 78",
                                               "email": "ana@example.org"}, "note": "appeler", "total": "49.90"})
    request = Inbound("POST", "https://relance.example/hooks/shop/ins_1?token=SECRETTOKEN", (
        ("Authorization", "Bearer SECRETBEARER"), ("X-Signature", "SECRETSIGN"), ("Content-Type", "application/json")),
        body.encode(), datetime(2026, 11, 25, 9, tzinfo=UTC))
    with suite.database.read() as tx:
        workspace = house.workspaces(tx)[0]["id"]
    with suite.database.write(workspace) as tx:
        kept = inbox.keep(tx, request, "shop", "unreadable")

    assert home.json("inbox", "list")["data"][0]["id"] == kept
    assert home.json("inbox", "show", kept)["body"] == body
    recording = home("record", kept).stdout
    read = Inbound.read(recording.encode())
    told = json.loads(read.body)
    for secret in ("SECRET", "12 34 56 78", "612345678", "Ana", "ana@", "appeler"):
        assert secret not in recording
        assert secret not in read.body.decode()
    assert told["id"] == 831
    assert told["total"] == "49.90"
    assert told["customer"]["phone"].startswith("+336399800")
    home("record", "inb_none", status=1)


def test_secrets_are_written_again_under_a_new_key_and_the_old_one_can_go(home: House) -> None:
    home("messages", "list")
    suite = home.suite()
    with suite.database.read() as tx:
        workspace = house.workspaces(tx)[0]["id"]
    with suite.database.write(workspace) as tx:
        installations.add(tx, suite.vault, "gcal_reminders", "a", Configured({}, {"ics": "x"}), suite.now(),
                          zone="Europe/Paris", country="FR")
    old, new = home.env["RELANCE_SECRET_KEYS"], Fernet.generate_key().decode()

    home.env["RELANCE_SECRET_KEYS"] = f"{new},{old}"
    counts = {one["column"]: one for one in home.json("keys", "rotate-secrets", "--dry-run")["columns"]}
    assert counts["installations.secrets"]["rotated"] == 1
    counts = {one["column"]: one for one in home.json("keys", "rotate-secrets")["columns"]}
    assert counts["installations.secrets"] == {"column": "installations.secrets", "rotated": 1, "current": 0,
                                               "unreadable": 0}
    home.env["RELANCE_SECRET_KEYS"] = new
    counts = {one["column"]: one for one in home.json("keys", "rotate-secrets")["columns"]}
    assert counts["installations.secrets"]["current"] == 1
    home.env["RELANCE_SECRET_KEYS"] = old
    home("keys", "rotate-secrets", status=1)


CONTACTS = """Nom;Prénom;Téléphone;Ville
Roux;Ana;06 39 98 00 01;Lyon
Petit;Léo;639980002;Lyon
Garcia;Eva;6.39980003E+8;Lyon
Martin;;06 39 98 00 01;Lyon
Fixe;;01 99 00 12 34;Lyon
Vide;;;Lyon
Deux;;06 39 98 00 04 / 06 39 98 00 05;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_contacts_come_in_three_piles_by_line(home: House, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(CONTACTS.encode(encoding))

    dry = home.json("import", "contacts", str(file), "--dry-run")
    assert {one["line"]: one["number"] for one in dry["good"]} == {2: "+33639980001", 3: "+33639980002"}
    assert {one["line"]: one["number"] for one in dry["fixable"]} == {4: "+33639980003", 8: "+33639980004"}
    assert {one["line"]: one["reason"]["code"] for one in dry["refused"]} == {
        5: "number_twice", 6: "not_a_mobile", 7: "no_number_in_line"}
    assert dry["written"] == 0

    assert home.json("import", "contacts", str(file))["written"] == 2
    assert home.json("import", "contacts", str(file), "--fix")["written"] == 4


def test_a_file_without_numbers_says_which_columns_it_read(home: House, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    assert "a, b" in home("import", "contacts", str(tmp_path / "x.csv"), status=1).stderr


def test_a_key_is_renewed_with_an_overlap_and_revoked(home: House) -> None:
    home("keys", "create", "--name", "walk")
    (old,) = home.json("keys", "list")["data"]
    renewed = home.json("keys", "renew", old["id"], "--overlap", "2")
    first, second = home.json("keys", "list")["data"]

    assert (second["id"], second["name"], first["expires_at"]) == (renewed["id"], "walk", renewed["old_ends_at"])
    home("keys", "revoke", first["id"])
    home("keys", "renew", first["id"], status=1)
    home("keys", "revoke", "key_none", status=1)


def test_the_doctor_looks_at_everything_and_says_what_to_do(home: House) -> None:
    home("messages", "list")
    found = json.loads(CliRunner().invoke(cli, ["doctor", "--json"], env=home.env).stdout)["checks"]

    assert len(found) == len(CHECKS)
    by_name = {one["check"]: one for one in found}
    assert by_name["engine"]["result"] == "problem"
    assert by_name["engine"]["remedy"] == "relance run"
    assert by_name["database"]["result"] == "ok"
    assert by_name["migrations"]["result"] == "ok"
    assert all(one["remedy"] for one in found if one["result"] != "ok")


def test_doctor_says_that_processes_which_share_a_file_must_be_on_one_machine(home: House) -> None:
    home("messages", "list")
    env = {**home.env, "RELANCE_RUNNER": "distributed", "RELANCE_BROKER_URL": "redis://127.0.0.1:6379/0"}
    found = json.loads(CliRunner().invoke(cli, ["doctor", "--json", "--offline"], env=env).stdout)["checks"]

    [database] = [one for one in found if one["check"] == "database"]
    assert database["result"] == "warning"
    assert "PostgreSQL" in database["remedy"]


def test_an_older_database_is_never_changed_in_passing(home: House) -> None:
    home("messages", "list")
    suite = home.suite()
    with suite.database.write() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")

    assert "relance migrate" in home("messages", "list", status=1).stderr

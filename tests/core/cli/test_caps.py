"""`relance caps`: a limit is set, reached, raised for a day, and decided about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from core.cli import cli
from core.engine import dispatch
from core.settings import Settings
from core.suite import build_suite


class House:
    """A data folder in test mode, and `relance caps` in it."""

    def __init__(self, folder: Path) -> None:
        self.env = {"RELANCE_DATA_DIR": str(folder / "var"), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
                    "RELANCE_SECRET_KEYS": Fernet.generate_key().decode()}  # fmt: skip

    def __call__(self, *arguments: str, status: int = 0) -> Any:
        result = CliRunner().invoke(cli, [*arguments, "--json"], env=self.env)
        assert result.exit_code == status, f"{arguments}: {result.output} {result.exception!r}"
        return json.loads(result.stdout) if status == 0 else result.output

    def send(self, *numbers: str) -> None:
        for number in numbers:
            self("send", number, "Code 1234", "--class", "otp")
        suite = build_suite(Settings.read(self.env))
        dispatch.run_due(suite)
        suite.database.close()


@pytest.fixture
def home(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_cap_is_set_reached_raised_and_lets_go(home):
    cap = home("caps", "set", "0,06", "--currency", "EUR", "--country", "FR")["id"]
    home.send("+33639980001", "+33639980011", "+33639980021")
    (one,) = home("caps", "list")["data"]
    assert (one["id"], one["used"], one["held"], one["most"], one["per"]) == (cap, 52_000, 2, 60_000, "day")
    home("caps", "raise", cap, "0.11")
    home.send()
    (one,) = home("caps", "list")["data"]
    assert (one["used"], one["held"], one["most"], one["usual"]) == (104_000, 1, 110_000, 60_000)
    assert home("caps", "release", cap, "--dry-run")["released"] == 1
    assert home("caps", "release", cap)["released"] == 1
    home.send()
    assert home("caps", "list")["data"][0]["held"] == 0


def test_what_it_holds_is_refused_and_the_cap_removed(home):
    cap = home("caps", "set", "1", "--per", "hour")["id"]
    home.send("+33639980001", "+33639980011")
    assert home("caps", "refuse", cap)["cancelled"] == 1
    assert home("caps", "set", "5", "--id", cap)["most"] == 5
    home("caps", "remove", cap)
    assert home("caps", "list")["data"] == []


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "many", "1e99", "nan"])
def test_a_limit_that_makes_no_sense_is_refused(home, wrong):
    result = CliRunner().invoke(cli, ["caps", "set", "--", wrong], env=home.env)
    assert result.exit_code == 1
    assert "positive" in result.output


def test_a_cap_that_is_not_there(home):
    assert "There is no cap" in home("caps", "raise", "cap_none", "5", status=1)
    assert home("messages", "release", "--held", "catch-up")["released"] == 0


def test_a_dry_run_writes_nothing(home):
    assert home("caps", "set", "5", "--dry-run")["id"] is None
    assert home("caps", "list")["data"] == []

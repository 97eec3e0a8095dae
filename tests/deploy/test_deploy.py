"""What deploy/ holds fits the house: names of metrics, commands, settings, and what a unit or a container may do."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families

from core import settings
from core.cli import COMMANDS
from core.domain.messages import State
from core.settings import Settings
from tests.support.running import Client, Running

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
_NAME = re.compile(r"\brelance_[a-z_]+")
_STATE = re.compile(r'relance_messages\{state="([a-z]+)"')


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all figures that a house gives whose messages have left."""
    with Running(tmp_path_factory.mktemp("house")) as relance:
        relance.client.post("/v1/messages", {"to": "+33639980100", "class": "otp", "body": "Bonjour"})
        relance.settle()
        text = Client(relance.url, None).get("/metrics").text
    families = list(text_string_to_metric_families(text))
    return {sample.name for family in families for sample in family.samples} | {
        # Nothing of that kind has happened in this house yet: the family is announced all the same.
        family.name for family in families if family.type == "gauge"
    }


def queries() -> Iterator[tuple[str, str]]:
    """(where, query) of the dashboard and of the alerts."""
    for panel in json.loads((DEPLOY / "grafana" / "relance.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def test_the_dashboard_and_the_alerts_ask_for_figures_that_exist(metrics: set[str]) -> None:
    asked = [(where, name) for where, query in queries() for name in _NAME.findall(query)]

    assert len(asked) > 30
    assert [(where, name) for where, name in asked if name not in metrics] == []


def test_states_in_queries_are_states_of_messages() -> None:
    named = {state for _, query in queries() for state in _STATE.findall(query)}

    assert named <= {str(state) for state in State}
    assert named


def test_brackets_of_queries_are_closed() -> None:
    for where, query in queries():
        for opened, closed in ("()", "{}", "[]"):
            assert query.count(opened) == query.count(closed), where


def test_every_alert_says_how_urgent_it_is_and_what_happened() -> None:
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"].endswith(".")


def test_operations_md_speaks_of_every_alert() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    for where, query in queries():
        if where.startswith("Relance"):
            assert where in page, query


# ---------------------------------------------------------------------------------------------- containers


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def test_services_refer_to_what_is_there(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        assert set(service.get("networks", ())) <= set(compose["networks"]), name
        for needed, condition in service.get("depends_on", {}).items():
            other = compose["services"][needed]
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in other, (name, needed)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists(), (name, volume)


def test_our_containers_run_real_commands_and_may_do_little(compose: dict[str, Any]) -> None:
    ours = {name: service for name, service in compose["services"].items() if service.get("image") == "relance"}

    assert set(ours) == {"migrate", "web", "worker", "beat", "listen"}
    for service in ours.values():
        assert service["command"][0] in COMMANDS
        assert understood(service["command"])
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert int(service["stop_grace_period"].rstrip("s")) > 10
    assert sum("--beat" in service["command"] for service in ours.values()) == 1


def test_the_settings_of_the_containers_are_read(compose: dict[str, Any], tmp_path: Path) -> None:
    given = dict(compose["services"]["web"]["environment"])
    for name in [name for name in given if name.endswith("_FILE")]:
        secret = tmp_path / name
        secret.write_text("postgresql://relance:s3cret@postgres/relance" if "DATABASE" in name
                          else Fernet.generate_key().decode())
        given[name] = str(secret)
    given = {name: re.sub(r"\$\{[A-Z_]+:-(.*)\}", r"\1", value) for name, value in given.items()}

    read = Settings.read({**given, "RELANCE_DATA_DIR": str(tmp_path)})

    assert (read.runner, read.trusted_proxies, read.is_sqlite) == ("distributed", 1, False)
    assert "s3cret" not in json.dumps(compose)


def test_secrets_can_be_read_by_the_user_of_the_containers() -> None:
    """Compose shows a file as it is here: what root keeps for itself, a container without root cannot open."""
    (user,) = re.findall(r"useradd .*--uid (\d+)", (DEPLOY / "Dockerfile").read_text())

    assert f"chown {user} deploy/secrets/*" in (DEPLOY / "compose.yaml").read_text()


def test_the_public_address_is_the_one_that_the_proxy_answers(compose: dict[str, Any]) -> None:
    def usual(text: str) -> str:
        return re.sub(r"\$\{[A-Z_]+:-(.*)\}", r"\1", text)

    address = usual(compose["services"]["web"]["environment"]["RELANCE_PUBLIC_URL"])

    assert address == f"https://{usual(compose['services']['proxy']['environment']['RELANCE_HOST'])}"


def test_the_image_is_not_run_by_root_and_holds_only_what_is_locked() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    last = lines[[number for number, line in enumerate(lines) if line.startswith("FROM")][-1]:]

    assert any(re.match(r"USER (?!root)", line) for line in last)
    assert not any(re.search(r"pip install", line) for line in last)
    assert all("--no-deps" in line for line in lines if "pip install" in line)
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {"core", "integrations", "gcal_reminders", "pyproject.toml", "requirements.lock"} <= let_in
    (command,) = (json.loads(line.removeprefix("CMD ")) for line in last if line.startswith("CMD"))
    assert command[0] in COMMANDS


# ---------------------------------------------------------------------------------------------- systemd


class Unit(configparser.RawConfigParser):
    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",))
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read(path)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_real_commands_are_given_time_to_stop_and_may_do_little(path: Path) -> None:
    service = Unit(path)["Service"]
    program, *arguments = service["ExecStart"].split()

    assert program == "/opt/relance/bin/relance"
    assert understood(arguments)
    assert (service["User"], service["KillMode"], service["NoNewPrivileges"]) == ("relance", "mixed", "yes")
    assert service["ProtectSystem"] == "strict"
    assert int(service["TimeoutStopSec"]) > 10


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    program = tmp_path / "relance"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for path in UNITS:
        copies.append(tmp_path / path.name)
        copies[-1].write_text(path.read_text().replace("/opt/relance/bin/relance", str(program)))

    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, copies)], capture_output=True, text=True)

    assert [line for line in said.stderr.splitlines() if "relance" in line] == []


# ---------------------------------------------------------------------------------------------- all of it


def understood(arguments: list[str]) -> bool:
    """Whether `relance` has this command, with these options: it is asked for its help."""
    asked = [sys.executable, "-m", "core.cli", *arguments, "--help"]
    return subprocess.run(asked, capture_output=True, cwd=ROOT, check=False).returncode == 0


def test_every_setting_that_is_named_exists() -> None:
    own = {"RELANCE_HOST", "RELANCE_WEB"}  # the proxy's, not ours
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            for name in re.findall(r"RELANCE_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8")):
                known = name.removeprefix("RELANCE_").removesuffix("_FILE") in settings._KNOWN
                assert known or name in own, (path.name, name)

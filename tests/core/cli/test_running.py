"""`relance run` as a process: what it prints, that it serves, and that a stop finishes what is in the air."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from core.cli import cli

PATIENCE = 60
STDIN = subprocess.DEVNULL


@dataclass(slots=True)
class Process:
    """A running `relance` and what it said when it started."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["console"])

    def stop(self, name: signal.Signals = signal.SIGTERM) -> float:
        """Sends the signal; how many seconds the process took to end."""
        began = time.monotonic()
        self.process.send_signal(name)
        self.process.wait(timeout=PATIENCE)
        return time.monotonic() - began


def environment(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
    return {**clean, "RELANCE_DATA_DIR": str(folder / "var"), "RELANCE_LISTEN": "127.0.0.1:0", "RELANCE_MODE": "test",
            "RELANCE_LANGUAGE": "en", **more}


def relance(folder: Path, *arguments: str, **env: str) -> Result:
    """A command beside the running process: in this one, which has its modules already."""
    return CliRunner().invoke(cli, arguments, env=environment(folder, **env))


@contextmanager
def started(folder: Path, *arguments: str, **env: str) -> Iterator[Process]:
    # Its log goes to a file: a pipe that nobody reads is full after some hundred requests, and the process waits.
    with (folder / "log").open("w") as log, subprocess.Popen(
            [sys.executable, "-m", "core.cli", *arguments, "--json"], env=environment(folder, **env),
            stdout=subprocess.PIPE, stderr=log, text=True, stdin=STDIN) as process:
        # Each wait below has its own patience; this ends a process that none of them waits for.
        killer = threading.Timer(5 * PATIENCE, process.kill)
        killer.start()
        assert process.stdout is not None
        try:
            written = ""
            for line in process.stdout:
                written += line
                if line == "}\n":
                    break
            yield Process(process, json.loads(written) if written else {})
        finally:
            killer.cancel()
            if process.poll() is None:
                process.kill()


def ready(running: Process) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if requests.get(f"{running.url}/readyz", timeout=PATIENCE).status_code == 200:
            return True
    return False


def test_the_first_run_makes_everything_says_the_password_once_and_logs_no_secret(tmp_path: Path) -> None:
    with started(tmp_path, "run") as running:
        assert running.said["email"] == "owner@localhost"
        assert len(running.said["password"]) == 23
        assert "gcal_reminders" in running.said["adapters"]
        assert "simulator" in running.said["providers"]
        assert ready(running)
        assert running.stop() < 10
        assert running.process.returncode == 0
        assert running.said["password"] not in (tmp_path / "log").read_text()

    with started(tmp_path, "run") as again:
        assert "password" not in again.said
        assert again.stop(signal.SIGINT) < 10
        assert again.process.returncode == 0


def test_what_is_due_leaves_and_what_was_begun_is_answered_before_the_process_ends(tmp_path: Path) -> None:
    with started(tmp_path, "run") as running:
        key = relance(tmp_path, "keys", "create", "--name", "walk")
        assert key.stdout.startswith("rk_test_")
        sent = json.loads(relance(tmp_path, "send", "+33639980001", "Bonjour", "--class", "otp", "--json").stdout)
        headers = {"Authorization": f"Bearer {key.stdout.strip()}"}
        end, state = time.monotonic() + PATIENCE, ""
        while state not in ("sent", "delivered") and time.monotonic() < end:
            answer = requests.get(f"{running.url}/v1/messages/{sent['id']}", headers=headers, timeout=PATIENCE)
            state = answer.json()["state"]
        assert state in ("sent", "delivered")

        taken = relance(tmp_path, "run", RELANCE_LISTEN=running.url.removeprefix("http://"))
        assert taken.exit_code == 1
        assert taken.stderr.startswith("Error: RELANCE_LISTEN: ")

        answers = asked_until_it_stops(running)

    assert set(answers) == {200}


def asked_until_it_stops(running: Process) -> list[int]:
    """Four askers without a pause, while the process is told to stop: every status that was answered."""
    answers: list[int] = []
    busy = threading.Event()

    def ask() -> None:
        while True:
            try:
                answers.append(requests.get(f"{running.url}/healthz", timeout=PATIENCE).status_code)
            except requests.ConnectionError:
                return
            if len(answers) >= 50:
                busy.set()

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    assert busy.wait(PATIENCE)
    assert running.stop() < 10
    for asker in askers:
        asker.join(timeout=PATIENCE)
    return answers


@contextmanager
def deaf() -> Iterator[tuple[str, list[str]]]:
    """A server that takes every request, keeps its first line, and never answers."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    one, _ = door.accept()
                except OSError:
                    return
                held.append(one)
                asked.append(one.recv(65_536).split(b"\r\n")[0].decode())

        threading.Thread(target=hold, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}", asked
        finally:
            door.shutdown(socket.SHUT_RDWR)
            for one in held:
                one.close()


def test_who_never_answers_does_not_keep_the_process_from_ending_and_is_told_another_time(tmp_path: Path) -> None:
    with deaf() as (nobody, asked), started(tmp_path, "run", RELANCE_ALLOW_PRIVATE_ADDRESSES="true") as running:
        key = relance(tmp_path, "keys", "create", "--name", "walk").stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}

        def post(path: str, body: dict[str, Any]) -> None:
            made = requests.post(f"{running.url}{path}", json=body, headers=headers, timeout=PATIENCE)
            assert made.status_code < 300, made.text

        for number in range(3):
            post("/v1/webhooks", {"url": f"{nobody}/hook-{number}", "events": ["*"]})
        post("/v1/installations", {"adapter": "gcal_reminders", "name": "Agenda",
                                   "config": {"ical_url": f"{nobody}/agenda.ics"}})  # fmt: skip
        # A code, which leaves at any hour at which the tests are run.
        post("/v1/messages", {"to": "+33639980001", "body": "Bonjour", "class": "otp"})
        end = time.monotonic() + PATIENCE
        while len({line.split()[0] for line in asked}) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert {line.split()[0] for line in asked} == {"GET", "POST"}, "both hang"

        assert running.stop() < 10
        assert running.process.returncode == 0
    assert "stopped before everything had answered" not in (tmp_path / "log").read_text(), "in good order"

    with closing(sqlite3.connect(tmp_path / "var" / "relance.db")) as kept:
        assert {state for (state,) in kept.execute("SELECT state FROM deliveries")} == {"waiting"}
        assert next(state for (state,) in kept.execute("SELECT state FROM messages")) in ("sent", "delivered")


def test_the_web_alone_serves_and_asks_for_a_migrated_database(tmp_path: Path) -> None:
    refused = relance(tmp_path, "web")
    assert refused.exit_code == 1
    assert "relance migrate" in refused.stderr

    assert relance(tmp_path, "migrate").exit_code == 0
    with started(tmp_path, "web") as running:
        assert requests.get(f"{running.url}/healthz", timeout=PATIENCE).status_code == 200
        assert running.stop() < 10
        assert running.process.returncode == 0


@pytest.mark.parametrize(("name", "value"), [
    ("RELANCE_LISTEN", "8000"),
    ("RELANCE_MODE", "prod"),
    ("RELANCE_SECRET_KEYS", "short"),
    ("RELANCE_DATABASE_URL", "mysql://x"),
    ("RELANCE_RUNNER", "distributed"),
])
def test_a_wrong_setting_stops_the_start_with_its_sentence(tmp_path: Path, name: str, value: str) -> None:
    ended = relance(tmp_path, "run", **{name: value})

    assert ended.exit_code == 1
    assert "Example: RELANCE_" in ended.stderr
    assert "Traceback" not in ended.stderr

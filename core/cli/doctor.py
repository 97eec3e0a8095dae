"""`relance doctor`: eighteen checks, each with what was found and what to do."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.cli.desk import Desk, Refusal, command
from core.engine.checkup import CHECKS, OUTSIDE, Patient, looked
from core.storage import migrate
from core.storage.database import DatabaseAway
from core.suite import build_suite, read_clock

MARKS = {"ok": "ok", "warning": "!", "problem": "✗"}


@command("doctor", home=False)
@click.option("--offline", is_flag=True, help="Ask nobody outside this machine.")
def doctor_command(desk: Desk, offline: bool) -> None:
    """Look at everything that has to be well, and say what to do about what is not. Exit status 1 for a problem."""
    suite = build_suite(desk.settings)
    try:
        migrated = migrate.is_current(suite.database)
    except DatabaseAway:
        migrated = False
    if migrated:
        read_clock(suite)
    patient = Patient(suite, desk.language, migrated)
    found = [looked(check, patient) for check in CHECKS if not (offline and check in OUTSIDE)]

    def said() -> None:
        desk.table(["", desk.say("contrôle", "check"), desk.say("constat", "found"),
                    desk.say("que faire", "what to do")],
                   [(MARKS[one.result], one.check, one.found, one.remedy) for one in found])

    desk.show({"checks": [asdict(one) for one in found]}, said)
    problems = sum(one.result == "problem" for one in found)
    if problems:
        raise Refusal(desk.say(f"{problems} problèmes à régler.", f"{problems} problems to solve."))

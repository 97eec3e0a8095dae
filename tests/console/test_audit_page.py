"""The audit log on its page, as a file, for programs and on the command line."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from core.cli import cli
from core.storage import access, audit, house
from core.storage import tables as t
from tests.console.test_session import House, home

__all__ = ["home"]


def fill(home: House, count: int) -> None:
    suite = home.clinic.suite
    with suite.database.write(home.clinic.workspace) as tx:
        for number in range(count):
            house.note(tx, "engine", "account_held", f"acc_{number}", {"code": "=1+1"}, suite.now())
        audit.chain(tx, suite.now())


def test_it_is_paged_filtered_and_for_admins(home: House) -> None:
    fill(home, 60)
    visitor, viewer = home.person("admin"), home.person("editor", "vera@example.org")
    page = visitor.get("/settings/audit").text
    older = visitor.get("/settings/audit?after=" + page.split("after=")[1].split('"')[0]).text

    assert viewer.get("/settings/audit").status_code == viewer.get("/settings/audit/file").status_code == 403
    assert "s’est connecté" in page
    assert "acc_59" in page
    assert "acc_0<" not in page
    assert "acc_0<" in older
    assert "acc_59" not in older
    only = visitor.get("/settings/audit?what=signed_in").text
    assert "acc_" not in only
    assert "acc_" not in visitor.get("/settings/audit?from=2026-12-01").text
    assert visitor.get("/settings/audit?from=x&until=9999-99-99&after=%27&who=%00").status_code in (200, 400)


def test_it_is_read_over_and_says_which_line_was_changed(home: House) -> None:
    fill(home, 3)
    visitor = home.person("owner")
    assert "Le journal est intact" in visitor.get("/settings/audit?check=1").text
    with home.clinic.suite.database.write() as tx:
        tx.connection.execute(update(t.audit).where(t.audit.c.on == "acc_1").values(who="somebody"))

    page = visitor.get("/settings/audit?check=1").text
    assert "Le journal a été modifié" in page
    assert "Ligne 2" in page
    assert "modifiée" in page


def test_as_a_file_it_holds_no_formula_and_the_hashes(home: House) -> None:
    fill(home, 2)
    answer = home.person("owner").get("/settings/audit/file?what=account_held")
    head, *rows = csv.reader(answer.get_data().decode("utf-8-sig").splitlines(), delimiter=";")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-2026-11-30.csv"'
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["numéro"], row["sur"], len(row["empreinte"])) for row in found] == [
        ("2", "acc_1", 64), ("1", "acc_0", 64)]  # fmt: skip
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row if cell)


def test_programs_need_a_key_that_may(home: House) -> None:
    fill(home, 3)
    suite, visitor = home.clinic.suite, home.visitor()
    for scopes, status in (((), 200), (("read", "audit"), 200), (("read",), 403), (("write",), 403)):
        with suite.database.write(home.clinic.workspace) as tx:
            _, key = access.add_key(tx, "k", suite.now(), test=True, scopes=scopes)
        answer = visitor.get("/v1/audit?limit=2&what=account_held", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status, scopes
        if status == 200:
            assert [one["number"] for one in answer.json["data"]] == [3, 2]
            assert answer.json["has_more"]


def test_the_command_line_reads_it_over(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home, 3)
    settings = home.clinic.suite.settings
    for name, value in {"DATABASE_URL": settings.database_url.replace("+psycopg", ""), "MODE": "test",
                        "DATA_DIR": str(settings.data_dir), "SECRET_KEYS": ",".join(settings.secret_keys)}.items():
        monkeypatch.setenv(f"RELANCE_{name}", value)

    def run(*words: str, status: int = 0):
        done = CliRunner().invoke(cli, ["audit", *words, "--json"])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout)["data"]

    [verdict] = run("verify")
    assert verdict["broken"] == []
    assert run("verify", "--workspace", home.clinic.workspace, "--expect", verdict["head"])
    assert len(run("list", "--what", "account_held", "--limit", "2")) == 2
    with home.clinic.suite.database.write() as tx:
        tx.connection.execute(update(t.audit).where(t.audit.c.on == "acc_1").values(detail={}))
    [verdict] = run("verify", status=1)
    assert [(one["kind"], one["number"]) for one in verdict["broken"]] == [("changed", 2)]

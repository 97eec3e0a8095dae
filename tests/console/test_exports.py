"""Files to take away: asked for beside a list, made in the background, downloaded, deleted."""

from __future__ import annotations

import csv
import io
import re
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from core.engine import exporting
from core.storage import house
from core.storage import tables as t
from tests.support.clinic import ANA, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    found = Clinic(tmp_path)
    found.write("ana", "2026-12-02T10:00:00+01:00", title="Mme Martin")
    return found


def made(clinic: Clinic, visitor: Visitor) -> str:
    """The newest file's path, once it is made."""
    exporting.run_due(clinic.suite)
    found = re.search(r'href="(/exports/exp_[a-z0-9]+/file)"', visitor.get("/exports"))
    assert found is not None
    return found[1]


def rows(visitor: Visitor, path: str) -> list[dict[str, str]]:
    answer = visitor.browser.get(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_no_file_yet_teaches(clinic: Clinic) -> None:
    assert "Aucun fichier demandé" in Visitor(clinic).get("/exports")


def test_a_list_of_messages_becomes_a_file_with_its_filters(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        tx.connection.execute(t.rules.update().values(name="=HYPERLINK(1)"))
    visitor = Visitor(clinic, role="editor")
    assert "/exports?what=messages&amp;state=scheduled" in visitor.get("/messages?state=scheduled")
    asked = visitor.get("/exports?what=messages&state=scheduled&from=2026-11-01")
    assert "prévu" in asked

    page = visitor.post("/exports?what=messages&state=scheduled", what="messages", format="csv").text
    assert "Le fichier est en préparation" in page
    assert "en attente" in page

    [row] = rows(visitor, made(clinic, visitor))
    assert (row["numéro"], row["état"], row["règle"]) == (ANA, "prévu", "'=HYPERLINK(1)")
    assert row["prévu le"] == "2026-12-01T18:00:00+01:00"
    visitor.post("/exports?what=messages&state=sent", what="messages", format="csv")
    assert rows(visitor, made(clinic, visitor)) == []
    # Filters are those of messages alone.
    visitor.post("/exports?what=messages&state=sent", what="occasions", format="csv")
    assert len(rows(visitor, made(clinic, visitor))) == 1


def test_what_the_crm_pages_filter_by_is_kept(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    visitor.post(f"/exports?what=messages&installation={clinic.installation}&did=clicked&to=06+39+98+00+01",
                 what="messages", format="csv")  # fmt: skip
    assert rows(visitor, made(clinic, visitor)) == []


def test_a_file_is_deleted(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    visitor.post("/exports", what="contacts", format="jsonl")
    path = made(clinic, visitor)
    assert "Fichier supprimé" in visitor.post(path.replace("/file", "/remove")).text
    assert visitor.browser.get(path).status_code == 410


def test_who_may_only_look_takes_nothing_away(clinic: Clinic) -> None:
    viewer = Visitor(clinic, role="viewer")
    assert viewer.browser.get("/exports").status_code == 403
    assert viewer.post("/exports", what="messages").status_code == 403
    assert "/exports" not in viewer.get("/messages")


def test_another_workspace_s_file_is_not_there(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    visitor.post("/exports", what="contacts", format="csv")
    path = made(clinic, visitor)
    other = copy(clinic)
    with clinic.suite.database.write() as tx:
        other.workspace = house.add_workspace(tx, "Boutique Nord", {"language": "fr"}, clinic.suite.now())
    stranger = Visitor(other)
    assert stranger.browser.get(path).status_code == 404
    assert stranger.post(path.replace("/file", "/remove")).status_code == 404


@pytest.mark.parametrize("form", [{"what": "verifications"}, {"what": "messages", "format": "xls"}, {}])
def test_what_is_no_list_is_refused(clinic: Clinic, form: dict[str, Any]) -> None:
    assert Visitor(clinic).post("/exports", **form).status_code == 404


@pytest.mark.parametrize("path, what", [("/contacts", "contacts"), ("/conversations", "conversations")])
def test_a_list_leads_to_its_file(clinic: Clinic, path: str, what: str) -> None:
    visitor = Visitor(clinic, role="editor")
    assert f"/exports?what={what}" in visitor.get(path)
    assert f'<option value="{what}" selected>' in visitor.get(f"/exports?what={what}")
    assert f"/exports?what={what}" not in Visitor(clinic, role="viewer").get(path)

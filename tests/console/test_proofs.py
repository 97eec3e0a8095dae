"""What the other side is given by hand: whoever may connect finds the address and the secret, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contract import Configured
from core.storage import installations
from tests.support.clinic import Clinic
from tests.support.console import Visitor

SECRET = "kept-by-the-other-side-0123456789"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def connected(clinic: Clinic, secrets: dict[str, str]) -> str:
    with clinic.suite.database.write(clinic.workspace) as tx:
        return installations.add(
            tx, clinic.suite.vault, "gcal_reminders", "Acme", Configured({}, secrets), clinic.suite.now(),
            zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip


def test_the_address_and_the_secret_are_for_whoever_may_connect(clinic: Clinic) -> None:
    name = connected(clinic, {"signing_secret": SECRET})
    shown = Visitor(clinic).get(f"/connections/{name}/proof")
    assert SECRET in shown
    assert f"/hooks/gcal_reminders/{name}" in shown
    assert "Adresse" in shown
    assert f"/connections/{name}/proof" in Visitor(clinic, "admin").get("/connections")

    editor = Visitor(clinic, "editor")
    assert editor.browser.get(f"/connections/{name}/proof").status_code == 403
    assert SECRET not in editor.get("/connections")
    assert f"/connections/{name}/proof" not in editor.get("/connections")


def test_a_connection_without_a_secret_has_no_such_page(clinic: Clinic) -> None:
    name = connected(clinic, {})
    visitor = Visitor(clinic, "admin", "en")
    assert visitor.browser.get(f"/connections/{name}/proof").status_code == 404
    assert visitor.browser.get("/connections/ins_nothing/proof").status_code == 404
    assert f"/connections/{name}/proof" not in visitor.get("/connections")

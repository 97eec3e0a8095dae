"""Mesures and Pages in the console: who may do what, wrong periods, pictures, and the list behind a figure."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from core.storage import house, pages
from tests.core.domain.test_pictures import png
from tests.support.clinic import Clinic
from tests.support.console import Visitor

PAGE = {"action": "none", "fr.title": "Fermé lundi"}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    made = Clinic(tmp_path_factory.mktemp("measures"))
    for index in range(3):
        made.write(f"visit{index}", "2026-12-04T10:00:00+01:00", f"+3363998550{index}")
    made.at("2026-12-03T18:01:00+01:00")
    return made


@pytest.fixture(scope="module")
def visitor(clinic: Clinic) -> Visitor:
    return Visitor(clinic)


def test_a_figure_opens_its_messages(visitor: Visitor) -> None:
    page = visitor.get("/measures")
    assert "3 sur 3" not in page
    assert 'href="/messages?behind=left&amp;from=2026-11-04&amp;until=2026-12-03"' in page
    assert visitor.get("/messages?behind=left&from=2026-11-04&until=2026-12-03").count('<td data-label="État">') == 3
    assert visitor.get("/messages?behind=left&from=2026-12-01&until=2026-12-02").count('<td data-label="État">') == 0
    assert visitor.get("/messages?behind=asked&from=2026-12-03&until=2026-12-03&country=BE").count("data-label") == 0


@pytest.mark.parametrize("query", ["from=2026-12-02&until=2026-12-01", "from=2020-01-01&until=2026-12-01"])
def test_a_wrong_period_is_said_and_the_usual_one_shown(visitor: Visitor, query: str) -> None:
    answer = visitor.browser.get(f"/measures?{query}")
    assert answer.status_code == 422
    assert "400 jours au plus" in answer.text.replace("\u00a0", " ")


@pytest.mark.parametrize("query", [
    "days=x", "from=x", "channel='--", "rule=%00x", "country=%3Cscript%3E", "days=7&days=8",
])  # fmt: skip
def test_what_cannot_be_read_is_no_error(visitor: Visitor, query: str) -> None:
    answer = visitor.browser.get(f"/measures?{query}")
    assert answer.status_code in (200, 400)
    assert "<script>" not in answer.text.replace("<script src=", "")


def test_how_long_an_order_is_owed_is_an_administrators_word(clinic: Clinic, visitor: Visitor) -> None:
    for wrong in ("0", "169", "x", ""):
        visitor.post("/measures/window", hours=wrong)
    visitor.post("/measures/window", hours="48")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert house.workspace(tx, clinic.workspace)["settings"]["recovery_hours"] == 48  # type: ignore[index]
    assert Visitor(clinic, "editor").post("/measures/window", hours="5").status_code == 403


def test_a_page_has_a_picture_and_loses_it(clinic: Clinic, visitor: Visitor) -> None:
    assert Visitor(clinic, "viewer").post("/pages", **PAGE).status_code == 403
    assert "La page est en ligne" in visitor.post("/pages", **PAGE).text
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = pages.listed(tx)

    def put(content: bytes, **more: str) -> int:
        form = {"csrf": visitor.csrf, "picture": (io.BytesIO(content), "x.png"), **more}
        return visitor.browser.post(f"/pages/{row['id']}/picture", data=form).status_code

    assert put(b"<svg onload='alert(1)'/>") == 422
    assert visitor.browser.get(f"/p/{row['code']}/picture").status_code == 404
    assert put(png() + b"hidden") == 303
    shown = visitor.browser.get(f"/p/{row['code']}/picture")
    assert (shown.content_type, shown.data) == ("image/png", png())
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert f"/p/{row['code']}/picture" in visitor.get(f"/p/{row['code']}")
    assert put(b"", remove="1") == 303
    assert visitor.browser.get(f"/p/{row['code']}/picture").status_code == 404


def test_a_page_is_changed_and_taken_offline(clinic: Clinic, visitor: Visitor, tmp_path: Path) -> None:
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = pages.listed(tx)[0]
    call = {**PAGE, "action": "call", "fr.button": "Appeler"}
    assert visitor.post(f"/pages/{row['id']}", **{**call, "number": "x"}).status_code == 422
    visitor.post(f"/pages/{row['id']}", **{**call, "number": "06 39 98 55 00"})
    assert 'href="tel:+33639985500"' in visitor.get(f"/p/{row['code']}")
    assert visitor.post("/pages/pag_none/end").status_code == 404
    visitor.post(f"/pages/{row['id']}/end")
    assert visitor.browser.get(f"/p/{row['code']}").status_code == 410
    assert "retirée" in visitor.get("/pages")

"""A platform that calls us: its access is made, its password is shown once, its sheet is copied over there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from core.engine.serving import Serving
from tests.fakes.esme import Esme
from tests.support.console import Visitor
from tests.support.running import Running

PASSWORD = re.compile(r'<code id="line-password"[^>]*>(\w{8})</code>')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("lines"), smpp_listen="127.0.0.1:0") as running:
        yield running


@pytest.fixture(scope="module")
def owner(house: Running) -> Visitor:
    return Visitor(house)


def made(owner: Visitor) -> tuple[str, str]:
    """A new connection's id, and the page that says its password."""
    before = {one["id"] for one in owner.clinic.client.get("/v1/installations").json()["data"]}
    answer = owner.post("/connections/new/adobe_campaign/line", **{"class": "transactional", "reply_to": "36180"})
    assert answer.status_code == 201, answer.text
    after = {one["id"] for one in owner.clinic.client.get("/v1/installations").json()["data"]}
    return (after - before).pop(), answer.text


def test_a_password_is_shown_once_and_opens_the_line(owner: Visitor, house: Running) -> None:
    assert "/connections/new/adobe_campaign/line" in owner.get("/connections/new")
    installation, page = made(owner)
    first = PASSWORD.search(page)
    assert first is not None
    assert first[1] not in owner.get(f"/connections/{installation}/line")

    second = PASSWORD.search(owner.post(f"/connections/{installation}/line/password").text)
    assert second is not None
    assert second[1] != first[1]

    serving = Serving(house.suite)
    serving.turn(house.suite, at_once=True)
    port = serving.port("adobe_campaign")
    assert port is not None
    account = house.client.get(f"/v1/installations/{installation}").json()["config"]["system_id"]
    with Esme(port, account, second[1]) as line:
        serving.turn(house.suite, at_once=True)
        shown = unescape(owner.get(f"/connections/{installation}/line"))
        assert "Connecté" in shown
        assert account in shown
        assert "aucune connexion par laquelle" in unescape(owner.get(f"/connections/{installation}/checks"))
        line.unbind()
    serving.stop()


def test_what_does_not_fit_is_said_beside_its_field(owner: Visitor) -> None:
    answer = owner.post("/connections/new/adobe_campaign/line", **{"class": "marketing", "networks": "chez nous"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


def test_what_may_be_sent_is_chosen_anew_without_another_password(owner: Visitor, house: Running) -> None:
    installation, _ = made(owner)
    owner.post(f"/connections/{installation}/line", **{"class": "marketing", "consent": "campaign", "reply_to": ""})
    config = house.client.get(f"/v1/installations/{installation}").json()["config"]
    assert (config["class"], config["consent"]) == ("marketing", "campaign")
    assert "reply_to" not in config
    wrong = owner.post(f"/connections/{installation}/line", **{"class": "marketing", "reply_to": "abc"})
    assert wrong.status_code == 422


def test_who_may_only_look_makes_no_access(house: Running, owner: Visitor) -> None:
    installation, _ = made(owner)
    viewer = Visitor(house, "viewer")
    assert viewer.browser.get("/connections/new/adobe_campaign/line").status_code == 403
    assert viewer.post(f"/connections/{installation}/line/password").status_code == 403
    assert "••••" in viewer.get(f"/connections/{installation}/line")
    assert owner.browser.get(f"/connections/{installation}/code").status_code == 404
    assert owner.browser.get("/connections/new/gcal_reminders/line").status_code == 404

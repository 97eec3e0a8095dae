"""Journey (e) without a browser: the code, what the site may trigger, forms, the owner's alert, a trial, the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.domain.events import Event, Kind
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import applying
from core.storage import installations, rules
from tests.console.test_shops import plain
from tests.support.console import Visitor
from tests.support.running import Running

ANA, OWNER = "+33639980001", "+33639980010"


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def owner(relance: Running) -> Visitor:
    return Visitor(relance)


@pytest.fixture
def site(owner: Visitor) -> str:
    made = owner.post("/connections/new/wordpress_bridge/code", url="www.exemple.fr")
    return str(made.request.path.split("/")[2])


def told(relance: Running, site: str, *events: Event) -> None:
    """As the site's plugin would, past its signature."""
    with relance.suite.database.write(relance.workspace) as tx:
        row = installations.get(tx, relance.suite.vault, site, relance.suite.public_url)
        assert row is not None
        applying.accept(tx, row, list(events), relance.suite.now())


def filled(relance: Running, entry: str, number: str | None, audience: str = "visitor") -> Event:
    values = {"form": "cf7-12", "title": "Demande de devis", "name": "Ana", "what": "form", "audience": audience}
    person: dict[str, Any] = {"recipient": Recipient.parse(number)} if number else {
        "trouble": Reason("wordpress_no_phone")}  # fmt: skip
    return Event(Kind.FORM, f"{audience}/{entry}", relance.suite.now(), values=values, **person)


def by_preset(relance: Running, site: str) -> dict[str, Any]:
    with relance.suite.database.read(relance.workspace) as tx:
        return {one["preset"]: one for one in rules.rows(tx, installation=site)}


def test_a_site_that_waits_for_its_code_says_so_with_the_plugin_beside_it(relance: Running, site: str,
                                                                          owner: Visitor) -> None:  # fmt: skip
    page = owner.get(f"/sites/{site}")

    assert "Le site n’est pas encore relié" in page
    assert f'href="/connections/{site}/code"' in page
    assert 'href="/connections/wordpress_bridge/plugin.zip"' in page
    assert f'href="/sites/{site}"' in owner.get(f"/connections/{site}/code")
    assert f'href="/sites/{site}"' in owner.get("/connections")
    assert 'href="/connections/new/wordpress_bridge/code"' in owner.get("/start")


def test_what_the_site_may_trigger_is_a_switch_each_and_a_text(relance: Running, site: str, owner: Visitor) -> None:
    known = by_preset(relance, site)
    page = owner.get(f"/sites/{site}")
    assert "Ce que votre site peut déclencher" in page
    for preset in ("form-confirmation", "form-alert", "comment-alert", "welcome-member", "new-post"):
        assert f'value="{known[preset]["id"]}"' in page
    assert "checked" not in page

    chosen = [known["form-confirmation"]["id"], known["form-alert"]["id"]]
    saved = owner.post(f"/sites/{site}", on=chosen, **{f"body-{chosen[0]}": "Bien reçu, merci !"})

    assert "Vos choix sont enregistrés" in saved.text
    after = by_preset(relance, site)
    assert {name for name, one in after.items() if one["active"]} == {"form-confirmation", "form-alert"}
    assert after["form-confirmation"]["body"] == "Bien reçu, merci !"
    assert owner.post(f"/sites/{site}", on=chosen, **{f"body-{chosen[0]}": ""}).status_code == 422
    assert Visitor(relance, "viewer").post(f"/sites/{site}").status_code == 403


def test_the_visitor_is_answered_and_the_owner_is_told_and_the_log_shows_both(
    relance: Running, site: str, owner: Visitor
) -> None:
    known = by_preset(relance, site)
    owner.post(f"/sites/{site}", on=[known["form-confirmation"]["id"], known["form-alert"]["id"]])
    owner.post(f"/connections/{site}/live")

    told(relance, site, filled(relance, "1", ANA), filled(relance, "1", OWNER, "owner"), filled(relance, "2", None))
    relance.settle()

    assert {one["to"] for one in relance.phones()} == {ANA, OWNER}
    said = plain(owner.get(f"/sites/{site}"))
    assert re.search(r"Demande de devis rempli 2 fois · 1 avec un numéro", said)
    assert said.count("Formulaire : Demande de devis") == 3
    assert said.count("envoyé") == 2


def test_a_form_without_a_telephone_says_where_to_name_its_field(relance: Running, site: str, owner: Visitor) -> None:
    told(relance, site, filled(relance, "1", None))
    assert "dites quel champ est le téléphone" in owner.get(f"/sites/{site}")


def test_a_trial_goes_to_ones_own_phone(relance: Running, site: str, owner: Visitor) -> None:
    sent = owner.post(f"/sites/{site}/trial", number="06 39 98 00 10", once="a")
    relance.settle()

    assert "L’essai part maintenant" in sent.text
    (one,) = relance.phones()
    assert one["to"] == OWNER
    assert "voici l'essai demandé" in one["text"]

"""Modèles WhatsApp: shown as a phone shows them, with what is wrong and what to do; chosen in a rule, and checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Configured, ProviderTools
from core.domain.approved import Button, Category, News, Status, Template
from core.domain.content import checked
from core.domain.reach import Ability
from core.domain.reasons import Reason
from core.engine import approving
from core.providers.whatsapp_cloud import WhatsAppCloud
from core.storage import accounts, approved, reach, rules
from tests.support.clinic import NOW, Clinic
from tests.support.console import Visitor

REMINDER = Template(
    "rdv_rappel", "fr", Status.APPROVED, Category.UTILITY, body="Bonjour {{1}}, rendez-vous le {{2}}.",
    header_kind="text", header="Rappel", footer="Cabinet Lyon", buttons=(Button("reply", "Je confirme"),),
)  # fmt: skip
TEMPLATES = (
    REMINDER,
    Template("promo", "fr", Status.REJECTED, Category.MARKETING, body="Soldes <b>!", rejected="PROMOTIONAL"),
    Template("photo", "en_US", Status.PAUSED, Category.UTILITY, body="Hello", header_kind="image", note="Until 12:47."),
)
GIVEN = {"name": "rdv_rappel", "language": "fr", "body": ["{{ name }}", "{{ start|date }}"]}


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    clinic = Clinic(tmp_path)
    meta = WhatsAppCloud(ProviderTools(urls={"whatsapp": "http://127.0.0.1:9"}))
    clinic.suite = replace(clinic.suite, providers={**clinic.suite.providers, meta.slug: meta})
    with clinic.suite.database.write(clinic.workspace) as tx:
        row = accounts.add(tx, clinic.suite.vault, "whatsapp_cloud", "WhatsApp du cabinet", Configured({}, {}), NOW,
                           public_url=clinic.suite.public_url)  # fmt: skip
        approved.replaced(tx, row.account.id, TEMPLATES, NOW)
        approved.asked(tx, row.account.id, NOW, NOW + timedelta(hours=4), None)
    clinic.account = row.account  # type: ignore[attr-defined]
    return clinic


def name_template(clinic: Clinic, **given: Any) -> None:
    """The clinic's rule sends by WhatsApp first."""
    with clinic.suite.database.write(clinic.workspace) as tx:
        row = rules.row(tx, clinic.rule)
        assert row is not None
        content = checked({"whatsapp": {"template": {**GIVEN, **given}}})
        rules.change(tx, clinic.rule, {"channels": ["whatsapp", "sms"], "content": content})


def form(clinic: Clinic, page: str) -> dict[str, str]:
    """What the rule's form holds, as a browser would send it back."""
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = rules.row(tx, clinic.rule)
    assert row is not None
    return {"name": row["name"], "on": row["on"], "class": row["class"], "body": row["body"] or "", "when": "wall",
            "days": "1", "day_direction": "before", "at": "18:00", "zone": "occasion", "channel": "whatsapp",
            "next_channel": "sms", "active": "1", "installation": row["installation"] or ""}


def test_every_template_is_shown_with_what_is_wrong_and_what_to_do(clinic: Clinic) -> None:
    page = Visitor(clinic).get("/whatsapp")
    assert page.index("promo") < page.index("photo") < page.index("rdv_rappel"), "what needs somebody first"
    for words in ("approuvé", "refusé", "suspendu", "publicité", "Je confirme", "Cabinet Lyon", "Une image",
                  "texte publicitaire dans un modèle de service", "Until 12:47.", "Que faire", "Meta l’a refusé"):
        assert words in page, words
    assert "Soldes &lt;b&gt;!" in page
    assert "<mark>valeur 1</mark>" in page


def test_a_rule_that_uses_it_fills_the_picture_and_is_named(clinic: Clinic) -> None:
    name_template(clinic)
    page = Visitor(clinic, language="en").get("/whatsapp")
    assert f'href="/rules/{clinic.rule}"' in page
    assert "<mark>Mme Roux</mark>" in page
    assert "approved" in page


def test_what_a_rule_lacks_stands_beside_it_and_on_the_page_of_the_day(clinic: Clinic) -> None:
    name_template(clinic, body=["{{ name }}"])
    visitor = Visitor(clinic)
    page = visitor.get("/whatsapp")
    assert "attend 2 valeur(s) dans son texte" in page
    today = visitor.get("/today")
    assert "règle ne peut pas envoyer son modèle WhatsApp" in today
    name_template(clinic, name="inconnu")
    assert "Des règles nomment un modèle qui n’existe pas" in visitor.get("/whatsapp")


def test_a_change_that_is_ahead_is_announced(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        news = News("rdv_rappel", "fr", clinic.suite.now(), category=Category.UTILITY, next_category=Category.MARKETING,
                    next_category_at=NOW + timedelta(days=1))  # fmt: skip
        approving.heard(tx, clinic.account, [news], clinic.suite.now())  # type: ignore[attr-defined]
    assert "Meta le rangera dans la publicité" in Visitor(clinic).get("/whatsapp")


def test_without_an_account_the_page_says_where_to_begin(tmp_path: Path) -> None:
    assert "Aucun compte WhatsApp" in Visitor(Clinic(tmp_path)).get("/whatsapp")


def test_a_list_that_did_not_come_says_why_and_what_to_do(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        why = Reason("approved_no_account", {"field": "waba_id"})
        approved.asked(tx, clinic.account.id, NOW, NOW, why)  # type: ignore[attr-defined]
    page = Visitor(clinic).get("/whatsapp")
    assert "WhatsApp Business (waba_id)" in page
    assert "copiez l’identifiant" in page


def test_it_is_asked_for_again_by_a_click_of_an_editor(clinic: Clinic) -> None:
    path = f"/whatsapp/{clinic.account.id}/refresh"  # type: ignore[attr-defined]
    assert Visitor(clinic, "viewer").post(path, follow=False).status_code == 403
    visitor = Visitor(clinic)
    assert "n’ont pas pu être relus" in visitor.post(path).text, "it does not say its business account"
    assert visitor.post("/whatsapp/acc_other/refresh", follow=False).status_code == 404


def test_a_rule_chooses_its_template_and_is_told_what_does_not_fit(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    page = visitor.get(f"/rules/{clinic.rule}")
    assert 'value="rdv_rappel/fr"' in page
    fields = form(clinic, page)
    short = {**fields, "wa_template": "rdv_rappel/fr", "wa_values": "{{ name }}"}
    wrong = visitor.post(f"/rules/{clinic.rule}", **short)
    assert wrong.status_code == 422
    assert "attend 2 valeur(s) dans son texte" in wrong.text

    whole = {**fields, "wa_template": "rdv_rappel/fr", "wa_values": "{{ name }}\n{{ start|date }}"}
    confirm = visitor.post(f"/rules/{clinic.rule}", **whole)
    assert 'name="wa_template" value="rdv_rappel/fr"' in confirm.text
    visitor.post(f"/rules/{clinic.rule}", **whole, confirm="1")
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = rules.row(tx, clinic.rule)
    assert row is not None
    assert row["content"] == checked({"whatsapp": {"template": GIVEN}})
    assert 'class="chat"' in visitor.get(f"/rules/{clinic.rule}")

    visitor.post(f"/rules/{clinic.rule}", **fields, wa_template="-", confirm="1")
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = rules.row(tx, clinic.rule)
    assert row is not None
    assert row["content"] is None


def test_a_template_that_waits_is_warned_about_and_saved(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    fields = {**form(clinic, ""), "wa_template": "photo/en_US", "wa_values": ""}
    refused = visitor.post(f"/rules/{clinic.rule}", **fields)
    assert refused.status_code == 422, "it wants a picture, which this form does not give"
    with clinic.suite.database.write(clinic.workspace) as tx:
        news = News("rdv_rappel", "fr", clinic.suite.now(), Status.PAUSED, note="Until 12:47.")
        approving.heard(tx, clinic.account, [news], clinic.suite.now())  # type: ignore[attr-defined]
    fields |= {"wa_template": "rdv_rappel/fr", "wa_values": "a\nb"}
    told = visitor.post(f"/rules/{clinic.rule}", **fields)
    assert told.status_code == 200
    assert "Meta a suspendu le modèle WhatsApp" in told.text


def test_named_blanks_are_filled_by_their_names(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        named = Template("nomme", "fr", Status.APPROVED, Category.UTILITY, body="Bonjour {{first_name}}.")
        approved.replaced(tx, clinic.account.id, [*TEMPLATES, named], NOW)  # type: ignore[attr-defined]
    visitor = Visitor(clinic)
    fields = {**form(clinic, ""), "wa_template": "nomme/fr"}
    assert visitor.post(f"/rules/{clinic.rule}", **fields, wa_values="Ana").status_code == 422
    visitor.post(f"/rules/{clinic.rule}", **fields, wa_values="first_name = {{ first_name or 'vous' }}", confirm="1")
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = rules.row(tx, clinic.rule)
    assert row is not None
    assert row["content"]["whatsapp"]["template"]["body"] == {"first_name": "{{ first_name or 'vous' }}"}


def test_the_difference_and_the_rehearsal_say_whom_rcs_reaches(clinic: Clinic) -> None:
    clinic.write("roux", "2026-12-02T14:30:00+01:00", name="Mme Roux")
    visitor = Visitor(clinic)
    fields = {**form(clinic, ""), "channel": "rcs", "at": "17:00"}
    assert "n’est pas encore connue" in visitor.post(f"/rules/{clinic.rule}", **fields).text
    with clinic.suite.database.write(clinic.workspace) as tx:
        reach.learn(tx, "agent", [(Ability("+33639980001", False), clinic.suite.now())])
    assert "le canal suivant est pris d’emblée" in visitor.post(f"/rules/{clinic.rule}", **fields).text

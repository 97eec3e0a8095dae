"""The same pages with HubSpot and with Salesforce: fields by their own labels, a record, an estimate, a workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from core.storage import installations
from tests.fakes.hubspot import FakeHubSpot
from tests.fakes.salesforce import FakeSalesforce, column
from tests.story.test_hubspot import House
from tests.story.test_salesforce import Acme
from tests.support.console import Visitor
from tests.support.running import START, Running

LONG_AGO = START - timedelta(days=30)


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot(now=START) as running:
        running.described |= {
            "mobilephone": ("Numéro de mobile", "phone_number"), "phone": ("Téléphone", "phone_number"),
            "tel_assistante": ("Téléphone de l'assistante", "string"), "accord_sms": ("Accord SMS", "bool"),
            "relance_sms_optout": ("Refuse les SMS (Relance)", "bool"), "fin_contrat": ("Fin de contrat", "date"),
        }  # fmt: skip
        running.kinds_of_subscription = {"77": "Offres du mois"}
        yield running
        assert running.violations == []


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    with FakeSalesforce(now=START) as fake:
        fake.kinds["Contact"].fields |= {"Ends__c": column("date"), "Car_Phone__c": column("phone")}
        fake.kinds["RecordType"].records["012"] = {"Id": "012", "DeveloperName": "Insurance"}
        yield fake
    assert fake.violations == []


def plain(page: str) -> str:
    """The page's words, without its tags."""
    text = unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))
    return re.sub(r"[\s\u202f\u00a0]+", " ", text)


def config(relance: Running, id: str) -> dict[str, Any]:
    with relance.suite.database.read(relance.workspace) as tx:
        row = installations.get(tx, relance.suite.vault, id, relance.suite.public_url)
    assert row is not None
    return dict(row.installation.config)


def visit(relance: Any) -> Visitor:
    return Visitor(relance)


def send(visitor: Visitor, path: str, form: dict[str, Any]) -> str:
    answer = visitor.post(path, **form)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def test_hubspot(tmp_path: Path, hubspot: FakeHubSpot) -> None:
    ana = hubspot.contact(firstname="Ana", lastname="Roux", mobilephone="06 39 98 00 01", email="ana@example.org",
                          at=LONG_AGO, accord_sms="true", fin_contrat="2026-12-20", hs_language="fr-fr")  # fmt: skip
    hubspot.contact(firstname="Bob", lastname="Petit", phone="06 39 98 00 08", at=LONG_AGO, relance_sms_optout="true")
    hubspot.contact(firstname="Chloé", lastname="Blanc", tel_assistante="06 39 98 00 09", at=LONG_AGO,
                    accord_sms="true")  # fmt: skip
    with Running(tmp_path, **hubspot.settings) as relance:
        house = House(relance, hubspot)
        owner, base = visit(relance), f"/connections/{house.id}"

        page = owner.get(f"{base}/fields?search=Ana Roux")
        assert "<mark>06 39 98 00 01</mark>" in page
        assert "Numéro de mobile" in page
        assert "Offres du mois" in page
        assert "D’accord pour la publicité depuis le samedi 31 octobre" in plain(page)
        assert "Langue Français" in plain(page)
        assert f"https://app.hubspot.com/contacts/4242/record/0-1/{ana}" in page

        form = {"slot-phones": ["", "mobilephone", "phone", "tel_assistante"], "slot-opt_out": "relance_sms_optout",
                "slot-opt_in": "accord_sms", "slot-subscription": "", "slot-dates": ["", "fin_contrat"]}  # fmt: skip
        tried = send(owner, f"{base}/fields", {**form, "try": "1", "search": "Chloé"})
        assert "<mark>06 39 98 00 09</mark>" in tried
        assert "phones" not in config(relance, house.id)
        send(owner, f"{base}/fields", {**form, "save": "1"})
        kept = config(relance, house.id)
        assert kept["phones"] == ["mobilephone", "phone", "tel_assistante"]
        assert kept["dates"] == ["fin_contrat"]
        assert "opt_out" not in kept, "ours is the usual one, and stays unsaid"
        assert kept["opt_in"] == "accord_sms"
        relance.settle()
        assert len(relance.client.get(f"/v1/occasions?installation={house.id}").json()["data"]) == 1

        wrong = owner.post(f"{base}/fields", **{**form, "save": "1", "slot-opt_in": "relance_sms_optout",
                                                 "slot-opt_out": "relance_sms_optout"})  # type: ignore[arg-type]
        assert wrong.status_code == 422
        assert "à la fois oui et non" in wrong.text

        page = plain(send(owner, f"{base}/estimate", {"body": "Bonjour {{ first_name }}", "class": "marketing"}))
        assert "3 fiches regardées 2 joignables" in page
        assert "La personne ne veut plus de messages" in page
        assert "Bob Petit" in page

        hubspot.lists = {"7": ("Zone nord", "0-1", [ana]), "8": ("Sociétés", "0-2", ["1"])}
        assert "Zone nord (1)" in plain(owner.get(f"{base}/estimate"))
        wanted = {"body": "Bonjour {{ first_name }}", "class": "marketing", "list": "7"}
        page = send(owner, f"{base}/estimate", wanted)
        assert "1 fiche regardée 1 joignable" in plain(page)
        assert '<option value="7" selected>' in page
        gone = send(owner, f"{base}/estimate", {**wanted, "list": "99"})
        assert "Cette liste n’existe plus dans HubSpot" in plain(gone)

        house.enrol(ana, message_type="service", message="Bonjour Ana")
        relance.settle()
        assert "inscrits" in owner.get(f"{base}/workflows")
        assert "1001" in owner.get(f"{base}/workflows")
        assert "Recherches par seconde" in owner.get(f"{base}/limits")
        hubspot.properties.discard("tel_assistante")
        hubspot.described.pop("tel_assistante")
        assert f'href="{base}/fields"' in owner.get(f"{base}/checks")
        assert "tel_assistante" in owner.get(f"{base}/fields"), "what is gone is shown by its name"
        assert "Refuse les SMS (Relance)" in owner.get(f"{base}/leaving")


def test_salesforce(tmp_path: Path, org: FakeSalesforce) -> None:
    ana = org.add("Contact", FirstName="Ana", LastName="Roux", Name="Ana Roux", MobilePhone="06 39 98 00 01",
                  Email="ana@example.org", Ends__c="2026-12-20")  # fmt: skip
    org.add("Contact", FirstName="Bob", LastName="Petit", Name="Bob Petit", Phone="06 39 98 00 08",
            Relance_SMS_Opt_Out__c=True)  # fmt: skip
    org.add("Lead", FirstName="Chloé", LastName="Blanc", Name="Chloé Blanc")
    with Running(tmp_path, **org.settings) as relance:
        acme = Acme(relance, org)
        owner, base = visit(relance), f"/connections/{acme.id}"

        page = owner.get(f"{base}/fields?search=Ana")
        assert "<mark>06 39 98 00 01</mark>" in page
        for words in ("Contacts", "Pistes", "Mobile Phone", "Autres enregistrements à suivre", "Contracts"):
            assert words in page
        assert f"https://acme.my.salesforce.com/lightning/r/Contact/{ana}" in page

        send(owner, f"{base}/fields", {"save": "1", "slot-Contact.phones": ["", "Car_Phone__c", "MobilePhone"],
                                       "slot-Contact.dates": ["", "Ends__c"], "slot-Lead.phones": ["", "MobilePhone",
                                       "Phone"], "slot-also": ["", "Contract"]})  # fmt: skip
        assert config(relance, acme.id)["objects"] == {
            "Contact": {"phones": ["Car_Phone__c", "MobilePhone"], "dates": ["Ends__c"]}, "Contract": {}}
        page = owner.get(f"{base}/fields")
        assert "slot-Contract.dates" in page
        refused = owner.post(f"{base}/fields", **{"save": "1", "slot-Contract.dates": "EndDate"})  # type: ignore[arg-type]
        assert refused.status_code == 422
        assert 'id="s-Contract-person-e"' in refused.text
        send(owner, f"{base}/fields", {"save": "1", "slot-Contract.dates": "EndDate", "slot-Contract.person":
                                       "CustomerSigned", "slot-Contract.record_types": "Insurance"})  # fmt: skip
        assert config(relance, acme.id)["objects"]["Contract"] == {
            "dates": ["EndDate"], "person": "CustomerSigned", "record_types": ["Insurance"]}

        page = plain(send(owner, f"{base}/estimate", {"body": "Bonjour {{ first_name }}", "class": "transactional"}))
        assert "3 fiches regardées 1 joignable " in page
        assert "La fiche n’a pas de numéro de téléphone" in page
        assert "Chloé Blanc" in page

        view = "00B000000000001"
        org.views = {"Contact": {view: ("Zone nord", [ana])}}
        assert "Zone nord · Contact" in plain(owner.get(f"{base}/estimate"))
        wanted = {"body": "Bonjour {{ first_name }}", "class": "transactional", "list": f"Contact|{view}"}
        assert "1 fiche regardée 1 joignable" in plain(send(owner, f"{base}/estimate", wanted))
        gone = send(owner, f"{base}/estimate", {**wanted, "list": "Contact|00B000000000009"})
        assert "Cette vue de liste n’est plus là" in plain(gone)

        page = plain(owner.get(f"{base}/limits"))
        assert "Appels sur 24 heures" in page
        assert "sur 15 000" in page
        assert "Version de l’API" in page
        assert "Relance Message" in owner.get(f"{base}/leaving")

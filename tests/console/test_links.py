"""Liens: who followed what, a link of one's own, the domain; and the figures of the anti-fraud page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.domain.recipients import Recipient
from core.engine import conversion, linking, verifying
from core.engine.conversion import Day
from core.storage import links, outbox, rules
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor

PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"}
FORM = "https://cabinet.example/formulaire"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = Clinic(tmp_path)
    with made.suite.database.write(made.workspace) as tx:
        rules.change(tx, made.rule, {"body": "Rappel : {{ link }}"})
    made.write("visit", "2026-12-04T10:00:00+01:00", link=FORM)
    return made


def followed(clinic: Clinic) -> str:
    clinic.at("2026-12-03T18:01:00+01:00")
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = links.listed(tx)
    linking.follow(clinic.suite, row["code"], "GET", PHONE)
    linking.follow(clinic.suite, row["code"], "GET", {"user-agent": "WhatsApp/2"})
    return str(row["id"])


def test_the_story_of_a_message_tells_of_the_click(clinic: Clinic) -> None:
    followed(clinic)
    with clinic.suite.database.read(clinic.workspace) as tx:
        [message] = outbox.listed(tx, outbox.Filter())
    page = Visitor(clinic).get(f"/messages/{message['id']}")
    assert "La personne a suivi le lien" in page
    assert FORM in page


def test_people_and_robots_side_by_side(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert "Aucun lien encore" not in visitor.get("/links")
    link = followed(clinic)
    page = visitor.get("/links")
    assert 'data-label="Personnes">1<' in page
    assert "Voir le message" in page
    hours = visitor.get(f"/links/{link}")
    assert 'data-label="Personnes">1<' in hours
    assert FORM in hours


def test_a_link_of_ones_own_is_made_and_ended(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert visitor.post("/links", target="javascript:alert(1)").status_code == 422
    assert visitor.post("/links", target=FORM, ends="yesterday").status_code == 422
    assert "Le lien est prêt" in visitor.post("/links", target=FORM, name="Affiche", ends="2026-12-31").text
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = links.listed(tx, own=True)
    assert row["expires_at"] == datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert linking.follow(clinic.suite, row["code"], "GET", PHONE).target == FORM
    assert "Ce lien est terminé" in visitor.post(f"/links/{row['id']}/end").text
    assert linking.follow(clinic.suite, row["code"], "GET", PHONE).over


def test_the_domain_is_in_what_waits(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    for wrong in ("http://rdv.example", "https://rdv.example/s", "rdv", "javascript:x"):
        assert visitor.post("/links/domain", domain=wrong).status_code == 422
    visitor.post("/links/domain", domain="https://RDV.example/")
    with clinic.suite.database.read(clinic.workspace) as tx:
        [message] = outbox.listed(tx, outbox.Filter())
    assert "https://rdv.example/s/" in message["text"]
    visitor.post("/links/domain", domain="")
    assert "https://rdv.example/s/" not in visitor.get("/links")


def test_the_figures_of_codes_and_links(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert "Aucun code ni lien" in visitor.get("/anti-fraud")
    for number, good in ((ANA, True), (BOB, False)):
        with clinic.suite.database.write(clinic.workspace) as tx:
            started = verifying.begin(clinic.suite, tx, verifying.Asked(Recipient.parse(number), ip="203.0.113.9"))
            if good:
                assert verifying.check(clinic.suite, tx, started.id, started.draft.text[:6]).state == "approved"
    page = visitor.get("/anti-fraud")
    assert 'data-label="Codes partis">1<' in page
    followed(clinic)
    page = visitor.get("/anti-fraud")
    assert 'data-label="Codes partis">2<' in page
    assert "(50 %)" in page.replace("\u202f", " ").replace("\xa0", " ")
    assert 'data-label="Messages avec un lien">1<' in page


def test_what_is_usual_needs_days_with_enough_codes() -> None:
    today = datetime(2026, 12, 1).date()
    days = [Day(today - timedelta(days=n), 10, 8 + n % 2) for n in range(5)]
    assert conversion.usual(days[:2]) is None
    low, high = conversion.usual(days) or (0, 0)
    assert 70 < low < 80 < 90 < high <= 100
    seen = conversion.Conversion((), (*days, Day(today, 10, 2)), (low, high))
    assert seen.strange
    assert not conversion.Conversion((), (*days, Day(today, 4, 0)), (low, high)).strange

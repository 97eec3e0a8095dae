"""Reminders by RCS and by WhatsApp: what is known beforehand decides, and nobody gets two or none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.storage import tables as t
from tests.fakes import rcs, whatsapp
from tests.fakes.rcs import FakeRcs
from tests.fakes.whatsapp import FakeWhatsApp
from tests.support.running import START, Running

ANA, BOB, ZOE = "+33639980001", "+33639980008", "+33639980009"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
REMINDER = {"name": "rdv_rappel", "language": "fr", "body": ["Ana", "{{ day }}"]}


class House:
    """A Relance with an agent of Google's RCS, a WhatsApp number, and simulated phones for text messages."""

    def __init__(self, relance: Running, google: FakeRcs, meta: FakeWhatsApp) -> None:
        self.relance, self.google, self.meta = relance, google, meta
        self.rcs = self._account("rcs_business", {
            "agent_id": rcs.AGENT, "service_account": rcs.SERVICE_ACCOUNT, "client_token": rcs.CLIENT_TOKEN})
        self.whatsapp = self._account("whatsapp_cloud", {
            "phone_number_id": whatsapp.NUMBER_ID, "waba_id": whatsapp.WABA_ID, "access_token": whatsapp.TOKEN,
            "app_secret": whatsapp.APP_SECRET, "verify_token": whatsapp.VERIFY_TOKEN})
        self._account("simulator", {}, channels=["sms"])
        self.meta.webhook = self.whatsapp["receipts_url"]
        relance.settle()
        path = f"/v1/provider-accounts/{self.whatsapp['id']}/templates"
        relance.until(lambda: relance.client.get(path).json()["listed_at"])

    def _account(self, provider: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.relance.client.post("/v1/provider-accounts", {"provider": provider, "config": config, **more})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def send(self, to: str, channels: list[str], at: datetime, **given: Any) -> dict[str, Any]:
        answer = self.relance.client.post("/v1/messages", {
            "to": to, "class": "transactional", "body": "Rappel : demain à 14 h 30.", "channels": channels,
            "send_at": at.isoformat(), **given})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def story(self, message: dict[str, Any]) -> list[str]:
        """The reasons of its steps."""
        found = self.relance.client.get(f"/v1/messages/{message['id']}").json()
        return [step["reason"]["code"] for step in found["history"] if step.get("reason")]

    def known(self) -> int:
        """Of how many phones it is known whether RCS reaches them."""
        with self.relance.suite.database.read(self.relance.workspace) as tx:
            return len(tx.rows(tx.mine(t.reach)))

    def texts(self, number: str) -> int:
        return sum(one["to"] == number for one in self.relance.phones())

    def forward(self, by: timedelta) -> None:
        self.google.now += by
        self.meta.now += by
        self.relance.forward(by)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with FakeRcs() as google, FakeWhatsApp() as meta, Running(
        tmp_path, vendor_urls={"rcs": google.url, "whatsapp": meta.url},
        vendor_token_urls={"rcs": google.urls["rcs_token"]},
    ) as relance:
        google.now = meta.now = START
        yield House(relance, google, meta)


def sent_by_rcs(house: House) -> list[str]:
    return [seen.path for seen in house.google.requests if "/agentMessages" in seen.path]


def test_a_phone_without_rcs_gets_one_text_message_and_nothing_is_sent_to_google(house: House) -> None:
    house.google.without_rcs.add(ANA)
    house.google.features[BOB] = ["ACTION_DIAL"]
    card = {"rcs": {"card": {"title": "Rendez-vous", "media": {"url": "https://example.com/plan.jpg"}}}}
    without, plain = (house.send(to, ["rcs", "sms"], START + 3 * HOUR, content=card) for to in (ANA, BOB))
    house.forward(MINUTE)
    house.relance.until(lambda: house.known() == 2)
    assert len(house.google.questions) == 2, "asked hours before"

    house.forward(3 * HOUR)

    assert (house.texts(ANA), house.google.shown(ANA)) == (1, [])
    assert not any("639980001" in path for path in sent_by_rcs(house))
    assert house.story(without)[:2] == ["channel_known_unreachable", "next_channel"]
    [shown] = house.google.shown(BOB)
    assert (shown["text"], "richCard" in shown) == ("Rappel : demain à 14 h 30.", False), "its phone shows no cards"
    assert house.texts(BOB) == 0
    assert house.story(plain) == []


def test_what_is_not_known_is_sent_and_learnt_from(house: House) -> None:
    house.google.without_rcs.add(ZOE)
    first = house.send(ZOE, ["rcs", "sms"], START)
    house.relance.settle()
    tries = len(sent_by_rcs(house))
    assert house.texts(ZOE) == 1

    second = house.send(ZOE, ["rcs", "sms"], START + HOUR)
    house.forward(HOUR)

    assert (house.texts(ZOE), len(sent_by_rcs(house))) == (2, tries)
    assert house.story(second)[0] == "channel_known_unreachable"
    assert "next_channel" in house.story(first)


def test_a_campaign_is_asked_about_in_one_question_and_its_rehearsal_counts_whom_rcs_reaches(house: House) -> None:
    client, numbers = house.relance.client, [f"+336399{number:05d}" for number in range(21_000, 21_600)]
    house.google.without_rcs.update(numbers[:200])
    made = client.post("/v1/campaigns", {
        "name": "Fermeture", "class": "transactional", "body": "Le cabinet ferme à 17 h.", "channels": ["rcs", "sms"],
        "audience": {"numbers": numbers}, "send_at": "2026-11-30T14:00:00+01:00"})
    assert made.status_code == 201, made.text
    path = f"/v1/campaigns/{made.json()['id']}"
    counted = client.get(f"{path}/rehearsal").json()["rcs"]
    assert counted == {"reachable": 0, "unreachable": 0, "unknown": 600}
    assert client.post(f"{path}/send").status_code == 200
    house.relance.settle()

    house.forward(MINUTE)
    house.relance.until(lambda: not client.get(f"{path}/rehearsal").json()["rcs"]["unknown"])

    assert [seen.path.split("?")[0] for seen in house.google.questions] == ["/v1/users:batchGet"]
    counted = client.get(f"{path}/rehearsal").json()["rcs"]
    assert counted == {"reachable": 400, "unreachable": 200, "unknown": 0}
    house.forward(5 * HOUR)
    house.relance.until(lambda: len(house.relance.phones()) == 200 and len(sent_by_rcs(house)) == 400, seconds=60)


def test_a_template_that_meta_pauses_meanwhile_is_not_tried_and_the_text_message_leaves(house: House) -> None:
    content = {"whatsapp": {"template": REMINDER}}
    first, second = (
        house.send(ANA, ["whatsapp", "sms"], START + hours * HOUR, content=content, data={"day": "2 décembre"})
        for hours in (1, 3)
    )
    house.forward(HOUR)
    assert (len(house.meta.received(ANA)), house.texts(ANA)) == (1, 0)

    house.forward(HOUR)
    assert house.meta.turns("rdv_rappel", "PAUSED", "Paused for 3 hours.") == 200
    house.forward(HOUR)

    assert (len(house.meta.received(ANA)), house.texts(ANA)) == (1, 1)
    assert house.story(second)[:2] == ["approved_paused", "next_channel"]
    said = next(step["reason"]["detail"] for step in
                house.relance.client.get(f"/v1/messages/{second['id']}").json()["history"] if step.get("reason"))
    assert "Paused for 3 hours." in said
    assert "next_channel" not in house.story(first)

    house.meta.turns("rdv_rappel", "REINSTATED")
    house.send(ANA, ["whatsapp", "sms"], START + 4 * HOUR, content=content, data={"day": "3 décembre"})
    house.forward(HOUR)
    assert (len(house.meta.received(ANA)), house.texts(ANA)) == (2, 1)


def test_templates_are_listed_shown_and_asked_for_again_by_the_api(house: House) -> None:
    client, path = house.relance.client, f"/v1/provider-accounts/{house.whatsapp['id']}/templates"
    listed = client.get(path).json()
    assert [(one["name"], one["status"], one["category"]) for one in listed["data"]] == [
        ("bonjour", "approved", "utility"), ("rdv_rappel", "approved", "utility")]
    assert (listed["data"][1]["values"], listed["trouble"]) == (["1", "2"], None)
    page = client.get(f"{path}?limit=1").json()
    assert (page["has_more"], page["next"]) == (True, listed["data"][0]["id"])
    assert client.get(f"{path}?after={page['next']}").json()["data"] == listed["data"][1:]

    house.meta.templates.append(whatsapp.template("nouveau", "Bonjour", status="PENDING"))
    before = len(house.meta.requests)
    assert client.post(f"{path}/refresh?dry_run=true").json()["trouble"] is None
    assert len(house.meta.requests) == before, "a dry run asks nobody"
    done = client.post(f"{path}/refresh")
    assert (done.status_code, done.json()["trouble"]) == (200, None)
    [new] = [one for one in client.get(path).json()["data"] if one["name"] == "nouveau"]
    assert (new["status"], new["trouble"]["code"]) == ("pending", "approved_pending")

    assert client.post(f"/v1/provider-accounts/{house.rcs['id']}/templates/refresh").status_code == 409
    assert client.get("/v1/provider-accounts/acc_nobody/templates").status_code == 404
    _, stranger = house.relance.another_workspace()
    assert stranger.get(path).status_code == 404
    assert stranger.post(f"{path}/refresh").status_code == 404


def test_a_rule_that_names_a_wrong_template_is_told_so_when_it_is_saved(house: House) -> None:
    client = house.relance.client
    rule = {"name": "veille", "on": "appointment", "class": "transactional", "when": {"days": -1, "at": "18:00"},
            "channels": ["whatsapp", "sms"], "body": "RDV demain", "content": {"whatsapp": {"template": {
                "name": "rdv_rappel", "language": "fr", "body": ["{{ first_name or 'vous' }}"]}}}}
    refused = client.post("/v1/rules", rule)
    assert (refused.status_code, refused.json()["code"]) == (422, "approved_variables")
    assert refused.json()["errors"][0]["pointer"] == "/content/whatsapp/template"

    rule["content"]["whatsapp"]["template"]["body"].append("{{ start|date }}")
    made = client.post("/v1/rules", rule)
    assert (made.status_code, "warnings" in made.json()) == (201, False)
    house.forward(MINUTE)
    house.meta.turns("rdv_rappel", "PAUSED")
    warned = client.patch(f"/v1/rules/{made.json()['id']}", {"name": "la veille"})
    assert [one["code"] for one in warned.json()["warnings"]] == ["approved_paused"]
    assert client.get(f"/v1/provider-accounts/{house.whatsapp['id']}/templates").json()["data"][1]["rules"] == [
        made.json()["id"]]
    house.meta.turns("rdv_rappel", "DISABLED")
    off = client.patch(f"/v1/rules/{made.json()['id']}", {"active": False})
    assert off.status_code == 200, "it can be switched off all the same"

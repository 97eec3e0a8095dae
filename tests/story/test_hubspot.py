"""HubSpot, from a step of a workflow to the phone and back: once, at a lawful hour, with the contact's word on both
sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import requests

from tests.fakes.hubspot import PORTAL, FakeHubSpot, refused
from tests.support.running import START, Running

ANA, BOB = "+33639980001", "+33639980008"
NIGHT = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)


class House:
    """A Relance with one connected HubSpot account, which is live."""

    def __init__(self, relance: Running, hubspot: FakeHubSpot, **config: Any) -> None:
        self.relance, self.hubspot = relance, hubspot
        body = {"adapter": "hubspot", "name": "HubSpot", "config": {
            "portal_id": PORTAL, "refresh_token": "refresh-1", "opt_in": "accord_sms", **config}}
        made = relance.client.post("/v1/installations", body)
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        assert relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        relance.settle()

    def call(self, topic: str, body: bytes, *, session: Any = requests) -> requests.Response:
        """HubSpot calls our address."""
        url = f"{self.relance.url}/hooks/hubspot/{topic}"
        headers = self.hubspot.signed(url, body, self.relance.suite.now())
        answer: requests.Response = session.post(url, data=body, headers=headers, timeout=20)
        return answer

    def enrol(self, contact: str, **inputs: str) -> dict[str, str]:
        """A contact comes to our step: what HubSpot hears at once."""
        answer = self.call("actions/send", self.hubspot.enrol(contact, **inputs))
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()["outputFields"]
        return found

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.relance.client.get("/v1/messages?limit=100").json()["data"]
        return found


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot(now=START) as running:
        yield running
        assert running.violations == []


@pytest.fixture
def house(tmp_path: Path, hubspot: FakeHubSpot) -> Iterator[House]:
    with Running(tmp_path, **hubspot.settings) as relance:
        yield House(relance, hubspot)


@pytest.mark.houses
def test_from_the_step_to_the_phone_and_back_to_the_workflow(house, hubspot):
    ana = hubspot.contact(firstname="Ana", mobilephone="06 39 98 00 01", email="ana@example.org",
                          at=START - timedelta(days=30), accord_sms="true")
    said = house.enrol(ana, message_type="marketing", message="Bonjour Ana, -10 % cette semaine.", callback="ap-1")
    assert said["hs_execution_state"] == "BLOCK"
    house.relance.settle()
    (message,) = house.relance.phones()
    assert message["to"] == ANA
    assert "Bonjour Ana, -10 % cette semaine." in message["text"]
    done = hubspot.completed["ap-1"]
    assert done["hs_execution_state"] == "SUCCESS"
    assert done["message_status"] in ("sent", "delivered")
    assert done["message_id"] == house.messages()[0]["id"]
    assert float(done["cost"]) > 0
    assert hubspot.completions == 1
    assert ["Message envoyé" in one["properties"]["hs_communication_body"] for one in hubspot.logged] == [True]


def test_a_stop_by_sms_reaches_hubspot(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA, at=START - timedelta(days=30), accord_sms="true")
    house.enrol(ana, message_type="marketing", message="Bonjour")
    house.relance.settle()
    (first,) = house.relance.phones()
    answer = house.relance.client.post(
        "/v1/simulator/replies", {"from": ANA, "to": first["from"], "text": "STOP"})
    assert answer.status_code in (200, 201, 202), answer.text
    house.relance.forward(timedelta(minutes=1))
    kept = hubspot.records[ana]["properties"]
    assert (kept["relance_sms_optout"], kept["accord_sms"]) == ("true", "false")
    shown = [one["properties"]["hs_communication_body"] for one in hubspot.logged]
    assert [body for body in shown if "<strong>STOP</strong>" in body] == [shown[-1]], "one text is one entry"
    assert house.enrol(ana, message_type="marketing", message="Encore")["error_code"] == "opted_out"


def test_a_stop_that_ends_all_kinds_of_messages_is_one_entry_on_the_contacts_page(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    house.enrol(ana, message_type="service", message="Bonjour")
    house.relance.settle()
    (first,) = house.relance.phones()
    house.relance.client.post("/v1/simulator/replies", {"from": ANA, "to": first["from"], "text": "STOP"})
    house.relance.forward(timedelta(minutes=1))
    shown = [one["properties"]["hs_communication_body"] for one in hubspot.logged]
    assert len([body for body in shown if "<strong>STOP</strong>" in body]) == 1


def test_a_no_said_in_hubspot_stops_what_is_planned_here(house, hubspot):
    house.relance.set_clock(NIGHT)
    ana = hubspot.contact(mobilephone=ANA, at=START - timedelta(days=30), accord_sms="true")
    said = house.enrol(ana, message_type="marketing", message="Bonjour", callback="ap-1")
    assert said["hs_execution_state"] == "BLOCK"
    (planned,) = house.messages()
    assert planned["state"] == "scheduled"
    assert planned["due_at"] > "2026-12-01T06"
    event = hubspot.told("propertyChange", ana, at=NIGHT + timedelta(minutes=1), propertyName="relance_sms_optout",
                         propertyValue="true")
    hubspot.change(ana, at=NIGHT + timedelta(minutes=1), relance_sms_optout="true")
    house.relance.forward(timedelta(minutes=2))
    assert house.call("webhooks", json.dumps([event]).encode()).status_code == 200
    house.relance.settle()
    assert house.messages()[0]["state"] == "suppressed"
    assert house.relance.phones() == []
    assert hubspot.completed["ap-1"]["error_code"] == "opted_out"


def test_a_no_that_nobody_told_us_is_read_just_before_it_leaves(house, hubspot):
    house.relance.set_clock(NIGHT)
    ana = hubspot.contact(mobilephone=ANA, at=START - timedelta(days=30), accord_sms="true")
    house.enrol(ana, message_type="marketing", message="Bonjour", callback="ap-1")
    hubspot.change(ana, at=NIGHT + timedelta(minutes=1), relance_sms_optout="true")
    house.relance.forward(timedelta(hours=14))
    assert house.relance.phones() == []
    assert hubspot.completed["ap-1"]["error_code"] == "opted_out"


def test_who_never_agreed_gets_no_marketing_and_the_workflow_can_branch_on_it(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    assert house.enrol(ana, message_type="marketing", message="Bonjour", callback="ap-1")[
        "hs_execution_state"] == "BLOCK"
    house.relance.settle()
    assert house.relance.phones() == []
    done = hubspot.completed["ap-1"]
    assert (done["hs_execution_state"], done["error_code"]) == ("FAIL_CONTINUE", "no_marketing_consent")


@pytest.mark.parametrize(
    ("inputs", "code"), [({"phone": "12"}, "number_invalid"), ({"message": ""}, "hubspot_nothing_to_say"),
                         ({"phone": "01 99 00 12 34"}, "not_a_mobile")])
def test_a_business_refusal_ends_the_step_at_once(house, hubspot, inputs, code):
    ana = hubspot.contact(mobilephone=ANA)
    said = house.enrol(ana, **{"message_type": "service", "message": "Bonjour", **inputs})
    assert (said["hs_execution_state"], said["error_code"]) == ("FAIL_CONTINUE", code)


def test_the_same_step_again_and_at_once_is_one_message_and_one_answer(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    body = hubspot.enrol(ana, message_type="service", message="Bonjour", callback="ap-1")
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: house.call("actions/send", body).content, range(4)))
    assert len(set(answers)) == 1
    assert b"BLOCK" in answers[0]
    house.relance.settle()
    again = house.call("actions/send", body).json()["outputFields"]
    assert again["hs_execution_state"] == "SUCCESS"
    assert len(house.relance.phones()) == 1
    assert hubspot.completions == 1


def test_a_late_retry_sends_nothing_stale(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    body = hubspot.enrol(ana, message_type="service", message="Bonjour", when="at_time", time="18:00", callback="ap-1")
    house.call("actions/send", body)
    house.relance.forward(timedelta(days=2))
    assert house.call("actions/send", body).status_code == 200
    house.relance.settle()
    assert len(house.relance.phones()) <= 1
    over = hubspot.enrol(ana, message_type="service", message="Bonjour", when="on_date", date="2026-11-30")
    assert house.call("actions/send", over).json()["outputFields"]["hs_execution_state"] == "FAIL_CONTINUE"


def test_another_action_calls_off_what_is_planned(house, hubspot):
    ana, bob = (hubspot.contact(mobilephone=one) for one in (ANA, BOB))
    for one, callback in ((ana, "ap-1"), (bob, "ap-2")):
        house.enrol(one, message_type="service", message="Bonjour", when="at_time", time="18:00", callback=callback)
    house.relance.forward(timedelta(minutes=1))
    other = hubspot.enrol(ana, scope="workflow", workflow=9)
    assert house.call("actions/cancel", other).json()["outputFields"]["message_status"] == "cancelled"
    assert {one["state"] for one in house.messages()} == {"scheduled"}
    house.call("actions/cancel", hubspot.enrol(ana, scope="workflow"))
    house.relance.settle()
    assert sorted((one["to"], one["state"]) for one in house.messages()) == [(ANA, "cancelled"), (BOB, "scheduled")]
    assert hubspot.completed["ap-1"]["message_status"] == "cancelled"
    assert "ap-2" in hubspot.waiting


def test_the_editor_lists_templates_live_with_search_and_pages(house, hubspot):
    for number in range(60):
        made = house.relance.client.post("/v1/templates", {"key": f"devis_{number:02}", "body": f"Devis {number}"})
        assert made.status_code in (200, 201), made.text
    first = house.call("options/template", hubspot.options("template", search="devis")).json()
    assert first["searchable"] is True
    assert first["options"][0]["value"] == "devis_00"
    second = house.call("options/template", hubspot.options("template", search="devis", after=first["after"])).json()
    assert "after" not in second
    assert len(first["options"]) + len(second["options"]) == 60
    channels = house.call("options/channels", hubspot.options("channels")).json()["options"]
    assert "sms" in {one["value"] for one in channels}
    ana = hubspot.contact(mobilephone=ANA)
    house.enrol(ana, message_type="service", template="devis_07")
    house.relance.settle()
    assert house.relance.phones()[0]["text"] == "Devis 7"


def test_an_unsigned_call_and_a_strangers_account_come_to_nothing(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    body = hubspot.enrol(ana, message_type="service", message="Bonjour")
    url = f"{house.relance.url}/hooks/hubspot/actions/send"
    assert requests.post(url, data=body, timeout=20).status_code == 401
    stranger = house.call("actions/send", hubspot.enrol(ana, portal=99, message_type="service", message="Bonjour"))
    assert stranger.status_code == 200
    assert stranger.json()["outputFields"]["error_code"] == "not_connected"
    assert house.call("actions/send", b"{").status_code == 400
    assert house.messages() == []


def test_a_token_that_died_is_renewed_once_and_the_step_goes_on(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    hubspot.tokens.clear()
    house.enrol(ana, message_type="service", message="Bonjour", callback="ap-1")
    house.relance.settle()
    assert hubspot.completed["ap-1"]["hs_execution_state"] == "SUCCESS"
    assert len(house.relance.phones()) == 1


def test_an_outage_of_hubspot_delays_its_answers_and_no_reminder(house, hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    house.enrol(ana, message_type="service", message="Bonjour", callback="ap-1")
    hubspot.fail(*[refused(503, "SERVICE")] * 12)
    for _ in range(30):
        house.relance.forward(timedelta(minutes=2))
    assert len(house.relance.phones()) == 1
    assert hubspot.completed["ap-1"]["hs_execution_state"] == "SUCCESS"
    assert hubspot.completions == 1


def test_a_merge_carries_the_refusal_to_the_winner(house, hubspot):
    ana, bob = (hubspot.contact(mobilephone=one, at=START - timedelta(days=9), accord_sms="true") for one in (ANA, BOB))
    house.relance.set_clock(NIGHT)
    for one, callback in ((ana, "ap-1"), (bob, "ap-2")):
        house.enrol(one, message_type="marketing", message="Bonjour", callback=callback)
    house.relance.forward(timedelta(minutes=1))
    now = house.relance.suite.now()
    no = hubspot.told("propertyChange", ana, at=now, propertyName="relance_sms_optout", propertyValue="true")
    house.call("webhooks", json.dumps([no]).encode())
    house.relance.settle()
    assert sorted((one["to"], one["state"]) for one in house.messages()) == [(ANA, "suppressed"), (BOB, "scheduled")]
    hubspot.merge(ana, bob)
    merge = hubspot.told("merge", bob, at=now, primaryObjectId=int(bob), mergedObjectIds=[int(ana)])
    house.call("webhooks", json.dumps([merge]).encode())
    house.relance.settle()
    assert {one["state"] for one in house.messages()} == {"suppressed"}
    assert hubspot.completed["ap-2"]["error_code"] == "opted_out"
    assert hubspot.records[bob]["properties"]["relance_sms_optout"] == "true"


def test_a_privacy_deletion_erases_and_one_broken_event_loses_no_other(house, hubspot):
    ana, bob = hubspot.contact(mobilephone=ANA), hubspot.contact(mobilephone=BOB)
    for one in (ana, bob):
        house.enrol(one, message_type="service", message="Bonjour", when="at_time", time="18:00")
    house.relance.forward(timedelta(minutes=1))
    now = house.relance.suite.now()
    events = [hubspot.told("privacyDeletion", bob, at=now), {"broken": True},
              hubspot.told("propertyChange", ana, at=now, propertyName="relance_sms_optout", propertyValue="true")]
    assert house.call("webhooks", json.dumps(events).encode()).status_code == 200
    house.relance.settle()
    assert all(one["to"] != BOB or one["state"] == "cancelled" for one in house.messages())
    said = house.relance.client.get("/v1/consents", params={"number": ANA}).json()["data"]
    assert [one["state"] for one in said][:1] == ["out"]


def test_a_rule_speaks_15_days_before_a_contacts_date_and_moves_with_it(tmp_path, hubspot):
    with Running(tmp_path, **hubspot.settings) as relance:
        house = House(relance, hubspot)
        chosen = relance.client.patch(f"/v1/installations/{house.id}", {"config": {"dates": ["contract_end"]}})
        assert chosen.status_code == 200, chosen.text
        rule = relance.client.post("/v1/rules", {
            "installation": house.id, "name": "échéance", "on": "contact", "class": "transactional",
            "when": {"days": -15, "at": "10:00"}, "body": "Échéance le {{ start|date }}"})
        assert rule.status_code == 201, rule.text
        ana = hubspot.contact(at=START, firstname="Ana", mobilephone=ANA, contract_end="2026-12-20")
        relance.forward(timedelta(minutes=20))
        (planned,) = house.messages()
        assert planned["due_at"] == "2026-12-05T09:00:00Z"
        hubspot.change(ana, at=relance.suite.now(), contract_end="2026-12-30")
        relance.forward(timedelta(minutes=20))
        open_ones = [one for one in house.messages() if one["state"] == "scheduled"]
        assert [one["due_at"] for one in open_ones] == ["2026-12-15T09:00:00Z"]
        relance.set_clock(datetime(2026, 12, 15, 9, 1, tzinfo=UTC))
        relance.settle()
        assert "30 décembre" in relance.phones()[0]["text"]
        shown = [one["properties"]["hs_communication_body"] for one in hubspot.logged]
        assert len(shown) == 1, "on the contact's page as soon as it has left"
        assert "30 décembre" in shown[0]


def burst(tmp_path: Path, hubspot: FakeHubSpot, count: int) -> None:
    """`count` contacts at once: each answered in time, each message sent once, each step goes on."""
    with Running(tmp_path, **hubspot.settings) as relance:
        house = House(relance, hubspot, timeline=False)
        bodies = []
        for number in range(count):
            contact = hubspot.contact(mobilephone=f"+3363998{number:04d}")
            bodies.append(hubspot.enrol(contact, message_type="service", message=f"Bonjour {number}",
                                        callback=f"ap-{number}"))
        with requests.Session() as session:
            took = []
            for body in bodies:
                begun = process_time()
                assert house.call("actions/send", body, session=session).status_code == 200
                took.append(process_time() - begun)
        # HubSpot waits five seconds. Counted is our own work: how busy the machine is with others says nothing of us.
        assert max(took) < 1.0
        for _ in range(60):
            relance.forward(timedelta(minutes=1))
            if len(hubspot.completed) == count:
                break
        assert len(hubspot.completed) == count == hubspot.completions


def test_a_burst_of_enrolments_is_answered_in_time_and_all_completed(tmp_path, hubspot):
    burst(tmp_path, hubspot, 100)


@pytest.mark.slow
def test_ten_thousand_enrolments_are_answered_in_time_and_all_completed(tmp_path, hubspot):
    burst(tmp_path, hubspot, 10_000)

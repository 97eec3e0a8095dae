"""From an org's own call to the phone and back into the org: a Flow, an Outbound Message, a date that moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.salesforce import ORG, FakeSalesforce, column
from tests.support.running import START, Running

DATA = Path(__file__).parents[1] / "data"
NO_NUMBER, NOT_A_NUMBER, NO_CONSENT, OPTED_OUT = range(4)


class Acme:
    """A house that is connected with the org, and live."""

    def __init__(self, relance: Running, org: FakeSalesforce, **config: Any) -> None:
        self.relance, self.org = relance, org
        org.now = relance.suite.now()
        made = relance.client.post("/v1/installations", {"adapter": "salesforce", "name": "Acme", "config": {
            "organization_id": ORG[:15], "instance_url": "https://acme.my.salesforce.com", "refresh_token": "refresh-1",
            "country": "FR", "zone": "Europe/Paris", "write_back": True, **config}})  # fmt: skip
        assert made.status_code == 201, made.text
        self.id, self.secret = made.json()["id"], made.json()["signing_secret"]
        self.hook = made.json()["hook_url"]
        assert relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        relance.settle()

    def call(self, topic: str, name: str, records: list[dict[str, Any]], status: int = 200) -> list[dict[str, Any]]:
        answer = requests.post(f"{self.hook}/{topic}", json={"organizationId": ORG, name: records}, timeout=30,
                               headers={"Authorization": f"Bearer {self.secret}"})  # fmt: skip
        assert answer.status_code == status, answer.text
        return list(answer.json()["results"])

    def rule(self, on: str, when: dict[str, Any], body: str) -> None:
        made = self.relance.client.post("/v1/rules", {
            "installation": self.id, "name": "règle", "on": on, "class": "transactional", "when": when,
            "channels": ["sms"], "body": body, "active": True})  # fmt: skip
        assert made.status_code == 201, made.text

    def messages(self, state: str) -> list[dict[str, Any]]:
        found = self.relance.client.get(f"/v1/messages?installation={self.id}&state={state}&limit=200")
        assert found.status_code == 200, found.text
        return list(found.json()["data"])


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    with FakeSalesforce(now=START) as fake:
        fake.kinds["Contact"].fields["Ends__c"] = column("date")
        yield fake
    assert fake.violations == []


def test_two_hundred_records_of_a_flow(tmp_path: Path, org: FakeSalesforce) -> None:
    with Running(tmp_path, **org.settings) as relance:
        acme = Acme(relance, org)
        people = [org.add("Contact", FirstName=f"P{number}", LastName="X", MobilePhone=f"06 39 98 1{number:03d}"[:14])
                  for number in range(200)]  # fmt: skip
        records = [_record(person, number) for number, person in enumerate(people)]

        results = acme.call("send", "messages", records)

        assert [one["recordId"] for one in results] == people
        assert Counter(one["errorCode"] for one in results) == {
            "": 196, "no_number": 1, "number_invalid": 1, "no_marketing_consent": 1, "opted_out": 1}
        assert [results[place]["errorCode"] for place in (NO_NUMBER, NOT_A_NUMBER, NO_CONSENT, OPTED_OUT)] == [
            "no_number", "number_invalid", "no_marketing_consent", "opted_out"]
        assert all(one["errorText"] for one in results[:4])
        assert len({one["messageId"] for one in results}) == 200

        relance.settle()
        relance.forward(timedelta(minutes=1))
        assert len(relance.phones()) == 196
        assert len({one["to"] for one in relance.phones()}) == 196

        # The Flow's call is repeated whole, in another order: nothing is doubled, and the answer says how it stands.
        again = acme.call("send", "messages", records[::-1])
        assert [one["messageId"] for one in again[::-1]] == [one["messageId"] for one in results]
        assert Counter(one["status"] for one in again) == {"delivered": 196, "suppressed": 4}
        relance.forward(timedelta(minutes=1))
        assert len(relance.phones()) == 196

        # The org knows.
        ledger = org.all("Relance_Message__c")
        assert Counter(one["Status__c"] for one in ledger) == {"delivered": 196, "suppressed": 4}
        assert all(one["Flow__c"] == "Rappel de dossier" for one in ledger)
        assert Counter(task["Subject"] for task in org.all("Task")) == {"Message envoyé (SMS)": 196}
        assert org.record("Contact", people[9])["Relance_SMS_Status__c"] == "delivered"

        # A STOP reaches the box over there, with its moment.
        stopped = people[9]
        relance.client.post("/v1/simulator/replies", {"from": "+33639981009", "text": "STOP"})
        relance.settle()
        assert org.record("Contact", stopped)["Relance_SMS_Opt_Out__c"] is True
        assert org.record("Contact", stopped)["Relance_SMS_Opt_Out_At__c"].startswith("2026-11-30T09:0")
        assert [task["Subject"] for task in org.all("Task") if task["WhoId"] == stopped] == [
            "Message envoyé (SMS)", "STOP reçu (SMS)"]
        assert [one["Reply__c"] for one in org.all("Relance_Message__c") if one.get("Answer__c") == "stop"] == ["STOP"]
        [result] = acme.call("send", "messages", [{**records[9], "key": "another"}])
        assert (result["accepted"], result["errorCode"]) == (False, "opted_out")


def _record(person: str, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {
        "key": f"interview-{number}-envoyer", "recordId": person,
        "phone": f"06 39 98 1{number // 100} {number % 100:02d}",
        "body": "Bonjour {{ first_name }}, votre dossier est prêt.", "firstName": f"P{number}",
        "flow": "Rappel de dossier"}  # fmt: skip
    different: dict[int, dict[str, Any]] = {
        NO_NUMBER: {"phone": ""}, NOT_A_NUMBER: {"phone": "12"}, NO_CONSENT: {"messageClass": "marketing"},
        OPTED_OUT: {"optedOut": True}}  # fmt: skip
    return {**record, **different.get(number, {})}


def test_a_refusal_over_there_stops_what_is_planned_here(tmp_path: Path, org: FakeSalesforce) -> None:
    with Running(tmp_path, **org.settings) as relance:
        acme = Acme(relance, org)
        ana, bob, eve = (org.add("Contact", FirstName=name, LastName="X", MobilePhone=f"06 39 98 20 0{place}")
                         for place, name in enumerate(("Ana", "Bob", "Eve")))  # fmt: skip
        planned = acme.call("schedule", "messages", [
            {"key": "k", "recordId": one, "phone": f"06 39 98 20 0{place}", "body": "C'est le {{ start|date }}.",
             "date": "2026-12-15", "daysBefore": 1, "atTime": "18:00"}
            for place, one in enumerate((ana, bob, eve))])  # fmt: skip
        assert {one["dueAt"] for one in planned} == {"2026-12-14T17:00:00Z"}

        # Seen at the next pull: it ends at once, and says why.
        org.now = relance.suite.now()
        org.change("Contact", ana, Relance_SMS_Opt_Out__c=True)
        relance.forward(timedelta(minutes=6))
        [ended] = acme.messages("suppressed")
        story = relance.client.get(f"/v1/messages/{ended['id']}").json()["history"]
        assert story[-1]["reason"]["code"] == "opted_out"

        # Moved, and called off, by the Flow itself.
        for day, due in ((20, 19), (15, 14), (20, 19)):
            # There, back, and there again: the third call is the first one to the letter, and counts.
            [moved] = acme.call("schedule", "messages", [
                {"key": "k", "recordId": bob, "phone": "06 39 98 20 01", "body": "C'est le {{ start|date }}.",
                 "date": f"2026-12-{day}", "daysBefore": 1, "atTime": "18:00"}])  # fmt: skip
            assert (moved["dueAt"], moved["messageId"]) == (f"2026-12-{due}T17:00:00Z", planned[1]["messageId"])
        acme.call("cancel", "cancellations", [{"recordId": bob}])
        assert len(acme.messages("cancelled")) == 1

        # Refused in the very last minutes, which no pull has seen: the second look does.
        relance.set_clock(START + timedelta(days=14, hours=7, minutes=58))
        relance.settle()
        org.now = relance.suite.now()
        org.change("Contact", eve, Relance_SMS_Opt_Out__c=True)
        relance.forward(timedelta(minutes=3))
        assert relance.phones() == []
        assert len(acme.messages("suppressed")) == 2


def test_a_yes_that_the_org_keeps_lets_advertising_leave(tmp_path: Path, org: FakeSalesforce) -> None:
    org.kinds["Contact"].fields["Agreed__c"] = column("datetime")
    with Running(tmp_path, **org.settings) as relance:
        acme = Acme(relance, org, objects={"Contact": {"opt_in_at": "Agreed__c"}})
        yes = org.add("Contact", FirstName="Ana", LastName="X", MobilePhone="06 39 98 30 00",
                      Agreed__c="2026-11-02T10:00:00.000+0000")  # fmt: skip
        silent = org.add("Contact", FirstName="Bob", LastName="X", MobilePhone="06 39 98 30 01")
        acme.call("send", "messages", [
            {"key": "k", "recordId": one, "phone": f"06 39 98 30 0{place}", "messageClass": "marketing",
             "body": "Nos nouveautés sont là.", "flow": "Nouveautés"}
            for place, one in enumerate((yes, silent))])  # fmt: skip
        relance.settle()
        relance.forward(timedelta(minutes=1))

        assert [phone["to"] for phone in relance.phones()] == ["+33639983000"]
        ledger = {one["Contact__c"]: (one["Status__c"], one.get("Reason_Code__c")) for one in
                  org.all("Relance_Message__c")}  # fmt: skip
        assert ledger == {yes: ("delivered", None), silent: ("suppressed", "no_marketing_consent")}


@pytest.mark.houses
def test_a_date_of_the_org_moves_its_message(tmp_path: Path, org: FakeSalesforce) -> None:
    with Running(tmp_path, **org.settings) as relance:
        ana = org.add("Contact", FirstName="Ana", LastName="Roux", MobilePhone="06 39 98 00 01",
                      Ends__c=date(2026, 12, 28))  # fmt: skip
        acme = Acme(relance, org, objects={"Contact": {"dates": ["Ends__c"]}})
        acme.rule("contact", {"days": -15, "at": "10:00"}, "Votre contrat se termine le {{ start|date }}.")
        relance.settle()
        [planned] = acme.messages("scheduled")
        # The thirteenth is a Sunday: a service message may leave then.
        assert planned["due_at"].startswith("2026-12-1")

        org.now = relance.suite.now()
        org.change("Contact", ana, Ends__c=date(2026, 12, 30))
        relance.forward(timedelta(minutes=6))
        [moved] = acme.messages("scheduled")
        assert (moved["id"], moved["due_at"]) == (planned["id"], "2026-12-15T09:00:00Z")

        relance.set_clock(START + timedelta(days=15, minutes=1))
        relance.settle()
        [phone] = relance.phones()
        assert phone["text"].startswith("Votre contrat se termine le ")
        relance.forward(timedelta(minutes=1))
        [message] = org.all("Relance_Message__c")
        assert (message["Contact__c"], message["Status__c"]) == (ana, "delivered")


def test_an_outbound_message_becomes_a_text(tmp_path: Path, org: FakeSalesforce) -> None:
    with Running(tmp_path, **org.settings) as relance:
        acme = Acme(relance, org, write_back=False)
        body = (DATA / "salesforce_outbound_two.xml").read_bytes()
        for one in ("0035g00000AbCdEAAV", "0035g00000AbCdFAAV"):
            org.kinds["Contact"].records[one] = {"Id": one, "LastName": "X", "SystemModstamp": START}
        acme.rule("request", {"after": "PT0M"}, "Ciao {{ first_name or name }}, a domani")
        soap = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

        wrong = requests.post(f"{acme.hook}/outbound/{acme.secret[:-1]}x", body, headers=soap, timeout=10)
        assert wrong.status_code == 401
        broken = requests.post(f"{acme.hook}/outbound/{acme.secret}", body[:-30], headers=soap, timeout=10)
        assert broken.status_code == 400
        for _ in range(3):
            taken = requests.post(f"{acme.hook}/outbound/{acme.secret}", body, headers=soap, timeout=10)
            assert taken.content == (DATA / "salesforce_outbound_ack.xml").read_bytes()
        relance.settle()
        relance.forward(timedelta(minutes=2))

        [phone] = relance.phones()
        assert (phone["to"], phone["text"]) == ("+393331234567", "Ciao Zoe, a domani")  # one SMS instead of two
        kept = relance.client.get("/v1/inbox").json()["data"]
        assert Counter(one["state"] for one in kept) == {"read": 1, "repeated": 2, "unreadable": 1}
        assert acme.secret not in str(kept)

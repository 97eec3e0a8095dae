"""The org, by the real client over a real line: dates, refusals, the second look, what is written, what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.contract import Batch, Check, ConsentWord, Installation, Report
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Closed, Event
from core.domain.messages import Channel, State
from integrations.salesforce.client import Client
from tests.fakes.salesforce import FakeSalesforce, column, refused
from tests.faults.server import badjson, cut_after, garbage, hang, ok, oversize, status, truncate
from tests.integrations.salesforce.org import ANA, DAY, HOUR, NOW, Quick, adapter, installation

ENDS = {"objects": {"Contact": {"dates": ["Ends__c"]}}}
WRITES = {"write_back": {"messages": True, "status": True, "tasks": True}}
PHONE = "06 39 98 00 01"


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    with FakeSalesforce() as fake:
        fake.kinds["Contact"].fields |= {"Ends__c": column("date"), "Calls__c": column("datetime"),
                                         "Agreed__c": column("datetime")}  # fmt: skip
        yield fake
    assert fake.violations == []


@pytest.fixture
def salesforce(org: FakeSalesforce) -> Quick:
    return adapter(org)


class Reader:
    """Pulls to the end, as core does."""

    def __init__(self, salesforce: Quick, place: Installation) -> None:
        self.salesforce, self.place, self.cursor = salesforce, place, None
        self.batches: list[Batch] = []

    def pull(self, now: datetime = NOW) -> dict[str, Event]:
        self.batches = []
        while True:
            batch = self.salesforce.pull(self.place, self.cursor, now)
            self.batches.append(batch)
            self.cursor = batch.cursor
            if batch.memory is not None:
                self.place = replace(self.place, memory=batch.memory)
            if not batch.more:
                return {event.key: event for one in self.batches for event in one.events}

    @property
    def words(self) -> list[ConsentWord]:
        return [word for batch in self.batches for word in batch.consents]

    @property
    def swept(self) -> list[tuple[str, int]]:
        return [(sweep.prefix, len(sweep.keys)) for batch in self.batches for sweep in batch.sweeps]


def report(state: State | None = State.SENT, **more: Any) -> Report:
    given = {"occasion_key": "flow/x", "state": state, "answer": None, "text": None, "at": NOW, "message_id": "msg_1",
             "private": {"record": ANA, "person": ANA}, "subject": ANA, "to": "+33639980001", "channel": Channel.SMS,
             "sent_at": NOW, "price_micros": 52_000, "currency": "EUR", "segments": 1, "body": "Bonjour",
             **more}  # fmt: skip
    return Report(**given)


def about(person: str, record: str | None = None, **more: Any) -> Report:
    return report(private={"record": record or person, "person": person}, subject=person, **more)


def stop(person: str | None, *, granted: bool = False, number: str = "+33639980001", at: datetime = NOW,
         scope: str = "marketing") -> Report:  # fmt: skip
    word = ConsentWord(granted, at, scope, number, person, {"text": "STOP"})
    return report(None, kind="consent", message_id=None, private={}, subject=person, consent=word, at=at)


# Dates ------------------------------------------------------------------------------------------------------------


def test_a_date_is_an_occasion_that_moves_with_its_record(org, salesforce):
    ana = org.add("Contact", FirstName="Ana", LastName="Roux", MobilePhone=PHONE, Ends__c=date(2026, 12, 15))
    org.add("Contact", LastName="Blanc", MobilePhone=PHONE)
    reader = Reader(salesforce, installation(ENDS))
    key = f"date/Contact/Ends__c/{ana}"

    found = reader.pull()
    assert list(found) == [key]
    assert found[key].recipient is not None
    assert (found[key].start, found[key].all_day) == (datetime(2026, 12, 14, 23, tzinfo=UTC), True)
    assert (found[key].recipient.number, found[key].zone) == ("+33639980001", "Europe/Paris")
    assert found[key].values == {"first_name": "Ana", "name": "Ana Roux", "title": "Ana Roux", "record_id": ana,
                                 "date_field": "Ends__c"}  # fmt: skip
    assert found[key].evidence is not None
    assert found[key].evidence.field == "MobilePhone"

    org.change("Contact", ana, Ends__c=date(2027, 1, 20))
    assert reader.pull(NOW + HOUR)[key].start == datetime(2027, 1, 19, 23, tzinfo=UTC)
    org.change("Contact", ana, Ends__c=None)
    assert reader.pull(NOW + HOUR)[key].closed is Closed.CANCELLED


def test_a_moment_is_no_day(org, salesforce):
    org.add("Contact", LastName="Roux", MobilePhone=PHONE, Calls__c="2026-12-15T09:30:00.000+0000")
    [event] = Reader(salesforce, installation({"objects": {"Contact": {"dates": ["Calls__c"]}}})).pull().values()
    assert (event.start, event.all_day) == (datetime(2026, 12, 15, 9, 30, tzinfo=UTC), False)


def test_a_contract_is_about_whom_it_names(org, salesforce):
    ana = org.add("Contact", FirstName="Ana", LastName="Roux", MobilePhone=PHONE)
    kind = org.add("RecordType", DeveloperName="Insurance")
    contract = org.add("Contract", Name="C-118", EndDate=date(2026, 12, 15), CustomerSignedId=ana, RecordTypeId=kind)
    nobody = org.add("Contract", Name="C-119", EndDate=date(2026, 12, 16), RecordTypeId=kind)
    org.add("Contract", Name="C-120", EndDate=date(2026, 12, 17), CustomerSignedId=ana,
            RecordTypeId=org.add("RecordType", DeveloperName="Other"))  # fmt: skip
    config = {"objects": {"Contract": {"dates": ["EndDate"], "person": "CustomerSigned", "record_types": ["Insurance"],
                                       "values": ["Name"]}}}  # fmt: skip
    reader = Reader(salesforce, installation(config))

    found = reader.pull()

    assert set(found) == {f"date/Contract/EndDate/{one}" for one in (contract, nobody)}
    event = found[f"date/Contract/EndDate/{contract}"]
    assert event.recipient is not None
    assert (event.recipient.number, event.subject, event.values["title"]) == ("+33639980001", ana, "C-118")
    assert (event.values["first_name"], event.private["person"]) == ("Ana", ana)
    trouble = found[f"date/Contract/EndDate/{nobody}"].trouble
    assert trouble is not None
    assert trouble.code == "salesforce_nobody"
    org.change("Contract", contract, RecordTypeId=org.add("RecordType", DeveloperName="Another"))
    assert reader.pull(NOW + HOUR)[event.key].closed is Closed.CANCELLED


def test_pages_without_an_end_are_no_list(org):
    again = "/services/data/v67.0/query/01g5g00000AbCdEAAV-1"
    org.fail(*[ok({"done": False, "records": [], "nextRecordsUrl": again})] * 600)
    with Client("https://acme.my.salesforce.com", "token-1", through=org.url) as client, pytest.raises(NotNow):
        client.query("SELECT Id FROM Contact")


def test_pages_are_followed_and_a_forgotten_page_is_asked_for_anew(org, salesforce):
    org.page_size = 40
    for number in range(100):
        org.add("Contact", LastName=f"N{number}", MobilePhone=PHONE, Ends__c=date(2026, 12, 15))
    reader = Reader(salesforce, installation(ENDS))
    first = salesforce.pull(reader.place, None, NOW)
    assert len(first.events) == 40
    org.forgets_pages = True
    reader.cursor = first.cursor
    assert len(reader.pull()) == 100


def test_what_is_deleted_is_gone_and_what_is_merged_is_somebody_else(org, salesforce):
    ana, bob = (org.add("Contact", LastName=name, MobilePhone=PHONE, Ends__c=date(2026, 12, 15)) for name in "AB")
    reader = Reader(salesforce, installation(ENDS))
    reader.pull()
    org.delete("Contact", ana, into=bob)

    found = reader.pull(NOW + timedelta(minutes=5))

    assert found[f"date/Contact/Ends__c/{ana}"].closed is Closed.DELETED
    assert [(merge.old, merge.new) for batch in reader.batches for merge in batch.merges] == [(ana, bob)]


def test_after_weeks_of_silence_everything_is_read_again_and_the_rest_is_gone(org, salesforce):
    ana, bob = (org.add("Contact", LastName=name, MobilePhone=PHONE, Ends__c=date(2027, 1, 15)) for name in "AB")
    reader = Reader(salesforce, installation(ENDS))
    reader.pull()
    assert reader.swept == [], "what nobody knows needs no broom"
    org.delete("Contact", bob)
    org.kinds["Contact"].deleted.clear()

    found = reader.pull(NOW + 20 * DAY)

    assert set(found) == {f"date/Contact/Ends__c/{ana}"}
    assert ("date/Contact/Ends__c/", 1) in reader.swept


def test_a_field_that_is_no_longer_mapped_is_silenced(org, salesforce):
    org.add("Contact", LastName="A", MobilePhone=PHONE, Ends__c=date(2026, 12, 15), Calls__c=NOW)
    reader = Reader(salesforce, installation({"objects": {"Contact": {"dates": ["Ends__c", "Calls__c"]}}}))
    reader.pull()
    # As core does it: new settings begin anew, and what was remembered stays.
    reader.place, reader.cursor = replace(installation(ENDS), memory=reader.place.memory), None
    reader.pull()
    swept = [sweep for batch in reader.batches for sweep in batch.sweeps]
    assert [(sweep.prefix, sweep.closed) for sweep in swept if not sweep.keys] == [
        ("date/Contact/Calls__c/", Closed.SILENCED)]  # fmt: skip


def test_what_is_mapped_and_not_there_is_named_and_the_rest_is_read(org, salesforce):
    ana = org.add("Contact", LastName="A", MobilePhone=PHONE, Ends__c=date(2026, 12, 15))
    reader = Reader(salesforce, installation({"objects": {
        "Contact": {"dates": ["Missing__c", "Ends__c"]}, "Policy__c": {"dates": ["End__c"], "person": "Contact__r"}}}))
    assert set(reader.pull()) == {f"date/Contact/Ends__c/{ana}"}
    assert {(one.code, one.values["object"]) for one in reader.batches[-1].problems} == {
        ("salesforce_field_absent", "Contact"), ("salesforce_object_absent", "Policy__c")}


def test_a_quiet_org_is_asked_little(org, salesforce):
    reader = Reader(salesforce, installation(ENDS))
    reader.pull()
    org.asked.clear()
    reader.pull(NOW + timedelta(minutes=10))
    assert len(org.asked) == 4, "a query and the deletions, for contacts and for leads"


# Refusals ---------------------------------------------------------------------------------------------------------


def test_refusals_come_in_and_a_consent_needs_its_moment(org, salesforce):
    org.add("Contact", LastName="No", MobilePhone=PHONE, Relance_SMS_Opt_Out__c=True,
            Relance_SMS_Opt_Out_At__c="2026-11-02T10:00:00.000+0000")  # fmt: skip
    org.add("Contact", LastName="Yes", MobilePhone="06 39 98 00 02", Agreed__c="2026-11-03T10:00:00.000+0000")
    org.add("Contact", LastName="Nothing", MobilePhone="06 39 98 00 03")
    reader = Reader(salesforce, installation({"objects": {"Contact": {"opt_in_at": "Agreed__c"}}}))
    reader.pull()
    assert {(word.granted, word.scope, word.number, word.at.day) for word in reader.words} == {
        (False, "marketing", "+33639980001", 2), (False, "transactional", "+33639980001", 2),
        (True, "marketing", "+33639980002", 3)}  # fmt: skip


def test_an_individual_refuses_for_its_contacts_and_wants_to_be_forgotten(org, salesforce):
    sad = org.add("Individual", HasOptedOutProcessing=True, ShouldForget=True)
    ana = org.add("Contact", LastName="Roux", MobilePhone=PHONE, IndividualId=sad)
    reader = Reader(salesforce, installation())
    reader.pull()
    assert [(word.scope, word.subject) for word in reader.words] == [("all", ana)]
    assert [one.subject for batch in reader.batches for one in batch.erasures] == [ana]


def test_a_converted_lead_is_its_contact(org, salesforce):
    ana = org.add("Contact", LastName="Roux", MobilePhone=PHONE)
    lead = org.add("Lead", LastName="Roux", MobilePhone=PHONE, Company="Roux")
    reader = Reader(salesforce, installation())
    reader.pull()
    org.change("Lead", lead, IsConverted=True, ConvertedContactId=ana)
    reader.pull(NOW + HOUR)
    assert [(merge.old, merge.new) for batch in reader.batches for merge in batch.merges] == [(lead, ana)]


# The second look --------------------------------------------------------------------------------------------------


def test_the_second_look_sees_a_refusal_a_moved_date_and_who_is_gone(org, salesforce):
    no = org.add("Contact", LastName="No", MobilePhone=PHONE, Relance_SMS_Opt_Out__c=True)
    gone = org.add("Contact", LastName="Gone")
    moved = org.add("Contact", LastName="Moved", MobilePhone=PHONE, Ends__c=date(2027, 3, 1))
    lead = org.add("Lead", LastName="Well", MobilePhone=PHONE)
    org.delete("Contact", gone)
    keys = {**{f"flow/{one}/1": {"record": one, "person": one} for one in (no, gone, lead)},
            f"date/Contact/Ends__c/{moved}": {"object": "Contact", "record": moved, "person": moved},
            "flow/other/1": {"record": "a9900000000000AAAA"}}  # fmt: skip

    found = salesforce.look_again(installation(ENDS), keys, NOW)

    assert {word.subject for word in found.consents} == {no}
    events = {event.key: event for event in found.events}
    assert events[f"flow/{gone}/1"].closed is Closed.DELETED
    assert events[f"date/Contact/Ends__c/{moved}"].start == datetime(2027, 2, 28, 23, tzinfo=UTC)
    assert len(events) == 2


def test_a_refusal_that_cannot_be_read_is_no_consent(org, salesforce):
    ana = org.add("Contact", LastName="Roux", MobilePhone=PHONE)
    place = installation({"objects": {"Contact": {"opt_out": ["Has_Left__c"]}}})
    with pytest.raises(NeedsReconnect) as needs:
        salesforce.look_again(place, {"flow/x": {"record": ana, "person": ana}}, NOW)
    assert needs.value.reason.code == "salesforce_opt_out_absent"
    with pytest.raises(NotNow) as waits:
        salesforce.pull(place, None, NOW)
    assert waits.value.reason.code == "salesforce_opt_out_absent"


def test_names_cannot_hold_soql(org, salesforce):
    nasty = "x' OR Name != null OR Name = '\\"
    ana = org.add("Contact", LastName=nasty, MobilePhone=PHONE)
    client = Client("https://acme.my.salesforce.com", "token-1", through=org.url)
    found = client.query("SELECT Id FROM Contact WHERE LastName = {} AND Phone IN {}", nasty, [nasty, "'"])
    assert found == []
    found = client.query("SELECT Id FROM Contact WHERE LastName = {}", nasty)
    assert [one["Id"] for one in found] == [ana]
    for name in ("Ends__c FROM Contact", "Ends__c, Id", "1Ends", "Ends__c{}", "É__c", "", None, "a" * 81):
        with pytest.raises(BadInput):
            salesforce.configured({"organization_id": "00D5g00000ABCDE", "refresh_token": "r",
                                   "instance_url": "acme.my.salesforce.com",
                                   "objects": {"Contact": {"dates": [name]}}})  # fmt: skip


# What is written --------------------------------------------------------------------------------------------------


def test_a_sent_message_is_a_record_a_status_and_a_task_once(org, salesforce):
    ana = org.add("Contact", LastName="Roux")
    case = org.add("Contract", Name="C-118", CustomerSignedId=ana)
    place = installation(WRITES)
    for _ in range(2):
        told = salesforce.report_all(place, [about(ana, case), about(ana, case, state=State.DELIVERED, at=NOW + HOUR)],
                                     NOW)  # fmt: skip
        assert told == [None, None]

    [message] = org.all("Relance_Message__c")
    said = {"Message_Id__c": "msg_1", "Record_Id__c": case, "Contact__c": ana, "Status__c": "delivered",
            "Price__c": 0.052}  # fmt: skip
    assert {name: message[name] for name in said} == said
    assert org.record("Contact", ana)["Relance_SMS_Status__c"] == "delivered"
    [task] = org.all("Task")
    assert (task["WhoId"], task["WhatId"], task["Status"]) == (ana, case, "Completed")
    assert (task["Subject"], task["ActivityDate"]) == ("Message envoyé (SMS)", "2026-11-30")
    assert task["Description"].startswith("Bonjour\n")


def test_a_lead_is_alone_and_a_converted_one_is_followed(org, salesforce):
    ana = org.add("Contact", LastName="Roux")
    lead = org.add("Lead", LastName="Blanc")
    old = org.add("Lead", LastName="Roux", IsConverted=True, ConvertedContactId=ana)
    case = org.add("Contract", Name="C-118")
    told = salesforce.report_all(installation(WRITES), [
        about(lead, case), about(old, old, message_id="msg_2"), stop(old)], NOW)  # fmt: skip
    assert told == [None, None, None]
    assert {(task["WhoId"], task["WhatId"]) for task in org.all("Task")} == {(lead, None), (ana, None)}
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out__c"] is True
    assert "Relance_SMS_Opt_Out__c" not in org.record("Lead", old)


def test_a_person_account_is_written_to_as_such():
    with FakeSalesforce(person_accounts=True) as org:
        contact = org.add("Contact", LastName="Roux")
        person = org.add("Account", Name="Ana Roux", IsPersonAccount=True, PersonContactId=contact)
        told = adapter(org).report_all(installation(WRITES), [about(person), stop(person)], NOW)
        assert told == [None, None]
        assert org.record("Account", person)["Relance_SMS_Opt_Out__pc"] is True
        assert org.record("Account", person)["Relance_SMS_Status__pc"] == "sent"
        assert {(task["WhoId"], task["WhatId"]) for task in org.all("Task")} == {(contact, None)}
        [message] = org.all("Relance_Message__c")
        assert (message["Account__c"], message["Contact__c"]) == (person, contact)
    assert org.violations == []


def test_a_stop_ticks_the_box_and_a_start_unticks_it(org, salesforce):
    ana = org.add("Contact", LastName="Roux")
    salesforce.report(installation(), stop(ana), NOW)
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out__c"] is True
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out_At__c"].startswith("2026-11-30T09:00:00")
    assert org.all("Task") == [], "tasks are written when a person wants them"
    salesforce.report_all(installation(), [stop(ana, granted=True, at=NOW + DAY), stop(ana, at=NOW + HOUR)], NOW + DAY)
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out__c"] is False, "the newest word wins, whatever comes last"


def test_a_stop_from_elsewhere_reaches_whoever_has_the_number(org, salesforce):
    mine = [org.add("Contact", LastName="A", MobilePhone="06.39.98.00.01"),
            org.add("Contact", LastName="B", Phone="+33 (0)6 39 98 00 01")]  # fmt: skip
    lead = org.add("Lead", LastName="C", MobilePhone="0033639980001")
    other = org.add("Contact", LastName="D", MobilePhone="06 39 98 00 11")
    assert salesforce.report_all(installation(), [stop(None)], NOW) == [None]
    assert all(org.record("Contact", one)["Relance_SMS_Opt_Out__c"] for one in mine)
    assert org.record("Lead", lead)["Relance_SMS_Opt_Out__c"] is True
    assert "Relance_SMS_Opt_Out__c" not in org.record("Contact", other)
    org.asked.clear()
    many = [stop(None, number=f"+336399801{number:02d}") for number in range(20)]
    assert salesforce.report_all(installation(), many, NOW) == [None] * 20, "who is not there needs no box"
    assert org.count("/query") == 4


def test_without_a_field_for_it_a_stop_says_so():
    with FakeSalesforce(package=False) as org:
        ana = org.add("Contact", LastName="Roux")
        with pytest.raises(BadInput) as told:
            adapter(org).report(installation(), stop(ana), NOW)
        assert told.value.reason.code == "salesforce_no_opt_out_field"
        assert adapter(org).report_all(installation(WRITES), [about(ana)], NOW) == [None]
        assert len(org.all("Task")) == 1


def test_one_of_two_fails_alone(org, salesforce):
    ana, bob, gone = (org.add("Contact", LastName=name) for name in "ABC")
    org.delete("Contact", gone)
    org.locked.add(ana)
    told = salesforce.report_all(installation({"write_back": {"status": True}}), [
        about(ana), about(bob, message_id="msg_2"), about(gone, message_id="msg_3")], NOW)
    assert isinstance(told[0], NotNow)
    assert told[1] is None
    assert isinstance(told[2], BadInput)
    assert org.record("Contact", bob)["Relance_SMS_Status__c"] == "sent"


def test_what_fails_beside_it_does_not_keep_a_refusal_from_being_written(org, salesforce):
    ana = org.add("Contact", LastName="Roux")
    org.kinds["Relance_Message__c"].fields["Message_Id__c"]["updateable"] = False
    told = salesforce.report_all(installation(WRITES), [about(ana), stop(ana)], NOW)
    assert isinstance(told[0], BadInput)
    assert told[1] is None
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out__c"] is True


def test_many_reports_are_one_job_of_the_bulk_api(org, salesforce):
    people = [org.add("Contact", LastName=f"N{number}") for number in range(450)]
    org.locked.add(people[7])
    org.asked.clear()
    told = salesforce.report_all(installation({"write_back": {"messages": True, "status": True}}), [
        about(one, message_id=f"msg_{number}") for number, one in enumerate(people)], NOW)
    assert [place for place, one in enumerate(told) if one is not None] == [7]
    assert len(org.all("Relance_Message__c")) == 450
    assert org.record("Contact", people[449])["Relance_SMS_Status__c"] == "sent"
    assert org.count("/jobs/ingest") > 0
    assert org.count("composite") == 0
    assert len(org.asked) < 20


# What goes wrong --------------------------------------------------------------------------------------------------


def raised(salesforce: Quick, *, config: dict[str, Any] | None = None) -> NotNow | NeedsReconnect | BadInput:
    with pytest.raises((NotNow, NeedsReconnect, BadInput)) as trouble:
        salesforce.pull(installation(config), None, NOW)
    return trouble.value


@pytest.mark.parametrize(("step", "kind", "code"), [
    (refused(401, "INVALID_SESSION_ID"), NeedsReconnect, "token_refused"),
    (refused(403, "REQUEST_LIMIT_EXCEEDED"), NotNow, "salesforce_limit"),
    (refused(403, "API_DISABLED_FOR_ORG"), NeedsReconnect, "salesforce_api_off"),
    (refused(429, "", headers={"Retry-After": "120"}), NotNow, "salesforce_away"),
    (refused(500, "UNKNOWN_EXCEPTION"), NotNow, "salesforce_away"),
    (refused(503, "SERVER_UNAVAILABLE"), NotNow, "salesforce_away"),
    (status(502, b"<html>"), NotNow, "salesforce_away"),
    (status(301, b"", {"Location": "https://evil.example/"}), NeedsReconnect, "token_refused"),
    (ok(b""), NotNow, "salesforce_away"), (badjson(), NotNow, "salesforce_away"),
    (truncate(), NotNow, "salesforce_away"), (cut_after(), NotNow, "salesforce_away"),
    (garbage(), NotNow, "salesforce_away"), (ok([]), NotNow, "salesforce_away"), (ok({}), NotNow, "salesforce_away"),
    (oversize(), NotNow, "salesforce_away"),
], ids=lambda one: one if isinstance(one, str) else "")  # fmt: skip
def test_each_failure_says_what_to_do_next(org, salesforce, step, kind, code):
    org.fail(step)
    trouble = raised(salesforce)
    assert isinstance(trouble, kind)
    assert trouble.reason.code == code


def test_a_pause_is_as_long_as_it_is_asked_for(org, salesforce):
    org.fail(refused(429, "", headers={"Retry-After": "120"}))
    trouble = raised(salesforce)
    assert isinstance(trouble, NotNow)
    assert trouble.after == timedelta(minutes=2)
    org.fail(refused(403, "REQUEST_LIMIT_EXCEEDED"))
    trouble = raised(salesforce)
    assert isinstance(trouble, NotNow)
    assert trouble.after == HOUR


def test_a_slow_org_is_not_waited_for(org):
    quick = adapter(org)
    object.__setattr__(quick.tools, "timeout", 0.2)
    org.fail(hang())
    assert raised(quick).reason.code == "salesforce_away"


def test_an_org_that_has_moved_is_found_by_a_new_token(org, salesforce):
    org.move("acme2.my.salesforce.com")
    assert raised(salesforce).reason.code == "token_refused"
    assert [place for place in org.asked if "oauth2" in place] == [], "nothing of ours goes where a redirect points"


def test_a_version_that_is_over_waits_for_a_person(org, salesforce):
    org.versions.remove("67.0")
    assert raised(salesforce).reason.code == "salesforce_version_over"


def test_the_last_fifth_of_the_calls_is_for_others_but_a_refusal_is_written(org, salesforce):
    ana = org.add("Contact", LastName="Roux", MobilePhone=PHONE)
    org.used, org.most = 79, 100
    salesforce.pull(installation(), None, NOW)
    assert raised(salesforce).reason.code == "salesforce_budget"
    with pytest.raises(NotNow):
        salesforce.report(installation(WRITES), about(ana), NOW)
    salesforce.report(installation(), stop(ana), NOW)
    assert org.record("Contact", ana)["Relance_SMS_Opt_Out__c"] is True
    org.used = 10
    Reader(salesforce, installation()).pull(NOW + HOUR)


def test_a_wrong_address_is_called_by_nobody(org, salesforce):
    for address in ("https://evil.example", "https://salesforce.com.evil.example", "http://acme.my.salesforce.com",
                    "https://acme.my.salesforce.com:8443", "https://u:p@acme.my.salesforce.com",
                    "https://acme.my.salesforce.com/x", "https://127.0.0.1"):  # fmt: skip
        with pytest.raises(BadInput):
            salesforce.pull(installation({"instance_url": address}), None, NOW)
    assert org.asked == []


# What is missing over there ---------------------------------------------------------------------------------------


def checked(salesforce: Quick, **config: Any) -> dict[str, Check]:
    return {one.name: one for one in salesforce.check(installation(config), NOW)}


def test_all_is_well(org, salesforce):
    found = checked(salesforce, scopes=["api", "id", "refresh_token"])
    assert {name: one.result for name, one in found.items()} == dict.fromkeys(
        ("token", "version", "plan", "scopes", "app_installed"), "ok")


def test_each_fault_has_its_place_in_setup(org, salesforce):
    org.used, org.most = 99, 100
    org.versions = [f"{number}.0" for number in range(65, 80)]
    del org.kinds["Relance_Message__c"]
    org.kinds["Lead"].fields["Relance_SMS_Opt_Out__c"]["updateable"] = False
    org.used = 80
    found = checked(salesforce, scopes=["id"], objects={
        "Contact": {"opt_out": ["Gone__c"], "dates": ["Missing__c"]},
        "Policy__c": {"dates": ["End__c"], "person": "Contact__r"}})
    codes = {name: (one.result, one.reason.code) for name, one in found.items() if one.reason}
    assert codes == {
        "version": ("warning", "salesforce_version_old"), "budget": ("warning", "salesforce_budget_low"),
        "scopes": ("problem", "salesforce_scope_missing"), "package": ("warning", "salesforce_package_absent"),
        "opt_out:Contact": ("problem", "salesforce_opt_out_absent"),
        "field:Contact": ("problem", "salesforce_field_absent"),
        "opt_out:Lead": ("problem", "salesforce_opt_out_read_only"),
        "object:Policy__c": ("problem", "salesforce_object_absent")}  # fmt: skip
    link = found["opt_out:Contact"].link
    assert link is not None
    assert link.startswith("https://acme.my.salesforce.com/lightning/setup/ObjectManager/Contact/")

"""A Flow's call: what may be in it, what each record makes, and what each record hears."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Result
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.events import Closed, Event, Kind
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.sentences import SENTENCES
from integrations.salesforce import flow
from tests.integrations.salesforce.org import ANA, HOOK, NOW, SECRET, adapter, call, installation, message, sent

DOCUMENT = Path(flow.__file__).with_name("flow_openapi.json")


def events(topic: str, *messages: dict[str, Any]) -> tuple[Event, ...]:
    return adapter().parse(call(topic, sent(*messages)), installation()).events


def heard(topic: str, body: Any, *results: Result) -> dict[str, Any]:
    request, salesforce = call(topic, body), adapter()
    reply = salesforce.answer(request, salesforce.parse(request, installation()), results)
    assert reply.status == 200
    return dict(json.loads(reply.body))


def trouble(topic: str = "send", **fields: Any) -> str:
    [result] = heard(topic, sent(message(**fields)))["results"]
    assert result["accepted"] is False
    assert result["errorText"]
    return str(result["errorCode"])


# Who calls --------------------------------------------------------------------------------------------------------


def test_the_secret_and_the_org_prove_who_calls():
    adapter().verify(call("send", sent(message())), installation())
    adapter().verify(call("send", {**sent(message()), "organizationId": "00D5g00000ABCDE"}), installation())


@pytest.mark.parametrize("request_", [
    call("send", sent(message()), secret="t" * 43),
    call("send", sent(message()), secret=""),
    call("send", sent(message()), secret="é"),
    call("send", {**sent(message()), "organizationId": "00D5g00000ABCDF"}),
    call("send", {"messages": [message()]}),
    call("send", {**sent(message()), "organizationId": 7}),
    replace(call("send", sent(message())), headers=()),
    replace(call("send", sent(message())), headers=(("Authorization", f"Basic {SECRET}"),)),
    replace(call("send", sent(message())), headers=(("Authorization", f"Bearer {SECRET}"),) * 2),
], ids=lambda request: "")  # fmt: skip
def test_anybody_else_is_refused(request_):
    with pytest.raises(NotAuthentic):
        adapter().verify(request_, installation())


def test_an_installation_without_a_secret_lets_nobody_in():
    with pytest.raises(NotAuthentic):
        adapter().verify(call("send", sent(message()), secret=""), installation(secrets={}))


def test_what_is_kept_holds_no_secret_and_reads_the_same():
    request = call("send", sent(message()))

    kept = adapter().kept(request)

    assert SECRET not in kept.written().decode()
    assert adapter().parse(kept, installation()) == adapter().parse(request, installation())


# What a record makes ----------------------------------------------------------------------------------------------


def test_a_record_makes_a_wish():
    [event] = events("send", message(
        firstName="Zoë", title="Contrat 118", valuesJson='{"city": "Lyon", "rest": 3}', channels="rcs, sms",
        messageClass="marketing", flow="Rappel de dossier", sender="ACME", asksForAnswer=True,
        recipientLanguage="fr", sendAt="2026-12-01T17:00:00.000+0000", useUntil="2026-12-02T08:00:00"))

    wish = event.wish
    assert event.kind is Kind.REQUEST
    assert event.recipient is not None
    assert event.recipient.number == "+33639980001"
    assert (event.subject, event.at) == (ANA, NOW)
    assert event.values == {"city": "Lyon", "rest": 3, "first_name": "Zoë", "title": "Contrat 118", "record_id": ANA}
    assert event.private == {"record": ANA, "person": ANA, "flow": "Rappel de dossier"}
    assert wish is not None
    assert (wish.klass, wish.body, wish.channels, wish.sender, wish.asks) == (
        "marketing", "Bonjour", ("rcs", "sms"), "ACME", True)
    assert (wish.campaign, wish.label, wish.language) == ("Rappel de dossier", "Rappel de dossier", "fr")
    assert wish.at == datetime(2026, 12, 1, 17, tzinfo=UTC)
    assert wish.until == datetime(2026, 12, 2, 7, tzinfo=UTC), "local time of the installation's zone"


def test_without_an_offset_it_is_local_time():
    [event] = events("send", message(sendAt="2026-12-01T18:00:00"))
    assert event.wish is not None
    assert (event.wish.at, event.wish.wall) == (None, datetime(2026, 12, 1, 18))


def test_a_record_that_is_no_person_names_one():
    [event] = events("send", message(recordId="8005g000000AbCd", personId=ANA[:15]))
    assert event.subject == ANA
    assert event.private["record"].startswith("8005g000000AbCd")
    assert len(event.private["record"]) == 18


def test_the_same_record_and_key_is_the_same_message_and_any_other_is_another():
    [first] = events("send", message())
    [again] = events("send", message(body="Bonsoir", recordId=ANA[:15], key="k1 "))
    [other] = events("send", message(key="k2"))
    [elsewhere] = events("send", message(recordId="0035g00000AbCdF"))
    assert first.key == again.key
    assert len({first.key, other.key, elsewhere.key}) == 3


def test_a_key_that_comes_twice_in_a_call_is_one_message_and_both_hear_of_it():
    body = sent(message(body="Bonjour"), message(body="Bonsoir"))
    [event] = events("send", *body["messages"])
    assert event.wish is not None
    assert event.wish.body == "Bonsoir"

    said = heard("send", body, Result(event.key, State.SCHEDULED, "msg_1"))

    assert [one["messageId"] for one in said["results"]] == ["msg_1", "msg_1"]


def test_a_refusal_and_a_consent_come_along():
    reading = adapter().parse(call("send", sent(
        message(optedOut=True), message(key="k2", consentAt="2026-11-02"))), installation())

    no, and_no, yes = reading.consents
    assert (no.granted, no.scope, no.number, no.subject, no.at) == (False, "marketing", "+33639980001", ANA, NOW)
    assert (and_no.granted, and_no.scope) == (False, "transactional"), "what a STOP says"
    assert (yes.granted, yes.scope, yes.at) == (True, "marketing", datetime(2026, 11, 1, 23, tzinfo=UTC))


@pytest.mark.parametrize(("fields", "code"), [
    ({"key": ""}, "salesforce_field_missing"),
    ({"key": "k" * 201}, "salesforce_field_long"),
    ({"recordId": None}, "salesforce_field_missing"),
    ({"recordId": "abc"}, "salesforce_id_wrong"),
    ({"recordId": "0035g00000AbCdEAAX"}, "salesforce_id_wrong"),
    ({"body": None}, "salesforce_text_missing"),
    ({"template": "rappel"}, "salesforce_text_twice"),
    ({"messageClass": "otp"}, "salesforce_class_unknown"),
    ({"channels": "pigeon"}, "salesforce_channel_unknown"),
    ({"sendAt": "demain"}, "salesforce_field_wrong"),
    ({"sendAt": "0001-01-01T00:00:00Z"}, "salesforce_field_wrong"),
    ({"asksForAnswer": "peut-être"}, "salesforce_field_wrong"),
    ({"valuesJson": "[1]"}, "salesforce_field_wrong"),
    ({"valuesJson": '{"a": {"b": 1}}'}, "salesforce_field_wrong"),
    ({"valuesJson": '{"a": NaN}'}, "salesforce_field_wrong"),
    ({"valuesJson": '{"a": 1e999}'}, "salesforce_field_wrong"),
    ({"phone": {"a": 1}}, "salesforce_field_wrong"),
    ({"consentAt": "2027-01-01"}, "salesforce_consent_ahead"),
])  # fmt: skip
def test_what_is_wrong_with_a_record_is_its_result(fields, code):
    assert trouble(**fields) == code
    assert code in SENTENCES


def test_a_record_without_a_usable_number_still_has_an_occasion_and_a_reason():
    none, bad = events("send", message(phone=""), message(key="k2", phone="12"))
    assert none.trouble == Reason("no_number")
    assert bad.trouble is not None
    assert bad.recipient is None


def test_what_is_wrong_with_one_record_costs_no_other_its_message():
    body = sent(message(), {"key": "k2"}, "nothing", message(key="k3"))
    first, last = events("send", *body["messages"])

    said = heard("send", body, Result(first.key, State.SCHEDULED, "msg_1", due_at=NOW, segments=1, price_micros=52_000,
                                      currency="EUR"),
                 Result(last.key, State.SUPPRESSED, "msg_2", Reason("opted_out", {"scope": "all"})))  # fmt: skip

    assert [one["status"] for one in said["results"]] == ["scheduled", "refused", "refused", "suppressed"]
    assert "dueAt" not in said["results"][3]
    assert (said["accepted"], said["refused"]) == (1, 3)
    assert said["results"][0] == {
        "key": "k1", "recordId": ANA, "accepted": True, "status": "scheduled", "messageId": "msg_1", "errorCode": "",
        "errorText": "", "dueAt": "2026-11-30T09:00:00Z", "segments": 1, "price": 0.052, "currency": "EUR"}
    assert said["results"][3]["errorCode"] == "opted_out"
    assert "STOP" in said["results"][3]["errorText"]


def test_the_sentence_is_in_the_language_of_the_call():
    assert heard("send", sent(message(body="")))["results"][0]["errorText"].startswith("Donnez")
    assert heard("send", sent(message(body=""), language="en_GB"))["results"][0]["errorText"].startswith("Give")


# Before a date ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fields", "at", "wall", "until"), [
    ({"date": "2026-12-15", "daysBefore": 15}, None, datetime(2026, 11, 30, 10), "2026-12-15T23:00"),
    ({"date": "2026-12-15", "daysBefore": 1, "atTime": "18:00"}, None, datetime(2026, 12, 14, 18), "2026-12-15T23:00"),
    ({"date": "2026-12-15", "daysBefore": "2.0"}, None, datetime(2026, 12, 13, 10), "2026-12-15T23:00"),
    ({"date": "2026-12-15", "daysBefore": -3}, None, datetime(2026, 12, 18, 10), None),
    ({"date": "2026-12-15T09:30:00.000Z", "hoursBefore": 2}, datetime(2026, 12, 15, 7, 30, tzinfo=UTC), None,
     "2026-12-15T09:30"),
    ({"date": "2026-12-14T23:30:00.000Z", "daysBefore": 1, "atTime": "18:00:00.000Z"}, None,
     datetime(2026, 12, 14, 18), "2026-12-14T23:30"),
    # The night in which the clocks go back: wall time stays what it is.
    ({"date": "2026-10-26", "daysBefore": 1, "atTime": "02:30"}, None, datetime(2026, 10, 25, 2, 30),
     "2026-10-26T23:00"),
])  # fmt: skip
def test_a_message_before_a_date(fields, at, wall, until):
    [event] = events("schedule", message(**fields))
    assert event.wish is not None
    assert (event.wish.at, event.wish.wall) == (at, wall)
    assert event.wish.until == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)
    assert event.all_day is (len(fields["date"]) == 10)


def test_a_date_that_was_taken_away_calls_the_message_off():
    [event] = events("schedule", message(date="", daysBefore=1))
    assert event.closed is Closed.CANCELLED
    said = heard("schedule", sent(message(date="", daysBefore=1)), Result(event.key, State.CANCELLED, "msg_1"))
    assert (said["results"][0]["status"], said["results"][0]["accepted"]) == ("cancelled", True)


@pytest.mark.parametrize(("fields", "code"), [
    ({"date": "bientôt"}, "salesforce_field_wrong"),
    ({"date": "2026-02-30"}, "salesforce_field_wrong"),
    ({"date": "2026-12-15", "daysBefore": 1.5}, "salesforce_field_wrong"),
    ({"date": "2026-12-15", "daysBefore": 99999}, "salesforce_field_wrong"),
    ({"date": "2026-12-15", "daysBefore": 1, "hoursBefore": 1}, "salesforce_before_twice"),
    ({"date": "2026-12-15", "hoursBefore": 1}, "salesforce_hours_before_a_day"),
    ({"date": "2026-12-15", "daysBefore": 1, "atTime": "25:00"}, "salesforce_field_wrong"),
])  # fmt: skip
def test_a_date_that_cannot_be_meant(fields, code):
    assert trouble("schedule", **fields) == code


# Calling off ------------------------------------------------------------------------------------------------------


def test_a_date_that_went_calls_off_though_the_text_that_was_made_of_it_went_too():
    [event] = events("schedule", message(date="", body="", template="", messageClass="", phone="", daysBefore="?"))
    assert (event.closed, event.wish) == (Closed.CANCELLED, None)
    [kept] = events("schedule", message(date="2026-12-15", daysBefore=1))
    assert kept.key == event.key


def test_a_text_that_went_alone_is_said_and_calls_nothing_off():
    said = heard("schedule", sent(message(date="2026-12-15", body="", template="")))
    assert said["results"][0]["errorCode"] == "salesforce_text_missing"


def test_one_message_or_all_of_a_person_are_called_off():
    body = {"organizationId": "00D5g00000ABCDE", "cancellations": [
        {"key": "k1", "recordId": ANA}, {"recordId": ANA[:15], "flow": "Rappel"}, {"key": "k1"}]}
    reading = adapter().parse(call("cancel", body), installation())

    assert [(event.key, event.closed) for event in reading.events] == [(flow.key_of(ANA, "k1"), Closed.CANCELLED)]
    assert [(one.subject, one.campaign, one.at) for one in reading.calls_off] == [(ANA, "Rappel", NOW)]
    said = heard("cancel", body)
    assert [one["status"] for one in said["results"]] == ["cancelled", "cancelled", "refused"]


# The call as a whole ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b"null", b'"x"', b"\xff\xfe", b'{"messages": NaN}', b"[" * 100_000, b'{"a": 1, "a": 2}',
    sent(), {"organizationId": "00D5g00000ABCDE"}, {**sent(), "messages": {}},
    sent(*[message(key=str(number)) for number in range(201)]),
    b'{"messages": "' + b"x" * 1_000_001 + b'"}',
], ids=lambda body: str(body)[:20])  # fmt: skip
def test_a_call_that_cannot_be_read_is_refused_as_a_whole(body):
    request = call("send", body)
    with pytest.raises(Unreadable) as refused:
        adapter().parse(request, installation())
    assert refused.value.reason.code in SENTENCES


def test_two_hundred_records_are_one_call():
    body = sent(*[message(key=str(number)) for number in range(200)])
    assert len(events("send", *body["messages"])) == 200


def test_another_address_is_no_call():
    with pytest.raises(Unreadable):
        adapter().parse(call("other", sent(message())), installation())
    with pytest.raises(Unreadable):
        adapter().parse(replace(call("send", sent(message())), method="GET"), installation())


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)


@given(fields=st.dictionaries(st.sampled_from([*message(), "date", "daysBefore", "atTime", "valuesJson", "sendAt",
                                               "consentAt", "optedOut", "channels", "flow"]), _anything),
       topic=st.sampled_from(["send", "schedule"]))
def test_whatever_a_record_holds_it_has_one_result(fields, topic):
    salesforce = adapter()
    request = call(topic, sent(message(**fields)))
    try:
        reading = salesforce.parse(request, installation())
    except Unreadable:
        return
    assert reading == salesforce.parse(request, installation())
    said = json.loads(salesforce.answer(request, reading, ()).body)
    assert len(said["results"]) == 1


# Lists to choose from ---------------------------------------------------------------------------------------------


def test_a_flow_asks_for_lists():
    salesforce = adapter()
    request = call("options", {"organizationId": "00D5g00000ABCDE", "what": "templates", "search": "rap"})
    salesforce.verify(request, installation())
    question = salesforce.question(request, installation())
    assert question is not None
    assert (question.what, question.search, question.after) == ("templates", "rap", None)
    assert salesforce.question(call("send", sent(message())), installation()) is None
    with pytest.raises(Unreadable):
        salesforce.question(call("options", {"what": "patients"}), installation())


# The document from which an org registers all this -----------------------------------------------------------------


def test_the_document_is_within_the_limits_of_external_services():
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.0")
    names = [name for one in document["components"]["schemas"].values() for name in one["properties"]]
    operations = [way["post"] for way in document["paths"].values()]
    identifiers = [*names, *document["components"]["schemas"], *(one["operationId"] for one in operations)]
    for name in identifiers:
        assert re.fullmatch("[A-Za-z](?:[A-Za-z0-9]|_(?!_))*", name)
        assert name.lower() not in {"system", "list", "map", "set", "object", "string", "group", "order", "class"}
    written = json.dumps(document)
    for forbidden in ("oneOf", "anyOf", "allOf", "additionalProperties", "securitySchemes", "enum"):
        assert forbidden not in written
    assert all(len(one) <= 1333 for one in re.findall('"description": "([^"]*)"', written))
    for one in operations:
        assert {"200", "400", "401"} <= set(one["responses"])
        assert set(one["requestBody"]["content"]) == {"application/json"}


def test_the_document_names_what_is_read_and_said():
    schemas = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]
    source = Path(flow.__file__).read_text(encoding="utf-8")
    for name in {**schemas["MessageToSend"]["properties"], **schemas["MessageToSchedule"]["properties"]}:
        assert f'"{name}"' in source, name
    [event] = events("send", message())
    said = heard("send", sent(message()), Result(event.key, State.SCHEDULED, "msg_1", None, NOW, 1, 52_000, "EUR"))
    assert set(said["results"][0]) == set(schemas["RecordResult"]["properties"])
    assert set(said) == set(schemas["Results"]["properties"])


def test_publishing_gives_the_document_with_our_address():
    [document] = adapter().files("https://relance.example.org").values()
    assert json.loads(document)["servers"][0]["url"].startswith(HOOK.rpartition("/")[0])

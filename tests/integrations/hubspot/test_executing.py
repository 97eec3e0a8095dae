"""A step of a workflow in, the wish and the words for HubSpot out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import CallOff, Option, Question, Result
from core.domain.errors import Unreadable, Unsupported
from core.domain.events import Kind
from core.domain.messages import State
from core.domain.reasons import Reason
from integrations.hubspot import schemas, signatures
from tests.fakes.hubspot import FakeHubSpot
from tests.integrations.hubspot.practice import ANA, NOW, adapter, inbound, installation, outputs, step

hubspot = adapter()


def read(request, config=None, **given):
    (event,) = hubspot.parse(request, installation(config, **given)).events
    return event


def test_a_step_is_a_wish_about_its_contact():
    event = read(step({"message": "Bonjour Ana, à demain", "name": "Relance devis"}))
    assert (event.kind, event.key, event.subject) == (Kind.REQUEST, "action/ap-4242-1001-3-0", "contact/901")
    assert event.recipient.number == ANA
    assert event.trouble is None
    assert (event.wish.klass, event.wish.campaign, event.wish.label) == (
        "transactional", "workflow/1001", "Relance devis")
    assert event.values["first_name"] == "Ana"
    assert event.values["contact"]["mobilephone"] == ANA
    assert event.wish.until == NOW + timedelta(hours=24)


def test_marketing_waits_three_days_for_a_lawful_hour():
    event = read(step({"message_type": "marketing"}))
    assert (event.wish.klass, event.wish.until) == ("marketing", NOW + timedelta(hours=72))


def test_the_contacts_own_words_are_text_and_no_template():
    event = read(step({"message": "Bonjour {{ first_name }} {% x"}))
    assert event.wish.body == "{{ message }}"
    assert event.values["message"] == "Bonjour {{ first_name }} {% x"


def test_a_template_wins_over_the_text():
    event = read(step({"template": "devis", "message": "autre"}))
    assert (event.wish.template, event.wish.body) == ("devis", None)


def test_a_reading_is_the_same_each_time():
    assert hubspot.parse(step(), installation()) == hubspot.parse(step(), installation())


def test_fields_is_read_where_there_are_no_input_fields_and_unknown_keys_are_not():
    request = step()
    body = json.loads(request.body)
    body |= {"fields": body.pop("inputFields"), "surprise": [1, {"a": None}]}
    assert read(replace(request, body=json.dumps(body).encode())).wish.body == "{{ message }}"


def test_typed_inputs_are_read_as_well():
    request = step()
    body = json.loads(request.body)
    body["inputFields"]["useful_hours"] = {"type": "STATIC_VALUE", "value": 3}
    assert read(replace(request, body=json.dumps(body).encode())).wish.until == NOW + timedelta(hours=3)


# whom -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [("06 39 98 00 01", "", ANA), ("+33 6 39 98 00 01", "US", ANA), ("33639980001", "", ANA), ("639980001", "", ANA),
     ("0479 12 34 56", "Belgium", "+32479123456"), ("079 123 45 67", "ch", "+41791234567"),
     ("07911 123456", "United Kingdom", "+447911123456")],
)  # fmt: skip
def test_a_number_is_read_in_the_contacts_country(written, country, number):
    properties = {"country": country} if country else {}
    assert read(step({"phone": written}, properties=properties)).recipient.number == number


def test_a_number_field_keeps_no_plus_sign():
    request = step()
    body = json.loads(request.body)
    body["inputFields"]["phone"] = 33639980001.0
    assert read(replace(request, body=json.dumps(body).encode())).recipient.number == ANA


def test_without_a_choice_the_mobile_is_taken_before_the_telephone():
    event = read(step(properties={"phone": ANA, "mobilephone": "04 78 00 00 00"}))
    assert event.recipient.number == ANA


def test_another_number_than_the_chosen_one_is_never_tried():
    event = read(step({"phone": "123"}))
    assert event.recipient is None
    assert event.trouble.code == "number_invalid"


def test_a_contact_without_a_number_says_so():
    assert read(step(properties={})).trouble.code == "no_number"


def test_only_contacts_are_written_to():
    request = step()
    body = json.loads(request.body)
    body["object"]["objectType"] = "COMPANY"
    assert read(replace(request, body=json.dumps(body).encode())).trouble.code == "hubspot_contacts_only"


# what and when ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "code"),
    [({"message": ""}, "hubspot_nothing_to_say"), ({"message_type": "x"}, "hubspot_class_missing"),
     ({"when": "at_time"}, "hubspot_time_unreadable"),
     ({"when": "at_time", "time": "25:00"}, "hubspot_time_unreadable"),
     ({"when": "on_date"}, "hubspot_date_unreadable"), ({"useful_hours": "-1"}, "hubspot_hours_unreadable"),
     ({"useful_hours": "nan"}, "hubspot_hours_unreadable"), ({"not_after": "bientôt"}, "hubspot_date_unreadable")],
)  # fmt: skip
def test_what_cannot_be_sent_says_why(inputs, code):
    event = read(step(inputs))
    assert event.trouble.code == code
    assert event.recipient is None


@pytest.mark.parametrize(
    ("inputs", "at", "wall"),
    [({"when": "daytime"}, "2026-11-30T10:00:00+01:00", None),
     ({"when": "daytime"}, "2026-11-30T21:30:00+01:00", "2026-12-01T08:00:00"),
     ({"when": "daytime"}, "2026-11-30T05:30:00+01:00", "2026-11-30T08:00:00"),
     ({"when": "at_time", "time": "18h"}, "2026-11-30T10:00:00+01:00", "2026-11-30T18:00:00"),
     ({"when": "at_time", "time": "9:30"}, "2026-11-30T10:00:00+01:00", "2026-12-01T09:30:00"),
     ({"when": "on_date", "date": "2026-12-24"}, "2026-11-30T10:00:00+01:00", "2026-12-24T10:00:00"),
     ({"when": "on_date", "date": "1798070400000", "time": "17:15"}, "2026-11-30T10:00:00+01:00",
      "2026-12-24T17:15:00"),
     ({"when": "on_date", "date": "2026-12-24T16:30:00Z"}, "2026-11-30T10:00:00+01:00", "2026-12-24T17:30:00")],
)  # fmt: skip
def test_it_leaves_when_the_step_says_so_on_the_accounts_clock(inputs, at, wall):
    event = read(step(inputs, at=datetime.fromisoformat(at)))
    assert (event.wish.wall.isoformat() if event.wish.wall else None) == wall


def test_nothing_is_useful_after_its_last_day():
    event = read(step({"useful_hours": "240", "not_after": "2026-12-01"}))
    assert event.wish.until == datetime(2026, 12, 1, 23, tzinfo=UTC)


def test_a_date_that_is_over_is_not_made_useful_again_by_a_late_retry():
    event = read(step({"when": "on_date", "date": "2026-11-20"}))
    assert event.wish.until < NOW


@pytest.mark.parametrize(
    ("written", "channels"),
    [("", ("sms",)), ("sms", ("sms",)), ("rcs,sms", ("rcs", "sms")), ("whatsapp > sms", ("whatsapp", "sms")),
     ("none", ("sms",))],
)  # fmt: skip
def test_channels_are_tried_in_the_order_of_the_step(written, channels):
    assert read(step({"channels": written})).wish.channels == channels


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)))
def test_any_json_is_read_or_refused_clearly(anything):
    for topic in ("actions/send", "actions/cancel", "webhooks"):
        request = inbound(topic, json.dumps(anything).encode())
        try:
            hubspot.parse(request, installation())
            hubspot.portions(request)
        except (Unreadable, Unsupported):
            pass


@given(st.dictionaries(st.sampled_from(["phone", "message", "when", "time", "date", "not_after", "useful_hours",
                                        "channels", "sender", "template", "message_type"]),
                       st.text() | st.integers() | st.floats() | st.booleans(), max_size=11))
def test_any_inputs_are_a_wish_or_a_reason(inputs):
    event = read(step(inputs))
    assert (event.recipient is None) == (event.trouble is not None)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"origin": {"portalId": 4242}}', b"[" * 100_000,
                                  b'{"callbackId": "a", "origin": {"portalId": 4242}, "object": {}}'])
def test_what_is_no_execution_is_unreadable(body):
    with pytest.raises(Unreadable):
        hubspot.parse(inbound("actions/send", body), installation())


# the answer -------------------------------------------------------------------------------------------------------


def answer(state, *, inputs=None, **known):
    request = step(inputs)
    reading = hubspot.parse(request, installation())
    known.setdefault("message_id", "msg_1")
    result = Result(reading.events[0].key, state, **known)
    return outputs(hubspot.answer(request, reading, [result]).body)


@pytest.mark.parametrize("state", [State.SCHEDULED, State.HELD, State.SENDING, State.UNCERTAIN])
def test_the_workflow_waits_for_what_has_not_left(state):
    assert answer(state) == {"hs_execution_state": "BLOCK", "hs_expiration_duration": "PT30H"}


def test_the_workflow_waits_longer_for_what_is_to_arrive():
    said = answer(State.SENT, inputs={"wait_for": "delivered"})
    assert said == {"hs_execution_state": "BLOCK", "hs_expiration_duration": "PT96H"}


def test_a_step_that_is_asked_for_again_hears_what_is_known_now():
    said = answer(State.DELIVERED, segments=1, price_micros=52_000, currency="EUR")
    assert said["hs_execution_state"] == "SUCCESS"
    assert said["message_status"] == "delivered"
    assert (said["message_id"], said["cost"], said["currency"], said["segments"]) == ("msg_1", "0.052", "EUR", "1")


def test_a_business_refusal_is_a_result_and_no_error():
    said = answer(State.SUPPRESSED, reason=Reason("no_marketing_consent"))
    assert said["hs_execution_state"] == "FAIL_CONTINUE"
    assert said["message_status"] == "skipped"
    assert said["error_code"] == "no_marketing_consent"
    assert said["reason"].endswith(".")


def test_what_never_became_a_message_says_why():
    request = step(properties={})
    reading = hubspot.parse(request, installation())
    said = outputs(hubspot.answer(request, reading, []).body)
    assert (said["hs_execution_state"], said["error_code"]) == ("FAIL_CONTINUE", "no_number")


def test_an_account_that_is_not_connected_goes_on_and_sees_why():
    reply = hubspot.stranger(step())
    said = outputs(reply.body)
    assert reply.status == 200
    assert (said["hs_execution_state"], said["error_code"]) == ("FAIL_CONTINUE", "not_connected")


def test_every_answer_is_in_hubspots_form():
    from tests.integrations.hubspot.test_definitions import valid

    for state in State:
        request = step()
        reading = hubspot.parse(request, installation())
        reply = hubspot.answer(request, reading, [Result(reading.events[0].key, state, "msg_1")])
        valid("ActionExecutionResponse", json.loads(reply.body))


# calling off ------------------------------------------------------------------------------------------------------


def cancel(**inputs):
    request = inbound("actions/cancel", FakeHubSpot().execution("901", callback="ap-9", **inputs))
    return hubspot.parse(request, installation())


def test_the_messages_of_this_workflow_are_called_off():
    reading = cancel(scope="workflow")
    assert reading.calls_off == (CallOff(subject="contact/901", campaign="workflow/1001", at=NOW),)
    assert outputs(reading.reply.body) == {"message_status": "cancelled", "hs_execution_state": "SUCCESS"}


def test_two_that_overtake_each_other_keep_the_order_in_which_hubspot_signed_them():
    def signed(topic, body, seconds):
        stamp = str(int((NOW - timedelta(seconds=seconds)).timestamp() * 1000))
        return inbound(topic, body, headers={signatures.V3: "proof", signatures.STAMP: stamp})

    asked = hubspot.parse(signed("actions/send", step().body, 2), installation())
    called = hubspot.parse(signed("actions/cancel", FakeHubSpot().execution("901", callback="ap-9"), 1), installation())

    assert asked.events[0].at == NOW - timedelta(seconds=2)
    assert called.calls_off[0].at == NOW - timedelta(seconds=1)


def test_a_moment_that_nobody_signed_is_not_believed():
    stamp = str(int((NOW + timedelta(days=9)).timestamp() * 1000))
    request = inbound("actions/send", step().body, headers={signatures.STAMP: stamp})
    assert hubspot.parse(request, installation()).events[0].at == NOW


def test_or_all_of_the_contact():
    assert cancel(scope="all").calls_off[0].campaign is None


def test_a_deal_of_the_same_number_is_not_that_contact():
    body = json.loads(FakeHubSpot().execution("901", callback="ap-9", scope="all"))
    body["object"]["objectType"] = "DEAL"
    reading = hubspot.parse(inbound("actions/cancel", json.dumps(body).encode()), installation())
    assert reading.calls_off == ()
    assert outputs(reading.reply.body)["error_code"] == "hubspot_contacts_only"


# lists of options -------------------------------------------------------------------------------------------------


def test_a_list_is_asked_for_with_what_was_typed_and_from_where_on():
    body = FakeHubSpot().options("template", search="ro", after="devis", channels="sms")
    question = hubspot.question(inbound("options/template", body), installation())
    assert question == Question("templates", "ro", "devis", arguments={"channels": "sms"})
    assert hubspot.question(step(), installation()) is None


@pytest.mark.parametrize(
    ("field", "what"), [("template", "templates"), ("sender", "senders"), ("channels", "channels")]
)
def test_each_list_has_its_question(field, what):
    assert hubspot.question(inbound(f"options/{field}", FakeHubSpot().options(field)), installation()).what == what


def test_a_page_of_options_says_where_the_next_begins():
    request = inbound("options/template", FakeHubSpot().options("template"))
    question = hubspot.question(request, installation())
    said = json.loads(hubspot.options(request, question, [Option("a", "Devis", "Bonjour")], "a", None).body)
    assert said == {"options": [{"label": "Devis", "value": "a", "description": "Bonjour"}], "after": "a",
                    "searchable": True}


def test_why_there_are_no_options_stands_in_the_list():
    request = inbound("options/template", FakeHubSpot().options("template"))
    question = hubspot.question(request, installation())
    (only,) = json.loads(hubspot.options(request, question, [], None, Reason("no_account")).body)["options"]
    assert only["value"] == "none"
    assert only["label"]
    assert read(step({"template": only["value"]})).wish.template is None


def test_an_unknown_list_is_unreadable():
    with pytest.raises(Unreadable):
        hubspot.question(inbound("options", FakeHubSpot().options("else")), installation())


def test_days_and_moments_are_told_apart():
    assert schemas.day("1798070400000").isoformat() == "2026-12-24"
    assert schemas.day("1798070400001") is None
    assert schemas.moment("x") is None
    assert schemas.moment(True) is None

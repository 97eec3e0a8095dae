"""HubSpot is told what became of a message: once, in batches, and whatever it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from core.contract import ConsentWord, Report
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from tests.fakes.hubspot import FakeHubSpot, refused, slow_down
from tests.faults.server import cut_after, hang, status, truncate
from tests.integrations.hubspot.practice import ANA, BOB, NOW, adapter, installation

THEN = NOW.astimezone(UTC)


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot(now=THEN) as running:
        running.contact("901", at=THEN - timedelta(days=9), mobilephone=ANA, email="ana@example.org",
                        relance_sms_optout="")
        yield running
        assert running.violations == []


def report(state: State | None = State.SENT, callback: str = "ap-1", **given: Any) -> Report:
    known: dict[str, Any] = {
        "occasion_key": f"action/{callback}", "state": state, "answer": None, "text": None, "at": NOW,
        "private": {"callback": callback, "contact": "901", "wait_for": "sent", "language": "fr"},
        "message_id": f"msg_{callback}", "to": ANA, "channel": Channel.SMS, "subject": "contact/901",
        "body": "Bonjour Ana", "sent_at": NOW if state else None}
    return Report(**{**known, **given})


def tell(hubspot, *reports, config=None, now=NOW, **given):
    return list(adapter(hubspot, **given).report_all(installation(config), reports, now))


def waits(hubspot, *callbacks):
    hubspot.waiting |= set(callbacks)


# a step goes on ---------------------------------------------------------------------------------------------------


def test_a_step_goes_on_with_what_a_marketer_can_branch_on(hubspot):
    waits(hubspot, "ap-1")
    assert tell(hubspot, report(segments=2, price_micros=104_000, currency="EUR")) == [None]
    assert hubspot.completed["ap-1"] == {
        "message_status": "sent", "hs_execution_state": "SUCCESS", "message_id": "msg_ap-1", "segments": "2",
        "cost": "0.104", "currency": "EUR", "sent_at": str(int(NOW.timestamp() * 1000))}
    sent = next(body for name, body in zip(hubspot.asked, hubspot.bodies, strict=True) if name == "completeCallbacks")
    assert sent["inputs"][0]["typedOutputs"] == {}


@pytest.mark.parametrize(
    ("state", "code", "word"),
    [(State.SUPPRESSED, "no_marketing_consent", "skipped"), (State.EXPIRED, "stale", "too_late"),
     (State.CANCELLED, "called_off_there", "cancelled"), (State.FAILED, "provider_number_dead", "failed")],
)  # fmt: skip
def test_a_refusal_is_a_failed_step_of_a_workflow_that_goes_on(hubspot, state, code, word):
    waits(hubspot, "ap-1")
    tell(hubspot, report(state, reason=Reason(code), sent_at=None))
    said = hubspot.completed["ap-1"]
    assert (said["hs_execution_state"], said["message_status"], said["error_code"]) == ("FAIL_CONTINUE", word, code)
    assert said["reason"] == Reason(code).sentence("fr")


def test_who_waits_for_delivery_is_not_told_that_it_left(hubspot):
    waits(hubspot, "ap-1")
    waiting = {**report().private, "wait_for": "delivered"}
    tell(hubspot, report(private=waiting))
    assert hubspot.completed == {}
    tell(hubspot, report(State.DELIVERED, private=waiting, before=State.SENT))
    assert hubspot.completed["ap-1"]["message_status"] == "delivered"


def test_what_went_on_already_is_not_told_twice(hubspot):
    tell(hubspot, report(State.DELIVERED, before=State.SENT))
    assert hubspot.asked == []


def test_a_hundred_steps_are_one_call(hubspot):
    names = [f"ap-{number}" for number in range(100)]
    waits(hubspot, *names)
    assert tell(hubspot, *(report(callback=name) for name in names)) == [None] * 100
    assert set(hubspot.completed) == set(names)
    assert hubspot.asked == ["completeCallbacks", "createCommunications"]


def test_one_that_does_not_wait_any_more_keeps_no_other_waiting(hubspot):
    waits(hubspot, "ap-1", "ap-3")
    reports = [report(callback=f"ap-{number}") for number in (1, 2, 3)]
    assert tell(hubspot, *reports, now=NOW + timedelta(minutes=1)) == [None] * 3
    assert set(hubspot.completed) == {"ap-1", "ap-3"}


@pytest.mark.parametrize("number", [400, 404, 409, 410])
def test_over_is_over(hubspot, number):
    hubspot.fail(refused(number, "OBJECT_NOT_FOUND"), refused(number, "OBJECT_NOT_FOUND"))
    assert tell(hubspot, report(), now=NOW + timedelta(minutes=1)) == [None]


def test_a_step_that_does_not_wait_yet_is_told_again(hubspot):
    """We can be faster than HubSpot is at reading our answer; a step that nobody completes stands still for days."""
    (outcome,) = tell(hubspot, report())
    assert isinstance(outcome, NotNow)
    waits(hubspot, "ap-1")
    assert tell(hubspot, report(), now=NOW + outcome.after) == [None]
    assert hubspot.completed["ap-1"]["message_status"] == "sent"
    assert len(hubspot.logged) == 1


def test_a_later_state_waits_with_the_one_that_waits(hubspot):
    """Told of the later one, the platform would never hear of the first, on which the step goes on."""
    sent = report()
    delivered = replace(sent, state=State.DELIVERED, before=State.SENT)
    first, second = tell(hubspot, sent, delivered)
    assert isinstance(first, NotNow)
    assert second is first
    waits(hubspot, "ap-1")
    assert tell(hubspot, sent, delivered, now=NOW + first.after) == [None, None]
    assert hubspot.completed["ap-1"]["message_status"] == "sent"
    assert len(hubspot.logged) == 1


def test_a_dead_token_is_renewed_and_everything_told_again(hubspot):
    hubspot.fail(refused(401, "EXPIRED_AUTHENTICATION"))
    with pytest.raises(NeedsReconnect) as caught:
        tell(hubspot, report())
    assert caught.value.reason.code == "token_refused"


def test_a_missing_permission_names_itself(hubspot):
    hubspot.tokens["token-1"] = ("oauth",)
    with pytest.raises(NeedsReconnect) as caught:
        tell(hubspot, report())
    assert (caught.value.reason.code, caught.value.reason.values["scope"]) == ("hubspot_scope_missing", "automation")


@pytest.mark.parametrize(
    ("step", "code", "least", "most"),
    [(slow_down(retry_after=7), "hubspot_slow_down", 7, 7), (slow_down(), "hubspot_slow_down", 10, 12),
     (slow_down("SECONDLY"), "hubspot_slow_down", 1, 3), (slow_down("DAILY"), "hubspot_daily_limit", 14 * 3600, 50460),
     (refused(503, "x"), "hubspot_away", 60, 60), (refused(502, "x"), "hubspot_away", 60, 60),
     (refused(423, "LOCKED"), "hubspot_slow_down", 2, 5),
     (refused(477, "MIGRATION", headers={"Retry-After": "86400"}), "hubspot_migrating", 86400, 86400),
     (status(302, headers={"Location": "/x"}), "hubspot_away", 60, 60), (cut_after(), "hubspot_away", 60, 60),
     (truncate(), "hubspot_away", 60, 60), (hang(), "hubspot_away", 60, 60),
     (status(500, b"\xff\xfe"), "hubspot_away", 60, 60)],
)  # fmt: skip
def test_trouble_waits_as_long_as_it_should(hubspot, step, code, least, most):
    waits(hubspot, "ap-1")
    hubspot.fail(step)
    with pytest.raises(NotNow) as caught:
        tell(hubspot, report(), timeout=0.3)
    assert caught.value.reason.code == code
    assert least <= caught.value.after.total_seconds() <= most
    assert hubspot.asked == ["fault"]


def test_after_a_429_the_account_is_left_alone_and_other_accounts_are_not(hubspot):
    one = adapter(hubspot)
    hubspot.fail(slow_down(retry_after=30))
    for _ in range(3):
        with pytest.raises(NotNow):
            one.report_all(installation(), [report()], NOW)
    assert hubspot.asked == ["fault"]
    waits(hubspot, "ap-1")
    assert one.report_all(installation({"portal_id": "9"}), [report()], NOW) == [None]


def test_the_last_calls_of_a_window_are_left_to_others(hubspot):
    hubspot.allowance = 7
    one = adapter(hubspot)
    waits(hubspot, "ap-1", "ap-2")
    assert one.report_all(installation({"timeline": False}), [report()], NOW) == [None]
    assert one.report_all(installation({"timeline": False}), [report(callback="ap-2")], NOW) == [None]
    with pytest.raises(NotNow):
        one.report_all(installation({"timeline": False}), [report(callback="ap-3")], NOW)
    assert hubspot.allowance == 5


def test_two_processes_follow_the_same_word_and_never_run_into_the_wall(hubspot):
    hubspot.allowance = 20
    config = {"timeline": False}
    processes, refused_ = [adapter(hubspot), adapter(hubspot)], 0
    for number in range(40):
        waits(hubspot, f"ap-{number}")
        try:
            processes[number % 2].report_all(installation(config), [report(callback=f"ap-{number}")], NOW)
        except NotNow:
            refused_ += 1
    assert refused_ == 24
    assert (hubspot.allowance, len(hubspot.completed)) == (4, 16)


# the contact's page -----------------------------------------------------------------------------------------------


def entries(hubspot):
    return [one["properties"]["hs_communication_body"] for one in hubspot.logged]


def test_a_message_stands_on_its_contacts_page(hubspot):
    waits(hubspot, "ap-1")
    tell(hubspot, report(body="Offre <b>& demain</b>", channel=Channel.WHATSAPP))
    (entry,) = hubspot.logged
    assert entry["properties"]["hs_communication_channel_type"] == "WHATS_APP"
    assert entry["properties"]["hs_communication_logged_from"] == "CRM"
    assert "Offre &lt;b&gt;&amp; demain&lt;/b&gt;" in entries(hubspot)[0]
    assert entry["associations"] == [{"to": {"id": "901"}, "types": [
        {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 81}]}]


def test_each_reply_click_and_stop_stands_there_too(hubspot):
    word = ConsentWord(False, NOW, number=ANA, subject="contact/901", proof={"text": "STOP"})
    tell(hubspot, report(None, kind="reply", text="Oui, merci"), report(None, kind="click", link="https://a.example/x"),
         report(None, kind="consent", consent=word))
    assert ["Réponse" in one or "Clic" in one or "STOP" in one for one in entries(hubspot)] == [True] * 3
    assert "Oui, merci" in entries(hubspot)[0]
    assert "https://a.example/x" in entries(hubspot)[1]


def test_a_message_stands_there_once_however_often_it_is_told(hubspot):
    tell(hubspot, report())
    tell(hubspot, report(State.DELIVERED, before=State.SENT))
    # The line broke after HubSpot had written it: a minute later it is looked for first.
    tell(hubspot, report(), now=NOW + timedelta(minutes=1))
    assert len(hubspot.logged) == 1
    assert hubspot.count("searchCommunications") == 1


def test_what_was_refused_stands_on_no_page(hubspot):
    tell(hubspot, report(State.SUPPRESSED, reason=Reason("opted_out", {"scope": "all"})))
    assert hubspot.logged == []


def test_the_page_is_left_alone_where_that_was_chosen(hubspot):
    tell(hubspot, report(), config={"timeline": False})
    assert hubspot.logged == []


def test_an_account_may_have_timeline_events_instead(hubspot):
    for minutes in (1, 2):
        tell(hubspot, report(), config={"event_template": "12"}, now=NOW + timedelta(minutes=minutes))
    ((name, event),) = hubspot.timeline.items()
    assert (event["eventTemplateId"], event["objectId"], event["tokens"]["text"]) == ("12", "901", "Bonjour Ana")
    assert name == "relance-msg-ap-1-state"


def test_a_contact_that_is_gone_keeps_no_other_from_its_entry(hubspot):
    waits(hubspot, "ap-1", "ap-2")
    done = tell(hubspot, report(), report(callback="ap-2", subject="contact/999"))
    assert done[0] is None
    assert isinstance(done[1], BadInput)
    assert len(hubspot.logged) == 1


def test_a_step_that_went_on_is_not_held_up_by_its_page(hubspot):
    waits(hubspot, "ap-1")
    one = adapter(hubspot)
    hubspot.allowance = 6
    (outcome,) = one.report_all(installation(), [report()], NOW)
    assert "ap-1" in hubspot.completed
    assert isinstance(outcome, NotNow)


# a no on both sides -----------------------------------------------------------------------------------------------


def stop(granted=False, at=THEN, number=ANA, subject="contact/901"):
    word = ConsentWord(granted, at, number=number, subject=subject, proof={"text": "STOP"})
    return report(None, kind="consent", consent=word, private={}, message_id=None)


def test_a_stop_ticks_the_property_and_ends_the_subscription(hubspot):
    hubspot.subscriptions["ana@example.org"] = {"77": "SUBSCRIBED"}
    assert tell(hubspot, stop(), config={"subscription": "77"}) == [None]
    assert hubspot.records["901"]["properties"]["relance_sms_optout"] == "true"
    assert hubspot.subscriptions["ana@example.org"] == {"77": "NOT_SUBSCRIBED"}


def test_a_stop_that_is_known_there_changes_nothing(hubspot):
    config = {"subscription": "77"}
    tell(hubspot, stop(), config=config)
    assert tell(hubspot, stop(), config=config) == [None]
    assert hubspot.count("updateContacts") == 1


def test_a_stop_of_somebody_we_know_by_number_reaches_each_record(hubspot):
    other = hubspot.contact(phone="06 39 98 00 01", relance_sms_optout="")
    bob = hubspot.contact(mobilephone=BOB, relance_sms_optout="")
    tell(hubspot, stop(subject="contact/901"))
    ticked = {id for id, one in hubspot.records.items() if one["properties"].get("relance_sms_optout") == "true"}
    assert ticked == {"901", other}
    assert bob not in ticked


def test_a_yes_takes_back_an_older_no_and_never_a_newer_one(hubspot):
    hubspot.change("901", at=THEN - timedelta(days=2), relance_sms_optout="true")
    tell(hubspot, stop(granted=True, at=THEN - timedelta(days=3)))
    assert hubspot.records["901"]["properties"]["relance_sms_optout"] == "true"
    tell(hubspot, stop(granted=True, at=THEN))
    assert hubspot.records["901"]["properties"]["relance_sms_optout"] == "false"


def test_hubspot_keeps_the_no_that_a_person_told_it(hubspot):
    hubspot.subscriptions["ana@example.org"] = {"77": "NOT_SUBSCRIBED"}
    (outcome,) = tell(hubspot, stop(granted=True), config={"subscription": "77"})
    assert isinstance(outcome, BadInput)
    assert outcome.reason.code == "hubspot_keeps_its_no"


def test_one_report_alone_says_its_own_trouble(hubspot):
    waits(hubspot, "ap-1")
    with pytest.raises(BadInput):
        adapter(hubspot).report(installation(), replace(report(), subject="contact/999"), NOW)
    assert adapter().wants(installation()) is True

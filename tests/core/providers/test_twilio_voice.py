"""Twilio's calls beyond the common promises: the form, what is said whatever a text holds, and what callbacks mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Gone,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    Uncertain,
)
from core.domain.calls import Spoken
from core.domain.content import NEXT_CHANNEL
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.providers import twilio_voice as voice
from core.providers.twilio import MARGIN, REPORTED_AFTER, Twilio
from tests.fakes.twilio import ACCOUNT, FakeTwilio, call, error, sentences, signature
from tests.faults.server import cut_after, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
RECEIPTS = "https://relance.example/providers/acc_1/receipts/s3cret"
KEYS = {"1": "confirm", "2": "decline"}
CALL = "CA" + "0" * 31 + "7"


@pytest.fixture
def fake() -> Iterator[FakeTwilio]:
    with FakeTwilio() as fake:
        yield fake


def account(**config: Any) -> Account:
    known = {"account_sid": ACCOUNT, "voice_sender": "+33162000001", **config}
    return Account("acc_1", "ws_1", "twilio", known, {"auth_token": "t0ken"}, RECEIPTS,
                   "https://relance.example/providers/acc_1/replies/s3cret")


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", "+33639980001", "RDV demain à 9 h", Channel.VOICE, MessageClass.TRANSACTIONAL,
                            "GSM-7", country="FR"), **changes)


def twilio(url: str = "http://127.0.0.1:9") -> Twilio:
    return Twilio(ProviderTools(urls={"twilio": url}, timeout=20))


def send(fake: FakeTwilio, one: Outgoing, by: Account | None = None) -> Outcome:
    return twilio(fake.url).send(by or account(), [one], NOW, str)[0]


def posted(fields: dict[str, str], **query: str) -> Inbound:
    url = f"{RECEIPTS}?{urlencode({'reference': 'msg_1', **query})}"
    return Inbound("POST", url, (("Content-Type", "application/x-www-form-urlencoded"),
                                 ("X-Twilio-Signature", signature(url, fields, "t0ken"))),
                   urlencode(fields).encode(), NOW)


def of_call(**more: str) -> dict[str, str]:
    return {"CallSid": CALL, "AccountSid": ACCOUNT, "From": "+33162000001", "To": "+33639980001",
            "CallStatus": "in-progress", **more}


def heard(request: Inbound) -> Any:
    one = twilio()
    one.verify(request, account())
    [said] = one.read(request, account())
    return said


# the form

def test_a_call_is_a_form_without_words(fake: FakeTwilio) -> None:
    outcome = send(fake, message())

    assert isinstance(outcome, Accepted)
    [one] = fake.calls
    assert outcome.reference == one["sid"]
    form = fake.made_by[one["sid"]]
    assert (form["To"], form["From"]) == (["+33639980001"], ["+33162000001"])
    assert form["StatusCallback"] == [f"{RECEIPTS}?reference=msg_1"]
    assert form["StatusCallbackEvent"] == ["initiated", "completed"]
    assert (form["MachineDetection"], form["Timeout"]) == (["Enable"], ["30"])
    assert form["Url"] == form["FallbackUrl"]
    assert parse_qs(urlsplit(form["Url"][0]).query) == {
        "reference": ["msg_1"], "ask": ["words"], "voicemail": ["hang_up"]}
    assert "Twiml" not in form, "nothing of the message lies with Twilio before somebody answers"


def test_to_leave_a_message_the_end_of_the_greeting_is_waited_for(fake: FakeTwilio) -> None:
    send(fake, message(content={"voicemail": "leave_message"}))

    assert fake.made_by[fake.calls[0]["sid"]]["MachineDetection"] == ["DetectMessageEnd"]


def test_a_message_may_name_its_number_and_never_a_name(fake: FakeTwilio) -> None:
    send(fake, message(sender="+33270000001"))
    send(fake, message(sender="CABINET"))

    assert [one["from"] for one in fake.calls] == ["+33270000001", "+33162000001"]


def test_without_a_number_to_call_from_the_account_is_at_fault(fake: FakeTwilio) -> None:
    outcome = send(fake, message(), account(voice_sender=None))

    assert isinstance(outcome, AccountTrouble)
    assert outcome.reason.code == "voice_caller_missing"
    assert twilio().able(account(voice_sender=None)) == {Channel.SMS}
    assert twilio().able(account()) == {Channel.SMS, Channel.VOICE}
    assert fake.calls == []


def test_a_text_that_nobody_could_say_is_refused(fake: FakeTwilio) -> None:
    for text, code in (("x" * 3501, "provider_text_too_long"), ("\x00\x01 ", "provider_text_unreadable")):
        outcome = send(fake, message(content={"text": text}))
        assert isinstance(outcome, Refused)
        assert outcome.reason.code == code


@pytest.mark.parametrize(("code", "status_", "expected", "goes_on"), [
    (21211, 400, "provider_number_dead", False), (21214, 400, "call_failed", True),
    (21215, 400, "provider_region_closed", True), (21216, 403, None, False),
    (21210, 400, "provider_sender_wrong", False),
    (21219, 400, "provider_trial_account", True), (13224, 400, "call_failed", True)])
def test_its_codes(fake: FakeTwilio, code: int, status_: int, expected: str | None, goes_on: bool) -> None:
    fake.fail(error(status_, code, "no"))

    outcome = send(fake, message())
    if expected is None:
        assert isinstance(outcome, AccountTrouble), "its status says more than its code"
        return
    assert isinstance(outcome, Refused)
    assert outcome.reason.code == expected
    assert (outcome.reason.code in NEXT_CHANNEL) is goes_on


def test_every_code_has_a_sentence() -> None:
    assert {meant.code for meant in voice.VOICE_CODES.values()} | set(voice.ENDS.values()) <= SENTENCES.keys()


# what is said

spoken_text = st.text(min_size=1, max_size=200)


@given(text=spoken_text, menu=spoken_text, name=st.text(max_size=30))
def test_whatever_stands_in_a_text_is_said_and_nothing_else(text: str, menu: str, name: str) -> None:
    said = Spoken(f"{text}{name}", "fr-FR", KEYS, menu)
    document = voice.twiml(account(voice="Polly.Lea"), "msg_1", said, {"AnsweredBy": "human"}, {})

    tree = ElementTree.fromstring(document)
    assert {one.tag for one in tree.iter()} == {"Response", "Gather", "Say", "Hangup"}
    # A parser reads every end of a line as one line feed, as XML says that it must.
    lines = (voice.speakable(one).replace("\r\n", "\n").replace("\r", "\n") for one in (f"{text}{name}", menu, menu))
    assert sentences(document) == list(lines)


@pytest.mark.parametrize("text", [
    "</Say><Dial>+33899000000</Dial><Say>", "]]>&lt;Hangup/&gt;", "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
    "\"/><Redirect>https://evil.example</Redirect>", "<?xml version='1.0'?>", "&#x3C;Dial&#x3E;"])
def test_a_name_makes_no_instruction(text: str) -> None:
    document = voice.twiml(account(), "msg_1", Spoken(text, "fr-FR"), {}, {})

    assert sentences(document) == [text]
    assert [one.tag for one in ElementTree.fromstring(document)] == ["Say", "Hangup"]


def test_keys_are_asked_for_twice_and_then_it_hangs_up() -> None:
    document = voice.twiml(account(), "msg_1", Spoken("RDV", "fr-FR", KEYS, "Tapez 1."), {"AnsweredBy": "human"},
                           {"voicemail": "hang_up"})

    tree = ElementTree.fromstring(document)
    assert [one.tag for one in tree] == ["Gather", "Gather", "Hangup"]
    assert sentences(document) == ["RDV", "Tapez 1.", "Tapez 1."]
    gather = tree[0].attrib
    assert (gather["input"], gather["numDigits"], gather["method"]) == ("dtmf", "1", "POST")
    assert dict(parse_qsl(urlsplit(gather["action"]).query)) == {
        "reference": "msg_1", "ask": "key", "voicemail": "hang_up"}
    assert {say.attrib["language"] for say in tree.iter("Say")} == {"fr-FR"}


@pytest.mark.parametrize(("answered", "voicemail", "said"), [
    ("human", "hang_up", ["RDV", "Tapez 1.", "Tapez 1."]), ("unknown", "hang_up", ["RDV", "Tapez 1.", "Tapez 1."]),
    ("", "leave_message", ["RDV", "Tapez 1.", "Tapez 1."]), ("machine_start", "hang_up", []),
    ("machine_end_beep", "hang_up", []), ("machine_end_silence", "leave_message", ["RDV"]),
    ("machine_end_other", "leave_message", ["RDV"]), ("machine_new", "leave_message", ["RDV"]),
    ("fax", "leave_message", [])])
def test_who_answers_hears_what_is_meant_for_them(answered: str, voicemail: str, said: list[str]) -> None:
    document = voice.twiml(account(), "msg_1", Spoken("RDV", "fr-FR", KEYS, "Tapez 1."), {"AnsweredBy": answered},
                           {"voicemail": voicemail})

    assert sentences(document) == said
    assert ElementTree.fromstring(document)[-1].tag == "Hangup"


def test_when_nothing_is_to_be_said_it_hangs_up() -> None:
    reply = twilio().words(posted(of_call(AnsweredBy="human"), ask="words"), account(), None)

    assert (reply.status, reply.content_type) == (200, "text/xml; charset=utf-8")
    assert [one.tag for one in ElementTree.fromstring(reply.body)] == ["Hangup"]


# what comes back

@pytest.mark.parametrize(("answered", "voicemail", "state", "code"), [
    ("human", "hang_up", State.DELIVERED, "call_answered"),
    ("unknown", "hang_up", State.DELIVERED, "call_answered_unsure"),
    ("machine_start", "hang_up", State.FAILED, "call_voicemail"), ("fax", "hang_up", State.FAILED, "call_fax"),
    ("machine_end_beep", "leave_message", State.DELIVERED, "call_message_left"),
    ("machine_start", "leave_message", State.DELIVERED, "call_message_left")])
def test_who_answered(answered: str, voicemail: str, state: State, code: str) -> None:
    request = posted(of_call(AnsweredBy=answered), ask="words", voicemail=voicemail)

    said = heard(request)
    assert isinstance(said, Receipt)
    assert (said.state, said.reason and said.reason.code, said.reference) == (state, code, "msg_1")
    assert said.provider_reference == CALL
    assert twilio().asked(request, account()) == "msg_1"


@pytest.mark.parametrize(("value", "state", "code"), [
    ("queued", State.SENT, None), ("initiated", State.SENT, None), ("ringing", State.SENT, None),
    ("in-progress", State.SENT, None), ("busy", State.FAILED, "call_busy"),
    ("no-answer", State.FAILED, "call_no_answer"),
    ("failed", State.FAILED, "call_failed"), ("canceled", State.FAILED, "call_cancelled"),
    ("completed", None, "call_ended"), ("newword", None, None)])
def test_how_a_call_goes(value: str, state: State | None, code: str | None) -> None:
    request = posted(of_call(CallStatus=value))

    said = heard(request)
    assert isinstance(said, Receipt)
    assert (said.state, said.reason and said.reason.code, said.status) == (state, code, value)
    assert twilio().asked(request, account()) is None


def test_a_key_is_an_answer_to_that_message_and_one_however_often_it_comes() -> None:
    request = posted(of_call(Digits="1"), ask="key", voicemail="hang_up")

    said = heard(request)
    assert said == PhoneReply("+33639980001", "+33162000001", "1", NOW, f"{CALL}:1", "msg_1", Channel.VOICE)
    assert heard(request) == said
    assert twilio().asked(request, account()) == "msg_1"


def test_no_key_is_no_answer() -> None:
    assert twilio().read(posted(of_call(), ask="key"), account()) == ()


@pytest.mark.parametrize("fields", [{"CallSid": "a b"}, {"CallSid": CALL, "CallStatus": ""}])
def test_what_cannot_be_read(fields: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        twilio().read(posted(fields), account())


def test_what_is_asked_for_is_signed() -> None:
    request = posted(of_call(AnsweredBy="human"), ask="words", voicemail="hang_up")
    forged = replace(request, url=request.url.replace("hang_up", "leave_message"))

    with pytest.raises(NotAuthentic):
        twilio().verify(forged, account())


# in doubt

def sought(fake: FakeTwilio, after: timedelta = timedelta(seconds=5)) -> Receipt | None:
    fake.now = NOW + after
    return twilio(fake.url).seek(account(), message(), fake.now, asked=NOW)


def test_a_call_to_that_number_at_that_moment_is_it(fake: FakeTwilio) -> None:
    fake.fail(cut_after(), takes=True)
    assert isinstance(send(fake, message()), Uncertain)
    fake.calls[0]["status"] = "busy"

    found = sought(fake)
    assert found is not None
    assert (found.state, found.provider_reference, found.reference) == (State.SENT, fake.calls[0]["sid"], "msg_1")


def test_calls_of_another_moment_or_number_are_not(fake: FakeTwilio) -> None:
    long_ago = NOW - MARGIN - timedelta(seconds=10)
    fake.calls += [call({"To": "+33639980001"}, long_ago), call({"To": "+33639980002"}, NOW)]

    assert sought(fake) is None
    with pytest.raises(Gone):
        sought(fake, REPORTED_AFTER)


def test_of_two_calls_nobody_can_tell_and_none_is_made(fake: FakeTwilio) -> None:
    fake.calls += [call({"To": "+33639980001"}, NOW), call({"To": "+33639980001"}, NOW)]

    assert sought(fake, timedelta(hours=1)) is None


# asked about

def follow(fake: FakeTwilio, sid: str, *, over: bool = False) -> Receipt | None:
    return twilio(fake.url).follow(account(), "msg_1", sid, NOW, over=over)


def test_a_call_is_asked_about(fake: FakeTwilio) -> None:
    send(fake, message())
    [one] = fake.calls
    for value, state in (("ringing", State.SENT), ("busy", State.FAILED), ("completed", None)):
        one["status"] = value
        found = follow(fake, one["sid"])
        assert found is not None
        assert (found.state, found.reference) == (state, "msg_1")
    assert follow(fake, "CA" + "f" * 32) is None


def test_one_that_nobody_has_answered_is_called_off_when_it_is_of_no_use(fake: FakeTwilio) -> None:
    send(fake, message())
    [one] = fake.calls

    found = follow(fake, one["sid"], over=True)
    assert found is not None
    assert (one["status"], found.reason and found.reason.code) == ("canceled", "call_cancelled")
    one["status"] = "in-progress"
    answered = follow(fake, one["sid"], over=True)
    assert answered is not None
    assert (one["status"], answered.state) == ("in-progress", State.SENT), "nobody is cut off"


def test_when_it_does_not_answer_nothing_is_known(fake: FakeTwilio) -> None:
    fake.fail(status(503))
    with pytest.raises(NotNow):
        follow(fake, CALL)
    fake.fail(error(401, 20003, "Authenticate"))
    with pytest.raises(NeedsReconnect):
        follow(fake, CALL)

"""smsmode: what is written, what its answers and callbacks mean, and the traps that the live service sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

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
    TryLater,
    Uncertain,
)
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.providers.smsmode import Smsmode
from tests.fakes.smsmode import FakeSmsmode
from tests.faults.server import cut_after, cut_before, ok, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
ANA = "+33639980001"
ID = "00000000-0000-4000-8000-00000000aa01"


@pytest.fixture
def fake() -> Iterator[FakeSmsmode]:
    with FakeSmsmode() as server:
        yield server


@pytest.fixture
def smsmode(fake: FakeSmsmode) -> Smsmode:
    return Smsmode(ProviderTools(urls={"smsmode": fake.url}, timeout=20))


def account(receipts_url: str = "https://relance.example/r/s", **config: Any) -> Account:
    return Account("acc_1", "ws_1", "smsmode", config, {"api_key": "k"}, receipts_url, "https://relance.example/m/s")


def message(reference: str = "msg_1", to: str = ANA, **changes: Any) -> Outgoing:
    return replace(Outgoing(reference, to, "RDV à 9 h", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7", "CABINET"),
                   **changes)


def send(smsmode: Smsmode, *messages: Outgoing, by: Account | None = None) -> list[Outcome]:
    return smsmode.send(by or account(), messages or (message(),), NOW, lambda reference: None)


def body_of(fake: FakeSmsmode) -> Any:
    return fake.requests[-1].json


# what is written

def test_the_message_as_it_is_written(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode)

    [seen] = fake.requests
    assert (seen.method, seen.path) == ("POST", "/sms/v1/messages")
    assert seen.headers["x-api-key"] == "k"
    assert seen.headers["content-type"] == seen.headers["accept"] == "application/json"
    assert seen.json == {
        "recipient": {"to": "33639980001"}, "body": {"text": "RDV à 9 h", "encoding": "GSM7", "stop": False},
        "from": "CABINET", "refClient": "msg_1", "callbackUrlStatus": "https://relance.example/r/s",
        "callbackUrlMo": "https://relance.example/m/s"}


def test_the_measured_encoding_is_always_said(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode, message(text="RDV 🦷", encoding="UCS-2"))

    assert body_of(fake)["body"] == {"text": "RDV 🦷", "encoding": "UNICODE", "stop": False}


def test_the_platform_adds_the_stop_mention(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode, message(message_class=MessageClass.MARKETING, stop_mention=True))

    assert body_of(fake)["body"]["stop"] is True
    assert fake.texts(ANA) == ["RDV à 9 h STOP 36034"]


def test_the_message_s_sender_comes_before_the_account_s(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode, message(sender=None), by=account(sender="SALON"))
    assert body_of(fake)["from"] == "SALON"

    send(smsmode, message(sender="+33939000001"), by=account(sender="SALON"))
    assert body_of(fake)["from"] == "33939000001"

    send(smsmode, message(sender=None))
    assert "from" not in body_of(fake)


def test_a_callback_that_is_too_long_is_left_out(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    assert isinstance(send(smsmode, by=account("https://relance.example/" + "r" * 240))[0], Accepted)

    assert "callbackUrlStatus" not in body_of(fake)
    assert "callbackUrlMo" in body_of(fake)


# what is answered

@pytest.mark.parametrize(("amount", "micros"), [
    (0.05, 50_000), ("0.05", 50_000), ("0.0519", 51_900), (0, 0), ("x", None), (True, None), (-1, None), ("NaN", None),
    ("1e999999", None), (None, None)])
def test_a_price_is_a_number_or_a_text(amount: object, micros: int | None) -> None:
    with FakeSmsmode(price=amount) as fake:
        [outcome] = send(Smsmode(ProviderTools(urls={"smsmode": fake.url})))

        assert outcome == Accepted(fake.messages[0]["messageId"], micros, "EUR" if micros is not None else None)


def test_a_refusal_bears_the_provider_s_words_and_not_the_number(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    [outcome] = send(smsmode, message(to="+0600000001"))

    assert isinstance(outcome, Refused)
    assert "400.029" in outcome.reason.sentence("en")
    assert "is not E.164" in outcome.reason.sentence("en")
    assert "0600000001" not in outcome.reason.sentence("en")


def test_a_revoked_key_is_the_account_s_trouble(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.api_key = "another"

    [outcome] = send(smsmode)

    assert isinstance(outcome, AccountTrouble)
    assert outcome.reason.code == "provider_key_refused"
    assert (found := smsmode.check(account(), NOW))
    assert found.code == "provider_key_refused"
    with pytest.raises(NeedsReconnect):
        smsmode.look_up(account(), "msg_1", LATER, asked=NOW)


def test_no_credit_is_the_account_s_trouble(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(status(402))

    [outcome] = send(smsmode)

    assert isinstance(outcome, AccountTrouble)
    assert outcome.reason.code == "provider_no_credit"


def test_a_pause_is_kept_as_long_as_was_asked_for(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(status(429, headers={"Retry-After": "90"}), status(429), status(503),
              status(429, headers={"Retry-After": "0"}))

    outcomes = [send(smsmode)[0] for _ in range(4)]

    assert [one.after.total_seconds() for one in outcomes if isinstance(one, TryLater)] == [90, 60, 60, 1]
    assert fake.messages == []


def test_a_redirect_is_not_followed_and_the_operator_is_told(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(status(302, headers={"Location": fake.url + "/elsewhere"}))

    [outcome] = send(smsmode)

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "provider_redirects"
    assert len(fake.requests) == 1


def test_an_account_without_a_key_says_nothing_to_anybody(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    bare = replace(account(), secrets={})

    assert isinstance(send(smsmode, by=bare)[0], AccountTrouble)
    assert smsmode.check(bare, NOW) is not None
    assert fake.requests == []


# batches

def test_a_batch_is_one_request(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    batch = [message(f"msg_{number}", f"+336399800{number:02d}") for number in range(20)]
    begun: list[str] = []

    outcomes = smsmode.send(account(batch=True), batch, NOW, begun.append)

    assert [outcome.reference for outcome in outcomes if isinstance(outcome, Accepted)] == [
        one["messageId"] for one in fake.messages]
    assert begun == [one.reference for one in batch]
    assert len(fake.requests) == 1


def test_without_leave_for_arrays_each_message_is_a_request(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    outcomes = send(smsmode, *[message(f"msg_{number}") for number in range(5)])

    assert len(fake.requests) == 5
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)


def test_an_account_that_takes_no_arrays_gets_its_messages_one_by_one() -> None:
    with FakeSmsmode(batches=False) as fake:
        smsmode = Smsmode(ProviderTools(urls={"smsmode": fake.url}))
        outcomes = send(smsmode, message("msg_1"), message("msg_2"), by=account(batch=True))

        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert (fake.times("msg_1"), fake.times("msg_2")) == (1, 1)


def item(reference: str) -> dict[str, Any]:
    return {"message": {"messageId": f"id-{reference}", "refClient": reference}}


@pytest.mark.parametrize("answer", [
    [item("msg_2")],
    [item("msg_2"), item("msg_other")],
    [{"errorCode": "400.029", "message": "bad"}, item("msg_2")],
    [None, item("msg_2"), 3],
    [{"message": {"messageId": "id-nobody"}}, item("msg_2")],
    [{"message": {"messageId": 7, "refClient": "msg_1"}}, item("msg_2")],
    [item("msg_2")["message"]],
])
def test_what_a_batch_does_not_name_is_looked_up(fake: FakeSmsmode, smsmode: Smsmode, answer: list[Any]) -> None:
    fake.fail(ok(answer, 201))

    first, second = send(smsmode, message("msg_1"), message("msg_2"), by=account(batch=True))

    assert isinstance(first, Uncertain)
    assert second == Accepted("id-msg_2")


# looking up

def test_a_message_whose_answer_was_lost_is_found_and_not_doubled(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(cut_after(), takes=True)

    [outcome] = send(smsmode)
    found = smsmode.look_up(account(), "msg_1", NOW, asked=NOW)

    assert isinstance(outcome, Uncertain)
    assert found
    assert (found.state, found.reference) == (State.SENT, "msg_1")
    assert found.provider_reference == fake.messages[0]["messageId"]
    assert found.price_micros == 50_000
    assert fake.times("msg_1") == 1


def test_a_message_that_never_arrived_is_gone_once_reporting_had_its_time(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(cut_before())
    send(smsmode)

    assert smsmode.look_up(account(), "msg_1", NOW + timedelta(seconds=119), asked=NOW) is None
    with pytest.raises(Gone):
        smsmode.look_up(account(), "msg_1", NOW + timedelta(seconds=120), asked=NOW)


def test_a_look_up_says_which_days_it_means(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    with pytest.raises(Gone):
        smsmode.look_up(account(), "msg_1", LATER, asked=NOW - timedelta(days=30))

    query = parse_qs(urlsplit(fake.requests[-1].path).query)
    assert query["searchBy[refClient]"] == ["msg_1"]
    assert query["searchBy[direction]"] == ["MT"]
    assert query["startDate"] == ["2026-10-31T09:00:00Z"]
    assert query["endDate"] == ["2026-12-02T09:10:00Z"]


def page(*items: Mapping[str, Any], total: int | None = None) -> Any:
    return ok({"items": list(items), "totalCount": len(items) if total is None else total})


def sent(reference: str | None, value: str = "ENROUTE", **more: Any) -> dict[str, Any]:
    return {"messageId": f"id-{reference}-{value}", "status": {"value": value}, "direction": "MT", **more} | (
        {"refClient": reference} if reference else {})


def test_a_filter_that_is_ignored_does_not_make_a_message_disappear(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    others = [sent(f"other_{number}") for number in range(100)]
    fake.fail(page(*others, total=101), page(sent("msg_1"), total=101))

    found = smsmode.look_up(account(), "msg_1", LATER, asked=NOW)

    assert found
    assert found.reference == "msg_1"
    assert [parse_qs(urlsplit(seen.path).query)["page"] for seen in fake.requests] == [["1"], ["2"]]


@pytest.mark.parametrize("answer", [
    page(total=3), page(sent("other"), total=3), ok({"items": [1]}), ok({"items": None}), ok([]), page(sent(None)),
    status(404), ok({"items": []}, 206)])
def test_a_list_that_proves_nothing_is_no_answer(fake: FakeSmsmode, smsmode: Smsmode, answer: Any) -> None:
    fake.fail(*[answer] * 30)

    assert smsmode.look_up(account(), "msg_1", LATER, asked=NOW) is None


def test_of_two_with_our_reference_the_one_that_got_furthest_counts(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(page(sent("msg_1", "UNDELIVERED"), sent("msg_1", "DELIVERED"), sent("msg_1", "ENROUTE"),
                   sent("msg_1", "READ", direction="MO")))

    found = smsmode.look_up(account(), "msg_1", LATER, asked=NOW)

    assert found
    assert found.state is State.DELIVERED


@pytest.mark.parametrize("more", [{"status": {"value": "NEW_WORD"}}, {"status": None}])
def test_whatever_its_status_a_message_that_is_there_was_taken(fake: FakeSmsmode, smsmode: Smsmode, more: Any) -> None:
    fake.fail(page(sent("msg_1") | more))

    found = smsmode.look_up(account(), "msg_1", LATER, asked=NOW)

    assert found
    assert found.state is State.SENT


def test_a_busy_list_is_asked_again_later(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    fake.fail(status(429, headers={"Retry-After": "30"}))

    with pytest.raises(NotNow) as later:
        smsmode.look_up(account(), "msg_1", LATER, asked=NOW)
    assert later.value.after == timedelta(seconds=30)


# callbacks

def inbound(body: Mapping[str, Any], received_at: datetime = NOW) -> Inbound:
    return Inbound("POST", "https://relance.example/r/s", (), json.dumps(body).encode(), received_at)


REPORT: Mapping[str, Any] = {
    "messageId": ID, "acceptedAt": "2026-12-01T08:00:00", "sentDate": "2026-12-01T08:00:00", "type": "SMS",
    "channel": {"channelId": "ch-1", "name": "m", "type": "SMS", "flow": "TRANSACTIONAL"}, "direction": "MT",
    "recipient": {"to": "33639980001"}, "from": "CABINET", "body": {"text": "RDV"},
    "price": {"amount": 0.05, "currency": "EUR"}, "refClient": "msg_1",
    "status": {"deliveryDate": "2026-12-01T08:00:10", "value": "DELIVERED", "lookup": {"mccMnc": "20801"}}}
WRITTEN: Mapping[str, Any] = {
    "messageId": "mo-1", "originMessageId": ID, "sentDate": "2026-12-01T08:30:00", "direction": "MO", "type": "SMS",
    "channel": {"channelId": "ch-1", "type": "SMS"}, "from": "33639980001", "recipient": {"to": "36034"},
    "body": {"text": "STOP"}, "refClient": "msg_1"}


def read(smsmode: Smsmode, body: Mapping[str, Any], received_at: datetime = NOW) -> Receipt | PhoneReply:
    [said] = smsmode.read(inbound(body, received_at), account())
    return said


def receipt(smsmode: Smsmode, value: str, detail: str | None = None) -> Receipt:
    said = read(smsmode, {**REPORT, "status": {"value": value, **({"detail": detail} if detail else {})}})
    assert isinstance(said, Receipt)
    return said


def test_a_report(smsmode: Smsmode) -> None:
    assert read(smsmode, REPORT) == Receipt(
        ID, State.DELIVERED, "DELIVERED", datetime(2026, 12, 1, 8, 0, 10, tzinfo=UTC), "msg_1", price_micros=50_000,
        currency="EUR")


def test_a_report_without_its_direction_is_one_by_its_status(smsmode: Smsmode) -> None:
    assert read(smsmode, {key: value for key, value in REPORT.items() if key != "direction"}) == read(smsmode, REPORT)


@pytest.mark.parametrize(("value", "state"), [
    ("SCHEDULED", State.SENT), ("ENROUTE", State.SENT), ("DELIVERED", State.DELIVERED), ("READ", State.READ),
    ("UNDELIVERABLE", State.FAILED), ("UNDELIVERED", State.FAILED), ("SOMETHING_NEW", None)])
def test_what_its_words_mean(smsmode: Smsmode, value: str, state: State | None) -> None:
    said = receipt(smsmode, value)

    assert (said.state, said.status) == (state, value)
    assert (said.reason is not None) == (state is State.FAILED)


@pytest.mark.parametrize(("detail", "code", "flag"), [
    ("INVALID_PHONE_NUMBER", "provider_number_dead", "dead_number"),
    ("BLACKLISTED", "provider_number_silent", "opt_out"),
    ("SPAM", "provider_spam", None),
    ("PHONE_NOT_SUITABLE", "provider_not_suitable", None),
    ("MEDIA_INVALID", "provider_media_invalid", None),
    ("INSUFFICIENT_CREDIT", "provider_no_credit", "account_trouble"),
    ("DAILY_LIMIT_EXCEEDED", "provider_limit_reached", "account_trouble"),
    ("ORGANISATION_MONTHLY_LIMIT_EXCEEDED", "provider_limit_reached", "account_trouble"),
    ("EXPIRED", "provider_expired", "retry"),
    ("INTERNAL_ERROR", "provider_internal_error", "retry"),
    ("CANCELLED", "provider_cancelled", None),
    ("NOBODY_KNOWS", "provider_undelivered", None),
])
def test_why_it_failed_and_what_follows(smsmode: Smsmode, detail: str, code: str, flag: str | None) -> None:
    said = receipt(smsmode, "UNDELIVERABLE", detail)

    assert said.reason
    assert said.reason.code == code
    raised = {name for name in ("dead_number", "opt_out", "account_trouble", "retry") if getattr(said, name)}
    assert raised == ({flag} if flag else set())


def test_a_detail_of_a_message_that_did_not_fail_means_nothing(smsmode: Smsmode) -> None:
    said = receipt(smsmode, "DELIVERED", "BLACKLISTED")

    assert (said.reason, said.opt_out) == (None, False)


@pytest.mark.parametrize(("given", "expected"), [
    ("2026-12-01T08:00:10Z", "2026-12-01T08:00:10+00:00"),
    ("2026-12-01T09:00:10+02:00", "2026-12-01T07:00:10+00:00"),
    ("2026-12-01T08:00:10", "2026-12-01T08:00:10+00:00"),
    ("2026-12-01T08:00:10.123", "2026-12-01T08:00:10.123000+00:00"),
    ("2026-12-01T10:00:00", "2026-12-01T09:00:00+00:00"),       # Paris time without saying so
    ("yesterday at noon", "2026-12-01T08:00:00+00:00"),         # then the message's own date
    (17, "2026-12-01T08:00:00+00:00"),
])
def test_dates_come_with_and_without_offset_and_never_lie_ahead(smsmode: Smsmode, given: object, expected: str) -> None:
    said = read(smsmode, {**REPORT, "status": {"value": "DELIVERED", "deliveryDate": given}})

    assert said.at.isoformat() == expected


def test_a_reply(smsmode: Smsmode) -> None:
    at = datetime(2026, 12, 1, 8, 30, tzinfo=UTC)

    assert read(smsmode, WRITTEN) == PhoneReply(ANA, "36034", "STOP", at, "mo-1", ID, Channel.SMS)


def test_an_rcs_reply_whose_ends_are_the_wrong_way_round(smsmode: Smsmode) -> None:
    said = read(smsmode, {**WRITTEN, "type": "RCS", "from": "Cabinet Lyon", "recipient": {"to": "33639980001"}})

    assert isinstance(said, PhoneReply)
    assert (said.sender, said.to) == (ANA, "Cabinet Lyon")


@pytest.mark.parametrize(("body", "text"), [
    ({"type": "SUGGESTION", "text": "Oui", "postbackData": "yes"}, "Oui"),
    ({"type": "SUGGESTION", "postbackData": "yes"}, "yes"),
    ({"type": "LOCATION", "latitude": 45.76, "longitude": 4.83}, "45.76,4.83"),
    ({"type": "FILE", "fileUrl": "https://files.example/a.png"}, "https://files.example/a.png"), ({"text": ""}, ""),
    ({"text": "a\x00b"}, "ab")])
def test_kinds_of_replies(smsmode: Smsmode, body: Any, text: str) -> None:
    said = read(smsmode, {**WRITTEN, "body": body})

    assert isinstance(said, PhoneReply)
    assert said.text == text


def test_an_explicit_mo_is_a_reply_whatever_else_it_holds(smsmode: Smsmode) -> None:
    assert isinstance(read(smsmode, {**WRITTEN, "status": {"value": "DELIVERED"}}), PhoneReply)


def test_a_reply_without_direction_is_one_for_want_of_a_status(smsmode: Smsmode) -> None:
    assert isinstance(read(smsmode, {key: value for key, value in WRITTEN.items() if key != "direction"}), PhoneReply)


@pytest.mark.parametrize("sender", ["+33639980001", "33639980001", "33 6 39 98 00 01", "0033639980001", 33639980001])
def test_numbers_come_in_several_dresses(smsmode: Smsmode, sender: object) -> None:
    said = read(smsmode, {**WRITTEN, "from": sender})

    assert isinstance(said, PhoneReply)
    assert said.sender == ANA


@pytest.mark.parametrize("change", [{"from": "0639980001"}, {"from": "36034"}, {"body": None}, {"messageId": None}])
def test_a_reply_from_nobody_is_unreadable(smsmode: Smsmode, change: Mapping[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(smsmode, {**WRITTEN, **change})


@pytest.mark.parametrize("channel", [{"channelId": "ch-2"}, {"channelId": ""}, {"channelId": 1}, {}, None, "ch-1"])
def test_another_channel_is_not_ours(smsmode: Smsmode, channel: object) -> None:
    smsmode.verify(inbound(REPORT), account(channel_id="ch-1"))
    smsmode.verify(inbound({**REPORT, "channel": channel}), account())
    with pytest.raises(NotAuthentic):
        smsmode.verify(inbound({**REPORT, "channel": channel}), account(channel_id="ch-1"))


# asking back

def test_a_report_is_confirmed_by_the_provider_itself(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode)
    message_id = fake.messages[0]["messageId"]
    claimed = Receipt(message_id, State.FAILED, "UNDELIVERABLE", NOW, "msg_1", opt_out=True)

    confirmed = smsmode.confirm(account(channel_id="ch-1"), claimed, NOW)

    assert confirmed
    assert (confirmed.state, confirmed.opt_out, confirmed.reference) == (State.SENT, False, "msg_1")


def test_what_the_provider_does_not_know_yet_is_not_confirmed(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    send(smsmode)
    claimed = Receipt(fake.messages[0]["messageId"], State.FAILED, "UNDELIVERABLE", NOW)
    fake.hidden = True

    assert smsmode.confirm(account(), claimed, NOW) is None
    fake.hidden = False
    assert smsmode.confirm(account(channel_id="ch-2"), claimed, NOW) is None
    assert smsmode.confirm(account(), replace(claimed, provider_reference=None), NOW) is None
    for step in (status(500), ok({}), ok([]), cut_after(), ok({**REPORT, "messageId": "another"})):
        fake.fail(step)
        assert smsmode.confirm(account(), claimed, NOW) is None


def test_an_id_from_outside_stays_one_piece_of_the_path(fake: FakeSmsmode, smsmode: Smsmode) -> None:
    smsmode.confirm(account(), Receipt("../x?y#z/%2e", State.FAILED, "UNDELIVERABLE", NOW), NOW)

    assert fake.requests[-1].path == "/sms/v1/messages/..%2Fx%3Fy%23z%2F%252e"

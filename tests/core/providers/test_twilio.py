"""Twilio beyond the common promises: its form, its error codes, its signature, and how a doubt is settled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

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
from core.domain.errors import NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.providers.twilio import MARGIN, REPORTED_AFTER, Twilio
from core.providers.twilio_words import CODES, require_signature, signed_text
from tests.fakes.twilio import ACCOUNT, FakeTwilio, error, resource, signature
from tests.faults.server import FaultServer, cut_after, cut_before, ok, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
SERVICE = "MG" + "0" * 31 + "5"
VECTORS = json.loads((Path(__file__).parents[2] / "data/twilio_signatures.json").read_text())


@pytest.fixture
def fake() -> Iterator[FakeTwilio]:
    with FakeTwilio() as fake:
        yield fake


def account(**changes: Any) -> Account:
    config = {"account_sid": ACCOUNT, "sender": "+33700000001"} | changes.pop("config", {})
    return replace(Account("acc_1", "ws_1", "twilio", config, {"auth_token": "t0ken"},
                           "https://relance.example/providers/acc_1/receipts/s3cret",
                           "https://relance.example/providers/acc_1/replies/s3cret"), **changes)


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", "+33639980001", "RDV demain à 9h", Channel.SMS, MessageClass.TRANSACTIONAL,
                            "GSM-7", country="FR"), **changes)


def twilio(url: str) -> Twilio:
    return Twilio(ProviderTools(urls={"twilio": url}, timeout=20))


def send(url: str, one: Outgoing, by: Account | None = None, now: datetime = NOW) -> Outcome:
    return twilio(url).send(by or account(), [one], now, str)[0]


def form(fake: FakeTwilio) -> dict[str, str]:
    return dict(parse_qsl(fake.requests[-1].body.decode(), keep_blank_values=True))


# what is sent

def test_a_message_is_a_form_that_bears_our_reference_in_the_address_for_its_receipts(fake: FakeTwilio) -> None:
    outcome = send(fake.url, message(expires_at=NOW + timedelta(hours=2)))

    assert isinstance(outcome, Accepted)
    assert outcome.reference == fake.messages[0]["sid"]
    assert form(fake) == {
        "To": "+33639980001", "Body": "RDV demain à 9h", "From": "+33700000001", "ValidityPeriod": "7200",
        "StatusCallback": "https://relance.example/providers/acc_1/receipts/s3cret?reference=msg_1"}


@pytest.mark.parametrize(("left", "period"), [(timedelta(0), "1"), (timedelta(days=3), "36000")])
def test_it_waits_over_there_no_longer_than_it_is_useful(fake: FakeTwilio, left: timedelta, period: str) -> None:
    send(fake.url, message(expires_at=NOW + left))

    assert form(fake)["ValidityPeriod"] == period


def test_advertising_does_not_come_out_of_twilios_queue_at_night(fake: FakeTwilio) -> None:
    send(fake.url, message(expires_at=NOW + timedelta(days=2), hours_end=NOW + timedelta(minutes=30)))
    assert form(fake)["ValidityPeriod"] == "1800"


def test_a_messaging_service_chooses_its_own_sender(fake: FakeTwilio) -> None:
    send(fake.url, message(sender="CABINET"), account(config={"messaging_service_sid": SERVICE}))

    assert form(fake)["MessagingServiceSid"] == SERVICE
    assert "From" not in form(fake)


def test_the_sender_of_the_message_goes_before_the_account_s(fake: FakeTwilio) -> None:
    send(fake.url, message(sender="CABINET"))

    assert form(fake)["From"] == "CABINET"


def test_without_any_sender_the_account_waits(fake: FakeTwilio) -> None:
    outcome = send(fake.url, message(), account(config={"sender": None}))

    assert isinstance(outcome, AccountTrouble)
    assert fake.requests == []


def test_an_api_key_may_send_in_place_of_the_token() -> None:
    with FakeTwilio(token="k3y", user="SK" + "a" * 32) as fake:
        by = account(config={"api_key": "SK" + "a" * 32}, secrets={"auth_token": "t0ken", "api_secret": "k3y"})
        assert isinstance(send(fake.url, message(), by), Accepted)


@pytest.mark.parametrize(("text", "mention", "sent"), [
    ("Soldes", "STOP 36123", "Soldes STOP 36123"),
    ("Soldes STOP 36034", "STOP 36123", "Soldes STOP 36034"),
    ("Soldes, répondez STOP", None, "Soldes, répondez STOP"),
    ("Soldes non-stop 9000 articles", None, None),
    ("Soldes", None, None)])
def test_a_commercial_message_says_how_to_get_no_more(fake: FakeTwilio, text: str, mention: str | None,
                                                      sent: str | None) -> None:
    campaign = message(text=text, message_class=MessageClass.MARKETING, stop_mention=True)
    outcome = send(fake.url, campaign, account(config={"stop_mention": mention}))

    if sent is None:
        assert isinstance(outcome, Refused)
        assert outcome.reason.code == "provider_no_way_out"
    assert fake.texts(campaign.to) == ([sent] if sent else [])


def test_a_text_that_it_would_cut_does_not_leave(fake: FakeTwilio) -> None:
    assert isinstance(send(fake.url, message(text="a" * 1601)), Refused)
    assert fake.requests == []


# what it answers

@pytest.mark.parametrize(("answer", "expected", "opt_out", "dead"), [
    (error(400, 21610, "unsubscribed"), Refused, True, False),
    (error(400, 21211, "invalid"), Refused, False, True),
    (error(400, 21614, "not mobile"), Refused, False, True),
    (error(400, 21635, "landline"), Refused, False, True),
    (error(400, 21408, "region"), Refused, False, False),
    (error(400, 21606, "from"), Refused, False, False),
    (error(400, 99999, "new"), Refused, False, False)])
def test_a_refusal_says_whose_fault_it_is(answer: Any, expected: type, opt_out: bool, dead: bool) -> None:
    with FaultServer(answer) as server:
        outcome = send(server.url, message())

    assert isinstance(outcome, Refused)
    assert (outcome.opt_out, outcome.dead_number) == (opt_out, dead)
    assert outcome.reason.code in SENTENCES


@pytest.mark.parametrize(("answer", "expected"), [
    (error(401, 20003, "Authenticate"), AccountTrouble), (error(400, 20003, "Authenticate"), AccountTrouble),
    (error(400, 30002, "suspended"), AccountTrouble), (error(429, 20429, "Too many"), TryLater),
    (error(400, 21611, "queue full"), TryLater), (error(503, 20503, "away"), TryLater),
    (error(500, 20500, "broken"), Uncertain)])
def test_other_answers_hold_the_account_or_the_message(answer: Any, expected: type) -> None:
    with FaultServer(answer) as server:
        assert isinstance(send(server.url, message()), expected)


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    with FaultServer(status(429, {"code": 20429, "message": "Too many"}, {"Retry-After": "40"})) as server:
        outcome = send(server.url, message())

    assert isinstance(outcome, TryLater)
    assert outcome.after == timedelta(seconds=40)


@pytest.mark.parametrize("change", [{"to": "+33639980002"}, {"account_sid": "AC" + "f" * 32}, {"sid": None}])
def test_an_acceptance_of_something_else_is_none(change: dict[str, Any]) -> None:
    about = resource({"To": message().to, "Body": "x"}, NOW) | change
    with FaultServer(ok(about, 201)) as server:
        assert isinstance(send(server.url, message()), Uncertain)


# a doubt

def seek(url: str, after: timedelta = timedelta(hours=1), one: Outgoing | None = None,
         by: Account | None = None) -> Receipt | None:
    return twilio(url).seek(by or account(), one or message(), NOW + after, asked=NOW)


def test_a_broken_line_is_settled_by_the_words_and_their_moment(fake: FakeTwilio) -> None:
    fake.fail(cut_after(), takes=True)
    assert isinstance(send(fake.url, message()), Uncertain)

    found = seek(fake.url, timedelta(seconds=1))

    assert found is not None
    assert (found.state, found.reference, found.provider_reference) == (State.SENT, "msg_1", fake.messages[0]["sid"])


def test_what_was_never_taken_is_gone_once_the_list_is_up_to_date(fake: FakeTwilio) -> None:
    fake.fail(cut_before())
    assert isinstance(send(fake.url, message()), Uncertain)

    fake.now = NOW + REPORTED_AFTER - timedelta(seconds=1)
    assert seek(fake.url, REPORTED_AFTER - timedelta(seconds=1)) is None
    fake.now = NOW + REPORTED_AFTER
    with pytest.raises(Gone):
        seek(fake.url, REPORTED_AFTER)


@pytest.mark.parametrize("change", [
    {"body": "Autre texte"}, {"to": "+33639980002"}, {"direction": "inbound"},
    {"date_created": format_datetime(NOW - MARGIN - timedelta(seconds=1))}])
def test_another_message_is_not_it(fake: FakeTwilio, change: dict[str, Any]) -> None:
    fake.messages.append(resource({"To": message().to, "Body": message().text}, NOW) | change)
    fake.now = NOW + timedelta(hours=1)

    with pytest.raises(Gone):
        seek(fake.url)


def test_a_cheaper_spelling_by_the_service_is_the_same_words(fake: FakeTwilio) -> None:
    fake.messages.append(resource({"To": message().to, "Body": "L'heure..."}, NOW))

    assert seek(fake.url, one=message(text="L’heure…")) is not None


def test_the_words_that_were_added_on_the_way_out_are_looked_for_too(fake: FakeTwilio) -> None:
    campaign = message(message_class=MessageClass.MARKETING, stop_mention=True)
    by = account(config={"stop_mention": "STOP 36123"})
    send(fake.url, campaign, by)

    assert seek(fake.url, one=campaign, by=by) is not None


def test_their_clock_counts_not_ours(fake: FakeTwilio) -> None:
    fake.messages.append(resource({"To": message().to, "Body": message().text}, NOW + timedelta(hours=3)))
    fake.now = NOW + timedelta(hours=4)

    assert seek(fake.url) is not None


def test_a_list_whose_texts_were_wiped_proves_nothing(fake: FakeTwilio) -> None:
    fake.messages.append(resource({"To": message().to, "Body": ""}, NOW))
    fake.now = NOW + timedelta(hours=1)

    assert seek(fake.url) is None


def test_a_long_list_is_read_to_its_end() -> None:
    with FakeTwilio(page=3) as fake:
        fake.messages = [resource({"To": message().to, "Body": f"n° {one}"}, NOW) for one in range(8)]
        fake.messages.insert(0, resource({"To": message().to, "Body": message().text}, NOW))
        assert seek(fake.url) is not None
        del fake.messages[0]
        fake.now = NOW + timedelta(hours=1)
        with pytest.raises(Gone):
            seek(fake.url)


@pytest.mark.parametrize("onward", ["https://evil.example/2010-04-01/", "//evil.example", 7, "/2010-04-01/Accounts/x"])
def test_a_next_page_elsewhere_is_not_asked_for(onward: object) -> None:
    with FaultServer(otherwise=ok({"messages": [], "next_page_uri": onward})) as server:
        assert seek(server.url) is None
        assert len(server.ledger) == 1


def test_a_list_without_end_is_left_off() -> None:
    again = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?Page=1"
    with FaultServer(otherwise=ok({"messages": [], "next_page_uri": again})) as server:
        assert seek(server.url) is None
        assert len(server.ledger) == 10


def test_a_list_that_is_away_is_asked_again() -> None:
    with FaultServer(status(500)) as server, pytest.raises(NotNow):
        seek(server.url)


# its signature

@pytest.mark.parametrize("vector", VECTORS, ids=[one["id"] for one in VECTORS])
def test_the_known_signatures_are_good_and_no_others(vector: dict[str, Any]) -> None:
    pairs = [(name, value) for name, values in vector["params"].items()
             for value in (values if isinstance(values, list) else [values])]
    setting = "key=main,algorithm=HMAC_SHA256" if vector["algorithm"] == "HMAC_SHA256" else None
    body = vector.get("body", "").encode()

    require_signature(vector["url"], pairs, body, vector["signature"], ["old", vector["auth_token"]], setting)

    wrong: list[tuple[str, list[tuple[str, str]], bytes, str]] = [
        (vector["url"] + "x", pairs, body, vector["auth_token"]), (vector["url"], pairs, body, "other"),
        (vector["url"], pairs, body + b" ", vector["auth_token"]) if body else
        (vector["url"], [*pairs, ("a", "b")], body, vector["auth_token"])]
    for url, fields, other, secret in wrong:
        with pytest.raises(NotAuthentic):
            require_signature(url, fields, other, vector["signature"], [secret], setting)


def test_the_same_address_with_its_default_port_is_the_same() -> None:
    good = {one["id"]: one for one in VECTORS}
    for url, by in (("https://example.com/h", "with_port"), ("https://example.com:443/h", "no_port")):
        require_signature(url, [("A", "1")], b"", good[by]["signature"], ["12345"], None)
    with pytest.raises(NotAuthentic):
        require_signature("https://example.com:8443/h", [("A", "1")], b"", good["no_port"]["signature"], ["12345"],
                          None)


def test_each_value_of_a_repeated_field_is_signed_once() -> None:
    assert signed_text("https://example.com/h", [("B", "x"), ("A", "2"), ("A", "1"), ("A", "2")]) == \
        "https://example.com/hA1A2Bx"


REPORT = {"MessageSid": "SM1", "SmsSid": "SM1", "MessageStatus": "delivered", "AccountSid": ACCOUNT,
          "From": "+33700000001", "To": "+33639980001"}


def posted(fields: dict[str, str], topic: str = "receipts", query: str = "", token: str = "t0ken",
           host: str = "https://relance.example", **headers: str) -> Inbound:
    base = getattr(account(), f"{topic}_url")
    signed = {"Content-Type": "application/x-www-form-urlencoded",
              "X-Twilio-Signature": signature(base + query, fields, token)} | headers
    return Inbound("POST", base.replace("https://relance.example", host) + query, tuple(signed.items()),
                   urlencode(fields).encode(), NOW)


def heard(request: Inbound, by: Account | None = None) -> Any:
    provider = twilio("https://api.twilio.com")
    provider.verify(request, by or account())
    [one] = provider.read(request, by or account())
    return one


def test_a_receipt_names_our_message_by_its_address() -> None:
    receipt = heard(posted(REPORT, query="?reference=msg_1"))

    assert (receipt.state, receipt.reference, receipt.provider_reference) == (State.DELIVERED, "msg_1", "SM1")


def test_behind_a_proxy_the_public_address_is_what_was_signed() -> None:
    assert heard(posted(REPORT, host="http://10.0.0.7:8000")).state is State.DELIVERED


def test_a_token_may_change_without_a_gap() -> None:
    by = account(secrets={"auth_token": "new", "former_auth_token": "t0ken"})

    assert heard(posted(REPORT), by).state is State.DELIVERED


@pytest.mark.parametrize("request_", [
    posted(REPORT, token="other"),
    posted(REPORT, **{"X-Twilio-Signature": ""}),
    posted(REPORT, **{"X-Twilio-Signature": "not base64 é"}),
    posted(REPORT, **{"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=NONE"}),
    posted(REPORT | {"AccountSid": "AC" + "f" * 32}),
    replace(posted(REPORT), body=urlencode(REPORT | {"MessageStatus": "failed"}).encode()),
    replace(posted(REPORT), url="https://relance.example/providers/acc_1/receipts/s3cret?reference=msg_2"),
    replace(posted(REPORT), url="https://relance.example/elsewhere"),
    replace(posted(REPORT), headers=()),
    replace(posted(REPORT), headers=posted(REPORT).headers * 2),
], ids=["token", "empty", "garbage", "algorithm", "account", "body", "query", "address", "none", "twice"])
def test_what_is_not_surely_from_twilio_is_refused(request_: Inbound) -> None:
    with pytest.raises(NotAuthentic):
        heard(request_)


def test_a_json_body_is_signed_by_its_hash_in_the_address() -> None:
    body = json.dumps(REPORT).encode()
    query = f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
    good = posted({}, query=query, **{"Content-Type": "application/json"})

    assert heard(replace(good, body=body)).state is State.DELIVERED
    for forged in (replace(good, body=body + b" "),
                   replace(posted({}, **{"Content-Type": "application/json"}), body=body)):
        with pytest.raises(NotAuthentic):
            heard(forged)


# receipts and replies

@pytest.mark.parametrize(("word", "state"), [
    ("queued", State.SENT), ("sent", State.SENT), ("delivered", State.DELIVERED), ("read", State.READ),
    ("undelivered", State.FAILED), ("failed", State.FAILED), ("canceled", State.FAILED),
    ("partially_delivered", State.DELIVERED), ("teleported", None)])
def test_its_words_for_states(word: str, state: State | None) -> None:
    receipt = heard(posted(REPORT | {"MessageStatus": word}))

    assert (receipt.state, receipt.status) == (state, word)


@pytest.mark.parametrize(("code", "flags"), [
    ("30003", {"retry"}), ("30005", {"dead_number"}), ("30006", {"dead_number"}), ("30004", set()), ("30007", set()),
    ("30008", set()), ("30002", {"account_trouble"}), ("21610", {"opt_out"}), ("30001", {"retry"}), ("31999", set()),
    ("", set()), ("x" * 9, set()), ("٣", set())])
def test_what_an_error_code_means_for_the_person_the_number_and_the_account(code: str, flags: set[str]) -> None:
    receipt = heard(posted(REPORT | {"MessageStatus": "undelivered", "ErrorCode": code, "ErrorMessage": "why\n"}))

    assert receipt.state is State.FAILED
    assert {flag for flag in ("retry", "dead_number", "opt_out", "account_trouble") if getattr(receipt, flag)} == flags
    assert receipt.reason.code in SENTENCES


def test_every_code_has_a_sentence() -> None:
    assert {meant.code for meant in CODES.values()} <= set(SENTENCES)


ANSWER = {"MessageSid": "SM2", "SmsSid": "SM2", "AccountSid": ACCOUNT, "From": "+33639980001", "To": "+33700000001",
          "Body": "Réservé à 8h ☺", "NumMedia": "0", "SmsStatus": "received"}


def test_a_reply_is_what_the_person_wrote() -> None:
    reply = heard(posted(ANSWER, "replies"))

    assert reply == PhoneReply("+33639980001", "+33700000001", "Réservé à 8h ☺", NOW, "SM2", channel=Channel.SMS)


@pytest.mark.parametrize(("body", "asked", "text"), [
    ("Arrêt svp merci", "STOP", "STOP"), ("CANCEL", "STOP", "STOP"), ("stop", "STOP", "stop"),
    ("CANCEL", "", "CANCEL"), ("OK reprenez", "START", "START"), ("AIDE ?", "HELP", "AIDE ?")])
def test_what_twilio_took_for_an_opt_out_is_one(body: str, asked: str, text: str) -> None:
    assert heard(posted(ANSWER | {"Body": body, "OptOutType": asked}, "replies")).text == text


@pytest.mark.parametrize("change", [{"From": "whatsapp:+33639980001"}, {"From": "SHOP"}, {"MessageSid": ""}])
def test_a_reply_without_a_phone_or_an_id_is_kept_unread(change: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        heard(posted(ANSWER | {"SmsSid": ""} | change, "replies"))


def test_the_whole_way_there_and_back(fake: FakeTwilio) -> None:
    with FaultServer(otherwise=ok()) as ours:
        by = account(receipts_url=f"{ours.url}/receipts", replies_url=f"{ours.url}/replies")
        [accepted] = twilio(fake.url).send(by, [message()], NOW, str)
        assert isinstance(accepted, Accepted)
        fake.inbound_url = by.replies_url
        assert fake.report(accepted.reference, "undelivered", 30003) == 200
        assert fake.writes("+33639980001", "OUI") == 200
        said = [heard(Inbound(seen.method, ours.url + seen.path, tuple(seen.headers.items()), seen.body, NOW), by)
                for seen in ours.ledger]

    receipt, reply = said
    assert (receipt.reference, receipt.state, receipt.retry) == ("msg_1", State.FAILED, True)
    assert (reply.sender, reply.text) == ("+33639980001", "OUI")

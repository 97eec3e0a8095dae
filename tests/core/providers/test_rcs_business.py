"""Google's RCS beyond the common promises: its token, what it shows, what it signs, and taking a message back."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
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
from core.domain.content import CONFIRM, NEXT_CHANNEL
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.providers.google_token import ServiceAccount
from core.providers.rcs_business import RcsBusiness
from core.providers.rcs_words import message_id, require_signature
from tests.fakes.rcs import AGENT, CLIENT_TOKEN, SERVICE_ACCOUNT, FakeRcs, envelope, error, signature
from tests.faults.server import cut_after, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"
[VECTOR] = json.loads((Path(__file__).parents[2] / "data/channel_signatures.json").read_text())["google_rbm"]


@pytest.fixture
def fake() -> Iterator[FakeRcs]:
    with FakeRcs() as server:
        yield server


@pytest.fixture
def rcs(fake: FakeRcs) -> RcsBusiness:
    return RcsBusiness(ProviderTools(urls=fake.urls, timeout=20))


def account(**secrets: Any) -> Account:
    return Account("acc_1", "ws_1", "rcs_business", {"agent_id": AGENT},
                   {"service_account": SERVICE_ACCOUNT, "client_token": CLIENT_TOKEN, **secrets},
                   "https://relance.example/r/s", "https://relance.example/m/s")


def message(reference: str = "msg_1", **changes: Any) -> Outgoing:
    return replace(Outgoing(reference, ANA, "RDV demain à 9 h", Channel.RCS, MessageClass.TRANSACTIONAL, "GSM-7",
                            country="FR"), **changes)


def send(rcs: RcsBusiness, *messages: Outgoing, by: Account | None = None, now: datetime = NOW) -> list[Outcome]:
    return rcs.send(by or account(), messages or (message(),), now, lambda reference: None)


def inbound(event: Any, token: str = CLIENT_TOKEN, **headers: str) -> Inbound:
    body = envelope(event) if not isinstance(event, bytes) else event
    data = base64.b64decode(json.loads(body)["message"]["data"])
    given = {"X-Goog-Signature": signature(data, token), **headers}
    return Inbound("POST", "https://relance.example/r/s", tuple(given.items()), body, NOW)


def heard(event: dict[str, Any]) -> tuple[Receipt | PhoneReply, ...]:
    provider = RcsBusiness(ProviderTools(urls={}))
    request = inbound({"agentId": AGENT, "sendTime": "2026-12-01T08:59:00Z", **event})
    provider.verify(request, account())
    return provider.read(request, account())


# what is written

def test_the_message_as_it_is_written(fake: FakeRcs, rcs: RcsBusiness) -> None:
    [outcome] = send(rcs, message(expires_at=NOW + timedelta(hours=2)))

    [seen] = fake.requests
    place = urlsplit(seen.path)
    named = parse_qs(place.query)["messageId"][0]
    assert outcome == Accepted(named)
    assert uuid.UUID(named)
    assert place.path == "/v1/phones/+33639980001/agentMessages"
    assert parse_qs(place.query)["agentId"] == [AGENT]
    assert seen.json == {"contentMessage": {"text": "RDV demain à 9 h"}, "messageTrafficType": "TRANSACTION",
                         "ttl": "7200s"}


@pytest.mark.parametrize(("klass", "traffic"), [
    (MessageClass.OTP, "AUTHENTICATION"), (MessageClass.MARKETING, "PROMOTION"),
    (MessageClass.CONVERSATIONAL, "SERVICEREQUEST")])
def test_the_class_is_the_kind_of_traffic(fake: FakeRcs, rcs: RcsBusiness, klass: MessageClass, traffic: str) -> None:
    send(rcs, message(message_class=klass))

    assert fake.requests[-1].json["messageTrafficType"] == traffic
    assert "ttl" not in fake.requests[-1].json


def test_a_card_with_everything(fake: FakeRcs, rcs: RcsBusiness) -> None:
    content = {"card": {"title": "RDV", "orientation": "horizontal", "alignment": "right",
                        "media": {"url": "https://x.example/a.png", "height": "short", "thumbnail": "https://x.example/t"},
                        "suggestions": [{"kind": "dial", "text": "Appeler", "number": "+33478000000"}]},
               "suggestions": [{"kind": "reply", "text": "OUI", "postback": CONFIRM},
                               {"kind": "calendar", "text": "Agenda", "title": "RDV", "start": "2026-12-02T08:00:00Z",
                                "end": "2026-12-02T08:30:00Z"},
                               {"kind": "location", "text": "Plan", "latitude": 45.7, "longitude": 4.8, "label": "Ici"},
                               {"kind": "open", "text": "Voir", "url": "https://x.example"},
                               {"kind": "share_location", "text": "Où ?"}]}
    assert isinstance(send(rcs, message(content=content))[0], Accepted)

    [shown] = fake.shown(ANA)
    card = shown["richCard"]["standaloneCard"]
    assert (card["cardOrientation"], card["thumbnailImageAlignment"]) == ("HORIZONTAL", "RIGHT")
    assert card["cardContent"]["media"] == {"height": "SHORT", "contentInfo": {
        "fileUrl": "https://x.example/a.png", "thumbnailUrl": "https://x.example/t"}}
    assert card["cardContent"]["suggestions"][0]["action"]["dialAction"] == {"phoneNumber": "+33478000000"}
    reply, calendar, place, page, share = shown["suggestions"]
    assert base64.b64decode(reply["reply"]["postbackData"]) == b"relance:confirm:msg_1"
    assert calendar["action"]["createCalendarEventAction"] == {
        "startTime": "2026-12-02T08:00:00Z", "endTime": "2026-12-02T08:30:00Z", "title": "RDV", "description": ""}
    assert place["action"]["viewLocationAction"] == {"latLong": {"latitude": 45.7, "longitude": 4.8}, "label": "Ici"}
    assert page["action"]["openUrlAction"] == {"url": "https://x.example"}
    assert share["action"]["shareLocationAction"] == {}


def test_a_carousel_and_a_file(fake: FakeRcs, rcs: RcsBusiness) -> None:
    cards = [{"title": "a"}, {"title": "b", "description": "c"}]
    first, second = send(rcs, message("msg_1", content={"carousel": {"width": "small", "cards": cards}}),
                         message("msg_2", content={"file": {"url": "https://x.example/a.pdf"}}))

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert {"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": cards}}} in fake.shown(ANA)
    assert {"contentInfo": {"fileUrl": "https://x.example/a.pdf"}} in fake.shown(ANA)


def test_a_commercial_message_has_a_button_to_hear_no_more(fake: FakeRcs, rcs: RcsBusiness) -> None:
    send(rcs, message(message_class=MessageClass.MARKETING, stop_mention=True))

    [button] = fake.shown(ANA)[0]["suggestions"]
    assert button["reply"]["text"] == "STOP"
    assert base64.b64decode(button["reply"]["postbackData"]) == b"relance:stop:msg_1"


def test_without_room_for_that_button_it_does_not_leave_in_france(fake: FakeRcs, rcs: RcsBusiness) -> None:
    full = {"text": "Soldes", "suggestions": [{"kind": "reply", "text": str(n), "postback": str(n)} for n in range(11)]}
    [outcome] = send(rcs, message(message_class=MessageClass.MARKETING, stop_mention=True, content=full))

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "provider_no_way_out"
    assert fake.requests == []


def test_a_region_has_an_address_of_its_own_unless_the_operator_chose_one() -> None:
    european = replace(account(), config={"agent_id": AGENT, "region": "europe"})

    assert RcsBusiness(ProviderTools(urls={}))._host(european) == "https://europe-rcsbusinessmessaging.googleapis.com"
    assert RcsBusiness(ProviderTools(urls={"rcs": "http://127.0.0.1:9"}))._host(european) == "http://127.0.0.1:9"


# once

def test_a_message_that_was_in_doubt_is_said_again_and_shown_once(fake: FakeRcs, rcs: RcsBusiness) -> None:
    fake.fail(cut_after(), takes=True)
    [doubt] = send(rcs)
    [again] = send(rcs)

    assert isinstance(doubt, Uncertain)
    assert isinstance(again, Accepted)
    assert len(fake.shown(ANA)) == 1


# the token

def test_one_token_serves_many_messages_until_it_is_nearly_over(fake: FakeRcs, rcs: RcsBusiness) -> None:
    send(rcs, *(message(f"msg_{number}") for number in range(5)))
    send(rcs, now=NOW + timedelta(minutes=50))
    assert len(fake.tokens) == 1
    claims = fake.tokens[0]
    assert claims["iss"] == SERVICE_ACCOUNT["client_email"]
    assert claims["scope"] == "https://www.googleapis.com/auth/rcsbusinessmessaging"
    assert claims["exp"] - claims["iat"] == 3600

    send(rcs, now=NOW + timedelta(minutes=56))
    assert len(fake.tokens) == 2


def test_a_token_that_is_refused_is_asked_for_anew(fake: FakeRcs, rcs: RcsBusiness) -> None:
    send(rcs, message("msg_1"))
    fake.fail(error(401, "UNAUTHENTICATED"))
    [refused], [then] = send(rcs, message("msg_2")), send(rcs, message("msg_2"))

    assert isinstance(refused, AccountTrouble)
    assert isinstance(then, Accepted)
    assert len(fake.tokens) == 2


def test_a_key_that_google_does_not_know_is_the_account_s_trouble(fake: FakeRcs) -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    provider = RcsBusiness(ProviderTools(urls=fake.urls, timeout=20))
    for key in ({**SERVICE_ACCOUNT, "private_key": other}, {}, None, "{"):
        [outcome] = send(provider, by=account(service_account=key))
        assert isinstance(outcome, AccountTrouble)
        assert outcome.reason.code == "provider_key_refused"
    assert fake.requests == []


def test_while_the_token_endpoint_is_away_nothing_is_in_doubt() -> None:
    provider = RcsBusiness(ProviderTools(urls={"rcs": "http://127.0.0.1:9", "rcs_token": "http://127.0.0.1:9"},
                                         timeout=0.5))
    begun: list[str] = []
    [outcome] = provider.send(account(), [message()], NOW, begun.append)

    assert isinstance(outcome, TryLater)
    assert begun == []


def test_no_picture_of_a_service_account_shows_its_key() -> None:
    assert "PRIVATE" not in repr(ServiceAccount.read(SERVICE_ACCOUNT))
    assert ServiceAccount.kept(json.dumps(SERVICE_ACCOUNT)).keys() == {
        "client_email", "private_key", "private_key_id"}, "the address that a file names is not kept"


# what is answered

def test_a_phone_without_rcs_is_the_next_channel_s(fake: FakeRcs, rcs: RcsBusiness) -> None:
    fake.without_rcs.add(ANA)
    [outcome] = send(rcs)

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "channel_unreachable"
    assert outcome.reason.code in NEXT_CHANNEL
    assert not outcome.dead_number


@pytest.mark.parametrize(("step", "kind", "code"), [
    (error(400, "INVALID_ARGUMENT"), Refused, "channel_unsuitable"),
    (error(403, "PERMISSION_DENIED"), AccountTrouble, "provider_forbidden"),
    (error(429, "RESOURCE_EXHAUSTED"), TryLater, "provider_busy"),
    (error(503, "UNAVAILABLE"), TryLater, "provider_away"),
    (status(404, b"<html>no such page"), Refused, "provider_refused")])
def test_what_google_s_errors_mean(fake: FakeRcs, rcs: RcsBusiness, step: Any, kind: type, code: str) -> None:
    fake.fail(step)
    [outcome] = send(rcs)

    assert isinstance(outcome, kind)
    assert outcome.reason.code == code  # type: ignore[union-attr]


# taking it back

def test_what_was_not_delivered_is_taken_back(fake: FakeRcs, rcs: RcsBusiness) -> None:
    send(rcs)
    named = message_id("msg_1")

    assert rcs.revoke(account(), "msg_1", named, NOW, to=ANA) is True
    assert fake.revoked == [named]
    assert fake.shown(ANA) == []


def test_what_was_delivered_is_not(fake: FakeRcs, rcs: RcsBusiness) -> None:
    send(rcs)
    fake.delivered.add(message_id("msg_1"))

    assert rcs.revoke(account(), "msg_1", "", NOW, to=ANA) is False


def test_a_revocation_that_could_not_be_asked_is_asked_again(fake: FakeRcs, rcs: RcsBusiness) -> None:
    for step in (cut_after(), status(500), status(429), status(503)):
        fake.fail(step)
        with pytest.raises(NotNow):
            rcs.revoke(account(), "msg_1", "", NOW, to=ANA)
    fake.fail(status(403))
    with pytest.raises(NeedsReconnect):
        rcs.revoke(account(), "msg_1", "", NOW, to=ANA)
    fake.fail(status(404, b"<html>"))
    assert rcs.revoke(account(), "msg_1", "", NOW, to=ANA) is None


def test_the_doctor_asks_about_a_phone_of_nobody(fake: FakeRcs, rcs: RcsBusiness) -> None:
    assert rcs.check(account(), NOW) is None
    fake.fail(error(404, "NOT_FOUND"))
    assert rcs.check(account(), NOW) is None, "not reachable is a good answer to a good key"
    fake.fail(status(404, b"<html>"))
    assert rcs.check(account(), NOW) is not None


# what it posts

def test_the_signature_is_over_the_decoded_event() -> None:
    data = base64.b64decode(VECTOR["message_data"])
    assert data.decode() == VECTOR["decoded"]
    require_signature(data, VECTOR["header"], VECTOR["client_token"])
    for wrong in (data + b" ", b""):
        with pytest.raises(NotAuthentic):
            require_signature(wrong, VECTOR["header"], VECTOR["client_token"])
    for given in ("", "é", VECTOR["header"][:-4], VECTOR["header"].upper()):
        with pytest.raises(NotAuthentic):
            require_signature(data, given, VECTOR["client_token"])


def test_what_another_token_signed_is_not_believed() -> None:
    provider = RcsBusiness(ProviderTools(urls={}))
    event = {"senderPhoneNumber": ANA, "eventType": "READ", "messageId": "m", "eventId": "e", "agentId": AGENT}
    provider.verify(inbound(event), account())
    with pytest.raises(NotAuthentic):
        provider.verify(inbound(event, token="other"), account())
    with pytest.raises(NotAuthentic):
        provider.verify(inbound(event), account(client_token=""))


@pytest.mark.parametrize(("kind", "state", "code"), [
    ("DELIVERED", State.DELIVERED, None), ("READ", State.READ, None),
    ("TTL_EXPIRATION_REVOKED", State.FAILED, "channel_expired"), ("TTL_EXPIRATION_REVOKE_FAILED", None, None),
    ("NEW_WORD", None, None)])
def test_events_are_receipts(kind: str, state: State | None, code: str | None) -> None:
    named = "phoneNumber" if kind.startswith("TTL_") else "senderPhoneNumber"
    [receipt] = heard({named: ANA, "eventType": kind, "eventId": "e", "messageId": message_id("msg_1")})

    assert isinstance(receipt, Receipt)
    assert (receipt.provider_reference, receipt.state, receipt.status) == (message_id("msg_1"), state, kind)
    assert receipt.at == NOW - timedelta(minutes=1)
    assert (receipt.reason.code if receipt.reason else None) == code
    assert not receipt.retry, "the next channel's turn, not another try of this one"


@pytest.mark.parametrize(("said", "text", "answers"), [
    ({"text": "Oui"}, "Oui", None),
    ({"suggestionResponse": {"postbackData": "cmVsYW5jZTpjb25maXJt", "text": "Je viens"}}, "OUI", None),
    ({"suggestionResponse": {"postbackData": "relance:decline:msg_7", "text": "Non"}}, "NON", "msg_7"),
    ({"suggestionResponse": {"postbackData": base64.b64encode(b"relance:stop:msg_7").decode()}}, "STOP", "msg_7"),
    ({"suggestionResponse": {"postbackData": "b3RoZXI=", "text": "Plus tard", "type": "REPLY"}}, "Plus tard", None),
    ({"location": {"latitude": 45.7, "longitude": 4}}, "45.7,4", None),
    ({"userFile": {"payload": {"fileUri": "https://x.example/f", "fileName": "f"}}}, "https://x.example/f", None)])
def test_what_people_say(said: dict[str, Any], text: str, answers: str | None) -> None:
    assert heard({"senderPhoneNumber": ANA, "messageId": "u1", **said}) == (
        PhoneReply(ANA, AGENT, text, NOW - timedelta(minutes=1), "u1", answers),)


def test_the_app_s_own_control_is_a_stop() -> None:
    [stop] = heard({"senderPhoneNumber": ANA, "eventType": "UNSUBSCRIBE", "eventId": "e1"})
    [start] = heard({"senderPhoneNumber": ANA, "eventType": "SUBSCRIBE", "eventId": "e2"})

    assert isinstance(stop, PhoneReply)
    assert isinstance(start, PhoneReply)
    assert (stop.text, stop.provider_reference, start.text) == ("STOP", "e1", "START")


def test_typing_opening_a_map_and_another_agent_s_events_say_nothing() -> None:
    assert heard({"senderPhoneNumber": ANA, "eventType": "IS_TYPING", "eventId": "e"}) == ()
    assert heard({"senderPhoneNumber": ANA, "messageId": "u1", "suggestionResponse": {
        "postbackData": "b3Blbg==", "text": "Voir", "type": "ACTION"}}) == ()
    assert heard({"senderPhoneNumber": ANA, "messageId": "u1", "text": "Oui", "agentId": "another_agent"}) == ()
    assert len(heard({"senderPhoneNumber": ANA, "messageId": "u1", "text": "Oui", "agentId": f"{AGENT}@rbm.goog"})) == 1


@pytest.mark.parametrize("event", [
    {"senderPhoneNumber": ANA}, {"text": "Oui", "messageId": "u1"}, {"senderPhoneNumber": ANA, "text": "Oui"},
    {"senderPhoneNumber": "Cabinet", "text": "Oui", "messageId": "u1"}, {"eventType": "DELIVERED"}])
def test_what_lacks_something_is_unreadable(event: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        heard(event)


def shakes(body: bytes) -> Any:
    return RcsBusiness(ProviderTools(urls={})).handshake(
        Inbound("POST", "https://relance.example/r/s", (), body, NOW), account())


def test_the_address_is_confirmed_with_google_s_secret() -> None:
    reply = shakes(json.dumps({"clientToken": CLIENT_TOKEN, "secret": "1234567890"}).encode())

    assert (reply.status, reply.body) == (200, b"1234567890")
    for event in (envelope({"text": "Oui"}), b"", b"[]", b"{}", b'{"clientToken":"client-token"}'):
        assert shakes(event) is None
    for wrong in ({"clientToken": "other", "secret": "1"}, {"clientToken": CLIENT_TOKEN, "secret": "a\r\nb"},
                  {"clientToken": CLIENT_TOKEN, "secret": "x" * 300}):
        with pytest.raises(NotAuthentic):
            shakes(json.dumps(wrong).encode())


# ---------------------------------------------------------------------------------------------- who is reached


def test_a_few_phones_are_asked_one_by_one_what_they_can_show(rcs, fake):
    bob = "+33639980002"
    fake.without_rcs.add(bob)
    fake.features[ANA] = ["RICHCARD_CAROUSEL", "ACTION_OPEN_URL", "PDF_OF_TOMORROW"]
    found = {one.number: one for one in rcs.abilities(account(), [ANA, bob], NOW)}
    assert (found[ANA].reachable, found[ANA].features) == (True, {"carousel", "open"})
    assert (found[bob].reachable, found[bob].features) == (False, None)
    assert [seen.method for seen in fake.questions] == ["GET", "GET"]
    asked = [parse_qs(urlsplit(seen.path).query) for seen in fake.questions]
    assert all(one["agentId"] == [AGENT] and uuid.UUID(one["requestId"][0]) for one in asked)


def test_many_phones_are_one_question(rcs, fake):
    numbers = [f"+3363998{number:04d}" for number in range(600)]
    fake.without_rcs.update(numbers[:250])
    found = rcs.abilities(account(), numbers, NOW)
    assert len(fake.questions) == 1
    assert (sum(one.reachable for one in found), len(found)) == (350, 600)
    assert {one.features for one in found} == {None}, "the answer about many does not say what they can show"


def test_of_many_phones_none_may_be_reached_and_an_answer_that_says_nothing_condemns_nobody(rcs, fake):
    numbers = [f"+3363998{number:04d}" for number in range(500)]
    fake.without_rcs.update(numbers)
    assert {one.reachable for one in rcs.abilities(account(), numbers, NOW)} == {False}
    for body in ({}, {"reachableUsers": "all"}, []):
        fake.fail(status(200, body))
        assert list(rcs.abilities(account(), numbers, NOW)) == []


def test_a_phone_about_which_it_says_nothing_stays_unknown(rcs, fake):
    fake.fail(error(403, "PERMISSION_DENIED"))
    bob = "+33639980002"
    found = rcs.abilities(account(), [ANA, bob], NOW)
    assert [one.reachable for one in found] == [True]


@pytest.mark.parametrize(("number", "word", "raised"), [
    (429, "RESOURCE_EXHAUSTED", NotNow), (503, "UNAVAILABLE", NotNow), (401, "UNAUTHENTICATED", NeedsReconnect),
])
def test_a_question_that_fails_says_when_to_ask_again_or_that_the_key_is_wrong(rcs, fake, number, word, raised):
    fake.fail(error(number, word))
    with pytest.raises(raised):
        rcs.abilities(account(), [ANA], NOW)
    fake.fail(error(number, word))
    with pytest.raises(raised):
        rcs.abilities(account(), [f"+3363998{one:04d}" for one in range(500)], NOW)


def test_what_is_known_of_phones_is_known_for_the_agent(rcs):
    assert rcs.agent(account()) == f"rcs_business:{AGENT}"

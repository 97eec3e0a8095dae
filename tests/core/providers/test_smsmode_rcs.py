"""smsmode's RCS: the same account with another key, richer bodies, a validity instead of a revocation."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.contract import (
    Accepted,
    Account,
    Gone,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    Revokes,
)
from core.domain.content import CONFIRM, NEXT_CHANNEL
from core.domain.errors import BadInput, NotAuthentic
from core.domain.messages import Channel, MessageClass, State
from core.providers.smsmode import Smsmode
from tests.faults.server import FaultServer, Seen, ok, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"
BOTH = {"rcs": True, "channel_id": "ch-1", "rcs_channel_id": "ch-2"}


def account(config: dict[str, Any] = BOTH, **secrets: str) -> Account:
    return Account("acc_1", "ws_1", "smsmode", config, {"api_key": "k", **secrets}, "https://relance.example/r/s",
                   "https://relance.example/m/s")


def message(reference: str = "msg_1", **changes: Any) -> Outgoing:
    return replace(Outgoing(reference, ANA, "RDV à 9 h", Channel.RCS, MessageClass.TRANSACTIONAL, "GSM-7", "CABINET",
                            "FR"), **changes)


def takes(seen: Seen) -> Any:
    found = seen.json
    answers = [{"messageId": f"sm-{one['refClient']}", "refClient": one["refClient"]}
               for one in (found if isinstance(found, list) else [found])]
    return ok([{"message": one} for one in answers] if isinstance(found, list) else answers[0], 201)


def sent(*messages: Outgoing, by: Account | None = None) -> tuple[list[Outcome], list[Seen]]:
    with FaultServer(otherwise=takes) as server:
        provider = Smsmode(ProviderTools(urls={"smsmode": server.url}, timeout=20))
        outcomes = provider.send(by or account(), messages, NOW, lambda reference: None)
        return outcomes, server.ledger


def body_of(**changes: Any) -> Any:
    [outcome], [seen] = sent(message(**changes))
    assert isinstance(outcome, Accepted)
    return seen.json["body"]


# who sends it

def test_rcs_goes_to_its_own_address_with_its_own_key() -> None:
    [outcome], [seen] = sent(message(), by=account({"rcs_sender": "Cabinet Lyon"}, rcs_api_key="k2"))

    assert isinstance(outcome, Accepted)
    assert (seen.path, seen.headers["x-api-key"]) == ("/rcs/v1/messages", "k2")
    assert seen.json == {
        "recipient": {"to": "33639980001"}, "body": {"type": "TEXT", "text": "RDV à 9 h"}, "from": "Cabinet Lyon",
        "refClient": "msg_1", "callbackUrlStatus": "https://relance.example/r/s",
        "callbackUrlMo": "https://relance.example/m/s"}


def test_one_key_may_be_good_for_both_and_a_sender_of_texts_is_no_agent() -> None:
    _, [seen] = sent(message())

    assert seen.headers["x-api-key"] == "k"
    assert "from" not in seen.json


def test_an_account_without_rcs_leaves_it_to_the_next_channel() -> None:
    [outcome], ledger = sent(message(), by=account({}))

    assert isinstance(outcome, Refused)
    assert outcome.reason.code in NEXT_CHANNEL
    assert ledger == []


def test_texts_of_a_mixed_batch_still_leave_together() -> None:
    batch = [message("msg_1"), message("msg_2", channel=Channel.SMS), message("msg_3", channel=Channel.SMS),
             message("msg_4")]
    outcomes, ledger = sent(*batch, by=account({**BOTH, "batch": True}))

    assert outcomes == [Accepted(f"sm-msg_{number}") for number in (1, 2, 3, 4)]
    assert sorted(seen.path for seen in ledger) == ["/rcs/v1/messages", "/rcs/v1/messages", "/sms/v1/messages"]


def test_what_a_person_gives() -> None:
    provider = Smsmode(ProviderTools(urls={}))
    found = provider.configured({"api_key": "k", "rcs_api_key": "k2", "rcs_sender": "Cabinet Lyon, Dr Roux"})
    assert found.secrets == {"api_key": "k", "rcs_api_key": "k2"}
    assert "k2" not in json.dumps(dict(found.config))
    with pytest.raises(BadInput) as refused:
        provider.configured({"api_key": "k", "rcs": True, "channel_id": "ch-1"})
    assert refused.value.pointer == "/rcs_channel_id"


# what is written

def test_a_card_and_a_carousel_have_the_names_that_smsmode_knows() -> None:
    media = {"url": "https://x.example/a.png", "height": "medium"}
    answer = {"kind": "reply", "text": "OUI", "postback": CONFIRM}
    card = body_of(content={"card": {"title": "RDV", "media": media, "suggestions": [answer]}, "suggestions": [
        {"kind": "dial", "text": "Appeler", "number": "+33478000000"}]})
    shown = {"type": "REPLY", "text": "OUI", "postbackData": base64.b64encode(b"relance:confirm:msg_1").decode()}
    assert card == {
        "type": "CARD", "orientation": "VERTICAL", "content": {
            "title": "RDV", "media": {"fileUrl": "https://x.example/a.png", "height": "MEDIUM"},
            "suggestions": [shown]},
        "suggestions": [{"type": "DIAL_PHONE", "text": "Appeler", "postbackData": "ZGlhbA==",
                         "phoneNumber": "+33478000000"}]}
    assert body_of(content={"carousel": {"cards": [{"title": "a"}, {"title": "b"}]}}) == {
        "type": "CAROUSEL", "contents": [{"title": "a"}, {"title": "b"}], "cardWidth": "MEDIUM"}
    assert body_of(content={"file": {"url": "https://x.example/a.pdf"}}) == {
        "type": "FILE", "fileUrl": "https://x.example/a.pdf"}


def test_an_address_that_smsmode_does_not_take_is_the_next_channel_s() -> None:
    long = {"suggestions": [{"kind": "open", "text": "Voir", "url": "https://x.example/" + "a" * 250}]}
    [outcome], ledger = sent(message(content=long))

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "channel_unsuitable"
    assert ledger == []


def test_a_commercial_message_has_a_button_to_hear_no_more() -> None:
    body = body_of(message_class=MessageClass.MARKETING, stop_mention=True)

    assert [one["text"] for one in body["suggestions"]] == ["STOP"]
    assert "stop" not in body


@pytest.mark.parametrize(("left", "validity"), [
    (timedelta(seconds=5), {"amount": 30, "timeUnit": "SECONDS"}),
    (timedelta(seconds=90), {"amount": 90, "timeUnit": "SECONDS"}),
    (timedelta(minutes=90, seconds=59), {"amount": 90, "timeUnit": "MINUTES"}),
    (timedelta(days=9), {"amount": 2880, "timeUnit": "MINUTES"})])
def test_it_is_tried_no_longer_than_it_is_useful(left: timedelta, validity: dict[str, Any]) -> None:
    _, [seen] = sent(message(expires_at=NOW + left))

    assert seen.json["validity"] == validity


def test_smsmode_takes_nothing_back() -> None:
    assert not issubclass(Smsmode, Revokes)


# what comes back

REPORT = {"messageId": "m1", "channel": {"channelId": "ch-2", "type": "RCS"}, "type": "RCS", "direction": "MT",
          "recipient": {"to": "33639980001"}, "refClient": "msg_1", "sentDate": "2026-12-01T08:00:00Z"}


def heard(**changes: Any) -> Receipt | PhoneReply:
    provider = Smsmode(ProviderTools(urls={}))
    request = Inbound("POST", "https://relance.example/r/s", (), json.dumps({**REPORT, **changes}).encode(), NOW)
    provider.verify(request, account())
    [said] = provider.read(request, account())
    return said


@pytest.mark.parametrize(("value", "detail", "code"), [
    ("UNDELIVERED", "EXPIRED", "channel_expired"), ("UNDELIVERED", None, "channel_expired"),
    ("UNDELIVERABLE", "PHONE_NOT_SUITABLE", "provider_not_suitable"), ("UNDELIVERABLE", None, "channel_unreachable"),
    ("UNDELIVERABLE", "NEW_WORD", "channel_unreachable")])
def test_what_was_not_shown_is_the_next_channel_s(value: str, detail: str | None, code: str) -> None:
    receipt = heard(status={"value": value, "detail": detail})

    assert isinstance(receipt, Receipt)
    assert receipt.state is State.FAILED
    assert receipt.reason
    assert receipt.reason.code == code
    assert code in NEXT_CHANNEL
    assert not receipt.retry


def test_what_concerns_the_account_or_the_person_stays_what_it_is() -> None:
    unpaid = heard(status={"value": "UNDELIVERABLE", "detail": "INSUFFICIENT_CREDIT"})
    silent = heard(status={"value": "UNDELIVERABLE", "detail": "BLACKLISTED"})

    assert isinstance(unpaid, Receipt)
    assert isinstance(silent, Receipt)
    assert unpaid.account_trouble
    assert silent.opt_out


def test_a_text_that_ran_out_of_time_is_tried_again_as_before() -> None:
    receipt = heard(type="SMS", channel={"channelId": "ch-1", "type": "SMS"},
                    status={"value": "UNDELIVERED", "detail": "EXPIRED"})

    assert isinstance(receipt, Receipt)
    assert receipt.retry


@pytest.mark.parametrize("postback", ["relance:confirm:msg_1", base64.b64encode(b"relance:confirm:msg_1").decode()])
def test_a_button_is_an_answer_whichever_way_round_the_numbers_are(postback: str) -> None:
    reply = heard(direction="MO", **{"from": "Cabinet Lyon"}, body={"type": "SUGGESTION", "text": "Je viens",
                                                                     "postbackData": postback})

    assert reply == PhoneReply(ANA, "Cabinet Lyon", "OUI", NOW - timedelta(hours=1), "m1", "msg_1", Channel.RCS)


def test_only_our_two_channels_are_believed() -> None:
    with pytest.raises(NotAuthentic):
        heard(channel={"channelId": "ch-3", "type": "RCS"}, status={"value": "DELIVERED"})


def test_a_doubt_is_looked_up_in_both_lists() -> None:
    def lists(*where: str) -> Any:
        def answer(seen: Seen) -> Any:
            there = any(seen.path.startswith(root) for root in where)
            items = [{"messageId": "m1", "refClient": "msg_1", "direction": "MT", "type": "RCS",
                      "status": {"value": "DELIVERED"}}] if there else []
            return ok({"page": 1, "items": items, "totalCount": len(items)})
        return answer

    later = NOW + timedelta(hours=1)
    for where, found in (("/rcs",), True), (("/sms",), True), ((), False):
        with FaultServer(otherwise=lists(*where)) as server:
            provider = Smsmode(ProviderTools(urls={"smsmode": server.url}, timeout=20))
            if found:
                assert provider.look_up(account(), "msg_1", later, asked=NOW) is not None
            else:
                with pytest.raises(Gone):
                    provider.look_up(account(), "msg_1", later, asked=NOW)
                assert len(server.ledger) == 2


def test_what_a_report_says_is_asked_at_the_right_address() -> None:
    def answer(seen: Seen) -> Any:
        return ok({**REPORT, "status": {"value": "DELIVERED"}}) if seen.path == "/rcs/v1/messages/m1" else status(404)

    with FaultServer(otherwise=answer) as server:
        provider = Smsmode(ProviderTools(urls={"smsmode": server.url}, timeout=20))
        own = provider.confirm(account(), Receipt("m1", State.FAILED, "UNDELIVERABLE", NOW), NOW)
    assert own is not None
    assert own.state is State.DELIVERED

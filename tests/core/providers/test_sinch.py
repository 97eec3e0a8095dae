"""Sinch beyond the common promises: its batches, its reports and its signature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Gone,
    Inbound,
    Outcome,
    Outgoing,
    ProviderTools,
    Receipt,
    Refused,
    Uncertain,
)
from core.domain.errors import NotAuthentic
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.providers.sinch import AHEAD_AT_MOST, EUROPE, FAILURES, REPORTED_AFTER, SIGNED_AT_MOST, Sinch
from tests.fakes.sinch import FakeSinch, error, signature
from tests.faults.server import FaultServer, Step, cut_after, ok, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
RECEIPTS = "https://relance.example/providers/acc_1/receipts/s3cret"


@pytest.fixture
def fake() -> Iterator[FakeSinch]:
    with FakeSinch() as fake:
        yield fake


def sinch(url: str = EUROPE) -> Sinch:
    return Sinch(ProviderTools(urls={"sinch": url}, timeout=20))


def account(**config: Any) -> Account:
    return Account("acc_1", "ws_1", "sinch", {"service_plan_id": "plan1"} | config,
                   {"api_token": "t0ken", "callback_secret": "hook"}, RECEIPTS, RECEIPTS)


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", "+33639980001", "RDV à 9h", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7",
                            "CABINET", "FR"), **changes)


def send(url: str, one: Outgoing | None = None, by: Account | None = None) -> Outcome:
    return sinch(url).send(by or account(), [one or message()], NOW, str)[0]


def test_a_message_is_a_batch_of_one_that_bears_our_reference(fake: FakeSinch) -> None:
    outcome = send(fake.url, message(expires_at=NOW + timedelta(hours=2)))

    assert outcome == Accepted(fake.batches[0]["id"])
    assert fake.requests[-1].json == {
        "type": "mt_text", "from": "CABINET", "to": ["33639980001"], "body": "RDV à 9h", "client_reference": "msg_1",
        "delivery_report": "per_recipient", "callback_url": RECEIPTS, "expire_at": "2026-12-01T11:00:00.000Z"}


@pytest.mark.parametrize(("region", "set_by_operator", "host"), [
    (None, EUROPE, "https://eu.sms.api.sinch.com"), ("us", EUROPE, "https://us.sms.api.sinch.com"),
    ("us", "https://proxy.example", "https://proxy.example")])
def test_the_region_is_the_account_s_unless_the_operator_set_an_address(region: str | None, set_by_operator: str,
                                                                        host: str) -> None:
    assert sinch(set_by_operator)._batches(account(region=region)) == f"{host}/xms/v1/plan1/batches"


@pytest.mark.parametrize(("answer", "expected"), [
    (error(403, "unknown_campaign", "x"), Refused), (error(403, "something_else", "x"), AccountTrouble),
    (status(403), AccountTrouble), (error(400, "syntax_constraint_violation", "x"), Refused),
    (ok({"id": "01A", "client_reference": "msg_1", "to": ["33639980002"]}, 201), Uncertain),
    (ok({"id": "01A", "to": ["33639980001"]}, 201), Uncertain)])
def test_what_it_answers(answer: Step, expected: type) -> None:
    with FaultServer(answer) as server:
        assert isinstance(send(server.url), expected)


# a doubt

def look_up(fake: FakeSinch, after: timedelta) -> Receipt | None:
    return sinch(fake.url).look_up(account(), "msg_1", NOW + after, asked=NOW)


def test_a_broken_line_is_settled_by_our_reference(fake: FakeSinch) -> None:
    fake.fail(cut_after(), takes=True)
    assert isinstance(send(fake.url), Uncertain)

    found = look_up(fake, timedelta(seconds=1))
    fake.states[fake.batches[0]["id"]] = "Delivered", 0
    later = look_up(fake, timedelta(seconds=30))

    assert found is not None
    assert later is not None
    assert (found.state, found.provider_reference) == (State.SENT, fake.batches[0]["id"])
    assert (later.state, later.reference) == (State.DELIVERED, "msg_1")


def test_absence_proves_nothing_until_the_list_is_up_to_date(fake: FakeSinch) -> None:
    assert look_up(fake, REPORTED_AFTER - timedelta(seconds=1)) is None
    with pytest.raises(Gone):
        look_up(fake, REPORTED_AFTER)


def test_a_list_that_names_no_references_proves_nothing() -> None:
    batches = [{"id": "01A", "to": ["33639980001"], "body": "RDV"}]
    with FaultServer(otherwise=ok({"count": 1, "batches": batches})) as server:
        assert sinch(server.url).look_up(account(), "msg_1", NOW + timedelta(hours=1), asked=NOW) is None


def test_a_batch_whose_report_is_not_ready_was_taken_all_the_same() -> None:
    found = [{"id": "01A", "client_reference": "msg_1"}]
    for report in (status(404), ok({"batch_id": "01B", "statuses": []}), ok({"batch_id": "01A", "statuses": [{}]})):
        with FaultServer(ok({"count": 1, "batches": found}), report) as server:
            receipt = sinch(server.url).look_up(account(), "msg_1", NOW + timedelta(hours=1), asked=NOW)
        assert receipt is not None
        assert receipt.state is State.SENT


# called back

REPORT = (b'{"type":"recipient_delivery_report_sms","batch_id":"01A","recipient":"33639980001","code":%d,'
          b'"status":"%s","at":"2026-12-01T08:00:00Z","client_reference":"msg_1"}')


def posted(body: bytes, at: datetime = NOW, secret: str = "hook", **changes: str) -> Inbound:
    headers = {name.rpartition("-")[2]: (name, value) for name, value in signature(body, secret, at)}
    headers |= {name: (headers[name][0], value) for name, value in changes.items()}
    return Inbound("POST", RECEIPTS, tuple(headers.values()), body, NOW)


def heard(request: Inbound) -> Any:
    sinch().verify(request, account())
    [one] = sinch().read(request, account())
    return one


@pytest.mark.parametrize(("word", "state"), [
    ("Queued", State.SENT), ("Dispatched", State.SENT), ("Delivered", State.DELIVERED), ("DELIVERED", State.DELIVERED),
    ("Aborted", State.FAILED), ("Rejected", State.FAILED), ("Failed", State.FAILED), ("Expired", State.FAILED),
    ("Unknown", None), ("Beamed", None)])
def test_its_words_for_states(word: str, state: State | None) -> None:
    receipt = heard(posted(REPORT % (0, word.encode())))

    assert (receipt.state, receipt.status, receipt.reference) == (state, word, "msg_1")


@pytest.mark.parametrize(("code", "flags"), [
    (402, set()), (404, {"retry"}), (413, {"account_trouble"}), (412, set()), (11, set()), (999, set())])
def test_what_a_code_means(code: int, flags: set[str]) -> None:
    receipt = heard(posted(REPORT % (code, b"Aborted")))

    assert receipt.state is State.FAILED
    assert receipt.reason.code in SENTENCES
    assert {flag for flag in ("retry", "dead_number", "opt_out", "account_trouble") if getattr(receipt, flag)} == flags


def test_every_failure_has_a_sentence() -> None:
    assert {failure.code for failure in FAILURES.values()} <= set(SENTENCES)


GOOD = REPORT % (0, b"Delivered")


def test_the_public_example_of_its_clients_is_good() -> None:
    identity = {"channel": "SMS", "identity": "48123456789", "app_id": ""}
    contact = {"id": "01FJA8B466Y0R2GNXD78MD9SM1", "channel_identities": [identity],
               "display_name": "New Test Contact", "email": "new.contact@email.com", "external_id": "", "metadata": "",
               "language": "EN_US"}
    body = json.dumps({
        "app_id": "", "accepted_time": "2021-10-18T17:49:13.813615Z",
        "project_id": "e2df3a34-a71b-4448-9db5-a8d2baad28e4", "contact_create_notification": {"contact": contact},
        "message_metadata": ""}, separators=(",", ":")).encode()

    assert dict(signature(body, "foo_secret1234", datetime.fromtimestamp(1634579353, UTC)))[
        "x-sinch-webhook-signature"] == "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE="


@pytest.mark.parametrize("request_", [
    posted(GOOD, secret="other"), replace(posted(GOOD), body=GOOD + b" "), replace(posted(GOOD), headers=()),
    posted(GOOD, signature="é"), posted(GOOD, signature=""), posted(GOOD, nonce="other"), posted(GOOD, timestamp="1"),
    posted(GOOD, algorithm="none"), posted(GOOD, NOW - SIGNED_AT_MOST - timedelta(seconds=1)),
    posted(GOOD, NOW + AHEAD_AT_MOST + timedelta(seconds=1)),
    replace(posted(GOOD), headers=posted(GOOD).headers * 2)])
def test_what_is_not_surely_from_sinch_is_refused(request_: Inbound) -> None:
    with pytest.raises(NotAuthentic):
        heard(request_)


def test_a_callback_may_be_repeated_for_a_day() -> None:
    assert heard(posted(GOOD, NOW - timedelta(hours=23))).state is State.DELIVERED


def test_an_unsigned_receipt_with_consequences_is_asked_for_again(fake: FakeSinch) -> None:
    unsigned = replace(account(), secrets={"api_token": "t0ken"})
    accepted = send(fake.url, by=unsigned)
    assert isinstance(accepted, Accepted)
    forged = Receipt(accepted.reference, State.FAILED, "Aborted", NOW, "msg_1", account_trouble=True)

    own = sinch(fake.url).confirm(unsigned, forged, NOW)
    fake.states[accepted.reference] = "Aborted", 413
    true = sinch(fake.url).confirm(unsigned, forged, NOW)

    assert own is not None
    assert (own.state, own.account_trouble) == (State.SENT, False)
    assert true is not None
    assert (true.state, true.account_trouble) == (State.FAILED, True)
    assert sinch("http://127.0.0.1:9").confirm(unsigned, forged, NOW) is None


def test_the_whole_way_there_and_back(fake: FakeSinch) -> None:
    with FaultServer(otherwise=ok()) as ours:
        by = replace(account(), receipts_url=f"{ours.url}/receipts")
        sinch(fake.url).send(by, [message()], NOW, str)
        fake.inbound_url = f"{ours.url}/replies"
        assert fake.report("msg_1") == 200
        assert fake.writes("+33639980001", "NON") == 200
        receipt, reply = [heard(Inbound(seen.method, ours.url + seen.path, tuple(seen.headers.items()), seen.body, NOW))
                          for seen in ours.ledger]

    assert (receipt.state, receipt.provider_reference) == (State.DELIVERED, fake.batches[0]["id"])
    assert (reply.sender, reply.text, reply.to) == ("+33639980001", "NON", "36123")

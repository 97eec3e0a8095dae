"""Any HTTP gateway: one description, many gateways; no field of a message can become a part of the description."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from core.domain.errors import BadInput, NotAuthentic, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.guarded import FetchFailed, Guarded
from core.providers.gateway import AnyGateway
from core.providers.gateway_form import filled, template
from tests.faults.server import FaultServer, ok, status

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANY = AnyGateway(ProviderTools(urls={}, timeout=0.5, reach=lambda host, port: [host]))
JSON = {"body": {"to": "{to_digits}", "text": "{text}"}, "success": {"id": "id"}}


def account(url: str = "https://gateway.example/sms", secrets: Mapping[str, str] | None = None,
            **config: Any) -> Account:
    return Account("acc_1", "ws_1", "http", {"url": url} | config, {"secrets": dict(secrets or {})},
                   "https://relance.example/r/s3cret", "https://relance.example/m/s3cret")


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", "+33639980001", "RDV à 9h", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7",
                            "CABINET", "FR"), **changes)


def send(by: Account, one: Outgoing | None = None, gateway: AnyGateway = ANY) -> Outcome:
    return gateway.send(by, [one or message()], NOW, str)[0]


def sent(**config: Any) -> Any:
    """The request that a description makes, and the outcome of a good answer."""
    with FaultServer(otherwise=ok({"id": "g1"})) as server:
        outcome = send(account(server.url + "/sms", {"key": "k3y"}, **config))
    [seen] = server.ledger
    return seen, outcome


# what is sent

def test_json_with_the_types_that_were_written() -> None:
    seen, outcome = sent(body={"to": ["{to_digits}"], "n": 3, "flash": False, "of": {"who": "{sender}"}, "x": None},
                         headers={"X-Key": "{secret.key}", "Idempotency-Key": "{reference}"}, success={"id": "id"})

    assert seen.json == {"to": ["33639980001"], "n": 3, "flash": False, "of": {"who": "CABINET"}, "x": None}
    assert (seen.headers["x-key"], seen.headers["idempotency-key"]) == ("k3y", "msg_1")
    assert outcome == Accepted("g1")


def test_a_form() -> None:
    seen, _ = sent(format="form", body={"numero": "{to}", "message": "{text} & Cie", "cle": "{secret.key}"})

    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(seen.body.decode())) == {"numero": "+33639980001", "message": "RDV à 9h & Cie", "cle": "k3y"}


def test_a_gateway_that_takes_everything_in_the_address() -> None:
    seen, outcome = sent(method="GET", query={"n": "{to_digits}", "m": "{text}", "key": "{secret.key}"})

    assert seen.method == "GET"
    assert dict(parse_qsl(urlsplit(seen.path).query)) == {"n": "33639980001", "m": "RDV à 9h", "key": "k3y"}
    assert outcome == Accepted("msg_1"), "without an id of its own ours stands for it"


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_what_is_filled_in_stays_a_value(text: str) -> None:
    parts = template("a {text} {{x}} {to}", "/body", ("text", "to"), ())

    assert filled(parts, {"text": text, "to": "{text}"}) == f"a {text} {{x}} {{text}}"


@pytest.mark.parametrize("text", ['","to":"+33999', "{secret.key}", "{to}", "&to=1", "a\r\nX: y", "{{", "\x00", "</x>"])
def test_a_text_cannot_add_a_field_read_a_secret_or_split_a_request(text: str) -> None:
    with FaultServer(otherwise=ok({"id": "g1"})) as server:
        for form in ("json", "form"):
            send(account(server.url, {"key": "k3y"}, format=form, body={"to": "{to}", "text": "{text}"}),
                 message(text=text))
    as_json, as_form = server.ledger

    assert as_json.json == {"to": "+33639980001", "text": text}
    assert dict(parse_qsl(as_form.body.decode(), keep_blank_values=True)) == {"to": "+33639980001", "text": text}


def test_a_reference_with_a_line_break_goes_into_no_header() -> None:
    outcome = send(account(headers={"X-Ref": "{reference}"}, **JSON), message(reference="a\r\nHost: b"))

    assert isinstance(outcome, AccountTrouble)


def test_the_encoding_has_the_gateway_s_own_names() -> None:
    with FaultServer(otherwise=ok({"id": "g1"})) as server:
        by = account(server.url, body={"t": "{encoding}"}, encodings={"UCS-2": "8"})
        send(by, message(encoding="UCS-2"))
        send(by, message(encoding="GSM-7"))

    assert [seen.json["t"] for seen in server.ledger] == ["8", "GSM-7"]


# where it may go

PRIVATE = ["http://127.0.0.1:%d/", "http://localhost:%d/", "http://[::1]:%d/", "http://[::ffff:127.0.0.1]:%d/",
           "http://0.0.0.0:%d/", "http://169.254.169.254/latest/", "http://10.0.0.1/", "http://[64:ff9b::a00:1]/"]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_in_our_own_network_is_neither_taken_nor_called(url: str) -> None:
    guarded = AnyGateway(ProviderTools(urls={}, timeout=0.5, reach=Guarded().addresses))
    with FaultServer(otherwise=ok({"id": "g1"})) as server:
        target = url % server.port if "%d" in url else url
        with pytest.raises(BadInput) as refused:
            guarded.configured({"url": target, **JSON})
        outcome = send(account(target, **JSON), gateway=guarded)
        trouble = guarded.check(account(target, **JSON), NOW)
        assert server.connections == 0

    assert (refused.value.pointer, refused.value.reason.code) == ("/url", "address_not_allowed")
    assert isinstance(outcome, AccountTrouble)
    assert outcome.reason.code == "address_not_allowed"
    assert trouble is not None


def test_a_name_that_changes_after_the_check_leads_nowhere() -> None:
    told = AnyGateway(ProviderTools(urls={}, timeout=0.5, reach=lambda host, port: ["8.8.8.8"]))
    with FaultServer(otherwise=ok({"id": "g1"})) as server:
        outcome = send(account(f"http://localhost:{server.port}/", **JSON), gateway=told)
        assert server.connections == 0

    assert isinstance(outcome, TryLater), "nothing was said"


def test_a_name_that_does_not_resolve_waits() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise FetchFailed("fetch_not_found", host)

    assert isinstance(send(account(**JSON), gateway=AnyGateway(ProviderTools(urls={}, reach=nowhere))), TryLater)


# what it answers

ERRORS = [{"status": 400, "path": "code", "values": [21, "22"], "means": "dead_number"},
          {"path": "code", "values": ["STOP"], "means": "opt_out"},
          {"path": "code", "values": [9], "means": "no_credit"},
          {"path": "code", "values": [8], "means": "account"}, {"status": 500, "means": "later"},
          {"path": "code", "values": [5], "means": "uncertain"}, {"path": "code", "values": [4], "means": "refused"}]
SUCCESS = {"path": "result.ok", "values": ["true"], "id": "result.ids.0"}


@pytest.mark.parametrize(("answer", "expected", "code"), [
    (ok({"result": {"ok": True, "ids": [17]}}), Accepted, ""),
    (ok({"result": {"ok": False}}), Uncertain, ""), (ok({"result": {"ok": True, "ids": []}}), Uncertain, ""),
    (ok({"code": "STOP"}), Refused, "provider_number_silent"),
    (status(400, {"code": "21"}), Refused, "provider_number_dead"), (status(400, {"code": 22}), Refused,
                                                                    "provider_number_dead"),
    (status(400, {"code": 23, "message": "no"}), Refused, "provider_refused"),
    (status(402, {"code": 9}), AccountTrouble, "provider_no_credit"),
    (ok({"code": 8}), AccountTrouble, "provider_key_refused"), (status(500), TryLater, "provider_busy"),
    (status(502), Uncertain, ""), (ok({"code": 5}), Uncertain, ""), (ok({"code": 4}), Refused, "provider_refused"),
    (status(299, {"result": {"ok": True, "ids": [1]}}), Uncertain, "")])
def test_its_answers_mean_what_was_described(answer: Any, expected: type, code: str) -> None:
    with FaultServer(answer) as server:
        outcome = send(account(server.url, body=JSON["body"], success=SUCCESS, errors=ERRORS))

    assert isinstance(outcome, expected)
    if not isinstance(outcome, Accepted):
        assert outcome.reason.code in SENTENCES
        assert not code or outcome.reason.code == code
    else:
        assert outcome.reference == "17"
    if isinstance(outcome, Refused):
        assert (outcome.opt_out, outcome.dead_number) == (code.endswith("silent"), code.endswith("dead"))


@pytest.mark.parametrize(("answer", "expected"), [(b"OK: 8841\n", Accepted("8841")), (b"ERR: 12", None)])
def test_gateways_that_answer_in_plain_words(answer: bytes, expected: Accepted | None) -> None:
    with FaultServer(ok(answer)) as server:
        outcome = send(account(server.url, body=JSON["body"],
                               success={"path": "words.0", "values": ["OK"], "id": "words.1"},
                               errors=[{"path": "words.1", "values": [12], "means": "account"}]))

    assert outcome == expected or (expected is None and isinstance(outcome, AccountTrouble))


# receipts and replies

RECEIPTS = {"id": "id", "reference": "ref", "status": "st", "at": "t", "opt_out": ["BLACKLIST"],
            "dead_number": ["GONE"], "retry": ["BUSY"], "account": ["CREDIT"], "states": {
                "DELIVRD": "delivered", "SEEN": "read", "BLACKLIST": "failed", "GONE": "failed", "BUSY": "failed",
                "CREDIT": "failed", "MAYBE": "unknown"}}
REPLIES = {"from": "msisdn", "to": "short", "text": "body", "id": "mid"}
PROVEN = {"kind": "secret", "header": "X-Token"}


def heard(body: bytes, kind: str = "application/json", url: str = "https://relance.example/r/s3cret",
          headers: tuple[tuple[str, str], ...] = (), secrets: Mapping[str, str] | None = None,
          **config: Any) -> tuple[Receipt | PhoneReply, ...]:
    by = account(secrets=secrets, **{**JSON, "receipts": RECEIPTS, "replies": REPLIES, **config})
    request = Inbound("POST" if body else "GET", url, (("Content-Type", kind), *headers), body, NOW)
    ANY.verify(request, by)
    return ANY.read(request, by)


@pytest.mark.parametrize(("word", "state", "flags"), [
    ("delivrd", State.DELIVERED, set()), ("SEEN", State.READ, set()), ("BLACKLIST", State.FAILED, {"opt_out"}),
    ("GONE", State.FAILED, {"dead_number"}), ("BUSY", State.FAILED, {"retry"}),
    ("CREDIT", State.FAILED, {"account_trouble"}), ("MAYBE", None, set()), ("NEW", None, set())])
def test_a_receipt_in_the_gateway_s_words(word: str, state: State | None, flags: set[str]) -> None:
    [receipt] = heard(json.dumps({"id": 4, "ref": "msg_1", "st": word, "t": "2026-12-01T08:00:00Z"}).encode())

    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.status, receipt.provider_reference, receipt.reference) == (state, word, "4", "msg_1")
    assert receipt.at == NOW - timedelta(hours=1)
    assert {flag for flag in ("retry", "dead_number", "opt_out", "account_trouble") if getattr(receipt, flag)} == flags


def test_receipts_come_as_a_form_in_the_query_or_several_at_once() -> None:
    [form] = heard(b"id=4&st=DELIVRD", "application/x-www-form-urlencoded")
    [query] = heard(b"", url="https://relance.example/r/s3cret?ref=msg_1&st=DELIVRD")
    rows = {"rows": [{"id": 1, "st": "SEEN"}, "x", {"id": 2, "st": "GONE"}, {"st": "SEEN"}]}
    several = heard(json.dumps(rows).encode(), receipts=RECEIPTS | {"each": "rows"})
    root = heard(json.dumps(rows["rows"]).encode())

    assert [form.provider_reference, query.provider_reference] == ["4", "msg_1"]
    assert [one.provider_reference for one in several] == ["1", "2"]
    assert root == several


def test_a_reply() -> None:
    [reply] = heard(b'{"msisdn": 33639980001, "short": "36123", "body": "OUI", "mid": "r1"}')

    assert reply == PhoneReply("+33639980001", "36123", "OUI", NOW, "r1")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"st": "DELIVRD"}', b'{"msisdn": "BANK", "body": "x", "mid": 1}'])
def test_what_is_neither_is_kept_unread(body: bytes) -> None:
    with pytest.raises(Unreadable):
        heard(body)


def test_only_what_is_proven_has_consequences_for_a_person() -> None:
    [receipt] = heard(b'{"id": 4, "st": "GONE"}')
    assert isinstance(receipt, Receipt)

    assert ANY.confirm(account(**JSON), receipt, NOW) is None
    assert ANY.confirm(account(secrets={"callback": "c"}, callbacks=PROVEN, **JSON), receipt, NOW) == receipt


GOOD = b'{"id": 4, "st": "SEEN"}'


@pytest.mark.parametrize(("callbacks", "value"), [
    (PROVEN, "n3w"), (PROVEN, "0ld"),
    ({"kind": "hmac", "header": "X-Token"}, hmac.digest(b"n3w", GOOD, "sha256").hex()),
    ({"kind": "hmac", "header": "X-Token", "algorithm": "sha512", "encoding": "base64", "prefix": "v1="},
     "v1=" + base64.b64encode(hmac.digest(b"0ld", GOOD, "sha512")).decode())])
def test_a_proof_is_asked_for_and_checked(callbacks: dict[str, str], value: str) -> None:
    known = {"callback": "n3w", "former_callback": "0ld"}
    assert heard(GOOD, headers=(("X-Token", value),), secrets=known, callbacks=callbacks)

    for headers in ((), (("X-Token", ""),), (("X-Token", value + "a"),), (("X-Token", "é"),),
                    (("X-Token", value), ("X-Token", value))):
        with pytest.raises(NotAuthentic):
            heard(GOOD, headers=headers, secrets=known, callbacks=callbacks)
    if callbacks["kind"] == "hmac":
        for body in (GOOD + b" ", b""):
            with pytest.raises(NotAuthentic):
                heard(body, headers=(("X-Token", value),), secrets=known, callbacks=callbacks)


def test_the_secret_is_not_shown() -> None:
    configured = ANY.configured({"url": "https://gateway.example/sms?a=1", "secrets": {"key": "k3y"}, **JSON})

    assert "k3y" not in json.dumps(dict(configured.config))
    assert configured.account == "gateway.example"
    again = ANY.configured({**configured.config, **configured.secrets, "sender": "CABINET"})
    assert again.secrets == configured.secrets, "a change of another setting keeps them"


DOCUMENTATION = (Path(__file__).parents[3] / "docs/providers.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENTATION, re.DOTALL)
            if '"success"' in block]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: urlsplit(example["url"]).hostname)
def test_the_examples_of_the_documentation_hold_together(example: dict[str, Any]) -> None:
    assert ANY.configured(example).config["url"] == example["url"]


@pytest.mark.parametrize(("word", "expected", "code"), [
    ("0", Accepted, ""), ("1", TryLater, "provider_busy"), ("4", AccountTrouble, "provider_key_refused"),
    ("9", AccountTrouble, "provider_no_credit"), ("33", Refused, "provider_number_dead"), ("5", Uncertain, ""),
    ("7", Refused, "provider_refused"), ("999", Uncertain, "")])
def test_vonage_by_its_description(word: str, expected: type, code: str) -> None:
    [vonage] = [one for one in EXAMPLES if "nexmo" in one["url"]]
    shown = {name: value for name, value in vonage.items() if name not in ("url", "secrets")}
    answer = {"message-count": "1", "messages": [{"to": "33639980001", "message-id": "0C000000217B7F02", "status": word,
                                                  "error-text": "why", "remaining-balance": "3.14"}]}
    with FaultServer(otherwise=ok(answer)) as server:
        by = account(f"{server.url}/sms/json", {"key": "abcd1234", "secret": "s"}, **shown)
        outcome = send(by, message(text="À 9h ☺", encoding="UCS-2"))
    said = dict(parse_qsl(server.ledger[0].body.decode()))

    assert said == {"api_key": "abcd1234", "api_secret": "s", "to": "33639980001", "from": "CABINET", "text": "À 9h ☺",
                    "type": "unicode", "client-ref": "msg_1", "callback": "https://relance.example/r/s3cret"}
    assert isinstance(outcome, expected)
    assert outcome == Accepted("0C000000217B7F02") if expected is Accepted else outcome.reason.code in SENTENCES
    assert not code or outcome.reason.code == code

    receipt = Inbound("POST", by.receipts_url, (("Content-Type", "application/json"),), json.dumps({
        "msisdn": "33639980001", "to": "CABINET", "messageId": "0C000000217B7F02", "status": "expired", "err-code": "1",
        "price": "0.03", "scts": "2612010900", "message-timestamp": "2026-12-01 09:00:00"}).encode(), NOW)
    [told] = ANY.read(receipt, by)
    assert isinstance(told, Receipt)
    assert (told.state, told.provider_reference) == (State.FAILED, "0C000000217B7F02")

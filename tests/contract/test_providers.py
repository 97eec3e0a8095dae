"""The conformance suite of ways out: every provider, ours and other packages' alike, keeps the same promises.

A new provider is one `Entry` in `ENTRIES`. One that speaks HTTP says how the other side answers (`Wire`), so that the
same broken lines are tried on it; one that is called back gives good bodies, from which hostile ones are made.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
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
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    Seeks,
    TryLater,
    Uncertain,
)
from core.domain.approved import News
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.sentences import SENTENCES
from core.domain.smpp.pdu import ShortMessage
from core.providers.gateway import AnyGateway
from core.providers.google_token import Tokens
from core.providers.http import Http
from core.providers.memory import Memory
from core.providers.rcs_business import SCOPE, RcsBusiness
from core.providers.rcs_words import message_id as rcs_message_id
from core.providers.simulator import Simulator
from core.providers.sinch import Sinch
from core.providers.smpp import Smpp
from core.providers.smsmode import Smsmode
from core.providers.twilio import Twilio
from core.providers.whatsapp_cloud import WhatsAppCloud
from tests.fakes import rcs as fake_rcs
from tests.fakes import sinch as fake_sinch
from tests.fakes import smsmode_voice as fake_smsmode_voice
from tests.fakes import twilio as fake_twilio
from tests.fakes import whatsapp as fake_whatsapp
from tests.fakes.smsc import Act, Smsc, answers, takes
from tests.faults.server import (
    FaultServer,
    Seen,
    Step,
    badjson,
    cut_after,
    cut_before,
    drip,
    empty,
    garbage,
    hang,
    hang_before,
    ok,
    oversize,
    status,
    truncate,
)

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
CANARY = "canary-5e7c1f"
REFUSED_NUMBER = "+33639980003"
"""A number that every `Entry` refuses for good: the simulator by its magic, others by what their fake answers."""
QUICK = 0.4
RECEIPTS = f"https://relance.example/providers/acc_1/receipts/{CANARY}-path"
REPLIES = f"https://relance.example/providers/acc_1/replies/{CANARY}-path"


@dataclass
class Stand:
    """A provider in front of something that answers. `took` are the references that the other side has, in order."""

    provider: Provider
    account: Account
    took: Callable[[], list[str]]
    server: FaultServer | None = None
    channel: Channel = Channel.SMS


@dataclass(frozen=True)
class Wire:
    """The other side of a provider that speaks HTTP.

    `answers` is what a good request to send is answered, as JSON; `takes` answers it so, refusing `REFUSED_NUMBER`;
    `references` are those that a request bears; `finds` answers a look-up as if the other side had exactly those.
    """

    vendor: str
    is_sending: Callable[[Seen], bool]
    answers: Callable[[Seen], Any]
    takes: Callable[[Seen], Step]
    references: Callable[[Seen], list[str]]
    finds: Callable[[Sequence[str]], Step]


@dataclass(frozen=True)
class Entry:
    """`callbacks`: good bodies of what the provider posts to us; `proof`: the headers that come with such a body.
    `good_config`: what a person would give. In `config`, "{server}" is the address of the other side. `channel`: by
    which messages are sent here; where it matters, the person wrote to us a moment ago. `proves_absence`: what it does
    not list surely never was."""

    name: str
    make: Callable[[ProviderTools], Provider]
    wire: Wire | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    good_config: Mapping[str, Any] = field(default_factory=dict)
    bad_configs: Sequence[Mapping[str, Any]] = ()
    callbacks: Sequence[bytes] = ()
    proof: Callable[[bytes], tuple[tuple[str, str], ...]] = lambda body: (("Content-Type", "application/json"),)
    channel: Channel = Channel.SMS
    proves_absence: bool = True
    vendors: Sequence[str] = ()
    """What else of the vendor's is asked at the same address."""

    def account(self, server: str = "http://127.0.0.1:9") -> Account:
        config = json.loads(json.dumps(dict(self.config)).replace("{server}", server))
        return Account("acc_1", "ws_1", self.name.partition(" ")[0], config, self.secrets, RECEIPTS, REPLIES)

    def inbound(self, body: bytes) -> Inbound:
        """`body` as it would come to us, with all that proves it."""
        return Inbound("POST", RECEIPTS, self.proof(body), body, NOW)

    @property
    def reaches_phones(self) -> bool:
        return self.wire is not None

    @contextmanager
    def open(self, server: FaultServer | None = None, *, at: str = "") -> Iterator[Stand]:
        """A stand for one test; in front of `server` instead of one that behaves well, `at` another address of it."""
        if self.wire is None:
            provider = self.make(ProviderTools(urls={}))
            if isinstance(provider, Memory):
                provider.script(REFUSED_NUMBER, *[Refused(Reason("simulator_refused"))] * 20)
            yield Stand(provider, self.account(), list)
            return
        with nullcontext(server) if server else FaultServer(otherwise=self.wire.takes) as other:
            url = at or other.url
            urls = dict.fromkeys((self.wire.vendor, *self.vendors), url)
            provider = self.make(ProviderTools(urls=urls, timeout=QUICK, connections=8,
                                               reach=lambda host, port: [host]))
            yield Stand(provider, self.account(url), lambda: _took(self.wire, other), other, self.channel)


@dataclass(frozen=True)
class Linked(Entry):
    """A provider that keeps a connection, in front of a centre that behaves well."""

    @property
    def reaches_phones(self) -> bool:
        return True

    @contextmanager
    def open(self, server: FaultServer | None = None, *, at: str = "") -> Iterator[Stand]:
        with Smsc(otherwise=_smsc_takes) as smsc:
            provider = self.make(ProviderTools(urls={}))
            account = replace(self.account(), config={**self.config, "port": smsc.port})
            try:
                yield Stand(provider, account, lambda: [_smpp_reference(part.message) for part in smsc.ledger])
            finally:
                provider.close()  # type: ignore[attr-defined]


def _smsc_takes(submitted: ShortMessage) -> Act:
    refused = submitted.destination.text.decode() == REFUSED_NUMBER.removeprefix("+")
    return answers(0x0B) if refused else takes()


def _smpp_reference(submitted: ShortMessage) -> str:
    """Nothing of ours travels with a submit: the number says which of a batch it is."""
    return f"msg_{int(submitted.destination.text[-2:]):020d}"


def _took(wire: Wire | None, server: FaultServer) -> list[str]:
    sent = [seen for seen in server.ledger if wire and wire.is_sending(seen)]
    return [reference for seen in sent if wire for reference in wire.references(seen)]


# ---------------------------------------------------------------------------------------- smsmode

def _smsmode_sent(seen: Seen) -> list[dict[str, Any]]:
    return seen.json if isinstance(seen.json, list) else [seen.json]


def _smsmode_answers(seen: Seen) -> Any:
    answers = [{"messageId": f"sm-{one['refClient']}", "refClient": one["refClient"], "status": {"value": "ENROUTE"},
                "price": {"amount": "0.05", "currency": "EUR"}} for one in _smsmode_sent(seen)]
    return [{"message": one} for one in answers] if isinstance(seen.json, list) else answers[0]


def _smsmode_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return _smsmode_finds([])
    if any(one["recipient"]["to"] == REFUSED_NUMBER.removeprefix("+") for one in _smsmode_sent(seen)):
        return status(400, {"errorCode": "400.029", "message": "Bad Request", "detail": f"not E.164, key {CANARY}-key"})
    return ok(_smsmode_answers(seen), 201)


def _smsmode_finds(references: Sequence[str]) -> Step:
    items = [{"messageId": f"sm-{one}", "refClient": one, "direction": "MT", "status": {"value": "DELIVERED"}}
             for one in references]
    return ok({"page": 1, "pageSize": 100, "count": len(items), "totalCount": len(items), "items": items})


SMSMODE_WIRE = Wire("smsmode", lambda seen: seen.method == "POST", _smsmode_answers, _smsmode_takes,
                    lambda seen: [one["refClient"] for one in _smsmode_sent(seen)], _smsmode_finds)
_REPORT = {
    "messageId": "00000000-0000-4000-8000-00000000aa02", "sentDate": "2026-12-01T08:00:00", "direction": "MT",
    "channel": {"channelId": "ch-1", "name": "m", "type": "SMS", "flow": "TRANSACTIONAL"}, "type": "SMS",
    "recipient": {"to": "33639980001"}, "from": "CABINET", "price": {"amount": 0.05, "currency": "EUR"},
    "status": {"deliveryDate": "2026-12-01T08:00:10", "value": "DELIVERED"}, "refClient": "msg_1"}
_ANSWER = {
    "messageId": "00000000-0000-4000-8000-00000000aa03", "originMessageId": "00000000-0000-4000-8000-00000000aa02",
    "sentDate": "2026-12-01T08:30:00", "channel": {"channelId": "ch-1", "type": "SMS"}, "type": "SMS",
    "direction": "MO", "from": "33639980001", "recipient": {"to": "36034"}, "body": {"text": "OUI"}}
_SMSMODE: dict[str, Any] = {
    "make": Smsmode, "wire": SMSMODE_WIRE, "secrets": {"api_key": f"{CANARY}-key"},
    "good_config": {"api_key": f"{CANARY}-key", "sender": "CABINET", "channel_id": "ch-1", "batch": True, "rate": 10},
    "bad_configs": ({}, {"api_key": ""}, {"api_key": 3}, {"api_key": "k\r\nHost: x"}, {"api_key": "k", "rate": 0},
                    {"api_key": "k", "rate": True}, {"api_key": "k", "batch": "yes"}, {"api_key": "k", "sender": "é"},
                    {"api_key": "k", "a/b": 1}),
    "callbacks": tuple(json.dumps(one).encode() for one in (
        _REPORT, _ANSWER, {**_REPORT, "status": {"value": "UNDELIVERABLE", "detail": "INSUFFICIENT_CREDIT"}}))}


# ---------------------------------------------------------------------------------------- Twilio

def _form(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(seen.body.decode(), keep_blank_values=True))


def _twilio_reference(seen: Seen) -> str:
    return _form(seen)["StatusCallback"].partition("?reference=")[2]


def _twilio_answers(seen: Seen) -> Any:
    return fake_twilio.resource(_form(seen), NOW, f"SM{_twilio_reference(seen)}")


def _twilio_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return _twilio_finds([])
    if _form(seen)["To"] == REFUSED_NUMBER:
        return fake_twilio.error(400, 21211, f"Invalid 'To' Phone Number, token {CANARY}-key")
    return ok(_twilio_answers(seen), 201)


def _twilio_finds(references: Sequence[str]) -> Step:
    """It keeps no references: other messages are known by their other words."""
    items = [fake_twilio.resource({"To": message().to, "Body": message().text if one == message().reference else one},
                                  NOW, f"SM{one}") for one in references]
    return ok({"messages": items, "next_page_uri": None}, headers={"Date": format_datetime(NOW, usegmt=True)})


def _twilio_proof(body: bytes) -> tuple[tuple[str, str], ...]:
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True))
    except ValueError:
        fields = {}
    return (("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", fake_twilio.signature(RECEIPTS, fields, f"{CANARY}-key")))


_SID = "SM" + "0" * 31 + "1"
_TWILIO_REPORT = {"MessageSid": _SID, "SmsSid": _SID, "MessageStatus": "delivered", "SmsStatus": "delivered",
                  "AccountSid": fake_twilio.ACCOUNT, "From": "+33700000001", "To": "+33639980001",
                  "ApiVersion": "2010-04-01"}
_TWILIO_ANSWER = {"MessageSid": _SID, "SmsSid": _SID, "SmsMessageSid": _SID, "AccountSid": fake_twilio.ACCOUNT,
                  "From": "+33639980001", "To": "+33700000001", "Body": "Oui, à 8h ☺", "NumMedia": "0",
                  "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01"}
_TWILIO: dict[str, Any] = {
    "make": Twilio,
    "wire": Wire("twilio", lambda seen: seen.method == "POST", _twilio_answers, _twilio_takes,
                 lambda seen: [_twilio_reference(seen)], _twilio_finds),
    "config": {"account_sid": fake_twilio.ACCOUNT, "sender": "+33700000001"},
    "secrets": {"auth_token": f"{CANARY}-key"},
    "good_config": {"account_sid": fake_twilio.ACCOUNT, "auth_token": f"{CANARY}-key", "sender": "+33700000001",
                    "api_key": "SK" + "a" * 32, "api_secret": f"{CANARY}-secret", "stop_mention": "STOP 36123"},
    "bad_configs": ({}, {"account_sid": fake_twilio.ACCOUNT}, {"auth_token": "t"},
                    *({"account_sid": fake_twilio.ACCOUNT, "auth_token": "t"} | bad for bad in (
                        {"account_sid": "AC1"}, {"auth_token": "a b\r\nHost: x"}, {"api_key": "SK" + "a" * 32},
                        {"api_secret": "s"}, {"messaging_service_sid": fake_twilio.ACCOUNT}, {"sender": 3}, {"a/b": 1},
                        {"stop_mention": "STOP\n36123"}))),
    "callbacks": tuple(urlencode(one).encode() for one in (
        _TWILIO_REPORT, {**_TWILIO_REPORT, "MessageStatus": "undelivered", "ErrorCode": "30005"}, _TWILIO_ANSWER)),
    "proof": _twilio_proof}

# ---------------------------------------------------------------------------------------- Twilio's calls

def _calls_answers(seen: Seen) -> Any:
    return fake_twilio.call(_form(seen), NOW, f"CA{_twilio_reference(seen)}")


def _calls_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return _twilio_finds([]) if "/Messages" in seen.path else _calls_finds([])
    if _form(seen)["To"] == REFUSED_NUMBER:
        return fake_twilio.error(400, 21211, f"Invalid 'To' Phone Number, token {CANARY}-key")
    return ok(_calls_answers(seen), 201)


def _calls_finds(references: Sequence[str]) -> Step:
    """It keeps neither references nor words: other calls are known by their other numbers."""
    items = [fake_twilio.call({"To": message().to if one == message().reference else "+33639981099"}, NOW, f"CA{one}")
             for one in references]
    return ok({"calls": items, "next_page_uri": None}, headers={"Date": format_datetime(NOW, usegmt=True)})


_CALL = {"CallSid": "CA" + "0" * 31 + "1", "AccountSid": fake_twilio.ACCOUNT, "From": "+33162000001",
         "To": "+33639980001", "CallStatus": "completed", "Direction": "outbound-api", "ApiVersion": "2010-04-01"}
_TWILIO_VOICE: dict[str, Any] = {
    **_TWILIO, "channel": Channel.VOICE,
    "wire": Wire("twilio", lambda seen: seen.method == "POST", _calls_answers, _calls_takes,
                 lambda seen: [_twilio_reference(seen)], _calls_finds),
    "config": {"account_sid": fake_twilio.ACCOUNT, "voice_sender": "+33162000001"},
    "good_config": {"account_sid": fake_twilio.ACCOUNT, "auth_token": f"{CANARY}-key", "voice_sender": "+33162000001",
                    "voice": "Polly.Lea"},
    "bad_configs": ({}, *({"account_sid": fake_twilio.ACCOUNT, "auth_token": "t"} | bad for bad in (
        {"voice_sender": "CABINET"}, {"voice_sender": "0162000001"}, {"voice_sender": 33162000001},
        {"voice": "a\"b\r\n"}))),
    "callbacks": tuple(urlencode(one).encode() for one in (
        _CALL, {**_CALL, "CallStatus": "busy"}, {**_CALL, "CallStatus": "newword"}))}

# ---------------------------------------------------------------------------------------- smsmode's calls

def _voice_reference(seen: Seen) -> str:
    return fake_smsmode_voice.form(seen)["title"]


def _voice_answers(seen: Seen) -> bytes:
    return f"0 | Accepted | vm-{_voice_reference(seen)}".encode()


def _voice_takes(seen: Seen) -> Step:
    if not seen.path.endswith("sendVoiceMessage.do"):
        return ok(b"212.5") if seen.method == "POST" else _smsmode_finds([])
    if fake_smsmode_voice.form(seen)["numero"] == REFUSED_NUMBER.removeprefix("+"):
        return ok(f"35 | bad parameter, token {CANARY}-voice".encode())
    return ok(_voice_answers(seen))


def _voice_finds(references: Sequence[str]) -> Step:
    lines = [f"vm-{one} | 2026-12-01 10:00:00 | {message().text if one == message().reference else one} | "
             f"{message().to.removeprefix('+')} | 1 | 1" for one in references]
    return ok("\n".join(lines).encode("iso-8859-15"))


_SMSMODE_VOICE: dict[str, Any] = {
    **_SMSMODE, "channel": Channel.VOICE, "proves_absence": False, "callbacks": (),
    "vendors": ("smsmode",),
    "wire": Wire("smsmode_voice", lambda seen: seen.path.endswith("sendVoiceMessage.do"), _voice_answers, _voice_takes,
                 lambda seen: [_voice_reference(seen)], _voice_finds),
    "secrets": {"api_key": f"{CANARY}-key", "voice_access_token": f"{CANARY}-voice"},
    "good_config": {"api_key": f"{CANARY}-key", "voice_access_token": f"{CANARY}-voice"},
    "bad_configs": ({"voice_access_token": "v"}, {"api_key": "k", "voice_access_token": ""},
                    {"api_key": "k", "voice_access_token": "a b\r\nc"})}

# ---------------------------------------------------------------------------------------- any HTTP gateway

def _gateway_answers(seen: Seen) -> Any:
    return {"status": "OK", "message": {"id": f"gw-{seen.json['ref']}", "ref": seen.json["ref"]}}


def _gateway_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return ok({"credits": 12})
    if seen.json["to"][0] == REFUSED_NUMBER.removeprefix("+"):
        return status(400, {"error": f"not a mobile, token {CANARY}-key"})
    return ok(_gateway_answers(seen), 201)


_GATEWAY_DESCRIPTION: dict[str, Any] = {
    "url": "{server}/v2/sms?account=7", "headers": {"Authorization": "Bearer {secret.token}"},
    "body": {"to": ["{to_digits}"], "from": "{sender}", "text": "{text}", "ref": "{reference}",
             "alphabet": "{encoding}", "flash": False, "dlr": "{receipts_url}", "mo": "{replies_url}"},
    "encodings": {"GSM-7": "gsm", "UCS-2": "unicode"},
    "success": {"statuses": [200, 201], "path": "status", "values": ["OK"], "id": "message.id",
                "reference": "message.ref"},
    "errors": [{"status": 400, "path": "code", "values": [21, "22"], "means": "dead_number"}],
    "receipts": {"reference": "ref", "id": "id", "status": "status", "at": "date",
                 "states": {"DELIVRD": "delivered", "UNDELIV": "failed", "ENROUTE": "sent"}, "dead_number": ["GONE"]},
    "replies": {"from": "mo.from", "to": "mo.to", "text": "mo.text", "id": "mo.id", "answers": "mo.about"},
    "callbacks": {"kind": "hmac", "header": "X-Signature", "prefix": "sha256="}, "check_url": "{server}/v2/account"}


def _gateway_proof(body: bytes) -> tuple[tuple[str, str], ...]:
    signed = hmac.digest(f"{CANARY}-hook".encode(), body, "sha256").hex()
    return ("Content-Type", "application/json"), ("X-Signature", f"sha256={signed}")


_GATEWAY_GOOD = json.loads(json.dumps(_GATEWAY_DESCRIPTION).replace("{server}", "https://gateway.example"))
_GATEWAY: dict[str, Any] = {
    "make": AnyGateway,
    "wire": Wire("gateway", lambda seen: seen.method == "POST", _gateway_answers, _gateway_takes,
                 lambda seen: [seen.json["ref"]], lambda references: ok({})),
    "config": _GATEWAY_DESCRIPTION, "secrets": {"secrets": {"token": f"{CANARY}-key", "callback": f"{CANARY}-hook"}},
    "good_config": _GATEWAY_GOOD | {"secrets": {"token": f"{CANARY}-key", "callback": f"{CANARY}-hook"}},
    "bad_configs": ({}, *(_GATEWAY_GOOD | {"secrets": {"token": "t", "callback": "c"}} | bad for bad in (
        {"url": "ftp://gateway.example"}, {"url": "https://u:p@gateway.example"}, {"url": 7}, {"method": "DELETE"},
        {"body": None}, {"body": "{text}"}, {"body": {"a": "{nobody}"}}, {"body": {"a": "{secret.other}"}},
        {"body": {"a": "{text.__class__}"}}, {"body": {"a": "{"}}, {"body": {"a": "{text!r}"}}, {"a/b": 1},
        {"headers": {"Host": "x"}}, {"headers": {"X-A": "{text}"}}, {"headers": {"X A": "b"}},
        {"headers": {"X": "a\r\n"}},
        {"success": {"values": ["OK"]}}, {"success": {"path": "a..b"}}, {"success": {"statuses": [500]}},
        {"errors": [{"means": "later"}]}, {"errors": [{"status": 400, "means": "so what"}]}, {"errors": {}},
        {"receipts": {"id": "a"}}, {"receipts": {"id": "a", "status": "b", "states": {"OK": "fine"}}},
        {"replies": {"from": "a"}}, {"callbacks": {"kind": "hmac"}}, {"secrets": {"token": "t"}},
        {"secrets": {"A b": "t"}}, {"secrets": [1]}, {"encodings": {"ASCII": "x"}}))),
    "callbacks": tuple(json.dumps(one).encode() for one in (
        {"ref": "msg_1", "id": "gw-1", "status": "DELIVRD", "date": "2026-12-01T08:59:00Z"},
        {"ref": "msg_1", "id": "gw-1", "status": "undeliv"}, {"ref": "msg_1", "status": "NEWWORD"},
        {"mo": {"from": "33639980001", "to": "36123", "text": "OUI", "id": 17, "about": "gw-1"}})),
    "proof": _gateway_proof}

# ---------------------------------------------------------------------------------------- Sinch

def _sinch_answers(seen: Seen) -> Any:
    return fake_sinch.resource(seen.json, NOW, f"01{seen.json['client_reference']}")


def _sinch_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return _sinch_finds([])
    if seen.json["to"][0] == REFUSED_NUMBER.removeprefix("+"):
        return fake_sinch.error(400, "syntax_invalid_parameter_format", f"to is no MSISDN, token {CANARY}-key")
    return ok(_sinch_answers(seen), 201)


def _sinch_finds(references: Sequence[str]) -> Step:
    found = [{"id": f"01{one}", "to": ["33639981001"], "body": "x", "client_reference": one} for one in references]
    return ok({"count": len(found), "page": 0, "page_size": 30, "batches": found})


def _sinch_proof(body: bytes) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", "application/json"), *fake_sinch.signature(body, f"{CANARY}-hook", NOW))


_SINCH_REPORT = {
    "type": "recipient_delivery_report_sms", "batch_id": "01FC66621XXXXX119Z8PMV1QPQ", "recipient": "33639980001",
    "code": 0, "status": "Delivered", "at": "2026-12-01T08:00:10.000Z", "client_reference": "msg_1",
    "operator_status_at": "2026-12-01T08:00:00Z"}
_SINCH_ANSWER = {"type": "mo_text", "id": "01FC66621XXXXX119Z8PMV1QPR", "from": "33639980001", "to": "36123",
                 "body": "OUI", "received_at": "2026-12-01T08:30:00.000Z", "operator_id": "20801"}
_SINCH: dict[str, Any] = {
    "make": Sinch,
    "wire": Wire("sinch", lambda seen: seen.method == "POST", _sinch_answers, _sinch_takes,
                 lambda seen: [seen.json["client_reference"]], _sinch_finds),
    "config": {"service_plan_id": "plan1", "sender": "CABINET"},
    "secrets": {"api_token": f"{CANARY}-key", "callback_secret": f"{CANARY}-hook"},
    "good_config": {"service_plan_id": "plan1", "api_token": f"{CANARY}-key", "region": "eu", "sender": "CABINET",
                    "callback_secret": f"{CANARY}-hook", "reports": "per_recipient_final"},
    "bad_configs": ({}, {"service_plan_id": "p"}, {"api_token": "t"}, *(
        {"service_plan_id": "p", "api_token": "t"} | bad for bad in (
            {"api_token": "a\r\nHost: b"}, {"region": "moon"}, {"reports": "none"}, {"sender": "é"}, {"a/b": 1}))),
    "callbacks": tuple(json.dumps(one).encode() for one in (
        _SINCH_REPORT, _SINCH_ANSWER, {**_SINCH_REPORT, "status": "Aborted", "code": 413})),
    "proof": _sinch_proof}

_SMPP = {"host": "smpp.example.net", "system_id": "acme", "password": "p"}

# ---------------------------------------------------------------------------------------- Google's RCS

class _Tokens(Tokens):
    """One that is good already, so that all that is spoken is about messages."""

    def __init__(self) -> None:
        super().__init__(Http(), "https://oauth2.example/token", SCOPE, "Google RCS")

    def bearer(self, given: object, now: datetime) -> str:
        return "ya29.token"


_RCS_IDS = {rcs_message_id(f"msg_{number:020d}"): f"msg_{number:020d}" for number in range(20)}


def _rcs_id(seen: Seen) -> str:
    return parse_qs(urlsplit(seen.path).query)["messageId"][0]


def _rcs_to(seen: Seen) -> str:
    return unquote(urlsplit(seen.path).path).split("/")[3]


def _rcs_answers(seen: Seen) -> Any:
    return {"name": f"phones/{_rcs_to(seen)}/agentMessages/{_rcs_id(seen)}", "sendTime": "2026-12-01T09:00:00Z"}


def _rcs_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return ok({"features": []})
    if _rcs_to(seen) == REFUSED_NUMBER:
        return fake_rcs.error(404, "NOT_FOUND", f"not reachable, token {CANARY}-key")
    return ok(_rcs_answers(seen))


def _rcs_proof(body: bytes) -> tuple[tuple[str, str], ...]:
    try:
        data = base64.b64decode(json.loads(body)["message"]["data"], validate=True)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        data = b""
    return ("Content-Type", "application/json"), ("X-Goog-Signature", fake_rcs.signature(data, f"{CANARY}-key"))


_RCS_EVENT = {"senderPhoneNumber": "+33639980001", "eventType": "DELIVERED", "eventId": "e1", "messageId": "m1",
              "sendTime": "2026-12-01T08:59:00Z", "agentId": fake_rcs.AGENT}
_RCS_ANSWER = {"senderPhoneNumber": "+33639980001", "messageId": "u1", "sendTime": "2026-12-01T08:59:00Z",
               "agentId": fake_rcs.AGENT}
_RCS_GOOD = {"agent_id": fake_rcs.AGENT, "service_account": fake_rcs.SERVICE_ACCOUNT, "client_token": f"{CANARY}-key"}
_RCS: dict[str, Any] = {
    "make": lambda tools: RcsBusiness(tools, _Tokens()), "channel": Channel.RCS,
    "wire": Wire("rcs", lambda seen: seen.method == "POST" and "/agentMessages" in seen.path, _rcs_answers, _rcs_takes,
                 lambda seen: [_RCS_IDS.get(_rcs_id(seen), "")], lambda references: ok({})),
    "config": {"agent_id": fake_rcs.AGENT},
    "secrets": {"service_account": fake_rcs.SERVICE_ACCOUNT, "client_token": f"{CANARY}-key"},
    "good_config": {**_RCS_GOOD, "region": "europe"},
    "bad_configs": ({}, *(_RCS_GOOD | bad for bad in (
        {"agent_id": ""}, {"agent_id": 3}, {"service_account": {}}, {"service_account": "{"},
        {"service_account": {"client_email": "a@b.example", "private_key": "-----BEGIN"}}, {"client_token": "a\r\nb"},
        {"region": "mars"}, {"a/b": 1}))),
    "callbacks": tuple(map(fake_rcs.envelope, (
        _RCS_EVENT, {**_RCS_EVENT, "eventType": "TTL_EXPIRATION_REVOKED"}, {**_RCS_EVENT, "eventType": "NEWWORD"},
        {**_RCS_ANSWER, "text": "Oui, à 8h ☺"}, {**_RCS_ANSWER, "suggestionResponse": {
            "postbackData": "cmVsYW5jZTpjb25maXJt", "text": "OUI", "type": "REPLY"}},
        {**_RCS_ANSWER, "location": {"latitude": 45.7, "longitude": 4.8}}))),
    "proof": _rcs_proof}


# ---------------------------------------------------------------------------------------- WhatsApp

def _whatsapp_answers(seen: Seen) -> Any:
    to = seen.json["to"]
    return {"messaging_product": "whatsapp", "contacts": [{"input": to, "wa_id": to}],
            "messages": [{"id": f"wamid.{seen.json['biz_opaque_callback_data']}", "message_status": "accepted"}]}


def _whatsapp_takes(seen: Seen) -> Step:
    if seen.method != "POST":
        return ok({"display_phone_number": "+33 9 00 00 00 00", "id": fake_whatsapp.NUMBER_ID})
    if seen.json["to"] == REFUSED_NUMBER.removeprefix("+"):
        return fake_whatsapp.error(400, 131026, f"undeliverable, token {CANARY}-key")
    return ok(_whatsapp_answers(seen))


def _whatsapp_proof(body: bytes) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", "application/json"),
            ("X-Hub-Signature-256", fake_whatsapp.signature(body, f"{CANARY}-secret")))


_WA_STATUS = {"id": "wamid.X", "status": "delivered", "timestamp": "1795341600", "recipient_id": "33639980001",
              "biz_opaque_callback_data": "msg_1", "pricing": {"billable": True, "category": "utility"}}
_WA_MESSAGE = {"from": "33639980001", "id": "wamid.Y", "timestamp": "1795341600", "context": {"id": "wamid.X"}}
_WHATSAPP_GOOD = {"phone_number_id": fake_whatsapp.NUMBER_ID, "access_token": f"{CANARY}-key",
                  "app_secret": f"{CANARY}-secret", "verify_token": f"{CANARY}-word"}
_WHATSAPP: dict[str, Any] = {
    "make": WhatsAppCloud, "channel": Channel.WHATSAPP,
    "wire": Wire("whatsapp", lambda seen: seen.method == "POST", _whatsapp_answers, _whatsapp_takes,
                 lambda seen: [seen.json["biz_opaque_callback_data"]], lambda references: ok({})),
    "config": {"phone_number_id": fake_whatsapp.NUMBER_ID, "waba_id": fake_whatsapp.WABA_ID},
    "secrets": {"access_token": f"{CANARY}-key", "app_secret": f"{CANARY}-secret", "verify_token": f"{CANARY}-word"},
    "good_config": {**_WHATSAPP_GOOD, "graph_version": "v25.0", "waba_id": fake_whatsapp.WABA_ID},
    "bad_configs": ({}, *(_WHATSAPP_GOOD | bad for bad in (
        {"phone_number_id": "+33900000000"}, {"phone_number_id": 106540352242922}, {"access_token": "a\r\nHost: x"},
        {"app_secret": ""}, {"verify_token": None}, {"graph_version": "26"}, {"waba_id": "mine"}, {"a/b": 1}))),
    "callbacks": (
        fake_whatsapp.envelope(statuses=[_WA_STATUS]),
        fake_whatsapp.envelope(statuses=[{**_WA_STATUS, "status": "failed", "errors": [
            {"code": 131026, "title": "t", "message": "m", "error_data": {"details": "d"}}]}]),
        fake_whatsapp.envelope(messages=[{**_WA_MESSAGE, "type": "text", "text": {"body": "Oui, à 8h ☺"}}]),
        fake_whatsapp.envelope(messages=[{**_WA_MESSAGE, "type": "interactive", "interactive": {
            "type": "button_reply", "button_reply": {"id": "relance:confirm:msg_1", "title": "OUI"}}}]),
        fake_whatsapp.envelope(messages=[{**_WA_MESSAGE, "type": "button", "button": {"payload": "a", "text": "b"}}]),
        fake_whatsapp.envelope("user_preferences", user_preferences=[
            {"wa_id": "33639980001", "category": "marketing_messages", "value": "stop", "timestamp": 1795341600}]),
        *(fake_whatsapp.news(field, NOW, message_template_name="rdv_rappel", message_template_language="fr", **said)
          for field, said in (
              ("message_template_status_update", {"event": "PAUSED", "other_info": {"description": "for 3 hours"}}),
              ("message_template_quality_update", {"new_quality_score": "RED"}),
              ("template_category_update", {"new_category": "MARKETING", "category_update_timestamp": 1795341600})))),
    "proof": _whatsapp_proof}

ENTRIES = [
    Entry("memory", Memory),
    Entry("simulator", Simulator),
    Entry("smsmode", **_SMSMODE),
    Entry("smsmode in batches", **{**_SMSMODE, "config": {"batch": True, "channel_id": "ch-1"}}),
    Entry("smsmode by RCS", **{**_SMSMODE, "channel": Channel.RCS, "config": {
        "rcs": True, "channel_id": "ch-1", "rcs_channel_id": "ch-2"}}),
    Entry("smsmode by voice", **_SMSMODE_VOICE),
    Entry("rcs_business", **_RCS),
    Entry("whatsapp_cloud", **_WHATSAPP),
    Entry("http", **_GATEWAY),
    Linked("smpp", Smpp, config={"host": "127.0.0.1", "system_id": "acme"}, secrets={"password": f"{CANARY}-key"},
           good_config={"host": "smpp.example.net", "port": 2776, "tls": True, "system_id": "acme",
                        "password": f"{CANARY}-key", "bind": "pair", "ids": "hex_answer", "window": 20},
           bad_configs=({}, {**_SMPP, "password": ""}, {**_SMPP, "host": "http://x"}, {**_SMPP, "host": "a b"},
                        {**_SMPP, "port": 0}, {**_SMPP, "port": "2775"}, {**_SMPP, "window": True},
                        {**_SMPP, "long": "cut"}, {**_SMPP, "bind": ["pair"]}, {**_SMPP, "tls": "yes"},
                        {**_SMPP, "system_id": "a\0"}, {**_SMPP, "country": "fr"}, {**_SMPP, "a/b": 1})),
    Entry("sinch", **_SINCH),
    Entry("sinch unsigned", **{**_SINCH, "secrets": {"api_token": f"{CANARY}-key"}}),
    Entry("twilio", **_TWILIO),
    Entry("twilio by voice", **_TWILIO_VOICE),
    Entry("twilio with a service", **{**_TWILIO, "config": {
        "account_sid": fake_twilio.ACCOUNT, "messaging_service_sid": "MG" + "0" * 32}}),
]
SPEAKING = [entry for entry in ENTRIES if entry.wire]
CALLED_BACK = [entry for entry in ENTRIES if entry.callbacks]


def by_name(entry: Entry) -> str:
    return entry.name


every_provider = pytest.mark.parametrize("entry", ENTRIES, ids=by_name)
every_speaker = pytest.mark.parametrize("entry", SPEAKING, ids=by_name)
every_listener = pytest.mark.parametrize("entry", CALLED_BACK, ids=by_name)


def message(number: int = 1, to: str = "+33639981001", **changes: Any) -> Outgoing:
    return replace(Outgoing(f"msg_{number:020d}", to, f"RDV confirmé {CANARY}-text", Channel.SMS,
                            MessageClass.TRANSACTIONAL, "GSM-7", "CABINET", "FR"), **changes)


def send(stand: Stand, *messages: Outgoing, begun: Callable[[str], None] = lambda reference: None) -> list[Outcome]:
    fitting = [replace(one, channel=stand.channel, within_window=True) for one in messages]
    return stand.provider.send(stand.account, fitting, NOW, begun)


# what it is

def test_every_registered_provider_is_held_to_this() -> None:
    registered = {point.name for point in entry_points(group="relance.providers")}

    assert registered <= {entry.name.partition(" ")[0] for entry in ENTRIES}, "add an Entry for it"


@every_provider
def test_it_says_what_it_is(entry: Entry) -> None:
    with entry.open() as stand:
        provider = stand.provider
        assert provider.slug == stand.account.provider
        assert provider.name
        assert provider.channels
        assert all(isinstance(channel, Channel) for channel in provider.channels)
        assert 1 <= provider.batch_size <= 1000
        assert all(url.startswith("https://") for url in provider.vendors.values())
        assert provider.for_tests != entry.reaches_phones, "only what reaches no phone is for tests"


@every_provider
def test_what_a_person_gives_is_sorted_into_shown_and_secret(entry: Entry) -> None:
    with entry.open() as stand:
        configured = stand.provider.configured(entry.good_config)

    assert CANARY not in json.dumps(dict(configured.config))
    if CANARY in json.dumps(dict(entry.good_config)):
        assert CANARY in json.dumps(dict(configured.secrets))


@every_provider
def test_what_cannot_be_used_is_refused_with_a_pointer_to_it(entry: Entry) -> None:
    with entry.open() as stand:
        for wrong in entry.bad_configs:
            with pytest.raises(BadInput) as refused:
                stand.provider.configured(wrong)
            assert refused.value.pointer.startswith("/"), wrong
            assert refused.value.reason.code in SENTENCES


# sending

@every_provider
def test_one_message_is_accepted(entry: Entry) -> None:
    with entry.open() as stand:
        [outcome] = send(stand, message())

    assert isinstance(outcome, Accepted)
    assert outcome.reference


@every_provider
def test_nothing_to_send_is_no_trouble(entry: Entry) -> None:
    with entry.open() as stand:
        assert send(stand) == []
        assert stand.took() == []


@every_provider
def test_a_batch_is_answered_in_its_order_and_one_bad_message_harms_no_other(entry: Entry) -> None:
    batch = [message(number, REFUSED_NUMBER if number in (3, 7) else f"+336399810{number:02d}") for number in range(12)]
    with entry.open() as stand:
        outcomes = send(stand, *batch)
        took = Counter(stand.took())

    assert [type(outcome) for outcome in outcomes] == [
        Refused if number in (3, 7) else Accepted for number in range(12)]
    references = [outcome.reference for outcome in outcomes if isinstance(outcome, Accepted)]
    assert len(set(references)) == 10
    assert all(took[one.reference] <= 2 for one in batch)


@every_provider
def test_a_channel_that_it_does_not_have_is_refused(entry: Entry) -> None:
    with entry.open() as stand:
        strange = [channel for channel in Channel if channel not in stand.provider.channels]
        begun: list[str] = []
        for channel in strange:
            [outcome] = stand.provider.send(stand.account, [message(channel=channel)], NOW, begun.append)
            assert isinstance(outcome, Refused)
        assert stand.took() == begun == []


@every_provider
def test_a_text_that_no_bytes_stand_for_harms_nobody(entry: Entry) -> None:
    with entry.open() as stand:
        outcomes = send(stand, message(1), message(2, text="\ud800"), message(3))

    assert isinstance(outcomes[0], Accepted)
    assert isinstance(outcomes[2], Accepted)


@every_provider
def test_it_says_when_a_message_begins_to_leave(entry: Entry) -> None:
    with entry.open() as stand:
        before: dict[str, list[str]] = {}
        batch = [message(number, f"+336399810{number:02d}") for number in range(4)]

        def begun(reference: str) -> None:
            before.setdefault(reference, stand.took())

        send(stand, *batch, begun=begun)

    assert set(before) == {one.reference for one in batch}
    assert all(reference not in took for reference, took in before.items()), "said before its first byte"


class Fenced(Exception):
    pass


@every_provider
def test_what_is_taken_back_at_the_last_moment_does_not_leave(entry: Entry) -> None:
    def begun(reference: str) -> None:
        raise Fenced

    with entry.open() as stand:
        outcomes = send(stand, message(1), message(2), begun=begun)
        assert stand.took() == []
        for one in (message(1), message(2)):
            if stand.server is None and stand.provider.can_look_up:
                with pytest.raises(Gone):
                    stand.provider.look_up(stand.account, one.reference, NOW + timedelta(hours=1), asked=NOW)

    assert all(isinstance(outcome, TryLater) for outcome in outcomes)


@every_provider
def test_the_same_reference_twice_is_one_message_where_it_promises_so(entry: Entry) -> None:
    with entry.open() as stand:
        first, second = send(stand, message()), send(stand, message())
        if stand.provider.idempotent:
            assert first == second


# the line breaks

NOT_TAKEN, PERHAPS = (TryLater,), (Uncertain,)
FAULTS: list[tuple[str, Step, tuple[type, ...]]] = [
    ("cut before it was read", cut_before(), PERHAPS),
    ("hangs before it was read", hang_before(), PERHAPS),
    ("cut after it was read", cut_after(), PERHAPS),
    ("hangs", hang(), PERHAPS),
    ("truncated", truncate(), PERHAPS),
    ("half a JSON document", badjson(), PERHAPS),
    ("empty", empty(), PERHAPS),
    ("an answer about nothing", ok({}), PERHAPS),
    ("an answer of another kind", ok([1, "a", None]), PERHAPS),
    ("an answer about another message", ok({"messageId": "x", "refClient": "msg_other"}), PERHAPS),
    ("garbage", garbage(), PERHAPS),
    ("without end", oversize(3_000_000), PERHAPS),
    ("a byte now and then", drip(), PERHAPS),
    ("500", status(500), PERHAPS),
    ("502", status(502, b"<html>"), PERHAPS),
    ("504", status(504), PERHAPS),
    ("503", status(503, headers={"Retry-After": "7"}), NOT_TAKEN),
    ("429", status(429, headers={"Retry-After": "7"}), NOT_TAKEN),
    ("400", status(400, b"<html>"), (Refused,)),
    ("404", status(404), (Refused,)),
    ("422", status(422), (Refused,)),
    ("401", status(401), (AccountTrouble,)),
    ("403", status(403), (AccountTrouble,)),
    ("302", status(302, headers={"Location": "/elsewhere"}), (Refused,)),
]


@pytest.mark.parametrize(("fault", "step", "expected"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
@every_speaker
def test_a_broken_line_is_called_what_it_is(entry: Entry, fault: str, step: Step, expected: tuple[type, ...]) -> None:
    with entry.open() as stand:
        assert stand.server
        stand.server.then(step)
        began = time.monotonic()
        [outcome] = send(stand, message())
        took, spoken, read = time.monotonic() - began, stand.server.connections, len(stand.server.ledger)

    assert isinstance(outcome, expected)
    assert (spoken, read <= 1) == (1, True), "it is never tried again behind our back, and nothing is followed"
    assert took < QUICK + 3, "the time-out is for all of it"
    assert reason_of(outcome).code in SENTENCES
    if isinstance(outcome, TryLater):
        assert outcome.after == timedelta(seconds=7)


@every_speaker
def test_a_line_that_could_not_be_opened_said_nothing(entry: Entry) -> None:
    begun: list[str] = []
    with entry.open() as stand:
        assert stand.server
        stand.server.refuse()
        outcomes = send(stand, message(1), message(2), begun=begun.append)

    assert all(isinstance(outcome, TryLater) for outcome in outcomes)
    assert begun == [], "only what is written begins"


@pytest.mark.parametrize("address", ["http://nowhere.invalid", "https://127.0.0.1:{port}"], ids=["no name", "no TLS"])
@every_speaker
def test_without_a_name_or_tls_nothing_was_said(entry: Entry, address: str) -> None:
    """What listens there speaks no TLS."""
    with FaultServer(otherwise=ok({})) as server:
        begun: list[str] = []
        with entry.open(server, at=address.format(port=server.port)) as stand:
            outcomes = send(stand, message(1), message(2), begun=begun.append)

        assert all(isinstance(outcome, TryLater) for outcome in outcomes)
        assert begun == [], "only what is written begins"
        assert server.ledger == []


@every_speaker
def test_a_broken_line_in_a_batch_is_answered_for_each(entry: Entry) -> None:
    batch = [message(number, f"+336399810{number:02d}") for number in range(6)]
    with entry.open() as stand:
        assert stand.server
        stand.server.then(cut_after())
        outcomes = send(stand, *batch)

    assert len(outcomes) == 6
    assert any(isinstance(outcome, Uncertain) for outcome in outcomes)
    assert all(isinstance(outcome, Uncertain | Accepted) for outcome in outcomes)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["", "\x00", "33639980001", "9" * 400, "1e999999", "sNaN", "0001-01-01T00:00:00+14:00",
                       "9999-12-31T23:59:59-14:00", "MO", "MT", "UNDELIVERABLE", "BLACKLISTED"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8)


def changed(value: Any, path: Sequence[int], by: Any) -> Any:
    """`value` with the part that `path` leads to replaced by `by`."""
    if not path or not isinstance(value, dict | list) or not value:
        return by
    if isinstance(value, list):
        at = path[0] % len(value)
        return [*value[:at], changed(value[at], path[1:], by), *value[at + 1:]]
    key = sorted(value)[path[0] % len(value)]
    return {**value, key: changed(value[key], path[1:], by)}


paths = st.lists(st.integers(0, 20), min_size=1, max_size=5)


@pytest.mark.parametrize("number", [1, 3])
@every_speaker
def test_whatever_a_good_answer_holds_it_is_accepted_or_uncertain(entry: Entry, number: int) -> None:
    batch = [message(one, f"+336399810{one:02d}") for one in range(number)]
    wire = entry.wire
    assert wire
    twist: list[Any] = [[], None]
    with (FaultServer(otherwise=lambda seen: ok(changed(wire.answers(seen), *twist), 201)) as server,
          entry.open(server) as stand):

        @settings(max_examples=60)
        @given(path=paths, by=json_values)
        def answered(path: list[int], by: Any) -> None:
            twist[:] = path, by
            outcomes = send(stand, *batch)
            assert len(outcomes) == number
            for outcome in outcomes:
                assert isinstance(outcome, Accepted | Uncertain)
                if isinstance(outcome, Accepted):
                    assert outcome.reference
                    assert "\x00" not in outcome.reference
                    assert outcome.price_micros is None or outcome.price_micros >= 0

        answered()


# looking up

def look_up(stand: Stand, after: timedelta) -> Receipt | None:
    if isinstance(stand.provider, Seeks):
        sought = message(channel=stand.channel)
        return stand.provider.seek(stand.account, sought, NOW + after, asked=NOW)
    return stand.provider.look_up(stand.account, message().reference, NOW + after, asked=NOW)


def asked(stand: Stand) -> Receipt | NotNow | NeedsReconnect | None:
    try:
        return look_up(stand, timedelta(hours=1))
    except (NotNow, NeedsReconnect) as error:
        return error


@every_provider
def test_what_it_has_is_found(entry: Entry) -> None:
    with entry.open() as stand:
        if not stand.provider.can_look_up:
            assert look_up(stand, timedelta(hours=1)) is None
            return
        send(stand, message())
        if stand.server and entry.wire:
            stand.server.then(entry.wire.finds([message().reference]))
        found = look_up(stand, timedelta(seconds=1))

    assert found is not None
    assert found.state in (State.SENT, State.DELIVERED)
    assert found.reference == message().reference
    assert found.provider_reference


@every_provider
def test_what_it_never_had_is_gone(entry: Entry) -> None:
    with entry.open() as stand:
        if stand.provider.can_look_up and entry.proves_absence:
            with pytest.raises(Gone):
                look_up(stand, timedelta(hours=1))
        elif stand.provider.can_look_up:
            assert look_up(stand, timedelta(hours=1)) is None


@every_speaker
def test_what_is_similar_is_not_it(entry: Entry) -> None:
    with entry.open() as stand:
        assert stand.server
        assert entry.wire
        if not stand.provider.can_look_up:
            return
        stand.server.then(entry.wire.finds([message().reference + "0", message().reference[:-1], "other"]))
        if not entry.proves_absence:
            assert look_up(stand, timedelta(hours=1)) is None
            return
        with pytest.raises(Gone):
            look_up(stand, timedelta(hours=1))


@pytest.mark.parametrize(("fault", "step"), [(fault, step) for fault, step, _ in FAULTS],
                         ids=[fault for fault, _, _ in FAULTS])
@every_speaker
def test_a_look_up_that_fails_never_says_gone(entry: Entry, fault: str, step: Step) -> None:
    with entry.open() as stand:
        assert stand.server
        stand.server.then(step)
        answer = asked(stand)

    if isinstance(answer, NotNow):
        assert answer.after > timedelta(0)
        assert answer.reason.code in SENTENCES
    elif isinstance(answer, NeedsReconnect):
        assert fault in ("401", "403")
        assert answer.reason.code in SENTENCES
    else:
        assert answer is None


@every_speaker
def test_the_doctor_is_told_what_is_wrong(entry: Entry) -> None:
    with entry.open() as stand:
        assert stand.server
        assert stand.provider.check(stand.account, NOW) is None
        for step in (status(401), status(403), status(500), status(503), cut_after()):
            stand.server.then(step)
            found = stand.provider.check(stand.account, NOW)
            assert found
            assert found.code in SENTENCES
        assert stand.took() == [], "nothing is sent"


# called back

def heard(stand: Stand, request: Inbound) -> tuple[Receipt | PhoneReply | News, ...]:
    stand.provider.verify(request, stand.account)
    return stand.provider.read(request, stand.account)


@every_listener
def test_a_callback_reads_the_same_each_time(entry: Entry) -> None:
    with entry.open() as stand:
        for body in entry.callbacks:
            said = heard(stand, entry.inbound(body))
            assert said
            assert said == heard(stand, Inbound.read(entry.inbound(body).written()))
        assert stand.server
        assert stand.server.ledger == [], "reading opens no socket"


@every_listener
def test_a_callback_with_more_in_it_than_we_know_reads_the_same(entry: Entry) -> None:
    with entry.open() as stand:
        for body in entry.callbacks:
            try:
                more = json.dumps(json.loads(body) | {"newField": {"a": [1, None]}}).encode()
            except ValueError:
                more = body + b"&newField=1&NewField=2"
            assert heard(stand, entry.inbound(more)) == heard(stand, entry.inbound(body))


HOSTILE: tuple[bytes, ...] = (
    b"", b"{", b"null", b"[]", b"1e999", b"NaN", b'{"a":NaN}', b"\xff\xfe", b'"\\ud800"', b"{}" * 3, b"[" * 100_000,
    b'{"a":' * 50_000, b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", b" " * 1_000_001, b"a=b&c=d", b"<xml/>",
    b"\x1f\x8b\x08", b'{"messageId":"\\u0000"}', b'{"direction":{}}', b'{"status":[]}', b'{"status":{"value":1}}')


@pytest.mark.parametrize("body", HOSTILE, ids=[f"hostile {number}" for number in range(len(HOSTILE))])
@every_listener
def test_a_hostile_body_is_unreadable_or_not_authentic(entry: Entry, body: bytes) -> None:
    with entry.open() as stand, pytest.raises((Unreadable, NotAuthentic)):
        heard(stand, entry.inbound(body))


@every_listener
def test_what_only_asks_whether_the_address_is_ours_is_told_from_what_says_something(entry: Entry) -> None:
    with entry.open() as stand:
        for body in (*entry.callbacks, *HOSTILE):
            assert stand.provider.handshake(entry.inbound(body), stand.account) is None
        for method, query in (("GET", ""), ("GET", "?hub.mode=subscribe&hub.challenge=1"), ("POST", "?a=%00&a=b")):
            greeting = replace(entry.inbound(b"{}"), method=method, url=RECEIPTS + query)
            reply = stand.provider.handshake(greeting, stand.account)
            assert reply is None or reply.status >= 400, "nothing is confirmed to whoever proves nothing"


def twisted(body: bytes, path: Sequence[int], by: Any) -> bytes:
    """A body, JSON or form, with one part of it replaced."""
    try:
        return json.dumps(changed(json.loads(body), path, by)).encode("utf-8", "surrogatepass")
    except ValueError:
        found = changed(dict(parse_qsl(body.decode(), keep_blank_values=True)), path[:1], str(by))
        return urlencode(found if isinstance(found, dict) else {"": by}, errors="surrogatepass").encode()


@settings(max_examples=150)
@given(data=st.data())
@every_listener
def test_whatever_a_body_holds_it_is_read_or_unreadable(entry: Entry, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(entry.callbacks))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=3))
        body = twisted(body, path, data.draw(json_values))
    provider = entry.make(ProviderTools(urls={}))
    account = entry.account()
    try:
        provider.verify(entry.inbound(body), account)
        said = provider.read(entry.inbound(body), account)
    except (Unreadable, NotAuthentic):
        return
    for one in said:
        assert one.at.utcoffset() == timedelta(0)
        assert one.at <= NOW
        assert "\x00" not in repr(one)
        if isinstance(one, Receipt):
            assert one.reason is None or one.reason.code in SENTENCES
            assert one.price_micros is None or one.price_micros >= 0
        elif isinstance(one, PhoneReply):
            assert one.sender.startswith("+")


@settings(max_examples=100)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@every_listener
def test_whatever_bytes_come_they_are_read_or_unreadable(entry: Entry, body: bytes) -> None:
    provider = entry.make(ProviderTools(urls={}))
    account = entry.account()
    with pytest.raises((Unreadable, NotAuthentic)):
        provider.verify(entry.inbound(body), account)
        provider.read(entry.inbound(body), account)


# secrets

def reason_of(outcome: Outcome) -> Reason:
    assert not isinstance(outcome, Accepted)
    return outcome.reason


@pytest.mark.parametrize("step", [
    status(400, {"errorCode": "400.1", "message": f"bad key {CANARY}-key", "detail": f"text {CANARY}-text"}),
    status(401, {"errorCode": "401.1", "message": f"bad key {CANARY}-key"}), status(500, {"m": f"{CANARY}-key"}),
    cut_after(), ok({})], ids=["400", "401", "500", "cut", "empty"])
@every_speaker
def test_no_secret_and_no_text_gets_into_reasons_logs_or_pictures_of_objects(
        entry: Entry, step: Step, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with entry.open() as stand:
        assert stand.server
        stand.server.then(step)
        [outcome] = send(stand, message(text=f"bonjour {CANARY}-text", to="+33639981001"))
        said = [outcome, reason_of(outcome).sentence("fr"), stand.provider, vars(stand.provider), caplog.text]
        seen = " ".join(map(repr, said))

    assert f"{CANARY}-key" not in seen
    assert "33639981001" not in seen

"""Google's RCS for Business: cards and buttons under the business's own verified name.

Each message has an id that is made from ours, and Google ignores a repeated one: after a broken line the same message
is simply said again. A phone without RCS is answered 404 at once, so that the next channel can follow; what is not
delivered by its deadline is revoked, by Google (`ttl`) or by us (`revoke`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import orjson

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Inbound,
    KnowsPhones,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    Reply,
    Revokes,
    TryLater,
)
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel
from core.domain.reach import Ability
from core.domain.reasons import Reason
from core.guarded import Answer
from core.providers import callbacks
from core.providers import rcs_words as said
from core.providers.fields import Field, is_one_of, is_text, sorted_out
from core.providers.google_token import TOKEN_URL, ServiceAccount, Tokens
from core.providers.http import Broken, Http, Request
from core.providers.lines import complaint_of, hand_over, not_taken, reason_of, require_answer, unclear
from core.providers.outcomes import Fate, classify

SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"
ASKED_SINGLY = 100
"""Phones that are asked about one by one in one turn."""
NOBODY = "+33639980001"
"""A number that Arcep keeps for fiction: asking what it can do needs a good key, and disturbs nobody."""


def _is_key(value: Any) -> bool:
    try:
        ServiceAccount.read(value)
    except ValueError:
        return False
    return True


_FIELDS: Mapping[str, Field] = MappingProxyType({
    "agent_id": Field(is_text(120), "\"cabinet_agent\"", required=True),
    "service_account": Field(_is_key, "{\"client_email\": \"…\", \"private_key\": \"-----BEGIN PRIVATE KEY-----…\"}",
                             secret=True, required=True),
    "client_token": Field(is_text(200), "\"3f9c…\"", secret=True, required=True),
    "region": Field(is_one_of(("europe", "us", "asia")), "\"europe\""),
})


class RcsBusiness(Provider, Revokes, KnowsPhones):
    """`config`: `agent_id`, `region`; secrets: `service_account` (Google's key file), `client_token` (which signs what
    is posted to us)."""

    slug = "rcs_business"
    name = said.NAME
    channels = frozenset({Channel.RCS})
    idempotent = True
    vendors: Mapping[str, str] = MappingProxyType({"rcs": "https://rcsbusinessmessaging.googleapis.com"})

    def __init__(self, tools: ProviderTools, tokens: Tokens | None = None) -> None:
        super().__init__(tools)
        self._base = (tools.urls.get("rcs") or self.vendors["rcs"]).rstrip("/")
        self._http = Http(timeout=tools.timeout, connections=tools.connections)
        self._tokens = tokens or Tokens(self._http, tools.urls.get("rcs_token") or TOKEN_URL, SCOPE, self.name)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        found = sorted_out(self.name, _FIELDS, config, account="agent_id")
        secrets = {**found.secrets, "service_account": ServiceAccount.kept(config["service_account"])}
        return Configured(found.config, secrets, account=found.account)

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        if not messages:
            return []
        bodies = {message.reference: _body(message, now) for message in messages}
        token = self._tokens.bearer(account.secrets.get("service_account"), now) \
            if any(isinstance(body, bytes) for body in bodies.values()) else ""

        def write(message: Outgoing) -> Request | Outcome:
            body = bodies[message.reference]
            if not isinstance(body, bytes):
                return body
            if not isinstance(token, str):
                return token
            named = {"messageId": said.message_id(message.reference)}
            return self._request(account, token, "POST", message.to, "agentMessages", named, body)

        def hear(message: Outgoing, answer: Answer | Broken) -> Outcome:
            if isinstance(answer, Answer) and answer.status == 401 and isinstance(token, str):
                self._tokens.forget(token)
            return _outcome(account, message, answer, now)

        return hand_over(self._http, messages, begun, write, hear)

    def revoke(self, account: Account, reference: str, provider_reference: str, now: datetime, *,
               to: str) -> bool | None:
        path = f"agentMessages/{quote(provider_reference or said.message_id(reference), safe='')}"
        answer = self._ask(account, "DELETE", to, path, {}, now)
        if isinstance(answer, Answer) and answer.status == 404 and _error(answer).get("status") == "NOT_FOUND":
            return False
        verdict = classify(answer, now)
        require_answer(self.name, verdict)
        return True if verdict.fate is Fate.OK else None

    # ------------------------------------------------------------------------------------ who is reached

    at_once = said.MOST_AT_ONCE

    def agent(self, account: Account) -> str:
        return f"{self.slug}:{account.config.get('agent_id', '')}"

    def abilities(self, account: Account, numbers: Sequence[str], now: datetime) -> Sequence[Ability]:
        """Many numbers are one question, which tells who is reached; of a few, each is asked what it can show."""
        if len(numbers) >= said.FEWEST_AT_ONCE:
            return self._reached(account, list(numbers)[:self.at_once], now)
        token = self._token(account, now)
        asked = list(numbers)[:ASKED_SINGLY]
        requests = [self._request(account, token, "GET", one, "capabilities", {"requestId": str(uuid4())}, None)
                    for one in asked]
        answers = self._http.post_all([one for one in requests if isinstance(one, Request)])
        found = [one for number, answer in zip(asked, answers, strict=False)
                 if (one := _ability(number, answer)) is not None]
        if not found and answers:
            require_answer(self.name, classify(answers[-1], now))
        return found

    def _reached(self, account: Account, numbers: list[str], now: datetime) -> Sequence[Ability]:
        body = orjson.dumps({"users": numbers, "agentId": str(account.config.get("agent_id", ""))})
        headers = (("Authorization", f"Bearer {self._token(account, now)}"), ("Accept", "application/json"),
                   ("Content-Type", "application/json"))
        answer = self._http.request(Request("POST", f"{self._host(account)}/v1/users:batchGet", headers, body))
        verdict = classify(answer, now)
        require_answer(self.name, verdict)
        return said.reached(answer.body, numbers) if verdict.fate is Fate.OK and isinstance(answer, Answer) else ()

    # ------------------------------------------------------------------------------------ back

    def handshake(self, request: Inbound, account: Account) -> Reply | None:
        """Google wants its secret back from whoever knows the client token."""
        try:
            found = callbacks.json_object(request.body)
        except Unreadable:
            return None
        token, secret = found.get("clientToken"), found.get("secret")
        if not isinstance(token, str) or not isinstance(secret, str) or "message" in found:
            return None
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), _client_token(account).encode()):
            raise NotAuthentic("another client token")
        if not 0 < len(secret) <= 200 or not secret.isascii() or not secret.isprintable():
            raise NotAuthentic("not a secret of Google's")
        return Reply(200, secret.encode())

    def verify(self, request: Inbound, account: Account) -> None:
        """The signature, over the decoded event."""
        given = request.header("X-Goog-Signature")
        try:
            data = said.envelope(request.body)
        except Unreadable as error:
            raise NotAuthentic("the body is not what is signed") from error
        said.require_signature(data, given, _client_token(account))

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        return tuple(said.read(said.envelope(request.body), str(account.config.get("agent_id", "")),
                               request.received_at))

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Asks what a phone of nobody can do: 200 and 404 both need a good key and a known agent."""
        try:
            answer = self._ask(account, "GET", NOBODY, "capabilities", {"requestId": str(uuid4())}, now)
        except (NotNow, NeedsReconnect) as error:
            return error.reason
        if isinstance(answer, Answer) and answer.status == 404 and _error(answer).get("status") == "NOT_FOUND":
            return None
        verdict = classify(answer, now)
        return None if verdict.fate is Fate.OK else reason_of(self.name, verdict, _complaint(answer))

    # ------------------------------------------------------------------------------------ both

    def _ask(self, account: Account, method: str, to: str, path: str, query: Mapping[str, str],
             now: datetime) -> Answer | Broken:
        """A question that sends nothing. Raises `NotNow`, `NeedsReconnect` when there is no token."""
        request = self._request(account, self._token(account, now), method, to, path, query, None)
        return self._http.request(request) if isinstance(request, Request) else Answer(401, {}, b"")

    def _token(self, account: Account, now: datetime) -> str:
        """Raises `NotNow`, `NeedsReconnect` when there is none."""
        token = self._tokens.bearer(account.secrets.get("service_account"), now)
        if isinstance(token, TryLater):
            raise NotNow(token.reason.code, token.after, **token.reason.values)
        if isinstance(token, AccountTrouble):
            raise NeedsReconnect(token.reason.code, **token.reason.values)
        return token

    def _request(self, account: Account, token: str, method: str, to: str, path: str, query: Mapping[str, str],
                 body: bytes | None) -> Request | AccountTrouble:
        query = {**query, "agentId": str(account.config.get("agent_id", ""))}
        url = f"{self._host(account)}/v1/phones/{quote(to, safe='+')}/{path}?{urlencode(query)}"
        headers = [("Authorization", f"Bearer {token}"), ("Accept", "application/json")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        try:
            return Request(method, url, tuple(headers), body)
        except ValueError:
            return AccountTrouble(Reason("provider_key_refused", {"provider": self.name, "detail": ""}))

    def _host(self, account: Account) -> str:
        """The account's region, unless the operator set an address."""
        region = account.config.get("region")
        if not region or self._base != self.vendors["rcs"]:
            return self._base
        return self._base.replace("https://", f"https://{region}-")


# ---------------------------------------------------------------------------------------- what is sent

def _body(message: Outgoing, now: datetime) -> bytes | Outcome:
    if message.channel is not Channel.RCS:
        return Refused(Reason("provider_no_such_channel", {"provider": said.NAME, "channel": message.channel.value}))
    written = said.agent_message(message, now)
    if not isinstance(written, dict):
        return written
    try:
        return orjson.dumps(written)
    except orjson.JSONEncodeError:      # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))


def _client_token(account: Account) -> str:
    token = account.secrets.get("client_token")
    if not isinstance(token, str) or not token:
        raise NotAuthentic("this account has no client token")
    return token


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    named = said.message_id(message.reference)
    if verdict.fate is Fate.OK and isinstance(answer, Answer):
        found = callbacks.json_or_none(answer.body)
        name = found.get("name") if isinstance(found, dict) else None
        if isinstance(name, str) and name == f"phones/{message.to}/agentMessages/{named}":
            return Accepted(named)
        return unclear(said.NAME, "the answer cannot be read")
    error = _error(answer)
    complaint = complaint_of((error.get("message"), error.get("status")), message, _secrets(account))
    if verdict.status == 404 and error.get("status") == "NOT_FOUND":
        return Refused(Reason("channel_unreachable", {"channel": said.CHANNEL, "detail": complaint}))
    if verdict.status == 400 and error.get("status") == "INVALID_ARGUMENT":
        return Refused(Reason("channel_unsuitable", {"channel": said.CHANNEL, "detail": complaint}))
    return not_taken(said.NAME, verdict, complaint)


def _ability(number: str, answer: Answer | Broken) -> Ability | None:
    """What an answer says of one phone; None for one that says nothing (busy, no rights, not launched)."""
    if isinstance(answer, Answer) and answer.status == 404 and _error(answer).get("status") == "NOT_FOUND":
        return Ability(number, False)
    return said.ability(number, answer.body) if isinstance(answer, Answer) and answer.status == 200 else None


def _error(answer: Answer | Broken) -> Mapping[str, Any]:
    """Google's structured error; empty for a page of somebody else's."""
    found = callbacks.json_or_none(answer.body) if isinstance(answer, Answer) else None
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _complaint(answer: Answer | Broken) -> str:
    return callbacks.words(_error(answer).get("message"), 200)


def _secrets(account: Account) -> list[object]:
    key = account.secrets.get("service_account")
    return [account.secrets.get("client_token"), *(key.values() if isinstance(key, Mapping) else ())]

"""WhatsApp by Meta's Cloud API: approved templates at any time, free text within 24 hours of the person's own message.

It has no idempotency key and cannot be asked what became of a message: a broken line stays in doubt until a status
comes, which bears our reference. What Meta posts is signed with the app's secret.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Inbound,
    KeepsTemplates,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    Reply,
    TryLater,
)
from core.domain.approved import News, Template
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow
from core.domain.messages import Channel
from core.domain.reasons import Reason
from core.guarded import Answer
from core.providers import callbacks
from core.providers import whatsapp_words as said
from core.providers.fields import Field, is_text, sorted_out
from core.providers.http import Broken, Http, Request
from core.providers.lines import BUSY, SOONEST, complaint_of, hand_over, not_taken, reason_of, unclear
from core.providers.outcomes import Fate, Verdict, classify

PAGE, MOST_PAGES = 100, 100
"""Templates of one question, and questions of one list."""
VERSION = "v26.0"
"""Of the Graph API, unless the account says another."""


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"v[1-9][0-9]\.[0-9]", value) is not None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{5,25}", value, re.ASCII) is not None


_FIELDS: Mapping[str, Field] = MappingProxyType({
    "phone_number_id": Field(_is_id, "\"106540352242922\"", required=True),
    "access_token": Field(is_text(600), "\"EAAG…\"", secret=True, required=True),
    "app_secret": Field(is_text(200), "\"3f9c…\"", secret=True, required=True),
    "verify_token": Field(is_text(200), "\"3f9c…\"", secret=True, required=True),
    "waba_id": Field(_is_id, "\"102290129340398\""),
    "graph_version": Field(_is_version, f"\"{VERSION}\""),
})


class WhatsAppCloud(Provider, KeepsTemplates):
    """`config`: `phone_number_id`, `waba_id` (the business account, whose templates are listed), `graph_version`;
    secrets: `access_token` of a system user, `app_secret` (which signs what Meta posts), `verify_token` (a word of the
    account's choosing, asked when the webhook is set up)."""

    slug = "whatsapp_cloud"
    name = said.NAME
    channels = frozenset({Channel.WHATSAPP})
    vendors: Mapping[str, str] = MappingProxyType({"whatsapp": "https://graph.facebook.com"})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._base = (tools.urls.get("whatsapp") or self.vendors["whatsapp"]).rstrip("/")
        self._http = Http(timeout=tools.timeout, connections=tools.connections)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        return sorted_out(self.name, _FIELDS, config, account="phone_number_id")

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        def write(message: Outgoing) -> Request | Outcome:
            body = _body(message)
            if not isinstance(body, bytes):
                return body
            return self._request(account, "POST", "/messages", body) or _no_key()

        return hand_over(self._http, messages, begun, write,
                         lambda message, answer: _outcome(account, message, answer, now))

    # ------------------------------------------------------------------------------------ back

    def handshake(self, request: Inbound, account: Account) -> Reply | None:
        """Meta asks once, with a GET, whether the address knows the word that was chosen."""
        if request.method != "GET":
            return None
        query = parse_qs(urlsplit(request.url).query, max_num_fields=20)
        mode, token, challenge = ((query.get(f"hub.{name}") or [""])[0] for name in ("mode", "verify_token",
                                                                                    "challenge"))
        expected = account.secrets.get("verify_token")
        if not isinstance(expected, str) or not expected or mode != "subscribe" \
                or not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), expected.encode()) \
                or not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", challenge):
            return Reply(403)
        return Reply(200, challenge.encode())

    def verify(self, request: Inbound, account: Account) -> None:
        """The signature, over the bytes as they came."""
        secret = account.secrets.get("app_secret")
        if not isinstance(secret, str) or not secret:
            raise NotAuthentic("this account has no app secret")
        said.require_signature(request.body, request.header("X-Hub-Signature-256"), secret)

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply | News, ...]:
        """Receipts and replies of this account's number, and news of its templates; one app may post for several."""
        heard = said.read(request.body, str(account.config.get("phone_number_id", "")), request.received_at)
        return *heard, *said.news(request.body, str(account.config.get("waba_id") or "-"), request.received_at)

    # ------------------------------------------------------------------------------------ templates

    def without_list(self, account: Account) -> Reason | None:
        return None if _is_id(account.config.get("waba_id")) else Reason("approved_no_account", {"field": "waba_id"})

    def templates(self, account: Account, now: datetime) -> Sequence[Template]:
        """All of them, a page after the other. Needs the permission `whatsapp_business_management`."""
        found: list[Template] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            query = urlencode({"fields": said.FIELDS, "limit": PAGE} | ({"after": after} if after else {}))
            request = self._request(account, "GET", f"/message_templates?{query}", of="waba_id")
            answer = self._http.request(request) if request else Answer(401, {}, b"")
            page = callbacks.json_or_none(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
            listed = page.get("data") if isinstance(page, dict) else None
            if not isinstance(page, dict) or not isinstance(listed, list):
                self._not_listed(account, answer, now)
            else:
                found += [one for given in listed if isinstance(given, dict) and (one := said.template(given))]
                if (after := said.next_page(page)) is None:
                    return found
        return found

    def _not_listed(self, account: Account, answer: Answer | Broken, now: datetime) -> NoReturn:
        verdict, known = classify(answer, now), said.meant(_error(answer))
        reason = self._trouble(account, answer, now) or reason_of(self.name, verdict)
        if (known.fate if known else verdict.fate) in (Fate.ACCOUNT, Fate.REFUSED):
            raise NeedsReconnect(reason.code, **reason.values)
        raise NotNow(reason.code, max(verdict.after or BUSY, BUSY), **reason.values)

    # ------------------------------------------------------------------------------------ both

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Asks for the number itself: needs a good token that may use it."""
        request = self._request(account, "GET", "?fields=display_phone_number,quality_rating")
        return self._trouble(account, self._http.request(request) if request else Answer(401, {}, b""), now)

    def _trouble(self, account: Account, answer: Answer | Broken, now: datetime) -> Reason | None:
        """What the answer to a question that sends nothing says of the account."""
        verdict = classify(answer, now)
        if verdict.fate is Fate.OK:
            return None
        error = _error(answer)
        known = said.meant(error)
        if known is None:
            return reason_of(self.name, verdict)
        detail = " ".join(filter(None, (callbacks.words(one, 120) for one in said.complaint(error))))
        for secret in account.secrets.values():
            detail = detail.replace(str(secret), "•••")
        return Reason(known.code, {"provider": self.name, "status": verdict.status, "detail": detail})

    def _request(self, account: Account, method: str, path: str, body: bytes | None = None, *,
                 of: str = "phone_number_id") -> Request | None:
        """None without a usable key."""
        token, number = account.secrets.get("access_token"), account.config.get(of)
        if not isinstance(token, str) or not token or not _is_id(number):
            return None
        url = f"{self._base}/{account.config.get('graph_version') or VERSION}/{number}{path}"
        headers = [("Authorization", f"Bearer {token}"), ("Accept", "application/json")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        try:
            return Request(method, url, tuple(headers), body)
        except ValueError:
            return None


# ---------------------------------------------------------------------------------------- what is sent

def _body(message: Outgoing) -> bytes | Outcome:
    if message.channel is not Channel.WHATSAPP:
        return Refused(Reason("provider_no_such_channel", {"provider": said.NAME, "channel": message.channel.value}))
    written = said.written(message)
    if not isinstance(written, dict):
        return written
    try:
        return orjson.dumps(written)
    except orjson.JSONEncodeError:      # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))


def _no_key() -> Outcome:
    return AccountTrouble(Reason("provider_key_refused", {"provider": said.NAME, "detail": ""}))


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    if verdict.fate is Fate.OK and isinstance(answer, Answer):
        return _accepted(message, callbacks.json_or_none(answer.body)) or \
            unclear(said.NAME, "the answer cannot be read")
    error = _error(answer)
    complaint = complaint_of(said.complaint(error), message, account.secrets.values())
    known = said.meant(error)
    if known is None or (verdict.status >= 500 and not known.sure):
        return not_taken(said.NAME, verdict, complaint)
    return _meant(known, verdict, complaint)


def _meant(known: said.Meant, verdict: Verdict, complaint: str) -> Outcome:
    reason = Reason(known.code, {"provider": said.NAME, "channel": said.CHANNEL, "status": verdict.status,
                                 "detail": complaint})
    after = max(verdict.after or SOONEST, known.after or SOONEST)
    if known.fate is Fate.LATER:
        return TryLater(after if verdict.after or known.after else BUSY, reason, known.alone)
    if known.fate is Fate.ACCOUNT:
        return AccountTrouble(reason, max(after, BUSY)) if verdict.after or known.after else AccountTrouble(reason)
    return Refused(reason, known.opt_out)


def _accepted(message: Outgoing, found: object) -> Accepted | None:
    """The acceptance that `found` is, if it is about `message`. What is held for a check is accepted, too."""
    messages, contacts = (found.get("messages"), found.get("contacts")) if isinstance(found, dict) else (None, None)
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        return None
    asked = contacts[0].get("input") if isinstance(contacts, list) and contacts and isinstance(contacts[0], dict) \
        else None
    if asked is not None and callbacks.number(asked) != message.to:
        return None
    named = messages[0].get("id")
    return Accepted(named) if isinstance(named, str) and callbacks.identifier(named) else None


def _error(answer: Answer | Broken) -> Mapping[str, Any]:
    """Meta's structured error; empty for a page of somebody else's."""
    found = callbacks.json_or_none(answer.body) if isinstance(answer, Answer) else None
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}

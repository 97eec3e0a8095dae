"""Sinch (Stockholm): text messages over its SMS interface, by default in its European region.

It keeps our reference (`client_reference`), lists batches by it, and repeats it in receipts; there is no idempotency,
so that a broken line is looked up. One message is one batch of one recipient. Facts come from Sinch's documentation and
its Python, Node and .NET clients; what none of them says is configurable or left alone, see docs/providers.md.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Gone,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
)
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.guarded import Answer
from core.providers.callbacks import Resource, identifier, json_object, json_or_none, moment, number, said, words
from core.providers.fields import Field, is_line, is_one_of, is_text, sorted_out
from core.providers.http import Broken, Http, Request
from core.providers.lines import complaint_of, hand_over, not_taken, reason_of, require_answer, unclear, with_way_out
from core.providers.outcomes import Fate, classify

NAME = "Sinch"
EUROPE = "https://eu.sms.api.sinch.com"
REGIONS = ("eu", "us", "au", "br", "ca")
REPORTED_AFTER = timedelta(minutes=4)
"""A batch that was just taken may be missing from the list for a while (nobody says how long: 2 minutes), and it may
have been handed over up to 2 minutes after `asked`, when its sender died meanwhile."""
MARGIN = timedelta(days=1)
SIGNED_AT_MOST = timedelta(hours=24)
"""Sinch repeats a callback for almost 23 hours, and nobody says that it signs anew. A double changes nothing here."""
AHEAD_AT_MOST = timedelta(minutes=5)
PAGE = 30
MOST_PAGES = 20

STATES: Mapping[str, State] = MappingProxyType({
    "QUEUED": State.SENT,
    "DISPATCHED": State.SENT,
    "DELIVERED": State.DELIVERED,
    "ABORTED": State.FAILED,
    "REJECTED": State.FAILED,
    "FAILED": State.FAILED,
    "EXPIRED": State.FAILED,
    "DELETED": State.FAILED,
    "CANCELLED": State.FAILED,
})
"""`Unknown` is final, and says only that the network never told: the message stays what it was."""


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    retry: bool = False
    account_trouble: bool = False


FAILURES: Mapping[int, Failure] = MappingProxyType({
    402: Failure("provider_not_suitable"),
    403: Failure("provider_internal_error"),
    # "Message can be retried", says the documentation of this one alone.
    404: Failure("provider_internal_error", retry=True),
    406: Failure("provider_expired"),
    407: Failure("provider_cancelled"),
    408: Failure("provider_undelivered"),
    410: Failure("provider_sender_wrong"),
    411: Failure("provider_not_suitable"),
    412: Failure("provider_region_closed"),
    413: Failure("provider_account_suspended", account_trouble=True),
})
"""Codes below 400 are the networks' own, and differ from one to the next: they are shown, and mean nothing for the
number."""

_FIELDS: Mapping[str, Field] = MappingProxyType({
    "service_plan_id": Field(is_text(100), "\"0123456789abcdef0123456789abcdef\"", required=True),
    "api_token": Field(is_text(200), "\"3f9c…\"", secret=True, required=True),
    "callback_secret": Field(is_text(200), "\"3f9c…\"", secret=True),
    "former_callback_secret": Field(is_text(200), "\"3f9c…\"", secret=True),
    "region": Field(is_one_of(REGIONS), "\"eu\""),
    "sender": Field(is_text(16), "\"CABINET\""),
    "stop_mention": Field(is_line(40), "\"STOP 36123\""),
    "reports": Field(is_one_of(("per_recipient", "per_recipient_final")), "\"per_recipient\""),
})


class Sinch(Provider):
    """`config`: `service_plan_id`, `region`, `sender`, `stop_mention`, `reports`; secrets: `api_token`, and (once Sinch
    has switched signing on for the plan) `callback_secret`."""

    slug = "sinch"
    name = NAME
    channels = frozenset({Channel.SMS})
    can_look_up = True
    vendors: Mapping[str, str] = MappingProxyType({"sinch": EUROPE})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._base = (tools.urls.get("sinch") or EUROPE).rstrip("/")
        self._http = Http(timeout=tools.timeout, connections=tools.connections)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        return sorted_out(self.name, _FIELDS, config, account="service_plan_id")

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        try:
            headers, url = (*_headers(account), ("Content-Type", "application/json")), self._batches(account)
        except ValueError:
            return [_no_key()] * len(messages)

        def write(message: Outgoing) -> Request | Outcome:
            body = _body(account, message)
            if not isinstance(body, bytes):
                return body
            try:
                return Request("POST", url, headers, body)
            except ValueError:
                return _no_key()

        return hand_over(self._http, messages, begun, write,
                         lambda message, answer: _outcome(account, message, answer, now))

    def _batches(self, account: Account) -> str:
        """Raises `ValueError` without a plan."""
        plan, region = account.config.get("service_plan_id"), account.config.get("region")
        if not isinstance(plan, str) or not plan:
            raise ValueError("no service plan")
        # An address that the operator set is the operator's choice, whatever the region.
        base = EUROPE.replace("eu.", f"{region}.") if region in REGIONS and self._base == EUROPE else self._base
        return f"{base}/xms/v1/{quote(plan, safe='')}/batches"

    # ------------------------------------------------------------------------------------ back

    def verify(self, request: Inbound, account: Account) -> None:
        """The signature and its age, where the account has a secret for it."""
        secrets = [str(account.secrets[name]).encode() for name in ("callback_secret", "former_callback_secret")
                   if account.secrets.get(name)]
        if not secrets:
            return
        prefix = "x-sinch-webhook-signature"
        nonce, stamp = request.header(f"{prefix}-nonce"), request.header(f"{prefix}-timestamp")
        digest = _DIGESTS.get(request.header(f"{prefix}-algorithm").lower())
        if digest is None or not re.fullmatch(r"[0-9]{10}", stamp, re.ASCII):
            raise NotAuthentic("an unknown kind of signature, or no time of it")
        age = request.received_at - datetime.fromtimestamp(int(stamp), UTC)
        if not -AHEAD_AT_MOST <= age <= SIGNED_AT_MOST:
            raise NotAuthentic("signed too long ago, or in the future")
        try:
            given = base64.b64decode(request.header(prefix), validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotAuthentic("the signature is not base64") from error
        signed = request.body + f".{nonce}.{stamp}".encode("utf-8", "surrogatepass")
        good = [hmac.compare_digest(hmac.digest(secret, signed, digest), given) for secret in secrets]
        if not any(good):
            raise NotAuthentic("the signature does not match")

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        """A recipient's delivery report, or an inbound text."""
        found = json_object(request.body)
        kind = words(found.get("type"), 60)
        if kind in ("mo_text", "mo_binary", "mo_media"):
            return (_reply(found, request.received_at),)
        if kind.startswith("recipient_delivery_report"):
            return (_receipt(found, request.received_at),)
        raise Unreadable("unreadable", detail=f"neither a recipient's report nor a text: {kind}")

    def confirm(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """Signed receipts are believed; others are asked for again at Sinch."""
        if account.secrets.get("callback_secret"):
            return receipt
        return self._reported(account, receipt, now) if receipt.provider_reference else None

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """The batch that bears our `reference`, with what its report says. `Gone` only when a whole, good list lacks it
        and `REPORTED_AFTER` has passed since `asked`."""
        found: list[Resource] = []
        # A list that names no references cannot prove that ours is missing.
        doubtful = False
        for page in self._pages(account, reference, now, asked):
            if page is None:
                doubtful = True
                break
            found += [item for item in page if item.get("client_reference") == reference]
            doubtful = doubtful or any("client_reference" not in item for item in page)
        if not found:
            if not doubtful and now - asked >= REPORTED_AFTER:
                raise Gone(reference)
            return None
        there = Receipt(identifier(found[0]["id"]), State.SENT, "", now, reference)
        reported = self._reported(account, there, now)
        return there if reported is None or reported.state is None else reported

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Lists one batch: the cheapest question that needs a good token and a good plan."""
        verdict = classify(self._get(account, "?page_size=1"), now)
        return None if verdict.fate is Fate.OK else reason_of(self.name, verdict)

    def _reported(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """What Sinch itself says of the batch of `receipt`, which has one recipient; None when it does not say now."""
        batch = receipt.provider_reference or ""
        answer = self._get(account, f"/{quote(batch, safe='')}/delivery_report?type=full")
        found = json_or_none(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
        statuses = found.get("statuses") if isinstance(found, dict) and found.get("batch_id") == batch else None
        if not isinstance(statuses, list) or len(statuses) != 1 or not isinstance(statuses[0], dict):
            return None
        try:
            return _receipt({"batch_id": batch, "client_reference": receipt.reference, **statuses[0]}, now)
        except Unreadable:
            return None

    def _pages(self, account: Account, reference: str, now: datetime,
               asked: datetime) -> Iterator[Sequence[Resource] | None]:
        """The pages of a search; None, and no more, when one cannot be trusted. Raises `NotNow`, `NeedsReconnect`."""
        seen: set[str] = set()
        for page in range(MOST_PAGES):
            answer = self._get(account, "?" + urlencode({
                "client_reference": reference, "start_date": _date(asked - MARGIN), "page": page, "page_size": PAGE}))
            require_answer(self.name, classify(answer, now))
            found = json_or_none(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
            items, total = (found.get("batches"), found.get("count")) if isinstance(found, dict) else (None, None)
            if not isinstance(items, list) or not isinstance(total, int) or not all(map(_is_batch, items)):
                break
            new = {item["id"] for item in items} - seen
            if items and not new:       # a page that comes again: paging is not understood
                break
            yield items
            seen |= new
            if len(seen) >= total:
                return
            if not items:
                break
        yield None

    def _get(self, account: Account, path: str) -> Answer | Broken:
        try:
            return self._http.request(Request("GET", self._batches(account) + path, _headers(account)))
        except ValueError:
            return Answer(401, {}, b"")


_DIGESTS: Mapping[str, str] = MappingProxyType({
    "hmacsha256": "sha256", "hmacsha384": "sha384", "hmacsha512": "sha512"})


# ---------------------------------------------------------------------------------------- what is sent

def _headers(account: Account) -> tuple[tuple[str, str], ...]:
    """Raises `ValueError` without a token."""
    token = account.secrets.get("api_token")
    if not isinstance(token, str) or not token:
        raise ValueError("no token")
    return ("Authorization", f"Bearer {token}"), ("Accept", "application/json")


def _no_key() -> Outcome:
    return AccountTrouble(Reason("provider_key_refused", {"provider": NAME, "detail": ""}))


def _body(account: Account, message: Outgoing) -> bytes | Outcome:
    """The message as JSON, or why it cannot be written."""
    if message.channel is not Channel.SMS:
        return Refused(Reason("provider_no_such_channel", {"provider": NAME, "channel": message.channel.value}))
    text = with_way_out(NAME, message, account.config.get("stop_mention"))
    if not isinstance(text, str):
        return text
    written: dict[str, Any] = {
        "type": "mt_text", "to": [message.to.removeprefix("+")], "body": text, "client_reference": message.reference}
    if sender := message.sender or account.config.get("sender"):
        written["from"] = str(sender).removeprefix("+")
    if account.receipts_url:
        written["delivery_report"] = account.config.get("reports") or "per_recipient"
        written["callback_url"] = account.receipts_url
    if message.expires_at is not None:
        written["expire_at"] = _date(message.expires_at)
    try:
        return orjson.dumps(written)
    except orjson.JSONEncodeError:      # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))


def _date(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    found = json_or_none(answer.body) if isinstance(answer, Answer) else None
    if verdict.fate is Fate.OK:
        return _accepted(message, found) or unclear(NAME, "the answer cannot be read, or is about another message")
    if not isinstance(found, dict):
        return not_taken(NAME, verdict)
    code = words(found.get("code"), 60)
    if verdict.status == 403 and code in _MESSAGE_AT_FAULT:
        verdict = replace(verdict, fate=Fate.REFUSED)
    return not_taken(NAME, verdict, complaint_of((found.get("text"), code), message, account.secrets.values()))


_MESSAGE_AT_FAULT = frozenset({"unknown_group", "unknown_campaign", "missing_callback_url"})
"""What 403 says of a message. With any other code, or none, it is about the account."""


def _accepted(message: Outgoing, found: object) -> Accepted | None:
    """The acceptance that `found` is, if it is about `message`."""
    if not isinstance(found, dict) or not isinstance(batch := found.get("id"), str) or not identifier(batch):
        return None
    to = found.get("to")
    if found.get("client_reference") != message.reference or not isinstance(to, list) or len(to) != 1:
        return None
    return Accepted(batch) if number(to[0]) == message.to else None


def _receipt(found: Resource, now: datetime) -> Receipt:
    """Raises `Unreadable`."""
    batch, status = identifier(found.get("batch_id")), words(found.get("status"), 60)
    if batch is None or not status:
        raise Unreadable("unreadable", detail="a report without a batch or a status")
    state, at = STATES.get(status.upper()), moment((found.get("operator_status_at"), found.get("at")), now)
    reference = identifier(found.get("client_reference"))
    if state is not State.FAILED:
        return Receipt(batch, state, status, at, reference)
    code = found.get("code")
    failure = FAILURES.get(code) if isinstance(code, int) else None
    if failure is None:
        failure = Failure("provider_expired" if status.upper() == "EXPIRED" else "provider_undelivered")
    reason = Reason(failure.code, {"provider": NAME, "status": status, "detail": words(code, 20)})
    return Receipt(batch, state, status, at, reference, reason, failure.account_trouble, failure.retry)


def _reply(found: Resource, now: datetime) -> PhoneReply:
    """Raises `Unreadable`."""
    sender, reference = number(found.get("from")), identifier(found.get("id"))
    body = found.get("body")
    text = said(body.get("message") if isinstance(body, dict) else body)
    if sender is None or reference is None or text is None:
        raise Unreadable("unreadable", detail="an inbound text without a number, an id or words")
    called = found.get("to")
    return PhoneReply(sender, number(called) or words(called, 20), text,
                      moment((found.get("received_at"), found.get("sent_at")), now), reference,
                      identifier(found.get("client_reference")))


def _is_batch(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and identifier(item["id"]) is not None

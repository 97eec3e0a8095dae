"""Twilio: text messages and calls over its REST interface, with signed callbacks. Calls: see `twilio_voice`.

It knows no reference of ours and has no idempotency key: a repeated POST sends twice. Two things answer a doubt. The
address for a message's receipts bears our reference, so that the first receipt settles it; and its list of messages
to a number is searched for our words at that moment (`seek`).

What becomes of a message that was in doubt, asked at least `REPORTED_AFTER` later:

| the list                                                   | means                                   |
| ---------------------------------------------------------- | --------------------------------------- |
| has our words to that number, made at that moment          | found: it was taken                     |
| is whole, readable, and has no such message                | `Gone`: it never was, it may be sent    |
| is cut, unreadable, has emptied texts, or it is too early  | not known yet: asked again, never sent  |

Two messages of the same words to the same number in the same minutes cannot be told apart: either counts as found,
since the person has the words. A call has no words in the list: one that was made to the number at that moment counts.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Follows,
    Gone,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    Reply,
    Seeks,
    Speaks,
    TryLater,
)
from core.domain.calls import Spoken
from core.domain.errors import BadInput, NotAuthentic, Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.domain.text.transliteration import to_gsm7
from core.guarded import Answer
from core.providers import callbacks as read
from core.providers import twilio_voice as voice
from core.providers import twilio_words as said
from core.providers.callbacks import Pairs, Resource
from core.providers.fields import Field, is_line, is_sid, is_text, sorted_out
from core.providers.http import Broken, Http, Request
from core.providers.lines import (
    BUSY,
    SOONEST,
    complaint_of,
    hand_over,
    not_taken,
    reason_of,
    require_answer,
    unclear,
    with_way_out,
)
from core.providers.outcomes import Fate, Verdict, classify

LONGEST_VALIDITY = 36_000
"""Seconds that Twilio keeps a message in its queue, at most."""
LONGEST_TEXT = 1_600
REPORTED_AFTER = timedelta(minutes=4)
"""A message that was just taken may be missing from the list for a while (nobody says how long: 2 minutes), and it may
have been handed over up to 2 minutes after `asked`, when its sender died meanwhile."""
MARGIN = timedelta(minutes=2)
"""How far apart the moment that we noted and the one that Twilio noted may be."""
PAGE = 200
MOST_PAGES = 10
REFERENCE = "reference"


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.startswith("+") and read.number(value) == value


_FIELDS: Mapping[str, Field] = MappingProxyType({
    "account_sid": Field(is_sid("AC"), "\"AC0123456789abcdef0123456789abcdef\"", required=True),
    "auth_token": Field(is_text(100), "\"0123456789abcdef0123456789abcdef\"", secret=True, required=True),
    "former_auth_token": Field(is_text(100), "\"0123456789abcdef0123456789abcdef\"", secret=True),
    "webhook_key": Field(is_text(200), "\"3f9c…\"", secret=True),
    "api_key": Field(is_sid("SK"), "\"SK0123456789abcdef0123456789abcdef\""),
    "api_secret": Field(is_text(100), "\"3f9c…\"", secret=True),
    "messaging_service_sid": Field(is_sid("MG"), "\"MG0123456789abcdef0123456789abcdef\""),
    "sender": Field(is_text(16), "\"+33700000001\""),
    "stop_mention": Field(is_line(40), "\"STOP 36123\""),
    "voice_sender": Field(_is_number, "\"+33162000001\""),
    "voice": Field(is_text(60), "\"Polly.Lea\""),
})


class Twilio(Provider, Seeks, Speaks, Follows):
    """`config`: `account_sid`, `messaging_service_sid` or `sender`, `api_key`, `stop_mention`; to call, `voice_sender`
    (the number that is shown) and perhaps `voice`; secrets: `auth_token` (it also signs callbacks, so that it is needed
    beside an API key), `former_auth_token`, `webhook_key`, `api_secret`."""

    slug = "twilio"
    name = said.NAME
    channels = frozenset({Channel.SMS, Channel.VOICE})
    can_look_up = True
    vendors: Mapping[str, str] = MappingProxyType({"twilio": "https://api.twilio.com"})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._base = (tools.urls.get("twilio") or self.vendors["twilio"]).rstrip("/")
        self._http = Http(timeout=tools.timeout, connections=tools.connections)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        found = sorted_out(self.name, _FIELDS, config, account="account_sid")
        for field, other in (("api_key", "api_secret"), ("api_secret", "api_key")):
            if config.get(field) and not config.get(other):
                raise BadInput("provider_field_missing", pointer=f"/{other}", provider=self.name, field=other)
        return found

    def able(self, account: Account) -> frozenset[Channel]:
        """It calls from a number of its own only."""
        return self.channels if account.config.get("voice_sender") else self.channels - {Channel.VOICE}

    def caller(self, account: Account) -> str | None:
        return account.config.get("voice_sender")

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        try:
            headers = (*_headers(account), _FORM)
            urls = {kind: f"{self._base}{_path(account, kind)}.json" for kind in _KINDS.values()}
        except ValueError:
            return [_no_key()] * len(messages)

        def write(message: Outgoing) -> Request | Outcome:
            body = _body(account, message, now)
            if not isinstance(body, bytes):
                return body
            try:
                return Request("POST", urls[_KINDS[message.channel]], headers, body)
            except ValueError:
                return _no_key()

        return hand_over(self._http, messages, begun, write,
                         lambda message, answer: _outcome(account, message, answer, now))

    # ------------------------------------------------------------------------------------ back

    def verify(self, request: Inbound, account: Account) -> None:
        """The signature, over the address that we gave, and the account that the body names."""
        url, fields = _our_address(request.url, account), _signed(request)
        secrets = [secret for name in ("auth_token", "former_auth_token", "webhook_key")
                   if isinstance(secret := account.secrets.get(name), str) and secret]
        said.require_signature(url, fields, request.body, request.header("X-Twilio-Signature"), secrets,
                               request.optional_header("X-Twilio-Webhooks-Signature-Settings"))
        named = _fields(request).get("AccountSid")
        if named is not None and named != account.config.get("account_sid"):
            raise NotAuthentic("it is about another account")

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        """One receipt or one reply, whichever address it came to."""
        fields = {name: value.replace("\x00", "") for name, value in _fields(request).items()}
        query = dict(parse_qsl(urlsplit(request.url).query))
        if voice.is_call(fields):
            return voice.read_callback(fields, query, request.received_at)
        return (said.read_callback(fields, read.identifier(query.get(REFERENCE)), request.received_at),)

    def asked(self, request: Inbound, account: Account) -> str | None:
        query = request.query()
        return read.identifier(query.get(REFERENCE)) if query.get(voice.ASK) in (voice.WORDS, voice.KEY) else None

    def words(self, request: Inbound, account: Account, spoken: Spoken | None) -> Reply:
        query = request.query()
        try:
            fields: Mapping[str, str] = _fields(request)
        except Unreadable:
            fields, spoken = {}, None
        said_next = voice.twiml(account, query.get(REFERENCE, ""), spoken, fields, query)
        return Reply(200, said_next, "text/xml; charset=utf-8")

    def follow(self, account: Account, reference: str, provider_reference: str, now: datetime, *,
               over: bool) -> Receipt | None:
        """The call as Twilio has it. One that nobody has answered when it is `over` is called off: until Twilio says
        that it is, it may still be answered."""
        path = f"{_path_or_empty(account, CALLS)}/{quote(provider_reference, safe='')}.json"
        found = self._call(account, path, now)
        if found is None:
            return None
        if over and found.get("status") in voice.NOT_ANSWERED:
            try:
                off = Request("POST", self._base + path, (*_headers(account), _FORM), b"Status=canceled")
            except ValueError:
                return None
            found = _call_of(self._http.request(off)) or found
        return voice.read_resource(found, now, reference)

    def _call(self, account: Account, path: str, now: datetime) -> Resource | None:
        answer = self._get(account, path)
        require_answer(self.name, classify(answer, now))
        return _call_of(answer)

    def seek(self, account: Account, message: Outgoing, now: datetime, *, asked: datetime) -> Receipt | None:
        """See the table at the top of this file."""
        if message.channel is Channel.VOICE:
            return self._sought_call(account, message, now, asked)
        text = with_way_out(self.name, message, account.config.get("stop_mention"))
        if not isinstance(text, str) or not text:
            return None
        found: list[Receipt] = []
        doubtful = False
        for page in self._pages(account, message.to, now, MESSAGES):
            if page is None:
                doubtful = True
                break
            items, ahead = page
            for item in items:
                if not _is_of_that_moment(item, message.to, asked + ahead, now + ahead):
                    continue
                if _says(item, text):
                    found.append(said.read_resource(item, now, message.reference))
                doubtful = doubtful or not item.get("body")
        if not found and not doubtful and now - asked >= REPORTED_AFTER:
            raise Gone(message.reference)
        return _best(found)

    def _sought_call(self, account: Account, message: Outgoing, now: datetime, asked: datetime) -> Receipt | None:
        """Of several calls of that moment none can be told to be this one: then nothing is known, and none is made."""
        found: list[Resource] = []
        for page in self._pages(account, message.to, now, CALLS):
            if page is None:
                return None
            items, ahead = page
            found += [item for item in items if _is_of_that_moment(item, message.to, asked + ahead, now + ahead)]
        if not found and now - asked >= REPORTED_AFTER:
            raise Gone(message.reference)
        if len(found) != 1:
            return None
        # It was taken. What became of it is told by its own requests, or asked for later (`follow`).
        return replace(voice.read_resource(found[0], now, message.reference), state=State.SENT, reason=None)

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Lists one message: the cheapest question that needs a good key and names the account."""
        verdict = classify(self._get(account, f"{_path_or_empty(account)}.json?PageSize=1"), now)
        return None if verdict.fate is Fate.OK else reason_of(self.name, verdict)

    def _pages(self, account: Account, to: str, now: datetime,
               kind: str) -> Iterator[tuple[Sequence[Resource], timedelta] | None]:
        """The list of messages (or calls) to `to`, page by page, and how far Twilio's clock is ahead of ours; None, and
        no more, when a page cannot be trusted. Raises `NotNow`, `NeedsReconnect`.

        Not by date: a message that still waits over there has no date of sending yet.
        """
        path: str | None = f"{_path_or_empty(account, kind)}.json?{urlencode({'To': to, 'PageSize': PAGE})}"
        for _ in range(MOST_PAGES):
            answer = self._get(account, path or "")
            require_answer(self.name, classify(answer, now))
            found = read.json_or_none(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
            items = found.get(kind.lower()) if isinstance(found, dict) else None
            if not isinstance(found, dict) or not isinstance(items, list) or not all(map(_is_message, items)):
                break
            # A page that does not say what comes after it may not be the last.
            onward = found.get("next_page_uri", "")
            theirs = read.date(answer.headers.get("date")) if isinstance(answer, Answer) else None
            yield items, (theirs - now if theirs else timedelta(0))
            if onward is None:
                return
            if not isinstance(onward, str) or not onward.startswith(f"{_path(account, kind)}.json?"):
                break
            path = onward
        yield None

    def _get(self, account: Account, path: str) -> Answer | Broken:
        try:
            return self._http.request(Request("GET", self._base + path, _headers(account)))
        except ValueError:
            return Answer(401, {}, b"")


# ---------------------------------------------------------------------------------------- what is sent

MESSAGES, CALLS = "Messages", "Calls"
_KINDS: Mapping[Channel, str] = MappingProxyType({Channel.SMS: MESSAGES, Channel.VOICE: CALLS})
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


def _path(account: Account, kind: str = MESSAGES) -> str:
    """Raises `ValueError` without an account."""
    sid = account.config.get("account_sid")
    if not isinstance(sid, str) or not sid:
        raise ValueError("no account")
    return f"/2010-04-01/Accounts/{quote(sid, safe='')}/{kind}"


def _path_or_empty(account: Account, kind: str = MESSAGES) -> str:
    try:
        return _path(account, kind)
    except ValueError:
        return ""


def _headers(account: Account) -> tuple[tuple[str, str], ...]:
    """Raises `ValueError` without a key."""
    user, password = account.config.get("api_key"), account.secrets.get("api_secret")
    if not user or not password:
        user, password = account.config.get("account_sid"), account.secrets.get("auth_token")
    if not user or not password:
        raise ValueError("no key")
    proof = base64.b64encode(f"{user}:{password}".encode()).decode()
    return ("Authorization", f"Basic {proof}"), ("Accept", "application/json")


def _no_key() -> Outcome:
    return AccountTrouble(Reason("provider_key_refused", {"provider": said.NAME, "detail": ""}))


def _body(account: Account, message: Outgoing, now: datetime) -> bytes | Outcome:
    """The message as a form, or why it cannot be written."""
    if message.channel is Channel.VOICE:
        return voice.form(account, message)
    if message.channel is not Channel.SMS:
        return Refused(Reason("provider_no_such_channel", {"provider": said.NAME, "channel": message.channel.value}))
    text = with_way_out(said.NAME, message, account.config.get("stop_mention"))
    if not isinstance(text, str):
        return text
    if len(text) > LONGEST_TEXT:
        return Refused(Reason("provider_text_too_long", {"provider": said.NAME, "limit": LONGEST_TEXT}))
    written = {"To": message.to, "Body": text}
    service, sender = account.config.get("messaging_service_sid"), message.sender or account.config.get("sender")
    if service:
        # The service chooses its sender: a name of ours that does not belong to it would be refused.
        written["MessagingServiceSid"] = str(service)
    elif sender:
        written["From"] = str(sender)
    else:
        return AccountTrouble(Reason("provider_sender_missing", {"provider": said.NAME}))
    if account.receipts_url:
        written["StatusCallback"] = f"{account.receipts_url}?{urlencode({REFERENCE: message.reference})}"
    if (until := message.queued_until) is not None:
        # Of its queue, not of the phone: so that advertising does not come out of it at night.
        left = int((until - now).total_seconds())
        written["ValidityPeriod"] = str(min(max(left, 1), LONGEST_VALIDITY))
    try:
        return urlencode(written).encode("ascii")
    except UnicodeEncodeError:      # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    found = read.json_or_none(answer.body) if isinstance(answer, Answer) else None
    if verdict.fate is Fate.OK:
        return _accepted(account, message, found) or unclear(said.NAME, "the answer cannot be read")
    if verdict.fate is Fate.UNCERTAIN or not isinstance(found, dict):
        return not_taken(said.NAME, verdict)
    complaint = complaint_of((found.get("message"), found.get("code")), message, account.secrets.values())
    code = found.get("code")
    codes = voice.VOICE_CODES if message.channel is Channel.VOICE else said.CODES
    meant = codes.get(code) if isinstance(code, int) else None
    if meant is None or verdict.fate in (Fate.LATER, Fate.ACCOUNT):
        return not_taken(said.NAME, verdict, complaint)
    return _meant(meant, verdict, complaint)


def _meant(meant: said.Meant, verdict: Verdict, complaint: str) -> Outcome:
    reason = Reason(meant.code, {"provider": said.NAME, "status": verdict.status, "detail": complaint})
    if meant.fate is Fate.LATER:
        return TryLater(max(verdict.after or BUSY, SOONEST), reason)
    if meant.fate is Fate.ACCOUNT:
        return AccountTrouble(reason)
    return Refused(reason, meant.opt_out, meant.dead_number)


def _accepted(account: Account, message: Outgoing, found: object) -> Accepted | None:
    """The acceptance that `found` is, if it is about `message`."""
    if not isinstance(found, dict) or not isinstance(sid := found.get("sid"), str) or not read.identifier(sid):
        return None
    if found.get("account_sid") != account.config.get("account_sid") or read.number(found.get("to")) != message.to:
        return None
    price, currency = read.micros(found.get("price"), found.get("price_unit"))
    return Accepted(sid, price, currency)


def _our_address(url: str, account: Account) -> str:
    """The public address that Twilio was given, with the query that came. Raises `NotAuthentic`."""
    path, _, query = url.partition("?")
    for ours in (account.receipts_url, account.replies_url):
        if ours and urlsplit(ours).path == urlsplit(path).path:
            return f"{ours}?{query}" if query else ours
    raise NotAuthentic("it came to another address")


def _signed(request: Inbound) -> Pairs:
    """The fields that the signature covers; of a body that is no form it covers the hash, by the address. Raises
    `NotAuthentic`."""
    if _is_json(request):
        if "bodySHA256=" not in request.url:
            raise NotAuthentic("the body is not signed")
        return ()
    try:
        return read.form(request.body)
    except Unreadable as error:
        raise NotAuthentic("the body is not what is signed") from error


def _fields(request: Inbound) -> dict[str, str]:
    """Raises `Unreadable`."""
    if not _is_json(request):
        return dict(read.form(request.body))
    return {name: value for name, value in read.json_object(request.body).items() if isinstance(value, str)}


def _is_json(request: Inbound) -> bool:
    return (request.optional_header("Content-Type") or "").partition(";")[0].strip().lower() == "application/json"


def _call_of(answer: Answer | Broken) -> Resource | None:
    found = read.json_or_none(answer.body) if isinstance(answer, Answer) and answer.status == 200 else None
    return found if isinstance(found, dict) and read.identifier(found.get("sid")) is not None else None


def _is_message(item: object) -> bool:
    return isinstance(item, dict) and read.identifier(item.get("sid")) is not None and \
        isinstance(item.get("body", ""), str) and isinstance(item.get("to"), str) and \
        read.date(item.get("date_created")) is not None


def _is_of_that_moment(item: Resource, to: str, asked: datetime, now: datetime) -> bool:
    made = read.date(item.get("date_created"))
    return made is not None and asked - MARGIN <= made <= now + MARGIN and read.number(item["to"]) == to and \
        item.get("direction") != "inbound"


def _says(item: Resource, text: str) -> bool:
    """A messaging service may have spelled it in the cheaper alphabet."""
    body = item.get("body") or ""
    return body == text or to_gsm7(body) == to_gsm7(text)


_PROGRESS = {State.FAILED: 0, State.SENT: 1, State.DELIVERED: 2, State.READ: 3}


def _best(found: Sequence[Receipt]) -> Receipt | None:
    """The most advanced; whatever its status says or does not say, it is there, so that it was taken."""
    best = max(found, key=lambda receipt: _PROGRESS.get(receipt.state or State.SENT, 1), default=None)
    if best is None or best.state is not None:
        return best
    return Receipt(best.provider_reference, State.SENT, best.status, best.at, best.reference)

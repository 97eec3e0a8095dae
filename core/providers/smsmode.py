"""smsmode: text and RCS messages over its REST interface, one request each on kept connections, or a batch of texts;
and calls by its older interface (`smsmode_voice`).

It has no idempotency (a repeated POST sends twice), so that a broken line is looked up by our reference. Its callbacks
are not signed: the secret in their path and the channel named in them say who calls, and `confirm` asks back.
"""

from __future__ import annotations

import hmac
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
    Seeks,
    TryLater,
    Uncertain,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.domain.recipients import mask
from core.guarded import Answer
from core.providers import smsmode_rcs
from core.providers import smsmode_voice as voice
from core.providers import smsmode_words as said
from core.providers.callbacks import Resource, json_object, words
from core.providers.http import Broken, Http, Request
from core.providers.lines import require_answer
from core.providers.outcomes import Fate, Verdict, classify

BUSY = timedelta(minutes=1)
"""How long to wait when we are asked to, but not told how long."""
AGAIN = timedelta(seconds=5)
SOONEST = timedelta(seconds=1)
REPORTED_AFTER = timedelta(minutes=2)
"""A message that was just taken cannot be found for a while: until then its absence proves nothing."""
LONGEST_URL = 255
PAGE = 100
MOST_PAGES = 20
_BATCH_AT_FAULT = (400, 404, 422)
_ROOTS: Mapping[Channel, str] = MappingProxyType({
    Channel.SMS: "/sms/v1/messages",
    Channel.RCS: "/rcs/v1/messages",
})
VOICE_KEY = "voice_access_token"
_KEYS: Mapping[Channel, str] = MappingProxyType({
    Channel.SMS: "api_key", Channel.RCS: "rcs_api_key", Channel.VOICE: VOICE_KEY})
_FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=ISO-8859-15")


class Smsmode(Provider, Seeks, Follows):
    """`config`: `sender`, `channel_id`, `batch` (only for accounts known to take arrays), `rate` (per second).

    A key belongs to one channel there: RCS needs `rcs_api_key` beside `api_key`, or `rcs` when the one key may use
    both; then also `rcs_channel_id` and `rcs_sender` (the agent's name). Calls need `voice_access_token`."""

    slug = "smsmode"
    name = "smsmode"
    channels = frozenset({Channel.SMS, Channel.RCS, Channel.VOICE})
    deaf = frozenset({Channel.VOICE})
    batch_size = 100
    can_look_up = True
    # Mandatory in France, done on the short code; elsewhere its way out is a link, and no STOP comes.
    confirms_stop = True
    vendors: Mapping[str, str] = MappingProxyType({
        "smsmode": "https://rest.smsmode.com", "smsmode_voice": "https://api.smsmode.com/http/1.6"})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._base = (tools.urls.get("smsmode") or self.vendors["smsmode"]).rstrip("/")
        self._calls = (tools.urls.get("smsmode_voice") or self.vendors["smsmode_voice"]).rstrip("/")
        self._http = Http(timeout=tools.timeout, connections=tools.connections)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Sorts `config` and checks its form. Raises `BadInput` with a pointer below the configuration."""
        for field in config:
            if field not in _FIELDS:
                raise BadInput("provider_field_unknown", pointer=_pointer(field), provider=self.name, field=field[:60],
                               known=", ".join(_FIELDS))
        if config.get("api_key") in (None, ""):
            raise BadInput("provider_field_missing", pointer="/api_key", provider=self.name, field="api_key")
        for field, value in config.items():
            rule = _FIELDS[field]
            if value is not None and not rule.fits(value):
                raise BadInput("provider_field_wrong", pointer=_pointer(field), field=field, example=rule.example)
        given = {field: value for field, value in config.items() if value is not None}
        shown = {field: value for field, value in given.items() if field not in _KEYS.values()}
        secrets = {field: value for field, value in given.items() if field in _KEYS.values()}
        if (shown.get("rcs") or "rcs_api_key" in secrets) and "channel_id" in shown and "rcs_channel_id" not in shown:
            # What is posted to us is known by the channel that it names.
            raise BadInput("provider_field_missing", pointer="/rcs_channel_id", provider=self.name,
                           field="rcs_channel_id")
        return Configured({"batch": False, **shown}, secrets, account=shown.get("channel_id"))

    def able(self, account: Account) -> frozenset[Channel]:
        with_voice = (Channel.VOICE,) if account.secrets.get(VOICE_KEY) else ()
        return frozenset((*_channels(account), *with_voice))

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        texts = [message for message in messages if message.channel not in (Channel.RCS, Channel.VOICE)]
        if not account.config.get("batch") or len(texts) < 2:
            return self._send_each(account, messages, now, begun)
        others = [message for message in messages if message.channel in (Channel.RCS, Channel.VOICE)]
        in_a_batch = iter(self._send_batch(account, texts, now, begun))
        alone = iter(self._send_each(account, others, now, begun))
        return [next(alone if message.channel in (Channel.RCS, Channel.VOICE) else in_a_batch) for message in messages]

    def _send_each(self, account: Account, messages: Sequence[Outgoing], now: datetime,
                   begun: Callable[[str], None]) -> list[Outcome]:
        """One POST for each, side by side on kept connections."""
        outcomes: dict[int, Outcome] = {}
        requests: list[Request] = []
        written: list[int] = []
        for index, message in enumerate(messages):
            found = (self._call(account, message) if message.channel is Channel.VOICE
                     else self._request(account, _body(account, message, now), message.channel))
            if isinstance(found, Request):
                requests.append(found)
                written.append(index)
            else:
                outcomes[index] = found
        answers = self._http.post_all(requests, on_begin=lambda at: begun(messages[written[at]].reference))
        for index, answer in zip(written, answers, strict=True):
            outcomes[index] = _outcome(account, messages[index], answer, now)
        return [outcomes[index] for index in range(len(messages))]

    def _send_batch(self, account: Account, messages: Sequence[Outgoing], now: datetime,
                    begun: Callable[[str], None]) -> list[Outcome]:
        """One POST for all that can be written."""
        bodies = [_body(account, message, now) for message in messages]
        fit = [index for index, body in enumerate(bodies) if isinstance(body, bytes)]
        array = b"[" + b",".join(body for body in bodies if isinstance(body, bytes)) + b"]"
        found = self._request(account, array, Channel.SMS)
        outcomes: list[Outcome | None] = [None if isinstance(body, bytes) else body for body in bodies]
        if fit:
            batch = [messages[index] for index in fit]
            results = ([found] * len(batch) if not isinstance(found, Request)
                       else self._speak_batch(account, batch, found, now, begun))
            for index, result in zip(fit, results, strict=True):
                outcomes[index] = result
        return [outcome or _unclear("no outcome") for outcome in outcomes]

    def _speak_batch(self, account: Account, batch: Sequence[Outgoing], request: Request, now: datetime,
                     begun: Callable[[str], None]) -> Sequence[Outcome]:
        def begin(_: int) -> None:
            for message in batch:
                begun(message.reference)

        answer = self._http.post_all([request], on_begin=begin)[0]
        if isinstance(answer, Answer) and answer.status in _BATCH_AT_FAULT and len(batch) > 1:
            # Nothing was taken, and one message may be at fault for all of them: each is heard alone.
            return self._send_each(account, batch, now, begun)
        if isinstance(answer, Answer) and classify(answer, now).fate is Fate.OK:
            return _matched(batch, answer.body)
        return [_outcome(account, message, answer, now) for message in batch]

    def _call(self, account: Account, message: Outgoing) -> Request | Outcome:
        body = voice.form(account.secrets.get(VOICE_KEY), message)
        return self._asked("sendVoiceMessage.do", body) if isinstance(body, bytes) else body

    def _asked(self, call: str, body: bytes) -> Request:
        return Request("POST", f"{self._calls}/{call}", (_FORM,), body)

    def _request(self, account: Account, body: bytes | Outcome, channel: Channel) -> Request | Outcome:
        if not isinstance(body, bytes):
            return body
        try:
            return Request("POST", f"{self._base}{_ROOTS[channel]}",
                           (*_headers(account, channel), ("Content-Type", "application/json")), body)
        except ValueError:
            return AccountTrouble(Reason("provider_key_refused", {"provider": said.NAME, "detail": ""}))

    # ------------------------------------------------------------------------------------ back

    def verify(self, request: Inbound, account: Account) -> None:
        """Nothing is signed. Where the account's channel is known, the body must name it."""
        if not account.config.get("channel_id"):
            return
        try:
            named = said.channel_of(json_object(request.body))
        except Unreadable as error:
            raise NotAuthentic("the body names no channel") from error
        expected = [str(channel) for field in ("channel_id", "rcs_channel_id")
                    if (channel := account.config.get(field))]
        if named is None or not any(hmac.compare_digest(named.encode(), one.encode()) for one in expected):
            raise NotAuthentic("the body names another channel, or none")

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        """One receipt or one reply, whichever address it came to."""
        return (said.read(json_object(request.body), request.received_at),)

    def confirm(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """What the provider itself says about the message of an (unsigned) `receipt`; None when it does not say now,
        which is also so right after the message was taken."""
        if receipt.provider_reference is None:
            return None
        for channel in _channels(account):
            found = self._confirmed(account, channel, receipt.provider_reference, now)
            if found is not None:
                return found
        return None

    def _confirmed(self, account: Account, channel: Channel, message_id: str, now: datetime) -> Receipt | None:
        answer = self._get(account, channel, f"/{quote(message_id, safe='')}")
        if not isinstance(answer, Answer) or answer.status != 200:
            return None
        try:
            found = json_object(answer.body)
            read = said.read_receipt(found, now)
        except Unreadable:
            return None
        if read.provider_reference != message_id or not _is_of_channel(found, account):
            return None
        return read

    def follow(self, account: Account, reference: str, provider_reference: str, now: datetime, *,
               over: bool) -> Receipt | None:
        """The report on a call. There is no way to call one off."""
        body = self._told(account, now, "compteRendu.do", smsID=provider_reference)
        return voice.report(body, reference, provider_reference, now)

    def seek(self, account: Account, message: Outgoing, now: datetime, *, asked: datetime) -> Receipt | None:
        """Texts by our reference. A call by its words and its moment; that one is not listed proves nothing, so that a
        call in doubt is never made again."""
        if message.channel is not Channel.VOICE:
            return self.look_up(account, message.reference, now, asked=asked)
        body = self._told(account, now, "smsList.do", offset="0")
        found = voice.listed(body, message, asked - REPORTED_AFTER, now + REPORTED_AFTER)
        return Receipt(found[0], State.SENT, "listed", now, message.reference) if len(found) == 1 else None

    def _told(self, account: Account, now: datetime, call: str, **fields: str) -> bytes:
        """The answer to a question about calls. Raises `NotNow`, `NeedsReconnect`."""
        answer = self._http.request(self._asked(call, voice.asking(account.secrets.get(VOICE_KEY), **fields)))
        require_answer(self.name, classify(answer, now))
        body = answer.body if isinstance(answer, Answer) and answer.status == 200 else b""
        if voice.answered(body)[0] == 32:
            raise NeedsReconnect("provider_key_refused", provider=self.name, status=32, detail="")
        return body

    def look_up(self, account: Account, reference: str, now: datetime, *, asked: datetime) -> Receipt | None:
        """The most advanced of the messages that bear our `reference`. `Gone` only when a whole, good list lacks it and
        `REPORTED_AFTER` has passed since `asked`."""
        found: list[Receipt] = []
        # A list that names no references cannot prove that ours is missing.
        doubtful = False
        for channel in _channels(account):
            for page in self._pages(account, channel, reference, now, asked):
                if page is None:
                    return _best(found)
                found += [_there(item, now) for item in page if _is_ours(item, reference)]
                doubtful = doubtful or any("refClient" not in item for item in page)
            if found:
                return _best(found)
        if not doubtful and now - asked >= REPORTED_AFTER:
            raise Gone(reference)
        return None

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Lists one message: the cheapest question that needs a good key."""
        for channel in _channels(account):
            verdict = classify(self._get(account, channel, "?pageSize=1"), now)
            if verdict.fate is not Fate.OK:
                return _reason(verdict, "")
        if account.secrets.get(VOICE_KEY):
            try:
                self._told(account, now, "credit.do")
            except (NeedsReconnect, NotNow) as error:
                return error.reason
        return None

    def _pages(self, account: Account, channel: Channel, reference: str, now: datetime,
               asked: datetime) -> Iterator[Sequence[Resource] | None]:
        """The pages of a search; None, and no more, when one cannot be trusted. Raises `NotNow`, `NeedsReconnect`."""
        # Nobody says in which zone the window's dates are read, hence a day more on both sides.
        window = {"startDate": _date(asked - timedelta(days=1)), "endDate": _date(now + timedelta(days=1))}
        seen: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            query = urlencode({"searchBy[refClient]": reference, "searchBy[direction]": "MT", **window,
                               "page": page, "pageSize": PAGE})
            answer = self._get(account, channel, f"?{query}")
            verdict = classify(answer, now)
            if verdict.fate is Fate.ACCOUNT:
                reason = _reason(verdict, "")
                raise NeedsReconnect(reason.code, **reason.values)
            if verdict.fate in (Fate.LATER, Fate.UNCERTAIN):
                reason = _reason(replace(verdict, fate=Fate.LATER), "")
                raise NotNow(reason.code, verdict.after or BUSY, **reason.values)
            items, total = _listed(answer.body) if isinstance(answer, Answer) and answer.status == 200 else (None, 0)
            new = {item["messageId"] for item in items or ()} - seen
            if items is None or (items and not new):        # a page that comes again: paging is not understood
                break
            yield items
            seen |= new
            if len(items) < PAGE and len(seen) >= total:
                return
            if not items:
                break
        yield None

    def _get(self, account: Account, channel: Channel, path: str) -> Answer | Broken:
        try:
            request = Request("GET", f"{self._base}{_ROOTS[channel]}{path}", _headers(account, channel))
        except ValueError:
            return Answer(401, {}, b"")
        return self._http.request(request)


# ---------------------------------------------------------------------------------------- what is sent

def _body(account: Account, message: Outgoing, now: datetime) -> bytes | Outcome:
    """The message as JSON, or why it cannot be written."""
    if message.channel not in _channels(account):
        return Refused(Reason("provider_no_such_channel", {"provider": said.NAME, "channel": message.channel.value}))
    written: dict[str, Any] = {"recipient": {"to": message.to.removeprefix("+")}}
    if message.channel is Channel.RCS:
        shown = smsmode_rcs.body(said.NAME, message)
        if not isinstance(shown, dict):
            return shown
        written["body"] = shown
        if validity := smsmode_rcs.validity(message.expires_at, now):
            written["validity"] = validity
        # The name of a sender of texts is no agent's name.
        sender = account.config.get("rcs_sender")
    else:
        written["body"] = {"text": message.text, "encoding": "UNICODE" if message.encoding == "UCS-2" else "GSM7",
                           "stop": message.stop_mention}
        sender = message.sender or account.config.get("sender")
    if sender:
        written["from"] = sender.removeprefix("+")
    if 3 <= len(message.reference) <= 140:
        written["refClient"] = message.reference
    for field, url in (("callbackUrlStatus", account.receipts_url), ("callbackUrlMo", account.replies_url)):
        if url and len(url) <= LONGEST_URL:
            written[field] = url
    try:
        return orjson.dumps(written)
    except orjson.JSONEncodeError:      # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))


def _channels(account: Account) -> Sequence[Channel]:
    """By what this account sends."""
    with_rcs = account.config.get("rcs") or account.secrets.get("rcs_api_key")
    return (Channel.SMS, Channel.RCS) if with_rcs else (Channel.SMS,)


def _headers(account: Account, channel: Channel) -> tuple[tuple[str, str], ...]:
    """Raises `ValueError` without a key."""
    key = account.secrets.get(_KEYS[channel]) or account.secrets.get("api_key")
    if not isinstance(key, str) or not key:
        raise ValueError("no key")
    return ("X-Api-Key", key), ("Accept", "application/json")


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    if verdict.fate is Fate.OK and isinstance(answer, Answer) and message.channel is Channel.VOICE:
        return voice.outcome(answer.body, message, account.secrets.values())
    if verdict.fate is Fate.OK and isinstance(answer, Answer):
        return _accepted(message, _parsed(answer.body)) or _unclear("the answer cannot be read")
    if verdict.fate is Fate.UNCERTAIN:
        return _unclear(verdict.detail)
    reason = _reason(verdict, _complaint(answer, account, message))
    if verdict.fate is Fate.LATER:
        wait = verdict.after if verdict.after is not None else BUSY if verdict.status else AGAIN
        return TryLater(max(wait, SOONEST), reason)
    if verdict.fate is Fate.ACCOUNT:
        return AccountTrouble(reason) if verdict.after is None else AccountTrouble(reason, max(verdict.after, BUSY))
    return Refused(reason)


def _accepted(message: Outgoing, found: object) -> Accepted | None:
    """The acceptance that `found` is, if it is about `message`."""
    if isinstance(found, dict) and isinstance(found.get("message"), dict):      # batches wrap it
        found = found["message"]
    if not isinstance(found, dict):
        return None
    message_id, reference = found.get("messageId"), found.get("refClient")
    if not isinstance(message_id, str) or not message_id or words(message_id, 140) != message_id:
        return None
    if reference is not None and reference != message.reference:
        return None
    price, currency = said.price_of(found)
    return Accepted(message_id, price, currency)


def _matched(batch: Sequence[Outgoing], body: bytes) -> list[Outcome]:
    """An outcome for each of `batch` by its reference. What a partly good batch answers is documented nowhere, so that
    a message without an acceptance of its own is looked up."""
    items = _parsed(body)
    accepted: dict[str, Accepted] = {}
    by_reference = {message.reference: message for message in batch}
    for item in items if isinstance(items, list) else []:
        inner = item.get("message", item) if isinstance(item, dict) else None
        reference = inner.get("refClient") if isinstance(inner, dict) else None
        message = by_reference.get(reference) if isinstance(reference, str) else None
        if message is not None and (found := _accepted(message, inner)):
            accepted.setdefault(message.reference, found)
    return [accepted.get(message.reference) or _unclear("the answer does not name this message") for message in batch]


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _unclear(detail: str) -> Uncertain:
    return Uncertain(Reason("provider_uncertain", {"provider": said.NAME, "detail": detail[:200]}))


def _reason(verdict: Verdict, complaint: str) -> Reason:
    values = {"provider": said.NAME, "status": verdict.status, "detail": complaint or verdict.detail[:200]}
    if verdict.fate is Fate.ACCOUNT:
        codes = {402: "provider_no_credit", 403: "provider_forbidden"}
        return Reason(codes.get(verdict.status, "provider_key_refused"), values)
    if verdict.fate is Fate.REFUSED:
        return Reason("provider_redirects" if verdict.status < 400 else "provider_refused", values)
    if not verdict.status:
        return Reason("provider_unreachable", values)
    return Reason("provider_busy" if verdict.status == 429 else "provider_away", values)


def _complaint(answer: Answer | Broken, account: Account, message: Outgoing) -> str:
    """The provider's own words, without what they may quote of ours: the key, the number, the text."""
    found = _parsed(answer.body) if isinstance(answer, Answer) else None
    if not isinstance(found, dict) or not isinstance(found.get("errorCode"), str):
        return ""
    spoken = [words(found.get(field)) for field in ("message", "detail")]
    text = f"{' : '.join(dict.fromkeys(filter(None, spoken)))} ({words(found['errorCode'], 20)})"
    for ours, instead in (*((str(account.secrets.get(key, "")), "•••") for key in _KEYS.values()),
                          (words(message.text), "•••"),
                          (message.to, mask(message.to)), (message.to.removeprefix("+"), mask(message.to))):
        if len(ours) > 3:
            text = text.replace(ours, instead)
    return text


def _listed(body: bytes) -> tuple[Sequence[Resource] | None, int]:
    """The items of a page, and how many there are in all; no items when the page cannot be trusted."""
    page = _parsed(body)
    if not isinstance(page, dict) or not isinstance(items := page.get("items"), list):
        return None, 0
    if not all(isinstance(item, dict) and isinstance(item.get("messageId"), str) for item in items):
        return None, 0
    total = page.get("totalCount")
    return items, total if isinstance(total, int) else 0


def _is_ours(item: Resource, reference: str) -> bool:
    return item.get("refClient") == reference and item.get("direction", "MT") != "MO"


def _is_of_channel(item: Resource, account: Account) -> bool:
    """A manager's key sees all channels of its organisation."""
    expected, named = account.config.get("channel_id"), said.channel_of(item)
    return not expected or named is None or named in (expected, account.config.get("rcs_channel_id"))


def _there(item: Resource, now: datetime) -> Receipt:
    """Whatever its status says or does not say: it is there, so that it was taken."""
    try:
        read = said.read_receipt(item, now)
    except Unreadable:
        return Receipt(words(item["messageId"], 140), State.SENT, "", now, words(item["refClient"], 140))
    return read if read.state is not None else replace(read, state=State.SENT)


_PROGRESS = {State.FAILED: 0, State.SENT: 1, State.DELIVERED: 2, State.READ: 3}


def _best(found: Sequence[Receipt]) -> Receipt | None:
    return max(found, key=lambda receipt: _PROGRESS.get(receipt.state or State.FAILED, 0), default=None)


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------------------------------- what a person sets

@dataclass(frozen=True, slots=True)
class _Field:
    fits: Callable[[Any], bool]
    example: str


def _is_text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest and value.isascii() and \
        value.isprintable() and value == value.strip()


def _is_rate(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000


_FIELDS: Mapping[str, _Field] = MappingProxyType({
    "api_key": _Field(_is_text(200), "\"3f9c…\""),
    "sender": _Field(_is_text(16), "\"CABINET\""),
    "channel_id": _Field(_is_text(100), "\"00000000-0000-4000-8000-00000000cc01\""),
    "batch": _Field(lambda value: isinstance(value, bool), "false"),
    "rate": _Field(_is_rate, "10"),
    "rcs": _Field(lambda value: isinstance(value, bool), "true"),
    "voice_access_token": _Field(_is_text(200), "\"3f9c…\""),
    "rcs_api_key": _Field(_is_text(200), "\"3f9c…\""),
    "rcs_channel_id": _Field(_is_text(100), "\"00000000-0000-4000-8000-00000000cc02\""),
    "rcs_sender": _Field(lambda value: isinstance(value, str) and 1 <= len(value) <= 40 and value.isprintable(),
                         "\"Cabinet Lyon\""),
})


def _pointer(field: str) -> str:
    return "/" + field.replace("~", "~0").replace("/", "~1")[:60]

"""Any HTTP gateway that sends text messages, by a description of it in the account's settings (see `gateway_form`).

Its address was given by a person, so that it goes through the gate: read strictly, resolved, every address public, and
the connection opened to none that is not. It has no look-up: a message in doubt is a person's or its class's to decide,
unless a receipt that bears our reference comes. Callbacks that are neither signed nor bear a secret move their own
message, and have no consequences for the person or the account.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Configured,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    TryLater,
)
from core.domain.errors import BadInput, NotAuthentic, NotNow, RelanceError, Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.guarded import Answer, Guarded, check_address, is_public
from core.providers import callbacks as read
from core.providers.fields import is_line, pointer
from core.providers.gateway_form import (
    NAME,
    STATES,
    Case,
    Gateway,
    Heard,
    at_path,
    compiled,
    filled,
    shaped,
    word_at,
    wrong,
)
from core.providers.http import Broken, Http, Request
from core.providers.lines import BUSY, SOONEST, complaint_of, hand_over, not_taken, reason_of, unclear, with_way_out
from core.providers.outcomes import Fate, Verdict, classify

MOST_SECRETS = 20
MOST_AT_ONCE = 1_000
_SECRET_NAME = re.compile(r"[a-z0-9_]{1,30}")
_GAPS = re.compile(r"[\s:;,|=]+")


class AnyGateway(Provider):
    """`config`: the description; secrets: what `secrets` named. Templates write them as `{secret.name}`."""

    slug = "http"
    name = NAME
    channels = frozenset({Channel.SMS})

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self._reach = tools.reach or Guarded().addresses
        self._reached: set[str] = set()
        self._http = Http(timeout=tools.timeout, connections=tools.connections, gate=self._may_connect)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        secrets = config.get("secrets") or {}
        if not isinstance(secrets, Mapping) or len(secrets) > MOST_SECRETS:
            raise wrong("/secrets", "{\"token\": \"3f9c…\"}")
        for name, value in secrets.items():
            if not isinstance(name, str) or not _SECRET_NAME.fullmatch(name) or not is_line(500)(value):
                raise wrong(pointer("secrets", str(name)), "{\"token\": \"3f9c…\"}")
        shown = {name: value for name, value in config.items() if name != "secrets" and value is not None}
        gateway = compiled(config, tuple(secrets))
        for field, url in (("url", gateway.url), ("check_url", gateway.check_url)):
            address = check_address(url, allow_private=True) if url else None
            if address is not None and (address.ip or address.host.rpartition(".")[2] == "localhost"):
                try:
                    self._reach(address.host, address.port)     # no name to resolve: opens no socket
                except BadInput as error:
                    raise BadInput(error.reason.code, pointer=pointer(field), **error.reason.values) from None
        return Configured(shown, {"secrets": dict(secrets)} if secrets else {}, account=gateway.host)

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        if not messages:
            return []
        try:
            gateway = compiled(account.config, tuple(_named(account)))
            self._open(gateway.host, gateway.port)
        except BadInput as error:
            return [AccountTrouble(error.reason)] * len(messages)
        except NotNow as error:
            return [TryLater(error.after, error.reason)] * len(messages)
        return hand_over(self._http, messages, begun, lambda message: _request(gateway, account, message),
                         lambda message, answer: _outcome(gateway, account, message, answer, now))

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Calls `check_url`, where there is one; else only looks whether the address may be called."""
        try:
            gateway = compiled(account.config, tuple(_named(account)))
            url = gateway.check_url or gateway.url
            address = check_address(url, allow_private=True)
            self._open(address.host, address.port)
        except RelanceError as error:
            return error.reason
        if gateway.check_url is None:
            return None
        values = _secrets(account)
        try:
            request = Request("GET", url, tuple((name, filled(parts, values)) for name, parts in gateway.headers))
        except ValueError:
            return Reason("provider_key_refused", {"provider": NAME, "detail": ""})
        verdict = classify(self._http.request(request), now)
        return None if verdict.fate is Fate.OK else reason_of(NAME, verdict)

    def _open(self, host: str, port: int) -> None:
        """Raises `BadInput`, `NotNow`."""
        found = self._reach(host, port)
        if len(self._reached) > MOST_AT_ONCE:
            self._reached.clear()
        self._reached.update(found)

    def _may_connect(self, address: str) -> bool:
        # The name is resolved again for the connection: only what is public, or was let through, gets one.
        return address in self._reached or is_public(ipaddress.ip_address(address.partition("%")[0]))

    # ------------------------------------------------------------------------------------ back

    def verify(self, request: Inbound, account: Account) -> None:
        """The shared secret or the signature, as described."""
        proof = _described(account).proof
        if proof.kind == "path":
            return
        given = request.header(proof.header)
        if not given.startswith(proof.prefix):
            raise NotAuthentic("the signature is written otherwise")
        given = given.removeprefix(proof.prefix)
        named = _named(account)
        secrets = [named[name].encode() for name in ("callback", "former_callback") if named.get(name)]
        if proof.kind == "secret":
            good = [hmac.compare_digest(secret, given.encode("utf-8", "surrogatepass")) for secret in secrets]
        else:
            if not request.body:
                raise NotAuthentic("there is no body that could be signed")
            signature = _decoded(given, proof.encoding)
            good = [hmac.compare_digest(hmac.digest(secret, request.body, proof.algorithm), signature)
                    for secret in secrets]
        if not any(good):
            raise NotAuthentic("the secret or the signature does not match")

    def read(self, request: Inbound, account: Account) -> tuple[Receipt | PhoneReply, ...]:
        """Receipts and replies; where one address gets both, what has the reply's text is a reply."""
        gateway, found = _described(account), _content(request)
        for heard, reader in ((gateway.replies, _reply), (gateway.receipts, _receipt)):
            if heard is None:
                continue
            said = [one for item in _each(found, heard) if (one := reader(item, heard, request.received_at))]
            if said:
                return tuple(said)
        raise Unreadable("unreadable", detail="neither a receipt nor a reply, as they are described")

    def confirm(self, account: Account, receipt: Receipt, now: datetime) -> Receipt | None:
        """It cannot be asked: only what was proven is believed with all its consequences."""
        return receipt if _described(account).proof.kind != "path" else None


# ---------------------------------------------------------------------------------------- what is sent

def _request(gateway: Gateway, account: Account, message: Outgoing) -> Request | Outcome:
    if message.channel is not Channel.SMS:
        return Refused(Reason("provider_no_such_channel", {"provider": NAME, "channel": message.channel.value}))
    text = with_way_out(NAME, message, gateway.stop_mention)
    if not isinstance(text, str):
        return text
    values = {
        **_secrets(account), "to": message.to, "to_digits": message.to.removeprefix("+"), "text": text,
        "sender": message.sender or gateway.sender, "reference": message.reference,
        "encoding": gateway.encodings.get(message.encoding, message.encoding),
        "receipts_url": account.receipts_url, "replies_url": account.replies_url}
    headers = [(name, filled(parts, values)) for name, parts in gateway.headers]
    url, body = gateway.url, None
    try:
        if gateway.query:
            query = urlencode([(name, filled(parts, values)) for name, parts in gateway.query])
            url += ("&" if "?" in url else "?") + query
        if gateway.body is not None and gateway.format == "json":
            body, kind = orjson.dumps(shaped(gateway.body, values)), "application/json"
        elif gateway.body is not None:
            body = urlencode([(name, filled(parts, values)) for name, parts in gateway.body]).encode()
            kind = "application/x-www-form-urlencoded"
    except (orjson.JSONEncodeError, UnicodeEncodeError):        # a lone surrogate: no bytes stand for it
        return Refused(Reason("provider_text_unreadable"))
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    if body is None and gateway.method != "GET":
        body = b""
    try:
        return Request(gateway.method, url, tuple(headers), body)
    except ValueError:
        return AccountTrouble(Reason("provider_key_refused", {"provider": NAME, "detail": ""}))


def _secrets(account: Account) -> dict[str, str]:
    return {f"secret.{name}": value for name, value in _named(account).items()}


def _named(account: Account) -> dict[str, str]:
    found = account.secrets.get("secrets")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


# ---------------------------------------------------------------------------------------- what comes back

def _outcome(gateway: Gateway, account: Account, message: Outgoing, answer: Answer | Broken, now: datetime) -> Outcome:
    verdict = classify(answer, now)
    if not isinstance(answer, Answer):
        return not_taken(NAME, verdict)
    found = _answered(answer.body)
    case = next((case for case in gateway.errors if case.fits(answer.status, found)), None)
    if case is not None:
        return _meant(case, verdict, complaint_of(_quoted(found, case), message, _named(account).values()))
    if verdict.fate is not Fate.OK:
        return not_taken(NAME, verdict, complaint_of(_quoted(found, None), message, _named(account).values()))
    said = gateway.success
    if answer.status not in said.statuses or (said.path is not None and word_at(found, said.path) not in said.values):
        return unclear(NAME, "the answer is none that was described")
    if said.reference is not None and word_at(found, said.reference) != message.reference:
        return unclear(NAME, "the answer does not name this message")
    if said.id is None:
        return Accepted(message.reference)
    reference = read.identifier(word_at(found, said.id))
    return Accepted(reference) if reference else unclear(NAME, "the answer bears no id")


def _meant(case: Case, verdict: Verdict, complaint: str) -> Outcome:
    values = {"provider": NAME, "status": verdict.status, "detail": complaint or verdict.detail}
    if case.means == "later":
        return TryLater(max(verdict.after or BUSY, SOONEST), Reason("provider_busy", values))
    if case.means in ("account", "no_credit"):
        return AccountTrouble(Reason("provider_key_refused" if case.means == "account" else "provider_no_credit",
                                     values))
    if case.means == "uncertain":
        return unclear(NAME, verdict.detail)
    codes = {"opt_out": "provider_number_silent", "dead_number": "provider_number_dead"}
    return Refused(Reason(codes.get(case.means, "provider_refused"), values), case.means == "opt_out",
                   case.means == "dead_number")


def _answered(body: bytes) -> object:
    """JSON; or plain text, as `text` whole and as `words`."""
    found = read.json_or_none(body)
    if found is not None:
        return found
    text = read.words(body[:2_000].decode("utf-8", "replace"), 2_000)
    return {"text": text, "words": [word for word in _GAPS.split(text) if word]}


def _quoted(found: object, case: Case | None) -> Iterator[object]:
    """What of an answer tells people something: what was matched, and the usual places of an explanation."""
    if case is not None and case.path is not None:
        yield word_at(found, case.path)
    if isinstance(found, dict):
        for name in ("message", "detail", "description", "error"):
            yield word_at(found, name)


def _described(account: Account) -> Gateway:
    try:
        return compiled(account.config, tuple(_named(account)))
    except BadInput as error:
        raise NotAuthentic("the account's description does not hold together") from error


def _decoded(given: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(given) if encoding == "hex" else base64.b64decode(given, validate=True)
    except (ValueError, binascii.Error) as error:
        raise NotAuthentic("the signature cannot be decoded") from error


def _content(request: Inbound) -> object:
    """The fields of a callback: its JSON, its form, or its query."""
    if not request.body:
        return dict(read.form(urlsplit(request.url).query.encode("ascii", "replace")))
    kind = (request.optional_header("Content-Type") or "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return dict(read.form(request.body))
    return read.json_value(request.body)


def _each(found: object, heard: Heard) -> Sequence[object]:
    listed = at_path(found, heard.each) if heard.each is not None else found
    items = listed if isinstance(listed, list) else [listed]
    return [item for item in items[:MOST_AT_ONCE] if isinstance(item, dict)]


def _receipt(item: object, heard: Heard, now: datetime) -> Receipt | None:
    word = word_at(item, heard.paths.get("status"))
    theirs = read.identifier(word_at(item, heard.paths.get("id")))
    ours = read.identifier(word_at(item, heard.paths.get("reference")))
    if not word or (theirs is None and ours is None):
        return None
    key = word.casefold()
    state = STATES[heard.states[key]] if key in heard.states else None
    flags = {flag: key in words for flag, words in heard.flags.items()}
    reason = None
    if state is State.FAILED:
        code = ("provider_number_silent" if flags["opt_out"] else "provider_number_dead" if flags["dead_number"] else
                "provider_no_credit" if flags["account"] else "provider_undelivered")
        reason = Reason(code, {"provider": NAME, "status": word, "detail": ""})
    at = read.moment((word_at(item, heard.paths.get("at")),), now)
    # Without an id of theirs, ours was given out as the provider's.
    return Receipt(theirs or ours, state, word, at, ours, reason, flags["account"], flags["retry"], flags["opt_out"],
                   flags["dead_number"])


def _reply(item: object, heard: Heard, now: datetime) -> PhoneReply | None:
    sender = read.number(at_path(item, heard.paths["from"]))
    text, reference = read.said(at_path(item, heard.paths["text"])), read.identifier(word_at(item, heard.paths["id"]))
    if sender is None or text is None or reference is None:
        return None
    called = word_at(item, heard.paths.get("to"))
    at = read.moment((word_at(item, heard.paths.get("at")),), now)
    return PhoneReply(sender, read.number(called) or called[:20], text, at, reference,
                      read.identifier(word_at(item, heard.paths.get("answers"))))

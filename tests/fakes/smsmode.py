"""A stand-in for smsmode on loopback: takes messages, remembers every one of them, and calls back when it is told to.

    with FakeSmsmode(api_key="k") as fake:
        ...                                        # a provider whose `smsmode` address is fake.url sends "msg_1"
        fake.texts("+33639980001")                 # what that phone received, doubles included
        fake.report("msg_1", "DELIVERED")          # posts a delivery report to the message's callbackUrlStatus
        fake.answers("msg_1", "OUI")               # posts what the person wrote to its callbackUrlMo

Like the real one it is not idempotent: a repeated POST sends twice, and `times` counts it. Faults are steps of
`tests.faults.server`: `fail(cut_before())` plays one instead of the next request, `fail(cut_after(), takes=True)` after
the request was carried out.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

Message = dict[str, Any]

_ECHOED = ("refClient", "callbackUrlStatus", "callbackUrlMo")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FakeSmsmode(Vendor):
    """`messages` is its ledger: one resource for each message that was taken, as the real one would show it.

    `hidden` is True while reporting is late: messages are taken, but neither listed nor found. `batches` tells whether
    arrays are taken. `now` is what it writes into dates.
    """

    def __init__(self, api_key: str = "k", channel_id: str = "ch-1", price: object = 0.05, *,
                 batches: bool = True) -> None:
        super().__init__()
        self.api_key, self.channel_id, self.price, self.batches = api_key, channel_id, price, batches
        self.messages: list[Message] = []
        self.hidden = False
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

    # what a test asks and wants

    def times(self, reference: str) -> int:
        """How often the message of that reference was sent: 2 is a double."""
        return len(self._of(reference))

    def texts(self, number: str) -> list[str]:
        """What the phone `number` (E.164) received, in order."""
        with self._lock:
            return [message["body"]["text"] for message in self.messages
                    if message["recipient"]["to"] == number.removeprefix("+")]

    def refuse(self) -> None:
        """Refuses connections until `listen`."""
        self._server.refuse()

    def listen(self) -> None:
        self._server.listen()

    def report(self, reference: str, value: str = "DELIVERED", detail: str | None = None) -> list[int]:
        """Moves the message(s) of that reference to `value` and reports it. Returns the statuses of our answers."""
        statuses = []
        for message in self._of(reference):
            with self._lock:
                message["status"] = {"deliveryDate": self._date(), "value": value}
                if detail:
                    message["status"]["detail"] = detail
                copy = {**message}
            statuses.append(_post(copy.get("callbackUrlStatus"), copy))
        return statuses

    def answers(self, reference: str, text: str) -> int:
        """The person who got that message writes back. Returns the status of our answer."""
        message = self._of(reference)[-1]
        return _post(message.get("callbackUrlMo"), {
            "messageId": str(uuid.uuid4()), "originMessageId": message["messageId"], "sentDate": self._date(),
            "channel": self._channel(), "type": "SMS", "direction": "MO", "from": message["recipient"]["to"],
            "recipient": {"to": "36034"}, "body": {"text": text}, "refClient": reference})

    # what the provider sees

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        if seen.headers.get("x-api-key") != self.api_key:
            return _error(401, "401.001", "Unauthorized", "bad API key")
        if seen.method == "POST" and place.path == "/sms/v1/messages":
            return self._take(seen)
        if seen.method == "GET" and place.path == "/sms/v1/messages":
            return self._list({name: values[-1] for name, values in parse_qs(place.query).items()})
        if seen.method == "GET" and place.path.startswith("/sms/v1/messages/"):
            wanted = unquote(place.path.removeprefix("/sms/v1/messages/"))
            found = [message for message in self._visible() if message["messageId"] == wanted]
            return ok(found[0]) if found else _error(404, "404.001", "Not Found", "no such message")
        return _error(404, "404.000", "Not Found", "no such path")

    def _take(self, seen: Seen) -> Step:
        try:
            given = json.loads(seen.body)
        except ValueError:
            return _error(400, "400.001", "Bad Request", "not JSON")
        many = isinstance(given, list)
        if many and not (self.batches and 1 <= len(given) <= 1000):
            return _error(400, "400.002", "Bad Request", "an object is expected")
        each: list[Any] = given if many else [given]
        for one in each:
            if wrong := _wrong(one):
                return wrong
        taken = [self._keep(one) for one in each]
        return ok([{"message": message} for message in taken] if many else taken[0], 201)

    def _keep(self, given: dict[str, Any]) -> Message:
        message_id = str(uuid.uuid4())
        text = given["body"]["text"] + (" STOP 36034" if given["body"].get("stop") else "")
        message: Message = {
            "messageId": message_id, "acceptedAt": self._date(), "sentDate": self._date(), "channel": self._channel(),
            "type": "SMS", "direction": "MT", "recipient": given["recipient"], "from": given.get("from", "36034"),
            "body": {**given["body"], "text": text, "length": len(text), "messagePartCount": 1},
            "price": {"amount": self.price, "currency": "EUR"},
            "status": {"deliveryDate": self._date(), "value": "ENROUTE"},
            "href": f"{self.url}/sms/v1/messages/{message_id}"}
        message |= {field: given[field] for field in _ECHOED if field in given}
        self.messages.append(message)
        return message

    def _list(self, query: dict[str, str]) -> Step:
        page, size = int(query.get("page", "1")), int(query.get("pageSize", "10"))
        if not 1 <= size <= 100 or page < 1:
            return _error(400, "400.010", "Bad Request", "page or pageSize")
        found = [message for message in reversed(self._visible())
                 if query.get("searchBy[refClient]") in (None, message.get("refClient"))
                 and query.get("searchBy[direction]", "MT") == message["direction"]]
        items = found[(page - 1) * size:page * size]
        answer: Message = {"page": page, "pageSize": size, "count": len(items), "totalCount": len(found), "links": {},
                           "items": items}
        return ok(answer)

    def _visible(self) -> list[Message]:
        return [] if self.hidden else self.messages

    def _of(self, reference: str) -> list[Message]:
        with self._lock:
            return [message for message in self.messages if message.get("refClient") == reference]

    def _channel(self) -> dict[str, str]:
        return {"channelId": self.channel_id, "name": "main", "type": "SMS", "flow": "TRANSACTIONAL"}

    def _date(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S")


def _wrong(given: Any) -> Step | None:
    """The platform's rules, as far as they are known."""
    if not isinstance(given, dict) or not isinstance(given.get("body"), dict) or not given["body"].get("text"):
        return _error(400, "400.003", "Bad Request", "body.text is required")
    to = str(given.get("recipient", {}).get("to", "")).removeprefix("+")
    if not to.isdigit() or to.startswith("0") or not 7 <= len(to) <= 15:
        return _error(400, "400.029", "Bad Request", f"{to} is not E.164")
    if given["body"].get("encoding", "GSM7") not in ("GSM7", "UNICODE"):
        return _error(400, "400.004", "Bad Request", "body.encoding")
    if "refClient" in given and not 3 <= len(given["refClient"]) <= 140:
        return _error(400, "400.005", "Bad Request", "refClient has 3 to 140 characters")
    if any(len(given.get(field, "")) > 255 for field in ("callbackUrlStatus", "callbackUrlMo")):
        return _error(400, "400.006", "Bad Request", "a callback has at most 255 characters")
    if "from" in given and not 1 <= len(given["from"]) <= 11:
        return _error(400, "400.007", "Bad Request", "from has 1 to 11 characters")
    return None


def _error(number: int, code: str, title: str, message: str) -> Step:
    return status(number, {"type": "https://dev.smsmode.com/errors", "title": title, "message": message,
                           "detail": message, "errorCode": code})


def _post(url: str | None, body: Message) -> int:
    if not url:
        return 0
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with _DIRECT.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code

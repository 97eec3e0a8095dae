"""A stand-in for Twilio on loopback: takes messages, remembers every one of them, signs what it posts back.

    with FakeTwilio() as fake:
        ...                                        # a provider whose `twilio` address is fake.url sends a message
        fake.texts("+33639980001")                 # what that phone received, doubles included
        fake.report(sid, "delivered")              # posts to the message's StatusCallback, signed
        fake.writes("+33639980001", "OUI")         # posts what the person wrote to the inbound webhook, signed

        [call] = fake.calls                        # a call rings until somebody answers it
        fake.answers(call["sid"], "human")         # asks what to say, as Twilio does once it knows who answered
        fake.heard(call["sid"])                    # the sentences that were said
        fake.presses(call["sid"], "1")             # the key is posted to the address that the last TwiML named
        fake.ends(call["sid"], "completed")        # or "busy", "no-answer", …: posts to the call's StatusCallback

Like the real one it is not idempotent and keeps no reference of ours. `fail(step, takes=True)` plays a fault after the
request was carried out.
"""

from __future__ import annotations

import base64
import hmac
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

ACCOUNT = "AC" + "0" * 31 + "1"
Message = dict[str, Any]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def signature(url: str, fields: dict[str, str], token: str) -> str:
    """As Twilio makes it, for fields that come once."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def resource(given: dict[str, str], made: datetime, sid: str | None = None) -> Message:
    """A message as the REST interface shows it."""
    return {"sid": sid or "SM" + uuid.uuid4().hex, "account_sid": ACCOUNT, "to": given["To"],
            "from": given.get("From"), "messaging_service_sid": given.get("MessagingServiceSid"),
            "body": given["Body"], "status": "queued", "num_segments": "1", "num_media": "0", "error_code": None,
            "error_message": None, "price": None, "price_unit": "USD", "direction": "outbound-api",
            "date_created": format_datetime(made), "date_updated": format_datetime(made), "date_sent": None,
            "api_version": "2010-04-01", "uri": "", "subresource_uris": {}}


def call(given: dict[str, str], made: datetime, sid: str | None = None) -> Message:
    """A call as the REST interface shows it."""
    return {"sid": sid or "CA" + uuid.uuid4().hex, "account_sid": ACCOUNT, "to": given["To"], "from": given.get("From"),
            "status": "queued", "direction": "outbound-api", "answered_by": None, "price": None, "price_unit": "USD",
            "date_created": format_datetime(made), "date_updated": format_datetime(made), "start_time": None,
            "end_time": None, "duration": None, "queue_time": "0", "api_version": "2010-04-01", "uri": "",
            "parent_call_sid": None, "subresource_uris": {}}


class FakeTwilio(Vendor):
    """`messages` and `calls` are its ledgers. `now` is what it writes into dates, `page` how many a page of its lists
    holds. `posts` takes what it posts back (address, fields) in place of the network."""

    def __init__(self, token: str = "t0ken", user: str = ACCOUNT, page: int = 200) -> None:
        super().__init__()
        self.posts: Callable[[str, dict[str, str]], tuple[int, bytes]] | None = None
        self.token, self.user, self.page = token, user, page
        self.messages: list[Message] = []
        self.callbacks: dict[str, str] = {}
        self.calls: list[Message] = []
        self.made_by: dict[str, dict[str, list[str]]] = {}
        self.said: dict[str, list[bytes]] = {}
        self.inbound_url = ""
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
        self._last: dict[str, tuple[str, dict[str, str]]] = {}

    def texts(self, number: str) -> list[str]:
        with self._lock:
            return [message["body"] for message in self.messages if message["to"] == number]

    def report(self, sid: str, value: str, code: int | None = None) -> int:
        """Moves a message to `value` and posts it. Returns the status of our answer."""
        [message] = [one for one in self.messages if one["sid"] == sid]
        message["status"], message["error_code"] = value, code
        fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": value, "SmsStatus": value, "AccountSid": ACCOUNT,
                  "From": str(message["from"]), "To": message["to"], "ApiVersion": "2010-04-01"}
        return self._post(self.callbacks[sid], fields | ({"ErrorCode": str(code)} if code else {}))

    def writes(self, number: str, text: str, to: str = "+33700000001", **more: str) -> int:
        sid = "SM" + uuid.uuid4().hex
        return self._post(self.inbound_url, {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": ACCOUNT, "From": number, "To": to,
            "Body": text, "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01",
            **more})

    # ------------------------------------------------------------------------------------ calls

    def begins(self, sid: str) -> int:
        """The first of the events that were asked for."""
        return self._progress(sid, "initiated")

    def answers(self, sid: str, answered_by: str | None) -> list[str]:
        """Somebody picks up: asks what to say, and says it. The sentences; none when it hangs up at once."""
        one = self._call(sid)
        one["status"], one["answered_by"] = "in-progress", answered_by
        fields = self._fields(one) | ({"AnsweredBy": answered_by} if answered_by else {})
        return self._say(sid, self.made_by[sid]["Url"][0], fields)

    def presses(self, sid: str, key: str) -> list[str]:
        """A key, posted to the address that was given with the last words. What is said then."""
        gather = ElementTree.fromstring(self.said[sid][-1]).find("Gather")
        assert gather is not None, "no key was asked for"
        return self._say(sid, gather.attrib["action"], self._fields(self._call(sid)) | {
            "Digits": key, "FinishedOnKey": ""})

    def ends(self, sid: str, value: str) -> int:
        one = self._call(sid)
        one["status"], one["end_time"] = value, format_datetime(self.now)
        return self._progress(sid, value)

    def heard(self, sid: str) -> list[str]:
        """Every sentence that was said in that call."""
        return [text for document in self.said.get(sid, []) for text in sentences(document)]

    def ask_again(self, sid: str) -> int:
        """Twilio repeats its last question about that call, word for word."""
        url, fields = self._last[sid]
        return self._exchange(url, fields)[0]

    def _say(self, sid: str, url: str, fields: dict[str, str]) -> list[str]:
        self._last[sid] = url, fields
        code, body = self._exchange(url, fields)
        assert code == 200, f"the phone says that an application error has occurred ({code})"
        self.said.setdefault(sid, []).append(body)
        return sentences(body)

    def _progress(self, sid: str, value: str) -> int:
        return self._post(self.made_by[sid]["StatusCallback"][0], self._fields(self._call(sid)) | {
            "CallStatus": value, "CallbackSource": "call-progress-events", "SequenceNumber": "0"})

    def _fields(self, one: Message) -> dict[str, str]:
        return {"CallSid": one["sid"], "AccountSid": ACCOUNT, "From": str(one["from"]), "To": one["to"],
                "Called": one["to"], "Caller": str(one["from"]), "CallStatus": one["status"],
                "Direction": "outbound-api", "ApiVersion": "2010-04-01"}

    def _call(self, sid: str) -> Message:
        [one] = [one for one in self.calls if one["sid"] == sid]
        return one

    def _post(self, url: str, fields: dict[str, str]) -> int:
        return self._exchange(url, fields)[0]

    def _exchange(self, url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        if self.posts is not None:
            return self.posts(url, fields)
        request = urllib.request.Request(url, urlencode(fields).encode(), {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(url, fields, self.token)})
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        proof = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        if seen.headers.get("authorization") != f"Basic {proof}":
            return error(401, 20003, "Authenticate")
        if place.path.startswith(f"/2010-04-01/Accounts/{ACCOUNT}/Calls"):
            return self._of_calls(seen, place.path.rpartition("/Calls")[2], place.query)
        if place.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            return error(404, 20404, "The requested resource was not found")
        if seen.method == "GET":
            return self._list("Messages", self.messages, place.query)
        given = dict(parse_qsl(seen.body.decode(), keep_blank_values=True, strict_parsing=True))
        if wrong := _wrong(given):
            return wrong
        message = resource(given, self.now)
        self.messages.append(message)
        self.callbacks[message["sid"]] = given.get("StatusCallback", "")
        return ok(message, 201)

    def _of_calls(self, seen: Seen, rest: str, query: str) -> Step:
        if rest == ".json" and seen.method == "GET":
            return self._list("Calls", self.calls, query)
        given = parse_qs(seen.body.decode(), keep_blank_values=True, strict_parsing=True) if seen.body else {}
        if rest == ".json":
            first = {name: values[0] for name, values in given.items()}
            if wrong := _wrong_call(first):
                return wrong
            one = call(first, self.now)
            self.calls.append(one)
            self.made_by[one["sid"]] = given
            return ok(one, 201)
        found = next((one for one in self.calls if rest == f"/{one['sid']}.json"), None)
        if found is None:
            return error(404, 20404, "The requested resource was not found")
        if seen.method == "POST" and given.get("Status") == ["canceled"]:
            if found["status"] not in ("queued", "ringing"):
                return error(400, 21220, "Call is not in-progress. Cannot redirect.")
            found["status"] = "canceled"
        return ok(found)

    def _list(self, kind: str, all_of_them: list[Message], asked: str) -> Step:
        query = {name: values[-1] for name, values in parse_qs(asked).items()}
        found = [one for one in reversed(all_of_them) if query.get("To") in (None, one["to"])]
        size, page = min(int(query.get("PageSize", "50")), self.page), int(query.get("Page", "0"))
        items, more = found[page * size:(page + 1) * size], len(found) > (page + 1) * size
        again = urlencode({**query, "Page": page + 1, "PageToken": f"PASM{page}"})
        answer: Message = {kind.lower(): items, "page": page, "page_size": size, "next_page_uri":
                           f"/2010-04-01/Accounts/{ACCOUNT}/{kind}.json?{again}" if more else None}
        return ok(answer, headers={"Date": format_datetime(self.now, usegmt=True)})


def _wrong(given: dict[str, str]) -> Step | None:
    digits = given.get("To", "").removeprefix("+")
    if not given.get("To", "").startswith("+") or not digits.isdigit() or not 7 <= len(digits) <= 15:
        return error(400, 21211, f"Invalid 'To' Phone Number: {given.get('To')}")
    if not given.get("Body"):
        return error(400, 21602, "Message body is required")
    if len(given["Body"]) > 1600:
        return error(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    if not given.get("From") and not given.get("MessagingServiceSid"):
        return error(400, 21603, "A 'From' phone number is required")
    if not 1 <= int(given.get("ValidityPeriod", "36000")) <= 36000:
        return error(400, 21623, "ValidityPeriod")
    return None


def _wrong_call(given: dict[str, str]) -> Step | None:
    digits = given.get("To", "").removeprefix("+")
    if not given.get("To", "").startswith("+") or not digits.isdigit() or not 7 <= len(digits) <= 15:
        return error(400, 21211, f"Invalid 'To' Phone Number: {given.get('To')}")
    if not given.get("From"):
        return error(400, 21213, "'From' phone number is required")
    if not given.get("Url") and not given.get("Twiml"):
        return error(400, 21205, "Url parameter is required")
    if given.get("MachineDetection") not in (None, "Enable", "DetectMessageEnd"):
        return error(400, 21262, "MachineDetection")
    if not 5 <= int(given.get("Timeout", "60")) <= 600:
        return error(400, 21263, "Timeout")
    return None


def sentences(document: bytes) -> list[str]:
    """What a TwiML document makes the phone say, in its order."""
    return [say.text or "" for say in ElementTree.fromstring(document).iter("Say")]


def error(number: int, code: int, message: str) -> Step:
    return status(number, {"code": code, "message": message, "status": number,
                           "more_info": f"https://www.twilio.com/docs/errors/{code}"})

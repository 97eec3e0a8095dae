"""A stand-in for Twilio on loopback: takes messages, remembers every one of them, signs what it posts back.

    with FakeTwilio() as fake:
        ...                                        # a provider whose `twilio` address is fake.url sends a message
        fake.texts("+33639980001")                 # what that phone received, doubles included
        fake.report(sid, "delivered")              # posts to the message's StatusCallback, signed
        fake.writes("+33639980001", "OUI")         # posts what the person wrote to the inbound webhook, signed

Like the real one it is not idempotent and keeps no reference of ours. `fail(step, takes=True)` plays a fault after the
request was carried out.
"""

from __future__ import annotations

import base64
import hmac
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

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


class FakeTwilio(Vendor):
    """`messages` is its ledger. `now` is what it writes into dates, `page` how many a page of its list holds."""

    def __init__(self, token: str = "t0ken", user: str = ACCOUNT, page: int = 200) -> None:
        super().__init__()
        self.token, self.user, self.page = token, user, page
        self.messages: list[Message] = []
        self.callbacks: dict[str, str] = {}
        self.inbound_url = ""
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

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

    def _post(self, url: str, fields: dict[str, str]) -> int:
        request = urllib.request.Request(url, urlencode(fields).encode(), {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(url, fields, self.token)})
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        proof = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        if seen.headers.get("authorization") != f"Basic {proof}":
            return error(401, 20003, "Authenticate")
        if place.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            return error(404, 20404, "The requested resource was not found")
        if seen.method == "GET":
            return self._list({name: values[-1] for name, values in parse_qs(place.query).items()})
        given = dict(parse_qsl(seen.body.decode(), keep_blank_values=True, strict_parsing=True))
        if wrong := _wrong(given):
            return wrong
        message = resource(given, self.now)
        self.messages.append(message)
        self.callbacks[message["sid"]] = given.get("StatusCallback", "")
        return ok(message, 201)

    def _list(self, query: dict[str, str]) -> Step:
        found = [one for one in reversed(self.messages) if query.get("To") in (None, one["to"])]
        size, page = min(int(query.get("PageSize", "50")), self.page), int(query.get("Page", "0"))
        items, more = found[page * size:(page + 1) * size], len(found) > (page + 1) * size
        again = urlencode({**query, "Page": page + 1, "PageToken": f"PASM{page}"})
        answer: Message = {"messages": items, "page": page, "page_size": size, "next_page_uri":
                           f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{again}" if more else None}
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


def error(number: int, code: int, message: str) -> Step:
    return status(number, {"code": code, "message": message, "status": number,
                           "more_info": f"https://www.twilio.com/docs/errors/{code}"})

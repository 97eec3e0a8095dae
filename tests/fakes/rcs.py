"""A stand-in for Google's RCS for Business on loopback: its token endpoint, its phones, and the events that it signs.

    with FakeRcs() as fake:
        ...                                        # a provider whose `rcs` and `rcs_token` addresses are the fake's
        fake.shown("+33639980001")                 # what that phone got, each message once
        fake.event(url, "DELIVERED", message_id)   # posts a signed event; returns the status of our answer
        fake.taps(url, "+33639980001", postback)   # the person used a suggestion

Like the real one it ignores a message id that it knows. `without_rcs` are the numbers that are answered 404, `features`
what each phone can show, and many numbers at once are 500 to 10,000.
"""

from __future__ import annotations

import base64
import hmac
import json
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

AGENT = "cabinet_agent"
CLIENT_TOKEN = "client-token"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                        serialization.NoEncryption()).decode()
SERVICE_ACCOUNT = {"type": "service_account", "client_email": "relance@project.iam.gserviceaccount.example",
                   "private_key": PEM, "private_key_id": "k1", "token_uri": "https://not-asked.example/token"}
Message = dict[str, Any]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def signature(data: bytes, token: str = CLIENT_TOKEN) -> str:
    """X-Goog-Signature of an event's bytes."""
    return base64.b64encode(hmac.digest(token.encode(), data, "sha512")).decode()


def envelope(event: Any) -> bytes:
    """The body that brings `event`."""
    data = base64.b64encode(json.dumps(event).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "p1", "attributes": {"type": "message"}},
                       "subscription": "projects/rbm/subscriptions/s"}).encode()


def error(number: int, word: str, message: str = "") -> Step:
    return status(number, {"error": {"code": number, "message": message or word, "status": word}})


class FakeRcs(Vendor):
    """`messages` is its ledger, by message id. `tokens` counts how many were given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, Message] = {}
        self.without_rcs: set[str] = set()
        self.features: dict[str, list[str]] = {}
        self.delivered: set[str] = set()
        self.revoked: list[str] = []
        self.tokens: list[dict[str, Any]] = []
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

    @property
    def urls(self) -> dict[str, str]:
        return {"rcs": self.url, "rcs_token": f"{self.url}/token"}

    @property
    def requests(self) -> list[Seen]:
        return [seen for seen in self._server.ledger if not seen.path.startswith("/token")]

    @property
    def questions(self) -> list[Seen]:
        """What it was asked about phones."""
        return [seen for seen in self.requests if "/capabilities" in seen.path or seen.path.endswith(":batchGet")]

    def shown(self, number: str) -> list[Message]:
        with self._lock:
            return [one["content"] for one in self.messages.values() if one["to"] == number]

    # what it posts

    def event(self, url: str, kind: str, message_id: str, number: str = "+33639980001") -> int:
        named = "phoneNumber" if kind.startswith("TTL_") else "senderPhoneNumber"
        return self.post(url, {named: number, "eventType": kind, "eventId": str(uuid.uuid4()),
                               "messageId": message_id, "sendTime": self._date(), "agentId": AGENT})

    def writes(self, url: str, number: str, text: str) -> int:
        return self.post(url, {**self._from(number), "text": text})

    def taps(self, url: str, number: str, postback: str, text: str = "OUI") -> int:
        return self.post(url, {**self._from(number), "suggestionResponse": {
            "postbackData": postback, "text": text, "type": "REPLY"}})

    def post(self, url: str, event: Message) -> int:
        body = envelope(event)
        data = base64.b64decode(json.loads(body)["message"]["data"])
        request = urllib.request.Request(url, body, {"Content-Type": "application/json",
                                                     "X-Goog-Signature": signature(data)})
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def _from(self, number: str) -> Message:
        return {"senderPhoneNumber": number, "messageId": str(uuid.uuid4()), "sendTime": self._date(),
                "agentId": AGENT}

    def _date(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    # what the provider sees

    def _answer(self, seen: Seen) -> Step:
        if urlsplit(seen.path).path == "/token":
            return self._token(seen)
        return super()._answer(seen)

    def _token(self, seen: Seen) -> Step:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        head, claims, signed = form["assertion"].split(".")
        try:
            KEY.public_key().verify(_unpadded(signed), f"{head}.{claims}".encode(), padding.PKCS1v15(),
                                    hashes.SHA256())
        except Exception:
            return status(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        found = json.loads(_unpadded(claims))
        if found["aud"] != f"{self.url}/token" or form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return status(400, {"error": "invalid_grant"})
        self.tokens.append(found)
        return ok({"access_token": f"ya29.{len(self.tokens)}", "expires_in": 3599, "token_type": "Bearer"})

    def _carry_out(self, seen: Seen) -> Step:
        # Each process asks for a token of its own, and none takes away another's.
        if seen.headers.get("authorization") not in {f"Bearer ya29.{one + 1}" for one in range(len(self.tokens))}:
            return error(401, "UNAUTHENTICATED")
        place = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        if place.path == "/v1/users:batchGet":
            return self._many(json.loads(seen.body))
        _, _, _, number, *rest = unquote(place.path).split("/")
        if query.get("agentId") != AGENT:
            return error(403, "PERMISSION_DENIED")
        if number in self.without_rcs:
            return error(404, "NOT_FOUND", "Requested entity was not found.")
        match seen.method, rest:
            case "GET", ["capabilities"]:
                return ok({"features": self.features.get(number, ["RICHCARD_STANDALONE", "ACTION_DIAL"])})
            case "POST", ["agentMessages"]:
                return self._take(number, query["messageId"], json.loads(seen.body))
            case "DELETE", ["agentMessages", named]:
                if named in self.delivered or named not in self.messages:
                    return error(404, "NOT_FOUND")
                self.revoked.append(named)
                del self.messages[named]
                return ok({})
        return error(404, "NOT_FOUND")

    def _many(self, given: Message) -> Step:
        numbers = given["users"]
        if given.get("agentId") != AGENT:
            return error(403, "PERMISSION_DENIED")
        if not 500 <= len(numbers) <= 10_000:
            return error(400, "INVALID_ARGUMENT", "users")
        there = [one for one in numbers if one not in self.without_rcs]
        return ok({**({"reachableUsers": there} if there else {}),
                   "totalRandomSampleUserCount": len(numbers) // 2, "reachableRandomSampleUserCount": len(there) // 2})

    def _take(self, number: str, named: str, given: Message) -> Step:
        uuid.UUID(named)
        if wrong := _wrong(given):
            return error(400, "INVALID_ARGUMENT", wrong)
        self.messages.setdefault(named, {"to": number, "content": given["contentMessage"], **given})
        return ok({"name": f"phones/{number}/agentMessages/{named}", "sendTime": self._date(), **given})


def _wrong(given: Message) -> str | None:
    """The platform's rules, as far as they are known."""
    content = given.get("contentMessage", {})
    shapes = [name for name in ("text", "fileName", "richCard", "contentInfo") if name in content]
    if len(shapes) != 1:
        return "exactly one content"
    if len(content.get("text", "")) > 3072 or not content.get("text", "x"):
        return "text"
    if "ttl" in given and "expireTime" in given:
        return "ttl or expireTime"
    card = content.get("richCard", {})
    cards = [card["standaloneCard"]["cardContent"]] if "standaloneCard" in card else \
        card.get("carouselCard", {}).get("cardContents", [])
    if "carouselCard" in card and not 2 <= len(cards) <= 10:
        return "cardContents"
    for one in cards:
        if not {"title", "description", "media"} & set(one) or len(one.get("suggestions", [])) > 4:
            return "cardContent"
        if "media" in one and one["media"]["height"] not in ("SHORT", "MEDIUM", "TALL"):
            return "height"
    suggestions = [*content.get("suggestions", []), *(s for one in cards for s in one.get("suggestions", []))]
    if len(content.get("suggestions", [])) > 11:
        return "suggestions"
    for one in suggestions:
        [inner] = one.values()
        if not 1 <= len(inner["text"]) <= 25:
            return "suggestion.text"
        base64.b64decode(inner["postbackData"], validate=True)
    return None


def _unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

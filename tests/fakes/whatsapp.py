"""A stand-in for WhatsApp's Cloud API on loopback: its 24-hour window, its templates, and what it signs and posts.

    with FakeWhatsApp(url) as fake:                # `url` is the webhook's address
        ...                                        # a provider whose `whatsapp` address is fake.url
        fake.received("+33639980001")              # what that person got, doubles included
        fake.report(wamid, "failed", 131026)       # posts a signed status
        fake.writes("+33639980001", "OUI")         # opens the window, and posts what the person wrote
        fake.taps("+33639980001", payload="…")     # … with a template's button, or an interactive one

    fake.turns("rdv_rappel", "PAUSED", "paused for 3 hours")      # a template's status changes, and is posted
    fake.becomes("rdv_rappel", "MARKETING")    # … its category, at once or (`ahead=True`) a day before

Like the real one it is not idempotent.
"""

from __future__ import annotations

import hmac
import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

NUMBER_ID = "106540352242922"
APP_SECRET, VERIFY_TOKEN, TOKEN = "app-secret", "verify-me", "EAAG-token"
WABA_ID = "102290129340398"
Message = dict[str, Any]
QUICK = [{"type": "QUICK_REPLY", "text": "Je confirme"}, {"type": "QUICK_REPLY", "text": "J'annule"}]


def template(name: str, body: str, language: str = "fr", category: str = "UTILITY", status: str = "APPROVED",
             **more: Any) -> Message:
    """A template as the account's list shows it. `more`: header, footer, buttons (as components), quality_score, …"""
    components: list[Message] = [{"type": "BODY", "text": body}]
    if "header" in more:
        components.insert(0, {"type": "HEADER", **more.pop("header")})
    if "footer" in more:
        components.append({"type": "FOOTER", "text": more.pop("footer")})
    if "buttons" in more:
        components.append({"type": "BUTTONS", "buttons": more.pop("buttons")})
    return {"id": "1689556908129832", "name": name, "language": language, "status": status, "category": category,
            "components": components, "rejected_reason": "NONE", "quality_score": {"score": "UNKNOWN"},
            "parameter_format": "POSITIONAL", **more}


TEMPLATES = (
    template("rdv_rappel", "Bonjour {{1}}, rendez-vous le {{2}}.", buttons=QUICK, footer="Cabinet Lyon"),
    template("bonjour", "Bonjour !"),
)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def signature(body: bytes, secret: str = APP_SECRET) -> str:
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


def envelope(field: str = "messages", number_id: str = NUMBER_ID, **value: Any) -> bytes:
    """The body of a post, non-ASCII escaped as Meta does."""
    metadata = {"display_phone_number": "33900000000", "phone_number_id": number_id}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [
        {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}]}]}).encode()


def news(field: str, at: datetime, waba_id: str = WABA_ID, **value: Any) -> bytes:
    """The body of a post about a template: it names the business account, and no telephone number."""
    return json.dumps({"object": "whatsapp_business_account", "entry": [
        {"id": waba_id, "time": int(at.timestamp()), "changes": [
            {"field": field, "value": {"message_template_id": 1689556908129832, **value}}]}]}).encode()


def error(number: int, code: int, message: str = "", **more: Any) -> Step:
    return status(number, {"error": {"message": message or f"(#{code})", "type": "OAuthException", "code": code,
                                     "error_data": {"messaging_product": "whatsapp", "details": "details"},
                                     "fbtrace_id": "A", **more}})


class FakeWhatsApp(Vendor):
    """`messages` is its ledger; `open_windows` holds the numbers that wrote less than 24 hours ago."""

    def __init__(self, webhook: str = "") -> None:
        super().__init__()
        self.webhook = webhook
        self.messages: list[Message] = []
        self.open_windows: set[str] = set()
        self.not_on_whatsapp: set[str] = set()
        self.templates: list[Message] = [dict(one) for one in TEMPLATES]
        self.page = 2
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)

    def received(self, number: str) -> list[Message]:
        with self._lock:
            return [one for one in self.messages if one["to"] == number.removeprefix("+")]

    # what it posts

    def report(self, wamid: str, word: str, code: int | None = None) -> int:
        [message] = [one for one in self.messages if one["id"] == wamid]
        item: Message = {"id": wamid, "status": word, "timestamp": str(int(self.now.timestamp())),
                         "recipient_id": message["to"],
                         "biz_opaque_callback_data": message["biz_opaque_callback_data"]}
        if code:
            item["errors"] = [{"code": code, "title": "title", "message": "message",
                               "error_data": {"details": "details"}}]
        return self.post(envelope(statuses=[item]))

    def writes(self, number: str, text: str, answers: str | None = None) -> int:
        return self._from(number, {"type": "text", "text": {"body": text}}, answers)

    def taps(self, number: str, payload: str, text: str = "Oui", answers: str | None = None, *,
             interactive: bool = False) -> int:
        if interactive:
            return self._from(number, {"type": "interactive", "interactive": {
                "type": "button_reply", "button_reply": {"id": payload, "title": text}}}, answers)
        return self._from(number, {"type": "button", "button": {"payload": payload, "text": text}}, answers)

    def turns(self, name: str, event: str, description: str = "", language: str = "fr", **more: Any) -> int:
        """A template changes its status; LOCKED and FLAGGED are words of the post alone."""
        for one in self.templates:
            if (one["name"], one["language"]) == (name, language) and event not in ("LOCKED", "FLAGGED"):
                one["status"] = "APPROVED" if event == "REINSTATED" else event
        info = {"other_info": {"title": "FIRST_PAUSE", "description": description}} if description else {}
        return self.post(self.news("message_template_status_update", event=event, message_template_name=name,
                                   message_template_language=language.replace("_", "-"), reason="NONE", **info, **more))

    def becomes(self, name: str, category: str, language: str = "fr", *, ahead: bool = False) -> int:
        """A template's category is changed, or (`ahead`) will be in a day."""
        [one] = [one for one in self.templates if (one["name"], one["language"]) == (name, language)]
        before, given = one["category"], {"message_template_name": name, "message_template_language": language}
        if ahead:
            at = int(self.now.timestamp()) + 86_400
            return self.post(self.news("template_category_update", **given, correct_category=category,
                                       new_category=before, category_update_timestamp=at))
        one["category"] = category
        return self.post(self.news("template_category_update", **given, previous_category=before,
                                   new_category=category))

    def news(self, field: str, waba_id: str = WABA_ID, **value: Any) -> bytes:
        """The body of a post about the account's templates."""
        return news(field, self.now, waba_id, **value)

    def shakes_hands(self, token: str = VERIFY_TOKEN, challenge: str = "1158201444") -> tuple[int, bytes]:
        """The GET by which Meta checks the webhook."""
        query = urlencode({"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge})
        try:
            with _DIRECT.open(f"{self.webhook}?{query}", timeout=10) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def _from(self, number: str, message: Message, answers: str | None) -> int:
        self.open_windows.add(number)
        wa_id = number.removeprefix("+")
        message = {"from": wa_id, "id": f"wamid.in{len(self.requests)}.{len(self.messages)}.{number}",
                   "timestamp": str(int(self.now.timestamp())), **message}
        if answers:
            message["context"] = {"from": "33900000000", "id": answers}
        return self.post(envelope(contacts=[{"profile": {"name": "Ana"}, "wa_id": wa_id}], messages=[message]))

    def post(self, body: bytes) -> int:
        request = urllib.request.Request(self.webhook, body, {"Content-Type": "application/json",
                                                              "X-Hub-Signature-256": signature(body)})
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    # what the provider sees

    def _carry_out(self, seen: Seen) -> Step:
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, 190, "Invalid OAuth access token")
        path = urlsplit(seen.path).path
        if re.fullmatch(rf"/v\d\d\.0/{WABA_ID}/message_templates", path) and seen.method == "GET":
            return self._listed(parse_qs(urlsplit(seen.path).query))
        if not re.fullmatch(rf"/v\d\d\.0/{NUMBER_ID}(/messages)?", path):
            return error(400, 100, "Unsupported post request", error_subcode=33)
        if seen.method == "GET":
            return ok({"display_phone_number": "+33 9 00 00 00 00", "quality_rating": "GREEN", "id": NUMBER_ID})
        given = json.loads(seen.body)
        if wrong := self._wrong(given):
            return wrong
        message = {**given, "id": f"wamid.{len(self.messages) + 1}=="}
        self.messages.append(message)
        return ok({"messaging_product": "whatsapp", "contacts": [{"input": given["to"], "wa_id": given["to"]}],
                   "messages": [{"id": message["id"], "message_status": "accepted"}]})

    def _listed(self, query: dict[str, list[str]]) -> Step:
        fields = query["fields"][0].split(",")
        first = int(query["after"][0].removeprefix("after-")) if "after" in query else 0
        some = self.templates[first:first + self.page]
        page: Message = {"data": [{"id": one["id"], **{name: one[name] for name in fields if name in one}}
                                  for one in some],
                         "paging": {"cursors": {"before": f"before-{first}", "after": f"after-{first + self.page}"}}}
        if first + self.page < len(self.templates):
            page["paging"]["next"] = "https://graph.facebook.com/not-asked"
        return ok(page)

    def _wrong(self, given: Message) -> Step | None:
        number = f"+{given.get('to', '').removeprefix('+')}"
        if given.get("messaging_product") != "whatsapp":
            return error(400, 100)
        if number in self.not_on_whatsapp:
            return error(400, 131026)
        if given["type"] == "template":
            return self._wrong_template(given["template"])
        if number not in self.open_windows:
            return error(400, 131047, "Re-engagement message")
        if given["type"] == "text":
            return None if 1 <= len(given["text"]["body"]) <= 4096 else error(400, 131009)
        inner = given["interactive"]
        replies = [one["reply"] for one in inner["action"]["buttons"]]
        good = 1 <= len(replies) <= 3 and 1 <= len(inner["body"]["text"]) <= 1024 and \
            all(1 <= len(one["title"]) <= 20 and 1 <= len(one["id"]) <= 256 for one in replies) and \
            len({one["title"] for one in replies}) == len(replies)
        return None if good else error(400, 131009)

    def _wrong_template(self, given: Message) -> Step | None:
        known = next((one for one in self.templates
                      if (one["name"], one["language"]) == (given["name"], given["language"]["code"])), None)
        if known is None or known["status"] in ("PENDING", "REJECTED", "DELETED"):
            return error(404, 132001, "template name does not exist in the translation")
        if known["status"] in ("PAUSED", "DISABLED"):
            return error(400, 132015 if known["status"] == "PAUSED" else 132016)
        parameters = [parameter for component in given.get("components", []) if component["type"] == "body"
                      for parameter in component["parameters"]]
        [body] = [one["text"] for one in known["components"] if one["type"] == "BODY"]
        if len(parameters) != len(set(re.findall(r"\{\{.*?\}\}", body))):
            return error(400, 132000, "number of localizable_params does not match")
        if any(re.search(r"[\n\t]| {5}", parameter["text"]) for parameter in parameters):
            return error(400, 132012)
        used = [int(one["index"]) for one in given.get("components", []) if one["type"] == "button"]
        there = sum(len(one["buttons"]) for one in known["components"] if one["type"] == "BUTTONS")
        return None if all(index < there for index in used) else error(400, 132000)

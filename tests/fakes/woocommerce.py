"""A stand-in for a WooCommerce shop on loopback: its REST API, its page of consent, and the webhooks that it sends.

    with FakeWooCommerce() as fake:
        ...                                      # an adapter whose site is fake.url, with fake.key and fake.secret
        fake.order(14, status="processing", phone="06 39 98 12 34")
        fake.deliver("order.updated", 14)        # to every active webhook of that topic; the statuses of our answers

It looks at keys as the real one does: over what PHP takes for https (`ssl`) by Basic or query, else by OAuth 1.0a
alone, whose nonces are good once. A webhook that is new is pinged until it has seen a 200; one that failed seven times
in a row is disabled, and no failed delivery is repeated.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

import requests

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

KEY, SECRET = "ck_" + "0123456789abcdef0123456789abcdef01234567", "cs_" + "89abcdef0123456789abcdef0123456789abcdef"


class FakeWooCommerce(Vendor):
    """`orders` by id as REST shows them, `hooks` by id with what REST never shows (`secret`, `failures`, `greeted`)."""

    def __init__(self, *, tls: bool = False, now: datetime | None = None) -> None:
        super().__init__(tls=tls)
        self.now = now or datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
        self.key, self.secret, self.permissions = KEY, SECRET, "read_write"
        self.ssl, self.strips_authorization, self.pretty = tls, False, True
        self.orders: dict[int, dict[str, Any]] = {}
        self.hooks: dict[int, dict[str, Any]] = {}
        self.coupons: dict[int, dict[str, Any]] = {}
        self.currency = "EUR"
        self.loses_coupon = False
        """The next coupon is made, and the answer is lost on the way."""
        self.ways: list[str] = []
        self._nonces: set[str] = set()

    # what happens in the shop

    def order(self, number: int, *, minutes: int = 0, created: int | None = None, phone: str = "06 39 98 12 34",
              country: str = "FR", email: str = "zoe@example.net", total: str = "96.70", currency: str = "EUR",
              **given: Any) -> dict[str, Any]:
        """An order is placed, or changes `minutes` after `now`; as REST shows it."""
        known = self.orders.get(number, {})
        birth = minutes if created is None else created
        born = known.get("date_created_gmt") or _gmt(self.now + timedelta(minutes=birth))
        body: dict[str, Any] = {
            "id": number, "parent_id": 0, "status": "processing", "currency": currency, "version": "10.6.2",
            "date_created": born, "date_created_gmt": born, "date_modified_gmt": _gmt(
                self.now + timedelta(minutes=minutes)), "total": total, "customer_id": 0, "number": str(number),
            "billing": {"first_name": "Zoë", "last_name": "O'Brien", "country": country, "email": email,
                        "phone": phone},
            "shipping": {"first_name": "", "country": "", "phone": ""}, "created_via": "store-api", "meta_data": [],
            "line_items": [{"id": 1, "name": "Théière", "product_id": 11, "variation_id": 0, "quantity": 2,
                            "price": 39.9}], "coupon_lines": [], "refunds": [], "needs_payment": False,
            "payment_url": f"{self.url}/checkout/order-pay/{number}/?pay_for_order=true&key=k", **given}
        self.orders[number] = body
        return body

    def deliver(self, topic: str, number: int) -> list[int]:
        """Sends the order as it is now to the active webhooks of that topic."""
        answers = []
        body = {"id": number} if topic == "order.deleted" else self.orders[number]
        raw = json.dumps(body).replace("/", "\\/").encode()
        for key, hook in self.hooks.items():
            if hook["topic"] != topic or hook["status"] != "active":
                continue
            answers.append(self._send(key, hook, raw))
            if not hook["greeted"]:
                self._ping(key, hook)
        return answers

    def headers(self, topic: str, raw: bytes, *, secret: str, hook: int = 12) -> dict[str, str]:
        resource, _, event = topic.partition(".")
        return {
            "User-Agent": "WooCommerce/10.6.2 Hookshot (WordPress/6.8.7)", "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self.url}/", "X-WC-Webhook-Topic": topic, "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event, "X-WC-Webhook-ID": str(hook), "X-WC-Webhook-Signature": base64.b64encode(
                hmac.digest(secret.encode(), raw, hashlib.sha256)).decode(),
            # A hash of the webhook and the second: two deliveries of one second have the same.
            "X-WC-Webhook-Delivery-ID": hashlib.md5(f"{hook}{int(self.now.timestamp())}".encode()).hexdigest()}

    def approve(self, address: str) -> tuple[int, str]:
        """The merchant approves at `address`: the keys go from server to server, then the browser's way back. The
        status of our answer, and that way ("" when the keys were deleted again)."""
        place = urlsplit(address)
        asked = dict(parse_qsl(place.query))
        assert place.path == "/wc-auth/v1/authorize"
        assert all(asked.get(name, "0") != "0" for name in (
            "app_name", "scope", "user_id", "return_url", "callback_url"))
        answer = requests.post(asked["callback_url"], json={
            "key_id": 1, "user_id": asked["user_id"], "consumer_key": self.key, "consumer_secret": self.secret,
            "key_permissions": asked["scope"]}, timeout=20, allow_redirects=False)
        back = f"{asked['return_url']}{'&' if '?' in asked['return_url'] else '?'}success=1&user_id={asked['user_id']}"
        return answer.status_code, back if answer.status_code == 200 else ""

    # what the adapter sees

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        route = place.path.removeprefix("/wp-json") if self.pretty else "/?"
        if place.path == "/" and query.get("rest_route"):
            route = query["rest_route"]
        if place.path == "/" and not query:
            return ok(b"<html>", headers={"Date": format_datetime(self.now, usegmt=True),
                                          "Content-Type": "text/html"})
        if not route.startswith("/w") or (place.path != "/" and not self.pretty):
            return status(404, b"<html>not found", {"Content-Type": "text/html"})
        if refused := self._unknown(seen, query):
            return refused
        if not route.startswith("/wc/v3/"):
            return ok({"timezone": "Europe/Paris"}) if route == "/wp/v2/settings" else _no(404, "rest_no_route")
        return self._routed(seen, route.removeprefix("/wc/v3"), query)

    def _routed(self, seen: Seen, path: str, query: Mapping[str, str]) -> Step:
        number = int(path.rpartition("/")[2]) if path.rpartition("/")[2].isdigit() else None
        if path == "/settings/general/woocommerce_default_country":
            return ok({"id": "woocommerce_default_country", "value": "FR"})
        if path == "/settings/general/woocommerce_currency":
            return ok({"id": "woocommerce_currency", "value": self.currency})
        if path.startswith("/coupons"):
            return self._coupons(seen, number, query)
        if path == "/orders" and seen.method == "GET":
            return _paged(self._listed(query), query)
        if path == "/webhooks" and seen.method == "GET":
            return _paged([_shown(key, one) for key, one in self.hooks.items()], query)
        if path == "/webhooks" and seen.method == "POST":
            return self._made(seen.json)
        if number is not None and path.startswith("/webhooks/"):
            if number not in self.hooks:
                return _no(404, "woocommerce_rest_shop_webhook_invalid_id")
            if seen.method == "DELETE":
                if query.get("force") != "true":
                    return _no(501, "woocommerce_rest_trash_not_supported")
                return ok(_shown(number, self.hooks.pop(number)))
            return ok(_shown(number, self.hooks[number]))
        return _no(404, "rest_no_route")

    def _unknown(self, seen: Seen, query: Mapping[str, str]) -> Step | None:
        given = None if self.strips_authorization else seen.headers.get("authorization")
        if self.ssl and given and given.startswith("Basic "):
            way, (key, _, secret) = "basic", base64.b64decode(given[6:]).decode().partition(":")
        elif self.ssl and "consumer_key" in query:
            way, key, secret = "query", query["consumer_key"], query.get("consumer_secret", "")
        elif "oauth_signature" in query:
            way, key, secret = "oauth", query.get("oauth_consumer_key", ""), self.secret
        else:
            return _no(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if key != self.key:
            return _no(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if way == "oauth" and (wrong := self._oauth(seen, query)):
            return _no(401, "woocommerce_rest_authentication_error", wrong)
        if secret != self.secret:
            return _no(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        if seen.method != "GET" and self.permissions == "read":
            return _no(401, "woocommerce_rest_authentication_error",
                       "The API key provided does not have write permissions.")
        self.ways.append(way)
        return None

    def _oauth(self, seen: Seen, query: Mapping[str, str]) -> str:
        address = self.url + urlsplit(seen.path).path
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query.items()
                       if name != "oauth_signature")
        message = "&".join((seen.method, quote(address, safe="~"), quote(
            "&".join(f"{name}={value}" for name, value in pairs), safe="~")))
        right = base64.b64encode(hmac.digest(f"{self.secret}&".encode(), message.encode(), "sha256")).decode()
        if right != query["oauth_signature"]:
            return "Invalid signature - provided signature does not match."
        if abs(int(query["oauth_timestamp"]) - self.now.timestamp()) > 900:
            return "Invalid timestamp."
        if query["oauth_nonce"] in self._nonces:
            return "Invalid nonce - nonce has already been used."
        self._nonces.add(query["oauth_nonce"])
        return ""

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        assert query.get("dates_are_gmt") == "true", "else the shop compares with its own wall"
        found = [one for one in self.orders.values() if one["status"] != "trash"]
        if "modified_after" in query:
            found = [one for one in found if one["date_modified_gmt"] > query["modified_after"]]
        if "after" in query:
            found = [one for one in found if one["date_created_gmt"] > query["after"]]
        return sorted(found, key=lambda one: int(one["id"]))

    def _coupons(self, seen: Seen, number: int | None, query: Mapping[str, str]) -> Step:
        if number is not None and number not in self.coupons:
            return _no(404, "woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.")
        if seen.method == "GET":
            found = [one for one in self.coupons.values() if query.get("code", one["code"]).lower() == one["code"]
                     and query.get("search", "").lower() in one["description"].lower()]
            return _paged(found, query)
        if seen.method == "DELETE" and number is not None:
            if query.get("force") != "true":
                return _no(501, "woocommerce_rest_trash_not_supported")
            return ok(self.coupons.pop(number))
        given = dict(seen.json)
        known = {"code", "description", "discount_type", "amount", "date_expires", "usage_limit",
                 "usage_limit_per_user", "individual_use", "email_restrictions"}
        # The real one leaves unread what it does not know, an end in UTC (`date_expires_gmt`) among it.
        assert set(given) <= known, f"{set(given) - known} would have no effect"
        if not isinstance(given.get("amount", ""), str):
            return _no(400, "rest_invalid_param", "Invalid parameter(s): amount")
        if given.get("discount_type", "percent") not in ("percent", "fixed_cart", "fixed_product"):
            return _no(400, "rest_invalid_param", "Invalid parameter(s): discount_type")
        if "date_expires" in given:
            wall = datetime.fromisoformat(given["date_expires"])
            given["date_expires_gmt"] = _gmt(wall.replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC))
        if seen.method == "PUT" and number is not None:
            self.coupons[number].update(given)
            return ok(self.coupons[number])
        # Codes are kept in small letters.
        given["code"] = str(given.get("code", "")).lower()
        if any(one["code"] == given["code"] for one in self.coupons.values()):
            return _no(400, "woocommerce_rest_coupon_code_already_exists", "The coupon code already exists")
        key = max(self.coupons, default=700) + 1
        self.coupons[key] = {"id": key, "usage_count": 0, "used_by": [], **given}
        if self.loses_coupon:
            self.loses_coupon = False
            return status(502, b"bad gateway")
        return status(201, self.coupons[key])

    def _made(self, given: Mapping[str, Any]) -> Step:
        if given.get("topic") not in ("order.created", "order.updated", "order.deleted", "order.restored"):
            return _no(400, "woocommerce_rest_shop_webhook_invalid_topic")
        if not str(given.get("delivery_url", "")).startswith("http"):
            return _no(400, "woocommerce_rest_shop_webhook_invalid_delivery_url")
        assert str(given.get("secret", "")).isalnum(), "any other character signs otherwise than it is written"
        key = max(self.hooks, default=0) + 1
        self.hooks[key] = {**given, "failures": 0, "greeted": False}
        self._ping(key, self.hooks[key])
        return status(201, _shown(key, self.hooks[key]))

    def _ping(self, key: int, hook: dict[str, Any]) -> None:
        try:
            answer = requests.post(hook["delivery_url"], data=f"webhook_id={key}", timeout=20, headers={
                "Content-Type": "application/x-www-form-urlencoded"})
            hook["greeted"] = answer.status_code == 200
        except requests.RequestException:
            hook["greeted"] = False

    def _send(self, key: int, hook: dict[str, Any], raw: bytes) -> int:
        try:
            headers = self.headers(hook["topic"], raw, secret=hook["secret"], hook=key)
            answer = requests.post(hook["delivery_url"], data=raw, headers=headers, timeout=20,
                                   allow_redirects=False).status_code
        except requests.RequestException:
            answer = 0
        hook["failures"] = 0 if 200 <= answer <= 302 else hook["failures"] + 1
        if hook["failures"] > 6:
            hook["status"] = "disabled"
        return answer


def _shown(key: int, hook: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": key, **{name: hook.get(name) for name in ("name", "status", "topic", "delivery_url")}}


def _paged(found: list[dict[str, Any]], query: Mapping[str, str]) -> Step:
    size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
    if not 1 <= size <= 100:
        return _no(400, "rest_invalid_param")
    return ok(found[(page - 1) * size:page * size], headers={
        "X-WP-Total": str(len(found)), "X-WP-TotalPages": str(-(-len(found) // size))})


def _no(number: int, code: str, message: str = "no") -> Step:
    return status(number, {"code": code, "message": message, "data": {"status": number}})


def _gmt(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")

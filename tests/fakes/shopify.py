"""A stand-in for Shopify on loopback: a shop's admin (OAuth and GraphQL), its buyers, and what it posts to us.

    with FakeShopify() as fake:
        ...                                    # an adapter whose `shopify` address is fake.url
        body = fake.checkout(981, email="zoe@example.net", sms_marketing_phone="+33639981234")
        fake.post("checkouts/update", body, to=hook_url)
        fake.orders_after(981)                 # the buyer pays

It is strict: a wrong token is 401, an unknown field or variable an error, tokens end and rotate, a bucket empties.
`fail(...)` plays steps of `tests.faults.server` instead of the next answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests

from tests.fakes.graphql import Wrong, answer, cost_of, parse, searched
from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

SHOP = "example-shop.myshopify.com"
SECRET = "shpss_example_client_secret_0001"
CLIENT = "0123456789abcdef"
VERSION = "2026-10"
_PERSON = {"phoneNumber": "", "marketingState": "", "marketingOptInLevel": "", "marketingUpdatedAt": "",
           "marketingCollectedFrom": ""}
_ADDRESS = {"firstName": "", "phone": "", "countryCodeV2": ""}
SCHEMA: Mapping[str, Mapping[str, str]] = {
    "Query": {"shop": "Shop", "currentAppInstallation": "App", "abandonedCheckouts": "AbandonedCheckout",
              "orders": "Order", "customers": "Customer", "webhookSubscriptions": "WebhookSubscription",
              "codeDiscountNodeByCode": "DiscountNode", "codeDiscountNodes": "DiscountNode"},
    "Mutation": {"webhookSubscriptionCreate": "Made", "webhookSubscriptionDelete": "Deleted",
                 "customerSmsMarketingConsentUpdate": "Consent", "discountCodeBasicCreate": "DiscountMade",
                 "discountCodeBasicUpdate": "DiscountMade", "discountCodeDelete": "DiscountDeleted"},
    "DiscountNode": {"id": "", "codeDiscount": "DiscountCodeBasic"},
    "DiscountCodeBasic": {"title": "", "startsAt": "", "endsAt": "", "asyncUsageCount": "", "codes": "RedeemCode"},
    "RedeemCode": {"code": ""},
    "DiscountMade": {"codeDiscountNode": "DiscountNode", "userErrors": "Error"},
    "DiscountDeleted": {"deletedCodeDiscountId": "", "userErrors": "Error"},
    "Shop": {"name": "", "myshopifyDomain": "", "ianaTimezone": "", "currencyCode": "", "billingAddress": "Address"},
    "App": {"accessScopes": "Scope"},
    "Scope": {"handle": ""},
    "AbandonedCheckout": {
        "id": "", "name": "", "createdAt": "", "updatedAt": "", "completedAt": "", "abandonedCheckoutUrl": "",
        "totalPriceSet": "MoneyBag", "lineItems": "Line", "shippingAddress": "Address", "billingAddress": "Address",
        "customer": "Customer"},
    "Order": {
        "id": "", "name": "", "email": "", "phone": "", "createdAt": "", "updatedAt": "", "cancelledAt": "", "test": "",
        "customerLocale": "", "statusPageUrl": "", "displayFulfillmentStatus": "", "displayFinancialStatus": "",
        "discountCodes": "", "totalPriceSet": "MoneyBag",
        "lineItems": "Line", "shippingAddress": "Address", "billingAddress": "Address", "customer": "Customer",
        "fulfillments": "Fulfillment"},
    "Fulfillment": {"createdAt": "", "status": "", "displayStatus": "", "trackingInfo": "Tracking"},
    "Tracking": {"company": "", "number": "", "url": ""},
    "MoneyBag": {"presentmentMoney": "Money", "shopMoney": "Money"},
    "Money": {"amount": "", "currencyCode": ""},
    "Line": {"title": "", "quantity": "", "variantTitle": "", "sku": ""},
    "Address": _ADDRESS,
    "Customer": {"id": "", "firstName": "", "locale": "", "updatedAt": "", "defaultPhoneNumber": "Phone"},
    "Phone": _PERSON,
    "WebhookSubscription": {"id": "", "topic": "", "uri": ""},
    "Made": {"webhookSubscription": "WebhookSubscription", "userErrors": "Error"},
    "Deleted": {"deletedWebhookSubscriptionId": "", "userErrors": "Error"},
    "Consent": {"customer": "Customer", "userErrors": "Error"},
    "Error": {"field": "", "message": "", "code": ""},
}

MOST_COST = 1_000
"""What one query may cost, whatever the shop pays."""


class FakeShopify(Vendor):
    """`checkouts`, `orders`, `customers` hold what GraphQL shows, by numeric id; `hooks` the subscriptions.

    `token` is the one that is taken, `refresh` the one that gives the next. `denied` are root fields, or fields of
    people, that the app may not see. `bucket` is how many cost points are there, `served` the version that answers.
    """

    def __init__(self, shop: str = SHOP, *, now: datetime | None = None) -> None:
        super().__init__()
        self.shop = shop
        self.now = now or datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
        self.token, self.refresh = "shpat_0", "shprt_0"
        self.scopes = ["write_customers", "read_orders", "read_fulfillments"]
        self.checkouts: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.customers: dict[int, dict[str, Any]] = {}
        self.hooks: dict[str, dict[str, str]] = {}
        self.consents: list[dict[str, Any]] = []
        self.discounts: dict[str, dict[str, Any]] = {}
        """By id: what was given, with `used`."""
        self.loses: set[str] = set()
        """Root fields that are carried out, once, and the answer is lost on the way."""
        self.refused_topics: set[str] = set()
        self.denied: set[str] = set()
        self.bucket: float = 2000
        self.served = VERSION
        self.codes: dict[str, str] = {}
        self.refreshed = 0

    @property
    def url(self) -> str:
        """For `RELANCE_SHOPIFY_URL`: each shop has its own place below it."""
        return f"{self._server.url}/{{shop}}"

    # the buyers

    def checkout(self, number: int, *, minutes: int = 0, total: str = "84.70", currency: str = "EUR",
                 lines: int = 1, **given: Any) -> dict[str, Any]:
        """A checkout is begun or changed, `minutes` after `now`; the body that Shopify would post of it."""
        at = (self.now + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        known = self.checkouts.get(number, {})
        created = known.get("createdAt") or at.replace("+00:00", "Z")
        body: dict[str, Any] = {
            "id": number, "token": f"chk_{number}", "cart_token": f"c{number}", "email": None, "phone": None,
            "customer_locale": "fr-FR", "buyer_accepts_marketing": False, "buyer_accepts_sms_marketing": False,
            "sms_marketing_phone": None, "created_at": created.replace("Z", "+00:00"), "updated_at": at,
            "completed_at": None,
            "closed_at": None, "currency": currency, "presentment_currency": currency, "total_price": total,
            "subtotal_price": total, "name": f"#{number}", "discount_codes": [],
            "line_items": [{"key": f"k{n}", "title": "Théière émaillée", "variant_title": "", "quantity": 2,
                            "price": "39.90"} for n in range(lines)],
            "abandoned_checkout_url": f"https://{self.shop}/1/checkouts/ac/chk_{number}/recover?key=0a1b",
            "shipping_address": [], "billing_address": None, "customer": None, **given}
        shipping = body["shipping_address"] or {}
        customer = body["customer"]
        self.checkouts[number] = {
            "id": f"gid://shopify/AbandonedCheckout/{number}", "name": f"#{number}", "createdAt": created,
            "updatedAt": at.replace("+00:00", "Z"), "completedAt": body["completed_at"],
            "abandonedCheckoutUrl": body["abandoned_checkout_url"],
            "totalPriceSet": {"presentmentMoney": {"amount": total, "currencyCode": currency}},
            "lineItems": [{"title": "Théière émaillée", "quantity": 2, "variantTitle": None} for _ in range(lines)],
            "shippingAddress": {"firstName": shipping.get("first_name"), "phone": shipping.get("phone"),
                                "countryCodeV2": shipping.get("country_code")} if shipping else None,
            "billingAddress": None,
            "customer": {"id": f"gid://shopify/Customer/{customer['id']}", "firstName": customer.get("first_name"),
                         "locale": "fr", "defaultPhoneNumber": None} if customer else None}
        return body

    def order(self, number: int, *, minutes: int = 0, updated: int | None = None, of: Mapping[str, Any] | None = None,
              **given: Any) -> dict[str, Any]:
        """An order is placed (`of` a checkout's body) or changes; the body that Shopify would post of it."""
        placed = self.now + timedelta(minutes=minutes)
        changed = self.now + timedelta(minutes=updated if updated is not None else minutes)
        of = of or {}
        body: dict[str, Any] = {
            "id": number, "admin_graphql_api_id": f"gid://shopify/Order/{number}", "name": f"#{number}",
            "checkout_id": of.get("id"), "checkout_token": of.get("token"), "cart_token": of.get("cart_token"),
            "email": of.get("email"), "contact_email": of.get("email"), "phone": of.get("phone"),
            "customer": of.get("customer"), "billing_address": None,
            "shipping_address": of.get("shipping_address") or None, "customer_locale": "fr-FR",
            "buyer_accepts_marketing": False, "financial_status": "paid", "fulfillment_status": None,
            "cancelled_at": None, "cancel_reason": None, "discount_codes": [], "currency": of.get("currency", "EUR"),
            "total_price": of.get("total_price", "84.70"), "line_items": of.get("line_items", []), "fulfillments": [],
            "order_status_url": f"https://{self.shop}/1/orders/{number}", "created_at": _iso(placed),
            "updated_at": _iso(changed), "test": False, "source_name": "web", **given}
        shipping = body["shipping_address"] or {}
        customer = body["customer"]
        self.orders[number] = {
            "id": f"gid://shopify/Order/{number}", "name": body["name"], "email": body["email"], "phone": body["phone"],
            "createdAt": _zulu(placed), "updatedAt": _zulu(changed), "cancelledAt": body["cancelled_at"],
            "test": body["test"], "customerLocale": "fr-FR", "statusPageUrl": body["order_status_url"],
            "displayFinancialStatus": body["financial_status"].upper(),
            "discountCodes": [one["code"] for one in body["discount_codes"]],
            "displayFulfillmentStatus": {"fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED"}.get(
                body["fulfillment_status"] or "", "UNFULFILLED"),
            "lineItems": [], "billingAddress": None, "fulfillments": [
                {"createdAt": one["created_at"], "status": one["status"].upper(),
                 "displayStatus": (one.get("shipment_status") or "fulfilled").upper(), "trackingInfo": [{
                    "company": one.get("tracking_company"), "number": one.get("tracking_number"),
                    "url": one.get("tracking_url")}]} for one in body["fulfillments"]],
            "totalPriceSet": {"presentmentMoney": {"amount": body["total_price"], "currencyCode": body["currency"]}},
            "shippingAddress": {"firstName": shipping.get("first_name"), "phone": shipping.get("phone"),
                                "countryCodeV2": shipping.get("country_code")} if shipping else None,
            "customer": {"id": f"gid://shopify/Customer/{customer['id']}", "firstName": customer.get("first_name")}
            if customer else None,
            "_checkout_token": body["checkout_token"], "_cart_token": body["cart_token"]}
        return body

    # what it posts to us

    def headers(self, topic: str, raw: bytes, *, delivery: str | None = None, secret: str = SECRET,
                **more: str) -> dict[str, str]:
        signature = base64.b64encode(hmac.digest(secret.encode(), raw, "sha256")).decode()
        return {
            "Content-Type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Shop-Domain": self.shop, "X-Shopify-API-Version": VERSION,
            "X-Shopify-Webhook-Id": delivery or str(uuid.uuid4()),
            "X-Shopify-Triggered-At": self.now.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"), **more}

    def post(self, topic: str, body: Mapping[str, Any], *, to: str, delivery: str | None = None,
             secret: str = SECRET) -> int:
        """Posts `body` as Shopify would. The status of our answer."""
        raw = json.dumps(body).encode()
        return requests.post(to, data=raw, headers=self.headers(topic, raw, delivery=delivery, secret=secret),
                             timeout=10, allow_redirects=False).status_code

    def callback(self, redirect_uri: str, state: str, **changed: str) -> str:
        """The address to which the merchant's browser comes back after the click."""
        code = uuid.uuid4().hex
        self.codes[code] = redirect_uri
        query = {"code": code, "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvZXhhbXBsZS1zaG9w", "shop": self.shop,
                 "state": state, "timestamp": str(int(self.now.timestamp()))}
        return f"{redirect_uri}?{urlencode({**signed(query), **changed})}"

    # what the adapter sees

    def _carry_out(self, seen: Seen) -> Step:
        place = urlsplit(seen.path)
        shop, _, path = place.path.lstrip("/").partition("/")
        if shop != self.shop:
            return status(404, {"errors": "Not Found"})
        if path == "admin/oauth/access_token" and seen.method == "POST":
            return self._grants(seen)
        if path == "admin/oauth/authorize" and seen.method == "GET":
            query = dict(parse_qsl(place.query))
            if query.get("client_id") != CLIENT or not query.get("scope") or not query.get("state"):
                return status(400, b"Oauth error")
            return status(302, headers={"Location": self.callback(query["redirect_uri"], query["state"])})
        if path == f"admin/api/{VERSION}/graphql.json" and seen.method == "POST":
            return self._graphql(seen)
        return status(404, {"errors": "Not Found"})

    def _grants(self, seen: Seen) -> Step:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        if form.get("client_id") != CLIENT or form.get("client_secret") != SECRET:
            return status(401, {"error": "invalid_client"})
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self.refresh:
                return status(400, {"error": "invalid_grant"})
            self.refreshed += 1
        elif self.codes.pop(form.get("code", ""), None) is None:
            return status(400, {"error": "invalid_request", "error_description": "the code was used"})
        if form.get("expiring") != "1":
            return status(400, {"error": "invalid_request", "error_description": "offline tokens must expire"})
        number = int(self.token.rpartition("_")[2]) + 1
        self.token, self.refresh = f"shpat_{number}", f"shprt_{number}"
        return ok({"access_token": self.token, "scope": ",".join(self.scopes), "expires_in": 3600,
                   "refresh_token": self.refresh, "refresh_token_expires_in": 7_776_000})

    def _graphql(self, seen: Seen) -> Step:
        if seen.headers.get("x-shopify-access-token") != self.token:
            return status(401, {"errors": "[API] Invalid API key or access token"})
        if not seen.headers.get("content-type", "").startswith("application/json"):
            return status(415, {"errors": "Unsupported Media Type"})
        headers = {"X-Shopify-API-Version": self.served}
        try:
            document = parse(seen.json["query"])
            cost = cost_of(document.fields)
            throttle = {"maximumAvailable": 2000.0, "currentlyAvailable": self.bucket, "restoreRate": 100.0}
            # Asked for at most, and paid for what was there: lists are hardly ever full.
            paid = cost // 10 + 1
            extensions = {"cost": {"requestedQueryCost": cost, "actualQueryCost": paid, "throttleStatus": throttle}}
            if cost > MOST_COST:
                why = f"Query cost is {cost}, which exceeds the single query max cost limit ({MOST_COST})."
                return ok({"errors": [{"message": why, "extensions": {"code": "MAX_COST_EXCEEDED"}}]}, headers=headers)
            if cost > self.bucket:
                return ok({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                           "extensions": extensions}, headers=headers)
            self.bucket -= paid
            throttle["currentlyAvailable"] = self.bucket
            if closed := [one.name for one in document.fields if one.name in self.denied
                          or ("iscount" in one.name and "write_discounts" not in self.scopes)]:
                return ok({"data": None, "errors": [
                    {"message": f"Access denied for {name} field.", "path": [name],
                     "extensions": {"code": "ACCESS_DENIED"}} for name in closed]}, headers=headers)
            data = answer(document, seen.json.get("variables") or {}, SCHEMA, {
                "shop": lambda _: {"name": "Thé & Co", "myshopifyDomain": self.shop, "ianaTimezone": "Europe/Paris",
                                   "currencyCode": "EUR", "billingAddress": {"countryCodeV2": "FR"}},
                "currentAppInstallation": lambda _: {"accessScopes": [{"handle": one} for one in self.scopes]},
                "abandonedCheckouts": lambda asked: self._found(self.checkouts, asked),
                "orders": lambda asked: self._found(self.orders, asked),
                "customers": lambda asked: self._found(self.customers, asked),
                "webhookSubscriptions": lambda _: [{"id": key, **hook} for key, hook in self.hooks.items()],
                "webhookSubscriptionCreate": self._hook, "webhookSubscriptionDelete": self._unhook,
                "customerSmsMarketingConsentUpdate": self._consent, **self._discounting()})
        except Wrong as error:
            return ok({"errors": [{"message": str(error), "extensions": {"code": "undefinedField"}}]}, headers=headers)
        if lost := self.loses & {one.name for one in document.fields}:
            self.loses -= lost
            return status(502, b"bad gateway")
        said: dict[str, Any] = {"data": data, "extensions": extensions}
        if hidden := _hide(data, self.denied):
            said["errors"] = [{"message": "Access denied", "path": [one], "extensions": {"code": "ACCESS_DENIED"}}
                              for one in sorted(hidden)]
        return ok(said, headers=headers)

    def _found(self, there: Mapping[int, Mapping[str, Any]], asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        def values(number: int, one: Mapping[str, Any]) -> Any:
            return lambda name: {
                "id": number, "updated_at": one.get("updatedAt"), "created_at": one.get("createdAt"),
                "email": one.get("email"), "checkout_token": one.get("_checkout_token"),
                "cart_token": one.get("_cart_token"),
                "customer_id": ((one.get("customer") or {}).get("id") or "").rpartition("/")[2] or None}.get(name)
        found = [one for number, one in there.items() if searched(asked.get("query"), values(number, one))]
        return found[::-1] if asked.get("reverse") else found

    def _hook(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        uri = asked["webhookSubscription"]["uri"]
        wrong = ("is not allowed for this app" if asked["topic"] in self.refused_topics
                 else "must be https" if not uri.startswith("https://")
                 else "has already been taken" if {"topic": asked["topic"], "uri": uri} in self.hooks.values() else "")
        if wrong:
            return {"webhookSubscription": None, "userErrors": [{"field": ["webhookSubscription"], "message": wrong}]}
        key = f"gid://shopify/WebhookSubscription/{len(self.hooks) + 1}-{uuid.uuid4().hex[:6]}"
        self.hooks[key] = {"topic": asked["topic"], "uri": uri}
        return {"webhookSubscription": {"id": key}, "userErrors": []}

    def _unhook(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self.hooks.pop(asked["id"], None) is None:
            return {"deletedWebhookSubscriptionId": None, "userErrors": [{"message": "not found"}]}
        return {"deletedWebhookSubscriptionId": asked["id"], "userErrors": []}

    def _discounting(self) -> dict[str, Any]:
        return {
            "discountCodeBasicCreate": self._discount, "discountCodeBasicUpdate": self._longer,
            "discountCodeDelete": self._undiscount,
            "codeDiscountNodeByCode": lambda asked: next((
                self._node(key, one) for key, one in self.discounts.items()
                if one["code"].lower() == asked["code"].lower()), None),
            "codeDiscountNodes": lambda asked: [
                self._node(key, one) for key, one in self.discounts.items() if self._over(one, asked["query"])]}

    def _node(self, key: str, one: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": key, "codeDiscount": {
            "title": one["title"], "startsAt": one["startsAt"], "endsAt": one["endsAt"],
            "asyncUsageCount": one["used"], "codes": [{"code": one["code"]}]}}

    def _over(self, one: Mapping[str, Any], query: str) -> bool:
        assert query == "status:expired AND times_used:0 AND title:Relance*", "no other search is known here"
        return (one["endsAt"] is not None and one["endsAt"] < _zulu(self.now) and one["used"] == 0
                and one["title"].startswith("Relance"))

    def _discount(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        given = asked["basicCodeDiscount"]
        known = {"title", "code", "startsAt", "endsAt", "usageLimit", "appliesOncePerCustomer", "context",
                 "customerGets", "combinesWith", "minimumRequirement"}
        if unknown := set(given) - known:
            raise Wrong(f"fields {sorted(unknown)} are not defined on DiscountCodeBasicInput")
        if given.get("context") != {"all": "ALL"} or given["customerGets"].get("items") != {"all": True}:
            raise Wrong("context, items")
        value = given["customerGets"]["value"]
        if set(value) == {"percentage"}:
            if not isinstance(value["percentage"], float | int) or not 0 < value["percentage"] <= 1:
                return self._no(["customerGets"], "Value must be between 0.0 and 1.0", "VALUE_OUTSIDE_RANGE")
        elif set(value) != {"discountAmount"} or set(value["discountAmount"]) != {"amount", "appliesOnEachItem"}:
            raise Wrong("value")
        if given["endsAt"] <= given["startsAt"]:
            return self._no(["endsAt"], "Ends at needs to be after starts_at", "INVALID")
        if any(one["code"].lower() == given["code"].lower() for one in self.discounts.values()):
            return self._no(["code"], "Code must be unique. Please try a different code.", "TAKEN")
        key = f"gid://shopify/DiscountCodeNode/{len(self.discounts) + 1}"
        self.discounts[key] = {**given, "used": 0}
        return {"codeDiscountNode": {"id": key}, "userErrors": []}

    def _no(self, field: list[str], message: str, code: str) -> dict[str, Any]:
        return {"codeDiscountNode": None,
                "userErrors": [{"field": ["basicCodeDiscount", *field], "message": message, "code": code}]}

    def _longer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked["id"] not in self.discounts:
            return self._no(["id"], "Discount does not exist", "INVALID")
        self.discounts[asked["id"]].update(asked["basicCodeDiscount"])
        return {"codeDiscountNode": {"id": asked["id"]}, "userErrors": []}

    def _undiscount(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if self.discounts.pop(asked["id"], None) is None:
            return {"deletedCodeDiscountId": None, "userErrors": [
                {"field": ["id"], "message": "Discount does not exist", "code": "INVALID"}]}
        return {"deletedCodeDiscountId": asked["id"], "userErrors": []}

    def _consent(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        given = asked["input"]
        number = int(given["customerId"].rpartition("/")[2])
        if not given["customerId"].startswith("gid://shopify/Customer/"):
            raise Wrong("Invalid global id")
        phone = (self.customers.get(number) or {}).get("defaultPhoneNumber") or {}
        if not phone.get("phoneNumber"):
            return {"customer": None, "userErrors": [{"field": ["phone"], "message": "A phone number is required",
                                                      "code": "INVALID"}]}
        said = given["smsMarketingConsent"]
        if said["marketingState"] not in ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING"):
            raise Wrong("marketingState")
        phone.update(marketingState=said["marketingState"], marketingUpdatedAt=said["consentUpdatedAt"])
        self.consents.append(dict(given))
        return {"customer": {"id": given["customerId"]}, "userErrors": []}


def signed(query: Mapping[str, str], secret: str = SECRET) -> dict[str, str]:
    """`query` with the `hmac` of its parameters."""
    message = "&".join(sorted(
        f"{name.replace('%', '%25').replace('&', '%26').replace('=', '%3D')}="
        f"{value.replace('%', '%25').replace('&', '%26')}" for name, value in query.items()))
    return {**query, "hmac": hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()}


def _hide(found: Any, denied: set[str]) -> set[str]:
    """Takes the denied fields out of an answer, as Shopify does with protected customer data."""
    hidden: set[str] = set()
    if isinstance(found, dict):
        for name in list(found):
            if name in denied and found[name] is not None:
                found[name] = None
                hidden.add(name)
            else:
                hidden |= _hide(found[name], denied)
    elif isinstance(found, list):
        for one in found:
            hidden |= _hide(one, denied)
    return hidden


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

"""Shopify: from the merchant's click to the cart that was ordered in time; carts, orders, consent, privacy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.contract import (
    Arrived,
    Asked,
    Batch,
    Box,
    Check,
    Checks,
    Configured,
    Connects,
    ConsentWord,
    Door,
    Erasure,
    Grant,
    Inbound,
    Installation,
    Installs,
    KeepsConsent,
    Leaving,
    LooksAgain,
    Manifest,
    OAuth,
    Pulls,
    Reading,
    Report,
    Reward,
    Rewards,
    Shared,
    SharedSecret,
    ShowsBox,
    Start,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, RelanceError, Unreadable, Unsupported
from core.domain.events import Event, Kind
from core.domain.loose import mapping, text
from core.domain.reasons import Reason
from integrations.shopify import carts, discounts, orders, queries
from integrations.shopify.client import VERSION, Denied, Shop, ShopifySaysNo
from integrations.shopify.people import asked_buyer, number_of, said_at_checkout, said_on_record, subject_of
from integrations.shopify.progress import Progress
from integrations.shopify.reading import body_of, identity, mappings, moment
from integrations.shopify.signing import check_body, check_query, is_shop

SHOPIFY = "https://{shop}"
SCOPES = ("read_orders", "read_customers", "write_customers")
OPTIONAL = ("read_fulfillments", discounts.SCOPE)
TOPICS: Mapping[str, str] = {
    "checkouts/create": "CHECKOUTS_CREATE", "checkouts/update": "CHECKOUTS_UPDATE",
    "checkouts/delete": "CHECKOUTS_DELETE", "orders/create": "ORDERS_CREATE", "orders/paid": "ORDERS_PAID",
    "orders/cancelled": "ORDERS_CANCELLED", "orders/fulfilled": "ORDERS_FULFILLED",
    "orders/partially_fulfilled": "ORDERS_PARTIALLY_FULFILLED", "orders/updated": "ORDERS_UPDATED",
    "customers_marketing_consent/update": "CUSTOMERS_MARKETING_CONSENT_UPDATE",
    "app/uninstalled": "APP_UNINSTALLED", "app/scopes_update": "APP_SCOPES_UPDATE",
}
PARCEL_TOPICS: Mapping[str, str] = {"fulfillments/create": "FULFILLMENTS_CREATE",
                                    "fulfillments/update": "FULFILLMENTS_UPDATE"}
LOOK_AFTER_HOOKS = timedelta(hours=6)
WITHOUT_HTTPS = timedelta(days=1)
# Bought, as far as a reminder is concerned, also a moment before the cart's last change was written.
_ABOUT_THE_SAME_TIME = timedelta(minutes=1)
_TOKEN = re.compile(r"[\x21-\x7e]{8,400}")


class Shopify(Connects, Shared, Pulls, LooksAgain, Installs, KeepsConsent, Checks, ShowsBox, Rewards):
    """Abandoned checkouts, orders and their parcels, and the yes and no of customers, of one shop."""

    manifest = Manifest(
        slug="shopify", name="Shopify", kinds=frozenset({Kind.CART, Kind.ORDER, Kind.REQUEST}),
        vendors={"shopify": SHOPIFY},
        poll_every=timedelta(minutes=15), single_address=True,
        # Eight failures in a row, and the subscription is deleted.
        gives_up=True,
        auth=(
            OAuth(
                vendor="shopify", authorize_url="https://example.myshopify.com/admin/oauth/authorize",
                token_url="https://example.myshopify.com/admin/oauth/access_token",  # noqa: S106 an address
                scopes=SCOPES, optional_scopes=OPTIONAL, pkce=False, scope_separator=",", token_lives=None),
            SharedSecret("X-Shopify-Hmac-Sha256"),
        ))
    asked = (
        Asked(
            "shop", {"fr": "Adresse de la boutique", "en": "Address of the shop"},
            {"fr": "Elle se termine par .myshopify.com ; vous la voyez dans Paramètres > Domaines.",
             "en": "It ends in .myshopify.com; you see it in Settings > Domains."}, "ma-boutique.myshopify.com"),)
    looks_again_at = frozenset({Kind.CART})
    look_again_size = queries.STILL_OPEN_TAKES
    box = Box(
        {},
        {"fr": "Sous le numéro de téléphone, à la page de paiement de Shopify.",
         "en": "Below the telephone number, on Shopify's checkout page."},
        {"fr": "Dans Shopify : Paramètres > Paiement > Options de marketing, cochez « SMS » et laissez décoché "
               "« Sélectionné par défaut ». La phrase est celle de Shopify.",
         "en": "In Shopify: Settings > Checkout > Marketing options, tick “SMS” and leave “Preselected” unticked. The "
               "sentence is Shopify's own."})

    # Connecting -------------------------------------------------------------------------------------------------------

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"shop": shop_of(answers.get("shop", ""), "/shop")}

    def invited(self, request: Inbound) -> Mapping[str, str] | None:
        """From the shop's admin, or Shopify's store of apps: a signed address that names the shop."""
        pairs = _pairs(request)
        if not any(name == "hmac" for name, _ in pairs):
            return None
        return {"shop": check_query(pairs, self._app_secrets(), request.received_at)}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        """An offline token is one that is not asked for `per-user`: the one that outlives the merchant's session."""
        shop = shop_of(given.get("shop"), "/shop")
        address = self._base(shop) + "/admin/oauth/authorize"
        return Leaving(start.address(address), {"shop": shop})

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        """Signature, the same shop, its moment; the state was checked before all of these. Who says no in Shopify comes
        back without a signature, or not at all."""
        query = callback.query()
        if query.get("error") and "hmac" not in query:
            raise BadInput("access_denied" if query["error"] == "access_denied" else "vendor_refused",
                           text=query["error"][:60])
        shop = check_query(_pairs(callback), self._app_secrets(), callback.received_at)
        if shop != kept.get("shop"):
            raise NotAuthentic("another shop came back")
        if not query.get("code"):
            raise BadInput("code_missing")
        return Arrived(code=query["code"])

    def door(self, place: Mapping[str, Any]) -> Door:
        """Tokens of an hour with a refresh token that changes each time: the only ones that Shopify still gives to
        public apps from 2027 on."""
        shop = shop_of(place.get("shop"), "/shop")
        return Door(self._base(shop) + "/admin/oauth/access_token", {"expiring": "1"})

    def granted(self, grant: Grant, now: datetime) -> Configured:
        shop = shop_of(grant.kept.get("shop"), "/shop")
        answer = grant.answer.get("scope")
        scopes = {one for one in answer.split(",") if one} if isinstance(answer, str) else set(grant.scopes)
        line = Shop(self._template, shop, grant.access_token or "", timeout=self.tools.timeout)
        return self._introduced(line, shop, {"scopes": sorted(scopes)}, {})

    def covers(self, granted: frozenset[str], scope: str) -> bool:
        """`write_x` means `read_x`, which Shopify then leaves out."""
        return scope in granted or scope.replace("read_", "write_", 1) in granted

    def refusal(self, status: int, answer: Mapping[str, Any]) -> RelanceError | None:
        error = text(answer.get("error"))
        if status in (400, 401, 403) and error in ("invalid_request", "invalid_grant", "invalid_subject_token"):
            return NeedsReconnect("grant_gone")
        if status in (402, 423):
            return NotNow("shopify_shop_asleep", timedelta(hours=6), status=status)
        if status == 404:
            return NeedsReconnect("shopify_shop_gone")
        return None

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        """The token ends with the app: only the merchant takes it out of the shop."""
        return (Reason("shopify_app_stays", {"shop": str(installation.config.get("shop", ""))}),)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Without one click: an app that the merchant made in the own shop, with its token and its secret."""
        known = {"shop", "access_token", "client_secret", "client_secret_before", "zone", "country", "scopes"}
        for name in config:
            if name not in known:
                raise BadInput("shop_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                               known=", ".join(sorted(known - {"scopes"})))
        shop = shop_of(config.get("shop"), "/config/shop")
        secrets: dict[str, str] = {}
        for name in ("access_token", "client_secret", "client_secret_before"):
            value = config.get(name)
            if value is None and name == "client_secret_before":
                continue
            if not isinstance(value, str) or not _TOKEN.fullmatch(value):
                raise BadInput("shop_key_wrong", pointer=f"/config/{name}", field=name)
            secrets[name] = value
        zone, country = text(config.get("zone")), text(config.get("country"))
        return Configured({"shop": shop, "own_app": True}, secrets, shop, zone or None, country.upper() or None)

    def _introduced(self, line: Shop, shop: str, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> Configured:
        """What the shop says of itself: its name, its zone, its country."""
        said = mapping(line.ask(queries.SHOP).get("shop"))
        named = text(said.get("myshopifyDomain")).lower()
        if named and named != shop:
            raise NotAuthentic("the token is another shop's")
        return Configured(
            {"shop": shop, "name": text(said.get("name"))[:80], "currency": text(said.get("currencyCode")), **config},
            dict(secrets), shop, text(said.get("ianaTimezone")) or None,
            text(mapping(said.get("billingAddress")).get("countryCodeV2")) or None)

    # What Shopify posts -----------------------------------------------------------------------------------------------

    def verify(self, request: Inbound, installation: Installation) -> None:
        """The signature over the bytes as they came, and the shop that they are about."""
        own = [installation.secrets.get(name) for name in ("client_secret", "client_secret_before")]
        self._genuine(request, [one for one in own if one] or self._app_secrets())
        if self.account(request) != installation.config.get("shop"):
            raise NotAuthentic("another shop's")

    def verify_shared(self, request: Inbound) -> None:
        self._genuine(request, self._app_secrets())

    def account(self, request: Inbound) -> str:
        shop = request.header("X-Shopify-Shop-Domain").strip()
        if not is_shop(shop):
            raise NotAuthentic("not the name of a shop")
        return shop.lower()

    def _genuine(self, request: Inbound, secrets: Sequence[str]) -> None:
        check_body(request.body, request.header("X-Shopify-Hmac-Sha256"), secrets)
        for name in ("X-Shopify-Topic", "X-Shopify-Webhook-Id"):
            request.header(name)

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        topic = request.header("X-Shopify-Topic").strip().lower()
        # The same in each repetition, another for each subscription.
        delivery = f"{topic}/{request.header('X-Shopify-Webhook-Id')}"[:200]
        if topic not in _KNOWN:
            # Carts of the online store among them: they name no buyer, and their checkout says the same with one.
            raise Unsupported(topic[:60])
        body = body_of(request.body)
        events: tuple[Event, ...] = ()
        consents: tuple[ConsentWord, ...] = ()
        if topic == "checkouts/delete":
            events = (carts.deleted(body, installation, request.optional_header("X-Shopify-Triggered-At")
                                    or request.received_at.isoformat()),)
        elif topic.startswith("checkouts/"):
            cart = carts.from_webhook(body, installation)
            events, consents = (cart,), tuple(said_at_checkout(body, installation.country, cart.at))
        elif topic.startswith("orders/"):
            events = (orders.from_webhook(body, installation),)
        elif topic in PARCEL_TOPICS:
            # It names the order and not what the buyer ordered: the shop is asked.
            identity(body.get("order_id"), "order_id")
            return Reading(delivery=delivery, wakes=True)
        elif topic == "customers_marketing_consent/update":
            triggered = moment(request.optional_header("X-Shopify-Triggered-At")) or request.received_at
            consents = tuple(said_on_record(body, triggered))
        elif topic == "app/scopes_update":
            return Reading(delivery=delivery, wakes=True)
        elif topic == "app/uninstalled":
            return Reading(delivery=delivery, gone=_is_over(request, installation))
        else:
            return _privacy(topic, body, delivery, request.received_at)
        return Reading(events, delivery=delivery, consents=consents)

    # Asking the shop --------------------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """The net under the deliveries: carts, orders and people that changed since the last round; at first, those of
        the last thirty days. A page is a batch of its own."""
        progress = Progress.read(cursor, now)
        line = self._line(installation)
        try:
            page = mapping(next(iter(line.ask(_ROUNDS[progress.about], {
                "after": progress.after, "q": f"updated_at:>='{progress.since.strftime('%Y-%m-%dT%H:%M:%SZ')}'",
            }).values()), None))
        except Denied:
            # Without the scope, or the approval, for this one: the others go on.
            progress.denied(line.partial)
            page = {}
        progress.hidden |= {one for one in line.partial if one in _PERSONAL}
        events: list[Event] = []
        consents: list[ConsentWord] = []
        problems: list[Reason] = []
        for node in mappings(page):
            try:
                consents += said_on_record(mapping(node.get("customer")) or node, progress.since)
                if progress.about == "carts":
                    events.append(carts.from_answer(node, installation))
                elif progress.about == "orders":
                    events.append(orders.from_answer(node, installation))
            except Unreadable as error:
                problems.append(error.reason)
        info = mapping(page.get("pageInfo"))
        more = progress.turn(text(info.get("endCursor")) if info.get("hasNextPage") is True else None)
        problems += progress.problems()
        if line.served != VERSION:
            problems.append(Reason("shopify_version_over", {"ours": VERSION, "served": line.served[:20]}))
        hidden = bool(progress.hidden)
        memory = None
        if hidden != bool(installation.memory.get("phones_hidden")) and not more:
            memory = {**installation.memory, "phones_hidden": hidden}
        return Batch(tuple(events), progress.written(), more=more, problems=tuple(problems), memory=memory,
                     consents=tuple(consents))

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """Whether these carts were ordered, emptied or changed in the meantime, or their buyers ordered otherwise. A
        cart that Shopify does not list is not gone: it lists those that it counts as abandoned."""
        asked = [(key, private) for key, private in keys.items() if private.get("checkout")]
        if not asked:
            return Batch()
        variables: dict[str, str] = {}
        for n, (_, private) in enumerate(asked):
            variables[f"c{n}"] = f"id:{identity(private['checkout'])}"
            variables[f"o{n}"] = _ordered_by(private)
        said = self._line(installation).ask(queries.still_open(len(asked)), variables)
        events: list[Event] = []
        consents: list[ConsentWord] = []
        for n, (key, private) in enumerate(asked):
            for node in mappings(said.get(f"c{n}")):
                cart = carts.from_answer(node, installation, private)
                if cart.key == key:
                    consents += said_on_record(mapping(node.get("customer")), now)
                    if cart.closed or (cart.start and cart.start > _since(private)):
                        events.append(cart)
            for node in mappings(said.get(f"o{n}")):
                if _came_of(node, private, installation):
                    events.append(orders.from_answer(node, installation, (key,)))
        return Batch(tuple(events), consents=tuple(consents))

    def reward(self, installation: Installation, wanted: Reward, now: datetime) -> None:
        line, off = self._line(installation), wanted.discount.amount
        if off is not None:
            currency = text(installation.config.get("currency")) or text(
                mapping(line.ask(queries.SHOP).get("shop")).get("currencyCode"))
            if currency and currency != off.currency:
                raise BadInput("discount_other_currency", currency=currency, wanted=off.currency)
        discounts.made(line, wanted, now)

    def withdraw(self, installation: Installation, now: datetime) -> int:
        return discounts.withdrawn(self._line(installation), now)

    # What must be set up over there -----------------------------------------------------------------------------------

    def maintain(self, installation: Installation, now: datetime,
                 remember: Callable[[Mapping[str, Any]], None]) -> timedelta:
        """A subscription for each topic. Shopify takes down those whose deliveries failed eight times in a row, and all
        of them with the app: what is missing is made again."""
        if not installation.hook_url.startswith("https://"):
            return WITHOUT_HTTPS
        line = self._line(installation)
        wanted = dict(TOPICS)
        if self.covers(frozenset(installation.config.get("scopes", ())), "read_fulfillments"):
            wanted |= PARCEL_TOPICS
        there: set[str] = set()
        for hook in self._hooks(line):
            uri, topic = text(hook.get("uri")), text(hook.get("topic"))
            if uri == installation.hook_url and topic in wanted.values() and topic not in there:
                there.add(topic)
            elif urlsplit(uri).path == urlsplit(installation.hook_url).path:
                # Ours, from an address that we had before, or twice.
                _taken_down(line, hook)
        refused: dict[str, str] = {}
        for topic in wanted.values():
            if topic not in there:
                try:
                    line.change(queries.HOOK, {"topic": topic, "uri": installation.hook_url})
                except ShopifySaysNo as error:
                    refused[topic] = (text(error.reason.values.get("detail")) or error.why)[:120]
        remember({**installation.memory, "hooks": {"at": now.isoformat(), "refused": refused}})
        return LOOK_AFTER_HOOKS

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Takes our subscriptions down. With the app they end anyway."""
        try:
            line = self._line(installation)
            for hook in list(self._hooks(line)):
                if urlsplit(text(hook.get("uri"))).path == urlsplit(installation.hook_url).path:
                    _taken_down(line, hook)
        except RelanceError:
            return (Reason("shop_hooks_stay", {"name": installation.name}),)
        return ()

    def _hooks(self, line: Shop) -> Iterable[Mapping[str, Any]]:
        after: str | None = None
        for _ in range(20):
            page = mapping(line.ask(queries.HOOKS, {"after": after}).get("webhookSubscriptions"))
            yield from mappings(page)
            info = mapping(page.get("pageInfo"))
            after = text(info.get("endCursor")) or None
            if info.get("hasNextPage") is not True or after is None:
                return

    # What was said elsewhere ------------------------------------------------------------------------------------------

    def wants(self, installation: Installation) -> bool:
        """Shopify has no place for what became of a message."""
        return False

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        """A yes or a no that was said to us, on the customer's record. A guest has none."""
        word = report.consent
        subject = report.subject or (word.subject if word else None)
        if report.kind != "consent" or word is None or not subject or not subject.startswith("customer/"):
            return
        try:
            self._line(installation).change(queries.CONSENT, {"input": {
                "customerId": f"gid://shopify/Customer/{subject.removeprefix('customer/')}",
                "smsMarketingConsent": {
                    "marketingState": "SUBSCRIBED" if word.granted else "UNSUBSCRIBED",
                    "marketingOptInLevel": "SINGLE_OPT_IN",
                    "consentUpdatedAt": word.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                }}})
        except ShopifySaysNo as error:
            # No phone on the record, a record that is gone, no scope: none of it is mended by asking again.
            raise BadInput("shopify_consent_not_kept", detail=str(error.reason.values.get("detail", ""))) from error

    # Is all well? -----------------------------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        shop = str(installation.config.get("shop", ""))
        admin = f"https://{shop}/admin"
        line = self._line(installation)
        try:
            said = line.ask(queries.GRANTED)
        except ShopifySaysNo as error:
            return (Check("token", "problem", error.reason, f"{admin}/settings/apps"),)
        granted = frozenset(text(one.get("handle")) for one in mappings(
            mapping(said.get("currentAppInstallation")).get("accessScopes")))
        missing = [scope for scope in SCOPES if not self.covers(granted, scope)]
        refused = mapping(mapping(installation.memory.get("hooks")).get("refused"))
        hidden = bool(installation.memory.get("phones_hidden"))
        return (
            Check("token"),
            _checked("scopes", missing and Reason("shopify_scopes_missing", {"scopes": ", ".join(missing)}),
                     f"{admin}/settings/apps"),
            _checked("version", line.served != VERSION and Reason(
                "shopify_version_over", {"ours": VERSION, "served": line.served[:20]}), None, "warning"),
            _checked("hooks", refused and Reason("shop_hooks_refused", {
                "topics": ", ".join(sorted(refused))[:200], "why": str(next(iter(refused.values()), ""))}), None),
            _checked("phones", hidden and Reason("shopify_phones_hidden"), None),
        )

    # The line to the shop ---------------------------------------------------------------------------------------------

    @property
    def _template(self) -> str:
        return self.tools.urls.get("shopify", SHOPIFY)

    def _base(self, shop: str) -> str:
        return self._template.replace("{shop}", shop).rstrip("/")

    def _app_secrets(self) -> tuple[str, ...]:
        secret = self.tools.clients.get("shopify", ("", ""))[1]
        if not secret:
            raise NotAuthentic("no application of Shopify's is set up here")
        return (secret,)

    def _line(self, installation: Installation) -> Shop:
        token = installation.secrets.get("access_token")
        if not token:
            raise NeedsReconnect("token_refused")
        return Shop(self._template, str(installation.config.get("shop", "")), str(token), timeout=self.tools.timeout)


def shop_of(given: Any, pointer: str) -> str:
    """The canonical host of a shop, in lower case, from what a person writes: `my-shop`, its address, its admin's.
    Raises `BadInput`."""
    said = text(given).lower().removeprefix("https://").removeprefix("http://")
    host, _, path = said.partition("/")
    if host == "admin.shopify.com" and path.startswith("store/"):
        host = path.removeprefix("store/").partition("/")[0]
    if host and "." not in host:
        host += ".myshopify.com"
    if not is_shop(host):
        raise BadInput("shopify_shop_wrong", pointer=pointer, shop=said[:80])
    return host


_KNOWN = frozenset({*TOPICS, *PARCEL_TOPICS, "customers/data_request", "customers/redact", "shop/redact"})
_ROUNDS: Mapping[str, str] = {"carts": queries.CARTS, "orders": queries.ORDERS, "people": queries.PEOPLE}
_PERSONAL = frozenset({"phone", "phoneNumber", "defaultPhoneNumber", "email", "shippingAddress", "billingAddress",
                       "customer", "firstName"})


def _privacy(topic: str, body: Mapping[str, Any], delivery: str, at: datetime) -> Reading:
    """The three topics that each app must answer. They need no call, for they come when the token is long dead."""
    if topic == "shop/redact":
        return Reading(delivery=delivery, gone=True, erasures=(Erasure(),))
    customer = mapping(body.get("customer"))
    person = Erasure(
        subject=subject_of(customer), number=number_of(customer.get("phone"), None),
        email=text(customer.get("email")).lower() or None)
    if person == Erasure():
        raise Unreadable("shopify_field_missing", field="customer")
    if topic == "customers/data_request":
        # The data goes to the merchant, never to who asks: it is shown as a thing to do.
        asked = identity(mapping(body.get("data_request")).get("id"), "data_request")
        return Reading((Event(
            Kind.REQUEST, f"privacy/{asked}", at, start=at, trouble=Reason("shop_data_request", {"request": asked}),
            subject=person.subject, email=person.email),), delivery=delivery)
    return Reading(delivery=delivery, erasures=(person,))


def _is_over(request: Inbound, installation: Installation) -> bool:
    """Whether the app was taken out of the shop as it is connected now: the token is dead from that moment on, and word
    of it may come a day late, when the merchant has long put the app back."""
    left = moment(request.optional_header("X-Shopify-Triggered-At"))
    alive = moment(mapping(installation.memory.get("hooks")).get("at"))
    return left is None or alive is None or alive <= left + _ABOUT_THE_SAME_TIME


def _pairs(request: Inbound) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def _taken_down(line: Shop, hook: Mapping[str, Any]) -> None:
    try:
        line.change(queries.UNHOOK, {"id": text(hook.get("id"))})
    except ShopifySaysNo:
        # Somebody was faster: it is gone, which is what we wanted.
        return


def _ordered_by(private: Mapping[str, Any]) -> str:
    """The orders that may have come of a cart, in Shopify's language of searches."""
    terms = [f'{name}:"{_quoted(str(private[kept]))}"' for name, kept in (
        ("checkout_token", "token"), ("cart_token", "cart_token"), ("email", "email")) if private.get(kept)]
    if private.get("customer"):
        terms.append(f"customer_id:{identity(private['customer'])}")
    since = (_since(private) - _ABOUT_THE_SAME_TIME).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"created_at:>='{since}'" + (f" AND ({' OR '.join(terms)})" if terms else " AND id:0")


def _quoted(word: str) -> str:
    return re.sub(r'["\\]', "", word)


def _since(private: Mapping[str, Any]) -> datetime:
    return moment(private.get("since")) or datetime(1970, 1, 1, tzinfo=UTC)


def _came_of(node: Mapping[str, Any], private: Mapping[str, Any], installation: Installation) -> bool:
    """Whether an order is the cart's buyer's, and still stands. A search that a shop does not understand finds
    everything: what it finds is looked at."""
    created = moment(node.get("createdAt"))
    if created is None or node.get("cancelledAt") or created < _since(private) - _ABOUT_THE_SAME_TIME:
        return False
    same_email = bool(private.get("email")) and text(node.get("email")).lower() == private["email"]
    same_person = bool(private.get("customer")) and (
        subject_of(node.get("customer")) == f"customer/{private['customer']}")
    # A checkout by telephone knows neither.
    phone = asked_buyer(node, installation).recipient if private.get("phone") else None
    return same_email or same_person or (phone is not None and phone.number == private["phone"])


def _checked(name: str, wrong: Any, link: str | None, result: str = "problem") -> Check:
    return Check(name, result, wrong, link) if isinstance(wrong, Reason) else Check(name)

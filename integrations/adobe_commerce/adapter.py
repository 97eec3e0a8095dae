"""Adobe Commerce and Magento 2: carts (quotes) and orders, asked for by the keys of an integration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.contract import (
    Asked,
    Batch,
    Check,
    Configured,
    Installation,
    LooksAgain,
    Manifest,
    Pulls,
    TakesKeys,
    Url,
)
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Event, Kind
from core.domain.loose import mapping, number
from core.domain.reasons import Reason
from core.domain.rounds import Round
from core.domain.shoppers import rounded_sum
from core.guarded import shop_address
from integrations.adobe_commerce.client import Filter, Keys, NotFound, PartClosed, Shop
from integrations.adobe_commerce.reading import cart_of, contents_of, order_of

AT_FIRST = timedelta(days=30)
OVERLAP = timedelta(minutes=10)
MOST_REMEMBERED = 2000
PARTS: tuple[tuple[str, str], ...] = (("carts", "/carts/search"), ("orders", "/orders"))
NOT_ORDERED = frozenset({"canceled"})
SECRETS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
_FIELDS = frozenset({"url", "store", "bearer", "zone", "country", *SECRETS})
_KEY, _STORE = re.compile(r"[A-Za-z0-9._~-]{16,200}"), re.compile(r"[a-z][a-z0-9_]{0,31}")


class AdobeCommerce(Pulls, LooksAgain, TakesKeys):
    """Abandoned carts and orders of one shop. Its newsletter is about e-mail, so that it says nothing here."""

    manifest = Manifest(
        slug="adobe_commerce", name="Adobe Commerce", kinds=frozenset({Kind.CART, Kind.ORDER}),
        poll_every=timedelta(minutes=5), auth=(Url("url"),))
    looks_again_at = frozenset({Kind.CART})
    typed = (
        Asked(
            "url", {"fr": "Adresse de la boutique", "en": "Address of the shop"},
            {"fr": "Celle que vos clients ouvrent.", "en": "The one that your customers open."},
            "https://boutique.example.fr"),
        Asked("consumer_key", {"fr": "Clé du consommateur (Consumer Key)", "en": "Consumer key"}, secret=True),
        Asked("consumer_secret", {"fr": "Secret du consommateur (Consumer Secret)", "en": "Consumer secret"},
              secret=True),
        Asked("access_token", {"fr": "Jeton d'accès (Access Token)", "en": "Access token"}, secret=True),
        Asked("access_token_secret", {"fr": "Secret du jeton (Access Token Secret)", "en": "Access token secret"},
              secret=True),
        Asked("store", {"fr": "Code de la vue boutique", "en": "Code of the store view"},
              {"fr": "Vide pour toutes.", "en": "Empty for all of them."}, "default", required=False),
    )
    made_there = {
        "fr": (
            "Ouvrez Système → Extensions → Intégrations, et ajoutez une intégration.",
            "Dans l'onglet API, cochez Carts, Sales et Customers.",
            "Enregistrez, puis activez l'intégration.",
            "Copiez les quatre clés : elles ne sont montrées qu'une fois.",
        ),
        "en": (
            "Open System → Extensions → Integrations, and add an integration.",
            "On the API tab, tick Carts, Sales and Customers.",
            "Save, then activate the integration.",
            "Copy the four keys: they are shown once.",
        ),
    }

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """The shop's address and the four keys of an integration. Raises `BadInput` with a JSON pointer."""
        for name in config:
            if name not in _FIELDS:
                raise BadInput("shop_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                               known=", ".join(sorted(_FIELDS)))
        site = shop_address(config.get("url"), "/config/url", below="/rest")
        bearer = config.get("bearer", False)
        if not isinstance(bearer, bool):
            raise BadInput("shop_key_wrong", pointer="/config/bearer", field="bearer")
        if bearer and not site.startswith("https://"):
            # Unsigned, the token is all that anybody on the way needs.
            raise BadInput("adobe_commerce_not_https", pointer="/config/url")
        kept: dict[str, str] = {}
        for name in ("access_token",) if bearer else SECRETS:
            value = config.get(name)
            if not isinstance(value, str) or not _KEY.fullmatch(value.strip()):
                raise BadInput("shop_key_wrong", pointer=f"/config/{name}", field=name)
            kept[name] = value.strip()
        store = config.get("store", "all")
        if not isinstance(store, str) or not _STORE.fullmatch(store):
            raise BadInput("shop_key_wrong", pointer="/config/store", field="store")
        zone, country = config.get("zone"), config.get("country")
        if zone is not None and not _is_zone(zone):
            raise BadInput("zone_unknown", pointer="/config/zone", zone=str(zone)[:40])
        account = site.partition("://")[2].removeprefix("www.") + ("" if store == "all" else f"#{store}")
        return Configured({"site": site, "store": store, **({"bearer": True} if bearer else {})}, kept, account[:200],
                          zone, country.upper() if isinstance(country, str) and len(country) == 2 else None)

    # Asking -----------------------------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """The carts, then the orders that changed since the last round; at first those of thirty days. A page is a
        batch of its own."""
        progress = Round.read(cursor, now, at_first=AT_FIRST, overlap=OVERLAP, parts=len(PARTS))
        shop = self._shop(installation, now)
        since = progress.since.strftime("%Y-%m-%d %H:%M:%S")
        part, path = PARTS[progress.part]
        problems: list[Reason] = []
        rows: Sequence[Mapping[str, Any]] = ()
        more = False
        # Just after its beginning a cart may have no moment of change.
        changed: list[Filter] = [("updated_at", "gteq", since), ("created_at", "gteq", since)]
        try:
            rows, more = shop.page(path, [changed], progress.page)
        except PartClosed as error:
            problems.append(Reason("adobe_commerce_part_closed", {"part": part}))
            if part == "orders" and installation.memory.get("closed") == "carts":
                # Nothing is open to us: that is a grant that is gone.
                raise NeedsReconnect("adobe_commerce_key_refused", detail=error.part) from error
        known = {key: value for key, value in mapping(installation.memory.get("carts")).items()
                 if isinstance(value, list) and len(value) == 3}
        events: list[Event] = []
        if part == "carts":
            for row in rows:
                event = self._cart(shop, row, installation, known)
                events += [event] if event else []
        else:
            parcels = self._parcels(shop, rows)
            events = [event for row in rows if (event := order_of(
                row, installation, parcels.get(number(row.get("entity_id")) or "")))]
        memory = {**installation.memory, "carts": dict(list(known.items())[-MOST_REMEMBERED:])}
        if part == "carts":
            memory["closed"] = "carts" if problems else ""
        goes_on = progress.turn(more)
        return Batch(tuple(events), progress.written(), more=goes_on, problems=tuple(problems), memory=memory)

    def _cart(self, shop: Shop, row: Mapping[str, Any], installation: Installation,
              known: dict[str, list[Any]]) -> Event | None:
        """A cart with its total, which is asked for when the cart is somebody's and its contents are new."""
        key = number(row.get("id")) or ""
        seen = known.get(key)
        event = cart_of(row, installation, seen, seen[2] if seen else None)
        if event is None:
            return None
        if event.recipient is not None and event.closed is None and not (seen and seen[0] == contents_of(row)):
            event = replace(event, values={**event.values, **_total(shop, key)})
        known.pop(key, None)
        known[key] = [event.private["contents"], event.private["since"], event.values.get("total")]
        return event

    def _parcels(self, shop: Shop, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Order → how to follow its parcel, of those that were sent."""
        sent = [key for row in rows if row.get("state") == "complete" and (key := number(row.get("entity_id")))]
        found: dict[str, Mapping[str, Any]] = {}
        try:
            for one in shop.those("/shipments", "order_id", sent):
                tracks = one.get("tracks")
                track = tracks[-1] if isinstance(tracks, list) and tracks else None
                if isinstance(track, Mapping) and (order := number(one.get("order_id"))):
                    found[order] = track
        except PartClosed:
            return found
        return found

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """Whether these carts were ordered, emptied or changed, or their buyers have ordered since."""
        try:
            return self._looked(installation, keys, now)
        except PartClosed as error:
            raise NotNow(error.reason.code, timedelta(minutes=15), **error.reason.values) from error

    def _looked(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        asked = {str(private["cart"]): (key, private) for key, private in keys.items() if private.get("cart")}
        if not asked:
            return Batch()
        shop = self._shop(installation, now)
        events: list[Event] = []
        since = min(str(private.get("since") or "") for _, private in asked.values())[:19].replace("T", " ")
        orders = {number(row.get("entity_id")): row for row in shop.those("/orders", "quote_id", sorted(asked))}
        emails = sorted({str(private["email"]) for _, private in asked.values() if private.get("email")})
        if emails:
            orders |= {number(row.get("entity_id")): row for row in shop.those(
                "/orders", "customer_email", emails, [[("created_at", "gteq", since)]])}
        for row in orders.values():
            order = order_of(row, installation)
            if order is None or order.values.get("status") in NOT_ORDERED or order.start is None:
                continue
            closes = tuple(key for cart, (key, private) in asked.items() if number(row.get("quote_id")) == cart or (
                order.email and order.email == private.get("email")
                and order.start.isoformat() >= str(private.get("since"))))
            if closes:
                events.append(replace(order, closes=closes))
        for row in shop.those("/carts/search", "entity_id", sorted(asked)):
            _, private = asked.get(number(row.get("id")) or "", ("", {}))
            over = row.get("is_active") in (False, 0, "0")
            if over or contents_of(row) != private.get("contents"):
                # With its total: there may be one below which nobody is reminded.
                event = self._cart(shop, row, installation, {})
                events += [event] if event else []
        return Batch(tuple(events))

    # Is all well? -----------------------------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        shop = self._shop(installation, now)
        closed = []
        try:
            for part, path in PARTS:
                try:
                    shop.page(path, [[("entity_id", "eq", "0")]], 1)
                except PartClosed:
                    closed.append(part)
        except NeedsReconnect as error:
            return (Check("token", "problem", error.reason),)
        safe = str(installation.config.get("site", "")).startswith("https://")
        return (
            Check("token"),
            Check("https") if safe else Check("https", "warning", Reason("adobe_commerce_not_https")),
            Check("scopes", "problem", Reason("adobe_commerce_part_closed", {"part": ", ".join(closed)}))
            if closed else Check("scopes"),
        )

    def _shop(self, installation: Installation, now: datetime) -> Shop:
        key, secret, token, token_secret = (str(installation.secrets.get(name) or "") for name in SECRETS)
        bearer = installation.config.get("bearer") is True
        if not token or not (bearer or (key and secret and token_secret)):
            raise NeedsReconnect("adobe_commerce_key_refused", detail="")
        assert self.tools.call is not None
        return Shop(self.tools.call, str(installation.config.get("site", "")),
                    str(installation.config.get("store", "all")), Keys(key, secret, token, token_secret, bearer), now)


def _total(shop: Shop, cart: str) -> dict[str, Any]:
    try:
        said = shop.one(f"/carts/{cart}/totals")
    except (NotFound, PartClosed):
        return {}
    total = rounded_sum(said.get("grand_total"), str(said.get("quote_currency_code") or ""))
    return {"total": total} if total else {}


def _is_zone(name: Any) -> bool:
    try:
        return isinstance(name, str) and bool(name) and ZoneInfo(name) is not None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False

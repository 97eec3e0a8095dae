"""PrestaShop: carts and orders of a shop that tells nobody anything, asked for by its webservice every five minutes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
from core.guarded import shop_address
from integrations.prestashop.client import PartClosed, Shop
from integrations.prestashop.reading import (
    NAMED,
    NOT_ORDERED,
    Tables,
    cart_of,
    contents_of,
    name_of,
    order_of,
    rows_of,
    states_of,
    wall,
)

AT_FIRST = timedelta(days=30)
# A shop's wall repeats an hour in autumn.
OVERLAP = timedelta(minutes=70)
PAGE = 100
MOST_REMEMBERED = 2000
PARTS = ("carts", "orders")
NEEDED = ("carts", "orders", "customers", "addresses", "countries", "currencies", "languages", "order_states")
_KEY = re.compile(r"[A-Z0-9]{32}")
_FIELDS = frozenset({"url", "key", "shop_id", "zone", "country"})


class PrestaShop(Pulls, LooksAgain, TakesKeys):
    """Abandoned carts and orders of one shop. Its consent boxes are about e-mail, so that they say nothing here."""

    manifest = Manifest(
        slug="prestashop", name="PrestaShop", kinds=frozenset({Kind.CART, Kind.ORDER}),
        poll_every=timedelta(minutes=5), auth=(Url("url"),))
    looks_again_at = frozenset({Kind.CART})
    typed = (
        Asked(
            "url", {"fr": "Adresse de la boutique", "en": "Address of the shop"},
            {"fr": "Celle que vos clients ouvrent.", "en": "The one that your customers open."},
            "https://boutique.example.fr"),
        Asked("key", {"fr": "Clé du webservice", "en": "Key of the webservice"},
              {"fr": "32 lettres et chiffres.", "en": "32 letters and digits."}, secret=True),
        Asked("shop_id", {"fr": "Numéro de la boutique", "en": "Number of the shop"},
              {"fr": "Seulement si PrestaShop en fait tourner plusieurs.", "en": "Only where PrestaShop runs several."},
              required=False),
    )
    made_there = {
        "fr": (
            "Ouvrez Paramètres avancés → Webservice, et activez le webservice.",
            "Ajoutez une clé, et laissez PrestaShop la créer.",
            f"Cochez « Afficher (GET) » pour {', '.join(NEEDED)}, et de préférence products et configurations.",
            "Enregistrez, puis copiez la clé.",
        ),
        "en": (
            "Open Advanced Parameters → Webservice, and switch the webservice on.",
            "Add a key, and let PrestaShop make it.",
            f"Tick “View (GET)” for {', '.join(NEEDED)}, and better also products and configurations.",
            "Save, then copy the key.",
        ),
    }

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """The shop's address and a key of its webservice. Raises `BadInput` with a JSON pointer."""
        for name in config:
            if name not in _FIELDS:
                raise BadInput("shop_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                               known=", ".join(sorted(_FIELDS)))
        site = shop_address(config.get("url"), "/config/url", below="/api")
        key = config.get("key")
        if not isinstance(key, str) or not _KEY.fullmatch(key.strip()):
            raise BadInput("shop_key_wrong", pointer="/config/key", field="key")
        kept: dict[str, Any] = {"site": site}
        if config.get("shop_id") is not None:
            if number(config["shop_id"]) is None or not str(config["shop_id"]).strip().isdecimal():
                raise BadInput("shop_key_wrong", pointer="/config/shop_id", field="shop_id")
            kept["shop_id"] = int(config["shop_id"])
        zone = config.get("zone")
        if zone is not None and (not isinstance(zone, str) or _zone(zone) is None):
            raise BadInput("prestashop_zone_unknown", pointer="/config/zone")
        country = config.get("country")
        account = site.partition("://")[2].removeprefix("www.") + (f"#{kept['shop_id']}" if "shop_id" in kept else "")
        return Configured(kept, {"key": key.strip()}, account[:200], zone,
                          country.upper() if isinstance(country, str) and len(country) == 2 else None)

    # Asking -----------------------------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """The carts, then the orders that changed since the last round; at first those of thirty days. A page is a
        batch of its own."""
        progress = Round.read(cursor, now, at_first=AT_FIRST, overlap=OVERLAP, parts=len(PARTS))
        shop = self._shop(installation)
        facts = self._facts(shop, installation, fresh=progress.begins)
        zone = _zone(str(facts.get("zone") or "")) or _zone(installation.zone) or ZoneInfo("UTC")
        problems = [Reason("prestashop_part_closed", {"part": part}) for part in facts["closed"]]
        where = {"date_upd": f"[{wall(progress.since, zone)},{wall(now + timedelta(days=1), zone)}]"}
        part = PARTS[progress.part]
        rows: list[dict[str, Any]] = []
        try:
            rows = shop.listed(part, where=where, sort="[id_ASC]", limit=f"{(progress.page - 1) * PAGE},{PAGE}")
        except PartClosed as error:
            problems.append(error.reason)
        ordered: set[str] | None = set()
        if part == "carts" and rows:
            try:
                ordered = self._ordered(
                    shop, [key for row in rows if (key := number(row.get("id")))], _words(facts.get("states")))
            except PartClosed as error:
                # Nobody is reminded of a cart of which we may not know whether it was ordered.
                problems.append(error.reason)
                ordered = None
        tables = self._tables(shop, rows, facts)
        known = {key: value for key, value in mapping(installation.memory.get("carts")).items()
                 if isinstance(value, list)}
        events: Iterable[Event | None]
        if part == "carts":
            events = [] if ordered is None else [
                cart_of(row, tables, installation, zone, ordered=number(row.get("id")) in ordered,
                        known=known.get(number(row.get("id")) or "")) for row in rows]
        else:
            events = [order_of(row, tables, installation, zone) for row in rows]
        found = tuple(event for event in events if event is not None)
        for event in found:
            if event.kind is Kind.CART:
                known.pop(str(event.private["cart"]), None)
                known[str(event.private["cart"])] = [event.private["contents"], event.private["since"]]
        more = progress.turn(len(rows) == PAGE)
        memory = {**installation.memory, "facts": facts, "carts": dict(list(known.items())[-MOST_REMEMBERED:])}
        return Batch(found, progress.written(), more=more, problems=tuple(problems), memory=memory)

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """Whether these carts were ordered, emptied or changed, or their buyers have ordered since."""
        try:
            return self._looked(installation, keys)
        except PartClosed as error:
            raise NotNow(error.reason.code, timedelta(minutes=15), **error.reason.values) from error

    def _looked(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]]) -> Batch:
        asked = {str(private["cart"]): (key, private) for key, private in keys.items() if private.get("cart")}
        if not asked:
            return Batch()
        shop = self._shop(installation)
        facts = self._facts(shop, installation)
        zone = _zone(str(facts.get("zone") or "")) or _zone(installation.zone) or ZoneInfo("UTC")
        rows = shop.by_ids("carts", asked)
        customers = {str(private.get("customer") or "") for _, private in asked.values()} - {""}
        placed = shop.by_ids("orders", asked, field="id_cart")
        placed += [one for one in shop.by_ids("orders", customers, field="id_customer")
                   if number(one.get("id")) not in {number(known.get("id")) for known in placed}] if customers else []
        tables = self._tables(shop, [*rows, *placed], facts)
        events: list[Event] = []
        for row in placed:
            order = order_of(row, tables, installation, zone)
            if order is None or order.values.get("status") in NOT_ORDERED:
                continue
            closes = tuple(key for cart, (key, private) in asked.items() if number(row.get("id_cart")) == cart or (
                number(row.get("id_customer")) == private.get("customer") and order.start is not None
                and order.start.isoformat() >= str(private.get("since"))))
            if closes:
                events.append(replace(order, closes=closes))
        for row in rows:
            cart = number(row.get("id")) or ""
            _, private = asked.get(cart, ("", {}))
            if contents_of(row) != private.get("contents") and (event := cart_of(
                    row, tables, installation, zone, ordered=False, known=None)):
                events.append(event)
        return Batch(tuple(events))

    def _ordered(self, shop: Shop, carts: Sequence[str], states: Mapping[str, str]) -> set[str]:
        """Those of `carts` that became an order which still stands."""
        if not carts:
            return set()
        placed = shop.by_ids("orders", carts, fields="[id,id_cart,current_state]", field="id_cart")
        return {cart for one in placed if (cart := number(one.get("id_cart"))) and states.get(
            number(one.get("current_state")) or "") not in NOT_ORDERED}

    # What rows point to -----------------------------------------------------------------------------------------------

    def _facts(self, shop: Shop, installation: Installation, *, fresh: bool = False) -> dict[str, Any]:
        """What hardly ever changes: countries, currencies, languages, states, the shop's zone. Asked once a round."""
        known = mapping(installation.memory.get("facts"))
        if known and not fresh:
            return dict(known)
        closed: list[str] = []

        def quietly(resource: str, **how: Any) -> list[dict[str, Any]]:
            try:
                return shop.listed(resource, **how)
            except PartClosed as error:
                closed.append(error.part)
                return []

        named: dict[str, str] = {}
        zone = None
        for one in quietly("configurations", fields="[name,value]", where={
                "name": f"[{'|'.join(['PS_TIMEZONE', *NAMED])}]"}):
            if one.get("name") == "PS_TIMEZONE":
                zone = one.get("value")
            elif one.get("name") in NAMED and (state := number(one.get("value"))):
                named[state] = NAMED[str(one["name"])]
        return {
            "zone": zone, "closed": [one for one in closed if one != "configurations"],
            "countries": _by_id(quietly("countries", fields="[id,iso_code]"), "iso_code"),
            "currencies": _by_id(quietly("currencies", fields="[id,iso_code]"), "iso_code"),
            "languages": _by_id(quietly("languages", fields="[id,iso_code]"), "iso_code"),
            "states": states_of(quietly("order_states", fields="[id,paid,shipped]"), named),
        }

    def _tables(self, shop: Shop, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> Tables:
        def wanted(*names: str) -> set[str]:
            return {key for row in rows for name in names if (key := number(row.get(name)))}

        customers, addresses = wanted("id_customer"), wanted("id_address_delivery", "id_address_invoice")
        products = {key for row in rows for one in rows_of(row, "cart_rows") if (key := number(one.get("id_product")))}
        return Tables(
            customers=_rows_by_id(_asked(shop, "customers", customers, "[id,email,firstname,lastname]")),
            addresses=_rows_by_id(_asked(shop, "addresses", addresses, "[id,phone,phone_mobile,id_country,deleted]")),
            products={key: name_of(one.get("name")) for key, one in _rows_by_id(
                _asked(shop, "products", products, "[id,name]")).items()},
            countries=_words(facts.get("countries")), currencies=_words(facts.get("currencies")),
            languages=_words(facts.get("languages")), states=_words(facts.get("states")))

    # Is all well? -----------------------------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        site = str(installation.config.get("site", ""))
        shop, closed = self._shop(installation), []
        try:
            for part in (*NEEDED, "products", "configurations"):
                try:
                    shop.listed(part, fields="[id]", limit="1")
                except PartClosed as error:
                    closed.append(error.part)
        except NeedsReconnect as error:
            return (Check("token", "problem", error.reason),)
        lost = [part for part in closed if part in NEEDED]
        safe = site.startswith("https://")
        return (
            Check("token"),
            Check("https") if safe else Check("https", "warning", Reason("prestashop_not_https")),
            Check("scopes", "problem" if lost else "warning", Reason(
                "prestashop_part_closed", {"part": ", ".join(lost or closed)})) if closed else Check("scopes"),
        )

    def _shop(self, installation: Installation) -> Shop:
        key = installation.secrets.get("key")
        if not key:
            raise NeedsReconnect("prestashop_key_refused")
        assert self.tools.call is not None
        return Shop(self.tools.call, str(installation.config.get("site", "")), str(key),
                    shop_id=installation.config.get("shop_id"))


def _asked(shop: Shop, resource: str, ids: Iterable[str], fields: str) -> list[dict[str, Any]]:
    try:
        return shop.by_ids(resource, ids, fields=fields)
    except PartClosed:
        # It is said once, where the facts are asked for, or by the doctor.
        return []


def _rows_by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {key: one for one in rows if (key := number(one.get("id")))}


def _by_id(rows: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    return {key: str(one.get(name) or "") for key, one in _rows_by_id(rows).items()}


def _words(kept: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in kept.items()} if isinstance(kept, Mapping) else {}


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

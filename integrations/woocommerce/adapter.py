"""WooCommerce: orders and their statuses, the box that was ticked, and one more look before a nudge leaves.

Carts are seen by the WordPress plugin, not here: no shop tells them. What an order closes is told to both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

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
    Grant,
    Inbound,
    Installation,
    Installs,
    Leaving,
    LooksAgain,
    Manifest,
    Posted,
    Pulls,
    Pushes,
    Reading,
    Reply,
    Reward,
    Rewards,
    SharedSecret,
    ShowsBox,
    Start,
    Url,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, RelanceError, Unreadable, Unsupported
from core.domain.events import Closed, Event, Kind
from core.domain.loose import mapping, text
from core.domain.reasons import Reason
from core.domain.rounds import Round
from core.guarded import shop_address
from integrations.woocommerce import coupons, orders
from integrations.woocommerce.client import ShopSaysNo, Store

TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
LOOK_AFTER_HOOKS = timedelta(hours=6)
AT_FIRST = timedelta(days=30)
# A shop's clock, and what was saved while the last round was under way.
OVERLAP = timedelta(minutes=10)
_PING = re.compile(rb"webhook_id=\d{1,12}")
_KEY, _SECRET = re.compile(r"ck_[0-9a-f]{40}"), re.compile(r"cs_[0-9a-f]{40}")
# Only letters and digits sign as they are written; WordPress decodes entities in the others.
_WORD = re.compile(r"[A-Za-z0-9]{16,100}")
_FIELDS = frozenset({"url", "consumer_key", "consumer_secret", "webhook_secret", "carts_from_drafts", "consent_field",
                     "consent_text", "zone", "country"})


class WooCommerce(Connects, Pushes, Pulls, LooksAgain, Installs, Checks, ShowsBox, Rewards):
    """Orders of one shop, with their consent; carts of block checkouts up to WooCommerce 10.7, where that is wanted."""

    manifest = Manifest(
        slug="woocommerce", name="WooCommerce", kinds=frozenset({Kind.CART, Kind.ORDER}),
        poll_every=timedelta(minutes=15), auth=(Url("url"), SharedSecret("X-WC-Webhook-Signature")),
        # The seventh failure in a row switches a webhook off, whatever it was about.
        gives_up=True)
    asked = (
        Asked(
            "site", {"fr": "Adresse de la boutique", "en": "Address of the shop"},
            {"fr": "Celle que vos clients ouvrent. Il faut être administrateur ou gestionnaire de la boutique.",
             "en": "The one that your customers open. You must be an administrator or a shop manager."},
            "https://boutique.example.fr"),)
    looks_again_at = frozenset({Kind.CART})
    box = Box(
        {"fr": "J'accepte de recevoir des offres par SMS. Je peux arrêter à tout moment en répondant STOP.",
         "en": "I agree to receive offers by text message. I can stop at any time by answering STOP."},
        {"fr": "Sous le téléphone, à la page de commande.", "en": "Below the telephone, on the checkout page."},
        {"fr": "WooCommerce n'a pas de case pour les SMS : celle de notre extension WordPress, ou de la vôtre, est lue "
               "dans la commande.",
         "en": "WooCommerce has no box for text messages: the one of our WordPress plugin, or of your own, is read in "
               "the order."})

    # Connecting -------------------------------------------------------------------------------------------------------

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"site": site_of(answers.get("site", ""), "/site", https=True)}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        """The shop's own page of consent. It brings the keys from server to server, and names nothing but the value
        that we gave it: that value is the state, good once and for ten minutes."""
        if not start.redirect_uri.startswith("https://"):
            raise BadInput("needs_https")
        site = site_of(given.get("site"), "/site", https=True)
        query = {
            "app_name": "Relance", "scope": "read_write", "user_id": start.state,
            "return_url": f"{start.redirect_uri}?{urlencode({'state': start.state})}",
            "callback_url": start.redirect_uri}
        return Leaving(f"{site}/wc-auth/v1/authorize?{urlencode(query, quote_via=quote)}", {"site": site})

    def posted(self, request: Inbound) -> Posted:
        """The keys. Nothing signs them: they count when they open the very shop that the journey began with."""
        try:
            said = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable("woocommerce_body_unreadable") from error
        if not isinstance(said, Mapping):
            raise Unreadable("woocommerce_body_unreadable")
        state, key, secret = (text(said.get(name)) for name in ("user_id", "consumer_key", "consumer_secret"))
        if not state or not _KEY.fullmatch(key) or not _SECRET.fullmatch(secret):
            raise Unreadable("woocommerce_field_missing", field="consumer_key")
        if said.get("key_permissions") != "read_write":
            raise Unreadable("woocommerce_key_read_only")
        return Posted(state, {"consumer_key": key, "consumer_secret": secret})

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        """`success=1` alone is worth nothing: the keys came before, or they do not come."""
        if callback.query().get("success") == "0":
            raise BadInput("access_denied")
        if not posted:
            raise BadInput("woocommerce_no_keys")
        return Arrived(secrets=posted)

    def granted(self, grant: Grant, now: datetime) -> Configured:
        site = site_of(grant.kept.get("site"), "/site", https=True)
        key, secret = (str(grant.secrets.get(name, "")) for name in ("consumer_key", "consumer_secret"))
        store = self._store(site, key, secret, now)
        country = self._country(store)
        about = mapping(_quietly(lambda: store.get("/wp/v2/settings")))
        return Configured(
            {"site": site, "one_click": True},
            {"consumer_key": key, "consumer_secret": secret, "webhook_secret": secrets.token_hex(24)},
            account_of(site), _zone(about.get("timezone")), country)

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Keys that a person made: WooCommerce > Settings > Advanced > REST API, with the right to write."""
        for name in config:
            if name not in _FIELDS:
                raise BadInput("shop_field_unknown", pointer=f"/config/{name}", field=str(name)[:40],
                               known=", ".join(sorted(_FIELDS)))
        site = site_of(config.get("url"), "/config/url")
        kept = {"consumer_key": _checked(config, "consumer_key", _KEY),
                "consumer_secret": _checked(config, "consumer_secret", _SECRET),
                "webhook_secret": _checked(config, "webhook_secret", _WORD) if config.get("webhook_secret")
                else secrets.token_hex(24)}
        wishes: dict[str, Any] = {"site": site}
        if "carts_from_drafts" in config:
            if not isinstance(config["carts_from_drafts"], bool):
                raise BadInput("shop_key_wrong", pointer="/config/carts_from_drafts", field="carts_from_drafts")
            wishes["carts_from_drafts"] = config["carts_from_drafts"]
        for name in ("consent_field", "consent_text"):
            if config.get(name):
                wishes[name] = text(config[name])[:200]
        return Configured(wishes, kept, account_of(site), _zone(config.get("zone")),
                          text(config.get("country")).upper() or None)

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        """No key can take itself out of a shop."""
        return (Reason("woocommerce_key_stays"),)

    def _country(self, store: Store) -> str | None:
        """Where the shop is ("FR", or "US:CA"); asked first, because only a key that is looked at may see it."""
        said = mapping(store.get("/settings/general/woocommerce_default_country"))
        two = text(said.get("value")).partition(":")[0].upper()
        return two if len(two) == 2 else None

    # What a shop posts ------------------------------------------------------------------------------------------------

    def handshake(self, request: Inbound, installation: Installation) -> Reply | None:
        """The first word of a new webhook, which bears no signature and says nothing. Anything but a 200, and the shop
        says it again after each delivery."""
        return Reply(200) if _is_ping(request) else None

    def verify(self, request: Inbound, installation: Installation) -> None:
        """The signature over the bytes as they came."""
        secret = str(installation.secrets.get("webhook_secret") or "")
        if not secret:
            raise NotAuthentic("no secret is known")
        right = base64.b64encode(hmac.digest(secret.encode(), request.body, "sha256"))
        if not hmac.compare_digest(right, request.header("X-WC-Webhook-Signature").encode()):
            raise NotAuthentic("the signature does not match")
        request.header("X-WC-Webhook-Topic")

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        topic = request.header("X-WC-Webhook-Topic").strip().lower()
        if topic not in TOPICS:
            raise Unsupported(topic[:60])
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise Unreadable("woocommerce_body_unreadable") from error
        if not isinstance(body, Mapping):
            raise Unreadable("woocommerce_body_unreadable")
        if "code" in body and "id" not in body:
            # Genuine, and no order: what the shop answers to the webhook's owner, who has lost the right to see it.
            raise Unreadable("woocommerce_owner_lost", detail=str(body["code"])[:60])
        # The shop's own id of a delivery is the same for two orders of one second.
        said = hashlib.sha256(request.body).hexdigest()[:40]
        delivery = f"{(request.optional_header('X-WC-Webhook-ID') or '')[:20]}/{topic}/{said}"
        if topic == "order.deleted":
            return Reading((orders.deleted(body, request.received_at),), delivery=delivery)
        event = orders.from_order(body, installation)
        return Reading((event,) if event else (), delivery=delivery, consents=tuple(
            orders.consent_of(body, installation)))

    # Asking the shop --------------------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """The net under the deliveries, of which a shop repeats none: orders that changed since the last round, at
        first those of the last thirty days. A page is a batch of its own."""
        progress = Round.read(cursor, now, at_first=AT_FIRST, overlap=OVERLAP)
        store = self._line(installation, now)
        query = {"modified_after": progress.since.strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true",
                 "orderby": "id", "order": "asc", "per_page": 100, "page": progress.page}
        found, more = store.page("/orders", query)
        events: list[Event] = []
        consents: list[ConsentWord] = []
        problems: list[Reason] = []
        for body in found:
            try:
                event = orders.from_order(body, installation)
            except Unreadable as error:
                problems.append(error.reason)
                continue
            events += [event] if event else []
            consents += orders.consent_of(body, installation)
        goes_on = progress.turn(more)
        return Batch(tuple(events), progress.written(), more=goes_on, problems=tuple(problems),
                     consents=tuple(consents), memory=_remembered(installation, store))

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """Whether the buyers of these carts have ordered since: all orders since the oldest of them, asked once."""
        moments = [moment for private in keys.values() if (moment := orders.gmt(private.get("since")))]
        if not moments:
            return Batch()
        store = self._line(installation, now)
        since = min(moments) - timedelta(minutes=1)
        events: list[Event] = []
        for body in store.pages("/orders", {"after": since.strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true",
                                            "orderby": "id", "order": "asc", "status": "any"}):
            closes = tuple(key for key, private in keys.items() if orders.came_of(body, private, installation))
            if not closes:
                continue
            try:
                event = orders.from_order(body, installation)
            except Unreadable:
                # Whatever else it says, it was ordered.
                events += [Event(kind=Kind.CART, key=key, at=now, closed=Closed.DONE) for key in closes]
                continue
            if event is not None:
                events.append(replace(event, closes=closes))
        return Batch(tuple(events))

    def reward(self, installation: Installation, wanted: Reward, now: datetime) -> None:
        store = self._line(installation, now)
        if wanted.discount.amount is not None:
            coupons.check_currency(store, wanted.discount.amount)
        coupons.made(store, wanted)

    def withdraw(self, installation: Installation, now: datetime) -> int:
        return coupons.withdrawn(self._line(installation, now), now)

    # What must be set up over there -----------------------------------------------------------------------------------

    def maintain(self, installation: Installation, now: datetime,
                 remember: Callable[[Mapping[str, Any]], None]) -> timedelta:
        """A webhook for each topic. One that failed seven times in a row is switched off; switched on again it would
        fall with the next failure, because it keeps its count: it is made anew, and then belongs to the key's owner."""
        store = self._line(installation, now)
        tag = hashlib.sha256(str(installation.secrets.get("webhook_secret")).encode()).hexdigest()[:12]
        known = mapping(installation.memory.get("hooks"))
        there: set[str] = set()
        for hook in list(self._hooks(store, installation)):
            topic, number = text(hook.get("topic")), hook.get("id")
            good = (hook.get("delivery_url") == installation.hook_url and hook.get("status") == "active"
                    and topic in TOPICS and topic not in there and known.get(str(number)) == tag)
            if good:
                there.add(topic)
            else:
                store.delete(f"/webhooks/{number}", {"force": "true"})
        made = {number: kept for number, kept in known.items() if kept == tag}
        refused: dict[str, str] = {}
        for topic in TOPICS:
            if topic in there:
                continue
            try:
                said = store.post("/webhooks", {
                    "name": f"Relance {topic}", "topic": topic, "delivery_url": installation.hook_url,
                    "secret": installation.secrets.get("webhook_secret"), "status": "active"})
            except ShopSaysNo as error:
                refused[topic] = error.why
                continue
            made[str(mapping(said).get("id"))] = tag
        remember({**installation.memory, **(_remembered(installation, store) or {}), "hooks": made,
                  "refused": refused})
        return LOOK_AFTER_HOOKS

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Takes our webhooks out of the shop."""
        try:
            store = self._line(installation, None)
            for hook in list(self._hooks(store, installation)):
                store.delete(f"/webhooks/{hook.get('id')}", {"force": "true"})
        except RelanceError:
            return (Reason("shop_hooks_stay", {"name": installation.name}),)
        return ()

    def _hooks(self, store: Store, installation: Installation) -> list[Mapping[str, Any]]:
        """Ours: those that lead to this connection, by whatever address we had."""
        path = urlsplit(installation.hook_url).path
        return [one for one in store.pages("/webhooks", {"status": "all"})
                if urlsplit(text(one.get("delivery_url"))).path == path]

    # Is all well? -----------------------------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        site = str(installation.config.get("site", ""))
        settings = f"{site}/wp-admin/admin.php?page=wc-settings&tab=advanced&section="
        store = self._line(installation, now)
        try:
            hooks = self._hooks(store, installation)
        except NeedsReconnect as error:
            return (Check("token", "problem", error.reason, f"{settings}keys"),)
        lost = sorted(set(TOPICS) - {
            text(one.get("topic")) for one in hooks if one.get("status") == "active"})
        safe = site.startswith("https://")
        return (
            Check("token"),
            Check("https") if safe else Check("https", "warning", Reason("woocommerce_not_https"), site),
            Check("hooks", "problem", Reason("shop_hooks_refused", {
                "topics": ", ".join(lost), "why": str(next(iter(mapping(
                    installation.memory.get("refused")).values()), ""))}), f"{settings}webhooks")
            if lost else Check("hooks"),
        )

    # The line to the shop ---------------------------------------------------------------------------------------------

    def _line(self, installation: Installation, now: datetime | None) -> Store:
        key, secret = installation.secrets.get("consumer_key"), installation.secrets.get("consumer_secret")
        if not key or not secret:
            raise NeedsReconnect("woocommerce_key_refused", detail="")
        memory = installation.memory
        return self._store(str(installation.config.get("site", "")), str(key), str(secret), now,
                           text(memory.get("way")) or None, memory.get("plain") is True)

    def _store(self, site: str, key: str, secret: str, now: datetime | None, way: str | None = None,
               plain: bool = False) -> Store:
        assert self.tools.call is not None
        return Store(self.tools.call, site, key, secret, way=way, plain=plain, now=now)


def site_of(given: Any, pointer: str, *, https: bool = False) -> str:
    """A shop's address in one form, without a slash at the end. Raises `BadInput` with the pointer."""
    site = shop_address(given, pointer)
    if https and not site.startswith("https://"):
        raise BadInput("woocommerce_needs_https", pointer=pointer)
    return site


def account_of(site: str) -> str:
    """The shop's own name: host and folder, however it is reached."""
    return site.partition("://")[2].removeprefix("www.")[:200]


def _remembered(installation: Installation, store: Store) -> Mapping[str, Any] | None:
    """How the keys are seen there, so that it is not tried out each time."""
    found = {"way": store.way, "plain": store.plain}
    same = all(installation.memory.get(name) == value for name, value in found.items())
    return None if same else {**installation.memory, **found}


def _is_ping(request: Inbound) -> bool:
    return (_PING.fullmatch(request.body) is not None
            and not any(name.lower().startswith("x-wc-") for name, _ in request.headers))


def _quietly(ask: Callable[[], Any]) -> Any:
    """What may be closed to a shop manager, and is only good to know."""
    try:
        return ask()
    except (NeedsReconnect, ShopSaysNo):
        return {}


def _checked(config: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = config.get(name)
    if not isinstance(value, str) or not form.fullmatch(value.strip()):
        raise BadInput("shop_key_wrong", pointer=f"/config/{name}", field=name)
    return value.strip()


def _zone(value: Any) -> str | None:
    return text(value) if "/" in text(value) else None

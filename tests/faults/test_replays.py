"""What platforms say comes ten times, shuffled, over 28 hours of turned clock: the end is as if it had come once.

The same story is told to two houses. One hears each delivery when it first arrives, the other one nine times more, at
any time until the end. Platforms that are asked hand out what an older cursor of ours would have brought, again and
again.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from core.engine import pulling
from core.storage import installations, ledger, occasions, outbox
from core.web.limits import Buckets
from integrations.custom_shop.signing import sign
from tests.fakes.adobe_commerce import KEYS, FakeAdobeCommerce
from tests.fakes.google import FakeGoogle
from tests.fakes.hubspot import PORTAL, FakeHubSpot
from tests.fakes.prestashop import KEY as PRESTASHOP_KEY
from tests.fakes.prestashop import FakePrestaShop
from tests.fakes.salesforce import ORG, FakeSalesforce
from tests.fakes.shopify import CLIENT, SECRET, SHOP, FakeShopify
from tests.fakes.woocommerce import KEY, FakeWooCommerce
from tests.fakes.woocommerce import SECRET as WOO_SECRET
from tests.support.calendar import Calendar
from tests.support.running import START, Running
from wordpress_bridge import wire

HOURS, TIMES = 28, 10
ACTS = (timedelta(), timedelta(minutes=10), timedelta(minutes=40), timedelta(hours=6))
"""What each person does, and how long after the first act: a cart, again, an order or a third time, a parcel."""
CABINET = "cabinet@example.org"
Said = Any


@dataclass
class Platform:
    """A platform that is connected to `relance`. `number` // 4 is a person, % 4 what they do."""

    relance: Running
    fake: Any
    id: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    slug: ClassVar[str] = ""
    presets: ClassVar[tuple[str, ...]] = ()
    rule: ClassVar[dict[str, Any] | None] = None
    vendor: ClassVar[Callable[[], Any] | None] = None

    @classmethod
    def settings(cls, fake: Any) -> dict[str, Any]:
        return {}

    def config(self) -> dict[str, Any]:
        return {}

    def connect(self) -> None:
        client = self.relance.client
        made = client.post("/v1/installations", {"adapter": self.slug, "name": "Essai", "config": self.config()})
        assert made.status_code == 201, made.text
        self.made = made.json()
        self.follow(self.made["id"])

    def follow(self, installation: str) -> None:
        client, self.id = self.relance.client, installation
        for rule in client.get(f"/v1/rules?installation={self.id}&limit=100").json()["data"]:
            if rule["preset"] in self.presets:
                assert client.patch(f"/v1/rules/{rule['id']}", {"active": True}).status_code == 200
        if self.rule:
            made = client.post("/v1/rules", {"installation": self.id, "channels": ["sms"], "active": True, **self.rule})
            assert made.status_code == 201, made.text
        assert client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        self.relance.settle()

    def now(self) -> datetime:
        return self.relance.suite.now()

    def turn(self, moment: datetime) -> None:
        """It is `moment` here and over there."""
        if self.now() < moment:
            self.relance.set_clock(moment)
        if hasattr(self.fake, "now"):
            self.fake.now = self.now()

    def happens(self, number: int) -> Said:
        """It happens over there; what will be said of it."""
        raise NotImplementedError

    def arrives(self, said: Said, again: bool) -> None:
        """It is said to us."""
        raise NotImplementedError

    def told(self) -> Any:
        """What the platform has heard back."""
        return None

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        answer = requests.post(url, body, headers={"Content-Type": "application/json", **headers}, timeout=20)
        assert 200 <= answer.status_code < 300, answer.text


def phone(number: int) -> str:
    """One of many ranges, since a crowd of one range is a robot."""
    person = number // 4
    return f"+336{person % 90 + 10:02d}{person // 90:02d}{person % 97:02d}01"


def buys(number: int) -> bool:
    return number // 4 % 2 == 0


class CustomShop(Platform):
    slug, presets = "custom_shop", ("cart-1h", "cart-24h", "order-confirmed", "order-shipped")

    def happens(self, number: int) -> Said:
        person, act = divmod(number, 4)
        customer = {"phone": phone(number), "first_name": "Ana", "email": f"p{person}@example.org"}
        body: dict[str, Any] = {"id": f"evt-{number}", "at": self.now().isoformat()}
        if act < 2 or not buys(number):
            body |= {"type": "cart.updated", "cart": {
                "id": f"c{person}", "total": f"{10 + act}.00", "currency": "EUR", "link": "https://b.example/panier",
                "items": [{"name": "Robe", "quantity": 1, "price": "10.00"}], "customer": customer,
                "consent": {"text": "Oui aux offres par SMS.", "place": "https://b.example/paiement"}}}
        else:
            placed = self.made.setdefault(f"placed-{person}", self.now().isoformat())
            body |= {"type": ("order.created", "order.updated")[act - 2], "order": {
                "id": f"o{person}", "number": f"R-{person}", "status": ("confirmed", "shipped")[act - 2],
                "placed_at": placed, "total": "11.00", "currency": "EUR", "customer": customer}}
        return json.dumps(body).encode()

    def signed(self, body: bytes) -> tuple[str, dict[str, str]]:
        stamp = int(self.now().timestamp())
        return self.made["hook_url"], {
            "Relance-Timestamp": str(stamp), "Relance-Signature": sign(self.made["signing_secret"], stamp, body)}

    def arrives(self, said: Said, again: bool) -> None:
        url, headers = self.signed(said)
        self.post(url, said, headers)


class WordPress(Platform):
    slug, presets = "wordpress_bridge", ("cart", "order-received", "order-completed", "form-confirmation")

    def config(self) -> dict[str, Any]:
        return {"url": "https://exemple.fr"}

    def happens(self, number: int) -> Said:
        (person, act), now = divmod(number, 4), self.now().timestamp()
        who = {"phone": phone(number), "country": "FR", "first_name": "Ana", "email": f"p{person}@example.org"}
        yes = {"granted": True, "text": "Oui aux SMS", "place": "https://exemple.fr/paiement/"}
        if act < 2:
            kind, data = "cart", {
                "cart": f"c{person}", "state": "open", "changed": now, **who, "consent": yes, "currency": "EUR",
                "items": [{"name": "Thé", "quantity": 1}], "total": f"{42 + act}.00",
                "link": "https://exemple.fr/?relance_cart=c"}
        elif buys(number):
            created = self.made.setdefault(f"created-{person}", now)
            kind, data = "order", {
                "order": person + 1, "number": f"C-{person}", "status": ("processing", "completed")[act - 2],
                "created": created, **who, "total": "42.00", "currency": "EUR", "cart": f"c{person}"}
        else:
            kind, data = "form", {"form": "cf7:5", "entry": str(number), **who}
        return json.dumps({"language": "fr", "events": [
            {"id": f"e{number}", "type": kind, "at": now, "data": {"at": now, **data}}]}).encode()

    def signed(self, body: bytes) -> tuple[str, dict[str, str]]:
        stamp = str(int(self.now().timestamp()))
        return f"{self.made['hook_url']}/events", {
            "X-Relance-Timestamp": stamp,
            "X-Relance-Signature": wire.signed(self.made["signing_secret"], stamp, body)}

    def arrives(self, said: Said, again: bool) -> None:
        url, headers = self.signed(said)
        self.post(url, said, headers)


class ShopifyShop(Platform):
    slug, presets = "shopify", ("cart-1h", "cart-24h", "order-confirmed", "order-shipped")

    @staticmethod
    def vendor() -> Any:  # type: ignore[override]
        fake = FakeShopify(now=START)
        fake.token = "shpat_" + "0" * 32
        return fake

    @classmethod
    def settings(cls, fake: Any) -> dict[str, Any]:
        return {"vendor_urls": {"shopify": fake.url}, "vendor_clients": {"shopify": (CLIENT, SECRET)}}

    def config(self) -> dict[str, Any]:
        return {"shop": SHOP, "access_token": self.fake.token, "client_secret": SECRET}

    def happens(self, number: int) -> Said:
        person, act = divmod(number, 4)
        buyer = {"email": f"p{person}@example.net", "sms_marketing_phone": phone(number),
                 "buyer_accepts_sms_marketing": True, "customer": {"id": 500 + person, "first_name": "Zoé"},
                 "shipping_address": {"first_name": "Zoé", "phone": phone(number), "country_code": "FR"}}
        if act < 2 or not buys(number):
            topic, body = "checkouts/update", self.fake.checkout(person + 1, total=f"{84 + act}.70", **buyer)
            self.made[f"cart-{person}"] = body
        else:
            shipped = act == 3
            parcel = [{"id": 1, "status": "success", "created_at": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                       "tracking_url": "https://laposte.example/6A"}]
            given = {"fulfillment_status": "fulfilled", "fulfillments": parcel} if shipped else {}
            created = self.made.setdefault(f"created-{person}", self.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
            topic = ("orders/create", "orders/fulfilled")[shipped]
            body = self.fake.order(1000 + person, of=self.made[f"cart-{person}"], **{"created_at": created, **given})
        raw = json.dumps(body).encode()
        return raw, self.fake.headers(topic, raw, delivery=f"d-{number}")

    def arrives(self, said: Said, again: bool) -> None:
        raw, headers = said
        self.post(f"{self.relance.url}/hooks/shopify/{self.id}", raw, headers)


class WooShop(Platform):
    slug, presets = "woocommerce", ("order-confirmed", "order-shipped", "cart-1h")
    vendor = staticmethod(lambda: FakeWooCommerce(now=START))

    def config(self) -> dict[str, Any]:
        return {"url": self.fake.url, "consumer_key": KEY, "consumer_secret": WOO_SECRET, "country": "FR",
                "carts_from_drafts": True}

    def happens(self, number: int) -> Said:
        person, act = divmod(number, 4)
        status = ("checkout-draft", "checkout-draft", "processing", "completed")[act] if buys(number) else (
            "checkout-draft")
        body = self.fake.order(
            person + 1, phone=phone(number), email=f"p{person}@example.net", total=f"{90 + act}.00", status=status,
            meta_data=[{"key": "_wc_other/boutique/sms-opt-in", "value": "1"}])
        raw = json.dumps(body).replace("/", "\\/").encode()
        return [(hook, self.fake.headers(hook["topic"], raw, secret=hook["secret"], hook=key), raw)
                for key, hook in self.fake.hooks.items() if hook["topic"] == "order.updated"]

    def arrives(self, said: Said, again: bool) -> None:
        for hook, headers, raw in said:
            self.post(hook["delivery_url"], raw, headers)


class HubSpotAccount(Platform):
    """Wishes of a workflow, and what is said of contacts."""

    slug = "hubspot"
    vendor = staticmethod(lambda: FakeHubSpot(now=START))

    @classmethod
    def settings(cls, fake: Any) -> dict[str, Any]:
        return dict(fake.settings)

    def config(self) -> dict[str, Any]:
        return {"portal_id": PORTAL, "refresh_token": "refresh-1", "opt_in": "accord_sms"}

    def happens(self, number: int) -> Said:
        (person, act), hubspot, now = divmod(number, 4), self.fake, self.now()
        contact = self.made.get(f"contact-{person}") or hubspot.contact(
            firstname="Ana", mobilephone=phone(number), at=START - timedelta(days=30), accord_sms="true")
        self.made[f"contact-{person}"] = contact
        asks = {"message_type": ("service", "marketing")[act % 2], "message": f"Bonjour Ana {number}",
                "callback": f"ap-{number}"}
        if act == 3 and buys(number):
            hubspot.change(contact, at=now, relance_sms_optout="true")
            return "webhooks", json.dumps([hubspot.told(
                "propertyChange", contact, at=now, propertyName="relance_sms_optout", propertyValue="true")]).encode()
        if act == 2:
            asks |= {"when": "at_time", "time": "19:00"}
        return "actions/send", hubspot.enrol(contact, **asks)

    def arrives(self, said: Said, again: bool) -> None:
        topic, body = said
        url = f"{self.relance.url}/hooks/hubspot/{topic}"
        self.post(url, body, self.fake.signed(url, body, self.now()))

    def told(self) -> Any:
        return (self.fake.completions, {one: said["message_status"] for one, said in self.fake.completed.items()},
                len(self.fake.logged))


class SalesforceOrg(Platform):
    """A Flow's calls, and Outbound Messages."""

    slug = "salesforce"
    rule = {"name": "règle", "on": "request", "class": "transactional", "when": {"after": "PT0M"},
            "body": "Votre dossier avance"}
    vendor = staticmethod(lambda: FakeSalesforce(now=START))

    @classmethod
    def settings(cls, fake: Any) -> dict[str, Any]:
        return dict(fake.settings)

    def config(self) -> dict[str, Any]:
        return {"organization_id": ORG[:15], "instance_url": "https://acme.my.salesforce.com",
                "refresh_token": "refresh-1", "country": "FR", "zone": "Europe/Paris", "write_back": True}

    def happens(self, number: int) -> Said:
        person, act = divmod(number, 4)
        contact = self.made.get(f"contact-{person}") or self.fake.add(
            "Contact", FirstName="Ana", LastName=f"P{person}", MobilePhone=phone(number))
        self.made[f"contact-{person}"] = contact
        if act < 3:
            record = {"key": f"interview-{number}", "recordId": contact, "phone": phone(number), "firstName": "Ana",
                      "body": f"Bonjour {{{{ first_name }}}}, étape {act}.", "flow": "Dossier"}
            body = json.dumps({"organizationId": ORG, "messages": [record]}).encode()
            return "send", body, {"Authorization": f"Bearer {self.made['signing_secret']}"}
        body = f"""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
          xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:o="http://soap.sforce.com/2005/09/outbound"
          xmlns:r="urn:sobject.enterprise.soap.sforce.com"><s:Body><o:notifications>
          <o:OrganizationId>{ORG}</o:OrganizationId><o:SessionId>00Dsecret!session</o:SessionId><o:Notification>
          <o:Id>04l5g00000{number:05d}AAA</o:Id><o:sObject xsi:type="r:Contact"><r:Id>{contact}</r:Id>
          <r:MobilePhone>{phone(number)}</r:MobilePhone></o:sObject></o:Notification></o:notifications></s:Body>
          </s:Envelope>""".encode()
        return f"outbound/{self.made['signing_secret']}", body, {"Content-Type": "text/xml; charset=utf-8",
                                                                 "SOAPAction": '""'}

    def arrives(self, said: Said, again: bool) -> None:
        path, body, headers = said
        self.post(f"{self.made['hook_url']}/{path}", body, headers)

    def told(self) -> Any:
        kept = self.fake.all("Relance_Message__c")
        return Counter(one["Status__c"] for one in kept), Counter(task["Subject"] for task in self.fake.all("Task"))


class Asked(Platform):
    """One that is asked: a replay is an answer to an older cursor of ours."""

    def cursor(self) -> str | None:
        with self.relance.suite.database.read(self.relance.workspace) as tx:
            row = installations.get(tx, self.relance.suite.vault, self.id, self.relance.url)
        assert row is not None
        return row.cursor

    def arrives(self, said: Said, again: bool) -> None:
        suite = self.relance.suite
        if again:
            with suite.database.write(self.relance.workspace) as tx:
                installations.change(tx, self.id, cursor=said)
        pulling.pull_now(suite, self.relance.workspace, self.id)


class GoogleAgenda(Asked):
    slug = "gcal_reminders"
    presets = ("booked", "moved", "cancelled")
    rule = {"name": "veille", "on": "appointment", "class": "transactional", "when": {"before": "PT20H"},
            "until": {"before": "PT2H"}, "body": "RDV le {{ start|date }} à {{ start|time }}"}

    @staticmethod
    def vendor() -> Any:  # type: ignore[override]
        fake = FakeGoogle(page_size=100, now=START)
        fake.calendar(CABINET, "Cabinet")
        return fake

    @classmethod
    def settings(cls, fake: Any) -> dict[str, Any]:
        urls = dict(fake.urls)
        return {"vendor_token_urls": {"google": urls.pop("google_token")}, "vendor_urls": urls,
                "vendor_clients": {"google": ("id", "secret")}}

    def config(self) -> dict[str, Any]:
        return {"refresh_token": "refresh-1", "calendars": [CABINET]}

    def happens(self, number: int) -> Said:
        (person, act), before = divmod(number, 4), self.cursor()
        start = (self.made.setdefault(f"start-{person}", self.now().replace(minute=0, second=0, microsecond=0)
                                      + timedelta(hours=22 + person % 8))).isoformat()
        if act == 0:
            self.made[f"event-{person}"] = self.fake.add(
                CABINET, f"Mme Roux {phone(number)}", start, created=self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        elif act == 1:
            self.fake.change(CABINET, self.made[f"event-{person}"], location="Salle 2")
        elif act == 2:
            later = datetime.fromisoformat(start) + timedelta(hours=3)
            self.fake.move(CABINET, self.made[f"event-{person}"], later.isoformat())
        elif buys(number):
            self.fake.delete(CABINET, self.made[f"event-{person}"])
        return before


class Presta(Asked):
    slug, presets = "prestashop", ("cart-1h", "cart-24h", "order-confirmed", "order-shipped")
    vendor: ClassVar[Callable[[], Any] | None] = staticmethod(lambda: FakePrestaShop(now=START))

    def config(self) -> dict[str, Any]:
        return {"url": self.fake.url, "key": PRESTASHOP_KEY}

    def consents(self, number: int) -> None:
        answer = self.relance.client.post("/v1/consents", {
            "to": phone(number), "state": "in", "source": "formulaire", "proof": {"text": "Oui", "place": "caisse"}})
        assert answer.status_code == 201, answer.text

    def happens(self, number: int) -> Said:
        (person, act), before = divmod(number, 4), self.cursor()
        if act == 0:
            self.consents(number)
            self.fake.customer(100 + person, email=f"p{person}@example.net", phone=phone(number))
        if act < 2 or not buys(number):
            self.fake.cart(person + 1, customer=100 + person, rows=act + 1)
        else:
            self.fake.order(person + 1, cart=person + 1, customer=100 + person, state=(2, 4)[act - 2])
        return before


class Adobe(Presta):
    slug, presets = "adobe_commerce", ("cart-1h", "cart-24h", "order-confirmed", "order-cancelled")
    vendor: ClassVar[Callable[[], Any] | None] = staticmethod(lambda: FakeAdobeCommerce(now=START))

    def config(self) -> dict[str, Any]:
        return {"url": self.fake.url, **KEYS}

    def happens(self, number: int) -> Said:
        (person, act), before = divmod(number, 4), self.cursor()
        who = {"email": f"p{person}@example.net", "phone": phone(number)}
        if act == 0:
            self.consents(number)
        if act < 2 or not buys(number):
            self.fake.quote(person + 1, lines=act + 1, **who)
        else:
            self.fake.place(person + 1, quote=person + 1, state=("processing", "canceled")[act - 2], **who)
        return before


class AnyCalendar(Asked):
    """A file at a secret address: there is no cursor but what we remember of it."""

    slug, rule = "gcal_reminders", GoogleAgenda.rule
    presets = GoogleAgenda.presets
    vendor = staticmethod(lambda: Calendar(written({})))

    def config(self) -> dict[str, Any]:
        return {"ical_url": self.fake.url}

    def happens(self, number: int) -> Said:
        (person, act), before = divmod(number, 4), self.cursor()
        visits: dict[int, tuple[datetime, str, str]] = self.made.setdefault("visits", {})
        start = self.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=22 + person % 8)
        if act == 0:
            visits[person] = (start, phone(number), "")
        elif act < 3:
            known = visits[person]
            visits[person] = (known[0] + timedelta(hours=3 * (act - 1)), known[1], "Salle 2")
        elif buys(number):
            del visits[person]
        self.fake.text = written(visits)
        return before


def written(visits: dict[int, tuple[datetime, str, str]]) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Cabinet//FR"]
    nobody = {-1: (START, "sans téléphone", "")}
    for person, (start, number, place) in (nobody | visits).items():
        lines += ["BEGIN:VEVENT", f"UID:{person}@cabinet.example", "DTSTAMP:20261120T080000Z",
                  f"DTSTART:{start.astimezone(UTC):%Y%m%dT%H%M%SZ}",
                  f"DTEND:{start.astimezone(UTC) + timedelta(minutes=30):%Y%m%dT%H%M%SZ}",
                  f"SUMMARY:Mme Roux {number}", *([f"LOCATION:{place}"] if place else []), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


PLATFORMS = [CustomShop, WordPress, ShopifyShop, WooShop, HubSpotAccount, SalesforceOrg, GoogleAgenda, AnyCalendar,
             Presta, Adobe]
OF_EACH_KIND = (CustomShop, HubSpotAccount, GoogleAgenda)
"""One that posts, one that wishes, one that is asked."""
SHORT, FULL = 8, 1_000
TOLD = [
    *(pytest.param(kind, SHORT, id=f"{kind.__name__}-short", marks=[] if kind in OF_EACH_KIND else [pytest.mark.slow])
      for kind in PLATFORMS),
    *(pytest.param(kind, FULL, id=f"{kind.__name__}-long", marks=[pytest.mark.slow]) for kind in PLATFORMS),
]


# ---------------------------------------------------------------------------------------- the story


@dataclass(frozen=True)
class Arrival:
    at: timedelta
    number: int
    again: bool


def story(count: int, seed: int) -> tuple[list[tuple[timedelta, int]], list[Arrival]]:
    """When each thing happens, and when it arrives: first soon or some hours late, then nine times whenever."""
    dice, end = random.Random(seed), timedelta(hours=HOURS)
    happens = []
    for person in range(-(-count // len(ACTS))):
        begins = timedelta(minutes=dice.randrange(0, (HOURS - 8) * 60))
        happens += [(begins + after, person * 4 + act) for act, after in enumerate(ACTS)]
    happens = sorted(one for one in happens if one[1] < count)
    arrivals = []
    for at, number in happens:
        first = at + timedelta(minutes=dice.choice([0, 0, 0, 1, 2, 90]))
        arrivals.append(Arrival(first, number, False))
        arrivals += [Arrival(first + dice.random() * (end - first), number, True) for _ in range(TIMES - 1)]
    dice.shuffle(arrivals)
    return happens, sorted(arrivals, key=lambda one: int(one.at / timedelta(minutes=5)))


@contextmanager
def there(kind: type[Platform], folder: Path) -> Iterator[Platform]:
    """A house that is connected with the platform, and whose callers are not counted."""
    folder.mkdir()
    fake = kind.vendor() if kind.vendor else None
    with fake or Buckets.__new__(Nobody), Running(folder, **kind.settings(fake)) as relance:
        relance.app.extensions["relance_limits"] = relance.app.extensions["relance_strangers"] = Buckets(1e6, 1e6)
        platform = kind(relance, fake)
        platform.connect()
        yield platform


class Nobody(Buckets):
    """In the place of a vendor that is not asked."""

    def __enter__(self) -> Nobody:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def told_the_story(platform: Platform, count: int, *, again: bool, seed: int = 13) -> dict[str, Any]:
    """Plays it; what the house knows at the end, without the names that it gave itself."""
    happens, arrivals = story(count, seed)
    step = timedelta(hours=2) if count < FULL else timedelta(minutes=15)
    said: dict[int, Said] = {}
    began, relance = platform.now(), platform.relance
    for turn in range(int(timedelta(hours=HOURS) / step)):
        until = step * (turn + 1)
        todo: list[tuple[timedelta, int, int, bool]] = []
        while happens and happens[0][0] < until:
            at, number = happens.pop(0)
            todo.append((at, 0, number, False))
        while arrivals and arrivals[0].at < until:
            one = arrivals.pop(0)
            todo.append((one.at, 1, one.number, one.again))
        for at, kind, number, repeated in sorted(todo, key=lambda one: (one[0], one[1])):
            platform.turn(began + at)
            if kind == 0:
                said[number] = platform.happens(number)
            elif again or not repeated:
                platform.arrives(said[number], repeated)
        platform.turn(began + until)
        relance.settle()
    before = known(platform)
    for _ in range(2):
        platform.turn(platform.now() + timedelta(hours=30))
        relance.settle()
    return {"after 28 hours": before, "in the end": known(platform), "told": platform.told()}


def known(platform: Platform) -> dict[str, Any]:
    relance = platform.relance
    with relance.suite.database.read(relance.workspace) as tx:
        visits = occasions.listed(tx, installation=platform.id, limit=10_000)
        rows = outbox.listed(tx, outbox.Filter(installation=platform.id), limit=10_000)
        steps = Counter(len(ledger.history(tx, row["id"])[1]) for row in rows)
    return {
        "occasions": {one.key: (one.closed, one.told is not None, one.recipient and one.recipient.number)
                      for one in visits},
        "messages": Counter((row["to"], row["state"], _plain(row["text"])) for row in rows),
        "attempts": steps,
        "phones": Counter((row["to"], _plain(row["text"])) for row in rows if row["left_at"] is not None),
    }


def _plain(text: str) -> str:
    """Without the code of a short link, which is another one in each house."""
    return re.sub(r"https?://\S+", "(link)", text)


@pytest.mark.parametrize(("kind", "count"), TOLD)
def test_ten_times_shuffled_over_28_hours_is_as_good_as_once(tmp_path: Path, kind: type[Platform], count: int) -> None:
    with there(kind, tmp_path / "once") as platform:
        once = told_the_story(platform, count, again=False)
    with there(kind, tmp_path / "ten times") as platform:
        ten_times = told_the_story(platform, count, again=True)

    assert sum(once["in the end"]["phones"].values()) >= count // 4, "the story is told to phones at all"
    assert ten_times == once

"""Shops that post: what is genuine is read the same each time, what was touched is refused, what is broken is said."""

from __future__ import annotations

import base64
import hmac
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract import Adapter, Inbound, Installation, Pushes, Tools
from core.domain.errors import NotAuthentic, Unreadable, Unsupported
from core.domain.reasons import Reason
from core.domain.sentences import SENTENCES
from core.domain.text.segments import measure
from core.domain.text.templates import render
from integrations.shopify import Shopify
from integrations.woocommerce import WooCommerce
from tests.fakes.shopify import CLIENT, SECRET, SHOP, FakeShopify
from tests.fakes.woocommerce import FakeWooCommerce

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
SHOPS = Path(__file__).parents[2] / "integrations"


class Called(AssertionError):
    """A pure method opened a socket."""


def nobody(*_: object, **__: object) -> None:
    raise Called


def installation(adapter: Adapter, **given: Any) -> Installation:
    slug = adapter.manifest.slug
    values: dict[str, Any] = {
        "id": "ins_1", "workspace": "wsp_1", "adapter": slug, "name": "X", "config": {}, "secrets": {}, "memory": {},
        "zone": "Europe/Paris", "country": "FR", "language": "fr",
        "hook_url": f"https://relance.example/hooks/{slug}/ins_1"}
    return Installation(**{**values, **given})


@pytest.mark.parametrize("slug", ["shopify", "woocommerce", "prestashop", "adobe_commerce"])
def test_each_ready_message_is_one_sms_in_french(slug: str) -> None:
    values = {
        "first_name": "Zoé", "link": "https://r.example/l/AbCdEfGh", "items": "Robe longue", "number": "R-10241",
        "total": {"amount": 84_700_000, "currency": "EUR"}, "tracking": "6A12345678901",
        "tracking_link": "https://r.example/l/AbCdEfGj"}
    rules = tomllib.loads((SHOPS / slug / "presets.toml").read_text(encoding="utf-8"))["rule"]

    for rule in rules:
        for language, most in (("fr", 1), ("en", 1)):
            text = render(rule["body"][language], values, ZoneInfo("Europe/Paris"), language).text
            assert measure(text).segments <= most, f"{rule['key']}: {text}"


# ------------------------------------------------------------------------------------------------ what posts


@dataclass(frozen=True)
class Entry:
    """`bodies`: good ones, by a name of what they say; `sign` makes the headers that prove a body."""

    name: str
    adapter: Pushes
    installation: Installation
    bodies: Mapping[str, Any]
    sign: Callable[[str, bytes], Mapping[str, str]]

    def request(self, what: str, body: bytes | None = None) -> Inbound:
        raw = json.dumps(self.bodies[what]).encode() if body is None else body
        return Inbound("POST", self.installation.hook_url, tuple(self.sign(what, raw).items()), raw, NOW)


def _shopify() -> Entry:
    adapter = Shopify(Tools({}, {"shopify": (CLIENT, SECRET)}, nobody, 1.0, nobody))
    fake = FakeShopify()
    cart = fake.checkout(1, email="zoe@example.net", sms_marketing_phone="+33639980001",
                         buyer_accepts_sms_marketing=True, customer={"id": 55})
    person = {"customer": {"id": 55, "email": "zoe@example.net", "phone": "+33639980001"}}
    return Entry("shopify", adapter, installation(adapter, config={"shop": SHOP}), {
        "checkouts/update": cart, "orders/create": fake.order(2, of=cart), "customers/redact": person,
        "customers_marketing_consent/update": {"id": 55, "phone": "+33639980001", "sms_marketing_consent": {
            "state": "subscribed", "consent_updated_at": "2026-11-30T08:00:00Z"}},
        "app/uninstalled": {"id": 1}},
        lambda what, raw: FakeShopify(now=NOW).headers(what, raw, delivery="d-1"))


def _woocommerce() -> Entry:
    adapter = WooCommerce(Tools({}, {}, nobody, 1.0, nobody))
    with FakeWooCommerce() as fake:
        bodies = {"order.created": fake.order(1), "order.deleted": {"id": 1}}
        fake_headers = fake.headers
        there = installation(adapter, secrets={"webhook_secret": "abc123abc123abc123"},
                             config={"site": "https://shop.example"})
        return Entry("woocommerce", adapter, there, bodies,
                     lambda what, raw: fake_headers(what, raw, secret="abc123abc123abc123"))


ENTRIES = [_shopify(), _woocommerce()]
SAID = [(entry, what) for entry in ENTRIES for what in entry.bodies]
each_said = pytest.mark.parametrize("entry, what", SAID, ids=[f"{entry.name} {what}" for entry, what in SAID])


@each_said
def test_a_genuine_request_is_read_the_same_each_time_without_a_call(entry: Entry, what: str) -> None:
    request = entry.request(what)
    entry.adapter.verify(request, entry.installation)

    first, second = (entry.adapter.parse(request, entry.installation) for _ in range(2))
    again = entry.adapter.parse(Inbound.read(request.written()), entry.installation)
    assert first == second == again
    assert {event.kind for event in first.events} <= entry.adapter.manifest.kinds


@each_said
def test_a_tampered_or_unproven_request_is_refused(entry: Entry, what: str) -> None:
    genuine = entry.request(what)
    for forged in (
        replace(genuine, body=genuine.body + b" "), replace(genuine, body=b""), replace(genuine, headers=()),
        *(replace(genuine, headers=tuple(pair for pair in genuine.headers if pair != proof))
          for proof in genuine.headers if _proves(proof)),
        *(replace(genuine, headers=(*genuine.headers, proof)) for proof in genuine.headers if _proves(proof)),
    ):
        with pytest.raises(NotAuthentic):
            entry.adapter.verify(forged, entry.installation)


def _proves(header: tuple[str, str]) -> bool:
    return "signature" in header[0].lower() or "hmac" in header[0].lower()


@each_said
@given(cut=st.integers(0, 400), more=st.binary(max_size=8))
@settings(max_examples=25, deadline=None)
def test_a_body_that_is_broken_is_said_to_be_and_nothing_else_happens(
        entry: Entry, what: str, cut: int, more: bytes) -> None:
    body = entry.request(what).body[:cut] + more

    _read_or_refused(entry, what, body)


@each_said
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b'{"id":' + b"[" * 5_000 + b"]" * 5_000 + b"}"],
                         ids=["lists", "objects", "whole"])  # fmt: skip
def test_a_body_without_a_bottom_is_unreadable(entry: Entry, what: str, body: bytes) -> None:
    _read_or_refused(entry, what, body)


@each_said
@pytest.mark.parametrize("when", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
def test_a_moment_at_the_end_of_the_calendar_breaks_nothing(entry: Entry, what: str, when: str) -> None:
    body = dict(entry.bodies[what])
    for name in [name for name in body if "_at" in name or "date" in name]:
        _read_or_refused(entry, what, json.dumps({**body, name: when}).encode())


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.floats(allow_nan=False),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                         st.text(max_size=6), inner, max_size=3), max_leaves=6)


@each_said
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_field_may_be_anything(entry: Entry, what: str, data: st.DataObject) -> None:
    body = dict(entry.bodies[what])
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), min_size=1, max_size=3)):
        body[name] = data.draw(_JSON)

    _read_or_refused(entry, what, json.dumps(body).encode())


def _read_or_refused(entry: Entry, what: str, body: bytes) -> None:
    refused: Reason | None = None
    try:
        entry.adapter.parse(entry.request(what, body or b" "), entry.installation)
    except (Unreadable, Unsupported) as error:
        refused = error.reason
    assert refused is None or {"fr", "en"} <= set(SENTENCES[refused.code])


def test_the_proofs_here_are_what_a_second_hand_computes() -> None:
    request = ENTRIES[0].request("app/uninstalled")

    assert request.header("X-Shopify-Hmac-Sha256") == base64.b64encode(
        hmac.digest(SECRET.encode(), request.body, "sha256")).decode()

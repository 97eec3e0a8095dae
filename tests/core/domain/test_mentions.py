"""Who asks to be forgotten takes along what speaks of them, and nothing that is another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.domain.mentions import Mentions

ZOE = Mentions("customer/55", "zoe@example.net", ["+33639981234"])
BY_ID = Mentions("customer/55")


@pytest.mark.parametrize("body", [
    {"id": 981, "customer": {"id": 55, "email": None}},
    {"id": 981, "customer": {"id": "55"}},
    {"customer_id": 55},
    {"customerId": "55"},
    {"customer": 55},
    {"customers": [{"id": 7}, {"id": 55}]},
    {"id": 55, "sms_marketing_consent": {"state": "subscribed"}},
    {"order": {"customer": {"admin_graphql_api_id": "gid://shopify/Customer/55"}}},
    [{"objectId": 55, "subscriptionType": "contact.deletion"}],
    {"mergedObjectIds": [3, 55]},
    {"events": [{"data": {"user": "55"}}], "recordId": "55"},
])
def test_an_id_is_found_wherever_an_id_of_the_person_stands(body: Any) -> None:
    assert BY_ID.within(json.dumps(body).encode())


@pytest.mark.parametrize("body", [
    {"id": 1055, "customer": {"id": 155}},
    {"id": 981, "customer": {"id": 56}, "total_price": "55.00", "note": "55"},
    {"id": 981, "line_items": [{"id": 55, "quantity": 55, "price": "55"}]},
    {"order_id": 55, "product_id": "55", "customer_id": 7},
    {"order": {"id": 55, "customer": {"id": 7}}},
    {"customer": {"id": 7, "orders_count": 55, "default_address": {"id": 55}}},
    {"admin_graphql_api_id": "gid://shopify/Order/55"},
    {"created_at": "2026-11-22T10:55:55Z", "phone": "+33639985555"},
    {"id": "customer-55"},
])
def test_nor_a_price_a_longer_number_nor_anything_elses_id_is_the_persons(body: Any) -> None:
    assert not BY_ID.within(json.dumps(body).encode())


@pytest.mark.parametrize("body, found", [
    (b'{"email": "Zoe@Example.net"}', True),
    (b'{"note": "write to <zoe@example.net>."}', True),
    (b'{"email": "mazoe@example.net"}', False),
    (b'{"email": "zoe@example.net.example.org"}', False),
    (b'{"phone": "06 39 98 12 34"}', True),
    (b'{"phone": "+3363998123456"}', False),
    (b'{"zoe@example.net": true}', True),
    (b'{"customer": {"id": 55', True),
    (b"webhook_id=55", True),
    (b"webhook_id=155", False),
    (b"\xff\xfe", False),
])
def test_addresses_and_numbers_are_whole_ones(body: bytes, found: bool) -> None:
    assert ZOE.within(body) is found


def test_escaped_letters_are_read() -> None:
    assert Mentions(email="zoë@example.net").within(b'{"email": "zo\\u00eb@example.net"}')


def test_an_id_of_another_kind_in_another_spelling_is_found_in_what_is_no_json() -> None:
    one = Mentions("0035g00000AbCdEAAV")
    assert one.within(b"<sf:Id>0035g00000AbCdEAAV</sf:Id>")
    assert one.within(b'{"recordId": "0035g00000AbCdEAAV", "whatever": 1}')
    assert not one.within(b"<sf:Id>0035g00000AbCdFAAV</sf:Id>")


def test_nobody_is_nowhere() -> None:
    assert not Mentions().within(b'{"id": 55, "email": "", "phone": null}')


def test_what_is_nested_without_end_is_no_crash() -> None:
    assert not BY_ID.within(b"[" * 50_000 + b"]" * 50_000)

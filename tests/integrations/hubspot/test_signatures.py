"""Only HubSpot is believed: every vector, and every way of getting around them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Inbound
from core.domain.errors import NotAuthentic
from integrations.hubspot import signatures
from tests.fakes.hubspot import FakeHubSpot
from tests.integrations.hubspot.practice import NOW, PUBLIC, adapter, inbound

DATA = json.loads((Path(__file__).parents[2] / "data" / "hubspot_signatures.json").read_text(encoding="utf-8"))
SECRET = DATA["meta"]["secret"]


def request(vector: dict[str, Any]) -> Inbound:
    """As it would have come; the moment is a minute after it was signed unless the vector says another."""
    version = vector["version"]
    headers = [("X-HubSpot-Signature", vector["signature"]), ("X-HubSpot-Signature-Version", version)]
    if version == "v3":
        headers = [(signatures.V3, vector["signature"]), (signatures.STAMP, vector["timestamp_ms"])]
    at = datetime.fromtimestamp(vector.get("now_s", 1795000060), UTC)
    return Inbound(vector.get("method", "POST"), vector.get("uri", "https://hooks.example.com/hubspot/webhooks"),
                   tuple(headers), vector["body"].encode(), at)


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda one: one["id"])
def test_each_vector_is_taken_or_refused_as_it_says(vector):
    if vector["accept"]:
        signatures.check(request(vector), SECRET, webhook=True)
    else:
        with pytest.raises(NotAuthentic):
            signatures.check(request(vector), SECRET, webhook=True)


@pytest.mark.parametrize("vector", DATA["vendor_published"], ids=lambda one: one["id"])
def test_the_vendors_own_examples_are_taken(vector):
    signatures.check(request(vector), vector["secret"], webhook=True)


def test_v1_is_taken_on_the_webhook_address_alone():
    first = next(one for one in DATA["vectors"] if one["id"] == "A")
    with pytest.raises(NotAuthentic):
        signatures.check(request(first), SECRET)


def test_a_wrong_v3_is_not_saved_by_a_right_v2():
    good = next(one for one in DATA["vectors"] if one["id"] == "B")
    wrong = ((signatures.V3, "A" * 44), (signatures.STAMP, "1795000000123"))
    signatures.check(request(good), SECRET)
    both = replace(request(good), headers=(*request(good).headers, *wrong))
    with pytest.raises(NotAuthentic):
        signatures.check(both, SECRET)


def test_a_v3_without_its_moment_or_with_two_is_refused():
    good = request(next(one for one in DATA["vectors"] if one["id"] == "D"))
    for headers in (good.headers[:1], good.headers[1:], (*good.headers, good.headers[1]), ()):
        with pytest.raises(NotAuthentic):
            signatures.check(replace(good, headers=headers), SECRET)


@pytest.mark.parametrize("header", ["é", "\udcff", "", " ", "x" * 5000])
def test_a_strange_header_is_refused_and_breaks_nothing(header):
    good = request(next(one for one in DATA["vectors"] if one["id"] == "D"))
    with pytest.raises(NotAuthentic):
        signatures.check(replace(good, headers=((signatures.V3, header), good.headers[1])), SECRET)


def test_without_the_applications_secret_nothing_is_believed():
    with pytest.raises(NotAuthentic):
        signatures.check(request(next(one for one in DATA["vectors"] if one["id"] == "D")), "")


def test_five_minutes_are_still_now_and_a_second_more_is_not():
    hubspot, url, body = FakeHubSpot(), f"{PUBLIC}/hooks/hubspot/actions/send", b'{"a": 1}'
    headers = hubspot.signed(url, body, NOW)
    for off in (timedelta(minutes=5), -timedelta(minutes=5)):
        adapter().verify_shared(inbound("actions/send", body, headers=headers, at=NOW + off))
    for off in (timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)):
        with pytest.raises(NotAuthentic):
            adapter().verify_shared(inbound("actions/send", body, headers=headers, at=NOW + off))


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_body_with_one_byte_changed_is_refused(place, by):
    good = request(next(one for one in DATA["vectors"] if one["id"] == "D"))
    place %= len(good.body)
    forged = good.body[:place] + bytes([(good.body[place] + by) % 256]) + good.body[place + 1:]
    with pytest.raises(NotAuthentic):
        signatures.check(replace(good, body=forged), SECRET)

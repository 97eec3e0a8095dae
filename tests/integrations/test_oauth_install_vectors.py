"""What platforms sign on the way of a one-click install, against vectors that were computed apart from this code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from core.domain.errors import NotAuthentic
from integrations.salesforce import ids, tokens
from integrations.shopify import signing

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "oauth_install.json").read_text())
Vector = Mapping[str, Any]


def test_each_kind_of_vector_is_tried_somewhere() -> None:
    """PKCE is in tests/core/engine/test_installing_journeys.py, the others are here."""
    assert set(VECTORS) - {"meta"} == {
        "pkce", "salesforce_identity_signature", "salesforce_id_15_to_18", "shopify_callback", "shopify_webhook"}


@pytest.mark.parametrize("vector", VECTORS["shopify_callback"], ids=lambda one: str(one["accept"]))
def test_a_shops_return(vector: Vector) -> None:
    pairs = parse_qsl(vector["query"])
    moment = datetime.fromtimestamp(int(dict(pairs)["timestamp"]), UTC)

    if vector["accept"]:
        assert signing.signed_query(pairs).decode() == vector["message"]
        assert signing.check_query(pairs, [vector["secret"]], moment) == "acme.myshopify.com"
    else:
        with pytest.raises(NotAuthentic):
            signing.check_query(pairs, [vector["secret"]], moment)


@pytest.mark.parametrize("vector", VECTORS["shopify_webhook"], ids=lambda one: one["topic"])
def test_a_shops_call(vector: Vector) -> None:
    signature = vector["X-Shopify-Hmac-Sha256"]

    signing.check_body(vector["body"].encode(), signature, [vector["secret"]])
    with pytest.raises(NotAuthentic):
        signing.check_body(vector["body"].encode() + b" ", signature, [vector["secret"]])


@pytest.mark.parametrize("vector", VECTORS["salesforce_identity_signature"], ids=lambda one: one["issued_at"])
def test_an_orgs_identity(vector: Vector) -> None:
    answer = {name: vector[name] for name in ("id", "issued_at", "signature")}

    assert tokens.identity(answer, vector["consumer_secret"]) == ("00D5g00000ABCDEEA5", "0055g00000XYZABAA5")
    for changed in ({"issued_at": "1795000000001"}, {"id": answer["id"].replace("ABCDE", "ABCDF")}, {"signature": ""}):
        with pytest.raises(NotAuthentic):
            tokens.identity({**answer, **changed}, vector["consumer_secret"])


@pytest.mark.parametrize("vector", VECTORS["salesforce_id_15_to_18"], ids=lambda one: one["id15"])
def test_an_orgs_long_id(vector: Vector) -> None:
    assert ids.long_id(vector["id15"]) == vector["id18"]

"""What Shopify signs is checked as it signs it, to the byte; everything else is refused."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import NotAuthentic
from integrations.shopify.signing import body_signature, check_body, check_query, is_shop, signed_query

SECRET = "shpss_example_client_secret_0001"
STAMP = datetime.fromtimestamp(1795340000, UTC)
BODY = (
    '{"id":981820079255243537,"token":"chk_7d1f","cart_token":"hWN2a1","phone":"+33639981234",'
    '"email":"zo\\u00eb@example.net","note":"thé à 5h","total_price":"84.70","currency":"EUR"}'
).encode()
CALLBACK = (
    "code=9f1c2b7e5a0d4c3e8b6a7f0e1d2c3b4a&host=YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvZXhhbXBsZS1zaG9w"
    "&shop=example-shop.myshopify.com&state=4f1d0c9b8a7e6d5c4b3a29180f0e0d0c&timestamp=1795340000"
)
CALLBACK_HMAC = "03cf905d7ee18e1a698ef5e99bb9fee974dfec3b723359b5192d4589b703c69c"


def pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def hexed(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


@pytest.mark.parametrize("query, secret, signature", [
    (CALLBACK, SECRET, CALLBACK_HMAC),
    ("code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&timestamp=1337178173", "hush",
     "4712bf92ffc2917d15a2f5a273e39f0116667419aa4b6ac0b3baaf26fa3c4d20"),
    ("code=abc123&host=YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvYWNtZQ&shop=acme.myshopify.com&state=st-1&timestamp=1795000000",
     "shp-secret-1", "b31d799a6a83f43bc8a4c389b49bd64e03a2655c2ae745c2d3ab0363dd3951ae"),
    ("shop=example-shop.myshopify.com&ids[]=1&timestamp=1795340000&ids[]=2", SECRET,
     "a6c2651f6d36daad79fcf5de0e28bd1f30119d2e1eca19b3d673fe2518870bc9"),
])
def test_queries_are_signed_as_the_vectors_say(query: str, secret: str, signature: str) -> None:
    assert hexed(signed_query(pairs(query)), secret) == signature


def test_neither_the_signature_itself_nor_its_forerunner_is_signed() -> None:
    assert signed_query(pairs("b=2&hmac=x&signature=y&a=1")) == b"a=1&b=2"


def test_signs_that_part_a_query_are_escaped_in_names_and_values() -> None:
    assert signed_query([("a&=%", "b&=%")]) == b"a%26%3D%25=b%26=%25"


def test_a_genuine_callback_names_its_shop() -> None:
    shop = check_query([*pairs(CALLBACK), ("hmac", CALLBACK_HMAC)], [SECRET], STAMP + timedelta(seconds=30))

    assert shop == "example-shop.myshopify.com"


@pytest.mark.parametrize("seconds", [0, 600, 86_400, -90])
def test_who_had_to_sign_in_first_is_let_through(seconds: int) -> None:
    query = [*pairs(CALLBACK), ("hmac", CALLBACK_HMAC)]
    assert check_query(query, [SECRET], STAMP + timedelta(seconds=seconds)) == "example-shop.myshopify.com"


@pytest.mark.parametrize("seconds", [86_401, 400_000, -91])
def test_a_callback_of_another_moment_is_refused(seconds: int) -> None:
    with pytest.raises(NotAuthentic) as refused:
        check_query([*pairs(CALLBACK), ("hmac", CALLBACK_HMAC)], [SECRET], STAMP + timedelta(seconds=seconds))
    assert "moment" in refused.value.reason.values["detail"]


@pytest.mark.parametrize("query", [
    CALLBACK.replace("example-shop", "evil-shop"),
    CALLBACK.replace("1795340000", "1795340001"),
    CALLBACK + "&extra=1",
    CALLBACK.replace("&state=4f1d0c9b8a7e6d5c4b3a29180f0e0d0c", ""),
])
def test_a_changed_callback_is_refused(query: str) -> None:
    with pytest.raises(NotAuthentic):
        check_query([*pairs(query), ("hmac", CALLBACK_HMAC)], [SECRET], STAMP)


@pytest.mark.parametrize("signature", ["", CALLBACK_HMAC.upper(), "0" * 64, "é"])
def test_without_the_right_signature_nothing_is_believed(signature: str) -> None:
    with pytest.raises(NotAuthentic):
        check_query([*pairs(CALLBACK), ("hmac", signature)], [SECRET], STAMP)


def test_a_parameter_that_came_twice_is_refused_even_if_one_of_them_is_signed() -> None:
    twice = [*pairs(CALLBACK), ("shop", "example-shop.myshopify.com"), ("hmac", CALLBACK_HMAC)]

    with pytest.raises(NotAuthentic) as refused:
        check_query(twice, [SECRET], STAMP)
    assert "twice" in refused.value.reason.values["detail"]


@pytest.mark.parametrize("shop", [
    "example.com", "example.myshopify.com.evil.org", "evil.org/example.myshopify.com", "-a.myshopify.com",
    "a b.myshopify.com", "a.b.myshopify.com", "example.myshopify.com\n", "http://example.myshopify.com", "",
    "a" * 300 + ".myshopify.com", "exämple.myshopify.com", "a_b.myshopify.com",
])
def test_only_a_canonical_host_is_a_shop(shop: str) -> None:
    assert not is_shop(shop)
    message = [("shop", shop), ("timestamp", "1795340000")]
    with pytest.raises(NotAuthentic):
        check_query([*message, ("hmac", hexed(signed_query(message), SECRET))], [SECRET], STAMP)


@pytest.mark.parametrize("body, secret, signature", [
    (BODY, SECRET, "JeBywieZxwTKOcnkje1wTBoCen2sAl6EFVC/lA5/ZSE="),
    (b'{"id":1,"domain":"acme.myshopify.com"}', "shp-secret-1", "dAwtbxHvsCa5d/wjovAA4FejkmmozgU/X90ieIpHkxo="),
])
def test_bodies_are_signed_as_the_vectors_say(body: bytes, secret: str, signature: str) -> None:
    assert body_signature(body, secret) == signature
    check_body(body, signature, [secret])


def test_the_body_is_signed_as_it_came_and_not_as_json_would_write_it_again() -> None:
    assert len(BODY) == 179
    with pytest.raises(NotAuthentic):
        check_body(BODY, "IsDaC7ZKROqkbcrN9zeHX5jIrw587W5NmfAvCibg0ao=", [SECRET])


def test_the_secret_before_the_last_one_still_signs_for_a_while() -> None:
    check_body(BODY, body_signature(BODY, "before"), [SECRET, "before"])


def test_an_empty_body_is_never_genuine() -> None:
    with pytest.raises(NotAuthentic):
        check_body(b"", body_signature(b"", SECRET), [SECRET])


@given(st.binary(min_size=1, max_size=60), st.integers(0, 400))
def test_a_body_with_one_bit_changed_is_refused(body: bytes, place: int) -> None:
    signature = body_signature(body, SECRET)
    bit = place % (len(body) * 8)
    forged = bytearray(body)
    forged[bit // 8] ^= 1 << bit % 8

    check_body(body, signature, [SECRET])
    with pytest.raises(NotAuthentic):
        check_body(bytes(forged), signature, [SECRET])


def test_no_secret_means_that_nothing_is_genuine() -> None:
    with pytest.raises(NotAuthentic):
        check_body(BODY, base64.b64encode(b"").decode(), [])

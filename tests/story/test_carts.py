"""From a shop's signed request to the phone, the click, the order and the figure; and when nothing leaves."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests.support.running import Running
from tests.support.shop import ANA, BOB, Shop

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BROWSER = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile"}


@pytest.mark.houses
def test_a_cart_left_for_an_hour_is_recovered_by_a_click(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h", "cart-24h")
        shop.cart()
        relance.settle()
        assert shop.texts() == []

        relance.forward(HOUR + MINUTE)
        (text,) = shop.texts()
        assert text.startswith("Ana, votre panier vous attend : Robe longue en lin. http")
        link = re.search(r"https?://\S+", text)
        assert link is not None
        followed = requests.get(link[0], headers=BROWSER, allow_redirects=False, timeout=20)
        assert followed.headers["Location"] == "https://boutique.example/panier/831"

        relance.forward(10 * MINUTE)
        shop.order(cart="831")
        relance.forward(timedelta(days=2))

        assert len(shop.texts()) == 1, "the second step is called off by the order"
        totals = shop.figures()["totals"]
        assert totals["nudged"] == 1
        assert totals["clicked"] == 1
        assert totals["recovered"] == {"orders": 1, "amounts": [{"amount": 84_700_000, "currency": "EUR"}]}
        assert totals["ordered_after"] == {"orders": 0, "amounts": []}
        assert totals["cost"][0]["currency"] == "EUR"


def test_an_order_first_and_nothing_leaves(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h", "cart-24h")
        shop.cart()
        relance.forward(30 * MINUTE)
        # In the other shop of the same house, by a guest who typed the same address and no number.
        other = Shop(relance)
        other.order("9", phone=None)
        relance.forward(timedelta(days=2))

        assert shop.texts() == []
        (cart,) = relance.client.get(f"/v1/occasions?installation={shop.id}").json()["data"]
        why = relance.client.get(f"/v1/explanations?occasion={cart['id']}").json()
        assert {one["reason"]["code"] for one in why["occasions"][0]["answers"]} == {"ordered"}
        assert shop.figures()["totals"]["recovered"]["orders"] == 0


def test_an_order_that_failed_gives_the_cart_its_chance_back(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        shop.cart()
        shop.order(at=shop.now() + MINUTE, status="pending")
        shop.order(at=shop.now() + 2 * MINUTE, placed=shop.now() + MINUTE, status="failed", kind="order.updated")

        relance.forward(HOUR + MINUTE)

        assert len(shop.texts()) == 1


def test_ordered_without_a_click_is_counted_apart_and_a_code_is_recovered(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        shop.cart("1")
        shop.cart("2", phone=BOB, code="ANA10", customer={"email": "bob@example.org"})
        relance.forward(HOUR + MINUTE)
        assert len(shop.texts()) == 2

        shop.order("11", phone=ANA)
        for _ in range(2):
            shop.order("12", phone=BOB, codes=["ana10"], total="20.00", customer={"phone": BOB})
        relance.settle()

        totals = shop.figures()["totals"]
        assert totals["recovered"] == {"orders": 1, "amounts": [{"amount": 20_000_000, "currency": "EUR"}]}
        assert totals["ordered_after"] == {"orders": 1, "amounts": [{"amount": 84_700_000, "currency": "EUR"}]}

        shop.order("12", phone=BOB, at=shop.now() + MINUTE, placed=shop.now(), status="cancelled", kind="order.updated")
        assert shop.figures()["totals"]["recovered"]["orders"] == 0


def test_each_change_moves_the_message_and_an_emptied_cart_ends_it(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        for _ in range(4):
            shop.cart()
            relance.forward(40 * MINUTE)
        assert shop.texts() == []
        messages = relance.client.get(f"/v1/messages?installation={shop.id}").json()["data"]
        assert len(messages) == 1

        assert shop.post("cart.emptied", cart={"id": "831"}).status_code == 200
        relance.forward(2 * HOUR)
        assert shop.texts() == []


def test_no_consent_no_nudge_and_a_refusal_counts_at_once(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        shop.cart("1", consent=False)
        shop.cart("2", phone=BOB, customer={"email": "bob@example.org"})
        relance.forward(30 * MINUTE)
        assert shop.post("consent.withdrawn", consent={"customer": {"phone": BOB}}).status_code == 200
        relance.forward(HOUR)

        assert shop.texts() == []
        proofs = relance.client.get(f"/v1/consents?to={BOB.replace('+', '%2B')}").json()["data"]
        assert [one["state"] for one in proofs] == ["out", "in"]
        assert proofs[1]["proof"]["text"] == "J'accepte de recevoir des offres par SMS."
        assert proofs[1]["proof"]["place"] == "https://boutique.example/paiement"


def test_one_message_for_each_status_whatever_is_doubled_or_late(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "order-confirmed", "order-shipped", "order-ready")
        start = shop.now()
        for _ in range(3):
            shop.order(at=start, placed=start)
            relance.settle()
        later = start + 5 * MINUTE
        for status in ("shipped", "shipped", "confirmed", "shipped"):
            at = later if status == "shipped" else start + MINUTE
            shop.order(at=at, placed=start, status=status, kind="order.updated")
            relance.settle()
        relance.forward(6 * MINUTE)
        shop.order(placed=start, status="shipped", kind="order.updated", tracking_link="https://suivi.example/1")
        relance.forward(MINUTE)

        assert [text.split(".")[0] for text in shop.texts()] == [
            "Merci ! Votre commande R-77 (84,70 €) est confirmée", "Votre commande R-77 est en route"]


def test_one_sequence_for_each_person_and_week(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h", "cart-24h")
        shop.cart("old")
        relance.forward(30 * MINUTE)
        shop.cart("new", total="12.00")
        relance.forward(2 * HOUR)
        assert len(shop.texts()) == 1, "of the cart that changed last"
        shop.cart("third")
        relance.forward(22 * HOUR + MINUTE)
        relance.forward(4 * HOUR)

        assert len(shop.texts()) == 2, "the sequence that has begun goes on, no other begins"
        assert shop.texts()[1].startswith("Votre panier (12,00 €)")


def test_a_customer_who_is_erased_leaves_nothing_that_could_be_sent(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        shop = Shop(relance, "cart-1h")
        shop.cart()
        assert shop.post("customer.erased", customer={"phone": ANA, "email": "ana@example.org"}).status_code == 200
        relance.forward(2 * HOUR)

        assert shop.texts() == []

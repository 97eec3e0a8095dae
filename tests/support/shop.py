"""A shop of one's own, as it posts to us: signs, counts its deliveries, and knows how a cart and an order look."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from typing import Any

import requests

from integrations.custom_shop.signing import sign
from tests.support.running import Running

ANA, BOB = "+33639980001", "+33639980008"
CONSENT = {"text": "J'accepte de recevoir des offres par SMS.", "place": "https://boutique.example/paiement"}


class Shop:
    """Connected to `relance`, live, with some of its presets switched on."""

    def __init__(self, relance: Running, *presets: str, live: bool = True, **config: Any) -> None:
        self.relance = relance
        asked = {"adapter": "custom_shop", "name": "Boutique", "config": config}
        made = relance.client.post("/v1/installations", asked)
        assert made.status_code == 201, made.text
        self.id, self.secret, self.hook = made.json()["id"], made.json()["signing_secret"], made.json()["hook_url"]
        self.rules = {
            rule["preset"]: rule["id"]
            for rule in relance.client.get(f"/v1/rules?installation={self.id}").json()["data"]
        }
        for preset in presets:
            self.change_rule(preset, active=True)
        if live:
            answer = relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live", "control_group": 0})
            assert answer.status_code == 200, answer.text
        self._numbers = count(1)

    def change_rule(self, preset: str, **changes: Any) -> None:
        answer = self.relance.client.patch(f"/v1/rules/{self.rules[preset]}", changes)
        assert answer.status_code == 200, answer.text

    def now(self) -> datetime:
        return self.relance.suite.now()

    def post(self, kind: str, *, at: datetime | None = None, id: str | None = None, **part: Any) -> requests.Response:
        """One event, signed now."""
        name = id or f"evt-{next(self._numbers)}"
        body = {"id": name, "type": kind, "at": (at or self.now()).isoformat(), **part}
        return self.send(json.dumps(body).encode())

    def send(self, body: bytes, *, sent: datetime | None = None, **headers: str) -> requests.Response:
        stamp = int((sent or self.now()).timestamp())
        signed = {"Relance-Timestamp": str(stamp), "Relance-Signature": sign(self.secret, stamp, body)}
        return requests.post(self.hook, body, headers={"Content-Type": "application/json", **signed, **headers},
                             timeout=20)  # fmt: skip

    def cart(self, name: str = "831", *, at: datetime | None = None, phone: str | None = ANA, consent: bool = True,
             **more: Any) -> None:  # fmt: skip
        customer = {"phone": phone, "first_name": "Ana", "email": "ana@example.org", **more.pop("customer", {})}
        cart = {
            "id": name, "total": "84.70", "currency": "EUR", "link": f"https://boutique.example/panier/{name}",
            "items": [{"name": "Robe longue en lin", "quantity": 1, "price": "84.70"}], "customer": customer, **more,
        }  # fmt: skip
        if consent:
            cart["consent"] = CONSENT
        answer = self.post("cart.updated", at=at, cart=cart)
        assert answer.status_code == 200, answer.text

    def order(
        self, name: str = "77", *, at: datetime | None = None, placed: datetime | None = None,
        status: str = "confirmed", phone: str | None = ANA, kind: str = "order.created", **more: Any,
    ) -> None:  # fmt: skip
        order = {
            "id": name, "number": f"R-{name}", "status": status, "placed_at": (placed or at or self.now()).isoformat(),
            "total": "84.70", "currency": "EUR", "customer": {"phone": phone, "email": "ana@example.org"}, **more,
        }  # fmt: skip
        answer = self.post(kind, at=at, order=order)
        assert answer.status_code == 200, answer.text

    def texts(self) -> list[str]:
        """What the phones received from the shop, oldest first."""
        return [one["text"] for one in reversed(self.relance.phones())]

    def figures(self) -> dict[str, Any]:
        answer = self.relance.client.get(f"/v1/stats?installation={self.id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"][0])

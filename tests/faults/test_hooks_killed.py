"""kill -9 while platforms post: what was answered 2xx is kept and planned, and what was not may come again."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from core.contract import Configured
from core.secrets import Vault
from core.storage import installations, rules
from core.storage import tables as t
from integrations.custom_shop.signing import sign
from tests.faults.test_repeated_posts import Web

SECRET = "rsec_for_tests"
NUDGE = {"name": "Deux jours après", "on": "cart", "class": "transactional", "when": {"after": "PT48H"},
         "body": "Votre panier vous attend."}  # fmt: skip


class Shop(Web):
    """A web process that a shop posts to; `taken`: the deliveries that it answered 2xx."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url)
        self.said["adapters"] = True
        self.taken: set[str] = set()
        now = datetime.now(UTC)
        with self.database.read() as tx:
            workspace = tx.connection.execute(select(t.workspaces.c.id)).scalar_one()
        with self.database.write(workspace) as tx:
            vault = Vault((str(self.said["key"]),))
            given = Configured({}, {"signing_secret": SECRET})
            self.shop = installations.add(
                tx, vault, "custom_shop", "Boutique", given, now, zone="Europe/Paris", country="FR", pulls=False
            )
            installations.change(tx, self.shop, mode="live", live_since=now)
            rules.add(tx, {**NUDGE, "installation": self.shop}, now)

    def post(self, key: str) -> None:
        """One cart, with the same id at each try; a cut is no answer."""
        assert self.process is not None
        with self._lock:
            self.served += 1
            last = self.served == self._kill_at
        if last:
            threading.Timer(random.Random(key).uniform(0, 0.02), self.process.kill).start()
        now, place = datetime.now(UTC), int(key.removeprefix("key-"))
        # Numbers of many ranges: a checkout is a public door.
        phone = f"+336{place % 100:02d}{place // 100:02d}{place % 97:02d}01"
        cart = {"id": key, "total": "10.00", "currency": "EUR", "link": "https://boutique.example/panier",
                "items": [{"name": "Robe", "quantity": 1, "price": "10.00"}],
                "customer": {"phone": phone, "first_name": "Ana"}}  # fmt: skip
        body = json.dumps({"id": key, "type": "cart.updated", "at": self.began, "cart": cart}).encode()
        stamp = int(now.timestamp())
        signed = {"Relance-Timestamp": str(stamp), "Relance-Signature": sign(SECRET, stamp, body)}
        try:
            answer = requests.post(f"http://127.0.0.1:{self.port}/hooks/custom_shop/{self.shop}", data=body, timeout=20,
                                   headers={"Content-Type": "application/json", **signed})  # fmt: skip
        except requests.RequestException:
            return
        with self._lock:
            if answer.status_code < 300:
                self.taken.add(key)
            elif answer.status_code not in (429, 503):
                self.odd.append((answer.status_code, answer.text[:200]))

    began = datetime.now(UTC).isoformat()

    def kept(self) -> tuple[set[str], set[str], set[str]]:
        """Deliveries in the inbox that were read, carts that are known, carts for which a message waits."""
        with self.database.read() as tx:
            i, o, m = t.inbox.c, t.occasions.c, t.messages.c
            read = set(tx.connection.execute(select(i.delivery).where(i.state == "read")).scalars())
            known = set(tx.connection.execute(select(o.key)).scalars())
            planned = tx.connection.execute(
                select(o.key, func.count()).join(t.messages, m.occasion == o.id).group_by(o.key)
            ).all()
        assert {count for _, count in planned} <= {1}
        return read, {key.removeprefix("cart/") for key in known}, {row[0].removeprefix("cart/") for row in planned}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        address: str = request.getfixturevalue("postgres_database")
        return address
    return f"sqlite:///{tmp_path / 'relance.db'}"


@pytest.mark.parametrize(("posts", "kills"), [(40, 2), pytest.param(10_000, 50, marks=pytest.mark.slow)])
def test_every_hook_that_was_answered_2xx_is_kept_and_planned(tmp_path: Path, url: str, posts: int, kills: int) -> None:
    shop, dice = Shop(tmp_path, url), random.Random(7)
    keys = [f"key-{index}" for index in range(posts)]
    try:
        with ThreadPoolExecutor(8) as platforms:
            for _ in range(kills):
                open_ones = [key for key in keys if key not in shop.taken] or keys[:10]
                shop.start(kill_at=dice.randint(1, max(2, len(open_ones) // kills)))
                list(platforms.map(shop.post, open_ones))
                shop.gone()
                read, known, planned = shop.kept()
                assert shop.taken <= planned <= known
                assert len(shop.taken) <= len(read)
            shop.start()
            for _ in range(20):
                if not (open_ones := [key for key in keys if key not in shop.taken]):
                    break
                list(platforms.map(shop.post, open_ones))
            # And once more all of them: the platform repeats what it is not sure of.
            list(platforms.map(shop.post, keys))
        read, known, planned = shop.kept()
        assert shop.odd == []
        assert shop.taken == planned == known == set(keys)
        assert len(read) == posts
    finally:
        shop.gone()
        shop.database.close()

"""More platforms call than can be served: some are asked at once to come again, and nobody is answered too late."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from core.web import serving
from core.web.limits import Buckets
from integrations.custom_shop.signing import sign
from tests.support.running import Running

CALLERS = 70


class Crowd:
    """A house whose database is held for a moment, while many call at once."""

    def __init__(self, folder: Path, relance: Running) -> None:
        self.relance = relance
        relance.app.extensions["relance_limits"] = Buckets(1e6, 1e6)
        made = relance.client.post("/v1/installations", {"adapter": "custom_shop", "name": "Boutique"}).json()
        self.hook, self.secret = made["hook_url"], made["signing_secret"]
        self._file = folder / "relance.db"

    def hook_post(self, number: int) -> requests.Response:
        now = self.relance.suite.now()
        body = json.dumps({"id": f"evt-{number}", "type": "cart.updated", "at": now.isoformat(), "cart": {
            "id": f"c{number}", "total": "10.00", "currency": "EUR", "link": "https://b.example/panier",
            "items": [{"name": "Robe", "quantity": 1, "price": "10.00"}]}}).encode()
        stamp = int(now.timestamp())
        return requests.post(self.hook, body, timeout=30, headers={
            "Content-Type": "application/json", "Relance-Timestamp": str(stamp),
            "Relance-Signature": sign(self.secret, stamp, body)})

    def message_post(self, number: int) -> requests.Response:
        return self.relance.client.post("/v1/messages", {
            "to": "+33639980001", "class": "conversational", "body": f"Bonjour {number}"}, timeout=30)

    def all_at_once(self, hooks: int, messages: int, held: float) -> tuple[list[requests.Response], ...]:
        other = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        let_go = threading.Timer(held, other.execute, ["ROLLBACK"])
        with ThreadPoolExecutor(hooks + messages) as callers:
            first = [callers.submit(self.hook_post, number) for number in range(hooks)]
            last = [callers.submit(self.message_post, number) for number in range(messages)]
            let_go.start()
            answers = [one.result() for one in first], [one.result() for one in last]
        other.close()
        return answers


def test_who_waited_too_long_in_a_crowd_is_asked_to_come_again_and_people_are_waited_for(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd = Crowd(tmp_path, relance)
        hooks, messages = crowd.all_at_once(CALLERS, 10, held=1.5)
        statuses = Counter(one.status_code for one in hooks)

        assert set(statuses) == {200, 503}, statuses
        assert {one.status_code for one in messages} == {201}
        for one in hooks:
            if one.status_code == 503:
                assert one.headers["Retry-After"] == "2"
                assert (one.json()["code"], one.json()["status"]) == ("crowded", 503)
                assert one.headers["X-Content-Type-Options"] == "nosniff"
        # It comes again, and is taken: nothing of the first time was kept.
        again = [crowd.hook_post(number) for number, one in enumerate(hooks) if one.status_code == 503]
        assert {one.status_code for one in again} == {200}
        kept = relance.client.get("/v1/inbox?limit=200").json()["data"]
        assert Counter(one["state"] for one in kept) == {"read": CALLERS}


def test_a_few_are_waited_for_however_long_it_takes(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        hooks, _ = Crowd(tmp_path, relance).all_at_once(serving.CROWD // 2, 0, held=1.0)

        assert {one.status_code for one in hooks} == {200}
        assert max(one.elapsed.total_seconds() for one in hooks) > serving.PATIENCE


def test_a_crowd_before_the_door_is_let_in_at_once(tmp_path: Path) -> None:
    """Connections that come together are taken together, more than the server takes by itself."""
    with Running(tmp_path) as relance:
        began = time.monotonic()
        with ThreadPoolExecutor(150) as callers:
            answers = list(callers.map(lambda _: relance.client.get("/healthz").status_code, range(300)))
        assert set(answers) == {200}
        assert time.monotonic() - began < 15

"""With the embedded runner nobody has to push: what is accepted leaves, is delivered, and is told, by itself."""

from __future__ import annotations

from pathlib import Path

from tests.support.running import Running


def test_what_is_accepted_leaves_at_once_and_readiness_says_so(tmp_path: Path) -> None:
    with Running(tmp_path, runner=True) as relance:
        relance.until(lambda: relance.client.get("/readyz").status_code == 200)
        message = {"to": "+33639980008", "class": "transactional", "body": "Bonjour"}
        id = relance.client.post("/v1/messages", message).json()["id"]

        relance.until(lambda: [one for one in relance.phones() if one["message"] == id])
        relance.until(lambda: relance.client.get(f"/v1/messages/{id}").json()["state"] == "delivered")

"""Which words a message was written from: every save is a version, an older one comes back, a language that is not
written is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.running import Client, Running


def saved(client: Client, body: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/templates", {"key": "rappel", "language": "fr", "body": body, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sent(client: Client, to: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/messages", {"to": to, "class": "transactional", "template": "rappel",
                                          "data": {"name": "Ana"}, **fields})  # fmt: skip
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = client.get(f"/v1/messages/{answer.json()['id']}").json()
    return found


def test_a_message_points_to_the_version_that_it_was_written_from(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        first = saved(client, "Bonjour {{ name }}", folder="Cabinet")
        assert (first["folder"], first["versions"][0]["version"]) == ("Cabinet", 1)
        assert first["versions"][0]["who"] is not None
        old = sent(client, "+33639981001")
        assert {name: old["template"][name] for name in ("key", "language", "version")} == {
            "key": "rappel", "language": "fr", "version": 1}
        second = saved(client, "Salut {{ name }}")
        assert [one["version"] for one in second["versions"]] == [2, 1]
        assert len(saved(client, "Salut {{ name }}")["versions"]) == 2, "the same words are no new version"
        again = client.get(f"/v1/messages/{old['id']}").json()
        assert (again["template"]["version"], again["text"]) == (1, "Bonjour Ana")

        back = client.post("/v1/templates/rappel/restore", {"language": "fr", "version": 1})
        assert back.status_code == 200, back.text
        versions = [(one["version"], one["taken_from"]) for one in back.json()["versions"]]
        assert versions == [(3, 1), (2, None), (1, None)]
        assert client.post("/v1/templates/rappel/restore", {"language": "fr", "version": 9}).status_code == 404
        assert sent(client, "+33639981002")["template"]["version"] == 3

        fallen = sent(client, "+33639981003", language="es")
        [language] = [one for one in fallen["checks"] if one["check"] == "language"]
        assert (language["result"], language["code"]) == ("passed", "language_fallback")
        assert all(one["check"] != "language" for one in sent(client, "+33639981004", language="fr")["checks"])

        saved(client, "Coucou", key="autre")
        assert [one["key"] for one in client.get("/v1/templates?folder=Cabinet").json()["data"]] == ["rappel"]
        assert client.patch("/v1/templates/rappel", {"folder": None}).json()["folder"] is None
        assert client.delete("/v1/templates/rappel").status_code == 204
        assert client.get(f"/v1/messages/{old['id']}").json()["template"]["version"] == 1

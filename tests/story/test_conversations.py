"""Somebody answers something odd, and a person of the house answers them: once, by the right channel, and no longer
than they want to hear it. And the history leaves as a file, whatever goes on meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes import whatsapp
from tests.fakes.whatsapp import FakeWhatsApp
from tests.support.running import EMAIL, PASSWORD, START, Running

ANA, BOB = "+33639980001", "+33639980009"


class Secretary:
    """Somebody at the console: a browser without scripts."""

    def __init__(self, relance: Running) -> None:
        self.url, self.session = relance.url, requests.Session()
        page = self.session.get(f"{self.url}/sign-in", timeout=10).text
        self.send("/sign-in", page, email=EMAIL, password=PASSWORD)

    def read(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, page: str, **fields: Any) -> requests.Response:
        """A form of `page`, with its hidden fields."""
        form = re.search(rf'<form[^>]+action="{re.escape(path)}[^"]*".*?</form>', page, re.DOTALL)
        assert form is not None, path
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        return self.session.post(self.url + path, {**hidden, **fields}, timeout=10)


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


def says(relance: Running, number: str, text: str) -> None:
    assert relance.client.post("/v1/simulator/replies", {"from": number, "text": text}).status_code < 300


def received(relance: Running, number: str) -> list[str]:
    return [one["text"] for one in reversed(relance.phones()) if one["to"] == number]


def test_an_odd_answer_is_answered_once_and_the_conversation_is_closed(relance: Running) -> None:
    relance.client.post("/v1/messages", {"to": ANA, "class": "transactional", "body": "RDV demain à 9h"})
    relance.settle()
    says(relance, ANA, "Je serai en retard de dix minutes")
    secretary = Secretary(relance)

    # The day's page says so, and leads there.
    [path] = set(re.findall(r'href="(/conversations/cnv_[a-z0-9]+)"', secretary.read("/today")))
    page = secretary.read(path)
    assert "Je serai en retard de dix minutes" in page
    assert "RDV demain à 9h" in page
    # A slow line, and two presses of the button.
    for _ in range(2):
        assert secretary.send(f"{path}/answer", page, text="Pas de souci, merci d'avoir prévenu").status_code == 200
    relance.settle()
    assert received(relance, ANA) == ["RDV demain à 9h", "Pas de souci, merci d'avoir prévenu"]

    assert "en attente de réponse" in secretary.read(path)
    says(relance, ANA, "Merci beaucoup")
    secretary.send(f"{path}/state", secretary.read(path), state="closed")
    assert "Aucune réponse à lire" in secretary.read("/conversations")
    [talk] = relance.client.get("/v1/conversations").json()["data"]
    assert (talk["state"], talk["unread"]) == ("closed", 0)


def test_a_stop_in_a_conversation_is_seen_and_holds(relance: Running) -> None:
    relance.client.post("/v1/messages", {"to": ANA, "class": "transactional", "body": "RDV demain à 9h"})
    relance.settle()
    says(relance, ANA, "Qui êtes-vous ?")
    [talk] = relance.client.get("/v1/conversations?state=open").json()["data"]
    path = f"/v1/conversations/{talk['id']}"
    relance.client.post(f"{path}/answers", {"body": "Le cabinet Lyon"})
    relance.settle()

    says(relance, ANA, "STOP")
    relance.settle()

    talk = relance.client.get(path).json()
    # It waited for their word; nothing is left to answer.
    assert (talk["state"], talk["unread"], talk["opted_out"]) == ("closed", 0, ["marketing", "transactional"])
    assert [one["meaning"] for one in talk["entries"] if one["kind"] == "reply"] == ["stop", "other"]
    # The confirmation of it is seen too, as what no person wrote.
    assert [one["by"] is None for one in talk["entries"] if one["kind"] == "message"] == [True, False, True]
    before = received(relance, ANA)
    relance.client.post("/v1/messages", {"to": ANA, "class": "transactional", "body": "RDV lundi"})
    relance.settle()
    assert received(relance, ANA) == before
    # They ask something themselves: that may be answered.
    says(relance, ANA, "Et mon dossier ?")
    assert relance.client.post(f"{path}/answers", {"body": "Il est là."}).status_code == 201
    relance.settle()
    assert received(relance, ANA)[-1] == "Il est là."


def test_whatsapp_takes_words_for_a_day_and_then_a_template_or_a_text_message(tmp_path: Path) -> None:
    with FakeWhatsApp() as meta, Running(tmp_path, vendor_urls={"whatsapp": meta.url}) as relance:
        meta.now = START
        client = relance.client
        account = client.post("/v1/provider-accounts", {"provider": "whatsapp_cloud", "config": {
            "phone_number_id": whatsapp.NUMBER_ID, "waba_id": whatsapp.WABA_ID, "access_token": whatsapp.TOKEN,
            "app_secret": whatsapp.APP_SECRET, "verify_token": whatsapp.VERIFY_TOKEN}}).json()
        client.post("/v1/provider-accounts", {"provider": "simulator", "config": {}, "channels": ["sms"]})
        meta.webhook = account["receipts_url"]
        relance.settle()
        assert meta.writes(ANA, "Est-ce que je peux venir avec ma fille ?") == 200
        secretary = Secretary(relance)
        [talk] = client.get("/v1/conversations").json()["data"]
        path = f"/conversations/{talk['id']}"
        page = secretary.read(path)
        assert "texte libre jusqu’à" in unescape(page)

        secretary.send(f"{path}/answer", page, text="Oui, bien sûr 😀", channel="whatsapp")
        relance.settle()
        [words] = meta.received(ANA)
        assert words["text"]["body"] == "Oui, bien sûr 😀"

        meta.now += timedelta(hours=25)
        meta.open_windows.clear()
        relance.forward(timedelta(hours=25))
        page = secretary.read(path)
        assert "il faut un modèle approuvé" in page
        refused = secretary.send(f"{path}/answer", page, text="À demain", channel="whatsapp")
        assert (refused.status_code, "À demain" in refused.text) == (409, True)
        relance.settle()
        assert len(meta.received(ANA)) == 1

        done = secretary.send(f"{path}/answer", page, text="", channel="whatsapp", approved="bonjour|fr", values="")
        assert done.status_code == 200, done.text
        relance.settle()
        assert meta.received(ANA)[-1]["template"]["name"] == "bonjour"
        secretary.send(f"{path}/answer", secretary.read(path), text="Et par SMS", channel="sms")
        relance.settle()
        assert received(relance, ANA) == ["Et par SMS"]


def test_a_file_of_five_thousand_messages_holds_them_all_once_while_new_ones_arrive(relance: Running) -> None:
    client = relance.client
    tomorrow = (START + timedelta(days=1)).isoformat()

    def send(count: int) -> list[str]:
        message = {"to": BOB, "class": "transactional", "body": "Rappel", "send_at": tomorrow}
        results = client.post("/v1/messages/batch", {"messages": [message] * count}).json()["results"]
        return [one["message"]["id"] for one in results]

    before = send(5000)
    asked = client.post("/v1/exports", {"what": "messages", "format": "jsonl"})
    assert asked.status_code == 202
    after = send(300)
    relance.settle()

    made = client.get(f"/v1/exports/{asked.json()['id']}").json()
    address = made["file_url"].removeprefix(relance.url)
    found = [line.split('"', 4)[3] for line in client.get(address).text.splitlines()]
    assert made["state"] == "done"
    assert len(found) == len(set(found)) == made["rows"]
    assert set(before) <= set(found) <= {*before, *after}
    _, stranger = relance.another_workspace()
    assert stranger.get(address).status_code == 404

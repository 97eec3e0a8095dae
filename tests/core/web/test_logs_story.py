"""A whole story with everything that goes wrong in one, and then every line of its log: nobody and no secret is in it,
and what a request became can be followed by its id."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.logged import logged
from tests.support.running import EMAIL, PASSWORD, Client, Running

BODY = "Votre rendez-vous chez le docteur Roux est demain"
NUMBERS = [f"+336399800{last:02}" for last in range(1, 9)]
SECRETS = {"s3cret-of-the-account", "s3cret-in-an-address", "s3cret-code", "s3cret-state", "not-the-password"}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


def story(relance: Running) -> str:
    """Returns the key that it was told with."""
    client, stranger = relance.client, Client(relance.url, "rk_live_thisIsNobodysKey_1234567890")
    assert stranger.get(f"/v1/messages?to={NUMBERS[0]}").status_code == 401
    account = {"provider": "smsmode", "name": "smsmode", "config": {"api_key": "s3cret-of-the-account"}}
    client.post("/v1/provider-accounts", account)
    client.post("/v1/contacts", {"number": NUMBERS[0], "name": "Anaïs Roux", "email": "anais.roux@example.org"})
    client.post("/v1/consents", {"to": NUMBERS[1], "state": "out", "source": "au 06 39 98 00 02"})
    address = "http://127.0.0.1:9/private-s3cret-in-an-address/basic.ics"
    config = {"ical_url": address, "zone": "Europe/Paris", "country": "FR"}
    made = client.post("/v1/installations", {"adapter": "gcal_reminders", "config": config})
    client.post("/v1/webhooks", {"url": "http://127.0.0.1:9/s3cret-in-an-address", "events": ["message.sent"]})
    for number in NUMBERS:
        for klass in ("transactional", "otp", "marketing"):
            client.post("/v1/messages", {"to": number, "class": klass, "body": BODY, "reference": number})
    client.post("/v1/messages", {"to": "06 39 98 00 0x", "class": "otp", "body": BODY})
    client.post("/v1/messages/batch", {"messages": [{"to": one, "class": "otp", "body": BODY} for one in NUMBERS]})
    for path in (f"/v1/explanations?to={NUMBERS[0]}", f"/v1/contacts/{NUMBERS[0]}", f"/v1/messages?to={NUMBERS[1]}"):
        client.get(path)
    if made.status_code == 201:
        client.post(f"/v1/installations/{made.json()['id']}/sync?wait=true")
    requests.post(f"{relance.url}/sign-in", data={"email": EMAIL, "password": "not-the-password"}, timeout=20)
    requests.get(f"{relance.url}/connect/callback/google?code=s3cret-code&state=s3cret-state", timeout=20)
    requests.post(f"{relance.url}/hooks/gcal_reminders/ins_none?token=s3cret-code", data=BODY.encode(), timeout=20)
    for _ in range(3):
        relance.settle()
        relance.forward(timedelta(minutes=6))
    return client.key or ""


def test_no_number_body_address_key_or_secret_is_in_any_line(tmp_path: Path, written: io.StringIO) -> None:
    with Running(tmp_path) as relance:
        key = story(relance)
        own = relance.settings.secret_keys[0]
    text = written.getvalue()
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    assert len(lines) > 40
    assert {"request", "messages accepted"} <= {line["event"] for line in lines}
    digits = re.sub(r"[ .\-]", "", text)
    for number in NUMBERS:
        assert number.removeprefix("+33") not in digits
    people = {BODY, "docteur Roux", "Anaïs", "anais.roux", EMAIL}
    for secret in people | SECRETS | {PASSWORD, key, own, "thisIsNobodysKey"}:
        assert secret not in text, secret


def test_the_request_id_leads_from_the_answer_to_the_messages(tmp_path: Path, written: io.StringIO) -> None:
    with Running(tmp_path) as relance:
        answer = relance.client.post("/v1/messages", {"to": NUMBERS[0], "class": "otp", "body": BODY})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]

    (accepted,) = (line for line in lines if line["event"] == "messages accepted")
    assert accepted["messages"] == [answer.json()["id"]]
    assert accepted["request_id"] == answer.headers["X-Request-Id"]

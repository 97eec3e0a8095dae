"""RCS and WhatsApp through the whole house: their addresses are confirmed, and what they sign is heard."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from sqlalchemy import select

from core.storage import tables as t
from tests.fakes import rcs, whatsapp
from tests.fakes.rcs import FakeRcs
from tests.fakes.whatsapp import FakeWhatsApp
from tests.support.running import Running

ANA = "+33639980001"


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with FakeRcs() as rcs_, FakeWhatsApp() as whatsapp_, Running(
            tmp_path_factory.mktemp("rich"), vendor_urls={"rcs": rcs_.url, "whatsapp": whatsapp_.url},
            vendor_token_urls={"rcs": rcs_.urls["rcs_token"]}) as running:
        yield running


def address(relance: Running, provider: str, config: dict[str, object]) -> str:
    """The receipts address of a new account."""
    answer = relance.client.post("/v1/provider-accounts", {"provider": provider, "config": config})
    assert answer.status_code == 201, answer.text
    assert "PRIVATE" not in answer.text
    assert whatsapp.APP_SECRET not in answer.text
    return str(answer.json()["receipts_url"])


def heard(relance: Running) -> list[str]:
    """What people wrote, and was kept."""
    with relance.suite.database.read() as tx:
        return list(tx.connection.execute(select(t.replies.c.text)).scalars())


def test_meta_confirms_the_address_and_then_is_heard(relance: Running) -> None:
    url = address(relance, "whatsapp_cloud", {
        "phone_number_id": whatsapp.NUMBER_ID, "access_token": whatsapp.TOKEN, "app_secret": whatsapp.APP_SECRET,
        "verify_token": whatsapp.VERIFY_TOKEN})
    fake = FakeWhatsApp(url)

    assert fake.shakes_hands() == (200, b"1158201444")
    assert fake.shakes_hands(token="other")[0] == 403
    assert fake.writes(ANA, "Bonjour Meta") == 200
    assert "Bonjour Meta" in heard(relance)
    body = whatsapp.envelope(messages=[])
    assert requests.post(url, body, headers={"X-Hub-Signature-256": "sha256=00"}, timeout=10).status_code == 401
    assert requests.post(url.rpartition("/")[0] + "/guessed", body, timeout=10).status_code == 401


def test_google_confirms_the_address_and_then_is_heard(relance: Running) -> None:
    url = address(relance, "rcs_business", {
        "agent_id": rcs.AGENT, "service_account": rcs.SERVICE_ACCOUNT, "client_token": rcs.CLIENT_TOKEN})
    hello = json.dumps({"clientToken": rcs.CLIENT_TOKEN, "secret": "1234567890"})
    answer = requests.post(url, hello, headers={"Content-Type": "application/json"}, timeout=10)

    assert (answer.status_code, answer.text) == (200, "1234567890")
    assert FakeRcs().writes(url, ANA, "Bonjour Google") == 200
    assert "Bonjour Google" in heard(relance)
    other = json.dumps({"clientToken": "other", "secret": "1"})
    assert requests.post(url, other, headers={"Content-Type": "application/json"}, timeout=10).status_code == 401

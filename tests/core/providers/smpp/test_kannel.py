"""Against an implementation that is not ours: Kannel as the SMPP client of our centre, and as the gateway of ours.

Kannel is no SMPP server (its `opensmppbox` is a project of its own that Debian does not carry, and the driver among its
tests gives no ids), so that our client meets it as it meets people's: over HTTP, with its bearerbox behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.domain.smpp import texts
from core.domain.smpp.pdu import Address, Command, ShortMessage
from core.domain.text.segments import gsm7_octets
from core.storage import tables as t
from tests.fakes.smsc import Smsc, answers, cut_after
from tests.support.kannel import PASSWORD, USER, Heard, Kannel
from tests.support.machines import wait_until
from tests.support.running import Running

pytestmark = pytest.mark.usefixtures("kannel")

CHEAP = "Déjà réglé : 5 € [à régler {demain}]. " * 12
DEAR = "Prêt pour Noël 😀, à bientôt ! " * 12
DOCUMENTED = Path(__file__).parents[4] / "docs" / "providers.md"


@contextmanager
def line(folder: Path, smsc: Smsc, heard: Heard, **how: str) -> Iterator[Kannel]:
    with Kannel(folder, smsc.port, replies_url=f"{heard.url}/mo", **how) as kannel:
        wait_until(lambda: smsc.bound == 1)
        yield kannel


def octets_of(text: str, coding: int) -> bytes:
    """A text as a phone gets it."""
    return text.encode("utf-16-be") if coding == 8 else b"".join(map(gsm7_octets, text))


def test_what_it_submits_is_put_together_and_our_receipts_find_their_message(tmp_path: Path) -> None:
    said = [("Bonjour à 5 € [x]", 0, 1), (CHEAP, 0, 4), ("Noël 😀", 8, 1), (DEAR, 8, 6)]
    with Smsc() as smsc:
        with Heard() as heard, line(tmp_path, smsc, heard) as kannel:
            assert smsc.binds[0][0] == Command.BIND_TRANSCEIVER
            for number, (text, coding, parts) in enumerate(said):
                smsc.ledger.clear()
                kannel.send(text, dlr_url=f"{heard.url}/dlr/{number}?id=%F&said=%d&words=%A")
                wait_until(lambda: len(heard.of(f"/dlr/{number}")) == 2, 20)  # noqa: B023

                assert smsc.messages() == [octets_of(text, coding)]
                assert [part.message.data_coding for part in smsc.ledger] == [coding] * parts
                first = smsc.ledger[0]
                assert (first.message.source.text, first.message.destination.text) == (b"CABINET", b"33639981001")
                # Kannel asks for one receipt for all parts. It tells of the answer (8) and of the phone (1).
                told = {one["said"]: one for one in heard.of(f"/dlr/{number}")}
                assert (told["8"]["id"], told["1"]["id"]) == (first.id, first.id)
                assert "stat:DELIVRD" in told["1"]["words"]
        wait_until(lambda: smsc.unbinds == 1, 5)


@pytest.mark.parametrize(("ids", "receipts_in", "tlvs", "type_"), [
    ("hex", "decimal", False, "0x01"), ("hex", "hex", True, "0x03"),
])  # fmt: skip
def test_ids_in_either_base_and_receipts_in_fields(
        tmp_path: Path, ids: str, receipts_in: str, tlvs: bool, type_: str) -> None:
    with (
        Smsc(ids=ids, receipts_in=receipts_in, tlvs=tlvs) as smsc, Heard() as heard,
        line(tmp_path, smsc, heard, ids=type_) as kannel,
    ):
        kannel.send("Bonjour", dlr_url=f"{heard.url}/dlr?said=%d")
        wait_until(lambda: {one["said"] for one in heard.of("/dlr")} == {"8", "1"}, 20)


def test_it_puts_our_replies_together(tmp_path: Path) -> None:
    with Smsc() as smsc, Heard() as heard, line(tmp_path, smsc, heard):
        person, us = Address(1, 1, b"33639981001"), Address(0, 1, b"36180")
        assert smsc.replies("33639981001", "OUI").result(10) == 0
        assert smsc.says(ShortMessage(person, us, "Prêt 😀".encode("utf-16-be"), 0, 8)).result(10) == 0
        how = texts.Writing(long="udh8")
        parts = [smsc.says(ShortMessage(person, us, piece.octets, piece.esm_class, piece.data_coding))
                 for piece in reversed(texts.pieces(CHEAP, how, reference=77))]
        assert {part.result(10) for part in parts} == {0}
        wait_until(lambda: len(heard.of("/mo")) == 3, 20)

        assert {one["text"] for one in heard.of("/mo")} == {"OUI", "Prêt 😀", CHEAP}
        assert {(one["from"], one["to"]) for one in heard.of("/mo")} == {("+33639981001", "36180")}


def test_it_understands_a_no_and_comes_back_over_a_line_that_was_cut(tmp_path: Path) -> None:
    with Smsc() as smsc, Heard() as heard, line(tmp_path, smsc, heard) as kannel:
        smsc.then(answers(0x0B))
        kannel.send("Personne", dlr_url=f"{heard.url}/dlr?said=%d")
        wait_until(lambda: [one["said"] for one in heard.of("/dlr")] == ["16"], 20)

        # It cannot know what became of a message whose answer did not come, and sends it again.
        smsc.then(cut_after())
        kannel.send("Encore")
        wait_until(lambda: len(smsc.binds) == 2 and len(smsc.ledger) == 2, 20)
        assert [part.octets for part in smsc.ledger] == [b"Encore", b"Encore"]


def test_our_http_gateway_sends_by_it_and_hears_receipts_and_replies_as_the_documentation_describes(
        tmp_path: Path) -> None:
    """Relance → Kannel over HTTP → the centre over SMPP, and all the way back."""
    [described] = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
                   if "sendsms" in one]
    secrets = {"user": USER, "password": PASSWORD}
    with Smsc() as smsc, Running(tmp_path) as relance:
        account = {"provider": "http", "name": "Kannel",
                   "config": {**described, "url": "http://127.0.0.1:9/cgi-bin/sendsms", "secrets": secrets}}
        made = relance.client.post("/v1/provider-accounts", account)
        assert made.status_code == 201, made.text
        path = f"/v1/provider-accounts/{made.json()['id']}"
        live = relance.client_for(relance.workspace, test=False)
        with Kannel(tmp_path, smsc.port, replies_url=made.json()["replies_url"]) as kannel:
            wait_until(lambda: smsc.bound == 1)
            changed = relance.client.patch(path, {"config": {"url": kannel.url}})
            assert changed.status_code == 200, changed.text
            sent = [live.post("/v1/messages", {"to": "+33639981001", "class": "transactional", "body": body,
                                               "sender": "CABINET"}).json()["id"] for body in (CHEAP, DEAR)]
            relance.settle()

            # Receipts are taken as they come: nothing has to tick for them.
            relance.until(lambda: all(
                live.get(f"/v1/messages/{one}").json()["state"] == "delivered" for one in sent))
            assert sorted(smsc.messages()) == sorted([octets_of(CHEAP.strip(), 0), octets_of(DEAR.strip(), 8)])
            assert {part.message.source.text for part in smsc.ledger} == {b"CABINET"}

            assert smsc.replies("33639981001", "OUI").result(10) == 0
            assert relance.until(lambda: replies(relance)) == [("+33639981001", "OUI")]


def replies(relance: Running) -> list[tuple[str, str]]:
    with relance.suite.database.read(relance.workspace) as tx:
        return [(row["number"], row["text"]) for row in tx.rows(tx.mine(t.replies))]

"""Against an implementation that is not ours: npm's `smpp` as the centre of our client, and as the client of our fake
centre, so that the two ends here cannot agree on a mistake."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.contract import Accepted, Account, AccountTrouble, Outgoing, PhoneReply, ProviderTools, Receipt
from core.domain.messages import Channel, MessageClass, State
from core.providers.smpp import Smpp
from tests.fakes.smsc import Smsc

pytestmark = pytest.mark.slow

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
PEER = Path(__file__).with_name("peer.js")
VERSION = "0.5.1"
CHEAP = "Déjà réglé : 5 € [à régler {demain}]. " * 12
DEAR = "Prêt pour Noël 😀, à bientôt ! " * 12


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds the package."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text("{}")
    done = subprocess.run(["npm", "install", f"smpp@{VERSION}", "--no-audit", "--no-fund"], cwd=folder, timeout=120,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("npm cannot install smpp here")
    shutil.copy(PEER, folder)
    return folder


class Peer:
    """A process of it; `says(key)` waits for its next line with that key."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self, key: str) -> dict[str, Any]:
        assert self._process.stdout
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            assert "error" not in said, said
            if key in said:
                return said
        raise AssertionError(f"it never says {key}")

    def tell(self, **what: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()


@contextmanager
def peer(modules: Path, *arguments: str) -> Iterator[Peer]:
    process = subprocess.Popen(["node", "peer.js", *arguments], cwd=modules, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        yield Peer(process)
    finally:
        process.kill()
        process.wait(10)


class Ours:
    def __init__(self, port: int, password: str = "secret", **config: Any) -> None:
        self.provider = Smpp(ProviderTools(urls={}))
        self.account = Account("acc_1", "ws_1", "smpp", {
            "host": "127.0.0.1", "port": port, "system_id": "acme", **config}, {"password": password}, "", "")
        self.told: list[Receipt | PhoneReply] = []
        self.delivered = threading.Event()

    def __enter__(self) -> Ours:
        self.provider.listen(self.account, self._deliver, lambda: NOW)
        return self

    def __exit__(self, *_: object) -> None:
        self.provider.close()

    def _deliver(self, words: Sequence[Receipt | PhoneReply]) -> None:
        self.told += words
        if any(isinstance(one, Receipt) and (one.reference, one.state) == ("msg_1", State.DELIVERED) for one in words):
            self.delivered.set()

    def send(self, text: str) -> Any:
        message = Outgoing("msg_1", "+33639981001", text, Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7", "CABINET")
        return self.provider.send(self.account, [message], NOW, lambda _: None)[0]


@pytest.mark.parametrize("long", ["udh8", "udh16", "sar", "payload"])
@pytest.mark.parametrize(("text", "coding"), [("Bonjour", 0), (CHEAP, 0), (DEAR, 8)], ids=["short", "GSM-7", "UCS-2"])
def test_it_puts_our_messages_together_and_its_receipts_find_them(
        modules: Path, long: str, text: str, coding: int) -> None:
    with peer(modules, "centre") as centre, Ours(centre.says("port")["port"], long=long) as ours:
        assert centre.says("bound")["system_id"] == "acme"
        outcome = ours.send(text)
        assert isinstance(outcome, Accepted)
        heard = centre.says("text")
        assert (heard["text"], heard["from"], heard["to"], heard["coding"]) == (text, "CABINET", "33639981001", coding)
        if long == "payload":
            assert heard["parts"] == 1
        assert ours.delivered.wait(10)
        ours.provider.fall_silent("acc_1")
        assert centre.says("unbound")


@pytest.mark.parametrize("text", ["OUI", "Déjà là", DEAR[:110], "Je ne pourrai pas venir. " * 9])
def test_we_put_its_replies_together(modules: Path, text: str) -> None:
    with peer(modules, "centre") as centre, Ours(centre.says("port")["port"]) as ours:
        centre.says("bound")
        centre.tell(**{"from": "33639981001", "text": text})
        assert centre.says("reply")["reply"] == 0
        [reply] = [one for one in ours.told if isinstance(one, PhoneReply)]
        assert (reply.sender, reply.to, reply.text) == ("+33639981001", "36180", text)


def test_it_refuses_us_and_we_say_so(modules: Path) -> None:
    with peer(modules, "centre") as centre, Ours(centre.says("port")["port"], "wrong") as ours:
        assert isinstance(ours.send("Bonjour"), AccountTrouble)


def test_it_cuts_the_line_and_we_are_back(modules: Path) -> None:
    with peer(modules, "centre") as centre, Ours(centre.says("port")["port"]) as ours:
        centre.says("bound")
        centre.tell(cut=True)
        assert centre.says("bound")
        assert isinstance(ours.send("Bonjour"), Accepted)


def test_it_finds_its_way_through_our_fake_centre(modules: Path) -> None:
    with Smsc(tlvs=True) as smsc, peer(modules, "client", str(smsc.port), CHEAP) as client:
        assert client.says("bound")["bound"] == 0
        taken = client.says("taken")
        assert taken["taken"] == 0
        receipt = client.says("receipt")
        assert (receipt["esm_class"], receipt["id"]) == (4, taken["id"])
        client.says("unbound")
    assert len(smsc.messages()) == 1

"""From Adobe Campaign's own connection to the phone and back to Campaign: messages, receipts, replies, broken lines."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.smpp import texts
from core.domain.smpp.pdu import GENERIC_NACK, RESPONSE, Command, ShortMessage, Status
from core.engine.serving import Serving
from core.suite import gates, turn_clock
from integrations.adobe_campaign import AdobeCampaign
from integrations.adobe_campaign.session import Pace
from tests.fakes.esme import UNKNOWN_ID, Esme, Heard, Refused, message, of_piece, payload
from tests.support import databases
from tests.support.ports import free_port
from tests.support.running import Running

QUICK = Pace(bind=1.5, idle=60, dead=10, unbind=0.5, answer=10, turn=20, linger=0.0)
LONG = "Bonjour, la commande est là : venez la chercher jusqu'à samedi. ".rstrip() * 5
NOBODY = "33639970002"
"""A simulated phone that is never reached."""
numbers = (f"3363998{at}" for at in range(1000, 10_000))


class Campaign:
    """A house with a connection of its own for Campaign, and its message centre."""

    def __init__(self, house: House, **config: Any) -> None:
        self.house, self.relance = house, house.relance
        asked = {"adapter": "adobe_campaign", "name": "Campaign", "config": {"class": "transactional", **config}}
        made = self.relance.client.post("/v1/installations", asked)
        assert made.status_code == 201, made.text
        self.id, self.password = made.json()["id"], made.json()["password"]
        self.system_id = made.json()["config"]["system_id"]
        assert self.relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        house.look()

    def bound(self, command: int = Command.BIND_TRANSMITTER, password: str = "") -> Esme:
        return Esme(self.house.port, self.system_id, password or self.password, command)

    def tx(self) -> Esme:
        return self.bound()

    def rx(self) -> Esme:
        return self.bound(Command.BIND_RECEIVER)

    def received(self, number: str) -> list[str]:
        self.relance.settle()
        found = self.relance.client.get(f"/v1/simulator/messages?to=%2B{number}&limit=50").json()["data"]
        return [one["text"] for one in reversed(found)]

    def messages(self) -> list[dict[str, Any]]:
        self.relance.settle()
        found = self.relance.client.get(f"/v1/messages?installation={self.id}&limit=100")
        return list(found.json()["data"])

    def heard(self, rx: Esme, count: int = 1, *answers: int) -> list[Heard]:
        """What the receiver is told when all is told, answered with `answers` in their order, then with 0."""
        said = itertools.chain(answers, itertools.repeat(0))
        with ThreadPoolExecutor(1) as pool:
            listening = pool.submit(lambda: [rx.heard(next(said)) for _ in range(count)])
            self.house.tell()
            return listening.result(10)


@dataclass
class House:
    """`adapter` is that of its centre, whose patience is short."""

    relance: Running
    adapter: AdobeCampaign
    serving: Serving

    @property
    def port(self) -> int:
        port = self.serving.port("adobe_campaign")
        assert port is not None
        return port

    def look(self) -> None:
        self.serving.turn(self.relance.suite, at_once=True)

    def tell(self) -> None:
        """The phones have answered, and whoever listens is told."""
        self.relance.forward(timedelta(minutes=1))
        self.look()

    def crash(self) -> None:
        """As if the process had died: nothing is said of what had arrived."""
        self.serving._open.pop("adobe_campaign").stop()
        self.serving = Serving(self.relance.suite)
        self.look()

    def restart(self) -> None:
        """As if the process had ended, and another one begun."""
        self.serving.stop()
        self.serving = Serving(self.relance.suite)
        self.look()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On SQLite; what the database itself has a part in, on PostgreSQL too."""
    if "house" in metafunc.fixturenames:
        also = [pytest.param("postgresql", marks=pytest.mark.postgres)] if metafunc.function in ON_BOTH else []
        metafunc.parametrize("house", ["sqlite", *also], indirect=True, scope="module")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    own, server = None, ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        own = databases.create(server, request.getfixturevalue("postgres_template"))
    settings: dict[str, Any] = {"smpp_listen": "127.0.0.1:0", "database_url": own}
    with Running(tmp_path_factory.mktemp("campaign"), **settings) as relance:
        suite = relance.suite
        known = suite.adapters["adobe_campaign"]
        adapter = AdobeCampaign(replace(known.tools, gates=gates(suite.settings)), QUICK)
        suite.adapters = {**suite.adapters, "adobe_campaign": adapter}
        here = House(relance, adapter, Serving(suite))
        yield here
        here.serving.stop()
    if own:
        databases.drop(server, own)


# ---------------------------------------------------------------------------------------------- there and back


def test_a_message_reaches_the_phone_and_its_receipt_another_connection(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        name = tx.submit(to, "Votre colis est là, {{ prénom }}")

        assert campaign.received(to) == ["Votre colis est là, {{ prénom }}"]
        (receipt,) = campaign.heard(rx)

        assert name.isdecimal()
        assert len(name) == 10
        assert receipt.is_receipt
        assert (receipt.id, receipt.stat, receipt.err) == (name, "DELIVRD", "000")
        assert receipt.message.source.text == to.encode()
        assert receipt.message.destination.text == b"ACME"
        assert receipt.message.tlvs[0x001E] == name.encode() + b"\0"
        assert receipt.message.tlvs[0x0427] == b"\x02"
        tx.unbind()
        rx.unbind()


def test_a_transceiver_and_ten_lines_of_one_account(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    lines = [campaign.bound(Command.BIND_TRANSCEIVER) for _ in range(10)]
    try:
        names = {one.submit(to, f"Ligne {at}") for at, one in enumerate(lines)}
        assert len(names) == 10
        assert sorted(campaign.received(to)) == [f"Ligne {at}" for at in range(10)]
        house.look()
        kept = house.relance.client.get(f"/v1/installations/{campaign.id}").json()
        assert kept["state"] == "connected"
    finally:
        for one in lines:
            one.cut()


def test_a_receipt_waits_for_a_receiver_and_outlives_the_process(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx:
        name = tx.submit(to, "Un accusé qui attend")
        house.tell()
        tx.unbind()
    house.restart()
    house.tell()
    with campaign.rx() as rx:
        (receipt,) = campaign.heard(rx)
        assert (receipt.id, receipt.stat) == (name, "DELIVRD")


def test_a_receipt_that_is_not_taken_comes_again(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        name = tx.submit(to, "Pas encore connu")
        campaign.received(to)
        assert campaign.heard(rx, 1, UNKNOWN_ID)[0].id == name
        house.relance.forward(timedelta(minutes=2))
        assert campaign.heard(rx)[0].id == name


def test_what_fails_is_said_with_a_code_of_the_table(house: House) -> None:
    campaign, to = Campaign(house), NOBODY
    with campaign.tx() as tx, campaign.rx() as rx:
        name = tx.submit(to, "Personne là")
        campaign.received(to)
        (receipt,) = campaign.heard(rx)
        assert (receipt.id, receipt.stat) == (name, "UNDELIV")
        assert receipt.err in {one.code for one in house.adapter.words()}


def test_who_asks_for_no_receipt_gets_none(house: House) -> None:
    campaign, to, other = Campaign(house), next(numbers), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        tx.submit(to, "Sans accusé", receipt=0)
        name = tx.submit(other, "Avec accusé")
        campaign.received(other)
        assert campaign.heard(rx)[0].id == name
        house.tell()


# ---------------------------------------------------------------------------------------------- long texts, alphabets


def test_a_long_text_comes_last_part_first_and_arrives_whole(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        names = tx.submit_long(to, LONG, 7)

        assert len(names) > 1
        assert campaign.received(to) == [LONG]
        (receipt,) = campaign.heard(rx)
        assert receipt.id == names[0]
        assert [one["state"] for one in campaign.messages()] == ["delivered"]


def test_parts_outlive_a_restart_and_those_that_never_come_are_said(house: House) -> None:
    campaign, to, other = Campaign(house), next(numbers), next(numbers)
    pieces = texts.pieces(LONG, texts.Writing(), 9)
    with campaign.tx() as tx:
        for piece in pieces[:0:-1]:
            tx.taken(tx.ask(Command.SUBMIT_SM, _of(to, piece, 0).written()))
        tx.unbind()
    house.restart()
    with campaign.tx() as tx, campaign.rx() as rx:
        tx.taken(tx.ask(Command.SUBMIT_SM, _of(to, pieces[0], 1).written()))
        assert campaign.received(to) == [LONG]
        campaign.heard(rx)
        alone = tx.taken(tx.ask(Command.SUBMIT_SM, _of(other, pieces[0], 1).written()))
        house.relance.forward(timedelta(minutes=11))
        house.look()
        (receipt,) = campaign.heard(rx)
        assert (receipt.id, receipt.stat, receipt.err) == (alone, "REJECTD", "014")
        assert campaign.received(other) == []


def _of(to: str, piece: Any, receipt: int) -> ShortMessage:
    return of_piece(to, piece, receipt)


def test_a_whole_text_in_one_field_and_every_alphabet(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx:
        tx.submit(to, "x", **payload(LONG))
        tx.submit(to, "Ça va où ? 😀")
        tx.submit(to, "x", octets="déjà".encode("latin-1"), data_coding=3)
        tx.submit(f"+{to}", "x", octets="où".encode("utf-16-be"), data_coding=9)
        assert campaign.received(to) == [LONG, "Ça va où ? 😀", "déjà", "où"]


# ---------------------------------------------------------------------------------------------- who gets in


@pytest.mark.parametrize("system_id, password, status", [
    ("", "wrong123", Status.BAD_PASSWORD), ("", "", Status.BAD_PASSWORD), ("nobody", "wrong123", Status.BAD_SYSTEM_ID),
])  # fmt: skip
def test_a_wrong_name_or_password_is_refused(house: House, system_id: str, password: str, status: int) -> None:
    campaign = Campaign(house)
    with pytest.raises(Refused) as refused:
        Esme(house.port, system_id or campaign.system_id, password)
    assert refused.value.status == status


def test_who_guesses_is_not_listened_to_and_shuts_out_nobody_else(house: House) -> None:
    campaign, other = Campaign(house), Campaign(house)
    heard = []
    for _ in range(12):
        with pytest.raises(Refused) as refused:
            campaign.bound(password="wrong123")
        heard.append(refused.value.status)
    assert heard == [Status.BAD_PASSWORD] * 10 + [Status.BIND_FAILED] * 2
    with pytest.raises(Refused):
        campaign.tx()
    other.tx().unbind()


def test_each_account_has_its_lines_its_networks_and_its_own_receipts(house: House) -> None:
    few, elsewhere, other = Campaign(house, connections=1), Campaign(house, networks="192.0.2.0/24"), Campaign(house)
    to = next(numbers)
    with few.tx() as tx, other.rx() as stranger:
        for one in (few, elsewhere):
            with pytest.raises(Refused) as refused:
                one.tx()
            assert refused.value.status == Status.BIND_FAILED
        tx.submit(to, "À nous seuls")
        few.received(to)
        house.tell()
        mine = other.tx()
        name = mine.submit(next(numbers), "À eux")
        other.relance.settle()
        assert other.heard(stranger)[0].id == name
        mine.cut()


def test_a_new_password_ends_the_lines_of_the_old_one(house: House) -> None:
    campaign = Campaign(house)
    with campaign.tx() as tx:
        changed = house.relance.client.patch(f"/v1/installations/{campaign.id}", {"config": {"new_code": True}})
        new = changed.json()["password"]
        house.look()
        assert tx.read().command == Command.UNBIND
        with pytest.raises(Refused):
            campaign.tx()
        campaign.bound(password=new).unbind()
    other = house.relance.client.patch(f"/v1/installations/{campaign.id}", {"config": {"system_id": "another"}})
    assert (other.status_code, other.json()["code"]) == (409, "another_account")
    assert "password" not in house.relance.client.get(f"/v1/installations/{campaign.id}").json()


def test_who_ends_the_connection_there_is_sent_away(house: House) -> None:
    campaign = Campaign(house)
    with campaign.tx() as tx:
        house.relance.client.delete(f"/v1/installations/{campaign.id}")
        house.look()
        assert tx.read().command == Command.UNBIND
        with pytest.raises(Refused) as refused:
            campaign.tx()
        assert refused.value.status == Status.BAD_SYSTEM_ID


# ---------------------------------------------------------------------------------------------- a line that is broken


def test_what_was_said_before_the_line_was_cut_is_not_sent_twice(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    tx = campaign.tx()
    tx.write(Command.SUBMIT_SM, message(to, "Une seule fois").written())
    answer = tx.read()
    tx.cut()
    house.relance.until(lambda: (house.look(), not house.adapter._listener.present().get(campaign.id, {}))[1])  # type: ignore[union-attr]

    with campaign.tx() as again:
        name = again.submit(to, "Une seule fois")
        assert answer.body == name.encode() + b"\0"
        # On a line that stands, the same said twice is two messages.
        assert again.submit(to, "Une seule fois") != name
    assert campaign.received(to) == ["Une seule fois", "Une seule fois"]


def test_what_a_process_that_died_had_kept_is_known_again(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    with campaign.tx() as tx:
        first = tx.submit(to, "Une seule fois")
    house.crash()
    with campaign.tx() as tx:
        assert tx.submit(to, "Une seule fois") == first
        tx.unbind()
    house.restart()
    with campaign.tx() as tx:
        # Whoever ended in good order had answered everything.
        assert tx.submit(to, "Une seule fois") != first
        tx.unbind()
    assert len(campaign.received(to)) == 2


def test_too_much_at_once_is_put_off_and_nothing_of_it_is_kept(house: House) -> None:
    campaign, to = Campaign(house, rate=3), next(numbers)
    with campaign.tx() as tx:
        asked = [tx.write(Command.SUBMIT_SM, message(to, f"Vite {at}").written()) for at in range(10)]
        statuses = [tx.answer_to(one).status for one in asked]
        assert set(statuses) == {Status.OK, Status.THROTTLED}
        assert len(campaign.received(to)) == statuses.count(Status.OK)


@pytest.mark.parametrize("fields, status", [
    ({"data_coding": 4}, Status.SUBMIT_FAILED),
    ({"validity": b"261130085900000+"}, Status.BAD_VALIDITY),
    ({"validity": b"tomorrow"}, Status.BAD_VALIDITY),
    ({"schedule": b"269930085900000+"}, Status.BAD_SCHEDULE),
    ({"esm_class": 0x04}, Status.BAD_CLASS),
    ({"octets": b""}, Status.BAD_MESSAGE_LENGTH),
    ({"sender": "Trop long pour un"}, Status.BAD_SOURCE),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused_at_once(house: House, fields: dict[str, Any], status: int) -> None:
    campaign = Campaign(house)
    with campaign.tx() as tx, pytest.raises(Refused) as refused:
        tx.submit(next(numbers), "Bonjour", **fields)
    assert refused.value.status == status


def test_a_number_that_is_none_is_refused(house: House) -> None:
    with Campaign(house).tx() as tx, pytest.raises(Refused) as refused:
        tx.submit("33100", "Bonjour")
    assert refused.value.status == Status.BAD_DESTINATION


def test_garbage_is_answered_and_a_frame_without_end_is_not_read(house: House) -> None:
    campaign = Campaign(house)
    with campaign.tx() as tx:
        assert tx.ask(0x55).status == Status.BAD_COMMAND
        assert tx.ask(Command.SUBMIT_SM, b"\0").status == Status.BAD_LENGTH
        assert tx.ask(Command.ENQUIRE_LINK).command == Command.ENQUIRE_LINK | RESPONSE
        assert tx.ask(Command.BIND_RECEIVER).status == Status.ALREADY_BOUND
        tx.raw(b"\x7f\xff\xff\xff" + b"\0" * 12)
        nack = tx.read()
        assert (nack.command, nack.status) == (GENERIC_NACK, Status.BAD_LENGTH)
        assert tx.is_over()


def test_a_receiver_hands_in_nothing_and_who_does_not_bind_is_shown_out(house: House) -> None:
    campaign = Campaign(house)
    with campaign.rx() as rx, pytest.raises(Refused) as refused:
        rx.submit(next(numbers), "Bonjour")
    assert refused.value.status == Status.WRONG_STATE
    with socket.create_connection(("127.0.0.1", house.port), 5) as silent:
        assert silent.recv(1) == b""


# ---------------------------------------------------------------------------------------------- what the law says


def test_a_marketing_message_needs_a_consent_and_says_when_there_is_none(house: House) -> None:
    campaign, to = Campaign(house, **{"class": "marketing"}), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        name = tx.submit(to, "Soldes")
        assert campaign.received(to) == []
        (receipt,) = campaign.heard(rx)
        assert (receipt.id, receipt.stat, receipt.err) == (name, "REJECTD", "005")


def test_where_campaign_keeps_the_consent_a_stop_that_came_here_still_wins(house: House) -> None:
    campaign, to = Campaign(house, **{"class": "marketing", "consent": "campaign", "reply_to": "36180"}), next(numbers)
    with campaign.tx() as tx, campaign.rx() as rx:
        tx.submit(to, "Soldes")
        (first,) = campaign.received(to)
        assert first.startswith("Soldes")
        campaign.heard(rx)

        house.relance.client.post("/v1/simulator/replies", {"from": f"+{to}", "text": "STOP"})
        house.relance.settle()
        (handed_on,) = campaign.heard(rx)
        assert not handed_on.is_receipt
        assert handed_on.text == "STOP"
        assert handed_on.message.source.text == to.encode()
        assert handed_on.message.destination.text == b"36180"

        name = tx.submit(to, "Encore des soldes")
        (receipt,) = campaign.heard(rx)
        assert (receipt.id, receipt.stat, receipt.err) == (name, "REJECTD", "005")


def test_a_scheduled_message_waits_and_one_that_is_of_no_use_any_more_says_so(house: House) -> None:
    campaign, to = Campaign(house), next(numbers)
    now = house.relance.suite.now()
    with campaign.tx() as tx:
        tx.submit(to, "Plus tard", schedule=_written(now + timedelta(hours=2)), validity=b"000001000000000R")
        assert campaign.received(to) == []
        house.relance.forward(timedelta(hours=2, minutes=1))
        assert campaign.received(to) == ["Plus tard"]


def _written(moment: datetime) -> bytes:
    return f"{moment.astimezone(UTC):%y%m%d%H%M%S}000+".encode()


def test_a_house_of_one_process_listens_by_itself(tmp_path: Path) -> None:
    with Running(tmp_path, runner="embedded", smpp_listen=f"127.0.0.1:{free_port()}") as relance:
        asked = {"adapter": "adobe_campaign", "name": "C", "config": {"class": "transactional"}}
        made = relance.client.post("/v1/installations", asked).json()
        relance.client.patch(f"/v1/installations/{made['id']}", {"mode": "live"})
        port = int(relance.settings.smpp_listen.rpartition(":")[2])
        relance.until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        with Esme(port, made["config"]["system_id"], made["password"], Command.BIND_TRANSCEIVER) as line:
            name = line.submit(next(numbers), "Bonjour")
            relance.until(lambda: relance.client.get("/v1/messages?state=sent").json()["data"])
            turn_clock(relance.suite, relance.suite.clock.turned + timedelta(minutes=1))
            assert line.heard().id == name
            line.unbind()


def test_over_tls(tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path)
    with Running(tmp_path, smpp_listen="127.0.0.1:0", smpp_certificate=certificate, smpp_key=key) as relance:
        serving = Serving(relance.suite)
        made = relance.client.post("/v1/installations", {"adapter": "adobe_campaign", "name": "C", "config": {}}).json()
        serving.turn(relance.suite, at_once=True)
        port = serving.port("adobe_campaign")
        assert port is not None
        trusting = ssl.create_default_context(cafile=str(certificate))
        with Esme(port, made["config"]["system_id"], made["password"], Command.BIND_TRANSCEIVER, tls=trusting) as line:
            assert line.ask(Command.ENQUIRE_LINK).status == Status.OK
            line.unbind()
        serving.stop()


def _self_signed(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256()))  # fmt: skip
    files = folder / "smpp.pem", folder / "smpp.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))  # fmt: skip
    return files


ON_BOTH = (
    test_a_message_reaches_the_phone_and_its_receipt_another_connection,
    test_a_receipt_waits_for_a_receiver_and_outlives_the_process,
    test_parts_outlive_a_restart_and_those_that_never_come_are_said,
    test_what_was_said_before_the_line_was_cut_is_not_sent_twice,
    test_where_campaign_keeps_the_consent_a_stop_that_came_here_still_wins,
)

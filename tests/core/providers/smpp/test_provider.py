"""SMPP as a way out, in front of a centre that does what centres do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Outcome,
    Outgoing,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.domain.smpp.pdu import Address, Command, Pdu, ShortMessage, Tag
from core.domain.smpp.texts import Writing, pieces
from core.providers.smpp import Smpp
from core.providers.smpp.session import Pace
from tests.fakes.smsc import Smsc, answers, cut_after, cut_before, silent, strange, takes, throttled, waits

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
QUICK = Pace(connect=2, answer=0.4, idle=0.3, dead=0.3, first_pause=0.05, longest_pause=0.2, refused_pause=30, batch=5,
             throttled=0.02, sweep=0.05, patience=0.3, hold=0.2)
LONG = "Votre rendez-vous est confirmé. " * 12


class Desk:
    """A provider, its account, and what core was told. `broken` makes core refuse what it is told."""

    def __init__(self, smsc: Smsc, pace: Pace = QUICK, *, listens: bool = True, **config: Any) -> None:
        self.provider = Smpp(ProviderTools(urls={}), pace)
        self.account = Account("acc_1", "ws_1", "smpp", {
            "host": "127.0.0.1", "port": smsc.port, "system_id": "acme", **config}, {"password": "secret"}, "", "")
        self.told: list[Receipt | PhoneReply] = []
        self.broken = False
        self.listens = listens

    def __enter__(self) -> Desk:
        if self.listens:
            self.provider.listen(self.account, self._deliver, lambda: NOW)
        return self

    def __exit__(self, *_: object) -> None:
        self.provider.close()

    def _deliver(self, words: Sequence[Receipt | PhoneReply]) -> None:
        if self.broken:
            raise OSError("the database is away")
        self.told += words

    def send(self, *messages: Outgoing) -> list[Outcome]:
        return self.provider.send(self.account, messages, NOW, lambda reference: None)

    def states(self, number: int = 1) -> list[State | None]:
        reference = message(number).reference
        return [one.state for one in self.told if isinstance(one, Receipt) and one.reference == reference]

    @property
    def replies(self) -> list[PhoneReply]:
        return [one for one in self.told if isinstance(one, PhoneReply)]


def message(number: int = 1, text: str = "Bonjour", **changes: Any) -> Outgoing:
    return replace(Outgoing(f"msg_{number:020d}", f"+336399810{number:02d}", text, Channel.SMS,
                            MessageClass.TRANSACTIONAL, "GSM-7", "CABINET", "FR"), **changes)


def wait_for(what: Callable[[], Any], patience: float = 30) -> None:
    until = threading.Event()
    for _ in range(int(patience / 0.01)):
        if what():
            return
        until.wait(0.01)
    raise AssertionError("it does not come")


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    with Smsc() as centre:
        yield centre


# binding

@pytest.mark.parametrize(("bind", "commands"), [
    ("transceiver", {Command.BIND_TRANSCEIVER}), ("pair", {Command.BIND_TRANSMITTER, Command.BIND_RECEIVER}),
    ("transmitter", {Command.BIND_TRANSMITTER})])
def test_it_binds_as_a_person_set_it(smsc: Smsc, bind: str, commands: set[Command]) -> None:
    with Desk(smsc, bind=bind, system_type="CRM") as desk:
        assert isinstance(desk.send(message())[0], Accepted)
        wait_for(lambda: {command for command, _ in smsc.binds} == commands)
        assert {(one.system_id, one.password, one.system_type, one.version) for _, one in smsc.binds} == {
            (b"acme", b"secret", b"CRM", 0x34)}
        if bind == "pair":
            wait_for(lambda: desk.states() == [State.DELIVERED])
    assert smsc.unbinds == len(commands)


def test_who_only_sends_takes_no_receipts_from_who_listens(smsc: Smsc) -> None:
    with Desk(smsc, listens=False) as desk:
        assert isinstance(desk.send(message())[0], Accepted)
        assert [command for command, _ in smsc.binds] == [Command.BIND_TRANSMITTER]


def test_a_refused_bind_is_the_account_s_trouble_and_is_not_repeated_at_once(smsc: Smsc) -> None:
    smsc.bind_status = 0x0E
    with Desk(smsc) as desk:
        outcomes = desk.send(message(1), message(2)) + desk.send(message(3))
        assert all(isinstance(one, AccountTrouble) for one in outcomes)
        assert {one.reason.code for one in outcomes if isinstance(one, AccountTrouble)} == {"smpp_bind_refused"}
        assert smsc.connections == 1
        found = desk.provider.check(desk.account, NOW)
        assert found
        assert found.code == "smpp_bind_refused"


@pytest.mark.parametrize("status", [0x05, 0x08, 0x14, 0x58])
def test_a_bind_that_is_put_off_is_tried_again(smsc: Smsc, status: int) -> None:
    smsc.bind_status = status
    with Desk(smsc) as desk:
        assert isinstance(desk.send(message())[0], TryLater)
        smsc.bind_status = 0
        wait_for(lambda: smsc.bound)
        assert isinstance(desk.send(message())[0], Accepted)


def test_nobody_there_means_that_nothing_left(smsc: Smsc) -> None:
    begun: list[str] = []
    smsc.go_away()
    with Desk(smsc) as desk:
        outcomes = desk.provider.send(desk.account, [message(1), message(2)], NOW, begun.append)
        assert all(isinstance(one, TryLater) for one in outcomes)
        assert begun == []


def test_a_changed_password_is_a_new_link(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        desk.send(message(1))
        desk.account = replace(desk.account, secrets={"password": "newer"})
        desk.provider.listen(desk.account, desk._deliver, lambda: NOW)
        desk.send(message(2))
        assert [one.password for _, one in smsc.binds] == [b"secret", b"newer"]
        assert smsc.unbinds == 1


def test_an_address_inside_our_own_network_is_not_called(smsc: Smsc) -> None:
    def reach(host: str, port: int) -> list[str]:
        raise BadInput("address_not_allowed", host=host, why="private")

    provider = Smpp(ProviderTools(urls={}, reach=reach), QUICK)
    account = Account("acc_1", "ws_1", "smpp", {"host": "127.0.0.1", "port": smsc.port, "system_id": "a"},
                      {"password": "p"}, "", "")
    [outcome] = provider.send(account, [message()], NOW, lambda _: None)
    assert isinstance(outcome, AccountTrouble)
    assert outcome.reason.code == "smpp_address_forbidden"
    assert outcome.reason.code in SENTENCES
    assert smsc.connections == 0
    provider.close()


def test_with_tls_nothing_is_said_to_who_does_not_prove_who_it_is(smsc: Smsc) -> None:
    with Desk(smsc, tls=True) as desk:
        assert isinstance(desk.send(message())[0], TryLater)
    assert smsc.binds == []


def test_settings_that_cannot_be_used_hold_the_account(smsc: Smsc) -> None:
    provider = Smpp(ProviderTools(urls={}), QUICK)
    account = Account("acc_1", "ws_1", "smpp", {"host": "127.0.0.1", "system_id": "a"}, {}, "", "")
    assert isinstance(provider.send(account, [message()], NOW, lambda _: None)[0], AccountTrouble)
    found = provider.check(account, NOW)
    assert found
    assert found.code in SENTENCES
    provider.close()


def test_the_doctor_binds_and_says_goodbye(smsc: Smsc) -> None:
    desk = Desk(smsc, listens=False)
    assert desk.provider.check(desk.account, NOW) is None
    wait_for(lambda: smsc.bound == 0)
    assert (smsc.unbinds, smsc.ledger) == (1, [])
    smsc.go_away()
    found = desk.provider.check(desk.account, NOW)
    assert found
    assert found.code == "provider_unreachable"
    desk.provider.close()


# what leaves

def test_what_a_message_looks_like(smsc: Smsc) -> None:
    with Desk(smsc, service_type="CMT") as desk:
        desk.send(message(text="Déjà 5 €", expires_at=NOW + timedelta(hours=3)))
    [taken] = smsc.ledger
    assert taken.message == ShortMessage(
        Address(5, 0, b"CABINET"), Address(1, 1, b"33639981001"), b"D\x05j\x7f 5 \x1b\x65", registered_delivery=1,
        service_type=b"CMT", validity=b"261201120000000+", tlvs={})


@pytest.mark.parametrize(("sender", "address"), [
    ("CABINET", Address(5, 0, b"CABINET")), ("+33612345678", Address(1, 1, b"33612345678")),
    ("36180", Address(3, 0, b"36180")), (None, Address(5, 0, b"DEFAUT"))])
def test_who_it_comes_from(smsc: Smsc, sender: str | None, address: Address) -> None:
    with Desk(smsc, sender="DEFAUT") as desk:
        desk.send(message(sender=sender))
    assert smsc.ledger[0].message.source == address


@pytest.mark.parametrize("sender", ["Clinique é", "DOUZE LETTRES", "a\0b", "9" * 21])
def test_a_sender_that_no_address_stands_for_is_refused_alone(smsc: Smsc, sender: str) -> None:
    with Desk(smsc) as desk:
        outcomes = desk.send(message(1, sender=sender), message(2))
    assert [type(one) for one in outcomes] == [Refused, Accepted]


def test_a_commercial_text_says_how_to_hear_no_more_or_does_not_leave(smsc: Smsc) -> None:
    advert = message(text="Soldes", message_class=MessageClass.MARKETING, stop_mention=True)
    with Desk(smsc) as desk:
        assert isinstance(desk.send(advert)[0], Refused)
    with Desk(smsc, stop_mention="STOP 36123") as desk:
        assert isinstance(desk.send(advert)[0], Accepted)
    assert smsc.messages() == [b"Soldes STOP 36123"]


@pytest.mark.parametrize("long", ["udh8", "udh16", "sar", "payload"])
@pytest.mark.parametrize("text", [LONG, LONG + " 😀"], ids=["GSM-7", "UCS-2"])
def test_a_long_message_in_each_manner(smsc: Smsc, long: str, text: str) -> None:
    with Desk(smsc, long=long) as desk:
        [outcome] = desk.send(message(text=text))
        wait_for(lambda: State.DELIVERED in desk.states())
    assert isinstance(outcome, Accepted)
    assert outcome.reference == ",".join(part.id for part in smsc.ledger)
    assert len(smsc.ledger) == len(pieces(text, Writing(long), 1))
    expected = pieces(text, Writing("payload"), 1)[0].tlvs[Tag.MESSAGE_PAYLOAD]
    assert smsc.messages() == [expected]


def test_two_long_messages_to_one_number_have_two_references(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        desk.send(*(message(number, LONG, to="+33639981001") for number in range(40)))
    assert len(smsc.messages()) == 40


def test_no_more_is_in_the_air_than_the_window_allows(smsc: Smsc) -> None:
    with Desk(smsc, window=4) as desk:
        desk.send(*(message(number, LONG) for number in range(20)))
    assert smsc.most_unanswered == 4


def test_a_rate_is_kept(smsc: Smsc) -> None:
    with Desk(smsc, rate=50) as desk:
        desk.send(message(0))
        began = time.monotonic()
        desk.send(*(message(number) for number in range(1, 11)))
        assert time.monotonic() - began >= 0.18


# what it is answered

@pytest.mark.parametrize(("act", "kind", "code"), [
    (throttled(), TryLater, "provider_busy"), (answers(0x14), TryLater, "provider_busy"),
    (answers(0x08), TryLater, "smpp_later"), (answers(0x64), TryLater, "smpp_later"),
    (answers(0x0B), Refused, "provider_refused"), (answers(0x0A), Refused, "provider_refused"),
    (answers(0x65), Refused, "provider_refused"), (answers(0x400), Refused, "provider_refused"),
    (answers(0x0E), Refused, "provider_refused"),
    (answers(0xFF), Uncertain, "provider_uncertain"), (silent(), Uncertain, "provider_uncertain"),
    (cut_before(), Uncertain, "provider_uncertain"), (cut_after(), Uncertain, "provider_uncertain"),
    (strange(b""), Uncertain, "provider_uncertain"), (strange(b"\0"), Uncertain, "provider_uncertain"),
])
def test_each_answer_is_called_what_it_is(smsc: Smsc, act: Any, kind: type, code: str) -> None:
    smsc.then(act)
    with Desk(smsc) as desk:
        [outcome] = desk.send(message())
    assert isinstance(outcome, kind)
    assert outcome.reason.code == code
    assert code in SENTENCES


def test_the_account_s_own_sender_refused_is_the_account_s_trouble(smsc: Smsc) -> None:
    smsc.then(answers(0x0A))
    with Desk(smsc, sender="CABINET") as desk:
        [outcome] = desk.send(message())
    assert isinstance(outcome, AccountTrouble)


@pytest.mark.parametrize(("pause", "rest"), [(0.05, Accepted), (2, TryLater)])
def test_after_a_throttle_the_rest_of_the_batch_waits_if_it_is_not_for_long(
        smsc: Smsc, pause: float, rest: type) -> None:
    smsc.then(takes(), throttled())
    with Desk(smsc, replace(QUICK, throttled=pause, impatience=0.5), window=1) as desk:
        outcomes = desk.send(*(message(number) for number in range(5)))
    assert [type(one) for one in outcomes] == [Accepted, TryLater, rest, rest, rest]


def test_a_part_that_is_throttled_is_sent_again_with_the_others(smsc: Smsc) -> None:
    smsc.then(takes(), throttled(), takes(), throttled())
    with Desk(smsc) as desk:
        [outcome] = desk.send(message(text=LONG))
    assert isinstance(outcome, Accepted)
    assert len(smsc.messages()) == 1


def test_a_message_of_which_only_a_part_was_taken_is_in_doubt(smsc: Smsc) -> None:
    smsc.then(takes(), *[answers(0x08)] * 30)
    with Desk(smsc, replace(QUICK, batch=0.5)) as desk:
        [outcome] = desk.send(message(text="a" * 200))
    assert isinstance(outcome, Uncertain)
    assert outcome.reason.code == "smpp_part_missing"


def test_a_cut_in_the_middle_of_a_window_leaves_in_doubt_what_had_no_answer(smsc: Smsc) -> None:
    smsc.then(takes(), takes(), waits(), waits(), cut_after())
    with Desk(smsc, window=3) as desk:
        outcomes = desk.send(*(message(number) for number in range(12)))
    kinds = [type(one) for one in outcomes]
    assert kinds.count(Uncertain) == 3
    assert kinds[:2] == [Accepted, Accepted]
    # The link is back within the batch, and what had not begun leaves by it.
    assert kinds[5:] == [Accepted] * 7
    assert len(smsc.ledger) == 12


def test_what_is_taken_back_at_the_last_moment_gives_its_place_back(smsc: Smsc) -> None:
    def begun(reference: str) -> None:
        raise TimeoutError

    with Desk(smsc, window=1) as desk:
        outcomes = desk.provider.send(desk.account, [message(1), message(2)], NOW, begun)
        assert all(isinstance(one, TryLater) for one in outcomes)
        assert smsc.ledger == []
        assert isinstance(desk.send(message(3))[0], Accepted)


# receipts

@pytest.mark.parametrize(("ids", "receipts_in"), [
    ("decimal", "decimal"), ("hex", "hex"), ("hex", "decimal"), ("decimal", "hex")])
@pytest.mark.parametrize("tlvs", [False, True], ids=["text", "fields"])
def test_receipts_find_their_message_in_either_base(ids: str, receipts_in: str, tlvs: bool) -> None:
    with Smsc(ids=ids, receipts_in=receipts_in, tlvs=tlvs) as smsc, Desk(smsc) as desk:
        desk.send(*(message(number, LONG) for number in range(20)))
        wait_for(lambda: all(State.DELIVERED in desk.states(number) for number in range(20)))
        assert sum(1 for one in desk.told if isinstance(one, Receipt) and one.state is State.DELIVERED) == 20


@pytest.mark.parametrize(("ids", "answered", "received"), [
    ("same", "decimal", "decimal"), ("hex_answer", "hex", "decimal"), ("decimal_answer", "decimal", "hex")])
def test_the_bases_as_a_person_set_them(ids: str, answered: str, received: str) -> None:
    with Smsc(ids=answered, receipts_in=received) as smsc, Desk(smsc, ids=ids) as desk:
        desk.send(message())
        wait_for(lambda: desk.states() == [State.DELIVERED])


def test_a_receipt_before_the_answer_is_kept_for_it(smsc: Smsc) -> None:
    smsc.then(*[takes(receipt_first=True)] * 3)
    with Desk(smsc) as desk:
        [outcome] = desk.send(message(text=LONG))
        assert isinstance(outcome, Accepted)
        wait_for(lambda: State.DELIVERED in desk.states())
    assert smsc.receipt_answers == [0, 0, 0]


def test_a_message_is_delivered_when_all_its_parts_are_and_failed_when_one_is(smsc: Smsc) -> None:
    smsc.receipts = None
    with Desk(smsc) as desk:
        desk.send(message(1, LONG), message(2, LONG))
        first = [part for part in smsc.ledger if part.message.destination.text.endswith(b"01")]
        second = [part for part in smsc.ledger if part.message.destination.text.endswith(b"02")]
        for part in first[:-1]:
            assert smsc.receipt(part).result(5) == 0
        assert State.DELIVERED not in desk.states(1)
        assert smsc.receipt(first[-1]).result(5) == 0
        assert desk.states(1)[-1] is State.DELIVERED
        assert smsc.receipt(second[0]).result(5) == 0
        assert smsc.receipt(second[1], "UNDELIV", "001").result(5) == 0
        assert desk.states(2)[-1] is State.FAILED
        assert len({(one.status, one.at) for one in desk.told if isinstance(one, Receipt)
                    and one.reference == message(1).reference}) == len(desk.states(1)), "no two look the same"


def test_a_receipt_is_answered_only_when_core_has_it(smsc: Smsc) -> None:
    smsc.receipts = None
    with Desk(smsc) as desk:
        desk.send(message())
        desk.broken = True
        assert smsc.receipt(smsc.ledger[0]).result(5) == 0x64
        assert smsc.replies("33639981001", "OUI").result(5) == 0x64
        desk.broken = False
        assert smsc.receipt(smsc.ledger[0]).result(5) == 0
        assert smsc.replies("33639981001", "OUI").result(5) == 0
        assert desk.states() == [State.DELIVERED]
        assert len(desk.replies) == 1


def test_a_receipt_that_comes_twice_is_told_once(smsc: Smsc) -> None:
    smsc.receipts = None
    with Desk(smsc) as desk:
        desk.send(message())
        for _ in range(3):
            assert smsc.receipt(smsc.ledger[0]).result(5) == 0
        assert smsc.receipt(smsc.ledger[0], "ENROUTE").result(5) == 0
        assert desk.states() == [State.DELIVERED]


def test_an_answer_after_its_time_settles_the_doubt(smsc: Smsc) -> None:
    smsc.then(waits())
    smsc.receipts = None
    with Desk(smsc) as desk:
        [outcome] = desk.send(message())
        assert isinstance(outcome, Uncertain)
        smsc.release()
        wait_for(lambda: desk.states() == [State.SENT])
        assert smsc.receipt(smsc.ledger[0]).result(5) == 0
        assert desk.states() == [State.SENT, State.DELIVERED]


# replies

def test_what_a_person_writes(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        assert smsc.replies("33639981001", "OUI").result(5) == 0
        [reply] = desk.replies
    assert (reply.sender, reply.to, reply.text, reply.at) == ("+33639981001", "36180", "OUI", NOW)


@pytest.mark.parametrize(("source", "country", "number"), [
    (b"33639981001", None, "+33639981001"), (b"+33639981001", None, "+33639981001"),
    (b"0033639981001", None, "+33639981001"), (b"0639981001", "FR", "+33639981001"),
    (b"0639981001", None, None), (b"ORANGE", None, None), (b"36180", None, None), (b"", None, None)])
def test_who_writes(smsc: Smsc, source: bytes, country: str | None, number: str | None) -> None:
    with Desk(smsc, **({"country": country} if country else {})) as desk:
        wait_for(lambda: smsc.bound)
        assert smsc.says(ShortMessage(Address(1, 1, source), Address(0, 1, b"36180"), b"OUI")).result(5) == 0
        assert [one.sender for one in desk.replies] == ([number] if number else [])


@pytest.mark.parametrize("long", ["udh8", "udh16", "sar", "payload"])
def test_a_long_reply_is_put_together(smsc: Smsc, long: str) -> None:
    text = "Je ne pourrai pas venir : 😀. " * 9
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        parts = [smsc.says(ShortMessage(Address(1, 1, b"33639981001"), Address(0, 1, b"36180"), piece.octets,
                                        piece.esm_class, piece.data_coding, tlvs=piece.tlvs))
                 for piece in reversed(pieces(text, Writing(long), 77))]
        assert {part.result(5) for part in parts} == {0}
        assert [one.text for one in desk.replies] == [text]


def test_a_reply_whose_end_never_comes_is_passed_on_when_the_line_closes(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        first = pieces("a" * 200, Writing(), 7)[0]
        said = smsc.says(ShortMessage(Address(1, 1, b"33639981001"), Address(), first.octets, first.esm_class))
        assert said.result(5) == 0
    assert [one.text for one in desk.replies] == ["a" * 153 + "…"]


def test_the_same_words_twice_are_two_replies_but_said_again_after_a_cut_they_are_one(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        for _ in range(2):
            smsc.replies("33639981001", "1").result(5)
        assert len({one.provider_reference for one in desk.replies}) == 2
        smsc.cut()
        wait_for(lambda: smsc.bound)
        smsc.replies("33639981001", "1").result(5)
        assert len({one.provider_reference for one in desk.replies}) == 2


# a centre that is not well

@pytest.mark.parametrize("octets", [
    b"\0\0\0\0" + bytes(12), b"\xff" * 16, b"\x7f\xff\xff\xff\0\0\0\x05\0\0\0\0\0\0\0\1",
    b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x0f" + bytes(12)])
def test_what_is_not_smpp_ends_the_link_and_the_next_one_is_good(smsc: Smsc, octets: bytes) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        smsc.writes(octets)
        wait_for(lambda: smsc.connections == 2 and smsc.bound)
        assert isinstance(desk.send(message())[0], Accepted)
    assert smsc.nacks == [2]


@pytest.mark.parametrize(("command", "body", "nack"), [
    (0x4242, b"x" * 30, [3]), (Command.OUTBIND, b"", []), (Command.ALERT_NOTIFICATION, b"\0", []), (0x103, b"", [3]),
    (0x80000004, b"7\0", []), (0x80000000, b"", []), (0xFFFFFFFF, b"", [])])
def test_what_nobody_asked_for_changes_nothing(smsc: Smsc, command: int, body: bytes, nack: list[int]) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        smsc.writes(Pdu(command, 99, 0, body).written())
        assert isinstance(desk.send(message())[0], Accepted)
        wait_for(lambda: smsc.nacks == nack)
    assert smsc.connections == 1


@pytest.mark.parametrize("body", [b"", b"\0", b"\xff" * 200, b"x" * 60_000])
def test_a_message_that_cannot_be_read_is_answered_so(smsc: Smsc, body: bytes) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        smsc.writes(Pdu(Command.DELIVER_SM, 7, 0, body).written())
        assert smsc.replies("33639981001", "OUI").result(5) == 0
        assert len(desk.replies) == 1
    assert smsc.connections == 1


def test_a_centre_that_unbinds_is_bound_again(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        smsc.writes(Pdu(Command.UNBIND, 5).written())
        wait_for(lambda: smsc.connections == 2 and smsc.bound)
        assert isinstance(desk.send(message())[0], Accepted)


def test_no_secret_is_in_a_picture_of_anything(smsc: Smsc) -> None:
    with Desk(smsc) as desk:
        desk.send(message())
        lines = [line for _, line in desk.provider._lines.values()]
        seen = repr([vars(desk.provider), lines, *(vars(link) for line in lines for link in line._links)])
    assert "acme" in seen
    assert "secret" not in seen


# how fast it notices: the figures of `Pace()` itself, in the same proportions

def test_a_dead_peer_is_found_and_the_link_is_back(smsc: Smsc) -> None:
    pace = Pace()
    assert pace.idle + pace.dead < 60
    assert pace.longest_pause < 10
    with Desk(smsc) as desk:
        wait_for(lambda: smsc.bound)
        smsc.deaf = True
        wait_for(lambda: smsc.connections > 1, QUICK.idle + QUICK.dead + 1)
        smsc.deaf = False
        wait_for(lambda: isinstance(desk.send(message())[0], Accepted))


def test_a_link_is_back_soon_after_the_centre_is(smsc: Smsc) -> None:
    with Desk(smsc):
        wait_for(lambda: smsc.bound)
        smsc.go_away()
        wait_for(lambda: not smsc.bound)
        smsc.come_back()
        wait_for(lambda: smsc.bound, 2)

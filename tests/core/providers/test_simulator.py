"""The simulated phones: what each magic number does, once, whatever crashes in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.contract import (
    Accepted,
    Account,
    Gone,
    Outcome,
    Outgoing,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    Simulated,
    TryLater,
    Uncertain,
)
from core.domain.messages import Channel, MessageClass, State
from core.providers.simulator import HOTLINE, Simulator, happens
from core.storage.database import Database, DatabaseAway
from core.storage.simulated import DatabaseBook
from core.storage.tables import metadata

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ACCOUNT = Account("acc_simulator", "ws_1", "simulator", {}, {}, "", "")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[DatabaseBook]:
    database = Database(f"sqlite:///{tmp_path}/relance.db")
    metadata.create_all(database.engine)
    yield DatabaseBook(database)
    database.close()


def simulator(book: DatabaseBook) -> Simulator:
    return Simulator(ProviderTools(urls={}, book=book))


def to(last_four: str, reference: str = "msg_1") -> Outgoing:
    return Outgoing(reference, f"+3363998{last_four}", "RDV à 9 h", Channel.SMS, MessageClass.TRANSACTIONAL, "GSM-7",
                    "CABINET")


def send(book: DatabaseBook, *messages: Outgoing) -> list[Outcome]:
    return simulator(book).send(ACCOUNT, messages, NOW, lambda reference: None)


def life(book: DatabaseBook, reference: str = "msg_1") -> list[tuple[str, float]]:
    """What becomes of a message, and after how many seconds."""
    found, lived = book.find(reference), []
    while found and found.next:
        said, state, next_at, then = happens(found)
        word = said.state.value if isinstance(said, Receipt) and said.state else getattr(said, "text", "")
        lived.append((word, (said.at - NOW).total_seconds()))
        found = replace(found, state=state, next_at=next_at, next=then)
    return lived


@pytest.mark.parametrize(("last_four", "expected", "lived"), [
    ("0001", Accepted, [("delivered", 2)]), ("0002", Accepted, [("failed", 2)]), ("0003", Refused, []),
    ("0004", Accepted, [("delivered", 300)]), ("0006", Uncertain, [("delivered", 2)]),
    ("0007", Accepted, [("delivered", 2), ("STOP", 4)]), ("0008", Accepted, [("delivered", 2), ("OUI", 4)]),
    ("1234", Accepted, [("delivered", 2)]),
])
def test_the_last_four_digits_say_what_a_phone_does(book: DatabaseBook, last_four: str, expected: type,
                                                    lived: list[tuple[str, float]]) -> None:
    [outcome] = send(book, to(last_four))

    assert isinstance(outcome, expected)
    assert life(book) == lived


def test_0005_is_put_off_once_whoever_tries_again(book: DatabaseBook) -> None:
    assert isinstance(send(book, to("0005"))[0], TryLater)
    with pytest.raises(Gone):
        simulator(book).look_up(ACCOUNT, "msg_1", NOW, asked=NOW)

    assert send(book, to("0005")) == [Accepted("sim_msg_1")]
    assert isinstance(send(book, to("0005", "msg_2"))[0], TryLater), "another message is put off, too"


def test_0006_is_uncertain_and_found(book: DatabaseBook) -> None:
    send(book, to("0006"))

    found = simulator(book).look_up(ACCOUNT, "msg_1", LATER, asked=NOW)

    assert found == Receipt("sim_msg_1", State.SENT, "SENT", LATER, "msg_1")


def test_a_reference_is_received_once(book: DatabaseBook) -> None:
    assert send(book, to("1234")) == send(book, replace(to("1234"), text="autre")) == [Accepted("sim_msg_1")]

    kept = book.find("msg_1")
    assert kept is not None
    assert kept.text == "RDV à 9 h"


def test_another_workspace_does_not_find_it(book: DatabaseBook) -> None:
    send(book, to("1234"))

    with pytest.raises(Gone):
        simulator(book).look_up(replace(ACCOUNT, workspace="ws_2"), "msg_1", LATER, asked=NOW)


def test_a_key_that_is_given_by_mistake_is_not_kept(book: DatabaseBook) -> None:
    configured = simulator(book).configured({"api_key": "live-key"})

    assert "live-key" not in repr(configured)


def test_a_batch_is_one_write() -> None:
    class Counted:
        writes: list[int] = []

        def write(self, messages: Sequence[Simulated]) -> list[bool]:
            self.writes.append(len(messages))
            return [True] * len(messages)

        def find(self, reference: str) -> Simulated | None:
            return None

    book = Counted()
    Simulator(ProviderTools({}, book)).send(ACCOUNT, [to(f"1{n:03d}", f"msg_{n}") for n in range(500)], NOW, str)

    assert book.writes == [500]


def test_a_database_that_is_away_leaves_everything_uncertain() -> None:
    class Away:
        def write(self, messages: Sequence[Simulated]) -> list[bool]:
            raise DatabaseAway("database_away")

        def find(self, reference: str) -> Simulated | None:
            return None

    first, second = Simulator(ProviderTools({}, Away())).send(ACCOUNT, [to("1234"), to("0005")], NOW, str)

    assert isinstance(first, Uncertain)
    assert isinstance(second, Uncertain)


@pytest.mark.parametrize("text", ["\x00", "a\ud800"])
def test_what_no_database_keeps_is_refused(book: DatabaseBook, text: str) -> None:
    outcomes = send(book, replace(to("1234"), text=text), to("1234", "msg_2"))

    assert isinstance(outcomes[0], Refused)
    assert isinstance(outcomes[1], Accepted)


def test_a_person_answers_the_sender_or_the_hotline(book: DatabaseBook) -> None:
    send(book, to("0008"), replace(to("0008", "msg_2"), sender=None))

    for reference, called in (("msg_1", "CABINET"), ("msg_2", HOTLINE)):
        kept = book.find(reference)
        assert kept is not None
        said, *_ = happens(replace(kept, next="reply:OUI"))
        assert said == PhoneReply("+33639980008", called, "OUI", NOW + timedelta(seconds=2), f"simreply_{reference}",
                                  f"sim_{reference}")


def test_nothing_happens_to_a_message_that_is_at_its_end(book: DatabaseBook) -> None:
    send(book, to("1234"))
    kept = book.find("msg_1")
    assert kept is not None

    with pytest.raises(ValueError, match="nothing is to happen"):
        happens(replace(kept, next=None, next_at=None))


# calls

def ring(last_four: str, **given: object) -> Outgoing:
    content = {"text": "Rendez-vous demain.", "language": "fr-FR", **given}
    return replace(to(last_four, str(given.pop("reference", "msg_1"))), channel=Channel.VOICE, content=content)


KEYS = {"1": "confirm", "2": "decline", "9": "stop"}


@pytest.mark.parametrize(("last_four", "given", "lived"), [
    ("0001", {}, [("ANSWERED", 2)]),
    ("0002", {}, [("FAILED", 2)]),
    ("0004", {}, [("ANSWERED", 300)]),
    ("0007", {"keys": KEYS}, [("ANSWERED", 2), ("9", 4)]),
    ("0008", {"keys": KEYS}, [("ANSWERED", 2), ("1", 4)]),
    ("0008", {}, [("ANSWERED", 2)]),
    ("0009", {}, [("HUNG_UP", 2)]),
    ("0009", {"voicemail": "leave_message"}, [("LEFT", 2)]),
    ("0010", {}, [("BUSY", 2)]),
    ("0011", {}, [("NO_ANSWER", 2)]),
    ("0012", {}, [("NO_ANSWER", 2)])])
def test_a_phone_that_is_called_does_what_its_number_says(
    book: DatabaseBook, last_four: str, given: dict[str, object], lived: list[tuple[str, float]]
) -> None:
    send(book, ring(last_four, **given))

    found, told = book.find("msg_1"), []
    while found is not None and found.next is not None and found.next_at is not None:
        said, state, next_at, then = happens(found)
        told.append((said.status if isinstance(said, Receipt) else said.text,
                     (found.next_at - NOW).total_seconds()))
        found = replace(found, state=state, next_at=next_at, next=then)
    assert told == lived


def test_the_phone_says_the_words_and_the_keys(book: DatabaseBook) -> None:
    send(book, ring("0001", keys=KEYS))

    found = book.find("msg_1")
    assert found is not None
    assert found.text.startswith("Rendez-vous demain. Pour confirmer, tapez 1.")


def test_who_did_not_hear_the_first_call_answers_the_second(book: DatabaseBook) -> None:
    send(book, ring("0012", reference="msg_1.1"))

    found = book.find("msg_1.1")
    assert found is not None
    assert found.next == "answered"

"""smsmode's calls beyond the common promises: its letters and limits, its numbers, and what it is asked afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Outcome,
    Outgoing,
    ProviderTools,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.errors import NeedsReconnect
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.providers import smsmode_voice as voice
from core.providers.smsmode import Smsmode
from tests.fakes.smsmode_voice import FakeSmsmodeVoice, line
from tests.faults.server import cut_after

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"


@pytest.fixture
def fake() -> Iterator[FakeSmsmodeVoice]:
    with FakeSmsmodeVoice() as server:
        yield server


def smsmode(fake: FakeSmsmodeVoice) -> Smsmode:
    return Smsmode(ProviderTools(urls={"smsmode_voice": fake.url}, timeout=20))


def account(token: str | None = "v0ice") -> Account:
    secrets = {"api_key": "k"} | ({"voice_access_token": token} if token else {})
    return Account("acc_1", "ws_1", "smsmode", {}, secrets, "https://relance.example/r/s", "https://relance.example/m/s")


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", ANA, "RDV demain à 9 h", Channel.VOICE, MessageClass.TRANSACTIONAL, "GSM-7"),
                   **changes)


def send(fake: FakeSmsmodeVoice, one: Outgoing) -> Outcome:
    return smsmode(fake).send(account(), [one], NOW, str)[0]


# what is said

def test_a_call_is_a_form_in_its_letters(fake: FakeSmsmodeVoice) -> None:
    outcome = send(fake, message(content={"text": "L’œuvre coûte 10 € — réservée", "language": "fr-CA"}))

    assert outcome == Accepted("vm-1")
    [call] = fake.calls
    assert call["message"] == "L'œuvre coûte 10 € - réservée", "its letters are those of ISO-8859-15"
    assert (call["numero"], call["language"], call["title"]) == ("33639980001", "fr-FR", "msg_1")
    assert "v0ice" not in fake.requests[0].path, "no address bears the key"


@pytest.mark.parametrize(("changes", "code"), [
    ({"text": "x" * 161}, "provider_text_too_long"), ({"text": "Привет"}, "provider_text_unreadable"),
    ({"content": {"text": "Ciao", "language": "it-IT"}}, "provider_not_suitable"),
    ({"asks": True}, "voice_cannot_ask"),
    ({"content": {"text": "OUI ?", "keys": {"1": "confirm"}}}, "voice_cannot_ask"),
    ({"message_class": MessageClass.MARKETING}, "voice_cannot_ask")])
def test_what_it_cannot_say_is_refused_before_a_word(
    fake: FakeSmsmodeVoice, changes: dict[str, Any], code: str
) -> None:
    outcome = send(fake, message(**changes))

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == code
    assert fake.requests == []


@given(st.text(max_size=200))
def test_whatever_stands_in_a_text_fits_or_is_refused(text: str) -> None:
    found = voice.written(text)

    assert found is None or found.encode(voice.LETTERS)


def test_it_needs_a_key_of_its_own(fake: FakeSmsmodeVoice) -> None:
    one = smsmode(fake)

    assert Channel.VOICE in one.able(account())
    assert one.able(account(None)) == {Channel.SMS}
    [outcome] = one.send(account(None), [message()], NOW, str)
    assert isinstance(outcome, Refused)
    assert one.deaf == {Channel.VOICE}, "it hears no key"


# its numbers

@pytest.mark.parametrize(("answer", "kind", "code"), [
    ("31 | internal error", Uncertain, "provider_uncertain"), ("32 | auth", AccountTrouble, "provider_key_refused"),
    ("33 | credit", AccountTrouble, "provider_no_credit"), ("35 | parameter", Refused, "provider_refused"),
    ("41 | target", Refused, "provider_refused"), ("50 | unavailable", TryLater, "provider_away"),
    ("0 | Accepted", Uncertain, "provider_uncertain"), ("0 | Accepted | a b", Uncertain, "provider_uncertain"),
    ("77 | new", Uncertain, "provider_uncertain"), ("<html>", Uncertain, "provider_uncertain"),
    ("", Uncertain, "provider_uncertain")])
def test_what_an_answer_means(fake: FakeSmsmodeVoice, answer: str, kind: type, code: str) -> None:
    fake.fail(line(answer))

    outcome = send(fake, message())
    assert isinstance(outcome, kind)
    assert outcome.reason.code == code  # type: ignore[attr-defined]


def test_an_answer_that_quotes_us_is_shown_without_it(fake: FakeSmsmodeVoice) -> None:
    fake.fail(line("35 | v0ice 33639980001 RDV demain à 9 h"))

    outcome = send(fake, message())
    assert isinstance(outcome, Refused)
    assert not any(ours in str(outcome.reason.values) for ours in ("v0ice", "33639980001", "demain"))


@pytest.mark.parametrize(("number", "state", "code"), [
    (0, State.SENT, None), (13, State.SENT, None), (11, State.DELIVERED, "call_answered_unsure"),
    (16, State.DELIVERED, "call_answered_unsure"), (22, State.FAILED, "call_failed"), (35, State.FAILED, "call_failed"),
    (3502, State.FAILED, "call_no_answer"), (3998, State.FAILED, "provider_number_dead"),
    (3999, State.FAILED, "provider_number_silent"), (33, State.FAILED, "provider_no_credit"), (999, None, None)])
def test_what_became_of_a_call(fake: FakeSmsmodeVoice, number: int, state: State | None, code: str | None) -> None:
    send(fake, message())
    fake.ends("vm-1", number)

    found = smsmode(fake).follow(account(), "msg_1", "vm-1", NOW, over=False)
    assert found is not None
    assert (found.state, found.reason and found.reason.code, found.reference) == (state, code, "msg_1")


def test_of_a_call_that_it_does_not_know_nothing_is_known(fake: FakeSmsmodeVoice) -> None:
    assert smsmode(fake).follow(account(), "msg_1", "vm-9", NOW, over=True) is None
    with pytest.raises(NeedsReconnect):
        smsmode(fake).follow(account("stolen"), "msg_1", "vm-9", NOW, over=False)


def test_every_code_has_a_sentence() -> None:
    assert {meant.code for meant in voice.STATUSES.values() if meant.code} <= SENTENCES.keys()


# in doubt

@pytest.mark.parametrize("dates", ["%Y-%m-%d %H:%M:%S", "%d%m%Y-%H%M%S", "%d/%m/%Y %H:%M"])
def test_a_call_in_doubt_is_known_by_its_words_and_its_moment(dates: str) -> None:
    with FakeSmsmodeVoice(dates=dates) as fake:
        fake.fail(cut_after(), takes=True)
        assert isinstance(send(fake, message()), Uncertain)

        found = smsmode(fake).seek(account(), message(), NOW + timedelta(minutes=1), asked=NOW)
        assert found is not None
        assert (found.state, found.provider_reference) == (State.SENT, "vm-1")


@pytest.mark.parametrize(("changes", "dates"), [
    ({"text": "Autre chose"}, "%Y-%m-%d %H:%M:%S"), ({"to": "+33639980002"}, "%Y-%m-%d %H:%M:%S"), ({}, "%A")])
def test_what_is_not_listed_may_be_there_all_the_same(changes: dict[str, Any], dates: str) -> None:
    with FakeSmsmodeVoice(dates=dates) as fake:
        send(fake, message(**changes))

        assert smsmode(fake).seek(account(), message(), NOW + timedelta(days=1), asked=NOW) is None

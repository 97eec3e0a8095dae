"""A message that is a call: who answered, which key was pressed, and what follows when nobody did. Nobody gets two."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from core.contract import Account, Configured, Inbound, ProviderTools
from core.domain.messages import Channel, MessageClass
from core.engine import dispatch, doubting, falling_back, feedback, following
from core.providers.twilio import Twilio
from core.storage import accounts, house, people
from core.storage import feedback as kept
from tests.fakes.twilio import ACCOUNT, FakeTwilio, signature
from tests.faults.server import cut_after, cut_before
from tests.support.engine_room import ANA, NOW, EngineRoom

VOICE_SMS = (Channel.VOICE, Channel.SMS)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
TEXT = "Votre rendez-vous est demain à neuf heures."
ASKS = {"text": TEXT, "language": "fr-FR", "keys": {"1": "confirm", "2": "decline", "9": "stop"},
        "voicemail": "hang_up"}


class Room(EngineRoom):
    """Its only way out is Twilio, by text and by telephone; what Twilio posts comes in as a request."""

    def __init__(self, folder: Path, fake: FakeTwilio, url: str | None = None, **config: Any) -> None:
        self.fake, self.config = fake, config
        fake.posts = self.posted
        where: dict[str, Any] = {"database_url": url} if url else {}
        super().__init__(folder, providers={"twilio": Twilio(ProviderTools(urls={"twilio": fake.url}, timeout=20))},
                         **where)

    def connect(self, provider: str = "twilio", **given: Any) -> Account:
        known = Configured({"account_sid": ACCOUNT, "sender": "+33937000001", "voice_sender": "+33162000001",
                            **self.config}, {"auth_token": self.fake.token})
        with self.suite.database.write(self.workspace) as tx:
            return accounts.add(tx, self.suite.vault, provider, "Twilio", known, NOW,
                                public_url=self.suite.public_url, **given).account

    def posted(self, url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        secret = url.partition("?")[0].rpartition("/")[2]
        request = Inbound("POST", url, (FORM, ("X-Twilio-Signature", signature(url, fields, self.fake.token))),
                          urlencode(fields).encode(), self.suite.now())
        reply = feedback.receive(self.suite, self.account.id, secret, "receipts", request)
        return reply.status, reply.body

    def call(self, **given: Any) -> str:
        """A call that is made now; its message."""
        content = {"voice": {**ASKS, **given.pop("content", {})}}
        name = self.accept(**{"channels": VOICE_SMS, "text": TEXT, "content": content, "asks": True, **given})
        dispatch.run_due(self.suite)
        return name

    def later(self, **by: float) -> int:
        self.fake.now += timedelta(**by)
        self.clock.forward(timedelta(**by))
        doubting.look_up_due(self.suite)
        following.run_due(self.suite)
        falling_back.run_due(self.suite)
        return dispatch.run_due(self.suite)

    def sent(self) -> int:
        return dispatch.run_due(self.suite)

    def last(self) -> str:
        return str(self.fake.calls[-1]["sid"])

    def reached(self) -> tuple[int, list[str]]:
        """How many calls were made, and the texts that were sent."""
        return len(self.fake.calls), [one["body"] for one in self.fake.messages]

    def outcome(self, name: str) -> tuple[str, str | None]:
        row = self.message(name)
        return row["state"], row["reason"] and row["reason"]["code"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    with FakeTwilio() as fake:
        yield Room(tmp_path, fake, url)


# ---------------------------------------------------------------------------------------------- somebody answers


def test_a_person_who_picks_up_hears_the_message_and_the_keys(room):
    name = room.call()
    room.fake.begins(room.last())

    said = room.fake.answers(room.last(), "human")

    assert said[0] == TEXT
    assert said[1].startswith("Pour confirmer, tapez 1.")
    assert room.outcome(name) == ("delivered", "call_answered")
    room.fake.ends(room.last(), "completed")
    assert room.outcome(name) == ("delivered", "call_answered")
    assert room.reached() == (1, [])


def test_nothing_of_the_message_lies_with_the_provider_before_somebody_answers(room):
    room.call()

    assert "neuf heures" not in repr(room.fake.requests)


def test_a_key_says_that_it_was_heard(room):
    name = room.call()
    room.fake.answers(room.last(), "human")

    said = room.fake.presses(room.last(), "1")

    assert said == ["Merci, votre réponse est transmise. Au revoir."], "it asked about no appointment that we know"
    assert room.outcome(name) == ("read", "call_key_pressed")
    with room.suite.database.read(room.workspace) as tx:
        [reply] = kept.replies(tx, number=ANA)
    assert (reply["text"], reply["channel"], reply["meaning"]) == ("1", "voice", "confirm")


def test_a_key_without_a_meaning_is_said_so_and_the_keys_come_again(room):
    room.call()
    room.fake.answers(room.last(), "human")

    said = room.fake.presses(room.last(), "7")

    assert said[0] == "Cette touche ne correspond à rien."
    assert said[1].startswith("Pour confirmer, tapez 1.")
    with room.suite.database.read(room.workspace) as tx:
        assert kept.replies(tx, number=ANA, waiting=True) == [], "nobody has to read a wrong key"
    assert room.fake.presses(room.last(), "9") == ["C'est noté, vous ne recevrez plus ces messages. Au revoir."]


def test_a_stop_by_key_ends_the_messages_with_its_proof_and_without_a_text_message(room):
    name = room.call()
    waiting = room.accept(due_at=NOW + timedelta(days=1))
    room.fake.answers(room.last(), "human")

    room.fake.presses(room.last(), "9")

    assert room.state(waiting) == "suppressed"
    with room.suite.database.read(room.workspace) as tx:
        proofs = [one["proof"] for one in people.consents(tx, to=ANA)]
    assert {one["call"] for one in proofs} == {name}
    room.later(minutes=5)
    assert room.reached() == (1, []), "it was confirmed in the call"


def test_nobody_can_tell_who_answered(room):
    name = room.call()

    assert room.fake.answers(room.last(), "unknown")[0] == TEXT
    assert room.outcome(name) == ("delivered", "call_answered_unsure")


def test_the_sender_of_texts_is_not_shown_on_a_call(room):
    with room.suite.database.write(room.workspace) as tx:
        house.change_settings(tx, {"sender": "+33937000009"})
    room.call()
    room.call(sender="+33270000001")

    assert [one["from"] for one in room.fake.calls] == ["+33162000001", "+33270000001"]


# ---------------------------------------------------------------------------------------------- a voicemail


def test_a_voicemail_is_hung_up_on_and_the_text_message_follows_once(room):
    name = room.call()

    assert room.fake.answers(room.last(), "machine_start") == []
    room.fake.ends(room.last(), "completed")
    room.sent()
    room.later(hours=3)

    assert room.reached() == (1, [TEXT])
    assert room.steps(name)[:3] == [
        ("sent", None), ("scheduled", "call_voicemail"), ("scheduled", "next_channel")]
    assert room.message(name)["channel"] == "sms"


def test_a_message_that_was_left_is_delivered_and_confirmed_by_nobody(room):
    name = room.call(content={"voicemail": "leave_message"})
    assert room.fake.made_by[room.last()]["MachineDetection"] == ["DetectMessageEnd"]

    assert room.fake.answers(room.last(), "machine_end_beep") == [TEXT], "a voicemail presses no key"
    room.fake.ends(room.last(), "completed")
    room.later(hours=3)

    assert room.outcome(name) == ("delivered", "call_message_left")
    assert room.reached() == (1, [])


def test_without_another_channel_a_voicemail_is_the_end(room):
    name = room.call(channels=(Channel.VOICE,))

    room.fake.answers(room.last(), "machine_start")
    room.fake.ends(room.last(), "completed")

    assert room.outcome(name) == ("failed", "call_voicemail")


def test_a_fax_hears_nothing(room):
    room.call()

    assert room.fake.answers(room.last(), "fax") == []
    room.sent()
    assert room.reached() == (1, [TEXT])


# ---------------------------------------------------------------------------------------------- nobody picks up


@pytest.mark.parametrize(("ends", "code"), [("busy", "call_busy"), ("no-answer", "call_no_answer")])
def test_it_is_called_again_as_often_as_it_says_and_then_the_text_message_follows_once(room, ends, code):
    name = room.call(content={"calls": 3, "again_after": 600})
    room.fake.ends(room.last(), ends)
    room.sent()
    assert (room.outcome(name), room.reached()) == (("scheduled", "call_again"), (1, []))

    room.later(minutes=10)
    assert room.reached() == (2, [])
    room.fake.ends(room.last(), ends)
    room.later(minutes=10)
    assert room.reached() == (3, [])
    room.fake.ends(room.last(), ends)
    room.sent()
    room.later(hours=4)

    assert room.reached() == (3, [TEXT])
    codes = [step[1] for step in room.steps(name)]
    assert codes == [None, code, "call_again", None, code, "call_again", None, code, "next_channel", None]


def test_who_answers_the_second_call_gets_no_text_message(room):
    name = room.call()
    room.fake.ends(room.last(), "no-answer")
    room.later(minutes=10)

    room.fake.answers(room.last(), "human")
    room.fake.ends(room.last(), "completed")
    room.later(hours=4)

    assert (room.outcome(name), room.reached()) == (("delivered", "call_answered"), (2, []))


def test_it_is_not_called_again_when_that_comes_after_the_next_channel_s_time(room):
    room.call(budgets={"voice": 300})
    room.fake.ends(room.last(), "busy")
    room.sent()

    assert room.reached() == (1, [TEXT])


def test_it_is_not_called_again_when_it_is_of_no_use_any_more(room):
    name = room.call(channels=(Channel.VOICE,), expires_at=NOW + timedelta(minutes=5))
    room.fake.ends(room.last(), "busy")

    assert room.outcome(name) == ("failed", "call_busy")


def test_a_call_that_ends_before_a_word_was_said_counts_as_nobody(room):
    name = room.call()
    room.fake.ends(room.last(), "completed")

    assert room.outcome(name) == ("scheduled", "call_again")


def test_a_number_that_cannot_be_reached_gets_the_text_message(room):
    room.call()
    room.fake.ends(room.last(), "failed")
    room.sent()

    assert room.reached() == (1, [TEXT])


def test_a_line_without_a_screen_gets_no_text_message(room):
    name = room.call(to="+33142345678")
    room.fake.answers(room.last(), "machine_start")
    room.sent()

    assert (room.outcome(name), room.reached()) == (("failed", "not_a_mobile"), (1, []))


# ---------------------------------------------------------------------------------------------- late, doubled, lost


def test_what_comes_late_or_again_of_an_earlier_call_changes_nothing(room):
    name = room.call()
    first = room.last()
    room.fake.begins(first)
    room.fake.ends(first, "busy")
    room.later(minutes=10)
    second = room.last()
    before = room.message(name)

    for _ in range(3):
        room.fake.ends(first, "busy")
        room.fake.begins(first)
        room.clock.forward(timedelta(seconds=1))

    assert room.message(name) == before
    room.fake.answers(second, "human")
    assert room.outcome(name) == ("delivered", "call_answered")


@pytest.mark.parametrize("seed", range(8))
def test_everything_that_was_said_of_a_call_again_in_any_order_changes_nothing(room, seed):
    name = room.call()
    sid = room.last()
    posts: list[tuple[str, dict[str, str]]] = []

    def noted(url: str, fields: dict[str, str]) -> tuple[int, bytes]:
        posts.append((url, fields))
        return room.posted(url, fields)

    room.fake.posts = noted
    room.fake.begins(sid)
    room.fake.answers(sid, "human")
    room.fake.presses(sid, "1")
    room.fake.ends(sid, "completed")
    before, steps = room.message(name), room.steps(name)

    shuffled = posts * 2
    random.Random(seed).shuffle(shuffled)
    for url, fields in shuffled:
        assert room.posted(url, fields)[0] == 200
        room.clock.forward(timedelta(seconds=1))

    assert (room.message(name), room.steps(name)) == (before, steps)
    with room.suite.database.read(room.workspace) as tx:
        assert len(kept.replies(tx, number=ANA)) == 1
    assert room.reached() == (1, [])


def test_a_question_that_comes_again_is_answered_again(room):
    room.call()
    said = room.fake.answers(room.last(), "human")

    assert room.fake.answers(room.last(), "human") == said
    thanks = room.fake.presses(room.last(), "2")
    room.fake.ask_again(room.last())
    assert room.fake.heard(room.last())[-1:] == thanks


def test_a_call_whose_end_nobody_told_is_asked_about(room):
    name = room.call()
    room.fake.calls[-1]["status"] = "busy"
    room.later(minutes=2)

    assert room.outcome(name) == ("scheduled", "call_again")


def test_a_call_that_waits_in_the_queue_is_called_off_when_the_next_channel_s_time_has_come(room):
    room.call(budgets={"voice": 240})
    room.later(minutes=2)
    assert room.reached() == (1, [])

    room.later(minutes=3)
    room.later(minutes=2)

    assert room.fake.calls[-1]["status"] == "canceled"
    assert room.reached() == (1, [TEXT])


@pytest.mark.parametrize("ends", ["busy", "in-progress"])
def test_when_its_time_is_over_it_is_asked_how_it_stands_and_nobody_is_cut_off(room, ends):
    name = room.call(budgets={"voice": 60})
    room.fake.calls[-1]["status"] = ends
    for _ in range(8):
        room.later(seconds=10)

    if ends == "busy":
        assert room.reached() == (1, [TEXT])
        return
    assert (room.state(name), room.reached()) == ("sent", (1, []))
    room.fake.answers(room.last(), "human")
    room.fake.ends(room.last(), "completed")
    room.later(minutes=5)
    assert (room.outcome(name), room.reached()) == (("delivered", "call_answered"), (1, []))


def test_a_queued_call_is_called_off_within_moments_of_its_time(room):
    room.call(budgets={"voice": 60})
    for _ in range(8):
        room.later(seconds=10)

    assert room.fake.calls[-1]["status"] == "canceled"
    assert room.reached() == (1, [TEXT])


def test_a_call_that_is_over_says_nothing_any_more(room):
    name = room.call(channels=(Channel.VOICE,), expires_at=NOW + timedelta(minutes=1))
    room.clock.forward(timedelta(minutes=2))

    assert room.fake.answers(room.last(), "human") == []
    assert room.outcome(name) == ("sent", None)


# ---------------------------------------------------------------------------------------------- a broken line


def test_a_call_in_doubt_is_known_again_by_its_number_and_its_moment(room):
    room.fake.fail(cut_after(), takes=True)
    name = room.call()
    assert room.state(name) == "uncertain"

    room.later(seconds=30)

    assert (room.state(name), room.message(name)["provider_ref"]) == ("sent", room.last())
    assert room.reached() == (1, [])


def test_a_call_that_was_never_taken_is_made_once(room):
    room.fake.fail(cut_before())
    name = room.call()
    for _ in range(7):
        room.later(minutes=1)

    assert (room.state(name), len(room.fake.calls)) == ("sent", 1)


def test_whoever_answers_settles_the_doubt(room):
    room.fake.fail(cut_after(), takes=True)
    name = room.call()

    room.fake.answers(room.last(), "human")

    assert room.outcome(name) == ("delivered", "call_answered")
    room.later(hours=1)
    assert room.reached() == (1, [])


# ---------------------------------------------------------------------------------------------- whom one may call


WEDNESDAY = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
"""Half past ten in Paris."""


def agreed(room: Room, *scopes: str) -> None:
    """The person says yes; and the workspace itself sets no limit to how often it advertises."""
    with room.suite.database.write(room.workspace) as tx:
        house.change_settings(tx, {"frequency": {"day": 0, "week": 0}})
        for scope in scopes:
            people.start(tx, ANA, scope, "form", {"text": "oui"}, room.suite.now())


def advert(room: Room, **given: Any) -> str:
    room.clock.forward(max(WEDNESDAY - room.suite.now(), timedelta()))
    return room.call(klass=MessageClass.MARKETING, asks=False, content={"keys": {}}, **given)


def test_a_yes_to_messages_is_no_yes_to_calls(room):
    agreed(room, "marketing")
    name = advert(room, channels=(Channel.VOICE,))

    assert room.outcome(name) == ("suppressed", "voice_no_consent")
    assert room.reached() == (0, [])


def test_who_may_not_be_called_gets_the_text_message(room):
    agreed(room, "marketing")
    name = advert(room, text="Soldes ! STOP au 36123")

    assert room.reached() == (0, ["Soldes ! STOP au 36123"])
    assert ("scheduled", "voice_no_consent") in room.steps(name)


def test_a_commercial_call_offers_a_way_out_and_shows_a_number_that_is_reserved_for_it(room):
    agreed(room, "marketing", "voice")
    advert(room, channels=(Channel.VOICE,))

    assert room.fake.answers(room.last(), "human")[1] == "Pour ne plus recevoir ces messages, tapez 9."
    assert room.fake.made_by[room.last()]["From"] == ["+33162000001"]


@pytest.mark.parametrize(("number", "klass", "code"), [
    ("+33612345678", MessageClass.TRANSACTIONAL, "sender_personal_number"),
    ("+33712345678", MessageClass.MARKETING, "sender_personal_number"),
    ("+33142000001", MessageClass.MARKETING, "voice_caller_not_for_prospecting")])
def test_a_number_that_may_not_be_shown_calls_nobody(tmp_path, number, klass, code):
    with FakeTwilio() as fake:
        room = Room(tmp_path, fake, voice_sender=number)
        agreed(room, "marketing", "voice")
        room.clock.forward(WEDNESDAY - NOW)
        name = room.call(klass=klass, channels=(Channel.VOICE,))

        assert (room.outcome(name), room.reached()) == (("suppressed", code), (0, []))


def test_a_person_is_called_four_times_in_thirty_days_answered_or_not(room):
    agreed(room, "marketing", "voice")
    names = [advert(room, channels=(Channel.VOICE,)) for _ in range(5)]

    assert len(room.fake.calls) == 4
    assert room.outcome(names[4]) == ("suppressed", "voice_attempts")
    room.clock.forward(timedelta(days=33))
    again = advert(room, channels=(Channel.VOICE,))
    assert (room.outcome(again)[0], len(room.fake.calls)) == ("sent", 5)


def test_calls_of_one_batch_count_together(room):
    agreed(room, "marketing", "voice")
    room.clock.forward(WEDNESDAY - NOW)
    given = {"channels": (Channel.VOICE,), "klass": MessageClass.MARKETING, "due_at": WEDNESDAY}
    for _ in range(6):
        room.accept(**given)
    dispatch.run_due(room.suite)

    assert len(room.fake.calls) == 4


def test_a_refusal_is_followed_by_sixty_days_of_silence_whatever_is_said_afterwards(room):
    agreed(room, "marketing", "voice")
    advert(room, channels=(Channel.VOICE,))
    room.fake.answers(room.last(), "human")
    room.fake.presses(room.last(), "9")
    room.clock.forward(timedelta(days=20))
    agreed(room, "marketing", "voice")

    early = advert(room, channels=(Channel.VOICE,))
    assert room.outcome(early) == ("suppressed", "voice_refused_lately")
    room.clock.forward(timedelta(days=41))
    late = advert(room, channels=(Channel.VOICE,))
    assert room.outcome(late)[0] == "sent"


def test_a_reminder_is_counted_by_no_law(room):
    for _ in range(6):
        room.call(channels=(Channel.VOICE,))

    assert len(room.fake.calls) == 6


def test_who_wants_no_calls_gets_the_text_message(room):
    with room.suite.database.write(room.workspace) as tx:
        people.stop(tx, ANA, "voice", "phone", {}, NOW)
    room.call()

    assert room.reached() == (0, [TEXT])

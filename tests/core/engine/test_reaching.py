"""Whom a richer channel reaches is asked ahead of time, learnt from messages and receipts, and never waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.contract import Account, KnowsPhones, ProviderTools, Receipt, Refused, Uncertain
from core.domain.errors import NotNow
from core.domain.messages import Channel, State
from core.domain.reach import Ability, Reach
from core.domain.reasons import Reason
from core.engine import dispatch, feedback, reaching
from core.providers.memory import Memory
from core.storage import accounts, reach
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

RCS_SMS = (Channel.RCS, Channel.SMS)
CARD = {"rcs": {"card": {"title": "Rendez-vous"}}}
UNREACHABLE = Reason("channel_unreachable", {"channel": "RCS"})


class Rich(Memory, KnowsPhones):
    """RCS; `without` are the phones that it does not reach."""

    slug, channels, for_tests = "rich", frozenset({Channel.RCS}), False

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self.without: set[str] = set()
        self.features: frozenset[str] | None = None
        self.asked: list[list[str]] = []
        self.busy: timedelta | None = None

    def agent(self, account: Account) -> str:
        return "rich:cabinet"

    def abilities(self, account: Account, numbers: Sequence[str], now: datetime) -> Sequence[Ability]:
        self.asked.append(list(numbers))
        if self.busy is not None:
            raise NotNow("provider_busy", self.busy)
        return [Ability(one, one not in self.without, self.features) for one in numbers]


class Texts(Memory):
    slug, channels = "texts", frozenset({Channel.SMS})


class Street:
    """A room with an RCS account and an SMS account."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.rich, self.texts = Rich(ProviderTools(urls={})), Texts(ProviderTools(urls={}))
        self.room = EngineRoom(
            folder, providers={"rich": self.rich, "texts": self.texts}, **({"database_url": url} if url else {})
        )
        with self.room.suite.database.write(self.room.workspace) as tx:
            accounts.change(tx, self.room.suite.vault, self.room.account.id, state="removed")
        self.rcs, self.sms = self.room.connect("rich"), self.room.connect("texts")

    def plan(self, to: str = ANA, **given: object) -> str:
        """A message of this afternoon."""
        given = {"channels": RCS_SMS, "due_at": NOW + timedelta(hours=5), **given}
        return self.room.accept(to, **given)  # type: ignore[arg-type]

    def ask(self, **by: float) -> int:
        self.room.clock.forward(timedelta(**by))
        return reaching.run_due(self.room.suite)

    def both(self) -> tuple[list[str], list[str]]:
        return ([one.reference for one in self.rich.sent], [one.reference for one in self.texts.sent])

    def receipt(self, state: State, of: str, reason: Reason | None = None, at: datetime | None = None) -> None:
        suite = self.room.suite
        told = Receipt(of, state, f"{state} {suite.now()}", at or suite.now(), None, reason)
        with suite.database.write(self.room.workspace) as tx:
            feedback.take_receipts(suite, tx, self.rcs, [told])

    def counted(self, *numbers: str) -> Reach:
        with self.room.suite.database.read(self.room.workspace) as tx:
            return reach.counted(tx, numbers, self.room.suite.now())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def street(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Street]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return lambda: Street(tmp_path, url)


# ---------------------------------------------------------------------------------------------- asked ahead


def test_a_phone_that_is_known_to_be_without_rcs_gets_a_text_message_and_rcs_is_not_tried(street):
    here = street()
    here.rich.without.add(ANA)
    name, other = here.plan(), here.plan(BOB)
    assert here.ask() == 2
    assert here.rich.asked == [[ANA, BOB]]
    here.room.later(hours=5)
    assert here.both() == ([other], [f"{name}_1"])
    assert here.room.steps(name) == [
        ("scheduled", "channel_known_unreachable"), ("scheduled", "next_channel"), ("sent", None),
    ]


def test_each_phone_is_asked_about_once_and_again_when_the_answer_is_old(street):
    here = street()
    for _ in range(3):
        here.plan()
    here.ask()
    assert here.ask(minutes=5) == 0
    assert here.rich.asked == [[ANA]], "three messages, one question"
    here.plan(due_at=NOW + timedelta(days=8))
    assert here.ask(days=7, hours=12) == 1


def test_only_what_leaves_within_a_day_and_by_rcs_first_is_asked_about(street):
    here = street()
    here.plan(due_at=NOW + timedelta(hours=25))
    here.plan(channels=(Channel.SMS,))
    here.plan(channels=(Channel.SMS, Channel.RCS))
    here.plan(test=True)
    assert (here.ask(), here.rich.asked) == (0, [])
    assert here.ask(hours=2) == 1


def test_a_question_that_fails_keeps_nobody_waiting_and_is_not_repeated_before_its_time(street):
    here = street()
    here.rich.busy = timedelta(minutes=10)
    name, later = here.plan(due_at=NOW), here.plan(BOB)
    assert here.ask() == 0
    dispatch.run_due(here.room.suite)
    assert here.both() == ([name], []), "unknown: sent, and learnt from"
    here.rich.busy = None
    assert here.ask(minutes=5) == 0
    assert len(here.rich.asked) == 1
    assert here.ask(minutes=6) == 1
    here.room.later(hours=5)
    assert here.both() == ([name, later], [])


def test_an_account_that_is_paused_is_not_asked(street):
    here = street()
    with here.room.suite.database.write(here.room.workspace) as tx:
        accounts.change(tx, here.room.suite.vault, here.rcs.id, state="paused")
    here.plan()
    assert (here.ask(), here.rich.asked) == (0, [])


def test_without_another_channel_it_is_tried_all_the_same(street):
    here = street()
    here.rich.without.add(ANA)
    name = here.plan(channels=(Channel.RCS,))
    here.ask()
    here.room.later(hours=5)
    assert here.both() == ([name], [])
    assert here.counted(ANA) == Reach(1, 0, 0), "it was taken: what was believed was wrong"


def test_what_may_be_on_the_phone_already_is_not_given_to_another_channel(street):
    here = street()
    here.rich.can_look_up, here.rich.idempotent = False, True
    here.rich.script(ANA, Uncertain(Reason("provider_silent")))
    name = here.plan(due_at=NOW)
    dispatch.run_due(here.room.suite)
    with here.room.suite.database.write(here.room.workspace) as tx:
        reach.learn(tx, "rich:cabinet", [(Ability(ANA, False), here.room.suite.now())])
    here.room.clock.forward(timedelta(seconds=10))
    here.room.look_up()
    here.room.later(seconds=1)
    assert here.both() == ([name], []), "said again to the same provider, which ignores the repetition"


def test_a_card_is_said_as_a_text_to_a_phone_that_shows_none(street):
    here = street()
    here.rich.features = frozenset({"open"})
    here.plan(content=CARD, text="Rappel : demain à 9 h")
    here.ask()
    here.room.later(hours=5)
    assert [dict(one.content) for one in here.rich.sent] == [{"text": "Rappel : demain à 9 h"}]


# ---------------------------------------------------------------------------------------------- learnt


def test_a_refusal_teaches_so_that_the_next_message_does_not_try(street):
    here = street()
    here.rich.script(ANA, Refused(UNREACHABLE))
    first = here.plan(due_at=NOW)
    dispatch.run_due(here.room.suite)
    second = here.plan(due_at=NOW + timedelta(minutes=5))
    here.room.later(minutes=5)
    assert here.both() == ([], [f"{first}_1", f"{second}_1"])
    assert here.room.steps(second)[0] == ("scheduled", "channel_known_unreachable")
    third = here.plan(due_at=NOW + timedelta(days=4))
    here.room.later(days=4)
    assert here.both()[0] == [third], "after three days it is tried again"


def test_a_receipt_teaches_where_the_provider_cannot_be_asked(street):
    here = street()
    name = here.plan(due_at=NOW)
    dispatch.run_due(here.room.suite)
    here.receipt(State.FAILED, f"mem_{name}", UNREACHABLE)
    assert here.counted(ANA) == Reach(0, 1, 0)
    dispatch.run_due(here.room.suite)
    second = here.plan(due_at=NOW + timedelta(minutes=5))
    here.room.later(minutes=5)
    assert here.both() == ([name], [f"{name}_1", f"{second}_1"])


def test_a_delivery_teaches_and_an_older_word_changes_nothing(street):
    here = street()
    name, other = here.plan(due_at=NOW), here.plan(due_at=NOW)
    here.room.later(hours=1)
    here.receipt(State.DELIVERED, f"mem_{name}")
    assert here.counted(ANA, BOB) == Reach(1, 0, 1)
    here.receipt(State.FAILED, f"mem_{other}", UNREACHABLE, at=NOW)
    assert here.counted(ANA) == Reach(1, 0, 0)


def test_a_receipt_of_the_text_message_says_nothing_of_rcs(street):
    here = street()
    here.rich.script(ANA, Refused(UNREACHABLE))
    name = here.plan(due_at=NOW)
    dispatch.run_due(here.room.suite)
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        told = Receipt(f"mem_{name}_1", State.DELIVERED, "DELIVERED", suite.now())
        feedback.take_receipts(suite, tx, here.sms, [told])
    assert here.counted(ANA) == Reach(0, 1, 0)


def test_what_another_name_learnt_is_not_ours(street):
    here = street()
    with here.room.suite.database.write(here.room.workspace) as tx:
        reach.learn(tx, "other:agent", [(Ability(ANA, False), NOW)])
    name = here.plan(due_at=NOW)
    dispatch.run_due(here.room.suite)
    assert here.both() == ([name], [])

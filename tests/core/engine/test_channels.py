"""A message by several channels: the next one only when the present one surely failed, and nobody ever gets two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from core.contract import (
    Accepted,
    Account,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    Revokes,
    TryLater,
    Uncertain,
)
from core.domain.errors import NotNow
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.engine import dispatch, doubting, falling_back, feedback
from core.providers.memory import Memory
from core.storage import accounts, tables
from tests.support.engine_room import ANA, NOW, EngineRoom

RCS_SMS = (Channel.RCS, Channel.SMS)
TEN_MINUTES = {"rcs": 600}
UNREACHABLE, EXPIRED = Reason("channel_unreachable"), Reason("channel_expired")


class Rich(Memory):
    """RCS, and what it says when it is asked to take a message back."""

    slug, channels = "rich", frozenset({Channel.RCS})


class Revoking(Rich, Revokes):
    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self.says: bool | None = True
        self.asked: list[tuple[str, str, str]] = []

    def revoke(self, account: Account, reference: str, provider_reference: str, now: datetime, *,
               to: str) -> bool | None:
        self.asked.append((reference, provider_reference, to))
        return self.says


class Away(Revoking):
    def revoke(self, account: Account, reference: str, provider_reference: str, now: datetime, *,
               to: str) -> bool | None:
        self.asked.append((reference, provider_reference, to))
        raise NotNow("provider_busy")


class Texts(Memory):
    slug, channels = "texts", frozenset({Channel.SMS})


class WhatsApp(Memory):
    slug, channels = "whatsapp", frozenset({Channel.WHATSAPP})


class Street:
    """A room with an RCS account and an SMS account."""

    def __init__(self, folder: Path, url: str | None, rich: type[Rich] = Revoking) -> None:
        self.rich, self.texts, self.whatsapp = rich(_tools()), Texts(_tools()), WhatsApp(_tools())
        self.room = EngineRoom(
            folder, providers={"rich": self.rich, "texts": self.texts, "whatsapp": self.whatsapp},
            **({"database_url": url} if url else {}),
        )
        with self.room.suite.database.write(self.room.workspace) as tx:
            accounts.change(tx, self.room.suite.vault, self.room.account.id, state="removed")
        self.rcs, self.sms = self.room.connect("rich"), self.room.connect("texts")

    def send(self, **given: object) -> str:
        name = self.room.accept(**{"channels": RCS_SMS, "budgets": TEN_MINUTES, **given})  # type: ignore[arg-type]
        dispatch.run_due(self.room.suite)
        return name

    def later(self, **by: float) -> None:
        self.room.clock.forward(timedelta(**by))
        doubting.look_up_due(self.room.suite)
        falling_back.run_due(self.room.suite)
        dispatch.run_due(self.room.suite)

    def receipt(self, state: State, reason: Reason | None = None, *, of: str, account: Account | None = None,
                reference: str | None = None) -> None:
        suite = self.room.suite
        told = Receipt(of, state, f"{state} {suite.now()}", suite.now(), reference, reason)
        with suite.database.write(self.room.workspace) as tx:
            feedback.take_receipts(suite, tx, account or self.rcs, [told])
        dispatch.run_due(suite)

    def both(self) -> tuple[list[str], list[str]]:
        return ([one.reference for one in self.rich.sent], [one.reference for one in self.texts.sent])


def _tools() -> ProviderTools:
    return ProviderTools(urls={})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def street(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Street]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return lambda rich=Revoking: Street(tmp_path, url, rich)


# ---------------------------------------------------------------------------------------------- it surely failed


def test_a_phone_without_rcs_gets_a_text_message_at_once(street):
    here = street()
    here.rich.script(ANA, Refused(UNREACHABLE))
    name = here.send()
    assert here.both() == ([], [f"{name}_1"])
    kept = here.room.message(name)
    assert (kept["state"], kept["channel"], kept["channel_step"], kept["account"]) == ("sent", "sms", 1, here.sms.id)
    assert here.room.steps(name) == [
        ("scheduled", "channel_unreachable"), ("scheduled", "next_channel"), ("sent", None),
    ]


def test_any_other_refusal_is_the_end(street):
    here = street()
    here.rich.script(ANA, Refused(Reason("provider_number_dead"), dead_number=True))
    name = here.send()
    assert (here.room.state(name), here.both()) == ("failed", ([], []))


def test_without_an_account_for_the_first_channel_the_second_one_is_taken(street):
    here = street()
    name = here.send(channels=(Channel.VOICE, Channel.SMS), budgets=None)
    assert here.both() == ([], [f"{name}_1"])


def test_a_receipt_that_it_could_not_be_shown_takes_the_next_one_once(street):
    here = street()
    name = here.send()
    for _ in range(3):
        here.receipt(State.FAILED, EXPIRED, of=f"mem_{name}")
    assert here.both() == ([name], [f"{name}_1"])


def test_the_network_s_own_failure_is_the_end(street):
    here = street()
    name = here.send()
    here.receipt(State.FAILED, Reason("provider_number_dead"), of=f"mem_{name}")
    assert (here.room.state(name), here.both()) == ("failed", ([name], []))


# ---------------------------------------------------------------------------------------------- its time is over


def test_what_can_be_taken_back_leaves_by_the_next_channel_when_its_time_is_over(street):
    here = street()
    name = here.send()
    here.later(minutes=9, seconds=59)
    assert here.both() == ([name], [])
    here.later(seconds=1)
    assert here.both() == ([name], [f"{name}_1"])
    assert here.rich.asked == [(name, f"mem_{name}", ANA)]
    assert [code for _, code in here.room.steps(name)][1:3] == ["channel_taken_back", "next_channel"]
    here.later(hours=3)
    assert here.both() == ([name], [f"{name}_1"])


def test_what_was_delivered_before_it_could_be_taken_back_stays(street):
    here = street()
    here.rich.says = False
    name = here.send()
    here.later(minutes=10)
    assert (here.room.state(name), here.both()) == ("delivered", ([name], []))


def test_as_long_as_nobody_can_tell_it_is_asked_again_and_nothing_follows(street):
    here = street()
    here.rich.says = None
    name = here.send()
    for _ in range(4):
        here.later(minutes=10)
    assert (len(here.rich.asked), here.both()) == (4, ([name], []))
    here.rich.says = True
    here.later(minutes=1)
    assert here.both() == ([name], [f"{name}_1"])


def test_a_provider_that_is_away_is_asked_again(street):
    here = street(Away)
    name = here.send()
    here.later(minutes=10)
    here.later(minutes=1)
    assert (len(here.rich.asked), here.both()) == (2, ([name], []))


def test_what_cannot_be_taken_back_is_valid_no_longer_than_its_time_and_its_receipt_decides(street):
    here = street(Rich)
    name = here.send(expires_at=NOW + timedelta(hours=5))
    assert here.rich.sent[0].expires_at == NOW + timedelta(minutes=10)
    here.later(hours=1)
    assert here.both() == ([name], [])
    assert here.room.steps(name)[-1] == ("sent", "channel_by_receipt")
    here.receipt(State.FAILED, EXPIRED, of=f"mem_{name}")
    assert here.both() == ([name], [f"{name}_1"])
    assert here.texts.sent[0].expires_at == NOW + timedelta(hours=5)


def test_a_channel_whose_provider_puts_us_off_has_no_more_time_than_that(street):
    here = street()
    here.rich.script(ANA, *[TryLater(timedelta(minutes=4), Reason("provider_busy"))] * 9)
    name = here.send()
    here.later(minutes=10)
    assert here.both() == ([], [f"{name}_1"])


# ---------------------------------------------------------------------------------------------- nobody gets two


def test_what_is_in_doubt_is_looked_up_before_anything_follows(street):
    here = street()
    here.rich.can_look_up = False
    here.rich.script(ANA, Uncertain(Reason("provider_silent")))
    name = here.send()
    here.later(hours=1)
    assert (here.room.state(name), here.both()) == ("uncertain", ([name], []))
    here.rich.can_look_up = True
    with here.room.suite.database.write() as tx:
        tx.connection.execute(tables.messages.update().values(lease=here.room.suite.now()))
    here.later(seconds=1)
    assert here.room.state(name) == "sent"
    here.later(seconds=30)
    assert here.both() == ([name], [f"{name}_1"]), "found, taken back, and then by the next channel"


def test_a_late_delivery_by_the_first_channel_is_kept_and_changes_no_bill(street):
    here = street()
    name = here.send()
    here.later(minutes=10)
    before = here.room.message(name)
    here.receipt(State.DELIVERED, of=f"mem_{name}")
    after = here.room.message(name)
    assert here.room.steps(name)[-1] == ("sent", "earlier_channel_delivered")
    same = ("state", "channel", "price_micros", "currency", "provider_ref", "account")
    assert [after[name] for name in same] == [before[name] for name in same]
    here.receipt(State.DELIVERED, of=f"mem_{name}_1", account=here.sms)
    assert here.room.state(name) == "delivered"


def test_a_late_delivery_while_the_next_channel_still_waits_ends_the_message(street):
    here = street()
    name = here.send()
    here.texts.script(ANA, TryLater(timedelta(minutes=30), Reason("provider_busy")))
    here.later(minutes=10)
    assert here.room.state(name) == "scheduled"
    here.receipt(State.DELIVERED, of="whatever", reference=name)
    here.later(hours=1)
    assert (here.room.state(name), here.room.message(name)["channel"]) == ("delivered", "rcs")
    assert here.both() == ([name], [])


def test_a_late_failure_of_the_first_channel_does_not_touch_the_second(street):
    here = street()
    name = here.send()
    here.later(minutes=10)
    here.receipt(State.FAILED, EXPIRED, of=f"mem_{name}")
    assert (here.room.state(name), here.both()) == ("sent", ([name], [f"{name}_1"]))


def test_a_failure_and_a_delivery_in_one_breath_leave_it_at_the_delivery(street):
    here = street()
    name = here.send()
    suite = here.room.suite
    words = [(State.FAILED, EXPIRED), (State.DELIVERED, None)]
    said = [Receipt(f"mem_{name}", state, str(state), suite.now(), None, why) for state, why in words]
    with suite.database.write(here.room.workspace) as tx:
        feedback.take_receipts(suite, tx, here.rcs, said)
    dispatch.run_due(suite)
    assert (here.room.state(name), here.both()) == ("delivered", ([name], []))


def test_a_text_that_changes_while_the_second_channel_waits_does_not_start_over(street):
    here = street()
    here.texts.script(ANA, TryLater(timedelta(minutes=30), Reason("provider_busy")))
    name = here.send()
    here.later(minutes=10)
    kept = here.room.message(name)
    assert (kept["state"], kept["channel_step"]) == ("scheduled", 1)
    here.later(hours=1)
    assert here.both() == ([name], [f"{name}_1"])


def test_another_account_cannot_speak_of_an_earlier_channel(street):
    here = street()
    name = here.send()
    here.later(minutes=10)
    here.receipt(State.DELIVERED, of="made-up", reference=name, account=here.sms)
    assert here.room.steps(name)[-1] == ("sent", None)


def test_in_any_order_of_receipts_and_timers_there_is_one_text_message_at_most(tmp_path):
    here = Street(tmp_path, None)
    for order in product(["receipt", "timer", "late"], repeat=3):
        name = here.send()
        for event in order:
            if event == "receipt":
                here.receipt(State.FAILED, EXPIRED, of=f"mem_{name}")
            elif event == "timer":
                here.later(minutes=10)
            else:
                here.receipt(State.DELIVERED, of=f"mem_{name}")
        rcs, sms = ([one for one in found if one.startswith(name)] for found in here.both())
        assert (rcs, len(sms) <= 1) == ([name], True), order
        assert order[0] != "late" or sms == [], "it was delivered first"


# ---------------------------------------------------------------------------------------------- WhatsApp


def test_whatsapp_takes_free_text_only_for_a_day_after_the_person_wrote(street):
    here = street()
    account = here.room.connect("whatsapp")
    ways = {"channels": (Channel.WHATSAPP, Channel.SMS), "budgets": None, "klass": MessageClass.CONVERSATIONAL}
    closed = here.send(**ways)
    assert [one.reference for one in here.texts.sent] == [f"{closed}_1"]
    assert here.room.steps(closed)[0] == ("scheduled", "window_closed")
    suite = here.room.suite
    with suite.database.write(here.room.workspace) as tx:
        wrote = PhoneReply(ANA, "+33600000000", "Bonjour", suite.now(), "wamid.1")
        feedback.take_reply(suite, tx, account, wrote)
    opened = here.send(**ways)
    assert [(one.reference, one.within_window) for one in here.whatsapp.sent] == [(opened, True)]
    here.later(hours=25)
    template = {"whatsapp": {"template": {"name": "rappel", "language": "fr"}}}
    by_template, by_text = here.send(**ways, content=template), here.send(**ways)
    assert [one.reference for one in here.whatsapp.sent] == [opened, by_template]
    assert here.texts.sent[-1].reference == f"{by_text}_1"
    assert here.whatsapp.sent[-1].content == template["whatsapp"]


def test_an_accepted_message_of_one_channel_has_no_timer(street):
    here = street()
    here.texts.script(ANA, Accepted("x"))
    name = here.send(channels=(Channel.SMS,), budgets=None)
    assert here.room.message(name)["fallback_at"] is None

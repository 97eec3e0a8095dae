"""What a provider approved is known before a message is due: listed, changed by what is posted, and acted upon."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.contract import Account, Configured, KeepsTemplates, PhoneReply, ProviderTools, Refused
from core.domain.approved import Category, News, Status, Template
from core.domain.content import checked
from core.domain.errors import BadInput, NeedsReconnect
from core.domain.events import Event, Kind
from core.domain.messages import Channel, MessageClass
from core.domain.planning import Send, Skip
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import approving, dispatch, feedback, overview, scheduling, sending
from core.providers.memory import Memory
from core.storage import accounts, approved, installations, occasions, people, rules, webhooks
from core.storage import tables as t
from core.storage.database import Transaction
from tests.support.engine_room import ANA, NOW, EngineRoom

WHATSAPP_SMS = (Channel.WHATSAPP, Channel.SMS)
REMINDER = Template("rdv_rappel", "fr", Status.APPROVED, Category.UTILITY, body="Bonjour {{1}}.")
GIVEN = checked({"whatsapp": {"template": {"name": "rdv_rappel", "language": "fr", "body": ["Ana"]}}})


class WhatsApp(Memory, KeepsTemplates):
    """`there` is its list; `away` is raised instead of it."""

    slug, channels, for_tests = "whatsapp", frozenset({Channel.WHATSAPP}), False

    def __init__(self, tools: ProviderTools) -> None:
        super().__init__(tools)
        self.there: list[Template] = [REMINDER]
        self.asked = 0
        self.away: Exception | None = None

    def without_list(self, account: Account) -> Reason | None:
        return Reason("approved_no_account", {"field": "waba_id"}) if account.config.get("nameless") else None

    def templates(self, account: Account, now: datetime) -> Sequence[Template]:
        self.asked += 1
        if self.away is not None:
            raise self.away
        return self.there


class Texts(Memory):
    slug, channels = "texts", frozenset({Channel.SMS})


class Street:
    """A room with a WhatsApp account and an SMS account."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.whatsapp, self.texts = WhatsApp(ProviderTools(urls={})), Texts(ProviderTools(urls={}))
        self.room = EngineRoom(folder, providers={"whatsapp": self.whatsapp, "texts": self.texts},
                               **({"database_url": url} if url else {}))
        with self.write() as tx:
            accounts.change(tx, self.room.suite.vault, self.room.account.id, state="removed")
        self.account, self.sms = self.room.connect("whatsapp"), self.room.connect("texts")

    def write(self) -> Any:
        return self.room.suite.database.write(self.room.workspace)

    def look(self, **by: float) -> int:
        self.room.clock.forward(timedelta(**by))
        return approving.run_due(self.room.suite)

    def send(self, **given: Any) -> str:
        name = self.room.accept(**{"channels": WHATSAPP_SMS, "content": GIVEN, **given})
        dispatch.run_due(self.room.suite)
        return name

    def post(self, **said: Any) -> None:
        with self.write() as tx:
            now = self.room.suite.now()
            approving.heard(tx, self.account, [News("rdv_rappel", "fr", now, **said)], now)

    def both(self) -> tuple[int, int]:
        return len(self.whatsapp.sent), len(self.texts.sent)

    def statuses(self) -> dict[str, str]:
        with self.write() as tx:
            return {f"{one.template.name}/{one.template.language}": str(one.template.status)
                    for one in approved.listed(tx)}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def street(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Street]:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return lambda: Street(tmp_path, url)


# ---------------------------------------------------------------------------------------------- the list


def test_the_list_is_asked_for_once_the_account_is_there_and_every_few_hours(street):
    here = street()
    assert here.look() == 1
    assert here.statuses() == {"rdv_rappel/fr": "approved"}
    assert here.look(hours=3, minutes=59) == 0
    here.whatsapp.there = [replace(REMINDER, name="autre")]
    assert here.look(minutes=1) == 1
    assert here.statuses() == {"autre/fr": "approved"}


def test_a_list_that_does_not_come_is_asked_for_again_and_what_was_known_stays(street):
    here = street()
    here.look()
    here.whatsapp.away = NeedsReconnect("provider_forbidden", provider="WhatsApp", detail="")
    assert here.look(hours=4) == 1
    with here.write() as tx:
        sync = approved.syncs(tx)[here.account.id]
    assert sync.trouble is not None
    assert (sync.trouble.code, sync.at) == ("provider_forbidden", NOW)
    assert here.statuses() == {"rdv_rappel/fr": "approved"}
    here.whatsapp.away = None
    assert here.look(minutes=15) == 1


def test_it_can_be_asked_for_at_once_and_says_what_is_missing(street):
    here = street()
    suite, workspace = here.room.suite, here.room.workspace
    assert approving.refresh(suite, workspace, here.account.id) is None
    here.whatsapp.away = NeedsReconnect("provider_key_refused", provider="WhatsApp", detail="")
    why = approving.refresh(suite, workspace, here.account.id)
    assert why is not None
    assert why.code == "provider_key_refused"


def test_where_nothing_was_listed_nothing_is_claimed(street):
    here = street()
    here.send(content=checked({"whatsapp": {"template": {"name": "autre", "language": "fr"}}}))
    assert here.both() == (1, 0)


# ---------------------------------------------------------------------------------------------- when it is due


def test_a_template_that_was_paused_meanwhile_is_not_tried_and_the_next_channel_is_taken(street):
    here = street()
    here.look()
    with here.write() as tx:
        webhooks.add(tx, here.room.suite.vault, "https://hook.example", ["template.changed"], "secret", NOW)
    here.post(status=Status.PAUSED, note="Paused for 3 hours.")
    name = here.send()
    assert here.both() == (0, 1)
    assert here.room.steps(name) == [("scheduled", "approved_paused"), ("scheduled", "next_channel"), ("sent", None)]
    assert "template_status" in here.room.notes()
    with here.write() as tx:
        [(event, body)] = tx.connection.execute(select(t.deliveries.c.event, t.deliveries.c.body)).all()
    assert event == "template.changed"
    assert {"name": "rdv_rappel", "status": "paused"}.items() <= json.loads(body)["data"].items()
    here.post(status=Status.APPROVED, note="")
    here.send()
    assert here.both() == (1, 1)


def test_without_another_channel_the_provider_itself_says_no_and_the_list_is_asked_for_again(street):
    here = street()
    here.look()
    here.whatsapp.script(ANA, Refused(Reason("whatsapp_template_paused", {"detail": ""})))
    name = here.send(channels=(Channel.WHATSAPP,))
    assert here.room.state(name) == "failed"
    here.whatsapp.there = [replace(REMINDER, status=Status.PAUSED)]
    assert here.look(minutes=1) == 1
    assert here.statuses() == {"rdv_rappel/fr": "paused"}


def test_after_something_was_posted_the_list_is_asked_for_too(street):
    here = street()
    here.look()
    here.post(status=Status.PAUSED)
    assert here.look(seconds=30) == 0
    assert here.look(seconds=31) == 1
    assert here.statuses() == {"rdv_rappel/fr": "approved"}, "the list has the last word"


def test_a_word_from_before_the_last_one_changes_nothing(street):
    here = street()
    here.look()
    here.room.clock.forward(timedelta(hours=1))
    here.post(status=Status.PAUSED)
    with here.write() as tx:
        late = News("rdv_rappel", "fr", NOW + timedelta(minutes=30), Status.APPROVED)
        approving.heard(tx, here.account, [late], here.room.suite.now())
    assert here.statuses() == {"rdv_rappel/fr": "paused"}


def test_within_the_window_a_text_of_its_own_needs_no_template(street):
    here = street()
    here.look()
    here.post(status=Status.PAUSED)
    suite = here.room.suite
    with here.write() as tx:
        feedback.take_reply(suite, tx, here.account, PhoneReply(ANA, "+33600000000", "Bonjour", suite.now(), "w1"))
    here.send(content={"whatsapp": {**GIVEN["whatsapp"], "text": "Bonjour Ana"}})
    assert here.both() == (1, 0)


def test_of_two_accounts_the_one_that_has_the_template_sends_it(street):
    here = street()
    other = here.room.connect("whatsapp")
    here.look()
    here.post(status=Status.PAUSED)
    name = here.send()
    assert here.room.message(name)["account"] == other.id


# ---------------------------------------------------------------------------------------------- advertising


def agree(tx: Transaction) -> None:
    people.start(tx, ANA, "marketing", "form", {}, NOW)


def test_what_became_advertising_leaves_only_to_who_agreed_to_it(street):
    here = street()
    here.look()
    here.post(category=Category.MARKETING)
    name = here.send()
    assert here.both() == (0, 1)
    assert here.room.steps(name)[0] == ("scheduled", "approved_is_marketing")
    alone = here.send(channels=(Channel.WHATSAPP,))
    assert (here.room.state(alone), here.room.steps(alone)[-1]) == ("failed", ("failed", "approved_is_marketing"))
    with here.write() as tx:
        agree(tx)
    here.send()
    assert here.both() == (1, 1)
    assert "template_category" in here.room.notes()


def test_a_change_that_is_announced_is_kept_with_its_day_and_changes_nothing_yet(street):
    here = street()
    here.look()
    day = NOW + timedelta(days=1)
    here.post(category=Category.UTILITY, next_category=Category.MARKETING, next_category_at=day)
    with here.write() as tx:
        [row] = approved.listed(tx)
    assert approving.becomes_marketing(row.template)
    assert row.template.next_category_at == day
    here.send()
    assert here.both() == (1, 0)
    assert here.look(minutes=2) == 1
    with here.write() as tx:
        assert approving.becomes_marketing(approved.listed(tx)[0].template), "no list says it, and it is still ahead"


# ---------------------------------------------------------------------------------------------- when it is said


def drafted(tx: Transaction, content: Any = GIVEN, channels: tuple[Channel, ...] = WHATSAPP_SMS, **given: Any) -> Any:
    wanted = sending.Wanted(Recipient.parse(ANA), MessageClass.TRANSACTIONAL, "Rappel", channels=channels,
                            content=content, **given)
    return sending.drafts(tx, [wanted], NOW)[0]


def test_a_message_is_told_so_when_it_is_taken(street):
    here = street()
    here.look()
    bad = checked({"whatsapp": {"template": {"name": "rdv_rappel", "language": "en_US"}}})
    with here.write() as tx:
        assert not [one for one in drafted(tx).checks if one.name == "template"]
        [check] = [one for one in drafted(tx, bad).checks if one.name == "template"]
        assert (check.result, check.reason.code) == ("refused", "approved_not_in_language")
        alone = drafted(tx, bad, (Channel.WHATSAPP,))
    assert isinstance(alone, BadInput)
    assert (alone.reason.code, alone.pointer) == ("approved_not_in_language", "/content/whatsapp/template")


def visit(here: Street, channels: list[str], content: Any = GIVEN) -> list[Send | Skip]:
    """What a rule with that content answers about an appointment of the day after tomorrow."""
    with here.write() as tx:
        calendar = installations.add(tx, here.room.suite.vault, "calendar", "C", Configured({}, {}), NOW,
                                     zone="Europe/Paris", country="FR")  # fmt: skip
        rules.add(tx, {"name": "r", "on": "appointment", "class": "transactional", "body": "Rappel",
                       "when": {"before": "PT24H"}, "channels": channels, "content": content}, NOW)  # fmt: skip
        event = Event(Kind.APPOINTMENT, "visit", NOW, start=NOW + timedelta(days=2), recipient=Recipient.parse(ANA))
        found = occasions.apply(tx, calendar, [event], backlog=False, now=NOW)
        [planned] = scheduling.planned(tx, found, NOW)
    return list(planned.answers)


def test_a_plan_says_what_its_template_lacks_before_three_o_clock(street):
    here = street()
    here.look()
    bad = checked({"whatsapp": {"template": {"name": "rdv_rappel", "language": "fr", "body": ["a", "b"]}}})
    [answer] = visit(here, ["whatsapp", "sms"], bad)
    assert isinstance(answer, Send)
    assert [one.reason.code for one in answer.checks if one.reason] == ["approved_variables"]
    with here.write() as tx:
        [used] = approving.troubled(tx)
        assert used.reason.code == "approved_variables"
        [point] = [one for one in overview.of_today(here.room.suite, tx).points if one.code == "template"]
        assert point.subject.rule["name"] == "r"


def test_a_rule_with_nothing_but_a_template_that_will_never_do_plans_nothing(street):
    here = street()
    here.look()
    bad = checked({"whatsapp": {"template": {"name": "autre", "language": "fr"}}})
    [answer] = visit(here, ["whatsapp"], bad)
    assert isinstance(answer, Skip)
    assert answer.reason.code == "approved_missing"


def test_a_removed_account_takes_its_templates_along(street):
    here = street()
    here.look()
    with here.write() as tx:
        accounts.change(tx, here.room.suite.vault, here.account.id, state="removed")
        assert approved.shelves(tx) == {}

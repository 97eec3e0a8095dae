"""Asked once more before they leave: no platform's silence keeps another's messages, and nothing is held for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Batch, Configured, Installation, LooksAgain, Manifest, SharedSecret
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.engine import connecting, dispatch, housekeeping, looking, parting, switching
from core.storage import installations, occasions, people
from core.storage import tables as t
from tests.support.engine_room import ANA, NOW, EngineRoom

AWAY = NotNow("platform_away", timedelta(minutes=1))


class Shop(LooksAgain):
    """Answers by script, account by account."""

    manifest = Manifest("shop", "Shop", (SharedSecret("x"),), frozenset({Kind.REQUEST}))
    looks_again_at = frozenset({Kind.REQUEST})

    def __init__(self) -> None:
        self.says: dict[str, Callable[[], Batch]] = {}

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        return self.says.get(installation.name, Batch)()


def raises(error: Exception) -> Callable[[], Batch]:
    def say() -> Batch:
        raise error

    return say


class Market(EngineRoom):
    def __init__(self, folder: Path, **given: Any) -> None:
        self.platform = Shop()
        super().__init__(folder, adapters={"shop": self.platform}, **given)

    def shop(self, name: str) -> str:
        with self.suite.database.write(self.workspace) as tx:
            one = installations.add(tx, self.suite.vault, "shop", name, Configured({}, {"key": "old"}), NOW,
                                    zone="UTC", country="FR", pulls=False)  # fmt: skip
            installations.change(tx, one, mode="live", live_since=NOW)
            said = Event(Kind.REQUEST, "run", NOW, recipient=Recipient.parse(ANA))
            occasions.apply(tx, one, [said], backlog=False, now=NOW)
        return one

    def messages(self, shop: str, number: int = 1, **given: Any) -> list[str]:
        with self.suite.database.read(self.workspace) as tx:
            [occasion] = occasions.by_keys(tx, shop, ["run"])
        return [self.accept(installation=shop, occasion=occasion.id, **given) for _ in range(number)]

    def held(self) -> int:
        """Those that are due are claimed, and held until their platform was asked."""
        return dispatch.run_due(self.suite)

    def keeps_house(self) -> None:
        self.clock.forward(timedelta(minutes=1))
        housekeeping.run_due(self.suite)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    own = {"database_url": request.getfixturevalue("postgres_database")} if request.param == "postgresql" else {}
    market = Market(tmp_path, **own)
    yield market
    market.suite.database.close()


def test_behind_a_shop_that_is_away_others_are_asked(market: Market) -> None:
    """However much waits for the first: it must not fill the list of those who are asked."""
    first, second = sorted(market.shop(name) for name in ("A", "B"))
    names = {first: "first", second: "second"}
    with market.suite.database.write(market.workspace) as tx:
        for one, name in names.items():
            installations.change(tx, one, name=name)
        many = looking.MOST + 1
        people.start(tx, ANA, "marketing", "form", {}, NOW)
        [occasion] = occasions.by_keys(tx, first, ["run"])
        row = {"workspace": market.workspace, "installation": first, "occasion": occasion.id, "class": "marketing",
               "priority": 3, "channels": ["sms"], "to": ANA, "country": "FR", "text": "x", "encoding": "GSM-7",
               "segments": 1, "state": "held", "held_by": f"look:{first}", "checks": [], "due_at": NOW,
               "created_at": NOW, "changed_at": NOW}  # fmt: skip
        tx.connection.execute(t.messages.insert(), [{**row, "id": f"msg_{n:06}"} for n in range(many)])
    [other] = market.messages(second)
    market.platform.says["first"] = raises(AWAY)
    market.held()
    for _ in range(2):
        looking.run_due(market.suite)
    market.held()
    assert market.state(other) == "sent"


def test_a_slow_shop_keeps_only_its_own_waiting(market: Market) -> None:
    slow, quick = market.shop("slow"), market.shop("quick")
    [of_slow], [of_quick] = market.messages(slow), market.messages(quick)
    asked = threading.Event()

    def quickly() -> Batch:
        asked.set()
        return Batch()

    def slowly() -> Batch:
        assert asked.wait(30), "the other one is asked meanwhile"
        return Batch()

    market.platform.says = {"slow": slowly, "quick": quickly}
    market.held()
    looking.run_due(market.suite)
    market.held()
    assert (market.state(of_slow), market.state(of_quick)) == ("sent", "sent")


def test_what_a_lost_right_holds_is_said_and_goes_on_when_it_is_given_again(market: Market) -> None:
    """Although this shop is never pulled: nobody else would find out."""
    shop = market.shop("shop")
    [message] = market.messages(shop)
    market.platform.says["shop"] = raises(NeedsReconnect("scope_missing"))
    market.held()
    looking.run_due(market.suite)
    with market.suite.database.read(market.workspace) as tx:
        row = installations.get(tx, market.suite.vault, shop, "")
    assert row is not None
    assert row.trouble is not None
    assert (row.state, row.trouble.code) == ("reconnect", "scope_missing")
    market.keeps_house()
    assert market.message(message)["held_by"] == f"installation:{shop}"
    market.platform.says.clear()
    connecting.connected(market.suite, market.workspace, "shop", "shop", Configured({}, {"key": "new"}), who="usr",
                         reconnect=shop)  # fmt: skip
    market.held()
    looking.run_due(market.suite)
    market.held()
    assert market.state(message) == "sent"


def test_who_connects_again_while_the_old_key_is_refused_is_not_asked_to_do_it_again(market: Market) -> None:
    shop = market.shop("shop")
    [message] = market.messages(shop)

    def refused() -> Batch:
        connecting.connected(market.suite, market.workspace, "shop", "shop", Configured({}, {"key": "new"}), who="usr",
                             reconnect=shop)  # fmt: skip
        market.platform.says.clear()
        raise NeedsReconnect("grant_gone")

    market.platform.says["shop"] = refused
    market.held()
    for _ in range(2):
        looking.run_due(market.suite)
    market.held()
    assert market.state(message) == "sent"


def test_a_shop_that_was_disconnected_or_sent_back_to_rehearsal_while_it_was_asked(market: Market) -> None:
    ended = {}
    for name, act in (
        ("disconnected", lambda one: parting.disconnect(market.suite, market.workspace, one, who="usr")),
        ("back_to_rehearsal", lambda one: switching.rehearse(market.suite, market.workspace, one, who="usr")),
    ):
        shop = market.shop(name)
        [message] = market.messages(shop)
        market.held()
        act(shop)
        with market.suite.database.write(market.workspace) as tx:
            # It was being claimed at that moment: its sender writes after the end.
            row = t.messages.update().where(t.messages.c.id == message)
            tx.connection.execute(row.values(state="held", held_by=f"look:{shop}"))
        looking.run_due(market.suite)
        ended[name] = market.message(message)["reason"]["code"]
    market.held()
    assert ended == {"disconnected": "disconnected", "back_to_rehearsal": "back_to_rehearsal"}
    assert market.memory.sent == []


def test_a_paused_shop_holds_what_was_to_be_asked_about(market: Market) -> None:
    shop = market.shop("shop")
    [message] = market.messages(shop)
    market.held()
    switching.pause(market.suite, market.workspace, shop, who="usr")
    looking.run_due(market.suite)
    assert market.message(message)["held_by"] == f"installation:{shop}"
    switching.resume(market.suite, market.workspace, shop, who="usr")
    market.held()
    looking.run_due(market.suite)
    market.held()
    assert market.state(message) == "sent"


@pytest.mark.parametrize("held_by", ["installation:{}", "look:{}", "account"])
def test_what_is_held_past_its_time_ends(market: Market, held_by: str) -> None:
    shop = market.shop("shop")
    [message] = market.messages(shop, expires_at=NOW + timedelta(minutes=30))
    with market.suite.database.write(market.workspace) as tx:
        installations.change(tx, shop, state="reconnect")
        row = t.messages.update().where(t.messages.c.id == message)
        tx.connection.execute(row.values(state="held", held_by=held_by.format(shop)))
    market.keeps_house()
    assert market.state(message) == "held"
    market.clock.forward(timedelta(minutes=30))
    market.keeps_house()
    assert (market.state(message), market.message(message)["reason"]["code"]) == ("expired", "stale")


def test_what_was_held_just_as_its_reason_ended_is_found(market: Market) -> None:
    """A sender reads "paused", a person resumes, the sender writes "held": nobody will release it."""
    shop, gone = market.shop("shop"), market.shop("gone")
    [message], [other] = market.messages(shop), market.messages(gone)
    with market.suite.database.write(market.workspace) as tx:
        for one, place in ((message, shop), (other, gone)):
            row = t.messages.update().where(t.messages.c.id == one)
            tx.connection.execute(row.values(state="held", held_by=f"installation:{place}"))
        installations.change(tx, gone, state="disconnected")
    market.keeps_house()
    assert (market.state(message), market.state(other)) == ("scheduled", "cancelled")

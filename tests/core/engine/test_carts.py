"""Carts with the database: who is left out and what it shows, an order while a message leaves, silence, a storm."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import insert, select, update

from core.contract import Configured, Inbound, Tools
from core.domain.carts import CONTROL_FROM, in_control, money
from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.engine import applying, attributing, dispatch, intake, measuring, replaying, silence
from core.storage import carts, installations, outbox, people, rules, webhooks
from core.storage import tables as t
from integrations.custom_shop import CustomShop
from integrations.custom_shop.signing import sign
from tests.support.engine_room import ANA, NOW, EngineRoom

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
SECRET = "rsec_0123456789abcdef0123456789abcdef"


class Market(EngineRoom):
    """One live shop with a nudge after an hour."""

    def __init__(self, folder: Path, *, mode: str = "live", **given: Any) -> None:
        super().__init__(folder, **given)
        with self.suite.database.write(self.workspace) as tx:
            self.shop = installations.add(tx, self.suite.vault, "custom_shop", "Rue", Configured({}, {
                "signing_secret": SECRET}), NOW, zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
            installations.change(tx, self.shop, mode=mode, live_since=NOW)
            self.rule = rules.add(tx, {
                "on": "cart", "class": "marketing", "name": "1 h", "installation": self.shop, "late": "send",
                "when": {"after": "PT1H"}, "until": {"after": "P3D"}, "body": "Votre panier de {{ total }}",
                "conditions": {"once_per_person": "P7D"}}, NOW)  # fmt: skip

    def agree(self, *numbers: str) -> None:
        with self.suite.database.write(self.workspace) as tx:
            for number in numbers:
                people.start(tx, number, "marketing", "test", {}, NOW)

    def tell(self, *events: Event) -> None:
        with self.suite.database.write(self.workspace) as tx:
            row = installations.get(tx, self.suite.vault, self.shop, self.suite.public_url)
            assert row is not None
            applying.accept(tx, row, events, self.suite.now())

    def cart(self, key: str = "1", number: str | None = ANA, at: datetime | None = None) -> Event:
        return Event(Kind.CART, f"cart/{key}", at or self.suite.now(), zone="Europe/Paris",
                     recipient=Recipient.parse(number) if number else None,
                     values={"total": money("84.70", "EUR")})  # fmt: skip

    def order(self, key: str, number: str) -> Event:
        now = self.suite.now()
        return Event(Kind.ORDER, f"order/{key}", now, start=now, recipient=Recipient.parse(number),
                     values={"status": "confirmed", "total": money("50", "EUR")})  # fmt: skip

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.suite.database.read(self.workspace) as tx:
            return [dict(row) for row in tx.rows(select(table))]

    def measured(self, until: datetime | None = None) -> measuring.Measured:
        now = self.suite.now()
        with self.suite.database.read(self.workspace) as tx:
            return measuring.measure(tx, self.shop, "Rue", NOW - DAY, until or now + DAY, now)


NUMBERS = [f"+3363998{number:04d}" for number in range(200)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Market]:
    """The same market on both databases."""
    there = {}
    if request.param == "postgresql":
        there = {"database_url": request.getfixturevalue("postgres_database")}
    room = Market(tmp_path, **there)
    yield room
    room.suite.database.close()


def test_the_control_group_is_counted_and_the_difference_is_shown_when_the_sample_allows(either: Market) -> None:
    room = either
    room.agree(*NUMBERS)
    with room.suite.database.write(room.workspace) as tx:
        installations.change(tx, room.shop, control_group=30)
        # The shop is not new: its carts of last month are known, so that people are left out from now on.
    old = [room.cart(f"old-{number}", None, NOW - 20 * DAY) for number in range(CONTROL_FROM + 1)]
    room.tell(*old)
    room.tell(*[room.cart(number[-4:], number) for number in NUMBERS])
    left_out = [one for one in NUMBERS if in_control(room.workspace, room.shop, one, 30)]
    assert 30 <= len(left_out) <= 90

    assert len(outbox_of(room)) == len(NUMBERS) - len(left_out)
    room.later(hours=1, minutes=1)
    attributing.run_due(room.suite)
    attributing.run_due(room.suite)
    assert {one.to for one in room.memory.sent} == set(NUMBERS) - set(left_out)
    assert len(room.rows(t.left_out)) == len(left_out)

    room.clock.forward(HOUR)
    nudged = [one for one in NUMBERS if one not in left_out]
    room.tell(*[room.order(one, one) for one in (*nudged[:60], *left_out[:3])])
    early = room.measured()
    assert not early.uplift.enough, "while the window is open, nothing is compared"
    room.clock.forward(DAY)

    done = room.measured()
    totals = done.total()
    assert (totals.sent, totals.left_out, totals.ordered_after, totals.left_out_ordered, totals.recovered) == (
        len(nudged), len(left_out), 60, 3, 0)  # fmt: skip
    assert totals.ordered_after_amount == {"EUR": 60 * 50_000_000}
    assert (done.uplift.nudged, done.uplift.nudged_orders) == (len(nudged), 60)
    assert (done.uplift.control, done.uplift.control_orders) == (len(left_out), 3)
    assert done.uplift.certain
    said = done.as_json("fr")
    assert said["uplift"]["says"]["code"] == "uplift_clear"
    assert said["days"][0]["day"] == "2026-12-01"


def outbox_of(room: Market) -> list[Any]:
    with room.suite.database.read(room.workspace) as tx:
        return list(outbox.listed(tx, outbox.Filter(state=("scheduled",)), limit=500))


def test_nobody_is_left_out_of_a_new_shop(tmp_path: Path) -> None:
    room = Market(tmp_path)
    room.agree(*NUMBERS[:20])
    room.tell(*[room.cart(number[-4:], number) for number in NUMBERS[:20]])

    assert len(outbox_of(room)) == 20


def test_a_rehearsal_leaves_nobody_out_for_the_figures(tmp_path: Path) -> None:
    room = Market(tmp_path, mode="rehearsal")
    room.agree(*NUMBERS)
    room.tell(*[room.cart(number[-4:], number) for number in NUMBERS])
    room.tell(*[room.cart(number[-4:], number, NOW + MINUTE) for number in NUMBERS])
    assert any(row["left_out_at"] for row in room.rows(t.answers))
    room.later(hours=2)
    attributing.run_due(room.suite)

    assert room.rows(t.left_out) == []
    assert not any(row["left_out_at"] for row in room.rows(t.answers))


def test_an_order_while_the_message_is_being_handed_over_is_shown_as_too_late(either: Market) -> None:
    room = either
    room.agree(ANA)
    room.tell(room.cart())
    [waiting] = outbox_of(room)
    room.clock.forward(HOUR + MINUTE)
    with room.suite.database.write() as tx:
        tx.connection.execute(update(t.messages).where(t.messages.c.id == waiting["id"]).values(state="sending"))

    for name in ("1", "2"):
        room.tell(room.order(name, ANA))

    assert room.steps(waiting["id"]).count(("sending", "ordered_while_leaving")) == 1


def test_an_order_between_the_delay_and_the_claim_is_in_time(tmp_path: Path) -> None:
    room = Market(tmp_path)
    room.agree(ANA)
    room.tell(room.cart())
    room.clock.forward(HOUR + MINUTE)
    room.tell(room.order("1", ANA))
    dispatch.run_due(room.suite)

    assert room.memory.sent == []


# ---------------------------------------------------------------------------------------------- replay


def test_past_carts_are_replayed_without_a_trace(tmp_path: Path) -> None:
    room = Market(tmp_path, mode="rehearsal")
    room.agree(*NUMBERS[:40])
    with room.suite.database.write(room.workspace) as tx:
        rules.change(tx, room.rule, {"active": False})
        installations.change(tx, room.shop, control_group=0)
    for number in range(40):
        # In the evening of each second day, so that some wait for the morning.
        room.tell(room.cart(str(number), NUMBERS[number], NOW + number * 6 * HOUR))
    room.tell(room.cart("guest", None, NOW + HOUR), room.cart("no", NUMBERS[50], NOW + HOUR))
    room.clock.forward(30 * MINUTE)
    for number in range(5):
        room.clock.forward(6 * HOUR if number else timedelta())
        room.tell(room.order(str(number), NUMBERS[number]))
    room.clock.forward(14 * DAY)

    before = (room.rows(t.messages), room.rows(t.answers))
    with room.suite.database.read(room.workspace) as tx:
        found = replaying.replay(tx, room.shop, room.suite.now(), 30)
        short = replaying.replay(tx, room.shop, room.suite.now(), 1)

    past = found.past
    assert (room.rows(t.messages), room.rows(t.answers)) == before
    assert (found.chosen, found.active, found.more) == (("1 h",), False, False)
    assert (past.carts, past.reachable, past.ordered_before) == (42, 40, 5)
    assert past.would_have_left == 40 - 5 == past.messages
    assert past.moved > 0
    assert past.cost["EUR"] > 0
    assert (past.reasons["ordered"], past.reasons["no_number"], past.reasons["no_marketing_consent"]) == (5, 1, 1)
    assert short.past.carts == 0


# ---------------------------------------------------------------------------------------------- silence


def test_a_shop_that_falls_silent_is_shown_told_and_forgiven(tmp_path: Path) -> None:
    room = Market(tmp_path)
    with room.suite.database.write(room.workspace) as tx:
        webhooks.add(tx, room.suite.vault, "https://mine.example/hook", ["*"], "whsec_x", NOW)

    def row() -> installations.Row:
        with room.suite.database.read(room.workspace) as tx:
            found = installations.get(tx, room.suite.vault, room.shop, room.suite.public_url)
        assert found is not None
        return found

    def heard() -> None:
        with room.suite.database.write(room.workspace) as tx:
            silence.heard(tx, row(), room.suite.now())

    for _ in range(5 * 12):
        heard()
        room.clock.forward(2 * HOUR)
    assert silence.run_due(room.suite) == 0
    room.clock.forward(DAY)

    assert silence.run_due(room.suite) == 1
    assert row().trouble is not None
    assert row().trouble.sentence("fr").startswith("Cette connexion ne nous parle plus depuis 26 h")  # type: ignore[union-attr]
    room.clock.forward(HOUR)
    assert silence.run_due(room.suite) == 0, "said once"
    with room.suite.database.write(room.workspace) as tx:
        installations.change(tx, room.shop, trouble=None)  # a pull that went well
    room.clock.forward(HOUR)
    assert silence.run_due(room.suite) == 0, "told once"
    assert row().trouble is not None, "and shown until it speaks"

    heard()
    assert row().trouble is None
    assert [one["event"] for one in room.rows(t.deliveries)] == ["installation.silent", "installation.heard_again"]
    assert "installation_silent" in room.notes()


def test_hearing_a_shop_is_written_once_a_minute(tmp_path: Path) -> None:
    room = Market(tmp_path, adapters={"custom_shop": CustomShop(_tools())})
    written: list[str] = []

    def counted(*said: Any) -> None:
        written.append(said[2])

    sqlalchemy_event.listen(room.suite.database.engine, "before_cursor_execute", counted)
    for number in range(5):
        post(room, number)
    assert sum("UPDATE installations" in one for one in written) == 1
    room.clock.forward(MINUTE)
    post(room, 9)
    assert sum("UPDATE installations" in one for one in written) == 2


# ---------------------------------------------------------------------------------------------- a storm


def _tools() -> Tools:
    return Tools({}, {}, lambda *_: None)


def post(room: Market, number: int, carts_there: int = 1) -> None:
    """One signed request for a cart, as a shop sends it, without the network."""
    now = room.suite.now()
    name, total = number % carts_there, 1 + number // carts_there
    cart = {"id": str(name), "total": total, "currency": "EUR", "customer": {"phone": NUMBERS[name]}}
    at = (now + number * timedelta(milliseconds=1)).isoformat()
    body = json.dumps({"id": f"evt-{number}", "type": "cart.updated", "at": at, "cart": cart}).encode()
    stamp = int(now.timestamp())
    headers = (("Relance-Timestamp", str(stamp)), ("Relance-Signature", sign(SECRET, stamp, body)))
    request = Inbound("POST", "https://relance.example/", headers, body, now)
    assert intake.receive(room.suite, "custom_shop", room.shop, request).status == 200


def storm(room: Market, updates: int, carts_there: int) -> tuple[float, list[int]]:
    """Seconds that it took, and the statements of each request."""
    statements: list[int] = []
    counting = Counter[str]()

    def counted(*_: Any) -> None:
        counting["now"] += 1

    sqlalchemy_event.listen(room.suite.database.engine, "before_cursor_execute", counted)
    began = time.perf_counter()
    for number in range(updates):
        counting.clear()
        post(room, number, carts_there)
        statements.append(counting["now"])
    return time.perf_counter() - began, statements


def check_storm(room: Market, updates: int, carts_there: int) -> None:
    with room.suite.database.write(room.workspace) as tx:
        installations.change(tx, room.shop, control_group=0)
    took, statements = storm(room, updates, carts_there)
    print(f"{updates} updates: {1000 * took / updates:.1f} ms and {max(statements)} statements each")

    waiting = outbox_of(room)
    assert len(waiting) == carts_there
    assert len(room.rows(t.messages)) == carts_there
    last = {row["text"] for row in waiting}
    assert last == {f"Votre panier de {updates // carts_there},00 €"}
    # The last ones cost no more than the first: nothing is asked in a loop, and nothing grows with what was told.
    assert max(statements[-10:]) <= max(statements[:carts_there + 10])
    assert max(statements) <= 19


def test_a_storm_of_updates_moves_one_message_for_each_cart(tmp_path: Path) -> None:
    room = Market(tmp_path, adapters={"custom_shop": CustomShop(_tools())})
    room.agree(*NUMBERS[:10])

    check_storm(room, 200, 10)


@pytest.mark.slow
def test_ten_thousand_updates(tmp_path: Path) -> None:
    room = Market(tmp_path, adapters={"custom_shop": CustomShop(_tools())})
    room.agree(*NUMBERS)

    check_storm(room, 10_000, 200)


def test_a_thousand_updates_in_one_batch_are_planned_together(tmp_path: Path) -> None:
    room = Market(tmp_path)
    room.agree(*NUMBERS)
    room.tell(*[room.cart(number[-4:], number) for number in NUMBERS])
    counting: list[str] = []

    def counted(*said: Any) -> None:
        counting.append(said[2])

    sqlalchemy_event.listen(room.suite.database.engine, "before_cursor_execute", counted)
    later = [room.cart(number[-4:], number, NOW + minute * MINUTE) for minute in range(1, 6) for number in NUMBERS]
    room.tell(*later)

    reads = [one for one in counting if one.lstrip().startswith("SELECT")]
    assert len(reads) < 30
    assert {row["due_at"] for row in outbox_of(room)} == {NOW + HOUR + 5 * MINUTE}


def test_a_placeholder_number_of_half_the_guests_does_not_read_them_all(tmp_path: Path) -> None:
    room = Market(tmp_path)
    room.agree(ANA)
    with room.suite.database.write(room.workspace) as tx:
        template = {
            "workspace": room.workspace, "installation": room.shop, "kind": "order", "at": NOW, "digest": "d",
            "start": NOW, "all_day": False, "recipient": ANA, "country": "FR", "line": "mobile", "candidates": [],
            "values": {"status": "confirmed"}, "private": {}, "first_seen": NOW, "backlog": False,
        }  # fmt: skip
        tx.connection.execute(
            insert(t.occasions), [{**template, "id": f"occ_{one}", "key": f"order/{one}"} for one in range(3000)]
        )
    room.tell(room.cart())

    assert outbox_of(room) == []
    with room.suite.database.read(room.workspace) as tx:
        [cart] = carts.past(tx, room.shop, NOW - DAY, NOW + DAY)
        assert len(carts.of_people(tx, [cart], Kind.ORDER, NOW - DAY)) == carts.MOST_OF_PERSONS

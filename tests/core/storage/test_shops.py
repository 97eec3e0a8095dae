"""What the pages of shops and sites read: on both databases, and nothing of a stranger's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from core.contract import Configured, Inbound
from core.domain.errors import Unreadable
from core.domain.events import Closed, Event, Kind
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.secrets import Vault
from core.storage import conversions, inbox, installations, occasions, outbox, people, shops
from core.storage import tables as t
from core.storage.database import Database

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
BEGIN, END = NOW - timedelta(days=30), NOW + timedelta(minutes=1)
ANA, BOB, CHLOE = (Recipient.parse(number) for number in ("+33639980001", "+33639980008", "+33639980009"))
VAULT = Vault((Fernet.generate_key().decode(),))
EUROS = {"total": {"amount": 84_700_000, "currency": "EUR"}}


@pytest.fixture
def shop(database: Database, workspace: str) -> str:
    with database.write(workspace) as tx:
        return installations.add(tx, VAULT, "shop", "Boutique", Configured({}, {}), NOW, zone="Europe/Paris",
                                 country="FR", pulls=False)  # fmt: skip


def told(database: Database, workspace: str, shop: str, *events: Event) -> dict[str, str]:
    """Key → id of what is now known."""
    with database.write(workspace) as tx:
        occasions.apply(tx, shop, events, backlog=False, now=NOW)
        return {one.key: one.id for one in occasions.all_of(tx, shop)}


def nudged(database: Database, workspace: str, shop: str, cart: str, number: str = ANA.number) -> str:
    with database.write(workspace) as tx:
        new = outbox.New(to=number, country="FR", text="Panier", encoding="GSM-7", segments=1, due_at=NOW,
                         message_class=MessageClass.MARKETING, channels=(Channel.SMS,), rule="rul_1", key=f"{cart}/r",
                         installation=shop, occasion=cart)  # fmt: skip
        [message] = outbox.accept(tx, [new], NOW)
        tx.connection.execute(
            t.messages.update().where(t.messages.c.id == message).values(state="delivered", left_at=NOW)
        )
        return message


def test_who_can_be_reached_is_said_by_the_newest_word_of_each_number(
    database: Database, workspace: str, stranger: str, shop: str
) -> None:
    told(database, workspace, shop, Event(Kind.CART, "a", NOW, recipient=CHLOE),
         Event(Kind.ORDER, "b", NOW, recipient=ANA))  # fmt: skip
    proof = {"text": "J'accepte tout.", "place": "caisse"}
    with database.write(workspace) as tx:
        people.start(tx, ANA.number, "marketing", "shop", proof, NOW, installation=shop)
        people.start(tx, BOB.number, "marketing", "shop", proof, NOW, installation=shop)
        # Bob's STOP by SMS came later, from elsewhere.
        people.stop(tx, BOB.number, "all", "reply", {}, NOW + timedelta(hours=1))

    with database.read(workspace) as tx:
        assert shops.reach(tx, shop) == shops.Reach(yes=1, no=1, unknown=1)
        assert [row["proof"] for row in shops.proofs(tx, shop)] == [proof, proof]
        assert shops.reach(tx, "ins_other") == shops.Reach(0, 0, 0)
    with database.read(stranger) as tx:
        assert shops.reach(tx, shop) == shops.Reach(0, 0, 0)
        assert shops.proofs(tx, shop) == []
    with database.write(workspace) as tx:
        people.quarantine(tx, ANA, Reason("dead"), NOW)
        assert shops.reach(tx, shop).yes == 0


def test_each_fate_finds_its_carts_and_a_page_follows_the_other(
    database: Database, workspace: str, stranger: str, shop: str
) -> None:
    ids = told(
        database, workspace, shop,
        *(Event(Kind.CART, key, NOW - timedelta(hours=hours), recipient=ANA, values=EUROS)
          for hours, key in enumerate(("back", "after", "stop", "mute"))),
        Event(Kind.CART, "left", NOW, recipient=BOB, values=EUROS),
        Event(Kind.CART, "emptied", NOW, Closed.DELETED, recipient=BOB, values=EUROS),
        Event(Kind.CART, "done", NOW, Closed.DONE, recipient=BOB, values=EUROS),
        Event(Kind.CART, "old", BEGIN - timedelta(days=1), recipient=BOB, values=EUROS),
    )  # fmt: skip
    back, after, stop = (nudged(database, workspace, shop, ids[key]) for key in ("back", "after", "stop"))
    with database.write(workspace) as tx:
        same = {"installation": shop, "rule": "rul_1", "at": NOW, "nudged_at": NOW, "amount": 1, "currency": "EUR"}
        conversions.put(tx, [
            {**same, "purchase": "o1", "cart": ids["back"], "message": back, "kind": "click"},
            {**same, "purchase": "o2", "cart": ids["after"], "message": after, "kind": "after"},
        ], [])  # fmt: skip
        tx.connection.execute(t.left_out.insert().values(
            cart=ids["left"], workspace=workspace, installation=shop, rule="rul_1", at=NOW))  # fmt: skip
        tx.connection.execute(t.clicks.insert().values(id="clk", workspace=workspace, link="l", message=back, at=NOW))
        tx.connection.execute(t.replies.insert().values(
            id="rep", workspace=workspace, number=ANA.number, to="38555", text="STOP", at=NOW, received_at=NOW,
            provider_ref="r", message=stop, meaning="stop"))  # fmt: skip

    def keys(fate: str = "", **more: Any) -> set[str]:
        with database.read(workspace) as tx:
            return {one.key for one in shops.carts(tx, shop, BEGIN, END, fate=fate, **more)}

    assert keys("recovered") == {"back"}
    assert keys("after") == {"after"}
    assert keys("clicked") == {"back"}
    assert keys("stopped") == {"stop"}
    assert keys("nudged") == {"back", "after", "stop"}
    assert keys("left_out") == {"left"}
    assert keys("emptied") == {"emptied"}
    assert keys("ordered") == {"done"}
    assert keys("silent") == {"mute", "left"}
    assert "old" not in keys()
    with database.read(workspace) as tx:
        assert shops.tallied(tx, shop, BEGIN, END, shops.FATES) == {fate: len(keys(fate)) for fate in shops.FATES}
        first = shops.carts(tx, shop, BEGIN, END, limit=4)
        second = shops.carts(tx, shop, BEGIN, END, limit=4, after=first[-1].id)
        assert {one.key for one in (*first, *second)} == keys()
        around = shops.around(tx, ids.values())
        assert around.clicks == {back: [NOW]}
        assert around.stopped == {stop}
        assert set(around.left_out) == {ids["left"]}
        assert shops.currencies(tx, shop, BEGIN) == ["EUR"]
    with database.read(stranger) as tx:
        assert shops.carts(tx, shop, BEGIN, END) == []
        assert shops.around(tx, ids.values()).messages == {}
        assert shops.currencies(tx, shop, BEGIN) == []


def test_orders_by_status_and_forms_by_how_often_they_were_filled(
    database: Database, workspace: str, stranger: str, shop: str
) -> None:
    form = {"form": "cf7-12", "title": "Contact", "what": "form", "audience": "visitor"}
    told(
        database, workspace, shop,
        Event(Kind.ORDER, "1", NOW, recipient=ANA, values={"status": "shipped"}),
        Event(Kind.ORDER, "2", NOW, recipient=BOB, values={"status": "shipped"}),
        Event(Kind.ORDER, "3", NOW, recipient=BOB, values={"status": "ready"}),
        Event(Kind.FORM, "f1", NOW, recipient=ANA, values=form),
        Event(Kind.FORM, "f2", NOW, trouble=Reason("no_number"), values=form),
        Event(Kind.FORM, "alert", NOW, recipient=BOB, values={**form, "audience": "owner"}),
    )  # fmt: skip

    with database.read(workspace) as tx:
        assert shops.statuses(tx, shop, BEGIN) == {"shipped": 2, "ready": 1}
        assert [one.key for one in shops.newest(tx, shop, [Kind.ORDER], BEGIN, status="ready")] == ["3"]
        [found] = shops.forms(tx, shop, BEGIN)
        assert (found.id, found.title, found.filled, found.with_number, found.last) == ("cf7-12", "Contact", 2, 1, NOW)
        assert shops.kinds(tx, shop, BEGIN)["form", "form"] == 3
    with database.read(stranger) as tx:
        assert shops.statuses(tx, shop, BEGIN) == {}
        assert shops.forms(tx, shop, BEGIN) == []
        assert shops.kinds(tx, shop, BEGIN) == {}
        assert shops.newest(tx, shop, [Kind.ORDER], BEGIN) == []


def test_what_came_is_counted_by_day_and_by_whether_it_was_read(
    database: Database, workspace: str, stranger: str, shop: str
) -> None:
    with database.write(workspace) as tx:
        for hours, state in ((1, "read"), (2, "read"), (30, "unreadable")):
            request = Inbound("POST", "https://x.example", (), str(hours).encode(), NOW - timedelta(hours=hours))
            inbox.keep(tx, request, "shop", state, installation=shop, trouble=Unreadable("x").reason)
        assert shops.by_day(tx, shop, NOW - timedelta(days=2), NOW) == {(1, "read"): 2, (0, "unreadable"): 1}
    with database.read(stranger) as tx:
        assert shops.by_day(tx, shop, NOW - timedelta(days=2), NOW) == {}

"""Any interleaving of carts, orders, refusals and time, on a real outbox.

Whatever happened, each step nudges about a cart once at most, nobody is nudged after an order or a refusal that we had
heard of, one person hears of one cart in a week, and hearing the whole history again, doubled and shuffled, changes
nothing. The oracle below is its own, and much simpler than what it judges.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.contract import Configured, ConsentWord
from core.domain.events import Closed, Event, Kind
from core.domain.recipients import Recipient
from core.engine import applying, attributing, consenting, dispatch
from core.storage import installations, occasions, outbox, people, rules
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

SETTLES = timedelta(minutes=2)
STEPS = (
    {"name": "1 h", "when": {"after": "PT1H"}, "until": {"after": "P3D"}, "body": "Panier {{ number }}"},
    {"name": "24 h", "when": {"after": "PT24H"}, "until": {"after": "P4D"}, "body": "Toujours {{ number }}"},
)
EMAILS = {ANA: "ana@example.org", BOB: "bob@example.org"}
shops = st.sampled_from([0, 1])
people_ = st.sampled_from([ANA, BOB])
cart_keys = st.sampled_from(["cart/1", "cart/2"])
ways = st.sampled_from(["number", "email", "cart"])
late = st.sampled_from([0, 0, 0, 1, 30, 90, 60 * 20])


class Street(EngineRoom):
    """Two live shops of one company, two steps each."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shops = []
        with self.suite.database.write(self.workspace) as tx:
            for name in ("Rue", "Place"):
                shop = installations.add(tx, self.suite.vault, "shop", name, Configured({}, {}), NOW,
                                         zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
                installations.change(tx, shop, mode="live", live_since=NOW, control_group=0)
                self.shops.append(shop)
                for step in STEPS:
                    rules.add(tx, {"on": "cart", "class": "marketing", "installation": shop, "late": "send",
                                   "conditions": {"once_per_person": "P7D"}, **step}, NOW)  # fmt: skip
            for number in (ANA, BOB):
                people.start(tx, number, "marketing", "test", {}, NOW)


class AnyCart(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.room = Street(self.folder)
        self.told: list[tuple[int, Event]] = []
        self.moments = 0
        self.refused: set[str] = set()
        self.judged = 0

    def teardown(self) -> None:
        self.room.suite.database.close()
        shutil.rmtree(self.folder)

    def tell(self, shop: int, events: list[Event]) -> None:
        suite = self.room.suite
        with suite.database.write(self.room.workspace) as tx:
            row = installations.get(tx, suite.vault, self.room.shops[shop], suite.public_url)
            assert row is not None
            applying.accept(tx, row, events, suite.now())

    def happened(self, minutes_ago: int) -> datetime:
        """No two things happen at the same moment."""
        self.moments += 1
        return self.room.suite.now() - timedelta(minutes=minutes_ago) + timedelta(microseconds=self.moments)

    # ------------------------------------------------------------------ what happens

    @initialize(shop=shops, who=people_, left=st.booleans())
    def begins(self, shop: int, who: str, left: bool) -> None:
        self.cart_changes(shop, "cart/1", who, 0, False)
        if left:
            self.time_goes_by(62)

    @rule(shop=shops, key=cart_keys, who=people_, minutes=late, guest=st.booleans())
    def cart_changes(self, shop: int, key: str, who: str, minutes: int, guest: bool) -> None:
        event = Event(Kind.CART, key, self.happened(minutes), zone="Europe/Paris", recipient=Recipient.parse(who),
                      values={"number": key}, email=None if guest else EMAILS[who])  # fmt: skip
        self.told.append((shop, event))
        self.tell(shop, [event])

    @rule(shop=shops, key=cart_keys, who=people_, minutes=st.sampled_from([62, 62, 60 * 25]))
    def a_cart_is_left(self, shop: int, key: str, who: str, minutes: int) -> None:
        """What leads to a nudge, since of all interleavings few do."""
        self.cart_changes(shop, key, who, 0, False)
        self.time_goes_by(minutes)

    @rule(shop=shops, key=cart_keys, minutes=late)
    def cart_is_emptied(self, shop: int, key: str, minutes: int) -> None:
        event = Event(Kind.CART, key, self.happened(minutes), Closed.DELETED)
        self.told.append((shop, event))
        self.tell(shop, [event])

    @rule(shop=shops, name=st.sampled_from("abc"), who=people_, minutes=late, by=ways,
          key=cart_keys, status=st.sampled_from(["confirmed", "confirmed", "failed", "shipped"]))  # fmt: skip
    def order_changes(self, shop: int, name: str, who: str, minutes: int, by: str, key: str, status: str) -> None:
        key_of = f"order/{name}"
        known = [one for where, one in self.told if where == shop and one.key == key_of]
        at = self.happened(minutes)
        event = Event(Kind.ORDER, key_of, at, start=known[0].start if known else at,
                      recipient=Recipient.parse(who) if by == "number" else None, values={"status": status},
                      email=EMAILS[who] if by == "email" else None,
                      closes=(key,) if by == "cart" and status != "failed" else ())  # fmt: skip
        self.told.append((shop, event))
        self.tell(shop, [event])

    @rule(minutes=st.sampled_from([20, 61, 60 * 8, 60 * 25, 60 * 24 * 8]))
    def time_goes_by(self, minutes: int) -> None:
        """In steps, as a clock does: what is due leaves when it is due."""
        left = minutes
        while left > 0:
            step = min(left, 60 * 6)
            self.room.clock.forward(timedelta(minutes=step))
            left -= step
            self.leaves()

    @rule()
    def leaves(self) -> None:
        dispatch.run_due(self.room.suite)
        attributing.run_due(self.room.suite)
        self.judge()

    @rule(shop=shops, who=people_)
    def somebody_refuses(self, shop: int, who: str) -> None:
        word = ConsentWord(False, self.room.suite.now(), number=who)
        with self.room.suite.database.write(self.room.workspace) as tx:
            consenting.take(tx, self.room.shops[shop], [word], self.room.suite.now())
        self.refused.add(who)

    @rule(seed=st.integers(0, 1000))
    def the_whole_history_comes_again_in_any_order(self, seed: int) -> None:
        before = self.picture()
        again = self.told * 2
        random.Random(seed).shuffle(again)
        for shop, event in again:
            self.tell(shop, [event])
        assert self.picture() == before

    # ------------------------------------------------------------------ what holds

    def judge(self) -> None:
        """Each nudge that has just left, against what had been told by then."""
        for sent in self.room.memory.sent[self.judged :]:
            row = self.room.message(sent.reference.partition(".")[0])
            shop = self.room.shops.index(row["installation"])
            with self.room.suite.database.read(self.room.workspace) as tx:
                cart = occasions.get(tx, row["occasion"])
            assert cart is not None
            last = max((one for where, one in self.told if where == shop and one.key == cart.key),
                       key=lambda one: one.at)  # fmt: skip
            assert last.closed is None, "an emptied cart is not nudged"
            assert last.recipient is not None
            assert last.recipient.number == sent.to
            assert sent.to not in self.refused
            for where, order in self.orders():
                same = order.recipient == last.recipient or (order.email is not None and order.email == last.email)
                own = where == shop and cart.key in order.closes
                assert not (same or own) or order.start is None or order.start < last.at - SETTLES
        self.judged = len(self.room.memory.sent)

    def orders(self) -> list[tuple[int, Event]]:
        """The orders as they were told last, without those that failed. One that named a cart named it for good."""
        newest: dict[tuple[int, str], Event] = {}
        for shop, one in self.told:
            if one.kind is Kind.ORDER:
                before = newest.get((shop, one.key))
                newest[shop, one.key] = one if before is None or one.at > before.at else before
        return [(shop, one) for (shop, _), one in newest.items() if one.values["status"] != "failed"]

    @invariant()
    def each_step_nudges_once_about_a_cart(self) -> None:
        said = Counter(one["key"] + one["installation"] for one in self.sent())
        assert set(said.values()) <= {1}

    @invariant()
    def one_person_hears_of_one_cart_in_a_week(self) -> None:
        rows = self.sent()
        for one in rows:
            near = {
                other["occasion"] for other in rows
                if other["to"] == one["to"] and abs(other["left_at"] - one["left_at"]) < timedelta(days=6)
            }  # fmt: skip
            assert len(near) == 1

    def sent(self) -> list[dict[str, object]]:
        return [self.room.message(one.reference.partition(".")[0]) for one in self.room.memory.sent]

    def picture(self) -> tuple[object, ...]:
        with self.room.suite.database.read(self.room.workspace) as tx:
            known = {
                (one.installation, one.key): replace(one, first_seen=None) for one in occasions.listed(tx, limit=50)
            }
            messages = [(row["id"], row["state"], row["due_at"], row["text"], row["to"])
                        for row in outbox.listed(tx, outbox.Filter(), limit=500)]  # fmt: skip
        return known, messages


TestAnyCart = AnyCart.TestCase
TestAnyCart.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip

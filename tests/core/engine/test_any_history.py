"""Any history: calendar changes in any order, edited rules, answers, receipts, doubts and time, on a real outbox.

Whatever happened, nobody was written to twice about the same thing, nothing waits that no rule wants, every appointment
has an answer from every rule, and reading the whole history again, shuffled, changes nothing.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select

from core.contract import Configured, PhoneReply, Receipt, TryLater, Uncertain
from core.domain.events import Closed, Event, Kind
from core.domain.messages import WAITING, State
from core.domain.planning import Send
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.sentences import SENTENCES
from core.engine import applying, dispatch, doubting, feedback, scheduling
from core.storage import installations, ledger, occasions, outbox, rules, tally
from core.storage import tables as t
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

WHY = Reason("provider_busy")
RULES = (
    {"name": "La veille", "when": {"days": -1, "at": "18:00"}, "body": "Rappel {{ start }}", "asks": True},
    {"name": "Avant", "when": {"before": "PT2H"}, "body": "A bientôt {{ start }}"},
    {"name": "Déplacé", "when": {"change": "moved"}, "body": "Nouvelle heure {{ start }}"},
    {"name": "Annulé", "when": {"change": "cancelled"}, "body": "Annulé : {{ start }}"},
)
WHENS = ({"days": -1, "at": "18:00"}, {"days": -1, "at": "09:00"}, {"before": "PT26H"}, {"before": "PT2H"})
SAYS_ENOUGH = frozenset({"scheduled", "sending", "sent", "delivered", "read"})
"""States that need no reason."""
keys = st.sampled_from(["visit-1", "visit-2", "visit-3"])
numbers = st.sampled_from([ANA, BOB, None])
closes = st.sampled_from([None, None, None, Closed.CANCELLED, Closed.DELETED, Closed.SILENCED])


class Practice(EngineRoom):
    """One live diary, four rules."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with self.suite.database.write(self.workspace) as tx:
            self.installation = installations.add(tx, self.suite.vault, "diary", "Agenda", Configured({}, {}), NOW,
                                                  zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
            installations.change(tx, self.installation, mode="live", live_since=NOW)
            common = {"on": "appointment", "class": "transactional", "installation": self.installation}
            self.rules = [rules.add(tx, {**common, **one}, NOW) for one in RULES]


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.room = Practice(self.folder)
        self.events: list[Event] = []
        self.replies = 0

    def teardown(self) -> None:
        self.room.suite.database.close()
        shutil.rmtree(self.folder)

    def tell(self, events: list[Event]) -> None:
        suite = self.room.suite
        with suite.database.write(self.room.workspace) as tx:
            row = installations.get(tx, suite.vault, self.room.installation, suite.public_url)
            assert row is not None
            applying.accept(tx, row, events, suite.now())

    # ------------------------------------------------------------------ what happens

    @initialize(number=numbers, hours=st.integers(20, 60))
    def begins(self, number: str | None, hours: int) -> None:
        self.snapshot("visit-1", number, hours, None, 0, False)

    @rule(key=keys, number=numbers, hours=st.integers(-2, 80), closed=closes, late=st.integers(0, 90),
          bare=st.booleans())  # fmt: skip
    def snapshot(self, key: str, number: str | None, hours: int, closed: Closed | None, late: int, bare: bool) -> None:
        """The diary says how an appointment is, or was `late` minutes ago; `bare`: only that it is gone."""
        now = self.room.suite.now()
        start = now.replace(minute=0) + timedelta(hours=hours)
        event = Event(Kind.APPOINTMENT, key, now - timedelta(minutes=late), closed, start, start + timedelta(hours=1),
                      "Europe/Paris", recipient=Recipient.parse(number) if number else None,
                      trouble=None if number else Reason("no_number"), values={"title": "Consultation"})
        if bare and closed is not None:
            event = Event(Kind.APPOINTMENT, key, event.at, closed)
        self.events.append(event)
        self.tell([event])

    @rule(minutes=st.sampled_from([1, 10, 60, 60 * 7, 60 * 24]))
    def time_goes_by(self, minutes: int) -> None:
        self.room.clock.forward(timedelta(minutes=minutes))

    @rule(number=st.sampled_from([ANA, BOB]), outcome=st.sampled_from(["taken", "lost", "later"]))
    def the_line_is_bad(self, number: str, outcome: str) -> None:
        said = TryLater(timedelta(seconds=30), WHY) if outcome == "later" else Uncertain(WHY)
        self.room.memory.script(number, said, takes=outcome == "taken")

    @rule()
    def what_is_due_leaves(self) -> None:
        dispatch.run_due(self.room.suite)

    @rule()
    def what_is_in_doubt_is_asked_about(self) -> None:
        doubting.look_up_due(self.room.suite)

    @rule(which=st.integers(0, 3), when=st.sampled_from(WHENS), active=st.booleans(), words=st.sampled_from(["", " !"]))
    def a_rule_is_edited(self, which: int, when: dict[str, object], active: bool, words: str) -> None:
        changes: dict[str, object] = {"active": active, "body": str(RULES[which]["body"]) + words}
        if which < 2:
            changes["when"] = when
        suite = self.room.suite
        with suite.database.write(self.room.workspace) as tx:
            rules.change(tx, self.room.rules[which], changes)
            scheduling.replan_open(tx, suite.now(), scheduling.live_installations(tx))

    @rule(number=st.sampled_from([ANA, BOB]), text=st.sampled_from(["OUI", "NON", "STOP", "START", "A", "merci"]))
    def somebody_answers(self, number: str, text: str) -> None:
        self.replies += 1
        suite = self.room.suite
        reply = PhoneReply(number, "38555", text, suite.now(), f"reply-{self.replies}")
        for _ in range(2):
            with suite.database.write(self.room.workspace) as tx:
                feedback.take_reply(suite, tx, self.room.account, reply)

    @rule(state=st.sampled_from([State.SENT, State.DELIVERED, State.READ, State.FAILED]), pick=st.integers(0, 50))
    def a_receipt_comes(self, state: State, pick: int) -> None:
        if not self.room.memory.sent:
            return
        suite = self.room.suite
        sent = self.room.memory.sent[pick % len(self.room.memory.sent)]
        receipt = Receipt(f"mem_{sent.reference}", state, str(state), suite.now(), sent.reference)
        with suite.database.write(self.room.workspace) as tx:
            feedback.take_receipts(suite, tx, self.room.account, [receipt])

    # ------------------------------------------------------------------ what holds

    @invariant()
    def nobody_is_written_to_twice_about_the_same(self) -> None:
        references = Counter(one.reference for one in self.room.memory.sent)
        assert set(references.values()) <= {1}
        with self.room.suite.database.read(self.room.workspace) as tx:
            rows = outbox.by_ids(tx, list(references))
        about = Counter((row["key"], row["about"], row["to"]) for row in rows.values() if row["key"])
        assert set(about.values()) <= {1}, about

    @invariant()
    def nothing_waits_that_no_rule_wants(self) -> None:
        suite = self.room.suite
        with suite.database.read(self.room.workspace) as tx:
            found = {one.id: one for one in occasions.listed(tx, limit=50)}
            waiting = [row for row in outbox.listed(tx, outbox.Filter(state=tuple(map(str, WAITING)))) if row["key"]]
            plans = {one.occasion.id: one for one in scheduling.planned(tx, list(found.values()), suite.now())}
        for row in waiting:
            [answer] = [one for one in plans[row["occasion"]].answers if one.rule == row["rule"]]
            on_its_way = row["wanted_at"] <= suite.now() and row["due_at"] <= suite.now() + timedelta(days=1)
            assert isinstance(answer, Send) or (answer.reason.code in ("moment_over", "too_late") and on_its_way)
        # No two that say the same.
        assert len({(row["key"], row["to"]) for row in waiting}) == len(waiting)

    @invariant()
    def every_rule_has_answered_about_every_appointment(self) -> None:
        with self.room.suite.database.read(self.room.workspace) as tx:
            active = {row["id"] for row in rules.rows(tx) if row["active"]}
            said = {(row.occasion, row.rule) for row in tx.connection.execute(select(t.answers))}
            ids = {one.id for one in occasions.listed(tx, limit=50)}
        assert {(occasion, one) for occasion in ids for one in active} <= said

    @invariant()
    def every_message_says_how_it_came_to_be_where_it_is(self) -> None:
        with self.room.suite.database.read(self.room.workspace) as tx:
            for row in outbox.listed(tx, outbox.Filter(), limit=500):
                steps, attempts = ledger.history(tx, row["id"])
                moments = [one["at"] for one in steps]
                assert moments == sorted(moments)
                if row["state"] != "scheduled":
                    assert steps[-1]["state"] == row["state"]
                for one in steps:
                    code = one["reason"] and one["reason"]["code"]
                    assert code in SENTENCES if code else one["state"] in SAYS_ENOUGH, (row["id"], dict(one))
                assert sum(one["outcome"] == "accepted" for one in attempts) <= 1

    @invariant()
    def what_is_counted_is_what_the_ledger_holds(self) -> None:
        a, m = t.attempts.c, t.messages.c
        with self.room.suite.database.read() as tx:
            held = Counter({
                ("attempts", row.provider, row.channel, row[2], row.outcome): row[4]
                for row in tx.connection.execute(
                    select(a.provider, a.channel, m["class"], a.outcome, func.count())
                    .join_from(t.attempts, t.messages, m.id == a.message)
                    .group_by(a.provider, a.channel, m["class"], a.outcome))})
            counted = Counter({key: number for key, number in tally.read(tx).items() if key[0] == "attempts"})
        assert counted == held

    @rule(seed=st.integers(0, 1000))
    def the_whole_history_comes_again_in_any_order(self, seed: int) -> None:
        """A lost cursor, a replayed inbox: the same plan, and no step."""
        before = self.picture()
        again = self.events * 2
        random.Random(seed).shuffle(again)
        for first in range(0, len(again), 3):
            self.tell(again[first : first + 3])
        assert self.picture() == before

    def picture(self) -> tuple[object, ...]:
        with self.room.suite.database.read(self.room.workspace) as tx:
            known = {one.key: replace(one, first_seen=None) for one in occasions.listed(tx, limit=50)}
            messages = [(row["id"], row["state"], row["due_at"], row["text"], row["to"])
                        for row in outbox.listed(tx, outbox.Filter(), limit=500)]
        return known, messages


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip

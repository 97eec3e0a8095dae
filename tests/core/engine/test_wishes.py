"""A platform that asks for messages itself: it is answered at once, asked again before they leave, and told the end."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from core.contract import (
    Adapter,
    Answers,
    Asks,
    Batch,
    CallOff,
    Configured,
    ConsentWord,
    Erasure,
    Inbound,
    Installation,
    KeepsConsent,
    LooksAgain,
    Manifest,
    Merge,
    Option,
    PhoneReply,
    Question,
    Reading,
    Receipt,
    Reply,
    Report,
    ReportsInBatches,
    Result,
    Shared,
    SharedSecret,
)
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow
from core.domain.events import Closed, Event, Kind, Wish
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import erasing, feedback, housekeeping, intake, looking, reporting, scheduling, simulation
from core.storage import installations, occasions, people, rules
from core.storage import tables as t
from core.suite import build_suite
from tests.support.engine_room import ANA, BOB, NOW, EngineRoom

URL = "https://relance.example/hooks/flows"


class Flows(Shared, Answers, Asks, LooksAgain, ReportsInBatches, KeepsConsent):
    """A workflow platform in forty lines: JSON in, JSON out."""

    manifest = Manifest("flows", "Flows", (SharedSecret("x"),), frozenset({Kind.REQUEST}), single_address=True)
    looks_again_at = frozenset({Kind.REQUEST})
    report_size = 2

    def __init__(self) -> None:
        self.told: list[list[Report]] = []
        self.troubles: deque[Exception] = deque()
        self.looks: deque[Batch | Exception] = deque()
        self.looked: list[set[str]] = []

    def verify_shared(self, request: Inbound) -> None:
        if request.optional_header("x-proof") != "good":
            raise NotAuthentic("no proof")

    def verify(self, request: Inbound, installation: Installation) -> None:
        self.verify_shared(request)

    def portions(self, request: Inbound) -> Sequence[tuple[str, Inbound]]:
        parts = json.loads(request.body)
        return [(one["account"], inbound(**one)) for one in parts] if isinstance(parts, list) else [
            (parts["account"], request)
        ]

    def stranger(self, request: Inbound) -> Reply:
        return Reply(200, b"not connected")

    def question(self, request: Inbound, installation: Installation) -> Question | None:
        said = json.loads(request.body)
        return Question(**said["question"]) if "question" in said else None

    def options(
        self, request: Inbound, question: Question, found: Sequence[Option], after: str | None, trouble: Reason | None
    ) -> Reply:
        said = {"options": [one.id for one in found], "after": after, "trouble": trouble and trouble.code}
        return Reply(200, json.dumps(said).encode())

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        said = json.loads(request.body)
        events = tuple(
            Event(Kind.REQUEST, f"run/{one['run']}", _moment(one) or request.received_at, subject=one.get("who"),
                  recipient=Recipient.parse(one["to"]) if one.get("to") else None,
                  values={"first_name": "Ana"}, wish=Wish(**one["wish"]))
            for one in said.get("runs", ())
        )  # fmt: skip
        words = tuple(ConsentWord(at=request.received_at, **one) for one in said.get("consents", ()))
        return Reading(
            events, consents=words,
            calls_off=tuple(CallOff(**{**one, "at": _moment(one)}) for one in said.get("calls_off", ())),
            merges=tuple(Merge(**one) for one in said.get("merges", ())),
            erasures=tuple(Erasure(**one) for one in said.get("erasures", ())),
            gone=said.get("gone", False),
        )  # fmt: skip

    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        said = [[str(one.state), one.reason and one.reason.code, one.message_id] for one in results]
        return Reply(200, json.dumps(said).encode())

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        self.looked.append(set(keys))
        said = self.looks.popleft() if self.looks else Batch()
        if isinstance(said, Exception):
            raise said
        return said

    def wants(self, installation: Installation) -> bool:
        return True

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        raise AssertionError("told in batches")

    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        if self.troubles:
            raise self.troubles.popleft()
        self.told.append(list(reports))
        return [None] * len(reports)


def _moment(said: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(said["at"]) if said.get("at") else None


def inbound(proof: str = "good", at: datetime = NOW, **said: Any) -> Inbound:
    return Inbound("POST", URL, (("X-Proof", proof),), json.dumps(said).encode(), at)


def run(number: int, to: str | None = ANA, **wish: Any) -> dict[str, Any]:
    return {"run": number, "to": to, "who": f"person/{number}",
            "wish": {"klass": "transactional", "body": "Bonjour {{ first_name }}", "campaign": "flow 7", **wish}}


class Place(EngineRoom):
    """The platform's account "acme", connected and live."""

    def __init__(self, folder: Path, *others: Adapter) -> None:
        self.platform = Flows()
        super().__init__(folder, adapters={"flows": self.platform, **{one.manifest.slug: one for one in others}})
        with self.suite.database.write(self.workspace) as tx:
            self.installation = installations.add(
                tx, self.suite.vault, "flows", "Flows", Configured({}, {}, account="acme"), NOW,
                zone="Europe/Paris", country="FR", pulls=False,
            )  # fmt: skip
            installations.change(tx, self.installation, mode="live", live_since=NOW)

    def hear(self, **said: Any) -> Any:
        reply = intake.receive(self.suite, "flows", None, inbound(account="acme", at=self.suite.now(), **said))
        return json.loads(reply.body) if reply.body.startswith((b"[", b"{")) else reply.body.decode()

    def leave(self) -> int:
        """What is due is asked about, and leaves."""
        left = self.later(seconds=1)
        looking.run_due(self.suite)
        return left + self.later(seconds=1)

    def told(self) -> list[tuple[str, str | None, str | None]]:
        reporting.run_due(self.suite)
        said = [one for many in self.platform.told for one in many]
        return [(one.occasion_key, one.state and str(one.state), one.reason and one.reason.code) for one in said]

    def rows(self, table: Table) -> list[Mapping[str, Any]]:
        with self.suite.database.read() as tx:
            return tx.rows(table.select())

    def says(self, text: str, number: str = ANA) -> None:
        with self.suite.database.write(self.workspace) as tx:
            reply = PhoneReply(number, "38555", text, self.suite.now(), f"ref-{text}-{number}")
            feedback.take_reply(self.suite, tx, self.account, reply)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.suite.database.close()


def test_a_wish_is_answered_asked_about_sent_and_told(place: Place) -> None:
    [[state, why, message]] = place.hear(runs=[run(1)])
    assert (state, why) == ("scheduled", None)
    place.leave()
    assert [one.text for one in place.memory.sent] == ["Bonjour Ana"]
    assert place.platform.looked == [{"run/1"}]
    assert place.message(message)["campaign"] == "flow 7"
    assert place.steps(message) == [("held", "asking_platform"), ("scheduled", "platform_confirms"), ("sent", None)]
    assert place.told() == [("run/1", "sent", None)]
    assert place.told() == [("run/1", "sent", None)], "told once"


def test_what_may_not_leave_is_an_answer_a_kept_message_and_a_report(place: Place) -> None:
    odd = (run(3, body="{{ nothing }}"), run(4, klass="x"))
    said = place.hear(runs=[run(1, klass="marketing"), run(2, to=None), *odd])
    assert [one[:2] for one in said] == [
        ["suppressed", "no_marketing_consent"], ["suppressed", "no_number"],
        ["suppressed", "missing_value"], ["suppressed", "wish_unreadable"],
    ]  # fmt: skip
    assert all(place.state(one[2]) == "suppressed" for one in said)
    assert sorted(place.told()) == [(f"run/{number}", "suppressed", said[number - 1][1]) for number in range(1, 5)]
    assert [len(many) for many in place.platform.told] == [2, 2], "in calls of the size that the platform takes"


def test_a_refused_wish_stays_refused_when_the_consent_comes_later(place: Place) -> None:
    """The workflow was told and has gone on."""
    place.hear(runs=[run(1, klass="marketing")])
    place.hear(consents=[{"granted": True, "number": ANA}])
    place.leave()
    assert place.memory.sent == []


def test_the_same_request_twice_is_one_message_and_the_same_answer(place: Place) -> None:
    first = place.hear(runs=[run(1), run(2, to=BOB)])
    place.later(minutes=20)
    assert place.hear(runs=[run(1), run(2, to=BOB)])[0][2] == first[0][2]
    place.leave()
    assert len(place.memory.sent) == 2


def test_in_rehearsal_nothing_leaves_and_the_platform_is_not_kept_waiting(place: Place) -> None:
    with place.suite.database.write(place.workspace) as tx:
        installations.change(tx, place.installation, mode="rehearsal")
    assert [one[:2] for one in place.hear(runs=[run(1)])] == [["suppressed", "in_rehearsal"]]
    assert place.told() == [("run/1", "suppressed", "in_rehearsal")]
    with place.suite.database.write(place.workspace) as tx:
        installations.change(tx, place.installation, mode="live")
        scheduling.replan_open(tx, place.suite.now(), scheduling.live_installations(tx))
    place.leave()
    assert place.memory.sent == [], "a rehearsal that ends sends nothing of what was asked for meanwhile"


def test_at_a_wall_time_and_with_a_template(place: Place) -> None:
    with place.suite.database.write(place.workspace) as tx:
        rules.save_template(tx, "welcome", "fr", "Bienvenue {{ first_name }}", NOW)
    wall = datetime(2026, 12, 2, 10, 30)
    event = Event(Kind.REQUEST, "run/9", NOW, recipient=Recipient.parse(ANA), zone="Europe/Paris",
                  values={"first_name": "Ana"}, wish=Wish("transactional", template="welcome", wall=wall))  # fmt: skip
    with place.suite.database.write(place.workspace) as tx:
        [one] = occasions.apply(tx, place.installation, [event], backlog=False, now=NOW)
        scheduling.replan(tx, [one], NOW, {place.installation: True})
        [row] = tx.rows(t.messages.select())
    assert row["due_at"].isoformat() == "2026-12-02T09:30:00+00:00"
    assert row["text"] == "Bienvenue Ana"


def test_the_platform_calls_off_what_waits_for_a_person(place: Place) -> None:
    later = {"at": NOW + timedelta(days=1)}
    event = [Event(Kind.REQUEST, f"run/{one}", NOW, recipient=Recipient.parse(ANA), subject="person/1",
                   wish=Wish("transactional", "Bonjour", campaign=f"flow {one}", **later)) for one in (1, 2)]
    with place.suite.database.write(place.workspace) as tx:
        found = occasions.apply(tx, place.installation, event, backlog=False, now=NOW)
        scheduling.replan(tx, found, NOW, {place.installation: True})
    place.hear(calls_off=[{"subject": "person/1", "campaign": "flow 1"}])
    assert place.told() == [("run/1", "cancelled", "called_off_there")]
    with place.suite.database.write(place.workspace) as tx:
        scheduling.replan_open(tx, NOW, {place.installation: True})
    place.hear(calls_off=[{"subject": "person/1"}])
    place.later(days=1)
    place.leave()
    assert place.memory.sent == []


AT_ONE, AT_TWO = NOW.isoformat(), (NOW + timedelta(milliseconds=40)).isoformat()


def test_what_was_called_off_before_we_heard_of_it_does_not_leave(place: Place) -> None:
    place.hear(calls_off=[{"subject": "person/1", "campaign": "flow 7", "at": AT_TWO}])

    place.hear(runs=[{**run(1), "at": AT_ONE}])

    place.leave()
    assert place.memory.sent == []
    assert place.told() == [("run/1", "cancelled", "called_off_there")]


def test_a_number_is_called_off_before_its_wish_too(place: Place) -> None:
    place.hear(calls_off=[{"number": ANA, "at": AT_TWO}])

    place.hear(runs=[{**run(1), "at": AT_ONE}, {**run(2, to=BOB), "at": AT_ONE}])

    place.leave()
    assert [one.to for one in place.memory.sent] == [BOB]


def test_what_is_asked_for_after_the_calling_off_leaves(place: Place) -> None:
    """As a flow does that first calls off what there may be, and then sends."""
    place.hear(calls_off=[{"subject": "person/1", "at": AT_ONE}])

    place.hear(runs=[{**run(1), "at": AT_TWO}])

    place.leave()
    assert len(place.memory.sent) == 1


@pytest.mark.parametrize("called", [
    {"subject": "person/1", "campaign": "flow 8", "at": AT_TWO}, {"subject": "person/2", "at": AT_TWO},
    {"subject": "person/1"},
], ids=["another flow", "somebody else", "nobody knows when"])  # fmt: skip
def test_a_calling_off_ends_what_it_meant_and_no_more(place: Place, called: Mapping[str, str]) -> None:
    place.hear(calls_off=[dict(called)])

    place.hear(runs=[{**run(1), "at": AT_ONE}])

    place.leave()
    assert len(place.memory.sent) == 1


def test_of_two_callings_off_the_later_one_is_remembered(place: Place) -> None:
    for at in (AT_TWO, AT_ONE):
        place.hear(calls_off=[{"subject": "person/1", "at": at}])

    place.hear(runs=[{**run(1), "at": (NOW + timedelta(milliseconds=20)).isoformat()}])

    place.leave()
    assert place.memory.sent == []


def test_a_calling_off_is_forgotten_after_three_days(place: Place) -> None:
    place.hear(calls_off=[{"subject": "person/1", "at": AT_TWO}])
    place.later(days=3, hours=1)
    housekeeping.run_due(place.suite)

    with place.suite.database.read() as tx:
        assert tx.rows(t.called_off.select()) == []


# ------------------------------------------------------------------------------------------ one more look


def test_what_was_fulfilled_meanwhile_does_not_leave(place: Place) -> None:
    place.hear(runs=[run(1), run(2, to=BOB)])
    place.platform.looks.append(Batch((Event(Kind.REQUEST, "run/1", NOW + timedelta(minutes=1), closed=Closed.DONE),)))
    place.leave()
    assert [one.to for one in place.memory.sent] == [BOB]
    assert sorted(place.told()) == [("run/1", "cancelled", "occasion_done"), ("run/2", "sent", None)]


def test_a_no_that_is_found_at_the_last_moment_counts(place: Place) -> None:
    place.hear(consents=[{"granted": True, "number": ANA}])
    place.hear(runs=[run(1, klass="marketing")])
    word = ConsentWord(False, place.suite.now() + timedelta(seconds=1), number=ANA, proof={"property": "optout"})
    place.platform.looks.append(Batch(consents=(word,)))
    place.leave()
    assert place.memory.sent == []


def test_a_reminder_does_not_die_of_a_platforms_bad_hour_and_marketing_waits(place: Place) -> None:
    place.hear(consents=[{"granted": True, "number": BOB}])
    place.hear(runs=[run(1), run(2, to=BOB, klass="marketing"), run(3, klass="otp")])
    away = NotNow("platform_away", after=timedelta(minutes=1))
    for minute in range(12):
        place.platform.looks.append(away)
        place.leave()
        sent = [one.text for one in place.memory.sent]
        assert len(sent) == (1 if minute < 10 else 2), "the code at once, the reminder after ten minutes"
        place.clock.forward(timedelta(minutes=1) - timedelta(seconds=2))
    place.platform.looks.clear()
    place.leave()
    assert len(place.memory.sent) == 3


def test_a_lost_connection_holds_what_waits_for_a_person_to_connect_it(place: Place) -> None:
    [[_, _, message]] = place.hear(runs=[run(1)])
    place.platform.looks.append(NeedsReconnect("grant_revoked"))
    place.leave()
    assert place.message(message)["held_by"] == f"installation:{place.installation}"


# ------------------------------------------------------------------------------------------ people's yes and no


def test_the_newest_word_wins_wherever_it_was_said(place: Place) -> None:
    place.hear(consents=[{"granted": True, "number": ANA}])
    place.clock.forward(timedelta(minutes=1))
    place.says("STOP")
    old = ConsentWord(True, NOW + timedelta(seconds=30), number=ANA)
    with place.suite.database.write(place.workspace) as tx:
        from core.engine import consenting

        assert consenting.take(tx, place.installation, [old], place.suite.now()) == 0
    assert place.hear(runs=[run(1, klass="marketing")])[0][1] == "opted_out"
    place.clock.forward(timedelta(minutes=1))
    place.hear(consents=[{"granted": True, "number": ANA, "proof": {"form": "spring"}}])
    assert place.hear(runs=[run(2, klass="marketing")])[0][0] == "scheduled"


def test_a_yes_of_tomorrow_outweighs_no_stop(place: Place) -> None:
    ahead = ConsentWord(True, NOW + timedelta(days=365), number=ANA)
    with place.suite.database.write(place.workspace) as tx:
        from core.engine import consenting

        assert consenting.take(tx, place.installation, [ahead], place.suite.now()) == 0
        a_little = ConsentWord(True, NOW + timedelta(minutes=4), number=ANA)
        assert consenting.take(tx, place.installation, [a_little], place.suite.now()) == 1
    place.clock.forward(timedelta(minutes=1))
    place.says("STOP")
    assert place.hear(runs=[run(1, klass="marketing")])[0][1] == "opted_out"


def test_a_stop_by_text_reaches_the_platforms_record_and_not_the_one_that_told_us(place: Place) -> None:
    place.hear(runs=[run(1)])
    place.leave()
    place.told()
    place.platform.told.clear()
    place.says("STOP")
    reporting.run_due(place.suite)
    words = [one for many in place.platform.told for one in many if one.consent]
    assert [(one.consent.granted, one.consent.subject, one.consent.number) for one in words if one.consent] == [
        (False, "person/1", ANA), (False, "person/1", ANA)
    ], "the advertising and the reminders"
    place.platform.told.clear()
    place.clock.forward(timedelta(minutes=1))
    place.hear(consents=[{"granted": True, "subject": "person/1"}])
    reporting.run_due(place.suite)
    assert place.platform.told == []


def test_what_a_person_writes_reaches_the_platform_that_wrote_to_them(place: Place) -> None:
    place.hear(runs=[run(1)])
    place.leave()
    place.told()
    place.platform.told.clear()
    place.says("Je serai en retard")
    reporting.run_due(place.suite)
    [[report]] = place.platform.told
    assert (report.kind, report.text, report.subject) == ("reply", "Je serai en retard", "person/1")


def test_merged_records_are_one_person(place: Place) -> None:
    place.hear(consents=[{"granted": True, "number": ANA}])
    place.hear(runs=[run(1, at=None)])
    place.hear(merges=[{"old": "person/1", "new": "person/5"}])
    place.clock.forward(timedelta(minutes=1))
    place.hear(consents=[{"granted": False, "subject": "person/5"}])
    assert place.hear(runs=[run(2, klass="marketing")])[0][1] == "opted_out"


# ------------------------------------------------------------------------------------------ privacy, parting, strangers


def test_a_privacy_request_erases_what_the_platform_brought_and_leaves_a_receipt(place: Place) -> None:
    place.hear(runs=[run(1)])
    place.leave()
    place.says("STOP")
    place.hear(erasures=[{"subject": "person/1"}])
    with place.suite.database.read(place.workspace) as tx:
        assert tx.rows(t.occasions.select()) == []
        assert tx.rows(t.messages.select()) == []
        assert people.standings(tx, place.workspace, [ANA])[0][ANA].opted_out, "the no stays"
    assert "person_erased" in place.notes()


def test_when_everybody_is_to_be_erased_the_platform_is_answered_at_once_and_the_rest_follows(place: Place) -> None:
    for number in range(20):
        place.hear(runs=[run(number, to=f"+3363998{number + 100:04}")])
    place.leave()
    place.hear(runs=[run(50, to=BOB)])
    place.hear(erasures=[{}])
    assert place.notes()[-1] == "all_to_be_erased"
    assert len(place.rows(t.occasions)) == 21, "not in the platform's request"
    place.leave()
    assert BOB not in [one.to for one in place.memory.sent], "called off at once"

    place.hear(runs=[run(99, to=ANA)])
    while erasing.run_due(place.suite):
        left = len(place.rows(t.occasions))
        assert ("all_erased" in place.notes()) == (place.rows(t.erasures) == []), "no receipt before it is done"
    assert left == 1
    assert [row["key"] for row in place.rows(t.occasions)] == ["run/99"], "what came afterwards stays"
    assert {row["to"] for row in place.rows(t.messages)} == {ANA}
    assert len(place.rows(t.inbox)) == 1
    assert place.notes().count("all_erased") == 1


def test_an_erasure_of_everybody_goes_on_after_a_restart(place: Place) -> None:
    for number in range(60):
        place.hear(runs=[run(number, to=f"+3363998{number:04}")])
    place.hear(erasures=[{}])
    erasing.run_due(place.suite)
    before = len(place.rows(t.occasions))
    again = build_suite(place.suite.settings, clock=place.clock, adapters={"flows": place.platform},
                        providers={"memory": place.memory})  # fmt: skip
    try:
        while erasing.run_due(again):
            pass
    finally:
        again.database.close()
    assert 0 < before < 60
    assert place.rows(t.occasions) == place.rows(t.messages) == place.rows(t.erasures) == []


def test_asked_twice_there_is_one_receipt_and_nobody_elses_people_are_touched(place: Place) -> None:
    with place.suite.database.write(place.workspace) as tx:
        other = installations.add(tx, place.suite.vault, "flows", "Clinic", Configured({}, {}), NOW, zone="UTC",
                                  country="FR", pulls=False)  # fmt: skip
        visit = Event(Kind.APPOINTMENT, "visit", NOW, start=NOW + timedelta(days=2), recipient=Recipient.parse(ANA))
        occasions.apply(tx, other, [visit], backlog=False, now=NOW)
    place.hear(runs=[run(1)])
    place.hear(erasures=[{}])
    place.hear(erasures=[{}])
    while erasing.run_due(place.suite):
        pass
    assert [(row["key"], row["recipient"]) for row in place.rows(t.occasions)] == [("visit", ANA)]
    assert place.notes().count("all_erased") == place.notes().count("all_to_be_erased") == 1


def test_a_privacy_request_of_one_platform_keeps_what_another_one_knows(place: Place) -> None:
    with place.suite.database.write(place.workspace) as tx:
        other = installations.add(tx, place.suite.vault, "flows", "Clinic", Configured({}, {}), NOW, zone="UTC",
                                  country="FR", pulls=False)  # fmt: skip
        visit = Event(Kind.APPOINTMENT, "visit", NOW, start=NOW + timedelta(days=2), recipient=Recipient.parse(ANA))
        occasions.apply(tx, other, [visit], backlog=False, now=NOW)
    place.hear(runs=[run(1)])
    place.hear(erasures=[{"subject": "person/1"}])
    with place.suite.database.read(place.workspace) as tx:
        assert [row["key"] for row in tx.rows(t.occasions.select())] == ["visit"]


def test_an_uninstall_over_there_calls_off_what_waits(place: Place) -> None:
    place.hear(runs=[run(1)])
    place.hear(gone=True)
    place.leave()
    assert place.memory.sent == []


def test_one_request_for_several_accounts_is_taken_in_part_by_part(place: Place) -> None:
    parts = [{"account": "nobody", "runs": [run(1)]}, {"account": "acme", "runs": [run(2)]}]
    request = Inbound("POST", URL, (("X-Proof", "good"),), json.dumps(parts).encode(), NOW)
    assert intake.receive(place.suite, "flows", None, request).body == b"not connected"
    with place.suite.database.read(place.workspace) as tx:
        assert [row["key"] for row in tx.rows(t.occasions.select())] == ["run/2"]
    with pytest.raises(NotAuthentic):
        intake.receive(place.suite, "flows", None, inbound(proof="bad", account="acme", runs=[run(3)]))


def test_templates_are_offered_a_page_at_a_time_and_found_by_their_words(place: Place) -> None:
    with place.suite.database.write(place.workspace) as tx:
        for key in ("a", "b", "c"):
            rules.save_template(tx, key, "fr", f"Bonjour de {key}", NOW)
    first = place.hear(question={"what": "templates", "limit": 2})
    assert first == {"options": ["a", "b"], "after": "b", "trouble": None}
    assert place.hear(question={"what": "templates", "after": "b"})["options"] == ["c"]
    assert place.hear(question={"what": "templates", "search": "de C"})["options"] == ["c"]
    assert place.hear(question={"what": "channels"})["options"]
    assert place.hear(question={"what": "weather"})["trouble"] == "question_unknown"


def test_reports_wait_while_the_platform_is_away(place: Place) -> None:
    place.hear(runs=[run(1)])
    place.leave()
    place.platform.troubles.append(NotNow("rate_limited", after=timedelta(minutes=1)))
    assert place.told() == []
    place.clock.forward(timedelta(minutes=2))
    assert place.told() == [("run/1", "sent", None)]


def arrives(place: Place, message: str) -> None:
    with place.suite.database.write(place.workspace) as tx:
        receipt = Receipt(f"mem_{message}", State.DELIVERED, "ok", place.suite.now(), reference=message)
        feedback.take_receipts(place.suite, tx, place.account, [receipt])


def test_a_state_that_was_never_told_is_not_said_to_be_known(place: Place) -> None:
    [[_, _, message]] = place.hear(runs=[run(1)])
    place.leave()
    place.platform.troubles.append(NotNow("rate_limited", after=timedelta(hours=1)))
    assert place.told() == []
    place.clock.forward(timedelta(minutes=10))
    arrives(place, message)
    assert place.told() == [("run/1", "delivered", None)]
    assert [one.before for many in place.platform.told for one in many] == [None], "the first word that it hears"
    place.clock.forward(timedelta(hours=2))
    assert place.told() == [("run/1", "delivered", None)], "what was overtaken moves nothing backwards"


def test_what_is_told_in_one_call_is_told_in_its_order(place: Place) -> None:
    [[_, _, message]] = place.hear(runs=[run(1)])
    place.leave()
    place.platform.troubles.append(NotNow("rate_limited", after=timedelta(minutes=1)))
    place.told()
    arrives(place, message)
    place.clock.forward(timedelta(minutes=10))
    place.told()
    assert [(one.state, one.before) for many in place.platform.told for one in many] == [
        (State.SENT, None), (State.DELIVERED, State.SENT)]


def test_a_burst_is_told_without_a_call_for_each(place: Place) -> None:
    place.platform.report_size = 100
    place.hear(runs=[run(number) for number in range(300)])
    while place.leave():
        pass
    simulation.run_due(place.suite)
    reporting.run_due(place.suite)
    assert sum(map(len, place.platform.told)) == 300
    assert len(place.platform.told) <= 4

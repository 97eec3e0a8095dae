"""Asking the platforms: page by page, each with its cursor; trouble waits, and a grant is renewed by one at a time."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.contract import Adapter, Batch, Configured, Installation, Manifest, OAuth, Pulls, Sweep
from core.domain.errors import NeedsReconnect, NotNow, RelanceError
from core.domain.events import Closed, Event, Kind
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import dispatch, installing, pulling, ticking
from core.storage import house, installations, occasions, outbox, rules
from tests.support.engine_room import ANA, NOW, EngineRoom

BEGINS = NOW + timedelta(days=3)
DAY_BEFORE = {"name": "La veille", "on": "appointment", "class": "transactional", "when": {"days": -1, "at": "18:00"},
              "body": "Rappel : {{ start }}"}
BOOKED = {**DAY_BEFORE, "name": "Noté", "when": {"change": "booked"}, "body": "Noté : {{ start }}"}


class Diary(Pulls):
    """Answers what the test wrote into `pages`; an error in it is raised. `asked` keeps the cursors."""

    manifest = Manifest(
        slug="diary", name="Diary", kinds=frozenset({Kind.APPOINTMENT}), poll_every=timedelta(minutes=5),
        auth=(OAuth("diary", "https://diary.example/auth", "https://diary.example/token", ("read",)),),
    )

    def __init__(self) -> None:
        self.pages: deque[Batch | Exception | Callable[[], Batch]] = deque()
        self.asked: list[str | None] = []

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        self.asked.append(cursor)
        page = self.pages.popleft() if self.pages else Batch(cursor=cursor)
        if isinstance(page, Exception):
            raise page
        return page() if callable(page) else page


class Silent(Adapter):
    manifest = Manifest(slug="silent", name="Silent", kinds=frozenset({Kind.FORM}), auth=())


def visit(key: str, start: datetime = BEGINS, at: datetime = NOW, closed: Closed | None = None) -> Event:
    return Event(Kind.APPOINTMENT, key, at, closed, start, start + timedelta(minutes=30), "Europe/Paris",
                 recipient=Recipient.parse(ANA))


class Practice(EngineRoom):
    """An engine with one live installation of the diary."""

    def __init__(self, folder: Path, *wanted: dict[str, Any], **settings: Any) -> None:
        self.diary = Diary()
        super().__init__(folder, adapters={"diary": self.diary, "silent": Silent(None)}, **settings)  # type: ignore[arg-type]
        self.installation = self.add("diary", {})
        with self.suite.database.write(self.workspace) as tx:
            for one in wanted or (DAY_BEFORE,):
                rules.add(tx, {**one, "installation": self.installation}, NOW)

    def add(self, slug: str, secrets: dict[str, Any], **given: Any) -> str:
        with self.suite.database.write(self.workspace) as tx:
            name = installations.add(tx, self.suite.vault, slug, "Agenda", Configured({}, secrets), self.suite.now(),
                                     zone="Europe/Paris", country="FR", **given)
            installations.change(tx, name, mode="live", live_since=self.suite.now())
            return name

    def row(self, name: str | None = None) -> installations.Row:
        with self.suite.database.read(self.workspace) as tx:
            found = installations.get(tx, self.suite.vault, name or self.installation, self.suite.public_url)
        assert found is not None
        return found

    def waiting(self) -> list[str]:
        """The texts that wait, and when."""
        with self.suite.database.read(self.workspace) as tx:
            return [one["state"] for one in outbox.listed(tx, outbox.Filter(state=("scheduled", "held")))]


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return Practice(tmp_path)


def test_what_a_platform_refuses_for_a_reason_of_its_own_is_shown_as_that(practice):
    practice.diary.pages.append(RelanceError("shopify_says_no", why="MAX_COST_EXCEEDED", detail=""))
    pulling.run_due(practice.suite)
    row = practice.row()
    assert (row.state, row.trouble.code) == ("connected", "shopify_says_no")
    assert row.next_pull_at == NOW + timedelta(minutes=15)


def test_what_each_page_could_not_read_is_shown_with_the_last_one(practice):
    practice.diary.pages += [
        Batch(cursor="c1", problems=(Reason("no_number"),), more=True),
        Batch(cursor="c2", problems=(Reason("no_number"), Reason("number_fixed_line")), more=True), Batch(cursor="c3")]
    pulling.run_due(practice.suite)
    assert [one.code for one in practice.row().problems] == ["no_number", "number_fixed_line"]


def test_a_pull_brings_events_and_keeps_its_cursor_and_comes_again_after_the_poll_time(practice):
    practice.diary.pages.append(Batch((visit("a"),), cursor="c1", problems=(Reason("no_number"),)))
    assert pulling.run_due(practice.suite) == 1
    assert practice.waiting() == ["scheduled"]
    row = practice.row()
    assert (row.cursor, row.pulled_at, row.next_pull_at) == ("c1", NOW, NOW + timedelta(minutes=5))
    assert [one.code for one in row.problems] == ["no_number"]
    assert pulling.run_due(practice.suite) == 0
    practice.clock.forward(timedelta(minutes=5))
    pulling.run_due(practice.suite)
    assert practice.diary.asked == [None, "c1"]


def test_pages_are_kept_one_by_one_so_that_a_failure_in_between_loses_none(practice):
    practice.diary.pages += [Batch((visit("a"),), "p1", more=True), NotNow("platform_away", timedelta(minutes=1)),
                             Batch((visit("b"),), "p2")]
    outcome = pulling.pull_now(practice.suite, practice.workspace, practice.installation)
    assert (outcome.changed, outcome.trouble and outcome.trouble.code) == (1, "platform_away")
    practice.clock.forward(timedelta(minutes=1))
    pulling.run_due(practice.suite)
    assert practice.diary.asked == [None, "p1", "p1"]
    assert len(practice.waiting()) == 2
    assert (practice.row().trouble, practice.row().failures) == (None, 0)


def test_trouble_is_asked_about_less_and_less_often(practice):
    practice.diary.pages += [NotNow("platform_away", timedelta(minutes=1))] * 5
    waits = []
    for _ in range(5):
        pulling.run_due(practice.suite)
        again = practice.row().next_pull_at
        assert again is not None
        waits.append((again - practice.clock.now()) // timedelta(minutes=1))
        practice.clock.moment = again
    assert waits == [1, 2, 4, 8, 16]


def test_what_the_first_list_holds_was_there_before_us_on_every_page_of_it(tmp_path):
    practice = Practice(tmp_path, BOOKED)
    practice.diary.pages += [Batch((visit("a"),), "p1", more=True), Batch((visit("b"),), "p2"),
                             Batch((visit("c", at=NOW + timedelta(minutes=5)),), "p3")]
    pulling.run_due(practice.suite)
    assert practice.waiting() == []
    practice.clock.forward(timedelta(minutes=5))
    pulling.run_due(practice.suite)
    assert practice.waiting() == ["scheduled"]


def test_what_is_no_longer_listed_is_gone_and_what_lies_outside_the_range_is_not(practice):
    practice.diary.pages += [
        Batch((visit("cal/a"), visit("cal/b"), visit("other/c"), visit("cal/z", BEGINS + timedelta(days=90))), "c1"),
        Batch(cursor="c2", sweeps=(Sweep("cal/", NOW, NOW + timedelta(days=30), frozenset({"cal/a"})),)),
    ]
    pulling.run_due(practice.suite)
    practice.clock.forward(timedelta(minutes=5))
    pulling.run_due(practice.suite)
    with practice.suite.database.read(practice.workspace) as tx:
        found = occasions.by_keys(tx, practice.installation, ["cal/a", "cal/b", "other/c", "cal/z"])
    assert {one.key for one in found if one.closed is Closed.DELETED} == {"cal/b"}


def test_a_change_that_comes_while_we_ask_is_asked_about_once_more(practice):
    def changes_meanwhile() -> Batch:
        practice.clock.forward(timedelta(seconds=1))
        with practice.suite.database.write(practice.workspace) as tx:
            installations.wake(tx, practice.installation, practice.suite.now())
        return Batch(cursor="c1")

    practice.diary.pages.append(changes_meanwhile)
    pulling.run_due(practice.suite)
    assert pulling.run_due(practice.suite) == 1


def test_disconnected_while_we_ask_stays_disconnected_whatever_the_answer(practice):
    def disconnects(then: Exception | Batch) -> Callable[[], Batch]:
        def page() -> Batch:
            with practice.suite.database.write(practice.workspace) as tx:
                installations.change(tx, practice.installation, state="disconnected")
            if isinstance(then, Exception):
                raise then
            return then

        return page

    practice.diary.pages += [disconnects(NeedsReconnect("grant_gone"))]
    pulling.run_due(practice.suite)
    assert practice.row().state == "disconnected"
    with practice.suite.database.write(practice.workspace) as tx:
        installations.change(tx, practice.installation, state="connected", next_pull_at=NOW)
    practice.diary.pages += [disconnects(Batch((visit("a"),), "c9"))]
    pulling.run_due(practice.suite)
    assert (practice.row().cursor, practice.waiting()) == (None, [])


def test_an_answer_to_an_old_choice_is_not_taken(practice):
    def chooses() -> Batch:
        with practice.suite.database.write(practice.workspace) as tx:
            installations.change(tx, practice.installation, config={"calendars": ["b"]}, cursor=None)
        return Batch((visit("a"),), "old")

    practice.diary.pages.append(chooses)
    pulling.run_due(practice.suite)
    assert (practice.row().cursor, practice.waiting()) == (None, [])
    assert pulling.run_due(practice.suite) == 1, "and what was chosen is asked for at once"


def test_one_platforms_bug_keeps_no_other_waiting(practice):
    practice.diary.pages += [KeyError("a bug"), Batch((visit("a"),), "c1")]
    other = practice.add("diary", {})
    with practice.suite.database.write(practice.workspace) as tx:
        rules.add(tx, DAY_BEFORE, NOW)
    assert pulling.run_due(practice.suite) == 2
    assert practice.waiting() != []
    troubles = [practice.row(name).trouble for name in (practice.installation, other)]
    assert [one.code for one in troubles if one] == ["engine_failed"]


def test_an_installation_that_cannot_be_asked_is_not_asked_for_ever(practice):
    name = practice.add("silent", {})
    pulling.run_due(practice.suite)
    practice.clock.forward(timedelta(hours=1))
    assert practice.row(name).next_pull_at is None


def test_a_slow_platform_delays_nobody_else_and_no_transaction_waits_for_it(practice):
    """The slow one answers only when the others, and one that fell due meanwhile, have been asked."""
    others = [practice.add("diary", {}) for _ in range(5)]
    asked_all, late = threading.Event(), practice.add("diary", {})
    with practice.suite.database.write(practice.workspace) as tx:
        installations.change(tx, late, next_pull_at=NOW + timedelta(minutes=1))
    seen: list[str] = []

    def pull(installation: Installation, cursor: str | None, now: datetime) -> Batch:
        if installation.id == practice.installation:
            assert asked_all.wait(20), "the others wait for the slow one"
        else:
            seen.append(installation.id)
            with practice.suite.database.write(practice.workspace) as tx:
                house.note(tx, "test", "asked", installation.id, {}, NOW)
            if len(seen) == len(others):
                practice.clock.forward(timedelta(minutes=1))
            if set(seen) == {*others, late}:
                asked_all.set()
        return Batch(cursor="c1")

    practice.diary.pull = pull
    assert pulling.run_due(practice.suite) == 7
    assert sorted(seen) == sorted([*others, late]), "and each of them once"
    assert {practice.row(name).cursor for name in (practice.installation, *others, late)} == {"c1"}


def test_no_more_than_a_few_platforms_are_asked_at_once(practice):
    for _ in range(9):
        practice.add("diary", {})
    lock, inside, most = threading.Lock(), 0, 0
    full = threading.Event()

    def pull(installation: Installation, cursor: str | None, now: datetime) -> Batch:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == pulling.AT_ONCE:
                full.set()
        full.wait(20)
        with lock:
            inside -= 1
        return Batch(cursor="c1")

    practice.diary.pull = pull
    assert pulling.run_due(practice.suite) == 10
    assert most == pulling.AT_ONCE


def test_a_process_that_is_about_to_end_begins_no_more_pulls(practice):
    assert pulling.run_due(practice.suite, over=lambda: True) == 0
    assert practice.diary.asked == []


def test_another_workspace_cannot_pull(practice):
    with practice.suite.database.write() as tx:
        stranger = house.add_workspace(tx, "Concurrent", {}, NOW)
    assert pulling.pull_now(practice.suite, stranger, practice.installation).busy
    assert practice.diary.asked == []
    assert pulling.run_due(practice.suite) == 1, "and has not kept us from it"


# ---------------------------------------------------------------------------------------------- grants


class TokenEndpoint:
    """Hands out tokens, or refuses; `posts` are the forms that it got."""

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.answer: tuple[int, dict[str, Any]] = (
            200, {"access_token": "new", "refresh_token": "rotated", "expires_in": 3600})
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.posts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = endpoint.answer
                said = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"


@pytest.fixture
def endpoint():
    kept = TokenEndpoint()
    yield kept
    kept.server.shutdown()
    kept.server.server_close()


@pytest.fixture
def granted(tmp_path: Path, endpoint: TokenEndpoint) -> Practice:
    practice = Practice(tmp_path, vendor_token_urls={"diary": endpoint.url}, vendor_clients={"diary": ("id", "secret")})
    practice.installation = practice.add("diary", {"access_token": "old", "refresh_token": "first"},
                                         token_expires_at=NOW + timedelta(minutes=1))
    return practice


def test_twenty_threads_renew_a_token_once_and_the_rotated_one_is_kept(granted, endpoint):
    seen: list[str] = []

    def work() -> None:
        try:
            row = installing.fresh(granted.suite, granted.workspace, granted.installation)
            seen.append(row.installation.secrets["access_token"])
        except NotNow as error:
            seen.append(error.reason.code)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(endpoint.posts) == 1
    assert set(seen) <= {"new", "being_refreshed"}
    assert len(seen) == 20
    assert granted.row().installation.secrets == {"access_token": "new", "refresh_token": "rotated"}


def test_a_grant_that_is_gone_holds_the_messages_until_somebody_connects_again(granted, endpoint):
    endpoint.answer = (400, {"error": "invalid_grant"})
    name = granted.accept(installation=granted.installation)
    pulling.run_due(granted.suite)
    assert granted.row().state == "reconnect"
    dispatch.run_due(granted.suite)
    assert granted.state(name) == "held"
    pulling.run_due(granted.suite)
    assert len(endpoint.posts) == 1, "it is not tried again by itself"

    again = Configured({}, {"refresh_token": "again"})
    installing.connected(granted.suite, granted.workspace, "diary", "Agenda", again, who="usr_1",
                          reconnect=granted.installation, token_expires_at=NOW + timedelta(hours=1))
    dispatch.run_due(granted.suite)
    assert (granted.row().state, granted.state(name)) == ("connected", "sent")


def test_after_a_weekend_without_a_grant_what_is_still_useful_leaves_and_the_rest_says_why_not(granted, endpoint):
    endpoint.answer = (400, {"error": "invalid_grant"})
    short, long = ([granted.accept(installation=granted.installation, expires_at=NOW + lives) for _ in range(20)]
                   for lives in (timedelta(hours=20), timedelta(days=4)))
    pulling.run_due(granted.suite)
    for _ in range(12):
        granted.clock.forward(timedelta(hours=4))
        dispatch.run_due(granted.suite)
        ticking.tick(granted.suite)
    assert granted.memory.sent == []
    assert {granted.state(one) for one in long} == {"held"}, "none of them is tried, and none fails"
    assert {granted.message(one)["tries"] for one in [*short, *long]} == {0}

    again = Configured({}, {"refresh_token": "again"})
    installing.connected(granted.suite, granted.workspace, "diary", "Agenda", again, who="usr_1",
                         reconnect=granted.installation, token_expires_at=NOW + timedelta(days=9))
    dispatch.run_due(granted.suite)
    ticking.tick(granted.suite)
    assert sorted(one.reference for one in granted.memory.sent) == sorted(long)
    assert {granted.state(one) for one in long} == {"sent"}
    assert {granted.state(one) for one in short} == {"expired"}
    assert all(granted.steps(one)[-1][1] for one in short)


def test_a_vendor_that_is_away_is_no_lost_grant(granted, endpoint):
    endpoint.answer = (503, {})
    with pytest.raises(NotNow):
        installing.fresh(granted.suite, granted.workspace, granted.installation)
    endpoint.answer = (200, {"access_token": "new", "expires_in": 3600})
    row = installing.fresh(granted.suite, granted.workspace, granted.installation)
    assert row.installation.secrets == {"access_token": "new", "refresh_token": "first"}


def test_a_token_that_dies_early_is_renewed_once_and_then_the_platforms_word_counts(granted, endpoint):
    granted.diary.pages += [NeedsReconnect("token_refused"), Batch(cursor="c1"), NeedsReconnect("token_refused"),
                            NeedsReconnect("token_refused")]
    assert pulling.pull_now(granted.suite, granted.workspace, granted.installation).trouble is None
    assert pulling.pull_now(granted.suite, granted.workspace, granted.installation).trouble is not None
    assert granted.row().state == "reconnect"


def test_secrets_that_no_key_opens_ask_for_reconnecting_and_break_nothing(practice):
    name = practice.add("diary", {"refresh_token": "r"})
    with practice.suite.database.write(practice.workspace) as tx:
        installations.change(tx, name, secrets="nonsense")
    assert practice.row(name).state == "reconnect"
    pulling.run_due(practice.suite)
    assert practice.row(name).trouble == Reason("secrets_unreadable")


@pytest.mark.postgres
def test_an_answer_that_comes_while_a_person_disconnects_plans_nothing(tmp_path, postgres_database):
    practice = Practice(tmp_path, database_url=postgres_database)
    database, name = practice.suite.database, practice.installation
    practice.diary.pages.append(Batch((visit("v1"),), cursor="c1"))
    thread = threading.Thread(target=pulling.pull_now, args=(practice.suite, practice.workspace, name))
    waits = text("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                 "WHERE NOT l.granted AND a.datname = current_database()")
    with database.write(practice.workspace) as tx:
        tx.alone(f"plan:{practice.workspace}")
        thread.start()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(waits).scalar():
                assert thread.is_alive()
                thread.join(0.02)
        installations.change(tx, name, state="disconnected")
    thread.join(30)
    assert practice.waiting() == []
    database.close()

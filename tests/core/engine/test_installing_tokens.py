"""Access tokens that live: renewed once among threads and processes, kept before they are used, and a grant that is
gone is told from a vendor that is away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.contract import Configured
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.reasons import Reason
from core.engine import installing
from core.storage import installations
from tests.fakes.oauth import FakeVendor
from tests.faults.server import cut_after, status
from tests.support.market import ANA, SHOP, Market

ROOT = Path(__file__).parents[3]


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(rotates=True, separator=",") as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
def market(tmp_path: Path, vendor: FakeVendor) -> Market:
    return Market(tmp_path, vendor)


def test_a_token_that_lives_is_used_as_it_is(market: Market) -> None:
    name = market.join()
    market.clock.forward(timedelta(minutes=54))

    market.token(name)

    assert len(market.vendor.forms) == 1


def test_five_minutes_before_its_end_it_is_renewed_and_the_rotated_one_is_kept(market: Market) -> None:
    market.vendor.grant_lives = 7_776_000
    market.vendor.extra = {"moved_to": "north"}
    name = market.join()
    before = market.row(name)
    market.clock.forward(timedelta(minutes=56))

    market.token(name)
    market.clock.forward(timedelta(minutes=56))
    market.token(name)

    row = market.row(name)
    used = [form["refresh_token"] for form in market.vendor.forms[1:]]
    assert used[0] == before.installation.secrets["refresh_token"]
    assert len(set(used)) == 2
    assert row.installation.secrets["refresh_token"] in market.vendor.grants
    assert row.grant_expires_at == market.clock.now() + timedelta(days=90)
    assert row.installation.config["moved_to"] == "north"


def test_without_a_new_refresh_token_the_old_one_stays(market: Market) -> None:
    market.vendor.rotates = False
    name = market.join()
    kept = market.row(name).installation.secrets["refresh_token"]
    market.clock.forward(timedelta(minutes=56))

    market.token(name)

    assert market.row(name).installation.secrets["refresh_token"] == kept


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, vendor: FakeVendor) -> Market:
    """On each database that several processes may share."""
    if request.param == "sqlite":
        return Market(tmp_path, vendor)
    url = request.getfixturevalue("postgres_database").replace("postgresql://", "postgresql+psycopg://")
    return Market(tmp_path, vendor, database_url=url)


def test_twenty_threads_of_two_processes_ask_for_a_token_and_the_vendor_hears_it_once(shared: Market) -> None:
    market = shared
    name = market.join()
    market.clock.forward(timedelta(minutes=56))
    all_ask = threading.Event()
    market.vendor.before_answer = lambda: all_ask.wait(20)

    with Renewer(market, name, threads=10) as one, Renewer(market, name, threads=10) as two:
        one.go()
        two.go()
        one.hear("asking", times=10)
        two.hear("asking", times=10)
        all_ask.set()
        got = one.ends() + two.ends()

    assert len(market.vendor.forms) == 2, "the code's, and one renewal"
    assert set(got) == {market.row(name).installation.secrets["access_token"]}
    assert len(got) == 20


@pytest.mark.postgres
def test_what_a_person_connects_again_while_a_token_is_renewed_stays(
    tmp_path: Path, vendor: FakeVendor, postgres_database: str
) -> None:
    """The person's transaction is not over yet when the new token is to be kept: it waits, and reads once more."""
    market, trouble = Market(tmp_path, vendor, database_url=postgres_database), list[Exception]()
    name, database = market.join(), market.suite.database
    market.clock.forward(timedelta(minutes=56))
    again = {"access_token": "of-the-person", "refresh_token": "of-the-person"}

    def renew() -> None:
        try:
            market.token(name)
        except Exception as error:
            trouble.append(error)

    waiting = text("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                   "WHERE NOT l.granted AND a.datname = current_database()")  # fmt: skip
    with database.write(market.workspace) as person:
        installations.keep_secrets(person, market.suite.vault, name, again, token_expires_at=None)
        other = threading.Thread(target=renew)
        other.start()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(waiting).scalar():
                assert other.is_alive(), f"it did not wait: {trouble}"
                other.join(0.02)
    other.join(30)

    assert trouble == []
    assert market.row(name).installation.secrets == {**market.row(name).installation.secrets, **again}
    database.close()


@pytest.mark.parametrize("grace", [True, False])
def test_a_process_that_dies_between_the_answer_and_the_commit(market: Market, grace: bool) -> None:
    """The rotated token is lost. A vendor that lets the old one be retried gives another; else a person is asked."""
    market.vendor.grace = grace
    name = market.join()
    market.clock.forward(timedelta(minutes=56))
    with Renewer(market, name, threads=1) as renewer:
        market.vendor.before_answer = renewer.kill
        renewer.go()
        renewer.wait()
    market.vendor.before_answer = None
    waiting = market.accept(installation=name)

    market.clock.forward(timedelta(seconds=31))

    if grace:
        assert market.token(name) in market.vendor.tokens
        assert market.row(name).state == "connected"
    else:
        with pytest.raises(NeedsReconnect):
            market.token(name)
        assert market.row(name).state == "reconnect"
    assert market.state(waiting) == "scheduled", "nothing is lost either way"


def test_a_platform_that_says_no_end_is_asked_for_a_token_only_after_a_refusal(market: Market) -> None:
    market.vendor.lives = None
    name = market.join()
    market.clock.forward(timedelta(days=3))
    first = market.token(name)
    assert len(market.vendor.forms) == 1
    market.bazaar.refused = {first}

    installing.maintain_due(market.suite)

    assert len(market.vendor.forms) == 2
    assert market.token(name) != first
    assert market.row(name).state == "connected"
    assert market.token(name, refused=first) != first, "another one was there already: nothing is asked"
    assert len(market.vendor.forms) == 2


def test_a_platform_that_refuses_the_new_token_too_is_believed(market: Market) -> None:
    market.vendor.lives = None
    name = market.join()

    class Everything(set[str | None]):
        def __contains__(self, token: object) -> bool:
            return True

    market.bazaar.refused = Everything()
    market.clock.forward(timedelta(days=3))

    installing.maintain_due(market.suite)

    assert len(market.vendor.forms) == 2
    assert market.row(name).state == "reconnect"


def test_a_grant_that_was_taken_back_waits_for_a_person_and_is_not_tried_again(market: Market) -> None:
    name = market.join()
    market.vendor.grants.clear()
    market.clock.forward(timedelta(hours=2))

    for _ in range(3):
        with pytest.raises(NeedsReconnect) as refused:
            market.token(name)

    assert refused.value.reason.code == "grant_gone"
    assert len(market.vendor.forms) == 2
    row = market.row(name)
    assert (row.state, row.trouble) == ("reconnect", Reason("grant_gone"))
    assert "installation_in_trouble" in market.notes()
    assert market.join(reconnect=name) == name
    assert market.row(name).state == "connected"


def test_a_refused_grant_is_read_once_more_since_somebody_may_have_renewed_it(market: Market) -> None:
    name = market.join()
    market.clock.forward(timedelta(hours=2))
    newer = market.vendor.grant("account-1", ("read_carts",))
    seen: list[bool] = []

    def reconnected_meanwhile() -> None:
        if seen:
            return
        seen.append(True)
        market.vendor.grants.pop(market.row(name).installation.secrets["refresh_token"])
        with market.suite.database.write(market.workspace) as tx:
            installations.keep_secrets(tx, market.suite.vault, name, {"refresh_token": newer})

    market.vendor.before_answer = reconnected_meanwhile

    assert market.token(name) in market.vendor.tokens
    assert [form.get("refresh_token") for form in market.vendor.forms][-1] == newer
    assert market.row(name).state == "connected"


def test_a_token_that_comes_late_does_not_overwrite_what_a_person_brought_meanwhile(market: Market) -> None:
    name = market.join()
    market.clock.forward(timedelta(hours=2))
    brought = {"access_token": "brought", "refresh_token": "brought-too"}

    def reconnected_meanwhile() -> None:
        with market.suite.database.write(market.workspace) as tx:
            installations.keep_secrets(tx, market.suite.vault, name, brought,
                                       token_expires_at=market.clock.now() + timedelta(hours=1))  # fmt: skip

    market.vendor.before_answer = reconnected_meanwhile

    assert market.token(name) == "brought"
    assert market.row(name).installation.secrets == brought


@pytest.mark.parametrize("fault", [status(503, {}), status(429, {}), cut_after(), status(200, {"odd": 1})])
def test_a_vendor_that_is_away_costs_nothing_while_the_old_token_lives(market: Market, fault: Any) -> None:
    name = market.join()
    before = market.row(name)
    market.clock.forward(timedelta(minutes=56))
    market.vendor.fail(fault, fault)

    assert market.token(name) == before.installation.secrets["access_token"]
    market.clock.forward(timedelta(minutes=4))
    with pytest.raises(NotNow):
        market.token(name)

    row = market.row(name)
    assert (row.state, row.installation.secrets) == ("connected", before.installation.secrets)
    assert market.token(name) in market.vendor.tokens


def test_a_connection_without_a_click_has_no_token_to_renew(market: Market) -> None:
    given = Configured({"shop": SHOP}, {"access_token": "for-ever"})
    kept = installing.connected(market.suite, market.workspace, "bazaar", "B", given, who=ANA)
    market.clock.forward(timedelta(days=400))

    assert market.token(kept.id) == "for-ever"
    assert market.vendor.forms == []


class Renewer:
    """A process whose threads ask for the token of `name`."""

    def __init__(self, market: Market, name: str, *, threads: int) -> None:
        settings = market.suite.settings
        self._given = {
            "folder": str(settings.data_dir), "database_url": settings.database_url, "keys": settings.secret_keys,
            "now": market.clock.now().isoformat(), "vendor": market.vendor.url, "workspace": market.workspace,
            "installation": name, "threads": threads,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.renewing"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Renewer:
        self._say(json.dumps(self._given))
        self.hear("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=20)

    def go(self) -> None:
        self._say("go")

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    def wait(self) -> None:
        self._process.wait(20)

    def hear(self, word: str, *, times: int = 1) -> None:
        assert self._process.stdout is not None
        for _ in range(times):
            assert self._process.stdout.readline() == f"{word}\n"

    def ends(self) -> list[str]:
        assert self._process.stdout is not None
        return list(json.loads(self._process.stdout.readline()))

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

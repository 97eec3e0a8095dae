"""The distributed runner as an operator starts it: processes that only share a database and a broker.

Each test has a database of its own and, where the broker is part of the story, a Redis of its own.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from kombu import Connection

from core.runners.distributed import SEND, celery_app, queues
from core.settings import Settings
from tests.faults.ledger import Ledger
from tests.support.machines import Machine, Machines, Redis, ready, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]
TICK = 1.0


@pytest.fixture
def broker(tmp_path: Path, redis_url: str) -> Iterator[Redis]:
    """A Redis of its own; where Redis is not installed, the test is left out with the others that need it."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not here: nothing to stop and start")
    own = Redis(tmp_path)
    yield own
    own.stop()


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of its own: on one machine several processes may share a SQLite file, too."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    address: str = request.getfixturevalue("postgres_database")
    return address


def children(machine: Machine) -> list[int]:
    """The processes that work for this worker; one of them may keep the time."""
    threads = Path(f"/proc/{machine.process.pid}/task").glob("*/children")
    return [int(one) for listed in threads for one in listed.read_text().split()]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as kept:
        yield kept


def test_what_is_accepted_over_http_leaves_at_once_or_when_due_and_a_stopped_engine_is_told_within_five_seconds(
    tmp_path: Path, database: str, broker: Redis
) -> None:
    with Machines(tmp_path, database, broker.url) as house:
        assert "up to date" in house.command("migrate")
        webs = [house.web(), house.web()]
        workers = [house.worker(beat=True), house.worker(beat=True)]
        for web in webs:
            house.until(lambda: ready(web))  # noqa: B023 - called before the next turn of the loop
        # Each process has sent once, and all it needs is in its memory.
        warm_up(house, webs[0], 6)

        before = len(house.lateness())
        for number in range(20):
            answer = house.post(webs[number % 2])
            assert answer.status_code == 201, answer.text
            house.until(house.settled)
        assert sorted(house.lateness()[before:])[10] < TICK / 2, "the bell is heard, not only the next tick"

        due = datetime.now(UTC) + timedelta(seconds=2)
        assert house.post(webs[0], send_at=due.isoformat()).json()["state"] == "scheduled"
        house.until(lambda: house.states()["delivered"] == 27)
        warm = house.lateness()[before:]
        assert min(warm) >= 0, "nothing leaves early"
        assert sum(late < 5 for late in warm) >= len(warm) * 0.95

        # Two beats by mistake did no harm: each message left once.
        assert (house.count("attempts"), house.count("simulated_messages")) == (27, 27)

        for worker in workers:
            assert worker.stop() < 10
            assert worker.process.returncode == 0
        assert house.until(lambda: not ready(webs[0]), seconds=10) < 6
        assert webs[0].get("/readyz").json()["checks"] == {"database": "ok", "schema": "ok", "engine": "silent"}


def warm_up(house: Machines, web: Machine, count: int) -> None:
    for _ in range(count):
        house.post(web)
    house.until(lambda: house.states()["delivered"] == count)


def test_a_broker_that_is_emptied_or_away_loses_nothing_and_all_goes_on_within_a_tick_of_its_return(
    tmp_path: Path, postgres_database: str, broker: Redis
) -> None:
    with Machines(tmp_path, postgres_database, broker.url) as house:
        web, _ = house.web(), house.worker(beat=True)
        house.until(lambda: ready(web))
        warm_up(house, web, 3)

        for _ in range(5):
            broker.empty()
            house.post(web)
            broker.empty()
        house.until(lambda: house.states()["delivered"] == 8, seconds=10)

        broker.stop()
        answers = [house.post(web) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {201}, "the database is the truth"
        assert max(answer.elapsed.total_seconds() for answer in answers) < 2, "nobody waits for the broker"
        house.until(lambda: not ready(web), seconds=15)
        broker.start()
        assert house.until(lambda: house.states()["delivered"] == 13, seconds=30) < 10
        house.until(lambda: ready(web), seconds=10)
        assert (house.count("attempts"), house.count("simulated_messages")) == (13, 13)


SHORT = (400, 1)
LONG = pytest.param((5000, 25), marks=pytest.mark.slow)


@pytest.mark.parametrize("size", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("kind", ["asked", "silent"])
def test_workers_that_are_stopped_leave_no_doubt_and_killed_ones_lose_nothing_and_double_nothing_unknown(
    tmp_path: Path, postgres_database: str, broker: Redis, ledger: Ledger, kind: str, size: tuple[int, int]
) -> None:
    count, kills = size
    dice = random.Random(5)
    with Machines(tmp_path, postgres_database, broker.url) as house:
        house.use_ledger(ledger.url)
        house.ledger_worker(ledger.url, kind, beat=True, concurrency=1)
        house.accept(count)
        other = house.ledger_worker(ledger.url, kind, concurrency=2)
        house.until(lambda: ledger.requests > 5)

        assert other.stop() < 10
        assert other.process.returncode == 0
        assert house.ever("uncertain") == set(), "a deploy leaves nothing in doubt"

        for _ in range(kills):
            victim = house.ledger_worker(ledger.url, kind, concurrency=2)
            house.until(lambda: len(children(victim)) >= 2)  # noqa: B023 - called before the next turn of the loop
            house.accept(count // 4)
            reached = ledger.requests + dice.randint(1, count // 8)
            house.until(lambda: ledger.requests >= reached)  # noqa: B023
            victim.kill()
        # Only the children of a worker that lives, the one that keeps the time among them: it replaces them.
        survivor = house.machines[0]
        house.accept(count // 4)
        for child in children(survivor):
            os.kill(child, signal.SIGKILL)

        house.until(house.settled)
        total = count + (kills + 1) * (count // 4)
        states, doubted = house.states(), house.ever("uncertain")
        assert {reference for reference, times in ledger.taken.items() if times > 1} <= doubted
        if kind == "asked":
            assert states == {"sent": total}
            assert set(ledger.taken.values()) == {1}
            assert len(ledger.taken) == total
        else:
            assert states["sent"] + states["uncertain"] == total
            assert set(ledger.taken.values()) == {1}, "never again without knowing"
            assert house.now_in("sent") <= set(ledger.taken), "nothing is called sent that did not arrive"


@pytest.mark.parametrize(
    ("count", "kills"),
    [(600, 8), pytest.param(10_000, 100, marks=pytest.mark.slow), pytest.param(100_000, 1_000, marks=pytest.mark.slow)],
    ids=["short", "hundred", "thousand"],
)
@pytest.mark.parametrize("kind", ["asked", "silent"])
def test_whatever_process_is_killed_nothing_is_lost_and_nothing_doubled_without_our_knowing_it(
    tmp_path: Path, database: str, broker: Redis, ledger: Ledger, kind: str, count: int, kills: int
) -> None:
    """Web, worker, a worker's children, the one that keeps the time: one after the other, while messages leave."""
    dice = random.Random(11)
    with Machines(tmp_path, database, broker.url) as house:
        house.use_ledger(ledger.url)
        web = house.web()
        workers = [house.ledger_worker(ledger.url, kind, beat=True), house.ledger_worker(ledger.url, kind, beat=True)]
        house.until(lambda: all(len(children(one)) >= 2 for one in workers))
        posted = 0
        for number in range(kills):
            house.accept(count // kills - 1)
            posted += house.post(web, **{"class": "conversational"}).status_code == 201
            reached = ledger.requests + dice.randint(1, max(1, count // kills // 2))
            house.until(lambda: ledger.requests >= reached or house.settled(), seconds=120)  # noqa: B023
            match number % 20:
                case 0:
                    web.kill()
                    web = house.web()
                case 1 | 2:
                    workers.pop(0).kill()
                    workers.append(house.ledger_worker(ledger.url, kind, beat=True))
                case _:
                    kill_one(dice, workers)
        house.until(house.settled, seconds=300)

        total = kills * (count // kills - 1) + posted
        states, doubted = house.states(), house.ever("uncertain")
        doubled = {reference for reference, times in ledger.taken.items() if times > 1}
        print(f"{kills} kills, {total} messages: {dict(states)}, {len(doubted)} once in doubt, {len(doubled)} twice")
        assert sum(states.values()) == total
        assert doubled <= doubted
        assert house.now_in("sent") <= set(ledger.taken), "nothing is called sent that did not arrive"
        if kind == "asked":
            assert doubled == set()
            assert states == {"sent": total}
        else:
            assert states["sent"] + states["uncertain"] == total
            assert set(ledger.taken.values()) == {1}, "never again without knowing"


def kill_one(dice: random.Random, workers: list[Machine]) -> None:
    """Ends one of the workers' children where it stands."""
    there = [child for worker in workers for child in children(worker)]
    if there:
        with suppress(ProcessLookupError):
            os.kill(dice.choice(there), signal.SIGKILL)


@pytest.mark.parametrize("turns", [1, pytest.param(25, marks=pytest.mark.slow)], ids=["short", "long"])
def test_two_web_processes_that_take_turns_answer_everybody(
    tmp_path: Path, postgres_database: str, broker: Redis, turns: int
) -> None:
    """A deploy: one stops, its successor starts at the same address, then the other one."""
    with Machines(tmp_path, postgres_database, broker.url) as house:
        webs = [house.web(), house.web()]
        addresses = [web.url.removeprefix("http://") for web in webs]
        proxy = Proxy(house, [web.url for web in webs])
        proxy.start(4)
        for _ in range(turns):
            for number in (0, 1):
                before = sum(proxy.statuses.values())
                assert webs[number].stop() < 10
                assert webs[number].process.returncode == 0
                webs[number] = house.web(addresses[number])
                wait_until(lambda: sum(proxy.statuses.values()) > before + 20)  # noqa: B023
        proxy.stop()

        assert set(proxy.statuses) == {201}
        assert proxy.cut == [], "what was begun is answered"
        assert house.count("messages") == proxy.statuses[201]


class Proxy:
    """What deploy/proxy does: asks the other one when a connection is refused, and never asks twice what was begun."""

    def __init__(self, house: Machines, urls: list[str]) -> None:
        self._house, self._urls = house, urls
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.statuses: Counter[int] = Counter()
        self.cut: list[str] = []

    def start(self, callers: int) -> None:
        self._threads = [threading.Thread(target=self._call, args=[number], daemon=True) for number in range(callers)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self, number: int) -> None:
        body = {"to": "+33639980001", "class": "otp", "body": "Votre code : 123456"}
        headers = {"Authorization": f"Bearer {self._house.api_key}"}
        while not self._over.wait(0.02):
            for url in (self._urls[number % 2], self._urls[(number + 1) % 2]) * 50:
                try:
                    answer = requests.post(f"{url}/v1/messages", json=body, headers=headers, timeout=60)
                except requests.ConnectionError as error:
                    if "refused" in str(error):
                        continue
                    self.cut.append(str(error))
                else:
                    self.statuses[answer.status_code] += 1
                    if answer.status_code == 429:
                        self._over.wait(1)
                break
            number += 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["asked", "silent"])
def test_a_machine_that_stood_still_past_its_lease_sends_nothing_that_another_one_has_taken_over(
    tmp_path: Path, postgres_database: str, broker: Redis, kind: str
) -> None:
    """A swapping machine, or one that is moved while it runs: two minutes of lease, and ten seconds."""
    count = 600
    with Ledger(latency=0.15) as ledger, Machines(tmp_path, postgres_database, broker.url) as house:
        house.use_ledger(ledger.url)
        house.accept(count)
        first = house.ledger_worker(ledger.url, kind, beat=True, folder=tmp_path / "first")
        house.until(lambda: ledger.requests > 40)
        first.freeze()
        frozen = house.states()["sending"]
        assert frozen > 0, "in the middle of a batch"
        ledger.latency = 0.004
        house.ledger_worker(ledger.url, kind, beat=True, folder=tmp_path / "second")
        wait_until(house.settled, 240)
        before = ledger.requests

        first.thaw()
        # It lives: it answers to what is accepted now, and what it held is not its any more.
        house.accept(200)
        house.until(house.settled)
        assert first.stop() < 10
        assert first.process.returncode == 0

        states, doubted = house.states(), house.ever("uncertain")
        print(f"{frozen} held by the one that stood still: {dict(states)}, {len(doubted)} once in doubt")
        assert set(ledger.taken.values()) == {1}, "nobody gets it twice"
        assert ledger.requests - before == 200
        assert doubted
        if kind == "asked":
            assert states == {"sent": count + 200}
            assert len(ledger.taken) == count + 200
        else:
            assert states["sent"] + states["uncertain"] == count + 200
            assert house.now_in("sent") <= set(ledger.taken)


@pytest.mark.slow
def test_fifty_pauses_past_the_lease_double_nothing(tmp_path: Path, postgres_database: str, broker: Redis) -> None:
    """Thirteen machines stand still at once, four times; one lives on and takes over what they held."""
    machines, rounds, count = 13, 4, 4_000
    dice, pauses = random.Random(17), 0
    with Ledger() as ledger, Machines(tmp_path, postgres_database, broker.url) as house:
        house.use_ledger(ledger.url)
        house.ledger_worker(ledger.url, "asked", beat=True, folder=tmp_path / "survivor")
        others = [
            house.ledger_worker(ledger.url, "asked", concurrency=1, folder=tmp_path / f"machine-{number}")
            for number in range(machines)
        ]
        house.until(lambda: all(children(one) for one in others))
        bell = celery_app(Settings.read(house.env))
        for turn in range(rounds):
            house.accept(count)
            ledger.latency = 0.5
            before = ledger.requests
            for _ in range(3 * machines):
                bell.send_task(SEND, expires=5.0, retry=False, ignore_result=True)
            # All are at work: who has nothing in hand cannot lose it.
            house.until(lambda: len(house.senders()) >= machines, 90)
            house.until(lambda: ledger.requests > before + 20)  # noqa: B023 - called before the next turn of the loop
            for one in others:
                wait_until(lambda: dice.random() < 0.2)
                one.freeze()
            held = len(house.senders()) - 1
            ledger.latency = 0.002
            stood_still = wait_until(house.settled, 240)
            # What the frozen ones held was theirs for two minutes; ten seconds later they wake up.
            thaw_at = time.monotonic() + max(0.0, 130 - stood_still)
            wait_until(lambda: time.monotonic() >= thaw_at, 140)  # noqa: B023
            pauses += held
            for one in others:
                one.thaw()
            house.accept(200)
            house.until(house.settled, 120)
            doubled = sum(times > 1 for times in ledger.taken.values())
            print(f"round {turn + 1}: {held} stood still with messages in hand, {doubled} doubled, {house.states()}")

        assert set(ledger.taken.values()) == {1}, "nobody gets it twice"
        assert house.states() == {"sent": rounds * (count + 200)}
        assert len(ledger.taken) == rounds * (count + 200)
        assert house.ever("uncertain"), "what they had begun was in doubt, and looked up"
        assert pauses >= 50


@pytest.mark.rabbitmq
def test_rabbitmq_rings_as_well_and_may_be_emptied(
    tmp_path: Path, postgres_database: str, rabbitmq_url: str
) -> None:
    named = queues(Settings(database_url=postgres_database)).values()
    try:
        with Machines(tmp_path, postgres_database, rabbitmq_url) as house:
            web, worker = house.web(), house.worker(beat=True)
            house.until(lambda: ready(web))
            warm_up(house, web, 3)
            with Connection(rabbitmq_url) as line:
                for queue in named:
                    line.default_channel.queue_purge(queue)
            house.post(web)
            house.until(lambda: house.states()["delivered"] == 4, seconds=10)
            assert (house.count("attempts"), house.count("simulated_messages")) == (4, 4)
            assert worker.stop() < 10
    finally:
        with Connection(rabbitmq_url) as line:
            for queue in named:
                line.default_channel.queue_delete(queue)

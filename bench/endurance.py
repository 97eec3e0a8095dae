"""What a house stands: a steady rate, a storm of what platforms post, and a long run. All on SQLite."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bench import houses, processes
from bench.provider import provider
from core.contract import Configured
from core.domain.messages import MessageClass
from core.storage import installations, outbox, rules
from integrations.custom_shop.signing import sign

Lines = Iterator[tuple[str, str]]
SECRET = "rsec_for_the_bench"
HANGS_UP = 5
"""Seconds, after which a platform hangs up."""
NUDGE = {"name": "Deux jours après", "on": "cart", "class": "transactional", "when": {"after": "PT48H"},
         "body": "Votre panier vous attend."}  # fmt: skip


# ---------------------------------------------------------------------------------------------- steady


def steady(scale: float, postgres: str) -> Lines:
    """100 messages fall due each second, for a minute: how late they are handed over."""
    rate, seconds = 100, max(int(60 * scale), 10)
    with provider() as (address, _), houses.fresh(address) as house, houses.started(house):
        _spread(house, rate, seconds)
        late = _lateness(house, rate * seconds)
    within = sum(one <= 5 for one in late) / len(late)
    yield (
        f"steady, {rate} due each second for {seconds} s",
        (f"median {_quantile(late, 0.5) * 1000:.0f} ms, p99 {_quantile(late, 0.99) * 1000:.0f} ms, "
        f"last {max(late) * 1000:.0f} ms, {within:.1%} within 5 s, earliest {min(late) * 1000:.0f} ms"),
    )


def _spread(house: houses.House, rate: int, seconds: int) -> None:
    """Messages that fall due one after the other, beginning in two seconds."""
    begins = house.suite.now() + timedelta(seconds=2)
    for second in range(seconds):
        page = [
            one
            for number in range(rate)
            for [one] in houses.messages(
                1, begins + timedelta(seconds=second + number / rate), first=second * rate + number
            )
        ]
        with house.suite.database.write(house.workspace) as tx:
            outbox.accept(tx, page, house.suite.now())


def _lateness(house: houses.House, count: int, patience: float = 240) -> list[float]:
    """Seconds between due and handed over of the transactional messages, when `count` have left."""
    until = time.monotonic() + patience
    query = text("SELECT due_at, left_at FROM messages WHERE left_at IS NOT NULL AND class = 'transactional'")
    while time.monotonic() < until:
        with house.suite.database.read() as tx:
            rows = tx.connection.execute(query).all()
        if len(rows) >= count:
            return [(row[1] - row[0]) / 1_000_000 for row in rows]
        threading.Event().wait(0.5)
    raise SystemExit(f"{len(rows)} of {count} messages left")


# ---------------------------------------------------------------------------------------------- storm


@dataclass
class Platforms:
    """Callers that post signed carts to `address`, `rate` a second, whatever the answers."""

    house: houses.House
    address: str
    installation: str
    rate: float
    first: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    without_a_word: int = 0
    """Refusals that do not say when to come again."""

    def post(self, count: int) -> float:
        """Posts so many, each on a line of its own and at its moment, whatever became of those before; returns the
        seconds that it took."""
        return asyncio.run(self._post(count))

    async def _post(self, count: int) -> float:
        began, under_way = time.monotonic(), set()
        for number in range(count):
            pause = began + number / self.rate - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            one = asyncio.create_task(self._one(self.first + number))
            under_way.add(one)
            one.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
        return time.monotonic() - began

    async def _one(self, number: int) -> None:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(HANGS_UP):
                answer = await self._said(number)
        except OSError as error:
            self.statuses[type(error).__name__] += 1
        else:
            status = answer.split(b" ", 2)[1].decode()
            self.statuses[status] += 1
            if status == "200":
                self.taken.add(f"cart/c{number}")
            elif b"\r\nretry-after:" not in answer.lower():
                self.without_a_word += 1
        self.took.append(time.monotonic() - asked)

    async def _said(self, number: int) -> bytes:
        now = self.house.suite.now()
        cart = {"id": f"c{number}", "total": "10.00", "currency": "EUR", "link": "https://boutique.example/panier",
                "items": [{"name": "Robe", "quantity": 1, "price": "10.00"}],
                "customer": {"phone": f"+336{number * 7919 % 100_000_000:08d}", "first_name": "Ana"}}  # fmt: skip
        body = json.dumps({"id": f"evt-{number}", "type": "cart.updated", "at": now.isoformat(), "cart": cart}).encode()
        stamp = int(now.timestamp())
        head = (f"POST /hooks/custom_shop/{self.installation} HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nRelance-Timestamp: {stamp}\r\n"
                f"Relance-Signature: {sign(SECRET, stamp, body)}\r\n\r\n")
        host, _, port = self.address.partition(":")
        reads, writes = await asyncio.open_connection(host, int(port))
        try:
            writes.write(head.encode() + body)
            return await reads.read()
        finally:
            writes.close()


def storm(scale: float, postgres: str) -> Lines:
    """500 signed carts a second for a minute, ten reminders a second meanwhile, on this one machine."""
    rate, seconds = 500, max(int(60 * scale), 6)
    with provider() as (address, _), houses.fresh(address) as house:
        shop = _shop(house)
        with houses.started(house) as (pid, listens):
            # What one costs when nobody presses; the names go on where these end.
            calm = Platforms(house, listens, shop, 20)
            used = processes.cpu(processes.family(pid))
            calm.post(200)
            each = (processes.cpu(processes.family(pid)) - used) / 200
            _spread(house, 10, seconds)
            callers = Platforms(house, listens, shop, rate, first=200)
            used = processes.cpu(processes.family(pid))
            lasted = callers.post(rate * seconds)
            used = processes.cpu(processes.family(pid)) - used
            late = _lateness(house, 10 * seconds)
            with house.suite.database.read() as tx:
                known = set(tx.connection.execute(text("SELECT \"key\" FROM occasions")).scalars())
                planned = int(tx.connection.execute(
                    text("SELECT count(*) FROM messages WHERE occasion IS NOT NULL")).scalar() or 0)  # fmt: skip
    yield (
        f"storm, {rate} hooks a second for {seconds} s (it took {lasted:.0f} s)",
        (f"answers {dict(callers.statuses)}, p50 {_quantile(callers.took, 0.5):.2f} s, "
        f"p99 {_quantile(callers.took, 0.99):.2f} s, longest {max(callers.took):.2f} s, "
        f"{callers.without_a_word} refusals without Retry-After"),
    )
    refused = callers.statuses["503"]
    yield (
        "storm, what it costs",
        (
            f"{each * 1000:.1f} CPU-ms for a hook that is taken, "
            f"{max(used - callers.statuses['200'] * each, 0) / max(refused, 1) * 1000:.1f} for one that is asked to "
            f"come again; the house had {used / lasted:.0%} of a core"
        ),
    )
    yield (
        "storm, what was taken and what was due meanwhile",
        (f"{len(callers.taken - known)} of {len(callers.taken)} taken are not kept, {planned} planned; reminders: "
        f"p99 {_quantile(late, 0.99):.2f} s, last {max(late):.2f} s"),
    )


def _shop(house: houses.House) -> str:
    now = house.suite.now()
    with house.suite.database.write(house.workspace) as tx:
        given = Configured({}, {"signing_secret": SECRET})
        shop = installations.add(tx, house.suite.vault, "custom_shop", "Boutique", given, now, zone="Europe/Paris",
                                 country="FR", pulls=False)  # fmt: skip
        installations.change(tx, shop, mode="live", live_since=now, control_group=0)
        rules.add(tx, {**NUDGE, "installation": shop}, now)
    return shop


# ---------------------------------------------------------------------------------------------- soak


@dataclass(frozen=True)
class Held:
    """What a process and its children hold at a moment."""

    memory: float
    files: int
    sockets: int
    threads: int


def soak(scale: float, postgres: str) -> Lines:
    """50 messages a second for ten minutes, accepted and sent, and 20 hooks a second: memory, files, lines."""
    rate, minutes = 50, max(10 * scale, 1)
    with provider() as (address, _), houses.fresh(address) as house:
        shop = _shop(house)
        # A house that has lived: each connection's pages are full after the warm-up, and not only hours later.
        houses.fill(house, int(100_000 * min(scale, 1)), house.suite.now(), klass=MessageClass.CONVERSATIONAL)
        with houses.started(house) as (pid, listens):
            callers = Platforms(house, listens, shop, 20)
            seconds = int(minutes * 60)
            posting = threading.Thread(target=callers.post, args=(20 * seconds,))
            posting.start()
            found: list[Held] = []
            for second in range(seconds):
                ends = time.monotonic() + 1
                with house.suite.database.write(house.workspace) as tx:
                    due = house.suite.now() + timedelta(seconds=1)
                    for page in houses.messages(rate, due, first=second * rate):
                        outbox.accept(tx, page, house.suite.now())
                if second % 10 == 0:
                    found.append(_held(pid))
                threading.Event().wait(max(ends - time.monotonic(), 0))
            posting.join()
            late = _lateness(house, rate * seconds)
            found.append(_held(pid))
    warm = found[len(found) // 3:]
    first, last = warm[: max(len(warm) // 8, 1)], warm[-max(len(warm) // 8, 1):]
    before, after = (sum(one.memory for one in part) / len(part) for part in (first, last))
    yield (
        f"soak, {rate} messages and 20 hooks a second for {minutes:.0f} minutes",
        (f"memory {before:.0f} → {after:.0f} MB ({after / before - 1:+.1%} after warm-up), "
        f"files {_span([one.files for one in warm])}, sockets {_span([one.sockets for one in warm])}, "
        f"by thirds {_thirds([one.memory for one in warm])} MB, threads {_span([one.threads for one in warm])}; "
        f"late p99 {_quantile(late, 0.99):.2f} s; "
        f"hooks {dict(callers.statuses)}, p99 {_quantile(callers.took, 0.99):.2f} s"),
    )


def _held(pid: int) -> Held:
    memory, files, sockets, threads = 0.0, 0, 0, 0
    for one in processes.family(pid):
        status = dict(line.partition(":")[::2] for line in Path(f"/proc/{one}/status").read_text().splitlines())
        memory += int(status["VmRSS"].split()[0]) / 1024
        threads += int(status["Threads"])
        for descriptor in Path(f"/proc/{one}/fd").iterdir():
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue
            sockets += target.startswith("socket:")
            files += not target.startswith("socket:")
    return Held(memory, files, sockets, threads)


def _thirds(values: Sequence[float]) -> str:
    third = max(len(values) // 3, 1)
    parts = (values[:third], values[third:2 * third], values[-third:])
    return ", ".join(f"{sum(part) / len(part):.0f}" for part in parts)


def _span(values: Sequence[int]) -> str:
    return f"{min(values)} to {max(values)}"


def _quantile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]

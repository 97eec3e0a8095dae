"""Platforms that call us in a protocol of their own: their doors are opened here, and what they hand in is committed
before it is answered. One process of a house does this: the one of `relance run`, or that of `relance listen`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from core.contract import Installation, Reading, Served, Serves, Slip
from core.domain.errors import NotFound
from core.engine import reporting, silence
from core.engine.applying import apply
from core.ids import new_id
from core.storage import installations, slips
from core.storage.database import Transaction
from core.suite import Suite

PARTS_WAIT = timedelta(minutes=10)
"""For the other parts of something long: they come within seconds, or not at all."""
LOOKED_EVERY = 5.0
"""Seconds between two looks at who is connected, and at what waits for its parts."""
NOTED_EVERY = timedelta(minutes=1)
OPENED_AGAIN = 30.0
"""Seconds after which a door that could not be opened is tried again."""
NOTED = "lines"
"""The name in a connection's memory: how many lines it has, and when that was seen."""
log = structlog.get_logger(__name__)


class Serving:
    """The doors of this process: `turn` as often as the engine ticks, `stop` at the end."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._open: dict[str, Served] = {}
        self._keepers: dict[str, _Keeper] = {}
        self._looked = 0.0
        self._shut_until: dict[str, float] = {}
        self._noted: dict[str, tuple[Mapping[str, int], object]] = {}
        self._telling: dict[str, Future[int]] = {}
        self._tellers: ThreadPoolExecutor | None = None

    def turn(self, suite: Suite, *, at_once: bool = False) -> int:
        """Opens and shuts doors, looks who is there, and tells those what became of their messages. `at_once`: without
        waiting for the next look, and not before all is told. Returns how much there was to do."""
        done = 0
        if at_once or time.monotonic() - self._looked >= LOOKED_EVERY:
            self._looked = time.monotonic()
            done += self._look()
        for installation in self._present():
            running = self._telling.get(installation)
            if running is None or running.done():
                self._telling[installation] = self._pool().submit(self._told, installation)
        if at_once:
            done += sum(one.result() for one in list(self._telling.values()))
        return done

    def port(self, slug: str) -> int | None:
        """On which the platform is listened to; None while its door is shut."""
        served = self._open.get(slug)
        return served.port if served else None

    def stop(self) -> None:
        """In good order: who is there is told that we end."""
        for slug in list(self._open):
            self._shut(slug)
        if self._tellers is not None:
            self._tellers.shutdown(wait=True)

    # ------------------------------------------------------------------ doors

    def _look(self) -> int:
        adapters = {slug: one for slug, one in self._suite.adapters.items() if isinstance(one, Serves)}
        done = 0
        for slug, adapter in adapters.items():
            rows = self._connected(slug)
            if rows or adapter.tools.gates[adapter.gate].chosen:
                done += self._opened(slug, adapter)
            elif slug in self._open:
                self._shut(slug)
            if slug in self._open:
                self._open[slug].look({row.installation.id: row.installation for row in rows})
                self._note(slug, rows)
        return done + (self._without_the_rest() if self._open else 0)

    def _connected(self, slug: str) -> list[installations.Row]:
        with self._suite.database.glance() as glance:
            # An idle house has no such connection: one look at an index, and no transaction.
            if not glance.quick("SELECT 1 FROM installations WHERE adapter = ? AND state <> 'disconnected' LIMIT 1",
                                (slug,)):  # fmt: skip
                return []
        with self._suite.database.read() as tx:
            return installations.of_adapter(tx, self._suite.vault, self._suite.public_url, slug)

    def _opened(self, slug: str, adapter: Serves) -> int:
        if slug in self._open or time.monotonic() < self._shut_until.get(slug, 0.0):
            return 0
        gate = adapter.tools.gates[adapter.gate]
        keeper = self._keepers[slug] = _Keeper(self._suite, adapter)
        try:
            self._open[slug] = adapter.serve(gate, keeper)
        except OSError as error:
            log.warning("door cannot be opened", adapter=slug, address=f"{gate.host}:{gate.port}",
                        problem=error.strerror or str(error))  # fmt: skip
            self._shut_until[slug] = time.monotonic() + OPENED_AGAIN
            return 0
        log.info("door opened", adapter=slug, host=gate.host, port=self._open[slug].port)
        return 1

    def _shut(self, slug: str) -> None:
        doubtful = self._open.pop(slug).stop()
        keeper = self._keepers.pop(slug)
        with self._suite.database.write() as tx:
            slips.arrived(tx, keeper.origin, doubtful)
        log.info("door shut", adapter=slug)

    def _note(self, slug: str, rows: Sequence[installations.Row]) -> None:
        """How many lines each has, for pages that are shown by other processes."""
        present, now = self._open[slug].present(), self._suite.now()
        for row in rows:
            lines = dict(present.get(row.installation.id, {}))
            known, at = self._noted.get(row.installation.id, (None, now))
            if lines == known and timedelta() <= now - at < NOTED_EVERY:  # type: ignore[operator]
                continue
            self._noted[row.installation.id] = lines, now
            said = {NOTED: {**lines, "at": now.isoformat(), "port": self._open[slug].port}}
            with self._suite.database.write(row.installation.workspace) as tx:
                installations.remember(tx, row.installation.id, {}, said)

    # ------------------------------------------------------------------ telling

    def _present(self) -> list[str]:
        return [one for served in self._open.values() for one, lines in served.present().items() if lines.get("out")]

    def _pool(self) -> ThreadPoolExecutor:
        if self._tellers is None:
            self._tellers = ThreadPoolExecutor(4, thread_name_prefix="telling")
        return self._tellers

    def _told(self, installation: str) -> int:
        try:
            return reporting.tell_there(self._suite, installation)
        except Exception:
            # Whatever it was stays due, and does not keep the others from being told.
            log.exception("telling failed", installation=installation)
            return 0

    # ------------------------------------------------------------------ what never became whole

    def _without_the_rest(self) -> int:
        now = self._suite.now()
        with self._suite.database.read() as tx:
            waiting = slips.waiting_since(tx, now - PARTS_WAIT)
        for workspace, installation, whole in waiting:
            with self._suite.database.write(workspace) as tx:
                row = installations.get(tx, self._suite.vault, installation, self._suite.public_url)
                found = slips.parts(tx, installation, [whole]).get(whole, [])
                adapter = self._suite.adapters.get(row.installation.adapter) if row else None
                if row is not None and row.state != "disconnected" and isinstance(adapter, Serves):
                    apply(self._suite, tx, row, adapter.read(row.installation, _in_order(found), now), now)
                slips.over(tx, [one.id for one in found])
        return len(waiting)


@dataclass(slots=True)
class _Keeper:
    """See `core.contract.Keeper`. `origin` is this listener's life."""

    suite: Suite
    adapter: Serves
    origin: str = field(default_factory=lambda: new_id("own"))

    def now(self) -> datetime:
        return self.suite.now()

    def who(self, account: str) -> Installation | None:
        with self.suite.database.read() as tx:
            found = installations.by_account(tx, self.adapter.manifest.slug, account)
            row = installations.get(tx, self.suite.vault, found[0], self.suite.public_url) if found else None
        return row.installation if row is not None and row.state != "disconnected" else None

    def take(self, installation: str, given: Sequence[Slip], doubtful: Collection[str]) -> list[str]:
        suite, now = self.suite, self.suite.now()
        with suite.database.read() as tx:
            workspace = installations.workspace_of(tx, installation)
        if workspace is None:
            raise NotFound("installation")
        with suite.database.write(workspace) as tx:
            row = installations.get(tx, suite.vault, installation, suite.public_url)
            if row is None or row.state == "disconnected":
                raise NotFound("installation")
            free = iter(slips.names(tx, installation, len(given), now))
            known = slips.known(tx, installation, {one.mark for one in given}, self.origin, doubtful, now)
            slips.taken_over(tx, installation, known.values(), self.origin)
            names = [known[one.mark] if one.mark in known else next(free) for one in given]
            new = [(name, one) for name, one in zip(names, given, strict=True) if one.mark not in known]
            kept = slips.add(tx, installation, new, self.origin, now)
            whole = [[one] for one in kept if not one.slip.whole] + self._joined(tx, row, kept)
            said = [self.adapter.read(row.installation, _in_order(parts), now) for parts in whole]
            apply(suite, tx, row, _together(said), now)
            silence.heard(tx, row, now)
        log.info("handed in", installation=installation, count=len(given), repeated=len(given) - len(new))
        suite.wake()
        return names

    def _joined(self, tx: Transaction, row: installations.Row, kept: Sequence[slips.Kept]) -> list[list[slips.Kept]]:
        """What these parts complete; and what they show to be given up over there: another text under the same
        reference, of which a part came that was there already."""
        found: list[list[slips.Kept]] = []
        wholes = {one.slip.whole for one in kept if one.slip.whole}
        for parts in slips.parts(tx, row.installation.id, wholes).values() if wholes else ():
            there: dict[int, slips.Kept] = {}
            for one in parts:
                if one.slip.number in there:
                    found.append(list(there.values()))
                    there = {}
                there[one.slip.number] = one
                if len(there) == one.slip.total:
                    found.append(list(there.values()))
                    there = {}
        slips.over(tx, [one.id for parts in found for one in parts])
        return found


def _in_order(parts: Sequence[slips.Kept]) -> list[tuple[str, Slip]]:
    return [(one.name, one.slip) for one in sorted(parts, key=lambda one: one.slip.number)]


def _together(said: Sequence[Reading]) -> Reading:
    return Reading(
        events=tuple(event for one in said for event in one.events),
        consents=tuple(word for one in said for word in one.consents),
    )


def turned(serving: Serving) -> Callable[[Suite], int]:
    """A turn as the engine's clock asks for it."""
    return partial(Serving.turn, serving)

"""The embedded runner: sending threads that are woken when something is due, and a clock for everything else.

APScheduler is the clock, not the store: a few interval jobs in memory, never one job for each message.
"""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from core.engine import dispatch, ticking
from core.engine.journal import Journal
from core.engine.listening import Listening
from core.engine.serving import Serving
from core.engine.warming import warm_up
from core.ids import new_id
from core.storage import outbox
from core.storage.database import DatabaseAway
from core.suite import Suite, read_clock

LONGEST_SLEEP = timedelta(seconds=1)
BREATH = timedelta(milliseconds=5)
"""After the last claim, before looking again: somebody else may hold what is due."""
HEARD_OUT = timedelta(seconds=4)
"""At the end of the process, how long customers' endpoints and platforms may still take to answer."""
# One provider that answers slowly must not keep the messages of the others waiting; a claim is atomic.
SENDERS = 2
log = structlog.get_logger(__name__)


class Embedded:
    """Starts and stops the engine's threads in this process."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._stopping = threading.Event()
        self._senders = [
            threading.Thread(target=self._send, name=f"sender-{number}", daemon=True) for number in range(SENDERS)
        ]
        self._listening = Listening(suite)
        self._serving = Serving(suite)
        self._clock = BackgroundScheduler(executors={"default": ThreadPoolExecutor(8)}, timezone="UTC")

    def start(self) -> None:
        """Returns at once; what dead senders left behind is looked after before anything new is sent."""
        warm_up(self._suite)
        ticking.done_safely(self._suite, ticking.recover)
        # Each apart: a platform that is slow to answer, or to listen, keeps nobody's channel from being renewed, and
        # does not make the engine look dead.
        for job in (ticking.keep, self._tell, self._pull, ticking.maintain, self._look, self._listen, self._serve):
            self._clock.add_job(
                job, "interval", seconds=1, args=[self._suite], max_instances=1, coalesce=True, misfire_grace_time=None
            )
        self._clock.start()
        for sender in self._senders:
            sender.start()

    def stop(self) -> None:
        """Finishes what is in the air and records it (SIGTERM)."""
        self._stopping.set()
        self._suite.wake()
        # Who answers is heard out; on who does not, we hang up, and tell or ask another time.
        hanging_up = threading.Timer(HEARD_OUT.total_seconds(), self._suite.guarded.hang_up)
        hanging_up.daemon = True
        hanging_up.start()
        self._clock.shutdown(wait=True)
        for sender in self._senders:
            sender.join(timeout=30)
        self._listening.stop()
        self._serving.stop()
        hanging_up.cancel()

    def _pull(self, suite: Suite) -> None:
        ticking.pull(suite, self._stopping.is_set)

    def _tell(self, suite: Suite) -> None:
        ticking.tell(suite, self._stopping.is_set)

    def _look(self, suite: Suite) -> None:
        ticking.look(suite, self._stopping.is_set)

    def _listen(self, suite: Suite) -> None:
        ticking.done_safely(suite, self._listening.refresh)

    def _serve(self, suite: Suite) -> None:
        ticking.done_safely(suite, self._serving.turn)

    def _send(self) -> None:
        journal, sender = self._new_sender()
        while not self._stopping.is_set():
            self._suite.due.clear()
            try:
                read_clock(self._suite)
                pause = self._sleep()
                if not pause:
                    # Only now: an empty claim costs three times what looking costs, every second of an idle house.
                    while not self._stopping.is_set() and sender.turn():
                        pass
                    sender.rest()
                    pause = BREATH
            except DatabaseAway:
                log.warning("database away", job="dispatch")
                self._stopping.wait(1)
                continue
            except Exception:
                # A sender that dies silently is a lost reminder: it says what happened, and goes on.
                log.exception("sending failed")
                # What it had begun is in doubt, and looked up; a new journal keeps that from being forgotten.
                journal.abandon()
                self._stopping.wait(1)
                journal, sender = self._new_sender()
                continue
            self._suite.due.wait(pause.total_seconds())
        sender.rest()
        journal.close()

    def _new_sender(self) -> tuple[Journal, dispatch.Sender]:
        journal = Journal(ticking.journals(self._suite), new_id("own"))
        return journal, dispatch.Sender(self._suite, journal)

    def _sleep(self) -> timedelta:
        """Until the next message is due, at most a second: another process may have stored one."""
        with self._suite.database.glance() as tx:
            due = outbox.next_due(tx)
        if due is None:
            return LONGEST_SLEEP
        return min(max(due - self._suite.now(), timedelta()), LONGEST_SLEEP)

"""The turned clock jumps, and what falls due on the way leaves in its order (demo and test mode)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.domain.errors import Conflict
from core.engine import dispatch, doubting, guarding, notices, reporting, simulation, ticking
from core.engine.waitlist import offering
from core.storage import outbox, simulated, waitlist
from core.suite import Suite, turn_clock

MOST_STOPS = 20_000


@dataclass(frozen=True, slots=True)
class Turned:
    """Where the clock stands now, how far it is from the real one, and how many messages left on the way."""

    now: datetime
    turned: timedelta
    left: int


def jump(suite: Suite, to: datetime) -> Turned:
    """Turns the house's clock to `to` (aware). Forwards it stops at each moment at which a message falls due or a
    simulated phone answers, so that a reminder for Tuesday leaves on Tuesday, though the jump goes to Friday. Backwards
    it just turns. Raises `Conflict` in live mode."""
    _allowed(suite)
    settled = suite.now()
    left = _settle(suite)
    for _ in range(MOST_STOPS):
        # What was due by then and still is has somebody else, or its account pauses: the clock does not wait for it.
        due = _next(suite, settled)
        if due is None or due > to:
            break
        # Real time goes on while a stop is settled: the next one may be over already.
        settled = max(due, suite.now())
        _turn(suite, settled)
        left += _settle(suite)
    _turn(suite, to)
    left += _settle(suite)
    suite.wake()
    return Turned(suite.now(), suite.clock.turned, left)


def reset(suite: Suite) -> Turned:
    """Back to the real time. Raises `Conflict` in live mode."""
    _allowed(suite)
    turn_clock(suite, timedelta())
    return Turned(suite.now(), suite.clock.turned, 0)


def _allowed(suite: Suite) -> None:
    if not suite.settings.clock_may_turn:
        raise Conflict("clock_not_turned_in_live_mode")


def _next(suite: Suite, after: datetime) -> datetime | None:
    """When a message falls due next after that moment, a simulated phone does something, or a free slot goes on."""
    with suite.database.read() as tx:
        moments = (outbox.next_due(tx, after), simulated.next_at(tx, after), waitlist.next_due(tx, after))
    return min((moment for moment in moments if moment is not None), default=None)


def _turn(suite: Suite, to: datetime) -> None:
    turn_clock(suite, to.astimezone(UTC) - (suite.now() - suite.clock.turned))


def _settle(suite: Suite) -> int:
    """What is due now leaves, and what comes back of it is heard."""
    ticking.done_safely(suite, guarding.run_due)
    ticking.done_safely(suite, offering.run_due)
    left = dispatch.run_due(suite)
    if ticking.look(suite):
        left += dispatch.run_due(suite)
    # Not the whole tick: it would say that an engine is running here.
    for job in (
        ticking.accounts_back, doubting.look_up_due, simulation.run_due, offering.run_due, reporting.run_due,
        notices.run_due,
    ):  # fmt: skip
        ticking.done_safely(suite, job)
    return left

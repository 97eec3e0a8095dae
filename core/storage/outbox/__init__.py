"""The outbox: messages wait here as rows until they are due, and are claimed and recorded in batches."""

from __future__ import annotations

from core.storage.outbox.accepting import New, accept
from core.storage.outbox.calling import Calling, call_again, called, calling
from core.storage.outbox.carrying_out import carry_out, keep_unfulfilled, known, said
from core.storage.outbox.claiming import Claimed, claim, give_back, hurry, next_due
from core.storage.outbox.doubting import (
    Doubtful,
    ask_again,
    doubt,
    doubtful,
    not_begun,
    orphaned,
    some_orphaned,
)
from core.storage.outbox.ending import (
    call_off,
    cancel,
    end_one,
    end_these,
    end_waiting,
    end_waiting_for,
    end_waiting_of,
)
from core.storage.outbox.falling_back import Overdue, arrived_earlier, next_channel, overdue, stays_with
from core.storage.outbox.finding import Filter, by_ids, counts, get, listed, of_occasions
from core.storage.outbox.holding import (
    held_for_nothing,
    held_too_long,
    look_elsewhere,
    looked_at,
    looking,
    platforms_to_ask,
    release,
    to_look_at,
)
from core.storage.outbox.moving import advance, advance_all, put_back
from core.storage.outbox.recording import Result, record
from core.storage.outbox.telling import untold

__all__ = [
    "New", "accept",
    "known", "said", "carry_out", "keep_unfulfilled",
    "call_off", "cancel", "end_one", "end_these", "end_waiting", "end_waiting_for", "end_waiting_of",
    "looking", "platforms_to_ask", "to_look_at", "looked_at", "look_elsewhere", "held_too_long", "held_for_nothing",
    "release",
    "Claimed", "claim", "give_back", "hurry", "next_due",
    "Result", "record",
    "next_channel", "arrived_earlier", "Overdue", "overdue", "stays_with",
    "orphaned", "some_orphaned", "doubt", "not_begun", "Doubtful", "doubtful", "ask_again",
    "advance", "advance_all", "put_back",
    "call_again", "Calling", "calling", "called",
    "untold",
    "Filter", "listed", "get", "by_ids", "of_occasions", "counts",
]

"""The request log: each call of a program is noted in memory, and what was noted is written down together now and then,
after an answer has left. A call waits for nothing, and a busy house keeps some of its calls and counts them all."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from flask import Response, current_app, g, request

from core.domain.errors import RelanceError
from core.ids import is_id
from core.storage import request_log
from core.storage.request_log import Hour, Made
from core.suite import Suite

EVERY = 2.0
"""Seconds between two writings at least."""
MOST_DONE, MOST_WRONG = 300, 100
"""How many calls are written down one by one each time: those that went well, and the others."""
log = structlog.get_logger(__name__)


class RequestLog:
    """What this process has noted and not written yet. Any thread may note; one writes at a time."""

    def __init__(self) -> None:
        self._noting, self._writing = threading.Lock(), threading.Lock()
        self._done: deque[Made] = deque(maxlen=MOST_DONE)
        self._wrong: deque[Made] = deque(maxlen=MOST_WRONG)
        self._hours: dict[Hour, tuple[int, int]] = {}
        self._next = time.monotonic() + EVERY

    def note(self, one: Made) -> None:
        kind = request_log.kind_of(one.status)
        hour = (one.workspace, one.at.replace(minute=0, second=0, microsecond=0), kind)
        with self._noting:
            (self._done if kind == "done" else self._wrong).append(one)
            count, micros = self._hours.get(hour, (0, 0))
            self._hours[hour] = (count + 1, micros + one.micros)

    @property
    def due(self) -> bool:
        return bool(self._hours) and time.monotonic() >= self._next

    def flush(self, suite: Suite) -> None:
        """Writes down what was noted. A database that is away costs the log, never a call."""
        if not self._hours or not self._writing.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + EVERY
            with self._noting:
                made, hours = [*self._done, *self._wrong], self._hours
                self._done.clear()
                self._wrong.clear()
                self._hours = {}
            with suite.database.write() as tx:
                request_log.keep(tx, made, hours)
        except RelanceError as error:
            log.warning("calls were not written down", why=error.reason.code, calls=len(made))
        finally:
            self._writing.release()


def of_this_process() -> RequestLog:
    """The log of the running application."""
    book: RequestLog = current_app.extensions["relance_request_log"]
    return book


def noted(response: Response, took: float, at: datetime) -> None:
    """Notes the call that was just answered, if a key made it; what waits long enough is written when the answer has
    left."""
    book = of_this_process()
    key = g.get("key")
    if key is not None and request.url_rule is not None and request.url_rule.rule.startswith("/v1/"):
        book.note(
            Made(key.workspace, key.id, at, request.method, _pattern(request.url_rule.rule), _on(request.view_args),
                 response.status_code, g.get("problem_code"), "dry_run" in request.args, int(took * 1_000_000),
                 g.get("request_id", ""))
        )  # fmt: skip
    if book.due:
        response.call_on_close(partial(book.flush, current_app.extensions["relance"]))


def _pattern(rule: str) -> str:
    return rule.replace("<", "{").replace(">", "}")[:120]


def _on(named: dict[str, Any] | None) -> str | None:
    """The id of ours in the address: what is called by a number or by a name of its own is not kept."""
    return next((name for name in (named or {}).values() if is_id(name)), None)

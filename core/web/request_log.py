"""The request log: each call of a program is noted in memory, and what was noted is written down together now and then,
after an answer has left. A call waits for nothing, and a busy house keeps some of its calls and counts them all."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import structlog
from flask import Response, current_app, request
from flask.globals import app_ctx

from core.domain.errors import RelanceError
from core.ids import is_id
from core.storage import request_log
from core.storage.request_log import Hour, Made
from core.suite import Suite

EVERY = 2.0
"""Seconds between two writings at least."""
MOST_DONE, MOST_WRONG = 300, 100
"""How many calls are written down one by one each time: those that went well, and the others."""
Noted = tuple[str, str, float, str, str, str | None, int, str | None, bool, int, str]
log = structlog.get_logger(__name__)


class RequestLog:
    """What this process has noted and not written yet. Any thread may note; one writes at a time."""

    def __init__(self) -> None:
        self._noting, self._writing = threading.Lock(), threading.Lock()
        self._done: deque[Noted] = deque(maxlen=MOST_DONE)
        self._wrong: deque[Noted] = deque(maxlen=MOST_WRONG)
        self._hours: dict[tuple[str, int, str], list[int]] = {}
        self._next = time.monotonic() + EVERY

    def note(self, one: Noted) -> None:
        """Of the fields of `Made`, in their order, the moment in seconds since 1970: everything else is made of them
        when they are written."""
        status = one[6]
        kind = "done" if status < 400 else "refused" if status < 500 else "failed"
        hour = (one[0], int(one[2]) // 3600, kind)
        with self._noting:
            (self._done if status < 400 else self._wrong).append(one)
            known = self._hours.get(hour)
            if known is None:
                self._hours[hour] = [1, one[9]]
            else:
                known[0] += 1
                known[1] += one[9]

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
                noted, counted = [*self._done, *self._wrong], self._hours
                self._done.clear()
                self._wrong.clear()
                self._hours = {}
            made = [Made(one[0], one[1], _moment(one[2]), *one[3:]) for one in noted]
            hours: dict[Hour, tuple[int, int]] = {
                (workspace, _moment(hour * 3600), kind): (count, micros)
                for (workspace, hour, kind), (count, micros) in counted.items()
            }
            with suite.database.write() as tx:
                request_log.keep(tx, made, hours)
        except RelanceError as error:
            log.warning("calls were not written down", why=error.reason.code, calls=len(noted))
        finally:
            self._writing.release()


def of_this_process() -> RequestLog:
    """The log of the running application."""
    book: RequestLog = current_app.extensions["relance_request_log"]
    return book


def noted(response: Response, took: float, at: datetime) -> None:
    """Notes the call that was just answered, if a key made it; what waits long enough is written when the answer has
    left."""
    about, asked = app_ctx.g, request._get_current_object()  # type: ignore[attr-defined]
    extensions = app_ctx.app.extensions
    book: RequestLog = extensions["relance_request_log"]
    key, rule = about.get("key"), asked.url_rule
    if key is not None and rule is not None and rule.rule.startswith("/v1/"):
        book.note(
            (key.workspace, key.id, at.timestamp(), asked.method, _pattern(rule.rule), _on(asked.view_args),
             response.status_code, about.get("problem_code"), "dry_run" in asked.args, int(took * 1_000_000),
             about.get("request_id", ""))
        )  # fmt: skip
    if book.due:
        response.call_on_close(partial(book.flush, extensions["relance"]))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=512)
def _pattern(rule: str) -> str:
    return rule.replace("<", "{").replace(">", "}")[:120]


def _on(named: dict[str, Any] | None) -> str | None:
    """The id of ours in the address: what is called by a number or by a name of its own is not kept."""
    return next((name for name in (named or {}).values() if is_id(name)), None)

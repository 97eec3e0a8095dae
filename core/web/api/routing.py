"""How every route of `/v1` works: who calls, how fast, what was sent, dry run, the idempotency key, one transaction."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from flask import Flask, Response, current_app, g, request
from marshmallow import Schema

from core.domain.errors import Conflict
from core.storage import access as keys
from core.storage import idempotency
from core.storage.database import Transaction
from core.suite import Suite
from core.web import problems
from core.web.access import Access, allow
from core.web.api import reading
from core.web.app import MOST_BODY, current_suite
from core.web.limits import TooFast

_busy: set[tuple[str, str]] = set()
_busy_lock = threading.Lock()
JSON = "application/json"
SEALED = "idempotency"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route says. `headers` beside the usual ones."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """The body of an answer that is a file: its bytes as they come, how many there are, and what it is called."""

    chunks: Iterator[bytes]
    content_type: str
    name: str
    length: int


@dataclass(frozen=True, slots=True)
class Route:
    """A route and all that its page in the OpenAPI document says. `gives` names a schema of `core.web.api.described`;
    `also` further statuses and what they mean."""

    method: str
    path: str
    view: Callable[..., Answer]
    summary: str
    noun: str
    takes: Schema | None = None
    query: Schema | None = None
    gives: str | None = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    partial: bool = False
    most: int = MOST_BODY
    dry_gives: str | None = None
    reads_body_itself: bool = False
    media: tuple[str, ...] = (JSON,)
    """What the answer may be."""
    secret: bool = False
    """Whether the answer holds a secret that is shown this once."""

    @property
    def name(self) -> str:
        return f"{self.view.__module__.rpartition('.')[2]}.{self.view.__name__}"


class Routes:
    """The routes of one noun."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.all: list[Route] = []

    def __call__(self, method: str, path: str, summary: str, **about: Any) -> Callable[[Any], Any]:
        def added(view: Callable[..., Answer]) -> Callable[..., Answer]:
            self.all.append(Route(method, path, view, summary, self.noun, **about))
            return view

        return added


class _Undone(Exception):
    """Ends the transaction of a dry run: what would happen is known, and nothing is kept."""


class _Replayed(Exception):
    def __init__(self, seen: idempotency.Seen) -> None:
        self.seen = seen


@dataclass(slots=True)
class Call:
    """One request of a program, understood."""

    suite: Suite
    key: keys.Key
    now: datetime
    language: str
    body: dict[str, Any]
    query: dict[str, Any]
    dry_run: bool
    again: str | None
    """The idempotency key."""
    digest: str = ""
    sealed: bool = False
    """Whether the answer holds a secret."""
    answer: Answer | None = None
    kept: bool = False

    @property
    def workspace(self) -> str:
        return self.key.workspace

    @property
    def who(self) -> str:
        """For the audit log."""
        return self.key.id

    @property
    def changes(self) -> bool:
        """False for a dry run: nothing outside the transaction may be touched then."""
        return not self.dry_run

    def done(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        self.answer = Answer(status, body, headers or {})
        return self.answer

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self.suite.database.read(self.workspace) as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """The one transaction of the route's effect. `done` is to be said inside it: the answer of an idempotency key
        is committed with the effect, and a dry run ends it without a trace."""
        with self.suite.database.write(self.workspace) as tx:
            if self.again and self.changes:
                seen = idempotency.begun(tx, self.again, self.digest, self.now)
                if seen.what != "fresh":
                    raise _Replayed(seen)
            yield tx
            if self.dry_run:
                raise _Undone
            if self.again and self.answer is not None:
                self._keep(tx)

    def keep(self) -> None:
        """For routes whose effect has a transaction of its own: keeps the answer of the idempotency key."""
        if self.again and self.changes and not self.kept and self.answer is not None:
            with self.suite.database.write(self.workspace) as tx:
                if idempotency.begun(tx, self.again, self.digest, self.now).what == "fresh":
                    self._keep(tx)

    def _keep(self, tx: Transaction) -> None:
        if self.again is None or self.answer is None:
            return
        written = orjson.dumps(self.answer.body).decode()
        if self.sealed:
            # A secret that is shown once is kept as every secret is.
            kept = {"body": written}
            written = self.suite.vault.seal(kept, workspace=self.workspace, owner=self.again, field=SEALED)
        idempotency.ended(tx, self.again, self.answer.status, written, self.answer.headers)
        self.kept = True


def add(app: Flask, route: Route) -> None:
    def view(**named: str) -> Response:
        return serve(route, named)

    view.most_body = route.most  # type: ignore[attr-defined]
    rule = route.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, f"api.{route.name}", allow(Access.KEY)(view), methods=[route.method])


def serve(route: Route, named: Mapping[str, str]) -> Response:
    call = _understood(route)
    if not call.again or not call.changes:
        return _answered(_done(route, call, named))
    mark = (call.workspace, call.again)
    with _busy_lock:
        if mark in _busy:
            raise Conflict("idempotency_busy")
        _busy.add(mark)
    try:
        with call.read() as tx:
            seen = idempotency.known(tx, call.again, call.digest)
        return _replayed(call, seen) if seen.what != "fresh" else _answered(_done(route, call, named))
    except _Replayed as replayed:
        return _replayed(call, replayed.seen)
    finally:
        with _busy_lock:
            _busy.discard(mark)


def _understood(route: Route) -> Call:
    key: keys.Key = g.key  # looked up by `allow`, once for each request
    if wait := current_limits().take(key.id):
        raise TooFast(wait)
    suite = current_suite()
    query = dict(request.args)
    writes = route.method == "POST"
    dry_run = _yes(query.get("dry_run", "false"), "dry_run") if route.method != "GET" else False
    again = _again() if writes else None
    body: dict[str, Any] = {}
    raw = b""
    if route.takes is not None:
        given, raw = reading.json_object(route.most)
        body = given if route.reads_body_itself else reading.loaded(route.takes, given, partial=route.partial)
    elif writes:
        raw = reading.raw_body(route.most)
    for value in query.values():
        if "\0" in value or len(value) > 1000:
            raise problems.Malformed("query_wrong", name="?")
    found = _queried(route.query, query) if route.query is not None else query
    digest = ""
    if again:
        said = f"{request.method} {request.path}?{request.query_string.decode('latin-1')}\n".encode() + raw
        digest = hashlib.blake2b(said, digest_size=32).hexdigest()
    return Call(suite, key, suite.now(), problems.language(), body, found, dry_run, again, digest, route.secret)


def _done(route: Route, call: Call, named: Mapping[str, str]) -> Answer:
    try:
        answer = route.view(call, **named)
    except _Undone:
        if call.answer is None:
            raise RuntimeError(f"{route.name} said nothing before its transaction ended") from None
        status = 200 if call.answer.status in (201, 202) else call.answer.status
        return Answer(status, call.answer.body, {})
    call.answer = answer
    call.keep()
    if route.method != "GET" and call.changes:
        call.suite.wake()
    return answer


def _answered(answer: Answer, **more: str) -> Response:
    if answer.status == 204:
        return Response(b"", 204)
    if isinstance(answer.body, File):
        file = answer.body
        told = {"Content-Length": str(file.length), "Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.chunks, answer.status, {**told, **answer.headers}, content_type=file.content_type)
    return Response(orjson.dumps(answer.body), answer.status, {**answer.headers, **more}, content_type=JSON)


def _replayed(call: Call, seen: idempotency.Seen) -> Response:
    if seen.what == "other":
        raise problems.Malformed("idempotency_other", status=422)
    if seen.what == "busy":
        raise Conflict("idempotency_busy")
    headers = {**(seen.headers or {}), "Idempotent-Replayed": "true"}
    body = seen.body
    if call.sealed:
        body = call.suite.vault.open(body, workspace=call.workspace, owner=call.again or "", field=SEALED)["body"]
    return Response(body, seen.status, headers, content_type=JSON)


def _again() -> str | None:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not 1 <= len(given) <= 200 or not given.isascii() or not given.isprintable():
        raise problems.Malformed("idempotency_key_bad")
    return given


def _yes(given: str, name: str) -> bool:
    if given.lower() in ("true", "1", "yes", ""):
        return True
    if given.lower() in ("false", "0", "no"):
        return False
    raise problems.Malformed("query_wrong", name=name)


def _queried(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return reading.loaded(schema, given)
    except problems.Several as error:
        names = ", ".join(sorted({pointer.strip("/") for pointer, _ in error.wrong}))
        raise problems.Malformed("query_wrong", name=names[:120]) from error


# ---------------------------------------------------------------------------------------------- lists


def page(rows: Sequence[Any], limit: int, shown: Callable[[Any], dict[str, Any]], cursor: Callable[[Any], str]) -> Any:
    """`rows` were asked for with `limit + 1`: the one too many says that there is more."""
    kept = rows[:limit]
    more = len(rows) > limit
    return {"data": [shown(one) for one in kept], "has_more": more, "next": cursor(kept[-1]) if more else None}


def current_limits() -> Any:
    return current_app.extensions["relance_limits"]

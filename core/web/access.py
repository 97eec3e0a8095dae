"""Who may call what. Every route is classified here or by its decorator; a test walks the URL map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import Any

from flask import Request, current_app, g, request

from core.domain.errors import Forbidden, NotAuthentic
from core.engine.second_factors import REQUIRED
from core.secrets import same
from core.storage import access, house
from core.web.app import current_suite
from core.web.limits import Buckets, TooFast

SESSION_COOKIE = "relance_session"


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    SIGNED = "signed"  # the platform or provider, by its own proof
    KEY = "key"
    SESSION = "session"
    METRICS = "metrics"  # loopback, or a key with that scope


def allow(who: Access) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a view; `KEY` and `SESSION` are also enforced by it."""

    def marked(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if who is Access.KEY:
                require_key()
            return view(*args, **kwargs)

        guarded.relance_access = who  # type: ignore[attr-defined]
        return guarded

    return marked


def require_key(scope: str | None = None) -> access.Key:
    """The key of this request, in `g.key`. Raises `NotAuthentic` (401), `Forbidden` (403, a missing scope)."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if (
        scheme.lower() != "bearer"
        or not given.startswith(("rk_live_", "rk_test_"))
        or len(given) > 200
        or not given.isascii()
    ):
        slow_strangers()
        raise NotAuthentic("send a key as `Authorization: Bearer rk_live_…`", code="key_needed")
    suite = current_suite()
    with suite.database.glance() as tx:
        key = access.key(tx, given.strip(), suite.now())
    if key is None:
        slow_strangers()
        raise NotAuthentic("this key does not exist, was revoked or has expired", code="key_unknown")
    needed = scope or ("read" if request.method in ("GET", "HEAD") else "write")
    if key.scopes and needed not in key.scopes and not (needed == "read" and "write" in key.scopes):
        raise Forbidden("scope_missing", scope=needed)
    if scope == "metrics" and "metrics" not in key.scopes:
        raise Forbidden("scope_missing", scope=scope)
    g.key = key
    _note_use(key)
    return key


def slow_strangers() -> None:
    """Whoever tries keys or proofs is slowed down by address. Raises `TooFast`."""
    strangers: Buckets = current_app.extensions["relance_strangers"]
    if wait := strangers.take(request.remote_addr or "?"):
        raise TooFast(wait)


def _note_use(key: access.Key) -> None:
    """The last use, written at most once a minute for each key and process: a read must not cost a write each time."""
    noted: dict[str, datetime] = current_app.extensions.setdefault("relance_keys_noted", {})
    now = current_suite().now()
    if key.id in noted and timedelta() <= now - noted[key.id] < access.USED_AT_STEP:
        return
    noted[key.id] = now
    with current_suite().database.write() as tx:
        access.key_used(tx, key.id, now)


def signed_in(incoming: Request) -> access.Person | None:
    """The person of the session cookie, if it lives."""
    secret = incoming.cookies.get(SESSION_COOKIE, "")
    if not secret or len(secret) > 200:
        return None
    suite = current_suite()
    with suite.database.read() as tx:
        return access.person(tx, secret, suite.now())


def lacks_second_factor(person: access.Person, workspace: Mapping[str, Any] | None = None) -> bool:
    """Whether the workspace that they look at asks for a second factor, and they came in without one."""
    if person.second:
        return False
    if workspace is None:
        with current_suite().database.read() as tx:
            workspace = house.workspace(tx, person.workspace)
    return workspace is not None and workspace["settings"].get("second_factor") == REQUIRED


def csrf_is_good(person: access.Person, given: str) -> bool:
    """Whether a form bears the token of the session that sends it."""
    return bool(given) and same(given, person.csrf)

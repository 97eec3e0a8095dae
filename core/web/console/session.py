"""Who is looking: `@page` lets people in by their session, by their role, and with the form token on every POST."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import quote

import phonenumbers
from flask import Flask, Response, abort, after_this_request, g, make_response, redirect, request
from flask.typing import ResponseReturnValue

from core.domain import veil
from core.domain.errors import Forbidden
from core.secrets import same
from core.storage import access, house
from core.web.access import SESSION_COOKIE, Access, csrf_is_good, lacks_second_factor, signed_in
from core.web.app import current_suite
from core.web.console.words import LANGUAGES, language, t

FORM_COOKIE = "relance_form"
FLASH_COOKIE = "relance_flash"
LANGUAGE_COOKIE = "relance_language"
_RANKS = {role: rank for rank, role in enumerate(reversed(access.ROLES))}
View = Callable[..., ResponseReturnValue]


PROOF_LIVES = timedelta(hours=2)
"""How long after somebody proved who they are they may do what is not to be done at a computer left alone."""


def page(
    role: str = "viewer", *, writes: str = "editor", proven: bool = False, always: bool = False
) -> Callable[[View], View]:
    """A view for people who signed in with at least `role`; a POST needs `writes` and the session's form token.

    `proven`: a POST also needs that they proved lately who they are. `always`: also for those who still lack the
    second factor that their workspace asks for; everybody else is led to it first.
    Inside it: `g.person` (access.Person), `g.workspace` (`{id, name, settings, test}`), `g.language`.
    """

    def marked(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            person = signed_in(request)
            if person is None:
                return redirect(sign_in_url(), 303)
            _enter(person)
            if not always and lacks_second_factor(person, g.workspace):
                return redirect("/settings/second-factor", 303)
            writing = request.method not in ("GET", "HEAD", "OPTIONS")
            needed = max(role, writes, key=_RANKS.__getitem__) if writing else role
            if not may(needed):
                raise Forbidden("role_missing", role=t(f"role.{needed}"))
            if writing:
                _readable()
                _same_site(csrf_is_good(person, request.form.get("csrf", "")))
                if proven and not is_proven(person):
                    return redirect(f"/prove?next={quote(_page_before(), safe='')}", 303)
            return view(*args, **kwargs)

        guarded.relance_access = Access.SESSION  # type: ignore[attr-defined]
        return guarded

    return marked


def open_page(view: View) -> View:
    """A view for anybody (sign-in, welcome). Its forms bear the token of a cookie of their own."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        g.language = _guessed_language()
        given = request.cookies.get(FORM_COOKIE, "")
        g.form_token = given if 20 <= len(given) <= 100 else secrets.token_urlsafe(32)
        if request.method == "POST":
            _readable()
            _same_site(bool(given) and same(request.form.get("csrf", ""), given))
        after_this_request(_with_form_cookie)
        return view(*args, **kwargs)

    guarded.relance_access = Access.PUBLIC  # type: ignore[attr-defined]
    return guarded


def may(role: str) -> bool:
    """Whether the person who looks has at least `role`."""
    person = g.get("person")
    return person is not None and _RANKS.get(person.role, -1) >= _RANKS[role]


def csrf_token() -> str:
    """The hidden field of every form."""
    person = g.get("person")
    return person.csrf if person else g.get("form_token", "")


def is_proven(person: access.Person) -> bool:
    """Whether they proved lately who they are."""
    return current_suite().now() - person.proved_at <= PROOF_LIVES


def come_in(user: str, wanted: str, *, second: bool = False, door: str = "password") -> Response | None:
    """Lets somebody in who has proved who they are, into their oldest workspace. None when they belong to none."""
    suite = current_suite()
    with suite.database.read() as tx:
        homes = access.workspaces_of(tx, user)
    if not homes:
        return None
    with suite.database.write(homes[0]["id"]) as tx:
        house.note(tx, user, "signed_in", None, {"door": door, "second": second}, suite.now())
    return login(make_response(redirect(wanted, 303)), user, homes[0]["id"], second=second, door=door)


def login(
    response: Response, user_id: str, workspace: str, *, second: bool = False, door: str = "password"
) -> Response:
    """Begins a new session (an old cookie's session ends) and gives it to the browser."""
    suite = current_suite()
    with suite.database.write(workspace) as tx:
        if old := request.cookies.get(SESSION_COOKIE, ""):
            access.end_session(tx, old[:200])
        secret = access.begin_session(tx, user_id, workspace, suite.now(), second=second, door=door)
    set_cookie(response, SESSION_COOKIE, secret, int(access.SESSION_LIVES.total_seconds()))
    response.delete_cookie(FORM_COOKIE)
    return response


def logout(response: Response) -> Response:
    """Ends the session here and in the database."""
    if secret := request.cookies.get(SESSION_COOKIE, ""):
        with current_suite().database.write() as tx:
            access.end_session(tx, secret[:200])
    response.delete_cookie(SESSION_COOKIE)
    return response


def own_path(given: str | None, default: str = "/") -> str:
    """`given` if it is a path of ours, else `default`: nobody is sent elsewhere by a link to our sign-in page."""
    if not given or not given.startswith("/") or given[1:2] in ("/", "\\") or len(given) > 500:
        return default
    return default if any(ord(letter) < 32 or letter == "\\" for letter in given) else given


def sign_in_url() -> str:
    """The sign-in page, which leads back to what was asked for."""
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    return f"/sign-in?next={quote(wanted, safe='')}" if wanted not in ("", "/") else "/sign-in"


def flash(kind: str, key: str, **values: str | int) -> None:
    """Shows the words of `key` on the next page. `kind`: good, warn, bad, info."""
    written = base64.urlsafe_b64encode(json.dumps([kind, key, values]).encode()).decode()

    @after_this_request
    def kept(response: Response) -> Response:
        set_cookie(response, FLASH_COOKIE, written, 60)
        return response


def flashed() -> dict[str, str] | None:
    """What the last request said to show, once: `{"kind", "text"}`."""
    written = request.cookies.get(FLASH_COOKIE, "")
    if not written:
        return None

    @after_this_request
    def shown(response: Response) -> Response:
        if FLASH_COOKIE not in response.headers.get("Set-Cookie", ""):
            response.delete_cookie(FLASH_COOKIE)
        return response

    try:
        kind, key, values = json.loads(base64.urlsafe_b64decode(written.encode()))
        return {"kind": str(kind), "text": t(str(key), **{str(name): value for name, value in values.items()})}
    except (binascii.Error, ValueError, TypeError, AttributeError):
        return None


def turned_clock() -> datetime | None:
    """The moment that the house believes in, when its clock was turned (demo and test mode)."""
    clock = current_suite().clock
    return clock.now() if clock.turned else None


def _enter(person: access.Person) -> None:
    with current_suite().database.read(person.workspace) as tx:
        g.workspace = house.workspace(tx, person.workspace)
        g.workspaces = access.workspaces_of(tx, person.id)
    g.person = person
    g.language = person.language


def _page_before() -> str:
    """The page where the form is likely to be: browsers are told not to say where they come from."""
    return own_path("/" + request.path.strip("/").partition("/")[0])


def _readable() -> None:
    """No text of ours holds a NUL, and not every database can keep one."""
    if any("\0" in one for pair in request.form.items(multi=True) for one in pair):
        abort(400)


def _same_site(token_is_good: bool) -> None:
    if request.headers.get("Sec-Fetch-Site") == "cross-site" or not token_is_good:
        raise Forbidden("form_expired")


def _guessed_language() -> str:
    asked = request.args.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(LANGUAGES) or current_suite().settings.language


def _with_form_cookie(response: Response) -> Response:
    if FORM_COOKIE not in request.cookies and SESSION_COOKIE not in response.headers.get("Set-Cookie", ""):
        set_cookie(response, FORM_COOKIE, g.form_token, 3600 * 4)
    if request.args.get("lang") in LANGUAGES:
        set_cookie(response, LANGUAGE_COOKIE, request.args["lang"], 3600 * 24 * 365)
    return response


def set_cookie(response: Response, name: str, value: str, lives: int, *, path: str = "/") -> None:
    """A cookie that no script reads and no other site sends; `lives` in seconds."""
    secure = current_suite().public_url.startswith("https:")
    response.set_cookie(name, value, max_age=lives, httponly=True, samesite="Lax", secure=secure, path=path)


SHOWN_AS_TEXT = ("text/html", "text/plain", "text/csv", "application/json")


def _veiled(response: Response) -> Response:
    """Who may only look sees no whole number, in whatever a page says: its own sentences, names and titles, replies,
    errors. What they typed themselves they are shown."""
    if g.get("person") is None or may("editor") or response.is_streamed or response.mimetype not in SHOWN_AS_TEXT:
        return response
    home = phonenumbers.country_code_for_region(g.workspace["settings"]["country"])
    known = veil.typed([*request.args.values(), *request.form.values()])
    response.set_data(veil.veiled(response.get_data(as_text=True), str(home), known))
    return response


def register(app: Flask) -> None:
    """What every template may ask about the person who looks."""
    app.after_request(_veiled)
    app.jinja_env.globals.update(
        may=may, csrf_token=csrf_token, flashed=flashed, language=language, turned_clock=turned_clock
    )

"""One-click installs: to the platform and back. The journey itself is in `core.engine.journeys`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, redirect, request

from core.contract import Asked
from core.domain.errors import BadInput, NotAuthentic, RelanceError
from core.engine import installing, journeys
from core.storage.access import Person
from core.web.access import Access, allow, lacks_second_factor, signed_in, slow_strangers
from core.web.app import current_suite
from core.web.hooks import inbound

BROWSER_COOKIE = "relance_install"
HOME = "/connections"
ASKING = "/connections/new/"
MAY_CONNECT = ("owner", "admin")
log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    callback = "/connect/<adapter>/callback"
    for rule, view, who, method in (
        ("/connect/<adapter>", leave, Access.SESSION, "GET"),
        (callback, back, Access.SESSION, "GET"),
        (callback, brought, Access.SIGNED, "POST"),
    ):
        app.add_url_rule(rule, f"connect.{view.__name__}", allow(who)(view), methods=[method])


def leave(adapter: str) -> Response:
    """GET /connect/<adapter>[?reconnect=ins_…&optional=1&return_to=/…&<what is asked>]: sends the person to the
    platform, or to the page that asks what must be known before."""
    person = signed_in(request)
    if person is None:
        return _to("/sign-in", {"next": own_path(request.full_path.rstrip("?"))})
    suite = current_suite()
    dance = journeys.clickable(suite, adapter)
    if lacks_second_factor(person):
        return _to(HOME, {})
    if person.role not in MAY_CONNECT:
        return _to(HOME, {"problem": "forbidden", "adapter": adapter})
    if request.method == "HEAD":
        # Whoever only looks where a link leads begins nothing.
        return _quiet(Response(status=204))
    wishes = Wishes.read(request.args)
    try:
        answers = dance.invited(inbound()) or answers_in(dance.asked, request.args)
        if journeys.questions(suite, person.workspace, adapter, answers, reconnect=wishes.reconnect):
            return _to(f"{ASKING}{adapter}", {**wishes.query(), **answers})
        begun = begin(adapter, person, wishes, answers)
    except RelanceError as error:
        if dance.asked and isinstance(error, BadInput) and error.pointer:
            # It is corrected where it was typed.
            said = {"wrong": error.reason.code, "at": error.pointer[:60]}
            return _to(f"{ASKING}{adapter}", {**wishes.query(), **answers_in(dance.asked, request.args), **said})
        return _failed(adapter, error)
    return bound(redirect(begun.redirect, 303), begun)


def back(adapter: str) -> Response:
    """GET /connect/<adapter>/callback: the platform sent the person back; what the query holds stays in no address."""
    person = signed_in(request)
    if person is None:
        return _to("/sign-in", {"next": HOME})
    if lacks_second_factor(person):
        return _to(HOME, {})
    if request.method == "HEAD":
        return _quiet(Response(status=204))
    try:
        finished = _finished(adapter, person)
    except RelanceError as error:
        return _failed(adapter, error)
    said = {"problem": "scope_missing", "scope": " ".join(finished.missing)[:300]} if finished.missing else {}
    renewed = {"renewed": "1"} if finished.renewed else {}
    response = _to(own_path(finished.return_to), {"connected": finished.installation, **said, **renewed})
    response.delete_cookie(BROWSER_COOKIE, path="/connect/")
    return response


def brought(adapter: str) -> Response:
    """POST /connect/<adapter>/callback: the platform's server brings the grant by itself. Exactly 200, or it does not
    count there either."""
    try:
        installing.bring(current_suite(), adapter, inbound())
    except NotAuthentic:
        slow_strangers()
        raise
    return _quiet(Response(status=200))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a journey is for, beside the platform: what is connected again, how much is asked for, where it ends."""

    reconnect: str | None
    optional: bool
    return_to: str

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Wishes:
        """Out of a query or a form."""
        return cls(
            given.get("reconnect", "")[:40] or None,
            given.get("optional") in ("1", "true"),
            own_path(given.get("return_to") or HOME),
        )

    def query(self) -> dict[str, str]:
        """As an address of ours bears it."""
        said = {"reconnect": self.reconnect or "", "optional": "1" if self.optional else ""}
        where = {"return_to": self.return_to} if self.return_to != HOME else {}
        return {**{name: value for name, value in said.items() if value}, **where}


def answers_in(asked: Sequence[Asked], given: Mapping[str, str]) -> dict[str, str]:
    """What of `given` answers the platform's questions."""
    return {one.name: given[one.name].strip()[:500] for one in asked if given.get(one.name, "").strip()}


def begin(adapter: str, person: Person, wishes: Wishes, answers: Mapping[str, str]) -> installing.Begun:
    """The journey begins, for this person. Raises what `journeys.begin` raises."""
    return installing.begin(
        current_suite(),
        person.workspace,
        person.id,
        adapter,
        return_to=wishes.return_to,
        reconnect=wishes.reconnect,
        optional=wishes.optional,
        answers=answers,
        language=person.language,
    )


def bound(response: object, begun: installing.Begun) -> Response:
    """`response`, which sends the browser away, and the cookie without which nobody comes back."""
    quiet = _quiet(response)
    quiet.set_cookie(
        BROWSER_COOKIE,
        begun.browser,
        max_age=int(installing.STATE_LIVES.total_seconds()),
        path="/connect/",
        httponly=True,
        samesite="Lax",
        secure=current_suite().public_url.startswith("https:"),
    )
    return quiet


def _finished(adapter: str, person: Person) -> installing.Finished:
    finished = installing.finish(
        current_suite(),
        adapter,
        inbound(),
        user=person.id,
        workspace=person.workspace,
        browser=request.cookies.get(BROWSER_COOKIE),
    )
    current_suite().wake()
    return finished


def _failed(adapter: str, error: RelanceError) -> Response:
    log.warning("install failed", adapter=adapter[:40], error_code=error.reason.code)
    response = _to(HOME, {"problem": error.reason.code, "adapter": adapter[:40]})
    response.delete_cookie(BROWSER_COOKIE, path="/connect/")
    return response


def own_path(given: str) -> str:
    """`given` when it is a path of ours, else the list of connections."""
    ours = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable() and "\\" not in given
    return given[:500] if ours else HOME


def _to(path: str, query: Mapping[str, str]) -> Response:
    joint = "&" if "?" in path else "?"
    return _quiet(redirect(f"{path}{joint}{urlencode(query)}" if query else path, 303))


def _quiet(response: object) -> Response:
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

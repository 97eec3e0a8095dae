"""One-click installs: to the vendor and back. The dance itself is in `core.engine.installing`."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import structlog
from flask import Flask, Response, redirect, request

from core.domain.errors import NotFound, RelanceError
from core.engine import installing
from core.storage.access import Person
from core.web.access import Access, allow, signed_in
from core.web.app import current_suite

BROWSER_COOKIE = "relance_install"
HOME = "/connections"
MAY_CONNECT = ("owner", "admin")
log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    for rule, view in (("/connect/<adapter>", leave), ("/connect/<adapter>/callback", back)):
        app.add_url_rule(rule, f"connect.{view.__name__}", allow(Access.SESSION)(view), methods=["GET"])


def leave(adapter: str) -> Response:
    """GET /connect/<adapter>[?reconnect=ins_…&optional=1&return_to=/…]: sends the person to the vendor."""
    person = signed_in(request)
    if person is None:
        return _to("/sign-in", {"next": _own_path(request.full_path.rstrip("?"))})
    suite = current_suite()
    if adapter not in suite.adapters:
        raise NotFound("adapter")
    if person.role not in MAY_CONNECT:
        return _to(HOME, {"problem": "forbidden", "adapter": adapter})
    try:
        begun = installing.begin(
            suite,
            person.workspace,
            person.id,
            adapter,
            return_to=_own_path(request.args.get("return_to", HOME)),
            reconnect=request.args.get("reconnect", "")[:40] or None,
            optional=request.args.get("optional") in ("1", "true"),
        )
    except RelanceError as error:
        return _failed(adapter, error)
    response = _quiet(redirect(begun.redirect, 303))
    response.set_cookie(
        BROWSER_COOKIE,
        begun.browser,
        max_age=int(installing.STATE_LIVES.total_seconds()),
        path="/connect/",
        httponly=True,
        samesite="Lax",
        secure=suite.public_url.startswith("https:"),
    )
    return response


def back(adapter: str) -> Response:
    """GET /connect/<adapter>/callback: the vendor sent the person back; what the query holds stays in no address."""
    person = signed_in(request)
    if person is None:
        return _to("/sign-in", {"next": HOME})
    try:
        finished = _finished(adapter, person)
    except RelanceError as error:
        return _failed(adapter, error)
    missing = {"problem": "scope_missing"} if finished.missing else {}
    response = _to(_own_path(finished.return_to), {"connected": finished.installation, **missing})
    response.delete_cookie(BROWSER_COOKIE, path="/connect/")
    return response


def _finished(adapter: str, person: Person) -> installing.Finished:
    query = {name: value[:2000] for name, value in request.args.items() if name in ("state", "code", "error")}
    if not _right_issuer(adapter, request.args.get("iss")):
        # The state is used up all the same, and the code of another issuer is never handed to this one.
        query = {"state": query.get("state", ""), "error": "wrong_issuer"}
    finished = installing.finish(
        current_suite(),
        adapter,
        query,
        user=person.id,
        workspace=person.workspace,
        browser=request.cookies.get(BROWSER_COOKIE),
    )
    current_suite().wake()
    return finished


def _right_issuer(slug: str, issuer: str | None) -> bool:
    """Whether `iss` (RFC 9207), if it came, names the vendor that the person was sent to."""
    adapter = current_suite().adapters.get(slug)
    dance = adapter.manifest.oauth if adapter else None
    if issuer is None or dance is None:
        return True
    settings = current_suite().settings
    vendors = (
        settings.vendor_auth_urls.get(dance.vendor, dance.authorize_url),
        settings.vendor_token_urls.get(dance.vendor, dance.token_url),
    )
    try:
        return urlsplit(issuer).netloc in {urlsplit(address).netloc for address in vendors}
    except ValueError:
        return False


def _failed(adapter: str, error: RelanceError) -> Response:
    log.warning("install failed", adapter=adapter[:40], error_code=error.reason.code)
    response = _to(HOME, {"problem": error.reason.code, "adapter": adapter[:40]})
    response.delete_cookie(BROWSER_COOKIE, path="/connect/")
    return response


def _own_path(given: str) -> str:
    """`given` when it is a path of ours, else the list of connections."""
    ours = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable() and "\\" not in given
    return given[:500] if ours else HOME


def _to(path: str, query: dict[str, str]) -> Response:
    joint = "&" if "?" in path else "?"
    return _quiet(redirect(f"{path}{joint}{urlencode(query)}" if query else path, 303))


def _quiet(response: object) -> Response:
    assert isinstance(response, Response)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

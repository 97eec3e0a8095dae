"""By the company's own sign-in: out to it, back from it, and signed out over there too."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request
from flask.typing import ResponseReturnValue

from core.domain.errors import NotFound, RelanceError
from core.engine import single_sign_on
from core.web.access import signed_in, slow_strangers
from core.web.app import current_suite
from core.web.console import session
from core.web.console.session import open_page
from core.web.console.sign_in import welcomed

bp = Blueprint("single_sign_on_page", __name__, url_prefix="/sign-in/sso")
BROWSER_COOKIE = "relance_sso"


@bp.get("")
@open_page
def leave() -> ResponseReturnValue:
    """Sends the browser to the company's sign-in. `again`: who is here already proves anew who they are."""
    suite = current_suite()
    if suite.settings.oidc is None:
        raise NotFound("page")
    if request.method == "HEAD":
        return Response(status=204)
    slow_strangers()
    person = signed_in(request) if request.args.get("again") else None
    wanted = session.own_path(request.args.get("next"))
    try:
        begun = single_sign_on.begin(suite, wanted, again=person.id if person else None)
    except RelanceError as error:
        return _failed(error)
    answer = make_response(redirect(begun.redirect, 303))
    lives = int(single_sign_on.LIVES.total_seconds())
    session.set_cookie(answer, BROWSER_COOKIE, begun.browser, lives, path="/sign-in/sso")
    return answer


@bp.get("/back")
@open_page
def back() -> ResponseReturnValue:
    """The company sent the browser back; what the query holds stays in no address."""
    suite = current_suite()
    if suite.settings.oidc is None:
        raise NotFound("page")
    if request.method == "HEAD":
        return Response(status=204)
    try:
        arrived = single_sign_on.finish(suite, request.args, request.cookies.get(BROWSER_COOKIE, "")[:200])
    except RelanceError as error:
        return _failed(error)
    answer = welcomed(arrived.user, arrived.next, door="sso", second=arrived.second)
    if answer is None:
        return _failed(single_sign_on.SignInRefused("sso_nobody"))
    answer.delete_cookie(BROWSER_COOKIE, path="/sign-in/sso")
    return answer


@bp.get("/out")
@open_page
def out() -> ResponseReturnValue:
    """Signed out here already: over there too."""
    suite = current_suite()
    if suite.settings.oidc is None:
        raise NotFound("page")
    try:
        return redirect(single_sign_on.sign_out_address(suite) or "/sign-in", 303)
    except RelanceError as error:
        return _failed(error)


def _failed(error: RelanceError) -> Response:
    answer = make_response(redirect(f"/sign-in?problem={error.reason.code}", 303))
    answer.delete_cookie(BROWSER_COOKIE, path="/sign-in/sso")
    return answer

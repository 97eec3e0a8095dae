"""Coming in and going out: the sign-in page, the first page of a house where nobody lives yet, signing out."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import NotFound
from core.storage import access, house
from core.web.access import SESSION_COOKIE, signed_in
from core.web.app import current_suite
from core.web.console import session
from core.web.console.session import flash, open_page, page

bp = Blueprint("sign_in", __name__)
MOST_TRIES = 10
TRIES_WITHIN = timedelta(minutes=15)


@bp.route("/sign-in", methods=["GET", "POST"])
@open_page
def sign_in() -> ResponseReturnValue:
    """Ten wrong passwords for an address, or from one place, within 15 minutes: a pause. Unknown addresses and wrong
    passwords read the same and take the same time."""
    suite = current_suite()
    wanted = session.own_path(request.values.get("next"))
    if request.method == "GET":
        if signed_in(request) is not None:
            return redirect(wanted, 303)
        with suite.database.read() as tx:
            if not access.anybody(tx):
                return redirect("/welcome", 303)
        return render_template("sign_in.html", next=wanted, email="", wrong=None)
    email, password = request.form.get("email", "")[:200], request.form.get("password", "")[:500]
    doors = (f"sign-in:{email.strip().lower()}", f"sign-in-from:{request.remote_addr}")
    with suite.database.read() as tx:
        # One office shares one address of the network: it may err more often than one person.
        tries = [access.tries(tx, door, suite.now(), TRIES_WITHIN) for door in doors]
        closed = tries[0] >= MOST_TRIES or tries[1] >= 5 * MOST_TRIES
        user = None if closed else access.by_password(tx, email, password)
        homes = access.workspaces_of(tx, user) if user else []
    if closed:
        return _again(email, wanted, "sign_in.slow", 429)
    if not user or not homes:
        with suite.database.write() as tx:
            for door in doors:
                access.count_try(tx, door, suite.now(), TRIES_WITHIN)
        return _again(email, wanted, "sign_in.wrong", 401)
    with suite.database.write(homes[0]["id"]) as tx:
        access.forget_tries(tx, doors[0])
        house.note(tx, user, "signed_in", None, {}, suite.now())
    return session.login(make_response(redirect(wanted, 303)), user, homes[0]["id"])


def _again(email: str, wanted: str, wrong: str, status: int) -> Response:
    answer = make_response(render_template("sign_in.html", next=wanted, email=email, wrong=wrong), status)
    if status == 429:
        answer.headers["Retry-After"] = str(int(TRIES_WITHIN.total_seconds()))
    return answer


@bp.get("/welcome")
@open_page
def welcome() -> ResponseReturnValue:
    """Nobody exists yet: how the first person comes to be."""
    with current_suite().database.read() as tx:
        if access.anybody(tx):
            return redirect("/sign-in", 303)
    return render_template("welcome.html")


@bp.post("/workspace")
@page(writes="viewer")
def switch() -> ResponseReturnValue:
    """Looks at another workspace that the person belongs to."""
    wanted = request.form.get("workspace", "")
    if wanted not in {one["id"] for one in g.workspaces}:
        raise NotFound("workspace")
    with current_suite().database.write() as tx:
        access.switch_workspace(tx, request.cookies[SESSION_COOKIE], wanted)
    return redirect("/", 303)


@bp.post("/sign-out")
@page(writes="viewer")
def sign_out() -> ResponseReturnValue:
    """Ends the session, here and for whoever copied the cookie."""
    flash("info", "sign_in.gone")
    return session.logout(make_response(redirect("/sign-in", 303)))

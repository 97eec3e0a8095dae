"""Coming in and going out: the sign-in page, the first page of a house where nobody lives yet, signing out."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import Forbidden, NotFound
from core.domain.reasons import Reason
from core.domain.sentences import SENTENCES
from core.engine import second_factors as proving
from core.engine import signing_in
from core.engine.second_factors import Proof
from core.engine.signing_in import LINK
from core.storage import access, second_factors, sign_ins
from core.web.access import SESSION_COOKIE, signed_in, slow_strangers
from core.web.app import current_suite
from core.web.console import session
from core.web.console.session import flash, open_page, page
from core.web.console.words import sentence

bp = Blueprint("sign_in", __name__)
MOST_TRIES = 10
MOST_FROM_HERE = 5 * MOST_TRIES
TRIES_WITHIN = timedelta(minutes=15)
CODE = "code"
CODE_COOKIE = "relance_code"
CODE_LIVES = timedelta(minutes=10)


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
        return _page("", wanted, None)
    if suite.settings.oidc and suite.settings.oidc.only:
        raise Forbidden("sso_only")
    email, password = request.form.get("email", "")[:200], request.form.get("password", "")[:500]
    door = f"sign-in:{email.strip().lower()}"
    with suite.database.write() as tx:
        # One office shares one address of the network: it may err more often than one person.
        if not access.admitted(tx, {door: MOST_TRIES, from_here(): MOST_FROM_HERE}, suite.now(), TRIES_WITHIN):
            return _again(email, wanted, "sign_in.slow", 429)
    with suite.database.read() as tx:
        user = access.by_password(tx, email, password)
        homes = access.workspaces_of(tx, user) if user else []
    if not user or not homes:
        signing_in.missed(suite, email, door, MOST_TRIES, TRIES_WITHIN)
        return _again(email, wanted, "sign_in.wrong", 401)
    with suite.database.write() as tx:
        access.forget_tries(tx, door)
        access.give_back(tx, from_here())
    return welcomed(user, wanted) or redirect("/sign-in", 303)


def welcomed(user: str, wanted: str, *, door: str = "password", second: bool = False) -> Response | None:
    """Somebody who has proved who they are by `door`: in, or on to the page that asks for the code of their second
    factor. None when they belong to no workspace."""
    suite = current_suite()
    with suite.database.read() as tx:
        asked = not second and second_factors.counts(tx, user)
    if not asked:
        return session.come_in(user, wanted, second=second, door=door)
    with suite.database.write() as tx:
        kept = {"next": wanted, "door": door}
        secret = sign_ins.begin(tx, suite.vault, CODE, user, kept, suite.now() + CODE_LIVES)
    answer = make_response(redirect("/sign-in/code", 303))
    session.set_cookie(answer, CODE_COOKIE, secret, int(CODE_LIVES.total_seconds()), path="/sign-in")
    return answer


@bp.route("/sign-in/code", methods=["GET", "POST"])
@open_page
def code() -> ResponseReturnValue:
    """The second page for who has a second factor: the code of the app, or a recovery code."""
    suite = current_suite()
    secret = request.cookies.get(CODE_COOKIE, "")[:200]
    with suite.database.read() as tx:
        under_way = sign_ins.seen(tx, suite.vault, CODE, secret, suite.now()) if secret else None
    if under_way is None or under_way.user is None:
        return redirect("/sign-in", 303)
    if request.method == "GET":
        return render_template("sign_in_code.html", wrong=None)
    given = request.form.get("code", "")[:60]
    with suite.database.write() as tx:
        let_in = access.admitted(tx, {from_here(): MOST_FROM_HERE}, suite.now(), TRIES_WITHIN)
    ended = proving.proven(suite, under_way.user, given) if let_in else Proof.SLOW
    if ended is Proof.SLOW:
        return _slowed(make_response(render_template("sign_in_code.html", wrong="sign_in.code_slow"), 429))
    if ended is Proof.WRONG:
        return make_response(render_template("sign_in_code.html", wrong="sign_in.code_wrong"), 401)
    with suite.database.write() as tx:
        used = sign_ins.use(tx, suite.vault, CODE, secret, suite.now())
        access.give_back(tx, from_here())
    kept = used.kept if used else {}
    answer = session.come_in(under_way.user, kept["next"], second=True, door=kept["door"]) if used else None
    answer = answer or make_response(redirect("/sign-in", 303))
    answer.delete_cookie(CODE_COOKIE, path="/sign-in")
    return answer


@bp.route("/sign-in/link", methods=["GET", "POST"])
@open_page
def link() -> ResponseReturnValue:
    """A link that the operator made. Whoever only looks where it leads does not use it up."""
    suite = current_suite()
    secret = request.values.get("code", "")[:200]
    if request.method == "GET":
        return render_template("sign_in_link.html", code=secret, over=False)
    with suite.database.write() as tx:
        used = sign_ins.use(tx, suite.vault, LINK, secret, suite.now())
    answer = welcomed(used.user, "/", door="link") if used and used.user else None
    if answer is None:
        slow_strangers()
        return make_response(render_template("sign_in_link.html", code="", over=True), 401)
    return answer


def own_password(given: str) -> bool | None:
    """Whether it is the password of who looks; None when they have tried too often. Whoever sits at a computer that was
    left alone has no more tries than at the door."""
    suite, door = current_suite(), f"sign-in:{g.person.email}"
    with suite.database.write() as tx:
        if not access.admitted(tx, {door: MOST_TRIES}, suite.now(), TRIES_WITHIN):
            return None
    with suite.database.read() as tx:
        known = access.by_password(tx, g.person.email, given[:500]) == g.person.id
    if known:
        with suite.database.write() as tx:
            access.forget_tries(tx, door)
    return known


def from_here() -> str:
    """The door of everybody who comes from this address of the network."""
    return f"sign-in-from:{request.remote_addr}"


def _page(email: str, wanted: str, wrong: str | None) -> str:
    suite, problem = current_suite(), request.args.get("problem", "")[:40]
    return render_template(
        "sign_in.html", next=wanted, email=email, wrong=wrong, sso=suite.settings.oidc,
        problem=sentence(Reason(problem)) if problem.startswith("sso_") and problem in SENTENCES else None,
        out=suite.settings.oidc is not None and request.args.get("out") == "sso",
    )  # fmt: skip


def _again(email: str, wanted: str, wrong: str, status: int) -> Response:
    answer = make_response(_page(email, wanted, wrong), status)
    return _slowed(answer) if status == 429 else answer


def _slowed(answer: Response) -> Response:
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
@page(writes="viewer", always=True)
def switch() -> ResponseReturnValue:
    """Looks at another workspace that the person belongs to."""
    wanted = request.form.get("workspace", "")
    if wanted not in {one["id"] for one in g.workspaces}:
        raise NotFound("workspace")
    with current_suite().database.write() as tx:
        access.switch_workspace(tx, request.cookies[SESSION_COOKIE], wanted)
    return redirect("/", 303)


@bp.post("/sign-out")
@page(writes="viewer", always=True)
def sign_out() -> ResponseReturnValue:
    """Ends the session, here and for whoever copied the cookie."""
    flash("info", "sign_in.gone")
    return session.logout(make_response(redirect("/sign-in?out=sso" if g.person.door == "sso" else "/sign-in", 303)))

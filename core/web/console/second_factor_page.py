"""A person's second factor: set up with a picture for the telephone, proved once, looked after; and proving oneself
again before what is not to be done at a computer left alone."""

from __future__ import annotations

import io

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from core.domain import second_factor
from core.domain.errors import Conflict
from core.engine import second_factors as proving
from core.engine.second_factors import Proof
from core.storage import access, second_factors
from core.web.app import current_suite
from core.web.console import session
from core.web.console.session import flash, page
from core.web.console.sign_in import TRIES_WITHIN, own_password
from core.web.console.words import t

bp = Blueprint("second_factor_page", __name__)


@bp.get("/settings/second-factor")
@page(always=True)
def shown() -> ResponseReturnValue:
    """Where the person stands with it. Who is asked for one they have already proves it first."""
    with current_suite().database.read() as tx:
        counts = second_factors.counts(tx, g.person.id)
    if counts and not g.person.second:
        return redirect("/prove?next=/settings/second-factor", 303)
    return _shown()


@bp.post("/settings/second-factor/<verb>")
@page(writes="viewer", proven=True, always=True)
def change(verb: str) -> ResponseReturnValue:
    """begin, confirm, codes (new recovery codes), remove; require and release for the whole workspace."""
    suite = current_suite()
    if verb == "confirm":
        codes = proving.confirm(suite, g.person, request.form.get("code", "")[:60])
        return _codes(codes) if codes else _shown(wrong=True)
    with suite.database.read() as tx:
        counts = second_factors.counts(tx, g.person.id)
    if counts and not g.person.second:
        return redirect("/prove?next=/settings/second-factor", 303)
    if verb == "begin":
        if counts:
            raise Conflict("second_factor_there")
        with suite.database.write() as tx:
            second_factors.begin(tx, suite.vault, g.person.id, suite.now())
    elif verb == "codes":
        return _codes(proving.recovery_codes(suite, g.person))
    elif verb == "remove":
        proving.give_up(suite, g.person)
        flash("info", "factor.removed")
    elif verb in ("require", "release"):
        proving.require(suite, g.person, verb == "require")
        flash("good", "settings.saved")
        return redirect("/settings#people", 303)
    return redirect("/settings/second-factor", 303)


@bp.route("/prove", methods=["GET", "POST"])
@page(writes="viewer", always=True)
def prove() -> ResponseReturnValue:
    """Who comes back to it after a while proves once more who they are, and does again what they were about to do."""
    suite = current_suite()
    wanted = session.own_path(request.values.get("next"))
    with suite.database.read() as tx:
        by_code = second_factors.counts(tx, g.person.id)
    if request.method == "GET":
        return _prove(wanted, by_code)
    ended = _by_code(request.form.get("code", "")) if by_code else _by_password(request.form.get("password", ""))
    if ended is not Proof.GOOD:
        return _prove(wanted, by_code, ended)
    with suite.database.write() as tx:
        access.proved(tx, g.person.session, suite.now(), second=by_code)
    return redirect(wanted, 303)


def _by_code(given: str) -> Proof:
    return proving.proven(current_suite(), g.person.id, given[:60])


def _by_password(given: str) -> Proof:
    known = own_password(given)
    return Proof.SLOW if known is None else Proof.GOOD if known else Proof.WRONG


def _prove(wanted: str, by_code: bool, ended: Proof = Proof.GOOD) -> ResponseReturnValue:
    status = {Proof.GOOD: 200, Proof.WRONG: 401, Proof.SLOW: 429}[ended]
    wrong = {Proof.GOOD: None, Proof.WRONG: "prove.wrong", Proof.SLOW: "prove.slow"}[ended]
    sso = current_suite().settings.oidc
    by_sso = sso.name if sso and not by_code and (sso.only or g.person.door == "sso") else None
    told = render_template("prove.html", next=wanted, by_code=by_code, by_sso=by_sso, wrong=wrong)
    answer = make_response(told, status)
    if status == 429:
        answer.headers["Retry-After"] = str(int(TRIES_WITHIN.total_seconds()))
    return answer


def _codes(codes: list[str]) -> ResponseReturnValue:
    return render_template("recovery_codes.html", codes=codes)


def _shown(*, wrong: bool = False) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read() as tx:
        factor = second_factors.known(tx, suite.vault, g.person.id, suite.now())
        left = second_factors.recovery_codes_left(tx, g.person.id)
    asked = g.workspace["settings"].get("second_factor") == proving.REQUIRED
    begun = factor is not None and factor.since is None and factor.secret is not None
    secret = factor.secret if begun and factor else None
    return render_template(
        "second_factor.html",
        since=factor.since if factor else None,
        left=left,
        required=asked,
        picture=_picture(secret) if secret else None,
        spelled=second_factor.spelled(secret) if secret else "",
        wrong=t("factor.code_wrong") if wrong else None,
    ), 422 if wrong else 200


def _picture(secret: bytes) -> Markup:
    """As SVG in the page: nothing is fetched, and no script draws it."""
    import segno  # a page in a thousand needs it

    told = second_factor.address(secret, g.person.email, f"Relance {g.workspace['name']}"[:60])
    drawn = io.BytesIO()
    segno.make(told, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, light="#fff", dark="#000",
        svgclass="qr", lineclass=None, title=t("factor.picture"),
    )  # fmt: skip
    # Drawn here, out of letters and digits.
    return Markup(drawn.getvalue().decode())  # noqa: S704  # nosec B704

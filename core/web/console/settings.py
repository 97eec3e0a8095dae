"""Settings: the workspace, what messages show, its hours, people and their roles, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, RelanceError
from core.domain.policy.week import DAYS
from core.engine import arranging, membership
from core.storage import access, audit, house
from core.web.app import current_suite
from core.web.console.formats import spelled
from core.web.console.session import flash, page
from core.web.console.sign_in import TRIES_WITHIN, own_password
from core.web.console.words import catalogue, sentence, t
from core.web.limits import TooFast

bp = Blueprint("settings", __name__, url_prefix="/settings")
COUNTRIES = tuple("FR GP MQ GF RE YT BE CH LU MC DE ES IT PT NL GB IE CA US".split())


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """All on one page."""
    return _shown()


@bp.post("/house")
@page(writes="admin")
def change_house() -> ResponseReturnValue:
    """Name, place, language, and whether people are patients or clients."""
    form = request.form
    return _done(
        "house",
        lambda: arranging.house_of(
            current_suite(),
            g.person.workspace,
            name=form.get("name", ""),
            zone=form.get("zone", ""),
            country=form.get("country", ""),
            subdivision=form.get("subdivision", "").strip().upper(),
            language=form.get("language", ""),
            people=form.get("people", ""),
            health="health" in form,
            who=g.person.id,
        ),
    )


@bp.post("/sending")
@page(writes="admin")
def change_sending() -> ResponseReturnValue:
    """The sender, and the numbers that are never a patient's."""
    numbers = [line.strip() for line in request.form.get("own_numbers", "").splitlines() if line.strip()]
    return _done(
        "sending",
        lambda: arranging.sending(
            current_suite(),
            g.person.workspace,
            sender=request.form.get("sender", ""),
            own_numbers=numbers,
            who=g.person.id,
        ),
    )


@bp.post("/hours")
@page(writes="admin")
def change_hours() -> ResponseReturnValue:
    """The workspace's own hours, which narrow what the law allows."""
    own = {day: request.form.get(day, "") for day in DAYS} if request.form.get("own") == "yes" else None
    return _done("hours", lambda: arranging.hours(current_suite(), g.person.workspace, own, who=g.person.id))


@bp.post("/me")
@page(writes="viewer")
def change_me() -> ResponseReturnValue:
    """The person's own name and language."""
    language = request.form.get("language", "")
    with current_suite().database.write(g.person.workspace) as tx:
        access.change_user(
            tx,
            g.person.id,
            name=request.form.get("name", "").strip()[:100],
            language=language if language in ("fr", "en") else g.person.language,
        )
    flash("good", "settings.saved")
    return redirect("/settings#me", 303)


@bp.post("/password")
@page(writes="viewer")
def change_password() -> ResponseReturnValue:
    """A new password, for who knows the old one; all sessions end."""
    suite, new = current_suite(), request.form.get("new", "")
    known = own_password(request.form.get("old", ""))
    if known is None:
        raise TooFast(int(TRIES_WITHIN.total_seconds()))
    if not known or not 10 <= len(new) <= 500:
        code = "password_old_wrong" if not known else "password_too_short"
        return _shown("password", BadInput(code, pointer="/old" if not known else "/new"))
    with suite.database.write(g.person.workspace) as tx:
        access.set_password(tx, g.person.id, new)
        house.note(tx, g.person.id, "password_changed", g.person.id, {}, suite.now())
    flash("good", "settings.password_changed")
    return redirect("/sign-in", 303)


# ---------------------------------------------------------------------------------------------- people


@bp.post("/people")
@page(writes="admin", proven=True)
def invite() -> ResponseReturnValue:
    """A new person; the password is in this answer and nowhere else."""
    form = request.form
    try:
        password = membership.invite(
            current_suite(), g.person, form.get("email", ""), form.get("name", ""), form.get("role", ""), g.language
        )
    except RelanceError as error:
        return _shown("people", error)
    return _shown(once={"what": "password", "value": password, "who": form.get("email", "")})


@bp.post("/people/<user>/<verb>")
@page(writes="admin", proven=True)
def change_person(user: str, verb: str) -> ResponseReturnValue:
    """role, password, second-factor, remove."""
    suite = current_suite()
    try:
        if verb == "password":
            password = membership.new_password(suite, g.person, user)
            return _shown(once={"what": "password", "value": password, "who": request.form.get("email", "")})
        if verb == "second-factor":
            membership.reset_second_factor(suite, g.person, user)
        elif verb == "remove":
            membership.remove(suite, g.person, user)
        else:
            membership.give_role(suite, g.person, user, request.form.get("role", ""))
    except RelanceError as error:
        return _shown("people", error)
    flash("good", "settings.saved")
    return redirect("/settings#people", 303)


def _done(section: str, change: Callable[[], None]) -> ResponseReturnValue:
    try:
        change()
    except BadInput as error:
        return _shown(section, error)
    flash("good", "settings.saved")
    return redirect(f"/settings#{section}", 303)


def _shown(section: str = "", error: RelanceError | None = None, once: dict[str, str] | None = None) -> Any:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        workspace = house.workspace(tx, g.person.workspace)
        people = access.members(tx)
        noted = audit.listed(tx, limit=10) if g.person.role in ("owner", "admin") else []
    g.workspace = workspace
    settings = workspace["settings"] if workspace else house.DEFAULTS
    names = {one["id"]: one["name"] or one["email"] for one in people}
    answer = render_template(
        "settings.html",
        settings=settings,
        own_numbers="\n".join(spelled(number) for number in settings["own_numbers"]),
        own_hours={day: _windows(settings["hours"], index) for index, day in enumerate(DAYS)},
        days=DAYS,
        zones=sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix"))),
        countries=[(code, t(f"country.{code}")) for code in COUNTRIES],
        people=people,
        factor=any(one["id"] == g.person.id and one["second_factor_at"] for one in people),
        roles=access.ROLES,
        noted=noted,
        names=names,
        audit_words=catalogue(),
        section=section,
        wrong=sentence(error.reason) if error else None,
        pointer=getattr(error, "pointer", ""),
        once=once,
    )
    return make_response(answer, error.status if error and error.status != 400 else 422 if error else 200)


def _windows(hours: Any, index: int) -> str:
    """One day of stored hours, whose names may span days ("mon-fri")."""
    found: list[str] = []
    for name, windows in (hours or {}).items():
        first, _, last = name.partition("-")
        if DAYS.index(first) <= index <= DAYS.index(last or first):
            found.extend(windows)
    return ", ".join(sorted(found))

"""Before and beside a connection: what can be connected, what must be said before leaving, what is missing there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Asked, Chooses, HandsOver, Serves, TakesKeys
from core.domain.errors import BadInput, NotFound, NotNow
from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.domain.sentences import SENTENCES
from core.engine import installing, journeys, preflight
from core.storage import installations
from core.suite import Suite
from core.web import connect
from core.web.app import current_suite
from core.web.console.session import page
from core.web.console.words import french, language, t

bp = Blueprint("connecting", __name__, url_prefix="/connections")


@dataclass(frozen=True, slots=True)
class Platform:
    """One that can be connected by a click, or by keys. `setting` is what the operator has not set yet; `there` counts
    what is connected already."""

    slug: str
    name: str
    asks: bool
    setting: str | None
    callback: str
    there: int
    by_code: bool = False
    by_keys: bool = False
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A question of the platform, in the person's words, with what was answered."""

    name: str
    label: str
    help: str
    example: str
    options: list[tuple[str, str]]
    value: str
    required: bool
    error: Reason | None


@bp.get("/new")
@page("admin")
def platforms() -> ResponseReturnValue:
    """What can be connected."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
    offered = [one for slug in sorted(suite.adapters) if (one := _platform(suite, slug, rows)) is not None]
    return render_template("connect_list.html", platforms=sorted(offered, key=lambda one: one.name.lower()))


def _platform(suite: Suite, slug: str, rows: list[installations.Row]) -> Platform | None:
    adapter = suite.adapters[slug]
    there = sum(row.installation.adapter == slug for row in rows)
    if isinstance(adapter, Serves):
        return Platform(slug, adapter.manifest.name, True, None, "", there, by_line=True)
    if isinstance(adapter, TakesKeys):
        return Platform(slug, adapter.manifest.name, False, None, "", there, by_keys=True)
    dance = installing.one_click(adapter)
    if dance is None:
        return None
    oauth, setting = dance.manifest.oauth, None
    if oauth is not None and not suite.settings.vendor_clients.get(oauth.vendor, ("", ""))[0]:
        setting = f"RELANCE_{oauth.vendor.upper()}_CLIENT_ID"
    by_code, callback = isinstance(dance, HandsOver), installing.redirect_uri(suite, slug)
    return Platform(slug, dance.manifest.name, bool(dance.asked), setting, callback, there, by_code)


@bp.route("/new/<adapter>", methods=["GET", "POST"])
@page("admin", writes="admin")
def ask(adapter: str) -> ResponseReturnValue:
    """What the platform must be told before leaving; then the person leaves."""
    suite = current_suite()
    dance = journeys.clickable(suite, adapter)
    given = request.form if request.method == "POST" else request.args
    wishes = connect.Wishes.read(given)
    if isinstance(suite.adapters[adapter], Chooses) and not wishes.reconnect and wishes.return_to == connect.HOME:
        # What the account holds is ticked next, before anything is read.
        wishes = replace(wishes, return_to="/start/connected")
    wrong = Reason(code) if (code := given.get("wrong", "")) in SENTENCES else None
    at = given.get("at", "")[:60]
    if request.method == "POST":
        try:
            begun = connect.begin(adapter, g.person, wishes, connect.answers_in(dance.asked, given))
            return connect.bound(going(begun.redirect), begun)
        except (BadInput, NotNow) as error:
            wrong, at = error.reason, error.pointer if isinstance(error, BadInput) else ""
    elif not dance.asked:
        return redirect(f"/connect/{adapter}?{urlencode(wishes.query())}".rstrip("?"), 303)
    fields = [field_of(one, given.get(one.name, "")[:500], wrong if at == f"/{one.name}" else None, dance.asked)
              for one in dance.asked]  # fmt: skip
    elsewhere = wrong if not any(one.error for one in fields) else None
    shown = render_template(
        "connect_ask.html", adapter=adapter, platform=dance.manifest.name, fields=fields, wrong=elsewhere,
        wishes=wishes.query(), remedy=remedy(wrong.code, language()) if wrong else "",
    )
    return make_response(shown, 422 if wrong and request.method == "POST" else 200)


def field_of(one: Asked, value: str, error: Reason | None, asked: Sequence[Asked] = ()) -> Field:
    """A question, one of `asked`, as a person sees it."""
    options = [(key, said_by(words, key)) for key, words in one.options.items()]
    needed = one.required and one.only_with is None
    hint = said_by(one.help)
    if one.only_with is not None:
        name, key = one.only_with
        choices = [said_by(other.options.get(key, {}), key) for other in asked if other.name == name]
        hint = " ".join([*(t("connect.only_with", choice=choice) for choice in choices), hint])
    return Field(one.name, said_by(one.label, one.name), hint, one.example, options, value, needed, error)


def said_by(words: Mapping[str, str], otherwise: str = "") -> str:
    """An adapter's words in the language of the person who looks, set as ours are."""
    said = words.get(language()) or words.get("en", otherwise)
    return french(said) if language() == "fr" else said


def going(address: str, platform: str = "") -> ResponseReturnValue:
    """A page that says where the person is being sent, and goes there. Not a redirect: a browser that keeps to our
    policy follows none to another site after a form."""
    host = urlsplit(address).hostname or platform
    response = make_response(render_template("connect_going.html", address=address, host=host))
    response.headers["Refresh"] = f"0; url={address}"
    return response


@bp.get("/<installation>/checks")
@page("editor")
def checks(installation: str) -> ResponseReturnValue:
    """What is missing over there, each with the click that mends it. Asked of the platform now."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    if row is None or row.state == "disconnected":
        raise NotFound("installation")
    found = preflight.look(suite, g.person.workspace, row.installation.id)
    adapter = suite.adapters.get(row.installation.adapter)
    again = installing.one_click(adapter) is not None
    return render_template(
        "connect_checks.html", row=row, found=found, again=again, takes_keys=isinstance(adapter, TakesKeys),
        mends={one.reason.code: remedy(one.reason.code, language()) for one in found if one.reason is not None},
    )

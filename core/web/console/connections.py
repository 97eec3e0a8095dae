"""Connections: a card for each platform that talks to us and for each way out, its state in words, and one way on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Adapter, Chooses, HandsOver, KeepsTemplates, Pulls, Reports, Serves, TakesKeys, Url
from core.domain.errors import BadInput, NotFound
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.engine import installing, outways, pulling, switching
from core.storage import accounts, installations, occasions
from core.suite import Suite
from core.web.app import current_suite
from core.web.console.asking import opens
from core.web.console.connecting import going
from core.web.console.session import flash, page
from core.web.console.words import sentence

bp = Blueprint("connections", __name__, url_prefix="/connections")
SOON = timedelta(days=8)
# The fields that a person fills; a provider that is not here is given its settings as the API takes them.
FORMS: Mapping[str, tuple[str, ...]] = {
    "smsmode": ("api_key", "sender", "voice_access_token"),
    "twilio": ("account_sid", "auth_token", "messaging_service_sid", "sender", "voice_sender"),
    "whatsapp_cloud": ("phone_number_id", "waba_id", "access_token", "app_secret", "verify_token"),
}
SECRET = frozenset({"api_key", "auth_token", "access_token", "app_secret", "verify_token", "voice_access_token"})
NEEDED = frozenset({"api_key", "account_sid", "auth_token", "phone_number_id", "access_token", "app_secret",
                    "verify_token"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """A connection as its card shows it. `ends`: the grant's end, when it is near. `lag`: since the last look."""

    row: installations.Row
    platform: str
    picture: str
    appointments: int
    pulls: bool
    chooses: bool
    one_click: bool
    takes_keys: bool
    hands_over: bool
    has_lines: bool
    records: bool
    can_write: bool
    writes: bool
    ends: datetime | None
    lag: timedelta | None
    every: timedelta
    own_page: str = ""
    """Where a shop or site has pages of its own."""


@bp.get("")
@page()
def listed() -> ResponseReturnValue:
    """All of them, and what went wrong with the one that was just tried."""
    return _listed()


@bp.post("/<installation>/<verb>")
@page(writes="admin")
def act(installation: str, verb: str) -> ResponseReturnValue:
    """pause, resume, sync, live, rehearse, write-on, write-off, rename, disconnect."""
    suite, workspace, who = current_suite(), g.person.workspace, g.person.id
    row = _row(suite, installation)
    if verb == "pause":
        switching.pause(suite, workspace, installation, who=who)
        flash("info", "connections.did.pause")
    elif verb == "resume":
        switching.resume(suite, workspace, installation, who=who)
        flash("good", "connections.did.resume")
    elif verb == "sync":
        outcome = pulling.pull_now(suite, workspace, installation)
        if outcome.trouble is not None:
            flash("warn", "connections.did.sync_trouble")
        else:
            done = "connections.did.sync_busy" if outcome.busy else "connections.did.sync"
            flash("good", done, count=outcome.changed)
    elif verb == "live":
        switching.go_live(suite, workspace, installation, who=who)
        flash("good", "connections.did.live")
    elif verb == "rehearse":
        flash("info", "connections.did.rehearse", count=switching.rehearse(suite, workspace, installation, who=who))
    elif verb in ("write-on", "write-off"):
        if not switching.write_back(suite, workspace, installation, verb == "write-on", who=who):
            platform = suite.adapters[row.installation.adapter].manifest.name
            return going(f"/connect/{row.installation.adapter}?reconnect={row.installation.id}&optional=1", platform)
        flash("good", "connections.did.write_on" if verb == "write-on" else "connections.did.write_off")
    elif verb == "rename":
        name = request.form.get("name", "").strip()[:80]
        if name:
            with suite.database.write(workspace) as tx:
                installations.change(tx, installation, name=name)
            flash("good", "connections.did.rename")
    elif verb == "disconnect":
        left = installing.disconnect(suite, workspace, installation, who=who)
        flash("warn" if left else "info", "connections.did.left" if left else "connections.did.disconnect",
              left=" ".join(sentence(one) for one in left))  # fmt: skip
    else:
        raise NotFound("page")
    return redirect(f"/connections#{installation}" if verb != "disconnect" else "/connections", 303)


# ---------------------------------------------------------------------------------------------- ways out


@bp.post("/accounts")
@page(writes="admin", proven=True)
def add_account() -> ResponseReturnValue:
    """A provider's account, with its key."""
    suite, provider = current_suite(), request.form.get("provider", "")
    try:
        outways.add(suite, g.person.workspace, provider, _config_of(provider), who=g.person.id)
    except BadInput as error:
        return make_response(_listed(account_wrong=error.reason, tried=provider), 422)
    flash("good", "connections.did.account")
    return redirect("/connections#ways-out", 303)


def _config_of(provider: str) -> Mapping[str, Any]:
    """What the provider's form holds. Raises `BadInput`."""
    if provider in FORMS:
        given = {name: request.form.get(name, "").strip()[:500] for name in FORMS[provider]}
        return {name: value for name, value in given.items() if value}
    try:
        written = json.loads(request.form.get("config", "") or "{}")
    except ValueError as error:
        raise BadInput("settings_unreadable", pointer="/config") from error
    if not isinstance(written, dict):
        raise BadInput("settings_unreadable", pointer="/config")
    return written


@bp.post("/accounts/<account>/<verb>")
@page(writes="admin", proven=True)
def change_account(account: str, verb: str) -> ResponseReturnValue:
    """up, try, pause, resume, remove."""
    suite, workspace = current_suite(), g.person.workspace
    verbs = {"up": outways.first, "try": outways.release, "resume": outways.release, "pause": outways.pause,
             "remove": outways.remove}  # fmt: skip
    if verb not in verbs:
        raise NotFound("page")
    verbs[verb](suite, workspace, account, who=g.person.id)
    flash("info", f"connections.did.account_{verb}")
    return redirect("/connections#ways-out", 303)


def _listed(*, account_wrong: Reason | None = None, tried: str = "") -> str:
    suite, now = current_suite(), current_suite().now()
    with suite.database.read(g.person.workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
        ways = accounts.listed(tx, suite.vault, suite.public_url)
        ahead = {
            row.installation.id: len(
                occasions.listed(tx, installation=row.installation.id, start=now, open_only=True, limit=500)
            )
            for row in rows
        }
    problem = request.args.get("problem", "")[:60]
    return render_template(
        "connections.html",
        cards=[_card(suite, row, ahead[row.installation.id], now) for row in rows],
        ways=ways,
        providers=sorted(
            (one for one in suite.providers.values() if not one.for_tests),
            key=lambda one: (one.slug not in FORMS, one.name.lower()),
        ),
        forms=FORMS,
        keepers={slug for slug, one in suite.providers.items() if isinstance(one, KeepsTemplates)},
        secret=SECRET,
        needed=NEEDED,
        tried=tried,
        problem=_problem(suite, problem) if problem else None,
        problem_adapter=adapter if (adapter := request.args.get("adapter", "")) in suite.adapters else None,
        connected=request.args.get("connected", ""),
        renewed="renewed" in request.args,
        account_wrong=account_wrong,
        simulated=suite.settings.mode != "live" or not ways,
        now=now,
    )


def _problem(suite: Suite, code: str) -> Reason:
    """What went wrong on the journey that has just ended here. Only the code travels in the address, and the scopes
    that are missing, if they are ones that we ask for."""
    adapter = suite.adapters.get(request.args.get("adapter", ""))
    oauth = adapter.manifest.oauth if adapter else None
    known = {scope for one in suite.adapters.values() if one.manifest.oauth for scope in one.manifest.oauth.scopes}
    missing = [scope for scope in request.args.get("scope", "").split() if scope in known]
    name = adapter.manifest.name if adapter else ""
    setting = f"RELANCE_{oauth.vendor.upper()}_CLIENT_ID" if oauth else ""
    return Reason("scope_unticked" if missing else code, {
        "scope": ", ".join(missing), "vendor": name, "platform": name, "setting": setting, "text": ""})  # fmt: skip


def _card(suite: Suite, row: installations.Row, ahead: int, now: datetime) -> Card:
    adapter = suite.adapters.get(row.installation.adapter)
    ends = row.grant_expires_at
    return Card(
        row=row,
        platform=adapter.manifest.name if adapter else row.installation.adapter,
        picture=_picture(adapter),
        appointments=ahead,
        pulls=isinstance(adapter, Pulls),
        chooses=isinstance(adapter, Chooses) and bool(row.installation.secrets.get("refresh_token")),
        one_click=_by_click(adapter, row.installation.secrets),
        takes_keys=isinstance(adapter, TakesKeys),
        hands_over=isinstance(adapter, HandsOver) and not isinstance(adapter, Serves),
        has_lines=isinstance(adapter, Serves),
        records=opens(adapter),
        can_write=switching.can_write_back(suite, row),
        writes=isinstance(adapter, Reports) and adapter.wants(row.installation),
        ends=ends if ends is not None and ends - now < SOON else None,
        lag=now - row.pulled_at if row.pulled_at else None,
        every=adapter.manifest.poll_every if adapter else timedelta(),
        own_page=_own_page(adapter, row.installation.id),
    )


def _own_page(adapter: Adapter | None, installation: str) -> str:
    kinds = adapter.manifest.kinds if adapter else frozenset()
    if Kind.FORM in kinds:
        return f"/sites/{installation}"
    if Kind.CART in kinds:
        return f"/shops/{installation}"
    return f"/shops/{installation}/orders" if Kind.ORDER in kinds else ""


def _picture(adapter: Adapter | None) -> str:
    """What it is, at a glance: a calendar, a shop, something else that talks to us."""
    kinds = adapter.manifest.kinds if adapter else frozenset()
    if Kind.APPOINTMENT in kinds:
        return "calendar"
    return "cart" if kinds & {Kind.CART, Kind.ORDER} else "connections"


def _by_click(adapter: Adapter | None, secrets: Mapping[str, Any]) -> bool:
    """Whether the click that connects it is the one that connects it again: it was not connected by an address or a
    file, where its adapter takes those too."""
    if installing.one_click(adapter) is None or adapter is None:
        return False
    other_ways = any(isinstance(way, Url) for way in adapter.manifest.auth)
    return not other_ways or bool(secrets.get("refresh_token") or secrets.get("access_token"))


def _row(suite: Suite, installation: str) -> installations.Row:
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    if row is None or row.state == "disconnected":
        raise NotFound("installation")
    return row

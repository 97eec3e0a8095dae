"""The way from nothing to the first reminder: welcome, calendar, calendars, what was found, reminders, rehearsal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Choice, Chooses, HandsOver, Pulls
from core.domain.errors import BadInput, NeedsReconnect, NotFound, NotNow
from core.domain.events import Kind
from core.domain.messages import Channel
from core.domain.occasions import Occasion
from core.domain.planning import Send
from core.domain.policy.senders import check_sender
from core.domain.reasons import Reason
from core.domain.text.health import health_words
from core.engine import choosing, correcting, installing, previewing, pulling, switching
from core.storage import house, installations, occasions, rules
from core.suite import Suite
from core.web.app import current_suite
from core.web.console.session import flash, page
from core.web.console.words import sentence, t

bp = Blueprint("start", __name__, url_prefix="/start")
SHOWN = 20
STEPS = ("welcome", "calendar", "calendars", "found", "reminders", "rehearsal")
_FIELDS = {"ical_url": "/config/ical_url", "ics": "/config/ics", "service_account": "/config/service_account"}


@bp.get("")
@page("editor")
def welcome() -> ResponseReturnValue:
    """1: what do you want to do?"""
    adapters = current_suite().adapters
    kinds = {kind for adapter in adapters.values() for kind in adapter.manifest.kinds}
    sites = [(slug, one.manifest.name) for slug, one in adapters.items()
             if Kind.FORM in one.manifest.kinds and isinstance(one, HandsOver)]  # fmt: skip
    return _step("welcome", carts=Kind.CART in kinds, sites=sites)


# ---------------------------------------------------------------------------------------------- 2: the calendar


@bp.route("/calendar", methods=["GET", "POST"])
@page("editor", writes="admin")
def calendar() -> ResponseReturnValue:
    """2: one click with Google, a service account, a secret iCal address, or a file."""
    suite = current_suite()
    slug = _calendar_adapter(suite)
    if request.method == "GET":
        return _calendar_page(suite, slug)
    name = request.form.get("name", "").strip()[:80] or t("start.calendar.default_name")
    try:
        config = _given()
        installation = installing.add(suite, g.person.workspace, slug, name, config, who=g.person.id)
    except BadInput as error:
        return _calendar_page(suite, slug, wrong=error.reason, at=error.pointer)
    outcome = pulling.pull_now(suite, g.person.workspace, installation)
    if outcome.trouble is not None:
        # It never worked: nothing of it stays, and the person corrects what was typed.
        installing.disconnect(suite, g.person.workspace, installation, who=g.person.id)
        return _calendar_page(suite, slug, wrong=outcome.trouble, at=_FIELDS[request.form["way"]])
    return redirect(f"/start/{installation}/found", 303)


def _given() -> dict[str, Any]:
    """The config that the form describes. Raises `BadInput`."""
    zone = {"zone": g.workspace["settings"]["zone"], "country": g.workspace["settings"]["country"]}
    way = request.form.get("way")
    if way == "ical_url":
        return {"ical_url": request.form.get("ical_url", "").strip(), **zone}
    if way == "ics":
        upload = request.files.get("ics")
        return {"ics": upload.stream.read().decode("utf-8", "replace") if upload else "", **zone}
    if way == "service_account":
        try:
            key = json.loads(request.form.get("service_account", ""))
        except ValueError as error:
            raise BadInput("key_file_unreadable", pointer="/config/service_account") from error
        calendars = [line.strip() for line in request.form.get("calendars", "").splitlines() if line.strip()]
        subject = {"subject": given} if (given := request.form.get("subject", "").strip()) else {}
        return {"service_account": key, "calendars": calendars, **subject, **zone}
    raise BadInput("form_expired")


def _calendar_page(suite: Suite, slug: str, *, wrong: Reason | None = None, at: str = "") -> ResponseReturnValue:
    dance = suite.adapters[slug].manifest.oauth
    vendor = dance.vendor if dance else ""
    return _step(
        "calendar",
        slug=slug,
        ready=bool(suite.settings.vendor_clients.get(vendor, ("", ""))[0]),
        setting=f"RELANCE_{vendor.upper()}_CLIENT_ID",
        callback=installing.redirect_uri(suite, slug),
        wrong=wrong,
        at=at,
        form=request.form,
        status=422 if wrong else 200,
    )


@bp.get("/connected")
@page("editor")
def connected() -> ResponseReturnValue:
    """The vendor sent the person back."""
    return redirect(f"/start/{_row(request.args.get('connected', '')).installation.id}/calendars", 303)


# ---------------------------------------------------------------------------------------------- 3: the calendars


@bp.route("/<installation>/calendars", methods=["GET", "POST"])
@page("editor", writes="admin")
def calendars(installation: str) -> ResponseReturnValue:
    """3: which calendars of the account. One that has nothing to choose from goes straight on."""
    suite, row = current_suite(), _row(installation)
    wrong: Reason | None = None
    if request.method == "POST":
        try:
            installing.choose(suite, g.person.workspace, installation, request.form.getlist("calendar"))
            pulling.pull_now(suite, g.person.workspace, installation)
            return redirect(f"/start/{installation}/found", 303)
        except BadInput as error:
            wrong = error.reason
    offered: tuple[Choice, ...] = ()
    adapter = suite.adapters[row.installation.adapter]
    if isinstance(adapter, Chooses):
        try:
            row = installing.fresh(suite, g.person.workspace, installation)
            offered = adapter.choices(row.installation, suite.now())
        except (NeedsReconnect, NotNow) as error:
            return _step("calendars", row=row, offered=(), wrong=error.reason, away=True)
    if not offered and not wrong:
        return redirect(f"/start/{installation}/found", 303)
    return _step("calendars", row=row, offered=offered, wrong=wrong, away=False, status=422 if wrong else 200)


# ---------------------------------------------------------------------------------------------- 4: what was found


@dataclass(frozen=True, slots=True)
class Seen:
    """An appointment of the page. `kind`: ready, choose, missing, silent; `wrong` is about what was just typed."""

    occasion: Occasion
    kind: str
    typed: str = ""
    wrong: Reason | None = None


@bp.route("/<installation>/found", methods=["GET", "POST"])
@page("editor")
def found(installation: str) -> ResponseReturnValue:
    """4: the next appointments, whose number each has, and what a person has to say about the others."""
    suite, row = current_suite(), _row(installation)
    wrong = _corrected(suite) if request.method == "POST" else {}
    if request.method == "POST" and not wrong:
        return redirect(f"/start/{installation}/reminders", 303)
    if _unread(suite, row):
        pulling.pull_now(suite, g.person.workspace, installation)
        row = _row(installation)
    if _unread(suite, row):
        # Somebody else is reading it at this moment.
        answer = make_response(_step("found", row=row, seen=None))
        answer.headers["Refresh"] = "2"
        return answer
    with suite.database.read(g.person.workspace) as tx:
        ahead = occasions.listed(tx, installation=installation, start=suite.now(), limit=SHOWN)
    seen = [
        Seen(one, _kind(one), request.form.get(f"number-{one.id}", ""), wrong.get(one.id)) for one in ahead
    ]
    counts = {kind: sum(one.kind == kind for one in seen) for kind in ("ready", "choose", "missing", "silent")}
    return _step("found", row=row, seen=seen, counts=counts, wrong=bool(wrong), status=422 if wrong else 200)


def _unread(suite: Suite, row: installations.Row) -> bool:
    pulls = isinstance(suite.adapters[row.installation.adapter], Pulls)
    return pulls and row.pulled_at is None and row.trouble is None


def _corrected(suite: Suite) -> Mapping[str, Reason]:
    """Keeps what was chosen and typed; what is wrong, by occasion."""
    wrong: dict[str, Reason] = {}
    for field, value in request.form.items():
        if field.startswith("number-") and value.strip():
            occasion = field.removeprefix("number-")
            try:
                correcting.correct(suite, g.person.workspace, occasion, value.strip(), None, g.person.id)
            except BadInput as error:
                wrong[occasion] = error.reason
    return wrong


def _kind(one: Occasion) -> str:
    if not one.open:
        return "silent"
    if one.recipient is not None:
        return "ready"
    return "choose" if len(one.candidates) > 1 else "missing"


# ---------------------------------------------------------------------------------------------- 5: the reminders


@bp.route("/<installation>/reminders", methods=["GET", "POST"])
@page("editor")
def reminders(installation: str) -> ResponseReturnValue:
    """5: when, with what text, asking for an answer or not; seen on a phone, with its price and its warnings."""
    suite, _ = current_suite(), _row(installation)
    workspace, who = g.person.workspace, g.person.id
    wrong: dict[str, Reason] = {}
    if request.method == "POST":
        keys, asks = set(request.form.getlist("reminder")), "asks" in request.form
        if "no_sender" in request.form:
            with suite.database.write(workspace) as tx:
                house.change_settings(tx, {"sender": None})
                house.note(tx, who, "settings_changed", None, {"fields": ["sender"]}, suite.now())
        for field, body in request.form.items():
            if field.startswith("body-"):
                try:
                    choosing.reword(suite, workspace, field.removeprefix("body-"), body.replace("\r\n", "\n"), who=who)
                except BadInput as error:
                    wrong[field.removeprefix("body-")] = error.reason
        choosing.choose(suite, workspace, installation, keys, asks=asks, who=who)
        if "go" in request.form and not wrong and keys:
            return redirect(f"/start/{installation}/rehearsal", 303)
        if not wrong and keys:
            return redirect(f"/start/{installation}/reminders", 303)
    with suite.database.read(workspace) as tx:
        known = house.workspace(tx, workspace)
        offer = choosing.offer(tx, installation)
        nothing = request.method == "POST" and not wrong and offer.fresh
        # Before anything was chosen, the evening before with its question is what most people want.
        first = offer.reminders[-1].key if offer.fresh and offer.reminders and not nothing else None
        asks = offer.asks or first is not None
        shown = [
            (one, one.chosen or one.key == first, previewing.preview(tx, one.rule(asks), suite.now()))
            for one in offer.reminders
        ]
    settings = known["settings"] if known else house.DEFAULTS
    zone, tongue = ZoneInfo(settings["zone"]), settings["language"]
    warning = check_sender(settings["sender"], settings["country"], Channel.SMS, asks) if settings["sender"] else None
    return _step(
        "reminders",
        installation=installation,
        offer=offer,
        shown=shown,
        asks=asks,
        extras_on={row["preset"] for row in offer.extras if row["active"] or (first and row["preset"] == "moved")},
        sender=settings["sender"],
        warning=warning,
        wrong=wrong,
        nothing=nothing,
        telling=_telling(shown) if settings["health"] else (),
        is_send=lambda said: isinstance(said, Send),
        example=lambda body: previewing.example(body, suite.now(), zone, tongue),
        status=422 if wrong or nothing else 200,
    )


def _telling(shown: list[tuple[choosing.Reminder, bool, Any]]) -> tuple[str, ...]:
    """Words of the chosen texts that a lock screen should not show."""
    texts = [said.text for _, chosen, said in shown if chosen and isinstance(said, Send)]
    return tuple(dict.fromkeys(found.word for text in texts for found in health_words(text)))


# ---------------------------------------------------------------------------------------------- 6: the rehearsal


@bp.route("/<installation>/rehearsal", methods=["GET", "POST"])
@page("editor", writes="admin")
def rehearsal(installation: str) -> ResponseReturnValue:
    """6: what would leave, day by day; then in service."""
    suite, row = current_suite(), _row(installation)
    if request.method == "POST":
        switching.go_live(suite, g.person.workspace, installation, who=g.person.id)
        flash("good", "start.rehearsal.is_live")
        return redirect("/today", 303)
    with suite.database.read(g.person.workspace) as tx:
        report = previewing.rehearse(tx, installation, suite.now(), ZoneInfo(g.workspace["settings"]["zone"]))
        active = rules.active(tx, installation)
    return _step("rehearsal", row=row, report=report, active=active, ahead=previewing.AHEAD // timedelta(days=1))


def _step(name: str, *, status: int = 200, **values: Any) -> Any:
    page_of_step = render_template(
        f"start_{name}.html",
        step=STEPS.index(name) + 1,
        steps=[t(f"start.steps.{one}") for one in STEPS],
        sentence=sentence,
        **values,
    )
    return make_response(page_of_step, status)


def _calendar_adapter(suite: Suite) -> str:
    for slug, adapter in suite.adapters.items():
        if Kind.APPOINTMENT in adapter.manifest.kinds:
            return slug
    raise NotFound("adapter")


def _row(installation: str) -> installations.Row:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    if row is None or row.state == "disconnected":
        raise NotFound("installation")
    return row

"""Règles: for each connection, what is said when. Nothing is saved before its difference was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain import approved
from core.domain.errors import BadInput, InvalidTemplate, NotFound
from core.domain.events import Kind
from core.domain.policy.walltime import parse_duration
from core.domain.reasons import Reason
from core.domain.reconciling import Cancel, Move, Schedule
from core.domain.surveys import Phase
from core.domain.text.templates import compile_template
from core.domain.when import After, AtWall, Before, OnChange, parse_when
from core.engine import previewing, surveying
from core.engine.scheduling import Difference, difference, live_installations, replan_open
from core.storage import access, house, installations, occasions, overview, surveys
from core.storage import approved as shelved
from core.storage import rules as kept
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import approved_form, asked
from core.web.console.approved_page import Picture, mends, picture_of
from core.web.console.drafting import Draft, drafted, sample
from core.web.console.session import flash, page
from core.web.console.words import t, tn

bp = Blueprint("rules", __name__)
CLASSES = ("transactional", "marketing", "conversational")
CHANNELS = ("sms", "rcs", "whatsapp", "voice")
SHOWN_STEPS = 12
MOST_MINUTES = 48 * 60
_UNITS = {"minutes": "PT{}M", "hours": "PT{}H", "days": "P{}D"}
_CHANGED = (
    "name", "on", "class", "when", "until", "body", "template", "survey", "sender", "asks", "late", "channels",
    "budgets", "content", "active",
)  # fmt: skip


@bp.app_template_filter("label")
def label(values: Iterable[str], prefix: str | None) -> list[tuple[str, str]]:
    """(value, its words) for a select; without a prefix the value is its own word."""
    return [(value, t(f"{prefix}.{value}") if prefix else value) for value in values]


@bp.app_template_filter("label_list")
def label_list(values: Iterable[str], prefix: str) -> list[str]:
    """The words of several values."""
    return [t(f"{prefix}.{value}") for value in values]


@bp.get("/rules")
@page()
def rules() -> ResponseReturnValue:
    """All rules, by connection; those that speak for every connection last."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        connected = installations.listed(tx, suite.vault, suite.public_url)
        rows = kept.rows(tx)
    known = {row.installation.id for row in connected}
    groups = [(row, [one for one in rows if one["installation"] == row.installation.id]) for row in connected]
    shared = [one for one in rows if one["installation"] is None]
    zone, now = asked.here(), suite.now()
    # Rules of a connection that is gone have nothing to speak about.
    return render_template(
        "rules.html", groups=groups, shared=shared, when_words=when_words, known=known, connected=connected,
        example=lambda body: previewing.example(body, now, zone, g.language),
    )


@bp.get("/rules/new")
@page("editor")
def new() -> ResponseReturnValue:
    """An empty form, for one connection or for all of them."""
    row = {**_EMPTY, "installation": asked.text("installation") or None}
    return _form(None, row, {})


@bp.get("/rules/<rule_id>")
@page()
def edit(rule_id: str) -> ResponseReturnValue:
    """The form of one rule, its picture and its versions."""
    with current_suite().database.read(g.person.workspace) as tx:
        row = _row(tx, rule_id)
    return _form(rule_id, row, {})


@bp.post("/rules/new")
@page()
def create() -> ResponseReturnValue:
    """Shows what a new rule would do; with `confirm`, adds it."""
    return _saved(None)


@bp.post("/rules/<rule_id>")
@page()
def change(rule_id: str) -> ResponseReturnValue:
    """Shows what the change would do; with `confirm`, makes it."""
    return _saved(rule_id)


@bp.post("/rules/<rule_id>/switch")
@page()
def switch(rule_id: str) -> ResponseReturnValue:
    """On or off: the same difference first."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = {**_row(tx, rule_id), "active": request.form.get("active") == "1"}
        found = _difference(tx, rule_id, row)
    return _confirm(rule_id, row, found)


@bp.post("/rules/<rule_id>/remove")
@page()
def remove(rule_id: str) -> ResponseReturnValue:
    """Takes the rule away; what it planned and has not left is called off."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        row = _row(tx, rule_id)
        kept.change(tx, rule_id, {"active": False, "removed_at": suite.now()})
        house.note(tx, g.person.id, "rule_removed", rule_id, {"name": row["name"]}, suite.now())
        replan_open(tx, suite.now(), live_installations(tx), installation=row["installation"])
    suite.wake()
    flash("good", "rules.removed")
    return redirect("/rules", 303)


# ---------------------------------------------------------------------------------------------- saving


def _saved(rule_id: str | None) -> ResponseReturnValue:
    suite = current_suite()
    row, errors = read_form(request.form)
    with suite.database.read(g.person.workspace) as tx:
        was = _row(tx, rule_id)["content"] if rule_id is not None else None
        try:
            row["content"] = approved_form.read(request.form, was, tx)
        except BadInput as error:
            row["content"], errors["wa_values"] = was, error.reason
        wrong, warning = approved_form.said_of(tx, row)
        if wrong is not None and row["content"] != was:
            errors["wa_template"] = wrong
        if row["installation"] is not None and row["installation"] not in live_installations(tx):
            raise NotFound("installation")
        if row["template"] and row["template"] not in kept.texts(tx):
            errors["template"] = Reason("unknown_template", {"text": row["template"]})
        _asks(tx, row, request.form.get("survey", "")[:40], errors)
    if errors or "edit" in request.form:
        return _form(rule_id, row, errors)
    if request.form.get("confirm") != "1":
        with suite.database.read(g.person.workspace) as tx:
            found = _difference(tx, rule_id, row)
        return _confirm(rule_id, row, found, warning or wrong)
    with suite.database.write(g.person.workspace) as tx:
        before = _row(tx, rule_id) if rule_id else None
        if row["survey"]:
            # From now on its questions stay as they are.
            row["body"] = surveying.first_text(surveying.opened(tx, row["survey"], suite.now()))
        if before is None:
            rule_id = kept.add(tx, row, suite.now())
            changed = ["name"]
        else:
            kept.change(tx, before["id"], row)
            changed = [name for name in _CHANGED if before[name] != row[name]]
        version = before["version"] + 1 if before else 1
        what = "rule_changed" if before else "rule_added"
        house.note(tx, g.person.id, what, rule_id, {"version": version, "changed": changed}, suite.now())
        replan_open(tx, suite.now(), live_installations(tx), installation=row["installation"])
    suite.wake()
    flash("good", "rules.saved")
    return redirect("/rules", 303)


def _asks(tx: Transaction, row: dict[str, Any], survey_id: str, errors: dict[str, Reason]) -> None:
    """A rule that asks a survey says its first question."""
    row["survey"] = survey_id or None
    if not survey_id:
        return
    survey = surveys.row(tx, survey_id)
    if survey is None or survey["state"] == Phase.STOPPED:
        errors["survey"] = Reason("survey_state", {"state": str(Phase.STOPPED)})
        return
    errors.pop("body", None)
    row |= {"body": surveying.first_text(survey), "template": None, "asks": False}


def _difference(tx: Transaction, rule_id: str | None, row: Mapping[str, Any]) -> Difference:
    """What the outbox would become if the rule were as `row` says."""
    suite = current_suite()
    live = live_installations(tx)
    texts = kept.texts(tx)
    proposed = kept.rule({**row, "id": rule_id or "rul_new"}, texts)
    concerned = [row["installation"]] if row["installation"] else list(live)
    own = {}
    for installation in concerned:
        others = [one for one in kept.active(tx, installation) if one.id != rule_id]
        own[installation] = [*others, proposed] if row["active"] else others
    return difference(tx, suite.now(), own, live, installation=row["installation"])


def _confirm(
    rule_id: str | None, row: Mapping[str, Any], found: Difference, warning: Reason | None = None
) -> ResponseReturnValue:
    live = row["installation"] is None
    if row["installation"]:
        with current_suite().database.read(g.person.workspace) as tx:
            live = live_installations(tx).get(row["installation"], False)
    said = [
        {
            "kind": {Schedule: "new", Move: "moved", Cancel: "cancelled"}[type(step)],
            "occasion": occasion,
            "before": None if isinstance(step, Schedule) else step.known.send_at,
            "after": None if isinstance(step, Cancel) else step.send.send_at,
            "reason": None if isinstance(step, Schedule) else step.reason,
        }
        for occasion, step in found.steps[:SHOWN_STEPS]
    ]
    return render_template(
        "rule_confirm.html", rule_id=rule_id, row=row, found=found, steps=said, fields=write_form(row), live=live,
        summary=_summary(found), warning=warning, mends=mends(warning) if warning else "",
        more=max(found.new + found.moved + found.cancelled - len(said), 0), when_words=when_words,
    )  # fmt: skip


def _summary(found: Difference) -> str:
    """"38 messages changent d'heure ou de texte, 2 sont annulés, 5 nouveaux"; what is none of them is left out."""
    parts = (("moved", found.moved), ("cancelled", found.cancelled), ("new", found.new))
    said = [tn(f"rules.difference.{name}", count) for name, count in parts if count]
    return ", ".join(said) + "." if said else ""


# ---------------------------------------------------------------------------------------------- the form


_EMPTY: dict[str, Any] = {
    "name": "", "on": "appointment", "class": "transactional", "when": {"days": -1, "at": "18:00"}, "until": None,
    "channels": ["sms"], "budgets": None, "body": "", "template": None, "sender": None, "asks": False, "late": "skip",
    "only": {}, "active": True, "preset": None, "installation": None, "version": 0, "content": None,
}  # fmt: skip


def _form(rule_id: str | None, row: Mapping[str, Any], errors: Mapping[str, Reason]) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        connected = installations.listed(tx, suite.vault, suite.public_url)
        texts = kept.texts(tx)
        seen = _seen(tx, row)
        history = overview.versions(tx, rule_id) if rule_id else []
        templates_there = approved_form.offered(tx, row["content"])
        chat = _chat(tx, row["content"])
        asking = [(one["id"], one["name"]) for one in surveys.rows(tx, limit=100) if one["state"] != Phase.STOPPED
                  or one["id"] == row.get("survey")]  # fmt: skip
        members = {one["id"]: one["name"] or one["email"] for one in access.members(tx)}
    source = row["body"] or next(iter(texts.get(row["template"] or "", {}).values()), "")
    return (
        render_template(
            "rule.html",
            rule_id=rule_id,
            row=row,
            fields=write_form(row),
            errors=errors,
            places=[("", t("rules.form.every_connection"))]
            + [(one.installation.id, one.installation.name) for one in connected],
            templates=sorted(texts),
            surveys=asking,
            whatsapp_templates=templates_there,
            chat=chat,
            draft=preview(source, row["class"], seen),
            history=history,
            members=members,
            kinds=[str(kind) for kind in Kind if kind is not Kind.CONTACT],
            classes=CLASSES,
            channels=CHANNELS,
            when_words=when_words,
        ),
        422 if errors else 200,
    )


def _chat(tx: Transaction, content: Mapping[str, Any] | None) -> Picture | None:
    """The rule's WhatsApp template as a phone shows it, where it is known."""
    given = approved.named(content)
    shelves = shelved.shelves(tx).values() if given is not None else ()
    for shelf in shelves:
        if given is not None and (template := shelf.get((given["name"], given["language"]))) is not None:
            return picture_of(template, given, current_suite().now())
    return None


def preview(source: str, message_class: str, values: Mapping[str, Any], *, shorten: bool = False) -> Draft:
    """The text as this workspace's people would read it; with `shorten`, every address in it is a short link."""
    settings, now = g.workspace["settings"], current_suite().now()
    zone = asked.here()
    shown = {**sample(now, zone, settings["language"]), **values}
    short = house.shortener_of(settings, current_suite().public_url)
    return drafted(
        source,
        # As long as it will be: the link of an example leads nowhere, and is written nowhere.
        short.of(shown, "example", everything=shorten) if short else shown,
        zone=zone,
        language=settings["language"],
        country=settings["country"],
        on=now.date(),
        message_class=message_class,
        health=bool(settings["health"]),
    )


def _seen(tx: Transaction, row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the next real occasion, so that the picture shows a text that would truly leave."""
    if row["installation"]:
        ahead = occasions.listed(
            tx, installation=row["installation"], start=current_suite().now(), open_only=True, limit=5
        )
        for one in ahead:
            if str(one.kind) == row["on"] and one.recipient is not None:
                return {**one.values, "start": one.start, "end": one.end}
    return {}


def write_form(row: Mapping[str, Any]) -> dict[str, str]:
    """A rule as the fields of its form say it: what `read_form` reads back."""
    fields = {
        "name": row["name"], "on": row["on"], "class": row["class"], "body": row["body"] or "",
        "template": row["template"] or "", "survey": row.get("survey") or "", "sender": row["sender"] or "",
        "late": row["late"],
        "asks": "1" if row["asks"] else "", "active": "1" if row["active"] else "",
        "installation": row["installation"] or "", "channel": row["channels"][0],
        "next_channel": row["channels"][1] if len(row["channels"]) > 1 else "",
        "more_channels": " ".join(row["channels"][2:]),
        **approved_form.written(row["content"]),
        "within": str((row["budgets"] or {}).get(row["channels"][0], 0) // 60 or ""),
        "when": "span", "span": "24", "unit": "hours", "direction": "before",
        "days": "1", "day_direction": "before", "at": "18:00", "working_days": "", "zone": "occasion",
        "change": "booked", "until": "", "until_span": "2", "until_unit": "hours", "until_direction": "before",
    }  # fmt: skip
    match parse_when(row["when"]):
        case Before() | After() as when:
            span, unit = _spelled(row["when"]["before" if isinstance(when, Before) else "after"])
            fields |= {"span": span, "unit": unit, "direction": "before" if isinstance(when, Before) else "after"}
        case AtWall(days, at, working, zone):
            fields |= {
                "when": "wall", "days": str(abs(days)), "day_direction": "after" if days > 0 else "before",
                "at": f"{at:%H:%M}", "working_days": "1" if working else "", "zone": zone,
            }  # fmt: skip
        case OnChange(change):
            fields |= {"when": "change", "change": change}
    if row["until"]:
        direction = next(iter(row["until"]))
        span, unit = _spelled(row["until"][direction])
        fields |= {"until": "1", "until_span": span, "until_unit": unit, "until_direction": direction}
    if row["only"]:
        fields["calendar"] = "\n".join(row["only"].get("calendar", ()))
    return fields


def read_form(form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Reason]]:
    """(the rule's row, field → what is wrong with it)."""
    errors: dict[str, Reason] = {}

    def field(name: str, longest: int = 200) -> str:
        return form.get(name, "").strip()[:longest]

    when: dict[str, Any] = dict(_EMPTY["when"])
    try:
        when = _when(field)
        parse_when(when)
    except BadInput as error:
        errors["when"] = error.reason
        when = dict(_EMPTY["when"])
    until = None
    if field("until"):
        try:
            until = {_direction(field("until_direction")): _span(field("until_span"), field("until_unit"))}
        except BadInput as error:
            errors["until"] = error.reason
    body, template = form.get("body", "").strip()[:4000], field("template", 80)
    if not body and not template:
        errors["body"] = Reason("empty_text")
    if body:
        try:
            compile_template(body)
        except InvalidTemplate as error:
            errors["body"] = error.reason
    name = field("name", 120)
    if not name:
        errors["name"] = Reason("name_missing")
    klass = field("class")
    if klass not in CLASSES:
        errors["class"] = Reason("class_missing")
        klass = "transactional"
    row = {
        "name": name,
        "on": field("on") if field("on") in {str(kind) for kind in Kind} else "appointment",
        "class": klass,
        "when": when,
        "until": until,
        **_channels(field),
        "body": None if template and not body else body,
        "template": None if body else template or None,
        "sender": field("sender", 16) or None,
        "asks": field("asks") == "1",
        "late": "send" if field("late") == "send" else "skip",
        "only": {"calendar": found} if (found := field("calendar", 2000).split()) else {},
        "active": field("active") == "1",
        "installation": field("installation", 40) or None,
    }
    return row, errors


def _channels(field: Any) -> dict[str, Any]:
    """The order of channels, and how many minutes the first one has."""
    wanted = [field("channel"), field("next_channel"), *field("more_channels").split()]
    order = list(dict.fromkeys(one for one in wanted if one in CHANNELS)) or ["sms"]
    minutes = field("within")
    if len(order) < 2 or not minutes.isdecimal() or not 1 <= int(minutes[:5]) <= MOST_MINUTES:
        return {"channels": order, "budgets": None}
    return {"channels": order, "budgets": {order[0]: int(minutes) * 60}}


def _when(field: Any) -> dict[str, Any]:
    match field("when"):
        case "span":
            return {_direction(field("direction")): _span(field("span"), field("unit"))}
        case "wall":
            days = field("days")
            if not days.isdecimal() or len(days) > 3:
                raise BadInput("bad_days")
            sign = 1 if field("day_direction") == "after" else -1
            return {
                "days": sign * int(days),
                "at": field("at"),
                "working_days": field("working_days") == "1",
                "zone": field("zone") or "occasion",
            }
        case "change":
            return {"change": field("change")}
    raise BadInput("bad_when")


def _direction(given: str) -> str:
    return "after" if given == "after" else "before"


def _span(number: str, unit: str) -> str:
    if not number.isdecimal() or len(number) > 5 or unit not in _UNITS:
        raise BadInput("bad_duration", text=number[:20])
    return _UNITS[unit].format(int(number))


def _spelled(duration: str) -> tuple[str, str]:
    """(number, unit) of a duration in the largest unit that says it exactly."""
    parsed = parse_duration(duration)
    minutes = int(parsed.elapsed.total_seconds() // 60)
    if parsed.days and not minutes:
        return str(parsed.days), "days"
    minutes += parsed.days * 1440
    return (str(minutes // 60), "hours") if minutes % 60 == 0 and minutes else (str(minutes), "minutes")


def when_words(given: Mapping[str, Any]) -> str:
    """When a rule speaks, as a phrase: "la veille à 18:00", "48 heures avant", "dès que le rendez-vous est déplacé"."""
    match parse_when(given):
        case AtWall(days, at, working, _):
            if days == 0:
                said = t("rules.when.same_day")
            elif days == -1 and not working:
                said = t("rules.when.eve")
            elif days == 1 and not working:
                said = t("rules.when.morrow")
            else:
                unit = "rules.when.working_days" if working else "when.days"
                said = t(f"rules.when.{'before' if days < 0 else 'after'}", span=tn(unit, abs(days)))
            return t("rules.when.at", day=said, clock=f"{at:%H:%M}")
        case OnChange(change):
            return t(f"rules.when.{change}")
        case Before() | After() as when:
            side = "before" if isinstance(when, Before) else "after"
            number, unit = _spelled(given[side])
            return t(f"rules.when.{side}", span=tn(f"when.{unit}", int(number)))
    raise AssertionError(given)


def _row(tx: Transaction, rule_id: str) -> Mapping[str, Any]:
    row = kept.row(tx, rule_id)
    if row is None:
        raise NotFound("rule")
    return row

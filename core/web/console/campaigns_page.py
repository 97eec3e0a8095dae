"""Campagnes: five steps to a campaign, and what became of it. Nothing leaves before the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.campaigns import MOST_HOLDOUT, RECIPIENT, USEFUL, By, Phase, Staged
from core.domain.errors import BadInput, Conflict, InvalidNumber, NotFound
from core.domain.messages import MessageClass
from core.domain.policy.walltime import at_wall, local
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text.stop_mention import with_stop
from core.domain.text.templates import compile_template
from core.engine import campaign_check, campaign_results, campaigning, overlapping, survey_shown
from core.engine.repeating import coming
from core.storage import campaigns, house, segments, series, surveys
from core.storage.database import Transaction
from core.storage.outbox import New
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.formats import day
from core.web.console.rules import CHANNELS, preview
from core.web.console.session import page
from core.web.console.words import language, sentence, t, tn

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")
STEPS = ("audience", "message", "time", "check", "send")
SHOWN, PEOPLE = 50, 100
MOST_NUMBERS = 10_000
CLASSES = (str(MessageClass.MARKETING), str(MessageClass.TRANSACTIONAL))
AGREED = {"consent": "in"}
_WORDLESS: Mapping[str, Any] = {
    "channels": ["sms"], "budgets": None, "sender": None, "shorten": True, "fallbacks": {},
    "variants": [{"name": "A", "share": 100, "body": "", "template": None, "content": None}],
}  # fmt: skip
Row = Mapping[str, Any]
Errors = dict[str, str]


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """All campaigns, the newest first."""
    with current_suite().database.read(g.person.workspace) as tx:
        rows = campaigns.rows(tx, after=asked.text("after") or None, limit=SHOWN + 1)
        figures = {row["id"]: _total(tx, row) for row in rows[:SHOWN] if row["started_at"]}
        repeating = [] if asked.text("after") else series.rows(tx, limit=SHOWN)
    return render_template(
        "campaigns.html", rows=rows[:SHOWN], figures=figures, more=len(rows) > SHOWN,
        repeating=[(one, coming(one)) for one in repeating if one["state"] != series.ENDED],
    )  # fmt: skip


@bp.get("/<campaign_id>")
@page()
def one(campaign_id: str) -> ResponseReturnValue:
    """What became of it; of a draft, its first step."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = _row(tx, campaign_id)
        if row["state"] == Phase.DRAFT:
            return redirect(f"/campaigns/{campaign_id}/audience", 303)
        results = campaign_results.as_json(tx, row, suite.now(), g.language)
        audience = _audience_words(tx, row)
    return render_template(
        "campaign.html", row=row, results=results, audience=audience, campaign=campaigns.campaign(row)
    )


@bp.get("/<campaign_id>/people")
@page("editor")
def people(campaign_id: str) -> ResponseReturnValue:
    """Everybody whom it means, or those who were lost for one reason."""
    state = asked.text("state")
    chosen = state if state in _STATES else None
    with current_suite().database.read(g.person.workspace) as tx:
        row = _row(tx, campaign_id)
        rows = campaigns.people(
            tx, campaign_id, state=chosen, reason=asked.text("reason") or None, after=asked.text("after") or None,
            limit=PEOPLE + 1,
        )  # fmt: skip
    return render_template(
        "campaign_people.html", row=row, people=rows[:PEOPLE], more=len(rows) > PEOPLE, state=chosen, states=_STATES,
        reason=asked.text("reason"),
    )  # fmt: skip


@bp.get("/<campaign_id>/overlap")
@page("editor")
def overlap(campaign_id: str) -> ResponseReturnValue:
    """Who of its people hears from us anyway around its time: before it is sent, and after."""
    suite = current_suite()
    days = _whole(asked.text("days"), 1, overlapping.MOST_DAYS) or overlapping.DAYS
    of = asked.text("of") if asked.text("of") in overlapping.OF else ""
    with suite.database.read(g.person.workspace) as tx:
        row = _row(tx, campaign_id)
        if row["state"] == Phase.DRAFT:
            try:
                found = campaign_check.overlap(tx, row, suite.now(), days)
            except BadInput:
                return redirect(f"/campaigns/{campaign_id}/audience", 303)
        else:
            found = overlapping.after(tx, row, days)
        behind = asked.number(asked.text("after")) or ""
        heard = [one for one in (found.those(of) if of else found.heard) if one.number > behind]
        names = overlapping.names_of(tx, heard[:PEOPLE])
    return render_template(
        "campaign_overlap.html", row=row, found=found, people=heard[:PEOPLE], more=len(heard) > PEOPLE, of=of,
        days=days, names=names, windows=(1, 3, 7, 30), draft=row["state"] == Phase.DRAFT,
    )  # fmt: skip


_STATES = (campaigns.PLANNED, campaigns.LEFT_OUT, campaigns.CONTROL, campaigns.WAITING)


# ---------------------------------------------------------------------------------------------- five steps


@bp.get("/new")
@page("editor")
def new() -> ResponseReturnValue:
    return _audience(None, {"name": "", "who": "segment" if asked.text("segment") else "agreed",
                            "segment": asked.text("segment"), "numbers": ""}, {})  # fmt: skip


@bp.post("/new")
@page(writes="editor")
def create() -> ResponseReturnValue:
    """The first step of a new one: from here on it is a draft."""
    return _save_audience(None)


@bp.get("/<campaign_id>/audience")
@page("editor")
def audience(campaign_id: str) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
    said = row["audience"]
    who = "numbers" if "numbers" in said else "segment" if "segment" in said else "agreed"
    fields = {"name": row["name"], "who": who, "segment": said.get("segment", ""),
              "numbers": "\n".join(said.get("numbers", ()))}  # fmt: skip
    return _audience(campaign_id, fields, {})


@bp.post("/<campaign_id>/audience")
@page(writes="editor")
def save_audience(campaign_id: str) -> ResponseReturnValue:
    return _save_audience(campaign_id)


@bp.get("/<campaign_id>/message")
@page("editor")
def message(campaign_id: str) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
    if row["survey"] is not None:
        # What it says is the survey's first question.
        return redirect(f"/surveys/{row['survey']}", 303)
    return _message(row, _message_fields(row), {})


@bp.post("/<campaign_id>/message")
@page(writes="editor")
def save_message(campaign_id: str) -> ResponseReturnValue:
    suite = current_suite()
    values, fields, errors = _read_message(request.form)
    with suite.database.write(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
        if row["survey"] is not None:
            raise Conflict("campaign_state", state=row["state"])
        if errors or "edit" in request.form:
            return _message(row, fields, errors)
        if len(values["message"]["variants"]) < 2:
            values["winner"] = None
        campaigns.change(tx, campaign_id, values, suite.now(), only=[Phase.DRAFT])
    return redirect(f"/campaigns/{campaign_id}/time", 303)


@bp.get("/<campaign_id>/time")
@page("editor")
def when(campaign_id: str) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
    return _when(row, _time_fields(row), {})


@bp.post("/<campaign_id>/time")
@page(writes="editor")
def save_when(campaign_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
        values, errors = _read_time(request.form, row)
        if errors:
            return _when(row, {**_time_fields(row), **request.form}, errors)
        campaigns.change(tx, campaign_id, values, suite.now(), only=[Phase.DRAFT])
    return redirect(f"/campaigns/{campaign_id}/check", 303)


@bp.get("/<campaign_id>/check")
@page("editor")
def check(campaign_id: str) -> ResponseReturnValue:
    """What would leave, who would get nothing and why, what it costs."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
        try:
            found = campaign_check.rehearse(suite, tx, row, suite.now())
        except BadInput:
            return redirect(f"/campaigns/{campaign_id}/audience", 303)
        asks = surveys.row(tx, row["survey"]) if row["survey"] is not None else None
    country = g.workspace["settings"]["country"]
    survey = survey_shown.survey(asks, country, suite.now()) if asks else None
    return render_template(
        "campaign_check.html", survey=survey, row=row, found=found, rehearsal=found.as_json(g.language), steps=_steps(),
        step=4, costs=sorted(found.costs.items()),
    )  # fmt: skip


@bp.get("/<campaign_id>/send")
@page("editor")
def last_step(campaign_id: str) -> ResponseReturnValue:
    """The last look of a person: what it is, in words, and the button."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = _draft(tx, campaign_id)
        try:
            found = campaign_check.rehearse(suite, tx, row, suite.now())
        except BadInput:
            return redirect(f"/campaigns/{campaign_id}/audience", 303)
        audience = _audience_words(tx, row)
    return render_template(
        "campaign_send.html", row=row, found=found, steps=_steps(), step=5, audience=audience,
        tomorrow=(asked.today(suite.now()) + timedelta(days=1)).isoformat(),
        campaign=campaigns.campaign(row), costs=sorted(found.costs.items()),
    )  # fmt: skip


@bp.post("/<campaign_id>/send")
@page(writes="editor")
def send(campaign_id: str) -> ResponseReturnValue:
    """It begins. A second click leads to the same page."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        campaigning.send(tx, _locked(tx, campaign_id), g.person.id, suite.now())
    suite.wake()
    return asked.back(f"/campaigns/{campaign_id}", "good", "campaigns.sent")


@bp.post("/<campaign_id>/remove")
@page(writes="editor")
def remove(campaign_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        if not campaigns.remove(tx, campaign_id):
            raise NotFound("campaign")
        house.note(tx, g.person.id, "campaign_removed", campaign_id, {}, suite.now())
    return asked.back("/campaigns", "good", "campaigns.removed")


# ---------------------------------------------------------------------------------------------- at work


@bp.post("/<campaign_id>/pause")
@page(writes="editor")
def pause(campaign_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        campaigning.pause(tx, _locked(tx, campaign_id), g.person.id, suite.now())
    return asked.back(f"/campaigns/{campaign_id}", "good", "campaigns.paused")


@bp.post("/<campaign_id>/resume")
@page(writes="editor")
def resume(campaign_id: str) -> ResponseReturnValue:
    """Goes on after a pause, or lets the rest follow its first part."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        campaigning.resume(tx, _locked(tx, campaign_id), g.person.id, suite.now())
    suite.wake()
    return asked.back(f"/campaigns/{campaign_id}", "good", "campaigns.resumed")


@bp.post("/<campaign_id>/cancel")
@page(writes="editor")
def cancel(campaign_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        campaigning.cancel(tx, _locked(tx, campaign_id), g.person.id, suite.now())
    return asked.back(f"/campaigns/{campaign_id}", "good", "campaigns.cancelled")


# ---------------------------------------------------------------------------------------------- the audience


def _save_audience(campaign_id: str | None) -> ResponseReturnValue:
    suite, form = current_suite(), request.form
    fields = {name: form.get(name, "").strip() for name in ("name", "who", "segment", "numbers")}
    said, errors = _read_audience(fields)
    with suite.database.write(g.person.workspace) as tx:
        if "segment" in said and segments.row(tx, said["segment"]) is None:
            errors["segment"] = t("campaigns.audience.no_segment")
        if errors:
            return _audience(campaign_id, fields, errors)
        values = {"name": fields["name"][:120] or t("campaigns.unnamed"), "audience": said}
        if campaign_id is None:
            drafted = {"class": CLASSES[0], "message": dict(_WORDLESS), "useful": int(USEFUL.total_seconds()),
                       "holdout": 0, "test": bool(g.workspace["test"])}  # fmt: skip
            campaign_id = campaigns.add(tx, {**drafted, **values}, suite.now())
            house.note(tx, g.person.id, "campaign_saved", campaign_id, {}, suite.now())
        else:
            asks = _draft(tx, campaign_id)["survey"] is not None
            campaigns.change(tx, campaign_id, values, suite.now(), only=[Phase.DRAFT])
            if asks:
                return redirect(f"/campaigns/{campaign_id}/time", 303)
    return redirect(f"/campaigns/{campaign_id}/message", 303)


def _read_audience(fields: Mapping[str, str]) -> tuple[dict[str, Any], Errors]:
    match fields["who"]:
        case "segment":
            return {"segment": fields["segment"][:40]}, {}
        case "numbers":
            lines = [line.strip() for line in fields["numbers"].splitlines()]
            country = g.workspace["settings"]["country"]
            numbers: list[str] = []
            for place, line in enumerate(lines, 1):
                if not line:
                    continue
                try:
                    numbers.append(Recipient.parse(line, country).number)
                except InvalidNumber:
                    return {}, {"numbers": t("campaigns.audience.number_wrong", line=place)}
            if not numbers:
                return {}, {"numbers": t("campaigns.audience.numbers_none")}
            if len(numbers) > MOST_NUMBERS:
                return {}, {"numbers": t("campaigns.audience.numbers_many")}
            return {"numbers": list(dict.fromkeys(numbers))}, {}
    return {"conditions": AGREED}, {}


def _audience(campaign_id: str | None, fields: Mapping[str, str], errors: Errors) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        known = segments.rows(tx, limit=200)
    answer = render_template(
        "campaign_audience.html", campaign_id=campaign_id, fields=fields, errors=errors, segments=known,
        steps=_steps(), step=1,
    )  # fmt: skip
    return make_response(answer, 422 if errors else 200)


def _audience_words(tx: Transaction, row: Row) -> str:
    said = row["audience"]
    if "numbers" in said:
        return tn("campaigns.audience.is_numbers", len(said["numbers"]))
    if "segment" in said:
        segment = segments.row(tx, said["segment"])
        return str(segment["name"]) if segment else t("campaigns.audience.is_gone")
    if said["conditions"] == {"all": []}:
        return t("campaigns.audience.is_everybody")
    return t("campaigns.audience.is_agreed" if said["conditions"] == AGREED else "campaigns.audience.is_conditions")


# ---------------------------------------------------------------------------------------------- the message


def _message_fields(row: Row) -> dict[str, str]:
    said = row["message"]
    first, *others = said["variants"]
    channels = said["channels"]
    return {
        "class": row["class"], "body": first["body"] or "", "second": others[0]["body"] or "" if others else "",
        "share": str(others[0]["share"]) if others else "50", "fallback": said["fallbacks"].get("first_name", ""),
        "channel": channels[0], "next_channel": channels[1] if len(channels) > 1 else "",
        "sender": said["sender"] or "",
    }  # fmt: skip


def _read_message(form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str], Errors]:
    fields = {name: form.get(name, "").replace("\r\n", "\n").strip()[:4000]
              for name in ("class", "body", "second", "share", "fallback", "channel", "next_channel", "sender")}
    errors: Errors = {}
    for name in ("body", "second"):
        try:
            compile_template(fields[name])
        except BadInput as error:
            errors[name] = sentence(error.reason)
    if not fields["body"]:
        errors["body"] = sentence(Reason("empty_text"))
    share = _whole(fields["share"], 1, 99) if fields["second"] else 50
    if share is None:
        errors["share"] = sentence(Reason("field_wrong", {"why": "1 … 99"}))
    channels = [fields["channel"] if fields["channel"] in CHANNELS else CHANNELS[0]]
    if fields["next_channel"] in CHANNELS and fields["next_channel"] not in channels:
        channels.append(fields["next_channel"])
    texts = [("A", 100, fields["body"])]
    if fields["second"]:
        texts = [("A", 100 - (share or 50), fields["body"]), ("B", share or 50, fields["second"])]
    message = {
        **_WORDLESS,
        "channels": channels,
        "sender": fields["sender"][:16] or None,
        "fallbacks": {"first_name": fields["fallback"][:200]} if fields["fallback"] else {},
        "variants": [{"name": name, "share": part, "body": body, "template": None, "content": None}
                     for name, part, body in texts],
    }  # fmt: skip
    klass = fields["class"] if fields["class"] in CLASSES else CLASSES[0]
    return {"class": klass, "message": message}, fields, errors


def _message(row: Row, fields: Mapping[str, str], errors: Errors) -> ResponseReturnValue:
    values = {"first_name": fields["fallback"]} if fields["fallback"] else {}
    drafts = [("A", preview(fields["body"], fields["class"], values, shorten=True))]
    if fields["second"]:
        drafts.append(("B", preview(fields["second"], fields["class"], values, shorten=True)))
    answer = render_template(
        "campaign_message.html", row=row, fields=fields, errors=errors, drafts=drafts, channels=CHANNELS,
        steps=_steps(), step=2,
    )  # fmt: skip
    return make_response(answer, 422 if errors else 200)


# ---------------------------------------------------------------------------------------------- the time


def _time_fields(row: Row) -> dict[str, str]:
    at: datetime | None = datetime.fromisoformat(row["wall"]) if row["wall"] else None
    if at is None and row["send_at"] is not None:
        at = local(row["send_at"], asked.here())
    staged = row["staged"]
    without = Staged(1)
    return {
        "when": "later" if at else "now", "date": f"{at:%Y-%m-%d}" if at else "",
        "at": f"{at:%H:%M}" if at else "10:00",
        "place": RECIPIENT if row["zone"] == RECIPIENT else "workspace",
        "first": str(staged["percent"]) if staged else "",
        "after": f"{staged['after'] / 3600:g}" if staged and staged["after"] else "",
        "most_stopped": f"{staged['most_stopped'] if staged else without.most_stopped:g}",
        "most_failed": f"{staged['most_failed'] if staged else without.most_failed:g}",
        "winner": row["winner"] or "", "holdout": str(row["holdout"] or 0),
    }  # fmt: skip


def _read_time(form: Mapping[str, str], row: Row) -> tuple[dict[str, Any], Errors]:
    errors: Errors = {}
    values: dict[str, Any] = {"send_at": None, "wall": None, "zone": None}
    if form.get("when") == "later":
        try:
            on, at = date.fromisoformat(form.get("date", "")), time.fromisoformat(form.get("at", ""))
            if form.get("place") == RECIPIENT:
                values |= {"wall": datetime.combine(on, at.replace(tzinfo=None)).isoformat(), "zone": RECIPIENT}
            else:
                values |= {"send_at": at_wall(on, at, asked.here()), "zone": asked.here().key}
        except (ValueError, OverflowError):
            errors["date"] = sentence(Reason("moment_unreadable", {"text": form.get("date", "")[:20]}))
    first = _whole(form.get("first", ""), 1, 99) if form.get("first", "").strip() else None
    if form.get("first", "").strip() and first is None:
        errors["first"] = sentence(Reason("field_wrong", {"why": "1 … 99"}))
    after = _number(form.get("after", ""), 0.1, 14 * 24) if form.get("after", "").strip() else None
    if form.get("after", "").strip() and after is None:
        errors["after"] = sentence(Reason("field_wrong", {"why": "1 … 336"}))
    limits = {name: _number(form.get(name, ""), 0, 100) for name in ("most_stopped", "most_failed")}
    errors |= {name: sentence(Reason("field_wrong", {"why": "0 … 100"})) for name, one in limits.items() if one is None}
    holdout = _whole(form.get("holdout") or "0", 0, MOST_HOLDOUT)
    if holdout is None:
        errors["holdout"] = sentence(Reason("field_wrong", {"why": f"0 … {MOST_HOLDOUT}"}))
    winner = form.get("winner", "")
    several = len(row["message"]["variants"]) > 1
    return {
        **values,
        "staged": None if first is None else {"percent": first, **limits,
                                              "after": None if after is None else int(after * 3600)},
        "winner": winner if several and first is not None and winner in list(By) else None,
        "holdout": holdout or 0,
    }, errors  # fmt: skip


def _when(row: Row, fields: Mapping[str, str], errors: Errors) -> ResponseReturnValue:
    answer = render_template(
        "campaign_time.html", row=row, fields=fields, errors=errors, steps=_steps(), step=3, recipient=RECIPIENT,
        several=len(row["message"]["variants"]) > 1, measures=[str(one) for one in By],
    )  # fmt: skip
    return make_response(answer, 422 if errors else 200)


def _whole(written: str, least: int, most: int) -> int | None:
    written = written.strip().removesuffix("%").strip()
    return int(written) if written.isascii() and written.isdigit() and least <= int(written[:9]) <= most else None


def _number(written: str, least: float, most: float) -> float | None:
    try:
        found = float(written.strip().removesuffix("%").strip().replace(",", "."))
    except ValueError:
        return None
    return found if least <= found <= most else None


# ---------------------------------------------------------------------------------------------- rows and words


def _steps() -> list[str]:
    return [t(f"campaigns.step.{name}") for name in STEPS]


def _total(tx: Transaction, row: Row) -> Any:
    return campaign_results.total(campaign_results.figures(tx, campaigns.campaign(row)).values())


def _row(tx: Transaction, campaign_id: str) -> Row:
    row = campaigns.row(tx, campaign_id[:40])
    if row is None:
        raise NotFound("campaign")
    return row


def _draft(tx: Transaction, campaign_id: str) -> Row:
    row = _row(tx, campaign_id)
    if row["state"] != Phase.DRAFT:
        raise Conflict("campaign_state", state=row["state"])
    return row


def _locked(tx: Transaction, campaign_id: str) -> Row:
    campaigns.alone(tx, campaign_id)
    return _row(tx, campaign_id)


@bp.app_template_filter("span_words")
def span_words(span: timedelta | int | None) -> str:
    """« 2 heures », for a time that something takes."""
    if span is None:
        return ""
    seconds = int(span.total_seconds()) if isinstance(span, timedelta) else span
    if seconds < 2 * 3600:
        return tn("when.minutes", max(round(seconds / 60), 1))
    return tn("when.hours", round(seconds / 3600)) if seconds < 48 * 3600 else tn("when.days", round(seconds / 86400))


@bp.app_template_filter("wall_words")
def wall_words(wall: str) -> str:
    """« lundi 30 novembre 10:00 », without a place: it is everybody's own."""
    at = datetime.fromisoformat(wall)
    return f"{day(at.date())} {at:%H:%M}"


@bp.app_template_filter("as_shown")
def as_shown(leaving: New) -> str:
    """A message as the phone shows it: marketing bears the mention of STOP."""
    marketing = leaving.message_class is MessageClass.MARKETING and leaving.country == "FR"
    return with_stop(leaving.text) if marketing else leaving.text


@bp.app_template_filter("percent")
def percent(share: float) -> str:
    """« 4,2 % »."""
    said = f"{100 * share:.1f}"
    return f"{said.replace('.', ',')}\u00a0%" if language() == "fr" else f"{said}%"


@bp.app_template_filter("pairs")
def pairs(rows: Iterable[Mapping[str, Any]], value: str, words: str) -> list[tuple[Any, Any]]:
    """Two columns of rows, for a select."""
    return [(one[value], one[words]) for one in rows]

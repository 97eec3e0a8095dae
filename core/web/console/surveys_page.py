"""Sondages: writing the questions, sending them like a campaign, and what was answered, live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, Conflict
from core.domain.policy.walltime import local
from core.domain.surveys import CLASSES, END, LASTS, MOST_QUESTIONS, REST, Kind, Phase, Question, as_json, parse, plain
from core.engine import exporting, survey_results, survey_sending, survey_shown, surveying
from core.storage import house, surveys
from core.web.api.surveys import UNCLEAR
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.charts import Bar, Chart, scale, stack
from core.web.console.session import page
from core.web.console.words import sentence, t

bp = Blueprint("surveys", __name__, url_prefix="/surveys")
SHOWN, WORDS, MOST_HOURS = 50, 100, 72
HOUR = timedelta(hours=1)
KINDS = tuple(str(one) for one in Kind)
Row = Mapping[str, Any]
Fields = dict[str, str]
_EMPTY: Fields = {"kind": str(Kind.CHOICE), **dict.fromkeys(("text", "choices", "then", "least", "most", "branch"), "")}


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """All surveys, the newest first."""
    with current_suite().database.read(g.person.workspace) as tx:
        rows = surveys.rows(tx, after=asked.text("after") or None, limit=SHOWN + 1)
        figures = surveys.figures(tx, [row["id"] for row in rows])
    return render_template("surveys.html", rows=rows[:SHOWN], figures=figures, more=len(rows) > SHOWN)


@bp.get("/<survey_id>")
@page()
def one(survey_id: str) -> ResponseReturnValue:
    """What was answered until now; of a draft, its questions."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40])
        if row["state"] == Phase.DRAFT:
            return redirect(f"/surveys/{survey_id}/edit", 303)
        results = survey_results.results(tx, row)
        words = surveys.answers(tx, survey_id, free=True, limit=6)
        used = surveys.used_by(tx, survey_id)
    return render_template(
        "survey.html", row=row, results=results, words=words, used=used, formulas=_formulas(),
        chart=_by_hour(results.hours), open=survey_results.open_count(results.states),
    )  # fmt: skip


@bp.get("/<survey_id>/answers")
@page()
def answers(survey_id: str) -> ResponseReturnValue:
    """Everything that people said in their own words, or all answers to one question."""
    number = asked.text("question")
    question = int(number) if number.isascii() and number.isdigit() and len(number) < 3 else None
    with current_suite().database.read(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40])
        rows = surveys.answers(
            tx, survey_id, question=question, free=question is None, after=asked.text("after") or None,
            limit=WORDS + 1,
        )  # fmt: skip
    questions = parse(row["questions"])
    told = [{**one, **survey_shown.answer(one, questions)} for one in rows[:WORDS] if one["question"] <= len(questions)]
    return render_template("survey_answers.html", row=row, answers=told, more=len(rows) > WORDS, question=question)


# ---------------------------------------------------------------------------------------------- writing


@bp.get("/new")
@page("editor")
def new() -> ResponseReturnValue:
    fields = {
        "name": "", "class": str(CLASSES[0]), "ending": t("surveys.edit.ending_example"), "reminder_after": "",
        "reminder_text": "", "lasts": f"{int(LASTS.total_seconds()) // 3600}", "rest": str(REST.days),
    }  # fmt: skip
    first = {**_EMPTY, "kind": str(Kind.SCALE), "text": t("surveys.edit.first_example")}
    return _form(None, fields, [first], {})


@bp.post("/new")
@page(writes="editor")
def create() -> ResponseReturnValue:
    return _save(None)


@bp.get("/<survey_id>/edit")
@page("editor")
def edit(survey_id: str) -> ResponseReturnValue:
    with current_suite().database.read(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40])
    if row["state"] != Phase.DRAFT:
        return redirect(f"/surveys/{survey_id}", 303)
    return _form(row, _fields(row), _question_fields(row), {})


@bp.post("/<survey_id>/edit")
@page(writes="editor")
def save(survey_id: str) -> ResponseReturnValue:
    return _save(survey_id)


@bp.post("/<survey_id>/send")
@page(writes="editor")
def send(survey_id: str) -> ResponseReturnValue:
    """On to the steps of a campaign: to whom, when, check, send. Nothing leaves here."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40])
        campaign_id = survey_sending.drafted(
            tx, row, {"conditions": {"consent": "in"}}, suite.now(), test=bool(g.workspace["test"]), who=g.person.id,
        )  # fmt: skip
    return redirect(f"/campaigns/{campaign_id}/audience", 303)


@bp.post("/<survey_id>/copy")
@page(writes="editor")
def copy(survey_id: str) -> ResponseReturnValue:
    """The same questions as a new draft."""
    suite, now = current_suite(), current_suite().now()
    with suite.database.write(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40])
        kept = ("class", "language", "sender", "questions", "ending", "unclear", "reminder", "lasts", "rest", "test")
        name = t("surveys.copy_of", name=row["name"])[:120]
        copied = surveys.add(tx, {**{one: row[one] for one in kept}, "name": name}, now)
        house.note(tx, g.person.id, "survey_saved", copied, {}, now)
    return asked.back(f"/surveys/{copied}/edit", "good", "surveys.copied")


@bp.post("/<survey_id>/stop")
@page(writes="editor")
def stop(survey_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        survey_sending.stop(tx, surveying.known(tx, survey_id[:40]), g.person.id, suite.now())
    return asked.back(f"/surveys/{survey_id}", "good", "surveys.stopped")


@bp.post("/<survey_id>/remove")
@page(writes="editor")
def remove(survey_id: str) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        survey_sending.remove(tx, surveying.known(tx, survey_id[:40]), g.person.id, suite.now())
    return asked.back("/surveys", "good", "surveys.removed")


@bp.post("/<survey_id>/export")
@page("editor", writes="editor")
def export(survey_id: str) -> ResponseReturnValue:
    """The answers as a file for a spreadsheet."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        surveying.known(tx, survey_id[:40])
        exporting.ask(tx, "survey_answers", exporting.CSV, {"survey": survey_id}, suite.now(),
                      language=g.language, who=g.person.id)  # fmt: skip
    suite.wake()
    return redirect("/exports", 303)


def _save(survey_id: str | None) -> ResponseReturnValue:
    suite, now = current_suite(), current_suite().now()
    fields, questions = _read_fields(request.form), _read_questions(request.form)
    action = request.form.get("edit", "")
    if action == "add" and len(questions) < MOST_QUESTIONS:
        questions.append(dict(_EMPTY))
    elif action.startswith("drop-") and action[5:].isdigit() and len(questions) > 1:
        questions = [one for place, one in enumerate(questions, 1) if place != int(action[5:])]
    with suite.database.write(g.person.workspace) as tx:
        row = surveying.known(tx, survey_id[:40]) if survey_id is not None else None
        if row is not None and row["state"] != Phase.DRAFT:
            raise Conflict("survey_state", state=row["state"])
        if action in ("add",) or action.startswith("drop-"):
            return _form(row, fields, questions, {})
        values, errors = _values(fields, questions, parse(row["questions"]) if row is not None else ())
        if errors:
            return _form(row, fields, questions, errors)
        if row is None:
            survey_id = surveys.add(tx, {**values, "sender": None, "test": bool(g.workspace["test"])}, now)
        else:
            surveys.change(tx, row["id"], values, now, only=[Phase.DRAFT])
            survey_sending.changed(tx, row["id"], now)
        house.note(tx, g.person.id, "survey_saved", survey_id, {}, now)
    return asked.back(f"/surveys/{survey_id}/edit", "good", "surveys.saved")


def _form(
    row: Row | None, fields: Fields, questions: list[Fields], errors: Mapping[str, str]
) -> ResponseReturnValue:
    suite = current_suite()
    texts = [] if row is None else survey_shown.texts(row, g.workspace["settings"]["country"], suite.now())
    answer = render_template(
        "survey_edit.html", row=row, fields=fields, questions=questions, errors=errors, texts=texts, kinds=KINDS,
        most=MOST_QUESTIONS, classes=[str(one) for one in CLASSES],
    )  # fmt: skip
    return make_response(answer, 422 if errors else 200)


def _fields(row: Row) -> Fields:
    reminder = row["reminder"]
    return {
        "name": row["name"], "class": row["class"], "ending": row["ending"] or "",
        "reminder_after": f"{reminder['after'] / 3600:g}" if reminder else "",
        "reminder_text": reminder["text"] if reminder else "",
        "lasts": f"{row['lasts'] / 3600:g}", "rest": f"{row['rest'] / 86400:g}",
    }  # fmt: skip


def _question_fields(row: Row) -> list[Fields]:
    found: list[Fields] = []
    for one in parse(row["questions"]):
        branch = one.branches[0] if one.branches else None
        found.append({
            "text": one.text, "kind": str(one.kind), "then": _written(one.then),
            "choices": "\n".join(
                choice.text if choice.then is None
                else f"{choice.text} > {t('surveys.edit.end_word') if choice.then == END else choice.then}"
                for choice in one.choices
            ),
            "least": str(branch.least) if branch else "", "most": str(branch.most) if branch else "",
            "branch": _written(branch.then) if branch else "",
        })  # fmt: skip
    return found


def _written(then: int | None) -> str:
    return "" if then is None else "end" if then == END else str(then)


def _read_fields(form: Mapping[str, str]) -> Fields:
    names = ("name", "class", "ending", "reminder_after", "reminder_text", "lasts", "rest")
    return {name: form.get(name, "").replace("\r\n", "\n").strip()[:1000] for name in names}


def _read_questions(form: Mapping[str, str]) -> list[Fields]:
    found: list[Fields] = []
    while f"text-{len(found) + 1}" in form and len(found) < MOST_QUESTIONS:
        place = len(found) + 1
        found.append({name: form.get(f"{name}-{place}", "").replace("\r\n", "\n").strip()[:2000] for name in _EMPTY})
    return found or [dict(_EMPTY)]


def _values(
    fields: Fields, questions: list[Fields], before: tuple[Question, ...]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the form says, as its row has it, and what is wrong: field → sentence."""
    errors: dict[str, str] = {}
    language = g.workspace["settings"]["language"]
    spoken = language if language in UNCLEAR else "en"
    asked_now: Any = ()
    try:
        said = [_json(one) for one in questions]
        asked_now = parse([_with_rest(one, before[at]) if at < len(before) else one for at, one in enumerate(said)], "")
    except BadInput as error:
        errors[_field_of(error.pointer)] = sentence(error.reason)
    for name in ("ending", "reminder_text"):
        try:
            plain(fields[name], "")
        except BadInput as error:
            errors[name] = sentence(error.reason)
    lasts, rest = _number(fields["lasts"], 1, 336), _number(fields["rest"], 0, 366)
    after = _number(fields["reminder_after"], 1, 336) if fields["reminder_after"] else None
    for name, value, why in (("lasts", lasts, "1 … 336"), ("rest", rest, "0 … 366"),
                             ("reminder_after", after if fields["reminder_after"] else 1.0, "1 … 336")):
        if value is None:
            errors[name] = t("surveys.edit.number", least=why.split(" … ")[0], most=why.split(" … ")[1])
    if not fields["name"]:
        errors["name"] = t("surveys.edit.name_missing")
    words = fields["reminder_text"] or t("surveys.edit.reminder_example")
    return {
        "name": fields["name"][:120],
        "class": fields["class"] if fields["class"] in CLASSES else str(CLASSES[0]),
        "language": spoken,
        "questions": as_json(asked_now),
        "ending": fields["ending"][:600] or None,
        "unclear": UNCLEAR[spoken],
        "reminder": {"after": int(after * 3600), "text": words[:300]} if after else None,
        "lasts": int((lasts or 1) * 3600),
        "rest": int((rest or 0) * 86400),
    }, errors


def _json(one: Fields) -> dict[str, Any]:
    said: dict[str, Any] = {"text": one["text"], "kind": one["kind"], "then": _then(one["then"])}
    if one["kind"] == Kind.CHOICE:
        lines = [line.strip() for line in one["choices"].splitlines() if line.strip()]
        said["choices"] = [_choice(line) for line in lines]
    elif one["kind"] == Kind.SCALE and one["branch"]:
        least, most = (int(one[name]) if one[name].isdigit() else None for name in ("least", "most"))
        said["branches"] = [{"least": 0 if least is None else least, "most": 10 if most is None else most,
                             "then": _then(one["branch"])}]  # fmt: skip
    return said


def _with_rest(said: dict[str, Any], before: Question) -> dict[str, Any]:
    """What a form has no field for, and a program wrote, stays: further spellings and branches, another scale."""
    if said["kind"] != before.kind:
        return said
    if before.kind is Kind.CHOICE:
        words = {choice.text: list(choice.words) for choice in before.choices}
        return {**said, "choices": [{**one, "words": words.get(one["text"], [])} for one in said["choices"]]}
    if before.kind is Kind.SCALE:
        said = {**said, "least": before.least, "most": before.most}
        [kept] = as_json([before])
        if len(before.branches) > 1 and said.get("branches") == kept["branches"][:1]:
            return {**said, "branches": kept["branches"]}
    return said


def _choice(line: str) -> dict[str, Any]:
    """« L'attente », or « L'attente > 4 » where it leads to another question than the next one."""
    text, arrow, then = line.rpartition(">")
    then = then.strip().lower()
    if arrow and (then.isdigit() or then in ("end", "fin")):
        return {"text": text.strip(), "then": _then("end" if then == "fin" else then)}
    return {"text": line}


def _then(written: str) -> int | str | None:
    return int(written) if written.isascii() and written.isdigit() else "end" if written == "end" else None


def _field_of(pointer: str) -> str:
    """The field of the form that a JSON pointer names."""
    parts = [part for part in pointer.split("/") if part]
    if not parts or not parts[0].isdigit():
        return "text-1"
    names = {"choices": "choices", "branches": "branch", "then": "then", "kind": "kind"}
    return f"{names.get(parts[1], 'text') if len(parts) > 1 else 'text'}-{int(parts[0]) + 1}"


def _number(written: str, least: float, most: float) -> float | None:
    try:
        found = float(written.replace(",", "."))
    except ValueError:
        return None
    return found if least <= found <= most else None


# ---------------------------------------------------------------------------------------------- figures


def _formulas() -> dict[str, str]:
    return {name: words[g.language if g.language in words else "en"] for name, words in
            survey_results.FORMULAS.items()}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Chart):
    """Answers hour by hour. `most`: in one of them; `first`, `last`: when the drawing begins and ends."""

    most: int
    first: datetime
    last: datetime


def _by_hour(found: tuple[tuple[datetime, int], ...]) -> Hours | None:
    """The last three days of answers, one bar an hour."""
    if not found:
        return None
    last = found[-1][0]
    first = max(found[0][0], last - (MOST_HOURS - 1) * HOUR)
    counts = {start: count for start, count in found if start >= first}
    hours = [first + place * HOUR for place in range(int((last - first) / HOUR) + 1)]
    # A survey of one hour is not drawn as a wall.
    room = max(len(hours), 12)
    width, most = Chart.width / room, max(counts.values())
    bars: list[Bar] = []
    labels: list[tuple[float, str, bool]] = []
    every = max(room // 8, 1)
    for place, start in enumerate(hours):
        x = place * width
        bars += stack(x + width * 0.12, width * 0.76, [("answers", counts.get(start, 0))], scale(most))
        if place % every == 0:
            there = local(start, asked.here())
            first_of_day = place == 0 or there.hour < every
            words = f"{there:%d/%m}" if first_of_day else f"{there:%H} h"
            labels.append((round(x, 1), words, place % (2 * every) == 0))
    return Hours(bars=tuple(bars), labels=tuple(labels), most=most, first=first, last=last)

"""Liste d'attente: times that became free, who holds them, who waits, and how they are offered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain import waitlist_words as words
from core.domain.errors import BadInput, Conflict, InvalidNumber, NotFound, RelanceError
from core.domain.events import Kind
from core.domain.policy.walltime import at_wall
from core.domain.policy.week import DAYS
from core.domain.recipients import Recipient
from core.domain.waitlist import CAUSES, Person, Terms, Wishes, read_wishes
from core.engine.waitlist import board, freeing, joining, offering, telling, writing
from core.engine.waitlist.choosing import choose
from core.storage import installations, waitlist
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import flash, page
from core.web.console.words import sentence, t, tn

bp = Blueprint("waitlist", __name__, url_prefix="/waitlist")
MOST_FILE = 400_000
_MINUTE = timedelta(minutes=1)
HALVES: Mapping[str, tuple[str | None, str | None]] = {
    "any": (None, None), "morning": (None, "12:00"), "afternoon": ("12:00", None),
}  # fmt: skip
HOLDS = (10, 15, 20, 30, 45, 60, 120, 240)
NOTICES = (0, 60, 120, 180, 240, 360, 720, 1440, 2880)


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """Slots, the list, and the terms."""
    return _shown()


@bp.post("")
@page(writes="editor")
def add() -> ResponseReturnValue:
    """Somebody who agreed is put on the list."""
    suite, form, now = current_suite(), request.form, current_suite().now()
    try:
        whom = _recipient(form.get("number", ""))
        with suite.database.write(g.person.workspace) as tx:
            person = _person(tx, form, whom.number, now)
            joining.add(tx, whom, person, now, g.person.id, now)
    except (BadInput, Conflict, NotFound) as error:
        return _shown(error, "add")
    suite.wake()
    return asked.back("/waitlist", "good", "waitlist.did.added")


@bp.post("/import")
@page(writes="editor")
def bring() -> ResponseReturnValue:
    """A file of people who agreed."""
    suite, form, now = current_suite(), request.form, current_suite().now()
    file = request.files.get("file")
    written = file.read(MOST_FILE + 1) if file is not None else b""
    if not written or len(written) > MOST_FILE:
        return asked.back("/waitlist#import", "warn", "waitlist.did.no_file")
    try:
        lines = joining.read(written, g.workspace["settings"]["country"], form.get("proof", ""))
        with suite.database.write(g.person.workspace) as tx:
            count = joining.write(tx, lines, form.get("installation") or None, g.person.id, now)
    except RelanceError as error:
        return _shown(error, "import")
    suite.wake()
    refused = [one for one in lines if one.reason is not None]
    if refused:
        first = refused[0]
        flash("warn", "waitlist.did.imported_some", count=count, refused=len(refused), line=first.line,
              why=sentence(first.reason))  # fmt: skip
        return asked.redirect("/waitlist", 303)
    return asked.back("/waitlist", "good", "waitlist.did.imported", count=count)


@bp.get("/people/<entry_id>")
@page()
def one(entry_id: str) -> ResponseReturnValue:
    """What somebody wishes, to look at or to change."""
    return _one(entry_id)


@bp.post("/people/<entry_id>/<verb>")
@page(writes="editor")
def person(entry_id: str, verb: str) -> ResponseReturnValue:
    """save, up, down, remove."""
    suite, now = current_suite(), current_suite().now()
    try:
        with suite.database.write(g.person.workspace) as tx:
            if verb in ("up", "down"):
                joining.move(tx, entry_id, verb == "up", g.person.id, now)
                done = "waitlist.did.moved"
            elif verb == "remove":
                joining.remove(tx, entry_id, g.person.id, now)
                done = "waitlist.did.removed"
            elif verb == "save":
                row = waitlist.entry(tx, entry_id)
                if row is None:
                    raise NotFound("waitlist entry")
                wanted = _person(tx, {**request.form, "proof": "-"}, row["number"], now)
                values = {"name": wanted.name, "installation": wanted.installation, "kind": wanted.kind,
                          "wishes": wanted.wishes.as_json(), "moves": wanted.moves}  # fmt: skip
                joining.change(tx, entry_id, values, g.person.id, now)
                done = "waitlist.did.saved"
            else:
                raise NotFound("page")
    except (BadInput, Conflict) as error:
        return _one(entry_id, error)
    suite.wake()
    return asked.back("/waitlist#list", "good", done)


@bp.post("/slots")
@page(writes="editor")
def offer() -> ResponseReturnValue:
    """A time is offered by hand."""
    suite, form, now = current_suite(), request.form, current_suite().now()
    try:
        given: dict[str, Any] = {"occasion": form.get("occasion") or None}
        if not given["occasion"]:
            start = _start(form.get("day", ""), form.get("time", ""))
            minutes = form.get("minutes", "30")
            length = int(minutes) if minutes.isascii() and minutes.isdigit() and 0 < int(minutes[:4]) <= 600 else 30
            given |= {"installation": form.get("installation", ""), "start": start,
                      "end": start + timedelta(minutes=length), "title": form.get("title", "").strip()[:200],
                      "zone": g.workspace["settings"]["zone"]}  # fmt: skip
        with suite.database.write(g.person.workspace) as tx:
            slot_id = freeing.by_hand(tx, given, g.person.id, now)
            offering.go_on(tx, slot_id, now)
    except (BadInput, Conflict, NotFound) as error:
        return _shown(error, "offer")
    suite.wake()
    return asked.back("/waitlist", "good", "waitlist.did.offered")


@bp.post("/slots/<slot_id>/<verb>")
@page(writes="editor")
def act(slot_id: str, verb: str) -> ResponseReturnValue:
    """withdraw, settle, free (an appointment that was given up), enter (the taker, now)."""
    suite, now, workspace = current_suite(), current_suite().now(), g.person.workspace
    if verb == "free":
        try:
            writing.free_in_calendar(suite, workspace, slot_id, request.form.get("occasion", "")[:40], g.person.id)
        except (BadInput, Conflict) as error:
            return _shown(error, "slots")
        except RelanceError as error:
            flash("warn", "waitlist.did.not_freed", why=sentence(error.reason))
            return asked.redirect("/waitlist", 303)
        return asked.back("/waitlist", "good", "waitlist.did.freed")
    try:
        with suite.database.write(workspace) as tx:
            if verb == "withdraw":
                freeing.withdraw(tx, slot_id, g.person.id, now)
                done = "waitlist.did.withdrawn"
            elif verb == "settle":
                freeing.settled(tx, slot_id, g.person.id, now)
                done = "waitlist.did.settled"
            elif verb == "enter":
                writing.enter_now(tx, slot_id, g.person.id, now)
                done = "waitlist.did.entering"
            else:
                raise NotFound("page")
    except Conflict as error:
        return _shown(error, "slots")
    suite.wake()
    return asked.back("/waitlist", "good", done)


@bp.post("/terms/<installation>")
@page(writes="admin")
def terms(installation: str) -> ResponseReturnValue:
    """How the free times of a connection are offered."""
    suite, form, now = current_suite(), request.form, current_suite().now()
    try:
        with suite.database.write(g.person.workspace) as tx:
            given = {
                "on": form.get("on") == "1", "notice_minutes": _number(form, "notice_minutes"),
                "hold_minutes": _number(form, "hold_minutes"), "most": _number(form, "most"),
                "days": _number(form, "days"), "causes": [one for one in CAUSES if form.get(f"cause-{one}") == "1"],
                "writes": form.get("writes") == "1", "keyword": form.get("keyword", ""), "text": form.get("text", ""),
            }  # fmt: skip
            found = choose(tx, installation, given, g.person.id, now)
    except BadInput as error:
        return _shown(error, f"terms-{installation}")
    suite.wake()
    return asked.back("/waitlist#terms", "good", "waitlist.did.on" if found.on else "waitlist.did.off")


# ---------------------------------------------------------------------------------------------- what is shown


def _shown(error: RelanceError | None = None, section: str = "") -> ResponseReturnValue:
    suite, now = current_suite(), current_suite().now()
    with suite.database.read(g.person.workspace) as tx:
        rows = waitlist.entries(tx)
        connected = [
            row for row in installations.listed(tx, suite.vault, suite.public_url)
            if row.state != "disconnected" and Kind.APPOINTMENT in _kinds(row)
        ]  # fmt: skip
        found = {row.installation.id: waitlist.terms(tx, row.installation.id) for row in connected}
        answer = render_template(
            "waitlist.html", boards=board.boards(suite, tx, now), over=board.over(tx, now), people=rows,
            moving=board.moving(tx, rows), connected=connected, terms=found,
            enterable={row.installation.id: writing.can_enter(suite, row) for row in connected},
            names={row.installation.id: row.installation.name for row in connected}, wishes=_wishes_said,
            days=DAYS, holds=HOLDS, notices=NOTICES, causes=CAUSES, section=section,
            samples={one: _sample(tx, own, now) for one, own in found.items()},
            any_on=any(own.on for own in found.values()), **_forms(), **_wrong(error),
        )  # fmt: skip
    return make_response(answer, 422 if error else 200)


def _one(entry_id: str, error: RelanceError | None = None) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = waitlist.entry(tx, entry_id)
        if row is None:
            raise NotFound("waitlist entry")
        connected = [
            one for one in installations.listed(tx, suite.vault, suite.public_url)
            if one.state != "disconnected" and Kind.APPOINTMENT in _kinds(one)
        ]  # fmt: skip
        offers = waitlist.offers(tx, number=row["number"], newest=True, limit=20)
        slots = {one["slot"]: waitlist.slot(tx, one["slot"]) for one in offers}
        coming = board.moving(tx, [row])
    wishes = Wishes.from_json(row["wishes"])
    answer = render_template(
        "waitlist_person.html", row=row, wishes=wishes, half=_half(wishes), days=DAYS,
        connected=connected, offers=offers, slots=slots, coming=coming, said=_wishes_said(row), **_forms(),
        **_wrong(error),
    )  # fmt: skip
    return make_response(answer, 422 if error else 200)


def _wrong(error: RelanceError | None) -> Mapping[str, Any]:
    return {"wrong": sentence(error.reason) if error else None, "pointer": getattr(error, "pointer", "")}


def _forms() -> Mapping[str, Any]:
    """What the forms need of Python: lists to choose from."""
    return {
        "halves_said": lambda half: [
            (name, t(f"waitlist.half.{name}")) for name in (*HALVES, *(["own"] if half == "own" else []))
        ],
        "calendars": lambda connected, any_of_them=True: [
            *([("", t("waitlist.form.any_calendar"))] if any_of_them else []),
            *((row.installation.id, row.installation.name) for row in connected),
        ],
        "form_days": lambda form: [day for day in DAYS if form.get(f"day-{day}") == "1"],
        "day_names": lambda wishes: [DAYS[day] for day in sorted(wishes.weekdays)],
        "minutes_of": lambda span: span // _MINUTE,
        "spans": _spans,
    }


def _spans(offered: tuple[int, ...], own: timedelta) -> list[tuple[int, str]]:
    """Lengths of time to choose from, the present one among them."""
    minutes = sorted({*offered, own // _MINUTE})
    return [(one, t("waitlist.terms.notice_none") if one == 0 else _length(one)) for one in minutes]


def _length(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    days, left = divmod(hours, 24)
    if days and not left and not rest:
        return tn("when.days", days)
    return " ".join(tn(f"when.{name}", count) for name, count in (("hours", hours), ("minutes", rest)) if count)


def _sample(tx: Transaction, own: Terms, now: datetime) -> str:
    """The offer as somebody would read it, for a time of the day after tomorrow."""
    start = at_wall(asked.today(now) + timedelta(days=2), time(9), asked.here())
    until = start - timedelta(days=1, hours=-5, minutes=30)
    return words.offer(
        own.text, telling.language(tx), clinic=telling.clinic(tx), name="Mme Roux", start=start, until=until, own=None,
        now=until, zone=asked.here(),
    )  # fmt: skip


def _kinds(row: installations.Row) -> frozenset[Kind]:
    adapter = current_suite().adapters.get(row.installation.adapter)
    return adapter.manifest.kinds if adapter is not None else frozenset()


def _wishes_said(row: Mapping[str, Any]) -> str:
    """What somebody wishes, in a few words."""
    wishes = Wishes.from_json(row["wishes"])
    said = []
    if wishes.earliest:
        said.append(t("waitlist.wish.from", day=f"{wishes.earliest:%d/%m}"))
    if wishes.latest:
        said.append(t("waitlist.wish.to", day=f"{wishes.latest:%d/%m}"))
    if wishes.weekdays:
        said.append(", ".join(t(f"when.weekday.{day}") for day in sorted(wishes.weekdays)))
    half = _half(wishes)
    if half in ("morning", "afternoon"):
        said.append(t(f"waitlist.half.{half}"))
    elif wishes.after or wishes.until:
        said.append(" – ".join(f"{one:%H:%M}" if one else "…" for one in (wishes.after, wishes.until)))
    if row["kind"]:
        said.append(f"« {row['kind']} »")
    return " · ".join(said) or t("waitlist.wish.any")


def _half(wishes: Wishes) -> str:
    """Which choice of the form it is; "own" for hours that only a program could have said."""
    hours = tuple(f"{one:%H:%M}" if one else None for one in (wishes.after, wishes.until))
    return next((name for name, both in HALVES.items() if both == hours), "own")


# ---------------------------------------------------------------------------------------------- what is given


def _person(tx: Transaction, form: Mapping[str, str], number: str, now: datetime) -> Person:
    installation = form.get("installation") or None
    after, until = HALVES.get(form.get("half", "any"), (None, None))
    given: dict[str, Any] = {
        "earliest": form.get("earliest", ""), "latest": form.get("latest", ""), "after": after, "until": until,
        "weekdays": [day for day in DAYS if form.get(f"day-{day}") == "1"],
    }  # fmt: skip
    moves = None
    if form.get("moves") == "1":
        places = [installation] if installation else [one for one, _ in installations.connected(tx)]
        coming = [found for place in places if (found := waitlist.next_of(tx, place, number, now)) is not None]
        if not coming:
            raise BadInput("waitlist_no_appointment", pointer="/moves")
        moves = min(coming, key=lambda one: one.start or now).id
    proof = {"source": "console", "text": form.get("proof", "").strip()[:400], "by": g.person.id}
    return Person(
        form.get("name", "").strip()[:120] or None, installation, form.get("kind", "").strip()[:80] or None,
        read_wishes(given), moves, None, proof,
    )  # fmt: skip


def _recipient(number: str) -> Recipient:
    try:
        return Recipient.parse(number, g.workspace["settings"]["country"])
    except InvalidNumber as error:
        error.pointer = "/number"
        raise


def _start(day: str, clock: str) -> datetime:
    try:
        return at_wall(date.fromisoformat(day), time.fromisoformat(clock), asked.here())
    except (ValueError, OverflowError) as error:
        raise BadInput("moment_unreadable", pointer="/start", text=f"{day} {clock}"[:40]) from error


def _number(form: Mapping[str, str], name: str) -> Any:
    value = form.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else value

"""Journal: who did what here, with filters; read over for a line that was changed; and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from core.domain.text.cells import MARK, line
from core.engine.overview import bounds
from core.storage import access, audit, house
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import page
from core.web.console.words import catalogue, t

bp = Blueprint("audit_page", __name__, url_prefix="/settings/audit")
SHOWN = 50
OF_THE_HOUSE = ("engine", "installation", "system", "relance", "relance keys", "test")
_COLUMNS = ("number", "id", "at", "who", "who_id", "what", "code", "on", "detail", "chain")


@bp.get("")
@page("admin")
def shown() -> ResponseReturnValue:
    """The newest lines that fit; `check`: the whole log was read over for what is wrong with it."""
    wanted = _wanted()
    with current_suite().database.read(g.person.workspace) as tx:
        rows = audit.listed(tx, wanted, limit=SHOWN + 1)
        names = _names(tx)
        whats, actors = audit.whats(tx), audit.actors(tx)
        verdict = audit.verify(tx) if request.args.get("check") else None
    query = {name: given for name in ("who", "what", "from", "until") if (given := asked.text(name))}
    return render_template(
        "audit.html",
        rows=[{**row, "said": _said(row["what"]), "by": _by(row["who"], names)} for row in rows[:SHOWN]],
        further=urlencode({**query, "after": rows[SHOWN - 1]["id"]}) if len(rows) > SHOWN else None,
        query=urlencode(query),
        whats=[("", t("audit_page.all")), *sorted(((one, _said(one)) for one in whats), key=lambda one: one[1])],
        actors=[("", t("audit_page.everybody")), *((one, _by(one, names)) for one in actors)],
        who=asked.text("who"), what=asked.text("what"), since=asked.text("from"), until=asked.text("until"),
        verdict=verdict,
        kept=audit.KEPT.days,
    )  # fmt: skip


@bp.get("/file")
@page("admin")
def file() -> ResponseReturnValue:
    """What the filters leave, as a file for spreadsheets, with the hashes."""
    suite, wanted = current_suite(), _wanted()
    with suite.database.write(g.person.workspace) as tx:
        house.note(tx, g.person.id, "audit_exported", None, {}, suite.now())
        names = _names(tx)
    name = f"audit-{asked.today(suite.now()).isoformat()}.csv"
    return Response(
        stream_with_context(_lines(wanted, names, g.language)), content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def _lines(wanted: audit.Filter, names: Mapping[str, str], language: str) -> Iterator[bytes]:
    suite, place, zone = current_suite(), g.person.workspace, asked.here()
    yield (MARK + line([t(f"audit_page.column.{one}") for one in _COLUMNS], language)).encode()
    while True:
        with suite.database.read(place) as tx:
            rows = audit.listed(tx, wanted, limit=audit.PAGE)
        for row in rows:
            cells = [row["seq"] or "", row["id"], _iso(row["at"], zone), _by(row["who"], names), row["who"],
                     _said(row["what"]), row["what"], row["on"] or "", audit.written(row["detail"]),
                     row["chain"] or ""]  # fmt: skip
            yield line([str(one) for one in cells], language).encode()
        if len(rows) < audit.PAGE:
            return
        wanted = replace(wanted, after=rows[-1]["id"])


def _iso(at: datetime, zone: Any) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")


def _wanted() -> audit.Filter:
    since, until, what = asked.day("from"), asked.day("until"), asked.text("what")
    return audit.Filter(
        who=asked.text("who") or None,
        what=(what,) if what else (),
        since=bounds(since, asked.here())[0] if since else None,
        until=bounds(until, asked.here())[1] if until else None,
        after=asked.text("after") or None,
    )


def _names(tx: Any) -> dict[str, str]:
    """Of people and of keys, those of long ago too as far as they are still here."""
    people = {one["id"]: one["name"] or one["email"] for one in access.members(tx)}
    return {**{one["id"]: t("audit_page.key", name=one["name"]) for one in access.keys(tx)}, **people}


def _by(who: str, names: Mapping[str, str]) -> str:
    return names.get(who) or (t("settings.audit_itself") if who in OF_THE_HOUSE else who)


def _said(what: str) -> str:
    """A code as people read it."""
    return t(f"audit.{what}") if f"audit.{what}" in catalogue() else what.replace("_", " ")

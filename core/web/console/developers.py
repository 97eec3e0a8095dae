"""Développeurs: the keys of programs, what they called, how to try, and where the reference is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from core.domain.errors import BadInput, Conflict, RelanceError
from core.domain.policy.walltime import local
from core.storage import access, house, request_log
from core.web import request_log as noting
from core.web.app import current_suite
from core.web.console import asked, charts
from core.web.console.charts import Chart
from core.web.console.session import page
from core.web.console.words import sentence

bp = Blueprint("developers", __name__, url_prefix="/developers")
KEY_LIVES = (30, 90, 365)
OVERLAPS = (1, 24, 168)
"""Hours for which an old key still works beside the one that takes its place."""
SCOPES = {"all": (), "read": ("read",), "write": ("write",), "metrics": ("metrics",)}
SHOWN = 50
HOURS = 24
_DRAWN = {"done": "delivered", "refused": "held", "failed": "failed"}
_HOUR = timedelta(hours=1)
MAGIC = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""How numbers end to which the simulated phones answer in their own way."""


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """Keys, the day's calls, what to try with."""
    return _shown()


@bp.post("/keys")
@page(writes="admin", proven=True)
def add_key() -> ResponseReturnValue:
    """A key for a program; it is in this answer and nowhere else."""
    suite, form = current_suite(), request.form
    name, days = form.get("name", "").strip()[:80], form.get("days", "")
    if not name:
        return _shown(BadInput("name_missing", pointer="/name"))
    now = suite.now()
    ends = now + timedelta(days=int(days)) if days in {str(one) for one in KEY_LIVES} else None
    scopes = SCOPES.get(form.get("scope", "all"), ())
    with suite.database.write(g.person.workspace) as tx:
        key_id, key = access.add_key(
            tx, name, now, test=form.get("kind") == "test", scopes=scopes, expires_at=ends
        )
        house.note(tx, g.person.id, "key_created", key_id, {"scopes": list(scopes)}, now)
    return _shown(once={"value": key, "who": name})


@bp.post("/keys/<key_id>/renew")
@page(writes="admin", proven=True)
def renew_key(key_id: str) -> ResponseReturnValue:
    """A new key in the place of one, which works a while longer."""
    suite, now = current_suite(), current_suite().now()
    given = request.form.get("overlap", "")
    overlap = timedelta(hours=int(given) if given in {str(one) for one in OVERLAPS} else OVERLAPS[1])
    with suite.database.write(g.person.workspace) as tx:
        made = access.renewed_key(tx, key_id, now, overlap)
        if made is None:
            raise Conflict("too_late_to_change")
        house.note(tx, g.person.id, "key_renewed", key_id, {"by": made[0]}, now)
        name = next(row["name"] for row in access.keys(tx) if row["id"] == made[0])
    return _shown(once={"value": made[1], "who": name})


@bp.post("/keys/<key_id>/revoke")
@page(writes="admin")
def revoke_key(key_id: str) -> ResponseReturnValue:
    """Ends a key at once."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        if not access.revoke_key(tx, key_id, suite.now()):
            raise Conflict("too_late_to_change")
        house.note(tx, g.person.id, "key_revoked", key_id, {}, suite.now())
    return asked.back("/developers#keys", "info", "developers.key_revoked")


@bp.get("/requests")
@page()
def requests() -> ResponseReturnValue:
    """The log of calls, with filters."""
    suite = current_suite()
    noting.of_this_process().flush(suite)
    wanted = {name: asked.text(name) for name in ("key", "route", "kind")}
    if wanted["kind"] not in request_log.KINDS:
        wanted["kind"] = ""
    with suite.database.read(g.person.workspace) as tx:
        rows = request_log.listed(
            tx, key=wanted["key"], route=wanted["route"], kind=wanted["kind"], after=asked.text("after") or None,
            limit=SHOWN + 1,
        )  # fmt: skip
        routes, keys = request_log.routes(tx), access.keys(tx)
    return render_template(
        "developers_requests.html",
        rows=rows[:SHOWN],
        further=rows[SHOWN - 1]["id"] if len(rows) > SHOWN else None,
        wanted=wanted,
        routes=routes,
        names={key["id"]: key["name"] for key in keys},
        kind_of=request_log.kind_of,
        ring=request_log.RING,
    )


def _shown(error: RelanceError | None = None, once: Mapping[str, str] | None = None) -> Any:
    suite = current_suite()
    noting.of_this_process().flush(suite)
    now = suite.now()
    with suite.database.read(g.person.workspace) as tx:
        keys = access.keys(tx)
        hours = request_log.hours(tx, _begin(now))
    sums = {kind: [sum(found.get(kind, (0, 0))[place] for found in hours.values()) for place in (0, 1)]
            for kind in request_log.KINDS}  # fmt: skip
    calls, micros = (sum(one[place] for one in sums.values()) for place in (0, 1))
    answer = render_template(
        "developers.html",
        keys=[{**key, "over": _over(key, now), "ending": _ending(key, now)} for key in keys],
        lives=KEY_LIVES,
        overlaps=OVERLAPS,
        scopes=SCOPES,
        chart=drawn(hours, now),
        calls=calls,
        counts={kind: one[0] for kind, one in sums.items()},
        mean=round(micros / calls / 1000, 1) if calls else None,
        base=suite.public_url,
        turns=suite.settings.clock_may_turn,
        magic=MAGIC,
        wrong=sentence(error.reason) if error else None,
        once=once,
    )
    return make_response(answer, 422 if error else 200)


def drawn(hours: Mapping[datetime, Mapping[str, tuple[int, int]]], now: datetime) -> Chart:
    """The last day's calls as a stack of bars, one for each hour, in the workspace's own hours."""
    first, zone, slot = _begin(now), asked.here(), charts.WIDE / HOURS
    starts = [first + place * _HOUR for place in range(HOURS)]
    most = max((sum(count for count, _ in hours.get(start, {}).values()) for start in starts), default=0)
    bars: list[charts.Bar] = []
    labels: list[tuple[float, str, bool]] = []
    for place, start in enumerate(starts):
        amounts = [(look, hours.get(start, {}).get(kind, (0, 0))[0]) for kind, look in _DRAWN.items()]
        bars += charts.stack(place * slot + 3, slot - 6, amounts, charts.scale(most))
        there = local(start, zone)
        if there.hour % 3 == 0:
            labels.append((round(place * slot, 1), f"{there:%H}", there.hour % 6 == 0))
    return Chart(bars=tuple(bars), labels=tuple(labels))


def _begin(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * _HOUR


def _over(key: Mapping[str, Any], now: datetime) -> bool:
    return bool(key["revoked_at"] or (key["expires_at"] and key["expires_at"] <= now))


def _ending(key: Mapping[str, Any], now: datetime) -> bool:
    """Whether it ends within two weeks: a program that is not changed in time falls silent."""
    return bool(key["expires_at"] and not _over(key, now) and key["expires_at"] - now < timedelta(days=14))

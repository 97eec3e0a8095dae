"""Campaigns that repeat: each run is made a while before it leaves, as a campaign of its own with its own check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from core.domain.campaigns import Phase
from core.domain.errors import BadInput, Conflict
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.repeating import MOST_RUNS, Every, Repeats
from core.engine import campaign_check, campaigning, shown
from core.engine.campaign_shown import as_given
from core.engine.singly import singly
from core.storage import campaigns, house, ledger, series
from core.storage.database import Transaction
from core.suite import Suite

LEAD = timedelta(hours=1)
"""So long before it leaves a run is made: long enough to be seen, and to be called off."""
MOST = 50
"""Series of a workspace that repeat at once."""
_AGAIN = timedelta(minutes=5)
_TAKEN = ("class", "audience", "message", "useful", "staged", "winner", "holdout", "test")
_STOPPED = frozenset({"campaign_many_stops", "campaign_many_failures"})
log = structlog.get_logger(__name__)
Row = Mapping[str, Any]


def asked(
    every: str, first: str, at: str, zone: str, until: str | None = None, most: int | None = None
) -> Repeats:
    """What somebody wrote. Raises `BadInput` with the pointer of what is wrong."""
    try:
        begins = date.fromisoformat(first)
    except ValueError:
        raise BadInput("segment_day", pointer="/first", text=first[:40]) from None
    try:
        clock = time.fromisoformat(at)
    except ValueError:
        raise BadInput("series_time", pointer="/at", text=at[:40]) from None
    if clock.tzinfo is not None or clock.second or clock.microsecond:
        raise BadInput("series_time", pointer="/at", text=at[:40])
    try:
        ends = date.fromisoformat(until) if until else None
    except ValueError:
        raise BadInput("segment_day", pointer="/until", text=(until or "")[:40]) from None
    if most is not None and not 1 <= most <= MOST_RUNS:
        raise BadInput("field_wrong", pointer="/most", why=f"1 … {MOST_RUNS}")
    if not 2000 < begins.year < 2200 or (ends is not None and ends < begins):
        raise BadInput("series_over_before", pointer="/until" if ends else "/first")
    return Repeats(Every(every), begins, clock, ZoneInfo(zone), ends, most)


def begin(tx: Transaction, row: Row, when: Repeats, who: str, now: datetime) -> str:
    """The draft (its row) becomes what each run of a new series is made of; the series' id. Raises `Conflict` when it
    is no draft any more, `BadInput` when no run lies ahead."""
    if row["state"] != Phase.DRAFT or row.get("survey"):
        raise Conflict("campaign_state", state=row["state"])
    if series.active(tx) >= MOST:
        raise Conflict("series_many", most=MOST)
    campaigning.resolved(tx, row["audience"])
    first = when.after(now, 0)
    if first is None:
        raise BadInput("series_over_before", pointer="/until")
    series_id = series.add(
        tx,
        {
            "name": row["name"], "every": str(when.every), "first": when.first.isoformat(), "at": f"{when.at:%H:%M}",
            "zone": when.zone.key, "until": when.until.isoformat() if when.until else None, "most": when.most,
            "campaign": {name: row[name] for name in _TAKEN}, "who": who, "next_at": first - LEAD,
        },
        now,
    )  # fmt: skip
    campaigns.remove(tx, row["id"])
    house.note(tx, who, "series_begun", series_id, {"every": str(when.every)}, now)
    return series_id


def pause(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """No further run until somebody lets it go on; runs that are at work have their own button."""
    if row["state"] == series.PAUSED:
        return
    if row["state"] != series.ACTIVE:
        raise Conflict("series_state", state=row["state"])
    series.change(tx, row["id"], {"state": series.PAUSED, "next_at": None}, now)
    house.note(tx, who, "series_paused", row["id"], {}, now)


def resume(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """It goes on with the next run that lies ahead; what was missed stays so. Raises `Conflict` unless it is paused."""
    if row["state"] != series.PAUSED:
        raise Conflict("series_state", state=row["state"])
    since = max(now, row["last_at"] or now)
    following = series.repeats(row).after(since, row["runs"])
    state = series.ACTIVE if following else series.ENDED
    next_at = None if following is None else following - LEAD
    series.change(tx, row["id"], {"state": state, "next_at": next_at, "last_at": since, "trouble": None}, now)
    house.note(tx, who, "series_resumed", row["id"], {}, now)


def end(tx: Transaction, row: Row, who: str, now: datetime) -> None:
    """No further run for good."""
    if row["state"] == series.ENDED:
        return
    series.change(tx, row["id"], {"state": series.ENDED, "next_at": None}, now)
    house.note(tx, who, "series_ended", row["id"], {}, now)


def coming(row: Row) -> datetime | None:
    """When the next run leaves."""
    if row["next_at"] is None:
        return None
    return series.repeats(row).after(row["last_at"] or row["created_at"], row["runs"])


def as_json(row: Row, language: str) -> dict[str, Any]:
    """As programs see it."""
    none = {"name": row["name"], "send_at": None, "wall": None, "zone": None, "open_until": None}
    said = as_given({**row["campaign"], **none})
    if "numbers" in said["audience"]:
        said["audience"] = {"numbers": len(said["audience"]["numbers"])}
    return {
        "id": row["id"],
        "name": row["name"],
        "state": row["state"],
        "every": row["every"],
        "first": row["first"],
        "at": row["at"],
        "zone": row["zone"],
        "until": row["until"],
        "most": row["most"],
        "runs": row["runs"],
        "next_run_at": shown.moment(coming(row)),
        "campaign": {name: said[name] for name in ("class", "audience", "channels", "variants", "useful_for", "staged",
                                                   "winner", "holdout")},
        "trouble": shown.reason(row["trouble"], language),
        "created_at": shown.moment(row["created_at"]),
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------- at work


def run_due(suite: Suite) -> int:
    """Makes the runs whose time has come. Returns how many series had one."""
    now = suite.now()
    with suite.database.glance() as glance:
        if not series.any_due(glance, now):
            return 0
    with suite.database.read() as tx:
        found = series.due(tx, now)
    return singly(partial(turn, suite), found, partial(_put_off, suite))


def turn(suite: Suite, named: tuple[str, str]) -> None:
    """One run of the series `named` (workspace, id), if it is due."""
    workspace, series_id = named
    with suite.database.write(workspace) as tx:
        series.alone(tx, series_id)
        row, now = series.row(tx, series_id), suite.now()
        if row is None or row["state"] != series.ACTIVE or row["next_at"] is None or row["next_at"] > now:
            return
        _run(suite, tx, row, now)
    suite.wake()


def _put_off(suite: Suite, named: tuple[str, str]) -> None:
    workspace, series_id = named
    with suite.database.write(workspace) as tx:
        series.change(tx, series_id, {"next_at": suite.now() + _AGAIN}, suite.now(), only=[series.ACTIVE])


def _run(suite: Suite, tx: Transaction, row: Row, now: datetime) -> None:
    when, moment = series.repeats(row), coming(row)
    if moment is None:
        series.change(tx, row["id"], {"state": series.ENDED, "next_at": None}, now)
        return
    if (why := _stopped(tx, row)) is not None:
        _stop(tx, row, why, now)
        return
    # After a standstill only what is still useful is made up for, and of several missed runs the last one.
    while (later := when.after(moment, row["runs"])) is not None and later <= now:
        moment = later
    made = moment + timedelta(seconds=row["campaign"]["useful"]) > now
    if made:
        name = f"{row['name']}, {local(moment, when.zone):%d/%m/%Y}"
        campaign_id = campaigns.add(
            tx,
            {**row["campaign"], "name": name, "send_at": max(moment, now), "zone": row["zone"], "series": row["id"]},
            now,
        )
        campaign = campaigns.row(tx, campaign_id)
        assert campaign is not None
        try:
            found = campaign_check.rehearse(suite, tx, campaign, now)
            campaigning.send(tx, campaign, row["who"], now)
        except BadInput as error:
            campaigns.remove(tx, campaign_id)
            _stop(tx, row, error.reason, now)
            return
        house.note(tx, "engine", "series_run", campaign_id,
                   {"would_get": found.would_get, "audience": found.audience}, now)  # fmt: skip
    runs = row["runs"] + made
    following = when.after(moment, runs)
    values = {
        "runs": runs, "last_at": moment, "next_at": None if following is None else following - LEAD, "trouble": None,
        "state": series.ENDED if following is None else series.ACTIVE,
    }  # fmt: skip
    series.change(tx, row["id"], values, now)


def _stopped(tx: Transaction, row: Row) -> Reason | None:
    """Why there is no further run: the last one was held because too many failed or said STOP."""
    for last in series.runs(tx, row["id"], 1):
        if last["state"] == Phase.PAUSED and last["trouble"] and last["trouble"]["code"] in _STOPPED:
            return Reason("series_last_run_held", {"name": last["name"]})
    return None


def _stop(tx: Transaction, row: Row, why: Reason, now: datetime) -> None:
    values = {"state": series.PAUSED, "next_at": None, "trouble": ledger.reason_row(why)}
    series.change(tx, row["id"], values, now)
    house.note(tx, "engine", "series_stopped", row["id"], {"code": why.code}, now)
    log.warning("campaign series stopped", series=row["id"], code=why.code)

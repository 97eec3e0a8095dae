"""Countries change their clocks by decree, and a new release of the zone data moves what was planned by them: when the
data differ from those of the last plans, everything is planned again, and what moved is listed."""

from __future__ import annotations

import hashlib
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from core.domain.reconciling import Move
from core.engine import scheduling, shown
from core.storage import house, zone_data
from core.storage.database import Database
from core.suite import Suite

MOST_LISTED = 200
Sums = Mapping[str, str]
_looked: WeakKeyDictionary[Database, tuple[object, ...]] = WeakKeyDictionary()
log = structlog.get_logger(__name__)


def run_due(suite: Suite) -> int:
    """Once in each process, and again when the data on this machine change under it. Returns how many messages
    moved."""
    mark = _mark()
    if _looked.get(suite.database) == mark:
        return 0
    moved = compare(suite, sums(mark))
    _looked[suite.database] = mark
    return moved


def compare(suite: Suite, now_there: Sums) -> int:
    """Plans again where the data of `now_there` (zone → sum) are others than those of the last plans."""
    with suite.database.read() as tx:
        known = zone_data.known(tx)
    if known is not None and dict(known) == dict(now_there):
        return 0
    zones = sorted(name for name in now_there if known is not None and known.get(name) != now_there[name])
    moved = 0
    if zones:
        zoneinfo.ZoneInfo.clear_cache()
        with suite.database.read() as tx:
            places = [one["id"] for one in house.workspaces(tx)]
        moved = sum(_planned_again(suite, workspace, zones) for workspace in places)
        log.warning("zone data changed", zones=len(zones), moved=moved)
    with suite.database.write() as tx:
        zone_data.keep(tx, now_there, suite.now())
    return moved


def _planned_again(suite: Suite, workspace: str, zones: list[str]) -> int:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        live = scheduling.live_installations(tx)
        found = scheduling.difference(tx, now, {}, live)
        steps = [step for _, step in found.steps if isinstance(step, Move)]
        scheduling.replan_open(tx, now, live)
        waiting = zone_data.by_hand(tx, zones, now)
        if not steps and not waiting:
            return 0
        moved = [_moved(step) for step in steps[:MOST_LISTED]]
        zone_data.keep_changed(tx, {"zones": zones, "moved": moved, "count": found.moved, "by_hand": waiting,
                                    "at": shown.moment(now)}, now)
        house.note(tx, "engine", "zones_changed", None, {"moved": found.moved, "zones": zones[:10]}, now)
    return found.moved


def _moved(step: Move) -> dict[str, Any]:
    send_at = shown.moment(step.send.send_at)
    return {"message": step.known.id, "was": shown.moment(step.known.send_at), "becomes": send_at}


def recent(found: Mapping[str, Any] | None, now: datetime, days: int = 14) -> Mapping[str, Any] | None:
    """The last change of a workspace, as long as people should be told of it."""
    if found is None or (now - datetime.fromisoformat(found["at"])).days >= days:
        return None
    return found


# ---------------------------------------------------------------------------------------------- this machine's data


def _mark() -> tuple[object, ...]:
    """Changes when the data on this machine do: an upgrade writes its files anew."""
    for folder in zoneinfo.TZPATH:
        try:
            return (folder, Path(folder, "Europe", "Paris").stat().st_mtime_ns)
        except OSError:
            continue
    return ("tzdata",)


@lru_cache(maxsize=2)
def sums(mark: tuple[object, ...]) -> Sums:
    """Zone → a sum of its file, of every zone that Python finds here: on the machine first, else in the package
    `tzdata` (PEP 615)."""
    found = {}
    for name in sorted(zoneinfo.available_timezones()):
        data = _data(name)
        if data is not None:
            found[name] = hashlib.blake2b(data, digest_size=6).hexdigest()
    return found


def _data(name: str) -> bytes | None:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    *folders, last = name.split("/")
    try:
        return files(".".join(["tzdata", "zoneinfo", *folders])).joinpath(last).read_bytes()
    except (ModuleNotFoundError, OSError):
        return None

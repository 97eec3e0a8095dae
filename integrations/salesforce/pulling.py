"""What changed in the org: object by object, page by page, by the moment of the last change, with an overlap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import Batch, ConsentWord, Erasure, Installation, Merge, Sweep
from core.domain.errors import NotNow
from core.domain.events import Closed, Event, Kind
from core.domain.reasons import Reason
from integrations.salesforce import records
from integrations.salesforce.client import Client, Page, SalesforceSaysNo
from integrations.salesforce.fields import mapping
from integrations.salesforce.ids import long_id
from integrations.salesforce.shapes import Shape

OVERLAP = timedelta(minutes=5)
"""A change gets its moment before its transaction ends: what we asked past may still appear."""
KEPT_DELETED = timedelta(days=14)
"""Salesforce tells of deletions for about fifteen days; after that everything is read again."""
BEHIND = timedelta(days=400)
_ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


@dataclass(slots=True)
class Progress:
    """How far we are. `since`: object → its newest change that we have read; `heard`: object → until when we asked for
    deletions; `dates`: object → the date fields that were read. The others are of the round under way: `again` reads
    everything once more, and what is `seen` (field → records) is what is still there."""

    sight: str = ""
    since: dict[str, str] = field(default_factory=dict)
    heard: dict[str, str] = field(default_factory=dict)
    dates: dict[str, list[str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    page: str | None = None
    newest: str | None = None
    again: bool = False
    seen: dict[str, list[str]] = field(default_factory=dict)
    problems: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What a person should know of the round: said with its last page, since only that is shown."""

    def note(self, *reasons: Reason) -> None:
        for one in reasons:
            said = (one.code, dict(one.values))
            if said not in [tuple(known) for known in self.problems]:
                self.problems.append(said)

    @classmethod
    def read(cls, cursor: str | None) -> Progress:
        try:
            return cls(**json.loads(cursor)) if cursor else cls()
        except (ValueError, TypeError):
            # Written by another version of ours: nothing is lost by reading everything again.
            return cls()

    def written(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Org:
    """Whom we ask: the client, and the shape of an object (None: not there)."""

    client: Client
    shape: Callable[[str], Shape | None]


def wanted(installation: Installation) -> list[str]:
    """The objects that are worth a question: those with dates, and people, for what they refuse."""
    return [name for name, one in mapping(installation.config).items() if one.dates or one.is_person]


def pull(org: Org, installation: Installation, cursor: str | None, now: datetime) -> Batch:
    """One page. Each is a batch of its own, committed with its place."""
    progress = Progress.read(cursor)
    sight = _sight(installation)
    if progress.sight != sight:
        # Another mapping: everything is read under it, and what is no longer mapped is called off. With new settings
        # the cursor goes, and the memory stays.
        dates = {name: list(fields) for name, fields in (installation.memory.get("dates") or {}).items()}
        progress = Progress(sight=sight, dates=dates, again=bool(dates))
    if not progress.left:
        progress.left = wanted(installation)
        progress.page = progress.newest = None
        progress.problems = []
        _refusals_are_there(org, progress.left)
    events: list[Event] = []
    consents: list[ConsentWord] = []
    erasures: list[Erasure] = []
    merges: list[Merge] = []
    sweeps: list[Sweep] = []
    name = progress.left[0]
    shape = org.shape(name)
    if shape is None or _nothing_to_ask(shape):
        if name in (installation.config.get("objects") or {}) and shape is None:
            progress.note(Reason("salesforce_object_absent", {"object": name}))
        _over(progress, name, shape, sweeps, wanted(installation))
    else:
        progress.note(*shape.problems())
        whole = progress.again or name not in progress.since or _too_long_ago(progress, name, now)
        page = _page(org, shape, progress, installation, now, whole=whole)
        for record in page.records:
            at = records.stamp(record)
            person = records.person_of(shape, record)
            if at is None:
                continue
            found = records.occasions(shape, record, installation, at)
            # What never had a date needs no word that it has none.
            events += [event for event in found if event.closed is not Closed.CANCELLED or not whole]
            if whole and progress.dates.get(name):
                _saw(progress, found)
            if person is not None:
                consents += records.consents(person, installation, at)
                erasures += records.erasures(person)
            merges += records.merges(record)
            progress.newest = max(progress.newest or "", at.isoformat())
        progress.page = page.next
        if page.next is None:
            if whole:
                sweeps += _gone(progress, shape)
            else:
                gone, merged = _deleted(org, shape, progress, now)
                events += gone
                merges += merged
            progress.heard[name] = now.isoformat()
            progress.since[name] = progress.newest or progress.since.get(name) or (now - timedelta(hours=1)).isoformat()
            _over(progress, name, shape, sweeps, wanted(installation))
    return Batch(
        tuple(events), progress.written(), tuple(sweeps), more=bool(progress.left),
        problems=tuple(Reason(code, values) for code, values in progress.problems),
        consents=tuple(consents), erasures=tuple(erasures), merges=tuple(merges),
        memory=None if progress.left else {**installation.memory, "dates": progress.dates},
    )  # fmt: skip


def _refusals_are_there(org: Org, names: list[str]) -> None:
    """What waits because a refusal could not be read goes on when this no longer raises."""
    for name in names:
        shape = org.shape(name)
        if shape is not None and shape.is_blocked is not None:
            raise NotNow("salesforce_opt_out_absent", timedelta(minutes=5), object=name, field=shape.is_blocked)


def _nothing_to_ask(shape: Shape) -> bool:
    return not (shape.dates or shape.refusing or shape.there(shape.mapped.opt_in_at) or shape.individual)


def _page(org: Org, shape: Shape, progress: Progress, installation: Installation, now: datetime, *,
          whole: bool) -> Page:  # fmt: skip
    if progress.page is not None:
        try:
            return org.client.next_page(progress.page)
        except SalesforceSaysNo:
            # Salesforce has forgotten where we were: nothing is lost, it is only asked for anew.
            progress.page = None
    soql, given = query(shape, whole=whole, since=_since(progress, shape.name), now=now)
    try:
        return org.client.first_page(soql, *given)
    except SalesforceSaysNo as error:
        raise NotNow("salesforce_query_refused", timedelta(minutes=30), object=shape.name, why=error.why) from error


def query(shape: Shape, *, whole: bool, since: datetime | None, now: datetime) -> tuple[str, list[Any]]:
    """The question, with `{}` for each value. Names are identifiers that were checked when they were configured."""
    given: list[Any] = []
    asked: list[str] = []
    interesting: list[str] = [f"{name} = true" for name, _ in shape.refusing if shape.types[name] == "boolean"]
    interesting += [f"{name} != null" for name in shape.there(shape.mapped.opt_in_at)]
    if shape.individual:
        interesting += [f"Individual.{name} = true" for name in
                        ("HasOptedOutProcessing", "HasOptedOutSolicit", "ShouldForget")]  # fmt: skip
    if whole:
        for name in shape.dates:
            interesting.append(f"{name} >= {{}}")
            given.append((now - BEHIND).date() if shape.types[name] == "date" else now - BEHIND)
    # A date that was taken away must be seen too: where there are dates, every change is read.
    if whole or not shape.dates:
        if shape.name == "Lead" and not whole and "IsConverted" in shape.types:
            interesting.append("IsConverted = true")
        asked.append(f"({' OR '.join(interesting)})")
    if not whole and since is not None:
        asked.append("SystemModstamp >= {}")
        given.append(since - OVERLAP)
    # A record of another type than before must be seen too, once.
    if whole and shape.typed:
        asked.append("RecordType.DeveloperName IN {}")
        given.append(list(shape.mapped.record_types))
    if shape.name == "Account":
        asked.append("IsPersonAccount = true")
    where = f" WHERE {' AND '.join(asked)}" if asked else ""
    names = ", ".join(shape.selected())
    return f"SELECT {names} FROM {shape.name}{where} ORDER BY SystemModstamp, Id", given  # noqa: S608 # nosec B608


def _deleted(org: Org, shape: Shape, progress: Progress, now: datetime) -> tuple[list[Event], list[Merge]]:
    """What was deleted since we last asked, and into what it was merged."""
    since = datetime.fromisoformat(progress.heard.get(shape.name) or (now - timedelta(hours=1)).isoformat())
    gone = [whole for one in org.client.deleted(shape.name, since - OVERLAP, now) if (whole := long_id(one))]
    events = [Event(Kind.CONTACT, records.key_of(shape, name, one), now, Closed.DELETED)
              for one in gone for name in shape.dates]  # fmt: skip
    merged: list[Merge] = []
    if shape.person is None and "MasterRecordId" in shape.types:
        for start in range(0, len(gone), 200):
            soql = f"SELECT Id, MasterRecordId FROM {shape.name} WHERE IsDeleted = true AND Id IN {{}}"  # noqa: S608 # nosec B608
            for one in org.client.query(soql, gone[start:start + 200], deleted=True):
                old, new = long_id(str(one.get("Id") or "")), long_id(str(one.get("MasterRecordId") or ""))
                if old and new:
                    merged.append(Merge(old, new))
    return events, merged


def _gone(progress: Progress, shape: Shape) -> list[Sweep]:
    """After everything was read once more: what we did not see is gone."""
    if not progress.dates.get(shape.name):
        return []
    return [Sweep(f"date/{shape.name}/{name}/", *_ALWAYS,
                  frozenset(records.key_of(shape, name, one) for one in progress.seen.get(name, ())))
            for name in shape.dates]  # fmt: skip


def _saw(progress: Progress, found: list[Event]) -> None:
    for event in found:
        if event.closed is None:
            _, _, name, record = event.key.split("/", 3)
            progress.seen.setdefault(name, []).append(record)


def _over(progress: Progress, name: str, shape: Shape | None, sweeps: list[Sweep], mapped: list[str]) -> None:
    """The object is done; what was read of it before and is no longer mapped is silenced."""
    # An object that is hidden from us for an hour is not one that nobody wants any more.
    now_read = list(shape.dates) if shape is not None else progress.dates.get(name, [])
    gone = {name: [old for old in progress.dates.get(name, []) if old not in now_read]}
    progress.dates[name] = now_read
    progress.left.pop(0)
    progress.page = progress.newest = None
    progress.seen = {}
    if not progress.left:
        progress.again = False
        gone |= {old: progress.dates.pop(old) for old in list(progress.dates) if old not in mapped}
    sweeps += [Sweep(f"date/{one}/{old}/", *_ALWAYS, frozenset(), Closed.SILENCED)
               for one, fields in gone.items() for old in fields]  # fmt: skip


def _since(progress: Progress, name: str) -> datetime | None:
    return datetime.fromisoformat(progress.since[name]) if name in progress.since else None


def _too_long_ago(progress: Progress, name: str, now: datetime) -> bool:
    heard = progress.heard.get(name)
    return heard is None or now - datetime.fromisoformat(heard) > KEPT_DELETED


def _sight(installation: Installation) -> str:
    """Another mapping, zone or country reads the same record as something else."""
    said = json.dumps([installation.config.get("objects"), installation.zone, installation.country], sort_keys=True)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()



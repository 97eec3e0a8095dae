"""Who could be reached over there now, what it would cost, and why the others are left out: planned, and not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.contract import ConsentWord, Counts, CountsLists, PeopleList, Record
from core.domain.errors import NotFound
from core.domain.events import Wish
from core.domain.messages import MessageClass
from core.domain.occasions import updated
from core.domain.planning import Send, Skip
from core.domain.policy.consent import ALL, MARKETING, Standing, overtaken
from core.domain.reach import Reach
from core.domain.reasons import Reason
from core.engine import reaching, scheduling
from core.engine.tokens import with_token
from core.storage import installations, people
from core.storage.database import Transaction
from core.suite import Suite

MOST = 2_000
"""Records that are looked at: enough to know, and a few seconds of the platform's calls."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Left:
    """Records to which nothing would be sent, for one reason; `names` are some of them."""

    reason: Reason
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`records` were looked at, and `all` of them if so. `costs` is currency → micro-units; `unpriced` counts messages
    whose price is not known. `asked_later` of the reachable ones are asked for their yes over there just before.
    `later` would wait for a lawful hour. `example` is the first text."""

    records: int
    all: bool
    reachable: int
    segments: int
    costs: Mapping[str, int]
    unpriced: int
    asked_later: int
    later: int
    left: tuple[Left, ...]
    example: Send | None
    reach: Reach | None = None
    """Of the people to whom something leaves by RCS first."""


def lists(suite: Suite, workspace: str, installation_id: str) -> tuple[PeopleList, ...]:
    """The lists of people over there; none where the platform has none. Network. Raises `BadInput` where they may not
    be read, `NotFound`, `NeedsReconnect`, `NotNow`."""
    now = suite.now()

    def ask(row: installations.Row) -> tuple[PeopleList, ...]:
        adapter = suite.adapters.get(row.installation.adapter)
        return adapter.lists(row.installation, now) if isinstance(adapter, CountsLists) else ()

    return with_token(suite, workspace, installation_id, ask)


def walk(suite: Suite, workspace: str, installation_id: str, within: str = "") -> tuple[list[Record], bool]:
    """The records over there, or those of the list `within`, 2,000 at the most, and whether these are all. Network.
    Raises `BadInput` for no such list, `NotFound`, `NeedsReconnect`, `NotNow`."""
    now = suite.now()

    def ask(row: installations.Row) -> tuple[list[Record], bool]:
        adapter = suite.adapters.get(row.installation.adapter)
        if not isinstance(adapter, Counts):
            raise NotFound("page")
        found: list[Record] = []
        after: str | None = None
        while True:
            if not within:
                page = adapter.records(row.installation, after, now)
            elif isinstance(adapter, CountsLists):
                page = adapter.records_of(row.installation, within, after, now)
            else:
                raise NotFound("list")
            found += page.records
            if page.after is None or page.after == after:
                return found[:MOST], len(found) <= MOST
            if len(found) >= MOST:
                return found[:MOST], False
            after = page.after

    return with_token(suite, workspace, installation_id, ask)


def estimate(
    tx: Transaction,
    installation: str,
    found: tuple[Sequence[Record], bool],
    klass: MessageClass,
    now: datetime,
    *,
    body: str | None = None,
    template: str | None = None,
) -> Estimate:
    """What the message would do for these records, sent now. Writes nothing."""
    records, whole = found
    known = standings(tx, records)
    occasions, by_id = [], {}
    for place, one in enumerate(records):
        wish = Wish(str(klass), body=body, template=template, consent_there=one.asked_later)
        occasion = updated(None, replace(one.event, closed=None, wish=wish, at=now))
        assert occasion is not None
        # Each is a record and nothing more: ids of their own keep them apart, and apart from what is kept.
        occasions.append(replace(occasion, id=f"estimate/{place}", installation=installation, first_seen=now))
        by_id[f"estimate/{place}"] = one
    planned = scheduling.planned(tx, occasions, now, own_rules={installation: ()}, own_standings=known)
    sends = [(by_id[one.occasion.id], said) for one in planned for said in one.answers if isinstance(said, Send)]
    skips = [(by_id[one.occasion.id], said) for one in planned for said in one.answers if isinstance(said, Skip)]
    costs: Counter[str] = Counter()
    for _, said in sends:
        if said.price is not None:
            costs[said.price.currency] += said.price.amount
    return Estimate(
        records=len(records),
        all=whole,
        reachable=len(sends),
        segments=sum(said.measure.segments for _, said in sends),
        costs=dict(sorted(costs.items())),
        unpriced=sum(said.price is None for _, said in sends),
        asked_later=sum(record.asked_later for record, _ in sends) if klass is MessageClass.MARKETING else 0,
        later=sum(said.send_at > now for _, said in sends),
        left=_grouped(skips),
        example=sends[0][1] if sends else None,
        reach=reaching.foreseen(tx, [(said.recipient.number, said.channels) for _, said in sends], now),
    )


def standings(tx: Transaction, records: Iterable[Record]) -> dict[str, Standing]:
    """number → its standing with what its record over there says, where that is newer than what we know."""
    words: list[tuple[str, ConsentWord]] = []
    numbers: set[str] = set()
    for one in records:
        if one.event.recipient is None:
            continue
        numbers.add(one.event.recipient.number)
        words += [(word.number or one.event.recipient.number, word) for word in one.consents]
    known, _ = people.standings(tx, tx.owned, numbers)
    newest = people.newest(tx, {number for number, _ in words})
    # Of two words at one moment the refusal counts.
    for number, word in sorted(words, key=lambda pair: (pair[1].at, not pair[1].granted)):
        heard = [newest[number, scope] for scope in (word.scope, ALL) if (number, scope) in newest]
        if overtaken(word.granted, word.at, heard):
            continue
        standing = known.get(number, Standing())
        out = standing.opted_out - {word.scope, ALL} if word.granted else standing.opted_out | {word.scope}
        yes = word.granted if word.scope in (MARKETING, ALL) else standing.marketing_consent
        known[number] = replace(standing, opted_out=frozenset(out), marketing_consent=yes)
    return known


def _grouped(skips: Sequence[tuple[Record, Skip]]) -> tuple[Left, ...]:
    groups: dict[str, list[tuple[Record, Skip]]] = {}
    for record, skip in skips:
        groups.setdefault(skip.reason.code, []).append((record, skip))
    found = [
        Left(some[0][1].reason, len(some), tuple(record.title or record.reference for record, _ in some[:_NAMED]))
        for some in groups.values()
    ]
    return tuple(sorted(found, key=lambda one: -one.count))


"""Planning with the database: what the rules want on these occasions now, the steps to it, and carrying them out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.domain.approved import named
from core.domain.carts import CONTROL_PERCENT, Around, arounds
from core.domain.events import Kind, Wish
from core.domain.messages import Channel, State
from core.domain.occasions import Occasion
from core.domain.planning import WISH, Send, Skip, plan
from core.domain.policy.consent import Standing
from core.domain.policy.decision import Policy
from core.domain.reach import Reach
from core.domain.reasons import Reason
from core.domain.reconciling import Cancel, Move, Schedule, Step, reconcile, unfulfilled
from core.domain.rules import Rule
from core.engine import trail
from core.storage import answers, approved, carts, house, ledger, occasions, outbox, people, reach, rules
from core.storage.database import Transaction

_PEOPLE = 400


@dataclass(frozen=True, slots=True)
class Planned:
    """One occasion, what every rule answers, and the steps from what the outbox holds (none in rehearsal)."""

    occasion: Occasion
    answers: tuple[Send | Skip, ...]
    steps: tuple[Step, ...]
    unfulfilled: tuple[Skip, ...] = ()
    """The platform's wishes that come to nothing, and of which nobody has told it yet."""
    leaving: tuple[str, ...] = ()
    """Messages that are being handed over at this moment, although an order has just made them needless."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What planning again would change: shown before a rule is saved."""

    new: int
    moved: int
    cancelled: int
    unchanged: int
    steps: tuple[tuple[Occasion, Step], ...]
    reach: Reach | None = None
    """Of the people to whom something new or changed leaves by RCS first."""


def planned(
    tx: Transaction,
    found: Sequence[Occasion],
    now: datetime,
    *,
    own_rules: Mapping[str, Sequence[Rule]] | None = None,
    settings: Mapping[str, Any] | None = None,
    own_standings: Mapping[str, Standing] | None = None,
    around: Sequence[Occasion] | None = None,
) -> list[Planned]:
    """Reads what planning needs in a few queries, and plans. Writes nothing. `own_rules` (installation → rules),
    `settings` and `own_standings` (number → standing) stand in for the stored ones, to show what a change would do.
    `around`: see `replan`."""
    if not found:
        return []
    if settings is None:
        known = house.workspace(tx, tx.owned)
        settings = known["settings"] if known else {}
    standings, zones = people.standings(tx, tx.owned, {one.recipient.number for one in found if one.recipient})
    standings |= own_standings or {}
    policy: Policy = house.policy(settings, standings, zones, house.shortener(tx, settings))
    ids = {one.id for one in found}
    messages, told = outbox.said(tx, ids)
    chosen: dict[str, Sequence[Rule]] = dict(own_rules or {})
    for one in found:
        if one.installation not in chosen:
            chosen[one.installation] = rules.active(tx, one.installation)
    if any(Channel.WHATSAPP in rule.channels and named(rule.content) for some in chosen.values() for rule in some):
        policy = replace(policy, templates=tuple(approved.shelves(tx).values()))
    people_of = _around_carts(tx, found, chosen, now, around)
    texts = rules.texts(tx) if any(one.wish and one.wish.template for one in found) else {}
    results = []
    for one in found:
        occasion = replace(one, told=told.get(one.id), wish=_worded(one, texts, policy.language))
        said = tuple(plan(occasion, chosen[one.installation], policy, now, people_of.get(one.id)))
        held = messages.get(one.id, ())
        needless = {answer.key for answer in said if isinstance(answer, Skip) and answer.reason.code in _OVERTAKEN}
        leaving = tuple(known.id for known in held if known.state is State.SENDING and known.key in needless)
        results.append(Planned(occasion, said, tuple(reconcile(said, held)), tuple(unfulfilled(said, held)), leaving))
    return results


_OVERTAKEN = frozenset({"ordered", "occasion_done"})


def _around_carts(
    tx: Transaction,
    found: Sequence[Occasion],
    chosen: Mapping[str, Sequence[Rule]],
    now: datetime,
    there: Sequence[Occasion] | None,
) -> dict[str, Around]:
    """What is known of the people of the carts about which some rule speaks."""
    wanted: dict[str, list[Occasion]] = {}
    for one in found:
        if one.kind is Kind.CART and any(rule.on is Kind.CART for rule in chosen[one.installation]):
            wanted.setdefault(one.installation, []).append(one)
    if not wanted:
        return {}
    shop = carts.shop(tx, [one for some in wanted.values() for one in some], now, there)
    shares = carts.control(tx, wanted)
    around: dict[str, Around] = {}
    for installation, some in wanted.items():
        share, enough = shares[installation]
        control = CONTROL_PERCENT if share is None else share
        around |= arounds(some, shop, control=control, control_on=enough, key=tx.owned)
    return around


def _worded(occasion: Occasion, texts: Mapping[str, Mapping[str, str]], language: str) -> Wish | None:
    """The platform's wish with its template's words; a template that is gone leaves none, which planning refuses."""
    wish = occasion.wish
    if wish is None or wish.template is None:
        return wish
    variants = texts.get(wish.template, {})
    order: tuple[Any, ...] = (wish.language, occasion.values.get("language"), language, "en", *variants)
    return replace(wish, body=next((variants[one] for one in order if one in variants), ""))


def replan(
    tx: Transaction,
    found: Sequence[Occasion],
    now: datetime,
    live: Mapping[str, bool],
    *,
    around: Sequence[Occasion] | None = None,
) -> list[Planned]:
    """Plans these occasions and makes it so. `around`: what `carts.company` found. `live` (installation → bool) is
    False in rehearsal: then the answers are kept for people to see, and nothing is scheduled."""
    tx.alone(f"plan:{tx.workspace}")
    results = planned(tx, found, now, around=around)
    answers.keep(tx, [(one.occasion, one.answers) for one in results], now)
    ids = outbox.carry_out(
        tx,
        [
            (one.occasion.installation, one.occasion.id, step)
            for one in results
            for step in one.steps
            if live.get(one.occasion.installation) or isinstance(step, Cancel)
        ],
        now,
    )
    trail.accepted(ids, now)
    for message in ledger.unsaid(tx, [name for one in results for name in one.leaving], "ordered_while_leaving"):
        ledger.write_steps(tx, [(message, tx.owned, State.SENDING, Reason("ordered_while_leaving"))], now)
    outbox.keep_unfulfilled(tx, [(one.occasion, skip) for one in results for skip in _ended(one, live)], now)
    return results


def _ended(one: Planned, live: Mapping[str, bool]) -> Sequence[Skip]:
    """The platform's wishes that end here: those that are refused, and in rehearsal those that would be fulfilled. The
    platform waits for an answer in both cases."""
    if live.get(one.occasion.installation):
        return one.unfulfilled
    wished = [step.send for step in one.steps if isinstance(step, Schedule) and step.send.rule == WISH]
    why, wish = Reason("in_rehearsal"), one.occasion.wish
    return [
        *one.unfulfilled,
        *(Skip(send.key, WISH, why, State.SUPPRESSED, send.checks, send.wanted_at, wish=wish) for send in wished),
    ]


def replan_open(
    tx: Transaction,
    now: datetime,
    live: Mapping[str, bool],
    *,
    installation: str | None = None,
    recipient: str | None = None,
    recipients: Collection[str] | None = None,
) -> int:
    """Plans all open occasions again (after a rule, a holiday, a consent changed), those of some people or of all.
    Returns how many were looked at."""
    tx.alone(f"plan:{tx.workspace}")
    count = 0
    numbers = sorted(recipients or ()) if recipients is not None or recipient is None else [recipient]
    some = recipient is not None or recipients is not None
    for first in range(0, len(numbers) if some else 1, _PEOPLE):
        these = numbers[first : first + _PEOPLE] if some else None
        after = ""
        while page := occasions.open_ones(tx, now, installation=installation, recipients=these, after=after):
            replan(tx, page, now, live)
            after, count = page[-1].id, count + len(page)
    return count


def difference(
    tx: Transaction,
    now: datetime,
    own_rules: Mapping[str, Sequence[Rule]],
    live: Mapping[str, bool],
    *,
    installation: str | None = None,
) -> Difference:
    """What carrying out the plan under `own_rules` would change, without changing it."""
    counts = {Schedule: 0, Move: 0, Cancel: 0}
    steps: list[tuple[Occasion, Step]] = []
    after, unchanged = "", 0
    rich: set[str] = set()
    while page := occasions.open_ones(tx, now, installation=installation, after=after):
        for one in planned(tx, page, now, own_rules=own_rules):
            for step in one.steps:
                counts[type(step)] += 1
                if not isinstance(step, Cancel) and step.send.channels[0] is Channel.RCS:
                    rich.add(step.send.recipient.number)
                if len(steps) < 200:
                    steps.append((one.occasion, step))
            unchanged += sum(isinstance(said, Send) for said in one.answers) - sum(
                not isinstance(step, Cancel) for step in one.steps
            )
        after = page[-1].id
    known = reach.counted(tx, rich, now) if rich else None
    return Difference(counts[Schedule], counts[Move], counts[Cancel], max(unchanged, 0), tuple(steps), known)


def live_installations(tx: Transaction) -> dict[str, bool]:
    """installation → whether it is live, for this workspace."""
    return answers.modes(tx)

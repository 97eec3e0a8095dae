"""What providers have approved: asked for every few hours, and changed at once by what they post.

A rule or a message that names a template which cannot be used is told so when it is saved, and goes by its next channel
when it is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from core.contract import Account, KeepsTemplates
from core.domain import approved
from core.domain.approved import Category, News, Shelf, Status
from core.domain.errors import NeedsReconnect, NotFound, NotNow
from core.domain.messages import Channel, MessageClass
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.engine import notices
from core.engine.scheduling import live_installations, replan_open
from core.engine.singly import singly
from core.ids import new_id
from core.storage import accounts, house, installations, rules
from core.storage import approved as kept
from core.storage.database import Transaction
from core.suite import Suite

LOOKS_EVERY = timedelta(seconds=10)
EVERY = timedelta(hours=4)
AGAIN = timedelta(minutes=15)
"""After a list that did not come."""
SETTLES = timedelta(minutes=1)
"""After something was posted the list is asked for, when it surely says the same."""
ASKS_FOR = timedelta(minutes=3)
DOUBTED = frozenset({"whatsapp_template_missing", "whatsapp_template_paused", "whatsapp_template_refused"})
"""Codes by which a provider refuses a message for its template's sake: what is known of it is old."""
_BAD = frozenset({Status.PAUSED, Status.DISABLED, Status.REJECTED, Status.GONE})
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Used:
    """A rule that names a template which cannot be used now, or of which something has to be known."""

    rule: Mapping[str, Any]
    reason: Reason


def run_due(suite: Suite) -> int:
    """Asks for the lists that are due. Returns how many came."""
    keepers = {slug: one for slug, one in suite.providers.items() if isinstance(one, KeepsTemplates)}
    now = suite.now()
    if not keepers:
        return 0
    with suite.database.glance() as glance:
        last = house.moment(glance, "templates_looked")
    if last is not None and last <= now < last + LOOKS_EVERY:
        return 0
    with suite.database.read() as tx:
        rows = accounts.listed(tx, suite.vault, suite.public_url, providers=keepers)
        known = kept.syncs(tx)
    with suite.database.write() as tx:
        house.set_value(tx, "templates_looked", True, now)
    due = [
        row.account
        for row in rows
        if row.state != "paused" and ((sync := known.get(row.account.id)) is None or sync.next_at <= now)
    ]
    return singly(partial(_asked, suite), due)


def refresh(suite: Suite, workspace: str, account: str) -> Reason | None:
    """Asks for one account's list now; why it did not come, None when it did. Raises `NotFound`."""
    with suite.database.read(workspace) as tx:
        row = accounts.get(tx, suite.vault, account, suite.public_url)
    if row is None or not isinstance(suite.providers.get(row.account.provider), KeepsTemplates):
        raise NotFound("provider account")
    return _asked(suite, row.account)


def _asked(suite: Suite, account: Account) -> Reason | None:
    provider, now = suite.providers.get(account.provider), suite.now()
    assert isinstance(provider, KeepsTemplates)
    if (missing := provider.without_list(account)) is not None:
        _noted(suite, account, now + EVERY, missing)
        return missing
    mark, owner = f"templates:{account.id}", new_id("own")
    with suite.database.write() as tx:
        if not installations.seize(tx, mark, owner, now, ASKS_FOR):
            return Reason("approved_being_asked")
    try:
        found = provider.templates(account, now)
    except (NotNow, NeedsReconnect) as error:
        pause = max(error.after, AGAIN) if isinstance(error, NotNow) else AGAIN
        log.warning("templates not listed", account=account.id, code=error.reason.code)
        _noted(suite, account, suite.now() + pause, error.reason)
        return error.reason
    finally:
        with suite.database.write() as tx:
            installations.let_go(tx, mark, owner)
    with suite.database.write(account.workspace) as tx:
        before = kept.shelves(tx).get(account.id)
        changed = kept.replaced(tx, account.id, found, now)
        kept.asked(tx, account.id, now, now + EVERY, None)
        then = kept.shelves(tx)[account.id]
        for key in changed if before is not None else ():
            _say(tx, account.id, before and before.get(key), then.get(key), now)
        if changed:
            _planned_again(tx, now)
    suite.wake()
    return None


def _noted(suite: Suite, account: Account, next_at: datetime, trouble: Reason) -> None:
    with suite.database.write(account.workspace) as tx:
        kept.asked(tx, account.id, suite.now(), next_at, trouble)


def heard(tx: Transaction, account: Account, news: Sequence[News], now: datetime) -> None:
    """What a provider posted of the account's templates, in its transaction."""
    changed = False
    for one in sorted(news, key=lambda said: said.at):
        if (both := kept.change(tx, account.id, one, now)) is not None:
            changed = True
            _say(tx, account.id, *both, now)
    if news:
        kept.soon(tx, account.id, now + SETTLES)
    if changed:
        _planned_again(tx, now)


def doubted(tx: Transaction, account: str, now: datetime) -> None:
    """A message was refused for its template's sake: the list is asked for again at once."""
    kept.soon(tx, account, now)


def _say(
    tx: Transaction, account: str, before: approved.Template | None, then: approved.Template | None, now: datetime
) -> None:
    """In the journal and the log, what people have to know: one that cannot be sent any more, or can again, or that
    counts as advertising from now on."""
    one = then or before
    if one is None:
        return
    status, was = then.status if then else Status.GONE, before.status if before else None
    detail: dict[str, Any] = {"name": one.name, "language": one.language, "status": str(status), "note": one.note}
    if was is not None and was is not status and (status in _BAD or was in _BAD):
        house.note(tx, "engine", "template_status", account, detail, now)
        log.warning("template changed", account=account, template=one.name, status=str(status))
        notices.template_changed(tx, {"account": account, **detail}, now)
    if before is not None and then is not None and before.category is not then.category:
        detail |= {"before": before.category and str(before.category), "category": then.category and str(then.category)}
        house.note(tx, "engine", "template_category", account, detail, now)
        log.warning("template changed", account=account, template=one.name, category=str(then.category))
        notices.template_changed(tx, {"account": account, **detail}, now)


def _planned_again(tx: Transaction, now: datetime) -> None:
    """What waits was planned for templates as they were."""
    if any(approved.named(row["content"]) for row in rules.rows(tx)):
        replan_open(tx, now, live_installations(tx))


# ---------------------------------------------------------------------------------------------- what is said of it


def shelves(tx: Transaction, content: Mapping[str, Any] | None, channels: Sequence[Channel]) -> tuple[Shelf, ...]:
    """All that is known of templates, for a message that names one; nothing for any other."""
    if Channel.WHATSAPP not in channels or approved.named(content) is None:
        return ()
    return tuple(kept.shelves(tx).values())


def said_of(
    tx: Transaction, content: Mapping[str, Any] | None, channels: Sequence[Channel], klass: MessageClass
) -> Reason | None:
    """Why a rule or message cannot use its template, or what has to be known about it; None when all is well, or when
    nothing is known."""
    return approved.asked_of(content, channels, shelves(tx, content, channels), klass)


def lacking(asked: Iterable[Sequence[Check]]) -> list[tuple[Reason, int]]:
    """What planned messages lack that name a template, and how many of them do, most first. `asked`: the checks of
    each."""
    found: dict[str, tuple[Reason, int]] = {}
    for checks in asked:
        for check in checks:
            if check.name == "template" and check.reason is not None:
                why = check.reason
                found[repr(why)] = (why, found.get(repr(why), (why, 0))[1] + 1)
    return sorted(found.values(), key=lambda pair: -pair[1])


def troubled(tx: Transaction, *, installation: str | None = None) -> list[Used]:
    """The rules that are switched on and name a template with which something is wrong."""
    found = []
    known = tuple(kept.shelves(tx).values())
    for row in rules.rows(tx, installation=installation) if known else ():
        channels = tuple(Channel(name) for name in row["channels"])
        why = approved.asked_of(row["content"], channels, known, MessageClass(row["class"]))
        if why is not None and row["active"]:
            found.append(Used(row, why))
    return found


def uses(tx: Transaction) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """(name, language) → the rules that name that template."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rules.rows(tx):
        if (given := approved.named(row["content"])) is not None and Channel.WHATSAPP in row["channels"]:
            found.setdefault((given["name"], given["language"]), []).append(row)
    return found


def becomes_marketing(template: approved.Template) -> bool:
    """Whether it will count as advertising before long."""
    return template.next_category is Category.MARKETING and template.category is not Category.MARKETING

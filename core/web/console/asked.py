"""What a page's address asks for: days, states, numbers, cursors. What cannot be read is left out, never an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import g, request
from flask.typing import ResponseReturnValue
from werkzeug.utils import redirect

from core.domain.errors import InvalidNumber
from core.domain.messages import State
from core.domain.policy.walltime import local
from core.domain.recipients import Recipient
from core.engine.overview import bounds
from core.storage import installations, measures, rules
from core.storage.campaigns_figures import narrowed
from core.storage.database import Transaction
from core.storage.outbox import Filter
from core.suite import Suite
from core.web.console.formats import SEALED, number_of
from core.web.console.session import flash, own_path

LONGEST = 200
LONGEST_SEALED = 600
DID = ("clicked", "stopped")
BEHIND = ("left", "delivered", "read", "failed", "linked", "clicked", "asked", "answered", "stops", "recovered")
"""Figures of the page of measures whose messages a list shows: by the day on which they left."""
NARROWED = ("channel", "class", "country", "range")


def here() -> ZoneInfo:
    """The workspace's zone."""
    return ZoneInfo(g.workspace["settings"]["zone"])


def text(name: str) -> str:
    """A word of the address, cut to a length that fits any field."""
    given = request.args.get(name, "").strip()
    return given[: LONGEST_SEALED if given.startswith(SEALED) else LONGEST]


def day(name: str) -> date | None:
    """A calendar day (`2026-11-30`)."""
    try:
        given = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return given if 1990 < given.year < 2200 else None


def number(given: str) -> str | None:
    """A telephone number in E.164, read as people of the workspace's country write it; None if it is none."""
    if given.startswith(SEALED):
        return number_of(given)
    try:
        return Recipient.parse(given, g.workspace["settings"]["country"]).number
    except InvalidNumber:
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list of messages, as the address says them."""

    states: tuple[str, ...]
    to: str
    rule: str
    installation: str
    since: date | None
    until: date | None
    after: str
    campaign: str = ""
    reason: str = ""
    did: str = ""
    """What people did with the messages: "clicked", "stopped"."""
    behind: str = ""
    """A figure (`BEHIND`): the days are those on which messages left."""
    narrowed: Mapping[str, str] = field(default_factory=dict)

    def filter(self) -> Filter:
        """For the outbox: days are the workspace's, the last one included. An unreadable number finds nothing."""
        zone = here()
        extra = narrowed(reason=self.reason or None, clicked=self.did == "clicked", stopped=self.did == "stopped")
        extra += measures.narrowed(self.narrowed)
        if self.behind and self.since and self.until:
            extra += measures.behind(bounds(self.since, zone)[0], bounds(self.until, zone)[1], self.behind)
        due = not self.behind
        return Filter(
            state=self.states,
            to=(number(self.to) or "unreadable") if self.to else None,
            rule=self.rule or None,
            installation=self.installation or None,
            campaign=self.campaign or None,
            extra=extra,
            since=bounds(self.since, zone)[0] if self.since and due else None,
            until=bounds(self.until, zone)[1] if self.until and due else None,
            after=self.after or None,
        )

    def query(self, **changes: Any) -> str:
        """The same filters for a link, with some changed."""
        pairs: dict[str, Any] = {
            "state": list(self.states),
            "to": self.to,
            "rule": self.rule,
            "installation": self.installation,
            "from": self.since,
            "until": self.until,
            "campaign": self.campaign,
            "reason": self.reason,
            "did": self.did,
            "behind": self.behind,
            **self.narrowed,
            **changes,
        }
        return urlencode({name: value for name, value in pairs.items() if value}, doseq=True)

    @property
    def any(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.query())


def wanted() -> Wanted:
    """The filters of this request."""
    known = {str(state) for state in State}
    return Wanted(
        tuple(state for state in request.args.getlist("state") if state in known),
        text("to"),
        text("rule"),
        text("installation"),
        day("from"),
        day("until"),
        text("after"),
        text("campaign"),
        text("reason"),
        request.args.get("did", "") if request.args.get("did") in DID else "",
        request.args.get("behind", "") if request.args.get("behind") in BEHIND else "",
        {name: given for name in NARROWED if (given := text(name))},
    )


@dataclass(frozen=True, slots=True)
class Names:
    """What rows are called: rule id → name, installation id → name."""

    rules: Mapping[str, str]
    installations: Mapping[str, str]


def names(suite: Suite, tx: Transaction) -> Names:
    """The names of this workspace's rules and connections."""
    return Names(
        {row["id"]: row["name"] for row in rules.rows(tx)},
        {row.installation.id: row.installation.name for row in installations.listed(tx, suite.vault, suite.public_url)},
    )


def word_of(row: Mapping[str, Any]) -> str:
    """The state's word of the screens: a planned message that the hours moved is "deferred"."""
    if row["state"] == State.SCHEDULED:
        moved = any(check["result"] == "moved" for check in row["checks"])
        if moved or (row["reason"] and row["reason"]["code"] in ("outside_hours", "moved_earlier")):
            return "deferred"
    return str(row["state"])


def today(now: datetime) -> date:
    """The workspace's day."""
    return local(now, here()).date()


def back(default: str, kind: str, key: str, **values: str | int) -> ResponseReturnValue:
    """After a POST: back to the page that asked (`next`), with one sentence about what was done."""
    flash(kind, key, **values)
    return redirect(own_path(request.form.get("next"), default), 303)

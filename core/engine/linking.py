"""A short link is followed: where it leads, and what a person's click means to the house, the shop and the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from core.domain.errors import BadInput
from core.domain.messages import State
from core.domain.recipients import Recipient
from core.domain.text.links import CODE, Link, Visitor, followed, good_address, visitor
from core.engine import notices, public, shown
from core.storage import feedback, house, links, outbox
from core.storage.database import DatabaseAway, Transaction
from core.suite import Suite

log = structlog.get_logger(__name__)
_NOT_YET = frozenset({State.SCHEDULED, State.HELD})


@dataclass(frozen=True, slots=True)
class Way:
    """Where a code leads: to `target`, or nowhere any more (`over`), or it never was one."""

    target: str | None = None
    over: bool = False


def follow(suite: Suite, code: str, method: str, headers: Mapping[str, str]) -> Way:
    """Where the link leads; who followed it is counted. `headers`: names in lower case. One read; a click costs one
    short transaction, and when it cannot be counted the person is led on all the same. Raises `DatabaseAway`."""
    # Some telephones take the full stop of the sentence for a part of the address.
    code = code.rstrip(".,;:!?)'\"»")
    if not CODE.fullmatch(code):
        return Way()
    now = suite.now()
    with suite.database.read() as tx:
        row = links.find(tx, code)
    if row is None:
        return Way()
    if row["expires_at"] is not None and now >= row["expires_at"]:
        return Way(over=True)
    who, rule = visitor(method, headers)
    try:
        with suite.database.write(row["workspace"]) as tx:
            _counted(tx, row, who, now)
    except DatabaseAway:
        log.warning("click not counted", link=row["id"], rule=rule)
    else:
        suite.wake()
    return Way(followed(Link(row["code"], row["target"], row["track"] or _to_a_page(suite, row))))


def _to_a_page(suite: Suite, row: Mapping[str, Any]) -> bool:
    """Whether a link leads to a small page of ours: it is told who comes, to speak their language."""
    if "/p/" not in row["target"]:
        return False
    with suite.database.read(row["workspace"]) as tx:
        return any(str(row["target"]).startswith(f"{one}/p/") for one in (suite.public_url, base(suite, tx)))


def create(
    suite: Suite, tx: Transaction, target: str, *, name: str | None = None, track: bool = False,
    expires_at: datetime | None = None, test: bool = False,
) -> str:  # fmt: skip
    """A short link for people's own use; its id. Raises `BadInput` with a pointer."""
    if not good_address(target):
        raise BadInput("link_target", pointer="/target")
    if target.startswith(f"{tx.public_url}/s/"):
        raise BadInput("link_to_itself", pointer="/target")
    try:
        suite.guarded.check(target, resolved=False)
    except BadInput as error:
        error.pointer = "/target"
        raise
    now = suite.now()
    if expires_at is not None and expires_at <= now:
        raise BadInput("link_over", pointer="/expires_at")
    return links.add(tx, target, now, name=name, track=track, expires_at=expires_at, test=test)


def _counted(tx: Transaction, row: Mapping[str, Any], who: Visitor, now: datetime) -> None:
    message = outbox.get(tx, row["message"]) if row["message"] else None
    if who is Visitor.HUMAN and message is not None and _has_not_left(message):
        # Nobody has it in hand yet: a filter between us and the phone looked into it.
        who = Visitor.ROBOT
    if not links.followed(tx, row, who, now):
        return
    notices.link_clicked(tx, row, message, now)
    if message is None:
        return
    if public.strangers(message):
        # Of those only that the guard of public doors has counted: a campaign's clicks are no measure of a form's.
        public.converted(tx, Recipient.parse(message["to"]), now)
    if message["told"] is not None and message["installation"]:
        said = {"link": row["target"], "at": now.isoformat()}
        feedback.queue_report(
            tx, message["installation"], occasion=message["occasion"], message=message["id"], kind="click",
            content=said, now=now,
        )  # fmt: skip


def _has_not_left(message: Mapping[str, Any]) -> bool:
    return message["left_at"] is None and message["tries"] == 0 and State(message["state"]) in _NOT_YET


def base(suite: Suite, tx: Transaction) -> str:
    """What the workspace's links begin with."""
    known = house.workspace(tx, tx.owned)
    return (known["settings"]["link_domain"] if known else None) or suite.public_url


def as_json(row: Mapping[str, Any], counted: Mapping[str, int], base: str, now: datetime) -> dict[str, Any]:
    """A link from its row, and visitor → how often it was asked for."""
    ended = row["expires_at"] is not None and now >= row["expires_at"]
    return {
        "id": row["id"],
        "code": row["code"],
        "url": f"{base}/s/{row['code']}",
        "target": row["target"],
        "name": row["name"],
        "track": row["track"],
        "message": row["message"],
        "state": "over" if ended else "open",
        "expires_at": shown.moment(row["expires_at"]),
        "created_at": shown.moment(row["created_at"]),
        "clicked_at": shown.moment(row["clicked_at"]),
        "clicks": clicks(counted),
    }


def clicks(counted: Mapping[str, int]) -> dict[str, int]:
    """How often people, previews, robots and others asked for a link."""
    return {str(one): counted.get(str(one), 0) for one in Visitor}

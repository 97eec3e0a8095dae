"""A small page is looked at: by whom, in which language, and what its button does for this one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.domain import pages as domain
from core.domain.errors import BadInput, InvalidNumber, NotFound
from core.domain.pages import Action
from core.domain.policy.consent import MARKETING
from core.domain.policy.pumping import Origin
from core.domain.recipients import Recipient, mask
from core.domain.text.links import CODE, Visitor, visitor
from core.engine import shown, verifying
from core.engine.scheduling import live_installations, replan_open
from core.storage import house, links, outbox, pages, people, verifications
from core.storage.database import Transaction
from core.suite import Suite

SOURCE = "page"


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as one person sees it. `number`: theirs, where a message of ours led them here; `coupon`: their code, once
    they have asked for it."""

    row: Mapping[str, Any]
    language: str
    words: Mapping[str, str]
    action: Action
    leads_to: str | None
    message: str | None = None
    number: str | None = None

    @property
    def masked(self) -> str:
        """The end of their number: enough to know it again."""
        return mask(self.number) if self.number else ""


def look(suite: Suite, code: str, led: str, accepts: Mapping[str, Any]) -> Seen | None:
    """The page of that code; None for one that is not there. `led`: the code of the short link that led here, if one
    did. `accepts`: {"asked": a language that was chosen, "browser": what the browser prefers}. Raises `NotFound` with
    `over` for a page that has ended."""
    if not CODE.fullmatch(code):
        return None
    with suite.database.read() as tx:
        row = pages.find(tx, code)
    if row is None:
        return None
    if row["ended_at"] is not None and row["ended_at"] <= suite.now():
        raise Over
    with suite.database.read(row["workspace"]) as tx:
        message = _led_by(tx, row, led, suite.now())
        known = people.contact_of(tx, message["to"]) if message else None
    language, words = domain.words_for(
        row["content"], accepts.get("asked"), known["language"] if known else None, accepts.get("browser")
    )
    return Seen(
        row, language, words, Action(row["content"]["action"]), domain.leads_to(row["content"]),
        message["id"] if message else None, message["to"] if message else None,
    )  # fmt: skip


class Over(Exception):
    """The page has ended."""


def _led_by(tx: Transaction, page: Mapping[str, Any], led: str, now: datetime) -> Mapping[str, Any] | None:
    """The message whose link leads to this very page: a code that was made for another page names nobody here."""
    if not CODE.fullmatch(led):
        return None
    link = links.find(tx, led)
    if link is None or link["workspace"] != page["workspace"] or not link["message"] or link["test"] != page["test"]:
        return None
    if (link["expires_at"] is not None and now >= link["expires_at"]) or f"/p/{page['code']}" not in link["target"]:
        return None
    return outbox.get(tx, link["message"])


def count(suite: Suite, seen: Seen, method: str, headers: Mapping[str, str]) -> Visitor:
    """Counts who looked, as links count who followed them."""
    who, _ = visitor(method, headers)
    with suite.database.write(seen.row["workspace"]) as tx:
        pages.counted(tx, seen.row["id"], str(who), suite.now())
    return who


def pressed(suite: Suite, seen: Seen, method: str, headers: Mapping[str, str]) -> None:
    """Counts a person who followed the button; a robot that did presses nothing."""
    if visitor(method, headers)[0] is Visitor.HUMAN:
        with suite.database.write(seen.row["workspace"]) as tx:
            pages.counted(tx, seen.row["id"], "pressed", suite.now())


def coupon(suite: Suite, seen: Seen) -> str | None:
    """The code of this person, the same each time; the shared one for those of whom we do not know who they are, or
    when there is none left."""
    shared = seen.row["content"].get("shared")
    now = suite.now()
    with suite.database.write(seen.row["workspace"]) as tx:
        mine = pages.give_code(tx, seen.row["id"], seen.message, now) if seen.message else None
        if found := mine or shared:
            pages.counted(tx, seen.row["id"], "coupon", now)
    return found


# ---------------------------------------------------------------------------------------------- a yes


def join(suite: Suite, seen: Seen, url: str) -> None:
    """A yes of the person whom a message of ours led here: they hold it in hand. Raises `NotFound` without one."""
    if seen.number is None:
        raise NotFound("message")
    with suite.database.write(seen.row["workspace"]) as tx:
        _yes(suite, tx, seen, seen.number, url, {"message": seen.message})
    suite.wake()


def ask_code(suite: Suite, seen: Seen, typed: str, ip: str | None) -> str:
    """Sends a code to a number that somebody typed: nobody says yes for another. The id to check it by; the answer
    is the same whether a code is sent or not. Raises `BadInput`."""
    with suite.database.write(seen.row["workspace"]) as tx:
        settings = _settings(tx)
        try:
            recipient = Recipient.parse(typed, settings["country"])
        except InvalidNumber as error:
            error.pointer = "/number"
            raise
        asked = verifying.Asked(
            recipient, Origin.PUBLIC_FORM, ip, purpose=_purpose(seen), language=seen.language, test=seen.row["test"]
        )
        started = verifying.begin(suite, tx, asked)
    suite.wake()
    return started.id


def check_code(suite: Suite, seen: Seen, verification: str, code: str, url: str) -> str:
    """approved (and the yes is kept with its proof) | wrong | expired | too_many."""
    with suite.database.write(seen.row["workspace"]) as tx:
        row = verifications.get(tx, verification[:40])
        if row is None or row["purpose"] != _purpose(seen):
            return "expired"
        done = verifying.check(suite, tx, row["id"], code[:40])
        if done.state == "approved":
            _yes(suite, tx, seen, row["number"], url, {"verification": row["id"]})
    suite.wake()
    return done.state


def _purpose(seen: Seen) -> str:
    return f"page:{seen.row['id']}"


def _yes(suite: Suite, tx: Transaction, seen: Seen, number: str, url: str, how: Mapping[str, Any]) -> None:
    now = suite.now()
    proof = {
        "text": seen.words["sentence"], "page": seen.row["id"], "address": url, "language": seen.language,
        "page_changed_at": shown.moment(seen.row["changed_at"]), **how,
    }  # fmt: skip
    people.start(tx, number, MARKETING, SOURCE, proof, now)
    people.welcome(tx, [number], now)
    pages.counted(tx, seen.row["id"], "joined", now)
    replan_open(tx, now, live_installations(tx), recipient=number)


# ---------------------------------------------------------------------------------------------- written


def create(suite: Suite, tx: Transaction, name: str, given: Mapping[str, Any], *, test: bool = False) -> str:
    """A new page; its id. Raises `BadInput` with a pointer."""
    content = checked(suite, tx, given)
    return pages.add(tx, name.strip()[:120] or next(iter(content["languages"].values()))["title"], content,
                     suite.now(), test=test)  # fmt: skip


def change(suite: Suite, tx: Transaction, page_id: str, name: str, given: Mapping[str, Any]) -> None:
    """Other words and another button. Raises `BadInput`, `NotFound`."""
    content = checked(suite, tx, given)
    if not pages.change(tx, page_id, {"name": name.strip()[:120] or "…", "content": content}, suite.now()):
        raise NotFound("page")


def checked(suite: Suite, tx: Transaction, given: Mapping[str, Any]) -> dict[str, Any]:
    """A page's content as it is kept. Raises `BadInput` with a pointer."""
    content = domain.read(given, _settings(tx)["country"])
    if "target" in content:
        try:
            suite.guarded.check(content["target"], resolved=False)
        except BadInput as error:
            error.pointer = "/target"
            raise
    return content


def as_json(row: Mapping[str, Any], counted: Mapping[str, int], codes: tuple[int, int], base: str) -> dict[str, Any]:
    """A page as the API shows it."""
    content = row["content"]
    return {
        "id": row["id"],
        "name": row["name"],
        "url": f"{base}/p/{row['code']}",
        "state": "over" if row["ended_at"] else "open",
        "action": content["action"],
        "languages": content["languages"],
        **{name: content.get(name) for name in ("number", "address", "target", "shared")},
        "picture": row["picture_kind"],
        "codes": {"there": codes[0], "given": codes[1]},
        "views": {str(one): counted.get(str(one), 0) for one in Visitor},
        "done": {one: counted.get(one, 0) for one in ("pressed", "joined", "coupon")},
        "created_at": shown.moment(row["created_at"]),
        "changed_at": shown.moment(row["changed_at"]),
        "ended_at": shown.moment(row["ended_at"]),
    }


def _settings(tx: Transaction) -> Mapping[str, Any]:
    known = house.workspace(tx, tx.owned)
    return known["settings"] if known else house.DEFAULTS

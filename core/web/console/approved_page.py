"""Modèles WhatsApp: what Meta approved, as a phone shows it, what is wrong with each and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from core.contract import KeepsTemplates
from core.domain import approved
from core.domain.approved import Status, Template
from core.domain.errors import NotFound
from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.engine import approving, previewing
from core.storage import accounts
from core.storage import approved as kept
from core.storage.approved import Row, Sync
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import flash, page
from core.web.console.words import catalogue, french, language, t

bp = Blueprint("approved", __name__, url_prefix="/whatsapp")
# What needs somebody first.
_ORDER = (Status.DISABLED, Status.REJECTED, Status.PAUSED, Status.LIMITED, Status.PENDING, Status.UNKNOWN,
          Status.APPROVED, Status.GONE)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """A template as a phone shows it, its places filled as the first rule that uses it would, else marked."""

    header: Markup
    body: Markup
    footer: str
    buttons: tuple[approved.Button, ...]
    picture: str
    """"image", "video", "document" or "location" in place of a header's words."""


@dataclass(frozen=True, slots=True)
class Card:
    """One template: `trouble` is what stands in the way of all messages, `rules` name it, each with what it lacks."""

    row: Row
    picture: Picture
    trouble: Reason | None
    rules: tuple[tuple[Mapping[str, Any], Reason | None], ...]
    ahead: bool


@dataclass(frozen=True, slots=True)
class Shelf:
    """An account and its templates; `sync` is None before the first look."""

    account: accounts.Row
    sync: Sync | None
    cards: tuple[Card, ...]


@bp.get("")
@page()
def shown() -> ResponseReturnValue:
    """Every account that sends by WhatsApp, and its templates."""
    suite = current_suite()
    now = suite.now()
    with suite.database.read(g.person.workspace) as tx:
        ways = accounts.listed(tx, suite.vault, suite.public_url)
        keepers = [row for row in ways if isinstance(suite.providers.get(row.account.provider), KeepsTemplates)]
        rows, syncs, uses, lacking = kept.listed(tx), kept.syncs(tx), approving.uses(tx), approving.troubled(tx)
    wrong = {one.rule["id"]: one.reason for one in lacking}
    shelves = [
        Shelf(row, syncs.get(row.account.id), tuple(sorted(
            (_card(one, uses.get(one.template.key, ()), wrong, now) for one in rows if one.account == row.account.id),
            key=lambda card: (_ORDER.index(card.row.template.status), card.row.template.name),
        )))
        for row in keepers
    ]  # fmt: skip
    there = {one.template.key for one in rows}
    # Rules whose template is on no shelf have no card to stand on.
    lost = [one for one in lacking if _key(one.rule) not in there]
    return render_template(
        "whatsapp.html", shelves=shelves, lost=lost, remedy=mends, words=catalogue(),
    )  # fmt: skip


@bp.post("/<account>/refresh")
@page(writes="editor")
def refresh(account: str) -> ResponseReturnValue:
    """Asks the provider for the list now."""
    trouble = approving.refresh(current_suite(), g.person.workspace, account[:40])
    flash("good" if trouble is None else "warn", "whatsapp.refreshed" if trouble is None else "whatsapp.not_refreshed")
    return redirect(f"/whatsapp#{account[:40]}", 303)


def mends(why: Reason) -> str:
    """What to do about it, set as our own words are."""
    words = remedy(why.code, language())
    return french(words) if language() == "fr" else words


def picture_of(template: Template, given: Mapping[str, Any] | None, now: datetime) -> Picture:
    """As a phone shows it. `given`: how a rule fills it, with texts like any other."""
    zone, settings = asked.here(), g.workspace["settings"]

    def value(source: str) -> str:
        return previewing.example(source, now, zone, settings["language"])

    said = (given or {}).get("body") or ()
    values: Mapping[str, str] | Sequence[str] = (
        {name: value(one) for name, one in said.items()} if isinstance(said, Mapping) else [value(one) for one in said]
    )
    head = (given or {}).get("header", {}).get("text")
    kind = template.header_kind
    return Picture(
        header=_marked(template.header, [value(head)] if head else ()) if kind == "text" else Markup(),
        body=_marked(template.body, values),
        footer=template.footer,
        buttons=template.buttons,
        picture="" if kind in ("", "text") else kind,
    )


def _marked(text: str, values: Mapping[str, str] | Sequence[str]) -> Markup:
    """The text, with what is filled in (or still to fill in) marked."""
    known = values if isinstance(values, Mapping) else {str(at): one for at, one in enumerate(values, 1)}
    found = Markup()
    for piece, name in approved.pieces(text):
        found += Markup("<mark>{}</mark>").format(known.get(name) or t("whatsapp.place", name=name)) if name else piece
    return found


def _card(
    row: Row, rules: Sequence[Mapping[str, Any]], wrong: Mapping[str, Reason], now: datetime
) -> Card:
    first = approved.named(rules[0]["content"]) if rules else None
    own = approved.standing(row.template)
    return Card(
        row,
        picture_of(row.template, first, now),
        own,
        tuple((rule, _apart(wrong.get(rule["id"]), own)) for rule in rules),
        approving.becomes_marketing(row.template),
    )


def _apart(why: Reason | None, own: Reason | None) -> Reason | None:
    """What a rule lacks beyond what its template does for everybody."""
    return None if why is None or (own is not None and why.code == own.code) else why


def _key(rule: Mapping[str, Any]) -> tuple[str, str]:
    given = approved.named(rule["content"])
    if given is None:
        raise NotFound("template")
    return given["name"], given["language"]

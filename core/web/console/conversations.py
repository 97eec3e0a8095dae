"""Conversations: who wrote back, what was said, and answering them; notes, ready answers, and who looks after whom."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.domain import approved
from core.domain.content import checked
from core.domain.errors import BadInput, Conflict, RelanceError
from core.domain.messages import Channel
from core.domain.text.templates import compile_template, render
from core.engine import conversing
from core.engine.scheduling import live_installations, replan_open
from core.storage import access, conversations, house, rules
from core.storage import approved as shelf
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.session import may, page
from core.web.console.words import sentence, t

bp = Blueprint("conversations", __name__, url_prefix="/conversations")
PAGE, ENTRIES = 30, 40
TABS = ("open", "waiting", "closed", "all")
LONGEST = 1600


@bp.get("")
@page()
def listed() -> ResponseReturnValue:
    """Those to answer first; by tabs the others."""
    tab = asked.text("state") if asked.text("state") in TABS else "open"
    wanted = {"state": "" if tab == "all" else tab, "q": asked.text("q"), "channel": asked.text("channel"),
              "assigned": g.person.id if asked.text("assigned") == "me" else asked.text("assigned"),
              "unread": True if asked.text("unread") == "1" else None, "after": asked.text("after")}  # fmt: skip
    with current_suite().database.read(g.person.workspace) as tx:
        found = conversing.wanted(tx, wanted)
        if found.digits is not None and not may("editor"):
            # Who sees numbers masked does not find them out digit by digit.
            found = replace(found, digits="none")
        rows = conversations.listed(tx, found, limit=PAGE + 1)
        talks = conversing.talks(tx, rows[:PAGE])
        counts, members = conversations.counts(tx), _members(tx)
    pairs = {name: asked.text(name) for name in ("q", "channel", "assigned", "unread")}
    return render_template(
        "conversations.html",
        talks=talks,
        tab=tab,
        tabs=TABS,
        counts=counts,
        members=members,
        asked={**pairs, "any": any(pairs.values())},
        query=urlencode({name: value for name, value in pairs.items() if value}),
        after=conversations.cursor(rows[PAGE - 1]) if len(rows) > PAGE else None,
        now=current_suite().now(),
    )


@bp.get("/<conversation_id>")
@page()
def one(conversation_id: str) -> ResponseReturnValue:
    """What was said on both sides; who may answer has read it now."""
    suite = current_suite()
    if may("editor"):
        with suite.database.write(g.person.workspace) as tx:
            if conversing.known(tx, conversation_id)["unread"]:
                conversations.change(tx, conversation_id, unread=0)
    return _shown(conversation_id, Draft())


@bp.get("/<conversation_id>/entries")
@page()
def entries(conversation_id: str) -> ResponseReturnValue:
    """What was said alone, for the script that looks again."""
    with current_suite().database.read(g.person.workspace) as tx:
        row = conversing.known(tx, conversation_id)
        return render_template("conversation_entries.html", **_said(tx, row, ""))


@bp.post("/<conversation_id>/answer")
@page()
def answer(conversation_id: str) -> ResponseReturnValue:
    """Answers at once, and once however often the button was pressed. What cannot leave stays in the field, with the
    reason; so does what was written while somebody else answered."""
    suite, form = current_suite(), request.form
    draft = Draft(
        text=form.get("text", "")[:LONGEST], channel=form.get("channel", ""), template=form.get("approved", ""),
        values=form.get("values", "")[:2000], once=form.get("once", "")[:40], read=form.get("read", "")[:40],
    )  # fmt: skip
    try:
        with suite.database.write(g.person.workspace) as tx:
            row = conversing.known(tx, conversation_id)
            said = draft.answer(tx)
            conversations.said_before(tx, row, "")
            again = conversing.known(tx, conversation_id)
            if (again["message"] or "") != form.get("seen", "") and not _is_mine(tx, again, draft.once):
                raise Conflict("conversation_moved_on")
            conversing.answer(suite, tx, conversation_id, said, who=g.person.id)
    except (BadInput, Conflict) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return _shown(conversation_id, replace(draft, once=""), wrong=error), status
    suite.wake()
    return asked.back(f"/conversations/{conversation_id}", "good", "talks.answered")


@bp.post("/<conversation_id>/note")
@page()
def note(conversation_id: str) -> ResponseReturnValue:
    """A note that the person never sees."""
    suite = current_suite()
    with suite.database.write(g.person.workspace) as tx:
        conversing.note(tx, conversation_id, request.form.get("text", ""), suite.now(), who=g.person.id)
    return asked.back(f"/conversations/{conversation_id}", "good", "talks.noted")


@bp.post("/<conversation_id>/assign")
@page()
def assign(conversation_id: str) -> ResponseReturnValue:
    """Who looks after it."""
    suite, to = current_suite(), request.form.get("to", "")
    with suite.database.write(g.person.workspace) as tx:
        conversing.change(tx, conversation_id, suite.now(), who=g.person.id, assigned=to or None, unassign=not to)
    return asked.back(f"/conversations/{conversation_id}", "good", "talks.assigned")


@bp.post("/<conversation_id>/state")
@page()
def state(conversation_id: str) -> ResponseReturnValue:
    """Closed: nothing is left to say. Open: somebody has to answer after all."""
    suite, then = current_suite(), request.form.get("state", "")
    if then not in conversations.STATES:
        raise BadInput("bad_step", pointer="/state")
    with suite.database.write(g.person.workspace) as tx:
        conversing.change(tx, conversation_id, suite.now(), who=g.person.id, state=then)
    return asked.back(f"/conversations/{conversation_id}", "good", f"talks.now_{then}")


@bp.post("/<conversation_id>/ready")
@page()
def keep_ready(conversation_id: str) -> ResponseReturnValue:
    """Keeps a text for the next time: a template like others, whose key says that it is a ready answer."""
    suite, body = current_suite(), request.form.get("text", "").strip()[:LONGEST]
    key = conversing.READY + _slug(request.form.get("name", ""))
    if not body or key == conversing.READY:
        raise BadInput("empty_text", pointer="/text")
    compile_template(body)
    with suite.database.write(g.person.workspace) as tx:
        conversing.known(tx, conversation_id)
        rules.save_template(tx, key, g.workspace["settings"]["language"], body, suite.now(), who=g.person.id)
        house.note(tx, g.person.id, "template_saved", None, {"key": key}, suite.now())
        replan_open(tx, suite.now(), live_installations(tx))
    return asked.back(f"/conversations/{conversation_id}", "good", "talks.ready_kept")


# ---------------------------------------------------------------------------------------------- the page


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the fields of the answer. `template`: name and language of an approved one, with a bar between;
    `values`: what goes into it, one a line."""

    text: str = ""
    channel: str = ""
    template: str = ""
    values: str = ""
    once: str = ""
    read: str = ""

    def answer(self, tx: Transaction) -> conversing.Answer:
        """The same for the engine. Raises `BadInput`."""
        channel = Channel(self.channel) if self.channel in conversing.CHANNELS else None
        name, _, language = self.template.partition("|")
        if channel is not Channel.WHATSAPP or not name:
            return conversing.Answer(body=self.text, channel=channel, once=self.once, read=self.read or None)
        body = [line.strip() for line in self.values.splitlines() if line.strip()]
        # In a text of ours braces are variables: what a person wrote is sent as it stands.
        gaps = {"body": [f"{{{{ v{place} }}}}" for place in range(len(body))]} if body else {}
        content = checked({"whatsapp": {"template": {"name": name, "language": language, **gaps}}})
        known = next((one.template for one in shelf.listed(tx) if one.template.key == (name, language)), None)
        text = approved.filled(known.body, body) if known and known.body else " ".join([name, *body])
        data = {f"v{place}": value for place, value in enumerate(body)}
        return conversing.Answer(
            body=text, channel=channel, content=content, data=data, once=self.once, read=self.read or None
        )


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the page shows it: `look` is theirs, ours (a person's), rule, or note."""

    look: str
    at: datetime
    row: Mapping[str, Any]
    author: str


def _shown(conversation_id: str, draft: Draft, wrong: RelanceError | None = None) -> str:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = conversing.known(tx, conversation_id)
        [talk] = conversing.talks(tx, [row])
        said = _said(tx, row, asked.text("after"))
        ready = conversing.ready(tx)
        chosen = asked.text("ready")
        if chosen in ready and not draft.text:
            draft = replace(draft, text=_filled(tx, row, ready[chosen]))
        members, templates = _members(tx), _templates(tx)
    return render_template(
        "conversation.html",
        talk=talk,
        row=row,
        **said,
        draft=draft,
        once=draft.once or secrets.token_urlsafe(12),
        wrong=sentence(wrong.reason) if wrong else "",
        ready={key: key.removeprefix(conversing.READY).replace("-", " ") for key in ready},
        members=members,
        templates=templates,
        channels=_channels(talk),
        now=suite.now(),
        left=_left(talk, suite.now()),
    )


def _said(tx: Transaction, row: Mapping[str, Any], after: str) -> dict[str, Any]:
    found = conversations.entries(tx, row, after=after or None, limit=ENTRIES + 1)
    names = conversing.who_wrote(tx, found)
    lines = []
    for one in reversed(found[:ENTRIES]):
        author = conversing.author_of(one)
        look = {"note": "note", "reply": "theirs"}.get(one.kind) or ("ours" if author else "rule")
        lines.append(Line(look, one.at, one.row, names.get(author or "", t("talks.program") if author else "")))
    return {"lines": lines, "after": after, "older": found[ENTRIES - 1].cursor if len(found) > ENTRIES else None}


def _members(tx: Transaction) -> list[tuple[str, str]]:
    """Who may look after a conversation: (user, what they are called)."""
    return [(one["id"], one["name"] or one["email"]) for one in access.members(tx)]


def _templates(tx: Transaction) -> list[tuple[str, str]]:
    """The approved templates that lines of text can complete: (name and language, how it reads)."""
    found: dict[str, str] = {}
    for one in (row.template for row in shelf.listed(tx)):
        simple = one.header_kind in ("", "text") and not approved.places(one.header)
        if one.status is approved.Status.APPROVED and simple and not any(button.open for button in one.buttons):
            found["|".join(one.key)] = f"{one.name} ({one.language}) : {one.body[:90]}"
    return sorted(found.items())


def _channels(talk: conversing.Talk) -> list[str]:
    """By which channels one may answer: SMS always, the others where the person wrote by them."""
    found = [str(Channel.SMS)]
    if talk.until is not None:
        found.append(str(Channel.WHATSAPP))
    if talk.row["channel"] == Channel.RCS:
        found.append(str(Channel.RCS))
    return found


def _left(talk: conversing.Talk, now: datetime) -> timedelta | None:
    return talk.until - now if talk.until is not None and talk.until > now else None


def _filled(tx: Transaction, row: Mapping[str, Any], bodies: Mapping[str, str]) -> str:
    """A ready answer with what we know of the person; as it was written when something is missing."""
    language = g.workspace["settings"]["language"]
    body = bodies.get(language) or bodies.get("en") or next(iter(bodies.values()))
    try:
        return render(body, conversing.values(tx, row), ZoneInfo(g.workspace["settings"]["zone"]), language).text
    except BadInput:
        return body


def _is_mine(tx: Transaction, row: Mapping[str, Any], once: str) -> bool:
    """Whether the last answer is this very press of the button."""
    _, messages = conversations.last_words(tx, [row])
    last = messages.get(row["message"] or "")
    return last is not None and bool(once) and last["reference"] == f"{conversations.SAID}{g.person.id}:{once}"


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]

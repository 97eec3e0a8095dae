"""What a person decides about one message: hold, let go, send now, call off, settle a doubt, correct a told time.

Nothing here goes around the policy: what is sent "now" still takes the last look before it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.messages import MessageClass, State, is_stale
from core.domain.occasions import Occasion
from core.domain.policy.walltime import local
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text.spoken_time import moment_in_words
from core.domain.text.templates import render
from core.domain.when import OnChange
from core.engine import notices, sending
from core.storage import house, occasions, outbox, overview, rules
from core.storage.database import Transaction
from core.suite import Suite

BY_PERSON = "person"
_MOVED = OnChange("moved")
_CORRECTION: Mapping[str, str] = {
    "fr": "Votre rendez-vous du {old} a changé d'heure : il est maintenant {new}. Merci de ne pas tenir compte de"
    " l'ancien horaire.",
    "en": "Your appointment of {old} has moved: it is now {new}. Please ignore the earlier time.",
}


def hold(suite: Suite, workspace: str, message_id: str, *, who: str) -> None:
    """`scheduled` → `held`, until a person lets it go. Raises `NotFound`, `Conflict` when it is too late."""
    _step(suite, workspace, message_id, (State.SCHEDULED,), State.HELD, "held_by_person", who, held_by=BY_PERSON)


def let_go(suite: Suite, workspace: str, message_id: str, *, who: str) -> None:
    """`held` → `scheduled`, at the moment that was planned. Raises `NotFound`, `Conflict`."""
    with suite.database.read(workspace) as tx:
        planned = _known(tx, message_id)["due_at"]
    # A moment that is over is now: what a person let go is not late, and is not asked about a second time.
    due = max(planned, suite.now())
    _step(
        suite, workspace, message_id, (State.HELD,), State.SCHEDULED, "released_by_person", who,
        held_by=None, due_at=due,
    )  # fmt: skip
    suite.wake()


def send_now(suite: Suite, workspace: str, message_id: str, *, who: str) -> None:
    """A waiting message is due at once; the last look still decides. Raises `NotFound`, `Conflict`."""
    waiting = (State.SCHEDULED, State.HELD)
    _step(
        suite, workspace, message_id, waiting, State.SCHEDULED, "sent_now_by_person", who,
        held_by=None, due_at=suite.now(),
    )  # fmt: skip
    suite.wake()


def call_off(suite: Suite, workspace: str, message_id: str, *, who: str) -> None:
    """A waiting message will not leave, whatever changes. Raises `NotFound`, `Conflict` when it has left."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        _known(tx, message_id)
        if not outbox.cancel(tx, message_id, Reason("cancelled_by_person"), now):
            raise Conflict("too_late_to_change")
        house.note(tx, who, "message_cancelled", message_id, {}, now)
        notices.messages_changed(tx, [(workspace, message_id, State.CANCELLED)], now)


def settle(suite: Suite, workspace: str, message_id: str, decision: str, *, who: str) -> None:
    """An uncertain message: `decision` is "sent" (consider it sent) or "again" (it may arrive twice).

    Raises `NotFound`, `Conflict` (no doubt any more, or no longer useful), `BadInput` for another decision.
    """
    if decision == "sent":
        _step(suite, workspace, message_id, (State.UNCERTAIN,), State.SENT, "person_says_sent", who)
    elif decision == "again":
        with suite.database.read(workspace) as tx:
            if is_stale(_known(tx, message_id)["expires_at"], suite.now()):
                raise Conflict("no_longer_useful")
        _step(
            suite, workspace, message_id, (State.UNCERTAIN,), State.SCHEDULED, "person_sends_again", who,
            due_at=suite.now(), left_at=None, provider_ref=None,
        )  # fmt: skip
        suite.wake()
    else:
        raise BadInput("bad_decision", pointer="/decision", text=decision[:20])


# ---------------------------------------------------------------------------------------------- an old time was told


def correction(tx: Transaction, occasion: Occasion, told: datetime) -> str:
    """The text that tells the new time to somebody who read `told`: the installation's own rule for moved
    appointments if it has one (on or off), else a plain sentence in the workspace's language."""
    known = house.workspace(tx, tx.owned)
    language = known["settings"]["language"] if known else "fr"
    zone = ZoneInfo(occasion.zone or (known["settings"]["zone"] if known else "UTC"))
    for rule in rules.parsed(rules.rows(tx, installation=occasion.installation), rules.texts(tx)):
        if rule.when == _MOVED:
            try:
                return render(rule.body, {**occasion.values, "start": occasion.start}, zone, language).text
            except BadInput:
                break  # a value is missing: the plain sentence needs none
    words = _CORRECTION.get(language, _CORRECTION["en"])
    when = moment_in_words(local(occasion.start, zone), language) if occasion.start else ""
    return render(words.format(old=moment_in_words(local(told, zone), language), new=when), {}, zone, language).text


def send_correction(suite: Suite, workspace: str, occasion_id: str, text: str, *, who: str) -> str:
    """Tells the new time of an appointment now; the message's id. Raises `NotFound`, `Conflict`, `BadInput`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        occasion = occasions.get(tx, occasion_id)
        if occasion is None:
            raise NotFound("occasion")
        told = occasions.told(tx, [occasion_id]).get(occasion_id)
        if not occasion.open or occasion.start is None or occasion.start <= now or occasion.recipient is None:
            raise Conflict("no_longer_useful")
        if told is None or told == occasion.start:
            raise Conflict("nothing_to_correct")
        message_id = _say(
            suite, tx, occasion.recipient, text, MessageClass.TRANSACTIONAL, occasion.start, now, occasion=occasion
        )
        house.note(tx, who, "correction_sent", message_id, {"occasion": occasion_id}, now)
    suite.wake()
    return message_id


def _say(
    suite: Suite,
    tx: Transaction,
    recipient: Recipient,
    text: str,
    klass: MessageClass,
    until: datetime,
    now: datetime,
    *,
    occasion: Occasion | None = None,
) -> str:
    """What a person wrote is sent as it stands: braces in it are no template."""
    if not text.strip():
        raise BadInput("empty_text", pointer="/body")
    wanted = sending.Wanted(recipient, klass, body="{{ text }}", data={"text": text.strip()}, expires_at=until)
    draft = sending.drafts(tx, [wanted], now)[0]
    if isinstance(draft, BadInput):
        raise draft
    if draft.state is not State.SCHEDULED:
        why = draft.reason or Reason("no_longer_useful")
        raise Conflict(why.code, **why.values)
    if occasion is not None:
        # Without a key: planning neither moves nor calls off what a person sent by hand.
        draft = replace(draft, installation=occasion.installation, occasion=occasion.id, about=occasion.start)
    return sending.accept(suite, tx, [draft])[0]


def _step(
    suite: Suite,
    workspace: str,
    message_id: str,
    before: tuple[State, ...],
    then: State,
    code: str,
    who: str,
    **values: Any,
) -> None:
    now = suite.now()
    with suite.database.write(workspace) as tx:
        _known(tx, message_id)
        if not overview.decide(tx, message_id, before, then, Reason(code), now, **values):
            raise Conflict("too_late_to_change")
        house.note(tx, who, code, message_id, {}, now)
        notices.messages_changed(tx, [(workspace, message_id, then)], now)


def _known(tx: Transaction, message_id: str) -> Mapping[str, Any]:
    row = outbox.get(tx, message_id)
    if row is None:
        raise NotFound("message")
    return row

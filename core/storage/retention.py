"""How long each kind of data is kept, and its deletion. Figures: `contracts` of the trade, see docs/operations.md."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from core.storage import audit, called_off, exported, links, slips, surveys, verifications
from core.storage import tables as t
from core.storage.database import Transaction

RAW_REQUESTS = timedelta(days=7)
UNREADABLE_REQUESTS = timedelta(days=90)
IDEMPOTENCY_KEYS = timedelta(hours=48)
BODIES = timedelta(days=90)
DELIVERIES = timedelta(days=30)
REQUESTS = timedelta(days=7)
"""The calls of programs, one by one; how many there were in each hour is kept as long as deliveries."""
FIGURES = timedelta(days=400)
"""What was owed to which message: as long as clicks are counted, so that a year can be compared with another."""
DELETED_TEXT = "…"
_OVER = ("sent", "delivered", "read", "failed", "suppressed", "cancelled", "superseded", "expired")


def prune(tx: Transaction, now: datetime) -> int:
    """Deletes over all workspaces what is past its time. Returns how many rows were deleted or emptied."""
    done = 0
    m, o = t.messages, t.occasions.c
    waiting = select(m.c.occasion).where(m.c.occasion == o.id, m.c.state.in_(["scheduled", "held", "sending"]))
    old = (func.coalesce(o.start, o.at) < now - BODIES * 4, o.at < now - BODIES * 4, ~waiting.exists())
    silent = t.conversations.c.at < now - BODIES
    e, gone = t.waitlist_entries.c, select(t.waitlist_slots.c.id).where(t.waitlist_slots.c.start < now - BODIES)
    for statement in (
        delete(t.inbox).where(t.inbox.c.received_at < now - RAW_REQUESTS, t.inbox.c.state != "unreadable"),
        delete(t.inbox).where(t.inbox.c.received_at < now - UNREADABLE_REQUESTS),
        delete(t.idempotency).where(t.idempotency.c.created_at < now - IDEMPOTENCY_KEYS),
        delete(t.sessions).where(t.sessions.c.expires_at < now),
        delete(t.oauth_states).where(t.oauth_states.c.expires_at < now),
        delete(t.sign_ins).where(t.sign_ins.c.expires_at < now),
        delete(t.attempts_made).where(t.attempts_made.c.since < now - timedelta(days=1)),
        delete(t.deliveries).where(t.deliveries.c.created_at < now - DELIVERIES, t.deliveries.c.state != "waiting"),
        # A report holds what a person wrote, as a delivery does. One that waits is told as long as texts are read.
        delete(t.reports).where(t.reports.c.created_at < now - DELIVERIES, t.reports.c.state != "waiting"),
        delete(t.reports).where(t.reports.c.created_at < now - BODIES),
        delete(t.conversions).where(t.conversions.c.nudged_at < now - FIGURES),
        delete(t.called_off).where(t.called_off.c.at < now - called_off.KEPT),
        delete(t.left_out).where(t.left_out.c.at < now - FIGURES),
        # Its figures go with its people; the campaign itself says that it was.
        delete(t.campaign_people).where(
            t.campaign_people.c.campaign.in_(select(t.campaigns.c.id).where(t.campaigns.c.ended_at < now - FIGURES))
        ),
        delete(t.requests).where(t.requests.c.at < now - REQUESTS),
        delete(t.request_hours).where(t.request_hours.c.start < now - DELIVERIES),
        delete(t.leases).where(t.leases.c.until < now - timedelta(days=1)),
        delete(t.simulated).where(t.simulated.c.received_at < now - DELIVERIES),
        delete(t.smpp_parts).where(t.smpp_parts.c.created_at < now - DELIVERIES),
        delete(t.slips).where(t.slips.c.taken_at < now - slips.KEPT),
        delete(t.reach).where(t.reach.c.until < now),
        update(t.messages)
        # By workspace, because the index begins with it: what waits, however many, is not walked over.
        .where(m.c.workspace.in_(select(t.workspaces.c.id)))
        .where(t.messages.c.due_at < now - BODIES, t.messages.c.state.in_(_OVER), t.messages.c.text != DELETED_TEXT)
        .values(text=DELETED_TEXT, content=None),
        update(t.replies)
        .where(t.replies.c.received_at < now - BODIES, t.replies.c.text != DELETED_TEXT)
        .values(text=DELETED_TEXT),
        # With the last word of a conversation its notes go; what nobody has spoken about for so long is over.
        delete(t.notes).where(t.notes.c.conversation.in_(select(t.conversations.c.id).where(silent))),
        delete(t.notes).where(t.notes.c.at < now - BODIES),
        delete(t.conversations).where(silent),
        # The same occasion may come back (an old appointment is dragged to a new day), and is then a new one.
        update(m).where(m.c.occasion.in_(select(o.id).where(*old))).values(key=None),
        delete(t.answers).where(t.answers.c.occasion.in_(select(o.id).where(*old))),
        delete(t.occasions).where(*old),
        # Who waits has agreed to it; an agreement that nobody has renewed for so long is none any more.
        delete(t.waitlist_entries).where(e.state != "waiting", e.changed_at < now - BODIES),
        delete(t.waitlist_entries).where(e.agreed_at < now - FIGURES),
        delete(t.waitlist_offers).where(t.waitlist_offers.c.slot.in_(gone)),
        delete(t.waitlist_steps).where(t.waitlist_steps.c.slot.in_(gone)),
        delete(t.waitlist_slots).where(t.waitlist_slots.c.start < now - BODIES),
        delete(t.verifications).where(t.verifications.c.created_at < now - verifications.KEPT),
    ):
        done += tx.connection.execute(statement).rowcount
    done += surveys.prune(tx, now - BODIES, now - FIGURES, DELETED_TEXT)
    return done + links.prune(tx, now) + exported.prune(tx, now, DELIVERIES) + audit.prune(tx, now)

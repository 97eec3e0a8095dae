"""A person's word on an occasion: whose number it is, or that no message is wanted. A correction is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.errors import NotFound
from core.domain.occasions import Occasion
from core.domain.recipients import Recipient
from core.engine.scheduling import live_installations, replan
from core.storage import house, installations, occasions
from core.storage.database import Transaction

MOST_LEARNT = 20_000


def correct(
    tx: Transaction,
    occasion_id: str,
    now: datetime,
    *,
    who: str,
    recipient: Recipient | None = None,
    muted: bool | None = None,
) -> Occasion:
    """Keeps the correction, learns from it, and plans the occasion again. Raises `NotFound`."""
    found = occasions.get(tx, occasion_id)
    if found is None:
        raise NotFound("occasion")
    occasions.correct(tx, occasion_id, recipient=recipient, muted=muted)
    if recipient is not None:
        _learn(tx, found, recipient)
        house.note(tx, who, "number_chosen", occasion_id, {}, now)
    if muted is not None:
        house.note(tx, who, "occasion_muted" if muted else "occasion_unmuted", occasion_id, {}, now)
    corrected = occasions.get(tx, occasion_id) or found
    replan(tx, [corrected], now, live_installations(tx))
    return corrected


def _learn(tx: Transaction, occasion: Occasion, recipient: Recipient) -> None:
    """The adapter names what it will recognise again (fingerprints: the same person in the next appointment)."""
    fingerprints = occasion.private.get("fingerprints")
    if not isinstance(fingerprints, list | tuple) or not fingerprints:
        return
    learnt: Mapping[str, Any] = installations.learnt(tx, occasion.installation)
    new = {**learnt, **{str(one)[:200]: recipient.number for one in fingerprints[:20]}}
    if len(new) <= MOST_LEARNT:
        installations.change(tx, occasion.installation, learnt=new)

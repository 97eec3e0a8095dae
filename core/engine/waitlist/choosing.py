"""How a connection's free times are offered, as somebody of the house or a program chooses it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.domain.errors import NotFound
from core.domain.waitlist import Terms, read_terms
from core.domain.waitlist_words import own_text
from core.storage import house, installations, waitlist
from core.storage.database import Transaction


def choose(tx: Transaction, installation: str, new: Mapping[str, Any], who: str, now: datetime) -> Terms:
    """Keeps these terms over the known ones; what is offered is looked at again. Raises `NotFound`, `BadInput`."""
    if not installations.is_there(tx, installation):
        raise NotFound("installation")
    found = read_terms(new, waitlist.terms(tx, installation))
    own_text(found.text)
    # Whoever plans goes on to the slots.
    tx.alone(f"plan:{tx.owned}")
    waitlist.set_terms(tx, installation, found, now)
    waitlist.wake(tx, now)
    house.note(tx, who, "waitlist_terms", installation, {"on": found.on}, now)
    return found

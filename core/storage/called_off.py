"""What a platform called off, kept for a while: its wish may still be under way to us, and then came too late.

No name and no number stands here: of whom it was is kept as a mark, so that nothing of it needs to be erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from core.contract import CallOff
from core.domain.occasions import Occasion
from core.storage import tables as t
from core.storage.cleaning import short
from core.storage.database import Transaction

KEPT = timedelta(days=3)
"""As long as the most patient platform tries again to bring us a wish."""
_CHUNK = 400
_EVERY_CAMPAIGN = ""
_c = t.called_off.c


def remember(tx: Transaction, installation: str, called: CallOff) -> None:
    """Keeps it, if the platform says of which moment it is; of several about the same, the latest."""
    if called.at is None:
        return
    campaign = short(called.campaign) or _EVERY_CAMPAIGN
    for whom in _marks(tx, installation, called.subject, called.number):
        same = (_c.workspace == tx.owned, _c.installation == installation, _c.whom == whom, _c.campaign == campaign)
        known = tx.connection.execute(select(_c.at).where(*same)).first()
        if known is None:
            tx.connection.execute(insert(t.called_off).values(
                workspace=tx.owned, installation=installation, whom=whom, campaign=campaign, at=called.at))  # fmt: skip
        elif known.at < called.at:
            tx.connection.execute(update(t.called_off).where(*same).values(at=called.at))


def already(tx: Transaction, installation: str, wished: Sequence[Occasion]) -> list[str]:
    """Of these occasions with a wish those that were called off before we heard of them: the calling off is of the same
    moment as the wish, or later. Their ids."""
    marks = {
        one.id: _marks(tx, installation, one.subject, one.recipient.number if one.recipient else None) for one in wished
    }
    asked = sorted({mark for many in marks.values() for mark in many})
    until: dict[tuple[str, str], datetime] = {}
    for first in range(0, len(asked), _CHUNK):
        query = tx.mine(t.called_off, _c.whom, _c.campaign, _c.at)
        some = _c.whom.in_(asked[first : first + _CHUNK])
        for row in tx.connection.execute(query.where(_c.installation == installation, some)):
            until[row.whom, row.campaign] = row.at
    return [
        one.id
        for one in wished
        if any(
            one.at <= until.get((mark, campaign), _LONG_AGO)
            for mark in marks[one.id]
            for campaign in {_EVERY_CAMPAIGN, short(one.wish.campaign if one.wish else None) or _EVERY_CAMPAIGN}
        )
    ]


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _marks(tx: Transaction, installation: str, subject: str | None, number: str | None) -> list[str]:
    said = [f"subject {short(subject)}" if subject else "", f"number {number}" if number else ""]
    key = f"{tx.owned} {installation}".encode()[:64]
    return [hashlib.blake2b(one.encode(), key=key, digest_size=24).hexdigest() for one in said if one]

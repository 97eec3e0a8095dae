"""At the door: a link of the operator's for who cannot come in otherwise, and who tried a password too often."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from core.storage import access, house, sign_ins
from core.storage.database import Transaction
from core.suite import Suite

LINK = "link"
LINK_LIVES = timedelta(minutes=15)


def emergency_link(suite: Suite, user: str, *, who: str) -> str:
    """By which that person comes in once, without a password; a second factor is still asked for."""
    with suite.database.write() as tx:
        secret = sign_ins.begin(tx, suite.vault, LINK, user, {}, suite.now() + LINK_LIVES)
        for one in access.workspaces_of(tx, user):
            house.note(Transaction(tx.connection, one["id"]), who, "sign_in_link_made", user, {}, suite.now())
    return f"{suite.public_url}/sign-in/link?{urlencode({'code': secret})}"


def missed(suite: Suite, email: str, door: str, most: int, within: timedelta) -> None:
    """A wrong password. The one that shuts the door of somebody who is here is noted where they belong."""
    with suite.database.read() as tx:
        user = access.by_email(tx, email) if access.tries(tx, door, suite.now(), within) >= most else None
    if user is None:
        return
    with suite.database.write() as tx:
        for one in access.workspaces_of(tx, user):
            house.note(Transaction(tx.connection, one["id"]), "system", "sign_in_slowed", user, {}, suite.now())

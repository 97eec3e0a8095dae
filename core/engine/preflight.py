"""Before take-off: what must be well over there for a connection to work, asked of the platform itself. Each thing
that is not well names the click that mends it."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.contract import Check, Checks, Connects
from core.domain.errors import NeedsReconnect, NotFound, RelanceError
from core.domain.reasons import Reason
from core.engine.grants import one_click
from core.engine.journeys import lacking
from core.engine.tokens import row_of, with_token
from core.storage import installations
from core.suite import Suite

ENDS_SOON = timedelta(days=14)
_RANK = {"problem": 0, "warning": 1, "ok": 2}


def look(suite: Suite, workspace: str, installation_id: str) -> tuple[Check, ...]:
    """All checks of one installation, the worst first. Network, if its adapter can be asked. Raises `NotFound`."""
    row = row_of(suite, workspace, installation_id)
    if row.state == "disconnected":
        raise NotFound("installation")
    return tuple(sorted(_looked(suite, row), key=lambda one: _RANK.get(one.result, 0)))


def _looked(suite: Suite, row: installations.Row) -> list[Check]:
    one, now = row.installation, suite.now()
    adapter = suite.adapters.get(one.adapter)
    if adapter is None:
        return [Check("adapter", "problem", Reason("unknown_adapter", {"text": one.adapter, "known": ""}))]
    if row.state == "reconnect":
        # Without a grant nothing can be asked; that is what is to be mended first.
        return [Check("grant", "problem", row.trouble or Reason("grant_gone"))]
    asked: tuple[Check, ...] = ()
    if isinstance(adapter, Checks):
        try:
            asked = with_token(suite, one.workspace, one.id, lambda fresh: adapter.check(fresh.installation, now))
        except NeedsReconnect as error:
            asked = (Check("grant", "problem", error.reason),)
        except RelanceError as error:
            asked = (Check("reachable", "warning", error.reason),)
        except OSError:
            asked = (Check("reachable", "warning", Reason("vendor_away", {"vendor": adapter.manifest.name})),)
    elif row.trouble is not None:
        asked = (Check("reachable", "warning", row.trouble),)
    # The platform, who was asked, knows better than what was written down when it was connected.
    names = {check.name for check in asked}
    return [*(check for check in _of_the_grant(one_click(adapter), row, now) if check.name not in names), *asked]


def _of_the_grant(dance: Connects | None, row: installations.Row, now: datetime) -> list[Check]:
    """What is known without asking: scopes that were unticked, a grant that ends."""
    found = []
    if dance is not None and dance.manifest.oauth is not None:
        missing = lacking(dance, row.installation.config)
        scope = Reason("scope_unticked", {"scope": ", ".join(missing)})
        found.append(Check("scopes", "problem", scope) if missing else Check("scopes"))
    if row.grant_expires_at is not None:
        soon = row.grant_expires_at - now < ENDS_SOON
        ends = Reason("grant_ends", {"at": row.grant_expires_at.date().isoformat()})
        found.append(Check("grant", "warning", ends) if soon else Check("grant"))
    return found

"""A message's trail in the logs and traces: which request it came of, when it was handed over, when it was heard of.

The request's id is in every line of its request, so that the line with a message's id joins the two; from there on the
message's own id is what is looked for. A line names the first of many: the ledger knows them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from core import traces
from core.storage.outbox import Result

MOST_SHOWN = 20
log = structlog.get_logger(__name__)


def accepted(ids: Sequence[str], now: datetime) -> None:
    """These messages came to be: by a program's request, by a platform's, or because a platform was asked."""
    if not ids:
        return
    log.info("messages accepted", count=len(ids), messages=ids[:MOST_SHOWN])
    request = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    traces.spans("accepted", ids, now, request=request)


def recorded(results: Sequence[Result]) -> None:
    """What became of a batch, committed: one line for each account and outcome that there was."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in results:
        if one.attempt:
            found.setdefault((one.account or "", one.provider or "", one.attempt), []).append(one.message.id)
    for (account, provider, outcome), ids in found.items():
        shown = ids[:MOST_SHOWN]
        log.info("handed over", account=account, provider=provider, outcome=outcome, count=len(ids), messages=shown)

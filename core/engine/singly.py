"""One by one, each failure its own: what a walk does when one of its rows is beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from core.storage.database import DatabaseAway

T = TypeVar("T")
log = structlog.get_logger(__name__)


def singly(job: Callable[[T], object], rows: Iterable[T], failed: Callable[[T], object] | None = None) -> int:
    """Does `job` for each row; one that raises is logged with its trace, handed to `failed`, and does not keep the
    others from their turn. Returns how many there were. Raises `DatabaseAway`: then none would succeed."""
    count = 0
    for row in rows:
        count += 1
        try:
            job(row)
        except DatabaseAway:
            raise
        except Exception:
            log.exception("job failed for one row", job=getattr(job, "__qualname__", str(job)))
            if failed is not None:
                failed(row)
    return count

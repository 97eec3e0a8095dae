"""Files that people bring, part by part, kept until what is in them was taken in: an hour at most."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from core.domain.errors import BadInput, Conflict
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction

KEPT = timedelta(hours=1)
MOST_BYTES = 50_000_000
MOST_PART = 900_000
AT_ONCE = 5
"""Files of a workspace that lie here at most: the oldest makes room."""
_u, _p = t.uploads.c, t.upload_parts.c


def begin(tx: Transaction, name: str, who: str, now: datetime) -> str:
    """A file of that name is coming; its id."""
    tx.alone(f"uploads:{tx.owned}")
    lying = list(tx.connection.execute(tx.mine(t.uploads, _u.id).order_by(_u.id.desc()).offset(AT_ONCE - 1)).scalars())
    for one in lying:
        drop(tx, one)
    upload_id = new_id("upl")
    tx.connection.execute(
        insert(t.uploads).values(
            id=upload_id, workspace=tx.owned, name=name[:200], who=who, bytes=0, parts=0, whole=False, created_at=now
        )
    )
    return upload_id


def get(tx: Transaction, upload_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.uploads).where(_u.id == upload_id))


def add(tx: Transaction, upload_id: str, number: int, content: bytes, *, last: bool) -> bool:
    """The part of that number (from 0); a part that is there already stays. False when there is no such file. Raises
    `Conflict` for a part out of turn, `BadInput` when the file becomes too large."""
    tx.alone(f"upload:{upload_id}")
    row = get(tx, upload_id)
    if row is None:
        return False
    if number == row["parts"] - 1:
        # The answer to it was lost, and it was sent again.
        return True
    if row["whole"] or number != row["parts"]:
        raise Conflict("upload_out_of_turn")
    if len(content) > MOST_PART or row["bytes"] + len(content) > MOST_BYTES:
        raise BadInput("sheet_too_large", most=MOST_BYTES // 1_000_000)
    part = {"upload": upload_id, "part": number, "workspace": tx.owned, "content": zlib.compress(content, 1)}
    tx.connection.execute(insert(t.upload_parts).values(**part))
    grown = {"parts": number + 1, "bytes": row["bytes"] + len(content), "whole": last}
    tx.connection.execute(update(t.uploads).where(_u.id == upload_id, _u.workspace == tx.owned).values(**grown))
    return True


def content(tx: Transaction, upload_id: str) -> bytes | None:
    """The whole file; None when it is not there, or not all of it."""
    row = get(tx, upload_id)
    if row is None or not row["whole"]:
        return None
    parts = tx.connection.execute(tx.mine(t.upload_parts, _p.content).where(_p.upload == upload_id).order_by(_p.part))
    return b"".join(zlib.decompress(bytes(one)) for one in parts.scalars())


def drop(tx: Transaction, upload_id: str | None) -> int:
    """It is gone, or (None) every file of the workspace is: somebody who may be in them is erased. How many."""
    parts, files = [_p.workspace == tx.owned], [_u.workspace == tx.owned]
    if upload_id is not None:
        parts.append(_p.upload == upload_id)
        files.append(_u.id == upload_id)
    tx.connection.execute(delete(t.upload_parts).where(*parts))
    return tx.connection.execute(delete(t.uploads).where(*files)).rowcount


def prune(tx: Transaction, now: datetime) -> int:
    """Over all workspaces: files past their time."""
    old = select(_u.id).where(_u.created_at < now - KEPT)
    done = tx.connection.execute(delete(t.upload_parts).where(_p.upload.in_(old))).rowcount
    return done + tx.connection.execute(delete(t.uploads).where(_u.created_at < now - KEPT)).rowcount

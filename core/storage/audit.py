"""The audit log: who did what, in lines that cannot be changed, taken away or slipped in without its being seen.

Each line is written with a keyed hash over itself, which costs nobody a lock. Once a minute the housekeeping gives new
lines their number and chains them: the hash of a line is over the one before it too, and `audit_heads` says, under the
same key, where the chain of a workspace ends. The key is derived from the house's number key, which a copy of the
database alone does not hold. What is past its time is cut off at the beginning, and the head says where it begins now.

What this cannot see: lines that were taken away within their first minute, and a database that was put back as a whole
to an earlier day. For the second, keep what `relance audit verify` prints elsewhere; it is in the log lines too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Glance, Transaction

KEPT = timedelta(days=365)
PAGE = 1000
_a, _h = t.audit.c, t.audit_heads.c
_BEGIN = "0" * 64
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are wanted. `what` may name several; `after` is the id of the last line seen."""

    who: str | None = None
    what: tuple[str, ...] = ()
    on: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """What `verify` found. `kind`: changed, inserted, moved, removed, head. `seq` is the line's number (of `removed`,
    the first one that is missing, and `count` how many), `id` and `at` are those of the line, if there is one."""

    kind: str
    seq: int | None = None
    id: str | None = None
    at: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a workspace's log stands: how many lines were read, where its chain ends, and what is wrong with it."""

    lines: int
    head: str
    broken: tuple[Broken, ...]


# ---------------------------------------------------------------------------------------------- writing and reading


def note(tx: Transaction, who: str, what: str, on: str | None, detail: Mapping[str, Any], now: datetime) -> None:
    """Who did what, on which row. `detail` holds no number, text or secret."""
    row = {
        "id": new_id("aud"), "workspace": tx.owned, "who": who, "what": what, "on": on,
        "detail": orjson.loads(t.as_json(dict(detail))), "at": now,
    }  # fmt: skip
    key = _key(tx)
    digest = _digest(key, row["id"], row["detail"])
    tx.connection.execute(insert(t.audit).values(**row, digest=digest, mac=_mac(key, {**row, "digest": digest})))


def listed(tx: Transaction, wanted: Filter | None = None, *, limit: int = 50) -> list[Mapping[str, Any]]:
    """Lines of this workspace, newest first."""
    wanted = wanted or Filter()
    query = tx.mine(t.audit).order_by(_a.id.desc()).limit(limit)
    if wanted.who:
        query = query.where(_a.who == wanted.who)
    if wanted.what:
        query = query.where(_a.what.in_(wanted.what))
    if wanted.on:
        query = query.where(_a.on == wanted.on)
    if wanted.since:
        query = query.where(_a.at >= wanted.since)
    if wanted.until:
        query = query.where(_a.at < wanted.until)
    if wanted.after:
        query = query.where(_a.id < wanted.after)
    return tx.rows(query)


def whats(tx: Transaction) -> list[str]:
    """What was ever done here, by name."""
    return [row["what"] for row in tx.rows(tx.mine(t.audit, _a.what).distinct().order_by(_a.what))]


def actors(tx: Transaction) -> list[str]:
    """Who ever did something here."""
    return [row["who"] for row in tx.rows(tx.mine(t.audit, _a.who).distinct().order_by(_a.who))]


def erased(tx: Transaction, line: str, detail: Any) -> str:
    """The mark of a line whose detail is this since the house took a person out of it."""
    return _hashed(_key(tx), "erased", line, written(detail))


# ---------------------------------------------------------------------------------------------- the chain


def unchained(tx: Transaction | Glance) -> list[str]:
    """The workspaces that have new lines."""
    return [row[0] for row in tx.quick("SELECT DISTINCT workspace FROM audit WHERE seq IS NULL")]


def chain(tx: Transaction, now: datetime, limit: int = PAGE) -> int:
    """Chains this workspace's new lines; how many. A head that is not ours is left for `verify` to tell of."""
    tx.alone(f"audit:{tx.owned}")
    key, head = _key(tx), _head(tx)
    if head is not None and not _is_ours(key, head):
        return 0
    rows = tx.rows(tx.mine(t.audit, _a.id, _a.mac).where(_a.seq.is_(None)).order_by(_a.id).limit(limit))
    if not rows:
        return 0
    seq, last = (head["seq"], head["chain"]) if head else (0, _BEGIN)
    changes = []
    for row in rows:
        seq += 1
        last = _link(key, last, seq, row["mac"])
        changes.append({"line": row["id"], "number": seq, "link": last})
    tx.connection.execute(
        update(t.audit).where(_a.id == bindparam("line")).values(seq=bindparam("number"), chain=bindparam("link")),
        changes,
    )
    from_seq, from_chain = (head["from_seq"], head["from_chain"]) if head else (0, _BEGIN)
    _keep_head(tx, key, seq, last, from_seq, from_chain, now, known=head is not None)
    log.info("audit log chained", workspace=tx.owned, head=_shown(seq, last))
    return len(rows)


def verify(tx: Transaction, expected: str | None = None) -> Verdict:
    """Reads the whole log of this workspace. `expected`: a head that was written down earlier, which must still be part
    of it."""
    key, head = _key(tx), _head(tx)
    broken: list[Broken] = []
    if head is not None and not _is_ours(key, head):
        broken.append(Broken("head", head["seq"]))
    seq, last = (head["from_seq"], head["from_chain"]) if head else (0, _BEGIN)
    awaited, found_awaited, lines = _read_head(expected), expected is None, 0
    if awaited is not None and awaited[0] <= seq:
        # What is older than the log has had its time.
        found_awaited = awaited[0] < seq or last.startswith(awaited[1])
    for row in _chained(tx):
        lines += 1
        if row["seq"] <= seq:
            broken.append(_about("inserted", row))
            continue
        if row["seq"] > seq + 1:
            broken.append(Broken("removed", seq + 1, count=row["seq"] - seq - 1))
            # The line bears a hash over one that nobody has any more: from here on its own word is taken.
            last = ""
        wrong = _wrong(key, row, last)
        if wrong:
            broken.append(_about(wrong, row))
        seq, last = row["seq"], row["chain"] or ""
        found_awaited = found_awaited or (awaited is not None and awaited[0] == seq and last.startswith(awaited[1]))
    for row in tx.rows(tx.mine(t.audit).where(_a.seq.is_(None)).order_by(_a.id)):
        lines += 1
        if not _is_whole(key, row):
            broken.append(_about("inserted", row))
    if head is None and seq:
        broken.append(Broken("head", seq))
    if head is not None and seq < head["seq"]:
        broken.append(Broken("removed", seq + 1, count=head["seq"] - seq))
    elif head is not None and (seq, last) != (head["seq"], head["chain"]) and not broken:
        broken.append(Broken("head", seq))
    if not found_awaited:
        broken.append(Broken("removed", awaited[0] if awaited else None))
    return Verdict(lines, _shown(head["seq"], head["chain"]) if head else _shown(0, _BEGIN), tuple(broken))


def prune(tx: Transaction, now: datetime) -> int:
    """Over all workspaces: cuts off what is past its time at the beginning, and keeps the rest verifiable."""
    done = 0
    # By workspace, as the index begins: what stays, however much, is not walked over.
    old = select(_h.workspace).where(exists().where(_a.workspace == _h.workspace, _a.at < now - KEPT))
    for row in tx.rows(old):
        done += _cut(Transaction(tx.connection, row["workspace"]), now)
    return done


def _cut(tx: Transaction, now: datetime) -> int:
    tx.alone(f"audit:{tx.owned}")
    key, head = _key(tx), _head(tx)
    if head is None or not _is_ours(key, head):
        return 0
    # Without a hole: a clock that was turned back leaves younger lines among older ones.
    young = tx.mine(t.audit, func.min(_a.seq)).where(_a.seq.is_not(None), _a.at >= now - KEPT)
    stays = tx.connection.execute(young).scalar()
    before = head["seq"] + 1 if stays is None else stays
    last = tx.row(tx.mine(t.audit, _a.seq, _a.chain).where(_a.seq < before).order_by(_a.seq.desc()).limit(1))
    if last is None:
        return 0
    gone = tx.connection.execute(delete(t.audit).where(_a.workspace == tx.owned, _a.seq < before)).rowcount
    _keep_head(tx, key, head["seq"], head["chain"], last["seq"], last["chain"], now, known=True)
    return int(gone)


def _chained(tx: Transaction) -> Iterator[Mapping[str, Any]]:
    after = -1
    while True:
        page: Sequence[Mapping[str, Any]] = tx.rows(tx.mine(t.audit).where(_a.seq > after).order_by(_a.seq).limit(PAGE))
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["seq"]


def _wrong(key: bytes, row: Mapping[str, Any], before: str) -> str | None:
    linked = not before or row["chain"] == _link(key, before, row["seq"], row["mac"])
    if _is_whole(key, row):
        return None if linked else "moved"
    # Its own hash is the one that was chained: it was ours, and says something else now.
    return "changed" if linked else "inserted"


def _is_whole(key: bytes, row: Mapping[str, Any]) -> bool:
    if not hmac.compare_digest(row["mac"], _mac(key, row)):
        return False
    if hmac.compare_digest(row["digest"], _digest(key, row["id"], row["detail"])):
        return True
    mark = _hashed(key, "erased", row["id"], written(row["detail"]))
    return row["erased"] is not None and hmac.compare_digest(row["erased"], mark)


def _about(kind: str, row: Mapping[str, Any]) -> Broken:
    return Broken(kind, row["seq"], row["id"], row["at"])


def _head(tx: Transaction) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.audit_heads))


def _is_ours(key: bytes, head: Mapping[str, Any]) -> bool:
    return hmac.compare_digest(head["mac"], _mac_of_head(key, head))


def _keep_head(
    tx: Transaction, key: bytes, seq: int, last: str, from_seq: int, from_chain: str, now: datetime, *, known: bool
) -> None:
    row = {"workspace": tx.owned, "seq": seq, "chain": last, "from_seq": from_seq, "from_chain": from_chain}
    kept = {**row, "mac": _mac_of_head(key, row), "at": now}
    if known:
        tx.connection.execute(update(t.audit_heads).where(_h.workspace == tx.owned).values(**kept))
    else:
        tx.connection.execute(insert(t.audit_heads).values(**kept))


# ---------------------------------------------------------------------------------------------- hashes


def _key(tx: Transaction) -> bytes:
    return hmac.new(tx.number_key, b"relance audit", hashlib.sha256).digest()


def _hashed(key: bytes, *said: Any) -> str:
    # As JSON, so that no two different lines are written alike.
    return hmac.new(key, orjson.dumps(said), hashlib.sha256).hexdigest()


def written(detail: Any) -> str:
    """A line's detail as the hash reads it."""
    return orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode()


def _digest(key: bytes, line: str, detail: Any) -> str:
    return _hashed(key, "detail", line, written(detail))


def _mac(key: bytes, row: Mapping[str, Any]) -> str:
    said = [row[name] for name in ("id", "workspace", "who", "what", "on", "digest")]
    return _hashed(key, "line", *said, t.micros(row["at"]))


def _link(key: bytes, before: str, seq: int, mac: str) -> str:
    return _hashed(key, "chain", before, seq, mac)


def _mac_of_head(key: bytes, head: Mapping[str, Any]) -> str:
    return _hashed(key, "head", *(head[name] for name in ("workspace", "seq", "chain", "from_seq", "from_chain")))


def _shown(seq: int, link: str) -> str:
    return f"{seq}:{link[:32]}"


def _read_head(written: str | None) -> tuple[int, str] | None:
    if written is None:
        return None
    seq, _, link = written.strip().partition(":")
    if not seq.isdecimal() or len(link) < 16:
        raise ValueError(written)
    return int(seq), link

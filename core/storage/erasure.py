"""Forgetting a telephone number: wherever it stands in a workspace's rows, in whatever spelling.

The walk is over the schema itself, so that a table that is added tomorrow is reached without anybody remembering to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    cast,
    delete,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from core.contract import Inbound
from core.domain.channels import all_references
from core.domain.mentions import Mentions
from core.domain.reasons import Reason
from core.domain.spellings import Spellings
from core.ids import new_id
from core.storage import audit, exported, uploads
from core.storage import tables as t
from core.storage.chunks import chunks
from core.storage.database import Glance, Transaction
from core.storage.tables import Json

_NAMES_A_PERSON = frozenset({"to", "number", "recipient", "own_recipient"})
# What hangs below a row that goes: (table, its column, the table that it names).
_BELOW = (
    ("steps", "message", "messages"),
    ("attempts", "message", "messages"),
    ("receipts", "message", "messages"),
    ("smpp_parts", "reference", "messages"),
    ("reports", "message", "messages"),
    ("replies", "message", "messages"),
    ("clicks", "message", "messages"),
    ("links", "message", "messages"),
    ("page_codes", "message", "messages"),
    ("attendances", "occasion", "occasions"),
    ("survey_people", "message", "messages"),
    ("survey_people", "occasion", "occasions"),
    ("survey_answers", "occasion", "occasions"),
    ("answers", "occasion", "occasions"),
    ("reports", "occasion", "occasions"),
    ("replies", "occasion", "occasions"),
    ("segment_people", "contact", "contacts"),
)
# Copies of what was said elsewhere: a row that holds the number anywhere goes as a whole.
_COPIES = frozenset({"inbox", "idempotency", "deliveries", "simulated_messages", "throttles", "slips"})
# Decided by the operator about themselves, or unreadable without the key.
_LEFT_ALONE = frozenset({"users", "sessions", "memberships", "api_keys", "optouts", "house", "export_parts",
                         "upload_parts", "second_factors", "recovery_codes", "sign_ins", "identities", "audit_heads"})
_NEVER = frozenset({"secrets", "hook_sealed", "sealed", "hash", "hook_hash", "number_hash", "who"})


def whose(table: Table) -> list[Column[str]]:
    """The columns that say to whom a row belongs: a telephone number in E.164."""
    return [column for column in table.columns
            if column.name in _NAMES_A_PERSON and isinstance(column.type, String) and column.type.length == 20]


def forget(tx: Transaction, number: str) -> dict[str, int]:
    """Erases `number` (E.164) in this workspace; how many rows of each table were deleted or changed."""
    spellings = Spellings(number)
    # What is packed is not searched: a file that may hold the person goes, and can be asked for again.
    counts: dict[str, int] = {"exports": exported.withdraw(tx, None, Reason("export_erased")),
                              "uploads": uploads.drop(tx, None)}
    for name, done in (*_whole_rows(tx, number), *_traces(tx, spellings)):
        if done:
            counts[name] = counts.get(name, 0) + done
    return {name: done for name, done in counts.items() if done}


def forget_there(
    tx: Transaction, installation: str, occasion_ids: list[str], person: Mentions | None
) -> dict[str, int]:
    """Erases these occasions of a platform, all that hangs below them, and the requests of that platform that speak of
    `person` (none for None); how many rows of each table."""
    m = t.messages.c
    counts: dict[str, int] = {}
    if files := exported.withdraw(tx, None, Reason("export_erased")):
        counts["exports"] = files
    if files := uploads.drop(tx, None):
        counts["uploads"] = files

    def gone(name: str, done: int) -> None:
        if done:
            counts[name] = counts.get(name, 0) + done

    _untitled(tx, occasion_ids)
    for ids in chunks(occasion_ids):
        rows = tx.rows(tx.mine(t.messages, m.id).where(m.occasion.in_(ids)))
        owned = {"messages": [row["id"] for row in rows], "occasions": ids}
        for name, column, owner in _BELOW:
            if owner not in owned:
                continue
            table = t.metadata.tables[name]
            names = owned[owner]
            if column == "reference":
                names = [reference for one in names for reference in all_references(one)]
            for some in chunks(names):
                gone(name, _done(tx, delete(table).where(table.c.workspace == tx.owned, table.c[column].in_(some))))
        for name, found in owned.items():
            table = t.metadata.tables[name]
            for some in chunks(found):
                gone(name, _done(tx, delete(table).where(table.c.workspace == tx.owned, table.c.id.in_(some))))
    i = t.inbox.c
    if person is None:
        return counts
    for row in tx.rows(tx.mine(t.inbox, i.id, i.request).where(i.installation == installation)):
        if person.within(Inbound.read(bytes(row["request"])).body):
            gone("inbox", _done(tx, delete(t.inbox).where(i.id == row["id"], i.workspace == tx.owned)))
    return counts


def ask_for_all(tx: Transaction, installation: str, now: datetime) -> bool:
    """Everybody whom this connection has brought until now is to be erased, bit by bit. False when that was asked for
    already: then it also reaches what came since."""
    e, before = t.erasures.c, new_id("x").partition("_")[2]
    known = update(t.erasures).where(e.workspace == tx.owned, e.installation == installation).values(before=before)
    if _done(tx, known):
        return False
    tx.connection.execute(insert(t.erasures).values(
        id=new_id("era"), workspace=tx.owned, installation=installation, before=before, rows={}, at=now))  # fmt: skip
    return True


def any_asked_for_all(tx: Transaction | Glance) -> bool:
    """Whether `asked_for_all` would find any."""
    return bool(tx.quick("SELECT 1 FROM erasures LIMIT 1"))


def asked_for_all(tx: Transaction) -> list[Mapping[str, Any]]:
    """The connections of the whole house whose people are being erased, the longest waiting first."""
    return tx.rows(select(t.erasures).order_by(t.erasures.c.at, t.erasures.c.id))


def still_asked(tx: Transaction, erasure: str) -> Mapping[str, Any] | None:
    """What is left to do of it; None when it is done."""
    return next(iter(tx.rows(tx.mine(t.erasures).where(t.erasures.c.id == erasure))), None)


def some_there(tx: Transaction, installation: str, before: str, limit: int) -> list[str]:
    """Some occasions that this connection has brought before that moment."""
    o = t.occasions.c
    mine = tx.mine(t.occasions, o.id).where(o.installation == installation, o.id < f"occ_{before}")
    return [row["id"] for row in tx.rows(mine.order_by(o.id).limit(limit))]


def forget_requests(tx: Transaction, installation: str, before: str, limit: int) -> int:
    """Erases some requests that came from this connection before that moment; how many."""
    i = t.inbox.c
    mine = tx.mine(t.inbox, i.id).where(i.installation == installation, i.id < f"inb_{before}")
    ids = [row["id"] for row in tx.rows(mine.order_by(i.id).limit(limit))]
    return _done(tx, delete(t.inbox).where(i.workspace == tx.owned, i.id.in_(ids))) if ids else 0


def went_on(tx: Transaction, erasure: str, rows: Mapping[str, int]) -> None:
    """What is erased so far, of each table."""
    mine = (t.erasures.c.workspace == tx.owned, t.erasures.c.id == erasure)
    tx.connection.execute(update(t.erasures).where(*mine).values(rows=dict(rows)))


def all_gone(tx: Transaction, erasure: str) -> None:
    """Nothing is left of it."""
    tx.connection.execute(delete(t.erasures).where(t.erasures.c.workspace == tx.owned, t.erasures.c.id == erasure))


def _whole_rows(tx: Transaction, number: str) -> Iterable[tuple[str, int]]:
    gone: dict[str, list[str]] = {}
    for name, table in t.metadata.tables.items():
        if "workspace" in table.c and (columns := whose(table)):
            if "id" not in table.c:
                theirs = or_(*(column == number for column in columns))
                yield name, _done(tx, delete(table).where(table.c.workspace == tx.owned, theirs))
                continue
            rows = tx.rows(tx.mine(table, table.c.id).where(or_(*(column == number for column in columns))))
            gone[name] = [row["id"] for row in rows]
    _untitled(tx, gone["occasions"])
    for name, column, owner in _BELOW:
        table = t.metadata.tables[name]
        names = gone[owner]
        if column == "reference":
            # Our references: one for each channel that a message may have.
            names = [reference for one in names for reference in all_references(one)]
        for ids in chunks(names):
            yield name, _done(tx, delete(table).where(table.c.workspace == tx.owned, table.c[column].in_(ids)))
    for name, found in gone.items():
        table = t.metadata.tables[name]
        for ids in chunks(found):
            yield name, _done(tx, delete(table).where(table.c.workspace == tx.owned, table.c.id.in_(ids)))


def _untitled(tx: Transaction, occasion_ids: list[str]) -> None:
    """A free time stays, without what the appointment was called: that is its person's name more often than not."""
    s = t.waitlist_slots
    for ids in chunks(occasion_ids):
        mine = (s.c.workspace == tx.owned, s.c.occasion.in_(ids), s.c.title.is_not(None))
        tx.connection.execute(update(s).where(*mine).values(title=None))


def _traces(tx: Transaction, spellings: Spellings) -> Iterable[tuple[str, int]]:
    for table in t.metadata.sorted_tables:
        if table.name in _LEFT_ALONE:
            continue
        yield table.name, _traces_in(tx, table, spellings)


def _traces_in(tx: Transaction, table: Table, spellings: Spellings) -> int:
    keys = list(table.primary_key.columns)
    texts = [column for column in table.columns
             if column.name not in _NEVER and column not in keys and isinstance(column.type, Text | Json)]
    if table.name == "throttles":
        texts = keys
    binaries = [column for column in table.columns if isinstance(column.type, LargeBinary)]
    if not texts and not binaries:
        return 0
    raw = [type_coerce(column, Text).label(f"raw_{column.name}") for column in texts]
    query = select(*keys, *raw, *binaries)
    if "workspace" in table.c:
        query = query.where(table.c.workspace == tx.owned)
    if not binaries and table.name not in _COPIES:
        # A copy may hold the number in escapes, which no pattern of the database sees.
        query = query.where(or_(*(cast(type_coerce(column, Text), Text).like(spellings.like) for column in texts)))
    changed = 0
    for row in tx.rows(query):
        mine = and_(*(key == row[key.name] for key in keys))
        said = {column.name: row[f"raw_{column.name}"] for column in texts}
        if table.name in _COPIES or binaries:
            if any(spellings.within(value) for value in said.values() if value) or any(
                _request_names(row[column.name], spellings) for column in binaries
            ):
                changed += _done(tx, delete(table).where(mine))
            continue
        values = _without(table, said, spellings)
        if values and table.name == "audit":
            # The log's own hash is over what stood there: the house says that it was itself.
            values["erased"] = audit.erased(tx, row["id"], values["detail"])
        if values:
            changed += _done(tx, update(table).where(mine).values(values))
    return changed


def _without(table: Table, said: Mapping[str, str | None], spellings: Spellings) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, written in said.items():
        if written is None or not spellings.within(written):
            continue
        kind = table.c[name].type
        if not isinstance(kind, Json):
            values[name] = spellings.erased(written)
            continue
        value = kind.process_result_value(written, None)
        if table.name == "installations" and name == "learnt":
            # Fingerprint → number: a correction about an erased person is none.
            values[name] = {mark: one for mark, one in value.items() if not spellings.within(str(one))}
        elif table.name == "occasions" and name == "candidates":
            values[name] = [one for one in value if not spellings.within(str(one))]
        else:
            values[name] = spellings.erased_json(value)
    return values


def _request_names(written: bytes | None, spellings: Spellings) -> bool:
    if not written:
        return False
    try:
        request = Inbound.read(bytes(written))
    except (ValueError, KeyError):
        return spellings.within(bytes(written).decode("utf-8", "replace"))
    texts = [request.url, request.body.decode("utf-8", "replace"), *(value for _, value in request.headers)]
    return any(spellings.within(text) for text in texts)


def _done(tx: Transaction, statement: Any) -> int:
    return int(tx.connection.execute(statement).rowcount)

"""Templates that providers approved, as they list them, and when each account's list was last asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from core.domain.approved import Category, News, Shelf, Status, Template, as_parts, parts_read
from core.domain.errors import from_reason
from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction
from core.storage.ledger import reason_row

_c, _s = t.approved_templates.c, t.template_syncs.c


@dataclass(frozen=True, slots=True)
class Row:
    """A template of an account, and when it last changed."""

    id: str
    account: str
    template: Template
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Sync:
    """When an account's templates were listed last (never: None), when they are next, and why that failed."""

    account: str
    at: datetime | None
    next_at: datetime
    trouble: Reason | None


def listed(
    tx: Transaction, *, account: str | None = None, after: str | None = None, limit: int | None = None
) -> list[Row]:
    """Templates in the order of their names. `after` is the id of the last one that was seen."""
    query = tx.mine(t.approved_templates).order_by(_c.name, _c.language, _c.account)
    if account is not None:
        query = query.where(_c.account == account)
    rows = [_row(one) for one in tx.rows(query)]
    if after is not None:
        ids = [one.id for one in rows]
        rows = rows[ids.index(after) + 1 :] if after in ids else []
    return rows[:limit]


def shelves(tx: Transaction) -> dict[str, Shelf]:
    """account → its templates, for the accounts whose whole list is known and that are still there."""
    a = t.provider_accounts.c
    there = select(_s.account).join(t.provider_accounts, a.id == _s.account).where(a.state != "removed")
    known = tx.connection.execute(there.where(_s.workspace == tx.owned, _s.at.is_not(None)).order_by(a.position))
    found: dict[str, dict[tuple[str, str], Template]] = {row.account: {} for row in known}
    if not found:
        return {}
    for one in tx.rows(tx.mine(t.approved_templates)):
        if one["account"] in found:
            template = _row(one).template
            found[one["account"]][template.key] = template
    return dict(found)


def replaced(tx: Transaction, account: str, templates: Sequence[Template], now: datetime) -> list[tuple[str, str]]:
    """The account has these templates and no others; the (name, language) of those that are not as they were."""
    known = {row.template.key: row for row in listed(tx, account=account)}
    changed: list[tuple[str, str]] = []
    fresh = {one.key: one for one in templates}
    for key in known.keys() - fresh.keys():
        tx.connection.execute(delete(t.approved_templates).where(_c.id == known[key].id))
        changed.append(key)
    for key, one in fresh.items():
        before = known.get(key)
        # What was posted about it is said in no list.
        kept = one if before is None else _with_what_was_posted(one, before.template)
        if before is not None and before.template == kept:
            continue
        if before is None:
            _insert(tx, account, kept, now)
        else:
            _write(tx, before.id, kept, now)
        changed.append(key)
    return sorted(changed)


def change(tx: Transaction, account: str, news: News, now: datetime) -> tuple[Template, Template] | None:
    """What was posted of a template; how it was and how it is now, None for one that is not known or did not change."""
    row = tx.row(
        tx.mine(t.approved_templates)
        .where(_c.account == account, _c.name == news.name, _c.language == news.language)
        .with_for_update()
    )
    if row is None or row["changed_at"] > news.at:
        return None
    before = _row(row).template
    said = {
        name: value
        for name in ("status", "category", "quality", "rejected", "note")
        if (value := getattr(news, name)) is not None
    }
    if news.next_category is not None or news.category is not None:
        said |= {"next_category": news.next_category, "next_category_at": news.next_category_at}
    then = replace(before, **said)
    if then == before:
        return None
    _write(tx, row["id"], then, news.at)
    return before, then


def forget(tx: Transaction, account: str) -> None:
    """The account is gone."""
    tx.connection.execute(delete(t.approved_templates).where(_c.workspace == tx.owned, _c.account == account))
    tx.connection.execute(delete(t.template_syncs).where(_s.workspace == tx.owned, _s.account == account))


# ---------------------------------------------------------------------------------------------- the list itself


def syncs(tx: Transaction) -> dict[str, Sync]:
    """account → when its list was last asked for."""
    return {
        row["account"]: Sync(row["account"], row["at"], row["next_at"],
                             from_reason(row["trouble"]) if row["trouble"] else None)
        for row in tx.rows(tx.mine(t.template_syncs))
    }  # fmt: skip


def asked(tx: Transaction, account: str, now: datetime, next_at: datetime, trouble: Reason | None) -> None:
    """The list came (`trouble` is None), or did not; it is asked for again at `next_at`."""
    values: dict[str, Any] = {"next_at": next_at, "trouble": reason_row(trouble)}
    if trouble is None:
        values["at"] = now
    mine = (_s.workspace == tx.owned, _s.account == account)
    tx.insert_or_leave(t.template_syncs, {"account": account, "workspace": tx.owned, "next_at": next_at})
    tx.connection.execute(update(t.template_syncs).where(*mine).values(**values))


def soon(tx: Transaction, account: str, at: datetime) -> None:
    """The list is asked for at `at`, unless it is sooner anyway, or somebody is changing that now."""
    # Never waited for: whoever records a batch holds its messages, and who plans again may want them.
    mine = select(_s.account).where(_s.workspace == tx.owned, _s.account == account, _s.next_at > at)
    if tx.row(tx.unshared(mine)) is not None:
        tx.connection.execute(
            update(t.template_syncs)
            .where(_s.workspace == tx.owned, _s.account == account, _s.next_at > at)
            .values(next_at=at)
        )


def _with_what_was_posted(one: Template, before: Template) -> Template:
    note = before.note if before.status is one.status else ""
    ahead = one.category is before.category
    return replace(
        one, note=note, next_category=before.next_category if ahead else None,
        next_category_at=before.next_category_at if ahead else None, quality=one.quality or before.quality,
    )  # fmt: skip


def _insert(tx: Transaction, account: str, one: Template, now: datetime) -> None:
    tx.connection.execute(
        insert(t.approved_templates).values(
            id=new_id("atp"),
            workspace=tx.owned,
            account=account,
            name=one.name,
            language=one.language,
            **_values(one, now),
        )
    )


def _write(tx: Transaction, row_id: str, one: Template, now: datetime) -> None:
    tx.connection.execute(update(t.approved_templates).where(_c.id == row_id).values(**_values(one, now)))


def _values(one: Template, now: datetime) -> dict[str, Any]:
    return {
        "status": str(one.status), "category": one.category and str(one.category),
        "next_category": one.next_category and str(one.next_category), "next_category_at": one.next_category_at,
        "quality": one.quality, "rejected": one.rejected, "note": one.note, "parts": as_parts(one), "changed_at": now,
    }  # fmt: skip


def _row(row: Mapping[str, Any]) -> Row:
    template = Template(
        row["name"],
        row["language"],
        Status(row["status"]),
        Category(row["category"]) if row["category"] else None,
        next_category=Category(row["next_category"]) if row["next_category"] else None,
        next_category_at=row["next_category_at"],
        quality=row["quality"] or "",
        rejected=row["rejected"] or "",
        note=row["note"] or "",
        **parts_read(row["parts"]),
    )
    return Row(row["id"], row["account"], template, row["changed_at"])

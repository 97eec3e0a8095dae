"""Rules and templates in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from core.domain.discounts import Discount
from core.domain.events import Kind
from core.domain.messages import Channel, MessageClass
from core.domain.policy.walltime import parse_duration
from core.domain.rules import Rule
from core.domain.text.price import Money
from core.domain.text.wording import Wording
from core.domain.when import After, Before, parse_when
from core.ids import new_id
from core.storage import tables as t
from core.storage.database import Transaction

_c = t.rules.c


def add(tx: Transaction, values: Mapping[str, Any], now: datetime) -> str:
    """A new rule from its row's values (see `tables.rules`); returns its id."""
    rule_id = new_id("rul")
    tx.connection.execute(
        insert(t.rules).values(
            {
                "until": None,
                "body": None,
                "template": None,
                "sender": None,
                "asks": False,
                "late": "skip",
                "only": {},
                "active": True,
                "conditions": None,
                "preset": None,
                "installation": None,
                "channels": ["sms"],
                **values,
                "id": rule_id,
                "workspace": tx.owned,
                "version": 1,
                "created_at": now,
            }
        )
    )
    return rule_id


def change(tx: Transaction, rule_id: str, values: Mapping[str, Any]) -> None:
    """The new version of a rule."""
    tx.connection.execute(
        update(t.rules).where(_c.id == rule_id, _c.workspace == tx.owned).values({**values, "version": _c.version + 1})
    )


def rows(tx: Transaction, *, installation: str | None = None) -> list[Mapping[str, Any]]:
    """All rules that were not removed, oldest first."""
    query = tx.mine(t.rules).where(_c.removed_at.is_(None)).order_by(_c.id)
    if installation is not None:
        query = query.where(or_(_c.installation == installation, _c.installation.is_(None)))
    return tx.rows(query)


def row(tx: Transaction, rule_id: str) -> Mapping[str, Any] | None:
    return tx.row(tx.mine(t.rules).where(_c.id == rule_id, _c.removed_at.is_(None)))


def active(tx: Transaction, installation: str) -> list[Rule]:
    """The rules that speak about this installation's occasions, switched on."""
    asked = {"b_workspace": tx.owned, "b_place": installation}
    found = tx.rows(_ACTIVE, asked)
    return parsed(found, texts(tx) if any(one["template"] for one in found) else {})


# Built once: asked with everything that is planned.
_ACTIVE = (
    select(t.rules)
    .where(_c.workspace == bindparam("b_workspace"), _c.removed_at.is_(None), _c.active.is_(True))
    .where(or_(_c.installation == bindparam("b_place"), _c.installation.is_(None)))
    .order_by(_c.id)
)


def parsed(found: Iterable[Mapping[str, Any]], templates: Mapping[str, Mapping[str, str]]) -> list[Rule]:
    """The rules that rows describe; `templates`: key → language → text."""
    return [rule(one, templates) for one in found]


def rule(one: Mapping[str, Any], templates: Mapping[str, Mapping[str, str]]) -> Rule:
    """The rule that a row describes. A template that is gone leaves an empty text, which planning refuses."""
    until = parse_when(one["until"], "/until") if one["until"] else None
    bodies = templates.get(one["template"], {}) if one["template"] else {}
    return Rule(
        id=one["id"],
        name=one["name"],
        on=Kind(one["on"]),
        message_class=MessageClass(one["class"]),
        when=parse_when(one["when"]),
        body=one["body"] or next(iter(bodies.values()), ""),
        until=until if isinstance(until, Before | After) else None,
        channels=tuple(Channel(name) for name in one["channels"]),
        sender=one["sender"],
        asks=one["asks"],
        late="send" if one["late"] == "send" else "skip",
        only={name: tuple(values) for name, values in one["only"].items()},
        bodies=bodies,
        budgets=one.get("budgets"),
        content=one.get("content"),
        **_conditions(one.get("conditions") or {}),
    )


def _conditions(said: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's conditions out of its row, see `core.domain.carts.CONDITIONS`."""
    least, once = said.get("at_least"), said.get("once_per_person")
    return {
        "at_least": Money(least["amount"], least["currency"]) if least else None,
        "countries": tuple(said.get("countries", ())),
        "once_per_person": parse_duration(once) if once else None,
        "control_group": said.get("control_group"),
        "discount": Discount.read(said["discount"]) if said.get("discount") else None,
    }


def texts(tx: Transaction) -> dict[str, dict[str, str]]:
    """The newest version of every template: key → language → text."""
    c = t.templates.c
    found: dict[str, dict[str, str]] = {}
    for one in tx.rows(tx.mine(t.templates).where(c.removed_at.is_(None)).order_by(c.version)):
        found.setdefault(one["key"], {})[one["language"]] = Wording.of(one["body"], one["id"], one["language"])
    return found


def save_template(
    tx: Transaction, key: str, language: str, body: str, now: datetime, *, who: str | None = None,
    taken_from: int | None = None,
) -> str:  # fmt: skip
    """A new version of a template; older ones stay readable. `who` wrote it; `taken_from`: the older version that it
    brings back. The same words as now are no new version. The id of what is in force."""
    tx.alone(f"template:{tx.owned}:{key}")
    c = t.templates.c
    mine = tx.mine(t.templates).where(c.key == key, c.language == language)
    last = tx.row(mine.order_by(c.version.desc()).limit(1))
    if last is not None and last["removed_at"] is None and last["body"] == body:
        return str(last["id"])
    template_id = new_id("tpl")
    tx.connection.execute(
        insert(t.templates).values(
            id=template_id, workspace=tx.owned, key=key, language=language, body=body,
            version=last["version"] + 1 if last else 1, who=who, taken_from=taken_from, folder=folder_of(tx, key),
            created_at=now,
        )
    )  # fmt: skip
    return template_id


def template_version(tx: Transaction, key: str, language: str, version: int) -> Mapping[str, Any] | None:
    """One version of a template that was not removed."""
    c = t.templates.c
    wanted = (c.key == key, c.language == language, c.version == version, c.removed_at.is_(None))
    return tx.row(tx.mine(t.templates).where(*wanted))


def written_from(tx: Transaction, template_id: str) -> Mapping[str, Any] | None:
    """The version of that id, also when its template was removed since: messages point to it."""
    return tx.row(tx.mine(t.templates).where(t.templates.c.id == template_id))


def folder_of(tx: Transaction, key: str) -> str | None:
    """The folder in which a template lies."""
    c = t.templates.c
    wanted = tx.mine(t.templates, c.folder).where(c.key == key, c.removed_at.is_(None)).limit(1)
    found = tx.connection.execute(wanted).scalar()
    return str(found) if found else None


def folders(tx: Transaction) -> dict[str, str]:
    """key → folder, of the templates that lie in one."""
    c = t.templates.c
    wanted = tx.mine(t.templates, c.key, c.folder).where(c.removed_at.is_(None), c.folder.is_not(None)).distinct()
    return {row.key: row.folder for row in tx.connection.execute(wanted)}


def put_in_folder(tx: Transaction, key: str, folder: str | None) -> bool:
    """Lays a template into a folder, or (None) into none. False when there is no such template."""
    c = t.templates.c
    done = tx.connection.execute(
        update(t.templates)
        .where(c.workspace == tx.owned, c.key == key, c.removed_at.is_(None))
        .values(folder=folder or None)
    )
    return bool(done.rowcount)


def remove_template(tx: Transaction, key: str, now: datetime) -> bool:
    c = t.templates.c
    done = tx.connection.execute(
        update(t.templates).where(c.workspace == tx.owned, c.key == key, c.removed_at.is_(None)).values(removed_at=now)
    )
    return bool(done.rowcount)


def template_versions(tx: Transaction, key: str) -> list[Mapping[str, Any]]:
    """Every version of one template that was not removed, newest first."""
    c = t.templates.c
    return tx.rows(
        tx.mine(t.templates).where(c.key == key, c.removed_at.is_(None)).order_by(c.language, c.version.desc())
    )


def template_keys(
    tx: Transaction, *, folder: str | None = None, after: str | None = None, limit: int = 50
) -> list[str]:
    """The keys of the templates (of a folder), in alphabetical order."""
    c = t.templates.c
    query = tx.mine(t.templates, c.key).where(c.removed_at.is_(None)).distinct().order_by(c.key).limit(limit)
    if folder is not None:
        query = query.where(c.folder == folder)
    if after:
        query = query.where(c.key > after)
    return [row.key for row in tx.connection.execute(query)]

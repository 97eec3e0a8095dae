"""What a workspace has decided, as the document: the same decisions, the same text; what is usual is not said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from core.contract import Provider
from core.domain.errors import BadInput, Conflict
from core.engine import shown
from core.storage import accounts, house, installations, rules, segments
from core.storage.database import Transaction
from core.suite import Suite
from core.web.config.schema import VERSION, Account, Rule, Workspace

SETTINGS = tuple(name for name in Workspace().fields if name != "name")
OF_ACCOUNTS = ("countries", "channels", "rate", "denied", "classes", "prices", "weight", "takes_replies", "rates")
MOST = 10_000
_USUAL_RULE = {name: field.load_default for name, field in Rule().fields.items()}
_USUAL_ACCOUNT = {name: field.load_default for name, field in Account().fields.items()}
_NOT_A_NAME = re.compile(r"[^A-Z0-9]+")


def document(suite: Suite, tx: Transaction) -> dict[str, Any]:
    """The whole. Raises `Conflict` where two things of one kind have one name: then a name says nothing."""
    known = house.workspace(tx, tx.owned)
    settings = known["settings"] if known else house.DEFAULTS
    return {
        "relance": VERSION,
        "workspace": {"name": known["name"] if known else "", **{name: settings[name] for name in SETTINGS}},
        "links": {"domain": settings["link_domain"]},
        "templates": dict(sorted((key, dict(sorted(texts.items()))) for key, texts in rules.texts(tx).items())),
        "segments": segments_of(tx),
        "accounts": {row.name: _account(suite, row) for row in accounts_of(suite, tx).values()},
        "rules": [_rule(row, connections(suite, tx)) for row in rules_of(tx, connections(suite, tx)).values()],
    }


# ---------------------------------------------------------------------------------------------- by their names


def connections(suite: Suite, tx: Transaction) -> dict[str, str]:
    """Id → name of the connections that are not gone. Raises `Conflict`."""
    found = {one.installation.id: one.installation.name
             for one in installations.listed(tx, suite.vault, suite.public_url) if one.state != "disconnected"}
    _once("connection", found.values())
    return found


def rules_of(tx: Transaction, names: Mapping[str, str]) -> dict[tuple[str | None, str], Mapping[str, Any]]:
    """(Connection's name, rule's name) → row; without those that ask a survey, or belong to a connection that is
    gone."""
    rows = [row for row in rules.rows(tx)
            if row["survey"] is None and (row["installation"] is None or row["installation"] in names)]
    keyed = [((names[row["installation"]] if row["installation"] else None, row["name"]), row) for row in rows]
    _once("rule", [" / ".join(filter(None, key)) for key, _ in keyed])
    return dict(keyed)


def accounts_of(suite: Suite, tx: Transaction) -> dict[str, accounts.Row]:
    """Name → account."""
    rows = accounts.listed(tx, suite.vault, suite.public_url)
    _once("account", [row.name for row in rows])
    return {row.name: row for row in rows}


def segment_rows(tx: Transaction) -> dict[str, Mapping[str, Any]]:
    """Name → row, lists of people too."""
    rows = segments.rows(tx, limit=MOST)
    _once("segment", [row["name"] for row in rows])
    return {row["name"]: row for row in rows}


def segments_of(tx: Transaction) -> dict[str, Any]:
    """Name → what it asks for; lists of people are no configuration, and are only named."""
    rows = segment_rows(tx)
    names = {row["id"]: name for name, row in rows.items()}
    return {
        name: {"conditions": lists_called(row["conditions"], lambda one: names.get(one, one))}
        for name, row in sorted(rows.items())
        if row["conditions"] is not None
    }


def lists_called(conditions: Any, called: Callable[[str], str]) -> Any:
    """The conditions with each list called otherwise: by its name in the document, by its id in the database."""
    if isinstance(conditions, Mapping):
        return {name: called(inner) if name == "list" and isinstance(inner, str) else lists_called(inner, called)
                for name, inner in conditions.items()}
    if isinstance(conditions, list):
        return [lists_called(inner, called) for inner in conditions]
    return conditions


def _once(what: str, names: Any) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Conflict("config_same_name", what=what, name=twice[0][:80])


# ---------------------------------------------------------------------------------------------- one by one


def _rule(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    said = shown.rule(row)
    found = {"name": row["name"], "connection": names[row["installation"]] if row["installation"] else None}
    found |= {name: said[name] for name in _USUAL_RULE if name in said}
    return {name: value for name, value in found.items() if not _usual(_USUAL_RULE, name, value)}


def _account(suite: Suite, row: accounts.Row) -> dict[str, Any]:
    provider = suite.providers.get(row.account.provider)
    config, secret = accepted(provider, row) if provider else (dict(row.account.config), ())
    found: dict[str, Any] = {"provider": row.account.provider, "config": config}
    found["secrets"] = {name: {"env": variable(row.name, name)} for name in secret}
    said = shown.account(row)
    found |= {name: said[name] for name in OF_ACCOUNTS}
    return {name: value for name, value in found.items() if not _usual(_USUAL_ACCOUNT, name, value)}


def accepted(provider: Provider, row: accounts.Row) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What of an account's settings its provider takes back, and the names of its secrets: what it derived itself is
    left out."""
    kept = {**row.account.config, **row.account.secrets}
    while True:
        try:
            provider.configured(kept)
        except BadInput as error:
            named = error.pointer.removeprefix("/config").split("/")[1:2]
            if not named or named[0] not in kept:
                break
            del kept[named[0]]
        else:
            break
    secret = tuple(sorted(name for name in kept if name in row.account.secrets))
    return {name: value for name, value in kept.items() if name not in row.account.secrets}, secret


def variable(account: str, name: str) -> str:
    """The environment variable that an exported secret is expected in."""
    return "_".join(_NOT_A_NAME.sub("_", one.upper()).strip("_") for one in ("relance", account, name))


def _usual(usual: Mapping[str, Any], name: str, value: Any) -> bool:
    default = usual.get(name)
    default = default() if callable(default) else default
    return bool(value == default) and name not in ("provider", "on")

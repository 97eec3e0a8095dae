"""Making it so: the document is compared with what is there, the difference is told with what it does to planned
messages, and all of it happens in one transaction, or nothing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from core.contract import Configured
from core.domain.errors import BadInput, InvalidNumber, NotFound
from core.domain.messages import Channel, MessageClass
from core.domain.policy.senders import check_sender
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.segments import parse
from core.engine import arranging, scheduling
from core.engine.scheduling import Difference
from core.storage import accounts, approved, house, outbox, rules, segments
from core.storage.database import Transaction
from core.suite import Suite
from core.web.api import reading
from core.web.api import rules as api_rules
from core.web.api.installations import over
from core.web.api.segments import check as check_conditions
from core.web.config import current
from core.web.config.schema import Document
from core.web.problems import Several

_DOCUMENT = Document()
_OF_MAPPINGS = re.compile(r"^/(templates|segments|accounts)/([^/]*)/(?:key|value)(?=/|$)")
_OF_INNER = re.compile(r"^(/templates/[^/]*/[^/]*|/accounts/[^/]*/secrets/[^/]*)/(?:key|value)(?=/|$)")
Secret = Callable[[Mapping[str, str]], str | None]
"""Reads a secret from where the document says it is; None when it is not there."""


def nowhere(_: Mapping[str, str]) -> str | None:
    """For documents that come from elsewhere: our environment and our files are not theirs to read."""
    return None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes another. `was` and `becomes`: the fields that differ; a secret is never in it."""

    what: str
    name: str
    change: str  # added | changed | removed
    was: Mapping[str, Any] = field(default_factory=dict)
    becomes: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "name": self.name, "change": self.change, "was": dict(self.was),
                "becomes": dict(self.becomes)}


@dataclass(frozen=True, slots=True)
class Applied:
    """What changed, and what that does to planned messages (None when nothing changed)."""

    changes: tuple[Change, ...]
    difference: Difference | None


def apply(
    suite: Suite,
    tx: Transaction,
    document: Mapping[str, Any],
    now: datetime,
    *,
    who: str,
    prune: bool = False,
    secret: Secret = nowhere,
    replan: bool = True,
) -> Applied:
    """Makes it so in `tx`; the caller rolls it back for a dry run (and says `replan=False`). `prune`: what the sections
    of the document do not name is removed. Done twice, the second time changes nothing. Raises `Several` and `BadInput`
    with pointers into the document, `Conflict` where names are not enough."""
    wanted = _loaded(document)
    changes: list[Change] = []
    if "workspace" in wanted or "links" in wanted:
        changes += _settings(tx, wanted.get("workspace", {}), wanted.get("links", {}))
    if "templates" in wanted:
        changes += _templates(tx, wanted["templates"], now, prune)
    if "segments" in wanted:
        changes += _segments(tx, wanted["segments"], now, prune)
    if "accounts" in wanted:
        changes += _accounts(suite, tx, wanted["accounts"], now, prune, secret)
    if "rules" in wanted:
        changes += _rules(suite, tx, wanted["rules"], now, prune)
    if "templates" in wanted and prune:
        changes += _templates_gone(tx, wanted["templates"], now)
    if not changes:
        return Applied((), None)
    live = scheduling.live_installations(tx)
    difference = scheduling.difference(tx, now, {}, live)
    if replan:
        scheduling.replan_open(tx, now, live)
    house.note(tx, who, "config_applied", None, {"changes": len(changes)}, now)
    return Applied(tuple(changes), difference)


def _loaded(document: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return reading.loaded(_DOCUMENT, document)
    except Several as error:
        tidy = [(_OF_INNER.sub(r"\1", _OF_MAPPINGS.sub(r"/\1/\2", pointer)), reason) for pointer, reason in error.wrong]
        raise Several(tidy) from error


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    """What is refused inside is refused there."""
    try:
        yield
    except Several as error:
        raise Several([(pointer + inner, reason) for inner, reason in error.wrong]) from error
    except BadInput as error:
        error.pointer = pointer + (error.pointer or "")
        raise


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# ---------------------------------------------------------------------------------------------- each section


def _settings(tx: Transaction, wanted: Mapping[str, Any], links: Mapping[str, Any]) -> list[Change]:
    known = house.workspace(tx, tx.owned)
    if known is None:
        raise NotFound("workspace")
    settings, values = known["settings"], dict(wanted)
    country = values.get("country", settings["country"])
    name = values.pop("name", known["name"])
    if sender := values.get("sender"):
        why = check_sender(sender, country, Channel.SMS, False)
        if why is not None:
            raise BadInput(why.code, pointer="/workspace/sender", **why.values)
    if "own_numbers" in values:
        values["own_numbers"] = [_number(one, country, place) for place, one in enumerate(values["own_numbers"])]
    if "domain" in links:
        with _at("/links"):
            values["link_domain"] = arranging.good_domain(links["domain"] or "")
    becomes = {one: value for one, value in values.items() if settings.get(one) != value}
    was = {one: settings.get(one) for one in becomes}
    if becomes:
        house.change_settings(tx, becomes)
    if name != known["name"]:
        house.rename(tx, name)
        was, becomes = {**was, "name": known["name"]}, {**becomes, "name": name}
    return [Change("workspace", name, "changed", was, becomes)] if becomes else []


def _number(written: str, country: str, place: int) -> str:
    try:
        return Recipient.parse(written, country).number
    except InvalidNumber as error:
        error.pointer = f"/workspace/own_numbers/{place}"
        raise


def _templates(
    tx: Transaction, wanted: Mapping[str, Mapping[str, str]], now: datetime, prune: bool
) -> list[Change]:
    known, changes = rules.texts(tx), []
    for key, texts in wanted.items():
        had = known.get(key, {})
        becomes = {language: body for language, body in texts.items() if had.get(language) != body}
        for language, body in becomes.items():
            rules.save_template(tx, key, language, body, now)
        if becomes:
            was = {language: had[language] for language in becomes if language in had}
            changes.append(Change("template", key, "changed" if had else "added", was, becomes))
    return changes


def _templates_gone(tx: Transaction, wanted: Mapping[str, Any], now: datetime) -> list[Change]:
    """After the rules: those that used them may have been given other texts."""
    gone = [key for key in rules.texts(tx) if key not in wanted]
    used = {row["template"] for row in rules.rows(tx)}
    for key in gone:
        if key in used:
            raise BadInput("config_in_use", pointer="/templates", name=key)
        rules.remove_template(tx, key, now)
    return [Change("template", key, "removed") for key in gone]


def _segments(tx: Transaction, wanted: Mapping[str, Any], now: datetime, prune: bool) -> list[Change]:
    changes: list[Change] = []
    known = current.segment_rows(tx)
    for name, one in wanted.items():
        place = f"/segments/{_step(name)}/conditions"

        def id_of(called: str, place: str = place) -> str:
            if called not in known:
                raise BadInput("field_unknown_id", pointer=place, text=called[:40])
            return str(known[called]["id"])

        conditions = current.lists_called(one["conditions"], id_of)
        check_conditions(tx, parse(conditions), place)
        row = known.get(name)
        if row is None:
            segments.add(tx, name, conditions, now)
            changes.append(Change("segment", name, "added", {}, one))
        elif row["conditions"] is None:
            raise BadInput("segment_or_people", pointer=place)
        elif row["conditions"] != conditions:
            segments.change(tx, row["id"], {"conditions": conditions}, now)
            names = {kept["id"]: called for called, kept in known.items()}
            was = current.lists_called(row["conditions"], partial(_name_in, names))
            changes.append(Change("segment", name, "changed", {"conditions": was}, one))
    for name, row in known.items() if prune else ():
        if name not in wanted and row["conditions"] is not None:
            if segments.used_by(tx, row["id"]) is not None:
                raise BadInput("config_in_use", pointer="/segments", name=name[:80])
            segments.change(tx, row["id"], {"removed_at": now}, now)
            changes.append(Change("segment", name, "removed"))
    return changes


def _name_in(names: Mapping[str, str], called: str) -> str:
    return names.get(called, called)


def _accounts(
    suite: Suite, tx: Transaction, wanted: Mapping[str, Any], now: datetime, prune: bool, secret: Secret
) -> list[Change]:
    known, changes = current.accounts_of(suite, tx), []
    for name, one in wanted.items():
        place = f"/accounts/{_step(name)}"
        provider = suite.providers.get(one["provider"])
        if provider is None:
            raise BadInput("unknown_provider", pointer=f"{place}/provider", text=one["provider"][:40],
                           known=", ".join(sorted(suite.providers)))
        row = known.get(name)
        if row is not None and row.account.provider != provider.slug:
            raise BadInput("config_other_provider", pointer=f"{place}/provider", name=name[:80])
        found = _secrets(one["secrets"], row, place, secret)
        more = {field: one[field] for field in current.OF_ACCOUNTS}
        if row is None:
            with _at(place):
                configured = over(provider.configured, {}, {**one["config"], **found})
            accounts.add(tx, suite.vault, provider.slug, name, configured, now, public_url=suite.public_url, **more)
            outbox.release(tx, "account", Reason("account_back"), now)
            changes.append(Change("account", name, "added", {}, {**one, "secrets": sorted(one["secrets"])}))
            continue
        with _at(place):
            configured = over(provider.configured, row.account.secrets, {**one["config"], **found})
        was, becomes = _account_changed(row, configured, more)
        if becomes:
            accounts.change(tx, suite.vault, row.account.id, configured=configured, **more)
            approved.soon(tx, row.account.id, now)
            changes.append(Change("account", name, "changed", was, becomes))
    for name, row in known.items() if prune else ():
        if name not in wanted:
            accounts.change(tx, suite.vault, row.account.id, state="removed", secrets=None)
            approved.forget(tx, row.account.id)
            changes.append(Change("account", name, "removed"))
    return changes


def _account_changed(
    row: accounts.Row, configured: Configured, more: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs; of secrets only the names."""
    had = {"countries": list(row.countries), "channels": list(row.channels), "rate": row.rate,
           "denied": list(row.denied), "classes": list(row.classes), "prices": dict(row.prices), "weight": row.weight,
           "takes_replies": row.takes_replies, "rates": dict(row.rates)}
    becomes = {name: value for name, value in more.items() if had[name] != value}
    was = {name: had[name] for name in becomes}
    before, then = dict(row.account.config), dict(configured.config)
    if before != then:
        other = [name for name in (*before, *then) if before.get(name) != then.get(name)]
        was["config"] = {name: before[name] for name in other if name in before}
        becomes["config"] = {name: then[name] for name in other if name in then}
    secret, wanted = row.account.secrets, configured.secrets
    if renewed := sorted(name for name in {*secret, *wanted} if secret.get(name) != wanted.get(name)):
        was["secrets"], becomes["secrets"] = ["…"] * len(renewed), renewed
    return was, becomes


def _secrets(
    said: Mapping[str, Mapping[str, str]], row: accounts.Row | None, place: str, secret: Secret
) -> dict[str, str]:
    """The secrets that are where the document says; those that are not stay as they are, and a new account has none
    to stay."""
    found: dict[str, str] = {}
    for name, where in said.items():
        value = secret(where)
        if value is not None:
            found[name] = value
        elif row is None or name not in row.account.secrets:
            raise BadInput("config_secret_missing", pointer=f"{place}/secrets/{_step(name)}", name=name[:60],
                           where=(where.get("env") or where.get("file") or "")[:120])
    return found


def _rules(suite: Suite, tx: Transaction, wanted: list[dict[str, Any]], now: datetime, prune: bool) -> list[Change]:
    changes: list[Change] = []
    names = current.connections(suite, tx)
    ids = {name: one for one, name in names.items()}
    known = current.rules_of(tx, names)
    seen: set[tuple[str | None, str]] = set()
    for place, one in enumerate(wanted):
        key = (one.pop("connection"), one["name"])
        if key[0] is not None and key[0] not in ids:
            raise BadInput("config_connection_unknown", pointer=f"/rules/{place}/connection", name=key[0][:80],
                           known=", ".join(sorted(ids))[:300])
        if key in seen:
            raise BadInput("config_name_again", pointer=f"/rules/{place}/name", name=key[1])
        seen.add(key)
        one.setdefault("class", str(MessageClass.MARKETING) if one["on"] == "cart" else None)
        if one["class"] is None:
            raise BadInput("field_required", pointer=f"/rules/{place}/class")
        values = api_rules.stored_form({**one, "installation": ids.get(key[0] or "")})
        row = known.get(key)
        compared = [name for name in api_rules.FIELDS if name != "survey"]
        becomes = {name: values.get(name) for name in compared
                   if row is None or (row[name] or None) != (values.get(name) or None)}
        if not becomes:
            continue
        with _at(f"/rules/{place}"):
            api_rules.check(suite, tx, values)
            api_rules.fits_template(tx, values)
        kept = {name: values[name] for name in compared if name in values}
        told = {name: value for name, value in becomes.items() if name != "installation" and value is not None}
        if row is None:
            rules.add(tx, kept, now)
            changes.append(Change("rule", _called(key), "added", {}, told))
        else:
            rules.change(tx, row["id"], kept)
            changes.append(Change("rule", _called(key), "changed", {name: row[name] for name in becomes}, becomes))
    for key, row in known.items() if prune else ():
        if key not in seen:
            rules.change(tx, row["id"], {"removed_at": now, "active": False})
            changes.append(Change("rule", _called(key), "removed"))
    return changes


def _called(key: tuple[str | None, str]) -> str:
    return f"{key[0]} / {key[1]}" if key[0] else key[1]

"""What every page about a connection's records begins with: whose it is, what can be done there, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import g

from core.contract import Adapter, Counts, Limits, Maps
from core.domain.errors import NotFound, RelanceError
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.domain.remedies import remedy
from core.storage import installations, rules
from core.suite import Suite
from core.web.app import current_suite
from core.web.console.session import may
from core.web.console.words import french, language


@dataclass(frozen=True, slots=True)
class Place:
    """A connection and what its pages can show: the tabs, in the order in which they are needed."""

    id: str
    name: str
    platform: str
    row: installations.Row
    adapter: Adapter
    tabs: tuple[tuple[str, str], ...]


def opens(adapter: Adapter | None) -> bool:
    """Whether there are such pages for this platform."""
    return isinstance(adapter, Maps | Counts | Limits)


def place(installation: str) -> Place:
    """The connection of a page. Raises `NotFound`."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    adapter = suite.adapters.get(row.installation.adapter) if row is not None else None
    if row is None or adapter is None or row.state == "disconnected" or not opens(adapter):
        raise NotFound("installation")
    one = row.installation
    return Place(one.id, one.name, adapter.manifest.name, row, adapter, _tabs(adapter, f"/connections/{one.id}"))


def _tabs(adapter: Adapter, base: str) -> tuple[tuple[str, str], ...]:
    offered = (
        ("workflows", Kind.REQUEST in adapter.manifest.kinds, "viewer"),
        ("fields", isinstance(adapter, Maps), "editor"),
        ("estimate", isinstance(adapter, Counts), "editor"),
        ("test", isinstance(adapter, Maps), "editor"),
        ("limits", isinstance(adapter, Limits), "editor"),
        ("leaving", isinstance(adapter, Limits), "admin"),
    )
    return tuple((name, f"{base}/{name}") for name, there, role in offered if there and may(role))


def trouble(error: RelanceError) -> tuple[Reason, str]:
    """Why the platform could not be asked, and what to do about it."""
    return error.reason, _set(remedy(error.reason.code, language()))


def of_record(reason: Reason) -> Reason:
    """`reason` as people say it of a record, and not of an appointment: several people's numbers are wrong at once."""
    if reason.code == "no_number":
        return Reason("record_no_number")
    if reason.code in ("number_unreadable", "number_invalid"):
        return Reason("record_number_wrong")
    if reason.code in ("not_a_mobile", "opted_out"):
        return Reason(f"record_{reason.code}")
    return reason


def mends(reason: Reason) -> str:
    """What to do about it on a record."""
    return _set(remedy(of_record(reason).code, language()))


def _set(text: str) -> str:
    return french(text) if language() == "fr" else text


def said(words: Mapping[str, str]) -> str:
    """An adapter's words in the language of the person who looks, set as ours are."""
    return _set(words.get(language()) or words.get("en", ""))


def texts_of(suite: Suite) -> dict[str, str]:
    """Templates: key → its words in the workspace's language."""
    with suite.database.read(g.person.workspace) as tx:
        known = rules.texts(tx)
    tongue = g.workspace["settings"]["language"]
    return {key: bodies.get(tongue) or next(iter(bodies.values())) for key, bodies in sorted(known.items()) if bodies}


def wording(form: Mapping[str, str], texts: Mapping[str, str]) -> tuple[str | None, str | None]:
    """(free text, template key) as a form says them: one of them is given, or none."""
    template = form.get("template", "")[:80]
    if template in texts:
        return None, template
    body = form.get("body", "").replace("\r\n", "\n").strip()[:2_000]
    return (body or None), None

"""Which approved template a rule sends by WhatsApp, and what fills its blanks: as a form's two fields say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.approved import WAITS, Status, Template, named, places
from core.domain.content import checked
from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass
from core.domain.reasons import Reason
from core.engine import approving
from core.storage import approved as kept
from core.storage.database import Transaction
from core.web.console.words import t

NONE = "-"
LONGEST = 4000


def offered(tx: Transaction, content: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """(value, words) of the templates to choose from; nothing where none is known. What the rule names already is among
    them, even if it is on no list."""
    found = {one.key: one for shelf in kept.shelves(tx).values() for one in shelf.values()
             if one.status is not Status.GONE}  # fmt: skip
    given = named(content)
    if not found and given is None:
        return []
    pairs = [(_value(*key), _words(one)) for key, one in sorted(found.items())]
    if given is not None and (given["name"], given["language"]) not in found:
        value = _value(given["name"], given["language"])
        pairs.append((value, t("whatsapp.form.not_listed", name=value)))
    return [(NONE, t("whatsapp.form.none")), *pairs]


def written(content: Mapping[str, Any] | None) -> dict[str, str]:
    """The fields of a rule's content: what `read` reads back."""
    given = named(content)
    if given is None:
        return {"wa_template": NONE, "wa_values": ""}
    body = given.get("body") or ()
    lines = [f"{name} = {one}" for name, one in body.items()] if isinstance(body, Mapping) else list(body)
    return {"wa_template": _value(given["name"], given["language"]), "wa_values": "\n".join(lines)}


def read(form: Mapping[str, str], before: Mapping[str, Any] | None, tx: Transaction) -> Mapping[str, Any] | None:
    """The rule's content with the template that the form chose; as it was where the form has no such fields. Raises
    `BadInput` about what fills it."""
    chosen = form.get("wa_template", "").strip()[:600]
    if not chosen:
        return before
    others = {name: part for name, part in (before or {}).items() if name != "whatsapp"}
    own = {name: part for name, part in (before or {}).get("whatsapp", {}).items() if name != "template"}
    if chosen == NONE:
        return {**others, **({"whatsapp": own} if own else {})} or None
    name, _, language = chosen.rpartition("/")
    was = named(before)
    same = was is not None and (was["name"], was["language"]) == (name, language)
    template: dict[str, Any] = {**was} if same and was is not None else {"name": name, "language": language}
    template.pop("body", None)
    if body := _body(form.get("wa_values", "")[:LONGEST], _listed(tx, name, language)):
        template["body"] = body
    return {**others, **checked({"whatsapp": {**own, "template": template}})}


def said_of(tx: Transaction, row: Mapping[str, Any]) -> tuple[Reason | None, Reason | None]:
    """(what is wrong with the rule's template, what has to be known about it)."""
    channels = tuple(Channel(one) for one in row["channels"])
    why = approving.said_of(tx, row.get("content"), channels, MessageClass(row["class"]))
    if why is None:
        return None, None
    return (None, why) if why.code in WAITS else (why, None)


def _body(text: str, template: Template | None) -> Any:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wanted = places(template.body) if template is not None else []
    if not any(not one.isdecimal() for one in wanted):
        return lines
    pairs = [line.partition("=") for line in lines]
    if any(not sign for _, sign, _ in pairs):
        raise BadInput("approved_names", name=template.name if template else "", language=template.language
                       if template else "", wanted=", ".join(wanted), given=len(lines))  # fmt: skip
    return {name.strip(): value.strip() for name, _, value in pairs}


def _listed(tx: Transaction, name: str, language: str) -> Template | None:
    return next((shelf[name, language] for shelf in kept.shelves(tx).values() if (name, language) in shelf), None)


def _value(name: str, language: str) -> str:
    return f"{name}/{language}"


def _words(one: Template) -> str:
    status = "" if one.status is Status.APPROVED else f", {t(f'whatsapp.status.{one.status}')}"
    return f"{one.name} ({one.language}{status})"

"""A shop's recipes: when an abandoned cart is followed up and with what words, and which order statuses are told.

A recipe is nothing but rules of the connection, so that all that rules keep to holds here too: what a person changes on
the page of rules is what the recipe shows, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.domain.carts import CONTROL_PERCENT, MOST_CONTROL, conditions
from core.domain.discounts import Discount
from core.domain.errors import BadInput
from core.domain.events import Kind
from core.domain.text.price import Money
from core.domain.text.templates import compile_template
from core.domain.when import After, parse_when
from core.engine import scheduling
from core.engine.scheduling import Difference
from core.storage import house, installations, rules
from core.storage.database import Transaction

LEAST_WAIT, MOST_WAIT = 30, 24 * 60
"""Minutes after the cart's last change."""
MOST_SECOND_WAIT = 72 * 60
USEFUL = timedelta(days=3)
"""How long after its own delay a nudge is still useful: enough to get over a Sunday."""
LEAST_PERCENT, MOST_PERCENT, MOST_CODE_DAYS = 5, 50, 30
"""What a recipe's discount may take off, and for how many days it may be good; a rule may say more."""
ONE_CART = "P7D"
"""Within this time a person hears of one cart."""
BODIES: Mapping[str, tuple[str, str]] = {
    "fr": (
        "{{ first_name or 'Bonjour' }}, votre panier vous attend : {{ items|fit or 'tout y est encore' }}. {{ link }}",
        "Votre panier{% if total %} ({{ total }}){% endif %} est toujours là : {{ link }}",
    ),
    "en": (
        "{{ first_name or 'Hello' }}, your basket is waiting: {{ items|fit or 'all is still there' }}. {{ link }}",
        "Your basket{% if total %} ({{ total }}){% endif %} is still there: {{ link }}",
    ),
}
NAMES: Mapping[str, tuple[str, str]] = {
    "fr": ("Panier abandonné", "Panier abandonné, 2e message"),
    "en": ("Abandoned cart", "Abandoned cart, second message"),
}


_NEEDS_CODE = re.compile(r"\{\{-?\s*code\s*-?\}\}(?!\s*\{%-?\s*(?:endif|else))")
"""Says a code, and no other word where there is none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message about a cart: so many minutes after its last change. `rule` is None before it is first saved.
    `kept` is a discount that a recipe cannot say (an amount), made elsewhere: it stays until another one is chosen."""

    wait: int
    body: str
    on: bool
    rule: str | None = None
    discount: Discount | None = None
    kept: Discount | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How this shop's carts are followed up. `control` is the percent of people who are left out, `least` the smallest
    total. `others` are further rules about carts, which the recipe leaves alone."""

    first: Step
    second: Step
    least: Money | None
    control: int
    others: tuple[Mapping[str, Any], ...] = ()

    @property
    def on(self) -> bool:
        return self.first.on


def read(tx: Transaction, row: installations.Row) -> Recipe:
    """The recipe as the connection's rules make it, with our proposals where there is none yet."""
    language = row.installation.language if row.installation.language in BODIES else "en"
    found = _of_carts(tx, row.installation.id)
    rows = found[:2]
    texts = rules.texts(tx) if any(one["template"] for one in rows) else {}
    steps = [
        Step(_minutes(one), _words(one, texts, language), one["active"], one["id"], *_discounts(one)) for one in rows
    ]
    if not steps:
        steps.append(Step(60, BODIES[language][0], False))
    if len(steps) < 2:
        steps.append(Step(max(24 * 60, steps[0].wait + 60), BODIES[language][1], False))
    said = (rows[0]["conditions"] or {}) if rows else {}
    least = Money(**said["at_least"]) if said.get("at_least") else None
    share = said.get("control_group", row.control_group)
    return Recipe(steps[0], steps[1], least, CONTROL_PERCENT if share is None else share, tuple(found[2:]))


def checked(wanted: Recipe) -> dict[str, BadInput]:
    """Field → what is wrong with it: "body", "second_body", "second_wait", "wait", "control", and of each message
    "percent", "second_percent", "code_days", "second_code_days"."""
    wrong: dict[str, BadInput] = {}
    for prefix, step in (("", wanted.first), ("second_", wanted.second)):
        name = f"{prefix}body"
        wrong |= {f"{prefix}{field}": error for field, error in _unfit_discount(step).items()}
        if not step.body.strip():
            if step.on or name == "body":
                wrong[name] = BadInput("empty_text", pointer=f"/{name}")
            continue
        try:
            said = compile_template(step.body).variables
            if step.discount is not None and "code" not in said:
                wrong[name] = BadInput("discount_unsaid", pointer=f"/{name}")
        except BadInput as error:
            wrong[name] = error
    if not LEAST_WAIT <= wanted.first.wait <= MOST_WAIT:
        wrong["wait"] = BadInput("recipe_wait", pointer="/wait", least=LEAST_WAIT, most=MOST_WAIT // 60)
    if wanted.second.on and not wanted.first.wait < wanted.second.wait <= MOST_SECOND_WAIT:
        wrong["second_wait"] = BadInput("recipe_second_wait", pointer="/second_wait")
    if not 0 <= wanted.control <= MOST_CONTROL:
        wrong["control"] = BadInput("recipe_control", pointer="/control", most=MOST_CONTROL)
    return wrong


def unpromised(wanted: Recipe) -> dict[str, BadInput]:
    """As `checked`, for a shop whose carts bring no codes themselves: texts that say a code that nobody would have."""
    return {
        name: BadInput("discount_unpromised", pointer=f"/{name}")
        for name, step in (("body", wanted.first), ("second_body", wanted.second))
        if step.discount is None and _NEEDS_CODE.search(step.body)
    }


def _unfit_discount(step: Step) -> dict[str, BadInput]:
    wrong: dict[str, BadInput] = {}
    said = step.discount
    if said is None or said == step.kept:
        return wrong
    if said.percent is None or not LEAST_PERCENT <= said.percent <= MOST_PERCENT:
        wrong["percent"] = BadInput("recipe_percent", pointer="/percent", least=LEAST_PERCENT, most=MOST_PERCENT)
    if not 1 <= said.days <= MOST_CODE_DAYS:
        wrong["code_days"] = BadInput("discount_days", pointer="/code_days", most=MOST_CODE_DAYS)
    return wrong


def difference(tx: Transaction, row: installations.Row, wanted: Recipe, now: datetime) -> Difference:
    """What the outbox would become with this recipe. The control group is as it is now."""
    place = row.installation.id
    texts = rules.texts(tx)
    known = {one["id"]: one for one in rules.rows(tx, installation=place)}
    rows = [{**known.get(name, _NEW), **values, "id": name} for name, values in _rows(wanted, place, "fr", known)]
    own = [one for one in rules.active(tx, place) if one.id not in {row["id"] for row in rows}]
    proposed = [rules.rule(one, texts) for one in rows if one["active"]]
    return scheduling.difference(
        tx, now, {place: [*own, *proposed]}, scheduling.live_installations(tx), installation=place
    )


def save(tx: Transaction, row: installations.Row, wanted: Recipe, now: datetime, who: str) -> None:
    """Makes the rules as the recipe says, and plans again. Raises the first of what `checked` finds."""
    for error in checked(wanted).values():
        raise error
    # Whoever plans touches the connection last.
    tx.alone(f"plan:{tx.owned}")
    place = row.installation.id
    language = row.installation.language if row.installation.language in NAMES else "en"
    known = {one["id"]: one for one in rules.rows(tx, installation=place)}
    for name, values in _rows(wanted, place, language, known):
        if name in known:
            # A name that says the delay ("after 1 hour") would be wrong after another one was chosen.
            same = parse_when(known[name]["when"]) == parse_when(values["when"])
            kept = {key: value for key, value in values.items() if key != "name" or not same}
            if any(known[name][key] != value for key, value in kept.items()):
                rules.change(tx, name, kept)
        elif values["active"]:
            rules.add(tx, values, now)
    installations.change(tx, place, control_group=wanted.control)
    house.note(tx, who, "recipe_changed", place, {"on": wanted.on, "second": wanted.second.on}, now)
    scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=place)


_NEW: Mapping[str, Any] = {
    "name": "", "template": None, "channels": ["sms"], "sender": None, "asks": False, "only": {}, "budgets": None,
    "content": None,
}  # fmt: skip


def _rows(
    wanted: Recipe, place: str, language: str, known: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    """(rule's id, or a name for one that is not there yet; what it becomes)."""
    least = wanted.least.as_json() if wanted.least is not None and wanted.least.amount > 0 else None
    found = []
    for index, step in enumerate((wanted.first, wanted.second)):
        delay, before = timedelta(minutes=step.wait), known.get(step.rule or "", {})
        said = {
            **(before.get("conditions") or {}), "at_least": least, "once_per_person": ONE_CART,
            "discount": step.discount.as_json() if step.discount is not None else None,
        }  # fmt: skip
        found.append((step.rule or f"rul_new{index}", {
            "installation": place, "name": NAMES[language][index], "on": "cart", "class": "marketing",
            "when": {"after": _span(delay)}, "until": {"after": _span(delay + USEFUL)}, "late": "send",
            "body": step.body.strip(), "template": None, "active": step.on and (index == 0 or wanted.first.on),
            # The share is the connection's, one for all its rules: it stands on no rule of its own.
            "conditions": conditions({**said, "control_group": None}) or None,
        }))  # fmt: skip
    return found


def _words(row: Mapping[str, Any], texts: Mapping[str, Mapping[str, str]], language: str) -> str:
    if row["body"] or not row["template"]:
        return row["body"] or ""
    bodies = texts.get(row["template"], {})
    return bodies.get(language) or next(iter(bodies.values()), "")


def _discounts(row: Mapping[str, Any]) -> tuple[Discount | None, Discount | None]:
    """The rule's discount, and the same again if a recipe cannot say it."""
    said = (row["conditions"] or {}).get("discount")
    if not said:
        return None, None
    found = Discount.read(said)
    step = Step(0, "", False, discount=found)
    return found, found if _unfit_discount(step) else None


def _of_carts(tx: Transaction, place: str) -> list[Mapping[str, Any]]:
    """The connection's own rules about carts that speak after a delay, the soonest first."""
    own = [
        one for one in rules.rows(tx, installation=place)
        if one["installation"] == place and one["on"] == Kind.CART and isinstance(parse_when(one["when"]), After)
    ]  # fmt: skip
    return sorted(own, key=lambda one: (_minutes(one), one["id"]))


def _minutes(row: Mapping[str, Any]) -> int:
    when = parse_when(row["when"])
    assert isinstance(when, After)
    return when.span.days * 24 * 60 + int(when.span.elapsed.total_seconds()) // 60


def _span(delay: timedelta) -> str:
    return f"PT{int(delay.total_seconds()) // 60}M"


# ---------------------------------------------------------------------------------------------- one for each status


def statuses_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The order statuses that a rule speaks of; empty for all."""
    return tuple(row["only"].get("status", ()))


def of_kinds(tx: Transaction, place: str, kinds: Sequence[Kind]) -> list[Mapping[str, Any]]:
    """The connection's own rules about occasions of these kinds."""
    wanted = {str(kind) for kind in kinds}
    return [one for one in rules.rows(tx, installation=place) if one["installation"] == place and one["on"] in wanted]


def switch(
    tx: Transaction, place: str, kinds: Sequence[Kind], on: set[str], bodies: Mapping[str, str], now: datetime, who: str
) -> dict[str, BadInput]:
    """Rules of these kinds: those in `on` speak, the others are silent; `bodies` are their texts. Rule → what is wrong
    with its text: then nothing is changed."""
    known = of_kinds(tx, place, kinds)
    if wrong := unfit(known, bodies):
        return wrong
    changed = []
    for row in known:
        values = _switched(row, on, bodies)
        if any(row[name] != value for name, value in values.items()):
            rules.change(tx, row["id"], values)
            changed.append(row["id"])
    if changed:
        house.note(tx, who, "recipe_changed", place, {"rules": len(changed)}, now)
        scheduling.replan_open(tx, now, scheduling.live_installations(tx), installation=place)
    return {}


def switch_difference(
    tx: Transaction, place: str, kinds: Sequence[Kind], on: set[str], bodies: Mapping[str, str], now: datetime
) -> Difference:
    """What `switch` would make of the outbox."""
    texts = rules.texts(tx)
    rows = [{**row, **_switched(row, on, bodies)} for row in of_kinds(tx, place, kinds)]
    ids = {row["id"] for row in rows}
    own = [one for one in rules.active(tx, place) if one.id not in ids]
    own += [rules.rule(row, texts) for row in rows if row["active"]]
    return scheduling.difference(tx, now, {place: own}, scheduling.live_installations(tx), installation=place)


def _switched(row: Mapping[str, Any], on: set[str], bodies: Mapping[str, str]) -> dict[str, Any]:
    body = bodies.get(row["id"], row["body"])
    return {"active": row["id"] in on, **({"body": body.strip()} if body else {})}


def unfit(known: Sequence[Mapping[str, Any]], bodies: Mapping[str, str]) -> dict[str, BadInput]:
    """Rule → what is wrong with the text that it is to have."""
    wrong: dict[str, BadInput] = {}
    for row in known:
        try:
            if row["id"] in bodies:
                if not bodies[row["id"]].strip():
                    raise BadInput("empty_text", pointer=f"/{row['id']}")
                compile_template(bodies[row["id"]])
        except BadInput as error:
            wrong[row["id"]] = error
    return wrong


def tell_status(tx: Transaction, place: str, status: str, name: str, body: str, now: datetime, who: str) -> str:
    """A message of its own for one more order status, switched off until somebody has read it. Raises `BadInput`."""
    if any(status in statuses_of(one) for one in of_kinds(tx, place, [Kind.ORDER])):
        raise BadInput("recipe_status_known", pointer="/status", status=status)
    compile_template(body)
    rule_id = rules.add(tx, {
        "installation": place, "name": name, "on": "order", "class": "transactional", "when": {"after": "PT0S"},
        "late": "send", "body": body, "only": {"status": [status]}, "active": False,
    }, now)  # fmt: skip
    house.note(tx, who, "rule_added", rule_id, {"version": 1}, now)
    return rule_id

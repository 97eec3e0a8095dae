"""`relance caps`: limits in messages or money, how full they are, and what becomes of what they hold."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from core.cli.desk import Country, Desk, command
from core.domain.errors import BadInput
from core.domain.messages import MessageClass
from core.domain.policy.caps import Measure, Period
from core.domain.text.price import Money
from core.engine import capping
from core.engine.shown import moment

WHO = "relance caps"
MILLION = 1_000_000


@click.group("caps")
def caps_command() -> None:
    """Limits in messages or money. What goes over one is held, not lost."""


@command("list", group=caps_command)
def list_caps(desk: Desk) -> None:
    """Every cap, how full it is, and how many messages wait for it."""
    now = desk.suite.now()
    with desk.suite.database.read(desk.workspace) as tx:
        found = capping.filled(tx, now)
    answer = {"data": [_as_json(one) for one in found]}

    def said() -> None:
        desk.table(
            ["id", desk.say("plafond", "cap"), desk.say("pour", "for"), desk.say("utilisé", "used"),
             desk.say("retenus", "held"), desk.say("jusqu'au", "until")],
            [(one.cap.id, f"{_size(desk, one, one.cap.most)} / {one.cap.period}", _about(one),
              _size(desk, one, one.used), one.held, desk.local(one.ends)) for one in found])

    desk.show(answer, said)


@command("set", group=caps_command, writes=True)
@click.argument("most", metavar="MOST")
@click.option("--per", type=click.Choice([str(one) for one in capping.PERIODS]), default="day", show_default=True)
@click.option("--currency", metavar="CUR", default=None, help="EUR, CHF, …: MOST is money. Without it, messages.")
@click.option("--rule", metavar="ID", default=None, help="Only what this rule sends.")
@click.option("--country", type=Country(), default=None, help="Only to this country.")
@click.option("--class", "classes", type=click.Choice([str(one) for one in MessageClass]), multiple=True)
@click.option("--id", "cap_id", metavar="ID", default=None, help="Changes the limit of this cap instead.")
def set_cap(
    desk: Desk, most: str, per: str, currency: str | None, rule: str | None, country: str | None,
    classes: tuple[str, ...], cap_id: str | None,
) -> None:
    """Add a cap, or change one: `relance caps set 20 --currency EUR --per day`."""
    if cap_id is not None:
        limit = _limit(most, _known(desk, cap_id).cap.measure is Measure.MONEY)
        if not desk.dry_run:
            capping.change(desk.suite, desk.workspace, cap_id, limit, who=WHO)
    else:
        limit = _limit(most, currency is not None)
        if not desk.dry_run:
            cap_id = capping.add(
                desk.suite, desk.workspace, measure=Measure.MONEY if currency else Measure.MESSAGES, most=limit,
                period=Period(per), rule=rule, country=country, classes=frozenset(MessageClass(one) for one in classes),
                currency=(currency or "").upper(), who=WHO)
    desk.show({"id": cap_id, "most": limit, "dry_run": desk.dry_run}, cap_id or desk.say("(essai)", "(dry run)"))


@command("raise", group=caps_command, writes=True)
@click.argument("cap_id", metavar="ID")
@click.argument("most", metavar="MOST")
def raise_cap(desk: Desk, cap_id: str, most: str) -> None:
    """Another limit for today; tomorrow it is as before."""
    limit = _limit(most, _known(desk, cap_id).cap.measure is Measure.MONEY)
    if not desk.dry_run:
        capping.raise_today(desk.suite, desk.workspace, cap_id, limit, who=WHO)
    desk.show({"id": cap_id, "most": limit, "dry_run": desk.dry_run},
              desk.say("Relevé pour aujourd'hui.", "Raised for today."))


@command("release", group=caps_command, writes=True)
@click.argument("cap_id", metavar="ID")
def release(desk: Desk, cap_id: str) -> None:
    """Let go what the cap holds, and nothing more."""
    held = _known(desk, cap_id).held
    if not desk.dry_run:
        capping.let_go(desk.suite, desk.workspace, cap_id, who=WHO)
    desk.show({"id": cap_id, "released": held, "dry_run": desk.dry_run},
              desk.say(f"{held} messages partent.", f"{held} messages leave."))


@command("refuse", group=caps_command, writes=True)
@click.argument("cap_id", metavar="ID")
def refuse(desk: Desk, cap_id: str) -> None:
    """Call off what the cap holds."""
    held = _known(desk, cap_id).held
    if not desk.dry_run:
        held = capping.refuse(desk.suite, desk.workspace, cap_id, who=WHO)
    desk.show({"id": cap_id, "cancelled": held, "dry_run": desk.dry_run},
              desk.say(f"{held} messages annulés.", f"{held} messages called off."))


@command("remove", group=caps_command, writes=True)
@click.argument("cap_id", metavar="ID")
def remove(desk: Desk, cap_id: str) -> None:
    """Remove a cap; what it holds leaves."""
    _known(desk, cap_id)
    if not desk.dry_run:
        capping.remove(desk.suite, desk.workspace, cap_id, who=WHO)
    desk.show({"id": cap_id, "dry_run": desk.dry_run}, desk.say("Supprimé.", "Removed."))


def _known(desk: Desk, cap_id: str) -> capping.Filled:
    with desk.suite.database.read(desk.workspace) as tx:
        found = next((one for one in capping.filled(tx, desk.suite.now()) if one.cap.id == cap_id), None)
    if found is None:
        raise BadInput("cap_unknown", text=cap_id[:40])
    return found


def _limit(text: str, money: bool) -> int:
    """What was written, in messages or micro-units. Raises `BadInput`."""
    try:
        found = Decimal(text.replace(",", ".")) * (MILLION if money else 1)
        if not found.is_finite() or found != found.to_integral_value() or not 0 < found <= capping.LARGEST:
            raise BadInput("cap_bad_most")
    except InvalidOperation as error:
        raise BadInput("cap_bad_most") from error
    return int(found)


def _size(desk: Desk, one: capping.Filled, value: int) -> str:
    return Money(value, one.cap.currency).shown(desk.language) if one.cap.measure is Measure.MONEY else str(value)


def _about(one: capping.Filled) -> str:
    return " ".join(filter(None, (one.cap.rule, one.cap.country, *sorted(one.cap.classes)))) or "*"


def _as_json(one: capping.Filled) -> dict[str, Any]:
    return {
        "id": one.cap.id, "measure": one.cap.measure, "most": one.cap.most, "usual": one.usual,
        "currency": one.cap.currency or None, "per": str(one.cap.period), "rule": one.cap.rule,
        "country": one.cap.country, "classes": sorted(one.cap.classes), "used": one.used, "held": one.held,
        "ends_at": moment(one.ends),
    }

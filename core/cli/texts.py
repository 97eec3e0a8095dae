"""`relance cost` and `relance hours`: what a text costs, and whether a message may leave at a moment. No database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import phonenumbers
from phonenumbers import timezone as number_zones

from core.cli.desk import Country, Desk, WallTime, Zone, command, instant, rfc3339
from core.domain.messages import Channel, MessageClass
from core.domain.policy import hours
from core.domain.policy.countries import rules_for
from core.domain.policy.holidays import calendar
from core.domain.text.price import price
from core.domain.text.segments import guilty, measure


@command("cost", home=False)
@click.argument("text")
@click.option("--country", type=Country(), default="FR", show_default=True)
@click.option("--channel", type=click.Choice([str(one) for one in Channel]), default="sms", show_default=True)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="How many people get it.")
def cost_command(desk: Desk, text: str, country: str, channel: str, count: int) -> None:
    """Say into how many parts a text is cut, what makes it dear, and what it costs."""
    size = measure(text)
    each = price(size.segments, country, Channel(channel), datetime.now(UTC).date())
    total = price(size.segments * count, country, Channel(channel), datetime.now(UTC).date())
    dear = guilty(text)
    answer = {
        "encoding": size.encoding, "units": size.units, "segments": size.segments, "country": country, "count": count,
        "price": each.as_json() if each else None, "total": total.as_json() if total else None,
        "guilty": [asdict(one) for one in dear],
    }

    def said() -> None:
        cost = total.shown(desk.language) if total else desk.say("prix inconnu", "unknown price")
        click.echo(f"{size.segments * count} SMS, {size.encoding}, {size.units} "
                   + desk.say(f"caractères : {cost}", f"characters: {cost}"))
        for one in dear:
            instead = desk.say("retirez-le", "leave it out") if one.replacement == "" else one.replacement or "–"
            click.echo(desk.say(f"  « {one.character} » rend le message plus cher. À la place : {instead}",
                                f"  “{one.character}” makes the message dearer. Instead: {instead}"))

    desk.show(answer, said)


@click.group("hours")
def hours_command() -> None:
    """When messages may leave."""


@command("check", home=False, group=hours_command)
@click.argument("at", type=WallTime())
@click.option("--country", type=Country(), default="FR", show_default=True)
@click.option("--class", "message_class", type=click.Choice([str(one) for one in MessageClass]), required=True)
@click.option("--channel", type=click.Choice([str(one) for one in Channel]), default="sms", show_default=True)
@click.option("--zone", type=Zone(), default=None, help="Where the recipient is. Default: the country's own.")
@click.option("--part", default=None, metavar="CODE", help="Department or state whose holidays count, such as 67.")
@click.option("--widened", is_flag=True, help="With the wider window that a workspace may choose.")
def check(
    desk: Desk, at: datetime, country: str, message_class: str, channel: str, zone: str | None, part: str | None,
    widened: bool,
) -> None:
    """Say whether a message may leave at a moment of the recipient's clock, who says so, and when else."""
    zones = [ZoneInfo(zone)] if zone else _zones(country)
    there = instant(at, zones[0])
    rules = rules_for(country, Channel(channel), MessageClass(message_class), there.astimezone(zones[0]).date(),
                      widened=widened)
    holidays = calendar(country, part)
    settled = hours.settle(there, None, there, rules, zones, holidays)
    may = isinstance(settled, hours.Settled) and not settled.moved
    following = settled.at if isinstance(settled, hours.Settled) else None
    reason = settled.reason
    answer: dict[str, Any] = {
        "at": rfc3339(there), "local": there.astimezone(zones[0]).isoformat(), "zones": [one.key for one in zones],
        "country": country, "class": message_class, "open": may,
        "next": following.astimezone(zones[0]).isoformat() if following else None,
        "reason": reason.as_json(desk.language) if reason else None,
        "holiday": holidays.is_holiday(there.astimezone(zones[0]).date()),
        "rules": [{"id": rule.id, "level": rule.level, "source": rule.source} for rule in rules],
    }

    def said() -> None:
        if may:
            click.echo(desk.say("Oui, un message peut partir.", "Yes, a message may leave."))
        else:
            click.echo(reason.sentence(desk.language) if reason else desk.say("Non.", "No."))
        for rule in rules:
            click.echo(f"  {rule.id} ({rule.level}) {rule.source}")

    desk.show(answer, said)


def _zones(country: str) -> list[ZoneInfo]:
    """Where people with a number of that country may be; mainland France for FR."""
    if country == "FR":
        return [ZoneInfo("Europe/Paris")]
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    found = number_zones.time_zones_for_number(example) if example else ()
    known = [ZoneInfo(name) for name in found if name != "Etc/Unknown"]
    return known or [ZoneInfo("UTC")]

"""`relance demo`: a clinic with a fortnight of appointments, or a shop with one of carts, its phones simulated."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

import click

from core.cli import demo_house, demo_shop
from core.cli.desk import Desk, Refusal, command, console_address
from core.cli.plan import calendar_reader
from core.domain.errors import Conflict
from core.engine import installing, pulling, scheduling, switching
from core.storage import installations, outbox, rules
from core.suite import Suite

WHO = demo_house.WHO
SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Loaded:
    """What there is to look at, and how to sign in."""

    workspace: str
    installation: str
    appointments: int
    messages: int
    email: str
    password: str


@command("demo", home=False, writes=True)
@click.argument("what", type=click.Choice(["clinic", "shop"]), default="clinic")
def demo_command(desk: Desk, what: str) -> None:
    """Load the sample clinic or shop, each in a workspace of its own. Again, the clinic begins a new fortnight from
    today, and the shop lives on until now. Only in demo and test mode."""
    if desk.settings.mode not in ("demo", "test"):
        raise Refusal(desk.say("Seulement en mode démo : RELANCE_MODE=demo.", "Only in demo mode: RELANCE_MODE=demo."))
    if what == "shop":
        _shop(desk)
        return
    given = tomllib.loads(files("core.cli").joinpath("demo_calendar.toml").read_text(encoding="utf-8"))
    if desk.dry_run:
        count = len(given["appointment"])
        desk.show({"workspace": given["workspace"]["name"], "appointments": count, "dry_run": True},
                  desk.say(f"{count} rendez-vous seraient chargés.", f"{count} appointments would be loaded."))
        return
    done = load(desk.suite, given)

    def said() -> None:
        click.echo(desk.say(f"{done.appointments} rendez-vous, {done.messages} messages prévus.",
                            f"{done.appointments} appointments, {done.messages} messages planned."))
        click.echo(f"{console_address(desk.settings)}  {done.email}  {done.password}")
        click.echo(desk.say("Ensuite : `relance clock +2d`, et les rappels partent.",
                            "Then: `relance clock +2d`, and the reminders leave."))

    desk.show({"workspace": done.workspace, "installation": done.installation, "appointments": done.appointments,
               "messages": done.messages, "email": done.email, "password": done.password, "dry_run": False}, said)


def _shop(desk: Desk) -> None:
    if desk.dry_run:
        desk.show({"workspace": demo_shop.NAME, "dry_run": True},
                  desk.say("Deux semaines de paniers seraient jouées.", "A fortnight of carts would be played."))
        return
    done = demo_shop.load(desk.suite)

    def said() -> None:
        click.echo(desk.say(f"{done.carts} paniers, {done.orders} commandes, {done.messages} messages partis.",
                            f"{done.carts} carts, {done.orders} orders, {done.messages} messages sent."))
        click.echo(f"{console_address(desk.settings)}/shops/{done.installation}  {done.email}  {done.password}")

    desk.show({"workspace": done.workspace, "installation": done.installation, "carts": done.carts,
               "orders": done.orders, "messages": done.messages, "email": done.email, "password": done.password,
               "dry_run": False}, said)


def load(suite: Suite, given: Mapping[str, Any]) -> Loaded:
    """Makes the clinic, or gives the one that is there a new fortnight and a new password."""
    place, now = given["workspace"], suite.now()
    ics = calendar(given, now.astimezone(UTC).date())
    workspace = demo_house.workspace(suite, place["name"], {
        "zone": place["zone"], "country": place["country"], "own_numbers": place["own_numbers"]})
    password = demo_house.person(suite, workspace, place["user"])
    installation = _connected(suite, workspace, place, ics)
    outcome = pulling.pull_now(suite, workspace, installation)
    if outcome.trouble is not None:
        raise Conflict(outcome.trouble.code, **outcome.trouble.values)
    with suite.database.write(workspace) as tx:
        for rule in rules.rows(tx, installation=installation):
            if rule["preset"] in place["presets"] and not rule["active"]:
                rules.change(tx, rule["id"], {"active": True})
    switching.go_live(suite, workspace, installation, who=WHO)
    with suite.database.write(workspace) as tx:
        scheduling.replan_open(tx, suite.now(), scheduling.live_installations(tx), installation=installation)
        messages = len(outbox.listed(tx, outbox.Filter(state=("scheduled",), installation=installation), limit=10_000))
    return Loaded(workspace, installation, ics.count("BEGIN:VEVENT"), messages, place["user"], password)


def calendar(given: Mapping[str, Any], today: date) -> str:
    """The clinic's calendar as an .ics file whose fortnight begins after `today`. Pure."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Relance//demo//FR",
             f"X-WR-CALNAME:{given['workspace']['calendar']}", f"X-WR-TIMEZONE:{given['workspace']['zone']}"]
    for number, one in enumerate(given["appointment"], 1):
        lines += _visits(one, f"demo-{number}@clinique.example", today, given["workspace"]["zone"])
    return "\r\n".join([*(piece for line in lines for piece in _folded(line)), "END:VCALENDAR", ""])


def _visits(one: Mapping[str, Any], uid: str, today: date, zone: str) -> list[str]:
    day = today + timedelta(days=one["day"])
    day += timedelta(days=1 if day.weekday() == SUNDAY else 0)
    if one.get("all_day"):
        ends = day + timedelta(days=1)
        return _visit(one, uid, f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{ends:%Y%m%d}")
    starts = datetime.combine(day, time.fromisoformat(one["at"]))
    if "weeks" not in one:
        return _visit(one, uid, *_times(starts, zone))
    series = _visit(one, uid, *_times(starts, zone), f"RRULE:FREQ=WEEKLY;COUNT={one['weeks']}")
    moved = one["moved"]
    original = starts + timedelta(weeks=moved["week"])
    there = datetime.combine(original.date() + timedelta(days=moved["days"]), time.fromisoformat(moved["at"]))
    return series + _visit(one, uid, f"RECURRENCE-ID;TZID={zone}:{original:%Y%m%dT%H%M%S}", *_times(there, zone))


def _times(starts: datetime, zone: str) -> tuple[str, str]:
    ends = starts + timedelta(minutes=30)
    return f"DTSTART;TZID={zone}:{starts:%Y%m%dT%H%M%S}", f"DTEND;TZID={zone}:{ends:%Y%m%dT%H%M%S}"


def _visit(one: Mapping[str, Any], uid: str, *lines: str) -> list[str]:
    return ["BEGIN:VEVENT", f"UID:{uid}", *lines,
            *(f"{name}:{_escaped(one[field])}" for name, field in
              (("SUMMARY", "title"), ("DESCRIPTION", "description"), ("LOCATION", "location")) if field in one),
            "END:VEVENT"]


def _escaped(text: str) -> str:
    text = text.strip().replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Lines of at most 75 octets, never cut inside a character (RFC 5545, 3.1)."""
    room, piece = 75, ""
    for character in line:
        if len((piece + character).encode()) > room:
            yield piece
            piece = " "
        piece += character
    yield piece


# ---------------------------------------------------------------------------------------------- in the house


def _connected(suite: Suite, workspace: str, place: Mapping[str, Any], ics: str) -> str:
    adapter, configured = calendar_reader(suite.adapters, ics, place["zone"], place["country"])
    slug = adapter.manifest.slug
    with suite.database.write(workspace) as tx:
        for row in installations.listed(tx, suite.vault, suite.public_url):
            if row.installation.adapter == slug and row.installation.name == place["calendar"]:
                installations.keep_secrets(tx, suite.vault, row.installation.id, configured.secrets, cursor=None)
                return row.installation.id
    given = {"ics": ics, "zone": place["zone"], "country": place["country"]}
    return installing.add(suite, workspace, slug, place["calendar"], given, who=WHO)

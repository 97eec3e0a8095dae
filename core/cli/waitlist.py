"""`relance waitlist`: who waits for an earlier time, which times are free, and offering one by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.cli.desk import Desk, Moment, Refusal, command
from core.domain.errors import NotFound
from core.domain.policy.week import DAYS
from core.domain.recipients import Recipient
from core.domain.waitlist import EntryState, Person, SlotState, read_wishes
from core.engine.waitlist import freeing, joining, offering, shown
from core.engine.waitlist.choosing import choose
from core.storage import installations, waitlist
from core.storage.database import Transaction

WHO = "relance"


class _Undone(Exception):
    """Ends the transaction of a dry run."""


@click.group("waitlist")
def waitlist_command() -> None:
    """People who wait for a free time, and the times that became free."""


@command("list", group=waitlist_command)
@click.option("--state", type=click.Choice([str(one) for one in EntryState]), default=str(EntryState.WAITING))
def list_entries(desk: Desk, state: str) -> None:
    """List the people, in the order in which they are asked."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = waitlist.entries(tx, state=EntryState(state))
    desk.show({"data": [shown.entry(row, desk.language) for row in rows]}, lambda: desk.table(
        ["id", desk.say("numéro", "number"), desk.say("nom", "name"), desk.say("souhaits", "wishes")],
        [(row["id"], row["number"], row["name"], ", ".join(f"{name} {value}" for name, value in row["wishes"].items()))
         for row in rows]))  # fmt: skip


@command("add", group=waitlist_command, writes=True)
@click.argument("number")
@click.option("--proof", required=True, help="How the person agreed to be written to.")
@click.option("--name", default=None)
@click.option("--installation", default=None, metavar="ID", help="For this calendar's times alone.")
@click.option("--kind", default=None, help="Words that the title of the slot has to hold.")
@click.option("--earliest", default=None, metavar="DAY")
@click.option("--latest", default=None, metavar="DAY")
@click.option("--day", "days", type=click.Choice(DAYS), multiple=True, help="A weekday; may be given several times.")
@click.option("--after", default=None, metavar="TIME", help="The slot begins not before (09:00).")
@click.option("--until", default=None, metavar="TIME", help="The slot begins before (12:00).")
@click.option("--moves", default=None, metavar="OCCASION", help="The appointment that they would give up.")
def add(
    desk: Desk, number: str, proof: str, name: str | None, installation: str | None, kind: str | None,
    moves: str | None, days: tuple[str, ...], **when: str | None,
) -> None:  # fmt: skip
    """Put somebody on the list, who agreed."""
    person = Person(name, installation, kind, read_wishes({**when, "weekdays": list(days)}), moves, None,
                    {"source": "command line", "text": proof})  # fmt: skip
    whom = Recipient.parse(number, desk.place["country"])

    def work(tx: Transaction) -> dict[str, Any]:
        now = desk.suite.now()
        entry_id = joining.add(tx, whom, person, now, WHO, now)
        row = waitlist.entry(tx, entry_id)
        return shown.entry(row, desk.language) if row else {}

    found = _done(desk, work)
    desk.show(found, f"{found['id']}  {found['to']}  {found['name'] or ''}".rstrip())


@command("remove", group=waitlist_command, writes=True)
@click.argument("entry_id", metavar="ID")
def remove(desk: Desk, entry_id: str) -> None:
    """Take somebody off the list."""

    def work(tx: Transaction) -> dict[str, Any]:
        joining.remove(tx, entry_id, WHO, desk.suite.now())
        return {"id": entry_id, "state": str(EntryState.LEFT)}

    _said(desk, _done(desk, work), desk.say("retirée de la liste", "off the list"))


@command("import", group=waitlist_command, writes=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--proof", required=True, help="How these people agreed to be written to.")
@click.option("--installation", default=None, metavar="ID")
def bring(desk: Desk, file: Path, proof: str, installation: str | None) -> None:
    """Put the people of a spreadsheet on the list, in its order."""
    lines = joining.read(file.read_bytes(), desk.place["country"], proof)

    def work(tx: Transaction) -> dict[str, Any]:
        count = joining.write(tx, lines, installation, WHO, desk.suite.now())
        refused = [{"line": one.line, "given": one.given, "reason": one.reason.as_json(desk.language)}
                   for one in lines if one.reason]  # fmt: skip
        return {"added": count, "refused": refused}

    found = _done(desk, work)

    def human() -> None:
        click.echo(desk.say(f"{found['added']} ajoutées", f"{found['added']} added"))
        for one in found["refused"]:
            click.echo(f"  {one['line']}: {one['given']} {one['reason']['detail']}")

    desk.show(found, human)


@command("slots", group=waitlist_command)
@click.option("--state", type=click.Choice([str(one) for one in SlotState]), default=None)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
def slots(desk: Desk, state: str | None, limit: int) -> None:
    """List the times that became free, newest first."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = waitlist.slots(tx, states=(SlotState(state),) if state else (), limit=limit)
        found = [shown.slot(tx, row, desk.language) for row in rows]
    desk.show({"data": found}, lambda: desk.table(
        ["id", desk.say("état", "state"), desk.say("début", "start"), desk.say("pris par", "taken by")],
        [(one["id"], one["state"], desk.local(row["start"]), one["taken_by"] and one["taken_by"]["to"])
         for one, row in zip(found, rows, strict=True)]))  # fmt: skip


@command("show", group=waitlist_command)
@click.argument("slot_id", metavar="SLOT")
def show(desk: Desk, slot_id: str) -> None:
    """A free time: who was asked, who was not, and why; and who comes next."""
    with desk.suite.database.read(desk.workspace) as tx:
        found = _story(desk, tx, slot_id)

    def human() -> None:
        click.echo(f"{found['id']}  {found['state']}  {found['start']}")
        desk.table([desk.say("quand", "when"), desk.say("quoi", "what"), desk.say("qui", "who"),
                    desk.say("pourquoi", "why")],
                   [(one["at"], one["what"], one["to"], one["reason"] and one["reason"]["detail"])
                    for one in found["steps"]])  # fmt: skip
        if found["coming"]:
            click.echo(desk.say("Ensuite : ", "Then: ") + ", ".join(one["to"] for one in found["coming"]))

    desk.show(found, human)


@command("offer", group=waitlist_command, writes=True)
@click.option("--occasion", default=None, metavar="ID", help="An appointment whose time is free.")
@click.option("--installation", default=None, metavar="ID", help="Or: the calendar in which …")
@click.option("--start", type=Moment(), default=None, help="… this time is free.")
@click.option("--end", type=Moment(), default=None)
@click.option("--title", default="")
def offer(desk: Desk, occasion: str | None, **given: Any) -> None:
    """Offer a time by hand."""
    if occasion is None and (given["installation"] is None or given["start"] is None):
        raise click.UsageError("give --occasion, or --installation and --start")

    def work(tx: Transaction) -> dict[str, Any]:
        now = desk.suite.now()
        slot_id = freeing.by_hand(tx, {"occasion": occasion, "zone": desk.place["zone"], **given}, WHO, now)
        offering.go_on(tx, slot_id, now)
        return _story(desk, tx, slot_id)

    found = _done(desk, work)
    asked = ", ".join(one["to"] for one in found["offers"])
    desk.show(found, f"{found['id']}  {found['state']}  {asked}".rstrip())


@command("withdraw", group=waitlist_command, writes=True)
@click.argument("slot_id", metavar="SLOT")
def withdraw(desk: Desk, slot_id: str) -> None:
    """Take a free time back: whoever holds it, or has it, is told."""

    def work(tx: Transaction) -> dict[str, Any]:
        freeing.withdraw(tx, slot_id, WHO, desk.suite.now())
        return _story(desk, tx, slot_id)

    _said(desk, _done(desk, work), desk.say("repris", "taken back"))


@command("terms", group=waitlist_command, writes=True)
@click.argument("installation", metavar="INSTALLATION")
@click.option("--on/--off", default=None, help="Whether free times of this calendar are offered.")
@click.option("--hold-minutes", type=int, default=None)
@click.option("--notice-minutes", type=int, default=None)
def terms(desk: Desk, installation: str, **given: Any) -> None:
    """Show or change how a calendar's free times are offered."""
    new = {name: value for name, value in given.items() if value is not None}

    def work(tx: Transaction) -> dict[str, Any]:
        if new:
            choose(tx, installation, new, WHO, desk.suite.now())
        elif not installations.is_there(tx, installation):
            raise NotFound("installation")
        found = waitlist.terms(tx, installation)
        return shown.terms(installation, found.as_json())

    found = _done(desk, work)
    desk.show(found, lambda: desk.table(["", ""], [(name, value) for name, value in found.items()]))


def _story(desk: Desk, tx: Transaction, slot_id: str) -> dict[str, Any]:
    row = waitlist.slot(tx, slot_id)
    if row is None:
        raise Refusal(desk.say(f"Aucun créneau « {slot_id} ».", f"No slot “{slot_id}”."))
    return shown.story(tx, row, desk.suite.now(), desk.language)


def _done(desk: Desk, work: Callable[[Transaction], dict[str, Any]]) -> dict[str, Any]:
    """What `work` answers; a dry run leaves no trace of it."""
    found: dict[str, Any] = {}
    try:
        with desk.suite.database.write(desk.workspace) as tx:
            found = {**work(tx), "dry_run": desk.dry_run}
            if desk.dry_run:
                raise _Undone
    except _Undone:
        return found
    desk.suite.wake()
    return found


def _said(desk: Desk, found: dict[str, Any], words: str) -> None:
    desk.show(found, f"{found['id']}  {words}")

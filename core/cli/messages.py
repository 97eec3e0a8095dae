"""`relance send` and `relance messages`: one message by hand, and what waits, left or ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from core.cli.desk import Country, Desk, Moment, Refusal, WallTime, Zone, command, instant
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text.price import Money
from core.engine import catching_up, explaining, restoring, sending, shown
from core.storage import house, ledger, outbox

WHO = "relance"


@command("send", writes=True)
@click.argument("to")
@click.argument("text")
@click.option("--class", "message_class", type=click.Choice([str(one) for one in MessageClass]),
              default="transactional", show_default=True)
@click.option("--at", type=WallTime(), default=None, metavar="TIME", help="2026-12-01T09:00; without it, at once.")
@click.option("--zone", type=Zone(), default=None, help="Of --at. Default: the workspace's.")
@click.option("--until", type=WallTime(), default=None, metavar="TIME", help="When it stops being useful.")
@click.option("--country", type=Country(), default=None, help="Of a national number. Default: the workspace's.")
@click.option("--channel", type=click.Choice([str(one) for one in Channel]), default="sms", show_default=True)
@click.option("--sender", default=None)
@click.option("--reference", default=None, help="Your own name for it.")
def send_command(
    desk: Desk, to: str, text: str, message_class: str, at: datetime | None, zone: str | None, until: datetime | None,
    country: str | None, channel: str, sender: str | None, reference: str | None,
) -> None:
    """Send a text to a number, now or later."""
    suite, there = desk.suite, ZoneInfo(zone) if zone else desk.zone
    wanted = sending.Wanted(
        Recipient.parse(to, country or desk.place["country"]), MessageClass(message_class), body=text,
        channels=(Channel(channel),), send_at=instant(at, there).astimezone(UTC) if at else None, zone=there.key,
        expires_at=instant(until, there).astimezone(UTC) if until else None, reference=reference, sender=sender,
        test=_is_test(desk))
    with suite.database.read(desk.workspace) as tx:
        (draft,) = sending.drafts(tx, [wanted], suite.now())
    if isinstance(draft, BadInput):
        raise draft
    if desk.dry_run:
        row = {
            **{one.name: getattr(draft, one.name) for one in fields(draft)},
            "class": draft.message_class, "channels": [str(one) for one in draft.channels],
            "checks": ledger.checks_row(draft.checks), "reason": ledger.reason_row(draft.reason), "id": None,
            "created_at": suite.now(), "left_at": None, "account": None, "provider_ref": None, "channel": None,
        }
    else:
        with suite.database.write(desk.workspace) as tx:
            (message_id,) = sending.accept(suite, tx, [draft])
            house.note(tx, WHO, "message_sent_by_hand", message_id, {}, suite.now())
            row = dict(outbox.get(tx, message_id) or {})
    refused = draft.state is not State.SCHEDULED
    found = shown.message(row, desk.language)
    desk.show(found, lambda: _said(desk, found))
    if refused:
        assert draft.reason is not None
        raise Refusal(draft.reason.sentence(desk.language))


@click.group("messages")
def messages_command() -> None:
    """What waits, what left, and what became of it."""


@command("list", group=messages_command)
@click.option("--state", "states", type=click.Choice([str(one) for one in State]), multiple=True)
@click.option("--to", default=None, metavar="NUMBER")
@click.option("--reference", default=None)
@click.option("--installation", default=None, metavar="ID")
@click.option("--since", type=Moment(), default=None, metavar="MOMENT", help="Due at or after it.")
@click.option("--until", type=Moment(), default=None, metavar="MOMENT", help="Due before it.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default=None, metavar="ID", help="The last one of the page before.")
def list_messages(
    desk: Desk, states: tuple[str, ...], to: str | None, reference: str | None, installation: str | None,
    since: datetime | None, until: datetime | None, limit: int, after: str | None,
) -> None:
    """List messages, newest first."""
    number = Recipient.parse(to, desk.place["country"]).number if to else None
    wanted = outbox.Filter(state=states, to=number, reference=reference, installation=installation, since=since,
                           until=until, after=after)
    with desk.suite.database.read(desk.workspace) as tx:
        rows = outbox.listed(tx, wanted, limit=limit + 1)
    page = rows[:limit]
    answer = {"data": [shown.message(row, desk.language) for row in page], "has_more": len(rows) > limit,
              "next": page[-1]["id"] if len(rows) > limit else None}

    def said() -> None:
        desk.table(["id", desk.say("état", "state"), desk.say("prévu", "due"), desk.say("à", "to"),
                    desk.say("texte", "text")],
                   [(row["id"], row["state"], desk.local(row["due_at"]), row["to"], shown.words(row))
                    for row in page])

    desk.show(answer, said)


@command("show", group=messages_command)
@click.argument("message_id", metavar="ID")
def show_message(desk: Desk, message_id: str) -> None:
    """One message and its whole history."""
    with desk.suite.database.read(desk.workspace) as tx:
        found = explaining.with_history(tx, message_id, desk.language)
    desk.show(found, lambda: tell(desk, found))


@command("cancel", group=messages_command, writes=True)
@click.argument("message_id", metavar="ID")
def cancel_message(desk: Desk, message_id: str) -> None:
    """Call off a message that waits."""
    suite = desk.suite
    with suite.database.read(desk.workspace) as tx:
        row = outbox.get(tx, message_id)
    if row is None:
        raise NotFound("message")
    if row["state"] not in ("scheduled", "held"):
        raise Conflict("too_late_to_change")
    if not desk.dry_run:
        with suite.database.write(desk.workspace) as tx:
            if not outbox.cancel(tx, message_id, Reason("cancelled_by_person"), suite.now()):
                raise Conflict("too_late_to_change")
            house.note(tx, WHO, "message_cancelled", message_id, {}, suite.now())
            row = outbox.get(tx, message_id) or row
    desk.show({**shown.message(row, desk.language), "dry_run": desk.dry_run},
              desk.say("Il serait annulé.", "It would be called off.") if desk.dry_run
              else desk.say("Annulé.", "Called off."))


@command("release", group=messages_command, writes=True)
@click.option("--held", type=click.Choice(["restore", "catch-up"]), required=True,
              help="What has held them: `restore` holds what was due since a backup was taken, `catch-up` what"
                   " was too late after a standstill.")
@click.option("--unchecked", is_flag=True, help="Also those of which no provider can tell whether they had left.")
def release(desk: Desk, held: str, unchecked: bool) -> None:
    """Let held messages go; after a restore, once the providers were asked which of them had left already."""
    if held == "catch-up":
        with desk.suite.database.read(desk.workspace) as tx:
            count = len(catching_up.waiting(tx, catching_up.MOST_AT_ONCE))
        if not desk.dry_run:
            count = catching_up.let_go(desk.suite, desk.workspace, None, who=WHO)
        desk.show({"released": count, "dry_run": desk.dry_run},
                  desk.say(f"{count} messages en retard partent.", f"{count} late messages leave."))
        return
    outcome = restoring.release(desk.suite, desk.workspace, unchecked=unchecked, dry_run=desk.dry_run)
    desk.show({**asdict(outcome), "dry_run": desk.dry_run}, desk.say(
        f"{outcome.found} étaient partis, {outcome.released} repartent, {outcome.unknown} attendent encore.",
        f"{outcome.found} had left, {outcome.released} are let go, {outcome.unknown} still wait."))


def tell(desk: Desk, found: Mapping[str, Any]) -> None:
    """A message and its story, for people."""
    _said(desk, found)
    lines = []
    for one in found.get("history", ()):
        detail = (one.get("reason") or {}).get("detail") or one.get("outcome") or one.get("status") or ""
        lines.append((desk.local(datetime.fromisoformat(one["at"])), one["what"], one.get("state") or "",
                      one.get("provider") or "", detail))
    desk.table([desk.say("moment", "moment"), desk.say("quoi", "what"), desk.say("état", "state"),
                desk.say("par", "by"), desk.say("raison", "reason")], lines)


def _said(desk: Desk, found: Mapping[str, Any]) -> None:
    price = found["estimate"]["price"]
    unknown = desk.say("prix inconnu", "unknown price")
    cost = Money(price["amount"], price["currency"]).shown(desk.language) if price else unknown
    due = desk.local(datetime.fromisoformat(found["due_at"]))
    click.echo(f"{found['id'] or desk.say('(essai)', '(dry run)')}  {found['state']}  {found['to']}  {due}  "
               f"{found['estimate']['segments']} SMS, {cost}")
    click.echo(f"  {found['text']}")
    for check in found["checks"]:
        if check["result"] != "passed":
            click.echo(f"  {check['check']}: {check.get('reason', check['result'])}")


def _is_test(desk: Desk) -> bool:
    """A workspace that was made for trying things out reaches no real phone."""
    with desk.suite.database.read() as tx:
        known = house.workspace(tx, desk.workspace)
    return bool(known and known["test"])

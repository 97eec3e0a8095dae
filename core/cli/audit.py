"""`relance audit`: who did what, and whether anybody has laid hands on the log."""

from __future__ import annotations

from datetime import datetime

import click

from core.cli.desk import Desk, Moment, Refusal, command
from core.engine.shown import moment
from core.storage import audit, house

_KINDS = {
    "changed": ("modifiée", "changed"),
    "inserted": ("ajoutée après coup", "slipped in"),
    "moved": ("déplacée", "moved"),
    "removed": ("retirée", "taken away"),
    "head": ("la fin n'est pas la nôtre", "the end is not ours"),
}


@click.group("audit")
def audit_command() -> None:
    """The audit log: who did what, and whether it is whole."""


@command("list", group=audit_command)
@click.option("--who", default=None, help="The id of a person or a key.")
@click.option("--what", multiple=True, help="What was done, for example key_created. May be repeated.")
@click.option("--since", type=Moment(), default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_lines(desk: Desk, who: str | None, what: tuple[str, ...], since: datetime | None, limit: int) -> None:
    """List the newest lines."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = audit.listed(tx, audit.Filter(who=who, what=what, since=since), limit=limit)
    answer = [
        {"id": row["id"], "at": moment(row["at"]), "who": row["who"], "what": row["what"], "on": row["on"],
         "detail": row["detail"], "number": row["seq"], "chain": row["chain"]}
        for row in rows
    ]

    def said() -> None:
        desk.table(["", desk.say("quand", "when"), desk.say("qui", "who"), desk.say("quoi", "what"),
                    desk.say("sur", "on")],
                   [(row["seq"], desk.local(row["at"]), row["who"], row["what"], row["on"]) for row in rows])

    desk.show({"data": answer}, said)


@command("verify", group=audit_command, home=False)
@click.option("--workspace", "wanted", metavar="ID|NAME", default=None, help="Only this one. Default: all of them.")
@click.option("--expect", metavar="HEAD", default=None,
              help="A head that was printed earlier and kept elsewhere: it must still be part of the log.")
def verify(desk: Desk, wanted: str | None, expect: str | None) -> None:
    """Read the log over: each line that was changed, taken away or slipped in is named. Exit status 1 for any."""
    with desk.suite.database.read() as tx:
        places = [one for one in house.workspaces(tx) if wanted in (None, one["id"], one["name"])]
    if not places:
        raise Refusal(desk.say(f"Aucun espace « {wanted} ».", f"No workspace “{wanted}”."))
    if expect and len(places) > 1:
        raise click.UsageError("--expect is of one workspace: name it with --workspace")
    answer = []
    for place in places:
        with desk.suite.database.read(place["id"]) as tx:
            try:
                verdict = audit.verify(tx, expect)
            except ValueError:
                raise click.BadParameter(f"'{expect}' is no head. Example: 12:0f3a…", param_hint="--expect") from None
        answer.append({
            "workspace": place["id"], "name": place["name"], "lines": verdict.lines, "head": verdict.head,
            "broken": [{"kind": one.kind, "number": one.seq, "id": one.id, "at": moment(one.at), "count": one.count}
                       for one in verdict.broken],
        })  # fmt: skip

    def said() -> None:
        for one in answer:
            state = desk.say("intact", "whole") if not one["broken"] else desk.say("MODIFIÉ", "TAMPERED WITH")
            click.echo(f"{one['name']}  {one['lines']}  {one['head']}  {state}")
            for wrong in one["broken"]:
                french, english = _KINDS[wrong["kind"]]
                click.echo(f"  {wrong['number'] or '–'}  {wrong['id'] or ''}  {desk.say(french, english)}")

    desk.show({"data": answer}, said)
    if any(one["broken"] for one in answer):
        raise Refusal(desk.say("Le journal a été modifié sans passer par Relance.",
                               "The log was changed behind Relance's back."))

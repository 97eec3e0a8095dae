"""`relance installations`: what is connected, and what would leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from core.cli.desk import Desk, command
from core.domain.errors import NotFound
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip
from core.domain.text.price import Money
from core.engine import reaching, replaying, scheduling, shown
from core.storage import installations, occasions, rules


@click.group("installations")
def installations_command() -> None:
    """Connected accounts of platforms."""


@command("list", group=installations_command)
def list_installations(desk: Desk) -> None:
    """List the connected accounts."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = installations.listed(tx, desk.suite.vault, desk.suite.public_url)

    def said() -> None:
        desk.table(["id", desk.say("nom", "name"), desk.say("plateforme", "platform"), "mode",
                    desk.say("état", "state"), desk.say("lu", "read")],
                   [(row.installation.id, row.installation.name, row.installation.adapter, row.mode, row.state,
                     desk.local(row.pulled_at)) for row in rows])

    desk.show({"data": [shown.installation(row, desk.language) for row in rows]}, said)


@command("show", group=installations_command)
@click.argument("installation_id", metavar="ID")
def show_installation(desk: Desk, installation_id: str) -> None:
    """One account, its rules, and what is wrong with it."""
    row = _row(desk, installation_id)
    with desk.suite.database.read(desk.workspace) as tx:
        own = rules.rows(tx, installation=installation_id)

    def said() -> None:
        one = row.installation
        click.echo(f"{one.id}  {one.name}  {one.adapter}  {row.mode}  {row.state}")
        for reason in (row.trouble, *row.problems):
            if reason is not None:
                click.echo(f"  {reason.sentence(desk.language)}")
        desk.table(["id", desk.say("règle", "rule"), desk.say("active", "active"), desk.say("texte", "text")],
                   [(rule["id"], rule["name"], desk.say("oui", "yes") if rule["active"] else desk.say("non", "no"),
                     rule["body"] or rule["template"]) for rule in own])

    desk.show({**shown.installation(row, desk.language), "rules": [shown.rule(rule) for rule in own]}, said)


@command("rehearse", group=installations_command)
@click.argument("installation_id", metavar="ID")
@click.option("--all-rules", is_flag=True, help="Also with the rules that are switched off.")
@click.option("--past", metavar="DAYS", type=click.IntRange(1, replaying.MOST_DAYS),
              help="Replay the carts of the last DAYS instead.")  # fmt: skip
def rehearse(desk: Desk, installation_id: str, all_rules: bool, past: int | None) -> None:
    """Say what would leave, what would not and why, with its price. Writes nothing."""
    suite = desk.suite
    _row(desk, installation_id)
    if past is not None:
        _replay(desk, installation_id, past)
        return
    answers: list[dict[str, Any]] = []
    with suite.database.read(desk.workspace) as tx:
        found = rules.rows(tx, installation=installation_id)
        names = {rule["id"]: rule["name"] for rule in found}
        chosen = rules.parsed([rule for rule in found if rule["active"] or all_rules], rules.texts(tx))
        after, rich = "", []
        while page := occasions.open_ones(tx, suite.now(), installation=installation_id, after=after):
            planned = scheduling.planned(tx, page, suite.now(), own_rules={installation_id: chosen})
            answers += [_answer(desk, one.occasion, said, names) for one in planned for said in one.answers]
            rich += [(said.recipient.number, said.channels) for one in planned for said in one.answers
                     if isinstance(said, Send)]
            after = page[-1].id
        reach = reaching.foreseen(tx, rich, suite.now())
    answers.sort(key=lambda one: str(one["due_at"] or one["occasion"]["start"] or ""))
    sends = [one for one in answers if one["answer"] == "send"]
    total = {"messages": len(sends), "segments": sum(one["segments"] for one in sends), "skipped":
             len(answers) - len(sends), "price": _price(sends), "rcs": reach and asdict(reach)}

    def said() -> None:
        desk.table([desk.say("prévu", "due"), desk.say("rendez-vous", "about"), desk.say("à", "to"), "SMS",
                    desk.say("texte, ou pourquoi rien ne part", "text, or why nothing leaves")],
                   [(desk.local(datetime.fromisoformat(one["due_at"])) if one["due_at"] else "–",
                     one["occasion"]["title"], one["to"], one["segments"],
                     one["text"] or one["reason"]["detail"]) for one in answers])
        cost = ", ".join(Money(one["amount"], one["currency"]).shown(desk.language) for one in total["price"])
        click.echo(desk.say(f"{total['messages']} messages, {total['segments']} SMS, {cost or '0'}",
                            f"{total['messages']} messages, {total['segments']} SMS, {cost or '0'}"))
        if reach is not None:
            click.echo(desk.say(
                f"RCS : {reach.reachable} joignables, {reach.unreachable} non, {reach.unknown} pas encore connus",
                f"RCS: {reach.reachable} reachable, {reach.unreachable} not, {reach.unknown} not known yet"))

    desk.show({"answers": answers, "total": total}, said)


def _replay(desk: Desk, installation_id: str, days: int) -> None:
    with desk.suite.database.read(desk.workspace) as tx:
        done = replaying.as_json(replaying.replay(tx, installation_id, desk.suite.now(), days))
    cost = ", ".join(Money(one["amount"], one["currency"]).shown(desk.language) for one in done["price"]) or "0"
    said = desk.say(
        "{carts} paniers, {reachable} joignables, {would_have_left} seraient partis ({ordered_before} ont commandé "
        "avant, {moved} repoussés à une heure permise), coût {cost}",
        "{carts} carts, {reachable} reachable, {would_have_left} would have left ({ordered_before} ordered before, "
        "{moved} put off to an allowed hour), cost {cost}",
    )
    desk.show(done, said.format(**done, cost=cost))


def _row(desk: Desk, installation_id: str) -> installations.Row:
    with desk.suite.database.read(desk.workspace) as tx:
        row = installations.get(tx, desk.suite.vault, installation_id, desk.suite.public_url)
    if row is None:
        raise NotFound("installation")
    return row


def _answer(desk: Desk, occasion: Occasion, answer: Send | Skip, names: dict[str, str]) -> dict[str, Any]:
    known = shown.occasion(occasion, desk.language)
    said = {
        "occasion": {"id": occasion.id, "start": known["start"], "title": occasion.values.get("title", "")},
        "rule": names.get(answer.rule, answer.rule),
    }
    if isinstance(answer, Skip):
        return {**said, "answer": "skip", "to": known["to"], "text": None, "due_at": None, "segments": 0, "price": None,
                "reason": answer.reason.as_json(desk.language)}
    return {**said, "answer": "send", "to": answer.recipient.number, "text": answer.text,
            "due_at": shown.moment(answer.send_at), "segments": answer.measure.segments,
            "price": answer.price.as_json() if answer.price else None, "reason": None}


def _price(sends: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, int] = {}
    for one in sends:
        if one["price"]:
            totals[one["price"]["currency"]] = totals.get(one["price"]["currency"], 0) + one["price"]["amount"]
    return [{"amount": amount, "currency": currency} for currency, amount in sorted(totals.items())]

"""`relance campaigns`: what campaigns there are, how they go, and sending, pausing and ending them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from core.cli.desk import Desk, command
from core.domain.campaigns import Phase
from core.domain.errors import NotFound
from core.domain.repeating import MOST_RUNS, Every
from core.engine import campaign_check, campaign_results, campaigning, repeating
from core.engine.campaign_shown import campaign
from core.storage import campaigns, series
from core.storage.database import Transaction

WHO = "relance"
Row = Mapping[str, Any]


@click.group("campaigns")
def campaigns_command() -> None:
    """One message to many people."""


@command("list", group=campaigns_command)
@click.option("--state", type=click.Choice([str(one) for one in Phase]), default=None)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default=None, metavar="ID", help="The last one of the page before.")
def list_campaigns(desk: Desk, state: str | None, limit: int, after: str | None) -> None:
    """List campaigns, newest first."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = campaigns.rows(tx, state=state, after=after, limit=limit + 1)
    page = rows[:limit]
    answer = {"data": [campaign(row, desk.language) for row in page], "has_more": len(rows) > limit,
              "next": page[-1]["id"] if len(rows) > limit else None}
    desk.show(answer, lambda: desk.table(
        ["id", desk.say("état", "state"), desk.say("créée", "made"), desk.say("nom", "name")],
        [(row["id"], row["state"], desk.local(row["created_at"]), row["name"]) for row in page]))


@command("show", group=campaigns_command)
@click.argument("campaign_id", metavar="ID")
def show_campaign(desk: Desk, campaign_id: str) -> None:
    """A campaign and its funnel; of a draft, what it would do."""
    suite = desk.suite
    with suite.database.read(desk.workspace) as tx:
        row = _row(tx, campaign_id)
        found = campaign(row, desk.language)
        if row["started_at"] is None:
            found = {**found, "rehearsal": campaign_check.rehearse(suite, tx, row, suite.now()).as_json(desk.language)}
        else:
            found = {**found, "results": campaign_results.as_json(tx, row, suite.now(), desk.language)}

    def said() -> None:
        click.echo(f"{found['id']}  {found['state']}  {found['name']}")
        if found["trouble"]:
            click.echo(f"  {found['trouble']['detail']}")
        funnel = (found.get("results") or found["rehearsal"])["funnel"]
        desk.table([desk.say("étape", "step"), desk.say("restent", "left"), desk.say("pourquoi", "why")],
                   [(one["step"], one["count"],
                     "; ".join(f"{why['count']} × {why['detail']}" for why in one["reasons"])) for one in funnel])

    desk.show(found, said)


@command("send", group=campaigns_command, writes=True)
@click.argument("campaign_id", metavar="ID")
def send_campaign(desk: Desk, campaign_id: str) -> None:
    """Send a draft: now, or at its time."""
    _done(desk, campaign_id, campaigning.send)


@command("pause", group=campaigns_command, writes=True)
@click.argument("campaign_id", metavar="ID")
def pause_campaign(desk: Desk, campaign_id: str) -> None:
    """Hold what has not left."""
    _done(desk, campaign_id, campaigning.pause)


@command("resume", group=campaigns_command, writes=True)
@click.argument("campaign_id", metavar="ID")
def resume_campaign(desk: Desk, campaign_id: str) -> None:
    """Go on after a pause; after the first part, let the rest follow."""
    _done(desk, campaign_id, campaigning.resume)


@command("cancel", group=campaigns_command, writes=True)
@click.argument("campaign_id", metavar="ID")
def cancel_campaign(desk: Desk, campaign_id: str) -> None:
    """Call off what has not left."""
    _done(desk, campaign_id, campaigning.cancel)


@command("repeat", group=campaigns_command, writes=True)
@click.argument("campaign_id", metavar="ID")
@click.option("--every", type=click.Choice([str(one) for one in Every]), required=True)
@click.option("--first", required=True, metavar="DAY", help="The first day (2026-12-07): its weekday, or its date.")
@click.option("--at", required=True, metavar="TIME", help="The hour on the wall (10:00).")
@click.option("--zone", default=None, help="Default: the workspace's.")
@click.option("--until", default=None, metavar="DAY", help="The last day.")
@click.option("--most", type=click.IntRange(1, MOST_RUNS), default=None, help="How many runs at most.")
def repeat_campaign(
    desk: Desk, campaign_id: str, every: str, first: str, at: str, zone: str | None, until: str | None,
    most: int | None,
) -> None:  # fmt: skip
    """Make a draft repeat: each run is a campaign of its own, with its own check."""
    when = repeating.asked(every, first, at, zone or desk.place["zone"], until, most)

    def work(tx: Transaction, now: datetime) -> str:
        campaigns.alone(tx, campaign_id)
        return repeating.begin(tx, _row(tx, campaign_id), when, WHO, now)

    _series_done(desk, work)


@click.group("series")
def series_command() -> None:
    """Campaigns that repeat."""


campaigns_command.add_command(series_command)


@command("list", group=series_command)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
def list_series(desk: Desk, limit: int) -> None:
    """List campaigns that repeat, newest first."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = series.rows(tx, limit=limit)
    found = [repeating.as_json(row, desk.language) for row in rows]
    desk.show({"data": found}, lambda: desk.table(
        ["id", desk.say("état", "state"), desk.say("prochain envoi", "next run"), desk.say("nom", "name")],
        [(one["id"], one["state"], one["next_run_at"] or "", one["name"]) for one in found]))


@command("pause", group=series_command, writes=True)
@click.argument("series_id", metavar="ID")
def pause_series(desk: Desk, series_id: str) -> None:
    """No further run until it goes on."""
    _series_verb(desk, series_id, repeating.pause)


@command("resume", group=series_command, writes=True)
@click.argument("series_id", metavar="ID")
def resume_series(desk: Desk, series_id: str) -> None:
    """Go on with the next run that lies ahead."""
    _series_verb(desk, series_id, repeating.resume)


@command("end", group=series_command, writes=True)
@click.argument("series_id", metavar="ID")
def end_series(desk: Desk, series_id: str) -> None:
    """No further run, for good."""
    _series_verb(desk, series_id, repeating.end)


def _series_verb(desk: Desk, series_id: str, verb: Callable[..., object]) -> None:
    def work(tx: Transaction, now: datetime) -> str:
        series.alone(tx, series_id)
        row = series.row(tx, series_id)
        if row is None:
            raise NotFound("series")
        verb(tx, row, WHO, now)
        return series_id

    _series_done(desk, work)


def _series_done(desk: Desk, work: Callable[[Transaction, datetime], str]) -> None:
    suite = desk.suite
    try:
        with suite.database.write(desk.workspace) as tx:
            row = series.row(tx, work(tx, suite.now()))
            assert row is not None
            found = {**repeating.as_json(row, desk.language), "dry_run": desk.dry_run}
            if desk.dry_run:
                raise _Undone
    except _Undone:
        pass
    else:
        suite.wake()
    desk.show(found, f"{found['id']}  {found['state']}  {found['next_run_at'] or ''}  {found['name']}")


class _Undone(Exception):
    """Ends the transaction of a dry run: what would happen is known, and nothing is kept."""


def _done(desk: Desk, campaign_id: str, verb: Callable[..., object]) -> None:
    suite = desk.suite
    try:
        with suite.database.write(desk.workspace) as tx:
            campaigns.alone(tx, campaign_id)
            verb(tx, _row(tx, campaign_id), WHO, suite.now())
            found = {**campaign(_row(tx, campaign_id), desk.language), "dry_run": desk.dry_run}
            if desk.dry_run:
                raise _Undone
    except _Undone:
        pass
    else:
        suite.wake()
    desk.show(found, f"{found['id']}  {found['state']}  {found['name']}")


def _row(tx: Transaction, campaign_id: str) -> Row:
    row = campaigns.row(tx, campaign_id)
    if row is None:
        raise NotFound("campaign")
    return row

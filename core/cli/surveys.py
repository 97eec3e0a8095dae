"""`relance surveys`: what surveys there are, what they brought, whom they ask, and their end."""

from __future__ import annotations

from typing import Any

import click

from core.cli.desk import Desk, command
from core.domain.errors import BadInput
from core.domain.recipients import Recipient
from core.domain.surveys import Phase
from core.engine import campaign_check, campaigning, survey_results, survey_sending, survey_shown, surveying
from core.engine.campaign_shown import campaign
from core.storage import campaigns, house, segments, surveys
from core.storage.database import Transaction

WHO = "relance"


@click.group("surveys")
def surveys_command() -> None:
    """Questions that people answer one by one."""


@command("list", group=surveys_command)
@click.option("--state", type=click.Choice([str(one) for one in Phase]), default=None)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default=None, metavar="ID", help="The last one of the page before.")
def list_surveys(desk: Desk, state: str | None, limit: int, after: str | None) -> None:
    """List surveys, newest first."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = surveys.rows(tx, state=state, after=after, limit=limit + 1)
        figures = surveys.figures(tx, [row["id"] for row in rows])
        place = country(tx)
    page, now = rows[:limit], desk.suite.now()
    answer = {"data": [survey_shown.survey(row, place, now) for row in page], "has_more": len(rows) > limit,
              "next": page[-1]["id"] if len(rows) > limit else None}  # fmt: skip
    desk.show(answer, lambda: desk.table(
        ["id", desk.say("état", "state"), desk.say("interrogés", "asked"), desk.say("ont répondu", "answered"),
         desk.say("nom", "name")],
        [(row["id"], row["state"], *map(str, figures.get(row["id"], (0, 0))), row["name"])
         for row in page]))  # fmt: skip


@command("show", group=surveys_command)
@click.argument("survey_id", metavar="ID")
def show_survey(desk: Desk, survey_id: str) -> None:
    """A survey, its questions, and what was answered."""
    with desk.suite.database.read(desk.workspace) as tx:
        row = surveying.known(tx, survey_id)
        found = survey_shown.survey(row, country(tx), desk.suite.now())
        results = survey_results.results(tx, row).as_json(desk.language)

    def said() -> None:
        click.echo(f"{found['id']}  {found['state']}  {found['name']}")
        for name in ("response_rate", "completion_rate"):
            rate = results[name]
            value = "–" if rate["value"] is None else f"{100 * rate['value']:.1f} %"
            click.echo(f"  {value}  ({rate['count']}/{rate['of']}: {rate['formula']})")
        for one in results["questions"]:
            click.echo(f"{one['number']}. {one['text']}  ({one['answered']}/{one['asked']})")
            for option in one["options"]:
                if option["count"] or one["kind"] == "choice":
                    click.echo(f"     {option['count']:>5}  {option['label']}")
            for name in ("average", "net_score"):
                if one[name] is not None and one[name]["value"] is not None:
                    click.echo(f"     {one[name]['value']:.1f}  ({one[name]['formula']})")

    desk.show({**found, "results": results}, said)


@command("start", group=surveys_command, writes=True)
@click.argument("survey_id", metavar="ID")
@click.option("--segment", default=None, metavar="ID", help="Who belongs to it now.")
@click.option("--to", "numbers", multiple=True, metavar="NUMBER", help="One or more numbers instead.")
def start_survey(desk: Desk, survey_id: str, segment: str | None, numbers: tuple[str, ...]) -> None:
    """Ask people the first question; with --dry-run, say who would be asked and what it costs."""
    if (segment is None) == (not numbers):
        raise click.UsageError("--segment or --to")
    suite, now = desk.suite, desk.suite.now()
    try:
        with suite.database.write(desk.workspace) as tx:
            row = surveying.known(tx, survey_id)
            campaign_id = survey_sending.drafted(tx, row, _audience(tx, segment, numbers), now, test=False, who=WHO)
            kept = campaigns.row(tx, campaign_id)
            assert kept is not None
            if desk.dry_run:
                check = campaign_check.rehearse(suite, tx, kept, now)
                found: dict[str, Any] = {**check.as_json(desk.language), "dry_run": True}
                raise _Undone
            campaigns.alone(tx, campaign_id)
            campaigning.send(tx, kept, WHO, now)
            begun = campaigns.row(tx, campaign_id)
            assert begun is not None
            found = {**campaign(begun, desk.language), "dry_run": False}
    except _Undone:
        costs = ", ".join(f"{one['amount'] / 1_000_000:.3f} {one['currency']}" for one in found["price"])
        desk.show(found, desk.say("{count} personnes, {costs}", "{count} people, {costs}").format(
            count=found["would_get"], costs=costs or "–"))  # fmt: skip
        return
    suite.wake()
    desk.show(found, f"{found['id']}  {found['state']}  {found['name']}")


@command("stop", group=surveys_command, writes=True)
@click.argument("survey_id", metavar="ID")
def stop_survey(desk: Desk, survey_id: str) -> None:
    """Ask nobody anything more."""
    suite, now = desk.suite, desk.suite.now()
    try:
        with suite.database.write(desk.workspace) as tx:
            ended = survey_sending.stop(tx, surveying.known(tx, survey_id), WHO, now)
            row = surveying.known(tx, survey_id)
            found = {**survey_shown.survey(row, country(tx), now), "ended": ended, "dry_run": desk.dry_run}
            if desk.dry_run:
                raise _Undone
    except _Undone:
        pass
    desk.show(found, f"{found['id']}  {found['state']}  {found['name']}")


class _Undone(Exception):
    """Ends the transaction of a dry run: what would happen is known, and nothing is kept."""


def _audience(tx: Transaction, segment: str | None, numbers: tuple[str, ...]) -> dict[str, Any]:
    if segment is not None:
        if segments.row(tx, segment) is None:
            raise BadInput("field_unknown_id", pointer="--segment", text=segment[:40])
        return {"segment": segment}
    return {"numbers": [Recipient.parse(one, country(tx)).number for one in numbers]}


def country(tx: Transaction) -> str:
    """Where the workspace is."""
    known = house.workspace(tx, tx.owned)
    return str((known["settings"] if known else house.DEFAULTS)["country"])

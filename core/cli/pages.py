"""`relance pages`: small pages that links lead to, who looked at them, and taking one offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from core.cli.desk import Desk, command
from core.domain.errors import NotFound
from core.engine import landing, linking
from core.storage import house, links, pages
from core.storage.database import Transaction

WHO = "relance"


@click.group("pages")
def pages_command() -> None:
    """Small pages that links lead to."""


@command("list", group=pages_command)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default=None, metavar="ID", help="The last one of the page before.")
def list_pages(desk: Desk, limit: int, after: str | None) -> None:
    """List pages, newest first, with who looked and what they did."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = pages.listed(tx, after=after, limit=limit + 1)
        found = [_told(desk, tx, row) for row in rows[:limit]]
    more = len(rows) > limit
    answer = {"data": found, "has_more": more, "next": found[-1]["id"] if more else None}
    desk.show(answer, lambda: desk.table(
        ["id", desk.say("état", "state"), desk.say("personnes", "people"), desk.say("nom", "name"),
         desk.say("adresse", "address")],
        [(one["id"], one["state"], one["views"]["human"], one["name"], one["url"]) for one in found]))  # fmt: skip


@command("show", group=pages_command)
@click.argument("page_id", metavar="ID")
def show_page(desk: Desk, page_id: str) -> None:
    """A page, who looked at it and what they did there."""
    with desk.suite.database.read(desk.workspace) as tx:
        found = _told(desk, tx, _row(tx, page_id))

    def said() -> None:
        click.echo(f"{found['id']}  {found['state']}  {found['name']}  {found['url']}")
        desk.table(
            [desk.say("personnes", "people"), desk.say("bouton", "button"), desk.say("accords", "yeses"),
             desk.say("codes montrés", "codes shown")],
            [(found["views"]["human"], found["done"]["pressed"], found["done"]["joined"], found["done"]["coupon"])],
        )  # fmt: skip

    desk.show(found, said)


@command("end", group=pages_command, writes=True)
@click.argument("page_id", metavar="ID")
def end_page(desk: Desk, page_id: str) -> None:
    """Take a page offline."""
    now = desk.suite.now()
    with desk.suite.database.write(desk.workspace) as tx:
        _row(tx, page_id)
        if not desk.dry_run:
            pages.change(tx, page_id, {"ended_at": now}, now)
            house.note(tx, WHO, "page_ended", page_id, {}, now)
        found = {**_told(desk, tx, _row(tx, page_id)), "dry_run": desk.dry_run}
    desk.show(found, lambda: click.echo(f"{found['id']}  {found['state']}"))


def _told(desk: Desk, tx: Transaction, row: Mapping[str, Any]) -> dict[str, Any]:
    counted = links.counts(tx, [row["id"]]).get(row["id"], {})
    return landing.as_json(row, counted, pages.count_codes(tx, row["id"]), linking.base(desk.suite, tx))


def _row(tx: Transaction, page_id: str) -> Mapping[str, Any]:
    row = pages.get(tx, page_id)
    if row is None:
        raise NotFound("page")
    return row

"""What every command has at hand: its options, the suite, the workspace that it is about, and how answers are shown."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from core.domain.errors import BadInput, RelanceError
from core.domain.policy.walltime import at_wall
from core.domain.policy.zones import zone as zone_named
from core.settings import Settings, WrongSetting

if TYPE_CHECKING:
    from core.suite import Suite

# The house, with the database's libraries, is imported where it is opened: `relance cost` and `relance plan` need none
# of it, and answer three times as fast.

FIRST_WORKSPACE = {"fr": "Mon entreprise", "en": "My company"}


class Refusal(Exception):
    """Something that the command will not or cannot do; its text is the sentence to show. Exit status 1."""


class Desk:
    """Of one command. The suite is built when it is first asked for: what needs no database opens none."""

    def __init__(self, as_json: bool, dry_run: bool, wanted: str | None) -> None:
        self.as_json = as_json
        self.dry_run = dry_run
        self._wanted = wanted

    @cached_property
    def settings(self) -> Settings:
        return Settings.read()

    @cached_property
    def language(self) -> str:
        """Of sentences. Read without opening the house, so that a broken setting can still be explained."""
        given = os.environ.get("RELANCE_LANGUAGE", "fr")
        return given if given in ("fr", "en") else "fr"

    @cached_property
    def suite(self) -> Suite:
        """The house, its schema as new as this version. An empty one is made ready; an older one is never changed in
        passing: that is `relance migrate`."""
        from core.logs import configure
        from core.storage import migrate
        from core.suite import build_suite, read_clock

        configure("error")
        suite = build_suite(self.settings)
        revision = migrate.current(suite.database)
        if revision is None:
            migrate.upgrade(suite.database)
        elif revision != migrate.newest():
            raise Refusal(self.say("La base de données n'est pas à jour : lancez `relance migrate`.",
                                   "The database is not up to date: run `relance migrate`."))
        migrate.give_key(suite.database)
        read_clock(suite)
        return suite

    @cached_property
    def workspace(self) -> str:
        """The id of the workspace that `--workspace` names (id or name), else the first one; made if there is none."""
        from core.storage import house

        with self.suite.database.read() as tx:
            known = house.workspaces(tx)
        if self._wanted is None:
            return str(known[0]["id"]) if known else first_workspace(self.suite)
        for one in known:
            if self._wanted in (one["id"], one["name"]):
                return str(one["id"])
        names = ", ".join(one["name"] for one in known)
        raise Refusal(self.say(f"Aucun espace « {self._wanted} ». Connus : {names}.",
                               f"No workspace “{self._wanted}”. Known: {names}."))

    @cached_property
    def place(self) -> Mapping[str, Any]:
        """The workspace's settings."""
        from core.storage import house

        with self.suite.database.read() as tx:
            known = house.workspace(tx, self.workspace)
        return known["settings"] if known else house.DEFAULTS

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.place["zone"])

    def say(self, french: str, english: str) -> str:
        """The sentence in the operator's language."""
        return french if self.language == "fr" else english

    def local(self, at: datetime | None, zone: ZoneInfo | None = None) -> str:
        """`26/10/2026 18:00` as the clock on the wall shows it."""
        return f"{at.astimezone(zone or self.zone):%d/%m/%Y %H:%M}" if at else "–"

    def show(self, value: Any, human: Callable[[], None] | str) -> None:
        """The answer: as JSON with `--json`, else as `human` says it."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
        elif isinstance(human, str):
            click.echo(human)
        else:
            human()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
        """Rows under headings; as wide as they need to be when nobody is looking."""
        table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        console().print(table)


def console(stderr: bool = False) -> Console:
    """A terminal, or a pipe: then nothing is wrapped, coloured or read as markup."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, markup=False, highlight=False, emoji=False,
                   width=None if stream.isatty() else 220, soft_wrap=not stream.isatty())


def command(name: str, *, writes: bool = False, home: bool = True, group: click.Group | None = None,
            **options: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A command whose first argument is its `Desk`. `home`: it is about one workspace; `writes`: it takes --dry-run."""

    def made(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def called(*, as_json: bool, dry_run: bool = False, workspace: str | None = None, **arguments: Any) -> None:
            desk = Desk(as_json, dry_run, workspace)
            try:
                function(desk, **arguments)
            except RelanceError as error:
                raise Refusal(sentence_of(error, desk.language)) from error

        wrapped: Any = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(called)
        if writes:
            wrapped = click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")(wrapped)
        if home:
            wrapped = click.option("--workspace", metavar="ID|NAME", help="Which one, when there are several.")(wrapped)
        return (group.command(name, **options) if group else click.command(name, **options))(wrapped)

    return made


def rfc3339(at: datetime) -> str:
    """A moment as programs read it, in UTC: `2026-10-25T17:00:00Z`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def sentence_of(error: RelanceError, language: str) -> str:
    """What happened and what to do, and where in the input."""
    place = f"{error.pointer}: " if isinstance(error, BadInput) and error.pointer else ""
    return place + error.reason.sentence(language)


@contextmanager
def refused() -> Iterator[None]:
    """What was refused or failed ends as one sentence on standard error and exit status 1."""
    try:
        yield
    except (Refusal, WrongSetting) as error:
        raise click.ClickException(str(error)) from error
    except RelanceError as error:
        raise click.ClickException(sentence_of(error, "en")) from error


def first_workspace(suite: Suite) -> str:
    """The one that every house begins with. Harmless when it is there."""
    from core.storage import house

    with suite.database.write() as tx:
        known = house.workspaces(tx)
        if known:
            return str(known[0]["id"])
        language = suite.settings.language
        return house.add_workspace(tx, FIRST_WORKSPACE[language], {"language": language}, suite.now())


def console_address(settings: Settings, port: int | None = None) -> str:
    """Where a browser on this machine finds the console; `port` is the bound one, if it is known."""
    plain = Settings()
    if settings.public_url != plain.public_url or settings.listen == plain.listen:
        return settings.public_url
    host, listening = settings.listen_address
    return f"http://{host}:{port or listening}"


# ---------------------------------------------------------------------------------------------- kinds of arguments


class Moment(click.ParamType):
    """`2026-10-20T08:00:00Z`: an instant, with its offset."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a moment. Example: 2026-10-20T08:00:00Z", param, ctx)
        if read.tzinfo is None:
            self.fail(f"'{value}' needs its offset. Example: {value}+02:00", param, ctx)
        return read


class WallTime(click.ParamType):
    """`2026-12-01T09:00` in a zone that another option names, or an instant with its offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a time. Example: 2026-12-01T09:00", param, ctx)


class Zone(click.ParamType):
    """`Europe/Paris`."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return zone_named(value).key
        except BadInput:
            self.fail(f"'{value}' is not a zone. Example: Europe/Paris", param, ctx)


class Country(click.ParamType):
    """`FR`."""

    name = "country"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if len(value) != 2 or not value.isascii() or not value.isalpha():
            self.fail(f"'{value}' is not a country. Example: FR", param, ctx)
        return str(value).upper()


def instant(at: datetime, zone: ZoneInfo) -> datetime:
    """`at` as an instant: a time without offset is read on the clocks of `zone`."""
    return at if at.tzinfo else at_wall(at.date(), at.time(), zone)

"""`relance config`: what a workspace decided as a file, and a file made so after its difference was seen."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from core.cli.desk import Desk, Refusal, command, sentence_of
from core.domain.errors import BadInput, Conflict
from core.domain.reconciling import Cancel, Move, Step
from core.web.api.config import shown
from core.web.config import applying, current, written
from core.web.problems import Several

WHO = "relance config"
LONGEST_SECRET = 100_000
STEPS = 20
"""How many planned messages are named that a document changes; `--json` names 200."""


class _Undone(Exception):
    """Ends the transaction of a dry run."""


@click.group("config")
def config_command() -> None:
    """Configuration as code: settings, links, templates, segments, provider accounts and rules as one file."""


@command("export", group=config_command)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def export(desk: Desk, file: Path | None) -> None:
    """Write what the workspace decided to FILE, or print it. Secrets are named, never written."""
    with desk.suite.database.read(desk.workspace) as tx:
        document = current.document(desk.suite, tx)
    text = written.write(document)
    if file is not None:
        file.write_text(text, encoding="utf-8")
        desk.show({"file": str(file), "bytes": len(text.encode())}, str(file))
    else:
        desk.show(document, text.rstrip("\n"))


@command("apply", group=config_command, writes=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Also remove what the file's sections do not name.")
def apply(desk: Desk, file: Path, prune: bool) -> None:
    """Make the workspace what FILE says, all of it or nothing. See with --dry-run what that changes."""
    try:
        found = written.read(file.read_text(encoding="utf-8"))
    except written.ConfigUnreadable as error:
        raise Refusal(f"{file}:{error.line}: {sentence_of(error, desk.language)}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{file}: UTF-8?") from error
    suite = desk.suite
    done: applying.Applied | None = None
    try:
        with suite.database.write(desk.workspace) as tx:
            done = applying.apply(suite, tx, found.value, suite.now(), who=WHO, prune=prune,
                                  secret=_secret(file.parent), replan=not desk.dry_run)
            if desk.dry_run:
                raise _Undone
    except _Undone:
        pass
    except (Several, BadInput) as error:
        raise Refusal("\n".join(_said(desk, file, found, error))) from error
    except Conflict as error:
        raise Refusal(f"{file}: {sentence_of(error, desk.language)}") from error
    if done is None:
        raise AssertionError("nothing was applied, and nothing said why")
    if done.changes and not desk.dry_run:
        suite.wake()
    desk.show({**shown(done, desk.language), "dry_run": desk.dry_run}, lambda: _told(desk, done))


def _said(desk: Desk, file: Path, found: written.Written, error: BadInput) -> list[str]:
    """FILE:LINE: where: what is wrong, a line for each."""
    wrong = error.wrong if isinstance(error, Several) else ((error.pointer or "", error.reason),)
    return [f"{file}:{found.line(pointer)}: {pointer or '/'}: {reason.sentence(desk.language)}"
            for pointer, reason in sorted(wrong, key=lambda one: found.line(one[0]))]


def _secret(folder: Path) -> applying.Secret:
    """From the environment, or from a file beside the configuration; one line end at the end is not a part of it."""

    def read(where: Mapping[str, str]) -> str | None:
        if name := where.get("env"):
            return os.environ.get(name) or None
        path = folder / where["file"] if where.get("file") else None
        if path is None or not path.is_file() or path.stat().st_size > LONGEST_SECRET:
            return None
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r") or None

    return read


def _told(desk: Desk, done: applying.Applied) -> None:
    signs = {"added": "+", "changed": "~", "removed": "-"}
    words = {"workspace": desk.say("espace", "workspace"), "template": desk.say("modèle", "template"),
             "segment": "segment", "account": desk.say("compte d'envoi", "provider account"),
             "rule": desk.say("règle", "rule")}
    if not done.changes or done.difference is None:
        click.echo(desk.say("Rien à changer.", "Nothing to change."))
        return
    for one in done.changes:
        click.echo(f"{signs[one.change]} {words[one.what]} {one.name}")
        if one.change == "changed":
            for name, value in one.becomes.items():
                click.echo(f"    {name}: {_short(one.was.get(name))} → {_short(value)}")
    made = done.difference
    click.echo(desk.say(
        f"Messages prévus : {made.new} nouveaux, {made.moved} déplacés, {made.cancelled} annulés, "
        f"{made.unchanged} inchangés.",
        f"Planned messages: {made.new} new, {made.moved} moved, {made.cancelled} cancelled, "
        f"{made.unchanged} unchanged."))
    for occasion, step in made.steps[:STEPS]:
        click.echo(f"    {occasion.values.get('title') or occasion.key}: {_step(desk, step)}")
    if desk.dry_run:
        click.echo(desk.say("Rien n'a été écrit.", "Nothing was written."))


def _step(desk: Desk, step: Step) -> str:
    """When a planned message leaves, left, or does not leave any more."""
    if isinstance(step, Cancel):
        return desk.say(f"{desk.local(step.known.send_at)} annulé", f"{desk.local(step.known.send_at)} cancelled")
    then = desk.local(step.send.send_at)
    return f"{desk.local(step.known.send_at)} → {then}" if isinstance(step, Move) else f"+ {then}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"

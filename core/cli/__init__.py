"""The command line `relance`: the nouns and verbs of the API. Exit status 0 done, 1 refused or failed, 2 wrong use."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from core.cli.desk import refused

# Where each command lives: loaded when it is asked for, so that `relance cost` does not wait for the web.
COMMANDS = {
    "run": "running",
    "web": "running",
    "worker": "worker",
    "listen": "listen",
    "migrate": "running",
    "plan": "plan",
    "clock": "clock",
    "demo": "demo",
    "send": "messages",
    "messages": "messages",
    "campaigns": "campaigns",
    "surveys": "surveys",
    "waitlist": "waitlist",
    "caps": "caps",
    "config": "config",
    "why": "why",
    "cost": "texts",
    "hours": "texts",
    "installations": "installations",
    "adapters": "adapters",
    "stats": "stats",
    "pages": "pages",
    "inbox": "inbox",
    "record": "inbox",
    "users": "people",
    "audit": "audit",
    "import": "people",
    "export": "people",
    "erase": "people",
    "keys": "keys",
    "backup": "backups",
    "restore": "backups",
    "upgrade": "backups",
    "doctor": "doctor",
}


class Relance(click.Group):
    """Finds commands by name, and turns what went wrong into one sentence on standard error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"core.cli.{COMMANDS[name]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        with refused():
            return super().invoke(ctx)


@click.group(cls=Relance, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="relance", prog_name="relance")
def cli() -> None:
    """The right message, to the right phone, at the right moment, once.

    Every command takes --json; every command that writes takes --dry-run. No question is ever asked.
    """


def main() -> None:
    """The entry point `relance`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that knows no "é" shows a mark in its place, and the work goes on.
            stream.reconfigure(errors="replace")
    cli(prog_name="relance")

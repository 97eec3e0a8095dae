"""`relance adapters`: the platforms that can be connected, and what an operator publishes at their vendors once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from core.cli.desk import Desk, command
from core.contract import (
    Answers,
    Asks,
    Checks,
    Chooses,
    Connects,
    Installs,
    KeepsConsent,
    LooksAgain,
    Notifies,
    OAuth,
    Publishes,
    Pulls,
    Pushes,
    Reports,
    Rewards,
    Tools,
)
from core.domain.errors import BadInput, NotFound
from core.plugins import load_adapters

_ABILITIES = {
    Pushes: "pushes", Notifies: "notifies", Pulls: "pulls", Chooses: "chooses", Installs: "installs",
    Reports: "reports", Answers: "answers", Asks: "asks", LooksAgain: "looks_again", KeepsConsent: "keeps_consent",
    Connects: "connects", Checks: "checks", Publishes: "publishes",
    Rewards: "rewards",
}  # fmt: skip
_CHANGES = {"created": "créé", "changed": "modifié", "unchanged": "inchangé"}


@click.group("adapters")
def adapters_command() -> None:
    """Platforms that can be connected."""


@command("list", group=adapters_command, home=False)
def list_adapters(desk: Desk) -> None:
    """List the platforms, what each can do, and how it is connected."""
    adapters = load_adapters(Tools(urls={}, clients={}, fetch=_nothing)).values()
    answer = [
        {"slug": one.manifest.slug, "name": one.manifest.name, "kinds": sorted(one.manifest.kinds),
         "abilities": [name for kind, name in _ABILITIES.items() if isinstance(one, kind)],
         "auth": [type(way).__name__.lower() for way in one.manifest.auth],
         "settings": _settings_of(one.manifest.auth, one.manifest.vendors,
                                  one.needs if isinstance(one, Publishes) else ())}
        for one in adapters
    ]

    def said() -> None:
        desk.table(["slug", desk.say("nom", "name"), desk.say("dit", "tells"), desk.say("sait", "can")],
                   [(one["slug"], one["name"], " ".join(one["kinds"]), " ".join(one["abilities"])) for one in answer])

    desk.show({"data": answer}, said)


@command("publish", group=adapters_command, home=False, writes=True)
@click.argument("slug", metavar="ADAPTER")
@click.option("--files", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write what would be published as files into this folder instead, for vendors that take files.")
def publish(desk: Desk, slug: str, folder: Path | None) -> None:
    """Set up at the vendor what the whole application needs: workflow actions, webhooks. Twice is harmless."""
    adapter = desk.suite.adapters.get(slug)
    if adapter is None:
        raise NotFound("adapter")
    if not isinstance(adapter, Publishes):
        raise BadInput("nothing_to_publish")
    if folder is not None:
        return _written(desk, adapter.files(desk.suite.public_url), folder)
    vendor = next(iter(adapter.manifest.vendors))
    given = desk.settings.vendor_credentials.get(vendor, {})
    missing = [_setting(vendor, name) for name in adapter.needs if not given.get(name)]
    if missing:
        raise BadInput("publishing_needs", names=", ".join(missing))
    done = adapter.publish(given, desk.suite.public_url, desk.suite.now(), dry_run=desk.dry_run)
    answer = [{"name": one.name, "change": one.change, "id": one.id, "detail": one.detail} for one in done]

    def said() -> None:
        desk.table([desk.say("quoi", "what"), desk.say("changement", "change"), "id", desk.say("détail", "detail")],
                   [(one["name"], desk.say(_CHANGES.get(one["change"], one["change"]), one["change"]), one["id"],
                     one["detail"]) for one in answer])

    desk.show({"data": answer, "dry_run": desk.dry_run}, said)
    return None


def _written(desk: Desk, files: Mapping[str, str], folder: Path) -> None:
    if not files:
        raise BadInput("nothing_to_publish")
    paths = [str(folder / name) for name in files]
    if not desk.dry_run:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    desk.show({"data": [{"name": path, "change": "created"} for path in paths], "dry_run": desk.dry_run},
              "\n".join(paths))


def _nothing(*_: Any, **__: Any) -> Any:
    raise NotFound("network")


def _setting(vendor: str, name: str) -> str:
    return f"RELANCE_{vendor.upper()}_{name.upper()}"


def _settings_of(ways: Sequence[Any], vendors: Mapping[str, str], needs: Sequence[str]) -> list[str]:
    """The settings that an operator may set for it."""
    names = [_setting(vendor, "url") for vendor in vendors]
    for way in ways:
        if isinstance(way, OAuth):
            names += [_setting(way.vendor, what) for what in ("client_id", "client_secret", "auth_url", "token_url")]
    return names + [_setting(next(iter(vendors)), name) for name in needs]

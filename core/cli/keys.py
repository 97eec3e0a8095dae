"""`relance keys`: API keys, and new encryption keys for what is kept secret."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import click

from core.cli.desk import Desk, Moment, Refusal, command
from core.domain.errors import Conflict, NotFound
from core.engine.shown import moment
from core.storage import access, house, rotation

WHO = "relance keys"


@click.group("keys")
def keys_command() -> None:
    """API keys, and the rotation of the encryption keys."""


@command("create", group=keys_command, writes=True)
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE",
              help="read, write, metrics. May be repeated. Default: everything but metrics.")
@click.option("--test", is_flag=True, help="A test key: it reaches no real phone. Always so in demo and test mode.")
@click.option("--expires", type=Moment(), default=None, metavar="MOMENT")
def create(desk: Desk, name: str, scopes: tuple[str, ...], test: bool, expires: datetime | None) -> None:
    """Make an API key, and print it alone, this once."""
    test = test or desk.settings.mode in ("demo", "test")
    if desk.dry_run:
        said = desk.say("Une clé serait créée.", "A key would be made.")
        desk.show({"id": None, "key": None, "name": name, "test": test, "scopes": list(scopes), "dry_run": True}, said)
        return
    suite = desk.suite
    with suite.database.write(desk.workspace) as tx:
        key_id, key = access.add_key(tx, name, suite.now(), test=test, scopes=scopes, expires_at=expires)
        house.note(tx, WHO, "key_created", key_id, {"name": name, "test": test}, suite.now())
    desk.show({"id": key_id, "key": key, "name": name, "test": test, "scopes": list(scopes),
               "expires_at": moment(expires), "dry_run": False}, key)


@command("list", group=keys_command)
def list_keys(desk: Desk) -> None:
    """List the keys: their beginning, their last use. Never the keys."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = access.keys(tx)
    answer = [
        {"id": row["id"], "name": row["name"], "prefix": row["prefix"], "scopes": row["scopes"], "test": row["test"],
         "created_at": moment(row["created_at"]), "used_at": moment(row["used_at"]),
         "expires_at": moment(row["expires_at"]), "revoked_at": moment(row["revoked_at"])}
        for row in rows
    ]

    def said() -> None:
        desk.table(["id", desk.say("nom", "name"), desk.say("début", "begins"), desk.say("servie", "used"),
                    desk.say("expire", "expires")],
                   [(row["id"], row["name"], row["prefix"], desk.local(row["used_at"]), desk.local(row["expires_at"]))
                    for row in rows])

    desk.show({"data": answer}, said)


@command("renew", group=keys_command, writes=True)
@click.argument("key_id", metavar="KEY_ID")
@click.option("--overlap", type=click.IntRange(0, 24 * 90), default=24, show_default=True, metavar="HOURS",
              help="How long the old key still works.")
def renew(desk: Desk, key_id: str, overlap: int) -> None:
    """Make a new key that may do the same, and print it alone; the old one works a while longer."""
    suite, now = desk.suite, desk.suite.now()
    made: tuple[str, str] | None = None
    with suite.database.write(desk.workspace) as tx:
        known = next((row for row in access.keys(tx) if row["id"] == key_id), None)
        if known is None:
            raise NotFound("key")
        if not desk.dry_run:
            made = access.renewed_key(tx, key_id, now, timedelta(hours=overlap))
            if made is None:
                raise Conflict("too_late_to_change")
            house.note(tx, WHO, "key_renewed", key_id, {"by": made[0]}, now)
    ends = moment(now + timedelta(hours=overlap))
    desk.show({"id": made[0] if made else None, "key": made[1] if made else None, "replaces": key_id,
               "old_ends_at": ends, "dry_run": desk.dry_run},
              made[1] if made else desk.say("Une nouvelle clé serait créée.", "A new key would be made."))


@command("revoke", group=keys_command, writes=True)
@click.argument("key_id", metavar="KEY_ID")
def revoke(desk: Desk, key_id: str) -> None:
    """End a key at once."""
    suite = desk.suite
    with suite.database.write(desk.workspace) as tx:
        if all(row["id"] != key_id for row in access.keys(tx)):
            raise NotFound("key")
        if not desk.dry_run:
            if not access.revoke_key(tx, key_id, suite.now()):
                raise Conflict("too_late_to_change")
            house.note(tx, WHO, "key_revoked", key_id, {}, suite.now())
    desk.show({"id": key_id, "dry_run": desk.dry_run}, key_id)


@command("rotate-secrets", group=keys_command, home=False, writes=True)
def rotate_secrets(desk: Desk) -> None:
    """Write every secret again under the first key of RELANCE_SECRET_KEYS; then the older keys can go."""
    done = rotation.rotate(desk.suite.database, desk.suite.vault, dry_run=desk.dry_run)
    lost = sum(one.unreadable for one in done)

    def said() -> None:
        desk.table([desk.say("colonne", "column"), desk.say("réécrits", "written again"),
                    desk.say("déjà à jour", "current"), desk.say("illisibles", "unreadable")],
                   [(one.column, one.rotated, one.current, one.unreadable) for one in done])

    desk.show({"columns": [asdict(one) for one in done], "dry_run": desk.dry_run}, said)
    if lost:
        raise Refusal(desk.say(
            f"{lost} secrets ne s'ouvrent avec aucune clé : gardez les anciennes clés dans RELANCE_SECRET_KEYS.",
            f"{lost} secrets open with no key: keep the older keys in RELANCE_SECRET_KEYS."))

"""`relance backup`, `restore`, `upgrade`: the database to a file and back, and what a new version would change."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli.desk import Desk, Refusal, command
from core.engine import restoring
from core.engine.shown import moment
from core.storage import backups, migrate
from core.suite import build_suite, read_clock


@command("backup", home=False, writes=True)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_command(desk: Desk, file: Path) -> None:
    """Copy the database to FILE while everything runs. Keep the secret key too, and not beside it."""
    if file.exists():
        raise Refusal(desk.say(f"{file} existe déjà.", f"{file} exists already."))
    if not file.absolute().parent.is_dir():
        raise Refusal(desk.say(f"Le dossier {file.absolute().parent} n'existe pas.",
                               f"There is no folder {file.absolute().parent}."))
    size = 0
    if not desk.dry_run:
        try:
            size = restoring.backup(desk.suite, file)
        except backups.NoBackup as error:
            raise Refusal(str(error)) from error
    key = desk.settings.data_dir / "secret.key"
    desk.show({"file": str(file), "bytes": size, "at": moment(desk.suite.now()), "dry_run": desk.dry_run}, desk.say(
        f"{file}  {size} octets. Gardez aussi {key}, ailleurs : sans la clé, les secrets sont perdus.",
        f"{file}  {size} bytes. Keep {key} too, elsewhere: without the key the secrets are lost."))


@command("restore", home=False, writes=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_command(desk: Desk, file: Path) -> None:
    """Put FILE in the database's place. What may have left since the backup is held, until it was looked up."""
    suite = build_suite(desk.settings)
    if migrate.current(suite.database) is not None:
        read_clock(suite)
    if restoring.running(suite):
        raise Refusal(desk.say("Relance tourne sur cette base : arrêtez-le d'abord.",
                               "Relance is running on this database: stop it first."))
    try:
        if desk.dry_run:
            backups.check(suite.database, file)
            backups.check_keys(suite.database, suite.vault, file)
            desk.show({"file": str(file), "dry_run": True}, desk.say("Le fichier est une sauvegarde entière.",
                                                                     "The file is a whole backup."))
            return
        done = restoring.restore(suite, file)
    except backups.NoBackup as error:
        raise Refusal(str(error)) from error
    kept = desk.say(f" L'ancienne base est dans {done.kept}.", f" The former database is in {done.kept}.")
    desk.show(
        {"file": str(file), "taken_at": moment(done.taken_at), "kept": str(done.kept) if done.kept else None,
         "held": done.held, "dry_run": False},
        desk.say(f"Sauvegarde du {desk.local(done.taken_at)} en place ; {done.held} messages retenus. "
                 "Ensuite : `relance messages release --held restore`.",
                 f"The backup of {desk.local(done.taken_at)} is in place; {done.held} messages are held. "
                 "Then: `relance messages release --held restore`.") + (kept if done.kept else ""))


@command("upgrade", home=False)
@click.option("--plan", is_flag=True, required=True, help="Say what would be done; `relance migrate` does it.")
def upgrade_command(desk: Desk, plan: bool) -> None:
    """Say which migrations this version brings to the database. Plans and messages are never lost."""
    suite = build_suite(desk.settings)
    steps = migrate.pending(suite.database)

    def said() -> None:
        if not steps:
            click.echo(desk.say("La base de données est à jour.", "The database is up to date."))
        for revision, what in steps:
            click.echo(f"{revision}  {what}")

    desk.show({"plan": plan, "current": migrate.current(suite.database), "newest": migrate.newest(),
               "steps": [{"revision": revision, "what": what} for revision, what in steps]}, said)

"""`relance users`, `import`, `export`, `erase`: who signs in, whom we write to, and what is known of somebody."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from core.cli.desk import Country, Desk, Refusal, command
from core.domain.recipients import Recipient
from core.engine import erasing, exporting, importing, second_factors, signing_in
from core.engine.shown import moment
from core.settings import generated_password
from core.storage import access, exports, house, identities
from core.storage.database import Transaction

WHO = "relance"
SHORTEST_PASSWORD = 10
_PILES = ("good", "fixable", "refused")


@click.group("users")
def users_command() -> None:
    """People who sign in to the console."""


@command("add", group=users_command, writes=True)
@click.argument("email")
@click.option("--role", type=click.Choice(access.ROLES), default="viewer", show_default=True)
@click.option("--name", default="")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input. Else one is made.")
def add(desk: Desk, email: str, role: str, name: str, password_stdin: bool) -> None:
    """Add a person; without --password-stdin a password is made and printed, this once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else generated_password()
    if "@" not in email[1:-1] or len(email) > 200:
        raise click.BadParameter(f"'{email}' is not an e-mail address", param_hint="EMAIL")
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(desk.say(f"Le mot de passe doit avoir au moins {SHORTEST_PASSWORD} caractères.",
                               f"A password has at least {SHORTEST_PASSWORD} characters."))
    user = None
    if not desk.dry_run:
        suite = desk.suite
        with suite.database.write(desk.workspace) as tx:
            user = access.add_user(tx, email, password, role, desk.place["language"], suite.now(), name=name)
            house.note(tx, WHO, "user_added", user, {"role": role}, suite.now())
    shown = {} if password_stdin or desk.dry_run else {"password": password}
    desk.show({"id": user, "email": email.strip().lower(), "role": role, "dry_run": desk.dry_run, **shown},
              f"{email.strip().lower()}  {role}" + (f"  {password}" if shown else ""))


@command("list", group=users_command)
def list_users(desk: Desk) -> None:
    """List the people of the workspace."""
    with desk.suite.database.read(desk.workspace) as tx:
        rows = [dict(row) for row in access.members(tx)]

    def said() -> None:
        desk.table([desk.say("adresse", "e-mail"), desk.say("nom", "name"), desk.say("rôle", "role")],
                   [(row["email"], row["name"], row["role"]) for row in rows])

    desk.show({"data": rows}, said)


@command("reset-second-factor", group=users_command, home=False, writes=True)
@click.argument("email")
def reset_second_factor(desk: Desk, email: str) -> None:
    """Take the second factor off somebody who has lost their telephone; their sessions end."""
    user = _known(desk, email)
    had = not desk.dry_run and second_factors.reset(desk.suite, user, who=WHO)
    said = desk.say("retirée", "taken off") if had else desk.say("rien à retirer", "nothing to take off")
    desk.show({"id": user, "reset": had, "dry_run": desk.dry_run}, f"{email.strip().lower()}  {said}")


@command("sign-in-link", group=users_command, home=False, writes=True)
@click.argument("email")
def sign_in_link(desk: Desk, email: str) -> None:
    """Print a link by which somebody comes in once, within a quarter of an hour: for emergencies."""
    user = _known(desk, email)
    link = None if desk.dry_run else signing_in.emergency_link(desk.suite, user, who=WHO)
    desk.show({"id": user, "link": link, "dry_run": desk.dry_run},
              link or desk.say("Un lien serait créé.", "A link would be made."))


@command("unlink-sso", group=users_command, home=False, writes=True)
@click.argument("email")
def unlink_sso(desk: Desk, email: str) -> None:
    """Free somebody's address from the company account it is bound to: the next one with that address is bound."""
    user = _known(desk, email)
    count = 0
    if not desk.dry_run:
        with desk.suite.database.write() as tx:
            count = identities.unbind(tx, user)
            access.end_sessions(tx, user)
            for one in access.workspaces_of(tx, user):
                house.note(Transaction(tx.connection, one["id"]), WHO, "sso_unbound", user, {}, desk.suite.now())
    desk.show({"id": user, "unlinked": count, "dry_run": desk.dry_run}, f"{email.strip().lower()}  {count}")


def _known(desk: Desk, email: str) -> str:
    with desk.suite.database.read() as tx:
        user = access.by_email(tx, email)
    if user is None:
        raise Refusal(desk.say(f"Personne ici n'a l'adresse {email}.", f"Nobody here has the address {email}."))
    return user


@click.group("import")
def import_command() -> None:
    """Bring data in from files."""


@command("contacts", group=import_command, writes=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--country", type=Country(), default=None, help="Of national numbers. Default: the workspace's.")
@click.option("--fix", is_flag=True, help="Also take the lines whose number could be mended.")
@click.option("--list", "on", default=None, help="Put these people on the list of that name, for campaigns.")
@click.option("--sheet", default=None, help="Of a workbook, the sheet. Default: the first with a column of numbers.")
def contacts(desk: Desk, file: Path, country: str | None, fix: bool, on: str | None, sheet: str | None) -> None:
    """Import contacts from a CSV, XLSX, XLS or ODS file: what is good, what could be mended, what is refused and why,
    line by line."""
    found = importing.file(file.read_bytes(), country or desk.place["country"], sheet)
    lines = found.lines
    written = 0
    if not desk.dry_run:
        written = importing.take(desk.suite, desk.workspace, lines, WHO, fix=fix, on=on)
    piles = {
        pile: [
            {"line": one.line, "cell": one.cell, "column": one.column, "given": one.given,
             "number": one.recipient.number if one.recipient else None,
             "reason": one.reason.as_json(desk.language) if one.reason else None}
            for one in lines if one.pile == pile
        ]
        for pile in _PILES
    }

    def said() -> None:
        for pile in ("fixable", "refused"):
            for one in lines:
                if one.pile == pile and one.reason:
                    arrow = f" → {one.recipient.number}" if one.recipient else ""
                    place = desk.say("ligne", "line")
                    where = f"{one.line} ({one.cell}, {one.column})"
                    click.echo(f"{place} {where}: {one.given}{arrow}  {one.reason.sentence(desk.language)}")
        good, mended, refused = (len(piles[pile]) for pile in _PILES)
        click.echo(desk.say(f"{good} bons, {mended} réparables (--fix les prend), {refused} refusés ; {written} écrits",
                            f"{good} good, {mended} fixable (--fix takes them), {refused} refused; {written} written"))

    desk.show({**piles, "sheet": found.sheet, "sheets": list(found.sheets), "written": written,
               "dry_run": desk.dry_run}, said)


@command("export", writes=True)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--number", default=None, help="Only what is known of one person.")
@click.option("--format", "form", type=click.Choice(tuple(exporting.FORMATS)), default=exporting.JSONL,
              show_default=True, help="JSON lines, or a file for spreadsheets.")
def export_command(desk: Desk, folder: Path, number: str | None, form: str) -> None:
    """Write the workspace's data to DIR, one file for each kind; no secret is in them."""
    suite = desk.suite
    whose = Recipient.parse(number, desk.place["country"]).number if number else None
    if not desk.dry_run:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refusal(desk.say(f"{folder} n'est pas vide.", f"{folder} is not empty."))
    counts: dict[str, int] = {}
    with suite.database.read(desk.workspace) as tx:
        for name in exports.tables():
            rows = exports.rows(tx, name, number=whose)
            if desk.dry_run:
                counts[name] = sum(1 for _ in rows)
                continue
            columns = [exporting.Column(column, column) for column in exports.columns(name)]
            writer = exporting.Writer(form, desk.place["language"], desk.zone, columns)
            handle = os.open(folder / f"{name}.{form}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(writer.head())
                counts[name] = sum(1 for row in rows if file.write(writer.line(row)))
    if not desk.dry_run:
        with suite.database.write(desk.workspace) as tx:
            house.note(tx, WHO, "exported", None, {"rows": sum(counts.values()), "one_person": bool(number)},
                       suite.now())

    def said() -> None:
        desk.table([desk.say("fichier", "file"), desk.say("lignes", "rows")],
                   [(f"{name}.{form}", count) for name, count in counts.items()])

    desk.show({"folder": str(folder), "rows": counts, "dry_run": desk.dry_run}, said)


@command("erase", writes=True)
@click.argument("number")
def erase_command(desk: Desk, number: str) -> None:
    """Erase a number everywhere; only the hash on the do-not-contact list stays, if it is there. Prints the receipt."""
    recipient = Recipient.parse(number, desk.place["country"])
    done = erasing.erase(desk.suite, desk.workspace, recipient, who=WHO, dry_run=desk.dry_run)
    answer = {**asdict(done), "rows": dict(done.rows), "at": moment(done.at), "dry_run": desk.dry_run}

    def said() -> None:
        click.echo(f"{done.number}  {desk.local(done.at)}")
        desk.table([desk.say("table", "table"), desk.say("lignes", "rows")], sorted(done.rows.items()))
        if done.stays:
            click.echo(desk.say("Il reste une empreinte sur la liste « ne pas contacter ».",
                                "A hash stays on the do-not-contact list."))
        click.echo(desk.say(
            "Non atteints : les sauvegardes (elles expirent), les opérateurs, et les agendas, boutiques et CRM reliés.",
            "Not reached: backups (they age), providers, and the connected calendars, shops and CRMs."))

    desk.show(answer, said)

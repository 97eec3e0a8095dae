"""Is all well? Eighteen checks of a house, each with what was found and what to do: `relance doctor` says them, and
the console's list before going to production."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal
from urllib.parse import urlsplit

import requests

from core.domain.errors import RelanceError
from core.domain.remedies import remedy
from core.engine import approving, endpoints, preflight
from core.filesystem import shared_by_machines
from core.settings import Settings
from core.storage import accounts, audit, backups, house, installations, migrate, retention, rotation, webhooks
from core.suite import Suite

Result = Literal["ok", "warning", "problem"]
PATIENCE = 5
DRIFT = timedelta(seconds=2)
OLD_ZONES = timedelta(days=400)
WAITS_LONG = timedelta(minutes=2)
ROOM = 500_000_000
OLD_BACKUP = timedelta(days=2)
ENDS_SOON = timedelta(days=14)
SWEPT = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it (nothing when all is well)."""

    check: str
    result: Result
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks look at, and the language that they speak (fr, en)."""

    suite: Suite
    language: str
    migrated: bool = True
    workspace: str | None = None
    """Where only what one workspace has is looked at (of what belongs to workspaces); else the whole house."""

    def say(self, french: str, english: str) -> str:
        return french if self.language == "fr" else english


Check = Callable[[Patient], Finding]


def looked(check: Check, patient: Patient) -> Finding:
    """A check that cannot look is a finding, not a crash."""
    try:
        return check(patient)
    except (RelanceError, OSError, requests.RequestException, backups.NoBackup) as error:
        return Finding(check.__name__, "problem", str(error) or type(error).__name__, patient.say(
            "Ce contrôle n'a pas pu regarder : relancez-le.", "This check could not look: run it again."))


def shown_database(suite: Suite) -> str:
    """Where the data is, without a password."""
    if suite.settings.is_sqlite:
        return f"sqlite {suite.settings.database_url.removeprefix('sqlite:///')}"
    parts = urlsplit(suite.settings.database_url)
    return f"postgresql {parts.hostname or ''}{parts.path}"


def one_machine(language: str) -> str:
    """What several processes on one SQLite file have to be told."""
    if language == "fr":
        return "cette machine seulement : un fichier SQLite ne se partage pas entre machines (PostgreSQL, si)"
    return "this machine only: a SQLite file is not shared between machines (PostgreSQL is)"


def zones_version() -> str:
    """The release of the time zone data that comes with Relance (the system's own is used where there is one)."""
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return "?"


# ---------------------------------------------------------------------------------------------- the checks


def clock(patient: Patient) -> Finding:
    """Ours against the database's machine and the public address's: reminders leave by this clock."""
    suite, mine = patient.suite, patient.suite.clock.own()
    theirs = backups.clock(suite.database)
    drift = abs((theirs or mine) - mine)
    if drift > DRIFT:
        return Finding("clock", "problem", f"{drift.total_seconds():.1f} s", patient.say(
            "Mettez cette machine et celle de la base à l'heure (NTP).",
            "Set this machine and the database's by NTP."))
    if suite.clock.turned:
        hours, day = suite.clock.turned // timedelta(hours=1), patient.say("j", "d")
        far = f"{hours // 24} {day} {hours % 24} h"
        return Finding("clock", "warning", patient.say(f"avancée de {far}", f"turned by {far}"), "relance clock reset")
    return Finding("clock", "ok", patient.say("à l'heure", "right") if theirs else f"{mine:%H:%M:%S} UTC")


def zones(patient: Patient) -> Finding:
    """Countries change their clocks by decree: data of last year are wrong somewhere."""
    release = zones_version()
    year = release.partition(".")[0]
    age = patient.suite.clock.own().date() - date(int(year), 1, 1) if year.isdecimal() else OLD_ZONES * 2
    if age > OLD_ZONES + timedelta(days=365):
        return Finding("zones", "warning", release, "pip install --upgrade tzdata")
    return Finding("zones", "ok", release)


def database(patient: Patient) -> Finding:
    """It answers, and its files are whole."""
    said = backups.whole(patient.suite.database)
    if said != "ok":
        return Finding("database", "problem", said, patient.say("Restaurez une sauvegarde : relance restore FICHIER",
                                                                "Restore a backup: relance restore FILE"))
    with patient.suite.database.read():
        pass
    given = patient.suite.settings
    if given.sqlite_file is not None and (kind := shared_by_machines(given.sqlite_file)):
        return Finding("database", "warning", f"{shown_database(patient.suite)} ({kind})", patient.say(
            "Un fichier SQLite sur un disque réseau peut se corrompre : placez-le sur cette machine, ou passez à "
            "PostgreSQL.", "A SQLite file on a network disk can be damaged: keep it on this machine, or use PostgreSQL."
        ))
    if given.shares_sqlite:
        return Finding("database", "warning", shown_database(patient.suite), one_machine(patient.language))
    return Finding("database", "ok", shown_database(patient.suite))


def migrations(patient: Patient) -> Finding:
    """The schema is this version's."""
    here = migrate.current(patient.suite.database)
    if here == migrate.newest():
        return Finding("migrations", "ok", str(here))
    return Finding("migrations", "problem", str(here or "–"), "relance migrate")


def engine(patient: Patient) -> Finding:
    """Somebody ticks."""
    with patient.suite.database.read() as tx:
        ticked = house.moment(tx, "ticked") if patient.migrated else None
    age = patient.suite.now() - ticked if ticked else None
    if age is None or abs(age) > timedelta(seconds=15):
        return Finding("engine", "problem", patient.say("arrêté", "stopped"), "relance run")
    return Finding("engine", "ok", patient.say("en marche", "running"))


def queue(patient: Patient) -> Finding:
    """What is due leaves."""
    if not patient.migrated:
        return _unmigrated("queue")
    with patient.suite.database.read() as tx:
        count, since = backups.in_doubt(tx, patient.suite.now() - WAITS_LONG)
    if since is not None:
        return Finding("queue", "problem", patient.say(f"{count} en retard, depuis {_when(since)}",
                                                       f"{count} late, since {_when(since)}"),
                       patient.say("Démarrez le moteur, puis regardez les comptes d'envoi.",
                                   "Start the engine, then look at the provider accounts."))
    return Finding("queue", "ok", "0")


def public_url(patient: Patient) -> Finding:
    """Platforms and providers call this address. That it answers from here does not prove it does from outside."""
    url = patient.suite.settings.public_url
    host = urlsplit(url).hostname or ""
    if host in ("127.0.0.1", "localhost", "::1"):
        return Finding("public_url", "ok" if patient.suite.settings.mode != "live" else "warning", url, patient.say(
            "Les plateformes ne peuvent pas appeler cette adresse : réglez RELANCE_PUBLIC_URL.",
            "Platforms cannot call this address: set RELANCE_PUBLIC_URL."))
    answer = requests.get(f"{url}/healthz", timeout=PATIENCE, allow_redirects=False)
    if answer.status_code != 200:
        return Finding("public_url", "problem", f"{url}/healthz → {answer.status_code}", patient.say(
            "Faites suivre cette adresse vers Relance.", "Forward this address to Relance."))
    said = answer.headers.get("Date")
    if said and abs(parsedate_to_datetime(said) - patient.suite.clock.own()) > DRIFT * 5:
        return Finding("public_url", "warning", said, patient.say("Les horloges diffèrent.", "The clocks differ."))
    return Finding("public_url", "ok", url)


def certificate(patient: Patient) -> Finding:
    """Platforms refuse to call an address whose certificate has ended, and tell nobody."""
    parts = urlsplit(patient.suite.settings.public_url)
    if parts.scheme != "https":
        live = patient.suite.settings.mode == "live" and parts.hostname not in ("127.0.0.1", "localhost", "::1")
        return Finding("certificate", "warning" if live else "ok", patient.say("sans HTTPS", "no HTTPS"), patient.say(
            "Mettez Relance derrière un serveur HTTPS.", "Put Relance behind an HTTPS server.") if live else "")
    with (
        socket.create_connection((parts.hostname or "", parts.port or 443), timeout=PATIENCE) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as secure,
    ):
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"])), UTC)
    soon = ends - patient.suite.clock.own() < ENDS_SOON
    return Finding("certificate", "warning" if soon else "ok", f"→ {ends:%d/%m/%Y}", patient.say(
        "Renouvelez le certificat.", "Renew the certificate.") if soon else "")


def secrets(patient: Patient) -> Finding:
    """The key is private, and opens everything."""
    path = patient.suite.settings.data_dir / "secret.key"
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("secrets", "problem", f"{path}: {stat.S_IMODE(path.stat().st_mode):o}", f"chmod 600 {path}")
    if not patient.migrated:
        return _unmigrated("secrets")
    closed = sum(one.unreadable for one in rotation.rotate(patient.suite.database, patient.suite.vault, dry_run=True))
    if closed:
        return Finding("secrets", "problem", patient.say(f"{closed} illisibles", f"{closed} unreadable"), patient.say(
            "Rendez l'ancienne clé à RELANCE_SECRET_KEYS.", "Give the older key back to RELANCE_SECRET_KEYS."))
    keys = len(patient.suite.settings.secret_keys)
    more = "s" if keys > 1 else ""
    return Finding("secrets", "ok", patient.say(f"{keys} clé{more}", f"{keys} key{more}"),
                   "relance keys rotate-secrets" if keys > 1 else "")


def audit_log(patient: Patient) -> Finding:
    """Nobody has changed, taken away or slipped in a line."""
    if not patient.migrated:
        return _unmigrated("audit")
    with patient.suite.database.read() as tx:
        places = [one["id"] for one in house.workspaces(tx) if patient.workspace in (None, one["id"])]
    lines, broken = 0, 0
    for place in places:
        with patient.suite.database.read(place) as tx:
            verdict = audit.verify(tx)
        lines, broken = lines + verdict.lines, broken + len(verdict.broken)
    if broken:
        return Finding("audit", "problem", patient.say(f"{broken} anomalies", f"{broken} anomalies"),
                       "relance audit verify")
    return Finding("audit", "ok", patient.say(f"{lines} lignes", f"{lines} lines"))


def connections(patient: Patient) -> Finding:
    """Each platform's account: its grant lives, and it was read lately."""
    if not patient.migrated:
        return _unmigrated("connections")
    suite, now = patient.suite, patient.suite.now()
    with suite.database.read(patient.workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
    wrong = [f"{row.installation.name}: {row.trouble.sentence(patient.language) if row.trouble else row.state}"
             for row in rows if row.state == "reconnect" or row.trouble is not None]
    ending = [f"{row.installation.name}: → {row.grant_expires_at:%d/%m/%Y}" for row in rows
              if row.grant_expires_at is not None and row.grant_expires_at - now < ENDS_SOON]
    if wrong or ending:
        return Finding("connections", "problem" if wrong else "warning", "; ".join([*wrong, *ending]), patient.say(
            "Reconnectez-la dans la console, page Connexions.", "Connect it again in the console, page Connections."))
    return Finding("connections", "ok", str(len(rows)))


def platforms(patient: Patient) -> Finding:
    """Asked of each platform: what is missing there, and the click that mends it."""
    if not patient.migrated:
        return _unmigrated("platforms")
    suite, tongue = patient.suite, patient.language
    with suite.database.read(patient.workspace) as tx:
        rows = installations.listed(tx, suite.vault, suite.public_url)
    wrong: list[str] = []
    mends: list[str] = []
    result: Result = "ok"
    asked = 0
    for row in rows:
        if row.state != "connected":
            continue  # `connections` says so already, and without a grant nothing can be asked
        asked += 1
        for one in preflight.look(suite, row.installation.workspace, row.installation.id):
            if one.result == "ok":
                continue
            result = "problem" if "problem" in (result, one.result) else "warning"
            wrong.append(f"{row.installation.name}: {one.reason.sentence(tongue) if one.reason else one.name}")
            mend = remedy(one.reason.code, tongue) if one.reason else ""
            mends.append(f"{mend} {one.link}" if one.link else mend)
    if wrong:
        return Finding("platforms", result, " ".join(wrong), " ".join(dict.fromkeys(mends)))
    return Finding("platforms", "ok", str(asked))


def providers(patient: Patient) -> Finding:
    """Each account's key works, asked without sending."""
    if not patient.migrated:
        return _unmigrated("providers")
    suite = patient.suite
    with suite.database.read(patient.workspace) as tx:
        rows = accounts.listed(tx, suite.vault, suite.public_url)
    wrong = []
    for row in rows:
        provider = suite.providers.get(row.account.provider)
        reason = row.trouble or (provider.check(row.account, suite.now()) if provider else None)
        if provider is None or reason is not None:
            wrong.append(f"{row.name}: {reason.sentence(patient.language) if reason else row.account.provider}")
    if wrong:
        return Finding("providers", "problem", "; ".join(wrong), patient.say(
            "Vérifiez la clé et le crédit de ce compte.", "Check the account's key and credit."))
    lacking: list[approving.Used] = []
    for workspace in sorted({row.account.workspace for row in rows}):
        with suite.database.read(workspace) as tx:
            lacking += approving.troubled(tx)
    if lacking:
        tongue = patient.language
        told = "; ".join(f"{one.rule['name']}: {one.reason.sentence(tongue)}" for one in lacking)
        return Finding("providers", "warning", told, remedy(lacking[0].reason.code, tongue))
    if not rows and suite.settings.mode == "live":
        return Finding("providers", "warning", patient.say("simulateur seulement", "simulator only"), patient.say(
            "Ajoutez un compte d'envoi : rien n'atteint un vrai téléphone.",
            "Add a provider account: nothing reaches a real phone."))
    return Finding("providers", "ok", str(len(rows) or "simulator"))


def disk(patient: Patient) -> Finding:
    """Room for the database to grow."""
    free = shutil.disk_usage(patient.suite.settings.data_dir).free
    shown = f"{free // 1_000_000} MB"
    return Finding("disk", "problem" if free < ROOM else "ok", shown, patient.say(
        "Libérez de la place.", "Make room.") if free < ROOM else "")


def backup(patient: Patient) -> Finding:
    """There is one, and it is young."""
    if not patient.migrated:
        return _unmigrated("backup")
    with patient.suite.database.read() as tx:
        taken = house.moment(tx, backups.DONE)
    if taken is None or patient.suite.now() - taken > OLD_BACKUP:
        return Finding("backup", "warning", _when(taken), patient.say("relance backup FICHIER", "relance backup FILE"))
    return Finding("backup", "ok", _when(taken))


def alerts(patient: Patient) -> Finding:
    """Somebody is told when something waits for a person."""
    if not patient.migrated:
        return _unmigrated("alerts")
    suite = patient.suite
    with suite.database.read() as tx:
        known = [one for one in house.workspaces(tx)
                 if not one["test"] and (patient.workspace or one["id"]) == one["id"]]
    unheard = []
    for one in known:
        with suite.database.read(one["id"]) as tx:
            if not endpoints.alerted(webhooks.listed(tx)):
                unheard.append(one["name"])
    if unheard and (suite.settings.mode == "live" or patient.workspace):
        return Finding("alerts", "warning", patient.say("personne n'écoute", "nobody listens") if patient.workspace
                       else ", ".join(unheard), patient.say(
            "Indiquez une adresse d'alerte : console, page Développeurs, Webhooks.",
            "Name an address for alerts: console, page Developers, Webhooks."))
    return Finding("alerts", "ok", patient.say("personne n'écoute", "nobody listens") if unheard else patient.say(
        "quelqu'un écoute", "somebody listens"))


def kept(patient: Patient) -> Finding:
    """What is past its time is deleted: that was done within the last hours."""
    if not patient.migrated:
        return _unmigrated("retention")
    with patient.suite.database.read() as tx:
        done = house.moment(tx, "housekeeping")
    if done is None or patient.suite.now() - done > SWEPT:
        return Finding("retention", "warning", _when(done), patient.say(
            "Démarrez le moteur : c'est lui qui efface.", "Start the engine: it is what deletes."))
    return Finding("retention", "ok", patient.say(
        f"textes {retention.BODIES.days} jours, requêtes reçues {retention.RAW_REQUESTS.days} jours",
        f"texts {retention.BODIES.days} days, received requests {retention.RAW_REQUESTS.days} days"))


def settings(patient: Patient) -> Finding:
    """Nothing that is for trying out is switched on in earnest."""
    wrong = []
    given: Settings = patient.suite.settings
    if given.mode == "live" and given.allow_private_addresses:
        wrong.append("RELANCE_ALLOW_PRIVATE_ADDRESSES=true")
    if given.mode == "live" and given.log_level == "debug":
        wrong.append("RELANCE_LOG_LEVEL=debug")
    if wrong:
        return Finding("settings", "warning", " ".join(wrong), patient.say(
            "Réservé aux essais : retirez ce réglage.", "For trying out: take the setting away."))
    return Finding("settings", "ok", given.mode)


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "–"


def _unmigrated(check: str) -> Finding:
    return Finding(check, "problem", "–", "relance migrate")


CHECKS: tuple[Check, ...] = (
    clock, zones, database, migrations, engine, queue, public_url, certificate, secrets, audit_log, connections,
    platforms, providers, disk, backup, alerts, kept, settings,
)
OUTSIDE = (public_url, certificate, platforms, providers)

"""Before real messages leave: what has to be well, as a list that is ticked off, each with its one fix. The checks are
the doctor's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from core.engine import checkup
from core.engine.checkup import Check, Finding, Patient, Result
from core.storage import accounts
from core.suite import Suite

_WORST: tuple[Result, ...] = ("problem", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Tick:
    """A point of the list: what was found, and what to do (empty when all is well)."""

    name: str
    result: Result
    found: str
    fix: str


def ticks(suite: Suite, workspace: str, language: str, *, outside: bool) -> list[Tick]:
    """All points, in the order in which they are best done. `outside`: also ask the public address, the certificate
    and the providers, which takes some seconds."""
    patient = Patient(suite, language, workspace=workspace)
    points: tuple[tuple[str, tuple[Check, ...]], ...] = (
        ("mode", (mode, checkup.settings)),
        ("database", (checkup.database, checkup.migrations, checkup.disk)),
        ("secret", (checkup.secrets,)),
        ("address", (checkup.public_url, checkup.certificate) if outside else (address,)),
        ("engine", (checkup.engine, checkup.queue, checkup.clock)),
        ("provider", (way_out, checkup.providers) if outside else (way_out,)),
        ("backup", (checkup.backup,)),
        ("alerts", (checkup.alerts,)),
        ("retention", (checkup.kept,)),
    )
    return [_tick(name, [checkup.looked(check, patient) for check in checks]) for name, checks in points]


def _tick(name: str, findings: list[Finding]) -> Tick:
    worst = min(findings, key=lambda one: _WORST.index(one.result))
    if worst.result != "ok":
        return Tick(name, worst.result, worst.found, worst.remedy)
    return Tick(name, "ok", " · ".join(dict.fromkeys(one.found for one in findings if one.found)), "")


def mode(patient: Patient) -> Finding:
    """Demo and test houses reach no phone by test keys, and their clock can be turned."""
    now = patient.suite.settings.mode
    if now == "live":
        return Finding("mode", "ok", "")
    return Finding("mode", "problem", now, patient.say(
        "Retirez RELANCE_MODE de vos réglages, puis redémarrez.", "Take RELANCE_MODE out of your settings, and restart."
    ))


def address(patient: Patient) -> Finding:
    """What can be said of the public address without asking anybody."""
    url = patient.suite.settings.public_url
    parts = urlsplit(url)
    if parts.hostname in ("127.0.0.1", "localhost", "::1", None):
        return Finding("address", "problem", url, patient.say(
            "Réglez RELANCE_PUBLIC_URL sur l'adresse que les plateformes et les opérateurs appelleront.",
            "Set RELANCE_PUBLIC_URL to the address that platforms and providers will call."))
    if parts.scheme != "https":
        return Finding("address", "warning", url, patient.say(
            "Mettez Relance derrière un serveur HTTPS.", "Put Relance behind an HTTPS server."))
    return Finding("address", "ok", url)


def way_out(patient: Patient) -> Finding:
    """An account that reaches real phones, and is not in trouble."""
    suite = patient.suite
    with suite.database.read(patient.workspace) as tx:
        rows = [row for row in accounts.listed(tx, suite.vault, suite.public_url)
                if (one := suite.providers.get(row.account.provider)) is not None and not one.for_tests]
    well = [row for row in rows if row.state == "active" and row.trouble is None]
    if well:
        return Finding("provider", "ok", ", ".join(row.name for row in well))
    if not rows:
        return Finding("provider", "problem", patient.say("simulateur seulement", "simulator only"), patient.say(
            "Ajoutez un compte d'envoi : rien n'atteint un vrai téléphone.",
            "Add a provider account: nothing reaches a real phone."))
    first = rows[0]
    said = first.trouble.sentence(patient.language) if first.trouble else first.state
    return Finding("provider", "problem", f"{first.name}: {said}", patient.say(
        "Vérifiez la clé et le crédit de ce compte.", "Check the account's key and credit."))

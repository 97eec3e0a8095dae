"""Adobe Campaign (Classic v7, v8, Standard): it binds to us by SMPP 3.4, hands in messages, hears what became of them.

Facts: Adobe's pages on the SMS connector's protocol and settings, and SMPP 3.4. Campaign is always the one who calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import (
    Check,
    Checks,
    Configured,
    Entry,
    Gate,
    HandsOver,
    Installation,
    Keeper,
    Manifest,
    Reading,
    Report,
    ReportsInBatches,
    Served,
    Serves,
    SharedSecret,
    Slip,
    Tools,
    Word,
)
from core.domain.errors import NotNow
from core.domain.events import Kind
from core.domain.reasons import Reason
from integrations.adobe_campaign import choices, receipts, submits
from integrations.adobe_campaign.listener import Listener
from integrations.adobe_campaign.session import Pace

LISTENER_SEEN_WITHIN = timedelta(minutes=3)
_YES, _NO = {"fr": "oui", "en": "yes"}, {"fr": "non", "en": "no"}
_OFF = {"fr": "désactivé", "en": "off"}
_AS_IS = {"fr": "tel quel", "en": "as is"}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class AdobeCampaign(Serves, ReportsInBatches, HandsOver, Checks):
    """Any program that binds as an SMPP client does the same; the words on its pages are Campaign's."""

    manifest = Manifest(
        slug="adobe_campaign", name="Adobe Campaign", kinds=frozenset({Kind.REQUEST}),
        auth=(SharedSecret("system_id"),),
    )  # fmt: skip
    gate = "smpp"
    typed = choices.ASKED
    report_size = 500

    def __init__(self, tools: Tools, pace: Pace | None = None) -> None:
        super().__init__(tools)
        self._pace = pace or Pace()
        self._listener: Listener | None = None

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """`{}`, or any of `system_id`, `class`, `consent`, `sender`, `numbers`, `reply_to`, `networks`, `connections`,
        `window`, `rate`; see README.md. The password is made here."""
        return choices.configured(config)

    def handed(self, installation: Installation) -> Mapping[str, str]:
        return {"password": str(installation.secrets.get("password", ""))}

    # ------------------------------------------------------------------ what is handed in

    def serve(self, gate: Gate, keeper: Keeper) -> Served:
        self._listener = Listener(gate, keeper, self._pace)
        return self._listener

    def read(self, installation: Installation, slips: Sequence[tuple[str, Slip]], at: datetime) -> Reading:
        return submits.reading(installation, slips, at)

    # ------------------------------------------------------------------ what is told

    def wants(self, installation: Installation) -> bool:
        return True

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        trouble = self.report_all(installation, [report], now)[0]
        if trouble is not None:
            raise trouble

    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        if self._listener is None:
            # Another process has the lines, and tells.
            raise NotNow("adobe_campaign_no_receiver", timedelta(minutes=1))
        return self._listener.tell(installation.id, [receipts.sayings(installation, one) for one in reports])

    # ------------------------------------------------------------------ what people over there need

    def sheet(self, installation: Installation) -> tuple[Entry, ...]:
        """The fields of the external account, as Classic and v8 name them."""
        gate, config = self.tools.gates[self.gate], installation.config
        encrypted = gate.certificate is not None
        lines = int(config.get("connections") or 20)
        return (
            _entry("SMSC implementation name", "Relance", "Ne le changez plus : les erreurs connues y sont rattachées.",
                   "Never change it: known errors hang on it.", "Nom d'implémentation du SMSC"),
            _entry("Server", gate.name, "", "", "Serveur"),
            _entry("Port", str(gate.port or ""), "", "", "Port"),
            _entry("Account (login, system_id)", str(config.get("system_id", "")),
                   "Un identifiant par compte externe, jamais partagé.",
                   "One for each external account, never shared.", "Compte (login, system_id)"),
            Entry({"fr": "Mot de passe", "en": "Password"}, str(installation.secrets.get("password", "")),
                  {"fr": "8 caractères, montrés une fois.", "en": "8 characters, shown once."}, secret=True),
            _entry("System type", "", "Laissez vide.", "Leave it empty.", "Type de système"),
            _entry("Connection mode", "TX + RX / TRX",
                   "Émetteur et récepteur séparés (v7), ou transceiver (v8, Standard).",
                   "Transmitter and receiver apart (v7), or transceiver (v8, Standard).", "Mode de connexion"),
            _entry("MTA child connections", "1",
                   f"Commencez par 1. En tout, {lines} connexions au plus sont acceptées.",
                   f"Begin with 1. In all, {lines} connections at most are taken.", "Connexions par processus MTA"),
            _entry("Enable TLS", _YES if encrypted else _NO,
                   "Sans ignorer le contrôle du certificat." if encrypted else "Le chiffrement n'est pas réglé ici.",
                   "Without skipping the certificate check." if encrypted else "Encryption is not set up here.",
                   "Activer TLS"),
            _entry("Maximum MT throughput", str(config.get("rate") or 100),
                   "Par seconde, toutes connexions ensemble : divisez par leur nombre.",
                   "A second, all connections together: divide by their number.", "Débit MT maximal"),
            _entry("Sending window", str(config.get("window") or 50), "", "", "Fenêtre d'envoi"),
            _entry("Enquire_link period", "60", "En secondes.", "In seconds.", "Période enquire_link"),
            _entry("Encoding mapping", "0 = GSM, 8 = UCS-2", "", "", "Tableau d'encodage"),
            _entry("message_payload", _OFF, "Les deux manières sont comprises.", "Both ways are understood.",
                   "message_payload"),
            _entry("ID format in MT ack / in SR", _AS_IS, "", "", "Format de l'identifiant (MT, SR)"),
            _entry("Send full phone number", _YES if config.get("numbers") == "plus" else _NO, "", "",
                   "Envoyer le numéro complet (+)"),
        )  # fmt: skip

    def words(self) -> tuple[Word, ...]:
        return receipts.words()

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """What the process that listens has noted, and the certificate's file. No network."""
        gate = self.tools.gates[self.gate]
        lines: Mapping[str, Any] = installation.memory.get("lines") or {}
        seen = lines.get("at")
        found: list[Check] = []
        alive = isinstance(seen, str) and abs(now - datetime.fromisoformat(seen)) <= LISTENER_SEEN_WITHIN
        address = {"address": f"{gate.host}:{gate.port}"}
        found.append(Check("listener") if alive
                     else Check("listener", "problem", Reason("adobe_campaign_not_listening", address)))  # fmt: skip
        local = gate.host in _LOOPBACK
        if alive and local and not gate.chosen:
            found.append(Check("address", "warning", Reason("adobe_campaign_only_here", address)))
        if gate.certificate is None and not local:
            found.append(Check("encryption", "warning", Reason("adobe_campaign_in_clear")))
        elif gate.certificate is not None:
            found.append(_certificate(gate, now))
        if alive:
            none = not lines.get("in") and not lines.get("out")
            deaf = Reason("adobe_campaign_nobody" if none else "adobe_campaign_no_receiver")
            silent = none or not lines.get("out")
            found.append(Check("bound", "warning", deaf) if silent else Check("bound"))
        return tuple(found)


def _entry(english: str, value: str | Mapping[str, str], note_fr: str, note_en: str, french: str) -> Entry:
    return Entry({"fr": french, "en": english}, value, {"fr": note_fr, "en": note_en})


def _certificate(gate: Gate, now: datetime) -> Check:
    # Nobody else needs it at the start of a process.
    from cryptography import x509

    assert gate.certificate is not None
    try:
        read = x509.load_pem_x509_certificate(gate.certificate.read_bytes())
    except (OSError, ValueError):
        return Check("certificate", "problem", Reason("adobe_campaign_certificate", {"file": gate.certificate.name}))
    ends = read.not_valid_after_utc.astimezone(UTC)
    if ends - now < timedelta(days=14):
        result = "problem" if ends <= now else "warning"
        return Check("certificate", result, Reason("adobe_campaign_certificate_ends", {"at": f"{ends:%Y-%m-%d}"}))
    return Check("certificate")

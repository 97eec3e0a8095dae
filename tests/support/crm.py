"""A small CRM without a network, for tests of the pages about records: contacts in a list, and workflows that ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import (
    Configured,
    ConsentWord,
    Counts,
    Installation,
    Limit,
    Limits,
    Manifest,
    Maps,
    Property,
    Record,
    Records,
    SharedSecret,
    Slot,
)
from core.domain.errors import BadInput, InvalidNumber, NotNow
from core.domain.events import Event, Evidence, Kind, Wish
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import applying
from core.storage import installations
from core.suite import Suite

LABELS = {"mobile": "Téléphone portable", "office": "Téléphone du bureau", "no_sms": "Refuse les SMS",
          "yes_ads": "Veut nos offres", "ends_on": "Fin de contrat", "visit_on": "Prochaine visite"}
LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class PaperCRM(Maps, Counts, Limits):
    """`contacts[id]` are their properties. `away` is raised instead of an answer; `asked` counts calls."""

    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    away: Exception | None = None
    asked: int = 0
    page: int = 200

    manifest = Manifest("paper", "Fichier clients", (SharedSecret("x-paper"),),
                        frozenset({Kind.REQUEST, Kind.CONTACT}))  # fmt: skip
    removed = ({"fr": "L'action disparaît de vos parcours.", "en": "The action vanishes from your workflows."},)
    stays = ({"fr": "Les refus notés sur les fiches.", "en": "The refusals noted on records."},)

    def slots(self, installation: Installation, now: datetime) -> tuple[Slot, ...]:
        self._call()
        config = installation.config
        return (
            Slot("phones", {"fr": "Numéro de téléphone", "en": "Telephone number"}, _named("mobile", "office"),
                 tuple(config.get("phones", ("mobile",))), {"fr": "Le premier rempli compte.", "en": "First filled."},
                 {"fr": "Contacts", "en": "Contacts"}, most=3, ordered=True),
            Slot("no", {"fr": "Refus des messages", "en": "Refusal"}, _named("no_sms", "yes_ads"),
                 tuple(config.get("no", ())), group={"fr": "Contacts", "en": "Contacts"}),
            Slot("dates", {"fr": "Dates à suivre", "en": "Dates to follow"}, _named("ends_on", "visit_on"),
                 tuple(config.get("dates", ())), group={"fr": "Contacts", "en": "Contacts"}, most=5),
        )  # fmt: skip

    def mapped(self, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        for name, ids in chosen.items():
            if set(ids) - set(LABELS):
                raise BadInput("unknown_field", pointer=f"/{name}", name=name, text=ids[0])
        return {**installation.config, **{name: list(ids) for name, ids in chosen.items()}}

    def samples(self, installation: Installation, search: str, now: datetime) -> tuple[Record, ...]:
        self._call()
        found = [id for id, one in self.contacts.items() if search.casefold() in " ".join(one.values()).casefold()]
        return tuple(self._record(installation, id) for id in found[:5])

    def records(self, installation: Installation, after: str | None, now: datetime) -> Records:
        self._call()
        ids, start = sorted(self.contacts), int(after or 0)
        end = start + self.page
        return Records(tuple(self._record(installation, id) for id in ids[start:end]),
                       str(end) if end < len(ids) else None)  # fmt: skip

    def limits(self, installation: Installation, now: datetime) -> tuple[Limit, ...]:
        self._call()
        return (Limit({"fr": "Appels aujourd'hui", "en": "Calls today"}, used=12_400, most=15_000),)

    def _call(self) -> None:
        self.asked += 1
        if self.away is not None:
            raise self.away

    def _record(self, installation: Installation, id: str) -> Record:
        one, config = self.contacts[id], installation.config
        who, trouble, evidence = None, Reason("no_number"), None
        for name in config.get("phones", ("mobile",)):
            if one.get(name):
                try:
                    who, evidence = Recipient.parse(one[name], "FR"), Evidence(name, one[name])
                    break
                except InvalidNumber as error:
                    trouble = error.reason
        words = [ConsentWord(False, LONG_AGO, "marketing", subject=id) for name in config.get("no", ())
                 if one.get(name)]  # fmt: skip
        words += [ConsentWord(True, LONG_AGO, "marketing", subject=id)] if one.get("yes_ads") else []
        event = Event(Kind.CONTACT, f"contact/{id}", LONG_AGO, recipient=who, trouble=None if who else trouble,
                      evidence=evidence, values={"first_name": one["name"].split()[0], "name": one["name"]},
                      subject=id)  # fmt: skip
        dates = tuple(
            Event(Kind.CONTACT, f"contact/{id}/{name}", LONG_AGO, start=datetime.fromisoformat(f"{one[name]}T00:00Z"),
                  zone="UTC", all_day=True, private={"date": name})
            for name in config.get("dates", ()) if one.get(name)
        )  # fmt: skip
        shown = tuple((Property(name, LABELS[name]), one.get(name, "")) for name in LABELS if one.get(name))
        return Record(id, one["name"], event, shown, tuple(words), dates=dates, link=f"https://crm.example/{id}")


def crm() -> PaperCRM:
    """One with four people: reachable, refusing, with a wrong number, without one."""
    return PaperCRM(contacts={
        "1": {"name": "Ana Roux", "mobile": "06 39 98 00 01", "yes_ads": "oui", "ends_on": "2026-12-20"},
        "2": {"name": "Bob Petit", "mobile": "06 39 98 00 08", "office": "01 99 00 12 34", "no_sms": "oui",
              "yes_ads": "oui"},
        "3": {"name": "Chloé Blanc", "mobile": "12"},
        "4": {"name": "David Noir", "office": "06 39 98 00 09"},
    })  # fmt: skip


def connect(suite: Suite, workspace: str, now: datetime) -> str:
    """A live connection; its id."""
    with suite.database.write(workspace) as tx:
        made = installations.add(tx, suite.vault, "paper", "Clients du club", Configured({}, {}), now,
                                 zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip
        installations.change(tx, made, mode="live", live_since=now)
    return made


def enrol(suite: Suite, workspace: str, installation: str, campaign: str, numbers: Sequence[str | None], *,
          label: str = "", klass: str = "transactional", body: str = "Bonjour {{ first_name }}",
          key: Callable[[int], str] | None = None, **wish: Any) -> None:  # fmt: skip
    """People come to a step of the workflow `campaign`."""
    now = suite.now()
    with suite.database.write(workspace) as tx:
        row = installations.get(tx, suite.vault, installation, suite.public_url)
        assert row is not None
        events = [
            Event(Kind.REQUEST, key(place) if key else f"{campaign}/{place}", now, subject=str(place),
                  recipient=Recipient.parse(number, "FR") if number else None,
                  trouble=None if number else Reason("no_number"), values={"first_name": "Ana"},
                  wish=Wish(klass, body=body, campaign=campaign, label=label or campaign,
                            until=now + timedelta(days=2), **wish))
            for place, number in enumerate(numbers)
        ]  # fmt: skip
        applying.accept(tx, row, events, now)


def _named(*names: str) -> tuple[Property, ...]:
    return tuple(Property(name, LABELS[name]) for name in names)


AWAY = NotNow("vendor_away", timedelta(minutes=1), vendor="Fichier clients")

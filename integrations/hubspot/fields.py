"""Which properties hold the number, the refusal and the dates: offered by label, shown on a contact, and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.contract import Installation, Limit, PeopleList, Property, Record, Records, Slot
from core.domain.errors import BadInput, InvalidNumber, NeedsReconnect
from core.domain.events import Event, Evidence, Kind
from integrations.hubspot import consents, dates, people, schemas, ways
from integrations.hubspot.client import Account, HubSpotSaysNo

PAGE = 200
MEMBERS = 100
MOST_OFFERED_LISTS = 500
LISTS = "crm.lists.read"
CONTACTS = "0-1"
"""HubSpot's number of the kind of record that a contact is."""
MOST_SAMPLES = 5
MOST_OFFERED = 60
_PHONE = re.compile(r"phone|mobile|portable|\btel|tél|gsm|whatsapp|sms", re.IGNORECASE)
_LATE_PHONE = re.compile(r"calculated|fax|whatsapp", re.IGNORECASE)
_CONSENT = re.compile(r"sms|opt|consent|accord|stop|refus|désinscri|marketing|rgpd|gdpr", re.IGNORECASE)
_LISTS = ("phones", "dates")
_WORDS = ("opt_out", "opt_in", "subscription")
REMOVED = (
    {"fr": "L'application est retirée du compte HubSpot : ses actions ne s'exécutent plus dans vos workflows.",
     "en": "The application is taken out of the HubSpot account: its actions no longer run in your workflows."},
    {"fr": "HubSpot ne nous prévient plus de rien, et nos clés d'accès sont effacées ici.",
     "en": "HubSpot tells us nothing any more, and our access keys are deleted here."},
)
STAYS = (
    {"fr": "La propriété « Refuse les SMS (Relance) » et ses valeurs : elles portent les refus de vos contacts.",
     "en": "The property “Refuse les SMS (Relance)” and its values: they hold your contacts' refusals."},
    {"fr": "Les messages notés sur les fiches, et les étapes dans vos workflows : retirez-les quand vous voulez.",
     "en": "The messages noted on contacts' pages, and the steps in your workflows: take them out when you like."},
)


def slots(installation: Installation, account: Account) -> tuple[Slot, ...]:
    """The questions, with the account's own properties."""
    config, rows = installation.config, [one for one in account.properties() if one.get("hidden") is not True]
    phones, opt_out = ways.phones(config), ways.opt_out(config, installation.memory)
    agreed = str(config["opt_in"]) if config.get("opt_in") else None
    followed = tuple(str(one) for one in config.get("dates") or ())
    asked = [
        Slot(
            "phones", {"fr": "Numéro de téléphone", "en": "Telephone number"},
            _offered(rows, _is_phone, phones, _late), tuple(phones),
            {"fr": "Le premier champ qui contient un numéro de mobile compte.",
             "en": "The first field that holds a mobile number counts."},
            most=3, ordered=True, usual=not config.get("phones")),
        Slot(
            "opt_out", {"fr": "Refus des messages", "en": "Refusal of messages"},
            _offered(rows, _is_box, (opt_out,), _not_consent), (opt_out,) if opt_out else (),
            {"fr": "Cochée par un STOP, et relue avant chaque envoi.",
             "en": "Ticked by a STOP, and read again before each message."},
            usual=not config.get("opt_out")),
        Slot(
            "opt_in", {"fr": "Accord pour la publicité", "en": "Consent to advertising"},
            _offered(rows, _is_box, (agreed,), _not_consent), (agreed,) if agreed else (),
            {"fr": "Une case que la personne coche pour dire oui. Sans accord, aucun message Marketing ne part.",
             "en": "A box that the person ticks to say yes. Without consent no Marketing message leaves."}),
        Slot(
            "dates", {"fr": "Dates à suivre", "en": "Dates to follow"},
            _offered(rows, _is_date, followed), followed,
            {"fr": "Vos règles peuvent en parler : « 15 jours avant la fin du contrat ». Cinq au plus.",
             "en": "Your rules can speak of them: “15 days before the contract ends”. Five at the most."},
            most=ways.MOST_DATES),
    ]  # fmt: skip
    kinds = _subscriptions(account)
    chosen = str(config["subscription"]) if config.get("subscription") else None
    if kinds or chosen:
        asked.insert(3, Slot(
            "subscription", {"fr": "Type d'abonnement", "en": "Subscription type"},
            (*kinds, *(Property(one, one) for one in [chosen] if one and one not in {kind.id for kind in kinds})),
            (chosen,) if chosen else (),
            {"fr": "Demandé à HubSpot juste avant chaque message Marketing ; un STOP y met fin.",
             "en": "Asked of HubSpot just before each Marketing message; a STOP ends it."}))
    return tuple(asked)


def mapped(config: Mapping[str, Any], memory: Mapping[str, Any],
           chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The account's new `config`. What is usual stays unsaid. Raises `BadInput` with the slot as its pointer."""
    changed = dict(config)
    for name, ids in chosen.items():
        given = [one for one in ids if one]
        if name in _LISTS:
            usual = name == "phones" and not config.get("phones") and tuple(given) == ways.PHONES
            changed[name] = [] if usual else given
        elif name in _WORDS:
            usual = name == "opt_out" and not config.get("opt_out") and given == [memory.get("opt_out")]
            changed[name] = given[0] if given and not usual else None
        else:
            raise BadInput("hubspot_field_unknown", pointer=f"/{name[:40]}", field=name[:40],
                           known=", ".join((*_LISTS, *_WORDS)))
        if not changed[name]:
            changed.pop(name)
    if changed.get("opt_in") and changed["opt_in"] == ways.opt_out(changed, memory):
        raise BadInput("fields_contradict", pointer="/opt_in")
    try:
        return {**changed, **ways.wishes(changed)}
    except BadInput as error:
        slot = error.pointer.removeprefix("/config/").partition("/")[0]
        raise BadInput(error.reason.code, pointer=f"/{slot}", **error.reason.values) from error


def samples(installation: Installation, account: Account, search: str) -> tuple[Record, ...]:
    """Contacts of that name, address, number or id; without `search` those that changed last."""
    labels = {str(one.get("name")): str(one.get("label") or one.get("name")) for one in account.properties()}
    wanted = dates.wanted_properties(installation)
    found: list[Mapping[str, Any]]
    if not search:
        everybody = [{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": "0"}]}]
        found = account.search(everybody, wanted, sort="-lastmodifieddate", limit=MOST_SAMPLES)
    else:
        number = _number(search, installation.country)
        found = list(consents.find(installation, account, number, wanted)) if number else account.search(
            _named(search), wanted, limit=MOST_SAMPLES)  # fmt: skip
    if not found:
        return ()
    # Once more with the history of what they agreed to: since when somebody refuses is in it.
    known = account.contacts([str(one.get("id")) for one in found[:MOST_SAMPLES]], wanted,
                             consents.properties_of(installation))
    order = [str(one.get("id")) for one in found]
    known.sort(key=lambda one: order.index(str(one.get("id"))) if str(one.get("id")) in order else len(order))
    return tuple(_record(installation, one, labels) for one in known)


def records(installation: Installation, account: Account, after: str | None) -> Records:
    """The next two hundred contacts, by record number."""
    last = after if after and after.isdecimal() else "0"
    groups = [{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": last}]}]
    page = account.search(groups, dates.wanted_properties(installation), sort="hs_object_id", limit=PAGE)
    ids = [int(str(one.get("id"))) for one in page if str(one.get("id", "")).isdecimal()]
    more = len(page) == PAGE and bool(ids) and max(ids) > int(last)
    return Records(tuple(_record(installation, one, {}) for one in page), str(max(ids)) if more else None)


def lists(installation: Installation, account: Account) -> tuple[PeopleList, ...]:
    """The lists of contacts. Raises `BadInput` where the connection was made without the right to read them."""
    if LISTS not in (installation.memory.get("scopes") or installation.config.get("scopes") or ()):
        raise BadInput("hubspot_lists_closed")
    found: list[PeopleList] = []
    start = 0
    while len(found) < MOST_OFFERED_LISTS:
        rows, more = account.lists(start)
        start += len(rows)
        for one in rows:
            further = one.get("additionalProperties")
            size = str(further.get("hs_list_size", "")) if isinstance(further, Mapping) else ""
            if str(one.get("objectTypeId")) == CONTACTS and str(one.get("listId", "")).isdecimal():
                found.append(PeopleList(
                    str(one["listId"]), str(one.get("name") or one["listId"])[:120],
                    int(size) if size.isdecimal() else None))
        if not more or not rows:
            break
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


def records_of(installation: Installation, account: Account, name: str, after: str | None) -> Records:
    """The next hundred contacts of a list, by record number."""
    if not name.isdecimal():
        raise BadInput("hubspot_list_gone")
    try:
        ids, onward = account.members(name, after, MEMBERS)
    except HubSpotSaysNo as error:
        if error.http_status != 404:
            raise
        raise BadInput("hubspot_list_gone") from error
    found = account.contacts(ids, dates.wanted_properties(installation)) if ids else []
    return Records(tuple(_record(installation, one, {}) for one in found), onward)


def limits(allowance: Mapping[str, int]) -> tuple[Limit, ...]:
    """The account's calls, as HubSpot's last answer counted them."""
    found = []
    if most := allowance.get("Daily"):
        found.append(Limit(
            {"fr": "Appels aujourd'hui", "en": "Calls today"},
            {"fr": "Remis à zéro à minuit, dans le fuseau du compte HubSpot.",
             "en": "Back to zero at midnight, in the zone of the HubSpot account."},
            used=most - allowance.get("Daily-Remaining", most), most=most))
    if most := allowance.get("Max"):
        found.append(Limit(
            {"fr": "Appels par tranche de dix secondes", "en": "Calls in ten seconds"},
            {"fr": "Au-delà, nous attendons ; rien n'est perdu.", "en": "Beyond that we wait; nothing is lost."},
            used=most - allowance.get("Remaining", most), most=most))
    found.append(Limit(
        {"fr": "Recherches par seconde", "en": "Searches in a second"},
        {"fr": "Partagées entre toutes les applications du compte.",
         "en": "Shared by all applications of the account."},
        most=5))
    return tuple(found)


# A record in our words --------------------------------------------------------------------------------------------


def _record(installation: Installation, record: Mapping[str, Any], labels: Mapping[str, str]) -> Record:
    said, identity = consents.texts(record), str(record.get("id", ""))
    country = people.country_of(said, installation.country)
    names = ways.phones(installation.config)
    who, trouble = people.found(said, names, country)
    known, tongue = people.values(said), people.language(said)
    read = dict.fromkeys(("firstname", "lastname", "email", *names, *people.COUNTRY, "hs_language",
                          *consents.properties_of(installation), *(installation.config.get("dates") or ())))
    changed = schemas.moment(record.get("updatedAt")) or consents.LONG_AGO
    event = Event(
        Kind.CONTACT, f"contact/{identity}", changed, recipient=who, trouble=trouble,
        zone=installation.zone, email=people.email(said), subject=f"contact/{identity}",
        evidence=_evidence(said, names, country, who.number) if who else None,
        values={**known, **({"language": tongue} if tongue else {})})
    return Record(
        identity, known.get("name") or said.get("email") or f"Contact {identity}", event,
        shown=tuple((Property(name, labels.get(name, name)), said.get(name, "")) for name in read
                    if name in said or name in names),
        consents=tuple(consents.read(installation, record, f"contact/{identity}")),
        asked_later=bool(installation.config.get("subscription")),
        dates=tuple(dates.occasions(installation, record)),
        link=f"https://app.hubspot.com/contacts/{installation.config['portal_id']}/record/0-1/{identity}")


def _evidence(said: Mapping[str, str], names: Sequence[str], country: str, number: str) -> Evidence | None:
    for name in names:
        try:
            if said.get(name) and people.recipient(said[name], country).number == number:
                return Evidence(name, said[name][:60])
        except InvalidNumber:
            continue
    return None


def _number(search: str, country: str) -> str | None:
    if "@" in search or sum(letter.isdigit() for letter in search) < 8:
        return None
    try:
        return people.recipient(search, country).number
    except InvalidNumber:
        return None


def _named(search: str) -> list[dict[str, Any]]:
    """An id, an address, a name: HubSpot compares without regard to case."""
    def equal(name: str, value: str) -> dict[str, str]:
        return {"propertyName": name, "operator": "EQ", "value": value}

    first, _, last = search.partition(" ")
    groups = [[equal("email", search.lower())], [equal("lastname", search)], [equal("firstname", search)]]
    if last.strip():
        groups.append([equal("firstname", first), equal("lastname", last.strip())])
    if search.isascii() and search.isdecimal():
        groups.append([equal("hs_object_id", search)])
    return [{"filters": filters} for filters in groups]


# What is offered --------------------------------------------------------------------------------------------------


def _offered(rows: Iterable[Mapping[str, Any]], fits: Any, chosen: Iterable[str | None],
             late: Any = lambda one: False) -> tuple[Property, ...]:
    kept = [one for one in chosen if one]
    by_name = {str(one.get("name")): one for one in rows}
    found = [one for one in by_name.values() if str(one.get("name")) in kept or fits(one)]
    found.sort(key=lambda one: (str(one.get("name")) not in kept, late(one), str(one.get("label") or "").casefold()))
    offered = [Property(str(one["name"]), str(one.get("label") or one["name"])) for one in found[:MOST_OFFERED]]
    # What was chosen and is no longer there is shown by its name: that it is gone is for a person to see.
    return (*offered, *(Property(one, one) for one in kept if one not in by_name))


def _texts(one: Mapping[str, Any]) -> Iterator[str]:
    yield str(one.get("name") or "")
    yield str(one.get("label") or "")


def _is_phone(one: Mapping[str, Any]) -> bool:
    if one.get("type") == "phone_number" or one.get("fieldType") == "phonenumber":
        return True
    return one.get("type") in ("string", "number") and any(_PHONE.search(text) for text in _texts(one))


def _late(one: Mapping[str, Any]) -> bool:
    return any(_LATE_PHONE.search(text) for text in _texts(one))


def _is_box(one: Mapping[str, Any]) -> bool:
    return one.get("type") == "bool" or one.get("fieldType") == "booleancheckbox"


def _not_consent(one: Mapping[str, Any]) -> bool:
    return not any(_CONSENT.search(text) for text in _texts(one))


def _is_date(one: Mapping[str, Any]) -> bool:
    own = not str(one.get("name", "")).startswith("hs_") and one.get("name") not in (
        "createdate", "lastmodifieddate", "closedate", "notes_last_updated", "notes_last_contacted",
        "notes_next_activity_date", "first_conversion_date", "recent_conversion_date", "recent_deal_close_date",
        "first_deal_created_date", "hubspot_owner_assigneddate")
    return one.get("type") in ("date", "datetime") and own


def _subscriptions(account: Account) -> tuple[Property, ...]:
    """The kinds that the account has; none where the permission was not given."""
    try:
        rows = account.kinds_of_subscription()
    except (HubSpotSaysNo, NeedsReconnect) as error:
        if error.reason.code == "token_refused":
            raise
        return ()
    return tuple(Property(str(one["id"]), str(one.get("name") or one["id"])) for one in rows[:MOST_OFFERED]
                 if one.get("id") and one.get("isActive") is not False)

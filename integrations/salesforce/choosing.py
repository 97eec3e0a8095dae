"""Which fields hold the number, the refusal and the dates: offered by label, shown on a record, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.contract import Installation, Limit, PeopleList, Property, Record, Records, Slot
from core.domain.errors import BadInput
from core.domain.events import Event, Kind
from core.domain.reasons import Reason
from integrations.salesforce import fields, pulling, records
from integrations.salesforce.client import Client, Missing, SalesforceSaysNo
from integrations.salesforce.ids import long_id
from integrations.salesforce.shapes import Shape

MOST_SAMPLES = 5
MOST_OFFERED = 60
MOST_LISTS = 500
PAGE = 100
MOST_OFFSET = 2_000
"""Salesforce goes no further into a list view."""
ALSO = "also"
# Objects that often bear a date that matters, beside people.
DATED = ("Contract", "Opportunity", "Case", "Asset", "Order", "WorkOrder", "ServiceAppointment")
_PEOPLE = ("Contact", "Lead")
_OWN_NAMES: Mapping[str, Mapping[str, str]] = {
    "Contact": {"fr": "Contacts", "en": "Contacts"},
    "Lead": {"fr": "Pistes", "en": "Leads"},
    "Account": {"fr": "Comptes personnels", "en": "Person accounts"},
    "Contract": {"fr": "Contrats", "en": "Contracts"},
    "Opportunity": {"fr": "Opportunités", "en": "Opportunities"},
    "Case": {"fr": "Requêtes", "en": "Cases"},
    "Asset": {"fr": "Actifs", "en": "Assets"},
    "Order": {"fr": "Commandes", "en": "Orders"},
    "WorkOrder": {"fr": "Ordres d'exécution", "en": "Work orders"},
    "ServiceAppointment": {"fr": "Rendez-vous de service", "en": "Service appointments"},
}  # fmt: skip
_PHONE = re.compile(r"phone|mobile|portable|\btel|tél|gsm|sms", re.IGNORECASE)
_LATE_PHONE = re.compile(r"fax|assistant|other|home", re.IGNORECASE)
_CONSENT = re.compile(r"sms|opt|consent|accord|agree|stop|refus|solicit|marketing|rgpd|gdpr|donot", re.IGNORECASE)
_LANGUAGE = re.compile(r"langu", re.IGNORECASE)
_SYSTEM = frozenset({
    "CreatedDate", "LastModifiedDate", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate",
    "LastCURequestDate", "LastCUUpdateDate", "EmailBouncedDate", "FirstCallDateTime", "FirstEmailDateTime",
    "Relance_SMS_Opt_Out_At__c", "Relance_SMS_Status_At__c", "Relance_SMS_Opt_Out_At__pc", "Relance_SMS_Status_At__pc",
})  # fmt: skip
_MOST = {"phones": 3, "opt_out": 3, "marketing_opt_out": 3, "dates": 5, "record_types": 20}
_WORDS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "phones": (
        {"fr": "Numéro de téléphone", "en": "Telephone number"},
        {"fr": "Le premier champ qui contient un numéro compte.",
         "en": "The first field that holds a number counts."}),
    "opt_out": (
        {"fr": "Refus des messages", "en": "Refusal of messages"},
        {"fr": "Cochée par un STOP, et relue avant chaque envoi.",
         "en": "Ticked by a STOP, and read again before each message."}),
    "marketing_opt_out": (
        {"fr": "Refus de la publicité seulement", "en": "Refusal of advertising only"}, {}),
    "opt_in_at": (
        {"fr": "Date de l'accord pour la publicité", "en": "Date of the consent to advertising"},
        {"fr": "Une case cochée ne dit pas quand : un accord compte avec sa date.",
         "en": "A ticked box does not say when: a consent counts with its date."}),
    "dates": (
        {"fr": "Dates à suivre", "en": "Dates to follow"},
        {"fr": "Vos règles peuvent en parler : « 15 jours avant la fin du contrat ».",
         "en": "Your rules can speak of them: “15 days before the contract ends”."}),
    "language": ({"fr": "Langue", "en": "Language"}, {}),
    "person": (
        {"fr": "À qui écrire", "en": "Whom to write to"},
        {"fr": "Le champ qui mène à la personne.", "en": "The field that leads to the person."}),
    "record_types": (
        {"fr": "Types d'enregistrement", "en": "Record types"},
        {"fr": "Rien de coché : tous.", "en": "None ticked: all of them."}),
}
REMOVED = (
    {"fr": "Notre accès à l'organisation est révoqué et nos clés sont effacées ici.",
     "en": "Our access to the org is revoked, and our keys are deleted here."},
    {"fr": "Les flux qui nous appellent reçoivent un refus : désactivez-les ou retirez l'action.",
     "en": "Flows that call us are refused: switch them off, or take the action out."},
)
STAYS = (
    {"fr": "Les messages (objet « Relance Message »), leurs rapports et les tâches : c'est votre historique.",
     "en": "The messages (object “Relance Message”), their reports and the tasks: they are your history."},
    {"fr": "Les cases de refus sur les fiches : elles portent le choix des personnes.",
     "en": "The refusal boxes on records: they hold what people chose."},
    {"fr": "Le package : Configuration > Packages installés > Relance > Désinstaller, quand les flux ne l'utilisent "
           "plus.",
     "en": "The package: Setup > Installed Packages > Relance > Uninstall, once no flow uses it any more."},
)

Describe = Callable[[str], Mapping[str, Any]]
ShapeOf = Callable[[str], Shape | None]


def slots(describe: Describe, installation: Installation) -> tuple[Slot, ...]:
    """The questions: for each kind of person, and each other object that was chosen."""
    mapping, stated = fields.mapping(installation.config), installation.config.get("objects") or {}
    found: list[Slot] = []
    for name, mapped in mapping.items():
        if (described := _described(describe, name)) is None or (name == "Account" and not _has_persons(described)):
            continue
        group = _group(name, described)
        for field in _asked(mapped):
            offered, chosen = _offered(described, mapped, field), _chosen(mapped, field)
            if not offered and not chosen:
                continue
            label, help = _WORDS[field]
            found.append(Slot(
                f"{name}.{field}", label, offered, chosen, help, group, most=_MOST.get(field, 1),
                ordered=field == "phones", usual=field not in stated.get(name, {})))  # fmt: skip
    others = list(dict.fromkeys((*(one for one in mapping if one not in _PEOPLE), "Account", *DATED)))
    there = [(name, described) for name in others if (described := _described(describe, name)) is not None
             and (name != "Account" or _has_persons(described) or name in mapping)]
    if there:
        found.append(Slot(
            ALSO, {"fr": "Autres enregistrements à suivre", "en": "Other records to follow"},
            tuple(Property(name, str(described.get("labelPlural") or name)) for name, described in there),
            tuple(name for name in mapping if name not in _PEOPLE),
            {"fr": "Enregistrez, et leurs champs apparaissent ici.", "en": "Save, and their fields appear here."},
            most=len(there)))  # fmt: skip
    return tuple(found)


def mapped(config: Mapping[str, Any], chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The org's new `config`. What is usual stays unsaid. Raises `BadInput` with the slot as its pointer."""
    stated = {name: dict(of) for name, of in (config.get("objects") or {}).items()}
    if ALSO in chosen:
        kept = [one for one in chosen[ALSO] if one]
        stated = {name: of for name, of in stated.items() if name in _PEOPLE or name in kept}
        stated |= {name: {} for name in kept if name not in stated}
    for slot, ids in chosen.items():
        name, dot, field = slot.partition(".")
        given = [one for one in ids if one]
        if slot == ALSO or (name not in _PEOPLE and name not in stated):
            continue
        if not dot or field not in _WORDS:
            raise BadInput("salesforce_field_unknown", pointer=f"/{slot[:60]}", field=field[:40],
                           known=", ".join(sorted(_WORDS)))  # fmt: skip
        own = stated.setdefault(name, {})
        if field not in own and tuple(given) == _chosen(fields.usual(name), field):
            continue
        own[field] = given if field in _MOST else (given[0] if given else None)
        if not own[field]:
            own.pop(field)
    try:
        read = fields.read({name: of for name, of in stated.items() if of or name not in _PEOPLE})
    except BadInput as error:
        name, _, field = error.pointer.removeprefix("/config/objects/").partition("/")
        pointer = f"/{name}.{field.partition('/')[0]}" if field else f"/{ALSO}"
        raise BadInput(error.reason.code, pointer=pointer, **error.reason.values) from error
    others = {name: value for name, value in config.items() if name != "objects"}
    return {**others, **({"objects": read} if read else {})}


def samples(client: Client, describe: Describe, shape: ShapeOf, installation: Installation,
            search: str) -> tuple[Record, ...]:  # fmt: skip
    """Records of that name, address, number or id, people first; without `search` those that changed last."""
    found: list[Record] = []
    for name in pulling.wanted(installation):
        shaped = shape(name)
        if shaped is None or len(found) == MOST_SAMPLES:
            continue
        where, values = _where(shaped, search)
        if where is None:
            continue
        asked = tuple(dict.fromkeys((*shaped.selected(), *shaped.there("Email"))))
        soql = (f"SELECT {', '.join(asked)} FROM {name}{where} "  # noqa: S608 # nosec B608
                f"ORDER BY SystemModstamp DESC LIMIT {MOST_SAMPLES - len(found)}")
        labels = {one["name"]: str(one.get("label") or one["name"]) for one in describe(name)["fields"]}
        found += [one for row in client.query(soql, *values)
                  if (one := record(shaped, row, installation, labels)) is not None]
    return tuple(found[:MOST_SAMPLES])


def page(client: Client, shape: ShapeOf, installation: Installation, after: str | None) -> Records:
    """The next page of people: contacts, then leads that are still leads."""
    names = _people(shape, installation)
    name, _, place = (after or "").partition("|")
    if not name and names:
        name = names[0]
    shaped = shape(name) if name in names else None
    if shaped is None:
        return Records(())
    if place:
        found = client.next_page(place)
    else:
        where = " WHERE IsConverted = false" if name == "Lead" and "IsConverted" in shaped.types else ""
        where = " WHERE IsPersonAccount = true" if name == "Account" else where
        soql = f"SELECT {', '.join(shaped.selected())} FROM {name}{where} ORDER BY Id"  # noqa: S608 # nosec B608
        found = client.first_page(soql)
    following = names[names.index(name) + 1:]
    more = f"{name}|{found.next}" if found.next else f"{following[0]}|" if following else None
    read = (record(shaped, row, installation, {}) for row in found.records)
    return Records(tuple(one for one in read if one is not None), more)


def lists(client: Client, shape: ShapeOf, installation: Installation) -> tuple[PeopleList, ...]:
    """The list views of people; their records are counted by nobody."""
    names = _people(shape, installation)
    found = [
        PeopleList(f"{name}|{identity}", label if len(names) == 1 else f"{label} · {name}")
        for name in names
        for identity, label in client.list_views(name)
    ]
    return tuple(sorted(found, key=lambda one: one.name.casefold())[:MOST_LISTS])


def page_of(client: Client, shape: ShapeOf, installation: Installation, said: str, after: str | None) -> Records:
    """The next hundred records of a list view. Salesforce says which they are, in the view's order."""
    name, _, view = said.partition("|")
    shaped = shape(name) if name in _people(shape, installation) and long_id(view) else None
    if shaped is None:
        raise BadInput("salesforce_list_gone")
    start = int(after) if after and after.isdecimal() else 0
    try:
        ids = client.in_list_view(name, view, start, PAGE)
    except (Missing, SalesforceSaysNo) as error:
        raise BadInput("salesforce_list_gone") from error
    known = [one for one in map(long_id, ids) if one]
    soql = f"SELECT {', '.join(shaped.selected())} FROM {name} WHERE Id IN {{}}"  # noqa: S608 # nosec B608
    rows = client.query(soql, known) if known else []
    read = (record(shaped, row, installation, {}) for row in rows)
    more = len(ids) == PAGE and start + PAGE <= MOST_OFFSET
    return Records(tuple(one for one in read if one is not None), str(start + PAGE) if more else None)


def _people(shape: ShapeOf, installation: Installation) -> list[str]:
    """The objects that are people, as this org has them."""
    return [name for name in pulling.wanted(installation)
            if name in fields.PERSONS and (one := shape(name)) is not None and one.person is None]


def record(shape: Shape, row: Mapping[str, Any], installation: Installation,
           labels: Mapping[str, str]) -> Record | None:  # fmt: skip
    """One record in our words."""
    identity = long_id(str(row.get("Id") or ""))
    if identity is None:
        return None
    at = records.stamp(row) or records.EPOCH
    person = records.person_of(shape, row)
    recipient, trouble, evidence = records.recipient_of(person, installation)
    if (blocked := shape.is_blocked) is not None:
        recipient, evidence = None, None
        trouble = Reason("salesforce_opt_out_absent", {"object": shape.name, "field": blocked})
    whose = person.shape if person is not None else shape
    own = person.record if person is not None else row
    read = dict.fromkeys((*whose.mapped.names, "Email", *whose.mapped.all_fields(),
                          *(name for name in ("IsConverted",) if name in row)))  # fmt: skip
    shown = [(Property(name, labels.get(name, name)), _said(own.get(name))) for name in read
             if own.get(name) not in (None, "") or (name in whose.mapped.phones and name in whose.types)]
    if shape.person is not None:
        shown += [(Property(name, labels.get(name, name)), _said(row[name])) for name in shape.dates if row.get(name)]
    home = str(installation.config.get("instance_url") or "")
    return Record(
        identity, str(row.get("Name") or identity),
        Event(Kind.CONTACT, f"record/{identity}", at, recipient=recipient, trouble=trouble, evidence=evidence,
              values=records.values(shape, row, person), zone=installation.zone,
              subject=person.id if person else identity),
        shown=tuple(shown), consents=tuple(records.consents(person, installation, at) if person else ()),
        dates=tuple(one for one in records.occasions(shape, row, installation, at) if one.closed is None),
        link=f"{home}/lightning/r/{shape.name}/{identity}/view" if home else None)  # fmt: skip


def limits(client: Client, installation: Installation, version: str) -> tuple[Limit, ...]:
    """Calls and bulk jobs of the day, the API version, how the grant lives, how far the reading is."""
    try:
        said = client.limits()
    except SalesforceSaysNo:
        said = {}
    found = []
    for name, label, text in _COUNTED:
        one = said.get(name)
        if isinstance(one, Mapping) and isinstance(one.get("Max"), int) and isinstance(one.get("Remaining"), int):
            found.append(Limit(label, text, used=one["Max"] - one["Remaining"], most=one["Max"]))
    known = sorted((one for one in client.versions() if one.replace(".", "").isdigit()), key=float)
    left = len([one for one in known if float(one) < float(version)])
    found.append(Limit(
        {"fr": f"Version de l'API : {version}", "en": f"API version: {version}"},
        {"fr": f"La plus récente de votre organisation est {known[-1] if known else '?'} ; {left} versions plus "
               "anciennes répondent encore. Salesforce annonce un an à l'avance la fin d'une version.",
         "en": f"Your org's newest is {known[-1] if known else '?'}; {left} older versions still answer. Salesforce "
               "announces the end of a version a year ahead."}))  # fmt: skip
    jwt = installation.config.get("way") == "jwt"
    found.append(Limit(
        {"fr": "Accès", "en": "Access"},
        {"fr": f"Utilisateur d'intégration {installation.config.get('username', '')} (JWT) : rien n'expire." if jwt else
               "Jeton de renouvellement : valable tant que la règle de l'application dans votre organisation le permet "
               "(Configuration > Gérer les applications connectées > Relance > Stratégies OAuth).",
         "en": f"Integration user {installation.config.get('username', '')} (JWT): nothing expires." if jwt else
               "Refresh token: good for as long as the application's policy in your org allows (Setup > Manage "
               "Connected Apps > Relance > OAuth Policies)."}))  # fmt: skip
    found.append(Limit(
        {"fr": "Suppressions et fusions", "en": "Deletions and merges"},
        {"fr": "Salesforce les garde 15 jours ; après une coupure plus longue, tout est relu.",
         "en": "Salesforce keeps them for 15 days; after a longer break everything is read again."}))
    return tuple(found)


_COUNTED: tuple[tuple[str, Mapping[str, str], Mapping[str, str]], ...] = (
    ("DailyApiRequests", {"fr": "Appels sur 24 heures", "en": "Calls in 24 hours"},
     {"fr": "À 80 %, nous laissons le reste aux autres ; les refus sont toujours inscrits.",
      "en": "At 80% the rest is left to others; refusals are still written."}),
    ("DailyBulkV2QueryJobs", {"fr": "Lectures en masse sur 24 heures", "en": "Bulk queries in 24 hours"}, {}),
    ("DailyBulkApiBatches", {"fr": "Lots en masse sur 24 heures", "en": "Bulk batches in 24 hours"}, {}),
)  # fmt: skip


# What is offered --------------------------------------------------------------------------------------------------


def _asked(mapped: fields.Mapped) -> tuple[str, ...]:
    if mapped.is_person:
        return "phones", "opt_out", "marketing_opt_out", "opt_in_at", "dates", "language", "record_types"
    return "dates", "person", "record_types"


def _chosen(mapped: fields.Mapped, field: str) -> tuple[str, ...]:
    found = getattr(mapped, field)
    return found if isinstance(found, tuple) else (found,) if found else ()


def _offered(described: Mapping[str, Any], mapped: fields.Mapped, field: str) -> tuple[Property, ...]:
    chosen = _chosen(mapped, field)
    if field == "record_types":
        kinds = described.get("recordTypeInfos") or ()
        found = [Property(str(one["developerName"]), str(one.get("name") or one["developerName"])) for one in kinds
                 if isinstance(one, Mapping) and one.get("developerName") and one.get("master") is not True]
        return _with_lost(found, chosen)
    if field == "person":
        found = [Property(str(one["relationshipName"]), str(one.get("label") or one["relationshipName"]))
                 for one in described["fields"]
                 if one.get("relationshipName") and set(one.get("referenceTo") or ()) & set(fields.PERSONS)]
        return _with_lost(found, chosen)
    rows = [one for one in described["fields"] if str(one.get("name")) in chosen or _fits(one, field)]
    rows.sort(key=lambda one: (one["name"] not in chosen, _late(one, field), str(one.get("label") or "").casefold()))
    return _with_lost([Property(str(one["name"]), str(one.get("label") or one["name"])) for one in rows][:MOST_OFFERED],
                      chosen if mapped.stated else ())


def _with_lost(found: Sequence[Property], chosen: Sequence[str]) -> tuple[Property, ...]:
    """With what was chosen and is no longer there, by its name: that it is gone is for a person to see."""
    there = {one.id for one in found}
    return (*found, *(Property(one, one) for one in chosen if one not in there))


def _fits(one: Mapping[str, Any], field: str) -> bool:
    kind, texts = one.get("type"), (str(one.get("name") or ""), str(one.get("label") or ""))
    match field:
        case "phones":
            return kind == "phone" or (kind == "string" and any(_PHONE.search(text) for text in texts))
        case "opt_out" | "marketing_opt_out":
            return kind == "boolean" and one.get("name") not in ("IsDeleted", "IsConverted", "IsPersonAccount")
        case "opt_in_at":
            return kind in ("date", "datetime") and one.get("name") not in _SYSTEM
        case "dates":
            return kind in ("date", "datetime") and one.get("name") not in _SYSTEM
        case "language":
            return kind in ("picklist", "string") and any(_LANGUAGE.search(text) for text in texts)
    return False


def _late(one: Mapping[str, Any], field: str) -> bool:
    texts = (str(one.get("name") or ""), str(one.get("label") or ""))
    if field == "phones":
        return any(_LATE_PHONE.search(text) for text in texts)
    return field in ("opt_out", "marketing_opt_out", "opt_in_at") and not any(_CONSENT.search(text) for text in texts)


def _described(describe: Describe, name: str) -> Mapping[str, Any] | None:
    try:
        return describe(name)
    except Missing:
        return None


def _has_persons(described: Mapping[str, Any]) -> bool:
    return any(one.get("name") == "IsPersonAccount" for one in described["fields"])


def _group(name: str, described: Mapping[str, Any]) -> Mapping[str, str]:
    label = str(described.get("labelPlural") or name)
    return _OWN_NAMES.get(name, {"fr": label, "en": label})


def _where(shape: Shape, search: str) -> tuple[str | None, list[str]]:
    """The condition, with its values; None when nothing of this object can be meant."""
    if not search:
        return "", []
    if identity := long_id(search):
        return " WHERE Id = {}", [identity]
    tests, values = [], []
    digits = re.sub(r"\D", "", search)
    if "@" not in search and len(digits) >= 8:
        for name in shape.there(*shape.mapped.phones):
            tests.append(f"{name} LIKE {{}}")
            values.append("%" + "%".join(digits[-8:]))
    elif "@" in search:
        for name in shape.there("Email"):
            tests.append(f"{name} = {{}}")
            values.append(search)
    else:
        for name in shape.there("Name"):
            tests.append(f"{name} LIKE {{}}")
            values.append(f"%{re.sub('[%_]', '', search)}%")
    return (f" WHERE {' OR '.join(tests)}" if tests else None), values


def _said(value: Any) -> str:
    if value is True:
        return "✓"
    return "" if value is None or value is False else str(value)[:200]


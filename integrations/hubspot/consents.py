"""A person's yes and no, read from HubSpot before a message leaves and written to it. The most recent refusal wins.

HubSpot dates the changes of a property, and no subscription's. So a property counts from the moment of its change; a
subscription that says no counts from now on, and one that says yes from the contact's first day: it gives a consent,
and takes no later refusal back. The box that refuses can only refuse: unticked, by an import or by somebody who is not
the person, it is no consent, and undoes no STOP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.contract import ConsentWord, Installation
from core.domain.errors import BadInput
from core.domain.loose import mapping
from integrations.hubspot import people, schemas, ways
from integrations.hubspot.client import Account, Over

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def properties_of(installation: Installation) -> tuple[str, ...]:
    """The properties in which this account keeps consent."""
    names = (ways.opt_out(installation.config, installation.memory), installation.config.get("opt_in"))
    return tuple(name for name in names if name)


def read_in(installation: Installation) -> tuple[str, ...]:
    """The properties that are read just before a message leaves."""
    return tuple(name for name in (ways.refusal(installation.config), installation.config.get("opt_in")) if name)


def keeps(installation: Installation) -> bool:
    """Whether this account can say at all who agreed."""
    return bool(installation.config.get("opt_in") or installation.config.get("subscription"))


def heard(installation: Installation, told: schemas.Told) -> ConsentWord | None:
    """What a changed property says; None when it says nothing about consent."""
    subject = f"contact/{told.subject}"
    proof = {"place": "hubspot", "property": told.name, "value": told.value[:100]}
    if told.name == ways.refusal(installation.config):
        return ConsentWord(False, told.at, subject=subject, proof=proof) if schemas.yes(told.value) else None
    if told.name == installation.config.get("opt_in"):
        return ConsentWord(schemas.yes(told.value), told.at, subject=subject, proof=proof)
    return None


def read(installation: Installation, record: Mapping[str, Any], subject: str) -> list[ConsentWord]:
    """What the properties of a record (with their history) say of the person, whatever number a message goes to."""
    words = []
    opt_out = ways.refusal(installation.config)
    for name in read_in(installation):
        said = _newest(record, name)
        if said is None:
            continue
        value, at, ever = said
        if name == opt_out and not schemas.yes(value):
            continue
        refuses = name == opt_out or not schemas.yes(value)
        if at is None:
            # Without its history: a yes counts from the first day, a no from the last change.
            at = _changed(record) if refuses else schemas.moment(record.get("createdAt")) or LONG_AGO
        # An empty box says nothing, unless somebody emptied it.
        if not ever and not schemas.yes(value):
            continue
        words.append(ConsentWord(not refuses, at, subject=subject,
                                 proof={"place": "hubspot", "property": name, "value": value[:100]}))
    return words


def asked(installation: Installation, account: Account, record: Mapping[str, Any], subject: str,
          now: datetime) -> ConsentWord | None:
    """What the person's subscription says; None without one, or where nobody decided."""
    wanted = installation.config.get("subscription")
    address = people.email(texts(record))
    if not wanted or address is None:
        return None
    try:
        rows = account.subscriptions(address)
    except Over:
        # HubSpot knows nothing of this address.
        return None
    one = next((row for row in rows if str(row.get("id")) == wanted), None)
    if one is None:
        return None
    granted = one.get("status") == "SUBSCRIBED"
    decided = granted or one.get("sourceOfStatus") in ("SUBSCRIPTION_STATUS", "PORTAL_WIDE_STATUS", "BRAND_WIDE_STATUS")
    if not decided:
        return None
    proof = {"place": "hubspot", "subscription": wanted, "status": str(one.get("status")),
             "source": str(one.get("sourceOfStatus"))}
    since = schemas.moment(record.get("createdAt")) or LONG_AGO
    return ConsentWord(granted, min(since, now) if granted else now, subject=subject, proof=proof)


def write(installation: Installation, account: Account, word: ConsentWord) -> None:
    """Brings a person's word to the records that it is about. Raises `BadInput` when HubSpot keeps its own no."""
    wanted = [*properties_of(installation), *ways.phones(installation.config), "email"]
    records: list[Mapping[str, Any]] = []
    if word.subject is not None:
        records = account.contacts([word.subject.removeprefix("contact/")], wanted, properties_of(installation))
    if word.number is not None and not (word.subject and word.granted):
        # A no is for the number: whoever else over there has it is not to get anything either.
        there = {one.get("id") for one in records}
        same = find(installation, account, word.number, wanted, properties_of(installation))
        records += [one for one in same if one.get("id") not in there]
    if word.granted:
        # The most recent refusal wins: one that was said over there after this word stays.
        records = [one for one in records if not _refused_later(installation, one, word.at)]
    _write_properties(installation, account, records, word)
    _write_subscription(installation, account, records, word)


def find(installation: Installation, account: Account, number: str, properties: Sequence[str],
         history: Sequence[str] = ()) -> list[Mapping[str, Any]]:
    """The records that have `number` (E.164), in whatever way somebody wrote it there."""
    digits, typed = people.spellings(number)
    own = ways.phones(installation.config)
    calculated = [f"hs_searchable_calculated_{name}" for name in (
        "mobile_number", "phone_number", "international_mobile_number", "international_phone_number")]
    # HubSpot takes five groups of filters at once; which digits its own properties hold is nowhere written.
    names = (*COUNTRY_AND_NAMES, *own, *properties)
    seen: dict[str, Mapping[str, Any]] = {}
    for groups in (
        [_among(name, digits) for name in calculated],
        [_among(name, typed) for name in own],
    ):
        for record in account.search(groups, names):
            seen[str(record.get("id", ""))] = record
    found = []
    for id, record in seen.items():
        said = texts(record)
        country = people.country_of(said, installation.country)
        if id and any(_is(said.get(name), country, number) for name in own):
            found.append(id)
    if not found:
        return []
    return account.contacts(found[:50], list(names), history)


COUNTRY_AND_NAMES = (*people.COUNTRY, "email")


def texts(record: Mapping[str, Any]) -> dict[str, str]:
    """A record's properties that are not empty."""
    return {name: value for name, value in mapping(record.get("properties")).items()
            if isinstance(value, str) and value}


def _write_properties(installation: Installation, account: Account, records: Sequence[Mapping[str, Any]],
                      word: ConsentWord) -> None:
    opt_out, opt_in = ways.opt_out(installation.config, installation.memory), installation.config.get("opt_in")
    wanted = {name: "true" if says else "false"
              for name, says in ((opt_out, not word.granted), (opt_in, word.granted)) if name}
    changes = {}
    for record in records:
        said = texts(record)
        new = {name: value for name, value in wanted.items() if schemas.yes(said.get(name, "")) != schemas.yes(value)}
        if new:
            changes[str(record["id"])] = new
    if changes:
        account.update(changes)


def _write_subscription(installation: Installation, account: Account, records: Sequence[Mapping[str, Any]],
                        word: ConsentWord) -> None:
    subscription = installation.config.get("subscription")
    if not subscription:
        return
    why = str(word.proof.get("text") or ("accord par SMS" if word.granted else "STOP par SMS"))[:200]
    for address in sorted({one for one in (people.email(texts(record)) for record in records) if one}):
        try:
            account.set_subscription(address, subscription, word.granted, why, installation.config.get("legal_basis"))
        except Over as error:
            if word.granted:
                raise BadInput("hubspot_keeps_its_no", address=address[:3] + "…") from error
            # It says no already.


def _refused_later(installation: Installation, record: Mapping[str, Any], at: datetime) -> bool:
    return any(not word.granted and word.at > at for word in read(installation, record, ""))


def _newest(record: Mapping[str, Any], name: str) -> tuple[str, datetime | None, bool] | None:
    """The property's value, since when, and whether it was ever anything else."""
    history = mapping(record.get("propertiesWithHistory")).get(name)
    rows = [(at, schemas.text(row.get("value"))) for row in history or () if isinstance(row, Mapping)
            if (at := schemas.moment(row.get("timestamp"))) is not None] if isinstance(history, list) else []
    if rows:
        at, value = max(rows)
        return value, at, any(schemas.yes(one) for _, one in rows)
    value = texts(record).get(name, "")
    return (value, None, False) if value else None


def _changed(record: Mapping[str, Any]) -> datetime:
    return (schemas.moment(texts(record).get("lastmodifieddate")) or schemas.moment(record.get("updatedAt"))
            or LONG_AGO)


def _among(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"filters": [{"propertyName": name, "operator": "IN", "values": list(values)}]}


def _is(written: str | None, country: str, number: str) -> bool:
    try:
        return bool(written) and people.recipient(str(written), country).number == number
    except BadInput:
        return False

"""The mapping: which objects hold people, and in which of their fields are the phone, the refusal and the dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.domain.errors import BadInput

PERSONS = ("Contact", "Lead", "Account")
# Identifiers are written into SOQL, so that nothing but an identifier may be one.
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?=[A-Za-z0-9_])){0,79}")
_LISTS = ("phones", "opt_out", "marketing_opt_out", "dates", "record_types", "values")
_WORDS = ("person", "opt_in_at", "opt_out_at", "status", "status_at", "country", "language")
MOST_FIELDS = 20
STOP = ("marketing", "transactional")

OWN_OPT_OUT = {"Contact": "Relance_SMS_Opt_Out__c", "Lead": "Relance_SMS_Opt_Out__c",
               "Account": "Relance_SMS_Opt_Out__pc"}
OWN_OPT_OUT_AT = {"Contact": "Relance_SMS_Opt_Out_At__c", "Lead": "Relance_SMS_Opt_Out_At__c",
                  "Account": "Relance_SMS_Opt_Out_At__pc"}
OWN_STATUS = {"Contact": "Relance_SMS_Status__c", "Lead": "Relance_SMS_Status__c",
              "Account": "Relance_SMS_Status__pc"}
OWN_STATUS_AT = {"Contact": "Relance_SMS_Status_At__c", "Lead": "Relance_SMS_Status_At__c",
                 "Account": "Relance_SMS_Status_At__pc"}
_PHONES = {"Contact": ("MobilePhone", "Phone"), "Lead": ("MobilePhone", "Phone"),
           "Account": ("PersonMobilePhone", "Phone")}
_NAMES = {"Contact": ("FirstName", "Name"), "Lead": ("FirstName", "Name"), "Account": ("FirstName", "Name")}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One object. `phones`: the first that holds a number counts. `opt_out` refuses everything, `marketing_opt_out`
    advertising; `opt_in_at` is the moment of a consent. `person` is the relationship ("CustomerSigned") by which an
    object that is no person names its contact. `stated` are the opt-out fields that a person named: they must exist."""

    name: str
    phones: tuple[str, ...] = ()
    opt_out: tuple[str, ...] = ()
    marketing_opt_out: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    record_types: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    person: str | None = None
    opt_in_at: str | None = None
    opt_out_at: str | None = None
    status: str | None = None
    status_at: str | None = None
    country: str | None = None
    language: str | None = None
    stated: bool = False

    @property
    def is_person(self) -> bool:
        return self.name in PERSONS and self.person is None

    @property
    def names(self) -> tuple[str, ...]:
        return _NAMES.get(self.name, ("Name",))

    def refusing(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(field, scopes) of each field whose tick is a no. A box that refuses messages says what a STOP says: a code
        that the person asks for still comes."""
        return (*((name, STOP) for name in self.opt_out), *((name, ("marketing",)) for name in self.marketing_opt_out))

    def all_fields(self) -> Iterator[str]:
        """Every field that is read, each once, in an order that stays."""
        single = (self.opt_in_at, self.opt_out_at, self.country, self.language)
        yield from dict.fromkeys((*self.phones, *self.opt_out, *self.marketing_opt_out, *self.dates, *self.values,
                                  *(one for one in single if one)))  # fmt: skip


def read(given: Any, pointer: str = "/config/objects") -> dict[str, dict[str, Any]]:
    """The mapping as it is kept: object → its fields. Raises `BadInput` with a JSON pointer."""
    if not isinstance(given, Mapping) or len(given) > MOST_FIELDS:
        raise BadInput("salesforce_objects_wrong", pointer=pointer)
    kept: dict[str, dict[str, Any]] = {}
    for name, fields in given.items():
        here = f"{pointer}/{name}"
        identifier(name, here)
        if not isinstance(fields, Mapping):
            raise BadInput("salesforce_objects_wrong", pointer=here)
        kept[name] = {}
        for field, value in fields.items():
            there = f"{here}/{field}"
            if field in _LISTS:
                kept[name][field] = _list(value, there)
            elif field in _WORDS:
                if value not in (None, ""):
                    kept[name][field] = identifier(value, there)
            else:
                raise BadInput("salesforce_field_unknown", pointer=there, field=str(field)[:40],
                               known=", ".join(sorted((*_LISTS, *_WORDS))))
        if name not in PERSONS and kept[name].get("dates") and not kept[name].get("person") and not kept[name].get(
                "phones"):
            raise BadInput("salesforce_whose_date", pointer=f"{here}/person", object=name)
    return kept


def mapping(config: Mapping[str, Any]) -> dict[str, Mapped]:
    """The mapping with what is usual filled in: contacts and leads always, person accounts when they are named."""
    stated = config.get("objects") or {}
    objects = {name: stated.get(name, {}) for name in dict.fromkeys(("Contact", "Lead", *stated))}
    return {name: _mapped(name, fields) for name, fields in objects.items()}


def usual(name: str) -> Mapped:
    """What is usual for an object that nobody mapped."""
    return _mapped(name, {})


def _mapped(name: str, fields: Mapping[str, Any]) -> Mapped:
    own = fields.get("person") is None
    opt_out = fields.get("opt_out")
    usual = (OWN_OPT_OUT[name],) if own and name in OWN_OPT_OUT else ()
    return Mapped(
        name,
        phones=tuple(fields.get("phones") or _usual_phones(name, own)),
        opt_out=tuple(opt_out) if opt_out is not None else usual,
        marketing_opt_out=tuple(fields.get("marketing_opt_out") or ()),
        dates=tuple(fields.get("dates") or ()), record_types=tuple(fields.get("record_types") or ()),
        values=tuple(fields.get("values") or ()), person=fields.get("person"), opt_in_at=fields.get("opt_in_at"),
        opt_out_at=fields.get("opt_out_at") or (OWN_OPT_OUT_AT.get(name) if own else None),
        status=fields.get("status") or (OWN_STATUS.get(name) if own else None),
        status_at=fields.get("status_at") or (OWN_STATUS_AT.get(name) if own else None),
        country=fields.get("country"), language=fields.get("language"), stated=bool(opt_out))


def _usual_phones(name: str, own: bool) -> tuple[str, ...]:
    return _PHONES.get(name, ()) if own else ()


def identifier(given: Any, pointer: str) -> str:
    """An API name of an object or a field. Raises `BadInput`."""
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise BadInput("salesforce_name_wrong", pointer=pointer, text=str(given)[:60])
    return given


def _list(given: Any, pointer: str) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) > MOST_FIELDS:
        raise BadInput("salesforce_objects_wrong", pointer=pointer)
    return list(dict.fromkeys(identifier(one, f"{pointer}/{place}") for place, one in enumerate(given)))

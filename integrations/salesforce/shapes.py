"""What of the mapping is really there: `describe()` decides, and a refusal that cannot be read is no consent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.domain.reasons import Reason
from integrations.salesforce.client import Missing
from integrations.salesforce.fields import PERSONS, Mapped, mapping, usual

INDIVIDUAL = (("HasOptedOutProcessing", "all"), ("HasOptedOutSolicit", "marketing"))
FORGET = "ShouldForget"
_ALWAYS = ("Id", "SystemModstamp")

Describe = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object as the org has it, and what of its mapping can be used.

    `types` holds the usable fields (dates with their type, "date" or "datetime"), `writable` those that the
    connection's user may change, `absent` what was configured and is not there. `blocked` is a refusal field that a
    person named and that is not there: nothing is sent on this object's records. `through` is the relationship to the
    person and `person` the person's own shape, for an object that is no person.
    """

    mapped: Mapped
    types: Mapping[str, str]
    writable: frozenset[str]
    absent: tuple[str, ...] = ()
    blocked: str | None = None
    individual: bool = False
    through: str | None = None
    person: Shape | None = None

    @property
    def name(self) -> str:
        return self.mapped.name

    def there(self, *names: str | None) -> tuple[str, ...]:
        return tuple(name for name in names if name is not None and name in self.types)

    @property
    def dates(self) -> tuple[str, ...]:
        return tuple(name for name in self.mapped.dates if self.types.get(name) in ("date", "datetime"))

    @property
    def typed(self) -> bool:
        """Whether only some record types are meant."""
        return bool(self.mapped.record_types) and "RecordTypeId" in self.types

    @property
    def refusing(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple((name, scopes) for name, scopes in self.mapped.refusing() if name in self.types)

    @property
    def is_blocked(self) -> str | None:
        return self.blocked or (self.person.blocked if self.person is not None else None)

    def selected(self) -> tuple[str, ...]:
        """What a query names, each once."""
        own = [*_ALWAYS, *self.there(*self.mapped.names, *self.mapped.all_fields())]
        if self.name == "Lead":
            own += self.there("IsConverted", "ConvertedContactId", "ConvertedAccountId")
        if self.name == "Account":
            own += self.there("IsPersonAccount", "PersonContactId")
        if self.typed:
            own.append("RecordType.DeveloperName")
        if self.individual:
            own += [f"Individual.{name}" for name, _ in INDIVIDUAL] + [f"Individual.{FORGET}"]
        if self.person is not None and self.through is not None:
            own += [f"{self.through}.{name}" for name in self.person.selected() if "." not in name]
        return tuple(dict.fromkeys(own))

    def problems(self) -> tuple[Reason, ...]:
        """What a person should know."""
        said = [Reason("salesforce_field_absent", {"object": self.name, "field": name}) for name in self.absent]
        return (*said, *(self.person.problems() if self.person is not None else ()))


def shape(describe: Describe, config: Mapping[str, Any], name: str) -> Shape | None:
    """The shape of the object; None when the org has no such object, or shows it to nobody of ours."""
    objects = mapping(config)
    mapped = objects.get(name) or usual(name)
    try:
        described = describe(name)
    except Missing:
        return None
    fields = {str(one["name"]): one for one in described["fields"] if isinstance(one, Mapping) and "name" in one}
    if name == "Account" and "IsPersonAccount" not in fields:
        return None
    types = {field: str(one.get("type", "")) for field, one in fields.items()}
    writable = frozenset(field for field, one in fields.items() if one.get("updateable") is True)
    stated = (config.get("objects") or {}).get(name, {})
    named = [field for value in stated.values() for field in (value if isinstance(value, list) else [value])
             if value is not stated.get("record_types") and value is not stated.get("person")]
    absent = tuple(field for field in dict.fromkeys(named) if field not in types)
    blocked = next((field for field, _ in mapped.refusing() if field in absent), None) if mapped.stated or (
        mapped.marketing_opt_out) else None
    through, person = _person(describe, config, mapped, fields)
    if mapped.person and person is None:
        absent = (*absent, mapped.person)
    return Shape(mapped, types, writable, absent, blocked, "IndividualId" in types and name in PERSONS, through, person)


def _person(describe: Describe, config: Mapping[str, Any], mapped: Mapped,
            fields: Mapping[str, Mapping[str, Any]]) -> tuple[str | None, Shape | None]:
    """The relationship to the person, and the shape of who it leads to."""
    for one in fields.values() if mapped.person else ():
        if one.get("relationshipName") == mapped.person:
            for target in one.get("referenceTo") or ():
                if target in PERSONS and target != mapped.name:
                    return mapped.person, shape(describe, config, target)
    return None, None

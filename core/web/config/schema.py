"""What the document may say. A name that is not known is a slip of the pen: it is refused, and not passed over."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from marshmallow import RAISE, ValidationError, fields, validate

from core.domain.attribution import MOST_HOURS
from core.domain.errors import BadInput
from core.domain.policy.week import Hours
from core.domain.reasons import Reason
from core.domain.segments import parse
from core.domain.text.templates import compile_template
from core.web.api import given
from core.web.api.given import Body, as_read, one_of, words
from core.web.api.given import country as country_code

VERSION = 1
PERIODS = ["minute", "hour", "day", "week", "month"]
YES: dict[str, Any] = {"truthy": {True}, "falsy": {False}}


class Strict(Body):
    class Meta:
        unknown = RAISE


def _zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError([Reason("zone_unknown", {"zone": value[:40]})])  # type: ignore[list-item]


def _hours(value: Any) -> None:
    if not isinstance(value, dict) or not value:
        raise ValidationError([Reason("no_open_hours")])  # type: ignore[list-item]
    as_read(lambda: Hours.read(value))


def _conditions(value: Any) -> None:
    as_read(lambda: parse(value, ""))


def _text(value: str) -> None:
    try:
        compile_template(value)
    except BadInput as error:
        raise ValidationError([error.reason]) from error  # type: ignore[list-item]


class Frequency(Strict):
    day = fields.Integer(required=True, strict=True, validate=validate.Range(0, 1000))
    week = fields.Integer(required=True, strict=True, validate=validate.Range(0, 1000))


class Workspace(Strict):
    """Names that are left out stay as they are."""

    name = words(80)
    language = one_of(["fr", "en"])
    zone = fields.String(validate=_zone)
    country = country_code()
    subdivision = fields.String(allow_none=True, validate=validate.Regexp(r"[0-9A-Z]{1,3}\Z"))
    people = one_of(["patient", "client"])
    health = fields.Boolean(**YES)
    sender = words(16, allow_none=True)
    own_numbers = fields.List(words(40), validate=validate.Length(0, 50))
    hours = fields.Raw(allow_none=True, validate=_hours)
    frequency = fields.Nested(Frequency)
    public_countries = fields.List(country_code(), allow_none=True, validate=validate.Length(0, 250))
    recovery_hours = fields.Integer(strict=True, validate=validate.Range(1, MOST_HOURS))


class Links(Strict):
    domain = fields.String(allow_none=True, validate=validate.Length(1, 200))


class Segment(Strict):
    conditions = fields.Raw(required=True, validate=_conditions)


class SecretFrom(Strict):
    """Where a secret is when the document is applied: an environment variable, or a file."""

    env = words(100)
    file = words(500)


class Account(given.Account):
    class Meta:
        unknown = RAISE

    secrets = fields.Dict(keys=fields.String(), values=fields.Nested(SecretFrom), load_default=dict)


Account._declared_fields.pop("name", None)


class Rule(given.Rule):
    class Meta:
        unknown = RAISE

    connection = words(120, allow_none=True, load_default=None)


for _ours in ("installation", "survey"):
    Rule._declared_fields.pop(_ours, None)


class Document(Strict):
    """The whole. What a section that is left out is about stays as it is."""

    relance = fields.Integer(required=True, strict=True, validate=validate.Equal(VERSION))
    workspace = fields.Nested(Workspace)
    links = fields.Nested(Links)
    templates = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[a-z0-9][a-z0-9_.\-]{0,79}\Z")),
        values=fields.Dict(
            keys=fields.String(validate=validate.Regexp(r"[a-z]{2}(-[A-Z]{2})?\Z")), values=words(4000, also=_text)
        ),
    )
    segments = fields.Dict(keys=words(120), values=fields.Nested(Segment))
    accounts = fields.Dict(keys=words(120), values=fields.Nested(Account))
    rules = fields.List(fields.Nested(Rule), validate=validate.Length(0, 1000))


__all__ = ["VERSION", "Account", "Document", "Rule", "Segment", "Workspace"]

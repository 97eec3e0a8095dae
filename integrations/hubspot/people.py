"""A contact's number, country and names, out of HubSpot's properties; and how a number may be written over there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import phonenumbers

from core.domain.errors import InvalidNumber
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient

COUNTRY = ("hs_country_region_code", "country")
NAMES = ("firstname", "lastname", "email", "company", "hs_language")
_DIGITS = re.compile(r"\d{7,15}", re.ASCII)
# The names that people choose in HubSpot's own country field, in its English and French; others count as unknown.
_COUNTRIES: Mapping[str, str] = {
    name: code for code, names in {
        "FR": "france", "BE": "belgium belgique", "CH": "switzerland suisse", "LU": "luxembourg",
        "DE": "germany allemagne", "ES": "spain espagne", "IT": "italy italie", "PT": "portugal",
        "GB": "united_kingdom royaume-uni", "IE": "ireland irlande", "NL": "netherlands pays-bas",
        "AT": "austria autriche", "DK": "denmark danemark", "SE": "sweden suède", "NO": "norway norvège",
        "FI": "finland finlande", "PL": "poland pologne", "CZ": "czech_republic czechia tchéquie", "GR": "greece grèce",
        "MC": "monaco", "CA": "canada", "US": "united_states états-unis usa", "MA": "morocco maroc",
        "DZ": "algeria algérie", "TN": "tunisia tunisie", "SN": "senegal sénégal", "CI": "ivory_coast côte_d'ivoire",
        "RE": "réunion la_réunion", "GP": "guadeloupe", "MQ": "martinique", "GF": "french_guiana guyane",
        "AU": "australia australie", "BR": "brazil brésil", "MX": "mexico mexique", "JP": "japan japon",
    }.items() for name in names.split()
}


def country_of(properties: Mapping[str, str], default: str) -> str:
    """The contact's country as ISO 3166, else the account's."""
    for name in COUNTRY:
        said = (properties.get(name) or "").strip()
        if re.fullmatch("[A-Za-z]{2}", said):
            return said.upper()
        if (code := _COUNTRIES.get(said.casefold().replace(" ", "_"))) is not None:
            return code
    return default


def recipient(written: str, country: str) -> Recipient:
    """The number, as people and number fields write it (`33612345678` too). Raises `InvalidNumber`."""
    try:
        return Recipient.parse(written, country)
    except InvalidNumber:
        if not _DIGITS.fullmatch(written):
            raise
    # A number field keeps no plus sign, and no zero in front.
    for guess, region in ((f"+{written}", None), (f"0{written}", country)):
        try:
            return Recipient.parse(guess, region)
        except InvalidNumber:
            continue
    raise InvalidNumber("number_invalid", written)


def found(properties: Mapping[str, str], names: Sequence[str], country: str) -> tuple[Recipient | None, Reason | None]:
    """The contact's number out of the properties `names`: the first mobile, else the first that is a number. Without
    one, why."""
    best: Recipient | None = None
    trouble: Reason | None = None
    for name in names:
        written = (properties.get(name) or "").strip()
        if not written:
            continue
        try:
            one = recipient(written, country)
        except InvalidNumber as error:
            trouble = trouble or error.reason
            continue
        if one.line in (Line.MOBILE, Line.MOBILE_OR_FIXED):
            return one, None
        best = best or one
    return best, None if best else trouble or Reason("no_number")


def values(properties: Mapping[str, str]) -> dict[str, Any]:
    """What texts may name: `first_name`, `last_name`, `name`, and each property under `contact`."""
    first, last = properties.get("firstname", ""), properties.get("lastname", "")
    known = {"first_name": first, "last_name": last, "name": f"{first} {last}".strip(),
             "company": properties.get("company", "")}
    return {**{name: value for name, value in known.items() if value}, "contact": dict(properties)}


def language(properties: Mapping[str, str]) -> str | None:
    """`fr` of `fr-ca`."""
    said = properties.get("hs_language", "").partition("-")[0].casefold()
    return said if re.fullmatch("[a-z]{2}", said) else None


def email(properties: Mapping[str, str]) -> str | None:
    said = properties.get("email", "").strip().lower()
    return said if "@" in said else None


def spellings(number: str) -> tuple[list[str], list[str]]:
    """How HubSpot may hold `number` (E.164): as digits in its own search properties, and as somebody typed it."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    with_code = number.removeprefix("+")
    bare, dialled = str(phonenumbers.national_significant_number(parsed)), re.sub(r"\D", "", national)
    digits = [bare, dialled, with_code, f"00{with_code}", number]
    typed = [number, dialled, national, international, with_code, f"00{with_code}", bare]
    typed += [re.sub(r"\D+", mark, national).strip(mark) for mark in (".", "-", " ")]
    typed += [number[: -len(bare)] + national, f"{number[: -len(bare)]} (0){bare}"]
    return list(dict.fromkeys(digits)), list(dict.fromkeys(typed))

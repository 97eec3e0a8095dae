"""A recipient: a telephone number, parsed once at the door and trusted from there on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberType

from core.domain.errors import InvalidNumber


class Line(StrEnum):
    """What kind of line a number is. Only `MOBILE` and `MOBILE_OR_FIXED` take text messages for sure."""

    MOBILE = "mobile"
    FIXED = "fixed"
    MOBILE_OR_FIXED = "mobile_or_fixed"
    VOIP = "voip"
    SPECIAL = "special"


_LINES = {
    PhoneNumberType.MOBILE: Line.MOBILE,
    PhoneNumberType.FIXED_LINE: Line.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: Line.MOBILE_OR_FIXED,
    PhoneNumberType.VOIP: Line.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: Line.VOIP,
}

# Arcep keeps these for fiction: nobody owns them, so samples and tests may use them. The library calls some of
# them invalid, although they have the form of a mobile number.
_FRENCH_MOBILE = re.compile(r"\+33[67]\d{8}\Z")
_E164 = re.compile(r"\+[1-9]\d{6,14}\Z")


@dataclass(frozen=True, slots=True)
class Recipient:
    """`number` in E.164, `country` as ISO 3166 of the numbering plan (RE, GP, … for the overseas ones), `line`."""

    number: str
    country: str
    line: Line

    @classmethod
    def parse(cls, text: str, country: str | None = None) -> Recipient:
        """The recipient that `text` names: E.164, or a national number of `country` ("FR").

        Raises `InvalidNumber`, whose reason says what is wrong.
        """
        text = text.strip()
        if not text or len(text) > 40:
            raise InvalidNumber("number_unreadable", text)
        try:
            parsed = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException as error:
            code = "number_needs_country" if not text.startswith("+") and country is None else "number_unreadable"
            raise InvalidNumber(code, text) from error
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        if _FRENCH_MOBILE.match(number):
            return cls(number, "FR", Line.MOBILE)
        if not _E164.match(number) or not phonenumbers.is_valid_number(parsed):
            raise InvalidNumber("number_invalid", text)
        region = phonenumbers.region_code_for_number(parsed) or country or "ZZ"
        return cls(number, region, _LINES.get(phonenumbers.number_type(parsed), Line.SPECIAL))

    @property
    def masked(self) -> str:
        """As logs and lists may show it: country code and the last two digits."""
        return mask(self.number)


def mask(number: str) -> str:
    """`+33612345678` → `+33•••••••78`."""
    return number[:3] + "•" * max(len(number) - 5, 0) + number[-2:] if len(number) > 5 else "•" * len(number)

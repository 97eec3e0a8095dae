"""Contacts from a spreadsheet's file: each line is good, could be mended, or is refused, and says why."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from core.domain.errors import BadInput, InvalidNumber
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.storage import people, segments
from core.storage.database import Transaction

Pile = Literal["good", "fixable", "refused"]
MOST_LINES = 200_000
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "numero", "phone", "telephone", "tel", "mobile", "portable", "gsm", "phone number", "cell",
               "numero de telephone", "telephone mobile", "mobile phone", "phone 1 value", "mobile phone number"),
    "name": ("name", "nom", "full name", "nom complet", "last name", "surname", "nom de famille", "lastname"),
    "first_name": ("first name", "prenom", "firstname", "given name"),
    "email": ("email", "e mail", "mail", "courriel", "adresse e mail", "email address", "e mail 1 value"),
    "language": ("language", "langue", "lang"),
    "zone": ("zone", "timezone", "time zone", "fuseau"),
}
_REACHABLE = (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP)


@dataclass(frozen=True, slots=True)
class Read:
    """One line of the file. `reason` says what was mended, or why it is refused."""

    line: int
    pile: Pile
    given: str
    recipient: Recipient | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: Reason | None = None


def read(written: bytes, country: str) -> list[Read]:
    """The lines of a CSV file (comma, semicolon or tab; UTF-8 or what older spreadsheets write). National numbers are
    of `country`. Raises `BadInput` when there is no column of telephone numbers."""
    text = decoded(written)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    headings = next(lines, [])
    columns = _columns(headings)
    if "number" not in columns:
        raise BadInput("no_number_column", found=", ".join(headings)[:200], known="telephone, mobile, phone")
    found: list[Read] = []
    seen: dict[str, int] = {}
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(found) >= MOST_LINES:
            raise BadInput("too_many_lines", most=MOST_LINES)
        one = _line(lines.line_num, cells, columns, headings, country)
        if one.recipient is not None:
            first = seen.setdefault(one.recipient.number, one.line)
            if first != one.line:
                one = Read(one.line, "refused", one.given, reason=Reason("number_twice", {"line": first}))
        found.append(one)
    return found


def write(tx: Transaction, lines: Sequence[Read], now: datetime, *, fix: bool, on: str | None = None) -> int:
    """Takes the good lines into the contacts, and with `fix` the mended ones; how many. `on`: the name of a list on
    which these people are put."""
    chosen = [one for one in lines if one.recipient is not None and (one.pile == "good" or fix)]
    ids = []
    for one in chosen:
        assert one.recipient is not None
        ids.append(people.remember(tx, one.recipient, one.values, now))
    if on:
        segments.put_on(tx, segments.list_named(tx, on, now), ids)
    return len(chosen)


def decoded(written: bytes) -> str:
    """The text of a file: UTF-8, or what older spreadsheets write."""
    if written.startswith((b"\xff\xfe", b"\xfe\xff")):
        return written.decode("utf-16", "replace")
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError:
        return written.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(";,\t", key=first.count)


def _columns(headings: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, heading in enumerate(headings):
        plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode().lower()
        plain = re.sub(r"[^a-z0-9]+", " ", plain).strip()
        for name, known in _COLUMNS.items():
            if plain in known:
                found.setdefault(name, index)
    return found


def _line(line: int, cells: Sequence[str], columns: Mapping[str, int], headings: Sequence[str], country: str) -> Read:
    def cell(name: str) -> str:
        index = columns.get(name, len(cells))
        return cells[index].strip()[:200] if index < len(cells) else ""

    given = cell("number")
    values: dict[str, Any] = {name: cell(name) for name in ("name", "first_name", "email", "language", "zone")
                              if cell(name)}
    if values.get("language", "fr") not in ("fr", "en", "es", "it", "de"):
        values.pop("language")
    others = {heading.strip()[:60]: cells[index].strip()[:200] for index, heading in enumerate(headings)
              if index not in columns.values() and index < len(cells) and heading.strip() and cells[index].strip()}
    if others:
        values["values"] = others
    if not given:
        return Read(line, "refused", given, values=values, reason=Reason("no_number_in_line"))
    mended: Reason | None = None
    try:
        recipient = Recipient.parse(given, country)
    except InvalidNumber as error:
        better = _mended(given, country)
        if better is None:
            return Read(line, "refused", given, values=values, reason=error.reason)
        recipient, mended = better
    if recipient.line not in _REACHABLE:
        return Read(line, "refused", given, values=values, reason=Reason("not_a_mobile", {"line": str(recipient.line)}))
    return Read(line, "fixable" if mended else "good", given, recipient, values, mended)


def _mended(given: str, country: str) -> tuple[Recipient, Reason] | None:
    """What spreadsheets do to numbers, undone: "6.12345678E+8", "33612345678", "612345678", two numbers in a cell."""
    digits = re.sub(r"\D", "", given)
    tries = [(f"+{digits}", "number_lacked_plus"), (digits, "number_had_signs"), (f"0{digits}", "number_lacked_zero")]
    if re.fullmatch(r"\d(?:[.,]\d+)?[eE]\+?\d{1,2}", given):
        figure = given.replace(",", ".")
        mantissa, _, exponent = figure.lower().partition("e")
        # Digits that the spreadsheet dropped are gone: only a figure that still has all of them is a number.
        if len(mantissa.replace(".", "")) == int(exponent) + 1:
            plain = mantissa.replace(".", "")
            tries = [(f"{before}{plain}", "number_was_scientific") for before in ("+", "0", "")]
        else:
            return None
    for part in re.split(r"[/;,|]| ou | or ", given):
        if part.strip() and part.strip() != given:
            tries.append((part.strip(), "several_numbers_first_taken"))
    for text, code in tries:
        try:
            recipient = Recipient.parse(text, country)
        except InvalidNumber:
            continue
        if recipient.line in _REACHABLE:
            return recipient, Reason(code, {"text": given[:40]})
    return None

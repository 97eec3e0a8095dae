"""Contacts from a spreadsheet's file: each line is good, could be mended, or is refused, and says why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from core.domain.errors import BadInput, InvalidNumber
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.engine import scheduling, sheets
from core.engine.sheets_alone import plain
from core.storage import house, people, segments
from core.suite import Suite

Pile = Literal["good", "fixable", "refused"]
MOST_LINES = 200_000
SLICE = 500
HEAD = 30
"""Lines among which the headings are looked for: what stands above them is a title."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "number": ("number", "numero", "phone", "telephone", "tel", "mobile", "portable", "gsm", "phone number", "cell",
               "numero de telephone", "telephone mobile", "mobile phone", "phone 1 value", "mobile phone number"),
    "name": ("name", "nom", "full name", "nom complet", "last name", "surname", "nom de famille", "lastname"),
    "first_name": ("first name", "prenom", "firstname", "given name"),
    "email": ("email", "e mail", "mail", "courriel", "adresse e mail", "email address", "e mail 1 value"),
    "language": ("language", "langue", "lang"),
    "zone": ("zone", "timezone", "time zone", "fuseau"),
}
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{1,2}", re.ASCII)
_REACHABLE = (Line.MOBILE, Line.MOBILE_OR_FIXED, Line.VOIP)


@dataclass(frozen=True, slots=True)
class Read:
    """One line of the file. `reason` says what was mended, or why it is refused (a good line has one where only a zero
    or a sign had to be put back); `cell` is where ("B14") and `column`
    what the file calls that column."""

    line: int
    pile: Pile
    given: str
    recipient: Recipient | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    reason: Reason | None = None
    cell: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """What a file says. `sheets`: the names of all that it has, `sheet` the one that was read; `headings`: its columns,
    as the file calls them, with what each is taken for (None: a value of the person)."""

    lines: Sequence[Read]
    sheets: tuple[str, ...] = ()
    sheet: str | None = None
    headings: tuple[tuple[str, str | None], ...] = ()


def read(written: bytes, country: str) -> list[Read]:
    """The lines of a file, see `file`."""
    return list(file(written, country).lines)


def file(written: bytes, country: str, sheet: str | None = None, most: int = MOST_LINES) -> File:
    """The lines of a spreadsheet (see `core.engine.sheets`), of its sheet of that name. National numbers are of
    `country`. Titles above the headings are passed over. Raises `BadInput` for what cannot be read, for more than
    `most` lines, and when there is no column of telephone numbers."""
    table = sheets.read(written, _COLUMNS["number"], most + HEAD, sheet)
    head = next((place for place, row in enumerate(table.rows[:HEAD]) if "number" in _columns(row.cells)), None)
    if head is None:
        found = next((row.cells for row in table.rows if any(cell.strip() for cell in row.cells)), ())
        said = ", ".join(cell.strip() for cell in found if cell.strip())[:200]
        raise BadInput("no_number_column", found=said, known="telephone, mobile, phone")
    headings = _headings([row.cells for row in table.rows[: head + 1]])
    columns = _columns(headings)
    named = {place: name for name, place in columns.items()}
    found_lines: list[Read] = []
    seen: dict[str, int] = {}
    letter, title = table.place(columns["number"]), headings[columns["number"]].strip()[:60]
    for row in table.rows[head + 1 :]:
        if not any(cell.strip() for cell in row.cells):
            continue
        if len(found_lines) >= most:
            raise BadInput("too_many_lines", most=most)
        one = _line(row.line, row.cells, columns, headings, country)
        if one.recipient is not None:
            first = seen.setdefault(one.recipient.number, one.line)
            if first != one.line:
                one = Read(one.line, "refused", one.given, reason=Reason("number_twice", {"line": first}))
        found_lines.append(replace(one, cell=f"{letter}{one.line}", column=title))
    told = tuple((heading.strip()[:60], named.get(place)) for place, heading in enumerate(headings) if heading.strip())
    return File(found_lines, table.sheets, table.sheet, told)


def sheets_of(written: bytes) -> tuple[str, ...]:
    """The names of a file's sheets; none for CSV. Raises `BadInput` for what cannot be read."""
    return sheets.read(written, _COLUMNS["number"], 1).sheets


def take(
    suite: Suite, workspace: str, lines: Sequence[Read], who: str, *, fix: bool, on: str | None = None
) -> int:
    """Takes the good lines into the contacts, and with `fix` the mended ones; how many. `on`: the name of a list on
    which these people are put. Each slice is a transaction, so that no reminder waits for a large file; whoever takes
    it again after a crash writes the same."""
    chosen = [(one.recipient, one.values) for one in lines
              if one.recipient is not None and (one.pile == "good" or fix)]
    for first in range(0, len(chosen), SLICE):
        with suite.database.write(workspace) as tx:
            ids = people.remember_all(tx, chosen[first : first + SLICE], suite.now())
            if on:
                segments.put_on(tx, segments.list_named(tx, on, suite.now()), ids)
    with suite.database.write(workspace) as tx:
        house.note(tx, who, "contacts_imported", None, {"count": len(chosen)}, suite.now())
        scheduling.replan_open(tx, suite.now(), scheduling.live_installations(tx))
    suite.wake()
    return len(chosen)


def _headings(rows: Sequence[Sequence[str]]) -> list[str]:
    """The last of these rows. Where it says nothing, a cell above it may reach down to it (merged cells keep what they
    say in their first row)."""
    found = [cell.strip() for cell in rows[-1]]
    for row in reversed(rows[:-1]):
        if sum(bool(cell.strip()) for cell in row) < 2:
            # A title, or a line left empty: what stands above it heads no column.
            break
        found = [cell or (row[place].strip() if place < len(row) else "") for place, cell in enumerate(found)]
    return found


def _columns(headings: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, heading in enumerate(headings):
        said = plain(heading[:200])
        for name, known in _COLUMNS.items():
            if said in known:
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
    worn: Reason | None = None
    try:
        recipient = Recipient.parse(given, country)
    except InvalidNumber as error:
        better = _mended(given, country)
        if better is None:
            why = Reason("number_lost_digits", {"text": given[:40]}) if _SCIENTIFIC.fullmatch(given) else error.reason
            return Read(line, "refused", given, values=values, reason=why)
        recipient, mended = better
    else:
        worn = _worn(given, recipient, country)
    if recipient.line not in _REACHABLE:
        return Read(line, "refused", given, values=values, reason=Reason("not_a_mobile", {"line": str(recipient.line)}))
    return Read(line, "fixable" if mended else "good", given, recipient, values, mended or worn)


def _worn(given: str, recipient: Recipient, country: str) -> Reason | None:
    """What a spreadsheet took from a number that can be read all the same: "612345678", "33612345678"."""
    if not (given.isascii() and given.isdigit()) or given.startswith("0"):
        return None
    if recipient.number == f"+{given}":
        return Reason("number_lacked_plus", {"text": given})
    try:
        with_zero = Recipient.parse(f"0{given}", country)
    except InvalidNumber:
        return None
    return Reason("number_lacked_zero", {"text": given}) if with_zero == recipient else None


def _mended(given: str, country: str) -> tuple[Recipient, Reason] | None:
    """What spreadsheets do to numbers, undone: "6.12345678E+8", "33612345678", "612345678", two numbers in a cell."""
    digits = re.sub(r"\D", "", given)
    tries = [(f"+{digits}", "number_lacked_plus"), (digits, "number_had_signs"), (f"0{digits}", "number_lacked_zero")]
    if _SCIENTIFIC.fullmatch(given):
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

"""Spreadsheets as people have them: what is read out of them, and what is refused before it costs anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import BadInput
from core.engine import importing, sheets

DATA = Path(__file__).resolve().parents[2] / "data" / "sheets"


def read(name: str, sheet: str | None = None) -> importing.File:
    return importing.file((DATA / name).read_bytes(), "FR", sheet)


def test_a_workbook_with_titles_merged_headings_dates_and_worn_numbers() -> None:
    found = read("salon.xlsx")
    assert (found.sheets, found.sheet) == (("Notes", "Clients", "Anciens"), "Clients")
    assert [name for name, _ in found.headings] == ["Prénom", "Portable", "E-mail", "Dernière visite", "Total"]
    lea, tom, zoe, lost, twice = found.lines
    assert (lea.pile, lea.cell, lea.column, lea.reason and lea.reason.code) == (
        "good", "C6", "Portable", "number_lacked_zero")
    assert lea.values == {"first_name": "Léa", "email": "lea@example.org",
                          "values": {"Dernière visite": "2026-03-01", "Total": "120.5"}}  # fmt: skip
    assert (tom.reason, zoe.reason and zoe.reason.code) == (None, "number_lacked_plus")
    assert (lost.reason and lost.reason.code, twice.reason and twice.reason.code) == (
        "number_lost_digits", "number_twice")


def test_an_old_workbook_and_another_sheet() -> None:
    assert [one.recipient and one.recipient.number for one in read("salon.xls").lines][:2] == [
        "+33639982050", "+33639982051"]
    assert len(read("salon.xlsx", "Anciens").lines) == 1


@pytest.mark.parametrize(("written", "code"), [
    (b"<html><table><tr><td>tel</td></tr></table></html>", "sheet_is_page"),
    (b"PK\x03\x04 not a zip", "sheet_unreadable"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "sheet_unreadable"),
    (b"tel\0\n", "sheet_unreadable"),
    (b"x" * 50_000_001, "sheet_too_large"),
    ((DATA / "far.xlsx").read_bytes(), "sheet_too_heavy"),
])  # fmt: skip
def test_what_is_no_spreadsheet_or_would_cost_too_much_is_refused(written: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        sheets.read(written, ("tel",), 100)
    assert refused.value.reason.code == code


def test_a_sheet_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput) as refused:
        read("salon.xlsx", "Clientes")
    assert refused.value.reason.values == {"name": "Clientes"}


@pytest.mark.parametrize(("place", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (16_383, "XFD")])
def test_columns_are_called_as_spreadsheets_call_them(place: int, name: str) -> None:
    assert sheets.letters(place) == name


def test_the_first_line_of_excel_says_the_delimiter() -> None:
    [row] = importing.read(b"sep=|\ntel|ville\n0639982050|Lyon;Nord\n", "FR")
    assert (row.line, row.values) == (3, {"values": {"ville": "Lyon;Nord"}})

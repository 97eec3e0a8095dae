"""Cells of a file for spreadsheets: a text that somebody else wrote is never taken for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the beginning of a file it tells spreadsheets that its letters are UTF-8."""
_RISKY = re.compile(r"^\s*[=+\-@\t\r＝＋－＠]")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?\Z")
_SEPARATORS = {"fr": ";"}
_POINTS = {"fr": ","}


def safe_cell(value: str) -> str:
    """A cell that no spreadsheet takes for a formula. A plain signed number is left as it is."""
    return f"'{value}" if _RISKY.match(value) and not _PLAIN_NUMBER.match(value) else value


def line(cells: Sequence[str], language: str) -> str:
    """A line of a file for people who read `language`, each cell made safe. A French spreadsheet opens what is
    separated by semicolons, because its comma is in the numbers."""
    written = io.StringIO()
    csv.writer(written, delimiter=_SEPARATORS.get(language, ","), lineterminator="\r\n").writerow(
        [safe_cell(cell) for cell in cells]
    )
    return written.getvalue()


def decimal(micros: int, language: str) -> str:
    """Millionths as a number that a spreadsheet of that language adds up: 52000 → "0,052"."""
    whole, rest = divmod(abs(micros), 1_000_000)
    written = f"{'-' if micros < 0 else ''}{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return written.replace(".", _POINTS.get(language, "."))

"""Spreadsheets as people have them: CSV, XLSX, XLS or ODS, as rows of texts. What is read, and never what it costs.

CSV is read here. The others are read by python-calamine (the values that formulas had when the file was saved, dates as
ISO writes them) in a process with bounded memory and time (`core.engine.sheets_alone`): a small file can unpack to more
than any machine has, or put one cell at the end of the world.
"""

from __future__ import annotations

import csv
import io
import subprocess  # nosec B404
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from core.domain.errors import BadInput
from core.storage.uploads import MOST_BYTES

_ALONE = Path(__file__).with_name("sheets_alone.py")
_PATIENCE = 60
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAID = {3: "sheet_locked", 4: "sheet_unreadable"}


@dataclass(frozen=True, slots=True)
class Row:
    """`line`: as the spreadsheet counts it, from 1. `cells` begin at the table's `column`."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one sheet. `sheets`: the names of all; none for CSV. `column`: the first one's place, from 0."""

    rows: Sequence[Row]
    sheets: tuple[str, ...] = ()
    sheet: str | None = None
    column: int = 0

    def place(self, index: int) -> str:
        """What the spreadsheet calls the column of a row's cell: "A" … "Z", "AA"."""
        return letters(self.column + index)


def read(written: bytes, words: Sequence[str], most: int, sheet: str | None = None) -> Table:
    """The rows of a file, the first `most`. `words`: what headings a column of numbers has, in small plain letters, to
    find its sheet by when `sheet` is not said. Raises `BadInput` for a file that is none, is locked or too large."""
    if len(written) > MOST_BYTES:
        raise BadInput("sheet_too_large", most=MOST_BYTES // 1_000_000)
    if written.startswith((_ZIP, _OLE)):
        return _alone(written, words, most, sheet or "")
    text = decoded(written)
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<table", "<?xml")):
        raise BadInput("sheet_is_page")
    if "\0" in text:
        raise BadInput("sheet_unreadable")
    return Table(list(_written(text, most)))


def decoded(written: bytes) -> str:
    """The text of a file: UTF-8, or what older spreadsheets write."""
    if written.startswith((b"\xff\xfe", b"\xfe\xff")):
        return written.decode("utf-16", "replace")
    try:
        return written.decode("utf-8-sig")
    except UnicodeDecodeError:
        return written.decode("cp1252", "replace")


def letters(place: int) -> str:
    """The name of a column, from its place (from 0)."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _written(text: str, most: int) -> Iterator[Row]:
    first = text.lstrip("\r\n").partition("\n")[0]
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        # Excel's own first line, which says the delimiter and is no row.
        delimiter, text = first[4], text.lstrip("\r\n").partition("\n")[2]
        before = 1
    else:
        delimiter, before = max(";,\t", key=first.count), 0
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for count, cells in enumerate(lines):
            if count >= most:
                return
            yield Row(lines.line_num + before, cells)
    except csv.Error as error:
        raise BadInput("sheet_unreadable") from error


def _alone(written: bytes, words: Sequence[str], most: int, sheet: str) -> Table:
    asked = [sys.executable, "-I", str(_ALONE), sheet.replace("\0", ""), "\n".join(words), str(most)]
    try:
        done = subprocess.run(asked, input=written, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603  # nosec B603
    except subprocess.TimeoutExpired as error:
        raise BadInput("sheet_too_heavy") from error
    if done.returncode == 5:
        raise BadInput("sheet_missing", name=sheet[:60])
    if done.returncode in _SAID:
        raise BadInput(_SAID[done.returncode])
    if done.returncode:
        # Its bounds ended it, or a file that nobody foresaw: either way not one to go on with.
        heavy = done.returncode < 0 or b"MemoryError" in done.stderr
        raise BadInput("sheet_too_heavy" if heavy else "sheet_unreadable")
    first, *rest = done.stdout.splitlines()
    said = orjson.loads(first)
    rows = [Row(said["row"] + 1 + index, orjson.loads(one)) for index, one in enumerate(rest)]
    return Table(rows, tuple(said["sheets"]), said["sheet"], said["column"])

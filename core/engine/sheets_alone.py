"""Reads one spreadsheet in a process of its own: a stranger's file may ask for more memory than there is, and then this
process ends and the house goes on. Started by path by `core.engine.sheets`; imports nothing of ours.

Standard input: the file. Arguments: the sheet's name ("" for the first that bears a column of numbers), the words that
such a column has (one a line), the most rows. Standard output: lines of JSON; the first says the sheets, which one was
read and where it begins; each other one is a row of texts.
"""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

MEMORY, SECONDS = 1_500_000_000, 30
MOST_COLUMNS, LONGEST, LOOKED_AT = 200, 500, 30


def main(wanted: str, words: Sequence[str], most: int) -> int:
    """0, or 3 for a file with a password, 4 for one that cannot be read, 5 for a sheet that is not there."""
    _bounded()
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorksheetNotFound

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        names = [one.name for one in book.sheets_metadata if "Work" in str(one.typ) and "Very" not in str(one.visible)]
        if wanted and wanted not in names:
            return 5
        chosen = wanted or _likely(book, names, words)
        sheet = book.get_sheet_by_name(chosen) if chosen else None
    except PasswordError:
        return 3
    except WorksheetNotFound:
        return 5
    except (CalamineError, ValueError, OSError):
        return 4
    first = sheet.start if sheet is not None else None
    _say({"sheets": names, "sheet": chosen, "row": first[0] if first else 0, "column": first[1] if first else 0})
    if sheet is not None and first is not None:
        for row in islice(_rows(sheet), most):
            _say([spoken(cell) for cell in row[:MOST_COLUMNS]])
    sys.stdout.flush()
    return 0


def _bounded() -> None:
    """What this process may take; where the system knows no such bounds, the caller's time limit is the only one."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _likely(book: Any, names: Sequence[str], words: Sequence[str]) -> str | None:
    """The first sheet near whose top a cell is called like a column of numbers; else the first with anything in it."""
    filled = None
    for name in names[:20]:
        sheet = book.get_sheet_by_name(name)
        if sheet.start is None:
            continue
        filled = filled or name
        if any(plain(spoken(cell)) in words for row in islice(_rows(sheet), LOOKED_AT) for cell in row[:MOST_COLUMNS]):
            return name
    return filled or (names[0] if names else None)


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """Its rows from the first that has something in it."""
    yield from sheet.to_python(skip_empty_area=True)


def plain(heading: str) -> str:
    """A heading as headings are compared: small letters without accents, single spaces."""
    text = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def spoken(cell: Any) -> str:
    """A cell as a text: a whole number without a point (no telephone number has one), a date as ISO writes it."""
    if isinstance(cell, str):
        return cell[:LONGEST]
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)[:LONGEST]


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2].split("\n"), int(sys.argv[3])))

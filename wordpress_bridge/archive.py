"""The plugin as a zip file, byte for byte the same each time it is built."""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache
from pathlib import Path

PLUGIN = Path(__file__).with_name("plugin")
FOLDER = "relance"
# Zip knows no zone and nothing before 1980: this is the first moment that it can say.
_WHEN = (1980, 1, 1, 0, 0, 0)
_SUFFIXES = frozenset({".php", ".js", ".css", ".json", ".txt", ".pot", ".po", ".mo"})


@cache
def version() -> str:
    """The version in the plugin's header."""
    found = re.search(r"^ \* Version:\s*(\S+)$", (PLUGIN / "relance.php").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, "plugin/relance.php has no version"
    return found[1]


def members() -> list[Path]:
    """What belongs into the zip, in a fixed order: nothing hidden, nothing that only developers need."""
    return sorted(path for path in PLUGIN.rglob("*") if path.is_file() and path.suffix in _SUFFIXES
                  and not any(part.startswith(".") for part in path.relative_to(PLUGIN).parts))


@cache
def build() -> bytes:
    """The zip file that WordPress installs."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in members():
            entry = zipfile.ZipInfo(f"{FOLDER}/{path.relative_to(PLUGIN).as_posix()}", _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())
    return written.getvalue()

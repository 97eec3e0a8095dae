"""`make plugin`: the plugin's words, then the plugin as a zip, whose path is printed."""

from __future__ import annotations

import sys
from pathlib import Path

from wordpress_bridge import archive, translations


def main(arguments: list[str]) -> int:
    """Exit status 1 when a sentence has no French."""
    translations.write()
    for text in (missing := translations.untranslated()):
        sys.stderr.write(f"no French: {text}\n")
    target = Path(arguments[0] if arguments else f"dist/relance-{archive.version()}.zip")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.build())
    sys.stdout.write(f"{target}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

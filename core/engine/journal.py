"""The hand-over journal: one small write of a message's id before its first byte leaves.

After the death of a process it tells what had been begun (in doubt) from what was only claimed (goes back to wait).
It need not survive the machine's death: then the lease decides, and everything claimed is in doubt.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class Journal:
    """Of one sender. The file is locked while its process lives, so that others can tell."""

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.owner = owner
        self._path = folder / f"{owner}.journal"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def begun(self, reference: str) -> None:
        """Just before the first byte of `reference` is written to a provider."""
        os.write(self._file, f"{reference}\n".encode())

    def batch_over(self) -> None:
        """All that was begun is recorded in the database."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def dead(folder: Path) -> Iterator[tuple[str, frozenset[str], Path]]:
    """(owner, what it had begun, its file) of each sender that died on this machine."""
    for path in sorted(folder.glob("*.journal")):
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            yield path.stem, frozenset(path.read_text().split()), path
        finally:
            os.close(file)

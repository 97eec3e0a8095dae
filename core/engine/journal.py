"""The hand-over journal: one small write of a message's id before its first byte leaves.

After the death of a process it tells what had been begun (in doubt) from what was only claimed (goes back to wait).
It need not survive the machine's death: then the lease decides, and everything claimed is in doubt.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from functools import cache
from pathlib import Path


class Journal:
    """Of one sender. The file is locked while its process lives, so that others can tell; its name says in which life
    of the machine it was written, since the death of a machine can take written lines with it."""

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.owner = owner
        self._path = folder / f"{owner}.{_life()}.journal"
        # It gets its name when it is locked: before, whoever looks around would take it for a dead one's.
        unnamed = self._path.with_suffix(".new")
        self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(self._path)

    def begun(self, reference: str) -> None:
        """Just before the first byte of `reference` is written to a provider."""
        os.write(self._file, f"{reference}\n".encode())

    def batch_over(self) -> None:
        """All that was begun is recorded in the database."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def abandon(self) -> None:
        """Leaves it as the dead do: for a sender that failed in a way that it does not understand."""
        os.close(self._file)


def dead(folder: Path) -> Iterator[tuple[str, frozenset[str] | None, Path]]:
    """(owner, what it had begun, its file) of each sender that died on this machine. None in place of what it had
    begun: it was written before the machine last started, so that anything it claimed may have begun."""
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
            owner, _, life = path.stem.partition(".")
            yield owner, frozenset(path.read_text().split()) if life == _life() else None, path
        finally:
            os.close(file)


def alive(folder: Path) -> frozenset[str]:
    """The owners of the senders that live on this machine."""
    return frozenset(path.stem.partition(".")[0] for path in folder.glob("*.journal") if _is_locked(path))


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


@cache
def _life() -> str:
    """Names the time since the machine last started; always another one where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:16]
    except OSError:
        return secrets.token_hex(8)

"""What a process and its children have used: CPU seconds and memory, read from /proc (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all that descends from it."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def cpu(pids: Sequence[int]) -> float:
    """User and system CPU seconds of these processes, and of the children that they have already buried."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total / _TICK


def peak_memory(pids: Sequence[int]) -> int:
    """The most megabytes that any one of them has held."""
    most = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    most = max(most, int(line.split()[1]) // 1024)
    return most


def named(word: str) -> list[int]:
    """The processes whose name is `word` (a database's or a broker's, to say what they had to do)."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == word:
                found.append(int(entry.name))
    return found


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], folder: Path) -> Iterator[int]:
    """The id of a running process, ended with its family at the end; what it says goes to a file in `folder`."""
    # Compiled modules are kept, as an installation keeps them, whatever the environment of the measurement says; and
    # what the measurement itself is told is no setting of ours.
    around = {name: value for name, value in os.environ.items()
              if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("RELANCE_")}
    with (folder / "said.txt").open("ab") as said:
        process = subprocess.Popen(command, env={**around, **env}, stdout=said, stderr=said)
    try:
        yield process.pid
    finally:
        members = family(process.pid)
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            for pid in members:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

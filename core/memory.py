"""How a process that lives long looks for garbage: what was loaded at its start is none, and is not looked at again."""

from __future__ import annotations

import gc

# Of the youngest; Python's own 700 makes a batch of ten thousand messages pay for dozens of walks over itself, all of
# it alive. What is in no circle is freed at once, whatever stands here.
YOUNGEST, MIDDLE, OLDEST = 25_000, 10, 10


def settle() -> None:
    """To be said once by each process, when all is loaded and before it works."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, MIDDLE, OLDEST)

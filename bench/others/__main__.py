"""`python -m bench.others MODULE enqueue FIRST LAST | forget`: the producer's side, in its own environment."""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    name, verb, *numbers = sys.argv[1:]
    module = importlib.import_module(f"bench.others.{name}")
    if verb == "enqueue":
        first, last = map(int, numbers)
        module.enqueue(range(first, last))
    elif hasattr(module, "forget"):
        module.forget()


main()

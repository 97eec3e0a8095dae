"""`python -m bench.others MODULE accept FIRST LAST | forget`: the producer's side, in its own environment."""

from __future__ import annotations

import importlib
import sys
import time

from bench.others import work


def main() -> None:
    name, verb, *numbers = sys.argv[1:]
    module = importlib.import_module(f"bench.others.{name}")
    if verb == "accept":
        first, last = map(int, numbers)
        began = time.process_time()
        work.store(range(first, last))
        module.enqueue(range(first, last))
        print(time.process_time() - began)  # What it cost, without the imports.
    elif hasattr(module, "forget"):
        module.forget()


main()

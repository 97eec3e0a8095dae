"""`python -m bench [--quick] [NAME…]`: runs the measurements one after the other and prints a table."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys

import structlog
from rich.console import Console
from rich.table import Table

from bench import scenarios


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of: {', '.join(scenarios.ALL)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, to see that everything runs")
    parser.add_argument(
        "--postgres", default=os.environ.get("RELANCE_BENCH_POSTGRES_URL", ""), help="an empty database to use too"
    )
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    table = Table(
        "measurement", "result", title=f"{platform.python_version()}, {os.cpu_count()} cores", title_justify="left"
    )
    for name in given.names or scenarios.ALL:
        for line in scenarios.ALL[name](0.1 if given.quick else 1.0, given.postgres):
            table.add_row(*line)
            print("  ".join(line), file=sys.stderr, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    table.add_row("memory, peak of this process", f"{peak} MB")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench [--quick] [--others PYTHON] [NAME…]`: runs the measurements one after the other, prints a table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator

import structlog
from rich.console import Console
from rich.table import Table

from bench import compare, scenarios


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of: {', '.join(scenarios.ALL)} (huge only when it is named)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, to see that everything runs")
    parser.add_argument(
        "--postgres", default=os.environ.get("RELANCE_BENCH_POSTGRES_URL", ""), help="a database that may be emptied"
    )
    parser.add_argument("--others", metavar="PYTHON", help="compare with other queues: the Python that has them")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    table = Table(
        "measurement", "result", title=f"{platform.python_version()}, {os.cpu_count()} cores", title_justify="left"
    )
    for line in _comparing(given) if given.others else _measuring(given):
        table.add_row(*line)
        print("  ".join(line), file=sys.stderr, flush=True)
    Console().print(table)
    return 0


def _measuring(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for name in given.names or scenarios.DEFAULT:
        yield from scenarios.ALL[name](0.1 if given.quick else 1.0, given.postgres)


def _comparing(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    theirs = os.environ.get("RELANCE_BENCH_OTHERS_URL", "")
    if not given.postgres or not theirs:
        raise SystemExit(
            "Two PostgreSQL databases that may be emptied are needed. Example: "
            "RELANCE_BENCH_POSTGRES_URL=postgresql://relance:relance@127.0.0.1/relance_bench "
            "RELANCE_BENCH_OTHERS_URL=postgresql://relance:relance@127.0.0.1/relance_bench_others make bench-others"
        )
    redis = os.environ.get("RELANCE_BENCH_REDIS_URL", "redis://127.0.0.1:6379/9")
    setting = compare.Setting(given.postgres, theirs, redis, given.others)
    ours, their_count, rounds = (2_000, 300, 1) if given.quick else (10_000, 1_500, 3)
    return compare.comparing(setting, ours=ours, theirs=their_count, rounds=rounds)


if __name__ == "__main__":
    sys.exit(main())

"""A process of its own that asks for a token: `python -m tests.support.renewing`, told by a line of JSON what it is.

It says "ready", then "asking" once for each of its threads that asks, and at the end which tokens they got.
"""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import FixedClock
from core.domain.errors import RelanceError
from core.engine import installing
from core.settings import Settings
from core.suite import build_suite
from tests.fakes.installable import Bazaar


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    suite = build_suite(
        Settings(
            data_dir=Path(given["folder"]), database_url=given["database_url"], secret_keys=tuple(given["keys"]),
            mode="test", allow_private_addresses=True, vendor_clients={"bazaar": ("an-id", "a-secret")},
        ),
        clock=FixedClock(datetime.fromisoformat(given["now"])),
        adapters={"bazaar": Bazaar(given["vendor"])},
        providers={},
    )  # fmt: skip
    got: list[str] = []
    say = threading.Lock()

    def ask() -> None:
        with say:
            print("asking", flush=True)
        try:
            row = installing.fresh(suite, given["workspace"], given["installation"])
            got.append(row.installation.secrets["access_token"])
        except RelanceError as error:
            got.append(error.reason.code)

    print("ready", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=ask) for _ in range(given["threads"])]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    print(json.dumps(got), flush=True)


if __name__ == "__main__":
    main()

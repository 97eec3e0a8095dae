"""PostgreSQL databases of tests: each is named after who made it and when, so that what a run left behind, because it
was ended in the middle, can be told from what another run is using just now."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

PATIENCE = 3  # seconds: everything is on loopback
OLD = 24 * 3600.0
"""Seconds after which no run can still be using its databases."""
LONGEST_SWEEP = 5.0
BARE = "template0"
"""Without a schema."""
_aside = ThreadPoolExecutor(1, thread_name_prefix="databases")
_ahead: dict[tuple[str, str], Future[str]] = {}
"""(server, template) → the copy that is made ready."""
_NAMED = re.compile(r"relance_test_m(?P<machine>[0-9a-f]{8})_p(?P<process>\d+)_t(?P<made>[0-9a-f]+)_[0-9a-f]{12}")


def new_name() -> str:
    """A name that nobody has: this machine's life, this process, this moment."""
    return f"relance_test_m{_machine()}_p{os.getpid()}_t{int(time.time()):x}_{secrets.token_hex(6)}"


def create(server: str, template: str = BARE) -> str:
    """The address of a new database on `server`, a copy of `template`; the next copy is made ready meanwhile."""
    ahead = _ahead.pop((server, template), None)
    address = ahead.result() if ahead else _created(server, template)
    if template != BARE:
        _ahead[server, template] = _aside.submit(_created, server, template)
    return address


def drop(server: str, address: str) -> None:
    """Whoever is still connected. Nobody waits for it: the server writes all that it holds to its disk first."""
    if ready := _ahead.pop((server, urlsplit(address).path[1:]), None):
        _aside.submit(_drop, server, ready.result())
    _aside.submit(_drop, server, address)


def settle() -> None:
    """Waits until what is to be dropped is dropped."""
    _aside.submit(int).result()


def _created(server: str, template: str) -> str:
    name = new_name()
    with psycopg.connect(server, autocommit=True, connect_timeout=PATIENCE) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        # What survives a power cut is not what these tests are about; what survives a killed process still does.
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def sweep(server: str) -> list[str]:
    """Drops what runs left behind that are over, for a few seconds at most; their names."""
    until, dropped = time.monotonic() + LONGEST_SWEEP, []
    with psycopg.connect(server, autocommit=True, connect_timeout=PATIENCE) as connection:
        names = connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'relance\_test\_m%'").fetchall()
        for name in left_behind((row[0] for row in names), time.time()):
            # Another run may be sweeping too, or the server be at work there: then the next one finds it.
            with suppress(psycopg.Error):
                if _dropped(connection, name):
                    dropped.append(name)
            if time.monotonic() > until:
                break
    return dropped


def left_behind(names: Iterable[str], now: float) -> list[str]:
    """Those whose run is over. Of other machines, and of a former life of this one, only what is a day old."""
    found = []
    for name in names:
        read = _NAMED.fullmatch(name)
        if read is None:
            continue
        over = read["machine"] == _machine() and not _lives(int(read["process"]))
        if over or now - int(read["made"], 16) > OLD:
            found.append(name)
    return found


def _drop(server: str, address: str) -> None:
    with psycopg.connect(server, autocommit=True, connect_timeout=PATIENCE) as connection:
        name, tries = urlsplit(address).path[1:], 50
        while not _dropped(connection, name, last=tries == 0):
            connection.execute("SELECT pg_sleep(0.1)")
            tries -= 1


def _dropped(connection: psycopg.Connection, name: str, *, last: bool = False) -> bool:
    try:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    except psycopg.errors.InsufficientPrivilege:
        # The server's own vacuum is at work there, which no ordinary role may end; it is gone in a moment.
        if last:
            raise
        return False
    return True


def _lives(process: int) -> bool:
    """Whether that process runs. A later one with the same number only keeps what was left behind for a day."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _machine() -> str:
    """This machine's life since it last started; always the same where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:8]
    except OSError:
        return "0" * 8

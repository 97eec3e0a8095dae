"""Ports for servers that are started later, or stopped and started again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import count


def free_port() -> int:
    """A port on loopback that nobody listens on, and that nobody is given before it is used.

    It lies below those that the system hands out by itself (32768 and up), and no two processes that test look in the
    same place.
    """
    for port in _places:
        with suppress(OSError), socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: the places never end")


def _turns() -> Iterator[int]:
    first = 20_000 + os.getpid() % 100 * 100
    return (first + step % 100 for step in count())


_places = _turns()

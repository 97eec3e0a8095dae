"""A provider on loopback that speaks smsmode and does nothing else, in a process of its own: it costs little."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from typing import Any

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_REFERENCE = re.compile(rb'"refClient": ?"([^"]+)"')


class _Phone(asyncio.Protocol):
    def __init__(self, count: Synchronized[int]) -> None:
        self._rest, self._count = b"", count

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._rest, 0, end)
            size = end + 4 + (int(length.group(1)) if length else 0)
            if len(self._rest) < size:
                return
            request, self._rest = self._rest[:size], self._rest[size:]
            reference = _REFERENCE.search(request)
            self._count.value += 1
            body = b'{"messageId":"m-%s","status":{"value":"ENROUTE"}}' % (reference.group(1) if reference else b"?")
            self._transport.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )


def _serve(listening: socket.socket, count: Synchronized[int]) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Phone(count), sock=listening)
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def provider() -> Iterator[tuple[str, Synchronized[int]]]:
    """(address, how many requests it has answered) of a running provider."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    count = multiprocessing.Value("q", 0, lock=False)
    process = multiprocessing.Process(target=_serve, args=(listening, count), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", count
    finally:
        process.terminate()
        process.join()
        listening.close()

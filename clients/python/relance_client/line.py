"""The line to the server: HTTP and JSON, one kept connection for each thread."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relance_client.errors import Unreachable


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def content(self) -> Any:
        """What it says: JSON as values, a file as its bytes, nothing as None."""
        if not self.body:
            return None
        return self.json() if "json" in self.headers.get("content-type", "json") else self.body

    def json(self) -> Any:
        """The body, read; an empty mapping where there is none that can be read."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Line:
    """Raises `Unreachable` when no answer came."""

    def __init__(self, base: str, timeout: float, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(base.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the address of Relance begins with https://, not {base!r}")
        self._secure, self._host, self._port, self._path = (
            parts.scheme == "https", parts.hostname, parts.port, parts.path,
        )  # fmt: skip
        self._timeout = timeout
        self._context = context
        self._kept = threading.local()

    def say(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        known = self._connection(kept=True)
        try:
            return self._said(known, method, path, headers, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            # A connection that was kept may have been closed meanwhile; a new one is tried where that is harmless.
            if not getattr(known, "relance_used", False) or (method == "POST" and "Idempotency-Key" not in headers):
                self._drop()
                raise Unreachable(str(error) or type(error).__name__) from error
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Unreachable(str(error) or type(error).__name__) from error
        try:
            return self._said(self._connection(kept=False), method, path, headers, body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Unreachable(str(error) or type(error).__name__) from error

    def _said(
        self, line: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        line.request(method, self._path + path, body=body, headers=dict(headers))
        answer = line.getresponse()
        content = answer.read()
        line.relance_used = True  # type: ignore[attr-defined]
        if answer.will_close:
            self._drop()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def _connection(self, *, kept: bool) -> http.client.HTTPConnection:
        known: http.client.HTTPConnection | None = getattr(self._kept, "line", None)
        if known is not None and kept:
            return known
        self._drop()
        made: http.client.HTTPConnection
        if self._secure:
            context = self._context or ssl.create_default_context()
            made = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        self._kept.line = made
        return made

    def _drop(self) -> None:
        known: http.client.HTTPConnection | None = getattr(self._kept, "line", None)
        self._kept.line = None
        if known is not None:
            known.close()

    def close(self) -> None:
        """Closes this thread's connection."""
        self._drop()

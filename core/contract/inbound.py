"""A request from outside, as its sender made it, and the words that are answered."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from core.domain.errors import NotAuthentic


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request from outside. `url` is the public address that the sender used, with its query."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: datetime

    def header(self, name: str) -> str:
        """The one value of header `name`. Raises `NotAuthentic` when it is missing or came more than once."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(values) != 1:
            raise NotAuthentic(f"header {name} {'is missing' if not values else 'came more than once'}")
        return values[0]

    def optional_header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def query(self) -> dict[str, str]:
        """The query's parameters, decoded once; of one that came more than once, the first value. A proof over *all*
        parameters reads `url` itself."""
        pairs = parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        return dict(reversed(pairs))

    def written(self) -> bytes:
        """As bytes that `Inbound.read` reads back: how the inbox and recordings keep it."""
        return json.dumps(
            {
                "method": self.method,
                "url": self.url,
                "headers": [list(pair) for pair in self.headers],
                "body": base64.b64encode(self.body).decode(),
                "received_at": self.received_at.isoformat(),
            }
        ).encode()

    @classmethod
    def read(cls, written: bytes) -> Inbound:
        """The request that `written` kept."""
        kept = json.loads(written)
        return cls(
            kept["method"],
            kept["url"],
            tuple((key, value) for key, value in kept["headers"]),
            base64.b64decode(kept["body"]),
            datetime.fromisoformat(kept["received_at"]),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """The words that a platform wants to hear back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"

"""The line to one shop's REST API, each request signed (OAuth 1.0a); the only place that knows how it is searched."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from core.domain.errors import BadInput, NeedsReconnect, NotNow, RelanceError

MOST_BYTES = 20_000_000
PAGE = 50
MOST_PAGES = 400
AT_ONCE = 100


class PartClosed(RelanceError):
    """The integration may not read this. `part` is its name."""

    def __init__(self, part: str) -> None:
        super().__init__("adobe_commerce_part_closed", part=part)
        self.part = part


class NotFound(RelanceError):
    """No such thing in the shop."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The four of an integration. `bearer`: the shop takes the access token alone, which it does not by itself."""

    consumer: str
    consumer_secret: str
    token: str
    token_secret: str
    bearer: bool = False


Filter = tuple[str, str, str]
"""(field, condition, value)."""


class Shop:
    """One shop. Raises `NeedsReconnect`, `NotNow`, `PartClosed`, `NotFound`."""

    def __init__(self, call: Callable[..., Any], site: str, store: str, keys: Keys, now: datetime) -> None:
        self._call, self._keys, self._now = call, keys, now
        self._base = f"{site.rstrip('/')}/rest/{store}/V1"

    def page(self, path: str, groups: Sequence[Sequence[Filter]], number: int,
             sort: str = "entity_id") -> tuple[list[Mapping[str, Any]], bool]:
        """A page of what fits all `groups`, in each of which one filter is enough; and whether there are more. Past
        the last page a shop repeats it: its count is what says where the end is."""
        said = self._said(path, searched(groups, number, sort))
        items = said.get("items") if isinstance(said, Mapping) else None
        total = said.get("total_count") if isinstance(said, Mapping) else None
        if not isinstance(items, list) and total != 0:
            raise _away(200)
        found = [one for one in items or () if isinstance(one, Mapping)]
        return found, isinstance(total, int) and number * PAGE < total

    def those(self, path: str, field: str, values: Sequence[str],
              more: Sequence[Sequence[Filter]] = ()) -> Iterator[Mapping[str, Any]]:
        """All whose `field` is one of `values`."""
        for first in range(0, len(values), AT_ONCE):
            some = ",".join(values[first:first + AT_ONCE])
            for number in range(1, MOST_PAGES + 1):
                found, goes_on = self.page(path, [[(field, "in", some)], *more], number)
                yield from found
                if not goes_on:
                    break

    def one(self, path: str) -> Mapping[str, Any]:
        said = self._said(path, {})
        if not isinstance(said, Mapping):
            raise _away(200)
        return said

    def _said(self, path: str, query: Mapping[str, str]) -> Any:
        address = f"{self._base}{path}"
        headers = {"Accept": "application/json", "Authorization": self._proof(address, query)}
        target = "&".join(f"{_enc(name)}={_enc(value)}" for name, value in query.items())
        try:
            answer = self._call("GET", f"{address}?{target}" if target else address, headers, max_bytes=MOST_BYTES)
        except BadInput as error:
            # The shop's name leads elsewhere than it did.
            host = urlsplit(self._base).hostname or ""
            raise NeedsReconnect("adobe_commerce_not_there", host=host) from error
        said = _json(answer.body)
        if answer.status == 200 and said is not None:
            return said
        message = str(said.get("message", "")) if isinstance(said, Mapping) else ""
        if answer.status in (401, 403):
            if "authorized to access" in message:
                raise PartClosed(path.strip("/").partition("/")[0])
            if isinstance(said, Mapping):
                raise NeedsReconnect("adobe_commerce_key_refused", detail=message[:100])
            raise NeedsReconnect("adobe_commerce_site_closed", status=answer.status)
        if answer.status == 404:
            if isinstance(said, Mapping) and "entity" in message:
                raise NotFound("not_found", what=path[:60])
            raise NeedsReconnect("adobe_commerce_not_there")
        asked = answer.headers.get("retry-after", "")
        seconds = int(asked) if asked.isascii() and asked.isdigit() else 60
        raise _away(answer.status, timedelta(seconds=min(max(seconds, 60), 6 * 3600)))

    def _proof(self, address: str, query: Mapping[str, str]) -> str:
        if self._keys.bearer:
            return f"Bearer {self._keys.token}"
        return signed("GET", address, query, self._keys, self._now, secrets.token_hex(16))


def searched(groups: Sequence[Sequence[Filter]], number: int, sort: str) -> dict[str, str]:
    """A search in the shop's own words."""
    query: dict[str, str] = {}
    for g, group in enumerate(groups):
        for f, (field, condition, value) in enumerate(group):
            place = f"searchCriteria[filter_groups][{g}][filters][{f}]"
            query |= {f"{place}[field]": field, f"{place}[value]": value, f"{place}[condition_type]": condition}
    return {**query, "searchCriteria[sortOrders][0][field]": sort, "searchCriteria[sortOrders][0][direction]": "ASC",
            "searchCriteria[pageSize]": str(PAGE), "searchCriteria[currentPage]": str(number)}


def signed(method: str, address: str, query: Mapping[str, str], keys: Keys, now: datetime, nonce: str) -> str:
    """The header of OAuth 1.0a: HMAC-SHA256 by both secrets, over method, address and all parameters."""
    oauth = {
        "oauth_consumer_key": keys.consumer, "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(now.timestamp())), "oauth_token": keys.token, "oauth_version": "1.0"}
    pairs = sorted((_enc(name), _enc(value)) for name, value in {**query, **oauth}.items())
    message = f"{method}&{_enc(address)}&{_enc('&'.join(f'{name}={value}' for name, value in pairs))}"
    key = f"{_enc(keys.consumer_secret)}&{_enc(keys.token_secret)}"
    signature = base64.b64encode(hmac.digest(key.encode(), message.encode(), hashlib.sha256)).decode()
    said = ", ".join(f'{name}="{_enc(value)}"' for name, value in {**oauth, "oauth_signature": signature}.items())
    return f"OAuth {said}"


def _enc(text: str) -> str:
    return quote(text, safe="~")


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("adobe_commerce_away", after, status=status)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None

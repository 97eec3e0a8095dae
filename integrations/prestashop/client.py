"""The line to one shop's webservice, and the only place that knows it: lists of resources, errors in our words."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from core.domain.errors import BadInput, NeedsReconnect, NotNow, RelanceError

MOST_BYTES = 20_000_000
AT_ONCE = 100


class PartClosed(RelanceError):
    """The key may not read this resource. `part` is its name."""

    def __init__(self, part: str) -> None:
        super().__init__("prestashop_part_closed", part=part)
        self.part = part


class Shop:
    """One shop. Raises `NeedsReconnect`, `NotNow`, `PartClosed`.

    The key is a user name without a password. Hosts that run PHP as CGI drop that header; then, over https alone, it
    goes into the query, where the shop's own log sees it.
    """

    def __init__(self, call: Callable[..., Any], site: str, key: str, *, shop_id: int | None = None) -> None:
        self._call, self._site, self._key, self._shop_id = call, site.rstrip("/"), key, shop_id

    def listed(self, resource: str, *, fields: str = "full", where: Mapping[str, str] | None = None,
               sort: str = "", limit: str = "") -> list[dict[str, Any]]:
        """What of `resource` fits `where` (field → `[1|5]`, `[from,to]`, …), in the shop's own writing of filters."""
        query: dict[str, str] = {"output_format": "JSON", "display": fields}
        for name, value in (where or {}).items():
            query[f"filter[{name}]"] = value
            if name.startswith("date_"):
                # Without it filters on dates are read as if they were not there.
                query["date"] = "1"
        if self._shop_id is not None:
            query["id_shop"] = str(self._shop_id)
        query |= {name: value for name, value in (("sort", sort), ("limit", limit)) if value}
        said = self._said(resource, query)
        if isinstance(said, list) and not said:
            return []
        found = said.get(resource) if isinstance(said, Mapping) else None
        if not isinstance(found, list):
            raise _away(200)
        return [dict(one) for one in found if isinstance(one, Mapping)]

    def by_ids(
        self, resource: str, ids: Iterable[str], *, fields: str = "full", field: str = "id"
    ) -> list[dict[str, Any]]:
        """Those of `resource` whose `field` is one of `ids`, however many they are."""
        return [one for some in _chunks(sorted(set(ids), key=_number)) for one in self.listed(
            resource, fields=fields, where={field: f"[{'|'.join(some)}]"})]

    def _said(self, resource: str, query: Mapping[str, str]) -> Any:
        token = base64.b64encode(f"{self._key}:".encode()).decode()
        answer = self._called(resource, query, {"Authorization": f"Basic {token}"})
        if answer.status == 401 and self._site.startswith("https:"):
            answer = self._called(resource, {**query, "ws_key": self._key}, {})
        if answer.status == 401:
            raise NeedsReconnect("prestashop_key_refused")
        said = _json(answer.body)
        if answer.status in (403, 405):
            if said is None and not answer.body.lstrip().startswith(b"<?xml"):
                raise NeedsReconnect("prestashop_site_closed", status=answer.status)
            raise PartClosed(resource)
        if answer.status == 404:
            raise NeedsReconnect("prestashop_not_there")
        if answer.status != 200 or said is None:
            asked = answer.headers.get("retry-after", "")
            seconds = int(asked) if asked.isascii() and asked.isdigit() else 60
            raise _away(answer.status, timedelta(seconds=min(max(seconds, 60), 6 * 3600)))
        return said

    def _called(self, resource: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        url = f"{self._site}/api/{resource}?{urlencode(query, quote_via=quote)}"
        try:
            return self._call("GET", url, {"Accept": "application/json", **headers}, max_bytes=MOST_BYTES)
        except BadInput as error:
            # The shop's name leads elsewhere than it did.
            raise NeedsReconnect("prestashop_not_there", host=urlsplit(self._site).hostname or "") from error


def _chunks(items: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first:first + AT_ONCE]


def _number(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isdigit() else (0, text)


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("prestashop_away", after, status=status)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None

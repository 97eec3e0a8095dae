"""The line to one shop's REST API, and the only place that knows how its keys are shown. Errors come back in our words.

A shop looks at keys only over https, and there at Basic authentication first; hosts that strip `Authorization`, and
those whose PHP does not know that a proxy ended TLS, see them another way. Over http it takes nothing but OAuth 1.0a.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from core.domain.errors import BadInput, NeedsReconnect, NotNow, RelanceError

MOST_BYTES = 20_000_000
MOST_PAGES = 200
_READ_ONLY = "write permissions"


class ShopSaysNo(RelanceError):
    """An answer that the walk itself deals with. `why` is WooCommerce's own code, `status` HTTP's."""

    def __init__(self, why: str, status: int, detail: str = "") -> None:
        super().__init__("woocommerce_says_no", why=why[:60], detail=detail[:200])
        self.why, self.status = why, status


class Store:
    """One shop. `site` is its address without a slash at the end; `way` how its keys are shown, None until that is
    known. Raises `NeedsReconnect`, `NotNow`, `ShopSaysNo`."""

    def __init__(self, call: Callable[..., Any], site: str, key: str, secret: str, *, way: str | None = None,
                 plain: bool = False, now: datetime | None = None) -> None:
        self._call, self._site, self._key, self._secret, self._now = call, site.rstrip("/"), key, secret, now
        self.way, self.plain = way, plain
        """`plain`: the shop has no pretty permalinks."""

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._asked("GET", path, query or {})[0]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._asked("POST", path, {}, body)[0]

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._asked("PUT", path, {}, body)[0]

    def delete(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._asked("DELETE", path, query or {})[0]

    def page(self, path: str, query: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
        """One page of a list, and whether there are more."""
        said, headers = self._asked("GET", path, query)
        if not isinstance(said, list):
            raise _away(200)
        pages = headers.get("x-wp-totalpages", "")
        more = int(pages) > int(query.get("page", 1)) if pages.isascii() and pages.isdigit() else False
        return [one for one in said if isinstance(one, Mapping)], more

    def pages(self, path: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """All of a list."""
        for number in range(1, MOST_PAGES + 1):
            found, more = self.page(path, {**query, "per_page": 100, "page": number})
            yield from found
            if not more:
                return

    def _asked(self, method: str, path: str, query: Mapping[str, Any],
               body: Mapping[str, Any] | None = None) -> tuple[Any, Mapping[str, str]]:
        known = ["basic", "query", "oauth"] if self._site.startswith("https:") else ["oauth"]
        # The one that worked last first: a host may be moved.
        ways = sorted(known, key=lambda one: one != self.way)
        for place, way in enumerate(ways):
            try:
                said = self._through(way, method, path, query, body)
            except ShopSaysNo as error:
                # "Cannot view" is said to a key that was not looked at, and to one that does not exist.
                if error.status == 401 and error.why.startswith("woocommerce_rest_cannot") and place + 1 < len(ways):
                    continue
                if error.status == 401 and _READ_ONLY in str(error.reason.values.get("detail")):
                    raise NeedsReconnect("woocommerce_key_read_only") from error
                if error.status in (401, 403):
                    raise NeedsReconnect("woocommerce_key_refused", detail=error.why) from error
                raise
            self.way = way
            return said
        raise NeedsReconnect("woocommerce_key_refused", detail="")

    def _through(self, way: str, method: str, path: str, query: Mapping[str, Any],
                 body: Mapping[str, Any] | None) -> tuple[Any, Mapping[str, str]]:
        for plain in ((self.plain,) if self.plain else (False, True)):
            answer = self._sent(way, method, path, query, body, plain)
            said = _json(answer.body)
            if answer.status == 404 and not (isinstance(said, Mapping) and said.get("code")) and not plain:
                # Not WordPress's own 404: the pretty address does not exist.
                continue
            if 200 <= answer.status < 300 and said is not None:
                self.plain = plain
                return said, answer.headers
            raise _refusal(answer.status, said, answer.headers.get("retry-after", ""))
        raise NeedsReconnect("woocommerce_not_there", host=urlsplit(self._site).hostname or "")

    def _sent(self, way: str, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None,
              plain: bool) -> Any:
        route = path if path.startswith("/wp") else f"/wc/v3{path}"
        address = f"{self._site}/" if plain else f"{self._site}/wp-json{route}"
        asked = {name: str(value) for name, value in query.items()} | ({"rest_route": route} if plain else {})
        headers = {"Accept": "application/json"}
        if way == "basic":
            headers["Authorization"] = "Basic " + base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()
        elif way == "query":
            asked |= {"consumer_key": self._key, "consumer_secret": self._secret}
        else:
            asked = signed(method, address, asked, self._key, self._secret, self._moment(), secrets.token_hex(16))
        raw = None if body is None else json.dumps(body).encode()
        if raw is not None:
            headers["Content-Type"] = "application/json"
        target = f"{address}?{urlencode(asked, quote_via=quote)}" if asked else address
        return self._called(method, target, headers, raw)

    def _called(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Any:
        try:
            return self._call(method, url, headers, body, max_bytes=MOST_BYTES)
        except BadInput as error:
            # The shop's name leads elsewhere than it did.
            raise NeedsReconnect("woocommerce_not_there", host=urlsplit(self._site).hostname or "") from error

    def _moment(self) -> datetime:
        """This moment; without one, the shop's own, which is what it compares with."""
        if self._now is None:
            said = self._called("GET", f"{self._site}/", {}).headers.get("date", "")
            try:
                self._now = parsedate_to_datetime(said).astimezone(UTC)
            except ValueError as error:
                raise _away(200) from error
        return self._now


def signed(method: str, address: str, query: Mapping[str, str], key: str, secret: str, now: datetime,
           nonce: str) -> dict[str, str]:
    """`query` with OAuth 1.0a's parameters: one leg, HMAC-SHA256, no token."""
    asked = {
        **query, "oauth_consumer_key": key, "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(now.timestamp()))}
    pairs = sorted((_enc(name), _enc(value)) for name, value in asked.items())
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    message = f"{method}&{_enc(address)}&{_enc(parameters)}".encode()
    signature = base64.b64encode(hmac.digest(f"{secret}&".encode(), message, hashlib.sha256)).decode()
    return {**asked, "oauth_signature": signature}


def _enc(text: str) -> str:
    return quote(text, safe="~")


def _refusal(status: int, said: Any, retry_after: str) -> RelanceError:
    if isinstance(said, Mapping) and 400 <= status < 500 and status != 429:
        code = said.get("code")
        if code == "rest_no_route":
            return NeedsReconnect("woocommerce_not_there", host="")
        return ShopSaysNo(str(code or status), status, str(said.get("message", "")))
    if status in (401, 403):
        # A firewall, or a site behind a password of its own.
        return NeedsReconnect("woocommerce_site_closed", status=status)
    asked = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
    return _away(status, timedelta(seconds=min(max(asked, 60), 6 * 3600)))


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("woocommerce_away", after, status=status)


def _json(body: bytes) -> Any:
    try:
        # Some plugins put a byte order mark before all that PHP says.
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None

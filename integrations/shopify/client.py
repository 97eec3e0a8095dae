"""The line to one shop's Admin API (GraphQL), and the only place that knows it: every error comes back in our words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import requests

from core.domain.errors import NeedsReconnect, NotNow, RelanceError
from core.domain.loose import mapping
from integrations.shopify.signing import is_shop

VERSION = "2026-10"
MOST_BYTES = 8_000_000


class ShopifySaysNo(RelanceError):
    """An answer that the walk itself deals with. `why` is Shopify's own code or sentence."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__("shopify_says_no", why=why[:60], detail=detail[:200])
        self.why = why


class Denied(ShopifySaysNo):
    """A field or a call for which the app has no scope, or no approval (protected customer data)."""


class Shop:
    """One shop. `base` may hold `{shop}`. Raises `NeedsReconnect`, `NotNow`, and `ShopifySaysNo` with its kind.

    `served` is the version of the API that answered, which is not ours once ours has run out. `partial` holds what
    Shopify refused of the last answer while it gave the rest.
    """

    def __init__(self, base: str, shop: str, token: str, *, timeout: float) -> None:
        if not is_shop(shop):
            raise NeedsReconnect("shopify_shop_wrong", shop=shop[:80])
        self._address = f"{base.replace('{shop}', shop).rstrip('/')}/admin/api/{VERSION}/graphql.json"
        self._token, self._timeout = token, timeout
        self.served = VERSION
        self.partial: tuple[str, ...] = ()

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The `data` of the answer."""
        body = self._said(self._posted({"query": query, "variables": dict(variables or {})}))
        errors = [one for one in body.get("errors") or () if isinstance(one, Mapping)] if isinstance(
            body.get("errors"), list) else []
        data = body.get("data")
        if errors:
            self._errors(body, errors, isinstance(data, Mapping) and any(value is not None for value in data.values()))
        if not isinstance(data, Mapping):
            raise _away(200)
        return data

    def change(self, mutation: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The payload of the one mutation in `mutation`. Raises `ShopifySaysNo` for its first `userErrors` entry."""
        data = self.ask(mutation, variables)
        payload = next(iter(data.values()), None)
        if not isinstance(payload, Mapping):
            raise _away(200)
        wrong = payload.get("userErrors")
        if isinstance(wrong, list) and wrong and isinstance(wrong[0], Mapping):
            raise ShopifySaysNo(str(wrong[0].get("code") or "userErrors"), str(wrong[0].get("message", "")))
        return payload

    def _posted(self, body: Mapping[str, Any]) -> requests.Response:
        try:
            with requests.Session() as line:
                # An operator's proxy is an address of RELANCE_SHOPIFY_URL.
                line.trust_env = False
                return line.post(
                    self._address, json=body, timeout=self._timeout, allow_redirects=False,
                    headers={"X-Shopify-Access-Token": self._token, "Accept": "application/json"})
        except (requests.RequestException, OSError) as error:
            raise _away(0) from error

    def _said(self, answer: requests.Response) -> Mapping[str, Any]:
        status = answer.status_code
        if status == 401:
            raise NeedsReconnect("token_refused")
        if status == 403:
            raise NeedsReconnect("shopify_forbidden")
        if status == 404:
            raise NeedsReconnect("shopify_shop_gone")
        if status in (402, 423):
            # The shop's bill is open, or the shop is locked: nobody can sell there just now.
            raise NotNow("shopify_shop_asleep", timedelta(hours=6), status=status)
        if status == 429:
            raise NotNow("shopify_slow_down", _asked(answer.headers.get("Retry-After", "")))
        if status != 200:
            raise _away(status, _asked(answer.headers.get("Retry-After", "")))
        self.served = answer.headers.get("X-Shopify-API-Version", VERSION)
        try:
            body = answer.json() if len(answer.content) <= MOST_BYTES else None
        except (ValueError, RecursionError) as error:
            raise _away(200) from error
        if not isinstance(body, Mapping):
            raise _away(200)
        return body

    def _errors(self, body: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], has_data: bool) -> None:
        codes = [_code(one) for one in errors]
        message = str(errors[0].get("message", ""))
        if "THROTTLED" in codes:
            raise NotNow("shopify_slow_down", _refilled(body))
        if "INTERNAL_SERVER_ERROR" in codes or "TIMEOUT" in codes:
            raise _away(200)
        if codes and all(code == "ACCESS_DENIED" for code in codes):
            self.partial = tuple(sorted({_field(one) for one in errors}))
            if has_data:
                return
            raise Denied("ACCESS_DENIED", message)
        raise ShopifySaysNo(codes[0] or "error", message)


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    return str(extensions.get("code", "")) if isinstance(extensions, Mapping) else ""


def _field(error: Mapping[str, Any]) -> str:
    path = error.get("path")
    names = [one for one in path if isinstance(one, str)] if isinstance(path, list) else []
    return names[-1] if names else "?"


def _refilled(body: Mapping[str, Any]) -> timedelta:
    """How long until the bucket holds what the query costs, as Shopify's own numbers say."""
    cost = mapping(mapping(body.get("extensions")).get("cost"))
    status = mapping(cost.get("throttleStatus"))
    wanted, there, rate = (_number(one) for one in (
        cost.get("requestedQueryCost"), status.get("currentlyAvailable"), status.get("restoreRate")))
    seconds = (wanted - there) / rate if rate > 0 else 2.0
    return timedelta(seconds=min(max(seconds, 1.0), 60.0))


def _asked(text: str) -> timedelta:
    """As Shopify asks ("2.0"); else about half a minute, not the same for everybody."""
    try:
        asked = float(text)
    except ValueError:
        asked = 0.0
    return timedelta(seconds=min(asked, 3600) if 0 < asked < 1e6 else random.uniform(20, 40))  # noqa: S311 only spreads


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("shopify_away", after, status=status)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

"""Addresses of a WordPress site: what a person typed, what the site says of itself, how it is called."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from core.domain.errors import BadInput
from core.guarded import check_address

MOST = 1_000_000
_REST = re.compile(r'<([^<>]+)>\s*;[^,<]*rel="?https://api\.w\.org/"?')


def address(typed: Any, pointer: str = "/url") -> str:
    """The home address of a site in its normal form, without a slash at the end. Raises `BadInput`."""
    if not isinstance(typed, str) or not typed.strip():
        raise BadInput("wordpress_address_missing", pointer=pointer)
    text = typed.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        # Who may be called is decided at the call; here only the form counts.
        known = urlsplit(check_address(text, allow_private=True).url)
    except BadInput as error:
        raise BadInput(error.reason.code, pointer=pointer, **error.reason.values) from None
    path = known.path.rstrip("/").removesuffix("/wp-admin").removesuffix("/wp-login.php").rstrip("/")
    return urlunsplit((known.scheme, known.netloc, path, "", ""))


def account(home: str) -> str:
    """The site's name as an account: host and path, whether by http or https, with or without www."""
    parts = urlsplit(home)
    return f"{parts.netloc.lower().removeprefix('www.')}{parts.path}"


def same_host(home: str, other: str) -> bool:
    """Whether two addresses are of one host, `www.` or not."""
    one, two = (urlsplit(each).netloc.lower().removeprefix("www.") for each in (home, other))
    return one == two


def rest_of(home: str, headers: Mapping[str, str]) -> str:
    """The REST base that a page's `Link` header names. Raises `BadInput` when it names none, or another host's."""
    found = _REST.search(headers.get("link", ""))
    if found is None:
        raise BadInput("wordpress_not_there", pointer="/url", url=home)
    base: str = urljoin(home + "/", found.group(1))
    if not same_host(home, base):
        raise BadInput("wordpress_other_host", pointer="/url", url=home, host=urlsplit(base).netloc)
    return base


def route(rest: str, path: str) -> str:
    """A route below the REST base, with pretty links or without (`?rest_route=/`)."""
    return rest.rstrip("/") + path


def authorization(index: Any) -> str:
    """The address where a person grants an application password. Raises `BadInput`: where the feature is off,
    `authentication` is an empty list."""
    offered = index.get("authentication") if isinstance(index, dict) else None
    way = offered.get("application-passwords") if isinstance(offered, dict) else None
    ends = way.get("endpoints") if isinstance(way, dict) else None
    url = ends.get("authorization") if isinstance(ends, dict) else None
    if not isinstance(url, str):
        raise BadInput("wordpress_passwords_off", pointer="/url")
    return url


def basic(user: str, password: str) -> dict[str, str]:
    """The header that shows an application password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def spoken(body: bytes) -> Any:
    """What a site answered, as JSON; None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def call(tool: Callable[..., Any] | None, method: str, url: str, headers: Mapping[str, str],
         body: Mapping[str, Any] | bytes | None = None) -> Any:
    """One call through the guarded client: `(status, JSON)`. `body` as bytes is JSON already, and signed. Raises
    `NotNow`, `BadInput` (a forbidden address)."""
    if tool is None:
        raise BadInput("wordpress_not_there", url=url)
    answer = tool(method, url, headers={"Accept": "application/json", **headers,
                                        **({"Content-Type": "application/json"} if body is not None else {})},
                  body=json.dumps(body).encode() if isinstance(body, Mapping) else body)
    return answer.status, spoken(answer.body)

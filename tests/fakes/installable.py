"""Platforms of nobody, connected by a click in each way that there is: what `Connects` leaves to an adapter.

`Bazaar`: an address for each shop, a signed return, tokens that rotate. `Stall`: the shop's server brings the keys by
itself. `Press`: the site is asked where to go, and the password comes back in the address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from core.contract import (
    Arrived,
    Asked,
    Check,
    Checks,
    Configured,
    Connects,
    Door,
    Grant,
    Inbound,
    Installation,
    Installs,
    Leaving,
    Manifest,
    OAuth,
    Posted,
    Reading,
    Shared,
    Start,
    Tools,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, RelanceError, Unreadable
from core.domain.events import Kind
from core.domain.reasons import Reason
from core.guarded import Guarded, check_address

SECRET = "a-secret"
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*\.bazaar\.example\Z")
_WORDS = {"fr": "Adresse", "en": "Address"}


def tools(clients: Mapping[str, tuple[str, str]] | None = None) -> Tools:
    guarded = Guarded(allow_private=True)
    return Tools({}, clients or {}, guarded.get, 5.0, guarded.request)


def proof(query: Mapping[str, str]) -> str:
    """The signature over all parameters."""
    message = "&".join(f"{name}={value}" for name, value in sorted(query.items()))
    return hmac.new(SECRET.encode(), message.encode(), hashlib.sha256).hexdigest()


def signed(query: Mapping[str, str]) -> str:
    """The query, with its signature."""
    return urlencode({**query, "hmac": proof(query)})


class Bazaar(Connects, Shared, Installs, Checks):
    """`vendor` is the address of a `FakeVendor`, `taken_down` what was undone there, `checks` what `check` answers,
    `refused` the tokens that it does not take, `interrupted` is called when it is to be taken down."""

    manifest = Manifest(
        slug="bazaar", name="Bazaar", kinds=frozenset({Kind.CART}), single_address=True,
        auth=(OAuth("bazaar", "https://x.bazaar.example/authorize", "https://x.bazaar.example/token",
                    ("read_carts", "write_people"), ("read_reports",), scope_separator=",", token_lives=None),),
    )  # fmt: skip
    asked = (Asked("shop", {"fr": "Adresse de la boutique", "en": "Address of the shop"}, example="x.bazaar.example"),)

    def __init__(self, vendor: str) -> None:
        super().__init__(tools())
        self.vendor = vendor
        self.taken_down: list[str] = []
        self.checks: tuple[Check, ...] | RelanceError = ()
        self.refused: set[str | None] = set()
        self.interrupted: Callable[[], None] | None = None

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        shop = answers.get("shop", "").strip().lower()
        if not _SHOP.fullmatch(shop):
            raise BadInput("shop_key_wrong", pointer="/shop", field="shop")
        return {"shop": shop}

    def invited(self, request: Inbound) -> Mapping[str, str] | None:
        if "hmac" not in request.query():
            return None
        return {"shop": self._proven(request)["shop"]}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        return Leaving(start.address(f"https://{given['shop']}/authorize"), given)

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        if callback.query().get("error"):
            return super().arrived(callback, kept, posted)
        if self._proven(callback).get("shop") != kept["shop"]:
            raise NotAuthentic("another shop came back")
        return super().arrived(callback, kept, posted)

    def door(self, place: Mapping[str, Any]) -> Door:
        self.given(place)
        return Door(f"{self.vendor}/{place['shop']}/token", {"expiring": "1"}, f"{self.vendor}/revoke")

    def granted(self, grant: Grant, now: datetime) -> Configured:
        answer = self.tools.fetch(f"{self.vendor}/me", headers={"Authorization": f"Bearer {grant.access_token}"})
        if answer.status != 200:
            raise NeedsReconnect("token_refused")
        return Configured({"shop": grant.kept["shop"]}, {}, account=json.loads(answer.body)["account"])

    def covers(self, granted: frozenset[str], scope: str) -> bool:
        return scope in granted or scope.replace("read_", "write_") in granted

    def refreshed(self, installation: Installation, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"moved_to": answer["moved_to"]} if "moved_to" in answer else {}

    def verify_shared(self, request: Inbound) -> None:
        if request.optional_header("X-Proof") != SECRET:
            raise NotAuthentic("no proof")

    def account(self, request: Inbound) -> str:
        return str(json.loads(request.body)["account"])

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        return Reading(gone=json.loads(request.body).get("topic") == "uninstalled")

    def maintain(
        self, installation: Installation, now: datetime, remember: Callable[[Mapping[str, Any]], None]
    ) -> timedelta:
        if installation.secrets.get("access_token") in self.refused:
            raise NeedsReconnect("token_refused")
        return timedelta(days=1)

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        if self.interrupted is not None:
            self.interrupted()
        self.taken_down.append(f"hooks with {installation.secrets.get('access_token')}")
        return ()

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        if isinstance(self.checks, RelanceError):
            raise self.checks
        return self.checks

    def _proven(self, request: Inbound) -> dict[str, str]:
        pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
        query = dict(pairs)
        rest = {name: value for name, value in query.items() if name != "hmac"}
        if len(query) != len(pairs) or not hmac.compare_digest(proof(rest), query.get("hmac", "")):
            raise NotAuthentic("wrong signature")
        if not query.get("timestamp", "").isdigit():
            raise NotAuthentic("no moment")
        if abs(request.received_at.timestamp() - int(query["timestamp"])) > 86_400:
            raise NotAuthentic("too old")
        return query


class Stall(Connects):
    """The shop's server posts `{"user_id", "key"}`, then the browser comes back with `success`."""

    manifest = Manifest(slug="stall", name="Stall", kinds=frozenset({Kind.ORDER}), auth=())
    asked = (Asked("url", _WORDS, example="https://shop.example"),)

    def __init__(self) -> None:
        super().__init__(tools())

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"url": _site(answers)}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        query = {"user_id": start.state, "return_url": start.back, "callback_url": start.redirect_uri}
        return Leaving(f"{given['url']}/authorize?{urlencode(query)}", given)

    def posted(self, request: Inbound) -> Posted:
        try:
            said = json.loads(request.body)
            return Posted(said["user_id"], {"key": said["key"]})
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable from error

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        if callback.query().get("success") != "1":
            raise BadInput("access_denied")
        if posted is None:
            raise BadInput("code_missing")
        return Arrived(secrets=posted)

    def granted(self, grant: Grant, now: datetime) -> Configured:
        answer = self.tools.fetch(f"{grant.kept['url']}/status", headers=_basic("", grant.secrets["key"]))
        if answer.status != 200:
            raise BadInput("keys_not_proven", host=urlsplit(grant.kept["url"]).netloc)
        return Configured({"url": grant.kept["url"]}, grant.secrets, account=grant.kept["url"])


class Press(Connects):
    """The site says where its page of consent is; user and password come back in the address."""

    manifest = Manifest(slug="press", name="Press", kinds=frozenset({Kind.FORM}), auth=())
    asked = (Asked("url", _WORDS, example="https://site.example"),)

    def __init__(self) -> None:
        super().__init__(tools())

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"url": _site(answers)}

    def discover(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        said = json.loads(self.tools.fetch(f"{given['url']}/wp-json/").body)
        if not said.get("authorization"):
            raise BadInput("keys_not_proven", pointer="/url", host=urlsplit(given["url"]).netloc)
        return {**given, "page": said["authorization"]}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        return Leaving(f"{given['page']}?{urlencode({'success_url': start.back})}", {"url": given["url"]})

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        query = callback.query()
        if query.get("error") == "disabled":
            raise BadInput("vendor_refused", text="disabled")
        if query.get("success") == "false" or not query.get("password"):
            raise BadInput("access_denied")
        return Arrived(secrets={"user": query["user_login"], "password": query["password"].replace(" ", "")})

    def granted(self, grant: Grant, now: datetime) -> Configured:
        url, proof = grant.kept["url"], _basic(grant.secrets["user"], grant.secrets["password"])
        if self.tools.fetch(f"{url}/me", headers=proof).status != 200:
            raise BadInput("keys_not_proven", host=urlsplit(url).netloc)
        return Configured({"url": url}, grant.secrets, account=url)

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        one = installation.secrets
        assert self.tools.call is not None
        answer = self.tools.call("DELETE", f"{installation.config['url']}/me", _basic(one["user"], one["password"]))
        return () if answer.status == 200 else (Reason("not_revoked", {"vendor": "Press"}),)


def _site(answers: Mapping[str, str]) -> str:
    try:
        return check_address(answers.get("url", ""), allow_private=True).url.rstrip("/")
    except BadInput as error:
        raise BadInput(error.reason.code, pointer="/url", **error.reason.values) from error


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

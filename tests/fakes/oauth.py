"""A stand-in for any vendor's authorization server on loopback: consent page, token address, revocation, who-am-I.

    with FakeVendor() as vendor:
        back = vendor.consent(begun.redirect)              # a person says yes: where the browser comes back to
        back = vendor.consent(begun.redirect, deny=True)
        vendor.kill("refresh-2")                           # somebody takes the grant back over there

It keeps to RFC 6749, 7636, 7009 and 9207: a code is good once, for its redirect address, with the verifier of its
challenge; `iss` comes back with it. `rotates` makes every refresh give a new refresh token and kill the old one,
unless `grace` lets the old one be retried until the new one is used. `lives` are the seconds of access tokens (None:
nothing is said, only a 401 tells), `grant_lives` those of refresh tokens. `forms` are the requests for tokens in
their order, `revoked` the tokens that were given back, `violations` what a client did that no client may.
`before_answer` is called while a request for a token is under way, `then(…)` plays a step of `tests.faults.server`
instead of the next answer. """

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

CLIENT = ("an-id", "a-secret")


@dataclass(frozen=True)
class Code:
    """What a code was given out for."""

    redirect_uri: str
    challenge: str | None
    scopes: tuple[str, ...]
    account: str


class FakeVendor(Vendor):
    def __init__(self, *, rotates: bool = False, lives: int | None = 3600, separator: str = " ") -> None:
        super().__init__()
        self.rotates, self.lives, self.separator = rotates, lives, separator
        self.grace = False
        self.grant_lives: int | None = None
        self.account = "account-1"
        self.extra: dict[str, Any] = {}
        self.forms: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self.violations: list[str] = []
        self.grants: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.tokens: dict[str, str] = {}
        self.before_answer: Callable[[], object] | None = None
        self._codes: dict[str, Code] = {}
        self._replaced: dict[str, str] = {}
        self._numbers = itertools.count(1)

    # People and accidents -----------------------------------------------------------------------------------------

    def consent(
        self, address: str, *, deny: bool = False, scopes: tuple[str, ...] | None = None, issuer: str | None = None
    ) -> str:
        """What the browser does at the consent page: the address to which it comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        for name in ("response_type", "client_id", "redirect_uri", "state"):
            if not asked.get(name):
                self.violations.append(f"authorize without {name}")
        if asked.get("client_id") != CLIENT[0] or asked.get("response_type") != "code":
            self.violations.append("authorize for somebody else")
        answer = {"state": asked["state"], "iss": issuer or self.url}
        if deny:
            return f"{asked['redirect_uri']}?{urlencode({**answer, 'error': 'access_denied'})}"
        granted = scopes if scopes is not None else tuple(asked.get("scope", "").split(self.separator))
        code = f"code-{next(self._numbers)}=="
        self._codes[code] = Code(asked["redirect_uri"], asked.get("code_challenge"), granted, self.account)
        return f"{asked['redirect_uri']}?{urlencode({**answer, 'code': code})}"

    def kill(self, token: str) -> None:
        """The grant, or the access token, is no more."""
        self.grants.pop(token, None)
        self.tokens.pop(token, None)

    def grant(self, account: str = "account-1", scopes: tuple[str, ...] = ("read",)) -> str:
        """A refresh token that somebody got before the test began."""
        token = f"refresh-{next(self._numbers)}"
        self.grants[token] = (account, scopes)
        return token

    # The server ---------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Step:
        path = urlsplit(seen.path).path
        if path == "/me":
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            return ok({"account": self.tokens[token]}) if token in self.tokens else status(401, {"error": "dead"})
        form = {name: values[0] for name, values in parse_qs(seen.body.decode(), keep_blank_values=True).items()}
        if path == "/revoke" and seen.method == "POST":
            self.revoked.append(form.get("token", ""))
            self.kill(form.get("token", ""))
            return ok({})
        if path.endswith("/token") and seen.method == "POST":
            return self._asked(form)
        return status(404, {"error": "no such address"})

    def _asked(self, form: Mapping[str, str]) -> Step:
        with self._lock:
            self.forms.append(dict(form))
            fault = self._faults.popleft()[0] if self._faults else None
        if self.before_answer is not None:
            self.before_answer()
        if fault is not None:
            return fault
        with self._lock:
            return self._token(form)

    def _token(self, form: Mapping[str, str]) -> Step:
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            return status(401, {"error": "invalid_client"})
        if form.get("grant_type", "authorization_code") == "authorization_code":
            code = self._codes.pop(form.get("code", ""), None)
            if code is None or code.redirect_uri != form.get("redirect_uri"):
                return status(400, {"error": "invalid_grant"})
            if code.challenge is not None and _s256(form.get("code_verifier", "")) != code.challenge:
                return status(400, {"error": "invalid_grant", "error_description": "verifier"})
            return self._granted(code.account, code.scopes, None)
        if form.get("grant_type") == "refresh_token":
            old = form.get("refresh_token", "")
            if old in self._replaced and self.grace:
                # The answer was lost: the same question is answered again.
                self.grants[old] = self.grants.pop(self._replaced.pop(old))
            if old not in self.grants:
                return status(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
            return self._granted(*self.grants[old], old)
        return status(400, {"error": "unsupported_grant_type"})

    def _granted(self, account: str, scopes: tuple[str, ...], old: str | None) -> Step:
        access, number = f"access-{next(self._numbers)}", next(self._numbers)
        self.tokens[access] = account
        answer: dict[str, Any] = {"access_token": access, "token_type": "bearer", "scope": self.separator.join(scopes)}
        if old is None or self.rotates:
            answer["refresh_token"] = f"refresh-{number}"
            self.grants[answer["refresh_token"]] = (account, scopes)
            if old is not None:
                self.grants.pop(old)
                self._replaced[old] = answer["refresh_token"]
            if self.grant_lives is not None:
                answer["refresh_token_expires_in"] = self.grant_lives
        if self.lives is not None:
            answer["expires_in"] = self.lives
        return ok({**answer, **self.extra})


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

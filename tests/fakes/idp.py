"""A company's sign-in: an OpenID Connect server on loopback that holds each request against the specification, and that
can be told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT, SECRET = "relance", "un secret: à +échapper"


@dataclass
class Idp:
    """`with Idp() as idp`: `idp.issuer`, and whoever is signed in over there (`who`). `claims` overrides what tokens
    say (None leaves a claim out), `page` what the discovery page says, `query` what the answer to the browser says.

    `sign` makes the token: (claims, the key's private half, its name) → token.
    """

    who: dict[str, Any] = field(default_factory=lambda: {
        "sub": "248289761001", "email": "nadia@example.org", "email_verified": True, "name": "Nadia Roux"})
    claims: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[str] = field(default_factory=list)
    tokens: int = 0
    sign: Any = None

    def __enter__(self) -> Idp:
        self.turn_key()
        self._codes: dict[str, dict[str, str]] = {}
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                idp._answer(self, b"")

            def do_POST(self) -> None:
                idp._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def turn_key(self, *, kind: str = "EC") -> None:
        """A new signing key, of a new name."""
        self.kid = secrets.token_hex(4)
        if kind == "EC":
            self.private: Any = ec.generate_private_key(ec.SECP256R1())
            self.algorithm = "ES256"
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self.algorithm = "RS256"
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        self.jwk = {**public, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    # ------------------------------------------------------------------ pages

    def _answer(self, one: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(one.path)
        self.asked.append(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/authorize":
            self._authorized(one, query)
            return
        told: Any
        status = self.status
        if parts.path == "/.well-known/openid-configuration":
            told = {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo", "end_session_endpoint": f"{self.issuer}/out",
                "authorization_response_iss_parameter_supported": True,
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"], **self.page,
            }  # fmt: skip
        elif parts.path == "/keys":
            told = {"keys": [{"kty": "oct", "kid": self.kid, "k": "AAAA"}, self.jwk]}
        elif parts.path == "/token":
            status, told = self._token(one, body)
        elif parts.path == "/userinfo":
            good = one.headers["Authorization"] == "Bearer at-1"
            status, told = (200, self.userinfo) if good else (401, {})
        else:
            status, told = 404, {}
        written = json.dumps(told).encode()
        one.send_response(status)
        one.send_header("Content-Type", "application/json")
        one.send_header("Content-Length", str(len(written)))
        one.end_headers()
        one.wfile.write(written)

    def _authorized(self, one: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        assert query["response_type"] == "code", query
        assert query["client_id"] == CLIENT, query
        assert "openid" in query["scope"].split(), query
        assert query["code_challenge_method"] == "S256", query
        assert query["tenant"] == "1", "the address's own query stays"
        assert len(query["state"]) >= 22, query
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer, **self.query}
        one.send_response(302)
        told = urlencode({name: value for name, value in back.items() if value is not None})
        one.send_header("Location", f"{query['redirect_uri']}?{told}")
        one.send_header("Content-Length", "0")
        one.end_headers()

    def _token(self, one: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        scheme, _, given = one.headers["Authorization"].partition(" ")
        name, _, secret = base64.b64decode(given).decode().partition(":")
        if scheme != "Basic" or (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        begun = self._codes.pop(form.get("code", ""), None)
        if begun is None or form["redirect_uri"] != begun["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if proof != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300,
                                  "nonce": begun["nonce"], **self.who}  # fmt: skip
        if begun.get("max_age") == "0":
            claims["auth_time"] = now
        claims |= self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        self.tokens += 1
        make = self.sign or self.signed
        return 200, {"id_token": make(claims), "access_token": "at-1", "token_type": "Bearer", "expires_in": 60}

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """As it should be."""
        return jwt.encode(claims, self.private, self.algorithm, headers={"kid": self.kid, **header})

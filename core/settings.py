"""Everything that an operator may decide, read once. README.md has the same table."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from core.domain.nothing import NOTHING
from core.filesystem import shared_by_machines

_NAME = re.compile(
    r"RELANCE_([A-Z0-9]+(?:_[A-Z0-9]+)*?)"
    r"_(URL|AUTH_URL|TOKEN_URL|REVOKE_URL|CLIENT_ID|CLIENT_SECRET|APP_ID|DEVELOPER_KEY)\Z"
)


class WrongSetting(Exception):
    """A setting's value cannot be used. The text names the setting, the value's problem and an example."""

    def __init__(self, name: str, problem: str, example: str) -> None:
        super().__init__(f"{name}: {problem}. Example: {name}={example}")


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The company's own sign-in (OpenID Connect). `domains`: whose verified addresses come in without being invited,
    into `workspace` (a name or an id, else the oldest one) as `role`. `only`: nobody comes in by a password."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = "SSO"
    only: bool = False
    domains: tuple[str, ...] = ()
    role: str = "viewer"
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """`vendor_urls` and its sisters are keyed by the vendor's lower-case name, as in `RELANCE_<VENDOR>_URL`."""

    data_dir: Path = Path("var")
    database_url: str = field(default="", repr=False)
    listen: str = "127.0.0.1:8000"
    public_url: str = "http://127.0.0.1:8000"
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    runner: str = "embedded"
    broker_url: str = field(default="", repr=False)
    mode: str = "live"
    language: str = "fr"
    allow_private_addresses: bool = False
    trusted_proxies: int = 0
    log_level: str = "info"
    otlp_url: str = ""
    smpp_listen: str = ""
    """Empty: on loopback, as soon as a connection needs it."""
    smpp_certificate: Path | None = None
    smpp_key: Path | None = None
    oidc: SingleSignOn | None = None
    vendor_urls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    vendor_auth_urls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    vendor_token_urls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    vendor_revoke_urls: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    vendor_clients: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    vendor_credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """vendor → `app_id`, `developer_key`: what an operator publishes the vendor's application with."""

    @property
    def listen_address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def clock_may_turn(self) -> bool:
        return self.mode in ("demo", "test")

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def sqlite_file(self) -> Path | None:
        """Where the data is; None when it is elsewhere, or in memory."""
        name = self.database_url.partition("sqlite:///")[2].partition("?")[0]
        return None if name in ("", ":memory:") else Path(name)

    @property
    def shares_sqlite(self) -> bool:
        """Whether several processes write the same SQLite file: they must all be on this machine."""
        return self.is_sqlite and self.runner == "distributed"

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None, *, mounts: str | None = None) -> Settings:
        """From the environment and the file that `RELANCE_ENV_FILE` names (the environment wins), secrets from
        `…_FILE`. Creates the data folder and, if none are given, the secret key in it. Raises `WrongSetting`.
        `mounts`: as in `core.filesystem`."""
        given = _merged(os.environ if env is None else env)
        return _read(given, mounts)


def _merged(env: Mapping[str, str]) -> dict[str, str]:
    given: dict[str, str] = {}
    if path := env.get("RELANCE_ENV_FILE"):
        given.update(_env_file(Path(path)))
    given.update({name: value for name, value in env.items() if name.startswith("RELANCE_")})
    for name in [name for name in given if name.endswith("_FILE") and name != "RELANCE_ENV_FILE"]:
        secret = Path(given.pop(name))
        try:
            given.setdefault(name.removesuffix("_FILE"), secret.read_text().strip())
        except OSError as error:
            raise WrongSetting(name, f"cannot read {secret}: {error.strerror}", "/run/secrets/relance") from error
    return given


def _env_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise WrongSetting("RELANCE_ENV_FILE", f"cannot read {path}: {error.strerror}", "/etc/relance.env") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongSetting("RELANCE_ENV_FILE", f"line {number} of {path} has no '='", "/etc/relance.env")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found


_KNOWN = {
    "DATA_DIR",
    "DATABASE_URL",
    "LISTEN",
    "PUBLIC_URL",
    "SECRET_KEYS",
    "RUNNER",
    "BROKER_URL",
    "MODE",
    "LANGUAGE",
    "ALLOW_PRIVATE_ADDRESSES",
    "TRUSTED_PROXIES",
    "LOG_LEVEL",
    "OTLP_URL",
    "SMPP_LISTEN",
    "SMPP_CERTIFICATE",
    "SMPP_KEY",
    "ENV_FILE",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_NAME",
    "OIDC_ONLY",
    "OIDC_DOMAINS",
    "OIDC_ROLE",
    "OIDC_WORKSPACE",
}


def _read(given: Mapping[str, str], mounts: str | None) -> Settings:
    data_dir = Path(given.get("RELANCE_DATA_DIR") or "var")
    mode = _one_of(given, "RELANCE_MODE", "live", ("live", "demo", "test"))
    database_url = given.get("RELANCE_DATABASE_URL") or f"sqlite:///{(data_dir / 'relance.db').absolute()}"
    if not re.match(r"(sqlite|postgresql(\+psycopg)?|postgres)://", database_url):
        raise WrongSetting(
            "RELANCE_DATABASE_URL",
            "neither sqlite:/// nor postgresql://",
            "postgresql://relance:secret@127.0.0.1/relance",
        )
    database_url = re.sub(r"\Apostgres(ql)?://", "postgresql+psycopg://", database_url)
    runner = _one_of(given, "RELANCE_RUNNER", "embedded", ("embedded", "distributed"))
    broker_url = given.get("RELANCE_BROKER_URL", "")
    if runner == "distributed":
        if not re.match(r"(amqp|amqps|redis|rediss)://", broker_url):
            raise WrongSetting(
                "RELANCE_BROKER_URL", "the distributed runner needs a broker", "redis://127.0.0.1:6379/0"
            )
        if database_url.startswith("sqlite"):
            _check_shared_file(database_url, mounts)
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        mode=mode,
        runner=runner,
        broker_url=broker_url,
        listen=_listen(given, "RELANCE_LISTEN", "127.0.0.1:8000"),
        smpp_listen=_listen(given, "RELANCE_SMPP_LISTEN", "", "0.0.0.0:2775"),
        **_pair(given, "RELANCE_SMPP_CERTIFICATE", "RELANCE_SMPP_KEY"),
        public_url=_url(given, "RELANCE_PUBLIC_URL", "http://127.0.0.1:8000"),
        secret_keys=_secret_keys(given, data_dir),
        language=_one_of(given, "RELANCE_LANGUAGE", "fr", ("fr", "en")),
        allow_private_addresses=_yes(given, "RELANCE_ALLOW_PRIVATE_ADDRESSES"),
        trusted_proxies=_number(given, "RELANCE_TRUSTED_PROXIES", 0),
        log_level=_one_of(given, "RELANCE_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        otlp_url=_url(given, "RELANCE_OTLP_URL", "") if given.get("RELANCE_OTLP_URL") else "",
        oidc=_oidc(given),
        **_vendors(given),
    )


def _oidc(given: Mapping[str, str]) -> SingleSignOn | None:
    """The company's sign-in; None when no issuer is named."""
    issuer = (given.get("RELANCE_OIDC_ISSUER") or "").strip()
    if not issuer:
        for name in ("CLIENT_ID", "ONLY", "DOMAINS"):
            if given.get(f"RELANCE_OIDC_{name}"):
                raise WrongSetting("RELANCE_OIDC_ISSUER", f"missing beside RELANCE_OIDC_{name}", _AN_ISSUER)
        return None
    _url(given, "RELANCE_OIDC_ISSUER", "")
    parts = urlsplit(issuer)
    inside = parts.hostname in ("127.0.0.1", "localhost", "::1") or _yes(given, "RELANCE_ALLOW_PRIVATE_ADDRESSES")
    if parts.query or parts.fragment or (parts.scheme != "https" and not inside):
        raise WrongSetting("RELANCE_OIDC_ISSUER", f"'{issuer}' is not an https address without a query", _AN_ISSUER)
    client_id = given.get("RELANCE_OIDC_CLIENT_ID", "").strip()
    if not client_id:
        raise WrongSetting("RELANCE_OIDC_CLIENT_ID", "missing beside RELANCE_OIDC_ISSUER", "relance")
    domains = tuple(one.strip().lower().lstrip("@") for one in given.get("RELANCE_OIDC_DOMAINS", "").split(","))
    for domain in filter(None, domains):
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.[a-z]{2,24}", domain):
            raise WrongSetting("RELANCE_OIDC_DOMAINS", f"'{domain}' is not a domain", "clinique.example,groupe.example")
    return SingleSignOn(
        issuer=issuer,
        client_id=client_id,
        client_secret=given.get("RELANCE_OIDC_CLIENT_SECRET", ""),
        name=(given.get("RELANCE_OIDC_NAME") or "SSO").strip()[:40],
        only=_yes(given, "RELANCE_OIDC_ONLY"),
        domains=tuple(filter(None, domains)),
        role=_one_of(given, "RELANCE_OIDC_ROLE", "viewer", ("viewer", "editor", "admin")),
        workspace=given.get("RELANCE_OIDC_WORKSPACE", "").strip(),
    )


_AN_ISSUER = "https://id.example.org/realms/company"


def _check_shared_file(database_url: str, mounts: str | None) -> None:
    """Several processes may share a SQLite file, whose locks hold on one machine only."""
    example = "postgresql://relance:secret@127.0.0.1/relance"
    file = Settings(database_url=database_url).sqlite_file
    if file is None:
        raise WrongSetting(
            "RELANCE_DATABASE_URL", "the distributed runner needs a database that its processes can share", example
        )
    if kind := shared_by_machines(file, mounts):
        raise WrongSetting(
            "RELANCE_DATABASE_URL",
            f"{file} is on a network file system ({kind}), where SQLite cannot keep several processes apart; "
            "name a folder of this machine, or PostgreSQL",
            example,
        )


def _vendors(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, dict[str, str]] = {
        "URL": {},
        "AUTH_URL": {},
        "TOKEN_URL": {},
        "REVOKE_URL": {},
        "CLIENT_ID": {},
        "CLIENT_SECRET": {},
        "APP_ID": {},
        "DEVELOPER_KEY": {},
    }
    for name, value in given.items():
        if name.removeprefix("RELANCE_") in _KNOWN or not value:
            continue
        match = _NAME.match(name)
        if match is None:
            continue
        vendor, what = match.group(1).lower(), match.group(2)
        found[what][vendor] = _url(given, name, "") if what.endswith("URL") else value
    clients = {
        vendor: (client_id, found["CLIENT_SECRET"].get(vendor, "")) for vendor, client_id in found["CLIENT_ID"].items()
    }
    for vendor, client_secret in found["CLIENT_SECRET"].items():
        clients.setdefault(vendor, ("", client_secret))
    credentials: dict[str, dict[str, str]] = {}
    for what in ("APP_ID", "DEVELOPER_KEY"):
        for vendor, value in found[what].items():
            credentials.setdefault(vendor, {})[what.lower()] = value
    return {
        "vendor_credentials": credentials,
        "vendor_urls": found["URL"],
        "vendor_auth_urls": found["AUTH_URL"],
        "vendor_token_urls": found["TOKEN_URL"],
        "vendor_revoke_urls": found["REVOKE_URL"],
        "vendor_clients": clients,
    }


def _secret_keys(given: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    written = given.get("RELANCE_SECRET_KEYS", "")
    if not written:
        written = _kept_key(data_dir)
    keys = tuple(key.strip() for key in written.split(",") if key.strip())
    for key in keys:
        try:
            Fernet(key)
        except ValueError as error:
            raise WrongSetting(
                "RELANCE_SECRET_KEYS",
                "a key is 32 bytes in urlsafe base64 (44 characters)",
                "the output of: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
            ) from error
    return keys


def _kept_key(data_dir: Path) -> str:
    """The key in the data folder. It is only ever generated beside an empty folder: a lost key must not be replaced."""
    path = data_dir / "secret.key"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            if (data_dir / "relance.db").exists():
                raise WrongSetting(
                    "RELANCE_SECRET_KEYS",
                    f"{path} is missing, and {data_dir} holds data encrypted with it: bring the key back",
                    "the key that was kept with the backup",
                )
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(Fernet.generate_key().decode())
        return path.read_text().strip()
    except FileExistsError:
        return path.read_text().strip()
    except OSError as error:
        raise WrongSetting(
            "RELANCE_DATA_DIR", f"cannot use {data_dir}: {error.strerror}", "/var/lib/relance"
        ) from error


def _one_of(given: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name) or default
    if value not in allowed:
        raise WrongSetting(name, f"'{value}' is not one of {', '.join(allowed)}", allowed[0])
    return value


def _yes(given: Mapping[str, str], name: str) -> bool:
    value = (given.get(name) or "false").lower()
    if value not in ("true", "false", "1", "0", "yes", "no"):
        raise WrongSetting(name, f"'{value}' is neither true nor false", "true")
    return value in ("true", "1", "yes")


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name) or str(default)
    if not value.isdecimal():
        raise WrongSetting(name, f"'{value}' is not a whole number", "1")
    return int(value)


def _listen(given: Mapping[str, str], name: str, default: str, example: str = "") -> str:
    value = given.get(name) or default
    host, _, port = value.rpartition(":")
    if value and (not host or not port.isdecimal() or not 0 <= int(port) <= 65535):
        raise WrongSetting(name, f"'{value}' is not host:port", example or default)
    return value


def _pair(given: Mapping[str, str], certificate: str, key: str) -> dict[str, Any]:
    """A certificate's file and its key's: both or none."""
    found = {name: Path(value) if (value := given.get(name)) else None for name in (certificate, key)}
    for name, path in found.items():
        if path is None and any(found.values()):
            raise WrongSetting(name, "a certificate needs its key, and a key its certificate", "/etc/relance/smpp.pem")
        if path is not None and not path.is_file():
            raise WrongSetting(name, f"there is no file {path}", "/etc/relance/smpp.pem")
    return {name.removeprefix("RELANCE_").lower(): path for name, path in found.items()}


def _url(given: Mapping[str, str], name: str, default: str) -> str:
    value = (given.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise WrongSetting(name, f"'{value}' is not an http(s) address", "https://relance.example.org")
    return value


def generated_password() -> str:
    """A first password that is shown once: 4 groups of 5, easy to copy by hand."""
    letters = "abcdefghjkmnpqrstvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))

"""Which hosts are Salesforce's: nobody's token, and no call of ours, goes anywhere else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core.domain.errors import BadInput

LOGIN, SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_NAME}\.)+(?:salesforce\.com|salesforce\.mil|cloudforce\.com|database\.com)")
_DOMAIN = re.compile(rf"{_NAME}(?:\.{_NAME})*")


def address(given: object, pointer: str, *, own: str | None = None) -> str:
    """`https://<host>` of Salesforce's, without port and path, from an address or a bare host. `own` is the address
    that the operator set in its place. Raises `BadInput`."""
    text = given.strip().rstrip("/") if isinstance(given, str) else ""
    if own is not None and text == own.rstrip("/"):
        return text
    if text and "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text.lower())
        bare = parts.scheme == "https" and parts.netloc == parts.hostname
        good = bare and not (parts.path or parts.query or parts.fragment)
    except ValueError:
        good = False
    if not good or not _HOST.fullmatch(parts.hostname or ""):
        raise BadInput("salesforce_address_wrong", pointer=pointer, text=text[:80])
    return f"https://{parts.hostname}"


def login_address(given: object, pointer: str, *, own: str | None = None) -> str:
    """Where a person signs in: "production", "sandbox", a My Domain ("acme", "acme--test.sandbox") or an address."""
    text = given.strip() if isinstance(given, str) else ""
    named = {"": LOGIN, "production": LOGIN, "login": LOGIN, "sandbox": SANDBOX, "test": SANDBOX}
    if text.lower() in named:
        return named[text.lower()]
    if "://" not in text and ".salesforce." not in text.lower() and _DOMAIN.fullmatch(text.lower()):
        text = f"https://{text.lower().removesuffix('.my')}.my.salesforce.com"
    # People copy what their browser shows.
    return address(text.replace(".lightning.force.com", ".my.salesforce.com"), pointer, own=own)

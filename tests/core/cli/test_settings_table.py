"""README.md's table of settings and core/settings.py say the same, and the retention figures are those of the code."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from core import settings
from core.settings import Settings
from core.storage import retention

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
VENDOR = {"URL", "AUTH_URL", "TOKEN_URL", "REVOKE_URL", "CLIENT_ID", "CLIENT_SECRET", "APP_ID", "DEVELOPER_KEY"}


def table() -> dict[str, str]:
    """name → default, as README.md gives them."""
    rows = re.findall(r"^\| (`RELANCE_[^|]+) \|([^|]*)\|", README, re.MULTILINE)
    return {name: default.strip() for names, default in rows for name in re.findall(r"`RELANCE_([A-Z_<>]+)`", names)}


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    documented = table()

    assert {name for name in documented if "<" not in name} == settings._KNOWN
    assert {name.removeprefix("<VENDOR>_") for name in documented if "<" in name} == VENDOR


@pytest.mark.parametrize(("name", "value"), [
    ("LISTEN", Settings().listen), ("PUBLIC_URL", Settings().public_url), ("RUNNER", Settings().runner),
    ("MODE", Settings().mode), ("LANGUAGE", Settings().language), ("LOG_LEVEL", Settings().log_level),
    ("TRUSTED_PROXIES", str(Settings().trusted_proxies)),
    ("ALLOW_PRIVATE_ADDRESSES", str(Settings().allow_private_addresses).lower()),
])
def test_the_defaults_are_those_of_the_code(name: str, value: str) -> None:
    assert table()[name] == f"`{value}`"


def test_pages_and_pictures_that_the_readme_points_to_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_retention_figures_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    days = {"raw requests that were read": retention.RAW_REQUESTS, "raw requests that could not be read":
            retention.UNREADABLE_REQUESTS, "texts of messages and replies": retention.BODIES,
            "outgoing webhooks' deliveries": retention.DELIVERIES, "appointments, carts, orders": retention.BODIES * 4}

    for what, kept in days.items():
        (row,) = re.findall(rf"^\| {re.escape(what)}[^|]*\| (\d+) days", page, re.MULTILINE)
        assert timedelta(days=int(row)) == kept
    assert f"| {retention.IDEMPOTENCY_KEYS // timedelta(hours=1)} hours |" in page

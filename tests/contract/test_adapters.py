"""What every adapter keeps to, those of other packages too: who gets in, what is read, what a new connection brings."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.contract import (
    Adapter,
    Configured,
    Gate,
    Inbound,
    Installation,
    Notifies,
    Publishes,
    Pushes,
    Serves,
    Shared,
    Tools,
)
from core.domain.carts import spoken
from core.domain.errors import BadInput, NotAuthentic, Unreadable, Unsupported
from core.domain.events import Kind
from core.domain.messages import MessageClass
from core.domain.sentences import SENTENCES
from core.domain.text.segments import measure
from core.domain.text.templates import render
from core.domain.when import parse_when
from core.engine import presets

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


class Called(AssertionError):
    """A pure method opened a socket."""


def nobody(*_: object, **__: object) -> None:
    raise Called


def adapters() -> list[Adapter]:
    found = []
    for point in sorted(entry_points(group="relance.adapters"), key=lambda one: one.name):
        kind = point.load()
        vendors = {way.vendor: ("an-id", "a-secret") for way in kind.manifest.auth if hasattr(way, "vendor")}
        gates = {"smpp": Gate("127.0.0.1", 2775, "relance.example")}
        found.append(kind(Tools(dict(kind.manifest.vendors), vendors, nobody, 1.0, nobody, gates)))
    return found


each = pytest.mark.parametrize("adapter", adapters(), ids=lambda one: one.manifest.slug)


def installation(adapter: Adapter) -> Installation:
    """One that was just connected and knows nothing yet."""
    slug = adapter.manifest.slug
    return Installation("ins_1", "wsp_1", slug, "Essai", {}, {}, {}, "Europe/Paris", "FR", "fr",
                        f"https://relance.example/hooks/{slug}/ins_1")  # fmt: skip


STRANGERS = [
    ("", b""), ("/send", b"{}"), ("/orders", b'{"id": 1}'), ("/outbound/x", b"<a/>"), ("/x/../y", b"\x00\xff"),
    ("?code=1&state=2", b"a=b"),
]  # fmt: skip
PROOFS = [(), (("Authorization", "Bearer "),), (("Authorization", "Bearer x"), ("Authorization", "Bearer x")),
          (("X-Signature", ""), ("Content-Type", "application/json"))]  # fmt: skip


def strange(adapter: Adapter) -> list[Inbound]:
    base = f"https://relance.example/hooks/{adapter.manifest.slug}/ins_1"
    return [Inbound("POST", base + path, headers, body, NOW) for path, body in STRANGERS for headers in PROOFS]


@each
def test_a_manifest_says_who_it_is(adapter: Adapter) -> None:
    manifest = adapter.manifest
    assert manifest.slug in {point.name for point in entry_points(group="relance.adapters")}
    assert manifest.name
    assert manifest.kinds
    assert manifest.auth
    assert all(address.startswith("https://") for address in manifest.vendors.values())


@each
def test_nobody_gets_in_without_a_proof(adapter: Adapter) -> None:
    for request in strange(adapter):
        with pytest.raises(NotAuthentic):
            adapter.verify(request, installation(adapter))
        if isinstance(adapter, Shared):
            with pytest.raises(NotAuthentic):
                adapter.verify_shared(request)


@each
def test_reading_is_pure_and_knows_only_declared_kinds(adapter: Adapter) -> None:
    if not isinstance(adapter, Pushes) or isinstance(adapter, Notifies):
        pytest.skip("it only says that something changed, or is asked")
    for request in strange(adapter):
        said: list[object] = []
        for one in (request, Inbound.read(adapter.kept(request).written())):
            try:
                reading = adapter.parse(one, installation(adapter))
            except (Unreadable, Unsupported, NotAuthentic) as error:
                said.append(error.reason)
            else:
                assert {event.kind for event in reading.events} <= adapter.manifest.kinds
                said.append(reading)
        assert said[0] == said[1]


@each
@pytest.mark.parametrize("given", [{}, {"nonsense": 1}, {"url": 7}, {"refresh_token": None}, {"zone": "Mars/Nord"}],
                         ids=str)  # fmt: skip
def test_what_a_person_gives_is_taken_or_refused_with_a_sentence(adapter: Adapter, given: dict[str, object]) -> None:
    try:
        said: Configured | list[str] = adapter.configured(given)
    except BadInput as error:
        said = [error.reason.sentence(language) for language in ("fr", "en") if error.reason.code in SENTENCES]
    assert isinstance(said, Configured) or len(said) == 2, said


@each
def test_what_a_connection_brings_is_switched_off_and_in_both_languages(adapter: Adapter) -> None:
    keys = set()
    for preset in presets.of(adapter):
        keys.add(preset["key"])
        assert Kind(preset["on"]) in adapter.manifest.kinds
        assert MessageClass(preset["class"])
        parse_when(preset["when"])
        for words in (preset["name"], preset["body"]):
            assert set(words) >= {"fr", "en"}
            assert all(words.values())
        assert "active" not in preset
    assert len(keys) == len(presets.of(adapter))


@each
def test_who_is_called_by_its_platform_says_what_to_fill_in_over_there(adapter: Adapter) -> None:
    if not isinstance(adapter, Serves):
        pytest.skip("it keeps no lines to us")
    secrets = adapter.configured({}).secrets
    there = replace(installation(adapter), config=adapter.configured({}).config, secrets=secrets)
    sheet = adapter.sheet(there)
    for one in sheet:
        words = (one.label, one.note, *(() if isinstance(one.value, str) else (one.value,)))
        assert all(set(said) >= {"fr", "en"} for said in words)
        # What is shown to everybody holds nothing that opens the line.
        assert one.secret or not any(secret in str(one.value) for secret in secrets.values())
    assert sum(one.secret for one in sheet) == 1
    assert len({one.code for one in adapter.words()}) == len(adapter.words())
    assert all(one.reason.code in SENTENCES and one.weight in ("soft", "hard") for one in adapter.words())


LEAST = {"link": "https://relance.example/l/AbCdEfGh"}
"""What a cart says at the very least."""
MORE = {"first_name": "Ana", "items": ["Robe longue en lin"], "total": {"amount": 84_700_000, "currency": "EUR"}}


@each
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("missing", [(), ("items",), ("total",), ("first_name",), ("first_name", "items", "total")],
                         ids=" ".join)  # fmt: skip
def test_a_cart_that_says_little_is_followed_up_all_the_same(
    adapter: Adapter, language: str, missing: tuple[str, ...]
) -> None:
    values = spoken({**LEAST, **{name: value for name, value in MORE.items() if name not in missing}})
    for preset in presets.of(adapter):
        if preset["on"] != "cart":
            continue
        text = render(preset["body"][language], values, ZoneInfo("Europe/Paris"), language).text

        assert measure(text).segments == 1
        assert not re.search(r"[:(]\s*[.,)]|\(\)|  |: *$|\.\.(?!\.)| [.,]", text), text
        if "items" in preset["body"][language] and "items" not in missing:
            assert "Robe longue" in text


@each
def test_what_is_published_can_be_had_as_files_that_are_well_formed(adapter: Adapter) -> None:
    if not isinstance(adapter, Publishes):
        pytest.skip("nothing is set up for all accounts")
    for path, content in adapter.files("https://relance.example").items():
        assert Path(path).suffix in (".json", ".toml")
        assert content.strip()
        if path.endswith(".toml"):
            tomllib.loads(content)

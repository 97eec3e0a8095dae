"""What every adapter that is connected by a click keeps to, those of other packages too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import entry_points
from urllib.parse import urlsplit

import pytest

from core.contract import Connects, Inbound, Start, Tools
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, RelanceError

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
BACK = "https://relance.example/connect/x/callback"


class Called(AssertionError):
    """A pure method opened a socket."""


def nobody(*_: object, **__: object) -> None:
    raise Called


def adapters() -> list[Connects]:
    found = []
    for point in sorted(entry_points(group="relance.adapters"), key=lambda one: one.name):
        kind = point.load()
        if issubclass(kind, Connects):
            vendors = {way.vendor: ("an-id", "a-secret") for way in kind.manifest.auth if hasattr(way, "vendor")}
            found.append(kind(Tools(dict(kind.manifest.vendors), vendors, nobody, 1.0, nobody)))
    return found


each = pytest.mark.parametrize("adapter", adapters(), ids=lambda one: one.manifest.slug)

# Well-formed private addresses are refused when they are called (`core.guarded`): a name may lead there too.
EVIL = ["https://user:pass@shop.example", "javascript:alert(1)", "https://shop.example\r\nX: y", "\x00", "é" * 3000,
        "file:///etc/passwd", "https://shop.example\\@evil.example", "https://"]


@each
def test_what_is_asked_is_said_in_both_languages(adapter: Connects) -> None:
    names = [one.name for one in adapter.asked]
    assert len(set(names)) == len(names)
    for one in adapter.asked:
        for words in (one.label, *([one.help] if one.help else []), *one.options.values()):
            assert set(words) == {"fr", "en"}
            assert all(words.values())
        if one.only_with is not None:
            other = next(two for two in adapter.asked if two.name == one.only_with[0])
            assert one.only_with[1] in other.options


@each
@pytest.mark.parametrize("text", EVIL)
def test_what_is_no_address_of_the_platform_is_refused_at_its_field(adapter: Connects, text: str) -> None:
    for one in (one for one in adapter.asked if not one.options):
        others = dict([one.only_with]) if one.only_with else {}
        with pytest.raises(BadInput) as refused:
            adapter.given({**others, one.name: text})
        assert refused.value.pointer == f"/{one.name}"


@each
def test_a_return_that_is_empty_or_odd_is_refused_in_words(adapter: Connects) -> None:
    for query in ("", "?state=x", "?code=", "?error=odd&error_description=%FF", "?success=1", "?hmac=%00&shop=x"):
        for posted in (None, dict[str, str]()):
            with pytest.raises((BadInput, NotAuthentic)):
                adapter.arrived(inbound("GET", BACK + query), {}, posted)


@each
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b'{"user_id": 1}', b'{"user_id": {"a": []}}'])
def test_a_grant_that_is_odd_is_refused_in_words(adapter: Connects, body: bytes) -> None:
    with pytest.raises(RelanceError):
        adapter.posted(inbound("POST", BACK, body))


@each
def test_an_odd_refusal_of_the_token_address_is_read(adapter: Connects) -> None:
    for status, answer in ((503, {}), (400, {"error": 3}), (400, {"error": None}), (404, {}), (429, {"x": []})):
        said = adapter.refusal(status, answer)
        assert said is None or isinstance(said, (NeedsReconnect, NotNow, BadInput))


@each
def test_nobody_is_sent_anywhere_but_over_https(adapter: Connects) -> None:
    """With the answer that stands grey in the field, or none where nothing is asked."""
    if type(adapter).discover is not Connects.discover:
        pytest.skip("it asks the site where to go")
    start = Start("a" * 64, BACK, "an-id", "challenge", ("scope",))
    leaving = adapter.leave(adapter.given(examples(adapter)), start)

    assert urlsplit(leaving.url).scheme == "https"
    assert "a" * 64 in leaving.url
    assert "a-secret" not in leaving.url
    if adapter.manifest.oauth is not None:
        assert urlsplit(adapter.door(leaving.kept).token_url).scheme == "https"
        assert urlsplit(adapter.door(leaving.kept).token_url).hostname == urlsplit(
            adapter.door(dict(leaving.kept)).token_url).hostname


def examples(adapter: Connects) -> Mapping[str, str]:
    chosen = {one.name: next(iter(one.options)) for one in adapter.asked if one.options}
    typed = {one.name: one.example for one in adapter.asked if not one.options and one.only_with is None}
    return {**chosen, **typed}


def inbound(method: str, url: str, body: bytes = b"") -> Inbound:
    return Inbound(method, url, (), body, NOW)

"""Short links: which addresses become short, what a code gives away (nothing), and who is a person."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text.links import (
    CODE,
    LENGTH,
    Link,
    Shortener,
    Visitor,
    click_of,
    code,
    followed,
    good_address,
    may_hold_links,
    visitor,
)
from core.domain.text.segments import measure
from core.domain.text.templates import UnusableValue, render

UTC = ZoneInfo("UTC")
SHORT = Shortener("https://r.example", b"k" * 32)
SHOP = "https://shop.example/cart/1?a=b#top"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)
ADDRESSES = st.builds(
    lambda host, path: f"https://{host}.example/{path}",
    st.text("abcdefghij0123456789", min_size=1, max_size=20),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789/?=&%_-~.é", max_size=300),
).filter(good_address)


def said(body: str, values: dict[str, object], *message: str, everything: bool = False) -> tuple[str, tuple[Link, ...]]:
    short = SHORT.of(values, *(message or ("msg",)), everything=everything)
    text = render(body, short, UTC).text
    return text, short.used(text)


# ---------------------------------------------------------------------------------------------- codes


@given(st.binary(min_size=16, max_size=64), st.lists(st.text(), max_size=4))
def test_a_code_is_eleven_letters_and_the_same_each_time(key: bytes, words: list[str]) -> None:
    made = code(key, *words)
    assert CODE.fullmatch(made)
    assert len(made) == LENGTH
    assert made == code(key, *words)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=2, unique=True, max_size=20))
def test_other_words_have_another_code_wherever_one_word_ends(pairs: list[tuple[str, str]]) -> None:
    assert len({code(b"key", *pair) for pair in pairs}) == len(pairs)


def test_another_key_has_other_codes_and_no_letter_is_favoured():
    assert code(b"one", "a") != code(b"two", "a")
    letters = "".join(code(b"key", str(number)) for number in range(2000))
    counts = [letters.count(letter) for letter in set(letters)]
    assert len(counts) == 62
    assert min(counts) > 250
    assert max(counts) < 470


# ---------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize("address", ["https://shop.example", "http://shop.example:8080/a?b=c#d", SHOP,
                                     "https://café.example/thé"])  # fmt: skip
def test_what_a_link_may_lead_to(address):
    assert good_address(address)


@pytest.mark.parametrize("address", [
    "javascript:alert(1)", "data:text/html,x", "ftp://shop.example/", "https://", "http:///path", "https:shop.example",
    "https://ana:secret@shop.example/", "https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example/a b",
    "https://shop.example:99999/", "https://shop.example:0/", "https://[::1/", "//shop.example/", "shop.example",
    "https://shop.example\\@evil.example/", "https://shop.example/\u202e", "https://shop.example/" + "a" * 2048,
    "", None, 7, "https://shop.example/\ud800",
])  # fmt: skip
def test_what_it_may_not(address):
    assert not good_address(address)


# ---------------------------------------------------------------------------------------------- in a text


def test_values_that_are_named_as_links_become_short():
    values = {"link": SHOP, "pay_link": "http://p.example/1", "url": SHOP}
    text, links = said("{{ link }} {{ pay_link }} {{ url }}", values)
    first, second, third = text.split(" ")
    assert third == SHOP
    assert [one.target for one in links] == [SHOP, "http://p.example/1"]
    assert [f"https://r.example/s/{one.code}" for one in links] == [first, second]


def test_any_address_becomes_short_by_the_filter_a_written_one_too():
    text, links = said('{{ url|short }} {{ "https://plan.example/acces"|short }}', {"url": SHOP})
    assert [one.target for one in links] == [SHOP, "https://plan.example/acces"]
    assert "shop.example" not in text


def test_what_is_no_address_is_no_link():
    assert said("{{ link }}", {"link": "le guichet"}) == ("le guichet", ())
    with pytest.raises(UnusableValue):
        said("{{ name|short }}", {"name": "Ana"})


def test_fields_of_a_value_and_fallbacks():
    text, links = said("{{ order.link }} {{ link or 'plus tard' }}", {"order": {"link": SHOP, "no": 1}})
    assert text.endswith(" plus tard")
    assert [one.target for one in links] == [SHOP]


def test_the_same_address_twice_is_one_link_and_one_that_is_not_said_is_none():
    text, links = said("{{ link }} {{ link }}{% if pay_link %}.{% endif %}", {"link": SHOP, "pay_link": SHOP + "&p=1"})
    assert len(links) == 1
    assert text.count(links[0].code) == 2


def test_with_everything_what_is_written_in_the_text_is_short_too():
    text, links = said("Voir (https://a.example/x). Ou « http://b.example/y »!", {}, everything=True)
    assert [one.target for one in links] == ["https://a.example/x", "http://b.example/y"]
    assert text.endswith('"!')
    assert f"(https://r.example/s/{links[0].code})." in text


def test_without_a_shortener_the_filter_leaves_the_address_as_it_is():
    assert render("{{ url|short }}", {"url": SHOP}, UTC).text == SHOP


def test_a_link_that_is_short_already_stays():
    mine = "https://r.example/s/AAAAAAAAAAA"
    assert said("{{ link }}", {"link": mine}) == (mine, ())


@given(ADDRESSES, st.text("abcdef", max_size=10), st.text("abcdef", max_size=10))
def test_planned_again_the_text_is_the_same_and_another_person_has_another(address: str, one: str, other: str) -> None:
    first, links = said("{{ link }}", {"link": address}, "occ_1", one)
    assert said("{{ link }}", {"link": address}, "occ_1", one) == (first, links)
    assert (said("{{ link }}", {"link": address}, "occ_1", other)[0] == first) is (one == other)


@given(ADDRESSES, st.text("abcde fghi", max_size=200))
def test_the_length_of_a_text_does_not_depend_on_where_its_link_leads(address: str, words: str) -> None:
    text, _ = said("{{ words|default('') }} {{ link }}", {"link": address, "words": words})
    short, _ = said("{{ words|default('') }} {{ link }}", {"link": "https://a.example/", "words": words})
    assert measure(text).units == measure(short).units
    assert measure(text).encoding == "GSM-7"


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    short = SHORT.of({}, "msg", everything=True)
    assert isinstance(short.in_text(text), str)


def test_a_quick_look_finds_values_that_may_be_links():
    assert may_hold_links({"a": SHOP})
    assert may_hold_links({"order": {"link": SHOP}})
    assert not may_hold_links({"a": "Ana", "n": 3})


# ---------------------------------------------------------------------------------------------- followed


@pytest.mark.parametrize("target, there", [
    (SHOP, "https://shop.example/cart/1?a=b&rl=AAAAAAAAAAA#top"),
    ("https://shop.example", "https://shop.example?rl=AAAAAAAAAAA"),
])  # fmt: skip
def test_a_tracked_target_hears_by_which_click_it_was_opened(target, there):
    assert followed(Link("A" * 11, target, True)) == there
    assert followed(Link("A" * 11, target)) == target
    assert click_of(there) == "A" * 11
    assert click_of(urlsplit(there).query) == "A" * 11


@pytest.mark.parametrize("seen", ["https://shop.example/", "rl=short", "https://x.example/?rl=" + "é" * 11, "a" * 9000])
def test_an_address_without_a_click(seen):
    assert click_of(seen) is None


@given(ADDRESSES)
def test_the_click_of_a_tracked_target_is_found_again(target: str) -> None:
    assert click_of(followed(Link("B" * 11, target, True))) == "B" * 11


# ---------------------------------------------------------------------------------------------- people and robots


@pytest.mark.parametrize("agent", [
    IPHONE,
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 Chrome/125.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Instagram 300.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile [FBAN/FBIOS;FBAV/400.0]",
])  # fmt: skip
def test_people(agent):
    assert visitor("GET", {"user-agent": agent}) == (Visitor.HUMAN, "browser")


@pytest.mark.parametrize("agent, who", [
    ("WhatsApp/2.23.20.0 A", Visitor.PREVIEW),
    ("Mozilla/5.0 (Macintosh) AppleWebKit/601.2.4 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
     Visitor.PREVIEW),
    ("TelegramBot (like TwitterBot)", Visitor.PREVIEW),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Visitor.ROBOT),
    ("Mozilla/5.0 (X11) HeadlessChrome/120", Visitor.ROBOT),
    ("curl/8.5.0", Visitor.ROBOT),
    ("python-requests/2.32", Visitor.ROBOT),
    ("Something/1.0", Visitor.UNKNOWN),
    ("", Visitor.UNKNOWN),
])  # fmt: skip
def test_robots(agent, who):
    assert visitor("GET", {"user-agent": agent})[0] is who


@pytest.mark.parametrize("headers", [{"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"},
                                     {"x-moz": "prefetch"}, {"x-purpose": "preview"}])  # fmt: skip
def test_a_browser_that_looks_ahead_is_no_click(headers):
    assert visitor("GET", {"user-agent": IPHONE, **headers}) == (Visitor.PREVIEW, "ahead")


def test_a_question_for_the_head_alone_is_no_click():
    assert visitor("HEAD", {"user-agent": IPHONE}) == (Visitor.ROBOT, "head")

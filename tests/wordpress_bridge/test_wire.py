"""What the plugin says, read without a network: the code, the signature, every kind of event, and what is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Grant, Inbound, Installation, Option, Question, Result, Reward, Start, Tools
from core.domain.carts import counts
from core.domain.discounts import Discount
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, RelanceError, Unreadable, Unsupported
from core.domain.events import Closed, Kind
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.text.price import Money
from core.domain.text.segments import measure
from core.domain.when import parse_when
from core.engine import presets
from wordpress_bridge import WordPress, site, wire

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
HOOK = "https://relance.example/hooks/wordpress_bridge/ins_1"
SECRET, KEY = "the-secret-of-the-site", "the-key-of-the-code-that-works-once"


def nobody(*_: object, **__: object) -> None:
    raise AssertionError("parsing opened a socket")


ADAPTER = WordPress(Tools({}, {}, nobody, 1.0, nobody))
SITE = Installation("ins_1", "ws_1", "wordpress_bridge", "Boutique", {"url": "https://www.exemple.fr"},
                    {"signing_secret": SECRET, "connection_key": KEY}, {}, "Europe/Paris", "FR", "fr", HOOK)


def request(what: Any, topic: str = "/events", *, secret: str = SECRET, at: datetime = NOW, received: datetime = NOW,
            delivery: str = "d" * 32) -> Inbound:
    body = what if isinstance(what, bytes) else json.dumps(what).encode()
    stamp = str(int(at.timestamp()))
    return Inbound("POST", f"{HOOK}{topic}", (
        ("X-Relance-Timestamp", stamp), ("X-Relance-Delivery", delivery),
        ("X-Relance-Signature", wire.signed(secret, stamp, body))), body, received)


def events(*said: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"version": "0.1.0", "language": "fr", **more, "events": [
        {"id": f"e{place}", "type": kind, "at": NOW.timestamp() - 60, "data": data}
        for place, (kind, data) in enumerate(said)]}


def read(*said: tuple[str, dict[str, Any]]) -> Any:
    asked = request(events(*said))
    ADAPTER.verify(asked, SITE)
    return ADAPTER.parse(asked, SITE)


# The signature ----------------------------------------------------------------------------------------------------


def test_what_the_site_signed_is_authentic_and_what_anybody_changed_is_not() -> None:
    good = request({"events": []})
    ADAPTER.verify(good, SITE)

    for forged in (
        replace(good, body=good.body + b" "),
        replace(good, headers=good.headers[:2]),
        replace(good, headers=(*good.headers, good.headers[2])),
        replace(good, headers=(*good.headers[:2], ("X-Relance-Signature", ""))),
        replace(good, headers=(("X-Relance-Timestamp", "١٢٣"), *good.headers[1:])),
        replace(good, received_at=NOW + timedelta(minutes=6)),
        replace(good, received_at=NOW - timedelta(minutes=6)),
        request({"events": []}, secret="another"),
        request({"events": []}, secret=KEY),
    ):
        with pytest.raises(NotAuthentic):
            ADAPTER.verify(forged, SITE)


def test_an_installation_without_a_secret_believes_nobody() -> None:
    with pytest.raises(NotAuthentic):
        ADAPTER.verify(request({}, secret=""), replace(SITE, secrets={}))


def test_an_event_may_have_waited_for_days_since_it_is_signed_when_it_leaves() -> None:
    old = (NOW - timedelta(days=9)).timestamp()
    said = {"events": [{"id": "a", "type": "form", "at": old, "data": {"form": "cf7:5", "entry": "1"}}]}
    asked = request(said)
    ADAPTER.verify(asked, SITE)

    assert ADAPTER.parse(asked, SITE).events[0].at == NOW - timedelta(days=9)


# The code ---------------------------------------------------------------------------------------------------------


def test_a_connection_is_made_of_an_address_and_brings_a_code_and_a_secret() -> None:
    made = ADAPTER.configured({"url": " WWW.Exemple.fr/blog/wp-admin/ "})
    again = ADAPTER.configured({"url": "http://exemple.fr/blog"})

    assert made.config == {"url": "https://www.exemple.fr/blog"}
    assert made.account == again.account == "exemple.fr/blog"
    assert made.secrets["signing_secret"] != again.secrets["signing_secret"]
    handed = ADAPTER.handed(replace(SITE, secrets=made.secrets))
    assert handed["signing_secret"] == made.secrets["signing_secret"]
    text = handed["connection_code"].removeprefix("RLC-")
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() == (
        f"{HOOK}#{made.secrets['connection_key']}")
    assert made.secrets["signing_secret"] not in text


def test_a_new_code_keeps_the_secret() -> None:
    known = ADAPTER.configured({"url": "https://exemple.fr"})
    again = ADAPTER.configured({**known.config, **known.secrets, "new_code": True})

    assert again.secrets["signing_secret"] == known.secrets["signing_secret"]
    assert again.secrets["connection_key"] != known.secrets["connection_key"]


@pytest.mark.parametrize(("config", "pointer"), [
    ({}, "/config/url"), ({"url": 7}, "/config/url"), ({"url": "ftp://x.example"}, "/config/url"),
    ({"url": "https://u:p@x.example"}, "/config/url"), ({"url": "https://x.example", "color": 1}, "/config/color"),
    ({"url": "https://x.example", "new_code": "yes"}, "/config/new_code"),
    ({"url": "https://x.example", "zone": "Mars"}, "/config/zone"),
    ({"url": "https://x.example", "country": "fr"}, "/config/country"),
])
def test_what_cannot_be_is_said_at_its_place(config: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as wrong:
        ADAPTER.configured(config)

    assert wrong.value.pointer == pointer
    assert wrong.value.reason.sentence("fr") != wrong.value.reason.code


def test_the_code_is_exchanged_for_the_secret_once() -> None:
    asked = request({"site": "https://www.exemple.fr/", "rest": "https://www.exemple.fr/wp-json/", "version": "0.1.0"},
                    "/connect", secret=KEY)
    ADAPTER.verify(asked, SITE)
    reading = ADAPTER.parse(asked, SITE)

    assert reading.once
    assert json.loads(reading.reply.body)["secret"] == SECRET
    assert ADAPTER.answer(asked, reading, ()) == reading.reply
    assert reading.memory["rest"] == "https://www.exemple.fr/wp-json/"
    used = replace(SITE, memory=reading.memory)
    assert "connection_code" not in ADAPTER.handed(used)
    with pytest.raises(NotAuthentic):
        ADAPTER.verify(asked, used)
    with pytest.raises(NotAuthentic):
        ADAPTER.verify(request({}, "/connect", secret=SECRET), SITE)


def test_a_rest_address_of_another_site_is_not_believed() -> None:
    asked = request({"rest": "https://evil.example/wp-json/"}, "/connect", secret=KEY)

    assert "rest" not in ADAPTER.parse(asked, SITE).memory


# Events -----------------------------------------------------------------------------------------------------------


def test_a_form_is_the_visitors_and_if_wished_the_owners_too() -> None:
    reading = read(("form", {
        "form": "cf7:5", "entry": "9", "title": "Contact", "phone": "06 39 98 00 01", "name": "Ana", "email": "A@x.fr",
        "country": "FR", "owner": "+33639980009", "page": "https://x.fr/c",
        "consent": {"granted": True, "text": "Oui aux SMS", "version": "v", "place": "https://x.fr/c",
                    "at": NOW.timestamp() - 90, "ip": "192.0.2.1", "way": "form"}}))

    visitor, owner = reading.events
    assert (visitor.kind, visitor.key) == (Kind.FORM, "form/cf7:5/9")
    assert visitor.recipient.number == "+33639980001"
    assert visitor.email == "a@x.fr"
    assert visitor.values["audience"] == "visitor"
    assert "phone" not in visitor.values
    # A stranger typed it: it passes the guard of public doors. The owner's own number was typed by nobody.
    assert (visitor.typed, owner.typed) == (True, False)
    assert (owner.recipient.number, owner.values["phone"]) == ("+33639980009", "06 39 98 00 01")
    assert owner.values["audience"] == "owner"
    word = reading.consents[0]
    assert (word.granted, word.number, word.at) == (True, "+33639980001", NOW - timedelta(seconds=90))
    assert dict(word.proof) == {"text": "Oui aux SMS", "version": "v", "place": "https://x.fr/c", "ip": "192.0.2.1",
                                "way": "form"}


def test_a_yes_without_its_words_is_no_yes() -> None:
    data = {"form": "f", "entry": "1", "phone": "0639980001", "consent": {"granted": True, "place": "https://x.fr"}}

    assert read(("form", data)).consents == ()


@pytest.mark.parametrize(("phone", "code"), [
    ("", "wordpress_no_phone"), ("12", "number_invalid"), ("demain", "number_unreadable"),
])
def test_a_number_that_is_none_is_said(phone: str, code: str) -> None:
    event = read(("form", {"form": "f", "entry": "1", "phone": phone})).events[0]

    assert event.recipient is None
    assert event.trouble.code == code


def test_a_member_is_as_old_as_the_account() -> None:
    event = read(("member", {"user": 12, "phone": "0639980001", "email": "b@x.fr", "roles": ["customer"],
                             "registered": (NOW - timedelta(days=400)).timestamp(), "language": "fr_FR"})).events[0]

    assert (event.kind, event.key, event.subject) == (Kind.CONTACT, "user/12", "user/12")
    assert event.booked_at == NOW - timedelta(days=400)
    assert (event.values["role"], event.values["language"]) == ("customer", "fr")


def test_a_subscriber_brings_the_proof_of_the_double_yes() -> None:
    reading = read(("subscriber", {"token": "t1", "phone": "+33639980001", "name": "Ana", "leave": "https://x.fr/?l",
                                   "consent": {"granted": True, "text": "Oui", "way": "double_opt_in"}}))

    assert reading.events[0].values["first_name"] == "Ana"
    assert (reading.consents[0].subject, reading.consents[0].number) == ("subscriber/t1", "+33639980001")


def test_leaving_is_a_no() -> None:
    word = read(("consent", {"phone": "+33639980001", "consent": {"granted": False, "way": "link"}})).consents[0]

    assert (word.granted, word.scope) == (False, "marketing")


def test_a_post_is_an_occasion_for_each_subscriber() -> None:
    data = {"post": 7, "title": "Soldes", "link": "https://x.fr/soldes", "to": [
        {"phone": "+33639980001", "name": "Ana", "token": "t1"}, {"phone": "+33639980002"}, {"phone": "rien"}]}
    told = read(("post", data)).events

    assert [event.kind for event in told] == [Kind.CAMPAIGN] * 3
    assert len({event.key for event in told}) == 3
    assert [event.key for event in told] == [event.key for event in read(("post", data)).events]
    assert told[0].values["first_name"] == "Ana"
    assert "first_name" not in told[1].values
    assert told[2].trouble is not None
    with pytest.raises(Unreadable):
        read(("post", {**data, "to": [{"phone": "+33639980001"}] * 101}))


CART = {"cart": "c1", "state": "open", "at": NOW.timestamp() - 5, "changed": NOW.timestamp() - 300,
        "phone": "06 39 98 00 01", "country": "FR", "email": "Ana@x.fr", "first_name": "Ana", "user": 0,
        "items": [{"name": "Thé", "quantity": 2}, {"name": ""}], "total": "84.70", "currency": "EUR",
        "link": "https://x.fr/?relance_cart=c1"}
ORDER = {"order": 31, "number": "C-31", "status": "processing", "at": NOW.timestamp() - 5, "created":
         NOW.timestamp() - 10, "phone": "", "other": "0639980001", "email": "ana@x.fr", "country": "FR", "cart": "c1",
         "total": "84.70", "currency": "EUR", "items": [], "user": 4, "link": "https://x.fr/order"}


def test_a_cart_is_as_old_as_its_last_change() -> None:
    event = read(("cart", CART)).events[0]

    assert (event.kind, event.key, event.closed) == (Kind.CART, "cart/c1", None)
    assert event.start == NOW - timedelta(seconds=300)
    assert event.values["total"] == {"amount": 84_700_000, "currency": "EUR"}
    assert event.values["items"] == [{"name": "Thé", "quantity": 2}]
    assert (event.email, event.subject) == ("ana@x.fr", None)
    emptied = read(("cart", {"cart": "c1", "state": "emptied", "at": NOW.timestamp()})).events[0]
    assert emptied.closed is Closed.DELETED


def test_an_order_names_its_cart_and_is_found_by_its_other_number() -> None:
    event = read(("order", ORDER)).events[0]

    assert event.closes == ("cart/c1",)
    assert (event.recipient.number, event.evidence.field) == ("+33639980001", "other")
    assert event.values["status"] == "processing"
    assert counts(event)
    assert read(("order", {**ORDER, "codes": ["7kxq4mbd", 5, ""]})).events[0].values["codes"] == ["7kxq4mbd"]
    assert "codes" not in read(("order", {**ORDER, "codes": "7kxq4mbd"})).events[0].values
    assert not counts(read(("order", {**ORDER, "status": "wc-failed"})).events[0])
    assert read(("order", {"order": 31, "status": "trash"})).events[0].closed is Closed.DELETED
    silent = read(("order", {**ORDER, "tell": False})).events[0]
    assert silent.closed is Closed.SILENCED
    assert counts(silent)


def test_an_erasure_is_by_address_and_by_every_number_that_is_one() -> None:
    erased = read(("erase", {"email": "Ana@x.fr", "phones": ["06 39 98 00 01", "?"], "country": "FR"})).erasures

    assert [(one.email, one.number) for one in erased] == [("ana@x.fr", None), (None, "+33639980001")]


def test_a_test_is_a_wish_of_the_site_in_one_message() -> None:
    event = read(("test", {"phone": "0639980001", "site": "Boutique"})).events[0]

    assert (event.kind, event.wish.klass) == (Kind.REQUEST, "conversational")
    assert measure(event.wish.body).segments == 1
    assert measure(event.wish.body).encoding == "GSM-7"


def test_a_goodbye_is_heard() -> None:
    assert read(("gone", {})).gone


def test_one_event_of_an_unknown_kind_does_not_hide_the_others() -> None:
    reading = read(("weather", {}), ("comment", {"comment": 3, "author": "Léa", "owner": "0639980009"}))

    assert [event.key for event in reading.events] == ["comment/3"]
    with pytest.raises(Unsupported):
        read(("weather", {}))


@pytest.mark.parametrize("body", [
    b"", b"[]", b"null", b'{"events": []}', b'{"events": {}}', b'{"events": [1]}', b'{"events": [{"type": 3}]}',
    b'{"events": [{"type": "form", "data": []}]}', b'{"events": [{"type": "form", "data": {"form": "f"}}]}',
    b'{"events": [{"type": "form", "data": {"form": {}, "entry": "1"}}]}', b"\xff\xfe", b"[" * 100_000,
    b'{"events": [{"type": "erase", "data": {"phones": "06"}}]}',
    b'{"events": [{"type": "form", "data": {"form": "f", "entry": "1", "phone": "0639980001", "consent": 1}}]}',
])
def test_what_cannot_be_read_is_unreadable_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(request(body), SITE)


words = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)


@given(st.sampled_from("form member comment subscriber consent post cart order erase test".split()),
       st.dictionaries(st.sampled_from(["form", "entry", "phone", "consent", "to", "at", "cart", "order", "status",
                                        "items", "total", "currency", "user", "token", "email", "country", "owner",
                                        "roles", "phones", "post", "comment", "changed"]), words, max_size=12), words)
def test_whatever_a_broken_site_says_is_read_or_unreadable(kind: str, data: dict[str, Any], at: Any) -> None:
    body = {"events": [{"type": kind, "at": at, "data": data}]}
    asked = request(json.dumps(body).encode())
    try:
        reading = ADAPTER.parse(asked, SITE)
    except Unreadable:
        return
    assert reading == ADAPTER.parse(asked, SITE)
    for event in reading.events:
        assert event.at <= NOW
        assert event.kind in ADAPTER.manifest.kinds
        assert event.digest


# Answers and questions --------------------------------------------------------------------------------------------


def test_the_answer_says_what_became_of_each_event() -> None:
    asked = request(events(
        ("form", {"form": "f", "entry": "1", "phone": "0639980001", "owner": "0639980009"}),
        ("consent", {"phone": "0639980001", "consent": {"granted": False}}),
        ("comment", {"comment": 1, "owner": "0639980009"})))
    reading = ADAPTER.parse(asked, SITE)
    results = [Result(reading.events[0].key, State.SCHEDULED),
               Result(reading.events[1].key, State.SUPPRESSED, reason=Reason("no_rule")),
               Result(reading.events[2].key, State.SENT)]

    said = json.loads(ADAPTER.answer(asked, reading, results).body)["results"]

    assert said == {"e0": f"message prévu · {Reason('no_rule').sentence('fr')}", "e1": "", "e2": "message envoyé"}


def test_a_code_is_asked_for_and_checked_through_the_hook() -> None:
    start = request({"phone": "06 39 98 00 01", "country": "FR", "ip": "192.0.2.1", "purpose": "optin",
                     "signed_in": False}, "/code/start")
    question = ADAPTER.question(start, SITE)
    assert question == Question("start_code", arguments={
        "number": "06 39 98 00 01", "country": "FR", "ip": "192.0.2.1", "purpose": "optin"})
    said = json.loads(ADAPTER.options(start, question, (Option("ver_1", "pending"),), None, None).body)
    assert said == {"verification": "ver_1", "state": "pending", "number": "+33639980001"}

    check = request({"verification": "ver_1", "code": "123456"}, "/code/check")
    question = ADAPTER.question(check, SITE)
    assert json.loads(ADAPTER.options(check, question, (Option("ver_1", "approved", "+33639980001"),), None, None).body
                      )["state"] == "approved"
    refused = ADAPTER.options(check, question, (), None, Reason("number_unreadable", {"text": "x"}))
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "number_unreadable")
    assert ADAPTER.question(request({"events": []}), SITE) is None


# One click --------------------------------------------------------------------------------------------------------


class Place:
    """A WordPress site as the guarded client sees it: what was recorded, and who called."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, []

    def __call__(self, method: str, url: str, headers: Any = None, body: bytes | None = None, **_: Any) -> Any:
        self.calls.append((method, url, dict(headers or {}), body))
        path = urlsplit(url).path
        status, said, more = next(self.answers[name] for name in sorted(self.answers, key=len, reverse=True)
                                  if path.endswith(name.replace("__", "/")))
        return SimpleNamespace(status=status, headers=more, body=said if isinstance(said, bytes)
                               else json.dumps(said).encode())

    def adapter(self) -> WordPress:
        return WordPress(Tools({}, {}, lambda url, **given: self("GET", url, given.get("headers")), 1.0, self))


RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
RECORDED = json.loads((RECORDINGS / "wordpress_app_password_wp61.json").read_text())
INDEX = next(step["reply"] for step in RECORDED["steps"] if step["step"].startswith("discovery"))
LINK = {"link": '<https://www.exemple.fr/wp-json/>; rel="https://api.w.org/", <https://x/?p=1>; rel="alternate"'}
THERE = {"authentication": {"application-passwords": {"endpoints": {
    "authorization": "https://www.exemple.fr/wp-admin/authorize-application.php"}}}}
START = Start("a" * 64, "https://relance.example/connect/wordpress_bridge/callback")


def test_the_journey_to_the_sites_own_page_and_back() -> None:
    place = Place(**{"/": (200, b"<html>", LINK), "wp-json__": (200, THERE, {})})
    adapter = place.adapter()
    given = adapter.discover(adapter.given({"url": "www.exemple.fr"}))
    leaving = adapter.leave(given, START)

    asked = parse_qs(urlsplit(leaving.url).query)
    assert leaving.url.startswith("https://www.exemple.fr/wp-admin/authorize-application.php?")
    assert asked["app_name"] == ["Relance"]
    assert asked["success_url"] == [f"{START.redirect_uri}?state={START.state}"]
    query = next(step for step in RECORDED["steps"] if step["step"].startswith("approve"))["redirect_query"]
    for password in (query["password"], "kP3T 6mkD TCUG OXje YlGM 5qp2"):
        back = Inbound("GET", f"{START.redirect_uri}?state=x&site_url=https%3A%2F%2Fevil.example&user_login=admin"
                              f"&password={password.replace(' ', '%20')}", (), b"", NOW)
        assert adapter.arrived(back, leaving.kept, None).secrets == {
            "user_login": "admin", "application_password": password.replace(" ", "")}


@pytest.mark.parametrize(("query", "code"), [
    ("success=false", "access_denied"), ("error=disabled", "wordpress_passwords_off"), ("user_login=admin",
     "code_missing"), ("user_login=admin&password=short", "code_missing"),
])
def test_what_comes_back_without_a_password(query: str, code: str) -> None:
    with pytest.raises(BadInput) as wrong:
        ADAPTER.arrived(Inbound("GET", f"{START.redirect_uri}?{query}", (), b"", NOW), {}, None)

    assert wrong.value.reason.code == code


@pytest.mark.parametrize(("page", "index", "code"), [
    ({}, THERE, "wordpress_not_there"),
    ({"link": '<https://evil.example/wp-json/>; rel="https://api.w.org/"'}, THERE, "wordpress_other_host"),
    (LINK, {"authentication": []}, "wordpress_passwords_off"),
    (LINK, [], "wordpress_passwords_off"),
    (LINK, {"authentication": {"application-passwords": {"endpoints": {"authorization": "https://evil.example/"}}}},
     "wordpress_other_host"),
])
def test_what_is_no_wordpress_that_grants_is_said(page: dict[str, str], index: Any, code: str) -> None:
    adapter = Place(**{"/": (200, b"", page), "wp-json__": (200, index, {})}).adapter()
    with pytest.raises(BadInput) as wrong:
        adapter.discover({"url": "https://www.exemple.fr"})

    assert wrong.value.reason.code == code


def test_a_recorded_site_says_where_it_grants() -> None:
    assert site.authorization(INDEX) == "http://127.0.0.1:54577/wp-admin/authorize-application.php"


def test_a_site_that_calls_no_http_address_is_not_asked_to() -> None:
    with pytest.raises(BadInput) as wrong:
        ADAPTER.leave({"authorize": "https://x.fr/a"}, replace(START, redirect_uri="http://relance.example/back"))

    assert wrong.value.reason.code == "needs_https"


KEPT = {"url": "https://www.exemple.fr", "rest": "https://www.exemple.fr/wp-json/"}
GRANT = Grant({}, {"user_login": "admin", "application_password": "p" * 24}, KEPT, frozenset(), ())


def test_the_password_must_open_the_administrators_door() -> None:
    me = {"id": 1, "name": "Ana", "capabilities": {"manage_options": True}}
    place = Place(wp__v2__users__me=(200, me, {}))
    made = place.adapter().granted(GRANT, NOW)

    assert made.secrets["application_password"] == "p" * 24
    assert made.config == {"url": KEPT["url"], "rest": KEPT["rest"]}
    assert place.calls[0][1] == "https://www.exemple.fr/wp-json/wp/v2/users/me?context=edit"
    for answer, code in (((401, {"code": "rest_not_logged_in"}, {}), "wordpress_password_refused"),
                         ((200, {"name": "Léa", "capabilities": {"read": True}}, {}), "wordpress_not_an_administrator"),
                         ((200, {"id": 1}, {}), "wordpress_password_refused")):
        with pytest.raises(BadInput) as wrong:
            Place(wp__v2__users__me=answer).adapter().granted(GRANT, NOW)
        assert wrong.value.reason.code == code


def test_the_password_is_used_for_the_code_and_given_back() -> None:
    there = replace(SITE, config=KEPT, secrets={**SITE.secrets, **GRANT.secrets})
    place = Place(relance__v1__connect=(200, {"connected": True}, {}), introspect=(200, {"uuid": "u-1"}, {}),
                  **{"u-1": (200, {"deleted": True}, {})})
    place.adapter().maintain(there, NOW, nobody)

    assert [(method, urlsplit(url).path) for method, url, _, _ in place.calls] == [
        ("POST", "/wp-json/relance/v1/connect"),
        ("GET", "/wp-json/wp/v2/users/me/application-passwords/introspect"),
        ("DELETE", "/wp-json/wp/v2/users/me/application-passwords/u-1")]
    assert json.loads(place.calls[0][3]) == {"code": wire.code(HOOK, KEY)}


def test_a_plugin_that_is_not_there_yet_is_waited_for() -> None:
    there = replace(SITE, config=KEPT, secrets={**SITE.secrets, **GRANT.secrets})
    place = Place(relance__v1__connect=(404, {"code": "rest_no_route"}, {}))

    assert place.adapter().maintain(there, NOW, nobody) == timedelta(minutes=5)
    assert ADAPTER.maintain(SITE, NOW, nobody) == timedelta(days=1)
    assert [one.reason.code for one in ADAPTER.check(SITE, NOW) if one.reason] == ["wordpress_plugin_missing"]


def test_parting_tells_the_plugin_and_never_fails() -> None:
    place = Place(relance__v1__gone=(200, {}, {}))
    there = replace(SITE, memory={"rest": KEPT["rest"]})

    assert place.adapter().uninstall(there) == ()
    assert place.calls[0][2]["X-Relance-Signature"] == wire.farewell(SECRET)
    assert Place(relance__v1__gone=(500, {}, {})).adapter().uninstall(there)[0].code == "wordpress_not_told"
    assert ADAPTER.uninstall(SITE) == ()


# Discount codes ---------------------------------------------------------------------------------------------------

ENDS = datetime(2026, 12, 2, 23, 59, 59, tzinfo=UTC)
TEN = Reward("7KXQ4MBD", Discount(7, 10), ENDS, "cart/1", {}, "ana@example.org")
FIVE_EUROS = replace(TEN, discount=Discount(7, amount=Money(5_500_000, "EUR")), email=None)
SHOP = replace(SITE, memory={"rest": "https://www.exemple.fr/wp-json/"})


def test_a_discount_code_is_asked_of_the_plugin_signed() -> None:
    place = Place(relance__v1__coupon=(201, {"kept": True}, {}))
    place.adapter().reward(SHOP, TEN, NOW)
    place.adapter().reward(SHOP, FIVE_EUROS, NOW)

    (method, url, headers, body), (_, _, _, second) = place.calls
    assert (method, url) == ("POST", "https://www.exemple.fr/wp-json/relance/v1/coupon")
    assert json.loads(body) == {"code": "7KXQ4MBD", "type": "percent", "amount": "10", "email": "ana@example.org",
                                "ends_at": int(ENDS.timestamp())}
    assert json.loads(second) == {"code": "7KXQ4MBD", "type": "fixed_cart", "amount": "5.5", "currency": "EUR",
                                  "ends_at": int(ENDS.timestamp())}
    wire.verify(Inbound(method, url, tuple(headers.items()), body, NOW), SECRET)
    assert place.adapter().withdraw(SHOP, NOW) == 0


@pytest.mark.parametrize(("status", "said", "error", "code"), [
    (404, {"code": "rest_no_route"}, BadInput, "wordpress_coupons_unknown"),
    (501, {"code": "relance_no_shop"}, BadInput, "wordpress_no_shop"),
    (409, {"code": "relance_taken"}, BadInput, "discount_code_taken"),
    (422, {"code": "relance_currency", "data": {"currency": "CHF"}}, BadInput, "discount_other_currency"),
    (400, {"code": "relance_coupon", "message": "No."}, BadInput, "discount_refused"),
    (301, b"", BadInput, "discount_refused"),
    (401, {"code": "relance_signature"}, NeedsReconnect, "wordpress_signature_refused"),
    (401, {"code": "relance_clock"}, NotNow, "wordpress_clock_wrong"),
    (403, b"<html>Blocked</html>", BadInput, "wordpress_route_shut"),
    (200, b"<html>Back soon</html>", NotNow, "wordpress_coupon_waits"),
    (429, {}, NotNow, "wordpress_coupon_waits"),
    (503, b"", NotNow, "wordpress_coupon_waits"),
])
def test_a_code_that_was_not_made_is_said_with_its_reason(
    status: int, said: Any, error: type[RelanceError], code: str
) -> None:
    with pytest.raises(error) as wrong:
        Place(relance__v1__coupon=(status, said, {})).adapter().reward(SHOP, FIVE_EUROS, NOW)

    assert wrong.value.reason.code == code
    for language in ("fr", "en"):
        assert "{" not in wrong.value.reason.sentence(language)


def test_a_site_without_the_plugin_is_asked_for_nothing() -> None:
    with pytest.raises(BadInput) as wrong:
        ADAPTER.reward(SITE, TEN, NOW)
    assert wrong.value.reason.code == "wordpress_plugin_missing"


# Presets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", presets.of(ADAPTER), ids=lambda one: one["key"])
def test_a_preset_is_a_rule_whose_words_cost_one_message(preset: dict[str, Any]) -> None:
    assert Kind(preset["on"]) in ADAPTER.manifest.kinds
    parse_when(preset["when"])
    for language in ("fr", "en"):
        assert preset["name"][language]
        assert measure(preset["body"][language]).encoding == "GSM-7"

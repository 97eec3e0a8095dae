"""Who may only look sees no whole number: on no page that can be reached, in no error, and not digit by digit."""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus, urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.storage import access
from core.web.access import SESSION_COOKIE, Access
from core.web.app import create_app
from tests.support.clinic import Clinic
from tests.support.people import person

ASKED, NAMED, CODED = (f"+3363998003{digit}" for digit in (1, 4, 5))
NUMBERS = tuple(f"+336399800{number:02d}" for number in (1, 2, 6, *range(11, 20), *range(31, 36)))
OF_A_KIND, MOST = 1, 120
"""So many pages of each kind, and in all."""
ELSEWHERE = ("/static/", "/sign-", "/v1/", "/docs", "/connect/")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clinic, Flask]]:
    """A clinic in whose names, titles, texts and replies people have written numbers too."""
    clinic = Clinic(tmp_path_factory.mktemp("masked"))
    clinic.busy_day()
    app, suite = create_app(clinic.suite), clinic.suite
    with suite.database.write(clinic.workspace) as tx:
        _, key = access.add_key(tx, "k", suite.now(), test=True)
    program = app.test_client()

    def said(path: str, **body: object) -> None:
        answer = program.post(f"/v1{path}", json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 300, answer.text

    clinic.write("wed-x", "2026-12-03T17:00:00+01:00", ASKED, "Zoé, rappeler au 06 39 98 00 32")
    said("/messages", to=ASKED, body="Appelez le 06.39.98.00.32", **{"class": "otp"})
    said("/contacts", number=NAMED, name="Zoé 0639980032", values={"tel": "00 33 6 39 98 00 33"})
    said("/verifications", to=CODED)
    clinic.settle()
    clinic.answer(ASKED, "Plutôt au +33 (0)6 39 98 00 33, sinon 06-39-98-00-33")
    clinic.settle()
    yield clinic, app
    suite.database.close()


def visitor(house: tuple[Clinic, Flask], role: str) -> FlaskClient:
    clinic, app = house
    suite = clinic.suite
    with suite.database.write(clinic.workspace) as tx:
        user = access.by_email(tx, f"{role}@example.org") or person(
            tx, f"{role}@example.org", "x" * 12, role, "fr", suite.now())  # fmt: skip
        secret = access.begin_session(tx, user, clinic.workspace, suite.now())
    client = app.test_client()
    client.set_cookie(SESSION_COOKIE, secret)
    return client


def walked(app: Flask, client: FlaskClient) -> Iterator[tuple[str, str]]:
    """(address, text) of every kind of page that can be reached, and of every route with a name that is not there."""
    rules = [rule.rule for rule in app.url_map.iter_rules()
             if "GET" in (rule.methods or ()) and getattr(
                 app.view_functions[rule.endpoint], "relance_access", None) == Access.SESSION]  # fmt: skip
    waiting = deque(["/", *(re.sub(r"<[^>]+>", "x", rule) for rule in rules)])
    kinds: Counter[str] = Counter()
    seen: set[str] = set()
    while waiting and len(seen) < MOST:
        address = waiting.popleft()
        parts = urlsplit(address)
        if address in seen or parts.netloc or parts.path.startswith(ELSEWHERE):
            continue
        names = sorted(pair.partition("=")[0] for pair in parts.query.split("&"))
        kind = re.sub(r"/[a-z]{3}_\w+", "/#", parts.path) + "?" + "&".join(names)
        kinds[kind] += 1
        if kinds[kind] > OF_A_KIND:
            continue
        seen.add(address)
        answer = client.get(address)
        if answer.location:
            waiting.append(urljoin(address, answer.location))
            continue
        text = answer.get_data(as_text=True)
        yield address, text
        found = re.findall(r'(?:href|action|data-[a-z-]+)="(/[^"]*)"', text)
        waiting.extend(one.replace("&amp;", "&") for one in found)


def numbers_in(text: str) -> set[str]:
    """Those of our people that a text names, however it is escaped and whatever stands between the digits."""
    plain = _BETWEEN.sub("", html.unescape(unquote_plus(text)))
    return {number for number in NUMBERS if number[3:] in plain}


_BETWEEN = re.compile(r"(?<=\d)(?:[\s.\-/()_\u00a0\u202f]|&nbsp;)+(?=\d)")


def test_no_page_shows_a_viewer_a_whole_number_and_an_editor_sees_them(house: tuple[Clinic, Flask]) -> None:
    pages = dict(walked(house[1], visitor(house, "viewer")))
    told = {address for address, text in pages.items() if numbers_in(text) or numbers_in(address)}
    editor = visitor(house, "editor")
    seen = [address for address in WHERE_NUMBERS_ARE if numbers_in(editor.get(address).text)]

    assert told == set()
    assert set(WHERE_NUMBERS_ARE) <= pages.keys()
    assert seen == list(WHERE_NUMBERS_ARE)


WHERE_NUMBERS_ARE = ("/messages", "/contacts", "/conversations", "/appointments", "/phone")


def test_a_masked_link_leads_on_for_whom_it_was_made(house: tuple[Clinic, Flask]) -> None:
    viewer, other = visitor(house, "viewer"), visitor(house, "editor")
    page = viewer.get("/phone").text
    link = re.findall(r'href="(/phone\?number=~[^"]+)"', page)[-1]

    assert "Rappel" in viewer.get(link).text
    assert 'aria-current=page><strong>+33•••••••' in viewer.get(link).text
    assert viewer.get(link.replace("~", "~x")).status_code == 200
    assert numbers_in(other.get(link).text) or other.get(link).status_code == 200
    message = re.findall(r'href="(/messages/msg_\w+)"', viewer.get("/messages").text)[0]
    why = re.findall(r'href="(/why\?q=~[^"]+)"', viewer.get(message).text)[0]
    answer = viewer.get(why).text
    assert "+33•••••••" in answer
    assert "~" not in re.findall(r'name="q" type="search" value="([^"]*)"', answer)[0]


def test_a_viewer_finds_whom_they_know_and_no_number_digit_by_digit(house: tuple[Clinic, Flask]) -> None:
    viewer = visitor(house, "viewer")

    assert 'value="06 39 98 00 11"' in viewer.get("/why?q=06+39+98+00+11").text
    for digits in ("063998001", "3998", "0011", "98 00 11"):
        for page in ("/why", "/conversations", "/contacts", "/messages"):
            text = viewer.get(f"{page}?q={digits}&to={digits}&state=all").text
            assert "•••11" not in text, (page, digits)


def test_an_error_says_no_number_either(house: tuple[Clinic, Flask]) -> None:
    viewer = visitor(house, "viewer")

    for path in ("/conversations/cnv_x?q=%2B33639980001", "/messages/msg_x"):
        assert viewer.get(path).status_code == 404
    csrf = re.findall(r'name="csrf" value="([^"]+)"', viewer.get("/settings").text)[0]
    for path in ("/phone/answer", "/conversations/cnv_x/answer", "/exports"):
        answer = viewer.post(path, data={"csrf": csrf, "text": "x", "what": "messages"})
        assert answer.status_code in (400, 403, 404, 422), path
        assert not numbers_in(answer.text)


@pytest.mark.parametrize("path", ["/exports", "/settings/audit", "/campaigns/new"])
def test_lists_to_take_away_are_not_for_viewers(house: tuple[Clinic, Flask], path: str, tmp_path: Path) -> None:
    assert visitor(house, "viewer").get(path).status_code == 403

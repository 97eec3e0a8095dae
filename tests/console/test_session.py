"""Coming in: by password, by role, by form token; where a link may lead; what every answer of the console carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.storage import access, audit, house
from core.web.access import SESSION_COOKIE, Access
from core.web.app import create_app
from core.web.console.session import own_path
from core.web.console.sign_in import TRIES_WITHIN
from tests.support.clinic import Clinic
from tests.support.people import person

EMAIL, PASSWORD = "nadia@example.org", "correcte-agrafe-cheval"


@dataclass
class House:
    clinic: Clinic
    app: Flask

    def visitor(self) -> FlaskClient:
        return self.app.test_client()

    def person(self, role: str, email: str = EMAIL, language: str = "fr") -> FlaskClient:
        with self.clinic.suite.database.write(self.clinic.workspace) as tx:
            person(tx, email, PASSWORD, role, language, self.clinic.suite.now())
        visitor = self.visitor()
        answer = sign_in(visitor, email)
        assert answer.status_code == 303, answer.text
        return visitor


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    clinic = Clinic(tmp_path)
    yield House(clinic, create_app(clinic.suite))
    clinic.suite.database.close()


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(visitor: FlaskClient, email: str = EMAIL, password: str = PASSWORD, **more: str):
    page = visitor.get("/sign-in").text
    return visitor.post("/sign-in", data={"csrf": token(page), "email": email, "password": password, **more})


def test_a_house_without_people_says_how_the_first_one_comes(home: House) -> None:
    assert home.visitor().get("/sign-in").location == "/welcome"
    assert "relance users add" in home.visitor().get("/welcome").text


def test_welcome_is_over_when_somebody_lives_here(home: House) -> None:
    home.person("owner")

    assert home.visitor().get("/welcome").location == "/sign-in"


def test_who_did_not_sign_in_is_led_there_and_back(home: House) -> None:
    home.person("owner")
    visitor = home.visitor()

    assert visitor.get("/settings?x=1").location == "/sign-in?next=%2Fsettings%3Fx%3D1"
    assert sign_in(visitor, next="/settings?x=1").location == "/settings?x=1"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "", None,
     "/\x00", "/a\\b", "/" + "a" * 600],
)  # fmt: skip
def test_a_sign_in_link_never_leads_elsewhere(elsewhere: str | None) -> None:
    assert own_path(elsewhere) == "/"


def test_a_wrong_password_and_an_unknown_person_read_the_same(home: House) -> None:
    home.person("owner")

    wrong, unknown = (sign_in(home.visitor(), email, "non") for email in (EMAIL, "personne@example.org"))

    assert wrong.status_code == unknown.status_code == 401
    assert all("Adresse ou mot de passe inconnus" in one.text for one in (wrong, unknown))


def test_ten_wrong_passwords_and_even_the_right_one_waits(home: House) -> None:
    home.person("owner")
    visitor = home.visitor()
    for _ in range(10):
        assert sign_in(visitor, password="non").status_code == 401

    slowed = sign_in(visitor)
    home.clinic.clock.forward(timedelta(minutes=16))

    assert slowed.status_code == 429
    assert int(slowed.headers["Retry-After"]) == 900
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        assert [row["what"] for row in audit.listed(tx)].count("sign_in_slowed") == 1
    assert sign_in(visitor).status_code == 303


def test_unknown_addresses_are_counted_too(home: House) -> None:
    home.person("owner")
    suite = home.clinic.suite
    with suite.database.write() as tx:
        for _ in range(9):
            access.count_try(tx, "sign-in:personne@example.org", suite.now(), TRIES_WITHIN)

    assert sign_in(home.visitor(), "personne@example.org", "non").status_code == 401
    assert sign_in(home.visitor(), "personne@example.org", "non").status_code == 429


def test_signing_in_needs_the_page_s_own_token(home: House) -> None:
    home.person("owner")
    form = {"email": EMAIL, "password": PASSWORD}

    assert home.visitor().post("/sign-in", data=form).status_code == 403
    visitor = home.visitor()
    visitor.get("/sign-in")
    assert visitor.post("/sign-in", data={**form, "csrf": "x" * 43}).status_code == 403


def test_each_sign_in_is_a_new_session_and_the_old_one_ends(home: House) -> None:
    visitor = home.person("owner")
    old = visitor.get_cookie(SESSION_COOKIE)
    assert old
    page = visitor.get("/settings").text
    visitor.post("/sign-out", data={"csrf": token(page)})

    thief = home.visitor()
    thief.set_cookie(SESSION_COOKIE, old.value)

    assert (thief.get("/settings").location or "").startswith("/sign-in")


def test_the_session_s_cookie_is_out_of_reach_of_scripts(home: House) -> None:
    home.person("owner")
    cookie = next(value for value in sign_in(home.visitor()).headers.getlist("Set-Cookie") if SESSION_COOKIE in value)

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_post_without_the_session_s_token_changes_nothing(home: House) -> None:
    visitor = home.person("owner")

    for rule in home.app.url_map.iter_rules():
        view = home.app.view_functions[rule.endpoint]
        if "POST" not in (rule.methods or ()) or getattr(view, "relance_access", None) != Access.SESSION:
            continue
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for given in ("", "x" * 43):
            assert visitor.post(path, data={"csrf": given, "name": "Pris"}).status_code == 403, path
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        assert not access.keys(tx)
        assert (house.workspace(tx, home.clinic.workspace) or {})["name"] == "Cabinet Lyon"


def test_a_nul_in_a_form_is_refused_before_it_reaches_a_database(home: House) -> None:
    visitor = home.person("owner")
    csrf = token(visitor.get("/settings").text)

    for rule in home.app.url_map.iter_rules():
        view = home.app.view_functions[rule.endpoint]
        if "POST" in (rule.methods or ()) and getattr(view, "relance_access", None) == Access.SESSION:
            path = re.sub(r"<[^>]+>", "x", rule.rule)
            assert visitor.post(path, data={"csrf": csrf, "name": "a\0b"}).status_code == 400, path
            assert visitor.post(path, data={"csrf": csrf, "a\0b": "x"}).status_code == 400, path
    assert sign_in(home.visitor(), "a\0@example.org").status_code == 400


def test_a_post_from_another_site_changes_nothing(home: House) -> None:
    visitor = home.person("owner")
    form = {"csrf": token(visitor.get("/settings").text), "name": "clé"}

    assert visitor.post("/developers/keys", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_role_that_may_not_is_told_so(home: House, role: str) -> None:
    visitor = home.person(role)
    form = {"csrf": token(visitor.get("/settings").text)}

    for path in ("/settings/house", "/developers/keys", "/settings/people", "/connections/accounts"):
        answer = visitor.post(path, data=form)
        assert answer.status_code == 403
        assert "rôle" in answer.text


def test_nothing_that_only_admins_do_is_offered_to_others(home: House) -> None:
    page = home.person("viewer").get("/settings").text

    assert "/developers/keys" not in page
    assert "/settings/house" not in page


def test_every_page_carries_the_armour(home: House) -> None:
    answer = home.person("owner").get("/settings")

    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", answer.text)


def test_files_are_kept_by_browsers_and_named_by_content(home: House) -> None:
    visitor = home.visitor()
    page = visitor.get("/welcome").text
    css = re.search(r'href="(/static/console\.css\?v=\w+)"', page)
    assert css

    assert "immutable" in visitor.get(css[1]).headers["Cache-Control"]
    assert visitor.get("/static/console.css?v=old").headers["Cache-Control"] == "no-cache"
    assert visitor.get("/static/../session.py").status_code == 404
    assert visitor.get("/static/%2e%2e/session.py").status_code == 404


def test_an_inside_page_that_is_not_there_is_a_page(home: House) -> None:
    answer = home.person("owner").get("/start/ins_nothing/found")

    assert answer.status_code == 404
    assert "Cette page n’existe pas" in answer.text


def test_who_works_in_two_workspaces_changes_between_them_and_into_no_third(home: House) -> None:
    suite = home.clinic.suite
    visitor = home.person("owner")
    with suite.database.write() as tx:
        own, foreign = (house.add_workspace(tx, name, {}, suite.now()) for name in ("Boutique", "Ailleurs"))
    with suite.database.read(home.clinic.workspace) as tx:
        user = access.members(tx)[0]["id"]
    with suite.database.write(own) as tx:
        access.join(tx, user, "viewer")
    form = {"csrf": token(visitor.get("/settings").text)}

    assert visitor.post("/workspace", data={**form, "workspace": foreign}).status_code == 404
    assert visitor.post("/workspace", data={**form, "workspace": own}).status_code == 303
    page = visitor.get("/settings").text
    assert "Boutique" in page
    assert "/developers/keys" not in page, "the role is the one of that workspace"

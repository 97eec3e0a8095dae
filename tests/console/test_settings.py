"""Settings: what a workspace decides, who may decide it, and what is shown only once."""

from __future__ import annotations

import re

from core.storage import access, house
from tests.console.test_session import House, home, sign_in, token

__all__ = ["home"]


def settings_of(one: House) -> dict:
    with one.clinic.suite.database.read(one.clinic.workspace) as tx:
        return dict((house.workspace(tx, one.clinic.workspace) or {})["settings"])


def post(visitor, path: str, **form: str):
    return visitor.post(path, data={"csrf": token(visitor.get("/settings").text), **form})


HOUSE = {"name": "Cabinet Nord", "zone": "Europe/Brussels", "country": "BE", "subdivision": "", "language": "fr",
         "people": "client"}  # fmt: skip


def test_the_house_is_saved_and_told_in_the_log(home: House) -> None:
    visitor = home.person("admin")

    assert post(visitor, "/settings/house", **HOUSE).status_code == 303
    assert settings_of(home)["zone"] == "Europe/Brussels"
    assert "a changé les réglages" in visitor.get("/settings").text


def test_what_cannot_be_is_said_and_not_saved(home: House) -> None:
    visitor = home.person("owner")
    before = settings_of(home)
    wrong = {"zone": "Mars/Olympus", "country": "fr", "name": " ", "subdivision": "75001", "people": "cows"}

    for field, value in wrong.items():
        assert post(visitor, "/settings/house", **{**HOUSE, field: value}).status_code == 422, field
    assert settings_of(home) == before


def test_a_sender_that_operators_refuse_is_refused_here(home: House) -> None:
    visitor = home.person("owner")

    for sender in ("MON CABINET", "AB", "06 12 34 56 78", "<b>x</b>"):
        answer = post(visitor, "/settings/sending", sender=sender, own_numbers="")
        assert answer.status_code == 422, sender
        assert "<b>x</b>" not in answer.text
    assert settings_of(home)["sender"] is None


def test_own_numbers_are_read_as_people_write_them(home: House) -> None:
    visitor = home.person("owner")

    post(visitor, "/settings/sending", sender="CABINET", own_numbers="01 99 00 12 34\n\n+33639980007")
    assert settings_of(home)["own_numbers"] == ["+33199001234", "+33639980007"]


def test_hours_are_kept_by_day_and_can_be_given_up(home: House) -> None:
    visitor = home.person("owner")
    post(visitor, "/settings/hours", own="yes", mon="9:00-12:00")
    assert settings_of(home)["hours"] is None

    post(visitor, "/settings/hours", own="yes", mon="09:00-12:00, 14:00-19:00", sat="")
    assert settings_of(home)["hours"] == {"mon": ["09:00-12:00", "14:00-19:00"]}

    post(visitor, "/settings/hours", own="no")
    assert settings_of(home)["hours"] is None


def test_who_is_invited_comes_in_with_the_password_that_was_shown(home: House) -> None:
    page = post(home.person("owner"), "/settings/people", email="Lea@Example.org", name="Léa", role="editor").text
    password = re.search(r'id="once">([a-z0-9-]{23})<', page)
    assert password

    assert sign_in(home.visitor(), "lea@example.org", password[1]).status_code == 303


def test_an_admin_makes_no_owner_and_the_last_owner_stays(home: House) -> None:
    owner, admin = home.person("owner"), home.person("admin", "admin@example.org")
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        ids = {one["role"]: one["id"] for one in access.members(tx)}

    assert post(admin, "/settings/people", email="x@example.org", role="owner").status_code == 403
    assert post(admin, f"/settings/people/{ids['owner']}/remove").status_code == 403
    assert post(owner, f"/settings/people/{ids['owner']}/role", role="viewer").status_code == 409


def test_another_workspace_s_people_and_keys_are_no_such_thing(home: House) -> None:
    suite = home.clinic.suite
    with suite.database.write() as tx:
        other = house.add_workspace(tx, "Ailleurs", {}, suite.now())
    with suite.database.write(other) as tx:
        stranger = access.add_user(tx, "z@example.org", "x" * 12, "viewer", "fr", suite.now())
        key_id, _ = access.add_key(tx, "k", suite.now(), test=False)
    visitor = home.person("owner")

    assert post(visitor, f"/settings/people/{stranger}/password").status_code == 404
    assert post(visitor, f"/settings/people/{stranger}/remove").status_code == 404
    assert post(visitor, f"/developers/keys/{key_id}/revoke").status_code == 409


def test_a_hostile_name_is_only_text(home: House) -> None:
    visitor = home.person("owner")
    post(visitor, "/settings/house", **{**HOUSE, "name": '"><script>alert(1)</script>'})

    assert "<script>alert(1)" not in visitor.get("/settings").text

"""The second factor: set up, asked for, used once, required, reset, and what a stolen password is still good for."""

from __future__ import annotations

import re
from datetime import timedelta

from core.domain import second_factor as factor
from core.engine import second_factors as proving
from core.engine.signing_in import emergency_link
from core.storage import access, audit, house, second_factors
from core.web.access import SESSION_COOKIE
from core.web.console.sign_in import TRIES_WITHIN
from tests.console.test_session import EMAIL, House, home, sign_in, token

__all__ = ["home"]


class App:
    """Somebody's telephone: codes of the real time, each a step later than the one before."""

    def __init__(self, home: House, email: str = EMAIL) -> None:
        self.suite = home.clinic.suite
        with self.suite.database.read() as tx:
            self.user = access.by_email(tx, email) or ""
            known = second_factors.known(tx, self.suite.vault, self.user, self.suite.now())
        assert known is not None
        assert known.secret is not None
        self.secret = known.secret

    def code(self, ahead: int = 0) -> str:
        return factor.code(self.secret, factor.step_at(self.suite.clock.outside()) + ahead)

    def forget_last(self) -> None:
        """As if half an hour had passed since the last code."""
        with self.suite.database.write() as tx:
            tx.connection.execute(second_factors.t.second_factors.update().values(last_step=0))


def post(visitor, path: str, **form: str):
    page = visitor.get("/settings/second-factor", follow_redirects=True).text
    return visitor.post(path, data={"csrf": token(page), **form})


def set_up(home: House, visitor, email: str = EMAIL) -> tuple[App, list[str]]:
    assert post(visitor, "/settings/second-factor/begin").status_code == 303
    app = App(home, email)
    done = post(visitor, "/settings/second-factor/confirm", code=app.code())
    codes = re.findall(r"(?:[a-z0-9]{5}-){3}[a-z0-9]{5}", done.text)
    assert len(codes) == 10
    app.forget_last()
    return app, codes


def enter(visitor, code: str):
    return visitor.post("/sign-in/code", data={"csrf": token(visitor.get("/sign-in/code").text), "code": code})


def whats(home: House) -> list[str]:
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        return [row["what"] for row in audit.listed(tx)]


def test_it_counts_only_once_a_code_has_confirmed_it(home: House) -> None:
    visitor = home.person("owner")
    post(visitor, "/settings/second-factor/begin")
    page = visitor.get("/settings/second-factor").text
    app = App(home)
    assert factor.spelled(app.secret) in page
    assert "<svg" in page
    assert not re.search(r"\sstyle=|<script(?![^>]*src=)", page)

    wrong = post(visitor, "/settings/second-factor/confirm", code="000000" if app.code() != "000000" else "111111")
    assert wrong.status_code == 422
    assert sign_in(home.visitor()).location == "/", "nothing is asked for yet"

    done = post(visitor, "/settings/second-factor/confirm", code=app.code())
    assert "codes de secours" in done.text
    assert factor.spelled(app.secret) not in visitor.get("/settings/second-factor").text
    assert sign_in(home.visitor()).location == "/sign-in/code"
    assert "second_factor_added" in whats(home)


def test_a_picture_that_lay_open_for_a_while_is_good_for_nothing(home: House) -> None:
    visitor = home.person("owner")
    post(visitor, "/settings/second-factor/begin")
    app = App(home)
    home.clinic.clock.forward(timedelta(minutes=16))

    assert post(visitor, "/settings/second-factor/confirm", code=app.code()).status_code == 409
    assert factor.spelled(app.secret) not in visitor.get("/settings/second-factor").text


def test_the_password_alone_opens_nothing_any_more(home: House) -> None:
    set_up(home, home.person("owner"))
    thief = home.visitor()
    assert sign_in(thief).location == "/sign-in/code"

    assert thief.get_cookie(SESSION_COOKIE) is None
    assert (thief.get("/settings").location or "").startswith("/sign-in")
    assert enter(thief, "12345").status_code == 401


def test_a_code_opens_once_and_leads_to_what_was_asked_for(home: House) -> None:
    app, _ = set_up(home, home.person("owner"))
    visitor, other = home.visitor(), home.visitor()
    sign_in(visitor, next="/settings?x=1")
    sign_in(other)

    assert enter(visitor, app.code()).location == "/settings?x=1"
    assert visitor.get("/settings").status_code == 200
    assert enter(other, app.code()).status_code == 401, "seen over a shoulder"
    assert enter(other, app.code(-1)).status_code == 401, "nor an older one"
    assert enter(other, app.code(1)).location == "/"


def test_ten_wrong_codes_and_the_right_one_waits_but_not_a_recovery_code(home: House) -> None:
    app, codes = set_up(home, home.person("owner"))
    visitor = home.visitor()
    sign_in(visitor)
    wrong = next(code for code in ("000000", "111111", "222222", "333333")
                 if code not in {app.code(ahead) for ahead in range(-2, 4)})  # fmt: skip
    for _ in range(10):
        assert enter(visitor, wrong).status_code == 401

    slowed = enter(visitor, app.code())
    assert slowed.status_code == 429
    assert slowed.headers["Retry-After"] == "900"
    assert enter(visitor, codes[0].upper().replace("-", " ")).location == "/"
    again = home.visitor()
    sign_in(again)
    assert enter(again, codes[0]).status_code == 401, "each works once"
    assert enter(again, codes[1]).location == "/"
    assert "recovery_code_used" in whats(home)
    assert whats(home).count("codes_slowed") == 1


def test_setting_it_up_ends_the_other_sessions_and_new_codes_the_old_ones(home: House) -> None:
    visitor, elsewhere = home.person("owner"), home.visitor()
    sign_in(elsewhere)
    _, codes = set_up(home, visitor)

    assert (elsewhere.get("/settings").location or "").startswith("/sign-in")
    assert visitor.get("/settings").status_code == 200
    fresh = re.findall(r"(?:[a-z0-9]{5}-){3}[a-z0-9]{5}", post(visitor, "/settings/second-factor/codes").text)
    assert not set(fresh) & set(codes)
    sign_in(elsewhere)
    assert enter(elsewhere, codes[0]).status_code == 401
    assert enter(elsewhere, fresh[0]).status_code == 303


def test_nothing_that_could_be_used_lies_in_the_database(home: House) -> None:
    app, codes = set_up(home, home.person("owner"))
    home.clinic.suite.database.close()
    for path in home.clinic.suite.settings.data_dir.rglob("*"):
        if path.is_file():
            kept = path.read_bytes()
            assert app.secret not in kept
            assert app.secret.hex().encode() not in kept
            assert factor.spelled(app.secret).replace(" ", "").encode() not in kept
            assert not any(code.encode() in kept for code in codes)


def test_where_it_is_required_everybody_is_led_to_it_before_anything_else(home: House) -> None:
    owner = home.person("owner")
    assert post(owner, "/settings/second-factor/require").status_code == 409, "who asks for it has one"
    set_up(home, owner)
    viewer = home.person("viewer", "vera@example.org")
    assert post(viewer, "/settings/second-factor/require").status_code == 403
    assert post(owner, "/settings/second-factor/require").status_code == 303

    for rule in home.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and getattr(
            home.app.view_functions[rule.endpoint], "relance_access", None
        ) == "session" and rule.rule not in ("/settings/second-factor", "/prove"):
            answer = viewer.get(re.sub(r"<[^>]+>", "x", rule.rule))
            assert answer.status_code in (303, 404), rule.rule
            assert answer.status_code == 404 or answer.location in (
                "/settings/second-factor", "/connections"), (rule.rule, answer.location)  # fmt: skip
    assert "demande la double vérification" in viewer.get("/settings/second-factor").text
    set_up(home, viewer, "vera@example.org")
    assert viewer.get("/settings").status_code == 200
    assert post(viewer, "/settings/second-factor/remove").status_code == 403
    post(owner, "/settings/second-factor/release")
    assert post(viewer, "/settings/second-factor/remove").status_code == 303
    assert sign_in(home.visitor(), "vera@example.org").location == "/"


def test_an_owner_resets_it_for_somebody_and_an_admin_not_for_an_owner(home: House) -> None:
    owner = home.person("owner")
    admin = home.person("admin", "adam@example.org")
    set_up(home, owner)
    set_up(home, admin, "adam@example.org")
    with home.clinic.suite.database.read() as tx:
        ids = {email: access.by_email(tx, email) for email in (EMAIL, "adam@example.org")}

    assert post(admin, f"/settings/people/{ids[EMAIL]}/second-factor").status_code == 403
    assert post(owner, f"/settings/people/{ids['adam@example.org']}/second-factor").status_code == 303
    assert (admin.get("/settings").location or "").startswith("/sign-in")
    assert sign_in(home.visitor(), "adam@example.org").location == "/"
    assert "second_factor_reset" in whats(home)


def test_one_that_guards_another_company_too_is_not_ours_to_reset(home: House) -> None:
    owner, admin = home.person("owner"), home.person("admin", "adam@example.org")
    set_up(home, admin, "adam@example.org")
    suite = home.clinic.suite
    with suite.database.write() as tx:
        user = access.by_email(tx, "adam@example.org") or ""
        elsewhere = house.add_workspace(tx, "Ailleurs", {}, suite.now())
    with suite.database.write(elsewhere) as tx:
        access.join(tx, user, "owner")

    assert post(owner, f"/settings/people/{user}/second-factor").status_code == 403
    assert proving.reset(suite, user, who="relance")


def test_after_two_hours_what_matters_asks_again_who_it_is(home: House) -> None:
    owner = home.person("owner")
    form = {"csrf": token(owner.get("/settings").text), "name": "Logiciel", "kind": "live", "scope": "read"}
    home.clinic.clock.forward(timedelta(hours=2, minutes=1))

    for path in ("/developers/keys", "/settings/people", "/exports", "/connections/accounts"):
        first = "/" + path.split("/")[1]
        assert owner.post(path, data=form).location == f"/prove?next=%2F{first[1:]}"
    assert owner.post("/settings/hours", data={**form, "own": "no"}).status_code == 303, "the rest goes on"
    wrong = owner.post("/prove", data={**form, "password": "non", "next": "/settings"})
    assert wrong.status_code == 401
    right = owner.post("/prove", data={**form, "password": "correcte-agrafe-cheval", "next": "//evil.example"})
    assert right.location == "/"
    assert re.search("rk_(live|test)_", owner.post("/developers/keys", data=form).text)


def test_who_has_one_proves_it_with_a_code_and_not_with_the_password(home: House) -> None:
    owner = home.person("owner")
    app, _ = set_up(home, owner)
    form = {"csrf": token(owner.get("/settings").text), "name": "Logiciel", "kind": "live", "scope": "read"}
    home.clinic.clock.forward(timedelta(hours=3))

    assert owner.post("/prove", data={**form, "password": "correcte-agrafe-cheval"}).status_code == 401
    assert owner.post("/prove", data={**form, "code": app.code(), "next": "/settings"}).location == "/settings"
    assert re.search("rk_(live|test)_", owner.post("/developers/keys", data=form).text)


def test_a_new_password_ends_what_the_old_one_had_begun(home: House) -> None:
    app, _ = set_up(home, home.person("owner"))
    thief = home.visitor()
    sign_in(thief)
    with home.clinic.suite.database.write() as tx:
        access.set_password(tx, app.user, "une-toute-autre-phrase")

    assert thief.get("/sign-in/code").location == "/sign-in"
    form = {"csrf": token(thief.get("/sign-in").text), "code": app.code()}
    assert thief.post("/sign-in/code", data=form).location == "/sign-in"
    assert thief.get_cookie(SESSION_COOKIE) is None


def test_a_session_left_open_is_no_place_to_guess_the_password(home: House) -> None:
    owner = home.person("owner")
    form = {"csrf": token(owner.get("/settings").text), "old": "non", "new": "une-autre-phrase-longue"}
    suite = home.clinic.suite
    assert owner.post("/settings/password", data=form).status_code == 422
    with suite.database.write() as tx:
        for _ in range(9):
            access.count_try(tx, f"sign-in:{EMAIL}", suite.now(), TRIES_WITHIN)

    assert owner.post("/settings/password", data=form).status_code == 429


def test_a_link_of_the_operator_opens_once_and_asks_for_the_code(home: House) -> None:
    owner = home.person("owner")
    suite = home.clinic.suite
    with suite.database.read() as tx:
        user = access.by_email(tx, EMAIL) or ""
    path = emergency_link(suite, user, who="relance").removeprefix(suite.public_url)
    visitor = home.visitor()

    def used(one):
        page = one.get(path).text
        code = re.search(r'name="code" value="([^"]+)"', page)
        return one.post("/sign-in/link", data={"csrf": token(page), "code": code[1] if code else ""})

    assert used(visitor).location == "/"
    assert visitor.get("/settings").status_code == 200
    assert used(home.visitor()).status_code == 401
    app, _ = set_up(home, owner)
    path = emergency_link(suite, user, who="relance").removeprefix(suite.public_url)
    another = home.visitor()
    assert used(another).location == "/sign-in/code"
    assert enter(another, app.code()).location == "/"
    path = emergency_link(suite, user, who="relance").removeprefix(suite.public_url)
    home.clinic.clock.forward(timedelta(minutes=16))
    assert used(home.visitor()).status_code == 401
    assert "sign_in_link_made" in whats(home)

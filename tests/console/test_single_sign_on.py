"""The company's own sign-in, and every way in which it must not let anybody in."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.engine import single_sign_on
from core.engine.signing_in import emergency_link
from core.settings import SingleSignOn
from core.storage import access, audit
from core.web.access import SESSION_COOKIE
from tests.console.test_session import EMAIL, House, home, sign_in, token
from tests.fakes.idp import CLIENT, SECRET, Idp
from tests.support.people import person

__all__ = ["home"]


@pytest.fixture
def idp(home: House) -> Iterator[Idp]:
    with Idp() as one:
        settings = home.clinic.suite.settings
        oidc = SingleSignOn(one.issuer, CLIENT, SECRET, name="Cabinet ID")
        home.clinic.suite.settings = replace(settings, oidc=oidc)
        yield one


def change(home: House, **values) -> None:
    settings = home.clinic.suite.settings
    home.clinic.suite.settings = replace(settings, oidc=replace(settings.oidc, **values))


def ana(home: House, role: str = "owner", email: str = EMAIL) -> str:
    with home.clinic.suite.database.write(home.clinic.workspace) as tx:
        return person(tx, email, "correcte-agrafe-cheval", role, "fr", home.clinic.suite.now())


def out(visitor, query: str = "") -> str:
    """Leaves for the company; the address of the way back that it sends the browser to."""
    gone = visitor.get(f"/sign-in/sso{query}")
    assert gone.status_code == 303
    assert gone.headers["Cache-Control"] == "no-store"
    back = requests.get(gone.location, allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(back)
    assert parts.path == single_sign_on.BACK
    return f"{parts.path}?{parts.query}"


def come(visitor, query: str = ""):
    return visitor.get(out(visitor, query))


def signed_in(visitor) -> bool:
    return visitor.get("/settings").status_code == 200


def problem(answer) -> str:
    assert answer.status_code == 303
    found = re.fullmatch(r"/sign-in\?problem=(\w+)", answer.location)
    assert found, answer.location
    return found[1]


def test_somebody_who_was_invited_comes_in_by_the_company(home: House, idp: Idp) -> None:
    user = ana(home)
    visitor = home.visitor()
    assert "Se connecter avec Cabinet ID" in visitor.get("/sign-in").text

    assert come(visitor, "?next=/settings%3Fx%3D1").location == "/settings?x=1"
    assert signed_in(visitor)
    idp.who |= {"email": "autre@example.org", "email_verified": False}
    again = home.visitor()
    come(again)
    assert signed_in(again), "known by its own name for them from now on, whatever the address"
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        said = [row["what"] for row in audit.listed(tx) if row["who"] == user]
    assert said == ["signed_in", "signed_in", "sso_bound"]


def lie(**claims):
    return lambda idp: idp.claims.update(claims)


def unsigned(idp: Idp) -> None:
    def made(claims):
        head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                      for part in ({"alg": "none", "kid": idp.kid}, claims))  # fmt: skip
        return f"{head}.{body}."

    idp.sign = made


def signed_by_another(idp: Idp) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    idp.sign = lambda claims: jwt.encode(claims, other, "ES256", headers={"kid": idp.kid})


def signed_with_the_public_key(idp: Idp) -> None:
    pem = idp.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
    part = {"alg": "HS256", "kid": idp.kid, "typ": "JWT"}

    def made(claims):
        import hashlib
        import hmac

        said = b".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (part, claims))
        return (said + b"." + base64.urlsafe_b64encode(hmac.digest(pem, said, hashlib.sha256)).rstrip(b"=")).decode()

    idp.sign = made


def key_in_the_token(idp: Idp) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    own = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other.public_key()))
    idp.sign = lambda claims: jwt.encode(
        claims, other, "ES256", headers={"kid": "mine", "jwk": own, "jku": f"{idp.issuer}/keys"})  # fmt: skip


NOW = int(time.time())


LIES = [
    (lie(nonce="another"), "sso_token"),
    (lie(nonce=None), "sso_token"),
    (lie(aud="another"), "sso_token"),
    (lie(aud=[CLIENT, "another"]), "sso_token"),
    (lie(aud=[CLIENT, "another"], azp="another"), "sso_token"),
    (lie(azp="another"), "sso_token"),
    (lie(iss="https://evil.example"), "sso_token"),
    (lie(exp=NOW - 120), "sso_token"),
    (lie(exp=None), "sso_token"),
    (lie(exp="9999999999"), "sso_token"),
    (lie(iat=NOW - 3600), "sso_token"),
    (lie(iat=NOW + 3600), "sso_token"),
    (lie(sub=None), "sso_token"),
    (lie(sub=""), "sso_token"),
    (lie(sub=7), "sso_token"),
    (unsigned, "sso_token"),
    (signed_by_another, "sso_token"),
    (signed_with_the_public_key, "sso_token"),
    (key_in_the_token, "sso_token"),
    (lambda idp: setattr(idp, "sign", lambda claims: "x.y"), "sso_token"),
    (lambda idp: setattr(idp, "sign", lambda claims: {"no": "text"}), "sso_token"),
    (lie(email_verified=False), "sso_unverified"),
    (lie(email_verified=None), "sso_unverified"),
    (lie(email_verified=1), "sso_unverified"),
    (lie(email=None), "sso_no_address"),
    (lie(email="pas une adresse"), "sso_no_address"),
    (lie(email="quelqu.un@example.org"), "sso_nobody"),
    (lambda idp: idp.query.update(iss="https://evil.example"), "sso_issuer"),
    (lambda idp: idp.query.update(iss=None), "sso_issuer"),
    (lambda idp: idp.query.update(error="access_denied", error_description="<script>"), "sso_denied"),
    (lambda idp: idp.query.update(code=None), "sso_denied"),
    (lambda idp: idp.query.update(code="made-up"), "sso_code"),
    (lambda idp: idp.query.update(state="x" * 43), "sso_state"),
    (lambda idp: idp.query.update(state=None), "sso_state"),
]


def test_a_lie_opens_nothing(home: House, idp: Idp) -> None:
    ana(home)
    visitor = home.visitor()
    idp.userinfo = {"sub": idp.who["sub"]}
    for number, (told, said) in enumerate(LIES):
        idp.claims.clear()
        idp.query.clear()
        idp.sign = None
        told(idp)
        answer = come(visitor)

        assert problem(answer) == said, number
        assert "code=" not in answer.location
        assert visitor.get_cookie(SESSION_COOKIE) is None, number
        page = visitor.get(answer.location).text
        assert "La connexion n’a pas abouti" in page
        assert "<script>" not in page
    idp.query.clear()
    assert come(visitor).location == "/"


def test_the_way_back_leads_in_once_and_only_the_browser_that_left(home: House, idp: Idp) -> None:
    ana(home)
    visitor, thief = home.visitor(), home.visitor()
    back = out(visitor)
    assert problem(thief.get(back)) == "sso_state", "somebody else's browser"
    assert problem(visitor.get(back)) == "sso_state", "and it is used up by the attempt"

    back = out(visitor)
    assert visitor.get(back).location == "/"
    assert problem(visitor.get(back)) == "sso_state"
    assert idp.tokens == 1
    late = out(thief)
    home.clinic.clock.forward(timedelta(minutes=11))
    assert problem(thief.get(late)) == "sso_state"
    assert visitor.head("/sign-in/sso/back?state=x").status_code == 204


def test_a_code_of_somebody_else_s_sign_in_is_of_no_use(home: House, idp: Idp) -> None:
    ana(home)
    visitor, victim = home.visitor(), home.visitor()
    stolen = parse_qs(urlsplit(out(victim)).query)["code"][0]
    own = parse_qs(urlsplit(out(visitor)).query)

    mixed = visitor.get(f"{single_sign_on.BACK}?state={own['state'][0]}&iss={idp.issuer}&code={stolen}")
    assert problem(mixed) == "sso_code", "the proof key is another"


def test_it_leads_nowhere_else(home: House, idp: Idp) -> None:
    ana(home)

    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil"):
        assert come(home.visitor(), f"?next={elsewhere}").location == "/", elsewhere


def test_an_old_session_ends_and_a_fixed_one_is_not_taken_over(home: House, idp: Idp) -> None:
    ana(home)
    visitor = home.visitor()
    visitor.set_cookie(SESSION_COOKIE, "fixed-by-somebody")
    come(visitor)

    cookie = visitor.get_cookie(SESSION_COOKIE)
    assert cookie
    assert cookie.value != "fixed-by-somebody"
    assert signed_in(visitor)


def test_another_account_over_there_with_the_same_address_is_refused(home: House, idp: Idp) -> None:
    ana(home)
    come(home.visitor())
    idp.who["sub"] = "another"

    assert problem(come(home.visitor())) == "sso_other_account"


def test_a_domain_may_come_uninvited_and_no_domain_that_ends_like_it(home: House, idp: Idp) -> None:
    ana(home)
    change(home, domains=("clinique.example",), role="editor")
    idp.who |= {"sub": "2", "email": "Lea@Clinique.example", "name": "Léa"}
    lea = home.visitor()
    come(lea)
    assert signed_in(lea)
    assert sign_in(home.visitor(), "lea@clinique.example", "").status_code == 401, "she has no password"
    with home.clinic.suite.database.read(home.clinic.workspace) as tx:
        assert [(one["email"], one["role"]) for one in access.members(tx)] == [
            ("lea@clinique.example", "editor"), (EMAIL, "owner")]  # fmt: skip
    for domain in ("evilclinique.example", "clinique.example.evil.example", "sub.clinique.example"):
        idp.who |= {"sub": domain, "email": f"x@{domain}"}
        assert problem(come(home.visitor())) == "sso_nobody"


def test_who_was_taken_out_does_not_come_back(home: House, idp: Idp) -> None:
    ana(home)
    lea = ana(home, "editor", "lea@example.org")
    idp.who |= {"sub": "2", "email": "lea@example.org"}
    come(home.visitor())
    with home.clinic.suite.database.write(home.clinic.workspace) as tx:
        access.leave(tx, lea)

    assert problem(come(home.visitor())) == "sso_nobody"


def test_a_second_factor_of_ours_is_asked_for_unless_theirs_was_used(home: House, idp: Idp) -> None:
    from tests.console.test_second_factor import set_up

    user = ana(home)
    owner = home.visitor()
    come(owner)
    set_up(home, owner)
    assert come(home.visitor()).location == "/sign-in/code"
    idp.claims["amr"] = ["pwd", "mfa"]
    visitor = home.visitor()
    assert come(visitor).location == "/"
    with home.clinic.suite.database.read() as tx:
        known = access.person(tx, visitor.get_cookie(SESSION_COOKIE).value, home.clinic.suite.now())
    assert known is not None
    assert (known.id, known.second, known.door) == (user, True, "sso")


def test_where_the_company_s_account_is_the_only_way_the_operator_still_has_a_link(home: House, idp: Idp) -> None:
    user = ana(home)
    change(home, only=True)
    visitor = home.visitor()
    page = visitor.get("/sign-in").text
    assert 'name="password"' not in page
    assert visitor.post("/sign-in", data={"csrf": visitor.get_cookie("relance_form").value, "email": EMAIL,
                                          "password": "correcte-agrafe-cheval"}).status_code == 403  # fmt: skip
    suite = home.clinic.suite
    path = emergency_link(suite, user, who="relance").removeprefix(suite.public_url)
    page = visitor.get(path).text
    code = re.search(r'name="code" value="([^"]+)"', page)
    assert code
    visitor.post("/sign-in/link", data={"csrf": token(page), "code": code[1]})
    assert signed_in(visitor)


def test_who_proves_it_anew_is_really_asked_and_is_the_same_person(home: House, idp: Idp) -> None:
    ana(home)
    ana(home, "owner", "lea@example.org")
    visitor = home.visitor()
    come(visitor)
    home.clinic.clock.forward(timedelta(hours=3))
    form = {"csrf": token(visitor.get("/settings").text), "email": "x@example.org", "role": "viewer"}
    assert visitor.post("/settings/people", data=form).location == "/prove?next=%2Fsettings"
    assert "/sign-in/sso?again=1&amp;next=/settings" in visitor.get("/prove?next=/settings").text

    idp.claims["auth_time"] = NOW - 9999
    assert problem(come(visitor, "?again=1&next=/settings")) == "sso_not_again"
    idp.claims.clear()
    idp.who |= {"sub": "2", "email": "lea@example.org"}
    assert problem(come(visitor, "?again=1&next=/settings")) == "sso_other_person"
    idp.who |= {"sub": "248289761001"}
    assert come(visitor, "?again=1&next=/settings").location == "/settings"
    form["csrf"] = token(visitor.get("/settings").text)
    assert visitor.post("/settings/people", data=form).status_code == 200


def test_signing_out_offers_to_sign_out_over_there(home: House, idp: Idp) -> None:
    ana(home)
    visitor = home.visitor()
    come(visitor)
    gone = visitor.post("/sign-out", data={"csrf": token(visitor.get("/settings").text)})
    assert "/sign-in/sso/out" in visitor.get(gone.location).text
    there = visitor.get("/sign-in/sso/out").location

    assert there.startswith(f"{idp.issuer}/out?client_id={CLIENT}&post_logout_redirect_uri=")
    assert not signed_in(visitor)


def forget(idp: Idp) -> None:
    """As if an hour had passed since the server was asked about itself."""
    single_sign_on._servers.pop(idp.issuer, None)
    single_sign_on._keys.pop(f"{idp.issuer}/keys", None)


def test_a_page_of_the_server_that_makes_no_sense_is_not_followed(home: House, idp: Idp) -> None:
    ana(home)
    for page, said in (
        ({"issuer": "https://evil.example"}, "sso_issuer"),
        ({"token_endpoint": None}, "sso_server"),
        ({"token_endpoint": "file:///etc/passwd"}, "sso_server"),
        ({"jwks_uri": "http://user:pass@127.0.0.1/keys"}, "sso_server"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "sso_server"),
    ):
        idp.page = page
        forget(idp)
        assert problem(home.visitor().get("/sign-in/sso")) == said, page


def test_the_server_s_page_cannot_send_us_into_our_own_network(home: House, idp: Idp) -> None:
    ana(home)
    with Idp() as inside:
        idp.page["token_endpoint"] = f"{inside.issuer}/token"
        home.clinic.suite.guarded._allow_private = False
        assert problem(come(home.visitor())) == "sso_away"
        assert inside.asked == []


def test_away_is_said_and_a_new_key_is_asked_for_once_it_comes(home: House, idp: Idp) -> None:
    ana(home)
    idp.status = 503
    assert problem(home.visitor().get("/sign-in/sso")) == "sso_away"
    idp.status = 200
    come(home.visitor())
    idp.turn_key(kind="RSA")
    assert problem(come(home.visitor())) == "sso_token", "a name that is unknown does not ask for keys each time"
    assert idp.asked.count("/keys") == 1
    forget(idp)
    visitor = home.visitor()
    come(visitor)
    assert signed_in(visitor)


def test_an_address_that_only_the_other_page_tells_is_read_there(home: House, idp: Idp) -> None:
    ana(home)
    idp.who = {"sub": "7"}
    idp.userinfo = {"sub": "8", "email": EMAIL, "email_verified": True}
    assert problem(come(home.visitor())) == "sso_token", "somebody else's page"
    idp.userinfo["sub"] = "7"
    visitor = home.visitor()
    come(visitor)
    assert signed_in(visitor)


def test_without_the_setting_there_is_no_such_door(home: House, tmp_path: Path) -> None:
    ana(home)

    assert home.visitor().get("/sign-in/sso").status_code == 404
    assert home.visitor().get("/sign-in/sso/back?code=x&state=y").status_code == 404
    assert "/sign-in/sso" not in home.visitor().get("/sign-in").text

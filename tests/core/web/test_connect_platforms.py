"""One click over HTTP, in each way that platforms have: a shop that is asked for, keys that a server brings, a password
in an address. What must stay between the person, the platform and us stays there, in no address and in no log."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from core.contract import Check
from core.domain.reasons import Reason
from core.engine import installing
from core.engine.checkup import Patient, platforms
from core.storage import access, installations
from core.web.access import SESSION_COOKIE
from core.web.connect import BROWSER_COOKIE
from core.web.limits import Buckets
from tests.fakes.installable import Bazaar, Press, Stall, signed
from tests.fakes.oauth import CLIENT, FakeVendor
from tests.faults.server import FaultServer, Seen, Step, ok, status
from tests.support.logged import logged
from tests.support.running import Running

SHOP = "acme.bazaar.example"
KEY, PASSWORD = "ck-right-key", "abcd EFGH ijkl MNOP qrst UVWX"


class Site:
    """A shop's or a blog's own server: knows its key and its password, says where its page of consent is."""

    def __init__(self) -> None:
        self.key = KEY
        self.users = {"admin": PASSWORD.replace(" ", "")}
        self.consents = True
        self.server = FaultServer(otherwise=self._answer)

    @property
    def url(self) -> str:
        return self.server.url

    def _answer(self, seen: Seen) -> Step:
        path = urlsplit(seen.path).path
        if path == "/wp-json/":
            return ok({"authorization": f"{self.url}/admin/authorize" if self.consents else None})
        proof = base64.b64decode(seen.headers.get("authorization", "").removeprefix("Basic ")).decode()
        user, _, given = proof.partition(":")
        if path == "/status":
            return ok({}) if given == self.key else status(401, {})
        if path == "/me" and self.users.get(user) == given:
            if seen.method == "DELETE":
                del self.users[user]
            return ok({"id": 1})
        return status(401, {})


class Browser:
    """A person's browser, signed in as the owner unless said otherwise."""

    def __init__(self, relance: Running, user: str | None = None) -> None:
        self.relance = relance
        self.session = requests.Session()
        now = relance.suite.now()
        with relance.suite.database.write() as tx:
            secret = access.begin_session(tx, user or relance.user, relance.workspace, now)
            person = access.person(tx, secret, now)
        assert person is not None
        self.csrf = person.csrf
        self.session.cookies.set(SESSION_COOKIE, secret)

    def get(self, path: str) -> requests.Response:
        url = path if path.startswith("http") else self.relance.url + path
        return self.session.get(url, allow_redirects=False, timeout=20)

    def post(self, path: str, **fields: str) -> requests.Response:
        return self.session.post(
            self.relance.url + path, data={"csrf": self.csrf, **fields}, allow_redirects=False, timeout=20)

    def leave(self, path: str) -> str:
        """Where it is sent to."""
        answer = self.get(path)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(rotates=True, separator=",") as fake:
        yield fake


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    with one.server:
        yield one


@pytest.fixture
def relance(tmp_path: Path, vendor: FakeVendor) -> Iterator[Running]:
    adapters = {"bazaar": Bazaar(vendor.url), "stall": Stall(), "press": Press()}
    with Running(tmp_path, adapters=adapters, vendor_clients={"bazaar": CLIENT}) as running:
        yield running


@pytest.fixture
def browser(relance: Running) -> Browser:
    return Browser(relance)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


def connected(relance: Running) -> list[installations.Row]:
    with relance.suite.database.read(relance.workspace) as tx:
        return installations.listed(tx, relance.suite.vault, relance.suite.public_url)


def problem_of(answer: requests.Response) -> str:
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query).get("problem", [""])[0]


def signed_back(relance: Running, consented: str, **changed: str) -> str:
    """The address that the bazaar sends the browser back to."""
    query = {**dict(parse_qsl(urlsplit(consented).query)), "shop": SHOP,
             "timestamp": str(int(relance.suite.now().timestamp())), **changed}  # fmt: skip
    return f"{consented.partition('?')[0]}?{signed(query)}"


# -------------------------------------------------------------------------------------------- a shop that is asked for


def test_who_did_not_say_which_shop_is_asked_and_then_sent_there(relance: Running, browser: Browser) -> None:
    asking = browser.leave("/connect/bazaar?return_to=/today")
    page = browser.get(asking)
    sent = browser.post("/connections/new/bazaar", shop=f"  {SHOP.upper()} ", return_to="/today")

    assert asking == "/connections/new/bazaar?return_to=%2Ftoday"
    assert all(word in page.text for word in ("Adresse de la boutique", 'placeholder="x.bazaar.example"'))
    assert (sent.status_code, sent.headers["Cache-Control"], sent.headers["Referrer-Policy"]) == (
        200, "no-store", "no-referrer")
    assert f"Direction {SHOP}" in sent.text
    assert sent.headers["Refresh"].startswith(f"0; url=https://{SHOP}/authorize?")
    assert all(word in sent.headers["Set-Cookie"] for word in (BROWSER_COOKIE, "HttpOnly", "SameSite=Lax"))


def test_the_whole_way_by_the_form(relance: Running, browser: Browser, vendor: FakeVendor) -> None:
    sent = browser.post("/connections/new/bazaar", shop=SHOP)
    back = browser.get(signed_back(relance, vendor.consent(sent.headers["Refresh"].partition("url=")[2])))

    assert back.headers["Location"].startswith("/connections?connected=ins_")
    [row] = connected(relance)
    assert (row.account, row.installation.config["shop"]) == ("account-1", SHOP)
    page = browser.get("/connections").text
    assert f"/connections/{row.installation.id}/checks" in page


def test_a_shop_that_is_none_is_corrected_where_it_was_typed(browser: Browser) -> None:
    typed = browser.post("/connections/new/bazaar", shop="evil.example")
    linked = browser.leave("/connect/bazaar?shop=evil.example&reconnect=")
    page = browser.get(linked)

    for answer in (typed.text, page.text):
        assert 'aria-invalid="true"' in answer
        assert 'value="evil.example"' in answer
    assert (typed.status_code, page.status_code) == (422, 200)
    assert "Set-Cookie" not in typed.headers


def test_words_in_the_address_of_the_page_are_not_said_by_us(browser: Browser) -> None:
    page = browser.get("/connections/new/bazaar?wrong=Votre+compte+est+volé&at=/shop").text

    assert "volé" not in page


def test_the_form_needs_its_token_and_the_role(relance: Running, browser: Browser) -> None:
    with relance.suite.database.write(relance.workspace) as tx:
        viewer = access.add_user(tx, "eve@example.org", "encore-un-mot-de-passe", "viewer", "fr", relance.suite.now())

    assert browser.post("/connections/new/bazaar", shop=SHOP, csrf="x").status_code == 403
    assert Browser(relance, viewer).post("/connections/new/bazaar", shop=SHOP).status_code == 403
    assert Browser(relance, viewer).get("/connections/new").status_code == 403


def test_what_can_be_connected_is_on_one_page(relance: Running, browser: Browser) -> None:
    page = browser.get("/connections/new").text

    assert all(f"/connections/new/{one}" in page for one in ("bazaar", "stall", "press"))


def test_who_is_sent_by_the_platform_is_believed_by_its_signature_alone(relance: Running, browser: Browser) -> None:
    moment = int(relance.suite.now().timestamp())
    good = {"shop": SHOP, "timestamp": str(moment), "host": "aG9zdA"}
    old = {**good, "timestamp": str(moment - 90_000)}

    assert browser.leave(f"/connect/bazaar?{signed(good)}").startswith(f"https://{SHOP}/authorize?")
    for wrong in (signed(old), signed(good).replace("acme", "evil"), f"{urlencode(good)}&hmac=00"):
        assert problem_of(browser.get(f"/connect/bazaar?{wrong}")) == "not_authentic"


def test_who_only_looks_where_a_link_leads_uses_nothing_up(
    relance: Running, browser: Browser, vendor: FakeVendor
) -> None:
    back = signed_back(relance, vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}")))

    assert browser.session.head(back, allow_redirects=False, timeout=20).status_code == 204
    assert browser.session.head(f"{relance.url}/connect/bazaar?shop={SHOP}", timeout=20).status_code == 204
    assert problem_of(browser.get(back)) == ""


def test_missing_scopes_are_named_on_the_page(relance: Running, browser: Browser, vendor: FakeVendor) -> None:
    consented = vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}"), scopes=("read_carts",))
    page = browser.get(browser.get(signed_back(relance, consented)).headers["Location"]).text

    assert "Il manque une autorisation : write_people." in page.replace("\u00a0", " ")


def test_an_account_that_was_there_already_is_renewed_and_that_is_said(
    relance: Running, browser: Browser, vendor: FakeVendor
) -> None:
    for _ in range(2):
        back = browser.get(signed_back(relance, vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}"))))

    assert "Ce compte était déjà connecté ici" in browser.get(back.headers["Location"]).text
    assert len(connected(relance)) == 1


# -------------------------------------------------------------------------------------------- a server brings the keys


def brings(relance: Running, body: Any, slug: str = "stall") -> requests.Response:
    """What the shop's server posts."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{relance.url}/connect/{slug}/callback", data=data, allow_redirects=False, timeout=20,
                         headers={"Content-Type": "application/json;charset=UTF-8"})  # fmt: skip


def asked_by_stall(browser: Browser, site: Site) -> dict[str, str]:
    left = urlsplit(browser.leave(f"/connect/stall?{urlencode({'url': site.url})}"))
    assert f"{left.scheme}://{left.netloc}" == site.url
    return dict(parse_qsl(left.query))


def test_keys_come_by_themselves_and_count_when_the_browser_is_back(
    relance: Running, browser: Browser, site: Site
) -> None:
    asked = asked_by_stall(browser, site)

    answer = brings(relance, {"user_id": asked["user_id"], "key": KEY})
    assert (answer.status_code, answer.content) == (200, b"")
    assert connected(relance) == [], "nothing counts before the person is back and the keys are proven"
    back = browser.get(f"{asked['return_url']}&success=1&user_id={asked['user_id']}")

    assert back.headers["Location"].startswith("/connections?connected=ins_")
    [row] = connected(relance)
    assert (row.account, row.installation.secrets) == (site.url, {"key": KEY})
    assert [seen.path for seen in site.server.ledger] == ["/status"]


def test_a_second_grant_is_refused_and_so_is_one_that_nobody_waits_for(
    relance: Running, browser: Browser, site: Site
) -> None:
    asked = asked_by_stall(browser, site)
    first = brings(relance, {"user_id": asked["user_id"], "key": KEY})
    second = brings(relance, {"user_id": asked["user_id"], "key": "of-an-attacker"})
    unknown = brings(relance, {"user_id": "0" * 64, "key": KEY})
    of_another = brings(relance, {"user_id": asked["user_id"], "key": KEY}, "press")
    odd = brings(relance, b"\xff{")
    browser.get(f"{asked['return_url']}&success=1")
    after = brings(relance, {"user_id": asked["user_id"], "key": KEY})

    assert [one.status_code for one in (first, second, unknown, of_another, after)] == [200, 401, 401, 401, 401]
    assert odd.status_code == 400
    [row] = connected(relance)
    assert row.installation.secrets == {"key": KEY}


def test_a_grant_that_comes_late_is_refused(relance: Running, browser: Browser, site: Site) -> None:
    asked = asked_by_stall(browser, site)
    relance.suite.clock.turned += timedelta(minutes=10, seconds=1)

    assert brings(relance, {"user_id": asked["user_id"], "key": KEY}).status_code == 401


def test_success_without_keys_keys_of_another_site_and_a_refusal_connect_nothing(
    relance: Running, browser: Browser, site: Site
) -> None:
    bare = asked_by_stall(browser, site)
    assert problem_of(browser.get(f"{bare['return_url']}&success=1&user_id={bare['user_id']}")) == "code_missing"

    foreign = asked_by_stall(browser, site)
    brings(relance, {"user_id": foreign["user_id"], "key": "of-another-site", "site": "https://evil.example"})
    assert problem_of(browser.get(f"{foreign['return_url']}&success=1")) == "keys_not_proven"

    refused = asked_by_stall(browser, site)
    assert problem_of(browser.get(f"{refused['return_url']}&success=0")) == "access_denied"
    assert problem_of(browser.get(f"{refused['return_url']}&success=1")) == "state_unknown"

    assert connected(relance) == []


def test_whoever_tries_grants_is_slowed_down(relance: Running) -> None:
    relance.app.extensions["relance_strangers"] = Buckets(rate=0.01, burst=3)

    answers = [brings(relance, {"user_id": f"{number:064}", "key": KEY}).status_code for number in range(4)]

    assert answers == [401, 401, 401, 429]


# -------------------------------------------------------------------------------------------- a password in an address


def asked_by_press(browser: Browser, site: Site) -> str:
    left = browser.leave(f"/connect/press?{urlencode({'url': site.url})}")
    assert left.startswith(f"{site.url}/admin/authorize?")
    return parse_qs(urlsplit(left).query)["success_url"][0]


def test_the_password_is_kept_and_appears_in_no_address_and_no_log(
    relance: Running, browser: Browser, site: Site, written: io.StringIO
) -> None:
    success = asked_by_press(browser, site)
    query = urlencode({"site_url": "https://evil.example", "user_login": "admin", "password": PASSWORD})

    back = browser.get(f"{success}&{query}")

    assert back.status_code == 303
    assert back.headers["Location"].startswith("/connections?connected=ins_")
    assert back.headers["Referrer-Policy"] == "no-referrer"
    assert back.headers["Cache-Control"] == "no-store"
    [row] = connected(relance)
    assert row.installation.secrets == {"user": "admin", "password": PASSWORD.replace(" ", "")}
    assert row.account == site.url, "what the callback says of the site does not count"
    log = written.getvalue()
    assert "/connect/<adapter>/callback" in log
    for secret in (PASSWORD, PASSWORD.replace(" ", ""), PASSWORD.replace(" ", "+"), PASSWORD.replace(" ", "%20"),
                   parse_qs(urlsplit(success).query)["state"][0]):  # fmt: skip
        assert secret not in log


def test_no_secret_of_a_journey_is_logged(
    relance: Running, browser: Browser, vendor: FakeVendor, site: Site, written: io.StringIO
) -> None:
    left = browser.leave(f"/connect/bazaar?shop={SHOP}")
    good = signed_back(relance, vendor.consent(left))
    browser.get(good + "0")
    good = signed_back(relance, vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}")))
    browser.get(good)
    stall = asked_by_stall(browser, site)
    brings(relance, {"user_id": stall["user_id"], "key": "of-nobody-at-all"})
    browser.get(f"{stall['return_url']}&success=1")
    relance.forward(timedelta(hours=2))
    installing.fresh(relance.suite, relance.workspace, connected(relance)[0].installation.id)

    log = written.getvalue()
    asked, came = dict(parse_qsl(urlsplit(left).query)), dict(parse_qsl(urlsplit(good).query))
    secrets = [asked["state"], came["state"], came["code"], came["hmac"], *vendor.grants, *vendor.tokens,
               *(form["code_verifier"] for form in vendor.forms if "code_verifier" in form),
               CLIENT[1], "of-nobody-at-all", stall["user_id"], *browser.session.cookies.values()]  # fmt: skip
    assert log.count("/connect/<adapter>") >= 6
    assert [one for one in secrets if one in log] == []


@pytest.mark.parametrize("query, code", [
    ({"success": "false"}, "access_denied"), ({"error": "disabled"}, "vendor_refused"),
    ({"user_login": "admin", "password": "wrong"}, "keys_not_proven")])
def test_a_rejection_a_switched_off_feature_and_a_wrong_password_connect_nothing(
    relance: Running, browser: Browser, site: Site, query: dict[str, str], code: str
) -> None:
    success = asked_by_press(browser, site)

    assert problem_of(browser.get(f"{success}&{urlencode(query)}")) == code
    assert connected(relance) == []


def test_a_site_that_cannot_be_asked_is_corrected_where_it_was_typed(browser: Browser, site: Site) -> None:
    site.consents = False
    for url in (site.url, "ftp://site.example", "https://user:pass@site.example", "nothing"):
        answer = browser.post("/connections/new/press", url=url)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text


def test_parting_gives_the_password_back(relance: Running, browser: Browser, site: Site) -> None:
    success = asked_by_press(browser, site)
    browser.get(f"{success}&{urlencode({'user_login': 'admin', 'password': PASSWORD})}")
    [row] = connected(relance)

    browser.post(f"/connections/{row.installation.id}/disconnect")

    assert site.users == {}
    assert connected(relance) == []


# ---------------------------------------------------------------------------------------------- afterwards


def test_the_platform_ends_it_by_a_call(relance: Running, browser: Browser, vendor: FakeVendor) -> None:
    browser.get(signed_back(relance, vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}"))))
    body = json.dumps({"topic": "uninstalled", "account": "account-1"})

    answer = requests.post(f"{relance.url}/hooks/bazaar", data=body, headers={"X-Proof": "a-secret"}, timeout=20)

    assert answer.status_code == 200
    assert connected(relance) == []


def test_the_page_and_the_doctor_name_the_click_that_mends(
    relance: Running, browser: Browser, vendor: FakeVendor
) -> None:
    browser.get(signed_back(relance, vendor.consent(browser.leave(f"/connect/bazaar?shop={SHOP}"))))
    [row] = connected(relance)
    bazaar = relance.suite.adapters["bazaar"]
    assert isinstance(bazaar, Bazaar)
    path = f"/connections/{row.installation.id}/checks"
    assert "Tout est en place" in browser.get(path).text
    link = "https://acme.bazaar.example/apps"
    bazaar.checks = (Check("app_installed", "problem", Reason("vendor_refused", {"text": "app"}), link), Check("hooks"))

    page = browser.get(path).text

    assert "doit autoriser Relance" in page
    assert f'href="{link}"' in page
    assert "La plateforme peut nous prévenir" in page
    found = doctor(relance)
    assert (found["result"], link in found["remedy"]) == ("problem", True)


def doctor(relance: Running) -> dict[str, Any]:
    """What `relance doctor` says of the platforms."""
    said = platforms(Patient(relance.suite, "fr"))
    return {"result": said.result, "remedy": said.remedy}

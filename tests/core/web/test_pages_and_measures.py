"""A message leads to a small page, the page does one thing for one person, and the figures say what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from core.cli import cli
from core.storage import erasure, measures
from core.storage import tables as t
from tests.support import databases
from tests.support.console import Visitor
from tests.support.running import Client, Running
from tests.support.shop import BOB as SHOP_BOB
from tests.support.shop import Shop

PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/125.0 Mobile Safari/537.36"}
ROBOT = {"User-Agent": "WhatsApp/2.23.20.0"}
ANA, BOB, EVA = "+33639980001", "+33640980001", "+33641980001"
WORDS = {"fr": {"title": "Bienvenue {{7*7}} <script>alert(1)</script>", "text": "Une page.", "button": "Oui"},
         "en": {"title": "Welcome", "button": "Yes"}}  # fmt: skip
SENTENCE = "J'accepte de recevoir vos offres par SMS."


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def relance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    where = request.param
    url = request.getfixturevalue("module_postgres") if where == "postgresql" else None
    with Running(tmp_path_factory.mktemp("pages"), database_url=url) as running:
        yield running


@pytest.fixture(scope="module")
def module_postgres(postgres_url: str, postgres_template: str) -> Iterator[str]:
    address = databases.create(postgres_url, postgres_template)
    yield address
    databases.drop(postgres_url, address)


@pytest.fixture(scope="module")
def client(relance: Running) -> Client:
    """A live key: figures leave tests out."""
    return relance.client_for(relance.workspace, test=False)


@pytest.fixture
def browser(relance: Running) -> Client:
    return Client(relance.url, None)


def made(client: Client, **given: Any) -> dict[str, Any]:
    answer = client.post("/v1/pages", {"languages": WORDS, **given})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def sent(relance: Running, client: Client, to: str, page: dict[str, Any]) -> str:
    """The path of the short link in what arrives on the phone."""
    client.post("/v1/messages", {"to": to, "class": "transactional", "body": "Bonjour, c'est ici : {{ link }}",
                                 "data": {"link": page["url"]}})  # fmt: skip
    relance.settle()
    text = next(one["text"] for one in relance.phones() if one["to"] == to)
    found = re.search(r"/s/\w+", text)
    assert found, text
    return found[0]


def path_of(url: str, relance: Running) -> str:
    assert url.startswith(f"{relance.url}/p/")
    return url.removeprefix(relance.url)


def test_a_page_is_one_thing_and_leads_only_where_it_was_written_to(relance, client, browser):
    page = made(client, action="site", target="https://cabinet.example/rdv")
    path = path_of(page["url"], relance)

    seen = browser.get(path, headers={**PHONE, "Accept-Language": "fr"})
    assert seen.status_code == 200
    assert "Bienvenue {{7*7}} &lt;script&gt;alert(1)&lt;/script&gt;" in seen.text
    assert "<script" not in seen.text
    assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", seen.text), "nothing comes from elsewhere"
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert seen.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in seen.headers

    away = browser.get(f"{path}/go?next=https://evil.example&target=https://evil.example", headers=PHONE)
    assert (away.status_code, away.headers["Location"]) == (302, "https://cabinet.example/rdv")
    for header in (ROBOT, {"User-Agent": ""}):
        browser.get(path, headers=header)
        browser.get(f"{path}/go", headers=header)
    after = client.get(f"/v1/pages/{page['id']}").json()
    assert after["views"] == {"human": 1, "preview": 1, "robot": 0, "unknown": 1}
    assert after["done"] == {"pressed": 1, "joined": 0, "coupon": 0}

    assert client.delete(f"/v1/pages/{page['id']}").status_code == 204
    assert browser.get(path).status_code == 410
    assert browser.get("/p/aaaaaaaaaaa").status_code == 404
    assert browser.get("/p/../../etc/passwd").status_code == 404


@pytest.mark.parametrize("given", [
    {"action": "site", "target": "javascript:alert(1)"}, {"action": "site", "target": "data:text/html,x"},
    {"action": "site", "target": "https://user:word@evil.example/"}, {"action": "site", "target": "//evil.example"},
    {"action": "site"}, {"action": "call", "number": "tel:evil"}, {"action": "route", "address": "a\r\nX: y"},
    {"action": "join"}, {"action": "fly"}, {"languages": {}}, {"languages": {"xx": WORDS["fr"]}},
    {"languages": {"fr": {"title": "x" * 81, "button": "y"}}}, {"action": "coupon", "shared": "a b"},
])  # fmt: skip
def test_what_a_page_may_not_be(client, given):
    answer = client.post("/v1/pages", {"languages": WORDS, **given})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"]


def test_a_person_is_spoken_to_in_their_language_and_their_yes_is_kept_with_its_proof(relance, client, browser):
    client.post("/v1/contacts", {"number": ANA, "language": "en"})
    page = made(client, action="join", languages={
        "fr": {"title": "Nos offres", "button": "Oui", "sentence": SENTENCE},
        "en": {"title": "Our offers", "button": "Yes", "sentence": "I agree to get your offers.", "thanks": "Lovely!"},
    })  # fmt: skip
    short = sent(relance, client, ANA, page)
    robot, person = (browser.get(short, headers=one) for one in (ROBOT, PHONE))
    assert robot.headers["Location"] == person.headers["Location"]
    there = person.headers["Location"].removeprefix(relance.url)
    assert there == path_of(page["url"], relance) + f"?rl={short.removeprefix('/s/')}"

    seen = browser.get(there, headers={**PHONE, "Accept-Language": "fr"})
    assert "Our offers" in seen.text
    assert ANA not in seen.text
    assert "checked" not in seen.text
    led = {"rl": short.removeprefix("/s/")}
    assert browser.call("POST", path_of(page["url"], relance), data=led, headers=PHONE).status_code == 422
    done = browser.call("POST", path_of(page["url"], relance), data={**led, "yes": "1"}, headers=PHONE)
    assert "Lovely!" in done.text

    [yes] = [one for one in client.get(f"/v1/consents?to=%2B{ANA[1:]}").json()["data"] if one["scope"] == "marketing"]
    assert yes["state"] == "in"
    assert yes["proof"]["text"] == "I agree to get your offers."
    assert yes["proof"]["page"] == page["id"]
    assert yes["proof"]["address"] == page["url"]


def test_a_number_that_is_typed_says_yes_only_with_the_code_on_its_phone(relance, client, browser):
    page = made(client, action="join", languages={"fr": {"title": "Offres", "button": "Oui", "sentence": SENTENCE}})
    path = path_of(page["url"], relance)

    def post(**data: str) -> Any:
        return browser.call("POST", path, data=data, headers=PHONE)

    assert post(yes="1", number="12").status_code == 422
    asked = post(yes="1", number="06 41 98 00 01")
    verification = re.search(r'name="verification" value="(\w+)"', asked.text)
    assert verification
    relance.settle()
    text = next(one["text"] for one in relance.phones() if one["to"] == EVA)
    code = re.search(r"\d{6}", text)
    assert code
    wrong = post(verification=verification[1], code="000000" if code[0] != "000000" else "000001")
    assert wrong.status_code == 422
    assert client.get(f"/v1/consents?to=%2B{EVA[1:]}").json()["data"] == []
    other = made(client, action="join", languages={"fr": {"title": "B", "button": "Oui", "sentence": "Autre."}})
    stolen = browser.call("POST", path_of(other["url"], relance), headers=PHONE,
                          data={"verification": verification[1], "code": code[0]})  # fmt: skip
    assert stolen.status_code == 422, "a code of one page is none for another"
    assert post(verification=verification[1], code=code[0]).status_code == 200
    [yes] = client.get(f"/v1/consents?to=%2B{EVA[1:]}").json()["data"]
    assert yes["proof"]["text"] == SENTENCE


def test_each_person_has_a_code_of_their_own_and_erasing_them_takes_it(relance, client, browser):
    page = made(client, action="coupon", shared="TOUS10")
    assert client.post(f"/v1/pages/{page['id']}/codes", {"codes": ["A-001", "A-002", "A-001"]}).json() == {
        "added": 2, "there": 2, "given": 0}
    assert client.post(f"/v1/pages/{page['id']}/codes", {"codes": ["<b>"]}).status_code == 422
    path = path_of(page["url"], relance)

    def code(led: str = "") -> str:
        answer = browser.call("POST", path, data={"rl": led}, headers=PHONE)
        found = re.search(r'landing-code">([^<]+)<', answer.text)
        assert found, answer.text
        return found[1]

    ana, bob = (sent(relance, client, one, page).removeprefix("/s/") for one in (ANA, BOB))
    assert code(ana) == code(ana) == "A-001"
    assert code(bob) == "A-002"
    assert code() == code("x" * 11) == "TOUS10"
    other = made(client, action="coupon")
    elsewhere = sent(relance, client, ANA, other).removeprefix("/s/")
    assert code(elsewhere) == "TOUS10", "a link to another page names nobody here"
    with relance.suite.database.write(relance.workspace) as tx:
        erasure.forget(tx, BOB)
        given = tx.connection.execute(select(t.page_codes.c.code).where(t.page_codes.c.page == page["id"])).scalars()
        assert list(given) == ["A-001"]


def test_what_a_page_shows_is_changed_and_another_workspace_knows_nothing_of_it(relance, client):
    page = made(client)
    changed = client.patch(f"/v1/pages/{page['id']}", {"languages": {"fr": {"title": "Fermé"}}}).json()
    assert (changed["languages"], changed["action"]) == ({"fr": {"title": "Fermé"}}, "none")
    assert page["id"] in [one["id"] for one in client.get("/v1/pages").json()["data"]]
    _, stranger = relance.another_workspace()
    assert stranger.get(f"/v1/pages/{page['id']}").status_code == 404
    assert stranger.delete(f"/v1/pages/{page['id']}").status_code == 404
    assert stranger.get("/v1/pages").json()["data"] == []


def test_the_figures_equal_the_ledger_and_each_says_how_it_is_counted(relance, client, browser):
    relance.client.post("/v1/messages", {"to": ANA, "class": "transactional", "body": "un essai"})
    for ending in ("0001", "0002", "0003"):
        client.post("/v1/messages", {"to": f"+3364298{ending}", "class": "transactional", "body": "Bonjour"})
    relance.settle()
    relance.forward(timedelta(minutes=2))
    client.post("/v1/simulator/replies", {"from": ANA, "text": "STOP"})
    relance.settle()

    found = client.get("/v1/stats").json()["measures"]
    figures = {one["name"]: one for one in found["figures"]}
    m, s = t.messages.c, t.steps.c
    with relance.suite.database.read(relance.workspace) as tx:
        tests = set(tx.connection.execute(tx.mine(t.messages, m.id).where(m.test.is_(True))).scalars())
        steps: dict[str, list[str]] = {}
        for row in tx.connection.execute(tx.mine(t.steps, s.message, s.state).order_by(s.id)):
            if row.message not in tests:
                steps.setdefault(row.message, []).append(row.state)
    left = [one for one in steps.values() if {"sent", "delivered"} & set(one)]
    assert figures["left"]["value"] == len(left)
    assert figures["delivered"]["numerator"]["count"] == sum(one[-1] == "delivered" for one in left)
    assert figures["failed"]["numerator"]["count"] == sum(one[-1] == "failed" for one in left) == 1
    assert figures["delivered"]["denominator"] == {"name": "left", "count": len(left)}
    assert figures["clicked"]["numerator"]["count"] == 1, "the person, and not the robot before them"
    assert "read" not in figures, "no open rate is invented for a text message"
    assert all(one["formula"].endswith(".") for one in found["figures"])
    assert (found["attribution_hours"], found["live"]) == (24, True)
    assert sum(day["left"] for day in found["days"]) == len(left)
    none = client.get("/v1/stats?channel=whatsapp").json()["measures"]
    assert none["figures"][0]["value"] == 0
    assert client.get("/v1/stats?channel=pigeon").status_code == 400

    with relance.suite.database.read(relance.workspace) as tx:
        days = measures.stale(tx, limit=9)
    assert days == [], "everything was added up before it was shown"
    if relance.suite.database.is_sqlite:
        env = {"RELANCE_DATA_DIR": str(relance.settings.data_dir), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "fr",
               "RELANCE_SECRET_KEYS": ",".join(relance.settings.secret_keys)}  # fmt: skip
        said = CliRunner().invoke(cli, ["stats", "--workspace", "Cabinet Lyon"], env=env, catch_exceptions=False)
        assert said.exit_code == 0, said.output
        assert "Remis au téléphone ÷ partis" in said.output
        page = made(client)["id"]
        for words in (["show", page], ["list"], ["end", page, "--dry-run"], ["end", page]):
            words = ["pages", *words, "--workspace", "Cabinet Lyon"]
            assert page in CliRunner().invoke(cli, words, env=env, catch_exceptions=False).output
        assert client.get(f"/v1/pages/{page}").json()["state"] == "over"


def test_what_orders_bring_stands_beside_the_window_and_the_control_group(tmp_path: Path) -> None:
    with Running(tmp_path) as house:
        shop = Shop(house, "cart-1h")
        shop.cart("1")
        shop.cart("2", phone=SHOP_BOB, code="ANA10", customer={"email": "bob@example.org"})
        house.forward(timedelta(minutes=61))
        shop.order("12", phone=SHOP_BOB, codes=["ana10"], total="20.00", customer={"phone": SHOP_BOB})
        house.settle()

        found = house.client.get("/v1/stats").json()["measures"]
        figures = {one["name"]: one for one in found["figures"]}
        assert figures["recovered"]["value"] == 1
        assert (figures["revenue"]["value"], figures["revenue"]["currency"]) == (20_000_000, "EUR")
        assert figures["revenue_per_thousand"]["value"] == 20_000_000 * 1000 // 2
        assert "24 h" in figures["revenue"]["formula"]
        [sms] = found["channels"]
        assert {one["name"] for one in sms["figures"]} >= {"revenue_per_thousand", "cost", "delivered", "clicked"}
        page = Visitor(house).get("/measures").replace("\u00a0", " ")  # type: ignore[arg-type]
        assert "Pas encore assez de paniers pour comparer" in page
        assert 'name="hours"' in page

"""`/s/<code>` and `/v1/links` over HTTP: nothing that a request says decides where it leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.recipients import Recipient
from core.engine import erasing
from core.web import links
from core.web.limits import Buckets
from tests.support.running import START, Client, Running

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"}
SHOP = "https://shop.example/cart/1?a=b"
MESSAGE: dict[str, Any] = {
    "to": "+33639980001", "class": "transactional", "body": "Votre panier : {{ link }}", "data": {"link": SHOP},
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("links")) as running:
        yield running


@pytest.fixture
def relance(house: Running) -> Running:
    """A workspace of its own for each test, on the same Monday morning."""
    house.set_clock(START)
    house.workspace, house.client = house.another_workspace()
    house.app.extensions["relance_links"] = Buckets(links.PER_SECOND, links.BURST)
    return house


def made(relance: Running, **more: Any) -> dict[str, Any]:
    answer = relance.client.post("/v1/links", {"target": SHOP, **more})
    assert answer.status_code == 201, answer.text
    said: dict[str, Any] = answer.json()
    return said


def follow(relance: Running, url: str, method: str = "GET", **headers: str) -> Any:
    return Client(relance.url, None).call(method, url.removeprefix(relance.url), headers={**PHONE, **headers})


def clicks(relance: Running, link: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = relance.client.get(f"/v1/links/{link['id']}").json()["clicks"]
    return {name: count for name, count in found.items() if count}


def test_it_leads_on_and_leaves_no_trace_on_the_way(relance: Running) -> None:
    link = made(relance)
    answer = follow(relance, link["url"])
    assert (answer.status_code, answer.headers["Location"], answer.text) == (302, SHOP, "")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


def test_the_request_never_says_where(relance: Running) -> None:
    link = made(relance)
    for path in ("?url=https://evil.example", "?next=//evil.example&target=javascript:x", "#https://evil.example"):
        answer = follow(relance, link["url"] + path, Host="evil.example", **{"X-Forwarded-Host": "evil.example"})
        assert answer.headers["Location"] == SHOP
    for code in ("https:%2fevil.example", "%5cevil.example", "..%2f..%2ftoday", "x" * 500, "A" * 11):
        assert follow(relance, f"/s/{code}").status_code == 404
    doubled = follow(relance, "/s/%2f%2fevil.example").headers["Location"]
    assert doubled.startswith(f"{relance.url}/s/")
    for method in ("POST", "PUT", "DELETE"):
        assert follow(relance, link["url"], method).status_code in (403, 405)


def test_only_people_are_counted_as_people(relance: Running) -> None:
    link = made(relance)
    follow(relance, link["url"])
    follow(relance, link["url"])
    head = follow(relance, link["url"], "HEAD")
    assert (head.status_code, head.headers["Location"]) == (302, SHOP)
    follow(relance, link["url"], **{"User-Agent": "TelegramBot (like TwitterBot)"})
    follow(relance, link["url"], **{"Sec-Purpose": "prefetch;prerender"})
    follow(relance, link["url"], **{"User-Agent": "curl/8"})
    follow(relance, link["url"], **{"User-Agent": "Lettre/1.0"})
    assert clicks(relance, link) == {"human": 1, "preview": 2, "robot": 2, "unknown": 1}
    [hour] = relance.client.get(f"/v1/links/{link['id']}").json()["hours"]
    assert hour["start"] == "2026-11-30T09:00:00Z"
    assert hour["human"] == 1
    relance.forward(timedelta(hours=1))
    follow(relance, link["url"])
    assert len(relance.client.get(f"/v1/links/{link['id']}").json()["hours"]) == 2


@pytest.mark.parametrize("said, words", [("fr", "ne mène nulle part"), ("en-GB", "leads nowhere")])
def test_a_code_that_leads_nowhere_is_said_kindly(relance: Running, said: str, words: str) -> None:
    answer = follow(relance, "/s/AAAAAAAAAAA", **{"Accept-Language": said})
    assert answer.status_code == 404
    assert words in answer.text
    assert len(answer.content) < 1000
    assert answer.headers["X-Robots-Tag"].startswith("noindex")


def test_an_end_and_ending_it(relance: Running) -> None:
    link = made(relance, expires_at="2026-11-30T11:00:00", zone="Europe/Paris", name="Plan d'accès")
    other = made(relance)
    assert link["expires_at"] == "2026-11-30T10:00:00Z"
    relance.forward(timedelta(minutes=61))
    gone = follow(relance, link["url"], **{"Accept-Language": "fr"})
    assert (gone.status_code, "plus valable" in gone.text) == (410, True)
    assert relance.client.delete(f"/v1/links/{other['id']}").status_code == 204
    assert follow(relance, other["url"]).status_code == 410
    states = {one["id"]: one["state"] for one in relance.client.get("/v1/links?own=true").json()["data"]}
    assert states == {link["id"]: "over", other["id"]: "over"}


@pytest.mark.parametrize("target", ["javascript:alert(1)", "ftp://shop.example/", "https://a:b@shop.example/", "shop",
                                    "https://shop.example/\n", "http://", "data:text/html,x"])  # fmt: skip
def test_what_a_link_may_not_lead_to(relance: Running, target: str) -> None:
    answer = relance.client.post("/v1/links", {"target": target})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/target"


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/",
                                    "http://10.0.0.8/", "http://0x7f.1/"])  # fmt: skip
def test_nor_into_somebodys_house(tmp_path: Path, target: str) -> None:
    with Running(tmp_path, allow_private_addresses=False) as running:
        assert running.client.post("/v1/links", {"target": target}).status_code == 422


def test_a_link_to_a_link_is_refused(relance: Running) -> None:
    assert relance.client.post("/v1/links", {"target": made(relance)["url"]}).json()["code"] == "link_to_itself"


def test_who_guesses_codes_is_slowed_down(relance: Running) -> None:
    relance.app.extensions["relance_links"] = Buckets(0.001, 40.0)
    link = made(relance)
    said = [follow(relance, f"/s/{number:011d}") for number in range(8)]
    assert [one.status_code for one in said].count(404) == 3
    assert said[-1].status_code == 429
    assert int(said[-1].headers["Retry-After"]) > 0
    assert follow(relance, link["url"]).status_code in (302, 429)


def test_another_workspace_has_no_such_link(relance: Running) -> None:
    link = made(relance)
    _, stranger = relance.another_workspace()
    assert stranger.get(f"/v1/links/{link['id']}").status_code == 404
    assert stranger.delete(f"/v1/links/{link['id']}").status_code == 404
    assert stranger.get("/v1/links").json()["data"] == []


# ---------------------------------------------------------------------------------------------- messages


def test_a_message_of_the_api_is_measured_with_its_short_link(relance: Running) -> None:
    long = SHOP + "&" + "x" * 400
    said = relance.client.post("/v1/messages", {**MESSAGE, "data": {"link": long}}).json()
    assert re.fullmatch(rf"Votre panier : {relance.url}/s/[0-9A-Za-z]{{11}}", said["text"])
    assert said["estimate"]["segments"] == 1
    [link] = relance.client.get(f"/v1/links?message={said['id']}").json()["data"]
    assert (link["target"], link["track"]) == (long, False)


@pytest.mark.parametrize("shorten, short", [
    (None, [True, False]), (True, [True, True]), (False, [False, False]),
])  # fmt: skip
def test_which_addresses_become_short(relance: Running, shorten: bool | None, short: list[bool]) -> None:
    body = {**MESSAGE, "body": "{{ link }} https://plan.example/acces"}
    said = relance.client.post("/v1/messages", {**body, **({} if shorten is None else {"shorten": shorten})}).json()
    assert [relance.url in word for word in said["text"].split(" ")] == short
    assert len(relance.client.get(f"/v1/links?message={said['id']}").json()["data"]) == sum(short)


def test_shorten_is_true_or_false(relance: Running) -> None:
    answer = relance.client.post("/v1/messages", {**MESSAGE, "shorten": "yes"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/shorten")


def test_a_dry_run_writes_no_link(relance: Running) -> None:
    said = relance.client.post("/v1/messages?dry_run=true", MESSAGE).json()
    assert "/s/" in said["text"]
    assert relance.client.get("/v1/links").json()["data"] == []


def test_each_message_of_a_batch_has_a_link_of_its_own(relance: Running) -> None:
    wanted = [{**MESSAGE, "to": f"+336399800{number:02d}"} for number in range(10, 40)]
    results = relance.client.post("/v1/messages/batch", {"messages": wanted}).json()["results"]
    texts = {one["message"]["text"] for one in results}
    assert len(texts) == 30
    found = relance.client.get("/v1/links?limit=100").json()["data"]
    assert {one["message"] for one in found} == {one["message"]["id"] for one in results}


def test_an_erased_person_leaves_no_link(relance: Running) -> None:
    said = relance.client.post("/v1/messages", MESSAGE).json()
    relance.settle()
    follow(relance, said["text"].split(" ")[-1])
    erasing.erase(relance.suite, relance.workspace, Recipient.parse(MESSAGE["to"]), who="tests")
    assert follow(relance, said["text"].split(" ")[-1]).status_code == 404
    assert relance.client.get("/v1/links").json()["data"] == []

"""The request log: what programs called is found again without what they said, and a busy house counts what it drops;
and the page of each code that it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import escape

from core.domain.remedies import remedy
from core.domain.sentences import SENTENCES
from core.storage import request_log
from core.storage.request_log import RING, Made
from core.web.request_log import MOST_DONE, Noted, RequestLog
from tests.support.running import Running

NUMBER = "+33639980001"
NOW = datetime(2026, 11, 30, 9, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("log")) as one:
        yield one


def book(relance: Running) -> RequestLog:
    one: RequestLog = relance.app.extensions["relance_request_log"]
    return one


def test_a_call_is_found_again_without_what_it_said(relance: Running) -> None:
    made = relance.client.post("/v1/messages", {"to": NUMBER, "class": "transactional", "body": "Bonjour Ana"}).json()
    relance.client.get(f"/v1/messages/{made['id']}")
    refused = relance.client.post("/v1/messages?dry_run=true", {"to": "12", "class": "transactional", "body": "x"})
    relance.client.get(f"/v1/contacts/{NUMBER}")
    relance.client.get("/v1/messages", headers={"Authorization": "Bearer rk_test_nobody"})
    book(relance).flush(relance.suite)

    with relance.suite.database.read(relance.workspace) as tx:
        rows = request_log.listed(tx)
        hours = request_log.hours(tx, relance.suite.now() - timedelta(hours=1))
        wrong = request_log.listed(tx, kind="refused")
    assert [(row["method"], row["route"], row["status"], row["on"]) for row in reversed(rows)] == [
        ("POST", "/v1/messages", 201, None),
        ("GET", "/v1/messages/{id}", 200, made["id"]),
        ("POST", "/v1/messages", 422, None),
        ("GET", "/v1/contacts/{id}", 404, None),
    ]
    assert wrong[-1]["code"] == refused.json()["code"]
    assert wrong[-1]["request"] == refused.headers["X-Request-Id"]
    assert wrong[-1]["dry_run"]
    assert NUMBER not in repr(rows)
    assert {kind: count for found in hours.values() for kind, (count, _) in found.items()} == {"done": 2, "refused": 2}


def made(number: int, status: int = 200) -> Made:
    at = NOW + timedelta(milliseconds=number)
    return Made("wsp_busy", "key_1", at, "GET", "/v1/rules", None, status, None, False, 500, f"req_{number}")


def noted(number: int, status: int = 200) -> Noted:
    one = made(number, status)
    return (one.workspace, one.key, one.at.timestamp(), one.method, one.route, one.on, one.status, one.code,
            one.dry_run, one.micros, one.request)  # fmt: skip


def test_a_busy_house_keeps_some_calls_and_counts_all(relance: Running) -> None:
    one = RequestLog()
    for number in range(MOST_DONE + 50):
        one.note(noted(number))
    one.note(noted(9_999, 500))
    one.flush(relance.suite)

    with relance.suite.database.read("wsp_busy") as tx:
        assert len(request_log.listed(tx, limit=1000)) == MOST_DONE + 1
        assert request_log.hours(tx, NOW - timedelta(hours=1)) == {
            NOW.replace(minute=0): {"done": (MOST_DONE + 50, 500 * (MOST_DONE + 50)), "failed": (1, 500)}
        }


def test_the_oldest_calls_make_room(relance: Running) -> None:
    with relance.suite.database.write("wsp_full") as tx:
        request_log.keep(tx, [Made(**{**_fields(made(number)), "workspace": "wsp_full"}) for number in range(RING + 5)],
                         {})  # fmt: skip
        rows = request_log.listed(tx, limit=RING + 5)

    assert len(rows) == RING
    assert rows[-1]["request"] == "req_5"


def _fields(one: Made) -> dict[str, object]:
    return {name: getattr(one, name) for name in Made.__slots__}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_code_that_the_server_says_has_its_page(relance: Running, language: str) -> None:
    """The `type` of a problem is an address that answers, in the reader's language, with the remedy."""
    visitor = relance.app.test_client()
    heads = {"Accept-Language": language}
    catalogue = visitor.get("/errors", headers=heads).text
    for code in sorted(SENTENCES)[("fr", "en").index(language) :: 2]:
        page = visitor.get(f"/errors/{code}", headers=heads)
        assert page.status_code == 200, code
        assert f"<code>{code}</code>" in page.text
        assert str(escape(remedy(code, language))) in page.text, code
        assert f'href="/errors/{code}"' in catalogue

"""`/v1/segments` and `/v1/campaigns`: what is wrong is named, a dry run writes nothing, and nobody is told twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.running import Client, Running

NUMBERS = [f"+3363998{index:04d}" for index in range(1100, 1104)]
SALE = {"name": "Soldes", "class": "transactional", "body": "Bonjour", "audience": {"numbers": NUMBERS}}


@pytest.fixture
def relance(tmp_path: Any) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


def made(client: Client, path: str, body: Any) -> dict[str, Any]:
    answer = client.post(path, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pointers(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize(("changes", "pointer", "code"), [
    ({"audience": {}}, "/audience", "audience_one_of"),
    ({"audience": {"numbers": NUMBERS, "segment": "seg_x"}}, "/audience", "audience_one_of"),
    ({"audience": {"segment": "seg_x"}}, "/audience/segment", "field_unknown_id"),
    ({"audience": {"numbers": ["+33639981100", "12"]}}, "/audience/numbers/1", "number_needs_country"),
    ({"audience": {"conditions": {"all": [{"field": "age", "is": "3"}]}}}, "/audience/conditions/all/0/field",
     "field_not_one_of"),
    ({"audience": {"conditions": {"list": "seg_x"}}}, "/audience/conditions", "field_unknown_id"),
    ({"body": None}, "/body", "field_body_or_template"),
    ({"body": "{{ x"}, "/body", "template_syntax"),
    ({"body": None, "template": "none"}, "/template", "unknown_template"),
    ({"variants": [{"name": "A", "share": 60, "body": "x"}, {"name": "B", "share": 60, "body": "y"}]}, "/variants",
     "campaign_shares"),
    ({"variants": [{"name": "A", "share": 50, "body": "x"}, {"name": "A", "share": 50, "body": "y"}]},
     "/variants/1/name", "campaign_names_twice"),
    ({"winner": "clicks"}, "/winner", "campaign_winner_needs"),
    ({"holdout": 60}, "/holdout", None),
    ({"class": "otp"}, "/class", None),
    ({"send_at": "2026-12-01T10:00"}, "/send_at", "moment_needs_zone"),
    ({"send_at": "2026-12-01T10:00+01:00", "zone": "recipient"}, "/send_at", "campaign_time"),
    ({"staged": {"percent": 5, "after": "2 h"}}, "/staged/after", "bad_duration"),
    ({"useful_for": "P99D"}, "/useful_for", "field_wrong"),
])  # fmt: skip
def test_what_is_wrong_with_a_campaign_is_named(relance: Running, changes: Any, pointer: str, code: str | None) -> None:
    [(where, why)] = pointers(relance.client.post("/v1/campaigns", {**SALE, **changes}))
    assert where == pointer
    assert code in (None, why)


def test_a_dry_run_answers_what_it_would_do_and_keeps_nothing(relance: Running) -> None:
    client = relance.client
    answer = client.post("/v1/campaigns?dry_run=true", SALE)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["would_get"], answer.json()["campaign"]["id"]) == (4, None)
    assert client.get("/v1/campaigns").json()["data"] == []
    one = made(client, "/v1/campaigns", SALE)
    assert client.post(f"/v1/campaigns/{one['id']}/send?dry_run=true").json()["would_get"] == 4
    assert client.get(f"/v1/campaigns/{one['id']}").json()["state"] == "draft"
    relance.settle()
    assert relance.phones() == []
    segment = {"name": "Tous", "conditions": {"all": []}}
    assert client.post("/v1/segments?dry_run=true", segment).json()["count"] == 0
    assert client.get("/v1/segments").json()["data"] == []


def test_the_same_idempotency_key_makes_and_sends_once(relance: Running) -> None:
    client, key = relance.client, {"Idempotency-Key": "soldes-1"}
    first, again = (client.post("/v1/campaigns", SALE, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(client.get("/v1/campaigns").json()["data"]) == 1


def test_a_draft_is_changed_and_thrown_away_and_nothing_else_is(relance: Running) -> None:
    client = relance.client
    one = made(client, "/v1/campaigns", {**SALE, "staged": {"percent": 5, "after": "PT2H"}, "holdout": 10})
    path = f"/v1/campaigns/{one['id']}"
    changed = client.patch(path, {"body": "Bonsoir", "send_at": "2026-12-01T10:00:00+01:00"}).json()
    assert changed["variants"][0]["body"] == "Bonsoir"
    assert (changed["staged"]["after"], changed["holdout"]) == ("PT120M", 10)
    assert changed["send_at"] == "2026-12-01T09:00:00Z"
    assert changed["audience"] == {"numbers": 4}
    assert [where for where, _ in pointers(client.patch(path, {"staged": {"after": "PT1H"}}))] == ["/staged/percent"]
    assert client.patch(path, {"staged": {"percent": 7}}).json()["staged"] == {
        "percent": 7, "after": None, "most_failed": 10.0, "most_stopped": 2.0}  # fmt: skip
    client.post(f"{path}/send")
    assert client.patch(path, {"name": "X"}).status_code == 409
    assert client.delete(path).status_code == 409
    other = made(client, "/v1/campaigns", SALE)
    assert client.delete(f"/v1/campaigns/{other['id']}").status_code == 204
    assert client.get(f"/v1/campaigns/{other['id']}").status_code == 404
    assert client.post(f"/v1/campaigns/{other['id']}/pause").status_code == 404


def test_verbs_that_do_not_fit_the_state_are_refused(relance: Running) -> None:
    client = relance.client
    one = made(client, "/v1/campaigns", SALE)
    for verb in ("pause", "resume", "cancel"):
        answer = client.post(f"/v1/campaigns/{one['id']}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "campaign_state")


def test_lists_of_people_are_paged_and_filtered(relance: Running) -> None:
    client = relance.client
    one = made(client, "/v1/campaigns", SALE)
    client.post(f"/v1/campaigns/{one['id']}/send")
    relance.settle()
    page = client.get(f"/v1/campaigns/{one['id']}/people?limit=3").json()
    assert (len(page["data"]), page["has_more"]) == (3, True)
    rest = client.get(f"/v1/campaigns/{one['id']}/people?limit=3&after={page['next']}").json()
    assert sorted(row["to"] for row in page["data"] + rest["data"]) == NUMBERS
    assert client.get(f"/v1/campaigns/{one['id']}/people?state=left_out").json()["data"] == []


def test_another_workspaces_campaigns_and_segments_are_not_there(relance: Running) -> None:
    _, stranger = relance.another_workspace()
    one = made(relance.client, "/v1/campaigns", SALE)
    segment = made(relance.client, "/v1/segments", {"name": "Tous", "conditions": {"all": []}})
    for path in (f"/v1/campaigns/{one['id']}", f"/v1/campaigns/{one['id']}/rehearsal", f"/v1/segments/{segment['id']}"):
        assert stranger.get(path).status_code == 404
    assert stranger.post(f"/v1/campaigns/{one['id']}/send").status_code == 404
    audience = {"segment": segment["id"]}
    assert pointers(stranger.post("/v1/campaigns", {**SALE, "audience": audience})) == [
        ("/audience/segment", "field_unknown_id")]  # fmt: skip


def test_a_list_is_made_added_to_and_used(relance: Running) -> None:
    client = relance.client
    one = made(client, "/v1/segments", {"name": "Salon", "numbers": ["06 39 98 11 00", NUMBERS[1]], "country": "FR"})
    assert (one["count"], one["conditions"]) == (2, None)
    path = f"/v1/segments/{one['id']}"
    assert client.patch(path, {"add": [NUMBERS[2]], "remove": [NUMBERS[0]]}).json()["count"] == 2
    assert {row["number"] for row in client.get(path).json()["sample"]} == {NUMBERS[1], NUMBERS[2]}
    assert pointers(client.patch(path, {"conditions": {"all": []}})) == [("/conditions", "segment_or_people")]
    inner = {"not": {"list": one["id"]}}
    other = made(client, "/v1/segments", {"name": "Les autres", "conditions": inner})
    assert other["count"] == 1
    assert pointers(client.patch(f"/v1/segments/{other['id']}", {"add": [NUMBERS[0]]})) == [("/add", "segment_no_list")]
    assert client.delete(path).json()["code"] == "segment_in_use"
    draft = made(client, "/v1/campaigns", {**SALE, "audience": {"segment": one["id"]}})
    client.post(f"/v1/campaigns/{draft['id']}/send")
    relance.settle()
    assert {row["to"] for row in relance.phones()} == {NUMBERS[1], NUMBERS[2]}
    assert client.delete(f"/v1/segments/{other['id']}").status_code == 204


def test_a_segment_needs_conditions_or_people(relance: Running) -> None:
    for body in ({"name": "X"}, {"name": "X", "conditions": {"all": []}, "numbers": NUMBERS}):
        assert pointers(relance.client.post("/v1/segments", body)) == [("/conditions", "segment_or_people")]
    assert pointers(relance.client.post("/v1/segments", {"name": "X", "conditions": {"all": [{"tag": 3}]}})) == [
        ("/conditions/all/0/tag", "field_not_text")]  # fmt: skip


def test_whoever_has_heard_enough_waits_and_the_check_says_so(relance: Running) -> None:
    client = relance.client_for(relance.workspace, test=False)
    for to in NUMBERS[:2]:
        proof = {"text": "Oui", "place": "caisse"}
        client.post("/v1/consents", {"to": to, "state": "in", "source": "caisse", "proof": proof})
    marketing = {**SALE, "class": "marketing", "audience": {"numbers": NUMBERS[:2]}}
    first = made(client, "/v1/campaigns", marketing)
    client.post(f"/v1/campaigns/{first['id']}/send")
    relance.settle()
    second = made(client, "/v1/campaigns", {**marketing, "body": "Encore", "useful_for": "PT1H"})
    assert client.get(f"/v1/campaigns/{second['id']}/rehearsal").json()["heard_lately"] == 2
    client.post(f"/v1/campaigns/{second['id']}/send")
    relance.forward(timedelta(minutes=1))
    assert len(relance.phones()) == 2
    steps = {one["step"]: one for one in client.get(f"/v1/campaigns/{second['id']}").json()["results"]["funnel"]}
    assert [(why["code"], why["count"]) for why in steps["cap"]["reasons"]] == [("over_person_cap", 2)]

"""`/v1/waitlist`: people with their proof, times that are offered by hand, and what a dry run leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clinic import DIARY
from tests.support.running import Client, Running
from tests.support.waiting import NOEL, PATIENT, PETIT, PROOF, ROUX, Waiting


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("waitlist"), adapters=DIARY) as running:
        yield running


@pytest.fixture
def clinic(house: Running) -> Waiting:
    """A workspace of its own for each test."""
    house.workspace, house.client = house.another_workspace("Cabinet Lyon")
    return Waiting.inside(house)


@pytest.fixture
def client(house: Running, clinic: Waiting) -> Client:
    return house.client


def made(answer: Any, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_somebody_is_put_on_the_list_with_a_proof_and_only_with_one(client: Client) -> None:
    wishes = {"earliest": "2026-12-01", "weekdays": ["tue"], "until": "12:00"}
    entry = made(client.post("/v1/waitlist", {"to": ROUX, "name": "Mme Roux", "wishes": wishes, "proof": PROOF}))
    assert (entry["state"], entry["wishes"], entry["proof"]) == ("waiting", wishes, {**PROOF, "source": "desk"})

    for proof in (None, {}, {"text": "  "}):
        body = {"to": PETIT} if proof is None else {"to": PETIT, "proof": proof}
        assert client.post("/v1/waitlist", body).status_code == 422
    twice = client.post("/v1/waitlist", {"to": ROUX, "name": "Mme Roux", "proof": PROOF})
    assert (twice.status_code, twice.json()["code"]) == (409, "waitlist_twice")
    landline = client.post("/v1/waitlist", {"to": "+33478000000", "proof": PROOF})
    assert landline.status_code == 422


def test_a_dry_run_and_a_repetition_leave_one_entry(client: Client) -> None:
    body = {"to": ROUX, "proof": PROOF}
    made(client.post("/v1/waitlist?dry_run=true", body), 200)
    assert client.get("/v1/waitlist").json()["data"] == []
    key = {"Idempotency-Key": "once"}
    first, again = (made(client.post("/v1/waitlist", body, headers=key)) for _ in range(2))
    assert first["id"] == again["id"]


def test_several_come_at_once_each_with_its_result(client: Client) -> None:
    people = [{"to": ROUX, "proof": PROOF}, {"to": "nobody", "proof": PROOF}, {"to": PETIT}, 7]
    results = made(client.post("/v1/waitlist/batch", {"entries": people}), 200)["results"]
    assert [one["status"] for one in results] == [201, 422, 422, 422]
    assert len(client.get("/v1/waitlist").json()["data"]) == 1


def test_the_list_is_paged_in_its_own_order_and_changed(client: Client) -> None:
    ids = [made(client.post("/v1/waitlist", {"to": one, "proof": PROOF}))["id"] for one in (ROUX, PETIT, NOEL)]
    made(client.patch(f"/v1/waitlist/{ids[2]}", {"position": 0, "kind": "Contrôle"}), 200)
    page = client.get("/v1/waitlist?limit=2").json()
    assert [one["id"] for one in page["data"]] == [ids[2], ids[0]]
    rest = client.get(f"/v1/waitlist?limit=2&after={page['next']}").json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([ids[1]], False)

    assert client.delete(f"/v1/waitlist/{ids[0]}").status_code == 204
    assert client.delete(f"/v1/waitlist/{ids[0]}").status_code == 409
    [left] = client.get("/v1/waitlist?state=left").json()["data"]
    assert (left["id"], left["reason"]["code"]) == (ids[0], "waitlist_removed")


def test_a_time_is_offered_by_hand_looked_at_and_taken_back(clinic: Waiting, client: Client) -> None:
    clinic.wants(ROUX)
    body = {"installation": clinic.installation, "start": "2026-12-01T09:00:00", "zone": "Europe/Paris",
            "title": "Détartrage"}  # fmt: skip
    dry = made(client.post("/v1/waitlist/slots?dry_run=true", body), 200)
    assert [one["to"] for one in dry["coming"]] == [ROUX]
    assert client.get("/v1/waitlist/slots").json()["data"] == []

    slot = made(client.post("/v1/waitlist/slots", body))
    assert [(one["to"], one["state"]) for one in slot["offers"]] == [(ROUX, "asked")]
    assert [one["what"] for one in slot["steps"]] == ["freed", "asked"]
    assert client.post("/v1/waitlist/slots", body).status_code == 409
    assert client.post(f"/v1/waitlist/slots/{slot['id']}/settle").json()["code"] == "waitlist_not_taken"
    assert made(client.post(f"/v1/waitlist/slots/{slot['id']}/withdraw"), 200)["state"] == "withdrawn"
    assert client.post(f"/v1/waitlist/slots/{slot['id']}/withdraw").status_code == 409
    [offer] = client.get(f"/v1/waitlist/offers?to={ROUX.replace('+', '%2B')}").json()["data"]
    assert (offer["slot"], offer["state"]) == (slot["id"], "withdrawn")


def test_the_time_of_an_appointment_that_stands_is_not_offered(clinic: Waiting, client: Client) -> None:
    visit = clinic.write("visit", "2026-12-01T09:00:00+01:00", PATIENT)
    answer = client.post("/v1/waitlist/slots", {"occasion": visit})
    assert (answer.status_code, answer.json()["code"]) == (409, "waitlist_time_used")
    assert client.post("/v1/waitlist/slots", {"occasion": "occ_none"}).status_code == 404
    assert client.post("/v1/waitlist/slots", {"installation": clinic.installation}).status_code == 422


def test_terms_are_off_until_they_are_switched_on_and_say_what_is_wrong(clinic: Waiting, client: Client) -> None:
    path = f"/v1/waitlist/terms/{clinic.installation}"
    made(client.patch(path, {"on": False, "hold_minutes": 45}), 200)
    assert (client.get(path).json()["on"], client.get(path).json()["hold_minutes"]) == (False, 45)
    wrong = client.patch(path, {"hold_minutes": 2})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/hold_minutes")
    assert client.patch(path, {"text": "Venez {{ when }}"}).json()["code"] == "waitlist_text_lacks"
    assert client.get("/v1/waitlist/terms/ins_none").status_code == 404


def test_another_workspace_sees_and_changes_nothing(house: Running, clinic: Waiting) -> None:
    entry = clinic.wants(ROUX)
    slot = clinic.frees()
    _, stranger = house.another_workspace()
    assert stranger.get("/v1/waitlist").json()["data"] == []
    for method, path in (
        ("GET", f"/v1/waitlist/{entry}"), ("DELETE", f"/v1/waitlist/{entry}"),
        ("GET", f"/v1/waitlist/slots/{slot['id']}"), ("POST", f"/v1/waitlist/slots/{slot['id']}/withdraw"),
        ("GET", f"/v1/waitlist/terms/{clinic.installation}"),
    ):  # fmt: skip
        assert stranger.call(method, path).status_code == 404, path
    assert stranger.patch(f"/v1/waitlist/terms/{clinic.installation}", {"on": False}).status_code == 404

"""From a segment to the funnel: who gets a campaign, once, who does not and why, and what came of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Client, Running

PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/125.0 Mobile Safari/537.36"}
PROOF = {"text": "Oui, je veux vos offres.", "place": "caisse"}
SUMMER = {"name": "Soldes", "class": "marketing", "body": "{{ first_name }}, soldes : https://shop.example/soldes"}


def number(index: int) -> str:
    # Ends neither in one of the simulator's magic numbers nor in anybody's real one.
    return f"+3363998{index + 1000:04d}"


def person(client: Client, to: str, *, agreed: bool = True, **fields: Any) -> str:
    made = client.post("/v1/contacts", {"number": to, "first_name": "Ana", **fields})
    assert made.status_code == 201, made.text
    if agreed:
        said = client.post("/v1/consents", {"to": to, "state": "in", "source": "test", "proof": PROOF})
        assert said.status_code == 201, said.text
    return str(made.json()["id"])


def crowd(client: Client, count: int, **fields: Any) -> list[str]:
    numbers = [number(index) for index in range(count)]
    for to in numbers:
        person(client, to, **fields)
    return numbers


def campaign(client: Client, **said: Any) -> dict[str, Any]:
    made = client.post("/v1/campaigns", {**SUMMER, "audience": {"conditions": {"all": []}}, **said})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def do(client: Client, one: dict[str, Any], verb: str, status: int = 200) -> dict[str, Any]:
    answer = client.post(f"/v1/campaigns/{one['id']}/{verb}")
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    return said


def look(client: Client, one: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/v1/campaigns/{one['id']}")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def told(relance: Running) -> dict[str, list[str]]:
    """number → the texts that its simulated phone got."""
    found: dict[str, list[str]] = {}
    for one in relance.phones():
        found.setdefault(one["to"], []).append(one["text"])
    return found


def steps(results: dict[str, Any]) -> dict[str, int]:
    return {one["step"]: one["count"] for one in results["funnel"]}


def test_from_a_segment_to_the_phones_and_the_funnel(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        for index, city in enumerate(("Lyon", "Lyon", "Lyon", "Paris", "Lyon", "Lyon")):
            person(client, number(index), agreed=index != 2, values={"Ville": city},
                   **({"first_name": None} if index == 4 else {}))  # fmt: skip
        made = client.post("/v1/segments", {"name": "Lyon", "conditions": {"value": "Ville", "is": "Lyon"}})
        assert made.status_code == 201, made.text
        assert made.json()["count"] == 5
        one = campaign(client, audience={"segment": made.json()["id"]},
                       body="{{ first_name }}, soldes à {{ ville }} : https://shop.example/soldes")  # fmt: skip

        check = client.get(f"/v1/campaigns/{one['id']}/rehearsal").json()
        assert (check["audience"], check["would_get"], check["all"]) == (5, 3, True)
        assert check["price"] == [{"amount": 3 * check["segments"] // 3 * 52_000, "currency": "EUR"}]
        assert {reason["code"]: reason["count"] for step in check["funnel"] for reason in step["reasons"]} == {
            "no_marketing_consent": 1, "missing_value": 1,
        }
        assert relance.phones() == []

        do(client, one, "send")
        relance.settle()
        assert sorted(told(relance)) == [number(0), number(1), number(5)]
        [text] = told(relance)[number(0)]
        found = re.fullmatch(rf"Ana, soldes à Lyon : {relance.url}(/s/\w+).*", text, re.DOTALL)
        assert found
        assert Client(relance.url, None).get(found[1], headers=PHONE).headers["Location"] == "https://shop.example/soldes"
        relance.forward(timedelta(minutes=1))

        said = look(client, one)
        assert said["state"] == "done"
        assert steps(said["results"]) == {
            "audience": 5, "consent": 4, "number": 4, "text": 3, "hours": 3, "holdout": 3, "cap": 3, "sent": 3,
            "delivered": 3, "clicked": 1, "converted": 0,
        }
        listed = client.get(f"/v1/messages?campaign={one['id']}").json()["data"]
        assert {message["to"] for message in listed} == {number(0), number(1), number(5)}
        why = client.get(f"/v1/explanations?to=%2B{number(2)[1:]}").json()
        [about] = why["campaigns"]
        assert (about["campaign"], about["name"], about["reason"]["code"]) == (
            one["id"], "Soldes", "no_marketing_consent")  # fmt: skip
        [left_out] = client.get(f"/v1/campaigns/{one['id']}/people?reason=missing_value").json()["data"]
        assert (left_out["to"], left_out["state"], left_out["message"]) == (number(4), "left_out", None)


def test_a_second_click_sends_nothing_twice(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 3)
        one = campaign(relance.client)
        assert do(relance.client, one, "send")["state"] == "gathering"
        do(relance.client, one, "send")
        relance.settle()
        do(relance.client, one, "send")
        relance.forward(timedelta(minutes=1))
        do(relance.client, one, "send")
        relance.settle()
        assert {to: len(texts) for to, texts in told(relance).items()} == {number(index): 1 for index in range(3)}


def test_a_stop_between_the_check_and_the_sending_counts(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 3)
        one = campaign(relance.client, send_at="2026-11-30T15:00:00", zone="Europe/Paris")
        assert relance.client.get(f"/v1/campaigns/{one['id']}/rehearsal").json()["would_get"] == 3
        relance.client.post("/v1/consents", {"to": number(0), "state": "out", "source": "guichet"})
        do(relance.client, one, "send")
        relance.settle()
        assert told(relance) == {}
        relance.client.post("/v1/consents", {"to": number(1), "state": "out", "source": "guichet"})
        relance.forward(timedelta(hours=6))
        relance.forward(timedelta(minutes=1))
        assert sorted(told(relance)) == [number(2)]
        consent = next(step for step in look(relance.client, one)["results"]["funnel"] if step["step"] == "consent")
        assert [(reason["code"], reason["count"]) for reason in consent["reasons"]] == [("opted_out", 2)]


def test_who_is_left_out_gets_nothing_and_is_measured(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 20)
        one = campaign(relance.client, holdout=25)
        assert relance.client.get(f"/v1/campaigns/{one['id']}/rehearsal").json()["control_group"] == 5
        do(relance.client, one, "send")
        relance.settle()
        people = relance.client.get(f"/v1/campaigns/{one['id']}/people?state=control").json()["data"]
        control = {row["to"] for row in people}
        assert len(control) == 5
        assert set(told(relance)) == {number(index) for index in range(20)} - control
        relance.forward(timedelta(days=3, minutes=1))
        orders = look(relance.client, one)["results"]["orders"]
        assert (orders["written_to"]["people"], orders["control_group"]["people"]) == (15, 5)
        assert orders["says"]["code"] == "campaign_uplift_not_enough"


def test_the_first_part_goes_and_a_person_lets_the_rest_follow(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 20)
        one = campaign(relance.client, staged={"percent": 10})
        do(relance.client, one, "send")
        relance.forward(timedelta(minutes=1))
        said = look(relance.client, one)
        assert (said["state"], said["trouble"]["code"]) == ("waiting", "campaign_waits_for_person")
        assert len(told(relance)) == 2
        relance.forward(timedelta(hours=3))
        assert len(told(relance)) == 2
        do(relance.client, one, "resume")
        relance.forward(timedelta(minutes=1))
        relance.forward(timedelta(minutes=1))
        assert len(told(relance)) == 20
        assert look(relance.client, one)["state"] == "done"


def test_the_rest_follows_by_itself_when_the_figures_are_good(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 20)
        one = campaign(relance.client, staged={"percent": 10, "after": "PT2H"})
        do(relance.client, one, "send")
        relance.settle()
        relance.forward(timedelta(minutes=5))
        relance.forward(timedelta(hours=1))
        assert len(told(relance)) == 2
        relance.forward(timedelta(hours=1, minutes=1))
        assert len(told(relance)) == 20


def test_many_stops_hold_the_rest_until_a_person_has_looked(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 40)
        one = campaign(relance.client, staged={"percent": 25, "after": "PT1H", "most_stopped": 5})
        do(relance.client, one, "send")
        relance.settle()
        first = sorted(told(relance))
        assert len(first) == 10
        for to in first[:2]:
            relance.client.post("/v1/simulator/replies", {"from": to, "text": "STOP"})
        relance.settle()
        relance.forward(timedelta(minutes=2))
        said = look(relance.client, one)
        assert (said["state"], said["trouble"]["code"]) == ("paused", "campaign_many_stops")
        assert said["trouble"]["values"]["percent"] == 20.0
        relance.forward(timedelta(hours=4))
        assert len({to for to, texts in told(relance).items() if any("soldes" in text for text in texts)}) == 10
        do(relance.client, one, "resume")
        relance.forward(timedelta(minutes=1))
        assert len({to for to, texts in told(relance).items() if any("soldes" in text for text in texts)}) == 40


def test_the_text_that_is_clicked_more_goes_to_the_rest(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 20)
        one = campaign(relance.client, body=None, winner="clicks", staged={"percent": 40, "after": "PT1H"}, variants=[
            {"name": "A", "share": 50, "body": "A https://shop.example/a"},
            {"name": "B", "share": 50, "body": "B https://shop.example/b"},
        ])  # fmt: skip
        do(relance.client, one, "send")
        relance.settle()
        texts = [text for many in told(relance).values() for text in many]
        assert sorted(text[0] for text in texts) == list("AAAABBBB")
        for text in texts:
            if text.startswith("B"):
                path = re.search(r"/s/\w+", text)
                assert path
                Client(relance.url, None).get(path[0], headers=PHONE)
        relance.forward(timedelta(minutes=5))
        relance.forward(timedelta(hours=1))
        texts = [text for many in told(relance).values() for text in many]
        assert sorted(text[0] for text in texts) == list("AAAA" + "B" * 16)
        said = look(relance.client, one)
        assert said["chosen"] == "B"
        assert [(row["name"], row["clicked"], row["won"]) for row in said["results"]["variants"]] == [
            ("A", 0, False), ("B", 4, True)]  # fmt: skip


def test_at_three_in_the_morning_of_its_place_nothing_leaves(tmp_path: Path) -> None:
    # In Réunion it is three hours later than in Paris.
    with Running(tmp_path, start=datetime.fromisoformat("2026-11-30T23:00:00+00:00")) as relance:
        person(relance.client, "+262692000001")
        one = campaign(relance.client)
        assert relance.client.get(f"/v1/campaigns/{one['id']}/rehearsal").json()["later"] == 1
        do(relance.client, one, "send")
        relance.settle()
        assert told(relance) == {}
        [waiting] = relance.client.get(f"/v1/messages?campaign={one['id']}").json()["data"]
        assert waiting["due_at"].startswith("2026-12-01T0")
        assert any(check["result"] == "moved" for check in waiting["checks"])


@pytest.mark.parametrize(("zone", "due"), [("Europe/Paris", "2026-12-01T09:00:00Z"),
                                           ("Indian/Reunion", "2026-12-01T06:00:00Z")])  # fmt: skip
def test_a_time_may_be_each_persons_own(tmp_path: Path, zone: str, due: str) -> None:
    with Running(tmp_path) as relance:
        person(relance.client, number(1), zone=zone)
        one = campaign(relance.client, send_at="2026-12-01T10:00", zone="recipient")
        do(relance.client, one, "send")
        relance.settle()
        [waiting] = relance.client.get(f"/v1/messages?campaign={one['id']}").json()["data"]
        assert waiting["due_at"] == due


def test_a_pause_holds_what_has_not_left_and_a_cancel_ends_it(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 4)
        one = campaign(relance.client, send_at="2026-11-30T15:00:00", zone="Europe/Paris")
        do(relance.client, one, "send")
        relance.settle()
        do(relance.client, one, "pause")
        relance.forward(timedelta(hours=6))
        assert told(relance) == {}
        states = {row["state"] for row in relance.client.get(f"/v1/messages?campaign={one['id']}").json()["data"]}
        assert states == {"held"}
        do(relance.client, one, "resume")
        relance.settle()
        assert len(told(relance)) == 4

        other = campaign(relance.client, name="Autre", send_at="2026-12-01T15:00:00", zone="Europe/Paris")
        do(relance.client, other, "send")
        relance.settle()
        do(relance.client, other, "cancel")
        relance.forward(timedelta(days=1))
        assert len([text for many in told(relance).values() for text in many]) == 4
        rows = relance.client.get(f"/v1/messages?campaign={other['id']}").json()["data"]
        assert {(row["state"], row["reason"]["code"]) for row in rows} == {("cancelled", "campaign_cancelled")}
        do(relance.client, other, "send", 409)


def test_who_joins_later_is_added_only_where_the_campaign_says_so(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        crowd(relance.client, 2)
        shut = campaign(relance.client)
        opened = campaign(relance.client, body="Bienvenue", open_until="2026-12-02T12:00:00+01:00")
        do(relance.client, shut, "send")
        do(relance.client, opened, "send")
        relance.settle()
        person(relance.client, number(7))
        relance.forward(timedelta(minutes=11))
        assert [text.partition("\n")[0] for text in told(relance)[number(7)]] == ["Bienvenue"]
        assert look(relance.client, opened)["state"] in ("gathering", "sending")
        relance.forward(timedelta(days=3))
        relance.forward(timedelta(minutes=11))
        assert look(relance.client, opened)["state"] == "done"

"""A campaign is not alone: who of its people hears from us anyway, before it is sent and after."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.story.test_campaigns import campaign, crowd, do, number
from tests.support.running import Running


def test_who_hears_from_us_anyway_is_seen_before_and_after(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client_for(relance.workspace, test=False)
        crowd(client, 5)
        first = campaign(client, name="Soldes", audience={"numbers": [number(0), number(1)]})
        do(client, first, "send")
        for _ in range(3):
            relance.settle()
            relance.forward(timedelta(minutes=1))
        wanted = {"to": number(2), "class": "transactional", "body": "RDV demain", "zone": "Europe/Paris"}
        assert client.post("/v1/messages", {**wanted, "send_at": "2026-12-03T10:00:00"}).status_code == 201
        far = {**wanted, "to": number(3), "send_at": "2027-02-03T10:00:00"}
        assert client.post("/v1/messages", far).status_code == 201

        one = campaign(client, name="Nouveautés")
        said = client.get(f"/v1/campaigns/{one['id']}/overlap").json()
        assert {name: said[name] for name in ("people", "days", "planned", "got", "at_cap")} == {
            "people": 5, "days": 7, "planned": 1, "got": 2, "at_cap": 2}, said  # fmt: skip
        assert [(each["kind"], each["name"], each["people"]) for each in said["sources"]] == [
            ("campaign", "Soldes", 2), ("program", None, 1)]
        assert client.get(f"/v1/campaigns/{one['id']}/rehearsal").json()["overlap"] == said
        listed = client.get(f"/v1/campaigns/{one['id']}/overlap/people?of=got&limit=1").json()
        assert [each["to"] for each in listed["data"]] == [number(0)]
        assert listed["data"][0]["messages"][0]["name"] == "Soldes"
        more = client.get(f"/v1/campaigns/{one['id']}/overlap/people?of=got&after={listed['next'].replace('+', '%2B')}")
        assert [each["to"] for each in more.json()["data"]] == [number(1)]
        assert client.get(f"/v1/campaigns/{one['id']}/overlap?days=0").status_code == 400

        after = client.get(f"/v1/campaigns/{first['id']}/overlap").json()
        assert (after["people"], after["planned"], after["got"]) == (2, 0, 0)
        do(client, one, "send")
        relance.settle()
        after = client.get(f"/v1/campaigns/{first['id']}/overlap").json()
        assert [each["name"] for each in after["sources"]] == ["Nouveautés"]

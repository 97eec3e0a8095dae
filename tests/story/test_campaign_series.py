"""A campaign again and again: each run a campaign of its own, by the clock on the wall, until it is to stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.engine import repeating
from core.storage import segments
from tests.story.test_campaigns import campaign, crowd, told
from tests.support.running import Client, Running

WHEN = {"every": "week", "first": "2026-12-01", "at": "10:00", "zone": "Europe/Paris"}


def repeats(client: Client, one: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/campaigns/{one['id']}/repeat", {**WHEN, **said})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def look(client: Client, one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/campaign-series/{one['id']}").json()
    return found


def run(relance: Running, moment: str) -> None:
    """Turns the clock to a little after that moment, as the house lives through it."""
    for minutes in (-30, 1):
        relance.set_clock(datetime.fromisoformat(moment) + timedelta(minutes=minutes))
        repeating.run_due(relance.suite)
        relance.settle()


def test_a_series_has_runs_stops_and_catches_up(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        client = relance.client
        people = crowd(client, 2)
        wrong = campaign(client)
        for said, pointer in (
            ({"first": "2026-13-01"}, "/first"), ({"at": "25:00"}, "/at"), ({"until": "2026-11-01"}, "/until"),
            ({"every": "day"}, "/every"), ({"most": 0}, "/most"), ({"zone": "Mars/Crater"}, "/zone"),
        ):  # fmt: skip
            answer = client.post(f"/v1/campaigns/{wrong['id']}/repeat", {**WHEN, **said})
            assert answer.status_code == 422, (said, answer.text)
            assert answer.json()["errors"][0]["pointer"] == pointer

        # Each run is a campaign of its own, until the last one.
        draft = campaign(client, name="Lettre du mardi")
        one = repeats(client, draft, most=2)
        assert (one["state"], one["next_run_at"], one["runs"]) == ("active", "2026-12-01T09:00:00Z", 0)
        assert client.get(f"/v1/campaigns/{draft['id']}").status_code == 404, "the draft is what repeats now"
        assert client.post(f"/v1/campaigns/{draft['id']}/repeat", WHEN).status_code == 404
        segment = client.post("/v1/segments", {"name": "Tous", "conditions": {"all": []}}).json()["id"]
        gone = repeats(client, campaign(client, name="Sans segment", audience={"segment": segment}))
        used = client.delete(f"/v1/segments/{segment}")
        assert (used.status_code, used.json()["code"]) == (409, "segment_in_use")
        assert client.post(f"/v1/campaign-series/{gone['id']}/pause").json()["state"] == "paused"

        run(relance, "2026-12-01T10:00:00+01:00")
        said = look(client, one)
        assert [made["name"] for made in said["campaigns"]] == ["Lettre du mardi, 01/12/2026"]
        assert said["next_run_at"] == "2026-12-08T09:00:00Z"
        assert {to: len(texts) for to, texts in told(relance).items()} == dict.fromkeys(people, 1)
        assert look(client, gone)["campaigns"] == []

        # A pause leaves out what it covers; a segment that is gone stops the series with its reason.
        on = client.post(f"/v1/campaign-series/{gone['id']}/resume").json()
        assert (on["state"], on["next_run_at"]) == ("active", "2026-12-08T09:00:00Z")
        with relance.suite.database.write(relance.workspace) as tx:
            segments.change(tx, segment, {"removed_at": relance.suite.now()}, relance.suite.now())
        run(relance, "2026-12-08T10:00:00+01:00")
        said = look(client, one)
        assert (said["state"], said["runs"], said["next_run_at"], len(said["campaigns"])) == ("ended", 2, None, 2)
        assert {to: len(texts) for to, texts in told(relance).items()} == dict.fromkeys(people, 2)
        stopped = look(client, gone)
        assert (stopped["state"], stopped["campaigns"]) == ("paused", [])
        assert stopped["trouble"]["code"] == "field_unknown_id"
        assert client.post(f"/v1/campaign-series/{gone['id']}/end").json()["state"] == "ended"
        assert client.post(f"/v1/campaign-series/{gone['id']}/resume").status_code == 409
        listed = client.get("/v1/campaign-series?state=ended").json()["data"]
        assert [each["id"] for each in listed] == [gone["id"], one["id"]]

        # After a standstill the last run that is still useful is made up for, and no other.
        late = repeats(client, campaign(client, useful_for="PT24H"), first="2026-12-15")
        relance.set_clock(datetime.fromisoformat("2026-12-22T12:00:00+01:00"))
        repeating.run_due(relance.suite)
        assert [made["name"] for made in look(client, late)["campaigns"]] == ["Soldes, 22/12/2026"]
        relance.set_clock(datetime.fromisoformat("2026-12-31T12:00:00+01:00"))
        repeating.run_due(relance.suite)
        said = look(client, late)
        assert (len(said["campaigns"]), said["next_run_at"]) == (1, "2027-01-05T09:00:00Z")

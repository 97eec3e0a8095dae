"""A campaign at work: in batches, each person once whatever happens, and behind whatever is more urgent."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import campaigning, erasing
from core.engine.campaigning import BATCH
from core.ids import new_id
from core.storage import campaigns, outbox
from core.storage import tables as t
from tests.support.running import Running

NUMBERS = [f"+336399{index:05d}" for index in range(20000, 20000 + 2 * BATCH + 50)]
CLOSING = {"name": "Rappel", "class": "transactional", "body": "Le cabinet ferme à 17 h."}


def sent(relance: Running, **said: Any) -> str:
    made = relance.client.post("/v1/campaigns", {**CLOSING, "audience": {"numbers": NUMBERS}, **said})
    assert made.status_code == 201, made.text
    campaign_id = str(made.json()["id"])
    assert relance.client.post(f"/v1/campaigns/{campaign_id}/send").status_code == 200
    return campaign_id


def counted(relance: Running, campaign_id: str) -> tuple[int, int, Counter[str]]:
    """How many messages, to how many people, and what became of the people."""
    m, p = t.messages.c, t.campaign_people.c
    with relance.suite.database.read(relance.workspace) as tx:
        row = tx.connection.execute(
            select(func.count(), func.count(func.distinct(m.to))).where(m.campaign == campaign_id)
        ).one()
        states = tx.connection.execute(
            select(p.state, func.count()).where(p.campaign == campaign_id).group_by(p.state)
        ).all()
    return int(row[0]), int(row[1]), Counter({one[0]: int(one[1]) for one in states})


def turn(relance: Running, campaign_id: str) -> None:
    campaigning.turn(relance.suite, (relance.workspace, campaign_id))


def test_what_a_crash_leaves_in_the_middle_is_gone_on_with(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance)
        turn(relance, campaign_id)  # its people are written down
        turn(relance, campaign_id)
        assert counted(relance, campaign_id) == (BATCH, BATCH, Counter(planned=BATCH, waiting=len(NUMBERS) - BATCH))
        # The process dies here: there is nothing that only it knew.
        while has_work(relance, campaign_id):
            turn(relance, campaign_id)
        assert counted(relance, campaign_id)[:2] == (len(NUMBERS), len(NUMBERS))
        assert set(counted(relance, campaign_id)[2]) == {"planned"}


def has_work(relance: Running, campaign_id: str) -> bool:
    with relance.suite.database.read() as tx:
        return (relance.workspace, campaign_id) in campaigns.due(tx, relance.suite.now())


@pytest.mark.skipif("postgresql" in os.environ.get("RELANCE_TEST_HOUSE", ""), reason="the trigger is SQLite's")
def test_a_batch_that_fails_half_way_leaves_nothing_and_comes_again(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance)
        turn(relance, campaign_id)
        with relance.suite.database.write() as tx:
            tx.connection.execute(text(
                f"CREATE TRIGGER full AFTER INSERT ON messages WHEN (SELECT count(*) FROM messages) > {BATCH + 20} "
                "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            ))  # fmt: skip
        relance.settle()
        messages, people, states = counted(relance, campaign_id)
        assert (messages, people) == (BATCH, BATCH)
        assert states == Counter(planned=BATCH, waiting=len(NUMBERS) - BATCH)
        with relance.suite.database.write() as tx:
            tx.connection.execute(text("DROP TRIGGER full"))
        relance.forward(timedelta(minutes=2))
        assert counted(relance, campaign_id)[:2] == (len(NUMBERS), len(NUMBERS))
        assert Counter(one["to"] for one in relance.phones()).most_common(1)[0][1] == 1


def test_a_campaign_never_delays_a_reminder(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance)
        for _ in range(3):
            turn(relance, campaign_id)
        relance.client.post("/v1/messages", {"to": "+33639980001", "class": "transactional", "body": "RDV à 10 h"})
        with relance.suite.database.write() as tx:
            claimed = outbox.claim(tx, relance.suite.now(), 5, owner=new_id("own"), lease=timedelta(minutes=1))
        assert [one.text for one in claimed] == ["RDV à 10 h", *["Le cabinet ferme à 17 h."] * 4]
        assert {one.campaign for one in claimed[1:]} == {campaign_id}


@pytest.mark.parametrize(("verb", "state"), [("pause", "held"), ("cancel", "cancelled")])
def test_what_was_put_back_into_the_queue_meanwhile_does_not_leave(tmp_path: Path, verb: str, state: str) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance, audience={"numbers": NUMBERS[:3]})
        for _ in range(2):
            turn(relance, campaign_id)
        relance.client.post(f"/v1/campaigns/{campaign_id}/{verb}")
        m = t.messages
        with relance.suite.database.write(relance.workspace) as tx:
            # As a provider that asked for a pause just before leaves them.
            tx.connection.execute(m.update().where(m.c.campaign == campaign_id).values(state="scheduled"))
        relance.settle()
        rows = relance.client.get(f"/v1/messages?campaign={campaign_id}").json()["data"]
        assert {row["state"] for row in rows} == {state}
        assert relance.phones() == []


def test_after_a_backup_came_back_a_person_decides_whether_it_goes_on(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance)
        for _ in range(2):
            turn(relance, campaign_id)
        with relance.suite.database.write() as tx:
            assert campaigns.pause_all(tx, Reason("campaign_restored"), relance.suite.now()) == 1
        relance.settle()
        said = relance.client.get(f"/v1/campaigns/{campaign_id}").json()
        assert (said["state"], said["trouble"]["code"]) == ("paused", "campaign_restored")
        assert relance.phones() == []


def test_shares_of_the_texts_are_exact(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        texts = [{"name": "A", "share": 30, "body": "A"}, {"name": "B", "share": 70, "body": "B"}]
        campaign_id = sent(relance, audience={"numbers": NUMBERS[:200]}, body=None, variants=texts, holdout=50)
        relance.settle()
        p = t.campaign_people.c
        with relance.suite.database.read(relance.workspace) as tx:
            rows = tx.connection.execute(
                select(p.state, p.variant, func.count()).where(p.campaign == campaign_id).group_by(p.state, p.variant)
            ).all()
        assert {(row[0], row[1]): row[2] for row in rows} == {
            ("control", None): 100, ("planned", "A"): 30, ("planned", "B"): 70,
        }


def test_who_is_erased_is_erased_from_campaigns_too(tmp_path: Path) -> None:
    with Running(tmp_path) as relance:
        campaign_id = sent(relance, audience={"numbers": NUMBERS[:3]})
        relance.settle()
        erasing.erase(relance.suite, relance.workspace, Recipient.parse(NUMBERS[0]), who="test")
        assert counted(relance, campaign_id)[2] == Counter(planned=2)
        with relance.suite.database.read(relance.workspace) as tx:
            row = campaigns.row(tx, campaign_id)
            assert row is not None
            assert NUMBERS[0] not in str(row["audience"])

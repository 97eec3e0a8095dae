"""The figures of workflows: the same from both databases, in five questions, and each opens its messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.ids import new_id
from core.storage import campaigns_figures, outbox
from core.storage import tables as t
from core.storage.database import Database, Transaction

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def message(campaign: str | None, state: State, occasion: str | None = None, *, days: int = 0,
            reason: Reason | None = None, installation: str = "ins_1",
            currency: str = "EUR") -> outbox.New:  # fmt: skip
    return outbox.New(
        to="+33639980001", country="FR", text="Bonjour", encoding="GSM-7", segments=1, currency=currency,
        message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,), due_at=NOW - timedelta(days=days),
        price_micros=52_000, state=state, reason=reason, installation=installation, occasion=occasion,
        campaign=campaign,
    )  # fmt: skip


def accepted(tx: Transaction, *messages: outbox.New) -> list[str]:
    ids = outbox.accept(tx, messages, NOW)
    for id, one in zip(ids, messages, strict=True):
        if one.state in (*campaigns_figures.SENT, State.FAILED):
            tx.connection.execute(t.messages.update().where(t.messages.c.id == id).values(left_at=NOW))
    return ids


@pytest.fixture
def filled(database: Database, workspace: str, stranger: str) -> list[str]:
    with database.write(stranger) as tx:
        accepted(tx, message("w1", State.SENT, "occ_z"))
    with database.write(workspace) as tx:
        ids = accepted(
            tx, message("w1", State.DELIVERED, "occ_1"), message("w1", State.SENT, "occ_2"),
            message("w1", State.SCHEDULED, "occ_3"),
            message("w1", State.SUPPRESSED, "occ_4", reason=Reason("no_number")),
            message("w1", State.SUPPRESSED, "occ_5", reason=Reason("opted_out", {"scope": "all"})),
            message("w1", State.FAILED, "occ_6", reason=Reason("no_number")), message("w1", State.SUPERSEDED, "occ_2"),
            message("w1", State.READ, "occ_7", days=40, currency="CHF"), message("w2", State.SENT, "occ_8"),
            message(None, State.SENT, "occ_9"), message("w1", State.SENT, "occ_10", installation="ins_2"),
        )  # fmt: skip
        for id in (ids[0], ids[0], ids[1]):
            tx.connection.execute(insert(t.clicks).values(
                id=new_id("clk"), workspace=workspace, link="lnk_1", message=id, at=NOW))  # fmt: skip
    return ids


def test_people_states_clicks_costs_and_reasons_are_counted(database: Database, workspace: str, filled: Any) -> None:
    with database.read(workspace) as tx:
        [one] = campaigns_figures.read(tx, installation="ins_1", campaign="w1")
    assert (one.enrolled, one.planned, one.sent, one.delivered, one.not_sent, one.clicked) == (7, 1, 3, 2, 3, 2)
    assert dict(one.costs) == {"EUR": 3 * 52_000, "CHF": 52_000}
    assert [(reason.code, count) for reason, count in campaigns_figures.ordered(one.reasons)] == [
        ("no_number", 2), ("opted_out", 1)]  # fmt: skip
    assert one.reasons["opted_out"][0].values == {"scope": "all"}


def test_a_period_counts_what_was_due_in_it(database: Database, workspace: str, filled: Any) -> None:
    with database.read(workspace) as tx:
        [one] = campaigns_figures.read(tx, installation="ins_1", campaign="w1", since=NOW - timedelta(days=30))
        [old] = campaigns_figures.read(tx, installation="ins_1", until=NOW - timedelta(days=30))
    assert (one.enrolled, dict(one.costs)) == (6, {"EUR": 3 * 52_000})
    assert (old.campaign, old.enrolled) == ("w1", 1)


def test_each_connection_has_its_own_and_no_other_company_is_in_it(
    database: Database, workspace: str, filled: Any
) -> None:
    with database.read(workspace) as tx:
        found = {(one.installation, one.campaign): one.enrolled for one in campaigns_figures.read(tx)}
    assert found == {("ins_1", "w1"): 7, ("ins_1", "w2"): 1, ("ins_2", "w1"): 1}


def test_the_list_behind_a_figure_holds_as_many(database: Database, workspace: str, filled: list[str]) -> None:
    def ids(**narrow: Any) -> list[str]:
        wanted = outbox.Filter(installation="ins_1", campaign="w1", extra=campaigns_figures.narrowed(**narrow))
        with database.read(workspace) as tx:
            return sorted(row["id"] for row in outbox.listed(tx, wanted))

    assert ids(reason="no_number") == sorted([filled[3], filled[5]])
    assert ids(reason="no_%") == []
    assert ids(clicked=True) == sorted(filled[:2])
    assert ids(stopped=True) == []


def test_the_number_of_questions_does_not_grow(database: Database, workspace: str) -> None:
    with database.write(workspace) as tx:
        accepted(tx, *(message(f"w{place}", State.SENT, f"occ_{place}") for place in range(60)))
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with database.read(workspace) as tx:
        assert len(campaigns_figures.read(tx, installation="ins_1")) == 60
    assert len([one for one in asked if one.startswith("SELECT")]) <= 6

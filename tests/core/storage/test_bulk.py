"""Many rows in one statement mean the same as one by one, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from core.storage import bulk
from core.storage import tables as t

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _step(message: str, state: str = "sending", reason: object = None) -> dict[str, object]:
    return {"workspace": "wsp_1", "message": message, "at": NOW, "state": state, "reason": reason}


def test_rows_come_back_as_they_went_in_and_in_their_order(database):
    said = {"code": "stale", "values": {"text": "c'est « écrit », 100 %"}}
    with database.write() as tx:
        bulk.insert(tx, t.steps, [_step("msg_1"), _step("msg_2", reason=said), _step("msg_3")])
    with database.read() as tx:
        rows = tx.rows(select(t.steps).order_by(t.steps.c.id))
    assert [row["message"] for row in rows] == ["msg_1", "msg_2", "msg_3"]
    assert [row["reason"] for row in rows] == [None, said, None]
    assert {row["at"] for row in rows} == {NOW}


def test_only_rows_with_the_same_keys_and_words_are_updated_and_they_are_counted(database):
    with database.write() as tx:
        tx.connection.execute(insert(t.steps), [_step("msg_1"), _step("msg_2", "sent"), _step("msg_3")])
        changed = [{"message": f"msg_{number}", "state": "sent", "at": NOW, "reason": None} for number in (1, 2, 9)]
        assert bulk.update(tx, t.steps, ("message",), changed, only=(("state", "sending"),)) == 1
        assert bulk.update(tx, t.steps, ("message",), []) == 0
    with database.read() as tx:
        states = {row["message"]: row["state"] for row in tx.rows(select(t.steps))}
    assert states == {"msg_1": "sent", "msg_2": "sent", "msg_3": "sending"}


def test_it_writes_what_sqlalchemy_writes(database):
    with database.write() as tx:
        tx.connection.execute(insert(t.steps), [_step("one", reason={"code": "a", "values": {}})])
        bulk.insert(tx, t.steps, [_step("two", reason={"code": "a", "values": {}})])
        tx.connection.execute(update(t.steps).values(message="same"))
        first, second = (dict(row) for row in tx.rows(select(t.steps).order_by(t.steps.c.id)))
    assert first | {"id": 0} == second | {"id": 0}

"""There is no room left: callers hear to come again, nothing is half-written, and all goes on when there is room."""

from __future__ import annotations

import math
from pathlib import Path

from tests.support.running import Running

MANY = 1_000_000_000


def room_for(relance: Running, more: int) -> None:
    """The database may grow by so many pages and no further: SQLite says then what it says on a full disk."""
    with relance.suite.database.write() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {min(pages + more, MANY)}")


def test_a_full_disk_is_503_with_the_time_to_come_again_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    def said(key: str) -> int:
        body = {"to": "+33639980001", "class": "otp", "body": f"{key} {'x' * 600}"}
        answer = relance.client.post("/v1/messages", body, headers={"Idempotency-Key": key})
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            assert answer.json()["code"] == "database_away"
        return answer.status_code

    with Running(tmp_path) as relance:
        # The limit is one connection's: the log of calls, which is written beside the calls, would bring in another.
        relance.app.extensions["relance_request_log"]._next = math.inf
        assert said("first") == 201
        room_for(relance, 4)
        codes = [said(f"post-{place}") for place in range(150)]
        assert set(codes) == {201, 503}
        assert codes[-1] == 503
        # Reading goes on.
        assert relance.client.get("/v1/messages").status_code == 200

        room_for(relance, MANY)
        again = [said(f"post-{place}") for place in range(150)]
        relance.settle()

        assert set(again) == {201}
        with relance.suite.database.read() as tx:
            assert tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            states = tx.connection.exec_driver_sql("SELECT DISTINCT state FROM messages").scalars().all()
            count = tx.connection.exec_driver_sql("SELECT count(*) FROM messages").scalar_one()
    assert count == 151, "each once, however often it was asked for"
    assert "sending" not in states

"""What each hook asks is found by an index that leads to it, and not by walking over all that a workspace has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import event

from core.domain.events import Event, Kind
from core.domain.recipients import Recipient
from core.engine import applying
from core.storage import installations
from tests.core.engine.test_any_cart import Street
from tests.support.engine_room import ANA, NOW


def walks(detail: str) -> bool:
    """Whether SQLite says that it goes by the workspace alone, or by nothing."""
    return detail.startswith(("SCAN messages", "SCAN occasions")) or ((
        "INDEX ix_occasions" in detail or "INDEX ix_messages" in detail) and detail.endswith("(workspace=?)"))


def test_a_cart_and_an_order_are_taken_in_without_a_walk(tmp_path: Path) -> None:
    street = Street(tmp_path)
    suite, asked = street.suite, dict[str, Sequence[Any]]()

    @event.listens_for(suite.database.engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, given: Any, ___: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            asked[statement] = given

    with suite.database.write(street.workspace) as tx:
        row = installations.get(tx, suite.vault, street.shops[0], suite.public_url)
        assert row is not None
        for kind, key in ((Kind.CART, "cart/1"), (Kind.ORDER, "order/1")):
            applying.accept(tx, row, [Event(kind, key, NOW, zone="Europe/Paris", recipient=Recipient.parse(ANA),
                                            values={"number": "1"}, email="ana@example.org")], NOW)  # fmt: skip
    found: dict[str, list[str]] = {}
    with suite.database.read() as tx:
        for statement, given in list(asked.items()):
            steps = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            found[statement] = [str(step[3]) for step in steps]
    street.suite.database.close()

    assert any("FROM messages" in one for one in found)
    assert {statement: steps for statement, steps in found.items() if any(map(walks, steps))} == {}

"""The audit log: whatever is changed, taken away, slipped in or moved is found, and the line is named."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from core.engine import housekeeping
from core.storage import audit, erasure, house, retention
from core.storage import tables as t
from tests.core.storage.conftest import NOW

a, h = t.audit.c, t.audit_heads.c
WITHIN = timedelta(minutes=15)


def write(database, workspace, count=5, now=NOW, chained=True):
    with database.write(workspace) as tx:
        for number in range(count):
            house.note(tx, "usr_1", "key_created", f"key_{number}", {"scopes": ["read"], "days": {2: "x"}}, now)
        if chained:
            audit.chain(tx, now)


def found(database, workspace, expected=None):
    with database.read(workspace) as tx:
        return [(one.kind, one.seq) for one in audit.verify(tx, expected).broken]


def line(database, workspace, seq):
    with database.read(workspace) as tx:
        return dict(tx.row(tx.mine(t.audit).where(a.seq == seq)))


def test_a_log_that_nobody_touched_is_whole(database, workspace, stranger):
    write(database, workspace)
    write(database, workspace, 3)
    write(database, stranger, 2)
    write(database, workspace, 1, chained=False)

    assert found(database, workspace) == found(database, stranger) == []
    with database.read(workspace) as tx:
        verdict = audit.verify(tx)
    assert (verdict.lines, verdict.head.partition(":")[0]) == (9, "8")


def test_a_changed_line_is_named(database, workspace):
    write(database, workspace)
    lies = ({"who": "usr_2"}, {"what": "key_revoked"}, {"on": None}, {"detail": {"scopes": []}}, {"at": NOW + WITHIN})
    for seq, values in enumerate(lies, 1):
        with database.write() as tx:
            tx.connection.execute(update(t.audit).where(a.workspace == workspace, a.seq == seq).values(**values))

        assert found(database, workspace) == [("changed", number) for number in range(1, seq + 1)]


def test_lines_that_were_taken_away_are_missed(database):
    for gone, first in (((3,), 3), ((5,), 5), ((1, 2), 1), ((1, 2, 3, 4, 5), 1)):
        with database.write() as tx:
            place = house.add_workspace(tx, f"Sans {gone}", {}, NOW)
        write(database, place)
        with database.write() as tx:
            tx.connection.execute(delete(t.audit).where(a.workspace == place, a.seq.in_(gone)))

        assert found(database, place) == [("removed", first)]


def test_lines_that_moved_up_into_a_hole_are_found(database, workspace):
    write(database, workspace)
    with database.write() as tx:
        tx.connection.execute(delete(t.audit).where(a.workspace == workspace, a.seq == 3))
        for seq in (4, 5):
            tx.connection.execute(update(t.audit).where(a.workspace == workspace, a.seq == seq).values(seq=seq - 1))

    assert ("moved", 3) in found(database, workspace)
    assert ("removed", 5) in found(database, workspace)


def test_a_line_that_was_slipped_in_is_found_whether_chained_or_not(database, workspace, stranger):
    write(database, workspace, 2)
    write(database, stranger, 1)
    forged = {**line(database, workspace, 2), "id": "aud_forged", "seq": None, "chain": None, "erased": None}
    with database.write() as tx:
        tx.connection.execute(insert(t.audit).values(**forged))
    assert found(database, workspace) == [("inserted", None)]

    with database.write(workspace) as tx:
        audit.chain(tx, NOW)
    assert found(database, workspace) == [("changed", 3)], "the housekeeping does not make it true"

    brought = {**line(database, stranger, 1), "id": "aud_brought", "workspace": workspace, "seq": 4}
    with database.write() as tx:
        tx.connection.execute(insert(t.audit).values(**brought))
    assert ("inserted", 4) in found(database, workspace)


def test_an_end_that_was_cut_off_together_with_its_head_is_found_by_what_was_written_down(database, workspace):
    write(database, workspace, 3)
    with database.read(workspace) as tx:
        early = dict(tx.row(select(t.audit_heads).where(h.workspace == workspace)))
    write(database, workspace, 2)
    with database.read(workspace) as tx:
        written_down = audit.verify(tx).head
    assert found(database, workspace, written_down) == []
    write(database, workspace, 1)
    assert found(database, workspace, written_down) == [], "what came since does not matter"

    with database.write() as tx:
        tx.connection.execute(delete(t.audit).where(a.workspace == workspace, a.seq > 3))
        tx.connection.execute(update(t.audit_heads).where(h.workspace == workspace).values(**early))
    assert found(database, workspace) == []
    assert found(database, workspace, written_down) == [("removed", 5)]


def test_a_head_that_is_not_ours_is_found_and_not_built_upon(database, workspace):
    write(database, workspace, 3)
    with database.write() as tx:
        tx.connection.execute(delete(t.audit).where(a.workspace == workspace, a.seq == 3))
        tx.connection.execute(update(t.audit_heads).where(h.workspace == workspace).values(seq=2))
    write(database, workspace, 1)

    assert ("head", 2) in found(database, workspace)
    with database.read(workspace) as tx:
        assert [row["seq"] for row in audit.listed(tx)] == [None, 2, 1]


def test_a_year_later_the_beginning_is_cut_off_and_the_rest_is_whole(database, workspace):
    write(database, workspace, 3)
    write(database, workspace, 2, now=NOW + timedelta(days=300))
    written_down = "3:" + line(database, workspace, 3)["chain"]
    with database.write() as tx:
        retention.prune(tx, NOW + timedelta(days=366))

    assert found(database, workspace) == found(database, workspace, written_down) == []
    with database.read(workspace) as tx:
        assert [row["seq"] for row in audit.listed(tx)] == [5, 4]
    with database.write() as tx:
        retention.prune(tx, NOW + timedelta(days=900))
    write(database, workspace, 1, now=NOW + timedelta(days=900))
    assert found(database, workspace) == []
    with database.write() as tx:
        tx.connection.execute(delete(t.audit).where(a.workspace == workspace))
    assert found(database, workspace) == [("removed", 6)]


def test_a_person_who_is_erased_leaves_a_whole_log(database, workspace):
    with database.write(workspace) as tx:
        house.note(tx, "usr_1", "noted", None, {"said": "+33639980001"}, NOW)
        audit.chain(tx, NOW)
        erasure.forget(tx, "+33639980001")

    assert "639980001" not in str(line(database, workspace, 1)["detail"])
    assert found(database, workspace) == []
    with database.write() as tx:
        tx.connection.execute(update(t.audit).where(a.workspace == workspace).values(detail={"said": "autre"}))
    assert found(database, workspace) == [("changed", 1)]


class _Suite:
    def __init__(self, database):
        self.database = database

    def now(self):
        return NOW


def test_the_housekeeping_chains_every_workspace(database, workspace, stranger):
    write(database, workspace, 2, chained=False)
    write(database, stranger, 1, chained=False)

    assert housekeeping.chain_audit(_Suite(database)) == 3
    assert housekeeping.chain_audit(_Suite(database)) == 0
    assert found(database, workspace) == found(database, stranger) == []

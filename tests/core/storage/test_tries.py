"""Tries at a door: of many that come at the same moment only as many are let through as may be, and none is lost."""

from __future__ import annotations

import threading
from datetime import timedelta

from core.storage import access
from tests.core.storage.conftest import NOW

WITHIN = timedelta(minutes=15)


def together(count, work):
    start, done = threading.Barrier(count), []

    def one():
        start.wait(10)
        done.append(work())

    crowd = [threading.Thread(target=one) for _ in range(count)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(20)
    assert len(done) == count, "somebody was turned away with an error"
    return done


def test_a_crowd_at_a_door_is_counted_one_by_one(database):
    def tried():
        with database.write() as tx:
            return access.admitted(tx, {"sign-in:ana": 5, "sign-in-from:127.0.0.1": 50}, NOW, WITHIN)

    assert sorted(together(8, tried)) == [False] * 3 + [True] * 5
    with database.write() as tx:
        assert access.tries(tx, "sign-in-from:127.0.0.1", NOW, WITHIN) == 5, "who is not let in is not counted"
        access.give_back(tx, "sign-in-from:127.0.0.1")
        assert access.tries(tx, "sign-in-from:127.0.0.1", NOW, WITHIN) == 4
        assert not access.admitted(tx, {"sign-in:ana": 5}, NOW, WITHIN)
        assert access.admitted(tx, {"sign-in:ana": 5}, NOW + WITHIN, WITHIN), "a quarter of an hour later"

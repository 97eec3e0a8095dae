"""Ids rise within a process, so that rows of the same moment keep the order in which they came, and never repeat."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.ids import new_id, new_ids


def test_what_came_first_comes_first_within_the_same_millisecond_too():
    ids = [one for _ in range(2000) for one in (new_id("msg"), *new_ids("msg", 3))]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {24}


def test_many_threads_never_make_the_same_one():
    with ThreadPoolExecutor(8) as threads:
        many = list(threads.map(lambda _: new_ids("msg", 50), range(200)))
    assert len({one for ids in many for one in ids}) == 10_000
    assert all(ids == sorted(ids) for ids in many)
    assert new_ids("msg", 0) == []

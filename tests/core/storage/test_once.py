"""What must happen once although many try at the same time; what a stranger's row is; what time takes away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet

from core.contract import Inbound
from core.domain.events import Event, Kind
from core.secrets import Undecryptable, Vault, hashed
from core.storage import inbox, installations, oauth, occasions, retention
from core.storage import tables as t

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
VAULT = Vault((Fernet.generate_key().decode(),))


def at_once(work: Callable[[], object], times: int = 12) -> list[object]:
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(times)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(results) == times
    return results


def test_a_state_of_an_install_is_used_once(database, workspace):
    with database.write(workspace) as tx:
        oauth.begin(tx, state_hash=hashed("s"), adapter="diary", user="usr_1", browser_hash="b", kept={"verifier": "v"},
                    vault=VAULT, expires_at=NOW + timedelta(minutes=10))

    def use() -> object:
        with database.write(workspace) as tx:
            return oauth.use(tx, hashed("s"), VAULT, NOW)

    used = [one for one in at_once(use) if one is not None]
    assert len(used) == 1


def test_a_named_lease_is_held_by_one_until_it_ends(database, workspace):
    names = iter(range(100))

    def seize() -> object:
        with database.write(workspace) as tx:
            return installations.seize(tx, "refresh:ins_1", f"own_{next(names)}", NOW, timedelta(seconds=30))

    assert at_once(seize).count(True) == 1
    with database.write(workspace) as tx:
        assert installations.seize(tx, "refresh:ins_1", "own_late", NOW + timedelta(seconds=31), timedelta(seconds=30))


@pytest.mark.parametrize("delivery", ["d1", None])
def test_a_delivery_that_comes_at_the_same_moment_on_many_lines_is_read_once(database, workspace, delivery):
    request = Inbound("POST", "https://relance.example/hooks/shop/ins_1", (), b"{}", NOW)

    def comes() -> object:
        with database.write(workspace) as tx:
            known = inbox.seen(tx, "ins_1", request, delivery, same_content=timedelta(hours=1))
            inbox.keep(tx, request, "shop", "repeated" if known else "read", installation="ins_1", delivery=delivery)
            return known

    assert at_once(comes).count(False) == 1


def test_the_same_event_from_many_doors_is_one_occasion(database, workspace):
    event = Event(Kind.APPOINTMENT, "visit-1", NOW, start=NOW + timedelta(days=2))

    def apply() -> object:
        with database.write(workspace) as tx:
            return len(occasions.apply(tx, "ins_1", [event], backlog=False, now=NOW))

    assert sum(int(str(one)) for one in at_once(apply)) == 1


def test_a_moved_row_does_not_decrypt_and_keys_rotate():
    sealed = VAULT.seal({"token": "x"}, workspace="wsp_1", owner="ins_1", field="secrets")
    for place in (("wsp_2", "ins_1", "secrets"), ("wsp_1", "ins_2", "secrets"), ("wsp_1", "ins_1", "hook")):
        with pytest.raises(Undecryptable):
            VAULT.open(sealed, workspace=place[0], owner=place[1], field=place[2])
    old = Fernet.generate_key().decode()
    kept = Vault((old,)).seal({"a": 1}, workspace="w", owner="o", field="f")
    both = Vault((Fernet.generate_key().decode(), old))
    assert both.open(kept, workspace="w", owner="o", field="f") == {"a": 1}
    assert both.rotated(both.rotated(kept) or "") is None


def test_a_visit_that_was_booked_long_ago_and_is_still_ahead_is_kept(database, workspace):
    booked = NOW - timedelta(days=400)
    with database.write(workspace) as tx:
        occasions.apply(tx, "ins_1", [Event(Kind.APPOINTMENT, "ahead", booked, start=NOW + timedelta(days=9)),
                                      Event(Kind.APPOINTMENT, "over", booked, start=booked)], backlog=False, now=NOW)
    with database.write() as tx:
        retention.prune(tx, NOW)
        left = [row.key for row in tx.connection.execute(t.occasions.select())]
    assert left == ["ahead"]

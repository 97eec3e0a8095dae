"""Sums that grow with what they count: added in one statement, told exactly, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.domain.messages import Channel, MessageClass, State
from core.domain.reasons import Reason
from core.storage import counting, outbox

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)



def test_sums_add_up_and_are_told(database, workspace):
    key, other = (workspace, "cap|a", NOW), (workspace, "left||otp|sms|FR|EUR", NOW)
    with database.write(workspace) as tx:
        counting.add(tx, {key: (2, 0, 10), other: (1, 3, 5)})
        assert counting.add_and_tell(tx, {key: (1, 0, -4)}) == {key: (3, 0, 6)}
        assert counting.used(tx, [("cap|a", NOW), ("cap|b", NOW)]) == {("cap|a", NOW): (3, 0, 6)}
        assert counting.between(tx, "left|", NOW, NOW + timedelta(days=1)) == [(other[1], NOW, (1, 3, 5))]


def test_another_workspace_sees_none_of_it(database, workspace, stranger):
    with database.write(workspace) as tx:
        counting.add(tx, {(workspace, "cap|a", NOW): (2, 0, 0)})
        counting.sight(tx, [("tenant", NOW, NOW)])
        counting.mark(tx, "prefix|+3361234", "closed", None, 1, "x", None, NOW)
        counting.stopped(tx, workspace, "a", Reason("over_messages_cap"), NOW, NOW)
    with database.read(stranger) as tx:
        assert counting.used(tx, [("cap|a", NOW)]) == {}
        assert counting.sighted(tx, ["tenant"], NOW) == {}
        assert counting.closed(tx) == {}
        assert counting.stops(tx) == []


def test_a_cap_is_news_once_a_day(database, workspace):
    why, day = Reason("over_messages_cap"), timedelta(days=1)
    with database.write(workspace) as tx:
        said = [counting.stopped(tx, workspace, "a", why, NOW - timedelta(hours=9), NOW) for _ in range(3)]
        assert said == [True, False, False]
        assert counting.stopped(tx, workspace, "a", why, NOW + timedelta(hours=15), NOW + day)


def test_sightings_of_a_minute_are_one_row(database, workspace):
    with database.write(workspace) as tx:
        for second in range(3):
            counting.sight(tx, [("tenant", NOW, NOW + timedelta(seconds=second))])
        (bucket,) = counting.sighted(tx, ["tenant"], NOW)["tenant"]
    assert (bucket.count, bucket.last) == (3, NOW + timedelta(seconds=2))


def test_what_is_past_its_time_goes(database, workspace):
    with database.write(workspace) as tx:
        counting.add(tx, {(workspace, what, NOW): (1, 0, 0) for what in ("cap|a", "left||otp|sms|FR|EUR")})
        counting.sight(tx, [("tenant", NOW, NOW)])
    with database.write() as tx:
        assert counting.prune(tx, NOW + timedelta(days=29)) == 0
        assert counting.prune(tx, NOW + timedelta(days=36)) == 2
        assert counting.prune(tx, NOW + timedelta(days=900)) == 1


def test_refusals_are_counted_by_their_code(database, workspace):
    codes = ("pumping_limit", "pumping_country", "pumping_limit", "quarantined")
    with database.write(workspace) as tx:
        outbox.accept(tx, [
            outbox.New("+33639980001", "FR", "Code", "GSM-7", 1, MessageClass.OTP, (Channel.SMS,), NOW,
                       state=State.SUPPRESSED, reason=Reason(code, {"place": place}))
            for place, code in enumerate(codes)
        ], NOW)  # fmt: skip
        found = [(one.code, count) for one, count, _ in counting.refusals(tx, NOW - timedelta(days=1))]
    assert found == [("pumping_limit", 2), ("pumping_country", 1)]

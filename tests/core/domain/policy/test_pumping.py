"""The guard of public forms: what lets a person in, and what a robot runs into, in any order of requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.policy import pumping
from core.domain.policy.pumping import Bucket, Entry, Origin, Refusal, decide
from core.domain.recipients import Line, Recipient

NOW = datetime(2026, 12, 1, 9, 0, 30, tzinfo=UTC)
HOME = pumping.open_countries({"country": "FR", "public_countries": None})
ANA = Recipient("+33639980001", "FR", Line.MOBILE)


class Door:
    """A workspace's public door: what was let in is counted, as the engine counts it."""

    def __init__(self, countries: frozenset[str] = HOME) -> None:
        self.countries, self.marks, self.usual = countries, {}, ()
        self.seen: dict[str, dict[datetime, Bucket]] = {}

    def asks(self, to: Recipient = ANA, at: datetime = NOW, ip: str | None = None, origin=Origin.PUBLIC_FORM):
        if origin is Origin.IMPORTED:
            return None  # somebody's address book: the engine does not even ask
        entry = Entry.read(to, pumping.DOORS.get(origin, origin), ip, "FR", str)
        seen = {key: sorted(minutes.values(), key=lambda one: one.start) for key, minutes in self.seen.items()}
        refusal = decide(entry, self.countries, seen, self.marks, self.usual, at)
        if refusal is None:
            self.count(pumping.counted(entry), at)
            return None
        if refusal.closes:
            again = refusal.reason.code == "pumping_conversion"
            times = self.marks.get(refusal.closes, {"times": 0})["times"] + again
            self.marks[refusal.closes] = {"state": "closed", "until": refusal.until, "times": times, "at": at}
        return refusal.reason.code

    def sent(self, keys, at: datetime, count: int) -> None:
        """So many were let in by a door behind which people show to be there."""
        self.count([*keys, *(f"sent|{key}" for key in keys)], at, count)

    def count(self, keys, at: datetime, count: int = 1) -> None:
        for key in keys:
            minute = pumping.minute_of(at)
            had = self.seen.setdefault(key, {}).get(minute)
            self.seen[key][minute] = Bucket(minute, (had.count if had else 0) + count, at)


def mobile(place: int, country: str = "FR", code: str = "+336") -> Recipient:
    return Recipient(f"{code}{place:08d}", country, Line.MOBILE)


def test_a_person_is_let_in_and_a_number_once_a_minute():
    door = Door()
    assert door.asks() is None
    assert door.asks(at=NOW + timedelta(seconds=59)) == "pumping_limit"
    assert door.asks(at=NOW + timedelta(seconds=60)) is None


def test_each_repeat_waits_twice_as_long():
    door = Door()
    waits = [door.asks(at=NOW + timedelta(seconds=seconds)) for seconds in (0, 60, 119, 120)]
    assert waits == [None, None, "pumping_limit", None]
    # Three in the hour; the fourth of the day is two minutes of delay and more than an hour of limit away.
    assert door.asks(at=NOW + timedelta(minutes=50)) == "pumping_limit"
    assert door.asks(at=NOW + timedelta(hours=2)) is None
    assert door.asks(at=NOW + timedelta(hours=2, minutes=3)) == "pumping_delay"


def test_one_number_six_times_a_day_at_most():
    door = Door()
    let_in = [at for at in range(24 * 60) if door.asks(at=NOW + timedelta(minutes=at)) is None]
    assert len(let_in) == 6


def test_twelve_numbers_in_a_row_from_twelve_addresses_stop_at_the_third():
    door = Door()
    said = [
        door.asks(mobile(12_345_600 + place), NOW + timedelta(seconds=25 * place), f"198.51.{place}.7")
        for place in range(12)
    ]
    assert said == [None, None, "pumping_sequence"] + ["pumping_closed"] * 9


def test_numbers_far_from_each_other_are_no_sequence():
    door = Door()
    assert [door.asks(mobile(12_000_000 + 1_000_003 * place)) for place in range(3)] == [None] * 3


def test_a_prefix_five_times_an_hour():
    door = Door()
    said = [door.asks(mobile(12_340_000 + 997 * place), NOW + timedelta(minutes=place)) for place in range(7)]
    assert said == [None] * 5 + ["pumping_limit"] * 2


def test_one_household_five_times_an_hour_and_the_network_counts():
    door = Door()
    said = [door.asks(mobile(10_000_000 + 1_234_567 * n), NOW, f"203.0.113.{n}") for n in range(6)]
    assert said == [None] * 5 + ["pumping_limit"]
    assert door.asks(mobile(55_555_555), NOW, "2001:db8::1") is None


@pytest.mark.parametrize("country, number", [("US", "+12025550123"), ("TN", "+21620123456"), ("RU", "+79123456789")])
def test_a_country_that_is_off(country, number):
    far = Recipient(number, country, Line.MOBILE)
    assert Door().asks(far) == "pumping_country"
    assert Door(HOME | {country}).asks(far) is None


def test_the_usual_countries_are_home_europe_switzerland_and_the_united_kingdom():
    assert {"FR", "RE", "DE", "CH", "GB", "NO", "IS"} <= HOME
    assert not {"US", "RU", "TN", "MA"} & HOME
    assert "US" in pumping.open_countries({"country": "US", "public_countries": None})
    assert pumping.open_countries({"country": "FR", "public_countries": ["BE"]}) == {"BE"}


@pytest.mark.parametrize("line", [Line.SPECIAL, Line.FIXED, Line.VOIP])
def test_only_mobile_numbers(line):
    assert Door().asks(Recipient("+33899123456", "FR", line)) == "pumping_number"


def test_an_import_of_five_thousand_contacts_trips_nothing():
    door = Door()
    assert {door.asks(mobile(12_340_000 + place), NOW, None, Origin.IMPORTED) for place in range(5000)} == {None}
    assert door.seen == {}


def test_an_authenticated_action_has_wider_limits():
    door = Door()
    said = [door.asks(at=NOW + timedelta(seconds=place), origin=Origin.AUTHENTICATED) for place in range(11)]
    assert said == [None] * 10 + ["pumping_limit"]


def test_what_a_person_closed_or_always_lets_in():
    door = Door()
    door.marks["prefix|+3363998"] = {"state": "closed", "until": None, "times": 1, "at": NOW}
    assert door.asks() == "pumping_closed"
    door.marks["prefix|+3363998"] = {"state": "allowed", "until": None, "times": 1, "at": NOW}
    assert [door.asks(at=NOW + timedelta(seconds=place)) for place in range(10)] == [None] * 10


def test_a_prefix_of_which_nobody_confirms_is_closed_while_others_confirm():
    door, hour_ago = Door(), NOW - timedelta(minutes=40)
    door.sent(["prefix|+3363998", "country|FR", "tenant"], hour_ago, 10)
    door.sent(["country|FR", "tenant"], hour_ago, 40)
    door.count(["won|country|FR", "won|tenant"], hour_ago, 30)
    assert door.asks() == "pumping_conversion"
    mark = door.marks["prefix|+3363998"]
    assert mark["until"] == NOW + timedelta(hours=12)
    assert door.asks(at=NOW + timedelta(hours=11)) == "pumping_closed"
    assert door.asks(at=NOW + timedelta(hours=25)) is None


def test_when_everybody_stops_confirming_it_is_the_template_and_nothing_is_closed():
    door, hour_ago = Door(), NOW - timedelta(minutes=40)
    door.sent(["prefix|+3363998", "country|FR", "tenant"], hour_ago, 9)
    door.sent(["country|FR", "tenant"], hour_ago, 40)
    assert door.asks(Recipient("+33639970001", "FR", Line.MOBILE)) is None
    assert door.marks == {}


def test_forms_and_carts_where_nobody_can_show_to_be_there_condemn_no_range():
    door, hour_ago = Door(), NOW - timedelta(hours=2)
    door.count(["prefix|+3363998", "country|FR", "tenant"], hour_ago, 9)  # by a form
    door.sent(["country|FR", "tenant"], hour_ago, 40)
    door.count(["won|country|FR", "won|tenant"], hour_ago, 40)
    assert door.asks(origin=pumping.PLATFORM_FORM) is None
    form = Entry.read(ANA, pumping.PLATFORM_FORM, None, "FR", str)
    assert not [key for key in pumping.counted(form) if key.startswith("sent|")]
    assert "prefix|+3363998" in pumping.counted(form)


def test_who_registers_on_a_site_gets_the_code_of_its_form_in_the_same_minute():
    door = Door()
    assert door.asks(origin=pumping.PLATFORM_FORM) is None
    assert door.asks(at=NOW + timedelta(seconds=5)) is None
    assert door.asks(at=NOW + timedelta(seconds=9)) == "pumping_limit"


def test_a_row_of_numbers_is_one_whichever_way_they_come():
    door = Door()
    assert door.asks(mobile(39_980_010), origin=pumping.PLATFORM_FORM) is None
    assert door.asks(mobile(39_980_011), origin=pumping.PLATFORM_FORM) is None
    assert door.asks(mobile(39_980_012)) == "pumping_sequence"


def test_a_closed_range_stays_closed_twice_as_long_each_time_up_to_a_week():
    spans = []
    for times in range(7):
        door = Door()
        at = NOW - timedelta(days=20)
        door.marks["prefix|+3363998"] = {"state": "closed", "until": at, "times": times, "at": at}
        door.sent(["prefix|+3363998", "tenant"], NOW - timedelta(minutes=20), 10)
        door.sent(["tenant"], NOW - timedelta(minutes=20), 10)
        door.count(["won|tenant"], NOW - timedelta(minutes=20), 10)
        assert door.asks() == "pumping_conversion"
        spans.append(door.marks["prefix|+3363998"]["until"] - NOW)
    assert spans[:3] == [timedelta(hours=12), timedelta(hours=24), timedelta(hours=48)]
    assert spans[-1] == timedelta(days=7)


def test_a_workspace_has_a_limit_of_its_own_that_grows_with_what_is_usual():
    door = Door()
    door.count(["tenant"], NOW, 200)
    assert door.asks() == "pumping_limit"
    door.usual = (100,) * 14
    assert door.asks() is None


def test_an_unreadable_address_is_an_error_and_never_a_key():
    with pytest.raises(BadInput) as caught:
        pumping.network("not an address")
    assert caught.value.pointer == "/ip"
    assert pumping.network("::ffff:203.0.113.9") == "203.0.113.0/24"


REQUESTS = st.lists(
    st.tuples(st.integers(0, 3600 * 30), st.integers(0, 3), st.integers(0, 2), st.sampled_from(["FR", "BE"])),
    min_size=20, max_size=120,
)  # fmt: skip


@given(REQUESTS)
def test_no_order_of_requests_exceeds_a_limit_in_any_window(requests):
    door = Door()
    passed: list[tuple[datetime, Entry]] = []
    for seconds, number, household, country in sorted(requests):
        at = NOW + timedelta(seconds=seconds)
        code = "+336" if country == "FR" else "+324"
        to = mobile(10_000_000 + number * 37, country, code)
        ip = f"203.0.{household}.5"
        if door.asks(to, at, ip) is None:
            passed.append((at, Entry.read(to, pumping.DOORS[Origin.PUBLIC_FORM], ip, "FR", str)))
    for limit in pumping.DOORS[Origin.PUBLIC_FORM].limits:
        for at, entry in passed:
            key = entry.keys.get(limit.kind)
            window = [one for then, one in passed if at - limit.within < then <= at and one.keys.get(limit.kind) == key]
            assert key is None or len(window) <= limit.most, limit


def test_a_refusal_is_a_value():
    assert Refusal(Door().asks(Recipient("+12025550123", "US", Line.MOBILE))) == Refusal("pumping_country")


@pytest.mark.parametrize("written", ["+33", "+336399", "+3363998", "+33639980", "+33639980001"])
def test_a_prefix_of_any_length_that_a_person_closed_is_closed(written):
    door = Door()
    door.marks[f"prefix|{written}"] = {"state": "closed", "until": None, "times": 0, "at": NOW}
    assert door.asks() == "pumping_closed"
    assert door.asks(Recipient("+32470123456", "BE", Line.MOBILE)) is None


def test_the_narrowest_word_counts():
    door = Door()
    door.marks["prefix|+336"] = {"state": "closed", "until": None, "times": 0, "at": NOW}
    door.marks["prefix|+3363998"] = {"state": "allowed", "until": None, "times": 0, "at": NOW}
    door.marks["number|+33639980009"] = {"state": "closed", "until": None, "times": 0, "at": NOW}
    assert door.asks() is None
    assert door.asks(Recipient("+33612345678", "FR", Line.MOBILE)) == "pumping_closed"
    assert door.asks(Recipient("+33639980009", "FR", Line.MOBILE)) == "pumping_closed"


def test_an_address_that_a_person_closed_or_always_lets_in():
    door = Door()
    network = pumping.network("198.51.100.7")
    door.marks[f"ip|{network}"] = {"state": "closed", "until": NOW + timedelta(hours=1), "times": 0, "at": NOW}
    assert door.asks(ip="198.51.100.9") == "pumping_closed"
    assert door.asks(ip="198.51.101.9") is None
    assert door.asks(at=NOW + timedelta(hours=2), ip="198.51.100.9") is None


def test_a_range_to_which_little_arrives_is_closed_while_the_others_get_theirs():
    door, hour_ago = Door(), NOW - timedelta(minutes=40)
    door.sent(["prefix|+3363998", "country|FR", "tenant"], hour_ago, 20)
    door.sent(["country|FR", "tenant"], hour_ago, 40)
    # Who confirms is measured as well, and says nothing here.
    door.count(["won|prefix|+3363998", "won|country|FR", "won|tenant"], hour_ago, 12)
    door.count(["got|prefix|+3363998"], hour_ago, 5)
    door.count(["got|country|FR", "got|tenant"], hour_ago, 41)
    assert door.asks(Recipient("+33639989999", "FR", Line.MOBILE)) == "pumping_delivery"
    assert door.marks["prefix|+3363998"]["until"] == NOW + timedelta(hours=12)


def test_where_no_provider_says_what_arrived_nothing_is_closed_for_it():
    door, hour_ago = Door(), NOW - timedelta(minutes=40)
    door.sent(["prefix|+3363997", "country|FR", "tenant"], hour_ago, 20)
    door.sent(["country|FR", "tenant"], hour_ago, 40)
    assert door.asks(Recipient("+33639979999", "FR", Line.MOBILE)) != "pumping_delivery"


def test_a_burst_of_dead_numbers_closes_their_range():
    door = Door()
    door.count(["dead|prefix|+3363998"], NOW - timedelta(minutes=10), 4)
    assert door.asks() is None
    door.count(["dead|prefix|+3363998"], NOW - timedelta(minutes=5))
    assert door.asks(Recipient("+33639987000", "FR", Line.MOBILE), NOW + timedelta(minutes=2)) == "pumping_dead"


def test_a_form_of_somebodys_site_lets_people_come_again_and_stops_who_walks_through_a_range():
    door = Door()
    again = [door.asks(at=NOW + timedelta(seconds=place), origin=pumping.PLATFORM_FORM) for place in range(3)]
    assert again == [None] * 3
    row = [
        door.asks(mobile(12_345_600 + place), NOW + timedelta(seconds=place), origin=pumping.PLATFORM_FORM)
        for place in range(12)
    ]
    assert row == [None] * 5 + ["pumping_sequence"] + ["pumping_closed"] * 6
    assert door.asks(Recipient("+12025550123", "US", Line.MOBILE), origin=pumping.PLATFORM_FORM) == "pumping_country"


def test_carts_come_in_storms_from_everywhere_and_only_what_is_closed_is_closed_to_them():
    door = Door()
    assert {door.asks(mobile(12_340_000 + place), origin=pumping.CART) for place in range(500)} == {None}
    assert door.asks(Recipient("+12025550123", "US", Line.MOBILE), origin=pumping.CART) is None
    door.marks["prefix|+3363998"] = {"state": "closed", "until": None, "times": 1, "at": NOW}
    assert door.asks(origin=pumping.CART) == "pumping_closed"


def test_a_message_is_the_same_whatever_its_code_and_its_link():
    assert pumping.alike("Votre code : 123456") == pumping.alike("votre  CODE : 9")
    assert pumping.alike("Ici https://r.example/aB3 !") == pumping.alike("Ici http://x.example/9?z=1 !")
    assert pumping.alike("Votre code : 1") != pumping.alike("Votre colis : 1")


# ---------------------------------------------------------------------------------------------- what is only told


def many(key: str, count: int, ago: timedelta) -> dict[str, list[Bucket]]:
    at = NOW - ago
    return {key: [Bucket(pumping.minute_of(at), count, at)]}


FORM = pumping.DOORS[Origin.PUBLIC_FORM]
SOON, LONG = timedelta(minutes=20), timedelta(hours=5)


@pytest.mark.parametrize("count, usual, told", [
    (98, [0] * 14, False), (99, [0] * 14, True), (399, [200] * 14, True), (398, [200] * 14, False), (120, [], True),
])  # fmt: skip
def test_twice_the_usual_volume_is_told_and_a_little_is_not(count, usual, told):
    found = pumping.alarms(FORM, many("tenant", count, SOON), usual, NOW)
    assert (pumping.Alarm.VOLUME in found) is told
    again = {**many("tenant", count, SOON), **many(pumping.Alarm.VOLUME.key, 1, timedelta(minutes=59))}
    assert pumping.alarms(FORM, again, usual, NOW) == {}, "once an hour"


@pytest.mark.parametrize("won, won_before, told", [(19, 80, True), (20, 80, False), (0, 41, True), (0, 40, False)])
def test_half_the_usual_confirmations_are_told(won, won_before, told):
    sent = {"sent|tenant": [*many("x", 100, LONG)["x"], *many("x", 50, SOON)["x"]]}
    confirmed = {"won|tenant": [*many("x", won_before, LONG)["x"], *many("x", won, SOON)["x"]]}
    found = pumping.alarms(FORM, {**sent, **confirmed}, (), NOW)
    assert (pumping.Alarm.CONVERSION in found) is told


def test_who_signed_in_and_carts_are_no_reason_for_an_alarm():
    for door in (pumping.DOORS[Origin.AUTHENTICATED], pumping.CART):
        assert pumping.alarms(door, many("tenant", 10_000, SOON), (), NOW) == {}

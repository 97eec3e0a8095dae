"""What is said about a cart, and why not: orders, amounts, turns, who is left out; and money as shops write it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.carts import (
    Around,
    Nudge,
    Order,
    Shop,
    arounds,
    closing,
    counts,
    in_control,
    money,
    ordered,
    spoken,
    traces,
)
from core.domain.errors import BadInput
from core.domain.events import Closed, Event, Kind
from core.domain.messages import MessageClass, State
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip, plan
from core.domain.policy.consent import Standing
from core.domain.policy.decision import Policy
from core.domain.policy.walltime import Duration
from core.domain.recipients import Line, Recipient
from core.domain.reconciling import Cancel, Known, Schedule, manner_of, reconcile
from core.domain.rules import Rule
from core.domain.text.price import Money
from core.domain.when import After

PARIS = ZoneInfo("Europe/Paris")
ANA = Recipient("+33639980001", "FR", Line.MOBILE)
BOB = Recipient("+32470123456", "BE", Line.MOBILE)
POLICY = Policy(zone=PARIS, country="FR", standings={
    one.number: Standing(marketing_consent=True) for one in (ANA, BOB)})  # fmt: skip
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
WEEK = Duration(days=7)


def cart(key: str = "cart/1", **given: Any) -> Occasion:
    values = {"found": ANA, "zone": "Europe/Paris", "id": f"occ_{key}", "installation": "ins_1", "first_seen": NOW,
              "values": {"total": money("84.70", "EUR"), "items": [{"name": "Robe"}], "link": "https://s.example/c"}}
    return Occasion(**{"key": key, "kind": Kind.CART, "at": NOW, "digest": "d", **values, **given})


def nudge(**given: Any) -> Rule:
    values = {"id": "rul_1", "name": "1 h", "on": Kind.CART, "message_class": MessageClass.MARKETING,
              "when": After(Duration(elapsed=HOUR)), "body": "Panier {{ items }} {{ total }} : {{ link }}"}
    return Rule(**{**values, **given})


def answer(one: Occasion, rule: Rule, around: Around | None = None, now: datetime = NOW) -> Send | Skip:
    (said,) = plan(one, [rule], POLICY, now, around or Around())
    return said


def why_not(one: Occasion, rule: Rule, around: Around | None = None, now: datetime = NOW) -> str:
    said = answer(one, rule, around, now)
    assert isinstance(said, Skip), said
    return said.reason.code


# ---------------------------------------------------------------------------------------------- an order ends it


def test_a_cart_left_for_an_hour_earns_one_nudge() -> None:
    said = answer(cart(), nudge())

    assert isinstance(said, Send)
    assert (said.key, said.send_at, said.about, said.once) == ("cart/1/rul_1", NOW + HOUR, None, True)
    assert said.text == "Panier Robe 84,70 € : https://s.example/c"


@pytest.mark.parametrize("placed, stops", [
    (NOW - HOUR, False), (NOW - MINUTE, True), (NOW, True), (NOW + HOUR, True),
])
def test_an_order_since_the_last_change_ends_it(placed: datetime, stops: bool) -> None:
    """Shortly before counts too: shops recount a cart while they take the order."""
    said = answer(cart(), nudge(), Around(orders=(Order(placed, "R-77"),)))

    assert isinstance(said, Skip) is stops
    if isinstance(said, Skip):
        assert said.reason.sentence("fr").startswith("La commande R-77 est arrivée")


def order(key: str = "order/1", **given: Any) -> Occasion:
    values = {"found": ANA, "start": NOW, "values": {"status": "confirmed", "number": "R-1"}, "id": "occ_order",
              "installation": "ins_2"}
    return Occasion(**{"key": key, "kind": Kind.ORDER, "at": NOW, "digest": "d", **values, **given})


@pytest.mark.parametrize("status, counted", [
    ("confirmed", True), ("pending", True), ("refunded", True), ("failed", False), ("cancelled", False),
    ("Cancelled", False), ("checkout-draft", False), ("", True),
])
def test_an_order_that_did_not_come_to_be_does_not_count(status: str, counted: bool) -> None:
    assert counts(order(values={"status": status})) is counted
    assert not counts(order(closed=Closed.CANCELLED))


@pytest.mark.parametrize("other, same", [
    ({"found": ANA}, True),
    ({"found": BOB}, False),
    ({"found": BOB, "own_recipient": ANA}, True),
    ({"found": None, "email": "Ana@Example.org"}, True),
    ({"found": None, "email": None}, False),
    ({"found": None, "subject": "customer/9", "installation": "ins_1"}, True),
    ({"found": None, "subject": "customer/9", "installation": "ins_2"}, False),
])
def test_the_same_person_by_number_address_or_record(other: dict[str, Any], same: bool) -> None:
    mine = cart(email="ana@example.org", subject="customer/9")
    around = arounds([mine], Shop(orders=(order(**other),)))[mine.id]

    assert (ordered(mine, around.orders) is not None) is same
    assert traces(mine).isdisjoint(traces(order(**other))) is not same


def test_an_order_closes_the_cart_that_it_names_unless_it_failed() -> None:
    def event(status: str) -> Event:
        return Event(Kind.ORDER, "order/1", NOW + DAY, start=NOW, values={"status": status}, closes=("cart/1",))

    (closed,) = closing([event("confirmed")])

    assert (closed.kind, closed.key, closed.closed) == (Kind.CART, "cart/1", Closed.DONE)
    assert closed.at < NOW + HOUR, "since the order was placed, not since it was last changed"
    assert closing([event("failed")]) == []


# ---------------------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize("total, why", [
    (money("30.00", "EUR"), None),
    (money("29.99", "EUR"), "below_amount"),
    (money("3000", "JPY"), "other_currency"),
    (None, "amount_unknown"),
])
def test_a_smallest_amount(total: Any, why: str | None) -> None:
    rule = nudge(at_least=Money(30_000_000, "EUR"), body="Panier")

    said = answer(cart(values={"total": total} if total else {}), rule)

    assert (said.reason.code if isinstance(said, Skip) else None) == why


def test_countries() -> None:
    assert why_not(cart(found=BOB), nudge(countries=("FR",))) == "country_not_wanted"
    assert isinstance(answer(cart(found=BOB), nudge(countries=("FR", "BE"))), Send)


def test_one_cart_of_a_person_at_a_time() -> None:
    rule, older, newer = nudge(once_per_person=WEEK), cart(), cart("cart/2", at=NOW + MINUTE)

    assert why_not(older, rule, Around(carts=(newer,))) == "newer_cart"
    assert isinstance(answer(newer, rule, Around(carts=(older,))), Send)
    assert isinstance(answer(older, nudge(), Around(carts=(newer,))), Send), "where the rule does not ask for it"


@pytest.mark.parametrize("newer", [
    {"closed": Closed.DONE}, {"muted": True}, {"found": None}, {"values": {"total": money("5", "EUR")}},
])
def test_a_newer_cart_that_earns_no_nudge_leaves_the_older_one_its_turn(newer: dict[str, Any]) -> None:
    rule = nudge(once_per_person=WEEK, at_least=Money(10_000_000, "EUR"))

    assert isinstance(answer(cart(), rule, Around(carts=(cart("cart/2", at=NOW + MINUTE, **newer),))), Send)


def test_a_sequence_that_has_begun_goes_on_and_no_other_begins() -> None:
    rule, first, second = nudge(once_per_person=WEEK), cart(), cart("cart/2", at=NOW + MINUTE)
    said = (Nudge(first.id, NOW - DAY),)

    assert isinstance(answer(first, rule, Around(carts=(second,), nudges=said)), Send)
    assert why_not(second, rule, Around(carts=(first,), nudges=said)) == "nudged_for_another"
    assert isinstance(answer(second, rule, Around(nudges=(Nudge(first.id, NOW - 8 * DAY),))), Send)


# ---------------------------------------------------------------------------------------------- left out


def controlled(percent: int | None = None, on: bool = True, default: int = 10) -> tuple[int, list[Skip]]:
    rule, skips, sends = nudge(control_group=percent), [], 0
    for number in range(400):
        person = Recipient(f"+3363998{number:04d}", "FR", Line.MOBILE)
        one = cart(found=person)
        policy = replace(POLICY, standings={person.number: Standing(marketing_consent=True)})
        (said,) = plan(one, [rule], policy, NOW, Around(control=default, control_on=on, key="wsp_1"))
        sends += isinstance(said, Send)
        skips += [said] if isinstance(said, Skip) else []
    return sends, skips


def test_about_ten_of_a_hundred_people_are_left_out_and_it_is_said_when() -> None:
    _, skips = controlled()

    assert 20 <= len(skips) <= 60
    assert {skip.reason.code for skip in skips} == {"control_group"}
    assert {skip.left_out_at for skip in skips} == {NOW + HOUR}
    assert all("10 %" in skip.reason.sentence("fr") for skip in skips)


@pytest.mark.parametrize("percent, on, default", [(0, True, 10), (None, True, 0), (None, False, 10)])
def test_nobody_is_left_out_when_that_is_off(percent: int | None, on: bool, default: int) -> None:
    assert controlled(percent, on, default)[1] == []


def test_half_of_the_people_at_most() -> None:
    assert 150 <= len(controlled(50)[1]) <= 250


@given(st.text(max_size=12), st.integers(0, 10**9))
def test_the_same_person_is_left_out_each_time_and_a_larger_group_holds_the_smaller(key: str, number: int) -> None:
    inside = [in_control(key, "ins_1", f"+33{number}", percent) for percent in (0, 5, 10, 50, 100)]

    assert inside == sorted(inside)
    assert inside[0] is False
    assert inside[-1] is True


def test_only_marketing_about_carts_leaves_people_out() -> None:
    everybody = Around(control=100, control_on=True, key="k")

    assert isinstance(answer(cart(), nudge(message_class=MessageClass.TRANSACTIONAL), everybody), Send)
    assert why_not(cart(), nudge(control_group=50, at_least=Money(10**9, "EUR")), everybody) == "below_amount"
    begun = replace(everybody, nudges=(Nudge(cart().id, NOW - HOUR),))
    assert isinstance(answer(cart(), nudge(), begun), Send), "a sequence that has begun goes on"


# ---------------------------------------------------------------------------------------------- moments and steps


def test_a_nudge_waits_for_the_morning_and_never_leaves_before_its_delay() -> None:
    evening = datetime(2026, 12, 5, 18, 30, tzinfo=UTC)  # a Saturday, 19:30 in Paris: Sunday is closed

    kept = answer(cart(at=evening), nudge(until=After(Duration(days=3))), now=evening)
    assert isinstance(kept, Send)
    assert kept.send_at.astimezone(PARIS).strftime("%a %H:%M") == "Mon 08:00"
    assert why_not(cart(at=evening), nudge(), now=evening) == "no_hour_after_delay"


def known(send: Send, state: State) -> Known:
    return Known("msg_1", send.key, 1, state, send.recipient.number, send.text, send.send_at, send.until, send.about,
                 False, manner_of(send), send.wanted_at)  # fmt: skip


@pytest.mark.parametrize("state", [State.SENDING, State.SENT, State.UNCERTAIN, State.DELIVERED, State.READ])
def test_a_cart_that_changes_after_its_nudge_earns_no_second_one(state: State) -> None:
    first = answer(cart(), nudge())
    assert isinstance(first, Send)
    for changed in (cart(at=NOW + DAY, start=NOW + DAY), cart(at=NOW + DAY, found=BOB)):
        said = answer(changed, nudge(), now=NOW + DAY)

        assert reconcile([said], [known(first, state)]) == []


def test_a_cart_that_is_filled_again_is_planned_again() -> None:
    first = answer(cart(), nudge())
    assert isinstance(first, Send)
    gone = answer(cart(closed=Closed.DELETED), nudge())
    (off,) = reconcile([gone], [known(first, State.SCHEDULED)])
    assert isinstance(off, Cancel)

    (again,) = reconcile([answer(cart(at=NOW + DAY), nudge(), now=NOW + DAY)], [known(first, State.CANCELLED)])

    assert isinstance(again, Schedule)
    assert again.step == 2


def test_an_order_speaks_once_for_each_status_from_its_last_change() -> None:
    shipped = nudge(on=Kind.ORDER, message_class=MessageClass.TRANSACTIONAL, when=After(Duration()),
                    body="{{ status }}", only={"status": ("confirmed", "shipped")})  # fmt: skip
    placed = order(id="occ_order")
    later = replace(placed, at=NOW + DAY, values={"status": "shipped"})

    first, second = answer(placed, shipped), answer(later, shipped, now=NOW + DAY)

    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert (first.key, second.key) == ("order/1/confirmed/rul_1", "order/1/shipped/rul_1")
    assert second.send_at == NOW + DAY
    assert reconcile([answer(replace(later, at=NOW + 2 * DAY), shipped, now=NOW + 2 * DAY)],
                     [known(second, State.DELIVERED)]) == []  # fmt: skip


# ---------------------------------------------------------------------------------------------- money and words


@pytest.mark.parametrize("written, currency, amount, fr, en", [
    ("84.70", "EUR", 84_700_000, "84,70 €", "€84.70"),
    ("84.7", "EUR", 84_700_000, "84,70 €", "€84.70"),
    (1200, "JPY", 1_200_000_000, "1 200 JPY", "1,200 JPY"),
    ("12.345", "KWD", 12_345_000, "12,345 KWD", "12.345 KWD"),
    ("12.5", "KWD", 12_500_000, "12,500 KWD", "12.500 KWD"),
    ("0", "EUR", 0, "0,00 €", "€0.00"),
    ("1234567.89", "USD", 1_234_567_890_000, "1 234 567,89 $", "$1,234,567.89"),
    ("5000", "XPF", 5_000_000_000, "5 000 XPF", "5,000 XPF"),
])
def test_money_in_every_shape(written: Any, currency: str, amount: int, fr: str, en: str) -> None:
    assert money(written, currency) == {"amount": amount, "currency": currency}
    assert (Money(amount, currency).spoken("fr"), Money(amount, currency).spoken("en")) == (fr, en)


@pytest.mark.parametrize("written, currency, code", [
    ("84,70", "EUR", "amount_unreadable"), ("-1", "EUR", "amount_unreadable"), ("NaN", "EUR", "amount_unreadable"),
    ("1e999", "EUR", "amount_unreadable"), ("", "EUR", "amount_unreadable"), ("1.5", "JPY", "amount_too_fine"),
    ("1.001", "EUR", "amount_too_fine"), ("1", "eur", "currency_unknown"), ("1", "EURO", "currency_unknown"),
])
def test_what_is_no_money(written: str, currency: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        money(written, currency)

    assert refused.value.reason.code == code


@pytest.mark.parametrize("items, said", [
    ([{"name": "Robe", "quantity": 2}, {"name": "Sac"}], ("Robe", 2)), ([{"name": ""}, "Sac"], ("Sac", 2)),
    ([], (None, 0)), ("Robe", ("Robe", None)), (None, (None, None)),
])
def test_items_are_said_by_the_first_name(items: Any, said: tuple[str | None, int | None]) -> None:
    values = spoken({"items": items, "total": money("1", "EUR")} if items is not None else {"total": money("1", "EUR")})

    assert (values.get("items"), values.get("count")) == said
    assert values["currency"] == "EUR"

"""What a message costs: what the dated list says, and never an invention."""

from __future__ import annotations

from datetime import date

import pytest

from core.domain.messages import Channel
from core.domain.text.price import Money, our_prices, price, read_prices

TODAY = date(2026, 10, 26)


def test_a_french_part_costs_52_thousandths():
    assert price(1, "FR", Channel.SMS, TODAY) == Money(52_000, "EUR")
    assert price(3, "FR", Channel.SMS, TODAY) == Money(156_000, "EUR")
    assert price(0, "FR", Channel.SMS, TODAY) == Money(0, "EUR")


@pytest.mark.parametrize("country", ["RE", "GP", "MQ", "GF", "YT"])
def test_the_overseas_regions_have_their_own_line(country: str):
    cost = price(1, country, Channel.SMS, TODAY)
    assert cost is not None
    assert cost != price(1, "FR", Channel.SMS, TODAY)


def test_what_the_list_does_not_say_is_unknown_and_not_free():
    assert price(1, "AQ", Channel.SMS, TODAY) is None
    assert price(1, "FR", Channel.VOICE, TODAY) is None
    assert price(1, "FR", Channel.SMS, date(2001, 1, 1)) is None


def test_the_newest_line_that_has_begun_counts():
    prices = read_prices("""
        [[price]]
        country = "FR"
        channel = "sms"
        amount = 50_000
        currency = "EUR"
        from = 2026-01-01
        source = "contract"
        [[price]]
        country = "FR"
        channel = "sms"
        amount = 60_000
        currency = "EUR"
        from = 2026-07-01
        source = "contract"
    """)
    assert price(2, "FR", Channel.SMS, date(2026, 6, 30), prices) == Money(100_000, "EUR")
    assert price(2, "FR", Channel.SMS, date(2026, 7, 1), prices) == Money(120_000, "EUR")


def test_a_whatsapp_message_costs_what_its_category_does_however_long_it_is():
    prices = read_prices("".join(f"""
        [[price]]
        country = "FR"
        channel = "whatsapp"
        amount = {amount}
        currency = "EUR"
        from = 2026-01-01
        source = "contract"
        {category}
    """ for amount, category in ((30_000, ""), (120_000, 'category = "marketing"'))))
    asked = {"on": TODAY, "prices": prices}
    assert price(1, "FR", Channel.WHATSAPP, **asked, category="marketing") == Money(120_000, "EUR")
    assert price(4, "FR", Channel.WHATSAPP, **asked, category="utility") == Money(30_000, "EUR")
    assert price(4, "FR", Channel.WHATSAPP, **asked) == Money(30_000, "EUR")
    assert price(1, "BE", Channel.WHATSAPP, **asked, category="marketing") is None


def test_every_line_of_ours_says_that_it_is_an_example():
    assert all("change it" in line.source for lines in our_prices().values() for line in lines)


@pytest.mark.parametrize("field", ["amount = 0.052", "amount = -1"])
def test_an_amount_is_a_whole_number_of_millionths(field: str):
    with pytest.raises(ValueError, match="FR: `amount`"):
        read_prices(f'[[price]]\ncountry = "FR"\nchannel = "sms"\n{field}\ncurrency = "EUR"\nfrom = 2026-01-01\n'
                    'source = "x"')


def test_a_message_has_no_negative_number_of_parts():
    with pytest.raises(ValueError, match="negative"):
        price(-1, "FR", Channel.SMS, TODAY)


@pytest.mark.parametrize("money, french, english", [
    (Money(52_000, "EUR"), "0,052 EUR", "0.052 EUR"),
    (Money(49_900_000, "EUR"), "49,90 EUR", "49.90 EUR"),
    (Money(1_234_567_000_000, "EUR"), "1 234 567,00 EUR", "1,234,567.00 EUR"),
    (Money(1, "EUR"), "0,000001 EUR", "0.000001 EUR"),
    (Money(-104_000, "EUR"), "-0,104 EUR", "-0.104 EUR"),
    (Money(500_000_000, "JPY"), "500 JPY", "500 JPY"),
])
def test_money_as_bills_write_it(money: Money, french: str, english: str):
    assert str(money) == money.shown("fr") == french
    assert money.shown("en") == english


def test_money_as_the_api_writes_it():
    assert Money(52_000, "EUR").as_json() == {"amount": 52_000, "currency": "EUR"}

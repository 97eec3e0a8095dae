"""Whose phone, and whether it said yes: a buyer's numbers and marketing consent, in both of Shopify's spellings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.contract import ConsentWord, Installation
from core.domain.errors import InvalidNumber
from core.domain.loose import mapping, text
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.shoppers import Shopper, Written, whose
from integrations.shopify.reading import moment, optional_identity

# PENDING is a double opt-in that nobody finished, and NOT_SUBSCRIBED a question never asked: neither is a word.
_WORDS: Mapping[str, bool] = {"subscribed": True, "unsubscribed": False, "redacted": False}


TICKED_WITHIN = timedelta(hours=1)
"""Of the checkout's beginning, in which its box is ticked."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def subject_of(customer: Any) -> str | None:
    """`customer/55`, or None for a guest."""
    number = optional_identity(mapping(customer).get("id"))
    return f"customer/{number}" if number else None


def buyer(body: Mapping[str, Any], installation: Installation) -> Shopper:
    """Whose phone a webhook's checkout or order means. The number that was given for messages comes first."""
    customer = mapping(body.get("customer"))
    home = mapping(customer.get("default_address"))
    shipping, billing = mapping(body.get("shipping_address")), mapping(body.get("billing_address"))
    country = _country(shipping) or _country(billing) or _country(home)
    return _found(installation, (
        Written("sms_marketing_phone", text(body.get("sms_marketing_phone")), country),
        Written("phone", text(body.get("phone")), country),
        Written("customer.phone", text(customer.get("phone")), country),
        Written("shipping_address.phone", text(shipping.get("phone")), _country(shipping)),
        Written("billing_address.phone", text(billing.get("phone")), _country(billing)),
        Written("customer.default_address.phone", text(home.get("phone")), _country(home)),
    ))


def asked_buyer(node: Mapping[str, Any], installation: Installation, known: str = "") -> Shopper:
    """The same, of an answer in GraphQL; `known` is the number that was posted before."""
    own = mapping(mapping(node.get("customer")).get("defaultPhoneNumber"))
    shipping, billing = mapping(node.get("shippingAddress")), mapping(node.get("billingAddress"))
    country = _country(shipping) or _country(billing)
    return _found(installation, (
        Written("phone", known),
        Written("phone", text(node.get("phone")), country),
        Written("customer.defaultPhoneNumber", text(own.get("phoneNumber")), country),
        Written("shippingAddress.phone", text(shipping.get("phone")), _country(shipping)),
        Written("billingAddress.phone", text(billing.get("phone")), _country(billing)),
    ))


def first_name(*places: Any) -> str | None:
    """The first of `places` that knows it, in either spelling."""
    for place in places:
        found = text(mapping(place).get("first_name")) or text(mapping(place).get("firstName"))
        if found:
            return found[:60]
    return None


def said_at_checkout(body: Mapping[str, Any], country: str, at: datetime) -> Iterator[ConsentWord]:
    """The box beside the number that was typed for messages: ticked is a yes, unticked again takes it back. A checkout
    without such a number says nothing about messages, whatever it says about e-mails."""
    ticked = body.get("buyer_accepts_sms_marketing")
    if ticked is True:
        # It stays ticked while the checkout goes on changing: that is no new yes, and takes no later STOP back.
        at = min(at, (moment(body.get("created_at")) or at) + TICKED_WITHIN)
    number = number_of(body.get("sms_marketing_phone"), country)
    if number is None or not isinstance(ticked, bool):
        return
    yield ConsentWord(
        granted=ticked, at=at, number=number, subject=subject_of(body.get("customer")),
        proof={
            "place": "Shopify checkout", "text": "buyer_accepts_sms_marketing", "value": ticked,
            "checkout": str(body.get("name") or body.get("id") or "")[:40], "moment": at.isoformat()})


def said_on_record(customer: Mapping[str, Any], at: datetime) -> Iterator[ConsentWord]:
    """What a customer's record says of marketing by text message, as a webhook or an answer in GraphQL spells it."""
    webhook = mapping(customer.get("sms_marketing_consent"))
    record = mapping(customer.get("defaultPhoneNumber"))
    state = text(webhook.get("state")) or text(record.get("marketingState"))
    granted = _WORDS.get(state.lower())
    number = number_of(customer.get("phone") if webhook else record.get("phoneNumber"), None)
    subject = subject_of(customer)
    if granted is None or (number is None and (granted or subject is None)):
        return
    level = text(webhook.get("opt_in_level")) or text(record.get("marketingOptInLevel"))
    source = text(webhook.get("consent_collected_from")) or text(record.get("marketingCollectedFrom"))
    when = moment(webhook.get("consent_updated_at")) or moment(record.get("marketingUpdatedAt"))
    # A yes of which nobody knows when it was said gives a consent, and takes no later STOP back.
    when = when or (LONG_AGO if granted and not webhook else at)
    yield ConsentWord(
        granted=granted, at=when, number=number, subject=subject,
        proof={
            "place": "Shopify customer record", "text": f"SMS marketing: {state.lower()}", "level": level.lower(),
            "collected_from": source.lower(), "moment": when.isoformat()})


def _found(installation: Installation, written: tuple[Written, ...]) -> Shopper:
    found = whose(written, installation.country, installation.own_numbers)
    hidden = bool(installation.memory.get("phones_hidden")) and not any(one.text for one in written)
    # Shopify leaves out what the app was not approved for: that is not a buyer without a phone.
    return Shopper(trouble=Reason("shopify_phones_hidden")) if hidden else found


def _country(address: Mapping[str, Any]) -> str | None:
    two = text(address.get("country_code")) or text(address.get("countryCodeV2"))
    return two.upper() if len(two) == 2 else None


def number_of(value: Any, country: str | None) -> str | None:
    """In E.164; None for what is no number."""
    try:
        return Recipient.parse(text(value), country).number
    except InvalidNumber:
        return None

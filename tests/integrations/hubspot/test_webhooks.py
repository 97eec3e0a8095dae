"""What HubSpot tells us: for several accounts at once, in no order, more than once, and partly broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from core.contract import CallOff, Erasure, Merge
from core.domain.errors import Unreadable
from core.domain.events import Closed
from tests.fakes.hubspot import FakeHubSpot
from tests.integrations.hubspot.practice import NOW, adapter, inbound, installation, webhook

hubspot = adapter()
THEN = NOW.astimezone(UTC)
told = FakeHubSpot(now=THEN).told
DATES = {"dates": ["contract_end"]}


def read(*events, config=None):
    return hubspot.parse(webhook(events), installation(config))


def test_each_account_gets_its_own_part():
    request = webhook([told("deletion", "901"), told("deletion", "902", portal=9), told("deletion", "903"), None, "x",
                       {"objectId": 904}])
    shares = dict(hubspot.portions(request))
    assert {portal: [one["objectId"] for one in json.loads(part.body)] for portal, part in shares.items()} == {
        "4242": [901, 903], "9": [902]}
    assert shares["9"].url == request.url


def test_nobodys_events_are_kept_as_unreadable():
    for body in ([], [None], [{"objectId": 1}], {}, "x"):
        with pytest.raises(Unreadable):
            hubspot.portions(inbound("webhooks", body))


def test_a_broken_event_does_not_lose_the_other_99():
    events = [told("deletion", str(900 + number)) for number in range(99)]
    events[50] = {**events[50], "occurredAt": "soon"}
    assert len(read(*events[:50], {"portalId": 4242, "subscriptionType": 7}, *events[50:]).calls_off) == 98


def test_unknown_events_are_answered_and_change_nothing():
    reading = read(told("listMembership", "901"), {**told("deletion", "1"), "subscriptionType": "deal.deletion"})
    assert (reading.reply.status, reading.calls_off, reading.events) == (200, (), ())


def test_a_refusal_in_the_chosen_property_counts_from_its_moment():
    reading = read(told("propertyChange", "901", propertyName="relance_sms_optout", propertyValue="true"))
    (word,) = reading.consents
    assert (word.granted, word.at, word.subject, word.number) == (False, THEN, "contact/901", None)
    assert word.proof["property"] == "relance_sms_optout"


def test_a_refusal_in_our_box_is_heard_also_where_we_do_not_know_that_it_is_there():
    said = webhook([told("propertyChange", "901", propertyName="relance_sms_optout", propertyValue="true")])
    (word,) = hubspot.parse(said, installation(memory={})).consents
    assert word.granted is False


@pytest.mark.parametrize("value", ["false", "", "no"])
def test_a_refusing_property_that_is_unticked_or_never_was_ticked_is_no_yes(value):
    reading = read(told("propertyChange", "901", propertyName="relance_sms_optout", propertyValue=value))
    assert reading.consents == ()


def test_an_opt_in_property_says_the_opposite():
    reading = read(told("propertyChange", "901", propertyName="accord_sms", propertyValue="true"),
                   told("propertyChange", "902", propertyName="accord_sms", propertyValue=""),
                   config={"opt_in": "accord_sms"})
    assert [word.granted for word in reading.consents] == [True, False]


def test_a_changed_number_makes_us_look_again_where_dates_are_followed():
    change = told("propertyChange", "901", propertyName="phone", propertyValue="+33639980009")
    assert read(change, config=DATES).wakes is True
    assert read(change).wakes is False


def test_a_date_that_is_emptied_is_silent_from_then_on():
    (event,) = read(told("propertyChange", "901", propertyName="contract_end", propertyValue=""), config=DATES).events
    assert (event.key, event.closed, event.at) == ("contact/901/contract_end", Closed.SILENCED, THEN)


def test_a_deleted_contact_gets_nothing_more():
    reading = read(told("deletion", "901"), config=DATES)
    assert reading.calls_off == (CallOff(subject="contact/901", at=THEN),)
    assert [event.closed for event in reading.events] == [Closed.DELETED]
    assert reading.erasures == ()


def test_a_privacy_deletion_erases():
    assert read(told("privacyDeletion", "901")).erasures == (Erasure(subject="contact/901"),)


@pytest.mark.parametrize(
    ("said", "merges"),
    [({"primaryObjectId": 901, "mergedObjectIds": [902, 903]},
      (Merge("contact/902", "contact/901"), Merge("contact/903", "contact/901"))),
     ({"primaryObjectId": 901, "mergedObjectIds": [902], "newObjectId": 905},
      (Merge("contact/902", "contact/905"), Merge("contact/901", "contact/905"))),
     ({"primaryObjectId": 901, "mergedObjectIds": None}, ())],
)  # fmt: skip
def test_merged_records_are_the_winner_from_then_on(said, merges):
    assert read(told("merge", "901", **said)).merges == merges


def test_project_applications_word_it_otherwise():
    event = told("x", "901", propertyName="relance_sms_optout", propertyValue="true")
    del event["subscriptionType"]
    for kind, count in (("0-1", 1), ("0-2", 0)):
        generic = {**event, "eventType": "object.propertyChange", "objectTypeId": kind}
        assert len(read(generic).consents) == count


def test_a_retry_is_the_same_delivery_and_another_change_is_not():
    event = told("propertyChange", "901", propertyName="phone", propertyValue="1")
    first = read(event).delivery
    assert read({**event, "attemptNumber": 3, "eventId": 7}).delivery == first
    assert read({**event, "propertyValue": "2"}).delivery != first
    assert read({**event, "occurredAt": event["occurredAt"] + 1}).delivery != first


def test_an_account_that_is_not_connected_hears_nothing_but_200():
    assert hubspot.stranger(webhook([told("deletion", "901")])).status == 200


def test_moments_are_milliseconds():
    at = datetime(2026, 11, 30, 9, 0, 0, 123000, tzinfo=UTC) + timedelta(0)
    assert read(told("deletion", "901", at=at)).calls_off[0].at == at

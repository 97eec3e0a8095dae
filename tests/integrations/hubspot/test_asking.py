"""What is asked of HubSpot: before a message leaves, for dates that changed, and by a person who connects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.contract import Grant, Merge
from core.domain.errors import BadInput, NeedsReconnect, NotNow
from core.domain.events import Closed, Kind
from core.domain.recipients import Recipient
from integrations.hubspot import consents, dates, people
from tests.fakes.hubspot import SCOPES, FakeHubSpot, refused
from tests.integrations.hubspot.practice import ANA, BOB, NOW, adapter, installation

THEN = NOW.astimezone(UTC)
YESTERDAY, LAST_YEAR = THEN - timedelta(days=1), THEN - timedelta(days=365)


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot(now=THEN) as running:
        yield running
        assert running.violations == []


def look(hubspot, *contacts, config=None, key="action/{}"):
    keys = {key.format(one): {"contact": one} for one in contacts}
    return adapter(hubspot).look_again(installation(config), keys, NOW)


# just before it leaves --------------------------------------------------------------------------------------------


def test_nothing_said_is_nothing_said(hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    batch = look(hubspot, ana)
    assert (batch.events, batch.consents, batch.merges) == ((), (), ())
    assert hubspot.asked == ["readContacts"]


def test_a_ticked_box_is_a_no_from_the_moment_it_was_ticked(hubspot):
    ana = hubspot.contact(at=LAST_YEAR, mobilephone=ANA)
    hubspot.change(ana, at=YESTERDAY, relance_sms_optout="true")
    hubspot.change(ana, firstname="Anna")
    (word,) = look(hubspot, ana).consents
    assert (word.granted, word.at, word.subject) == (False, YESTERDAY, f"contact/{ana}")


@pytest.mark.parametrize(("config", "refused"), [({}, [False]), ({"opt_out": "refus_sms"}, [])])
def test_our_box_is_read_also_where_we_do_not_know_that_it_is_there_unless_another_was_chosen(hubspot, config, refused):
    """It may be from an earlier connection, and hold what people said then."""
    ana = hubspot.contact(at=LAST_YEAR, mobilephone=ANA, relance_sms_optout="true")
    words = adapter(hubspot).look_again(
        installation(config, memory={}), {f"action/{ana}": {"contact": ana}}, NOW).consents
    assert [one.granted for one in words] == refused


def test_an_unticked_box_is_no_yes_whether_it_was_ever_ticked_or_not(hubspot):
    ana, bob = (hubspot.contact(at=LAST_YEAR, mobilephone=one) for one in (ANA, BOB))
    hubspot.change(ana, at=YESTERDAY, relance_sms_optout="true")
    hubspot.change(ana, at=THEN, relance_sms_optout="false")
    hubspot.change(bob, relance_sms_optout="false")
    assert look(hubspot, ana, bob).consents == ()


def test_an_opt_in_that_was_taken_back_is_a_no(hubspot):
    ana = hubspot.contact(at=LAST_YEAR, mobilephone=ANA, accord_sms="true")
    hubspot.change(ana, at=YESTERDAY, accord_sms="false")
    (word,) = look(hubspot, ana, config={"opt_in": "accord_sms"}).consents
    assert (word.granted, word.at) == (False, YESTERDAY)


def test_an_opt_in_is_a_yes_from_the_moment_it_was_given(hubspot):
    ana = hubspot.contact(at=LAST_YEAR, accord_sms="true")
    (word,) = look(hubspot, ana, config={"opt_in": "accord_sms"}).consents
    assert (word.granted, word.at) == (True, LAST_YEAR)


@pytest.mark.parametrize(
    ("status", "granted", "at"), [("SUBSCRIBED", True, LAST_YEAR), ("NOT_SUBSCRIBED", False, THEN)]
)
def test_a_subscription_gives_a_consent_and_takes_no_later_no_back(hubspot, status, granted, at):
    ana = hubspot.contact(at=LAST_YEAR, email="Ana@Example.org")
    hubspot.subscriptions["ana@example.org"] = {"77": status}
    (word,) = look(hubspot, ana, config={"subscription": "77"}).consents
    assert (word.granted, word.at) == (granted, at)


def test_without_an_address_or_a_decision_a_subscription_says_nothing(hubspot):
    ana, bob = hubspot.contact(mobilephone=ANA), hubspot.contact(email="bob@example.org")
    assert look(hubspot, ana, bob, config={"subscription": "77"}).consents == ()


def test_who_was_deleted_gets_nothing(hubspot):
    ana = hubspot.contact(mobilephone=ANA)
    hubspot.delete(ana)
    (event,) = look(hubspot, ana).events
    assert (event.kind, event.key, event.closed) == (Kind.REQUEST, f"action/{ana}", Closed.DELETED)


def test_a_merged_contact_is_asked_about_under_its_new_name(hubspot):
    ana, bob = hubspot.contact(mobilephone=ANA), hubspot.contact(mobilephone=BOB, relance_sms_optout="true")
    hubspot.merge(ana, bob)
    batch = look(hubspot, ana, bob)
    assert batch.merges == (Merge(f"contact/{ana}", f"contact/{bob}"),)
    assert {word.subject for word in batch.consents} == {f"contact/{bob}"}


def test_a_date_is_read_once_more_before_somebody_speaks_of_it(hubspot):
    config = {"dates": ["contract_end"]}
    ana = hubspot.contact(mobilephone=ANA, contract_end="2027-01-31")
    key = f"contact/{ana}/contract_end"
    (event,) = look(hubspot, ana, config=config, key="contact/{}/contract_end").events
    assert (event.key, event.start) == (key, datetime(2027, 1, 30, 23, tzinfo=UTC))
    hubspot.change(ana, contract_end="")
    (event,) = look(hubspot, ana, config=config, key="contact/{}/contract_end").events
    assert event.closed is Closed.SILENCED


def test_a_date_that_is_not_followed_any_more_is_silent(hubspot):
    ana = hubspot.contact(mobilephone=ANA, contract_end="2027-01-31")
    (event,) = look(hubspot, ana, config={"dates": ["trial_end"]}, key="contact/{}/contract_end").events
    assert event.closed is Closed.SILENCED


def test_an_account_without_a_token_must_be_connected_again(hubspot):
    hubspot.revoke()
    with pytest.raises(NeedsReconnect) as caught:
        look(hubspot, "901")
    assert caught.value.reason.code == "token_refused"


# dates of contacts ------------------------------------------------------------------------------------------------

CONFIG = {"dates": ["contract_end", "birthday"]}


def pulled(hubspot, cursor=None, config=None, *, now=NOW, memory=None):
    """All pages of one walk; the events, and where the next walk begins."""
    events, words = [], []
    while True:
        one = installation(config or CONFIG, memory={"looked_at": now.isoformat(), **(memory or {})})
        batch = adapter(hubspot).pull(one, cursor, now)
        events += batch.events
        words += batch.consents
        cursor = batch.cursor
        if not batch.more:
            return events, cursor, words


def test_each_date_of_a_contact_is_an_occasion_in_the_accounts_zone(hubspot):
    ana = hubspot.contact(firstname="Ana", mobilephone="06 39 98 00 01", email="Ana@Example.org",
                          contract_end="2027-01-31", birthday="2026-12-24T16:30:00Z")
    events, _, _ = pulled(hubspot)
    ends, birthday = sorted(events, key=lambda one: one.key, reverse=True)
    assert (ends.key, ends.kind, ends.all_day, ends.zone) == (
        f"contact/{ana}/contract_end", Kind.CONTACT, True, "Europe/Paris")
    assert ends.start == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert (ends.recipient.number, ends.email, ends.subject) == (ANA, "ana@example.org", f"contact/{ana}")
    assert ends.values["first_name"] == "Ana"
    assert (birthday.all_day, birthday.start) == (False, datetime(2026, 12, 24, 16, 30, tzinfo=UTC))


def test_only_what_changed_is_read_the_next_time_and_a_moved_date_moves(hubspot):
    old = THEN - timedelta(days=2)
    ana = hubspot.contact(at=old, mobilephone=ANA, contract_end="2027-01-31")
    hubspot.contact(at=old, mobilephone=BOB, contract_end="2027-02-28")
    _, cursor, _ = pulled(hubspot)
    later = NOW + timedelta(hours=1)
    hubspot.change(ana, at=THEN + timedelta(minutes=30), contract_end="2027-03-31")
    events, cursor, _ = pulled(hubspot, cursor, now=later)
    assert [(one.key, one.start.month) for one in events] == [(f"contact/{ana}/contract_end", 3)]
    assert pulled(hubspot, cursor, now=later + timedelta(hours=1))[0] == []


def test_windows_overlap_because_changes_are_found_late(hubspot):
    _, cursor, _ = pulled(hubspot)
    hubspot.contact(at=THEN - timedelta(minutes=5), mobilephone=ANA, contract_end="2027-01-31")
    events, _, _ = pulled(hubspot, cursor, now=NOW + timedelta(minutes=5))
    assert len(events) == 1


def test_an_unchanged_record_read_twice_is_the_same_event(hubspot):
    hubspot.contact(mobilephone=ANA, contract_end="2027-01-31")
    (first,), _, _ = pulled(hubspot)
    assert pulled(hubspot)[0] == [first]


def test_a_walk_of_many_pages_loses_and_doubles_nobody_whoever_changes_meanwhile(hubspot):
    ids = [hubspot.contact(at=LAST_YEAR, mobilephone=ANA, contract_end="2027-01-31") for _ in range(450)]
    seen, cursor = [], None
    for number in range(10):
        one = installation(CONFIG, memory={"looked_at": NOW.isoformat()})
        batch = adapter(hubspot).pull(one, cursor, NOW)
        seen += [event.private["contact"] for event in batch.events]
        cursor = batch.cursor
        hubspot.change(ids[number], at=THEN + timedelta(seconds=number), contract_end="2027-02-01")
        if not batch.more:
            break
    assert sorted(seen) == sorted(ids)
    events, _, _ = pulled(hubspot, cursor, now=NOW + timedelta(minutes=1))
    assert {event.private["contact"] for event in events} == set(ids[:number + 1])


def test_other_dates_are_a_new_walk(hubspot):
    hubspot.contact(at=LAST_YEAR, mobilephone=ANA, contract_end="2027-01-31", trial_end="2027-01-15")
    _, cursor, _ = pulled(hubspot)
    events, _, _ = pulled(hubspot, cursor, {"dates": ["trial_end"]}, now=NOW + timedelta(days=1))
    assert len(events) == 1


@pytest.mark.parametrize("cursor", ["", "x", "[]", "[[], null, 1, 2]", '["a", null, "b", 3]'])
def test_a_cursor_that_is_not_ours_is_the_beginning(hubspot, cursor):
    window = dates.Window.read(cursor, ("a",), NOW)
    assert (window.since, window.last) == (None, 0)


def test_what_a_box_says_comes_with_the_dates(hubspot):
    hubspot.contact(at=LAST_YEAR, mobilephone=ANA, contract_end="2027-01-31", accord_sms="true")
    _, _, (word,) = pulled(hubspot, config={**CONFIG, "opt_in": "accord_sms"})
    assert (word.granted, word.number, word.at) == (True, ANA, LAST_YEAR)


def test_a_contact_without_a_number_is_an_occasion_that_says_so(hubspot):
    hubspot.contact(contract_end="2027-01-31")
    (event,), _, _ = pulled(hubspot)
    assert event.trouble.code == "no_number"


def test_twice_a_day_it_is_asked_whether_we_are_still_welcome(hubspot):
    hubspot.tokens["token-1"] = ("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
    batch = adapter(hubspot).pull(installation(), None, NOW)
    assert hubspot.asked == ["accessTokenInfo"]
    assert [one.code for one in batch.problems] == ["hubspot_no_workflows"]
    adapter(hubspot).pull(installation(memory=batch.memory), None, NOW + timedelta(minutes=5))
    assert hubspot.asked == ["accessTokenInfo"]


# a record by its number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [ANA, "0639980001", "06 39 98 00 01", "06.39.98.00.01", "+33 6 39 98 00 01",
                                     "0033639980001", "33639980001", "06-39-98-00-01"])
@pytest.mark.parametrize("name", ["mobilephone", "phone"])
def test_a_record_is_found_by_its_number_however_it_was_written(hubspot, written, name):
    wanted = hubspot.contact(**{name: written, "country": "France"})
    hubspot.contact(mobilephone=BOB)
    line = adapter(hubspot)._of(installation(), NOW)
    assert [one["id"] for one in consents.find(installation(), line, ANA, ["email"])] == [wanted]


def test_a_hit_that_is_another_number_is_no_hit(hubspot):
    """The same digits in another country."""
    hubspot.contact(mobilephone="0639980001", hs_country_region_code="NL")
    line = adapter(hubspot)._of(installation(), NOW)
    assert consents.find(installation(), line, ANA, ["email"]) == []


def test_the_spellings_of_a_number_hold_its_digits_and_its_usual_forms():
    digits, typed = people.spellings(ANA)
    assert {"639980001", "0639980001", "33639980001"} <= set(digits)
    assert {"+33639980001", "06 39 98 00 01", "06.39.98.00.01"} <= set(typed)
    assert Recipient.parse(typed[0]).number == ANA


# a person connects ------------------------------------------------------------------------------------------------


def test_the_account_is_the_portal_that_the_token_names(hubspot):
    grant = Grant({}, {}, {}, frozenset(), (), access_token="token-1", refresh_token="refresh-1")
    configured = adapter(hubspot).granted(grant, NOW)
    assert configured.account == "4242"
    assert configured.config["hub_domain"] == "example.org"
    assert set(configured.config["scopes"]) == set(SCOPES)


def test_an_operators_credentials_are_enough():
    configured = adapter().configured({"portal_id": 4242, "refresh_token": "r", "country": "FR", "zone": "Europe/Paris",
                                       "dates": ["contract_end"], "subscription": 77})
    assert (configured.account, configured.secrets) == ("4242", {"refresh_token": "r"})
    assert configured.config == {"portal_id": "4242", "dates": ["contract_end"], "subscription": "77"}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [({"portal_id": "x"}, "/config/portal_id"), ({"refresh_token": None}, "/config/refresh_token"),
     ({"dates": ["Bad Name"]}, "/config/dates/0"), ({"dates": [f"d{one}" for one in range(6)]}, "/config/dates"),
     ({"surprise": 1}, "/config/surprise"), ({"zone": "Mars"}, "/config/zone"), ({"country": "France"},
     "/config/country"), ({"timeline": "yes"}, "/config/timeline"), ({"legal_basis": "x"}, "/config/legal_basis"),
     ({"phones": "phone"}, "/config/phones"), ({"subscription": "x"}, "/config/subscription")],
)  # fmt: skip
def test_what_is_wrong_is_named(wrong, pointer):
    with pytest.raises(BadInput) as caught:
        adapter().configured({"portal_id": 4242, "refresh_token": "r", **wrong})
    assert caught.value.pointer == pointer


def test_the_property_that_a_stop_ticks_is_made_once(hubspot):
    kept = {}
    one = installation(memory={})
    adapter(hubspot).maintain(one, NOW, kept.update)
    assert kept == {"opt_out": "relance_sms_optout"}
    assert "relance_sms_optout" in hubspot.properties
    adapter(hubspot).maintain(one, NOW, kept.update)
    adapter(hubspot).maintain(installation(memory=kept), NOW, kept.update)
    assert hubspot.count("createProperty") == 2


def test_where_we_may_not_make_it_the_account_says_so(hubspot):
    hubspot.tokens["token-1"] = ("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "automation")
    adapter(hubspot).maintain(installation(memory={}), NOW, pytest.fail)
    batch = adapter(hubspot).pull(installation(memory={}), None, NOW)
    assert [one.code for one in batch.problems] == ["hubspot_no_consent_property"]


def test_parting_twice_is_parting_once(hubspot):
    assert adapter(hubspot).uninstall(installation()) == ()
    assert hubspot.installed is False
    assert [one.code for one in adapter(hubspot).uninstall(installation())] == ["hubspot_not_uninstalled"]
    assert adapter(hubspot).uninstall(installation(secrets={})) == ()


def test_what_is_missing_over_there_is_named(hubspot):
    hubspot.properties.add("relance_sms_optout")
    assert {one.result for one in adapter(hubspot).check(installation(), NOW)} == {"ok"}
    hubspot.tokens["token-1"] = ("oauth", "crm.objects.contacts.read")
    checks = {one.name: one for one in adapter(hubspot).check(
        installation({"phones": ["gsm"], "dates": ["contract_end"]}, memory={}), NOW)}
    assert [name for name, one in checks.items() if one.result != "ok"] == [
        "scopes", "plan", "phones", "properties", "consent"]
    assert checks["scopes"].reason.values["scope"] == "crm.objects.contacts.write"
    assert all(one.reason.sentence("fr") for one in checks.values() if one.reason)
    hubspot.revoke()
    with pytest.raises(NeedsReconnect):
        adapter(hubspot).check(installation(), NOW)


def test_a_date_property_that_somebody_deleted_is_shown_and_tried_again(hubspot):
    hubspot.fail(refused(400, "VALIDATION_ERROR", "There was a problem with the request."))
    with pytest.raises(NotNow) as caught:
        adapter(hubspot).pull(installation(CONFIG, memory={"looked_at": NOW.isoformat()}), None, NOW)
    assert caught.value.reason.code == "hubspot_says_no"

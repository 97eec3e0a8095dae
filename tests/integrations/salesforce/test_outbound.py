"""Outbound Messages: what Salesforce sends is taken whole and acknowledged, anything else is neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Inbound
from core.domain.errors import NotAuthentic, Unreadable
from core.domain.occasions import updated
from tests.integrations.salesforce.org import HOUR, NOW, SECRET, adapter, installation, soap

DATA = Path(__file__).parents[2] / "data"
TWO = (DATA / "salesforce_outbound_two.xml").read_bytes()
ACK = (DATA / "salesforce_outbound_ack.xml").read_bytes()
DATES = {"objects": {"Contact": {"dates": ["Ends__c"], "opt_out": ["No_SMS__c"]}}}


def envelope(*fields: str, notifications: int = 1, head: str = "") -> bytes:
    """In other words than the recorded one: other prefixes, no default namespace."""
    one = "".join(
        f"""<o:Notification><o:Id>04l5g00000VE{number:03d}</o:Id><o:sObject xsi:type="r:Contact">
        <r:Id>0035g00000AbCdE</r:Id>{''.join(fields)}</o:sObject></o:Notification>"""
        for number in range(notifications))
    return f"""{head}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:o="http://soap.sforce.com/2005/09/outbound"
      xmlns:r="urn:sobject.enterprise.soap.sforce.com"><s:Body><o:notifications>
      <o:OrganizationId>00D5g00000ABCDE</o:OrganizationId><o:SessionId>00Dsecret!session</o:SessionId>{one}
      </o:notifications></s:Body></s:Envelope>""".encode()


def test_two_notifications_are_two_occasions_and_one_ack():
    reading = adapter().parse(soap(TWO), installation())

    assert reading.reply.body == ACK
    assert (reading.reply.status, reading.reply.content_type) == (200, "text/xml; charset=utf-8")
    zoe, rossi = reading.events
    assert zoe.recipient is not None
    assert (zoe.key, zoe.recipient.number) == ("outbound/04l5g00000VECToAAP", "+393331234567")
    assert (zoe.values["first_name"], zoe.values["LastName"]) == ("Zoë", "O'Neil & Figli")
    assert rossi.recipient is None
    assert rossi.trouble is not None
    assert rossi.trouble.code == "no_number"
    assert adapter().answer(soap(TWO), reading, ()).body == ACK


def test_the_same_again_is_nothing_new():
    first = adapter().parse(soap(TWO), installation())
    later = adapter().parse(soap(TWO, at=NOW + HOUR), installation())
    assert first.delivery == later.delivery
    assert [event.digest for event in first.events] == [event.digest for event in later.events]


def test_prefixes_say_nothing_and_fifteen_characters_are_the_same_org():
    request = soap(envelope("<r:MobilePhone>06 39 98 00 01</r:MobilePhone>"))
    adapter().verify(request, installation())
    [event] = adapter().parse(request, installation()).events
    assert event.recipient is not None
    assert (event.recipient.number, event.private["record"]) == ("+33639980001", "0035g00000AbCdEAAV")


def test_the_path_holds_the_secret_and_the_org_must_be_ours():
    adapter().verify(soap(TWO), installation())
    for forged, place in (
        (soap(TWO, secret="t" * 43), installation()),
        (soap(TWO, secret=""), installation()),
        (soap(TWO, secret=f"{SECRET}/x"), installation()),
        (soap(TWO), installation({"organization_id": "00D30000000001aEAA"})),
        (replace(soap(TWO), url=soap(TWO).url.removesuffix(f"/{SECRET}")), installation()),
    ):
        with pytest.raises(NotAuthentic):
            adapter().verify(forged, place)


def test_no_session_id_and_no_secret_is_kept():
    for body in (envelope(), envelope().replace(b"00Dsecret!session", b"<![CDATA[00Dsecret!session]]>")):
        request = soap(body)
        kept = adapter().kept(request)
        assert b"00Dsecret!session" not in Inbound.read(kept.written()).body
        assert SECRET not in kept.url
        assert adapter().parse(kept, installation()) == adapter().parse(request, installation())
    assert adapter().kept(soap(TWO)).body == TWO


def test_the_latest_values_win_in_whatever_order_they_come():
    def told(day: str, stamp: str):
        fields = (f"<r:Ends__c>{day}</r:Ends__c>", f"<r:SystemModstamp>{stamp}</r:SystemModstamp>",
                  "<r:MobilePhone>06 39 98 00 01</r:MobilePhone>")  # fmt: skip
        events = adapter().parse(soap(envelope(*fields)), installation(DATES)).events
        return next(event for event in events if event.key.startswith("date/"))

    old, new = told("2026-12-01", "2026-11-29T10:00:00.000Z"), told("2026-12-24", "2026-11-29T11:00:00.000Z")
    first = updated(None, new)
    assert first is not None
    assert first.key == "date/Contact/Ends__c/0035g00000AbCdEAAV"
    assert first.start == datetime(2026, 12, 23, 23, tzinfo=UTC)
    assert updated(first, old) is None


def test_a_ticked_box_is_a_refusal_and_an_empty_one_says_nothing():
    def said(value: str):
        fields = (f"<r:No_SMS__c>{value}</r:No_SMS__c>", "<r:MobilePhone>06 39 98 00 01</r:MobilePhone>")
        return adapter().parse(soap(envelope(*fields)), installation(DATES)).consents

    assert [(word.granted, word.number, word.scope) for word in said("true")] == [
        (False, "+33639980001", "marketing"), (False, "+33639980001", "transactional")]
    assert said("false") == ()


@pytest.mark.parametrize("body", [
    b"", b"<", b"not xml", b"<a/>", TWO[:-20],
    TWO.replace(b"Envelope", b"Enveloppe"),
    TWO.replace(b"2005/09/outbound", b"2005/09/inbound"),
    TWO.replace(b"<Id>04l5g00000VECToAAP</Id>", b""),
    TWO.replace(b"0035g00000AbCdEAAV", b"tomorrow"),
    envelope(notifications=0), envelope(notifications=101),
    envelope(head='<!DOCTYPE s [<!ENTITY a "b">]>'),
    envelope("<r:LastName>&a;</r:LastName>",
             head='<!DOCTYPE s [<!ENTITY l "lol"><!ENTITY a "&l;&l;&l;&l;&l;&l;&l;&l;&l;&l;">]>'),
    envelope("<r:LastName>&x;</r:LastName>", head='<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    envelope(head='<!DOCTYPE s SYSTEM "http://127.0.0.1/x.dtd">'),
    envelope(f"<r:LastName>{'x' * 1_000_000}</r:LastName>"),
    envelope(head='<?xml version="1.0" encoding="klingon"?>'),
], ids=lambda body: str(body[:24]))  # fmt: skip
def test_hostile_or_broken_xml_is_not_acknowledged(body):
    adapter().verify(soap(body), installation())
    with pytest.raises(Unreadable) as refused:
        adapter().parse(soap(body), installation())
    assert refused.value.reason.code.startswith("salesforce_")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp037"])
def test_another_encoding_hides_no_session_id(encoding):
    body = envelope(head=f'<?xml version="1.0" encoding="{encoding}"?>').decode().encode(encoding)
    with pytest.raises(Unreadable):
        adapter().parse(soap(body), installation())
    kept = adapter().kept(soap(body)).body
    for hidden in ("utf-8", "utf-16-le", "cp037"):
        assert "00Dsecret!session".encode(hidden) not in kept


def test_a_hostile_body_is_cleaned_in_time():
    for body in (b"<SessionId>" * 90_000, b"<SessionId" * 90_000, b"</SessionId" * 90_000, b"<a:" * 300_000):
        adapter().kept(soap(body))


@given(st.binary(max_size=400) | st.integers(0, len(TWO)).map(lambda cut: TWO[:cut] + b"<" + TWO[cut + 3:]))
def test_nothing_else_is_ever_raised(body):
    try:
        adapter().parse(soap(body), installation())
    except Unreadable:
        return

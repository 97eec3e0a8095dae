"""A submit_sm of Campaign's: what it asks for, and what comes of it as our event."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Installation
from core.domain.smpp import texts
from core.domain.smpp.moments import NoMoment, moment
from core.domain.smpp.pdu import Address, Malformed, ShortMessage, Status
from integrations.adobe_campaign import submits
from tests.fakes.esme import message, of_piece

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def installation(**config: Any) -> Installation:
    return Installation("ins_1", "wsp_1", "adobe_campaign", "C", {"class": "transactional", **config},
                        {"password": "secret12"}, {}, "Europe/Paris", "FR", "fr", "")  # fmt: skip


def slip(to: str = "33639980001", text: str = "Bonjour", **fields: Any) -> Any:
    return submits.slip(message(to, text, **fields), installation(), NOW)


def test_a_number_is_read_with_a_plus_and_without() -> None:
    ours = "+33639980001"
    assert slip("33639980001").content["to"] == slip("+33639980001").content["to"] == ours
    assert slip("0033639980001", destination=Address(0, 0, b"0033639980001")).content["to"] == ours
    assert slip("0639980001", destination=Address(2, 1, b"0639980001")).content["to"] == ours
    assert slip("0639980001", destination=Address(0, 0, b"0639980001")).content["to"] == ours


@pytest.mark.parametrize("written, at", [
    (b"261201093000000+", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
    (b"261201093000004+", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)),
    (b"261201093000004-", datetime(2026, 12, 1, 10, 30, tzinfo=UTC)),
    (b"000002000000000R", NOW + timedelta(days=2)),
    (b"", None),
])  # fmt: skip
def test_a_moment_is_absolute_or_counted_from_now(written: bytes, at: datetime | None) -> None:
    assert moment(written, NOW) == at


@given(st.binary(max_size=20))
def test_no_moment_breaks_anything(written: bytes) -> None:
    try:
        found = moment(written, NOW)
    except NoMoment:
        return
    assert found is None or found.tzinfo is not None


@given(st.binary(max_size=300))
def test_no_body_breaks_anything(body: bytes) -> None:
    with contextlib.suppress(Malformed, submits.Refused):
        submits.slip(ShortMessage.read(body), installation(), NOW)


def test_the_same_words_said_again_have_the_same_mark_and_others_another() -> None:
    assert slip().mark == slip().mark
    assert slip().mark != slip(text="Bonsoir").mark
    assert slip().mark != slip(validity=b"261201093000000+").mark
    assert "33639980001" not in slip().mark


def test_parts_of_one_text_have_a_key_in_common_and_of_another_number_another() -> None:
    first, second = texts.pieces("a" * 200, texts.Writing(), 5)
    parts = [submits.slip(of_piece(to, one, 0), installation(), NOW)
             for to in ("33639980001", "33639980002") for one in (first, second)]  # fmt: skip
    assert parts[0].whole == parts[1].whole != parts[2].whole
    assert [one.number for one in parts] == [1, 2, 1, 2]
    assert {one.total for one in parts} == {2}


def test_an_event_is_what_campaign_asks_for_and_no_template_of_ours() -> None:
    asked = slip(text="{{ 1 + 1 }}", service_type=b"promo", schedule=b"261201093000000+", validity=b"261202093000000+")
    (event,) = submits.reading(installation(), [("1000000001", asked)], NOW).events
    assert event.key == "sms/1000000001"
    assert event.values == {"message": "{{ 1 + 1 }}"}
    assert event.wish is not None
    assert (event.wish.klass, event.wish.body, event.wish.sender) == ("transactional", "{{ message }}", "ACME")
    assert event.wish.at == datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    assert event.wish.until == datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
    assert event.private["receipts"] == {"1000000001": 1}


def test_a_consent_that_is_kept_there_outweighs_no_word_that_was_said_here() -> None:
    there = installation(**{"class": "marketing", "consent": "campaign"})
    (word,) = submits.reading(there, [("1", slip())], NOW).consents
    assert word.granted
    assert word.at < NOW - timedelta(days=9000)
    assert submits.reading(installation(**{"class": "marketing"}), [("1", slip())], NOW).consents == ()


def test_a_text_of_which_parts_are_missing_goes_to_nobody() -> None:
    first, _ = texts.pieces("a" * 200, texts.Writing(), 5)
    part = submits.slip(of_piece("33639980001", first, 1), installation(), NOW)
    (event,) = submits.reading(installation(), [("1", part)], NOW).events
    assert event.recipient is None
    assert event.trouble is not None
    assert event.trouble.code == "adobe_campaign_parts_missing"


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(submits.Refused) as refused:
        slip(octets=b"", tlvs={0x0424: b"a" * 1601})
    assert refused.value.status == Status.BAD_MESSAGE_LENGTH

"""What Campaign hears: receipts that its own patterns read, and replies that it can join to a short code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.contract import Installation, Report
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.sentences import SENTENCES
from core.domain.smpp.pdu import ShortMessage
from integrations.adobe_campaign import receipts
from tests.fakes.esme import Heard

AT = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)
CAMPAIGN = Installation("ins_1", "wsp_1", "adobe_campaign", "C", {"reply_to": "36180"}, {}, {}, "Europe/Paris", "FR",
                        "fr", "")  # fmt: skip
DELIVERED = Report(
    "sms/1000000001", State.DELIVERED, None, None, AT,
    {"receipts": {"1000000001": 1}, "from": "ACME", "spelled": "33639980001", "at": "2026-11-30T09:00:00+00:00"},
    "msg_1", to="+33639980001", body="Café\nà 5 € pour tous et toutes",
)  # fmt: skip


def said(**changes: Any) -> list[Heard]:
    # As it is on the wire.
    return [Heard(ShortMessage.read(one.message.written()), 1)
            for one in receipts.sayings(CAMPAIGN, replace(DELIVERED, **changes))]  # fmt: skip


def test_a_receipt_is_that_of_the_specification_to_the_letter() -> None:
    (one,) = said()
    assert one.message.octets == (b"id:1000000001 sub:001 dlvrd:001 submit date:2611300900 done date:2611300905 "
                                  b"stat:DELIVRD err:000 text:Caf... 5 . pour tous")  # fmt: skip
    assert one.message.esm_class == 0x04


@pytest.mark.parametrize("state, reason, stat, err", [
    (State.READ, None, "DELIVRD", "000"),
    (State.FAILED, "dead_number", "UNDELIV", "001"),
    (State.FAILED, "a_reason_of_tomorrow", "UNDELIV", "099"),
    (State.SUPPRESSED, "opted_out", "REJECTD", "005"),
    (State.SUPPRESSED, "in_rehearsal", "REJECTD", "012"),
    (State.EXPIRED, None, "UNDELIV", "008"),
    (State.CANCELLED, "cancelled_by_person", "UNDELIV", "013"),
])  # fmt: skip
def test_every_end_has_a_word_that_counts_as_final_over_there(
    state: State, reason: str | None, stat: str, err: str
) -> None:
    (one,) = said(state=state, reason=Reason(reason) if reason else None)
    assert (one.id, one.stat, one.err) == ("1000000001", stat, err)


@pytest.mark.parametrize("changes", [
    {"state": State.SENT}, {"state": State.SCHEDULED}, {"state": State.READ, "before": State.DELIVERED},
    {"private": {"receipts": {}}}, {"private": {"receipts": {"1": 2}}}, {"state": State.FAILED, "private":
     {"receipts": {"1": 3}}},
], ids=str)  # fmt: skip
def test_what_is_not_final_or_not_asked_for_is_not_said(changes: dict[str, Any]) -> None:
    assert said(**changes) == []


def test_a_long_reply_is_several_that_stand_alone_and_no_sign_is_cut() -> None:
    text = "é€" * 90 + "😀"
    found = said(kind="reply", state=None, text=text)
    assert "".join(one.text for one in found) == text
    assert all(len(one.message.octets) <= 140 and not one.is_receipt for one in found)
    assert {one.message.destination.text for one in found} == {b"36180"}


def test_every_reason_of_the_table_has_its_words_and_stands_once() -> None:
    named = [one for _, reasons in receipts._CODES.values() for one in reasons]
    assert len(named) == len(set(named))
    assert all(word.reason.code in SENTENCES for word in receipts.words())
    assert {one for one in named if one not in SENTENCES} == set()

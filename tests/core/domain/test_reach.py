"""What a phone can show decides how a card is said to it; what was learnt is believed for days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.reach import CARD, CAROUSEL, believed_until, plainer

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
YES = {"kind": "reply", "text": "OUI", "postback": "relance:confirm"}
PLAN = {"kind": "open", "text": "Plan", "url": "https://example.com/plan"}
CALL = {"kind": "dial", "text": "Appeler", "number": "+33123456789"}
CARD_CONTENT = {"card": {"title": "Rendez-vous", "suggestions": [PLAN, CALL]}, "suggestions": [YES]}


def test_a_phone_that_shows_everything_gets_everything():
    assert plainer(CARD_CONTENT, "RDV demain", {CARD, "open", "dial"}) == CARD_CONTENT


def test_without_cards_it_reads_the_message_s_own_text_with_the_card_s_buttons():
    assert plainer(CARD_CONTENT, "RDV demain", {"open"}) == {"text": "RDV demain", "suggestions": [YES, PLAN]}


def test_a_button_that_does_nothing_there_is_left_out_of_a_card():
    shown = plainer(CARD_CONTENT, "RDV demain", {CARD})
    assert shown == {"card": {"title": "Rendez-vous"}, "suggestions": [YES]}


def test_a_carousel_is_a_text_where_there_are_only_cards():
    carousel = {"carousel": {"width": "medium", "cards": [
        {"title": "Matin", "suggestions": [CALL]}, {"title": "Soir", "suggestions": [CALL]}]}}
    assert plainer(carousel, "Deux créneaux", {CARD, "dial"}) == {"text": "Deux créneaux", "suggestions": [CALL]}
    assert plainer(carousel, "Deux créneaux", {CAROUSEL, "dial"}) == carousel


def test_answers_stay_on_the_plainest_phone_and_leave_room_for_stop():
    many = [{**YES, "text": str(number), "postback": str(number)} for number in range(11)]
    shown = plainer({"card": {"title": "Rendez-vous"}, "suggestions": many}, "RDV", ())
    assert [one["text"] for one in shown["suggestions"]] == [str(number) for number in range(10)]


def test_a_plain_text_stays_as_it_is():
    assert plainer({"text": "RDV", "suggestions": [YES]}, "autre", ()) == {"text": "RDV", "suggestions": [YES]}


@pytest.mark.parametrize(("reachable", "days"), [(True, 7), (False, 3)])
def test_a_no_is_believed_for_a_shorter_time_than_a_yes(reachable, days):
    assert believed_until(reachable, NOW) - NOW == timedelta(days=days)

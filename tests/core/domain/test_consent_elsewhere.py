"""A platform keeps people's yes: its wish is planned without one of ours, and asked about at the last moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.domain.events import Kind, Wish
from core.domain.messages import State
from core.domain.occasions import Occasion
from core.domain.planning import Send, Skip, plan
from core.domain.policy.consent import ALL, MARKETING, Standing
from core.domain.policy.decision import Policy
from core.domain.recipients import Line, Recipient

ANA = Recipient("+33639980001", "FR", Line.MOBILE)
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
POLICY = Policy(zone=ZoneInfo("Europe/Paris"), country="FR")
STEP = Occasion(key="action/1", kind=Kind.REQUEST, at=NOW, digest="d", found=ANA, first_seen=NOW, id="occ_1",
                wish=Wish("marketing", body="Bonjour", consent_there=True))  # fmt: skip


def answer(occasion: Occasion, standing: Standing | None = None) -> Send | Skip:
    known = {ANA.number: standing} if standing else {}
    (only,) = plan(occasion, [], replace(POLICY, standings=known), NOW)
    return only


def test_it_is_planned_as_if_the_person_had_agreed():
    assert isinstance(answer(STEP), Send)


def test_without_such_a_platform_our_own_yes_is_needed():
    assert STEP.wish is not None
    said = answer(replace(STEP, wish=replace(STEP.wish, consent_there=False)))
    assert isinstance(said, Skip)
    assert (said.reason.code, said.state) == ("no_marketing_consent", State.SUPPRESSED)


@pytest.mark.parametrize("standing", [Standing(frozenset({MARKETING})), Standing(frozenset({ALL})),
                                      Standing(quarantined=True)])
def test_a_no_that_we_know_is_a_no(standing):
    assert isinstance(answer(STEP, standing), Skip)


def test_the_wish_is_kept_with_it():
    assert STEP.wish is not None
    assert Wish.from_json(STEP.wish.as_json()) == STEP.wish

"""May a message use an approved template, and if not, why: before it is due."""

from __future__ import annotations

from typing import Any

import pytest

from core.domain.approved import (
    WAITS,
    Button,
    Category,
    Status,
    Template,
    as_parts,
    asked_of,
    category_of,
    filled,
    hopeless,
    parts_read,
    places,
    trouble,
    trouble_anywhere,
)
from core.domain.messages import Channel, MessageClass
from core.domain.remedies import remedy
from core.domain.sentences import SENTENCES

SERVICE, ADVERTISING = MessageClass.TRANSACTIONAL, MessageClass.MARKETING
REMINDER = Template(
    "rdv_rappel", "fr", Status.APPROVED, Category.UTILITY, body="Bonjour {{1}}, rendez-vous le {{2}}. À {{1}}",
    buttons=(Button("reply", "Je confirme"), Button("url", "Plan", "https://x.example/{{1}}")),
)  # fmt: skip
GIVEN = {"name": "rdv_rappel", "language": "fr", "body": ["Ana", "demain"],
         "buttons": [{"quick_reply": "relance:confirm"}, {"url": "abc"}]}


def shelf(*templates: Template) -> dict[tuple[str, str], Template]:
    return {one.key: one for one in templates or (REMINDER,)}


def changed(**values: Any) -> Template:
    names = ("name", "language", "status", "category", "body", "header_kind", "header", "footer", "buttons", "note")
    return Template(**{**{name: getattr(REMINDER, name) for name in names}, **values})


def code(given: Any = None, template: Template = REMINDER, klass: MessageClass = SERVICE) -> str | None:
    why = trouble({**GIVEN, **(given or {})}, shelf(template), klass)
    return why.code if why else None


def test_what_fits_an_approved_template_is_well():
    assert code() is None
    assert code({"buttons": [{"quick_reply": "x"}, {"url": "abc"}]}) is None


@pytest.mark.parametrize(("given", "expected"), [
    ({"name": "autre"}, "approved_missing"),
    ({"language": "en_US"}, "approved_not_in_language"),
    ({"body": ["Ana"]}, "approved_variables"),
    ({"body": None}, "approved_variables"),
    ({"body": {"first_name": "Ana", "when": "demain"}}, "approved_variables"),
    ({"header": {"text": "Rappel"}}, "approved_header"),
    ({"header": {"image": "https://x.example/a.png"}}, "approved_header"),
    ({"buttons": [{"quick_reply": "x"}]}, "approved_button"),
    ({"buttons": [{"url": "x"}, {"url": "abc"}]}, "approved_button"),
    ({"buttons": [{"quick_reply": "x"}, {"url": "abc"}, {"quick_reply": "y"}]}, "approved_button"),
])
def test_what_does_not_fit_is_said(given, expected):
    assert code(given) == expected
    assert expected not in WAITS


@pytest.mark.parametrize(("status", "expected"), [
    (Status.PENDING, "approved_pending"), (Status.REJECTED, "approved_rejected"), (Status.PAUSED, "approved_paused"),
    (Status.DISABLED, "approved_disabled"), (Status.LIMITED, "approved_limited"), (Status.GONE, "approved_gone"),
    (Status.UNKNOWN, None),
])
def test_a_status_that_forbids_it_is_said_with_the_provider_s_words(status, expected):
    why = trouble(GIVEN, shelf(changed(status=status, note="until Aug 31")), SERVICE)
    assert (why.code if why else None) == expected
    if why is not None and expected not in ("approved_pending", "approved_gone"):
        assert "until Aug 31" in why.sentence("fr")


def test_named_values_are_wanted_by_their_names():
    by_name = changed(body="Bonjour {{first_name}}, le {{when}}.")
    assert code({"body": {"first_name": "Ana", "when": "demain"}}, by_name) is None
    assert code({"body": {"first_name": "Ana"}}, by_name) == "approved_names"
    assert code({}, by_name) == "approved_names"


def test_a_header_with_a_place_or_a_picture_wants_its_own():
    spoken = changed(header_kind="text", header="Pour {{1}}")
    assert code({"header": {"text": "Ana"}}, spoken) is None
    assert code({}, spoken) == "approved_header"
    assert code({}, changed(header_kind="text", header="Rappel")) is None
    assert code({"header": {"image": "https://x.example/a"}}, changed(header_kind="image")) is None
    assert code({}, changed(header_kind="location")) is None


def test_what_counts_as_advertising_is_said_of_a_service_message_only():
    promo = changed(category=Category.MARKETING)
    assert code({}, promo) == "approved_is_marketing"
    assert code({}, promo, ADVERTISING) is None


def test_one_account_that_can_send_it_is_enough_and_where_nothing_is_known_nothing_is_said():
    bad, good = shelf(changed(status=Status.REJECTED)), shelf()
    assert trouble_anywhere(GIVEN, [bad, good], SERVICE) is None
    assert trouble_anywhere(GIVEN, [], SERVICE) is None
    waits = trouble_anywhere(GIVEN, [bad, shelf(changed(status=Status.PAUSED))], SERVICE)
    assert waits is not None
    assert waits.code == "approved_paused", "the one that may be well again"


def test_a_message_is_hopeless_only_if_there_is_nothing_but_a_template_that_will_never_do():
    content = {"whatsapp": {"template": {**GIVEN, "name": "autre"}}}
    alone, with_sms = (Channel.WHATSAPP,), (Channel.WHATSAPP, Channel.SMS)
    why = asked_of(content, alone, [shelf()], SERVICE)
    assert hopeless(why, content, alone)
    assert not hopeless(why, content, with_sms)
    assert not hopeless(why, {"whatsapp": {**content["whatsapp"], "text": "Bonjour"}}, alone)
    paused = asked_of({"whatsapp": {"template": GIVEN}}, alone, [shelf(changed(status=Status.PAUSED))], SERVICE)
    assert not hopeless(paused, content, alone)
    assert asked_of(content, (Channel.SMS,), [shelf()], SERVICE) is None


def test_a_message_is_billed_by_its_template_s_category_or_else_by_what_its_class_suggests():
    content = {"whatsapp": {"template": GIVEN}}
    assert category_of(content, [shelf(changed(category=Category.MARKETING))], SERVICE) is Category.MARKETING
    assert category_of(content, [], SERVICE) is Category.UTILITY
    assert category_of(None, [], ADVERTISING) is Category.MARKETING
    assert category_of(None, [], MessageClass.OTP) is Category.AUTHENTICATION


def test_places_are_counted_once_and_filled():
    assert places(REMINDER.body) == ["1", "2"]
    assert filled("{{1}} et {{ 2 }}", ["a"]) == "a et {{ 2 }}"
    assert filled("{{first_name}}", {"first_name": "Ana"}) == "Ana"


def test_what_is_kept_of_a_template_is_read_back():
    kept = as_parts(REMINDER)
    assert Template("rdv_rappel", "fr", Status.APPROVED, Category.UTILITY, **parts_read(kept)) == REMINDER


def test_every_code_has_its_sentence_and_its_remedy():
    codes = [one for one in SENTENCES if one.startswith("approved_")]
    assert len(codes) == 16
    assert all(remedy(one, language) for one in codes for language in ("fr", "en"))

"""What a message shows beyond its text: read at the door, limits and all, and filled for one person."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.content import (
    CONFIRM,
    DECLINE,
    NEXT_CHANNEL,
    STOP,
    answered,
    checked,
    content_for,
    tagged,
    usable,
    variables,
)
from core.domain.errors import BadInput
from core.domain.messages import Channel
from core.domain.replies import Meaning, meaning
from core.domain.sentences import SENTENCES
from core.domain.text.templates import MissingValue

PARIS = ZoneInfo("Europe/Paris")
TEXT = "RDV demain à 14h30. Répondez OUI ou NON."
START = datetime(2026, 12, 2, 14, 30, tzinfo=timezone(timedelta(hours=1)))
VALUES = {"first_name": "Ana", "start": START, "code": "abc123"}
MEDIA = {"url": "https://x.example/a.png"}
CARD = {"title": "Votre RDV, {{ first_name }}", "description": "{{ start|date }} à {{ start|time }}", "media": MEDIA}


def filled(channel: Channel, given: Any, *, asks: bool = False, language: str = "fr", text: str = TEXT) -> Any:
    content = content_for(channel, text, asks, checked(given), VALUES, PARIS, language)
    return json.loads(json.dumps(content))


def refused(given: Any) -> BadInput:
    with pytest.raises(BadInput) as error:
        checked(given)
    assert error.value.reason.code in SENTENCES
    return error.value


# at the door

def test_what_the_documentation_shows_is_taken_by_every_channel() -> None:
    page = (Path(__file__).parents[3] / "docs/providers.md").read_text(encoding="utf-8")
    [shown] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if '"content"' in block]

    for channel in map(Channel, (*shown["channels"], "voice")):
        assert usable(channel, checked(shown["content"]), False, True) is None
        assert bool(filled(channel, shown["content"], asks=True)) is (channel is not Channel.SMS)


@pytest.mark.parametrize(("given", "pointer"), [
    ([], "/content"), ("x", "/content"), ({"sms": {}}, "/content/sms"), ({"rcs": 3}, "/content/rcs"),
    ({"rcs": {"text": "a", "card": {"title": "b"}}}, "/content/rcs/card"),
    ({"rcs": {"text": "x" * 3073}}, "/content/rcs/text"), ({"rcs": {"text": " "}}, "/content/rcs/text"),
    ({"rcs": {"text": "{{ first_name"}}, "/content/rcs/text"),
    ({"rcs": {"card": {"description": "alone"}}}, "/content/rcs/card/title"),
    ({"rcs": {"card": {"title": "x" * 201}}}, "/content/rcs/card/title"),
    ({"rcs": {"card": {"title": "a", "description": "x" * 2001}}}, "/content/rcs/card/description"),
    ({"rcs": {"card": {"title": "a", "alignment": "left"}}}, "/content/rcs/card/alignment"),
    ({"rcs": {"card": {"media": {"url": "http://x.example/a"}}}}, "/content/rcs/card/media/url"),
    ({"rcs": {"card": {"media": {"url": "https://u:p@x.example/a"}}}}, "/content/rcs/card/media/url"),
    ({"rcs": {"card": {"media": {**MEDIA, "height": "huge"}}}}, "/content/rcs/card/media/height"),
    ({"rcs": {"card": {"title": "a", "suggestions": [{"kind": "reply", "text": "b"}] * 5}}},
     "/content/rcs/card/suggestions"),
    ({"rcs": {"carousel": {"cards": [{"title": "a"}]}}}, "/content/rcs/carousel/cards"),
    ({"rcs": {"carousel": {"cards": [{"title": "a"}] * 11}}}, "/content/rcs/carousel/cards"),
    ({"rcs": {"carousel": {"cards": [{"title": "a"}, {"media": {**MEDIA, "height": "tall"}}]}}},
     "/content/rcs/carousel/cards/1/media/height"),
    ({"rcs": {"suggestions": [{"kind": "reply", "text": "b"}] * 12}}, "/content/rcs/suggestions"),
    ({"rcs": {"suggestions": [{"text": "b"}]}}, "/content/rcs/suggestions/0/kind"),
    ({"rcs": {"suggestions": [{"kind": "reply", "text": "x" * 26}]}}, "/content/rcs/suggestions/0/text"),
    ({"rcs": {"suggestions": [{"kind": "reply", "text": "a", "postback": "relance:other"}]}},
     "/content/rcs/suggestions/0/postback"),
    ({"rcs": {"suggestions": [{"kind": "dial", "text": "a", "number": "0612345678"}]}},
     "/content/rcs/suggestions/0/number"),
    ({"rcs": {"suggestions": [{"kind": "open", "text": "a"}]}}, "/content/rcs/suggestions/0/url"),
    ({"rcs": {"suggestions": [{"kind": "calendar", "text": "a", "title": "b", "start": "2026-12-02T14:30:00"}]}},
     "/content/rcs/suggestions/0/start"),
    ({"rcs": {"suggestions": [{"kind": "location", "text": "a", "latitude": 91, "longitude": 0}]}},
     "/content/rcs/suggestions/0/latitude"),
    ({"whatsapp": {"template": {"name": "RDV", "language": "fr"}}}, "/content/whatsapp/template/name"),
    ({"whatsapp": {"template": {"name": "rdv", "language": "fr-FR"}}}, "/content/whatsapp/template/language"),
    ({"whatsapp": {"template": {"name": "rdv"}}}, "/content/whatsapp/template/language"),
    ({"whatsapp": {"template": {"name": "rdv", "language": "fr", "body": {"Prénom": "a"}}}},
     "/content/whatsapp/template/body/Prénom"),
    ({"whatsapp": {"template": {"name": "rdv", "language": "fr", "header": {"text": "a", "image": "https://a.example"}}}},
     "/content/whatsapp/template/header"),
    ({"whatsapp": {"template": {"name": "rdv", "language": "fr", "buttons": [{}]}}},
     "/content/whatsapp/template/buttons/0"),
    ({"whatsapp": {"buttons": [{"title": "a"}] * 4}}, "/content/whatsapp/buttons"),
    ({"whatsapp": {"buttons": [{"title": "x" * 21}]}}, "/content/whatsapp/buttons/0/title"),
    ({"whatsapp": {"text": "x" * 1025, "buttons": [{"title": "a"}]}}, "/content/whatsapp/text"),
    ({"whatsapp": {"header": "x" * 61}}, "/content/whatsapp/header"),
    ({"voice": {"voicemail": "sing"}}, "/content/voice/voicemail"),
    ({"voice": {"ask_key": "yes"}}, "/content/voice/ask_key"),
    ({"voice": {"keys": {}}}, "/content/voice/keys"),
    ({"voice": {"keys": {"12": "confirm"}}}, "/content/voice/keys/12"),
    ({"voice": {"keys": {"#": "confirm"}}}, "/content/voice/keys/#"),
    ({"voice": {"keys": {"1": "sing"}}}, "/content/voice/keys/1"),
    ({"voice": {"calls": 5}}, "/content/voice/calls"),
    ({"voice": {"calls": True}}, "/content/voice/calls"),
    ({"voice": {"again_after": "PT1M"}}, "/content/voice/again_after"),
    ({"voice": {"again_after": "P1D"}}, "/content/voice/again_after"),
    ({"voice": {"again_after": "soon"}}, "/content/voice/again_after"),
    ({"voice": {"text": "x" * 1001}}, "/content/voice/text"),
])  # fmt: skip
def test_what_no_channel_would_take_is_refused_where_it_stands(given: Any, pointer: str) -> None:
    assert refused(given).pointer == pointer


def test_what_was_checked_may_be_checked_again() -> None:
    given = {"rcs": {"card": CARD, "suggestions": [{"kind": "reply", "text": "Oui", "postback": "confirm"}]},
             "whatsapp": {"template": {"name": "rdv", "language": "fr", "buttons": [{"quick_reply": "decline"}]}},
             "voice": {"voicemail": "leave_message"}}

    assert checked(checked(given)) == checked(given)


def test_the_variables_of_all_texts_are_known() -> None:
    given = checked({"rcs": {"card": CARD}, "whatsapp": {"template": {
        "name": "rdv", "language": "fr", "body": ["{{ doctor }}"], "buttons": [{"url": "{{ code }}"}]}}})

    assert variables(given) == {"first_name", "start", "doctor", "code"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["reply", "calendar", "https://x.example/a", "{{ x }}", "confirm", "fr"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["rcs", "whatsapp", "voice", "text", "card", "carousel", "cards", "suggestions", "kind", "url",
                         "template", "body", "buttons", "media", "title", "postback", "name", "language"]),
        inner, max_size=4), max_leaves=12)


@settings(max_examples=300)
@given(part=st.sampled_from(["rcs", "whatsapp", "voice"]), given=json_values)
def test_whatever_comes_is_taken_or_refused_with_a_pointer(part: str, given: Any) -> None:
    try:
        taken = checked({part: given})
    except BadInput as error:
        wrong = error
    else:
        assert checked(json.loads(json.dumps(taken))) == taken
        return
    assert wrong.pointer.startswith("/content")
    assert wrong.reason.code in SENTENCES


# RCS

def test_a_plain_text_needs_no_content() -> None:
    assert filled(Channel.RCS, {}) == {}
    assert filled(Channel.SMS, {"rcs": {"card": CARD}}, asks=True) == {}


def test_a_question_gets_two_buttons_in_the_person_s_language() -> None:
    assert filled(Channel.RCS, {}, asks=True) == {"text": TEXT, "suggestions": [
        {"kind": "reply", "text": "OUI", "postback": CONFIRM}, {"kind": "reply", "text": "NON", "postback": DECLINE}]}
    assert [one["text"] for one in filled(Channel.RCS, {}, asks=True, language="de-AT")["suggestions"]] == [
        "JA", "NEIN"]


def test_a_card_is_filled_and_its_question_s_buttons_stand_below_it() -> None:
    shown = filled(Channel.RCS, {"rcs": {"card": CARD}}, asks=True)

    assert shown["card"] == {"title": "Votre RDV, Ana", "description": "mercredi 2 décembre à 14h30",
                             "media": {**MEDIA, "height": "medium"}}
    assert [one["postback"] for one in shown["suggestions"]] == [CONFIRM, DECLINE]
    assert "text" not in shown


def test_buttons_of_one_s_own_that_answer_are_not_doubled() -> None:
    own = [{"kind": "reply", "text": "Je viens", "postback": "confirm"},
           {"kind": "reply", "text": "Je ne viens pas", "postback": "decline"}]

    assert [one["text"] for one in filled(Channel.RCS, {"rcs": {"suggestions": own}}, asks=True)["suggestions"]] == [
        "Je viens", "Je ne viens pas"]
    inside = {"rcs": {"card": {"title": "RDV", "suggestions": own}}}
    assert "suggestions" not in filled(Channel.RCS, inside, asks=True)


def test_an_entry_for_the_calendar_is_about_the_occasion_unless_it_says_otherwise() -> None:
    entry = {"kind": "calendar", "text": "Agenda", "title": "RDV {{ first_name }}"}
    other = {**entry, "start": "2026-12-03T08:00:00Z", "end": "2026-12-03T08:15:00Z"}
    first, second = filled(Channel.RCS, {"rcs": {"suggestions": [entry, other]}})["suggestions"]

    assert (first["start"], first["end"], first["title"]) == ("2026-12-02T13:30:00Z", "2026-12-02T14:30:00Z", "RDV Ana")
    assert (second["start"], second["end"]) == ("2026-12-03T08:00:00Z", "2026-12-03T08:15:00Z")


def test_what_grows_too_long_is_said_with_its_place() -> None:
    given = checked({"rcs": {"suggestions": [{"kind": "reply", "text": "Oui, {{ first_name }}"}]}})
    with pytest.raises(BadInput) as error:
        content_for(Channel.RCS, TEXT, False, given, {"first_name": "x" * 30}, PARIS)
    assert error.value.pointer == "/content/rcs/suggestions/0/text"
    with pytest.raises(MissingValue):
        content_for(Channel.RCS, TEXT, False, given, {}, PARIS)


def test_an_address_that_a_value_spoils_is_refused() -> None:
    given = checked({"rcs": {"suggestions": [{"kind": "open", "text": "Voir", "url": "{{ link }}"}]}})

    for link in ("javascript:alert(1)", "http://x.example", "https://x.example/a b"):
        with pytest.raises(BadInput):
            content_for(Channel.RCS, TEXT, False, given, {"link": link}, PARIS)
    assert content_for(Channel.RCS, TEXT, False, given, {"link": "https://x.example/a"}, PARIS)


def test_a_channel_without_room_for_the_answers_is_passed_over() -> None:
    full = checked({"rcs": {"suggestions": [{"kind": "reply", "text": f"{n}"} for n in range(10)]}})

    assert usable(Channel.RCS, full, False, False) is None
    why = usable(Channel.RCS, full, False, True)
    assert why
    assert why.code == "content_no_room"


# WhatsApp

TEMPLATE = {"name": "rdv_rappel", "language": "fr",
            "body": ["{{ first_name }}", "{{ start|date }}\n  à   {{ start|time }}"],
            "buttons": [{"quick_reply": "confirm"}, {"url": "{{ code }}"}]}


def test_outside_the_window_only_a_template_will_do() -> None:
    free, approved = checked({"whatsapp": {"text": "Bonjour"}}), checked({"whatsapp": {"template": TEMPLATE}})

    why = usable(Channel.WHATSAPP, free, False, False)
    assert why
    assert why.code == "window_closed"
    assert usable(Channel.WHATSAPP, {}, True, True) is None
    assert usable(Channel.WHATSAPP, approved, False, True) is None


def test_a_template_is_filled_on_one_line_each() -> None:
    assert filled(Channel.WHATSAPP, {"whatsapp": {"template": TEMPLATE}}, asks=True) == {"template": {
        "name": "rdv_rappel", "language": "fr", "body": ["Ana", "mercredi 2 décembre à 14h30"],
        "buttons": [{"quick_reply": CONFIRM}, {"url": "abc123"}]}}
    named = {"template": {"name": "r", "language": "fr", "body": {"prenom": "{{ first_name }}"},
                          "header": {"document": "https://x.example/a.pdf", "filename": "Devis {{ code }}"}}}
    assert filled(Channel.WHATSAPP, {"whatsapp": named})["template"]["body"] == {"prenom": "Ana"}


def test_a_text_beside_the_template_is_for_within_the_window() -> None:
    both = {"template": TEMPLATE, "text": "À demain {{ first_name }} ?"}
    shown = filled(Channel.WHATSAPP, {"whatsapp": both}, asks=True)

    assert shown["text"] == "À demain Ana ?"
    assert shown["template"]["name"] == "rdv_rappel"
    assert [one["postback"] for one in shown["buttons"]] == [CONFIRM, DECLINE]


def test_within_the_window_the_message_s_own_text_is_enough() -> None:
    assert filled(Channel.WHATSAPP, {}) == {}
    assert filled(Channel.WHATSAPP, {}, asks=True, language="en") == {"text": TEXT, "buttons": [
        {"title": "YES", "postback": CONFIRM}, {"title": "NO", "postback": DECLINE}]}
    assert filled(Channel.WHATSAPP, {}, asks=True, text="x" * 1025) == {}, "too long for buttons: an answer is written"


# voice

def test_a_call_says_the_text_and_hangs_up_on_a_machine() -> None:
    assert filled(Channel.VOICE, {}, asks=True) == {
        "text": TEXT, "language": "fr-FR", "ask_key": True, "voicemail": "hang_up",
        "keys": {"1": "confirm", "2": "decline", "9": "stop"}}
    given = {"voice": {"text": "Bonjour {{ first_name }}", "language": "fr-CA", "voicemail": "leave_message"}}
    assert filled(Channel.VOICE, given) == {
        "text": "Bonjour Ana", "language": "fr-CA", "ask_key": False, "voicemail": "leave_message", "keys": {}}


def test_a_call_has_keys_of_its_own_and_is_made_again_as_often_as_it_says() -> None:
    given = {"voice": {"keys": {"3": "confirm", "4": "decline"}, "calls": 3, "again_after": "PT15M"}}
    shown = filled(Channel.VOICE, given)

    assert (shown["keys"], shown["ask_key"]) == ({"3": "confirm", "4": "decline"}, True)
    assert (shown["calls"], shown["again_after"]) == (3, 900)


def test_a_question_needs_a_key() -> None:
    silent, half = checked({"voice": {"ask_key": False}}), checked({"voice": {"keys": {"1": "confirm"}}})

    assert usable(Channel.VOICE, silent, False, False) is None
    assert usable(Channel.VOICE, silent, False, True) is not None
    assert usable(Channel.VOICE, half, False, True) is not None, "who may say yes may say no"
    assert usable(Channel.VOICE, {}, False, True) is None


# buttons

@pytest.mark.parametrize(("own", "said", "means"), [
    (CONFIRM, "OUI", Meaning.CONFIRM), (DECLINE, "NON", Meaning.CANCEL), (STOP, "STOP", Meaning.STOP)])
def test_a_button_of_ours_says_what_a_person_would_write_and_about_which_message(
        own: str, said: str, means: Meaning) -> None:
    assert answered(tagged(own, "msg_1")) == (said, "msg_1")
    assert answered(own) == (said, None)
    assert meaning(said, True) is means


def test_another_button_is_not_ours() -> None:
    assert tagged("other", "msg_1") == "other"
    for postback in ("", "confirm", "relance:confirmed", "relance:", "x" + CONFIRM):
        assert answered(postback) is None


def test_every_reason_to_try_the_next_channel_has_a_sentence() -> None:
    assert SENTENCES.keys() >= NEXT_CHANNEL


def test_plain_text_always_leaves() -> None:
    for asks in (True, False):
        assert usable(Channel.SMS, {}, False, asks) is None

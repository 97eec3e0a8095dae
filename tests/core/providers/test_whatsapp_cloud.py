"""WhatsApp beyond the common promises: its window, its templates, its errors, and what Meta signs and posts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    Inbound,
    Outcome,
    Outgoing,
    PhoneReply,
    ProviderTools,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.approved import Button, Category, News, Status
from core.domain.content import CONFIRM, DECLINE, NEXT_CHANNEL
from core.domain.errors import NeedsReconnect, NotAuthentic, NotNow, Unreadable
from core.domain.messages import Channel, MessageClass, State
from core.domain.sentences import SENTENCES
from core.providers.whatsapp_cloud import WhatsAppCloud
from core.providers.whatsapp_words import CODES
from tests.fakes.whatsapp import (
    APP_SECRET,
    NUMBER_ID,
    TOKEN,
    VERIFY_TOKEN,
    WABA_ID,
    FakeWhatsApp,
    envelope,
    error,
    signature,
    template,
)
from tests.faults.server import cut_after

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ANA = "+33639980001"
VECTORS = json.loads((Path(__file__).parents[2] / "data/channel_signatures.json").read_text())["whatsapp_cloud"]
TEMPLATE = {"name": "rdv_rappel", "language": "fr", "body": ["Ana", "2 décembre 14h30"],
            "buttons": [{"quick_reply": CONFIRM}, {"quick_reply": DECLINE}]}
ACCOUNT = Account("acc_1", "ws_1", "whatsapp_cloud", {"phone_number_id": NUMBER_ID},
                  {"access_token": TOKEN, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN},
                  "https://relance.example/r/s", "https://relance.example/m/s")


@pytest.fixture
def fake() -> Iterator[FakeWhatsApp]:
    with FakeWhatsApp() as server:
        server.open_windows.add(ANA)
        yield server


@pytest.fixture
def whatsapp(fake: FakeWhatsApp) -> WhatsAppCloud:
    return WhatsAppCloud(ProviderTools(urls={"whatsapp": fake.url}, timeout=20))


def message(**changes: Any) -> Outgoing:
    return replace(Outgoing("msg_1", ANA, "RDV demain à 9 h", Channel.WHATSAPP, MessageClass.TRANSACTIONAL, "GSM-7",
                            country="FR", within_window=True), **changes)


def send(whatsapp: WhatsAppCloud, *messages: Outgoing) -> list[Outcome]:
    return whatsapp.send(ACCOUNT, messages or (message(),), NOW, lambda reference: None)


def inbound(body: bytes, given: str | None = None) -> Inbound:
    return Inbound("POST", ACCOUNT.receipts_url, (("X-Hub-Signature-256", given or signature(body)),), body, NOW)


def heard(body: bytes) -> tuple[Receipt | PhoneReply, ...]:
    provider = WhatsAppCloud(ProviderTools(urls={}))
    provider.verify(inbound(body), ACCOUNT)
    return provider.read(inbound(body), ACCOUNT)


# what is written

def test_free_text_within_the_window(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    [outcome] = send(whatsapp)

    [seen] = fake.requests
    assert (seen.method, seen.path) == ("POST", f"/v26.0/{NUMBER_ID}/messages")
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.json == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "33639980001", "type": "text",
        "text": {"body": "RDV demain à 9 h", "preview_url": False}, "biz_opaque_callback_data": "msg_1"}
    assert outcome == Accepted("wamid.1==")


def test_outside_the_window_free_text_is_not_even_tried(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    [outcome] = send(whatsapp, message(within_window=False))

    assert isinstance(outcome, Refused)
    assert outcome.reason.code == "window_closed"
    assert outcome.reason.code in NEXT_CHANNEL
    assert fake.requests == []


def test_a_template_with_its_parameters_and_buttons(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    fake.open_windows.clear()
    content = {"template": {**TEMPLATE, "header": {"image": "https://x.example/a.png"}}}
    assert isinstance(send(whatsapp, message(within_window=False, content=content))[0], Accepted)

    [got] = fake.received(ANA)
    assert got["template"] == {"name": "rdv_rappel", "language": {"code": "fr"}, "components": [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.example/a.png"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "2 décembre 14h30"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [
            {"type": "payload", "payload": "relance:confirm:msg_1"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [
            {"type": "payload", "payload": "relance:decline:msg_1"}]}]}


def test_named_parameters_a_document_and_an_address_s_end(whatsapp: WhatsAppCloud, fake: FakeWhatsApp) -> None:
    content = {"template": {"name": "rdv_rappel", "language": "fr", "body": {"prenom": "Ana", "quand": "demain"},
                            "header": {"document": "https://x.example/a.pdf", "filename": "Devis"},
                            "buttons": [{"url": "abc"}]}}
    assert isinstance(send(whatsapp, message(content=content))[0], Accepted)
    header, body, button = fake.received(ANA)[0]["template"]["components"]
    assert header["parameters"] == [{"type": "document", "document": {"link": "https://x.example/a.pdf",
                                                                      "filename": "Devis"}}]
    assert body["parameters"][0] == {"type": "text", "parameter_name": "prenom", "text": "Ana"}
    assert button == {"type": "button", "sub_type": "url", "index": "0",
                      "parameters": [{"type": "text", "text": "abc"}]}
    bare = message(content={"template": {"name": "bonjour", "language": "fr"}})
    send(whatsapp, bare)
    assert fake.received(ANA)[1]["template"] == {"name": "bonjour", "language": {"code": "fr"}}


def test_a_text_beside_the_template_is_preferred_within_the_window(whatsapp: WhatsAppCloud, fake: FakeWhatsApp) -> None:
    content = {"template": TEMPLATE, "text": "À demain ?", "header": "Rappel", "footer": "Cabinet", "buttons": [
        {"title": "OUI", "postback": CONFIRM}, {"title": "NON", "postback": DECLINE}]}
    send(whatsapp, message(content=content), message(content=content, within_window=False, reference="msg_2"))

    # Both are on their way at once: either may arrive first.
    free, approved = sorted(fake.received(ANA), key=lambda one: "interactive" not in one)
    assert free["interactive"] == {
        "type": "button", "header": {"type": "text", "text": "Rappel"}, "body": {"text": "À demain ?"},
        "footer": {"text": "Cabinet"}, "action": {"buttons": [
            {"type": "reply", "reply": {"id": "relance:confirm:msg_1", "title": "OUI"}},
            {"type": "reply", "reply": {"id": "relance:decline:msg_1", "title": "NON"}}]}}
    assert approved["type"] == "template"


def test_a_commercial_text_has_a_button_to_hear_no_more(whatsapp: WhatsAppCloud, fake: FakeWhatsApp) -> None:
    send(whatsapp, message(message_class=MessageClass.MARKETING, stop_mention=True))
    [button] = fake.received(ANA)[0]["interactive"]["action"]["buttons"]
    assert button["reply"] == {"id": "relance:stop:msg_1", "title": "STOP"}

    [long] = send(whatsapp, message(message_class=MessageClass.MARKETING, stop_mention=True, text="x" * 1100))
    assert isinstance(long, Refused)
    assert long.reason.code == "provider_no_way_out"


# what is answered

def test_a_broken_line_stays_in_doubt_and_is_not_said_again(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    fake.fail(cut_after(), takes=True)
    [outcome] = send(whatsapp)

    assert isinstance(outcome, Uncertain)
    assert not whatsapp.idempotent
    assert not whatsapp.can_look_up
    assert len(fake.received(ANA)) == 1


@pytest.mark.parametrize(("number", "code", "kind", "reason"), [
    (400, 131047, Refused, "window_closed"), (400, 131026, Refused, "channel_unreachable"),
    (400, 131049, Refused, "whatsapp_person_capped"), (400, 131050, Refused, "provider_number_silent"),
    (404, 132001, Refused, "whatsapp_template_missing"), (400, 132000, Refused, "whatsapp_template_refused"),
    (400, 132015, Refused, "whatsapp_template_paused"), (400, 131030, Refused, "provider_trial_account"),
    (400, 100, Refused, "channel_unsuitable"), (401, 190, AccountTrouble, "provider_key_refused"),
    (403, 10, AccountTrouble, "provider_forbidden"), (400, 200, AccountTrouble, "provider_forbidden"),
    (400, 131042, AccountTrouble, "provider_no_credit"), (400, 368, AccountTrouble, "provider_account_suspended"),
    (400, 131037, AccountTrouble, "whatsapp_sender_unready"), (429, 130429, TryLater, "provider_busy"),
    (400, 131056, TryLater, "provider_busy"), (400, 131048, TryLater, "whatsapp_sender_restricted"),
    (500, 131016, TryLater, "provider_away"), (400, 131000, TryLater, "provider_away"),
    (500, 131000, Uncertain, "provider_uncertain"), (500, 2, Uncertain, "provider_uncertain"),
    (400, 999999, Refused, "provider_refused")])
def test_meta_s_codes(fake: FakeWhatsApp, whatsapp: WhatsAppCloud, number: int, code: int, kind: type,
                      reason: str) -> None:
    fake.fail(error(number, code))
    [outcome] = send(whatsapp)

    assert isinstance(outcome, kind)
    assert outcome.reason.code == reason  # type: ignore[union-attr]
    assert getattr(outcome, "opt_out", False) is (code == 131050)


def test_how_long_to_wait(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    for code, after in ((131056, timedelta(seconds=6)), (131048, timedelta(hours=1)), (130429, timedelta(minutes=1))):
        fake.fail(error(400, code))
        [outcome] = send(whatsapp)
        assert isinstance(outcome, TryLater)
        assert outcome.after == after
        # One message in six seconds is a limit of that person's; the others go on.
        assert outcome.alone is (code == 131056)


def test_an_unknown_sender_is_the_account_s_trouble_and_no_fault_of_the_message(
        fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    fake.fail(error(400, 100, error_subcode=33))
    [outcome] = send(whatsapp)

    assert isinstance(outcome, AccountTrouble)


def test_every_meaning_has_a_sentence() -> None:
    assert {meant.code for meant in CODES.values()} <= SENTENCES.keys()


def test_the_doctor_asks_for_the_number_itself(fake: FakeWhatsApp, whatsapp: WhatsAppCloud) -> None:
    assert whatsapp.check(ACCOUNT, NOW) is None
    wrong = whatsapp.check(replace(ACCOUNT, secrets={"access_token": "other"}), NOW)
    assert wrong
    assert wrong.code == "provider_key_refused"


# what Meta posts

@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_signature_is_over_the_bytes_as_they_came(vector: dict[str, str]) -> None:
    provider = WhatsAppCloud(ProviderTools(urls={}))
    body = vector["body"].encode()
    provider.verify(inbound(body, vector["header"]), ACCOUNT)
    for wrong in (vector["header"].upper(), vector["header"][7:], "sha256=", "", "é"):
        with pytest.raises(NotAuthentic):
            provider.verify(inbound(body, wrong or " "), ACCOUNT)
    with pytest.raises(NotAuthentic):
        provider.verify(inbound(body + b" ", vector["header"]), ACCOUNT)


def status_of(word: str, **more: Any) -> dict[str, Any]:
    return {"id": "wamid.X", "status": word, "timestamp": str(int(NOW.timestamp()) - 60),
            "recipient_id": "33639980001", "biz_opaque_callback_data": "msg_1", **more}


@pytest.mark.parametrize(("word", "state"), [
    ("sent", State.SENT), ("delivered", State.DELIVERED), ("read", State.READ), ("played", State.READ),
    ("warning", None)])
def test_statuses(word: str, state: State | None) -> None:
    assert heard(envelope(statuses=[status_of(word)])) == (
        Receipt("wamid.X", state, word, NOW - timedelta(minutes=1), "msg_1"),)


def failed(code: int) -> Receipt:
    [receipt] = heard(envelope(statuses=[status_of("failed", errors=[{"code": code, "title": "t", "message": "m"}])]))
    assert isinstance(receipt, Receipt)
    assert receipt.state is State.FAILED
    return receipt


def test_a_late_failure_means_what_an_early_one_does() -> None:
    silent, slow, unpaid, nobody = failed(131050), failed(130429), failed(131042), failed(131026)
    capped, unknown = failed(131049), failed(7)

    assert silent.opt_out
    assert slow.retry
    assert unpaid.account_trouble
    assert nobody.reason
    assert nobody.reason.code == "channel_unreachable"
    assert {nobody.retry, nobody.dead_number, nobody.opt_out} == {False}
    assert not capped.retry, "an earlier try fails again"
    assert unknown.reason
    assert unknown.reason.code == "provider_undelivered"


def said(kind: str, **more: Any) -> dict[str, Any]:
    return {"from": "33639980001", "id": "wamid.in", "timestamp": str(int(NOW.timestamp()) - 60), "type": kind, **more}


@pytest.mark.parametrize(("message_", "text", "answers"), [
    (said("text", text={"body": "Oui"}), "Oui", None),
    (said("text", text={"body": "Oui"}, context={"id": "wamid.X"}), "Oui", "wamid.X"),
    (said("button", button={"payload": "relance:decline:msg_1", "text": "Impossible"}), "NON", "msg_1"),
    (said("button", button={"payload": "Oui", "text": "Oui"}, context={"id": "wamid.X"}), "Oui", "wamid.X"),
    (said("interactive", interactive={"type": "button_reply", "button_reply": {"id": CONFIRM, "title": "Oui !"}},
          context={"id": "wamid.X"}), "OUI", "wamid.X"),
    (said("interactive", interactive={"type": "list_reply", "list_reply": {"id": "a", "title": "Mardi"}}), "Mardi",
     None),
    (said("reaction", reaction={"message_id": "wamid.X", "emoji": "👍"}), "👍", None),
    (said("image", image={"id": "1", "caption": "Voilà"}), "Voilà", None),
    (said("audio", audio={"id": "1"}), "(audio)", None),
    (said("location", location={"latitude": 45.7, "longitude": 4.8}), "45.7,4.8", None),
    (said("unsupported", errors=[{"code": 131051}]), "(unsupported)", None)])  # fmt: skip
def test_what_people_say(message_: dict[str, Any], text: str, answers: str | None) -> None:
    assert heard(envelope(messages=[message_])) == (
        PhoneReply(ANA, "+33900000000", text, NOW - timedelta(minutes=1), "wamid.in", answers),)


def test_one_post_may_bring_many_things_and_another_number_s_are_not_ours() -> None:
    both = json.loads(envelope(statuses=[status_of("delivered"), status_of("read")], messages=[said("system")]))
    other = json.loads(envelope(number_id="999999999", statuses=[status_of("delivered")]))
    both["entry"] += other["entry"]

    assert [one.status for one in heard(json.dumps(both).encode()) if isinstance(one, Receipt)] == ["delivered", "read"]
    assert heard(json.dumps(other).encode()) == ()


def test_what_can_be_read_is_not_lost_with_what_cannot() -> None:
    assert len(heard(envelope(messages=[said("text", text={"body": "Oui"}), {"id": "x"}]))) == 1
    nameless = {**said("text", text={"body": "Oui"}), "from": "FR.13491208655302741918"}
    with pytest.raises(Unreadable):
        heard(envelope(messages=[nameless]))


def test_the_app_s_own_switch_for_promotions_is_a_stop() -> None:
    def switched(value: str, category: str = "marketing_messages") -> list[str]:
        body = envelope("user_preferences", user_preferences=[
            {"wa_id": "33639980001", "category": category, "value": value, "timestamp": 1731705721}])
        return [one.text for one in heard(body) if isinstance(one, PhoneReply)]

    assert (switched("stop"), switched("resume"), switched("stop", "other")) == (["STOP"], ["START"], [])


def shakes(query: str, method: str = "GET") -> Any:
    return WhatsAppCloud(ProviderTools(urls={})).handshake(
        Inbound(method, f"https://relance.example/r/s?{query}", (), b"", NOW), ACCOUNT)


def test_the_address_is_confirmed_with_the_word_that_was_chosen() -> None:
    good = f"hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=1158201444"

    assert (shakes(good).status, shakes(good).body) == (200, b"1158201444")
    assert shakes(good, "POST") is None
    for wrong in ("", good.replace(VERIFY_TOKEN, "other"), good.replace("subscribe", "unsubscribe"),
                  good.replace("1158201444", "%3Cscript%3E"), good.replace("1158201444", "")):
        assert shakes(wrong).status == 403


# ---------------------------------------------------------------------------------------------- templates

LISTING = replace(ACCOUNT, config={**ACCOUNT.config, "waba_id": WABA_ID})


def posted(fake: FakeWhatsApp, field: str, waba_id: str = WABA_ID, **value: Any) -> list[News]:
    body = fake.news(field, waba_id, message_template_name="rdv_rappel", message_template_language="en-US", **value)
    request = Inbound("POST", "https://relance.example/r/s", (("X-Hub-Signature-256", signature(body)),), body, NOW)
    provider = WhatsAppCloud(ProviderTools(urls={}))
    provider.verify(request, LISTING)
    return [one for one in provider.read(request, LISTING) if isinstance(one, News)]


def test_all_templates_are_listed_page_by_page(whatsapp, fake):
    fake.templates += [
        template("promo", "Soldes chez {{shop}} !", "en_US", "MARKETING", "REJECTED", rejected_reason="PROMOTIONAL",
                 quality_score={"score": "RED"}, header={"format": "IMAGE", "example": {}}, buttons=[
                     {"type": "URL", "text": "Voir", "url": "https://shop.example/{{1}}"},
                     {"type": "PHONE_NUMBER", "text": "Appeler", "phone_number": "+33123456789"},
                     {"type": "COPY_CODE", "example": "X"}]),
        template("demain", "x", status="OF_A_FUTURE_DAY", category="OF_A_FUTURE_DAY"),
    ]
    found = {one.name: one for one in whatsapp.templates(LISTING, NOW)}
    assert len([seen for seen in fake.requests if "/message_templates" in seen.path]) == 2
    assert list(found) == ["rdv_rappel", "bonjour", "promo", "demain"]
    reminder, promo, unknown = found["rdv_rappel"], found["promo"], found["demain"]
    assert (reminder.status, reminder.category, reminder.footer) == (Status.APPROVED, Category.UTILITY, "Cabinet Lyon")
    assert [one.kind for one in reminder.buttons] == ["reply", "reply"]
    assert (promo.language, promo.status, promo.rejected, promo.quality) == (
        "en_US", Status.REJECTED, "PROMOTIONAL", "RED")
    assert promo.header_kind == "image"
    assert promo.buttons == (Button("url", "Voir", "https://shop.example/{{1}}"),
                             Button("phone", "Appeler", "+33123456789"), Button("other", ""))
    assert (unknown.status, unknown.category) == (Status.UNKNOWN, None)


def test_an_account_that_does_not_say_its_business_account_cannot_be_asked(whatsapp, fake):
    missing = whatsapp.without_list(ACCOUNT)
    assert missing is not None
    assert missing.code == "approved_no_account"
    assert whatsapp.without_list(LISTING) is None
    with pytest.raises(NeedsReconnect):
        whatsapp.templates(ACCOUNT, NOW)
    assert fake.requests == []


@pytest.mark.parametrize(("step", "raised"), [
    (error(400, 80008), NotNow), (error(500, 2), NotNow), (error(429, 4), NotNow), (error(403, 200), NeedsReconnect),
    (error(401, 190), NeedsReconnect), (error(400, 100, error_subcode=33), NeedsReconnect),
])
def test_a_list_that_does_not_come_is_none(whatsapp, fake, step, raised):
    fake.page = 1
    fake.fail(step)
    with pytest.raises(raised) as told:
        whatsapp.templates(LISTING, NOW)
    assert told.value.reason.code in SENTENCES
    assert TOKEN not in str(told.value.reason.values)


@pytest.mark.parametrize(("event", "status"), [
    ("APPROVED", Status.APPROVED), ("REINSTATED", Status.APPROVED), ("FLAGGED", Status.APPROVED),
    ("PAUSED", Status.PAUSED), ("DISABLED", Status.DISABLED), ("REJECTED", Status.REJECTED),
    ("PENDING", Status.PENDING), ("IN_APPEAL", Status.PENDING), ("PENDING_DELETION", Status.GONE),
    ("ARCHIVED", Status.GONE), ("LIMIT_EXCEEDED", Status.LIMITED), ("LOCKED", None), ("OF_A_FUTURE_DAY", None),
])
def test_what_is_posted_of_a_status(fake, event, status):
    [told] = posted(fake, "message_template_status_update", event=event, reason="NONE",
                    message_template_category="UTILITY",
                    other_info={"title": "FIRST_PAUSE", "description": "Paused for 3 hours."})
    assert (told.name, told.language, told.status, told.category) == ("rdv_rappel", "en_US", status, Category.UTILITY)
    assert told.note == ("" if event in ("APPROVED", "REINSTATED") else "Paused for 3 hours.")


def test_what_is_posted_of_a_rejection_a_quality_and_a_category(fake):
    [rejected] = posted(fake, "message_template_status_update", event="REJECTED", reason="INVALID_FORMAT",
                        rejection_info={"reason": "Two variables touch.", "recommendation": "Part them."})
    assert (rejected.rejected, rejected.note) == ("INVALID_FORMAT", "Two variables touch. Part them.")
    [quality] = posted(fake, "message_template_quality_update", previous_quality_score="GREEN",
                       new_quality_score="YELLOW")
    assert (quality.quality, quality.status, quality.category) == ("YELLOW", None, None)
    [changed] = posted(fake, "template_category_update", previous_category="UTILITY", new_category="MARKETING")
    assert (changed.category, changed.next_category) == (Category.MARKETING, None)
    [ahead] = posted(fake, "template_category_update", correct_category="MARKETING", new_category="UTILITY",
                     category_update_timestamp=1796202000)
    assert (ahead.category, ahead.next_category, ahead.next_category_at) == (
        Category.UTILITY, Category.MARKETING, datetime.fromtimestamp(1796202000, UTC))


def test_what_is_posted_of_another_account_is_not_ours(fake):
    assert posted(fake, "message_template_status_update", "999999999999", event="PAUSED") == []


def test_a_post_about_nothing_that_we_know_says_nothing(whatsapp, fake):
    for body in (b'{"entry": [{"id": 5}]}', fake.news("account_update", event="x"),
                 fake.news("message_template_status_update", event="PAUSED", message_template_name=5),
                 fake.news("message_template_status_update", event="PAUSED", message_template_name="a",
                           message_template_language={"x": 1})):
        assert whatsapp.read(Inbound("POST", "https://relance.example/r/s", (), body, NOW), LISTING) == ()

"""What no database keeps is marked at the door: titles, texts, answers, and the names that platforms give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.contract import Inbound, PhoneReply, Receipt
from core.domain.events import Event, Evidence, Kind, Wish
from core.domain.messages import Channel, MessageClass, State
from core.domain.occasions import updated
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.storage import feedback, inbox, occasions, outbox
from core.storage.cleaning import UNREADABLE, clean, clean_event

ANA = "+33639980001"
NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
ODD = "Ana\x00\ud83d Martin\udfff"
MARKED = f"Ana{UNREADABLE}{UNREADABLE} Martin{UNREADABLE}"
WHOLE = "Ana 🙂 e\u0301 \u200b\r\n\x01"


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (name, *texts(one))
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


@given(st.recursive(st.none() | st.integers() | st.text(st.characters()),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner)))
def test_whatever_json_comes_what_is_kept_can_be_written_and_is_not_cleaned_twice(value):
    kept = clean(value)
    said = "".join(texts(kept))
    assert "\x00" not in said
    assert said.encode().decode() == said
    assert clean(kept) == kept


def test_what_is_whole_stays_as_it_is():
    assert clean(WHOLE) is WHOLE
    assert clean(None) is None
    assert clean({"a": [1, (WHOLE,)]}) == {"a": [1, (WHOLE,)]}


def test_the_same_event_is_the_same_again_after_it_was_cleaned():
    event = Event(Kind.APPOINTMENT, "visit", NOW, start=NOW, values={"title": ODD})
    known = updated(None, clean_event(event))
    assert updated(known, clean_event(event)) is None


def test_an_odd_title_is_stored_on_both_databases(database, workspace):
    event = Event(Kind.APPOINTMENT, f"visit{ODD}", NOW, start=NOW + timedelta(days=2), recipient=Recipient.parse(ANA),
                  trouble=Reason("two_numbers", {"numbers": ODD}), evidence=Evidence("title", ODD),
                  values={"title": ODD, ODD: [ODD]}, private={"etag": ODD}, candidates=(ODD,))  # fmt: skip
    for _ in range(2):
        with database.write(workspace) as tx:
            changed = occasions.apply(tx, "ins_1", [event], backlog=False, now=NOW)
    assert changed == [], "and known again"
    with database.read(workspace) as tx:
        [kept] = occasions.by_keys(tx, "ins_1", [f"visit{MARKED}"])
    assert kept.values == {"title": MARKED, MARKED: [MARKED]}
    assert kept.evidence == Evidence("title", MARKED)


def test_an_odd_text_and_an_odd_answer_are_stored_on_both_databases(database, workspace):
    new = outbox.New(to=ANA, country="FR", text=ODD, encoding="UCS-2", segments=1, due_at=NOW, reference=ODD,
                     message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,))
    with database.write(workspace) as tx:
        [name] = outbox.accept(tx, [new], NOW)
        reply = feedback.keep_reply(tx, "acc_1", PhoneReply(ANA, "38555", ODD, NOW, "r1"), NOW)
        receipt = Receipt(ODD, State.SENT, ODD, NOW, reason=Reason("x", {"a": ODD}))
        kept = feedback.keep_receipts(tx, "acc_1", [receipt], NOW)
    assert reply is not None
    assert [one.status for _, one in kept] == [MARKED]
    with database.read(workspace) as tx:
        row, said = outbox.get(tx, name), feedback.reply(tx, reply)
    assert row is not None
    assert said is not None
    assert (row["text"], row["reference"], said["text"]) == (MARKED, MARKED, MARKED)


# ---------------------------------------------------------------------------------------------- the inbox


def hook(body: bytes = b"{}", after: timedelta = timedelta()) -> Inbound:
    return Inbound("POST", "https://relance.example/hooks/shop/ins_1", (), body, NOW + after)


def seen(database, workspace, request: Inbound, delivery: str | None, same: timedelta = timedelta(hours=48)) -> bool:
    with database.write(workspace) as tx:
        return inbox.seen(tx, "ins_1", request, delivery, same_content=same)


def keep(database, workspace, request: Inbound, delivery: str | None) -> None:
    with database.write(workspace) as tx:
        inbox.keep(tx, request, "shop", "read", installation="ins_1", delivery=delivery)


def test_without_a_name_the_same_words_are_the_same_delivery_for_as_long_as_the_platform_retries(database, workspace):
    keep(database, workspace, hook(), None)
    assert seen(database, workspace, hook(after=timedelta(hours=47)), None)
    assert not seen(database, workspace, hook(after=timedelta(hours=49)), None)
    assert not seen(database, workspace, hook(b"[]"), None)
    assert not seen(database, workspace, hook(after=timedelta(hours=2)), None, same=timedelta(hours=1))


def test_another_name_is_another_delivery_unless_it_is_the_same_words_within_minutes(database, workspace):
    keep(database, workspace, hook(), "d1")
    assert seen(database, workspace, hook(b"[]", timedelta(days=5)), "d1")
    assert seen(database, workspace, hook(after=timedelta(minutes=9)), "d2")
    assert not seen(database, workspace, hook(after=timedelta(minutes=11)), "d2")


def test_a_name_that_no_database_keeps_is_a_name_all_the_same(database, workspace):
    odd = f"{ODD}{'x' * 500}"
    keep(database, workspace, hook(), odd)
    assert seen(database, workspace, replace(hook(), body=b"other", received_at=NOW + timedelta(days=3)), odd)


def test_a_name_that_is_too_long_is_kept_short_and_found_by_its_long_form(database, workspace):
    """PostgreSQL refuses what does not fit its column, and with it the whole delivery, at each retry."""
    ana, bob, flow = "person/" + "a" * 400, "person/" + "a" * 399 + "b", "flow " + "7" * 400
    with database.write(workspace) as tx:
        for number, subject in enumerate((ana, bob)):
            wish = Wish("transactional", "Bonjour", campaign=flow)
            event = Event(Kind.REQUEST, f"run/{number}", NOW, recipient=Recipient.parse(ANA), subject=subject,
                          zone="Europe/" + "x" * 100, wish=wish)  # fmt: skip
            [one] = occasions.apply(tx, "ins_1", [event], backlog=False, now=NOW)
            assert one.wish is not None
            new = outbox.New(to=ANA, country="FR", text="x", encoding="GSM-7", segments=1, due_at=NOW, occasion=one.id,
                             message_class=MessageClass.TRANSACTIONAL, channels=(Channel.SMS,),
                             campaign=one.wish.campaign)  # fmt: skip
            outbox.accept(tx, [new], NOW)
        assert [one.key for one in occasions.of_person(tx, "ins_1", subject=ana)] == ["run/0"]
        assert occasions.numbers_of(tx, "ins_1", [bob]) == {bob: (ANA,)}
        ids = [one.id for one in occasions.by_keys(tx, "ins_1", ["run/0", "run/1"])]
        assert outbox.call_off(tx, ids, Reason("called_off_there"), NOW, campaign=flow) == 2
        assert occasions.merged(tx, "ins_1", bob, ana) == 1
        assert len(occasions.of_person(tx, "ins_1", subject=ana)) == 2

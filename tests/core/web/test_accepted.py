"""What is done cheaply where messages are accepted says the same as what is done at length."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import BadInput
from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.domain.recipients import Line, Recipient
from core.domain.text.templates import Template, compile_template
from core.engine import sending, shown
from core.storage import outbox
from core.web.api import reading
from core.web.problems import Malformed
from tests.support.clinic import Clinic

NOW = datetime(2026, 12, 1, 11, 0, 0, 250_000, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
WORDS = st.text(max_size=30)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
REASONS = st.sampled_from([None, Reason("stale"), Reason("not_a_mobile", {"line": "fixed"})])
CHECKS = st.lists(
    st.builds(Check, st.sampled_from(["number", "consent", "hours"]), st.sampled_from(["passed", "refused"]), REASONS),
    max_size=4,
).map(tuple)
NEW = st.builds(
    outbox.New,
    to=st.just("+33639980001"),
    country=st.just("FR"),
    text=WORDS,
    encoding=st.sampled_from(["GSM-7", "UCS-2"]),
    segments=st.integers(1, 10),
    message_class=st.sampled_from(list(MessageClass)),
    channels=st.lists(st.sampled_from(list(Channel)), min_size=1, max_size=4, unique=True).map(tuple),
    due_at=MOMENTS,
    expires_at=st.none() | MOMENTS,
    price_micros=st.none() | st.integers(0, 10**7),
    currency=st.just("EUR"),
    reference=st.none() | WORDS,
    zone=st.sampled_from([None, "Europe/Paris"]),
    checks=CHECKS,
    test=st.booleans(),
    state=st.sampled_from([State.SCHEDULED, State.SUPPRESSED, State.EXPIRED]),
    reason=REASONS,
    budgets=st.none() | st.dictionaries(st.sampled_from(["sms", "rcs"]), st.integers(60, 600)),
    tells=st.booleans(),
)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    clinic = Clinic(tmp_path_factory.mktemp("accepted"))
    return clinic.suite.database, clinic.workspace


@settings(max_examples=60, deadline=None)
@given(st.lists(NEW, min_size=1, max_size=4), st.sampled_from(["fr", "en"]))
def test_the_answer_to_a_message_is_what_its_row_would_say(room, messages, language):
    database, workspace = room
    with database.write(workspace) as tx:
        ids = outbox.accept(tx, messages, NOW)
        rows = outbox.by_ids(tx, ids)
    for message_id, one in zip(ids, messages, strict=True):
        assert shown.accepted(message_id, one, NOW, language) == shown.message(rows[message_id], language)


@given(
    st.lists(st.sampled_from(["Bonjour ", "é", " ", "\n", "{{ a }}", "{{b}}", "{{ a }} ", "L’an", "😀", "x" * 900])),
    st.dictionaries(
        st.sampled_from(["a", "b"]),
        WORDS | st.sampled_from(["Ana", "  ", "a\nb", "e\u0301", "x" * 1500, None, 3, True, {}, NOW]),
    ),
    st.sampled_from(["fr", "en"]),
)
def test_a_plain_text_is_filled_as_any_other(parts, values, language):
    plain = compile_template("".join(parts))
    at_length = Template(plain.source, plain.variables, plain._compiled)
    assert _said(plain, values, language) == _said(at_length, values, language)


def _said(template, values, language):
    try:
        return template.fill(values, PARIS, language)
    except BadInput as error:
        return error.reason


KEPT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | FLOATS | KEPT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEPT, inner, max_size=4),
)


@given(st.dictionaries(KEPT, JSON, max_size=4), st.booleans())
def test_a_body_is_read_alike_with_and_without_escapes(body, escaped):
    written = json.dumps(body, ensure_ascii=escaped).encode()
    assert reading.parsed(written) == body


@pytest.mark.parametrize("depth, fits", [(99, True), (100, False), (150, False)])
@pytest.mark.parametrize("around", ['{"a":%s}', '{"\\u0061":%s}'])
def test_a_body_is_as_deep_as_it_may_be_and_no_deeper(depth, fits, around):
    body = (around % ("[" * depth + '"}]"' + "]" * depth)).encode()
    if fits:
        assert reading.parsed(body)["a"]
    else:
        with pytest.raises(Malformed):
            reading.parsed(body)


@pytest.mark.parametrize("body", [b'{"a":"\\ud800"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\0"}', b'{"a":"\\u0000"}'])
def test_what_no_phone_shows_is_refused_however_it_is_written(body):
    with pytest.raises(Malformed):
        reading.parsed(body)


def test_one_decision_is_shared_by_those_alone_who_are_written_to_alike(room):
    database, workspace = room
    soon, night = NOW + timedelta(hours=1), NOW.replace(hour=22) + timedelta(days=1)
    wanted = [
        sending.Wanted(Recipient(number, country, Line.MOBILE), klass, "Bonjour", send_at=at, sender=sender)
        for number, country in (("+33639980001", "FR"), ("+33639980002", "FR"), ("+447700900001", "GB"))
        for klass in MessageClass
        for at in (soon, night)
        for sender in (None, "CABINET", "36180")
    ]
    with database.read(workspace) as tx:
        together = sending.drafts(tx, wanted, NOW)
        apart = [sending.drafts(tx, [one], NOW)[0] for one in wanted]
    assert [_known(one) for one in together] == [_known(one) for one in apart]


def _known(draft):
    return draft.reason if isinstance(draft, BadInput) else draft

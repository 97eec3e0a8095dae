"""One-time codes: five tries, one approval, one a minute, and nothing that a stranger could learn from."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from core.domain.errors import BadInput, NotFound
from core.domain.messages import Channel
from core.domain.policy.pumping import Origin
from core.domain.recipients import Recipient
from core.engine import erasing, ticking, verifying
from core.engine.verifying import Checked, Started
from core.storage import exports, outbox, verifications
from core.storage import tables as t
from core.storage.database import DatabaseAway
from tests.support.clinic import ANA, BOB, Clinic

MINUTE = timedelta(minutes=1, seconds=1)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def begin(clinic: Clinic, number: str = ANA, **more: object) -> Started:
    with clinic.suite.database.write(clinic.workspace) as tx:
        asked = verifying.Asked(Recipient.parse(number), **{"ip": "203.0.113.9", **more})  # type: ignore[arg-type]
        return verifying.begin(clinic.suite, tx, asked)


def check(clinic: Clinic, started: Started | str, code: str) -> Checked:
    with clinic.suite.database.write(clinic.workspace) as tx:
        return verifying.check(clinic.suite, tx, started if isinstance(started, str) else started.id, code)


def stored(clinic: Clinic) -> list[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return [row["text"] for row in outbox.listed(tx, outbox.Filter())]


def code_of(started: Started) -> str:
    found = re.search(r"\d{6}", started.draft.text)
    assert found
    return found[0]


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def later(clinic: Clinic, by: timedelta) -> None:
    clinic.clock.moment += by


def test_the_right_code_approves_once(clinic: Clinic) -> None:
    started = begin(clinic)
    code = code_of(started)
    assert check(clinic, started, f" {code[:3]} {code[3:]} ").state == "approved"
    assert check(clinic, started, code).state == "expired"


def test_five_tries_and_then_the_right_one_does_not_help(clinic: Clinic) -> None:
    started = begin(clinic)
    wrong = another(code_of(started))
    said = [check(clinic, started, wrong) for _ in range(5)]
    assert [(one.state, one.tries_left) for one in said] == [("wrong", left) for left in (4, 3, 2, 1, 0)]
    assert check(clinic, started, code_of(started)) == Checked(started.id, "too_many", 0, ANA)


def test_after_ten_minutes_it_is_over(clinic: Clinic) -> None:
    started = begin(clinic)
    later(clinic, timedelta(minutes=9, seconds=59))
    assert check(clinic, started, another(code_of(started))).state == "wrong"
    later(clinic, timedelta(seconds=1))
    assert check(clinic, started, code_of(started)).state == "expired"


def test_a_new_code_ends_the_one_before_for_the_same_purpose(clinic: Clinic) -> None:
    first = begin(clinic, purpose="sign-in")
    later(clinic, MINUTE)
    second = begin(clinic, purpose="sign-in")
    later(clinic, timedelta(minutes=2))
    elsewhere = begin(clinic, purpose="order")
    assert check(clinic, first, code_of(first)).state == "expired"
    assert check(clinic, second, code_of(second)).state == "approved"
    assert check(clinic, elsewhere, code_of(elsewhere)).state == "approved"


@pytest.mark.parametrize("origin", [Origin.PUBLIC_FORM, Origin.AUTHENTICATED])
def test_who_asks_twice_in_a_minute_has_the_first_code_on_the_phone(clinic: Clinic, origin: Origin) -> None:
    first = begin(clinic, origin=origin)
    second = begin(clinic, origin=origin)
    assert second.draft.state == "suppressed"
    assert len([one for one in stored(clinic) if re.search(r"\d{6}", one)]) == 1
    assert check(clinic, second, another(code_of(first))).tries_left == 4
    assert check(clinic, second, code_of(first)).state == "approved"
    assert check(clinic, first, code_of(first)).state == "expired"


def test_another_who_asks_for_the_same_number_gains_no_tries_and_is_not_approved_by_us(clinic: Clinic) -> None:
    ours = begin(clinic)
    theirs = [begin(clinic) for _ in range(3)]
    for one in theirs:
        check(clinic, one, another(code_of(ours)))
    assert check(clinic, ours, another(code_of(ours))).tries_left == 1
    assert check(clinic, ours, code_of(ours)).state == "approved"
    for one in theirs:
        with clinic.suite.database.read(clinic.workspace) as tx:
            row = verifications.get(tx, one.id)
        assert row is not None
        assert row["state"] != "approved"
        assert check(clinic, one, code_of(ours)).state == "expired"


def test_a_country_that_is_off_is_answered_like_any_other(clinic: Clinic) -> None:
    let_in, refused = begin(clinic), begin(clinic, "+12025550123")
    assert refused.draft.reason is not None
    assert refused.draft.reason.code == "pumping_country"
    same = ("state", "tries_left", "language", "channel", "purpose")
    assert [getattr(refused, name) for name in same] == [getattr(let_in, name) for name in same]
    said = [check(clinic, refused, "123456") for _ in range(6)]
    assert [one.state for one in said] == [*["wrong"] * 5, "too_many"]
    assert [one.tries_left for one in said] == [4, 3, 2, 1, 0, 0]
    assert not any(re.search(r"\d{6}", one) for one in stored(clinic) if "•" in one)


def test_the_delay_grows_for_a_public_form(clinic: Clinic) -> None:
    sent = []
    for _ in range(6):
        sent.append(begin(clinic).draft.state == "scheduled")
        later(clinic, timedelta(seconds=61))
    assert sum(sent) <= 3
    assert sent[0]


def test_without_its_counters_the_public_door_stays_shut(clinic: Clinic) -> None:
    with clinic.suite.database.write() as tx:
        tx.connection.execute(text("DROP TABLE sightings"))
    with pytest.raises(DatabaseAway):
        begin(clinic)
    assert stored(clinic) == []


def test_a_person_who_entered_the_code_counts_as_converted(clinic: Clinic) -> None:
    started = begin(clinic)
    check(clinic, started, another(code_of(started)))
    won = select(t.sightings.c.count).where(t.sightings.c.key == "won|prefix|+3363998")
    with clinic.suite.database.read() as tx:
        assert tx.connection.execute(won).all() == []
    check(clinic, started, code_of(started))
    with clinic.suite.database.read() as tx:
        assert tx.connection.execute(won).scalars().all() == [1]


def test_the_code_is_nowhere_but_on_its_way(clinic: Clinic) -> None:
    started = begin(clinic)
    code = code_of(started)
    with clinic.suite.database.read(clinic.workspace) as tx:
        exported = str([list(exports.rows(tx, name)) for name in exports.tables()])
        [row] = verifications.listed(tx)
    assert code not in exported
    assert code not in str(row)
    assert code not in repr(started)
    assert code in stored(clinic)[0]
    later(clinic, timedelta(minutes=11))
    ticking.tick(clinic.suite)
    assert code not in stored(clinic)[0]
    assert "••••••" in stored(clinic)[0]


def test_a_code_in_somebodys_own_words_is_hidden_too_or_refused(clinic: Clinic) -> None:
    started = begin(clinic, body="\N{BULLET} Code {{ code }}\n\N{BULLET} Ne le donnez pas")
    spoken = begin(clinic, BOB, body="Code {{ code }}", channel=Channel.VOICE)
    later(clinic, timedelta(minutes=11))
    ticking.tick(clinic.suite)
    ended = "".join(stored(clinic))
    assert code_of(started) not in ended
    assert spoken.state == "pending"
    assert not re.search(r"\d", ended)
    with pytest.raises(BadInput) as refused:
        begin(clinic, "+33639980003", body="REF{{ code }}X")
    assert refused.value.reason.code == "verification_without_code"


def test_a_code_is_hidden_after_a_standstill_of_days_too(clinic: Clinic) -> None:
    begin(clinic)
    with clinic.suite.database.read(clinic.workspace) as tx:
        code = re.search(r"\d{6}", tx.rows(t.messages.select())[0]["text"])
    assert code is not None
    later(clinic, timedelta(days=9))

    assert verifying.hide_spent(clinic.suite) == 1

    with clinic.suite.database.read(clinic.workspace) as tx:
        assert code[0] not in tx.rows(t.messages.select())[0]["text"]


def test_more_codes_than_one_look_hides_are_hidden_all_the_same(clinic: Clinic) -> None:
    begin(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        message = dict(tx.rows(t.messages.select())[0])
        row = dict(tx.rows(t.verifications.select())[0])
        many = range(600)
        tx.connection.execute(t.messages.insert(), [{**message, "id": f"msg_{n}"} for n in many])
        rows = [{**row, "id": f"ver_{n}", "message": f"msg_{n}"} for n in many]
        tx.connection.execute(t.verifications.insert(), rows)
    later(clinic, timedelta(minutes=11))
    assert verifying.hide_spent(clinic.suite) == 601
    assert verifying.hide_spent(clinic.suite) == 0


def test_a_hash_belongs_to_its_own_verification(clinic: Clinic) -> None:
    one, other = begin(clinic), begin(clinic, BOB)
    with clinic.suite.database.write(clinic.workspace) as tx:
        mark = verifications.get(tx, one.id)
        assert mark is not None
        tx.connection.execute(
            t.verifications.update().where(t.verifications.c.id == other.id).values(code_hash=mark["code_hash"])
        )
    assert check(clinic, other, code_of(one)).state == "wrong"


@pytest.mark.parametrize("language, word", [("fr", "votre code"), ("en", "is your"), ("es-MX", "su código"),
                                            ("de", "Ihr Code"), ("it", "suo codice"),
                                            ("ja", "votre code")])  # fmt: skip
def test_it_speaks_the_persons_language_and_names_who_asks(clinic: Clinic, language: str, word: str) -> None:
    text_of = begin(clinic, language=language[:5], app="Boutique Lune").draft.text
    assert word.replace("ó", "o") in text_of.replace("ó", "o")
    assert "Boutique Lune" in text_of


def test_words_of_ones_own_must_name_the_code(clinic: Clinic) -> None:
    own = begin(clinic, body="{{ name }} : {{ code }} ({{ minutes }} min)").draft.text
    assert re.fullmatch(r"Cabinet Lyon : \d{6} \(10 min\)", own)
    with pytest.raises(BadInput):
        begin(clinic, BOB, body="Bonjour")
    with pytest.raises(BadInput):
        begin(clinic, BOB, body="{% if code %}Bonjour{% endif %}")


def test_two_right_codes_at_once_approve_once(clinic: Clinic) -> None:
    started = begin(clinic)
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: check(clinic, started, code_of(started)).state, range(8)))
    assert sorted(said) == ["approved", *["expired"] * 7]


def test_another_workspace_does_not_know_it(clinic: Clinic, tmp_path: Path) -> None:
    started = begin(clinic)
    with clinic.suite.database.write("wsp_other") as tx, pytest.raises(NotFound):
        verifying.check(clinic.suite, tx, started.id, code_of(started))


def test_a_platform_may_say_anything_for_a_purpose(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        odd = "\x00\ud800" + "x" * 300
        started = verifying.start(clinic.suite, tx, "06 39 98 00 01", purpose=odd, ip="203.0.113.9")
    assert (started.to, len(started.purpose)) == (ANA, verifying.PURPOSE)
    assert check(clinic, started, code_of(started)).state == "approved"


def test_of_an_erased_person_nothing_is_left_and_after_a_month_of_nobody(clinic: Clinic) -> None:
    begin(clinic)
    begin(clinic, BOB)
    erasing.erase(clinic.suite, clinic.workspace, Recipient.parse(ANA), who="tests")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [row["number"] for row in verifications.listed(tx)] == [BOB]
    later(clinic, verifications.KEPT + timedelta(hours=1))
    ticking.tick(clinic.suite)
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert verifications.listed(tx) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_whatever_is_typed_is_an_answer(clinic: Clinic, typed: str) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        tx.connection.execute(t.verifications.delete())
        tx.connection.execute(t.sightings.delete())
    started = begin(clinic)
    assert check(clinic, started, typed).state in ("wrong", "approved")

"""Links of planned messages: written with their message, never in rehearsal, and the same when planned again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.domain.messages import Channel, MessageClass
from core.domain.policy.pumping import Origin
from core.domain.recipients import Recipient
from core.domain.text.links import Link
from core.engine import explaining, linking, scheduling, sending
from core.storage import house, links, outbox, rules
from core.storage import tables as t
from core.storage.outbox import Filter
from tests.support.clinic import ANA, BOB, Clinic

PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"}
FORM = "https://cabinet.example/formulaire?p=1"
FRIDAY = "2026-12-04T10:00:00+01:00"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = Clinic(tmp_path)
    says(made, "Rappel {{ start|date }} : remplissez {{ link }}")
    return made


def says(clinic: Clinic, body: str) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        rules.change(tx, clinic.rule, {"body": body})
        scheduling.replan_open(tx, clinic.suite.now(), scheduling.live_installations(tx))


def messages(clinic: Clinic) -> list[Mapping[str, Any]]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return outbox.listed(tx, Filter())


def kept(clinic: Clinic) -> dict[str, Mapping[str, Any]]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return {row["code"]: row for row in links.listed(tx)}


def code_in(text: str) -> str:
    return text.rpartition("/s/")[2]


def follow(clinic: Clinic, code: str, **headers: str) -> linking.Way:
    return linking.follow(clinic.suite, code, "GET", {**PHONE, **headers})


def test_a_scheduled_message_bears_a_link_that_leads_somewhere(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    [message] = messages(clinic)
    assert FORM not in message["text"]
    assert message["segments"] == 1
    row = kept(clinic)[code_in(message["text"])]
    assert (row["target"], row["message"]) == (FORM, message["id"])
    assert follow(clinic, row["code"]).target == FORM


def test_in_rehearsal_the_text_is_short_and_nothing_is_written(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, live=False)
    says(clinic, "Rappel : {{ link }}")
    occasion = clinic.write("visit", FRIDAY, link=FORM)
    with clinic.suite.database.read(clinic.workspace) as tx:
        [planned] = scheduling.planned(tx, scheduling.occasions.by_ids(tx, [occasion]), clinic.suite.now())
    assert "/s/" in planned.answers[0].text  # type: ignore[union-attr]
    assert kept(clinic) == {}


def test_planned_again_the_text_stays_and_so_does_the_message(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    before = messages(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        scheduling.replan_open(tx, clinic.suite.now(), scheduling.live_installations(tx))
    assert messages(clinic) == before
    assert len(kept(clinic)) == 1


def test_a_visit_that_moves_has_another_link_and_the_old_one_leads_nowhere(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    old = code_in(messages(clinic)[0]["text"])
    clinic.clock.moment += timedelta(minutes=1)
    clinic.write("visit", "2026-12-08T10:00:00+01:00", link=FORM)
    [message] = messages(clinic)
    new = code_in(message["text"])
    assert new != old
    assert follow(clinic, old) == linking.Way()
    assert follow(clinic, new).target == FORM
    assert len(kept(clinic)) == 1


def test_each_person_has_a_link_of_their_own(clinic: Clinic) -> None:
    clinic.write("one", FRIDAY, ANA, link=FORM)
    clinic.write("two", FRIDAY, BOB, link=FORM)
    codes = {code_in(one["text"]) for one in messages(clinic)}
    assert codes == set(kept(clinic))
    assert len(codes) == 2
    assert not any(digits in code for code in codes for digits in ("639980", "33639"))


def test_a_target_that_changes_is_another_link(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    clinic.clock.moment += timedelta(minutes=1)
    clinic.write("visit", FRIDAY, link=FORM + "&new=1")
    [(code, row)] = kept(clinic).items()
    assert row["target"] == FORM + "&new=1"
    assert code_in(messages(clinic)[0]["text"]) == code


def test_the_workspaces_own_domain_is_in_the_text(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    with clinic.suite.database.write(clinic.workspace) as tx:
        house.change_settings(tx, {"link_domain": "https://rdv.example"})
        scheduling.replan_open(tx, clinic.suite.now(), scheduling.live_installations(tx))
    assert "https://rdv.example/s/" in messages(clinic)[0]["text"]


def test_a_code_that_is_taken_is_replaced_by_one_of_the_same_length(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    code = code_in(messages(clinic)[0]["text"])
    with clinic.suite.database.write() as tx:
        tx.connection.execute(t.messages.delete())
        tx.connection.execute(t.links.update().values(target="https://other.example/", workspace="wsp_other"))
    with clinic.suite.database.write(clinic.workspace) as tx:
        scheduling.replan_open(tx, clinic.suite.now(), scheduling.live_installations(tx))
    [message] = messages(clinic)
    instead = code_in(message["text"])
    assert instead != code
    assert len(instead) == len(code)
    assert follow(clinic, instead).target == FORM
    assert follow(clinic, code).target == "https://other.example/"


def test_a_person_who_taps_twice_followed_it_once_and_robots_do_not_count(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    clinic.at("2026-12-03T18:01:00+01:00")
    [message] = messages(clinic)
    code = code_in(message["text"])
    for _ in range(3):
        follow(clinic, code)
    clinic.clock.moment += timedelta(minutes=2)
    follow(clinic, code)
    follow(clinic, code, **{"user-agent": "WhatsApp/2.23"})
    follow(clinic, code, **{"sec-purpose": "prefetch"})
    linking.follow(clinic.suite, code, "HEAD", PHONE)
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = links.listed(tx)
        assert links.counts(tx, [row["id"]])[row["id"]] == {"human": 2, "preview": 2, "robot": 1}
        history = explaining.with_history(tx, message["id"])["history"]
    assert [one["target"] for one in history if one["what"] == "click"] == [FORM, FORM]


def test_a_click_before_the_message_left_is_a_filters(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    follow(clinic, code_in(messages(clinic)[0]["text"]))
    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = links.listed(tx)
        assert links.counts(tx, [row["id"]]) == {row["id"]: {"robot": 1}}


def test_after_its_time_it_is_over_and_then_forgotten(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    clinic.at("2026-12-03T18:01:00+01:00")
    code = code_in(messages(clinic)[0]["text"])
    follow(clinic, code)
    clinic.clock.moment += links.LIVES + timedelta(hours=1)
    assert follow(clinic, code) == linking.Way(over=True)
    clinic.clock.moment += links.KEPT
    with clinic.suite.database.write() as tx:
        assert links.prune(tx, clinic.suite.now()) == 3
        assert tx.connection.execute(select(t.click_hours)).all() == []
    assert follow(clinic, code) == linking.Way()


@pytest.mark.parametrize("code", ["", "short", "é" * 11, "A" * 11, "A" * 300, "../../etc/pw"])
def test_what_is_no_code_leads_nowhere(clinic: Clinic, code: str) -> None:
    assert follow(clinic, code) == linking.Way()


def test_the_full_stop_of_the_sentence_is_not_part_of_the_code(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM)
    assert follow(clinic, code_in(messages(clinic)[0]["text"]) + ".").target == FORM


def test_a_link_that_is_tracked_tells_the_target(clinic: Clinic) -> None:
    clinic.write("visit", FRIDAY, link=FORM, track=True)
    code = code_in(messages(clinic)[0]["text"])
    assert follow(clinic, code).target == f"{FORM}&rl={code}"


def test_many_at_once_are_written_in_one_go(clinic: Clinic) -> None:
    with clinic.suite.database.write(clinic.workspace) as tx:
        bearing = [
            links.Bearing(f"msg_{n}", (Link(f"{n:011d}", f"https://x.example/{n}"),), clinic.suite.now(), False)
            for n in range(2500)
        ]
        assert links.keep(tx, bearing, clinic.suite.now()) == {}
        assert links.keep(tx, bearing, clinic.suite.now()) == {}
    with clinic.suite.database.read() as tx:
        assert len(tx.connection.execute(select(t.links.c.id)).all()) == 2500


def test_the_platform_that_asked_for_the_message_hears_of_the_click(clinic: Clinic) -> None:
    link = Link("C" * 11, FORM)
    with clinic.suite.database.write(clinic.workspace) as tx:
        new = outbox.New(
            ANA, "FR", "Panier", "GSM-7", 1, MessageClass.TRANSACTIONAL, (Channel.SMS,), clinic.suite.now(),
            installation=clinic.installation, occasion="occ_1", tells=True, links=(link,),
        )  # fmt: skip
        [message] = outbox.accept(tx, [new], clinic.suite.now())
        tx.connection.execute(t.messages.update().values(left_at=clinic.suite.now(), state="sent"))
    follow(clinic, link.code)
    follow(clinic, link.code, **{"user-agent": "curl/8"})
    with clinic.suite.database.read(clinic.workspace) as tx:
        [report] = [row for row in tx.rows(tx.mine(t.reports)) if row["kind"] == "click"]
    assert (report["message"], report["installation"]) == (message, clinic.installation)
    assert report["content"] == {"link": FORM, "at": clinic.suite.now().isoformat()}


def test_a_click_confirms_the_number_that_a_public_form_gave(clinic: Clinic) -> None:
    public = {"message_class": MessageClass.TRANSACTIONAL, "body": "{{ link }}", "data": {"link": FORM}}
    for number, origin in ((ANA, Origin.PUBLIC_FORM), (BOB, None)):
        with clinic.suite.database.write(clinic.workspace) as tx:
            wanted = sending.Wanted(Recipient.parse(number), **public, origin=origin)  # type: ignore[arg-type]
            [draft] = sending.drafts(tx, [wanted], clinic.suite.now())
            assert isinstance(draft, outbox.New)
            sending.accept(clinic.suite, tx, [draft])
        clinic.settle()
        follow(clinic, code_in(draft.text))
    with clinic.suite.database.read(clinic.workspace) as tx:
        won = tx.connection.execute(select(t.sightings.c.count).where(t.sightings.c.key == "won|tenant")).scalars()
        assert list(won) == [1]

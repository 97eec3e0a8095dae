"""The waiting list: a free time is offered to one person after the other, and exactly one of them gets it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from core.domain.errors import RelanceError
from core.domain.events import Closed
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.waitlist import Person, read_wishes
from core.engine import correcting, erasing, switching
from core.engine.waitlist import board, freeing, joining, offering
from core.storage import installations, people, waitlist
from tests.support.waiting import DUPRE, NOEL, PATIENT, PETIT, PROOF, ROUX, TUESDAY_NINE, Waiting


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(RelanceError) as error:
        yield
    assert error.value.reason.code == code


NINE = datetime.fromisoformat("2026-11-30T09:00:00+01:00")
OFFER = (
    "Cabinet Lyon : un rendez-vous se libère mardi 1er décembre à 9h00. Le voulez-vous ? Répondez OUI avant 9h30,"
    " sinon NON. STOP : quitter la liste."
)
YOURS = "Cabinet Lyon : c'est noté, le rendez-vous du mardi 1er décembre à 9h00 est à vous. Nous vous attendons."


# ---------------------------------------------------------------------------------------------- one after the other


def test_a_no_passes_the_slot_on_and_a_yes_takes_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX, "Mme Roux")
    clinic.wants(PETIT, "M. Petit")

    clinic.frees()
    assert (clinic.told(ROUX), clinic.told(PETIT)) == ([OFFER], [])

    clinic.answer(ROUX, "Non merci")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "no"), (PETIT, "asked")]

    clinic.answer(PETIT, "OUI")
    clinic.settle()
    assert (clinic.slot()["state"], clinic.told(PETIT)[-1]) == ("taken", YOURS)
    assert clinic.waiting() == [ROUX], "who has a slot waits no longer, who said no still does"
    assert [what for what, _ in clinic.story()] == ["freed", "asked", "no", "asked", "taken"]


def test_silence_passes_it_on_and_nobody_is_asked_twice(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()

    clinic.at("2026-11-30T09:29:00+01:00")
    assert clinic.asked() == [(ROUX, "asked")]
    clinic.at("2026-11-30T09:30:00+01:00")
    assert clinic.asked() == [(ROUX, "silent"), (PETIT, "asked")]
    clinic.at("2026-11-30T12:00:00+01:00")
    assert clinic.asked() == [(ROUX, "silent"), (PETIT, "silent")]
    assert clinic.slot()["reason"]["code"] == "waitlist_nobody_fits"

    clinic.at("2026-12-01T06:00:00+01:00")
    assert (clinic.slot()["state"], clinic.slot()["reason"]["code"]) == ("over", "waitlist_no_time")


def test_who_comes_onto_the_list_later_is_asked_at_once_when_nobody_else_fits(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.frees()
    assert clinic.asked() == []

    clinic.wants(ROUX)
    clinic.settle()

    assert clinic.asked() == [(ROUX, "asked")]


def test_a_late_yes_gets_the_slot_only_if_nobody_else_has_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()
    clinic.at("2026-11-30T09:31:00+01:00")

    clinic.answer(ROUX, "oui")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "reserve"), (PETIT, "asked")]
    assert "proposé à une autre personne" in clinic.told(ROUX)[-1]

    clinic.answer(PETIT, "non")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "taken"), (PETIT, "no")]
    assert clinic.told(ROUX)[-1] == YOURS


def test_a_yes_after_the_slot_went_to_somebody_else_gets_a_kind_and_true_answer(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()
    clinic.at("2026-11-30T09:31:00+01:00")
    clinic.answer(PETIT, "oui")
    clinic.answer(ROUX, "oui")
    clinic.settle()

    assert clinic.told(ROUX)[-1] == (
        "Merci de votre réponse. Une autre personne vient de prendre ce rendez-vous ; vous restez sur la liste"
        " d'attente."
    )
    assert clinic.asked() == [(ROUX, "silent"), (PETIT, "taken")]


def test_who_took_it_and_thinks_again_gives_it_back_until_it_stands_in_the_calendar(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()
    clinic.answer(ROUX, "oui")
    clinic.settle()

    clinic.answer(ROUX, "non")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "no"), (PETIT, "asked")]
    assert clinic.waiting() == [ROUX, PETIT]

    clinic.answer(PETIT, "oui")
    clinic.write("petit", TUESDAY_NINE, PETIT)
    clinic.answer(PETIT, "non")
    assert clinic.slot()["state"] == "taken", "a person decides what to do with an appointment"


# ---------------------------------------------------------------------------------------------- what frees a slot


def test_a_patient_who_answers_no_frees_the_time_and_is_not_offered_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, hold_minutes=10)
    clinic.write("visit", "2026-12-02T15:00:00+01:00", PATIENT)
    clinic.at("2026-12-01T18:00:30+01:00")
    clinic.wants(PATIENT)
    clinic.wants(ROUX)

    clinic.answer(PATIENT, "non")
    clinic.settle()

    assert clinic.slot()["cause"] == "declined"
    assert clinic.asked() == [(ROUX, "asked")]
    assert ("passed_over", "waitlist_gave_it_up") in clinic.story()


def test_a_patient_who_changes_their_mind_gets_the_time_back_while_nobody_has_taken_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    visit = clinic.write("visit", "2026-12-02T15:00:00+01:00", PATIENT)
    clinic.at("2026-12-01T18:00:30+01:00")
    clinic.wants(ROUX)
    clinic.answer(PATIENT, "non")
    clinic.settle()

    clinic.answer(PATIENT, "oui")
    clinic.settle()
    assert clinic.slot()["state"] == "withdrawn"
    assert "n'est finalement plus disponible" in clinic.told(ROUX)[-1]

    clinic.answer(PATIENT, "non")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "withdrawn")], "the same time is not offered to the same person again"
    assert visit == clinic.slot()["occasion"]


def test_a_patient_who_changes_their_mind_too_late_is_told_so(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.write("visit", "2026-12-02T15:00:00+01:00", PATIENT)
    clinic.at("2026-12-01T18:00:30+01:00")
    clinic.wants(ROUX)
    clinic.answer(PATIENT, "non")
    clinic.settle()
    clinic.answer(ROUX, "oui")
    clinic.settle()

    clinic.answer(PATIENT, "oui finalement")
    clinic.answer(PATIENT, "oui")
    clinic.settle()

    assert "a été donné à une autre personne" in clinic.told(PATIENT)[-1]
    assert clinic.slot()["state"] == "taken"


def silenced(clinic: Waiting) -> None:
    clinic.booked("visit", TUESDAY_NINE)
    clinic.write("visit", TUESDAY_NINE, PATIENT, closed=Closed.SILENCED)


def silenced_and_then_gone(clinic: Waiting) -> None:
    silenced(clinic)
    clinic.clock.moment += timedelta(seconds=1)
    clinic.write("visit", None, None, closed=Closed.DELETED)


def muted_and_then_gone(clinic: Waiting) -> None:
    visit = clinic.booked("visit", TUESDAY_NINE)
    correcting.correct(clinic.suite, clinic.workspace, visit, None, True, "usr_1")
    clinic.write("visit", None, None, closed=Closed.DELETED)


def gone_before_it_was_known(clinic: Waiting) -> None:
    clinic.write("visit", TUESDAY_NINE, PATIENT, closed=Closed.CANCELLED)


def filled_at_the_same_time(clinic: Waiting) -> None:
    clinic.booked("visit", TUESDAY_NINE)
    clinic.write("other", TUESDAY_NINE, NOEL)
    clinic.write("visit", None, None, closed=Closed.DELETED)


def moved(clinic: Waiting) -> None:
    clinic.booked("visit", TUESDAY_NINE)
    clinic.write("visit", "2026-12-03T09:00:00+01:00", PATIENT)


def switched_off(clinic: Waiting) -> None:
    clinic.offers(on=False)
    clinic.frees()


@pytest.mark.parametrize(
    "happens", [silenced, silenced_and_then_gone, muted_and_then_gone, gone_before_it_was_known,
                filled_at_the_same_time, moved, switched_off])  # fmt: skip
def test_what_frees_nothing(tmp_path: Path, happens: Any) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)

    happens(clinic)
    clinic.settle()

    with clinic.suite.database.read(clinic.workspace) as tx:
        assert waitlist.slots(tx) == []


def test_a_moved_appointment_frees_its_old_time_where_the_clinic_wants_that(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, causes=["moved"])
    clinic.wants(ROUX)

    moved(clinic)
    clinic.settle()

    assert (clinic.slot()["cause"], clinic.told(ROUX)) == ("moved", [OFFER])


def test_a_time_that_becomes_free_too_late_is_shown_and_offered_to_nobody(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)

    clinic.frees("2026-11-30T11:30:00+01:00")

    assert (clinic.slot()["state"], clinic.slot()["reason"]["code"]) == ("over", "waitlist_freed_late")
    assert clinic.asked() == []


def test_rehearsal_offers_nothing_and_shows_what_it_would(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, live=False)
    clinic.wants(ROUX, "Mme Roux")
    clinic.wants(PETIT, "M. Petit", read_wishes({"weekdays": ["fri"]}))

    clinic.frees()

    assert (clinic.asked(), clinic.told(ROUX)) == ([], [])
    with clinic.suite.database.read(clinic.workspace) as tx:
        [shown] = board.boards(clinic.suite, tx, clinic.suite.now())
    assert shown.row["state"] == "rehearsed"
    assert [(entry["name"], f"{until:%H:%M}") for entry, until in shown.next] == [("Mme Roux", "09:30")]
    assert [(entry["name"], why.code) for entry, why in shown.passed] == [("M. Petit", "waitlist_weekday")]


def test_going_live_offers_what_rehearsal_only_showed(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, live=False)
    clinic.wants(ROUX)
    clinic.frees()

    switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
    clinic.settle()

    assert clinic.asked() == [(ROUX, "asked")]


def test_switching_the_list_off_ends_what_it_offers(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.frees()

    clinic.offers(on=False)
    clinic.at("2026-11-30T09:01:00+01:00")

    assert (clinic.slot()["state"], clinic.slot()["reason"]["code"]) == ("withdrawn", "waitlist_switched_off")


def test_going_back_to_rehearsal_stops_what_was_offered(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()

    switching.rehearse(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
    clinic.at("2026-11-30T10:00:00+01:00")

    assert clinic.told(PETIT) == []
    assert (clinic.slot()["state"], clinic.slot()["reason"]["code"]) == ("withdrawn", "back_to_rehearsal")


# ---------------------------------------------------------------------------------------------- the clinic's own hand


def test_an_appointment_that_is_restored_stops_the_offer_and_tells_who_holds_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()

    clinic.clock.moment = clinic.suite.now().replace(minute=5)
    clinic.write("visit", TUESDAY_NINE, PATIENT)
    clinic.at("2026-11-30T10:00:00+01:00")

    assert clinic.slot()["reason"]["code"] == "waitlist_restored"
    assert clinic.asked() == [(ROUX, "withdrawn")]
    assert clinic.told(ROUX)[-1] == (
        "Cabinet Lyon : le rendez-vous du mardi 1er décembre à 9h00 n'est finalement plus disponible. Pardon pour ce"
        " message ; vous restez sur la liste d'attente."
    )
    clinic.answer(ROUX, "oui")
    clinic.settle()
    assert "n'est plus disponible" in clinic.told(ROUX)[-1]
    assert clinic.slot()["state"] == "withdrawn"


def test_another_appointment_at_that_time_stops_the_offer(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.frees()

    clinic.write("other", "2026-12-01T09:15:00+01:00", NOEL)

    assert clinic.slot()["reason"]["code"] == "waitlist_filled"


def test_one_in_another_calendar_of_the_same_connection_does_not(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.booked("visit", TUESDAY_NINE, calendar="Dr Martin")
    clinic.write("visit", None, None, closed=Closed.DELETED)

    clinic.write("other", TUESDAY_NINE, NOEL, calendar="Dr Petit")
    clinic.settle()

    assert clinic.slot()["state"] == "open"


def test_the_taker_is_recognised_in_the_calendar_and_somebody_else_is_a_clash(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX, "Mme Roux")
    clinic.frees()
    clinic.answer(ROUX, "oui")
    clinic.settle()
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [entry["name"] for _, entry in board.to_settle(tx, clinic.suite.now())] == ["Mme Roux"]

    clinic.write("other", TUESDAY_NINE, NOEL, "Mme Noël")
    assert clinic.slot()["trouble"]["code"] == "waitlist_clash"
    assert clinic.slot()["state"] == "taken", "what was promised is taken back by a person, and not by a machine"

    clinic.write("roux", TUESDAY_NINE, ROUX, "Mme Roux")
    assert clinic.slot()["settled_at"] is not None
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert board.to_settle(tx, clinic.suite.now()) == []


def test_the_taker_is_recognised_when_somebody_says_whose_number_an_appointment_has(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.frees()
    clinic.answer(ROUX, "oui")
    entered = clinic.write("roux", TUESDAY_NINE, None, "Mme Roux", trouble=Reason("no_number"))
    assert clinic.slot()["settled_at"] is None

    correcting.correct(clinic.suite, clinic.workspace, entered, ROUX, None, "usr_1")

    assert clinic.slot()["settled_at"] is not None


def test_what_the_house_took_back_is_not_offered_again_when_the_appointment_is_deleted(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.write("visit", "2026-12-02T15:00:00+01:00", PATIENT)
    clinic.at("2026-12-01T18:00:30+01:00")
    clinic.wants(ROUX)
    clinic.answer(PATIENT, "non")
    with clinic.suite.database.write(clinic.workspace) as tx:
        freeing.withdraw(tx, clinic.slot()["id"], "usr_1", clinic.suite.now())

    clinic.write("visit", None, None, closed=Closed.DELETED)
    clinic.settle()

    assert (clinic.slot()["state"], clinic.asked()) == ("withdrawn", [])


def test_a_slot_that_the_clinic_takes_back_is_told_to_who_had_it(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    slot = clinic.frees()
    clinic.answer(ROUX, "oui")
    clinic.settle()

    with clinic.suite.database.write(clinic.workspace) as tx:
        freeing.withdraw(tx, slot["id"], "usr_1", clinic.suite.now())
    clinic.settle()

    assert "n'est finalement pas possible" in clinic.told(ROUX)[-1]
    assert clinic.waiting() == [ROUX]


def test_a_later_appointment_is_to_be_freed_and_its_time_is_offered_in_its_turn(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    later = clinic.booked("later", "2026-12-08T09:00:00+01:00", ROUX)
    clinic.wants(ROUX, "Mme Roux", moves=later)
    clinic.wants(PETIT, "M. Petit", read_wishes({"earliest": "2026-12-05"}))
    slot = clinic.frees()
    assert clinic.told(ROUX)[-1].startswith("Cabinet Lyon : un rendez-vous se libère mardi 1er décembre à 9h00, à la")

    clinic.answer(ROUX, "oui")
    clinic.settle()
    assert clinic.told(ROUX)[-1] == (
        "Cabinet Lyon : c'est noté, le rendez-vous du mardi 1er décembre à 9h00 est à vous. Il remplace celui du mardi"
        " 8 décembre à 9h00. Nous vous attendons."
    )
    with clinic.suite.database.write(clinic.workspace) as tx:
        freeing.settled(tx, slot["id"], "usr_1", clinic.suite.now())
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [one.id for _, _, one in board.to_free(tx, clinic.suite.now())] == [later]

    clinic.write("later", None, None, closed=Closed.DELETED)
    clinic.settle()
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert board.to_free(tx, clinic.suite.now()) == []
    assert clinic.asked() == [(ROUX, "taken"), (PETIT, "asked")]


def test_a_time_is_offered_by_hand_unless_the_calendar_is_not_free(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.write("visit", TUESDAY_NINE, PATIENT)
    given = {"installation": clinic.installation, "zone": "Europe/Paris", "title": "Détartrage"}
    nine = datetime.fromisoformat(TUESDAY_NINE)

    with refused("waitlist_time_used"), clinic.suite.database.write(clinic.workspace) as tx:
        freeing.by_hand(tx, {**given, "start": nine}, "usr_1", clinic.suite.now())
    with clinic.suite.database.write(clinic.workspace) as tx:
        freeing.by_hand(tx, {**given, "start": nine.replace(hour=11)}, "usr_1", clinic.suite.now())
    clinic.settle()

    assert "mardi 1er décembre à 11h00" in clinic.told(ROUX)[-1]


# ---------------------------------------------------------------------------------------------- who may be asked


def test_nobody_is_written_to_at_night_and_the_hold_begins_in_the_morning(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.at("2026-11-30T22:00:00+01:00")

    clinic.frees("2026-12-02T09:00:00+01:00")
    assert (clinic.asked(), clinic.slot()["reason"]["code"]) == ([], "waitlist_waits_for_hours")

    clinic.at("2026-12-01T08:00:00+01:00")
    assert clinic.asked() == [(ROUX, "asked")]
    assert "Répondez OUI avant 8h30" in clinic.told(ROUX)[-1]


def test_a_time_that_is_free_overnight_and_of_no_use_in_the_morning_is_offered_to_nobody(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.at("2026-11-30T21:30:00+01:00")

    clinic.frees(TUESDAY_NINE)

    assert (clinic.asked(), clinic.slot()["reason"]["code"]) == ([], "waitlist_nobody_fits")
    assert ("passed_over", "waitlist_no_time") in clinic.story()


def test_stop_ends_the_place_on_the_list_and_not_the_reminders(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.write("own", "2026-12-08T09:00:00+01:00", ROUX)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()

    clinic.answer(ROUX, "STOP")
    clinic.settle()

    assert clinic.waiting() == [PETIT]
    assert clinic.asked() == [(ROUX, "no"), (PETIT, "asked")]
    assert "vous avez quitté la liste d'attente" in clinic.told(ROUX)[-1]
    clinic.at("2026-12-07T18:00:30+01:00")
    assert clinic.told(ROUX)[-1].startswith("Rappel")


def test_who_wants_no_messages_is_passed_over_with_that_reason(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    with clinic.suite.database.write(clinic.workspace) as tx:
        people.stop(tx, ROUX, "transactional", "desk", {}, clinic.suite.now())

    clinic.frees()

    assert clinic.asked() == [(PETIT, "asked")]
    assert ("passed_over", "opted_out") in clinic.story()


def test_one_person_gets_no_more_offers_than_the_clinic_wants(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, most=1)
    clinic.wants(ROUX)
    clinic.frees()
    clinic.at("2026-11-30T10:00:00+01:00")

    clinic.frees("2026-12-03T09:00:00+01:00", key="second")

    assert clinic.asked() == [(ROUX, "silent")]


def test_a_person_holds_one_offer_at_a_time(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)

    clinic.frees()
    clinic.frees("2026-12-03T09:00:00+01:00", key="second")

    assert clinic.asked() == [(ROUX, "asked"), (PETIT, "asked")]


def test_nobody_waits_who_did_not_agree_nor_twice(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX, "Mme Roux")
    now = clinic.suite.now()

    with refused("waitlist_no_proof"), clinic.suite.database.write(clinic.workspace) as tx:
        joining.add(tx, Recipient.parse(PETIT), Person(proof={"text": " "}), now, "desk", now)
    with refused("waitlist_twice"):
        clinic.wants(ROUX, "MME ROUX")
    clinic.wants(ROUX, "Léo Roux")


def test_the_keyword_puts_a_person_on_the_list_for_an_earlier_time(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path, keyword="PLUSTOT")
    own = clinic.write("own", "2026-12-08T09:00:00+01:00", ROUX, name="Mme Roux")

    clinic.answer(ROUX, "plustôt")
    clinic.settle()

    with clinic.suite.database.read(clinic.workspace) as tx:
        [row] = waitlist.entries(tx)
    assert (row["name"], row["moves"], row["proof"]["source"]) == ("Mme Roux", own, "reply")
    assert "votre place sur la liste d'attente est prise" in clinic.told(ROUX)[-1]


# ---------------------------------------------------------------------------------------------- two questions


def two_questions(tmp_path: Path) -> Waiting:
    """An appointment's question and an offer are open on one phone."""
    clinic = Waiting(tmp_path, hold_minutes=60)
    clinic.write("own", "2026-12-02T15:00:00+01:00", ROUX)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.at("2026-12-01T18:00:30+01:00")
    clinic.frees("2026-12-04T09:00:00+01:00")
    return clinic


def test_with_two_open_questions_the_person_is_asked_which_one(tmp_path: Path) -> None:
    clinic = two_questions(tmp_path)

    clinic.answer(ROUX, "oui")
    clinic.settle()
    assert clinic.told(ROUX)[-1] == (
        "Vous répondez à quelle question ? Répondez par la lettre : A = votre rendez-vous du mercredi 2 décembre à"
        " 15h00, B = le rendez-vous proposé le vendredi 4 décembre à 9h00"
    )
    assert clinic.asked() == [(ROUX, "asked")]

    clinic.answer(ROUX, "B")
    clinic.settle()
    assert clinic.slot()["state"] == "taken"


def test_the_other_letter_is_the_appointment(tmp_path: Path) -> None:
    clinic = two_questions(tmp_path)
    clinic.answer(ROUX, "oui")
    clinic.answer(ROUX, "A")
    clinic.settle()

    assert clinic.asked() == [(ROUX, "asked")]
    clinic.answer(ROUX, "non")
    clinic.settle()
    assert clinic.asked() == [(ROUX, "no"), (PETIT, "asked")], "the appointment was answered: this is about the offer"


# ---------------------------------------------------------------------------------------------- what goes wrong


def test_an_offer_that_reaches_nobody_passes_on_at_once(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants("+33639980003", "refused at once")
    clinic.wants(PETIT)

    clinic.frees()
    clinic.at("2026-11-30T09:02:00+01:00")

    assert clinic.asked() == [("+33639980003", "failed"), (PETIT, "asked")]


def test_nothing_is_offered_while_the_calendar_is_away(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX)
    clinic.wants(PETIT)
    clinic.frees()
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.in_trouble(tx, clinic.installation, Reason("grant_gone"), state="reconnect")
    clinic.at("2026-11-30T09:40:00+01:00")
    assert clinic.asked() == [(ROUX, "silent")]
    assert clinic.slot()["reason"]["code"] == "waitlist_calendar_away"

    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.change(tx, clinic.installation, state="connected")
    clinic.at("2026-11-30T10:00:00+01:00")
    assert clinic.asked() == [(ROUX, "silent"), (PETIT, "asked")]


def test_the_people_of_a_slot_are_erased_and_it_stays_readable_without_them(tmp_path: Path) -> None:
    clinic = Waiting(tmp_path)
    clinic.wants(ROUX, "Mme Roux")
    clinic.frees()
    clinic.answer(ROUX, "oui")
    clinic.settle()
    assert clinic.slot()["title"] == "Consultation"

    for number in (ROUX, PATIENT):
        erasing.erase(clinic.suite, clinic.workspace, Recipient.parse(number), who="usr_1")

    with clinic.suite.database.read(clinic.workspace) as tx:
        [shown] = board.boards(clinic.suite, tx, clinic.suite.now())
    assert (shown.taker, shown.row["state"], shown.row["title"]) == (None, "taken", None)
    assert [what for what, _ in clinic.story()] == ["freed"]


def test_words_of_the_clinics_own_have_to_say_which_slot_and_until_when(tmp_path: Path) -> None:
    from core.domain.waitlist_words import own_text

    with refused("waitlist_text_lacks"):
        own_text("Une place est libre {{ when }}")
    clinic = Waiting(tmp_path, text="{{ name }}, venez {{ when }} ! OUI avant {{ until }}.")
    clinic.wants(DUPRE, "M. Dupré")
    clinic.frees()
    assert clinic.told(DUPRE) == ["M. Dupré, venez mardi 1er décembre à 9h00 ! OUI avant 9h30."]
    assert PROOF["text"]


# ---------------------------------------------------------------------------------------------- at the same second


@pytest.mark.postgres
def test_two_who_say_yes_at_the_same_second_while_the_calendar_speaks_are_one_who_gets_it(
    tmp_path: Path, postgres_database: str
) -> None:
    clinic = Waiting(tmp_path, database_url=postgres_database)
    numbers = [f"+3363998003{last}" for last in range(4)]
    for number in numbers:
        clinic.wants(number)
    clinic.frees()
    for minutes in (30, 60, 90):
        clinic.at((NINE + timedelta(minutes=minutes)).isoformat())
    assert [state for _, state in clinic.asked()] == ["silent", "silent", "silent", "asked"]

    jobs = [partial(clinic.answer, number, "oui") for number in numbers]
    jobs += [partial(clinic.write, f"other-{n}", "2026-12-02T09:00:00+01:00", NOEL) for n in range(2)]
    jobs += [partial(offering.run_due, clinic.suite)]
    barrier = Barrier(len(jobs))
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(lambda job=job: (barrier.wait(10), job())) for job in jobs]:
            done.result(30)
    clinic.settle()

    states = [state for _, state in clinic.asked()]
    assert states.count("taken") == 1
    [taker] = [number for number, state in clinic.asked() if state == "taken"]
    assert [number for number in numbers if clinic.told(number)[-1].endswith("Nous vous attendons.")] == [taker]
    assert all(len(clinic.told(number)) >= 2 for number in numbers), "each of the others has a true answer"

"""What a person may decide about a message, and what is too late to decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.domain.errors import BadInput, Conflict, NotFound
from core.engine import dispatch, overview, resolving
from core.storage import outbox
from tests.support.clinic import Clinic

MAYBE = "+33639980006"  # the simulator takes the message and breaks the line


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def only(clinic: Clinic) -> dict:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return dict(outbox.listed(tx, outbox.Filter())[0])


def test_a_held_message_stays_when_its_moment_comes_and_leaves_when_it_is_let_go(clinic):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    resolving.hold(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")

    clinic.at("2026-12-01T18:01:00+01:00")
    assert only(clinic)["state"] == "held"

    resolving.let_go(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    clinic.settle()
    assert only(clinic)["state"] in ("sent", "delivered")


def test_a_held_message_follows_its_appointment_and_stays_held(clinic):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    resolving.hold(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    clinic.clock.forward(timedelta(minutes=1))
    clinic.write("visit-1", "2026-12-03T10:00:00+01:00")
    message = only(clinic)
    assert (message["state"], message["due_at"].isoformat()) == ("held", "2026-12-02T17:00:00+00:00")


def test_sending_now_does_not_wait_for_the_evening_before(clinic):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    resolving.send_now(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    clinic.settle()
    assert only(clinic)["state"] in ("sent", "delivered")


def test_sending_now_at_night_still_waits_for_the_allowed_hours(clinic):
    clinic.at("2026-11-30T23:30:00+01:00")
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    resolving.send_now(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    clinic.settle()
    assert (only(clinic)["state"], only(clinic)["reason"]["code"]) == ("scheduled", "outside_hours")


def test_what_was_called_off_by_hand_is_not_planned_again(clinic):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    resolving.call_off(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    clinic.clock.forward(timedelta(minutes=1))
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00", title="Consultation (suite)")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [row["state"] for row in outbox.listed(tx, outbox.Filter())] == ["cancelled"]


@pytest.mark.parametrize("decision", [resolving.hold, resolving.let_go, resolving.send_now, resolving.call_off])
def test_a_message_that_has_left_cannot_be_changed(clinic, decision):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    clinic.at("2026-12-01T18:00:00+01:00")
    with pytest.raises(Conflict) as error:
        decision(clinic.suite, clinic.workspace, only(clinic)["id"], who="usr_1")
    assert error.value.reason.code == "too_late_to_change"


def test_another_workspace_s_message_is_no_message(clinic):
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    with pytest.raises(NotFound):
        resolving.hold(clinic.suite, "wsp_other", only(clinic)["id"], who="usr_1")


# ------------------------------------------------------------------------------------------ doubt


@pytest.fixture
def doubt(clinic) -> Clinic:
    clinic.write("visit-1", "2026-12-02T10:00:00+01:00", number=MAYBE)
    clinic.clock.moment = datetime.fromisoformat("2026-12-01T18:00:00+01:00")
    dispatch.run_due(clinic.suite)
    assert only(clinic)["state"] == "uncertain"
    return clinic


def test_a_person_may_consider_a_doubtful_message_sent(doubt):
    resolving.settle(doubt.suite, doubt.workspace, only(doubt)["id"], "sent", who="usr_1")
    assert (only(doubt)["state"], only(doubt)["reason"]["code"]) == ("sent", "person_says_sent")


def test_a_person_may_send_a_doubtful_message_again(doubt):
    resolving.settle(doubt.suite, doubt.workspace, only(doubt)["id"], "again", who="usr_1")
    assert (only(doubt)["state"], only(doubt)["reason"]["code"]) == ("scheduled", "person_sends_again")


def test_a_doubtful_reminder_is_not_sent_again_after_the_appointment(doubt):
    doubt.clock.moment = datetime.fromisoformat("2026-12-02T10:01:00+01:00")
    with pytest.raises(Conflict) as error:
        resolving.settle(doubt.suite, doubt.workspace, only(doubt)["id"], "again", who="usr_1")
    assert error.value.reason.code == "no_longer_useful"


def test_nothing_else_can_be_decided(doubt):
    with pytest.raises(BadInput):
        resolving.settle(doubt.suite, doubt.workspace, only(doubt)["id"], "perhaps", who="usr_1")


# ------------------------------------------------------------------------------------------ the old time


@pytest.fixture
def moved(clinic) -> Clinic:
    """Ana was told Wednesday ten o'clock; then the visit moved to Friday."""
    clinic.visit = clinic.write("visit-1", "2026-12-02T10:00:00+01:00")
    clinic.at("2026-12-01T18:00:00+01:00")
    clinic.clock.forward(timedelta(hours=1))
    clinic.write("visit-1", "2026-12-04T15:30:00+01:00")
    return clinic


def test_who_was_told_the_old_time_is_found_with_the_text_ready(moved):
    with moved.suite.database.read(moved.workspace) as tx:
        [(occasion, told)] = overview.old_times(tx, moved.suite.now())
        text = resolving.correction(tx, occasion, told)
    assert text == (
        "Votre rendez-vous du mercredi 2 décembre à 10h00 a changé d'heure : il est maintenant vendredi 4 décembre à"
        " 15h30. Merci de ne pas tenir compte de l'ancien horaire."
    )


def test_once_the_correction_has_left_nothing_is_to_be_corrected(moved):
    resolving.send_correction(moved.suite, moved.workspace, moved.visit, "Nouveau : vendredi 15h30", who="usr_1")
    moved.settle()
    with moved.suite.database.read(moved.workspace) as tx:
        assert overview.old_times(tx, moved.suite.now()) == []
        assert only(moved)["text"] == "Nouveau : vendredi 15h30"
    with pytest.raises(Conflict) as error:
        resolving.send_correction(moved.suite, moved.workspace, moved.visit, "encore", who="usr_1")
    assert error.value.reason.code == "nothing_to_correct"


def test_a_correction_does_not_disturb_the_reminder_of_the_new_time(moved):
    resolving.send_correction(moved.suite, moved.workspace, moved.visit, "Nouveau : vendredi 15h30", who="usr_1")
    moved.settle()
    with moved.suite.database.read(moved.workspace) as tx:
        waiting = outbox.listed(tx, outbox.Filter(state=("scheduled",)))
    assert [row["due_at"].isoformat() for row in waiting] == ["2026-12-03T17:00:00+00:00"]


def test_the_text_of_a_correction_is_no_template(moved):
    resolving.send_correction(moved.suite, moved.workspace, moved.visit, "{{ start }} {% x %}", who="usr_1")
    assert only(moved)["text"] == "{{ start }} {% x %}"

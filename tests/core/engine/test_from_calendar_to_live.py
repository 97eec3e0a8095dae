"""What a person decides on the way to the first reminder: numbers, reminders, the rehearsal, and being live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.domain.errors import BadInput, Conflict, Forbidden, InvalidNumber, InvalidTemplate, NotFound
from core.domain.events import Event, Kind
from core.domain.planning import Send, Skip
from core.domain.reasons import Reason
from core.engine import applying, arranging, choosing, correcting, membership, outways, previewing, switching
from core.storage import access, accounts, house, installations, occasions, outbox, rules
from tests.support.clinic import ANA, BOB, Clinic

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    one = Clinic(tmp_path, live=False)
    yield one
    one.suite.database.close()


def occasion(clinic: Clinic, occasion_id: str) -> occasions.Occasion:
    with clinic.suite.database.read(clinic.workspace) as tx:
        found = occasions.get(tx, occasion_id)
    assert found
    return found


def messages(clinic: Clinic, *states: str) -> list[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return [row["to"] for row in outbox.listed(tx, outbox.Filter(state=states))]


class TestCorrecting:
    def test_a_typed_number_is_whose_message_it_is(self, clinic: Clinic) -> None:
        visit = clinic.write("a", "2026-12-02T10:00+01:00", None)

        corrected = correcting.correct(clinic.suite, clinic.workspace, visit, "06 39 98 00 01", None, "usr_1")

        assert corrected.recipient
        assert corrected.recipient.number == ANA

    @pytest.mark.parametrize("number", ["01 99 00 12 34", "douze", "+999", ""])
    def test_what_takes_no_text_is_refused(self, clinic: Clinic, number: str) -> None:
        visit = clinic.write("a", "2026-12-02T10:00+01:00", None)

        with pytest.raises(InvalidNumber) as refused:
            correcting.correct(clinic.suite, clinic.workspace, visit, number, None, "usr_1")

        assert refused.value.pointer == "/number"
        assert occasion(clinic, visit).recipient is None

    def test_it_is_remembered_by_series_and_name_but_never_by_a_common_title(self, clinic: Clinic) -> None:
        event = Event(Kind.APPOINTMENT, "a", clinic.suite.now(), start=clinic.suite.now(), trouble=Reason("no_number"),
                      private={"fingerprints": ["uid:a@x", "name:roux", "title:consultation"]})  # fmt: skip
        with clinic.suite.database.write(clinic.workspace) as tx:
            row = installations.get(tx, clinic.suite.vault, clinic.installation, "")
            assert row
            visit = applying.accept(tx, row, [event], clinic.suite.now())[0].id

        correcting.correct(clinic.suite, clinic.workspace, visit, ANA, None, "usr_1")

        with clinic.suite.database.read(clinic.workspace) as tx:
            assert installations.learnt(tx, clinic.installation) == {"uid:a@x": ANA, "name:roux": ANA}

    def test_a_muted_appointment_is_silent_and_can_speak_again(self, clinic: Clinic) -> None:
        visit = clinic.write("a", "2026-12-02T10:00+01:00")

        assert not correcting.correct(clinic.suite, clinic.workspace, visit, None, True, "usr_1").open
        assert correcting.correct(clinic.suite, clinic.workspace, visit, None, False, "usr_1").open

    def test_another_workspace_has_no_such_appointment(self, clinic: Clinic) -> None:
        visit = clinic.write("a", "2026-12-02T10:00+01:00")
        with clinic.suite.database.write() as tx:
            other = house.add_workspace(tx, "Ailleurs", {}, clinic.suite.now())

        with pytest.raises(NotFound):
            correcting.correct(clinic.suite, other, visit, ANA, None, "usr_2")


class TestRehearsing:
    def test_by_day_with_its_cost_and_why_others_would_not(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00", ANA)
        clinic.write("b", "2026-12-04T10:00+01:00", BOB)
        clinic.write("c", "2026-12-04T11:00+01:00", None, trouble=Reason("no_number"))

        with clinic.suite.database.read(clinic.workspace) as tx:
            report = previewing.rehearse(tx, clinic.installation, clinic.suite.now(), PARIS)

        assert [(str(day), len(lines)) for day, lines in report.days] == [("2026-12-01", 1), ("2026-12-03", 1)]
        assert (report.appointments, report.messages, report.segments) == (3, 2, 2)
        assert report.cost
        assert report.cost.amount == 104_000
        assert [(left.reason.code, left.count) for left in report.left] == [("no_number", 1)]

    def test_it_writes_nothing(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00")
        with clinic.suite.database.read(clinic.workspace) as tx:
            previewing.rehearse(tx, clinic.installation, clinic.suite.now(), PARIS)

        assert messages(clinic) == []

    def test_the_preview_prefers_an_appointment_that_has_a_message(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00", None, trouble=Reason("no_number"))
        with clinic.suite.database.read(clinic.workspace) as tx:
            row = rules.row(tx, clinic.rule)
            assert row
            alone = previewing.preview(tx, row, clinic.suite.now())
        clinic.write("b", "2026-12-03T10:00+01:00", ANA)
        with clinic.suite.database.read(clinic.workspace) as tx:
            both = previewing.preview(tx, row, clinic.suite.now())

        assert isinstance(alone, Skip)
        assert isinstance(both, Send)

    def test_an_example_reads_like_a_message(self, clinic: Clinic) -> None:
        said = previewing.example("RDV {{ start|date }} {{ first_name }}", clinic.suite.now(), PARIS, "fr")

        assert said == "RDV mercredi 2 décembre Ana"
        assert previewing.example("{{ total }}", clinic.suite.now(), PARIS, "fr") == "{{ total }}"


class TestSwitching:
    def test_live_means_that_what_was_rehearsed_waits_to_leave(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00")
        assert messages(clinic) == []

        for _ in range(2):
            switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")

        assert messages(clinic, "scheduled") == [ANA]

    def test_back_to_rehearsal_calls_off_and_live_again_plans_anew(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00")
        switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")

        assert switching.rehearse(clinic.suite, clinic.workspace, clinic.installation, who="usr_1") == 1
        assert messages(clinic, "scheduled") == []
        clinic.at("2026-12-01T18:30+01:00")
        assert messages(clinic, "sent", "delivered") == []

        clinic.at("2026-12-01T09:00+01:00")
        switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
        assert messages(clinic, "scheduled") == [ANA]

    def test_a_paused_connection_lets_nothing_leave_until_it_is_resumed(self, clinic: Clinic) -> None:
        clinic.write("a", "2026-12-02T10:00+01:00")
        switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
        switching.pause(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")

        clinic.at("2026-12-01T18:01+01:00")
        assert messages(clinic, "sent", "delivered") == []

        switching.resume(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
        clinic.settle()
        assert messages(clinic, "sent", "delivered") == [ANA]


class TestChoosing:
    def presets(self, clinic: Clinic) -> dict[str, str]:
        with clinic.suite.database.write(clinic.workspace) as tx:
            common = {"installation": clinic.installation, "on": "appointment", "class": "transactional",
                      "active": False}  # fmt: skip
            evening = {"days": -1, "at": "18:00"}
            return {
                key: rules.add(tx, {**common, "name": key, "preset": key, "when": when, "body": body, "asks": asks},
                               clinic.suite.now())
                for key, when, body, asks in (
                    ("evening", evening, "RDV {{ start|time }}", False),
                    ("evening-asks", evening, "RDV {{ start|time }}. OUI ou NON ?", True),
                    ("moved", {"change": "moved"}, "Nouvelle heure {{ start|time }}", False),
                )
            }  # fmt: skip

    def active(self, clinic: Clinic) -> set[str]:
        with clinic.suite.database.read(clinic.workspace) as tx:
            return {row["preset"] for row in rules.rows(tx) if row["active"] and row["preset"]}

    def test_a_reminder_is_offered_once_with_its_question_as_a_switch(self, clinic: Clinic) -> None:
        self.presets(clinic)
        with clinic.suite.database.read(clinic.workspace) as tx:
            offered = choosing.offer(tx, clinic.installation)

        assert [one.key for one in offered.reminders] == ["evening"]
        assert [row["preset"] for row in offered.extras] == ["moved"]
        assert offered.fresh

    def test_choosing_switches_on_what_is_ticked_and_off_the_rest(self, clinic: Clinic) -> None:
        self.presets(clinic)

        def choose(*keys: str, asks: bool) -> set[str]:
            choosing.choose(clinic.suite, clinic.workspace, clinic.installation, keys, asks=asks, who="usr_1")
            return self.active(clinic)

        assert choose("evening", "moved", asks=True) == {"evening-asks", "moved"}
        assert choose("evening", asks=False) == {"evening"}
        assert choose(asks=True) == set()

    def test_another_text_must_be_one_that_can_be_filled(self, clinic: Clinic) -> None:
        ids = self.presets(clinic)

        with pytest.raises(InvalidTemplate):
            choosing.reword(clinic.suite, clinic.workspace, ids["evening"], "{{ start|", who="usr_1")
        choosing.reword(clinic.suite, clinic.workspace, ids["evening"], "À {{ start|time }}", who="usr_1")

        with clinic.suite.database.read(clinic.workspace) as tx:
            row = rules.row(tx, ids["evening"])
        assert row
        assert (row["body"], row["version"]) == ("À {{ start|time }}", 2)


class TestThePeopleAndTheHouse:
    def owner(self, clinic: Clinic) -> access.Person:
        with clinic.suite.database.write(clinic.workspace) as tx:
            user = access.add_user(tx, "o@example.org", "x" * 12, "owner", "fr", clinic.suite.now())
            session = access.begin_session(tx, user, clinic.workspace, clinic.suite.now())
            person = access.person(tx, session, clinic.suite.now())
        assert person
        return person

    def test_the_last_owner_stays(self, clinic: Clinic) -> None:
        owner = self.owner(clinic)

        with pytest.raises(Conflict):
            membership.remove(clinic.suite, owner, owner.id)
        with pytest.raises(Conflict):
            membership.give_role(clinic.suite, owner, owner.id, "admin")

    def test_who_works_elsewhere_too_keeps_their_password(self, clinic: Clinic) -> None:
        owner = self.owner(clinic)
        membership.invite(clinic.suite, owner, "l@example.org", "Léa", "editor", "fr")
        with clinic.suite.database.write() as tx:
            other = house.add_workspace(tx, "Ailleurs", {}, clinic.suite.now())
        with clinic.suite.database.read(clinic.workspace) as tx:
            lea = next(one["id"] for one in access.members(tx) if one["email"] == "l@example.org")
        with clinic.suite.database.write(other) as tx:
            access.join(tx, lea, "owner")

        with pytest.raises(Forbidden):
            membership.new_password(clinic.suite, owner, lea)

    @pytest.mark.parametrize("email", ["", "a", "a@b", "a b@c.fr", "@c.fr", "a@.fr."])
    def test_an_address_must_be_one(self, clinic: Clinic, email: str) -> None:
        with pytest.raises(BadInput):
            membership.invite(clinic.suite, self.owner(clinic), email, "", "viewer", "fr")

    def test_hours_narrow_when_messages_leave(self, clinic: Clinic) -> None:
        switching.go_live(clinic.suite, clinic.workspace, clinic.installation, who="usr_1")
        clinic.write("a", "2026-12-03T10:00+01:00")

        arranging.hours(clinic.suite, clinic.workspace, {"tue": "09:00-12:00", "wed": "09:00-12:00"}, who="usr_1")

        with clinic.suite.database.read(clinic.workspace) as tx:
            due = outbox.listed(tx, outbox.Filter(state=("scheduled",)))[0]["due_at"].astimezone(PARIS)
        assert due.strftime("%a %H:%M") != "Wed 18:00"

    def test_a_week_without_open_hours_is_a_mistake(self, clinic: Clinic) -> None:
        with pytest.raises(BadInput):
            arranging.hours(clinic.suite, clinic.workspace, {}, who="usr_1")


class TestWaysOut:
    def test_the_order_is_the_person_s_and_a_removed_key_is_forgotten(self, clinic: Clinic) -> None:
        suite, workspace = clinic.suite, clinic.workspace
        one, two = (outways.add(suite, workspace, "simulator", {}, who="usr_1") for _ in range(2))

        outways.first(suite, workspace, two, who="usr_1")
        with suite.database.read(workspace) as tx:
            assert [row.account.id for row in accounts.listed(tx, suite.vault, "")] == [two, one]

        outways.remove(suite, workspace, two, who="usr_1")
        with suite.database.read(workspace) as tx:
            assert [row.account.id for row in accounts.listed(tx, suite.vault, "")] == [one]
        with pytest.raises(NotFound):
            outways.pause(suite, workspace, two, who="usr_1")

    def test_an_unknown_provider_is_refused(self, clinic: Clinic) -> None:
        with pytest.raises(BadInput):
            outways.add(clinic.suite, clinic.workspace, "pigeon", {}, who="usr_1")

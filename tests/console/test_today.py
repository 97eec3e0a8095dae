"""Aujourd'hui: figures that open, what to look at with its button, the clock, and who may press what."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.domain.reasons import Reason
from core.engine import overview
from core.storage import accounts, installations, outbox
from core.web.console.today import drawn
from tests.support.clinic import BOB, CHLOE, Clinic
from tests.support.console import Visitor

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def test_an_empty_house_is_told_how_to_begin(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.change(tx, clinic.installation, state="disconnected")
    page = Visitor(clinic).get("/today")
    assert "Rien à rappeler pour l’instant" in page
    assert 'href="/start"' in page


def test_each_figure_opens_the_list_of_exactly_its_messages(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    visitor = Visitor(clinic)
    page = visitor.get("/today")
    figures = dict(
        re.findall(r'href="(/messages\?[^"]+)".*?<strong>(\d+)</strong>', page.replace("&amp;", "&"), re.DOTALL)
    )
    assert sorted(figures.values()) == ["0", "0", "0", "0", "0", "1"]
    for link, figure in figures.items():
        assert visitor.get(link).count('href="/messages/msg_') == int(figure)


def test_the_day_has_a_drawing_and_the_same_as_a_table(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    page = Visitor(clinic).get("/today")
    assert '<svg class="chart"' in page
    assert '<td data-label="Heure">18:00</td>' in page
    assert "envoi interdit" in page


def test_a_drawing_of_a_day_without_messages_has_a_ground_and_no_bars(clinic):
    with clinic.suite.database.read(clinic.workspace) as tx:
        chart = drawn(overview.of_today(clinic.suite, tx), clinic.suite.now())
    assert (chart.bars, chart.most) == ((), 0)
    assert chart.closed
    assert chart.now is not None


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", ("rappel prévu", "sans numéro", "Rendez-vous de demain")), ("en", ("reminder planned", "no number"))],
)
def test_appointments_are_told_in_words(clinic, language, words):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    clinic.write("none", "2026-12-01T11:00:00+01:00", None, trouble=Reason("no_number"))
    page = Visitor(clinic, language=language).get("/today")
    for word in words:
        assert word in page


def test_the_correction_is_ready_and_one_button_away(clinic):
    visit = clinic.write("ana", "2026-12-01T10:00:00+01:00", name="Ana Martin")
    clinic.at("2026-11-30T18:00:00+01:00")
    clinic.clock.forward(timedelta(hours=1))
    clinic.write("ana", "2026-12-01T16:00:00+01:00", name="Ana Martin")
    visitor = Visitor(clinic)
    page = visitor.get("/today")
    assert "Ana Martin a reçu l’ancienne heure" in page
    text = re.search(r'<textarea id="correction-\d"[^>]*>([^<]+)</textarea>', page)[1]

    answer = visitor.post(f"/today/correction/{visit}", text=text.replace("&#39;", "'"))

    assert "La correction part maintenant" in answer.text
    clinic.settle()
    assert "a reçu l’ancienne heure" not in visitor.get("/today")


def test_a_broken_connection_and_a_held_account_come_first(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.in_trouble(tx, clinic.installation, Reason("grant_gone"), state="reconnect")
        row = accounts.add(
            tx, clinic.suite.vault, "simulator", "Opérateur A",
            clinic.suite.providers["simulator"].configured({}), clinic.suite.now(), public_url="http://localhost",
        )  # fmt: skip
        accounts.hold(tx, row.account.id, Reason("provider_no_credit", {"provider": "A"}), clinic.suite.now())
    page = Visitor(clinic).get("/today")
    assert page.index("à reconnecter") < page.index("L’envoi par «\u00a0Opérateur A\u00a0»")
    assert "plus assez de crédit" in page


def test_after_a_downtime_what_is_late_and_why_is_said_first(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    clinic.settle()
    clinic.clock.moment = datetime.fromisoformat("2026-12-01T19:00:00+01:00")
    visitor = Visitor(clinic)
    page = visitor.get("/today")
    assert page.index("Le moteur d’envoi ne tourne plus") < page.index("1 message est en retard")
    clinic.settle()
    page = visitor.get("/today")
    assert ("ne tourne plus" in page, "en retard" in page) == (False, False)


def test_at_most_five_things_are_shown_and_the_rest_is_counted(clinic):
    clinic.write("none", "2026-12-02T09:00:00+01:00", None, trouble=Reason("no_number"))
    clinic.write("two", "2026-12-02T10:00:00+01:00", None, trouble=Reason("two_numbers"), candidates=(BOB, CHLOE))
    clinic.write("late", "2026-12-01T10:00:00+01:00", CHLOE)
    for index in range(3):
        clinic.write(f"ana-{index}", f"2026-12-01T1{index + 1}:00:00+01:00", f"+3363998002{index}")
    clinic.at("2026-11-30T18:00:00+01:00")
    clinic.answer(CHLOE, "Je serai en retard")
    clinic.clock.forward(timedelta(minutes=5))
    for index in range(3):
        clinic.write(f"ana-{index}", f"2026-12-01T1{index + 5}:00:00+01:00", f"+3363998002{index}")
    with clinic.suite.database.write(clinic.workspace) as tx:
        installations.in_trouble(tx, clinic.installation, Reason("grant_gone"), state="reconnect")
    page = Visitor(clinic).get("/today")
    assert page.count('<span class="point-sign">') == 5
    assert "Et 1 autre point" in page


def test_hostile_titles_are_shown_as_text(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00", title=HOSTILE)
    visitor = Visitor(clinic)
    for path in ("/today", "/appointments", "/upcoming", "/messages", "/why?q=alert"):
        page = visitor.get(path)
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path


# ------------------------------------------------------------------------------------------ the clock


def test_the_clock_goes_to_the_next_departure_and_the_message_leaves(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    visitor = Visitor(clinic)
    visitor.post("/today/clock", step="next")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert outbox.listed(tx, outbox.Filter())[0]["state"] in ("sent", "delivered")


def test_without_anything_due_there_is_no_next_departure(clinic):
    answer = Visitor(clinic).post("/today/clock", step="next")
    assert answer.status_code == 409
    assert "Aucun message n’attend" in answer.text.replace("&#39;", "’")


def test_in_live_mode_there_is_no_clock_to_turn(tmp_path):
    visitor = Visitor(Clinic(tmp_path, mode="live"))
    assert "Au prochain départ" not in visitor.get("/today")
    assert visitor.post("/today/clock", step="day").status_code == 409


# ------------------------------------------------------------------------------------------ who may


def test_who_may_only_look_sees_masked_numbers_and_no_buttons(clinic):
    clinic.write("ana", "2026-12-01T10:00:00+01:00")
    visitor = Visitor(clinic, role="viewer")
    for path in ("/today", "/upcoming", "/messages", "/conversations", "/appointments", "/rules", "/templates",
                 "/phone"):  # fmt: skip
        page = visitor.get(path)
        assert "06\u00a039\u00a098\u00a000\u00a001" not in page, path
        assert page.count('method="post"') == page.count('action="/sign-out"'), path


@pytest.mark.parametrize(
    "path",
    ["/today/clock", "/today/correction/occ_1", "/messages/msg_1/hold", "/appointments/occ_1/number", "/rules/new",
     "/rules/rul_1/switch", "/templates/new", "/phone/answer", "/conversations/cnv_1/answer",
     "/conversations/cnv_1/note", "/conversations/cnv_1/state", "/exports", "/exports/exp_1/remove"],
)  # fmt: skip
def test_a_viewer_changes_nothing_and_a_form_without_its_token_neither(clinic, path):
    assert Visitor(clinic, role="viewer").post(path).status_code == 403
    assert Visitor(clinic, role="editor").post(path, csrf="").status_code == 403
    assert Visitor(clinic, role="admin").post(path, csrf="wrong").status_code == 403


def test_nobody_comes_in_without_signing_in(clinic):
    visitor = Visitor(clinic)
    visitor.browser.delete_cookie("relance_session")
    for path in ("/today", "/messages", "/conversations", "/exports", "/exports/exp_1/file", "/phone/bubbles?number=1",
                 "/why", "/rules"):  # fmt: skip
        answer = visitor.browser.get(path)
        assert (answer.status_code, answer.headers["Location"][:8]) == (303, "/sign-in"), path

"""Règles: read and written by one form, and never saved before their difference was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.storage import outbox
from core.storage import rules as kept
from core.web.console.rules import read_form, write_form
from tests.support.clinic import BOB, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def row(clinic: Clinic) -> dict:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return dict(kept.row(tx, clinic.rule))


def due(clinic: Clinic) -> list[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return [f"{one['due_at']:%d %H:%M}" for one in outbox.listed(tx, outbox.Filter(state=("scheduled",)))]


WHENS = [
    {"before": "PT48H"}, {"before": "P2D"}, {"after": "PT1H"}, {"before": "PT90M"}, {"change": "booked"},
    {"change": "moved"}, {"change": "cancelled"},
    {"days": -1, "at": "18:00", "working_days": False, "zone": "occasion"},
    {"days": 2, "at": "09:30", "working_days": True, "zone": "recipient"},
    {"days": 0, "at": "07:00", "working_days": False, "zone": "workspace"},
]  # fmt: skip


@pytest.mark.parametrize("when", WHENS, ids=str)
@pytest.mark.parametrize("until", [None, {"before": "PT2H"}, {"after": "P1D"}], ids=str)
def test_what_the_form_shows_is_what_it_reads_back(clinic, when, until):
    rule = {**row(clinic), "when": when, "until": until, "only": {"calendar": ["work", "home"]}}
    read, errors = read_form(write_form(rule))
    assert errors == {}
    for name in ("name", "on", "class", "until", "body", "template", "sender", "asks", "late", "channels", "only",
                 "active", "installation"):  # fmt: skip
        assert read[name] == rule[name], name
    assert read["when"] == when


@pytest.mark.parametrize(
    ("channels", "budgets"),
    [(["sms"], None), (["rcs", "sms"], None), (["rcs", "sms"], {"rcs": 600}),
     (["whatsapp", "rcs", "sms", "voice"], {"whatsapp": 3600})],
)  # fmt: skip
def test_the_order_of_channels_and_the_time_of_the_first_are_read_back(clinic, channels, budgets):
    read, errors = read_form(write_form({**row(clinic), "channels": channels, "budgets": budgets}))
    assert (read["channels"], read["budgets"], errors) == (channels, budgets, {})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"name": ""}, "name"), ({"body": ""}, "body"), ({"body": "{{ x"}, "body"), ({"when": ""}, "when"),
     ({"when": "wall", "at": "25:00"}, "when"), ({"when": "wall", "days": "-1"}, "when"),
     ({"when": "span", "span": "abc"}, "when"), ({"when": "change", "change": "eaten"}, "when"),
     ({"until": "1", "until_span": "x"}, "until"), ({"class": "spam"}, "class")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(clinic, wrong, field):
    fields = {**write_form(row(clinic)), **wrong}
    _, errors = read_form(fields)
    assert set(errors) == {field}
    answer = Visitor(clinic).post(f"/rules/{clinic.rule}", **fields, confirm="1")
    assert answer.status_code == 422
    assert "Corrigez ce qui est marqué" in answer.text
    assert row(clinic)["version"] == 1


def test_a_change_shows_its_difference_then_makes_it(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    clinic.write("bob", "2026-12-03T10:00:00+01:00", BOB, name="Bob Roy")
    fields = {**write_form(row(clinic)), "at": "17:00"}
    visitor = Visitor(clinic)

    seen = visitor.post(f"/rules/{clinic.rule}", **fields)
    assert "2 messages changent d’heure ou de texte." in seen.text
    assert "Ana Martin" in seen.text
    assert (due(clinic), row(clinic)["version"]) == (["02 17:00", "01 17:00"], 1), "18:00 in Paris, nothing saved"

    done = visitor.post(f"/rules/{clinic.rule}", **fields, confirm="1")
    assert "Règle enregistrée" in done.text
    assert (due(clinic), row(clinic)["version"]) == (["02 16:00", "01 16:00"], 2)
    assert "Version 2" in visitor.get(f"/rules/{clinic.rule}")
    assert "moment" in visitor.get(f"/rules/{clinic.rule}")


def test_turning_a_rule_off_shows_what_is_called_off(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    visitor = Visitor(clinic)
    seen = visitor.post(f"/rules/{clinic.rule}/switch", active="0")
    assert "1 message est annulé." in seen.text
    assert row(clinic)["active"]
    fields = {**write_form({**row(clinic), "active": False})}
    visitor.post(f"/rules/{clinic.rule}", **fields, confirm="1")
    assert due(clinic) == []


def test_a_new_rule_shows_what_it_brings_and_a_removed_one_takes_it_away(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    fields = {**write_form(row(clinic)), "name": "Deux jours avant", "days": "2", "at": "10:00", "installation": ""}
    visitor = Visitor(clinic)
    assert "1 nouveau message part." in visitor.post("/rules/new", **fields).text
    visitor.post("/rules/new", **fields, confirm="1")
    assert len(due(clinic)) == 2
    visitor.post(f"/rules/{clinic.rule}/remove")
    assert len(due(clinic)) == 1
    assert visitor.browser.get(f"/rules/{clinic.rule}").status_code == 404


def test_a_rehearsal_says_that_nothing_leaves(tmp_path):
    clinic = Clinic(tmp_path, live=False)
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    answer = Visitor(clinic).post(f"/rules/{clinic.rule}", **{**write_form(row(clinic)), "at": "17:00"})
    assert "Cette connexion est en répétition" in answer.text


def test_a_change_without_effect_says_so(clinic):
    answer = Visitor(clinic).post(f"/rules/{clinic.rule}", **write_form(row(clinic)))
    assert "Aucun message ne change" in answer.text


def test_the_picture_shows_the_next_real_appointment(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        kept.change(tx, clinic.rule, {"body": "Bonjour {{ name }}"})
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Zoé <i>Roux</i>")
    page = Visitor(clinic).get(f"/rules/{clinic.rule}")
    assert "Bonjour Zoé &lt;i&gt;Roux&lt;/i&gt;" in page


def test_rules_are_told_as_phrases_in_both_languages(clinic):
    assert "la veille à 18:00" in Visitor(clinic).get("/rules").replace("\u00a0", " ")
    assert "the day before at 18:00" in Visitor(clinic, language="en").get("/rules")


def test_a_rule_of_another_workspace_cannot_be_seen_or_bound(clinic):
    visitor = Visitor(clinic)
    assert visitor.browser.get("/rules/rul_other").status_code == 404
    fields = {**write_form(row(clinic)), "installation": "ins_other"}
    assert visitor.post("/rules/new", **fields, confirm="1").status_code == 404

"""A connection's records: fields chosen by label and seen on a record, workflows whose figures open, a try."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from core.storage import installations, outbox, people
from core.storage.outbox import Filter
from tests.support.clinic import Clinic
from tests.support.console import Visitor
from tests.support.crm import AWAY, PaperCRM, connect, crm, enrol
from tests.support.running import START, Running

ANA, BOB, CHLOE = "+33639980001", "+33639980008", "+33639980009"


class Club:
    """A workspace of its own that is connected with the paper CRM."""

    def __init__(self, relance: Running, paper: PaperCRM) -> None:
        self.relance, self.suite, self.paper = relance, relance.suite, paper
        paper.contacts, paper.away = crm().contacts, None
        self.workspace, self.client = relance.another_workspace("Club")
        relance.set_clock(START)
        self.id = connect(relance.suite, self.workspace, relance.suite.now())

    def settle(self) -> None:
        self.relance.settle()
        self.relance.forward(timedelta(minutes=2))

    def phones(self) -> list[dict[str, Any]]:
        return list(self.client.get("/v1/simulator/messages?limit=200").json()["data"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, PaperCRM]]:
    paper = crm()
    with Running(tmp_path_factory.mktemp("club"), adapters={"paper": paper}) as relance:
        yield relance, paper


@pytest.fixture
def club(house: tuple[Running, PaperCRM]) -> Club:
    return Club(*house)


@pytest.fixture
def owner(club: Any) -> Visitor:
    return Visitor(club)


def config(club: Club) -> dict[str, object]:
    with club.suite.database.read(club.workspace) as tx:
        row = installations.get(tx, club.suite.vault, club.id, club.suite.public_url)
    assert row is not None
    return dict(row.installation.config)


def messages(club: Club) -> list[dict[str, object]]:
    with club.suite.database.read(club.workspace) as tx:
        return [dict(one) for one in outbox.listed(tx, Filter())]


def send(visitor: Visitor, path: str, form: dict[str, Any]) -> TestResponse:
    return visitor.post(path, **form)


def plain(page: str) -> str:
    """The page's words, without its tags."""
    text = unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))
    return re.sub(r"[\s\u202f\u00a0]+", " ", text)


class TestFields:
    def test_labels_are_shown_and_the_number_is_marked_on_a_record(self, club: Club, owner: Visitor) -> None:
        page = owner.get(f"/connections/{club.id}/fields")

        assert "Téléphone portable" in page
        assert "<mark>06 39 98 00 01</mark>" in page
        assert "Le refus le plus récent gagne toujours." in page
        assert 'href="/connections/' + club.id + '/fields" aria-current="page"' in page

    def test_a_choice_is_tried_on_a_record_before_it_is_kept(self, club: Club, owner: Visitor) -> None:
        tried = send(owner, f"/connections/{club.id}/fields", {
            "try": "1", "search": "David", "slot-phones": ["office", "mobile"], "slot-no": "no_sms"})  # fmt: skip

        assert tried.status_code == 200
        assert "<mark>06 39 98 00 09</mark>" in tried.text
        assert "pas encore enregistrés" in tried.text
        assert config(club) == {}

    def test_what_is_kept_is_read_anew(self, club: Club, owner: Visitor) -> None:
        send(owner, f"/connections/{club.id}/fields", {
            "save": "1", "slot-phones": ["", "office", "mobile"], "slot-no": "no_sms", "slot-dates": ["", "ends_on"]})

        assert config(club) == {"phones": ["office", "mobile"], "no": ["no_sms"], "dates": ["ends_on"]}
        page = plain(owner.get(f"/connections/{club.id}/fields?search=Ana"))
        assert "dimanche 20 décembre Fin de contrat" in page
        assert "Ne veut pas de message depuis le lundi 5 janvier" in plain(
            owner.get(f"/connections/{club.id}/fields?search=Bob"))  # fmt: skip

    def test_what_cannot_be_kept_is_said_beside_its_question(self, club: Club, owner: Visitor) -> None:
        answer = send(owner, f"/connections/{club.id}/fields", {"save": "1", "slot-no": "nowhere"})

        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert 'id="s-no-e"' in answer.text
        assert config(club) == {}

    def test_whoever_may_not_connect_tries_and_does_not_keep(self, club: Any) -> None:
        editor = Visitor(club, "editor")
        assert send(editor, f"/connections/{club.id}/fields", {"try": "1"}).status_code == 200
        assert send(editor, f"/connections/{club.id}/fields", {"save": "1", "slot-no": ""}).status_code == 403
        viewer = Visitor(club, "viewer")
        assert viewer.browser.get(f"/connections/{club.id}/fields").status_code == 403

    def test_a_platform_that_is_away_is_said_with_its_remedy(self, club: Club, owner: Visitor) -> None:
        club.paper.away = AWAY
        for name in ("fields", "test", "limits"):
            page = owner.get(f"/connections/{club.id}/{name}")
            assert "notice-warn" in page
            assert "Fichier clients" in page
        assert send(owner, f"/connections/{club.id}/estimate", {"body": "Bonjour"}).status_code == 200


class TestWorkflows:
    def test_each_figure_opens_the_messages_behind_it(self, club: Club, owner: Visitor) -> None:
        enrol(club.suite, club.workspace, club.id, "wf-1", [ANA, BOB, None], label="Fin d'essai")
        enrol(club.suite, club.workspace, club.id, "wf-2", [CHLOE], label="Bienvenue", klass="marketing")
        club.settle()
        sent = club.phones()
        club.client.post("/v1/simulator/replies", {"from": BOB, "to": sent[0]["from"], "text": "STOP"})
        club.settle()

        page = owner.get(f"/connections/{club.id}/workflows")
        assert "Fin d'essai" in plain(page)
        assert "Bienvenue" in page
        one = owner.get(f"/connections/{club.id}/workflows/wf-1")
        figures = {name: (int(count), href) for href, count, name in re.findall(
            r'<a class="counter[^"]*" href="([^"]*)">.*?<strong>(\d+)</strong><span>([^<]*)</span></a>',
            one.replace("&amp;", "&"))}  # fmt: skip
        assert {name: count for name, (count, _) in figures.items()} == {
            "inscrits": 3, "prévu": 0, "envoyés": 2, "remis": 2, "a cliqué": 0, "STOP": 1}
        for count, href in figures.values():
            assert len(re.findall(r'<a href="/messages/msg_', owner.get(href))) == count

        assert "Complétez ou corrigez le numéro sur la fiche" in plain(one)
        [reason] = re.findall(r'href="(/messages\?[^"]*reason=no_number)"', one.replace("&amp;", "&"))
        assert len(re.findall(r'<a href="/messages/msg_', owner.get(reason))) == 1
        assert "parcours « Fin d'essai »" in plain(owner.get(reason))

    def test_the_same_figures_over_the_api(self, club: Club) -> None:
        enrol(club.suite, club.workspace, club.id, "wf-1", [ANA, None], label="Fin d'essai")
        enrol(club.suite, club.workspace, club.id, "wf-2", [CHLOE], label="Bienvenue", klass="marketing")
        club.settle()

        both = club.client.get(f"/v1/stats?installation={club.id}").json()["data"][0]["workflows"]
        assert {one["campaign"] for one in both} == {"wf-1", "wf-2"}
        [one] = club.client.get(f"/v1/stats?installation={club.id}&campaign=wf-1").json()["data"][0]["workflows"]
        assert (one["label"], one["enrolled"], one["sent"], one["delivered"], one["not_sent"]) == (
            "Fin d'essai", 2, 1, 1, 1)  # fmt: skip
        assert one["cost"][0]["amount"] > 0
        assert [(reason["code"], reason["count"]) for reason in one["reasons"]] == [("no_number", 1)]

    def test_a_workflow_that_nobody_knows_is_not_found(self, club: Club, owner: Visitor) -> None:
        assert owner.browser.get(f"/connections/{club.id}/workflows/none").status_code == 404
        assert "Aucun parcours n’a encore" in owner.get(f"/connections/{club.id}/workflows?days=0")

    def test_another_workspace_sees_nothing_of_it(self, club: Club) -> None:
        enrol(club.suite, club.workspace, club.id, "wf-1", [ANA])
        _, other = club.relance.another_workspace()
        assert other.get(f"/v1/stats?installation={club.id}").status_code == 404


class TestTry:
    def test_the_very_text_is_shown_then_sent_to_the_person_who_tries(self, club: Club, owner: Visitor) -> None:
        form = {"body": "Bonjour {{ first_name }}, à jeudi.", "record": "1", "to": "06 39 98 00 42", "whose": "own",
                "once": "abc"}  # fmt: skip
        shown = send(owner, f"/connections/{club.id}/test", {**form, "show": "1"})
        assert "Bonjour Ana, à jeudi." in shown.text
        assert "EUR" in shown.text
        assert messages(club) == []

        sent = send(owner, f"/connections/{club.id}/test", {**form, "send": "1"})
        again = send(owner, f"/connections/{club.id}/test", {**form, "send": "1"})
        club.settle()

        assert sent.request.path == again.request.path
        assert sent.request.path.startswith("/messages/msg_")
        [message] = messages(club)
        assert message["reference"] == f"test/{club.id}/abc"
        assert (message["class"], message["campaign"], message["to"]) == ("transactional", None, "+33639980042")
        assert [one["to"] for one in club.phones()] == ["+33639980042"]

    @pytest.mark.parametrize("form", [{"whose": "record"}, {"whose": "own", "to": "06 39 98 00 01"}],
                             ids=["chosen", "typed"])  # fmt: skip
    def test_the_records_own_number_is_written_to_only_by_somebody_who_is_sure(
        self, club: Club, owner: Visitor, form: dict[str, str]
    ) -> None:
        given = {"body": "Bonjour", "record": "1", "send": "1", "once": "x", **form}
        refused = send(owner, f"/connections/{club.id}/test", given)
        assert refused.status_code == 422
        assert "cochez la case" in refused.text
        assert messages(club) == []

        send(owner, f"/connections/{club.id}/test", {**given, "sure": "1"})
        assert [one["to"] for one in messages(club)] == [ANA]

    @pytest.mark.parametrize("form, said", [
        ({"body": "", "to": "0639980042"}, "e-body"),
        ({"body": "Bonjour", "to": "12"}, "e-to"),
        ({"body": "Bonjour", "whose": "record"}, "Choisissez d’abord une fiche"),
        ({"body": "Bonjour {{ nobody }}", "to": "0639980042"}, "notice-bad"),
        ({"body": "Bonjour {{", "to": "0639980042"}, "notice-bad"),
    ])  # fmt: skip
    def test_what_is_wrong_is_said(self, club: Club, owner: Visitor, form: dict[str, str], said: str) -> None:
        answer = send(owner, f"/connections/{club.id}/test", {**form, "send": "1"})
        assert answer.status_code == 422
        assert said in answer.text
        assert messages(club) == []


class TestEstimate:
    def test_who_is_reached_at_what_cost_and_why_the_others_are_not(self, club: Club, owner: Visitor) -> None:
        send(owner, f"/connections/{club.id}/fields", {"save": "1", "slot-no": "no_sms"})
        page = plain(send(owner, f"/connections/{club.id}/estimate", {
            "body": "Bonjour {{ first_name }}", "class": "marketing"}).text)  # fmt: skip

        assert "4 fiches regardées 1 joignable" in page
        assert "pour 1 SMS 3 laissées de côté" in page
        assert "Bob Petit" in page
        assert "Chloé Blanc" in page
        assert "David Noir" in page
        assert "Bonjour Ana" in page
        assert messages(club) == []

    def test_a_refusal_that_we_know_counts_though_the_record_agrees(self, club: Club, owner: Visitor) -> None:
        with club.suite.database.write(club.workspace) as tx:
            people.stop(tx, ANA, "marketing", "reply", {}, club.suite.now())
        page = plain(send(owner, f"/connections/{club.id}/estimate", {"body": "Bonjour", "class": "marketing"}).text)
        assert "4 fiches regardées 1 joignable " in page
        assert "Ana Roux" in page.partition("laissées de côté")[2]

    def test_only_two_thousand_are_looked_at_and_that_is_said(self, club: Club, owner: Visitor) -> None:
        club.paper.contacts = {f"{number:05}": {"name": "Ana Roux", "mobile": f"06 39 98 {number // 100:02} "
                                                f"{number % 100:02}"} for number in range(2_100)}  # fmt: skip
        club.paper.asked = 0
        form = {"body": "Bonjour", "class": "transactional"}
        page = plain(send(owner, f"/connections/{club.id}/estimate", form).text)
        assert "Les 2 000 premières fiches seulement" in page
        assert "2 000 joignables" in page
        assert club.paper.asked == 10


@pytest.mark.parametrize("path", ["workflows/%00", "workflows?days=99999999999999", "workflows?days=²",
                                  "fields?search=%00&record=%ff", "test?search=%ed%a0%80", "workflows/" + "x" * 500])
def test_an_odd_address_is_no_error_of_ours(club: Club, owner: Visitor, path: str) -> None:
    assert owner.browser.get(f"/connections/{club.id}/{path}").status_code < 500


@pytest.mark.parametrize("form", [
    {"try": "1", "slot-": "x"}, {"save": "1", "slot-phones": b"\xed\xa0\x80"}, {"try": "1", "slot-x.": ["\0"]},
    {"body": "\0", "to": "\0", "send": "1", "once": "\0"}, {"body": "{{ x.y.z }}", "to": "0639980042", "show": "1"},
    {"body": "Bonjour", "to": "0639980042", "send": "1", "once": "é\0" * 50, "template": "\0"},
])  # fmt: skip
def test_an_odd_form_is_no_error_of_ours(club: Club, owner: Visitor, form: dict[str, Any]) -> None:
    for name in ("fields", "test", "estimate"):
        assert owner.post(f"/connections/{club.id}/{name}", **form).status_code < 500


def test_limits_and_the_end_say_what_there_is_and_what_stays(club: Club, owner: Visitor) -> None:
    assert "12 400 sur 15 000" in plain(owner.get(f"/connections/{club.id}/limits"))
    assert "bientôt atteint" in owner.get(f"/connections/{club.id}/limits")
    page = owner.get(f"/connections/{club.id}/leaving")
    assert "L’action disparaît" in page
    assert f"/exports?what=messages&amp;installation={club.id}" in page
    assert f"/connections/{club.id}/workflows" in owner.get("/connections")


def test_a_calendar_has_no_such_pages(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path)
    visitor = Visitor(clinic)
    for name in ("workflows", "fields", "test", "estimate", "limits", "leaving"):
        assert visitor.browser.get(f"/connections/{clinic.installation}/{name}").status_code == 404

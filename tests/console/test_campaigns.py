"""Campagnes and Contacts: five steps to a campaign, its page, segments, and a file that comes in as three piles."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from core.domain.recipients import Recipient
from core.engine import campaigning, dispatch
from core.storage import campaigns, people, segments
from core.web.console import segment_form
from tests.support.clinic import Clinic
from tests.support.console import Visitor

SHEETS = Path(__file__).resolve().parents[1] / "data" / "sheets"
NUMBERS = [f"+3363998{index:04d}" for index in range(1000, 1006)]


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    made = Clinic(tmp_path)
    with made.suite.database.write(made.workspace) as tx:
        for number in NUMBERS:
            city = "Lyon" if number < NUMBERS[4] else "Paris"
            known = {"first_name": "Ana", "values": {"Ville": city}}
            people.remember(tx, Recipient.parse(number), known, made.suite.now())
            if number != NUMBERS[0]:
                people.start(tx, number, "marketing", "test", {"text": "oui"}, made.suite.now())
    return made


def draft(clinic: Clinic, visitor: Visitor, **fields: str) -> str:
    """The id of a campaign after its first three steps."""
    answer = visitor.post("/campaigns/new", follow=False, name="Soldes", who="agreed")
    assert answer.status_code == 303
    campaign = answer.headers["Location"].split("/")[2]
    said = {"class": "marketing", "body": "{{ first_name }}, soldes https://shop.example/s", "channel": "sms"}
    assert visitor.post(f"/campaigns/{campaign}/message", follow=False, **said).status_code == 303
    when = {"when": "now", "most_stopped": "2", "most_failed": "10", "holdout": "0", **fields}
    assert visitor.post(f"/campaigns/{campaign}/time", follow=False, **when).status_code == 303
    return campaign


def work(clinic: Clinic) -> None:
    for _ in range(4):
        campaigning.run_due(clinic.suite)
        dispatch.run_due(clinic.suite)


def test_an_empty_page_teaches(tmp_path: Path) -> None:
    page = Visitor(Clinic(tmp_path)).get("/campaigns")
    assert "En cinq étapes" in page
    assert "/campaigns/new" in page


def test_five_steps_lead_to_a_campaign(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    campaign = draft(clinic, visitor)
    assert re.search(r"Ana, soldes http://\S+/s/\w+ STOP", visitor.get(f"/campaigns/{campaign}/message"))
    check = visitor.get(f"/campaigns/{campaign}/check")
    assert "<strong>5</strong>" in check
    assert "Ana, soldes http" in check
    last = visitor.get(f"/campaigns/{campaign}/send")
    assert "Envoyer à 5 personnes" in last
    page = visitor.post(f"/campaigns/{campaign}/send").text
    assert "La campagne est lancée." in page
    work(clinic)
    again = visitor.post(f"/campaigns/{campaign}/send").text
    assert "Ana" in again or "Soldes" in again
    work(clinic)
    why = visitor.get(f"/why?q=%2B{NUMBERS[1][1:]}")
    assert f'href="/campaigns/{campaign}"' in why
    page = visitor.get(f"/campaigns/{campaign}")
    assert re.search(r"Partis</span><strong class=\"count\">5<", page)
    assert visitor.browser.get(f"/campaigns/{campaign}/check").status_code == 409
    assert "Soldes" in visitor.get("/campaigns")


def test_what_is_wrong_is_marked_and_kept(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    answer = visitor.post("/campaigns/new", name="X", who="numbers", numbers="06 39 98 10 01\nabc")
    assert answer.status_code == 422
    assert "Ligne 2" in answer.text
    assert "06 39 98 10 01" in answer.text
    campaign = draft(clinic, visitor)
    answer = visitor.post(f"/campaigns/{campaign}/message", **{"class": "marketing", "body": "{{ x", "channel": "sms"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    answer = visitor.post(f"/campaigns/{campaign}/time", when="later", date="demain", at="10:00", first="200",
                          most_stopped="2", most_failed="10", holdout="0")  # fmt: skip
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 2


def test_the_first_part_waits_for_a_person_and_can_be_paused_and_called_off(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    campaign = draft(clinic, visitor, first="20")
    visitor.post(f"/campaigns/{campaign}/send")
    work(clinic)
    page = visitor.get(f"/campaigns/{campaign}")
    assert "Envoyer le reste" in page
    assert "en pause" in visitor.post(f"/campaigns/{campaign}/pause").text
    assert "Reprendre" in visitor.get(f"/campaigns/{campaign}")
    visitor.post(f"/campaigns/{campaign}/resume")
    assert "est annulée" in visitor.post(f"/campaigns/{campaign}/cancel").text
    listed = visitor.get(f"/campaigns/{campaign}/people?reason=campaign_cancelled")
    assert listed.count("sans message</span>") == 4


def test_a_viewer_looks_and_does_nothing(clinic: Clinic) -> None:
    campaign = draft(clinic, Visitor(clinic))
    viewer = Visitor(clinic, "viewer")
    assert "Préparer une campagne" not in viewer.get("/campaigns")
    assert viewer.browser.get("/campaigns/new").status_code == 403
    assert viewer.post(f"/campaigns/{campaign}/send").status_code == 403
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = campaigns.row(tx, campaign)
        assert row is not None
        assert row["state"] == "draft"


def test_a_segment_is_counted_kept_and_written_to(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    said = {"how": "all", "kind-0": "agreed", "kind-1": "value", "name-1": "Ville", "word-1": "Lyon"}
    assert "3 personnes en font partie" in visitor.post("/contacts/segments/new", look="1", **said).text
    assert visitor.post("/contacts/segments/new", save="1", **said).status_code == 422
    page = visitor.post("/contacts/segments/new", save="1", name="Lyonnais", **said).text
    assert "3 personnes en font partie" in page
    assert "Ville = Lyon" in page
    contacts = visitor.get("/contacts")
    assert "Lyonnais" in contacts
    with clinic.suite.database.read(clinic.workspace) as tx:
        [segment] = segments.rows(tx)
    assert "checked" in visitor.get(f"/campaigns/new?segment={segment['id']}")
    answer = visitor.post("/contacts/segments/new", save="1", name="X", **{"kind-0": "got", "word-0": "hier"})
    assert answer.status_code == 422


def test_conditions_compare_numbers_and_days_and_stand_in_groups(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        for number, total, visit in ((NUMBERS[0], "1 234,50", "01/03/2026"), (NUMBERS[1], "80", "2026-11-20")):
            people.remember(tx, Recipient.parse(number), {"values": {"Total": total, "Visite": visit}},
                            clinic.suite.now())  # fmt: skip
    said = {"how": "all", "kind-0": "value_above", "name-0": "Total", "word-0": "79,5",
            "between": "all", "how-1": "any", "kind-4": "value_longer_ago", "name-4": "Visite", "word-4": "90",
            "kind-5": "last_ordered", "word-5": "30"}  # fmt: skip
    assert visitor.post("/contacts/segments/estimate", **said).json == {
        "count": "1 personne en fait partie", "trouble": ""}
    alone = {**said, "kind-4": "", "kind-5": ""}
    assert visitor.post("/contacts/segments/estimate", **alone).json["count"] == "2 personnes en font partie"
    wrong = visitor.post("/contacts/segments/estimate", **{**said, "word-0": "beaucoup"}).json
    assert "n’est pas un nombre" in wrong["trouble"].replace("'", "’")
    page = visitor.post("/contacts/segments/new", save="1", name="À rappeler", **said).text
    assert re.search(r"«\s?Total\s?» dépasse 79,5", page)
    assert re.search(r"au moins une\s?: «\s?Visite\s?» date de plus de 90 jours\s?; dernière commande", page)


def test_what_the_form_says_is_found_again_in_the_form(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    words = {"country": "FR", "language": "fr", "value": "Lyon", "tag": "vip", "value_before": "2026-03-01",
             "value_since": "2026-03-01", "agreed": "", "not_out": ""}  # fmt: skip
    form = {"name": "Choix", "how": "any", "kind-4": "tag", "word-4": "pro", "between": "any", "how-1": "all"}
    with clinic.suite.database.write(clinic.workspace) as tx:
        segment = segments.add(tx, "Choix", {"all": [{"tag": "x"}]}, clinic.suite.now())
    for kind in sorted(segment_form.ALL):
        word = words.get(kind, "90")
        said = {**form, "kind-0": kind, "name-0": "Ville" if kind in segment_form.NAMED else "", "word-0": word,
                "kind-1": "agreed"}  # fmt: skip
        kept = visitor.post(f"/contacts/segments/{segment}/edit", follow=False, save="1", **said)
        assert kept.status_code == 303, kind
        page = visitor.get(f"/contacts/segments/{segment}/edit")
        assert re.search(rf'<option value="{kind}" selected', page), kind
        assert f'value="{word}"' in page, kind


def test_what_a_program_wrote_is_not_changed_by_a_form_that_cannot_say_it(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        said = {"all": [{"did": "clicked", "times": 3}, {"not": {"tag": "vip"}}]}
        segment = segments.add(tx, "Programme", said, clinic.suite.now())
        people_on = segments.add(tx, "Liste", None, clinic.suite.now())
    assert "/edit" not in visitor.get(f"/contacts/segments/{segment}")
    for one in (segment, people_on):
        assert visitor.browser.get(f"/contacts/segments/{one}/edit").status_code == 404


def test_a_segment_that_a_campaign_uses_stays(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        segment = segments.add(tx, "Tous", {"all": []}, clinic.suite.now())
    visitor.post("/campaigns/new", name="Soldes", who="segment", segment=segment)
    assert visitor.post(f"/contacts/segments/{segment}/remove").status_code == 409


def brought(visitor: Visitor, name: str, content: bytes) -> str:
    """The address of the page that shows its piles."""
    answer = visitor.browser.post("/contacts/import", data={
        "csrf": visitor.csrf, "file": (io.BytesIO(content), name)})  # fmt: skip
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def piles(page: str) -> list[str]:
    return [re.search(rf"<strong>(\d+)</strong><span>{words}", page)[1] for words in  # type: ignore[index]
            ("ligne(?:s sont| est) bonne", "lignes? peu", "ligne(?:s sont| est) refus")]  # fmt: skip


def test_a_file_comes_in_as_three_piles_and_onto_a_list(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    text = "prénom;téléphone;Ville\nLéa;06 39 98 10 50;Lyon\nTom;0639981051/0639981052;Lyon\nZoé;123;Lyon\n"
    where = brought(visitor, "salon.csv", text.encode())
    looked = visitor.get(where)
    assert piles(looked) == ["1", "1", "1"]
    assert re.search(r"B4</span> <span[^>]*>ligne 4, «\s?téléphone", looked)
    page = visitor.post(f"{where}/take", fix="1", list="Salon").text
    assert "2 contacts importés" in page
    assert "Salon" in page
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert people.contact_of(tx, "+33639981051")
        assert segments.lists(tx, [row["id"] for row in segments.rows(tx)])
    assert visitor.browser.get(where).status_code == 404
    assert visitor.post(f"{where}/take", fix="1").status_code == 404


def test_a_workbook_says_its_sheets_and_what_it_did_to_numbers(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    where = brought(visitor, "salon.xlsx", (SHEETS / "salon.xlsx").read_bytes())
    looked = visitor.get(where)
    assert piles(looked) == ["3", "0", "2"]
    assert "avaient perdu leur zéro" in looked
    assert re.search(r"gardé que «\s?6,12E\+08", looked)
    assert '<option value="Anciens">' in looked
    other = visitor.get(f"{where}?sheet=Anciens")
    assert piles(other) == ["1", "0", "0"]
    refused = visitor.browser.get(f"{where}?sheet=Notes")
    assert refused.status_code == 422
    assert "Aucune colonne de numéros" in refused.text
    assert '<option value="Clients"' in refused.text
    assert "1 contact importé" in visitor.post(f"{where}/take", sheet="Anciens").text


def test_a_large_file_comes_in_parts_each_taken_once(clinic: Clinic) -> None:
    visitor = Visitor(clinic)

    def part(number: int, content: bytes, *, upload: str = "", last: str = "0") -> TestResponse:
        fields = {"csrf": visitor.csrf, "upload": upload, "number": str(number), "name": "a.csv", "last": last}
        return visitor.browser.post("/contacts/import/parts", data={**fields, "file": (io.BytesIO(content), "part")})

    upload = part(0, b"telephone\n06399810").json["upload"]  # type: ignore[index]
    assert visitor.browser.get(f"/contacts/import/{upload}").status_code == 404
    assert part(2, b"x", upload=upload).status_code == 409
    for _ in range(2):
        assert part(1, b"60\n", upload=upload, last="1").status_code == 200
    assert piles(visitor.get(f"/contacts/import/{upload}")) == ["1", "0", "0"]
    assert part(0, b"x" * 900_001).status_code == 422


def test_english_is_complete(clinic: Clinic) -> None:
    campaign = draft(clinic, Visitor(clinic))
    visitor = Visitor(clinic, language="en")
    for path in ("/campaigns", "/contacts", "/contacts/segments/new", *(
        f"/campaigns/{campaign}/{step}" for step in ("audience", "message", "time", "check", "send"))):  # fmt: skip
        page = visitor.get(path)
        assert "campaigns." not in re.sub(r'(?:href|src)="[^"]*"', "", page)
        assert 'lang="en"' in page

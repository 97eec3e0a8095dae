"""Whose phone: each trap that a calendar sets, by its name."""

from __future__ import annotations

import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcal_reminders.appointments import Appointment, Guest, plain
from gcal_reminders.phones import Finding, Found, Missing, Sort, Unsure, find_phone, fingerprints, numbers_in, silenced

OWN = frozenset({"04 72 00 00 00", "+33639980099"})
ANA, BOB = "+33639980001", "+33639980002"

MEET = """-::~:~::~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~::~:~::-
Participer avec Google Meet : https://meet.google.com/abc-defg-hij
Ou composez le : (FR) +33 1 87 40 44 19 ; code PIN : 123 456 789#
Autres numéros de téléphone : https://tel.meet/abc?pin=1234567890
-::~:~::~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~:~::~:~::-"""
ZOOM = """Cabinet is inviting you to a scheduled Zoom meeting.
Join Zoom Meeting
https://us02web.zoom.us/j/85012345678?pwd=abc
Meeting ID: 850 1234 5678
Passcode: 123456
One tap mobile
+33170372246,,85012345678#,,,,*123456# France

Dial by your location
        +33 1 7037 2246 France
        +1 929 205 6099 US (New York)
Find your local number: https://us02web.zoom.us/u/abc"""
TEAMS = """________________________________________________________________________________
Réunion Microsoft Teams
Participer : https://teams.microsoft.com/meet/312345678901?p=x
ID de réunion : 312 345 678 901
Rejoindre par téléphone
+33 1 87 21 02 42,,123456789# France, Paris
Trouver un numéro local
ID de conférence téléphonique : 123 456 789#
________________________________________________________________________________"""


def an_appointment(description: str = "", **fields: Any) -> Appointment:
    return Appointment(**({"uid": "visit", "description": plain(description)} | fields))


def finding(description: str = "", *, country: str = "FR", place: str = "anywhere", **fields: Any) -> Finding:
    asked = {name: fields.pop(name) for name in ("learnt", "contacts") if name in fields}
    appointment = an_appointment(description, **fields)
    return find_phone(appointment, country=country, own_numbers=OWN, place=place, **asked)


def number(found: Finding) -> str:
    assert isinstance(found, Found), found
    return found.recipient.number


def why(found: Finding) -> str:
    assert isinstance(found, Missing | Unsure), found
    assert found.reason.sentence("fr") != found.reason.code
    assert "…" not in found.reason.sentence("en")
    return found.reason.code


@pytest.mark.parametrize("written", [
    "06 39 98 00 01", "06.39.98.00.01", "06-39-98-00-01", "06/39/98/00/01", "0639980001", "06 399 800 01",
    "0639 980 001",
    "06\u00a039\u00a098\u00a000\u00a001", "06\u202f39\u202f98\u202f00\u202f01", "06\u201139\u201198\u201100\u201101",
    "+33639980001", "+33 6 39 98 00 01", "+33 06 39 98 00 01", "+33 (0)6 39 98 00 01", "+33(0)639980001",
    "(+33) 6 39 98 00 01", "(+33)639980001", "0033639980001", "00 33 6 39 98 00 01", "0033 (0)6 39 98 00 01",
    "33639980001",
    "(06) 39 98 00 01", "+33-6-39-98-00-01", "+33.6.39.98.00.01",
])
@pytest.mark.parametrize("around", [
    "{}", "Tel. {} merci", "tel:{}", "<tel:{}>", "Mme Roux ({})", "Roux,{},Lyon", "☎{}.",
])
def test_every_writing_of_a_number_is_found_with_the_exact_piece_of_text(written: str, around: str):
    found = finding(around.format(written))

    assert number(found) == ANA
    assert isinstance(found, Found)
    assert found.evidence.text.strip("()+") == written.strip("()+")


@pytest.mark.parametrize(("text", "country", "expected"), [
    ("Maria +39 333 1234567", "FR", "+393331234567"), ("333 1234567", "IT", "+393331234567"),
    ("+44 7911 123456", "FR", "+447911123456"), ("+41 79 123 45 67", "FR", "+41791234567"),
    ("079 123 45 67", "CH", "+41791234567"), ("0171/1234567", "DE", "+491711234567"),
    ("0470 12 34 56", "BE", "+32470123456"), ("612 345 678", "ES", "+34612345678"),
    ("(212) 736-5000", "US", "+12127365000"), ("0692 12 34 56", "RE", "+262692123456"),
])
def test_numbers_of_other_countries(text: str, country: str, expected: str):
    assert number(finding(text, country=country)) == expected


TRAPS = {
    "google meet": (MEET, "conference_number_only"),
    "zoom": (ZOOM, "conference_number_only"),
    "teams": (TEAMS, "conference_number_only"),
    "a dial-in without its block": ("(FR) +33 1 87 40 44 19 PIN : 123#", "conference_number_only"),
    "a dial-in that is a mobile": ("Join by phone: +33 6 39 98 00 01 PIN: 1234#", "conference_number_only"),
    "a dial-in on the line below": ("Pour participer par téléphone :\n06 39 98 00 01", "conference_number_only"),
    "a dial-in link": ('<a href="tel:+33187404419,,123#">+33 1 87 40 44 19</a>', "conference_number_only"),
    "the clinic's own line": ("Pour annuler : 04 72 00 00 00", "own_number_only"),
    "the clinic's own mobile": ("Appelez le +33 6 39 98 00 99", "own_number_only"),
    "a fax": ("Fax : 04 72 11 22 33", "fax_only"),
    "a fax on a mobile": ("Télécopie 06 39 98 00 01", "fax_only"),
    "a landline": ("01 42 34 56 78", "landline_only"),
    "a box's number": ("09 70 12 34 56", "landline_only"),
    "toll-free": ("N° vert 0800 123 456", "special_number_only"),
    "premium": ("08 92 12 34 56", "special_number_only"),
    "four digits": ("Appeler le 3646", "no_number"),
    "a social security number": ("1 85 06 75 123 456 78", "no_number"),
    "a social security number in one piece": ("NIR 185067512345678", "no_number"),
    "a social security number of Corsica": ("2 69 05 2A 588 157 80", "no_number"),
    "an IBAN": ("FR76 3000 6000 0112 3456 7890 189", "no_number"),
    "an IBAN in one piece": ("FR7630006000011234567890189", "no_number"),
    "a payment card": ("4970 0612 3456 7890", "no_number"),
    "a company number": ("SIRET 061 234 567 00012", "no_number"),
    "a file": ("Dossier n° 0639980001", "no_number"),
    "a reference": ("réf : 0639980001", "no_number"),
    "a client number": ("n° client 0639980001", "no_number"),
    "an order": ("Commande #0639980001", "no_number"),
    "a door code": ("Digicode 12A34, code 0639980001", "no_number"),
    "a page": ("https://example.com/0639980001", "no_number"),
    "an address of mail": ("0639980001@example.com", "no_number"),
    "a date and a price": ("12/10/2026 à 09h30, 1 250,00 €", "no_number"),
    "a birthday and more digits": ("Né le 06/12/1985, 34 56 78", "no_number"),
    "a number with a digit too few": ("06 39 98 00 0", "no_number"),
    "a serial number": ("06123456780001234", "no_number"),
    "nothing": ("", "no_number"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_alone_is_never_texted_and_is_named(trap: str):
    text, reason = TRAPS[trap]

    assert why(finding(text)) == reason


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("layout", ["{trap}\n\nMme Roux 06 39 98 00 02", "06 39 98 00 02\n{trap}"])
def test_a_trap_beside_the_one_mobile_does_not_hide_it(trap: str, layout: str):
    assert number(finding(layout.format(trap=TRAPS[trap][0]))) == BOB


@pytest.mark.parametrize("text", [
    "Chambre 12 06 39 98 00 01", "le 12/10/2026 06 39 98 00 01", "12/10 06 39 98 00 01", "14h30 06 39 98 00 01",
    "14 h 30 06 39 98 00 01", "50€ 06 39 98 00 01", "06 39 98 00 01 50€", "60 ans 06 39 98 00 01",
    "06 39 98 00 01 (30 min)",
    "06 39 98 00 01 / 01 42 34 56 78", "Portable 06 39 98 00 01 fax 04 72 11 22 33", "Tél/Fax : 06 39 98 00 01",
    "06 39 98 00 01\n+33639980001", "0639980001Dupont", "Tel0639980001", "Dossier 4512 - 06 39 98 00 01",
])
def test_digits_beside_a_number_are_not_part_of_it(text: str):
    assert number(finding(text)) == ANA


def test_a_dial_in_of_the_conference_data_is_one_in_the_text_too():
    found = finding("Appelez +33 6 39 98 00 01", conference_text="tel:+33-6-39-98-00-01")

    assert why(found) == "conference_number_only"


@pytest.mark.parametrize("text", [
    "06 39 98 00 01 - 06 39 98 00 02", "06 39 98 00 01 06 39 98 00 02", "mère 06 39 98 00 01\npère 06 39 98 00 02",
    "Tel: 06 39 98 00 01 / 06 39 98 00 02", "Tel: 06 39 98 00 01\nMobile: 06 39 98 00 02",
])
def test_two_mobiles_are_a_question(text: str):
    found = finding(text)

    assert why(found) == "two_numbers"
    assert isinstance(found, Unsure)
    assert [candidate.recipient.number for candidate in found.candidates] == [ANA, BOB]


def test_the_order_property_tag_place_text():
    text = "06 39 98 00 01\nsms: 06 39 98 00 02"
    fields = {"title": "Roux 06 39 98 00 03"}

    assert number(finding(text, private={"relancePhone": "0639980004"}, **fields)) == "+33639980004"
    assert number(finding(text, **fields)) == BOB
    assert number(finding("06 39 98 00 01", place="title", **fields)) == "+33639980003"
    assert why(finding("06 39 98 00 01", **fields)) == "two_numbers"


@pytest.mark.parametrize("tag", [
    "sms: {}", "SMS : {}", "tel: {}", "Tél. : {}", "Téléphone : {}", "mobile: {}", "Portable : {}", "whatsapp: {}",
    "gsm: {}", "- Tel: {}", "Mme Roux, tél: {}",
])
def test_a_tag_line_names_the_number(tag: str):
    found = finding("voir aussi 06 39 98 00 02\n" + tag.format("06 39 98 00 01"))

    assert (number(found), found.note) == (ANA, "tag")  # type: ignore[union-attr]


def test_a_tag_made_for_us_goes_before_the_others():
    assert number(finding("Tel: 06 39 98 00 02\nsms: 06 39 98 00 01")) == ANA


@pytest.mark.parametrize(("place", "expected"), [("title", "+33639980003"), ("first_line", ANA), ("line:2", BOB),
                                                 ("location", "+33639980004")])
def test_the_place_that_the_clinic_chose(place: str, expected: str):
    found = finding("06 39 98 00 01\n06 39 98 00 02", place=place, title="Roux 06 39 98 00 03",
                    location="06 39 98 00 04")

    assert number(found) == expected


def test_a_choice_for_the_series_goes_before_its_text():
    found = finding("06 39 98 00 01", learnt={"uid:visit": BOB})

    assert (number(found), found.note) == (BOB, "learnt")  # type: ignore[union-attr]


def test_a_choice_for_a_name_settles_a_doubt_but_does_not_overrule_the_text():
    learnt = {"name:mme roux": BOB}

    assert number(finding("06 39 98 00 01 / 06 39 98 00 02", title="Mme Roux", learnt=learnt)) == BOB
    assert number(finding("", title="Mme ROUX", learnt=learnt)) == BOB
    assert number(finding("06 39 98 00 01", title="Mme Roux", learnt=learnt)) == ANA
    assert why(finding("06 39 98 00 01 / 06 39 98 00 03", title="Mme Roux", learnt=learnt)) == "two_numbers"


def test_fingerprints_are_the_series_then_the_name():
    assert fingerprints(an_appointment(title="Mme Roux 06 39 98 00 01")) == ("uid:visit", "name:mme roux")
    assert fingerprints(an_appointment(title="Détartrage 0639980001", uid="s")) == ("uid:s", "title:detartrage")


BOOK = {("email", "ana@example.com"): ["06 39 98 00 01"], ("name", "Roux"): ["06 39 98 00 02", "01 42 34 56 78"],
        ("name", "Martin"): ["06 39 98 00 01", "06 39 98 00 02"]}


def book(kind: str, wanted: str) -> list[str]:
    return BOOK.get((kind, wanted), [])


def test_guests_then_names_are_looked_up():
    guest = Guest("ana@example.com")
    owner = Guest("ana@example.com", self=True)

    assert number(finding("", title="Mme Roux", guests=(guest,), contacts=book)) == ANA
    found = finding("", title="Mme Roux", guests=(owner,), contacts=book)
    assert (number(found), found.evidence.text, found.note) == (BOB, "Mme Roux", "contact")  # type: ignore[union-attr]
    assert why(finding("", title="Mme Martin", contacts=book)) == "several_contacts"
    assert why(finding("01 42 34 56 78", title="Mme Inconnue", contacts=book)) == "landline_only"


@pytest.mark.parametrize(("fields", "code"), [
    ({"title": "Mme Roux #norappel"}, "silenced"), ({"description": "#NoRappel"}, "silenced"),
    ({"description": "nosms"}, "silenced"),
    ({"description": "merci, #nosms."}, "silenced"),
    ({"description": "# sans rappel"}, "silenced"), ({"description": "Pas de SMS svp"}, "silenced"),
    ({"status": "cancelled"}, "appointment_cancelled"), ({"transparent": True}, "appointment_free"),
    ({"event_type": "outOfOffice"}, "not_an_appointment"),
    ({"guests": (Guest("a@x.example", response="declined"),)}, "declined_by_guest"),
    ({"guests": (Guest("a@x.example", self=True, response="declined"),)}, "declined_by_us"),
])
def test_what_silences_an_appointment(fields: dict[str, Any], code: str):
    reason = silenced(an_appointment(**fields), skip_free=True)

    assert reason is not None
    assert reason.code == code
    assert reason.sentence("fr") != code
    assert "…" not in reason.sentence("en")


@pytest.mark.parametrize("fields", [
    {"title": "Rappel vaccin"}, {"description": "pas de rappel de vaccin avant 2030"},
    {"description": "a@nosms.example"},
    {"transparent": True},
    {"guests": (Guest("a@x.example", response="declined"), Guest("b@x.example"))},
])
def test_what_does_not(fields: dict[str, Any]):
    assert silenced(an_appointment(**fields)) is None


def test_what_was_passed_over_is_shown():
    found = finding("Fax 04 72 11 22 33, cabinet 04 72 00 00 00, domicile 01 42 34 56 78")

    assert isinstance(found, Missing)
    assert [(seen.evidence.text, seen.sort) for seen in found.seen] == [
        ("04 72 11 22 33", Sort.FAX), ("04 72 00 00 00", Sort.OWN), ("01 42 34 56 78", Sort.LANDLINE)]


WORDS = st.text(alphabet=string.ascii_lowercase + "éèàçœ ,.\n'!?&", max_size=60)
WRITINGS = st.sampled_from([
    "06399800{:02}", "06 39 98 00 {:02}", "06.39.98.00.{:02}", "+336399800{:02}", "+33 6 39 98 00 {:02}",
])


@settings(deadline=None)
@given(before=WORDS, after=WORDS, writing=WRITINGS, last=st.integers(0, 98))
def test_one_mobile_among_words_is_found_where_it_stands(before: str, after: str, writing: str, last: int):
    written = writing.format(last)
    text = f"{before} {written} {after}"
    seen = numbers_in(Appointment(uid="v", description=text), country="FR", own_numbers=OWN)

    assert [(one.evidence.text, one.recipient and one.recipient.number) for one in seen] == [
        (written, f"+336399800{last:02}")]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.sampled_from("0123456789 +-./()#,:\n\u00a0€hFaxtelsm@éİ_~"), max_size=120),
       st.text(max_size=30), st.sampled_from(["FR", "IT", "US", "DE", "XX", ""]))
def test_no_text_breaks_it_and_evidence_is_what_stands_there(description: str, title: str, country: str):
    appointment = Appointment(uid="v", title=title, description=description)

    for seen in numbers_in(appointment, country=country, own_numbers=OWN):
        field: str = getattr(appointment, seen.evidence.field)
        assert field[seen.evidence.start:seen.evidence.end] == seen.evidence.text
        assert seen.evidence.text
    assert isinstance(find_phone(appointment, country=country, own_numbers=OWN), Found | Unsure | Missing)


@pytest.mark.parametrize("piece", [
    "1 ", "06 ",
    "+33 (0", "a", "a@", "a.", "<a href=tel:1>", "<!--", "<script>", "_", "\n", "FR76 3000 ", "join by phone\n",
    "google meet ",
    "06 12 34 56 7\n", "+3361234567,", "-::~:~:", "&amp;", "(", "tel: ", "0612345678\n",
])
def test_a_text_made_to_be_slow_is_not(piece: str):
    began = time.process_time()
    finding(piece * (60_000 // len(piece)))
    assert time.process_time() - began < 3

"""Conversations: read, answered once, noted, looked after, closed; and what holds whatever is clicked."""

from __future__ import annotations

import re
from copy import copy
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from core.contract import Account, PhoneReply
from core.domain.approved import Status, Template
from core.domain.messages import Channel
from core.engine import feedback
from core.storage import approved, conversations, house, outbox, people
from core.storage import feedback as replies
from core.storage import tables as t
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    found = Clinic(tmp_path)
    found.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    found.at("2026-12-01T18:00:00+01:00")
    return found


def neighbour(clinic: Clinic) -> Clinic:
    """Another company in the same house."""
    other = copy(clinic)
    with clinic.suite.database.write() as tx:
        other.workspace = house.add_workspace(tx, "Boutique Nord", {"language": "fr"}, clinic.suite.now())
    return other


def talk(clinic: Clinic, number: str = ANA) -> str:
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = conversations.of_number(tx, number)
    assert row is not None
    return str(row["id"])


def state(clinic: Clinic, number: str = ANA) -> tuple[str, int]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = conversations.of_number(tx, number)
    assert row is not None
    return row["state"], row["unread"]


def fields(page: str) -> dict[str, Any]:
    """The hidden fields of the answer's form."""
    form = re.search(r'<form method="post" action="/conversations/[^"]+/answer".*?</form>', page, re.DOTALL)
    assert form is not None
    return dict(re.findall(r'<input type="hidden" name="(once|seen|read)" value="([^"]*)"', form[0]))


def said_by_us(clinic: Clinic) -> list[str]:
    clinic.settle()
    with clinic.suite.database.read(clinic.workspace) as tx:
        rows = outbox.listed(tx, outbox.Filter())
    return [row["text"] for row in reversed(rows) if row["class"] == "conversational"]


def writes_by_whatsapp(clinic: Clinic, text: str) -> None:
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        account = Account("acc_wa", clinic.workspace, "simulator", {}, {}, "", "")
        feedback.take_reply(clinic.suite, tx, account, PhoneReply(ANA, "1", text, now, text, channel=Channel.WHATSAPP))


# ---------------------------------------------------------------------------------------------- reading


def test_nothing_to_read_teaches(clinic: Clinic) -> None:
    visitor = Visitor(clinic)
    assert "Aucune réponse à lire" in visitor.get("/conversations")
    assert "Personne ne vous a encore écrit" in visitor.get("/conversations?state=all")


def test_yes_does_not_wait_for_a_person_and_is_found_all_the_same(clinic: Clinic) -> None:
    clinic.answer(ANA, "oui")
    visitor = Visitor(clinic)
    assert "Aucune réponse à lire" in visitor.get("/conversations")
    assert "oui" in visitor.get("/conversations?state=closed")


def test_an_unclear_reply_is_shown_with_what_was_said_before(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard <i>désolée</i>")
    visitor = Visitor(clinic, role="editor")
    listed = visitor.get("/conversations")
    assert "1 non lu" in listed
    assert "personne attend votre réponse" in visitor.get("/today")

    page = visitor.get(f"/conversations/{talk(clinic)}")

    assert "Je serai en retard &lt;i&gt;désolée&lt;/i&gt;" in page
    assert "Répondez OUI ou NON" in page
    assert state(clinic) == ("open", 0)


def test_a_look_of_somebody_who_may_not_answer_marks_nothing_as_read(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    viewer = Visitor(clinic, role="viewer")
    page = viewer.get(f"/conversations/{talk(clinic)}")
    assert state(clinic) == ("open", 1)
    assert "06\u00a039\u00a098\u00a000\u00a001" not in page
    assert "639980001" not in page
    assert page.count('method="post"') == page.count('action="/sign-out"')
    # Whoever sees numbers masked does not find them out by their digits.
    assert talk(clinic) not in viewer.get("/conversations?q=0001")
    assert talk(clinic) in Visitor(clinic, role="editor").get("/conversations?q=0001")


def test_the_list_is_filtered(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    clinic.answer(BOB, "Qui êtes-vous ?")
    visitor = Visitor(clinic, role="editor")
    visitor.post(f"/conversations/{talk(clinic)}/assign", to=visitor.id)
    mine = visitor.get("/conversations?assigned=me")
    assert talk(clinic) in mine
    assert talk(clinic, BOB) not in mine
    assert talk(clinic, BOB) in visitor.get("/conversations?assigned=nobody&unread=1&channel=sms")
    assert "Aucune conversation ne correspond" in visitor.get("/conversations?channel=whatsapp")
    assert visitor.get("/conversations?state=nonsense&after=nonsense&unread=x")


def test_the_script_gets_the_entries_alone(clinic: Clinic) -> None:
    clinic.answer(ANA, "Allô ?")
    page = Visitor(clinic).get(f"/conversations/{talk(clinic)}/entries")
    assert "Allô ?" in page
    assert "<html" not in page


# ---------------------------------------------------------------------------------------------- answering


def test_an_answer_leaves_once_however_often_it_is_pressed(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    visitor = Visitor(clinic, role="editor")
    path = f"/conversations/{talk(clinic)}"
    form = fields(visitor.get(path))

    first = visitor.post(f"{path}/answer", text="Pas de souci {{ x }}", **form)
    again = visitor.post(f"{path}/answer", text="Pas de souci {{ x }}", **form)

    assert "Votre réponse part maintenant" in first.text
    assert "Votre réponse part maintenant" in again.text
    assert said_by_us(clinic) == ["Pas de souci {{ x }}"]
    assert state(clinic) == ("waiting", 0)
    assert "en attente de réponse" in visitor.get(path)


def test_who_answers_while_another_does_is_told_and_keeps_the_words(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    first, second = Visitor(clinic, role="editor"), Visitor(clinic, role="owner")
    path = f"/conversations/{talk(clinic)}"
    late = fields(second.get(path))
    first.post(f"{path}/answer", text="Pas de souci.", **fields(first.get(path)))

    told = second.post(f"{path}/answer", text="Venez à midi.", **late)

    assert told.status_code == 409
    assert "vient de répondre" in told.text
    assert "Venez à midi." in told.text
    assert said_by_us(clinic) == ["Pas de souci."]
    second.post(f"{path}/answer", text="Venez à midi.", **fields(told.text))
    assert said_by_us(clinic) == ["Pas de souci.", "Venez à midi."]


def test_what_came_while_somebody_answered_still_waits_for_them(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    form = fields(visitor.get(path))
    clinic.answer(ANA, "Et je viens avec ma fille")

    visitor.post(f"{path}/answer", text="Pas de souci.", follow=False, **form)

    assert said_by_us(clinic) == ["Pas de souci."]
    assert state(clinic) == ("open", 1)
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert [row["text"] for row in replies.replies(tx, waiting=True)] == ["Et je viens avec ma fille"]


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_answer_is_none(clinic: Clinic, text: str) -> None:
    clinic.answer(ANA, "Allô ?")
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    assert visitor.post(f"{path}/answer", text=text, **fields(visitor.get(path))).status_code == 422
    assert said_by_us(clinic) == []


def test_who_wants_nothing_more_is_not_answered_and_the_words_stay(clinic: Clinic) -> None:
    clinic.answer(ANA, "Qui êtes-vous ?")
    with clinic.suite.database.write(clinic.workspace) as tx:
        people.stop(tx, ANA, "all", "phone", {}, clinic.suite.now())
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    page = visitor.get(path)
    assert "ne veut plus rien recevoir" in page
    told = visitor.post(f"{path}/answer", text="Le cabinet", **fields(page))
    assert (told.status_code, "Le cabinet" in told.text) == (409, True)
    assert said_by_us(clinic) == []


def test_a_stop_is_seen(clinic: Clinic) -> None:
    clinic.answer(ANA, "STOP")
    visitor = Visitor(clinic)
    page = visitor.get(f"/conversations/{talk(clinic)}")
    assert "Cette personne a dit STOP" in page
    assert "STOP" in visitor.get("/conversations?state=closed")


# ---------------------------------------------------------------------------------------------- ready answers


def test_a_ready_answer_is_kept_and_filled(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    with clinic.suite.database.write(clinic.workspace) as tx:
        tx.connection.execute(t.contacts.delete())
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    kept = visitor.post(f"{path}/ready", name="Retard accepté !", text="{{ name }}, pas de souci.")
    assert "Réponse prête enregistrée" in kept.text
    assert "answer.retard-accepte" in visitor.get("/templates")
    assert "Ana Martin, pas de souci." in visitor.get(f"{path}?ready=answer.retard-accepte")
    assert visitor.post(f"{path}/ready", name="!", text="x").status_code == 400
    assert visitor.post(f"{path}/ready", name="cassé", text="{{ oups").status_code == 400


# ---------------------------------------------------------------------------------------------- WhatsApp


def test_the_whatsapp_timer_is_seen_and_after_a_day_a_template_is_offered(clinic: Clinic) -> None:
    writes_by_whatsapp(clinic, "Je préfère ici")
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        approved.replaced(tx, "acc_wa", [
            Template("suite", "fr", Status.APPROVED, body="Bonjour {{1}}, répondez-nous pour continuer."),
            Template("refuse", "fr", Status.REJECTED, body="Non"),
        ], now)  # fmt: skip
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    assert "texte libre jusqu’à" in unescape(visitor.get(path))

    clinic.clock.forward(timedelta(hours=25))
    page = visitor.get(path)
    assert "il faut un modèle approuvé" in page
    assert "refuse (fr)" not in page
    free = visitor.post(f"{path}/answer", text="Encore moi", channel="whatsapp", **fields(page))
    assert (free.status_code, "modèle approuvé" in free.text, "Encore moi" in free.text) == (409, True, True)

    sent = visitor.post(f"{path}/answer", text="", channel="whatsapp", approved="suite|fr", values="Ana {{ x }}",
                        **fields(page))  # fmt: skip
    assert "Votre réponse part maintenant" in sent.text
    with clinic.suite.database.read(clinic.workspace) as tx:
        row = outbox.listed(tx, outbox.Filter())[0]
    assert row["text"] == "Bonjour Ana {{ x }}, répondez-nous pour continuer."
    assert row["content"]["whatsapp"]["template"] == {"name": "suite", "language": "fr", "body": ["Ana {{ x }}"]}
    assert row["channels"] == ["whatsapp"]


# ---------------------------------------------------------------------------------------------- looking after


def test_a_conversation_is_noted_assigned_closed_and_opened_again(clinic: Clinic) -> None:
    clinic.answer(ANA, "Merci, à qui dois-je m'adresser ?")
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    assert "Rappeler demain" in visitor.post(f"{path}/note", text="Rappeler demain").text
    assert "C’est noté" in visitor.post(f"{path}/assign", to=visitor.id).text
    assert visitor.post(f"{path}/assign", to="usr_other").status_code == 400
    assert "Conversation close" in visitor.post(f"{path}/state", state="closed").text
    assert state(clinic) == ("closed", 0)
    assert "Conversation rouverte" in visitor.post(f"{path}/state", state="open").text
    visitor.post(f"{path}/assign", to="")
    assert visitor.post(f"{path}/state", state="gone").status_code == 400
    assert visitor.post(f"{path}/note", text=" ").status_code == 400
    assert "a clos une conversation" in visitor.get("/settings?section=audit")
    assert said_by_us(clinic) == []


def test_a_long_conversation_is_paged(clinic: Clinic) -> None:
    for number in range(45):
        clinic.clock.forward(timedelta(seconds=1))
        clinic.answer(ANA, f"réponse numéro {number} merci")
    visitor = Visitor(clinic)
    page = visitor.get(f"/conversations/{talk(clinic)}")
    assert "réponse numéro 44 merci" in page
    assert "réponse numéro 1 merci" not in page
    older = re.search(r'href="(/conversations/[^"]+\?after=[^"]+)"', page)
    assert older is not None
    assert "réponse numéro 1 merci" in visitor.get(unescape(older[1]))


def test_another_workspace_finds_nothing(clinic: Clinic) -> None:
    clinic.answer(ANA, "Allô ?")
    stranger = Visitor(neighbour(clinic))
    path = f"/conversations/{talk(clinic)}"
    assert stranger.browser.get(path).status_code == 404
    for action in ("answer", "note", "assign", "state", "ready"):
        form: dict[str, Any] = {"text": "x", "name": "x", "to": "", "state": "closed"}
        assert stranger.post(f"{path}/{action}", **form).status_code == 404, action


def test_a_person_keeps_the_name_of_their_appointment_all_through_the_conversation(clinic: Clinic) -> None:
    clinic.answer(ANA, "Je serai en retard")
    visitor = Visitor(clinic)
    path = f"/conversations/{talk(clinic)}"
    visitor.post(f"{path}/answer", text="Pas de souci.", **fields(visitor.get(path)))
    clinic.settle()
    clinic.answer(ANA, "Merci, et pour le parking ?")
    assert "<h1>Ana Martin</h1>" in visitor.get(path)

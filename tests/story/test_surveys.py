"""A survey from its start to the phones and back, and words that people send by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.contract import PhoneReply
from core.engine import feedback
from core.ids import new_id
from core.storage import accounts, erasure
from tests.support.running import HOUSE, Client, Running

PARIS = ZoneInfo("Europe/Paris")
QUESTIONS = [
    {"text": "{{ first_name }}, recommanderiez-vous notre cabinet ?", "kind": "scale",
     "branches": [{"least": 9, "most": 10, "then": 3}]},
    {"text": "Qu'est-ce qui vous a déplu ?", "kind": "choice",
     "choices": ["L'attente", {"text": "L'accueil", "words": ["secrétaire"]}, {"text": "Autre", "then": "end"}]},
    {"text": "Dites-nous en plus.", "kind": "text"},
]  # fmt: skip
SURVEY: dict[str, Any] = {"name": "Après la visite", "questions": QUESTIONS, "ending": "Merci beaucoup !"}
START = datetime(2026, 11, 30, 9, tzinfo=UTC)
_next = iter(range(1000, 9000))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Running]]:
    """The house that these stories share: one of each kind that they are told in."""
    houses: dict[str, Running] = {}
    with ExitStack() as doors:

        def found() -> Running:
            where = HOUSE.get()
            name = where.where if where is not None else "in hand"
            if name not in houses:
                houses[name] = doors.enter_context(Running(tmp_path_factory.mktemp("surveys"), start=START))
            return houses[name]

        yield found


@pytest.fixture
def relance(standing: Callable[[], Running]) -> Running:
    return standing()


@pytest.fixture
def ana(relance: Running) -> str:
    """Somebody new, whom nobody has asked anything; at ten in the morning."""
    now = relance.suite.now().astimezone(PARIS)
    ten = now.replace(hour=10, minute=0)
    relance.forward((ten if ten > now else ten + timedelta(days=1)) - now)
    return person(relance.client)


def person(client: Client) -> str:
    number = f"+3363998{next(_next)}"
    made = client.post("/v1/contacts", {"number": number, "first_name": "Ana"})
    assert made.status_code == 201, made.text
    return number


def survey(client: Client, **said: Any) -> dict[str, Any]:
    made = client.post("/v1/surveys", {**SURVEY, "rest": "PT0S", **said})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def ask(relance: Running, one: dict[str, Any], *numbers: str, **said: Any) -> dict[str, Any]:
    started = relance.client.post(f"/v1/surveys/{one['id']}/start", {"audience": {"numbers": list(numbers)}, **said})
    assert started.status_code == 201, started.text
    relance.settle()
    found: dict[str, Any] = started.json()
    return found


def say(relance: Running, number: str, text: str) -> None:
    answer = relance.client.post("/v1/simulator/replies", {"from": number, "text": text})
    assert answer.status_code in (200, 201), answer.text
    relance.settle()


def heard(relance: Running, number: str) -> list[str]:
    """What the phone got, oldest first."""
    listed = relance.client.get(f"/v1/simulator/messages?to=%2B{number[1:]}&limit=50").json()["data"]
    return [one["text"] for one in reversed(listed)]


def results(client: Client, one: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/v1/surveys/{one['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["results"]
    return found


def outcome(client: Client, number: str) -> Any:
    """What we made of the last thing that this number wrote, and whether a person has to read it."""
    talk = client.get(f"/v1/conversations?q=%2B{number[1:]}").json()["data"][0]
    entries = client.get(f"/v1/conversations/{talk['id']}").json()["entries"]
    last = next(one for one in entries if one["kind"] == "reply")
    return (last["outcome"] or {}).get("code"), talk["state"] == "open"


def test_from_the_estimate_to_the_last_answer_and_the_figures(relance: Running, ana: str) -> None:
    client, ben, eve = relance.client, person(relance.client), person(relance.client)
    one = survey(client)
    assert (one["state"], one["most_messages"]) == ("draft", 4)
    check = client.post(f"/v1/surveys/{one['id']}/start?dry_run=true", {"audience": {"numbers": [ana, ben, eve]}})
    assert (check.status_code, check.json()["would_get"]) == (200, 3)
    assert check.json()["price"] == [{"amount": 3 * 52_000, "currency": "EUR"}]
    assert heard(relance, ana) == []

    ask(relance, one, ana, ben, eve)
    assert heard(relance, ana) == ["Ana, recommanderiez-vous notre cabinet ? (0 - 10)"]
    say(relance, ana, "10/10 !")
    assert heard(relance, ana)[1:] == ["Dites-nous en plus."]
    say(relance, ana, "Tout était parfait, merci")
    assert heard(relance, ana)[2:] == ["Merci beaucoup !"]
    assert outcome(client, ana) == ("survey_answer", False)

    say(relance, ben, "je mets quatre")
    assert heard(relance, ben)[1] == "Qu'est-ce qui vous a déplu ?\nA = L'attente\nB = L'accueil\nC = Autre"
    say(relance, ben, "la secretaire svp")
    assert heard(relance, ben)[2:] == ["Dites-nous en plus."]

    found = results(client, one)
    assert (found["asked"], found["answered"], found["done"]) == (3, 2, 1)
    assert (found["response_rate"]["value"], found["response_rate"]["of"]) == (2 / 3, 3)
    scale, choice, free = found["questions"]
    assert (scale["average"]["value"], scale["average"]["of"]) == (7.0, 2)
    assert (scale["net_score"]["value"], scale["net_score"]["promoters"], scale["net_score"]["detractors"]) == (0, 1, 1)
    assert [option["count"] for option in choice["options"]] == [0, 1, 0]
    assert (free["asked"], free["answered"]) == (2, 1)
    assert sum(hour["answers"] for hour in found["hours"]) == 4
    [words] = client.get(f"/v1/surveys/{one['id']}/answers?free=true").json()["data"]
    assert (words["text"], words["from"], words["value"]) == ("Tout était parfait, merci", ana, None)


def test_programs_hear_of_each_answer(relance: Running, ana: str) -> None:
    client = relance.client
    hook = client.post("/v1/webhooks", {"url": f"{relance.url}/nowhere", "events": ["survey.answered"]}).json()
    one = survey(client)
    ask(relance, one, ana)
    say(relance, ana, "10")
    [delivery] = client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["data"]
    said = delivery["body"]["data"]
    assert (delivery["event"], said["survey"], said["number"]) == ("survey.answered", one["id"], ana)
    assert (said["question"], said["value"], said["text"], said["done"]) == (1, "10", "10", False)
    client.delete(f"/v1/webhooks/{hook['id']}")


def test_stop_ends_it_whatever_was_asked(relance: Running, ana: str) -> None:
    one = survey(relance.client)
    ask(relance, one, ana)
    say(relance, ana, "Stop merci")
    assert "plus ni rappel ni publicité" in heard(relance, ana)[-1].replace("\xa0", " ")
    say(relance, ana, "9")
    assert len(heard(relance, ana)) == 2
    found = results(relance.client, one)
    assert (found["states"]["stopped"], found["answered"]) == (1, 0)


def test_an_unclear_answer_is_asked_once_more_and_then_a_person_reads_it(relance: Running, ana: str) -> None:
    one = survey(relance.client)
    ask(relance, one, ana)
    say(relance, ana, "8 ou 9")
    assert heard(relance, ana)[1] == (
        "Désolé, nous n'avons pas compris votre réponse.\nAna, recommanderiez-vous notre cabinet ? (0 - 10)")
    assert outcome(relance.client, ana) == ("survey_unclear", False)
    say(relance, ana, "ça dépend")
    assert outcome(relance.client, ana) == ("survey_handed", True)
    assert len(heard(relance, ana)) == 2
    assert results(relance.client, one)["states"]["handed"] == 1


def test_one_reminder_at_most_and_then_it_is_too_late(relance: Running, ana: str) -> None:
    client = relance.client
    one = survey(client, lasts="PT48H", reminder={"after": "PT20H", "text": "Il est encore temps :"})
    ask(relance, one, ana)
    relance.forward(timedelta(hours=20, minutes=1))
    relance.forward(timedelta(hours=12))
    assert len(heard(relance, ana)) == 2
    assert heard(relance, ana)[1].startswith("Il est encore temps :\nAna, recommanderiez")
    say(relance, ana, "9")
    relance.forward(timedelta(hours=21))
    assert heard(relance, ana)[2:] == ["Dites-nous en plus."]
    relance.forward(timedelta(hours=28))
    assert results(client, one)["states"]["expired"] == 1
    say(relance, ana, "Trop tard ?")
    assert outcome(client, ana) == ("for_a_person", True)


def test_a_person_is_asked_one_survey_at_a_time(relance: Running, ana: str) -> None:
    client, ben = relance.client, person(relance.client)
    first, second = survey(client), survey(client, name="Autre", rest="P30D")
    ask(relance, first, ana)
    ask(relance, second, ana, ben)
    assert len(heard(relance, ana)) == 1
    say(relance, ben, "10")
    say(relance, ben, "Rien à dire")
    check = client.post(f"/v1/surveys/{second['id']}/start?dry_run=true", {"audience": {"numbers": [ana, ben]}}).json()
    why = {reason["code"] for step in check["funnel"] for reason in step["reasons"]}
    assert (check["would_get"], why) == (0, {"survey_open_elsewhere", "survey_asked_lately"})


def test_what_comes_twice_counts_once(relance: Running, ana: str) -> None:
    one = survey(relance.client)
    ask(relance, one, ana)
    reply = PhoneReply(ana, "36000", "7", relance.suite.now(), new_id("same"))
    for _ in range(2):
        with relance.suite.database.write(relance.workspace) as tx:
            account = accounts.get_any(tx, accounts.SIMULATOR, relance.suite.vault)
            assert account is not None
            feedback.take_reply(relance.suite, tx, account, reply)
            again = PhoneReply(ana, "36000", "7 !", relance.suite.now(), new_id("again"))
            feedback.take_reply(relance.suite, tx, account, again)
    relance.settle()
    assert len(heard(relance, ana)) == 2
    assert results(relance.client, one)["questions"][0]["answered"] == 1


def test_a_word_is_answered_and_agrees_with_its_proof(relance: Running, ana: str) -> None:
    client = relance.client
    promo = client.post("/v1/segments", {"name": "Promo", "numbers": [person(client)]}).json()
    made = client.post("/v1/keywords", {
        "words": ["Promo"], "body": "Bienvenue ! Vos offres arrivent ici.", "segment": promo["id"],
        "consent": {"text": "Envoyez PROMO pour recevoir nos offres.", "place": "Affiche en vitrine"},
    })  # fmt: skip
    assert made.status_code == 201, made.text
    say(relance, ana, "« promo » svp")
    assert heard(relance, ana) == ["Bienvenue ! Vos offres arrivent ici."]
    [consent] = client.get(f"/v1/consents?to=%2B{ana[1:]}").json()["data"]
    assert (consent["state"], consent["source"], consent["scope"]) == ("in", "keyword", "marketing")
    assert consent["proof"]["text"] == "Envoyez PROMO pour recevoir nos offres."
    assert (consent["proof"]["place"], consent["proof"]["said"]) == ("Affiche en vitrine", "« promo » svp")
    assert consent["proof"]["moment"]
    assert client.get(f"/v1/segments/{promo['id']}").json()["count"] == 2
    assert client.get(f"/v1/keywords/{made.json()['id']}").json()["heard"] == 1

    for _ in range(4):
        say(relance, ana, "PROMO")
    assert len(heard(relance, ana)) == 3
    assert outcome(client, ana) == ("keyword_too_often", False)
    say(relance, ana, "STOP")
    before = len(heard(relance, ana))
    relance.forward(timedelta(hours=2))
    say(relance, ana, "PROMO")
    assert (len(heard(relance, ana)), outcome(client, ana)) == (before, ("keyword_after_stop", False))


def test_a_word_starts_a_survey(relance: Running, ana: str) -> None:
    client = relance.client
    one = survey(client)
    assert client.post("/v1/keywords", {"words": ["AVIS"], "survey": one["id"]}).status_code == 201
    say(relance, ana, "Avis")
    assert heard(relance, ana) == ["Ana, recommanderiez-vous notre cabinet ? (0 - 10)"]
    say(relance, ana, "3")
    say(relance, ana, "C")
    assert heard(relance, ana)[2:] == ["Merci beaucoup !"]
    [row] = client.get(f"/v1/surveys/{one['id']}/people").json()["data"]
    assert (row["state"], row["origin"], row["question"]) == ("done", "keyword", 2)


def test_a_survey_that_is_stopped_asks_nobody_anything_more(relance: Running, ana: str) -> None:
    client, ben = relance.client, person(relance.client)
    one = survey(client)
    ask(relance, one, ana)
    later = (relance.suite.now() + timedelta(hours=1)).isoformat()
    ask(relance, one, ben, send_at=later)
    stopped = client.post(f"/v1/surveys/{one['id']}/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    relance.forward(timedelta(hours=2))
    say(relance, ana, "9")
    assert (len(heard(relance, ana)), len(heard(relance, ben))) == (1, 0)
    assert client.post(f"/v1/surveys/{one['id']}/start", {"audience": {"numbers": [ben]}}).status_code == 409


def test_answers_are_a_file_and_go_with_the_person(relance: Running, ana: str) -> None:
    client = relance.client
    one = survey(client)
    ask(relance, one, ana)
    say(relance, ana, "9")
    wanted = {"what": "survey_answers", "format": "csv", "language": "fr", "filters": {"survey": one["id"]}}
    asked = client.post("/v1/exports", wanted)
    assert asked.status_code == 202, asked.text
    relance.settle()
    file = client.get(f"/v1/exports/{asked.json()['id']}/file").content.decode("utf-8-sig")
    assert "Après la visite" in file
    assert ana[1:] in file
    contact = client.get(f"/v1/contacts?number=%2B{ana[1:]}").json()["data"][0]
    assert contact["number"] == ana
    with relance.suite.database.write(relance.workspace) as tx:
        gone = erasure.forget(tx, ana)
    assert (gone["survey_people"], gone["survey_answers"]) == (1, 1)
    assert results(client, one)["asked"] == 0

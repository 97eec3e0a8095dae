"""Messages: found by every filter, told from the first event to the last receipt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.messages import Channel, MessageClass, State
from core.domain.policy.decision import Check
from core.domain.reasons import Reason
from core.storage import outbox
from core.storage import tables as t
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def message(clinic: Clinic, to: str = ANA) -> dict:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return dict(outbox.listed(tx, outbox.Filter(to=to))[0])


WORDS = {
    "scheduled": "prévu", "held": "retenu", "sending": "en cours", "uncertain": "inconnu", "sent": "envoyé",
    "delivered": "remis", "read": "lu", "failed": "échoué", "suppressed": "ignoré", "cancelled": "annulé",
    "superseded": "remplacé", "expired": "trop tard",
}  # fmt: skip


@pytest.mark.parametrize("state", [str(state) for state in State])
def test_each_state_is_one_french_word_in_the_list_and_in_the_story(clinic, state):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    row = message(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        tx.connection.execute(t.messages.update().values(state=state))
    visitor = Visitor(clinic)
    assert f"<span>{WORDS[state]}</span></span>" in visitor.get("/messages")
    assert f"<span>{WORDS[state]}</span></span>" in visitor.get(f"/messages/{row['id']}")
    assert row["id"] in visitor.get(f"/messages?state={state}")


def test_a_message_that_the_hours_moved_is_deferred_and_says_why(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        tx.connection.execute(t.rules.update().values(when={"before": "PT10H"}, body="Bonjour", asks=False))
    clinic.write("ana", "2026-12-02T09:00:00+01:00")
    page = Visitor(clinic).get("/upcoming")
    assert "repoussé" in page
    assert "hors des heures" in page
    assert "2026-12-0" not in page.split("hors des heures")[1].split("</p>")[0], "moments are written for people"


def test_the_list_is_filtered_by_number_rule_connection_and_day(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    clinic.write("bob", "2026-12-05T10:00:00+01:00", BOB)
    ana, bob = message(clinic)["id"], message(clinic, BOB)["id"]
    visitor = Visitor(clinic)
    for query, both in (
        ("to=06+39+98+00+01", (True, False)), ("to=nonsense", (False, False)), (f"rule={clinic.rule}", (True, True)),
        ("rule=rul_other", (False, False)), (f"installation={clinic.installation}", (True, True)),
        ("from=2026-12-02", (False, True)), ("until=2026-12-01", (True, False)), ("from=never&until=32", (True, True)),
        ("state=sent", (False, False)), ("state=bogus", (True, True)),
    ):  # fmt: skip
        page = visitor.get(f"/messages?{query}")
        assert (ana in page, bob in page) == both, query


def test_long_lists_go_on_without_losing_or_doubling_a_message(clinic):
    for index in range(55):
        clinic.write(f"v-{index}", f"2026-12-02T10:{index:02d}:00+01:00", f"+336399801{index:02d}")
    visitor = Visitor(clinic)
    first = visitor.get("/messages")
    after = first.split("after=")[1].split('"')[0]
    second = visitor.get(f"/messages?after={after}")
    ids = [part.split('"')[0] for page in (first, second) for part in page.split('href="/messages/')[1:]]
    assert (len(ids), len(set(ids))) == (55, 55)


def test_an_empty_log_teaches(clinic):
    visitor = Visitor(clinic)
    assert "Aucun message pour l’instant" in visitor.get("/messages")
    assert "Aucun message avec ces filtres" in visitor.get("/messages?state=sent")


# ------------------------------------------------------------------------------------------ the story


def test_a_story_tells_event_plan_checks_move_departure_receipt_reply_and_cost(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00", name="Ana Martin")
    clinic.clock.forward(timedelta(minutes=5))
    clinic.write("ana", "2026-12-02T11:00:00+01:00", name="Ana Martin")
    clinic.at("2026-12-01T18:00:00+01:00")
    clinic.at("2026-12-01T18:01:00+01:00")
    clinic.answer(ANA, "Oui <b>merci</b>")
    page = Visitor(clinic).get(f"/messages/{message(clinic)['id']}")
    story = page[page.index('<ol class="story">') :]
    wanted = [
        "Lu dans «", "Ana Martin", "Prévu par la règle «", "consentement : d’accord", "Reprogrammé", "Confié à",
        "Envoyé", "Accusé du réseau", "Remis au téléphone", "La personne a répondu", "Oui &lt;b&gt;merci&lt;/b&gt;",
        "Coût", "EUR",
    ]  # fmt: skip
    places = [story.replace("\u00a0", " ").find(words) for words in wanted]
    assert -1 not in places, dict(zip(wanted, places, strict=True))
    assert places == sorted(places), dict(zip(wanted, places, strict=True))


def test_a_refused_message_tells_the_check_that_refused_it(clinic):
    reason = Reason("no_marketing_consent")
    refused = outbox.New(
        to=ANA, country="FR", text="Soldes", encoding="GSM-7", segments=1, message_class=MessageClass.MARKETING,
        channels=(Channel.SMS,), due_at=clinic.suite.now(), state=State.SUPPRESSED, reason=reason,
        checks=(Check("number", "passed"), Check("consent", "refused", reason)),
    )  # fmt: skip
    with clinic.suite.database.write(clinic.workspace) as tx:
        [row_id] = outbox.accept(tx, [refused], clinic.suite.now())
    page = Visitor(clinic).get(f"/messages/{row_id}").replace("\u00a0", " ")
    assert "Ignoré : il ne devait pas partir" in page
    assert "consentement : refusé. Pas de consentement marketing" in page


def test_a_message_of_another_workspace_is_no_message(clinic, tmp_path):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    row = message(clinic)
    with clinic.suite.database.write() as tx:
        tx.connection.execute(t.messages.update().values(workspace="wsp_other"))
    visitor = Visitor(clinic)
    assert visitor.browser.get(f"/messages/{row['id']}").status_code == 404
    assert visitor.post(f"/messages/{row['id']}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("decision", "state"), [("hold", "held"), ("cancel", "cancelled"), ("now", "scheduled"), ("release", "scheduled")]
)
def test_the_buttons_do_what_they_say(clinic, decision, state):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    visitor = Visitor(clinic)
    if decision == "release":
        visitor.post(f"/messages/{message(clinic)['id']}/hold")
    answer = visitor.post(f"/messages/{message(clinic)['id']}/{decision}", next="/upcoming")
    assert answer.status_code == 200
    assert answer.request.path == "/upcoming"
    assert message(clinic)["state"] == state


def test_a_decision_that_comes_too_late_says_so(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    clinic.at("2026-12-01T18:00:00+01:00")
    answer = Visitor(clinic).post(f"/messages/{message(clinic)['id']}/cancel")
    assert (answer.status_code, "Trop tard" in answer.text) == (409, True)


def test_nobody_is_sent_to_another_site_after_a_button(clinic):
    clinic.write("ana", "2026-12-02T10:00:00+01:00")
    answer = Visitor(clinic).post(f"/messages/{message(clinic)['id']}/hold", follow=False, next="//evil.example/")
    assert answer.headers["Location"] == f"/messages/{message(clinic)['id']}"

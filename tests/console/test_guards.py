"""Spending, caps, catching up and the guard of public doors, as people see and decide them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from core.domain.messages import Channel, MessageClass
from core.domain.policy.caps import Measure, Period
from core.domain.policy.pumping import Origin
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine import capping, dispatch, public, sending, ticking
from core.storage import counting, outbox, people
from core.web.console.spending import amount, drawn
from tests.support.clinic import ANA, BOB, Clinic
from tests.support.console import Visitor


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    return Clinic(tmp_path)


def accept(clinic: Clinic, count: int = 1, klass: MessageClass = MessageClass.TRANSACTIONAL) -> list[str]:
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        return outbox.accept(tx, [
            outbox.New(f"+3363998{place:04d}", "FR", "Rappel", "GSM-7", 1, klass, (Channel.SMS,), now,
                       price_micros=52_000, currency="EUR")
            for place in range(10, 10 + count)
        ], now)  # fmt: skip


def reached(clinic: Clinic) -> str:
    cap = capping.add(
        clinic.suite, clinic.workspace, measure=Measure.MONEY, most=104_000, period=Period.DAY, currency="EUR", who="x"
    )
    accept(clinic, 5)
    dispatch.run_due(clinic.suite)
    return cap


def states(clinic: Clinic) -> list[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return sorted(row["state"] for row in outbox.listed(tx, outbox.Filter()))


def test_an_empty_month_says_what_will_be_here(clinic):
    page = Visitor(clinic).get("/spending")
    assert "Rien n’est parti ce mois-ci" in page
    assert 'href="/spending"' in page


def test_the_month_is_exact_by_rule_channel_country_class_and_day(clinic):
    accept(clinic, 3)
    dispatch.run_due(clinic.suite)
    page = Visitor(clinic).get("/spending").replace("\u00a0", " ")
    assert "0,156 EUR" in page
    for words in ("sans règle", "SMS", "FR", "Service"):
        assert words in page
    assert '<svg class="chart"' in page
    assert "Spending" in Visitor(clinic, language="en").get("/spending")


def test_a_cap_is_added_shown_and_refused_when_it_makes_no_sense(clinic):
    visitor = Visitor(clinic)
    page = visitor.post("/spending/caps", measure="money", most="12,50", period="day", currency="EUR").text
    assert "Plafond ajouté" in page
    assert "12,50\u00a0EUR par jour" in page
    for wrong in ("", "0", "-3", "abc", "1e40", "0,0000001", "NaN"):
        answer = visitor.post("/spending/caps", measure="money", most=wrong, period="day", currency="EUR")
        assert answer.status_code == 422, wrong
    assert visitor.post("/spending/caps", measure="messages", most="2,5", period="day").status_code == 422


def test_a_reached_cap_is_the_first_pages_business_and_one_click_decides(clinic):
    cap = reached(clinic)
    visitor = Visitor(clinic)
    assert "Plafond atteint : 3 messages sont retenus" in visitor.get("/today").replace("\u00a0", " ")
    page = visitor.get("/spending")
    assert "3 retenus" in page
    assert re.search(r'name="most" inputmode="decimal" value="0,26"', page)
    visitor.post(f"/spending/caps/{cap}/raise", measure="money", most="0,156")
    clinic.settle()
    assert states(clinic).count("held") == 2
    assert "relevé" in visitor.get("/spending")
    visitor.post(f"/spending/caps/{cap}/release")
    clinic.settle()
    assert "held" not in states(clinic)
    assert "Plafond atteint" not in visitor.get("/today")


def test_what_a_cap_holds_can_be_refused_and_the_cap_removed(clinic):
    cap = reached(clinic)
    visitor = Visitor(clinic)
    assert "sont annulés" in visitor.post(f"/spending/caps/{cap}/refuse").text
    assert states(clinic).count("cancelled") == 3
    assert "Aucun plafond" in visitor.post(f"/spending/caps/{cap}/remove").text
    assert visitor.post(f"/spending/caps/{cap}/remove").status_code == 404


def test_the_line_of_the_days_cap_is_in_the_drawing(clinic):
    reached(clinic)
    with clinic.suite.database.read(clinic.workspace) as tx:
        now = clinic.suite.now()
        lines = capping.spent(tx, now - timedelta(days=1), now)
        chart = drawn(lines, capping.filled(tx, now), now.date().replace(day=1), now.date())
    assert chart.cap is not None
    assert chart.bars[0].y == pytest.approx(chart.cap)


def test_the_forecast_goes_on_like_the_days_that_are_over():
    def day(number: int, micros: int) -> capping.Spent:
        return capping.Spent(
            datetime(2026, 11, number).date(), None, MessageClass.MARKETING, "sms", "FR", "EUR", 1, 1, micros
        )

    first, last = datetime(2026, 11, 1).date(), datetime(2026, 11, 30).date()
    lines = [day(1, 100), day(2, 300), day(3, 50)]
    assert capping.forecast(lines, first, last, datetime(2026, 11, 3).date()) == {"EUR": 400 + 400 * 28 // 2}
    assert capping.forecast([day(1, 100)], first, last, first) == {"EUR": 100}


def test_amounts_are_read_as_people_write_them():
    assert amount("1 234,50", True) == 1_234_500_000
    assert amount("0.052", True) == 52_000
    assert amount("500", False) == 500


def test_how_often_one_person_hears_from_us_is_set_here(clinic):
    visitor = Visitor(clinic)
    visitor.post("/spending/frequency", day="2", week="5")
    assert re.search(r'name="week"[^>]*value="5"', visitor.get("/spending"))
    assert visitor.post("/spending/frequency", day="-1", week="5").status_code == 422


# ---------------------------------------------------------------------------------------------- catching up


def test_after_a_standstill_three_lists_and_two_buttons(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        for place in (10, 11):
            people.start(tx, f"+3363998{place:04d}", "marketing", "test", {}, clinic.suite.now())
    accept(clinic, 2, MessageClass.MARKETING)
    accept(clinic, 1, MessageClass.OTP)
    accept(clinic, 1)
    ticking.ticked(clinic.suite)
    clinic.clock.forward(timedelta(hours=4))
    ticking.ticked(clinic.suite)
    dispatch.run_due(clinic.suite)
    visitor = Visitor(clinic)
    assert "2 messages en retard attendent votre décision" in visitor.get("/today").replace("\u00a0", " ")
    page = visitor.get("/catch-up")
    assert page.count('name="id"') == 4
    ids = re.findall(r'name="id" value="(msg_[^"]+)"', page)
    visitor.post("/catch-up/send", id=ids[0])
    assert "Messages annulés" in visitor.post("/catch-up/refuse").text
    assert "Rien à décider" in visitor.get("/catch-up")
    clinic.settle()
    assert states(clinic).count("cancelled") == 1


def test_what_becomes_of_late_messages_is_set_by_class(clinic):
    visitor = Visitor(clinic)
    form = {f"{name}-{klass}": value for klass in MessageClass for name, value in (("minutes", "30"), ("then", "ask"))}
    assert "Enregistré" in visitor.post("/catch-up/settings", **form).text
    assert visitor.post("/catch-up/settings", **{**form, "minutes-otp": "soon"}).status_code == 422


# ---------------------------------------------------------------------------------------------- public doors


def test_what_was_refused_is_counted_by_reason_and_ranges_are_closed_and_opened(clinic):
    wanted = [
        sending.Wanted(Recipient.parse(to), MessageClass.OTP, body="Code 1234", origin=Origin.PUBLIC_FORM)
        for to in ("+12025550123", "+21620123456", ANA, ANA)
    ]
    with clinic.suite.database.write(clinic.workspace) as tx:
        drafts = sending.drafts(tx, wanted, clinic.suite.now())
        sending.accept(clinic.suite, tx, [one for one in drafts if isinstance(one, outbox.New)])
    visitor = Visitor(clinic)
    page = visitor.get("/anti-fraud")
    assert "Pays fermé" in page
    assert "Trop de demandes" in page
    assert "toujours permis" in visitor.post("/anti-fraud/ranges", prefix="+33 6 39 98", state="allowed").text
    assert "fermé</span>" in visitor.post("/anti-fraud/ranges", prefix="+336399", state="closed").text
    visitor.post("/anti-fraud/ranges", key="prefix|+336399", state="open")
    assert "+336399<" not in visitor.get("/anti-fraud").replace(" <", "<")
    assert visitor.post("/anti-fraud/ranges", prefix="nonsense", state="closed").status_code == 422
    visitor.post("/anti-fraud/countries", countries="FR be, TN")
    page = visitor.get("/anti-fraud")
    assert '<span class="chip">TN</span>' in page
    assert '<span class="chip">DE</span>' not in page
    visitor.post("/anti-fraud/countries", usual="1")
    assert '<span class="chip">DE</span>' in visitor.get("/anti-fraud")
    assert visitor.post("/anti-fraud/countries", countries="France").status_code == 422


def test_a_number_or_an_address_is_closed_for_a_while_and_only_hinted_at(clinic):
    visitor = Visitor(clinic)
    page = visitor.post("/anti-fraud/ranges", prefix="+33 6 39 98 00 01", state="closed", days="1").text
    assert "Un numéro" in page
    assert "+33•••••••01" in page
    assert "+33639980001" not in page
    assert "198.51.100.0/24" in visitor.post("/anti-fraud/ranges", prefix="198.51.100.7", state="closed").text
    wanted = [
        sending.Wanted(Recipient.parse(to), MessageClass.OTP, body="Code 1234", origin=Origin.PUBLIC_FORM, ip=ip)
        for to, ip in ((ANA, None), ("+33612345678", "198.51.100.200"), ("+33712345678", "198.51.101.1"))
    ]
    with clinic.suite.database.write(clinic.workspace) as tx:
        drafts = sending.drafts(tx, wanted, clinic.suite.now())
    assert [one.reason and one.reason.code for one in drafts] == ["pumping_closed", "pumping_closed", None]


def test_dead_numbers_are_listed_and_tried_again(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        people.quarantine(tx, Recipient.parse(BOB), Reason("dead_number"), clinic.suite.now())
    clinic.write("bob", "2026-12-02T10:00:00+01:00", BOB)
    visitor = Visitor(clinic)
    page = visitor.get("/anti-fraud")
    assert "n’existe pas ou plus" in page
    contact = re.search(r'name="contact" value="([^"]+)"', page)[1]
    assert "sera de nouveau essayé" in visitor.post("/anti-fraud/quarantine", contact=contact).text
    assert "scheduled" in states(clinic)


def test_a_number_that_the_platform_corrects_is_used_by_itself(clinic):
    with clinic.suite.database.write(clinic.workspace) as tx:
        people.quarantine(tx, Recipient.parse(BOB), Reason("dead_number"), clinic.suite.now())
    clinic.write("bob", "2026-12-02T10:00:00+01:00", BOB)
    assert "scheduled" not in states(clinic)
    clinic.clock.forward(timedelta(minutes=1))
    clinic.write("bob", "2026-12-02T10:00:00+01:00", ANA)
    assert states(clinic) == ["scheduled"]


def test_a_person_who_confirms_is_counted_for_the_range(clinic):
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        public.converted(tx, Recipient.parse(ANA), now)
        assert [one.count for one in counting.sighted(tx, ["won|prefix|+3363998"], now - timedelta(hours=1))[
            "won|prefix|+3363998"
        ]] == [1]  # fmt: skip


@pytest.mark.parametrize("path", ["/spending", "/catch-up", "/anti-fraud"])
def test_who_may_only_look_sees_no_buttons_and_no_numbers(clinic, path):
    reached(clinic)
    page = Visitor(clinic, role="viewer").get(path)
    assert page.count('method="post"') == page.count('action="/sign-out"')
    assert Visitor(clinic, role="editor").post("/spending/caps", most="1").status_code == 403

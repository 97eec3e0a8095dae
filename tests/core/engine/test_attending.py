"""Missed appointments: who came is said by people, and some are not reminded, by lot, to learn what reminders bring."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.domain.errors import BadInput, NotFound
from core.engine import attending, attributing, kpi_views, kpis
from core.storage import outbox, rules, visits
from core.storage import tables as t
from tests.support.clinic import Clinic
from tests.support.console import Visitor

MONTH = (date(2026, 12, 1), date(2026, 12, 31))


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """A hundred appointments, a third of whose people are left out of the reminder."""
    made = Clinic(tmp_path_factory.mktemp("attending"))
    attending.leave_out(made.suite, made.workspace, made.rule, "33", who="usr_1")
    for index in range(100):
        made.write(f"visit{index}", "2026-12-04T10:00:00+01:00", f"+336399855{index:02d}")
    made.at("2026-12-03T18:01:00+01:00")
    attributing.run_due(made.suite)
    made.at("2026-12-05T09:00:00+01:00")
    return made


def reminded(clinic: Clinic) -> set[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return {row["occasion"] for row in outbox.listed(tx, outbox.Filter(), limit=500) if row["left_at"]}


def all_visits(clinic: Clinic) -> set[str]:
    with clinic.suite.database.read(clinic.workspace) as tx:
        return set(tx.connection.execute(select(t.occasions.c.id)).scalars())


def test_some_are_left_out_by_lot_and_the_ledger_says_why(clinic: Clinic) -> None:
    left = reminded(clinic)
    with clinic.suite.database.read(clinic.workspace) as tx:
        alone = set(tx.connection.execute(select(t.left_out.c.cart)).scalars())
        codes = {row["reason"]["code"] for row in tx.rows(select(t.answers)) if row["answer"] == "skip"}
    assert left | alone == all_visits(clinic)
    assert not left & alone
    assert 15 <= len(alone) <= 55
    assert codes == {"control_group_visits"}


def test_the_figure_comes_with_who_came_and_says_when_it_is_too_early(clinic: Clinic) -> None:
    wanted = kpis.period(*MONTH, ZoneInfo("Europe/Paris"))
    with clinic.suite.database.read(clinic.workspace) as tx:
        early = attending.reminding(tx, wanted)
    assert (early.known, early.says.code) == (0, "visits_uplift_not_enough")
    left = reminded(clinic)
    with clinic.suite.database.write(clinic.workspace) as tx:
        for index, one in enumerate(sorted(all_visits(clinic))):
            attending.say(tx, one, one in left or index % 2 == 0, "usr_1", clinic.suite.now())
    with clinic.suite.database.read(clinic.workspace) as tx:
        found = attending.reminding(tx, wanted)
    assert found.known == 100
    assert found.uplift.nudged == found.uplift.nudged_orders == len(left)
    assert found.uplift.control == 100 - len(left)
    if found.uplift.enough:
        assert found.uplift.difference is not None
        assert found.uplift.difference > 0
    assert found.shares == {clinic.rule: ("La veille à 18 h", 33)}
    own = kpi_views.own_figures(clinic.suite, clinic.workspace)
    assert own["missed"] == round(200 * found.missed / 100) / 2
    assert "manqués sur 100" in Visitor(clinic).get("/measures?from=2026-12-01&until=2026-12-31").replace("\u00a0", " ")


def test_what_was_said_is_taken_back_and_what_has_not_begun_has_nobody_who_came(clinic: Clinic) -> None:
    one = sorted(all_visits(clinic))[0]
    with clinic.suite.database.write(clinic.workspace) as tx:
        attending.say(tx, one, False, "usr_1", clinic.suite.now())
        assert visits.attended(tx, [one]) == {one: False}
        attending.say(tx, one, None, "usr_1", clinic.suite.now())
        assert visits.attended(tx, [one]) == {}
        with pytest.raises(NotFound):
            attending.say(tx, "occ_none", True, "usr_1", clinic.suite.now())
        with pytest.raises(BadInput, match="has not begun yet"):
            attending.say(tx, one, True, "usr_1", clinic.suite.now() - timedelta(days=3))


def test_the_desk_says_who_came_and_an_admin_how_many_are_left_out(clinic: Clinic) -> None:
    visitor = Visitor(clinic, "admin")
    assert "Absent" in visitor.get("/appointments?only=past")
    one = sorted(all_visits(clinic))[1]
    visitor.post(f"/appointments/{one}/came", came="0")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert visits.attended(tx, [one]) == {one: False}
    for wrong in ("51", "-1", "x", ""):
        visitor.post("/measures/control", rule=clinic.rule, percent=wrong)
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert rules.row(tx, clinic.rule)["conditions"] == {"control_group": 33}  # type: ignore[index]
    visitor.post("/measures/control", rule=clinic.rule, percent="0")
    with clinic.suite.database.read(clinic.workspace) as tx:
        assert rules.row(tx, clinic.rule)["conditions"] is None  # type: ignore[index]


def test_nobody_is_left_out_unless_somebody_chose_so(tmp_path: Path) -> None:
    plain = Clinic(tmp_path)
    for index in range(30):
        plain.write(f"visit{index}", "2026-12-04T10:00:00+01:00", f"+336399855{index:02d}")
    plain.at("2026-12-03T18:01:00+01:00")
    assert len(reminded(plain)) == 30

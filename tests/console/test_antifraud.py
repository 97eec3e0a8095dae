"""Anti-fraude: what was strange at public doors is said on top of the page and on the first one, for a day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.domain.policy.pumping import Alarm
from core.storage import counting, house
from tests.support.clinic import Clinic
from tests.support.console import Visitor


@pytest.mark.parametrize("alarm, fr, en", [
    (Alarm.VOLUME, "Deux fois plus de demandes", "Twice the usual requests"),
    (Alarm.CONVERSION, "Deux fois moins de confirmations", "Half the usual confirmations"),
])  # fmt: skip
def test_an_alarm_is_shown_for_a_day_and_kept_in_the_audit_log(tmp_path, alarm: Alarm, fr: str, en: str) -> None:
    clinic = Clinic(tmp_path)
    now = clinic.suite.now()
    with clinic.suite.database.write(clinic.workspace) as tx:
        counting.sight(tx, [(alarm.key, now, now)])
        house.note(tx, "engine", f"forms_{alarm}", None, {"count": 120, "usual": 50}, now)

    assert fr in Visitor(clinic).get("/anti-fraud")
    visitor = Visitor(clinic, language="en")
    assert en in visitor.get("/anti-fraud")
    assert "not having an ordinary day" in visitor.get("/today")
    clinic.suite.clock.turned += timedelta(hours=25)
    visitor = Visitor(clinic, language="fr", role="admin")
    assert fr not in visitor.get("/anti-fraud")
    assert "une journée ordinaire" not in visitor.get("/today")
    clinic.suite.database.close()

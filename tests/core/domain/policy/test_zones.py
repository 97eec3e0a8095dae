"""Where a recipient lives: what was declared, else what the number says, else where the workspace is."""

from __future__ import annotations

import pytest

from core.domain.errors import BadInput
from core.domain.policy.zones import zone, zones_of
from core.domain.recipients import Line, Recipient


def names(number: str, declared: str | None = None) -> set[str]:
    return {found.key for found in zones_of(Recipient.parse(number), declared, "Europe/Brussels")}


def test_a_mainland_number_is_in_paris():
    assert names("+33639980001") == {"Europe/Paris"}


def test_what_was_declared_beats_the_number():
    assert names("+33639980001", "Indian/Reunion") == {"Indian/Reunion"}


def test_a_number_that_may_be_in_several_zones_names_them_all():
    assert names("+262692000001") == {"Indian/Reunion", "Indian/Mayotte"}
    assert names("+34612345678") == {"Europe/Madrid", "Atlantic/Canary"}


@pytest.mark.parametrize(("number", "there"), [
    ("+590690000001", "America/Guadeloupe"), ("+596696000001", "America/Martinique"),
    ("+594694000001", "America/Cayenne"), ("+12125550100", "America/New_York"),
])
def test_a_number_abroad_is_where_its_plan_says(number, there):
    assert names(number) == {there}


def test_a_number_from_nowhere_is_where_the_workspace_is():
    satellite = Recipient("+88213123456", "ZZ", Line.SPECIAL)
    assert [found.key for found in zones_of(satellite, None, "Europe/Brussels")] == ["Europe/Brussels"]


@pytest.mark.parametrize("name", ["Europe/Pari", "", "../../etc/passwd", "+02:00", "Europe", "localtime", "Factory"])
def test_a_zone_is_the_name_of_a_place(name):
    with pytest.raises(BadInput) as error:
        zone(name)
    assert error.value.reason.code == "zone_unknown"

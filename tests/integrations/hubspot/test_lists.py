"""Who would be reached in one of HubSpot's lists, and not among all contacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.contract import Installation, PeopleList
from core.domain.errors import BadInput
from integrations.hubspot import fields
from tests.fakes.hubspot import SCOPES, FakeHubSpot
from tests.integrations.hubspot.practice import NOW, adapter, installation


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot() as one:
        one.tokens["token-1"] = SCOPES
        yield one


def account(**given: Any) -> Installation:
    return installation({"scopes": list(SCOPES)}, **given)


def test_lists_of_contacts_are_offered_by_name_page_by_page(hubspot: FakeHubSpot) -> None:
    hubspot.lists = {"7": ("Zone nord", "0-1", ["901"]), "8": ("Anciens", "0-1", []), "9": ("Sociétés", "0-2", ["5"])}
    hubspot.lists_shown = 2

    said = adapter(hubspot).lists(account(), NOW)

    assert said == (PeopleList("8", "Anciens", 0), PeopleList("7", "Zone nord", 1))


def test_a_lists_contacts_are_walked_to_the_last(hubspot: FakeHubSpot) -> None:
    ids = [hubspot.contact(firstname=f"P{number}", mobilephone=f"06 39 98 {number // 100:02} {number % 100:02}")
           for number in range(fields.MEMBERS + 3)]  # fmt: skip
    hubspot.contact(firstname="Ailleurs", mobilephone="06 39 98 99 99")
    hubspot.lists = {"7": ("Zone nord", "0-1", ids)}
    one = adapter(hubspot)

    first = one.records_of(account(), "7", None, NOW)
    second = one.records_of(account(), "7", first.after, NOW)

    assert [len(first.records), len(second.records), second.after] == [fields.MEMBERS, 3, None]
    assert {record.event.key for page in (first, second) for record in page.records} == {
        f"contact/{identity}" for identity in ids}
    assert first.records[0].event.recipient is not None


@pytest.mark.parametrize("name", ["99", "../x", ""])
def test_a_list_that_is_gone_is_said_to_be(hubspot: FakeHubSpot, name: str) -> None:
    with pytest.raises(BadInput) as gone:
        adapter(hubspot).records_of(account(), name, None, NOW)
    assert gone.value.reason.code == "hubspot_list_gone"


def test_without_the_right_to_read_lists_nobody_is_asked(hubspot: FakeHubSpot) -> None:
    older = installation({"scopes": [one for one in SCOPES if one != fields.LISTS]})
    with pytest.raises(BadInput) as closed:
        adapter(hubspot).lists(older, NOW)
    assert closed.value.reason.code == "hubspot_lists_closed"
    assert hubspot.asked == []

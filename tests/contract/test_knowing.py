"""What providers that know phones, or approve templates, promise: a question sends nothing, and fails honestly.

The line is broken in the same ways as for messages, see `tests/contract/test_providers.py`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.contract import KeepsTemplates, KnowsPhones
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.sentences import SENTENCES
from tests.contract.test_providers import CANARY, FAULTS, NOW, SPEAKING, Entry, by_name
from tests.faults.server import Step

NUMBERS = [f"+3363998{number:04d}" for number in range(600)]
FEW, MANY = NUMBERS[:3], NUMBERS
KNOWING = [entry for entry in SPEAKING if entry.name == "rcs_business"]
APPROVING = [entry for entry in SPEAKING if entry.name == "whatsapp_cloud"]
every_fault = pytest.mark.parametrize(("fault", "step"), [(fault, step) for fault, step, _ in FAULTS],
                                      ids=[fault for fault, _, _ in FAULTS])


def test_every_provider_that_can_is_held_to_this() -> None:
    for entry in SPEAKING:
        with entry.open() as stand:
            assert isinstance(stand.provider, KnowsPhones) == (entry in KNOWING)
            assert isinstance(stand.provider, KeepsTemplates) == (entry in APPROVING)


def holds_no_key(error: NotNow | NeedsReconnect) -> None:
    assert error.reason.code in SENTENCES
    assert CANARY not in repr(error.reason)
    if isinstance(error, NotNow):
        assert error.after > timedelta(0)


@every_fault
@pytest.mark.parametrize("numbers", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("entry", KNOWING, ids=by_name)
def test_a_question_about_phones_that_fails_condemns_nobody(
    entry: Entry, numbers: list[str], fault: str, step: Step
) -> None:
    with entry.open() as stand:
        assert stand.server
        assert isinstance(stand.provider, KnowsPhones)
        stand.server.then(*[step] * len(FEW))
        try:
            found = stand.provider.abilities(stand.account, numbers, NOW)
        except (NotNow, NeedsReconnect) as error:
            holds_no_key(error)
            found = ()
        assert not [one for one in found if not one.reachable], fault
        assert stand.took() == [], "nothing is sent"


@every_fault
@pytest.mark.parametrize("entry", APPROVING, ids=by_name)
def test_a_list_of_templates_that_does_not_come_is_none(entry: Entry, fault: str, step: Step) -> None:
    with entry.open() as stand:
        assert stand.server
        assert isinstance(stand.provider, KeepsTemplates)
        assert stand.provider.without_list(stand.account) is None
        stand.server.then(step)
        with pytest.raises((NotNow, NeedsReconnect)) as told:
            stand.provider.templates(stand.account, NOW)
        assert isinstance(told.value, NotNow | NeedsReconnect)
        holds_no_key(told.value)
        assert stand.took() == []

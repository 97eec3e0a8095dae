"""The end of a connection, from either side; and what is missing over there before it comes to that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.contract import Check
from core.domain.errors import NotNow
from core.domain.reasons import Reason
from core.engine import installing, preflight
from core.storage import feedback
from tests.fakes.oauth import FakeVendor
from tests.support.market import ANA, Market


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(rotates=True, separator=",") as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
def market(tmp_path: Path, vendor: FakeVendor) -> Market:
    return Market(tmp_path, vendor)


# ---------------------------------------------------------------------------------------------- parting


def test_parting_goes_in_order_and_leaves_nothing(market: Market) -> None:
    name = market.join()
    waiting = market.accept(installation=name)
    market.clock.forward(timedelta(hours=2))

    assert installing.disconnect(market.suite, market.workspace, name, who=ANA) == ()

    [down] = market.bazaar.taken_down
    assert down.removeprefix("hooks with ") in market.vendor.tokens, "taken down with a token that lives"
    assert len(market.vendor.revoked) == 1
    assert market.vendor.grants == {}
    row = market.row(name)
    assert (row.state, row.installation.secrets, row.installation.memory) == ("disconnected", {}, {})
    assert (row.grant_expires_at, row.token_expires_at) == (None, None)
    assert market.steps(waiting)[-1] == ("cancelled", "disconnected")
    assert market.notes()[-1] == "installation_disconnected"
    assert installing.disconnect(market.suite, market.workspace, name, who=ANA) == (), "harmless when done twice"
    assert len(market.vendor.revoked) == 1


def test_who_has_parted_is_told_nothing_any_more(market: Market) -> None:
    name = market.join()
    with market.suite.database.write(market.workspace) as tx:
        feedback.queue_report(tx, name, occasion=None, message=None, kind="reply", content={}, now=market.clock.now())

    installing.disconnect(market.suite, market.workspace, name, who=ANA)

    with market.suite.database.write() as tx:
        assert feedback.take_reports(tx, market.clock.now(), timedelta(minutes=2)) == []


def test_what_could_not_be_undone_over_there_is_said(market: Market) -> None:
    name = market.join()
    market.vendor.grants.clear()
    market.clock.forward(timedelta(hours=2))

    def away() -> None:
        raise NotNow("vendor_away", timedelta(minutes=1), vendor="Bazaar")

    market.bazaar.interrupted = away

    left = installing.disconnect(market.suite, market.workspace, name, who=ANA)

    assert left == (Reason("not_taken_down", {"platform": "Bazaar"}),)
    assert market.row(name).installation.secrets == {}


def test_a_parting_that_a_crash_interrupts_is_taken_up_again(market: Market) -> None:
    name = market.join()

    class Crash(BaseException):
        """The process dies."""

    def crash() -> None:
        raise Crash

    market.bazaar.interrupted = crash
    with pytest.raises(Crash):
        installing.disconnect(market.suite, market.workspace, name, who=ANA)
    market.bazaar.interrupted = None
    assert (market.row(name).state, market.bazaar.taken_down) == ("disconnected", [])

    installing.maintain_due(market.suite)
    assert market.bazaar.taken_down == [], "not before its time: somebody may be at it"
    market.clock.forward(timedelta(minutes=10))
    installing.maintain_due(market.suite)

    assert len(market.bazaar.taken_down) == 1
    assert market.row(name).installation.secrets == {}
    market.clock.forward(timedelta(days=1))
    assert installing.maintain_due(market.suite) == 0


def test_a_platform_that_ends_it_is_not_called_and_nothing_of_it_stays(market: Market) -> None:
    name = market.join()
    waiting = market.accept(installation=name)
    before = len(market.vendor.forms)

    for _ in range(2):
        with market.suite.database.write(market.workspace) as tx:
            installing.gone_there(tx, name, market.clock.now())

    row = market.row(name)
    assert (row.state, row.installation.secrets, row.next_pull_at) == ("disconnected", {}, None)
    assert market.steps(waiting)[-1] == ("cancelled", "gone_there")
    assert market.notes().count("installation_gone") == 1
    assert (market.bazaar.taken_down, len(market.vendor.forms)) == ([], before)
    assert market.join() != name, "who comes back is a new connection"


# ---------------------------------------------------------------------------------------------- what is missing there


def test_what_is_missing_over_there_is_named_the_worst_first(market: Market) -> None:
    name = market.join()
    late = Check("version", "warning", Reason("grant_ends", {"at": "2027-01-01"}), "https://x.example/upgrade")
    plan = Check("plan", "problem", Reason("vendor_refused", {"text": "plan"}))
    market.bazaar.checks = (Check("hooks"), late, plan)

    found = preflight.look(market.suite, market.workspace, name)

    assert [(one.name, one.result) for one in found] == [
        ("plan", "problem"), ("version", "warning"), ("scopes", "ok"), ("hooks", "ok")]


def test_a_platform_that_cannot_be_asked_is_a_finding_too(market: Market) -> None:
    name = market.join()
    market.bazaar.checks = NotNow("vendor_away", timedelta(minutes=1), vendor="Bazaar")
    [away, _] = preflight.look(market.suite, market.workspace, name)
    market.vendor.grants.clear()
    market.clock.forward(timedelta(hours=2))
    [gone, _] = preflight.look(market.suite, market.workspace, name)
    [alone] = preflight.look(market.suite, market.workspace, name)

    assert (away.name, away.result) == ("reachable", "warning")
    assert (gone.name, gone.result, gone.reason) == ("grant", "problem", Reason("grant_gone"))
    assert alone == gone


def test_a_grant_that_ends_soon_is_a_warning(market: Market) -> None:
    market.vendor.grant_lives = 13 * 86_400
    name = market.join()

    assert ("grant", "warning") in [
        (one.name, one.result) for one in preflight.look(market.suite, market.workspace, name)]

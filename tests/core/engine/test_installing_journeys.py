"""To a platform and back, with a vendor on loopback: whom a state lets in, what a return must prove, and that one
account is one connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.domain.errors import BadInput, Conflict, NeedsReconnect, NotAuthentic, NotFound, RelanceError
from core.domain.reasons import Reason
from core.engine import installing, journeys, preflight
from tests.fakes.installable import Bazaar
from tests.fakes.oauth import FakeVendor
from tests.faults.server import status
from tests.support.engine_room import NOW, EngineRoom
from tests.support.market import ANA, SHOP, Market, at_once

PKCE = json.loads((Path(__file__).parents[2] / "data" / "oauth_install.json").read_text())["pkce"]
SCOPES = "read_carts,write_people"


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor(rotates=True, separator=",") as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
def market(tmp_path: Path, vendor: FakeVendor) -> Market:
    return Market(tmp_path, vendor)


# ---------------------------------------------------------------------------------------------- to the platform


@pytest.mark.parametrize("vector", PKCE, ids=lambda one: one["method"])
def test_a_challenge_is_that_of_its_verifier(vector: Mapping[str, str]) -> None:
    assert journeys.challenge(vector["verifier"]) == vector["challenge"]


def test_one_leaves_for_the_own_shop_with_a_state_and_a_challenge(market: Market) -> None:
    left = urlsplit(market.begin().redirect)
    asked = dict(parse_qsl(left.query))

    assert (left.netloc, left.path) == (SHOP, "/authorize")
    assert asked["redirect_uri"] == f"{market.suite.public_url}/connect/bazaar/callback"
    assert asked["scope"] == SCOPES
    assert len(asked["state"]) == 64
    assert asked["state"].isalnum()
    assert (len(asked["code_challenge"]), asked["code_challenge_method"]) == (43, "S256")


def test_more_is_only_asked_for_when_somebody_wants_it(market: Market) -> None:
    asked = dict(parse_qsl(urlsplit(market.begin(optional=True).redirect).query))

    assert asked["scope"] == f"{SCOPES},read_reports"


EVIL = ["", "evil.example", "acme.bazaar.example.evil.example", "acme.bazaar.example/x",
        "evil.example#.bazaar.example", "acme@evil.bazaar.example.", "https://acme.bazaar.example", "-a.bazaar.example"]


@pytest.mark.parametrize("shop", EVIL)
def test_a_shop_that_is_none_is_refused_before_anything_is_done_with_it(market: Market, shop: str) -> None:
    with pytest.raises(BadInput) as refused:
        market.begin(shop)

    assert refused.value.pointer == "/shop"
    assert market.vendor.forms == []


def test_what_is_asked_is_not_asked_again_when_one_reconnects(market: Market) -> None:
    name = market.join()

    assert [one.name for one in installing.questions(market.suite, market.workspace, "bazaar", {})] == ["shop"]
    assert installing.questions(market.suite, market.workspace, "bazaar", {}, reconnect=name) == ()
    again = installing.begin(market.suite, market.workspace, ANA, "bazaar", return_to="/", reconnect=name)
    assert urlsplit(again.redirect).netloc == SHOP


def test_somebody_elses_connection_tells_nothing(market: Market) -> None:
    name, other = market.join(), market.another()

    with pytest.raises(NotFound):
        installing.questions(market.suite, other, "bazaar", {}, reconnect=name)


def test_without_the_operators_application_the_setting_is_named(tmp_path: Path) -> None:
    room = EngineRoom(tmp_path, adapters={"bazaar": Bazaar("http://127.0.0.1:9")})

    with pytest.raises(BadInput) as refused:
        installing.begin(room.suite, room.workspace, ANA, "bazaar", return_to="/", answers={"shop": SHOP})

    assert refused.value.reason.values["setting"] == "RELANCE_BAZAAR_CLIENT_ID"


# ---------------------------------------------------------------------------------------------- and back


def test_there_and_back(market: Market) -> None:
    market.vendor.grant_lives = 7_776_000

    row = market.row(market.join())

    assert (row.account, row.state, row.mode) == ("account-1", "connected", "rehearsal")
    assert row.installation.config == {"shop": SHOP, "scopes": ["read_carts", "write_people"]}
    assert set(row.installation.secrets) == {"access_token", "refresh_token"}
    assert row.token_expires_at == NOW + timedelta(hours=1)
    assert row.grant_expires_at == NOW + timedelta(days=90)
    assert market.vendor.forms[0]["expiring"] == "1"
    assert market.vendor.forms[0]["code"].endswith("=="), "a code is decoded once"
    assert market.notes()[-1] == "installation_connected"


def test_a_database_that_is_stolen_holds_no_token(market: Market) -> None:
    market.join()
    begun = market.begin()
    state = dict(parse_qsl(urlsplit(begun.redirect).query))["state"]

    folder = market.suite.settings.data_dir
    stolen = b"".join(path.read_bytes() for path in folder.glob("engine.db*"))

    secrets = (*market.vendor.grants, *market.vendor.tokens, state, begun.browser)
    assert not any(one.encode() in stolen for one in secrets)


def test_a_state_is_unknown_used_or_too_old(market: Market) -> None:
    begun = market.begin()
    back = market.back(market.vendor.consent(begun.redirect))
    market.finish(begun, back)
    late = market.begin()
    consented = market.vendor.consent(late.redirect)
    market.clock.forward(timedelta(minutes=10, seconds=1))

    for one, callback in (
        (begun, back),
        (begun, market.inbound("https://x/connect/bazaar/callback?code=c&state=" + "0" * 64)),
        (begun, market.inbound("https://x/connect/bazaar/callback?code=c")),
        (late, market.back(consented)),
    ):
        with pytest.raises(BadInput) as refused:
            market.finish(one, callback)
        assert refused.value.reason.code == "state_unknown"


def test_of_two_that_use_a_state_at_the_same_moment_one_comes_through(market: Market) -> None:
    begun = market.begin()
    back = market.back(market.vendor.consent(begun.redirect))
    gate, ends = threading.Barrier(8), []

    def arrive() -> None:
        gate.wait(30)
        try:
            ends.append(market.finish(begun, back).installation[:4])
        except BadInput as error:
            ends.append(error.reason.code)

    at_once([arrive] * 8)

    assert sorted(ends) == ["ins_", *["state_unknown"] * 7]
    assert len(market.vendor.forms) == 1


def test_a_state_is_for_one_browser_one_person_one_workspace(market: Market) -> None:
    other = market.another()

    for given in (
        {"browser": "of-somebody-else"}, {"browser": None}, {"user": "usr_bob"}, {"workspace": other},
    ):  # fmt: skip
        begun = market.begin()
        back = market.back(market.vendor.consent(begun.redirect))
        who: dict[str, Any] = {
            "user": ANA, "workspace": market.workspace, "browser": begun.browser, **given}
        with pytest.raises(BadInput) as refused:
            installing.finish(market.suite, "bazaar", back, **who)
        assert refused.value.reason.code == "state_unknown"

    assert market.vendor.forms == []


def test_who_says_no_has_connected_nothing_and_begins_again(market: Market) -> None:
    begun = market.begin()
    refused = market.inbound(market.vendor.consent(begun.redirect, deny=True))

    with pytest.raises(BadInput) as said:
        market.finish(begun, refused)
    with pytest.raises(BadInput) as again:
        market.finish(begun, refused)

    assert (said.value.reason.code, again.value.reason.code) == ("access_denied", "state_unknown")
    assert (market.vendor.forms, market.rows()) == ([], [])


def test_the_code_of_another_issuer_is_handed_to_nobody(market: Market) -> None:
    begun = market.begin()
    back = market.back(market.vendor.consent(begun.redirect, issuer="https://evil.example"))

    with pytest.raises(BadInput) as refused:
        market.finish(begun, back)

    assert refused.value.reason.values["text"] == "wrong_issuer"
    assert market.vendor.forms == []


def test_a_code_of_another_journey_fails_for_its_challenge(market: Market) -> None:
    mine, theirs = market.begin(), market.begin()
    code = dict(parse_qsl(urlsplit(market.vendor.consent(theirs.redirect)).query))["code"]

    with pytest.raises(NeedsReconnect):
        market.finish(mine, market.back(market.vendor.consent(mine.redirect), code=code))

    assert market.rows() == []


@pytest.mark.parametrize("wrong", ["signature", "shop", "old", "future", "repeated", "unsigned"])
def test_a_return_that_does_not_prove_itself_connects_nothing(market: Market, wrong: str) -> None:
    begun = market.begin()
    consented = market.vendor.consent(begun.redirect)
    moment = int(NOW.timestamp())
    good = market.back(consented)
    callback = {
        "signature": lambda: market.inbound(good.url[:-1] + ("0" if good.url[-1] != "0" else "1")),
        "shop": lambda: market.back(consented, "evil.bazaar.example"),
        "old": lambda: market.back(consented, timestamp=str(moment - 86_401)),
        "future": lambda: market.back(consented, timestamp=str(moment + 86_401)),
        "repeated": lambda: market.inbound(good.url + "&shop=evil.bazaar.example"),
        "unsigned": lambda: market.inbound(consented),
    }[wrong]()

    with pytest.raises(NotAuthentic):
        market.finish(begun, callback)

    assert (market.vendor.forms, market.rows()) == ([], [])


def test_what_was_unticked_is_named_and_what_is_implied_is_not(market: Market) -> None:
    begun = market.begin()
    back = market.back(market.vendor.consent(begun.redirect, scopes=("write_carts",)))

    finished = market.finish(begun, back)

    assert finished.missing == ("write_people",)
    [scopes] = [one for one in preflight.look(market.suite, market.workspace, finished.installation)
                if one.name == "scopes"]
    assert (scopes.result, scopes.reason) == ("problem", Reason("scope_unticked", {"scope": "write_people"}))


@pytest.mark.parametrize("answer, code", [((503, {}), "vendor_away"), ((401, {"error": "invalid_client"}),
                                           "oauth_application_refused"), ((400, {"error": "odd"}), "vendor_refused")])
def test_a_code_that_is_not_exchanged_connects_nothing(market: Market, answer: tuple[int, Any], code: str) -> None:
    begun = market.begin()
    market.vendor.fail(status(*answer))

    with pytest.raises(RelanceError) as refused:
        market.finish(begun, market.back(market.vendor.consent(begun.redirect)))

    assert refused.value.reason.code == code
    assert market.rows() == []


# ---------------------------------------------------------------------------------------------- one account, once


def test_an_account_that_is_connected_already_is_renewed(market: Market) -> None:
    first = market.join()
    begun = market.begin()
    finished = market.finish(begun, market.back(market.vendor.consent(begun.redirect)))

    assert (finished.installation, finished.renewed) == (first, True)
    assert market.token(first) in market.vendor.tokens
    assert market.notes()[-1] == "installation_reconnected"


def test_two_who_connect_the_same_account_at_once_have_one_connection(market: Market) -> None:
    begun = [market.begin() for _ in range(4)]
    backs = [market.back(market.vendor.consent(one.redirect)) for one in begun]
    gate, ends = threading.Barrier(4), []

    def arrive(number: int) -> None:
        gate.wait(30)
        ends.append(market.finish(begun[number], backs[number]).installation)

    at_once([partial(arrive, number) for number in range(4)])

    assert len(set(ends)) == 1
    assert len(market.rows()) == 1


def test_an_account_is_never_moved_to_another_workspace_until_it_is_disconnected_there(market: Market) -> None:
    name, other = market.join(), market.another()

    with pytest.raises(Conflict) as refused:
        market.join(workspace=other)
    installing.disconnect(market.suite, market.workspace, name, who=ANA)
    moved = market.join(workspace=other)

    assert refused.value.reason.code == "connected_elsewhere"
    assert market.row(moved, other).account == "account-1"


def test_reconnecting_with_another_account_is_refused_and_changes_nothing(market: Market) -> None:
    name = market.join()
    before = market.row(name).installation.secrets
    market.vendor.account = "account-2"

    with pytest.raises(Conflict) as refused:
        market.join(reconnect=name)

    assert refused.value.reason.code == "another_account"
    assert market.row(name).installation.secrets == before


def test_what_was_disconnected_does_not_come_back_by_reconnecting(market: Market) -> None:
    name = market.join()
    begun = market.begin(reconnect=name)
    back = market.back(market.vendor.consent(begun.redirect))
    installing.disconnect(market.suite, market.workspace, name, who=ANA)

    with pytest.raises(NotFound):
        market.finish(begun, back)

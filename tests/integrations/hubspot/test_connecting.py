"""One click, from our page to HubSpot's and back; a token that is renewed; an account that parts; what is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from core.cli import cli
from core.contract import Inbound
from core.domain.errors import BadInput, Conflict
from core.engine import connecting, installing, parting, pulling
from core.storage import house as workspaces
from core.storage import installations
from tests.fakes.hubspot import APP, DEVELOPER_KEY, PORTAL, FakeHubSpot
from tests.integrations.hubspot.practice import adapter
from tests.support.engine_room import EngineRoom


class House(EngineRoom):
    """People of a workspace connect their HubSpot account."""

    def __init__(self, folder: Path, hubspot: FakeHubSpot) -> None:
        super().__init__(folder, adapters={"hubspot": adapter(hubspot)}, allow_private_addresses=True,
                         **hubspot.settings)

    def join(self, workspace: str | None = None) -> str:
        begun = installing.begin(self.suite, workspace or self.workspace, "usr_ana", "hubspot", return_to="/")
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.redirect).query).items()}
        query = urlencode({"code": "code-1", "state": self.asked["state"]})
        url = f"{self.suite.public_url}/connect/hubspot/callback?{query}"
        callback = Inbound("GET", url, (), b"", self.suite.now())
        return installing.finish(self.suite, "hubspot", callback, user="usr_ana", browser=begun.browser,
                                 workspace=workspace or self.workspace).installation

    def row(self, name: str) -> installations.Row:
        with self.suite.database.read(self.workspace) as tx:
            found = installations.get(tx, self.suite.vault, name, self.suite.public_url)
        assert found is not None
        return found


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    with FakeHubSpot() as running:
        yield running
        assert running.violations == []


@pytest.fixture
def house(tmp_path: Path, hubspot: FakeHubSpot) -> House:
    return House(tmp_path, hubspot)


def test_a_click_connects_the_account_that_the_token_names(house, hubspot):
    row = house.row(house.join())
    assert row.account == str(PORTAL)
    assert row.installation.config["portal_id"] == str(PORTAL)
    assert row.installation.secrets["refresh_token"] == "refresh-1"
    assert house.asked["scope"].split() == ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"]
    assert "automation" in house.asked["optional_scope"].split()
    assert house.asked["code_challenge_method"] == "S256"
    token = hubspot.bodies[hubspot.asked.index("token")]
    assert token["code_verifier"]
    assert token["client_secret"]


def test_a_second_click_is_the_same_connection_and_another_workspace_is_refused(house):
    first = house.join()
    assert house.join() == first
    with house.suite.database.write() as tx:
        other = workspaces.add_workspace(tx, "Ailleurs", {"language": "fr"}, house.suite.now())
    with pytest.raises(Conflict):
        house.join(other)


def test_a_grant_that_is_gone_asks_for_a_person_and_a_click_brings_all_back(house, hubspot):
    name = house.join()
    hubspot.revoke()
    with house.suite.database.write(house.workspace) as tx:
        installations.change(tx, name, token_expires_at=house.suite.now())
    outcome = pulling.pull_now(house.suite, house.workspace, name)
    assert outcome.trouble is not None
    assert outcome.trouble.code == "grant_gone"
    assert house.row(name).state == "reconnect"
    assert house.join() == name
    assert house.row(name).state == "connected"


def test_parting_takes_the_application_out_of_the_account(house, hubspot):
    name = house.join()
    assert parting.disconnect(house.suite, house.workspace, name, who="usr_ana") == ()
    assert hubspot.installed is False
    assert house.row(name).installation.secrets == {}


def test_credentials_of_an_operator_connect_without_a_click(house, hubspot):
    config = {"portal_id": PORTAL, "refresh_token": "refresh-1"}
    name = connecting.add(house.suite, house.workspace, "hubspot", "HubSpot", config, who="usr_ana")
    assert pulling.pull_now(house.suite, house.workspace, name).trouble is None
    with pytest.raises(BadInput):
        connecting.add(house.suite, house.workspace, "hubspot", "HubSpot", {"portal_id": PORTAL}, who="usr_ana")


def test_the_operator_publishes_with_one_command(tmp_path, hubspot):
    env = {"RELANCE_DATA_DIR": str(tmp_path), "RELANCE_MODE": "test", "RELANCE_LANGUAGE": "en",
           "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(), "RELANCE_PUBLIC_URL": "https://relance.example",
           "RELANCE_HUBSPOT_URL": hubspot.url, "RELANCE_HUBSPOT_APP_ID": str(APP),
           "RELANCE_HUBSPOT_DEVELOPER_KEY": DEVELOPER_KEY}

    def relance(*arguments: str, status: int = 0, **more: str) -> str:
        said = CliRunner().invoke(cli, ["adapters", "publish", *arguments], env={**env, **more})
        assert said.exit_code == status, said.output
        return said.output

    planned = json.loads(relance("hubspot", "--dry-run", "--json"))
    assert {one["change"] for one in planned["data"]} == {"created"}
    assert not hubspot.definitions
    assert "relance_send" in relance("hubspot")
    assert len(hubspot.definitions) == 2
    assert {one["change"] for one in json.loads(relance("hubspot", "--json"))["data"]} == {"unchanged"}
    relance("hubspot", "--files", str(tmp_path / "project"))
    assert len(list((tmp_path / "project").rglob("*-hsmeta.json"))) == 2
    assert "RELANCE_HUBSPOT_DEVELOPER_KEY" in relance("hubspot", status=1, RELANCE_HUBSPOT_DEVELOPER_KEY="")
    assert relance("gcal_reminders", status=1)
    assert relance("nothing", status=1)

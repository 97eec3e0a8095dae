"""One click, or an integration user: whose org it is, which host is called, what a lost grant needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.contract import Inbound
from core.domain.errors import BadInput, Conflict, NotAuthentic
from core.domain.remedies import remedy
from core.engine import connecting, installing, pulling
from core.storage import house as workspaces
from core.storage import installations
from integrations.salesforce import hosts, ids, tokens
from tests.fakes.salesforce import ORG, USER, FakeSalesforce
from tests.faults.server import status
from tests.integrations.salesforce.org import HOUR, adapter
from tests.support.engine_room import EngineRoom

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "oauth_install.json").read_text())
GIVEN = {"organization_id": ORG, "instance_url": "https://acme.my.salesforce.com", "refresh_token": "refresh-1"}


class House(EngineRoom):
    """People of a workspace connect the org."""

    def __init__(self, folder: Path, org: FakeSalesforce) -> None:
        self.org = org
        super().__init__(folder, adapters={"salesforce": adapter(org)}, allow_private_addresses=True, **org.settings)
        org.now = self.suite.now()

    def begin(self, **answers: str) -> installing.Begun:
        return installing.begin(self.suite, self.workspace, "usr_ana", "salesforce", return_to="/", answers=answers)

    def finish(self, begun: installing.Begun, query: dict[str, str]) -> str:
        url = f"{self.suite.public_url}/connect/salesforce/callback?{urlencode(query)}"
        callback = Inbound("GET", url, (), b"", self.suite.now())
        return installing.finish(self.suite, "salesforce", callback, user="usr_ana", workspace=self.workspace,
                                 browser=begun.browser).installation  # fmt: skip

    def join(self, **answers: str) -> str:
        begun = self.begin(**answers)
        return self.finish(begun, self.org.consent(begun.redirect))

    def add(self, **config: Any) -> str:
        return connecting.add(self.suite, self.workspace, "salesforce", "Acme", {**GIVEN, **config}, who="usr_ana")

    def row(self, name: str) -> installations.Row:
        with self.suite.database.read(self.workspace) as tx:
            found = installations.get(tx, self.suite.vault, name, self.suite.public_url)
        assert found is not None
        return found

    def pull(self, name: str) -> str | None:
        outcome = pulling.pull_now(self.suite, self.workspace, name)
        return outcome.trouble.code if outcome.trouble else None


@pytest.fixture
def org() -> Iterator[FakeSalesforce]:
    with FakeSalesforce() as fake:
        yield fake
    assert fake.violations == []


@pytest.fixture
def house(tmp_path: Path, org: FakeSalesforce) -> House:
    return House(tmp_path, org)


# Ids, hosts, signatures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["salesforce_id_15_to_18"], ids=lambda one: one["id15"])
def test_fifteen_characters_are_eighteen(vector):
    assert ids.long_id(vector["id15"]) == vector["id18"]
    assert ids.long_id(vector["id18"]) == vector["id18"]
    assert ids.long_id(vector["id18"][:-1] + "9") is None


@pytest.mark.parametrize("vector", VECTORS["salesforce_identity_signature"], ids=lambda one: one["issued_at"])
def test_an_identity_is_signed(vector):
    answer = {name: vector[name] for name in ("id", "issued_at", "signature")}
    assert tokens.identity(answer, vector["consumer_secret"]) == (ORG, USER)
    for forged in ({"id": answer["id"].replace("ABCDE", "ABCDF")}, {"issued_at": "1795000000001"}, {"signature": ""},
                   {"signature": None}, {"signature": "é"}, {"id": "https://evil.example/id/x/y"}):  # fmt: skip
        with pytest.raises(NotAuthentic):
            tokens.identity({**answer, **forged}, vector["consumer_secret"])
    with pytest.raises(NotAuthentic):
        tokens.identity(answer, "another secret")
    with pytest.raises(NotAuthentic):
        tokens.identity(answer, "")


@pytest.mark.parametrize(("typed", "host"), [
    ("production", "login.salesforce.com"), ("sandbox", "test.salesforce.com"), ("acme", "acme.my.salesforce.com"),
    ("acme.my", "acme.my.salesforce.com"), ("acme--uat.sandbox", "acme--uat.sandbox.my.salesforce.com"),
    ("https://acme.my.salesforce.com/", "acme.my.salesforce.com"), ("ACME.my.salesforce.com", "acme.my.salesforce.com"),
    ("https://acme.lightning.force.com", "acme.my.salesforce.com"),
    ("https://acme-dev-ed.develop.my.salesforce.com", "acme-dev-ed.develop.my.salesforce.com"),
])  # fmt: skip
def test_where_people_sign_in(typed, host):
    assert hosts.login_address(typed, "/domain") == f"https://{host}"


@pytest.mark.parametrize("typed", [
    "https://evil.example", "acme.my.salesforce.com.evil.example", "https://acme.my.salesforce.com/x",
    "http://acme.my.salesforce.com", "https://a@acme.my.salesforce.com", "https://acme.my.salesforce.com:8443",
    "https://salesforce.com", "acme my", "-acme", "acme.my.salesforce.com#.evil.example", "https://[::1]", "acme/..",
])  # fmt: skip
def test_an_address_that_is_not_salesforces_is_refused(typed):
    with pytest.raises(BadInput):
        hosts.login_address(typed, "/domain")


# One click --------------------------------------------------------------------------------------------------------


def test_one_leaves_for_the_own_login_page_with_a_challenge(house):
    for answers, host in (
        ({"where": "production"}, "login.salesforce.com"), ({"where": "sandbox"}, "test.salesforce.com"),
        ({"where": "domain", "domain": "acme"}, "acme.my.salesforce.com"),
    ):  # fmt: skip
        left = urlsplit(house.begin(**answers).redirect)
        asked = {name: values[0] for name, values in parse_qs(left.query).items()}
        assert (left.netloc, left.path) == (host, "/services/oauth2/authorize")
        assert asked["scope"] == "api refresh_token id"
        assert asked["code_challenge_method"] == "S256"


def test_there_and_back(house, org):
    name = house.join(where="domain", domain="acme")

    row = house.row(name)
    assert row.account == ORG
    assert row.installation.config["instance_url"] == "https://acme.my.salesforce.com"
    assert row.installation.config["login_url"] == "https://acme.my.salesforce.com"
    assert set(row.installation.secrets) == {"access_token", "refresh_token", "signing_secret"}
    assert row.token_expires_at is None, "only a 401 ends it"
    assert org.forms[0]["code"].endswith("=="), "decoded once"
    assert house.pull(name) is None


def test_a_reconnection_keeps_what_the_org_holds(house, org):
    name = house.join(where="production")
    secret = house.row(name).installation.secrets["signing_secret"]
    org.revoke()
    assert house.pull(name) == "grant_gone"
    assert house.row(name).state == "reconnect"

    assert house.join(where="production") == name
    assert house.row(name).installation.secrets["signing_secret"] == secret
    assert house.pull(name) is None


def test_what_a_return_must_prove(house, org):
    begun = house.begin(where="production")
    with pytest.raises(BadInput) as refused:
        house.finish(begun, {"state": "x" * 64, "code": "c"})
    assert refused.value.reason.code == "state_unknown"

    query = org.consent(begun.redirect)
    org.identity = org.identity.replace(ORG, "00D30000000001aEAA")
    answer = org.consent(begun.redirect)
    org.fail_token(status(200, {"access_token": "t", "refresh_token": "r", "issued_at": "1", "signature": "forged==",
                                "id": org.identity, "instance_url": "https://acme.my.salesforce.com"}))  # fmt: skip
    with pytest.raises(NotAuthentic):
        house.finish(begun, query)
    with pytest.raises(BadInput):
        house.finish(begun, answer)


def test_an_instance_that_is_not_salesforces_is_not_called(house, org):
    begun = house.begin(where="production")
    org.host = "evil.example"
    with pytest.raises(BadInput) as refused:
        house.finish(begun, org.consent(begun.redirect))
    assert refused.value.reason.code == "salesforce_address_wrong"


def test_what_the_consent_page_says_no_with(house):
    for error, code in (
        ("access_denied", "access_denied"), ("OAUTH_APPROVAL_ERROR_GENERIC", "salesforce_app_not_installed"),
        ("server_error", "vendor_refused"),
    ):  # fmt: skip
        begun = house.begin(where="production")
        with pytest.raises(BadInput) as refused:
            house.finish(begun, {"state": parse_qs(urlsplit(begun.redirect).query)["state"][0], "error": error})
        assert refused.value.reason.code == code
    assert "Salesforce" in remedy("salesforce_app_not_installed")


def test_one_org_belongs_to_one_workspace(house, tmp_path, org):
    house.join(where="production")
    with house.suite.database.write() as tx:
        other = workspaces.add_workspace(tx, "Boutique", {}, house.suite.now())
    with pytest.raises(Conflict):
        connecting.add(house.suite, other, "salesforce", "Acme", GIVEN, who="usr_bob")


# Tokens -----------------------------------------------------------------------------------------------------------


def test_a_session_that_is_over_is_renewed_once_and_the_call_repeated(house, org):
    name = house.add()
    assert house.pull(name) is None
    org.end_sessions()
    asked = len(org.forms)

    assert house.pull(name) is None

    assert len(org.forms) == asked + 1
    assert org.forms[-1]["grant_type"] == "refresh_token"


def test_an_org_that_moved_is_followed(house, org):
    name = house.add()
    house.pull(name)
    org.move("acme2.my.salesforce.com")
    assert house.pull(name) is None
    assert house.row(name).installation.config["instance_url"] == "https://acme2.my.salesforce.com"


def test_a_rotated_refresh_token_is_kept(house, org):
    org.rotates = True
    name = house.add()
    for _ in range(3):
        org.end_sessions()
        assert house.pull(name) is None
    assert house.row(name).installation.secrets["refresh_token"] in org.grants


def test_another_orgs_token_is_none_of_ours(house, org):
    name = house.add()
    org.identity = org.identity.replace(ORG, "00D30000000001aEAA")
    assert house.pull(name) == "salesforce_other_org"


def test_a_lost_grant_waits_for_a_person(house, org):
    name = house.add()
    org.fail_token(status(400, {"error": "invalid_grant", "error_description": "ip restricted"}))
    assert house.pull(name) == "salesforce_ip_restricted"
    assert house.row(name).state == "reconnect"


@pytest.mark.parametrize(("error", "said", "code"), [
    ("invalid_grant", "expired access/refresh token", None),
    ("invalid_grant", "ip restricted", "salesforce_ip_restricted"),
    ("invalid_grant", "inactive user", "salesforce_user_inactive"),
    ("invalid_client", "app must be installed into org", "salesforce_app_not_installed"),
    ("invalid_grant", "user hasn't approved this consumer", "salesforce_user_not_approved"),
    (None, 7, None),
])  # fmt: skip
def test_a_lost_grant_names_the_click_that_mends_it(error, said, code):
    found = adapter().refusal(400, {"error": error, "error_description": said})
    assert (found.reason.code if found else None) == code
    assert code is None or len(remedy(code)) > 20


def test_a_refresh_under_way_elsewhere_is_waited_for(house, org):
    name = house.add()
    said = "token request is already being processed"
    org.fail_token(status(400, {"error": "invalid_grant", "error_description": said}))
    assert house.pull(name) == "being_refreshed"
    assert house.row(name).state == "connected"


def test_disconnecting_gives_the_grant_back(house, org):
    name = house.join(where="production")
    grant = house.row(name).installation.secrets["refresh_token"]
    assert installing.disconnect(house.suite, house.workspace, name, who="usr_ana") == ()
    assert grant not in org.grants
    assert house.row(name).installation.secrets == {}


# An integration user ----------------------------------------------------------------------------------------------

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def with_jwt(house: House, **more: Any) -> str:
    config = {"organization_id": ORG, "jwt": {"username": "robot@acme.example", "private_key": PEM}, **more}
    return connecting.add(house.suite, house.workspace, "salesforce", "Acme", config, who="usr_ana")


def test_an_integration_user_signs_for_itself(house, org):
    org.users["robot@acme.example"] = KEY.public_key()
    name = with_jwt(house)
    assert house.pull(name) is None
    row = house.row(name)
    assert row.installation.config["instance_url"] == "https://acme.my.salesforce.com"
    assert "private_key" not in json.dumps(dict(row.installation.config))
    org.end_sessions()
    house.clock.moment = house.suite.now() + HOUR
    org.now = house.suite.now()
    assert house.pull(name) is None
    assert "client_secret" not in org.forms[-1]


def test_a_user_who_is_not_approved_is_named(house, org):
    assert house.pull(with_jwt(house)) == "salesforce_user_not_approved"


def test_a_sandbox_is_told_so(house, org):
    org.users["robot@acme.example"] = KEY.public_key()
    assert house.pull(with_jwt(house, login="sandbox")) is None


@pytest.mark.parametrize(("config", "pointer"), [
    ({"organization_id": ORG}, "/config"),
    ({**GIVEN, "jwt": {"username": "a", "private_key": PEM}}, "/config/jwt"),
    ({**GIVEN, "organization_id": "0035g00000AbCdEAAV"}, "/config/organization_id"),
    ({**GIVEN, "organization_id": 7}, "/config/organization_id"),
    ({**GIVEN, "instance_url": "https://evil.example"}, "/config/instance_url"),
    ({**GIVEN, "password": "x"}, "/config/password"),
    ({**GIVEN, "write_back": "yes"}, "/config/write_back"),
    ({**GIVEN, "api_version": "39"}, "/config/api_version"),
    ({**GIVEN, "zone": "Paris"}, "/config/zone"),
    ({**GIVEN, "objects": {"Contact": {"fones": ["Phone"]}}}, "/config/objects/Contact/fones"),
    ({**GIVEN, "objects": {"Policy__c": {"dates": ["End__c"]}}}, "/config/objects/Policy__c/person"),
    ({"organization_id": ORG, "jwt": {"username": "a"}}, "/config/jwt/private_key"),
    ({"organization_id": ORG, "jwt": {"username": "a", "private_key": "-----BEGIN"}}, "/config/jwt/private_key"),
])  # fmt: skip
def test_what_is_given_is_checked_at_once(config, pointer):
    with pytest.raises(BadInput) as refused:
        adapter().configured(config)
    assert refused.value.pointer == pointer
    assert refused.value.reason.sentence("fr") != refused.value.reason.code


def test_settings_can_be_changed_without_giving_the_secrets_again():
    first = adapter().configured(GIVEN)
    again = adapter().configured({**first.config, **first.secrets, "write_back": True, "zone": "Europe/Paris"})
    assert again.secrets == first.secrets
    assert (again.account, again.zone) == (ORG, "Europe/Paris")
    assert again.config["write_back"] == {"messages": True, "status": True, "tasks": True}

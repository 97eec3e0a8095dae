"""The actions as HubSpot takes them: valid, in two languages, in both forms, published once and kept up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from core.domain.errors import BadInput, Conflict, NotNow
from integrations.hubspot import definitions
from tests.fakes.hubspot import APP, DEVELOPER_KEY, FakeHubSpot, refused
from tests.faults.server import ok
from tests.integrations.hubspot.practice import NOW, PUBLIC, adapter

SPEC = json.loads((Path(__file__).parents[2] / "data" / "specs" / "hubspot_subset_openapi.json").read_text())
CREDENTIALS = {"app_id": str(APP), "developer_key": DEVELOPER_KEY}


def valid(schema: str, document: Any) -> None:
    jsonschema_rs.validator_for({"components": SPEC["components"], "$ref": f"#/components/schemas/{schema}"},
                                validate_formats=True).validate(document)


@pytest.mark.parametrize("action", definitions.actions(), ids=lambda one: one["path"])
def test_a_definition_is_valid_and_every_name_has_its_words(action):
    made = definitions.definition(action, PUBLIC, published=True)
    valid("ActionDefinitionEgg", made)
    inputs = {one["typeDefinition"]["name"] for one in made["inputFields"]}
    outputs = {one["typeDefinition"]["name"] for one in made["outputFields"]}
    assert set(made["labels"]) == {"en", "fr"}
    for words in made["labels"].values():
        assert set(words["inputFieldLabels"]) == inputs
        assert set(words["outputFieldLabels"]) == outputs
        assert set(words["inputFieldDescriptions"]) == inputs
        assert set(words["executionRules"]) == {one["labelName"] for one in made["executionRules"]}
        for one in made["inputFields"]:
            kind = one["typeDefinition"]
            options = {option["value"] for option in kind.get("options", ())}
            assert set(words["inputFieldOptionLabels"].get(kind["name"], {})) == options
            assert bool(options) or kind["type"] != "enumeration" or kind["optionsUrl"].startswith(PUBLIC)
    english, french = made["labels"]["en"], made["labels"]["fr"]
    assert english["actionName"] != french["actionName"]


@pytest.mark.parametrize("action", definitions.actions(), ids=lambda one: one["path"])
def test_what_depends_on_a_field_names_fields_that_are_there(action):
    made = definitions.definition(action, PUBLIC, published=True)
    names = definitions.names(made)
    for one in made["inputFieldDependencies"]:
        assert {one["controllingFieldName"], *one["dependentFieldNames"]} <= names
    for one in made["executionRules"]:
        assert set(one["conditions"]) <= names


def test_the_project_form_says_the_same():
    files = adapter().files(PUBLIC)
    assert sorted(files) == ["src/app/workflow-actions/relance_cancel-hsmeta.json",
                             "src/app/workflow-actions/relance_send-hsmeta.json"]
    for action in definitions.actions():
        said = json.loads(files[f"src/app/workflow-actions/{action['uid']}-hsmeta.json"])
        assert said["uid"] == action["uid"]
        assert said["type"] == "workflow-action"
        made = definitions.definition(action, PUBLIC, published=False)
        for name in ("actionUrl", "inputFields", "outputFields", "labels", "objectTypes"):
            assert said["config"][name] == made[name]


def publish(hubspot: FakeHubSpot, *, url: str = PUBLIC, dry_run: bool = False) -> dict[str, str]:
    done = adapter(hubspot).publish(CREDENTIALS, url, NOW, dry_run=dry_run)
    return {one.name: one.change for one in done}


def test_publishing_twice_is_publishing_once():
    with FakeHubSpot() as hubspot:
        first = publish(hubspot)
        assert set(first.values()) == {"created"}
        assert len(hubspot.definitions) == 2
        assert {one["active"] for one in hubspot.webhooks.values()} == {True}
        written = [one for one in hubspot.asked if not one.startswith(("list", "get"))]
        assert set(publish(hubspot).values()) == {"unchanged"}
        assert [one for one in hubspot.asked if not one.startswith(("list", "get"))] == written
        assert hubspot.violations == []


def test_a_dry_run_says_what_would_be_and_writes_nothing():
    with FakeHubSpot() as hubspot:
        assert set(publish(hubspot, dry_run=True).values()) == {"created"}
        assert not hubspot.definitions
        assert not hubspot.webhooks
        assert hubspot.webhook_settings is None


def test_what_differs_is_brought_up_to_date():
    with FakeHubSpot() as hubspot:
        publish(hubspot)
        send = next(one for one in hubspot.definitions.values() if one["actionUrl"].endswith("/send"))
        send["labels"]["fr"]["actionName"] = "Ancien nom"
        next(iter(hubspot.webhooks.values()))["active"] = False
        said = publish(hubspot)
        assert said["relance_send"] == "changed"
        assert list(said.values()).count("changed") == 2
        assert send["labels"]["fr"]["actionName"] == "Envoyer un message"
        assert publish(hubspot, url="https://autre.example")["webhooks"] == "changed"
        assert len(hubspot.definitions) == 2
        assert send["actionUrl"] == "https://autre.example/hooks/hubspot/actions/send"


def test_a_published_name_is_never_taken_away():
    with FakeHubSpot() as hubspot:
        publish(hubspot)
        send = next(one for one in hubspot.definitions.values() if one["actionUrl"].endswith("/send"))
        send["inputFields"].append({"typeDefinition": {"name": "old_one", "type": "string"}, "isRequired": False})
        with pytest.raises(Conflict) as caught:
            publish(hubspot)
        assert caught.value.reason.values["names"] == "old_one"


def test_what_cannot_be_published_says_why():
    with FakeHubSpot() as hubspot:
        with pytest.raises(BadInput, match="https"):
            publish(hubspot, url="http://127.0.0.1:8000")
        with pytest.raises(BadInput, match="developer key"):
            adapter(hubspot).publish({**CREDENTIALS, "developer_key": "x"}, PUBLIC, NOW)
        with pytest.raises(BadInput):
            adapter(hubspot).publish({**CREDENTIALS, "app_id": "x"}, PUBLIC, NOW)
        hubspot.fail(refused(503, "SERVICE"))
        with pytest.raises(NotNow):
            publish(hubspot)


def test_pages_without_an_end_are_no_list():
    with FakeHubSpot() as hubspot:
        hubspot.fail(*[ok({"results": [], "paging": {"next": {"after": "1"}}})] * 120)
        with pytest.raises(NotNow):
            publish(hubspot)

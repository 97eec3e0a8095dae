"""The workflow actions of `actions.toml` in the two forms that HubSpot takes: by its API, and as a project's files."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "fr")
HOOK = "/hooks/hubspot"


@cache
def actions() -> Sequence[Mapping[str, Any]]:
    """As the file has them."""
    written = files("integrations.hubspot").joinpath("actions.toml").read_text(encoding="utf-8")
    found: list[Mapping[str, Any]] = tomllib.loads(written)["action"]
    return found


def definition(action: Mapping[str, Any], public_url: str, *, published: bool) -> dict[str, Any]:
    """The body of `POST /automation/v4/actions/{appId}`."""
    base = public_url.rstrip("/") + HOOK
    made: dict[str, Any] = {
        "actionUrl": f"{base}/actions/{action['path']}",
        "published": published,
        "objectTypes": ["CONTACT"],
        "objectRequestOptions": {"properties": list(action["properties"])},
        "inputFields": [_input(one, base) for one in action.get("input", ())],
        "inputFieldDependencies": _dependencies(action),
        "outputFields": [{"typeDefinition": _type(one)} for one in action.get("output", ())],
        "executionRules": [{"labelName": one["name"], "conditions": one["when"]} for one in action.get("rule", ())],
        "labels": {language: _labels(action, language) for language in LANGUAGES},
        "functions": [],
    }
    if not made["objectRequestOptions"]["properties"]:
        del made["objectRequestOptions"]
    return made


def project_files(public_url: str, *, published: bool = False) -> dict[str, str]:
    """Path → content of the files of a HubSpot project that describe the same actions."""
    return {
        f"src/app/workflow-actions/{action['uid']}-hsmeta.json": json.dumps(
            {"uid": action["uid"], "type": "workflow-action", "config": _project(action, public_url, published)},
            ensure_ascii=False, indent=2) + "\n"
        for action in actions()
    }


def names(definition: Mapping[str, Any]) -> set[str]:
    """The names of a definition that steps of workflows hold on to: of inputs, of outputs."""
    return {str(one.get("typeDefinition", {}).get("name", ""))
            for part in ("inputFields", "outputFields") for one in definition.get(part) or ()}


def _project(action: Mapping[str, Any], public_url: str, published: bool) -> dict[str, Any]:
    made = definition(action, public_url, published=published)
    del made["published"], made["functions"]
    return {"isPublished": published, "supportedClients": [{"client": "WORKFLOWS"}], **made}


def _input(one: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {"typeDefinition": _type(one, base), "supportedValueTypes": one.get("values", ["STATIC_VALUE"]),
            "isRequired": one.get("required", False)}


def _type(one: Mapping[str, Any], base: str = "") -> dict[str, Any]:
    made = {"name": one["name"], "type": one["type"], "fieldType": one["field"]}
    if "options" in one:
        made["options"] = [
            {"value": option["value"], "label": option["label"]["en"], "displayOrder": place, "hidden": False,
             "description": "", "readOnly": False, "doubleData": 0.0}
            for place, option in enumerate(one["options"])]
    if "options_from" in one:
        made["optionsUrl"] = f"{base}/options/{one['options_from']}"
    return made


def _dependencies(action: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[str]] = {}
    for one in action.get("input", ()):
        for controlling, values in one.get("only_if", {}).items():
            for value in values:
                found.setdefault((controlling, value), []).append(one["name"])
    return [{"dependencyType": "CONDITIONAL_SINGLE_FIELD", "controllingFieldName": controlling,
             "controllingFieldValue": value, "dependentFieldNames": dependent}
            for (controlling, value), dependent in found.items()]


def _labels(action: Mapping[str, Any], language: str) -> dict[str, Any]:
    inputs, outputs = action.get("input", ()), action.get("output", ())

    def options(fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {one["name"]: {option["value"]: option["label"][language] for option in one["options"]}
                for one in fields if "options" in one}

    return {
        "actionName": action["label"][language],
        "actionDescription": action["description"][language],
        "appDisplayName": action["app"][language],
        "actionCardContent": action["card"][language],
        "inputFieldLabels": {one["name"]: one["label"][language] for one in inputs},
        "inputFieldDescriptions": {one["name"]: one["description"][language] for one in inputs if "description" in one},
        "inputFieldOptionLabels": options(inputs),
        "outputFieldLabels": {one["name"]: one["label"][language] for one in outputs},
        "executionRules": {one["name"]: one["label"][language] for one in action.get("rule", ())},
    }

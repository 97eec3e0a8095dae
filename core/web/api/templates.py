"""`/v1/templates`: texts with a key, in several languages, every version kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from core.domain.errors import BadInput, NotFound
from core.domain.messages import Channel
from core.domain.text.price import price
from core.domain.text.segments import measure
from core.domain.text.templates import MissingValue, compile_template, render
from core.engine import scheduling, shown
from core.storage import house, rules
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("templates")


@ROUTES("POST", "/v1/templates", "Saves a new version of a template, and measures it",
        takes=given.Template(), gives="TemplateSaved", status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    try:
        template = compile_template(body["body"])
    except BadInput as error:
        error.pointer = "/body"
        raise
    with call.write() as tx:
        known = house.workspace(tx, call.workspace)
        settings = known["settings"] if known else house.DEFAULTS
        rules.save_template(tx, body["key"], body["language"], body["body"], call.now, who=call.who)
        if "folder" in body:
            rules.put_in_folder(tx, body["key"], body["folder"])
        scheduling.replan_open(tx, call.now, scheduling.live_installations(tx))
        saved = _shown(body["key"], rules.template_versions(tx, body["key"]))
        return call.done(
            201,
            {
                **saved,
                "variables": sorted(template.variables),
                "measure": _measured(body, settings, call),
            },
        )


@ROUTES("GET", "/v1/templates", "Templates by key, of a folder if one is named", query=given.Templates(),
        gives="TemplateList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        keys = rules.template_keys(
            tx, folder=asked.get("folder"), after=asked.get("after"), limit=asked["limit"] + 1
        )
        found = page(keys, asked["limit"], lambda key: _shown(key, rules.template_versions(tx, key)), str)
    return Answer(200, found)


@ROUTES("GET", "/v1/templates/{key}", "A template with all its versions", gives="Template")
def single(call: Call, key: str) -> Answer:
    with call.read() as tx:
        return Answer(200, _shown(key, _versions(tx, key)))


@ROUTES("PATCH", "/v1/templates/{key}", "Lays a template into a folder, or into none", takes=given.TemplateChange(),
        gives="Template", partial=True)  # fmt: skip
def change(call: Call, key: str) -> Answer:
    with call.write() as tx:
        _versions(tx, key)
        if "folder" in call.body:
            rules.put_in_folder(tx, key, call.body["folder"])
        return call.done(200, _shown(key, _versions(tx, key)))


@ROUTES("POST", "/v1/templates/{key}/restore", "Brings an older version back, as the newest one",
        takes=given.TemplateVersion(), gives="Template")  # fmt: skip
def restore(call: Call, key: str) -> Answer:
    wanted = call.body
    with call.write() as tx:
        old = rules.template_version(tx, key, wanted["language"], wanted["version"])
        if old is None:
            raise NotFound("template")
        rules.save_template(tx, key, old["language"], old["body"], call.now, who=call.who, taken_from=old["version"])
        house.note(tx, call.who, "template_restored", None,
                   {"key": key, "language": old["language"], "version": old["version"]}, call.now)  # fmt: skip
        scheduling.replan_open(tx, call.now, scheduling.live_installations(tx))
        return call.done(200, _shown(key, _versions(tx, key)))


@ROUTES("DELETE", "/v1/templates/{key}", "Removes a template; rules that use it have no text any more", status=204)
def remove(call: Call, key: str) -> Answer:
    with call.write() as tx:
        if not rules.remove_template(tx, key, call.now):
            raise NotFound("template")
        scheduling.replan_open(tx, call.now, scheduling.live_installations(tx))
        return call.done(204, None)


def _versions(tx: Transaction, key: str) -> Sequence[Mapping[str, Any]]:
    found = rules.template_versions(tx, key)
    if not found:
        raise NotFound("template")
    return found


def _shown(key: str, versions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    newest: dict[str, str] = {}
    for one in versions:
        newest.setdefault(one["language"], one["body"])
    return {
        "key": key,
        "folder": versions[0]["folder"],
        "languages": newest,
        "versions": [
            {
                "language": one["language"],
                "version": one["version"],
                "body": one["body"],
                "id": one["id"],
                "who": one["who"],
                "taken_from": one["taken_from"],
                "created_at": shown.moment(one["created_at"]),
            }
            for one in versions
        ],
    }


def _measured(body: Mapping[str, Any], settings: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """The text as `data` fills it; with the variables' names in their place when `data` is not enough."""
    zone, data = ZoneInfo(settings["zone"]), body.get("data") or {}
    short = house.shortener_of(settings, call.suite.public_url)
    try:
        filled = render(body["body"], short.of(data, "example") if short else data, zone, body["language"])
        text, complete = filled.text, True
    except MissingValue:
        text, complete = body["body"], False
    except BadInput as error:
        error.pointer = "/data"
        raise
    measured = measure(text)
    cost = price(measured.segments, settings["country"], Channel.SMS, call.now.date())
    return {
        "text": text if complete else None,
        "encoding": measured.encoding,
        "units": measured.units,
        "segments": measured.segments,
        "price": cost.as_json() if cost else None,
    }

"""`/v1/installations`: connected platforms, their rehearsal, going live, asking them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.contract import Configured, HandsOver, Pulls, Serves
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.reasons import Reason
from core.engine import foreseeing, installing, pulling, replaying, scheduling, shown, switching
from core.storage import house
from core.storage import installations as stored
from core.storage.database import Transaction
from core.web import problems
from core.web.api import given
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("installations")
# A calendar can be given as a file.
MOST_BODY = 6_000_000


@ROUTES("POST", "/v1/installations", "Connects a platform by a way in that needs no redirect; it begins in rehearsal",
        takes=given.Installation(), gives="InstallationMade",
    secret=True, status=201, most=MOST_BODY,
        also={409: "This account is connected to another workspace"})  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        try:
            installation_id = installing.add(
                call.suite, call.workspace, body["adapter"], body["name"], body["config"], who=call.who, tx=tx
            )
        except BadInput as error:
            raise _inside_config(error) from error
        row = _row(call, tx, installation_id)
        # What the other side must be given is shown this once, in the answer to whoever connected it.
        once = {name: value for name, value in _handed(call, row).items() if name not in body["config"]}
        return call.done(201, {**shown.installation(row, call.language), **once})


@ROUTES("GET", "/v1/installations", "Connected platforms, oldest first", query=given.Listed(),
        gives="InstallationList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = stored.listed(tx, call.suite.vault, call.suite.public_url)
    after = asked.get("after")
    rows = [row for row in rows if after is None or row.installation.id > after][: asked["limit"] + 1]
    return Answer(
        200,
        page(rows, asked["limit"], lambda row: shown.installation(row, call.language), lambda row: row.installation.id),
    )


@ROUTES("GET", "/v1/installations/{id}", "A connected platform", gives="Installation")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, shown.installation(_row(call, tx, id), call.language))


@ROUTES("PATCH", "/v1/installations/{id}", "Renames it, changes its settings, goes live or back to rehearsal",
        takes=given.InstallationChange(), gives="InstallationMade", secret=True, partial=True, most=MOST_BODY,
        also={409: "It is disconnected"})  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = call.body
    with call.write() as tx:
        row = _row(call, tx, id)
        if row.state == "disconnected":
            raise Conflict("installation_disconnected")
        if "name" in body:
            stored.change(tx, id, name=body["name"])
        if "control_group" in body:
            stored.change(tx, id, control_group=body["control_group"])
            scheduling.replan_open(tx, call.now, scheduling.live_installations(tx), installation=id)
        if "config" in body:
            _configure(call, tx, row, body["config"])
        if body.get("mode", row.mode) != row.mode:
            to = switching.to_live if body["mode"] == "live" else switching.to_rehearsal
            to(tx, _row(call, tx, id), call.now, call.who)
        known, changed = _handed(call, row), _row(call, tx, id)
        # A new code or secret, and none that was shown before.
        once = {name: value for name, value in _handed(call, changed).items() if value != known.get(name)}
        return call.done(200, {**shown.installation(changed, call.language), **once})


def _handed(call: Call, row: stored.Row) -> dict[str, str]:
    """What a person carries to the other side."""
    adapter = call.suite.adapters.get(row.installation.adapter)
    names = ("signing_secret", "connection_code", "webhook_secret")
    if not isinstance(adapter, HandsOver):
        return {name: row.installation.secrets[name] for name in names if name in row.installation.secrets}
    known = adapter.handed(row.installation)
    return {name: known[name] for name in (*names, "password") if name in known}


@ROUTES("DELETE", "/v1/installations/{id}", "Disconnects: calls off what waits, takes down what was set up over there",
        gives="Disconnected")  # fmt: skip
def remove(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(call, tx, id)
    left = (
        installing.disconnect(call.suite, call.workspace, id, who=call.who)
        if call.changes and row.state != "disconnected"
        else ()
    )
    return call.done(
        200, {"id": id, "state": "disconnected", "left_over_there": [one.as_json(call.language) for one in left]}
    )


@ROUTES("GET", "/v1/installations/{id}/rehearsal", "What would leave, what would not and why, segments and price; with "
        "`?past=30d` what would have left for the carts of the last days",
        query=given.Rehearsal(), gives="RehearsalOrReplay")  # fmt: skip
def rehearsal(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(call, tx, id)
    if (past := call.query.get("past")) is not None:
        return _replay(call, id, past)
    pulls = isinstance(call.suite.adapters.get(row.installation.adapter), Pulls)
    if pulls and row.pulled_at is None and row.state == "connected":
        # Nothing is known yet: ask first, so that the first look is not an empty page.
        pulling.pull_now(call.suite, call.workspace, id)
    with call.read() as tx:
        row = _row(call, tx, id)
        found = foreseeing.foresee(tx, id, call.suite.now(), call.language)
    return Answer(
        200,
        {
            **found,
            "mode": row.mode,
            "pulled_at": shown.moment(row.pulled_at),
            "trouble": shown.reason(row.trouble, call.language),
            "problems": [shown.reason(one, call.language) for one in row.problems],
        },
    )


def _replay(call: Call, id: str, past: str) -> Answer:
    days = int(past[:-1]) if past.endswith("d") and past[:-1].isdecimal() and past.isascii() else 0
    if not 1 <= days <= replaying.MOST_DAYS:
        raise problems.Malformed("query_wrong", name="past")
    with call.read() as tx:
        return Answer(200, replaying.as_json(replaying.replay(tx, id, call.suite.now(), days)))


@ROUTES("POST", "/v1/installations/{id}/sync", "Asks the platform now: 202, or 200 with the outcome when `?wait=true`",
        query=given.Sync(), gives="Sync", status=202,
        also={200: "The outcome, when `?wait=true`", 409: "It is disconnected, or tells us by itself"})  # fmt: skip
def sync(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(call, tx, id)
    if row.state == "disconnected":
        raise Conflict("installation_disconnected")
    if not isinstance(call.suite.adapters.get(row.installation.adapter), Pulls):
        raise Conflict("nothing_to_pull")
    if call.query["wait"] and call.changes:
        outcome = pulling.pull_now(call.suite, call.workspace, id)
        state = "busy" if outcome.busy else "trouble" if outcome.trouble else "done"
        return call.done(200, _outcome(id, state, outcome.changed, outcome.trouble, call.language))
    with call.write() as tx:
        stored.wake(tx, id, call.now)
        return call.done(202, _outcome(id, "asked", None, row.trouble, call.language))


def _outcome(id: str, state: str, changed: int | None, trouble: Reason | None, language: str) -> dict[str, Any]:
    return {"installation": id, "state": state, "changed": changed, "trouble": shown.reason(trouble, language)}


def _configure(call: Call, tx: Transaction, row: stored.Row, wanted: dict[str, Any]) -> None:
    """The new settings over the old ones, checked by the adapter as a whole; secrets that are not given stay."""
    adapter = call.suite.adapters.get(row.installation.adapter)
    if adapter is None:
        raise NotFound("adapter")
    known = row.installation
    configured = over(adapter.configured, {**known.config, **known.secrets}, wanted)
    if isinstance(adapter, Serves) and configured.account != row.account:
        # By that name it is known when it calls.
        raise Conflict("another_account", known=row.account, given=configured.account)
    stored.keep_secrets(
        tx,
        call.suite.vault,
        known.id,
        {**known.secrets, **configured.secrets},
        config=dict(configured.config),
        **({"zone": configured.zone} if configured.zone else {}),
        **({"country": configured.country} if configured.country else {}),
        **({"cursor": None, "next_pull_at": call.now, "maintain_at": call.now} if isinstance(adapter, Pulls) else {}),
    )
    house.note(tx, call.who, "installation_configured", known.id, {"fields": sorted(wanted)}, call.now)


def over(
    configured: Callable[[Mapping[str, Any]], Configured], known: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Configured:
    """What is known with what is wanted over it, as the adapter reads it. What an adapter derived itself (and shows in
    its `config`) it does not take back: such names are left out. Raises `BadInput` about what was wanted."""
    kept = dict(known)
    while True:
        try:
            return configured({**kept, **wanted})
        except BadInput as error:
            named = _inside_config(error).pointer.split("/")[2:3]
            if named and named[0] in kept and named[0] not in wanted:
                del kept[named[0]]
                continue
            others = [name for name in kept if name not in wanted]
            if error.reason.code.endswith("one_way_in") and others:
                # Another way in than before: it brings its own settings.
                kept = {}
                continue
            raise


def _inside_config(error: BadInput) -> BadInput:
    """An adapter's pointer begins at its own `config`."""
    if error.reason.code not in ("unknown_adapter", "unknown_provider") and not error.pointer.startswith("/config"):
        error.pointer = "/config" + error.pointer
    return error


def _row(call: Call, tx: Transaction, installation_id: str) -> stored.Row:
    row = stored.get(tx, call.suite.vault, installation_id, call.suite.public_url)
    if row is None:
        raise NotFound("installation")
    return row

"""`/v1/provider-accounts`: the ways out, in the order in which they are asked. Their secrets never come back."""

from __future__ import annotations

from core.contract import KeepsTemplates, Provider
from core.domain.errors import BadInput, Conflict, NotFound
from core.domain.reasons import Reason
from core.engine import approving, shown
from core.storage import accounts, approved, house, outbox
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.installations import _inside_config, over
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("provider-accounts")


@ROUTES("POST", "/v1/provider-accounts", "Adds a way out; it is asked after the others",
        takes=given.Account(), gives="Account", status=201)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    provider = _provider(call, body["provider"])
    try:
        configured = provider.configured(body["config"])
    except BadInput as error:
        raise _inside_config(error) from error
    with call.write() as tx:
        row = accounts.add(
            tx,
            call.suite.vault,
            provider.slug,
            body["name"] or provider.name,
            configured,
            call.now,
            public_url=call.suite.public_url,
            countries=body["countries"],
            channels=body["channels"],
            rate=body["rate"],
            denied=body["denied"],
            classes=body["classes"],
            prices=body["prices"],
            weight=body["weight"],
            takes_replies=body["takes_replies"],
            rates=body["rates"],
        )
        outbox.release(tx, "account", Reason("account_back"), call.now)
        house.note(tx, call.who, "provider_account_added", row.account.id, {"provider": provider.slug}, call.now)
        return call.done(201, shown.account(row, call.language))


@ROUTES("GET", "/v1/provider-accounts", "Ways out, in the order in which they are asked", query=given.Listed(),
        gives="AccountList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    with call.read() as tx:
        rows = accounts.listed(tx, call.suite.vault, call.suite.public_url)
    ids = [row.account.id for row in rows]
    first = ids.index(asked["after"]) + 1 if asked.get("after") in ids else 0
    rows = rows[first : first + asked["limit"] + 1]
    return Answer(
        200, page(rows, asked["limit"], lambda row: shown.account(row, call.language), lambda row: row.account.id)
    )


@ROUTES("GET", "/v1/provider-accounts/{id}", "A way out", gives="Account")
def single(call: Call, id: str) -> Answer:
    with call.read() as tx:
        return Answer(200, shown.account(_row(call, tx, id), call.language))


@ROUTES("PATCH", "/v1/provider-accounts/{id}", "Changes a way out; secrets that are not given stay",
        takes=given.AccountChange(), gives="Account", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = dict(call.body)
    config = body.pop("config", None)
    with call.write() as tx:
        row = _row(call, tx, id)
        configured = None
        if config is not None:
            known = {**row.account.config, **row.account.secrets}
            configured = over(_provider(call, row.account.provider).configured, known, config)
        if body or configured:
            accounts.change(tx, call.suite.vault, id, configured=configured, **body)
            if configured is not None:
                approved.soon(tx, id, call.now)
            house.note(tx, call.who, "provider_account_changed", id, {"fields": sorted(call.body)}, call.now)
        return call.done(200, shown.account(_row(call, tx, id), call.language))


@ROUTES("DELETE", "/v1/provider-accounts/{id}", "Removes a way out; what waits leaves by the others", status=204)
def remove(call: Call, id: str) -> Answer:
    with call.write() as tx:
        _row(call, tx, id)
        accounts.change(tx, call.suite.vault, id, state="removed", secrets=None)
        approved.forget(tx, id)
        house.note(tx, call.who, "provider_account_removed", id, {}, call.now)
        return call.done(204, None)


@ROUTES("GET", "/v1/provider-accounts/{id}/templates", "The templates that the account's provider approved, or did "
        "not", query=given.Listed(), gives="ApprovedTemplateList")  # fmt: skip
def templates(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        _row(call, tx, id)
        rows = approved.listed(tx, account=id, after=asked.get("after"), limit=asked["limit"] + 1)
        sync, uses = approved.syncs(tx).get(id), approving.uses(tx)
    found = page(rows, asked["limit"], lambda row: shown.approved_template(
        row, [rule["id"] for rule in uses.get(row.template.key, ())], call.language), lambda row: row.id)  # fmt: skip
    return Answer(200, {
        **found,
        "listed_at": shown.moment(sync.at if sync else None),
        "next_at": shown.moment(sync.next_at if sync else None),
        "trouble": shown.reason(sync.trouble if sync else None, call.language),
    })  # fmt: skip


@ROUTES("POST", "/v1/provider-accounts/{id}/templates/refresh", "Asks the provider for the account's templates now",
        gives="TemplateRefresh", status=200,
        also={409: "Its provider approves no templates"})  # fmt: skip
def refresh_templates(call: Call, id: str) -> Answer:
    with call.read() as tx:
        row = _row(call, tx, id)
    if not isinstance(call.suite.providers.get(row.account.provider), KeepsTemplates):
        raise Conflict("approved_not_here")
    trouble = approving.refresh(call.suite, call.workspace, id) if call.changes else None
    with call.read() as tx:
        sync = approved.syncs(tx).get(id)
    return call.done(200, {"account": id, "listed_at": shown.moment(sync.at if sync else None),
                           "trouble": shown.reason(trouble, call.language)})  # fmt: skip


def _provider(call: Call, slug: str) -> Provider:
    provider = call.suite.providers.get(slug)
    if provider is None:
        known = ", ".join(sorted(call.suite.providers))
        raise BadInput("unknown_provider", pointer="/provider", text=slug[:40], known=known)
    return provider


def _row(call: Call, tx: Transaction, account_id: str) -> accounts.Row:
    row = accounts.get(tx, call.suite.vault, account_id, call.suite.public_url)
    if row is None:
        raise NotFound("provider account")
    return row

"""A stand-in for HubSpot on loopback that knows the contract: the OpenAPI documents in `tests/data/specs`.

    with FakeHubSpot() as hubspot:
        ana = hubspot.contact(firstname="Ana", mobilephone="+33639980001")
        body = hubspot.execution(ana, message="Bonjour", message_type="service")
        headers = hubspot.signed("https://relance.example/hooks/hubspot/actions/send", body, at)
        ...                                        # an adapter whose `hubspot` address is hubspot.url
    assert hubspot.violations == [] and hubspot.completed[...]["message_status"] == "sent"

A request whose method, path, query or body the documents do not know is answered with 400 and noted in `violations`.
`fail(...)` plays a step of `tests.faults.server` instead of the next request. `allowance` is how many calls the account
has left in this window (None: as many as it wants).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema_rs

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

SPECS = Path(__file__).parents[1] / "data" / "specs"
PORTAL, APP = 4242, 777
SECRET = "11111111-2222-4333-8444-555555555555"
DEVELOPER_KEY = "developer-key-1"
SCOPES = ("oauth", "automation", "crm.objects.contacts.read", "crm.objects.contacts.write",
          "crm.schemas.contacts.write", "communication_preferences.read_write", "timeline", "crm.lists.read")
STANDARD = ("firstname", "lastname", "email", "company", "mobilephone", "phone", "country", "hs_country_region_code",
            "hs_language", "createdate", "lastmodifieddate", "hs_object_id", "hs_merged_object_ids")


class Refusal(Exception):
    """An answer that is no success, in HubSpot's form."""

    def __init__(self, number: int, category: str, message: str = "", headers: Mapping[str, str] | None = None,
                 **more: Any) -> None:
        super().__init__(category)
        self.step = refused(number, category, message, headers, **more)


def refused(number: int, category: str, message: str = "", headers: Mapping[str, str] | None = None,
            **more: Any) -> Step:
    """A step that answers as HubSpot words its errors."""
    error = {"status": "error", "message": message or category, "correlationId": "0000-1", "category": category, **more}
    return status(number, error, headers or {})


def slow_down(policy: str = "TEN_SECONDLY_ROLLING", retry_after: int | None = None) -> Step:
    """429, with or without a word on how long."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return refused(429, "RATE_LIMITS", f"You have reached your {policy.lower()} limit.", headers,
                   errorType="RATE_LIMIT", policyName=policy)


class FakeHubSpot(Vendor):
    """One account and one application. `records[id]`, `subscriptions[email][id]`, `logged` (communications),
    `timeline`, `definitions`, `webhooks`, `properties` (`described[name]`: label, type);
    `waiting` the callbacks of steps that wait,
    `completed[callback]` the outputs with which they went on. `tokens` the live access tokens with their scopes,
    `grants` the refresh tokens.
    `asked` is each request by its operation, in order; `bodies` what it held."""

    def __init__(self, *, now: datetime = datetime(2026, 11, 30, 9, tzinfo=UTC)) -> None:
        super().__init__()
        self.now = now
        self.records: dict[str, dict[str, Any]] = {}
        self.merged: dict[str, str] = {}
        self.subscriptions: dict[str, dict[str, str]] = {}
        self.logged: list[dict[str, Any]] = []
        self.timeline: dict[str, dict[str, Any]] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.webhook_settings: dict[str, Any] | None = None
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.properties = set(STANDARD)
        self.described: dict[str, tuple[str, str]] = {}
        self.kinds_of_subscription: dict[str, str] = {}
        self.waiting: set[str] = set()
        self.completed: dict[str, dict[str, str]] = {}
        self.completions = 0
        self.tokens: dict[str, tuple[str, ...]] = {"token-1": SCOPES}
        self.grants = {"refresh-1"}
        self.installed = True
        self.lists: dict[str, tuple[str, str, list[str]]] = {}
        """id → name, kind of record, records"""
        self.lists_shown = 100
        self.allowance: int | None = None
        self.violations: list[str] = []
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self._ids = itertools.count(901)
        self._steps = itertools.count(1)
        self._operations, self._schemas = _operations()

    @property
    def settings(self) -> dict[str, Any]:
        """As an operator would set them."""
        return {"vendor_urls": {"hubspot": self.url}, "vendor_token_urls": {"hubspot": f"{self.url}/oauth/v1/token"},
                "vendor_clients": {"hubspot": ("client-1", SECRET)},
                "vendor_credentials": {"hubspot": {"app_id": str(APP), "developer_key": DEVELOPER_KEY}}}

    # What people do in HubSpot ------------------------------------------------------------------------------------

    def contact(self, id: str = "", *, at: datetime | None = None, **properties: str) -> str:
        """A new contact; its id."""
        identity = id or str(next(self._ids))
        stamp = _iso(at or self.now)
        self.records[identity] = {"id": identity, "properties": {"createdate": stamp, "hs_object_id": identity},
                                  "history": {}, "createdAt": stamp, "updatedAt": stamp, "archived": False}
        self.change(identity, at=at, **properties)
        return identity

    def change(self, id: str, *, at: datetime | None = None, **properties: str) -> None:
        """Writes properties, and when."""
        with self._lock:
            stamp = _iso(at or self.now)
            record = self.records[id]
            for name, value in properties.items():
                self.properties.add(name)
                record["properties"][name] = value
                record["history"].setdefault(name, []).insert(
                    0, {"value": value, "timestamp": stamp, "sourceType": "CRM_UI"})
            record["properties"]["lastmodifieddate"] = record["updatedAt"] = stamp

    def merge(self, old: str, new: str) -> None:
        with self._lock:
            del self.records[old]
            self.merged[old] = new
            known = self.records[new]["properties"].get("hs_merged_object_ids", "")
            self.change(new, hs_merged_object_ids=";".join(filter(None, [known, old])))

    def delete(self, id: str) -> None:
        self.records.pop(id)

    def enrol(self, contact: str, *, callback: str = "", workflow: int = 1001, portal: int = PORTAL,
              **inputs: str) -> bytes:
        """A contact comes to a step of a workflow: the request's body. The step's callback may be completed."""
        callback = callback or f"ap-{portal}-{workflow}-{next(self._steps)}-0"
        with self._lock:
            self.waiting.add(callback)
        return self.execution(contact, callback=callback, workflow=workflow, portal=portal, **inputs)

    def execution(self, contact: str, *, callback: str, workflow: int = 1001, portal: int = PORTAL,
                  **inputs: str) -> bytes:
        wanted = ("firstname", "lastname", "email", "company", "mobilephone", "phone", "country",
                  "hs_country_region_code", "hs_language")
        known = self.records.get(contact, {"properties": {}})["properties"]
        return json.dumps({
            "callbackId": callback,
            "origin": {"portalId": portal, "actionDefinitionId": 55, "actionDefinitionVersion": 2},
            "context": {"source": "WORKFLOWS", "workflowId": workflow},
            "object": {"objectId": int(contact), "objectType": "CONTACT",
                       "properties": {name: known[name] for name in wanted if known.get(name)}},
            "inputFields": inputs}, ensure_ascii=False).encode()

    def options(self, field: str, *, search: str | None = None, after: str | None = None, portal: int = PORTAL,
                **inputs: str) -> bytes:
        """The body by which the editor asks for a list of options."""
        fetch = {name: value for name, value in (("q", search), ("after", after)) if value is not None}
        return json.dumps({
            "origin": {"portalId": portal, "actionDefinitionId": 55, "actionDefinitionVersion": 2},
            "objectTypeId": "0-1", "inputFieldName": field, "fetchOptions": fetch,
            "inputFields": {name: {"type": "STATIC_VALUE", "value": value} for name, value in inputs.items()}}).encode()

    def told(self, kind: str, contact: str, *, at: datetime | None = None, portal: int = PORTAL,
             **more: Any) -> dict[str, Any]:
        """One event of a webhook: `told("propertyChange", "901", propertyName="phone", propertyValue="…")`."""
        return {"eventId": 100, "subscriptionId": 12, "portalId": portal, "appId": APP, "attemptNumber": 0,
                "occurredAt": int((at or self.now).timestamp() * 1000), "subscriptionType": f"contact.{kind}",
                "objectId": int(contact), "changeSource": "CRM_UI", **more}

    def signed(self, url: str, body: bytes, at: datetime, *, method: str = "POST",
               secret: str = SECRET) -> dict[str, str]:
        """The headers with which HubSpot sends it: v3, and v2 beside it."""
        stamp = str(int(at.timestamp() * 1000))
        # Our own addresses hold nothing that v3 would decode.
        source = f"{method}{url}".encode() + body
        v3 = base64.b64encode(hmac.digest(secret.encode(), source + stamp.encode(), "sha256")).decode()
        v2 = hashlib.sha256(secret.encode() + source).hexdigest()
        return {"Content-Type": "application/json", "X-HubSpot-Signature-v3": v3, "X-HubSpot-Request-Timestamp": stamp,
                "X-HubSpot-Signature": v2, "X-HubSpot-Signature-Version": "v2"}

    def revoke(self) -> None:
        """The customer takes our application out."""
        self.grants.clear()
        self.tokens.clear()

    def count(self, operation: str) -> int:
        return self.asked.count(operation)

    # The line -----------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Step:
        with self._lock:
            try:
                return self._answered(seen)
            except Refusal as refusal:
                return refusal.step

    def _answered(self, seen: Seen) -> Step:
        parts = urlsplit(seen.path)
        if self._faults:
            self.asked.append("fault")
            return self._faults.popleft()[0]
        operation, path = self._known(seen.method, parts.path)
        query = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self._checked(operation, query, seen)
        name = operation["operationId"]
        self.asked.append(name)
        self.bodies.append(body)
        self._authorized(operation, query, seen)
        headers = self._counted()
        made = getattr(self, f"_{_snake(name)}")(path, query, body)
        code, content = made if isinstance(made, tuple) else (200, made)
        return ok(b"" if content is None else content, code, headers)

    def _known(self, verb: str, path: str) -> tuple[Mapping[str, Any], dict[str, str]]:
        for pattern, operations in self._operations:
            if (match := pattern.fullmatch(path)) and verb.lower() in operations:
                return operations[verb.lower()], {name: unquote(value) for name, value in match.groupdict().items()}
        raise self._violation(f"{verb} {path}: no such operation")

    def _checked(self, operation: Mapping[str, Any], query: Mapping[str, str], seen: Seen) -> Any:
        known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        if {"developerKey": []} in operation.get("security", ()):
            known.add("hapikey")
        for name in query:
            if name not in known:
                raise self._violation(f"{operation['operationId']}: no parameter {name}")
        if "requestBody" not in operation:
            if seen.body:
                raise self._violation(f"{operation['operationId']}: takes no body")
            return None
        (kind, media), = operation["requestBody"]["content"].items()
        if kind not in seen.headers.get("content-type", ""):
            raise self._violation(f"{operation['operationId']}: content type {seen.headers.get('content-type')}")
        form = kind == "application/x-www-form-urlencoded"
        body = ({name: values[0] for name, values in parse_qs(seen.body.decode()).items()} if form
                else json.loads(seen.body or b"null"))
        checker = jsonschema_rs.validator_for({"components": {"schemas": self._schemas}, "allOf": [media["schema"]]},
                                              validate_formats=True)
        for problem in checker.iter_errors(body):
            raise self._violation(f"{operation['operationId']}: {problem.message}")
        return body

    def _violation(self, what: str) -> Refusal:
        self.violations.append(what)
        return Refusal(400, "VALIDATION_ERROR", what)

    def _authorized(self, operation: Mapping[str, Any], query: Mapping[str, str], seen: Seen) -> None:
        security = operation.get("security", ())
        if {"developerKey": []} in security and query.get("hapikey") != DEVELOPER_KEY:
            raise Refusal(401, "INVALID_AUTHENTICATION")
        if {"bearer": []} in security:
            token = seen.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                raise Refusal(401, "EXPIRED_AUTHENTICATION")
            needed = _SCOPES.get(operation["operationId"])
            if needed and needed not in self.tokens[token]:
                raise Refusal(403, "MISSING_SCOPES", errors=[{"context": {"requiredGranularScopes": [needed]}}])

    def _counted(self) -> dict[str, str]:
        if self.allowance is None:
            return {}
        if self.allowance <= 0:
            raise Refusal(429, "RATE_LIMITS", errorType="RATE_LIMIT", policyName="TEN_SECONDLY_ROLLING")
        self.allowance -= 1
        return {"X-HubSpot-RateLimit-Max": "110", "X-HubSpot-RateLimit-Remaining": str(self.allowance),
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}

    # Workflows ----------------------------------------------------------------------------------------------------

    def _complete_callback(self, path: Any, query: Any, body: Any) -> Any:
        self._completed(path["callbackId"], body)
        return 204, None

    def _complete_callbacks(self, path: Any, query: Any, body: Any) -> Any:
        for one in body["inputs"]:
            if one["callbackId"] not in self.waiting:
                raise Refusal(404, "OBJECT_NOT_FOUND")
        for one in body["inputs"]:
            self._completed(one["callbackId"], one)
        return 204, None

    def _completed(self, callback: str, body: Mapping[str, Any]) -> None:
        if callback not in self.waiting:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        self.waiting.remove(callback)
        self.completions += 1
        self.completed[callback] = body["outputFields"]

    def _list_definitions(self, path: Any, query: Any, body: Any) -> Any:
        rows = list(self.definitions.values())
        start, limit = int(query.get("after", 0)), 1
        page: dict[str, Any] = {"results": rows[start:start + limit]}
        return {**page, "paging": {"next": {"after": str(start + limit)}}} if start + limit < len(rows) else page

    def _create_definition(self, path: Any, query: Any, body: Any) -> Any:
        identity = str(next(self._ids))
        self.definitions[identity] = {**body, "id": identity, "revisionId": "1"}
        return 201, self.definitions[identity]

    def _patch_definition(self, path: Any, query: Any, body: Any) -> Any:
        known = self.definitions[path["definitionId"]]
        known |= {**body, "revisionId": str(int(known["revisionId"]) + 1)}
        return known

    def _get_webhook_settings(self, path: Any, query: Any, body: Any) -> Any:
        if self.webhook_settings is None:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        return self.webhook_settings

    def _put_webhook_settings(self, path: Any, query: Any, body: Any) -> Any:
        self.webhook_settings = body
        return body

    def _list_subscriptions(self, path: Any, query: Any, body: Any) -> Any:
        return {"results": list(self.webhooks.values())}

    def _create_subscription(self, path: Any, query: Any, body: Any) -> Any:
        identity = str(next(self._ids))
        self.webhooks[identity] = {"active": False, **body, "id": identity, "createdAt": _iso(self.now)}
        return 201, self.webhooks[identity]

    def _patch_subscription(self, path: Any, query: Any, body: Any) -> Any:
        self.webhooks[path["subscriptionId"]] |= body or {"active": True}
        return self.webhooks[path["subscriptionId"]]

    # Contacts -----------------------------------------------------------------------------------------------------

    def _shown(
        self, record: Mapping[str, Any], properties: Sequence[str], history: Sequence[str] = ()
    ) -> dict[str, Any]:
        kept = record["properties"]
        shown = {name: record[name] for name in ("id", "createdAt", "updatedAt", "archived")}
        shown["properties"] = {name: kept.get(name) for name in ("createdate", "lastmodifieddate", *properties)}
        if history:
            shown["propertiesWithHistory"] = {name: record["history"].get(name, []) for name in history}
        return shown

    def _read_contacts(self, path: Any, query: Any, body: Any) -> Any:
        if body["propertiesWithHistory"] and len(body["inputs"]) > 50:
            raise Refusal(400, "VALIDATION_ERROR", "at most 50 with history")
        found: dict[str, Any] = {}
        for one in body["inputs"]:
            identity = self.merged.get(one["id"], one["id"])
            if identity in self.records:
                found[identity] = self._shown(self.records[identity], body["properties"], body["propertiesWithHistory"])
        whole = len(found) == len(body["inputs"])
        return (200 if whole else 207), {"status": "COMPLETE", "results": list(found.values())}

    def _search_lists(self, path: Any, query: Any, body: Any) -> Any:
        rows = [{"listId": name, "name": said, "objectTypeId": kind, "processingType": "DYNAMIC",
                 "additionalProperties": {"hs_list_size": str(len(members))}}
                for name, (said, kind, members) in self.lists.items()]
        start, count = body.get("offset", 0), min(body.get("count", 20), self.lists_shown)
        return {"offset": start + count, "hasMore": start + count < len(rows), "total": len(rows),
                "lists": rows[start:start + count]}

    def _list_members(self, path: Any, query: Any, body: Any) -> Any:
        if path["listId"] not in self.lists:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        limit = int(query.get("limit", 100))
        if limit > 250:
            raise Refusal(400, "VALIDATION_ERROR", "no more than 250")
        ids = sorted((one for one in self.lists[path["listId"]][2] if int(one) > int(query.get("after", 0))), key=int)
        page = ids[:limit]
        more = {"paging": {"next": {"after": page[-1]}}} if len(ids) > limit else {}
        return {"total": len(ids), "results": [{"recordId": one} for one in page], **more}

    def _get_contact(self, path: Any, query: Any, body: Any) -> Any:
        identity = self.merged.get(path["contactId"], path["contactId"])
        if identity not in self.records:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        return self._shown(self.records[identity], query.get("properties", "").split(","))

    def _update_contacts(self, path: Any, query: Any, body: Any) -> Any:
        for one in body["inputs"]:
            for name in one["properties"]:
                if name not in self.properties:
                    raise Refusal(400, "VALIDATION_ERROR", f"Property {name} does not exist")
            self.change(one["id"], **one["properties"])
        return {"status": "COMPLETE", "results": [
            self._shown(self.records[one["id"]], list(one["properties"])) for one in body["inputs"]]}

    def _search_contacts(self, path: Any, query: Any, body: Any) -> Any:
        if len(body["filterGroups"]) > 5 or len(json.dumps(body)) > 3000:
            raise Refusal(400, "VALIDATION_ERROR", "too many filters")
        start, limit = int(body.get("after", 0)), body.get("limit", 10)
        if start + limit > 10_000:
            raise Refusal(400, "VALIDATION_ERROR", "no more than 10000 results")
        found = [one for one in self.records.values() if _matches(self._calculated(one), body["filterGroups"])]
        for name in body.get("sorts", ()):
            own = name.removeprefix("-")
            found.sort(key=lambda one, own=own: _comparable(one["properties"].get(own, "")),  # type: ignore[misc]
                       reverse=name != own)
        page = [self._shown(one, body.get("properties", ())) for one in found[start:start + limit]]
        return {"total": len(found), "results": page}

    def _calculated(self, record: Mapping[str, Any]) -> dict[str, str]:
        """HubSpot's own search properties hold national digits."""
        kept = dict(record["properties"])
        for name, source in (("mobile_number", "mobilephone"), ("phone_number", "phone")):
            digits = re.sub(r"\D", "", kept.get(source) or "")
            kept[f"hs_searchable_calculated_{name}"] = digits.removeprefix("33").removeprefix("0")
        return kept

    def _list_properties(self, path: Any, query: Any, body: Any) -> Any:
        of = {name: self.described.get(name, (name, "string")) for name in sorted(self.properties | {*self.described})}
        boxes = {"bool": "booleancheckbox", "phone_number": "phonenumber", "string": "text"}
        return {"results": [{"name": name, "label": label, "type": kind, "fieldType": boxes.get(kind, kind)}
                            for name, (label, kind) in of.items()]}

    def _create_property(self, path: Any, query: Any, body: Any) -> Any:
        if body["name"] in self.properties:
            raise Refusal(409, "CONFLICT")
        self.properties.add(body["name"])
        return 201, {name: body[name] for name in ("name", "label", "type", "fieldType", "groupName")}

    # The contact's page -------------------------------------------------------------------------------------------

    def _create_communication(self, path: Any, query: Any, body: Any) -> Any:
        return 201, self._log(body)

    def _create_communications(self, path: Any, query: Any, body: Any) -> Any:
        missing = [one for one in body["inputs"] if one["associations"][0]["to"]["id"] not in self.records]
        made = [{**self._log(one), "objectWriteTraceId": one.get("objectWriteTraceId")}
                for one in body["inputs"] if one not in missing]
        return (207 if missing else 201), {"status": "COMPLETE", "results": made}

    def _log(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if body["associations"] and body["associations"][0]["to"]["id"] not in self.records:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        identity = str(next(self._ids))
        self.logged.append({"id": identity, **body})
        return {"id": identity, "properties": body["properties"], "createdAt": _iso(self.now),
                "updatedAt": _iso(self.now), "archived": False}

    def _search_communications(self, path: Any, query: Any, body: Any) -> Any:
        word = body["filterGroups"][0]["filters"][0]["value"]
        found = [{"id": one["id"], "properties": one["properties"], "createdAt": _iso(self.now),
                  "updatedAt": _iso(self.now)}
                 for one in self.logged if word in one["properties"]["hs_communication_body"]]
        return {"total": len(found), "results": found}

    def _create_timeline_events(self, path: Any, query: Any, body: Any) -> Any:
        self.timeline |= {one["id"]: one for one in body["inputs"]}
        return 201, {}

    # Consent ------------------------------------------------------------------------------------------------------

    def _subscription_definitions(self, path: Any, query: Any, body: Any) -> Any:
        return {"subscriptionDefinitions": [{"id": id, "name": name, "isActive": True}
                                            for id, name in self.kinds_of_subscription.items()]}

    def _subscription_status(self, path: Any, query: Any, body: Any) -> Any:
        said = self.subscriptions.get(path["emailAddress"])
        if said is None:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        return {"recipient": path["emailAddress"], "subscriptionStatuses": [
            {"id": id, "name": "SMS", "description": "", "status": state, "sourceOfStatus": "SUBSCRIPTION_STATUS"}
            for id, state in said.items()]}

    def _subscribe_email(self, path: Any, query: Any, body: Any) -> Any:
        said = self.subscriptions.setdefault(body["emailAddress"], {})
        if said.get(body["subscriptionId"]) == "NOT_SUBSCRIBED":
            raise Refusal(400, "VALIDATION_ERROR", "cannot be updated because they have unsubscribed")
        said[body["subscriptionId"]] = "SUBSCRIBED"
        return {}

    def _unsubscribe_email(self, path: Any, query: Any, body: Any) -> Any:
        said = self.subscriptions.setdefault(body["emailAddress"], {})
        if said.get(body["subscriptionId"]) == "NOT_SUBSCRIBED":
            raise Refusal(400, "VALIDATION_ERROR", "already unsubscribed")
        said[body["subscriptionId"]] = "NOT_SUBSCRIBED"
        return {}

    # The account --------------------------------------------------------------------------------------------------

    def _token(self, path: Any, query: Any, body: Any) -> Any:
        if (body["client_id"], body["client_secret"]) != ("client-1", SECRET):
            return 400, {"status": "BAD_CLIENT_ID", "message": "wrong application", "correlationId": "0"}
        if body["grant_type"] == "refresh_token" and body.get("refresh_token") not in self.grants:
            return 400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token",
                         "correlationId": "0"}
        if body["grant_type"] == "authorization_code" and not body.get("code_verifier"):
            return 400, {"status": "BAD_AUTH_CODE", "message": "no verifier", "correlationId": "0"}
        token = f"token-{len(self.tokens) + 1}"
        self.tokens[token] = SCOPES
        self.grants.add("refresh-1")
        return {"token_type": "bearer", "access_token": token, "refresh_token": "refresh-1", "expires_in": 1800}

    def _access_token_info(self, path: Any, query: Any, body: Any) -> Any:
        if path["token"] not in self.tokens:
            raise Refusal(404, "OBJECT_NOT_FOUND")
        return {"token": path["token"], "user": "ana@example.org", "hub_domain": "example.org", "hub_id": PORTAL,
                "app_id": APP, "expires_in": 1700, "user_id": 1, "token_type": "access",
                "scopes": list(self.tokens[path["token"]])}

    def _uninstall(self, path: Any, query: Any, body: Any) -> Any:
        self.installed = False
        self.revoke()
        return 204, None


_SCOPES = {
    "completeCallback": "automation", "completeCallbacks": "automation", "readContacts": "crm.objects.contacts.read",
    "searchContacts": "crm.objects.contacts.read", "updateContacts": "crm.objects.contacts.write",
    "searchLists": "crm.lists.read", "listMembers": "crm.lists.read",
    "createProperty": "crm.schemas.contacts.write", "createTimelineEvents": "timeline",
    "subscriptionStatus": "communication_preferences.read_write",
    "unsubscribeEmail": "communication_preferences.read_write",
}


def _operations() -> tuple[list[tuple[re.Pattern[str], dict[str, Any]]], dict[str, Any]]:
    schemas: dict[str, Any] = {}
    paths: list[tuple[re.Pattern[str], dict[str, Any]]] = []
    for name in ("hubspot_more_openapi.json", "hubspot_subset_openapi.json"):
        document = json.loads((SPECS / name).read_text(encoding="utf-8"))
        schemas |= document["components"]["schemas"]
        for path, operations in document["paths"].items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
            paths.append((re.compile(pattern), operations))
    # What is named comes before what any name matches.
    paths.sort(key=lambda one: one[0].groups)
    return paths, schemas


def _matches(kept: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> bool:
    return any(all(_holds(kept.get(one["propertyName"]) or "", one) for one in group["filters"]) for group in groups)


def _holds(value: str, one: Mapping[str, Any]) -> bool:
    match one["operator"]:
        case "EQ":
            return value == one["value"]
        case "IN":
            return bool(value) and value in one["values"]
        case "HAS_PROPERTY":
            return bool(value)
        case "GT" | "GTE" | "LT" if value:
            left, right = _comparable(value), _comparable(one["value"])
            return {"GT": left > right, "GTE": left >= right, "LT": left < right}[one["operator"]]
    return False


def _comparable(value: str) -> float:
    """Numbers as numbers, moments as milliseconds."""
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _snake(name: str) -> str:
    return re.sub("([A-Z])", lambda found: "_" + found.group(1).lower(), name)

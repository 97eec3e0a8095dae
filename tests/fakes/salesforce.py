"""A stand-in for a Salesforce org on loopback that takes nothing that a real one would refuse.

    with FakeSalesforce() as org:
        ana = org.add("Contact", FirstName="Ana", LastName="Roux", MobilePhone="06 39 98 00 01")
        ...                                        # an adapter whose `salesforce` address is org.url
    assert org.violations == []

It has a token address (code with PKCE, refresh, JWT bearer whose signature and claims are checked, revoke), describe,
SOQL (the part of it that we speak, parsed strictly: a name that is not there is an error and a violation), pages,
getDeleted, composite collections, Bulk API 2.0, limits and the header of each answer that tells the usage. `fail(...)`
plays a step of `tests.faults.server` instead of the next data request, `fail_token(...)` of the next token request.
Requests reach it through the operator's address; the org that was meant is in `Host`, and must be `org.host`.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok, status

ORG = "00D5g00000ABCDEEA5"
USER = "0055g00000XYZABAA5"
CLIENT = ("consumer-key-1", "SFDC-CONSUMER-SECRET-1")
VERSIONS = [f"{number}.0" for number in range(40, 69)]
_PREFIXES = {"Contact": "003", "Lead": "00Q", "Account": "001", "Task": "00T", "Contract": "800",
             "Relance_Message__c": "a00", "Individual": "0PK"}  # fmt: skip
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def refused(number: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> Step:
    """A step that answers as Salesforce words its errors: in a list."""
    return status(number, [{"errorCode": code, "message": message or code}], headers or {})


@dataclass
class Kind:
    """An object: its fields (name → description) and its records by id."""

    fields: dict[str, dict[str, Any]]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)


def column(kind: str = "string", *, writable: bool = True, **more: Any) -> dict[str, Any]:
    """A field's description."""
    return {"type": kind, "updateable": writable, "createable": writable, **more}


_SYSTEM = {"Id": column("id", writable=False), "SystemModstamp": column("datetime", writable=False),
           "CreatedDate": column("datetime", writable=False), "IsDeleted": column("boolean", writable=False)}
_OWN = {"Relance_SMS_Opt_Out__c": column("boolean"), "Relance_SMS_Opt_Out_At__c": column("datetime"),
        "Relance_SMS_Status__c": column(length=40), "Relance_SMS_Status_At__c": column("datetime")}
_PERSON = {"FirstName": column(), "LastName": column(), "Name": column(writable=False), "MobilePhone": column("phone"),
           "Phone": column("phone"), "Email": column("email"), "DoNotCall": column("boolean"),
           "MasterRecordId": column("reference", writable=False)}  # fmt: skip


class FakeSalesforce(Vendor):
    """`kinds[object].records[id]` is what is in the org, `asked` each request as "METHOD name", `tokens` the sessions
    that live, `grants` the refresh tokens, `used` and `most` the day's calls, `moved_to` the next host."""

    def __init__(self, *, page_size: int = 2000, package: bool = True, person_accounts: bool = False,
                 now: datetime = datetime(2026, 11, 30, 9, tzinfo=UTC)) -> None:  # fmt: skip
        super().__init__()
        self.host = "acme.my.salesforce.com"
        self.page_size, self.now = page_size, now
        self.tokens: set[str] = {"token-1"}
        self.grants: set[str] = {"refresh-1"}
        self.rotates = False
        self.users: dict[str, RSAPublicKey] = {}
        self.used, self.most = 12, 15_000
        self.versions = list(VERSIONS)
        self.violations: list[str] = []
        self.asked: list[str] = []
        self.soql: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.locked: set[str] = set()
        self.forgets_pages = False
        self.identity = f"https://login.salesforce.com/id/{ORG}/{USER}"
        own = _OWN if package else {}
        self.kinds: dict[str, Kind] = {
            "Contact": Kind({**_SYSTEM, **_PERSON, **own, "AccountId": column("reference"),
                             "IndividualId": column("reference", relationshipName="Individual",
                                                    referenceTo=["Individual"])}),
            "Lead": Kind({**_SYSTEM, **_PERSON, **own, "Company": column(),
                          "IsConverted": column("boolean", writable=False),
                          "ConvertedContactId": column("reference", writable=False),
                          "ConvertedAccountId": column("reference", writable=False)}),
            "Account": Kind({**_SYSTEM, "Name": column(), "Phone": column("phone")}),
            "Individual": Kind({**_SYSTEM, **{name: column("boolean") for name in (
                "HasOptedOutProcessing", "HasOptedOutSolicit", "ShouldForget")}}),
            "Contract": Kind({**_SYSTEM, "Name": column(), "EndDate": column("date"), "Review__c": column("datetime"),
                              "RecordTypeId": column("reference", relationshipName="RecordType",
                                                     referenceTo=["RecordType"]),
                              "CustomerSignedId": column("reference", relationshipName="CustomerSigned",
                                                         referenceTo=["Contact"])}),
            "Task": Kind({**_SYSTEM, "Subject": column(), "Status": column("picklist"), "Priority": column("picklist"),
                          "TaskSubtype": column("picklist"), "ActivityDate": column("date"),
                          "WhoId": column("reference"), "WhatId": column("reference"),
                          "Description": column("textarea")}),
            "TaskStatus": Kind({**_SYSTEM, "MasterLabel": column(), "IsClosed": column("boolean")}),
            "RecordType": Kind({**_SYSTEM, "DeveloperName": column()}),
        }  # fmt: skip
        if person_accounts:
            self.kinds["Account"].fields |= {
                "IsPersonAccount": column("boolean", writable=False), "FirstName": column(),
                "PersonContactId": column("reference", writable=False), "PersonMobilePhone": column("phone"),
                **{name.removesuffix("__c") + "__pc": one for name, one in own.items()}}  # fmt: skip
        if package:
            self.kinds["Relance_Message__c"] = Kind({**_SYSTEM, **{
                name: column(kind) for name, kind in (
                    ("Message_Id__c", "string"), ("Record_Id__c", "string"), ("Contact__c", "reference"),
                    ("Lead__c", "reference"), ("Account__c", "reference"), ("Status__c", "string"),
                    ("Status_At__c", "datetime"), ("Reason_Code__c", "string"), ("Reason__c", "string"),
                    ("Channel__c", "string"), ("Phone__c", "phone"), ("Body__c", "textarea"), ("Answer__c", "string"),
                    ("Reply__c", "textarea"), ("Replied_At__c", "datetime"), ("Clicked_At__c", "datetime"),
                    ("Sent_At__c", "datetime"), ("Segments__c", "double"), ("Price__c", "double"),
                    ("Currency__c", "string"), ("Flow__c", "string"))}})  # fmt: skip
        # Each org's own: one test's fault is not another's.
        self.kinds = deepcopy(self.kinds)
        self.views: dict[str, dict[str, tuple[str, list[str]]]] = {}
        """object → list view → its label and records"""
        self._ids = itertools.count(1)
        self._codes: dict[str, str] = {}
        self._pages: dict[str, tuple[list[dict[str, Any]], int]] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._token_faults: deque[Step] = deque()
        self.add("TaskStatus", MasterLabel="Open", IsClosed=False)
        self.add("TaskStatus", MasterLabel="Completed", IsClosed=True)

    @property
    def settings(self) -> dict[str, Any]:
        """As the operator would set them."""
        return {"vendor_urls": {"salesforce": self.url}, "vendor_clients": {"salesforce": CLIENT},
                "vendor_token_urls": {"salesforce": f"{self.url}/services/oauth2/token"},
                "vendor_revoke_urls": {"salesforce": f"{self.url}/services/oauth2/revoke"}}  # fmt: skip

    # What people do in the org -------------------------------------------------------------------------------------

    def add(self, name: str, **fields: Any) -> str:
        """A record; its id of 18 characters."""
        with self._lock:
            identity = whole(f"{_PREFIXES.get(name, 'a99')}5g{next(self._ids):010d}")
            record = {"Id": identity, "CreatedDate": self.now, "SystemModstamp": self.now, "IsDeleted": False, **fields}
            if "Name" not in record and "LastName" in record:
                record["Name"] = f"{record.get('FirstName', '')} {record['LastName']}".strip()
            self.kinds[name].records[identity] = record
            return identity

    def change(self, name: str, identity: str, **fields: Any) -> None:
        with self._lock:
            self.now += timedelta(seconds=1)
            self.kinds[name].records[identity] |= {**fields, "SystemModstamp": self.now}

    def delete(self, name: str, identity: str, *, into: str | None = None) -> None:
        """Deletes a record, or merges it `into` another."""
        with self._lock:
            self.now += timedelta(seconds=1)
            record = self.kinds[name].records.pop(identity)
            record |= {"IsDeleted": True, "MasterRecordId": into, "SystemModstamp": self.now}
            self.kinds[name].deleted[identity] = (self.now, record)

    def record(self, name: str, identity: str) -> dict[str, Any]:
        return self.kinds[name].records[identity]

    def all(self, name: str) -> list[dict[str, Any]]:
        return list(self.kinds[name].records.values())

    def consent(self, redirect: str) -> dict[str, str]:
        """What the browser brings back when the person says yes on the page at `redirect`."""
        parts = urlsplit(redirect)
        asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        for name in ("client_id", "redirect_uri", "state", "code_challenge"):
            if not asked.get(name):
                self.violations.append(f"authorize without {name}")
        if asked.get("code_challenge_method") != "S256" or asked.get("response_type") != "code":
            self.violations.append("authorize without PKCE")
        code = f"aPrx{next(self._ids)}=="
        self._codes[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"]}

    # What Salesforce does ------------------------------------------------------------------------------------------

    def fail_token(self, *steps: Step) -> None:
        self._token_faults.extend(steps)

    def end_sessions(self) -> None:
        self.tokens.clear()

    def move(self, host: str) -> None:
        """The org is on another host from now on, and its old sessions are over."""
        self.host = host
        self.end_sessions()

    def revoke(self) -> None:
        self.grants.clear()
        self.end_sessions()

    def count(self, name: str) -> int:
        return sum(1 for one in self.asked if name in one)

    # The line ------------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Step:
        path = urlsplit(seen.path).path
        with self._lock:
            self.asked.append(f"{seen.method} {path}")
            if path.startswith("/services/oauth2/"):
                return self._token_faults.popleft() if self._token_faults else self._oauth(path, seen)
            if self._faults:
                return self._faults.popleft()[0]
            if path == "/services/data/":
                return ok([{"label": f"v{one}", "url": f"/services/data/v{one}", "version": one}
                           for one in self.versions])  # fmt: skip
            return self._data(path, seen)

    def _data(self, path: str, seen: Seen) -> Step:
        if seen.headers.get("host") != self.host:
            return status(302, b"", {"Location": f"https://{self.host}{seen.path}"})
        if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        found = re.fullmatch(r"/services/data/v(\d+\.\d)/(.*)", path)
        if found is None or found[1] not in VERSIONS:
            self.violations.append(f"{seen.method} {path}")
            return refused(404, "NOT_FOUND")
        if found[1] not in self.versions:
            return status(410, [{"errorCode": "UNSUPPORTED_API_VERSION", "message": "retired"}])
        self.used += 1
        usage = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.most}"}
        if self.used > self.most:
            return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", usage)
        try:
            content, number = self._rest(seen.method, found[2], seen)
        except _Refusal as refusal:
            return refused(refusal.number, refusal.code, refusal.said, usage)
        return status(number, content, usage)

    def _rest(self, method: str, path: str, seen: Seen) -> tuple[Any, int]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
        pieces = path.rstrip("/").split("/")
        match method, pieces:
            case "GET", ["limits"]:
                return {"DailyApiRequests": {"Max": self.most, "Remaining": self.most - self.used}}, 200
            case "GET", ["sobjects", name, "describe"]:
                kind = self._kind(name)
                return {"name": name, "labelPlural": f"{name}s", "fields": [
                    {"name": one, "label": _label(one), **said} for one, said in kind.fields.items()],
                    "recordTypeInfos": [
                        {"name": _label(one["DeveloperName"]), "developerName": one["DeveloperName"], "master": False}
                        for one in self.kinds["RecordType"].records.values() if "RecordTypeId" in kind.fields]}, 200
            case "GET", ["sobjects", name, "deleted"]:
                return self._deleted(name, query), 200
            case "GET", ["sobjects", name, "listviews"]:
                return {"done": True, "listviews": [
                    {"id": view, "label": label, "developerName": label} for view, (label, _) in
                    self.views.get(name, {}).items()]}, 200
            case "GET", ["sobjects", name, "listviews", view, "results"]:
                return self._in_view(name, view, int(query.get("offset", 0)), int(query.get("limit", 25))), 200
            case "GET", ["query" | "queryAll"]:
                return self._query(query["q"], deleted=path.startswith("queryAll")), 200
            case "GET", ["query", locator]:
                return self._more(locator), 200
            case "POST", ["composite", "sobjects"]:
                return self._collection(seen.json, self._create), 200
            case "PATCH", ["composite", "sobjects"]:
                return self._collection(seen.json, self._change), 200
            case "PATCH", ["composite", "sobjects", name, by]:
                return self._collection(seen.json, lambda kind, one: self._upsert(kind, by, one), name), 200
            case _, ["jobs", "ingest", *rest]:
                return self._ingest(method, rest, seen)
        self.violations.append(f"{method} {path}")
        raise _Refusal(404, "NOT_FOUND", path)

    def _in_view(self, name: str, view: str, start: int, limit: int) -> dict[str, Any]:
        if view not in self.views.get(name, {}) or not 1 <= limit <= 2000:
            raise _Refusal(404, "NOT_FOUND", view)
        ids = self.views[name][view][1][start:start + limit]
        return {"size": len(ids), "columns": [{"fieldNameOrPath": "Id", "hidden": True}], "records": [
            {"columns": [{"fieldNameOrPath": "Name", "value": "x"}, {"fieldNameOrPath": "Id", "value": one}]}
            for one in ids]}

    # Tokens ---------------------------------------------------------------------------------------------------------

    def _oauth(self, path: str, seen: Seen) -> Step:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode(), keep_blank_values=True).items()}
        self.forms.append(form)
        if path.endswith("/revoke"):
            self.grants.discard(form.get("token", ""))
            return ok(b"")
        try:
            grant = self._granted(form)
        except _Refusal as refusal:
            return status(refusal.number, {"error": refusal.code, "error_description": refusal.said})
        access = f"{ORG[:15]}!AQ{next(self._ids)}"
        self.tokens.add(access)
        issued = str(int(self.now.timestamp() * 1000))
        signed = hmac.digest(CLIENT[1].encode(), f"{self.identity}{issued}".encode(), "sha256")
        return ok({"access_token": access, "signature": base64.b64encode(signed).decode(), "issued_at": issued,
                   "scope": "refresh_token api id", "instance_url": f"https://{self.host}", "id": self.identity,
                   "token_type": "Bearer", **grant})  # fmt: skip

    def _granted(self, form: Mapping[str, str]) -> dict[str, str]:
        kind = form.get("grant_type")
        if kind == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self._assertion(form.get("assertion", ""))
            return {}
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            raise _Refusal(400, "invalid_client_id", "client identifier invalid")
        if kind == "authorization_code":
            challenge = self._codes.pop(form.get("code", ""), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if challenge is None or base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
                raise _Refusal(400, "invalid_grant", "invalid code verifier")
        elif kind == "refresh_token":
            if form.get("refresh_token") not in self.grants:
                raise _Refusal(400, "invalid_grant", "expired access/refresh token")
            if not self.rotates:
                return {}
            self.grants.discard(form["refresh_token"])
        else:
            raise _Refusal(400, "unsupported_grant_type", "grant type not supported")
        new = f"5Aep{next(self._ids)}"
        self.grants.add(new)
        return {"refresh_token": new}

    def _assertion(self, assertion: str) -> None:
        """A JWT: signed by a key whose certificate the app holds, for a user who is approved, and short-lived."""
        try:
            head, claims, signature = assertion.split(".")
            said, told = (json.loads(_decoded(part)) for part in (head, claims))
            key = self.users.get(told["sub"])
            if key is None:
                raise _Refusal(400, "invalid_grant", "user hasn't approved this consumer")
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        except (ValueError, KeyError, InvalidSignature) as error:
            raise _Refusal(400, "invalid_grant", "invalid assertion") from error
        lives = datetime.fromtimestamp(told["exp"], UTC) - self.now
        if said["alg"] != "RS256" or told["iss"] != CLIENT[0] or not timedelta(0) < lives <= timedelta(minutes=6):
            raise _Refusal(400, "invalid_grant", "invalid assertion")
        if told["aud"] not in ("https://login.salesforce.com", "https://test.salesforce.com", f"https://{self.host}"):
            raise _Refusal(400, "invalid_grant", "audience is invalid")

    # Reading --------------------------------------------------------------------------------------------------------

    def _kind(self, name: str) -> Kind:
        if name not in self.kinds:
            raise _Refusal(404, "NOT_FOUND", name)
        return self.kinds[name]

    def _deleted(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        start, end = (datetime.fromisoformat(query[one]) for one in ("start", "end"))
        if end - start < timedelta(minutes=1) or self.now - start > timedelta(days=30):
            self.violations.append(f"deleted between {start} and {end}")
            raise _Refusal(400, "INVALID_REPLICATION_DATE", "")
        found = [{"id": one, "deletedDate": _written(at)} for one, (at, _) in self._kind(name).deleted.items()
                 if start <= at]  # fmt: skip
        return {"deletedRecords": found, "earliestDateAvailable": "2026-11-01T00:00:00.000+0000",
                "latestDateCovered": _written(end)}  # fmt: skip

    def _query(self, soql: str, *, deleted: bool) -> dict[str, Any]:
        self.soql.append(soql)
        try:
            question = _Question(soql, self)
        except _Refusal:
            self.violations.append(soql)
            raise
        records = question.answer(deleted=deleted)
        locator = f"01g{next(self._ids):012d}"
        self._pages[locator] = (records, len(records))
        return self._page(locator, 0)

    def _page(self, locator: str, start: int) -> dict[str, Any]:
        records, total = self._pages[locator]
        end = start + self.page_size
        following = {"nextRecordsUrl": f"/services/data/v67.0/query/{locator}-{end}"} if end < total else {}
        return {"totalSize": total, "done": end >= total, "records": records[start:end], **following}

    def _more(self, locator: str) -> dict[str, Any]:
        name, _, start = locator.partition("-")
        if self.forgets_pages or name not in self._pages:
            self.forgets_pages = False
            raise _Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, int(start))

    # Writing --------------------------------------------------------------------------------------------------------

    def _collection(self, body: Any, act: Callable[[str, dict[str, Any]], dict[str, Any]],
                    name: str | None = None) -> list[dict[str, Any]]:  # fmt: skip
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not 1 <= len(records) <= 200 or body.get("allOrNone") is not False:
            self.violations.append("a collection of another form")
            raise _Refusal(400, "INVALID_INPUT", "")
        results = []
        for one in records:
            kind = one.get("attributes", {}).get("type")
            if kind not in self.kinds or (name is not None and kind != name):
                self.violations.append(f"a record of {kind}")
                raise _Refusal(400, "INVALID_TYPE", str(kind))
            fields = {field: value for field, value in one.items() if field != "attributes"}
            try:
                results.append({"success": True, "errors": [], **act(kind, fields)})
            except _Refusal as refusal:
                results.append({"success": False, "errors": [
                    {"statusCode": refusal.code, "message": refusal.said, "fields": refusal.fields}]})  # fmt: skip
        return results

    def _create(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._checked(kind, fields)
        if kind == "Task":
            self._task(fields)
        return {"id": self.add(kind, **fields)}

    def _task(self, fields: Mapping[str, Any]) -> None:
        who, what = str(fields.get("WhoId") or ""), fields.get("WhatId")
        labels = {one["MasterLabel"] for one in self.all("TaskStatus")}
        if who and who[:3] not in ("003", "00Q"):
            raise _Refusal(400, "FIELD_INTEGRITY_EXCEPTION", "WhoId")
        if (who.startswith("00Q") and what) or fields.get("Status") not in labels:
            raise _Refusal(400, "FIELD_INTEGRITY_EXCEPTION", "WhatId")
        for one in (who, what):
            if one and not any(one in kind.records for kind in self.kinds.values()):
                raise _Refusal(400, "INVALID_CROSS_REFERENCE_KEY", one)

    def _change(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        identity = whole(str(fields.pop("id", None) or fields.pop("Id", "")))
        if identity in self.locked:
            self.locked.discard(identity)
            raise _Refusal(400, "UNABLE_TO_LOCK_ROW", "")
        record = self.kinds[kind].records.get(identity)
        if record is None:
            raise _Refusal(404, "ENTITY_IS_DELETED", "")
        if record.get("IsConverted"):
            raise _Refusal(400, "CANNOT_UPDATE_CONVERTED_LEAD", "")
        self._checked(kind, fields)
        self.change(kind, identity, **fields)
        return {"id": identity}

    def _upsert(self, kind: str, by: str, fields: dict[str, Any]) -> dict[str, Any]:
        if by not in self.kinds[kind].fields:
            raise _Refusal(400, "INVALID_FIELD", by)
        known = [one["Id"] for one in self.all(kind) if one.get(by) == fields.get(by)]
        if known:
            return {**self._change(kind, {"id": known[0], **fields}), "created": False}
        return {**self._create(kind, fields), "created": True}

    def _checked(self, kind: str, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            said = self.kinds[kind].fields.get(name)
            if said is None or not said["updateable"]:
                raise _Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", name, [name])
            if value is not None and not _fits(said["type"], value):
                raise _Refusal(400, "JSON_PARSER_ERROR", name, [name])

    def _ingest(self, method: str, rest: list[str], seen: Seen) -> tuple[Any, int]:
        match method, rest:
            case "POST", []:
                job = {"id": f"750{next(self._ids):012d}", "state": "Open", **seen.json, "csv": "", "results": []}
                if job["contentType"] != "CSV" or job["object"] not in self.kinds:
                    raise _Refusal(400, "INVALIDJOB", "")
                self._jobs[job["id"]] = job
                return _job(job), 200
            case "PUT", [job_id, "batches"]:
                self._jobs[job_id]["csv"] = seen.body.decode()
                return b"", 201
            case "PATCH", [job_id]:
                job = self._jobs[job_id]
                job["state"] = seen.json["state"]
                if job["state"] == "UploadComplete":
                    self._run(job)
                return _job(job), 200
            case "GET", [job_id]:
                return _job(self._jobs[job_id]), 200
            case "GET", [job_id, "successfulResults" | "failedResults"]:
                good = rest[1] == "successfulResults"
                return _table([row for row, failed in self._jobs[job_id]["results"] if failed is not good]), 200
        raise _Refusal(404, "NOT_FOUND", "/".join(rest))

    def _run(self, job: dict[str, Any]) -> None:
        kind, by = job["object"], job.get("externalIdFieldName", "Id")
        for row in csv.DictReader(io.StringIO(job["csv"])):
            fields = {name: self._typed(kind, name, value) for name, value in row.items() if value != ""}
            try:
                done = self._change(kind, fields) if by == "Id" else self._upsert(kind, by, fields)
                job["results"].append(
                    ({"sf__Id": done["id"], "sf__Created": str(done.get("created", False)).lower(), **row}, False))
            except _Refusal as refusal:
                job["results"].append(({"sf__Id": "", "sf__Error": f"{refusal.code}:{refusal.said}:--", **row}, True))
        job["state"] = "JobComplete"

    def _typed(self, kind: str, name: str, text: str) -> Any:
        if text == "#N/A":
            return None
        said = self.kinds[kind].fields.get(name, {}).get("type")
        return {"true": True, "false": False}.get(text) if said == "boolean" else text


class _Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, number: int, code: str, said: str, fields: list[str] | None = None) -> None:
        super().__init__(code)
        self.number, self.code, self.said, self.fields = number, code, said, fields or []


# SOQL, as much of it as we speak ----------------------------------------------------------------------------------

_WORD = re.compile(r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|=|<|>|\(|\)|,)"""
                   r"""|(?P<name>[A-Za-z0-9_.:+-]+))""")  # fmt: skip
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class _Question:
    """A question, parsed word by word; anything that it does not know is refused."""

    def __init__(self, soql: str, org: FakeSalesforce) -> None:
        self._org = org
        self._words = self._split(soql)
        self._place = 0
        self._expect("SELECT")
        self.fields = [self._next()]
        while self._is(","):
            self.fields.append(self._next())
        self._expect("FROM")
        self.name = self._next()
        if self.name not in org.kinds:
            raise _Refusal(400, "INVALID_TYPE", self.name)
        for field_name in self.fields:
            self._known(field_name)
        self._test: Callable[[dict[str, Any]], bool] = lambda record: True
        if self._is("WHERE"):
            self._test = self._either()
        self._order: list[str] = []
        self._backwards = False
        if self._is("ORDER"):
            self._expect("BY")
            self._order = [self._known(self._next())]
            while self._is(","):
                self._order.append(self._known(self._next()))
            self._backwards = self._is("DESC")
        self._limit = int(self._next()) if self._is("LIMIT") else None
        if self._place != len(self._words):
            raise _Refusal(400, "MALFORMED_QUERY", soql)

    def answer(self, *, deleted: bool) -> list[dict[str, Any]]:
        kind = self._org.kinds[self.name]
        all_of: Iterable[dict[str, Any]] = kind.records.values()
        if deleted:
            all_of = [*all_of, *(record for _, record in kind.deleted.values())]
        found = [record for record in all_of if self._test(record)]
        found.sort(key=lambda record: [str(self._value(record, name) or "") for name in self._order],
                   reverse=self._backwards)
        return [self._shown(record) for record in found[:self._limit]]

    def _shown(self, record: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": {"type": self.name}}
        for name in self.fields:
            relation, dot, last = name.rpartition(".")
            if not dot:
                shown[name] = _written(record.get(name))
                continue
            there = self._related(record, relation)
            if there is None:
                shown[relation] = None
            else:
                shown.setdefault(relation, {"attributes": {}})[last] = _written(there.get(last))
        return shown

    def _related(self, record: dict[str, Any], relation: str) -> dict[str, Any] | None:
        source = self._org.kinds[self.name].fields
        column_name = next(name for name, said in source.items() if said.get("relationshipName") == relation)
        target = self._org.kinds[source[column_name]["referenceTo"][0]]
        return target.records.get(str(record.get(column_name)))

    def _value(self, record: dict[str, Any], name: str) -> Any:
        relation, dot, last = name.rpartition(".")
        if not dot:
            return record.get(name)
        there = self._related(record, relation)
        return there.get(last) if there else None

    def _known(self, name: str) -> str:
        fields = self._org.kinds[self.name].fields
        relation, dot, last = name.rpartition(".")
        if dot:
            targets = [said["referenceTo"][0] for said in fields.values() if said.get("relationshipName") == relation]
            fields = self._org.kinds[targets[0]].fields if targets else {}
        if last not in fields:
            raise _Refusal(400, "INVALID_FIELD", name)
        return name

    def _either(self) -> Callable[[dict[str, Any]], bool]:
        tests = [self._all()]
        while self._is("OR"):
            tests.append(self._all())
        return lambda record: any(test(record) for test in tests)

    def _all(self) -> Callable[[dict[str, Any]], bool]:
        tests = [self._one()]
        while self._is("AND"):
            tests.append(self._one())
        return lambda record: all(test(record) for test in tests)

    def _one(self) -> Callable[[dict[str, Any]], bool]:
        if self._is("("):
            inner = self._either()
            self._expect(")")
            return inner
        name, sign = self._known(self._next()), self._next()
        if sign == "IN":
            self._expect("(")
            values = [self._literal()]
            while self._is(","):
                values.append(self._literal())
            self._expect(")")
            return lambda record: self._value(record, name) in values
        value = self._literal()
        if sign == "LIKE":
            pattern = re.compile(re.escape(value).replace("%", ".*"), re.DOTALL)
            return lambda record: bool(pattern.fullmatch(str(self._value(record, name) or "")))
        if sign == "=":
            return lambda record: (self._value(record, name) or (False if value is False else None)) == value
        if sign == "!=":
            return lambda record: self._value(record, name) != value
        if sign == ">=":
            return lambda record: self._value(record, name) is not None and _same(self._value(record, name)) >= value
        raise _Refusal(400, "MALFORMED_QUERY", sign)

    def _literal(self) -> Any:
        word = self._next()
        if word.startswith("'"):
            return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), word[1:-1])
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        try:
            return datetime.fromisoformat(word) if "T" in word else date.fromisoformat(word)
        except ValueError as error:
            raise _Refusal(400, "MALFORMED_QUERY", word) from error

    def _split(self, soql: str) -> list[str]:
        words, place = [], 0
        while place < len(soql.rstrip()):
            found = _WORD.match(soql, place)
            if found is None:
                raise _Refusal(400, "MALFORMED_QUERY", soql)
            words.append(found[0].strip())
            place = found.end()
        return words

    def _next(self) -> str:
        if self._place >= len(self._words):
            raise _Refusal(400, "MALFORMED_QUERY", "ends too soon")
        self._place += 1
        return self._words[self._place - 1]

    def _is(self, word: str) -> bool:
        here = self._place < len(self._words) and self._words[self._place] == word
        self._place += here
        return here

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise _Refusal(400, "MALFORMED_QUERY", word)


def _label(name: str) -> str:
    """`Mobile Phone` of `MobilePhone`, `Ends` of `Ends__c`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("__c").removesuffix("__pc").replace("_", " "))


def _fits(kind: str, value: Any) -> bool:
    """Whether the value is one that such a field takes."""
    try:
        match kind:
            case "boolean":
                return isinstance(value, bool)
            case "double":
                return float(value) >= 0
            case "datetime":
                return datetime.fromisoformat(value).tzinfo is not None
            case "date":
                return bool(date.fromisoformat(value))
    except (ValueError, TypeError):
        return False
    return isinstance(value, str)


def _same(value: Any) -> Any:
    """A stored value as it compares with a literal."""
    if isinstance(value, str):
        return datetime.fromisoformat(value.replace("+0000", "+00:00")) if "T" in value else date.fromisoformat(value)
    return value


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}+0000"
    return value.isoformat() if isinstance(value, date) else value


def _job(job: Mapping[str, Any]) -> dict[str, Any]:
    failed = sum(1 for _, wrong in job["results"] if wrong)
    return {"id": job["id"], "state": job["state"], "object": job["object"], "operation": job["operation"],
            "numberRecordsFailed": failed, "numberRecordsProcessed": len(job["results"])}  # fmt: skip


def _table(rows: list[dict[str, str]]) -> bytes:
    if not rows:
        return b'"sf__Id","sf__Created"\n'
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def whole(text: str) -> str:
    """The id with its three last characters."""
    if len(text) != 15:
        return text
    ups = [sum(1 << at for at, one in enumerate(text[start:start + 5]) if one.isupper()) for start in (0, 5, 10)]
    return text + "".join(_SUFFIX[one] for one in ups)



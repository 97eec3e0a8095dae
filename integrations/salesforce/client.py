"""The one place that knows simple-salesforce. Its errors become ours here: what to do next, and never its words, which
hold people's data."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from core.domain.errors import BadInput, NeedsReconnect, NotNow

if TYPE_CHECKING:
    from simple_salesforce import Salesforce, SalesforceError

DEFAULT_VERSION = "67.0"
MOST_BODY = 32_000_000
MOST_PAGES = 500
"""Of one answer, each of up to 2,000 records."""
COLLECTION = 200
"""Records that one call of the composite collections takes."""
BULK_TAKES = timedelta(minutes=1)
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_PAGE = re.compile(r"/services/data/v\d{2,3}\.\d/query(?:All)?/[A-Za-z0-9]{15,40}(?:-\d{1,9})?")


class SalesforceSaysNo(BadInput):
    """It will not be done, however often it is asked. `why` is Salesforce's error code, `fields` those it names."""

    def __init__(self, why: str, fields: Sequence[str] = ()) -> None:
        super().__init__("salesforce_says_no", why=why, fields=", ".join(fields)[:200])
        self.why = why
        self.fields = tuple(fields)


class Missing(SalesforceSaysNo):
    """The record, object or page is not there (any more)."""


class Denied(SalesforceSaysNo):
    """The user of the connection may not do it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls that the org has used of its 24 hours."""

    used: int
    most: int

    @property
    def share(self) -> float:
        return self.used / self.most if self.most else 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one record of many: its id, or why not."""

    id: str | None
    error: BadInput | NotNow | None = None
    created: bool = False


class Client:
    """One org, for one job: cheap to build, and no connection until it is used.

    `instance_url` is Salesforce's own address of the org, `through` what the operator set in its place. `spent` hears
    of the org's usage with each answer. All methods raise `NeedsReconnect` (`token_refused`: a new token is needed),
    `NotNow` (nothing is lost) and `SalesforceSaysNo`.
    """

    def __init__(self, instance_url: str, access_token: str, *, version: str = DEFAULT_VERSION,
                 through: str | None = None, timeout: float = 20.0, spent: Callable[[Usage], None] | None = None,
                 bulk_pause: float = 5.0) -> None:  # fmt: skip
        # It brings a SOAP library with it: a process that speaks to no org does without.
        from simple_salesforce import Salesforce

        self._line = _Line(through, timeout, spent)
        self._org: Salesforce = Salesforce(
            session_id=access_token, instance_url=instance_url, version=version, session=self._line)
        self._bulk_pause = bulk_pause

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    # Reading ------------------------------------------------------------------------------------------------------

    def versions(self) -> list[str]:
        """The API versions that the org still speaks, oldest first."""
        host = self._org.sf_instance
        found = self._said(lambda: _json(self._line.get(f"https://{host}/services/data/")))
        return [str(one["version"]) for one in _mappings(found) if "version" in one]

    def limits(self) -> Mapping[str, Any]:
        return _mapping(self._said(lambda: self._org.restful("limits")))

    def describe(self, name: str) -> Mapping[str, Any]:
        """The object's description. Raises `Missing` when there is no such object, or none that the user may see."""
        found = _mapping(self._said(lambda: getattr(self._org, name).describe()))
        if not isinstance(found.get("fields"), list):
            raise _away(200)
        return found

    def query(self, soql: str, *values: Any, deleted: bool = False) -> list[Mapping[str, Any]]:
        """Every record that `soql` names, its `{}` filled with quoted `values`; with deleted ones if asked."""
        page = self.first_page(soql, *values, deleted=deleted)
        found = list(page.records)
        for _ in range(MOST_PAGES):
            if not page.next:
                return found
            page = self.next_page(page.next)
            found += page.records
        # Pages without an end are no list.
        raise _away(200)

    def first_page(self, soql: str, *values: Any, deleted: bool = False) -> Page:
        from simple_salesforce import format_soql

        asked = format_soql(soql, *values)
        return _page(self._said(lambda: self._org.query(asked, include_deleted=deleted)))

    def next_page(self, page: str) -> Page:
        """The page that `Page.next` named. Raises `SalesforceSaysNo` when Salesforce has forgotten it."""
        if not _PAGE.fullmatch(page):
            raise SalesforceSaysNo("INVALID_QUERY_LOCATOR")
        return _page(self._said(lambda: self._org.query_more(page, identifier_is_url=True)))

    def deleted(self, name: str, start: datetime, end: datetime) -> list[str]:
        """Ids of the object's records that were deleted between two moments (at most 15 days back)."""
        found = _mapping(self._said(lambda: getattr(self._org, name).deleted(start, end)))
        return [str(one["id"]) for one in _mappings(found.get("deletedRecords")) if "id" in one]

    def list_views(self, name: str) -> list[tuple[str, str]]:
        """(id, label) of the list views of an object that the user may see (REST API, SObject List Views)."""
        found = _mapping(self._said(lambda: self._org.restful(f"sobjects/{name}/listviews")))
        return [(str(one["id"]), str(one.get("label") or one["id"])) for one in _mappings(found.get("listviews"))
                if "id" in one]  # fmt: skip

    def in_list_view(self, name: str, view: str, start: int, limit: int) -> list[str]:
        """The ids of its records from `start` on, at most 2,000 (REST API, SObject List View Results)."""
        path = f"sobjects/{name}/listviews/{view}/results"
        found = _mapping(self._said(lambda: self._org.restful(path, {"limit": limit, "offset": start})))
        return [str(column.get("value"))
                for row in _mappings(found.get("records")) for column in _mappings(row.get("columns"))
                if column.get("fieldNameOrPath") == "Id"]  # fmt: skip

    # Writing ------------------------------------------------------------------------------------------------------

    def create(self, name: str, records: Sequence[Mapping[str, Any]]) -> list[Done]:
        """New records, 200 in a call; each succeeds or fails for itself."""
        return self._collections("POST", "composite/sobjects", name, records)

    def update(self, name: str, records: Sequence[Mapping[str, Any]]) -> list[Done]:
        """Changes records, each of which names its `id`."""
        return self._collections("PATCH", "composite/sobjects", name, records)

    def upsert(self, name: str, by: str, records: Sequence[Mapping[str, Any]]) -> list[Done]:
        """Makes or changes records, known by their field `by`."""
        return self._collections("PATCH", f"composite/sobjects/{name}/{by}", name, records)

    def upsert_in_bulk(self, name: str, by: str, records: Sequence[Mapping[str, Any]]) -> list[Done]:
        """As `upsert` and, with `by` "Id", as `update`, by one job of Bulk API 2.0: a few calls for any number."""
        kind = getattr(self._org.bulk2, name)
        # The library would wait for a day; what asks us to report waits for two minutes.
        kind._client.DEFAULT_WAIT_TIMEOUT_SECONDS = BULK_TAKES.total_seconds()
        columns = list(dict.fromkeys(field for one in records for field in one))
        rows = [{field: _cell(one.get(field)) for field in columns} for one in records]
        how = {"external_id_field": by} if by != "Id" else {}
        work = kind.upsert if how else kind.update
        jobs = self._said(partial(work, records=rows, wait=self._bulk_pause, **how))
        results: dict[str, Done] = {}
        for job in jobs:
            for row in _rows(self._said(partial(kind.get_successful_records, job["job_id"]))):
                results[row.get(by, "")] = Done(row.get("sf__Id"), created=row.get("sf__Created") == "true")
            if job["numberRecordsFailed"]:
                for row in _rows(self._said(partial(kind.get_failed_records, job["job_id"]))):
                    code = row.get("sf__Error", "").partition(":")[0]
                    results[row.get(by, "")] = Done(None, _one_error(code, ()))
        return [results.get(str(one[by]), Done(None, _away(200))) for one in records]

    def _collections(self, method: str, path: str, name: str, records: Sequence[Mapping[str, Any]]) -> list[Done]:
        done: list[Done] = []
        for start in range(0, len(records), COLLECTION):
            piece = [{"attributes": {"type": name}, **one} for one in records[start:start + COLLECTION]]
            body = {"allOrNone": False, "records": piece}
            answer = _mappings(self._said(partial(self._org.restful, path, method=method, json=body)))
            if len(answer) != len(piece):
                raise _away(200)
            done += map(_done, answer)
        return done

    # ------------------------------------------------------------------------------------------------------------

    def _said(self, call: Callable[[], Any]) -> Any:
        from simple_salesforce import SalesforceError
        from simple_salesforce.exceptions import SalesforceOperationError

        try:
            return call()
        except SalesforceOperationError as error:
            # A job that failed as a whole, or took too long: nothing of it is sure, and all of it may be repeated.
            raise NotNow("salesforce_busy", timedelta(minutes=5)) from error
        except SalesforceError as error:
            _refused(error, self._line.retry_after)
        except (requests.RequestException, OSError, ValueError, KeyError, TypeError) as error:
            # Half an answer, or one that is none: the line, or something on it, is broken.
            raise _away(0) from error


@dataclass(frozen=True, slots=True)
class Page:
    """Records, and the address of those that follow; None after the last ones."""

    records: tuple[Mapping[str, Any], ...]
    next: str | None


class _Line(requests.Session):
    """A session with a time-out that follows no redirect, reads no more than it must and hears what the org spent."""

    def __init__(self, through: str | None, timeout: float, spent: Callable[[Usage], None] | None) -> None:
        super().__init__()
        self.trust_env = False
        self.retry_after: str | None = None
        self._timeout, self._spent = timeout, spent
        if through:
            self.mount("https://", _Elsewhere(through))

    def request(self, *given: Any, **how: Any) -> requests.Response:
        how |= {"timeout": how.get("timeout") or self._timeout, "allow_redirects": False, "stream": True}
        with super().request(*given, **how) as answer:
            body = bytearray()
            for piece in answer.iter_content(65_536):
                body += piece
                if len(body) > MOST_BODY:
                    raise requests.exceptions.ContentDecodingError("too large")
            answer._content = bytes(body)
        self.retry_after = answer.headers.get("Retry-After")
        found = _USAGE.search(answer.headers.get("Sforce-Limit-Info", ""))
        if found and self._spent:
            self._spent(Usage(int(found[1]), int(found[2])))
        return answer


class _Elsewhere(HTTPAdapter):
    """Carries a call of any org to the operator's address, and says in `Host` which org was meant."""

    def __init__(self, through: str) -> None:
        super().__init__()
        self._through = through.rstrip("/")

    def send(self, request: requests.PreparedRequest, *given: Any, **how: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        request.headers["Host"] = parts.netloc
        request.url = f"{self._through}{parts.path}{'?' + parts.query if parts.query else ''}"
        return super().send(request, *given, **how)


# What Salesforce's words ask of us --------------------------------------------------------------------------------

_LIMIT = frozenset({"REQUEST_LIMIT_EXCEEDED", "TXN_SECURITY_METERING_ERROR"})
_OFF = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "API_DISABLED_FOR_USER"})
_AGAIN = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG",
                    "UNKNOWN_EXCEPTION", "CONCURRENT_REQUEST_LIMIT_EXCEEDED"})  # fmt: skip
_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "INVALID_TYPE"})


def _refused(error: SalesforceError, retry_after: str | None) -> NoReturn:
    status = int(error.status)
    code, fields = _first(error.content)
    if status == 401 or 300 < status < 400:
        # A session that is over, or an org that has moved: a new token comes with the new address.
        raise NeedsReconnect("token_refused", detail=code) from error
    if code in _LIMIT:
        raise NotNow("salesforce_limit", timedelta(hours=1)) from error
    if code in _OFF:
        raise NeedsReconnect("salesforce_api_off", detail=code) from error
    if status == 410:
        raise NotNow("salesforce_version_over", timedelta(hours=6)) from error
    if status == 429 or status >= 500:
        raise _away(status, _asked(retry_after)) from error
    if status == 404:
        raise Missing(code or "NOT_FOUND", fields) from error
    raise _one_error(code or str(status), fields, denied=status == 403) from error


def _one_error(code: str, fields: Sequence[str], *, denied: bool = False) -> BadInput | NotNow:
    if code in _AGAIN:
        # Not the same for everybody who stood before the same lock.
        return NotNow("salesforce_busy", timedelta(seconds=random.uniform(20, 90)))  # noqa: S311 only spreads calls
    if code in _LIMIT:
        return NotNow("salesforce_limit", timedelta(hours=1))
    if code in _GONE:
        return Missing(code, fields)
    if denied or code.startswith("INSUFFICIENT_ACCESS"):
        return Denied(code, fields)
    return SalesforceSaysNo(code, fields)


def _first(content: Any) -> tuple[str, tuple[str, ...]]:
    """Code and fields of the first error: a list everywhere but at the token address."""
    one = content[0] if isinstance(content, list) and content else content
    if not isinstance(one, Mapping):
        return "", ()
    code = one.get("errorCode") or one.get("statusCode")
    fields = one.get("fields")
    return (code if isinstance(code, str) else "",
            tuple(str(field) for field in fields) if isinstance(fields, list) else ())  # fmt: skip


def _done(answer: Mapping[str, Any]) -> Done:
    if answer.get("success") is True:
        return Done(answer.get("id"), created=answer.get("created") is True)
    errors = answer.get("errors")
    code, fields = _first(errors if errors else answer)
    return Done(None, _one_error(code or "UNKNOWN", fields))


def _asked(retry_after: str | None) -> timedelta:
    if retry_after and retry_after.isascii() and retry_after.isdigit():
        return timedelta(seconds=min(max(int(retry_after), 5), 6 * 3600))
    return timedelta(minutes=1)


def _away(status: int, after: timedelta = timedelta(minutes=1)) -> NotNow:
    return NotNow("salesforce_away", after, status=status)


def _json(answer: requests.Response) -> Any:
    if answer.status_code == 401:
        raise NeedsReconnect("token_refused")
    if answer.status_code != 200:
        raise _away(answer.status_code)
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        # Half an answer, or something on the way that is not Salesforce.
        raise _away(answer.status_code) from error


def _page(found: Any) -> Page:
    # An answer without its list is no answer: it must not look like an empty org.
    if not isinstance(found, Mapping) or not isinstance(found.get("records"), list):
        raise _away(200)
    following = found.get("nextRecordsUrl") if found.get("done") is False else None
    return Page(tuple(_mappings(found["records"])), following if isinstance(following, str) else None)


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise _away(200)
    return found


def _mappings(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _cell(value: Any) -> str:
    if value is None:
        return "#N/A"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)


def _rows(text: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(text))

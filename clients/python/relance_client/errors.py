"""What can go wrong, and what to do about it. An answer of the server that is no success is an `ApiError`: it bears the
problem's code (stable), its sentence, its remedy, and the fields that are wrong.

    RelanceError
    ├── Unreachable        no answer came; the request may or may not have been heard
    └── ApiError           the server said no
        ├── BadRequest 400 ├── Unauthorized 401 ├── Forbidden 403 ├── NotFound 404 ├── Conflict 409
        ├── Invalid 422    ├── TooFast 429      └── ServerFault 5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class RelanceError(Exception):
    """Everything that this package raises about a call."""


class Unreachable(RelanceError):
    """No answer came. A POST may be said again with the same idempotency key: it never counts twice."""

    def __init__(self, why: str, idempotency_key: str | None = None) -> None:
        super().__init__(why)
        self.idempotency_key = idempotency_key


@dataclass(frozen=True)
class FieldError:
    """A field that is wrong: where (JSON pointer), which code, which sentence."""

    pointer: str
    code: str
    detail: str


class ApiError(RelanceError):
    """A problem (RFC 9457). `code` is stable and has a page at `type`; `remedy` says what to do."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.detail = str(problem.get("detail") or "")
        self.remedy = str(problem.get("remedy") or "")
        self.type = str(problem.get("type") or "")
        self.request_id = str(problem.get("request_id") or "")
        self.errors = tuple(
            FieldError(str(one.get("pointer", "")), str(one.get("code", "")), str(one.get("detail", "")))
            for one in problem.get("errors") or ()
            if isinstance(one, Mapping)
        )
        self.retry_after = retry_after
        wrong = "".join(f"\n  {one.pointer}: {one.detail}" for one in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail} {self.remedy}".rstrip() + wrong)


class BadRequest(ApiError):
    """400: it could not be read."""


class Unauthorized(ApiError):
    """401: no key, or one that does not count any more."""


class Forbidden(ApiError):
    """403: the key lacks the scope."""


class NotFound(ApiError):
    """404: no such thing in the key's workspace."""


class Conflict(ApiError):
    """409: not as things are now (it has left already; the same idempotency key is in progress)."""


class Invalid(ApiError):
    """422: something in it cannot be done: see `errors`."""


class TooFast(ApiError):
    """429: see `retry_after`, in seconds."""


class ServerFault(ApiError):
    """5xx: not the caller's fault."""


_KINDS: Mapping[int, type[ApiError]] = {
    400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 422: Invalid, 429: TooFast,
}  # fmt: skip


def problem_of(status: int, problem: Mapping[str, Any], retry_after: float | None) -> ApiError:
    """The error of an answer."""
    kind = _KINDS.get(status, ServerFault if status >= 500 else ApiError)
    return kind(status, problem, retry_after)

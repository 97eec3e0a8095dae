"""What can go wrong, and what to do next. Each error is caught by what it means, never by where it came from.

    RelanceError                     a code, a sentence, a remedy
    ├── BadInput                     what came from outside is wrong: say what, where, and what to do
    │   ├── InvalidNumber
    │   ├── InvalidTemplate
    │   └── Unreadable               a platform's request that we could not read; kept, can be replayed
    ├── NotAuthentic                 the caller did not prove who it is: 401, nothing kept
    ├── Unsupported                  a true request about something that we do not handle: 2xx, counted
    ├── NeedsReconnect               the platform took back its grant: everything waits, a person must reconnect
    ├── NotNow                       the platform is away or asks for a pause: try again, not before `after`
    └── NotFound, Conflict           no such thing in this workspace; it is too late for that
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.domain.reasons import Reason


class RelanceError(Exception):
    """Carries a `Reason`, whose sentence is shown to people and whose code is stable for programs."""

    status = 400

    def __init__(self, code: str, **values: Any) -> None:
        self.reason = Reason(code, values)
        super().__init__(self.reason.sentence("en"))


class BadInput(RelanceError):
    """`pointer` is the JSON pointer (RFC 6901) of what is wrong, where there is one."""

    def __init__(self, code: str, *, pointer: str = "", **values: Any) -> None:
        super().__init__(code, **values)
        self.pointer = pointer


class InvalidNumber(BadInput):
    """Not a telephone number that a message could go to."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text=text[:40])


class InvalidTemplate(BadInput):
    """A text that cannot be filled: syntax, an unknown variable, a forbidden expression."""


class Unreadable(BadInput):
    """A request that is authentic but not understood. It is kept and can be replayed."""

    def __init__(self, code: str = "unreadable", **values: Any) -> None:
        super().__init__(code, **values)


class NotAuthentic(RelanceError):
    """Wrong, missing or old proof of who is calling."""

    status = 401

    def __init__(self, detail: str = "", code: str = "not_authentic") -> None:
        super().__init__(code, detail=detail)


class Unsupported(RelanceError):
    """Understood, and not ours to handle."""

    status = 200

    def __init__(self, what: str) -> None:
        super().__init__("unsupported", what=what)


class NeedsReconnect(RelanceError):
    """The grant is gone (revoked, expired, a scope unticked). `code` says which, and has a remedy."""

    status = 409


class NotNow(RelanceError):
    """Nothing was lost; ask again after `after`."""

    status = 503

    def __init__(self, code: str, after: timedelta, **values: Any) -> None:
        super().__init__(code, **values)
        self.after = after


class NotFound(RelanceError):
    """No such thing here. Another workspace's thing is no such thing."""

    status = 404

    def __init__(self, what: str) -> None:
        super().__init__("not_found", what=what)


class Conflict(RelanceError):
    """It is too late for that, or somebody was faster."""

    status = 409


class Forbidden(RelanceError):
    """Known who you are, and that is not yours to do."""

    status = 403


def from_reason(values: Mapping[str, Any]) -> Reason:
    """A reason out of the ledger's JSON."""
    return Reason(values["code"], values.get("values", {}))

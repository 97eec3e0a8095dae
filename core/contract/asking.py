"""What a platform asks us while a person waits there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.contract.adapter import Adapter, Installation
from core.contract.inbound import Inbound, Reply
from core.domain.nothing import NOTHING
from core.domain.reasons import Reason


class Asks(Adapter):
    """The platform asks questions on its hook; the adapter only translates both ways. Nothing of it is kept."""

    @abstractmethod
    def question(self, request: Inbound, installation: Installation) -> Question | None:
        """What the (verified) request asks; None when it is no question. Pure. Raises `Unreadable`."""

    @abstractmethod
    def options(
        self, request: Inbound, question: Question, found: Sequence[Option], after: str | None, trouble: Reason | None
    ) -> Reply:
        """The answer: this page, the cursor of the next one, or why there is none. Pure."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a platform asks while a person waits: the options of a drop-down, a code to be sent or checked.

    `what`: "templates", "senders", "channels" (answered with `Option`s); "start_code" (`arguments`: number, country,
    ip, language, purpose; signed_in when the person has proven something already, a password) and "check_code"
    (`arguments`: verification, code), answered with one option whose `id` is the verification's and whose `label` is
    its state. `search` narrows, `after` pages, `limit` is the most per page.
    """

    what: str
    search: str = ""
    after: str | None = None
    limit: int = 50
    arguments: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a `Question`."""

    id: str
    label: str
    description: str = ""

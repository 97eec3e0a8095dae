"""Providers that send only texts which they approved before (WhatsApp's templates): they list them, and say changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from core.contract.sending import Account
from core.domain.approved import Template
from core.domain.reasons import Reason


class KeepsTemplates(ABC):
    """A provider whose templates we know, so that a message which cannot be sent is told so before it is due.

    What it posts about one of them comes out of `Provider.read` as `News`.
    """

    @abstractmethod
    def without_list(self, account: Account) -> Reason | None:
        """Pure. What the account lacks to be asked for its templates; None when nothing does."""

    @abstractmethod
    def templates(self, account: Account, now: datetime) -> Sequence[Template]:
        """Network. All templates of the account. Raises `NotNow`, `NeedsReconnect`; half a list is none."""

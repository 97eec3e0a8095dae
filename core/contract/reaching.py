"""Providers whose channel does not reach every phone, and that can say beforehand which ones it does (RCS)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from core.contract.sending import Account
from core.domain.messages import Channel
from core.domain.reach import Ability


class KnowsPhones(ABC):
    """A provider that can be asked, before anything is sent, which phones its channel reaches and what they can show.

    It is asked ahead of time, in the background, and never for a message that is about to leave: what is not known then
    is learnt from the message itself.
    """

    asked_by: Channel = Channel.RCS
    """The channel that the answers are about."""
    at_once: int = 1000
    """Numbers of one call, at most."""

    @abstractmethod
    def agent(self, account: Account) -> str:
        """Pure. Under whose name the account speaks: what is known of a phone is known for that name."""

    @abstractmethod
    def abilities(self, account: Account, numbers: Sequence[str], now: datetime) -> Sequence[Ability]:
        """Network. What is known of `numbers` (E.164), in any order; one that it does not speak of stays unknown.
        Raises `NotNow` when nothing was learnt and it asks for a pause, `NeedsReconnect`."""

"""What only shops do: the box in the checkout, discount codes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.contract.adapter import Adapter, Installation
from core.domain.discounts import Discount
from core.domain.nothing import NOTHING


class ShowsBox(Adapter):
    """The box by which people allow messages stands over there: in the shop's checkout, on the site's form."""

    box: Box


@dataclass(frozen=True, slots=True)
class Box:
    """A box that people tick to allow messages; all are words by language. `sentence` stands beside it and is kept as
    proof; empty where the platform keeps other words. `place` says where people see it, `how` what must be done over
    there so that they do. It is never ticked beforehand."""

    sentence: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    place: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    how: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class NamesCodes(Adapter):
    """A cart may bring a discount code for its person alone: `code` in its values, which texts may name."""

    codes: Mapping[str, str] = NOTHING
    """What the shop must do for that, as words by language."""


class Rewards(Adapter):
    """A shop that makes discount codes for one person alone. It is asked just before the message leaves, and not for
    carts that were bought in the meantime."""

    @abstractmethod
    def reward(self, installation: Installation, wanted: Reward, now: datetime) -> None:
        """Makes the code over there. Network. Harmless when repeated: a code of ours that is there already is made
        what is wanted now, its end never an earlier one. Raises `NeedsReconnect`, `NotNow`; anything that will never
        work is `BadInput`, then the message does not leave and says why."""

    def withdraw(self, installation: Installation, now: datetime) -> int:
        """Takes away codes of ours that are over and were not used, a few hundred at most; how many. Network. Asked
        with each `Installs.maintain` where a rule gives discounts. Raises `NeedsReconnect`, `NotNow`; 0 from a shop
        that cannot."""
        return 0


@dataclass(frozen=True, slots=True)
class Reward:
    """A discount code that one person is promised. `code` is ours: the same for each attempt at one message, and no
    other message's. `cart` is the key of the cart, `private` what the adapter keeps of it, `email` the person's, where
    it is known. Good until `ends_at` (aware, the end of a day on the shop's wall), for one order."""

    code: str
    discount: Discount
    ends_at: datetime
    cart: str
    private: Mapping[str, Any]
    email: str | None = None

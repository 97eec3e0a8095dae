"""A rule: for which kind of occasion, when, which text, useful for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.domain.discounts import Discount
from core.domain.events import Kind
from core.domain.messages import Channel, MessageClass
from core.domain.nothing import NOTHING
from core.domain.policy.walltime import Duration
from core.domain.text.price import Money
from core.domain.when import After, Before, When


@dataclass(frozen=True, slots=True)
class Rule:
    """`until` is the last useful moment, in the same forms as `when`; without it a reminder is useful until the
    occasion begins, a follow-up for 12 hours. `late` says what to do when its moment was over before we learnt of the
    occasion (booked too late, moved closer): "skip" or "send" at once. `asks` is true when the text asks for OUI or
    NON. `only` narrows it: {"calendar": […]} or any other name of an occasion's values.
    """

    id: str
    name: str
    on: Kind
    message_class: MessageClass
    when: When
    body: str
    until: Before | After | None = None
    channels: tuple[Channel, ...] = (Channel.SMS,)
    sender: str | None = None
    asks: bool = False
    late: Literal["skip", "send"] = "skip"
    only: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NOTHING)
    language: str | None = None
    bodies: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """The same text in other languages (language → text), for recipients whose language is known."""
    budgets: Mapping[str, int] | None = None
    """channel → seconds that it is tried before the next one, for those of which that was said."""
    content: Mapping[str, Any] | None = None
    """What richer channels show beyond the text, as `core.domain.content` checked it."""
    at_least: Money | None = None
    """Carts and orders of a smaller total, or in another currency, are not spoken about."""
    countries: tuple[str, ...] = ()
    """Of the numbers that it writes to; all, if empty."""
    once_per_person: Duration | None = None
    """Carts: whoever was written to about another cart within this time is not written to about this one."""
    control_group: int | None = None
    """Percent of the people who are left out to measure what it brings. Carts: None for what the installation says;
    appointments: None for nobody."""
    discount: Discount | None = None
    """Carts: what the code takes off that is made for each person; texts say it as `code`."""

    def concerns(self, kind: Kind, values: Mapping[str, Any], private: Mapping[str, Any]) -> bool:
        """Whether the rule speaks about such an occasion at all."""
        if kind is not self.on:
            return False
        return all((values.get(name, private.get(name)) in allowed) for name, allowed in self.only.items())

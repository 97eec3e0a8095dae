"""Which sending rules hold for a country, a channel and a class on a day. The rules are data: `countries.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from core.domain.messages import Channel, MessageClass
from core.domain.policy.week import Weekdays, minutes_a_week, read_weekdays

OVERSEAS = frozenset({"RE", "GP", "MQ", "GF", "YT", "PM", "BL", "MF"})
# Numbers of the Crown dependencies share +44 with the United Kingdom and cannot be told apart by a sender.
_LAW_OF: Mapping[str, str] = {**dict.fromkeys(OVERSEAS, "FR"), "GG": "GB", "JE": "GB", "IM": "GB"}


@dataclass(frozen=True, slots=True)
class Attempts:
    """One person may be tried `most` times within `days` days, answered or not."""

    most: int
    days: int


@dataclass(frozen=True, slots=True)
class SendingRule:
    """When messages of one class may leave, by the recipient's own clock.

    `windows` has seven entries, Monday first. `level` is law, charter, guideline, practice or policy. `valid_from` is
    the date of effect and `None` where none is known; `valid_until` is the last day of a rule that has ended.
    """

    id: str
    country: str
    channels: frozenset[Channel]
    message_class: MessageClass
    windows: Weekdays
    holidays_blocked: bool
    level: str
    source: str
    valid_from: date | None = None
    valid_until: date | None = None
    widens_to: str | None = None
    attempts: Attempts | None = None
    silence_days: int = 0
    """For so many days after a refusal nobody is tried."""
    consent: str | None = None
    """The scope of a consent that is needed beside the one to advertising."""
    callers: tuple[str, ...] = ()
    """Beginnings of the numbers (E.164) that may be shown; empty: any."""
    note: str = ""
    french: str = ""
    """`source` and `note` in French."""

    def told(self, language: str) -> str:
        """Where it comes from and what it means, in English where there is no French."""
        return self.french if language == "fr" and self.french else f"{self.source}. {self.note}".strip()

    def holds(self, channel: Channel, klass: MessageClass, on: date) -> bool:
        """Whether this rule speaks of such a message on that day."""
        return (channel in self.channels and klass is self.message_class
                and (self.valid_from is None or self.valid_from <= on)
                and (self.valid_until is None or on <= self.valid_until))


@lru_cache(maxsize=4096)
def rules_for(
    country: str, channel: Channel, klass: MessageClass, on: date, *, widened: bool = False
) -> tuple[SendingRule, ...]:
    """All the rules that must be open at once, the first being the one to name in an explanation.

    `country` is ISO 3166, with a subdivision where it is known ("US-TX" answers with the federal rule too). Without
    one, only the country's own rule holds. The French overseas departments have French rules. `widened` replaces our
    cautious default by the rule that it `widens_to`, where that one holds for the channel. No rule, no window:
    one-time codes and answers to the person leave at any hour.
    """
    country = country.upper()
    law = _LAW_OF.get(country, country)
    places = (law, law.partition("-")[0])
    found = [rule for rule in all_rules() if rule.country in places and rule.holds(channel, klass, on)]
    if not found:
        found = [rule for rule in all_rules() if rule.country == "*" and rule.holds(channel, klass, on)]
    if widened:
        ids = {rule.id for rule in found}
        found = [rule for rule in found if rule.widens_to not in ids]
    return tuple(sorted(found, key=lambda rule: minutes_a_week(rule.windows)))


@cache
def all_rules() -> tuple[SendingRule, ...]:
    """Every rule of `countries.toml`, in its order."""
    text = files("core.domain.policy").joinpath("countries.toml").read_text(encoding="utf-8")
    return tuple(_rule(entry) for entry in tomllib.loads(text)["rule"])


def _rule(entry: Mapping[str, Any]) -> SendingRule:
    known = dict(entry)
    attempts = known.pop("attempts", None)
    return SendingRule(
        id=known.pop("id"),
        country=known.pop("country"),
        channels=frozenset(Channel(name) for name in known.pop("channels")),
        message_class=MessageClass(known.pop("class")),
        holidays_blocked=known.pop("holidays"),
        level=known.pop("level"),
        source=known.pop("source"),
        valid_from=known.pop("from", None),
        valid_until=known.pop("until", None),
        widens_to=known.pop("widens_to", None),
        attempts=Attempts(**attempts) if attempts else None,
        silence_days=known.pop("silence_days", 0),
        consent=known.pop("consent", None),
        callers=tuple(known.pop("callers", ())),
        note=known.pop("note", ""),
        french=known.pop("fr", ""),
        windows=read_weekdays(known),
    )


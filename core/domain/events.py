"""An event: something that happened out there, in our words. An adapter's whole output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.domain.nothing import NOTHING
from core.domain.reasons import Reason
from core.domain.recipients import Recipient


class Kind(StrEnum):
    """What an event, and the occasion that it updates, is about."""

    APPOINTMENT = "appointment"
    CART = "cart"
    ORDER = "order"
    REQUEST = "request"
    FORM = "form"
    CONTACT = "contact"
    CAMPAIGN = "campaign"


class Closed(StrEnum):
    """Why nothing more is to be said about an occasion, seen from outside."""

    CANCELLED = "cancelled"  # called off by the clinic, the shop, the site
    DELETED = "deleted"  # no longer there
    DONE = "done"  # ordered, paid, answered: the wish came true
    SILENCED = "silenced"  # somebody wrote that no message is wanted (#norappel)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a number was found: the field, the exact piece of its text, and the place of that piece in it."""

    field: str
    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """The message that a platform asks for itself (a workflow's action), so that no rule of ours needs to.

    `klass` and `channels` are names as in the API ("marketing", "sms"). Of `body` and `template` (a key) one is given.
    `at` is an aware moment; `wall` (naive) is local time in the occasion's zone; without both it leaves as soon as it
    may. `until` is the last useful moment, `sender` the sender's name. `campaign` (at most 40 characters) groups the
    messages of one workflow, `label` is its name for people.
    """

    klass: str
    body: str | None = None
    template: str | None = None
    channels: tuple[str, ...] = ("sms",)
    at: datetime | None = None
    wall: datetime | None = None
    until: datetime | None = None
    sender: str | None = None
    asks: bool = False
    campaign: str | None = None
    label: str | None = None
    language: str | None = None
    consent_there: bool = False
    """The platform keeps the person's yes: without one of our own, it is asked before a marketing message leaves."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept, without what was not said."""
        said = {
            "klass": self.klass, "body": self.body, "template": self.template, "channels": list(self.channels),
            "at": _iso(self.at), "wall": _iso(self.wall), "until": _iso(self.until), "sender": self.sender,
            "asks": self.asks or None, "campaign": self.campaign, "label": self.label, "language": self.language,
            "consent_there": self.consent_there or None,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Wish:
        """What `as_json` gave."""
        moments = {name: datetime.fromisoformat(kept[name]) for name in ("at", "wall", "until") if kept.get(name)}
        return cls(**{**kept, **moments, "channels": tuple(kept["channels"])})


@dataclass(frozen=True, slots=True)
class Event:
    """All that is now known of one occasion, as of the moment `at` (aware UTC).

    `key` names the occasion within its installation. `closed` is None while messages may be wanted. `start` and `end`
    are aware UTC instants, `zone` the IANA zone in which people speak of them; an all-day occasion starts at the
    first moment of its day in `zone`. Without a `recipient`, `trouble` says why. `values` are what texts may name
    (JSON only). `candidates` are numbers among which a person has to choose.
    """

    kind: Kind
    key: str
    at: datetime
    closed: Closed | None = None
    start: datetime | None = None
    end: datetime | None = None
    zone: str | None = None
    all_day: bool = False
    recipient: Recipient | None = None
    trouble: Reason | None = None
    evidence: Evidence | None = None
    candidates: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    booked_at: datetime | None = None
    """When it was booked over there, if the platform says so: who booked long ago is not told "it is booked" today."""
    private: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What the adapter needs again (an etag, a link, fingerprints); texts cannot name it."""
    wish: Wish | None = None
    """The message that the platform asks for, beside those of our rules."""
    subject: str | None = None
    """The platform's record of the person ("contact/901"), for what it says about the person and not the occasion."""
    closes: tuple[str, ...] = ()
    """Keys of other occasions of this installation whose wish this one fulfils (an order its cart)."""
    email: str | None = None
    """The person's address, lower case: an order by the same person closes that person's carts elsewhere too."""
    typed: bool = False
    """A stranger typed the number there (a form, a registration): it passes the guard of public doors."""

    @property
    def digest(self) -> str:
        """A fingerprint of the content without `at`: two readings of an unchanged occasion have the same."""
        said: list[Any] = [
            self.kind,
            self.key,
            self.closed,
            _iso(self.start),
            _iso(self.end),
            self.zone,
            self.all_day,
            self.recipient.number if self.recipient else None,
            self.trouble.as_json() if self.trouble else None,
            [self.evidence.field, self.evidence.text] if self.evidence else None,
            list(self.candidates),
            dict(self.values),
            dict(self.private),
        ]
        # Only what was said counts, so that what was read before there were wishes is still the same.
        if self.wish or self.subject or self.closes or self.email:
            said.append([self.wish.as_json() if self.wish else None, self.subject, list(self.closes), self.email])
        written = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
        return hashlib.blake2b(written.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

"""The two plugs. A platform's author implements `Adapter` (inwards), a way out's author `Provider` (outwards).

An adapter's first line lists what it can do: `class GoogleCalendar(Pulls, Notifies, Installs, Reports)`. Each
ability is a class without behaviour, so that Python refuses an adapter that forgot a method.

What an author may rely on:

* `Inbound` is the request as the sender made it. `verify` and `parse` are pure: no socket, no clock (the moment is
  `request.received_at`), the same answer each time. A recording is an `Inbound` written to a file.
* Secrets come decrypted in `Installation.secrets`; an OAuth access token in it is fresh. Nobody but core refreshes it.
* Errors say what is to be done next, see `core.domain.errors`: `NotAuthentic`, `Unreadable`, `Unsupported`,
  `NeedsReconnect`, `NotNow`.
* A provider never raises for a message: it answers an outcome for each. What it cannot know is `Uncertain`.

`tests/contract` runs every adapter and provider, those of other packages too, through the same conformance suite.
"""

from __future__ import annotations

from core.contract.adapter import Adapter, Configured, Installation, Manifest, OAuth, SharedSecret, Tools, Url
from core.contract.approving import KeepsTemplates
from core.contract.asking import Asks, Option, Question
from core.contract.books import Book, KnownPart, Part, PartsBook, PartWord, Simulated
from core.contract.connecting import Arrived, Asked, Connects, Door, Grant, Leaving, Posted, Start
from core.contract.diary import Booking, EntersAppointments
from core.contract.hearing import Answers, Deed, Demonstrates, LooksAgain, Notifies, Pulls, Pushes, Result, Shared
from core.contract.inbound import Inbound, Reply
from core.contract.provider import Follows, Gone, Listens, Provider, ProviderTools, Revokes, Seeks, Speaks
from core.contract.reaching import KnowsPhones
from core.contract.reading import Batch, CallOff, ConsentWord, Erasure, Merge, Reading, Sweep
from core.contract.records import Counts, CountsLists, Maps, PeopleList, Property, Record, Records, Slot
from core.contract.reporting import KeepsConsent, Report, Reports, ReportsInBatches
from core.contract.sending import (
    Accepted,
    Account,
    AccountTrouble,
    Outcome,
    Outgoing,
    PhoneReply,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.contract.serving import Entry, Gate, Keeper, Served, Serves, Slip, Word
from core.contract.setting_up import (
    Check,
    Checks,
    Choice,
    Chooses,
    Download,
    HandsOver,
    Installs,
    Limit,
    Limits,
    Offers,
    Published,
    Publishes,
    TakesKeys,
)
from core.contract.shops import Box, NamesCodes, Reward, Rewards, ShowsBox

__all__ = [
    "Inbound", "Reply",
    "Reading", "Batch", "Sweep", "ConsentWord", "CallOff", "Erasure", "Merge",
    "Adapter", "Configured", "Tools", "Manifest", "OAuth", "SharedSecret", "Url", "Installation",
    "Pushes", "Shared", "Answers", "Result", "Notifies", "Pulls", "LooksAgain", "Demonstrates", "Deed",
    "Asks", "Question", "Option",
    "Serves", "Served", "Keeper", "Slip", "Gate", "Entry", "Word",
    "Reports", "ReportsInBatches", "KeepsConsent", "Report",
    "EntersAppointments", "Booking",
    "Connects", "Asked", "Start", "Leaving", "Posted", "Arrived", "Door", "Grant",
    "Chooses", "Choice", "HandsOver", "TakesKeys", "Offers", "Download", "Installs", "Publishes", "Published", "Checks",
    "Check",
    "Limits", "Limit",
    "Maps", "Slot", "Property", "Record", "Counts", "CountsLists", "PeopleList", "Records",
    "ShowsBox", "Box", "NamesCodes", "Rewards", "Reward",
    "Account", "Outgoing", "Accepted", "TryLater", "Refused", "AccountTrouble", "Uncertain", "Outcome", "Receipt",
    "PhoneReply",
    "Book", "Simulated", "PartsBook", "Part", "PartWord", "KnownPart",
    "Provider", "ProviderTools", "Listens", "Revokes", "Seeks", "Speaks", "Follows", "Gone", "KnowsPhones",
    "KeepsTemplates",
]

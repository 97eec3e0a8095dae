"""The schema. Every row bears its workspace.

Moments are stored as integer microseconds since 1970 (UTC), money as integer micro-units, JSON as text that
only we write.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """As a moment is kept."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1024)
def from_micros(kept: int) -> datetime:
    """The moment that was kept."""
    return _EPOCH + timedelta(microseconds=kept)


def as_json(value: Any) -> str:
    """As JSON is kept."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as microseconds: sorts, compares and weighs the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else from_micros(value)


class Json(TypeDecorator[Any]):
    """A JSON value, kept as compact text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else as_json(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else orjson.loads(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(40)


def _table(name: str, *columns: Any) -> Table:
    return Table(
        name, metadata, Column("id", _ID, primary_key=True), Column("workspace", _ID, nullable=False), *columns
    )


workspaces = Table(
    "workspaces",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("test", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Moment, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("password_hash", Text, nullable=False),
    Column("language", String(5), nullable=False),
    Column("created_at", Moment, nullable=False),
)

memberships = _table(
    "memberships",
    Column("user", _ID, nullable=False),
    Column("role", String(16), nullable=False),
    UniqueConstraint("user", "workspace"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user", _ID, nullable=False),
    Column("workspace", _ID, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    # When the person last proved who they are, whether with a second factor, and by which door they came.
    Column("proved_at", Moment, nullable=False, server_default="0"),
    Column("second", Boolean, nullable=False, server_default=text("false")),
    Column("door", String(16), nullable=False, server_default="password"),
)

# The second factor of a person, whose id it bears. It counts from `confirmed_at` on; a code of step `last_step` or
# before works no more.
second_factors = Table(
    "second_factors",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("confirmed_at", Moment),
    Column("created_at", Moment, nullable=False),
)

# What a person without their telephone comes in with: each works once, and only its hash is kept.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user", _ID, nullable=False, index=True),
    Column("used_at", Moment),
)

# Who is at the door: between the password and the code, on the way to the company's sign-in, or with a link of the
# operator. Each is used once.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),
    Column("user", _ID),
    Column("sealed", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

# Whom a company's sign-in (OpenID Connect) says a person to be.
identities = Table(
    "identities",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("issuer", String(400), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("user", _ID, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject"),
    UniqueConstraint("user", "issuer"),
)

# Wrong passwords and other things that are counted per key and window. One row for each key.
attempts_made = Table(
    "throttles",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", Moment, nullable=False),
)

api_keys = _table(
    "api_keys",
    Column("name", Text, nullable=False),
    Column("prefix", String(24), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)

installations = _table(
    "installations",
    Column("adapter", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(20), nullable=False),  # connected | reconnect | paused | disconnected
    Column("mode", String(16), nullable=False),  # rehearsal | live
    Column("account", Text),
    Column("config", Json, nullable=False),
    Column("secrets", Text),
    Column("memory", Json, nullable=False),
    Column("learnt", Json, nullable=False),
    Column("cursor", Text),
    Column("zone", String(64), nullable=False),
    Column("country", String(2), nullable=False),
    Column("token_expires_at", Moment),
    Column("grant_expires_at", Moment),
    Column("next_pull_at", Moment),
    Column("pull_lease_until", Moment),
    Column("pulled_at", Moment),
    Column("changed_at", Moment),
    Column("maintain_at", Moment),
    Column("trouble", Json),
    Column("problems", Json, nullable=False, server_default="[]"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("live_since", Moment),
    # Percent of people who are left out of nudging; NULL: the default.
    Column("control_group", Integer),
    # When it last spoke to us by itself, and the longest silence of each of the last days.
    Column("heard_at", Moment),
    Column("rhythm", Json),
    # The `heard_at` after which it was missed: people are told once of each silence.
    Column("missed_since", Moment),
    Column("created_at", Moment, nullable=False),
    Index(
        "ix_installations_due",
        "next_pull_at",
        sqlite_where=text("next_pull_at IS NOT NULL"),
        postgresql_where=text("next_pull_at IS NOT NULL"),
    ),
    Index(None, "workspace"),
    Index(None, "adapter", "account"),
)

# What several threads and machines must not do at once: refreshing a token, pulling one installation.
leases = Table(
    "leases",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("owner", String(40), nullable=False),
    Column("until", Moment, nullable=False),
)

oauth_states = _table(
    "oauth_states",
    Column("hash", String(64), nullable=False, unique=True),
    Column("adapter", String(40), nullable=False),
    Column("user", _ID, nullable=False),
    Column("browser", String(64), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

inbox = _table(
    "inbox",
    Column("installation", _ID),
    Column("account", _ID),
    Column("adapter", String(40), nullable=False),
    Column("source", String(16), nullable=False, server_default="hook"),  # hook | receipts | replies
    Column("received_at", Moment, nullable=False),
    Column("delivery", String(200)),
    Column("digest", String(64), nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),  # read | unreadable | unsupported | repeated
    Column("trouble", Json),
    Column("replayed_at", Moment),
    Index("ix_inbox_delivery", "installation", "delivery"),
    Index("ix_inbox_digest", "installation", "digest"),
    Index(None, "workspace", "received_at"),
)

occasions = _table(
    "occasions",
    Column("installation", _ID, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("digest", String(24), nullable=False),
    Column("closed", String(16)),
    Column("start", Moment),
    Column("end", Moment),
    Column("zone", String(64)),
    Column("all_day", Boolean, nullable=False),
    Column("recipient", String(20)),
    Column("country", String(2)),
    Column("line", String(16)),
    Column("trouble", Json),
    Column("evidence", Json),
    Column("candidates", Json, nullable=False),
    Column("values", Json, nullable=False),
    Column("private", Json, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("backlog", Boolean, nullable=False),
    Column("answer", String(16)),
    Column("answered_at", Moment),
    Column("own_recipient", String(20)),
    Column("own_country", String(2)),
    Column("own_line", String(16)),
    Column("muted", Boolean, nullable=False, server_default=text("false")),
    # Which event the content came from, where the newest one only said that it is over.
    Column("content_at", Moment),
    Column("content_digest", String(24)),
    Column("wish", Json),
    Column("subject", String(200)),
    Column("email", Text),
    UniqueConstraint("installation", "key"),
    Index(
        "ix_occasions_subject", "installation", "subject",
        sqlite_where=text("subject IS NOT NULL"), postgresql_where=text("subject IS NOT NULL"),
    ),
    Index(
        "ix_occasions_email", "workspace", "email",
        sqlite_where=text("email IS NOT NULL"), postgresql_where=text("email IS NOT NULL"),
    ),
    Index("ix_occasions_start", "workspace", "start"),
    Index("ix_occasions_open", "installation", "start"),
    Index("ix_occasions_recipient", "workspace", "recipient"),
    Index(
        "ix_occasions_own_recipient", "workspace", "own_recipient",
        sqlite_where=text("own_recipient IS NOT NULL"), postgresql_where=text("own_recipient IS NOT NULL"),
    ),
    Index(
        "ix_occasions_carts", "installation", "at",
        sqlite_where=text("kind = 'cart'"), postgresql_where=text("kind = 'cart'"),
    ),
)

rules = _table(
    "rules",
    Column("installation", _ID),
    Column("name", Text, nullable=False),
    Column("on", String(16), nullable=False),
    Column("class", String(16), nullable=False),
    Column("when", Json, nullable=False),
    Column("until", Json),
    Column("channels", Json, nullable=False),
    Column("budgets", Json),
    Column("content", Json),
    Column("body", Text),
    Column("template", Text),
    Column("sender", String(16)),
    Column("asks", Boolean, nullable=False),
    Column("late", String(8), nullable=False),
    Column("only", Json, nullable=False),
    Column("conditions", Json),  # smallest amount, countries, once per person, control group: those that were said
    Column("active", Boolean, nullable=False),
    Column("preset", String(40)),
    Column("survey", _ID),  # whose first question is its text
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),
    Index(None, "workspace"),
    Index(None, "installation"),
    Index(
        "ix_rules_survey", "survey",
        sqlite_where=text("survey IS NOT NULL"), postgresql_where=text("survey IS NOT NULL"),
    ),
)

templates = _table(
    "templates",
    Column("key", String(80), nullable=False),
    Column("language", String(5), nullable=False),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("folder", String(80)),  # the same in all rows of a key
    Column("who", Text),  # who wrote it: a person or a key
    Column("taken_from", Integer),  # the older version that was brought back
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),
    UniqueConstraint("workspace", "key", "language", "version"),
)

RICH = "state = 'scheduled' AND channels <> '[\"sms\"]'"
CALLING = "state = 'sent' AND channel = 'voice'"
UNTOLD = "told <> state AND state NOT IN ('scheduled', 'held', 'sending')"

messages = _table(
    "messages",
    Column("installation", _ID),
    Column("occasion", _ID),
    Column("rule", _ID),
    Column("campaign", String(200)),
    Column("key", Text),
    Column("step", Integer, nullable=False, server_default="1"),
    Column("about", Moment),
    Column("class", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("channels", Json, nullable=False),
    Column("budgets", Json),  # channel → seconds, for those that were said
    Column("content", Json),  # channel → what it shows beyond the text
    Column("channel_step", Integer, nullable=False, server_default="0"),  # which of `channels` is in use
    Column("calls", Integer, nullable=False, server_default="0"),  # how many calls by it nobody answered
    Column("fallback_at", Moment),  # when its time is over, if another one follows
    Column("to", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("text", Text, nullable=False),
    Column("template", _ID),  # the version of the template that it was written from
    Column("encoding", String(5), nullable=False),
    Column("segments", Integer, nullable=False),
    Column("price_micros", BigInteger),
    Column("currency", String(3)),
    Column("sender", String(16)),
    Column("asks", Boolean, nullable=False, server_default=text("false")),
    Column("reference", String(140)),
    Column("zone", String(64)),
    Column("test", Boolean, nullable=False, server_default=text("false")),
    Column("state", String(12), nullable=False),
    Column("reason", Json),
    Column("checks", Json, nullable=False),
    Column("by_person", Boolean, nullable=False, server_default=text("false")),
    Column("due_at", Moment, nullable=False),
    # When its rule wanted it, before hours and holidays moved it.
    Column("wanted_at", Moment),
    Column("expires_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("left_at", Moment),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("lease", Moment),
    Column("owner", String(40)),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("account", _ID),
    Column("channel", String(10)),
    Column("provider_ref", Text),
    Column("held_by", String(60)),
    # When the platform was last asked whether it is still wanted.
    Column("looked_at", Moment),
    # The last state that the platform was told of; NULL where it does not want to know.
    Column("told", String(12)),
    # Only what a rule wants has a key: nothing else costs an entry here.
    Index(
        "uq_messages_installation_key_step",
        "installation",
        "key",
        "step",
        unique=True,
        sqlite_where=text("key IS NOT NULL"),
        postgresql_where=text("key IS NOT NULL"),
    ),
    Index("ix_messages_untold", "changed_at", sqlite_where=text(UNTOLD), postgresql_where=text(UNTOLD)),
    Index(
        "ix_messages_campaign", "workspace", "campaign",
        sqlite_where=text("campaign IS NOT NULL"), postgresql_where=text("campaign IS NOT NULL"),
    ),
    Index(
        "ix_messages_due",
        "priority",
        "due_at",
        sqlite_where=text("state = 'scheduled'"),
        postgresql_where=text("state = 'scheduled'"),
    ),
    # Calls of which nothing was heard for a while are asked about.
    Index(
        "ix_messages_calling", "left_at", sqlite_where=text(CALLING), postgresql_where=text(CALLING),
    ),
    Index(
        "ix_messages_lease", "lease", sqlite_where=text("lease IS NOT NULL"), postgresql_where=text("lease IS NOT NULL")
    ),
    Index(
        "ix_messages_provider_ref",
        "account",
        "provider_ref",
        sqlite_where=text("provider_ref IS NOT NULL"),
        postgresql_where=text("provider_ref IS NOT NULL"),
    ),
    Index(
        "ix_messages_occasion",
        "occasion",
        # Never looked up alone, but SQLite takes any index that begins with the workspace for as good as this one, and
        # walks over all its messages then.
        "workspace",
        sqlite_where=text("occasion IS NOT NULL"),
        postgresql_where=text("occasion IS NOT NULL"),
    ),
    Index(
        "ix_messages_fallback",
        "fallback_at",
        sqlite_where=text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
        postgresql_where=text("fallback_at IS NOT NULL AND state IN ('sent', 'scheduled')"),
    ),
    Index("ix_messages_to", "workspace", "to"),
    # What left on a day: its figures, and the list of messages behind each of them.
    Index(
        "ix_messages_left", "workspace", "left_at",
        sqlite_where=text("left_at IS NOT NULL"), postgresql_where=text("left_at IS NOT NULL"),
    ),
    Index(
        "ix_messages_reference",
        "workspace",
        "reference",
        sqlite_where=text("reference IS NOT NULL"),
        postgresql_where=text("reference IS NOT NULL"),
    ),
    Index("ix_messages_held", "held_by", sqlite_where=text("state = 'held'"), postgresql_where=text("state = 'held'")),
    Index("ix_messages_state", "workspace", "state", "due_at"),
    # Those that wait for another channel than SMS: whom their providers are asked about ahead of time.
    Index("ix_messages_rich", "workspace", "due_at", sqlite_where=text(RICH), postgresql_where=text(RICH)),
)

# The ledger: each step of a message with its moment and reason. The first one is the message's own `checks`.
steps = Table(
    "steps",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("workspace", _ID, nullable=False),
    Column("message", _ID, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Json),
    Index(None, "message"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("workspace", _ID, nullable=False),
    Column("message", _ID, nullable=False),
    Column("account", _ID),
    Column("provider", String(40), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("provider_ref", Text),
    Column("reason", Json),
    # What the provider says that it costs, beside the message's own estimate.
    Column("price_micros", BigInteger),
    Column("currency", String(3)),
    Column("step", Integer),  # of several channels, which: only then a receipt may be about an earlier one
    Index(None, "message"),
    Index(
        "ix_attempts_provider_ref",
        "account",
        "provider_ref",
        sqlite_where=text("step IS NOT NULL"),
        postgresql_where=text("step IS NOT NULL"),
    ),
)

# The latest answer of each rule for each occasion: also why there is no message.
answers = Table(
    "answers",
    metadata,
    Column("occasion", _ID, primary_key=True),
    Column("rule", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("installation", _ID, nullable=False),
    Column("answer", String(6), nullable=False),
    Column("reason", Json),
    Column("checks", Json, nullable=False),
    Column("wanted_at", Moment),
    Column("at", Moment, nullable=False),
    # When the message would leave that is kept back to measure what nudging brings; NULL once that is noted.
    Column("left_out_at", Moment),
    Index(None, "installation"),
    Index(
        "ix_answers_left_out", "left_out_at",
        sqlite_where=text("left_out_at IS NOT NULL"), postgresql_where=text("left_out_at IS NOT NULL"),
    ),
)

# Everybody of a connection is to be erased: bit by bit, with a receipt when it is done.
erasures = _table(
    "erasures",
    Column("installation", _ID, nullable=False),
    Column("before", String(20), nullable=False),  # the end of an id that is newer than all that is meant
    Column("rows", Json, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("installation"),
)

# What a platform called off, of whom (a mark) and when: a wish that is older comes too late.
called_off = Table(
    "called_off",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("installation", _ID, primary_key=True),
    Column("whom", String(64), primary_key=True),
    Column("campaign", String(200), primary_key=True),
    Column("at", Moment, nullable=False),
    Index(None, "at"),
)

# Carts (and appointments, named alike) whose people were left out at that moment, to measure what writing brings.
left_out = Table(
    "left_out",
    metadata,
    Column("cart", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("installation", _ID, nullable=False),
    Column("rule", _ID, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "installation", "at"),
)

# Who came to their appointment, and who did not, as a person or a program said.
attendances = Table(
    "attendances",
    metadata,
    Column("occasion", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("start", Moment, nullable=False),
    Column("came", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "workspace", "start"),
)

# Orders that came after a nudge, or of somebody who was left out: each order once.
conversions = Table(
    "conversions",
    metadata,
    Column("purchase", _ID, primary_key=True),  # the order's occasion
    Column("workspace", _ID, nullable=False),
    Column("installation", _ID, nullable=False),  # the cart's
    Column("rule", _ID, nullable=False),
    Column("cart", _ID, nullable=False),
    Column("message", _ID),
    Column("kind", String(8), nullable=False),  # click | code | after | control
    Column("nudged_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("amount", BigInteger),
    Column("currency", String(3)),
    Index(None, "installation", "nudged_at"),
    Index(None, "cart"),
)

contacts = _table(
    "contacts",
    Column("number", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("name", Text),
    Column("first_name", Text),
    Column("email", Text),
    Column("language", String(5)),
    Column("zone", String(64)),
    Column("values", Json, nullable=False),
    Column("quarantine", Json),
    # As in `optouts`, so that the database can tell who said no.
    Column("number_hash", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("workspace", "number"),
    Index(None, "workspace", "email"),
)

# Sets of people with a name: by conditions, or (without any) the list of those that were put on it.
segments = _table(
    "segments",
    Column("name", Text, nullable=False),
    Column("conditions", Json),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("removed_at", Moment),
    Index(None, "workspace"),
)

segment_people = Table(
    "segment_people",
    metadata,
    Column("segment", _ID, primary_key=True),
    Column("contact", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Index(None, "contact"),
)

campaigns = _table(
    "campaigns",
    Column("name", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("class", String(16), nullable=False),
    Column("audience", Json, nullable=False),
    Column("message", Json, nullable=False),  # channels, budgets, variants, sender, shorten, fallbacks
    Column("send_at", Moment),
    Column("wall", String(19)),
    Column("zone", String(64)),
    Column("useful", Integer, nullable=False),  # seconds
    Column("staged", Json),
    Column("winner", String(10)),
    Column("holdout", Integer, nullable=False),
    Column("open_until", Moment),  # till when people who come to belong to the audience are added
    Column("survey", _ID),  # whose first question is its text
    Column("test", Boolean, nullable=False),
    Column("series", _ID),  # the series whose run it is
    Column("cursor", Text),  # how far the audience was written down
    Column("gathered", Boolean, nullable=False, server_default=text("false")),
    # Places below the first number are left out, those below the second one come first.
    Column("left_out_below", BigInteger),
    Column("first_below", BigInteger),
    Column("first_only", Boolean, nullable=False, server_default=text("false")),
    Column("placed", Integer, nullable=False, server_default="0"),
    Column("won", String(40)),
    Column("let_go", Boolean, nullable=False, server_default=text("false")),  # a person has seen its figures
    Column("trouble", Json),
    Column("first_over_at", Moment),
    Column("next_at", Moment),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index(None, "workspace"),
    Index(
        "ix_campaigns_due", "next_at",
        sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL"),
    ),
)

# A campaign again and again: each run is a campaign of its own, made a while before it leaves.
campaign_series = _table(
    "campaign_series",
    Column("name", Text, nullable=False),
    Column("state", String(8), nullable=False),  # active | paused | ended
    Column("every", String(5), nullable=False),  # week | month
    Column("first", String(10), nullable=False),  # the first day, which says the weekday or the day of the month
    Column("at", String(5), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("until", String(10)),  # the last day
    Column("most", Integer),  # how many runs at most
    Column("runs", Integer, nullable=False, server_default="0"),
    Column("campaign", Json, nullable=False),  # the columns that each run's row takes
    Column("trouble", Json),
    Column("last_at", Moment),
    Column("next_at", Moment),
    Column("who", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index(None, "workspace"),
    Index(
        "ix_campaign_series_due", "next_at",
        sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL"),
    ),
)

# Lists of questions that people answer one by one, see `core.domain.surveys`.
surveys = _table(
    "surveys",
    Column("name", Text, nullable=False),
    Column("state", String(8), nullable=False),  # draft | open | stopped
    Column("class", String(16), nullable=False),
    Column("language", String(5), nullable=False),
    Column("sender", String(16)),
    Column("questions", Json, nullable=False),
    Column("ending", Text),
    Column("unclear", Text, nullable=False),
    Column("reminder", Json),  # after (seconds), text
    Column("lasts", Integer, nullable=False),  # seconds that an answer to a question counts
    Column("rest", Integer, nullable=False),  # seconds in which nobody is asked twice
    Column("test", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Index(None, "workspace"),
)

# Everybody who is asked, and how far they are. A person has one open survey at most.
PARTAKING = "state IN ('planned', 'asked')"
survey_people = _table(
    "survey_people",
    Column("survey", _ID, nullable=False),
    Column("number", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("origin", String(10), nullable=False),  # campaign | rule | keyword
    Column("campaign", _ID),
    Column("rule", _ID),
    Column("occasion", _ID),
    Column("message", _ID, nullable=False),  # the one with the first question
    Column("state", String(10), nullable=False),
    Column("question", Integer, nullable=False),  # the one that was asked last, from 1
    Column("asked", _ID, nullable=False),  # the last message that asks it
    Column("asked_at", Moment),
    Column("unclear", Boolean, nullable=False, server_default=text("false")),  # it was asked again
    Column("reminded_at", Moment),
    Column("answered_at", Moment),
    Column("next_at", Moment),
    Column("expires_at", Moment),
    Column("reason", Json),
    Column("test", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),  # when the first question left
    Column("ended_at", Moment),
    Index(
        "uq_survey_people_open", "workspace", "number", unique=True,
        sqlite_where=text(PARTAKING), postgresql_where=text(PARTAKING),
    ),
    Index(
        "ix_survey_people_due", "next_at",
        sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL"),
    ),
    Index(None, "survey", "state"),
    Index(None, "workspace", "number"),
    Index(None, "message"),
)

survey_answers = _table(
    "survey_answers",
    Column("survey", _ID, nullable=False),
    Column("person", _ID, nullable=False),  # in `survey_people`
    Column("number", String(20), nullable=False),
    Column("occasion", _ID),
    Column("question", Integer, nullable=False),
    Column("value", String(4)),  # a letter, or a number; NULL for free words
    Column("text", Text, nullable=False),
    Column("reply", _ID, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("person", "question"),
    Index(None, "survey", "question", "value"),
    Index(None, "survey", "at"),
)

# What follows when people send a word by themselves.
keywords = _table(
    "keywords",
    Column("words", Json, nullable=False),
    Column("body", Text),
    Column("template", String(80)),
    Column("segment", _ID),  # a list that the person is put on
    Column("consent", Json),  # text, place: what they agree to by sending the word
    Column("survey", _ID),
    Column("active", Boolean, nullable=False),
    Column("heard", Integer, nullable=False, server_default="0"),
    Column("heard_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("removed_at", Moment),
    Index(None, "workspace"),
)

# Everybody who is meant by a campaign, once, and what became of them: waiting | planned | left_out | control.
campaign_people = _table(
    "campaign_people",
    Column("campaign", _ID, nullable=False),
    Column("number", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("contact", _ID),
    Column("place", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("variant", String(40)),
    Column("step", String(8)),  # where they were lost
    Column("reason", Json),
    Column("message", _ID),
    Column("at", Moment),  # when their message is due, or would have been
    UniqueConstraint("campaign", "number"),
    Index(None, "campaign", "state", "place"),
    Index(None, "workspace", "number"),
    Index(None, "message"),
)

consents = _table(
    "consents",
    Column("number", String(20), nullable=False),
    Column("scope", String(20), nullable=False),
    Column("state", String(4), nullable=False),  # in | out
    Column("at", Moment, nullable=False),
    Column("source", Text, nullable=False),
    Column("proof", Json, nullable=False),
    Column("installation", _ID),  # where it was said, if on a platform
    Column("untold", Boolean, nullable=False, server_default=text("true")),
    Index(None, "workspace", "number", "scope"),
    Index("ix_consents_untold", "id", sqlite_where=text("untold"), postgresql_where=text("untold")),
)

# Who must not be written to: looked up for every batch that leaves. It outlives the person's other data.
optouts = Table(
    "optouts",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("number_hash", String(64), primary_key=True),
    Column("scope", String(20), primary_key=True),
    Column("at", Moment, nullable=False),
)

provider_accounts = _table(
    "provider_accounts",
    Column("provider", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("config", Json, nullable=False),
    Column("secrets", Text),
    Column("position", Integer, nullable=False),
    Column("countries", Json, nullable=False),
    Column("channels", Json, nullable=False),
    Column("rate", Integer),
    Column("denied", Json, nullable=False, server_default="[]"),  # countries
    Column("classes", Json, nullable=False, server_default="[]"),
    Column("prices", Json, nullable=False, server_default="{}"),  # country or "*" → micro-units a segment
    Column("weight", Integer),
    Column("takes_replies", Boolean, nullable=False, server_default=text("true")),
    Column("rates", Json, nullable=False, server_default="{}"),  # a second, see `core.domain.pacing.limits`
    Column("health", Json, nullable=False, server_default="{}"),
    Column("state", String(16), nullable=False),  # active | held | paused | removed
    Column("hook_hash", String(64), nullable=False, unique=True),
    Column("hook_sealed", Text, nullable=False),
    Column("trouble", Json),
    Column("held_until", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "workspace"),
)

# How much of a rate is left: one row for each account, and for each of its senders and countries that has a rate.
buckets = Table(
    "buckets",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("urgent_until", Moment, nullable=False),
    Column("bulk_until", Moment, nullable=False),
)

# Which phones a channel beside SMS reaches, as its provider said: for each name that we send under, with its age.
reach = Table(
    "reach",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("agent", String(160), primary_key=True),
    Column("number", String(20), primary_key=True),
    Column("reachable", Boolean, nullable=False),
    Column("features", Json),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Index(None, "until"),
)

# Texts that a provider's channel sends only after it approved them (WhatsApp's templates), as it lists them.
approved_templates = _table(
    "approved_templates",
    Column("account", _ID, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("status", String(24), nullable=False),
    Column("category", String(24)),
    Column("next_category", String(24)),  # what it becomes at `next_category_at`
    Column("next_category_at", Moment),
    Column("quality", String(12)),
    Column("rejected", Text),
    Column("note", Text),  # the provider's own words
    Column("parts", Json, nullable=False),  # header, body, footer, buttons, see `core.domain.approved`
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("account", "name", "language"),
    Index(None, "workspace"),
)

# When an account's templates were listed last, and when they are next.
template_syncs = Table(
    "template_syncs",
    metadata,
    Column("account", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("at", Moment),
    Column("next_at", Moment, nullable=False),
    Column("trouble", Json),
)

receipts = _table(
    "receipts",
    Column("account", _ID, nullable=False),
    Column("message", _ID),
    Column("provider_ref", Text),
    Column("status", Text, nullable=False),
    Column("state", String(12)),
    Column("reason", Json),
    Column("also", Json),  # what it says beyond the message's state, for when the message is known
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("digest", String(32), nullable=False),
    UniqueConstraint("account", "digest"),
    Index(None, "account", "provider_ref"),
    Index(
        "ix_receipts_missed", "received_at",
        sqlite_where=text("message IS NULL"), postgresql_where=text("message IS NULL"),
    ),
    Index(None, "message"),
)

replies = _table(
    "replies",
    Column("account", _ID),
    Column("number", String(20), nullable=False),
    Column("to", String(20), nullable=False),
    Column("channel", String(10)),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("provider_ref", Text, nullable=False),
    Column("message", _ID),
    Column("occasion", _ID),
    Column("meaning", String(12), nullable=False),
    Column("outcome", Json),
    Column("handled_at", Moment),
    UniqueConstraint("account", "provider_ref"),
    Index(None, "workspace", "received_at"),
    Index(None, "workspace", "number"),
    Index(
        "ix_replies_message", "message",
        sqlite_where=text("message IS NOT NULL"), postgresql_where=text("message IS NOT NULL"),
    ),
)

# One for each person who ever wrote back. What was said stands in `messages` and `replies`, found by the number.
conversations = _table(
    "conversations",
    Column("number", String(20), nullable=False),
    Column("state", String(8), nullable=False),  # open | waiting | closed
    Column("unread", Integer, nullable=False, server_default="0"),
    Column("assigned", _ID),  # a user
    Column("channel", String(10)),  # by which they wrote last
    Column("reply", _ID),  # the last one
    Column("message", _ID),  # the last that a person of the house wrote
    Column("at", Moment, nullable=False),  # when either of the two was said
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("workspace", "number"),
    Index(None, "workspace", "at"),
    Index(None, "workspace", "state", "at"),
)

# What people of the house write about a conversation, for each other alone.
notes = _table(
    "notes",
    Column("conversation", _ID, nullable=False),
    Column("number", String(20), nullable=False),
    Column("who", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "conversation", "at"),
)

# The waiting list: how each connection's free slots are offered, see `core.domain.waitlist.Terms`.
waitlist_terms = Table(
    "waitlist_terms",
    metadata,
    Column("installation", _ID, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("terms", Json, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

# Who would like an earlier appointment, or any. `proof`: how they agreed to be written to.
waitlist_entries = _table(
    "waitlist_entries",
    Column("number", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("line", String(16), nullable=False),
    Column("name", Text),
    Column("installation", _ID),
    Column("kind", Text),
    Column("wishes", Json, nullable=False),
    Column("moves", _ID),  # the occasion that they would give up
    Column("position", Integer, nullable=False),
    Column("state", String(8), nullable=False),  # waiting | served | left
    Column("reason", Json),
    Column("proof", Json, nullable=False),
    Column("agreed_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index(None, "workspace", "state", "position"),
    Index(None, "workspace", "number"),
)

# Times that became free. `origin` names what freed it, so that it becomes one slot however often we hear of it.
waitlist_slots = _table(
    "waitlist_slots",
    Column("installation", _ID, nullable=False),
    Column("occasion", _ID),
    Column("origin", String(120), nullable=False),
    Column("cause", String(10), nullable=False),
    Column("start", Moment, nullable=False),
    Column("end", Moment),
    Column("zone", String(64), nullable=False),
    Column("title", Text),
    Column("place", Text),  # which of a connection's calendars
    Column("state", String(10), nullable=False),  # open | taken | withdrawn | over | rehearsed
    Column("reason", Json),
    Column("offer", _ID),  # the one that took it
    Column("moves", _ID),  # the occasion that the taker gives up
    Column("deadline", Moment, nullable=False),
    Column("next_at", Moment),
    Column("writing", String(8), nullable=False, server_default="none"),  # none | wanted | done | failed
    Column("write_at", Moment),
    Column("written", Text),  # the key of the occasion that was written over there
    Column("trouble", Json),
    Column("settled_at", Moment),  # when it stood in the calendar, or a person said so
    Column("taken_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("workspace", "origin"),
    Index(None, "workspace", "state", "start"),
    Index(
        "ix_waitlist_slots_next", "next_at",
        sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL"),
    ),
    Index(
        "ix_waitlist_slots_write", "write_at",
        sqlite_where=text("write_at IS NOT NULL"), postgresql_where=text("write_at IS NOT NULL"),
    ),
)

# Who was asked: nobody twice for one slot, one at a time, and one who gets it.
waitlist_offers = _table(
    "waitlist_offers",
    Column("slot", _ID, nullable=False),
    Column("entry", _ID, nullable=False),
    Column("number", String(20), nullable=False),
    Column("message", _ID),
    Column("state", String(10), nullable=False),  # asked | taken | no | silent | reserve | withdrawn | failed
    Column("reason", Json),
    Column("asked_at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("answered_at", Moment),
    UniqueConstraint("slot", "number"),
    Index(
        "uq_waitlist_offers_asked", "slot", unique=True,
        sqlite_where=text("state = 'asked'"), postgresql_where=text("state = 'asked'"),
    ),
    Index(
        "uq_waitlist_offers_taken", "slot", unique=True,
        sqlite_where=text("state = 'taken'"), postgresql_where=text("state = 'taken'"),
    ),
    Index(None, "workspace", "number"),
    Index(None, "message"),
)

# The ledger of a slot: what happened, to whom, and why this person and not that one.
waitlist_steps = Table(
    "waitlist_steps",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("workspace", _ID, nullable=False),
    Column("slot", _ID, nullable=False),
    Column("at", Moment, nullable=False),
    Column("what", String(12), nullable=False),
    Column("number", String(20)),
    Column("entry", _ID),
    Column("reason", Json),
    Index(None, "slot"),
    Index(None, "workspace", "number"),
)

# Files that people ask for. The engine writes their parts one by one; the cursor says where it goes on.
exports = _table(
    "exports",
    Column("what", String(20), nullable=False),
    Column("format", String(8), nullable=False),
    Column("filters", Json, nullable=False),
    Column("language", String(5), nullable=False),
    Column("who", Text, nullable=False),
    Column("state", String(12), nullable=False),  # waiting | running | done | failed | expired | withdrawn
    Column("cursor", String(80)),
    Column("parts", Integer, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("trouble", Json),
    Column("lease", Moment),
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment),
    Column("expires_at", Moment),
    Index(None, "workspace"),
    Index(
        "ix_exports_due",
        "lease",
        sqlite_where=text("state IN ('waiting', 'running')"),
        postgresql_where=text("state IN ('waiting', 'running')"),
    ),
)

# Packed with gzip. In the database, because the machine that makes a file is not the one that is asked for it.
export_parts = Table(
    "export_parts",
    metadata,
    Column("export", _ID, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Files that people bring, until what is in them was taken in: an hour at most. In parts, because no request is larger
# than a megabyte, and packed.
uploads = _table(
    "uploads",
    Column("name", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "workspace"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload", _ID, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

reports = _table(
    "reports",
    Column("installation", _ID, nullable=False),
    Column("occasion", _ID),
    Column("message", _ID),
    Column("kind", String(12), nullable=False),
    Column("content", Json, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("trouble", Json),
    Column("created_at", Moment, nullable=False),
    Index(
        "ix_reports_due", "due_at", "kind",
        sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'"),
    ),
    Index(None, "message"),
    Index(None, "occasion"),
)

webhooks = _table(
    "webhooks",
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("trouble", Json),
    Column("failing_since", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "workspace"),
)

deliveries = _table(
    "deliveries",
    Column("webhook", _ID, nullable=False),
    Column("event", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", Integer),
    Column("answer", Text),  # the beginning of what the endpoint said
    Column("trouble", Json),
    Column("delivered_at", Moment),
    Index(
        "ix_deliveries_due",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(None, "workspace", "webhook"),
)

# The last calls that programs made, and how many there were in each hour. A call's route and our ids are kept, never a
# number, a body or a query.
requests = _table(
    "requests",
    Column("key", _ID, nullable=False),
    Column("at", Moment, nullable=False),
    Column("method", String(8), nullable=False),
    Column("route", String(120), nullable=False),
    Column("on", _ID),
    Column("status", Integer, nullable=False),
    Column("code", String(60)),
    Column("dry_run", Boolean, nullable=False),
    Column("micros", Integer, nullable=False),
    Column("request", String(40), nullable=False),
    Index(None, "workspace", "id"),
    Index(None, "at"),
)

request_hours = Table(
    "request_hours",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("kind", String(8), primary_key=True),  # done | refused | failed
    Column("count", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("status", Integer),
    Column("body", Text),
    Column("headers", Json),
    Column("owner", String(40), nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "created_at"),
)

# What the simulated phones received. The simulator is a provider like others: it has its own book.
simulated = _table(
    "simulated_messages",
    Column("account", _ID),
    Column("reference", String(140), nullable=False),
    Column("to", String(20), nullable=False),
    Column("sender", Text),
    Column("text", Text, nullable=False),
    Column("channel", String(10), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("state", String(12), nullable=False),
    Column("next_at", Moment),
    Column("next", String(12)),
    UniqueConstraint("reference"),
    Index(None, "workspace", "to"),
    Index(
        "ix_simulated_next",
        "next_at",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
)

# The parts of messages that left over SMPP, and what was heard of each; without a `reference`, a receipt that waits for
# its part. `tail`: the last digits of the number, not enough to call it.
smpp_parts = _table(
    "smpp_parts",
    Column("account", _ID, nullable=False),
    Column("part", String(65), nullable=False),
    Column("reference", _ID),
    Column("number", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("tail", String(6), nullable=False),
    Column("state", String(12)),
    Column("status", Text, nullable=False),
    Column("reason", Json),
    Column("heard_at", Moment),
    Column("told", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "account", "part"),
    Index(None, "account", "reference"),
    Index(None, "account", "tail"),
    Index(
        "ix_smpp_parts_news",
        "account",
        sqlite_where=text("NOT told"),
        postgresql_where=text("NOT told"),
    ),
    Index(None, "created_at"),
)

# What platforms handed in over connections of their own: by which name it was taken, and by which process (`origin`, ""
# when its answer surely arrived). `content` only while other parts of the same `whole` are missing.
slips = _table(
    "slips",
    Column("installation", _ID, nullable=False),
    Column("name", String(10), nullable=False),
    Column("mark", String(40), nullable=False),
    Column("origin", String(40), nullable=False),
    Column("whole", String(40)),
    Column("number", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("content", Json),
    Column("taken_at", Moment, nullable=False),
    UniqueConstraint("installation", "name"),
    Index(None, "installation", "mark"),
    Index(
        "ix_slips_whole", "whole",
        sqlite_where=text("whole IS NOT NULL"), postgresql_where=text("whole IS NOT NULL"),
    ),
    Index(None, "taken_at"),
)

# What left and what caps have given out, in sums: never a COUNT over messages. `what` is "left|rule|channel|country|
# currency" for a day, or "cap|id" for one of its periods.
counters = Table(
    "counters",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("what", String(120), primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("segments", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
    Index(None, "workspace", "start"),
)

# Caps that were reached, one row for each: people are told once a day, and what waits is found without a search.
cap_stops = Table(
    "cap_stops",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("cap", String(40), primary_key=True),
    Column("holding", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("told_at", Moment, nullable=False),
    Column("reason", Json, nullable=False),
)

# Whom public forms made us write to, by the minute: numbers and addresses as keyed hashes, prefixes, countries.
sightings = Table(
    "sightings",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last", Moment, nullable=False),
    Index(None, "start"),
    # What is counted for the whole house: each workspace writes rows of its own, so that none waits for another.
    Index(
        "ix_sightings_same", "key", "start", sqlite_where=text("substr(key, 1, 5) = 'same|'"),
        postgresql_where=text("substr(key, 1, 5) = 'same|'"),
    ),
)

# Prefixes, countries, numbers and addresses that are closed to public forms (or always let in), by us or by a person.
ranges = Table(
    "ranges",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("state", String(8), nullable=False),  # closed | open | allowed
    Column("until", Moment),
    Column("times", Integer, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Json),
    Column("at", Moment, nullable=False),
)

# The days on which something left, as the workspace's zone has them, and whether their sums follow the ledger: those
# that were `touched` since they were added up are added up again (`core.storage.measures`).
measured_days = Table(
    "measured_days",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("touched", Integer, nullable=False),
    Column("summed", Integer, nullable=False),  # the `touched` that the sums are of; -1: none yet
    Index(
        "ix_measured_days_stale", "workspace", "day",
        sqlite_where=text("touched <> summed"), postgresql_where=text("touched <> summed"),
    ),
)

# What left on a day and what became of it, by all that figures are asked by. No person is in it: `range` is the first
# digits of numbers, those that say a country and a range of a network, never enough to call anybody.
measured_sums = Table(
    "measured_sums",
    metadata,
    Column("workspace", _ID, nullable=False),
    Column("day", String(10), nullable=False),
    Column("installation", _ID, nullable=False),
    Column("rule", _ID, nullable=False),
    Column("campaign", String(200), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("class", String(16), nullable=False),
    Column("country", String(2), nullable=False),
    Column("range", String(6), nullable=False),
    Column("account", _ID, nullable=False),
    Column("currency", String(3), nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in (
        "left", "delivered", "read", "failed", "parts", "micros", "linked", "clicked", "asked", "answered", "stops",
    )),
    Index("ix_measured_sums_day", "workspace", "day"),
)  # fmt: skip

# Short links: `code` is what stands in the text. Those of a message bear its id; those that people made for themselves
# bear none.
links = _table(
    "links",
    Column("code", String(24), nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("track", Boolean, nullable=False),
    Column("name", Text),
    Column("message", _ID),
    Column("test", Boolean, nullable=False),
    Column("clicked_at", Moment),
    Column("expires_at", Moment),
    Column("created_at", Moment, nullable=False),
    Index(None, "message"),
    Index(None, "workspace"),
    Index(None, "expires_at"),
)

# Each time that a person followed a link; robots are only counted.
clicks = _table(
    "clicks",
    Column("link", _ID, nullable=False),
    Column("message", _ID),
    Column("at", Moment, nullable=False),
    Index(None, "link"),
    Index(None, "message"),
)

# How often each link (or page) was asked for in an hour, and by whom: human | preview | robot | unknown. Of a page also
# what people did there: pressed | joined | coupon.
click_hours = Table(
    "click_hours",
    metadata,
    Column("workspace", _ID, nullable=False),
    Column("link", _ID, primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("visitor", String(8), primary_key=True),
    Column("count", Integer, nullable=False),
)

# Small pages that we host: `code` is what stands in their address. `content`: what they say, by language, and what
# their button does, see `core.domain.pages`.
pages = _table(
    "pages",
    Column("code", String(24), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("content", Json, nullable=False),
    Column("picture", LargeBinary),
    Column("picture_kind", String(10)),
    Column("test", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(None, "workspace"),
)

# Discount codes that a page gives away, each to one person: whom it went to is the message whose link they followed.
page_codes = Table(
    "page_codes",
    metadata,
    Column("page", _ID, primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("workspace", _ID, nullable=False),
    Column("message", _ID),
    Column("at", Moment),
    Index(
        "ix_page_codes_message", "page", "message", unique=True,
        sqlite_where=text("message IS NOT NULL"), postgresql_where=text("message IS NOT NULL"),
    ),
)

# One-time codes. `code_hash` is keyed with the house's secret; `code_of` names the verification whose code counts here
# too, where none was sent because that one had just left.
verifications = _table(
    "verifications",
    Column("number", String(20), nullable=False),
    Column("country", String(2), nullable=False),
    Column("purpose", String(60), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("language", String(5), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("installation", _ID),
    Column("message", _ID),
    Column("code_hash", String(64)),
    Column("code_of", _ID),
    Column("state", String(12), nullable=False),  # pending | approved | failed | replaced
    Column("reason", Json),
    Column("tries", Integer, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("checked_at", Moment),
    # Whether the code is out of its message's text.
    Column("hidden", Boolean, nullable=False, server_default=text("false")),
    Index(None, "workspace", "number"),
    Index(None, "created_at"),
    Index(
        "ix_verifications_shown", "expires_at",
        sqlite_where=text("hidden = false AND message IS NOT NULL"),
        postgresql_where=text("hidden = false AND message IS NOT NULL"),
    ),
)

audit = _table(
    "audit",
    Column("who", Text, nullable=False),
    Column("what", String(60), nullable=False),
    Column("on", _ID),
    Column("detail", Json, nullable=False),
    Column("at", Moment, nullable=False),
    # Under the house's key: `digest` of the detail, `mac` of the whole line with it, `chain` of the line and all before
    # it, which the housekeeping adds with its number. `erased`: the house itself took a person out of the detail.
    Column("digest", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("seq", BigInteger),
    Column("chain", String(64)),
    Column("erased", String(64)),
    Index(None, "workspace", "at"),
    Index("ix_audit_workspace_seq", "workspace", "seq", unique=True),
    Index("ix_audit_unchained", "workspace", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
)

# Where the chain of a workspace's audit log ends, and where it begins since older lines had their time.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("workspace", _ID, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("chain", String(64), nullable=False),
    Column("from_seq", BigInteger, nullable=False),
    Column("from_chain", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("at", Moment, nullable=False),
)

# A few values of the whole house: how far the clock is turned, when the engine last ticked.
house = Table(
    "house",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Json, nullable=False),
    Column("at", Moment, nullable=False),
)

# What the engine counts for those who watch it; rows are added, and summed up now and then (core.storage.tally).
tally = Table(
    "tally",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("what", String(160), nullable=False),
    Column("count", BigInteger, nullable=False),
)

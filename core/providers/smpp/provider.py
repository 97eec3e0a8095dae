"""The plug: what a person sets, messages into submits, and the one event loop in which all the connections live."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Overdue
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from core.contract import (
    Account,
    AccountTrouble,
    Configured,
    Listens,
    Outcome,
    Outgoing,
    PhoneReply,
    Provider,
    ProviderTools,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.errors import BadInput
from core.domain.messages import Channel
from core.domain.reasons import Reason
from core.domain.smpp.pdu import Address, Bind, Command, ShortMessage
from core.domain.smpp.texts import ALPHABETS, LONG, TooLong, Writing, pieces
from core.guarded import resolve
from core.providers.lines import with_way_out
from core.providers.smpp import words
from core.providers.smpp.line import AWAY, Ear, Letter, Line, Manner
from core.providers.smpp.notes import Notes
from core.providers.smpp.session import Pace, Where

LONGEST_VALIDITY = timedelta(hours=72)
SHORTEST_VALIDITY = timedelta(minutes=1)
GRACE = 15.0
"""Seconds that a batch may last longer than it should, before it is given up."""
MOST_NUMBERS = 20_000
BINDS: Mapping[str, tuple[Command, ...]] = MappingProxyType({
    "transceiver": (Command.BIND_TRANSCEIVER,),
    "pair": (Command.BIND_TRANSMITTER, Command.BIND_RECEIVER),
    "transmitter": (Command.BIND_TRANSMITTER,),
})
T = TypeVar("T")


class Smpp(Provider, Listens):
    """`config`: see `_FIELDS`. One line for each account, for as long as somebody sends or listens by it."""

    slug = "smpp"
    name = "SMPP"
    channels = frozenset({Channel.SMS})
    batch_size = 64

    def __init__(self, tools: ProviderTools, pace: Pace | None = None) -> None:
        super().__init__(tools)
        self._pace = pace or Pace()
        self._book = tools.parts or Notes()
        self._lock = threading.Lock()
        self._loop = _Loop()
        self._lines: dict[str, tuple[str, Line]] = {}
        self._ears: dict[str, Ear] = {}
        self._references = _References()

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """Sorts `config` and checks its form. Raises `BadInput` with a pointer below the configuration."""
        for field in config:
            if field not in _FIELDS:
                raise BadInput("provider_field_unknown", pointer=_pointer(field), provider=self.name, field=field[:60],
                               known=", ".join(_FIELDS))
        for field in ("host", "system_id", "password"):
            if config.get(field) in (None, ""):
                raise BadInput("provider_field_missing", pointer=_pointer(field), provider=self.name, field=field)
        for field, value in config.items():
            rule = _FIELDS[field]
            if value is not None and not rule.fits(value):
                raise BadInput("provider_field_wrong", pointer=_pointer(field), field=field, example=rule.example)
        shown = {field: value for field, value in config.items() if field != "password" and value is not None}
        named = f"{shown['system_id']}@{shown['host']}:{shown.get('port', 2775)}"
        return Configured(shown, {"password": config["password"]}, account=named)

    # ------------------------------------------------------------------------------------ out

    def send(self, account: Account, messages: Sequence[Outgoing], now: datetime,
             begun: Callable[[str], None]) -> list[Outcome]:
        written = [self._written(account, message, now) for message in messages]
        letters = [one for one in written if isinstance(one, Letter)]
        if letters:
            self._speak(account, letters, now, begun)
        doubt = Uncertain(Reason("provider_uncertain", {"provider": self.name}))
        return [(one.outcome or doubt) if isinstance(one, Letter) else one for one in written]

    def _speak(self, account: Account, letters: Sequence[Letter], now: datetime, begun: Callable[[str], None]) -> None:
        started: set[str] = set()

        def begin(reference: str) -> None:
            begun(reference)
            started.add(reference)

        try:
            line = self._line(account)
        except ValueError:
            trouble = AccountTrouble(Reason("smpp_settings_unusable"))
            for letter in letters:
                letter.outcome = trouble
            return
        try:
            self._loop.run(line.send(letters, begin)).result(self._pace.batch + self._pace.answer + GRACE)
        except (Overdue, asyncio.CancelledError):
            for letter in letters:
                if letter.outcome is None and letter.reference not in started:
                    letter.outcome = TryLater(AWAY, Reason("provider_busy", {"provider": self.name}))
        line.taken(letters, now)
        if line.ear is not None:
            self._loop.call(line.poke)

    def _written(self, account: Account, message: Outgoing, now: datetime) -> Letter | Outcome:
        """The submits of a message, or why they cannot be written."""
        if message.channel is not Channel.SMS:
            values = {"provider": self.name, "channel": message.channel.value}
            return Refused(Reason("provider_no_such_channel", values))
        config = account.config
        writing = Writing(config.get("long", "udh8"), config.get("alphabet", "gsm7"), config.get("data_coding", 0),
                          config.get("data_coding_ucs2", 8))
        text = with_way_out(self.name, message, config.get("stop_mention"))
        if isinstance(text, Refused):
            return text
        sender = message.sender or config.get("sender") or ""
        digits = message.to.removeprefix("+")
        try:
            source = _source(sender, config)
            cut = pieces(text, writing, self._references.next(account.id, digits))
            bodies = tuple(ShortMessage(
                source,
                Address(config.get("dest_ton", 1), config.get("dest_npi", 1), digits.encode("ascii")),
                piece.octets, piece.esm_class, piece.data_coding,
                registered_delivery=0 if config.get("receipts") == "none" else 1,
                service_type=config.get("service_type", "").encode("ascii"),
                validity=_validity(message.expires_at, now) if config.get("validity", True) else b"",
                tlvs=piece.tlvs).written() for piece in cut)
        except _NoSender:
            return Refused(Reason("smpp_sender_unusable", {"sender": sender[:40]}))
        except TooLong:
            return Refused(Reason("smpp_text_too_long"))
        except ValueError:          # a lone surrogate, a number of another script: no octets stand for it
            return Refused(Reason("provider_text_unreadable"))
        own = bool(message.sender) and message.sender != config.get("sender")
        return Letter(message.reference, words.tail_of(digits), bodies, own)

    def check(self, account: Account, now: datetime) -> Reason | None:
        """Binds, if nobody has yet, and no more than that."""
        known = account.id in self._lines
        try:
            line = self._line(account)
        except ValueError:
            return Reason("smpp_settings_unusable")
        try:
            return self._loop.run(line.check()).result(2 * (self._pace.connect + self._pace.dead) + GRACE)
        except (Overdue, asyncio.CancelledError):
            return Reason("provider_unreachable", {"provider": self.name})
        finally:
            if not known:
                self.fall_silent(account.id)

    # ------------------------------------------------------------------------------------ back

    def listen(self, account: Account, deliver: Callable[[Sequence[Receipt | PhoneReply]], None],
               now: Callable[[], datetime]) -> None:
        with self._lock:
            self._ears[account.id] = Ear(deliver, now)
        self._line(account)

    def fall_silent(self, account_id: str) -> None:
        with self._lock:
            self._ears.pop(account_id, None)
            _, line = self._lines.pop(account_id, ("", None))
        if line is not None:
            self._ended(line)

    def close(self) -> None:
        """Ends all connections in good order."""
        for account_id in list(self._lines):
            self.fall_silent(account_id)
        self._loop.stop()

    # ------------------------------------------------------------------------------------ lines

    def _line(self, account: Account) -> Line:
        """The account's line as it is set now: changed settings, or somebody who begins to listen, make it a new one.
        Raises `ValueError` for settings that cannot be used."""
        with self._lock:
            ear = self._ears.get(account.id)
            print_ = _fingerprint(account)
            before = self._lines.get(account.id)
            if before is not None and before[0] == print_ and before[1].ear is ear and self._loop.is_ours:
                return before[1]
            where, manner = self._where(account.config, account.secrets), _manner(account.config, ear is not None)
            line = Line(account, where, manner, self._pace, self._book, self._loop.threads, ear)
            self._lines[account.id] = print_, line
        # The centre may allow one bind at a time: the old one says goodbye first.
        if before is not None and self._loop.is_ours:
            self._ended(before[1])
        self._loop.call(line.start)
        return line

    def _ended(self, line: Line) -> None:
        try:
            self._loop.run(line.close()).result(self._pace.answer + self._pace.dead + GRACE)
        except (Overdue, asyncio.CancelledError):
            return

    def _where(self, config: Mapping[str, Any], hidden: Mapping[str, Any]) -> Where:
        host, system_id, password = config.get("host"), config.get("system_id"), hidden.get("password")
        if not (isinstance(host, str) and isinstance(system_id, str) and isinstance(password, str) and host):
            raise ValueError("settings are missing")
        bind = Bind(system_id.encode("latin-1"), password.encode("latin-1"),
                    str(config.get("system_type", "")).encode("latin-1"))
        bind.written()
        return Where(host, int(config.get("port", 2775)), bool(config.get("tls", False)), bind,
                     self.tools.reach or resolve)


def _manner(config: Mapping[str, Any], listening: bool) -> Manner:
    # A process that only sends would take receipts away from the one that listens.
    commands = BINDS[config.get("bind", "transceiver") if listening else "transmitter"]
    return Manner(commands, config.get("window", 10), config.get("rate"), config.get("ids", "auto"),
                  config.get("receipts", "each"), config.get("alphabet", "gsm7"), config.get("country"))


def _fingerprint(account: Account) -> str:
    said = json.dumps([dict(account.config), dict(account.secrets)], sort_keys=True, default=str)
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()


class _References:
    """Numbers that bind the parts of a message together: a phone joins parts by them, so that two messages to one
    number must not have the same one. They begin anywhere, since the last life of this process may have sent too."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def next(self, account: str, number: str) -> int:
        with self._lock:
            last = self._last.pop((account, number), None)
            self._last[account, number] = found = secrets.randbelow(0x10000) if last is None else (last + 1) % 0x10000
            if len(self._last) > MOST_NUMBERS:
                self._last.popitem(last=False)
        return found


class _Loop:
    """An event loop in a thread of its own, begun when it is needed, and again in a process that was forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it runs in this process."""
        return self._loop is not None and self._process == os.getpid()

    @property
    def threads(self) -> ThreadPoolExecutor:
        """For what has to wait: the book, core, the journal."""
        self._running()
        if self._pool is None:
            raise RuntimeError("no threads")
        return self._pool

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                self._pool = ThreadPoolExecutor(4, thread_name_prefix="smpp")
                threading.Thread(target=self._loop.run_forever, name="smpp", daemon=True).start()
            return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins `work` in the loop; from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def call(self, what: Callable[[], None]) -> None:
        self._running().call_soon_threadsafe(what)

    def stop(self) -> None:
        if self._loop is not None and self.is_ours:
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self._loop = self._pool = None


# ---------------------------------------------------------------------------------------- what is written


class _NoSender(ValueError):
    """A sender that no address stands for."""


def _source(sender: str, config: Mapping[str, Any]) -> Address:
    digits = sender.removeprefix("+")
    if not sender:
        ton, npi = 0, 0
    elif digits.isascii() and digits.isdigit():
        # What is too short to be a number from abroad is a short code, which centres call network specific.
        ton, npi = (1, 1) if len(digits) > 6 else (3, 0)
    else:
        ton, npi, digits = 5, 0, sender
    if not digits.isascii() or not digits.replace(" ", "").isprintable() or len(digits) > (11 if ton == 5 else 20):
        raise _NoSender
    return Address(config.get("source_ton", ton), config.get("source_npi", npi), digits.encode("ascii"))


def _validity(expires_at: datetime | None, now: datetime) -> bytes:
    """The absolute form in UTC; a centre gives up by itself after some days anyway."""
    if expires_at is None or expires_at - now > LONGEST_VALIDITY:
        return b""
    until = max(expires_at, now + SHORTEST_VALIDITY).astimezone(UTC)
    return f"{until:%y%m%d%H%M%S}000+".encode()


# ---------------------------------------------------------------------------------------- what a person sets


@dataclass(frozen=True, slots=True)
class _Field:
    fits: Callable[[Any], bool]
    example: str


def _text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest and value.isascii() and \
        value.isprintable() and value == value.strip()


def _number(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _one_of(*words_: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in words_


def _yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


_FIELDS: Mapping[str, _Field] = MappingProxyType({
    "host": _Field(lambda value: _text(253)(value) and not set(value) & set("/@ ?#"), "\"smpp.example.net\""),
    "port": _Field(_number(1, 65535), "2775"),
    "tls": _Field(_yes_or_no, "true"),
    "system_id": _Field(_text(63), "\"cabinet\""),
    "password": _Field(_text(Bind.LONGEST_PASSWORD), "\"s3cret\""),
    "system_type": _Field(_text(12), "\"SMPP\""),
    "bind": _Field(_one_of(*BINDS), "\"transceiver\""),
    "sender": _Field(_text(16), "\"CABINET\""),
    "stop_mention": _Field(_text(40), "\"STOP 36123\""),
    "source_ton": _Field(_number(0, 6), "5"),
    "source_npi": _Field(_number(0, 18), "0"),
    "dest_ton": _Field(_number(0, 6), "1"),
    "dest_npi": _Field(_number(0, 18), "1"),
    "service_type": _Field(_text(5), "\"CMT\""),
    "window": _Field(_number(1, 1000), "10"),
    "rate": _Field(_number(1, 5000), "30"),
    "long": _Field(_one_of(*LONG), "\"udh8\""),
    "alphabet": _Field(_one_of(*ALPHABETS), "\"gsm7\""),
    "data_coding": _Field(_number(0, 255), "0"),
    "data_coding_ucs2": _Field(_number(0, 255), "8"),
    "ids": _Field(_one_of(*words.IDS), "\"auto\""),
    "receipts": _Field(_one_of("each", "first", "none"), "\"each\""),
    "validity": _Field(_yes_or_no, "true"),
    "country": _Field(lambda value: _text(2)(value) and len(value) == 2 and value.isalpha() and value.isupper(),
                      "\"FR\""),
})


def _pointer(field: str) -> str:
    return "/" + field.replace("~", "~0").replace("/", "~1")[:60]

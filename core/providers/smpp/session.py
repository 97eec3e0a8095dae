"""One bound connection to a message centre, kept: bound again when it is cut, asked whether it lives when it is silent.

Everything here runs in one event loop. What comes in is bounded: by the frame, by the number of messages that we are
still answering, and by what we are ready to have waiting in the other direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from core.domain.errors import BadInput, RelanceError
from core.domain.smpp.pdu import (
    GENERIC_NACK,
    HEADER,
    LAST_SEQUENCE,
    RESPONSE,
    Bind,
    Command,
    Malformed,
    Pdu,
    ShortMessage,
    Status,
    head,
)
from core.guarded import authorities
from core.providers.smpp.words import BIND_REFUSED

MOST_HEARING = 200
"""Messages from the centre that we are answering at a time; one more is asked to come again."""
MOST_UNREAD = 1_000_000
"""Octets that may wait for a centre that does not read."""
MOST_LATE = 1_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds."""

    connect: float = 10.0
    answer: float = 15.0
    """For a submit_sm_resp; without one the message is in doubt."""
    idle: float = 30.0
    """Of silence, after which we ask whether the centre lives."""
    dead: float = 10.0
    """For an answer to that, to a bind and to an unbind: a dead peer is found after `idle` and this."""
    first_pause: float = 1.0
    longest_pause: float = 8.0
    """Between two attempts to connect: a link that can be had is back within this."""
    refused_pause: float = 60.0
    """After a bind that was refused for the account's sake."""
    batch: float = 30.0
    """For a whole batch: the engine's lease is longer."""
    impatience: float = 5.0
    """What is left of that once a message of the batch is in doubt or put off."""
    throttled: float = 1.0
    sweep: float = 5.0
    patience: float = 180.0
    """For a receipt whose message is not known yet: longer than it takes to notice that a sender died."""
    hold: float = 3.0
    """How long the answer to a part of a long reply waits for the others."""


@dataclass(frozen=True, slots=True)
class Where:
    """The centre, and who we are there. `reach` resolves its name to addresses that may be connected to."""

    host: str
    port: int
    tls: bool
    bind: Bind
    reach: Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no link. `status` is that of a refused bind, 0 when there was no answer to speak of. `forbidden`: we
    do not call such an address."""

    status: int
    detail: str
    forbidden: bool = False

    @property
    def refused(self) -> bool:
        """Whether the account is at fault, rather than the line."""
        return self.forbidden or self.status in BIND_REFUSED


class NotBound(Exception):
    """Nothing was written."""


class Unanswered(Exception):
    """It was written, and no answer came."""


class _Cut(Exception):
    """The connection is over."""


_ORDINARY_ENDS = (_Cut, NotBound, OSError, asyncio.IncompleteReadError)
Hear = Callable[[ShortMessage, int], Awaitable[int]]
"""`hear(message, connection)` gives the status that a deliver_sm is answered with; `connection` counts the binds."""
OnLate = Callable[[Pdu], None]


class Link:
    """`keep()` is its life; `ready`, `submit` and `close` are for others in the same loop."""

    def __init__(self, where: Where, command: Command, pace: Pace, hear: Hear) -> None:
        self._where, self._command, self._pace, self._hear = where, command, pace, hear
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[int, asyncio.Future[Pdu]] = {}
        self._late: dict[int, OnLate] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self._sequence = 0
        self._last_word = 0.0
        self._failures = 0
        self._closing = False
        self._changed = asyncio.Event()
        self._nudged = asyncio.Event()
        self._doubted = asyncio.Event()
        self.bound = False
        self.binds = 0
        self.trouble: Trouble | None = None

    # ------------------------------------------------------------------------------------ its life

    async def keep(self) -> None:
        """Connects and binds, again and again, until `close`."""
        pause = self._pace.first_pause
        while not self._closing:
            try:
                await self._connect()
            except _Cut as error:
                self._failures += 1
                self.trouble = error.args[0]
            else:
                pause, self.trouble = self._pace.first_pause, None
                await self._live()
            finally:
                self._over()
            if self._closing:
                break
            refused = self.trouble is not None and self.trouble.refused
            await self._rest(self._pace.refused_pause if refused else pause * random.uniform(0.8, 1.0))  # noqa: S311
            pause = min(pause * 2, self._pace.longest_pause)

    async def _rest(self, seconds: float) -> None:
        self._nudged.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudged.wait()

    async def _connect(self) -> None:
        """Raises `_Cut` with a `Trouble`."""
        where = self._where
        try:
            async with asyncio.timeout(self._pace.connect):
                loop = asyncio.get_running_loop()
                addresses = await loop.run_in_executor(None, where.reach, where.host, where.port)
                await self._open(addresses)
            async with asyncio.timeout(self._pace.dead):
                self._write(Pdu(self._command, self._next(), 0, where.bind.written()))
                answer = await self._bind_answer()
        except BadInput as error:
            raise _Cut(Trouble(0, error.reason.code, forbidden=True)) from error
        except RelanceError as error:
            raise _Cut(Trouble(0, error.reason.code)) from error
        except (OSError, TimeoutError, asyncio.IncompleteReadError, NotBound, Malformed) as error:
            raise _Cut(Trouble(0, type(error).__name__)) from error
        if answer.status or answer.command != self._command | RESPONSE:
            raise _Cut(Trouble(answer.status or Status.BIND_FAILED, "bind"))
        self.bound, self.binds = True, self.binds + 1
        self._announce()

    async def _open(self, addresses: Sequence[str]) -> None:
        context = ssl.create_default_context(cafile=authorities()) if self._where.tls else None
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                self._reader, self._writer = await asyncio.open_connection(
                    address, self._where.port, ssl=context, server_hostname=self._where.host if context else None)
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    async def _bind_answer(self) -> Pdu:
        while True:
            pdu = await self._read()
            if pdu.is_response:
                return pdu
            if pdu.command == Command.ENQUIRE_LINK:
                self._answer(pdu)

    async def _live(self) -> None:
        """Until the connection is cut, by whoever."""
        self._last_word = _now()
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, _ORDINARY_ENDS):
                    log.error("smpp link failed", problem=type(ended).__name__)

    def _over(self) -> None:
        self.bound = False
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
        self._late.clear()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(Unanswered("cut"))
        self._pending.clear()
        self._announce()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # ------------------------------------------------------------------------------------ what comes

    async def _read(self) -> Pdu:
        """The next frame. Raises `Malformed` after answering it, and the errors of a cut line."""
        if self._reader is None:
            raise NotBound
        try:
            length, pdu = head(await self._reader.readexactly(HEADER))
        except Malformed as error:
            self._write(Pdu(GENERIC_NACK, 0, error.status))
            raise
        return Pdu(pdu.command, pdu.sequence, pdu.status, await self._reader.readexactly(length))

    async def _listen(self) -> None:
        while True:
            try:
                pdu = await self._read()
            except Malformed as error:
                raise _Cut("not SMPP") from error
            self._last_word = _now()
            if pdu.is_response:
                self._answered(pdu)
            else:
                self._asked(pdu)

    def _answered(self, pdu: Pdu) -> None:
        future = self._pending.get(pdu.sequence)
        if future is not None and not future.done():
            future.set_result(pdu)
        elif (late := self._late.pop(pdu.sequence, None)) is not None:
            late(pdu)

    def _asked(self, pdu: Pdu) -> None:
        match pdu.command:
            case Command.DELIVER_SM:
                if len(self._hearing) >= MOST_HEARING:
                    self._answer(pdu, Status.QUEUE_FULL, b"\0")
                    return
                task = asyncio.create_task(self._heard(pdu, self.binds))
                self._hearing.add(task)
                task.add_done_callback(self._hearing.discard)
            case Command.ENQUIRE_LINK:
                self._answer(pdu)
            case Command.UNBIND:
                self._answer(pdu)
                raise _Cut("unbound by the centre")
            case Command.ALERT_NOTIFICATION | Command.OUTBIND:
                pass        # these have no answer
            case _:
                self._write(Pdu(GENERIC_NACK, pdu.sequence, Status.BAD_COMMAND))

    async def _heard(self, pdu: Pdu, connection: int) -> None:
        try:
            status = await self._hear(ShortMessage.read(pdu.body), connection)
        except Malformed as error:
            status = error.status
        if connection == self.binds and self.bound:
            with contextlib.suppress(NotBound):
                self._answer(pdu, status, b"\0")

    async def _watch(self) -> None:
        """Raises `_Cut` when the centre does not say that it lives."""
        while True:
            silence = self._last_word + self._pace.idle - _now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(silence, 0.0)):
                    await self._doubted.wait()
            if not self._doubted.is_set() and self._last_word + self._pace.idle > _now():
                continue
            self._doubted.clear()
            asked = _now()
            try:
                await self._ask(Command.ENQUIRE_LINK, b"", self._pace.dead)
            except Unanswered as error:
                if self._last_word <= asked:
                    log.warning("smpp peer is dead", host=self._where.host)
                    raise _Cut("no sign of life") from error

    # ------------------------------------------------------------------------------------ what we say

    async def ready(self, until: float) -> Trouble | None:
        """Waits until the link is bound: None. Otherwise what keeps it from being, as soon as that is known."""
        seen = self._failures
        while not self.bound:
            trouble = self.trouble
            if trouble is not None and (trouble.refused or self._failures > seen):
                return trouble
            self._nudged.set()
            try:
                async with asyncio.timeout_at(min(until, _now() + self._pace.connect + self._pace.dead)):
                    await self._changed.wait()
            except TimeoutError:
                return self.trouble or Trouble(0, "TimeoutError")
        return None

    async def submit(self, body: bytes, late: OnLate) -> Pdu:
        """The answer to a submit_sm. Raises `NotBound` when nothing was written, `Unanswered` when something was, and
        then calls `late` with an answer that comes all the same."""
        return await self._ask(Command.SUBMIT_SM, body, self._pace.answer, late)

    async def _ask(self, command: Command, body: bytes, seconds: float, late: OnLate | None = None) -> Pdu:
        sequence = self._next()
        future: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._write(Pdu(command, sequence, 0, body))
        self._pending[sequence] = future
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as error:
            self._doubted.set()
            if late is not None and len(self._late) < MOST_LATE:
                self._late[sequence] = late
            raise Unanswered("time-out") from error
        finally:
            self._pending.pop(sequence, None)

    def _next(self) -> int:
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        return self._sequence

    def _answer(self, pdu: Pdu, status: int = Status.OK, body: bytes = b"") -> None:
        self._write(Pdu(pdu.command | RESPONSE, pdu.sequence, status, body))

    def _write(self, pdu: Pdu) -> None:
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            raise NotBound
        if writer.transport.get_write_buffer_size() > MOST_UNREAD:
            writer.transport.abort()
            raise NotBound
        writer.write(pdu.written())

    async def close(self) -> None:
        """In good order: what is in the air first, then an unbind. `keep` ends."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.answer):
                while self.bound and (waiting := self._in_the_air()):
                    await asyncio.wait(waiting, timeout=0.2)
        if self.bound:
            with contextlib.suppress(NotBound, Unanswered):
                await self._ask(Command.UNBIND, b"", self._pace.dead)
        self._nudged.set()
        if self._writer is not None:
            self._writer.close()


    def _in_the_air(self) -> list[asyncio.Future[Any]]:
        return [*self._pending.values(), *self._hearing]


def _now() -> float:
    return asyncio.get_running_loop().time()

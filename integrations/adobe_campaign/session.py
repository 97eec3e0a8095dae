"""One connection of Campaign's: bound as a transmitter, a receiver or both, until it says that it ends.

Everything here runs in one event loop. What comes in is bounded: by the frame, by the window of messages that wait for
their answer, and by what may wait for a peer that does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from core.contract import Installation
from core.domain.smpp.pdu import (
    GENERIC_NACK,
    HEADER,
    LAST_SEQUENCE,
    RESPONSE,
    VERSION,
    Bind,
    Command,
    Malformed,
    Pdu,
    ShortMessage,
    Status,
    Tag,
    head,
    write_tlvs,
)

BINDS = (Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER)
MOST_UNREAD = 1_000_000
"""Octets that may wait for a peer that does not read."""
MOST_SAYING = 10
"""Receipts and replies that wait for their answer on one connection."""
MOST_GARBAGE = 10
"""Frames that nobody understands, after which we hang up."""
NAME = b"Relance"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds."""

    bind: float = 10.0
    """From the connection to its bind."""
    idle: float = 60.0
    """Of silence, after which we ask whether anybody is there."""
    dead: float = 60.0
    """For an answer to that; then the connection is over."""
    unbind: float = 2.0
    answer: float = 45.0
    """For the answer to a receipt: Campaign waits half a minute for an id that it does not know yet."""
    turn: float = 60.0
    """For all that is told at once; the lease of the reports is longer."""
    linger: float = 0.5
    """After a bind that was refused: its answer is read before the end."""


class House(Protocol):
    """What a session asks of the listener."""

    async def bound(self, session: Session, bind: Bind, command: int) -> Installation | int:
        """Who that is, counted among the connected; or the status with which the bind is refused."""

    def submitted(self, session: Session, sequence: int, message: ShortMessage) -> int | None:
        """Takes it on; answered by `answered` later. Or the status with which it is refused at once."""

    def ended(self, session: Session) -> None:
        """The connection is over."""


class NotSaid(Exception):
    """What was to be said was not answered with a yes. `status` is the answer's, None without one."""

    def __init__(self, status: int | None) -> None:
        super().__init__("no answer" if status is None else f"status 0x{status:08x}")
        self.status = status


class Session:
    """`live()` is its life; the rest is for others in the same loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pace: Pace, house: House) -> None:
        self._reader, self._writer, self._pace, self._house = reader, writer, pace, house
        peer = writer.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.installation: Installation | None = None
        self.command = 0
        self.unanswered = 0
        self.heard_at = _now()
        self.parted = False
        """It said that it ends: what was answered before has arrived."""
        self._sequence = 0
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._saying = asyncio.Semaphore(MOST_SAYING)
        self._queued = 0
        self._garbage = 0
        self._over = asyncio.Event()

    @property
    def sends(self) -> bool:
        """Whether messages may be handed in over it."""
        return self.command in (Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER)

    @property
    def hears(self) -> bool:
        """Whether it can be told something."""
        return self.command in (Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER) and not self._over.is_set()

    @property
    def load(self) -> int:
        """How much is being said over it, and waits to be."""
        return self._queued

    async def live(self) -> None:
        """Reads until the end, whoever brings it about."""
        keeping = asyncio.create_task(self._keep())
        try:
            while not self._over.is_set():
                await self._next()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        except Malformed as error:
            # What follows cannot be found any more.
            self._write(Pdu(GENERIC_NACK, 0, error.status))
        finally:
            keeping.cancel()
            self._over.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the connection is over"))
            self._house.ended(self)
            await self._close()

    def answered(self, sequence: int, status: int, name: str = "") -> None:
        """The answer to a submit_sm, at last."""
        self.unanswered -= 1
        body = name.encode() + b"\0" if status == Status.OK else b""
        self._write(Pdu(Command.SUBMIT_SM | RESPONSE, sequence, status, body))

    async def say(self, message: ShortMessage) -> None:
        """A deliver_sm, until it is taken over there. Raises `NotSaid`, and `ValueError` for what cannot be written."""
        body = message.written()
        self._queued += 1
        try:
            async with self._saying:
                answer = await self._ask(Command.DELIVER_SM, body, self._pace.answer)
        except (TimeoutError, ConnectionError) as error:
            raise NotSaid(None) from error
        finally:
            self._queued -= 1
        if answer.status != Status.OK or answer.command == GENERIC_NACK:
            raise NotSaid(answer.status)

    async def part(self) -> None:
        """Ends it from our side, and waits for the other's word."""
        if self.installation is not None:
            with contextlib.suppress(TimeoutError, ConnectionError):
                answer = await self._ask(Command.UNBIND, b"", self._pace.unbind)
                self.parted = answer.command == Command.UNBIND | RESPONSE
        self.hang_up()

    def hang_up(self) -> None:
        """What is written already still leaves, if it is read within a moment."""
        if not self._over.is_set():
            self._over.set()
            self._writer.close()
            asyncio.get_running_loop().call_later(self._pace.unbind, self._writer.transport.abort)

    # ------------------------------------------------------------------ in

    async def _next(self) -> None:
        length, frame = head(await self._reader.readexactly(HEADER))
        frame = Pdu(frame.command, frame.sequence, frame.status, await self._reader.readexactly(length))
        self.heard_at = _now()
        if frame.is_response:
            waiting = self._waiting.get(frame.sequence)
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)
            return
        handle = self._handlers().get(frame.command)
        if handle is None:
            self._not_understood(frame)
        else:
            try:
                await handle(frame)
            except Malformed as error:
                self._write(Pdu(frame.command | RESPONSE, frame.sequence, error.status))
        await self._writer.drain()

    def _handlers(self) -> dict[int, Callable[[Pdu], Awaitable[None]]]:
        return {Command.ENQUIRE_LINK: self._asked_whether_we_live, Command.UNBIND: self._they_part,
                Command.SUBMIT_SM: self._submit, **dict.fromkeys(BINDS, self._bind)}  # fmt: skip

    def _not_understood(self, frame: Pdu) -> None:
        self._garbage += 1
        self._write(Pdu(GENERIC_NACK, frame.sequence, Status.BAD_COMMAND))
        if self._garbage > MOST_GARBAGE:
            self.hang_up()

    async def _asked_whether_we_live(self, frame: Pdu) -> None:
        self._write(Pdu(Command.ENQUIRE_LINK | RESPONSE, frame.sequence))

    async def _they_part(self, frame: Pdu) -> None:
        self.parted = self.installation is not None
        self._write(Pdu(Command.UNBIND | RESPONSE, frame.sequence))
        await self._writer.drain()
        self.hang_up()

    async def _bind(self, frame: Pdu) -> None:
        if self.installation is not None:
            self._write(Pdu(frame.command | RESPONSE, frame.sequence, Status.ALREADY_BOUND))
            return
        bind = Bind.read(frame.body)
        who = await self._house.bound(self, bind, frame.command)
        if isinstance(who, int):
            self._write(Pdu(frame.command | RESPONSE, frame.sequence, who))
            await self._writer.drain()
            await asyncio.sleep(self._pace.linger)
            self.hang_up()
            return
        body = NAME + b"\0" + write_tlvs({Tag.SC_INTERFACE_VERSION: bytes((VERSION,))})
        self._write(Pdu(frame.command | RESPONSE, frame.sequence, Status.OK, body))

    async def _submit(self, frame: Pdu) -> None:
        if not self.sends:
            self._write(Pdu(frame.command | RESPONSE, frame.sequence, Status.WRONG_STATE))
            return
        message = ShortMessage.read(frame.body)
        self.unanswered += 1
        status = self._house.submitted(self, frame.sequence, message)
        if status is not None:
            self.answered(frame.sequence, status)

    # ------------------------------------------------------------------ out

    async def _ask(self, command: int, body: bytes, patience: float) -> Pdu:
        if self._over.is_set():
            raise ConnectionError("the connection is over")
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        sequence = self._sequence
        waiting: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = waiting
        try:
            self._write(Pdu(command, sequence, 0, body))
            async with asyncio.timeout(patience):
                return await waiting
        finally:
            del self._waiting[sequence]

    async def _keep(self) -> None:
        """Nobody stays who does not bind, and nobody who is not there any more."""
        await asyncio.sleep(self._pace.bind)
        if self.installation is None:
            self.hang_up()
            return
        while True:
            silent = _now() - self.heard_at
            if silent < self._pace.idle:
                await asyncio.sleep(self._pace.idle - silent)
                continue
            try:
                await self._ask(Command.ENQUIRE_LINK, b"", self._pace.dead)
            except (TimeoutError, ConnectionError):
                log.info("line is dead", installation=self.installation.id)
                self.hang_up()
                return

    def _write(self, pdu: Pdu) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(pdu.written())
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self.hang_up()

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._pace.unbind):
                await self._writer.wait_closed()


def _now() -> float:
    return asyncio.get_running_loop().time()

"""A message centre on loopback that does what a test tells it, and keeps a ledger of every part that it took.

    with Smsc() as smsc:
        smsc.then(throttled(), cut_after())
        ...
        assert smsc.messages() == ["…"]
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from core.domain.smpp.pdu import (
    HEADER,
    RESPONSE,
    UDHI,
    Address,
    Bind,
    Command,
    Pdu,
    ShortMessage,
    Tag,
    head,
)

BINDS = (Command.BIND_TRANSMITTER, Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER)


PUT_OFF = (0x14, 0x64)


class Does(Enum):
    TAKES = auto()
    ANSWERS = auto()
    IS_SILENT = auto()
    CUTS_BEFORE = auto()
    CUTS_AFTER = auto()
    WAITS = auto()


@dataclass(frozen=True)
class Act:
    """What happens to one submit_sm. `receipt_first`: the receipt comes before the answer."""

    does: Does = Does.TAKES
    status: int = 0
    receipt_first: bool = False
    body: bytes | None = None


def takes(*, receipt_first: bool = False) -> Act:
    return Act(receipt_first=receipt_first)


def answers(status: int) -> Act:
    """Not taken, with that status."""
    return Act(Does.ANSWERS, status)


def throttled() -> Act:
    return answers(0x58)


def silent() -> Act:
    """Taken, and never answered."""
    return Act(Does.IS_SILENT)


def waits() -> Act:
    """Taken, and answered when the test says `release()`."""
    return Act(Does.WAITS)


def cut_before() -> Act:
    return Act(Does.CUTS_BEFORE)


def cut_after() -> Act:
    """Taken, and the line cut before the answer."""
    return Act(Does.CUTS_AFTER)


def strange(body: bytes) -> Act:
    """Taken, and answered with this body."""
    return Act(body=body)


@dataclass(frozen=True)
class Taken:
    """A part in the ledger. `id` is as the answer spells it."""

    id: str
    number: int
    message: ShortMessage

    @property
    def place(self) -> tuple[int, int, int]:
        """Reference, total, number: of what bears no reference 0, 1, 1."""
        octets, tlvs = self.message.octets, self.message.tlvs
        if self.message.esm_class & UDHI:
            if octets[:3] == b"\x05\x00\x03":
                return octets[3], octets[4], octets[5]
            assert octets[:3] == b"\x06\x08\x04"
            return int.from_bytes(octets[3:5]), octets[5], octets[6]
        if Tag.SAR_TOTAL in tlvs:
            return int.from_bytes(tlvs[Tag.SAR_REFERENCE]), tlvs[Tag.SAR_TOTAL][0], tlvs[Tag.SAR_NUMBER][0]
        return 0, 1, 1

    @property
    def octets(self) -> bytes:
        """The text's octets, without a header."""
        octets = self.message.content
        return octets[octets[0] + 1:] if self.message.esm_class & UDHI else octets


@dataclass
class _Session:
    writer: asyncio.StreamWriter
    command: int = 0
    asked: dict[int, asyncio.Future[Pdu]] = field(default_factory=dict)


class Smsc:
    """`ids`: how an answer spells an id, "decimal" or "hex"; `receipts_in`: how a receipt does. `receipts`: the word of
    the receipt that follows each part of itself, or None."""

    def __init__(self, *, ids: str = "decimal", receipts_in: str = "decimal", receipts: str | None = "DELIVRD",
                 tlvs: bool = False, first_id: int = 70_001,
                 otherwise: Callable[[ShortMessage], Act] | None = None) -> None:
        self._ids, self._receipts_in, self.receipts, self._tlvs = ids, receipts_in, receipts, tlvs
        self._otherwise = otherwise or (lambda message: takes())
        self._numbers = itertools.count(first_id)
        self._sequence = itertools.count(1)
        self._script: list[Act] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smsc", daemon=True)
        self._server: asyncio.Server | None = None
        self._sessions: list[_Session] = []
        self._withheld: list[tuple[_Session, Pdu, Taken]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self.bind_status = 0
        self.deaf = False
        self.port = 0
        self.ledger: list[Taken] = []
        self.binds: list[tuple[int, Bind]] = []
        self.unbinds = 0
        self.connections = 0
        self.nacks: list[int] = []
        self.receipt_answers: list[int] = []
        self.most_unanswered = 0
        self._unanswered = 0

    # -------------------------------------------------------------------------------- for tests

    def __enter__(self) -> Smsc:
        self._thread.start()
        self._run(self._serve()).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop()).result(5)
        self._run(self._ended()).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def then(self, *acts: Act) -> None:
        """What happens to the next submits."""
        self._script += acts

    def says(self, message: ShortMessage) -> Future[int]:
        """A deliver_sm to a receiver; the status that it is answered with."""
        return self._run(self._deliver(message))

    def replies(self, sender: str, text: str, *, to: str = "36180") -> Future[int]:
        """A person writes: ASCII only."""
        return self.says(ShortMessage(Address(1, 1, sender.encode()), Address(0, 1, to.encode()), text.encode("ascii")))

    def receipt(self, part: Taken, word: str = "DELIVRD", error: str = "000") -> Future[int]:
        return self.says(self._receipt(part, word, error))

    def writes(self, octets: bytes) -> None:
        """Raw octets to every session."""
        self._run(self._raw(octets)).result(5)

    def release(self) -> None:
        """The answers that were waited with."""
        self._run(self._released()).result(5)

    def cut(self) -> None:
        """All lines, now."""
        self._run(self._cut()).result(5)

    def go_away(self) -> None:
        """Cuts all lines and listens no more."""
        self._run(self._stop()).result(5)

    def come_back(self) -> None:
        self._run(self._serve()).result(5)

    @property
    def bound(self) -> int:
        return sum(1 for session in self._sessions if session.command)

    def messages(self) -> list[bytes]:
        """Every message of the ledger put together as a phone does, in the order of its first part. A part that is
        missing, doubled, or of another message is an error."""
        whole, pieces = self.phones()
        assert not pieces, "a part is missing"
        return whole

    def phones(self) -> tuple[list[bytes], int]:
        """Whole messages as phones show them, and how many stay without a part of theirs."""
        whole: dict[tuple[bytes, int, int], dict[int, bytes]] = {}
        alone = itertools.count()
        for part in self.ledger:
            reference, total, number = part.place
            key = (part.message.destination.text, reference, total)
            if total == 1:
                key = (key[0], -next(alone) - 1, 1)
            parts = whole.setdefault(key, {})
            assert number not in parts, "a part came twice, or two messages have one reference"
            parts[number] = part.octets
        shown = [b"".join(octets for _, octets in sorted(parts.items()))
                 for (_, _, total), parts in whole.items() if len(parts) == total]
        return shown, len(whole) - len(shown)

    # -------------------------------------------------------------------------------- in the loop

    def _run(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._met, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut()

    async def _ended(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _cut(self) -> None:
        for session in self._sessions:
            session.writer.transport.abort()
            for future in session.asked.values():
                future.cancel()
        self._sessions.clear()
        self._unanswered = 0

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        session = _Session(writer)
        self._sessions.append(session)
        try:
            while True:
                length, pdu = head(await reader.readexactly(HEADER))
                await self._asked(session, replace(pdu, body=await reader.readexactly(length)))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if session in self._sessions:
                self._sessions.remove(session)
            writer.close()

    async def _asked(self, session: _Session, pdu: Pdu) -> None:
        if self.deaf:
            return
        if pdu.command == RESPONSE:
            self.nacks.append(pdu.status)
        elif pdu.is_response:
            if (future := session.asked.pop(pdu.sequence, None)) is not None and not future.done():
                future.set_result(pdu)
        elif pdu.command in BINDS:
            self.binds.append((pdu.command, Bind.read(pdu.body)))
            self._answer(session, pdu, self.bind_status, b"fake\0" if not self.bind_status else b"")
            if self.bind_status:
                session.writer.close()
            else:
                session.command = pdu.command
        elif pdu.command == Command.SUBMIT_SM:
            await self._submitted(session, pdu)
        else:
            self.unbinds += pdu.command == Command.UNBIND
            self._answer(session, pdu)

    async def _submitted(self, session: _Session, pdu: Pdu) -> None:
        message = ShortMessage.read(pdu.body)
        act = self._script.pop(0) if self._script else self._otherwise(message)
        if act.does is Does.CUTS_BEFORE:
            await self._cut()
            return
        if act.does is Does.ANSWERS:
            self._answer(session, pdu, act.status)
            return
        number = next(self._numbers)
        part = Taken(_spelled(number, self._ids), number, message)
        self.ledger.append(part)
        self._unanswered += 1
        self.most_unanswered = max(self.most_unanswered, self._unanswered)
        if act.does in (Does.CUTS_AFTER, Does.IS_SILENT) and self.receipts and message.registered_delivery:
            # It reaches the phone all the same, and its receipt comes by the next link.
            self._later(self._deliver(self._receipt(part, self.receipts), after=0.1, again=True))
        if act.does is Does.CUTS_AFTER:
            await self._cut()
        elif act.does is Does.WAITS:
            self._withheld.append((session, pdu, part))
        elif act.does is Does.TAKES:
            if act.receipt_first:
                self._later(self._wait_then_answer(session, pdu, part))
            else:
                # Answered a little later, as a centre does: several are in the air at a time.
                self._loop.call_later(0.001, self._taken, session, pdu, part, act)

    async def _wait_then_answer(self, session: _Session, pdu: Pdu, part: Taken) -> None:
        receipt = self._receipt(part, self.receipts or "DELIVRD")
        self.receipt_answers.append(await self._deliver(receipt, again=True))
        self._unanswered -= 1
        self._answer(session, pdu, 0, part.id.encode() + b"\0")

    def _taken(self, session: _Session, pdu: Pdu, part: Taken, act: Act) -> None:
        self._unanswered -= 1
        self._answer(session, pdu, act.status, part.id.encode() + b"\0" if act.body is None else act.body)
        if self.receipts and part.message.registered_delivery:
            self._later(self._deliver(self._receipt(part, self.receipts), again=True))

    async def _released(self) -> None:
        for session, pdu, part in self._withheld:
            self._taken(session, pdu, part, takes())
        self._withheld.clear()

    def _later(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, message: ShortMessage, *, after: float = 0.0, again: bool = False) -> int:
        """To a receiver of this account; again, as centres do, when there is none, when no answer comes, and (`again`)
        when it is asked to."""
        await asyncio.sleep(after)
        for _ in range(400):
            session = next((one for one in self._sessions if one.command in BINDS[1:]), None)
            if session is not None:
                sequence = next(self._sequence)
                session.asked[sequence] = future = self._loop.create_future()
                session.writer.write(Pdu(Command.DELIVER_SM, sequence, 0, message.written()).written())
                await asyncio.wait([future], timeout=5)
                if future.done() and not future.cancelled() and (status := int(future.result().status)) not in (
                        PUT_OFF if again else ()):
                    return status
            await asyncio.sleep(0.05)
        return -1

    def _receipt(self, part: Taken, word: str, error: str = "000") -> ShortMessage:
        message_id = _spelled(part.number, self._receipts_in)
        text = (f"id:{message_id} sub:001 dlvrd:001 submit date:2612010900 done date:2612010901 stat:{word} "
                f"err:{error} text:")
        states = {"ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "UNDELIV": 5, "ACCEPTD": 6, "REJECTD": 8}
        fields = {Tag.RECEIPTED_MESSAGE_ID: message_id.encode() + b"\0", Tag.MESSAGE_STATE: bytes((states[word],))}
        return ShortMessage(part.message.destination, part.message.source, b"" if self._tlvs else text.encode(), 0x04,
                            tlvs=fields if self._tlvs else {})

    async def _raw(self, octets: bytes) -> None:
        for session in self._sessions:
            session.writer.write(octets)

    def _answer(self, session: _Session, pdu: Pdu, status: int = 0, body: bytes = b"") -> None:
        if not session.writer.transport.is_closing():
            session.writer.write(Pdu(pdu.command | RESPONSE, pdu.sequence, status, body).written())


def _spelled(number: int, how: str) -> str:
    return f"{number:08X}" if how == "hex" else str(number)

"""A small SMPP client on loopback, as Adobe Campaign is one: a transmitter, a receiver, or both.

    with Esme(port, "relance1", "secret12") as tx, Esme(port, "relance1", "secret12", Command.BIND_RECEIVER) as rx:
        name = tx.submit("33639980001", "Bonjour")
        rx.heard()
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from core.domain.smpp import texts
from core.domain.smpp.pdu import (
    HEADER,
    RESPONSE,
    Address,
    Bind,
    Command,
    Pdu,
    ShortMessage,
    Tag,
    head,
    read_message_id,
)

PATIENCE = 10.0
UNKNOWN_ID = 0x0C
# Campaign's own patterns, as far as its pages tell them.
_ID = re.compile(r"id:([A-Za-z0-9]{1,10})")
_STAT = re.compile(r"stat:([A-Za-z]+)")
_ERR = re.compile(r"err:([0-9A-Za-z]+)")


@dataclass(frozen=True)
class Heard:
    """A deliver_sm, read as Campaign reads it."""

    message: ShortMessage
    sequence: int

    @property
    def is_receipt(self) -> bool:
        return self.message.esm_class & 0x3C == 0x04

    @property
    def text(self) -> str:
        return texts.read(self.message, "gsm7")[0]

    def _found(self, pattern: re.Pattern[str]) -> str:
        found = pattern.search(self.message.octets.decode("ascii"))
        return found.group(1) if found else ""

    @property
    def id(self) -> str:
        return self._found(_ID)

    @property
    def stat(self) -> str:
        return self._found(_STAT)

    @property
    def err(self) -> str:
        return self._found(_ERR)


class Refused(AssertionError):
    """`status` is not the one that was expected."""

    def __init__(self, status: int) -> None:
        super().__init__(f"0x{status:08x}")
        self.status = status


class Esme:
    """Bound when it is made; raises `Refused` when the bind is."""

    def __init__(self, port: int, system_id: str, password: str, command: int = Command.BIND_TRANSMITTER, *,
                 tls: ssl.SSLContext | None = None) -> None:  # fmt: skip
        self._socket: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
        self._sequence = 0
        self._aside: list[Pdu] = []
        try:
            answer = self.ask(command, Bind(system_id.encode(), password.encode()).written())
            if answer.status:
                raise Refused(answer.status)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Esme:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """As if the line had broken."""
        self._socket.close()

    def unbind(self) -> None:
        self.ask(Command.UNBIND)
        self._socket.close()

    # ------------------------------------------------------------------ out

    def write(self, command: int, body: bytes = b"", *, sequence: int | None = None, status: int = 0) -> int:
        """The sequence number of what was written."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self._socket.sendall(Pdu(command, sequence, status, body).written())
        return sequence

    def raw(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def ask(self, command: int, body: bytes = b"") -> Pdu:
        """What is answered. What comes meanwhile is kept for `heard`."""
        return self.answer_to(self.write(command, body))

    def answer_to(self, sequence: int) -> Pdu:
        """The answer to what was written under that number, however many others came before it."""
        for at, pdu in enumerate(self._aside):
            if pdu.is_response and pdu.sequence == sequence:
                return self._aside.pop(at)
        while True:
            pdu = self.read()
            if pdu.is_response and pdu.sequence == sequence:
                return pdu
            self._aside.append(pdu)

    def submit(self, to: str, text: str, **fields: Any) -> str:
        """The id of a short message that was taken."""
        return self.taken(self.ask(Command.SUBMIT_SM, message(to, text, **fields).written()))

    def submit_long(self, to: str, text: str, reference: int, **fields: Any) -> list[str]:
        """The ids of the parts in their order; handed in last one first, a receipt asked for with the first only."""
        pieces = texts.pieces(text, texts.Writing(), reference)
        sent = [
            (number, self.write(Command.SUBMIT_SM, of_piece(to, piece, 1 if number == 0 else 0, **fields).written()))
            for number, piece in reversed(list(enumerate(pieces)))
        ]
        return [name for _, name in sorted((number, self.taken(self.answer_to(one))) for number, one in sent)]

    def taken(self, answer: Pdu) -> str:
        if answer.status:
            raise Refused(answer.status)
        assert answer.command == Command.SUBMIT_SM | RESPONSE
        assert answer.body.endswith(b"\0"), "the message_id's end is missing"
        return read_message_id(answer.body)

    # ------------------------------------------------------------------ in

    def heard(self, answer: int = 0) -> Heard:
        """The next deliver_sm, answered with `answer`."""
        aside = [pdu for pdu in self._aside if not pdu.is_response]
        self._aside = [pdu for pdu in self._aside if pdu.is_response]
        while True:
            pdu = aside.pop(0) if aside else self.read()
            if pdu.command == Command.DELIVER_SM:
                self.write(Command.DELIVER_SM | RESPONSE, b"\0" if not answer else b"", sequence=pdu.sequence,
                           status=answer)  # fmt: skip
                self._aside += aside
                return Heard(ShortMessage.read(pdu.body), pdu.sequence)

    def read(self) -> Pdu:
        """What comes next. Who asks whether we live is told so."""
        while True:
            length, frame = head(self._exactly(HEADER))
            pdu = Pdu(frame.command, frame.sequence, frame.status, self._exactly(length))
            if pdu.command != Command.ENQUIRE_LINK:
                return pdu
            self.write(Command.ENQUIRE_LINK | RESPONSE, sequence=pdu.sequence)

    def is_over(self) -> bool:
        """Whether the other side has hung up; what it said before is thrown away."""
        try:
            while self._socket.recv(4096):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            some = self._socket.recv(count - len(found))
            if not some:
                raise ConnectionError("the other side has hung up")
            found += some
        return found


def message(to: str, text: str, *, sender: str = "ACME", receipt: int = 1, **fields: Any) -> ShortMessage:
    """A short message as Campaign writes it: GSM where that will do, else UCS-2."""
    (piece,) = texts.pieces(text, texts.Writing(), 1)
    return of_piece(to, piece, receipt, sender=sender, **fields)


def of_piece(to: str, piece: texts.Piece, receipt: int, *, sender: str = "ACME", **fields: Any) -> ShortMessage:
    source = Address(1, 1, sender.encode()) if sender.isdecimal() else Address(5, 0, sender.encode())
    return ShortMessage(**{
        "source": source, "destination": Address(1, 1, to.encode()), "octets": piece.octets,
        "esm_class": piece.esm_class, "data_coding": piece.data_coding, "registered_delivery": receipt,
        "tlvs": piece.tlvs, **fields,
    })  # fmt: skip


def payload(text: str) -> dict[str, Any]:
    """The whole of a long text in one field, for `message(…, **payload(text))`."""
    (piece,) = texts.pieces(text, texts.Writing(long="payload"), 1)
    return {"octets": b"", "tlvs": {Tag.MESSAGE_PAYLOAD: piece.tlvs[Tag.MESSAGE_PAYLOAD]}}

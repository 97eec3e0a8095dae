"""The hot way out: a batch of requests on kept connections, each answered, or broken with what may have happened.

libcurl's multi interface is used because it costs least (0.06 ms of CPU for a POST where `requests` takes 1.3 ms). Left
to itself it has one habit that a send engine cannot afford: when a kept connection dies before the first byte of an
answer, it silently sends the request again, although the server may have read the first one. Here the same hook that
notes that a request is about to be written also refuses to write it twice, so what the library does is what we counted.
It also looks whether the server has hung up in the meantime: libcurl does not when a connection was used a moment ago,
and what is written to such a line is in doubt for nothing.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from socket import socket as Socket
from typing import Any

import pycurl

from core.guarded import Answer, answered_headers, authorities

MAX_BODY = 1_000_000
"""Bytes of an answer that are read. A longer one counts as broken: something was said, and nobody knows what."""
MAX_HEADERS = 64_000
IDLE_LIMIT = 3
"""Seconds after which a quiet connection is not used again. Common servers close one after 5 s (Apache, Node): staying
below keeps us out of the race in which they close it while we write, whose outcome nobody can know."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NOT_IN_AN_ADDRESS = re.compile(r"[^\x21-\x7e]|\\")


# Not frozen: that costs a third of a microsecond a field, for every message.
@dataclass(slots=True)
class Request:
    """What to send. Raises `ValueError` for what could smuggle a second header or request into the line."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def __post_init__(self) -> None:
        _check(self.method, self.url, self.headers)


@lru_cache(maxsize=64)
def _check(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> None:
    # Most requests differ from the one before in their body alone.
    if not _TOKEN.fullmatch(method):
        raise ValueError("not an HTTP method")
    if not url.startswith(("https://", "http://")) or _NOT_IN_AN_ADDRESS.search(url):
        raise ValueError("not an http(s) address")
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or _NOT_IN_A_HEADER.search(value):
            raise ValueError(f"header {name!r} holds a character that no header may hold")


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer that could be trusted. `spoken` is False only if surely nothing of the request was written."""

    spoken: bool
    detail: str


class Http:
    """Sends requests, up to `connections` at once; time-outs in seconds for a whole request and for its connecting.

    Safe to share between threads: each thread has connections of its own, closed when the thread ends. A process that
    forks does so before its first request. Redirects are not followed, proxies and cookies of the environment are not
    looked at, certificates are always verified (`ca_file`: a private authority, in PEM). `gate` says of each IP address
    whether a connection to it may be opened, where a person gave the address; without one, all may.
    """

    def __init__(self, timeout: float = 15, connect_timeout: float = 5, connections: int = 32,
                 user_agent: str = "Relance", *, ca_file: str | None = None, max_body: int = MAX_BODY,
                 gate: Callable[[str], bool] | None = None) -> None:
        for seconds in (timeout, connect_timeout):
            if not 0 < seconds <= 86_400:       # NaN is not between anything
                raise ValueError("a time-out is a number of seconds above 0")
        if connections < 1:
            raise ValueError("at least one connection is needed")
        self._options: tuple[tuple[int, Any], ...] = (
            *COMMON,
            (pycurl.TIMEOUT_MS, max(1, round(timeout * 1000))),
            (pycurl.CONNECTTIMEOUT_MS, max(1, round(min(connect_timeout, timeout) * 1000))),
            (pycurl.MAXAGE_CONN, IDLE_LIMIT),
            (pycurl.USERAGENT, user_agent),
            (pycurl.CAINFO, ca_file or authorities()),
            *(((pycurl.OPENSOCKETFUNCTION, partial(_open, gate)),) if gate else ()),
        )
        self._connections = connections
        self._max_body = max_body
        self._threads = threading.local()

    def request(self, request: Request) -> Answer | Broken:
        """Sends one request and waits for its answer."""
        return self.post_all([request])[0]

    def post_all(self, requests: Sequence[Request], *,
                 on_begin: Callable[[int], None] | None = None) -> list[Answer | Broken]:
        """Sends all `requests` and answers in their order, never with an exception.

        `on_begin(index)` is called when the connection stands and before the first byte of that request is written; if
        it raises, the request is not written (`Broken(spoken=False)`).
        """
        return self._switchboard().send(requests, on_begin or _nothing)

    def close(self) -> None:
        """Closes the kept connections of this thread."""
        board: _Switchboard | None = self._threads.__dict__.pop("board", None)
        if board is not None and board.process == os.getpid():
            board.close()

    def _switchboard(self) -> _Switchboard:
        board: _Switchboard | None = self._threads.__dict__.get("board")
        if board is not None and board.process == os.getpid():
            return board
        if board is not None:
            _OF_THE_PARENT.append(board)
        board = self._threads.board = _Switchboard(self._options, self._connections, self._max_body)
        return board


# A forked child holds its parent's connections as well. Closing them would say goodbye on the parent's lines, so they
# are kept, and never used.
_OF_THE_PARENT: list[_Switchboard] = []

COMMON: tuple[tuple[int, Any], ...] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),
    (pycurl.NOPROXY, "*"),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.FOLLOWLOCATION, 0),
    # One request for each connection: with HTTP/2 one broken line would leave a whole batch in doubt.
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.SSL_VERIFYPEER, 1),
    (pycurl.SSL_VERIFYHOST, 2),
    (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
    (pycurl.TCP_NODELAY, 1),
)


_GO: int = pycurl.PREREQFUNC_OK
_STOP: int = pycurl.PREREQFUNC_ABORT


def _nothing(_: int) -> None:
    return


def _open(gate: Callable[[str], bool], _purpose: int, target: Any) -> Any:
    address = target.addr[0]
    if not gate(address if isinstance(address, str) else address.decode()):
        return pycurl.SOCKET_BAD
    return Socket(target.family, target.socktype, target.protocol)


_Kept = dict[tuple[str, int], int]
"""Our end (address, port) of each quiet connection, and its socket."""


def _has_hung_up(socket: int) -> bool:
    # Not "has something to read": TLS 1.3 may have left its session tickets there.
    poll = select.poll()
    poll.register(socket, select.POLLRDHUP)
    return any(events & (select.POLLRDHUP | select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


class _Line:
    """One easy handle, used again and again, and what it hears."""

    __slots__ = ("begun", "body", "curl", "head", "head_room", "headers", "hung_up", "index", "kept", "on_begin",
                 "options", "place", "refusal", "request", "room", "shape")

    def __init__(self, options: tuple[tuple[int, Any], ...], kept: _Kept) -> None:
        self.curl = pycurl.Curl()
        self.options = options
        self.kept = kept
        self.shape: tuple[str, bool] | None = None
        self.headers: tuple[tuple[str, str], ...] | None = None

    def dial(self, index: int, request: Request, on_begin: Callable[[int], None], max_body: int) -> None:
        self.index, self.request, self.on_begin, self.room = index, request, on_begin, max_body
        self.place: tuple[str, int] | None = None
        self.hung_up = False
        self.head_room = MAX_HEADERS
        self.begun = False
        self.refusal = ""
        self.head: list[bytes] = []
        self.body: list[bytes] = []
        curl, shape = self.curl, (request.method, request.body is not None)
        if shape != self.shape:
            self._reshape(request)
            self.shape = shape
        curl.setopt(pycurl.URL, request.url)
        if request.body is not None:
            curl.setopt(pycurl.POSTFIELDS, request.body)
        if request.headers != self.headers:
            # "Expect:" keeps libcurl from asking for leave before a long body: one state more to get lost in.
            curl.setopt(pycurl.HTTPHEADER, [b"Expect:", *(f"{name}: {value}".encode() if value else f"{name};".encode()
                                                          for name, value in request.headers)])
            self.headers = request.headers

    def _reshape(self, request: Request) -> None:
        curl = self.curl
        curl.reset()
        self.headers = None
        for option, value in self.options:
            curl.setopt(option, value)
        curl.setopt(pycurl.PREREQFUNCTION, self._about_to_write)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        curl.setopt(pycurl.WRITEFUNCTION, self._data)
        if request.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif request.body is not None:
            curl.setopt(pycurl.POST, 1)
            if request.method != "POST":
                curl.setopt(pycurl.CUSTOMREQUEST, request.method)
        elif request.method != "GET":
            curl.setopt(pycurl.CUSTOMREQUEST, request.method)

    def _about_to_write(self, _remote_ip: str, local_ip: str, _remote_port: int, local_port: int) -> int:
        if self.begun:
            self.refusal = "the kept connection died after the request was written"
            return _STOP
        self.place = local_ip, local_port
        socket = self.kept.pop(self.place, None)
        if socket is not None and _has_hung_up(socket):
            self.hung_up = True
            self.refusal = "the server had closed the kept connection"
            return _STOP
        try:
            self.on_begin(self.index)
        except Exception as error:  # noqa: BLE001 - it becomes this request's outcome
            self.refusal = f"not begun: {error!r}"
            return _STOP
        self.begun = True
        return _GO

    def _header(self, line: bytes) -> int | None:
        self.head.append(line)
        self.head_room -= len(line)
        if self.head_room < 0:
            self.refusal = "the answer's headers are too long"
            return -1
        return None

    def _data(self, data: bytes) -> int | None:
        self.room -= len(data)
        if self.room < 0:
            self.refusal = "the answer is too long"
            return -1
        self.body.append(data)
        return None

    def answer(self) -> Answer | Broken:
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if not 200 <= status <= 599:
            return Broken(self.begun, f"the answer has the status {status}")
        return Answer(status, answered_headers(self.head), b"".join(self.body))

    def broken(self, error: str) -> Broken:
        return Broken(self.begun, self.refusal or error or "the line broke")


class _Switchboard:
    """The connections of one thread."""

    def __init__(self, options: tuple[tuple[int, Any], ...], connections: int, max_body: int) -> None:
        self.process = os.getpid()
        self._options, self._connections, self._max_body = options, connections, max_body
        self._free: list[_Line] = []
        self._kept: _Kept = {}
        self._busy: dict[pycurl.Curl, _Line] = {}
        self._poll = select.epoll()
        self._watched: dict[int, int] = {}
        self._due: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def send(self, requests: Sequence[Request], on_begin: Callable[[int], None]) -> list[Answer | Broken]:
        answers: list[Answer | Broken] = [Broken(False, "not begun")] * len(requests)
        waiting = deque(enumerate(requests))
        try:
            while waiting or self._busy:
                while waiting and len(self._busy) < self._connections:
                    self._dial(*waiting.popleft(), on_begin)
                self._turn()
                self._collect(answers)
        finally:
            for line in self._busy.values():    # only when interrupted
                self._multi.remove_handle(line.curl)
            self._busy.clear()
        return answers

    def _dial(self, index: int, request: Request, on_begin: Callable[[int], None], *, fresh: bool = False) -> None:
        line = self._free.pop() if self._free else _Line(self._options, self._kept)
        line.dial(index, request, on_begin, self._max_body)
        line.curl.setopt(pycurl.FRESH_CONNECT, fresh)
        self._busy[line.curl] = line
        self._multi.add_handle(line.curl)

    def _turn(self) -> None:
        # libcurl says by its timer when it wants to be called again; the second is a belt for the braces.
        wait = 1.0 if self._due is None else min(max(0.0, self._due - time.monotonic()), 1.0)
        ready = self._poll.poll(wait)
        for socket, events in ready:
            if socket in self._watched:         # an event before it may have closed this one
                self._multi.socket_action(socket, _as_curl_says(events))
        if not ready or (self._due is not None and self._due <= time.monotonic()):
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _collect(self, answers: list[Answer | Broken]) -> None:
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            for curl in good:
                line = self._hang_up(curl)
                answers[line.index] = line.answer()
            for curl, _, error in bad:
                line = self._hang_up(curl)
                if line.hung_up:
                    self._dial(line.index, line.request, line.on_begin, fresh=True)
                else:
                    answers[line.index] = line.broken(error)

    def _hang_up(self, curl: pycurl.Curl) -> _Line:
        line = self._busy.pop(curl)
        socket = curl.getinfo(pycurl.ACTIVESOCKET)
        if socket >= 0 and line.place is not None:
            if len(self._kept) > 4 * self._connections:     # ends that were closed since, by whichever side
                self._kept.clear()
            self._kept[line.place] = socket
        self._multi.remove_handle(curl)
        self._free.append(line)
        return line

    def _watch(self, what: int, socket: int, *_: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if self._watched.pop(socket, None) is not None:
                self._forget(socket)
            return
        wanted = _AS_EPOLL_SAYS[what]
        if socket in self._watched:
            try:
                self._poll.modify(socket, wanted)
            except FileNotFoundError:           # closed and opened again under the same number
                self._poll.register(socket, wanted)
        else:
            self._poll.register(socket, wanted)
        self._watched[socket] = wanted

    def _forget(self, socket: int) -> None:
        try:
            self._poll.unregister(socket)
        except (FileNotFoundError, OSError):    # closing it has already done so
            return

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def close(self) -> None:
        self._multi.close()
        for line in self._free:
            line.curl.close()
        self._poll.close()


_AS_EPOLL_SAYS = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


def _as_curl_says(events: int) -> int:
    said = 0
    if events & (select.EPOLLIN | select.EPOLLHUP):
        said |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        said |= pycurl.CSELECT_OUT
    if events & select.EPOLLERR:
        said |= pycurl.CSELECT_ERR
    return said

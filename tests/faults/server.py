"""A server on loopback that fails the way real ones do, on purpose and by script, and remembers what it was asked.

    with FaultServer(ok({"id": 1}), cut_after(), status(429, headers={"Retry-After": "3"})) as server:
        ...                                 # three requests to server.url
    assert [seen.path for seen in server.ledger] == ["/a", "/b", "/c"]

Each request takes the next step of the script, whatever connection it comes on; then `otherwise` (a step, or a function
of the request) answers. Steps that act before anything is read (`cut_before`, `hang_before`) leave the ledger empty.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import http.client
import json
import select
import socket
import ssl
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Seen:
    """A request that was read whole. Header names are in lower case; `connection` counts from 1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Line:
    """One connection. What a step does with it answers False, for "close it", unless it says otherwise."""

    socket: socket.socket
    number: int
    over: threading.Event
    unread: bytearray = field(default_factory=bytearray)

    def say(self, data: bytes) -> bool:
        self.socket.sendall(data)
        return False

    def wait_until_hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        while not self.over.is_set() and not poll.poll(50):
            pass
        return False


@dataclass(frozen=True)
class Step:
    """`act` returns True to keep the connection. With `reads` False it acts when a request comes, before reading it."""

    act: Callable[[Line, Seen], bool]
    reads: bool = True


Script = Step | Callable[[Seen], Step]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_NOBODY = Seen("", "", {}, b"", 0)


# ---------------------------------------------------------------------------------------- steps that answer

def ok(content: Any = None, status: int = 200, headers: Headers = (), *, leave: bool = False) -> Step:
    """A good answer: `content` as JSON, or as it is when it is bytes. `leave` closes afterwards without having said so.
    Give `headers` as pairs to say one of them twice."""
    body = content if isinstance(content, bytes) else b"{}" if content is None else json.dumps(content).encode()
    return Step(lambda line, seen: _answer(line, seen, status, body, _pairs(headers)) and not leave)


def status(number: int, content: Any = None, headers: Headers = ()) -> Step:
    """An answer with another status: 302, 429, 500, …"""
    return ok(content, number, headers)


def badjson() -> Step:
    """200, and half a JSON document."""
    return ok(b'{"id": "1')


def empty() -> Step:
    """200, and no body at all."""
    return ok(b"")


def gzipped(body: bytes) -> Step:
    """200 with a compressed body: some megabytes of zeros make a bomb."""
    return ok(gzip.compress(body), headers={"Content-Encoding": "gzip"})


def delay(seconds: float, then: Step | None = None) -> Step:
    """Answers late."""
    late = then or ok()

    def act(line: Line, seen: Seen) -> bool:
        return not line.over.wait(seconds) and late.act(line, seen)
    return Step(act)


# ---------------------------------------------------------------------------------------- steps that fail

def cut_before() -> Step:
    """Closes as soon as a request comes, without reading it."""
    return Step(lambda line, seen: False, reads=False)


def hang_before() -> Step:
    """Neither reads nor answers."""
    return Step(lambda line, seen: line.wait_until_hung_up(), reads=False)


def cut_after() -> Step:
    """Reads the whole request, notes it, and closes without a word."""
    return Step(lambda line, seen: False)


def hang() -> Step:
    """Reads the request, notes it, and never answers."""
    return Step(lambda line, seen: line.wait_until_hung_up())


def truncate(body: bytes = b'{"id": "1"}') -> Step:
    """Promises more bytes than it sends."""
    return raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               + f"Content-Length: {len(body) + 100}\r\n\r\n".encode() + body)


def garbage() -> Step:
    """Something that is not HTTP."""
    return raw(b"\x00\x01\x02 what is this?\r\n\r\n")


def raw(data: bytes) -> Step:
    """Exactly these bytes, then closes."""
    return Step(lambda line, seen: line.say(data))


def oversize(size: int = 200_000_000) -> Step:
    """A good beginning, and then `size` bytes, for as long as somebody listens."""
    def act(line: Line, seen: Seen) -> bool:
        line.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        block = b" " * 65_536
        for _ in range(size // len(block) + 1):
            line.say(block)
        return False
    return Step(act)


def drip(every: float = 0.05) -> Step:
    """One byte after the other, for ever."""
    def act(line: Line, seen: Seen) -> bool:
        line.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        while not line.over.wait(every):
            line.say(b" ")
        return False
    return Step(act)


def through(url: str, then: Step | None = None, *, times: int = 1) -> Step:
    """A proxy: gives the request to the server at `url`, then plays `then`; without it, hands the answer back. `times`:
    it gives it more than once, as one does that believes the line to be broken."""
    place = urlsplit(url)

    def act(line: Line, seen: Seen) -> bool:
        for _ in range(times):
            upstream = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
            try:
                headers = {name: value for name, value in seen.headers.items() if name not in {"host", "connection"}}
                upstream.request(seen.method, seen.path, seen.body or None, headers)
                answer = upstream.getresponse()
                body = answer.read()
            finally:
                upstream.close()
        if then is not None:
            return then.act(line, seen)
        return _answer(line, seen, answer.status, body,
                       [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP])
    return Step(act)


_OF_ONE_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _answer(line: Line, seen: Seen, number: int, body: bytes, headers: list[tuple[str, str]]) -> bool:
    given = {name.lower() for name, _ in headers}
    if "content-type" not in given:
        headers = [("Content-Type", "application/json"), *headers]
    headers = [*headers, ("Content-Length", str(len(body)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    reason = http.client.responses.get(number, "Unknown")
    line.say(f"HTTP/1.1 {number} {reason}\r\n{head}\r\n".encode("latin-1") + (b"" if seen.method == "HEAD" else body))
    return seen.headers.get("connection", "").lower() != "close"


# ---------------------------------------------------------------------------------------- the server

class FaultServer:
    """Listens on a free port of `host` between `with` and its end.

    `ledger` holds the requests that were read, `connections` counts those accepted. `tls` serves https with a
    certificate of its own making, whose authority is the file `ca_file`.
    """

    def __init__(self, *script: Step, otherwise: Script | None = None, host: str = "127.0.0.1",
                 tls: bool = False) -> None:
        self.ledger: list[Seen] = []
        self.connections = 0
        self.host = host
        self.port = 0
        self.ca_file = ""
        self._script = deque(script)
        self._otherwise: Script = otherwise or ok()
        self._scheme = "https" if tls else "http"
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listener: socket.socket | None = None
        self._lines: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}:{self.port}"

    def then(self, *steps: Step) -> None:
        """More steps at the end of the script."""
        with self._lock:
            self._script.extend(steps)

    def refuse(self) -> None:
        """Stops listening and hangs up on everybody: from now on connections are refused. `listen` ends it."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.hang_up()

    def hang_up(self) -> None:
        """Closes every connection, as a server does with those that were quiet for long."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """Listens (again), on the same port as before."""
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(128)
        self._listener, self.port = listener, listener.getsockname()[1]
        self._start(self._accept, listener)

    def __enter__(self) -> FaultServer:
        if self._scheme == "https":
            self._folder = tempfile.TemporaryDirectory(prefix="faults-")
            self._tls, self.ca_file = _made_up_certificate(Path(self._folder.name), self.host)
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.refuse()
        for thread in list(self._threads):
            thread.join(5)
        if self._folder is not None:
            self._folder.cleanup()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._lines.add(connection)
                number = self.connections
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        plain = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._lines.discard(plain)
                    self._lines.add(connection)
            line = Line(connection, number, self._over)
            while self._one_request(line):
                pass
        except OSError:
            pass            # the client hung up first, which some tests are about
        finally:
            with self._lock:
                self._lines.discard(connection)
                self._lines.discard(plain)
            connection.close()

    def _one_request(self, line: Line) -> bool:
        if self._over.is_set():
            return False
        plain = not isinstance(line.socket, ssl.SSLSocket)      # TLS cannot look without reading
        if plain and not line.unread and not line.socket.recv(1, socket.MSG_PEEK):
            return False
        step = self._next(before_reading=True)
        if step is not None:
            return step.act(line, _NOBODY)
        seen = _read(line)
        if seen is None:
            return False
        with self._lock:
            self.ledger.append(seen)
        step = self._next(before_reading=False)
        if step is None:
            step = self._otherwise if isinstance(self._otherwise, Step) else self._otherwise(seen)
        return step.act(line, seen)

    def _next(self, *, before_reading: bool) -> Step | None:
        with self._lock:
            if not self._script and before_reading and isinstance(self._otherwise, Step) and not self._otherwise.reads:
                return self._otherwise
            if not self._script or (before_reading and self._script[0].reads):
                return None
            return self._script.popleft()


def _read(line: Line) -> Seen | None:
    while b"\r\n\r\n" not in line.unread:
        data = line.socket.recv(65_536)
        if not data:
            return None
        line.unread += data
    head, _, rest = bytes(line.unread).partition(b"\r\n\r\n")
    line.unread[:] = rest
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        line.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _chunks(line)
    else:
        body = _exactly(line, int(headers.get("content-length", "0")))
    return Seen(method, path, headers, body, line.number)


def _exactly(line: Line, size: int) -> bytes:
    while len(line.unread) < size:
        data = line.socket.recv(65_536)
        if not data:
            raise ConnectionError("cut in the middle of a request")
        line.unread += data
    body = bytes(line.unread[:size])
    del line.unread[:size]
    return body


def _chunks(line: Line) -> bytes:
    body = b""
    while True:
        size = int(_until_newline(line).split(b";")[0], 16)
        body += _exactly(line, size)
        _until_newline(line)
        if size == 0:
            return body


def _until_newline(line: Line) -> bytes:
    read = b""
    while not read.endswith(b"\r\n"):
        read += _exactly(line, 1)
    return read.strip()


def _made_up_certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, str]:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "faults")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)),
                                                    x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "server.pem"
    public = certificate.public_bytes(serialization.Encoding.PEM)
    chain.write_bytes(public + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                 serialization.NoEncryption()))
    authority = folder / "ca.pem"
    authority.write_bytes(public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, str(authority)

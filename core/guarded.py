"""The only way to an address that a person or a platform gave us, so that nobody can send us into our own network.

An address is read strictly (what two programs could read differently is refused), its name is resolved once, every
resolved address must be public, and the connection goes to those very addresses: a name that changes between the check
and the call changes nothing. Redirects are answers, unless `follow` asks to put each hop through the same gate.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import certifi
import idna
import pycurl

from core.domain.errors import BadInput, NotNow

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""`resolver(host, port)` gives the textual addresses of `host`, or raises `OSError`."""

MAX_ADDRESS = 2_000
MAX_HOPS = 3
MAX_HEADERS = 64_000
WAIT_AFTER_FAILURE = timedelta(minutes=5)


class FetchFailed(NotNow):
    """The other side did not answer, or not within the limits. `spoken` is False only if surely nothing was written.

    `code` is one of `fetch_failed`, `fetch_too_slow`, `fetch_too_large`, `fetch_not_found` (no such name) and
    `fetch_goes_in_circles`; the values name the host, never the whole address, which may hold a secret.
    """

    def __init__(self, code: str, host: str, *, spoken: bool = False, detail: str = "") -> None:
        super().__init__(code, WAIT_AFTER_FAILURE, host=host, detail=detail)
        self.spoken = spoken


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said. Header names are in lower case; a header that came twice is joined by ", "."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """An address in one unambiguous form. `host` is ASCII: a name, or an IP address without brackets."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def ip(self) -> IP | None:
        """The host as an IP address, if it is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


# ------------------------------------------------------------------------------------------ reading an address

_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def check_address(url: str, *, allow_private: bool = False) -> Address:
    """Reads `url` without any network. Raises `BadInput("address_not_allowed")` with the reason in `why`: not http(s),
    a user name, a control character, a host that programs read differently, an IP address that is not public."""
    if not isinstance(url, str) or len(url) > MAX_ADDRESS:
        raise _not_allowed("", "too_long")
    url = url.strip(" ")
    if _FORBIDDEN.search(url):
        raise _not_allowed("", "forbidden_character")
    try:
        parts = urlsplit(url)
        port, bare = parts.port, parts.hostname
    except ValueError:
        raise _not_allowed("", "unreadable") from None
    if parts.scheme not in _PORTS:
        raise _not_allowed("", "scheme")
    if "@" in parts.netloc:
        raise _not_allowed("", "user_name")
    if port == 0 or parts.netloc.endswith(":"):
        raise _not_allowed("", "port")
    address = Address(parts.scheme, _host(bare or "", "[" in parts.netloc), port or _PORTS[parts.scheme],
                      _target(parts.path, parts.query))
    if not allow_private:
        _require_public_literal(address)
    return address


def shop_address(typed: Any, pointer: str, *, below: str = "") -> str:
    """The address of a shop that a person typed, in one form, without a slash at the end and without `below` (the
    folder of its programs' door). Raises `BadInput("shop_address_wrong")` with the pointer."""
    said = typed.strip() if isinstance(typed, str) else ""
    if said and "://" not in said:
        said = f"https://{said}"
    said = said.rstrip("/").removesuffix(below)
    try:
        # Whether it is a public one is the client's to say, each time that it is called.
        address = check_address(said, allow_private=True)
    except BadInput as error:
        raise BadInput("shop_address_wrong", pointer=pointer, text=said[:80]) from error
    if urlsplit(said).query or urlsplit(said).fragment:
        raise BadInput("shop_address_wrong", pointer=pointer, text=said[:80])
    return address.url.rstrip("/")


def _host(text: str, bracketed: bool) -> str:
    if "%" in text:         # an escaped character, or a zone, which names an interface of ours
        raise _not_allowed(text, "unreadable")
    if bracketed:
        try:
            return str(ipaddress.IPv6Address(text))
        except ValueError:
            raise _not_allowed(text, "unreadable") from None
    name = text.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, transitional=False).decode().lower()
        except (idna.IDNAError, UnicodeError):
            raise _not_allowed(text, "unreadable") from None
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise _not_allowed(text, "unreadable")
    if _LOOKS_LIKE_A_NUMBER.fullmatch(labels[-1]):
        # 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 are one address to some programs and another, or none, to others.
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise _not_allowed(text, "ambiguous_number") from None
    return name


def _target(path: str, query: str) -> str:
    ascii_path = quote(path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{ascii_path}?{quote(query, safe='/%:@!$&()*+,;=~-._?')}" if query else ascii_path


# ------------------------------------------------------------------------------------------ what is public

# IANA's registries of special-purpose addresses (RFC 6890 and its successors), less what is reachable from everywhere.
_NOT_PUBLIC_4 = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)))
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(ipaddress.IPv6Network, (
    "2001::/23",        # protocol assignments, Teredo among them
    "2001:db8::/32", "3fff::/20",       # documentation
    "2002::/16",        # 6to4: carries any IPv4 address, private ones too
)))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(ip: IP) -> bool:
    """Whether `ip` is an address on the public internet. IPv6 forms that carry an IPv4 address are not, but for NAT64
    of a public one: a network with IPv6 only reaches everybody else that way."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if ip in _NAT64:
        return is_public(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return ip in _GLOBAL_6 and not any(ip in network for network in _NOT_PUBLIC_6)


def _require_public_literal(address: Address, opened: Sequence[Network] = ()) -> None:
    if address.host == "localhost" or address.host.endswith(".localhost"):
        raise _not_allowed(address.host, "private")
    ip = address.ip
    if ip is not None and not _may_call(ip, opened):
        raise _not_allowed(address.host, "private")


def _may_call(ip: IP, opened: Sequence[Network]) -> bool:
    return is_public(ip) or any(ip.version == network.version and ip in network for network in opened)


def _not_allowed(host: str, why: str) -> BadInput:
    return BadInput("address_not_allowed", host=host[:100], why=why)


# ------------------------------------------------------------------------------------------ calling it

def resolve(host: str, port: int) -> list[str]:
    """The system's answer: every address of `host`. Raises `OSError`."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guarded:
    """Calls addresses that were given to us. Safe to share between threads; keeps no connection.

    `timeout`: seconds for a whole call, name and redirects included. `max_bytes`: of a body, after decompression.
    `allow_private` switches the check of IP addresses off, `opened` opens single networks. `ca_file`: an authority.
    """

    def __init__(self, allow_private: bool = False, timeout: float = 10, max_bytes: int = 1_000_000, *,
                 resolver: Resolver = resolve, opened: Sequence[Network] = (), ca_file: str | None = None,
                 user_agent: str = "Relance") -> None:
        if not 0 < timeout <= 86_400:
            raise ValueError("a time-out is a number of seconds above 0")
        self._allow_private, self._opened = allow_private, tuple(opened)
        self._timeout, self._max_bytes = timeout, max_bytes
        self._resolver, self._ca_file, self._user_agent = resolver, ca_file, user_agent
        self._over = threading.Event()

    def hang_up(self) -> None:
        """The process is about to end: calls that are still waited for fail within a second, as if the line broke, and
        no new one is made."""
        self._over.set()

    def check(self, url: str, *, resolved: bool = True) -> Address:
        """For a form: `url` read, and (unless `resolved` is False) its name looked up. Raises `BadInput` when it is not
        allowed, `FetchFailed` when the name does not exist."""
        address = check_address(url, allow_private=True)
        if not self._allow_private:
            _require_public_literal(address, self._opened)
        if resolved:
            self._public_addresses(address, time.monotonic() + self._timeout)
        return address

    def addresses(self, host: str, port: int) -> list[str]:
        """For what speaks no HTTP: the addresses of `host` (a name or an IP address), all of which may be called.
        Raises `BadInput("address_not_allowed")` or `FetchFailed`."""
        written = f"[{host}]" if ":" in host else host
        address = self.check(f"https://{written}:{port}/", resolved=False)
        return [str(ip) for ip in self._public_addresses(address, time.monotonic() + self._timeout)]

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, max_bytes: int | None = None,
            follow: bool = True) -> Answer:
        """Reads `url`, following up to three redirects, each of them checked as if it had been given to us."""
        return self.request("GET", url, headers, max_bytes=max_bytes, follow=follow)

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, *,
                max_bytes: int | None = None, follow: bool = False) -> Answer:
        """The answer, whatever its status. Raises `BadInput("address_not_allowed")` or `FetchFailed`.

        `follow` is for GET alone. Headers that prove who we are do not travel to another origin.
        """
        if follow and method != "GET":
            raise ValueError("only a GET follows redirects: anything else could be done twice")
        deadline = time.monotonic() + self._timeout
        limit = self._max_bytes if max_bytes is None else max_bytes
        sent = _checked_headers(headers or {})
        address = self.check(url, resolved=False)
        for _ in range(MAX_HOPS + 1):
            answer = self._call(method, address, sent, body, limit, deadline)
            location = answer.headers.get("location")
            if not (follow and answer.status in {301, 302, 303, 307, 308} and location):
                return answer
            onward = self.check(_joined(address, location), resolved=False)
            if address.scheme == "https" and onward.scheme == "http":
                raise _not_allowed(onward.host, "downgrade")
            if onward.origin != address.origin:
                sent = {name: value for name, value in sent.items() if name.lower() not in _PROOFS}
            address = onward
        raise FetchFailed("fetch_goes_in_circles", address.host, spoken=True)

    def _public_addresses(self, address: Address, deadline: float) -> list[IP]:
        texts = [address.host] if address.ip else _within(self._resolver, address, deadline - time.monotonic())
        try:
            found = [ipaddress.ip_address(text) for text in dict.fromkeys(texts)]
        except ValueError:                      # a scoped address such as fe80::1%eth0
            raise _not_allowed(address.host, "private") from None
        if not found:
            raise FetchFailed("fetch_not_found", address.host)
        if not self._allow_private and not all(_may_call(ip, self._opened) for ip in found):
            raise _not_allowed(address.host, "private")
        return found

    def _call(self, method: str, address: Address, headers: Mapping[str, str], body: bytes | None, limit: int,
              deadline: float) -> Answer:
        addresses = self._public_addresses(address, deadline)
        left = deadline - time.monotonic()
        if self._over.is_set():
            raise FetchFailed("fetch_failed", address.host, detail="the process ends")
        if left <= 0:
            raise FetchFailed("fetch_too_slow", address.host)
        curl = pycurl.Curl()
        try:
            return _Call(curl, address, addresses, limit, self._over.is_set).perform((
                (pycurl.TIMEOUT_MS, max(1, round(left * 1000))),
                (pycurl.CONNECTTIMEOUT_MS, max(1, round(min(left, 5) * 1000))),
                (pycurl.CAINFO, self._ca_file or authorities()),
                (pycurl.USERAGENT, self._user_agent),
                (pycurl.HTTPHEADER, [b"Expect:", *(f"{name}: {value}".encode() for name, value in headers.items())]),
                *_how(method, body),
            ))
        finally:
            curl.close()


def _joined(address: Address, location: str) -> str:
    try:
        return urljoin(address.url, location)
    except ValueError:
        raise _not_allowed("", "unreadable") from None


_PROOFS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _NOT_IN_A_HEADER.search(value):
            raise ValueError(f"header {name!r} holds a character that no header may hold")
    return dict(headers)


def _how(method: str, body: bytes | None) -> tuple[tuple[int, Any], ...]:
    if method == "HEAD":
        return ((pycurl.NOBODY, 1),)
    if body is not None:
        return ((pycurl.POSTFIELDS, body), *(((pycurl.CUSTOMREQUEST, method),) if method != "POST" else ()))
    return ((pycurl.CUSTOMREQUEST, method),) if method != "GET" else ()


_TOO_LARGE = 100
"""CURLE_TOO_LARGE, which pycurl has no name for: libcurl's own limit of headers."""
_GO: int = pycurl.PREREQFUNC_OK
_STOP: int = pycurl.PREREQFUNC_ABORT


class _Call:
    """One call on one connection."""

    def __init__(self, curl: pycurl.Curl, address: Address, addresses: Sequence[IP], limit: int,
                 over: Callable[[], bool]) -> None:
        self._curl, self._address, self._addresses, self._room = curl, address, frozenset(addresses), limit
        self._head: list[bytes] = []
        self._head_room = MAX_HEADERS
        self._body: list[bytes] = []
        self._began = self._too_large = False
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.ACCEPT_ENCODING, "gzip, deflate"),
            (pycurl.URL, address.url),
            (pycurl.RESOLVE, _pinned(address, addresses)),
            (pycurl.OPENSOCKETFUNCTION, self._open),
            (pycurl.PREREQFUNCTION, self._about_to_write),
            (pycurl.HEADERFUNCTION, self._header),
            (pycurl.WRITEFUNCTION, self._data),
            (pycurl.NOPROGRESS, 0),
            # libcurl asks once a second, and whenever something happens; anything but 0 ends the call.
            (pycurl.XFERINFOFUNCTION, lambda *_: int(over())),
        ):
            curl.setopt(option, value)

    def perform(self, options: Sequence[tuple[int, Any]]) -> Answer:
        for option, value in options:
            self._curl.setopt(option, value)
        host = self._address.host
        try:
            self._curl.perform()
        except pycurl.error as error:
            if self._too_large or error.args[0] == _TOO_LARGE:
                raise FetchFailed("fetch_too_large", host, spoken=True) from None
            slow = error.args[0] == pycurl.E_OPERATION_TIMEDOUT
            raise FetchFailed("fetch_too_slow" if slow else "fetch_failed", host, spoken=self._began,
                              detail=str(error.args[1])) from None
        return Answer(self._curl.getinfo(pycurl.RESPONSE_CODE), answered_headers(self._head), b"".join(self._body))

    def _open(self, _: int, target: Any) -> Any:
        # The pin is libcurl's; this is the last gate before a packet leaves, and it does not depend on the pin.
        if ipaddress.ip_address(_text(target.addr[0])) not in self._addresses:
            return pycurl.SOCKET_BAD
        return socket.socket(target.family, target.socktype, target.protocol)

    def _about_to_write(self, *_: object) -> int:
        if self._began:         # libcurl would repeat a request whose connection died
            return _STOP
        self._began = True
        return _GO

    def _header(self, line: bytes) -> int | None:
        self._head_room -= len(line)
        self._too_large = self._head_room < 0
        self._head.append(line)
        return -1 if self._too_large else None

    def _data(self, data: bytes) -> int | None:
        self._room -= len(data)
        self._too_large = self._room < 0
        if self._too_large:
            return -1
        self._body.append(data)
        return None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _pinned(address: Address, addresses: Sequence[IP]) -> list[str]:
    if address.ip:
        return []
    places = ",".join(f"[{ip}]" if ip.version == 6 else str(ip) for ip in addresses)
    return [f"{address.host}:{address.port}:{places}"]


def _within(resolver: Resolver, address: Address, seconds: float) -> Sequence[str]:
    """The system's resolver knows no time-out of ours: it works in a thread that is left behind when it is too slow."""
    answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(address.host, address.port))
        except OSError as error:
            answers.put(error)
        except UnicodeError:
            answers.put(OSError("not a name"))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise FetchFailed("fetch_too_slow", address.host) from None
    if isinstance(found, OSError):
        raise FetchFailed("fetch_not_found", address.host)
    return found


# ------------------------------------------------------------------------------------------ shared with the hot way out

def authorities() -> str:
    """The file of certificate authorities: the system's (`SSL_CERT_FILE` names another), else the one that we bring."""
    return ssl.get_default_verify_paths().cafile or certifi.where()


def answered_headers(lines: Sequence[bytes]) -> dict[str, str]:
    """The headers of the last block of `lines` as received: blocks before it are interim answers (1xx)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon and name.startswith("HTTP/"):
            headers.clear()
        elif colon:
            key, text = name.strip().lower(), value.strip()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers

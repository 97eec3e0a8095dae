"""A real Kannel (1.4) between HTTP and an SMPP centre: an SMPP client that is not ours, and an HTTP gateway.

    with Smsc() as smsc, Kannel(tmp_path, smsc.port, replies_url=heard.url + "/mo") as kannel:
        kannel.send("Bonjour", dlr_url=heard.url + "/dlr?id=%F&said=%d")

Its two processes (bearerbox, which speaks SMPP, and smsbox, which speaks HTTP) are its own, and end with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.support.machines import wait_until
from tests.support.ports import free_port

USER, PASSWORD = "relance", "s3cret"
# Debian puts servers where an ordinary user does not look for programs.
WHERE = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


def program(name: str) -> str | None:
    """The path of one of Kannel's programs; None when it is not here."""
    return shutil.which(name, path=WHERE)


class Kannel:
    """`ids` is Kannel's `msg-id-type`: in which base the centre writes an id in its answer and in its receipts."""

    def __init__(self, folder: Path, centre: int, *, password: str = "secret", ids: str | None = None,
                 replies_url: str = "") -> None:
        self._folder = folder
        self._admin, self._box, self._http = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._http}/cgi-bin/sendsms"
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "kannel.conf").write_text("\n".join(self._settings(centre, password, ids, replies_url)))

    def _settings(self, centre: int, password: str, ids: str | None, replies_url: str) -> Iterator[str]:
        yield from (
            "group = core", f"admin-port = {self._admin}", "admin-interface = 127.0.0.1", "admin-password = x",
            f"smsbox-port = {self._box}", "smsbox-interface = 127.0.0.1", "dlr-storage = internal",
            "sms-combine-concatenated-mo = true", "",
            "group = smsc", "smsc = smpp", "smsc-id = centre", "host = 127.0.0.1", f"port = {centre}",
            "transceiver-mode = true", "smsc-username = acme", f"smsc-password = {password}", "system-type = SMPP",
            "source-addr-autodetect = true", "reconnect-delay = 1", "enquire-link-interval = 1",
            *([f"msg-id-type = {ids}"] if ids else []), "",
            "group = smsbox", "bearerbox-host = 127.0.0.1", f"sendsms-port = {self._http}",
            "sendsms-interface = 127.0.0.1", "mo-recode = true", "",
            "group = sendsms-user", f"username = {USER}", f"password = {PASSWORD}", "concatenation = true",
            "max-messages = 20", "",
        )
        if replies_url:
            yield from ("group = sms-service", "keyword = default", "catch-all = true", "max-messages = 0",
                        f'get-url = "{replies_url}?from=%p&to=%P&text=%b&id=%I"', "")

    def __enter__(self) -> Kannel:
        try:
            self._start("bearerbox", self._box)
            self._start("smsbox", self._http)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._processes.clear()

    def _start(self, name: str, port: int) -> None:
        """Until it listens on `port`."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([program(name) or name, "-v", "1", "kannel.conf"], cwd=self._folder, stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        wait_until(lambda: _listens(port) or process.poll() is not None, 20)
        assert process.poll() is None, (self._folder / f"{name}.log").read_text()

    def send(self, text: str, *, dlr_url: str = "", sender: str = "CABINET", to: str = "+33639981001") -> None:
        """As any program asks a Kannel to send."""
        cheap = all(ord(character) < 0x100 or character == "€" for character in text)
        asked = {"username": USER, "password": PASSWORD, "from": sender, "to": to, "text": text, "charset": "UTF-8",
                 "coding": "0" if cheap else "2", **({"dlr-mask": "31", "dlr-url": dlr_url} if dlr_url else {})}
        answer = requests.get(self.url, params=asked, timeout=10)
        assert answer.status_code == 202, answer.text


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


class Heard:
    """A program on loopback that Kannel tells: `told` is what came, as (path, fields)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                told.append((parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Heard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def of(self, path: str) -> list[dict[str, str]]:
        return [fields for where, fields in self.told if where == path]

"""A site and a Relance that are connected, with every switch on: what the tests of the plugin stand on."""

from __future__ import annotations

import re
import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.running import Running
from tests.support.wordpress import Site, forms, until

OWNER = "+33639980009"
PAGE = "/wp-admin/options-general.php?page=relance"
EVERYTHING = {f"on_{what}": "1" for what in ("members", "comments", "posts", "optin", "carts", "orders")}


class Line:
    """The line between the site and Relance: a door on loopback that can be shut and opened again."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.to: tuple[str, int] | None = None
        self.open = True
        self._ends = False
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self._ends = True
        self._door.close()

    def _take(self) -> None:
        while not self._ends:
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            if not self.open or self.to is None:
                caller.close()
                continue
            threading.Thread(target=self._carry, args=(caller, self.to), daemon=True).start()

    def _carry(self, caller: socket.socket, to: tuple[str, int]) -> None:
        with suppress(OSError), caller, socket.create_connection(to) as there:
            ends = {caller: there, there: caller}
            while True:
                for end in select.select(list(ends), [], [], 30)[0]:
                    said = end.recv(65536)
                    if not said:
                        return
                    ends[end].sendall(said)


@dataclass
class Bridge:
    """`relance` and `site`, and the connection between them (`id`)."""

    site: Site
    relance: Running
    line: Line
    id: str = ""
    code: str = ""
    secret: str = ""
    rules: dict[str, str] = field(default_factory=dict)

    def connect(self, **settings: str) -> None:
        """Makes the connection, pastes its code, turns every switch on, goes live, and lets every preset speak."""
        made = self.relance.client.post("/v1/installations", {
            "adapter": "wordpress_bridge", "name": "Boutique Essai", "config": {"url": self.site.url}})
        assert made.status_code == 201, made.text
        said = made.json()
        self.id, self.code, self.secret = said["id"], said["connection_code"], said["signing_secret"]
        assert "Connected" in self.said(self.site.submit(PAGE, "relance_connect", code=self.code))
        answer = self.site.submit(PAGE, "relance_save", **{
            **EVERYTHING, "owner_phone": "06 39 98 00 09", "form_cf7_5_on": "1", "form_cf7_5_alert": "1", **settings})
        assert "Saved" in self.said(answer)
        assert self.relance.client.patch(f"/v1/installations/{self.id}", {"mode": "live"}).status_code == 200
        for rule in self.relance.client.get(f"/v1/rules?installation={self.id}&limit=100").json()["data"]:
            self.rules[rule["name"]] = rule["id"]
            # Neither clock is turned, and at night an answer leaves where a reminder waits for the morning.
            at_night = {"class": "conversational"} if rule["class"] == "transactional" else {}
            patched = self.relance.client.patch(f"/v1/rules/{rule['id']}", {"active": True, **at_night})
            assert patched.status_code == 200, patched.text

    @staticmethod
    def said(page: requests.Response) -> str:
        """The word at the top of the settings page."""
        found = re.search(r'<div class="notice notice-\w+ is-dismissible"><p>(.*?)</p>', page.text, re.S)
        return found.group(1) if found else ""

    def log(self) -> list[list[str]]:
        """The last events as the settings page lists them: when, what, state, result."""
        page = self.site.get(PAGE, self.site.admin).text
        return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td>[^<]*</td>.*?)</tr>", page)]

    def fire(self, what: str, session: Any = requests, **given: Any) -> dict[str, Any]:
        """Lets the stand-in plugin call what a real one would."""
        answer = self.site.post("/wp-json/stand-in/v1/fire", session, json={"what": what, "with": given})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def settle(self) -> None:
        """Lets the site say all that waits (a slow machine may have cut it short), and Relance do all that is due."""
        if self.line.open:
            # Another of the site's processes may be at it still: its answer was there before its work was done.
            until(lambda: self.site.php("if ( Relance_Queue::waiting() ) { Relance_Queue::wake();"
                                        " Relance_Queue::work( 20 ); } return Relance_Queue::waiting();") == 0,
                  # A row that its process could not close is another one's after a minute.
                  "the site does not say what it has to say", seconds=100)
        self.relance.settle()

    def occasions(self, kind: str) -> list[dict[str, Any]]:
        """What Relance knows of that kind."""
        self.settle()
        answer = self.relance.client.get(f"/v1/occasions?installation={self.id}&limit=200")
        assert answer.status_code == 200, answer.text
        return [one for one in answer.json()["data"] if one["kind"] == kind]

    def occasion(self, key: str) -> dict[str, Any]:
        """The one whose key begins like that."""
        found = [one for kind in ("form", "contact", "cart", "order", "campaign", "request")
                 for one in self.occasions(kind) if one["key"].startswith(key)]
        assert len(found) == 1, [one["key"] for one in found]
        return found[0]

    def texts_to(self, number: str) -> list[str]:
        """What that simulated phone has received, newest first, once everything due has happened."""
        self.settle()
        return self.received(number)

    def received(self, number: str) -> list[str]:
        """The same, of what the site has said by itself."""
        self.relance.settle()
        return [one["text"] for one in self.relance.phones() if one["to"] == number]

    def code_to(self, number: str) -> str:
        """The code in the newest message to that phone."""
        return next(re.search(r"\b\d{6}\b", text).group() for text in self.texts_to(number)  # type: ignore[union-attr]
                    if re.search(r"\b\d{6}\b", text))

    def planned(self, number: str) -> list[dict[str, Any]]:
        """The messages to that number, newest first."""
        self.settle()
        answer = self.relance.client.get("/v1/messages", params={"to": number, "limit": 100})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def consents(self, number: str) -> list[dict[str, Any]]:
        self.settle()
        answer = self.relance.client.get("/v1/consents", params={"to": number, "limit": 100})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def form_on(self, path: str, step: str, session: requests.Session) -> tuple[str, dict[str, str]]:
        """The opt-in form of a page whose step that is: where it goes and what it holds."""
        page = self.site.get(path, session)
        form = next(one for one in forms(page.text) if one.fields.get("step") == step)
        return form.target, dict(form.fields)

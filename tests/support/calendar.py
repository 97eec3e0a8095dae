"""A calendar on loopback, at a secret address as calendars have them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VISITS = (
    ("a1", "20261202T093000", "Mme Roux 06 39 98 00 01", ""),
    ("a2", "20261202T103000", "Julien Moreau", "Tel : 06 39 98 00 02"),
    ("a3", "20261202T140000", "Nina Petit", "Maman 06 39 98 00 03, papa 06 39 98 00 04"),
    ("a4", "20261203T090000", "M. Garnier", "Fixe : 01 99 00 12 34"),
    ("a5", "20261203T110000", "Sarah Lambert 06.39.98.00.05", "#norappel"),
    ("a6", "20261204T153000", "Contrôle annuel", ""),
    ("a7", "20261207T100000", "Paul Henry +33 6 39 98 00 08", ""),
)


def written(visits: tuple[tuple[str, str, str, str], ...] = VISITS) -> str:
    """The calendar as iCalendar text. A visit: uid, start in Paris, title, description."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Cabinet//FR"]
    for uid, start, title, description in visits:
        hour = int(start[9:11]) + 1
        lines += [
            "BEGIN:VEVENT", f"UID:{uid}@cabinet.example", "DTSTAMP:20261120T080000Z",
            f"DTSTART;TZID=Europe/Paris:{start}", f"DTEND;TZID=Europe/Paris:{start[:9]}{hour:02d}{start[11:]}",
            f"SUMMARY:{title}", *([f"DESCRIPTION:{description}".replace(",", "\\,")] if description else []),
            "END:VEVENT",
        ]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


class Calendar:
    """`with Calendar() as calendar:` — `calendar.url`; change `calendar.text` to change what is read next."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text if text is not None else written()
        calendar = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = calendar.text.encode()
                self.send_response(200 if self.path.endswith("basic.ics") else 404)
                self.send_header("Content-Type", "text/calendar; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """A test has nothing to read here."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/private-3f9a/basic.ics"

    def __enter__(self) -> Calendar:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

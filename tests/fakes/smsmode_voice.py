"""A stand-in for smsmode's older HTTP interface, for calls: lines of fields between bars, letters of ISO-8859-15.

    with FakeSmsmodeVoice() as fake:
        ...                                  # a provider whose `smsmode_voice` address is fake.url makes a call
        fake.calls                           # what it was asked to say, and to whom
        fake.ends(fake.calls[0]["id"], 16)   # what the report on that call says from now on

It posts nothing back: whoever wants to know asks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from tests.fakes.vendor import Vendor
from tests.faults.server import Seen, Step, ok

LETTERS = "iso-8859-15"


class FakeSmsmodeVoice(Vendor):
    """`calls` is its ledger. `now` is what it writes into dates (in Paris), `dates` how."""

    def __init__(self, token: str = "v0ice", dates: str = "%Y-%m-%d %H:%M:%S") -> None:
        super().__init__()
        self.token, self.dates = token, dates
        self.now = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
        self.calls: list[dict[str, str]] = []
        self.statuses: dict[str, int] = {}

    def ends(self, call: str, status: int) -> None:
        with self._lock:
            self.statuses[call] = status

    def _carry_out(self, seen: Seen) -> Step:
        given = form(seen)
        if given.get("accessToken") != self.token:
            return line("32 | authentification error")
        match urlsplit(seen.path).path.rpartition("/")[2]:
            case "sendVoiceMessage.do":
                return self._call(given)
            case "compteRendu.do" if given.get("smsID") in self.statuses:
                [call] = [one for one in self.calls if one["id"] == given["smsID"]]
                return line(f"{call['numero']} {self.statuses[given['smsID']]}")
            case "compteRendu.do":
                return line("61 | unknown smsID")
            case "smsList.do":
                lines = [f"{one['id']} | {one['date']} | {one['message']} | {one['numero']} | 1 | 1"
                         for one in reversed(self.calls)]
                return line("\n".join(lines))
            case "credit.do":
                return line("212.5")
        return line("31 | internal error")

    def _call(self, given: dict[str, str]) -> Step:
        if not given.get("numero", "").isdigit() or not given.get("message") or len(given["message"]) > 160:
            return line("35 | missing or bad parameter")
        if given.get("language") not in ("fr-FR", "en-GB", "de-DE", "es-ES"):
            return line("35 | missing or bad parameter")
        call = {**given, "id": f"vm-{len(self.calls) + 1}",
                "date": self.now.astimezone(ZoneInfo("Europe/Paris")).strftime(self.dates)}
        self.calls.append(call)
        self.statuses[call["id"]] = 0
        return line(f"0 | Accepted | {call['id']}")


def form(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(seen.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, encoding=LETTERS))


def line(text: str) -> Step:
    return ok(text.encode(LETTERS, "replace"))

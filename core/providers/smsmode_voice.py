"""smsmode's calls, by its older HTTP interface: one text read out by a machine, without keys. Pure.

Its answers are lines of fields between bars, its codes numbers, its letters those of ISO-8859-15; 160 of them are a
message. It posts nothing back about a call, so that what became of one is asked for (`compteRendu.do`). It hears no
key: a question does not leave by it.

Facts: the vendor's documents of its HTTP interface, versions 3.4 (2019-10-11) and 3.5 (2020-09-05). They say of code 16
that the message was listened to, and not by whom; nor whether a code of "no reception" means a phone that rang.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.contract import Accepted, AccountTrouble, Outcome, Outgoing, Receipt, Refused, TryLater
from core.domain import calls
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.text.transliteration import raw_map
from core.providers.callbacks import identifier, number, words
from core.providers.lines import complaint_of, unclear
from core.providers.smsmode_words import NAME

LETTERS = "iso-8859-15"
LONGEST_TEXT = 160
LONGEST_TITLE = 40
LANGUAGES: Mapping[str, str] = MappingProxyType({"fr": "fr-FR", "en": "en-GB", "de": "de-DE", "es": "es-ES"})
BUSY = timedelta(minutes=1)
LARGEST_ANSWER = 200_000


@dataclass(frozen=True, slots=True)
class Meant:
    """What a status of a call means."""

    state: State
    code: str | None = None
    opt_out: bool = False
    dead_number: bool = False
    account_trouble: bool = False


_FAILED = Meant(State.FAILED, "call_failed")
_HEARD = Meant(State.DELIVERED, calls.UNSURE)
STATUSES: Mapping[int, Meant] = MappingProxyType({
    **dict.fromkeys((0, 1, 10, 13), Meant(State.SENT)),
    # Received, issued, listened to: by a person or by a voicemail, nobody says.
    **dict.fromkeys((11, 14, 16), _HEARD),
    **dict.fromkeys((2, 21, 22, 34, 35, 36, 37, 38, 39, 50, 3501, 3503, 3504, 3521, 3522, 3523, 3526, 3527, 3560),
                    _FAILED),
    3502: Meant(State.FAILED, "call_no_answer"),
    33: Meant(State.FAILED, "provider_no_credit", account_trouble=True),
    **dict.fromkeys((3524, 3525), Meant(State.FAILED, "provider_spam")),
    3998: Meant(State.FAILED, "provider_number_dead", dead_number=True),
    3999: Meant(State.FAILED, "provider_number_silent", opt_out=True),
})
"""Of any other number nothing is known: it is kept, and changes nothing."""


def form(token: object, message: Outgoing) -> bytes | Outcome:
    """The form that makes the call, or why it cannot be made."""
    if not isinstance(token, str) or not token:
        return Refused(Reason("provider_no_such_channel", {"provider": NAME, "channel": message.channel.value}))
    said = calls.spoken(message.content, message.text, message.message_class)
    if said.keys or message.asks:
        return Refused(Reason("voice_cannot_ask"))
    language = LANGUAGES.get(said.language.partition("-")[0].lower())
    if language is None:
        return Refused(Reason("provider_not_suitable", {"provider": NAME, "status": said.language, "detail": ""}))
    text = written(said.text)
    if text is None:
        return Refused(Reason("provider_text_unreadable"))
    if len(text) > LONGEST_TEXT:
        return Refused(Reason("provider_text_too_long", {"provider": NAME, "limit": LONGEST_TEXT}))
    return asking(token, message=text, numero=message.to.removeprefix("+"), language=language,
                  title=message.reference[:LONGEST_TITLE])


def asking(token: object, **fields: str) -> bytes:
    """A form with the account's key. It is posted always, so that no address bears the key."""
    return urlencode({"accessToken": str(token), **fields}, encoding=LETTERS).encode("ascii")


def written(text: str) -> str | None:
    """`text` in the letters that it takes; None when one of them has no spelling there."""
    spelled = "".join(letter if _fits(letter) else raw_map(letter) for letter in text)
    return spelled if spelled.strip() and all(map(_fits, spelled)) else None


def _fits(letter: str) -> bool:
    try:
        letter.encode(LETTERS)
    except UnicodeEncodeError:
        return False
    return letter >= " " or letter in "\n\r\t"


def answered(body: bytes) -> tuple[int | None, str, list[str]]:
    """(code, its words, the other fields) of an answer; no code when it is none."""
    if len(body) > LARGEST_ANSWER:
        return None, "", []
    fields = [field.strip() for field in body.decode(LETTERS, "replace").split("|")]
    code = int(fields[0]) if re.fullmatch(r"[0-9]{1,4}", fields[0], re.ASCII) else None
    return code, words(fields[1], 120) if len(fields) > 1 else "", fields[2:]


def outcome(body: bytes, message: Outgoing, secrets: Iterable[object]) -> Outcome:
    """What the answer to a call says. `secrets` are left out of it."""
    code, complaint, rest = answered(body)
    values: Mapping[str, Any] = {"provider": NAME, "status": code or 0,
                                 "detail": complaint_of([complaint], message, secrets)}
    if code == 0 and rest and (reference := identifier(rest[0])):
        return Accepted(reference)
    if code == 32:
        return AccountTrouble(Reason("provider_key_refused", values))
    if code == 33:
        return AccountTrouble(Reason("provider_no_credit", values))
    if code in (35, 41):
        return Refused(Reason("provider_refused", values))
    if code == 50:
        return TryLater(BUSY, Reason("provider_away", values))
    return unclear(NAME, f"code {code}" if code is not None else "the answer cannot be read")


def report(body: bytes, reference: str, provider_reference: str, now: datetime) -> Receipt | None:
    """What the report on a call of one number says; None when it is none."""
    entries = [line.split() for line in body[:LARGEST_ANSWER].decode(LETTERS, "replace").split("|")]
    if len(entries) != 1 or len(entries[0]) != 2:
        return None
    to, status = entries[0]
    if number(to) is None or not re.fullmatch(r"[0-9]{1,4}", status, re.ASCII):
        return None
    return of_status(int(status), reference, provider_reference, now)


def of_status(status: int, reference: str, provider_reference: str, now: datetime) -> Receipt:
    """One of its numbers as a receipt."""
    meant = STATUSES.get(status)
    if meant is None:
        return Receipt(provider_reference, None, str(status), now, reference)
    reason = Reason(meant.code, {"provider": NAME, "status": str(status), "detail": ""}) if meant.code else None
    return Receipt(provider_reference, meant.state, str(status), now, reference, reason, meant.account_trouble,
                   opt_out=meant.opt_out, dead_number=meant.dead_number)


def listed(body: bytes, message: Outgoing, start: datetime, end: datetime) -> list[str]:
    """The ids of calls with the words of `message` to its number, made between `start` and `end`. The list's dates have
    a form and a zone that are documented nowhere: one that cannot be read counts for nothing."""
    found = []
    text = written(calls.spoken(message.content, message.text, message.message_class).text)
    for line in body[:LARGEST_ANSWER].decode(LETTERS, "replace").splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) < 4 or number(fields[3]) != message.to or fields[2] != text:
            continue
        if (name := identifier(fields[0])) and any(start <= moment <= end for moment in _moments(fields[1])):
            found.append(name)
    return found


def _moments(text: str) -> list[datetime]:
    for pattern in ("%Y-%m-%d %H:%M:%S", "%d%m%Y-%H%M%S", "%d%m%Y-%H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"):
        try:
            read = datetime.strptime(text, pattern)  # noqa: DTZ007 - in which zone is not said: either may be meant
        except ValueError:
            continue
        return [read.replace(tzinfo=ZoneInfo(zone)) for zone in ("Europe/Paris", "UTC")]
    return []

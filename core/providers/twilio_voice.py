"""Twilio's calls: the form that makes one, what is said on it, and what its callbacks mean. Pure.

A call is made without words: once somebody has answered and Twilio knows who (a person, a voicemail), it asks our
address what to say. So nothing of the message lies with Twilio before, a voicemail can be told from a person before the
first word, and what was called off meanwhile is not said.

| `AnsweredBy`            | `voicemail`     | what it hears                  | what is known then                 |
| ----------------------- | --------------- | ------------------------------ | ---------------------------------- |
| `human`, `unknown`, -   | either          | the text, then the keys, twice | delivered                          |
| `machine_start`         | `hang_up`       | nothing                        | not said: the next channel         |
| `machine_end_*`         | `leave_message` | the text alone, after the beep | delivered, and confirmed by nobody |
| `fax`                   | either          | nothing                        | not said: the next channel         |

Facts: Twilio's pages "Call resource", "Answering Machine Detection", TwiML "<Say>" and "<Gather>", and its OpenAPI
document. With `MachineDetection` and without `AsyncAmd` the words wait until it is known who answered, which a person
hears as a silence; in exchange nothing is ever said into a greeting. A status callback is posted for each event asked
for; "completed" stands for every end (`busy`, `no-answer`, `failed`, `canceled`, `completed`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlencode
from xml.etree import ElementTree

from core.contract import Account, AccountTrouble, Outcome, Outgoing, PhoneReply, Receipt, Refused
from core.domain import calls
from core.domain.calls import Spoken
from core.domain.errors import Unreadable
from core.domain.messages import Channel, State
from core.domain.reasons import Reason
from core.providers import callbacks as read
from core.providers.callbacks import Resource
from core.providers.outcomes import Fate
from core.providers.twilio_words import CODES, NAME, Meant

RINGS = 30
"""Seconds that it rings. Twilio's own default is 60, in which many networks have switched to a voicemail."""
LASTS = 300
"""Seconds after which a call is ended, whatever happens in it."""
WAITS = 6
"""Seconds for which a key is waited for."""
LONGEST_TEXT = 3_500
"""Twilio reads 4,000 bytes of one <Say>; the keys come in one of their own."""
ASK, VOICEMAIL = "ask", "voicemail"
WORDS, KEY = "words", "key"
"""What `ask` in the address of a request says that it asks for."""

ENDS: Mapping[str, str] = MappingProxyType({
    "busy": "call_busy", "no-answer": "call_no_answer", "failed": "call_failed", "canceled": "call_cancelled"})
COMPLETED = "completed"
"""What every call ends with that was answered, whatever was heard of it."""
GOES_ON = frozenset({"queued", "initiated", "ringing", "in-progress", "answered"})
NOT_ANSWERED = frozenset({"queued", "initiated", "ringing"})

VOICE_CODES: Mapping[int, Meant] = MappingProxyType({
    **CODES,
    13224: Meant("call_failed"),
    13227: Meant("provider_region_closed"),
    21205: Meant("provider_refused"),
    21210: Meant("provider_sender_wrong"),
    21213: Meant("provider_sender_missing", Fate.ACCOUNT),
    21214: Meant("call_failed"),
    21215: Meant("provider_region_closed"),
    21216: Meant("provider_blocked"),
    21219: Meant("provider_trial_account"),
    32205: Meant("provider_region_closed"),
})
"""13227, 21215, 32205 (a region that is not open), 21216 (a blocked number) and 13224 (no such number) are on Twilio's
help pages; 21205, 21210, 21213, 21214 and 21219 are from general knowledge."""


# ---------------------------------------------------------------------------------------- what is sent

def is_call(fields: Mapping[str, str]) -> bool:
    """Whether a callback is about a call."""
    return "CallSid" in fields


def form(account: Account, message: Outgoing) -> bytes | Outcome:
    """The form that makes the call, or why it cannot be made."""
    caller = message.sender if message.sender and read.number(message.sender) else account.config.get("voice_sender")
    if not caller:
        return AccountTrouble(Reason("voice_caller_missing", {"provider": NAME}))
    if not account.receipts_url:
        return AccountTrouble(Reason("voice_no_address", {"provider": NAME}))
    said = calls.spoken(message.content, message.text, message.message_class)
    if len(said.text.encode("utf-8", "replace")) > LONGEST_TEXT:
        return Refused(Reason("provider_text_too_long", {"provider": NAME, "limit": LONGEST_TEXT}))
    if not speakable(said.text).strip():
        return Refused(Reason("provider_text_unreadable"))
    words = address(account, message.reference, WORDS, said.voicemail)
    written = [
        ("To", message.to), ("From", str(caller)),
        ("Url", words), ("Method", "POST"),
        # Our first answer may get lost: it is asked for once more before the person hears that something is wrong.
        ("FallbackUrl", words), ("FallbackMethod", "POST"),
        ("StatusCallback", f"{account.receipts_url}?{urlencode({'reference': message.reference})}"),
        # The first of these settles a doubt, the last one says how it ended.
        ("StatusCallbackEvent", "initiated"), ("StatusCallbackEvent", "completed"),
        ("MachineDetection", "DetectMessageEnd" if said.voicemail == calls.LEAVE_MESSAGE else "Enable"),
        ("Timeout", str(RINGS)), ("TimeLimit", str(LASTS)),
    ]
    try:
        return urlencode(written).encode("ascii")
    except UnicodeEncodeError:
        return Refused(Reason("provider_text_unreadable"))


def address(account: Account, reference: str, asks: str, voicemail: str) -> str:
    """Where Twilio asks for the words of `reference`, or says which key was pressed."""
    return f"{account.receipts_url}?{urlencode({'reference': reference, ASK: asks, VOICEMAIL: voicemail})}"


# ---------------------------------------------------------------------------------------- what is said

def twiml(account: Account, reference: str, spoken: Spoken | None, fields: Mapping[str, str],
          query: Mapping[str, str]) -> bytes:
    """What the phone does next, in Twilio's XML; whatever stands in a text stays text."""
    response = ElementTree.Element("Response")
    answered, voicemail = fields.get("AnsweredBy", ""), query.get(VOICEMAIL, calls.HANG_UP)
    if spoken is not None and _is_machine(answered):
        if answered != "fax" and voicemail == calls.LEAVE_MESSAGE:
            _say(response, account, spoken, spoken.text)
    elif spoken is not None:
        action = address(account, reference, KEY, voicemail)
        if not spoken.keys:
            _say(response, account, spoken, spoken.text)
        else:
            for texts in ((spoken.text, spoken.menu), (spoken.menu,)):
                gather = ElementTree.SubElement(response, "Gather", {
                    "input": "dtmf", "numDigits": "1", "timeout": str(WAITS), "action": action, "method": "POST"})
                for text in texts:
                    _say(gather, account, spoken, text)
    ElementTree.SubElement(response, "Hangup")
    return ElementTree.tostring(response, encoding="utf-8", xml_declaration=True)


def _say(parent: ElementTree.Element, account: Account, spoken: Spoken, text: str) -> None:
    voice = account.config.get("voice")
    ElementTree.SubElement(parent, "Say", {"language": spoken.language, **({"voice": str(voice)} if voice else {})}
                           ).text = speakable(text)


def speakable(text: str) -> str:
    """`text` without what XML has no way to write (control characters, half of a surrogate pair)."""
    return _UNWRITABLE.sub(" ", text)


_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _is_machine(answered: str) -> bool:
    return answered == "fax" or answered.startswith("machine_")


# ---------------------------------------------------------------------------------------- what comes back

def read_callback(fields: Mapping[str, str], query: Mapping[str, str], now: datetime
                  ) -> tuple[Receipt | PhoneReply, ...]:
    """What a request about a call says. Raises `Unreadable`."""
    sid, reference = read.identifier(fields.get("CallSid")), read.identifier(query.get("reference"))
    if sid is None:
        raise Unreadable("unreadable", detail="no CallSid")
    if query.get(ASK) == WORDS:
        return (_answered(sid, fields.get("AnsweredBy", ""), query, now, reference),)
    if query.get(ASK) == KEY:
        return _pressed(sid, fields, now, reference)
    status = read.words(fields.get("CallStatus"), 60)
    if not status:
        raise Unreadable("unreadable", detail="neither a call's state nor a question")
    return (ended(sid, status, now, reference),)


def read_resource(found: Resource, now: datetime, reference: str | None) -> Receipt:
    """A call as Twilio's own list shows it. Raises `Unreadable`."""
    sid = read.identifier(found.get("sid"))
    if sid is None:
        raise Unreadable("unreadable", detail="no sid")
    at = read.moment((found.get("end_time"), found.get("date_updated"), found.get("date_created")), now)
    price = read.micros(found.get("price"), found.get("price_unit"))
    return ended(sid, read.words(found.get("status"), 60), at, reference, price)


def ended(sid: str, status: str, at: datetime, reference: str | None,
          price: tuple[int | None, str | None] = (None, None)) -> Receipt:
    """A call's own state. How it was answered is told apart (`_answered`), before it ends."""
    code = ENDS.get(status.lower())
    state = State.FAILED if code else State.SENT if status.lower() in GOES_ON else None
    if status.lower() == COMPLETED:
        code = calls.ENDED
    reason = Reason(code, {"provider": NAME, "status": status, "detail": ""}) if code else None
    return Receipt(sid, state, status, at, reference, reason, price_micros=price[0], currency=price[1])


def _answered(sid: str, answered: str, query: Mapping[str, str], now: datetime, reference: str | None) -> Receipt:
    said = read.words(answered, 40) or "answered"
    if answered == "fax":
        state, code = State.FAILED, "call_fax"
    elif not _is_machine(answered):
        state, code = State.DELIVERED, calls.ANSWERED if answered == "human" else calls.UNSURE
    elif query.get(VOICEMAIL) == calls.LEAVE_MESSAGE:
        state, code = State.DELIVERED, calls.LEFT
    else:
        state, code = State.FAILED, "call_voicemail"
    return Receipt(sid, state, said, now, reference, Reason(code, {"provider": NAME, "status": said, "detail": ""}))


def _pressed(sid: str, fields: Mapping[str, str], now: datetime, reference: str | None) -> tuple[PhoneReply, ...]:
    """The key, as what the person wrote. A call asks several times: each key is one answer, however often it comes."""
    key = read.words(fields.get("Digits"), 4)
    person = read.number(fields.get("To"))
    if person is None:
        raise Unreadable("unreadable", detail="a key without a number")
    if not key:
        return ()
    shown = fields.get("From", "")
    return (PhoneReply(person, read.number(shown) or read.words(shown, 20), key, now, f"{sid}:{key}",
                       reference or sid, Channel.VOICE),)

"""What providers that take one request for each message have in common: side by side out, and an outcome for each back.

A provider writes a message as a `Request` (or says at once why it cannot), and reads what was answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from core.contract import AccountTrouble, Outcome, Outgoing, Refused, TryLater, Uncertain
from core.domain.errors import NeedsReconnect, NotNow
from core.domain.messages import MessageClass
from core.domain.reasons import Reason
from core.domain.recipients import mask
from core.guarded import Answer
from core.providers.callbacks import words
from core.providers.http import Broken, Http, Request
from core.providers.outcomes import Fate, Verdict

BUSY = timedelta(minutes=1)
"""How long to wait when we are asked to, but not told how long."""
AGAIN = timedelta(seconds=5)
SOONEST = timedelta(seconds=1)


def hand_over(http: Http, messages: Sequence[Outgoing], begun: Callable[[str], None],
              write: Callable[[Outgoing], Request | Outcome],
              hear: Callable[[Outgoing, Answer | Broken], Outcome]) -> list[Outcome]:
    """One request for each of `messages`, on kept connections. Outcomes in their order."""
    outcomes: dict[int, Outcome] = {}
    requests: list[Request] = []
    written: list[int] = []
    for index, message in enumerate(messages):
        found = write(message)
        if isinstance(found, Request):
            requests.append(found)
            written.append(index)
        else:
            outcomes[index] = found
    answers = http.post_all(requests, on_begin=lambda at: begun(messages[written[at]].reference))
    for index, answer in zip(written, answers, strict=True):
        outcomes[index] = hear(messages[index], answer)
    return [outcomes[index] for index in range(len(messages))]


def not_taken(provider: str, verdict: Verdict, complaint: str = "") -> Outcome:
    """The outcome of a request that was not plainly accepted."""
    if verdict.fate in (Fate.OK, Fate.UNCERTAIN):
        return unclear(provider, verdict.detail)
    reason = reason_of(provider, verdict, complaint)
    if verdict.fate is Fate.LATER:
        wait = verdict.after if verdict.after is not None else BUSY if verdict.status else AGAIN
        return TryLater(max(wait, SOONEST), reason)
    if verdict.fate is Fate.ACCOUNT:
        return AccountTrouble(reason) if verdict.after is None else AccountTrouble(reason, max(verdict.after, BUSY))
    return Refused(reason)


def unclear(provider: str, detail: str) -> Uncertain:
    return Uncertain(Reason("provider_uncertain", {"provider": provider, "detail": detail[:200]}))


def reason_of(provider: str, verdict: Verdict, complaint: str = "") -> Reason:
    """Why, for people. `complaint`: the provider's own words, see `complaint_of`."""
    values = {"provider": provider, "status": verdict.status, "detail": complaint or verdict.detail[:200]}
    if verdict.fate is Fate.ACCOUNT:
        codes = {402: "provider_no_credit", 403: "provider_forbidden"}
        return Reason(codes.get(verdict.status, "provider_key_refused"), values)
    if verdict.fate is Fate.REFUSED:
        return Reason("provider_redirects" if 300 <= verdict.status < 400 else "provider_refused", values)
    if not verdict.status:
        return Reason("provider_unreachable", values)
    return Reason("provider_busy" if verdict.status == 429 else "provider_away", values)


def complaint_of(parts: Iterable[object], message: Outgoing, secrets: Iterable[object]) -> str:
    """The provider's own words, without what they may quote of ours: a key, the number, the text."""
    text = " : ".join(dict.fromkeys(filter(None, map(words, parts))))
    ours = [(words(secret), "•••") for secret in secrets]
    ours += [(words(message.text), "•••"), (message.to, mask(message.to)),
             (message.to.removeprefix("+"), mask(message.to))]
    for one, instead in ours:
        if len(one) > 3:
            text = text.replace(one, instead)
    return text


def require_answer(provider: str, verdict: Verdict) -> None:
    """For a question that sends nothing. Raises `NeedsReconnect` when the account is at fault, `NotNow` when the other
    side is away."""
    if verdict.fate is Fate.ACCOUNT:
        reason = reason_of(provider, verdict)
        raise NeedsReconnect(reason.code, **reason.values)
    if verdict.fate in (Fate.LATER, Fate.UNCERTAIN):
        reason = reason_of(provider, replace(verdict, fate=Fate.LATER))
        raise NotNow(reason.code, verdict.after or BUSY, **reason.values)


# "STOP 36xxx", "STOP au 36xxx", "répondez STOP", "reply STOP"; not "non-stop".
_NAMES_STOP = re.compile(r"(?<!-)\bSTOP\s+(?:(?:au|to|sms)\s+)*\+?[0-9]{5,15}\b"
                         r"|\b(?:r[ée]pond\w*|envoy\w*|reply|send|text)\s+[\"«“']?\s?STOP\b", re.IGNORECASE)


def names_stop(text: str) -> bool:
    """Whether it says how to hear no more."""
    return _NAMES_STOP.search(text) is not None


def with_way_out(provider: str, message: Outgoing, mention: object) -> str | Refused:
    """The text with the account's own words on how to hear no more, where they are needed and missing. These providers
    add none themselves, and a commercial text without them must not leave in France."""
    if not message.stop_mention or names_stop(message.text):
        return message.text
    if isinstance(mention, str) and mention:
        return f"{message.text.rstrip()} {mention.strip()}"
    if message.message_class is MessageClass.MARKETING and message.country == "FR":
        return Refused(Reason("provider_no_way_out", {"provider": provider}))
    return message.text

"""A yes or no that was said on a platform: the newest word wins, wherever it was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.contract import ConsentWord
from core.domain.errors import BadInput
from core.domain.messages import State
from core.domain.policy.consent import ALL, MARKETING, TRANSACTIONAL, overtaken
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.engine.scheduling import live_installations, replan_open
from core.storage import occasions, outbox, people
from core.storage.database import Transaction

SCOPES = (MARKETING, TRANSACTIONAL, ALL)
CLOCKS_DIFFER = timedelta(minutes=5)


def take(tx: Transaction, installation: str, words: Sequence[ConsentWord], now: datetime) -> int:
    """Takes in what was said on the platform of `installation`; how many words were news. An older word than the one we
    know changes nothing, and a no calls off at once what waits. Words about a record of which no number is known are
    kept by nobody: when that person gets a message, the platform is asked anew. A yes of tomorrow would outweigh every
    STOP until then: it is none; one of a clock that runs a little ahead is of this moment."""
    if not words:
        return 0
    tx.alone(f"plan:{tx.owned}")
    named = [(number, word) for number, word in _by_number(tx, installation, words)
             if not word.granted or word.at <= now + CLOCKS_DIFFER]  # fmt: skip
    newest = people.newest(tx, {number for number, _ in named})
    news: set[str] = set()
    for number, word in sorted(named, key=lambda one: one[1].at):
        scope = word.scope if word.scope in SCOPES else MARKETING
        if word.granted and word.at > now:
            word = replace(word, at=now)
        known = [newest[number, what] for what in {scope, ALL} if (number, what) in newest]
        if overtaken(word.granted, word.at, known):
            continue
        newest[number, scope] = word.at, word.granted
        proof = dict(word.proof)
        if word.granted:
            people.start(tx, number, scope, "platform", proof, word.at, installation=installation)
        else:
            people.stop(tx, number, scope, "platform", proof, word.at, installation=installation)
            call_off(tx, number, {scope}, now)
        news.add(number)
    if news:
        people.welcome(tx, {number for number in news if newest.get((number, MARKETING), (now, False))[1]}, now)
        replan_open(tx, now, live_installations(tx), recipients=news)
    return len(news)


def strictest(tx: Transaction, installation: str, subject: str, now: datetime) -> None:
    """Two records became the one `subject`: a no of either of them is a no of all its numbers, and every platform that
    keeps consent hears of it."""
    tx.alone(f"plan:{tx.owned}")
    numbers = occasions.numbers_of(tx, installation, {subject}).get(subject, ())
    if len(numbers) < 2:
        return
    known, _ = people.standings(tx, tx.owned, numbers)
    refused = {scope for one in known.values() for scope in one.opted_out if scope in SCOPES}
    for number in numbers:
        missing = refused - (known[number].opted_out if number in known else frozenset())
        for scope in sorted(missing):
            people.stop(tx, number, scope, "platform", {"merged": subject}, now)
        if missing:
            call_off(tx, number, missing, now)
            replan_open(tx, now, live_installations(tx), recipient=number)


def call_off(tx: Transaction, number: str, scopes: set[str], now: datetime) -> None:
    """Ends what waits for `number` and may not leave any more."""
    reason = Reason("opted_out", {"scope": ", ".join(sorted(scopes))})
    classes = None if ALL in scopes else [scope for scope in scopes if scope in (MARKETING, TRANSACTIONAL)]
    if classes is None or classes:
        outbox.end_waiting_for(tx, number, classes, State.SUPPRESSED, reason, now)


def _by_number(tx: Transaction, installation: str, words: Sequence[ConsentWord]) -> list[tuple[str, ConsentWord]]:
    subjects = {word.subject for word in words if word.number is None and word.subject}
    known = occasions.numbers_of(tx, installation, subjects) if subjects else {}
    named: list[tuple[str, ConsentWord]] = []
    for word in words:
        for number in [word.number] if word.number else known.get(word.subject or "", ()):
            try:
                named.append((Recipient.parse(number).number, word))
            except BadInput:
                continue
    return named

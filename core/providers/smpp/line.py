"""An account's way to its centre: what leaves by it part by part, and what comes back before we say that it came.

It lives in the provider's event loop; the book and core are spoken to from threads, since they may have to wait.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from core.contract import (
    Accepted,
    Account,
    AccountTrouble,
    KnownPart,
    Outcome,
    Part,
    PartsBook,
    PartWord,
    PhoneReply,
    Receipt,
    Refused,
    TryLater,
    Uncertain,
)
from core.domain.errors import InvalidNumber
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.smpp import texts
from core.domain.smpp.pdu import Address, Command, Pdu, ShortMessage, Status, read_message_id
from core.providers.smpp import words
from core.providers.smpp.joining import Joiner, Unfinished
from core.providers.smpp.session import Link, NotBound, Pace, Trouble, Unanswered, Where
from core.providers.smpp.words import Fate

SOON = timedelta(seconds=1)
AWAY = timedelta(seconds=5)
REFUSED_BIND = timedelta(minutes=5)
LONGEST_PAUSE = 30.0
MOST_AT_ONCE = 100
SAID_AGAIN_WITHIN = 600.0
"""Seconds within which a reply that we may not have answered comes again as the same one."""
MOST_REMEMBERED = 2_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an account wants it, beyond the connection: what a person set."""

    commands: tuple[Command, ...]
    """One link for each; the first one sends."""
    window: int
    rate: float | None
    """Parts per second."""
    ids: str
    receipts: str
    alphabet: str
    country: str | None


@dataclass(slots=True)
class Letter:
    """A message on its way: its submits, what each was answered, what becomes of it."""

    reference: str
    tail: str
    bodies: tuple[bytes, ...]
    own_sender: bool
    """The sender is the message's own, not the account's: if it is refused, only the message is at fault."""
    answers: list[_Answer | None] = field(default_factory=list)
    outcome: Outcome | None = None

    def taken(self, ids: str) -> list[Part]:
        """The parts that the centre has, for the book."""
        return [Part(self.reference, number, len(self.bodies), words.spelled(one.id), words.heard_as(one.id, ids),
                     self.tail)
                for number, one in enumerate(self.answers, start=1) if one is not None and one.id]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of one part: an id, or the outcome that it has instead. `unsaid`: not an octet of it was written."""

    id: str = ""
    outcome: Outcome | None = None
    unsaid: bool = False


@dataclass(frozen=True, slots=True)
class Ear:
    """Who is told what comes."""

    deliver: Callable[[Sequence[Receipt | PhoneReply]], None]
    now: Callable[[], datetime]


@dataclass(slots=True)
class _Heard:
    said: PartWord | PhoneReply
    answered: asyncio.Future[int]


@dataclass(slots=True)
class _Before:
    """A reply that came: under which name, on which connection, when, and whether it was taken."""

    name: str
    connection: tuple[int, int]
    at: float
    taken: bool = False


class Line:
    """Of one account. `ear` is None in a process that only sends: then no receiver is bound, and others listen."""

    def __init__(self, account: Account, where: Where, manner: Manner, pace: Pace, book: PartsBook, threads: Executor,
                 ear: Ear | None) -> None:
        self._account, self._manner, self._pace = account, manner, pace
        self._book, self._threads, self.ear = book, threads, ear
        self._links = [Link(where, command, pace, self._hearing(at)) for at, command in enumerate(manner.commands)]
        self._sending = self._links[0]
        self._window = asyncio.Semaphore(manner.window)
        self._free_at = 0.0
        self._paused_until = 0.0
        self._pause = pace.throttled
        self._queue: asyncio.Queue[_Heard] = asyncio.Queue()
        self._joiner = Joiner()
        self._replies = itertools.count(1)
        self._before: OrderedDict[bytes, _Before] = OrderedDict()
        self._swept = asyncio.Event()
        self._untaken: list[Part] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """In the loop."""
        self._tasks = [asyncio.create_task(link.keep()) for link in self._links]
        if self.ear is not None:
            self._tasks += [asyncio.create_task(self._attend(self.ear)), asyncio.create_task(self._sweep(self.ear))]

    async def close(self) -> None:
        """In good order: what is in the air first."""
        if self.ear is not None:
            await asyncio.gather(*(self._attended(self._as_reply(reply, self.ear)) for reply in self._joiner.rest()))
            await self._in_thread(self.taken, (), self.ear.now())
        await asyncio.gather(*(link.close() for link in self._links))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def check(self) -> Reason | None:
        """What keeps the account from sending; None when it is bound."""
        for link in self._links:
            trouble = await link.ready(_now() + self._pace.connect + self._pace.dead)
            if trouble is not None:
                return self._reason(trouble)
        return None

    # ------------------------------------------------------------------------------------ out

    async def send(self, letters: Sequence[Letter], begun: Callable[[str], None]) -> None:
        """Gives each letter its outcome. `begun` is called in a thread, just before the first octet of a letter."""
        until = _now() + self._pace.batch
        speaking: list[asyncio.Task[None]] = []
        stopped: Outcome | None = None
        try:
            for letter in letters:
                if any(isinstance(one.outcome, Uncertain | TryLater) for one in letters):
                    # Whoever sends waits for us, and may have others to speak to.
                    until = min(until, _now() + self._pace.impatience)
                stopped = stopped or await self._place(until)
                if stopped is not None:
                    letter.outcome = stopped
                    continue
                try:
                    await self._in_thread(begun, letter.reference)
                except Exception as error:  # noqa: BLE001 - whoever holds the message takes it back: it becomes its outcome
                    self._window.release()
                    letter.outcome = TryLater(SOON, Reason("provider_not_begun", {"detail": type(error).__name__}))
                    continue
                speaking.append(asyncio.create_task(self._speak(letter, until)))
        finally:
            await asyncio.gather(*speaking)

    async def _place(self, until: float) -> Outcome | None:
        """Waits for the link and a place in its window; the place is held when the answer is None."""
        while True:
            if self._paused_until > min(until, _now() + self._pace.impatience):
                return self._throttled()
            await asyncio.sleep(self._paused_until - _now())
            if (trouble := await self._sending.ready(until)) is not None:
                return self._no_link(trouble)
            if not await self._free(until):
                return TryLater(AWAY, Reason("provider_busy", _WHO))
            if self._paused_until <= _now():
                return None
            self._window.release()

    async def _free(self, until: float) -> bool:
        """Waits for a place in the window, and for our turn when there is a rate."""
        try:
            async with asyncio.timeout_at(until):
                await self._window.acquire()
        except TimeoutError:
            return False
        if self._manner.rate:
            turn = max(self._free_at, _now())
            self._free_at = turn + 1 / self._manner.rate
            await asyncio.sleep(turn - _now())
        return True

    async def _speak(self, letter: Letter, until: float) -> None:
        letter.answers = [None] * len(letter.bodies)
        await asyncio.gather(*(self._part(letter, at, until) for at in range(len(letter.bodies))))
        letter.outcome = _combined(letter)

    async def _part(self, letter: Letter, at: int, until: float) -> None:
        """One part, until it has an answer. The first one has its place in the window already."""
        has_place, pause = at == 0, self._pace.throttled
        while True:
            if not has_place and not await self._free(until):
                letter.answers[at] = _Answer(outcome=TryLater(AWAY, Reason("provider_busy", _WHO)))
                return
            has_place = False
            answer = await self._asked(letter, at)
            # A message of which a part was taken is only whole with the others: they are tried again here. So is what
            # found the line cut just before it.
            again = isinstance(answer.outcome, TryLater) and (answer.unsaid or len(letter.bodies) > 1)
            if not again or _now() + pause >= until:
                letter.answers[at] = answer
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._pace.longest_pause)
            if (trouble := await self._sending.ready(until)) is not None:
                letter.answers[at] = _Answer(outcome=self._no_link(trouble))
                return

    async def _asked(self, letter: Letter, at: int) -> _Answer:
        """One submit_sm and its answer; gives the place in the window back."""
        try:
            answer = await self._sending.submit(letter.bodies[at], lambda late: self._answered_late(letter, at, late))
        except NotBound:
            return _Answer(outcome=TryLater(SOON, Reason("provider_unreachable", _WHO)), unsaid=True)
        except Unanswered:
            return _Answer(outcome=Uncertain(Reason("provider_uncertain", _WHO)))
        finally:
            self._window.release()
        return self._meaning(letter, answer)

    def _meaning(self, letter: Letter, answer: Pdu) -> _Answer:
        if answer.status == Status.OK:
            message_id = read_message_id(answer.body).strip() if answer.command == _TAKEN else ""
            if not message_id:
                return _Answer(outcome=Uncertain(Reason("provider_uncertain", _WHO)))
            self._pause = self._pace.throttled
            return _Answer(message_id)
        values = {**_WHO, "detail": words.named(answer.status), "status": words.named(answer.status)}
        match words.fate(answer.status):
            case Fate.THROTTLED:
                self._paused_until = _now() + self._pause
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                return _Answer(outcome=self._throttled())
            case Fate.LATER:
                return _Answer(outcome=TryLater(AWAY, Reason("smpp_later", values)))
            case Fate.UNCLEAR:
                return _Answer(outcome=Uncertain(Reason("provider_uncertain", _WHO)))
            case Fate.NUMBER:
                return _Answer(outcome=Refused(Reason("provider_refused", values)))
            case Fate.ACCOUNT if not letter.own_sender:
                return _Answer(outcome=AccountTrouble(Reason("smpp_account_refused", values)))
        return _Answer(outcome=Refused(Reason("provider_refused", values)))

    def _throttled(self) -> TryLater:
        seconds = max(self._paused_until - _now(), self._pace.throttled, 0.0)
        return TryLater(max(timedelta(seconds=seconds), SOON), Reason("provider_busy", _WHO))

    def _no_link(self, trouble: Trouble) -> Outcome:
        reason = self._reason(trouble)
        return AccountTrouble(reason, REFUSED_BIND) if trouble.refused else TryLater(AWAY, reason)

    def _reason(self, trouble: Trouble) -> Reason:
        if trouble.forbidden:
            return Reason("smpp_address_forbidden")
        if trouble.refused:
            return Reason("smpp_bind_refused", {"status": words.named(trouble.status)})
        return Reason("provider_unreachable", _WHO)

    def taken(self, letters: Sequence[Letter], now: datetime) -> None:
        """Writes into the book what the centre has; from a thread. What cannot be written now is tried again."""
        parts = [*self._untaken, *(part for letter in letters for part in letter.taken(self._manner.ids))]
        self._untaken = []
        try:
            self._book.take(self._account, parts, now)
        except Exception as error:  # noqa: BLE001 - the message is with the centre whatever our book says
            log.warning("smpp parts not written", account=self._account.id, problem=type(error).__name__)
            self._untaken = parts[-10 * MOST_REMEMBERED:]

    def _answered_late(self, letter: Letter, at: int, answer: Pdu) -> None:
        """An answer after its time: the message is in doubt, and this is what became of it."""
        said = self._meaning(letter, answer)
        letter.answers[at] = said
        if self.ear is not None:
            task = asyncio.create_task(self._in_thread(self._settle, letter, self.ear))
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)
        else:
            self._untaken += [part for part in letter.taken(self._manner.ids) if part.number == at + 1]

    def _settle(self, letter: Letter, ear: Ear) -> None:
        now = ear.now()
        self.taken([letter], now)
        outcome = _combined(letter)
        receipt = None
        if isinstance(outcome, Accepted):
            receipt = Receipt(outcome.reference, State.SENT, "submit_sm_resp", now, letter.reference)
        elif isinstance(outcome, Refused):
            receipt = Receipt(None, State.FAILED, "submit_sm_resp", now, letter.reference, outcome.reason)
        elif isinstance(outcome, TryLater):
            receipt = Receipt(None, State.SENT, "submit_sm_resp", now, letter.reference, outcome.reason, retry=True)
        if receipt is not None:
            _delivered(ear, [receipt], self._account)

    # ------------------------------------------------------------------------------------ back

    def _hearing(self, link: int) -> Callable[[ShortMessage, int], Any]:
        async def hear(message: ShortMessage, connection: int) -> int:
            if self.ear is None:
                return Status.TEMPORARY
            return await self._heard(message, (link, connection), self.ear)

        return hear

    async def _heard(self, message: ShortMessage, connection: tuple[int, int], ear: Ear) -> int:
        """The status that a deliver_sm is answered with: OK once what it says is committed, or says nothing to us."""
        if words.is_receipt(message):
            said = words.read_receipt(message)
            if said is None:
                log.warning("smpp receipt names no message", account=self._account.id)
                return Status.OK
            tail = words.tail_of(message.source.text.decode("latin-1"))
            return await self._attended(words.word(said, tail, self._manner.ids, ear.now()))
        sender = self._number(message.source)
        if sender is None:
            log.warning("smpp message from no number", account=self._account.id)
            return Status.OK
        to = "".join(c for c in message.destination.text.decode("latin-1") if c.isprintable())
        text, place = texts.read(message, self._manner.alphabet)
        if place is not None and place.total > 1:
            return await self._joined(sender, to, place, text, connection, ear)
        return await self._taken_once(sender, to, text, connection, ear)

    async def _joined(self, sender: str, to: str, place: texts.Place, text: str, connection: tuple[int, int],
                      ear: Ear) -> int:
        reply = self._joiner.add(sender, to, place, text, _now())
        if not reply.is_whole:
            # The parts are answered together if the others come at once: then a crash loses none of them. A centre
            # that wants an answer before it sends the next one gets it after a while.
            reply.answer = reply.answer or asyncio.get_running_loop().create_future()
            done, _ = await asyncio.wait([reply.answer], timeout=self._pace.hold)
            return reply.answer.result() if done else Status.OK
        status = await self._taken_once(sender, to, reply.text, connection, ear)
        if status:
            self._joiner.put_back(reply, place)
        if reply.answer is not None and not reply.answer.done():
            reply.answer.set_result(status)
        return status

    async def _taken_once(self, sender: str, to: str, text: str, connection: tuple[int, int], ear: Ear) -> int:
        """A reply that comes again because its answer was lost is the same one; a person who writes the same words
        twice has written twice."""
        digest = hashlib.blake2b("\0".join((sender, to, text)).encode("utf-8", "replace"), digest_size=9).digest()
        before, now = self._before.pop(digest, None), _now()
        if before is None or now - before.at > SAID_AGAIN_WITHIN or (before.taken and before.connection == connection):
            before = _Before(self._name(digest.hex(), ear), connection, now)
        before.connection, before.at = connection, now
        self._before[digest] = before
        while len(self._before) > MOST_REMEMBERED:
            self._before.popitem(last=False)
        status = await self._attended(PhoneReply(sender, to, text, ear.now(), before.name))
        before.taken = status == Status.OK
        return status

    def _as_reply(self, reply: Unfinished, ear: Ear) -> PhoneReply:
        return PhoneReply(reply.sender, reply.to, reply.text, ear.now(), self._name("unfinished", ear))

    def _name(self, what: str, ear: Ear) -> str:
        """For a reply: SMPP gives it none. Never the same one twice."""
        return f"mo-{what}-{int(ear.now().timestamp() * 1000):x}-{next(self._replies)}"

    def _number(self, source: Address) -> str | None:
        """The handset as E.164; None for names and short codes, which nobody answers to."""
        text = source.text.decode("latin-1").strip()
        digits = text.removeprefix("+").removeprefix("00")
        try:
            if text.startswith("0") and not text.startswith("00") and self._manner.country:
                return Recipient.parse(text, self._manner.country).number
        except InvalidNumber:
            return None
        if digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 and not digits.startswith("0"):
            return f"+{digits}"
        return None

    async def _attended(self, said: PartWord | PhoneReply) -> int:
        heard = _Heard(said, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(heard)
        return await heard.answered

    async def _attend(self, ear: Ear) -> None:
        """What was heard, many at a time: one commit is for all of them."""
        while True:
            heard = [await self._queue.get()]
            while not self._queue.empty() and len(heard) < MOST_AT_ONCE:
                heard.append(self._queue.get_nowait())
            well = await self._in_thread(self._told, [one.said for one in heard], ear)
            for one, is_well in zip(heard, well, strict=True):
                if not one.answered.done():
                    one.answered.set_result(Status.OK if is_well else Status.TEMPORARY)

    async def _sweep(self, ear: Ear) -> None:
        """Tells what had to wait for its message, or for core."""
        while True:
            self._swept.clear()
            try:
                async with asyncio.timeout(self._pace.sweep):
                    await self._swept.wait()
            except TimeoutError:
                for late in self._joiner.overdue(_now()):
                    unasked = asyncio.get_running_loop().create_future()
                    self._queue.put_nowait(_Heard(self._as_reply(late, ear), unasked))
            if self._untaken:
                await self._in_thread(self.taken, (), ear.now())
            await self._in_thread(self._told, [], ear)

    def poke(self) -> None:
        """Something may have found its message: in the loop."""
        self._swept.set()

    def _told(self, said: Sequence[PartWord | PhoneReply], ear: Ear) -> list[bool]:
        """Writes receipts into the book, and tells core what they come to. Whether each is safe now; from a thread."""
        now = ear.now()
        replies = [one for one in said if isinstance(one, PhoneReply)]
        try:
            self._book.hear(self._account, [one for one in said if isinstance(one, PartWord)], now)
            news = self._book.news(self._account, now - timedelta(seconds=self._pace.patience))
        except Exception as error:  # noqa: BLE001 - nothing is lost: the centre says it again
            log.warning("smpp receipts not written", account=self._account.id, problem=type(error).__name__)
            return [False] * len(said)
        receipts = [self._receipt(parts, now) for parts in news]
        both: list[Receipt | PhoneReply] = [*receipts, *replies]
        if not both:
            return [True] * len(said)
        if _delivered(ear, both, self._account):
            return self._marked(news, said)
        # One that core cannot take must not keep the others from it.
        good = [parts for parts, one in zip(news, receipts, strict=True) if _delivered(ear, [one], self._account)]
        taken = {id(one): _delivered(ear, [one], self._account) for one in replies}
        self._marked(good, said)
        return [taken.get(id(one), len(good) == len(news)) for one in said]

    def _marked(self, news: Sequence[Sequence[KnownPart]], said: Sequence[PartWord | PhoneReply]) -> list[bool]:
        try:
            self._book.told(self._account, [part for parts in news for part in parts])
        except Exception as error:  # noqa: BLE001 - core has them; told again, they change nothing
            log.warning("smpp receipts not marked", account=self._account.id, problem=type(error).__name__)
        return [True] * len(said)

    def _receipt(self, parts: Sequence[KnownPart], now: datetime) -> Receipt:
        if parts[0].reference is None:
            [lost] = parts
            return Receipt(lost.id, lost.state, lost.status, lost.at or now, None, lost.reason)
        state, deciding = words.whole(parts, self._manner.receipts)
        at = deciding.at or now
        reason = deciding.reason if state is State.FAILED else None
        return Receipt(None, state, words.progress(parts, deciding), at, deciding.reference, reason)

    async def _in_thread(self, call: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *given)


_WHO: Mapping[str, Any] = {"provider": words.NAME}
_TAKEN = Command.SUBMIT_SM | 0x8000_0000


def _combined(letter: Letter) -> Outcome:
    """What becomes of a message, by what became of its parts."""
    answers = [one or _Answer(outcome=Uncertain(Reason("provider_uncertain", _WHO))) for one in letter.answers]
    failures = [one.outcome for one in answers if one.outcome is not None]
    if not failures:
        return Accepted(",".join(one.id for one in answers))
    for kind in (Uncertain, Refused, AccountTrouble, TryLater):
        found = next((one for one in failures if isinstance(one, kind)), None)
        if found is None:
            continue
        if isinstance(found, AccountTrouble | TryLater) and len(failures) < len(answers):
            # Some of it is on its way, the rest surely not: sent again, the person may see a piece of it twice.
            taken = len(answers) - len(failures)
            return Uncertain(Reason("smpp_part_missing", {"taken": taken, "total": len(answers)}))
        return found
    return failures[0]


def _delivered(ear: Ear, both: Sequence[Receipt | PhoneReply], account: Account) -> bool:
    try:
        ear.deliver(both)
    except Exception as error:  # noqa: BLE001 - core did not take it, whatever the reason: the centre keeps it
        log.warning("smpp words not taken", account=account.id, problem=type(error).__name__)
        return False
    return True


def _now() -> float:
    return asyncio.get_running_loop().time()

"""The message centre that Campaign binds to: a thread with an event loop, who is connected, and what waits to be kept.

What is handed in is kept in batches, each in one transaction, and answered after it. A message that was kept and whose
answer may have been lost is known again when it is said once more (`doubtful`).
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from core.contract import Gate, Installation, Keeper, Served, Slip
from core.domain.errors import BadInput, NotFound, NotNow
from core.domain.smpp.pdu import Bind, ShortMessage, Status
from integrations.adobe_campaign import choices, submits
from integrations.adobe_campaign.receipts import Saying
from integrations.adobe_campaign.session import NotSaid, Pace, Session

MOST_CONNECTIONS = 500
MOST_UNBOUND = 50
"""Connections at a time that have not said who they are."""
MOST_REFUSALS, MOST_OF_ADDRESS, REFUSALS_WITHIN = 10, 50, 60.0
"""Refused binds of one name from one address, and of all names from it, after which they are not looked at for the rest
of so many seconds. A vendor's customers may call from the same address: one's mistake does not shut out the others."""
MOST_ADDRESSES = 10_000
BATCH = 100
ARRIVED_AFTER = 5.0
"""Seconds: what was answered so long before something was heard of the other side has arrived there."""
DOUBTED_FOR = 600.0
SLOW = 20.0
"""Seconds, after which an answer may come too late: over there it is sent again."""
AWAY, UNKNOWN = timedelta(seconds=5), timedelta(seconds=30)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Handed:
    """A submit that waits to be kept."""

    session: Session
    sequence: int
    slip: Slip
    at: float


@dataclass(slots=True)
class _Account:
    """A connection of a workspace, and its lines."""

    installation: Installation
    sessions: list[Session] = field(default_factory=list)
    waiting: deque[_Handed] = field(default_factory=deque)
    keeping: asyncio.Task[None] | None = None
    answering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a batch is kept and answered: no receipt of it may overtake its answer."""
    tokens: float = 0.0
    counted_at: float = 0.0

    def may_send(self, now: float) -> bool:
        """Whether one more is within the rate; a second's worth may come at once."""
        rate = float(self.installation.config.get("rate") or 100)
        self.tokens = min(rate, self.tokens + (now - self.counted_at) * rate)
        self.counted_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Listener(Served):
    """Opened by being made. Raises `OSError`."""

    def __init__(self, gate: Gate, keeper: Keeper, pace: Pace) -> None:
        self._gate, self._keeper, self._pace = gate, keeper, pace
        self._tls = _tls(gate)
        self._certified = _written(gate)
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="campaign-keeping")
        self._accounts: dict[str, _Account] = {}
        self._sessions: set[Session] = set()
        self._refusals: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._answered: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        self._doubtful: dict[str, float] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._telling: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="campaign", daemon=True)
        self._thread.start()
        try:
            self._server = self._in_loop(asyncio.start_server(
                self._came, gate.host, gate.port, ssl=self._tls,
                ssl_handshake_timeout=pace.bind if self._tls else None,
            ), 10)  # fmt: skip
        except BaseException:
            self._end_loop()
            raise

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def present(self) -> Mapping[str, Mapping[str, int]]:
        # Read by another thread: a copy, so that nothing changes under it.
        return {
            account.installation.id: dict(Counter(
                way for one in list(account.sessions) for way, there in (("in", one.sends), ("out", one.hears)) if there
            ))
            for account in list(self._accounts.values())
        }  # fmt: skip

    def look(self, known: Mapping[str, Installation]) -> None:
        self._loop.call_soon_threadsafe(self._looked, dict(known))

    def stop(self) -> Collection[str]:
        doubtful: Collection[str] = self._in_loop(self._stopped(), 30)
        self._end_loop()
        return doubtful

    def tell(self, installation: str, groups: Sequence[Sequence[Saying]]) -> list[Exception | None]:
        """Says all of each group; for each None when it was taken, else why it is to be said again. Waits for it."""
        try:
            told: list[Exception | None] = self._in_loop(
                self._told(installation, groups), self._pace.turn + self._pace.answer + 10
            )
        except CancelledError as error:
            # We are about to end. What was not taken is told by who comes after us.
            raise NotNow("adobe_campaign_no_receiver", AWAY) from error
        return told

    # ------------------------------------------------------------------ who comes

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer, self._pace, self)
        unbound = sum(one.installation is None for one in self._sessions)
        if len(self._sessions) >= MOST_CONNECTIONS or unbound >= MOST_UNBOUND:
            writer.close()
            return
        self._sessions.add(session)
        life = asyncio.current_task()
        assert life is not None
        self._lives.add(life)
        try:
            await session.live()
        finally:
            self._lives.discard(life)

    async def bound(self, session: Session, bind: Bind, command: int) -> Installation | int:
        account = bind.system_id.decode("latin-1")
        if self._is_refused(session.address, account):
            return Status.BIND_FAILED
        try:
            found: Installation | None = await self._in_thread(self._keeper.who, account)
        except Exception:
            # A database that is away refuses nobody for good.
            log.exception("bind could not be looked up")
            return Status.SYSTEM_ERROR
        expected = str(found.secrets.get("password") or "") if found else ""
        # Both are compared even if nobody has that name, so that the time says nothing about which was wrong.
        same = hmac.compare_digest(bind.password, expected.encode() or b"\0")
        if found is None or not expected or not same:
            self._refuse(session.address, account)
            log.warning("bind refused", address=session.address, why="system_id" if found is None else "password")
            return Status.BAD_SYSTEM_ID if found is None else Status.BAD_PASSWORD
        if not choices.may_call(found.config, session.address):
            self._refuse(session.address, account)
            log.warning("bind refused", address=session.address, installation=found.id, why="network")
            return Status.BIND_FAILED
        here = self._accounts.setdefault(found.id, _Account(found))
        if len(here.sessions) >= int(found.config.get("connections") or 20):
            log.warning("bind refused", installation=found.id, why="too many connections")
            return Status.BIND_FAILED
        here.installation, session.installation, session.command = found, found, command
        here.sessions.append(session)
        log.info("bound", installation=found.id, sends=session.sends, hears=session.hears)
        return found

    def _is_refused(self, address: str, account: str) -> bool:
        now = self._loop.time()
        return any(
            count >= most and now - since < REFUSALS_WITHIN
            for (count, since), most in (
                (self._refusals.get((address, account), (0, 0.0)), MOST_REFUSALS),
                (self._refusals.get((address, ""), (0, 0.0)), MOST_OF_ADDRESS),
            )
        )

    def _refuse(self, address: str, account: str) -> None:
        now = self._loop.time()
        for key in {(address, account), (address, "")}:
            count, since = self._refusals.pop(key, (0, now))
            self._refusals[key] = (count + 1, since) if now - since < REFUSALS_WITHIN else (1, now)
        while len(self._refusals) > MOST_ADDRESSES:
            self._refusals.popitem(last=False)

    def ended(self, session: Session) -> None:
        self._sessions.discard(session)
        account = self._accounts.get(session.installation.id) if session.installation else None
        if account is not None and session in account.sessions:
            account.sessions.remove(session)
        until = self._loop.time() + DOUBTED_FOR
        for name, (whose, at) in list(self._answered.items()):
            if whose is session:
                del self._answered[name]
                if not session.parted and at > session.heard_at - ARRIVED_AFTER:
                    self._doubtful[name] = until

    def _looked(self, known: Mapping[str, Installation]) -> None:
        now = self._loop.time()
        self._doubtful = {name: until for name, until in self._doubtful.items() if until > now}
        while self._answered and next(iter(self._answered.values()))[1] < now - DOUBTED_FOR:
            self._answered.popitem(last=False)
        if self._tls is not None and (written := _written(self._gate)) != self._certified:
            # A certificate that was renewed counts from the next connection on.
            try:
                self._tls.load_cert_chain(*_files(self._gate))
                self._certified = written
            except (OSError, ssl.SSLError) as error:
                log.warning("renewed certificate cannot be read", problem=str(error))
        for key, account in list(self._accounts.items()):
            here = known.get(key)
            if here is not None and _same(here, account.installation):
                account.installation = here
                self._show_out(account, [one for one in account.sessions
                                         if not choices.may_call(here.config, one.address)])  # fmt: skip
            elif account.sessions:
                self._spawn(self._asked_again(account))
            if not account.sessions and not account.waiting:
                del self._accounts[key]

    async def _asked_again(self, account: _Account) -> None:
        """What is `known` may be older than a line that was bound meanwhile: nobody is sent away by it alone."""
        lines = list(account.sessions)
        try:
            found = await self._in_thread(self._keeper.who, str(account.installation.config.get("system_id")))
        except Exception:
            log.exception("line could not be looked up", installation=account.installation.id)
            return
        if found is None or not _same(found, account.installation):
            self._show_out(account, lines)

    def _show_out(self, account: _Account, lines: Sequence[Session]) -> None:
        for one in lines:
            log.info("line is ended from here", installation=account.installation.id)
            self._spawn(one.part())

    # ------------------------------------------------------------------ what is handed in

    def submitted(self, session: Session, sequence: int, message: ShortMessage) -> int | None:
        account = self._accounts.get(session.installation.id) if session.installation else None
        if account is None:
            return Status.WRONG_STATE
        config = account.installation.config
        if session.unanswered > int(config.get("window") or 50) or not account.may_send(self._loop.time()):
            return Status.THROTTLED
        try:
            slip = submits.slip(message, account.installation, self._keeper.now())
        except submits.Refused as error:
            return error.status
        account.waiting.append(_Handed(session, sequence, slip, self._loop.time()))
        if account.keeping is None or account.keeping.done():
            account.keeping = self._spawn(self._keep(account))
        return None

    async def _keep(self, account: _Account) -> None:
        """One batch after the other, so that what comes meanwhile is kept in one transaction."""
        while account.waiting:
            batch = [account.waiting.popleft() for _ in range(min(BATCH, len(account.waiting)))]
            async with account.answering:
                self._answer(batch, *await self._kept(account, batch))

    async def _kept(self, account: _Account, batch: Sequence[_Handed]) -> tuple[int, Sequence[str]]:
        """The status with which the batch is answered, and the names that it was given."""
        slips, doubtful = [one.slip for one in batch], frozenset(self._doubtful)
        try:
            return Status.OK, await self._in_thread(self._keeper.take, account.installation.id, slips, doubtful)
        except NotFound:
            return Status.WRONG_STATE, ()
        except Exception:
            # Nothing of it was kept, and it may come again: over there that is a temporary error.
            log.exception("not kept", installation=account.installation.id, count=len(batch))
            return Status.THROTTLED, ()

    def _answer(self, batch: Sequence[_Handed], status: int, names: Sequence[str]) -> None:
        now = self._loop.time()
        for at, one in enumerate(batch):
            name = names[at] if names else ""
            one.session.answered(one.sequence, status, name)
            if not name:
                continue
            self._doubtful.pop(name, None)
            self._answered[name] = one.session, now
            self._answered.move_to_end(name)
            if one.session not in self._sessions or now - one.at > SLOW:
                self._doubtful[name] = now + DOUBTED_FOR

    # ------------------------------------------------------------------ what is told

    async def _told(self, installation: str, groups: Sequence[Sequence[Saying]]) -> list[Exception | None]:
        ends = self._loop.time() + self._pace.turn
        here = asyncio.current_task()
        assert here is not None
        self._telling.add(here)
        here.add_done_callback(self._telling.discard)
        return list(await asyncio.gather(*(self._group(installation, one, ends) for one in groups)))

    async def _group(self, installation: str, group: Sequence[Saying], ends: float) -> Exception | None:
        for one in group:
            account = self._accounts.get(installation)
            if account is not None and one.name and one.name not in self._answered:
                async with account.answering:
                    pass
            receivers = self._receivers(installation)
            if not receivers or self._loop.time() > ends:
                return NotNow("adobe_campaign_no_receiver", AWAY)
            try:
                await min(receivers, key=lambda session: session.load).say(one.message)
            except NotSaid as error:
                status = "" if error.status is None else f"0x{error.status:08X}"
                return NotNow("adobe_campaign_not_taken", UNKNOWN, status=status)
            except ValueError:
                return BadInput("adobe_campaign_unsayable")
        return None

    def _receivers(self, installation: str) -> list[Session]:
        account = self._accounts.get(installation)
        return [one for one in account.sessions if one.hears] if account else []

    # ------------------------------------------------------------------ the loop

    async def _stopped(self) -> Collection[str]:
        self._server.close()
        await asyncio.gather(*(one.keeping for one in self._accounts.values() if one.keeping), return_exceptions=True)
        await asyncio.gather(*(one.part() for one in list(self._sessions)), return_exceptions=True)
        if ending := {*self._lives, *self._telling}:
            _, late = await asyncio.wait(ending, timeout=self._pace.unbind)
            for one in late:
                one.cancel()
            # Once more round, so that whoever waits for one of them in a thread hears of it.
            await asyncio.sleep(0)
        return frozenset(self._doubtful)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)
        return task

    async def _in_thread(self, call: Any, *given: Any) -> Any:
        return await self._loop.run_in_executor(self._threads, call, *given)

    def _in_loop(self, work: Coroutine[Any, Any, Any], patience: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._threads.shutdown(wait=False)
        if not self._thread.is_alive():
            self._loop.close()


def _same(one: Installation, other: Installation) -> bool:
    """Whether who was let in by the one would be by the other."""
    return one.id == other.id and one.secrets.get("password") == other.secrets.get("password")


def _files(gate: Gate) -> tuple[Path, Path]:
    assert gate.certificate is not None
    assert gate.key is not None
    return gate.certificate, gate.key


def _written(gate: Gate) -> tuple[float, ...]:
    return tuple(one.stat().st_mtime for one in (gate.certificate, gate.key) if one is not None)


def _tls(gate: Gate) -> ssl.SSLContext | None:
    if gate.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*_files(gate))
    return context

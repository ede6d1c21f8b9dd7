"""Carries out the conversations of many callers at once: what serves.

Each open conversation has a thread, which the live driver advances; engines are asked by all threads together, and those
that decode here share one batch and one prefix cache among them. While these decode its thread sleeps: pieces of text come
from theirs, and wake the event loop once a step, if anybody hears them. A conversation whose client has left, or whose time
is up, makes no more tokens than the one under way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from rung.knowledge.protocol import IndexGone
from rung.records import Asker
from rung.records.steps import Conversation, Engine, Step, relayed
from rung.runtime.batch import Tally
from rung.runtime.live import Live, StepRun, converse
from rung.serving.callers import Caller
from rung.serving.turns import Full, Turns

T = TypeVar("T")
_WEIGHT = 0.1  # of the newest in the mean time of a conversation


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes on.

    Args:
        at_once: conversations that are carried out at the same time.
        queue: conversations that may wait for their turn.
        seconds: from the arrival of a request until its answer must be whole.
        body_bytes: of a request.
    """

    at_once: int = 64
    queue: int = 256
    seconds: float = 300.0
    body_bytes: int = 1 << 20


class Overloaded(Exception):
    """As many wait as may. `retry_after`: seconds after which some of them will have had their turn."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("the server has as many open requests as it takes")


class TooSlow(Exception):
    """The answer was not whole when its time was up. `had`: seconds since its turn began."""

    def __init__(self, had: float = 0.0) -> None:
        self.had = had
        super().__init__("its time is up")


class NeverBegan(TooSlow):
    """Its time was up while it waited for its turn."""


class GivenUp(Exception):
    """Work that nobody waits for made room for somebody who waits."""


class _Left(Exception):
    """Nobody waits for this conversation any more."""


class Watcher(Protocol):
    """Told how a conversation is carried out, on its thread but for `begin`."""

    def begin(self, waited: float) -> None:
        """Its turn has come, after so many seconds: a thread has it from now on."""
        ...

    def step(self, run: StepRun) -> None:
        """A step has ended."""
        ...

    def release(self) -> None:
        """The thread has let it go."""
        ...


@dataclass(frozen=True)
class Pending(Generic[T]):
    """A conversation to be carried out. `each`: what is made of its steps; `refresh`: done before and after it, on its
    thread. `spent`: told at its end, however it came, what its steps consumed, and the text of one that was not finished.
    `streamed`: whether somebody wants its text as it grows."""

    begin: Callable[[], Conversation[T]]
    engines: Mapping[str, Engine]
    each: Callable[[Step], Step] = lambda step: step
    refresh: Callable[[], None] = lambda: None
    spent: Callable[[Tally, str], None] = lambda _tally, _unfinished: None
    watcher: Watcher | None = None
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a conversation ended, and what it consumed. `waited`: seconds before its turn came."""

    live: Live[T]
    tally: Tally
    waited: float


class _Mail:
    """What threads have for queues of an event loop: it wakes once for all that has come until it looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._waiting: deque[tuple[asyncio.Queue[Any], object]] = deque()
        self._lock = threading.Lock()

    def send(self, queue: asyncio.Queue[Any], news: object) -> None:
        """From any thread."""
        with self._lock:
            self._waiting.append((queue, news))
            if len(self._waiting) == 1:
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for queue, news in waiting:
            queue.put_nowait(news)


@dataclass(eq=False)
class _Open(Generic[T]):
    """A conversation on its thread, and what it has to tell the event loop."""

    mail: _Mail
    news: asyncio.Queue[str | Ended[T] | BaseException] = field(default_factory=asyncio.Queue)
    left: threading.Event = field(default_factory=threading.Event)

    def tell(self, news: str | Ended[T] | BaseException) -> None:
        """From a thread."""
        self.mail.send(self.news, news)

    def expire(self, had: float) -> None:
        """Time is up, after so many seconds of its turn; called on the event loop."""
        self.give_up(TooSlow(had))

    def give_up(self, why: Exception) -> None:
        """End it, for this reason; called on the event loop."""
        self.left.set()
        self.news.put_nowait(why)


class Conversations:
    """The conversations of a server, all on one event loop. Close it when no request is open any more."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open = 0
        self._turns = Turns(limits.at_once, limits.queue)
        self._threads = ThreadPoolExecutor(limits.at_once, thread_name_prefix="conversation")
        self._mean = 1.0  # seconds that a conversation takes
        self._mail: _Mail | None = None
        self._behind: list[Callable[[Exception], None]] = []  # ends each conversation that nobody waits for

    @property
    def waiting(self) -> int:
        """Conversations that wait for their turn."""
        return self._turns.waiting

    async def carry(self, caller: Caller, pending: Pending[T], *, behind: bool = False) -> AsyncGenerator[str | Ended[T]]:
        """Yield the pieces of text as they come, and last how the conversation ended. Closing it ends the conversation.

        Args:
            caller: who asks.
            pending: what is to be carried out.
            behind: nobody waits for it, so that it comes after all that somebody waits for, and makes room for that; its
                time begins with its turn.

        Raises:
            Overloaded: the queue is full.
            TooSlow: its time is up.
            GivenUp: it made room.
            UserError: what `converse` raises.
        """
        arrived = time.monotonic()
        await self._turn(caller, behind=behind)
        waited = time.monotonic() - arrived
        loop = asyncio.get_running_loop()
        if self._mail is None or self._mail.loop is not loop:
            self._mail = _Mail(loop)
        opened: _Open[T] = _Open(self._mail)
        if pending.watcher is not None:
            pending.watcher.begin(waited)
        if behind:
            self._behind.append(opened.give_up)
        job = self._threads.submit(self._run, opened, pending, caller.asker, waited)
        self.open += 1
        job.add_done_callback(lambda _done: self._on_loop(opened, pending.watcher, behind=behind))
        room = self.limits.seconds - (0.0 if behind else waited)
        alarm = loop.call_later(room, opened.expire, room)
        try:
            while True:
                news = await opened.news.get()
                if isinstance(news, BaseException):
                    raise news
                yield news
                if isinstance(news, Ended):
                    return
        finally:
            alarm.cancel()
            opened.left.set()

    async def _turn(self, caller: Caller, *, behind: bool) -> None:
        if not behind and not self._turns.free and self._behind:
            self._behind.pop()(GivenUp())
        try:
            async with asyncio.timeout(self.limits.seconds):
                await (self._turns.take_behind() if behind else self._turns.take(caller.id))
        except Full:
            ahead = self._turns.waiting / self.limits.at_once
            raise Overloaded(max(1, round(self._mean * ahead))) from None
        except TimeoutError:
            raise NeverBegan from None

    def close(self) -> None:
        """Wait for the threads that are still at work."""
        self._threads.shutdown(wait=True)

    def _on_loop(self, opened: _Open[T], watcher: Watcher | None, *, behind: bool) -> None:
        """A thread ended: its turn is given on. The loop may be closed already, when the server is stopped by force."""
        if watcher is not None:
            watcher.release()
        if not opened.mail.loop.is_closed():
            opened.mail.loop.call_soon_threadsafe(self._ended, opened, behind)

    def _ended(self, opened: _Open[T], behind: bool) -> None:
        self.open -= 1
        if opened.give_up in self._behind:
            self._behind.remove(opened.give_up)
        self._turns.give(behind=behind)

    def _run(self, opened: _Open[T], pending: Pending[T], asker: Asker, waited: float) -> None:
        """On a thread: the conversation to its end, which is told to the event loop. Once more, where the index that it
        searched was replaced meanwhile, and nothing was heard of it."""
        heard = False
        unfinished: list[str] = []  # the text of the step that is carried out

        def hear(piece: str) -> None:
            nonlocal heard
            unfinished.append(piece)
            if opened.left.is_set():
                raise _Left
            if piece and pending.streamed:
                heard = True
                opened.tell(piece)

        def each(step: Step) -> Step:
            unfinished.clear()
            if opened.left.is_set():
                raise _Left
            return pending.each(step)

        def once() -> Ended[T]:
            pending.refresh()
            tally = Tally()
            conversation = relayed(pending.begin(), each)
            on_step = pending.watcher.step if pending.watcher is not None else None
            try:
                live = converse(
                    conversation,
                    asker=asker,
                    engines=pending.engines,
                    on_text=hear,
                    shows=pending.streamed,
                    tally=tally,
                    on_step=on_step,
                )
                unfinished.clear()
            finally:
                pending.spent(tally, "".join(unfinished))
            pending.refresh()
            return Ended(live, tally, waited)

        try:
            try:
                ended = once()
            except IndexGone:
                if heard:
                    raise
                ended = once()
            self._mean += _WEIGHT * (ended.live.seconds - self._mean)
            opened.tell(ended)
        except _Left:
            pass
        except BaseException as error:  # whatever it is, the request must end
            opened.tell(error)

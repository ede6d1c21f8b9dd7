"""Work that may hang, crash or eat all memory, in processes of their own, which are ended when it does.

What the work is, is left to `converting`. A process is started when it is first needed and serves many pieces of work.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
_MOST = 4  # processes: reading and cutting are seldom what ingesting waits for
_STARTING = 60.0  # seconds that a process may take to be ready


def processes() -> int:
    """How many are worth having here."""
    return min(_MOST, os.cpu_count() or 1)


class WorkLost(Exception):
    """A piece of work did not come to its end; the message says how."""


class Workers:
    """Up to `count` processes. Use it as a context: at its end they are ended, whatever they do.

    `work` is a module-level function; it and its arguments travel by pickle. What it raises comes back as `WorkLost`.
    """

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._threads = ThreadPoolExecutor(self.count, thread_name_prefix="rung-reading")
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._closed = True
            for process in self._all:
                process.kill()  # whoever waits for it sees that it is gone
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.end()

    def submit(self, work: Callable[..., T], *arguments: object, seconds: float) -> Future[T]:
        """Start a piece of work; its future raises `WorkLost` after `seconds`, or when its process dies."""
        return self._threads.submit(self._carry_out, work, arguments, seconds)

    def _carry_out(self, work: Callable[..., T], arguments: tuple[object, ...], seconds: float) -> T:
        process = self._take()
        try:
            well, value = process.ask((work, arguments), seconds)
        except WorkLost:
            process.end()
            with self._lock:
                self._all.discard(process)
            raise
        self._idle.put(process)
        if not well:
            raise WorkLost(str(value))
        result: T = value
        return result

    def _take(self) -> _Process:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            with self._lock:
                if self._closed:
                    raise WorkLost("was not read: reading was stopped") from None
                process = _Process()
                self._all.add(process)
            return process


class _Process:
    """One Python process that does what it is sent, one piece after the other."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        self._ready = False
        command = [sys.executable, "-m", "rung.knowledge.readers.worker", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )

    def ask(self, piece: object, seconds: float) -> tuple[bool, Any]:
        """The answer to a piece of work.

        Raises:
            WorkLost: it took longer than `seconds`, or the process died.
        """
        try:
            if not self._ready:
                self._wait(_STARTING, "its reader did not start")
                self._ready = True
            self._pipe.send(piece)
            answer: tuple[bool, Any] = self._wait(seconds, f"its reader took longer than {seconds:.0f} seconds")
        except (EOFError, OSError) as error:
            code = self._process.poll()
            raise WorkLost(
                f"its reader crashed ({'signal ' + str(-code) if code and code < 0 else 'its process ended'})"
            ) from error
        return answer

    def _wait(self, seconds: float, otherwise: str) -> Any:
        if not self._pipe.poll(seconds):
            raise WorkLost(otherwise)
        return self._pipe.recv()

    def kill(self) -> None:
        """End the process at once; it holds nothing that matters."""
        self._process.kill()

    def end(self) -> None:
        """End it and give back what it took."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def _environment() -> dict[str, str]:
    """This process's environment, with its path: what can be imported here can be imported there."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part or "." for part in sys.path)}


def serve(pipe: Connection) -> None:
    """What a process does: carry out what is sent, until the other end closes."""
    pipe.send("ready")
    while True:
        try:
            work, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, work(*arguments)
        except MemoryError:
            answer = False, "its reader ran out of memory"
        except Exception as error:
            answer = False, f"its reader failed: {type(error).__name__}: {error}"
        pipe.send(answer)

"""The engine in a process of its own, so that a step of it keeps no thread of this one waiting: what a server decodes by.

The other process computes one step after the other while anything is open, and tells what came of each; requests enter
between two steps. It ends when this one closes its connection or is gone. It lets SIGINT and SIGTERM pass: open answers are
finished by whoever asked for them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from rung.errors import last_line
from rung.models.decoding import Asked, Handle, Network, Output, batching, enter, read

_GONE = "the process that decodes has ended"
_GRACE = 10.0  # seconds that the other process has for its end
_OPEN: weakref.WeakSet[DecoderApart] = weakref.WeakSet()

# Messages to it: (number, what is asked), (number, None) to cancel. From it: a list of (number, Output) after each step;
# "" or the reason of a refusal, in a Output of no tokens, answers each question.


class DecoderApart:
    """The engine in a process of its own.

    Raises:
        RuntimeError: it could not be started.
    """

    def __init__(self, network: Network) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._connection = Connection(os.dup(ours.fileno()))
        self._end = weakref.finalize(self, _end, ours, self._process)
        try:
            self._connection.send(network)
            started = self._connection.recv()
        except (EOFError, OSError):
            started = _GONE
        if started:
            self._end()
            raise RuntimeError(started)
        self._shared = _Shared()
        self._sending = threading.Lock()
        self._next = 0
        _OPEN.add(self)
        threading.Thread(target=_listen, args=(self._connection, self._shared), name="decoding", daemon=True).start()

    @property
    def process_id(self) -> int:
        """Of the other process."""
        return self._process.pid

    def ask(self, asked: Asked) -> Handle:
        """See `Decoder`."""
        inbox: queue.SimpleQueue[Output] = queue.SimpleQueue()
        with self._sending:
            self._next += 1
            number = self._next
            self._shared.inboxes[number] = inbox
        try:
            self._send(number, asked)
            refused = inbox.get().end
            if self._shared.is_broken:
                raise RuntimeError(_GONE)
        except BaseException:  # Ctrl-C, too: nobody will read what comes of it
            with contextlib.suppress(RuntimeError):
                self.cancel(number)
            raise
        if refused:
            self._shared.inboxes.pop(number, None)
            raise ValueError(refused)
        return _Apart(self, number, inbox)

    def advance(self, handles: Iterable[Handle]) -> None:
        """See `Decoder`."""

        def is_there() -> bool:
            mine = [handle for handle in handles if isinstance(handle, _Apart)]
            return self._shared.is_broken or not mine or any(handle.has_news for handle in mine)

        with self._shared.turn:
            self._shared.turn.wait_for(is_there)
        if self._shared.is_broken:
            raise RuntimeError(_GONE)

    def look_again(self) -> None:
        """See `Decoder`."""
        with self._shared.turn:
            self._shared.turn.notify_all()

    def cancel(self, number: int) -> None:
        """Take a prompt out of the batch."""
        inbox = self._shared.inboxes.pop(number, None)
        if inbox is not None and not self._shared.is_broken:
            inbox.put(Output([], "cancelled"))  # for who still waits
            self.look_again()
            self._send(number, None)

    def close(self) -> None:
        """End the other process."""
        self._end()

    def _send(self, number: int, asked: Asked | None) -> None:
        try:
            with self._sending:
                self._connection.send((number, asked))
        except OSError:
            raise RuntimeError(_GONE) from None


def process_ids() -> list[int]:
    """Of the processes that decode for this one."""
    return sorted(decoder.process_id for decoder in [*_OPEN])


@dataclass
class _Shared:
    """What the listening thread and the others share. It knows no `DecoderApart`, which ends when nobody needs it."""

    inboxes: dict[int, queue.SimpleQueue[Output]] = field(default_factory=dict)
    turn: threading.Condition = field(default_factory=threading.Condition)
    is_broken: bool = False


class _Apart:
    """A prompt in the engine of the other process."""

    def __init__(self, decoder: DecoderApart, number: int, inbox: queue.SimpleQueue[Output]) -> None:
        self._decoder, self._number, self._inbox = decoder, number, inbox

    @property
    def has_news(self) -> bool:
        """Whether something came of it."""
        return not self._inbox.empty()

    def take(self) -> Output:
        """See `Handle`."""
        ids: list[int] = []
        while self.has_news:
            output = self._inbox.get()
            ids += output.ids
            if output.end:
                return Output(ids, output.end)
        return Output(ids)

    def cancel(self) -> None:
        """See `Handle`."""
        self._decoder.cancel(self._number)


def _listen(connection: Connection, shared: _Shared) -> None:
    """On a thread: hand on what comes from the other process, until it ends."""
    try:
        while True:
            for number, output in connection.recv():
                inbox = shared.inboxes.get(number)
                if inbox is not None:  # else it was cancelled
                    inbox.put(output)
                    if output.end:
                        shared.inboxes.pop(number, None)
            with shared.turn:
                shared.turn.notify_all()
    except (EOFError, OSError):
        pass
    finally:  # whatever it was, nobody may wait for what does not come
        shared.is_broken = True
        for inbox in list(shared.inboxes.values()):
            inbox.put(Output([], _GONE))
        with shared.turn:
            shared.turn.notify_all()


def _end(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """The connection's end is the other process's: shut down, and not just closed while the listening thread reads it."""
    with contextlib.suppress(OSError):  # the other process is gone
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _decode(connection: Connection) -> None:
    """In the other process: until the connection ends."""
    network: Network = connection.recv()
    try:
        engine = batching(network)
    except RuntimeError as error:
        connection.send(last_line(error) or "the engine did not open")
        return
    connection.send("")
    handles: dict[int, Any] = {}
    while True:
        while connection.poll(0 if handles else None):
            number, asked = connection.recv()
            if asked is None:
                if number in handles:
                    handles.pop(number).cancel()
                continue
            try:
                handles[number] = enter(engine, number, asked, network.end_id)
            except Exception as error:  # whatever is wrong with it, the others' answers go on
                connection.send([(number, Output([], last_line(error) or type(error).__name__))])
            else:
                connection.send([(number, Output([]))])
        engine.step()
        news = [(number, output) for number, handle in handles.items() if (output := read(handle)).ids or output.end]
        for number, output in news:
            if output.end:
                del handles[number]
        if news:
            connection.send(news)


def main() -> None:
    """The other process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        _decode(Connection(int(sys.argv[1])))
    except (EOFError, OSError):
        status = 0
    except Exception:
        traceback.print_exc()
        status = 1
    else:
        status = 1
    sys.stderr.flush()
    os._exit(status)  # nothing is left to be tidied, and the library would complain of what is open


if __name__ == "__main__":
    main()

"""The standard streams, whatever they are: closed, full, read by nobody any more, or without Unicode.

A result that cannot be written is an error; a message that cannot be written is dropped, and the work goes on.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from rung.errors import RungError, UserError

_ESCAPED = "rung.escaped"


@contextmanager
def results_to_messages() -> Iterator[None]:
    """What is printed meanwhile goes to standard error: standard output is somebody else's."""
    with redirect_stdout(sys.stderr):
        yield


class NobodyReads(RungError):
    """Who read standard output has gone, as `head` does when it has seen enough: there is nothing more to do."""


class _Unfailing(io.TextIOBase):
    """A stream of messages: what it cannot take is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.diverted: Callable[[str], None] | None = None  # who takes what is written, in place of the stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """See `io.TextIOBase`."""
        if self.diverted is not None:
            self.diverted(text)
            return len(text)
        return self.write_through(text)

    def write_through(self, text: str) -> int:
        """Write to the stream itself, whoever takes what is written else."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """See `io.TextIOBase`."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """See `io.TextIOBase`."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """See `io.TextIOBase`."""
        return self._stream.fileno()


def stand_streams() -> None:
    """Make the streams of this process such that printing to them cannot fail in an odd way; once, before all else."""
    codecs.register_error(_ESCAPED, _escaped)
    for number in (0, 1, 2):  # else the next file that is opened takes the place of a closed stream, and is printed to
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)
    sys.stderr = _Unfailing(sys.stderr)


@contextmanager
def messages_to(take: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """What is written to stderr meanwhile goes to `take`; given back is what writes to the terminal all the same."""
    stream = sys.stderr
    through = stream if isinstance(stream, _Unfailing) else _Unfailing(stream)
    sys.stderr = through

    def draw(text: str) -> None:
        through.write_through(text)
        through.flush()

    through.diverted = take
    try:
        yield draw
    finally:
        through.diverted = None
        sys.stderr = stream


def in_foreground() -> bool:
    """Whether the terminal on stderr is this process's to write to now: it is not where it runs in the background."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True


def written(text: str) -> None:
    """Write to standard output, at once.

    Raises:
        NobodyReads: its reader has gone.
        UserError: it is closed, or cannot be written.
    """
    if sys.stdout is None:
        raise UserError("standard output is closed: there is nowhere to write the result to")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up()
        raise NobodyReads from None
    except (OSError, ValueError) as error:
        _give_up()
        raise UserError(f"standard output cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _give_up() -> None:
    """Let nothing that is still held back be written at the end, which would fail again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""What a stream has no characters for, as JSON writes it (`\u00e9`), so that JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)), error.end

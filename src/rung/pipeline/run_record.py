"""A comparison's state in a file of its project, for who looks at it from elsewhere: `rung status`, or a page.

The process that writes it holds a lock as long as it lives, so that one that died is told from one that runs. Where several
compare at once, the first is recorded. That the file cannot be written ends no comparison. What is recorded can be steered
(`steering`): after each tick of its work it looks whether it is to pause or stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from rung.config.project import Project
from rung.errors import Interrupted
from rung.pipeline.steering import Steering
from rung.progress import Reporter, Tick, Watcher, listening, working_time
from rung.records import Estimate, Json, Latency, kind_of_older, plain
from rung.records.run_state import Event, RunEvent, RungEvent, RunState, WorkEvent
from rung.report.board import Clock
from rung.runtime.leases import is_locked

RECORD, LOCK = "running.json", "running.lock"  # in the project's state
EVERY = 2.0  # seconds between two writings, at least
VERDICT = "verdict"  # how a comparison ends that comes to one
_MESSAGES = 50  # the last ones are kept
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the file says, and whether its process still runs. `at`: when it was written last; `worked`: seconds of work
    until then, without pauses."""

    state: RunState
    messages: tuple[str, ...]
    began: datetime
    at: datetime
    process: int
    host: str
    running: bool
    worked: float = 0.0

    @property
    def status(self) -> Literal["running", "ended", "died"]:
        """Died: it ended without a word."""
        return "running" if self.running else "ended" if self.state.run.ended else "died"

    @property
    def is_paused(self) -> bool:
        """Whether it runs, and somebody has paused it."""
        return self.running and self.state.run.paused is True

    def clock(self, now: datetime) -> Clock:
        """Seconds that it has worked by now, pauses left out, and those that it takes yet."""
        left = self.state.run.seconds_left if self.running else None
        since = max(0.0, (now - self.at).total_seconds()) if self.running and not self.state.run.paused else 0.0
        return Clock(self.worked + since, None if left is None else max(0.0, left - since))

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        entry = _entry(self.state, self.messages, self.began, self.at)
        return {"status": self.status, **entry, "worked": self.worked, "process": self.process, "host": self.host}


@contextmanager
def recorded(project: Project, reporter: Reporter | None) -> Iterator[Recorder]:
    """Who to report to, so that all that happens meanwhile is recorded, and goes on to `reporter` (None: to who listens)."""
    with _held_alone(project.state) as is_mine:
        recorder = Recorder(project.state, reporter or listening(), is_recorded=is_mine)
        try:
            yield recorder
        except BaseException as error:
            stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
            recorder.end("stopped" if stopped else str(error) or type(error).__name__)
            raise
        recorder.end(VERDICT)


@contextmanager
def _held_alone(state: Path) -> Iterator[bool]:
    """Hold the lock of who is recorded; whether it was to be had."""
    with ExitStack() as held:
        try:
            state.mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context((state / LOCK).open("wb")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_mine = True
        except OSError:
            is_mine = False
        yield is_mine


class Recorder:
    """A reporter that passes all on, and writes down what it comes to. `is_recorded`: else another is."""

    def __init__(self, state: Path, to: Reporter, *, is_recorded: bool) -> None:
        self._folder, self._to = state, to
        self._watcher = to if isinstance(to, Watcher) else None
        self.shows_states = self._watcher is not None and self._watcher.shows_states
        self._state, self._messages = RunState(), list[str]()
        self._began, self._written, self._is_recorded = datetime.now(UTC), 0.0, is_recorded
        self._since = working_time()
        self.steering = Steering(state if is_recorded else None, self._began, partial(self.post, at_once=True))
        self._after(WorkEvent(), at_once=True)  # what stood there is of another run

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """As the reporter's."""
        outer = self._state.work
        with self._to.phase(title) as tick:

            def ticked(done: int, total: int, note: str) -> None:
                tick(done, total, note)
                self._after(WorkEvent(title, done, total, note))
                self.steering.obey()

            self._after(WorkEvent(title))
            try:
                yield ticked
            finally:
                self._after(outer)

    def say(self, text: str) -> None:
        """As the reporter's."""
        self._messages = [*self._messages, text][-_MESSAGES:]
        self._to.say(text)

    def post(self, event: Event, *, at_once: bool = False) -> None:
        """Passed on to a reporter that watches. `at_once`: it is written down now, whatever was written last."""
        self._after(event, at_once=at_once)
        if self._watcher is not None:
            self._watcher.post(event)

    def end(self, how: str) -> None:
        """It has ended so."""
        self._after(WorkEvent())
        self._after(RunEvent(ended=how), at_once=True)

    def _after(self, event: Event, *, at_once: bool = False) -> None:
        self._state = self._state.after(event)
        now = time.monotonic()
        if self._is_recorded and (at_once or now - self._written >= EVERY):
            self._written = now
            entry = _entry(self._state, self._messages, self._began, datetime.now(UTC))
            worked = round(working_time() - self._since, 1)
            entry |= {"format": _FORMAT, "process": os.getpid(), "host": platform.node(), "worked": worked}
            path = self._folder / RECORD
            with suppress(OSError):
                fresh = path.with_suffix(f".{os.getpid()}")
                fresh.write_text(json.dumps(entry, ensure_ascii=False), encoding="utf-8")
                fresh.replace(path)


def read_record(project: Project) -> RunRecord | None:
    """The running or the last comparison of a project; None where none is recorded, or not in a way that is understood."""
    try:
        entry = json.loads((project.state / RECORD).read_text(encoding="utf-8"))
        if entry["format"] != _FORMAT:
            return None
        began, at = (datetime.fromisoformat(entry[name]) for name in ("began", "at"))
        return RunRecord(
            _state(entry),
            tuple(map(str, entry["messages"])),
            began,
            at,
            int(entry["process"]),
            str(entry["host"]),
            is_locked(project.state / LOCK),
            float(entry.get("worked", (at - began).total_seconds())),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _entry(state: RunState, messages: tuple[str, ...] | list[str], began: datetime, at: datetime) -> dict[str, Json]:
    rungs: list[Json] = [plain(_brief(rung)) for rung in state.ladder]
    return {
        "run": plain(state.run),
        "rungs": rungs,
        "work": plain(state.work),
        "messages": list(messages),
        "began": began.isoformat(timespec="seconds"),
        "at": at.isoformat(timespec="seconds"),
    }


def _brief(rung: RungEvent) -> RungEvent:
    """Without the time of each answer."""
    if rung.latency is None:
        return rung
    return replace(rung, latency=replace(rung.latency, times=(), steps={}, means={}))


def _state(entry: Mapping[str, object]) -> RunState:
    def record(value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise TypeError(f"{value!r} is no record")
        return value

    def rung(value: object) -> RungEvent:
        fields = record(value)
        if fields["scores"] is not None:
            fields["scores"] = {name: Estimate(**one) for name, one in record(fields["scores"]).items()}  # type: ignore[arg-type]
        if fields["latency"] is not None:
            times = record(fields["latency"])
            fields["latency"] = Latency(times["p50"], times["p95"], times["n"])  # type: ignore[arg-type]
        fields.setdefault("note_kind", kind_of_older(str(fields.get("note") or "")))  # an earlier Rung wrote none
        return RungEvent(**fields)  # type: ignore[arg-type]

    run, rungs = record(entry["run"]), entry["rungs"]
    run |= {name: tuple(value) for name, value in run.items() if isinstance(value, list)}
    if not isinstance(rungs, list):
        raise TypeError("rungs are a list")
    return RunState(RunEvent(**run), {one.rung: one for one in map(rung, rungs)}, WorkEvent(**record(entry["work"])))  # type: ignore[arg-type]

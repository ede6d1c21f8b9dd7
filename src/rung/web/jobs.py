"""Work that takes longer than a page may: one of a name at a time, on a thread, with what it has said so far."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from rung.errors import UserError
from rung.progress import Lines, reporting
from rung.report.html.markup import Safe, el
from rung.serving.answering import DEFECT
from rung.web.project_at_hand import ProjectAtHand
from rung.web.viewer import Viewer

_log = logging.getLogger(__name__)
PART = "background"
MAX_LINES = 50
_WITHHELD = "What it reports is for who may read everything."


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work. `by`: who began it; `began`: ISO 8601; `lines`: what it reported, the last one is its result."""

    title: str
    by: str
    began: str
    state: Literal["running", "done", "failed"] = "running"
    lines: tuple[str, ...] = ()


class UnderWay(UserError):
    """A piece of work of this name is not at its end."""


class BackgroundJobs:
    """The work of a board, by name; the last of each name is remembered."""

    def __init__(self) -> None:
        self._lock, self._jobs = threading.Lock(), dict[str, Job]()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="board")

    def start(self, name: str, title: str, work: Callable[[], str], *, by: str) -> None:
        """Begin a piece of work, which returns its result in a sentence.

        Raises:
            UnderWay: one of this name is.
        """
        with self._lock:
            running = self._jobs.get(name)
            if running is not None and running.state == "running":
                raise UnderWay(f"{running.title} is under way, begun by {running.by or 'somebody'}: wait for it")
            self._jobs[name] = Job(title, by, datetime.now(UTC).isoformat(timespec="seconds"))
        self._threads.submit(self._run, name, work)

    def job(self, name: str) -> Job | None:
        """The last of this name."""
        with self._lock:
            return self._jobs.get(name)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, name: str, work: Callable[[], str]) -> None:
        try:
            with reporting(Lines(lambda line: self._say(name, line), seconds=1.0)):
                self._say(name, work(), "done")
        except UserError as error:
            self._say(name, str(error), "failed")
        except Exception:
            _log.exception("a defect of Rung in '%s'", name)
            self._say(name, DEFECT, "failed")

    def _say(self, name: str, line: str, state: Literal["running", "done", "failed"] = "running") -> None:
        with self._lock:
            job = self._jobs[name]
            self._jobs[name] = replace(job, lines=(*job.lines, line)[-MAX_LINES:], state=state)


def background_of(at_hand: ProjectAtHand) -> BackgroundJobs:
    """The work of this board."""
    return at_hand.part(PART, BackgroundJobs)


def job_pane(job: Job | None, viewer: Viewer) -> Safe:
    """A piece of work on a page; one that is under way is looked at again by `again.js`, or by loading the page anew.
    What it reported is for who may read everything."""
    if job is None:
        return Safe("")
    words = {"running": "is under way", "done": "is done", "failed": "did not work"}[job.state]
    lines = job.lines[-5:] if viewer.groups is None else (_WITHHELD,)
    items = [el("li", line, dir="auto", cls="text-line") for line in lines]
    begun = f" (begun {job.began[:16].replace('T', ' ')} UTC by {job.by or 'somebody'})"
    head = el("p", el("b", f"{job.title} {words}"), el("span", begun, cls="quiet small"))
    again = "2" if job.state == "running" else None
    return el("div", head, el("ul", *items) if items else Safe(""), cls="notice", role="status", data_again=again)

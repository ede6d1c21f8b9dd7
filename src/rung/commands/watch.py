"""The index follows the documents while people work on them: it is brought up to date after every change.

What a sync does is left to `intake`. Compaction and indexing run beside it, in a thread of their own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rung.config.project import Project
from rung.errors import UserError
from rung.pipeline.prepare import Indexed, up_to_date
from rung.runtime.engines import Engines

log = logging.getLogger(__name__)

QUIET_MS = 100  # changes that follow each other faster are taken together,
MAX_MS = 1000  # but not for longer than this
LOOK_SECONDS = 60.0  # so often everything is looked at again: web pages and some network drives do not tell of changes
_IDLE_MS = 2000


def watch(
    engines: Engines,
    *,
    on_sync: Callable[[Indexed], None],
    on_error: Callable[[UserError], None],
    stop: threading.Event | None = None,
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Sync now, and again after every change, until `stop` is set or Ctrl-C.

    What goes wrong in one sync is told, and the next change tries again.

    Args:
        engines: of the project.
        on_sync: told of every sync that changed something, and of the first.
        on_error: told of what is the user's to mend.
        stop: ends it.
        look_seconds: how often to look without having been told of a change.

    Raises:
        UserError: the project names no documents.
    """
    if engines.knowledge is None:
        up_to_date(engines)  # says why
    tended = _Tending(engines)
    first = True
    for _ in _moments(engines.project, stop or threading.Event(), look_seconds):
        try:
            done = up_to_date(engines, asked=first, at_once=True)
        except UserError as error:
            on_error(error)
            continue
        report = done.report
        if first or report.added or report.changed or report.removed or report.renamed or report.rebuilt:
            on_sync(done)
            tended.begin()
        first = False
    tended.end()


class _Ended(Exception):
    """Nobody waits for it any more."""


class _Tending:
    """The encoder's vectors, compaction and indexing, one after the other, beside the syncs."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        """Begin, unless it is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._tend, name="rung-maintain", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Wait until what was begun is done: a half compaction would only be undone. What was embedded is kept."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _tend(self) -> None:
        knowledge = self._engines.knowledge
        if knowledge is None:
            return
        try:
            knowledge.replace_provisional(self._unless_ended)
            knowledge.index.maintain()
        except _Ended:
            log.debug("the encoder's vectors wait for the next sync")
        except UserError as error:  # searches go on as they are, and the next change tries again
            log.warning("the index could not be compacted: %s", error)

    def _unless_ended(self, _done: int, _all: int) -> None:
        if self._ended.is_set():
            raise _Ended


def _moments(project: Project, stop: threading.Event, look_seconds: float) -> Iterator[None]:
    """Now, after every change of a file that may be a source, and every `look_seconds`."""
    from watchfiles import watch as changes

    yield
    looked = float("-inf")  # files that changed before the watcher stood are looked for at its first rest
    ignored = (project.state.resolve(), (project.root / "report.html").resolve())

    def counts(_kind: object, path: str) -> bool:
        changed = Path(path)
        return not any(changed == other or other in changed.parents for other in ignored)

    batches = changes(
        *watched(project),
        watch_filter=counts,
        stop_event=stop,
        step=QUIET_MS,
        debounce=MAX_MS,
        rust_timeout=_IDLE_MS,
        yield_on_timeout=True,
    )
    for some in batches:
        if some or time.monotonic() - looked >= look_seconds:
            looked = time.monotonic()
            yield


def watched(project: Project) -> list[Path]:
    """The folders in which a change may concern the documents: of each pattern the part before its first wildcard."""
    folders: set[Path] = set()
    for pattern in project.settings.knowledge.sources:
        if pattern.startswith(("http://", "https://")):
            continue
        folder = project.root
        for part in Path(pattern.removeprefix("git:")).parts:
            if any(mark in part for mark in "*?["):
                break
            folder = folder / part
        while not folder.is_dir():  # a file, or what is not there yet
            folder = folder.parent
        folders.add(folder.resolve())
    return sorted(folder for folder in folders if not any(other in folder.parents for other in folders)) or [project.root]

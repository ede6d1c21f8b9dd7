"""`rung watch` from look to look: the project read anew, its models kept open while nothing of it changed, news told.

What follows a look is done apart: whether one part of it fails, the others do not hang on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rung.artifacts.store import ARTIFACTS
from rung.config.project import Project, load_project
from rung.errors import UserError
from rung.files.durable import standing
from rung.runtime.engines import Engines, open_engines
from rung.state.database import open_state
from rung.watching.acting import acted
from rung.watching.exposition import exposition, refuse_other_names, write_textfile
from rung.watching.looking import LookReport, Watch
from rung.watching.webhook import address, tell

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_LOG = "log.jsonl"  # of who promoted which artifact


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a watch is to do beside looking.

    Args:
        act: carry out the harmless remedies of what fires.
        webhook: in the place of the one that rung.yaml or the environment names.
        textfile: for Prometheus' textfile collector; None: none is written.
    """

    act: bool = False
    webhook: str = ""
    textfile: Path | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A look, what was done after it, by the name of the remedy, and what the webhook was not told and why ("": all was).

    `failed`: by part, as "textfile", why it could not be done.
    """

    report: LookReport
    acted: Mapping[str, str] = field(default_factory=dict)
    untold: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)


class Watching:
    """One project's watch; `close` it in the end.

    Args:
        folder: of the project.
        request: what is to be done beside looking.
        watch: what looks.
    """

    def __init__(self, folder: Path, request: WatchRequest = WatchRequest(), watch: Watch | None = None) -> None:
        self._folder, self._request, self._watch = folder, request, watch or Watch()
        self._open = ExitStack()
        self._engines: Engines | None = None
        self._opened_for: object = None

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give models back."""
        self._open.close()
        self._engines = None

    def once(self) -> Looked:
        """Look, tell, act, and write the textfile; what fails after the look is in what it returns.

        Raises:
            UserError: rung.yaml is wrong, the database is away, the textfile's name is none that the collector takes.
        """
        textfile = self._request.textfile
        if textfile is not None:
            refuse_other_names(textfile)
        project = load_project(self._folder)
        url = address(project, self._request.webhook)
        with open_state(project) as state:
            report = self._watch.look(project, state, self._engines_of(project))
            untold, why = _tried(lambda: tell(state, project.name, url), "")
            failed = {"webhook": why}
            results: dict[str, str] = {}
            if self._request.act:
                results, failed["act"] = _tried(lambda: self._acted(project, report), results)
            if textfile is not None:
                _, failed["textfile"] = _tried(lambda: self._written(textfile, report), None)
            return Looked(report, results, untold, {part: why for part, why in failed.items() if why})

    def _written(self, textfile: Path, report: LookReport) -> None:
        write_textfile(textfile, exposition(report.alerts.values(), look=report.look, at=report.at.timestamp()))

    def _acted(self, project: Project, report: LookReport) -> dict[str, str]:
        if not any(alert.reading.act for alert in report.firing):
            return {}
        with open_engines(project) as engines:  # a memory of their own: what is done is remembered
            return acted(report.firing, engines)

    def _engines_of(self, project: Project) -> Engines:
        """Those of the look before, where the project and its artifacts are as they were."""
        log = project.state / ARTIFACTS / _LOG
        wanted_for = (project.written, standing(log) if log.exists() else None)
        if self._engines is None or wanted_for != self._opened_for:
            self.close()
            self._engines = self._open.enter_context(open_engines(project, lasting=False))
            self._opened_for = wanted_for
        return self._engines


def _tried(part: Callable[[], _T], instead: _T) -> tuple[_T, str]:
    """What it returns, and why it could not; "": it could."""
    try:
        return part(), ""
    except (UserError, OSError) as error:
        return instead, str(error)
    except Exception as error:
        _log.exception("a defect of Rung after a look")
        return instead, f"a defect of Rung: {type(error).__name__}: {error}"


def looks(
    watching: Watching,
    *,
    every: float,
    on_trouble: Callable[[UserError | OSError], None],
    pause: Callable[[float], object] = time.sleep,
) -> Iterator[Looked]:
    """Look now, and every so many seconds, until whoever asks has enough. What goes wrong in one look is told, and the next
    tries again.

    Args:
        watching: what looks.
        every: seconds from the end of a look to the next.
        on_trouble: told of what is the user's to mend.
        pause: waits so many seconds.
    """
    while True:
        try:
            looked = watching.once()
        except (UserError, OSError) as error:
            on_trouble(error)
        else:
            yield looked
        pause(every)

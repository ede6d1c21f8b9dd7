"""The project that the board shows: as its files are now, its database, and what answers, opened when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from starlette.requests import Request

from rung.builders.building import ArtifactBuilder
from rung.config.project import FILE, Project, load_project
from rung.loop import opened
from rung.runtime.runner import StepRunner
from rung.serving.answering import Answering
from rung.serving.feedback import Feedback
from rung.serving.limits import Limiter
from rung.state.database import State, open_state
from rung.web.by_stamp import Stamp, stamp_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server has open that the board is below: who answers, the builder that it stands on, where ratings go, and who
    counts what keys may ask."""

    answering: Answering
    builder: ArtifactBuilder
    ratings: Feedback
    limiter: Limiter


class ProjectAtHand:
    """A project in the hands of many threads.

    Args:
        folder: the project's.
        served: what `rung serve` has open; None: the board opens what it needs.
        state: the open database of a server; None: it is opened when first needed, and closed here.
    """

    def __init__(self, folder: Path, *, served: Serving | None = None, state: State | None = None) -> None:
        self.folder, self.served = folder, served
        self._given = state
        self._parts: dict[str, object] = {}
        self._stack, self._lock = ExitStack(), threading.RLock()
        self._opening = threading.Lock()  # engines take long to open: pages that need none go on meanwhile
        self._project: tuple[Stamp, Project] | None = None
        self._state: State | None = None
        self._builder: tuple[Project, ArtifactBuilder] | None = None

    @property
    def answering(self) -> Answering | None:
        """Who answers what clients ask, under `rung serve`."""
        return None if self.served is None else self.served.answering

    def project(self) -> Project:
        """The project as `rung.yaml` has it now.

        Raises:
            InputError: a mistake in it.
        """
        path = self.folder if self.folder.is_file() else self.folder / FILE
        with self._lock:
            stamp = stamp_of(path)
            if self._project is None or self._project[0] != stamp:
                self._project = (stamp, load_project(self.folder))
            return self._project[1]

    def state(self) -> State:
        """The project's database.

        Raises:
            UserError: it cannot be opened.
        """
        with self._lock:
            if self._given is not None:
                return self._given
            if self._state is None:
                self._state = self._stack.enter_context(open_state(self.project()))
            return self._state

    def builder(self) -> ArtifactBuilder:
        """Models, index and tools, to ask many at once; opened when first asked for, and anew when `rung.yaml` has changed.

        Raises:
            UserError: something in the project that is to be mended.
        """
        if self.served is not None:
            return self.served.builder
        project = self.project()
        if (now := self._builder) is not None and now[0] is project:
            return now[1]
        with self._opening:
            if self._builder is None or self._builder[0] is not project:
                # what was opened before stays so until the end: others may be in the middle of it
                engines = self._stack.enter_context(opened(project, reading=True, many_threads=True))
                self._builder = (project, ArtifactBuilder(self._stack.enter_context(StepRunner(engines))))
            return self._builder[1]

    def is_open(self, builder: ArtifactBuilder) -> bool:
        """Whether this is the builder of the project as it is now, so that `builder` has nothing to open."""
        now = self._builder
        return now is not None and now[0] is self.project() and now[1] is builder

    def part(self, name: str, make: Callable[[], T]) -> T:
        """What pages keep for as long as the board runs, by name; made when first asked for, closed with the board where it
        can be.

        Raises:
            UserError: what `make` raises; it is tried again the next time.
        """
        with self._lock:
            if name not in self._parts:
                part = make()
                if hasattr(part, "close"):
                    self._stack.callback(part.close)
                self._parts[name] = part
            return cast("T", self._parts[name])

    def close(self) -> None:
        """Close what was opened here."""
        self._stack.close()


def at_hand_of(request: Request) -> ProjectAtHand:
    """The project that a page is about."""
    return cast("ProjectAtHand", request.app.state.at_hand)


def project_of(request: Request) -> Project:
    """The same, as its `rung.yaml` is now.

    Raises:
        InputError: a mistake in it.
    """
    return at_hand_of(request).project()

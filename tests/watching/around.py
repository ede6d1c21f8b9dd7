"""Surroundings of a project for tests, parts of them put in the place of what would be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rung.config.project import load_project
from rung.records import Json
from rung.records.alerts import Reading
from rung.runtime.engines import open_engines
from rung.state.alerts import Baseline
from rung.state.database import open_state
from rung.watching.detectors import Look
from rung.watching.surroundings import Clock, Surroundings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@contextmanager
def around(folder: Path, *, clock: Clock = Clock(1, NOW), **parts: Any) -> Iterator[Surroundings]:
    """Of a project as it is; `parts`: by name, what is not to be read."""
    project = load_project(folder)
    with open_state(project) as state, open_engines(project, lasting=False) as engines:
        one = Surroundings(project, state, engines, clock)
        vars(one).update(parts)  # as if it had been asked for
        yield one


def by_name(look: Look, surroundings: Surroundings) -> dict[str, Reading]:
    """What a detector says, by name."""
    return {one.name: one for one in look(surroundings)}


def states(readings: dict[str, Reading]) -> dict[str, str]:
    """How each stands."""
    return {name: one.state for name, one in readings.items()}


def baselines(detector: str, value: dict[str, Json]) -> dict[str, Baseline]:
    """As if a detector had kept this."""
    return {detector: Baseline("d", detector, value)}


def fake(*looks: Sequence[Reading] | Exception) -> Look:
    """A detector that says these, one after the other, the last for ever."""
    waiting = list(looks)

    def look(surroundings: Surroundings) -> Iterator[Reading]:
        del surroundings
        now = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(now, Exception):
            raise now
        yield from now

    return look

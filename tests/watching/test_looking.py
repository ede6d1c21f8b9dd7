"""Does a look go on whatever a detector, a clock or a restart does?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.config.project import Project, load_project
from rung.errors import UserError
from rung.records.alerts import Reading
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines
from rung.state.database import State, Unavailable
from rung.watching.detectors import DETECTORS, Detector
from rung.watching.looking import BLIND, COULD, JUMP, LookReport, Watch
from rung.watching.surroundings import Surroundings
from tests.watching.around import fake

DRIFTED = Reading("n", "drifted", "it did", fires_after=2, clears_after=2)
FINE = Reading("n", "fine", "it did not", fires_after=2, clears_after=2)


@pytest.fixture
def parts(shop: Path) -> Iterator[tuple[Project, State, Engines]]:
    project = load_project(shop)
    with State(project.state) as state, Engines(project, StepCache(shop / "scratch.db")) as engines:
        yield project, state, engines
        engines.cache.close()


def looked(watch: Watch, parts: tuple[Project, State, Engines], times: int = 1) -> LookReport:
    reports = [watch.look(*parts) for _ in range(times)]
    return reports[-1]


def state_of(report: LookReport, detector: str = "a", name: str = "n") -> str:
    return report.alerts[detector, name, ""].state


def test_every_detector_has_a_name_of_its_own() -> None:
    assert len({one.name for one in DETECTORS}) == len(DETECTORS) >= 6


def test_an_alert_outlives_restarts(parts: tuple[Project, State, Engines]) -> None:
    seen = []
    for mark in (DRIFTED, DRIFTED, FINE, FINE, FINE):
        report = looked(Watch([Detector("a", fake([mark]))]), parts)  # a new process each time
        seen.append((report.look, state_of(report), [event.state for event in report.events]))
    assert seen == [
        (1, "pending", []),
        (2, "firing", ["firing"]),
        (3, "firing", []),
        (4, "resolved", ["resolved"]),
        (5, "ok", []),
    ]


@pytest.mark.parametrize("error", [UserError("the server is away"), ZeroDivisionError("x")])
def test_a_detector_that_cannot_look_is_told_of_and_keeps_no_other_from_it(
    error: Exception, parts: tuple[Project, State, Engines]
) -> None:
    watch = Watch([Detector("a", fake([DRIFTED], [DRIFTED], error)), Detector("b", fake([FINE]))])
    assert state_of(looked(watch, parts, 2)) == "firing"
    report = looked(watch, parts, BLIND)
    assert state_of(report) == "firing"
    assert report.alerts["a", "n", ""].unknown == BLIND
    assert state_of(report, "a", COULD) == "firing"
    assert str(error) in report.alerts["a", COULD, ""].reading.says
    assert state_of(report, "b") == "ok"


def test_what_it_said_before_it_failed_counts(parts: tuple[Project, State, Engines]) -> None:
    def half(surroundings: Surroundings) -> Iterator[Reading]:
        yield DRIFTED
        raise UserError("half way")

    report = looked(Watch([Detector("a", half)]), parts, 2)
    assert (state_of(report), state_of(report, "a", COULD)) == ("firing", "pending")


def test_a_reading_that_comes_twice_is_a_defect(parts: tuple[Project, State, Engines]) -> None:
    report = looked(Watch([Detector("a", fake([FINE, DRIFTED]))]), parts)
    assert "defect" in report.alerts["a", COULD, ""].reading.says


def test_a_pause_is_counted_by_a_clock_that_cannot_jump(parts: tuple[Project, State, Engines]) -> None:
    steady, wall = [0.0], [1_700_000_000.0]
    watch = Watch([Detector("a", fake([DRIFTED]), pause=60)], lambda: wall[0], lambda: steady[0])
    assert looked(watch, parts).waiting == ()
    wall[0] += 1e6
    report = looked(watch, parts)
    assert (report.waiting, state_of(report)) == (("a",), "pending")
    steady[0] += 60
    assert state_of(looked(watch, parts)) == "firing"


def test_a_clock_that_jumps_is_noticed_and_moves_no_alert(parts: tuple[Project, State, Engines]) -> None:
    steady, wall = [0.0], [1_700_000_000.0]
    watch = Watch([Detector("a", fake([DRIFTED], [DRIFTED], [FINE]))], lambda: wall[0], lambda: steady[0])
    jumped = []
    for by in (0.0, -86_400.0, 1e8, 0.0):
        steady[0] += 10
        wall[0] += 10 + by
        report = looked(watch, parts)
        jumped.append(bool(report.jumped))
    assert jumped == [False, True, True, False]
    assert (report.look, state_of(report)) == (4, "resolved")
    again = Watch([Detector("a", fake([FINE]))], lambda: wall[0] - 2 * JUMP, lambda: 0.0)  # another process, an earlier day
    assert "earlier" in looked(again, parts).jumped
    assert not looked(Watch([], lambda: wall[0] + 1e7), parts).jumped  # a long pause is none


def test_without_its_database_nothing_is_counted(parts: tuple[Project, State, Engines], tmp_path: Path) -> None:
    project, state, engines = parts
    watch = Watch([Detector("a", fake([DRIFTED]))])
    looked(watch, parts)
    (state.folder / "state.db").rename(tmp_path / "away.db")
    state.close()
    (state.folder / "state.db").mkdir()
    with pytest.raises(Unavailable):
        watch.look(project, state, engines)
    (state.folder / "state.db").rmdir()
    (tmp_path / "away.db").rename(state.folder / "state.db")
    assert watch.look(project, state, engines).look == 2

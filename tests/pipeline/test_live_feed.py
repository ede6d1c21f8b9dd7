"""Is what who watches is told the verdict's own, complete at the end, and no burden on the verdict?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline import live_feed
from rung.pipeline.budget import CompareRequest
from rung.progress import Silent, Tick, post, reporting, watcher
from rung.records import Json, Verdict
from rung.records.run_state import Event, RunEvent, RungEvent, RunState
from tests.labels_project import write_labels
from tests.pipeline.test_racing import says
from tests.working import working

MORE = "name: labels\nrungs: [prompt, few_shot, structured]\nbar: {correct: 0.6}\n"


class Watching(Silent):
    """Keeps all events and what each made of the state."""

    shows_states = True

    def __init__(self) -> None:
        self.states = [RunState()]
        self.lines: list[str] = []
        self._raced: list[RunState] | None = None

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        if title == "decide":
            self._raced = list(self.states)
        with super().phase(title) as tick:
            yield tick

    def post(self, event: Event) -> None:
        self.states.append(self.states[-1].after(event))

    def say(self, text: str) -> None:
        self.lines.append(text)

    def before_verdict(self) -> RunState:
        """The last state that no verdict had a part in."""
        return (self._raced or self.states)[-1]


def labels(folder: Path, cases: int) -> Path:
    rows: list[Json] = [
        {"id": f"c{n}", "question": f"Thing {n}?", "answers": ["red"], "split": "test"} for n in range(cases)
    ]
    folder.mkdir(exist_ok=True)
    return write_labels(folder, rows, MORE)


def compared(folder: Path, watching: Silent | None, *, exhaustive: bool = False, minutes: float | None = None) -> Verdict:
    allowed = CompareRequest(exhaustive, minutes=minutes)
    with working(load_project(folder), allowed, reporter=watching) as at:
        at.engines.generator = ScriptedGenerator(says(0.2, 0.8, 0.9))
        return at.compare()[0].verdict


@pytest.mark.parametrize(
    ("cases", "exhaustive"), [(30, False), (90, True), pytest.param(150, False, marks=pytest.mark.slow)]
)
def test_the_last_state_is_the_table(tmp_path: Path, cases: int, exhaustive: bool) -> None:
    watching = Watching()
    verdict = compared(labels(tmp_path, cases), watching, exhaustive=exhaustive)
    last = watching.before_verdict()
    assert [rung.rung for rung in last.ladder] == [
        *(r.name for r in sorted(verdict.rungs, key=lambda r: (r.reference, r.order)))
    ]
    assert last.run.cases == verdict.cases
    for line in verdict.rungs:
        seen = last.rungs[line.name]
        assert (seen.answered or 0) == line.answered
        if line.answered:
            assert seen.scores is not None
            mine, theirs = seen.scores["correct"], line.scores["correct"]
            assert (mine.mean, mine.n) == (theirs.mean, theirs.n)
            assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))
        if line.stopped and not line.reference:
            assert seen.state == "stopped"
            assert (seen.note, seen.note_kind) == (str(line.stopped), line.stopped.kind)
        elif line.answered:
            assert (seen.state, seen.note, seen.note_kind) == ("done", "", "")
    assert watching.states[-1].run.winner == verdict.winner


def test_means_grow_while_a_batch_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "EVERY", 0.0)
    monkeypatch.setattr(live_feed, "BESIDES", 60.0)
    watching = Watching()
    compared(labels(tmp_path, 30), watching)
    seen = [state.rungs["few_shot"] for state in watching.states if "few_shot" in state.rungs]
    judged = sorted({rung.judged for rung in seen if rung.judged})
    assert len(judged) > 10
    assert judged[-1] == 30
    for rung in seen:
        if rung.scores and rung.judged:
            score = rung.scores["correct"]
            assert score.n == rung.judged <= (rung.answered or 0)
            assert None not in (score.low, score.high)


def test_who_watches_changes_nothing(tmp_path: Path) -> None:
    watched = compared(labels(tmp_path / "a", 60), Watching())
    alone = compared(labels(tmp_path / "b", 60), None)
    timeless = [
        [replace(line, latency=None, answer_seconds=0.0, build_seconds=0.0, bill=None, artifacts={}) for line in one.rungs]
        for one in (watched, alone)
    ]
    assert timeless[0] == timeless[1]
    assert watched.winner == alone.winner
    assert watched.coverage == alone.coverage


def test_time_is_told_with_the_budget(tmp_path: Path) -> None:
    watching = Watching()
    compared(labels(tmp_path, 30), watching, minutes=5.0)
    run = [state.run for state in watching.states]
    assert run[-1].seconds_allowed == 300.0
    lefts = [one.seconds_left for one in run if one.seconds_left is not None]
    assert lefts
    assert all(left >= 0 for left in lefts)


def test_who_sees_the_states_is_not_told_of_them_in_words(tmp_path: Path) -> None:
    watching = Watching()
    compared(labels(tmp_path, 30), watching)
    assert not [line for line in watching.lines if line.startswith("so far")]


def test_nobody_watches_unless_a_reporter_does() -> None:
    watching = Watching()
    post(RunEvent(project="a"))
    with reporting(Silent()):
        assert watcher() is None
    with reporting(watching), reporting(Silent()):
        assert watcher() is watching  # whoever reports on the way
        post(RungEvent("rag"))
    assert watcher() is None
    assert list(watching.states[-1].rungs) == ["rag"]

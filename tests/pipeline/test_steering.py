"""A comparison that is steered from elsewhere pauses, goes on, takes in more budget, stops; no other obeys."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.pipeline.run_control import Change, ask, asked_of
from rung.pipeline.run_record import RunRecord, read_record, recorded
from rung.pipeline.steering import CONTROL, Orders
from rung.progress import working_time
from tests.cli.conftest import Run, rung, shop  # noqa: F401 - fixtures

ENDS = 60.0


def test_only_the_run_that_is_named_obeys(shop: Path) -> None:
    project = load_project(shop)
    with pytest.raises(UserError, match="no comparison runs here now"):
        ask(project, Change(pause=True))
    with recorded(project, None):
        ask(project, Change(pause=True))
    with recorded(project, None) as later:  # the file is of the earlier one
        time.sleep(1.1)  # whose beginning is told by the second
    entry = json.loads((project.state / CONTROL).read_text(encoding="utf-8"))
    with recorded(project, None) as later:
        (project.state / CONTROL).write_text(json.dumps({**entry, "pause": True, "stop": True}), encoding="utf-8")
        later.steering.obey()  # neither stays here nor raises
        record = read_record(project)
        assert record is not None
        assert asked_of(project, record) == Orders()
        ask(project, Change(stop=True))
        time.sleep(0.3)
        with pytest.raises(KeyboardInterrupt):
            later.steering.obey()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"process": 1', "null", "[" * 100_000])
def test_a_file_that_cannot_be_read_asks_for_nothing(shop: Path, text: str) -> None:
    project = load_project(shop)
    with recorded(project, None) as recorder:
        (project.state / CONTROL).write_text(text, encoding="utf-8")
        recorder.steering.obey()


def test_budgets_add_up_and_what_is_not_limited_is_refused(shop: Path) -> None:
    from rung.pipeline.budget import CompareRequest
    from rung.records.run_state import RunEvent
    from tests.working import working

    project = load_project(shop)
    with (
        recorded(project, None) as recorder,
        working(project, CompareRequest(minutes=1.0), steering=recorder.steering) as one,
    ):
        recorder.steering.tell(RunEvent(seconds_allowed=60.0))
        with pytest.raises(UserError, match="--budget-usd"):
            ask(project, Change(more_usd=1.0))
        ask(project, Change(more_minutes=2.0))
        ask(project, Change(more_minutes=0.5))
        assert not one.meter.over
        assert one.meter.allowed.minutes == 3.5
        time.sleep(0.3)
        assert not one.meter.over
        assert one.meter.allowed.minutes == 3.5  # it is added once


def test_a_pause_is_no_time_of_work(shop: Path) -> None:
    import threading

    project = load_project(shop)
    with recorded(project, None) as recorder:
        ask(project, Change(pause=True))
        before = working_time()
        threading.Timer(1.0, lambda: ask(project, Change(pause=False))).start()
        began = time.monotonic()
        recorder.steering.obey()
        assert time.monotonic() - began > 0.9
        assert working_time() - before < 0.5


@contextmanager
def _comparing(shop: Path) -> Iterator[subprocess.Popen[str]]:
    """A real `rung compare`, whose answers take half a second each."""
    words = [sys.executable, "-m", "rung", "compare", str(shop), "--budget-minutes", "10"]
    env = {**os.environ, "RUNG_SCRIPTED_DELAY": "0.3"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def _until(shop: Path, holds: Callable[[RunRecord], bool]) -> RunRecord:
    ends = time.monotonic() + ENDS
    while time.monotonic() < ends:
        record = read_record(load_project(shop))
        if record is not None and holds(record):
            return record
        time.sleep(0.1)
    raise AssertionError(f"it never came to that: {record}")


def _answered(record: RunRecord) -> int:
    return sum(one.answered or 0 for one in record.state.rungs.values())


@pytest.mark.slow
def test_a_real_comparison_pauses_goes_on_stops_and_comes_to_its_end_where_it_was(shop: Path, rung: Run) -> None:
    with _comparing(shop) as process:
        _until(shop, lambda record: record.running and _answered(record) > 0)
        rung("status", shop, "--pause")
        paused = _until(shop, lambda record: record.is_paused)
        assert rung("status", shop).out.startswith("paused ")
        time.sleep(2.5)
        still = _until(shop, lambda record: True)
        assert (still.is_paused, _answered(still), still.worked) == (True, _answered(paused), paused.worked)
        assert "--budget-usd" in rung("status", shop, "--more-usd", "1", code=2).err
        rung("status", shop, "--more-minutes", "5", "--resume")
        on = _until(shop, lambda record: not record.is_paused and _answered(record) > _answered(paused))
        assert on.state.run.seconds_allowed == 900
        rung("status", shop, "--stop")
        assert process.wait(ENDS) == 130
        assert process.stdout is not None
        text = process.stdout.read()
        assert "stopped from elsewhere" in text
        assert "the same command goes on from there" in text
    stopped = _until(shop, lambda record: record.status == "ended")
    assert stopped.state.run.ended == "stopped"
    assert rung("status", shop, "--pause", code=2).err.count("no comparison runs here now") == 1
    executed = rung("compare", shop, "--json", code=None).json["steps"]
    assert executed["replayed"] >= _answered(stopped) > 0


@pytest.mark.slow
def test_one_that_was_killed_while_it_was_paused_has_died(shop: Path, rung: Run) -> None:
    with _comparing(shop) as process:
        _until(shop, lambda record: record.running)
        rung("status", shop, "--pause")
        _until(shop, lambda record: record.is_paused)
        process.send_signal(signal.SIGKILL)
        process.wait(ENDS)
        assert rung("status", shop, code=1).out.startswith("died: begun ")

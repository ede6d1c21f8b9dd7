"""Does `rung status` say how far a comparison is, how it ended, and whether it died?"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import Interrupted
from rung.pipeline import run_record
from rung.pipeline.run_record import LOCK, RECORD, read_record, recorded
from rung.progress import Silent, reporting, watcher
from rung.records import Estimate, Latency
from rung.records.run_state import RunEvent, RungEvent
from tests.cli.conftest import Run
from tests.cli.terminal import ENDS, Terminal

SCORE = Estimate(0.6, 0.5, 0.7, 7)


def test_a_record_is_read_as_it_was_written(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record, "EVERY", 0.0)
    project = load_project(shop)
    assert read_record(project) is None
    with recorded(project, None) as recorder, reporting(recorder):
        seen = watcher()
        assert seen is not None
        seen.post(RunEvent(project="shop", cases=7, limits=("leaks",)))
        seen.post(RungEvent("rag", "answering", 4, answered=7, scores={"correct": SCORE}, latency=Latency(1.0, 2.0, 5)))
        with recorder.phase("build rag") as tick:
            tick(3, 9, "loss 1.0")
            recorder.say("! a word")
            now = read_record(project)
        assert now is not None
        assert now.status == "running"
        assert now.process == os.getpid()
        assert now.state.rungs["rag"].scores == {"correct": SCORE}
        assert now.state.rungs["rag"].latency == Latency(1.0, 2.0, 5)
        assert now.state.run.limits == ("leaks",)
        assert (now.state.work.title, now.state.work.done, now.state.work.note) == ("build rag", 3, "loss 1.0")
    after = read_record(project)
    assert after is not None
    assert (after.status, after.state.run.ended, after.messages) == ("ended", "verdict", ("! a word",))


def test_a_record_of_an_earlier_rung_is_read_which_wrote_no_kinds(shop: Path) -> None:
    project = load_project(shop)
    with recorded(project, None) as recorder:
        recorder.post(RungEvent("rag", "stopped", note="worse: stopped after 20 of 60 cases", note_kind="worse"))
    now, path = read_record(project), project.state / RECORD
    entry = json.loads(path.read_text(encoding="utf-8"))
    for rung in entry["rungs"]:
        assert rung.pop("note_kind") == "worse"
    path.write_text(json.dumps(entry), encoding="utf-8")
    then = read_record(project)
    assert now is not None
    assert then is not None
    assert then.state == now.state


def test_how_it_ended_is_written_down(shop: Path) -> None:
    project = load_project(shop)
    ends = ((Interrupted("stopped; all is kept"), "stopped"), (ValueError("odd"), "odd"), (OSError("full"), "full"))
    for error, words in ends:
        with pytest.raises(type(error)), recorded(project, Silent()):
            raise error
        record = read_record(project)
        assert record is not None
        assert record.state.run.ended == words


def test_of_two_at_once_the_first_is_recorded(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record, "EVERY", 0.0)
    project = load_project(shop)
    with recorded(project, None) as first:
        first.say("first")
        with recorded(project, None) as second, second.phase("second"):
            pass
        with first.phase("first"):
            record = read_record(project)
    assert record is not None
    assert record.state.work.title == "first"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "run": 3}'])
def test_a_record_that_is_none_is_none(shop: Path, rung: Run, text: str) -> None:
    state = load_project(shop).state
    state.mkdir()
    (state / RECORD).write_text(text, encoding="utf-8")
    assert read_record(load_project(shop)) is None
    assert "no comparison is recorded" in rung("status", shop, code=2).err


def test_no_file_to_write_ends_no_comparison(shop: Path) -> None:
    (shop / ".rung").write_text("a file in its place", encoding="utf-8")
    with recorded(load_project(shop), None) as recorder:
        recorder.say("on")
    assert read_record(load_project(shop)) is None


@pytest.mark.slow
def test_from_another_terminal(shop: Path, rung: Run) -> None:
    slow = {"RUNG_SCRIPTED_DELAY": "2"}
    with Terminal("-m", "rung", "compare", shop, env=slow) as terminal:
        terminal.shows(lambda screen: "answering" in screen and "/7" in screen)
        ends = time.monotonic() + ENDS
        while time.monotonic() < ends:
            said = rung("status", shop, "--json", code=None)
            if said.code == 0 and any(one["answered"] for one in said.json["rungs"]):
                break
        assert said.json["status"] == "running"
        assert said.json["process"] == terminal.process.pid
        assert rung("status", shop).out.startswith("running since ")
        with Terminal("-m", "rung", "status", shop, "--watch") as other:
            other.shows(lambda screen: "95 % intervals, so far" in screen)
            terminal.process.kill()
            terminal.process.wait(ENDS)
            assert other.ended() == 1
            assert any(line.startswith("died: begun ") for line in other.lines)
    assert rung("status", shop, code=1).out.startswith("died: begun ")
    rung("compare", shop, code=None)
    done = rung("status", shop).out
    assert done.startswith("ended with a verdict: ")
    assert " chosen\n" in done
    assert (shop / ".rung" / LOCK).exists()
    assert json.loads((shop / ".rung" / RECORD).read_text(encoding="utf-8"))["run"]["ended"] == "verdict"

"""Are rungs timed together, in turns, is it remembered when and where, and is it said where they were not?"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import compare
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.answering import TURN, time_live
from rung.pipeline.budget import CompareRequest, Meter
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.prepare import prepare
from rung.pipeline.remarks import of_timing
from rung.records import Evaluation, Json, Timed, Verdict
from rung.records.steps import Generate
from rung.testing.server import Asked, FakeServer
from tests.pipeline.test_climbing import Listening, climbed, project, says
from tests.working import working


def sessions(verdict: Verdict) -> dict[str, str]:
    """The session of each rung that was timed."""
    timed = {r.name: r.latency.timed for r in verdict.rungs if r.latency is not None}
    return {name: one.session for name, one in timed.items() if one is not None}


def test_rungs_are_timed_in_turns_and_it_is_remembered_where(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, few_shot]", cases=10)
    asked: list[str] = []
    heard = Listening()

    def script(step: Generate) -> str:
        if "time prompt, few_shot" in heard.heard:
            asked.append("few_shot" if len(step.messages) > 3 else "prompt")
        return says(0.5)(step)

    verdict = climbed(folder, script, listening=heard)
    # nine of ten cases, four and then five, each turn with one before it that is not timed; every second round the other way
    rounds = [("prompt", 5), ("few_shot", 5), ("few_shot", 6), ("prompt", 6)]
    assert TURN == 4
    assert asked == [name for name, count in rounds for _ in range(count)]
    latencies = [r.latency for r in verdict.rungs if r.latency is not None]
    assert [one.n for one in latencies] == [9, 9]
    assert len(set(sessions(verdict).values())) == 1
    timed = latencies[0].timed
    assert timed is not None
    assert (timed.host, timed.cpus) == (platform.node(), os.cpu_count())
    line = json.loads(next((folder / ".rung/verdicts").glob("*/verdict.json")).read_text(encoding="utf-8"))
    (told,) = line["coverage"]["timed"]
    assert (told["rungs"], told["host"], told["at"]) == (["prompt", "few_shot"], platform.node(), timed.at)
    assert f"timed: {timed.at[:10]}" in next((folder / ".rung/verdicts").glob("*/report.md")).read_text(encoding="utf-8")
    assert climbed(folder, script).rungs == verdict.rungs  # a pass is kept


def test_a_rung_that_is_timed_alone_takes_no_turns(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt]", cases=10)
    asked: list[str] = []
    heard = Listening()

    def script(step: Generate) -> str:
        if "time prompt" in heard.heard:
            asked.append(step.messages[-1].content)
        return says(0.5)(step)

    climbed(folder, script, listening=heard)
    assert len(asked) == len(set(asked)) == 10  # one before the nine, and not again


def test_where_one_rung_is_new_all_are_timed_anew(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt]")
    first = sessions(climbed(folder, says(0.5)))
    yaml = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(yaml.replace("[prompt]", "[prompt, few_shot]"), encoding="utf-8")
    both = sessions(climbed(folder, says(0.5)))
    assert set(both) == {"prompt", "few_shot"}
    assert len({*both.values(), *first.values()}) == 2
    (folder / "rung.yaml").write_text(yaml, encoding="utf-8")
    assert sessions(climbed(folder, says(0.5)))["prompt"] == both["prompt"]  # one that is taken out changes nothing


def test_retime_times_everything_again_and_a_second_run_keeps_that(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, few_shot]")
    first = climbed(folder, says(0.5))
    again = climbed(folder, says(0.5), CompareRequest(retime=True))
    assert set(sessions(first).values()).isdisjoint(sessions(again).values())
    assert len(set(sessions(again).values())) == 1
    assert (again.executed, again.looks) == (0, 1)
    assert sessions(climbed(folder, says(0.5))) == sessions(again)


def test_what_the_budget_left_is_named_and_older_times_are_not_passed_off_as_comparable(tmp_path: Path) -> None:
    dear = "prices: {prompt_usd_per_million: 1000, completion_usd_per_million: 1000}\n"
    folder = project(tmp_path, "[prompt]", more=dear)
    climbed(folder, says(0.5))
    yaml = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(yaml.replace("[prompt]", "[prompt, few_shot]"), encoding="utf-8")
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(says(0.5))
        intake = prepare(at.engines)
        raced = climb(at.builder, intake, propose(at.builder, intake), at.meter)
        meter = Meter.of(at.engines, CompareRequest(usd=1e-9))
        runs = {r.name: r.result for r in time_live(meter.runner(at.engines), raced.evaluations, intake.cases, meter)}
        assert meter.undone == ["not every rung is timed"]
        assert not any(tally.executed for tally in meter.live.values())
        assert runs["prompt"].latency is not None  # the older pass
        assert runs["few_shot"].latency is None
    part = climbed(folder, says(0.5), CompareRequest(usd=0.001))
    assert part.coverage.partial.endswith("not every rung is timed")


def test_times_of_two_sessions_of_another_machine_or_beside_other_work_are_told(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, few_shot]")
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(says(0.5))
        intake = prepare(at.engines)
        raced = climb(at.builder, intake, propose(at.builder, intake), at.meter)
        timed = time_live(at.runner, raced.evaluations, intake.cases, at.meter)
    rungs = [one for one in timed if not one.is_reference]

    def told(change: Callable[[Timed], Timed], *, of: str = "few_shot") -> list[str]:
        return list(of_timing([moved(one, change) if one.name == of else one for one in rungs]))

    def moved(one: Evaluation, change: Callable[[Timed], Timed]) -> Evaluation:
        latency = one.result.latency
        assert latency is not None
        assert latency.timed is not None
        latency = replace(latency, timed=change(latency.timed))
        return replace(one, result=replace(one.result, latency=latency))

    assert told(lambda one: replace(one, load=0.1), of="") == [] or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    (apart, *_) = told(lambda one: replace(one, session="x", at="2026-01-02T03:04+00:00"))
    assert apart.startswith("Rungs were timed at different times, so their latencies are not to be compared: prompt ")
    assert "few_shot 2026-01-02 03:04 on " in apart
    assert apart.endswith("rung compare --retime times all of them together, here and now.")
    elsewhere = told(lambda one: replace(one, session="x", host="elsewhere", cpus=96, load=0.2))
    assert any("another machine: " in one and "elsewhere (96 CPUs, load 0.2)" in one for one in elsewhere)
    assert any(one.startswith("The machine was busy") for one in told(lambda one: replace(one, session="x", load=1e3)))


class Breaking(FakeServer):
    """Breaks off the streams of answers to some questions, the first `times` of each."""

    def __init__(self, questions: tuple[str, ...], *, times: int, port: int = 0) -> None:
        super().__init__(port=port)
        self.questions, self.times, self.broken = questions, times, Counter[str]()

    def reply(self, asked: Asked) -> dict[str, Json]:
        reply, text = super().reply(asked), asked.text
        if asked.body.get("stream") and text.endswith(self.questions) and self.broken[text] < self.times:
            self.broken[text] += 1
            reply["cut"] = 150
        return reply


@pytest.mark.parametrize("times", [1, 2])
def test_what_breaks_off_in_the_live_pass_is_tried_again_and_what_fails_is_said(tmp_path: Path, times: int) -> None:
    folder = project(tmp_path, "[prompt]", cases=8, more="server: {retries: 1, concurrency: 1}\n")
    text = (folder / "rung.yaml").read_text(encoding="utf-8")
    broken = ("test red thing 1?", "test blue thing 3?")
    with Breaking(broken, times=times) as server:
        (folder / "rung.yaml").write_text(text.replace("model: scripted", f'model: "{server.url}#m"'), encoding="utf-8")
        verdict = compare(load_project(folder)).verdict
        again = compare(load_project(folder)).verdict
        assert all(server.broken[question] == times for question in broken)
    (latency,) = (r.latency for r in verdict.rungs if r.name == "prompt")
    assert latency is not None
    written = json.loads(next((folder / ".rung/verdicts").glob("*/verdict.json")).read_text(encoding="utf-8"))
    told = next(one["latency_ms"] for one in written["rungs"] if one["name"] == "prompt")
    said = [warning for warning in verdict.warnings if "asked one at a time" in warning]
    if times == 1:
        assert (latency.n, said, set(told)) == (7, [], {"p50", "p95"})
        return
    assert latency.n == 5
    (sentence,) = said
    assert sentence.startswith("prompt: 2 of 7 questions that were asked one at a time, for its latency, came to no answer")
    assert "the server broke off its answer" in sentence
    assert sentence.endswith("; its p50 and p95 are of the other 5.")
    assert (told["failed"], told["asked"]) == (2, 7)
    assert [warning for warning in again.warnings if "asked one at a time" in warning] == said  # a pass is kept, with that


def test_a_live_pass_that_fails_whole_is_said_and_made_again(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt]", cases=4, more="server: {retries: 0}\n")
    text = (folder / "rung.yaml").read_text(encoding="utf-8")
    with Breaking(("?",), times=1) as server:
        (folder / "rung.yaml").write_text(text.replace("model: scripted", f'model: "{server.url}#m"'), encoding="utf-8")
        first, second = (compare(load_project(folder)).verdict for _ in range(2))
    assert [r.latency for r in first.rungs if r.name == "prompt"] == [None]
    (said,) = (warning for warning in first.warnings if "asked one at a time" in warning)
    assert said.startswith("prompt: 3 of 3 questions")
    assert said.endswith("so that it has no p50 and p95.")
    assert [r.latency.n for r in second.rungs if r.name == "prompt" and r.latency] == [3]
    assert not any("asked one at a time" in warning for warning in second.warnings)
    with Breaking(("?",), times=9, port=server.port):
        verdict = compare(load_project(folder), allowed=CompareRequest(retime=True)).verdict
    assert [r.latency.n for r in verdict.rungs if r.name == "prompt" and r.latency] == [3]
    (said,) = (warning for warning in verdict.warnings if "asked one at a time" in warning)
    assert said.endswith("its p50 and p95 are of an earlier pass.")

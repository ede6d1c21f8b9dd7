"""What a memory of answers is made of: its name, its failures, the cases that say how similar is enough, and its bill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.artifacts.store import Built, seal
from rung.builders.answer_index import Answered, Entry, _borrowed
from rung.builders.kinds import build_artifact
from rung.config.project import load_project
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.pipeline.billing import Part, effort_of_building, prices_in
from rung.pipeline.cache_hits import of_hits, with_hits
from rung.pipeline.candidates import Candidate, build, evaluation_of, propose
from rung.pipeline.prepare import prepare
from rung.progress import Lines
from rung.records import Answer, Case, Evaluation, Failure, Message, Outcome, Question, RungResult, Usage
from rung.records.steps import Generate, GenerateResult, Step, StepFailed
from rung.strategies.protocol import AnswerIndex, Composition, InstructionSearch, Member, NotApplicable, Plan
from rung.strategies.semantic_cache import SemanticCache
from rung.testing.strategies import MEMBERS, materials
from tests.working import Working, working

YAML = """\
name: shop
task: Answer customers.
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, semantic_cache: {over: prompt, false_hits: 0.1}]
bar: {correct: 0.1}
prices: {prompt_usd_per_million: 1.0, completion_usd_per_million: 2.0}
"""
TRAIN, DEV, TEST = 10, 30, 4
CALIBRATING = 22


def shop(folder: Path) -> Path:
    """Questions that have one answer; one dev case repeats a test case."""
    counts = (("train", TRAIN), ("dev", DEV), ("test", TEST))
    rows: list[dict[str, object]] = [
        {"id": f"{split}{n}", "question": f"Which {split} valve is {n}?", "answers": ["amber"], "split": split}
        for split, count in counts
        for n in range(count)
    ]
    rows.append({**rows[-1], "id": "twin", "split": "dev"})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return folder


def right(step: Generate) -> str:
    return "amber" if "valve" in step.messages[-1].content else ""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Working]:
    with working(load_project(shop(tmp_path / "p")), reporter=Lines(LINES.append)) as opened:
        LINES.clear()
        opened.engines.generator = ScriptedGenerator(right, name="right")
        yield opened


LINES: list[str] = []


def built(at: Working, change: Callable[[AnswerIndex], AnswerIndex] = lambda need: need) -> Candidate:
    """The rung with a memory, what it needs changed before it is built."""
    proposed = [c for c in propose(at.builder, prepare(at.engines)) if not c.rung.reference]
    (cached,) = (c for c in proposed if c.composition is not None)
    composition = cached.composition
    assert composition is not None

    def changed(members: tuple[Member, ...]) -> Plan | NotApplicable:
        plan = composition.plan(members)
        assert isinstance(plan, Plan)
        (need,) = plan.needs
        assert isinstance(need, AnswerIndex)
        return replace(plan, needs=(change(need),))

    changing = replace(cached, composition=Composition(composition.settings, changed))
    return next(c for c in build(at.builder, [changing if c is cached else c for c in proposed]) if c.label == cached.label)


def need_of(candidate: Candidate) -> AnswerIndex:
    assert candidate.plan is not None, candidate.why
    (need,) = candidate.plan.needs
    assert isinstance(need, AnswerIndex)
    return need


def test_its_name_has_all_that_answers_hang_on(at: Working) -> None:
    need = need_of(built(at))
    spec = need.member.spec
    others = (
        replace(spec, task="Answer in verse."),
        replace(spec, schema="{}"),
        replace(spec, labels=("a",)),
        replace(spec, tools=materials().tools),
        replace(spec, worked=(Message("user", "Hi"), Message("assistant", "Hello"))),
        replace(spec, answer_tokens=spec.answer_tokens + 1),
        replace(spec, context_tokens=99),
    )
    needs = (replace(need, threshold=0.5, dev=(), member=replace(need.member, spec=one)) for one in (spec, *others))
    names = [build_artifact(at.builder, one, title="build").digest for one in needs]
    assert len(set(names)) == len(others) + 1


def test_dev_cases_that_calibrate_are_not_remembered_and_none_repeats_a_test_case(at: Working) -> None:
    candidate = built(at)
    need = need_of(candidate)
    remembered, calibrating = ({case.id for case in some} for some in (need.cases, need.dev))
    assert not remembered & calibrating
    assert len(calibrating) == CALIBRATING  # more than half of 30: so many it takes for 10 %
    assert remembered | calibrating == {f"train{n}" for n in range(TRAIN)} | {f"dev{n}" for n in range(DEV)}
    assert need.left_out == 1
    assert any("1 dev cases that repeat test cases" in line for line in LINES)
    assert candidate.built[0].manifest["rows"] == TRAIN + DEV - CALIBRATING
    many = tuple(Case(f"d{n}", f"question {n}") for n in range(100))
    plan = SemanticCache.plan(materials(dev=many), {"over": "yes"})
    assert isinstance(plan, Composition)
    half = plan.plan(MEMBERS)
    assert isinstance(half, Plan)
    assert [len(n.dev) for n in half.needs if isinstance(n, AnswerIndex)] == [50]
    few = SemanticCache.plan(materials(dev=many, dev_apart=many[:40]), {"over": "yes"})
    assert isinstance(few, NotApplicable)
    assert "takes 45 dev cases at least that repeat no test case, and the project has 40" in few.why
    none = SemanticCache.plan(materials(dev=many[:45], lessons=()), {"over": "yes"})
    assert isinstance(none, NotApplicable)
    assert "beside the 45 dev cases that say how similar is enough" in str(none.why)


def failing(count: int) -> Play:
    def away(step: Step) -> str:
        asked = step.messages[-1].content if isinstance(step, Generate) else ""
        return "the server is away" if any(f"train valve is {n}?" in asked for n in range(count)) else ""

    return Play(fails=away)


def test_a_memory_with_many_failures_is_not_sealed_and_the_next_run_asks_only_these(at: Working, tmp_path: Path) -> None:
    at.engines.generator = ScriptedGenerator(right, play=failing(5), name="right")
    broken = built(at)
    assert broken.failed
    assert "5 of 40 answers of prompt failed" in str(broken.why)
    log = tmp_path / "log"
    at.engines.generator = ScriptedGenerator(right, play=Play(log=log), name="right")
    assert built(at).built[0].manifest["failed"] == 0
    assert len(log.read_text("utf-8").splitlines()) == 5


def test_few_failures_are_left_out_and_counted(at: Working) -> None:
    at.engines.generator = ScriptedGenerator(right, play=failing(3), name="right")
    manifest = built(at).built[0].manifest
    assert (manifest["failed"], manifest["rows"]) == (3, TRAIN + DEV - CALIBRATING - 3)
    assert any("3 of 40 answers of prompt failed, and are not kept" in line for line in LINES)


def test_what_counts_as_a_false_hit(at: Working) -> None:
    """Own answers that were cut off and right, and those that failed, count as right; turns of the system do not count."""
    turns = (Message("system", "Be kind."),)
    dev = tuple(
        Case(name, "Which valve is 7?", ("amber7",), messages=messages)
        for name, messages in (
            ("cut", ()),
            ("failed", ()),
            ("wrong", ()),
            ("system", turns),
            ("follows", (Message("user", "Hi"), Message("assistant", "Hello"))),
        )
    )
    seven = Answer("amber7", "amber7")
    own = {"cut": replace(seven, truncated=True), "wrong": Answer("b", "b"), "system": seven}
    outcomes = {name: Outcome(name, answer) for name, answer in own.items()}
    outcomes["failed"] = Outcome("failed", failure=Failure("away"))
    entries = [Entry(Case("e", "Which valve is 8?"), Answer("amber8", "amber8"))]
    need = replace(need_of(built(at)), dev=dev)
    similar, false = _borrowed(at.builder, need, Answered(entries, outcomes, {}))
    assert false == [True, True, False, True, False]
    assert [score is None for score in similar] == [False, False, False, False, True]


class Odd(ScriptedEmbedder):
    """Vectors that are a little longer than 1, as rounding makes them, of two questions opposite to each other."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        rows[:, 0] = [-1.0000001 if "opposite" in text else 1.0000001 for text in texts]
        return rows


def test_similarities_are_between_0_and_1(at: Working) -> None:
    need = need_of(built(at))
    at.engines.embedder = Odd()
    dev = (Case("a", "Which valve?", ("b",)), Case("o", "opposite", ("b",)))
    answered = Answered([Entry(Case("e", "Which valve?"), Answer("b", "b"))], {}, {})
    assert _borrowed(at.builder, replace(need, dev=dev), answered)[0] == [1.0, 0.0]


def test_a_learnt_setting_that_is_none_fails_its_rung_alone(at: Working) -> None:
    candidate = built(at, lambda need: replace(need, threshold=1.5))
    assert candidate.failed
    assert "threshold" in str(candidate.why)
    assert not built(at).failed


# --- the bill


def test_building_is_paid_at_the_members_price_and_each_artifact_once(tmp_path: Path, at: Working) -> None:
    need = need_of(built(at))
    large = "http://127.0.0.1:9/v1#large"
    folder = shop(tmp_path / "two")
    prices = [f"{{prompt_usd_per_million: {usd}, completion_usd_per_million: 1}}" for usd in (1, 50)]
    models = f"models:\n  small: {{use: scripted, prices: {prices[0]}}}\n  large: {{use: '{large}', prices: {prices[1]}}}\n"
    kept = [line for line in YAML.splitlines(keepends=True) if not line.startswith(("model:", "prices:"))]
    (folder / "rung.yaml").write_text("".join(kept) + models, encoding="utf-8")
    project = load_project(folder)
    assert prices_in(project.on(large)).prompt_usd_per_million == 50

    def artifact(kind: str) -> Built:
        seal(tmp_path / kind / "0", {"kind": kind, "seconds": 60.0, "tokens": {"prompt": 1_000_000, "completion": 0}})
        return Built(kind, tmp_path / kind / "0")

    over_large = replace(need, member=replace(need.member, spec=replace(need.member.spec, model=large)))
    memory = Part([over_large], [artifact("answer-index")], {})
    assert effort_of_building(project, [memory]).building_usd == pytest.approx(50)
    searching = InstructionSearch(need.member.spec, (), (), "propose", 1)
    member = Part([searching], [artifact("instruction")], {"shots": 2}, "")
    effort = effort_of_building(project, [member, member, memory])
    assert effort.building_usd == pytest.approx(51)
    assert effort.building_seconds == 120
    assert effort.uses_examples


def test_what_its_member_took_to_build_is_in_its_bill(tmp_path: Path) -> None:
    folder = shop(tmp_path / "p")
    text = YAML.replace("[prompt, ", "[prompt: {optimise: propose}, ")
    text = text.replace("over: prompt,", "over: prompt, threshold: 0.9,")
    (folder / "rung.yaml").write_text(text, encoding="utf-8")
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(right, name="right")
        member, cached = build(at.builder, [c for c in propose(at.builder, prepare(at.engines)) if not c.rung.reference])
        assert [part.label for part in cached.parts] == [member.label]
        own, both = (evaluation_of(at.engines.project, one).effort for one in (member, cached))
    assert own is not None
    assert both is not None
    alone = effort_of_building(at.engines.project, [Part(cached.plan.needs, cached.built, {})]) if cached.plan else own
    assert own.building_usd
    assert alone.building_usd
    assert both.building_usd == pytest.approx(own.building_usd + alone.building_usd)


# --- a memory that cannot be searched


def test_a_memory_that_cannot_be_searched_is_counted(at: Working) -> None:
    candidate = built(at)
    assert candidate.spec is not None
    strategy = SemanticCache.make(candidate.spec, [MEMBERS[0].strategy])
    talk = strategy.answer(Question("q", "Which valve is 7?"))
    next(talk)
    talk.throw(StepFailed(Failure("the index is gone", step="search")))
    with pytest.raises(StopIteration) as ended:
        talk.send(GenerateResult("amber7"))
    answer = ended.value.value
    assert (answer.by, answer.memory_failed) == ("prompt", True)
    outcomes = (Outcome("a", answer, usage=Usage()), Outcome("b", replace(answer, memory_failed=False)))
    result = RungResult("cache", {}, "measured")
    some, none = (Evaluation(result, spec=candidate.spec, outcomes=some) for some in (outcomes, outcomes[:1]))
    assert any("could not be searched for 1 of 2 questions" in line for line in of_hits([some]))
    assert [line for line in of_hits([none]) if "similar enough" in line] == []
    assert with_hits([some])[0].result.settings["cache"] == {"hits": 0, "false_hits": 0, "compared": 0, "not_searched": 1}

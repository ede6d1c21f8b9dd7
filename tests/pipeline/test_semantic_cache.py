"""A memory of answers: how similar is enough is learnt, hits are counted, and nobody gets what another may read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rung.config.project import load_project
from rung.erasure.target import Target, folded
from rung.erasure.trained import Artifacts
from rung.loop import ask, compare
from rung.models.scripted import ScriptedEmbedder
from rung.pipeline.budget import CompareRequest
from rung.pipeline.candidates import build, propose
from rung.pipeline.evaluate import Comparison
from rung.pipeline.prepare import prepare, up_to_date
from rung.records import Answer, Asker, Case, Citation, Message, Passage, Question, RungResult
from rung.strategies.protocol import Composition, Member, NotApplicable, Strategy
from rung.strategies.registry import make_strategy
from rung.strategies.semantic_cache import CACHE, SemanticCache, answer_of, stored
from rung.testing.strategies import MEMBERS, materials
from tests.working import Working, working

YAML = """\
name: shop
task: Answer customers.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [rag, semantic_cache: {over: rag, false_hits: 0.1}]
bar: {correct: 0.5}
prices: {prompt_usd_per_million: 1.0, completion_usd_per_million: 2.0}
"""
VALVES, PUMPS = 25, 10


def apart(count: int) -> list[str]:
    """Numbers, as words that the scripted embedder does not take for each other."""
    embedder, taken, numbers = ScriptedEmbedder(), set[int](), list[str]()
    for word in ("colour", "valve", "pump", "please", "tell", *map(str, range(100, 999))):
        column = int(np.abs(embedder.embed([word], kind="query")[0]).argmax())
        if column not in taken and word.isdigit():
            numbers.append(word)
        taken.add(column)
    return numbers[:count]


LEARNT, LAX = "semantic_cache[threshold=-1]", "semantic_cache[threshold=0.5]"
NAMES = apart(VALVES + 2 * PUMPS)


def rows() -> Iterator[dict[str, object]]:
    """Every valve is asked for in three wordings, one of them to train, one a dev case; pumps are asked for once each."""
    wordings = ("What colour has valve {}?", "Which colour has valve {}, please?")
    for n in NAMES[:VALVES]:
        answers = [f"Valve {n} has colour amber{n}."]
        for w, wording in enumerate(wordings):
            yield {"id": f"dev{n}-{w}", "question": wording.format(n), "answers": answers, "split": ("train", "dev")[w]}
        yield {"id": f"test{n}", "question": f"Tell which colour valve {n} has!", "answers": answers, "split": "test"}
    for index, n in enumerate(NAMES[VALVES:]):
        split = ("dev", "test")[index % 2]
        question = f"What colour has pump {n}?"
        yield {"id": f"pump{n}", "question": question, "answers": [f"Pump {n} has colour blue{n}."], "split": split}


def shop(folder: Path, *more: dict[str, object]) -> Path:
    (folder / "docs").mkdir(parents=True)
    for n in NAMES[:VALVES]:
        (folder / "docs" / f"v{n}.md").write_text(f"Valve {n} has colour amber{n}.", "utf-8")
    for n in NAMES[VALVES:]:
        (folder / "docs" / f"p{n}.md").write_text(f"Pump {n} has colour blue{n}.", "utf-8")
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (*rows(), *more)), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    folder = shop(tmp_path_factory.mktemp("shop") / "p")
    (folder / "rung.yaml").write_text(YAML.replace("{over: rag,", "{over: rag, threshold: [-1, 0.5],"), encoding="utf-8")
    return folder, compare(load_project(folder), allowed=CompareRequest(exhaustive=True))


def result(comparison: Comparison, label: str) -> RungResult:
    return next(rung for rung in comparison.verdict.rungs if rung.name == label)


@pytest.mark.slow
def test_similar_questions_are_hits_and_what_they_save_is_in_the_costs(measured: tuple[Path, Comparison]) -> None:
    rag, cached = result(measured[1], "rag"), result(measured[1], LEARNT)
    assert cached.status == "measured", cached.why
    assert isinstance(cached.settings["threshold"], float)
    assert 0.7 < cached.settings["threshold"] < 0.9  # wordings of one valve are nearer than two pumps are
    assert cached.settings["cache"] == {"hits": VALVES, "false_hits": 0, "compared": VALVES}
    routed = cached.settings["routed"]
    assert isinstance(routed, dict)
    assert routed["cache"] == pytest.approx(VALVES / (VALVES + PUMPS), abs=0.001)
    assert cached.scores["correct"].mean == rag.scores["correct"].mean
    assert cached.usd_per_1k is not None
    assert rag.usd_per_1k is not None
    assert cached.usd_per_1k == pytest.approx(rag.usd_per_1k * PUMPS / (VALVES + PUMPS), rel=0.2)
    (line,) = (line for line in measured[1].verdict.warnings if line.startswith(f"{LEARNT}: {VALVES} of"))
    assert f"0 of {VALVES} were wrong where rag was right" in line


@pytest.mark.slow
def test_false_hits_are_counted_against_the_rung_beneath(measured: tuple[Path, Comparison]) -> None:
    """With a threshold that takes one pump for another, every pump's answer is wrong, where the rung's own is right."""
    rag, lax = result(measured[1], "rag"), result(measured[1], LAX)
    assert lax.settings["cache"] == {"hits": VALVES + PUMPS, "false_hits": PUMPS, "compared": VALVES + PUMPS}
    means = [rung.scores["correct"].mean for rung in (rag, lax)]
    assert means[0] == 1
    assert means[1] == pytest.approx(VALVES / (VALVES + PUMPS), abs=0.2)
    assert any(
        f"{PUMPS} of {VALVES + PUMPS} were wrong where rag was right" in line for line in measured[1].verdict.warnings
    )


@pytest.mark.slow
def test_it_is_served_as_it_was_measured(measured: tuple[Path, Comparison]) -> None:
    project = load_project(measured[0])
    hit, miss = (
        ask(project, text, rung=LEARNT)[0].value for text in (f"Say which colour valve {NAMES[7]} has!", "What has pump 3?")
    )
    assert hit is not None
    assert miss is not None
    assert (hit.by, hit.plain) == (CACHE, f"Valve {NAMES[7]} has colour amber{NAMES[7]}.")
    assert hit.citations
    assert hit.citations[0].document == f"docs/v{NAMES[7]}.md"
    assert miss.by == "rag"


@pytest.mark.slow
def test_a_document_that_changed_empties_it(tmp_path: Path) -> None:
    folder = shop(tmp_path / "p")
    with working(load_project(folder)) as at:
        strategy, memory = cached_strategy(at)
        assert said(at, strategy, f"What colour has valve {NAMES[7]}?").by == CACHE
        assert said(at, strategy, f"What colour has valve {NAMES[7]}?", ("anybody",)).by == CACHE  # nothing is secret
    (folder / "docs" / f"v{NAMES[7]}.md").write_text(f"Valve {NAMES[7]} has colour green.", "utf-8")
    with working(load_project(folder)) as at:
        up_to_date(at.engines)
        at.engines.example_indexes[memory] = folder / ".rung/artifacts/answer-index" / memory
        answer = said(at, strategy, f"What colour has valve {NAMES[7]}?")
        assert (answer.by, answer.plain) == ("rag", f"Valve {NAMES[7]} has colour green.")
        assert said(at, strategy, f"What colour has valve {NAMES[8]}?").by == "rag"
    folder_of_answers = folder / ".rung/artifacts/answer-index" / memory
    target, kept = Target("text", "amber", (folded(f"amber{NAMES[8]}"),)), Artifacts(load_project(folder))
    assert [finding.count for finding in kept.find(target)] == [1]
    kept.erase(target)
    assert not folder_of_answers.exists()


@pytest.mark.slow
def test_an_answer_of_one_group_reaches_no_other(tmp_path: Path) -> None:
    secret: dict[str, object] = {"question": "Which safe code opens vault nine?", "split": "dev"}
    folder = shop(
        tmp_path / "p", {**secret, "id": "board", "answers": ["The safe code of vault nine is 4711."], "as": ["board"]}
    )
    (folder / "rung.yaml").write_text(YAML.replace("false_hits: 0.1", "threshold: 0.8"), encoding="utf-8")
    (folder / "docs" / "vault.md").write_text("---\ngroups: [board]\n---\nThe safe code of vault nine is 4711.", "utf-8")
    with working(load_project(folder)) as at:
        (strategy, _), text = cached_strategy(at), str(secret["question"])
        answers = {
            groups: said(at, strategy, text, groups) for groups in (("board",), ("board", "staff"), ("staff",), (), None)
        }
    assert [answer.by for answer in answers.values()] == [CACHE, "rag", "rag", "rag", "rag"]
    assert "4711" in answers[("board",)].plain
    assert not any("4711" in answers[groups].plain for groups in (("staff",), ()))


@pytest.mark.slow
def test_a_limit_that_cannot_be_shown_says_so_with_its_numbers(tmp_path: Path) -> None:
    folder = shop(tmp_path / "p")
    (folder / "rung.yaml").write_text(YAML.replace("false_hits: 0.1", "false_hits: 0.01"), encoding="utf-8")
    with working(load_project(folder)) as at:
        (candidate,) = (c for c in propose(at.builder, prepare(at.engines)) if c.rung is SemanticCache)
        assert "takes 230 dev cases at least that repeat no test case, and the project has 35" in str(candidate.why)


def cached_strategy(at: Working) -> tuple[Strategy, str]:
    """The rung, built, and the digest of its memory."""
    done = build(at.builder, [c for c in propose(at.builder, prepare(at.engines)) if not c.rung.reference])
    cached = next(candidate for candidate in done if candidate.rung is SemanticCache)
    assert cached.spec is not None, cached.why
    return make_strategy(cached.spec), cached.spec.artifacts[0]


def said(at: Working, strategy: Strategy, text: str, groups: tuple[str, ...] | None = None) -> Answer:
    asker = Asker(None if groups is None else frozenset(groups))
    (ended,) = at.runner.run([(asker, lambda: strategy.answer(Question("q", text)))], title="ask")
    assert ended.value is not None, ended.failure
    return ended.value


# --- what is pure


def test_an_answer_that_is_kept_comes_back_whole() -> None:
    passage = Passage("a#0-3", "a", 0, 3, "abc", groups=("x",), parent=(0, 9), page=2, line=4, score=0.5)
    answer = Answer("b [1]", "b", citations=(Citation(1, "a", 0, 3, "a#0-3"),), passages=(passage,), retrieved=(passage,))
    assert answer_of(stored(answer)) == replace(answer, by=CACHE)
    with pytest.raises(ValueError, match="is no answer"):
        answer_of("{}")


def test_a_question_that_follows_others_is_never_looked_up() -> None:
    question = Question("q", "And there?", (Message("user", "Hi"), Message("assistant", "Hello")))
    plan = SemanticCache.plan(materials(dev=(Case("d", "And there?"),)), {"over": "yes", "threshold": 0.5})
    assert isinstance(plan, Composition)
    planned = plan.plan(MEMBERS)
    assert not isinstance(planned, NotApplicable)
    strategy = SemanticCache.make(planned.with_artifacts(("0" * 64,)), [MEMBERS[0].strategy])
    step = next(strategy.answer(question))
    assert type(step).__name__ == "Generate"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"threshold": 0.9}, "name one rung by 'over'"),
        ({"threshold": 0.9, "over": "maybe"}, "built are: yes, no"),
    ],
)
def test_whose_answers_are_kept_has_to_be_said(settings: dict[str, object], why: str) -> None:
    plan = SemanticCache.plan(materials(dev=(Case("d", "A question?"),)), settings)  # type: ignore[arg-type]
    assert isinstance(plan, Composition)
    planned = plan.plan(MEMBERS)
    assert isinstance(planned, NotApplicable)
    assert why in planned.why


def test_answers_that_change_are_not_kept() -> None:
    plan = SemanticCache.plan(materials(dev=(Case("d", "A question?"),)), {"threshold": 0.9})
    assert isinstance(plan, Composition)
    for spec in (replace(MEMBERS[0].spec, temperature=0.5),):
        planned = plan.plan((Member("yes", spec, MEMBERS[0].strategy, "0" * 64),))
        assert isinstance(planned, NotApplicable)
        assert "drawn at a temperature" in planned.why


def test_no_false_hits_at_all_cannot_be_shown() -> None:
    planned = SemanticCache.plan(materials(dev=(Case("d", "A question?"),)), {"false_hits": 0.0})
    assert isinstance(planned, NotApplicable)
    assert "give 'false_hits', or a 'threshold'" in planned.why

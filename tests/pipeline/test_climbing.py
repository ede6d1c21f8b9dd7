"""Do cheap rungs answer before anything is trained, and do race, budget and a second run stay right with that?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import BudgetEnded, Interrupted, UserError
from rung.loop import compare, rescore
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.budget import CompareRequest
from rung.pipeline.prepare import prepare
from rung.progress import Silent, Tick
from rung.records import Message, Verdict, digest
from rung.records.steps import Generate
from rung.verdict import reasons
from tests.training.tiny import Served
from tests.working import working

YAML = """\
name: labels
task: Say the label.
behaviour: {{labels: [red, blue], examples: examples.jsonl}}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: {rungs}
"""


class Listening(Silent):
    """Keeps the titles of the phases and what was said, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        self.heard.append(title)
        yield lambda _done, _all, _note: None

    def say(self, text: str) -> None:
        self.heard.append(text)

    def place(self, beginning: str) -> int:
        """Where the first begins so."""
        return next(place for place, text in enumerate(self.heard) if text.startswith(beginning))


def project(folder: Path, rungs: str, *, cases: int = 12, dev: int = 0, more: str = "") -> Path:
    """Things whose label is in their name; 60 examples teach it."""
    rows = [
        {"id": f"{split}{n}", "question": f"{split} {colour(n)} thing {n}?", "answers": [colour(n)], "split": split}
        for split, count in (("test", cases), ("dev", dev))
        for n in range(count)
    ]
    chats = [
        {"messages": [{"role": "user", "content": f"A {colour(n)} one, {n}"}, {"role": "assistant", "content": colour(n)}]}
        for n in range(60)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML.format(rungs=rungs) + more, encoding="utf-8")
    return folder


def colour(n: int) -> str:
    return "red" if n % 3 else "blue"


def says(share: float) -> Callable[[Generate], str]:
    """Right so often, whatever the rung."""

    def script(step: Generate) -> str:
        asked = step.messages[-1].content
        right = "red" if "red" in asked else "blue"
        shown = len(step.messages) > 3  # examples help where the bare prompt does not, and the other way round
        return right if int(digest(asked, share, shown)[:8], 16) / 16**8 < share else "green"

    script.__name__ = f"right_{share}"
    return script


def climbed(
    folder: Path,
    script: Callable[[Generate], str],
    allowed: CompareRequest | None = None,
    *,
    model: object = None,
    listening: Listening | None = None,
) -> Verdict:
    """A comparison as `loop.compare` makes it, with a model of our own."""
    with working(load_project(folder), allowed, reporter=listening) as at:
        at.engines.generator = model or ScriptedGenerator(script)  # type: ignore[assignment]
        intake = prepare(at.engines, meter=at.meter)
        if model is not None:
            intake = replace(intake, materials=replace(intake.materials, trainable=True))
        return at.compare(intake)[0].verdict


# --- the order


@pytest.mark.slow
def test_cheap_rungs_answer_and_are_told_of_before_anything_is_trained(tmp_path: Path) -> None:
    heard = Listening()
    folder = project(tmp_path, "[prompt, few_shot, classifier, router]", dev=30)
    verdict = climbed(folder, says(0.5), CompareRequest(exhaustive=True), listening=heard)
    assert heard.place("answer few_shot") < heard.place("so far, while classifier and router are to be built:")
    assert heard.place("so far") < heard.place("build classifier") < heard.place("answer classifier")
    assert heard.place("answer classifier") < heard.place("build router")
    told = heard.heard[heard.place("so far")]
    assert "\n  prompt: 0." in told
    assert told.count(" on 12 cases") == 2
    assert [r.name for r in verdict.rungs] == ["prompt", "few_shot", "classifier", "router", "closed_book", "oracle"]
    assert {r.status for r in verdict.rungs[:3]} == {"measured"}
    again = Listening()
    climbed(folder, says(0.5), CompareRequest(exhaustive=True), listening=again)
    assert [t for t in again.heard if t.startswith("answer")] == [t for t in heard.heard if t.startswith("answer")]


@pytest.mark.slow
@pytest.mark.parametrize("exhaustive", [True, False])
def test_so_far_says_what_the_table_says_of_the_same_answers(tmp_path: Path, exhaustive: bool) -> None:
    """Cases of one document are right or wrong together, so intervals are wide; a rung that stops early keeps its own."""
    folder = project(tmp_path, "[prompt, few_shot, classifier]", cases=60, more="bar: {correct: 0.9}\n")
    rows = [json.loads(line) for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["meta"] = {"context_document": f"d{number // 5}"}
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def script(step: Generate) -> str:
        asked = step.messages[-1].content
        number = int(asked.split()[-1].rstrip("?"))
        few = len(step.messages) > 3
        return colour(number) if number // 5 % (4 if few else 2) else "green"

    heard = Listening()
    verdict = climbed(folder, script, CompareRequest(exhaustive=exhaustive), listening=heard)
    told = heard.heard[heard.place("so far")]
    lines = {r.name: reasons.interval(r.scores["correct"]) for r in verdict.rungs if r.name in ("prompt", "few_shot")}
    assert [f"\n  {name}: {said} on " in told for name, said in lines.items()] == [True, True]


@pytest.mark.slow
def test_what_was_built_before_answers_with_the_cheap_ones(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]")
    climbed(folder, says(0.5))
    heard = Listening()
    project(tmp_path, "[prompt, classifier, router]", dev=30)  # dev cases are among what artifacts may be made from
    climbed(folder, says(0.5))
    text = (folder / "cases.jsonl").read_text(encoding="utf-8")
    (folder / "cases.jsonl").write_text(text.replace("test red thing 1?", "Another red thing?"), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML.format(rungs="[prompt, few_shot, classifier, router]"), encoding="utf-8")
    climbed(folder, says(0.5), listening=heard)
    assert heard.place("answer classifier") < heard.place("so far, while router is to be built")


@pytest.mark.slow
def test_a_rung_above_one_that_clears_the_bar_is_not_built(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]", cases=60, more="bar: {correct: 0.6}\n")
    verdict = climbed(folder, says(0.9))
    assert (verdict.winner, verdict.clears_bar) == ("prompt", True)
    assert verdict.why_not("classifier").startswith("not needed: not built, since prompt is lower on the ladder and clears")
    assert not (folder / ".rung/artifacts/classifier").exists()
    assert not verdict.coverage.partial
    assert "not needed" in (folder / ".rung/verdicts/latest").parent.joinpath(
        (folder / ".rung/verdicts/latest").read_text().strip(), "verdict.txt"
    ).read_text(encoding="utf-8")
    configuration = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(configuration.replace("correct: 0.6", "correct: 0.99"), encoding="utf-8")
    higher = rescore(load_project(folder)).verdict  # a bar that prompt does not clear
    assert not higher.clears_bar
    assert higher.why_not("classifier").startswith("not needed then: not built, by the scores and the bar of then")
    (folder / "rung.yaml").write_text(configuration, encoding="utf-8")
    exact = climbed(folder, says(0.9), CompareRequest(exhaustive=True))
    assert {r.name: r.status for r in exact.rungs}["classifier"] == "measured"
    assert exact.winner == "prompt"


@pytest.mark.slow
@pytest.mark.parametrize("cases", [12, 60])
def test_without_a_bar_nothing_is_built_above_a_rung_that_gets_everything_right(cases: int, tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, few_shot, classifier]", cases=cases)
    verdict = climbed(folder, says(1.0))
    assert verdict.winner == "prompt"
    assert verdict.why_not("classifier").startswith("not needed: not built, since prompt is lower on the ladder")
    assert not (folder / ".rung/artifacts/classifier").exists()
    assert climbed(folder, says(1.0), CompareRequest(exhaustive=True)).winner == "prompt"
    assert (folder / ".rung/artifacts/classifier").exists()


@pytest.mark.slow
def test_a_rung_below_the_bar_leaves_the_others_to_be_built(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]", cases=60, more="bar: {correct: 0.8}\n")
    verdict = climbed(folder, says(0.4))
    assert (verdict.winner, verdict.clears_bar) == ("classifier", True)
    again = climbed(folder, says(0.4))
    assert (again.executed, again.rungs) == (0, verdict.rungs)


@pytest.mark.slow
def test_a_rung_that_surely_misses_the_bar_answers_no_more_while_another_is_trained(tmp_path: Path) -> None:
    """Its other answers are made only where nothing that is trained clears the bar either."""
    folder = project(tmp_path, "[prompt, classifier]", cases=200, more="bar: {correct: 0.7}\n")
    verdict = climbed(folder, says(0.05))
    answers = {r.name: r.answered for r in verdict.rungs}
    assert (verdict.winner, verdict.clears_bar) == ("classifier", True)
    assert answers["prompt"] < 100 < answers["classifier"] == 200
    (folder / "rung.yaml").write_text(YAML.format(rungs="[prompt, router]") + "bar: {correct: 0.7}\n", encoding="utf-8")
    alone = climbed(folder, says(0.05))
    assert {r.name: r.answered for r in alone.rungs}["prompt"] == 200
    assert alone.clears_bar is False


@pytest.mark.slow
def test_a_limit_that_the_live_pass_breaks_keeps_the_others_needed(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]", cases=60, more="bar: {correct: 0.6, p95_seconds: 0.0000001}\n")
    verdict = climbed(folder, says(0.9))
    assert {r.name: r.status for r in verdict.rungs}["classifier"] == "measured"
    assert verdict.winner is None
    sessions = {r.latency.timed.session for r in verdict.rungs if r.latency and r.latency.timed}
    assert len(sessions) == 1  # timed once alone, and then together


def test_what_cannot_be_built_is_said_before_anything_answers(tmp_path: Path) -> None:
    heard = Listening()
    folder = project(tmp_path, "[prompt, tuned_model]")
    (folder / "recipe.yaml").write_text("rank: 4\nlearning_rate: 5\n", encoding="utf-8")
    verdict = climbed(folder, says(0.5), model=Tuned(says(0.5)), listening=heard)
    assert heard.place("! tuned_model cannot be built: ") < heard.place("answer prompt")
    assert {r.name: r.status for r in verdict.rungs}["tuned_model"] == "failed"
    assert "recipe.yaml:2" in next(str(r.why) for r in verdict.rungs if r.name == "tuned_model")


def test_a_search_that_cannot_be_made_is_refused_before_documents_are_read(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, rag: {passages: [1, 2]}]", more='knowledge: {sources: ["none/*.md"]}\n')
    with pytest.raises(UserError, match="mark at least 10 cases"):
        compare(load_project(folder), allowed=CompareRequest(trials=4))


def test_a_budget_in_dollars_without_a_price_is_refused_before_documents_are_read(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt]", more='knowledge: {sources: ["none/*.md"]}\n')
    yaml = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(yaml.replace("model: scripted", "model: http://localhost:9/v1#m"), encoding="utf-8")
    with pytest.raises(UserError, match="--budget-usd cannot be kept"):
        compare(load_project(folder), allowed=CompareRequest(usd=1))


@pytest.mark.slow
def test_settings_are_searched_wave_by_wave(tmp_path: Path) -> None:
    heard = Listening()
    rungs = "[prompt, few_shot: {shots: [1, 2], pick: [fixed, nearest]}, classifier: {reject: [0.0, 0.2, 0.4]}]"
    verdict = climbed(project(tmp_path, rungs, dev=12), says(0.5), CompareRequest(trials=8), listening=heard)
    assert heard.place("search: few_shot: 4 of 4 tried") < heard.place("answer prompt") < heard.place("build classifier")
    assert heard.place("build classifier") < heard.place("search: classifier: 3 of 3 tried")
    assert "Settings of few_shot, classifier were searched on 12 dev cases: 7 of 7 combinations" in verdict.coverage.searched


@pytest.mark.slow
@pytest.mark.parametrize("at", [5, 30, 70])
def test_a_comparison_that_is_stopped_anywhere_goes_on_to_the_same_verdict(at: int, tmp_path: Path) -> None:
    """In the first wave, and while a router is built of what its rungs make of the dev cases."""
    rungs, calls = "[prompt, few_shot, router]", 0

    def script(step: Generate) -> str:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        return says(0.5)(step)

    folder = project(tmp_path / "stopped", rungs, dev=30)
    with pytest.raises(Interrupted):
        climbed(folder, script)
    verdict, asked = climbed(folder, script), calls
    assert climbed(folder, script).executed == 0
    whole = climbed(project(tmp_path / "whole", rungs, dev=30), script)
    assert asked == calls - asked + 1  # only what was under way is asked twice
    assert [r.scores for r in verdict.rungs] == [r.scores for r in whole.rungs]
    assert verdict.winner == whole.winner


# --- the budget

TOKENS = "prices: {prompt_usd_per_million: 1000, completion_usd_per_million: 1000}\n"


@pytest.mark.slow
def test_the_budget_binds_what_a_router_is_built_of_and_the_next_run_goes_on(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, few_shot, router]", dev=60, more=TOKENS)
    whole = project(tmp_path / "whole", "[prompt, few_shot, router]", dev=60, more=TOKENS)
    cheap = climbed(project(tmp_path / "cheap", "[prompt, few_shot]", dev=60, more=TOKENS), says(0.5))
    spent = sum((r.scores["prompt_tokens"].mean or 0) * 12 for r in cheap.rungs if r.scores) / 1000
    part = climbed(folder, says(0.5), CompareRequest(usd=spent * 1.8))
    why = part.why_not("router")
    assert why.startswith("not built: $")
    assert "building it was stopped at " in why
    assert part.coverage.partial.endswith("; router is not built")
    assert part.coverage.trial
    assert {r.name: r.answered for r in part.rungs}["few_shot"] == 12
    done = climbed(folder, says(0.5))
    assert {r.name: r.status for r in done.rungs}["router"] == "measured"
    other = climbed(whole, says(0.5))
    assert (done.executed + part.executed, done.rungs[2].scores) == (other.executed, other.rungs[2].scores)


def taken(folder: Path, *, seconds: float) -> None:
    """An older classifier that took so long to train."""
    made = folder / ".rung/artifacts/classifier/0123456789abcdef/manifest.json"
    made.parent.mkdir(parents=True)
    made.write_text(json.dumps({"kind": "classifier", "rows": 60, "seconds": seconds, "created": "2026-01-01T00:00:00"}))


@pytest.mark.slow
def test_training_that_surely_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]")
    taken(folder, seconds=7200)
    part = climbed(folder, says(0.5), CompareRequest(minutes=30))
    why = "not built: training on 60 rows would take about 2.0 hours, as long a row as the last one took, and 30 minutes are"
    assert part.why_not("classifier").startswith(why)
    assert {r.name: r.answered for r in part.rungs}["prompt"] == 12
    assert "classifier is not built" in part.coverage.partial
    assert "Partial verdict: " in part.warnings[0]
    climbed(folder, says(0.5))
    whole = climbed(folder, says(0.5), CompareRequest(minutes=30))  # what is there needs no training
    assert {r.name: r.status for r in whole.rungs}["classifier"] == "measured"
    assert not whole.coverage.partial


@pytest.mark.slow
def test_money_that_an_hour_of_training_costs_counts(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, classifier]", more=TOKENS.replace("}", ", gpu_usd_per_hour: 3}"))
    taken(folder, seconds=7200)
    part = climbed(folder, says(0.5), CompareRequest(usd=5))
    assert part.why_not("classifier").startswith("not built: training on 60 rows would take about 2.0 hours")
    assert not climbed(folder, says(0.5), CompareRequest(usd=10)).coverage.partial


class Tuned(Served):
    """The tiny llama, answering as a script says."""

    context_tokens = 8192

    def __init__(self, script: Callable[[Generate], str]) -> None:
        super().__init__()
        self.voice = ScriptedGenerator(script)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.encode()) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        return self.tokens.render(messages)


def test_training_that_the_budget_ends_goes_on_from_its_checkpoint_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    dear = TOKENS.replace("1000", "0").replace("}", ", gpu_usd_per_hour: 3600000}")  # a thousand dollars a second
    folder, whole = (project(tmp_path / name, "[prompt, tuned_model: {epochs: 2}]", more=dear) for name in ("a", "b"))
    part = climbed(folder, says(0.5), CompareRequest(usd=0.5), model=Tuned(says(0.5)))
    assert "building it was stopped at 1 of 32; " in part.why_not("tuned_model")
    assert "the next run goes on from what is kept" in part.why_not("tuned_model")
    (made,) = (path for path in (folder / ".rung/artifacts/adapter").iterdir() if path.is_dir())
    assert {path.name for path in made.iterdir()} == {"rows.jsonl", "checkpoint.safetensors"}
    for one in (folder, whole):
        verdict = climbed(one, says(0.5), model=Tuned(says(0.5)))
        assert {r.name: r.status for r in verdict.rungs}["tuned_model"] == "measured"
    bytes_of = [next((one / ".rung/artifacts/adapter").glob("*/adapter_model.safetensors")) for one in (folder, whole)]
    assert bytes_of[0].read_bytes() == bytes_of[1].read_bytes()


@pytest.mark.slow
def test_a_budget_that_ends_while_documents_are_indexed_makes_no_verdict_and_keeps_what_was_embedded(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, rag]", more='knowledge: {sources: ["docs/*.md"], chunk_tokens: 16}\n')
    (folder / "docs").mkdir()
    for n in range(30):
        (folder / f"docs/{n}.md").write_text(f"# Thing {n}\n\n" + f"It has the number {n} and more. " * 40)
    with pytest.raises(BudgetEnded, match="passages of the documents, so there is no verdict"):
        compare(load_project(folder), allowed=CompareRequest(minutes=0))
    assert not (folder / ".rung/verdicts").exists()
    assert compare(load_project(folder)).verdict.rungs


def test_a_budget_that_ends_while_a_table_indexes_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    folder = project(tmp_path, "[prompt, rag]", more='knowledge: {sources: ["docs/*.md"], chunk_tokens: 16}\n')
    named = (folder / "rung.yaml").read_text()
    (folder / "rung.yaml").write_text(re.sub("embedder: .*", "embedder: table", named))
    (folder / "docs").mkdir()
    (folder / "docs/one.md").write_text("It has the number one and more. " * 40)
    with pytest.raises(BudgetEnded, match="so there is no verdict; indexing by the table begins anew"):
        compare(load_project(folder), allowed=CompareRequest(minutes=0))

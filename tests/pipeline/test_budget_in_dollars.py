"""Does a budget in dollars hold, whatever an answer costs, however often the command is run, however a server counts?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.answering import time_live
from rung.pipeline.budget import CompareRequest
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.prepare import prepare
from rung.records import Failure
from rung.records.steps import Generate, GenerateResult, Request, Result, usage_of
from tests.working import working

CASES = 24
YAML = """\
name: dear
task: Answer.
cases: cases.jsonl
model: scripted
embedder: scripted
knowledge: {sources: [docs]}
rungs: [prompt, long_context, rag]
prices: {prompt_usd_per_million: PROMPT, completion_usd_per_million: COMPLETION}
"""


class Counting(ScriptedGenerator):
    """Counts as some servers do: `beyond` tokens of its own in each prompt, and reasoning past the limit."""

    def __init__(self, script: Callable[[Generate], str], beyond: int = 0, reasoning: int = 0) -> None:
        super().__init__(script)
        self._more = (beyond, reasoning)

    def run(self, requests: list[Request]) -> Iterator[tuple[int, Result]]:  # type: ignore[override]
        for place, result in super().run(requests):
            if isinstance(result, GenerateResult):
                prompt, completion = result.prompt_tokens + self._more[0], result.completion_tokens + self._more[1]
                yield place, replace(result, prompt_tokens=prompt, completion_tokens=completion)
            else:
                yield place, result  # type: ignore[misc]


class Charging(ScriptedGenerator):
    """Reads and writes, charges for it, and says nothing that counts: reasons up to the limit, or leaves the labels."""

    def run(self, requests: list[Request]) -> Iterator[tuple[int, Result | Failure]]:  # type: ignore[override]
        for place, result in super().run(requests):
            yield place, Failure("reasoning used up all tokens", step="generate", usage=usage_of(result))


def talks(step: Generate) -> str:
    return "word " * (len(step.messages[-1].content) % 40 + 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for n in range(6):
        (tmp_path / "docs" / f"{n}.md").write_text(f"# Thing {n}\n\n" + f"Thing {n} weighs {n} kg. " * 20, encoding="utf-8")
    rows = [{"id": f"c{n}", "question": f"What weighs thing {n}?", "answers": [f"{n} kg"]} for n in range(CASES)]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def spent(folder: Path, model: ScriptedGenerator, usd: float) -> tuple[float, int, bool]:
    """Dollars that one command spent, answers that it has, and whether the race was cut short."""
    with working(load_project(folder), CompareRequest(usd=usd)) as at:
        at.engines.generator = model
        intake = prepare(at.engines, meter=at.meter)
        raced = climb(at.builder, intake, propose(at.builder, intake), at.meter)
        time_live(at.runner, raced.evaluations, intake.cases, at.meter)
        return at.meter.used()[0] or 0.0, raced.coverage.answers, bool(raced.coverage.partial)


@pytest.mark.slow
@pytest.mark.parametrize("prices", [(1, 1), (1, 50), (30, 1), (500, 2000)])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_no_run_spends_more_than_is_allowed(project: Path, prices: tuple[int, int], share: float) -> None:
    yaml = YAML.replace("PROMPT", str(prices[0])).replace("COMPLETION", str(prices[1]))
    (project / "rung.yaml").write_text(yaml, encoding="utf-8")
    whole = 4 * CASES * (700 * prices[0] + 30 * prices[1]) / 1e6  # about what everything costs
    allowed, answers = share * whole, []
    for _ in range(3):
        usd, known, cut = spent(project, ScriptedGenerator(talks), allowed)
        assert usd <= allowed
        answers.append(known)
        if not cut:
            break
    assert answers == sorted(answers)
    assert answers[-1] > answers[0] or len(answers) == 1 or share < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("more", [(900, 0), (0, 400)])
def test_a_server_that_counts_more_than_was_bounded_is_learnt(project: Path, more: tuple[int, int]) -> None:
    (project / "rung.yaml").write_text(YAML.replace("PROMPT", "10").replace("COMPLETION", "10"), encoding="utf-8")
    over = [spent(project, Counting(talks, *more), 0.08)[0] for _ in range(3)]
    assert all(usd <= 0.08 for usd in over)
    assert over[0] > 0.02


def test_answers_that_failed_and_were_charged_for_count(project: Path) -> None:
    """A host takes its price for what it wrote, whether or not that is an answer."""
    (project / "rung.yaml").write_text(YAML.replace("PROMPT", "10").replace("COMPLETION", "10"), encoding="utf-8")
    model = Charging(talks)
    usd, answers, cut = spent(project, model, 0.03)
    assert 0.01 < usd <= 0.03
    assert 0 < answers < 4 * CASES
    assert cut


def test_a_step_that_costs_more_than_is_allowed_is_never_begun(project: Path) -> None:
    (project / "rung.yaml").write_text(YAML.replace("PROMPT", "1000").replace("COMPLETION", "1000"), encoding="utf-8")
    assert spent(project, ScriptedGenerator(talks), 0.0001) == (0.0, 0, True)

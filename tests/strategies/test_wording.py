"""Can the words of a prompt be a setting, and swept as any other?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.candidates import allowed, build, propose
from rung.pipeline.prepare import prepare
from rung.pipeline.sweep import Searching
from rung.records import Question
from rung.records.steps import Generate, GenerateResult
from rung.strategies.protocol import Plan
from rung.strategies.registry import find, make_strategy
from rung.strategies.wording import planned
from rung.testing.strategies import drive, materials
from tests.working import working

YAML = """\
task: Say it.
cases: cases.jsonl
model: scripted
embedder: scripted
rungs:
  - prompt: {task: [Say it., "Say it in one word, with nothing before it.", "Say it in one word, with nothing after it."]}
"""


@pytest.mark.parametrize("name", ["prompt", "few_shot", "rag", "long_context", "tuned_model"])
def test_the_words_stand_in_the_place_of_the_task(name: str) -> None:
    given = materials()
    plan, plain = (planned(find(name), given, said) for said in ({"task": "Be brief."}, {}))
    assert isinstance(plan, Plan)
    assert isinstance(plain, Plan)
    assert plan.settings == {"task": "Be brief.", **plain.settings}
    _, steps = drive(make_strategy(plan.with_artifacts(("x",) * len(plan.needs))).answer(Question("q", "Why?")), _result)
    (asked,) = (step for step in steps if isinstance(step, Generate))
    assert asked.messages[0].content.startswith("Be brief.")
    assert given.task not in asked.messages[0].content


def _result(step: object) -> GenerateResult:
    from rung.testing.strategies import canned

    return canned(step)  # type: ignore[return-value, arg-type]


@pytest.mark.parametrize(("name", "task"), [("prompt", 3), ("prompt", " "), ("classifier", "Be brief."), ("router", "Hm.")])
def test_what_cannot_be_words_is_refused(name: str, task: object) -> None:
    with pytest.raises(UserError, match=f"{name}: .*'task'"):
        planned(find(name), materials(), {"task": task})  # type: ignore[dict-item]


@pytest.fixture
def worded(tmp_path: Path) -> Path:
    rows = [
        {"id": f"{split}{n}", "question": f"{split} {n}?", "answers": ["yes"], "split": split}
        for split in ("dev", "test")
        for n in range(12)
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_wordings_are_searched_and_long_ones_are_named_by_their_beginning(worded: Path) -> None:
    labels = [label for label, _, _ in allowed(load_project(worded))]
    assert labels == [
        "prompt[task=Say it.]",
        "prompt[task=Say it in one word, with… (1)]",
        "prompt[task=Say it in one word, with… (2)]",
    ]

    def says(step: Generate) -> str:
        return "yes" if "nothing after" in step.messages[0].content else "no"

    with working(load_project(worded)) as at:
        at.engines.generator = ScriptedGenerator(says, name="wording")
        intake = prepare(at.engines)
        proposed = propose(at.builder, intake)
        left = Searching(at.builder, intake, proposed, 3).left_of(proposed)
        assert labels[2] in [c.label for c in left]
        assert labels[1] not in [c.label for c in left]
        assert all(c.strategy for c in build(at.builder, left) if c.rung.name == "prompt")


def test_a_task_that_is_none_is_found_at_its_line(worded: Path) -> None:
    (worded / "rung.yaml").write_text(YAML.replace("[Say it., ", "[7, "), encoding="utf-8")
    with pytest.raises(InputError, match=r"rung\.yaml:6: prompt: setting 'task' must be words, found 7"):
        allowed(load_project(worded))

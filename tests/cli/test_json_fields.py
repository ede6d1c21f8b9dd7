"""A comparison that is judged by fields of JSON: the verdict, every form of the report, `rung rescore`, and bad weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError
from rung.loop import rescore
from rung.models.scripted import ScriptedGenerator
from rung.records import Verdict, digest
from rung.records.steps import Generate
from tests.cli.conftest import Run
from tests.working import working

pytestmark = pytest.mark.slow

N = 60
YAML = """\
task: Say what is asked for.
behaviour: {schema: s.json}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, structured]
bar:
  correct: 0.6
  metric: json_fields
  fields: {intent: 3, slots.time: 1}
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"type": "string"},
        "slots": {"type": "object", "properties": {"time": {"type": "string"}}},
    },
    "required": ["intent", "slots"],
}


def says(step: Generate) -> str:
    """The intent is right as a rule, the time in every third case."""
    drawn = int(digest(step.messages[-1].content)[:8], 16) / 16**8
    return json.dumps({"intent": "book" if drawn < 0.9 else "ask", "slots": {"time": "x" if drawn < 0.3 else "y"}})


def write(folder: Path, text: str = YAML) -> Path:
    (folder / "s.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (folder / "rung.yaml").write_text(text, encoding="utf-8")
    right = json.dumps({"intent": "book", "slots": {"time": "x"}})
    rows = [{"id": f"c{n}", "question": f"Thing {n}?", "answers": [right], "split": "test"} for n in range(N)]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Verdict]]:
    """A project and its verdict."""
    folder = write(tmp_path_factory.mktemp("fields"))
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(says)
        yield folder, at.compare()[0].verdict


def test_the_verdict_goes_by_weighted_fields_and_tells_each(compared: tuple[Path, Verdict]) -> None:
    _, verdict = compared
    prompt = next(rung for rung in verdict.rungs if rung.name == "prompt")
    assert list(prompt.fields) == ["slots.time", "intent"]
    intent, time = (prompt.fields[name].mean or 0 for name in ("intent", "slots.time"))
    assert 0.8 < intent < 1
    assert 0.1 < time < 0.5
    assert prompt.scores["correct"].mean == pytest.approx((3 * intent + time) / 4)
    assert prompt.scores["json_exact"].mean == pytest.approx(time)
    assert prompt.fields["intent"].n == prompt.answered == N
    assert verdict.winner == "prompt"


def test_every_form_tells_it(compared: tuple[Path, Verdict], rung: Run) -> None:
    folder, _ = compared

    def shown(*words: str) -> str:
        return rung("report", folder, *words).out

    table, markdown, page = shown(), shown("--format", "md"), shown("--format", "html")
    assert "correct by json_fields" in " ".join(table.split())
    assert "Fields\n  prompt: slots.time" in table
    assert "| field | prompt |" in markdown
    assert "weights: intent 3, slots.time 1, all others 1" in markdown
    assert "weights: intent 3, slots.time 1, all others 1" in page
    assert 'aria-label="Fields"' in page
    row = next(one for one in json.loads(shown("--json"))["rungs"] if one["name"] == "prompt")
    assert row["fields"]["slots.time"]["n"] == N


def test_other_weights_change_a_verdict_from_stored_answers(compared: tuple[Path, Verdict]) -> None:
    folder, verdict = compared
    write(folder, YAML.replace("{intent: 3, slots.time: 1}", "{intent: 0}"))
    again = rescore(load_project(folder)).verdict
    write(folder)
    was, now = (next(rung for rung in one.rungs if rung.name == "prompt") for one in (verdict, again))
    assert now.scores["correct"].mean == pytest.approx(was.fields["slots.time"].mean)
    assert not again.clears_bar


@pytest.mark.parametrize(
    ("change", "line", "why"),
    [
        (("intent: 3", "intend: 3"), 10, "did you mean 'intent'?"),
        (("intent: 3", "intent: -3"), 10, "greater than or equal to 0"),
        (("intent: 3", "intent: much"), 10, "valid number"),
        (("{intent: 3, slots.time: 1}", "{intent: 0, slots: 0, slots.time: 0}"), 10, "every field weighs 0"),
        (("metric: json_fields", "metric: json"), 9, "which only 'metric: json_fields' reads"),
        (("behaviour: {schema: s.json}", "behaviour: {}"), 9, "the project has no behaviour.schema"),
        (("behaviour: {schema: s.json}", "behaviour: {labels: [a, b]}"), 9, "with labels `correct` is equality"),
    ],
)
def test_weights_and_metrics_that_cannot_be(tmp_path: Path, rung: Run, change: tuple[str, str], line: int, why: str) -> None:
    """Said with the line, by `rung check`, and before anything is asked by a comparison."""
    assert change[0] in YAML
    folder = write(tmp_path, YAML.replace(*change))
    checked = rung("check", folder, code=2)
    printed = checked.out + checked.err
    assert f"rung.yaml:{line}: " in printed
    assert why in printed
    with pytest.raises(InputError, match=f":{line}: "), working(load_project(folder)) as at:
        at.compare()

"""One same answer to every case is told of first, whatever words it takes; a model that knows is not slandered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.constant_baseline import habit
from rung.records import Answer, Case, Evaluation, Outcome, Passage, RungResult, Verdict
from rung.records.steps import Generate
from rung.scoring import ScoringContext
from tests.working import working

COLOURS = ("amber", "coral", "ebony", "hazel", "ivory", "jade", "khaki", "lilac", "ochre", "olive")
N = 40


def answer(n: int) -> str:
    return f"the {COLOURS[n % len(COLOURS)]} side valve"


def days(n: int) -> str:
    return f"{n + 3} working days"


def compared(folder: Path, accepted: Callable[[int], str], says: Callable[[int], str]) -> tuple[Verdict, str]:
    """The verdict on a model that says so to question n, and the page."""
    rows = [{"question": f"Question {n}?", "answers": [accepted(n)], "split": "test"} for n in range(N)]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "rung.yaml").write_text(
        "task: Answer.\ncases: cases.jsonl\nmodel: scripted\nrungs: [prompt]\nbar: {correct: 0.6, metric: f1}\n",
        encoding="utf-8",
    )

    def script(step: Generate) -> str:
        return says(int(step.messages[-1].content.rpartition("Question ")[2].rstrip("?")))

    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(script)
        done, _ = at.compare()
        return done.verdict, (folder / "report.html").read_text(encoding="utf-8")


def test_words_that_fit_every_case_a_little_are_no_answer(tmp_path: Path) -> None:
    verdict, page = compared(tmp_path, answer, lambda _: "the green side valve")
    assert (verdict.winner, verdict.clears_bar) == ("prompt", True)
    assert verdict.reason.startswith("prompt is not shown to be better than saying '")
    assert any(warning.startswith("Saying 'the ") for warning in verdict.warnings)
    assert verdict.rungs[0].partly == N
    assert "prompt is partly right" in page
    assert "prompt is right" not in page
    assert "0 of 2 right, 2 in part" in page


def test_another_number_in_the_same_words_is_no_answer(tmp_path: Path) -> None:
    verdict, _ = compared(tmp_path, days, lambda _: "99 working days")
    assert verdict.winner is None
    assert "none of prompt got a single case right" in verdict.reason


@pytest.mark.parametrize("accepted", [answer, days])
def test_who_knows_is_told_nothing_of_the_kind(tmp_path: Path, accepted: Callable[[int], str]) -> None:
    verdict, page = compared(tmp_path, accepted, accepted)
    assert verdict.code == "clears"
    assert not any("to every case" in warning for warning in verdict.warnings)
    assert "2 of 2 right" in page


HR = ScoringContext("f1", document_groups={"docs/hr.md": ("hr",), "docs/open.md": ()})


def test_an_answer_that_is_not_for_everybody_is_not_named() -> None:
    secret = tuple(Case(f"s{n}", f"{n}?", ("a V8 engine",), gold_documents=("docs/hr.md",)) for n in range(9))
    public = Case("p", "p?", ("a V8 engine",), gold_documents=("docs/open.md",))
    named, hidden, both = habit(secret, ScoringContext("f1"), ()), habit(secret, HR, ()), habit((*secret, public), HR, ())
    assert named is not None
    assert hidden is not None
    assert both is not None
    assert [one.what for one in (named, hidden, both)] == ["'a V8 engine'", "one same answer", "'a V8 engine'"]
    assert named.mean == hidden.mean == 1


def test_what_a_rung_says_of_restricted_passages_is_not_named() -> None:
    cases = tuple(Case(f"c{n}", f"{n}?", (f"valve {n}",), gold_documents=("docs/open.md",)) for n in range(9))
    passage = Passage("docs/hr.md#1", "docs/hr.md", 0, 9, "the valve", groups=("hr",))
    for shown, what in (((), "'valve'"), ((passage,), "one same answer")):
        outcomes = tuple(Outcome(case.id, Answer("valve", passages=shown)) for case in cases)
        constant = habit(cases, HR, (Evaluation(RungResult("rag", {}, "measured"), outcomes=outcomes),))
        assert constant is not None
        assert constant.what == what

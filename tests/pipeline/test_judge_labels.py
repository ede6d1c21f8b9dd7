"""People's labels, from the answers of a verdict through the file to the next verdict: a judge that is too kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.label_cases import Said, Shown, ask, label_plan
from rung.commands.rescore import rescore_verdict
from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.loop import compare
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.judge_labels import FILE, add_labels, read_labels
from rung.records import Verdict
from rung.records.steps import Generate
from rung.report.as_json import verdict_json
from tests.working import working

YAML = """\
name: essays
task: Explain.
behaviour: {examples: examples.jsonl}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, few_shot]
bar: {metric: judge, correct: 0.7}
"""
MANY = 39  # so few that all rungs answer all


@pytest.fixture
def essays(tmp_path: Path) -> Path:
    """39 cases; the judge calls whatever few_shot says good, and a third of what prompt says."""
    rows = [{"id": f"c{n:02}", "question": f"Explain thing {n}.", "split": "test"} for n in range(MANY)]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    chat = [{"role": "user", "content": "Explain that."}, {"role": "assistant", "content": "a good explanation"}]
    (tmp_path / "examples.jsonl").write_text(json.dumps({"messages": chat}), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def opinion(step: Generate) -> str:
    question, _, answer = step.messages[-1].content.rpartition("Answer")
    n = int(question.partition("thing ")[2].partition(".")[0])
    return "Grade: 5" if "good" in answer or n % 3 == 0 else "Grade: 1"


def compared(folder: Path) -> Verdict:
    with working(load_project(folder)) as at:
        at.engines.judge = ScriptedGenerator(opinion, name="judge")
        return at.compare()[0].verdict


def strict(shown: Shown) -> Said:
    """Half of what the judge calls good is good."""
    n = int(shown.case.removeprefix("c"))
    return "yes" if ("good" in shown.response or n % 3 == 0) and n % 2 else "no"


def labelled(folder: Path, cases: int = MANY, by: str = "Ada") -> int:
    project = load_project(folder)
    left: list[str] = []

    def person(shown: Shown) -> Said:
        left.append(shown.case)
        return "quit" if len(set(left)) > cases else strict(shown)

    return ask(project, label_plan(project), person, by=by)


@pytest.mark.slow
def test_a_kind_judge_is_corrected_by_people(essays: Path) -> None:
    before = compared(essays)
    assert (before.winner, before.clears_bar, before.human) == ("few_shot", True, None)
    assert labelled(essays, 20) == 40  # answers of two rungs to twenty cases
    after = compared(essays)
    few_shot = next(r for r in after.rungs if r.name == "few_shot").scores["correct"]
    assert few_shot.mean == pytest.approx(0.5, abs=0.2)
    assert (few_shot.low or 0) < 0.5 < (few_shot.high or 0)
    assert few_shot.n == MANY
    assert not after.clears_bar
    check = after.human
    assert check is not None
    assert check.judged["few_shot"] == 1.0
    assert check.by_rung == {"prompt": 20, "few_shot": 20}
    assert check.agreement is not None
    assert check.agreement < 0.9
    assert check.kappa is not None
    line = json.loads(verdict_json(after))["human"]
    assert line["labels"] == 40
    assert {r["name"]: r["labels"] for r in line["rungs"]} == {"prompt": 20, "few_shot": 20, "closed_book": 0}
    assert any("corrected by people's labels" in warning for warning in after.warnings)
    assert any("closed_book" in warning and "moved as" in warning for warning in after.warnings)
    assert not any("is not calibrated" in warning for warning in after.warnings)
    verdicts = essays / ".rung" / "verdicts"
    last = verdicts / (verdicts / "latest").read_text(encoding="utf-8").strip()
    for form in ("report.html", "report.md", "verdict.txt"):
        assert "kappa" in (last / form).read_text(encoding="utf-8")
    assert compared(essays).rungs == after.rungs  # nothing is drawn anew


@pytest.mark.slow
def test_stored_answers_are_corrected_without_asking_a_rung(essays: Path) -> None:
    compared(essays)
    labelled(essays, 20)
    with working(load_project(essays)) as at:
        at.engines.judge = ScriptedGenerator(opinion, name="judge")
        again = rescore_verdict(at.runner).verdict
    assert again.human is not None
    assert again.human.by_rung == {"prompt": 20, "few_shot": 20}
    assert not again.clears_bar
    few_shot = next(r for r in again.rungs if r.name == "few_shot")
    assert few_shot.partly == 0  # single cases keep the judge's word


def test_labelling_goes_on_where_it_was_and_is_blind(essays: Path) -> None:
    compared(essays)
    project = load_project(essays)
    first = label_plan(project)
    assert first.cases == MANY
    assert (first.labelled, first.settled, first.more) == (0, False, 9)
    labelled(essays, 6)
    second = label_plan(project)
    assert second.answers == first.answers[12:]
    assert [one.case for one in second.answers[:4]] == [one.case for one in first.answers[12:16]]
    kept = read_labels(project)
    assert {one.by for one in kept} == {"Ada"}
    assert {one.plan for one in kept} == {first.name}
    assert {one.of for one in kept} == {MANY}
    assert "few_shot" not in json.dumps([(s.question, s.references, s.response) for s in first.answers])
    labelled(essays)
    assert label_plan(project).answers == ()


@pytest.mark.slow
def test_cases_come_in_a_random_order_and_equal_answers_once(essays: Path) -> None:
    compared(essays)
    plan = label_plan(load_project(essays))
    cases = list(dict.fromkeys(one.case for one in plan.answers))
    assert cases != sorted(cases)
    assert len(plan.answers) == 2 * MANY
    first = [one.response == "a good explanation" for one in plan.answers[::2]]
    assert 5 < sum(first) < MANY - 5  # neither rung comes first
    (essays / "rung.yaml").write_text(YAML.replace("few_shot]", "{few_shot: {shots: [1, 2]}}]"), encoding="utf-8")
    compared(essays)
    same = label_plan(load_project(essays))
    assert len(same.answers) == MANY
    assert {len(one.rungs) for one in same.answers} == {2}


@pytest.mark.slow
def test_too_few_labels_are_said_and_correct_nothing(essays: Path) -> None:
    compared(essays)
    labelled(essays, 3)
    after = compared(essays)
    assert after.clears_bar
    assert after.human is not None
    assert after.human.by_rung == {}
    assert any("5 labels" in warning for warning in after.warnings)


@pytest.mark.slow
def test_labels_of_answers_that_are_no_longer_given_do_not_count(essays: Path) -> None:
    compared(essays)
    labelled(essays, 20)
    chat = [{"role": "user", "content": "Explain that."}, {"role": "assistant", "content": "quite a good explanation"}]
    (essays / "examples.jsonl").write_text(json.dumps({"messages": chat}), encoding="utf-8")
    after = compared(essays)
    assert after.human is not None
    assert "few_shot" not in after.human.by_rung
    assert any("no longer gives" in warning for warning in after.warnings)


@pytest.mark.slow
def test_contradicting_labels_are_said(essays: Path) -> None:
    compared(essays)
    labelled(essays, 12)
    project = load_project(essays)
    kept = read_labels(project)
    from dataclasses import replace

    add_labels(project, [replace(kept[0], good=not kept[0].good, by="Bob")])
    after = compared(essays)
    assert any("contradict each other on 1 answer of" in warning for warning in after.warnings)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{\n", f"{FILE}:1: is no JSON"), ('{"case": "c"}\n', f"{FILE}:1: is no label"), ("[]\n", "must be an object")],
)
def test_a_broken_file_is_told_with_its_line(essays: Path, text: str, words: str) -> None:
    (essays / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_labels(load_project(essays))
    with pytest.raises(InputError, match=words):
        compare(load_project(essays))  # before any work
    assert not (essays / ".rung" / "verdicts").exists()


def test_where_there_is_nothing_to_label_it_says_so(essays: Path) -> None:
    with pytest.raises(UserError, match="no verdict"):
        label_plan(load_project(essays))
    text = (essays / "rung.yaml").read_text(encoding="utf-8")
    (essays / "rung.yaml").write_text(f"{text}judge: {{mode: pairwise}}\n", encoding="utf-8")
    with pytest.raises(UserError, match="pairs"):
        label_plan(load_project(essays))
    (essays / "rung.yaml").write_text(text.replace("metric: judge, ", ""), encoding="utf-8")
    with pytest.raises(UserError, match="no model judges"):
        label_plan(load_project(essays))

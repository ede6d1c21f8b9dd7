"""From a log file to a verdict: what is a question, what is written, and that it judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.commands.label_cases import Said, Shown, ask, label_plan
from rung.commands.review import decide, waiting
from rung.commands.sample_cases import SampleReport, SampleRequest, sample_cases, sample_file
from rung.config.project import load_project
from rung.dataset.load import load_dataset
from rung.errors import UserError
from rung.importers.log_questions import LoggedQuestion, questions_in
from rung.importers.source import ImportFile
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.judge_labels import read_labels
from rung.records import Problem
from rung.records.steps import Generate
from rung.state.database import open_state
from rung.state.tables import traces as table
from rung.tracing.store import row_of
from tests.importers.samples import chatgpt
from tests.tracing.traces import made
from tests.working import working

YAML = """\
task: Explain.
cases: [cases/*.jsonl]
model: scripted
embedder: scripted
rungs: [prompt]
"""
JUDGED = YAML + "bar: {metric: judge, correct: 0.5}\n"
TOPICS = {"password": 30, "refund": 20, "parcel": 10}


def request_row(question: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Help."}, {"role": "user", "content": question}]
    answer = {"choices": [{"message": {"role": "assistant", "content": "So."}, "finish_reason": "stop"}]}
    return {"request": {"model": "m", "messages": messages}, "response": answer, **more}


def project(folder: Path, text: str) -> Path:
    (folder / "cases").mkdir(parents=True)
    (folder / "rung.yaml").write_text(text, encoding="utf-8")
    rows = [request_row(f"Explain the {topic} {n % 7}.") for topic, count in TOPICS.items() for n in range(count)]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def drawn(folder: Path, **more: Any) -> SampleReport:
    loaded = load_project(folder)
    return sample_cases(loaded, [folder / "log.jsonl"], sample_file(loaded), SampleRequest(**{"count": 30, **more}))


def opinion(step: Generate) -> str:
    return "Grade: 5" if "password" in step.messages[-1].content else "Grade: 1"


@pytest.mark.slow
def test_a_log_becomes_a_verdict_whose_mean_is_the_traffics(tmp_path: Path) -> None:
    """`rung cases sample`, `rung compare`, `rung cases label`: the judge likes what is half of the traffic."""
    folder = project(tmp_path / "p", JUDGED)
    done = drawn(folder)
    assert done.path == folder / "cases" / "traffic.jsonl"
    assert (done.is_judged, done.is_named, sum(one.weight for one in done.sample.drawn)) == (True, True, 30)
    assert len(done.rows) < 30
    loaded = load_project(folder)
    with working(loaded) as at:
        at.engines.judge = ScriptedGenerator(opinion, name="judge")
        at.engines.generator = ScriptedGenerator(lambda step: step.messages[-1].content, name="echo")
        verdict = at.compare()[0].verdict
    score = next(one.scores["correct"] for one in verdict.rungs if one.name == "prompt")
    assert (score.mean, score.n) == (0.5, 30)
    plan = label_plan(loaded)
    asked: list[Shown] = []

    def person(shown: Shown) -> Said:
        asked.append(shown)
        return "yes"

    assert ask(loaded, plan, person, by="Ada") == len(plan.answers)
    assert len({(one.question, one.response) for one in asked}) == len(asked) < 30  # copies are asked about once
    assert len({label.case for label in read_labels(loaded)}) == 30


def test_drafts_wait_for_their_answers(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", YAML)
    done = drawn(folder)
    assert done.path == folder / "cases" / "traffic.drafts.jsonl"
    loaded = load_project(folder)
    drafts = waiting(loaded)
    assert len(drafts) == len(done.rows)
    with pytest.raises(UserError, match="'answers' is empty"):
        decide(loaded, drafts[0], "approve", by="Ada")
    heavy = next(one for one in drafts if one.row.get("weight"))
    decide(loaded, heavy.mended(question=heavy.question, answers=["x"], answerable=True), "approve", by="Ada")
    cases = load_dataset(loaded).cases
    assert [case.id for case in cases] == [heavy.id, *(f"{heavy.id}#{n}" for n in range(2, len(cases) + 1))]
    assert len(cases) == heavy.row["weight"]
    assert {case.split for case in cases} == {"test"}


@pytest.mark.parametrize("weight", [0, -1, 1.5, "2", True, 1001, [2]])
def test_a_weight_is_a_whole_number(weight: object, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "question": "q?", "answers": ["x"], "weight": weight},
        {"id": "b", "question": "r?", "answers": ["x"]},
    ]
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    read = load_dataset(load_project(tmp_path))
    assert [case.id for case in read.cases] == ["b"]
    assert "'weight' must be a whole number from 1 to 1,000" in str(read.problems[0])


def test_nothing_is_overwritten_and_nothing_written_in_a_dry_run(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", YAML)
    assert drawn(folder, dry_run=True).rows
    assert not (folder / "cases" / "traffic.drafts.jsonl").exists()
    drawn(folder)
    with pytest.raises(UserError, match="name another file with --output"):
        drawn(folder)
    before = (folder / "cases" / "traffic.drafts.jsonl").read_bytes()
    assert drawn(folder, dry_run=True).rows
    assert (folder / "cases" / "traffic.drafts.jsonl").read_bytes() == before


def questions(path: Path, **more: Any) -> tuple[list[str], list[str]]:
    """What is asked in a log, and what is said of its other rows."""
    found = list(questions_in(ImportFile(path, question=more.get("question", "")), more.get("form", "")))
    asked = [one.text for one in found if isinstance(one, LoggedQuestion)]
    return asked, [one.message for one in found if isinstance(one, Problem)]


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_failed_requests_were_asked_too(tmp_path: Path) -> None:
    failed = request_row("Why?", error={"message": "overloaded"})
    cut = request_row("How?")
    cut["response"]["choices"][0]["finish_reason"] = "length"
    alone = {"request": {"messages": [{"role": "user", "content": "When?"}]}}
    tool = {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "y"},
            {"role": "tool", "content": "z"},
        ]
    }
    asked, problems = questions(written(tmp_path / "l.jsonl", [request_row("What?"), failed, cut, alone, tool, {"a": 1}]))
    assert asked == ["What?", "Why?", "How?", "When?"]
    assert problems == [
        "its chat does not end with a user turn: there is no question in it",
        "holds no request and no question: name its column with --question",
    ]


def test_an_export_of_chatgpt_asks_what_its_chats_ask_and_not_their_titles(tmp_path: Path) -> None:
    chat = chatgpt(("u1", "root", "user", "How long?"), ("a1", "u1", "assistant", "One day."), shown="a1")
    (found,) = questions_in(ImportFile(written(tmp_path / "c.jsonl", [chat])))
    assert isinstance(found, LoggedQuestion)
    assert found.text == "How long?"


def test_the_forms_of_logs(tmp_path: Path) -> None:
    chat = {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ]
    }
    (found,) = questions_in(ImportFile(written(tmp_path / "c.jsonl", [chat])))
    assert isinstance(found, LoggedQuestion)
    assert (found.text, [turn.content for turn in found.messages]) == ("c", ["a", "b"])
    answers_api = {"request": {"input": "What?"}, "response": {"output": [], "model": "m"}}
    assert questions(written(tmp_path / "r.jsonl", [answers_api])) == (["What?"], [])
    (tmp_path / "t.csv").write_text("when,query\n1,What is it?\n2,\n", encoding="utf-8")
    assert questions(tmp_path / "t.csv") == (["What is it?"], ["its input is empty: there is no question"])
    (tmp_path / "u.csv").write_text("when,words\n1,What is it?\n", encoding="utf-8")
    assert questions(tmp_path / "u.csv", question="words") == (["What is it?"], [])
    with pytest.raises(UserError, match="has no column 'wrods'"):
        questions(tmp_path / "u.csv", question="wrods")
    with pytest.raises(UserError, match="of no form that is known"):
        questions(tmp_path / "u.csv")
    langfuse = {"id": "1", "input": {"question": "Who?"}, "output": "me", "metadata": {}}
    assert questions(written(tmp_path / "f.jsonl", [langfuse]))[0] == ["Who?"]


@pytest.mark.parametrize(("text", "why"), [("", "is empty"), ("{", "JSON"), ('{"a": 1}\n', "of no form that is known")])
def test_what_is_no_log(text: str, why: str, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", YAML)
    (folder / "log.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=why):
        drawn(folder)
    (folder / "log.jsonl").unlink()
    with pytest.raises(UserError, match="does not exist"):
        drawn(folder)


def test_personal_data_is_marked(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", YAML)
    written(folder / "log.jsonl", [request_row("Write to ada.lovelace@byron.org, please?")])
    done = drawn(folder)
    assert done.marked == 1
    assert isinstance(done.rows[0]["meta"], dict)
    assert done.rows[0]["meta"]["personal"]


def test_the_servers_traces_are_a_log(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", YAML)
    loaded = load_project(folder)
    with open_state(loaded) as state, state.writing() as connection:
        traces = [made("ab12" * 8, content=True), made("cd34" * 8)]
        connection.execute(table.insert(), [row_of(trace) for trace in traces])
    done = sample_cases(loaded, [], folder / "t.jsonl", SampleRequest(traces=True))
    (row,) = done.rows
    assert (row["question"], done.untexted, done.is_named) == ("What does it cost?", 1, False)
    assert row["as"] == ["staff"]
    assert isinstance(row["meta"], dict)
    assert row["meta"]["logged"] == "trace " + "ab12" * 8

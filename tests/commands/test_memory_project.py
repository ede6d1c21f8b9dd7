"""A project of what is in memory, its verdict as rows and as a notebook shows it; the notebook of examples/ runs."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rung
from rung.api import OpenProject
from rung.commands.export_data import DataReport, DataRequest, export_data
from rung.commands.kept_verdict import KeptVerdict
from rung.commands.memory_project import records
from rung.dataset.load import load_dataset
from rung.errors import UserError
from rung.models.callables import CallableGenerator, _registered, register
from rung.models.catalog import generator
from rung.pipeline.sources import Sources
from rung.records import Failure, Message
from rung.records.steps import Generate, Request

DOCUMENTS = ["Express costs nine euros.", {"id": "r", "text": "Return it within thirty days.", "title": "Returns"}]
CASES: list[dict[str, Any]] = [
    {"id": "a", "question": "What does express cost?", "answers": ["nine euros"], "split": "test"},
    {"id": "b", "question": "Within how many days?", "answer": "thirty days", "gold_documents": ["r"], "split": "test"},
    {"id": "c", "question": "Who is the chief?", "answers": [], "answerable": False, "split": "test"},
]
SETTINGS: dict[str, Any] = {"task": "Answer.", "model": "scripted", "embedder": "scripted", "rungs": ["prompt", "rag"]}


class Frame:
    """What of pandas' DataFrame is looked at."""

    columns = ("id", "text", "groups")

    def to_dict(self, form: str) -> list[dict[str, Any]]:
        assert form == "records"
        return [{"id": "a", "text": "x", "groups": float("nan")}, {"id": "b", "text": "y", "groups": ["staff"]}]


class Polars:
    """What of polars' DataFrame is looked at."""

    def to_dicts(self) -> list[dict[str, Any]]:
        return [{"id": "a", "text": "x", "groups": None}]


def test_rows_of_lists_and_frames() -> None:
    assert records(Frame(), "documents") == [{"id": "a", "text": "x"}, {"id": "b", "text": "y", "groups": ["staff"]}]
    assert records(Polars(), "documents") == [{"id": "a", "text": "x"}]
    assert records(iter(["x"]), "documents", text="text") == [{"text": "x"}]


class Nulls:
    """Columns of whole numbers as pandas has them where one is missing."""

    columns = ("id", "weight", "answer", "ratio")

    def to_dict(self, form: str) -> list[dict[str, Any]]:
        nan = float("nan")
        return [
            {"id": 7.0, "weight": nan, "answer": 3.0, "ratio": 1.5},
            {"id": nan, "weight": 2.0, "answer": nan, "ratio": nan},
            {"id": 9.0, "weight": 1.0, "answer": 4.0, "ratio": 2.0},
        ]


def test_whole_numbers_stay_whole_beside_nulls() -> None:
    assert json.dumps(records(Nulls(), "cases")) == json.dumps(
        [{"id": 7, "answer": 3, "ratio": 1.5}, {"weight": 2}, {"id": 9, "weight": 1, "answer": 4, "ratio": 2.0}]
    )


def test_whole_floats_are_ids_and_weights(tmp_path: Path) -> None:
    cases = [
        {"id": 7.0, "question": "What does express cost?", "answers": ["nine euros"], "split": "test", "weight": 1.0},
        {"id": 8.0, "question": "Within how many days?", "answers": ["thirty"], "split": "test", "weight": 2.0},
        {"id": 8.5, "question": "Who?", "answers": ["Ada"], "split": "test"},
    ]
    documents = [{"id": 3.0, "text": "Express costs nine euros."}]
    dataset = rung.project(documents=documents, cases=cases, folder=tmp_path / "p", **SETTINGS).project
    rows = load_dataset(dataset)
    assert [case.id for case in rows.cases] == ["7", "8", "8#2"]
    assert [problem.message for problem in rows.problems] == ["'id' must be text or a whole number, found 8.5"]
    assert [document.id for document in Sources(dataset, remember=False)] == ["3"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"limit": 0}, "limit is a whole number, 1 or more, or None; it was 0"),
        ({"limit": True}, "limit is a whole number"),
        ({"limit": 2.5}, "limit is a whole number"),
        ({"seed": "a"}, "seed is a whole number, from 0 to"),
        ({"seed": -1}, "seed is a whole number"),
        ({"search": "x"}, "search is a whole number"),
        ({"budget": 3}, "budget is a rung.Budget"),
        ({"budget": rung.Budget(usd=-1.0)}, "usd of a budget is a number"),
        ({"budget": rung.Budget(minutes=float("nan"))}, "minutes of a budget is a number"),
    ],
)
def test_what_a_comparison_cannot_be_given(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    made = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", **SETTINGS)
    with pytest.raises(UserError, match=re.escape(why)):
        made.compare(dry_run=True, **given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"documents": "one text"}, "documents must be a list of rows or a DataFrame, found str"),
        ({"documents": 3}, "found int"),
        ({"cases": {"question": "q"}}, "found dict"),
        ({"cases": ["q"]}, r"cases\[0\] is no row"),
        ({"documents": ["x"], "knowledge": {"sources": ["docs"]}}, "knowledge.sources is said twice"),
        ({"bahr": 1}, "did you mean 'bar'"),
    ],
)
def test_what_makes_no_project(given: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=why):
        rung.project(folder=tmp_path / "p", **given)


def test_cells_become_what_json_holds() -> None:
    row = {
        "when": [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4), np.datetime64("2026-01-02T03:04:05.000000006", "ns")],
        "numbers": {"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), 4: np.str_("x")},
        "arrays": np.array([[1, 2], [3, 4]]),
        "objects": np.array([np.array([1.5]), None, {"d": date(2026, 1, 2)}], dtype=object),
        "dates": np.array(["2026-01-02"], dtype="datetime64[ns]"),
        "groups": {"b", "a"},
        "nested": (1, [float("nan"), None]),
        "none": np.float32("nan"),
        "nat": np.datetime64("NaT"),
    }
    (made,) = records([row], "cases")
    assert json.loads(json.dumps(made, allow_nan=False)) == {
        "when": ["2026-01-02", "2026-01-02T03:04:00", "2026-01-02T03:04:05.000000006"],
        "numbers": {"a": 3, "b": 0.5, "c": True, "4": "x"},
        "arrays": [[1, 2], [3, 4]],
        "objects": [[1.5], None, {"d": "2026-01-02"}],
        "dates": ["2026-01-02T00:00:00.000000000"],
        "groups": ["a", "b"],
        "nested": [1, [None, None]],
    }


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({"a": [1, object()]}, r"^cases\[3\]\.meta\.a\[1\]: <object .*no form in JSON"),
        (b"x", r"^cases\[3\]\.meta: b'x' \(bytes\)"),
        (float("inf"), r"^cases\[3\]\.meta: inf"),
        ({"a": "\ud800"}, r"^cases\[3\]\.meta\.a: holds half a character"),
        (CYCLE, "nested more than 100 deep"),
    ],
)
def test_what_json_cannot_hold_is_named_and_nothing_is_written(meta: object, why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=why):
        rung.project(documents=["x"], cases=[*CASES, {**CASES[0], "meta": meta}], folder=tmp_path / "p" / "q")
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    for folder in (tmp_path / "p" / "q", None):
        for bad in ({"bahr": 1}, {"bar": {"correct": object()}}):
            with pytest.raises(UserError):
                rung.project(documents=["x"], folder=folder, **bad)
    (tmp_path / "documents.jsonl").write_text("mine")
    with pytest.raises(UserError, match="there already"):
        rung.project(documents=["x"], folder=tmp_path, task="t")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["documents.jsonl", "t"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: mine\n")
    with pytest.raises(UserError, match="there already"):
        rung.project(documents=["x"], folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rung.yaml"]


def test_the_same_lines_again_open_what_is_there_and_others_refuse(tmp_path: Path) -> None:
    first = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", **SETTINGS)
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "p").iterdir()}
    again = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", **SETTINGS)
    assert again.project.root == first.project.root
    assert written == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "p").iterdir()}
    others: list[dict[str, Any]] = [{"cases": CASES[:-1]}, {"documents": []}, {"name": "other"}]
    for given in others:
        with pytest.raises(UserError, match="name another folder"):
            rung.project(**{"documents": DOCUMENTS, "cases": CASES, "folder": tmp_path / "p", **SETTINGS, **given})
    (tmp_path / "p" / "cases.jsonl").unlink()
    with pytest.raises(UserError, match="name another folder"):
        rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", **SETTINGS)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> OpenProject:
    """A project of memory with two verdicts."""
    project = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path_factory.mktemp("memory"), **SETTINGS)
    project.compare()
    project.compare(limit=2)
    return project


@pytest.mark.slow
def test_a_verdict_as_rows(compared: OpenProject) -> None:
    kept: KeptVerdict = compared.verdict()
    rows = kept.cases()
    mine = [row for row in rows if row["rung"] == "rag"]
    assert {row["case"] for row in mine} == {"a", "b", "c"}
    assert {row["question"] for row in mine} == {str(case["question"]) for case in CASES}
    (score,) = [row for row in kept.scores() if (row["rung"], row["metric"]) == ("rag", "correct")]
    assert score["mean"] == pytest.approx(sum(row["correct"] for row in mine) / 3)
    assert [row["case"] for row in kept.cases(rung="rag")] == [row["case"] for row in mine]
    assert compared.verdict(2).json["cases"] == 2
    assert compared.verdict(1).winner == kept.winner
    with pytest.raises(UserError, match="is no verdict"):
        compared.verdict(7)
    with pytest.raises(UserError, match="answered nothing"):
        kept.cases(rung="nope")


@pytest.mark.slow
def test_a_notebook_shows_it_and_escapes_what_it_says(compared: OpenProject) -> None:
    kept: KeptVerdict = compared.verdict()
    page = kept._repr_html_()
    assert page.count("<tr") == 1 + len(kept.json["rungs"])  # type: ignore[arg-type]
    assert "<b>" in page
    assert str(kept).startswith("memory")


@pytest.mark.slow
def test_frames_come_of_what_is_installed(compared: OpenProject, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: KeptVerdict = compared.verdict()
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(UserError, match=f"pip install {name}"):
            kept.scores(name)
    with pytest.raises(UserError, match="not as 'arrow'"):
        kept.scores("arrow")  # type: ignore[arg-type]


def reply(messages: list[dict[str, str]]) -> str:
    """A model: knows one thing, and fails at another."""
    question = messages[-1]["content"]
    if "chief" in question:
        raise RuntimeError("no such thing")
    return "nine euros" if "express" in question else "I don't know."


@pytest.mark.slow
def test_a_function_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**SETTINGS, "models": {"mine": reply, "other": "scripted"}, "rungs": ["prompt"]}
    del settings["model"]
    project = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", **settings)
    verdict = project.compare()
    rows = {row["case"]: row for row in project.verdict().cases(rung="prompt")}
    assert (rows["a"]["answer"], rows["a"]["correct"]) == ("nine euros", 1)
    assert rows["c"]["failure"] == "RuntimeError: no such thing"
    again = project.compare().executed
    assert 0 < again < verdict.executed  # answers are remembered, and what failed is asked again
    assert project.ask("What does express cost?", rung="prompt").plain == "nine euros"
    for name in list(_registered):  # as in another process
        monkeypatch.delitem(_registered, name)
    with pytest.raises(UserError, match="a function of a Python process that has ended, or was not registered"):
        rung.open(tmp_path / "p").compare()


def test_functions_are_told_apart_by_their_code() -> None:
    def other(messages: list[dict[str, str]]) -> str:
        return str(len(messages))

    assert register(reply) == register(reply) != register(other)
    assert isinstance(generator(register(other)), CallableGenerator)
    made = generator(register(lambda _messages: 3))  # type: ignore[arg-type, return-value]
    ((_, result),) = made.run([Request(Generate((Message("user", "x"),)))])
    assert result == Failure("the function returned int in place of a text", step="generate")


def failing(messages: list[dict[str, str]]) -> str:
    """A model that has one answer."""
    if "When may I" in messages[-1]["content"]:
        return "thirty days"
    raise RuntimeError("is tired")


@pytest.mark.slow
def test_failures_are_shown_to_whom_their_case_is(tmp_path: Path) -> None:
    documents = [
        {"id": "open", "text": "Express costs nine euros."},
        {"id": "staff", "text": "The discount is forty percent.", "groups": ["staff"]},
        {"id": "returns", "text": "You may return it within thirty days.", "groups": ["staff"]},
    ]
    cases = [
        {"id": "a", "question": "What does express cost?", "answers": ["nine euros"], "gold_documents": ["open"]},
        {"id": "b", "question": "What is the discount?", "answers": ["forty percent"], "gold_documents": ["staff"]},
        {"id": "c", "question": "When may I return it?", "answers": ["thirty days"], "gold_documents": ["returns"]},
    ]
    rows = [{**case, "split": "test", "as": ["staff"]} for case in cases]
    settings = {**SETTINGS, "model": failing}
    project = rung.project(documents=documents, cases=rows, folder=tmp_path / "p", **settings)
    project.compare()
    kept = project.verdict()
    whole = kept.cases(rung="rag")
    assert [(row["case"], row["question"], row["failure"] is None) for row in whole] == [
        ("a", "What does express cost?", False),
        ("b", "What is the discount?", False),
        ("c", "When may I return it?", True),
    ]
    assert kept.cases(rung="rag", groups=frozenset({"staff"})) == whole
    assert kept.cases(rung="rag", groups=frozenset()) == whole[:1]

    def exported(form: str, **more: Any) -> DataReport:
        request = DataRequest(form, tmp_path / form, rung="rag", groups=frozenset(), **more)
        return export_data(project.project, request)

    left = "1 answers touch what these groups may not read, and are left out"
    failures = "1 failures at cases that are not known to be for these groups are left out: no rate is whole"
    assert exported("answers-csv").notes == [left, failures]
    none = "no run of rag is written: none of its rankings may be read by these groups"
    assert exported("trec").notes[-2:] == [left, none]
    with pytest.raises(UserError, match=f"nothing that could be written as ragas\n  {left}"):
        exported("ragas")
    with pytest.raises(UserError) as refused:
        exported("promptfoo")
    reasons = [line.rpartition(": ")[2] for line in str(refused.value).splitlines()[1:]]
    hidden = "what the rung made of it touches what these groups may not read"
    assert reasons == ["the rung gave no answer to it", hidden, hidden]


def test_an_export_lists_the_problems_of_what_it_exports(tmp_path: Path) -> None:
    draft = {"id": "d", "question": "q?", "answers": ["x"], "drafted_by": "rules"}
    approved = {**draft, "id": "e", "question": "r?", "approved_by": "Ada"}
    chats = [{"messages": [{"role": r, "content": "x"} for r in ("user", last)]} for last in ("assistant", "user")]
    project = rung.project(documents=["x"], cases=[draft, approved], examples=chats, folder=tmp_path / "p", task="t")
    examples = export_data(project.project, DataRequest("openai", tmp_path / "o.jsonl"))
    assert {(one.path, one.line) for one in examples.left_out} == {("examples.jsonl", 2)}
    cases = export_data(project.project, DataRequest("cases-csv", tmp_path / "c.csv"))
    assert {(one.path, one.line) for one in cases.left_out} == {("cases.jsonl", 1)}
    head, row = (tmp_path / "c.csv").read_text().splitlines()
    assert "drafted_by,approved_by" in head
    assert "rules,Ada" in row


def test_cases_without_a_verdict_are_ragas_rows(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hello."}]
    quoted = {**CASES[0], "messages": turns, "evidence": [{"document": "e", "quote": "nine euros"}]}
    project = rung.project(documents=DOCUMENTS, cases=[quoted, CASES[2]], folder=tmp_path / "p", task="t")
    done = export_data(project.project, DataRequest("ragas", tmp_path / "r.jsonl"))
    assert done.notes == ["there is no verdict yet: these are the cases, without answers"]
    first, second = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    assert first["user_input"] == "Human: Hello.\nHuman: What does express cost?"
    assert (first["reference"], first["reference_contexts"], first["case"]) == ("nine euros", ["nine euros"], "a")
    assert second == {
        **{
            "user_input": "Who is the chief?",
            "reference": "",
            "question": "Who is the chief?",
            "references": [],
            "answerable": False,
            "split": "test",
            "case": "c",
        }
    }
    with pytest.raises(UserError, match="there is no verdict"):
        export_data(project.project, DataRequest("ragas", tmp_path / "s.jsonl", rung="rag"))


class Bot:
    """A model with a state."""

    def __init__(self, text: str) -> None:
        self.text = text

    def reply(self, _messages: list[dict[str, str]]) -> str:
        """What it was made with."""
        return self.text


def test_functions_of_the_same_lines_are_models_of_their_own() -> None:
    def closing(text: object) -> Any:
        return lambda _messages: f"{text}"

    def defaulting(text: str) -> Any:
        def reply(_messages: list[dict[str, str]], said: str = text, *, more: str = text) -> str:
            return said + more

        return reply

    def cyclic() -> Any:
        own: list[Any] = []
        own.append(own)
        return closing(own)

    on_a_line = [lambda _messages: "one", lambda _messages: "two"]
    bots = [Bot("one"), Bot("two")]
    spaces: list[dict[str, Any]] = [{"said": "one"}, {"said": "two"}]
    for space in spaces:
        exec("def reply(_messages): return said", space)
    models: list[Any] = [
        *on_a_line,
        *map(closing, (1, True, "1", 1.0, "two", (1,), [1], {"a": 1}, {"b": 1}, frozenset({1}), object(), object())),
        *map(defaulting, ("one", "two")),
        *(bot.reply for bot in bots),
        *(space["reply"] for space in spaces),
        cyclic(),
    ]
    names = [register(model) for model in models]
    assert len(set(names)) == len(models)
    assert [_registered[name]([]) for name in names] == [model([]) for model in models]
    assert [register(model) for model in models] == names
    assert register(bots[0].reply) == names[-5]
    assert register(closing({"a": 1})) == names[9]  # equal in all: what it answered is remembered
    assert register(closing(object())) not in names


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = json.loads((Path(__file__).parents[2] / "examples/notebook.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 4
    for cell in cells:
        exec(compile(cell, "notebook.ipynb", "exec"), names)
    assert names["verdict"].winner is not None
    assert names["rows"]

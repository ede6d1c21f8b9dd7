"""Functions of a notebook as rungs and as models, named by a version, and all that `compare` takes and returns there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rung
from rung.api import OpenProject
from rung.commands.measured import ComparisonPlan, MeasuredVerdict
from rung.config.project import load_project
from rung.config.schema import Settings
from rung.errors import InputError, UserError
from rung.models.callables import _registered, _stated, register
from rung.progress import Lines
from rung.records import Passage, Question
from rung.records.asked import Asked, as_messages, asked_of
from rung.records.nouns import Message
from rung.report.changes import Changes

DOCUMENTS = [{"id": "e", "text": "Express costs nine euros."}, {"id": "r", "text": "Return it within thirty days."}]
CASES: list[dict[str, Any]] = [
    {"id": "a", "question": "What does express cost?", "answers": ["nine euros"], "gold_documents": ["e"], "split": "test"},
    {
        **{"id": "b", "question": "Within how many days may I return it?", "answers": ["thirty days"], "split": "test"},
        **{"gold_documents": ["r"], "messages": [{"role": "user", "content": "Hello."}]},
    },
    {"id": "c", "question": "Who is the chief?", "answers": [], "answerable": False, "split": "test"},
]
SETTINGS: dict[str, Any] = {"task": "Answer.", "model": "scripted", "embedder": "scripted"}
CALLS: list[str] = []


def table(question: str) -> str:
    """Knows one thing, and fails at another."""
    if "chief" in question:
        raise LookupError("nobody")
    return "nine euros"


@rung.function(version="7", name="reader")
def first_passage(question: str, passages: tuple[Passage, ...], messages: list[dict[str, str]]) -> str:
    """The best passage, cited."""
    CALLS.append(question)
    assert all(isinstance(passage, Passage) for passage in passages)
    return f"{passages[0].text} [1]" + (" again" if messages else "")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[OpenProject, MeasuredVerdict, list[str]]:
    """A project of two functions and a rung, its first verdict, and what was told meanwhile."""
    folder = tmp_path_factory.mktemp("functions")
    rungs = ["prompt", table, {first_passage: {"passages": 1}}]
    project = rung.project(documents=DOCUMENTS, cases=CASES, folder=folder, rungs=rungs, bar={"correct": 0.5}, **SETTINGS)
    told: list[str] = []
    verdict = project.compare(budget=rung.Budget(exhaustive=True, minutes=30), progress=told.append)
    return project, verdict, told


@pytest.mark.slow
def test_functions_are_rungs(compared: tuple[OpenProject, MeasuredVerdict, list[str]]) -> None:
    _, verdict, told = compared
    rows = {(row["rung"], row["case"]): row for row in verdict.cases()}
    assert rows["function[model=table]", "a"]["correct"] == 1
    assert rows["function[model=table]", "c"]["failure"] == "LookupError: nobody"
    read = rows["function[model=first_passage]", "a"]
    assert (read["answer"], read["correct"], read["recall@1"], read["citation_recall"]) == (
        *("Express costs nine euros.", 1, 1, 1),
    )
    assert str(rows["function[model=first_passage]", "b"]["answer"]).endswith("again")  # it was given the earlier turns
    line = next(one for one in verdict.rungs if one.name == "function[model=table]")
    assert line.usd_per_1k is None  # nobody knows what it costs
    assert "answer function[model=table]" in told
    assert verdict.record.winner == verdict.winner
    assert verdict.worse == ()
    assert "prompt" in verdict._repr_html_()


@pytest.mark.slow
def test_a_stated_version_is_remembered_and_another_is_not(
    compared: tuple[OpenProject, MeasuredVerdict, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, first, _ = compared
    CALLS.clear()
    again = project.compare(baseline=first)
    assert CALLS == []
    assert isinstance(again.changes, Changes)
    assert (again.changes.cases, again.worse) == (3, ())
    assert "no significant difference" in str(again) or "changed" in str(again)
    file = project.project.file
    newer = file.read_text(encoding="utf-8").replace("python:reader@7", "python:reader@8")
    monkeypatch.setitem(_registered, "python:reader@8", first_passage)
    other = file.parent / "newer"
    other.mkdir()
    (other / "rung.yaml").write_text(newer, encoding="utf-8")
    for name in ("cases.jsonl", "documents.jsonl"):
        (other / name).write_bytes((file.parent / name).read_bytes())
    (other / ".rung").mkdir()
    (other / ".rung" / "rung.db").write_bytes((file.parent / ".rung" / "rung.db").read_bytes())
    rung.open(other).compare(limit=2)
    assert len(CALLS) >= 2


@pytest.mark.slow
def test_what_a_comparison_would_take(compared: tuple[OpenProject, MeasuredVerdict, list[str]]) -> None:
    project, _, _ = compared
    before = len(project.verdicts())
    plan = project.compare(dry_run=True, limit=2)
    assert isinstance(plan, ComparisonPlan)
    rows = {row["rung"]: row for row in plan.rows()}
    assert rows["function[model=table]"]["conversations"] == 2
    assert rows["function[model=table]"]["usd"] is None
    assert "at most" in str(plan)
    assert plan._repr_html_().startswith("<pre>")
    assert plan.json["dry_run"] is True
    assert len(project.verdicts()) == before


@pytest.mark.slow
def test_earlier_verdicts_and_why_not(compared: tuple[OpenProject, MeasuredVerdict, list[str]]) -> None:
    project, verdict, _ = compared
    assert project.verdicts()[0]["number"] == 1
    earlier = project.verdict(1)
    assert earlier.winner == verdict.winner
    for name, why in verdict.rejected.items():
        assert earlier.why_not(name) == verdict.why_not(name) == why
    assert str(verdict.winner) in earlier.why_not(str(verdict.winner))
    with pytest.raises(UserError, match="did you mean 'prompt'"):
        earlier.why_not("promt")
    with pytest.raises(UserError, match="is no verdict"):
        project.compare(baseline=99)


class Axes:
    """What of matplotlib's axes a plot uses, written down."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self.calls.setdefault(name, []).append((given, named))


@pytest.mark.slow
def test_a_plot_has_every_rung_its_interval_and_the_bar(
    compared: tuple[OpenProject, MeasuredVerdict, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, verdict, _ = compared
    axes = Axes()
    assert project.verdict(1).plot(ax=axes) is axes
    scores = [row for row in verdict.scores() if row["metric"] == "correct"]
    assert [given[0] for given, _ in axes.calls["errorbar"]] == [[row["mean"]] for row in scores]
    (low,), (high,) = axes.calls["errorbar"][0][1]["xerr"]
    assert scores[0]["mean"] - low == pytest.approx(scores[0]["low"])
    assert scores[0]["mean"] + high == pytest.approx(scores[0]["high"])
    assert axes.calls["axvline"][0][0] == (0.5,)
    with pytest.raises(UserError, match="did you mean 'correct'"):
        verdict.plot("corect", ax=axes)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(UserError, match="pip install matplotlib"):
        verdict.plot()


def test_names_and_versions_are_words_of_one_function() -> None:
    assert register(first_passage) == "python:reader@7"
    with pytest.raises(UserError, match=r"is .*first_passage already"):
        rung.function(version="7", name="reader")(table)
    for bad in ({"version": ""}, {"version": "1 2"}, {"version": "1", "name": "a b"}, {"version": "1", "name": "x@y"}):
        with pytest.raises(UserError, match="are words of letters"):
            rung.function(**bad)(table)

    def made(text: str) -> Any:
        @rung.function(version="1", name="cell")
        def cell(question: str) -> str:
            return f"{text}{question}"

        return cell

    first, second = made("one"), made("two")  # the same lines of a notebook, run again
    assert _stated["python:cell@1"] is second is not first
    assert register(first) != register(second)


def test_a_question_in_the_form_of_a_chat_is_read_back() -> None:
    passages = (Passage("e#0-9", "e", 0, 9, "Express, ½", groups=("staff",), parent=(0, 20)),)
    turns = (Message("user", "Hello."), Message("assistant", "Yes?"))
    asked = asked_of(as_messages(Question("q", "What?", turns), passages))
    assert asked == Asked("What?", turns, passages)
    assert asked_of((Message("system", "x"), Message("user", "y"))) is None
    assert asked_of(()) is None


@pytest.mark.parametrize(
    ("rungs", "why"),
    [
        (["function"], "asks a function of Python, and scripted is none"),
        ([{"function": {"model": "today"}}], "has no 'models' that 'today' could be one of"),
        ([{table: {"passages": -1}}], "passages"),
        ([{table: {"pasages": 1}}], "pasages"),
    ],
)
def test_what_is_no_rung_of_a_function(rungs: list[Any], why: str, tmp_path: Path) -> None:
    project = rung.project(documents=DOCUMENTS, cases=CASES, folder=tmp_path / "p", rungs=rungs, **SETTINGS)
    with pytest.raises(InputError, match=why):
        project.compare(dry_run=True)


def test_settings_of_a_function_stand_in_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="settings of table must stand as"):
        rung.project(cases=CASES, folder=tmp_path / "p", rungs=[{table: 3}], **SETTINGS)


def test_functions_of_one_name_are_two_rungs(tmp_path: Path) -> None:
    rungs = [lambda question: "a", lambda question: "b"]
    project = rung.project(cases=CASES, folder=tmp_path / "p", rungs=rungs, task="Answer.", model=table)
    written = load_project(tmp_path / "p")
    assert list(written.settings.models) == ["table", "lambda", "lambda_2"]
    assert [settings["model"] for _, settings in project.project.rungs()] == ["lambda", "lambda_2"]


def test_prices_of_other_models_are_none_of_a_function() -> None:
    prices = {"prompt_usd_per_million": 1, "completion_usd_per_million": 2, "machine_usd_per_hour": 3}
    models = {
        "small": "scripted",
        "mine": "python:f@1",
        "paid": {"use": "python:g@1", "prices": {"prompt_usd_per_million": 5}},
    }
    settings = Settings.model_validate({"models": models, "prices": prices})
    assert settings.on("scripted").prices.prompt_usd_per_million == 1
    mine = settings.on("python:f@1").prices
    assert (mine.prompt_usd_per_million, mine.machine_usd_per_hour) == (None, 3)
    assert settings.on("python:g@1").prices.prompt_usd_per_million == 5


def test_progress_as_lines() -> None:
    told: list[str] = []
    lines = Lines(told.append, seconds=0)
    with lines.phase("answer rag") as tick:
        tick(1, 4, "")
        tick(2, 4, "kept")
        tick(3, 0, "somewhere")
    lines.say("over")
    assert told == ["answer rag", "answer rag: 1 of 4", "answer rag: 2 of 4 (kept)", "answer rag: somewhere", "over"]
    quiet: list[str] = []
    with Lines(quiet.append, seconds=60).phase("x") as tick:
        tick(1, 2, "")
    assert quiet == ["x"]


def test_one_of_several_models_may_be_taken_for_gone(tmp_path: Path) -> None:
    models = {"small": "scripted", "mine": table}
    settings = {key: value for key, value in SETTINGS.items() if key != "model"}
    rungs = ["prompt", {"prompt": {"model": "mine"}}]
    project = rung.project(cases=CASES, folder=tmp_path / "p", models=models, rungs=rungs, **settings)
    assert list(project.without("mine").project.settings.models) == ["small"]
    with pytest.raises(UserError, match="did you mean 'mine'"):
        project.without("mime")

"""Is one question answered by what was measured, without cases, and without reading documents that have not changed?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from rung.artifacts.store import ARTIFACTS, is_finished
from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import ask, compare
from rung.pipeline.pinned_strategy import SPECS, PinnedStrategy, pinned_strategy, winning_strategy
from rung.pipeline.publishing import latest
from rung.progress import Tick
from tests.pipeline.test_climbing import project
from tests.pipeline.test_tuned_retriever import project as retriever_project
from tests.working import working

YAML = """\
task: Answer.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [prompt, {few_shot: {pick: nearest, shots: 1}}, rag]
bar: {correct: 0.9}
"""
CASES = [
    {"question": "What is express?", "answers": ["nine euros"], "gold_documents": ["docs/a.md"], "split": "test"},
    {"question": "Who pays?", "answers": ["the sender"], "gold_documents": ["docs/b.md"], "split": "test"},
    {"question": "Who leads?", "answers": ["Ada"], "split": "train"},
]


class Heard:
    """A reporter that remembers what was begun and said."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def phase(self, title: str) -> AbstractContextManager[Tick]:
        self.titles.append(title)
        return nullcontext(lambda _done, _total, _note: None)

    def say(self, text: str) -> None:
        self.titles.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Express costs nine euros.", encoding="utf-8")
    (tmp_path / "docs" / "b.md").write_text("Returns are paid by the sender.", encoding="utf-8")
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, CASES)), encoding="utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def edited(folder: Path, old: str, new: str) -> None:
    yaml = (folder / "rung.yaml").read_text("utf-8")
    assert old in yaml
    (folder / "rung.yaml").write_text(yaml.replace(old, new), encoding="utf-8")


@pytest.mark.slow
def test_the_winner_answers_as_it_was_measured(folder: Path) -> None:
    compare(load_project(folder))
    told = json.loads((latest(load_project(folder)).folder / SPECS).read_text("utf-8"))
    assert {"prompt", "few_shot", "rag", "closed_book", "oracle"} <= set(told)
    winner = latest(load_project(folder)).winner
    if winner is None:
        edited(folder, "correct: 0.9", "correct: 0.01")
        compare(load_project(folder))
        winner = latest(load_project(folder)).winner
    edited(folder, "task: Answer.", "task: Rhyme.")
    (folder / "cases.jsonl").write_text("")
    live, asked = ask(load_project(folder), "What is express?")
    assert asked.label == winner
    assert live.value is not None
    assert asked.spec is not None
    assert asked.spec.task == "Answer."
    _, now = ask(load_project(folder), "What is express?", rung="prompt") if winner != "prompt" else (None, asked)
    assert now is asked or (now.spec is not None and now.spec.task == "Rhyme.")


@pytest.mark.parametrize("rung", ["prompt", "few_shot", "rag"])
def test_a_project_without_cases_answers(folder: Path, rung: str) -> None:
    edited(folder, "cases: cases.jsonl\n", "behaviour: {examples: examples.jsonl}\n")
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    (folder / "examples.jsonl").write_text(json.dumps({"messages": turns}), encoding="utf-8")
    live, asked = ask(load_project(folder), "What does express cost?", rung=rung)
    assert live.value is not None
    assert asked.label == rung
    assert bool(live.value.passages) is (rung == "rag")


@pytest.mark.slow
def test_documents_are_read_again_only_where_one_changed(folder: Path) -> None:
    question = "What does express cost?"
    ask(load_project(folder), question, rung="rag")
    time.sleep(2.1)  # what was written a moment ago is not trusted
    ask(load_project(folder), question, rung="rag")
    heard = Heard()
    ask(load_project(folder), question, rung="rag", reporter=heard)
    assert "read and index documents" not in heard.titles
    (folder / "docs" / "a.md").write_text("Express costs eight euros.", encoding="utf-8")
    live, _ = ask(load_project(folder), question, rung="rag", reporter=heard)
    assert "read and index documents" in heard.titles
    assert live.value is not None
    assert "eight" in live.value.passages[0].text
    (folder / "docs" / "a.md").unlink()
    live, _ = ask(load_project(folder), question, rung="rag")
    assert live.value is not None
    assert all("euros" not in passage.text for passage in live.value.passages)


@pytest.mark.slow
def test_the_page_is_no_change_and_a_file_has_one_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(folder, 'sources: ["docs/*.md"]', 'sources: ["*.md"]')
    (folder / "a.md").write_text("Express costs nine euros.", encoding="utf-8")
    monkeypatch.chdir(folder.parent)
    time.sleep(2.1)  # what was written a moment ago is not trusted
    ask(load_project(folder.name), "What does express cost?", rung="rag")
    (folder / "report.html").write_text("A page.", encoding="utf-8")
    for named in (folder.name, folder):
        heard = Heard()
        ask(load_project(named), "What does express cost?", rung="rag", reporter=heard)
        assert "read and index documents" not in heard.titles


@pytest.mark.slow
def test_who_may_read_is_looked_at_each_time(folder: Path) -> None:
    from rung.records import Asker

    question, nobody = "What does express cost?", Asker(frozenset())
    ask(load_project(folder), question, rung="rag")
    time.sleep(2.1)
    ask(load_project(folder), question, rung="rag")
    (folder / "docs" / "a.md.meta.yaml").write_text("groups: [staff]\n", encoding="utf-8")
    live, _ = ask(load_project(folder), question, rung="rag", asker=nobody)
    assert live.value is not None
    assert all("nine" not in passage.text for passage in live.value.passages)
    edited(folder, 'sources: ["docs/*.md"]', 'sources: ["docs/*.md"], access: [{path: "docs/b.md", groups: [hr]}]')
    live, _ = ask(load_project(folder), "Who pays?", rung="rag", asker=nobody)
    assert live.value is not None
    assert live.value.passages == ()


def test_what_cannot_be_asked(folder: Path) -> None:
    with pytest.raises(UserError, match="there is no verdict yet"):
        ask(load_project(folder), "x?")
    with pytest.raises(UserError, match="'hybrid' is no rung of this project; there are: prompt, few_shot, rag"):
        ask(load_project(folder), "x?", rung="hybrid")


@contextmanager
def opened_files(folder: Path) -> Iterator[list[str]]:
    """The names of a project's own files that were opened, as often as they were."""
    names: list[str] = []
    listening = [True]

    def hear(event: str, args: tuple[object, ...]) -> None:
        if listening and event == "open" and str(args[0]).startswith(str(folder)) and ".rung" not in str(args[0]):
            names.append(Path(str(args[0])).name)

    sys.addaudithook(hear)  # for good, so it is told when to stop
    try:
        yield names
    finally:
        listening.clear()


@pytest.mark.slow
@pytest.mark.parametrize("rung", [None, "classifier"])
def test_a_trained_rung_answers_without_reading_cases_or_examples(tmp_path: Path, rung: str | None) -> None:
    folder = project(tmp_path, "[classifier]", more="bar: {correct: 0.1}\n")
    compare(load_project(folder))
    with opened_files(folder) as names:
        live, asked = ask(load_project(folder), "A red thing?", rung=rung)
    assert (asked.label, [*asked.artifacts]) == ("classifier", ["classifier"])
    assert live.value is not None
    assert live.value.text in ("red", "blue")
    assert set(names) == {"rung.yaml"}


def test_a_trained_rung_that_is_another_now_is_built_anew(tmp_path: Path) -> None:
    folder = project(tmp_path, "[classifier]", more="bar: {correct: 0.1}\n")
    compare(load_project(folder))
    _, before = ask(load_project(folder), "A red thing?", rung="classifier")
    edited(folder, "[classifier]", "[{classifier: {reject: 0.3}}]")
    with opened_files(folder) as names:
        _, now = ask(load_project(folder), "A red thing?", rung="classifier")
    assert now.spec is not None
    assert before.spec is not None
    assert now.spec.settings["reject"] == 0.3
    assert before.spec.settings["reject"] != 0.3
    assert "examples.jsonl" in names


@pytest.mark.slow
def test_the_documents_are_not_opened_where_the_index_is_up_to_date(folder: Path) -> None:
    edited(folder, "correct: 0.9", "correct: 0.01")
    compare(load_project(folder))
    ask(load_project(folder), "What is express?", rung="rag")
    time.sleep(2.1)  # what was written a moment ago is not trusted
    ask(load_project(folder), "What is express?", rung="rag")
    with opened_files(folder) as names:
        live, _ = ask(load_project(folder), "What is express?", rung="rag")
    assert live.value is not None
    assert live.value.passages
    assert not {"a.md", "b.md"} & set(names)


@pytest.mark.slow
def test_a_winner_is_not_trained_again_to_be_served(tmp_path: Path) -> None:
    """A tuned retriever wins; what teaches it changes: it is refused, and nothing is trained."""
    retriever_project(tmp_path)
    edited(tmp_path, "rungs: [rag, ", "bar: {correct: 0.01}\nrungs: [")
    cases = (tmp_path / "cases.jsonl").read_text("utf-8")
    (tmp_path / "cases.jsonl").write_text(cases.replace("expire", "are kept for days in hall"), encoding="utf-8")
    compare(load_project(tmp_path))
    assert (latest(load_project(tmp_path)).winner or "").startswith("tuned_retriever")

    def served() -> PinnedStrategy | None:
        with working(load_project(tmp_path)) as at:
            return winning_strategy(at.builder)

    assert served() is not None
    finished = [*filter(is_finished, (tmp_path / ".rung" / ARTIFACTS / "retriever").iterdir())]
    assert len(finished) == 1
    with (tmp_path / "pairs.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            '\n{"anchor": "where are strings", "positive": "Strings\\n\\nThe strings are kept for 9 days in hall 6."}'
        )
    with pytest.raises(UserError, match="would have to be trained first"):
        served()
    assert [*filter(is_finished, (tmp_path / ".rung" / ARTIFACTS / "retriever").iterdir())] == finished
    with working(load_project(tmp_path)) as at:
        pinned_strategy(at.builder, None)  # somebody else has it trained
    with pytest.raises(UserError, match="would answer with another artifact"):
        served()

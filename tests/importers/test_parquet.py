"""Parquet files and MTEB's folders of them: every row is taken or listed; broken files are refused in a sentence."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rung.errors import InputError
from rung.importers.imported import ImportedRow
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from tests.importers.samples import lines as lines_of


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_forms_are_found_in_rows_of_parquet(tmp_path: Path) -> None:
    chats = [
        {"messages": [{"role": "user", "content": "Hi", "name": None}, {"role": "assistant", "content": "Yo", "name": "b"}]}
    ]
    form, importer = form_of(file := ImportFile(write(tmp_path / "chats.parquet", chats)))
    assert form == "chats"
    ((example,),) = [row.examples for row in importer.read(file)]
    assert [turn["content"] for turn in example["messages"]] == ["Hi", "Yo"]  # type: ignore[union-attr, index, call-overload]
    squad = {
        "id": "1", "title": "T", "context": "It is nine.", "question": "When?",
        "answers": {"text": ["nine"], "answer_start": [6]},
    }  # fmt: skip
    form, importer = form_of(file := ImportFile(write(tmp_path / "squad.parquet", [squad])))
    assert form == "squad"
    assert next(iter(importer.read(file))).cases[0]["answers"] == ["nine"]
    table = [{"question": "a?", "answer": "b", "when": datetime.date(2026, 1, 2), "raw": b"\xff", "share": float("nan")}]
    table[0] |= {"image": [{"bytes": b"\x89PNG", "path": None}]}
    form, importer = form_of(file := ImportFile(write(tmp_path / "t.parquet", table)))
    (row,) = importer.read(file)
    assert (form, row.line, row.cases[0]["meta"]) == ("table", 1, {"when": "2026-01-02"})
    assert "bytes that are no text are not taken: raw, image" in [note.message for note in file.notes]


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\0" * 64, b"PAR1junkPAR1"])
def test_broken_files_are_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(InputError, match="is no Parquet that can be read"):
        form_of(ImportFile(tmp_path / "x.parquet"))


def test_a_task_of_mteb(tmp_path: Path) -> None:
    corpus = [{"_id": "d1", "title": "A", "text": "one"}, {"_id": "d2", "title": "", "text": "two"}]
    write(tmp_path / "corpus/corpus-00000-of-00001.parquet", [*corpus, {"_id": "d3", "title": "", "text": " "}])
    write(tmp_path / "queries/test-00000-of-00001.parquet", [{"_id": q, "text": f"{q}?"} for q in ("q1", "q2", "q3")])
    judged = [("q1", "d2", 1), ("q1", "d1", 2), ("q3", "d9", 1), ("q4", "d1", 1), ("q2", "d1", 0)]
    rows = [{"query-id": q, "corpus-id": d, "score": s} for q, d, s in judged]
    write(tmp_path / "default/test-00000-of-00001.parquet", rows)
    form, importer = form_of(file := ImportFile(tmp_path))
    assert form == "mteb"
    results = list(importer.read(file))
    assert [row.documents[0]["id"] for row in results if row.documents] == ["d1", "d2"]
    ((case,),) = [row.cases for row in results if row.cases]
    assert (case["id"], case["question"], case["gold_documents"], case["split"]) == ("q1", "q1?", ["d1", "d2"], "test")
    assert case["meta"] == {"grades": {"d2": 1, "d1": 2}}
    assert [row.refused for row in results if row.refused] == [
        "has no text",
        "there is no document 'd9'",
        "no judgement finds a document relevant for the query 'q2'",
        "no judgement finds a document relevant for the query 'q3'",
        "there is no query 'q4', which is judged",
    ]


def test_a_query_of_mteb_that_several_splits_judge_has_the_judgements_of_one(tmp_path: Path) -> None:
    write(tmp_path / "corpus/corpus-00000-of-00001.parquet", [{"_id": d, "text": d} for d in ("d1", "d2", "d3")])
    write(tmp_path / "queries/queries-00000-of-00001.parquet", [{"_id": q, "text": f"{q}?"} for q in ("q1", "q2", "q3")])
    judged = {
        "dev": [("q1", "d1", 1), ("q2", "d2", 1)],
        "test": [("q1", "d2", 2), ("q1", "d1", 0), ("q3", "d3", 0)],
        "train": [("q1", "d3", 1), ("q2", "d3", 1), ("q3", "d1", 1)],
    }
    for split, some in judged.items():
        rows = [{"query-id": q, "corpus-id": d, "score": s} for q, d, s in some]
        write(tmp_path / f"qrels/{split}-00000-of-00001.parquet", rows)
    _, importer = form_of(file := ImportFile(tmp_path))
    taken = {str(case["id"]): (case, row.notes) for row in importer.read(file) for case in row.cases}
    assert {id: (case["split"], case["gold_documents"]) for id, (case, _) in taken.items()} == {
        "q1": ("test", ["d2"]),
        "q2": ("dev", ["d2"]),
        "q3": ("train", ["d1"]),
    }
    assert taken["q1"][0]["meta"] == {"grades": {"d2": 2}}
    assert [notes for _, notes in taken.values()] == [
        ("is judged in dev and train, too: those judgements are not taken",),
        ("is judged in train, too: those judgements are not taken",),
        (),
    ]


def test_instructions_of_mteb_are_put_to_their_queries_or_listed(tmp_path: Path) -> None:
    write(tmp_path / "corpus/corpus-00000-of-00001.parquet", [{"_id": "d1", "text": "one"}])
    write(tmp_path / "queries/test-00000-of-00001.parquet", [{"_id": q, "text": f"{q}?"} for q in ("q1", "q2")])
    write(
        tmp_path / "qrels/test-00000-of-00001.parquet",
        [{"query-id": q, "corpus-id": "d1", "score": 1} for q in ("q1", "q2")],
    )
    (tmp_path / "instruction").mkdir()
    lines = [
        '{"query-id": "q1", "instruction": "Only of this year."}',
        '{"query-id": "q1", "instruction": "Only of this year."}',
        '{"query-id": "q1", "instruction": "Of any year."}',
        '{"query-id": "q2", "instruction": "Only',
        '{"query-id": "q9", "instruction": "Of nobody."}',
        '{"query-id": "q2"}',
        '["q2", "Of any year."]',
    ]
    (tmp_path / "instruction/test.jsonl").write_text("\n".join(lines))
    _, importer = form_of(file := ImportFile(tmp_path))
    results = list(importer.read(file))
    assert [case["question"] for row in results for case in row.cases] == ["q1? Only of this year.", "q2?"]
    assert [(row.line, row.part, row.refused) for row in results if row.refused] == [
        (3, "instruction/test.jsonl", "is another instruction for the query 'q1'"),
        (4, "instruction/test.jsonl", "is no JSON: Unterminated string starting at column 35"),
        (6, "instruction/test.jsonl", "is no instruction: it needs query-id and instruction"),
        (7, "instruction/test.jsonl", "must be an object {…}, found list"),
        (5, "instruction/test.jsonl", "there is no query 'q9', which has an instruction"),
    ]


def of_language(folder: Path, before: str, *, inner: bool, asks: str) -> None:
    """The files of one language of a task: in `de-queries`, or in `de/queries`."""
    rows = {
        "corpus": {"_id": "d1", "text": "one", "lang": "x"},
        "queries": {"_id": "q1", "text": asks, "from": "mail"},
        "qrels": {"query-id": "q1", "corpus-id": "d1", "score": 1},
    }
    for kind, row in rows.items():
        file = folder / (f"{before}/{kind}" if inner else f"{before}{kind}") / "test.jsonl"
        file.parent.mkdir(parents=True)
        file.write_bytes(lines_of(row))


def instruct(folder: Path, *rows: tuple[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_bytes(lines_of(*({"query-id": query, "instruction": text} for query, text in rows)))


@pytest.mark.parametrize(
    ("of_german", "inner"), [("de/instruction", True), ("de-instruction", False), ("de_instruction", False)]
)
def test_instructions_of_a_language_are_its_own_or_those_for_all(of_german: str, inner: bool, tmp_path: Path) -> None:
    mark = "_" if "_" in of_german else "-"
    of_language(tmp_path, "de" if inner else f"de{mark}", inner=inner, asks="Wie?")
    of_language(tmp_path, "fr" if inner else f"fr{mark}", inner=inner, asks="Comment ?")
    instruct(tmp_path / of_german, ("q1", "Kurz."), ("q8", "Lang."))
    results, notes = imported(tmp_path)
    assert [case["question"] for row in results for case in row.cases] == ["Wie? Kurz.", "Comment ?"]
    assert [(row.line, row.part, row.refused) for row in results if row.refused] == [
        (2, f"{of_german}/test.jsonl", "there is no query 'q8', which has an instruction")
    ]
    assert notes == []
    instruct(tmp_path / "instruction", ("q1", "For all."), ("q9", "For nobody."))
    results, _ = imported(tmp_path)
    assert [case["question"] for row in results for case in row.cases] == ["Wie? Kurz.", "Comment ? For all."]
    assert [row.part for row in results if row.refused] == [f"{of_german}/test.jsonl", "instruction/test.jsonl"]
    assert [row.notes for row in results if row.cases] == [("'from' is not taken",)] * 2
    assert [row.notes for row in results if row.documents] == [("'lang' is not taken",)] * 2


def test_languages_that_share_a_corpus_have_its_rows_once(tmp_path: Path) -> None:
    for language in ("de", "fr"):
        of_language(tmp_path, f"{language}-", inner=False, asks=language)
        shutil.move(tmp_path / f"{language}-corpus", tmp_path / "corpus" if language == "de" else tmp_path / "old")
    (tmp_path / "corpus/test.jsonl").write_bytes(lines_of({"_id": "d1", "text": "one"}, {"_id": "", "text": "no id"}))
    results, notes = imported(tmp_path)
    assert [(row.line, row.refused) for row in results if not row.cases] == [(1, ""), (2, "has no id")]
    assert [case["gold_documents"] for row in results for case in row.cases] == [["d1"], ["d1"]]
    assert notes == ["not taken: old/ (what holds rows is imported by its own name)"]


def imported(folder: Path) -> tuple[list[ImportedRow], list[str]]:
    """(rows, what is said of the folder)."""
    _, importer = form_of(file := ImportFile(folder))
    return list(importer.read(file)), [note.message for note in file.notes]


def test_lines_of_mteb_that_are_no_json_are_said_to_be(tmp_path: Path) -> None:
    of_language(tmp_path, "", inner=False, asks="How?")
    for kind in ("corpus", "queries", "qrels"):
        with (tmp_path / kind / "test.jsonl").open("a") as file:
            file.write("not json\n")
    results, _ = imported(tmp_path)
    assert [(row.part, row.line, row.refused) for row in results if row.refused] == [
        (f"{kind}/test.jsonl", 2, "is no JSON: Expecting value at column 1") for kind in ("corpus", "qrels", "queries")
    ]


def test_what_a_folder_holds_beside_a_task_is_named(tmp_path: Path) -> None:
    of_language(tmp_path, "task", inner=True, asks="How?")
    for name in ("c.csv", "task/notes.csv", "task/queries/old.txt", "top_ranked/test.parquet", ".git/config", "task/.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("question,answer\na,b\n")
    (tmp_path / "empty").mkdir()
    results, notes = imported(tmp_path)
    assert sum(bool(row.cases) for row in results) == 1
    listed = "c.csv, task/notes.csv, task/queries/old.txt, top_ranked/"
    assert notes == [f"not taken: {listed} (what holds rows is imported by its own name)"]
    for n in range(20):
        (tmp_path / f"d{n:02}.csv").write_text("a\n")
    _, (note,) = imported(tmp_path)
    assert note.startswith("not taken: c.csv, d00.csv, ")
    assert note.endswith(", d10.csv and 12 more (what holds rows is imported by its own name)")

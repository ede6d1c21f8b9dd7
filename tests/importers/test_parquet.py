"""Parquet files and MTEB's folders of them: every row is taken or listed; broken files are refused in a sentence."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rung.errors import InputError
from rung.importers.registry import form_of
from rung.importers.source import ImportFile


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
    form, importer = form_of(file := ImportFile(write(tmp_path / "t.parquet", table)))
    (row,) = importer.read(file)
    assert (form, row.line, row.cases[0]["meta"]) == ("table", 1, {"when": "2026-01-02"})


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
    ]
    (tmp_path / "instruction/test.jsonl").write_text("\n".join(lines))
    _, importer = form_of(file := ImportFile(tmp_path))
    results = list(importer.read(file))
    assert [case["question"] for row in results for case in row.cases] == ["q1? Only of this year.", "q2?"]
    assert [(row.line, row.part, row.refused) for row in results if row.refused] == [
        (3, "instruction/test.jsonl", "is another instruction for the query 'q1'"),
        (4, "instruction/test.jsonl", "is no instruction: it needs query-id and instruction"),
        (0, "", "there is no query 'q9', which has an instruction"),
    ]

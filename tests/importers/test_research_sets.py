"""What research publishes: a question without answers is not one that has none; damaged files end in a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rung.commands.import_files import ImportRequest, import_files
from rung.errors import UserError
from rung.importers.imported import ImportedRow, Importer
from rung.importers.reading_sets import MS_MARCO, SQUAD
from rung.importers.source import ImportFile
from tests.importers.samples import lines


def read(folder: Path, importer: Importer, *rows: object) -> list[ImportedRow]:
    (folder / "rows.jsonl").write_bytes(lines(*rows))
    return list(importer.read(ImportFile(folder / "rows.jsonl")))


def test_a_query_without_answers_is_unanswerable_only_where_that_is_said(tmp_path: Path) -> None:
    passages = {"passage_text": ["x is y", "else"], "is_selected": [1, 0]}
    unselected = {"passage_text": ["x is y"], "is_selected": [0]}
    said, gold, none, absent = read(
        tmp_path,
        MS_MARCO,
        {"query": "a?", "query_id": 1, "answers": ["No Answer Present."], "passages": passages},
        {"query": "b?", "query_id": 2, "answers": [], "passages": passages},
        {"query": "c?", "query_id": 3, "answers": [], "passages": unselected},
        {"query": "d?", "query_id": 4, "passages": [{"passage_text": "x is y", "url": "u"}]},
    )
    assert (said.cases[0]["answerable"], said.cases[0].get("gold_documents")) == (False, None)
    assert gold.cases[0] == {"id": 2, "question": "b?", "gold_documents": [gold.documents[0]["id"]]}
    assert all("neither answers nor a passage that is selected" in row.refused for row in (none, absent))


@pytest.mark.parametrize("answers", [{"text": None}, {"text": [""]}, {"text": None, "answer_start": None}])
def test_a_flat_question_without_answers_is_not_unanswerable(answers: object, tmp_path: Path) -> None:
    row = {"id": "1", "context": "c", "question": "q?", "answers": answers}
    assert "has no answer" in read(tmp_path, SQUAD, row)[0].refused


def test_paragraphs_are_not_refused_where_cases_are_asked_for(tmp_path: Path) -> None:
    question = {"id": "a", "question": "What?", "answers": [{"text": "Paris", "answer_start": 0}]}
    (tmp_path / "squad.json").write_bytes(
        lines({"data": [{"title": "T", "paragraphs": [{"context": "Paris is big.", "qas": [question]}]}]})
    )
    (file,) = import_files([tmp_path / "squad.json"], ImportRequest(to="cases", output=tmp_path / "o.jsonl")).files
    assert (file.refused, file.counts, file.left) == ((), {"cases": 1}, {"documents": 1})


def test_a_damaged_corpus_ends_in_a_sentence(tmp_path: Path) -> None:
    corpus = "".join(f'{{"_id": "d{n}", "text": "abc {n * 7919}"}}\n' for n in range(2000))
    packed = bytearray(gzip.compress(corpus.encode()))
    packed[200:260] = b"\xff" * 60
    (tmp_path / "corpus.jsonl.gz").write_bytes(packed)
    (tmp_path / "queries.jsonl").write_bytes(lines({"_id": "q1", "text": "hi?"}))
    (tmp_path / "qrels.tsv").write_text("q\td\tscore\nq1\td1\t1\n")
    with pytest.raises(UserError, match="cannot be read to its end"):
        import_files([tmp_path], ImportRequest(output=tmp_path / "o.jsonl"))

"""What research publishes: a question without answers is not one that has none; damaged files end in a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rung.commands.import_files import ImportRequest, import_files
from rung.errors import UserError
from rung.importers.imported import ImportedRow, Importer
from rung.importers.reading_sets import HOTPOT, MS_MARCO, SQUAD
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


CONTEXT = "Petra Lomund opened it in 1961, not in 19. Petra stayed until 1971."


@pytest.mark.parametrize(
    ("text", "start", "span", "says"),
    [
        ("1961", 26, (26, 30), ""),
        ("1961", 26.0, (26, 30), ""),
        ("1961", 3, (26, 30), "does not begin at its 'answer_start'"),
        ("1961", 9000, (26, 30), "does not begin at its 'answer_start'"),
        ("1961", -1, (26, 30), "does not begin at its 'answer_start'"),
        ("Petra", 40, (43, 48), "does not begin at its 'answer_start'"),
        ("Petra", 2, (0, 5), "does not begin at its 'answer_start'"),
        ("19", 26, (26, 28), ""),
        ("19", 27, (39, 41), "does not begin at its 'answer_start'"),  # of words before parts of words
        ("96", 0, (27, 29), "does not begin at its 'answer_start'"),
        ("blue", 0, None, "does not stand in its context"),
        ("1961", None, (26, 30), "its only place in the context is the evidence"),
        ("etra", True, None, "stands at several places"),
        ("1961", True, (26, 30), "its only place in the context is the evidence"),
        ("Petra", "0", None, "stands at several places"),
    ],
)
def test_where_an_answer_stands_is_found_or_said(
    text: str, start: object, span: tuple[int, int] | None, says: str, tmp_path: Path
) -> None:
    flat = {"id": "1", "context": CONTEXT, "question": "q?", "answers": {"text": [text], "answer_start": [start]}}
    of_flat = read(tmp_path, SQUAD, flat)[0]
    question = {"id": "1", "question": "q?", "answers": [{"text": text, "answer_start": start}]}
    (tmp_path / "squad.json").write_bytes(lines({"data": [{"paragraphs": [{"context": CONTEXT, "qas": [question]}]}]}))
    _, nested = SQUAD.read(ImportFile(tmp_path / "squad.json"))
    for row in (of_flat, nested):
        (case,) = row.cases
        document = of_flat.documents[0]["id"]
        if span is None:
            assert ("evidence" in case, case["gold_documents"]) == (False, [document])
        else:
            assert case["evidence"] == [{"document": document, "start": span[0], "end": span[1]}]
        assert case["answers"] == [text]
        assert [says in note for note in row.notes] == ([True] if says else [])


def test_places_stay_with_their_answers(tmp_path: Path) -> None:
    answers = {"text": ["", "1961", "1971"], "answer_start": [0, 26, 62]}
    (row,) = read(tmp_path, SQUAD, {"id": "1", "context": CONTEXT, "question": "q?", "answers": answers, "level": "hard"})
    assert [(one["start"], one["end"]) for one in row.cases[0]["evidence"]] == [(26, 30), (62, 66)]  # type: ignore[union-attr, index, call-overload]
    assert row.notes == ("an answer without text is not taken", "'level' is not taken")


def test_answers_of_an_impossible_question_are_said_to_be_left_out(tmp_path: Path) -> None:
    answer = {"text": "1961", "answer_start": 26}
    question = {"question": "q?", "is_impossible": True, "answers": [answer], "plausible_answers": [answer]}
    (tmp_path / "squad.json").write_bytes(
        lines({"data": [{"paragraphs": [{"context": CONTEXT, "qas": [question], "page": 7}]}]})
    )
    paragraph, row = SQUAD.read(ImportFile(tmp_path / "squad.json"))
    assert paragraph.notes == ("'page' is not taken",)
    assert row.cases[0]["answerable"] is False
    assert row.notes == (
        "its answers are not taken: it says that it is impossible",
        "'plausible_answers' is not taken",
    )


def test_paragraphs_of_one_title_are_each_a_document(tmp_path: Path) -> None:
    row = {
        "question": "a?", "answer": "b", "supporting_facts": [["T", 0], ["Lost", 1]], "mood": "good",
        "context": [["T", ["one"]], ["T", ["two"]], ["U", ["three"]]],
    }  # fmt: skip
    (found,) = read(tmp_path, HOTPOT, row)
    assert [document["text"] for document in found.documents] == ["one", "two", "three"]
    assert found.cases[0]["gold_documents"] == [document["id"] for document in found.documents[:2]]
    assert found.notes[1:] == ("names a gold paragraph that is not in its context", "'mood' is not taken")


def test_marks_stay_with_their_passages(tmp_path: Path) -> None:
    passages = {"passage_text": ["", "x is y", "else"], "is_selected": [0, 1, 0], "url": ["u", "v", "w"]}
    (row,) = read(tmp_path, MS_MARCO, {"query": "a?", "query_id": 1, "answers": ["y"], "passages": passages})
    assert row.cases[0]["gold_documents"] == [row.documents[0]["id"]]
    assert (row.documents[0]["text"], row.notes) == ("x is y", ("'url' of passages is not taken",))


def test_a_folder_of_beir_names_what_else_it_holds(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(lines({"_id": "d1", "text": "one"}))
    (tmp_path / "queries.jsonl").write_bytes(lines({"_id": "q1", "text": "hi?"}))
    (tmp_path / "qrels").mkdir()
    judged = lines({"query-id": "q1", "corpus-id": "d1", "score": 1}) + b"not json\n"
    (tmp_path / "qrels/test.jsonl").write_bytes(judged)
    (tmp_path / "more").mkdir()
    for name in ("more/c.csv", "queries.tsv", "README.md"):
        (tmp_path / name).write_text("q1\thi?\n")
    (file,) = import_files([tmp_path], ImportRequest(output=tmp_path / "o.jsonl")).files
    assert (file.form, file.counts) == ("beir", {"cases": 1, "documents": 1})
    assert [note.message for note in file.notes] == [
        "not taken: README.md, more/, queries.tsv (what holds rows is imported by its own name)"
    ]
    assert [(one.line, one.message) for one in file.refused] == [(2, "is no JSON (Expecting value at column 1)")]


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

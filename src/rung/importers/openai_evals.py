"""OpenAI Evals: samples of the registry (`input`, `ideal`), items of hosted evals (`item`), and their output items."""

from __future__ import annotations

from collections.abc import Iterator

from rung.importers.fields import ANSWERS, IDS, QUESTIONS, asked_in, name_in, object_of, texts, words
from rung.importers.imported import ImportedRow, Importer, Row, by_rows, case_row, claims_by, taken
from rung.importers.source import ImportFile
from rung.records import Json

_ACCEPTED = (*ANSWERS, "correct_label", "expected_label")
_INPUTS = ("messages", "input_messages", *QUESTIONS)


def _is_sample(row: Row) -> float:
    if "input" not in row or "ideal" not in row:
        return 0.0
    return 0.95 if isinstance(row["input"], list) else 0.85


def _sample(row: Row, line: int) -> ImportedRow:
    question, before, notes = asked_in(row["input"])
    answers: list[Json] = [*texts(row["ideal"])]
    if not answers:
        raise ValueError("'ideal' is empty: it has no accepted answer")
    own = object_of(row.get("metadata"))
    taken = ("input", "ideal", "id", *(("metadata",) if own else ()))
    meta: Row = {**own, **{key: value for key, value in row.items() if key not in taken and value is not None}}
    return ImportedRow(line, cases=(case_row(question, answers, id=row.get("id"), messages=before, meta=meta),), notes=notes)


def _is_item(row: Row) -> float:
    if row.get("object") == "eval.run.output_item" or isinstance(row.get("datasource_item"), dict):
        return 1.0
    return 0.9 if isinstance(row.get("item"), dict) and set(row) <= {"item", "sample", "id", "results"} else 0.0


def _items(file: ImportFile) -> Iterator[ImportedRow]:
    for line, row in file.rows:
        yield taken(row, line, lambda row, line: _item(row, line, file.question, file.answer))


def _item(row: Row, line: int, question_key: str, answer_key: str) -> ImportedRow:
    """An item as a case; by the keys of its question and its answer, or "" to see them by their names."""
    outer = object_of(row.get("item", row.get("datasource_item")))
    inner = object_of(outer.get("item")) or outer
    if not inner:
        raise ValueError("'item' must be an object with the question and its answer")
    listed = ", ".join(inner)
    for key in (question_key, answer_key):
        if key and key not in inner:
            raise ValueError(f"its item has no key '{key}'; there are: {listed}")
    asks = question_key or name_in([name for name in inner if name != answer_key], _INPUTS)
    answers = answer_key or name_in([name for name in inner if name != asks], _ACCEPTED)
    if not asks or not answers:
        what, option = ("a question", "--question") if not asks else ("an accepted answer", "--answer")
        raise ValueError(f"no key of its item says that it is {what}: name it with {option} KEY; there are: {listed}")
    question, before, notes = asked_in(inner[asks])
    accepted: list[Json] = [*texts(inner[answers])]
    if not accepted:
        raise ValueError(f"'{answers}' is empty: it has no accepted answer")
    rest = [key for key in inner if key not in (asks, answers, *IDS)]
    meta: Row = {key: inner[key] for key in rest if words(inner[key])}
    if row.get("sample") is not None or row.get("results") is not None:
        notes = (*notes, "'sample' and 'results' are not taken: what a model answered, and its grades")
    id = inner.get(name_in(inner, IDS))
    return ImportedRow(line, cases=(case_row(question, accepted, id=id, messages=before, meta=meta),), notes=notes)


SAMPLES = by_rows("OpenAI Evals: samples with 'input' and 'ideal'", _is_sample, _sample)
ITEMS = Importer(
    "OpenAI hosted evals: items of a data source, or of a run", claims_by(_is_item), _items, ("question", "answer")
)

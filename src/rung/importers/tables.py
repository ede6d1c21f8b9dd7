"""Tables and plain rows (CSV, XLSX, JSONL) whose columns say by their names which is the question and which the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rung.dataset.load import CASE_KEYS
from rung.errors import InputError
from rung.importers.fields import ANSWERS, CONTEXTS, IDS, QUESTIONS, cell_texts, name_in, words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row, ids
from rung.importers.source import ImportFile
from rung.records import Json

_NO_ANSWER = ("n/a", "none", "no answer", "unanswerable", "not answerable", "-")
_ANSWERABLE = ("answerable", "is_answerable")


def _claims(file: ImportFile) -> float:
    columns = _columns(file)
    if not columns:
        return 0.0
    question, answer = _chosen(file, columns)
    if file.question and file.answer:
        return 0.5
    return 0.4 if question and answer else 0.05 if file.is_table and len(columns) > 1 else 0.0


def _columns(file: ImportFile) -> list[str]:
    return list(dict.fromkeys(name for _, row in file.rows[:20] for name in row))


def _chosen(file: ImportFile, columns: Sequence[str]) -> tuple[str, str]:
    """(column of the question, column of the answer), said by the user or guessed; "" where none is."""
    question = file.question or name_in([name for name in columns if name != file.answer], QUESTIONS)
    return question, file.answer or name_in([name for name in columns if name != question], ANSWERS)


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    columns = _columns(file)
    question, answer = _chosen(file, columns)
    listed = ", ".join(f"'{name}'" for name in columns[:12]) or "none"
    for name in (question, answer):
        if name and name not in columns:
            raise InputError(f"has no column '{name}'; there are: {listed}", path=file.shown)
    if not question or not answer:
        what = "question" if not question else "answer"
        raise InputError(
            f"no column says that it is the {what}: name it with --{what} COLUMN; there are: {listed}", path=file.shown
        )
    context = name_in([name for name in columns if name not in (question, answer)], CONTEXTS)
    gold = "gold_documents" if "gold_documents" in columns else ""
    guessed = [f"question = '{question}'", f"answer = '{answer}'"] + (
        [f"gold document's text = '{context}'"] if context else []
    )
    how = "as you say" if file.question and file.answer else "by their names (--question and --answer say otherwise)"
    file.note(0, f"columns {how}: {', '.join(guessed)}")
    for line, row in file.rows:
        yield _row(row, line, (question, answer, context, gold))


def _row(row: Row, line: int, columns: tuple[str, str, str, str]) -> ImportedRow:
    question, answer, context, gold = columns
    text = words(row.get(question))
    if not text.strip():
        return ImportedRow(line, refused=f"'{question}' is empty: there is no question")
    answerable = name_in(row, _ANSWERABLE)
    unanswerable = bool(answerable) and words(row[answerable]).strip().casefold() in ("false", "0", "no")
    accepted: list[Json] = [*cell_texts(row.get(answer))]
    if not accepted and not unanswerable:
        why = (
            f"'{answer}' is empty: there is no accepted answer (a column 'answerable' with 'false' says that this is right)"
        )
        return ImportedRow(line, refused=why)
    documents = tuple(document_row(one) for one in cell_texts(row.get(context))) if context else ()
    names = [words(one) for one in cell_texts(row.get(gold))] if gold else []
    used = (question, answer, context, gold, answerable, name_in(row, IDS))
    others = {
        name: value for name, value in row.items() if name and name not in (*used, *CASE_KEYS) and words(value).strip()
    }
    meta = {name: value for name, value in others.items() if not isinstance(value, (list, dict))}
    split = words(row.get("split")).strip().casefold()
    id = row.get(name_in(row, IDS)) if name_in(row, IDS) else None
    case = case_row(
        text,
        [] if unanswerable else accepted,
        id=id,
        gold=[] if unanswerable else [*ids(documents), *names],
        answerable=not unanswerable,
        meta=meta,
    )
    if split in ("train", "dev", "test"):
        case["split"] = split
    notes = tuple(f"'{name}' is not taken: it is a list or an object" for name in others if name not in meta)
    notes += ("the answer says that there is none; is the question unanswerable?",) if _says_none(accepted) else ()
    return ImportedRow(line, cases=(case,), documents=documents, notes=notes)


def _says_none(accepted: Sequence[Json]) -> bool:
    return len(accepted) == 1 and words(accepted[0]).strip().casefold() in _NO_ANSWER


TABLE = Importer("a table with a column of questions and one of answers", _claims, _read)

"""Tables and plain rows (CSV, XLSX, JSONL) whose columns say by their names which is the question and which the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rung.errors import InputError
from rung.importers.choices import Choices, choices_of, chosen_of, first_number
from rung.importers.fields import (
    ANSWERS,
    CONTEXTS,
    IDS,
    QUESTIONS,
    cell_texts,
    chat_turns,
    listed_in,
    name_in,
    object_of,
    plain_name,
    words,
)
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row, ids
from rung.importers.source import ImportFile
from rung.records import Json
from rung.text.spreadsheet_cells import unguarded_row

_NO_ANSWER = ("n/a", "none", "no answer", "unanswerable", "not answerable", "-")
_SPLITS = {name: name for name in ("train", "dev", "test")} | dict.fromkeys(("valid", "validation", "val", "eval"), "dev")
_WHOLE = re.compile(r"(\d+)(?:\.0+)?")
_FILE = re.compile(r"[^\s:*?\"<>|]+\.[A-Za-z][A-Za-z0-9]{0,7}")  # a name or path with a suffix
_ANSWERABLE = ("answerable", "is_answerable")
_GROUPS = "'groups' is kept in meta, and is nobody who asks: call the column 'as' where it says who may ask"

_NAMELESS = "a column without a name is not taken"
_UNANSWERABLE = "its answer is not taken: it is said to be unanswerable"


def _claims(file: ImportFile) -> float:
    columns = _columns(file)
    if not columns:
        return 0.0
    question, answer = _chosen(file, columns)
    if any(name and name not in columns for name in (file.question, file.answer)):
        return 0.35 if file.is_table else 0.0
    if file.question and file.answer:
        return 0.75
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
    if context and not gold and _name_files(row.get(context) for _, row in file.rows):
        context, gold = "", context
    guessed = [f"question = '{question}'", f"answer = '{answer}'"]
    guessed += [f"gold document's text = '{context}'"] if context else []
    guessed += [f"gold documents, by their names = '{gold}'"] if gold else []
    how = "as you say" if file.question and file.answer else "by their names (--question and --answer say otherwise)"
    file.note(0, f"columns {how}: {', '.join(guessed)}")
    rows = [(line, unguarded_row(row) if file.is_csv or file.is_zip else row) for line, row in file.rows]
    choices = [choices_of(row, (question, answer)) for _, row in rows]
    first = first_number((own, row.get(answer)) for (own, _), (_, row) in zip(choices, rows, strict=True))
    if any(own for own, _ in choices):
        how = f"a letter, or a number from {first}, as the answer is its choice's text"
        file.note(0, f"choices (columns A, B, …, or a list) stand under the question; {how}")
    for (line, row), own in zip(rows, choices, strict=True):
        yield _row(row, line, (question, answer, context, gold), own, first)


def _name_files(cells: Iterable[Json]) -> bool:
    """Whether cells hold names of files and nothing else."""
    texts = [text.strip() for cell in cells for text in cell_texts(cell) if text.strip()]
    return bool(texts) and all(map(_FILE.fullmatch, texts))


def _row(row: Row, line: int, columns: tuple[str, str, str, str], choices: Choices, first: int) -> ImportedRow:
    question, answer, context, gold = columns
    text = words(row.get(question))
    if not text.strip():
        return ImportedRow(line, refused=f"'{question}' is empty: there is no question")
    if isinstance(row[question], (list, dict)):  # such as a table by columns of which one is shorter
        return ImportedRow(line, refused=f"'{question}' is a list or an object: it is no question")
    answerable = name_in(row, _ANSWERABLE)
    unanswerable = bool(answerable) and words(row[answerable]).strip().casefold() in ("false", "0", "no", "f", "n")
    accepted: list[Json] = [*cell_texts(row.get(answer), numbers=plain_name(answer).endswith("s"))]
    by_label, columns_of_choices = choices
    chosen = chosen_of(by_label, row.get(answer), first)
    if chosen:
        text = "\n".join([text, *(f"{label}: {choice}" for label, choice in by_label.items())])
        accepted = [chosen]
        row = {name: value for name, value in row.items() if name not in columns_of_choices}
    gold_alone = any(words(row.get(name)).strip() for name in ("gold_documents", "evidence"))  # it judges the search
    if not accepted and not unanswerable and not gold_alone:
        why = (
            f"'{answer}' is empty: there is no accepted answer (a column 'answerable' with 'false' says that this is right)"
        )
        return ImportedRow(line, refused=why)
    documents = tuple(document_row(one) for one in cell_texts(row.get(context))) if context else ()
    names = cell_texts(row.get(gold), numbers=True) if gold else []
    id = name_in(row, IDS)
    left = {name: value for name, value in row.items() if name not in ("", question, answer, context, gold, answerable, id)}
    own, more = _of_case(left, is_own=(question, answer) == ("question", "answers"))
    others = {name: value for name, value in left.items() if words(value).strip()}
    meta = {**more, **{name: value for name, value in others.items() if not isinstance(value, (list, dict))}}
    case = case_row(
        text,
        [] if unanswerable else accepted,
        id=row[id] if id else None,
        gold=[] if unanswerable else [*ids(documents), *names],
        answerable=not unanswerable,
        meta=meta,
    )
    notes = tuple(f"'{name}' is not taken: it is a list or an object" for name in others if name not in meta)
    notes += (_NAMELESS,) if words(row.get("")).strip() else ()
    notes += (_UNANSWERABLE,) if unanswerable and accepted and not _says_none(accepted) else ()
    notes += (_GROUPS,) if words(meta.get("groups")).strip() else ()
    notes += ("the answer says that there is none; is the question unanswerable?",) if _says_none(accepted) else ()
    return ImportedRow(line, cases=({**case, **own},), documents=documents, notes=notes)


def _of_case(columns: Row, *, is_own: bool) -> tuple[Row, Row]:
    """(keys of a case that stand in columns of these names, what a column `meta` holds); such columns are taken out.

    `is_own`: question and answers are called as Rung's own cases have them, so that `weight` is a case's.

    Raises:
        ValueError: a column `messages` holds a list that is no chat.
    """
    own: Row = {}
    meta: Row = {}
    for name, value in [(name, value) for name, value in columns.items() if words(value).strip()]:
        listed = listed_in(value) if isinstance(value, str) and value.strip().startswith("[") else value
        match plain_name(name):
            case "drafted_by" | "approved_by" as key:
                own[key] = words(value)
            case "as":
                own["as"] = [*cell_texts(value, numbers=True)]
            case "split" if words(value).strip().casefold() in _SPLITS:
                own["split"] = _SPLITS[words(value).strip().casefold()]
            case "messages" if isinstance(listed, list):
                own["messages"] = [*chat_turns(listed)]
            case "evidence" if isinstance(listed, list) and all(
                isinstance(one, dict) and "document" in one for one in listed
            ):
                own["evidence"] = listed
            case "calls" if isinstance(listed, list) and all(isinstance(one, dict) and "name" in one for one in listed):
                own["calls"] = listed
            case "weight" if is_own and (weight := _WHOLE.fullmatch(words(value).strip())):
                own["weight"] = int(weight[1])
            case "meta" if object_of(value):
                meta = object_of(value)
            case _:
                continue
        del columns[name]
    return own, meta


def _says_none(accepted: Sequence[Json]) -> bool:
    return len(accepted) == 1 and words(accepted[0]).strip().casefold() in _NO_ANSWER


TABLE = Importer("a table with a column of questions and one of answers", _claims, _read, ("question", "answer"))

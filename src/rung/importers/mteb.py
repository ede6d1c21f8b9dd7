"""Retrieval tasks as MTEB keeps them on model hubs: folders of Parquet files for corpus, queries and judgements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rung.errors import InputError
from rung.files.limited import content_of, name_of
from rung.importers.fields import words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row
from rung.importers.parquet import parquet_rows
from rung.importers.source import ImportFile
from rung.records import Json

_JUDGED = ("qrels", "default", "data")  # folders of judgements
_SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "test": "test"}
_PREFERRED = ("test", "dev", "train", "")  # of a query that is judged in several
Grades = dict[str, dict[str, dict[str, Json]]]  # query -> split ("" where its file names none) -> document -> grade


def _files(folder: Path, *names: str) -> list[Path]:
    """The Parquet files of the first of these folders that has any."""
    listed = (sorted((folder / name).glob("*.parquet")) for name in names)
    return next((files for files in listed if files), [])


def _claims(file: ImportFile) -> float:
    return 1.0 if file.is_folder and _files(file.path, "queries") and _files(file.path, *_JUDGED) else 0.0


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    return parquet_rows(content_of(path), name_of(path))


def _id(row: Mapping[str, Json], *names: str) -> str:
    return next((words(row[name]).strip() for name in names if words(row.get(name)).strip()), "")


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    folder = file.path
    queries, judged, corpus = _files(folder, "queries"), _files(folder, *_JUDGED), _files(folder, "corpus")
    if not queries or not judged:
        raise InputError("needs Parquet files in queries/ and in qrels/ (or default/, data/)", path=file.shown)
    documents: set[str] = set()
    for path in corpus:
        for line, row in _rows(path):
            id, text = _id(row, "_id", "id", "corpus-id"), words(row.get("text"))
            part = path.relative_to(folder).as_posix()
            if not id or not text.strip() or id in documents:
                why = "has no id" if not id else "has no text" if not text.strip() else f"has the id '{id}' of another one"
                yield ImportedRow(line, refused=why, part=part)
                continue
            documents.add(id)
            yield ImportedRow(line, documents=(document_row(text, id=id, title=words(row.get("title"))),), part=part)
    grades: Grades = {}
    for path in judged:
        split = _SPLITS.get(path.name.split("-")[0].split(".")[0], "")
        yield from _judgements(path, folder, (grades, split, documents if corpus else None))
    yield from _queries(queries, folder, grades)


def _judgements(path: Path, folder: Path, into: tuple[Grades, str, set[str] | None]) -> Iterator[ImportedRow]:
    """Puts each judgement of a file to its query; what cannot be used is refused."""
    grades, split, documents = into
    part = path.relative_to(folder).as_posix()
    for line, row in _rows(path):
        query, document, score = _id(row, "query-id", "query_id"), _id(row, "corpus-id", "corpus_id"), row.get("score", 1)
        if not query or not document or isinstance(score, bool) or not isinstance(score, (int, float)):
            yield ImportedRow(line, refused="is no judgement: it needs query-id, corpus-id and score", part=part)
        elif documents is not None and document not in documents:
            yield ImportedRow(line, refused=f"there is no document '{document}'", part=part)
        elif score > 0:
            its = grades.setdefault(query, {}).setdefault(split, {})
            its[document] = int(score) if float(score).is_integer() else score


def _queries(paths: list[Path], folder: Path, grades: Grades) -> Iterator[ImportedRow]:
    for path in paths:
        part = path.relative_to(folder).as_posix()
        for line, row in _rows(path):
            id, text = _id(row, "_id", "id", "query-id"), words(row.get("text", row.get("query")))
            by_split = grades.pop(id, {})
            split = next((one for one in _PREFERRED if one in by_split), "")
            its = by_split.get(split, {})
            if not text.strip():
                yield ImportedRow(line, refused="has no text", part=part)
            elif not its:
                yield ImportedRow(line, refused=f"no judgement finds a document relevant for the query '{id}'", part=part)
            else:
                gold = sorted(its, key=lambda document: -float(str(its[document])))
                case: Row = case_row(text, id=id, gold=gold, meta={"grades": its})
                others = [one or "no split" for one in by_split if one != split]
                notes = (f"is judged in {' and '.join(others)}, too: those judgements are not taken",) if others else ()
                yield ImportedRow(line, cases=({**case, "split": split} if split else case,), notes=notes, part=part)
    for query in grades:
        yield ImportedRow(0, refused=f"there is no query '{query}', which is judged", part="")


MTEB = Importer("a retrieval task of MTEB: Parquet files in corpus/, queries/ and qrels/", _claims, _read)

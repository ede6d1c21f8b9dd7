"""Retrieval collections: BEIR folders (`corpus.jsonl`, `queries.jsonl`, `qrels/`), and TREC qrels beside their queries.

Queries become cases that name their gold documents, with grades; they have no answers, so they judge the search.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from rung.errors import InputError
from rung.files.limited import name_of
from rung.importers.imported import ImportedRow, Importer, Row, case_row
from rung.importers.source import ImportFile
from rung.records import Json, Problem
from rung.text.parsing import Malformed, json_of

_QUERIES = ("queries.jsonl", "queries.jsonl.gz", "queries.tsv", "topics.tsv")
_CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
_HEADER = ("score", "rel", "relevance", "label", "grade", "judgment", "judgement")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of a text file, packed or not; blank lines are left out.

    Raises:
        InputError: it cannot be read to its end.
    """
    try:
        packed = path.suffix == ".gz"
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8-sig") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read to its end: {error}", path=path) from error


def rows_of(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str, dict[str, Json]]]:
    """(line, id, row) of a JSONL file, each id once; what is none becomes a problem."""
    seen: set[str] = set()
    for number, line in lines_of(path):
        try:
            row = json_of(line)
        except Malformed as error:
            problems.append(Problem(str(path), number, f"is no JSON ({error}); left out"))
            continue
        id = row.get("_id", row.get("id")) if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(id, (str, int)) or isinstance(id, bool) or not str(id).strip():
            problems.append(Problem(str(path), number, f"'_id' must be text that is not empty, found {id!r}; left out"))
        elif str(id) in seen:
            problems.append(Problem(str(path), number, f"the id '{id}' is there already; left out"))
        else:
            seen.add(str(id))
            yield number, str(id), row


def documents_of(corpus: Path, problems: list[Problem]) -> Iterator[tuple[int, Row]]:
    """(line, document) of a corpus. One with a title and no text keeps the title as its text."""
    for number, id, row in rows_of(corpus, problems):
        title, text = (str(row.get(key) or "").strip() for key in ("title", "text"))
        if not (title or text):
            problems.append(Problem(str(corpus), number, f"the document '{id}' is empty; left out"))
            continue
        meta = row.get("metadata") or row.get("meta")
        document: Row = {"id": id, "title": title, "text": text or title}
        if isinstance(meta, dict) and meta:
            document["meta"] = meta
        yield number, document


def queries_of(queries: Path, problems: list[Problem]) -> Iterator[tuple[int, str, str]]:
    """(line, id, text) of each query: rows of JSONL, or lines of an id, a tab and the text."""
    if queries.name.endswith(".tsv"):
        seen: set[str] = set()
        for number, line in lines_of(queries):
            id, tab, text = line.rstrip("\r\n").partition("\t")
            if not tab or not text.strip() or id in seen:
                problems.append(Problem(str(queries), number, "must be an id, a tab and a text, each id once; left out"))
            elif not (number == 1 and text.strip().casefold() in ("query", "text", "question", "title")):
                seen.add(id)
                yield number, id, text.strip()
        return
    for number, id, row in rows_of(queries, problems):
        text_of = row.get("text", row.get("query"))
        if isinstance(text_of, str) and text_of.strip():
            yield number, id, text_of
        else:
            problems.append(Problem(str(queries), number, f"the query '{id}' has no text; left out"))


def grades_of(path: Path, documents: set[str] | None, problems: list[Problem]) -> dict[str, dict[str, int]]:
    """Query -> document -> grade, those above 0, of documents that are there (`documents` None: all are).

    Lines are query, document and grade (BEIR), or query, iteration, document and grade (TREC), with tabs or spaces; a first
    line without a grade is the head. Rows of JSONL have `query-id`, `corpus-id` and `score` (MTEB).
    """
    grades: dict[str, dict[str, int]] = {}
    is_json = path.name.removesuffix(".gz").endswith(".jsonl")
    for number, line in lines_of(path):
        try:
            judgement = _judgement_in_row(line) if is_json else _judgement_in_line(line)
        except Malformed as error:
            problems.append(Problem(str(path), number, f"is no JSON ({error}); left out"))
            continue
        if judgement is None:
            what = "an object with query-id, corpus-id and score" if is_json else "query, document and grade, with tabs"
            if is_json or number > 1 or len(_parts(line)) not in (3, 4):  # the first line is the head
                problems.append(Problem(str(path), number, f"must be {what}; left out"))
            continue
        query, document, grade = judgement
        if documents is not None and document not in documents:
            problems.append(Problem(str(path), number, f"there is no document '{document}'; left out"))
        elif grade > 0:
            grades.setdefault(query, {})[document] = grade
    return grades


def _parts(line: str) -> list[str]:
    parts = line.rstrip("\r\n").split("\t")
    return parts if len(parts) in (3, 4) else line.split()


def _judgement_in_line(line: str) -> tuple[str, str, int] | None:
    parts = _parts(line)
    if len(parts) not in (3, 4) or not parts[-1].strip().lstrip("-").isdigit():
        return None
    return parts[0].strip(), parts[-2].strip(), int(parts[-1])


def _judgement_in_row(line: str) -> tuple[str, str, int] | None:
    """Of a line of JSONL; raises `Malformed` where it is none."""
    row = json_of(line)
    if not isinstance(row, dict):
        return None
    query, document = (row.get(f"{name}-id", row.get(f"{name}_id")) for name in ("query", "corpus"))
    score = row.get("score", 1)
    if isinstance(score, bool) or not (isinstance(score, int) or (isinstance(score, float) and score.is_integer())):
        return None
    named = [str(one) for one in (query, document) if isinstance(one, (str, int)) and not isinstance(one, bool)]
    return (named[0], named[1], int(score)) if len(named) == 2 and all(named) else None


def _claims(file: ImportFile) -> float:
    if file.is_folder:
        return 1.0 if _first(file.path, _QUERIES) and _judgements(file.path) else 0.0
    if file.is_zip or file.looks_json:
        return 0.0
    lines = [line for line in file.text.split("\n")[:20] if line.strip()]
    judged = [line for line in lines if len(p := line.split()) in (3, 4) and p[-1].lstrip("-").isdigit()]
    head = bool(lines) and lines[0].split()[-1].casefold() in _HEADER
    return 0.9 if lines and len(judged) >= max(1, len(lines) - 1 if head else len(lines)) else 0.0


def _judgements(folder: Path) -> list[Path]:
    """The files of relevance judgements of a folder, in a folder `qrels` or beside the queries."""
    inner = [path for path in sorted((folder / "qrels").glob("*")) if path.is_file() and not path.name.startswith(".")]
    return inner or [path for path in sorted(folder.glob("*qrels*")) if path.is_file()]


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    folder = file.path if file.is_folder else file.path.parent
    queries = _first(folder, _QUERIES) or (None if file.is_folder else _first(folder.parent, _QUERIES))
    if queries is None:
        why = "is relevance judgements, which name queries by ids: put queries.jsonl or queries.tsv beside it"
        raise InputError(why, path=file.shown)
    corpus = _first(queries.parent, _CORPUS)
    judged = _judgements(folder) if file.is_folder else [file.path]
    problems: list[Problem] = []
    if file.is_folder:
        file.note_unread({queries, *([corpus] if corpus else []), *judged})
    try:
        yield from _collection(queries, corpus, judged, problems)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=file.shown) from error
    for problem in problems:
        path = Path(problem.path)
        part = path.relative_to(folder).as_posix() if path.is_relative_to(folder) and path != folder else path.name
        yield ImportedRow(problem.line, refused=problem.message.removesuffix("; left out"), part=name_of(part))


def _collection(queries: Path, corpus: Path | None, judged: list[Path], problems: list[Problem]) -> Iterator[ImportedRow]:
    documents: set[str] | None = None
    if corpus is not None:
        documents = set()
        for line, document in documents_of(corpus, problems):
            documents.add(str(document["id"]))
            yield ImportedRow(line, documents=(document,), part=corpus.name)
    grades: dict[str, tuple[dict[str, int], str]] = {}
    for path in judged:
        split = path.name.split(".")[0]
        for query, its in grades_of(path, documents, problems).items():
            if query in grades:
                problems.append(Problem(str(path), 0, f"'{query}' is judged in another file already; left out"))
            else:
                grades[query] = its, split if split in ("train", "dev", "test") else ""
    for line, id, text in queries_of(queries, problems):
        its, split = grades.pop(id, ({}, ""))
        if not its:
            yield ImportedRow(
                line, refused=f"no judgement finds a document relevant for the query '{id}'", part=queries.name
            )
            continue
        gold = [document for document, _ in sorted(its.items(), key=lambda one: -one[1])]
        case = case_row(text, id=id, gold=gold, meta={"grades": dict(its)})
        yield ImportedRow(line, cases=({**case, "split": split} if split else case,), part=queries.name)
    for query in grades:
        problems.append(Problem(str(judged[0]), 0, f"there is no query '{query}'; left out"))


BEIR = Importer("a retrieval collection: BEIR folder, TREC qrels", _claims, _read)

"""Retrieval tasks as MTEB keeps them on model hubs: a folder each for corpus, queries and judgements, of Parquet or JSONL.

A task of several languages has such folders for each (`de-corpus`, `de-queries`, `de-qrels`, or in a folder `de`); ids are
unique within a language, so they get its name before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.errors import InputError
from rung.files.limited import content_of, name_of
from rung.importers.beir import lines_of
from rung.importers.fields import words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row
from rung.importers.parquet import parquet_rows
from rung.importers.source import ImportFile
from rung.records import Json
from rung.text.parsing import Malformed, json_of

_JUDGED = ("qrels", "default", "data")  # folders of judgements
_PART = re.compile(r"(.+)[-_](corpus|queries|qrels)")
_SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "test": "test"}
_PREFERRED = ("test", "dev", "train", "")  # of a query that is judged in several
_NOT_READ = ("top_ranked", "qrel_diff")
Grades = dict[str, dict[str, dict[str, Json]]]  # query -> split ("" where its file names none) -> document -> grade


@dataclass(frozen=True, slots=True)
class _Subset:
    """One language of a task.

    `name` is "" where its folders have none; `prefix` stands before its ids, `of_corpus` before those of its documents: both
    are "" where there is no other language, and the second one where all of them share a corpus.
    """

    root: Path
    name: str
    queries: list[Path]
    judged: list[Path]
    corpus: list[Path]
    prefix: str = ""
    of_corpus: str = ""
    documents: set[str] = field(default_factory=set)
    instructions: dict[str, str] = field(default_factory=dict)

    def part(self, path: Path) -> str:
        """A file's name, from the task's folder."""
        return path.relative_to(self.root).as_posix()


def _files(folder: Path, *names: str) -> list[Path]:
    """The files of rows of the first of these folders that has any: Parquet, else JSONL."""
    kinds = ("*.parquet", "*.jsonl", "*.jsonl.gz")
    listed = (sorted((folder / name).glob(kind)) for name in names for kind in kinds)
    return next((files for files in listed if files), [])


def _subsets(root: Path) -> list[_Subset]:
    """The languages of a task, or its only subset."""
    shared = _files(root, "corpus")
    subsets = [_Subset(root, "", _files(root, "queries"), _files(root, *_JUDGED), shared)]
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        part = _PART.fullmatch(folder.name)
        if part and part[2] == "queries":
            mark = folder.name[len(part[1])]
            of = [_files(root, f"{part[1]}{mark}{kind}") for kind in ("queries", "qrels", "corpus")]
            subsets.append(_Subset(root, part[1], of[0], of[1], of[2] or shared))
        elif not part:
            of = [_files(folder, "queries"), _files(folder, *_JUDGED), _files(folder, "corpus")]
            subsets.append(_Subset(root, folder.name, of[0], of[1], of[2] or shared))
    whole = [one for one in subsets if one.queries and one.judged]
    if len(whole) < 2:
        return whole
    prefixes = [f"{one.name}/" if one.name else "" for one in whole]
    return [
        replace(one, prefix=prefix, of_corpus="" if one.corpus == shared else prefix)
        for one, prefix in zip(whole, prefixes, strict=True)
    ]


def _claims(file: ImportFile) -> float:
    return 1.0 if file.is_folder and _subsets(file.path) else 0.0


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    """The rows of a file; a line of JSONL that is none is an empty one, which no reader takes."""
    if path.suffix == ".parquet":
        yield from parquet_rows(content_of(path), name_of(path))
        return
    for line, text in lines_of(path):
        try:
            row = json_of(text)
        except Malformed:
            row = None
        yield line, row if isinstance(row, dict) else {}


def _id(row: Mapping[str, Json], *names: str) -> str:
    return next((words(row[name]).strip() for name in names if words(row.get(name)).strip()), "")


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    subsets = _subsets(file.path) if file.is_folder else []
    if not subsets:
        why = "needs Parquet or JSONL in queries/ and in qrels/ (or default/, data/), or in NAME-queries/ and NAME-qrels/"
        raise InputError(why, path=file.shown)
    for name in _NOT_READ:
        if folders := sorted(path.name for path in file.path.glob(f"*{name}") if path.is_dir()):
            file.note(0, f"not taken: {', '.join(folders)}")
    for subset in subsets:
        yield from _documents(subset)
        grades: Grades = {}
        for path in subset.judged:
            yield from _judgements(path, subset, grades)
        yield from _instructions(subset)
        yield from _queries(subset, grades)


def _documents(subset: _Subset) -> Iterator[ImportedRow]:
    texts_of: dict[str, str] = {}
    for path in subset.corpus:
        for line, row in _rows(path):
            id, title = _id(row, "_id", "id", "corpus-id"), words(row.get("title"))
            text = words(row.get("text")) if words(row.get("text")).strip() else title
            why = "has no id" if not id else "has no text" if not text.strip() else ""
            if not why and texts_of.get(id, text) != text:
                why = f"has the id '{id}' of another one"
            if why:
                yield ImportedRow(line, refused=why, part=subset.part(path))
                continue
            texts_of[id] = text
            subset.documents.add(id)
            document = document_row(text, id=subset.of_corpus + id, title=title)
            yield ImportedRow(line, documents=(document,), part=subset.part(path))


def _judgements(path: Path, subset: _Subset, grades: Grades) -> Iterator[ImportedRow]:
    """Puts each judgement of a file to its query; what cannot be used is refused."""
    split, part = _SPLITS.get(path.name.split("-")[0].split(".")[0], ""), subset.part(path)
    for line, row in _rows(path):
        query, document, score = _id(row, "query-id", "query_id"), _id(row, "corpus-id", "corpus_id"), row.get("score", 1)
        if not query or not document or isinstance(score, bool) or not isinstance(score, (int, float)):
            yield ImportedRow(line, refused="is no judgement: it needs query-id, corpus-id and score", part=part)
        elif subset.corpus and document not in subset.documents:
            yield ImportedRow(line, refused=f"there is no document '{document}'", part=part)
        elif score > 0:
            its = grades.setdefault(query, {}).setdefault(split, {})
            its[document] = int(score) if float(score).is_integer() else score


def _instructions(subset: _Subset) -> Iterator[ImportedRow]:
    """Puts what queries ask beside their words, of a folder of its own, to each; what cannot be used is refused."""
    kind = f"{subset.name}-instruction" if subset.name else "instruction"
    for path in _files(subset.root, kind):
        for line, row in _rows(path):
            query, text = _id(row, "query-id", "query_id"), words(row.get("instruction"))
            if not query or not text.strip():
                yield ImportedRow(
                    line, refused="is no instruction: it needs query-id and instruction", part=subset.part(path)
                )
            elif subset.instructions.setdefault(query, text) != text:
                yield ImportedRow(line, refused=f"is another instruction for the query '{query}'", part=subset.part(path))


def _queries(subset: _Subset, grades: Grades) -> Iterator[ImportedRow]:
    asked: set[str] = set()
    strangers = set(subset.instructions)
    for path in subset.queries:
        part = subset.part(path)
        for line, row in _rows(path):
            id, text = _id(row, "_id", "id", "query-id"), words(row.get("text", row.get("query")))
            strangers.discard(id)
            by_split = grades.pop(id, {})
            split = next((one for one in _PREFERRED if one in by_split), "")
            its = by_split.get(split, {})
            if not text.strip():
                yield ImportedRow(line, refused="has no text", part=part)
            elif id in asked:
                yield ImportedRow(line, refused=f"is the query '{id}' again", part=part)
            elif not its:
                yield ImportedRow(line, refused=f"no judgement finds a document relevant for the query '{id}'", part=part)
            else:
                asked.add(id)
                others = [one or "no split" for one in by_split if one != split]
                notes = (f"is judged in {' and '.join(others)}, too: those judgements are not taken",) if others else ()
                case = _case(subset, row, (id, text), its)
                yield ImportedRow(line, cases=({**case, "split": split} if split else case,), notes=notes, part=part)
    for query in grades:
        yield ImportedRow(0, refused=f"there is no query '{query}', which is judged", part="")
    for query in sorted(strangers - set(grades)):
        yield ImportedRow(0, refused=f"there is no query '{query}', which has an instruction", part="")


def _case(subset: _Subset, row: Mapping[str, Json], query: tuple[str, str], grades: Mapping[str, Json]) -> Row:
    id, text = query
    more = words(row.get("instruction")) or subset.instructions.get(id, "")
    its = {subset.of_corpus + document: grade for document, grade in grades.items()}
    gold = sorted(its, key=lambda document: -float(str(its[document])))
    named: Row = {"subset": subset.name} if subset.prefix else {}
    asks = f"{text} {more.strip()}" if more.strip() else text
    return case_row(asks, id=subset.prefix + id, gold=gold, meta={"grades": its, **named})


MTEB = Importer("a retrieval task of MTEB: files in corpus/, queries/ and qrels/, or such of each language", _claims, _read)

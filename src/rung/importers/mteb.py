"""Retrieval tasks as MTEB keeps them on model hubs: a folder each for corpus, queries and judgements, of Parquet or JSONL.

A task of several languages has such folders for each (`de-corpus`, `de-queries`, `de-qrels`, or in a folder `de`); ids are
unique within a language, so they get its name before them. A corpus, or instructions, may be for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.dataset.row_files import spans_of_lines
from rung.errors import InputError
from rung.files.limited import content_of, name_of
from rung.importers.beir import lines_of
from rung.importers.fields import words
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row, unread
from rung.importers.parquet import parquet_rows
from rung.importers.source import ImportFile
from rung.records import Json

_JUDGED = ("qrels", "default", "data")  # folders of judgements
_PART = re.compile(r"(.+)[-_](corpus|queries|qrels|instruction)")
_SPLITS = {"train": "train", "dev": "dev", "validation": "dev", "test": "test"}
_PREFERRED = ("test", "dev", "train", "")  # of a query that is judged in several
_OF_QUERIES = ("_id", "id", "query-id", "text", "query", "instruction")
Grades = dict[str, dict[str, dict[str, Json]]]  # query -> split ("" where its file names none) -> document -> grade


@dataclass(frozen=True, slots=True, eq=False)
class _Texts:
    """Files of documents or of instructions, which languages may share, and what they say by id, once they are read.

    `unmet`: of instructions those of queries that are not there, so far: where they stand, by line and file.
    """

    files: list[Path]
    by_id: dict[str, str] = field(default_factory=dict)
    unmet: dict[str, tuple[int, str]] = field(default_factory=dict)


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
    corpus: _Texts
    instructed: _Texts
    prefix: str = ""
    of_corpus: str = ""

    def files(self) -> list[Path]:
        """All that is read."""
        return [*self.queries, *self.judged, *self.corpus.files, *self.instructed.files]

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
    corpus, instructed = (_Texts(_files(root, kind)) for kind in ("corpus", "instruction"))  # for all of them

    def subset(name: str, folder: Path, before: str, *judged: str) -> _Subset:
        queries, judgements = _files(folder, f"{before}queries"), _files(folder, *judged)
        own = [_Texts(_files(folder, f"{before}{kind}")) for kind in ("corpus", "instruction")]
        texts = [one if one.files else shared for one, shared in zip(own, (corpus, instructed), strict=True)]
        return _Subset(root, name, queries, judgements, texts[0], texts[1])

    subsets = [subset("", root, "", *_JUDGED)]
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        part = _PART.fullmatch(folder.name)
        if part and part[2] == "queries":
            before = folder.name.removesuffix("queries")
            subsets.append(subset(part[1], root, before, f"{before}qrels"))
        elif not part:
            subsets.append(subset(folder.name, folder, "", *_JUDGED))
    whole = [one for one in subsets if one.queries and one.judged]
    if len(whole) < 2:
        return whole
    prefixes = [f"{one.name}/" if one.name else "" for one in whole]
    return [
        replace(one, prefix=prefix, of_corpus="" if one.corpus is corpus else prefix)
        for one, prefix in zip(whole, prefixes, strict=True)
    ]


def _claims(file: ImportFile) -> float:
    return 1.0 if file.is_folder and _subsets(file.path) else 0.0


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Json], str]]:
    """(line, row, why it is none) of each row of a file."""
    if path.suffix == ".parquet":
        yield from ((line, row, "") for line, row in parquet_rows(content_of(path), name_of(path)))
        return
    for line, text in lines_of(path):
        yield from ((line, span.row, span.error) for span in spans_of_lines(text))


def _id(row: Mapping[str, Json], *names: str) -> str:
    return next((words(row[name]).strip() for name in names if words(row.get(name)).strip()), "")


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    subsets = _subsets(file.path) if file.is_folder else []
    if not subsets:
        why = "needs Parquet or JSONL in queries/ and in qrels/ (or default/, data/), or in NAME-queries/ and NAME-qrels/"
        raise InputError(why, path=file.shown)
    file.note_unread({path for one in subsets for path in one.files()})
    shared: set[_Texts] = set()  # what was read
    for subset in subsets:
        if subset.corpus not in shared:
            yield from _documents(subset)
        grades: Grades = {}
        for path in subset.judged:
            yield from _judgements(path, subset, grades)
        if subset.instructed not in shared:
            yield from _instructions(subset)
        shared |= {subset.corpus, subset.instructed}
        yield from _queries(subset, grades)
    for instructed in dict.fromkeys(subset.instructed for subset in subsets):
        for query, (line, part) in instructed.unmet.items():
            yield ImportedRow(line, refused=f"there is no query '{query}', which has an instruction", part=part)


def _documents(subset: _Subset) -> Iterator[ImportedRow]:
    texts_of = subset.corpus.by_id
    for path in subset.corpus.files:
        for line, row, broken in _rows(path):
            id, title = _id(row, "_id", "id", "corpus-id"), words(row.get("title"))
            text = words(row.get("text")) if words(row.get("text")).strip() else title
            why = broken or ("has no id" if not id else "has no text" if not text.strip() else "")
            if not why and texts_of.get(id, text) != text:
                why = f"has the id '{id}' of another one"
            if why:
                yield ImportedRow(line, refused=why, part=subset.part(path))
                continue
            texts_of[id] = text
            document = document_row(text, id=subset.of_corpus + id, title=title)
            notes = unread(row, ("_id", "id", "corpus-id", "title", "text"))
            yield ImportedRow(line, documents=(document,), notes=notes, part=subset.part(path))


def _judgements(path: Path, subset: _Subset, grades: Grades) -> Iterator[ImportedRow]:
    """Puts each judgement of a file to its query; what cannot be used is refused."""
    split, part = _SPLITS.get(path.name.split("-")[0].split(".")[0], ""), subset.part(path)
    for line, row, broken in _rows(path):
        query, document, score = _id(row, "query-id", "query_id"), _id(row, "corpus-id", "corpus_id"), row.get("score", 1)
        if broken or not query or not document or isinstance(score, bool) or not isinstance(score, (int, float)):
            why = broken or "is no judgement: it needs query-id, corpus-id and score"
            yield ImportedRow(line, refused=why, part=part)
        elif subset.corpus.files and document not in subset.corpus.by_id:
            yield ImportedRow(line, refused=f"there is no document '{document}'", part=part)
        elif score > 0:
            its = grades.setdefault(query, {}).setdefault(split, {})
            its[document] = int(score) if float(score).is_integer() else score


def _instructions(subset: _Subset) -> Iterator[ImportedRow]:
    """Keeps what queries ask beside their words, of a folder of its own; what cannot be used is refused."""
    instructed = subset.instructed
    for path in instructed.files:
        for line, row, broken in _rows(path):
            query, text, part = _id(row, "query-id", "query_id"), words(row.get("instruction")), subset.part(path)
            if broken or not query or not text.strip():
                why = broken or "is no instruction: it needs query-id and instruction"
                yield ImportedRow(line, refused=why, part=part)
            elif instructed.by_id.setdefault(query, text) != text:
                yield ImportedRow(line, refused=f"is another instruction for the query '{query}'", part=part)
            else:
                instructed.unmet.setdefault(query, (line, part))


def _queries(subset: _Subset, grades: Grades) -> Iterator[ImportedRow]:
    asked: set[str] = set()
    for path in subset.queries:
        part = subset.part(path)
        for line, row, broken in _rows(path):
            id, text = _id(row, "_id", "id", "query-id"), words(row.get("text", row.get("query")))
            subset.instructed.unmet.pop(id, None)
            by_split = grades.pop(id, {})
            split = next((one for one in _PREFERRED if one in by_split), "")
            its = by_split.get(split, {})
            if broken or not text.strip():
                yield ImportedRow(line, refused=broken or "has no text", part=part)
            elif id in asked:
                yield ImportedRow(line, refused=f"is the query '{id}' again", part=part)
            elif not its:
                yield ImportedRow(line, refused=f"no judgement finds a document relevant for the query '{id}'", part=part)
            else:
                asked.add(id)
                others = [one or "no split" for one in by_split if one != split]
                own, more = words(row.get("instruction")).strip(), subset.instructed.by_id.get(id, "").strip()
                notes = [f"is judged in {' and '.join(others)}, too: those judgements are not taken"] if others else []
                notes += ["another instruction than its own is not taken"] if own and more not in ("", own) else []
                notes += unread(row, _OF_QUERIES)
                case = _case(subset, row, (id, text), its)
                yield ImportedRow(line, cases=({**case, "split": split} if split else case,), notes=tuple(notes), part=part)
    for query in grades:
        yield ImportedRow(0, refused=f"there is no query '{query}', which is judged", part="")


def _case(subset: _Subset, row: Mapping[str, Json], query: tuple[str, str], grades: Mapping[str, Json]) -> Row:
    id, text = query
    more = words(row.get("instruction")) or subset.instructed.by_id.get(id, "")
    its = {subset.of_corpus + document: grade for document, grade in grades.items()}
    gold = sorted(its, key=lambda document: -float(str(its[document])))
    named: Row = {"subset": subset.name} if subset.prefix else {}
    asks = f"{text} {more.strip()}" if more.strip() else text
    return case_row(asks, id=subset.prefix + id, gold=gold, meta={"grades": its, **named})


MTEB = Importer("a retrieval task of MTEB: files in corpus/, queries/ and qrels/, or such of each language", _claims, _read)

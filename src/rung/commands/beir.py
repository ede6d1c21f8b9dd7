"""Makes a project of a BEIR folder: `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`, each also as `.gz`.

The queries become cases that name their gold documents and have no answers: they judge the search, and choose its weight.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rung.dataset.load import DEV_SHARE
from rung.errors import InputError, UserError
from rung.files.outputs import check_free
from rung.records import Json, Problem, digest
from rung.text.parsing import Malformed, json_of

YAML = """\
name: {name}
task: Answer the question from the passages.
knowledge:
  sources: [documents.jsonl]
  dense_weight: auto             # chosen on the dev and train cases
  ignore_identical_ids: true     # BEIR's convention: a document whose id is the query's is no result of it
cases: [cases/*.jsonl]           # queries with their gold documents; they have no answers, so they judge the search alone
rungs: [rag]
"""
SPLITS = ("test", "dev", "train")  # a query that stands in two counts for the first


@dataclass(frozen=True, slots=True)
class Made:
    """What a project was made of. `cases` counts them by split."""

    documents: int
    cases: Mapping[str, int]
    carved: bool  # dev cases were taken from the train queries, because the folder has no dev split
    identical: int  # queries whose id is a document's, which is no result of theirs
    problems: tuple[Problem, ...]


def make_project(beir: Path, folder: Path) -> Made:
    """Write `rung.yaml`, `documents.jsonl`, `queries.jsonl` and `cases/<split>.jsonl`; overwrites nothing.

    Raises:
        UserError: this is no BEIR folder, something would be overwritten, or the project cannot be written.
    """
    corpus, queries = _file(beir, "corpus.jsonl"), _file(beir, "queries.jsonl")
    judged = {path.name.split(".")[0]: path for path in sorted((beir / "qrels").glob("*.tsv*"))}
    if not judged:
        raise UserError(f"{beir / 'qrels'} holds no <split>.tsv: a BEIR folder has corpus.jsonl, queries.jsonl and qrels/")
    targets = [folder / name for name in ("rung.yaml", "documents.jsonl", "cases")]
    for path in targets:
        check_free(path, instead="name another folder")
    problems: list[Problem] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as scratch:
            making = Path(scratch)
            with (making / "documents.jsonl").open("w", encoding="utf-8") as file:
                document_ids = _write_documents(corpus, file, problems)
            texts = _texts(queries, problems)
            _write_rows(making / "queries.jsonl", ({"_id": id, "text": text} for id, text in texts.items()))
            (making / "cases").mkdir()
            counts, carved = _write_cases(making / "cases", judged, texts, document_ids, problems)
            (making / "rung.yaml").write_text(YAML.format(name=json.dumps(folder.resolve().name)), encoding="utf-8")
            for path in making.iterdir():  # all is read and written: only now does the project come to be
                if not (folder / path.name).exists():  # queries.jsonl, where this is the BEIR folder itself
                    path.rename(folder / path.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return Made(len(document_ids), counts, carved, len(document_ids & texts.keys()), tuple(problems))


def _file(beir: Path, name: str) -> Path:
    for path in (beir / name, beir / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(f"{beir} holds no {name}: a BEIR folder has corpus.jsonl, queries.jsonl and qrels/<split>.tsv")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of a text file, packed or not; blank lines are left out."""
    try:
        packed = path.suffix == ".gz"
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8-sig") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read to its end: {error}", path=path) from error


def _rows(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str, dict[str, Json]]]:
    """(line, id, row) of a JSONL file, each id once; what is none becomes a problem."""
    seen: set[str] = set()
    for number, line in _lines(path):
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


def _write_documents(corpus: Path, file: IO[str], problems: list[Problem]) -> set[str]:
    """The ids of the documents that were written. One with a title and no text keeps the title as its text."""
    document_ids: set[str] = set()
    for number, id, row in _rows(corpus, problems):
        title, text = (str(row.get(key) or "").strip() for key in ("title", "text"))
        if not (title or text):
            problems.append(Problem(str(corpus), number, f"the document '{id}' is empty; left out"))
            continue
        meta = row.get("metadata") or row.get("meta")
        document: dict[str, Json] = {"id": id, "title": title, "text": text or title}
        if isinstance(meta, dict) and meta:
            document["meta"] = meta
        file.write(json.dumps(document, ensure_ascii=False) + "\n")
        document_ids.add(id)
    return document_ids


def _texts(queries: Path, problems: list[Problem]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, id, row in _rows(queries, problems):
        text = row.get("text")
        if isinstance(text, str) and text.strip():
            texts[id] = text
        else:
            problems.append(Problem(str(queries), number, f"the query '{id}' has no text; left out"))
    return texts


def _write_cases(
    folder: Path, judged: Mapping[str, Path], texts: Mapping[str, str], documents: set[str], problems: list[Problem]
) -> tuple[dict[str, int], bool]:
    """(cases by split, whether dev cases were taken out of train). Splits of other names judge, as test does."""
    rows: dict[str, list[dict[str, Json]]] = {"train": [], "dev": [], "test": []}
    carved = "train" in judged and "dev" not in judged
    seen: set[str] = set()
    for name in sorted(judged, key=lambda name: (SPLITS.index(name) if name in SPLITS else -1, name)):
        for query, grades in _grades(judged[name], documents, problems).items():
            if query not in texts or query in seen:
                why = "has no query of that id" if query not in texts else "is judged in another split already"
                problems.append(Problem(str(judged[name]), 0, f"'{query}' {why}; left out"))
                continue
            seen.add(query)
            split = name if name in rows else "test"
            if carved and split == "train" and int(digest("split", query)[:8], 16) < DEV_SHARE * 0x1_0000_0000:
                split = "dev"
            gold: list[Json] = [id for id, _ in sorted(grades.items(), key=lambda one: -one[1])]
            meta: dict[str, Json] = {"grades": dict(grades)}
            rows[split].append({"id": query, "question": texts[query], "gold_documents": gold, "split": split, "meta": meta})
    for split, cases in rows.items():
        if cases:
            _write_rows(folder / f"{split}.jsonl", cases)
    return {split: len(cases) for split, cases in rows.items() if cases}, carved


def _grades(path: Path, documents: set[str], problems: list[Problem]) -> dict[str, dict[str, int]]:
    """Query -> document -> grade, those above 0, of documents that are there."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        parts = line.rstrip("\r\n").split("\t")
        if len(parts) != 3 or not parts[2].strip().lstrip("-").isdigit():
            if number > 1:  # the first line is the head
                problems.append(Problem(str(path), number, "must be query, document and grade, with tabs; left out"))
        elif parts[1] not in documents:
            problems.append(Problem(str(path), number, f"there is no document '{parts[1]}'; left out"))
        elif int(parts[2]) > 0:
            grades.setdefault(parts[0], {})[parts[1]] = int(parts[2])
    return grades


def _write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

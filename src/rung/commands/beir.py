"""Makes a project of a BEIR folder: `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`, each also as `.gz`.

The queries become cases that name their gold documents and have no answers: they judge the search, and choose its weight.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rung.dataset.case_rows import DEV_SHARE
from rung.errors import UserError
from rung.files.outputs import check_free
from rung.importers.beir import documents_of, grades_of, queries_of
from rung.records import Json, Problem, digest

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
    listed = [path for form in ("*.jsonl*", "*.tsv*") for path in sorted((beir / "qrels").glob(form))]
    judged = {path.name.split(".")[0]: path for path in listed}
    if not judged:
        why = "holds no <split>.tsv or <split>.jsonl: a BEIR folder has corpus.jsonl, queries.jsonl and qrels/"
        raise UserError(f"{beir / 'qrels'} {why}")
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
            texts = {id: text for _, id, text in queries_of(queries, problems)}
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


def _write_documents(corpus: Path, file: IO[str], problems: list[Problem]) -> set[str]:
    """The ids of the documents that were written."""
    document_ids: set[str] = set()
    for _, document in documents_of(corpus, problems):
        file.write(json.dumps(document, ensure_ascii=False) + "\n")
        document_ids.add(str(document["id"]))
    return document_ids


def _write_cases(
    folder: Path, judged: Mapping[str, Path], texts: Mapping[str, str], documents: set[str], problems: list[Problem]
) -> tuple[dict[str, int], bool]:
    """(cases by split, whether dev cases were taken out of train). Splits of other names judge, as test does."""
    rows: dict[str, list[dict[str, Json]]] = {"train": [], "dev": [], "test": []}
    carved = "train" in judged and "dev" not in judged
    seen: set[str] = set()
    for name in sorted(judged, key=lambda name: (SPLITS.index(name) if name in SPLITS else -1, name)):
        for query, grades in grades_of(judged[name], documents, problems).items():
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


def _write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

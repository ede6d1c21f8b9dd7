"""Rows of a project by where they came from: of an answer those that feedback on it became, of a row its parts.

A draft of feedback names in its `meta` the remarks and the expectations that it rests on, by their numbers. What a draft was
divided into is in the log of reviews.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rung.config.project import Project
from rung.dataset.load import shown_as
from rung.dataset.review_log import LOG, TABLES, numbers_in
from rung.dataset.row_files import json_lines
from rung.erasure.sources import named_by
from rung.erasure.target import value_of
from rung.erasure.written import drafts_of, reviewed_rows
from rung.records import Json, Problem

Row = Mapping[str, Json]


def arisen_from(project: Project, stored: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Ids of the rows that arose from rows of the database: of the tables of remarks and of expectations."""
    columns = tuple(zip(TABLES, ("rating", "expected"), strict=True))
    numbers = {(table, row.get("number")) for row in stored for table, column in columns if column in row}
    some = (row for row in (*_named(project), *drafted_and_reviewed(project)) if row.get("id"))
    return frozenset(str(row["id"]) for row in some if not numbers.isdisjoint(numbers_in(row)))


def with_parts(project: Project, id: str) -> frozenset[str]:
    """A row's id, and those of the drafts that it was divided into, and these again."""
    ids = {id}
    for event in _events(project):  # oldest first: parts are divided after the whole
        before, after = event.get("before"), event.get("after")
        if isinstance(before, dict) and before.get("id") in ids and isinstance(after, list):
            ids |= {str(row.get("id")) for row in after if isinstance(row, dict)}
    return frozenset(ids)


def drafted_and_reviewed(project: Project) -> Iterator[Row]:
    """The rows of all files of drafts, and as they stand in the log of reviews."""
    for path in drafts_of(project.root):
        yield from (row for _, row in json_lines(path, path.name, []))
    for event in _events(project):
        yield from reviewed_rows(event)


def _named(project: Project) -> Iterator[Row]:
    """Those of files of one row a line that `rung.yaml` names; other files have no draft in them."""
    problems: list[Problem] = []
    files = named_by(project, project.settings.cases, "cases")
    files += named_by(project, project.settings.behaviour.examples, "behaviour", "examples")
    for path in files:
        if path.suffix == ".jsonl":
            yield from (row for _, row in json_lines(path, shown_as(project, path), problems))


def _events(project: Project) -> list[dict[str, Json]]:
    path = project.root / LOG
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [event for line in lines if isinstance(event := value_of(line), dict)]

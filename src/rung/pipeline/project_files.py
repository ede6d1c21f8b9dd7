"""All that a project's files hold, read for `rung check` and a dry run: no model is opened, and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.config.project import Project
from rung.dataset.load import Dataset, load_dataset, with_evidence
from rung.dataset.obstacles import Obstacles
from rung.dataset.retrieval_pairs import Teaching, read_teaching
from rung.pipeline.slips import nearest
from rung.pipeline.sources import Sources
from rung.records import Case, Document, Dropped, Problem


@dataclass(frozen=True, slots=True)
class Read:
    """What the project's files hold; `groups`: document id -> who may read it."""

    rows: Dataset
    documents: Sequence[Document]
    groups: Mapping[str, Sequence[str]]
    teaching: Teaching


def read_files(project: Project, met: Obstacles) -> tuple[Read, list[Problem], list[Dropped]]:
    """All files; what of the documents was left out, and what rules leave out of them."""
    rows = load_dataset(project, obstacles=met)
    documents, problems, dropped = _documents(project, met)
    if project.settings.knowledge.sources:
        from rung.knowledge import find_quote

        texts = {document.id: document.text for document in documents}
        rows = with_evidence(rows, texts.get, find_quote, nearest=lambda name: nearest(name, texts))
    teaching = met.past(lambda: read_teaching(project, _judging(rows)), Teaching())
    return Read(rows, documents, {document.id: document.groups for document in documents}, teaching), problems, dropped


def _documents(project: Project, met: Obstacles) -> tuple[list[Document], list[Problem], list[Dropped]]:
    if not project.settings.knowledge.sources:
        return [], [], []
    sources = Sources(project, remember=False)
    documents: list[Document] = met.past(lambda: list(sources), [])
    return documents, sources.problems, sources.dropped


def _judging(rows: Dataset) -> tuple[Case, ...]:
    return tuple(case for case in rows.cases if case.split != "train")

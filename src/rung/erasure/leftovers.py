"""Documents that are searched no more, and where the project's state still names or quotes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rung.artifacts.registry import Registry
from rung.config.project import Project
from rung.dataset.load import paths
from rung.dataset.row_files import json_lines
from rung.erasure.served import Served
from rung.erasure.verdicts import folders
from rung.errors import UserError
from rung.pipeline.cache_invalidation import is_gone
from rung.pipeline.evaluation_store import EVALUATIONS, passages_in
from rung.runtime.cache import FILE
from rung.runtime.engines import open_cache

if TYPE_CHECKING:
    from rung.knowledge.protocol import Index

EARLIER, RESULTS, VERDICTS = "earlier versions of the index", "memory of steps", "answers of verdicts"
CASES, TAUGHT = "cases of yours", "rows that taught artifacts"


def leftovers(project: Project, index: Index | None, texts: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Document -> place -> how often, of every document that is not among those of `texts` (id -> text), or of which a
    passage is not in it any more.

    Raises:
        UserError: a place cannot be read.
    """
    gone: dict[str, Counter[str]] = {}
    for place_name, document in _named(project, index, texts):
        gone.setdefault(document, Counter())[place_name] += 1
    return gone


def is_named(project: Project, document: str) -> bool:
    """Whether verdicts show a document of this id, or what serving keeps names one.

    Raises:
        UserError: the database cannot be used.
    """
    if any(id == document for _, id in Served(project).documents()):
        return True
    return any(document in _shown(folder / EVALUATIONS) for folder in folders(project))


def _shown(path: Path) -> set[str]:
    """Documents that the answers of a verdict were shown; none where they cannot be read."""
    try:
        return {passage.document for passage in passages_in(path)} if path.is_file() else set()
    except UserError:
        return set()


def _named(project: Project, index: Index | None, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for version in index.versions()[1:] if index is not None else ():
        snapshot = index.snapshot(version.number) if index is not None else None
        yield from ((EARLIER, id) for id in (snapshot.state.documents if snapshot else ()) if id not in texts)
    if (project.state / FILE).exists():
        with closing(open_cache(project)) as cache:
            passages = (passage for some in cache.passages() for _, passage in some)
            yield from ((RESULTS, passage.document) for passage in passages if is_gone(passage, texts.get))
    for folder in folders(project):
        path = folder / EVALUATIONS
        try:
            shown = {p.document for p in passages_in(path) if is_gone(p, texts.get)} if path.is_file() else set()
        except UserError:
            shown = set()
        yield from ((VERDICTS, id) for id in shown)
    yield from _in_rows(project, texts)
    for place_name, id in Served(project).documents():
        if id not in texts:
            yield place_name, id


def _in_rows(project: Project, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Cases that name a document which is gone, and those of them that taught an artifact."""
    registry = Registry(project.state)
    taught = {row.id for artifact in registry.artifacts() for row in registry.rows(artifact) or ()}
    try:
        files = list(paths(project, project.settings.cases, ("cases",)))
    except UserError:  # files that are gone name nothing
        return
    for path in files:
        for _, row in json_lines(path, path.name, []):
            evidence, gold = row.get("evidence"), row.get("gold_documents")
            items = [*(evidence if isinstance(evidence, list) else ()), *(gold if isinstance(gold, list) else ())]
            ids = {str(item.get("document")) if isinstance(item, dict) else str(item) for item in items}
            for id in sorted(ids - texts.keys()):
                yield CASES, id
                if str(row.get("id", "")) in taught:
                    yield TAUGHT, id

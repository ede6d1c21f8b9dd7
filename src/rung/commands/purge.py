"""Erases what deleted documents left in a project's state: old versions and rows of the index, results that were made of
them, freed pages of the databases, and of verdicts the pages that show passages which no document holds any more, and the
stored answers that found one; of traces their texts, and the differences of deployments.

A verdict's numbers stay: its table, its line of JSON and its record hold no texts. Which documents are gone is left to the
sync before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rung.artifacts.store import forget_chunked_indexes
from rung.config.project import Project
from rung.erasure.databases import vacuum
from rung.erasure.stale import Stale, end_stale, stale_in
from rung.erasure.verdicts import folders, remove
from rung.errors import UserError
from rung.files.durable import SET_ASIDE
from rung.pipeline.cache_invalidation import forget_gone, is_gone
from rung.pipeline.evaluation_store import EVALUATIONS, passages_in
from rung.pipeline.publishing import JUNIT, MARKDOWN, PAGE, RAGAS
from rung.runtime.engines import index_of, open_cache

WITH_TEXTS = (PAGE, MARKDOWN, JUNIT, RAGAS)  # files of a verdict that speak of single answers


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What went: folders of verdicts whose pages were removed; the project's own page where it still is one of these;
    folders of verdicts whose stored answers were removed; `served`: traces without their texts now, and differences."""

    verdicts: tuple[Path, ...]
    page: Path | None
    answers: tuple[Path, ...] = ()
    served: Stale = field(default_factory=Stale)


def purge(project: Project, *, dry_run: bool = False) -> PurgeReport:
    """Keep the newest version of the index alone, and nothing of what it does not hold. `dry_run`: say what would go.

    Raises:
        UserError: the index or a database is in use by another process, or cannot be written.
    """
    index = index_of(project)
    snapshot = index.snapshot()
    texts = {} if snapshot is None else {document.id: document.text for document in snapshot.documents()}
    stale = [folder for folder in folders(project) if _is_stale(folder, texts)]
    own = project.root / PAGE
    shown = own.is_file() and any((folder / PAGE).is_file() and _equal(own, folder / PAGE) for folder in stale)
    answers = tuple(folder for folder in folders(project) if folder in stale or _has_retrieved(folder, texts))
    with_answers = tuple(at for at in answers if (at / EVALUATIONS).is_file())
    report = PurgeReport(tuple(stale), own if shown else None, with_answers, stale_in(project, texts))
    if dry_run:
        return report
    index.prune()
    forget_chunked_indexes(project.state)
    left = index.snapshot()
    with closing(open_cache(project)) as cache:
        forget_gone(cache, lambda ids: left.documents(ids) if left else ())
    for folder in stale:
        remove(folder, WITH_TEXTS)
    for folder in report.answers:
        remove(folder, (EVALUATIONS,))
    end_stale(project, report.served)
    shutil.rmtree(project.state / SET_ASIDE, ignore_errors=True)  # what was damaged may hold them, too
    for path in sorted(project.state.glob("*.db")):
        vacuum(path)
    return report


def _is_stale(folder: Path, texts: Mapping[str, str]) -> bool:
    """Whether a verdict's answers were given from a passage that its document does not hold any more.

    Earlier versions did not name the documents of passages: then any document may hold it. A verdict whose answers cannot be
    read is taken for stale.
    """
    if not any((folder / name).is_file() for name in WITH_TEXTS):
        return False
    retrieved: set[tuple[str, str]] = set()
    try:
        for line in filter(None, (folder / RAGAS).read_text(encoding="utf-8").split("\n")):
            row = json.loads(line)
            contexts = row["retrieved_contexts"]
            ids = row.get("retrieved_context_ids") or [""] * len(contexts)
            retrieved.update(zip((str(id).rpartition("#")[0] for id in ids), contexts, strict=True))
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return any(
        context not in texts.get(document, "") if document else not any(context in text for text in texts.values())
        for document, context in retrieved
    )


def _has_retrieved(folder: Path, texts: Mapping[str, str]) -> bool:
    """Whether a verdict's stored answers had found a passage that its document does not hold any more; those that cannot be
    read are taken to."""
    path = folder / EVALUATIONS
    try:
        return path.is_file() and any(is_gone(passage, texts.get) for passage in passages_in(path))
    except UserError:
        return True


def _equal(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()

"""The index for commands that search and measure nothing: up to date where that can be, else as it was, and that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.pipeline.prepare import LISTED, Indexed, listed, up_to_date, who_writes_contexts
from rung.pipeline.todays_access import has_changed
from rung.progress import say
from rung.runtime.engines import Engines
from rung.runtime.passage_contexts import ContextsFailed
from rung.runtime.runner import StepRunner

if TYPE_CHECKING:
    from rung.knowledge import Knowledge


def searchable(engines: Engines) -> Indexed:
    """`up_to_date`, with stand-ins; where the model of the sentences of context fails, the index as it was.

    Raises:
        UserError: as `up_to_date`; that model fails and nothing is indexed yet, or who may read what has changed since.
    """
    from rung.knowledge import SyncReport

    try:
        return up_to_date(engines, at_once=True)
    except ContextsFailed as error:
        knowledge = engines.documents
        if not knowledge.version:
            raise
        if has_changed(engines.project):
            raise UserError(
                f"{error}; the index of before is not searched: who may read its documents has changed"
            ) from error
        behind = f"! the index is not up to date, and version {knowledge.version} is searched: {error}"
    say(behind)
    count = len(knowledge.document_groups())
    report = SyncReport(unchanged=count, passages=knowledge.passage_count, version=knowledge.version)
    return Indexed(knowledge, count, report, (), behind=behind)


def at_hand(engines: Engines) -> Knowledge | None:
    """The index as it is where no source has changed since the last sync, else `searchable`; None where the project names
    no documents. A glance at the files' times tells; documents are not read for it.

    Raises:
        UserError: as `searchable`.
    """
    knowledge = engines.knowledge
    if knowledge is None:
        return None
    knowledge.refresh()
    who_writes_contexts(knowledge, StepRunner(engines))  # for documents cut in another way, which follow this index
    cached, seen = engines.cache.noted(*LISTED), listed(engines)
    if seen is not None and cached == [seen, knowledge.version] and not knowledge.held:
        return knowledge
    return searchable(engines).knowledge

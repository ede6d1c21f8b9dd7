"""A search that notes which documents it gave passages of: what a text is made of is looked at before it is made.

Of an index that has not followed the documents yet it gives only what still stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.knowledge.protocol import IndexGone
from rung.records import Asker, Failure
from rung.records.steps import Engine, Request, Result, Search, SearchResult
from rung.serving.following import Following
from rung.strategies.retrieving import DOCUMENTS

if TYPE_CHECKING:
    from rung.knowledge import Knowledge


@dataclass(frozen=True)
class NotingSearch:
    """A search, its documents noted: those of the project's index and of what follows it, not examples."""

    engine: Engine
    following: Following
    documents: set[str] = field(default_factory=set)

    @property
    def identity(self) -> str:
        """The engine's."""
        return self.engine.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """See `rung.records.steps.Engine`."""
        names = {request.step.index for request in requests if isinstance(request.step, Search)}
        behind = {name: old for name in names if (old := self.following.behind(name)) is not None}
        try:
            for index, result in self.engine.run(requests):
                step = requests[index].step
                if isinstance(result, SearchResult) and isinstance(step, Search):
                    yield index, self._noted(result, step, requests[index].asker, behind.get(step.index))
                else:
                    yield index, result
        except IndexGone:
            if names & self.following.cuttings.keys():
                self.following.lost()
            raise

    def _noted(self, result: SearchResult, step: Search, asker: Asker, old: Knowledge | None) -> SearchResult:
        passages = result.passages if old is None else self.following.still(old, result.passages, asker)
        if step.index == DOCUMENTS or step.index in self.following.cuttings:
            self.documents.update(passage.document for passage in passages)
        return replace(result, passages=passages)

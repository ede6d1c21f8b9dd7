"""A search that notes which documents it gave passages of: what a text is made of is looked at before it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rung.records import Failure
from rung.records.steps import Engine, Request, Result, Search, SearchResult


@dataclass(frozen=True)
class NotingSearch:
    """A search, its documents noted. `indexes`: the names of those that hold documents, and not examples."""

    engine: Engine
    indexes: Collection[str]
    documents: set[str] = field(default_factory=set)

    @property
    def identity(self) -> str:
        """The engine's."""
        return self.engine.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """See `rung.records.steps.Engine`."""
        for index, result in self.engine.run(requests):
            step = requests[index].step
            if isinstance(result, SearchResult) and isinstance(step, Search) and step.index in self.indexes:
                self.documents.update(passage.document for passage in result.passages)
            yield index, result

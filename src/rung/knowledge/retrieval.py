"""What searches find: the engine of `Search` steps; many queries embedded in one call, each for its asker.

Ranking is left to the store and `ranking`, the index of examples to `examples_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rung.errors import UserError
from rung.knowledge.chunking.passages import whole
from rung.knowledge.examples_index import ExamplesIndex
from rung.knowledge.filters import matches, parsed
from rung.knowledge.protocol import Embedder, Fusion, Groups, Lookup, Snapshot
from rung.records import Failure, Passage, digest
from rung.records.steps import Request, Result, Search, SearchResult

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

DOCUMENTS = "documents"
_AT_ONCE = 500


class Searchable(Protocol):
    """What the engine needs of the knowledge; `Knowledge` is one."""

    @property
    def identity(self) -> str: ...

    @property
    def fusion(self) -> Fusion: ...

    @property
    def embedder(self) -> Embedder: ...

    def snapshot(self) -> Snapshot: ...

    def asked(self, passages: Iterable[Passage]) -> None:
        """Told what searches found."""
        ...


class KnowledgeEngine:
    """Carries out `Search` steps, an `Engine`. `knowledge` None: the project has no documents, only examples.

    `example_indexes` maps the digests that steps name to folders; it may grow while the engine is in use. An index of
    examples is named by the digest of its content, so the engine's identity is that of the documents alone. `cuttings`: the
    same documents cut or embedded in other ways, by the digest that steps name; each is searched by its own embedder, with
    its own weights.
    """

    def __init__(
        self,
        knowledge: Searchable | None,
        *,
        example_indexes: Mapping[str, Path],
        embedder: Callable[[], Embedder],
        cuttings: Mapping[str, Searchable] | None = None,
    ) -> None:
        self._knowledge, self._folders, self._make = knowledge, example_indexes, embedder
        self._cuttings = {} if cuttings is None else cuttings
        self._examples: dict[str, ExamplesIndex] = {}

    @property
    def identity(self) -> str:
        """Digest of the documents, the embedder and the settings of the search."""
        return digest("search", self._knowledge.identity if self._knowledge else None)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield each result; see `rung.records.steps.Engine`. Equal searches are done once, a query is embedded once.

        Raises:
            UserError: the index is out of date or unreadable.
        """
        lookups: dict[tuple[Search, Groups], list[int]] = {}
        for index, request in enumerate(requests):
            if not isinstance(request.step, Search):
                yield index, Failure(f"a {type(request.step).__name__} is no search")
            elif (why := self._refusal(request.step)) is not None:
                yield index, Failure(why, step="search")
            else:
                lookups.setdefault((request.step, request.asker.groups), []).append(index)
        if not lookups:
            return
        for passages, places in zip(self._results(list(lookups)), lookups.values(), strict=True):
            for index in places:
                yield index, SearchResult(passages)

    @cached_property
    def _embedder(self) -> Embedder:
        return self._make()

    def _refusal(self, step: Search) -> str | None:
        """Why this search cannot be done."""
        try:
            parsed(step.where)
            if step.index == DOCUMENTS or step.index in self._cuttings:
                return None if self._knowledge else "the project has no documents to search (knowledge.sources)"
            if step.where:
                return "examples have no metadata to filter by"
            self._example_index(step.index)
        except UserError as error:
            return str(error)
        return None

    def _example_index(self, name: str) -> ExamplesIndex:
        if name not in self._examples:
            if name not in self._folders:
                raise UserError(f"there is no index '{name}' to search")
            index = ExamplesIndex.open(self._folders[name])
            if index.embedder != self._embedder.identity:
                raise UserError(f"the index '{name}' was made with another embedder, {index.embedder}")
            self._examples[name] = index
        return self._examples[name]

    def _is_good(self, name: str) -> bool:
        """Whether an index of examples is good for the documents as they are now."""
        documents = self._example_index(name).documents
        return documents is None or documents == (self._knowledge.identity if self._knowledge else "")

    def _results(self, searches: Sequence[tuple[Search, Groups]]) -> list[tuple[Passage, ...]]:
        vectors = self._vectors([step for step, _ in searches if not step.everything])
        results: list[tuple[Passage, ...]] = [()] * len(searches)  # a query that says nothing finds nothing
        lookups: dict[tuple[str, float | None], list[tuple[int, Lookup]]] = {}
        for at, (step, groups) in enumerate(searches):
            if step.top < 1:
                continue
            is_documents = step.index == DOCUMENTS or step.index in self._cuttings
            if step.everything and is_documents:
                results[at] = everything(self._snapshot(), groups, step.top, step.where)
            elif not is_documents and not self._is_good(step.index):
                continue  # made of other documents than those of now: it holds nothing
            elif step.everything:
                results[at] = self._example_index(step.index).everything(step.top, groups)
            elif step.query.strip() and is_documents:
                later = partial(vectors[step.index].of, step.query)
                lookup = Lookup(readable(step.query), later, groups, step.top, step.where, step.diversity)
                lookups.setdefault((step.index, step.dense_weight), []).append((at, lookup))
            elif step.query.strip():
                results[at] = self._example_index(step.index).search(vectors[step.index].of(step.query), step.top, groups)
        for (index, weight), some in lookups.items():
            knowledge = self._cuttings.get(index, self._knowledge)
            if knowledge:
                fusion = knowledge.fusion if weight is None else replace(knowledge.fusion, dense_weight=weight)
                batch = knowledge.snapshot().search([lookup for _, lookup in some], fusion)
                knowledge.asked(chain.from_iterable(batch))
                for (at, _), passages in zip(some, batch, strict=True):
                    results[at] = passages
        return results

    def _vectors(self, steps: Sequence[Search]) -> dict[str, _Embedded]:
        """By index; those with one embedder have one."""
        by_embedder: dict[str, _Embedded] = {}
        by_index: dict[str, _Embedded] = {}
        for step in steps:
            own = self._cuttings.get(step.index)
            embedder = self._embedder if own is None else own.embedder
            by_index[step.index] = by_embedder.setdefault(embedder.identity, _Embedded(embedder))
            by_index[step.index].queries.append(step.query)
        return by_index

    def _snapshot(self) -> Snapshot:
        if self._knowledge is None:
            raise UserError("the project has no documents to search (knowledge.sources)")
        return self._knowledge.snapshot()


@dataclass
class _Embedded:
    """Queries that are embedded when the first vector is asked for, all in one call."""

    embedder: Embedder
    queries: list[str] = field(default_factory=list)
    _vectors: dict[str, Vectors] = field(default_factory=dict)

    def of(self, query: str) -> Vectors:
        """The vector of one that says anything, shape [dimensions]."""
        if not self._vectors:
            self._vectors = embedded(self.queries, self.embedder)
        return self._vectors[query]


def everything(snapshot: Snapshot, groups: Groups, top: int, where: str = "") -> tuple[Passage, ...]:
    """The readable documents that meet a condition, in order of id, each whole as one passage, at most `top` of them."""
    access, terms = snapshot.groups, parsed(where)
    ids = [id for id in sorted(access) if groups is None or not access[id] or groups & set(access[id])]
    passages: list[Passage] = []
    for start in range(0, len(ids), _AT_ONCE):
        if len(passages) >= top:
            break
        some = (whole(d) for d in snapshot.documents(ids[start : start + _AT_ONCE]) if matches(d, terms))
        passages += [passage for passage in some if passage.text]
    return tuple(passages[:top])


def embedded(queries: Sequence[str], embedder: Embedder) -> dict[str, Vectors]:
    """The vector of each distinct query that says anything, in one call."""
    distinct = [query for query in dict.fromkeys(queries) if query.strip()]
    if not distinct:
        return {}
    return dict(zip(distinct, embedder.embed([readable(query) for query in distinct], kind="query"), strict=True))


def readable(query: str) -> str:
    """A query that can be encoded: half characters, as a broken client may send them, become question marks."""
    return query.encode("utf-8", "replace").decode("utf-8")

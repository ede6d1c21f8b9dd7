"""What queries find: one query with all that `rung search` can be asked for, or a whole file into a TREC run.

Ranking is left to `knowledge`, reranking to the project's reranker.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.dataset.row_files import json_lines
from rung.errors import InputError, UserError
from rung.exporters.trec import best_of_documents, run_lines, word
from rung.files.outputs import check_free, new_file
from rung.knowledge.filters import described, parsed, value_of
from rung.pipeline.dense_weight import Weight, settle_alone
from rung.pipeline.prepare import stand_ins
from rung.pipeline.searchable import searchable
from rung.progress import phase, say
from rung.records import Asker, Failure, Passage, Problem
from rung.records.steps import Engine, Request, Rerank, Search, SearchResult, Step
from rung.runtime.engines import Engines, index_of

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Explained

RERANKED = 50  # passages that a reranker is given, where fewer are asked for
DOCUMENTS = 100  # of one query in a TREC run, where nothing else is said
_TOGETHER = 512  # queries that are embedded, searched and reranked at once
_PER_DOCUMENT = 4  # passages asked for, for each document wanted; a query that needs more is asked again
_MAX_TOP = 100_000
KINDS = {"n": "a number", "t": "a date", "s": "text", "b": "true or false"}


@dataclass(frozen=True, slots=True)
class Query:
    """A row of a query file."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked of a search beside its words."""

    top: int = 5
    asker: Asker = field(default_factory=Asker)
    where: str = ""
    diversity: float = 0.0
    rerank: bool = False


@dataclass(frozen=True, slots=True)
class TrecRun:
    """What was written. `bare`: queries that found nothing; `renamed`: documents whose id has spaces, written with %20;
    `itself`: queries that found the document of their own id, which was left out.
    """

    queries: int
    lines: int
    bare: int
    renamed: int
    itself: int = 0
    problems: tuple[Problem, ...] = ()


class Searcher:
    """A project's search, the index brought up to date (see `searchable`) and its weight settled."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        indexed = searchable(engines)
        self.knowledge: Knowledge = indexed.knowledge
        self.problems, self.behind = indexed.problems, indexed.behind
        if self.knowledge.held:
            say("\n".join(map(str, self.problems)))
        elif self.problems:
            say(f"problems with rows or files: {len(self.problems)} (rung check lists them)")
        if words := stand_ins(self.knowledge):
            say(f"{words}; 'rung sync' goes on with the encoder's")
        self.weight: Weight = settle_alone(engines, indexed.knowledge)
        self.ignores_identical_ids = engines.project.settings.knowledge.ignore_identical_ids

    def find(self, queries: Sequence[str], request: SearchRequest) -> list[tuple[Passage, ...]]:
        """For each query its passages, best first; all queries in one call of each engine.

        Raises:
            UserError: a search failed (`where` is no condition), or reranking is asked for and the project has no reranker.
        """
        depth = max(request.top, RERANKED) if request.rerank else request.top
        steps = [Search(query, depth, where=request.where, diversity=request.diversity) for query in queries]
        rankings = _run(self.knowledge.engine(), steps, request.asker)
        if not request.rerank:
            return rankings
        engine = self._engines.reranker
        if engine is None:
            message = "there is no reranker to rerank with; name one, such as 'reranker: cross-encoder:<folder>'"
            raise self._engines.project.error(message, "reranker")
        again = [Rerank(query, passages, request.top) for query, passages in zip(queries, rankings, strict=True)]
        return _run(engine, again, request.asker)

    def unknown(self, where: str) -> list[str]:
        """What is to be said of a condition: its keys that no document has, each with the nearest that there is."""
        keys = dict.fromkeys(term.key for term in parsed(where))
        lacking = [key for key in keys if not self.knowledge.snapshot().has_key(key)]
        there = sorted(self.knowledge.snapshot().keys()) if lacking else []
        remarks = []
        for key in lacking:
            near = difflib.get_close_matches(key, there, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(there[:12])}{' …' * (len(there) > 12)}"
            remarks.append(f"no document has '{key}', so nothing can meet the condition; {hint}")
        return remarks

    def kinds_amiss(self, where: str) -> list[str]:
        """What is to be said of a condition that compares a key with a value of another kind than any document has."""
        remarks = []
        for term in parsed(where):
            if not self.knowledge.snapshot().has_key(term.key):
                continue
            values = (v for d in self.knowledge.snapshot().documents() for key, v in described(d) if key == term.key)
            held = {value.kind for value in values}
            if all(value_of(one).kind not in held for one in term.values):
                kinds = " and ".join(sorted(KINDS[kind] for kind in held))
                given = ", ".join(f"{one!r} is {KINDS[value_of(one).kind]}" for one in term.values)
                remarks.append(f"'{term.key}' holds {kinds}, and {given}: values compare only with their own kind")
        return remarks

    def strangers(self, asker: Asker) -> list[str]:
        """What is to be said of an asker's groups that no document has, each with the nearest that there is."""
        return strange_groups(asker.groups or (), self.knowledge.snapshot().groups)

    def why_nothing(self, query: str, request: SearchRequest) -> str:
        """Why a query found nothing: the condition, the asker's groups, or neither."""
        whole = replace(request, asker=Asker(), where="", top=1, rerank=False)
        if request.where and not self.find([query], replace(whole, where=request.where))[0]:
            return "nothing was found: no passage meets the condition"
        if request.asker.groups is not None and self.find([query], whole)[0]:
            also = " and that meets the condition" if request.where else ""
            return f"nothing that this asker may read{also} was found"
        return "nothing was found"

    def explain(self, query: str, request: SearchRequest) -> tuple[Explained, ...]:
        """What a plain search finds, each with its places in the rankings."""
        return self.knowledge.explain(query, asker=request.asker, top=request.top, where=request.where)


def strange_groups(groups: Iterable[str], access: Mapping[str, Sequence[str]]) -> list[str]:
    """What is to be said of groups that no document is for, each with the nearest that there is.

    Args:
        groups: those of an asker.
        access: document -> groups that may read it, none being everybody.
    """
    there = sorted({group for readers in access.values() for group in readers})
    remarks = []
    for group in sorted(set(groups) - set(there)):
        near = difflib.get_close_matches(group, there, n=1)
        hint = f"there are: {', '.join(there[:12])}{' …' * (len(there) > 12)}" if there else "none has any groups"
        remarks.append(f"no document is for '{group}'; " + (f"did you mean '{near[0]}'?" if near else hint))
    return remarks


def strangers(project: Project, groups: Iterable[str]) -> list[str]:
    """`strange_groups` of a project by its index as it is; nothing where there is none here."""
    names = set(groups)
    if not names or not project.settings.knowledge.sources or not (project.state / "index").is_dir():
        return []
    snapshot = index_of(project).snapshot()
    return [] if snapshot is None else strange_groups(names, snapshot.groups)


def write_run(searcher: Searcher, queries: Path, run: Path, request: SearchRequest, *, force: bool = False) -> TrecRun:
    """Answer a query file (BEIR: `{"_id", "text"}` a line) into a TREC run: best passage of each document, best first.

    Written whole or not at all. `wanted.top` counts documents. Where the project says `knowledge.ignore_identical_ids`,
    the document of a query's own id is left out, as BEIR's evaluation does.

    Raises:
        UserError: the file cannot be read or holds no query, or the run is there already (`force`) or cannot be written.
    """
    check_free(run, force=force)
    problems: list[Problem] = []
    asked = list(read_queries(queries, problems))
    if not asked:
        listed = "".join(f"\n  {problem}" for problem in problems[:10])
        raise InputError(f'no query could be read; each line is {{"_id": …, "text": …}}{listed}', path=queries)
    lines, bare, itself, renamed = 0, 0, 0, set[str]()
    own = searcher.ignores_identical_ids
    with new_file(run, force=force) as file, phase("search") as tick:
        for start in range(0, len(asked), _TOGETHER):
            some = asked[start : start + _TOGETHER]
            deep = replace(request, top=request.top + own)
            for query, passages in zip(some, _documents(searcher, [q.text for q in some], deep), strict=True):
                ranking = [p for p in passages if not (own and p.document == query.id)][: request.top]
                itself += own and any(p.document == query.id for p in passages)
                bare += not ranking
                lines += len(ranking)
                renamed |= {p.document for p in ranking if word(p.document) != p.document}
                file.writelines(run_lines(query.id, ranking))
            tick(start + len(some), len(asked), "")
    return TrecRun(len(asked), lines, bare, len(renamed), itself, tuple(problems))


def read_queries(path: Path, problems: list[Problem]) -> Iterator[Query]:
    """The queries of a JSONL file: `_id` or `id`, and `text`, `query` or `question`. What is none becomes a problem.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError("there is no such file of queries", path=path)
    seen: set[str] = set()
    for number, row in json_lines(path, str(path), problems):
        id = row.get("_id", row.get("id"))
        text = next((row[key] for key in ("text", "query", "question") if key in row), None)
        if not isinstance(id, (str, int)) or isinstance(id, bool) or not str(id).strip():
            problems.append(Problem(str(path), number, f"'_id' must be text that is not empty, found {id!r}"))
        elif not isinstance(text, str) or not text.strip():
            problems.append(Problem(str(path), number, f"'text' must be text that is not empty, found {text!r}"))
        elif str(id) in seen:
            problems.append(Problem(str(path), number, f"the id '{id}' is there already; this row is left out"))
        else:
            seen.add(str(id))
            yield Query(str(id), text)


def _documents(searcher: Searcher, queries: Sequence[str], request: SearchRequest) -> list[list[Passage]]:
    """Asks deeper for those queries whose passages come from too few documents; not where each passage is to be reranked."""
    rankings: dict[int, list[Passage]] = {}
    left, depth = list(range(len(queries))), max(request.top, RERANKED) if request.rerank else request.top * _PER_DOCUMENT
    while left:
        deep = replace(request, top=depth)
        again = []
        for index, ranking in zip(left, searcher.find([queries[index] for index in left], deep), strict=True):
            rankings[index] = best_of_documents(ranking, request.top)
            if len(rankings[index]) < request.top and len(ranking) == depth and depth < _MAX_TOP and not request.rerank:
                again.append(index)
        left, depth = again, depth * 4
    return [rankings[index] for index in range(len(queries))]


def _run(engine: Engine, steps: Sequence[Step], asker: Asker) -> list[tuple[Passage, ...]]:
    results: dict[int, tuple[Passage, ...]] = {}
    for index, result in engine.run([Request(step, asker) for step in steps]):
        if isinstance(result, Failure):
            raise UserError(result.error)
        if isinstance(result, SearchResult):
            results[index] = result.passages
    return [results[index] for index in range(len(steps))]

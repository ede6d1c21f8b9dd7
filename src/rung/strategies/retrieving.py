"""The passages that a question finds: search, and where the settings ask for it, other words to search with, a reranker.

Pure: it yields steps. Ranking within a search is left to `knowledge`, what is done with the passages to the rungs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Protocol

from rung.records import Message, Passage, Question
from rung.records.steps import Conversation, Generate, generate, rerank, search
from rung.stats.rank_fusion import fused_ranks
from rung.strategies.history import Standalone, standalone
from rung.strategies.prompting import hypothetical_passage, standalone_query
from rung.strategies.protocol import Materials, NotApplicable
from rung.strategies.settings import History, Retrieval, Rewrite

DOCUMENTS = "documents"  # the project's own index
QUERY_TOKENS, PASSAGE_TOKENS = 48, 128
NO_DOCUMENTS = "the project has no documents (knowledge.sources)"
NO_RERANKER = "its setting 'rerank' is on, but rung.yaml names no reranker (reranker: …)"


class HasQueries(Protocol):
    """The settings that say with what words is searched."""

    @property
    def rewrite(self) -> Rewrite: ...

    @property
    def history(self) -> History: ...


def unsearchable(materials: Materials, *, rerank: bool) -> NotApplicable | None:
    """Why a rung that searches does not apply: there is nothing to search, or nobody to put it in order; else None."""
    if not materials.has_documents:
        return NotApplicable(NO_DOCUMENTS)
    return NotApplicable(NO_RERANKER) if rerank and not materials.reranker else None


def retrieve(question: Question, settings: Retrieval, index: str = DOCUMENTS) -> Conversation[tuple[Passage, ...]]:
    """The ranking for a question, best first, at most `settings.candidates`.

    With `rewrite` a second search is made, with the model's own words, and the two rankings become one: a bad rewriting
    then costs places, never the passage. The reranker sees the question as it was asked, standing alone.
    """
    asked = yield from standalone(question, settings.history)
    return (yield from retrieve_for(asked, settings, index))


def retrieve_for(asked: Standalone, settings: Retrieval, index: str = DOCUMENTS) -> Conversation[tuple[Passage, ...]]:
    """As `retrieve`, for a question that stands alone by now.

    The rankings of its words and of those `beside` it are interleaved, its own first: where one finds nothing of use, as
    the joined turns do after a change of topic, the other's best passages are still among the first.
    """
    rankings: list[tuple[Passage, ...]] = []
    for query in (yield from _queries(asked, settings)):
        rankings.append((yield from _searched(query, settings, index)))
    ranking = rankings[0] if len(rankings) == 1 else merged(rankings)[: settings.candidates]
    if asked.beside:
        plain = yield from _searched(asked.beside, settings, index)
        ranking = interleaved([ranking, plain])[: settings.candidates]
    if not settings.rerank or not ranking:
        return ranking
    better = yield from rerank(asked.text, ranking, top=settings.candidates)
    return better.passages


def generates_first(settings: HasQueries) -> bool:
    """Whether words to search with are generated before the answer is, which then cannot be streamed."""
    return settings.rewrite != "none" or settings.history == "condense"


def _searched(query: str, settings: Retrieval, index: str) -> Conversation[tuple[Passage, ...]]:
    weight = None if settings.dense_weight == -1 else settings.dense_weight
    result = yield from search(
        query, top=settings.candidates, index=index, diversity=settings.diversity, dense_weight=weight
    )
    return result.passages


def _queries(asked: Standalone, settings: Retrieval) -> Conversation[tuple[str, ...]]:
    """The words of a question that stands alone, and the model's where they are asked for and say something else."""
    messages: tuple[Message, ...]
    match settings.rewrite:
        case "query":
            messages, tokens = standalone_query(asked.question), QUERY_TOKENS
        case "hyde":
            messages, tokens = hypothetical_passage(asked.question), PASSAGE_TOKENS
        case _:
            return (asked.text,)
    response = yield from generate(Generate(messages, max_tokens=tokens))
    other = " ".join(response.text.split())
    return (asked.text, other) if other and other not in (asked.text, asked.beside) else (asked.text,)


def interleaved(rankings: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    """The first passage of each ranking, then the second of each, and so on, each once: for different questions."""
    by_rank = zip_longest(*rankings)
    passages: dict[str, Passage] = {}
    for passage in chain.from_iterable(by_rank):
        if passage is not None:
            passages.setdefault(passage.id, passage)
    return tuple(passages.values())


def merged(rankings: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    """One ranking of several by reciprocal rank fusion, each with equal weight; equal scores in the order of first sight."""
    passages = {passage.id: passage for ranking in reversed(rankings) for passage in ranking}
    ids = [[passage.id for passage in ranking] for ranking in rankings]
    return tuple(replace(passages[id], score=score) for id, score in fused_ranks(ids))

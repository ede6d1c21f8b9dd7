"""The two reference arms: closed book and oracle. Always measured beside the rungs, never served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.steps import Conversation
from rung.strategies.prompting import worked_examples
from rung.strategies.protocol import Materials, NotApplicable, Plan
from rung.strategies.rag import NO_DOCUMENTS, answer_from
from rung.strategies.retrieving import NO_RERANKER, retrieve
from rung.strategies.settings import Retrieval, read, shown
from rung.strategies.structured import constrained


@dataclass(frozen=True, slots=True)
class Unread:
    """Settings of the arm that reads nothing: those of `rag` that have nothing to do with passages."""

    shots: int = 0
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ClosedBook:
    """`oracle` without any passage: the same worked examples, the same hold on the output, nothing to read."""

    name: ClassVar[str] = "closed_book"
    reference: ClassVar[bool] = True
    shares: ClassVar[tuple[str, ...]] = ("shots", "max_tokens")  # with `rag`
    materials: Materials
    settings: Unread

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Always applies."""
        chosen = read(Unread, settings, rung=cls.name)
        return Plan(shown(chosen), lambda _: cls(materials, chosen))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation."""
        worked = worked_examples(self.materials, self.settings.shots, with_passages=False)
        return constrained(self.materials, question, self.settings.max_tokens, worked=worked)


@dataclass(frozen=True, slots=True)
class Oracle:
    """`rag` with perfect retrieval: shown all that `materials.gold` has for a case (`stages.oracle` puts it there). Where
    that is nothing (no document answers it), it is shown what the search finds, as any rung would be."""

    name: ClassVar[str] = "oracle"
    reference: ClassVar[bool] = True
    shares: ClassVar[tuple[str, ...]] = (
        "candidates",
        "passages",
        "rewrite",
        "dense_weight",
        "diversity",
        "rerank",
        "shots",
        "max_tokens",
    )  # with `rag`, to be comparable
    materials: Materials
    settings: Retrieval

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents and cases that name their gold passages."""
        chosen = read(Retrieval, settings, rung=cls.name)
        if not materials.has_documents:
            return NotApplicable(NO_DOCUMENTS)
        if chosen.rerank and not materials.reranker:
            return NotApplicable(NO_RERANKER)
        if not materials.gold:
            return NotApplicable(
                "no case names its gold passages ('evidence' or 'gold_documents'), so retrieval cannot be told apart"
            )
        return Plan(shown(chosen), lambda _: cls(materials, chosen))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Gold passages, or a search; then as `rag`."""
        gold = self.materials.gold.get(question.id, ())
        if gold:
            everything = replace(self.settings, candidates=max(len(gold), self.settings.candidates), passages=len(gold))
            return (yield from answer_from(self.materials, question, gold, everything))
        ranking = yield from retrieve(question, self.settings)
        return (yield from answer_from(self.materials, question, ranking, self.settings))

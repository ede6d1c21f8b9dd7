"""The two reference arms: closed book and oracle. Always measured beside the rungs, never served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from rung.records import Answer, Json, Passage, Question
from rung.records.steps import Conversation
from rung.records.validation import settings
from rung.strategies.prompting import worked_examples
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.rag import answer_from
from rung.strategies.retrieving import retrieve, unsearchable
from rung.strategies.settings import MaxTokens, Retrieval, Shots, read
from rung.strategies.structured import constrained


@settings
class Unread:
    """Settings of the arm that reads nothing: those of `rag` that have nothing to do with passages."""

    shots: Shots = 0
    max_tokens: MaxTokens = 0


@dataclass(frozen=True, slots=True)
class ClosedBook(FromSpec[Unread]):
    """`oracle` without any passage: the same worked examples, the same hold on the output, nothing to read."""

    name: ClassVar[str] = "closed_book"
    about: ClassVar[str] = "the model without any document"
    reference: ClassVar[bool] = True
    shares: ClassVar[tuple[str, ...]] = ("shots", "max_tokens")  # with `rag`
    record: ClassVar[type] = Unread

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Always applies."""
        chosen = read(Unread, settings, rung=cls.name)
        worked = worked_examples(materials, chosen.shots, with_passages=False)
        return Plan(materials.spec(cls.name, chosen, worked=worked))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation."""
        return constrained(self.spec, question, self.settings.max_tokens, worked=self.spec.worked)


@dataclass(frozen=True, slots=True)
class Oracle(FromSpec[Retrieval]):
    """`rag` with perfect retrieval: shown all that `gold` has for a question's id (said in `pipeline.oracle`). Where
    that is nothing (no document answers it), it is shown what the search finds, as any rung would be.

    The gold is of cases, and no part of the spec: whoever makes the arm gives it (`registry.make_strategy`).
    """

    name: ClassVar[str] = "oracle"
    about: ClassVar[str] = "the model with exactly the right passages, as if the search were perfect"
    reference: ClassVar[bool] = True
    shares: ClassVar[tuple[str, ...]] = (
        "candidates",
        "passages",
        "rewrite",
        "history",
        "dense_weight",
        "diversity",
        "rerank",
        "shots",
        "max_tokens",
    )  # with `rag`, to be comparable
    record: ClassVar[type] = Retrieval
    gold: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents and cases that name their gold passages."""
        chosen = read(Retrieval, settings, rung=cls.name)
        if missing := unsearchable(materials, rerank=chosen.rerank):
            return missing
        if not materials.gold:
            return NotApplicable(
                "no case names its gold passages ('evidence' or 'gold_documents'), so retrieval cannot be told apart"
            )
        worked = worked_examples(materials, chosen.shots, with_passages=True)
        return Plan(materials.spec(cls.name, chosen, worked=worked))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Gold passages, or a search; then as `rag`."""
        gold = self.gold.get(question.id, ())
        if gold:
            everything = replace(self.settings, candidates=max(len(gold), self.settings.candidates), passages=len(gold))
            return (yield from answer_from(self.spec, question, gold, everything))
        ranking = yield from retrieve(question, self.settings)
        return (yield from answer_from(self.spec, question, ranking, self.settings))

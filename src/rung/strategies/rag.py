"""`rag`: the passages that a search finds, strict grounding, citations, and "I don't know"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Passage, Question
from rung.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import constraint, grounded, grounding, instruction, worked_examples
from rung.strategies.protocol import Materials, NotApplicable, Plan
from rung.strategies.retrieving import NO_RERANKER, retrieve
from rung.strategies.settings import Retrieval, read, shown

NO_DOCUMENTS = "the project has no documents (knowledge.sources)"


@dataclass(frozen=True, slots=True)
class Rag:
    """Searches, shows the best passages, and answers from them alone."""

    name: ClassVar[str] = "rag"
    reference: ClassVar[bool] = False
    materials: Materials
    settings: Retrieval

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents."""
        chosen = read(Retrieval, settings, rung=cls.name)
        if not materials.has_documents:
            return NotApplicable(NO_DOCUMENTS)
        if chosen.rerank and not materials.reranker:
            return NotApplicable(NO_RERANKER)
        return Plan(shown(chosen), lambda _: cls(materials, chosen))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, rerank if asked to, generate, cite."""
        ranking = yield from retrieve(question, self.settings)
        return (yield from answer_from(self.materials, question, ranking, self.settings))


def answer_from(
    materials: Materials, question: Question, ranking: tuple[Passage, ...], settings: Retrieval
) -> Conversation[Answer]:
    """The untuned model's answer from the first passages of a ranking."""
    shown_to_model = ranking[: settings.passages]
    worked = worked_examples(materials, settings.shots, with_passages=True)
    messages = grounded(instruction(materials), grounding(materials), question, shown_to_model, worked=worked)
    tokens = settings.max_tokens or materials.answer_tokens
    said = yield from generate(Generate(messages, max_tokens=tokens, **constraint(materials)))
    return finish(said, schema=materials.schema, shown=shown_to_model, retrieved=ranking)

"""`rag`: the passages that a search finds, strict grounding, citations, and "I don't know"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Passage, Question
from rung.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import constraint, grounded, grounding, instruction, worked_examples
from rung.strategies.protocol import Cutting, Materials, NotApplicable, Plan
from rung.strategies.retrieving import DOCUMENTS, NO_RERANKER, retrieve
from rung.strategies.settings import Retrieval, read, shown, within

NO_DOCUMENTS = "the project has no documents (knowledge.sources)"


@dataclass(frozen=True)
class Settings(Retrieval):
    """Those of retrieval, and how the documents are cut for this rung alone: `chunk_tokens` 0 takes the project's index."""

    chunk_tokens: int = 0
    chunk_overlap: int = -1  # -1: 15 % of chunk_tokens
    parent_tokens: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.chunk_tokens:
            if self.chunk_overlap != -1 or self.parent_tokens:
                raise ValueError("settings 'chunk_overlap' and 'parent_tokens' need 'chunk_tokens' beside them")
            return
        within("chunk_tokens", self.chunk_tokens, 16, 4096)
        within("chunk_overlap", self.chunk_overlap, -1, self.chunk_tokens // 2)
        if self.parent_tokens:
            within("parent_tokens", self.parent_tokens, 2 * self.chunk_tokens, 65536)

    def needs(self) -> tuple[Cutting, ...]:
        """The index that this rung searches, where it is not the project's."""
        if not self.chunk_tokens:
            return ()
        overlap = self.chunk_tokens * 3 // 20 if self.chunk_overlap == -1 else self.chunk_overlap
        return (Cutting(self.chunk_tokens, overlap, self.parent_tokens),)


@dataclass(frozen=True, slots=True)
class Rag:
    """Searches, shows the best passages, and answers from them alone."""

    name: ClassVar[str] = "rag"
    reference: ClassVar[bool] = False
    materials: Materials
    settings: Settings
    index: str = DOCUMENTS

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents."""
        chosen = read(Settings, settings, rung=cls.name)
        if not materials.has_documents:
            return NotApplicable(NO_DOCUMENTS)
        if chosen.rerank and not materials.reranker:
            return NotApplicable(NO_RERANKER)
        needs = chosen.needs()
        return Plan(shown(chosen), lambda built: cls(materials, chosen, *built), needs)

    @property
    def streams(self) -> bool:
        """Not where the words to search with are generated first."""
        return self.settings.rewrite == "none"

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, rerank if asked to, generate, cite."""
        ranking = yield from retrieve(question, self.settings, self.index)
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

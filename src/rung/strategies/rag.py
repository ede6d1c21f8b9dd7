"""`rag`: the passages that a search finds, strict grounding, citations, and "I don't know"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from rung.records import Answer, Json, Message, Passage, Question, StrategySpec
from rung.records.steps import Conversation, Generate, generate
from rung.records.validation import Share, settings
from rung.strategies.citing import finish
from rung.strategies.fitting import fitting
from rung.strategies.optimising import Optimise, Proposals, check_optimised, with_instruction, worded
from rung.strategies.prompting import constraint, grounded, grounding, instruction, worked_examples
from rung.strategies.protocol import ChunkedIndex, FromSpec, Materials, NotApplicable, Plan
from rung.strategies.retrieving import generates_first, retrieve, unsearchable
from rung.strategies.self_check import Check, looked_over, looks_over, with_threshold
from rung.strategies.settings import Retrieval, read, within


@settings
class Settings(Retrieval):
    """Those of retrieval, how the documents are cut for this rung alone (`chunk_tokens` 0 takes the project's index),
    what becomes of an answer that its passages do not bear out (`self_check`), and whether better words for the task are
    looked for on the dev cases (`optimising`)."""

    chunk_tokens: Annotated[int, Field(ge=0, le=4096)] = 0
    chunk_overlap: int = -1  # -1: 15 % of chunk_tokens
    parent_tokens: Annotated[int, Field(ge=0, le=65536)] = 0
    check: Check = "none"
    refuse_below: Share = 0.0
    wrong_at_most: Share = 0.0
    optimise: Optimise = "none"
    proposals: Proposals = 4
    instruction: str = ""

    def __post_init__(self) -> None:
        Retrieval.__post_init__(self)
        check_optimised(self)
        if self.optimise != "none" and (self.wrong_at_most or self.chunk_tokens):
            raise ValueError(
                "setting 'optimise' goes with neither 'wrong_at_most' nor 'chunk_tokens': find the instruction first, and "
                "give it as 'task' beside them"
            )
        if self.wrong_at_most and self.chunk_tokens:
            raise ValueError("setting 'wrong_at_most' is learnt on the project's index: leave 'chunk_tokens' out")
        if not self.chunk_tokens:
            if self.chunk_overlap != -1 or self.parent_tokens:
                raise ValueError("settings 'chunk_overlap' and 'parent_tokens' need 'chunk_tokens' beside them")
            return
        within("chunk_tokens", self.chunk_tokens, 16, 4096)
        within("chunk_overlap", self.chunk_overlap, -1, self.chunk_tokens // 2)
        if self.parent_tokens:
            within("parent_tokens", self.parent_tokens, 2 * self.chunk_tokens, 65536)

    def needs(self) -> tuple[ChunkedIndex, ...]:
        """The index that this rung searches, where it is not the project's."""
        if not self.chunk_tokens:
            return ()
        overlap = self.chunk_tokens * 3 // 20 if self.chunk_overlap == -1 else self.chunk_overlap
        return (ChunkedIndex(self.chunk_tokens, overlap, self.parent_tokens),)


@dataclass(frozen=True, slots=True)
class Rag(FromSpec[Settings]):
    """Searches, shows the best passages, and answers from them alone."""

    name: ClassVar[str] = "rag"
    about: ClassVar[str] = "the model with the passages that a search finds for each question"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents."""
        chosen = read(Settings, settings, rung=cls.name)
        if missing := unsearchable(materials, rerank=chosen.rerank):
            return missing
        worked = worked_examples(materials, chosen.shots, with_passages=True)
        plan = Plan(materials.spec(cls.name, chosen, worked=worked), chosen.needs())
        if looks_over(chosen):
            looking = with_threshold(plan, materials, chosen.wrong_at_most)
            if isinstance(looking, NotApplicable):
                return looking
            plan = looking
        return with_instruction(plan, materials, chosen)

    @property
    def streams(self) -> bool:
        """Not where the words to search with are generated first, or the answer is looked over."""
        return not generates_first(self.settings) and not looks_over(self.settings)

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, rerank if asked to, generate, cite."""
        index = self.spec.artifacts if self.settings.chunk_tokens else ()
        ranking = yield from retrieve(question, self.settings, *index)
        answer = yield from answer_from(worded(self.spec, self.settings), question, ranking, self.settings)
        return looked_over(question, answer, self.settings.check, self.settings.refuse_below)


def answer_from(
    spec: StrategySpec, question: Question, ranking: tuple[Passage, ...], settings: Retrieval
) -> Conversation[Answer]:
    """The untuned model's answer from the first passages of a ranking, as far as they fit (`fitting`)."""
    tokens = settings.max_tokens or spec.answer_tokens

    def prompt(passages: Sequence[Passage]) -> tuple[Message, ...]:
        return grounded(instruction(spec), grounding(spec), question, passages, worked=spec.worked)

    shown_to_model = ranking[: settings.passages]
    if spec.context_tokens:
        shown_to_model = fitting(shown_to_model, prompt, tokens=spec.context_tokens - tokens)
    messages = prompt(shown_to_model)
    response = yield from generate(Generate(messages, max_tokens=tokens, **constraint(spec)))
    return finish(response, schema=spec.schema, shown=shown_to_model, retrieved=ranking)

"""`long_context`: the whole corpus in the prompt, where it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.records.steps import Conversation, Generate, generate, search
from rung.strategies.citing import finish
from rung.strategies.prompting import constraint, corpus_first, grounding, instruction
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.retrieving import NO_DOCUMENTS
from rung.strategies.settings import Wording, read

PROMPT_TOKENS = 400  # room for instruction, question and the numbering; a prompt that still does not fit fails, by name
EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class LongContext(FromSpec[Wording]):
    """Shows every document that the asker may read, before the question, so that a prefix cache reads them once."""

    name: ClassVar[str] = "long_context"
    about: ClassVar[str] = "the model with all of your documents in its prompt"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Wording

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where the corpus, the question and the answer fit into the model's context together."""
        wording = read(Wording, settings, rung=cls.name)
        if materials.corpus_tokens is None:
            return NotApplicable(NO_DOCUMENTS)
        spare = PROMPT_TOKENS + (wording.max_tokens or materials.answer_tokens)
        if materials.corpus_tokens + spare > materials.context_tokens:
            return NotApplicable(
                f"the corpus does not fit: {materials.corpus_tokens:,} tokens, and {spare:,} for prompt and answer, "
                f"into a context of {materials.context_tokens:,}"
            )
        return Plan(materials.spec(cls.name, wording))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Every readable document, then one generation."""
        corpus = yield from search("", top=EVERYTHING, everything=True)
        messages = corpus_first(instruction(self.spec), grounding(self.spec), question, corpus.passages)
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        response = yield from generate(Generate(messages, max_tokens=tokens, **constraint(self.spec)))
        return finish(response, schema=self.spec.schema, shown=corpus.passages)

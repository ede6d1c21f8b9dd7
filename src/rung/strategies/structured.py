"""`structured`: the prompt, with decoding held to the project's schema or labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Message, Question
from rung.records.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, constraint, instruction
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan, PromptInputs
from rung.strategies.settings import Wording, read


@dataclass(frozen=True, slots=True)
class Structured(FromSpec[Wording]):
    """Asks the model as it is; its output cannot leave the schema (or is one of the labels)."""

    name: ClassVar[str] = "structured"
    about: ClassVar[str] = "the model, its output held to your format"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Wording

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there is a schema or a list of labels."""
        wording = read(Wording, settings, rung=cls.name)
        if not (materials.schema or materials.labels):
            return NotApplicable(
                "the project has no schema and no labels to hold the output to (behaviour.schema, behaviour.labels)"
            )
        return Plan(materials.spec(cls.name, wording))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One constrained generation."""
        return constrained(self.spec, question, self.settings.max_tokens)


def constrained(
    given: PromptInputs, question: Question, max_tokens: int, *, worked: Sequence[Message] = ()
) -> Conversation[Answer]:
    """The question put to the untuned model, its output held to the schema or labels if there are any."""
    messages = closed_book(instruction(given), question, worked=worked)
    step = Generate(messages, max_tokens=max_tokens or given.answer_tokens, **constraint(given))
    response = yield from generate(step)
    return finish(response, schema=given.schema)

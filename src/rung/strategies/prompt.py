"""`prompt`: the instruction alone. The floor, closed book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.records.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, instruction
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.settings import Wording, read


@dataclass(frozen=True, slots=True)
class Prompt(FromSpec[Wording]):
    """Asks the model as it is, with the task as the instruction."""

    name: ClassVar[str] = "prompt"
    about: ClassVar[str] = "the model as it is, told what to do"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Wording

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Always applies."""
        wording = read(Wording, settings, rung=cls.name)
        return Plan(materials.spec(cls.name, wording))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation."""
        messages = closed_book(instruction(self.spec), question)
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        response = yield from generate(Generate(messages, max_tokens=tokens))
        return finish(response, schema=self.spec.schema)

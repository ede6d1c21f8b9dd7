"""`prompt`: the instruction alone. The floor, closed book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, instruction
from rung.strategies.protocol import Materials, NotApplicable, Plan
from rung.strategies.settings import Wording, read, shown


@dataclass(frozen=True, slots=True)
class Prompt:
    """Asks the model as it is, with the task as the instruction."""

    name: ClassVar[str] = "prompt"
    reference: ClassVar[bool] = False
    materials: Materials
    settings: Wording

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Always applies."""
        wording = read(Wording, settings, rung=cls.name)
        return Plan(shown(wording), lambda _: cls(materials, wording))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation."""
        messages = closed_book(instruction(self.materials), question)
        tokens = self.settings.max_tokens or self.materials.answer_tokens
        said = yield from generate(Generate(messages, max_tokens=tokens))
        return finish(said, schema=self.materials.schema)

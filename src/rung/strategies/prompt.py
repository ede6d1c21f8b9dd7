"""`prompt`: the instruction alone. The floor, closed book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.records.steps import Conversation, Generate, generate
from rung.records.validation import settings
from rung.strategies.citing import finish
from rung.strategies.optimising import Optimise, Proposals, check_optimised, with_instruction, worded
from rung.strategies.prompting import closed_book, instruction
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.settings import Wording, read


@settings
class Settings(Wording):
    """Whether better words for the task are looked for on the dev cases, by whom and among how many; `instruction`: those
    that were found."""

    optimise: Optimise = "none"
    proposals: Proposals = 4
    instruction: str = ""

    def __post_init__(self) -> None:
        check_optimised(self)


@dataclass(frozen=True, slots=True)
class Prompt(FromSpec[Settings]):
    """Asks the model as it is, with the task as the instruction."""

    name: ClassVar[str] = "prompt"
    about: ClassVar[str] = "the model as it is, told what to do"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies always; with `optimise`, where there are dev cases enough."""
        chosen = read(Settings, settings, rung=cls.name)
        return with_instruction(Plan(materials.spec(cls.name, chosen)), materials, chosen)

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation."""
        messages = closed_book(instruction(worded(self.spec, self.settings)), question)
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        response = yield from generate(Generate(messages, max_tokens=tokens))
        return finish(response, schema=self.spec.schema)

"""`few_shot`: examples in the prompt, fixed or nearest to the question."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rung.records import Answer, Json, Message, Question, digest
from rung.records.steps import Conversation, Generate, generate, search
from rung.records.validation import settings
from rung.strategies.citing import finish
from rung.strategies.prompting import compact, expected_output, instruction
from rung.strategies.protocol import ExampleIndex, FromSpec, Materials, NotApplicable, Plan
from rung.strategies.settings import MaxTokens, read


@settings
class Settings:
    """How many examples, and whether they are the same for all questions ("fixed") or chosen for each ("nearest")."""

    shots: Annotated[int, Field(ge=1, le=100)] = 4
    pick: Literal["fixed", "nearest"] = "nearest"
    max_tokens: MaxTokens = 0


@dataclass(frozen=True, slots=True)
class FewShot(FromSpec[Settings]):
    """Shows worked examples as earlier turns of the chat; the nearest one stands last."""

    name: ClassVar[str] = "few_shot"
    about: ClassVar[str] = "the model with a few of your examples in its prompt"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are examples, or cases of split "train"."""
        chosen = read(Settings, settings, rung=cls.name)
        pool = _pool(materials)
        if not pool:
            return NotApplicable('the project has no examples (behaviour.examples) and no cases with "split": "train"')
        if chosen.pick == "fixed":
            drawn = sorted(pool, key=lambda pair: digest(materials.seed, pair))[: chosen.shots]
            return Plan(materials.spec(cls.name, chosen, worked=tuple(_turns(drawn))))
        need = ExampleIndex(tuple((question, json.dumps([question, output])) for question, output in pool))
        return Plan(materials.spec(cls.name, chosen), (need,))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Nearest: a search over the examples, then one generation. Fixed: the generation alone."""
        turns = self.spec.worked
        if self.settings.pick == "nearest":
            result = yield from search(question.text, top=self.settings.shots, index=self.spec.artifacts[0])
            turns = tuple(_turns(_pair(p.text) for p in reversed(result.passages)))
        messages = (
            Message("system", instruction(self.spec)),
            *turns,
            *(m for m in question.messages if m.role != "system"),
            Message("user", question.text),
        )
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        response = yield from generate(Generate(messages, max_tokens=tokens))
        return finish(response, schema=self.spec.schema)


def _pool(materials: Materials) -> list[tuple[str, str]]:
    """Every (input, wanted output) that may be shown, each once."""
    schema = materials.schema
    pairs = [(e.input, compact(e.output, schema) if schema else e.output) for e in materials.examples]
    for case in materials.lessons:
        output = expected_output(case, materials.schema, materials.labels)
        if output is not None:
            pairs.append((case.question, output))
    return list(dict.fromkeys(pairs))


def _turns(pairs: Iterable[tuple[str, str]]) -> Iterator[Message]:
    """Each as a turn of the user and one of the assistant."""
    return (Message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True))


def _pair(text: str) -> tuple[str, str]:
    question, output = json.loads(text)
    return question, output

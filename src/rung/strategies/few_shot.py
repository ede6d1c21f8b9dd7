"""`few_shot`: examples in the prompt, fixed or nearest to the question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Message, Question, digest
from rung.steps import Conversation, Generate, generate, search
from rung.strategies.citing import finish
from rung.strategies.prompting import compact, instruction, wanted_output
from rung.strategies.protocol import ExampleIndex, Materials, NotApplicable, Plan
from rung.strategies.settings import read, shown, within


@dataclass(frozen=True, slots=True)
class Settings:
    """How many examples, and whether they are the same for all questions ("fixed") or chosen for each ("nearest")."""

    shots: int = 4
    pick: str = "nearest"
    max_tokens: int = 0

    def __post_init__(self) -> None:
        within("shots", self.shots, 1, 100)
        within("max_tokens", self.max_tokens, 0, 8192)
        if self.pick not in ("fixed", "nearest"):
            raise ValueError(f"setting 'pick' must be fixed or nearest, found '{self.pick}'")


@dataclass(frozen=True, slots=True)
class FewShot:
    """Shows worked examples as earlier turns of the chat; the nearest one stands last."""

    name: ClassVar[str] = "few_shot"
    reference: ClassVar[bool] = False
    materials: Materials
    settings: Settings
    pool: tuple[tuple[str, str], ...]
    index: str = ""

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are examples, or cases of split "train"."""
        chosen = read(Settings, settings, rung=cls.name)
        pool = _pool(materials)
        if not pool:
            return NotApplicable('the project has no examples (behaviour.examples) and no cases with "split": "train"')
        if chosen.pick == "fixed":
            drawn = sorted(pool, key=lambda pair: digest(materials.seed, pair))[: chosen.shots]
            return Plan(shown(chosen), lambda _: cls(materials, chosen, tuple(drawn)))
        need = ExampleIndex(tuple((said, json.dumps([said, wanted])) for said, wanted in pool))
        return Plan(shown(chosen), lambda built: cls(materials, chosen, (), built[0]), (need,))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Nearest: a search over the examples, then one generation. Fixed: the generation alone."""
        pairs = self.pool
        if self.index:
            found = yield from search(question.text, top=self.settings.shots, index=self.index)
            pairs = tuple(_pair(p.text) for p in reversed(found.passages))
        turns = (Message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True))
        messages = (
            Message("system", instruction(self.materials)),
            *turns,
            *(m for m in question.messages if m.role != "system"),
            Message("user", question.text),
        )
        tokens = self.settings.max_tokens or self.materials.answer_tokens
        said = yield from generate(Generate(messages, max_tokens=tokens))
        return finish(said, schema=self.materials.schema)


def _pool(materials: Materials) -> list[tuple[str, str]]:
    """Every (input, wanted output) that may be shown, each once."""
    schema = materials.schema
    pairs = [(e.input, compact(e.output, schema) if schema else e.output) for e in materials.examples]
    for case in materials.lessons:
        wanted = wanted_output(case, materials.schema, materials.labels)
        if wanted is not None:
            pairs.append((case.question, wanted))
    return list(dict.fromkeys(pairs))


def _pair(text: str) -> tuple[str, str]:
    said, wanted = json.loads(text)
    return said, wanted

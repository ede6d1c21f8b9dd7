"""`tuned_model`: LoRA weights that have learnt the behaviour; a short prompt, no documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Asker, Example, Json, Message, Question
from rung.records.steps import Conversation, Generate, generate
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, compact, constraint, expected_output, short_instruction, with_tools
from rung.strategies.protocol import Adapter, FromSpec, Lesson, Materials, NotApplicable, Plan
from rung.strategies.settings import Tuning, read, recipe

UNTRAINABLE = (
    "the project's model has no weights on this machine to tune; name a local one under 'model:', or have its host tune it "
    "('tuning:' beside it under 'models:')"
)


@dataclass(frozen=True, slots=True)
class TunedModel(FromSpec[Tuning]):
    """Answers closed book, with the adapter. Taught by the examples; where there are none, by the train cases."""

    name: ClassVar[str] = "tuned_model"
    about: ClassVar[str] = "a model that was tuned on your examples"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Tuning

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there is something to learn from and a model that can learn."""
        tuning = read(Tuning, settings, rung=cls.name)
        if not materials.trainable:
            return NotApplicable(UNTRAINABLE)
        training_chats = _training_chats(materials)
        if not training_chats:
            return NotApplicable(
                'the project has no examples (behaviour.examples) and no cases with "split": "train" to learn from'
            )
        need = Adapter(training_chats, recipe(tuning.rank, tuning.epochs, tuning.learning_rate))
        return Plan(materials.spec(cls.name, tuning), (need,))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation by the tuned weights."""
        messages = closed_book(short_instruction(self.spec), question)
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        step = Generate(messages, adapter=self.spec.artifacts[0], max_tokens=tokens, **constraint(self.spec))
        response = yield from generate(step)
        return finish(response, schema=self.spec.schema)


def _training_chats(materials: Materials) -> tuple[Lesson, ...]:
    system = short_instruction(materials)
    rows: list[Example] = []
    for example in materials.examples:
        turns = tuple(m for m in example.messages[:-1] if m.role != "system")
        output = compact(example.output, materials.schema) if materials.schema else example.output
        chat = (Message("system", with_tools(system, example.tools)), *turns, Message("assistant", output))
        rows.append(Example(example.id, chat, place=example.place))
    if not rows:
        for case in materials.lessons:
            answer = expected_output(case, materials.schema, materials.labels)
            if answer is not None:
                chat = (*closed_book(system, case.ask()), Message("assistant", answer))
                rows.append(Example(case.id, chat, place=case.place))
    return tuple(Lesson(Asker(), lambda row=row: _given(row)) for row in rows)  # type: ignore[misc]


def _given(row: Example) -> Conversation[Example | None]:
    """A lesson that needs no step."""
    return row
    yield  # makes this a generator

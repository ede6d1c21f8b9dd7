"""`classifier`: a small classifier that was taught by the examples says the label. No language model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rung.records import Answer, Json, Message, Question
from rung.records.steps import Conversation, classify
from rung.records.validation import Share, settings
from rung.strategies.protocol import FromSpec, Labelled, Labelling, Materials, NotApplicable, Plan
from rung.strategies.settings import Epochs, LearningRate, read
from rung.text.refusals import REFUSAL

MIN_ROWS = 50  # fewer examples prompt, they do not train: `rung advise` says the same
NO_LABELS = "the project has no labels (behaviour.labels) to choose from"


@settings
class Settings:
    """What is trained (`method`), and what is done with a text that the classifier is not sure of.

    `reject` is the least probability that a label must have; below, the answer is `out_of_scope`, or "I don't know." where
    that is "". `turns`: how many earlier turns are read with the question. 0 leaves `epochs` and `learning_rate` to the
    trainer's defaults.
    """

    method: Literal["auto", "frozen", "tuned"] = "auto"
    reject: Share = 0.0
    out_of_scope: str = ""
    turns: Annotated[int, Field(ge=0, le=100)] = 0
    epochs: Epochs = 0
    learning_rate: LearningRate = 0.0

    def recipe(self) -> dict[str, Json]:
        """The trainer's settings that were given."""
        given: dict[str, Json] = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        chosen = {name: value for name, value in given.items() if value}
        return {**chosen, "method": self.method, "out_of_scope": self.out_of_scope}


@dataclass(frozen=True, slots=True)
class Classifier(FromSpec[Settings]):
    """Gives the most probable label, or rejects."""

    name: ClassVar[str] = "classifier"
    about: ClassVar[str] = "a small classifier that was trained on your examples"
    reference: ClassVar[bool] = False
    instructs: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where the answer is one of several labels, and enough rows show which."""
        chosen = read(Settings, settings, rung=cls.name)
        labels = materials.labels
        if materials.schema:
            return NotApplicable("the project's answers are JSON (behaviour.schema), not labels")
        if len(labels) < 2:
            return NotApplicable(f"the project has one label, {labels[0]!r}" if labels else NO_LABELS)
        if chosen.out_of_scope and chosen.out_of_scope not in labels:
            return NotApplicable(
                f"its setting out_of_scope is {chosen.out_of_scope!r}, which is none of the project's labels"
            )
        rows = _rows(materials, chosen)
        labelled = [row.label for row in rows if row.label in labels]
        if len(labelled) < MIN_ROWS:
            return NotApplicable(
                f"{len(labelled)} examples and train cases have one of the labels; it takes {MIN_ROWS} to train"
            )
        if len(set(labelled)) < 2:
            return NotApplicable(f"all {len(labelled)} examples and train cases have one label, {labelled[0]!r}")
        need = Labelling(rows, labels, chosen.recipe())
        return Plan(materials.spec(cls.name, chosen), (need,))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One classification."""
        text = _read(question.text, question.messages, self.settings.turns)
        result = yield from classify(text, self.spec.labels, model=self.spec.artifacts[0])
        sure = result.probability >= self.settings.reject
        label = result.label if sure else self.settings.out_of_scope
        return Answer(label, label) if label else Answer(REFUSAL, REFUSAL, refused=True)


def _read(text: str, earlier: Sequence[Message], turns: int) -> str:
    """What is classified: the question, after so many turns before it. Training and serving both come through here."""
    before = [m.content for m in earlier if m.role != "system"][-turns:] if turns else []
    return "\n".join((*before, text))


def _rows(materials: Materials, settings: Settings) -> tuple[Labelled, ...]:
    """Examples, and train cases; an unanswerable one is out of scope, where that has a label."""
    rows = []
    for example in materials.examples:
        asked = max((n for n, m in enumerate(example.messages[:-1]) if m.role == "user"), default=0)
        text = _read(example.input, example.messages[:asked], settings.turns)
        rows.append(Labelled(text, example.output.strip(), example.place, example.id))
    for case in materials.lessons:
        label = case.answers[0].strip() if case.answerable and case.answers else settings.out_of_scope
        if label and (case.answers or not case.answerable):
            rows.append(Labelled(_read(case.question, case.messages, settings.turns), label, case.place, case.id))
    return tuple(row for row in rows if row.text.strip())

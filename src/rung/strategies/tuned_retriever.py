"""`tuned_retriever`: `rag` on another index, whose embedder has learnt the domain's own words. The model is untouched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from rung.records import Answer, Case, Json, Question
from rung.records.gold import has_gold
from rung.records.steps import Conversation
from rung.records.validation import settings
from rung.strategies.prompting import worked_examples
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan, Retriever
from rung.strategies.rag import answer_from
from rung.strategies.retrieving import generates_first, retrieve, unsearchable
from rung.strategies.settings import Epochs, LearningRate, Retrieval, read

MIN_PAIRS = 8
NOTHING_TEACHES = (
    'at least 8 cases with "split": "train" and evidence or gold_documents, pairs or clicks (knowledge.pairs) are needed; '
    "or set generated to titles, crops or questions"
)


@settings
class Settings(Retrieval):
    """Those of retrieval, and how the retriever is tuned; 0 leaves a value to the trainer's default.

    `form`: "map" moves the questions' vectors only, "encoder" tunes the embedder and needs an index of its own, "auto" takes
    what the dev cases prefer. `generated`: pairs made of the passages, beside those that the project has.
    """

    form: Literal["auto", "map", "encoder"] = "auto"
    generated: Literal["none", "titles", "crops", "questions"] = "none"
    matryoshka: bool = False
    epochs: Epochs = 0
    learning_rate: LearningRate = 0.0

    def recipe(self) -> dict[str, Json]:
        """What the trainer is told."""
        given: dict[str, Json] = {"form": self.form, "epochs": self.epochs, "learning_rate": self.learning_rate}
        if self.matryoshka:
            given["dims"] = [384, 192, 96]
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class TunedRetriever(FromSpec[Settings]):
    """Searches the tuned index, shows the best passages, and answers from them alone."""

    name: ClassVar[str] = "tuned_retriever"
    about: ClassVar[str] = "the model with a search that was tuned on your material"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents and questions that say where their answers stand."""
        chosen = read(Settings, settings, rung=cls.name)
        if missing := unsearchable(materials, rerank=chosen.rerank):
            return missing
        need = retriever_need(materials, chosen.recipe(), generated=chosen.generated)
        if need is None:
            return NotApplicable(NOTHING_TEACHES)
        worked = worked_examples(materials, chosen.shots, with_passages=True)
        return Plan(materials.spec(cls.name, chosen, worked=worked), (need,))

    @property
    def streams(self) -> bool:
        """Not where the words to search with are generated first."""
        return not generates_first(self.settings)

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search the tuned index, rerank if asked to, generate, cite."""
        ranking = yield from retrieve(question, self.settings, *self.spec.artifacts)
        return (yield from answer_from(self.spec, question, ranking, self.settings))


def retriever_need(materials: Materials, recipe: Mapping[str, Json], *, generated: str = "none") -> Retriever | None:
    """The need for a tuned retriever; None where there is too little to learn from."""
    train_cases = teaching(materials)
    if len(train_cases) + len(materials.pairs) < MIN_PAIRS and generated == "none":
        return None
    generator = "" if generated == "none" else generated
    return Retriever(train_cases, materials.pairs, generator, materials.dev, recipe)


def teaching(materials: Materials) -> tuple[Case, ...]:
    """The lessons and clicks that name their gold."""
    return tuple(case for case in (*materials.lessons, *materials.clicks) if case.answerable and has_gold(case))

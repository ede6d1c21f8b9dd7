"""`hybrid`: behaviour from tuned weights, facts from retrieval."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rung.records import Answer, Case, Example, Json, Message, Passage, Question, digest
from rung.records.gold import overlaps
from rung.records.steps import Conversation, Generate, generate
from rung.records.validation import Number, Share, settings
from rung.strategies.citing import finish
from rung.strategies.prompting import constraint, expected_output, grounded, grounding, short_instruction
from rung.strategies.protocol import Adapter, FromSpec, Lesson, Materials, Need, NotApplicable, Plan, PromptInputs
from rung.strategies.retrieving import generates_first, retrieve, unsearchable
from rung.strategies.self_check import NOT_IN_WORDS, Check, in_words, looked_over, looks_over
from rung.strategies.settings import (
    Epochs,
    History,
    LearningRate,
    MaxTokens,
    Rank,
    Rewrite,
    ShareOrDefault,
    read,
    recipe,
    retrieval_of,
    within,
)
from rung.strategies.tuned_model import UNTRAINABLE
from rung.strategies.tuned_retriever import NOTHING_TEACHES, retriever_need


@settings
class Settings:
    """Those of `rag` and of `tuned_model`, the share of unanswerable lessons, and which `retriever` finds the passages: the
    project's own search, or the `tuned` one of `tuned_retriever` (its lessons are then still found by the project's own).

    Half of them unanswerable taught the 135M model to refuse 86 % of answerable questions; hence the small default.
    """

    candidates: Annotated[int, Field(ge=1, le=1000)] = 20
    passages: Annotated[int, Field(ge=1)] = 3
    rewrite: Rewrite = "none"
    history: History = "join"
    dense_weight: ShareOrDefault = -1
    diversity: Share = 0.0
    rerank: bool = False
    unanswerable: Annotated[Number, Field(ge=0, le=0.9)] = 0.15
    rank: Rank = 0
    epochs: Epochs = 0
    learning_rate: LearningRate = 0.0
    max_tokens: MaxTokens = 0
    retriever: Literal["project", "tuned"] = "project"
    check: Check = "none"
    refuse_below: Share = 0.0

    def __post_init__(self) -> None:
        within("passages", self.passages, 1, self.candidates)


@dataclass(frozen=True, slots=True)
class Hybrid(FromSpec[Settings]):
    """`rag` with an adapter that was taught on prompts which hold retrieved passages."""

    name: ClassVar[str] = "hybrid"
    about: ClassVar[str] = "a tuned model that also gets the passages found for each question"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents, cases of split "train", and a model that can learn."""
        chosen = read(Settings, settings, rung=cls.name)
        if missing := unsearchable(materials, rerank=chosen.rerank):
            return missing
        if not materials.trainable:
            return NotApplicable(UNTRAINABLE)
        if looks_over(chosen) and not in_words(materials):
            return NotApplicable(NOT_IN_WORDS)
        training_chats = _training_chats(materials, chosen)
        if not training_chats:
            return NotApplicable(
                'no answerable case has "split": "train" and evidence or gold_documents; '
                "hybrid learns from questions with their gold passages"
            )
        needs: list[Need] = [Adapter(training_chats, recipe(chosen.rank, chosen.epochs, chosen.learning_rate))]
        if chosen.retriever == "tuned":
            tuned = retriever_need(materials, {"form": "auto"})
            if tuned is None:
                return NotApplicable(NOTHING_TEACHES)
            needs.append(tuned)
        return Plan(materials.spec(cls.name, chosen), tuple(needs))

    @property
    def streams(self) -> bool:
        """Not where the words to search with are generated first, or the answer is looked over."""
        return not generates_first(self.settings) and not looks_over(self.settings)

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, rerank if asked to, generate with the adapter, cite."""
        adapter, *index = self.spec.artifacts
        ranking = yield from retrieve(question, retrieval_of(self.settings), *index)
        best = ranking[: self.settings.passages]
        messages = _prompt(self.spec, question, best)
        tokens = self.settings.max_tokens or self.spec.answer_tokens
        step = Generate(messages, adapter=adapter, max_tokens=tokens, **constraint(self.spec))
        response = yield from generate(step)
        answer = finish(response, schema=self.spec.schema, shown=best, retrieved=ranking)
        return looked_over(question, answer, self.settings.check, self.settings.refuse_below)


def _prompt(given: PromptInputs, question: Question, passages: tuple[Passage, ...]) -> tuple[Message, ...]:
    return grounded(short_instruction(given), grounding(given), question, passages)


def _training_chats(materials: Materials, settings: Settings) -> tuple[Lesson, ...]:
    """Answerable lessons with their gold passage among distractors, and a share of unanswerable ones.

    Where the train cases hold too few unanswerable ones, answerable ones are shown once more without their gold passage.
    """
    answerable = [c for c in materials.lessons if c.answers and materials.gold.get(c.id)]
    refusing = [c for c in materials.lessons if not c.answerable]
    share = settings.unanswerable
    needed = round(len(answerable) * share / (1 - share))
    unanswerable = sorted(refusing, key=lambda c: digest(materials.seed, c.id))[:needed]
    missing = max(0, needed - len(unanswerable))
    negatives = sorted(answerable, key=lambda c: digest("robbed", materials.seed, c.id))[:missing]
    chosen = [(case, True) for case in (*answerable, *unanswerable)] + [(case, False) for case in negatives]
    return tuple(
        Lesson(case.asker, lambda case=case, gold=gold: _training_chat(materials, settings, case, with_gold=gold))  # type: ignore[misc]
        for case, gold in chosen
    )


def _training_chat(materials: Materials, settings: Settings, case: Case, *, with_gold: bool) -> Conversation[Example | None]:
    """One training chat: the prompt that `answer` would show, the gold passage put in where the search missed it."""
    ranking = yield from retrieve(case.ask(), retrieval_of(settings))
    gold = materials.gold.get(case.id, ())
    rng = random.Random(digest(materials.seed, case.id))
    if not with_gold:
        shown = tuple(p for p in ranking if not any(overlaps(g, p) for g in gold))[: settings.passages]
        output = expected_output(_unanswerable(case), materials.schema, materials.labels)
    else:
        shown = ranking[: settings.passages]
        if case.answerable and not any(overlaps(g, p) for p in shown for g in gold):
            index = rng.randrange(settings.passages)
            shown = (*shown[:index], gold[0], *shown[index : settings.passages - 1])
        output = expected_output(case, materials.schema, materials.labels)
    if output is None:
        return None
    if case.answerable and with_gold and not (materials.schema or materials.labels):
        mark = next(n for n, p in enumerate(shown, 1) if any(overlaps(g, p) for g in gold))
        output = f"{output} [{mark}]"
    return Example(case.id, (*_prompt(materials, case.ask(), shown), Message("assistant", output)), place=case.place)


def _unanswerable(case: Case) -> Case:
    return Case(id=case.id, question=case.question, answerable=False)

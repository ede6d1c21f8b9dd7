"""Instructions under trial: each is scored on dev cases once, however often it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rung.builders.building import ArtifactBuilder
from rung.builders.scored_answers import MAY_FAIL, correct_by_code, outcomes_of
from rung.errors import UserError
from rung.records import Asker, Case, Usage
from rung.records.steps import Conversation
from rung.runtime.batch import Carried
from rung.strategies.protocol import InstructionSearch
from rung.strategies.registry import make_strategy

EVERYBODY = Asker(frozenset())  # who may read what everybody may
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scored:
    """What the strategy said to a case, and how right it was."""

    case: Case
    response: str
    correct: float


@dataclass
class Attempts:
    """Instructions under trial. Each asks the model once for a case, and is counted once, however often it is looked at."""

    builder: ArtifactBuilder
    need: InstructionSearch
    title: str
    usages: list[Usage] = field(default_factory=list)
    _scored: dict[tuple[str, str], Scored] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The words to beat."""
        return self.need.spec.task

    @property
    def seed(self) -> int:
        """Of what is drawn."""
        return self.builder.project.settings.seed

    def ask(self, conversations: Sequence[Callable[[], Conversation[T]]]) -> list[T]:
        """What the model says in each of these conversations, which see no document.

        Raises:
            UserError: it does not answer one.
        """
        ended = self.builder.runner.run(
            [(EVERYBODY, one) for one in conversations], title=f"{self.title}: it words instructions"
        )
        return [self._value(one) for one in ended]

    def scores(self, instruction: str, cases: Sequence[Case], *, everybody: bool = False) -> list[Scored]:
        """How right the strategy is with an instruction ("": the task) on these cases. `everybody`: it is asked by somebody
        who may read only what everybody may, since a model is going to see what it says.

        Raises:
            NotWorthwhile: that cannot be told without a model that judges.
            UserError: more than a tenth of the answers failed.
        """
        todo = [case for case in cases if (instruction, case.id) not in self._scored]
        if todo:
            answered = self._answered(instruction, todo, everybody=everybody)
            self._scored |= {(instruction, one.case.id): one for one in answered}
        return [self._scored[instruction, case.id] for case in cases]

    def tried_on(self, cases: Sequence[Case]) -> list[str]:
        """The instructions that have a score on each of these cases, in the order of their first."""
        texts = dict.fromkeys(instruction for instruction, _ in self._scored)
        return [text for text in texts if all((text, case.id) in self._scored for case in cases)]

    def _answered(self, instruction: str, cases: Sequence[Case], *, everybody: bool) -> list[Scored]:
        settings, spec = self.builder.project.settings, self.need.spec
        spec = replace(spec, task=instruction) if instruction else spec
        strategy = make_strategy(replace(spec, temperature=settings.sampling.temperature, seed=settings.seed))
        asker, title = EVERYBODY if everybody else None, f"{self.title}: it answers dev cases"
        outcomes = outcomes_of(self.builder.runner, strategy, cases, title=title, asker=asker)
        self.usages += [one.usage for one in outcomes]
        failures = [one.failure for one in outcomes if one.failure is not None]
        if len(failures) > MAY_FAIL * len(cases):
            raise UserError(
                f"{len(failures)} of {len(cases)} answers to dev cases failed, so that no instruction can be chosen: "
                f"{failures[0].error}"
            )
        correct = correct_by_code(self.builder.project, cases, outcomes, schema=spec.schema, labels=spec.labels)
        responses = ("" if one.answer is None else one.answer.plain for one in outcomes)
        return [Scored(*one) for one in zip(cases, responses, correct, strict=True)]

    def _value(self, ended: Carried[T]) -> T:
        self.usages.append(ended.usage)
        if ended.failure is not None or ended.value is None:
            why = "it ended without a word" if ended.failure is None else ended.failure.error
            raise UserError(f"the model words no instruction: {why}")
        return ended.value

"""Builds an instruction: proposals are made from what the strategy got wrong of some dev cases, and scored on the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder, tokens_of
from rung.builders.instruction_dspy import check_dspy, dspy_version, searched_by_dspy
from rung.builders.scored_answers import MAY_FAIL, content_of, correct_by_code, outcomes_of
from rung.errors import UserError
from rung.progress import say, working_time
from rung.records import Asker, Case, Json, Usage, digest
from rung.records.steps import Conversation
from rung.runtime.batch import Carried
from rung.stats.best_of_several import RIGHT, Best, best_of
from rung.strategies.optimising import Failed, instruction_of, proposal
from rung.strategies.protocol import InstructionSearch
from rung.strategies.registry import make_strategy
from rung.training.registry import learnt_case

KIND = "instruction"
BY_MODEL = "propose"
EVERYBODY = Asker(frozenset())  # who may read what everybody may
T = TypeVar("T")


def check_instruction(need: InstructionSearch) -> None:
    """Refuse a search by a library that is not installed.

    Raises:
        MissingExtra: it is not.
    """
    if need.method != BY_MODEL:
        check_dspy(need.method)


def build_instruction(builder: ArtifactBuilder, need: InstructionSearch, title: str) -> Built:
    """The instruction; named by the strategy, the cases, what judges them, how it is searched and the engines that answer.

    Raises:
        NotWorthwhile: whether answers are right cannot be told without a model that judges.
        UserError: the model does not answer; what came until then is kept, and the same command goes on.
        MissingExtra: it is searched by a library that is not installed.
    """
    check_instruction(need)
    settings = builder.project.settings
    engines = {name: engine.identity for name, engine in builder.engines.by_step(()).items()}
    version = "" if need.method == BY_MODEL else dspy_version()
    made_from = (*map(content_of, need.shown), "scored", *map(content_of, need.scored))
    judged_by = (settings.bar.metric, settings.bar.fields or {})
    search = (need.method, version, need.proposals, settings.sampling.temperature, settings.seed)
    named = digest(KIND, 1, need.spec, made_from, engines, judged_by, search)
    folder = artifact_folder(builder.project.state, KIND, named)
    with building(folder, title) as missing:
        if missing:
            began = working_time()
            attempts = Attempts(builder, need, title)
            with builder.training(Training(KIND, need.answers)):
                proposals = _proposed(attempts) if need.method == BY_MODEL else searched_by_dspy(attempts)
                manifest = _chosen(attempts, proposals)
            remember_rows(folder, map(learnt_case, (*need.shown, *need.scored)))
            rows = len(need.shown) + len(need.scored)
            about: dict[str, Json] = {"kind": KIND, "rows": rows, "rows_digest": digest(made_from)}
            seal(folder, {**about, "seconds": working_time() - began, **manifest})
    return Built(named, folder)


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


def _proposed(attempts: Attempts) -> list[str]:
    """The instructions that the model proposes, from what it got wrong."""
    need = attempts.need
    failed = [
        Failed(one.case, one.response, one.correct >= RIGHT) for one in attempts.scores("", need.shown, everybody=True)
    ]
    numbers = range(need.proposals)
    replies = attempts.ask([_proposing(attempts.task, failed, number, attempts.seed) for number in numbers])
    return [instruction_of(reply, attempts.task) for reply in replies]


def _chosen(attempts: Attempts, proposals: Sequence[str]) -> dict[str, Json]:
    """The best of the task and the proposals on the dev cases that no proposal was made from."""
    scored, replies = attempts.need.scored, len(proposals)
    usable = list(dict.fromkeys(text for text in proposals if text))
    if len(usable) < replies:
        say(
            f"! {attempts.title}: {replies - len(usable)} of {replies} replies were no instruction, or one that another had "
            "proposed"
        )
    values = [[one.correct for one in attempts.scores(text, scored)] for text in ("", *usable)]
    best = best_of(values)
    tried: list[Json] = [
        {"instruction": text, "correct": math.fsum(one) / len(one)}
        for text, one in zip((attempts.task, *usable), values, strict=True)
    ]
    return {
        "instruction": ("", *usable)[best.index],
        "method": attempts.need.method,
        "why": _doubt(best, len(usable), replies, len(scored)),
        "metrics": {
            "correct": best.mean,
            "correct_of_task": best.first,
            "chance": best.chance,
            "scored": len(scored),
            "shown": len(attempts.need.shown),
            "replies": replies,
            "usable": len(usable),
        },
        "tried": tried,
        "tokens": tokens_of(attempts.usages),
    }


def _doubt(best: Best, usable: int, replies: int, cases: int) -> str:
    """What speaks against the choice, in words; "" where nothing does."""
    if not replies:
        return f"its search came to no instruction that was worth all {cases} dev cases, so it keeps the task as it is"
    if not usable:
        return f"none of the {replies} replies to the request for an instruction was one, so it keeps the task as it is"
    among = f"the task and {usable} proposal{'s' if usable > 1 else ''} on {cases} dev cases"
    if not best.index:
        return f"of {among} none was better than the task ({best.first:.2f}), which it keeps"
    if not best.is_shown:
        return (
            f"its instruction is the best of {among} ({best.mean:.2f}, the task {best.first:.2f}), which luck among equals "
            f"would bring in {best.chance:.0%} of searches: whether it is better the test cases say"
        )
    return ""


def _proposing(task: str, failed: Sequence[Failed], number: int, seed: int) -> Callable[[], Conversation[str]]:
    return lambda: proposal(task, failed, number, seed)

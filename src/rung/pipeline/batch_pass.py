"""What hosted models are asked through batch interfaces, handed over for all rungs at once, before each rung answers.

All conversations go on together as far as they can, so that each round of them is as few batches as the host takes; models
of several hosts answer at the same time. What they answer is remembered like everything else: there `answering` finds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from rung.errors import BudgetEnded, Interrupted
from rung.pipeline.answering import conversations, other_models, strategy_of
from rung.pipeline.candidates import models_asked
from rung.pipeline.pricing import is_batched
from rung.records import Answer, Asker, Case, Evaluation
from rung.records.steps import Conversation
from rung.runtime.batch import interrupted
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner


def asks_in_batches(engines: Engines) -> bool:
    """Whether rungs of this project ask any model in batches."""
    return any(is_batched(engines.on(model).project) for model in models_asked(engines.project))


def answered_in_batches(
    runner: StepRunner, evaluations: Sequence[Evaluation], cases: Sequence[Case], *, one_by_one: bool
) -> None:
    """These cases answered by those of the rungs that ask a model in batches. `one_by_one`: of two models, the second is
    asked when it is known what the first has cost.

    Raises:
        BudgetEnded: what is at the hosts goes on there.
        Interrupted: Ctrl-C; likewise.
        UserError: as `runtime.batch.carry`; a batch that came to nothing.
    """
    waiting: dict[str, list[Evaluation]] = defaultdict(list)
    for evaluation in evaluations:
        models = (evaluation.result.model, *other_models(evaluation))
        if any(is_batched(runner.engines.on(model).project) for model in models):
            waiting[evaluation.result.model].append(evaluation)
    for group in [{model: some} for model, some in waiting.items()] if one_by_one else [waiting]:
        _answered_together(runner, group, cases)


def _answered_together(runner: StepRunner, waiting: Mapping[str, Sequence[Evaluation]], cases: Sequence[Case]) -> None:
    """The rungs of these models answered, all models at the same time; raises as `answered_in_batches`."""
    from rung.models.batch_notes import FOLDER, BatchNotes
    from rung.models.batched import StillRunning, say_that_it_goes_on, wait_for

    notes = BatchNotes(runner.project.state / FOLDER)
    while waiting:
        running: dict[str, StillRunning] = {}
        for model, some in waiting.items():
            try:
                _hand_over(runner.on(model), some, cases)
            except StillRunning as one:
                running[model] = one
            except (KeyboardInterrupt, Interrupted, BudgetEnded):
                say_that_it_goes_on(notes)
                raise
        waiting = {model: waiting[model] for model in running}
        if running:
            try:
                wait_for(list(running.values()))
            except KeyboardInterrupt as stop:
                raise interrupted(stop, runner.cache) from stop


def _hand_over(runner: StepRunner, evaluations: Sequence[Evaluation], cases: Sequence[Case]) -> None:
    """As far as these rungs' conversations come by what has been answered.

    Raises:
        StillRunning: they wait for batches.
    """
    together: list[tuple[Asker, Callable[[], Conversation[Answer]]]] = []
    for evaluation in evaluations:
        if (strategy := strategy_of(evaluation)) is not None:
            together += conversations(runner.project, strategy, cases)
    models = dict.fromkeys(model for evaluation in evaluations for model in other_models(evaluation))
    runner.run(together, title="hand over to the batch interface", models=tuple(models), batches="hand over")

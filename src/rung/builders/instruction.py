"""Builds an instruction: proposals are made from what the strategy got wrong of some dev cases, and scored on the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder, tokens_of
from rung.builders.instruction_dspy import check_dspy, dspy_version, searched_by_dspy
from rung.builders.instruction_trials import Attempts
from rung.builders.scored_answers import content_of
from rung.progress import say, working_time
from rung.records import Json, digest
from rung.records.steps import Conversation
from rung.stats.best_of_several import RIGHT, Best, best_of
from rung.strategies.optimising import Failed, instruction_of, proposal
from rung.strategies.protocol import InstructionSearch
from rung.training.registry import learnt_case

KIND = "instruction"
BY_MODEL = "propose"


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
